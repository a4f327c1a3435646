"""Transfer between families of materials: a prior as it is, weighted pooling, source plus offset, blends.

The general strategies are in the transfer room; `Projected` hands them a few principal components.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesRegressor

from ionbridge.applications.screening.regressors import (
    GrownTrees,
    MonotonePrior,
    PrincipalAxes,
    boosting,
    kernel_machine,
    trees,
)
from ionbridge.exceptions import InsufficientDataError
from ionbridge.models import CrossFitted, FloatArray
from ionbridge.models.folds import assign_folds
from ionbridge.models.output_space import OutputSpace, Space
from ionbridge.transfer import AbstractStrategy, TransferProblem
from ionbridge.transfer.base import Needs
from ionbridge.transfer.baselines import TargetOnly
from ionbridge.transfer.registry import make_strategy

__all__ = [
    "LOG_BLEND",
    "Blend",
    "CalibratedPrior",
    "PriorValue",
    "Projected",
    "SourceOffset",
    "WeightedPooling",
    "log_blend",
    "screening_auto",
    "screening_strategies",
    "target_only_blend",
]

MIN_ROWS = 3
PRIOR_ROWS = 12.0  # so many known rows weigh as much as what is usually best
LOG_BLEND = ("weighted_pooling", "calibrated_prior", "prior")


class PriorValue(AbstractStrategy):
    """A prior value of the quantity itself, such as the barrier of a machine-learned potential.

    ``log y = log prior + c`` with the offset c of the target rows shrunk towards zero as if its
    standard deviation were `offset_sd`; zero leaves the prior as it is.

    Parameters
    ----------
    column : of the logarithm of the prior in the inputs.
    offset_sd : prior standard deviation of the offset [-].
    clipped_share : the prior is clipped to what all but this share of the known rows, at either end, has; zero
        leaves it as it is. Runs of a potential that went astray give barriers that no material has.
    random_state : has no effect; every strategy has one.
    """

    needs: ClassVar[Needs] = "nothing"
    supports_target_only_inputs: ClassVar[bool] = True
    min_target_rows: ClassVar[int] = 1

    def __init__(
        self,
        column: int = -1,
        offset_sd: float = 0.1,
        clipped_share: float = 0.01,
        random_state: int = 0,
    ):
        self.column = column
        self.offset_sd = offset_sd
        self.clipped_share = clipped_share
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        self.low_, self.high_ = -np.inf, np.inf
        if self.clipped_share > 0:
            known = np.log(np.concatenate([problem.y_source, problem.y_target]))
            self.low_, self.high_ = np.quantile(known, [self.clipped_share, 1.0 - self.clipped_share])
        prior = self._prior(problem.X_target)
        residual = np.log(problem.y_target) - prior
        fold, self.offset_, offsets = _shrunk_offsets(residual, problem, self.offset_sd)
        self.fold_, self.fold_offsets_ = fold, offsets
        self.out_of_fold_ = np.exp(prior + offsets[fold])

    def _prior(self, X: FloatArray) -> FloatArray:
        return np.clip(X[:, self.column], self.low_, self.high_)

    def _predict(self, X: FloatArray) -> FloatArray:
        return np.exp(self._prior(X) + self.offset_)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return np.exp(self._prior(X)[None, :] + self.fold_offsets_[:, None])


def _shrunk_offsets(
    residual: FloatArray, problem: TransferProblem, sd: float
) -> tuple[np.ndarray, float, FloatArray]:
    """Folds, the mean residual shrunk towards zero, and the same without each fold."""
    n_rows = len(residual)
    fold = assign_folds(n_rows, n_rows, problem.random_state, problem.groups)
    variance = max(float(np.median(np.abs(residual - np.median(residual))) * 1.48) ** 2, 0.01)

    def offset(part: FloatArray) -> float:
        return float(part.sum() / (len(part) + variance / sd**2)) if sd > 0 and len(part) else 0.0

    without = np.array([offset(residual[fold != f]) for f in range(fold.max() + 1)])
    return fold, offset(residual), without


class SourceOffset(AbstractStrategy):
    """The trees of the source, plus an offset of the target rows (a factor, in log space).

    Parameters
    ----------
    offset_sd : prior standard deviation of the offset [standard deviations of the source outputs]; zero
        leaves the source model as it is.
    space : working space of the outputs.
    n_trees : number of trees.
    random_state : seed of the trees.
    """

    needs: ClassVar[Needs] = "source model"
    min_target_rows: ClassVar[int] = 1

    def __init__(
        self, offset_sd: float = 0.5, space: Space = "auto", n_trees: int = 100, random_state: int = 0
    ):
        self.offset_sd = offset_sd
        self.space = space
        self.n_trees = n_trees
        self.random_state = random_state

    def source_key(self) -> Hashable:
        """Shared by all offsets of the same trees."""
        return ("screening_trees", self.space, self.n_trees)

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Grow the trees of the source."""
        return GrownTrees(self.space, self.n_trees, random_state).fit(X, y)

    def _fit(self, problem: TransferProblem) -> None:
        if not problem.has_source:
            raise InsufficientDataError("SourceOffset needs source rows or a source model; got neither.")
        self.source_model_ = problem.source_model or self.prepare_source(
            problem.X_source, problem.y_source, problem.random_state
        )
        own = self.source_model_.output_space_
        self.output_space_ = (
            own
            if np.all(problem.y_target > 0) or not own.is_log
            else OutputSpace(False, own.center, own.scale)
        )
        z = self._source(problem.X_target)
        residual = self.output_space_.forward(problem.y_target) - z
        fold, self.offset_, offsets = _shrunk_offsets(residual, problem, self.offset_sd)
        self.fold_, self.fold_offsets_ = fold, offsets
        self.out_of_fold_ = self.output_space_.inverse(z + offsets[fold])

    def _source(self, X: FloatArray) -> FloatArray:
        return self.output_space_.forward_clipped(self.source_model_.predict(X))

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.output_space_.inverse(self._source(X) + self.offset_)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.output_space_.inverse(self._source(X)[None] + self.fold_offsets_[:, None])


