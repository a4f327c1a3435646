"""Transfer to a chemistry of which 1 to 16 cells were cycled to the end.

The general strategies are in the transfer room; here is what lifetimes need besides: a life-stage
curve that works from a single cell, the inter-cell network with target cells as references, and
`auto` over all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor

from ionbridge.applications.lifetime.mixture import WinsorizedAuto
from ionbridge.applications.lifetime.stage import LifeStage
from ionbridge.models import CrossFitted, FloatArray, Forest, GaussianProcess
from ionbridge.models.inter_cell import InterCellRegressor
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem
from ionbridge.transfer.baselines import TargetOnly
from ionbridge.transfer.hierarchical_gp import HierarchicalGP, output_calibration
from ionbridge.transfer.pooled import Pooled
from ionbridge.transfer.registry import make_strategy
from ionbridge.transfer.source_feature import SourceFeature
from ionbridge.transfer.source_only import SourceOnly

__all__ = ["Bounded", "InterCellTransfer", "LifetimeAuto", "StageTransfer", "lifetime_members"]


class StageTransfer(AbstractStrategy):
    """Mean of the target lives, moved by the life stage of each cell; works from one target cell.

    In logarithms of life over cycles seen: ``(1 - w) · mean + w · gain · shape(s)`` with the shape
    from whole source lives, the gain from the target cells, and ``w = r t / (1 + s)``: near its
    end the linear fade of a cell knows more than its relatives, far from it, or where the fade is
    not steady (reliability r, `fade_reliability`), or where the target cells do not follow the curve
    of the source, the relatives do. The trust t is the ratio of the gains, times the slope of the
    differences between the lives of the target cells over those that the stage explains, shrunk
    towards one: where they contradict the stage, it is not believed.

    Parameters
    ----------
    stage_column : column of `log_life_stage` in the inputs; `fade_reliability` stands before it.
    n_cycles : cycles seen.
    stage : the curve of the source.
    random_state : has no effect; every strategy has one.
    """

    needs: ClassVar[Needs] = "nothing"
    supports_target_only_inputs: ClassVar[bool] = True
    min_target_rows: ClassVar[int] = 1

    def __init__(
        self,
        stage_column: int = -1,
        n_cycles: int = 20,
        stage: LifeStage | None = None,
        random_state: int = 0,
    ):
        self.stage_column = stage_column
        self.n_cycles = n_cycles
        self.stage = stage
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        self.stage_ = LifeStage() if self.stage is None else self.stage
        s = problem.X_target[:, self.stage_column]
        z = np.log(np.maximum(problem.y_target, self.n_cycles + 1) / self.n_cycles)
        h = np.maximum(self.stage_.shape(s), 1e-3)
        n_rows = len(z)
        self.fold_ = np.arange(n_rows)
        self.mean_, self.gain_ = float(z.mean()), float(z @ h / (h @ h))
        ratio = self.gain_ / self.stage_.gain
        same_gain = float(min(ratio, 1.0 / max(ratio, 1e-6)))
        if n_rows == 1:  # what the source alone would have said
            self.fold_means_ = self.stage_.gain * self.stage_.shape(s)
            self.fold_gains_ = np.array([self.stage_.gain])
        else:
            self.fold_means_ = (z.sum() - z) / (n_rows - 1)
            self.fold_gains_ = (z @ h - z * h) / (h @ h - h * h)
        explained = same_gain * self._share(problem.X_target) * (self.gain_ * h - self.mean_)
        keep = ~np.eye(n_rows, dtype=bool)
        self.trust_ = same_gain * _agreement(explained, z)
        self.fold_trusts_ = np.array([same_gain * _agreement(explained[k], z[k]) for k in keep])
        folds = self.fold_means_, self.fold_gains_, self.fold_trusts_
        self.out_of_fold_ = self.n_cycles * np.exp(self._log_ratio(problem.X_target, *folds))

    def _share(self, X: FloatArray) -> FloatArray:
        """Weight of the stage where it is trusted, shape (n_rows,)."""
        stage = np.maximum(X[:, self.stage_column], 0.0)
        return np.clip(X[:, self.stage_column - 1], 0.0, 1.0) / (1.0 + stage)

    def _log_ratio(
        self, X: FloatArray, mean: FloatArray | float, gain: FloatArray | float, trust: FloatArray | float
    ) -> FloatArray:
        s = np.maximum(X[:, self.stage_column], 0.0)
        weight = trust * self._share(X)
        return (1.0 - weight) * mean + weight * gain * self.stage_.shape(s)

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.n_cycles * np.exp(self._log_ratio(X, self.mean_, self.gain_, self.trust_))

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        folds = (self.fold_means_[:, None], self.fold_gains_[:, None], self.fold_trusts_[:, None])
        return self.n_cycles * np.exp(self._log_ratio(X, *folds))


SMALL_DIFFERENCE = 0.1  # of log-life: differences below this neither confirm nor contradict the stage


def _agreement(explained: FloatArray, log_life: FloatArray) -> float:
    """Slope of the differences of `log_life` over those explained, each (n_cells,), shrunk to 1; 0 to 1."""
    i, j = np.triu_indices(len(log_life), 1)
    d, truth = explained[i] - explained[j], log_life[i] - log_life[j]
    slope = (d @ truth + SMALL_DIFFERENCE**2) / (d @ d + SMALL_DIFFERENCE**2)
    return float(np.clip(slope, 0.0, 1.0))


class InterCellTransfer(AbstractStrategy):
    """The inter-cell network of the source, asked about differences to the target cells.

    The prediction is ``log y = mean over target cells (log y_ref + ρ · d(x, x_ref))`` with the
    difference d of the source network. ρ is fitted to the differences between the target cells and
    shrunk towards one quarter, which transfer from one half of the LFP cells to the other preferred
    to 0.5 and 1: with a single target cell it is that.

    Parameters
    ----------
    regressor : trained on the source; None means the defaults of `InterCellRegressor`.
    random_state : seed of the network.
    """

    needs: ClassVar[Needs] = "source model"
    min_target_rows: ClassVar[int] = 1

    PRIOR_RATIO, PRIOR_PAIRS = 0.25, 4.0

    def __init__(self, regressor: InterCellRegressor | None = None, random_state: int = 0):
        self.regressor = regressor
        self.random_state = random_state

    def source_key(self) -> Hashable:
        """One network for all targets with the same settings."""
        return ("inter_cell", None if self.regressor is None else repr(self.regressor))

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Train the network on the source cells; folds are not needed."""
        made = InterCellRegressor(weight_decay=0.1, learning_rate=1e-2, epochs=200, n_members=4)
        made = made if self.regressor is None else clone(self.regressor)
        return made.set_params(random_state=random_state, n_folds=0).fit(X, y)

    def _fit(self, problem: TransferProblem) -> None:
        self.model_ = problem.source_model or self.prepare_source(
            problem.X_source, problem.y_source, problem.random_state
        )
        X, y = problem.X_target, np.log(problem.y_target)
        n_rows = len(y)
        self.X_target_, self.log_life_ = X, y
        d = np.clip(self.model_.differences(X, X), -LIMIT, LIMIT)
        truth = y[:, None] - y[None, :]
        self.ratio_ = self._ratio(d, truth)
        self.fold_ = np.arange(n_rows)
        if n_rows == 1:
            self.fold_ratios_ = np.array([self.PRIOR_RATIO])
            self.out_of_fold_ = self.model_.predict(X)
            return
        keep = [np.delete(np.arange(n_rows), i) for i in range(n_rows)]
        self.fold_ratios_ = np.array([self._ratio(d[np.ix_(k, k)], truth[np.ix_(k, k)]) for k in keep])
        left_out = [np.mean(y[k] + self.fold_ratios_[i] * d[i, k]) for i, k in enumerate(keep)]
        self.out_of_fold_ = np.exp(np.array(left_out))

    def _ratio(self, d: FloatArray, truth: FloatArray) -> float:
        typical = PRIOR_DIFFERENCE**2 * self.PRIOR_PAIRS
        ratio = (np.sum(d * truth) + typical * self.PRIOR_RATIO) / (np.sum(d * d) + typical)
        return float(np.clip(ratio, 0.0, 1.5))

    def _differences(self, X: FloatArray) -> FloatArray:
        return np.clip(self.model_.differences(X, self.X_target_), -LIMIT, LIMIT)

    def _predict(self, X: FloatArray) -> FloatArray:
        return np.exp((self.log_life_ + self.ratio_ * self._differences(X)).mean(axis=1))

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        n_rows = len(self.log_life_)
        if n_rows == 1:
            return self.model_.predict(X)[None]
        d = self._differences(X)
        answers = self.log_life_ + self.fold_ratios_[:, None, None] * d
        return np.exp((answers.sum(axis=2) - answers[np.arange(n_rows), :, np.arange(n_rows)]) / (n_rows - 1))


