"""Reader of the collected HNEI data: 14 NMC-LCO cells, features of every cycle, estimated capacity.

Time series from BatteryArchive are read by `batteryarchive.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.readers.cycling.extract import (
    KELVIN,
    Extract,
    by_cell,
    domain_of,
    life_of,
    metadata_of,
    read_parquet,
    rows_of,
)

__all__ = ["read_hnei"]

_EXTRACT = Extract(
    name="hnei",
    licence="not stated; BatteryArchive asks for attribution",
    citation="Devie, Baure, Dubarry, Energies 11 (2018) 1031, doi:10.3390/en11051031; batteryarchive.org",
    notes=(
        "discharge_capacity and the life are estimates: discharge time x 4.2 A (1.5C assumed), missing "
        "outside 300 to 2800 s",
        "cells a, e and t have odd values in early cycles; features are as published, with outliers",
    ),
)
_FEATURES = {
    "discharge_time_s": "discharge_time",
    "t_3p6_to_3p4V_s": "time_3p6_to_3p4_V",
    "v_max_discharge": "discharge_voltage_max",
    "v_min_charge": "charge_voltage_min",
    "t_4p15V_s": "time_at_4p15_V",
    "t_const_current_s": "constant_current_time",
    "total_time_s": "cycle_time",
}
_METADATA = {"cathode": "cathode", "charge_rate_C": "charge_rate", "discharge_rate_C": "discharge_rate"}
_ODD = ("HNEI_a", "HNEI_e", "HNEI_t")


def read_hnei(path: str | Path | None = None) -> CyclingSet:
    """Read the folder ``hnei``.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.

    Returns
    -------
    Records without curves.

    Raises
    ------
    DataError
        If files or columns are missing.
    """
    folder = _EXTRACT.folder(path)
    cells = read_parquet(folder / "cells.parquet", ["cell_id", "life80_of_nominal_est", *_METADATA])
    table = read_parquet(folder / "cycles.parquet", ["cell_id", "cycle_index", "q_est_Ah", *_FEATURES])
    tables = by_cell(table)
    records = [_record(cell, tables[cell.cell_id], folder) for cell in rows_of(cells)]
    return CyclingSet(tuple(records), "HNEI", {}, _EXTRACT.notes)


def _record(cell: Any, table: pd.DataFrame, folder: Path) -> CyclingRecord:
    table = table.sort_values("cycle_index")
    cycles = pd.DataFrame(
        {
            "cycle_number": table["cycle_index"].to_numpy(dtype=float),
            "discharge_capacity": table["q_est_Ah"].to_numpy(dtype=float),
            "charge_time": table["charging_time_s"].to_numpy(dtype=float),
            **{name: table[column].to_numpy(dtype=float) for column, name in _FEATURES.items()},
        }
    )
    flags: tuple[str, ...] = ("discharge capacity and life are estimates from the discharge time",)
    if cell.cell_id in _ODD:
        flags += ("odd values in early cycles: check-up or counting artefact",)
    protocol = f"CCCV charge {cell.charge_rate_C:g}C to 4.3 V; {cell.discharge_rate_C:g}C discharge to 3.0 V"
    return CyclingRecord(
        cell_id=cell.cell_id,
        domain=domain_of(cell, "HNEI", protocol),
        nominal_capacity=float(np.round(cell.nominal_capacity_Ah, 4)),
        cycles=cycles,
        protocol=protocol,
        temperature=float(cell.temperature_C) + KELVIN,
        end_of_life_cycle=life_of(cell.life80_of_nominal_est),
        life_definition="80 % of the nominal capacity, from the estimated capacity",
        metadata=metadata_of(cell, _METADATA),
        flags=flags,
        provenance=_EXTRACT.provenance(folder),
    )
