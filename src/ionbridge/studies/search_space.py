"""The box of inputs that proposals are searched in: its bounds, its samples and its minima.

What is searched for is decided in `suggestion.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.optimize import differential_evolution
from scipy.spatial.distance import cdist
from scipy.stats import qmc

from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.models.base import FloatArray, Prediction
from ionbridge.quantities import Quantity, edge_unit, pretty_unit, to_edge_unit

__all__ = ["Cost", "FittedModel", "SearchSpace"]

_POPULATION, _GENERATIONS = 8, 60  # of differential evolution; the former is a multiple of the inputs
_REPULSION, _REPULSION_RADIUS = 4.0, 0.25  # [-]; radius as a share of the diagonal of the box

Cost = Callable[[FloatArray], FloatArray]


class FittedModel(Protocol):
    """What is needed of a fitted `TransferModel`."""

    inputs: Sequence[Quantity]
    output: Quantity
    X_target_: FloatArray
    y_target_: FloatArray

    def predict_mean(self, X: FloatArray) -> FloatArray:
        """Central prediction, shape (n_rows,)."""
        ...

    def predict(self, rows: FloatArray, level: float | None = None) -> Prediction:
        """Prediction with interval and domain of applicability."""
        ...


@dataclass(frozen=True)
class SearchSpace:
    """The box that is searched; `is_free` columns vary, the others keep `low`."""

    inputs: tuple[Quantity, ...]
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(
        cls,
        models: Mapping[str, FittedModel],
        bounds: Mapping[str, tuple[float, float]] | None,
        fixed: Mapping[str, float] | None,
    ) -> SearchSpace:
        """Take the range of the target training rows where neither bounds nor a fixed value are given.

        Raises
        ------
        UnknownNameError, ConfigurationError
        """
        inputs = {q.name: q for model in models.values() for q in model.inputs}
        for given in (bounds or {}, fixed or {}):
            for name in given:
                if name not in inputs:
                    raise UnknownNameError.for_name(name, inputs, "input", "Name inputs of the model.")
        ranges = {name: _seen_range(name, models) for name in inputs}
        for name, pair in (bounds or {}).items():
            ranges[name] = _checked_bounds(inputs[name], pair)
        for name, value in (fixed or {}).items():
            if isinstance(value, str) or not np.isfinite(value):
                raise ConfigurationError(f"the fixed value of {name!r} must be a number; got {value!r}.")
            _require_physical(inputs[name], float(value), float(value))
            if inputs[name].kind == "code" and float(value) != round(value):
                raise ConfigurationError(f"{name!r} takes whole levels only; it is fixed at {value:g}.")
            low, high = ranges[name]
            if name in (bounds or {}) and not low <= value <= high:
                raise ConfigurationError(
                    f"{name!r} is fixed at {value:g}, outside its bounds {low:g} to {high:g}; change one of them."
                )
            ranges[name] = (float(value), float(value))
        found = np.array([ranges[name] for name in inputs])
        if np.all(found[:, 0] == found[:, 1]):
            raise ConfigurationError("no input is left to vary: fix fewer inputs or give wider bounds.")
        return cls(tuple(inputs.values()), found[:, 0], found[:, 1])

    @property
    def is_free(self) -> np.ndarray:
        """Which inputs vary, shape (n_inputs,)."""
        return self.high > self.low

    @property
    def is_code(self) -> np.ndarray:
        """Which inputs are whole levels, shape (n_inputs,)."""
        return np.array([q.kind == "code" for q in self.inputs])

    @property
    def width(self) -> FloatArray:
        """Extent of each input, one where it is fixed, shape (n_inputs,)."""
        return np.where(self.is_free, self.high - self.low, 1.0)

    def columns(self, model: FittedModel) -> list[int]:
        """Columns of this space that `model` takes, in its order."""
        names = [q.name for q in self.inputs]
        return [names.index(q.name) for q in model.inputs]

    def known_rows(self, model: FittedModel) -> FloatArray:
        """Training rows of `model` in this space; inputs it does not take stand at mid-range."""
        rows = np.tile(0.5 * (self.low + self.high), (len(model.X_target_), 1))
        rows[:, self.columns(model)] = model.X_target_
        return rows

    def distances(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """Distances in the free inputs as shares of the diagonal of the box, shape (n_a, n_b)."""
        free, diagonal = self.is_free, np.sqrt(self.is_free.sum())
        return cdist((A / self.width)[:, free], (B / self.width)[:, free]) / diagonal

    def separation(self, x: FloatArray, others: FloatArray) -> float:
        """Distance of one row to the nearest of others, as a share of the diagonal of the box."""
        return float(self.distances(x[None, :], others).min())

    def sample(self, n_rows: int, random_state: int) -> FloatArray:
        """Fill the box evenly, shape (n_rows, n_inputs)."""
        unit = qmc.Sobol(int(self.is_free.sum()), seed=random_state).random(n_rows)
        X = np.tile(self.low, (n_rows, 1))
        X[:, self.is_free] += unit * (self.high - self.low)[self.is_free]
        return np.where(
            self.is_code & self.is_free, np.clip(np.round(X), np.ceil(self.low), np.floor(self.high)), X
        )

    def search(self, cost: Cost, random_state: int) -> FloatArray:
        """Best row that was found, shape (n_inputs,)."""
        free = self.is_free

        def vectorized(columns: FloatArray) -> FloatArray:
            X = np.tile(self.low, (columns.shape[1], 1))
            X[:, free] = columns.T
            return cost(X)

        found = differential_evolution(
            vectorized,
            list(zip(self.low[free], self.high[free], strict=True)),
            popsize=_POPULATION,
            maxiter=_GENERATIONS,
            tol=1e-4,
            init="sobol",
            seed=random_state,
            polish=False,
            vectorized=True,
            updating="deferred",
            integrality=(self.is_code & free)[free],
        )
        x = self.low.copy()
        x[free] = found.x
        return self.rounded(x)

    def rounded(self, X: FloatArray) -> FloatArray:
        """Round settings to what can be dialled in: about a 200th of their range, in powers of ten."""
        decimals = -np.floor(np.log10(self.width / 200)).astype(int)
        columns = [np.round(column, d) for column, d in zip(np.moveaxis(X, -1, 0), decimals, strict=True)]
        return np.where(self.is_free, np.clip(np.stack(columns, axis=-1), self.low, self.high), X)

    def repelled(self, cost: Cost, found: FloatArray) -> Cost:
        """Add a price for being near rows already found, shape (n_found, n_inputs)."""

        def with_price(X: FloatArray) -> FloatArray:
            near = np.maximum(1.0 - self.distances(X, found) / _REPULSION_RADIUS, 0.0)
            return cost(X) + _REPULSION * (near**2).sum(axis=1)

        return with_price


def _checked_bounds(quantity: Quantity, pair: Any) -> tuple[float, float]:
    try:
        low, high = (float(v) for v in pair)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the bounds of {quantity.name!r} must be (low, high); got {pair!r}."
        ) from error
    if not np.isfinite([low, high]).all() or low > high:
        raise ConfigurationError(
            f"the bounds of {quantity.name!r} must be finite with low not above high; got {low:g} and {high:g}."
        )
    _require_physical(quantity, low, high)
    if quantity.kind == "code" and np.ceil(low) > np.floor(high):
        raise ConfigurationError(f"the bounds {low:g} to {high:g} of {quantity.name!r} hold no whole level.")
    return low, high


def _require_physical(quantity: Quantity, low: float, high: float) -> None:
    """Check a range, or one value given twice, against the limits of the quantity."""
    limits = (
        -np.inf if quantity.low is None else quantity.low,
        np.inf if quantity.high is None else quantity.high,
    )
    if low < limits[0] or high > limits[1]:
        first, last, low, high = to_edge_unit(quantity, [*limits, low, high])
        what = f"the fixed value {low:g}" if low == high else f"the bounds {low:g} to {high:g}"
        leave = "lies outside" if low == high else "leave"
        raise ConfigurationError(
            f"{what} of {quantity.name} [{pretty_unit(edge_unit(quantity))}] {leave} its physical limits "
            f"{first:g} to {last:g}; check the unit."
        )


def _seen_range(name: str, models: Mapping[str, FittedModel]) -> tuple[float, float]:
    """Range of an input over the target training rows of the models that take it."""
    columns = [
        model.X_target_[:, [q.name for q in model.inputs].index(name)]
        for model in models.values()
        if name in {q.name for q in model.inputs}
    ]
    values = np.concatenate(columns)
    return float(values.min()), float(values.max())
