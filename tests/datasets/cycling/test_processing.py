"""From time series to records: steps, cycles, charges, curves, cleaning, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionbridge.datasets.cycling import (
    CurveGrid,
    TimeSeries,
    charging_positive,
    clean_series,
    find_cycles,
    find_steps,
    interval_charges,
    join_series,
    record_from_series,
)
from ionbridge.datasets.cycling.curves import curves_on_capacity, curves_on_voltage
from ionbridge.exceptions import ConfigurationError, DataError, ShapeError
from tests.datasets.cycling.stand_ins import HIGH, LOW, NOMINAL, half_cycles, series

CAPACITIES = [1.0, 0.98, 0.96, 0.94, 0.92]


def test_capacities_and_energies_equal_their_closed_form() -> None:
    record = record_from_series(series(CAPACITIES), cell_id="a", nominal_capacity=NOMINAL)
    assert record.discharge_capacity == pytest.approx(CAPACITIES, rel=1e-6)
    assert record.column("charge_capacity") == pytest.approx(CAPACITIES, rel=2e-3)
    energy = np.array(CAPACITIES) * 0.5 * (LOW + HIGH)
    assert record.column("discharge_energy") == pytest.approx(energy, rel=1e-6)
    assert record.cycle_numbers.tolist() == [1, 2, 3, 4, 5]
    assert record.is_censored
    assert record.last_cycle == 5


def test_steps_are_told_apart() -> None:
    one = series([1.0])
    frame = find_steps(one, NOMINAL).to_frame(one)
    assert frame["kind"].tolist() == ["charge", "constant_voltage_charge", "rest", "discharge", "rest"]
    held = frame.iloc[1]
    assert held["duration_s"] == pytest.approx(600, abs=61)
    assert frame.iloc[3]["mean_current_A"] == pytest.approx(-1.0)


def test_cycles_are_found_where_the_cycler_did_not_count() -> None:
    counted, uncounted = series(CAPACITIES), series(CAPACITIES, counted=False)
    found = find_cycles(uncounted, find_steps(uncounted, NOMINAL), NOMINAL)
    np.testing.assert_array_equal(found, counted.cycle)
    record = record_from_series(uncounted, cell_id="a")
    assert record.nominal_capacity == pytest.approx(0.96)
    assert any("estimated" in flag for flag in record.flags)
    assert any("alternation" in flag for flag in record.flags)


def test_pulses_start_no_cycle() -> None:
    channels = half_cycles([1.0, 1.0])
    middle = int(np.flatnonzero(channels["current"] < 0)[50])
    channels["current"][middle : middle + 2] = 0.8  # recuperation of about one minute
    pulsed = TimeSeries(**{k: v for k, v in channels.items() if k != "cycle"})
    assert find_cycles(pulsed, find_steps(pulsed, NOMINAL), NOMINAL).max() == 2


def test_current_that_crosses_zero_between_samples_is_split() -> None:
    short = TimeSeries(time=[0.0, 3600.0], current=[1.0, -1.0], voltage=[3.0, 3.0])
    parts = interval_charges(short)
    assert parts.charged[1] == pytest.approx(0.25)
    assert parts.discharged[1] == pytest.approx(0.25)


@given(
    st.lists(st.floats(-2, 2, allow_subnormal=False), min_size=3, max_size=30),
    st.integers(0, 2**31),
)
@settings(max_examples=50, deadline=None)
def test_net_charge_is_the_trapezoid_and_flips_with_the_sign(current: list[float], seed: int) -> None:
    time = np.cumsum(np.random.default_rng(seed).uniform(0.1, 100, len(current)))
    one = TimeSeries(time=time, current=np.array(current), voltage=np.full(len(current), 3.7))
    parts, mirrored = interval_charges(one), interval_charges(replace(one, current=-one.current))
    net = np.trapezoid(one.current, one.time) / 3600
    assert parts.charged.sum() - parts.discharged.sum() == pytest.approx(net, abs=1e-9)
    np.testing.assert_allclose(parts.charged, mirrored.discharged)
    assert (parts.charged >= 0).all()


def test_capacity_on_voltage_of_a_straight_line() -> None:
    one = series([1.0, 0.5])
    grid = np.linspace(HIGH, LOW, 49)
    curves = curves_on_voltage(one, one.cycle, interval_charges(one), grid)
    expected = (HIGH - grid) / (HIGH - LOW)
    np.testing.assert_allclose(curves.values[0], expected, atol=6e-3)
    np.testing.assert_allclose(curves.values[1], 0.5 * expected, atol=6e-3)


def test_curves_outside_the_measured_range() -> None:
    one = series([1.0])
    parts, grid = interval_charges(one), np.array([4.5, 4.0, 3.5, 2.5])
    flat = curves_on_voltage(one, one.cycle, parts, grid)
    assert flat.values[0, 0] == pytest.approx(0.0, abs=0.01)
    assert flat.values[0, -1] == pytest.approx(1.0, abs=1e-6)
    missing = curves_on_voltage(one, one.cycle, parts, grid, fill="missing")
    assert np.isnan(missing.values[0]).tolist() == [True, False, False, True]
    rising = curves_on_voltage(one, one.cycle, parts, grid[::-1])
    np.testing.assert_allclose(rising.values[0], flat.values[0, ::-1])


@given(st.lists(st.floats(0.3, 1.0), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_the_two_curve_grids_invert_each_other(capacities: list[float]) -> None:
    one = series(capacities)
    parts = interval_charges(one)
    amounts = np.linspace(0.02, 0.25, 12)
    volts = curves_on_capacity(one, one.cycle, parts, amounts, "voltage").values
    for row, capacity in zip(volts, capacities, strict=True):
        back = curves_on_voltage(one, one.cycle, parts, row).values
        at = capacities.index(capacity)
        np.testing.assert_allclose(back[at], amounts, atol=1e-6)


def test_interpolating_together_equals_interpolating_alone() -> None:
    many = series(CAPACITIES)
    grid = np.linspace(HIGH, LOW, 33)
    together = curves_on_voltage(many, many.cycle, interval_charges(many), grid).values
    for row, number in zip(together, range(1, 6), strict=True):
        one = many.take(many.cycle == number)
        alone = curves_on_voltage(one, one.cycle, interval_charges(one), grid).values[0]
        np.testing.assert_allclose(row, alone, atol=1e-9)


def test_gap_makes_the_capacity_of_its_cycle_missing() -> None:
    whole = series(CAPACITIES)
    discharging = np.flatnonzero((whole.cycle == 3) & (whole.current < 0))
    holed = whole.take(np.delete(np.arange(len(whole)), discharging[20:80]))
    record = record_from_series(holed, cell_id="a", nominal_capacity=NOMINAL)
    assert np.isnan(record.discharge_capacity).tolist() == [False, False, True, False, False]
    assert any("gap in the recording" in flag and "cycles 3" in flag for flag in record.flags)


def test_interrupted_last_cycle_is_not_a_capacity() -> None:
    whole = series(CAPACITIES)
    cut = whole.take(slice(0, int(np.flatnonzero(whole.current < 0)[-40])))
    record = record_from_series(cut, cell_id="a", nominal_capacity=NOMINAL)
    assert np.isnan(record.discharge_capacity[-1])
    assert any("interrupted" in flag for flag in record.flags)


def test_temperature_and_resistance_are_summed_up() -> None:
    plain = series([1.0, 1.0])
    warm = replace(
        plain,
        temperature=np.where(plain.current < 0, 310.0, 300.0),
        extras={"internal_resistance": np.full(len(plain), 20.0)},
    )
    record = record_from_series(warm, cell_id="a", nominal_capacity=NOMINAL)
    assert record.column("temperature_max") == pytest.approx([310, 310])
    assert record.column("internal_resistance") == pytest.approx([20, 20])
    assert "discharge_temperature_on_capacity" in record.curves
    assert (record.column("temperature_mean") > 300).all()


def test_curves_can_be_limited_to_early_cycles() -> None:
    grid = CurveGrid(n_voltage=20, n_capacity=10, max_cycle=2)
    record = record_from_series(series(CAPACITIES), cell_id="a", nominal_capacity=1.0, grid=grid)
    assert {len(curve) for curve in record.curves.values()} == {2}
    assert len(record.cycles) == 5


# ---------------------------------------------------------------- signs


@pytest.mark.parametrize(
    ("convention", "current", "direction"),
    [
        ("charge_positive", [1.0, -2.0, 0.0], None),
        ("discharge_positive", [-1.0, 2.0, 0.0], None),
        ("unsigned", [1.0, 2.0, 0.0], [1, -1, 0]),
    ],
)
def test_conventions_become_ours(convention: str, current: list[float], direction: list[int] | None) -> None:
    assert charging_positive(current, convention, direction) == pytest.approx([1, -2, 0])  # type: ignore[arg-type]


def test_unsigned_current_without_a_direction_is_refused() -> None:
    with pytest.raises(DataError, match=r"sample 1 .* direction is unknown"):
        charging_positive([1.0, 2.0], "unsigned", [1, np.nan])
    with pytest.raises(ConfigurationError, match="needed for an unsigned"):
        charging_positive([1.0], "unsigned")
    with pytest.raises(ConfigurationError, match="got 'positive'"):
        charging_positive([1.0], "positive")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="must have the shape"):
        charging_positive([1.0], "unsigned", [1, 1])


# ---------------------------------------------------------------- cleaning


def test_clean_recording_passes_unchanged() -> None:
    channels = half_cycles([1.0, 0.9])
    cleaned = clean_series(channels)
    assert cleaned.flags == ()
    np.testing.assert_array_equal(cleaned.time, channels["time"])


def test_faults_are_repaired_by_rule_and_flagged() -> None:
    channels = half_cycles([1.0, 0.9, 0.8])
    restart = int(np.flatnonzero(channels["cycle"] == 3)[0])
    channels["time"][restart:] -= channels["time"][restart]
    channels["cycle"][restart:] = 1
    channels["voltage"][5] = np.nan
    cleaned = clean_series(channels, rows=np.arange(channels["time"].size) + 2)
    assert len(cleaned.flags) == 3
    assert "rows 7" in cleaned.flags[0]
    assert f"rows {restart + 2}" in cleaned.flags[1]
    record = record_from_series(cleaned, cell_id="a", nominal_capacity=NOMINAL)
    assert record.discharge_capacity == pytest.approx([1.0, 0.9, 0.8], rel=1e-3)


def test_steps_recorded_at_the_same_time_stay_sharp() -> None:
    channels = {
        "time": np.array([0.0, 3600, 3600, 7200, 7200, 7200]),
        "current": np.array([1.0, 1, -1, -1, 0, 0]),
        "voltage": np.array([3.0, 4, 4, 3, 3, 3]),
    }
    cleaned = clean_series(channels)
    parts = interval_charges(cleaned)
    assert (parts.charged.sum(), parts.discharged.sum()) == pytest.approx((1, 1), abs=1e-6)
    assert cleaned.flags == ("1 samples at a repeated time dropped",)


def test_too_many_bad_samples_are_refused() -> None:
    channels = half_cycles([1.0])
    channels["current"][:50] = np.nan
    with pytest.raises(DataError, match=r"50 of \d+ samples .* row 0"):
        clean_series(channels)


@pytest.mark.parametrize(
    ("channels", "error", "match"),
    [
        ({"voltage": np.zeros(3)}, ShapeError, r"'voltage' .* shape"),
        ({"time": np.array([0.0, 0.0])}, DataError, "'time' .* falls at sample 1"),
        ({"cycle": np.array([2.0, 1.0])}, DataError, "'cycle' .* falls"),
        ({"current": np.array([0.0, np.nan])}, DataError, "sample 1 .* is nan"),
    ],
    ids=["length", "time", "cycle", "nan"],
)
def test_series_refuses(channels: dict[str, np.ndarray], error: type[Exception], match: str) -> None:
    good = {"time": np.array([0.0, 1.0]), "current": np.zeros(2), "voltage": np.ones(2)}
    with pytest.raises(error, match=match):
        TimeSeries(**{**good, **channels})


def test_joined_parts_go_on_counting() -> None:
    parts = [series([1.0, 0.98]), series([0.96, 0.94])]
    joined = join_series(parts)
    record = record_from_series(joined, cell_id="a", nominal_capacity=NOMINAL)
    assert record.discharge_capacity == pytest.approx([1.0, 0.98, 0.96, 0.94], rel=1e-6)
    assert record.cycle_numbers.tolist() == [1, 2, 3, 4]
