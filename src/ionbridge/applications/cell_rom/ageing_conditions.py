"""Conditions of cells to predict: from a file, checked against what a cell can be cycled under.

What is predicted for them is `ageing.py`; their names, units and limits are the physics room.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ionbridge.datasets import Table, read_new_rows
from ionbridge.datasets.columns import read_header
from ionbridge.datasets.new_rows import headers_of
from ionbridge.exceptions import DataError
from ionbridge.physics.cells.ageing import LIMITS, AgeingConditions
from ionbridge.physics.cells.ageing_histories import CONDITIONS
from ionbridge.quantities import catalogue

__all__ = ["GivenConditions", "check_conditions", "conditions_frame", "read_conditions"]

LIKE = 0.8  # similarity of a header to a condition from which on it is taken for a slip of the pen


@dataclass(frozen=True, eq=False)
class GivenConditions:
    """Conditions from a file.

    Parameters
    ----------
    frame : one row a cell, a column for each of `CONDITIONS`, in house units.
    assumed : conditions that the file lacks, which are as in `AgeingConditions`.
    unused : headers that are no conditions.
    """

    frame: pd.DataFrame
    assumed: tuple[str, ...]
    unused: tuple[str, ...]


def read_conditions(path: str | Path) -> GivenConditions:
    """Read conditions from a table file; those that it lacks are as in `AgeingConditions`.

    Raises
    ------
    DataError
        If the file has no condition, a header that looks like a misspelt one, an empty cell, or a value
        beyond the limits; the message names row and column.
    """
    path = Path(path)
    own = {item.name: item for item in CONDITIONS.values() if item.name not in catalogue()}
    headers = [header for header in headers_of(path) if header]
    read = {header: read_header(header, own) for header in headers}
    meant = {header: found[0].name for header, found in read.items() if found is not None}
    given = [item for item in CONDITIONS.values() if item.name in meant.values()]
    missing = [item for item in CONDITIONS.values() if item not in given]
    if headers and not given:
        raise DataError(
            f"{path.name} has no column of conditions; expected some of "
            f"{', '.join(i.name for i in CONDITIONS.values())}, a temperature with its unit "
            f"(cell_temperature [degC]); its columns are: {', '.join(headers)}."
        )
    unused = [header for header in headers if header not in meant or meant[header] not in _names(given)]
    for header in unused:
        near = difflib.get_close_matches(header.lower().split(" [")[0], _names(missing), n=1, cutoff=LIKE)
        if near:
            raise DataError(
                f"{path.name}, column {header!r}: is it {near[0]}? Call it so, or delete the column; what a file lacks "
                "is taken from the parameter set."
            )
    table = read_new_rows(path, given or list(CONDITIONS.values())).table
    table = table.complete([item.name for item in given])
    frame = table.frame[[item.name for item in given]].reset_index(drop=True)
    check_conditions(frame, path.name, table.file_rows)
    defaults = AgeingConditions().to_dict()
    for name, item in CONDITIONS.items():
        if item.name not in frame:
            frame[item.name] = defaults[name]
    return GivenConditions(frame[_names(CONDITIONS.values())], tuple(_names(missing)), tuple(unused))


def _names(items: object) -> list[str]:
    return [item.name for item in items]  # type: ignore[attr-defined]


def conditions_frame(conditions: Table | pd.DataFrame | Sequence[AgeingConditions]) -> Table | pd.DataFrame:
    """Conditions as a table or a frame with the columns that models take, checked.

    Raises
    ------
    DataError
        If there is none, or a value lies beyond the limits.
    """
    if isinstance(conditions, Table | pd.DataFrame):
        frame = conditions if isinstance(conditions, pd.DataFrame) else conditions.frame
        rows = None if isinstance(conditions, pd.DataFrame) else conditions.file_rows
        check_conditions(frame, "'conditions' of AgeingModel.predict", rows)
        return conditions
    if not len(conditions):
        raise DataError("'conditions' of AgeingModel.predict must name at least one cell; got none.")
    frame = pd.DataFrame([item.to_dict() for item in conditions])
    return frame.rename(columns={name: item.name for name, item in CONDITIONS.items()})


def check_conditions(frame: pd.DataFrame, where: str, rows: np.ndarray | None = None) -> None:
    """Refuse values that no history can have: beyond them a model of ageing means nothing.

    Parameters
    ----------
    frame : columns in house units; those that are no conditions are passed over.
    where : for the message.
    rows : numbers of the rows as the user sees them, shape (n_rows,); None counts from 1.

    Raises
    ------
    DataError
        With the first such row.
    """
    for name, item in CONDITIONS.items():
        if item.name not in frame:
            continue
        low, high = LIMITS[name]
        values = frame[item.name].to_numpy(dtype=float)
        wrong = np.flatnonzero(~((values >= low - 1e-9) & (values <= high + 1e-9)) & np.isfinite(values))
        if len(wrong):
            row = wrong[0] + 1 if rows is None else rows[wrong[0]]
            raise DataError(
                f"{where}, row {row}, column {item.name!r}: expected {_range(name)}; got {values[wrong[0]]:g}"
                f"{_hint(name, float(values[wrong[0]]))}"
            )


def _range(name: str) -> str:
    low, high = LIMITS[name]
    if name != "temperature":
        return f"{low:g} to {high:g}"
    return f"{low:g} to {high:g} K ({low - 273.15:g} to {high - 273.15:g} degC)"


def _hint(name: str, value: float) -> str:
    if name == "temperature":
        return " K. Is it in degC? Name the column 'cell_temperature [degC]'." if value < 100 else " K."
    if name == "depth_of_discharge" and 1 < value <= 100:
        return ". Is it in percent? Divide by 100."
    return ". Correct the value."
