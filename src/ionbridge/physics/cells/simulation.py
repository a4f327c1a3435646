"""`simulate`: a cell under a profile, by PyBaMM's DFN, SPMe or SPM, as a `CellSeries`.

Building and caching models is `models.py`; many runs at once are `generation.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.base import Provenance
from ionbridge.datasets.profiles import STATES, CellSeries, Profile, check_scale
from ionbridge.datasets.profiles.series import Status
from ionbridge.exceptions import ConfigurationError, IonBridgeError, UnknownNameError
from ionbridge.physics.cells.changes import CHANGES, split_changes
from ionbridge.physics.cells.models import BuiltModel, built_model, load_pybamm
from ionbridge.physics.cells.parameters import CellParameters
from ionbridge.physics.cells.sign import flip_current

__all__ = ["SimulationError", "simulate"]

Array = NDArray[np.float64]
_QUIET = 20.0  # a bend of the current after this long a straight line is a stop of the solver [s]
_STEEP = 0.2  # a part of the current as short as this, followed by a longer one, is a jump [s]
_MAX_STOPS = 400
_EVENTS: Mapping[str, Status] = {
    "Minimum voltage [V]": "lower_voltage_limit",
    "Maximum voltage [V]": "upper_voltage_limit",
}


class SimulationError(IonBridgeError, RuntimeError):
    """A simulation gave no result; the message says why."""


def simulate(
    parameters: CellParameters,
    profile: Profile,
    model: str = "DFN",
    *,
    initial_soc: float = 1.0,
    thermal: str = "lumped",
    parameter_changes: Mapping[str, float] | None = None,
    states: Sequence[str] = tuple(STATES),
    initial_temperature: float | None = None,
    voltage_limits: tuple[float, float] | None = None,
    tolerance: float = 1e-4,
    name: str = "",
) -> CellSeries:
    """Simulate a cell that starts at rest.

    The simulation stops where the voltage reaches a limit; `CellSeries.status` and `end_time` say so.

    Parameters
    ----------
    parameters : the cell.
    profile : its current and ambient temperature; the answer is given at its points.
    model : ``DFN``, ``SPMe`` or ``SPM``.
    initial_soc : state of charge at the start [-].
    thermal : ``lumped``, or ``isothermal`` for the temperature of the surroundings.
    parameter_changes : factors on parameters and added values, see `CHANGES`. The built model is
        reused for all that are not structural.
    states : internal states to keep, see `STATES`; fewer are faster.
    initial_temperature : of the cell [K]; None for the surroundings.
    voltage_limits : lower and upper [V]; None for those of the cell.
    tolerance : of the solver, relative. 1e-4 is good to about 0.2 mV; 1e-3 to 1 mV in half the time.
    name : of the series; by default that of the profile.

    Raises
    ------
    SimulationError
        If the solver fails, or the profile leaves the voltage window at once.
    ConfigurationError
        If an argument is not valid.
    DataError
        If the current or the time of the profile is off by 1000, judged by the cell's capacity.
    MissingExtraError
        If PyBaMM is not installed.
    """
    _check_arguments(initial_soc, states, voltage_limits, tolerance)
    check_scale(profile.time, profile.current, parameters.nominal_capacity, f"profile {profile.name!r}")
    live, structural = split_changes(parameter_changes or {})
    cell = cell_parameters_changed(parameters, structural)
    knot_times, knots = profile.knots()
    ambient = profile.ambient_temperature
    varies = isinstance(ambient, np.ndarray)
    if varies:  # both profiles share one size
        knot_times, knots = profile.time, profile.current
    outputs = ("voltage", "temperature", *states)
    built = built_model(cell, model, thermal, knot_times.size, varies, outputs, tolerance)
    inputs = _inputs(built, cell, profile, (knot_times, flip_current(knots)), initial_soc, live)
    low, high = voltage_limits or cell.voltage_window
    inputs["Lower voltage cut-off [V]"], inputs["Upper voltage cut-off [V]"] = low, high
    start = float(profile.ambient_temperature_at(0.0)) if initial_temperature is None else initial_temperature
    inputs["Initial temperature [K]"] = start
    solution, flags = _solve(built, profile, knot_times, inputs, f"{model} of {cell.name}")
    return _series(solution, flags, built, cell, profile, model, initial_soc, {**live, **structural}, name)


def cell_parameters_changed(parameters: CellParameters, changes: Mapping[str, float]) -> CellParameters:
    """The cell with further structural changes; factors multiply those it has."""
    if not changes:
        return parameters
    from ionbridge.physics.cells.parameters import _made

    merged = dict(parameters.changes)
    for name, value in changes.items():
        item = CHANGES[name]
        merged[name] = (
            merged.get(name, item.neutral) * value if item.unit == "1" else merged.get(name, 0.0) + value
        )
    return _made(parameters.name, parameters.bpx, tuple(sorted(merged.items())))


def _check_arguments(
    initial_soc: float, states: Sequence[str], voltage_limits: tuple[float, float] | None, tolerance: float
) -> None:
    if not 0 <= initial_soc <= 1:
        hint = " State of charge is a fraction, not percent." if 1 < initial_soc <= 100 else ""
        raise ConfigurationError(f"'initial_soc' of simulate must be 0 to 1; got {initial_soc:g}.{hint}")
    for state in states:
        if state not in STATES:
            raise UnknownNameError.for_name(state, STATES, "state")
    if not 1e-8 <= tolerance <= 1e-2:
        raise ConfigurationError(f"'tolerance' of simulate must be 1e-8 to 1e-2; got {tolerance:g}.")
    if voltage_limits is not None and not voltage_limits[0] < voltage_limits[1]:
        raise ConfigurationError(
            f"'voltage_limits' of simulate must be (lower, upper) [V]; got {voltage_limits}."
        )


def _inputs(
    built: BuiltModel,
    cell: CellParameters,
    profile: Profile,
    knots: tuple[Array, Array],
    initial_soc: float,
    live: Mapping[str, float],
) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        name: live.get(name, item.neutral) for name, item in CHANGES.items() if not item.is_structural
    }
    inputs["current knots"], inputs["current"] = built.filled(*knots)
    if built.varies_temperature:
        values = built.filled(profile.time, np.asarray(profile.ambient_temperature))
        inputs["ambient temperature knots"], inputs["ambient temperature"] = values
    else:
        inputs["ambient temperature"] = profile.ambient_temperature
    for side in ("negative", "positive"):
        electrode = getattr(cell, side)
        content = float(electrode.stoichiometry_at(initial_soc)) * electrode.maximum_concentration
        inputs[f"Initial concentration in {side} electrode [mol.m-3]"] = content
    return inputs


def _stops(times: Array, duration: float) -> Array:
    """Times at which the solver stops: bends after long straight parts, and ends of steep ramps.

    There the current is all but discontinuous, and the solver finds the new state at once instead of
    by many failed steps. A stop at every point of a drive cycle costs more than it saves.
    """
    gaps = np.diff(times)
    ramps = (gaps <= _STEEP) & (np.append(gaps[1:], np.inf) > 5 * gaps)
    stops = times[1:][(gaps > _QUIET) | ramps]
    stops = stops[(stops > 0) & (stops < duration)]
    if stops.size > _MAX_STOPS:
        stops = stops[:: -(-stops.size // _MAX_STOPS)]
    return np.unique(np.concatenate([[0.0], stops, [duration]]))


def _solve(
    built: BuiltModel, profile: Profile, knot_times: Array, inputs: dict[str, Any], label: str
) -> tuple[Any, tuple[str, ...]]:
    pybamm = load_pybamm()
    stops = _stops(knot_times, profile.duration)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            solution = built.simulation.solve(stops, inputs=inputs, t_interp=profile.time)
        except (pybamm.SolverError, RuntimeError, ValueError, ArithmeticError) as error:
            raise SimulationError(f"{label} under {profile.name!r} failed: {_reason(error)}") from error
    flags = tuple(
        sorted({str(item.message).splitlines()[0] for item in caught if "xtrapolat" in str(item.message)})
    )
    return solution, flags


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "non-positive at initial conditions" in text:
        return (
            "the first current takes the cell out of its voltage window at once. Start from another state of "
            f"charge, or give wider 'voltage_limits' ({text})."
        )
    return text or type(error).__name__


def _series(
    solution: Any,
    flags: tuple[str, ...],
    built: BuiltModel,
    cell: CellParameters,
    profile: Profile,
    model: str,
    initial_soc: float,
    changes: Mapping[str, float],
    name: str,
) -> CellSeries:
    from ionbridge.physics.cells.models import VARIABLES

    reached = np.asarray(solution.t, dtype=float)
    on_profile = np.isin(reached, profile.time)
    n_points = int(on_profile.sum())
    if n_points < 2:
        raise SimulationError(
            f"{model} of {cell.name} under {profile.name!r} ended after {reached[-1]:g} s, before the second point of "
            f"the profile ({solution.termination}). Start from another state of charge, or use more points."
        )
    channels = {key: np.ravel(solution[VARIABLES[key]].data)[on_profile] for key in built.outputs}
    bad = [key for key, values in channels.items() if not np.isfinite(values).all()]
    if bad:
        raise SimulationError(
            f"{model} of {cell.name} under {profile.name!r} gave values that are not finite: {bad}."
        )
    status, more = _status(str(solution.termination))
    ambient = profile.ambient_temperature
    return CellSeries(
        time=profile.time[:n_points],
        current=profile.current[:n_points],
        voltage=channels.pop("voltage"),
        temperature=channels.pop("temperature"),
        ambient_temperature=ambient[:n_points] if isinstance(ambient, np.ndarray) else ambient,
        states=channels,
        origin="simulation",
        fidelity=model,
        initial_soc=initial_soc,
        capacity=cell.capacity,
        cell=cell.name,
        chemistry=cell.chemistry,
        name=name or profile.name,
        status=status,
        end_time=float(reached[-1]),
        changes={**dict(cell.changes), **changes},
        flags=(*flags, *more),
        provenance=Provenance(
            source=f"PyBaMM {load_pybamm().__version__}, {model}, {cell.name}",
            reader="ionbridge.physics.cells.simulate",
            citation="; ".join(cell.citations),
            notes=cell.notes,
        ),
    )


def _status(termination: str) -> tuple[Status, tuple[str, ...]]:
    if termination == "final time":
        return "completed", ()
    event = termination.removeprefix("event: ")
    return (_EVENTS[event], ()) if event in _EVENTS else ("stopped", (f"stopped: {event}",))
