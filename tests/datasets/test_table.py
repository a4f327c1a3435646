"""Table: columns, rows, hash, CSV round trip, and what it refuses."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionbridge.datasets import Domain, Table, TableError, read_table
from ionbridge.exceptions import ConfigurationError, DataError, ShapeError, UnknownNameError
from ionbridge.quantities import Quantity, quantity


@pytest.fixture
def table() -> Table:
    frame = pd.DataFrame(
        {
            "sample": ["S1", "S2", "S3"],
            "Comma gap [mm]": [0.1, 0.2, 0.3],
            "porosity_pct": [40.0, np.nan, 45.1],
            "drying_temperature_degC": [80, 60, 70],
        }
    )
    return Table.from_frame(frame, domain=Domain("graphite"))


def test_from_frame_converts_to_house_units(table: Table):
    assert table.names == ("sample_id", "comma_gap", "porosity", "drying_temperature")
    assert table.number_names == table.names[1:]
    assert table.column("comma_gap") == pytest.approx([100, 200, 300])
    assert table.column("porosity")[2] == 45.1 / 100
    assert table.column("drying_temperature") == pytest.approx([353.15, 333.15, 343.15])
    assert table.column("sample_id").tolist() == ["S1", "S2", "S3"]
    assert table.quantity("porosity") == quantity("porosity")
    assert len(table) == 3


def test_values_are_a_new_array(table: Table):
    values = table.values(["drying_temperature", "comma_gap"])
    assert values.shape == (3, 2)
    values[:] = 0
    assert table.column("comma_gap")[0] == pytest.approx(100)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        pytest.param(
            lambda t: t.column("coma_gap"), UnknownNameError, "nearest known: comma_gap", id="unknown"
        ),
        pytest.param(lambda t: t.values(["sample_id"]), ConfigurationError, "text labels", id="label"),
        pytest.param(
            lambda t: t.complete(["porosity"]), DataError, r"1 of 3 rows: porosity: row 2", id="missing"
        ),
        pytest.param(
            lambda t: t.complete([], on_missing="keep"), ConfigurationError, "'on_missing'", id="on_missing"
        ),
        pytest.param(lambda t: t.take([3]), ShapeError, "between 0 and 2", id="row"),
        pytest.param(lambda t: t.take([True]), ShapeError, r"mask .* \(3,\)", id="mask"),
        pytest.param(
            lambda t: t.take([1]).complete(["porosity"], on_missing="drop"),
            DataError,
            "has no row",
            id="none left",
        ),
        pytest.param(
            lambda t: Table(pd.DataFrame({"x": [1.0]}), t.domain, t.provenance, {}),
            ConfigurationError,
            "'definitions' .* missing",
            id="definitions",
        ),
    ],
)
def test_refusals(table: Table, call, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        call(table)


def test_complete_drops_rows(table: Table):
    dropped = table.complete(["porosity", "sample_id"], on_missing="drop")
    assert dropped.column("sample_id").tolist() == ["S1", "S3"]
    assert table.complete(["comma_gap"]) is table


def test_take_and_select(table: Table):
    assert table.take([2, 0, 0]).column("sample_id").tolist() == ["S3", "S1", "S1"]
    assert table.take(np.array([False, True, True])).column("sample_id").tolist() == ["S2", "S3"]
    assert table.take([]).values(["comma_gap"]).shape == (0, 1)
    assert table.select(["porosity"]).names == ("porosity",)
    assert table.with_domain(Domain("nmc")).domain.name == "nmc"
    assert table.with_domain(Domain("nmc")) == table


def test_own_quantity():
    own = Quantity("press_force", "bar", "Mine.", low=0, high=100)
    table = Table.from_frame(pd.DataFrame({"Press force [kPa]": [200.0]}), definitions={"press_force": own})
    assert table.column("press_force") == pytest.approx([2.0])
    assert table.quantity("press_force") is own


def test_nullable_and_object_columns():
    frame = pd.DataFrame(
        {
            "comma_gap": pd.array([100, None, 300], dtype="Int64"),
            "density": np.array(["1.2", None, 1.4], dtype=object),
            "calendered": [True, False, True],
            "sample": [1.0, 2.0, np.nan],
        }
    )
    table = Table.from_frame(frame)
    np.testing.assert_array_equal(table.column("comma_gap"), [100, np.nan, 300])
    np.testing.assert_array_equal(table.column("density"), [1.2, np.nan, 1.4])
    np.testing.assert_array_equal(table.column("calendered"), [1, 0, 1])
    assert table.column("sample_id").tolist() == ["1", "2", ""]


def test_errors_of_a_frame_are_listed_at_once():
    frame = pd.DataFrame({"comma_gap": ["12,5 mm", "100"], "abc": [1, 2], "density [um]": [1, 1]})
    with pytest.raises(TableError, match="3 errors") as caught:
        Table.from_frame(frame)
    assert {problem.column for problem in caught.value.problems} == {"comma_gap", "abc", "density [um]"}


def test_provenance_hash_is_that_of_the_table(table: Table):
    assert table.provenance.sha256 == table.sha256
    assert len(table.sha256) == 64


def test_hash_is_stable_between_releases():
    table = Table.from_frame(pd.DataFrame({"comma_gap_um": [100.0, np.nan, 0.1], "sample": ["a", "", "ü"]}))
    assert table.sha256 == "b5ddf97e67163a00c4f6df92eb0a769fd9cc555dd7ca9b2b004226c1060a266c"


def test_hash_ignores_column_order_and_units(table: Table):
    frame = pd.DataFrame(
        {
            "drying_temperature [K]": [353.15, 333.15, 343.15],
            "porosity": [0.4, np.nan, 0.451],
            "comma_gap_um": [100, 200, 300],
            "sample_id": ["S1", "S2", "S3"],
        }
    )
    assert Table.from_frame(frame) == table
    assert hash(Table.from_frame(frame)) == hash(table)


def test_hash_sees_rows_values_and_names(table: Table):
    others = [table.take([1, 0, 2]), table.take([0, 1]), table.select(["comma_gap"])]
    changed = table.frame.assign(comma_gap=[100.0, 200.0, 300.001])
    others.append(Table.from_frame(changed))
    assert len({table.sha256, *(other.sha256 for other in others)}) == 5


numbers = st.one_of(st.just(float("nan")), st.floats(1e-300, 1e300), st.floats(-1e6, 0))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            numbers,
            numbers,
            st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=5),
        ),
        min_size=1,
        max_size=6,
    ),
    st.randoms(),
)
def test_csv_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple], random):
    own = {name: Quantity(name, unit, "Mine.") for name, unit in (("first", "g/cm^3"), ("second", "1"))}
    frame = pd.DataFrame(rows, columns=["first", "second", "sample_id"])
    table = Table.from_frame(frame, definitions=own)
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    table.to_csv(path)
    back = read_table(path, definitions=own)
    pd.testing.assert_frame_equal(back.frame, table.frame, check_exact=True)
    assert back.sha256 == table.sha256
    names = list(frame.columns)
    random.shuffle(names)
    assert Table.from_frame(frame[names], definitions=own).sha256 == table.sha256


def test_to_csv_headers_carry_units(table: Table, tmp_path: Path):
    table.to_csv(tmp_path / "a.csv")
    header = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "sample_id,comma_gap_um,porosity,drying_temperature_K"


def test_tables_cross_processes(table: Table):
    copy = pickle.loads(pickle.dumps(table))
    assert copy == table
    assert copy.definitions == table.definitions


def test_the_frame_is_plain(table: Table):
    buffer = io.StringIO()
    table.frame.to_json(buffer)
    assert buffer.getvalue().startswith('{"sample_id"')
    assert (table.frame[list(table.number_names)].dtypes == np.float64).all()


def test_the_smallest_numbers_have_a_hash():
    tables = [
        Table.from_frame(
            pd.DataFrame({"temperature_rise": [v, 1.0]}),
            definitions={"temperature_rise": Quantity("temperature_rise", "1", "x")},
        )
        for v in (5e-324, 1e-323, -5e-324)
    ]
    assert len({table.sha256 for table in tables}) == 3
