"""The card of a saved model: what it predicts, from what it learned, how good it is.

Files and folders are `store.py`; searching is `index.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ionbridge.datasets.base import Domain
from ionbridge.exceptions import ConfigurationError, IonBridgeError, ModelFileError
from ionbridge.quantities.base import Quantity

__all__ = ["Metric", "ModelCard", "card_of"]

CARD_FORMAT = 1
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "safetensors", "skops")


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of merit.

    Parameters
    ----------
    value : in `unit`.
    spread : standard deviation over repeats in `unit`; None where there was one run.
    unit : pint syntax, or ``%``; empty for dimensionless.
    """

    value: float
    spread: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        spread = "" if self.spread is None else f" ± {self.spread:.2g}"
        return f"{self.value:.4g}{spread}{' ' + self.unit if self.unit else ''}"


@dataclass(frozen=True)
class ModelCard:
    """Everything a person or a program must know before using a saved model.

    Parameters
    ----------
    name : its folder in the library.
    version : 1 for the first model of this name, one more for every overwriting.
    created : ISO 8601, UTC.
    ionbridge_version, packages : what trained it.
    model_class : ``module:qualname``.
    inputs, outputs : quantities with unit and IRI, in the order the model takes them.
    strategy, settings : how source knowledge reached the target, with constructor arguments.
    source, target : the two domains; None where unknown or absent.
    data_sha256 : hash of the training tables by role.
    n_rows : training rows by role.
    split : how `metrics` were measured; `seed` of everything random.
    metrics, verdict : how good it is, and whether the transfer helped, in one sentence.
    licence : SPDX identifier or free text.
    parent, parent_sha256 : the model it was derived from and the hash of that model's weights.
    tags, notes : free text for searching and for people.
    files : SHA-256 of every file beside the card.
    """

    name: str
    version: int = 1
    created: str = ""
    ionbridge_version: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    model_class: str = ""
    inputs: tuple[Quantity, ...] = ()
    outputs: tuple[Quantity, ...] = ()
    strategy: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: Domain | None = None
    target: Domain | None = None
    data_sha256: Mapping[str, str] = field(default_factory=dict)
    n_rows: Mapping[str, int] = field(default_factory=dict)
    split: str = ""
    seed: int | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    verdict: str = ""
    licence: str = ""
    parent: str = ""
    parent_sha256: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; quantities and domains are written out in full."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["inputs"] = [_plain_fields(q) for q in self.inputs]
        values["outputs"] = [_plain_fields(q) for q in self.outputs]
        values["source"] = None if self.source is None else self.source.to_dict()
        values["target"] = None if self.target is None else self.target.to_dict()
        values["metrics"] = {
            k: {n: _json_float(x) for n, x in _plain_fields(m).items()} for k, m in self.metrics.items()
        }
        values["tags"] = list(self.tags)
        return {"format": CARD_FORMAT} | {
            k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelCard:
        """Inverse of `to_dict`.

        Raises
        ------
        ModelFileError
            If keys are missing or unknown, or a value is not valid.
        """
        values = dict(values)
        format_ = values.pop("format", None)
        if format_ != CARD_FORMAT:
            raise ModelFileError(
                f"card has format {format_!r}; this ionbridge reads format {CARD_FORMAT}. Update ionbridge."
            )
        known = {f.name for f in fields(cls)}
        if set(values) != known:
            raise ModelFileError(
                f"card does not fit: missing {sorted(known - set(values))}, unknown {sorted(set(values) - known)}."
            )
        try:
            for role in ("inputs", "outputs"):
                values[role] = tuple(Quantity(**{**q, "aliases": tuple(q["aliases"])}) for q in values[role])
            for role in ("source", "target"):
                values[role] = None if values[role] is None else Domain.from_dict(values[role])
            values["metrics"] = {
                name: Metric(
                    float(m["value"]), None if m["spread"] is None else float(m["spread"]), str(m["unit"])
                )
                for name, m in values["metrics"].items()
            }
            values["tags"] = tuple(values["tags"])
            return cls(**values)
        except (TypeError, KeyError, ValueError, AttributeError, IonBridgeError) as error:
            raise ModelFileError(
                f"card holds a value that is not valid: {type(error).__name__}: {error}."
            ) from error

    def to_json(self) -> str:
        """Return the text of ``card.json``; it ends with a checksum of the rest."""
        values = self.to_dict()
        return (
            json.dumps(
                {**values, "checksum": _checksum(values)}, indent=2, ensure_ascii=False, allow_nan=False
            )
            + "\n"
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Inverse of `to_json`.

        Raises
        ------
        ModelFileError
            If the text is not a card or was changed after it was written.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"card is not valid JSON ({error}).") from error
        if not isinstance(values, dict) or "checksum" not in values:
            raise ModelFileError("card must be a JSON object that ends with a checksum.")
        if values.pop("checksum") != _checksum(values):
            raise ModelFileError("card was changed after it was written (its checksum differs).")
        return cls.from_dict(values)


def card_of(
    model: Any,
    name: str,
    *,
    metrics: Mapping[str, Any] | None = None,
    verdict: str = "",
    licence: str = "",
    tags: tuple[str, ...] = (),
    notes: str = "",
) -> ModelCard:
    """Describe a fitted `model` as far as its attributes tell.

    Parameters
    ----------
    metrics : values by name: a number, a pair (value, spread) or a `Metric`; cross-validated
        errors that the model carries itself are added.
    """
    import ionbridge

    strategy = getattr(model, "strategy_", None)
    label = getattr(model, "strategy", "")
    fold = getattr(strategy if strategy is not None else model, "fold_", None)
    return ModelCard(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        ionbridge_version=ionbridge.__version__,
        packages=_versions(),
        model_class=f"{type(model).__module__}:{type(model).__qualname__}",
        inputs=tuple(getattr(model, "inputs", ()) or ()),
        outputs=_outputs(model),
        strategy=label
        if isinstance(label, str) and label
        else type(model if strategy is None else strategy).__name__,
        settings=_settings(model if strategy is None else strategy),
        source=_domain(getattr(model, "source_domain_", None)),
        target=_domain(getattr(model, "target_domain_", None)),
        data_sha256=dict(getattr(model, "data_sha256_", None) or {}),
        n_rows=_row_counts(model),
        split=""
        if fold is None
        else f"cross-validation over {len(np.unique(fold))} folds of the target training rows",
        seed=_seed(model),
        metrics={**_own_metrics(model), **{k: _as_metric(k, v) for k, v in (metrics or {}).items()}},
        verdict=verdict,
        licence=licence,
        tags=tuple(tags),
        notes=notes,
    )


def _plain_fields(value: Any) -> dict[str, Any]:
    """Fields of a flat frozen value; tuples as lists."""
    found = {f.name: getattr(value, f.name) for f in fields(value)}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}


