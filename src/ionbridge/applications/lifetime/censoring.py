"""Cells that had not failed yet, for models that know no censoring: Buckley-James imputation.

The inter-cell network has a likelihood of its own for such cells (`models/inter_cell/loss.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import BaseEstimator, clone

from ionbridge.exceptions import InsufficientDataError, ShapeError
from ionbridge.models import FloatArray
from ionbridge.transfer import AbstractStrategy, TransferProblem

__all__ = ["CensoredTransfer", "expected_log_life"]

SMALLEST_SPREAD = 0.05  # of log-life: no model of lives is better than that
SETTLED = 0.01  # change of the imputed log-lives below which the iteration ends


class CensoredTransfer(BaseEstimator):
    """A strategy that also learns from cells of which only a lower bound of the life is known.

    Their lives are replaced by the expected ones given that they are longer than the bound [1]_,
    under a log-normal spread around what `imputer` predicts for them when they are left out. Then
    `strategy` is fitted once to all cells. Cells that had not failed are never judged: their fold
    is -1 and they take no part in errors and intervals. Out-of-sample predictions of the others
    are slightly optimistic, since their lives had a say in the imputed ones, which also count where
    the strategy weighs its members.

    Parameters
    ----------
    strategy : unfitted; what predicts.
    imputer : unfitted and cheap, fitted a few times; None takes `strategy`.
    n_iterations : most rounds of imputing and fitting.

    Attributes
    ----------
    strategy_ : the fitted strategy.
    imputed_ : shape (n_cells,) [cycle]; lives that it was fitted to.
    spread_ : standard deviation of log-life that the imputation assumed; NaN where nothing was imputed.
    fold_, out_of_fold_ : of the strategy; the fold is -1 for cells that had not failed.

    References
    ----------
    .. [1] Buckley and James, Linear regression with censored data, Biometrika 66 (1979) 429,
       eq. 2, here with a normal distribution of the residuals.
    """

    def __init__(
        self, strategy: AbstractStrategy, imputer: AbstractStrategy | None = None, n_iterations: int = 5
    ):
        self.strategy = strategy
        self.imputer = imputer
        self.n_iterations = n_iterations

    def fit_problem(self, problem: TransferProblem, is_censored: NDArray[np.bool_]) -> Self:
        """Fit to a problem whose target lives are lower bounds where `is_censored`, shape (n_cells,).

        Raises
        ------
        ShapeError
            If there is not one flag a target cell.
        InsufficientDataError
            If no cell has failed.
        """
        flags = np.asarray(is_censored)
        if flags.dtype != bool or flags.shape != problem.y_target.shape:
            raise ShapeError(
                f"'is_censored' must be boolean of shape {problem.y_target.shape}; got {flags.dtype} of shape "
                f"{flags.shape}."
            )
        if flags.all():
            raise InsufficientDataError("no target cell has failed; at least one known life is needed.")
        self.imputed_, self.spread_ = problem.y_target.copy(), float("nan")
        if flags.any():
            self._impute(problem, flags)
        self.strategy_ = clone(self.strategy).fit_problem(replace(problem, y_target=self.imputed_))
        self.fold_ = np.where(flags, -1, self.strategy_.fold_)
        self.out_of_fold_ = self.strategy_.out_of_fold_
        return self

    def _impute(self, problem: TransferProblem, flags: NDArray[np.bool_]) -> None:
        """Alternate between expected lives and predictions of the cells when they are left out."""
        made = self.strategy if self.imputer is None else self.imputer
        y, bound = problem.y_target, np.log(problem.y_target[flags])
        groups = None if problem.groups is None else problem.groups[~flags]
        known = replace(problem, X_target=problem.X_target[~flags], y_target=y[~flags], groups=groups)
        fitted = clone(made).fit_problem(known)
        residual = np.log(fitted.out_of_fold_ / y[~flags])
        middle = np.log(np.maximum(fitted.predict(problem.X_target[flags]), 1.0))
        before = bound
        for _ in range(self.n_iterations):
            self.spread_ = max(float(np.sqrt(np.mean(residual**2))), SMALLEST_SPREAD)
            imputed = expected_log_life(middle, bound, self.spread_)
            self.imputed_[flags] = np.exp(imputed)
            if np.abs(imputed - before).max() < SETTLED:
                return
            before = imputed
            fitted = clone(made).fit_problem(replace(problem, y_target=self.imputed_))
            residual = np.log(fitted.out_of_fold_ / self.imputed_)[~flags]
            middle = np.log(np.maximum(fitted.out_of_fold_[flags], 1.0))

    def predict(self, X: FloatArray) -> FloatArray:
        """Predict lives, shape (n_cells,) [cycle]."""
        return self.strategy_.predict(X)

    def predict_folds(self, X: FloatArray) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_cells) [cycle]."""
        return self.strategy_.predict_folds(X)


def expected_log_life(middle: FloatArray, bound: FloatArray, spread: float) -> FloatArray:
    """Mean of a normal distribution cut off below, shape (n_cells,).

    Parameters
    ----------
    middle : shape (n_cells,); mean of log-life before anything is known of the bound.
    bound : shape (n_cells,); log-life is larger than this.
    spread : standard deviation of log-life.
    """
    z = (bound - middle) / spread
    return middle + spread * np.exp(norm.logpdf(z) - norm.logsf(z))
