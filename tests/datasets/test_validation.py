"""What the checks of whole columns and tables find, and that chunks change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Table, ingest, validate_file
from ionbridge.datasets.validation import MAX_KEPT


def check(tmp_path: Path, text: str, **options) -> list[str]:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    return [str(problem) for problem in validate_file(path, **options)]


def one(tmp_path: Path, text: str, **options) -> str:
    found = check(tmp_path, text, **options)
    assert len(found) == 1, found
    return found[0]


def test_a_good_file_has_no_problems(tmp_path: Path):
    assert check(tmp_path, "sample,comma_gap_um\nS1,100\nS2,200\n") == []


@pytest.mark.parametrize(
    ("header", "values", "suggested"),
    [
        pytest.param("comma_gap", "0.1 0.2 0.3", r"comma_gap=comma_gap [mm]'", id="mm"),
        pytest.param("comma_gap_mm", "100 200 300", "comma_gap_mm=comma_gap [um]'", id="stated mm, is um"),
        pytest.param("porosity", "45 50 55", "[%]", id="percent"),
        pytest.param("active_material_fraction", "0.95 0.9 0.93", "[1]", id="fraction of mass"),
        pytest.param("density", "1200 1300 1400", "[kg/m^3]", id="kg/m3"),
        pytest.param("coating_weight", "0.1 0.2 0.12", "[kg/m^2]", id="kg/m2"),
        pytest.param("drying_temperature", "60 80 100", "[degC]", id="degC"),
        pytest.param("drying_temperature_degC", "333 353 373", "[K]", id="stated degC, is K"),
        pytest.param("active_mass", "0.015 0.02 0.017", "[g]", id="g"),
        pytest.param("cycle_life", "0.2 0.3 0.4", "1000 times too small", id="no unit fits"),
    ],
)
def test_wrong_units_are_suspected_once_a_column(tmp_path: Path, header: str, values: str, suggested: str):
    first, second, third = values.split()
    text = one(tmp_path, f"sample,{header}\nS1,{first}\nS2,{second}\nS3,{third}\n")
    assert text.startswith("warning")
    assert "3 of 3 values" in text
    assert suggested in text


def test_fractions_under_a_header_in_percent(tmp_path: Path):
    text = one(tmp_path, "sample,porosity_pct\nS1,0.45\nS2,0.5\n")
    assert "no value above 0.5 %" in text
    assert "'porosity_pct=porosity [1]'" in text


def test_single_values_outside_the_range(tmp_path: Path):
    text = one(tmp_path, "sample,comma_gap_um\nS1,100\nS2,200\nS3,2000\n")
    assert "row 4, column 'comma_gap_um': found 2000 um; expected 10 to 1000 um for comma_gap" in text


def test_limits_themselves_are_inside_after_conversion(tmp_path: Path):
    assert check(tmp_path, "sample,comma_gap_mm,porosity_pct\nS1,0.01,95\nS2,1,0\n") == []


def test_missing_values_are_one_warning_a_column(tmp_path: Path):
    text = one(tmp_path, "sample,comma_gap_um\nS1,100\nS2,\nS3,nan\nS4,200\n")
    assert text.startswith("warning: a.csv, row 3, column 'comma_gap_um': found 2 empty cell(s) (row 3, 4)")


def test_refused_cells_are_not_called_missing(tmp_path: Path):
    text = one(tmp_path, "sample,comma_gap_um\nS1,100\nS2,abc\nS4,200\n")
    assert "found 'abc'; expected a number in um" in text


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e400", "∞"])
def test_infinite_values(tmp_path: Path, cell: str):
    assert "an infinite value" in one(tmp_path, f"sample,roll_gap_um\nS1,100\nS2,{cell}\nS4,200\n")


@pytest.mark.parametrize("cell", ["0", "-3"])
def test_values_that_must_be_above_zero(tmp_path: Path, cell: str):
    text = one(tmp_path, f"sample,density\nS1,1.2\nS2,{cell}\nS4,1.3\n")
    assert f"found {cell}; expected a value above zero for density" in text


def test_constant_column(tmp_path: Path):
    text = one(tmp_path, "sample,comma_gap_um\nS1,100\nS2,100\n")
    assert "the same value in every row (100 um)" in text


def test_copies_name_the_first_row(tmp_path: Path):
    found = check(tmp_path, "comma_gap,sample\n100,a\n200,b\n100,a\n100,A\n200,b\n100,a\n")
    assert [text.split(";")[0] for text in found] == [
        "warning: a.csv, row 4: found an exact copy of row 2",
        "warning: a.csv, row 6: found an exact copy of row 3",
        "warning: a.csv, row 7: found an exact copy of row 2",
    ]


def test_too_many_problems_are_counted(tmp_path: Path):
    problems = Table.from_frame(
        pd.DataFrame({"comma_gap": np.r_[np.linspace(100, 900, 5000), 1e5 + np.arange(MAX_KEPT + 7)]})
    ).warnings
    assert len(problems) == MAX_KEPT + 1
    assert "7 more such values" in str(problems[-1])
    rows = "\n".join(["x"] * (MAX_KEPT + 5))
    found = check(tmp_path, f"comma_gap\n{rows}\n1\n")
    assert sum(text.startswith("error") for text in found) == MAX_KEPT + 1
    assert "5 more such cells" in "".join(found)


def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    cells = rng.choice(["100", "", "x", "5000", "-1", "inf", "200"], size=(200, 2))
    text = "comma_gap_um,roll_gap_um\n" + "\n".join(",".join(row) for row in cells) + "\n1,2,3\n"
    whole = check(tmp_path, text)
    monkeypatch.setattr("ionbridge.datasets.readers.delimited.CHUNK_ROWS", 7)
    assert check(tmp_path, text) == whole
    assert len(whole) > 100


def test_problems_of_the_header_come_first_for_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ionbridge.datasets.readers.delimited._LARGE", 0)

    def never(*_):
        raise AssertionError("the body was read")

    monkeypatch.setattr(ingest._Body, "add", never)
    found = check(tmp_path, "abc,comma_gap\n1,2\n")
    assert "unknown header" in found[0]
    assert "then the rows are checked too" in found[1]
