"""Reader of the collected MATR data: 84 LFP cells, discharge capacity on a voltage grid, cycles 2 to 100.

The publishers' own .mat files are read by `matr_mat.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.cycling.repair import bad_capacity_curves, fill_capacity, repair_curves
from ionbridge.datasets.readers.cycling.extract import (
    KELVIN,
    Extract,
    by_cell,
    curve_set,
    domain_of,
    life_of,
    metadata_of,
    read_parquet,
    rows_of,
    stacked,
)

__all__ = ["read_matr"]

_EXTRACT = Extract(
    name="matr",
    licence="MIT (collected curves); original data CC-BY-4.0 as reported by third parties",
    citation="Severson et al., Nature Energy 4 (2019) 383, doi:10.1038/s41560-019-0356-8",
    notes=(
        "only the 4C discharge is available: capacity on a voltage grid, cycles 2 to 100",
        "discharge_capacity is the end of that curve, at 2.0 V",
        "MATR_b2c1 is left out of the test cells in the literature (split 'test' has 42 cells)",
    ),
)
_GRID = np.linspace(3.6, 2.0, 1000)
_METADATA = {
    "cathode": "cathode",
    "charge_policy": "charge_policy",
    "batch_date": "batch_date",
    "discharge_rate_C": "discharge_rate",
    "outlier_b2c1": "is_outlier",
}


def read_matr(path: str | Path | None = None, *, repair: bool = True) -> CyclingSet:
    """Read the folder ``matr``.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.
    repair : interpolate curves that cannot be measurements (about ten) and flag them.

    Returns
    -------
    Records with the curves ``discharge_capacity_on_voltage`` and the official splits ``train`` (41),
    ``primary_test`` (43), and ``test`` (42: primary test without MATR_b2c1).

    Raises
    ------
    DataError
        If files or columns are missing.
    """
    folder = _EXTRACT.folder(path)
    cells = read_parquet(
        folder / "cells.parquet", ["cell_id", "severson_split", "cycle_life", *_METADATA]
    ).sort_values("order")
    table = read_parquet(folder / "qv.parquet", ["cell_id", "cycle", "q_Ah"])
    tables = by_cell(table)
    records = [_record(cell, tables[cell.cell_id], folder, repair) for cell in rows_of(cells)]
    outliers = set(cells["cell_id"][cells["outlier_b2c1"]])
    splits = {str(name): tuple(part["cell_id"]) for name, part in cells.groupby("severson_split", sort=False)}
    splits["test"] = tuple(cell for cell in splits["primary_test"] if cell not in outliers)
    return CyclingSet(tuple(records), "MATR", splits, _EXTRACT.notes)


def _record(cell: Any, table: pd.DataFrame, folder: Path, repair: bool) -> CyclingRecord:
    values = stacked(table, "q_Ah", _GRID.size, "qv.parquet")
    nominal = float(np.round(cell.nominal_capacity_Ah, 4))
    curves = curve_set("discharge_capacity", "voltage", _GRID, table["cycle"], values)
    cycles = pd.DataFrame({"cycle_number": curves.cycles, "discharge_capacity": curves.values[:, -1]})
    flags: tuple[str, ...] = ()
    if repair:
        bad = bad_capacity_curves(curves.values, nominal)
        curves, flags = repair_curves(curves, bad, "discharge_capacity_on_voltage")
        cycles, more = fill_capacity(cycles, bad)
        flags += more
    if cell.outlier_b2c1:
        flags += ("outlier of the test cells: life of 148 cycles; left out in the literature",)
    protocol = f"fast charge {cell.charge_policy}, CV to 3.6 V; 4C discharge to 2.0 V"
    life = life_of(cell.cycle_life)
    return CyclingRecord(
        cell_id=cell.cell_id,
        domain=domain_of(cell, "MATR", protocol),
        nominal_capacity=nominal,
        cycles=cycles,
        curves={"discharge_capacity_on_voltage": curves},
        protocol=protocol,
        temperature=float(cell.temperature_C) + KELVIN,
        end_of_life_cycle=life,
        last_cycle=max(life or 0.0, float(curves.cycles[-1])),
        life_definition=cell.eol_definition,
        metadata=metadata_of(cell, _METADATA),
        flags=flags,
        provenance=_EXTRACT.provenance(folder),
    )
