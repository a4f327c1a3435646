"""`Profile`: the current that a cell is asked to carry, over time, and the temperature around it.

What the cell answers is a `CellSeries`; files are read in `files.py`, drive cycles in `drive_cycles.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.base import Provenance
from ionbridge.datasets.profiles.checks import (
    require_capacity,
    require_rising_time,
    require_temperature,
    require_vector,
)
from ionbridge.exceptions import ConfigurationError, DataError

__all__ = ["JUMP", "ROOM_TEMPERATURE", "Profile"]

Array = NDArray[np.float64]
JUMP = 1e-2
"""Length of the ramp that stands for a jump of the current in profiles made here [s]."""
ROOM_TEMPERATURE = 298.15


@dataclass(frozen=True, eq=False)
class Profile:
    """A current over time; between the points it is linear.

    Parameters
    ----------
    time : shape (n_points,) [s], rising strictly; starts at 0 after construction.
    current : shape (n_points,) [A]; positive charges the cell.
    ambient_temperature : scalar or shape (n_points,) [K].
    name : for tables and plots.
    provenance : where it comes from.

    Raises
    ------
    ShapeError
        If the lengths differ.
    DataError
        If there are fewer than two points, a value is missing, time does not rise strictly, or the
        temperature is not in kelvin.
    """

    time: Array
    current: Array
    ambient_temperature: float | Array = ROOM_TEMPERATURE
    name: str = ""
    provenance: Provenance = field(default_factory=lambda: Provenance(source=""))

    def __post_init__(self) -> None:
        time = require_vector(self.time, "time", "Profile")
        require_rising_time(time, "Profile")
        current = require_vector(self.current, "current", "Profile", time.size)
        ambient: float | Array = self.ambient_temperature
        if np.ndim(ambient):
            ambient = require_vector(ambient, "ambient_temperature", "Profile", time.size)
            if np.all(ambient == ambient[0]):
                ambient = float(ambient[0])
        else:
            ambient = float(ambient)
        require_temperature(ambient, "ambient_temperature", "Profile")
        time = time - time[0]
        for values in (time, current):
            values.setflags(write=False)
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "current", current)
        object.__setattr__(self, "ambient_temperature", ambient)

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def duration(self) -> float:
        """Length [s]."""
        return float(self.time[-1])

    @property
    def charge(self) -> Array:
        """Charge passed since the start, shape (n_points,) [Ah]; positive after net charging."""
        steps = np.diff(self.time) * (self.current[1:] + self.current[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(steps)]) / 3600

    def current_at(self, time: ArrayLike) -> Array:
        """Interpolate the current linearly, shape of `time` [A]."""
        return np.interp(np.asarray(time, dtype=float), self.time, self.current)

    def ambient_temperature_at(self, time: ArrayLike) -> Array:
        """Interpolate the ambient temperature linearly, shape of `time` [K]."""
        time = np.asarray(time, dtype=float)
        if np.ndim(self.ambient_temperature):
            return np.interp(time, self.time, np.asarray(self.ambient_temperature))
        return np.full(time.shape, float(self.ambient_temperature))

    def knots(self, tolerance: float = 1e-9) -> tuple[Array, Array]:
        """Points that the current needs: those on a straight line between their neighbours are left out.

        Parameters
        ----------
        tolerance : deviation from the line, relative to the largest current [-].

        Returns
        -------
        time [s] and current [A], both of shape (n_knots,), 2 <= n_knots <= n_points.
        """
        t, i = self.time, self.current
        slope = np.diff(i) / np.diff(t)
        scale = tolerance * max(float(np.abs(i).max()), 1e-12)
        bend = np.abs(np.diff(slope)) * np.minimum(np.diff(t)[1:], np.diff(t)[:-1])
        keep = np.concatenate([[True], bend > scale, [True]])
        return t[keep], i[keep]

    def resampled(self, period: float) -> Profile:
        """The same current at points a `period` [s] apart; the end is kept, jumps are smeared over a period."""
        if not period > 0:
            raise ConfigurationError(f"'period' of Profile.resampled must be above 0 s; got {period:g}.")
        time = np.arange(0.0, self.duration, period)
        time = np.append(time[time < self.duration - 1e-6 * period], self.duration)
        ambient = (
            self.ambient_temperature_at(time)
            if np.ndim(self.ambient_temperature)
            else self.ambient_temperature
        )
        return replace(self, time=time, current=self.current_at(time), ambient_temperature=ambient)

    def refined(self, longest: float = 10.0) -> Profile:
        """The same current with points added inside longer steps; every point of its own stays.

        Parameters
        ----------
        longest : step that is left undivided [s].

        Raises
        ------
        ConfigurationError
            If `longest` is not above 0 s.
        """
        if not longest > 0:
            raise ConfigurationError(f"'longest' of Profile.refined must be above 0 s; got {longest:g}.")
        parts = np.maximum(np.ceil(np.diff(self.time) / longest - 1e-9), 1).astype(np.int64)
        if np.all(parts == 1):
            return self
        start = np.repeat(np.arange(parts.size), parts)  # the step that each new point lies in
        within = np.arange(start.size) - np.repeat(np.cumsum(parts) - parts, parts)
        step = np.diff(self.time)[start] / parts[start]
        time = np.append(self.time[start] + within * step, self.time[-1])
        ambient = self.ambient_temperature_at(time) if np.ndim(self.ambient_temperature) else None
        return replace(
            self,
            time=time,
            current=self.current_at(time),
            ambient_temperature=self.ambient_temperature if ambient is None else ambient,
        )

    def scaled(self, factor: float, name: str = "") -> Profile:
        """The same profile with the current multiplied by `factor`."""
        return replace(self, current=self.current * factor, name=name or self.name)

    def at_temperature(self, ambient_temperature: float) -> Profile:
        """The same current at another ambient temperature [K]."""
        return replace(self, ambient_temperature=ambient_temperature)

    def followed_by(self, *others: Profile, name: str = "") -> Profile:
        """Put profiles behind each other, each jump of the current as a ramp of `JUMP`."""
        times, currents, ambients = [self.time], [self.current], [self.ambient_temperature_at(self.time)]
        end = self.duration
        for other in others:
            times.append(other.time + end + JUMP)
            currents.append(other.current)
            ambients.append(other.ambient_temperature_at(other.time))
            end += JUMP + other.duration
        return Profile(
            np.concatenate(times),
            np.concatenate(currents),
            np.concatenate(ambients),
            name or " + ".join(part.name for part in (self, *others) if part.name),
            self.provenance,
        )

    @classmethod
    def constant_current(
        cls,
        current: float,
        duration: float,
        *,
        period: float = 10.0,
        ambient_temperature: float = ROOM_TEMPERATURE,
        name: str = "",
    ) -> Profile:
        """A constant current.

        Parameters
        ----------
        current : [A]; positive charges, 0 rests.
        duration : [s].
        period : between the points at which the answer is wanted [s].
        """
        return cls.from_steps(
            [current], [duration], period=period, ambient_temperature=ambient_temperature, name=name
        )

    @classmethod
    def from_c_rate(
        cls,
        c_rate: float,
        capacity: float,
        *,
        depth: float = 1.05,
        n_points: int = 400,
        ambient_temperature: float = ROOM_TEMPERATURE,
        name: str = "",
    ) -> Profile:
        """A constant current given by its C-rate, long enough to pass `depth` times the capacity.

        Parameters
        ----------
        c_rate : [1/h]; positive charges, negative discharges.
        capacity : nominal capacity [Ah].
        depth : charge passed over the capacity [-]; a little above 1 reaches the voltage limit.
        n_points : over the whole length.
        """
        require_capacity(capacity, "Profile.from_c_rate")
        if not c_rate or not np.isfinite(c_rate):
            raise ConfigurationError(
                f"'c_rate' of Profile.from_c_rate must be a number other than 0; got {c_rate}."
            )
        duration = depth * 3600 / abs(c_rate)
        return cls.constant_current(
            c_rate * capacity,
            duration,
            period=duration / (n_points - 1),
            ambient_temperature=ambient_temperature,
            name=name or f"{'charge' if c_rate > 0 else 'discharge'} {abs(c_rate):g}C",
        )

    @classmethod
    def pulses(
        cls,
        current: float,
        *,
        pulse: float = 30.0,
        rest: float = 300.0,
        n_pulses: int = 10,
        period: float = 1.0,
        ambient_temperature: float = ROOM_TEMPERATURE,
        name: str = "",
    ) -> Profile:
        """Pulses of one current with rests between them; starts with a rest of one tenth.

        Parameters
        ----------
        current : of the pulses [A]; positive charges.
        pulse, rest : lengths [s].
        n_pulses : number of pulses.
        """
        currents = [0.0, *[current, 0.0] * n_pulses]
        lengths = [rest / 10, *[pulse, rest] * n_pulses]
        label = name or f"{n_pulses} pulses of {current:g} A"
        return cls.from_steps(
            currents, lengths, period=period, ambient_temperature=ambient_temperature, name=label
        )

    @classmethod
    def from_steps(
        cls,
        currents: Sequence[float],
        durations: Sequence[float],
        *,
        period: float = 10.0,
        ambient_temperature: float = ROOM_TEMPERATURE,
        name: str = "",
        provenance: Provenance | None = None,
    ) -> Profile:
        """Steps of constant current; each jump is a ramp of `JUMP`.

        Parameters
        ----------
        currents : shape (n_steps,) [A]; positive charges.
        durations : shape (n_steps,) [s].
        period : between the points inside a step [s], at most.

        Raises
        ------
        DataError
            If a duration is not longer than the ramp.
        """
        lengths = np.asarray(durations, dtype=float)
        if lengths.size == 0 or len(currents) != lengths.size:
            raise DataError(
                f"Profile.from_steps needs one duration for each current; got {len(currents)} currents and "
                f"{lengths.size} durations."
            )
        if not np.all(lengths > 2 * JUMP):
            raise DataError(
                f"'durations' of Profile.from_steps must be above {2 * JUMP:g} s; got {lengths.min():g} s in step "
                f"{int(lengths.argmin()) + 1}."
            )
        if not period > 0:
            raise ConfigurationError(f"'period' of Profile must be above 0 s; got {period:g}.")
        ends = np.cumsum(lengths)
        times, values = [], []
        for start, end, current in zip(ends - lengths, ends, currents, strict=True):
            first = start + (JUMP if start > 0 else 0.0)
            inside = np.linspace(first, end, max(2, int(np.ceil((end - first) / period - 1e-9)) + 1))
            times.append(inside)
            values.append(np.full(inside.size, float(current)))
        return cls(
            np.concatenate(times),
            np.concatenate(values),
            ambient_temperature,
            name or (f"{currents[0]:g} A" if len(currents) == 1 else f"{len(currents)} steps"),
            provenance or Provenance(source="ionbridge.datasets.Profile.from_steps"),
        )
