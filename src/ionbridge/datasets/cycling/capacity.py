"""Charge and energy of every cycle by the trapezoid rule, and the gaps that make them doubtful.

Everything is computed for all cycles at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.cycling.repair import listed_cycles
from ionbridge.datasets.cycling.series import TimeSeries
from ionbridge.datasets.cycling.steps import CONSTANT_VOLTAGE, DISCHARGE, Steps

__all__ = ["Intervals", "cycle_table", "interval_charges"]

Array = NDArray[np.float64]
GAP_SHARE = 0.05
"""Share of the nominal capacity in one unsampled interval above which a cycle's capacity is not known."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """Charge and energy between neighbouring samples, shape (n_samples,); the first is zero.

    Parameters
    ----------
    charged, discharged : [Ah], both positive.
    charged_energy, discharged_energy : [Wh], both positive.
    """

    charged: Array
    discharged: Array
    charged_energy: Array
    discharged_energy: Array


def interval_charges(series: TimeSeries) -> Intervals:
    """Integrate the current, linear between samples, its positive and negative part apart.

    Energy is the charge of an interval times its mean voltage.
    """
    before, after = series.current[:-1], series.current[1:]
    hours = np.diff(series.time) / 3600
    positive = np.maximum(before, 0), np.maximum(after, 0)
    negative = np.maximum(-before, 0), np.maximum(-after, 0)
    crossing = before * after < 0
    span = np.abs(before) + np.abs(after)
    shares = np.where(crossing, span, 1.0)

    def integral(ends: tuple[Array, Array]) -> Array:
        amount = 0.5 * (ends[0] + ends[1])
        # Where the current crosses zero only a part of the interval has this sign.
        return np.where(crossing, amount * (ends[0] + ends[1]) / shares, amount) * hours

    voltage = 0.5 * (series.voltage[:-1] + series.voltage[1:])
    charged, discharged = integral(positive), integral(negative)
    parts = (charged, discharged, charged * voltage, discharged * voltage)
    return Intervals(*(np.concatenate([[0.0], part]) for part in parts))


def _gaps(series: TimeSeries, intervals: Intervals, nominal_capacity: float) -> NDArray[np.bool_]:
    """Intervals, by their later sample, in which too much charge flowed without a sample."""
    step = np.diff(series.time, prepend=series.time[0])
    usual = float(np.median(step[1:]))
    moved = intervals.charged + intervals.discharged
    return np.asarray((step > 20 * usual) & (moved > GAP_SHARE * nominal_capacity))


def cycle_table(
    series: TimeSeries,
    cycle: Array,
    steps: Steps,
    nominal_capacity: float,
    intervals: Intervals | None = None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Sum up every cycle.

    Rules, each with a flag: an interval 20 times longer than usual in which more than 5 % of the
    nominal capacity flowed makes the capacities and energies of its cycle missing; a cycle with
    less than 5 % of the nominal capacity of discharge (or charge) has none; a last cycle that
    stops more than 0.1 V above the usual end of discharge with less than 95 % of the usual capacity was
    interrupted and has no discharge capacity.

    Parameters
    ----------
    series : samples.
    cycle : shape (n_samples,), falling nowhere.
    steps : of the series.
    nominal_capacity : [Ah].
    intervals : of the series; None computes them.

    Returns
    -------
    One row a cycle, in the columns of `CyclingRecord.cycles`; and flags.
    """
    numbers, first = np.unique(cycle, return_index=True)
    owner = np.repeat(np.arange(numbers.size), np.diff(np.append(first, cycle.size)))
    n_cycles = numbers.size

    def total(values: Array) -> Array:
        return np.bincount(owner, weights=values, minlength=n_cycles).astype(float)

    parts = interval_charges(series) if intervals is None else intervals
    seconds = np.diff(series.time, prepend=series.time[0])
    charged, discharged = total(parts.charged), total(parts.discharged)
    held = steps.kind == CONSTANT_VOLTAGE
    discharging = np.where(steps.kind == DISCHARGE, series.voltage, np.nan)
    table = {
        "cycle_number": numbers,
        "discharge_capacity": discharged,
        "charge_capacity": charged,
        "discharge_energy": total(parts.discharged_energy),
        "charge_energy": total(parts.charged_energy),
        "charge_time": total(np.where(steps.kind > 0, seconds, 0.0)),
        "constant_voltage_time": total(np.where(held, seconds, 0.0)),
        "constant_voltage_capacity": total(np.where(held, parts.charged, 0.0)),
        "discharge_voltage_min": np.fmin.reduceat(discharging, first),
        "voltage_max": np.maximum.reduceat(series.voltage, first),
    }
    if series.temperature is not None:
        weights = np.where(np.isfinite(series.temperature), np.maximum(seconds, 1e-9), 0.0)
        known = total(weights)
        with np.errstate(invalid="ignore"):
            table["temperature_mean"] = total(weights * np.nan_to_num(series.temperature)) / known
        table["temperature_max"] = np.fmax.reduceat(series.temperature, first)
    if "internal_resistance" in series.extras:
        resistance = series.extras["internal_resistance"]
        with np.errstate(invalid="ignore"):
            valid = np.where(resistance > 0, 1.0, 0.0)
            table["internal_resistance"] = total(valid * np.nan_to_num(resistance)) / total(valid)
    frame = pd.DataFrame(table)
    gaps = np.bincount(owner[_gaps(series, parts, nominal_capacity)], minlength=n_cycles) > 0
    return _without_doubtful(frame, gaps, nominal_capacity)


def _without_doubtful(
    frame: pd.DataFrame, gaps: NDArray[np.bool_], nominal_capacity: float
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    flags: list[str] = []
    numbers = frame["cycle_number"].to_numpy()
    discharge = ["discharge_capacity", "discharge_energy"]
    charge = ["charge_capacity", "charge_energy", "charge_time", "constant_voltage_time"]
    charge.append("constant_voltage_capacity")
    if gaps.any():
        frame.loc[gaps, [*discharge, *charge]] = np.nan
        flags.append(
            f"gap in the recording, capacities set to missing: cycles {listed_cycles(numbers[gaps])}"
        )
    for columns, what in ((discharge, "discharge"), (charge, "charge")):
        little = frame[columns[0]].to_numpy() < GAP_SHARE * nominal_capacity
        if little.any():
            frame.loc[little, columns] = np.nan
            flags.append(
                f"less than 5 % of the nominal capacity of {what}: cycles {listed_cycles(numbers[little])}"
            )
    capacity, lowest = frame["discharge_capacity"].to_numpy(), frame["discharge_voltage_min"].to_numpy()
    whole = np.isfinite(capacity[:-1])
    if whole.any() and np.isfinite(capacity[-1]):
        usual = np.median(capacity[:-1][whole][-20:]), np.median(lowest[:-1][whole][-20:])
        if capacity[-1] < 0.95 * usual[0] and lowest[-1] > usual[1] + 0.1:
            frame.loc[frame.index[-1], discharge] = np.nan
            flags.append(f"last cycle interrupted, discharge capacity set to missing: cycles {numbers[-1]:g}")
    return frame, tuple(flags)
