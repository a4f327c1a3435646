"""`ScreeningModel`: a strategy on material features with grouped validation, intervals, chances and flags.

Strategies come from the transfer room; reading entries is `entries.py`, ranking them `screen.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.utils.validation import check_is_fitted

from ionbridge.applications.screening.entries import Features
from ionbridge.datasets.structures import parse_formula
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError
from ionbridge.models import ApplicabilityDomain, CrossFitted, JackknifePlus, Prediction
from ionbridge.quantities import Quantity, quantity
from ionbridge.transfer import AbstractStrategy, TransferProblem, make_strategy
from ionbridge.transfer.auto import Auto
from ionbridge.transfer.baselines import TargetOnly
from ionbridge.transfer.pooled import Pooled

__all__ = ["ScreeningModel", "SourceVerdict", "default_strategy"]

FloatArray = NDArray[np.float64]
MIN_TARGET = 5  # known target rows with which a strategy is fitted; fewer are predicted by the source alone
MIN_JUDGED = 8  # known target rows with which the source is judged
OUTSIDE_SHARE = 0.15
_N_BOOTSTRAP = 2000


def default_strategy(random_state: int = 0) -> AbstractStrategy:
    """Trees on both domains, trees on the target alone and the mean, averaged by their grouped errors."""
    members: dict[str, AbstractStrategy] = {
        "pooled": Pooled(n_trees=40),
        "trees": TargetOnly(_trees()),
        "mean": TargetOnly("mean"),
    }
    return Auto(members=members, random_state=random_state)


def _trees(n_trees: int = 60) -> CrossFitted:
    """Extremely randomised trees that look at a third of the features at every split."""
    return CrossFitted(ExtraTreesRegressor(n_trees, max_features=0.3, random_state=0), n_folds=5)


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
    names_ : features used.
    strategy_ : fitted strategy; trees on the source alone with too few known target rows.
    calibrator_ : source of the intervals.
    residual_ : signed out-of-sample residuals in the working space, shape (n_judged_rows,).
    applicability_ : what the training rows cover.
    ions_, elements_ : of all training rows.
    y_target_, y_source_ : known values; the latter None without a source.
    target_out_of_fold_ : prediction of each known target row without its group [unit]; NaN with too few.
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

    def fit(
        self,
        target: Features | None,
        y_target: FloatArray | None,
        source: Features | None = None,
        y_source: FloatArray | None = None,
    ) -> Self:
        """Learn from known materials of the target family and of the source.

        Parameters
        ----------
        target, y_target : the few known ones, values of shape (n_target_rows,); None or empty for none.
        source, y_source : the many of another family; None for none.

        Raises
        ------
        InsufficientDataError
            If there is neither a source nor enough known target rows.
        """
        self._check(target, y_target, source, y_source)
        n_target = 0 if target is None else len(target)
        present = [t for t in (target, source) if t is not None and len(t)]
        self.names_ = tuple(sorted(set.intersection(*(set(t.names) for t in present))))
        if not self.names_:
            raise DataError(
                "source and target have no feature in common: one holds crystals, the other formulas. Give both alike."
            )
        X = [t.columns(self.names_) for t in present]
        self.y_target_ = np.zeros(0) if y_target is None else np.asarray(y_target, dtype=float)
        self.y_source_ = None if source is None else np.asarray(y_source, dtype=float)
        uses_target = n_target >= MIN_TARGET
        if uses_target:
            assert target is not None
            self._fit_target(target.columns(self.names_), self.y_target_, target.groups, source)
        elif source is not None and self.y_source_ is not None:
            forest = TargetOnly(_trees(), self.random_state)
            self.strategy_ = forest.fit(source.columns(self.names_), self.y_source_, groups=source.groups)
        else:
            raise InsufficientDataError(
                f"{MIN_TARGET} known materials are needed without a source; got {n_target}. Add known ones, or a source."
            )
        y_judged = self.y_target_ if uses_target else np.asarray(self.y_source_)
        self.uses_target_ = uses_target
        self.calibrator_ = JackknifePlus.from_fitted(self.strategy_, y_judged)
        z, z_out = self._forward(y_judged), self._forward(self.strategy_.out_of_fold_)
        self.residual_ = (z - z_out)[self.strategy_.fold_ >= 0]
        self.target_out_of_fold_ = self.strategy_.out_of_fold_ if uses_target else np.full(n_target, np.nan)
        self.cv_mae_ = float(np.abs(y_judged - self.strategy_.out_of_fold_).mean())
        self.applicability_ = ApplicabilityDomain.from_rows(np.vstack(X), self.names_)
        self.ions_ = sorted({str(ion) for t in present for ion in t.ions})
        self.elements_ = sorted(
            {
                element
                for t in present
                for formula in t.formulas
                for element in parse_formula(str(formula)).amounts
            }
        )
        self.verdict_ = self._judge(target, source)
        return self

    def _check(self, target: Any, y_target: Any, source: Any, y_source: Any) -> None:
        if not 0.0 < self.level < 1.0:
            raise ConfigurationError(f"'level' must lie between 0 and 1, such as 0.9; got {self.level}.")
        for word, table, y in (("target", target, y_target), ("source", source, y_source)):
            n_rows = 0 if table is None else len(table)
            n_values = 0 if y is None else len(y)
            if n_rows != n_values:
                raise ShapeError(
                    f"'y_{word}' must have one value a row of '{word}' ({n_rows}); got {n_values}."
                )

    def _fit_target(
        self, X: FloatArray, y: FloatArray, groups: NDArray[np.str_], source: Features | None
    ) -> None:
        strategy = self._made()
        X_source = np.zeros((0, X.shape[1])) if source is None else source.columns(self.names_)
        y_source = np.zeros(0) if self.y_source_ is None else self.y_source_
        shared = np.ones(X.shape[1], dtype=bool)
        problem = TransferProblem(X_source, y_source, X, y, shared, None, self.random_state, groups)
        self.strategy_ = strategy.fit_problem(problem)

    def _made(self) -> AbstractStrategy:
        if isinstance(self.strategy, str):
            made = default_strategy() if self.strategy == "auto" else make_strategy(self.strategy)
        else:
            made = clone(self.strategy)
        if "random_state" in made.get_params():
            made.set_params(random_state=self.random_state)
        return made

    def predict(self, table: Features, level: float | None = None) -> Prediction:
        """Predict with intervals and flags.

        Parameters
        ----------
        table : of n_rows materials.
        level : nominal coverage; None for the model's own.
        """
        check_is_fitted(self, "strategy_")
        X = table.columns(self.names_)
        level = self.level if level is None else level
        mean = self.strategy_.predict(X)
        lower, upper = self.calibrator_.interval(self.strategy_, X, level)
        reasons = self._reasons(table, X)
        inside = np.array([not reason for reason in reasons], dtype=bool)
        return Prediction(self.output.name, self.output.unit, mean, lower, upper, level, inside, reasons)

    def chance(self, table: Features, threshold: float, *, below: bool) -> FloatArray:
        """Probability that the true value lies beyond a threshold, shape (n_rows,) [-].

        The share of leave-out predictions, each shifted by the residual of a row it left out, that lie
        beyond it: the predictive distribution that belongs to the intervals.

        Parameters
        ----------
        table : of n_rows materials.
        threshold : [unit of the quantity]
        below : whether small values are wanted.
        """
        z = self._samples(table)
        beyond = (
            z < self._forward(np.array([threshold])) if below else z > self._forward(np.array([threshold]))
        )
        n_samples = len(z)
        return (beyond.sum(axis=0) + 0.5) / (n_samples + 1.0)

    def spread(self, table: Features) -> FloatArray:
        """Standard deviation of the predictive distribution, shape (n_rows,) [unit], and skew left aside."""
        samples = self._inverse(self._samples(table))
        low, high = np.quantile(samples, [0.16, 0.84], axis=0)
        return np.maximum(0.5 * (high - low), 1e-9)

    def expected_improvement(self, table: Features, best: float, *, below: bool) -> FloatArray:
        """Mean amount by which a material is expected to beat `best`, shape (n_rows,) [unit]."""
        samples = self._inverse(self._samples(table))
        gain = best - samples if below else samples - best
        return np.maximum(gain, 0.0).mean(axis=0)

    def _samples(self, table: Features) -> FloatArray:
        """Draws of the predictive distribution in the working space, shape (n_samples, n_rows)."""
        check_is_fitted(self, "strategy_")
        fold = self.strategy_.fold_[self.strategy_.fold_ >= 0]
        left_out = self._forward(self.strategy_.predict_folds(table.columns(self.names_)))
        residual = self.residual_ - self.residual_.mean() if self.uses_target_ else self.residual_
        return left_out[fold] + residual[:, None]

    def _reasons(self, table: Features, X: FloatArray) -> tuple[str, ...]:
        """Why each row is unlike the training rows: ion, elements, features; mostly empty."""
        domain = self.applicability_
        outside = (domain.low > X) | (domain.high < X)
        unlimited = np.full(X.shape[1], np.inf)
        _, far = replace(domain, low=-unlimited, high=unlimited).check(X)
        found = []
        for i, row in enumerate(outside):
            why = []
            if table.ions[i] not in self.ions_:
                why.append(f"no known material with moving {table.ions[i]}")
            new = sorted(set(parse_formula(str(table.formulas[i])).amounts) - set(self.elements_))
            if new:
                why.append(f"no known material holds {', '.join(new)}")
            if row.sum() > OUTSIDE_SHARE * len(row):
                names = [domain.names[j] for j in np.flatnonzero(row)[:3]]
                why.append(
                    f"{row.sum()} of {len(row)} features outside the known materials ({', '.join(names)}, ...)"
                )
            if far[i]:
                why.append(far[i].replace("training row", "known material"))
            found.append("; ".join(why))
        return tuple(found)

    def _judge(self, target: Features | None, source: Features | None) -> SourceVerdict:
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
        X, groups = target.columns(self.names_), target.groups
        alone = self._out_of_fold_alone(X, y, groups)
        forest = TargetOnly(_trees(), self.random_state)
        as_it_is = forest.fit(source.columns(self.names_), np.asarray(self.y_source_)).predict(X)
        ours, theirs = np.abs(y - self.strategy_.out_of_fold_), np.abs(y - alone)
        lower, upper = _grouped_interval(ours - theirs, groups, self.random_state)
        value = "helps" if upper < 0 else "hurts" if lower > 0 else "no difference"
        raw = float(np.abs(y - as_it_is).mean())
        words = {
            "helps": "The source helps", "hurts": "The source misleads",
            "no difference": "It is not proven that the source helps",
        }[value]  # fmt: skip
        shown = "" if unit == "1" else f" {unit}"
        sentence = (
            f"{words}: on {n_rows} known materials of {n_groups} hosts, each predicted without its host, the mean error "
            f"is {ours.mean():.3g}{shown} with the source and {theirs.mean():.3g}{shown} without it (change "
            f"{(ours - theirs).mean():+.3g}, 95 % interval {lower:+.3g} to {upper:+.3g}); the source as it is would err "
            f"by {raw:.3g}{shown}."
        )
        return SourceVerdict(
            value, float(ours.mean()), float(theirs.mean()), raw, lower, upper, n_rows, n_groups, sentence
        )

    def _out_of_fold_alone(self, X: FloatArray, y: FloatArray, groups: NDArray[np.str_]) -> FloatArray:
        """Out-of-sample predictions without the source, by the better of the same strategy and plain trees."""
        members: dict[str, AbstractStrategy] = {"trees": TargetOnly(_trees()), "mean": TargetOnly("mean")}
        found = []
        for strategy in (Auto(members=members, random_state=self.random_state), self._made()):
            try:
                found.append(strategy.fit(X, y, groups=groups).out_of_fold_)
            except InsufficientDataError:  # a strategy that is nothing without a source
                continue
        return min(found, key=lambda out: float(np.abs(y - out).mean()))

    def _forward(self, y: FloatArray) -> FloatArray:
        return (
            np.log(np.maximum(y, np.finfo(float).tiny))
            if self.calibrator_.is_log
            else np.asarray(y, dtype=float)
        )

    def _inverse(self, z: FloatArray) -> FloatArray:
        return np.exp(np.minimum(z, 700.0)) if self.calibrator_.is_log else z


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
