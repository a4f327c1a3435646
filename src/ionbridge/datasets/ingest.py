"""From the raw rows of any source to columns of numbers in house units, with every problem listed.

Sources (text files, sheets, Parquet, DataFrames) yield `RawChunk`s; what a finished table can do is
`table.py`.

Memory: a source yields at most `CHUNK_ROWS` rows at a time. Each chunk is turned into 8-byte
numbers and its text is dropped before the next one is read, so the peak is the finished columns
(8 bytes a number, less than the text it came from; about 60 bytes a text label; 8 bytes a row number), one column more
while its pieces are joined, and one chunk of text. To find copied rows, 20 bytes a row are added;
a check without a table needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.cells import is_number, numbers_from_cells, text_from_cells
from ionbridge.datasets.columns import Column, ColumnSettings, match_columns
from ionbridge.datasets.problems import Problem, TableError, errors_of
from ionbridge.datasets.thousands import ThousandsCheck
from ionbridge.datasets.validation import MAX_KEPT, TableChecker
from ionbridge.exceptions import DataError
from ionbridge.quantities.units import find_unit

__all__ = ["CHUNK_ROWS", "FrameSource", "Ingested", "RawChunk", "RowSource", "ingest"]

CHUNK_ROWS = 20_000


@dataclass
class RawChunk:
    """Some rows of a source, column by column.

    Parameters
    ----------
    rows : shape (n_rows,); row numbers as the user sees them.
    cells : one sequence of n_rows cells a column of the file.
    problems : rows that could not be cut into cells.
    """

    rows: NDArray[np.int64]
    cells: Sequence[Sequence[Any] | NDArray[Any]]
    problems: list[Problem] = field(default_factory=list)


class RowSource(Protocol):
    """Where rows come from.

    Attributes
    ----------
    file : name for messages.
    header : one text a column.
    header_row : row of the header as the user sees it; None where the format has none.
    decimal : decimal mark of cells that are text.
    notes : what was decided on the way (encoding, delimiter, sheet).
    is_large : whether reading the body takes long; then problems of the header are told first.
    percent_columns : positions of columns that the sheet shows as percent but stores as fractions.
    """

    file: str
    header: list[str]
    header_row: int | None
    decimal: str
    notes: list[str]
    is_large: bool
    percent_columns: frozenset[int]

    def chunks(self) -> Iterator[RawChunk]:
        """Yield the rows below the header; may be called once."""


@dataclass
class Ingested:
    """What was read.

    Parameters
    ----------
    columns : the columns that were understood.
    values : by quantity, shape (n_rows,) [house unit] or text; empty if nothing was kept.
    problems : everything found.
    notes : for the provenance.
    rows : shape (n_rows,); row numbers as the user sees them, None if nothing was kept.
    """

    columns: list[Column]
    values: dict[str, Any]
    problems: list[Problem]
    notes: list[str]
    rows: NDArray[np.int64] | None = None


class FrameSource:
    """The rows of a DataFrame."""

    decimal = "."
    is_large = False
    percent_columns: frozenset[int] = frozenset()

    def __init__(self, frame: pd.DataFrame, file: str = "DataFrame") -> None:
        self.file = file
        self.header_row: int | None = None
        self.frame = frame
        self.header = [str(name) for name in frame.columns]
        self.notes: list[str] = []

    def chunks(self) -> Iterator[RawChunk]:
        """Yield all rows at once."""
        cells = [_cells(self.frame.iloc[:, index]) for index in range(len(self.header))]
        yield RawChunk(np.arange(len(self.frame)), cells)


def _cells(series: pd.Series) -> Sequence[Any] | NDArray[Any]:
    if pd.api.types.is_bool_dtype(series.dtype):
        return series.astype(object).tolist()
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_complex_dtype(series.dtype):
        numbers: NDArray[Any] = series.to_numpy(dtype=float, na_value=np.nan)
        return numbers
    is_missing = series.isna().tolist()
    return [None if missing else cell for cell, missing in zip(series.tolist(), is_missing, strict=True)]


def ingest(source: RowSource, settings: ColumnSettings, *, keep: bool = True) -> Ingested:
    """Read a source from header to last row.

    Parameters
    ----------
    source : read once.
    settings : how the user wants columns to be read.
    keep : False to check only; then no values are returned and memory stays bounded.
    """
    missing_header = _missing_header(source)
    if missing_header:
        return Ingested([], {}, missing_header, source.notes)
    chunks = source.chunks()
    first = next(chunks, None)
    units = None
    if first is not None and len(first.rows):
        columns, _ = match_columns(source.header, settings, file=source.file)
        labels = {column.index for column in columns if column.quantity.kind == "label"}
        units = _unit_row(["" if i in labels else cells[0] for i, cells in enumerate(first.cells)])
        if units is not None:
            source.notes.append(f"row {int(first.rows[0])} read as units")
            first = RawChunk(first.rows[1:], [cells[1:] for cells in first.cells], first.problems)
    columns, problems = match_columns(
        source.header, settings, file=source.file, row=source.header_row, units=units
    )
    columns = [_as_stored(column, source) for column in columns]
    if errors_of(problems) and source.is_large:
        problems.append(
            Problem(
                "warning",
                source.file,
                "headers without errors before a large file is read",
                "Correct the headers, then the rows are checked too.",
            )
        )
        return Ingested(columns, {}, problems, source.notes)
    if not columns and not problems:
        problems.append(
            Problem(
                "error",
                source.file,
                "at least one column to read",
                "Do not ignore all of them.",
                value="none",
            )
        )
    body = _Body(source, _readable(columns), keep)
    if first is not None:
        body.add(first)
    del first
    for chunk in chunks:
        body.add(chunk)
    rows = np.concatenate(body.rows) if body.rows else None
    return Ingested(columns, body.joined(), problems + body.problems(), source.notes, rows)


def _as_stored(column: Column, source: RowSource) -> Column:
    """A cell that shows 45 % is stored as 0.45; read it as a fraction where percent would be meant."""
    if column.index not in source.percent_columns or column.unit not in ("%", "wt%", "vol%"):
        return column
    source.notes.append(f"column {column.header.strip()!r} is formatted as percent: cells read as fractions")
    return replace(column, unit="1")


def _readable(columns: Sequence[Column]) -> list[Column]:
    """Keep the first of several columns that mean the same quantity."""
    by_name: dict[str, Column] = {}
    for column in columns:
        by_name.setdefault(column.quantity.name, column)
    return list(by_name.values())


def _missing_header(source: RowSource) -> list[Problem]:
    header = [text.strip() for text in source.header]
    if not any(header):
        return [
            Problem(
                "error",
                source.file,
                "a header row with names of quantities",
                "Add a header and rows.",
                value="no rows",
            )
        ]
    if all(is_number(text, source.decimal) for text in header if text):
        return [
            Problem(
                "error",
                source.file,
                "a header row with names of quantities, such as 'roll_gap_um'",
                "Add one as the first row; ionbridge.datasets.write_template writes a file with the right headers.",
                source.header_row,
                value=f"numbers instead of names ({', '.join(header[:3])}, ...)",
            )
        ]
    return []


def _unit_row(cells: Sequence[Any]) -> list[str] | None:
    """Recognise a row that holds only units; None where it is data."""
    texts = ["" if cell is None else str(cell).strip() for cell in cells]
    stated = [text for text in texts if text]
    if not stated or any(not isinstance(cell, str) for cell in cells if cell is not None):
        return None
    if all(find_unit(text.strip("[](){} ")) is not None and not is_number(text) for text in stated):
        return texts
    return None


class _Body:
    """Accumulates the rows below the header."""

    def __init__(self, source: RowSource, columns: Sequence[Column], keep: bool) -> None:
        self.source, self.columns, self.keep = source, columns, keep
        self.checker = TableChecker(source.file, columns)
        self.pieces: dict[str, list[Any]] = {column.quantity.name: [] for column in columns}
        self.texts: dict[str, str] = {}
        self.rows: list[NDArray[np.int64]] = []
        self.row_problems: list[Problem] = []
        self.n_row_problems = 0
        self.thousands = ThousandsCheck(source.file) if source.decimal == "," else None

    def add(self, chunk: RawChunk) -> None:
        self.n_row_problems += len(chunk.problems)
        self.row_problems += chunk.problems[: MAX_KEPT - len(self.row_problems)]
        raw: dict[str, NDArray[np.float64]] = {}
        values: dict[str, Any] = {}
        refused: dict[str, list[int]] = {}
        for column in self.columns:
            item, cells = column.quantity, chunk.cells[column.index]
            if item.kind == "label":
                values[item.name] = self._shared(text_from_cells(cells))
                continue
            if self.thousands is not None:
                self.thousands.update(column, chunk.rows, cells)
            raw[item.name], bad = numbers_from_cells(
                cells, self.source.decimal, column.unit, allow_bool=item.kind == "code"
            )
            refused[item.name] = [cell.position for cell in bad]
            for cell in bad:
                self.checker.add_error(
                    column, int(chunk.rows[cell.position]), cell.value, cell.expected, cell.remedy
                )
            values[item.name] = column.conversion(raw[item.name])
        self.checker.update(chunk.rows, raw, values, refused)
        if self.keep:
            self.rows.append(chunk.rows)
            for name, piece in values.items():
                self.pieces[name].append(piece)

    def _shared(self, texts: list[str]) -> list[str]:
        """Let repeated labels share one object."""
        if len(self.texts) > CHUNK_ROWS:  # mostly different: nothing to share
            return texts
        return [self.texts.setdefault(text, text) for text in texts]

    def joined(self) -> dict[str, Any]:
        if not self.keep:
            return {}
        result: dict[str, Any] = {}
        for column in self.columns:
            pieces = self.pieces.pop(column.quantity.name)
            if column.quantity.kind == "label":
                result[column.quantity.name] = [text for piece in pieces for text in piece]
            else:
                result[column.quantity.name] = np.concatenate(pieces) if pieces else np.empty(0)
        return result

    def problems(self) -> list[Problem]:
        found = list(self.row_problems)
        if self.n_row_problems > len(found):
            n_more = self.n_row_problems - len(found)
            found.append(
                Problem(
                    "error", self.source.file, "whole rows", "As above.", value=f"{n_more} more such rows"
                )
            )
        if not self.checker.n_rows and found:
            return found
        suspected = self.thousands.finish() if self.thousands is not None else []
        return found + self.checker.finish() + suspected


def require_no_errors(problems: Sequence[Problem]) -> None:
    """Raise `TableError` where one of the problems is an error."""
    if errors_of(problems):
        raise TableError(problems)


def problems_of(error: DataError, file: str) -> list[Problem]:
    """Problems of an error; one made of its message where it is not a `TableError`."""
    found = getattr(error, "problems", None)
    return list(found) if found else [Problem("error", file, "a readable table", str(error))]
