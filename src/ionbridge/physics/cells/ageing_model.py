"""Equations of an ageing cell: PyBaMM's model with inputs for the protocol, discretised once.

Cycling it is `ageing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import ConfigurationError
from ionbridge.physics.cells.ageing_parameters import ageing_parameter_values, multiplied
from ionbridge.plugins import import_extra

__all__ = ["AgeingEquations", "ageing_equations", "balance_of"]

FloatArray = NDArray[np.float64]

_POINTS = {
    "SPM": {"x_n": 3, "x_s": 3, "x_p": 3, "r_n": 20, "r_p": 20},
    "DFN": {"x_n": 10, "x_s": 5, "x_p": 10, "r_n": 20, "r_p": 20},
}
_OPTIONS = {
    "SEI": "solvent-diffusion limited",
    "SEI on cracks": "true",
    "lithium plating": "partially reversible",
    "particle mechanics": ("swelling and cracking", "swelling only"),
    "loss of active material": "stress-driven",
}
_OBSERVED = {
    "voltage": "Voltage [V]",
    "current": "Current [A]",
    "lithium": "Total lithium in particles [mol]",
    "capacity_negative": "Negative electrode capacity [A.h]",
    "capacity_positive": "Positive electrode capacity [A.h]",
    "sei_thickness": "X-averaged negative SEI thickness [m]",
    "plated_lithium": "Loss of capacity to negative lithium plating [A.h]",
    "loss_negative": "X-averaged negative electrode active material volume fraction",
    "loss_positive": "X-averaged positive electrode active material volume fraction",
    "crack_length": "X-averaged negative particle crack length [m]",
}
_GRID = np.linspace(0.001, 0.999, 4000)


@dataclass(frozen=True, eq=False)
class AgeingEquations:
    """A discretised model and how to look into its state.

    Parameters
    ----------
    model : discretised, for a solver.
    observer : function of state and input vector; returns the values of `_OBSERVED`.
    input_names : order of the input vector.
    nominal_capacity : [Ah].
    voltage_window : lower and upper limit [V].
    parallel : electrode pairs in parallel.
    active : first volume fractions of active material, negative and positive [-].
    potentials : open-circuit potentials of the negative and positive electrode on the grid, shape (2, n_grid) [V].
    """

    model: Any
    observer: Any
    input_names: tuple[str, ...]
    nominal_capacity: float
    voltage_window: tuple[float, float]
    parallel: float
    active: tuple[float, float]
    potentials: FloatArray

    def inputs(self, conditions: Mapping[str, float]) -> dict[str, float]:
        """Input values that do not change from step to step."""
        return {**conditions, "ageing factor": 0.0, "start time": 0.0}

    def samples(self, states: FloatArray, inputs: Mapping[str, float]) -> tuple[FloatArray, FloatArray]:
        """Voltage [V] and current in PyBaMM's sign [A] of many states, each of shape (n_samples,)."""
        vector = np.array([[float(inputs.get(name, 0.0))] for name in self.input_names])
        found = np.asarray(self.observer(states, np.repeat(vector, states.shape[1], axis=1)))
        names = list(_OBSERVED)
        return found[names.index("voltage")], found[names.index("current")]

    def observe(self, state: FloatArray, inputs: Mapping[str, float]) -> dict[str, float]:
        """Values of one state: lithium and capacities in Ah, losses as shares, lengths in m."""
        vector = [float(inputs.get(name, 0.0)) for name in self.input_names]
        found = np.asarray(self.observer(state, vector)).ravel()
        seen = dict(zip(_OBSERVED, found.tolist(), strict=True))
        seen["lithium"] *= 96485.33212 / 3600.0
        seen["plated_lithium"] *= self.parallel
        seen["loss_negative"] = 1.0 - seen["loss_negative"] / self.active[0]
        seen["loss_positive"] = 1.0 - seen["loss_positive"] / self.active[1]
        return seen


