"""Models of one chemistry: the usual baselines, the inter-cell network, and `auto` over all of them.

Transfer from another chemistry is `strategies.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from ionbridge.applications.lifetime.censoring import CensoredTransfer
from ionbridge.applications.lifetime.mixture import WinsorizedAuto
from ionbridge.models import (
    AbstractCrossFittedRegressor,
    CrossFitted,
    FloatArray,
    Forest,
    GaussianProcess,
)
from ionbridge.models.cross_fitted import gradient_boosting, mean
from ionbridge.models.inter_cell import InterCellRegressor
from ionbridge.models.inter_cell.representation import CellEncoding
from ionbridge.models.network import NetworkRegressor
from ionbridge.transfer.baselines import TargetOnly

__all__ = [
    "EncodedProcess",
    "OnColumns",
    "WithinFences",
    "curve_auto",
    "curve_baselines",
    "curve_inter_cell",
    "inter_cell_member",
    "table_auto",
    "table_baselines",
]

N_FOLDS = 8
FEWEST_TO_SEARCH = 12
CURVE_COMPRESSION = 0.01  # of the nominal capacity


class _OnSeenInputs(AbstractCrossFittedRegressor):
    """A regressor that gets other inputs than it is given; subclasses say which in `seen`."""

    model: AbstractCrossFittedRegressor

    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> Self:
        """Fit to `X` (n_cells, n_features) and `y` (n_cells,)."""
        self.model_ = clone(self.model).fit(self.seen(X), y, groups)
        self.fold_, self.out_of_fold_ = self.model_.fold_, self.model_.out_of_fold_
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_cells,) [y]."""
        return self.model_.predict(self.seen(X))

    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_cells) [y]."""
        return self.model_.predict_folds(self.seen(X))

    @abstractmethod
    def seen(self, X: ArrayLike) -> FloatArray:
        """The inputs as the model sees them, shape (n_cells, n_seen)."""


class OnColumns(_OnSeenInputs):
    """A regressor that sees some columns only.

    Parameters
    ----------
    model : unfitted regressor.
    start, stop : first column and the one after the last; None as of a slice.
    """

    def __init__(self, model: AbstractCrossFittedRegressor, start: int | None, stop: int | None):
        self.model = model
        self.start = start
        self.stop = stop

    def seen(self, X: ArrayLike) -> FloatArray:
        """The columns that the model sees, shape (n_cells, n_seen)."""
        return np.asarray(X, dtype=float)[:, self.start : self.stop]


class WithinFences(_OnSeenInputs):
    """A regressor whose inputs are pulled to the fences of the training cells.

    Fences stand three interquartile ranges outside the quartiles (the "outer" ones of Tukey's box
    plot): features such as the stage of life have long tails, along which models extrapolate.

    Parameters
    ----------
    model : unfitted regressor.
    n_ranges : distance of the fences from the quartiles in interquartile ranges.

    Attributes
    ----------
    fences_ : shape (2, n_features); infinite where the quartiles are equal.
    """

    def __init__(self, model: AbstractCrossFittedRegressor, n_ranges: float = 3.0):
        self.model = model
        self.n_ranges = n_ranges

    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> Self:
        """Fit to `X` (n_cells, n_features) and `y` (n_cells,).

        Fences come from all training cells, also those that a fold leaves out: they know nothing of the lives.
        """
        X = np.asarray(X, dtype=float)
        low, high = np.quantile(X, [0.25, 0.75], axis=0)
        width = np.where(high > low, self.n_ranges * (high - low), np.inf)
        self.fences_ = np.stack([low - width, high + width])
        return super().fit(X, y, groups)

    def seen(self, X: ArrayLike) -> FloatArray:
        """The inputs as the model sees them, same shape."""
        return np.clip(np.asarray(X, dtype=float), self.fences_[0], self.fences_[1])


class EncodedProcess(AbstractCrossFittedRegressor):
    """Gaussian process on encoded curves: level and compressed change since a base cycle.

    Parameters
    ----------
    cell_shape, base_cycle, compression : as of `InterCellRegressor`.
    n_components : length of the encoded cell.
    random_state : has no effect; every model has one.
    """

    def __init__(
        self,
        cell_shape: tuple[int, ...],
        base_cycle: int,
        compression: float = CURVE_COMPRESSION,
        n_components: int = 15,
        random_state: int = 0,
    ):
        self.cell_shape = cell_shape
        self.base_cycle = base_cycle
        self.compression = compression
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> Self:
        """Fit to flat curves `X` (n_cells, n_features) and `y` (n_cells,).

        Scale and axes come from all training curves, also those that a fold leaves out: they
        know nothing of the lives.
        """
        cells = self._cells(X)
        self.encoding_ = CellEncoding.fit(
            cells,
            base_cycle=self.base_cycle,
            compression=self.compression,
            n_components=min(self.n_components, len(cells) - 1),
        )
        self.model_ = GaussianProcess(random_state=self.random_state).fit(
            self.encoding_.encode(cells), y, groups
        )
        self.fold_, self.out_of_fold_ = self.model_.fold_, self.model_.out_of_fold_
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_cells,) [y]."""
        return self.model_.predict(self.encoding_.encode(self._cells(X)))

    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_cells) [y]."""
        return self.model_.predict_folds(self.encoding_.encode(self._cells(X)))

    def _cells(self, X: ArrayLike) -> FloatArray:
        X = np.asarray(X, dtype=float)
        return X.reshape(len(X), *self.cell_shape)


def _crossed(*steps: BaseEstimator) -> CrossFitted:
    return CrossFitted(make_pipeline(*steps), n_folds=N_FOLDS)


def _ridge() -> CrossFitted:
    return _crossed(StandardScaler(), RidgeCV(np.logspace(-3, 5, 17)))


def _support_vectors(n_cells: int = FEWEST_TO_SEARCH) -> CrossFitted:
    """Settings are searched, unless folds inside folds would hold one cell, where R2 is not defined."""
    if n_cells < FEWEST_TO_SEARCH:
        return _crossed(StandardScaler(), SVR(C=3.0))
    grid = {"C": [0.3, 3.0], "gamma": ["scale", 0.01], "epsilon": [0.1]}
    return _crossed(StandardScaler(), GridSearchCV(SVR(), grid, cv=4))


def _extra_trees(seed: int) -> CrossFitted:
    return CrossFitted(ExtraTreesRegressor(200, random_state=seed), n_folds=N_FOLDS)


def table_baselines(seed: int = 0) -> dict[str, AbstractCrossFittedRegressor]:
    """The usual models of a table of features."""
    return {
        "mean": mean(),
        "ridge": _ridge(),
        "pcr": _crossed(StandardScaler(), GridSearchCV(_pcr(), {"pca__n_components": [2, 4, 6, 10]}, cv=4)),
        "plsr": _crossed(
            StandardScaler(), GridSearchCV(PLSRegression(), {"n_components": [1, 2, 4, 6]}, cv=4)
        ),
        "svr": _support_vectors(),
        "random_forest": Forest(n_trees=200, random_state=seed),
        "extra_trees": _extra_trees(seed),
        "gradient_boosting": gradient_boosting(seed),
        "gaussian_process": GaussianProcess(random_state=seed),
        "network": NetworkRegressor(random_state=seed),
        "single_cell_network": _single_cell(seed, 1e-1),
    }


def _pcr() -> Any:
    return make_pipeline(PCA(), LinearRegression())


def _inter_cell(seed: int, weight_decay: float, **settings: Any) -> InterCellRegressor:
    defaults: dict[str, Any] = {"learning_rate": 1e-2, "epochs": 300, "n_members": 6}
    return InterCellRegressor(**{**defaults, "weight_decay": weight_decay, "random_state": seed, **settings})


def _single_cell(seed: int, weight_decay: float, **settings: Any) -> InterCellRegressor:
    """The intra branch alone: what the network says without any pairs."""
    return _inter_cell(seed, weight_decay, n_members=3, inter_share=0.0, prediction_share=0.0, **settings)


def table_auto(seed: int = 0, n_cells: int = FEWEST_TO_SEARCH) -> WinsorizedAuto:
    """Average over tables of features: baselines and inter-cell networks of two strengths.

    Parameters
    ----------
    n_cells : it will be fitted to.
    """
    members: dict[str, AbstractCrossFittedRegressor] = {
        "ridge": WithinFences(_ridge()),
        "svr": WithinFences(_support_vectors(n_cells)),
        "random_forest": Forest(n_trees=200, random_state=seed),
        "extra_trees": _extra_trees(seed),
        "gaussian_process": WithinFences(GaussianProcess(linear=False, random_state=seed)),
        "inter_cell": WithinFences(_inter_cell(seed, 1e-2)),
        "inter_cell_smooth": WithinFences(_inter_cell(seed, 1e-1)),
    }
    return WinsorizedAuto({name: TargetOnly(model) for name, model in members.items()}, random_state=seed)


def curve_baselines(
    n_tables: int, cell_shape: tuple[int, ...], seed: int = 0
) -> dict[str, AbstractCrossFittedRegressor]:
    """The usual models of a table of curve features and of the change of the last curve.

    Parameters
    ----------
    n_tables : leading columns that hold the full feature set; the flat curves follow.
    cell_shape : of the curves.
    """
    n_points = cell_shape[-1]
    on_table = {
        "mean": mean(),
        "variance": OnColumns(_ridge(), 1, 2),
        "full": OnColumns(_ridge(), 0, n_tables),
        "full_gaussian_process": OnColumns(GaussianProcess(), 0, n_tables),
        "random_forest": OnColumns(Forest(n_trees=200, random_state=seed), 0, n_tables),
        "extra_trees": OnColumns(_extra_trees(seed), 0, n_tables),
        "gradient_boosting": OnColumns(gradient_boosting(seed), 0, n_tables),
        "svr": OnColumns(_support_vectors(), 0, n_tables),
    }
    change = ChangeOfCurves(n_tables, n_points)
    grid = [2, 3, 4, 6, 8]
    pcr = GridSearchCV(_pcr(), {"pca__n_components": grid}, cv=4)
    plsr = GridSearchCV(PLSRegression(), {"n_components": [1, 2, 3, 4, 6]}, cv=4)
    curves = {
        "epochs": 400,
        "n_components": 40,
        "base_cycle": 1,
        "compression": CURVE_COMPRESSION,
        "cell_shape": cell_shape,
    }
    return {
        **on_table,
        "network": OnColumns(NetworkRegressor(random_state=seed), 0, n_tables),
        "single_cell_network": OnColumns(_single_cell(seed, 3e-2, **curves), n_tables, None),
        "pcr": _crossed(change, StandardScaler(), pcr),
        "plsr": _crossed(change, StandardScaler(), plsr),
    }


class ChangeOfCurves(BaseEstimator):
    """Change from the second to the last curve of flat cells, a step of scikit-learn pipelines.

    Parameters
    ----------
    n_skipped : leading columns that are not curves.
    n_points : of one curve.
    """

    def __init__(self, n_skipped: int, n_points: int):
        self.n_skipped = n_skipped
        self.n_points = n_points

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the change, shape (n_cells, n_points)."""
        curves = np.asarray(X)[:, self.n_skipped :]
        return curves[:, -self.n_points :] - curves[:, self.n_points : 2 * self.n_points]


