"""`TimeSeries`: what a cycler recorded of one cell, sample by sample.

Recordings with faults become one in `cleaning.py`; steps and cycles are found in `steps.py`; capacities and curves in `capacity.py` and `curves.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.base import Provenance
from ionbridge.exceptions import DataError, ShapeError

__all__ = ["TimeSeries", "join_series"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """Samples of one cell in the order of time.

    Parameters
    ----------
    time : shape (n_samples,) [s], rising strictly.
    current : shape (n_samples,) [A]; positive charges the cell.
    voltage : shape (n_samples,) [V].
    temperature : shape (n_samples,) [K], or None.
    cycle : shape (n_samples,), cycle number as the cycler counted, falling nowhere, or None.
    step : shape (n_samples,), step of the protocol, or None.
    extras : further channels of shape (n_samples,), such as ``internal_resistance`` [mOhm].
    metadata : what file and name say of the cell.
    flags : what was repaired.
    provenance : where it comes from.

    Raises
    ------
    ShapeError
        If a channel has another length.
    DataError
        If there are fewer than two samples, a value is missing, or time does not rise. Use
        `clean_series` for recordings with such faults.
    """

    time: Array
    current: Array
    voltage: Array
    temperature: Array | None = None
    cycle: Array | None = None
    step: Array | None = None
    extras: Mapping[str, Array] = field(default_factory=dict)
    metadata: Mapping[str, str | float | bool] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=lambda: Provenance(source=""))

    def __post_init__(self) -> None:
        for name in ("time", "current", "voltage", "temperature", "cycle", "step"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, np.asarray(values, dtype=float))
        object.__setattr__(self, "extras", {k: np.asarray(v, float) for k, v in self.extras.items()})
        for name, values in self.channels().items():
            if values.shape != (self.time.size,):
                raise ShapeError(
                    f"{name!r} of TimeSeries must have shape (n_samples,) = {(self.time.size,)}; got {values.shape}."
                )
        if self.time.size < 2:
            raise DataError(f"a time series needs at least two samples; got {self.time.size}.")
        for name in ("time", "current", "voltage"):
            bad = np.flatnonzero(~np.isfinite(getattr(self, name)))
            if bad.size:
                raise DataError(
                    f"{name!r} of TimeSeries must be finite; sample {bad[0]} (from 0) is {getattr(self, name)[bad[0]]}. "
                    "Use clean_series to drop single bad samples."
                )
        for name, is_good in (("time", np.diff(self.time) > 0), ("cycle", self._cycle_steps())):
            if not is_good.all():
                where = int(np.flatnonzero(~is_good)[0]) + 1
                raise DataError(
                    f"{name!r} of TimeSeries falls at sample {where} (from 0) from {getattr(self, name)[where - 1]:g} to "
                    f"{getattr(self, name)[where]:g}. Sort the samples, or use clean_series."
                )

    def _cycle_steps(self) -> NDArray[np.bool_]:
        if self.cycle is None:
            return np.ones(1, dtype=bool)
        return np.asarray(np.diff(self.cycle) >= 0)

    def channels(self) -> dict[str, Array]:
        """All channels that were recorded, by name."""
        channels = {
            "time": self.time,
            "current": self.current,
            "voltage": self.voltage,
            "temperature": self.temperature,
            "cycle": self.cycle,
            "step": self.step,
            **self.extras,
        }
        return {name: values for name, values in channels.items() if values is not None}

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def duration(self) -> float:
        """From first to last sample [s]."""
        return float(self.time[-1] - self.time[0])

    def take(self, samples: NDArray[Any] | slice) -> TimeSeries:
        """Some of the samples, by mask, positions in rising order, or slice."""

        def cut(values: Array | None) -> Array | None:
            return None if values is None else values[samples]

        return replace(
            self,
            time=self.time[samples],
            current=self.current[samples],
            voltage=self.voltage[samples],
            temperature=cut(self.temperature),
            cycle=cut(self.cycle),
            step=cut(self.step),
            extras={name: values[samples] for name, values in self.extras.items()},
        )


def join_series(parts: Sequence[TimeSeries], gap: float = 0.0) -> TimeSeries:
    """Put recordings of one cell behind each other, in the given order.

    Time and cycle count go on from one part to the next.

    Parameters
    ----------
    parts : at least one.
    gap : time from the last sample of a part to the first of the next [s]; at least 1 µs is used.
    """
    if not parts:
        raise DataError("nothing to join: give at least one time series.")
    if len(parts) == 1:
        return parts[0]
    shifted: list[dict[str, Array]] = []
    end = 0.0
    count = 1.0 if parts[0].cycle is None else float(parts[0].cycle[0])
    for part in parts:
        channels = dict(part.channels())
        channels["time"] = part.time - part.time[0] + end
        if part.cycle is not None:
            channels["cycle"] = part.cycle - part.cycle[0] + count
            count = float(channels["cycle"][-1]) + 1
        end = float(channels["time"][-1]) + max(gap, 1e-6)
        shifted.append(channels)
    common = set.intersection(*(set(channels) for channels in shifted))
    joined = {
        name: np.concatenate([channels[name] for channels in shifted])
        for name in shifted[0]
        if name in common
    }
    extras = {name: joined.pop(name) for name in list(joined) if name in parts[0].extras}
    files = [Path(part.provenance.source).name for part in parts]
    flags = [f"{file}: {flag}" for file, part in zip(files, parts, strict=True) for flag in part.flags]
    provenance = replace(
        parts[0].provenance, notes=(*parts[0].provenance.notes, f"joined from {', '.join(files)}")
    )
    return TimeSeries(
        time=joined["time"],
        current=joined["current"],
        voltage=joined["voltage"],
        temperature=joined.get("temperature"),
        cycle=joined.get("cycle"),
        step=joined.get("step"),
        extras=extras,
        metadata=parts[0].metadata,
        flags=tuple(flags),
        provenance=provenance,
    )
