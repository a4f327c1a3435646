"""Templates read back; summaries count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Table, describe_table, read_table, validate_file, write_template
from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.quantities import Quantity, catalogue

NAMES = ["sample_id", "comma_gap", "drying_temperature", "porosity", "roll_gap_level", "c_rate"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_template_of_every_quantity_reads_back(tmp_path: Path, suffix: str):
    path = write_template(tmp_path / f"a{suffix}", catalogue())
    problems = validate_file(path)
    assert [problem.value for problem in problems] == ["no rows"]


def test_template_of_text(tmp_path: Path):
    path = write_template(tmp_path / "a.csv", NAMES)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "sample_id,comma_gap_um,drying_temperature_degC,porosity_pct,roll_gap_level,c_rate"
    assert "# drying_temperature_degC [°C]: Set temperature of the dryer. Plausible: 15 to 250." in lines
    path.write_text("\n".join([*lines, "S1,100,80,45,2,0.5", "S2,200,90,50,1,1"]), encoding="utf-8")
    assert read_table(path).column("drying_temperature") == pytest.approx([353.15, 363.15])
    assert read_table(path).column("porosity").tolist() == [0.45, 0.5]


def test_template_of_a_workbook(tmp_path: Path):
    openpyxl = pytest.importorskip("openpyxl")
    path = write_template(tmp_path / "a.xlsx", NAMES)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["data", "columns"]
    assert [cell.value for cell in book["columns"][3]][::2] == ["comma_gap_um", "µm", 1000]


def test_template_of_an_own_quantity(tmp_path: Path):
    own = {"press_force": Quantity("press_force", "bar", "Mine.", high=10)}
    path = write_template(tmp_path / "a.csv", ["press_force"], definitions=own)
    assert "# press_force_bar [bar]: Mine. Plausible: ... to 10." in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "names", "error", "match"),
    [
        pytest.param("a.csv", [], ConfigurationError, "at least one", id="none"),
        pytest.param("a.csv", ["porosity", "porosity"], ConfigurationError, "different", id="twice"),
        pytest.param("a.csv", ["porosty"], UnknownNameError, "nearest known: porosity", id="unknown"),
        pytest.param("a.txt", ["porosity"], ConfigurationError, r"must end in \.csv or \.xlsx", id="suffix"),
    ],
)
def test_template_refusals(tmp_path: Path, name: str, names: list[str], error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        write_template(tmp_path / name, names)


def test_describe():
    table = Table.from_frame(
        pd.DataFrame(
            {"sample": ["a", "b", ""], "comma_gap_um": [100, np.nan, 2000], "roll_gap_level": [1, 1, 1]}
        )
    )
    summary = describe_table(table)
    assert summary.index.tolist() == ["sample_id", "comma_gap", "roll_gap_level"]
    assert summary["n"].tolist() == [2, 2, 3]
    assert summary["missing"].tolist() == [1, 1, 0]
    assert summary["distinct"].tolist() == [2, 2, 1]
    assert summary.loc["comma_gap", ["min", "median", "max"]].tolist() == [100, 1050, 2000]
    assert summary["outside_range"].tolist() == [0, 1, 0]
    assert summary.loc["comma_gap", "unit"] == "µm"