class _Pooled(AbstractStrategy):
    """One model of the weighted rows of both domains; its errors count on the target rows only."""

    needs: ClassVar[Needs] = "source data"
    target_share: float
    space: Space

    def _fit_pooled(self, problem: TransferProblem, model: BaseEstimator) -> None:
        """Fit a regressor to source and target rows together, leaving out target rows only."""
        n_source, n_target = len(problem.y_source), len(problem.y_target)
        share = self.target_share / (1.0 - self.target_share)
        weight = np.repeat([1.0, max(1.0, share * n_source / n_target)], [n_source, n_target])
        groups = None
        if problem.groups is not None:
            groups = np.concatenate([np.full(n_source, ""), problem.groups.astype(str)])
        self.model_ = CrossFitted(model, N_POOL_FOLDS, self.space, problem.random_state).fit_weighted(
            np.vstack([problem.X_source, problem.X_target]),
            np.concatenate([problem.y_source, problem.y_target]),
            weight,
            np.repeat([True, False], [n_source, n_target]),
            groups,
        )
        is_target = np.arange(len(self.model_.fold_)) >= len(problem.y_source)
        self.fold_ = self.model_.fold_[is_target]
        self.out_of_fold_ = self.model_.out_of_fold_[is_target]

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.model_.predict(X)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.model_.predict_folds(X)


class WeightedPooling(_Pooled):
    """Trees on the rows of both domains; all target rows together weigh `target_share` of the total.

    A target row never weighs less than a source row.

    Parameters
    ----------
    target_share : share of the total weight that the target rows have [-].
    space : working space of the outputs.
    n_trees : number of trees.
    max_features : share of the features that a tree looks at at every split [-]; more where one of them, such
        as a prior, tells most.
    random_state : seed of trees and folds.
    """

    def __init__(
        self,
        target_share: float = 0.25,
        space: Space = "auto",
        n_trees: int = 50,
        max_features: float = 0.3,
        random_state: int = 0,
    ):
        self.target_share = target_share
        self.space = space
        self.n_trees = n_trees
        self.max_features = max_features
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        model = ExtraTreesRegressor(
            self.n_trees, max_features=self.max_features, random_state=problem.random_state
        )
        self._fit_pooled(problem, model)


