"""Series: checks, derived values, cutting, and files that give back what was written."""

import json
import pickle

import numpy as np
import pytest

from ionbridge.datasets import CellSeries, CellSeriesSet
from ionbridge.datasets.profiles import (
    load_cell_series,
    load_series_set,
    open_circuit_from_rests,
    open_circuit_from_slow,
    save_cell_series,
    save_series_set,
)
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError


def series(n_points=361, current=-1.0, **changed):
    time = np.linspace(0, 3600, n_points)
    values = dict(
        time=time,
        current=np.full(n_points, current),
        voltage=np.linspace(4.1, 3.2, n_points),
        temperature=np.linspace(298.15, 301.0, n_points),
        states={"plating_margin": np.linspace(0.1, 0.3, n_points)},
        initial_soc=1.0,
        capacity=2.0,
        chemistry="LFP",
        cell="test",
        fidelity="DFN",
        name="one",
        changes={"contact_resistance": 0.01},
        status="lower_voltage_limit",
        end_time=3605.0,
    )
    return CellSeries(**{**values, **changed})


def test_state_of_charge_counts_charge():
    one = series()
    assert one.soc[-1] == pytest.approx(0.5)
    assert one.total_charge == pytest.approx(-3605 / 3600)


def test_cutting_carries_the_state_of_charge_along():
    part = series().between(1800, 2400)
    assert part.initial_soc == pytest.approx(0.75)
    assert part.time[0] == 0
    assert part.duration == 600
    assert part.status == "completed"
    assert part.states["plating_margin"].shape == part.time.shape


def test_resampling_interpolates_every_channel():
    again = series().resampled(100.0)
    assert len(again) == 37
    assert again.voltage[18] == pytest.approx(3.65)
    with pytest.raises(ConfigurationError, match="'period'"):
        series().resampled(1e9)


def test_samples_after_a_jump_are_not_settled():
    assert series().settled().all()
    jumped = series(current=np.where(np.arange(361) < 100, 0.0, -1.0)).settled(after=15.0)
    assert jumped[:100].all()
    assert not jumped[100:102].any()
    assert jumped[102:].all()


WRONG = {
    "states": (ShapeError, r"states\['x'\]", dict(states={"x": [1.0]})),
    "kelvin": (
        DataError,
        "'temperature' of CellSeries must be in kelvin",
        dict(temperature=np.full(361, 25.0)),
    ),
    "nan": (DataError, "'voltage' of CellSeries must be finite", dict(voltage=np.full(361, np.nan))),
    "status": (ConfigurationError, "'status'", dict(status="fine")),
    "capacity": (DataError, "above 0 Ah", dict(capacity=-1.0)),
}


@pytest.mark.parametrize(("error", "text", "changed"), WRONG.values(), ids=WRONG)
def test_wrong_series_are_refused(error, text, changed):
    with pytest.raises(error, match=text):
        series(**changed)


def assert_same(one, two):
    assert one.header() == two.header()
    assert one.arrays().keys() == two.arrays().keys()
    for name, values in one.arrays().items():
        assert (values == two.arrays()[name]).all(), name


def test_a_series_comes_back_from_its_files(tmp_path):
    one = series(ambient_temperature=np.linspace(290, 300, 361), initial_soc=float("nan"))
    path = save_cell_series(one, tmp_path / "one")
    assert_same(one, load_cell_series(path))
    assert_same(one, load_cell_series(tmp_path / "one"))


def test_a_set_comes_back_from_its_files(tmp_path):
    both = CellSeriesSet((series(), series(21, name="two")), "both", ("a note",))
    again = load_series_set(save_series_set(both, tmp_path / "both"))
    assert (again.name, again.notes, len(again)) == ("both", ("a note",), 2)
    for one, two in zip(both, again, strict=True):
        assert_same(one, two)
    assert again.counts == {("LFP", "simulation", "DFN"): 2}
    assert again.n_points == 382


def test_series_travel_to_other_processes():
    one = series()
    assert_same(one, pickle.loads(pickle.dumps(one)))


def test_altered_files_are_refused(tmp_path):
    path = save_cell_series(series(), tmp_path / "one")
    numbers = path.with_suffix(".npz")
    numbers.write_bytes(numbers.read_bytes()[:-5] + b"hello")
    with pytest.raises(DataError, match="was altered"):
        load_cell_series(path)
    numbers.unlink()
    with pytest.raises(DataError, match="does not exist"):
        load_cell_series(path)
    path.write_text(json.dumps({"format": "other"}))
    with pytest.raises(DataError, match="must have the format"):
        load_cell_series(path)


def test_sets_add_and_filter():
    measured = CellSeriesSet((series(origin="experiment", fidelity="laboratory"),), "measured")
    both = CellSeriesSet((series(),), "simulated") + measured
    assert len(both) == 2
    assert len(both.filtered(lambda item: item.origin == "experiment")) == 1
    assert both[:1][0].fidelity == "DFN"
    with pytest.raises(DataError, match="must hold CellSeries"):
        CellSeriesSet(("no",))


def test_rests_give_points_at_rest():
    current = np.tile(np.r_[np.full(30, -2.0), np.zeros(30)], 6)
    time = np.arange(360) * 10.0
    soc = 1 + np.r_[0, np.cumsum((current[1:] + current[:-1]) / 2) * 10] / 3600 / 2.0
    voltage = 3.0 + soc + 0.05 * current
    one = CellSeries(time, current, voltage, np.full(360, 298.0), initial_soc=1.0, capacity=2.0)
    curve = open_circuit_from_rests(one)
    assert curve.direction == "discharge"
    assert curve.soc.size == 6
    assert curve.voltage == pytest.approx(3.0 + curve.soc, abs=1e-9)
    with pytest.raises(InsufficientDataError, match="found 0 rests"):
        open_circuit_from_rests(one, rest=1000)


def test_a_slow_discharge_gives_the_curve_without_its_drop():
    time = np.linspace(0, 36000, 500)
    current = np.full(500, -0.2)
    voltage = 4.2 - time / 36000 - 0.2 * 0.05
    slow = CellSeries(time, current, voltage, np.full(500, 298.0), initial_soc=1.0, capacity=2.0)
    curve = open_circuit_from_slow(slow, resistance=0.05)
    assert curve.at([0.0, 0.5, 1.0]) == pytest.approx([3.2, 3.7, 4.2], abs=1e-6)
    with pytest.raises(ConfigurationError, match="C/10 or slower"):
        open_circuit_from_slow(series(current=-2.0))
