"""From a recording with faults to a `TimeSeries`, by stated rules that each leave a flag.

Bad cycles are the matter of `repair.py`; what a file may look like, of the readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.base import Provenance
from ionbridge.datasets.cycling.repair import listed_cycles
from ionbridge.datasets.cycling.series import TimeSeries
from ionbridge.exceptions import DataError

__all__ = ["MAX_DROPPED", "clean_series"]

Array = NDArray[np.float64]
MAX_DROPPED = 0.01
"""Largest share of samples that may be dropped as unusable before a recording is refused."""
_OWN = ("time", "current", "voltage", "temperature", "cycle", "step")


def clean_series(
    channels: Mapping[str, ArrayLike | None],
    *,
    rows: ArrayLike | None = None,
    metadata: Mapping[str, str | float | bool] | None = None,
    provenance: Provenance | None = None,
    flags: Iterable[str] = (),
) -> TimeSeries:
    """Make a series from a recording with faults. Each rule that was needed leaves a flag.

    1. Samples without time, current or voltage are dropped, at most 1 % of all.
    2. Where time falls (a counter that restarted), all that follows is shifted so that time goes
       on. Where the cycle count falls, it goes on counting.
    3. Of samples at the same time the first is kept, unless the current jumps between them: then
       the later one is moved behind by a microsecond, so that steps stay sharp.

    Parameters
    ----------
    channels : ``time`` [s], ``current`` [A], ``voltage`` [V], and any of ``temperature`` [K],
        ``cycle``, ``step``; others become extras. Each of shape (n_samples,) or None.
    rows : shape (n_samples,); row of each sample in the file, for messages.
    metadata, provenance : of the series.
    flags : already known.

    Raises
    ------
    DataError
        If more than 1 % of the samples is unusable, or fewer than two are left.
    """
    arrays = {name: np.asarray(v, dtype=float) for name, v in channels.items() if v is not None}
    numbers = np.asarray(np.arange(arrays["time"].size) if rows is None else rows, dtype=float)
    found = list(flags)
    arrays, numbers = _complete(arrays, numbers, found)
    arrays["time"], falls = _continued(arrays["time"], 0.0)
    if falls.size:
        found.append(f"time went back and is continued: rows {listed_cycles(numbers[falls])}")
    if "cycle" in arrays:
        arrays["cycle"], falls = _continued(_filled(arrays["cycle"]), 1.0)
        if falls.size:
            found.append(f"cycle count went back and is continued: rows {listed_cycles(numbers[falls])}")
    keep, arrays["time"] = _without_repeats(arrays["time"], arrays["current"])
    if not keep.all():
        arrays = {name: values[keep] for name, values in arrays.items()}
        found.append(f"{int((~keep).sum())} samples at a repeated time dropped")
    known: dict[str, Any] = {name: arrays[name] for name in _OWN if name in arrays}
    return TimeSeries(
        **known,
        extras={name: values for name, values in arrays.items() if name not in _OWN},
        metadata=metadata or {},
        flags=tuple(found),
        provenance=provenance or Provenance(source=""),
    )


def _complete(arrays: dict[str, Array], numbers: Array, found: list[str]) -> tuple[dict[str, Array], Array]:
    """Drop samples that lack a needed value."""
    good = np.isfinite(arrays["time"]) & np.isfinite(arrays["current"]) & np.isfinite(arrays["voltage"])
    if good.all():
        return arrays, numbers
    bad = numbers[~good]
    if bad.size > MAX_DROPPED * good.size:
        raise DataError(
            f"{bad.size} of {good.size} samples have no time, current or voltage (first: row {bad[0]:g}); expected at "
            f"most {MAX_DROPPED:.0%}. Export the file again, or cut the damaged part off."
        )
    found.append(f"samples without time, current or voltage dropped: rows {listed_cycles(bad)}")
    return {name: values[good] for name, values in arrays.items()}, numbers[good]


def _filled(values: Array) -> Array:
    """Carry the last known value forward, and the first one back."""
    known = np.isfinite(values)
    if known.all() or not known.any():
        return values
    place = np.maximum.accumulate(np.where(known, np.arange(values.size), 0))
    filled = values[place]
    return np.where(np.isfinite(filled), filled, values[np.argmax(known)])


def _continued(values: Array, distance: float) -> tuple[Array, NDArray[np.intp]]:
    """Shift everything behind a fall so that it goes on; return where it fell."""
    falls = np.flatnonzero(np.diff(values) < 0) + 1
    if not falls.size:
        return values, falls
    shift = np.zeros(values.size)
    shift[falls] = values[falls - 1] - values[falls] + distance
    return values + np.cumsum(shift), falls


def _without_repeats(time: Array, current: Array) -> tuple[NDArray[np.bool_], Array]:
    """Which samples to keep, and times in which those rise strictly."""
    keep = np.ones(time.size, dtype=bool)
    repeated = np.flatnonzero(np.diff(time) <= 0) + 1
    if not repeated.size:
        return keep, time
    span = float(np.max(np.abs(current), initial=0.0))
    jumps = np.abs(current[repeated] - current[repeated - 1]) > 0.02 * span
    keep[repeated[~jumps]] = False
    moved = time.copy()
    moved[repeated[jumps]] += 1e-6
    highest = np.maximum.accumulate(np.where(keep, moved, -np.inf))
    keep[1:] &= moved[1:] > highest[:-1]  # several at one time: the first of them stays
    return keep, moved
