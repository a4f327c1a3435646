"""From the cells of one column to numbers or text, and why a cell is refused.

Checks of whole columns and tables are `validation.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BadCell", "is_number", "numbers_from_cells", "one_line", "parse_number", "text_from_cells"]

_NUMBER = {
    ".": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"),
    ",": re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?"),
}
_INFINITE = re.compile(r"[+-]?(inf|infinity|∞)", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}([.,  ' ]\d{3})+([.,]\d+)?")
_MISSING = {
    "n/a",
    "na",
    "#n/a",
    "n.a.",
    "none",
    "null",
    "-",
    "--",
    "—",
    "–",
    "?",
    "missing",
    "n.d.",
    "nd",
    "x",
    "tbd",
}
_SPREADSHEET = re.compile(r"#(DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!|N/A|WERT!|BEZUG!)", re.IGNORECASE)


class BadCell(NamedTuple):
    """A cell that is not a number.

    Parameters
    ----------
    position : index in the chunk.
    value : the cell as text.
    expected, remedy : for the message.
    """

    position: int
    value: str
    expected: str
    remedy: str


def is_number(text: str, decimal: str = ".") -> bool:
    """Whether a cell is a plain finite number written with this decimal mark."""
    return _NUMBER[decimal].fullmatch(text.strip().replace("−", "-")) is not None


def one_line(text: str) -> str:
    """Write a header with line breaks, as spreadsheets have them, on one line."""
    return re.sub(r"\s*[\r\n\v]+\s*", " ", text)


def parse_number(cell: Any, decimal: str = ".", *, allow_bool: bool = False) -> float | None:
    """Read one cell; NaN where it is empty, None where it is not a number."""
    if cell is None:
        return math.nan
    if isinstance(cell, bool | np.bool_):
        return float(cell) if allow_bool else None
    if isinstance(cell, int | float | np.number):
        return float(cell)
    if not isinstance(cell, str):
        return None
    text = cell.strip().replace("−", "-")
    if not text or text.lower() == "nan":
        return math.nan
    if _NUMBER[decimal].fullmatch(text):
        return float(text.replace(",", "."))
    if _INFINITE.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    if allow_bool and text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    return None


def explain(cell: Any, decimal: str, unit: str) -> tuple[str, str]:
    """Say what was expected instead of this cell, and the remedy."""
    expected = f"a number in {unit}" if unit != "1" else "a number"
    if isinstance(cell, bool | np.bool_):
        return expected, "Write 0 and 1."
    if isinstance(cell, date | time):
        return (
            expected,
            "The spreadsheet turned a number into a date: format the column as number and type it again.",
        )
    text = str(cell).strip()
    if text.lower() in _MISSING:
        return expected, "Leave the cell empty where the value is missing."
    if _SPREADSHEET.fullmatch(text):
        return expected, "The spreadsheet formula failed: correct it or leave the cell empty."
    if text.startswith(("<", ">", "≤", "≥", "~", "≈")):
        return expected, "Enter the measured number, or leave the cell empty if it was beyond the limit."
    if "," in text and is_number(text, ",") and decimal == ".":
        return expected, "Decimal marks are mixed in this file: use the same one throughout."
    if is_number(text, ".") and decimal == ",":
        return expected, "Decimal marks are mixed in this file: use the comma throughout."
    if _GROUPED.fullmatch(text):
        return expected, "Write the number without marks between thousands."
    if text and text[0] in "+-−0123456789.,":
        return (
            expected,
            "Put only the number into the cell and the unit into the header, as in 'name [unit]'.",
        )
    return expected, "Correct the cell, leave it empty, or leave the column out with --ignore."


def numbers_from_cells(
    cells: Sequence[Any] | NDArray[Any], decimal: str = ".", unit: str = "1", *, allow_bool: bool = False
) -> tuple[NDArray[np.float64], list[BadCell]]:
    """Convert the cells of one column.

    Parameters
    ----------
    cells : shape (n_rows,); text, numbers or None.
    decimal : ``.`` or ``,``; the mark in cells that are text.
    unit : named in messages.
    allow_bool : true and false count as 1 and 0.

    Returns
    -------
    Numbers of shape (n_rows,), NaN where a cell is empty or bad; and the bad cells.
    """
    fast = _numbers_fast(cells, decimal)
    if fast is not None:
        return fast, []
    values, bad = np.empty(len(cells)), []
    for position, cell in enumerate(cells):
        value = parse_number(cell, decimal, allow_bool=allow_bool)
        if value is None:
            bad.append(
                BadCell(
                    position,
                    repr(cell) if isinstance(cell, str) else str(cell),
                    *explain(cell, decimal, unit),
                )
            )
            value = math.nan
        values[position] = value
    return values, bad


def _numbers_fast(cells: Sequence[Any] | NDArray[Any], decimal: str) -> NDArray[np.float64] | None:
    """Convert without a look at single cells; None where one of them needs it."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
        return cells.astype(float)
    try:
        joined = "\n".join(cells)
    except TypeError:
        return None
    if "_" in joined or (decimal == "," and "." in joined):
        return None
    if decimal == "," and "," in joined:
        cells = joined.replace(",", ".").split("\n")
    try:
        return np.fromiter(map(float, cells), dtype=float, count=len(cells))
    except ValueError:
        return None


def text_from_cells(cells: Sequence[Any] | NDArray[Any]) -> list[str]:
    """Convert the cells of a label column to text; empty where missing, whole numbers without ``.0``."""
    return [_text(cell) for cell in cells]


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or (isinstance(cell, float | np.floating) and math.isnan(cell)):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return "" if str(cell) in ("NaT", "<NA>") else str(cell)