def ageing_equations(chemistry: str, kind: str) -> AgeingEquations:
    """Build the equations of a chemistry.

    Raises
    ------
    UnknownNameError
        If the chemistry has no ageing parameters.
    ConfigurationError
        If `kind` is neither ``SPM`` nor ``DFN``.
    MissingExtraError
        If PyBaMM is not installed.
    """
    if kind not in _POINTS:
        raise ConfigurationError(f"'model' of an ageing cell must be 'SPM' or 'DFN'; got {kind!r}.")
    pybamm = import_extra("pybamm", "cells")
    values = ageing_parameter_values(chemistry)
    window = float(values["Lower voltage cut-off [V]"]), float(values["Upper voltage cut-off [V]"])
    active = tuple(
        float(values[f"{side} electrode active material volume fraction"])
        for side in ("Negative", "Positive")
    )
    parameters = pybamm.LithiumIonParameters()
    potentials = np.stack(
        [_potential(values, side.prim.U, parameters.T_ref) for side in (parameters.n, parameters.p)]
    )
    nominal, parallel = (
        float(values[key])
        for key in (
            "Nominal cell capacity [A.h]",
            "Number of electrodes connected in parallel to make a cell",
        )
    )
    _enter_inputs(values)
    model = _model(kind)
    voltage, current, symbol = (
        model.variables["Voltage [V]"],
        model.variables["Current [A]"],
        pybamm.InputParameter,
    )
    model.events = [
        pybamm.Event("lower voltage", voltage - symbol("low voltage [V]")),
        pybamm.Event("upper voltage", symbol("high voltage [V]") - voltage),
        pybamm.Event("cut-off current", -current - symbol("cut-off current [A]")),
    ]
    observed = [model.variables[variable] for variable in _OBSERVED.values()]
    model.variables = {}  # others may need parameters that the set lacks, and cost time
    geometry = model.default_geometry
    values.process_model(model)
    values.process_geometry(geometry)
    mesh = pybamm.Mesh(geometry, model.default_submesh_types, _POINTS[kind])
    discretisation = pybamm.Discretisation(mesh, model.default_spatial_methods)
    discretisation.process_model(model)
    symbols = [discretisation.process_symbol(values.process_symbol(item)) for item in observed]
    observer, names = _observer(symbols, model.len_rhs_and_alg)
    return AgeingEquations(model, observer, names, nominal, window, parallel, active, potentials)  # type: ignore[arg-type]


def _model(kind: str) -> Any:
    """PyBaMM's model whose current is set, or found so that the voltage is held."""
    pybamm = import_extra("pybamm", "cells")

    def control(variables: Mapping[str, Any]) -> Any:
        hold = pybamm.InputParameter("is hold")
        voltage = variables["Voltage [V]"] - pybamm.InputParameter("held voltage [V]")
        current = variables["Current [A]"] - pybamm.InputParameter("set current [A]")
        return hold * voltage + (1 - hold) * current

    options = {**_OPTIONS, "operating mode": control}
    if kind == "DFN":
        return pybamm.lithium_ion.DFN(options)
    model = pybamm.lithium_ion.SPM(options, build=False)
    model.submodels["negative interface current"] = _current_with_cracks(model)
    model.build_model()
    return model


def _current_with_cracks(model: Any) -> Any:
    """Intercalation current of the reduced model less the SEI on cracks, which PyBaMM's own leaves out."""
    pybamm = import_extra("pybamm", "cells")

    class Current(pybamm.kinetics.CurrentForInverseKinetics):  # type: ignore[name-defined]
        def get_coupled_variables(self, variables: dict[str, Any]) -> dict[str, Any]:
            side = "Negative electrode"
            total = variables["X-averaged negative electrode total interfacial current density [A.m-2]"]
            rough = variables[f"{side} roughness ratio"] - 1
            cracks = variables[f"{side} SEI on cracks interfacial current density [A.m-2]"]
            sei = variables[f"{side} SEI interfacial current density [A.m-2]"]
            plating = variables[f"{side} lithium plating interfacial current density [A.m-2]"]
            current = total - sei - plating - rough * cracks
            variables.update(self._get_standard_interfacial_current_variables(current))
            variables.update(self._get_standard_volumetric_current_density_variables(variables))
            return variables

    return Current(model.param, "negative", "lithium-ion main", model.options)


