"""The source model as it is: what a user has before any target row is measured."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ionbridge.exceptions import InsufficientDataError
from ionbridge.models import FloatArray
from ionbridge.transfer.base import TransferProblem
from ionbridge.transfer.source_process import AbstractOnSourceProcess

__all__ = ["SourceOnly"]


class SourceOnly(AbstractOnSourceProcess):
    """Predict the target by the source model, unchanged; target rows only measure its error.

    Parameters
    ----------
    random_state : seed of the source model.
    """

    supports_target_only_inputs: ClassVar[bool] = True
    min_target_rows: ClassVar[int] = 1

    def __init__(self, random_state: int = 0):
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        if not problem.has_source:
            raise InsufficientDataError("SourceOnly needs source rows or a source model; got neither.")
        self.source_model_ = problem.source_model or self.prepare_source(
            problem.X_source, problem.y_source, problem.random_state
        )
        self.shared_ = problem.shared
        self.fold_ = np.arange(len(problem.y_target))
        self.out_of_fold_ = self.source_model_.predict(problem.X_target_shared)

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.source_model_.predict(X[:, self.shared_])

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return np.tile(self._predict(X), (len(self.fold_), 1))
