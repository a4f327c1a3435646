"""Reader of Excel workbooks (xlsx), streamed row by row.

Headers and cells are understood by `ionbridge.datasets.columns` and `cells`.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.datasets.cells import one_line
from ionbridge.datasets.ingest import CHUNK_ROWS, RawChunk
from ionbridge.datasets.problems import Problem
from ionbridge.datasets.reading import table_from_source
from ionbridge.datasets.table import Table
from ionbridge.exceptions import DataError, UnknownNameError
from ionbridge.plugins import import_extra

__all__ = ["SheetSource", "open_source", "read"]

_LARGE = 16 * 2**20


class SheetSource:
    """Rows of one sheet; a `RowSource`.

    Parameters
    ----------
    path : the workbook.
    sheet : name of the sheet; the first one where None.

    Raises
    ------
    DataError
        If the file is not a workbook.
    UnknownNameError
        If it has no such sheet.
    """

    def __init__(self, path: Path, sheet: str | None = None) -> None:
        openpyxl = import_extra("openpyxl", "files")
        self.file = path.name
        self.is_large = path.stat().st_size > _LARGE
        self.decimal = "."
        try:
            self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (
            zipfile.BadZipFile,
            KeyError,
            ValueError,
            openpyxl.utils.exceptions.InvalidFileException,
        ) as error:
            raise DataError(
                f"{path.name} is not an Excel workbook (xlsx): {error}. Open it in the spreadsheet program and save it "
                "as .xlsx, without a password."
            ) from error
        names = [worksheet.title for worksheet in self._book.worksheets]
        if sheet is not None and sheet not in names:
            self._book.close()
            raise UnknownNameError.for_name(sheet, names, f"sheet of {path.name}", "Choose one with --sheet.")
        chosen = sheet if sheet is not None else names[0]
        self._sheet = self._book[chosen]
        self._sheet.reset_dimensions()  # some programs write a wrong size, which cuts rows off
        self.notes = [f"sheet {chosen!r}"]
        self._numbered = self._rows()
        self.header_row, cells = next(self._numbered, (None, []))
        self.header = ["" if cell is None else one_line(str(cell)) for cell in cells]
        while self.header and not self.header[-1].strip():
            self.header.pop()
        self.percent_columns = self._percent_columns(self.header_row or 1)

    def _percent_columns(self, header_row: int, n_rows: int = 5) -> frozenset[int]:
        rows = self._sheet.iter_rows(min_row=header_row + 1, max_row=header_row + n_rows)
        return frozenset(
            index
            for row in rows
            for index, cell in enumerate(row)
            if isinstance(cell.value, int | float) and "%" in str(cell.number_format)
        )

    def _rows(self) -> Iterator[tuple[int | None, list[Any]]]:
        """Rows with their number; empty rows and comments are left out."""
        for number, cells in enumerate(self._sheet.iter_rows(values_only=True), start=1):
            filled = [cell for cell in cells if cell is not None and str(cell).strip()]
            is_comment = len(filled) == 1 and str(filled[0]).lstrip().startswith("#")
            if filled and not is_comment:
                yield number, list(cells)

    def chunks(self) -> Iterator[RawChunk]:
        """Yield the rows below the header, `CHUNK_ROWS` at a time, and close the file."""
        n_columns = len(self.header)
        try:
            while rows := list(itertools.islice(self._numbered, CHUNK_ROWS)):
                problems = [
                    Problem(
                        "error",
                        self.file,
                        f"at most {n_columns} as in the header",
                        "Give the column a header, or delete the surplus cells.",
                        number,
                        "",
                        f"{len(cells)} cells",
                    )
                    for number, cells in rows
                    if any(cell is not None for cell in cells[n_columns:])
                ]
                padded = [(cells + [None] * n_columns)[:n_columns] for _, cells in rows]
                numbers = np.array([number for number, _ in rows], dtype=np.int64)
                yield RawChunk(numbers, list(zip(*padded, strict=True)) if n_columns else [], problems)
        finally:
            self._book.close()


def open_source(path: Path, sheet: str | None = None) -> SheetSource:
    """Open a sheet for reading or checking."""
    return SheetSource(path, sheet)


def read(path: str | Path, **options: Any) -> Table:
    """Read a sheet of an Excel workbook.

    Parameters
    ----------
    path : the workbook.
    **options : as in `ionbridge.datasets.read_table`.

    Raises
    ------
    TableError
        With every problem found.
    """
    return table_from_source(path, open_source, reader="excel", **options)
