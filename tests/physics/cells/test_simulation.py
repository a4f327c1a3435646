"""Simulated cells against known answers: sign, charge, energy, heat, limits, closeness of the models."""

import numpy as np
import pytest

from ionbridge.datasets import Profile
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError

pytest.importorskip("pybamm")

from ionbridge.physics.cells import (
    CHANGES,
    AbstractProfileSimulator,
    CellSimulator,
    SimulationError,
    cell_parameters,
    flip_current,
    simulate,
)
from ionbridge.physics.cells.changes import split_changes
from ionbridge.physics.cells.simulator import spm


@pytest.fixture(scope="module")
def lfp():
    return cell_parameters("LFP")


@pytest.fixture(scope="module")
def discharge(lfp):
    return simulate(lfp, Profile.from_c_rate(-1, lfp.nominal_capacity), "SPMe")


def test_the_sign_of_the_current_turns_and_turns_back():
    current = np.array([-1.0, 0.0, 2.0])
    assert (flip_current(current) == [1.0, 0.0, -2.0]).all()
    assert (flip_current(flip_current(current)) == current).all()
    assert not np.signbit(flip_current([0.0]))[0]


@pytest.mark.parametrize(("current", "rises"), [(-1.0, False), (1.0, True)], ids=["discharge", "charge"])
def test_a_positive_current_charges(lfp, current, rises):
    series = simulate(lfp, Profile.constant_current(current, 600), "SPMe", initial_soc=0.5)
    content = series.states["negative_surface_stoichiometry"]
    assert (content[-1] > content[0]) == rises
    assert (series.voltage[-1] > lfp.open_circuit_voltage(0.5)) == rises


def test_a_slow_discharge_gives_the_capacity(lfp):
    slow = simulate(lfp, Profile.from_c_rate(-1 / 20, lfp.nominal_capacity), "SPM", states=())
    assert slow.status == "lower_voltage_limit"
    assert -slow.total_charge == pytest.approx(lfp.capacity, rel=0.01)
    assert slow.end_time == pytest.approx(slow.time[-1], abs=np.diff(slow.time)[0])


def test_one_c_stops_at_the_lower_limit_and_says_so(discharge, lfp):
    assert discharge.status == "lower_voltage_limit"
    assert discharge.voltage[-1] > lfp.voltage_window[0]
    assert -discharge.total_charge == pytest.approx(1.94, abs=0.02)  # of 2.30 Ah: slow diffusion in graphite
    assert discharge.fidelity == "SPMe"
    assert discharge.provenance.citation


def test_states_obey_the_conservation_of_charge(discharge, lfp):
    content = discharge.states["negative_stoichiometry"]
    at_0, at_100 = lfp.negative.stoichiometry_at_0, lfp.negative.stoichiometry_at_100
    assert (content - at_0) / (at_100 - at_0) == pytest.approx(discharge.soc, abs=1e-4)


def test_heat_is_the_work_that_is_lost_between_the_particle_surfaces_and_the_terminals(discharge, lfp):
    surface = {side: discharge.states[f"{side}_surface_stoichiometry"] for side in ("negative", "positive")}
    driving = lfp.positive.ocp_at(surface["positive"]) - lfp.negative.ocp_at(surface["negative"])
    lost = discharge.current * (discharge.voltage - driving)
    made = discharge.states["heat"]
    assert made[2:] == pytest.approx(lost[2:], rel=0.03, abs=1e-3)
    assert (made > 0).all()


def test_the_cell_warms_as_its_heat_says(discharge, lfp):
    heat, rise = discharge.states["heat"], discharge.temperature - 298.15
    lost = lfp.thermal.cooling * np.trapezoid(rise, discharge.time)
    made = np.trapezoid(heat, discharge.time)
    assert rise[-1] > 1.0
    assert lfp.thermal.heat_capacity * rise[-1] + lost == pytest.approx(made, rel=0.01)


def test_models_agree_where_they_should(lfp, discharge):
    full = simulate(lfp, discharge.profile, "DFN", states=())
    assert np.abs(full.voltage - discharge.voltage[: len(full)])[2:].max() < 0.003
    single = simulate(lfp, discharge.profile, "SPM", states=())
    n = min(len(single), len(discharge))
    assert np.mean(single.voltage[:n] - discharge.voltage[:n]) > 0.005  # no drop in the electrolyte


def test_isothermal_stays_at_the_ambient_temperature(lfp):
    series = simulate(
        lfp, Profile.constant_current(-2, 300).at_temperature(283.15), "SPM", thermal="isothermal", states=()
    )
    assert series.temperature == pytest.approx(283.15, abs=1e-6)


def test_the_ambient_temperature_may_change(lfp):
    profile = Profile([0.0, 1800.0, 3600.0], [-0.1] * 3, [298.15, 298.15, 318.15]).resampled(60.0)
    series = simulate(lfp, profile, "SPM", initial_soc=0.5, states=())
    assert series.temperature[30] == pytest.approx(298.15, abs=0.2)
    assert 302 < series.temperature[-1] < 318


