"""Curves of every cycle on common grids: capacity over voltage, and channels over capacity.

All cycles are interpolated in one call; which cycles to trust is `capacity.py`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.cycling.capacity import Intervals
from ionbridge.datasets.cycling.record import CurveSet
from ionbridge.datasets.cycling.series import TimeSeries
from ionbridge.exceptions import ConfigurationError

__all__ = ["Channel", "Direction", "curves_on_capacity", "curves_on_voltage", "interpolate_groups"]

Array = NDArray[np.float64]
Direction = Literal["charge", "discharge"]
Channel = Literal["voltage", "current", "temperature"]
Fill = Literal["flat", "missing"]


def interpolate_groups(
    owner: NDArray[np.intp], x: Array, y: Array, n_groups: int, grid: Array, fill: Fill = "flat"
) -> Array:
    """Interpolate y(x) of many groups on one rising grid, with a single call of `numpy.interp`.

    Samples at which x has not yet passed its largest value in the group so far are left out, so y
    is taken where x is first reached.

    Parameters
    ----------
    owner : shape (n_samples,), group of each sample, falling nowhere.
    x, y : shape (n_samples,).
    n_groups : groups without samples give NaN rows.
    grid : shape (n_points,), rising strictly.
    fill : ``flat`` repeats the first and last value of a group outside its range, ``missing`` gives NaN.

    Returns
    -------
    shape (n_groups, n_points).
    """
    result = np.full((n_groups, grid.size), np.nan)
    if not x.size:
        return result
    low = min(float(x.min()), float(grid[0]))
    width = max(float(x.max()), float(grid[-1])) - low + 1.0
    key = x - low + owner * (2 * width)
    passed = np.maximum.accumulate(key)
    first = np.concatenate([[True], passed[1:] > passed[:-1]])
    key, values, groups = key[first], y[first], owner[first]
    present, begin = np.unique(groups, return_index=True)
    end = np.append(begin[1:], groups.size) - 1
    wanted = (grid - low)[None, :] + present[:, None] * (2 * width)
    inside = np.clip(wanted, key[begin][:, None], key[end][:, None])
    rows = np.interp(inside.ravel(), key, values).reshape(wanted.shape)
    if fill == "missing":
        rows[(wanted < key[begin][:, None]) | (wanted > key[end][:, None])] = np.nan
    result[present] = rows
    return result


def _selected(
    cycle: Array, intervals: Intervals, direction: Direction
) -> tuple[Array, NDArray[np.bool_], NDArray[np.intp], Array]:
    """Cycle numbers; samples in which charge flowed; their cycle; charge moved so far in the cycle [Ah]."""
    numbers, first = np.unique(cycle, return_index=True)
    owner = np.repeat(np.arange(numbers.size), np.diff(np.append(first, cycle.size)))
    amount = intervals.charged if direction == "charge" else intervals.discharged
    flowing = amount > 0
    running = np.cumsum(amount)
    before = np.concatenate([[0.0], running])[first]
    moved = running - before[owner]
    return numbers, flowing, owner, moved


def curves_on_voltage(
    series: TimeSeries,
    cycle: Array,
    intervals: Intervals,
    grid: ArrayLike,
    direction: Direction = "discharge",
    fill: Fill = "flat",
) -> CurveSet:
    """Charge moved in each cycle until a voltage is first reached.

    Parameters
    ----------
    series : samples.
    cycle : shape (n_samples,), falling nowhere.
    intervals : of the series.
    grid : shape (n_points,) [V], strictly monotonic.
    direction : which half of the cycle.
    fill : outside the voltages of a cycle, see `interpolate_groups`.

    Returns
    -------
    Curves of capacity [Ah] over voltage, rising from the start of the half cycle.
    """
    points = np.asarray(grid, dtype=float)
    order = np.argsort(points)
    numbers, flowing, owner, moved = _selected(cycle, intervals, direction)
    way = 1.0 if direction == "charge" else -1.0
    # On discharge the voltage falls: the mirrored voltage rises, and so must the grid.
    rising = points[order] if way > 0 else -points[order][::-1]
    sign_current = series.current * way > 0
    use = flowing & sign_current
    rows = interpolate_groups(owner[use], way * series.voltage[use], moved[use], numbers.size, rising, fill)
    rows = rows if way > 0 else rows[:, ::-1]
    values = np.empty_like(rows)
    values[:, order] = rows
    return CurveSet(f"{direction}_capacity", "voltage", points, numbers, values)


def curves_on_capacity(
    series: TimeSeries,
    cycle: Array,
    intervals: Intervals,
    grid: ArrayLike,
    channel: Channel,
    direction: Direction = "discharge",
    fill: Fill = "flat",
) -> CurveSet:
    """A channel over the charge moved in one half of each cycle.

    Parameters
    ----------
    series : samples.
    cycle : shape (n_samples,), falling nowhere.
    intervals : of the series.
    grid : shape (n_points,) [Ah], rising.
    channel : what is drawn over the capacity.
    direction : which half of the cycle.
    fill : outside the capacity of a cycle, see `interpolate_groups`.
    """
    values = getattr(series, channel)
    if values is None:
        raise ConfigurationError(f"the time series has no {channel!r}; leave its curves out.")
    numbers, flowing, owner, moved = _selected(cycle, intervals, direction)
    way = 1.0 if direction == "charge" else -1.0
    use = flowing & (series.current * way > 0)
    rows = interpolate_groups(
        owner[use], moved[use], values[use], numbers.size, np.asarray(grid, dtype=float), fill
    )
    return CurveSet(channel, "capacity", np.asarray(grid, dtype=float), numbers, rows)
