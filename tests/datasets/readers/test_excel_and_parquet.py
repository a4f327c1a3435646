"""Workbooks and Parquet files give the same table as text."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ionbridge.datasets import TableError, read_table, validate_file
from ionbridge.exceptions import DataError, UnknownNameError

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("pyarrow")

ROWS: list[list[Any]] = [["sample", "Comma Gap [mm]", "porosity_pct"], ["S1", 0.1, 40], [2, None, 45.5]]


def workbook(path: Path, rows: list[list[Any]], **formats: str) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "data"
    for row in rows:
        sheet.append(row)
    for address, text in formats.items():
        sheet[address].number_format = text
    book.create_sheet("other").append(["nothing"])
    book.save(path)
    return path


def test_excel_equals_csv(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ROWS)
    (tmp_path / "a.csv").write_text("sample,Comma Gap [mm],porosity_pct\nS1,0.1,40\n2,,45.5\n")
    table = read_table(path)
    assert table == read_table(tmp_path / "a.csv")
    assert table.provenance.notes == ("sheet 'data'",)
    assert table.provenance.reader == "excel"


def test_excel_with_title_blank_rows_and_units(tmp_path: Path):
    rows = [
        ["# line 2"],
        [],
        ["sample", "comma gap", "porosity"],
        [None, "mm", "%"],
        ["S1", 0.1, 40],
        [],
        [2, None, 45.5],
    ]
    path = workbook(tmp_path / "a.xlsx", rows)
    assert read_table(path) == read_table(workbook(tmp_path / "b.xlsx", ROWS))


def test_excel_cells_shown_as_percent_are_fractions(tmp_path: Path):
    rows = [["sample", "porosity_pct"], ["S1", 0.4], ["S2", 0.455]]
    table = read_table(workbook(tmp_path / "a.xlsx", rows, B2="0.0%", B3="0.0%"))
    assert table.column("porosity").tolist() == [0.4, 0.455]
    assert "formatted as percent" in " ".join(table.provenance.notes)


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        pytest.param("12,5 mm", "Put only the number", id="unit in cell"),
        pytest.param("#DIV/0!", "formula failed", id="formula"),
        pytest.param(date(2024, 1, 5), "into a date", id="date"),
        pytest.param(True, "Write 0 and 1", id="boolean"),
    ],
)
def test_excel_bad_cells(tmp_path: Path, cell: Any, match: str):
    path = workbook(tmp_path / "a.xlsx", [["sample", "density"], [], ["S1", 1.2], ["S2", cell]])
    with pytest.raises(TableError, match=rf"a\.xlsx, row 4, column 'density'.*{match}"):
        read_table(path)


def test_excel_cells_beyond_the_header(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", [["sample", "density"], ["S1", 1.2, 3]])
    assert "at most 2" in str(validate_file(path)[0])


def test_excel_sheets(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ROWS)
    with pytest.raises(UnknownNameError, match="nearest known: data"):
        read_table(path, sheet="dat")
    assert "unknown header" in str(validate_file(path, sheet="other")[0])


def test_not_a_workbook(tmp_path: Path):
    (tmp_path / "a.xlsx").write_text("text")
    with pytest.raises(DataError, match="not an Excel workbook"):
        read_table(tmp_path / "a.xlsx")


def test_parquet_equals_csv(tmp_path: Path):
    (tmp_path / "a.csv").write_text("sample,Comma Gap [mm],porosity_pct\nS1,0.1,40\n2,,45.5\n")
    frame = pd.DataFrame(
        {"sample": ["S1", "2"], "Comma Gap [mm]": [0.1, None], "porosity_pct": [40, 45.5]}, index=[5, 6]
    )
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet") == read_table(tmp_path / "a.csv")


def test_parquet_bad_cells_and_files(tmp_path: Path):
    pd.DataFrame({"density": ["1.2", "x"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(TableError, match="row 2, column 'density': found 'x'"):
        read_table(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("text")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_table(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="is for workbooks"):
        read_table(tmp_path / "a.parquet", sheet="x")


def test_excel_percent_formats_count_without_a_unit_in_the_header(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", [["solid_content"], [0.42], [0.45]], A2="0%", A3="0%")
    assert read_table(path).column("solid_content").tolist() == pytest.approx([42.0, 45.0])


def test_excel_headers_may_have_line_breaks(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", [["Comma Gap\n[mm]"], [0.1], [0.2]])
    assert read_table(path).column("comma_gap").tolist() == pytest.approx([100.0, 200.0])
