"""`DesignOfExperiments`: which runs of a cell to simulate: rates, temperatures, states of charge, parameters, profiles.

Carrying the runs out is `generation.py`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.profiles import DRIVE_CYCLES, Profile, drive_cycle, random_cycle
from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.physics.cells.changes import CHANGES, check_changes
from ionbridge.physics.cells.models import MODELS, THERMAL
from ionbridge.physics.cells.parameters import cell_parameters

__all__ = ["PROFILE_KINDS", "DesignOfExperiments", "Run"]

Array = NDArray[np.float64]
Range = tuple[float, float]
Method = Literal["latin_hypercube", "grid"]
PROFILE_KINDS = ("discharge", "charge", "pulses", "random_cycle", *DRIVE_CYCLES)
"""Kinds of profile that a design may hold; the last ones need the data of the drive cycles."""
_HIGHEST_SOC = 0.9  # of profiles that charge now and then, so that they do not stop at once


@dataclass(frozen=True)
class Run:
    """One simulation of a design.

    Parameters
    ----------
    key : names it in the design.
    kind : of profile.
    c_rate : magnitude, of the largest current [1/h].
    temperature : of the surroundings [K].
    initial_soc : [-].
    changes : of parameters, see `CHANGES`.
    """

    key: str
    kind: str
    c_rate: float
    temperature: float
    initial_soc: float
    changes: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A label for tables and plots."""
        return f"{self.key} {self.kind} {self.c_rate:.2g}C {self.temperature - 273.15:.0f} degC"


