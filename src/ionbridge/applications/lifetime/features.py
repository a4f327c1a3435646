"""Features of a cell from its first cycles: of discharge curves, of per-cycle columns, of the fade so far.

All are vectorised over cells and scaled by the nominal capacity, so that cells of other sizes can
be compared. Models of these features are `strategies.py` and `members.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis, skew

from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import ConfigurationError, DataError

__all__ = [
    "CURVE_FEATURES",
    "FEATURE_NOTES",
    "RELIABILITY_FEATURE",
    "STAGE_FEATURE",
    "CellFeatures",
    "curve_features",
    "cycle_summaries",
    "discharge_curves",
    "fade_reliability",
    "join_features",
    "log_life_stage",
]

FloatArray = NDArray[np.float64]
FeatureSet = Literal["variance", "discharge", "full"]

CURVES = "discharge_capacity_on_voltage"
STAGE_FEATURE = "log_life_stage"
RELIABILITY_FEATURE = "fade_reliability"
SMALLEST_FADE = 2e-5  # of the nominal capacity a cycle; slower fade is not told from none
SMALLEST_MARGIN = 2e-3  # of the nominal capacity left above the end of life
SMALLEST_CHANGE = 1e-12

CURVE_FEATURES: dict[FeatureSet, tuple[str, ...]] = {
    "variance": ("log_variance",),
    "discharge": ("log_minimum", "log_variance", "log_skewness", "log_kurtosis", "first_capacity", "rise"),
    "full": (
        "log_minimum",
        "log_variance",
        "log_mean",
        "log_skewness",
        "log_kurtosis",
        "first_capacity",
        "rise",
        "last_capacity",
        "slope",
        "intercept",
        "late_slope",
        "late_intercept",
    ),
}
"""Columns of each feature set [1]_ as far as the discharge tells them.

.. [1] Severson et al., Data-driven prediction of battery cycle life before capacity degradation,
   Nature Energy 4 (2019) 383, table 1 of its supplement. doi:10.1038/s41560-019-0356-8
