"""The contract of a transfer strategy: an estimator that is told the domain of every row.

Concrete strategies are modules beside this one; choosing among them is `auto.py`; wrapping a
fitted strategy with names, units, intervals and limits is `model.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from ionbridge.exceptions import (
    ConfigurationError,
    DataError,
    InsufficientDataError,
    ShapeError,
    UnsupportedInputsError,
)
from ionbridge.execution import one_thread
from ionbridge.models import FloatArray

__all__ = ["SOURCE", "TARGET", "AbstractStrategy", "Needs", "TransferProblem", "fit_many"]

SOURCE, TARGET = "source", "target"
Needs = Literal["nothing", "source model", "source data"]


@dataclass(frozen=True)
class TransferProblem:
    """Rows of two domains, split by domain and checked; what a strategy learns from.

    Parameters
    ----------
    X_source : shape (n_source_rows, n_shared)
        Source inputs: only the columns that the source has.
    y_source : shape (n_source_rows,)
    X_target : shape (n_target_rows, n_features)
        Target training inputs: all columns.
    y_target : shape (n_target_rows,)
    shared : shape (n_features,), bool; the columns of `X_target` that the source has, in order.
    source_model : what `AbstractStrategy.prepare_source` returned, or None to prepare it here.
    random_state : seed of everything random in this problem.
    groups : shape (n_target_rows,), or None; target rows with the same label (replicates of one
        condition, one batch) are left out together, so that they do not vouch for each other.
    """

    X_source: FloatArray
    y_source: FloatArray
    X_target: FloatArray
    y_target: FloatArray
    shared: NDArray[np.bool_]
    source_model: Any = None
    random_state: int = 0
    groups: NDArray[Any] | None = None

    @classmethod
    def from_rows(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        domain: ArrayLike,
        source_model: Any = None,
        random_state: int = 0,
        groups: ArrayLike | None = None,
    ) -> TransferProblem:
        """Check the rows and split them by domain.

        Parameters
        ----------
        X : shape (n_rows, n_features)
            A column that the source does not have is NaN in every source row.
        y : shape (n_rows,)
        domain : shape (n_rows,), each ``"source"`` or ``"target"``.
        groups : shape (n_rows,), or None; labels of rows that belong together.

        Raises
        ------
        ShapeError, DataError, InsufficientDataError
        """
        X, y, domain = np.asarray(X, dtype=float), np.asarray(y, dtype=float), np.asarray(domain)
        if X.ndim != 2:
            raise ShapeError(f"'X' must have shape (n_rows, n_features); got {X.shape}.")
        if y.shape != (len(X),) or domain.shape != (len(X),):
            raise ShapeError(
                f"'y' and 'domain' must have shape ({len(X)},), one entry a row of 'X'; got {y.shape} and {domain.shape}."
            )
        unknown = sorted(set(np.unique(domain).tolist()) - {SOURCE, TARGET})
        if unknown:
            raise ConfigurationError(f"'domain' must hold only 'source' and 'target'; got {unknown[:3]}.")
        is_source, is_target = domain == SOURCE, domain == TARGET
        if not is_target.any():
            raise InsufficientDataError(
                "there is no target row to learn from; label at least 3 rows 'target', or use the source model as it is."
            )
        absent = np.isnan(X[is_source]).all(axis=0) if is_source.any() else np.zeros(X.shape[1], dtype=bool)
        present = X.copy()
        present[np.ix_(is_source, absent)] = 0.0
        if not np.isfinite(present).all() or not np.isfinite(y).all():
            bad = np.flatnonzero(~np.isfinite(present).all(axis=1) | ~np.isfinite(y))
            raise DataError(
                f"'X' or 'y' holds missing or infinite values in {len(bad)} row(s), first row {bad[0]}; "
                "fill them or leave these rows out (a column the source lacks must be NaN in every source row)."
            )
        return cls(
            X_source=X[is_source][:, ~absent],
            y_source=y[is_source],
            X_target=X[is_target],
            y_target=y[is_target],
            shared=~absent,
            source_model=source_model,
            random_state=random_state,
            groups=None if groups is None else np.asarray(groups)[is_target],
        )

    @property
    def has_source(self) -> bool:
        """Whether there is anything to transfer: source rows or a prepared source model."""
        return len(self.y_source) > 0 or self.source_model is not None

    @property
    def X_target_shared(self) -> FloatArray:
        """Target inputs restricted to the columns the source has, shape (n_target_rows, n_shared)."""
        return self.X_target[:, self.shared]


class AbstractStrategy(RegressorMixin, BaseEstimator):
    """Learns a predictor of the target domain from both domains.

    Subclasses store their arguments in `__init__`, and implement `_fit` (which sets attributes
    ending in ``_``, among them `fold_` and `out_of_fold_` over the target training rows),
    `_predict` and `_predict_folds`. Every attribute that `fit` sets must be an array, a plain
    value, a container of those, or another estimator of ionbridge or scikit-learn: this is what
    makes every strategy savable without pickle (`ionbridge.models.state`).

    Attributes
    ----------
    needs : what must be known of the source: nothing (a baseline), a model, or its data.
    supports_target_only_inputs : whether columns that only the target has are used.
    min_target_rows : fewest target rows that `fit` accepts.
    fold_ : shape (n_target_rows,), integer.
    out_of_fold_ : shape (n_target_rows,) [y]; out-of-sample prediction of the target training rows.
    n_features_in_ : number of input columns.
    """

    needs: ClassVar[Needs]
    supports_target_only_inputs: ClassVar[bool] = False
    min_target_rows: ClassVar[int] = 3

    random_state: int
    fold_: NDArray[np.int64]
    out_of_fold_: FloatArray
    n_features_in_: int

    @final
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        domain: ArrayLike | None = None,
        *,
        source_model: Any = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn from rows of both domains.

        Parameters
        ----------
        X : shape (n_rows, n_features); a column that only the target has is NaN in every source row.
        y : shape (n_rows,)
        domain : shape (n_rows,), ``"source"`` or ``"target"``; None means that all are target rows.
        source_model : result of `prepare_source`; then no source rows are needed by strategies
            whose `needs` is not ``"source data"``.
        groups : shape (n_rows,); rows with the same label are left out together.

        Raises
        ------
        ShapeError, DataError, InsufficientDataError, UnsupportedInputsError
        """
        domain = np.full(len(np.asarray(y)), TARGET) if domain is None else domain
        return self.fit_problem(
            TransferProblem.from_rows(X, y, domain, source_model, self.random_state, groups)
        )

    @final
    def fit_problem(self, problem: TransferProblem) -> Self:
        """Learn from a checked problem; `fit` for callers that have split the rows already."""
        self._check_problem(problem)
        self.n_features_in_ = problem.X_target.shape[1]
        with one_thread():
            self._fit(problem)
        return self

    @final
    def _check_problem(self, problem: TransferProblem) -> None:
        name = type(self).__name__
        if len(problem.y_target) < self.min_target_rows:
            raise InsufficientDataError(
                f"{name} needs at least {self.min_target_rows} target rows; got {len(problem.y_target)}. "
                "Measure more target rows, or use 'source_only' for a prediction without any."
            )
        if not problem.shared.all() and not self.supports_target_only_inputs:
            only = np.flatnonzero(~problem.shared).tolist()
            raise UnsupportedInputsError(
                f"{name} cannot use inputs that the source lacks (columns {only}); leave them out or choose a "
                "strategy that supports them, such as 'auto' or 'hierarchical_gp'."
            )
        if self.needs == "source data" and problem.has_source and not len(problem.y_source):
            raise InsufficientDataError(f"{name} needs the source rows themselves, not only a source model.")

    @final
    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict target outputs, shape (n_rows,) [y], for inputs of shape (n_rows, n_features)."""
        with one_thread():
            return self._predict(self._check_inputs(X))

    @final
    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out model, shape (n_folds, n_rows) [y]; row f belongs to fold f."""
        with one_thread():
            return self._predict_folds(self._check_inputs(X))

    @final
    def _check_inputs(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self, "n_features_in_")
        X = np.asarray(X, dtype=float)
        if X.ndim != 2 or X.shape[1] != self.n_features_in_:
            raise ShapeError(
                f"'X' of {type(self).__name__} must have shape (n_rows, {self.n_features_in_}); got {X.shape}."
            )
        return X

    def source_key(self) -> Hashable:
        """Identify what `prepare_source` computes: strategies with equal keys can share its result."""
        return None

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Learn what is needed of the source, once for many targets; None where nothing is.

        Parameters
        ----------
        X : shape (n_source_rows, n_shared)
        y : shape (n_source_rows,)
        """
        return None

    @abstractmethod
    def _fit(self, problem: TransferProblem) -> None: ...

    @abstractmethod
    def _predict(self, X: FloatArray) -> FloatArray: ...

    @abstractmethod
    def _predict_folds(self, X: FloatArray) -> FloatArray: ...


def fit_many(strategy: AbstractStrategy, problems: Sequence[TransferProblem]) -> list[AbstractStrategy]:
    """Fit one clone of `strategy` to each problem.

    Strategies made of networks define ``_fit_many(clones, problems)`` and train all of them as
    one stack; the others are fitted one after the other. Results do not depend on which
    problems are fitted together beyond floating-point rounding.
    """
    clones = [clone(strategy) for _ in problems]
    batched = getattr(strategy, "_fit_many", None)
    if batched is None:
        return [c.fit_problem(p) for c, p in zip(clones, problems, strict=True)]
    for c, p in zip(clones, problems, strict=True):
        c._check_problem(p)
        c.n_features_in_ = p.X_target.shape[1]
    with one_thread():
        batched(clones, problems)
    return clones
