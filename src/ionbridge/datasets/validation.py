"""Checks of whole columns and tables, chunk by chunk, so that a file of any size can be checked.

Headers are checked by `columns.py`, single cells by `cells.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.columns import Column
from ionbridge.datasets.problems import Problem
from ionbridge.exceptions import UnitError
from ionbridge.quantities import Quantity
from ionbridge.quantities.units import conversion

__all__ = ["MAX_KEPT", "TableChecker", "outside_range"]

MAX_KEPT = 1000
"""Most problems of one kind kept for one column; the rest are counted in a last one."""

_SAMPLE = 10_000
_FOREIGN_UNITS: Mapping[str, tuple[str, ...]] = {
    "um": ("mm", "nm", "cm", "m"),
    "1": ("%",),
    "wt%": ("1",),
    "g/cm^3": ("kg/m^3",),
    "g/m^2": ("mg/cm^2", "kg/m^2", "g/cm^2"),
    "mg/cm^2": ("g/m^2", "g/cm^2", "ug/cm^2"),
    "m/min": ("m/s", "mm/s", "cm/s", "m/h", "mm/min"),
    "mg": ("g", "ug", "kg"),
    "K": ("degC", "degF"),
    "kPa": ("Pa", "MPa", "bar"),
    "MPa": ("Pa", "kPa", "bar", "GPa"),
    "Ah": ("mAh",),
    "V": ("mV",),
    "mOhm": ("Ohm",),
    "Pa*s": ("mPa*s",),
    "mS/cm": ("S/cm", "S/m"),
    "S/cm": ("mS/cm", "S/m"),
    "m^2/s": ("cm^2/s",),
    "mol/m^3": ("mol/L",),
    "eV": ("meV",),
}
_POWERS = (1e3, 1e-3, 1e2, 1e-2, 10.0, 0.1, 1e6, 1e-6, 1e4, 1e-4)


def outside_range(values: NDArray[np.float64], item: Quantity) -> NDArray[np.bool_]:
    """Tell which values lie outside the plausible range, shape of `values`; missing ones do not.

    A relative slack of 1e-9 keeps a limit itself inside after conversion of units.
    """
    low = -np.inf if item.low is None else item.low - 1e-9 * abs(item.low)
    high = np.inf if item.high is None else item.high + 1e-9 * abs(item.high)
    outside: NDArray[np.bool_] = (values < low) | (values > high)
    return outside


def _unit_text(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"


def _range_text(item: Quantity) -> str:
    unit = _unit_text(item.unit)
    if item.low is None or item.high is None:
        return f"at least {item.low:g}{unit}" if item.low is not None else f"at most {item.high:g}{unit}"
    return f"{item.low:g} to {item.high:g}{unit}"


class _ColumnState:
    """Running account of one column of numbers."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.n_values = self.n_outside = self.n_missing = 0
        self.minimum, self.maximum = np.inf, -np.inf
        self.missing_rows: list[int] = []
        self.outside: list[tuple[int, float]] = []
        self.sample = np.empty(0)
        self.errors: list[Problem] = []
        self.n_errors = 0


