"""Reduced-order models as FMU and ONNX: within 1e-4 V of Python, with states, band and flags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from ionbridge.applications.cell_rom.export import (
    identifier,
    largest_differences,
    step_model,
    write_fmu,
    write_onnx_profile,
)
from ionbridge.exceptions import ConfigurationError
from ionbridge.models.reduced_order import FEATURES, CellROM, fit_difference

from .tiny_rom import tiny_cell, tiny_profile, tiny_rom

pytest.importorskip("fmpy")
pytest.importorskip("onnxruntime")


def measured_rom() -> CellROM:
    """A network, and what two measured rates differ by."""
    rom = tiny_rom()
    features = np.zeros((80, len(FEATURES)))
    features[:, FEATURES.index("soc")] = np.tile(np.linspace(0, 1, 40), 2)
    features[:, FEATURES.index("rate")] = np.repeat([-0.2, -2.0], 40)
    residual = fit_difference(
        rom.residual, rom.low, rom.high, features, 0.02 * features[:, 0], np.repeat([0, 1], 40)
    )
    return replace(rom, residual=residual)


ROMS = {
    "network": lambda: tiny_rom(),
    "measured": measured_rom,
    "hysteresis": lambda: replace(tiny_rom(0.02), hysteresis=-1.0, soc_shift=0.01),
    "physics": lambda: CellROM(tiny_cell()),
}


def held_inputs(seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Time [s] with uneven steps and held current [A], ambient temperature [K]."""
    rng = np.random.default_rng(seed)
    time = np.concatenate([[0.0], np.cumsum(rng.choice([0.1, 1.0, 5.0, 10.0], 150))])
    current = np.repeat(rng.uniform(-2.5, 2.5, 16), 10)[:151]
    return time, np.column_stack([current, np.full(151, 298.15)])


@pytest.mark.parametrize("name", ROMS)
def test_step_model_agrees_with_the_model_itself(name: str) -> None:
    rom = ROMS[name]()
    profile = tiny_profile(11)
    run = rom.simulate(profile, 0.5, level=0.8)
    model = step_model(rom, level=0.8)
    # inputs are held: a step takes the mean current of its interval, as the profile has it between jumps
    inputs = np.column_stack(
        [np.append(profile.current[1:], 0.0), profile.ambient_temperature_at(profile.time)]
    )
    found = model.simulate(
        profile.time, inputs, initial_soc=0.5, initial_temperature_K=float(profile.ambient_temperature)
    )
    compared = slice(1, len(run.series))
    assert len(run.series) > 100
    np.testing.assert_allclose(found["voltage_V"][compared], run.series.voltage[1:], atol=1e-4)
    np.testing.assert_allclose(found["temperature_K"][compared], run.series.temperature[1:], atol=1e-3)
    surface = run.series.states["negative_surface_stoichiometry"]
    np.testing.assert_allclose(found["negative_surface_stoichiometry"][compared], surface[1:], atol=1e-4)
    np.testing.assert_allclose(
        found["plating_margin_V"][compared], run.series.states["plating_margin"][1:], atol=1e-4
    )
    if run.upper is not None:
        np.testing.assert_allclose(
            found["voltage_half_width_V"][compared], (run.upper - run.lower)[1:] / 2, atol=1e-5
        )


@pytest.mark.parametrize("name", ["network", "hysteresis", "measured"])
def test_fmu_and_onnx_agree_with_python(name: str, tmp_path: Path) -> None:
    model = step_model(ROMS[name](), name)
    time, inputs = held_inputs()
    for path in (write_fmu(model, tmp_path / "cell.fmu"), write_onnx_profile(model, tmp_path / "cell.onnx")):
        found = largest_differences(model, path, time, inputs, initial_soc=0.6)
        assert found["voltage_V"] < 1e-9
        assert max(found.values()) < 1e-6


def test_flags_say_what_the_model_has_not_seen() -> None:
    model = step_model(tiny_rom())
    time = np.array([0.0, 10.0, 20.0])
    usual = model.simulate(time, np.tile([1.0, 298.15], (3, 1)))
    assert usual["is_in_trained_range"].tolist() == [1.0, 1.0, 1.0]
    for inputs in ([9.0, 298.15], [1.0, 258.15]):
        assert model.simulate(time, np.tile(inputs, (3, 1)))["is_in_trained_range"][0] == 0.0
    empty = model.simulate(20 * time, np.tile([-3.0, 298.15], (3, 1)), initial_soc=0.0)
    assert empty["is_in_voltage_window"].min() == 0.0


def test_ranges_and_details_come_from_the_model() -> None:
    rom = tiny_rom()
    model = step_model(rom, "LFP cell, 2 Ah", details={"licence": "CC-BY-4.0"})
    assert model.name == "LFP_cell_2_Ah"
    assert rom.trained is not None
    assert model.inputs[0].maximum == pytest.approx(rom.trained.rate[1] * 2.0)
    assert model.details["chemistry"] == "LFP"
    assert model.details["licence"] == "CC-BY-4.0"


@pytest.mark.parametrize(("name", "word"), [("a-b c", "a_b_c"), ("18650", "cell_18650"), ("", "cell")])
def test_names_become_identifiers(name: str, word: str) -> None:
    assert identifier(name) == word


def test_only_networks_are_exported() -> None:
    line = LinearRegression().fit(np.zeros((3, len(FEATURES))), np.zeros(3))
    with pytest.raises(ConfigurationError, match="is a LinearRegression, and only networks can be exported"):
        step_model(CellROM(tiny_cell(), residual=line))
