"""`Table`: rows of quantities of one domain, in house units.

Reading files is `reading.py` and `readers/`; checks are `validation.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.columns import Columns, ColumnSettings
from ionbridge.datasets.ingest import FrameSource, Ingested, ingest, require_no_errors
from ionbridge.datasets.problems import Problem
from ionbridge.exceptions import ConfigurationError, DataError, ShapeError, UnknownNameError
from ionbridge.quantities import Quantity
from ionbridge.quantities.text import unit_ending

__all__ = ["Table", "header_of"]

_HASH_BLOCK = 2**16  # bounds memory; part of the definition of the hash


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of quantities of one domain.

    Build it with `Table.from_frame` or `ionbridge.datasets.read_table`, which check everything.
    Two tables are equal if their canonical content is (`sha256`).

    Parameters
    ----------
    frame : one column a quantity, called by its name; float64 in house units, text in labels
        (empty where missing), numbers are NaN where missing. Not to be changed in place.
    domain : where the rows come from.
    provenance : where they were read and under which terms.
    definitions : the quantity of every column, by name.
    warnings : what was odd when the rows were read; errors are raised instead.
    file_rows : shape (n_rows,); rows of the file as the user sees them, for messages; None where
        there is no file.
    file_units : unit in the file of each column of numbers, by quantity.
    """

    frame: pd.DataFrame
    domain: Domain
    provenance: Provenance
    definitions: Mapping[str, Quantity]
    warnings: tuple[Problem, ...] = field(default=(), repr=False)
    file_rows: NDArray[np.int64] | None = field(default=None, repr=False)
    file_units: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "definitions", dict(self.definitions))  # a proxy would not pickle
        missing = [str(name) for name in self.frame.columns if name not in self.definitions]
        if missing:
            raise ConfigurationError(
                f"'definitions' of Table must hold every column of 'frame'; {missing} are missing. "
                "Use Table.from_frame, which looks them up."
            )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        columns: Columns | str | Path | None = None,
        ignore: Iterable[str] = (),
        domain: Domain | None = None,
        provenance: Provenance | None = None,
        definitions: Mapping[str, Quantity] | None = None,
    ) -> Table:
        """Check a DataFrame and convert it to house units.

        Parameters
        ----------
        frame : columns called by quantities, with or without units (``roll_gap``,
            ``Roll gap [mm]``); a column without a unit is in the house unit.
        columns : header → ``quantity [unit]`` (None leaves a column out), or the path of a
            column file.
        ignore : headers that are left out.
        domain, provenance : stored; unnamed where not given.
        definitions : quantities beyond the catalogue, by name.

        Raises
        ------
        TableError
            With every problem found.
        """
        settings = ColumnSettings.from_any(columns, ignore, definitions)
        ingested = replace(ingest(FrameSource(frame), settings), rows=None)
        require_no_errors(ingested.problems)
        return cls.from_ingested(
            ingested, domain or Domain("unnamed"), provenance or Provenance(source="DataFrame")
        )

    @classmethod
    def from_ingested(cls, ingested: Ingested, domain: Domain, provenance: Provenance) -> Table:
        """Wrap columns that have been read and checked; completes hash and notes of the provenance."""
        frame = pd.DataFrame(ingested.values, copy=False)
        definitions = {column.quantity.name: column.quantity for column in ingested.columns}
        table = cls(
            frame,
            domain,
            replace(provenance, notes=(*provenance.notes, *ingested.notes)),
            definitions,
            tuple(ingested.problems),
            ingested.rows,
            {c.quantity.name: c.unit for c in ingested.columns if c.quantity.kind == "number"},
        )
        return replace(table, provenance=replace(table.provenance, sha256=table.sha256))

    def __len__(self) -> int:
        return len(self.frame)

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, Table) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, labels included, in order."""
        return tuple(self.frame.columns)

    @property
    def number_names(self) -> tuple[str, ...]:
        """Names of the columns that hold numbers or codes, in order."""
        return tuple(name for name in self.names if self.definitions[name].kind != "label")

    def quantity(self, name: str) -> Quantity:
        """Quantity of a column.

        Raises
        ------
        UnknownNameError
            If the table has no such column.
        """
        self._check_names([name])
        return self.definitions[name]

    def column(self, name: str) -> NDArray[Any]:
        """One column as a new array, shape (n_rows,): float [house unit], or text for a label."""
        is_label = self.quantity(name).kind == "label"
        return np.array(
            self.frame[name].tolist() if is_label else self.frame[name], dtype=object if is_label else float
        )

    def values(self, names: str | Sequence[str]) -> NDArray[np.float64]:
        """Columns as one new array, shape (n_rows, n_names) [house units], NaN where missing.

        Raises
        ------
        UnknownNameError
            If a column is missing.
        ConfigurationError
            If a column holds text.
        """
        names = [names] if isinstance(names, str) else list(names)
        self._check_names(names)
        labels = [name for name in names if self.definitions[name].kind == "label"]
        if labels:
            raise ConfigurationError(
                f"{labels} of table {self.domain.name!r} are text labels and cannot be numbers of a model; "
                f"choose among {list(self.number_names)}."
            )
        result = np.empty((len(self), len(names)))
        for position, name in enumerate(names):
            result[:, position] = self.frame[name]
        return result

    def _check_names(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.definitions or name not in self.frame.columns:
                raise UnknownNameError.for_name(
                    name,
                    self.names,
                    f"column of table {self.domain.name!r}",
                    f"It has: {', '.join(self.names)}.",
                )

    def complete(self, names: Iterable[str], *, on_missing: Literal["raise", "drop"] = "raise") -> Table:
        """Rows in which all of `names` have a value.

        Parameters
        ----------
        names : columns that must have a value.
        on_missing : ``raise`` refuses a table in which a value is missing, ``drop`` leaves such
            rows out.

        Raises
        ------
        DataError
            If a value is missing and `on_missing` is ``raise``, or if no row is left.
        """
        if on_missing not in ("raise", "drop"):
            raise ConfigurationError(f"'on_missing' must be 'raise' or 'drop'; got {on_missing!r}.")
        names = list(names)
        self._check_names(names)
        is_missing = {name: self._is_missing(name) for name in names}
        incomplete = np.logical_or.reduce([np.zeros(len(self), dtype=bool), *is_missing.values()])
        if not incomplete.any():
            return self
        numbers = np.arange(1, len(self) + 1) if self.file_rows is None else self.file_rows
        listed = [f"{name}: row {_listed(numbers[rows])}" for name, rows in is_missing.items() if rows.any()]
        counted = "data rows, from 1" if self.file_rows is None else "rows of the file"
        text = f"{'; '.join(listed)} ({counted})"
        if incomplete.all():
            raise DataError(
                f"table {self.domain.name!r} has no row in which all of {names} have a value; missing in {text}. "
                "Leave one of these columns out or complete it."
            )
        if on_missing == "raise":
            raise DataError(
                f"table {self.domain.name!r} lacks values in {int(incomplete.sum())} of {len(self)} rows: {text}. "
                "Fill the cells or delete the rows (in Python also: Table.complete(names, on_missing='drop'))."
            )
        return self.take(np.flatnonzero(~incomplete))

    def _is_missing(self, name: str) -> NDArray[np.bool_]:
        if self.definitions[name].kind == "label":
            return np.array([not text for text in self.frame[name]], dtype=bool)
        return np.isnan(self.frame[name].to_numpy(dtype=float))

    def take(self, rows: ArrayLike) -> Table:
        """Rows by position (from 0, may repeat) or by a mask of shape (n_rows,), in the given order.

        The provenance still names the whole dataset.
        """
        rows = np.asarray(rows)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise ShapeError(f"a mask of 'rows' must have shape ({len(self)},); got {rows.shape}.")
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        if rows.ndim != 1 or (len(rows) and (rows.min() < -len(self) or rows.max() >= len(self))):
            raise ShapeError(
                f"'rows' must be positions between 0 and {len(self) - 1}; got shape {rows.shape}."
            )
        return replace(
            self,
            frame=self.frame.iloc[rows].reset_index(drop=True),
            warnings=(),
            file_rows=None if self.file_rows is None else self.file_rows[rows],
        )

    def select(self, names: Iterable[str]) -> Table:
        """Only these columns, in this order."""
        names = list(names)
        self._check_names(names)
        return replace(
            self, frame=self.frame[names], definitions={name: self.definitions[name] for name in names}
        )

    def with_domain(self, domain: Domain) -> Table:
        """The same rows, said to come from another domain."""
        return replace(self, domain=domain)

    @cached_property
    def sha256(self) -> str:
        """Hash of names, units and values, hexadecimal.

        It does not depend on the order of the columns or on the units of the file (values count
        to 12 significant digits); it does depend on the order of the rows.
        """
        digest = hashlib.sha256(b"ionbridge table 1")
        for name in sorted(self.names):
            item = self.definitions[name]
            digest.update(f"\n{name}\t{item.unit}\t{item.kind}\t{len(self)}\n".encode())
            if item.kind == "label":
                texts = self.frame[name].tolist()
                digest.update(np.array([len(text) for text in texts], dtype="<i4").tobytes())
                digest.update("".join(texts).encode())
            else:
                values = self.frame[name].to_numpy(dtype=float)
                for start in range(0, len(values), _HASH_BLOCK):
                    for part in _canonical(values[start : start + _HASH_BLOCK]):
                        digest.update(part.tobytes())
        return digest.hexdigest()

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV file in UTF-8 that `read_table` reads back equal.

        Headers carry the house units, such as ``roll_gap_um``; numbers keep every digit. Rows without
        any value do not come back.
        """
        frame = self.frame.rename(columns={name: header_of(self.definitions[name]) for name in self.names})
        frame.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def header_of(item: Quantity, unit: str | None = None) -> str:
    """Unit-suffixed name of a quantity for files: ``roll_gap_um``; only the name where it has no unit."""
    if item.kind != "number":
        return item.name
    ending = unit_ending(unit or item.unit)
    return f"{item.name}_{ending}" if ending else item.name


