"""When the life of a cell ended, read from its capacity, unmoved by single bad cycles.

What bad cycles are and how they are repaired is `repair.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.exceptions import ConfigurationError, ShapeError

__all__ = ["EndOfLife", "end_of_life", "running_median"]


@dataclass(frozen=True)
class EndOfLife:
    """The end of life of one cell.

    Parameters
    ----------
    cycle : where it was reached; None where the test ended before.
    last_cycle : end of the test.
    definition : in words.
    """

    cycle: float | None
    last_cycle: float
    definition: str

    @property
    def is_censored(self) -> bool:
        """Whether the test ended before the end of life."""
        return self.cycle is None


def running_median(values: ArrayLike, n_window: int = 5) -> NDArray[np.float64]:
    """Centred running median that shrinks symmetrically at both ends.

    Parameters
    ----------
    values : shape (n_cycles,), without NaN.
    n_window : odd length [cycles]. The first and last value are returned as they are.

    Returns
    -------
    shape (n_cycles,).
    """
    array = np.asarray(values, dtype=float)
    if n_window < 1 or n_window % 2 == 0:
        raise ConfigurationError(f"'n_window' of running_median must be odd and at least 1; got {n_window}.")
    smooth = array.copy()
    for half in range(1, n_window // 2 + 1):
        if array.size < 2 * half + 1:
            break
        windows = np.lib.stride_tricks.sliding_window_view(array, 2 * half + 1)
        smooth[half : array.size - half] = np.median(windows, axis=1)
    return smooth


def end_of_life(
    cycle_numbers: ArrayLike,
    discharge_capacity: ArrayLike,
    nominal_capacity: float,
    threshold: float = 0.8,
    n_window: int = 5,
    interpolate: bool = False,
) -> EndOfLife:
    """Find the first cycle whose median-smoothed capacity is below a share of the nominal one.

    Dips of up to ``n_window // 2`` cycles are ignored. Cycles without a capacity (NaN) are passed
    over. At the end of a test, where the window shrinks, the last cycles count only if they are
    less than 5 % of the nominal capacity below the smoothed capacity just before them: a test that
    stops right at the threshold has reached it, a dip in the last cycle has not.

    Parameters
    ----------
    cycle_numbers : shape (n_cycles,), rising.
    discharge_capacity : shape (n_cycles,) [Ah].
    nominal_capacity : [Ah].
    threshold : share of the nominal capacity.
    n_window : odd length of the running median [cycles].
    interpolate : return the crossing between two cycles (for check-ups far apart), not the first
        cycle below.
    """
    numbers = np.asarray(cycle_numbers, dtype=float)
    capacity = np.asarray(discharge_capacity, dtype=float)
    if numbers.ndim != 1 or numbers.shape != capacity.shape or numbers.size == 0:
        raise ShapeError(
            "'cycle_numbers' and 'discharge_capacity' of end_of_life must both have shape (n_cycles,); "
            f"got {numbers.shape} and {capacity.shape}."
        )
    limit = threshold * nominal_capacity
    definition = (
        f"first cycle whose {n_window}-cycle running median of the discharge capacity is below "
        f"{threshold:g} x {nominal_capacity:g} Ah"
    )
    last = float(numbers[-1])
    measured = np.isfinite(capacity)
    numbers, capacity = numbers[measured], capacity[measured]
    smooth = running_median(capacity, n_window)
    below = smooth < limit
    half = n_window // 2
    inner = max(smooth.size - half, 1)
    if smooth.size > half:
        floor = smooth[inner - 1] - 0.05 * nominal_capacity
        below[inner:] &= smooth[inner:] > floor
    if not below.any():
        return EndOfLife(None, last, definition)
    first = int(np.argmax(below))
    cycle = float(numbers[first])
    if interpolate and first > 0:
        weight = (smooth[first - 1] - limit) / (smooth[first - 1] - smooth[first])
        cycle = float(numbers[first - 1] + weight * (numbers[first] - numbers[first - 1]))
        definition += ", interpolated between measured cycles"
    return EndOfLife(cycle, last, definition)
