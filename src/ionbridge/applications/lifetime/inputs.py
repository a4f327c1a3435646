"""`CellInputs`: which rows of features a lifetime model makes of records, tables and discharge curves.

The features themselves are `features.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ionbridge.applications.lifetime.features import (
    CURVES,
    CellFeatures,
    FloatArray,
    curve_features,
    cycle_summaries,
    discharge_curves,
    join_features,
)
from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import DataError

__all__ = ["CellInputs", "curve_cycles", "has_curves"]

FEWEST_CURVES = 12
HALF_WINDOW = 2  # cycles on either side that the median of a curve covers
USUAL_CYCLES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90)
LONG_WINDOW = 100  # cycles from which on changes are counted from cycle 10 instead of 5


def curve_cycles(n_cycles: int) -> tuple[int, ...]:
    """Cycles at which discharge curves are taken from the first `n_cycles`."""
    last = n_cycles - HALF_WINDOW
    return (*(c for c in USUAL_CYCLES if c < last - HALF_WINDOW), last)


def has_curves(record: CyclingRecord, n_cycles: int) -> bool:
    """Whether a cell has complete discharge curves of nearly all of its first `n_cycles`."""
    if CURVES not in record.curves or n_cycles < FEWEST_CURVES + HALF_WINDOW:
        return False
    curves = record.curve(CURVES).first_cycles(n_cycles)
    if len(curves) < max(FEWEST_CURVES, n_cycles // 2) or not np.isfinite(curves.values).all():
        return False
    near = np.abs(curves.cycles[:, None] - np.array(curve_cycles(n_cycles))) <= HALF_WINDOW
    return bool(near.any(axis=0).all())


@dataclass(frozen=True)
class CellInputs:
    """What is made of each cell; the same for training and new cells.

    Parameters
    ----------
    n_cycles : first cycles used [cycle].
    columns : per-cycle columns of which median and trend are taken.
    with_curves : whether features of the discharge curves stand before those.
    """

    n_cycles: int
    columns: tuple[str, ...]
    with_curves: bool

    @classmethod
    def choose(
        cls,
        records: Sequence[CyclingRecord],
        n_cycles: int,
        columns: Sequence[str] | None = None,
        with_curves: bool | None = None,
    ) -> Self:
        """Choose what all of the training cells have, where nothing else is asked for.

        Parameters
        ----------
        records : training cells of both domains.
        columns : None takes those that all cells have.
        with_curves : None uses curves where every cell has them.
        """
        if columns is None:
            shared = set.intersection(*(set(r.cycles.columns) for r in records)) - {"cycle_number"}
            columns = [name for name in records[0].cycles.columns if name in shared]
        if with_curves is None:
            with_curves = all(has_curves(r, n_cycles) for r in records)
        return cls(n_cycles, tuple(columns), with_curves)

    def table(self, records: Sequence[CyclingRecord]) -> CellFeatures:
        """Features of curves and columns; `features.STAGE_FEATURE` is the last.

        Raises
        ------
        DataError, UnknownNameError
            If a cell lacks a column or its curves, or has too few cycles.
        """
        summaries = cycle_summaries(records, self.n_cycles, columns=self.columns)
        if not self.with_curves:
            return summaries
        bare = [r.cell_id for r in records if CURVES not in r.curves]
        if bare:
            raise DataError(
                f"discharge curves are used, but cell {bare[0]!r} has none ({len(bare)} such cells); leave these "
                "cells out, or train without curves."
            )
        early = 10 if self.n_cycles >= LONG_WINDOW else 5
        return join_features(curve_features(records, "full", early=early, late=self.n_cycles), summaries)

    def curves(self, records: Sequence[CyclingRecord]) -> FloatArray:
        """Discharge curves, shape (n_cells, 1, n_cycles, n_points); see `discharge_curves`."""
        return discharge_curves(records, curve_cycles(self.n_cycles), half_window=HALF_WINDOW)