class CalibratedPrior(_Pooled):
    """A non-decreasing function of a prior value of the quantity, learned from the rows of both domains.

    How a machine-learned potential errs is much the same in two families of materials, and the source tells it
    better than a few target rows: too low where barriers are small, far too high where a path did not relax.

    Parameters
    ----------
    column : of the logarithm of the prior in the inputs.
    target_share : share of the total weight that the target rows have [-].
    space : working space of the outputs.
    random_state : seed of the folds.
    """

    def __init__(
        self, column: int = -1, target_share: float = 0.25, space: Space = "auto", random_state: int = 0
    ):
        self.column = column
        self.target_share = target_share
        self.space = space
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        self._fit_pooled(problem, MonotonePrior(self.column))


class Projected(AbstractStrategy):
    """A registered strategy on a few principal components of many features.

    Gaussian processes with a length scale a feature want about ten inputs, not two hundred. The
    components are those of the source inputs; outputs play no part.

    Parameters
    ----------
    strategy : registered name.
    n_components : number of components; fewer where there are fewer rows.
    keep : columns that are handed on besides, such as a prior.
    random_state : seed handed to the strategy.
    """

    needs: ClassVar[Needs] = "source model"

    def __init__(
        self,
        strategy: str = "residual_gp",
        n_components: int = 8,
        keep: tuple[int, ...] = (),
        random_state: int = 0,
    ):
        self.strategy = strategy
        self.n_components = n_components
        self.keep = keep
        self.random_state = random_state

    def source_key(self) -> Hashable:
        """Shared by strategies that want the same source model on the same components."""
        return ("projected", self.n_components, self.keep, make_strategy(self.strategy).source_key())

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Find the components of the source inputs and prepare what the strategy needs."""
        axes = PrincipalAxes(self.n_components, self.keep).fit(X)
        made = make_strategy(self.strategy)
        return {"axes": axes, "model": made.prepare_source(axes.transform(X), y, random_state)}

    def _fit(self, problem: TransferProblem) -> None:
        if not problem.has_source:
            raise InsufficientDataError("Projected needs source rows or a source model; got neither.")
        source = problem.source_model or self.prepare_source(
            problem.X_source, problem.y_source, problem.random_state
        )
        self.axes_ = source["axes"]
        target = self.axes_.transform(problem.X_target)
        self.strategy_ = make_strategy(self.strategy)
        self.strategy_.fit_problem(
            replace(
                problem,
                X_source=np.zeros((0, target.shape[1])),
                y_source=np.zeros(0),
                X_target=target,
                shared=np.ones(target.shape[1], dtype=bool),
                source_model=source["model"],
            )
        )
        self.fold_, self.out_of_fold_ = self.strategy_.fold_, self.strategy_.out_of_fold_

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.strategy_.predict(self.axes_.transform(X))

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.strategy_.predict_folds(self.axes_.transform(X))


class Blend(AbstractStrategy):
    """Convex combination of strategies in the working space, with weights drawn towards given ones.

    The weights minimise the squared out-of-sample errors of the target rows in the working space, plus a
    penalty on their distance from `prior_weights`, as strong as `prior_rows` rows would be. Few rows hardly
    move them; many rows decide. The out-of-sample prediction of each row uses weights found without
    its group.

    Parameters
    ----------
    members : strategies by name.
    prior_weights : by name, equal for all where None.
    prior_rows : strength of the prior weights [rows]; infinite keeps them.
    space : ``"log"``, ``"linear"``, or ``"auto"``: logarithmic where all outputs are positive.
    random_state : seed handed to the members.

    Attributes
    ----------
    weights_ : dict of str to float.
    errors_ : dict of str to float; out-of-sample mean absolute error of each member [y].
    disagreement_ : shape (n_target_rows,); spread of the members' out-of-sample predictions in the working space.
    """

    needs: ClassVar[Needs] = "source data"
    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(
        self,
        members: Mapping[str, AbstractStrategy],
        prior_weights: Mapping[str, float] | None = None,
        prior_rows: float = 20.0,
        space: Space = "auto",
        random_state: int = 0,
    ):
        self.members = members
        self.prior_weights = prior_weights
        self.prior_rows = prior_rows
        self.space = space
        self.random_state = random_state

    def source_key(self) -> Hashable:
        """One set of source models for all members."""
        return ("blend", tuple((n, m.source_key()) for n, m in self.members.items()))

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Prepare what each member needs, once for equal needs; a dict by member name."""
        by_key: dict[Hashable, Any] = {}
        for member in self.members.values():
            if member.source_key() not in by_key:
                by_key[member.source_key()] = member.prepare_source(X, y, random_state)
        return {name: by_key[member.source_key()] for name, member in self.members.items()}

    def _fit(self, problem: TransferProblem) -> None:
        source = problem.source_model if isinstance(problem.source_model, Mapping) else {}
        self.members_: dict[str, AbstractStrategy] = {}
        for name, member in self.members.items():
            part = replace(problem, source_model=None if member.needs == "nothing" else source.get(name))
            if member.needs == "nothing" or part.has_source:
                self.members_[name] = clone(member).fit_problem(part)
        self._weigh(problem)

    def _weigh(self, problem: TransferProblem) -> None:
        y = problem.y_target
        out = np.stack([m.out_of_fold_ for m in self.members_.values()])
        self.errors_ = dict(zip(self.members_, np.abs(out - y).mean(axis=1).tolist(), strict=True))
        self.is_log_ = self.space != "linear" and bool(np.all(y > 0) and np.all(out > 0))
        z, z_out = self._forward(y), self._forward(out)
        given = self.prior_weights or dict.fromkeys(self.members_, 1.0)
        prior = np.array([given.get(name, 0.0) for name in self.members_])
        prior = prior / prior.sum()
        residual = z_out - z
        weights = _blend_weights(residual, prior, self.prior_rows)
        self.weights_ = dict(zip(self.members_, weights.tolist(), strict=True))
        n_folds = min(len(y), 20)
        fold = assign_folds(len(y), n_folds, problem.random_state, problem.groups)
        self.fold_weights_ = np.empty((len(weights), len(y)))
        for f in range(fold.max() + 1):
            kept = fold != f
            without = _blend_weights(residual[:, kept], prior, self.prior_rows)
            self.fold_weights_[:, ~kept] = without[:, None]
        self.fold_ = np.arange(len(y))
        self.out_of_fold_ = self._inverse((self.fold_weights_ * z_out).sum(axis=0))
        self.disagreement_ = self._spread(z_out)

    def disagreement(self, X: FloatArray) -> FloatArray:
        """Weighted standard deviation of the members' predictions in the working space, shape (n_rows,)."""
        return self._spread(np.stack([self._forward(m.predict(X)) for m in self.members_.values()]))

    def _spread(self, parts: FloatArray) -> FloatArray:
        weights = np.array(list(self.weights_.values()))[:, None]
        middle = (weights * parts).sum(axis=0)
        return np.sqrt((weights * (parts - middle) ** 2).sum(axis=0))

    def _forward(self, y: FloatArray) -> FloatArray:
        return np.log(np.maximum(y, np.finfo(float).tiny)) if self.is_log_ else y

    def _inverse(self, z: FloatArray) -> FloatArray:
        return np.exp(np.minimum(z, 700.0)) if self.is_log_ else z

    def _predict(self, X: FloatArray) -> FloatArray:
        parts = np.stack([self._forward(m.predict(X)) for m in self.members_.values()])
        return self._inverse(np.array(list(self.weights_.values())) @ parts)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        total = np.zeros((len(self.fold_), len(X)))
        for weight, member in zip(self.fold_weights_, self.members_.values(), strict=True):
            total += weight[:, None] * self._forward(member.predict_folds(X)[member.fold_])
        return self._inverse(total)


