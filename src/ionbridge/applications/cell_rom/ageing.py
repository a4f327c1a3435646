"""`AgeingModel`: from operating conditions and cell parameters to trajectories of ageing indicators.

The numbers it learns are `ageing_indicators.py`; simulating histories is the physics room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ionbridge.applications.cell_rom.ageing_conditions import conditions_frame
from ionbridge.applications.cell_rom.ageing_indicators import AGEING_INDICATORS, indicator_table
from ionbridge.applications.cell_rom.ageing_strategies import RateLawInputs
from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, UnknownNameError
from ionbridge.physics.cells.ageing import AgeingConditions
from ionbridge.physics.cells.ageing_histories import CONDITIONS, AgeingHistories
from ionbridge.quantities import Quantity
from ionbridge.transfer import TransferModel
from ionbridge.transfer.base import TransferProblem

__all__ = ["AgeingModel", "AgeingPrediction", "doubts", "evaluate_ageing"]

FloatArray = NDArray[np.float64]
MIN_TARGET = 3
SMALLEST_SPREAD = 1e-9


@dataclass(frozen=True, eq=False)
class AgeingPrediction:
    """Predicted trajectories of some cells.

    Parameters
    ----------
    equivalent_cycles : shape (n_points,) [cycle].
    mean, lower, upper : by indicator, each of shape (n_cells, n_points); the interval is at `level`.
    level : nominal coverage.
    in_domain : shape (n_cells,); False where conditions are unlike those of the target histories.
    reasons : one text a cell, empty where `in_domain` is true.
    """

    equivalent_cycles: FloatArray
    mean: Mapping[str, FloatArray]
    lower: Mapping[str, FloatArray]
    upper: Mapping[str, FloatArray]
    level: float
    in_domain: NDArray[np.bool_]
    reasons: tuple[str, ...]

    def end_table(self) -> pd.DataFrame:
        """One row a cell: every indicator at the last cycle with its interval."""
        frame = pd.DataFrame({"cell": np.arange(1, len(self.in_domain) + 1)})
        for name in self.mean:
            frame[name] = self.mean[name][:, -1]
            frame[f"{name}_lower"], frame[f"{name}_upper"] = self.lower[name][:, -1], self.upper[name][:, -1]
        frame["in_domain"], frame["reason"] = self.in_domain, list(self.reasons)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "equivalent_cycles": self.equivalent_cycles.tolist(),
            "level": self.level,
            "in_domain": [bool(v) for v in self.in_domain],
            "reasons": list(self.reasons),
            "indicators": {
                name: {
                    "unit": AGEING_INDICATORS[name].quantity.unit,
                    "mean": self.mean[name].tolist(),
                    "lower": self.lower[name].tolist(),
                    "upper": self.upper[name].tolist(),
                }
                for name in self.mean
            },
        }


class AgeingModel(BaseEstimator):
    """Learns ageing of a target chemistry from a few of its histories, with or without a source.

    Every indicator is ``end · (n / n_cycles)^p``: its end value and its exponent p are predicted by
    one `TransferModel` each, in the coordinates of `RateLawInputs`. Trajectories that are not a power of the cycles (a
    knee after a flat start) are met at the middle and at the end only.

    Parameters
    ----------
    n_cycles : equivalent cycles at which the end values are taken [cycle].
    strategy : of the end values: ``auto``, ``sensitivity_gp`` or a registered name.
    indicators : names; None takes all.
    level : nominal coverage of the intervals.
    random_state : seed.

    Attributes
    ----------
    ends_, shapes_ : fitted `TransferModel` by indicator.
    errors_, errors_target_only_ : out-of-sample error of the end value on the target histories, by
        indicator, of this model and of a Gaussian process of the target alone: the factor by which
        the typical prediction is off, less one [-].
    verdict_ : whether the source helped, in one sentence.
    """

    ends_: dict[str, TransferModel]
    shapes_: dict[str, TransferModel]

    def __init__(
        self,
        n_cycles: float = 500.0,
        strategy: str = "auto",
        indicators: Sequence[str] | None = None,
        level: float = 0.9,
        random_state: int = 0,
    ):
        self.n_cycles = n_cycles
        self.strategy = strategy
        self.indicators = indicators
        self.level = level
        self.random_state = random_state

    def fit(self, target: AgeingHistories, source: AgeingHistories | None = None) -> Self:
        """Learn.

        Raises
        ------
        UnknownNameError
            If an indicator is not known.
        InsufficientDataError
            If fewer than three target histories, or no source history, reach `n_cycles`.
        DataError
            If source and target share histories.
        """
        if source is not None and _shared(source, _conditions_of(target)) and source.domain == target.domain:
            raise DataError(
                f"source and target share histories of {target.chemistry} by {target.model}; the source must be another "
                "chemistry or model, or the target would be judged by what it knows."
            )
        names = tuple(AGEING_INDICATORS) if self.indicators is None else tuple(self.indicators)
        for name in names:
            if name not in AGEING_INDICATORS:
                raise UnknownNameError.for_name(name, AGEING_INDICATORS, "ageing indicator")
        n_whole = len(target.whole(self.n_cycles))
        if n_whole < MIN_TARGET:
            raise InsufficientDataError(
                f"an ageing model needs at least {MIN_TARGET} target histories that reach {self.n_cycles:g} "
                f"equivalent cycles; got {n_whole} of {len(target)}. {_remedy(target, MIN_TARGET)}"
            )
        self.ends_, self.shapes_ = {}, {}
        self.errors_, self.errors_target_only_ = {}, {}
        helped = []
        for name in names:
            table = indicator_table(target, name, self.n_cycles)
            other = None if source is None else indicator_table(source, name, self.n_cycles)
            self.ends_[name] = self._model(table, "end", self.strategy, other)
            self.shapes_[name] = self._model(table, "shape", "sensitivity_gp", other)
            error, alone = self._compare(self.ends_[name])
            self.errors_[name] = float(10 ** np.mean(error) - 1)
            self.errors_target_only_[name] = float(10 ** np.mean(alone) - 1)
            helped.append(alone - error)
        self.verdict_ = _verdict(names, helped) if source is not None else "no source was used"
        first = self.ends_[names[0]]
        self.y_target_, self.y_source_ = first.y_target_, first.y_source_
        self.target_domain_ = target.domain.to_dict()
        self.source_domain_ = None if source is None else source.domain.to_dict()
        self.data_sha256_ = dict(first.data_sha256_)
        self.assumptions_ = list(
            dict.fromkeys((*target.assumptions, *(source.assumptions if source else ())))
        )
        return self

    def _model(self, table: Table, output: str, strategy: str, source: Table | None) -> TransferModel:
        column = table.column(output)
        if (
            np.ptp(column) < SMALLEST_SPREAD * column[0]
        ):  # all at the floor: nothing to learn, but something to say
            column = column * (1 + SMALLEST_SPREAD * np.arange(1, len(column) + 1))
            frame = table.frame.assign(**{output: column})
            table = Table.from_frame(
                frame, domain=table.domain, provenance=table.provenance, definitions=table.definitions
            )
        made = RateLawInputs(strategy)
        model = TransferModel(self.inputs, table.definitions[output], made, self.level, self.random_state)
        return model.fit(table, source)

    def _compare(self, model: TransferModel) -> tuple[FloatArray, FloatArray]:
        """Absolute out-of-sample errors of the model and of the target alone, shape (n_target,) [decades]."""
        X, y = model.X_target_, model.y_target_
        shared = np.ones(X.shape[1], dtype=bool)
        alone = RateLawInputs("gaussian_process").fit_problem(
            TransferProblem(X[:0], y[:0], X, y, shared, random_state=self.random_state)
        )
        smallest = 1e-3 * y.min()
        return tuple(
            np.abs(np.log10(np.maximum(fitted.out_of_fold_, smallest) / y))
            for fitted in (model.strategy_, alone)
        )

    @property
    def inputs(self) -> tuple[Quantity, ...]:
        """Conditions, in column order."""
        return tuple(CONDITIONS.values())

    @property
    def outputs(self) -> tuple[Quantity, ...]:
        """Indicators."""
        names = AGEING_INDICATORS if self.indicators is None else self.indicators
        return tuple(AGEING_INDICATORS[name].quantity for name in names)

    def predict(
        self,
        conditions: Table | pd.DataFrame | Sequence[AgeingConditions],
        equivalent_cycles: Sequence[float] | FloatArray | None = None,
        level: float | None = None,
    ) -> AgeingPrediction:
        """Predict trajectories.

        Parameters
        ----------
        conditions : one a cell; a table or a frame has the columns of `inputs` in house units.
        equivalent_cycles : where, rising, at most `n_cycles`; None takes 51 points.
        level : nominal coverage; None means the model's own.

        Raises
        ------
        ConfigurationError
            If a cycle lies outside 0 to `n_cycles`: a power law must not be extrapolated.
        DataError
            If there are no conditions, or a value lies beyond what a history can have.
        """
        check_is_fitted(self, "ends_")
        points = self._points(equivalent_cycles)
        rows = conditions_frame(conditions)
        mean, lower, upper = {}, {}, {}
        inside = np.ones(0, dtype=bool)
        reasons: tuple[str, ...] = ()
        for name, model in self.ends_.items():
            end = model.predict(rows, level)
            shape = self.shapes_[name].predict(rows, level)
            indicator, part = AGEING_INDICATORS[name], points / self.n_cycles
            ends = [np.log10(np.maximum(v, 1e-3 * indicator.floor)) for v in (end.mean, end.lower, end.upper)]
            mean[name] = indicator.trajectory(ends[0], shape.mean, part)
            middle = 10 ** np.abs(np.log10(np.maximum(part, 1e-9)) * (shape.upper - shape.lower)[:, None] / 2)
            widen = middle if indicator.start == 0 else np.ones_like(middle)
            centre, bounds = mean[name], {}
            for side, bound in ((-1.0, ends[1]), (1.0, ends[2])):
                edge = indicator.trajectory(bound, shape.mean, part)
                with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                    ratio = np.hypot(np.log(edge / centre), np.log(widen))
                    bounds[side] = np.where(centre > 0, centre * np.exp(side * ratio), 0.0)
            lower[name], upper[name] = bounds[-1.0], bounds[1.0]
            inside, reasons = end.in_domain, end.reasons
        return AgeingPrediction(
            points, mean, lower, upper, self.level if level is None else level, inside, reasons
        )

    def _points(self, given: Sequence[float] | FloatArray | None) -> FloatArray:
        points = (
            np.linspace(0.0, self.n_cycles, 51)
            if given is None
            else np.atleast_1d(np.asarray(given, dtype=float))
        )
        if not ((points >= 0) & (points <= self.n_cycles + 1e-9)).all():
            raise ConfigurationError(
                f"'equivalent_cycles' of AgeingModel.predict must lie between 0 and {self.n_cycles:g}, where the model "
                f"has histories; got {points.min():g} to {points.max():g}."
            )
        return points


def _remedy(histories: AgeingHistories, n_needed: int) -> str:
    """Say up to which cycle enough histories reach."""
    ends = sorted((h.equivalent_cycles[-1] for h in histories.histories), reverse=True)
    if len(ends) < n_needed:
        return f"Generate {n_needed - len(ends)} more."
    return (
        f"{n_needed} of them reach {np.floor(ends[n_needed - 1]):g}: ask for no more cycles than that (n_cycles, "
        "--cycles), or generate longer ones."
    )


def _verdict(names: Sequence[str], helped: Sequence[FloatArray]) -> str:
    """Say for how many indicators the source lowered the out-of-sample error by more than its standard error."""
    mean = np.array([np.mean(h) for h in helped])
    error = np.array([np.std(h, ddof=1) / np.sqrt(len(h)) for h in helped])
    better = [n for n, m, e in zip(names, mean, error, strict=True) if m > e]
    worse = [n for n, m, e in zip(names, mean, error, strict=True) if m < -e]
    text = f"the source helps {len(better)} of {len(names)} indicators ({', '.join(better) or 'none'})"
    if worse:
        text += f" and hurts {len(worse)} ({', '.join(worse)})"
    return f"{text}; leave-out errors on {len(helped[0])} target histories"


def evaluate_ageing(model: AgeingModel, histories: AgeingHistories) -> pd.DataFrame:
    """Compare predictions with histories that the model has not seen.

    Returns
    -------
    One row an indicator: ``error_end`` (median of the absolute relative error after `n_cycles` [%]),
    ``error_half`` (the same at half of them), ``coverage`` of the intervals at the end [-].
    """
    whole = histories.whole(model.n_cycles)
    if not whole:
        raise InsufficientDataError(
            f"none of the histories reaches {model.n_cycles:g} equivalent cycles; there is nothing to compare with."
        )
    points = np.array([model.n_cycles / 2, model.n_cycles])
    found = model.predict([h.conditions for h in whole], points)
    rows = []
    for name in found.mean:
        indicator = AGEING_INDICATORS[name]
        truth = np.stack([np.maximum(indicator.values(h, points), indicator.floor) for h in whole])
        error = 100.0 * np.median(np.abs(found.mean[name] / truth - 1), axis=0)
        inside = (found.lower[name] <= truth) & (truth <= found.upper[name])
        rows.append((name, error[1], error[0], float(inside[:, 1].mean()), len(whole)))
    return pd.DataFrame(rows, columns=["indicator", "error_end", "error_half", "coverage", "n_histories"])


def doubts(model: AgeingModel, histories: AgeingHistories) -> tuple[str, ...]:
    """Why a comparison of a model with histories may say nothing about new cells; one sentence each."""
    found = []
    learned = model.target_domain_["name"]
    if histories.domain.name != learned:
        found.append(f"the model is of {learned}, the histories are of {histories.domain.name}")
    n_known = _shared(histories, next(iter(model.ends_.values())).X_target_)
    if n_known and histories.domain.name == learned:
        found.append(f"the model learned from {n_known} of these {len(histories)} histories")
    return tuple(found)


def _conditions_of(histories: AgeingHistories) -> FloatArray:
    return np.array([list(h.conditions.to_dict().values()) for h in histories.histories])


def _shared(histories: AgeingHistories, conditions: FloatArray) -> int:
    """Count the histories whose conditions are among others, shape (n_rows, n_inputs)."""
    known = {tuple(row) for row in conditions.round(9).tolist()}
    return sum(tuple(row) in known for row in _conditions_of(histories).round(9).tolist())
