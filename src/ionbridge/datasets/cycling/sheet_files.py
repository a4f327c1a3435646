"""Reading of workbooks and Parquet files of cyclers.

What the columns mean is said by a `CyclerFormat`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cells import parse_number
from ionbridge.datasets.cycling.formats import CLOCK, TEXTS, CyclerFormat, RawColumns
from ionbridge.datasets.problems import MAX_PRINTED, Problem, TableError
from ionbridge.exceptions import DataError
from ionbridge.plugins import import_extra

__all__ = ["columns_from_frame", "parquet_header", "read_parquet", "read_workbook", "workbook_headers"]

_HEAD_ROWS = 60
Found = dict[str, tuple[int, str]]


def _open(path: Path) -> Any:
    openpyxl = import_extra("openpyxl", "files")
    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise DataError(f"{path.name} cannot be opened as a workbook: {error}. Save it as .xlsx.") from error


def _texts(row: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in row]


def workbook_headers(path: Path) -> list[list[str]]:
    """Rows at the top of every sheet that may be headers."""
    book = _open(path)
    try:
        rows = [
            _texts(row)
            for sheet in book.worksheets
            for row in sheet.iter_rows(max_row=_HEAD_ROWS, values_only=True)
        ]
        return [row for row in rows if sum(map(bool, row)) > 2]
    finally:
        book.close()


def read_workbook(path: Path, style: CyclerFormat) -> RawColumns:
    """Read the columns with a role from all sheets that have the header of the format, joined.

    Rows are counted within their sheet; messages name the sheet.

    Raises
    ------
    TableError
        With sheet, row and column of cells that are not numbers (20 at most).
    DataError
        If no sheet has such a header.
    """
    book = _open(path)
    problems: list[Problem] = []
    parts: list[RawColumns] = []
    seen: list[str] = []
    try:
        for sheet in book.worksheets:
            rows = sheet.iter_rows(values_only=True)
            for number, row in enumerate(rows, start=1):
                header = _texts(row)
                found = style.match(header)
                if found:
                    parts.append(
                        _sheet(f"{path.name}, sheet {sheet.title!r}", rows, number, header, found, problems)
                    )
                    break
                seen = max(seen, [text for text in header if text], key=len)
                if number >= _HEAD_ROWS:
                    break
    finally:
        book.close()
    if problems:
        raise TableError(problems)
    parts = [part for part in parts if part.rows.size]
    if not parts:
        raise DataError(
            f"{path.name} has no sheet with samples of format {style.name!r}; missing: {style.missing(seen) or 'rows'}."
        )
    first = parts[0]
    return RawColumns(
        path.name,
        {role: np.concatenate([part.values[role] for part in parts]) for role in first.values},
        first.units,
        first.headers,
        np.concatenate([part.rows for part in parts]),
    )


def _sheet(
    where: str, rows: Any, number: int, header: Sequence[str], found: Found, problems: list[Problem]
) -> RawColumns:
    """Read the rows of one sheet below its header."""
    cells: dict[str, list[Any]] = {role: [] for role in found}
    numbers: list[int] = []
    for row in rows:
        number += 1
        picked = {role: row[index] if index < len(row) else None for role, (index, _) in found.items()}
        if all(cell is None or cell == "" for cell in picked.values()):
            continue
        if not numbers and str(picked["voltage"]).strip().strip("[]()") in ("V", "mV"):
            continue
        numbers.append(number)
        for role, cell in picked.items():
            cells[role].append(cell)
    values: dict[str, Any] = {}
    for role, (index, unit) in found.items():
        if role in TEXTS or unit == CLOCK:
            values[role] = np.array([None if c is None else str(c) for c in cells[role]], dtype=object)
            continue
        parsed = [parse_number(cell) for cell in cells[role]]
        for position, value in enumerate(parsed):
            if value is None and len(problems) < MAX_PRINTED:
                problems.append(
                    Problem(
                        "error",
                        where,
                        "a number",
                        "Correct the cell, or leave it empty where nothing was measured.",
                        numbers[position],
                        header[index],
                        repr(cells[role][position]),
                    )
                )
        values[role] = np.array([np.nan if value is None else value for value in parsed], dtype=float)
    return RawColumns(
        where,
        values,
        {role: unit for role, (_, unit) in found.items()},
        {role: header[index] for role, (index, _) in found.items()},
        np.array(numbers, dtype=np.int64),
    )


def parquet_header(path: Path) -> list[str]:
    """Names of the columns of a Parquet file.

    Raises
    ------
    DataError
        If it is not one.
    """
    parquet = import_extra("pyarrow.parquet", "files")
    try:
        return [str(name) for name in parquet.read_schema(path).names]
    except Exception as error:
        raise DataError(f"{path.name} cannot be opened as Parquet: {error}. Export it again.") from error


def read_parquet(path: Path, style: CyclerFormat) -> RawColumns:
    """Read the columns of a Parquet file that have a role; no others are loaded.

    Raises
    ------
    DataError
        If it is not Parquet or not of this format.
    """
    header = parquet_header(path)
    found = style.match(header)
    if not found:
        raise DataError(f"{path.name} is not of format {style.name!r}; missing: {style.missing(header)}.")
    frame = pd.read_parquet(path, columns=list({header[index] for index, _ in found.values()}))
    return columns_from_frame(path.name, frame, style)


def columns_from_frame(file: str, frame: pd.DataFrame, style: CyclerFormat) -> RawColumns:
    """Take the columns with a role from a DataFrame; rows count from 1.

    Raises
    ------
    DataError
        If it is not of this format, or a column is not of numbers.
    """
    header = [str(name) for name in frame.columns]
    found = style.match(header)
    if not found:
        raise DataError(f"{file} is not of format {style.name!r}; missing: {style.missing(header)}.")
    values: dict[str, Any] = {}
    for role, (index, unit) in list(found.items()):
        column = frame.iloc[:, index]
        if unit == CLOCK and pd.api.types.is_numeric_dtype(column):
            unit = "s"  # a library has already turned the clock into seconds
            found[role] = (index, unit)
        if role in TEXTS or unit == CLOCK:
            values[role] = (
                column.astype(object).where(column.notna(), None).map(lambda c: c and str(c)).to_numpy()
            )
            continue
        try:
            values[role] = column.to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise TableError(
                [Problem("error", file, "numbers", f"Store it as numbers ({error}).", None, header[index])]
            ) from error
    return RawColumns(
        file,
        values,
        {role: unit for role, (_, unit) in found.items()},
        {role: header[index] for role, (index, _) in found.items()},
        np.arange(1, len(frame) + 1),
    )
