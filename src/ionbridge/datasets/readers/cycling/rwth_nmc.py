"""Reader of the collected RWTH data: check-ups of 48 NMC cells under one protocol.

The publishers' own files are read by `rwth_csv.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.cycling.repair import listed_cycles
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
from ionbridge.exceptions import ConfigurationError

__all__ = ["read_rwth_nmc"]

_EXTRACT = Extract(
    name="rwth_nmc",
    licence="unclear (no licence file at the source; RWTH publication record 818642)",
    citation="Li et al., J. Power Sources 506 (2021) 230024 (RWTH/ISEA, 48 Sanyo UR18650E cells)",
    notes=(
        "one row a check-up, not a cycle: cycle_number counts partial ageing cycles of about 55 % of the charge",
        "discharge curves are reconstructed from dV/dQ: trust 4.0 to 3.2 V, the ends are less reliable",
        "all cells share one protocol: early features hardly tell their lives apart",
    ),
)
_GRID = np.linspace(4.05, 3.0, 500)
_METADATA = {
    "cathode": "cathode",
    "model": "model",
    "measured_nominal_Ah": "measured_nominal_capacity",
    "cycle_life_80pct_initial": "life_80_percent_initial",
    "cycle_life_80pct_nominal": "life_80_percent_nominal",
    "cycle_life_70pct_nominal": "life_70_percent_nominal",
}


def read_rwth_nmc(path: str | Path | None = None, *, threshold: float = 0.8) -> CyclingSet:
    """Read the folder ``rwth_nmc``.

    Of check-ups at the same number of ageing cycles the first is kept, and the record is flagged.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.
    threshold : share of the nominal 1.85 Ah at which life ends: 0.8 or 0.7.

    Returns
    -------
    Records with the C/4 curves ``discharge_capacity_on_voltage``; the numbers of cycles are those of ageing.

    Raises
    ------
    DataError
        If files or columns are missing.
    ConfigurationError
        If there is no label for `threshold`.
    """
    if threshold not in (0.8, 0.7):
        raise ConfigurationError(f"'threshold' of read_rwth_nmc must be 0.8 or 0.7; got {threshold}.")
    folder = _EXTRACT.folder(path)
    cells = read_parquet(folder / "cells.parquet", ["cell_id", "last_cycle", *_METADATA])
    checkups = read_parquet(folder / "checkups.parquet", ["cell_id", "checkup", "cycle", "capacity_1C_Ah"])
    qv = read_parquet(folder / "qv.parquet", ["cell_id", "checkup", "q_Ah"])
    tables = by_cell(checkups)
    curves = by_cell(qv)
    records = [
        _record(cell, tables[cell.cell_id], curves[cell.cell_id], folder, threshold)
        for cell in rows_of(cells)
    ]
    return CyclingSet(tuple(records), "RWTH NMC", {}, _EXTRACT.notes)


def _record(
    cell: Any, table: pd.DataFrame, qv: pd.DataFrame, folder: Path, threshold: float
) -> CyclingRecord:
    table = table.sort_values("checkup")
    repeated = table["cycle"].duplicated(keep="first")
    flags: tuple[str, ...] = ("discharge curves reconstructed from dV/dQ",)
    if repeated.any():
        which = listed_cycles(table["cycle"][repeated].to_numpy(dtype=float))
        flags += (f"second check-up at the same cycle left out: cycles {which}",)
    table = table[~repeated]
    qv = qv.set_index("checkup").loc[table["checkup"]]
    numbers = table["cycle"].to_numpy(dtype=float)
    cycles = pd.DataFrame(
        {
            "cycle_number": numbers,
            "discharge_capacity": table["capacity_1C_Ah"].to_numpy(dtype=float),
            "charge_capacity": (table["cc_charge_Ah"] + table["cv_charge_Ah"]).to_numpy(dtype=float),
            "internal_resistance": 1000 * table["R_pulse_b_ohm"].to_numpy(dtype=float),
            "temperature_mean": table["temperature_C"].to_numpy(dtype=float) + KELVIN,
            "capacity_C4": table["capacity_qocv_C4_Ah"].to_numpy(dtype=float),
            "relaxed_voltage": table["relaxed_V_after_CV"].to_numpy(dtype=float),
            "charge_throughput": table["Ah_throughput"].to_numpy(dtype=float),
            "days": table["days"].to_numpy(dtype=float),
        }
    )
    curves = curve_set(
        "discharge_capacity",
        "voltage",
        _GRID,
        numbers,
        stacked(qv, "q_Ah", _GRID.size, "qv.parquet"),
        "reconstructed",
    )
    life = life_of(cell.cycle_life_80pct_nominal if threshold == 0.8 else cell.cycle_life_70pct_nominal)
    return CyclingRecord(
        cell_id=cell.cell_id,
        domain=domain_of(cell, "RWTH", cell.protocol),
        nominal_capacity=float(np.round(cell.nominal_capacity_Ah, 4)),
        cycles=cycles,
        curves={"discharge_capacity_on_voltage": curves},
        protocol=cell.protocol,
        temperature=float(cell.temperature_C) + KELVIN,
        end_of_life_threshold=threshold,
        end_of_life_cycle=life,
        last_cycle=max(float(cell.last_cycle), float(numbers[-1])),
        life_definition=f"1C capacity at {threshold:.0%} of 1.85 Ah, interpolated between check-ups",
        metadata=metadata_of(cell, _METADATA),
        flags=flags,
        provenance=_EXTRACT.provenance(folder),
    )