def test_rest_changes_nothing(lfp):
    series = simulate(
        lfp, Profile.constant_current(0.0, 3600, period=600), "SPMe", initial_soc=0.4, states=()
    )
    assert np.ptp(series.voltage) < 1e-4
    assert series.voltage[0] == pytest.approx(lfp.open_circuit_voltage(0.4), abs=1e-3)


def test_changes_have_the_effect_they_name(lfp):
    profile = Profile.constant_current(-2.3, 300, period=30)
    base = simulate(lfp, profile, "SPMe", initial_soc=0.6)
    more = simulate(lfp, profile, "SPMe", initial_soc=0.6, parameter_changes={"contact_resistance": 0.01})
    assert base.voltage[-1] - more.voltage[-1] == pytest.approx(0.023, abs=0.002)
    cooled = simulate(lfp, profile, "SPMe", initial_soc=0.6, parameter_changes={"heat_capacity": 10.0})
    assert cooled.temperature[-1] - 298.15 < 0.2 * (base.temperature[-1] - 298.15)
    assert more.changes == {"contact_resistance": 0.01}


def test_a_particle_radius_is_an_input_and_equals_a_built_in_one(lfp):
    import pybamm

    from ionbridge.physics.cells import parameter_values

    profile = Profile.constant_current(-2.3, 600, period=60)
    ours = simulate(lfp, profile, "SPM", initial_soc=0.8, states=(), thermal="isothermal",
                    parameter_changes={"negative_particle_radius": 1.5})  # fmt: skip
    values = parameter_values(lfp)
    values["Negative particle radius [m]"] *= 1.5
    values["Current function [A]"] = 2.3
    for side in ("negative", "positive"):
        electrode = getattr(lfp, side)
        content = float(electrode.stoichiometry_at(0.8)) * electrode.maximum_concentration
        values[f"Initial concentration in {side} electrode [mol.m-3]"] = content
    values["Ambient temperature [K]"] = values["Initial temperature [K]"] = 298.15
    built = pybamm.Simulation(pybamm.lithium_ion.SPM(), parameter_values=values, solver=pybamm.IDAKLUSolver())
    theirs = built.solve([0, 600], t_interp=profile.time)["Voltage [V]"].data
    assert ours.voltage == pytest.approx(theirs, abs=5e-4)


def test_structural_changes_change_the_capacity(lfp):
    thick = cell_parameters("LFP", negative_thickness=1.2, positive_thickness=1.2)
    assert thick.capacity == pytest.approx(1.2 * lfp.capacity, rel=1e-3)
    live, structural = split_changes({"negative_thickness": 1.2, "heat_transfer": 2.0, "heat_capacity": 1.0})
    assert (live, structural) == ({"heat_transfer": 2.0}, {"negative_thickness": 1.2})


WRONG = {
    "percent": (ConfigurationError, "fraction, not percent", dict(initial_soc=80)),
    "model": (ConfigurationError, "'model' must be one of DFN", dict(model="P2D")),
    "thermal": (ConfigurationError, "'thermal' must be one of", dict(thermal="none")),
    "state": (UnknownNameError, "plating_margin", dict(states=("plating",))),
    "change": (UnknownNameError, "positive_diffusivity", dict(parameter_changes={"positive_difusivity": 2})),
    "factor": (
        ConfigurationError,
        "must be 0.001 to 1000",
        dict(parameter_changes={"positive_diffusivity": -1}),
    ),
    "limits": (ConfigurationError, "'voltage_limits'", dict(voltage_limits=(3.6, 2.0))),
    "tolerance": (ConfigurationError, "'tolerance' of simulate", dict(tolerance=1.0)),
    "mA": (DataError, "divide by 1000", dict(profile=Profile.constant_current(-2300, 60))),
    "at once": (
        SimulationError,
        "out of its voltage window at once",
        dict(profile=Profile.constant_current(9.0, 600), initial_soc=1.0),
    ),
}


@pytest.mark.parametrize(("error", "text", "given"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(lfp, error, text, given):
    arguments = {"profile": Profile.constant_current(-1, 60), "model": "SPM", "states": (), **given}
    profile, model = arguments.pop("profile"), arguments.pop("model")
    with pytest.raises(error, match=text):
        simulate(lfp, profile, model, **arguments)


def test_a_cell_and_a_model_are_a_simulator_of_profiles(lfp):
    simulator = CellSimulator("LFP", "SPM", thermal="isothermal")
    assert isinstance(simulator, AbstractProfileSimulator)
    series = simulator.simulate_profile(Profile.constant_current(-1, 120), initial_soc=0.5)
    assert series.fidelity == simulator.fidelity == spm("LFP").model == "SPM"
    assert series.cell == "Prada2013"


def test_every_change_is_described_and_neutral_inside_its_limits():
    for name, item in CHANGES.items():
        assert item.name == name
        assert item.description
        assert item.low <= item.neutral <= item.high
