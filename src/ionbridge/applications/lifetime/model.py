"""`LifetimeModel`: from cycling records to lives with intervals, warnings and trajectories.

Strategies and models of feature rows are `strategies.py` and `members.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ionbridge.applications.lifetime.features import cycle_summaries
from ionbridge.applications.lifetime.intervals import LifeIntervals
from ionbridge.applications.lifetime.members import table_auto
from ionbridge.applications.lifetime.stage import LifeStage, fit_life_stage
from ionbridge.applications.lifetime.strategies import LifetimeAuto
from ionbridge.applications.lifetime.trajectory import FadeShapes, Trajectory
from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import InsufficientDataError
from ionbridge.models import ApplicabilityDomain, Prediction
from ionbridge.models.inter_cell import InterCellRegressor
from ionbridge.quantities import Quantity, quantity
from ionbridge.transfer import TransferProblem, make_strategy

__all__ = ["LifetimeModel", "LifetimePrediction"]

TEMPERATURE_MARGIN = 5.0  # K beyond the training cells
MIN_ROWS = 3
OUTSIDE_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class LifetimePrediction:
    """Predicted lives of some cells.

    Parameters
    ----------
    cell_ids : one a cell.
    life : lives with intervals and reasons where a cell is unlike the training cells.
    trajectories : one a cell; empty where no training cell has a whole life stored.
    references : for every cell, ids of the training cells nearest in features, nearest first.
    """

    cell_ids: tuple[str, ...]
    life: Prediction
    trajectories: tuple[Trajectory, ...]
    references: tuple[tuple[str, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "cell_ids": list(self.cell_ids),
            **self.life.to_dict(),
            "references": [list(ids) for ids in self.references],
            "knee": [t.knee if np.isfinite(t.knee) else None for t in self.trajectories],
            "trajectories": [
                {
                    "cycle": t.cycles.tolist(),
                    "state_of_health": t.mean.tolist(),
                    "lower": t.lower.tolist(),
                    "upper": t.upper.tolist(),
                }
                for t in self.trajectories
            ],
        }


class LifetimeModel(BaseEstimator):
    """Predicts cycle life from the first cycles, with or without a source chemistry.

    Parameters
    ----------
    n_cycles : first cycles used [cycle].
    columns : per-cycle columns used; None takes those that all training cells have.
    strategy : ``"auto"``; ``"inter_cell"`` (without a source; the only one that learns from
        censored cells); or the name of a transfer strategy.
    level : nominal coverage of the intervals.
    random_state : seed.

    Attributes
    ----------
    columns_ : columns used.
    strategy_ : fitted strategy.
    intervals_ : source of the intervals.
    applicability_ : what the training features cover.
    chemistries_, temperatures_ : of the training cells; temperatures [K], lowest and highest.
    reference_ids_, reference_rows_ : training cells and their features, divided by their spread.
    shapes_ : `FadeShapes`, or None.
    n_censored_, n_unused_ : training cells that had not failed, and those of them not learned from.
    y_target_, y_source_ : lives of the uncensored training cells [cycle]; the latter may be None.
    cv_mape_ : out-of-sample error on the training cells [%].
    """

    shapes_: FadeShapes | None

    def __init__(
        self,
        n_cycles: int = 20,
        columns: Sequence[str] | None = None,
        strategy: str = "auto",
        level: float = 0.9,
        random_state: int = 0,
    ):
        self.n_cycles = n_cycles
        self.columns = columns
        self.strategy = strategy
        self.level = level
        self.random_state = random_state

    def fit(self, target: Sequence[CyclingRecord], source: Sequence[CyclingRecord] = ()) -> Self:
        """Learn from cells of the target chemistry, and of another one where given.

        Raises
        ------
        InsufficientDataError
            If no target cell has failed; without a source, if fewer than three have.
        DataError
            If features cannot be made of a cell.
        """
        target, source = list(target), [r for r in source if not r.is_censored]
        censored = np.array([r.is_censored for r in target], dtype=bool)
        n_known = int((~censored).sum())
        if n_known < (1 if source else MIN_ROWS):
            raise InsufficientDataError(
                f"a lifetime model needs at least {1 if source else MIN_ROWS} cells cycled to their end"
                f"{'' if source else ' (one, with a source chemistry)'}; got {n_known}."
            )
        table = cycle_summaries([*target, *source], self.n_cycles, columns=self.columns)
        self.columns_ = tuple(n.removesuffix("_median") for n in table.names if n.endswith("_median"))
        X, X_source = table.values[: len(target)], table.values[len(target) :]
        y = np.array([r.observed_life for r in target])
        y_source = np.array([r.observed_life for r in source])
        self._fit_strategy(X, y, censored, X_source, y_source, source)
        known = ~censored
        self.y_target_ = y[known]
        self.y_source_: NDArray[np.float64] | None = y_source if source else None
        self.n_censored_ = int(censored.sum())
        self.n_unused_ = 0 if isinstance(self.strategy_, InterCellRegressor) else self.n_censored_
        y_fit = y if len(self.strategy_.fold_) == len(y) else y[known]
        self.intervals_ = LifeIntervals.from_fitted(self.strategy_, y_fit)
        left_out = self.strategy_.fold_ >= 0
        error = np.abs(self.strategy_.out_of_fold_ / y_fit - 1.0)[left_out]
        self.cv_mape_ = float(100.0 * error.mean())
        self._describe(table.names, [*target], X, source, X_source)
        whole = [r for r in (*target, *source) if not r.is_censored]
        try:
            self.shapes_ = FadeShapes.from_records([r for r in target if not r.is_censored])
        except InsufficientDataError:
            try:
                self.shapes_ = FadeShapes.from_records(whole)
            except InsufficientDataError:
                self.shapes_ = None
        return self

    def _fit_strategy(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        censored: NDArray[np.bool_],
        X_source: NDArray[np.float64],
        y_source: NDArray[np.float64],
        source: Sequence[CyclingRecord],
    ) -> None:
        known = ~censored
        self.strategy_: Any
        if not len(source) and self.strategy == "inter_cell":
            model = InterCellRegressor(weight_decay=0.1, learning_rate=1e-2, random_state=self.random_state)
            self.strategy_ = model.fit(X, y, is_censored=censored)
            return
        if self.strategy != "auto":
            self.strategy_ = make_strategy(self.strategy)
        elif len(source):
            try:
                stage = fit_life_stage(source, self.n_cycles)
            except InsufficientDataError:
                stage = LifeStage()
            self.strategy_ = LifetimeAuto(n_cycles=self.n_cycles, stage=stage, random_state=self.random_state)
        else:
            self.strategy_ = table_auto(self.random_state)
        shared = np.ones(X.shape[1], dtype=bool)
        self.strategy_.fit_problem(
            TransferProblem(X_source, y_source, X[known], y[known], shared, random_state=self.random_state)
        )

    def _describe(
        self,
        names: Sequence[str],
        target: Sequence[CyclingRecord],
        X: NDArray[np.float64],
        source: Sequence[CyclingRecord],
        X_source: NDArray[np.float64],
    ) -> None:
        """Remember what the training cells were like."""
        rows = X if len(X) >= MIN_ROWS else np.vstack([X, X_source])
        self.applicability_ = ApplicabilityDomain.from_rows(rows, names)
        records = [*target, *source]
        self.chemistries_ = sorted({r.chemistry for r in target if r.chemistry})
        temperatures = [r.temperature for r in target if np.isfinite(r.temperature)]
        self.temperatures_ = [min(temperatures), max(temperatures)] if temperatures else []
        self.reference_ids_ = [r.cell_id for r in records]
        values = np.vstack([X, X_source])
        self.reference_scale_ = np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0)
        self.reference_rows_ = values / self.reference_scale_
        self.data_sha256_ = {"target": _hash(target)} | ({"source": _hash(source)} if source else {})
        self.target_domain_ = target[0].domain.to_dict()
        self.source_domain_ = source[0].domain.to_dict() if source else None

    @property
    def output(self) -> Quantity:
        """What is predicted."""
        return quantity("cycle_life")

    def predict(
        self, records: Sequence[CyclingRecord], level: float | None = None, n_references: int = 5
    ) -> LifetimePrediction:
        """Predict lives of cells of which the first cycles are known.

        Raises
        ------
        DataError
            If a cell lacks a column that the model learned from, or has too few cycles.
        """
        check_is_fitted(self, "strategy_")
        records = list(records)
        X = cycle_summaries(records, self.n_cycles, columns=self.columns_).values
        level = self.level if level is None else level
        mean = np.maximum(self.strategy_.predict(X), 1.0)
        lower, upper = self.intervals_.interval(self.strategy_, X, level)
        reasons = tuple(
            "; ".join(filter(None, (self._unlike(r), *why)))
            for r, why in zip(records, self._judge_features(X), strict=True)
        )
        inside = np.array([not why for why in reasons], dtype=bool)
        life = Prediction("cycle_life", "cycle", mean, lower, upper, level, inside, reasons)
        distance = (((X / self.reference_scale_)[:, None] - self.reference_rows_[None]) ** 2).sum(axis=2)
        nearest = np.argsort(distance, axis=1)[:, :n_references]
        return LifetimePrediction(
            tuple(r.cell_id for r in records),
            life,
            self._trajectories(records, life),
            tuple(tuple(self.reference_ids_[i] for i in row) for row in nearest),
        )

    def _judge_features(self, X: NDArray[np.float64]) -> list[list[str]]:
        """Why the features of each cell are unlike those of the training cells; mostly empty.

        Of dozens of features a few always lie a little outside the range of as many cells: a cell
        is flagged if more than a tenth do, or if it is far from every training cell.
        """
        domain = self.applicability_
        outside = (domain.low > X) | (domain.high < X)
        unlimited = np.full(X.shape[1], np.inf)
        _, far = replace(domain, low=-unlimited, high=unlimited).check(X)
        found = []
        for row, why in zip(outside, far, strict=True):
            names = [domain.names[j] for j in np.flatnonzero(row)]
            many = len(names) > OUTSIDE_SHARE * X.shape[1]
            text = f"{len(names)} of {X.shape[1]} features outside the training cells: {', '.join(names[:3])}"
            found.append([f"{text}{', ...' if len(names) > 3 else ''}"] * many + [why] * bool(why))
        return found

    def _unlike(self, record: CyclingRecord) -> str:
        found = []
        if record.chemistry and self.chemistries_ and record.chemistry not in self.chemistries_:
            found.append(f"chemistry {record.chemistry} is not among {self.chemistries_}")
        if self.temperatures_ and np.isfinite(record.temperature):
            low, high = self.temperatures_[0] - TEMPERATURE_MARGIN, self.temperatures_[1] + TEMPERATURE_MARGIN
            if not low <= record.temperature <= high:
                found.append(f"temperature {record.temperature:.0f} K is outside {low:.0f} to {high:.0f} K")
        return "; ".join(found)

    def _trajectories(self, records: Sequence[CyclingRecord], life: Prediction) -> tuple[Trajectory, ...]:
        if self.shapes_ is None:
            return ()
        return tuple(
            self.shapes_.trajectory(
                float(np.nanmedian(r.state_of_health[:5])),
                float(life.mean[i]),
                float(life.lower[i]),
                float(life.upper[i]),
                level=life.level,
                random_state=self.random_state,
            )
            for i, r in enumerate(records)
        )


def _hash(records: Sequence[CyclingRecord]) -> str:
    import hashlib

    return hashlib.sha256("".join(r.sha256 for r in records).encode()).hexdigest()
