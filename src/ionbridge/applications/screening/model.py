"""`PropertyModel`: a barrier, voltage or conductivity from features, with grouped intervals and flags.

Strategies are `strategies.py`, features `features.py`; judging over many splits is `evaluation.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from ionbridge.applications.screening.features import FeatureTable
from ionbridge.applications.screening.strategies import Blend, screening_auto, target_only_blend
from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.models import ApplicabilityDomain, FloatArray, JackknifePlus, Prediction
from ionbridge.models.output_space import Space
from ionbridge.quantities import Quantity, quantity
from ionbridge.transfer import AbstractStrategy, TransferProblem, make_strategy

__all__ = ["PropertyModel", "ScreeningPrediction"]

Better = Literal["low", "high"]
MIN_ROWS = 3
OUTSIDE_SHARE = 0.1
FLAGGED = ("ion", "class", "host", "salt", "family")
_N_SHARES = 199  # draws of a distribution that is known in closed form
LINEAR = ("average_voltage",)  # quantities that may be negative


@dataclass(frozen=True, eq=False)
class ScreeningPrediction:
    """What a model says about the entries of a table.

    Parameters
    ----------
    entries : name of each row.
    prediction : mean, interval and judgement of the domain.
    flags : one tuple a row: unseen ion, class or host; an unseen host alone does not leave the domain.
    samples : shape (n_samples, n_rows) [unit]; the predictive distribution, out-of-sample residuals
        added to leave-out predictions, wider where the members of a blend disagree; with fewer residuals than
        an interval needs, quantiles of the Student distribution that makes the interval.
    """

    entries: tuple[str, ...]
    prediction: Prediction
    flags: tuple[tuple[str, ...], ...]
    samples: FloatArray

    def probability_below(self, threshold: float) -> FloatArray:
        """Probability that the quantity is at most `threshold`, shape (n_rows,)."""
        n_samples = len(self.samples)
        return ((self.samples <= threshold).sum(axis=0) + 0.5) / (n_samples + 1.0)

    def probability_above(self, threshold: float) -> FloatArray:
        """Probability that the quantity is above `threshold`, shape (n_rows,)."""
        return 1.0 - self.probability_below(threshold)

    def ranking(self, better: Better = "low", threshold: float | None = None) -> NDArray[np.int64]:
        """Rows from best to worst: by the probability of meeting `threshold`, then by the mean."""
        mean = self.prediction.mean if better == "low" else -self.prediction.mean
        if threshold is None:
            return np.argsort(mean, kind="stable")
        chance = self.probability_below(threshold) if better == "low" else self.probability_above(threshold)
        return np.lexsort((mean, -chance))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "entries": list(self.entries),
            **self.prediction.to_dict(),
            "flags": [list(flags) for flags in self.flags],
        }


class PropertyModel(BaseEstimator):
    """Predicts one quantity of materials, learned from some target rows and, if given, a source.

    Everything is chosen by cross-validation that leaves groups (host compositions, sources of the
    literature) out whole; so are the residuals that make the intervals.

    Parameters
    ----------
    strategy : ``"auto"``, the registered name of a transfer strategy, or an unfitted one.
    level : nominal coverage of the intervals.
    random_state : seed.

    Attributes
    ----------
    strategy_ : fitted strategy.
    calibrator_ : residuals that make the intervals.
    applicability_ : what the training features cover.
    feature_names_, quantity_name_ : columns in order, and what is predicted.
    seen_ : dict of str to list of str; ions, classes, hosts of the target rows.
    residual_ : shape (n_rows,); signed out-of-sample residuals, of logarithms where `is_log_`.
    y_target_, y_source_ : training values; the latter may be None.
    cv_mae_ : out-of-sample mean absolute error on the target training rows [unit].
    """

    def __init__(self, strategy: str | AbstractStrategy = "auto", level: float = 0.9, random_state: int = 0):
        self.strategy = strategy
        self.level = level
        self.random_state = random_state

    def fit(self, target: FeatureTable, source: FeatureTable | None = None) -> Self:
        """Learn from the rows whose quantity is known.

        Parameters
        ----------
        target : rows of the family that is to be screened.
        source : rows of another family; rows whose group also stands in the target are left out.

        Raises
        ------
        InsufficientDataError
            With fewer than three known target rows.
        ConfigurationError
            If the two tables have different columns or quantities.
        """
        target = target.subset(target.known)
        if len(target) < MIN_ROWS:
            raise InsufficientDataError(
                f"a model of {target.quantity!r} needs at least {MIN_ROWS} known target rows; got {len(target)}. Compute "
                "or measure more entries of the target family."
            )
        source = self._own_source(source, target)
        space: Space = "linear" if target.quantity in LINEAR or np.any(target.y <= 0) else "auto"
        self.strategy_ = self._made(target, source, space)
        problem = _problem(target, source, self.random_state)
        self.strategy_.fit_problem(problem)
        self.calibrator_ = JackknifePlus.from_fitted(
            self.strategy_, target.y, may_use_logarithms=space != "linear"
        )
        self.is_log_ = self.calibrator_.is_log
        self.residual_ = self._forward(target.y) - self._forward(self.strategy_.out_of_fold_)
        self.feature_names_, self.quantity_name_ = list(target.names), target.quantity
        both = target.X if source is None else np.vstack([source.X, target.X])
        self.applicability_ = ApplicabilityDomain.from_rows(both, target.names)
        self.seen_ = {
            name: sorted(set(column.tolist())) for name, column in target.labels.items() if name in FLAGGED
        }
        self.y_target_ = target.y
        self.y_source_ = None if source is None else source.y
        self.target_domain_ = target.domain.to_dict()
        self.source_domain_ = None if source is None else source.domain.to_dict()
        self.data_sha256_ = {"target": target.sha256} | ({} if source is None else {"source": source.sha256})
        self.cv_mae_ = float(np.mean(np.abs(self.strategy_.out_of_fold_ - target.y)))
        return self

    def _own_source(self, source: FeatureTable | None, target: FeatureTable) -> FeatureTable | None:
        if source is None:
            return None
        if source.names != target.names or source.quantity != target.quantity:
            raise ConfigurationError(
                f"source and target must have the same columns of the same quantity; got {source.quantity!r} with "
                f"{len(source.names)} and {target.quantity!r} with {len(target.names)} columns."
            )
        kept = source.known & ~np.isin(source.groups, target.groups)
        return source.subset(kept) if kept.any() else None

    def _made(self, target: FeatureTable, source: FeatureTable | None, space: Space) -> AbstractStrategy:
        made: AbstractStrategy
        if self.strategy == "auto":
            choose = target_only_blend if source is None else screening_auto
            made = choose(target.has_prior, space, self.random_state)
        elif isinstance(self.strategy, str):
            made = make_strategy(self.strategy)
        else:
            made = clone(self.strategy)
        if "random_state" in made.get_params():
            made.set_params(random_state=self.random_state)
        return made

    @property
    def output(self) -> Quantity:
        """What is predicted."""
        check_is_fitted(self, "strategy_")
        return quantity(self.quantity_name_)

    def predict(self, table: FeatureTable, level: float | None = None) -> ScreeningPrediction:
        """Predict the rows of a table, known or not.

        Raises
        ------
        ConfigurationError
            If its columns are not those of the training rows.
        """
        check_is_fitted(self, "strategy_")
        if list(table.names) != self.feature_names_:
            raise ConfigurationError(
                f"the table has {len(table.names)} columns, the model learned from {len(self.feature_names_)} "
                f"({', '.join(self.feature_names_[:3])}, ...); make both with the same function and prior."
            )
        level = self.level if level is None else level
        mean = self.strategy_.predict(table.X)
        lower, upper = self.calibrator_.interval(self.strategy_, table.X, level)
        samples = self._samples(table.X, level)
        flags = tuple(self._flags(table, i) for i in range(len(table)))
        reasons = tuple(
            "; ".join([*(f for f in flag if not f.startswith("host")), *why])
            for flag, why in zip(flags, self._judge_features(table.X), strict=True)
        )
        inside = np.array([not why for why in reasons], dtype=bool)
        output = self.output
        prediction = Prediction(output.name, output.unit, mean, lower, upper, level, inside, reasons)
        return ScreeningPrediction(table.entries, prediction, flags, samples)

    def _samples(self, X: FloatArray, level: float) -> FloatArray:
        """Draws of the predictive distribution: of Student's where too few residuals make the interval his."""
        n_rows = len(self.residual_)
        if np.ceil(level * (n_rows + 1)) > n_rows:
            spread = np.sqrt(np.mean(self.residual_**2))
            shares = (np.arange(_N_SHARES) + 0.5) / _N_SHARES
            offsets = student_t.ppf(shares, n_rows - 1)[:, None] * spread
            drawn = self._forward(self.strategy_.predict(X))[None, :] + offsets
            return np.exp(np.minimum(drawn, 700.0)) if self.is_log_ else drawn
        fold = np.asarray(self.strategy_.fold_)
        left_out = self._forward(self.strategy_.predict_folds(X))[fold]
        samples = left_out + self.residual_[:, None] * self._widening(X)
        return np.exp(np.minimum(samples, 700.0)) if self.is_log_ else samples

    def _widening(self, X: FloatArray) -> FloatArray:
        """How much wider each new row is than each training row, (n_training_rows, n_rows) [-].

        Where the members of a blend disagree, its errors are larger.
        """
        if not isinstance(self.strategy_, Blend):
            return np.ones((1, len(X)))
        known, new = self.strategy_.disagreement_, self.strategy_.disagreement(X)
        floor = max(float(np.median(known)), 1e-9)
        return (new + floor)[None, :] / (known + floor)[:, None]

    def _forward(self, y: FloatArray) -> FloatArray:
        return np.log(np.maximum(y, np.finfo(float).tiny)) if self.is_log_ else np.asarray(y)

    def _flags(self, table: FeatureTable, row: int) -> tuple[str, ...]:
        found = []
        for name, seen in self.seen_.items():
            value = str(table.labels[name][row]) if name in table.labels else ""
            if value and value not in seen:
                found.append(f"{name} {value} is not among the training rows")
        return tuple(found)

    def _judge_features(self, X: FloatArray) -> list[list[str]]:
        """Why a row is unlike the training rows; of many features a few always lie a little outside."""
        domain = self.applicability_
        outside = (domain.low > X) | (domain.high < X)
        far = domain.distance(X) > domain.threshold
        found = []
        for row, is_far in zip(outside, far, strict=True):
            names = [domain.names[j] for j in np.flatnonzero(row)]
            why = []
            if len(names) > OUTSIDE_SHARE * X.shape[1]:
                why.append(
                    f"{len(names)} of {X.shape[1]} features outside the training rows: {', '.join(names[:3])}, ..."
                )
            elif is_far:
                why.append("no similar training row")
            found.append(why)
        return found


def _problem(target: FeatureTable, source: FeatureTable | None, seed: int) -> TransferProblem:
    n_features = target.X.shape[1]
    return TransferProblem(
        X_source=np.zeros((0, n_features)) if source is None else source.X,
        y_source=np.zeros(0) if source is None else source.y,
        X_target=target.X,
        y_target=target.y,
        shared=np.ones(n_features, dtype=bool),
        random_state=seed,
        groups=target.groups,
    )