def _json_float(value: Any) -> Any:
    """Infinite and missing numbers as text, which `float` reads back."""
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _checksum(values: Mapping[str, Any]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an optional package is not part of what trained the model
            continue
    return found


def _outputs(model: Any) -> tuple[Quantity, ...]:
    output = getattr(model, "output", None)
    return (output,) if output is not None else tuple(getattr(model, "outputs", ()) or ())


def _domain(value: Any) -> Domain | None:
    return Domain.from_dict(dict(value)) if isinstance(value, Mapping) else value


def _settings(estimator: Any) -> dict[str, Any]:
    parameters = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    return {name: _readable(value) for name, value in parameters.items()}


def _readable(value: Any) -> Any:
    """JSON-ready form of a constructor argument; anything that is not plain becomes text."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _json_float(value)
    if isinstance(value, (list, tuple)):
        return [_readable(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _readable(item) for key, item in value.items()}
    return repr(value)[:500]


def _row_counts(model: Any) -> dict[str, int]:
    rows = {role: getattr(model, f"y_{role}_", None) for role in ("target", "source")}
    return {role: len(values) for role, values in rows.items() if values is not None}


def _seed(model: Any) -> int | None:
    seed = getattr(model, "random_state", None)
    return int(seed) if isinstance(seed, (int, np.integer)) else None


def _own_metrics(model: Any) -> dict[str, Metric]:
    found = {name: getattr(model, f"{name}_", None) for name in ("cv_mape", "cv_mape_target_only")}
    return {name: Metric(float(value), unit="%") for name, value in found.items() if value is not None}


def _as_metric(name: str, value: Any) -> Metric:
    if isinstance(value, Metric):
        return value
    try:
        if isinstance(value, (tuple, list)):
            mean, spread = value
            return Metric(float(mean), float(spread))
        return Metric(float(value))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"metric {name!r} must be a number, a pair (value, spread) or a Metric; got {value!r}."
        ) from error