def _enter_inputs(values: Any) -> None:
    """Let conditions act on the parameters, in place.

    A particle radius times f is entered as an exact similarity at the unchanged radius: the
    diffusivity over f², exchange currents, SEI thickness and plating over f, the solvent
    diffusivity over f² and the SEI resistivity times f².
    """
    pybamm = import_extra("pybamm", "cells")
    symbol = pybamm.InputParameter
    factor, radius = symbol("ageing factor"), symbol("particle_radius")
    changes = {
        "SEI solvent diffusivity [m2.s-1]": symbol("sei_rate") * factor / radius**2,
        "SEI resistivity [Ohm.m]": radius**2,
        "Initial SEI thickness [m]": 1 / radius,
        "Initial SEI on cracks thickness [m]": 1 / radius,
        "Dead lithium decay constant [s-1]": factor,
        "Lithium plating kinetic rate constant [m.s-1]": symbol("plating_rate") / radius,
        "Negative electrode cracking rate": symbol("cracking_rate") * factor,
        "Negative electrode LAM constant proportional term [s-1]": symbol("loss_rate") * factor,
        "Positive electrode LAM constant proportional term [s-1]": symbol("loss_rate") * factor,
        "Negative particle diffusivity [m2.s-1]": 1 / radius**2,
        "Negative electrode exchange-current density [A.m-2]": 1 / radius,
    }
    for key, change in changes.items():
        values[key] = multiplied(values[key], change)
    for key in ("Ambient temperature [K]", "Initial temperature [K]"):
        values[key] = symbol("temperature")


def _potential(values: Any, function: Callable[..., Any], temperature: Any) -> FloatArray:
    """Open-circuit potential of an electrode on the grid, shape (n_grid,) [V]."""
    pybamm = import_extra("pybamm", "cells")
    symbol = values.process_symbol(function(pybamm.Vector(_GRID), temperature))
    return np.asarray(symbol.evaluate(), dtype=float).ravel() * np.ones_like(_GRID)


def _observer(symbols: list[Any], n_states: int) -> tuple[Any, tuple[str, ...]]:
    """One function of state and inputs for all observed variables."""
    casadi = import_extra("casadi", "cells")
    pybamm = import_extra("pybamm", "cells")
    names = sorted(
        {
            leaf.name
            for item in symbols
            for leaf in item.pre_order()
            if isinstance(leaf, pybamm.InputParameter)
        }
    )
    state, vector = casadi.MX.sym("y", n_states), casadi.MX.sym("p", len(names))
    inputs = {name: vector[i] for i, name in enumerate(names)}
    results = [item.to_casadi(casadi.MX(0), state, inputs=inputs) for item in symbols]
    return casadi.Function("observe", [state, vector], [casadi.vertcat(*results)]), tuple(names)


def balance_of(equations: AgeingEquations) -> Callable[[float, float, float], float]:
    """Build the function that finds the capacity at rest between the voltage limits.

    It takes the lithium in the particles and the capacities of both electrodes, all in Ah, and
    solves the open-circuit balance: the voltage falls from the upper to the lower limit while
    lithium moves from the negative electrode to the positive one.
    """
    low, high = equations.voltage_window
    negative, positive = equations.potentials

    def capacity(lithium: float, capacity_negative: float, capacity_positive: float) -> float:
        filling = (lithium - _GRID * capacity_negative) / capacity_positive
        inside = (filling > _GRID[0]) & (filling < _GRID[-1])
        x, y = _GRID[inside], filling[inside]
        if len(x) < 2:
            return 0.0
        voltage = np.maximum.accumulate(np.interp(y, _GRID, positive) - negative[inside])
        ends = np.interp([low, high], voltage, x)
        return float((ends[1] - ends[0]) * capacity_negative)

    return capacity
