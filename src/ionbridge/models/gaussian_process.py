"""Gaussian-process regression for small tables, with closed-form leave-one-out.

The numerical kernel is `kernel_machine.py`; Gaussian processes that learn from two domains live
in the transfer room.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ionbridge.models.base import AbstractCrossFittedRegressor, FloatArray, validate_inputs, validate_rows
from ionbridge.models.kernel_machine import KernelPrior, LeaveOutMachines
from ionbridge.models.output_space import OutputSpace, Space

__all__ = ["GaussianProcess", "column_moments", "default_length_scale"]


def default_length_scale(n_features: int) -> FloatArray:
    """Logarithm of the prior length scale of standardised inputs, shape (n_features,).

    Grows with the square root of the number of inputs, so that the prior complexity of the
    function does not.

    References
    ----------
    .. [1] Hvarfner, Hellsten and Nardi, Vanilla Bayesian Optimization Performs Great in High
       Dimensions (2024), section 4.
    """
    return np.full(n_features, np.log(1.5) + 0.5 * np.log(max(n_features, 1)))


def column_moments(X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each column, the latter 1 where the column is constant."""
    center, scale = X.mean(axis=0), X.std(axis=0)
    return center, np.where(scale > 1e-10 * np.maximum(1.0, np.abs(center)), scale, 1.0)


class GaussianProcess(AbstractCrossFittedRegressor):
    """Matérn-5/2 (one length scale an input) plus an optional linear trend.

    Parameters
    ----------
    space : ``"log"`` learns the logarithm, ``"linear"`` the value, ``"auto"`` the logarithm where
        every output is positive.
    linear : whether the kernel has a linear term.
    deviation : whether it has a Matérn term; without it this is Bayesian ridge regression.
    max_rows : beyond this many rows a random subset is used, since cost grows with the cube.
    random_state : seed of the subset.

    Attributes
    ----------
    machines_ : the fitted kernel machine and its leave-out machines, in standardised units.
    """

    def __init__(
        self,
        space: Space = "auto",
        linear: bool = True,
        deviation: bool = True,
        max_rows: int = 3000,
        random_state: int = 0,
    ):
        self.space = space
        self.linear = linear
        self.deviation = deviation
        self.max_rows = max_rows
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: np.ndarray | None = None) -> Self:
        """Fit to `X` (n_rows, n_features) and `y` (n_rows,); rows of one group are left out together."""
        X, y = validate_rows(self, X, y)
        rows = np.arange(len(X))
        if len(X) > self.max_rows:
            rows = np.sort(np.random.default_rng(self.random_state).choice(len(X), self.max_rows, False))
        self.center_, self.scale_ = column_moments(X[rows])
        self.output_space_ = OutputSpace.from_outputs(y[rows], self.space)
        Z, z = self._standardise(X[rows]), self.output_space_.forward(y[rows])
        prior = KernelPrior(
            default_length_scale(Z.shape[1]),
            log_amplitude=0.0 if self.deviation else None,
            log_linear=self._log_linear(Z.shape[1]),
            log_noise=-2.0,
        )
        self.machines_ = LeaveOutMachines.fit(
            Z,
            z,
            np.ones((len(Z), 1)),
            np.array([1.0]),
            prior,
            self.random_state,
            None if groups is None else groups[rows],
        )
        self.fold_ = np.full(len(X), -1, dtype=np.int64)
        self.fold_[rows] = self.machines_.fold
        self.out_of_fold_ = self.predict(X)
        self.out_of_fold_[rows] = self.output_space_.inverse(self.machines_.out_of_fold)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Posterior median, shape (n_rows,) [y]."""
        Z = self._checked(X)
        return self.output_space_.inverse(self.machines_.machine.predict(Z, np.ones((len(Z), 1))))

    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_rows) [y]."""
        Z = self._checked(X)
        return self.output_space_.inverse(self.machines_.predict_folds(Z, np.ones((len(Z), 1))))

    def _log_linear(self, n_features: int) -> float | None:
        return -0.5 * np.log(max(n_features, 1)) - 0.5 if self.linear else None

    def _standardise(self, X: FloatArray) -> FloatArray:
        return (X - self.center_) / self.scale_

    def _checked(self, X: ArrayLike) -> FloatArray:
        return self._standardise(validate_inputs(self, X))
