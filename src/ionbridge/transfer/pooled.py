"""Both domains in one table: with a domain indicator, or with source rows weighted by likeness."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ionbridge.models import CrossFitted, FloatArray
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem

__all__ = ["InstanceWeighting", "Pooled"]


class Pooled(AbstractStrategy):
    """One random forest on the rows of both domains, the domain being one more input.

    Target rows weigh as much as all source rows together, so that the few are not drowned.

    Parameters
    ----------
    n_trees : number of trees.
    random_state : seed of trees and folds.
    """

    needs: ClassVar[Needs] = "source data"

    def __init__(self, n_trees: int = 50, random_state: int = 0):
        self.n_trees = n_trees
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        n_source, n_target = len(problem.y_source), len(problem.y_target)
        is_target = np.repeat([False, True], [n_source, n_target])
        X = np.column_stack([np.vstack([problem.X_source, problem.X_target]), is_target.astype(float)])
        forest = RandomForestRegressor(self.n_trees, random_state=problem.random_state)
        weight = np.where(is_target, max(n_source, 1) / n_target, 1.0)
        self.model_ = _fit_both(forest, X, problem, weight, is_target)
        self.fold_, self.out_of_fold_ = self.model_.fold_[is_target], self.model_.out_of_fold_[is_target]

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.model_.predict(np.column_stack([X, np.ones(len(X))]))

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.model_.predict_folds(np.column_stack([X, np.ones(len(X))]))


class InstanceWeighting(AbstractStrategy):
    """Gradient-boosted trees on both domains; source rows that look like target rows weigh more.

    The weight of a source row is the density ratio target / source of its inputs *and* output,
    estimated by a logistic classifier of the domain, clipped and scaled so that all source rows
    together weigh `source_share` of the target rows.

    Parameters
    ----------
    source_share : total weight of the source rows relative to the target rows.
    n_folds : folds over the target rows for out-of-sample predictions.
    random_state : seed.

    References
    ----------
    .. [1] Sugiyama, Suzuki and Kanamori, Density Ratio Estimation in Machine Learning (2012),
       section 4.2 (probabilistic classification).
    """

    needs: ClassVar[Needs] = "source data"

    def __init__(self, source_share: float = 1.0, n_folds: int = 5, random_state: int = 0):
        self.source_share = source_share
        self.n_folds = n_folds
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        X = np.vstack([problem.X_source, problem.X_target])
        n_source, n_target = len(problem.y_source), len(problem.y_target)
        is_target = np.repeat([False, True], [n_source, n_target])
        weight = np.ones(len(X))
        if n_source:
            likeness = np.column_stack([X, np.concatenate([problem.y_source, problem.y_target])])
            classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
            chance = classifier.fit(likeness, is_target).predict_proba(likeness)[~is_target, 1]
            ratio = np.clip(chance / np.maximum(1.0 - chance, 1e-6), 1e-2, 1e2)
            weight[~is_target] = ratio * self.source_share * n_target / ratio.sum()
        trees = GradientBoostingRegressor(n_estimators=100, subsample=0.8, random_state=problem.random_state)
        self.model_ = _fit_both(trees, X, problem, weight, is_target, self.n_folds)
        self.fold_, self.out_of_fold_ = self.model_.fold_[is_target], self.model_.out_of_fold_[is_target]

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.model_.predict(X)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.model_.predict_folds(X)


def _fit_both(
    regressor: RegressorMixin,
    X: FloatArray,
    problem: TransferProblem,
    weight: FloatArray,
    is_target: np.ndarray,
    n_folds: int = 5,
) -> CrossFitted:
    """Fit to both domains, leaving out target rows only."""
    y = np.concatenate([problem.y_source, problem.y_target])
    model = CrossFitted(regressor, n_folds=n_folds, random_state=problem.random_state)
    groups = None
    if problem.groups is not None:
        groups = np.concatenate(
            [np.zeros(len(problem.y_source)), np.unique(problem.groups, return_inverse=True)[1]]
        )
    return model.fit_weighted(X, y, weight, ~is_target, groups)
