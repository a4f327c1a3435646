"""`CellSeries`: what one cell did under a profile, simulated or measured; `CellSeriesSet`: many of them.

The current alone is a `Profile`; storing series is `storage.py`; computing them is the physics room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.base import Domain, Origin, Provenance
from ionbridge.datasets.profiles.checks import (
    require_capacity,
    require_rising_time,
    require_temperature,
    require_vector,
)
from ionbridge.datasets.profiles.profile import ROOM_TEMPERATURE, Profile
from ionbridge.exceptions import ConfigurationError, DataError

__all__ = ["STATES", "STATUSES", "CellSeries", "CellSeriesSet", "Status"]

Array = NDArray[np.float64]
Status = Literal["completed", "lower_voltage_limit", "upper_voltage_limit", "stopped"]
STATUSES: tuple[Status, ...] = ("completed", "lower_voltage_limit", "upper_voltage_limit", "stopped")
STATES: Mapping[str, str] = MappingProxyType(
    {
        "negative_stoichiometry": "mean lithium content of the negative particles [-]",
        "positive_stoichiometry": "mean lithium content of the positive particles [-]",
        "negative_surface_stoichiometry": "at the particle surface, mean over the electrode [-]",
        "positive_surface_stoichiometry": "at the particle surface, mean over the electrode [-]",
        "negative_electrolyte_concentration": "mean over the negative electrode [mol/m^3]",
        "positive_electrolyte_concentration": "mean over the positive electrode [mol/m^3]",
        "plating_margin": "potential of the negative electrode against the electrolyte at the separator [V]; "
        "below 0, metallic lithium can form",
        "open_circuit_voltage": "of the mean lithium contents [V]",
        "heat": "heat generated in the cell [W]",
    }
)
"""Internal states that a series may carry, and what they are."""


@dataclass(frozen=True, eq=False)
class CellSeries:
    """Current, voltage and temperature of one cell over time, and its states where they are known.

    Parameters
    ----------
    time : shape (n_points,) [s], rising strictly; starts at 0 after construction.
    current : shape (n_points,) [A]; positive charges the cell.
    voltage : shape (n_points,) [V].
    temperature : shape (n_points,) [K], of the cell; the ambient one where none was measured.
    ambient_temperature : scalar or shape (n_points,) [K].
    states : by name (see `STATES`), shape (n_points,).
    origin : ``simulation`` or ``experiment``.
    fidelity : ``DFN``, ``SPMe``, ``SPM`` or ``laboratory``.
    initial_soc : state of charge at the start [-]; NaN where unknown.
    capacity : nominal [Ah].
    cell : name of the cell or parameter set.
    chemistry : of the positive electrode, such as ``LFP``.
    name : of this series.
    status : whether the profile was carried to its end, and which voltage limit stopped it.
    end_time : when it ended [s]; up to one sample after ``time[-1]`` where a limit stopped it.
    has_temperature : False where `temperature` is only the ambient one.
    changes : by parameter, by which it differs from the cell's own parameters.
    flags : what the reader or simulator found doubtful.
    provenance : where it comes from.

    Raises
    ------
    ShapeError
        If a channel has another length.
    DataError
        If a value is missing, time does not rise or a temperature is not in kelvin.
    """

    time: Array
    current: Array
    voltage: Array
    temperature: Array
    ambient_temperature: float | Array = ROOM_TEMPERATURE
    states: Mapping[str, Array] = field(default_factory=dict)
    origin: Origin = "simulation"
    fidelity: str = ""
    initial_soc: float = float("nan")
    capacity: float = float("nan")
    cell: str = ""
    chemistry: str = ""
    name: str = ""
    status: Status = "completed"
    end_time: float = float("nan")
    has_temperature: bool = True
    changes: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=lambda: Provenance(source=""))

    def __post_init__(self) -> None:
        time = require_vector(self.time, "time", "CellSeries")
        require_rising_time(time, "CellSeries")
        n_points = time.size
        channels = {
            name: require_vector(getattr(self, name), name, "CellSeries", n_points)
            for name in ("current", "voltage", "temperature")
        }
        require_temperature(channels["temperature"], "temperature", "CellSeries")
        ambient: float | Array = self.ambient_temperature
        if np.ndim(ambient):
            ambient = require_vector(ambient, "ambient_temperature", "CellSeries", n_points)
        else:
            ambient = float(ambient)
        require_temperature(ambient, "ambient_temperature", "CellSeries")
        states = {
            k: require_vector(v, f"states[{k!r}]", "CellSeries", n_points) for k, v in self.states.items()
        }
        if np.isfinite(self.capacity):
            require_capacity(self.capacity, "CellSeries")
        if self.status not in STATUSES:
            raise ConfigurationError(
                f"'status' of CellSeries must be one of {STATUSES}; got {self.status!r}."
            )
        end = self.end_time - time[0] if np.isfinite(self.end_time) else time[-1] - time[0]
        channels["time"] = time - time[0]
        for values in (*channels.values(), *states.values()):
            values.setflags(write=False)
        for name, values in channels.items():
            object.__setattr__(self, name, values)
        object.__setattr__(self, "end_time", float(end))
        object.__setattr__(self, "ambient_temperature", ambient)
        object.__setattr__(self, "states", MappingProxyType(states))
        object.__setattr__(self, "changes", MappingProxyType(dict(self.changes)))

    def __len__(self) -> int:
        return int(self.time.size)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let process pools carry series: mapping proxies cannot be copied as they are."""
        return _rebuild, ({**self.arrays()}, self.header())

    @property
    def profile(self) -> Profile:
        """What the cell was asked to do, as far as it did it."""
        return Profile(self.time, self.current, self.ambient_temperature, self.name, self.provenance)

    @property
    def duration(self) -> float:
        """From the first to the last sample [s]."""
        return float(self.time[-1])

    @property
    def charge(self) -> Array:
        """Charge passed since the start, shape (n_points,) [Ah]; positive after net charging."""
        steps = np.diff(self.time) * (self.current[1:] + self.current[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(steps)]) / 3600

    @property
    def soc(self) -> Array:
        """State of charge by counting charge over the nominal capacity, shape (n_points,) [-]."""
        return self.initial_soc + self.charge / self.capacity

    @property
    def total_charge(self) -> float:
        """Charge passed until `end_time` [Ah]; after the last sample its current flows on."""
        return float(self.charge[-1] + self.current[-1] * (self.end_time - self.time[-1]) / 3600)

    @property
    def domain(self) -> Domain:
        """Where the series comes from, as other datasets say it."""
        name = self.chemistry or self.cell
        return Domain(
            name, chemistry=self.chemistry, format=self.cell, fidelity=self.fidelity, origin=self.origin
        )

    def settled(self, after: float = 1.0, step: float = 0.02) -> NDArray[np.bool_]:
        """Samples that are not within a jump of the current: where simulated and measured voltage compare.

        Parameters
        ----------
        after : how long after a jump samples do not count [s].
        step : change of current between neighbours that is a jump, relative to the capacity [1/h].

        Returns
        -------
        shape (n_points,).
        """
        scale = self.capacity if np.isfinite(self.capacity) else float(np.abs(self.current).max()) or 1.0
        jumps = np.flatnonzero(np.abs(np.diff(self.current)) > step * scale)
        good = np.ones(len(self), dtype=bool)
        ends = np.searchsorted(self.time, self.time[jumps + 1] + after, side="right")
        for start, end in zip(jumps + 1, np.maximum(ends, jumps + 2), strict=True):
            good[start:end] = False
        return good

    def take(self, samples: NDArray[Any] | slice) -> CellSeries:
        """Some of the samples, by mask, rising positions or slice; time starts at 0 again.

        The initial state of charge is carried along by counting charge.
        """
        time = self.time[samples]
        soc = self.soc[samples]
        ambient = self.ambient_temperature
        return replace(
            self,
            time=time,
            current=self.current[samples],
            voltage=self.voltage[samples],
            temperature=self.temperature[samples],
            ambient_temperature=ambient[samples] if isinstance(ambient, np.ndarray) else ambient,
            states={name: values[samples] for name, values in self.states.items()},
            initial_soc=float(soc[0]),
            end_time=float(time[-1]) if time[-1] < self.time[-1] else self.end_time,
            status="completed" if time[-1] < self.time[-1] else self.status,
        )

    def between(self, start: float, end: float) -> CellSeries:
        """The samples from `start` to `end` [s], both included."""
        return self.take((self.time >= start) & (self.time <= end))

    def resampled(self, period: float) -> CellSeries:
        """All channels interpolated linearly to points a `period` [s] apart."""
        if not 0 < period < self.duration:
            raise ConfigurationError(
                f"'period' of CellSeries.resampled must be above 0 and below the duration {self.duration:g} s; "
                f"got {period:g}."
            )
        time = np.arange(0.0, self.duration + 1e-9 * period, period)

        def at(values: Array) -> Array:
            return np.interp(time, self.time, values)

        ambient = self.ambient_temperature
        return replace(
            self,
            time=time,
            current=at(self.current),
            voltage=at(self.voltage),
            temperature=at(self.temperature),
            ambient_temperature=at(ambient) if isinstance(ambient, np.ndarray) else ambient,
            states={name: at(values) for name, values in self.states.items()},
        )

    def arrays(self) -> dict[str, Array]:
        """Everything of shape (n_points,), by name; states as ``states/NAME``."""
        arrays = {name: getattr(self, name) for name in ("time", "current", "voltage", "temperature")}
        if isinstance(self.ambient_temperature, np.ndarray):
            arrays["ambient_temperature"] = self.ambient_temperature
        return arrays | {f"states/{name}": values for name, values in self.states.items()}

    def header(self) -> dict[str, Any]:
        """Everything else, ready for JSON; None stands for NaN."""

        def plain(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        return {
            "name": self.name,
            "cell": self.cell,
            "chemistry": self.chemistry,
            "origin": self.origin,
            "fidelity": self.fidelity,
            "status": self.status,
            "end_time_s": plain(self.end_time),
            "initial_soc": plain(self.initial_soc),
            "capacity_Ah": plain(self.capacity),
            "has_temperature": bool(self.has_temperature),
            "ambient_temperature_K": None if np.ndim(self.ambient_temperature) else self.ambient_temperature,
            "changes": dict(self.changes),
            "flags": list(self.flags),
            "provenance": self.provenance.to_dict(),
        }

    @classmethod
    def from_parts(cls, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> CellSeries:
        """Inverse of `arrays` and `header`."""
        nan = float("nan")
        ambient = header["ambient_temperature_K"]
        return cls(
            time=arrays["time"],
            current=arrays["current"],
            voltage=arrays["voltage"],
            temperature=arrays["temperature"],
            ambient_temperature=arrays["ambient_temperature"] if ambient is None else ambient,
            states={k.removeprefix("states/"): v for k, v in arrays.items() if k.startswith("states/")},
            origin=header["origin"],
            fidelity=header["fidelity"],
            initial_soc=nan if header["initial_soc"] is None else header["initial_soc"],
            capacity=nan if header["capacity_Ah"] is None else header["capacity_Ah"],
            cell=header["cell"],
            chemistry=header["chemistry"],
            name=header["name"],
            status=header["status"],
            end_time=nan if header["end_time_s"] is None else header["end_time_s"],
            has_temperature=header["has_temperature"],
            changes=header["changes"],
            flags=tuple(header["flags"]),
            provenance=Provenance.from_dict(header["provenance"]),
        )


def _rebuild(arrays: dict[str, Array], header: dict[str, Any]) -> CellSeries:
    return CellSeries.from_parts(arrays, header)


@dataclass(frozen=True, eq=False)
class CellSeriesSet(Sequence[CellSeries]):
    """Series of one or many cells, simulated, measured or both.

    Parameters
    ----------
    series : in the order in which they were made.
    name : of the set.
    notes : what anyone who uses it must know.
    """

    series: tuple[CellSeries, ...]
    name: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "series", tuple(self.series))
        wrong = [type(item).__name__ for item in self.series if not isinstance(item, CellSeries)]
        if wrong:
            raise DataError(f"'series' of CellSeriesSet must hold CellSeries; got {wrong[0]}.")

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[CellSeries]:
        return iter(self.series)

    @overload
    def __getitem__(self, index: int) -> CellSeries: ...
    @overload
    def __getitem__(self, index: slice) -> CellSeriesSet: ...
    def __getitem__(self, index: int | slice) -> CellSeries | CellSeriesSet:
        if isinstance(index, slice):
            return replace(self, series=self.series[index])
        return self.series[index]

    def __add__(self, other: CellSeriesSet) -> CellSeriesSet:
        """Both sets as one: origin and fidelity stay with each series."""
        names = " + ".join(filter(None, (self.name, other.name)))
        return CellSeriesSet((*self.series, *other.series), names, (*self.notes, *other.notes))

    def filtered(self, keep: Callable[[CellSeries], bool]) -> CellSeriesSet:
        """The series for which `keep` is true."""
        return replace(self, series=tuple(item for item in self.series if keep(item)))

    @cached_property
    def n_points(self) -> int:
        """Samples of all series."""
        return sum(len(item) for item in self.series)

    @property
    def counts(self) -> dict[tuple[str, str, str], int]:
        """Number of series by (chemistry, origin, fidelity)."""
        return dict(Counter((item.chemistry, item.origin, item.fidelity) for item in self.series))
