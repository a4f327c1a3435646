"""Reader of the collected CALCE CS2 data: 4 LCO cells, every cycle with its discharge curve.

CALCE's own files are read by `calce.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.record import CurveSet, CyclingRecord
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

__all__ = ["CAPACITY_CURVES", "on_capacity", "read_calce_cs2"]

_EXTRACT = Extract(
    name="calce_cs2",
    licence="not stated; CALCE asks for citation of its papers",
    citation="CALCE battery data, calce.umd.edu/battery-data; He et al., J. Power Sources 196 (2011) 10314",
    notes=(
        "only complete discharges are kept, cycles are renumbered over files by date",
        "single-cycle dips of about 0.11 Ah are artefacts: the life label is of a 5-cycle median",
        "curves on a capacity grid are stored for the first 100 cycles, flat beyond the measured capacity",
    ),
)
_GRID = np.linspace(4.2, 2.7, 500)
_METADATA = {
    "cathode": "cathode",
    "charge_rate_C": "charge_rate",
    "discharge_rate_C": "discharge_rate",
    "cycle_life_90": "life_90_percent",
}

CAPACITY_CURVES = {
    "vc": ("charge_voltage_on_capacity", "voltage"),
    "vd": ("discharge_voltage_on_capacity", "voltage"),
    "ic": ("charge_current_on_capacity", "current"),
    "id": ("discharge_current_on_capacity", "current"),
}
"""Name and quantity of each column of curves on a capacity grid; positive current charges."""


def on_capacity(table: pd.DataFrame, file: str, nominal_capacity: float) -> dict[str, CurveSet]:
    """Make the four sets of curves on the grid 0 to 1.2 of the nominal capacity, 250 points.

    Parameters
    ----------
    table : rows of one cell, with ``cycle``, ``vc``, ``vd``, ``ic``, ``id``.
    file : for messages.
    nominal_capacity : [Ah].

    Returns
    -------
    Curves on a capacity grid [Ah]: charged for a charge, discharged for a discharge.
    """
    grid = np.linspace(0, 1.2, 250) * nominal_capacity
    note = "flat beyond the measured capacity"
    return {
        name: curve_set(quantity, "capacity", grid, table["cycle"], stacked(table, column, 250, file), note)
        for column, (name, quantity) in CAPACITY_CURVES.items()
    }


def read_calce_cs2(path: str | Path | None = None) -> CyclingSet:
    """Read the folder ``calce_cs2``.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.

    Returns
    -------
    Records with ``discharge_capacity_on_voltage`` for every cycle and, for the first 100, voltage and
    current on a capacity grid.

    Raises
    ------
    DataError
        If files or columns are missing.
    """
    folder = _EXTRACT.folder(path)
    cells = read_parquet(folder / "cells.parquet", ["cell_id", "cycle_life_80", *_METADATA])
    tables = {
        name: by_cell(read_parquet(folder / f"{name}.parquet", ["cell_id", "cycle", column]))
        for name, column in (("cycles", "discharge_capacity_Ah"), ("qv", "q_Ah"), ("curves_first100", "vc"))
    }
    records = [
        _record(cell, {name: parts[cell.cell_id] for name, parts in tables.items()}, folder)
        for cell in rows_of(cells)
    ]
    return CyclingSet(tuple(records), "CALCE CS2", {}, _EXTRACT.notes)


def _record(cell: Any, tables: dict[str, pd.DataFrame], folder: Path) -> CyclingRecord:
    table, qv = tables["cycles"].sort_values("cycle"), tables["qv"]
    nominal = float(np.round(cell.nominal_capacity_Ah, 4))
    cycles = pd.DataFrame(
        {
            "cycle_number": table["cycle"].to_numpy(dtype=float),
            "discharge_capacity": table["discharge_capacity_Ah"].to_numpy(dtype=float),
            "charge_capacity": table["charge_capacity_Ah"].to_numpy(dtype=float),
            "internal_resistance": 1000 * table["internal_resistance_ohm"].to_numpy(dtype=float),
            "charge_time": (table["cc_time_s"] + table["cv_time_s"]).to_numpy(dtype=float),
            "constant_current_time": table["cc_time_s"].to_numpy(dtype=float),
            "constant_voltage_time": table["cv_time_s"].to_numpy(dtype=float),
            "mean_discharge_voltage": table["mean_discharge_V"].to_numpy(dtype=float),
        }
    )
    curves = {
        "discharge_capacity_on_voltage": curve_set(
            "discharge_capacity",
            "voltage",
            _GRID,
            qv["cycle"],
            stacked(qv, "q_Ah", _GRID.size, "qv.parquet"),
        ),
        **on_capacity(tables["curves_first100"], "curves_first100.parquet", nominal),
    }
    return CyclingRecord(
        cell_id=cell.cell_id,
        domain=domain_of(cell, "CALCE CS2", cell.protocol),
        nominal_capacity=nominal,
        cycles=cycles,
        curves=curves,
        protocol=cell.protocol,
        temperature=float(cell.temperature_C) + KELVIN,
        end_of_life_cycle=life_of(cell.cycle_life_80),
        life_definition="first cycle with a 5-cycle median discharge capacity below 0.88 Ah",
        metadata=metadata_of(cell, _METADATA),
        provenance=_EXTRACT.provenance(folder),
    )
