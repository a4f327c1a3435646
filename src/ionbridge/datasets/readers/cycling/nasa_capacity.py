"""Reader of the collected NASA PCoE capacities: 34 cells of 18650, one value a discharge.

There are neither curves nor a stated chemistry in this set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.end_of_life import end_of_life
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.cycling.repair import listed_cycles
from ionbridge.datasets.readers.cycling.extract import KELVIN, Extract, read_parquet

__all__ = ["read_nasa_capacity"]

_EXTRACT = Extract(
    name="nasa_capacity",
    licence="public (NASA); the collection states none",
    citation="Saha and Goebel, NASA Prognostics Data Repository, Battery Data Set (2007)",
    notes=(
        "NASA states no chemistry (papers say LCO, NCA or NMC)",
        "many cells (B0025 to B0056) have few or erratic cycles",
        "cycle numbers count discharges",
    ),
)
_NOMINAL = 2.0
_THRESHOLD = 0.7


def read_nasa_capacity(path: str | Path | None = None) -> CyclingSet:
    """Read the folder ``nasa_capacity``.

    Life ends at 1.4 Ah, 70 % of the rated 2 Ah, as NASA's description has it. Capacities of zero
    are failed measurements and become missing, with a flag.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.

    Raises
    ------
    DataError
        If files or columns are missing.
    """
    folder = _EXTRACT.folder(path)
    columns = ["cell_id", "cycle", "ambient_temperature", "discharge_capacity_Ah"]
    table = read_parquet(folder / "cycles.parquet", columns)
    records = [_record(str(cell), part, folder) for cell, part in table.groupby("cell_id", sort=True)]
    return CyclingSet(tuple(records), "NASA PCoE", {}, _EXTRACT.notes)


def _record(cell_id: str, table: pd.DataFrame, folder: Path) -> CyclingRecord:
    table = table.sort_values("cycle")
    numbers = table["cycle"].to_numpy(dtype=float)
    capacity = table["discharge_capacity_Ah"].to_numpy(dtype=float)
    flags: tuple[str, ...] = ()
    failed = capacity <= 0
    if failed.any():
        flags += (f"discharge capacity of zero set to missing: cycles {listed_cycles(numbers[failed])}",)
        capacity = np.where(failed, np.nan, capacity)
    temperatures = table["ambient_temperature"].unique()
    if len(temperatures) > 1:
        flags += (f"measured at {', '.join(f'{t:g}' for t in temperatures)} degC",)
    start = np.nanmedian(capacity[:5])
    if not start > _THRESHOLD * _NOMINAL:
        flags += (f"first discharges give {start:.2f} Ah: capacity is not comparable with the rated 2 Ah",)
        life, last, definition = None, float(numbers[-1]), "unknown: erratic capacity"
    else:
        found = end_of_life(numbers, capacity, _NOMINAL, _THRESHOLD)
        life, last, definition = found.cycle, found.last_cycle, found.definition
    return CyclingRecord(
        cell_id=cell_id,
        domain=Domain("NASA PCoE", chemistry="unknown", format="18650", origin="experiment"),
        nominal_capacity=_NOMINAL,
        cycles=pd.DataFrame(
            {
                "cycle_number": numbers,
                "discharge_capacity": capacity,
                "temperature_mean": table["ambient_temperature"].to_numpy(dtype=float) + KELVIN,
            }
        ),
        temperature=float(temperatures[0]) + KELVIN if len(temperatures) == 1 else float("nan"),
        end_of_life_threshold=_THRESHOLD,
        end_of_life_cycle=life,
        last_cycle=last,
        life_definition=definition,
        flags=flags,
        provenance=_EXTRACT.provenance(folder),
    )
