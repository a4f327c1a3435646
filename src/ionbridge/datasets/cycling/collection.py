"""`CyclingSet`: cells in a fixed order, with the splits their publishers or the literature gave.

What one cell holds is `record.py`; how sets are written to disk is `storage.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.exceptions import DataError, UnknownNameError

__all__ = ["CyclingSet", "read_splits", "write_splits"]

Splits = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class CyclingSet:
    """An ordered collection of cells.

    Parameters
    ----------
    records : each cell once.
    name : for tables and plots.
    splits : by name, the ids of its cells; only cells of this set.
    notes : caveats of the whole set.

    Raises
    ------
    DataError
        If a cell id stands twice or a split names a cell that is not here.
    """

    records: tuple[CyclingRecord, ...]
    name: str = ""
    splits: Splits = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", tuple(self.records))
        object.__setattr__(self, "splits", {k: tuple(v) for k, v in self.splits.items()})
        object.__setattr__(self, "notes", tuple(self.notes))
        twice = [cell for cell, count in Counter(self.ids).items() if count > 1]
        if twice:
            raise DataError(
                f"cell id(s) {twice[:5]} stand twice in set {self.name!r}; give each cell its own."
            )
        known = set(self.ids)
        for name, cells in self.splits.items():
            unknown = [cell for cell in cells if cell not in known]
            if unknown:
                raise DataError(
                    f"split {name!r} names {unknown[:5]}, which are not in set {self.name!r}; "
                    "leave them out or read the whole set."
                )

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[CyclingRecord]:
        return iter(self.records)

    def __getitem__(self, cell_id: str) -> CyclingRecord:
        for record in self.records:
            if record.cell_id == cell_id:
                return record
        raise UnknownNameError.for_name(cell_id, self.ids, "cell")

    @property
    def ids(self) -> tuple[str, ...]:
        """Cell ids in order."""
        return tuple(record.cell_id for record in self.records)

    @property
    def chemistries(self) -> tuple[str, ...]:
        """Chemistries in order of first appearance."""
        return tuple(dict.fromkeys(record.chemistry for record in self.records))

    @property
    def lives(self) -> NDArray[np.float64]:
        """Cycle of the end of life, shape (n_cells,); for censored cells the last cycle tested."""
        return np.array([record.observed_life for record in self.records], dtype=float)

    @property
    def is_censored(self) -> NDArray[np.bool_]:
        """Which cells never reached their end of life, shape (n_cells,)."""
        return np.array([record.is_censored for record in self.records], dtype=bool)

    def take(self, ids: Iterable[str]) -> CyclingSet:
        """Cells of the given ids, in that order.

        Raises
        ------
        UnknownNameError
            If one is not here.
        """
        by_id = {record.cell_id: record for record in self.records}
        wanted = list(ids)
        for cell in wanted:
            if cell not in by_id:
                raise UnknownNameError.for_name(cell, by_id, "cell")
        return self._of([by_id[cell] for cell in wanted])

    def filter(self, keep: Callable[[CyclingRecord], bool]) -> CyclingSet:
        """Cells for which `keep` says yes."""
        return self._of([record for record in self.records if keep(record)])

    def where(
        self,
        *,
        chemistry: str | None = None,
        censored: bool | None = None,
        min_cycles: int | None = None,
        **metadata: str | float | bool,
    ) -> CyclingSet:
        """Cells that meet all conditions.

        Parameters
        ----------
        chemistry : ``LFP/graphite`` exactly, or the cathode alone; ``NMC`` does not match ``NMC+NCA``.
        censored : whether the end of life was not reached.
        min_cycles : least number of stored cycles.
        **metadata : values that the cell's metadata must have.
        """

        def keep(record: CyclingRecord) -> bool:
            names = (record.chemistry.casefold(), record.chemistry.partition("/")[0].casefold())
            return (
                (chemistry is None or chemistry.casefold() in names)
                and (censored is None or record.is_censored == censored)
                and (min_cycles is None or len(record.cycles) >= min_cycles)
                and all(record.metadata.get(key) == value for key, value in metadata.items())
            )

        return self.filter(keep)

    def split(self, name: str) -> CyclingSet:
        """Cells of one split, in its order.

        Raises
        ------
        UnknownNameError
            If there is no such split.
        """
        if name not in self.splits:
            raise UnknownNameError.for_name(name, self.splits, f"split of {self.name or 'the set'}")
        return self.take(self.splits[name])

    def with_splits(self, splits: Splits) -> CyclingSet:
        """Add splits, or replace those of the same name."""
        return CyclingSet(self.records, self.name, {**self.splits, **splits}, self.notes)

    def map(self, change: Callable[[CyclingRecord], CyclingRecord]) -> CyclingSet:
        """Apply `change` to every cell; ids must stay."""
        return CyclingSet(tuple(map(change, self.records)), self.name, self.splits, self.notes)

    def first_cycles(self, n: float) -> CyclingSet:
        """Cut every cell behind cycle `n`; life labels stay. Cells without any cycle up to it are left out."""
        kept = self.filter(lambda record: bool(record.cycle_numbers[0] <= n))
        return kept.map(lambda record: record.first_cycles(n))

    def __add__(self, other: CyclingSet) -> CyclingSet:
        name = " + ".join(filter(None, (self.name, other.name)))
        notes = tuple(dict.fromkeys((*self.notes, *other.notes)))
        return CyclingSet((*self.records, *other.records), name, {**self.splits, **other.splits}, notes)

    def _of(self, records: Sequence[CyclingRecord]) -> CyclingSet:
        kept = {record.cell_id for record in records}
        splits = {name: tuple(c for c in cells if c in kept) for name, cells in self.splits.items()}
        return CyclingSet(tuple(records), self.name, {k: v for k, v in splits.items() if v}, self.notes)

    def overview(self) -> pd.DataFrame:
        """One row a cell: id, chemistry, nominal capacity, temperature, cycles, life, flags."""
        return pd.DataFrame(
            {
                "cell_id": self.ids,
                "chemistry": [r.chemistry for r in self],
                "nominal_capacity_Ah": [r.nominal_capacity for r in self],
                "temperature_degC": [r.temperature - 273.15 for r in self],
                "n_cycles": [len(r.cycles) for r in self],
                "last_cycle": [r.last_cycle for r in self],
                "life_cycle": [np.nan if r.end_of_life_cycle is None else r.end_of_life_cycle for r in self],
                "is_censored": self.is_censored,
                "curves": [", ".join(r.curves) for r in self],
                "n_flags": [len(r.flags) for r in self],
            }
        )


def read_splits(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read a split file: a JSON object of ``{"name": ["cell id", ...]}``.

    Raises
    ------
    DataError
        If it is missing, not JSON, not of this form, or names a cell twice in one split.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"split file {path} does not exist; check the path.") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"split file {path} is not JSON in UTF-8: {error}. Correct it.") from error
    if not isinstance(content, dict):
        raise DataError(f"split file {path} must hold an object of names and lists of cell ids.")
    for name, cells in content.items():
        if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
            raise DataError(f"split {name!r} of {path} must be a list of cell ids as text; got {cells!r}.")
        twice = [cell for cell, count in Counter(cells).items() if count > 1]
        if twice:
            raise DataError(f"split {name!r} of {path} names {twice[:5]} twice; keep one of each.")
    return {name: tuple(cells) for name, cells in content.items()}


def write_splits(splits: Splits, path: str | Path) -> None:
    """Write a split file that `read_splits` reads."""
    text = json.dumps({name: list(cells) for name, cells in splits.items()}, indent=1)
    Path(path).write_text(text + "\n", encoding="utf-8")
