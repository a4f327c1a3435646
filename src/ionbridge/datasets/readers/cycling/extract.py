"""Shared plumbing of the readers of collected cycling data: Parquet tables of cells, cycles and curves.

Each collection is one small module beside this one; raw files of cyclers have their own readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling.locations import data_folder
from ionbridge.datasets.cycling.record import CurveSet
from ionbridge.datasets.problems import Problem, TableError
from ionbridge.exceptions import DataError
from ionbridge.plugins import import_extra

__all__ = [
    "Extract",
    "by_cell",
    "curve_set",
    "domain_of",
    "life_of",
    "metadata_of",
    "read_parquet",
    "stacked",
]

KELVIN = 273.15


def read_parquet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a Parquet file that must have these columns.

    Raises
    ------
    DataError
        If the file is missing or not Parquet.
    TableError
        If columns are missing.
    """
    import_extra("pyarrow", "files")
    if not path.is_file():
        raise DataError(f"{path} does not exist; expected the whole folder of the data set.")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}. Fetch it again.") from error
    missing = [column for column in columns if column not in frame]
    if missing:
        raise TableError(
            [
                Problem("error", path.name, "this column", "Fetch the data set again.", column=column)
                for column in missing
            ]
        )
    return frame


def stacked(frame: pd.DataFrame, column: str, n_points: int, file: str) -> NDArray[np.float32]:
    """Turn a column of equally long lists into an array of shape (n_rows, n_points).

    Raises
    ------
    TableError
        If a row has another number of points.
    """
    lengths = frame[column].map(len).to_numpy()
    wrong = np.flatnonzero(lengths != n_points)
    if wrong.size:
        raise TableError(
            [
                Problem(
                    "error",
                    file,
                    f"{n_points} points in every row",
                    "Fetch the data set again.",
                    int(wrong[0]) + 1,
                    column,
                    f"{lengths[wrong[0]]} points",
                )
            ]
        )
    flat: NDArray[np.float32] = np.concatenate(frame[column].to_numpy()).astype(np.float32, copy=False)
    return flat.reshape(len(frame), n_points)


class _Parts(dict[str, pd.DataFrame]):
    """Rows by cell; a cell without rows is a fault of the data set."""

    def __missing__(self, cell: str) -> pd.DataFrame:
        raise DataError(
            f"cell {cell!r} is listed in cells.parquet but has no rows; fetch the data set again."
        )


def by_cell(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of each cell, by its id, in the order of the file."""
    return _Parts({str(cell): part for cell, part in frame.groupby("cell_id", sort=False, observed=True)})


def rows_of(cells: pd.DataFrame) -> list[Any]:
    """Named rows of a table."""
    return list(cells.itertuples())


def life_of(value: Any) -> float | None:
    """Life label of a table: None where it is empty."""
    return None if pd.isna(value) else float(value)


def metadata_of(cell: Any, names: Mapping[str, str]) -> dict[str, str | float | bool]:
    """Take the filled values of one row of the table of cells.

    Parameters
    ----------
    cell : named row.
    names : name in the record, by column.
    """
    found: dict[str, str | float | bool] = {}
    for column, name in names.items():
        value = getattr(cell, column)
        if isinstance(value, str | bool | np.bool_):
            if value != "":
                found[name] = value if isinstance(value, str) else bool(value)
        elif not pd.isna(value):
            found[name] = float(value)
    return found


def domain_of(cell: Any, source: str, protocol: str, form: str = "") -> Domain:
    """Domain of one cell: its cathode and where it was measured."""
    return Domain(
        name=f"{cell.cathode} ({source})",
        chemistry=str(cell.chemistry),
        process=protocol,
        format=str(getattr(cell, "form_factor", form)),
        origin="experiment",
    )


@dataclass(frozen=True)
class Extract:
    """A collected data set: its folder, licence and caveats.

    Parameters
    ----------
    name : of the folder and of the reader.
    licence, citation : terms and source.
    notes : what anyone who uses the data must know.
    """

    name: str
    licence: str
    citation: str
    notes: tuple[str, ...] = ()

    def folder(self, path: str | Path | None) -> Path:
        """Find the folder; see `ionbridge.datasets.cycling.locations.data_folder`."""
        return data_folder(self.name, path)

    def provenance(self, folder: Path) -> Provenance:
        """Provenance of every record of the set."""
        return Provenance(
            source=str(folder),
            reader=f"cycling_{self.name}",
            licence=self.licence,
            citation=self.citation,
            notes=self.notes,
        )


def curve_set(
    quantity: str, axis: str, grid: ArrayLike, cycles: ArrayLike, values: ArrayLike, note: str = ""
) -> CurveSet:
    """Make curves of one cell, cycles in rising order."""
    numbers = np.asarray(cycles, dtype=float)
    order = np.argsort(numbers, kind="stable")
    return CurveSet(
        quantity, axis, np.asarray(grid, dtype=float), numbers[order], np.asarray(values)[order], note
    )