def curve_inter_cell(
    n_tables: int, cell_shape: tuple[int, ...], seed: int = 0, weight_decay: float = 1e-2
) -> OnColumns:
    """The inter-cell network on curves whose second cycle is the base."""
    model = _inter_cell(
        seed,
        weight_decay,
        epochs=400,
        n_components=40,
        base_cycle=1,
        compression=CURVE_COMPRESSION,
        cell_shape=cell_shape,
    )
    return OnColumns(model, n_tables, None)


def curve_auto(n_tables: int, cell_shape: tuple[int, ...], seed: int = 0) -> WinsorizedAuto:
    """Average over curves: the full feature set, a Gaussian process of curves and inter-cell networks.

    Inter-cell networks see either the curves or the features; their errors differ, so that the
    average has a smaller cross-validated error on the MATR training cells than any of them.
    """
    members: dict[str, AbstractCrossFittedRegressor] = {
        "full": OnColumns(_ridge(), 0, n_tables),
        "full_gaussian_process": OnColumns(GaussianProcess(), 0, n_tables),
        "extra_trees": OnColumns(_extra_trees(seed), 0, n_tables),
        "curve_gaussian_process": OnColumns(EncodedProcess(cell_shape, 1), n_tables, None),
        "inter_cell_curves": curve_inter_cell(n_tables, cell_shape, seed),
        "inter_cell_curves_smooth": curve_inter_cell(n_tables, cell_shape, seed, 3e-2),
        "inter_cell_features": OnColumns(_inter_cell(seed, 3e-2), 0, n_tables),
        "inter_cell_features_smooth": OnColumns(_inter_cell(seed, 1e-1), 0, n_tables),
    }
    return WinsorizedAuto({name: TargetOnly(model) for name, model in members.items()}, random_state=seed)


def inter_cell_member(fitted: Any) -> tuple[InterCellRegressor | None, Callable[[FloatArray], FloatArray]]:
    """Find the inter-cell network of largest weight in a fitted model, and what it sees of the inputs; None for none."""
    if isinstance(fitted, InterCellRegressor):
        return fitted, _unchanged
    if isinstance(fitted, (OnColumns, WithinFences)):
        network, seen = inter_cell_member(fitted.model_)
        return network, lambda X: seen(fitted.seen(X))
    if isinstance(fitted, TargetOnly):
        return inter_cell_member(fitted.model_)
    if isinstance(fitted, CensoredTransfer):
        return inter_cell_member(fitted.strategy_)
    if isinstance(fitted, WinsorizedAuto):
        for name in sorted(fitted.weights_, key=lambda n: -fitted.weights_[n]):
            network, seen = inter_cell_member(fitted.members_[name])
            if network is not None:
                return network, seen
    return None, _unchanged


def _unchanged(X: FloatArray) -> FloatArray:
    return X
