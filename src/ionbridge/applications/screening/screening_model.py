"""`ScreeningModel`: a `PropertyModel` with the verdict on its source, chances and what to calculate next.

Fitting, intervals and flags are `model.py`; reading entries is `entries.py`, ranking them `screen.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from ionbridge.applications.screening.features import FeatureTable
from ionbridge.applications.screening.model import LINEAR, PropertyModel, ScreeningPrediction
from ionbridge.applications.screening.regressors import GrownTrees
from ionbridge.applications.screening.strategies import screening_auto, target_only_blend
from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.models.output_space import Space
from ionbridge.quantities import Quantity, quantity
from ionbridge.transfer import AbstractStrategy, make_strategy

__all__ = ["ScreeningModel", "SourceVerdict"]

FloatArray = NDArray[np.float64]
MIN_TARGET = 5  # known target rows with which a strategy is fitted; fewer are predicted by the source alone
MIN_JUDGED = 8  # known target rows with which the source is judged
_N_BOOTSTRAP = 2000


@dataclass(frozen=True)
class SourceVerdict:
    """Whether the source helped, judged on the known target rows only.

    Parameters
    ----------
    value : ``helps``, ``no difference``, ``hurts`` or ``cannot tell``.
    error, target_only_error, source_only_error : mean absolute errors of held-out groups of known target
        rows, with both, with the target alone and with the source as it is [unit of the quantity]; NaN
        where not known.
    lower, upper : 95 % interval of the change of the error through the source [same unit].
    n_rows, n_groups : known target rows and host compositions among them.
    sentence : the finding in words.
    """

    value: str
    error: float
    target_only_error: float
    source_only_error: float
    lower: float
    upper: float
    n_rows: int
    n_groups: int
    sentence: str


class ScreeningModel(BaseEstimator):
    """Predicts one quantity of materials, from few known ones and perhaps many of another family.

    Parameters
    ----------
    quantity_name : of the catalogue.
    strategy : ``auto``, a registered name or an unfitted strategy.
    level : nominal coverage of the intervals.
    random_state : seed.

    Attributes
    ----------
    model_ : fitted `PropertyModel`; of the source alone with too few known target rows.
    uses_target_ : whether it was fitted to target rows.
    elements_ : of all training rows.
    y_target_, y_source_ : known values; the latter None without a source.
    target_out_of_fold_ : prediction of each known target row without its group [unit]; empty with too few.
    verdict_ : `SourceVerdict`.
    cv_mae_ : error of held-out groups [unit of the quantity].
    """

    def __init__(
        self,
        quantity_name: str = "migration_barrier",
        strategy: str | AbstractStrategy = "auto",
        level: float = 0.9,
        random_state: int = 0,
    ):
        self.quantity_name = quantity_name
        self.strategy = strategy
        self.level = level
        self.random_state = random_state

    @property
    def output(self) -> Quantity:
        """What is predicted."""
        return quantity(self.quantity_name)

    @property
    def strategy_(self) -> AbstractStrategy:
        """The fitted strategy."""
        check_is_fitted(self, "model_")
        return self.model_.strategy_

    def fit(self, target: FeatureTable | None, source: FeatureTable | None = None) -> Self:
        """Learn from known materials of the target family and of the source.

        Parameters
        ----------
        target : rows of which the quantity is known; None or empty for none.
        source : rows of another family, with the same columns; None for none.

        Raises
        ------
        InsufficientDataError
            If there is neither a source nor enough known target rows.
        """
        if not 0.0 < self.level < 1.0:
            raise ConfigurationError(f"'level' must lie between 0 and 1, such as 0.9; got {self.level}.")
        n_target = 0 if target is None else len(target)
        self.uses_target_ = target is not None and n_target >= MIN_TARGET
        if target is not None and self.uses_target_:
            fitted = PropertyModel(self.strategy, self.level, self.random_state).fit(target, source)
        elif source is not None:
            fitted = PropertyModel("auto", self.level, self.random_state).fit(source)
        else:
            raise InsufficientDataError(
                f"{MIN_TARGET} known materials are needed without a source; got {n_target}. Add known ones, or a source."
            )
        self.model_ = fitted
        self.y_target_ = np.zeros(0) if target is None else target.y
        self.y_source_ = None if source is None else source.y
        self.target_out_of_fold_ = fitted.strategy_.out_of_fold_ if self.uses_target_ else np.zeros(0)
        self.cv_mae_ = fitted.cv_mae_
        present = [table for table in (target, source) if table is not None]
        self.elements_ = sorted(
            {e for table in present for text in table.labels["elements"] for e in text.split()}
        )
        self.target_domain_ = None if target is None else target.domain.to_dict()
        self.source_domain_ = None if source is None else source.domain.to_dict()
        hashes = {"target": target, "source": source}
        self.data_sha256_ = {role: table.sha256 for role, table in hashes.items() if table is not None}
        self.verdict_ = self._judge(target, source)
        return self

    def predict(self, table: FeatureTable, level: float | None = None) -> ScreeningPrediction:
        """Predict with intervals, flags and draws of the predictive distribution; see `PropertyModel`."""
        check_is_fitted(self, "model_")
        return self.model_.predict(table, level)

    def new_elements(self, table: FeatureTable) -> tuple[str, ...]:
        """For each row, elements that no training row holds, in words; mostly empty."""
        known = set(self.elements_)
        found = [sorted(set(text.split()) - known) for text in table.labels["elements"]]
        return tuple(f"no known material holds {', '.join(new)}" if new else "" for new in found)

    def _judge(self, target: FeatureTable | None, source: FeatureTable | None) -> SourceVerdict:
        """Compare errors of held-out groups with and without the source."""
        unit, y = self.output.unit, self.y_target_
        n_rows, n_groups = len(y), 0 if target is None else len(np.unique(target.groups))
        nothing = SourceVerdict(
            "cannot tell", np.nan, np.nan, np.nan, np.nan, np.nan, n_rows, n_groups,
            "There is no source: the model rests on the known materials alone."
            if source is None
            else f"Too few known materials ({n_rows}) to judge the source; {MIN_JUDGED} or more are needed.",
        )  # fmt: skip
        if target is None or source is None or not self.uses_target_ or n_rows < MIN_JUDGED or n_groups < 3:
            return nothing
        if self.strategy_.needs == "nothing":
            shown = f"{self.strategy!r} " if isinstance(self.strategy, str) else ""
            said = (
                f"The strategy {shown}ignores the source: the model rests on the known materials alone. "
                "Take another, such as 'auto', to have the source used and judged."
            )
            return replace(nothing, sentence=said)
        groups = target.groups
        alone = self._out_of_fold_alone(target)
        space: Space = "linear" if self.quantity_name in LINEAR or np.any(source.y <= 0) else "auto"
        others = source.subset(~np.isin(source.groups, groups))  # twins would make the source look better
        as_it_is = np.full(n_rows, np.nan)
        if len(others):
            as_it_is = (
                GrownTrees(space, random_state=self.random_state).fit(others.X, others.y).predict(target.X)
            )
        ours, theirs = np.abs(y - self.target_out_of_fold_), np.abs(y - alone)
        lower, upper = _grouped_interval(ours - theirs, groups, self.random_state)
        value = "helps" if upper < 0 else "hurts" if lower > 0 else "no difference"
        raw = float(np.abs(y - as_it_is).mean())
        words = {
            "helps": "The source helps", "hurts": "The source misleads",
            "no difference": "It is not proven that the source helps",
        }[value]  # fmt: skip
        shown = "" if unit == "1" else f" {unit}"
        alone_errs = f"; the source as it is would err by {raw:.3g}{shown}" if np.isfinite(raw) else ""
        sentence = (
            f"{words}: on {n_rows} known materials of {n_groups} hosts, each predicted without its host, the mean error "
            f"is {ours.mean():.3g}{shown} with the source and {theirs.mean():.3g}{shown} without it (change "
            f"{(ours - theirs).mean():+.3g}, 95 % interval {lower:+.3g} to {upper:+.3g}){alone_errs}."
        )
        return SourceVerdict(
            value, float(ours.mean()), float(theirs.mean()), raw, lower, upper, n_rows, n_groups, sentence
        )

    def _out_of_fold_alone(self, target: FeatureTable) -> FloatArray:
        """Out-of-sample predictions without the source, by the better of the same strategy and trees."""
        space: Space = "linear" if self.quantity_name in LINEAR or np.any(target.y <= 0) else "auto"
        seed, has_prior = self.random_state, target.has_prior
        trees = screening_auto(has_prior, space, seed)  # without a source, its members that need none
        other = target_only_blend(has_prior, space, seed) if self.strategy == "auto" else _made(self.strategy)
        found = []
        for strategy in (trees, other):
            try:
                found.append(strategy.fit(target.X, target.y, groups=target.groups).out_of_fold_)
            except InsufficientDataError:  # a strategy that is nothing without a source
                continue
        return min(found, key=lambda out: float(np.abs(target.y - out).mean()))


def _made(strategy: str | AbstractStrategy) -> AbstractStrategy:
    return make_strategy(strategy) if isinstance(strategy, str) else clone(strategy)


def expected_improvement(prediction: ScreeningPrediction, best: float, *, below: bool) -> FloatArray:
    """Mean amount by which each material is expected to beat `best`, shape (n_rows,) [unit]."""
    gain = best - prediction.samples if below else prediction.samples - best
    return np.asarray(np.maximum(gain, 0.0).mean(axis=0))


def _grouped_interval(
    difference: FloatArray, groups: NDArray[np.str_], seed: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Bootstrap interval of a mean over rows that come in groups."""
    labels, member = np.unique(groups, return_inverse=True)
    total = np.bincount(member, weights=difference)
    count = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(0, len(labels), (_N_BOOTSTRAP, len(labels)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def nearest_names(name: str, known: Sequence[str]) -> str:
    """``Did you mean ...?`` for a name that is not known; empty where none is near."""
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""
