"""Prediction intervals with measured coverage: jackknife+ and CV+.

Works on any model that keeps its out-of-sample predictions. Whether an input is one the interval
may be believed for is decided in `applicability.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import t as student_t

from ionbridge.exceptions import ConfigurationError
from ionbridge.models.base import FloatArray

__all__ = ["JackknifePlus", "SupportsLeaveOut", "jackknife_plus_interval"]


class SupportsLeaveOut(Protocol):
    """What the intervals need of a fitted model."""

    fold_: np.ndarray
    out_of_fold_: FloatArray

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Predict, shape (n_rows,)."""
        ...

    def predict_folds(self, X: FloatArray, /) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_rows)."""
        ...


@dataclass(frozen=True)
class JackknifePlus:
    """Intervals from the out-of-sample residuals of the training rows.

    With enough rows these are the jackknife+ (leave-one-out) or CV+ (K-fold) intervals. With
    fewer than ``level / (1 - level)`` rows those are infinite, and a Student-t interval with the
    spread of the out-of-sample residuals is given instead.

    Parameters
    ----------
    residual : shape (n_rows,); absolute out-of-sample residuals in the working space.
    fold : shape (n_rows,); fold that left each row out.
    is_log : whether residuals are of logarithms, so that the width follows the value.

    References
    ----------
    .. [1] Foygel Barber, Candès, Ramdas and Tibshirani, Predictive inference with the jackknife+,
       Annals of Statistics 49 (2021) 486, eqs. 1.4 and 3.
    """

    residual: FloatArray
    fold: np.ndarray
    is_log: bool

    @classmethod
    def from_fitted(
        cls, fitted: SupportsLeaveOut, y: FloatArray, *, may_use_logarithms: bool = True
    ) -> JackknifePlus:
        """Collect residuals of `fitted` on its training outputs `y`, shape (n_rows,).

        Widths follow the value where `y` and the out-of-sample predictions are positive; pass False
        as `may_use_logarithms` for quantities whose zero means nothing, such as a voltage.
        """
        left_out = fitted.fold_ >= 0
        y, out_of_fold = np.asarray(y, dtype=float)[left_out], fitted.out_of_fold_[left_out]
        is_log = may_use_logarithms and bool(np.all(y > 0) and np.all(out_of_fold > 0))
        residual = np.abs(np.log(y / out_of_fold)) if is_log else np.abs(y - out_of_fold)
        return cls(residual, np.asarray(fitted.fold_)[left_out], is_log)

    def interval(
        self, fitted: SupportsLeaveOut, X: FloatArray, level: float = 0.9
    ) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bound at `level` for inputs `X`, each of shape (n_rows,) [y].

        Raises
        ------
        ConfigurationError
            If `level` is not between 0 and 1.
        """
        if not 0.0 < level < 1.0:
            raise ConfigurationError(f"'level' must lie between 0 and 1, such as 0.9; got {level}.")
        if len(self.residual) < 2:
            raise ConfigurationError(
                f"an interval needs at least 2 out-of-sample residuals; got {len(self.residual)}. "
                "Fit with 2 or more folds."
            )
        X = np.asarray(X, dtype=float)
        bounds = [
            self._bounds(fitted, X[start : start + _BLOCK], level)
            for start in range(0, max(len(X), 1), _BLOCK)
        ]
        lower, upper = (np.concatenate(part) for part in zip(*bounds, strict=True))
        return self._inverse(lower), self._inverse(upper)

    def _bounds(self, fitted: SupportsLeaveOut, X: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Bounds in the working space, each of shape (n_rows,)."""
        n_rows = len(self.residual)
        middle = self._forward(fitted.predict(X))
        rank = int(np.ceil(level * (n_rows + 1)))
        if rank > n_rows:
            spread = np.sqrt(np.mean(self.residual**2))
            half = student_t.ppf(0.5 + 0.5 * level, n_rows - 1) * spread
            return middle - half, middle + half
        left_out = self._forward(fitted.predict_folds(X))[self.fold]
        lower = -_kth_smallest(self.residual[:, None] - left_out, rank)
        upper = _kth_smallest(left_out + self.residual[:, None], rank)
        return np.minimum(lower, middle), np.maximum(upper, middle)

    def _forward(self, y: FloatArray) -> FloatArray:
        return np.log(np.maximum(y, np.finfo(float).tiny)) if self.is_log else y

    def _inverse(self, z: FloatArray) -> FloatArray:
        return np.exp(np.minimum(z, 700.0)) if self.is_log else z


_BLOCK = 2048  # new rows whose leave-out predictions are held at a time


def _kth_smallest(values: FloatArray, k: int) -> FloatArray:
    return np.partition(values, k - 1, axis=0)[k - 1]


def jackknife_plus_interval(
    fitted: SupportsLeaveOut, y_train: FloatArray, X: FloatArray, level: float = 0.9
) -> tuple[FloatArray, FloatArray]:
    """Interval of `fitted` at `X` in one call; see `JackknifePlus`.

    Parameters
    ----------
    fitted : model or strategy that keeps `fold_` and `out_of_fold_`.
    y_train : shape (n_training_rows,); outputs of its (target) training rows.
    X : shape (n_rows, n_features)
    level : nominal coverage.

    Returns
    -------
    lower, upper : each of shape (n_rows,) [y].
    """
    return JackknifePlus.from_fitted(fitted, y_train).interval(fitted, X, level)
