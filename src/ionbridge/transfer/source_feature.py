"""The source prediction as one more input of a target model (stacking)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ionbridge.models import AbstractCrossFittedRegressor, FloatArray
from ionbridge.transfer.base import TransferProblem
from ionbridge.transfer.baselines import make_regressor
from ionbridge.transfer.source_process import AbstractOnSourceProcess

__all__ = ["SourceFeature"]


class SourceFeature(AbstractOnSourceProcess):
    """A target model of ``[x, log f_source(x)]`` (``f_source(x)`` where it is not positive).

    Parameters
    ----------
    model : registered name of the target model, or an unfitted regressor.
    random_state : seed of the models.
    """

    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(self, model: str | AbstractCrossFittedRegressor = "linear", random_state: int = 0):
        self.model = model
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        self.source_model_ = problem.source_model
        if self.source_model_ is None and problem.has_source:
            self.source_model_ = self.prepare_source(problem.X_source, problem.y_source, problem.random_state)
        self.shared_ = problem.shared
        self.is_log_ = self.source_model_ is not None and bool(
            np.all(self.source_model_.predict(problem.X_target_shared) > 0)
        )
        self.model_ = make_regressor(self.model, problem.random_state)
        self.model_.fit(self._features(problem.X_target), problem.y_target, problem.groups)
        self.fold_, self.out_of_fold_ = self.model_.fold_, self.model_.out_of_fold_

    def _features(self, X: FloatArray) -> FloatArray:
        if self.source_model_ is None:
            return X
        f = self.source_model_.predict(X[:, self.shared_])
        return np.column_stack([X, np.log(np.maximum(f, 1e-12)) if self.is_log_ else f])

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.model_.predict(self._features(X))

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.model_.predict_folds(self._features(X))