def _listed(numbers: NDArray[np.int64], most: int = 8) -> str:
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(str(number) for number in numbers[:most]) + more


def _canonical(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Twelve significant decimal digits and the power of ten of each value, in little-endian bytes."""
    digits, powers = np.zeros(len(values), dtype="<i8"), np.zeros(len(values), dtype="<i2")
    finite = np.isfinite(values) & (values != 0)
    numbers = np.abs(values[finite])
    exponents = np.floor(np.log10(numbers)).astype(np.int64)
    for _ in range(2):  # the logarithm may miss by one next to powers of ten
        scaled = np.rint(_shifted(numbers, 11 - exponents))
        exponents += np.where(scaled >= 1e12, 1, np.where(scaled < 1e11, -1, 0))
    scaled = np.rint(_shifted(numbers, 11 - exponents))
    digits[finite], powers[finite] = (np.sign(values[finite]) * scaled).astype(np.int64), exponents
    powers[np.isnan(values)] = 32_000
    powers[np.isposinf(values)], powers[np.isneginf(values)] = 32_001, 32_002
    return digits, powers


_MOST = 170  # enough for the smallest number there is, 5e-324
_TENS = np.power(10.0, np.arange(-_MOST, _MOST + 1))


def _shifted(numbers: NDArray[np.float64], powers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Multiply by powers of ten in two steps, which keeps very small numbers from overflowing."""
    half = powers // 2
    return numbers * _TENS[half + _MOST] * _TENS[powers - half + _MOST]
