"""Reader of delimited text: CSV, TSV and whatever European laboratories export under these names.

Delimiter, decimal mark and encoding are found out here; headers and cells are understood by
`ionbridge.datasets.columns` and `cells`.
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.cells import is_number, one_line
from ionbridge.datasets.ingest import CHUNK_ROWS, RawChunk
from ionbridge.datasets.problems import Problem
from ionbridge.datasets.reading import table_from_source
from ionbridge.datasets.table import Table
from ionbridge.exceptions import DataError

__all__ = ["DelimitedSource", "detect_dialect", "detect_encoding", "open_source", "read"]

_LARGE = 64 * 2**20
_BLOCK = 2**20
_SAMPLE = 2**18
_MAX_HEADER_LINES = 8  # of one cell
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = set("µ°²³·±×÷ÄÖÜäöüßéèêëàâáíóúîôûçñåøæÅØÆÉÈÀÇÑ§€–—’‘“”…½¼ ")


def detect_encoding(path: Path) -> str:
    """Find the encoding of a text file by reading it once, in blocks.

    UTF-8 is verified to the last byte. Otherwise marks at the start, the zeros of UTF-16,
    Western characters of Windows-1252, and last `charset-normalizer` decide.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        for mark, name in _BOMS:
            if head.startswith(mark):
                return name
        zeros = (head[0::2].count(0), head[1::2].count(0))
        if max(zeros) > len(head) / 8:
            return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        decoder, block = codecs.getincrementaldecoder("utf-8")(), head
        try:
            while block:
                decoder.decode(block)
                position, block = file.tell(), file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            if block is not head:  # the first foreign byte lies behind the sample
                file.seek(max(position - _BLOCK, 0))
                head = head + file.read(2 * _BLOCK)
            return _eight_bit_encoding(head)
    return "utf-8"


def _eight_bit_encoding(sample: bytes) -> str:
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        text = None
    if text is not None and {character for character in text if ord(character) > 127} <= _WESTERN:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is not None and best.encoding not in ("ascii", "utf_8"):
        return str(best.encoding)
    return "latin-1" if text is None else "cp1252"


def detect_dialect(lines: list[str]) -> tuple[str, str]:
    """Find delimiter and decimal mark from the header and some lines below it.

    Every pair is tried: the best cuts all lines into as many cells as the header has and turns
    most cells into numbers.

    Returns
    -------
    Delimiter (the unit separator, which no file contains, for a single column) and decimal mark.
    """
    best, best_score = (",", "."), -1.0
    if not lines:
        return best
    for delimiter, decimal in itertools.product((",", ";", "\t", "|", "\x1f"), ".,"):
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        n_columns = len(rows[0]) if rows else 0
        if (n_columns < 2) != (delimiter == "\x1f"):
            continue
        body = rows[1:]
        cells = [cell for row in body for cell in row if cell.strip()]
        same = sum(len(row) == n_columns for row in body) / max(len(body), 1)
        same = max(same, 0.35 * sum(len(row) > 1 for row in body) / max(len(body), 1))
        numbers = sum(is_number(cell, decimal) for cell in cells) / max(len(cells), 1)
        whole = 0.2 if delimiter == "\x1f" else 1.0  # a single column only where nothing cuts the lines
        score = whole * (same if body else 1.0) * (0.5 + 0.5 * numbers)
        score += 1e-4 * min(n_columns, 50) - 1e-6 * (decimal == ",")
        if score > best_score:
            best, best_score = (delimiter, decimal), score
    return best


