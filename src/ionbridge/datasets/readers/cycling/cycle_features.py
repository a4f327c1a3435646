"""Reader of the collected per-cycle charge features: 301 cells of LFP, NCA, NMC and NMC+NCA.

There are no curves in this set, only statistics of the end of each charge, and capacity.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.collection import CyclingSet, read_splits
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

__all__ = ["FEATURES", "read_cycle_features"]

_EXTRACT = Extract(
    name="cycle_features",
    licence="unclear (no licence file at the source); origins: data.matr.io, Mendeley nsc7hnsg4s, Zenodo 6405084",
    citation="Wang et al., Nature Communications 15 (2024) 4332, doi:10.1038/s41467-024-48779-z",
    notes=(
        "cycle numbers count the rows that the authors kept: at most the true cycle number",
        "no voltage-capacity curves; features of the top 0.2 V of the charge and of its CV phase",
    ),
)

FEATURES = (
    "voltage_mean",
    "voltage_std",
    "voltage_kurtosis",
    "voltage_skewness",
    "CC_Q",
    "CC_charge_time",
    "voltage_slope",
    "voltage_entropy",
    "current_mean",
    "current_std",
    "current_kurtosis",
    "current_skewness",
    "CV_Q",
    "CV_charge_time",
    "current_slope",
    "current_entropy",
)
"""The 16 features of each cycle, as named at the source (voltages in V, currents in A, Ah, s)."""

_METADATA = {
    "group": "group",
    "cathode": "cathode",
    "charge_rate_C": "charge_rate",
    "discharge_rate_C": "discharge_rate",
    "life_source": "life_source",
    "row_retention_vs_life": "row_retention",
}
_LOW_RETENTION = 0.8


def read_cycle_features(path: str | Path | None = None) -> CyclingSet:
    """Read the folder ``cycle_features``.

    Cells whose life is not known are censored at their last row. That is a true lower bound, as the
    authors only dropped rows.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.

    Returns
    -------
    Records with the columns `FEATURES` beside the capacity. Splits: ``hust_train`` (55) and
    ``hust_test`` (22) of the literature, and one a group: ``MIT``, ``HUST``, ``TJU_NCA``,
    ``TJU_NMC``, ``TJU_NMC_NCA``.

    Raises
    ------
    DataError
        If files or columns are missing.
    """
    folder = _EXTRACT.folder(path)
    cells = read_parquet(folder / "cells.parquet", ["cell_id", "cycle_life", "n_rows", *_METADATA])
    table = read_parquet(folder / "cycles.parquet", ["cell_id", "row", "capacity", *FEATURES])
    cells = cells.fillna({"life_source": "", "protocol": ""})
    tables = by_cell(table)
    records = [_record(cell, tables[cell.cell_id], folder) for cell in rows_of(cells)]
    splits = {str(name): tuple(part["cell_id"]) for name, part in cells.groupby("group", sort=False)}
    return CyclingSet(
        tuple(records),
        "cycle features",
        {**splits, **read_splits(folder / "splits.json")},
        _EXTRACT.notes,
    )


def _record(cell: Any, table: pd.DataFrame, folder: Path) -> CyclingRecord:
    table = table.sort_values("row")
    cycles = pd.DataFrame(
        {
            "cycle_number": table["row"].to_numpy(dtype=float),
            "discharge_capacity": table["capacity"].to_numpy(dtype=float),
            **{name: table[name].to_numpy(dtype=float) for name in FEATURES},
        }
    )
    life = life_of(cell.cycle_life)
    flags: list[str] = []
    if life is None:
        flags.append(f"life unknown: censored at the last row, {cell.n_rows}")
    if cell.life_source.startswith("end_of_test"):
        flags.append("life is the end of the test at 80 to 83 % of nominal, slightly too short")
    if cell.row_retention_vs_life < _LOW_RETENTION:
        flags.append(
            f"only {cell.row_retention_vs_life:.0%} of the cycles are kept: row numbers lag far behind cycle numbers"
        )
    return CyclingRecord(
        cell_id=cell.cell_id,
        domain=domain_of(cell, str(cell.group), cell.protocol),
        nominal_capacity=float(np.round(cell.nominal_capacity_Ah, 4)),
        cycles=cycles,
        protocol=cell.protocol,
        temperature=float(cell.temperature_C) + KELVIN,
        end_of_life_cycle=life,
        last_cycle=max(float(cell.n_rows), life or 0.0),
        life_definition=cell.life_source or "unknown",
        metadata=metadata_of(cell, _METADATA),
        flags=tuple(flags),
        provenance=_EXTRACT.provenance(folder),
    )