class TableChecker:
    """Collects what is wrong with a table while its chunks pass by.

    Memory is bounded: per column at most `MAX_KEPT` findings of a kind and a sample of values,
    and per row a hash and a row number (12 bytes, 20 while they are compared) to find copies.

    Parameters
    ----------
    file : named in the problems.
    columns : the columns that are read.
    """

    def __init__(self, file: str, columns: Sequence[Column]) -> None:
        self.file = file
        self.columns = list(columns)
        self.n_rows = 0
        self._states = {c.quantity.name: _ColumnState(c) for c in columns if c.quantity.kind != "label"}
        self._hashes: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []

    def add_error(self, column: Column, row: int | None, value: str, expected: str, remedy: str) -> None:
        """Note an error of one cell."""
        state = self._states[column.quantity.name]
        state.n_errors += 1
        if state.n_errors <= MAX_KEPT:
            state.errors.append(
                Problem("error", self.file, expected, remedy, row, column.header.strip(), value)
            )

    def update(
        self,
        rows: NDArray[np.int64],
        raw: Mapping[str, NDArray[np.float64]],
        values: Mapping[str, Any],
        bad: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Look at one chunk.

        Parameters
        ----------
        rows : shape (n_rows,); row numbers as the user sees them.
        raw : by quantity, shape (n_rows,) [unit of the file]; columns of numbers only.
        values : by quantity, shape (n_rows,) [house unit] or text.
        bad : by quantity, positions of cells that were refused; they are NaN but not missing.
        """
        self.n_rows += len(rows)
        for name, state in self._states.items():
            self._update_column(state, rows, raw[name], values[name], (bad or {}).get(name, ()))
        is_whole = np.ones(len(rows), dtype=bool)
        for positions in (bad or {}).values():
            is_whole[list(positions)] = False  # a cell that was refused is not known to be a copy
        self._hashes.append((self._hash(values, len(rows))[is_whole], rows[is_whole].astype(np.uint32)))

    def _hash(self, values: Mapping[str, Any], n_rows: int) -> NDArray[np.uint64]:
        hashed = np.zeros(n_rows, dtype=np.uint64)
        for column in self.columns:
            is_label = column.quantity.kind == "label"
            array = np.asarray(values[column.quantity.name], dtype=object if is_label else float)
            with np.errstate(over="ignore"):
                hashed = hashed * np.uint64(1_000_003) + pd.util.hash_array(array, categorize=False)
        return hashed

    def _update_column(
        self,
        state: _ColumnState,
        rows: NDArray[np.int64],
        raw: NDArray[np.float64],
        values: NDArray[np.float64],
        bad: Sequence[int],
    ) -> None:
        item, header = state.column.quantity, state.column
        missing, infinite = np.isnan(values), np.isinf(values)
        missing[list(bad)] = False
        for position in np.flatnonzero(infinite):
            self.add_error(
                header,
                int(rows[position]),
                "an infinite value",
                "a finite number",
                "Correct the cell, or leave it empty where the value is missing.",
            )
        not_positive = (values <= 0) & ~infinite if item.positive else np.zeros(len(values), dtype=bool)
        for position in np.flatnonzero(not_positive):
            self.add_error(
                header,
                int(rows[position]),
                f"{raw[position]:g}",
                f"a value above zero for {item.name}",
                "Correct the cell, or leave it empty where the value is missing.",
            )
        state.n_missing += int(missing.sum())
        state.missing_rows += rows[missing][: MAX_KEPT - len(state.missing_rows)].tolist()
        good = np.isfinite(values)
        outside = outside_range(values, item) & good & ~not_positive
        state.n_outside += int(outside.sum())
        for position in np.flatnonzero(outside)[: MAX_KEPT - len(state.outside)]:
            state.outside.append((int(rows[position]), float(raw[position])))
        if good.any():
            state.n_values += int(good.sum())
            state.minimum = min(state.minimum, float(values[good].min()))
            state.maximum = max(state.maximum, float(values[good].max()))
            if len(state.sample) < _SAMPLE:
                state.sample = np.concatenate([state.sample, raw[good][: _SAMPLE - len(state.sample)]])

    def finish(self) -> list[Problem]:
        """List everything found: errors of cells, then the warnings."""
        if not self.n_rows:
            return [
                Problem(
                    "error",
                    self.file,
                    "at least one row below the header",
                    "Add the measured rows.",
                    value="no rows",
                )
            ]
        problems: list[Problem] = []
        for state in self._states.values():
            problems += sorted(state.errors, key=lambda problem: problem.row or 0)
            if state.n_errors > MAX_KEPT:
                problems.append(
                    self._about(
                        state, "error", f"{state.n_errors - MAX_KEPT} more such cells", "numbers", "As above."
                    )
                )
        for state in self._states.values():
            problems += self._missing(state) + self._outside(state) + self._constant(state)
        return problems + self._copies()

    def _about(
        self,
        state: _ColumnState,
        severity: Any,
        value: str,
        expected: str,
        remedy: str,
        row: int | None = None,
    ) -> Problem:
        return Problem(severity, self.file, expected, remedy, row, state.column.header.strip(), value)

    def _missing(self, state: _ColumnState) -> list[Problem]:
        if not state.n_missing:
            return []
        rows = state.missing_rows
        return [
            self._about(
                state,
                "warning",
                f"{state.n_missing} empty cell(s) (row {_listed(rows, state.n_missing)})",
                "a value in every row that is to be used",
                "Such rows are left out wherever this column is needed.",
                rows[0],
            )
        ]

    def _outside(self, state: _ColumnState) -> list[Problem]:
        item = state.column.quantity
        if not state.n_outside:
            return self._fractions_as_percent(state)
        plausible = f"{_range_text(item)} for {item.name}"
        if 2 * state.n_outside > state.n_values:
            hint = _suggest_unit(state)
            if hint:
                value = f"{state.n_outside} of {state.n_values} values outside the plausible range"
                return [self._about(state, "warning", value, plausible, hint, state.outside[0][0])]
        unit = _unit_text(state.column.unit)
        remedy = "Check the value and its unit; it is used as it is."
        found = [
            self._about(state, "warning", f"{value:g}{unit}", plausible, remedy, row)
            for row, value in state.outside
        ]
        if state.n_outside > len(state.outside):
            n_more = state.n_outside - len(state.outside)
            found.append(self._about(state, "warning", f"{n_more} more such values", plausible, remedy))
        return found

    def _fractions_as_percent(self, state: _ColumnState) -> list[Problem]:
        """Suspect 0.45 under a header in percent, which is a plausible but wrong 0.45 %."""
        column, item = state.column, state.column.quantity
        is_share = item.unit == "1" and item.high is not None and 0.6 <= item.high <= 1.2
        if not is_share or column.unit != "%" or state.n_values < 2 or not 0 < state.maximum <= 0.01:
            return []
        value = f"no value above {100 * state.maximum:g} %"
        remedy = f"If these are fractions, use --map '{column.header.strip()}={item.name} [1]'."
        return [self._about(state, "warning", value, f"percent for {item.name}", remedy)]

    def _constant(self, state: _ColumnState) -> list[Problem]:
        if state.n_values < 2 or state.minimum != state.maximum:
            return []
        return [
            self._about(
                state,
                "warning",
                f"the same value in every row ({state.minimum:g}{_unit_text(state.column.quantity.unit)})",
                "a value that varies",
                "A model can learn nothing from a constant column; leave it out with --ignore if it is not needed.",
            )
        ]

    def _copies(self) -> list[Problem]:
        """Find rows with equal hashes; memory is one sorted copy of the hashes."""
        hashes = np.concatenate([piece for piece, _ in self._hashes])
        hashes.sort()
        repeated = hashes[1:][hashes[1:] == hashes[:-1]]
        n_copies = len(repeated)
        del hashes
        if not n_copies:
            return []
        remedy = "Delete copies; repeated measurements are better told apart by a sample column."
        found: list[Problem] = []
        first_of: dict[int, int] = {}
        for piece, rows in self._hashes:
            for position in np.flatnonzero(_is_among(piece, repeated)):
                key, row = int(piece[position]), int(rows[position])
                first = first_of.setdefault(key, row)
                if first != row and len(found) < MAX_KEPT:
                    text = f"an exact copy of row {first}"
                    found.append(Problem("warning", self.file, "each row once", remedy, row, "", text))
            if len(found) == MAX_KEPT:
                break
        if n_copies > len(found):
            text = f"{n_copies - len(found)} more copies"
            found.append(Problem("warning", self.file, "each row once", remedy, value=text))
        return found


def _is_among(values: NDArray[np.uint64], ordered: NDArray[np.uint64]) -> NDArray[np.bool_]:
    positions = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    is_equal: NDArray[np.bool_] = ordered[positions] == values
    return is_equal


def _listed(rows: Sequence[int], n_rows: int, most: int = 8) -> str:
    more = f" and {n_rows - most} more" if n_rows > most else ""
    return ", ".join(map(str, rows[:most])) + more


def _suggest_unit(state: _ColumnState) -> str:
    """Name the unit in which nearly all values would be plausible; empty where there is none."""
    item, column = state.column.quantity, state.column
    if item.kind != "number" or not len(state.sample):
        return ""
    for unit in (item.unit, *_FOREIGN_UNITS.get(item.unit, ())):
        if unit == column.unit:
            continue
        try:
            converted = conversion(unit, item.unit)(state.sample)
        except UnitError:  # a quantity of the user may have a unit without relatives
            continue
        if np.mean(outside_range(converted, item)) < 0.1:
            stated = (
                f"stated in {column.unit}"
                if column.is_unit_stated
                else f"without a unit, read as {column.unit}"
            )
            return (
                f"The column is {stated}, but its values look like {unit}: "
                f"use --map '{column.header.strip()}={item.name} [{unit}]' if so."
            )
    house = column.conversion(state.sample)
    for factor in _POWERS:
        if np.mean(outside_range(house * factor, item)) < 0.1:
            return (
                f"The values look {1 / factor:g} times too large: check their unit."
                if factor < 1
                else (f"The values look {factor:g} times too small: check their unit.")
            )
    return ""
