"""What is learned: calibrated numbers, corrections, bands, ranges, and saving without pickle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError
from ionbridge.models.reduced_order import (
    CellROM,
    VoltageBand,
    calibrate,
    correction_network,
    train_rom,
    training_rows,
)
from ionbridge.models.state import from_state, to_state

from .cells import made_up_cell, series_of, steps

NETWORK = {"epochs": 30, "n_members": 1, "hidden": (16,)}


def rmse(rom: CellROM, series: list) -> float:
    runs = [rom.simulate(s.profile, s.initial_soc, stop_at_limits=False).series for s in series]
    return float(
        np.sqrt(
            np.mean(np.concatenate([r.voltage - s.voltage for r, s in zip(runs, series, strict=True)]) ** 2)
        )
    )


def test_calibration_finds_a_resistance_and_a_diffusivity() -> None:
    true = made_up_cell().adjusted(resistance=2.0, diffusivity_positive=0.5)
    found, result = calibrate(
        made_up_cell(), series_of(true, range(4)), ("resistance", "diffusivity_positive")
    )
    assert result.factors["resistance"] == pytest.approx(2.0, rel=0.02)
    assert result.factors["diffusivity_positive"] == pytest.approx(0.5, rel=0.1)
    assert result.voltage_rmse_after < 1e-3 < result.voltage_rmse_before
    assert found.resistance == pytest.approx(true.resistance, rel=0.02)


def test_calibration_of_a_right_cell_changes_little() -> None:
    _, result = calibrate(made_up_cell(), series_of(made_up_cell(), range(2)))
    assert all(abs(np.log(f)) < 0.05 for f in result.factors.values())


def test_calibration_finds_the_cooling() -> None:
    true = made_up_cell().adjusted(cooling=0.6)
    _, result = calibrate(made_up_cell(), series_of(true, range(4)), ("cooling", "heat_capacity"))
    assert result.factors["cooling"] == pytest.approx(0.6, rel=0.15)


@pytest.mark.parametrize(
    ("series", "names", "error", "message"),
    [
        ([], ("resistance",), InsufficientDataError, "at least one series"),
        (None, ("mass",), ConfigurationError, "mass"),
    ],
    ids=["no series", "unknown factor"],
)
def test_bad_calibrations_are_refused(
    series: list | None, names: tuple, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        calibrate(made_up_cell(), series_of(made_up_cell(), range(1)) if series is None else series, names)


def test_a_correction_learns_what_physics_lack_and_covers_new_profiles() -> None:
    cell = made_up_cell()
    train, test = series_of(cell, range(12), bias=0.02), series_of(cell, range(50, 54), bias=0.02)
    rom = train_rom(train, {"made-up": cell}, network=correction_network(n_folds=4, **NETWORK))
    assert rmse(rom, test) < 0.4 * rmse(CellROM(cell), test)
    runs = [rom.simulate(s.profile, s.initial_soc, stop_at_limits=False) for s in test]
    inside = [
        np.mean((s.voltage >= r.lower) & (s.voltage <= r.upper)) for r, s in zip(runs, test, strict=True)
    ]
    assert np.mean(inside) > 0.8


def test_a_saved_model_gives_the_same_voltage() -> None:
    cell = made_up_cell()
    series = series_of(cell, range(4), bias=0.02)
    rom = train_rom(series, {"made-up": cell}, network=correction_network(n_folds=0, **NETWORK))
    again = from_state(to_state(rom))
    one, two = (m.simulate(steps(9), 0.5).series.voltage for m in (rom, again))
    assert np.array_equal(one, two)


def test_weights_of_series_are_numbers_of_rows() -> None:
    cell = made_up_cell()
    rows = training_rows(cell, series_of(cell, range(2)), 20, weights=[1.0, 2.0])
    assert np.bincount(rows.series).tolist() == [20, 40]


def test_rows_of_a_perfect_cell_miss_nothing() -> None:
    cell = made_up_cell(heat_capacity=0.0)
    rows = training_rows(cell, series_of(cell, range(2)))
    assert np.abs(rows.missing).max() < 1e-9


def test_a_series_of_an_unnamed_cell_is_refused() -> None:
    series = series_of(made_up_cell(), range(2), name="other")
    with pytest.raises(DataError, match="other"):
        train_rom(series, {"made-up": made_up_cell()})


def test_profiles_outside_the_trained_range_are_flagged() -> None:
    cell = made_up_cell()
    rom = train_rom(
        series_of(cell, range(3)), {"made-up": cell}, network=correction_network(n_folds=0, **NETWORK)
    )
    assert rom.simulate(steps(1), 0.5).in_domain
    run = rom.simulate(steps(1, 330.0).scaled(3.0), 0.5, stop_at_limits=False)
    assert not run.in_domain
    assert any("current" in r for r in run.reasons)
    assert any("temperature" in r for r in run.reasons)


def test_a_band_covers_points_of_new_groups() -> None:
    rng = np.random.default_rng(0)
    features = np.zeros((4000, 10))
    groups = np.repeat(np.arange(40), 100)
    error = rng.normal(size=4000) * 0.01 * np.repeat(rng.uniform(0.5, 1.5, 40), 100)
    band = VoltageBand.of_errors(error[:2000], features[:2000], groups[:2000])
    assert np.mean(np.abs(error[2000:]) <= band.half_width(features[2000:])) > 0.86
    few = VoltageBand.of_errors(error[:200], features[:200], groups[:200])
    assert few.half_width(features[:1])[0] > band.half_width(features[:1])[0]


def test_a_measured_open_circuit_voltage_is_taken_over() -> None:
    cell = made_up_cell()
    soc = np.linspace(0, 1, 50)
    measured = 3.0 + 0.9 * soc
    for changed in (cell.lumped(soc, measured), cell.with_open_circuit_voltage(soc, measured)):
        assert np.allclose(changed.open_circuit_voltage(soc), measured, atol=2e-3)
    with pytest.raises(DataError, match="percent"):
        cell.lumped(100 * soc, measured)
    with pytest.raises(ConfigurationError, match="hysteresis"):
        replace(cell, hysteresis=-1.0)
