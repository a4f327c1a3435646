"""Cross-fitted regressors for some hundred rows and features: trees, boosting, kernels, a prior.

How they are put together is `strategies.py`; transfer from another domain too.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR

from ionbridge.models import CrossFitted, FloatArray
from ionbridge.models.output_space import OutputSpace, Space

__all__ = [
    "ClippedScaler",
    "GrownTrees",
    "MonotonePrior",
    "PrincipalAxes",
    "boosting",
    "calibrated_prior",
    "kernel_machine",
    "trees",
]

N_FOLDS = 5


class ClippedScaler(TransformerMixin, BaseEstimator):
    """Standardise columns after clipping their extreme hundredths, a step of scikit-learn pipelines.

    Parameters
    ----------
    spread : standard deviation of every column afterwards; small values make kernels wider.
    """

    def __init__(self, spread: float = 1.0):
        self.spread = spread

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn quantiles and moments of `X`, shape (n_rows, n_features)."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        self.low_, self.high_ = np.quantile(X, [0.01, 0.99], axis=0)
        clipped = np.clip(X, self.low_, self.high_)
        self.center_ = clipped.mean(axis=0)
        scale = clipped.std(axis=0)
        self.scale_ = np.where(scale > 1e-12, scale, 1.0) / self.spread
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the clipped and standardised columns, shape (n_rows, n_features)."""
        return (np.clip(np.asarray(X, dtype=float), self.low_, self.high_) - self.center_) / self.scale_


class PrincipalAxes(TransformerMixin, BaseEstimator):
    """A few principal components of many features, and some columns as they are.

    Parameters
    ----------
    n_components : number of components; fewer where there are fewer rows.
    keep : columns that are handed on besides, such as a prior.
    """

    def __init__(self, n_components: int = 8, keep: tuple[int, ...] = ()):
        self.n_components = n_components
        self.keep = keep

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn scale and axes of `X`, shape (n_rows, n_features)."""
        self.scaler_ = ClippedScaler().fit(X)
        scaled = self.scaler_.transform(X)
        self.middle_ = scaled.mean(axis=0)
        _, _, axes = np.linalg.svd(scaled - self.middle_, full_matrices=False)
        self.axes_ = axes[: min(self.n_components, *scaled.shape)]
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the components and kept columns, shape (n_rows, n_components + n_kept)."""
        scaled = self.scaler_.transform(X)
        return np.column_stack([(scaled - self.middle_) @ self.axes_.T, scaled[:, list(self.keep)]])


class GrownTrees(BaseEstimator):
    """Extremely randomised trees of one domain without leave-out models: a source model.

    Parameters
    ----------
    space : working space of the outputs.
    n_trees : number of trees.
    random_state : seed.
    """

    def __init__(self, space: Space = "auto", n_trees: int = 100, random_state: int = 0):
        self.space = space
        self.n_trees = n_trees
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to `X` (n_rows, n_features) and `y` (n_rows,)."""
        y = np.asarray(y, dtype=float)
        self.output_space_ = OutputSpace.from_outputs(y, self.space)
        model = ExtraTreesRegressor(self.n_trees, max_features=0.3, random_state=self.random_state)
        self.model_ = model.fit(np.asarray(X, dtype=float), self.output_space_.forward(y))
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_rows,) [y]."""
        return self.output_space_.inverse(self.model_.predict(np.asarray(X, dtype=float)))


class MonotonePrior(RegressorMixin, BaseEstimator):
    """Non-decreasing function of one column: what a prior value means, as known rows tell it.

    A machine-learned potential errs upwards where its barriers are large (paths that did not relax) and
    downwards where they are small (softening); outside the known values the function is constant.

    Parameters
    ----------
    column : of the prior in the inputs.
    """

    def __init__(self, column: int = -1):
        self.column = column

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to `X` (n_rows, n_features) and `y` (n_rows,) by isotonic regression."""
        found = IsotonicRegression(out_of_bounds="clip").fit(
            np.asarray(X, dtype=float)[:, self.column], np.asarray(y, dtype=float), sample_weight
        )
        self.x_, self.value_ = found.X_thresholds_, found.y_thresholds_
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_rows,) [y]."""
        return np.interp(np.asarray(X, dtype=float)[:, self.column], self.x_, self.value_)


def trees(seed: int = 0, n_trees: int = 100, space: Space = "auto") -> CrossFitted:
    """Extremely randomised trees that look at three fifths of the features at every split."""
    model = ExtraTreesRegressor(n_trees, max_features=0.6, random_state=seed)
    return CrossFitted(model, n_folds=N_FOLDS, space=space, random_state=seed)


def boosting(seed: int = 0, n_trees: int = 300, space: Space = "auto") -> CrossFitted:
    """Gradient-boosted trees on random tenths of the features and random halves of the rows."""
    model = GradientBoostingRegressor(
        n_estimators=n_trees,
        learning_rate=15.0 / n_trees,
        max_depth=6,
        min_samples_leaf=3,
        subsample=0.6,
        max_features=0.1,
        random_state=seed,
    )
    return CrossFitted(model, n_folds=N_FOLDS, space=space, random_state=seed)


def kernel_machine(seed: int = 0, space: Space = "auto") -> CrossFitted:
    """Support-vector regression with a wide Gaussian kernel on clipped features."""
    model = make_pipeline(ClippedScaler(0.3**0.5), SVR(C=3.0, epsilon=0.05, gamma="auto"))
    return CrossFitted(model, n_folds=N_FOLDS, space=space, random_state=seed)


def calibrated_prior(seed: int = 0, space: Space = "auto") -> CrossFitted:
    """A non-decreasing function of the prior in the last column."""
    return CrossFitted(MonotonePrior(), n_folds=N_FOLDS, space=space, random_state=seed)
