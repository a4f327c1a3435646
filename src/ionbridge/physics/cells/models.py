"""Built models: discretised once for a cell, a kind of model and a size of profile, then solved many times.

The current, the temperatures, the initial state, the voltage limits and most variations of parameters
are inputs of a built model. What goes in and comes out as our own types is `simulation.py`.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import ConfigurationError
from ionbridge.physics.cells.changes import CHANGES, multiplied
from ionbridge.physics.cells.parameters import CellParameters, apply_radius_and_contact, parameter_values
from ionbridge.plugins import import_extra

__all__ = ["VARIABLES", "BuiltModel", "ModelName", "ThermalName", "built_model", "load_pybamm"]

Array = NDArray[np.float64]
ModelName = Literal["DFN", "SPMe", "SPM"]
ThermalName = Literal["lumped", "isothermal"]
MODELS = get_args(ModelName)
THERMAL = get_args(ThermalName)
VARIABLES = {
    "voltage": "Voltage [V]",
    "temperature": "Volume-averaged cell temperature [K]",
    "negative_stoichiometry": "Negative electrode stoichiometry",
    "positive_stoichiometry": "Positive electrode stoichiometry",
    "negative_surface_stoichiometry": "X-averaged negative particle surface stoichiometry",
    "positive_surface_stoichiometry": "X-averaged positive particle surface stoichiometry",
    "negative_electrolyte_concentration": "X-averaged negative electrolyte concentration [mol.m-3]",
    "positive_electrolyte_concentration": "X-averaged positive electrolyte concentration [mol.m-3]",
    "plating_margin": "Negative electrode surface potential difference at separator interface [V]",
    "open_circuit_voltage": "Bulk open-circuit voltage [V]",
    "heat": "Total heating [W]",
}
"""Channels and states of a series, by PyBaMM's name."""
KNOTS = (16, 256, 2048, 16384, 131072)
"""Sizes of profile for which models are built; a smaller profile is filled up."""


@cache
def load_pybamm() -> Any:
    """Import PyBaMM with its telemetry off and its log quiet."""
    os.environ["PYBAMM_DISABLE_TELEMETRY"] = "true"
    pybamm = import_extra("pybamm", "cells")
    logging.getLogger("pybamm").setLevel(logging.ERROR)
    return pybamm


@cache
def _lookup_class() -> Any:
    """Class of the symbol that interpolates a profile given as inputs; made when PyBaMM is there."""
    pybamm, casadi = load_pybamm(), import_extra("casadi", "cells")

    def interpolate(time: Any, knots: Any, values: Any) -> Any:
        return np.interp(np.ravel(time), np.ravel(knots), np.ravel(values))

    class Lookup(pybamm.Function):  # type: ignore[name-defined]
        """Linear interpolation over time of values that are inputs, so that no profile is built in."""

        __slots__ = ()

        def __init__(self, *children: Any) -> None:
            super().__init__(interpolate, *children, name="profile")

        def create_copy(self, new_children: Any = None, perform_simplifications: bool = True) -> Any:
            return Lookup(*(new_children or [child.create_copy() for child in self.children]))

        def _function_new_copy(self, children: Any, perform_simplifications: bool = True) -> Any:
            return Lookup(*children)

        def _evaluate_for_shape(self) -> Any:
            return np.nan

        def _to_casadi(self, t: Any, y: Any, y_dot: Any, inputs: Any, casadi_symbols: Any) -> Any:
            time, knots, values = self._children_to_casadi(t, y, y_dot, inputs, casadi_symbols)
            options = {"lookup_mode": ["binary"]}
            return casadi.MX.interpn_linear([casadi.vec(knots)], casadi.vec(values), [time], options)

    return Lookup