def _blend_weights(residual: FloatArray, prior: FloatArray, prior_rows: float) -> FloatArray:
    """Convex weights, shape (n_members,), from out-of-sample residuals (n_members, n_rows)."""
    n_rows = residual.shape[1]
    if not np.isfinite(prior_rows) or n_rows < MIN_ROWS:
        return prior
    clip = 4.0 * max(float(np.median(np.abs(residual))), 1e-9)  # one row must not decide
    residual = np.clip(residual, -clip, clip)
    spread = float(np.mean(residual**2)) * prior_rows
    A = np.vstack([residual.T, np.sqrt(spread) * np.eye(len(prior))])
    b = np.concatenate([np.zeros(n_rows), np.sqrt(spread) * prior])
    strong = 1e3 * np.sqrt(np.mean(A**2)) * np.sqrt(len(A))  # weights sum to one
    weights, _ = nnls(np.vstack([A, np.full(len(prior), strong)]), np.append(b, strong))
    return weights / weights.sum()


N_POOL_FOLDS = 4


def target_only_blend(has_prior: bool = False, space: Space = "auto", seed: int = 0) -> Blend:
    """Trees, boosting, kernels and the prior, for some hundred rows of one domain."""
    members: dict[str, AbstractStrategy] = {
        "trees": TargetOnly(trees(seed, 100, space), seed),
        "boosting": TargetOnly(boosting(seed, space=space), seed),
        "kernel_machine": TargetOnly(kernel_machine(seed, space), seed),
    }
    weights = {"trees": 0.35, "boosting": 0.3, "kernel_machine": 0.2}
    if has_prior:
        members["prior"] = PriorValue(random_state=seed)
        weights["prior"] = 0.15
    return Blend(members, weights, prior_rows=500.0, space=space, random_state=seed)


