"""Shapley values of a fitted model: how much each input moved each prediction.

Drawing them is `explanation_plots.py`; judging whether the model is any good is `verdict.py`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import factorial
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from ionbridge.exceptions import ConfigurationError, DataError, ShapeError
from ionbridge.models.base import FloatArray
from ionbridge.plugins import import_extra
from ionbridge.quantities import Quantity, edge_unit, to_edge_unit

__all__ = [
    "MAX_EXACT_INPUTS",
    "Explanation",
    "compare_importance",
    "explain",
    "explain_source",
    "representative_rows",
]

logger = logging.getLogger(__name__)

MAX_EXACT_INPUTS = 12
_COALITION_ROWS = 512  # background rows times coalitions a row is explained with, where that allows
_MIN_BACKGROUND, _MAX_BACKGROUND = 8, 64
_CHUNK = 512  # rows a model call; larger ones leave the cache of the processor
_N_PERMUTATIONS = 10
_MAX_SOURCE_ROWS = 300
_MAX_CANDIDATES = 2000

Predict = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Explanation:
    """Shapley values of one model for some rows.

    Parameters
    ----------
    values : shape (n_rows, n_features) [unit of the output]
        What each input added to the prediction of each row.
    base_values : shape (n_rows,) [unit of the output]
        Mean prediction over the background; base plus values is the prediction.
    X : shape (n_rows, n_features), house units; the explained rows.
    background : shape (n_background, n_features), house units
        Actual rows whose values stand in for "not known".
    inputs, output : quantities; the output is None for a model that does not say.
    method : ``exact`` enumeration of every coalition of inputs, or the average over
        ``permutation`` orders, an approximation for many inputs.
    label : domain of the rows, for titles.
    """

    values: FloatArray
    base_values: FloatArray
    X: FloatArray
    background: FloatArray
    inputs: tuple[Quantity, ...]
    output: Quantity | None
    method: Literal["exact", "permutation"]
    label: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(q.name for q in self.inputs)

    @property
    def predictions(self) -> FloatArray:
        """Predictions of the explained rows, shape (n_rows,) [unit of the output]."""
        return self.base_values + self.values.sum(axis=1)

    @property
    def description(self) -> str:
        """One sentence on how the values were found."""
        how = {
            "exact": "exact Shapley values (every coalition of inputs)",
            "permutation": f"approximate Shapley values (average over {_N_PERMUTATIONS} orders of the inputs)",
        }[self.method]
        return f"{how} of {len(self.X)} rows against {len(self.background)} representative rows."

    @property
    def edge_X(self) -> FloatArray:
        """The explained rows in the units in which people meet the inputs, shape (n_rows, n_features)."""
        columns = [to_edge_unit(q, column) for q, column in zip(self.inputs, self.X.T, strict=True)]
        return np.stack(columns, axis=1)

    def importance(self) -> pd.Series:
        """Mean absolute Shapley value of each input [unit of the output], largest first."""
        return pd.Series(np.abs(self.values).mean(axis=0), index=list(self.names)).sort_values(
            ascending=False, kind="stable"
        )

    def to_frame(self) -> pd.DataFrame:
        """One line for every row and input: its value, its unit and its Shapley value."""
        n_rows, n_features = self.values.shape
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n_rows), n_features),
                "input": list(self.names) * n_rows,
                "value": self.edge_X.ravel(),
                "unit": [edge_unit(q) for q in self.inputs] * n_rows,
                "shapley_value": self.values.ravel(),
                "base_value": np.repeat(self.base_values, n_features),
                "prediction": np.repeat(self.predictions, n_features),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "output": None if self.output is None else self.output.name,
            "unit": "" if self.output is None else self.output.unit,
            "inputs": list(self.names),
            "input_units": [edge_unit(q) for q in self.inputs],
            "method": self.method,
            "description": self.description,
            "n_background": len(self.background),
            "importance": {str(name): float(value) for name, value in self.importance().items()},
            "base_values": self.base_values.tolist(),
            "values": self.values.tolist(),
            "X": self.edge_X.tolist(),
        }

    def to_shap(self) -> Any:
        """Return the same as a ``shap.Explanation``, for the plots of that package."""
        return _shap().Explanation(
            values=self.values,
            base_values=self.base_values,
            data=self.edge_X,
            feature_names=[replace(q, unit=edge_unit(q)).label for q in self.inputs],
            output_names=None if self.output is None else self.output.label,
        )


def explain(
    model: Any, X: Any = None, *, background: Any = None, max_background: int | None = None
) -> Explanation:
    """Find the Shapley values of a fitted model.

    Up to 12 inputs they are exact: every coalition of inputs is evaluated, in few large model
    calls without repeating equal rows. Beyond that ``shap.PermutationExplainer`` is used.

    Parameters
    ----------
    model : a `TransferModel`, any fitted regressor, or a function of an array (n_rows, n_features).
    X : rows to explain (table, data frame or array in house units); None means the target
        training rows of the model.
    background : rows that stand for what is typical; None means the target training rows.
    max_background : how many of them to use; None means as many as keep the run short: 8 from
        6 inputs on, more below. A larger set is represented by actual rows chosen without chance.

    Raises
    ------
    ShapeError, DataError, ConfigurationError
        If rows are missing, not finite, or do not fit the model.
    MissingExtraError
        With more than 12 inputs, if `shap` is not installed.

    References
    ----------
    .. [1] Lundberg and Lee, A Unified Approach to Interpreting Model Predictions (2017), eq. 4.
    """
    rows = _rows(model, X, "X")
    around = _rows(model, background, "background")
    n_features = rows.shape[1]
    if around.shape[1] != n_features:
        raise ShapeError(
            f"'background' must have the {n_features} columns of 'X'; got {around.shape[1]}. Pass rows of the same inputs."
        )
    limit = _default_background(n_features) if max_background is None else max_background
    if limit < 1:
        raise ConfigurationError(f"'max_background' must be at least 1; got {limit}.")
    around = around[representative_rows(around, limit)]
    predict = _predictor(model)
    is_exact = n_features <= MAX_EXACT_INPUTS
    values, base = (_exact if is_exact else _permutation)(predict, rows, around)
    return Explanation(
        values=values,
        base_values=np.full(len(rows), base),
        X=rows,
        background=around,
        inputs=_inputs(model, n_features),
        output=getattr(model, "output", None),
        method="exact" if is_exact else "permutation",
        label=_domain_name(getattr(model, "target_domain_", None)),
    )


def explain_source(model: Any, *, max_background: int | None = None) -> Explanation | None:
    """Explain what the source domain alone teaches, to set beside `explain` of the adapted model.

    A Gaussian process is fitted to the source rows that the model keeps (at most 300 of them
    are explained); None where it keeps none.
    """
    from ionbridge.models.gaussian_process import GaussianProcess

    X, y = getattr(model, "X_source_", None), getattr(model, "y_source_", None)
    if X is None or y is None or len(y) < 2:
        return None
    shared = ~np.isnan(X).all(axis=0)
    X = np.asarray(X, dtype=float)[:, shared]
    chosen = representative_rows(X, _MAX_SOURCE_ROWS)
    source = GaussianProcess().fit(X[chosen], np.asarray(y, dtype=float)[chosen])
    found = explain(source.predict, X[chosen], background=X, max_background=max_background)
    inputs = tuple(q for q, kept in zip(_inputs(model, len(shared)), shared, strict=True) if kept)
    label = _domain_name(getattr(model, "source_domain_", None)) or "source"
    return Explanation(
        found.values,
        found.base_values,
        found.X,
        found.background,
        inputs,
        getattr(model, "output", None),
        found.method,
        label,
    )


def compare_importance(source: Explanation, target: Explanation) -> pd.DataFrame:
    """Set the importance of each input in two domains side by side.

    Returns
    -------
    One line an input, the most important in the target first: mean absolute Shapley values
    (``source``, ``target`` [unit of the output]), their shares of the sum (``source_share``,
    ``target_share``, 0 to 1) and ``difference`` of the shares. An input that only one of the
    domains has is NaN in the other.

    Raises
    ------
    ConfigurationError
        If the two explain different outputs.
    """
    outputs = {e.output.name for e in (source, target) if e.output is not None}
    if len(outputs) > 1:
        raise ConfigurationError(f"both explanations must be of the same output; got {sorted(outputs)}.")
    frame = pd.DataFrame({"source": source.importance(), "target": target.importance()})
    for role in ("source", "target"):
        total = frame[role].sum()
        frame[f"{role}_share"] = frame[role] / total if total > 0 else 0.0 * frame[role]
    frame["difference"] = frame["target_share"] - frame["source_share"]
    return frame.sort_values("target", ascending=False, kind="stable", na_position="last")


def representative_rows(X: FloatArray, n_rows: int) -> np.ndarray:
    """Choose rows whose distribution is as near as possible to that of all rows.

    Rows are added one by one such that the energy distance to all rows, in units of each
    column's spread, grows least; nothing is drawn at random. Of more than 2000 rows, 2000
    evenly spaced ones stand for all.

    Parameters
    ----------
    X : shape (n_all_rows, n_features)
    n_rows : how many; all where there are no more.

    Returns
    -------
    shape (n_chosen,), sorted indices.

    References
    ----------
    .. [1] Székely and Rizzo, Energy statistics, J. Stat. Plan. Inference 143 (2013) 1249, eq. 2.1.
    """
    if len(X) <= n_rows:
        return np.arange(len(X))
    spread = X.std(axis=0)
    scaled = X / np.where(spread > 0, spread, 1.0)
    candidates = np.unique(np.linspace(0, len(X) - 1, min(len(X), max(_MAX_CANDIDATES, n_rows))).astype(int))
    scaled = scaled[candidates]
    distance = cdist(scaled, scaled)
    to_all, to_chosen = distance.mean(axis=1), np.zeros(len(scaled))
    chosen: list[int] = []
    for k in range(n_rows):
        # adding row i changes the energy distance by this much, up to terms equal for all i
        cost = to_all - to_chosen / (k + 1)
        cost[chosen] = np.inf
        chosen.append(int(np.argmin(cost)))
        to_chosen += distance[chosen[-1]]
    return candidates[np.sort(chosen)]


def _default_background(n_features: int) -> int:
    return int(np.clip(_COALITION_ROWS >> min(n_features, 30), _MIN_BACKGROUND, _MAX_BACKGROUND))


def _exact(predict: Predict, X: FloatArray, background: FloatArray) -> tuple[FloatArray, float]:
    """Shapley values, shape (n_rows, n_features), and the mean prediction over the background."""
    n_rows, n_features = X.shape
    n_coalitions = 1 << n_features
    known = (np.arange(n_coalitions)[:, None] >> np.arange(n_features)) & 1 == 1
    weights = _shapley_weights(known)
    n_together = max(1, (1 << 18) // (n_coalitions * len(background)))
    values = np.empty_like(X)
    base = 0.0
    for start in range(0, n_rows, n_together):
        part = X[start : start + n_together]
        mixed = np.where(known[None, :, None, :], part[:, None, None, :], background[None, None, :, :])
        games = (
            _predict_distinct(predict, mixed.reshape(-1, n_features)).reshape(mixed.shape[:3]).mean(axis=2)
        )
        values[start : start + n_together] = games @ weights.T
        base = float(games[0, 0])
    return values, base


def _shapley_weights(known: np.ndarray) -> FloatArray:
    """Weight of each coalition in the Shapley value of each input, shape (n_features, n_coalitions)."""
    n_features = known.shape[1]
    total = factorial(n_features)
    size = known.sum(axis=1)
    joins = np.array(
        [factorial(s - 1) * factorial(n_features - s) / total if s else 0.0 for s in range(n_features + 1)]
    )
    stays = np.array(
        [
            factorial(s) * factorial(n_features - s - 1) / total if s < n_features else 0.0
            for s in range(n_features + 1)
        ]
    )
    return np.where(known, joins[size][:, None], -stays[size][:, None]).T


def _predict_distinct(predict: Predict, rows: FloatArray) -> FloatArray:
    """Predict each distinct row once, a cache-sized batch at a time; shape (n_rows,)."""
    rows = np.ascontiguousarray(rows + 0.0)  # turns -0.0 into 0.0, so that equal rows have equal bytes
    as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    distinct = rows[first]
    found = [predict(distinct[start : start + _CHUNK]) for start in range(0, len(distinct), _CHUNK)]
    return np.concatenate(found)[inverse]


def _permutation(predict: Predict, X: FloatArray, background: FloatArray) -> tuple[FloatArray, float]:
    """Shapley values averaged over some orders of the inputs, and the mean over the background."""
    shap = _shap()
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(lambda rows: _predict_distinct(predict, rows), masker, seed=0)
    n_features = X.shape[1]
    logger.info(
        "%d inputs: Shapley values are averaged over %d orders of the inputs", n_features, _N_PERMUTATIONS
    )
    found = explainer(X, max_evals=_N_PERMUTATIONS * (2 * n_features + 1), silent=True)
    return np.asarray(found.values, dtype=float), float(np.mean(predict(background)))


def _shap() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap 0.51 calls what matplotlib 3.11 is about to deprecate
        return import_extra("shap", "report")


def _predictor(model: Any) -> Predict:
    function = getattr(model, "predict_mean", None) or getattr(model, "predict", None) or model
    if not callable(function):
        raise ConfigurationError(
            f"'model' must be a fitted model or a function of an array; got {type(model).__name__}."
        )

    def predict(rows: FloatArray) -> FloatArray:
        found = np.asarray(function(rows), dtype=float)
        if found.shape != (len(rows),) or not np.isfinite(found).all():
            raise DataError(
                f"the model must predict one finite value a row, shape ({len(rows)},); got shape {found.shape} with "
                f"{int((~np.isfinite(found)).sum())} missing or infinite values."
            )
        return found

    return predict


def _rows(model: Any, rows: Any, name: str) -> FloatArray:
    """Explained or background rows as a checked array, shape (n_rows, n_features)."""
    if rows is None:
        rows = getattr(model, "X_target_", None)
        if rows is None:
            raise ConfigurationError(f"{name!r} must be given: the model keeps no training rows.")
    elif hasattr(model, "input_values"):
        rows = model.input_values(rows)
    found = np.array(rows, dtype=float)
    if found.ndim != 2 or not len(found):
        raise ShapeError(
            f"{name!r} must have shape (n_rows, n_features) with at least one row; got {found.shape}."
        )
    if not np.isfinite(found).all():
        row, column = np.argwhere(~np.isfinite(found))[0]
        raise DataError(
            f"{name!r} is missing or infinite in row {row}, column {column}; fill it or leave the row out."
        )
    return found


def _inputs(model: Any, n_features: int) -> tuple[Quantity, ...]:
    known = tuple(getattr(model, "inputs", ()) or ())
    if len(known) == n_features:
        return known
    return tuple(Quantity(f"input_{j + 1}", "1", "input without a name") for j in range(n_features))


def _domain_name(domain: Any) -> str:
    name = domain.get("name") if isinstance(domain, dict) else getattr(domain, "name", "")
    return str(name or "")
