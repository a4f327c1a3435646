"""Suspicion of commas between thousands in files that are read with decimal commas.

Which decimal mark a file has is decided by its reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ionbridge.datasets.columns import Column
from ionbridge.datasets.problems import Problem

__all__ = ["ThousandsCheck"]

_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


class ThousandsCheck:
    """Looks for columns whose every comma could stand between thousands: ``1,200`` is 1.2 or 1200.

    One cell such as ``0,5`` anywhere in the file settles that commas are decimal.

    Parameters
    ----------
    file : named in the problems.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._is_settled = False
        self._first: dict[str, tuple[int, str]] = {}

    def update(self, column: Column, rows: NDArray[Any], cells: Sequence[Any] | NDArray[Any]) -> None:
        """Look at the cells of one column, shape (n_rows,), with their row numbers."""
        if self._is_settled:
            return
        for row, cell in zip(rows, cells, strict=True):
            if not isinstance(cell, str) or "," not in cell:
                continue
            if not _GROUPED.fullmatch(cell.strip()):
                self._is_settled = True
                return
            self._first.setdefault(column.header.strip(), (int(row), cell.strip()))

    def finish(self) -> list[Problem]:
        """One warning for each column that may be meant otherwise."""
        if self._is_settled:
            return []
        return [
            Problem(
                "warning",
                self.file,
                "a number that can be read in one way only",
                f"It is read as {cell.replace(',', '.')}. If the comma stands between thousands, delete it "
                f"({cell.replace(',', '')}).",
                row,
                header,
                f"{cell!r}, and every comma stands before three digits",
            )
            for header, (row, cell) in self._first.items()
        ]