def pooling(has_prior: bool, space: Space = "auto", seed: int = 0) -> WeightedPooling:
    """Pooled trees, which look at more features where one of them is a prior."""
    return WeightedPooling(space=space, max_features=0.6 if has_prior else 0.3, random_state=seed)


def log_blend(space: Space = "auto", seed: int = 0) -> Blend:
    """Weighted pooling, the prior, and the prior as both domains calibrate it, in equal parts of their logarithms."""
    made = (
        pooling(True, space, seed),
        CalibratedPrior(space=space, random_state=seed),
        PriorValue(offset_sd=0.0),
    )
    members: dict[str, AbstractStrategy] = dict(zip(LOG_BLEND, made, strict=True))
    return Blend(members, prior_rows=np.inf, space=space, random_state=seed)


def screening_strategies(
    has_prior: bool = False, space: Space = "auto", seed: int = 0
) -> dict[str, AbstractStrategy]:
    """Every strategy that benchmarks print, by name; the first four know the target alone."""
    made: dict[str, AbstractStrategy] = {
        "mean": TargetOnly("mean", seed),
        "target_trees": TargetOnly(trees(seed, 60, space), seed),
        "target_kernel": TargetOnly(kernel_machine(seed, space), seed),
        "source_only": SourceOffset(0.0, space, random_state=seed),
        "source_offset": SourceOffset(0.5, space, random_state=seed),
        "source_residual_gp": Projected("residual_gp", keep=(-1,) if has_prior else (), random_state=seed),
        "weighted_pooling": pooling(has_prior, space, seed),
    }
    if has_prior:
        made["prior"] = PriorValue(offset_sd=0.0, clipped_share=0.0)
        made["calibrated_prior"] = CalibratedPrior(space=space, random_state=seed)
        made["log_blend"] = log_blend(space, seed)
    return made


def screening_auto(has_prior: bool = False, space: Space = "auto", seed: int = 0) -> Blend:
    """`Blend` over what suits materials, with and without the source; the target rows decide.

    A priori the rows of both domains and the prior count most, and a model of the target alone a third:
    it takes over where the source misleads and there are rows enough to see it.
    """
    members: dict[str, AbstractStrategy] = {
        "weighted_pooling": pooling(has_prior, space, seed),
        "source_offset": SourceOffset(0.5, space, random_state=seed),
        "target_trees": TargetOnly(trees(seed, 60, space), seed),
        "mean": TargetOnly("mean", seed),
    }
    weights = {"weighted_pooling": 0.7, "source_offset": 0.05, "target_trees": 0.2, "mean": 0.05}
    if has_prior:
        members["calibrated_prior"] = CalibratedPrior(space=space, random_state=seed)
        members["prior"] = PriorValue(offset_sd=0.0)
        weights = {
            "weighted_pooling": 0.32,
            "source_offset": 0.01,
            "target_trees": 0.1,
            "mean": 0.01,
            "calibrated_prior": 0.28,
            "prior": 0.28,
        }
    return Blend(members, weights, PRIOR_ROWS, space, seed)
