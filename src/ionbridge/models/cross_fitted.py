"""scikit-learn regressors with out-of-sample predictions of their training rows.

`CrossFitted` wraps any regressor by K-fold splits; `Forest` uses the out-of-bag trees. The
regressors themselves are scikit-learn's.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ionbridge.models.base import AbstractCrossFittedRegressor, FloatArray, validate_inputs, validate_rows
from ionbridge.models.folds import assign_folds
from ionbridge.models.output_space import OutputSpace, Space

__all__ = ["CrossFitted", "Forest", "gradient_boosting", "linear", "mean", "random_forest"]


class CrossFitted(AbstractCrossFittedRegressor):
    """Any scikit-learn regressor, fitted to all rows and to all but each of K folds.

    Parameters
    ----------
    regressor : unfitted regressor; None means ridge regression with a chosen penalty.
    n_folds : number of folds; leave-one-out where there are no more rows.
    space : working space of the outputs.
    random_state : seed of the folds.
    """

    def __init__(
        self,
        regressor: BaseEstimator | None = None,
        n_folds: int = 10,
        space: Space = "auto",
        random_state: int = 0,
    ):
        self.regressor = regressor
        self.n_folds = n_folds
        self.space = space
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: np.ndarray | None = None) -> Self:
        """Fit to `X` (n_rows, n_features) and `y` (n_rows,), and to each split; groups stay together."""
        return self.fit_weighted(X, y, groups=groups)

    def fit_weighted(
        self,
        X: ArrayLike,
        y: ArrayLike,
        weight: FloatArray | None = None,
        always: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> Self:
        """Fit with weights of the rows, leaving out some rows only.

        Parameters
        ----------
        X : shape (n_rows, n_features)
        y : shape (n_rows,)
        weight : shape (n_rows,); for a regressor that takes `sample_weight`.
        always : shape (n_rows,), bool; rows that are never left out (their fold is -1).
        groups : shape (n_rows,); rows of one group are left out together.
        """
        X, y = validate_rows(self, X, y)
        left_out = np.ones(len(y), dtype=bool) if always is None else ~always
        self.fold_ = np.full(len(y), -1)
        self.fold_[left_out] = assign_folds(
            int(left_out.sum()), self.n_folds, self.random_state, None if groups is None else groups[left_out]
        )
        self.output_space_ = OutputSpace.from_outputs(y, self.space)
        z = self.output_space_.forward(y)
        self.model_ = self._fit_rows(X, z, weight, np.ones(len(y), dtype=bool))
        self.fold_models_ = [
            self._fit_rows(X, z, weight, self.fold_ != f) for f in range(self.fold_.max() + 1)
        ]
        z_out = self.model_.predict(X)
        for f, model in enumerate(self.fold_models_):
            z_out[self.fold_ == f] = model.predict(X[self.fold_ == f])
        self.out_of_fold_ = self.output_space_.inverse(z_out)
        return self

    def _fit_rows(self, X: FloatArray, z: FloatArray, weight: FloatArray | None, rows: np.ndarray) -> Any:
        model = _ridge() if self.regressor is None else clone(self.regressor)
        if weight is None:
            return model.fit(X[rows], z[rows])
        return model.fit(X[rows], z[rows], sample_weight=weight[rows])

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_rows,) [y]."""
        X = validate_inputs(self, X)
        return self.output_space_.inverse(self.model_.predict(X))

    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_rows) [y]."""
        X = validate_inputs(self, X)
        return self.output_space_.inverse(np.stack([m.predict(X) for m in self.fold_models_]))


class Forest(AbstractCrossFittedRegressor):
    """Random forest whose leave-one-out models are the trees that never drew the row.

    Parameters
    ----------
    n_trees : number of trees.
    min_samples_leaf : fewest rows in a leaf.
    space : working space of the outputs.
    random_state : seed.

    Attributes
    ----------
    out_of_bag_ : shape (n_rows, n_trees), bool; whether a tree was grown without a row.
    fold_models_ : forests grown without each fold, where rows come in groups; else empty.

    References
    ----------
    .. [1] Kim, Xu and Foygel Barber, Predictive Inference Is Free with the
       Jackknife+-after-Bootstrap (2020), algorithm 1.
    """

    def __init__(
        self,
        n_trees: int = 100,
        min_samples_leaf: int = 1,
        space: Space = "auto",
        random_state: int = 0,
    ):
        self.n_trees = n_trees
        self.min_samples_leaf = min_samples_leaf
        self.space = space
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: np.ndarray | None = None) -> Self:
        """Fit to `X` (n_rows, n_features) and `y` (n_rows,).

        With `groups`, shape (n_rows,), forests grown without each of five folds of groups judge the rows.
        """
        X, y = validate_rows(self, X, y)
        self.output_space_ = OutputSpace.from_outputs(y, self.space)
        z = self.output_space_.forward(y)
        self.model_ = self._forest().fit(X, z)
        self.out_of_bag_ = np.ones((len(y), self.n_trees), dtype=bool)
        for t, rows in enumerate(self.model_.estimators_samples_):
            self.out_of_bag_[rows, t] = False
        self.fold_models_: list[RandomForestRegressor] = []
        if groups is None and self.out_of_bag_.any(axis=1).all():
            self.fold_ = np.arange(len(y))
            judged = self.out_of_bag_ * self._trees(self.model_, X).T
            z_out = judged.sum(axis=1) / self.out_of_bag_.sum(axis=1)
        else:  # few trees never drew any row of a group: grow forests without each fold instead
            self.fold_ = assign_folds(len(y), _N_FOREST_FOLDS, self.random_state, groups)
            z_out = np.empty(len(y))
            for f in range(self.fold_.max() + 1):
                model = self._forest().fit(X[self.fold_ != f], z[self.fold_ != f])
                z_out[self.fold_ == f] = model.predict(X[self.fold_ == f])
                self.fold_models_.append(model)
        self.out_of_fold_ = self.output_space_.inverse(z_out)
        return self

    def _forest(self) -> RandomForestRegressor:
        return RandomForestRegressor(
            self.n_trees, min_samples_leaf=self.min_samples_leaf, random_state=self.random_state
        )

    @staticmethod
    def _trees(model: RandomForestRegressor, X: FloatArray) -> FloatArray:
        """Prediction of each tree in the working space, shape (n_trees, n_rows)."""
        single = np.asarray(X, dtype=np.float32)
        return np.stack([t.tree_.predict(single)[:, 0] for t in model.estimators_])

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_rows,) [y]."""
        X = validate_inputs(self, X)
        return self.output_space_.inverse(self._trees(self.model_, X).mean(axis=0))

    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out forest, shape (n_folds, n_rows) [y]."""
        X = validate_inputs(self, X)
        if self.fold_models_:
            z = np.stack([self._trees(model, X).mean(axis=0) for model in self.fold_models_])
        else:
            share = self.out_of_bag_ / self.out_of_bag_.sum(axis=1, keepdims=True)
            z = share @ self._trees(self.model_, X)
        return self.output_space_.inverse(z)


_N_FOREST_FOLDS = 5


def _ridge() -> BaseEstimator:
    return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 3, 13)))


def mean(random_state: int = 0) -> CrossFitted:
    """The mean of the training outputs: what every model must beat."""
    return CrossFitted(DummyRegressor(), n_folds=1000, space="linear", random_state=random_state)


def linear(random_state: int = 0) -> CrossFitted:
    """Ridge regression on standardised inputs, penalty by generalised cross-validation."""
    return CrossFitted(_ridge(), random_state=random_state)


def random_forest(random_state: int = 0) -> Forest:
    """Random forest of 100 trees."""
    return Forest(random_state=random_state)


def gradient_boosting(random_state: int = 0, n_trees: int = 100, learning_rate: float = 0.1) -> CrossFitted:
    """Gradient-boosted trees with defaults for small tables."""
    return CrossFitted(
        GradientBoostingRegressor(
            n_estimators=n_trees,
            learning_rate=learning_rate,
            max_depth=3,
            subsample=0.8,
            random_state=random_state,
        ),
        n_folds=5,
        random_state=random_state,
    )
