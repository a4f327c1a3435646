"""What commands print: aligned tables, three significant digits, JSON, messages on stderr.

What is printed is decided by the commands; reports and plots are made in `ionbridge.studies`.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import click

from ionbridge.cli.wording import for_terminal

__all__ = ["Console", "format_number", "format_pairs", "format_table", "to_plain", "write_csv"]


def format_number(value: Any, digits: int = 3) -> str:
    """Write a number with `digits` significant digits; a dash where there is none."""
    if value is None or value is True or value is False:
        return {None: "-", True: "yes", False: "no"}[value]
    if isinstance(value, str):
        return value
    number = float(value)
    if math.isnan(number):
        return "-"
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    if isinstance(value, int) or (number == 0):
        return f"{value:d}" if isinstance(value, int) else "0"
    if 1e-4 <= abs(number) < 10.0**6:
        rounded = abs(float(f"{number:.{digits - 1}e}"))
        decimals = max(0, digits - 1 - math.floor(math.log10(rounded)))
        return f"{number:.{decimals}f}"
    return f"{number:.{digits - 1}e}"


def format_table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Align rows under `headers`: text to the left, numbers to the right.

    Parameters
    ----------
    headers : shape (n_columns,); units belong here, as in ``MAPE [%]``.
    rows : each of shape (n_columns,); numbers are rounded, None becomes a dash.
    """
    rows = [list(row) for row in rows]
    texts = [[format_number(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(headers), *texts]) for i in range(len(headers))]
    numeric = [
        all(not isinstance(row[i], str) for row in rows) and any(row[i] is not None for row in rows)
        for i in range(len(headers))
    ]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(aligned).rstrip()

    return "\n".join([line(headers), line(["-" * width for width in widths]), *map(line, texts)])


def format_pairs(pairs: Mapping[str, Any]) -> str:
    """Write one ``name  value`` a line, the values aligned."""
    width = max((len(name) for name in pairs), default=0)
    return "\n".join(f"{name.ljust(width)}  {format_number(value)}" for name, value in pairs.items())


def to_plain(value: Any) -> Any:
    """Turn results of the library into what JSON can hold; NaN and infinity become null."""
    if hasattr(value, "to_dict") and not isinstance(value, type):
        return to_plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def write_csv(path: Path, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows to a CSV file in full precision; None becomes an empty cell; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(headers)
            writer.writerows(
                [{True: "yes", False: "no"}.get(v, v) if isinstance(v, bool) else v for v in row]
                for row in rows
            )
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@dataclass(frozen=True)
class Console:
    """Where a command says things: its result on stdout, everything else on stderr.

    Parameters
    ----------
    as_json : the result is one JSON document and nothing else reaches stdout.
    verbosity : -1 quiet (errors only), 0 normal, 1 also what the library logs, 2 all of it.
    command_line : as typed, quoted for a shell; empty where unknown.
    """

    as_json: bool = False
    verbosity: int = 0
    command_line: str = ""

    @property
    def progress(self) -> bool:
        """Whether to show progress bars: only to a person who watches a terminal."""
        return self.verbosity >= 0 and sys.stderr.isatty()

    def result(self, payload: Mapping[str, Any], text: str) -> None:
        """Print the result of a command: `payload` under ``--json``, else `text`."""
        if self.as_json:
            click.echo(json.dumps(to_plain(payload), indent=2, ensure_ascii=False, allow_nan=False))
        else:
            click.echo(text.rstrip("\n"))

    def note(self, text: str) -> None:
        """Tell the person something that is not the result."""
        if self.verbosity >= 0:
            click.echo(for_terminal(text), err=True)

    def saved(self, label: str, path: Path) -> None:
        """Tell where a file was written."""
        self.note(f"{label}: {path}")

    def listen(self) -> None:
        """Send warnings and the library's log to stderr, one line each, as loud as asked."""
        level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(self.verbosity, logging.DEBUG)
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger = logging.getLogger("ionbridge")
        logger.handlers[:] = [handler]
        logger.setLevel(level)

        def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            if self.verbosity > 0 or (self.verbosity == 0 and category.__module__.startswith("ionbridge")):
                click.echo(f"warning: {message}", err=True)

        warnings.showwarning = show
