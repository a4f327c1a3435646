"""Contracts of the models room: `Prediction` and the cross-fitted regressor.

Concrete model families are modules beside this one; transfer between domains lives one room up.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ionbridge.exceptions import ShapeError
from ionbridge.quantities import catalogue, convert, edge_unit

__all__ = [
    "AbstractCrossFittedRegressor",
    "FloatArray",
    "Prediction",
    "validate_inputs",
    "validate_rows",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about one quantity for `n_rows` inputs.

    Parameters
    ----------
    quantity : name of the predicted quantity.
    unit : its house unit.
    mean, lower, upper : shape (n_rows,) [unit]
        Central value and the interval at `level`.
    level : nominal coverage of the interval, for example 0.9.
    in_domain : shape (n_rows,)
        False where the input lies outside what the model has seen; intervals are not to be
        believed there.
    reasons : one text a row, empty where `in_domain` is true.
    """

    quantity: str
    unit: str
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    in_domain: NDArray[np.bool_]
    reasons: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        n_rows = len(self.mean)
        for name in ("lower", "upper", "in_domain"):
            if len(getattr(self, name)) != n_rows:
                raise ShapeError(
                    f"'{name}' of Prediction must have one value a row ({n_rows}); got {len(getattr(self, name))}."
                )

    def at_edge(self) -> Prediction:
        """The same prediction in the unit in which people meet the quantity, such as degC for K."""
        item = catalogue().get(self.quantity)
        return self if item is None or item.unit != self.unit else self.in_unit(edge_unit(item))

    def in_unit(self, unit: str) -> Prediction:
        """The same prediction in another unit, such as degC at a boundary.

        Raises
        ------
        UnitError
            If `unit` measures something else.
        """
        if unit == self.unit:
            return self
        mean, lower, upper = (
            convert(values, self.unit, unit) for values in (self.mean, self.lower, self.upper)
        )
        return replace(self, unit=unit, mean=mean, lower=lower, upper=upper)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; infinite bounds become None."""

        def finite(values: FloatArray) -> list[float | None]:
            return [float(v) if np.isfinite(v) else None for v in values]

        return {
            "quantity": self.quantity,
            "unit": self.unit,
            "level": self.level,
            "mean": finite(self.mean),
            "lower": finite(self.lower),
            "upper": finite(self.upper),
            "in_domain": [bool(v) for v in self.in_domain],
            "reasons": list(self.reasons),
        }


class AbstractCrossFittedRegressor(RegressorMixin, BaseEstimator):
    """A scikit-learn regressor that also keeps what it would have said without each training row.

    Out-of-sample predictions of the training rows are what honest intervals, automatic choice
    and the warning of negative transfer live on, so every model of ionbridge has them: in
    closed form (leave-one-out of Gaussian processes) or from the networks or trees of a
    K-fold split that were trained along with the final ones.

    Attributes set by `fit`
    -----------------------
    fold_ : shape (n_rows,), integer; the fold from which each training row was left out.
    out_of_fold_ : shape (n_rows,) [y]; prediction of each row by the model that left it out.
    """

    fold_: NDArray[np.int64]
    out_of_fold_: FloatArray

    @abstractmethod
    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> Self:
        """Fit to inputs of shape (n_rows, n_features) and outputs of shape (n_rows,).

        Rows with the same label in `groups`, shape (n_rows,), are left out together.
        """

    @abstractmethod
    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_rows,) [y]."""

    @abstractmethod
    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_rows) [y]; row f belongs to fold f."""


def validate_rows(estimator: BaseEstimator, X: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check training rows as scikit-learn does; at least two, finite, as 64-bit floats."""
    checked: Any = validate_data(estimator, X, y, dtype=np.float64, ensure_min_samples=2, y_numeric=True)
    return checked[0], np.asarray(checked[1], dtype=float)


def validate_inputs(estimator: BaseEstimator, X: ArrayLike) -> FloatArray:
    """Check that `estimator` is fitted and that new inputs are like its training inputs."""
    check_is_fitted(estimator)
    checked: Any = validate_data(estimator, X, reset=False, dtype=np.float64)
    return checked
