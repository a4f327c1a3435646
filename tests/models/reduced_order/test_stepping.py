"""The step: diffusion in a sphere, kinetics, heat, splitting and batching."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ionbridge.datasets.profiles import Profile
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.models.reduced_order import FEATURES, STATE_NAMES, CellROM, Stepper
from ionbridge.models.reduced_order.rollout import Batch, rollout
from ionbridge.models.reduced_order.stepping import N_MODES, mode_roots

from .cells import made_up_cell, steps


def one(value: float) -> np.ndarray:
    return np.array([value])


def test_roots_solve_their_equation() -> None:
    roots = mode_roots(20)
    assert np.allclose(np.tan(roots), roots, rtol=1e-7)
    assert np.sum(1 / mode_roots(20000) ** 2) == pytest.approx(
        0.1, abs=1e-5
    )  # the steady profile of a sphere


def test_a_long_constant_current_reaches_the_steady_profile() -> None:
    cell = made_up_cell()
    stepper = Stepper(cell)
    state = stepper.initial_state(one(0.5), one(298.15))
    new = stepper.move(state, one(0.1), one(20 * 1500.0))
    out = stepper.outputs(new, one(0.1))
    for surface, table in (
        (out.negative_surface_soc, cell.negative),
        (out.positive_surface_soc, cell.positive),
    ):
        assert surface[0] - new[0, 0] == pytest.approx(0.1 / 3600 * table.diffusion_time / 15, rel=1e-9)


def test_steps_may_be_cut() -> None:
    stepper = Stepper(made_up_cell())
    state = stepper.initial_state(one(0.5), one(290.0))
    whole = stepper.move(state, one(1.3), one(90.0))
    cut = stepper.move(stepper.move(state, one(1.3), one(25.0)), one(1.3), one(65.0))
    assert np.allclose(whole, cut, rtol=1e-12, atol=1e-14)


def test_a_step_of_no_length_changes_nothing() -> None:
    stepper = Stepper(made_up_cell(hysteresis=0.02))
    state = stepper.move(stepper.initial_state(one(0.5), one(300.0)), one(-1.0), one(100.0))
    new, _ = stepper.step(state, one(2.0), one(280.0), one(0.0))
    assert np.array_equal(new, state)


def test_warmth_at_constant_heat_settles_where_cooling_takes_it_away() -> None:
    cell = made_up_cell()
    run = CellROM(cell).simulate(Profile.constant_current(-0.2, 7200.0), 0.9, stop_at_limits=False).series
    assert 298.15 < run.temperature[-1] < 299.5


def test_overpotentials_grow_with_cold_and_have_the_sign_of_the_current() -> None:
    rom = CellROM(made_up_cell())
    cold, warm = (
        rom.simulate(Profile.constant_current(2.0, 60.0, ambient_temperature=t), 0.5).series.voltage[-1]
        for t in (268.15, 308.15)
    )
    assert cold > warm > rom.cell.open_circuit_voltage(0.5)


def test_hysteresis_follows_the_direction_of_the_current() -> None:
    rom = CellROM(made_up_cell(hysteresis=0.02, hysteresis_rate=500.0))
    ends = [rom.simulate(Profile.from_steps([i, 0.0], [300.0, 9000.0]), 0.5).series for i in (0.5, -0.5)]
    gaps = [s.voltage[-1] - rom.cell.open_circuit_voltage(0.5 + s.charge[-1] / 2.0) for s in ends]
    assert gaps[0] == pytest.approx(0.02, abs=2e-3)
    assert gaps[1] == pytest.approx(-0.02, abs=2e-3)


def test_a_batch_equals_its_profiles_one_by_one() -> None:
    rom = CellROM(made_up_cell())
    profiles = [steps(seed) for seed in range(3)]
    together = rom.simulate_many(profiles, [0.4, 0.5, 0.6])
    for profile, soc, run in zip(profiles, (0.4, 0.5, 0.6), together, strict=True):
        alone = rom.simulate(profile, soc).series
        assert np.allclose(run.series.voltage, alone.voltage, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_profiles", [2, 20])
def test_windows_of_steps_equal_single_steps(n_profiles: int) -> None:
    cell = replace(made_up_cell(), hysteresis=0.01)
    stepper = Stepper(cell)
    batch = Batch.of([steps(seed) for seed in range(n_profiles)], cell.capacity)
    start = np.linspace(0.3, 0.7, n_profiles)
    found = rollout(stepper, batch, start, batch.ambient[0], keep=("voltage", "soc", "features"))
    state = stepper.initial_state(start, batch.ambient[0])
    for i in range(len(batch.dt)):
        state, out = stepper.step(state, batch.rate[i], batch.ambient[i], batch.dt[i], batch.mean_rate[i])
        assert np.abs(found["voltage"][i] - out.voltage).max() < 1e-6
        assert np.abs(found["temperature"][i] - state[1]).max() < 1e-3
        assert np.abs(found["features"][:, i] - out.features).max() < 1e-3


def test_single_precision_agrees_to_a_tenth_of_a_millivolt() -> None:
    rom, profiles = CellROM(made_up_cell()), [steps(seed) for seed in range(3)]
    voltage, temperature, n_points = rom.voltages(profiles, 0.5)
    for k, run in enumerate(rom.simulate_many(profiles, 0.5, stop_at_limits=False)):
        assert np.abs(voltage[: n_points[k], k] - run.series.voltage).max() < 1e-4
        assert np.abs(temperature[: n_points[k], k] - run.series.temperature).max() < 1e-2


def test_a_profile_that_leaves_the_window_stops_there_and_says_so() -> None:
    run = CellROM(made_up_cell(voltage_window=(3.3, 4.3))).simulate(
        Profile.constant_current(-2.0, 7200.0), 1.0
    )
    assert run.series.status == "lower_voltage_limit"
    assert run.series.voltage.min() >= 3.3
    assert run.series.end_time < 7200


def test_states_are_offered_as_virtual_sensors() -> None:
    run = CellROM(made_up_cell()).simulate(steps(0), 0.5).series
    assert {"plating_margin", "negative_surface_stoichiometry", "positive_stoichiometry"} <= set(run.states)


@pytest.mark.parametrize(
    ("profile", "soc", "error", "message"),
    [
        (Profile.constant_current(-2.0, 600.0), 80.0, ConfigurationError, "fraction, not percent"),
        (Profile.constant_current(-2000.0, 600.0), 0.8, DataError, "divide by 1000"),
        (Profile.constant_current(-30.0, 600.0), 0.0, DataError, "voltage window"),
    ],
    ids=["percent", "milliampere", "out of window"],
)
def test_bad_requests_are_refused(profile: Profile, soc: float, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CellROM(made_up_cell(voltage_window=(3.3, 4.3))).simulate(profile, soc)


def test_names_of_states_and_features_match_their_arrays() -> None:
    stepper = Stepper(made_up_cell())
    state = stepper.initial_state(one(0.5), one(298.15))
    assert len(state) == len(STATE_NAMES) == 7 + 2 * N_MODES
    assert len(stepper.outputs(state, one(1.0)).features) == len(FEATURES)
