"""What can be wrong with a table: one `Problem` a finding, and the error that carries all of them.

Finding them is `validation.py` and `columns.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ionbridge.exceptions import DataError

__all__ = ["MAX_PRINTED", "Problem", "TableError", "errors_of", "format_problems"]

MAX_PRINTED = 20
"""Most problems that a message prints; the rest are counted and stand in `TableError.problems`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a table.

    Parameters
    ----------
    severity : ``error`` where the table cannot be used, else ``warning``.
    file : file name, or ``DataFrame``.
    expected : what should have been there.
    remedy : what to do about it.
    row : as seen in the file: line of a text file, row of a sheet (both from 1, the header
        included), row of a Parquet file (from 1); position in a DataFrame (from 0). None where
        the whole file or column is meant.
    column : header as written in the file; empty where the whole row or file is meant.
    value : what was found, as text.
    """

    severity: Literal["error", "warning"]
    file: str
    expected: str
    remedy: str
    row: int | None = None
    column: str = ""
    value: str = ""

    def __str__(self) -> str:
        place = [self.file]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column:
            place.append(f"column {self.column!r}")
        found = f"found {self.value}; " if self.value else ""
        return f"{self.severity}: {', '.join(place)}: {found}expected {self.expected}. {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)


class TableError(DataError):
    """A table has errors; `problems` holds all of them, and the warnings.

    Parameters
    ----------
    problems : at least one error.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(format_problems(self.problems))

    def __reduce__(self) -> tuple[type[TableError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def errors_of(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out the warnings."""
    return [problem for problem in problems if problem.severity == "error"]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def format_problems(problems: Sequence[Problem], max_printed: int = MAX_PRINTED) -> str:
    """Write problems as text, errors first, one a line.

    Parameters
    ----------
    problems : any number.
    max_printed : further ones are only counted.
    """
    errors = errors_of(problems)
    ordered = [*errors, *(problem for problem in problems if problem.severity != "error")]
    counts = [_count(len(errors), "error")] if errors else []
    if len(ordered) > len(errors):
        counts.append(_count(len(ordered) - len(errors), "warning"))
    head = f"{' and '.join(counts) or 'no problems'}{f' in {ordered[0].file}' if ordered else ''}"
    if len(ordered) == 1:
        return str(ordered[0])
    lines = [f"  {problem}" for problem in ordered[:max_printed]]
    if len(ordered) > max_printed:
        lines.append(f"  ... and {len(ordered) - max_printed} more.")
    return "\n".join([f"{head}:" if lines else head, *lines])
