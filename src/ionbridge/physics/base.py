"""The contract of a simulator: quantities in, a labelled `Table` out, with limits, assumptions and sources.

Concrete simulators are modules beside this one; reading measured data is the datasets room.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets import Domain, Provenance, Table
from ionbridge.exceptions import ConfigurationError, DataError, ShapeError
from ionbridge.quantities import Quantity

__all__ = ["AbstractSimulator", "Constant", "Reference"]

FloatArray = NDArray[np.float64]
Columns = Mapping[str, FloatArray]
_LABELS = ("sample_id", "batch_id")


@dataclass(frozen=True, slots=True)
class Reference:
    """A published source.

    Parameters
    ----------
    key : short name, such as ``Meyer2017``.
    text : authors, title, journal, year, pages.
    doi : without address; empty where there is none.
    """

    key: str
    text: str
    doi: str = ""

    def __str__(self) -> str:
        return f"{self.text}{f' doi:{self.doi}' if self.doi else ''}"


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that a simulator rests on, and why it has this value.

    Parameters
    ----------
    name : what it is.
    value : in `unit`.
    unit : pint syntax; ``1`` for dimensionless.
    basis : ``published`` (the number stands in the source), ``fitted`` (adjusted here to the data
        of the source) or ``assumed`` (chosen here; the source supports the form or the order).
    reference : the source.
    where : equation, table or figure; for ``fitted`` what was fitted, for ``assumed`` why.
    """

    name: str
    value: float
    unit: str
    basis: Literal["published", "fitted", "assumed"]
    reference: Reference
    where: str

    def __float__(self) -> float:
        return float(self.value)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)


class AbstractSimulator(ABC):
    """Computes quantities from quantities by physics instead of learning.

    Subclasses set the attributes below and implement `_simulate`.

    Attributes
    ----------
    inputs, outputs : the quantities in the order of the columns.
    limits : input name to (lowest, highest) value [house unit] for which the relations hold.
    assumptions : one sentence each.
    constants : every number the relations need, with its source.
    domain : what the results are labelled with; its origin is ``simulation``.
    """

    inputs: tuple[Quantity, ...]
    outputs: tuple[Quantity, ...]
    limits: Mapping[str, tuple[float, float]]
    assumptions: tuple[str, ...]
    constants: tuple[Constant, ...]
    domain: Domain

    @property
    def citations(self) -> tuple[str, ...]:
        """Every source of the constants, once, in alphabetical order."""
        return tuple(sorted({str(constant.reference) for constant in self.constants}))

    @final
    def simulate(
        self,
        inputs: Table | pd.DataFrame | Mapping[str, ArrayLike],
        random_state: int | None = 0,
        noise: bool = True,
    ) -> Table:
        """Compute the outputs of every row.

        Parameters
        ----------
        inputs : columns named as the simulator's `inputs`, each of shape (n_rows,), house units.
            The labels ``sample_id`` and ``batch_id`` are carried along, other columns are left out.
        random_state : seed of the scatter.
        noise : False for the expected value of the relations, without any scatter.

        Returns
        -------
        Table with the inputs and the outputs.

        Raises
        ------
        DataError
            If an input is missing, not finite or outside the declared limits.
        ShapeError
            If the columns differ in length.
        """
        given = inputs.frame if isinstance(inputs, Table) else inputs
        columns = self._read_columns(given)
        self._check_limits(columns)
        results = self._simulate(columns, np.random.default_rng(random_state) if noise else None)
        labels = {name: np.asarray(given[name], dtype=str) for name in _LABELS if name in given}
        frame = pd.DataFrame({**labels, **columns, **{q.name: results[q.name] for q in self.outputs}})
        return Table.from_frame(
            frame,
            domain=self.domain,
            provenance=Provenance(
                source=f"{type(self).__name__}, random_state={random_state}, noise={noise}",
                reader=type(self).__name__,
                citation="; ".join(self.citations),
                notes=("simulated, not measured", *self.assumptions),
            ),
            definitions={q.name: q for q in (*self.inputs, *self.outputs)},
        )

    @abstractmethod
    def _simulate(self, columns: Columns, rng: np.random.Generator | None) -> Columns:
        """Compute the outputs, each of shape (n_rows,), from checked inputs; no scatter if `rng` is None."""

    def _read_columns(self, inputs: pd.DataFrame | Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
        if not isinstance(inputs, pd.DataFrame | Mapping):
            raise ConfigurationError(
                f"'inputs' of {type(self).__name__}.simulate must be a Table, a DataFrame or a mapping of "
                f"columns; got {type(inputs).__name__}."
            )
        names = [q.name for q in self.inputs]
        missing = [name for name in names if name not in inputs]
        if missing:
            raise DataError(
                f"{type(self).__name__} needs the columns {names}; missing: {missing}. "
                "Add them in house units (see `.inputs`)."
            )
        columns = {name: np.atleast_1d(np.asarray(inputs[name], dtype=float)) for name in names}
        shapes = {name: values.shape for name, values in columns.items()}
        if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise ShapeError(f"every column of 'inputs' must have the same shape (n_rows,); got {shapes}.")
        return columns

    def _check_limits(self, columns: Columns) -> None:
        problems = []
        for name, values in columns.items():
            low, high = self.limits[name]
            bad = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high)))
            if len(bad):
                problems.append(f"{name}: row {bad[0]} is {values[bad[0]]:g}, allowed {low:g} to {high:g}")
        if problems:
            raise DataError(
                f"inputs outside the limits of {type(self).__name__} ({self.domain.name}): {'; '.join(problems)}. "
                "Leave these rows out; the relations are not valid there."
            )


def frozen_limits(limits: Iterable[tuple[str, float, float]]) -> Mapping[str, tuple[float, float]]:
    """Build the read-only `limits` of a simulator from (name, lowest, highest) triples."""
    return MappingProxyType({name: (low, high) for name, low, high in limits})
