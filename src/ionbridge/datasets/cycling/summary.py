"""From a time series to a `CyclingRecord`: cycles, capacities, curves and the end of life.

The single operations are in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling.capacity import Intervals, cycle_table, interval_charges
from ionbridge.datasets.cycling.curves import Channel, Direction, curves_on_capacity, curves_on_voltage
from ionbridge.datasets.cycling.end_of_life import end_of_life
from ionbridge.datasets.cycling.record import CurveSet, CyclingRecord
from ionbridge.datasets.cycling.series import TimeSeries
from ionbridge.datasets.cycling.steps import find_cycles, find_steps
from ionbridge.exceptions import ConfigurationError, DataError

__all__ = ["CurveGrid", "record_from_series"]


@dataclass(frozen=True)
class CurveGrid:
    """On what grids curves are stored.

    Parameters
    ----------
    n_voltage, n_capacity : points of the grids.
    voltage_limits : lowest and highest voltage [V]; None takes them from the data, to 0.01 V.
    capacity_limit : end of the capacity grid in nominal capacities.
    max_cycle : no curves behind this cycle; None keeps all.
    """

    n_voltage: int = 500
    n_capacity: int = 250
    voltage_limits: tuple[float, float] | None = None
    capacity_limit: float = 1.2
    max_cycle: float | None = None

    def __post_init__(self) -> None:
        if min(self.n_voltage, self.n_capacity) < 2 or self.capacity_limit <= 0:
            raise ConfigurationError("CurveGrid needs at least 2 points a grid and a capacity limit above 0.")
        if self.voltage_limits is not None and not self.voltage_limits[0] < self.voltage_limits[1]:
            raise ConfigurationError(
                f"'voltage_limits' of CurveGrid must be (lowest, highest) in V; got {self.voltage_limits}."
            )


def estimated_capacity(intervals: Intervals, cycle: NDArray[np.float64]) -> float:
    """Median of the first five discharges that are not small [Ah]: a stand-in for the nominal capacity."""
    numbers, owner = np.unique(cycle, return_inverse=True)
    amounts = np.bincount(owner, weights=intervals.discharged, minlength=numbers.size)
    large = amounts[amounts > 0.5 * amounts.max(initial=0.0)]
    if not large.size:
        raise DataError(
            "the series has no discharge; its capacity cannot be found. Check the sign of the current."
        )
    return float(np.median(large[:5]))


def record_from_series(
    series: TimeSeries,
    *,
    cell_id: str,
    domain: Domain | None = None,
    nominal_capacity: float | None = None,
    threshold: float = 0.8,
    protocol: str = "",
    temperature: float = float("nan"),
    metadata: Mapping[str, str | float | bool] | None = None,
    grid: CurveGrid | None = None,
) -> CyclingRecord:
    """Sum up a time series.

    Cycles are those of the cycler where it counted them, else found by `find_cycles`.

    Parameters
    ----------
    series : samples of one cell.
    cell_id : its name.
    domain : chemistry, format and so on; by default named after the cell, with unknown chemistry.
    nominal_capacity : [Ah]; None takes the median of the first discharges and flags the record.
    threshold : share of the nominal capacity at which life ends.
    protocol : how it was cycled.
    temperature : of the surroundings [K].
    metadata : further plain values.
    grid : of the curves.
    """
    grid = grid or CurveGrid()
    flags = list(series.flags)
    steps = find_steps(series, nominal_capacity)
    cycle = series.cycle
    if cycle is None or cycle[0] == cycle[-1]:
        cycle = find_cycles(series, steps, nominal_capacity)
        flags.append("cycles found by the alternation of charge and discharge")
    intervals = interval_charges(series)
    if nominal_capacity is None:
        nominal_capacity = float(f"{estimated_capacity(intervals, cycle):.3g}")
        flags.append(f"nominal capacity estimated from the first discharges: {nominal_capacity:g} Ah")
    table, more = cycle_table(series, cycle, steps, nominal_capacity, intervals)
    life = end_of_life(table["cycle_number"], table["discharge_capacity"], nominal_capacity, threshold)
    return CyclingRecord(
        cell_id=cell_id,
        domain=domain or Domain(cell_id, chemistry="unknown", process=protocol),
        nominal_capacity=nominal_capacity,
        cycles=table,
        curves=_curves(series, cycle, intervals, nominal_capacity, grid),
        protocol=protocol,
        temperature=temperature,
        end_of_life_threshold=threshold,
        end_of_life_cycle=life.cycle,
        last_cycle=life.last_cycle,
        life_definition=life.definition,
        metadata={**series.metadata, **(metadata or {})},
        flags=(*flags, *more),
        provenance=series.provenance,
    )


def _curves(
    series: TimeSeries,
    cycle: NDArray[np.float64],
    intervals: Intervals,
    nominal_capacity: float,
    grid: CurveGrid,
) -> dict[str, CurveSet]:
    if grid.max_cycle is not None:
        n_samples = int(np.searchsorted(cycle, grid.max_cycle, side="right"))
        if n_samples < 2:
            return {}
        series, cycle = series.take(slice(0, n_samples)), cycle[:n_samples]
        intervals = Intervals(
            intervals.charged[:n_samples],
            intervals.discharged[:n_samples],
            intervals.charged_energy[:n_samples],
            intervals.discharged_energy[:n_samples],
        )
    low, high = grid.voltage_limits or _limits(series)
    volts = np.linspace(high, low, grid.n_voltage)
    amounts = np.linspace(0, grid.capacity_limit * nominal_capacity, grid.n_capacity)
    curves = {
        "discharge_capacity_on_voltage": curves_on_voltage(series, cycle, intervals, volts, "discharge"),
        "charge_capacity_on_voltage": curves_on_voltage(series, cycle, intervals, volts[::-1], "charge"),
    }
    channels: list[Channel] = ["voltage", "current"]
    if series.temperature is not None:
        channels.append("temperature")
    directions: tuple[Direction, ...] = ("charge", "discharge")
    for channel in channels:
        for direction in directions:
            curves[f"{direction}_{channel}_on_capacity"] = curves_on_capacity(
                series,
                cycle,
                intervals,
                amounts,
                channel,
                direction,
            )
    return {name: _small(curve) for name, curve in curves.items()}


def _limits(series: TimeSeries) -> tuple[float, float]:
    """Voltage window of the cycling, to 0.01 V; a few stray samples do not widen it."""
    low, high = np.percentile(series.voltage, [0.05, 99.95])
    low, high = np.floor(100 * low) / 100, np.ceil(100 * high) / 100
    return float(low), float(max(high, low + 0.01))


def _small(curve: CurveSet) -> CurveSet:
    """Store values as float32: 1e-7 of the value, half the memory."""
    return CurveSet(
        curve.quantity,
        curve.axis,
        curve.grid,
        curve.cycles,
        curve.values.astype(np.float32),
        "flat beyond the measured range",
    )
