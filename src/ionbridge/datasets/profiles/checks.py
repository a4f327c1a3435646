"""Checks that profiles and series share: order of time, finite values, kelvin, units off by 1000, signs.

What is checked here raises; what is only doubtful is returned as notes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.exceptions import DataError, ShapeError

__all__ = [
    "check_scale",
    "check_sign",
    "require_capacity",
    "require_rising_time",
    "require_temperature",
    "require_vector",
]

Array = NDArray[np.float64]
_MAX_RATE = 30.0
_MIN_RATE = 1e-3
_SIGN_ADVICE = (
    "multiply the current by -1, or say that the file counts discharge as positive: --sign discharge_positive on "
    "the command line, sign='discharge_positive' in Python."
)


def require_vector(values: Any, name: str, owner: str, n_points: int | None = None) -> Array:
    """Copy `values` to a finite vector of shape (n_points,).

    Raises
    ------
    ShapeError
        If it has another shape.
    DataError
        If a value is missing or infinite.
    """
    vector = np.array(values, dtype=float)
    if vector.ndim != 1 or (n_points is not None and vector.size != n_points):
        expected = "(n_points,)" if n_points is None else f"(n_points,) = ({n_points},)"
        raise ShapeError(f"{name!r} of {owner} must have shape {expected}; got {vector.shape}.")
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise DataError(
            f"{name!r} of {owner} must be finite; point {bad[0]} (from 0) is {vector[bad[0]]}, and {bad.size} in all "
            "are not. Remove or interpolate these points first."
        )
    return vector


def require_rising_time(time: Array, owner: str) -> None:
    """Refuse fewer than two points and times that do not rise strictly."""
    if time.size < 2:
        raise DataError(f"'time' of {owner} must have at least two points; got {time.size}.")
    falls = np.flatnonzero(np.diff(time) <= 0)
    if falls.size:
        where = int(falls[0]) + 1
        raise DataError(
            f"'time' of {owner} must rise strictly; point {where} (from 0) is {time[where]:g} s after "
            f"{time[where - 1]:g} s, and {falls.size} points in all are not later than the one before. Sort the "
            "points and remove copies."
        )


def require_temperature(temperature: ArrayLike, name: str, owner: str) -> None:
    """Refuse temperatures outside 200 to 400 K, such as degrees Celsius."""
    values = np.atleast_1d(np.asarray(temperature, dtype=float))
    bad = np.flatnonzero(~((values >= 200) & (values <= 400)))
    if bad.size:
        value = values[bad[0]]
        hint = f" {value:g} looks like degC: add 273.15." if -80 <= value <= 120 else ""
        raise DataError(
            f"{name!r} of {owner} must be in kelvin, 200 to 400 K; got {value:g} at point {bad[0]} (from 0).{hint}"
        )


def require_capacity(capacity: float, owner: str) -> None:
    """Refuse a capacity that is not a positive number."""
    if not (np.isfinite(capacity) and capacity > 0):
        raise DataError(
            f"'capacity' of {owner} must be above 0 Ah; got {capacity}. Give the nominal capacity."
        )


def check_scale(time: Array, current: Array, capacity: float, owner: str) -> None:
    """Refuse currents and times that only make sense in mA or ms, given the capacity of the cell.

    Parameters
    ----------
    time : shape (n_points,) [s].
    current : shape (n_points,) [A].
    capacity : nominal [Ah].

    Raises
    ------
    DataError
        If the largest C-rate is above 30 (mA taken for A) or below 0.001 (kA taken for A), or if
        more than ten times the capacity passes in one direction without return (ms taken for s).
    """
    require_capacity(capacity, owner)
    largest = float(np.abs(current).max())
    rate = largest / capacity
    if rate > _MAX_RATE * (1 + 1e-9):  # 30C times a capacity may round up
        hint = (
            f" In mA this would be {rate / 1000:.3g}C: divide by 1000."
            if _MIN_RATE <= rate / 1000 <= _MAX_RATE
            else ""
        )
        raise DataError(
            f"'current' of {owner} reaches {largest:g} A, which is {rate:.3g}C of a cell of {capacity:g} Ah; expected "
            f"at most {_MAX_RATE:g}C.{hint}"
        )
    if 0 < rate < _MIN_RATE * (1 - 1e-9):
        hint = f" If it was given in kA or was divided by 1000 twice, multiply by 1000 ({rate * 1000:.3g}C)."
        raise DataError(
            f"'current' of {owner} is {largest:g} A at most, {rate:.2g}C of a cell of {capacity:g} Ah; expected at "
            f"least {_MIN_RATE:g}C somewhere.{hint}"
        )
    size = np.abs(current)
    if float(np.dot(time[1:] - time[:-1], size[1:] + size[:-1])) / 7200 / capacity <= 10:
        return  # all that passes in either direction: nothing more to look at
    steps = np.diff(time) * (current[1:] + current[:-1]) / 2
    passed = np.concatenate([[0.0], np.cumsum(steps)]) / 3600 / capacity
    swing = float(passed.max() - passed.min())
    if swing > 10:
        raise DataError(
            f"{owner} passes {swing:.3g} times the capacity of {capacity:g} Ah in one direction; expected about 1 at "
            "most. If the time is in ms, divide it by 1000; if the current is in mA, divide that by 1000."
        )


def check_sign(current: Array, voltage: Array, owner: str) -> None:
    """Refuse a current whose jumps lower the voltage where they should raise it: discharge was counted positive.

    Jumps between neighbouring points by more than a fifth of the largest current vote with their size.
    Where there are fewer than three such jumps, all changes of a current that takes both signs vote (correlation
    below -0.5 is wrong); of a current of one sign, the trend of the voltage over charge passed decides,
    if it is clear.

    Raises
    ------
    DataError
        If the sign is wrong; a positive current must charge the cell.
    """
    scale = float(np.abs(current).max())
    if scale == 0:
        return
    jump, answer = np.diff(current), np.diff(voltage)
    large = np.abs(jump) > 0.2 * scale
    if large.sum() >= 3:
        agreement = float(
            np.sum(jump[large] * answer[large]) / np.sum(np.abs(jump[large] * answer[large]) + 1e-12)
        )
        if agreement < -0.5:
            raise DataError(
                f"'current' of {owner} has the wrong sign: at {int(large.sum())} jumps the voltage moves against the "
                f"current. Here a positive current charges the cell; {_SIGN_ADVICE}"
            )
        return
    if current.min() < -0.1 * scale and current.max() > 0.1 * scale:
        together = float(np.sum(jump * answer))
        if together < -0.5 * np.sqrt(float(np.sum(jump**2)) * float(np.sum(answer**2))):
            raise DataError(
                f"'current' of {owner} has the wrong sign: the voltage falls where the current rises. Here a positive "
                f"current charges the cell; {_SIGN_ADVICE}"
            )
    same = np.sign(current[current != 0])
    trend = float(voltage[-1] - voltage[0])
    if (
        same.size > 0.8 * current.size
        and np.all(same == same[0])
        and abs(trend) > 0.05
        and trend * same[0] < 0
    ):
        raise DataError(
            f"'current' of {owner} has the wrong sign: it is {'positive' if same[0] > 0 else 'negative'} throughout "
            f"while the voltage goes from {voltage[0]:.3f} to {voltage[-1]:.3f} V. Here a positive current charges the "
            f"cell; {_SIGN_ADVICE}"
        )