LIMIT = 1.5  # of log-life differences: a source network is not believed about more than a factor of 4.5
PRIOR_DIFFERENCE = 0.5


class Bounded(AbstractStrategy):
    """A strategy whose predictions stay within a factor of the known lives of the target.

    Parameters
    ----------
    strategy : unfitted.
    factor : largest ratio of a prediction to the longest known life, and of the shortest to it.
    random_state : seed handed to the strategy.
    """

    needs: ClassVar[Needs] = "source data"
    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(self, strategy: AbstractStrategy, factor: float = 4.0, random_state: int = 0):
        self.strategy = strategy
        self.factor = factor
        self.random_state = random_state

    def source_key(self) -> Hashable:
        """That of the strategy."""
        return self.strategy.source_key()

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Prepare what the strategy needs."""
        return self.strategy.prepare_source(X, y, random_state)

    def _fit(self, problem: TransferProblem) -> None:
        y = problem.y_target
        self.limits_ = np.array([y.min() / self.factor, y.max() * self.factor])
        self.strategy_ = clone(self.strategy).fit_problem(problem)
        self.fold_ = self.strategy_.fold_
        self.out_of_fold_ = np.clip(self.strategy_.out_of_fold_, *self.limits_)

    def _predict(self, X: FloatArray) -> FloatArray:
        return np.clip(self.strategy_.predict(X), *self.limits_)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return np.clip(self.strategy_.predict_folds(X), *self.limits_)


class LifetimeAuto(AbstractStrategy):
    """Average over everything that suits lifetimes; from one or two target cells, the life stage alone.

    Parameters
    ----------
    stage_column, n_cycles, stage : as of `StageTransfer`.
    members : strategies by name; None means `lifetime_members`.
    power : as of `WinsorizedAuto`.
    random_state : seed.

    Attributes
    ----------
    strategy_ : the fitted `StageTransfer` or `WinsorizedAuto`.
    """

    needs: ClassVar[Needs] = "source data"
    supports_target_only_inputs: ClassVar[bool] = True
    min_target_rows: ClassVar[int] = 1

    FEWEST_FOR_CHOICE = 3

    def __init__(
        self,
        stage_column: int = -1,
        n_cycles: int = 20,
        stage: LifeStage | None = None,
        members: Mapping[str, AbstractStrategy] | None = None,
        power: float = 4.0,
        random_state: int = 0,
    ):
        self.stage_column = stage_column
        self.n_cycles = n_cycles
        self.stage = stage
        self.members = members
        self.power = power
        self.random_state = random_state

    def _made(self) -> WinsorizedAuto:
        stage = StageTransfer(self.stage_column, self.n_cycles, self.stage)
        members = lifetime_members(stage) if self.members is None else dict(self.members)
        return WinsorizedAuto(members, self.power, has_weighted_median=False, random_state=self.random_state)

    def source_key(self) -> Hashable:
        """That of its members."""
        return ("lifetime", self._made().source_key())

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Prepare what each member needs."""
        return self._made().prepare_source(X, y, random_state)

    def _fit(self, problem: TransferProblem) -> None:
        self.strategy_: AbstractStrategy
        if len(problem.y_target) < self.FEWEST_FOR_CHOICE:
            self.strategy_ = StageTransfer(self.stage_column, self.n_cycles, self.stage)
        else:
            self.strategy_ = self._made()
        self.strategy_.fit_problem(problem)
        self.fold_, self.out_of_fold_ = self.strategy_.fold_, self.strategy_.out_of_fold_

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.strategy_.predict(X)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.strategy_.predict_folds(X)


