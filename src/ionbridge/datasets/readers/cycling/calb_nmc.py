"""Reader of the collected CALB data: 27 NMC cells of 58 Ah at 0 to 45 °C, about 100 cycles each.

The set has no official split; temperature decides its lives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.cycling.repair import repair_curves
from ionbridge.datasets.readers.cycling.calce_cs2 import on_capacity
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

__all__ = ["read_calb_nmc"]

_EXTRACT = Extract(
    name="calb_nmc",
    licence="not verified; origin is BatteryLife, Zenodo 17960956",
    citation="BatteryLife, KDD 2025 (CALB cells)",
    notes=(
        "cycles 1 to 100 only (one cell to 208); the life label is BatteryLife's",
        "life is decided by temperature (0 degC: 104 to 189 cycles, else 792 to 1410): split or stratify by it",
        "stored durations are unusable and temperatures are set points: both are left out",
    ),
)
_GRID = np.linspace(4.35, 2.2, 500)
_METADATA = {"cathode": "cathode", "charge_rate_C": "charge_rate", "discharge_rate_C": "discharge_rate"}


def read_calb_nmc(path: str | Path | None = None) -> CyclingSet:
    """Read the folder ``calb_nmc``.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.

    Returns
    -------
    Records with ``discharge_capacity_on_voltage`` and voltage and current on a capacity grid. Splits by
    temperature: ``0_degC``, ``25_degC``, ``35_degC``, ``45_degC``.

    Raises
    ------
    DataError
        If files or columns are missing.
    """
    folder = _EXTRACT.folder(path)
    cells = read_parquet(folder / "cells.parquet", ["cell_id", "cycle_life", "temperature_C", *_METADATA])
    tables = {
        name: by_cell(read_parquet(folder / f"{name}.parquet", ["cell_id", "cycle", column]))
        for name, column in (("cycles", "discharge_capacity_Ah"), ("qv", "q_Ah"), ("curves", "vc"))
    }
    records = [
        _record(cell, {name: parts[cell.cell_id] for name, parts in tables.items()}, folder)
        for cell in rows_of(cells)
    ]
    splits = {f"{t:g}_degC": tuple(part["cell_id"]) for t, part in cells.groupby("temperature_C")}
    return CyclingSet(tuple(records), "CALB NMC", splits, _EXTRACT.notes)


def _record(cell: Any, tables: dict[str, pd.DataFrame], folder: Path) -> CyclingRecord:
    table, qv = tables["cycles"].sort_values("cycle"), tables["qv"]
    nominal = float(np.round(cell.nominal_capacity_Ah, 4))
    cycles = pd.DataFrame(
        {
            "cycle_number": table["cycle"].to_numpy(dtype=float),
            "discharge_capacity": table["discharge_capacity_Ah"].to_numpy(dtype=float),
            "charge_capacity": table["charge_capacity_Ah"].to_numpy(dtype=float),
        }
    )
    flags: tuple[str, ...] = ()
    curves = on_capacity(tables["curves"], "curves.parquet", nominal)
    empty = np.asarray((curves["charge_voltage_on_capacity"].values == 0).any(axis=1))
    for name in ("charge_voltage_on_capacity", "charge_current_on_capacity"):  # a cycle without a charge
        curves[name], more = repair_curves(curves[name], empty, name)
        flags += more
    curves["discharge_capacity_on_voltage"] = curve_set(
        "discharge_capacity", "voltage", _GRID, qv["cycle"], stacked(qv, "q_Ah", _GRID.size, "qv.parquet")
    )
    life = life_of(cell.cycle_life)
    return CyclingRecord(
        cell_id=cell.cell_id,
        domain=domain_of(cell, "CALB", cell.protocol),
        nominal_capacity=nominal,
        cycles=cycles,
        curves=curves,
        protocol=cell.protocol,
        temperature=float(cell.temperature_C) + KELVIN,
        end_of_life_cycle=life,
        last_cycle=max(float(cycles["cycle_number"].iloc[-1]), life or 0.0),
        life_definition=cell.eol_definition,
        metadata=metadata_of(cell, _METADATA),
        flags=flags,
        provenance=_EXTRACT.provenance(folder),
    )
