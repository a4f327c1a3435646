"""Steps and cycles of a time series: where the cell charges, discharges, rests, is held at a voltage.

How much charge they move is `capacity.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.cycling.series import TimeSeries

__all__ = ["CHARGE", "CONSTANT_VOLTAGE", "DISCHARGE", "KINDS", "REST", "Steps", "find_cycles", "find_steps"]

Array = NDArray[np.float64]
DISCHARGE, REST, CHARGE, CONSTANT_VOLTAGE = -1, 0, 1, 2
KINDS = {
    DISCHARGE: "discharge",
    REST: "rest",
    CHARGE: "charge",
    CONSTANT_VOLTAGE: "constant_voltage_charge",
}
VOLTAGE_TOLERANCE = 0.005


@dataclass(frozen=True, eq=False)
class Steps:
    """Runs of samples of one kind.

    Parameters
    ----------
    kind : shape (n_samples,); -1 discharge, 0 rest, 1 charge, 2 charge at constant voltage.
    start : shape (n_steps,), first sample of each step; it ends before the next one.
    """

    kind: NDArray[np.int8]
    start: NDArray[np.intp]

    @property
    def end(self) -> NDArray[np.intp]:
        """Shape (n_steps,), one behind the last sample of each step."""
        return np.append(self.start[1:], self.kind.size)

    @property
    def kinds(self) -> NDArray[np.int8]:
        """Shape (n_steps,), kind of each step."""
        return self.kind[self.start]

    def to_frame(self, series: TimeSeries) -> pd.DataFrame:
        """One row a step: kind, first sample, number of samples, duration, mean current, voltages."""
        last = self.end - 1
        count = self.end - self.start
        return pd.DataFrame(
            {
                "kind": [KINDS[int(kind)] for kind in self.kinds],
                "first_sample": self.start,
                "n_samples": count,
                "duration_s": series.time[last] - series.time[self.start],
                "mean_current_A": np.add.reduceat(series.current, self.start) / count,
                "first_voltage_V": series.voltage[self.start],
                "last_voltage_V": series.voltage[last],
            }
        )


def _run_starts(kind: NDArray[np.int8]) -> NDArray[np.intp]:
    return np.concatenate([[0], np.flatnonzero(np.diff(kind)) + 1]).astype(np.intp)


def rest_limit(series: TimeSeries, nominal_capacity: float | None = None) -> float:
    """Current below which the cell counts as resting [A].

    C/500 of the nominal capacity where it is known, but at most 0.5 % of the largest current; else
    the latter.
    """
    largest = 0.005 * float(np.percentile(np.abs(series.current), 99.9))
    return largest if nominal_capacity is None else min(nominal_capacity / 500, largest)


def find_steps(series: TimeSeries, nominal_capacity: float | None = None) -> Steps:
    """Tell charge, discharge, rest and constant-voltage charge apart by current and voltage.

    A charge is at constant voltage from where it comes within 5 mV of its highest voltage with
    less than 98 % of the current at which it did so first.

    Parameters
    ----------
    series : samples.
    nominal_capacity : [Ah], sets what counts as rest; see `rest_limit`.
    """
    limit = rest_limit(series, nominal_capacity)
    kind = np.zeros(len(series), dtype=np.int8)
    kind[series.current > limit] = CHARGE
    kind[series.current < -limit] = DISCHARGE
    start = _run_starts(kind)
    run = np.repeat(np.arange(start.size), np.diff(np.append(start, kind.size)))
    top = np.maximum.reduceat(series.voltage, start)[run]
    at_top = (kind == CHARGE) & (series.voltage >= top - VOLTAGE_TOLERANCE)
    position = np.where(at_top, np.arange(kind.size), kind.size)
    first = np.minimum(np.minimum.reduceat(position, start), kind.size - 1)
    held = at_top & (series.current < 0.98 * series.current[first[run]])
    kind[held] = CONSTANT_VOLTAGE
    return Steps(kind, _run_starts(kind))


def find_cycles(
    series: TimeSeries, steps: Steps, nominal_capacity: float | None = None, minimum: float = 0.05
) -> Array:
    """Number the cycles where the cycler did not: each begins with a charge that follows a discharge.

    Charges and discharges of less than `minimum` of the reference (pulses, balancing) start
    nothing. The reference is the nominal capacity or, without it, the largest discharge.

    Parameters
    ----------
    series : samples.
    steps : of the series.
    nominal_capacity : [Ah].
    minimum : share of the reference.

    Returns
    -------
    shape (n_samples,), from 1.
    """
    sign = np.sign(steps.kind).astype(np.int8)
    moving = sign != 0
    # Rests do not end a run: each sample takes the direction of the last current.
    place = np.maximum.accumulate(np.where(moving, np.arange(sign.size), 0))
    sign = sign[place]
    start = _run_starts(sign)
    charge = np.concatenate([[0.0], series.current[1:] * np.diff(series.time)]) / 3600
    amount = np.abs(np.add.reduceat(charge, start))
    direction = sign[start]
    reference = nominal_capacity or float(np.max(amount[direction < 0], initial=0.0))
    large = (amount >= minimum * reference) & (direction != 0)
    kept, ways = start[large], direction[large]
    begins = kept[1:][(ways[1:] > 0) & (ways[:-1] < 0)]
    marks = np.zeros(len(series))
    marks[begins] = 1
    return 1 + np.cumsum(marks)