"""

FEATURE_NOTES = {
    "log_minimum": "log10 of the size of the smallest value of Q(V) late minus Q(V) early [-]",
    "log_variance": "log10 of the variance over voltage of Q(V) late minus Q(V) early [-]",
    "log_mean": "log10 of the size of the mean of Q(V) late minus Q(V) early [-]",
    "log_skewness": "log10 of the size of the skewness of that difference [-]",
    "log_kurtosis": "log10 of the size of the excess kurtosis of that difference [-]",
    "first_capacity": "capacity of the first cycle over nominal [-]",
    "rise": "largest capacity less that of the first cycle, over nominal [-]",
    "last_capacity": "capacity of the late cycle over nominal [-]",
    "slope": "slope of capacity over all cycles, over nominal [1/cycle]",
    "intercept": "intercept of that line, over nominal [-]",
    "late_slope": "slope of capacity over the last ten cycles, over nominal [1/cycle]",
    "late_intercept": "intercept of that line, over nominal [-]",
    STAGE_FEATURE: "log of 1 + cycles left by linear fade / cycles seen; 0 where the end of life is reached [-]",
    RELIABILITY_FEATURE: "share of the squared fade slope that both halves of the cycles agree on, 0 to 1 [-]",
    "<column>_median": "median over the first cycles, capacities over nominal",
    "<column>_trend": "slope over the first cycles times their number, capacities over nominal",
}
"""What each feature means."""


@dataclass(frozen=True, eq=False)
class CellFeatures:
    """Features of some cells.

    Parameters
    ----------
    names : one a column.
    values : shape (n_cells, n_features), finite.
    cell_ids : one a row.
    """

    names: tuple[str, ...]
    values: FloatArray
    cell_ids: tuple[str, ...]

    def column(self, name: str) -> int:
        """Place of a column.

        Raises
        ------
        ConfigurationError
            If there is none of this name.
        """
        if name not in self.names:
            raise ConfigurationError(f"there is no feature {name!r}; there are {list(self.names)}.")
        return self.names.index(name)

    def take(self, names: Sequence[str]) -> FloatArray:
        """Some columns, shape (n_cells, len(names))."""
        return self.values[:, [self.column(name) for name in names]]


def join_features(*parts: CellFeatures) -> CellFeatures:
    """Put the columns of several sets of the same cells side by side; a repeated name is kept once."""
    names: list[str] = []
    columns: list[FloatArray] = []
    for part in parts:
        if part.cell_ids != parts[0].cell_ids:
            raise DataError("features of different cells cannot be joined; make them from the same records.")
        for j, name in enumerate(part.names):
            if name not in names:
                names.append(name)
                columns.append(part.values[:, j])
    return CellFeatures(tuple(names), np.column_stack(columns), parts[0].cell_ids)


def discharge_curves(
    records: Sequence[CyclingRecord],
    cycles: Sequence[int] = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 98),
    *,
    n_points: int = 50,
    half_window: int = 2,
) -> FloatArray:
    """Discharge capacity over voltage at some cycles, as inter-cell learning takes it.

    Each is the median of the cycles around it, over nominal capacity, averaged over `n_points`
    equal parts of the voltage window of the cell.

    Parameters
    ----------
    records : cells with the curves ``discharge_capacity_on_voltage``.
    cycles : at which the curve is taken [cycle]; the window is cut at the last of them plus
        `half_window`, so nothing later is used.
    half_window : cycles on either side that the median covers [cycle].

    Returns
    -------
    shape (n_cells, 1, len(cycles), n_points) [-].

    Raises
    ------
    DataError
        If a cell has no curve in one of the windows.
    """
    rows = np.empty((len(records), 1, len(cycles), n_points))
    for i, record in enumerate(records):
        curves = record.curve(CURVES)
        values = _binned(np.asarray(curves.values, dtype=float), n_points) / record.nominal_capacity
        for j, cycle in enumerate(cycles):
            near = np.abs(curves.cycles - cycle) <= half_window
            near &= curves.cycles <= cycles[-1] + half_window
            if not near.any():
                raise DataError(
                    f"cell {record.cell_id!r} has no discharge curve within {half_window} cycles of cycle {cycle}; "
                    "it needs about 100 cycles. Leave it out, or choose earlier cycles."
                )
            rows[i, 0, j] = np.nanmedian(values[near], axis=0)
    return _finite(rows, records, "its discharge curves")


def _binned(values: FloatArray, n_points: int) -> FloatArray:
    """Average over equal parts of the grid, shape (n_cycles, n_points); a coarser grid is interpolated."""
    if values.shape[1] < n_points:
        place = np.linspace(0, values.shape[1] - 1, n_points)
        left = np.minimum(place.astype(int), values.shape[1] - 2)
        return values[:, left] + (values[:, left + 1] - values[:, left]) * (place - left)
    edges = np.linspace(0, values.shape[1], n_points + 1).astype(int)
    return np.stack([values[:, a:b].mean(axis=1) for a, b in itertools.pairwise(edges)], axis=1)


def curve_features(
    records: Sequence[CyclingRecord],
    feature_set: FeatureSet = "full",
    *,
    early: int = 10,
    late: int = 100,
) -> CellFeatures:
    """Features of the change of the discharge curve between two cycles, and of the capacity until then.

    Parameters
    ----------
    feature_set : see `CURVE_FEATURES`.
    early, late : the two cycles [cycle]; the nearest measured ones are taken.

    Raises
    ------
    DataError
        If a cell has too few curves.
    """
    if feature_set not in CURVE_FEATURES:
        raise ConfigurationError(f"'feature_set' must be one of {list(CURVE_FEATURES)}; got {feature_set!r}.")
    change, lines = [], []
    for record in records:
        curves = record.curve(CURVES).first_cycles(late)
        if len(curves) < 12 or curves.cycles[-1] < early + 5:
            raise DataError(
                f"cell {record.cell_id!r} has {len(curves)} discharge curves up to cycle {late}; at least 12 are "
                "needed. Leave it out."
            )
        values = np.asarray(curves.values, dtype=float) / record.nominal_capacity
        change.append(values[-1] - values[np.abs(curves.cycles - early).argmin()])
        lines.append(_capacity_lines(curves.cycles, np.nanmax(values, axis=1)))
    delta = np.stack([_binned(d[None], 100)[0] for d in change])
    everything = {
        "log_minimum": _log_size(delta.min(axis=1)),
        "log_variance": _log_size(delta.var(axis=1)),
        "log_mean": _log_size(delta.mean(axis=1)),
        "log_skewness": _log_size(skew(delta, axis=1), 1e-2),
        "log_kurtosis": _log_size(kurtosis(delta, axis=1), 1e-2),
        **{name: np.array([line[name] for line in lines]) for name in lines[0]},
    }
    names = CURVE_FEATURES[feature_set]
    values = np.column_stack([everything[name] for name in names])
    return CellFeatures(
        names, _finite(values, records, "its discharge curves"), tuple(r.cell_id for r in records)
    )


def _capacity_lines(cycles: FloatArray, capacity: FloatArray) -> dict[str, float]:
    smooth = capacity.copy()
    smooth[1:-1] = np.median(np.lib.stride_tricks.sliding_window_view(capacity, 3), axis=1)
    slope, intercept = np.polyfit(cycles, smooth, 1)
    late_slope, late_intercept = np.polyfit(cycles[-10:], smooth[-10:], 1)
    return {
        "first_capacity": float(smooth[0]),
        "rise": float(smooth.max() - smooth[0]),
        "last_capacity": float(smooth[-1]),
        "slope": float(slope),
        "intercept": float(intercept),
        "late_slope": float(late_slope),
        "late_intercept": float(late_intercept),
    }


def _log_size(values: FloatArray, smallest: float = SMALLEST_CHANGE) -> FloatArray:
    return np.log10(np.maximum(np.abs(values), smallest))


def cycle_summaries(
    records: Sequence[CyclingRecord], n_cycles: int, *, columns: Sequence[str] | None = None
) -> CellFeatures:
    """Median and trend of per-cycle columns over the first cycles, and the stage of life by linear fade.

    Parameters
    ----------
    n_cycles : cycles used; cells with fewer rows are used as they are.
    columns : of `CyclingRecord.cycles`; None takes those that every cell has. Charges and
        capacities are divided by the nominal capacity.

    Raises
    ------
    DataError
        If a cell has fewer than five cycles, or lacks a column or has no value in it.
    """
    if columns is None:
        shared = set.intersection(*(set(r.cycles.columns) for r in records)) - {"cycle_number"}
        columns = [name for name in records[0].cycles.columns if name in shared]
    names = tuple(f"{name}_{kind}" for kind in ("median", "trend") for name in columns)
    values = np.empty((len(records), len(names) + 2))
    for i, record in enumerate(records):
        number = record.cycle_numbers
        first = number <= number[0] + n_cycles - 1
        if first.sum() < 5:
            raise DataError(
                f"cell {record.cell_id!r} has {int(first.sum())} cycles among its first {n_cycles}; at least 5 are needed."
            )
        lacking = [name for name in columns if name not in record.cycles]
        if lacking:
            raise DataError(
                f"cell {record.cell_id!r} lacks the column(s) {lacking[:3]} ({len(lacking)} of {len(columns)}); it has "
                f"{[str(c) for c in record.cycles.columns][:6]}. Leave it out, or use columns that all cells have."
            )
        table = record.cycles.loc[first, list(columns)].to_numpy(dtype=float)
        scale = [record.nominal_capacity if _is_charge(name) else 1.0 for name in columns]
        values[i, :-2] = np.concatenate(_median_and_trend(number[first], table / scale, n_cycles))
        values[i, -2:] = fade_reliability(record, n_cycles), log_life_stage(record, n_cycles)
    return CellFeatures(
        (*names, RELIABILITY_FEATURE, STAGE_FEATURE),
        _finite(values, records, f"its columns {list(columns)}"),
        tuple(r.cell_id for r in records),
    )


def _is_charge(name: str) -> bool:
    return name.endswith(("_Q", "capacity"))


def _median_and_trend(number: FloatArray, table: FloatArray, n_cycles: int) -> tuple[FloatArray, FloatArray]:
    """Median, and least-squares slope times `n_cycles`, of every column; gaps take the median."""
    is_empty = ~np.isfinite(table).any(axis=0)
    middle = np.full(table.shape[1], np.nan)
    middle[~is_empty] = np.nanmedian(table[:, ~is_empty], axis=0)
    filled = np.where(np.isfinite(table), table, middle)
    centred = number - number.mean()
    return middle, centred @ filled / (centred @ centred) * n_cycles


def log_life_stage(record: CyclingRecord, n_cycles: int) -> float:
    """How far a cell is from its end of life if it went on fading linearly.

    Returns
    -------
    ``log(1 + left / seen)`` [-] with the cycles left by the median slope of the capacity over the
    first `n_cycles`, and the number of cycles seen.
    """
    number, health = _first(record, n_cycles)
    return float(stage_of_window(number, health, record.end_of_life_threshold))


def fade_reliability(record: CyclingRecord, n_cycles: int) -> float:
    """How far the two halves of the first cycles agree on the fade, 0 (not at all) to 1.

    ``m² / (m² + d²)`` with the mean m and half the difference d of the two slopes; 0 where the
    capacity does not fade.
    """
    number, health = _first(record, n_cycles)
    half = len(number) // 2
    if half < 3:
        return 0.0
    slopes = [_slope(number[:half], health[:half]), _slope(number[-half:], health[-half:])]
    mean, off = 0.5 * (slopes[0] + slopes[1]), 0.5 * (slopes[0] - slopes[1])
    return float(mean**2 / (mean**2 + off**2 + 1e-30)) if mean < 0 else 0.0


def _first(record: CyclingRecord, n_cycles: int) -> tuple[FloatArray, FloatArray]:
    """Cycle numbers and state of health of the first cycles, without gaps."""
    number, health = record.cycle_numbers, record.state_of_health
    first = (number <= number[0] + n_cycles - 1) & np.isfinite(health)
    return number[first], health[first]


def _slope(number: FloatArray, health: FloatArray) -> float:
    """Median slope between cycles at least a quarter of the window apart [1/cycle]."""
    i, j = np.triu_indices(len(health), 1)
    far = number[j] - number[i] >= (number[-1] - number[0]) / 4
    return float(np.median((health[j] - health[i])[far] / (number[j] - number[i])[far]))


def stage_of_window(number: FloatArray, health: FloatArray, threshold: float) -> float:
    """`log_life_stage` of one window of cycles, each of shape (n_cycles,), at its last cycle."""
    if len(health) < 5:
        return float("nan")
    slope = _slope(number, health)
    margin = max(float(np.median(health[-5:])) - threshold, SMALLEST_MARGIN)
    return float(np.log1p(margin / max(-slope, SMALLEST_FADE) / number[-1]))


def _finite(values: FloatArray, records: Sequence[CyclingRecord], what: str) -> FloatArray:
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        raise DataError(
            f"cell {records[int(np.flatnonzero(bad)[0])].cell_id!r} has missing values in {what} "
            f"({int(bad.sum())} such cells); repair the record or leave it out."
        )
    return values
