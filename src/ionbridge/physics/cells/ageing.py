"""`AgeingCell`: one cell of PyBaMM cycled under stated conditions, with capacity, resistance and side reactions.

Parameters and what was added to them are `ageing_parameters.py`; many histories at once are `ageing_histories.py`.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import ConfigurationError, ConvergenceError
from ionbridge.physics.cells.ageing_model import ageing_equations, balance_of
from ionbridge.physics.cells.ageing_parameters import AGEING_SETS
from ionbridge.plugins import import_extra

__all__ = [
    "INDICATORS",
    "LIMITS",
    "AgeingCell",
    "AgeingConditions",
    "AgeingHistory",
    "AgeingRun",
    "ageing_cell",
]

FloatArray = NDArray[np.float64]
ModelKind = Literal["SPM", "DFN"]

TOLERANCES = ((1e-4, 1e-6), (1e-6, 1e-8))
"""Relative and absolute, of the solver: the first as a rule, the second, twice as slow, where the first fails."""
CUT_OFF = 0.05  # rate at which the hold at the upper voltage ends [C_rate]
PULSE = 1e-3  # s of discharge current, to see the resistance
LONGEST_STEP = 40 * 3600.0  # s
ROUNDING = 1e-6  # equivalent cycles
OFF = 1e6  # a limit that is never reached
NO_CONVERGENCE = "PyBaMM did not converge"
DEAD_SHARE = 0.3  # of the first capacity: below it the history ends


@dataclass(frozen=True)
class AgeingConditions:
    """How a cell is cycled, and how it differs from the cell of its parameter set.

    A cycle is a charge at constant current to the upper voltage and a hold there until C/20, then
    a discharge at constant current that takes `depth_of_discharge` of the nominal capacity or ends
    at the lower voltage.

    Parameters
    ----------
    charge_rate, discharge_rate : currents over nominal capacity [C_rate].
    temperature : of the cell, constant [K].
    depth_of_discharge : charge taken from the cell in a cycle over nominal capacity [-].
    sei_rate, plating_rate, cracking_rate, loss_rate : factors on the solvent diffusivity in the
        SEI, on the plating rate constant, on the cracking rate of graphite, and on the loss of
        active material of both electrodes [-].
    particle_radius : factor on the radius of the graphite particles [-].

    Raises
    ------
    ConfigurationError
        If a value is outside its limits (`LIMITS`).
    """

    charge_rate: float = 0.5
    discharge_rate: float = 1.0
    temperature: float = 298.15
    depth_of_discharge: float = 1.0
    sei_rate: float = 1.0
    plating_rate: float = 1.0
    cracking_rate: float = 1.0
    loss_rate: float = 1.0
    particle_radius: float = 1.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value, (low, high) = getattr(self, item.name), LIMITS[item.name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ConfigurationError(
                    f"{item.name!r} of AgeingConditions must lie between {low:g} and {high:g}; got {value!r}."
                    f"{' Temperatures are in kelvin.' if item.name == 'temperature' else ''}"
                )

    def to_dict(self) -> dict[str, float]:
        """Return a JSON-ready dictionary."""
        return {name: float(value) for name, value in asdict(self).items()}


LIMITS: Mapping[str, tuple[float, float]] = {
    "charge_rate": (0.05, 4.0),
    "discharge_rate": (0.05, 5.0),
    "temperature": (263.15, 333.15),
    "depth_of_discharge": (0.1, 1.0),
    "sei_rate": (0.01, 100.0),
    "plating_rate": (0.01, 100.0),
    "cracking_rate": (0.01, 100.0),
    "loss_rate": (0.01, 100.0),
    "particle_radius": (0.3, 3.0),
}

INDICATORS = (
    "capacity",
    "resistance",
    "sei_thickness",
    "lithium_loss",
    "plated_lithium",
    "loss_negative",
    "loss_positive",
    "crack_length",
)
"""What a history holds: capacity at rest between the voltage limits [Ah], resistance from the end of
the hold to the start of the discharge [Ohm], thickness of the SEI [nm], lithium lost from the
particles and lithium plated, live and dead [Ah], lost shares of active material [-] and length of
the cracks in graphite [nm]."""


@dataclass(frozen=True, eq=False)
class AgeingHistory:
    """Indicators of ageing along the life of one cell.

    Parameters
    ----------
    conditions : how it was cycled.
    equivalent_cycles : charge taken out so far over nominal capacity, shape (n_points,) [cycle].
    cycles : counted cycles, shape (n_points,) [cycle]; one of full depth is one equivalent cycle.
    values : `INDICATORS` by name, each of shape (n_points,).
    stopped : why the history ends early; empty where it does not.
    cpu_seconds : processor time it took [s]; NaN where unknown.
    """

    conditions: AgeingConditions
    equivalent_cycles: FloatArray
    cycles: FloatArray
    values: Mapping[str, FloatArray]
    stopped: str = ""
    cpu_seconds: float = math.nan

    def at(self, name: str, equivalent_cycles: Sequence[float] | FloatArray) -> FloatArray:
        """One indicator at some equivalent cycles, shape of these; NaN behind the end of the history."""
        return self.interpolate(self.values[name], equivalent_cycles)

    def interpolate(self, column: FloatArray, equivalent_cycles: Sequence[float] | FloatArray) -> FloatArray:
        """Values of a column, shape (n_points,), at some equivalent cycles; NaN behind the end."""
        cycles, last = np.asarray(equivalent_cycles, dtype=float), self.equivalent_cycles[-1]
        inside = np.where(np.abs(cycles - last) < ROUNDING, last, cycles)
        return np.interp(inside, self.equivalent_cycles, column, right=np.nan)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "conditions": self.conditions.to_dict(),
            "equivalent_cycles": self.equivalent_cycles.tolist(),
            "cycles": self.cycles.tolist(),
            "values": {name: column.tolist() for name, column in self.values.items()},
            "stopped": self.stopped,
            "cpu_seconds": None if math.isnan(self.cpu_seconds) else self.cpu_seconds,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(
            AgeingConditions(**values["conditions"]),
            np.asarray(values["equivalent_cycles"], dtype=float),
            np.asarray(values["cycles"], dtype=float),
            {name: np.asarray(column, dtype=float) for name, column in values["values"].items()},
            values["stopped"],
            math.nan if values.get("cpu_seconds") is None else float(values["cpu_seconds"]),
        )


@lru_cache(maxsize=4)
def ageing_cell(chemistry: str, model: ModelKind = "SPM") -> AgeingCell:
    """Build the cell of a chemistry once in this process; building takes a second or two."""
    return AgeingCell(chemistry, model)


class AgeingCell:
    """A cell that is built once and cycled under many conditions.

    Parameters
    ----------
    chemistry : a key of `AGEING_SETS`.
    model : ``SPM``, the reduced model, or ``DFN``, the full one (about 20 times slower).
    compiled : compile the equations with the C compiler of the machine (three times faster); None
        does so where there is one.

    Attributes
    ----------
    nominal_capacity : [Ah].
    assumptions : one sentence each.
    """

    def __init__(self, chemistry: str, model: ModelKind = "SPM", compiled: bool | None = None) -> None:
        pybamm = import_extra("pybamm", "cells")
        self.chemistry, self.model = chemistry, model
        self.equations = ageing_equations(chemistry, model)
        self.nominal_capacity = self.equations.nominal_capacity
        self._balance = balance_of(self.equations)
        self.assumptions = (*AGEING_SETS[chemistry].assumptions, *MODEL_ASSUMPTIONS)
        use_compiler = _has_compiler() if compiled is None else compiled
        self._solvers = tuple(
            pybamm.IDAKLUSolver(
                rtol=rtol,
                atol=atol,
                on_extrapolation="ignore",
                options={"compile": use_compiler, "silence_sundials_errors": True},
            )
            for rtol, atol in TOLERANCES
        )

    def run(
        self,
        conditions: AgeingConditions,
        equivalent_cycles: float = 500.0,
        factor: float | Sequence[tuple[float, float]] = 10.0,
        every: int = 1,
    ) -> AgeingHistory:
        """Cycle the cell; where the solver fails, once more with tighter tolerances.

        Parameters
        ----------
        conditions : how.
        equivalent_cycles : length of the history [cycle].
        factor : by which side reactions are accelerated; one simulated cycle then counts for as
            many. Pairs (from this equivalent cycle, factor) change it on the way, from 0 on.
        every : simulated cycles from one recorded point to the next.

        Raises
        ------
        ConvergenceError
            If the solver finds no solution in the first cycle; later the history ends there and
            says so in `stopped`.
        """
        schedule = [(0.0, float(factor))] if isinstance(factor, int | float) else [(a, f) for a, f in factor]
        begin = time.process_time()
        try:
            made = self._run(AgeingRun(self, conditions), equivalent_cycles, schedule, every)
        except ConvergenceError:
            made = None
        if made is None or made.stopped.startswith(NO_CONVERGENCE):
            run = AgeingRun(self, conditions, tight=True)
            made = self._run(run, equivalent_cycles, schedule, every)
        return replace(made, cpu_seconds=time.process_time() - begin)

    def _run(
        self, run: AgeingRun, equivalent_cycles: float, schedule: Sequence[tuple[float, float]], every: int
    ) -> AgeingHistory:
        points = [run.observe(0.0, 0.0)]
        done = cycles = 0.0
        n_simulated, stopped = 0, ""
        while done < equivalent_cycles - 1e-9:
            rate = [f for start, f in schedule if start <= done + 1e-9][-1]
            try:
                discharged = run.cycle(rate)
            except ConvergenceError as error:
                if n_simulated == 0:
                    raise
                stopped = str(error)
                break
            done += rate * discharged / self.nominal_capacity
            cycles += rate
            n_simulated += 1
            if n_simulated % every == 0 or done >= equivalent_cycles:
                points.append(run.observe(done, cycles))
                if points[-1]["capacity"] < DEAD_SHARE * points[0]["capacity"]:
                    stopped = f"less than {DEAD_SHARE:.0%} of the capacity is left after {done:.0f} cycles"
                    break
        columns = {name: np.array([point[name] for point in points]) for name in points[0]}
        return AgeingHistory(
            run.conditions,
            columns.pop("equivalent_cycles"),
            columns.pop("cycles"),
            columns,
            stopped,
        )


MODEL_ASSUMPTIONS = (
    "the cell is isothermal; its electrolyte does not limit the current in the reduced model (SPM), so that plating "
    "at high rates is underestimated",
    "SEI growth limited by solvent diffusion, on particles and on cracks; partly reversible plating; cracks in "
    "graphite; loss of active material driven by stress",
    "side reactions are multiplied by a factor and one cycle counts for as many, which holds away from the knee; of "
    "the plating, the rate at which plated lithium dies is multiplied",
)


class AgeingRun:
    """One cell on its way: the present state, and the steps of a cycle.

    Parameters
    ----------
    cell : built.
    conditions : how it is cycled. It is formed without ageing, and starts discharged.
    is_full : discharge to the lower voltage, whatever the depth of discharge.
    tight : take the tighter of `TOLERANCES`.

    Attributes
    ----------
    steps : of the last cycle; each the inputs and PyBaMM's solution.
    sample_seconds : from one stored state of a step to the next [s]; None stores those of the solver.
    """

    def __init__(
        self, cell: AgeingCell, conditions: AgeingConditions, is_full: bool = False, tight: bool = False
    ) -> None:
        self.steps: list[tuple[dict[str, float], Any]] = []
        self.sample_seconds: float | None = None
        self.depth = 2.0 if is_full else conditions.depth_of_discharge
        self.cell, self.conditions = cell, conditions
        self.equations, self._solver = cell.equations, cell._solvers[int(tight)]
        self._inputs = self.equations.inputs(conditions.to_dict())
        self._state: Any = None
        self._resistance = float("nan")
        for _ in range(2):  # formation without ageing: lithium that plates and strips settles
            self._discharge()
            self._charge()
        self._discharge()
        self._start = self.observed()["lithium"]

    def cycle(self, factor: float) -> float:
        """Charge, hold and discharge with side reactions `factor` times as fast; return the discharge [Ah]."""
        self._inputs["ageing factor"] = factor
        self.steps = []
        self._charge()
        return self._discharge()

    def _charge(self) -> None:
        """Charge to the upper voltage, hold it, and see how the voltage drops at the discharge current."""
        nominal, high = self.cell.nominal_capacity, self.equations.voltage_window[1]
        rate = self.conditions.charge_rate * nominal
        self._step(LONGEST_STEP, {"set current [A]": -rate, "high voltage [V]": high})
        self._step(
            LONGEST_STEP, {"is hold": 1.0, "held voltage [V]": high, "cut-off current [A]": CUT_OFF * nominal}
        )
        before, held, n_steps = self.observed()["voltage"], self._state, len(self.steps)
        current = self.conditions.discharge_rate * nominal
        self._step(PULSE, {"set current [A]": current})
        del self.steps[n_steps:]
        self._resistance = (before - self.observed()["voltage"]) / (current + CUT_OFF * nominal)
        self._state = held

    def _discharge(self) -> float:
        """Discharge to the wanted depth or the lower voltage; return the charge taken out [Ah]."""
        current = self.conditions.discharge_rate * self.cell.nominal_capacity
        seconds = 3600.0 * self.depth / self.conditions.discharge_rate
        low = self.equations.voltage_window[0]
        return self._step(seconds, {"set current [A]": current, "low voltage [V]": low}) * current / 3600.0

    def _step(self, seconds: float, changes: Mapping[str, float]) -> float:
        """Run one step from the present state; return how long it lasted [s]."""
        pybamm = import_extra("pybamm", "cells")
        inputs = {**self._inputs, **_NO_LIMITS, **changes}
        try:
            new = self._solver.step(
                self._state,
                self.equations.model,
                seconds,
                save=False,
                inputs=inputs,
                t_interp=self._times(seconds),
            )
        except pybamm.SolverError as error:
            if self._state is not None and "non-positive at initial conditions" in str(error):
                return 0.0  # the limit of this step is reached already
            raise ConvergenceError(f"{NO_CONVERGENCE} ({str(error).splitlines()[0][:160]})") from error
        lasted = float(new.t[-1] - new.t[0])
        new.termination = "final time"  # else the next step would refuse to start
        self._state = new
        self.steps.append((inputs, new))
        return lasted

    def _times(self, seconds: float) -> FloatArray | None:
        if self.sample_seconds is None or seconds < self.sample_seconds:
            return None
        return np.append(np.arange(0.0, seconds, self.sample_seconds), seconds)

    def observed(self) -> dict[str, float]:
        """Look into the present state."""
        state = np.asarray(self._state.all_ys[-1][:, -1], dtype=float)
        return self.equations.observe(state, self._inputs)

    def observe(self, equivalent_cycles: float, cycles: float) -> dict[str, float]:
        """Indicators now, at the end of a discharge; the resistance as it was before."""
        seen = self.observed()
        return {
            "equivalent_cycles": equivalent_cycles,
            "cycles": cycles,
            "capacity": self.cell._balance(
                seen["lithium"], seen["capacity_negative"], seen["capacity_positive"]
            ),
            "resistance": self._resistance,
            "sei_thickness": seen["sei_thickness"] * 1e9 * self.conditions.particle_radius,
            "lithium_loss": self._start - seen["lithium"],
            "plated_lithium": seen["plated_lithium"],
            "loss_negative": seen["loss_negative"],
            "loss_positive": seen["loss_positive"],
            "crack_length": seen["crack_length"] * 1e9,
        }


_NO_LIMITS = {
    "is hold": 0.0,
    "held voltage [V]": 0.0,
    "set current [A]": 0.0,
    "low voltage [V]": -OFF,
    "high voltage [V]": OFF,
    "cut-off current [A]": -OFF,
}


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in ("cc", "gcc", "clang"))