def lifetime_members(stage: StageTransfer) -> dict[str, AbstractStrategy]:
    """The strategies that `LifetimeAuto` averages.

    Which ones, that they are pulled to their plain median, and that their weights come from the
    left-out errors alone, was chosen by transfer between the two LFP sets, MIT and HUST: weights
    drawn towards the mean error of each strategy in such transfers changed the error by 1 % only.
    """
    trees = CrossFitted(ExtraTreesRegressor(50, random_state=0), n_folds=8)
    members: dict[str, AbstractStrategy] = {
        "stage": stage,
        "mean": TargetOnly("mean"),
        "extra_trees": TargetOnly(trees),
        "random_forest": TargetOnly(Forest(n_trees=50)),
        "gaussian_process": TargetOnly(GaussianProcess(linear=False)),
        "gaussian_process_trend": TargetOnly(GaussianProcess()),
        "source_feature": SourceFeature(),
        "hierarchical_gp": HierarchicalGP(),
        "hierarchical_gp_no_trend": HierarchicalGP(linear=False),
        "output_calibration": output_calibration(),
        "inter_cell": InterCellTransfer(),
        "fine_tuning": make_strategy("fine_tuning"),
        "pooled": Pooled(n_trees=50),
        "source_only": SourceOnly(),
    }
    return {name: Bounded(member) for name, member in members.items()}
