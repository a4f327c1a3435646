"""`LifetimeModel`: from cycling records to lives with intervals, warnings and trajectories.

Strategies and models of feature rows are `strategies.py` and `members.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ionbridge.applications.lifetime.censoring import CensoredTransfer, likelihood_imputer
from ionbridge.applications.lifetime.conditions import TrainingConditions
from ionbridge.applications.lifetime.inputs import CellInputs
from ionbridge.applications.lifetime.intervals import LifeIntervals
from ionbridge.applications.lifetime.members import curve_auto, inter_cell_member, table_auto
from ionbridge.applications.lifetime.stage import LifeStage, fit_life_stage
from ionbridge.applications.lifetime.strategies import LifetimeAuto, StageTransfer
from ionbridge.applications.lifetime.trajectory import FadeShapes, Trajectory
from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.models import ApplicabilityDomain, Prediction
from ionbridge.models.inter_cell import InterCellRegressor
from ionbridge.quantities import Quantity, quantity
from ionbridge.transfer import AbstractStrategy, TransferProblem, make_strategy

__all__ = ["LifetimeModel", "LifetimePrediction"]

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
    references : for every cell, ids of the known cells nearest in features, nearest first.
    reference_lives : shape (n_cells, n_references) [cycle]; their lives.
    reference_answers : shape (n_cells, n_references) [cycle]; the life that the inter-cell network
        predicts through each of them; NaN where none is among the models, or for source cells.
    """

    cell_ids: tuple[str, ...]
    life: Prediction
    trajectories: tuple[Trajectory, ...]
    references: tuple[tuple[str, ...], ...]
    reference_lives: NDArray[np.float64]
    reference_answers: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "cell_ids": list(self.cell_ids),
            **self.life.to_dict(),
            "references": [list(ids) for ids in self.references],
            "reference_lives": self.reference_lives.tolist(),
            "reference_answers": [
                [v if np.isfinite(v) else None for v in row] for row in self.reference_answers.tolist()
            ],
            "knee": [t.knee if np.isfinite(t.knee) else None for t in self.trajectories],
            "trajectories": [
                {
                    "cycle": t.cycles.tolist(),
                    "state_of_health": [v if np.isfinite(v) else None for v in t.mean.tolist()],
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
    curves : whether features of the discharge curves are used too (and the curves themselves by
        ``"auto"`` without a source); None uses them where all training cells have them.
    strategy : ``"auto"``; ``"inter_cell"`` (without a source); or the name of a transfer strategy.
    level : nominal coverage of the intervals.
    random_state : seed.

    Attributes
    ----------
    inputs_ : what is made of each cell.
    n_tables_ : leading inputs that are features; flat curves may follow.
    strategy_ : the fitted `CensoredTransfer`, or the inter-cell network.
    intervals_ : source of the intervals.
    applicability_ : what the training features cover.
    conditions_ : chemistries, temperatures, rates and protocols of the target cells.
    reference_ids_, reference_lives_, reference_rows_ : cells of known life, and their features
        divided by their spread.
    shapes_ : `FadeShapes`, or None.
    n_censored_ : target cells that had not failed.
    y_target_, y_source_ : lives of the uncensored training cells [cycle]; the latter may be None.
    cv_mape_ : out-of-sample error on the training cells [%].
    """

    shapes_: FadeShapes | None

    def __init__(
        self,
        n_cycles: int = 20,
        columns: Sequence[str] | None = None,
        curves: bool | None = None,
        strategy: str = "auto",
        level: float = 0.9,
        random_state: int = 0,
    ):
        self.n_cycles = n_cycles
        self.columns = columns
        self.curves = curves
        self.strategy = strategy
        self.level = level
        self.random_state = random_state

    def fit(self, target: Sequence[CyclingRecord], source: Sequence[CyclingRecord] = ()) -> Self:
        """Learn from cells of the target chemistry, and of another one where given.

        Target cells that had not failed are learned from as well: the inter-cell network by their
        likelihood, everything else by `CensoredTransfer`. Such source cells are left out.

        Raises
        ------
        InsufficientDataError
            If no target cell has failed; without a source, if fewer than three have.
        DataError
            If features cannot be made of a cell.
        ConfigurationError
            If `strategy` is ``"inter_cell"`` and there is a source.
        """
        if self.strategy == "inter_cell" and source:
            raise ConfigurationError(
                "'inter_cell' learns without a source; leave the source out, or choose 'auto' or a transfer strategy."
            )
        target, source = list(target), [r for r in source if not r.is_censored]
        censored = np.array([r.is_censored for r in target], dtype=bool)
        n_known = int((~censored).sum())
        if n_known < (1 if source else MIN_ROWS):
            raise InsufficientDataError(
                f"a lifetime model needs at least {1 if source else MIN_ROWS} cells cycled to their end"
                f"{'' if source else ' (one, with a source chemistry)'}; got {n_known}."
            )
        records = [*target, *source]
        self.inputs_ = CellInputs.choose(records, self.n_cycles, self.columns, self.curves)
        table = self.inputs_.table(records)
        self.n_tables_ = len(table.names)
        y = np.array([r.observed_life for r in target])
        X = table.values[: len(target)]
        self._fit_strategy(X, y, censored, target, source, table.values[len(target) :])
        self.y_target_ = y[~censored]
        self.y_source_: NDArray[np.float64] | None = (
            np.array([r.observed_life for r in source]) if source else None
        )
        self.n_censored_ = int(censored.sum())
        self._judge(y, target)
        self._describe(table.names, target, X, source, table.values[len(target) :])
        return self

    def _fit_strategy(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        censored: NDArray[np.bool_],
        target: Sequence[CyclingRecord],
        source: Sequence[CyclingRecord],
        X_source: NDArray[np.float64],
    ) -> None:
        self.strategy_: Any
        seed = self.random_state
        self.uses_flat_curves_ = False
        if not source and self.strategy == "inter_cell":
            model = InterCellRegressor(weight_decay=0.1, learning_rate=1e-2, random_state=seed)
            self.strategy_ = model.fit(X, y, is_censored=censored)
            return
        made, imputer = self._made_strategy(source, int((~censored).sum()))
        if self.strategy == "auto" and not source and self.inputs_.with_curves:
            curves = self.inputs_.curves(target)
            made, self.uses_flat_curves_ = curve_auto(X.shape[1], curves.shape[1:], seed), True
            X = np.hstack([X, curves.reshape(len(X), -1)])
            X_source = np.zeros((0, X.shape[1]))
        shared = np.ones(X.shape[1], dtype=bool)
        y_source = np.array([r.observed_life for r in source])
        problem = TransferProblem(X_source, y_source, X, y, shared, random_state=seed)
        self.strategy_ = CensoredTransfer(made, imputer, self.n_tables_).fit_problem(problem, censored)

    def _made_strategy(
        self, source: Sequence[CyclingRecord], n_known: int
    ) -> tuple[AbstractStrategy, AbstractStrategy | InterCellRegressor]:
        """Strategy for tables, and a quick model for the lives of cells that had not failed."""
        made: AbstractStrategy
        if not source:
            is_auto = self.strategy == "auto"
            made = table_auto(self.random_state, n_known) if is_auto else make_strategy(self.strategy)
            return made, likelihood_imputer(self.random_state)
        try:
            stage = fit_life_stage(source, self.n_cycles)
        except InsufficientDataError:
            stage = LifeStage()
        settings: dict[str, Any] = {"n_cycles": self.n_cycles, "stage": stage}
        if self.strategy != "auto":
            made = make_strategy(self.strategy)
        elif n_known < MIN_ROWS:  # imputed lives are no ground to choose by
            made = StageTransfer(**settings)
        else:
            made = LifetimeAuto(**settings)
        if n_known < MIN_ROWS:
            return made, StageTransfer(**settings)
        return made, likelihood_imputer(self.random_state)

    def _judge(self, y: NDArray[np.float64], target: Sequence[CyclingRecord]) -> None:
        """Intervals and errors from the cells that were left out."""
        self.intervals_ = LifeIntervals.from_fitted(self.strategy_, y)
        left_out = self.strategy_.fold_ >= 0
        error = np.abs(self.strategy_.out_of_fold_ / y - 1.0)[left_out]
        self.cv_mape_ = float(100.0 * error.mean())
        failed = [r for r in target if not r.is_censored]
        self.shapes_ = None
        with suppress(InsufficientDataError):
            self.shapes_ = FadeShapes.from_records(failed)

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
        self.conditions_ = TrainingConditions.from_records(target)
        if self.shapes_ is None:
            with suppress(InsufficientDataError):
                self.shapes_ = FadeShapes.from_records(source)
        known = np.array([not r.is_censored for r in (*target, *source)], dtype=bool)
        self.reference_ids_ = [r.cell_id for r in (*target, *source) if not r.is_censored]
        self.reference_lives_ = np.array([r.observed_life for r in (*target, *source)])[known]
        alive = np.array([r.is_censored for r in target], dtype=bool)
        self.reference_places_ = np.where(alive, -1, np.cumsum(~alive) - 1)
        values = np.vstack([X, X_source])[known]
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
        self, records: Sequence[CyclingRecord], level: float | None = None, n_references: int = 8
    ) -> LifetimePrediction:
        """Predict lives of cells of which the first cycles are known.

        Raises
        ------
        DataError
            If a cell lacks a column that the model learned from, or has too few cycles.
        """
        check_is_fitted(self, "strategy_")
        records = list(records)
        X = self.inputs_.table(records).values
        rows = X
        if self.uses_flat_curves_:
            rows = np.hstack([X, self.inputs_.curves(records).reshape(len(X), -1)])
        level = self.level if level is None else level
        mean = np.maximum(self.strategy_.predict(rows), 1.0)
        lower, upper = self.intervals_.interval(self.strategy_, rows, level)
        reasons = tuple(
            "; ".join((*self.conditions_.reasons(r), *why))
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
            self.reference_lives_[nearest],
            np.take_along_axis(self._answers(rows), nearest, axis=1),
        )

    def _answers(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lives through each cell of known life, shape (n_cells, n_known_cells) [cycle]; NaN where there are none."""
        answers = np.full((len(rows), len(self.reference_ids_)), np.nan)
        network, seen = inter_cell_member(self.strategy_)
        if network is not None:
            report = network.report_references(seen(rows))
            place = self.reference_places_[report.cells]
            answers[:, place[place >= 0]] = report.answers[:, place >= 0]
        return answers

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