@dataclass(frozen=True)
class DesignOfExperiments:
    """Runs that cover ranges of conditions and parameters evenly.

    Parameters
    ----------
    cell : a chemistry, a parameter set or the path of a BPX file, as in `cell_parameters`.
    n_runs : number of runs; of a grid, the most there may be.
    model : ``DFN``, ``SPMe`` or ``SPM``.
    method : ``latin_hypercube``, or ``grid`` of `n_levels` a range times all kinds of profile.
    n_levels : of a grid.
    profiles : kinds of profile in turn, some of `PROFILE_KINDS`.
    c_rate : lowest and highest, of the largest current [1/h]; sampled evenly in its logarithm.
    temperature : of the surroundings, lowest and highest [K].
    initial_soc : lowest and highest at the start of a discharge [-]. Charges start from one minus
        it; pulses and cycles, which charge too, from 0.9 at most.
    changes : of parameters, lowest and highest by name, see `CHANGES`; factors are sampled evenly
        in their logarithm. Structural ones need a new model each (about 1 s).
    duration : of pulses and cycles [s].
    period : between samples of discharges and charges [s].
    cycle_period : between samples of pulses and cycles [s].
    thermal : ``lumped`` or ``isothermal``.
    random_state : seed.

    Raises
    ------
    ConfigurationError
        If a range or name is not valid.
    UnknownNameError
        If a kind of profile or a parameter is not known.
    """

    cell: str
    n_runs: int = 100
    model: str = "DFN"
    method: Method = "latin_hypercube"
    n_levels: int = 3
    profiles: tuple[str, ...] = ("discharge", "charge", "pulses", "random_cycle")
    c_rate: Range = (0.2, 3.0)
    temperature: Range = (278.15, 318.15)
    initial_soc: Range = (0.6, 1.0)
    changes: Mapping[str, Range] = field(default_factory=dict)
    duration: float = 1800.0
    period: float = 10.0
    cycle_period: float = 1.0
    thermal: str = "lumped"
    random_state: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "profiles", tuple(self.profiles))
        object.__setattr__(
            self, "changes", {k: (float(a), float(b)) for k, (a, b) in sorted(self.changes.items())}
        )
        for name, known in (("model", MODELS), ("method", get_args(Method)), ("thermal", THERMAL)):
            if getattr(self, name) not in known:
                raise ConfigurationError(
                    f"{name!r} of DesignOfExperiments must be one of {', '.join(known)}; got {getattr(self, name)!r}."
                )
        for kind in self.profiles:
            if kind not in PROFILE_KINDS:
                raise UnknownNameError.for_name(kind, PROFILE_KINDS, "kind of profile")
        if self.n_runs < 1 or self.n_levels < 1 or not self.profiles:
            raise ConfigurationError(
                "DesignOfExperiments needs at least one run, one level and one kind of profile."
            )
        self._check_range("c_rate", self.c_rate, 1e-3, 30.0)
        self._check_range("temperature", self.temperature, 220.0, 360.0, " K; add 273.15 to degrees Celsius")
        self._check_range("initial_soc", self.initial_soc, 0.0, 1.0, "; state of charge is a fraction")
        for name, (low, high) in self.changes.items():
            check_changes({name: low})
            check_changes({name: high})
            self._check_range(f"changes[{name!r}]", (low, high), CHANGES[name].low, CHANGES[name].high)
        for name, low in (("duration", 300.0), ("period", 0.1), ("cycle_period", 0.1)):
            if not getattr(self, name) >= low:
                raise ConfigurationError(
                    f"{name!r} of DesignOfExperiments must be at least {low:g} s; got {getattr(self, name)}."
                )

    @staticmethod
    def _check_range(name: str, given: Range, low: float, high: float, unit: str = "") -> None:
        if len(given) != 2 or not low <= given[0] <= given[1] <= high:
            raise ConfigurationError(
                f"{name!r} of DesignOfExperiments must be (lowest, highest) within {low:g} to {high:g}{unit}; got "
                f"{given}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DesignOfExperiments:
        """Inverse of `to_dict`."""
        ranges = {
            k: tuple(values[k]) for k in ("c_rate", "temperature", "initial_soc", "profiles") if k in values
        }
        changes = {name: tuple(limits) for name, limits in values.get("changes", {}).items()}
        return cls(**{**values, **ranges, "changes": changes})

    @property
    def identity(self) -> str:
        """Hash of the design, and of the parameters where they come from a file."""
        cell = cell_parameters(self.cell)
        content = json.dumps([self.to_dict(), cell.name, cell.bpx], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def runs(self) -> tuple[Run, ...]:
        """Every run, in a fixed order: the same design gives the same runs."""
        names = ("c_rate", "temperature", "initial_soc", *self.changes)
        limits = [self.c_rate, self.temperature, self.initial_soc, *self.changes.values()]
        points, kinds = self._points(len(names))
        width = len(str(len(points) - 1))
        runs = []
        for number, (point, kind) in enumerate(zip(points, kinds, strict=True)):
            values = {
                name: _scaled(float(u), limit, logarithmic=_is_factor(name))
                for name, u, limit in zip(names, point, limits, strict=True)
            }
            rate, temperature, soc = (values.pop(name) for name in names[:3])
            if kind == "charge":
                soc = 1 - soc
            elif kind != "discharge":
                soc = min(soc, _HIGHEST_SOC)
            runs.append(Run(f"{number:0{width}d}", kind, rate, temperature, soc, values))
        return tuple(runs)

    def _points(self, n_dimensions: int) -> tuple[Array, list[str]]:
        """Points of the unit cube, shape (n_runs, n_dimensions), and the kind of profile of each."""
        if self.method == "grid":
            levels = np.linspace(0, 1, self.n_levels) if self.n_levels > 1 else np.array([0.5])
            size = self.n_levels**n_dimensions * len(self.profiles)
            if size > self.n_runs:
                raise ConfigurationError(
                    f"the grid has {size} runs ({self.n_levels} levels of {n_dimensions} ranges times "
                    f"{len(self.profiles)} kinds of profile); raise 'n_runs' ({self.n_runs}) or take a Latin hypercube."
                )
            cube = list(itertools.product(levels, repeat=n_dimensions))
            return np.array([p for p in cube for _ in self.profiles]), list(self.profiles) * len(cube)
        from scipy.stats import qmc

        points = qmc.LatinHypercube(n_dimensions, rng=np.random.default_rng(self.random_state)).random(
            self.n_runs
        )
        kinds = list(itertools.islice(itertools.cycle(self.profiles), self.n_runs))
        return points, kinds

    def profile(self, run: Run, capacity: float) -> Profile:
        """The current of a run for a cell of this nominal capacity [Ah]."""
        ambient = run.temperature
        if run.kind in ("discharge", "charge"):
            sign = -1 if run.kind == "discharge" else 1
            depth = 1.1 * (run.initial_soc if sign < 0 else 1 - run.initial_soc) + 0.05
            seconds = max(depth * 3600 / run.c_rate, 3 * self.period)
            return Profile.constant_current(
                sign * run.c_rate * capacity,
                seconds,
                period=self.period,
                ambient_temperature=ambient,
                name=run.name,
            )
        if run.kind == "pulses":
            pulse, rest = 30.0, 120.0
            n_pulses = max(int((self.duration - rest / 10) // (pulse + rest)), 1)
            return Profile.pulses(
                -run.c_rate * capacity,
                pulse=pulse,
                rest=rest,
                n_pulses=n_pulses,
                period=self.cycle_period,
                ambient_temperature=ambient,
                name=run.name,
            )
        if run.kind == "random_cycle":
            return _named(
                random_cycle(
                    capacity,
                    self.duration,
                    peak_c_rate=run.c_rate,
                    mean_c_rate=-0.2 * run.c_rate,
                    step=(10.0, 120.0),
                    period=self.cycle_period,
                    ambient_temperature=ambient,
                    random_state=np.random.default_rng([self.random_state, int(run.key)]),
                ),
                run.name,
            )
        cycle = drive_cycle(
            run.kind,  # type: ignore[arg-type]
            capacity,
            peak_c_rate=run.c_rate,
            period=self.cycle_period,
            ambient_temperature=ambient,
        )
        return _named(cycle, run.name)


def _named(profile: Profile, name: str) -> Profile:
    return profile.scaled(1.0, name)


def _is_factor(name: str) -> bool:
    return name == "c_rate" or (name in CHANGES and CHANGES[name].unit == "1")


def _scaled(u: float, limits: Range, logarithmic: bool) -> float:
    low, high = limits
    if logarithmic:
        return float(low * (high / low) ** u)
    return float(low + u * (high - low))
