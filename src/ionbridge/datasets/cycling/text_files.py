"""Fast reading of the text that cyclers export: preambles, delimiters, decimal commas, unit rows.

What the columns mean is said by a `CyclerFormat`; the general CSV reader for tables is elsewhere.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.cells import is_number
from ionbridge.datasets.cycling.formats import CLOCK, TEXTS, CyclerFormat, RawColumns
from ionbridge.datasets.problems import MAX_PRINTED, Problem, TableError
from ionbridge.exceptions import DataError

__all__ = ["TextHead", "read_head", "read_text"]

CHUNK_ROWS = 500_000
MAX_PREAMBLE = 3000
_DELIMITERS = ("\t", ",", ";", "|")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class TextHead:
    """The beginning of a text file.

    Parameters
    ----------
    encoding : of the file.
    lines : up to `MAX_PREAMBLE` of them.
    """

    encoding: str
    lines: tuple[str, ...]

    def headers(self) -> list[tuple[int, str, list[str]]]:
        """Lines that may be a header: line number from 0, most frequent delimiter, cells.

        A line with two numbers is none.
        """
        found = []
        for number, line in enumerate(self.lines):
            delimiter = max(_DELIMITERS, key=line.count)
            if not line.count(delimiter):
                continue
            cells = next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
            if sum(is_number(cell, ".") or is_number(cell, ",") for cell in cells if cell.strip()) < 2:
                found.append((number, delimiter, cells))
        return found


def read_head(path: Path) -> TextHead:
    """Read the beginning of a text file.

    Raises
    ------
    DataError
        If it is not text.
    """
    with path.open("rb") as stream:
        sample = stream.read(2**18)
    encoding = next((name for mark, name in _BOMS if sample.startswith(mark)), "")
    if not encoding and b"\0" in sample:
        raise DataError(
            f"{path.name} is not a text file; expected an export of the cycler as text or a workbook."
        )
    if not encoding:
        try:
            sample[:-4].decode("utf-8")
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = "cp1252"
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        return TextHead(encoding, tuple(islice(stream, MAX_PREAMBLE)))


def read_text(path: Path, style: CyclerFormat, head: TextHead | None = None) -> RawColumns:
    """Read the columns of a text file that have a role.

    Parameters
    ----------
    path : the file.
    style : its format.
    head : of the file, if it was read already.

    Raises
    ------
    TableError
        With row and column of every cell that is not a number (20 at most).
    DataError
        If no line is the header of this format.
    """
    head = head or read_head(path)
    number, delimiter, header, found = _header(path, style, head)
    first = number + 1 + _is_unit_row(head, number + 1, delimiter, found)
    settings = {
        "sep": delimiter,
        "header": None,
        "skiprows": first,
        "usecols": sorted({index for index, _ in found.values()}),
        "decimal": _decimal(head, first, delimiter, found),
        "encoding": head.encoding,
        "encoding_errors": "replace",
        "skip_blank_lines": False,
        "low_memory": True,
        "names": range(len(header)),
        "index_col": False,
    }
    dtypes = {
        index: str if role in TEXTS or unit == CLOCK else np.float64 for role, (index, unit) in found.items()
    }
    _require_no_surplus(path, head, first, delimiter, len(header))
    frame = _read(path, settings, dtypes, header, first)
    rows = frame.index.to_numpy() + first + 1
    filled = frame.notna().any(axis=1).to_numpy()
    if not filled.all():
        frame, rows = frame[filled], rows[filled]
    if frame.empty:
        raise DataError(
            f"{path.name} has a header in row {number + 1} but no samples below it; export it again."
        )
    values: dict[str, NDArray[Any]] = {role: frame[index].to_numpy() for role, (index, _) in found.items()}
    return RawColumns(
        path.name,
        values,
        {role: unit for role, (_, unit) in found.items()},
        {role: header[index].strip() for role, (index, _) in found.items()},
        rows,
    )


def _header(
    path: Path, style: CyclerFormat, head: TextHead
) -> tuple[int, str, list[str], dict[str, tuple[int, str]]]:
    """First line that is a header of the format: number, delimiter, cells, role of columns."""
    candidates = head.headers()
    for number, delimiter, header in candidates:
        found = style.match(header)
        if found:
            return number, delimiter, header, found
    nearest = max((cells for _, _, cells in candidates), key=len, default=[])
    raise DataError(
        f"{path.name} has no header of format {style.name!r}; missing: {style.missing(nearest) or 'all columns'}. "
        "Export these columns, or choose another reader."
    )


def _first_cells(head: TextHead, line: int, delimiter: str) -> list[list[str]]:
    return list(csv.reader(head.lines[line : line + 50], delimiter=delimiter))


def _is_unit_row(head: TextHead, line: int, delimiter: str, found: dict[str, tuple[int, str]]) -> int:
    """1 where the row below the header holds units, else 0."""
    rows = _first_cells(head, line, delimiter)[:1]
    index = found["voltage"][0]
    if not rows or len(rows[0]) <= index:
        return 0
    cell = rows[0][index].strip().strip("[]()")
    return int(cell in ("V", "mV", "Volt", "volts"))


def _decimal(head: TextHead, line: int, delimiter: str, found: dict[str, tuple[int, str]]) -> str:
    """Decimal mark: a comma where numbers of the head need one."""
    if delimiter == ",":
        return "."
    for row in _first_cells(head, line, delimiter):
        for role in ("voltage", "current"):
            index = found[role][0]
            if len(row) > index and "," in row[index] and is_number(row[index], ","):
                return ","
    return "."


def _require_no_surplus(path: Path, head: TextHead, first: int, delimiter: str, n_columns: int) -> None:
    """Refuse rows with more cells than the header, such as decimal commas cut apart.

    pandas drops surplus cells silently. Counting delimiters tells at disk speed whether there may be any.
    """
    n_delimiters = -sum(line.count(delimiter) for line in head.lines[:first])
    n_lines = 1 - first
    with path.open("rb") as stream:
        while block := stream.read(2**22):
            n_delimiters += block.count(delimiter.encode())
            n_lines += block.count(b"\n")
    if n_delimiters <= n_lines * (n_columns - 1):
        return
    problems: list[Problem] = []
    remedy = "Delete the surplus cells; if these are decimal commas, export with points or semicolons."
    with path.open(encoding=head.encoding, errors="replace", newline="") as lines:
        rows = csv.reader(islice(lines, first, None), delimiter=delimiter)
        for row in rows:
            if any(cell.strip() for cell in row[n_columns:]):
                line, expected = first + rows.line_num, f"{n_columns} as in the header"
                problems.append(Problem("error", path.name, expected, remedy, line, "", f"{len(row)} cells"))
                if len(problems) == MAX_PRINTED:
                    break
    if problems:
        raise TableError(problems)


def _read(
    path: Path, settings: dict[str, Any], dtypes: dict[int, Any], header: Sequence[str], first: int
) -> pd.DataFrame:
    """Read in chunks, which bounds the memory for text; on a bad cell look for all of them."""
    try:
        with pd.read_csv(path, dtype=dtypes, chunksize=CHUNK_ROWS, **settings) as chunks:
            return pd.concat(list(chunks))
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=settings["usecols"])
    except pd.errors.ParserError as error:
        place = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if place is None:
            raise DataError(f"{path.name} cannot be cut into cells: {error}. Export it again.") from error
        n_columns, line, n_cells = place.groups()
        problem = Problem(
            "error",
            path.name,
            f"{n_columns} cells",
            "Delete the surplus cells.",
            int(line),
            "",
            f"{n_cells} cells",
        )
        raise TableError([problem]) from error
    except ValueError as error:
        problems = _bad_cells(path, settings, dtypes, header, first)
        if not problems:
            raise DataError(f"{path.name} cannot be read: {error}. Export it again.") from error
        raise TableError(problems) from error


def _bad_cells(
    path: Path, settings: dict[str, Any], dtypes: dict[int, Any], header: Sequence[str], first: int
) -> list[Problem]:
    problems: list[Problem] = []
    with pd.read_csv(path, dtype=str, chunksize=CHUNK_ROWS, **settings) as chunks:
        for chunk in chunks:
            for index, kind in dtypes.items():
                if kind is str:
                    continue
                texts = chunk[index]
                points = texts.str.replace(",", ".", regex=False) if settings["decimal"] == "," else texts
                bad = texts[pd.to_numeric(points, errors="coerce").isna() & texts.notna()]
                for row, text in bad.items():
                    problems.append(
                        Problem(
                            "error",
                            path.name,
                            "a number",
                            "Correct the cell, or leave it empty where nothing was measured.",
                            int(row) + first + 1,  # type: ignore[call-overload]
                            header[index].strip(),
                            repr(text),
                        )
                    )
                    if len(problems) >= MAX_PRINTED:
                        return problems
    return problems