class DelimitedSource:
    """Rows of a text file; a `RowSource`.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    DataError
        If the file cannot be opened as text.
    """

    percent_columns: frozenset[int] = frozenset()

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path.name
        self.is_large = path.stat().st_size > _LARGE
        self.encoding = detect_encoding(path)
        self.notes: list[str] = []
        if self.encoding not in ("utf-8", "utf-8-sig"):
            self.notes.append(f"decoded as {self.encoding}")
        try:
            with self._open() as stream:
                self._skipped, lines = _head(stream)
        except UnicodeError as error:
            raise DataError(
                f"{self.file} is not a text file, or its encoding is unknown ({self.encoding} fails: {error}). "
                "Export the table as CSV in UTF-8."
            ) from error
        if any(ord(character) < 32 and character not in "\t\r\n\f" for line in lines for character in line):
            raise DataError(
                f"{self.file} is not a text file; expected rows of cells. Export the table as CSV, or give the file "
                "the suffix of its kind."
            )
        self.delimiter, self.decimal = detect_dialect(lines)
        self.header = self._header(lines)
        while self.header and not self.header[-1].strip():
            self.header.pop()  # a delimiter at the end of the line
        self.header_row: int | None = self._skipped + 1
        names = {"\t": "tab", "\x1f": "none"}
        if (self.delimiter, self.decimal) != (",", "."):
            self.notes.append(
                f"delimiter {names.get(self.delimiter, self.delimiter)!r}, decimal mark {self.decimal!r}"
            )

    def _header(self, lines: list[str]) -> list[str]:
        """Cut the header; a quoted cell may hold line breaks, as spreadsheets write them."""
        reader = csv.reader(lines, delimiter=self.delimiter)
        header = next(reader, [])
        if reader.line_num > _MAX_HEADER_LINES * max(len(header), 1):
            raise DataError(
                f"{self.file}, row {self._skipped + 1}: the header does not end; expected a line of names. Look for a "
                "quotation mark that is not closed."
            )
        return [one_line(cell) for cell in header]

    def _open(self) -> TextIO:
        return self.path.open(encoding=self.encoding, newline="")

    def chunks(self) -> Iterator[RawChunk]:
        """Yield the rows below the header, `CHUNK_ROWS` at a time."""
        with self._open() as stream:
            for _ in range(self._skipped):
                stream.readline()
            reader = csv.reader(stream, delimiter=self.delimiter)
            next(reader, None)
            while True:
                line = reader.line_num + self._skipped + 1
                rows = self._next_rows(reader)
                if not rows:
                    return
                n_lines = reader.line_num + self._skipped + 1 - line
                yield self._chunk(rows, _line_numbers(rows, line, n_lines))

    def _next_rows(self, reader: Any) -> list[list[str]]:
        try:
            return list(itertools.islice(reader, CHUNK_ROWS))
        except UnicodeError as error:
            raise DataError(
                f"{self.file}, after row {reader.line_num + self._skipped}: the bytes are not {self.encoding}: {error}. "
                "Save the file as UTF-8."
            ) from error
        except csv.Error as error:
            raise DataError(
                f"{self.file}, before row {reader.line_num + self._skipped}: the text cannot be cut into cells "
                f"({error}). Look for a quotation mark that is not closed."
            ) from error

    def _chunk(self, rows: list[list[str]], lines: NDArray[np.int64]) -> RawChunk:
        n_columns = len(self.header)
        lengths = set(map(len, rows))
        blank = [""] * n_columns
        if lengths == {n_columns} and n_columns > 1 and blank not in rows:  # nearly always, and fast
            return RawChunk(lines, list(zip(*rows, strict=True)))
        problems: list[Problem] = []
        kept, numbers = [], []
        for row, line in zip(rows, lines.tolist(), strict=True):
            if row == blank or (len(row) != n_columns and not any(cell.strip() for cell in row)):
                continue
            is_comment = row[0].lstrip().startswith("#")  # unless full: a sample may be called '#1'
            if is_comment and n_columns == 1:
                continue
            if len(row) >= n_columns and not any(cell.strip() for cell in row[n_columns:]):
                kept.append(row[:n_columns])
                numbers.append(line)
            elif not is_comment:
                problems.append(self._ragged(line, row))
        cells = list(zip(*kept, strict=True)) if kept else [()] * n_columns
        return RawChunk(np.array(numbers, dtype=np.int64), cells, problems)

    def _ragged(self, line: int, row: list[str]) -> Problem:
        remedy = "Complete the row; empty cells still need their delimiter."
        if len(row) > len(self.header):
            remedy = "Delete the surplus cells."
            if self.delimiter == ",":
                remedy += " If these are decimal commas, export with semicolons or with decimal points."
        name = {"\t": "tab", "\x1f": "line end"}.get(self.delimiter, repr(self.delimiter))
        return Problem(
            "error",
            self.file,
            f"{len(self.header)} as in the header",
            remedy,
            line,
            "",
            f"{len(row)} cells (delimiter {name})",
        )


def _line_numbers(rows: list[list[str]], first: int, n_lines: int) -> NDArray[np.int64]:
    """Line of the file on which each row starts; a quoted cell may span several lines."""
    if n_lines == len(rows):
        return np.arange(first, first + n_lines, dtype=np.int64)
    heights = [
        1 + sum(len(cell.splitlines()) - 1 for cell in row if "\n" in cell or "\r" in cell) for row in rows
    ]
    return first + np.concatenate([[0], np.cumsum(heights[:-1], dtype=np.int64)])


def _head(stream: TextIO, n_lines: int = 200) -> tuple[int, list[str]]:
    """Count the comments and blank lines on top; return the header and some lines below it."""
    skipped = 0
    lines: list[str] = []
    for line in stream:
        text = line.strip()
        if not lines and (not text.strip(",;\t|") or text.lstrip('"').startswith("#")):
            skipped += 1
            continue
        if text and not text.startswith("#"):
            lines.append(line)
        if len(lines) >= n_lines or sum(map(len, lines)) > _SAMPLE:
            break
    return skipped, lines


def open_source(path: Path, sheet: str | None = None) -> DelimitedSource:
    """Open a text file for reading or checking; text has no sheets, so `sheet` must be None."""
    if sheet is not None:
        raise DataError(f"'sheet' is for workbooks; {path.name} is a text file. Leave it out.")
    return DelimitedSource(path)


def read(path: str | Path, **options: Any) -> Table:
    """Read a delimited text file.

    Parameters
    ----------
    path : the file.
    **options : as in `ionbridge.datasets.read_table`.

    Raises
    ------
    TableError
        With every problem found.
    """
    return table_from_source(path, open_source, reader="delimited", **options)
