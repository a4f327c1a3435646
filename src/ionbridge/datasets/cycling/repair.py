"""The only rules by which measured cycles are repaired; each says in a flag what it changed.

Nothing is repaired silently, and nothing outside these functions repairs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.cycling.record import CurveSet

__all__ = ["bad_capacity_curves", "fill_capacity", "listed_cycles", "repair_curves"]

MAX_SHARE = 0.2
"""Above this share of bad cycles nothing is filled: the record is then not a measured one with gaps."""


def listed_cycles(cycles: Sequence[float] | NDArray[np.float64], most: int = 12) -> str:
    """Write cycle numbers for a flag; further ones are counted."""
    texts = [f"{cycle:g}" for cycle in cycles[:most]]
    more = f" and {len(cycles) - most} more" if len(cycles) > most else ""
    return ", ".join(texts) + more


def bad_capacity_curves(
    values: ArrayLike, nominal_capacity: float, tolerance: float = 0.02
) -> NDArray[np.bool_]:
    """Tell which capacity-voltage curves cannot be a measurement.

    A curve is bad if it leaves -2 % to 130 % of the nominal capacity, or runs backwards by more
    than 2 % of it between neighbouring points.

    Parameters
    ----------
    values : shape (n_cycles, n_points) [Ah], in the order of discharge (capacity rises).
    nominal_capacity : [Ah].
    tolerance : share of the nominal capacity.

    Returns
    -------
    shape (n_cycles,).
    """
    share = np.asarray(values, dtype=float) / nominal_capacity
    with np.errstate(invalid="ignore"):
        outside = ((share < -tolerance) | (share > 1.3)).any(axis=1)
        backwards = (np.diff(share, axis=1) < -tolerance).any(axis=1)
    return np.asarray(outside | backwards)


def repair_curves(curves: CurveSet, bad: NDArray[np.bool_], name: str) -> tuple[CurveSet, tuple[str, ...]]:
    """Replace bad curves by linear interpolation in cycle number between the nearest good ones.

    Before the first and behind the last good curve the nearest one is taken. If more than
    `MAX_SHARE` of the curves are bad, they become NaN instead.

    Parameters
    ----------
    curves : of one cell.
    bad : shape (n_cycles,).
    name : of the curve set, for the flag.

    Returns
    -------
    The curves and at most one flag.
    """
    if not bad.any():
        return curves, ()
    values = curves.values.copy()
    which = listed_cycles(curves.cycles[bad])
    if bad.mean() > MAX_SHARE:
        values[bad] = np.nan
        return replace(curves, values=values), (
            f"{name}: {int(bad.sum())} of {len(bad)} curves not physical, set to missing: cycles {which}",
        )
    good = np.flatnonzero(~bad)
    place = np.searchsorted(curves.cycles[good], curves.cycles[bad])
    left, right = good[np.maximum(place - 1, 0)], good[np.minimum(place, good.size - 1)]
    span = curves.cycles[right] - curves.cycles[left]
    weight = np.where(span > 0, (curves.cycles[bad] - curves.cycles[left]) / np.where(span > 0, span, 1), 0.0)
    values[bad] = values[left] * (1 - weight[:, None]) + values[right] * weight[:, None]
    return replace(curves, values=values), (
        f"{name}: curve not physical, filled from neighbouring cycles: cycles {which}",
    )


def fill_capacity(
    cycles: pd.DataFrame, bad: NDArray[np.bool_], column: str = "discharge_capacity"
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Replace marked values of one column by linear interpolation in cycle number.

    If more than `MAX_SHARE` of them are marked, they become NaN instead.

    Parameters
    ----------
    cycles : one row a cycle, with ``cycle_number``.
    bad : shape (n_cycles,).
    column : which.

    Returns
    -------
    A copy and at most one flag.
    """
    if not bad.any():
        return cycles, ()
    numbers = cycles["cycle_number"].to_numpy(dtype=float)
    values = cycles[column].to_numpy(dtype=float).copy()
    which = listed_cycles(numbers[bad])
    if bad.mean() > MAX_SHARE:
        values[bad] = np.nan
        flag = f"{column}: {int(bad.sum())} of {len(bad)} values not physical, set to missing: cycles {which}"
    else:
        values[bad] = np.interp(numbers[bad], numbers[~bad], values[~bad])
        flag = f"{column}: not physical, filled from neighbouring cycles: cycles {which}"
    return cycles.assign(**{column: values}), (flag,)