@dataclass
class BuiltModel:
    """A discretised model with its solver.

    Parameters
    ----------
    simulation : of PyBaMM.
    n_knots : points that its profile has.
    varies_temperature : whether the ambient temperature is a profile too.
    outputs : names of channels and states that it computes.
    """

    simulation: Any
    n_knots: int
    varies_temperature: bool
    outputs: tuple[str, ...]

    def filled(self, time: Array, values: Array) -> tuple[Array, Array]:
        """A profile with as many points as the model was built for: the last value goes on."""
        missing = self.n_knots - time.size
        later = time[-1] + np.arange(1.0, missing + 1)
        return np.concatenate([time, later]), np.concatenate([values, np.full(missing, values[-1])])


def built_model(
    cell: CellParameters,
    model: str,
    thermal: str,
    n_knots: int,
    varies_temperature: bool,
    outputs: tuple[str, ...],
    tolerance: float,
) -> BuiltModel:
    """The built model for a profile of this size, from a cache of the last 24.

    Raises
    ------
    ConfigurationError
        If model or thermal model are not known, or the cell has no thermal parameters.
    """
    if model not in MODELS:
        raise ConfigurationError(f"'model' must be one of {', '.join(MODELS)}; got {model!r}.")
    if thermal not in THERMAL:
        raise ConfigurationError(f"'thermal' must be one of {', '.join(THERMAL)}; got {thermal!r}.")
    if thermal == "lumped" and cell.thermal is None:
        raise ConfigurationError(
            f"the parameters of {cell.name!r} have no heat capacity, volume or cooling, which the lumped thermal "
            "model needs; pass thermal='isothermal', or use a BPX file with thermal parameters."
        )
    size = next((size for size in KNOTS if size >= n_knots), None)
    if size is None:
        raise ConfigurationError(
            f"the profile has {n_knots} points that are not on a straight line; at most {KNOTS[-1]} can be simulated "
            "at once. Resample it (Profile.resampled) or cut it."
        )
    return _built(cell, model, thermal, size, varies_temperature, outputs, tolerance)


@lru_cache(maxsize=24)
def _built(
    cell: CellParameters,
    model: str,
    thermal: str,
    size: int,
    varies_temperature: bool,
    outputs: tuple[str, ...],
    tolerance: float,
) -> BuiltModel:
    pybamm = load_pybamm()
    options = {"thermal": thermal, "contact resistance": "true"}
    if thermal == "lumped":
        options["use lumped thermal capacity"] = "true"
    values = parameter_values(cell)
    _make_inputs(values, size, varies_temperature)
    solver = pybamm.IDAKLUSolver(
        rtol=tolerance,
        atol=tolerance / 10,
        output_variables=[VARIABLES[name] for name in outputs],
        on_extrapolation="warn",
    )
    simulation = pybamm.Simulation(
        getattr(pybamm.lithium_ion, model)(options), parameter_values=values, solver=solver
    )
    return BuiltModel(simulation, size, varies_temperature, outputs)


def _make_inputs(values: Any, size: int, varies_temperature: bool) -> None:
    """Replace what differs from run to run by inputs, in place."""
    pybamm = load_pybamm()
    lookup = _lookup_class()

    def profile(name: str) -> Any:
        knots = pybamm.InputParameter(f"{name} knots", expected_size=size)
        return lookup(pybamm.t, knots, pybamm.InputParameter(name, expected_size=size))

    values["Current function [A]"] = profile("current")
    ambient = (
        profile("ambient temperature") if varies_temperature else pybamm.InputParameter("ambient temperature")
    )
    values["Ambient temperature [K]"] = (lambda y, z, t: ambient) if varies_temperature else ambient
    for key in (
        "Initial temperature [K]",
        "Initial concentration in negative electrode [mol.m-3]",
        "Initial concentration in positive electrode [mol.m-3]",
        "Lower voltage cut-off [V]",
        "Upper voltage cut-off [V]",
    ):
        values[key] = pybamm.InputParameter(key)
    factors = {name: pybamm.InputParameter(name) for name, item in CHANGES.items() if not item.is_structural}
    for name, factor in factors.items():
        for key in CHANGES[name].keys:
            if key in values:
                values[key] = multiplied(values[key], factor)
    apply_radius_and_contact(values, factors)
