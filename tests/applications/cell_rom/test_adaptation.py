"""Adapting a model to another cell: every strategy runs, the automatic one is not behind, misleading is noticed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from ionbridge.applications.cell_rom.adaptation import STRATEGIES, AdaptationOptions, adapt
from ionbridge.applications.cell_rom.measured import fit_measured_cell, open_circuit_from_slow_test
from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, UnknownNameError
from ionbridge.models.reduced_order import (
    FEATURES,
    CellROM,
    ReducedCell,
    correction_network,
    fit_difference,
    train_rom,
)
from tests.models.reduced_order.cells import made_up_cell, series_of

FAST = AdaptationOptions(factors=("resistance",), max_points=40, epochs=10)


@lru_cache(maxsize=1)
def source() -> CellROM:
    cell = made_up_cell()
    network = correction_network(n_folds=0, epochs=30, hidden=(32, 32))
    return train_rom(series_of(cell, range(8), bias=0.02), {"made-up": cell}, network=network, max_points=60)


def target() -> ReducedCell:
    return replace(made_up_cell(), name="target", chemistry="LFP").adjusted(resistance=1.5)


def rmse(rom: CellROM, series: list[CellSeries]) -> float:
    runs = [rom.simulate(s.profile, s.initial_soc, stop_at_limits=False).series for s in series]
    return float(
        np.mean([np.sqrt(np.mean((r.voltage - s.voltage) ** 2)) for r, s in zip(runs, series, strict=True)])
    )


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_every_strategy_gives_a_model_with_a_band(strategy: str) -> None:
    series = series_of(target(), range(20, 23), bias=0.02)
    rom = adapt(source(), made_up_cell(), series, strategy, FAST)
    assert rom.strategy == strategy
    assert rom.band is not None
    assert np.isfinite(rmse(rom, series))


@pytest.mark.parametrize("strategy", ["zero_shot", "head", "measured_difference"])
def test_what_was_measured_on_the_source_is_not_passed_on(strategy: str) -> None:
    series = series_of(target(), range(20, 23), bias=0.02)
    plain, few = source(), AdaptationOptions(factors=(), max_points=20, epochs=3)
    measured = replace(
        plain,
        residual=fit_difference(
            plain.residual, plain.low, plain.high, np.zeros((9, len(FEATURES))), np.full(9, 0.1), np.arange(9)
        ),
    )
    found = [adapt(rom, target(), series, strategy, few, band=False) for rom in (plain, measured)]
    assert rmse(found[0], series) == rmse(found[1], series)


def test_transfer_beats_physics_and_scratch_where_cells_are_alike() -> None:
    series, test = (
        series_of(target(), range(20, 22), bias=0.02),
        series_of(target(), range(70, 73), bias=0.02),
    )
    error = {
        name: rmse(adapt(source(), made_up_cell(), series, name, FAST, band=False), test)
        for name in ("physics", "calibrated_source", "scratch")
    }
    assert error["calibrated_source"] < 0.5 * error["physics"]
    assert error["calibrated_source"] < error["scratch"]


def test_the_automatic_choice_says_what_it_chose_and_why() -> None:
    rom = adapt(source(), made_up_cell(), series_of(target(), range(20, 24), bias=0.02), "auto", FAST)
    assert rom.strategy.startswith("auto (")
    assert rom.figures["out_of_profile_rmse_mV"] <= rom.figures["out_of_profile_rmse_mV/scratch"]


def test_without_a_source_only_the_others_are_tried() -> None:
    rom = adapt(None, target(), series_of(target(), range(20, 23)), "auto", FAST)
    assert rom.strategy in ("auto (physics)", "auto (calibration)")


@pytest.mark.parametrize(
    ("strategy", "has_source", "error"),
    [
        ("hed", True, UnknownNameError),
        ("head", False, ConfigurationError),
        ("calibration", True, InsufficientDataError),
    ],
    ids=["unknown", "no source", "no series"],
)
def test_impossible_requests_are_refused(strategy: str, has_source: bool, error: type[Exception]) -> None:
    series = [] if error is InsufficientDataError else series_of(target(), range(20, 22))
    with pytest.raises(error, match=strategy):
        adapt(source() if has_source else None, target(), series, strategy, FAST)


def test_the_open_circuit_voltage_is_found_under_a_slow_charge() -> None:
    true = made_up_cell(hysteresis=0.01)
    soc = np.linspace(0, 1, 200)
    true = true.lumped(soc, made_up_cell().open_circuit_voltage(soc) + 0.02 * np.sin(9 * soc))
    slow = (
        CellROM(true, hysteresis=1.0)
        .simulate(Profile.from_c_rate(1 / 3, 2.0, depth=1.0), 0.0, stop_at_limits=False)
        .series
    )
    guess = replace(made_up_cell(), hysteresis=0.01)
    middle = np.linspace(0.1, 0.9, 50)
    found = open_circuit_from_slow_test(guess, slow).open_circuit_voltage(middle)
    assert np.abs(found - true.open_circuit_voltage(middle)).max() < 4e-3
    fitted, _ = fit_measured_cell(guess, slow, series_of(true, range(2)), ("resistance",), rounds=2)
    assert np.abs(fitted.open_circuit_voltage(middle) - true.open_circuit_voltage(middle)).max() < 4e-3


def test_a_slow_test_over_half_the_range_is_refused() -> None:
    half = CellROM(made_up_cell()).simulate(Profile.from_c_rate(-0.3, 2.0, depth=0.5), 1.0).series
    with pytest.raises(DataError, match="nine tenths"):
        open_circuit_from_slow_test(made_up_cell(), half)
