"""Records, sets, their storage, and the end of life."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling import (
    CurveSet,
    CyclingRecord,
    CyclingSet,
    end_of_life,
    load_record,
    load_set,
    read_splits,
    running_median,
    save_record,
    save_set,
    write_splits,
)
from ionbridge.datasets.cycling.repair import bad_capacity_curves, fill_capacity, repair_curves
from ionbridge.exceptions import ConfigurationError, DataError, ShapeError, UnknownNameError


def record(cell_id: str = "a", chemistry: str = "LFP/graphite", n: int = 6, **settings: Any) -> CyclingRecord:
    cycles = pd.DataFrame(
        {"cycle_number": np.arange(1, n + 1), "discharge_capacity": np.linspace(1.1, 1.0, n)}
    )
    curves = {
        "q": CurveSet(
            "discharge_capacity",
            "voltage",
            np.linspace(3.6, 2.0, 5),
            np.arange(2, n + 1),
            np.arange((n - 1) * 5, dtype=np.float32).reshape(n - 1, 5),
        )
    }
    return CyclingRecord(
        **{
            "cell_id": cell_id,
            "domain": Domain(cell_id, chemistry=chemistry),
            "nominal_capacity": 1.1,
            "cycles": cycles,
            "curves": curves,
            **settings,
        }
    )


def test_censoring_follows_from_the_label() -> None:
    dead, alive = record(end_of_life_cycle=900.0, last_cycle=950.0), record()
    assert (dead.is_censored, dead.observed_life) == (False, 900.0)
    assert (alive.is_censored, alive.observed_life) == (True, 6.0)
    assert record(last_cycle=1000).first_cycles(3).observed_life == 1000


def test_values_cannot_be_changed() -> None:
    cycles = pd.DataFrame({"cycle_number": [1.0], "discharge_capacity": [1.0]})
    made = record(cycles=cycles, curves={})
    cycles.loc[0, "discharge_capacity"] = 9.0
    assert made.discharge_capacity[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        record().curve("q").values[0, 0] = 1.0


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"nominal_capacity": 0.0}, "'nominal_capacity' of cell 'a' must be a number above zero"),
        ({"temperature": -3.0}, "'temperature' .* kelvin"),
        ({"end_of_life_threshold": 80.0}, "share between 0 and 1"),
        ({"end_of_life_cycle": -1.0}, "'end_of_life_cycle'"),
        ({"last_cycle": 2.0}, "at least the last stored cycle, 6"),
        ({"cycles": pd.DataFrame({"cycle_number": [1]})}, "needs the column.*discharge_capacity"),
        ({"cycles": pd.DataFrame({"cycle_number": [], "discharge_capacity": []})}, "at least one row"),
        (
            {"cycles": pd.DataFrame({"cycle_number": [1, 3, 2], "discharge_capacity": [1, 1, 1]})},
            "row 2, column 'cycle_number': found 2 after 3",
        ),
        (
            {"cycles": pd.DataFrame({"cycle_number": [1], "discharge_capacity": ["x"]})},
            "must hold numbers only",
        ),
    ],
    ids=["capacity", "temperature", "threshold", "life", "last", "column", "empty", "order", "text"],
)
def test_impossible_records_are_refused(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(DataError, match=match):
        record(**settings)


def test_curves_are_looked_up_by_cycle() -> None:
    curve = record().curve("q")
    rows = curve.at([2, 7, 4])
    assert rows[0].tolist() == [0, 1, 2, 3, 4]
    assert np.isnan(rows[1]).all()
    assert rows[2, 0] == 10
    assert len(curve.first_cycles(3)) == 2
    finer = curve.on_grid([3.6, 3.4, 1.0])
    assert finer.values[0] == pytest.approx([0, 0.5, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"values": np.zeros((2, 5))}, ShapeError, r"\(n_cycles, n_points\) = \(5, 5\)"),
        ({"grid": np.array([1.0, 2, 2, 3, 4])}, DataError, "rise or fall strictly"),
        ({"cycles": np.array([1.0, 2, 2, 3, 4])}, DataError, "'cycles' of CurveSet must rise"),
    ],
    ids=["shape", "grid", "cycles"],
)
def test_impossible_curves_are_refused(change: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        replace(record().curve("q"), **change)


def test_unknown_names_suggest_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="discharge_capacity"):
        record().column("discharge_capacty")
    with pytest.raises(UnknownNameError, match="curve set"):
        record().curve("w")


# ---------------------------------------------------------------- sets


def cells() -> CyclingSet:
    return CyclingSet(
        (
            record("a", metadata={"group": "x"}),
            record("b", "NMC/graphite", end_of_life_cycle=4.0),
            record("c", "NMC+NCA/graphite"),
        ),
        "three",
        {"train": ["a", "b"], "test": ["c"]},
    )


def test_sets_are_filtered_and_keep_their_splits() -> None:
    some = cells()
    assert some.where(chemistry="nmc").ids == ("b",)
    assert some.where(censored=True).ids == ("a", "c")
    assert some.where(group="x").ids == ("a",)
    assert some.split("train").ids == ("a", "b")
    assert some.take(["c", "a"]).splits == {"train": ("a",), "test": ("c",)}
    assert some.lives.tolist() == [6, 4, 6]
    assert some["b"].chemistry == "NMC/graphite"
    assert len(some.overview()) == 3
    assert (some.where(chemistry="LFP") + some.where(chemistry="NMC")).ids == ("a", "b")
    assert some.first_cycles(2).records[0].discharge_capacity.size == 2


def test_sets_refuse_what_does_not_fit() -> None:
    with pytest.raises(DataError, match=r"\['a'\] stand twice"):
        CyclingSet((record("a"), record("a")))
    with pytest.raises(DataError, match=r"split 'train' names \['z'\]"):
        CyclingSet((record("a"),), splits={"train": ["z"]})
    with pytest.raises(UnknownNameError, match="unknown cell 'aa'"):
        cells()["aa"]
    with pytest.raises(UnknownNameError, match="split of three"):
        cells().split("trian")


def test_split_files(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    write_splits({"train": ["a"], "test": ["b", "c"]}, path)
    assert read_splits(path) == {"train": ("a",), "test": ("b", "c")}
    assert cells().with_splits(read_splits(path)).splits["test"] == ("b", "c")
    for text, match in (
        ("[1]", "must hold an object"),
        ("{", "not JSON"),
        ('{"a": [1]}', "list of cell ids"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=match):
            read_splits(path)
    path.write_text('{"a": ["x", "x"]}')
    with pytest.raises(DataError, match="twice"):
        read_splits(path)
    with pytest.raises(DataError, match="does not exist"):
        read_splits(tmp_path / "none.json")


# ---------------------------------------------------------------- storage

finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(
    capacity=st.lists(st.floats(0, 10) | st.just(float("nan")), min_size=1, max_size=8),
    nominal=st.floats(0.01, 100),
    life=st.none() | st.floats(1, 5000),
    temperature=st.floats(200, 400) | st.just(float("nan")),
    cell_id=st.text(min_size=1, max_size=12).filter(str.strip),
    metadata=st.dictionaries(st.text(max_size=5), finite | st.text(max_size=5) | st.booleans(), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_records_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    capacity: list[float],
    nominal: float,
    life: float | None,
    temperature: float,
    cell_id: str,
    metadata: dict[str, Any],
) -> None:
    cycles = pd.DataFrame({"cycle_number": np.arange(len(capacity)) + 1, "discharge_capacity": capacity})
    one = record(
        cell_id,
        cycles=cycles,
        nominal_capacity=nominal,
        end_of_life_cycle=life,
        temperature=temperature,
        metadata=metadata,
        flags=("one", "two"),
        provenance=Provenance("x", notes=("n",)),
    )
    path = save_record(one, tmp_path_factory.mktemp("r") / "cell.v1")
    back = load_record(path)
    assert back.equals(one)
    assert back.curve("q").values.dtype == np.float32


def test_sets_round_trip_with_awkward_ids(tmp_path: Path) -> None:
    some = CyclingSet((record("CY25-05_1-#1"), record("../../etc")), "s", {"t": ["../../etc"]}, ("note",))
    back = load_set(save_set(some, tmp_path / "set"))
    assert back.ids == some.ids
    assert back.splits == {"t": ("../../etc",)}
    assert all(x.equals(y) for x, y in zip(some, back, strict=True))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


def test_altered_or_foreign_files_are_refused(tmp_path: Path) -> None:
    path = save_record(record(), tmp_path / "cell.json")
    arrays = path.with_suffix(".npz")
    content = arrays.read_bytes()
    arrays.write_bytes(content[:-1] + b"x")
    with pytest.raises(DataError, match="was altered"):
        load_record(path)
    arrays.unlink()
    with pytest.raises(DataError, match=r"cell\.npz does not exist"):
        load_record(path)
    header = json.loads(path.read_text())
    path.write_text(json.dumps({**header, "format": "other/2"}))
    with pytest.raises(DataError, match="must have the format"):
        load_record(path)
    path.write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        load_record(path)
    with pytest.raises(DataError, match="does not exist"):
        load_set(tmp_path)


def test_equal_content_has_an_equal_hash() -> None:
    assert record().sha256 == record(flags=("seen",)).sha256
    assert record().sha256 != record(nominal_capacity=1.2).sha256


# ---------------------------------------------------------------- end of life


def fading(n: int = 200, slope: float = 0.002) -> np.ndarray:
    return 1.0 - slope * np.arange(n)


@given(
    dips=st.sets(st.integers(3, 190), max_size=12),
    depth=st.floats(0.05, 0.9),
)
@settings(max_examples=60, deadline=None)
def test_isolated_dips_never_bring_the_end_forward(dips: set[int], depth: float) -> None:
    alone = [d for d in dips if not {d - 2, d - 1, d + 1, d + 2} & dips]
    capacity, numbers = fading(), np.arange(1, 201)
    clean = end_of_life(numbers, capacity, 1.0).cycle
    capacity[alone] -= depth
    found = end_of_life(numbers, capacity, 1.0).cycle
    assert clean is not None
    assert found is not None
    assert abs(found - clean) <= 1


def test_first_cycle_below_is_the_end() -> None:
    found = end_of_life(np.arange(1, 201), fading(), 1.0)
    assert found.cycle == 102  # 1 - 0.002 * 101 = 0.798 is the first below 0.8
    assert not found.is_censored
    assert "5-cycle running median" in found.definition


def test_test_that_stops_at_the_threshold_has_reached_it() -> None:
    capacity = np.append(fading(100), 0.7999)
    assert end_of_life(np.arange(101), capacity, 1.0).cycle == 100


def test_dip_in_the_last_cycle_is_not_the_end() -> None:
    capacity = np.append(fading(50), 0.2)
    found = end_of_life(np.arange(51), capacity, 1.0)
    assert found.cycle is None
    assert found.last_cycle == 50


def test_missing_capacities_are_passed_over() -> None:
    capacity = fading()
    capacity[::7] = np.nan
    found = end_of_life(np.arange(1, 201), capacity, 1.0)
    assert found.cycle == pytest.approx(102, abs=2)


def test_crossing_between_check_ups_is_interpolated() -> None:
    found = end_of_life([0, 100, 200], [1.0, 0.9, 0.7], 1.0, n_window=1, interpolate=True)
    assert found.cycle == pytest.approx(150)


@pytest.mark.parametrize("n_window", [0, 2, -1])
def test_even_windows_are_refused(n_window: int) -> None:
    with pytest.raises(ConfigurationError, match="odd"):
        running_median([1.0, 2.0], n_window)


def test_lengths_must_agree() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\) and \(2,\)"):
        end_of_life([1, 2, 3], [1, 1], 1.0)


# ---------------------------------------------------------------- repair


def test_bad_curves_are_filled_and_flagged() -> None:
    grid, cycles = np.linspace(3.6, 2.0, 50), np.arange(2, 32)
    values = np.linspace(0, 1, 50)[None, :] * np.linspace(1.1, 0.8, 30)[:, None]
    broken = values.copy()
    broken[7] = 40.0
    broken[0, 20:] = -1.0
    curves = CurveSet("discharge_capacity", "voltage", grid, cycles, broken)
    bad = bad_capacity_curves(broken, 1.1)
    assert np.flatnonzero(bad).tolist() == [0, 7]
    repaired, flags = repair_curves(curves, bad, "curve")
    assert "cycles 2, 9" in flags[0]
    np.testing.assert_allclose(repaired.values[7], values[7], atol=1e-12)
    np.testing.assert_allclose(repaired.values[0], values[1])
    many = np.arange(30) % 2 == 0
    emptied, flags = repair_curves(curves, many, "curve")
    assert np.isnan(emptied.values[many]).all()
    assert "set to missing" in flags[0]


def test_bad_capacities_are_filled_and_flagged() -> None:
    cycles = record(n=10).cycles
    bad = np.arange(10) == 4
    broken = cycles.assign(discharge_capacity=np.where(bad, 99.0, cycles["discharge_capacity"]))
    filled, flags = fill_capacity(broken, bad)
    np.testing.assert_allclose(filled["discharge_capacity"], cycles["discharge_capacity"])
    assert "cycles 5" in flags[0]
    assert fill_capacity(cycles, bad & False)[1] == ()
    emptied, flags = fill_capacity(broken, np.arange(10) < 5)
    assert emptied["discharge_capacity"].isna().sum() == 5
    assert "set to missing" in flags[0]
