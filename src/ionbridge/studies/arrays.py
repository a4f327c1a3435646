"""The numbers of two tables that a study needs, checked once and handed to every worker.

Reading and checking the tables themselves is the work of `ionbridge.datasets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets import Table
from ionbridge.exceptions import InsufficientDataError, UnknownNameError
from ionbridge.models import FloatArray
from ionbridge.quantities import pretty_unit
from ionbridge.studies.design import StudyDesign

__all__ = ["StudyArrays", "printed_unit"]


@dataclass(frozen=True)
class StudyArrays:
    """Rows without missing values.

    Parameters
    ----------
    X_source : shape (n_source_rows, n_shared); the inputs that the source has.
    y_source : shape (n_source_rows,)
    X_target : shape (n_target_rows, n_features); all inputs.
    y_target : shape (n_target_rows,)
    shared : shape (n_features,), bool; which inputs the source has.
    rows : shape (n_target_rows,); where each target row stands in its table.
    groups : label of each target row, or None.
    unit : of the output, as printed.
    notes : what was left out, and what looks suspicious.
    """

    X_source: FloatArray
    y_source: FloatArray
    X_target: FloatArray
    y_target: FloatArray
    shared: NDArray[np.bool_]
    rows: NDArray[np.int64]
    groups: tuple[str, ...] | None
    unit: str
    notes: tuple[str, ...]

    @classmethod
    def from_tables(cls, source: Table, target: Table, design: StudyDesign) -> Self:
        """Pick the columns of `design`; rows with missing values are left out with a note.

        Raises
        ------
        UnknownNameError
            If a column is missing where it is needed.
        InsufficientDataError
            If no row is complete.
        """
        needed = [*design.inputs, design.output, *([design.group] if design.group else [])]
        for name in needed:
            if name not in target.names:
                raise UnknownNameError.for_name(name, target.names, "column of the target table")
        if design.output not in source.names:
            raise UnknownNameError.for_name(design.output, source.names, "column of the source table")
        shared = np.array([name in source.names for name in design.inputs])
        if not shared.any():
            raise UnknownNameError(
                f"the source table has none of the inputs {list(design.inputs)}; it has {list(source.names)}. "
                "Name at least one input that both tables have."
            )
        source_names = [name for name, has in zip(design.inputs, shared, strict=True) if has]
        XY_source, _, notes = _complete_rows(source, [*source_names, design.output], "source")
        XY_target, rows, more = _complete_rows(target, [*design.inputs, design.output], "target")
        notes += more + _duplicates(XY_source, XY_target, shared)
        groups = None
        if design.group:
            groups = tuple(str(label) for label in target.frame[design.group].iloc[rows])
        return cls(
            *(XY_source[:, :-1], XY_source[:, -1], XY_target[:, :-1], XY_target[:, -1]),
            shared=shared,
            rows=rows,
            groups=groups,
            unit=printed_unit(target, design.output),
            notes=tuple(notes),
        )


def printed_unit(table: Table, name: str) -> str:
    """Unit of a column as it stands on axes, such as ``µm``."""
    return pretty_unit(table.quantity(name).unit)


def _complete_rows(
    table: Table, names: list[str], which: str
) -> tuple[FloatArray, NDArray[np.int64], list[str]]:
    values = np.asarray(table.values(names), dtype=float)
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    if not len(rows):
        empty = [name for name, column in zip(names, values.T, strict=True) if not np.isfinite(column).any()]
        raise InsufficientDataError(
            f"no row of the {which} table has all of {names}; without any value: {empty or 'none of them'}. "
            "Leave such columns out of 'inputs'."
        )
    n_left_out = len(values) - len(rows)
    left_out = f"{n_left_out} of {len(values)} {which} rows have missing values and are left out."
    return values[rows], rows, [left_out] if n_left_out else []


def _duplicates(source: FloatArray, target: FloatArray, shared: NDArray[np.bool_]) -> list[str]:
    notes = []
    of_source = {row.tobytes() for row in source}
    n_both = sum(row.tobytes() in of_source for row in target[:, np.append(shared, True)].copy())
    if n_both:
        notes.append(
            f"{_rows(n_both)} also among the source rows; a study on such rows flatters transfer. "
            "Remove them from the source."
        )
    n_repeated = len(target) - len(np.unique(target[:, :-1], axis=0))
    if n_repeated:
        notes.append(
            f"{_rows(n_repeated)} a repetition of the inputs of another row; if these are replicates of one electrode "
            "or batch, name its label column as 'group' so that they do not stand on both sides of a split."
        )
    return notes


def _rows(n_rows: int) -> str:
    return f"{n_rows} target row{' is' if n_rows == 1 else 's are'}"
