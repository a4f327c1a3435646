"""A complete transfer strategy: the prediction of the source, moved by one number."""

import numpy as np

from ionbridge.models.cross_fitted import linear
from ionbridge.transfer import AbstractStrategy


class LevelShift(AbstractStrategy):
    """Add to the source's prediction the mean error that it makes on the target."""

    needs = "source model"

    def __init__(self, random_state=0):
        self.random_state = random_state

    def prepare_source(self, X, y, random_state=0):
        """Fit a linear model to the source rows, once for all splits of a study."""
        return linear(random_state=random_state).fit(X, y)

    def _fit(self, problem):
        self.model_ = problem.source_model
        if self.model_ is None and problem.has_source:
            self.model_ = self.prepare_source(problem.X_source, problem.y_source)
        at_target = self._source(problem.X_target)
        error, n = problem.y_target - at_target, len(problem.y_target)
        self.shift_, self.fold_ = float(error.mean()), np.arange(n)
        self.fold_shifts_ = (error.sum() - error) / (n - 1)  # without row 0, without row 1, ...
        self.out_of_fold_ = at_target + self.fold_shifts_

    def _source(self, X):
        return np.zeros(len(X)) if self.model_ is None else self.model_.predict(X)

    def _predict(self, X):
        return self._source(X) + self.shift_

    def _predict_folds(self, X):
        return self._source(X) + self.fold_shifts_[:, None]
