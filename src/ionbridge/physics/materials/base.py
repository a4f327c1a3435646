"""The contract of an engine of atomistic physics: a crystal or a path in, quantities with known bias out.

Concrete engines are modules beside this one; running many of them with a cache is `batch.py`.
"""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Protocol, final

from ionbridge.exceptions import ConfigurationError
from ionbridge.physics.base import Reference
from ionbridge.quantities import Quantity, quantity

__all__ = ["AbstractMaterialEngine", "EngineResult", "KnownBias", "Subject"]


class Subject(Protocol):
    """What an engine works on: anything with a content hash."""

    @property
    def sha256(self) -> str:
        """Hash of the content, hexadecimal."""
        ...


@dataclass(frozen=True, slots=True)
class KnownBias:
    """How the results of an engine are known to lie beside better ones.

    Parameters
    ----------
    output : name of the quantity.
    low, high : result over reference, the usual range [-]; equal to 1 where only the scatter is known.
    text : one sentence.
    reference : the source.
    """

    output: str
    low: float
    high: float
    text: str
    reference: Reference


@dataclass(frozen=True)
class EngineResult:
    """What an engine found for one subject.

    Parameters
    ----------
    engine : its name.
    values : number by quantity [house unit].
    uncertainties : half-width of the 90 % interval of a value by quantity [house unit], where the run itself
        tells it (block averages); the bias of the engine is not in it.
    details : JSON-ready particulars, such as the energies along a path.
    notes : what a reader must know before believing the values.
    cpu_seconds : processor time spent [s].
    """

    engine: str
    values: dict[str, float]
    uncertainties: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cpu_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self) | {"notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EngineResult:
        """Inverse of `to_dict`."""
        return cls(**{**values, "notes": tuple(values.get("notes", ()))})


class AbstractMaterialEngine(ABC):
    """Computes quantities of a crystal or of a path by physics; a frozen dataclass of its settings.

    Subclasses are frozen dataclasses, set the class attributes below and implement `_run` and `cost`.

    Attributes
    ----------
    name : for tables, caches and the command line.
    takes : type of the subject: ``structure``, ``migration_path`` or ``insertion_pair``.
    output_names : quantities of the catalogue that `run` gives.
    packages : distributions whose versions count as settings.
    biases : what is known of its errors.
    """

    name: ClassVar[str]
    takes: ClassVar[str]
    output_names: ClassVar[tuple[str, ...]]
    packages: ClassVar[tuple[str, ...]]
    biases: ClassVar[tuple[KnownBias, ...]] = ()

    @property
    def outputs(self) -> tuple[Quantity, ...]:
        """Quantities that `run` gives, with their units."""
        return tuple(quantity(name) for name in self.output_names)

    @property
    def citations(self) -> tuple[str, ...]:
        """Sources of what is known of its errors, once each."""
        return tuple(sorted({str(bias.reference) for bias in self.biases}))

    @final
    def settings(self) -> dict[str, Any]:
        """Everything besides the subject that decides a result, JSON-ready."""
        own: Any = self
        return {"engine": self.name, **asdict(own), "versions": {p: _version(p) for p in self.packages}}

    @final
    def identity(self) -> str:
        """Hash of the settings, hexadecimal: results of equal identity can stand in for each other."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()

    @abstractmethod
    def cost(self, subject: Any) -> float:
        """Expected processor time of one run on a core of 2024 [s]; within a factor of two or so."""

    @final
    def run(self, subject: Any) -> EngineResult:
        """Compute the outputs of one subject.

        Raises
        ------
        MissingExtraError
            If the packages of the extra ``materials`` are not installed.
        DataError
            If the subject cannot be treated.
        ConvergenceError
            If the run did not converge within its limits.
        """
        started = time.process_time()
        values, uncertainties, details, notes = self._run(subject)
        missing = set(self.output_names) - set(values)
        if missing:
            raise ConfigurationError(
                f"engine {self.name!r} must give {sorted(self.output_names)}; lacks {missing}."
            )
        seconds = time.process_time() - started
        return EngineResult(self.name, values, uncertainties, details, notes, seconds)

    @abstractmethod
    def _run(self, subject: Any) -> _Found: ...


_Found = tuple[dict[str, float], dict[str, float], dict[str, Any], tuple[str, ...]]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
