"""`read_new_rows`: rows to predict, with everything else in their file carried along as text.

Tables to learn from are read by `reading.py`, which accepts nothing it does not understand.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ionbridge import plugins
from ionbridge.datasets.columns import Columns, read_header
from ionbridge.datasets.reading import read_table, reader_of
from ionbridge.datasets.table import Table, header_of
from ionbridge.exceptions import DataError
from ionbridge.quantities import Quantity, catalogue, convert, edge_unit

__all__ = ["NewRows", "headers_of", "read_new_rows"]

_CARRIED = "carried_column_"


@dataclass(frozen=True)
class NewRows:
    """Rows to predict.

    Parameters
    ----------
    table : the inputs, and the other columns as labels.
    headers : header in the file of each of those labels, by its name in `table`.
    """

    table: Table
    headers: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def carried(self) -> dict[str, list[str]]:
        """Columns that are no inputs, as written in the file, by header."""
        return {header: list(self.table.column(name)) for name, header in self.headers.items()}

    def input_columns(self, inputs: Iterable[Quantity]) -> dict[str, list[float | None]]:
        """Inputs in the units of the file, by header with unit; None where a value is missing."""
        found: dict[str, list[float | None]] = {}
        for item in inputs:
            unit = self.table.file_units.get(item.name, item.unit)
            if unit == "1" and item.unit != "1":  # a share that the sheet stores as a fraction
                unit = edge_unit(item)
            values = convert(self.table.column(item.name), item.unit, unit)
            found[header_of(item, unit)] = [
                None if value != value else float(f"{value:.12g}") for value in values.tolist()
            ]
        return found


def headers_of(path: Path, sheet: str | None = None) -> list[str]:
    """Headers of a file as its reader sees them, without outer blanks; none where there is no file."""
    if not path.is_file():
        return []  # reading it says what is wrong
    module = plugins.load("ionbridge.readers", reader_of(path)).__module__
    opener = getattr(importlib.import_module(module), "open_source", None)
    return [] if opener is None else [header.strip() for header in opener(path, sheet).header]


def read_new_rows(
    path: str | Path,
    inputs: Sequence[Quantity],
    *,
    columns: Columns | None = None,
    ignore: Iterable[str] = (),
    definitions: Mapping[str, Quantity] | None = None,
    sheet: str | None = None,
) -> NewRows:
    """Read the inputs of a model from a file; no other column can be wrong, it is carried as text.

    Parameters
    ----------
    path : CSV, Excel or Parquet file.
    inputs : quantities the model takes.
    columns, ignore, definitions, sheet : as in `read_table`.

    Raises
    ------
    TableError
        With every problem of the columns that are inputs.
    DataError
        If an input has no column.
    """
    path, ignored = Path(path), set(ignore)
    own = {item.name: item for item in inputs if item.name not in catalogue()}
    known = {**own, **(definitions or {})}
    mapped: dict[str, str | None] = dict(columns or {})
    wanted = {item.name for item in inputs}
    carried: dict[str, str] = {}
    headers = headers_of(path, sheet)
    for header in dict.fromkeys(headers):
        if not header:
            ignored.add(header)
        if header in ignored or (header in mapped and mapped[header] in (None, "ignore")):
            continue
        read = read_header(mapped.get(header) or header, known)
        if header in mapped and read is None:
            continue  # reading says that the map names something unknown
        if read is None or read[0].name not in wanted:
            carried[f"{_CARRIED}{len(carried)}"] = header
    labels = {
        name: Quantity(name, "1", f"column {header!r}", kind="label") for name, header in carried.items()
    }
    table = read_table(
        path,
        columns={**mapped, **{header: name for name, header in carried.items()}},
        ignore=sorted(ignored),
        definitions={**known, **labels},
        sheet=sheet,
    )
    _require_inputs(table, path, wanted, [header for header in headers if header])
    return NewRows(table, carried)


def _require_inputs(table: Table, path: Path, wanted: set[str], headers: Sequence[Any]) -> None:
    missing = sorted(wanted - set(table.names))
    if missing:
        raise DataError(
            f"{path.name} has no column for {', '.join(missing)}, which the model takes; its columns are: "
            f"{', '.join(headers)}. Add the column, or say which it is with --map 'HEADER={missing[0]} [UNIT]' "
            "(in Python: columns={header: 'quantity [unit]'})."
        )
