"""Reader of TJU (NCA, NMC, NMC+NCA): one CSV a cell with the column names of EC-Lab.

Columns and file names (``CY25-05_1-#1.csv``: 25 °C, charge 0.5C, discharge 1C) as documented with
Zenodo record 6405084.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling.formats import CellInfo, CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.readers.cycling.biologic import COLUMNS

__all__ = ["FORMAT", "describe", "read_tju"]

_NAME = re.compile(r"CY(?P<temperature>\d+)-(?P<charge>\d+)_(?P<discharge>\d+)-#(?P<number>\d+)")
# by part of the folder's name, the longest first: the publishers write NCM
_CATHODES = {"NCM_NCA": "NMC+NCA", "NMC_NCA": "NMC+NCA", "NCA": "NCA", "NCM": "NMC", "NMC": "NMC"}
_NOMINAL = {"NCA": 3.5, "NMC": 3.5, "NMC+NCA": 2.5}


def _rate(text: str) -> float:
    """C-rate of ``025``, ``05``, ``1``: a leading zero stands before the point."""
    return float(f"0.{text[1:]}") if text.startswith("0") and len(text) > 1 else float(text)


def describe(path: Path) -> CellInfo:
    """Read the name of a file; the cathode is taken from its folder (``Dataset_1_NCA_battery``)."""
    parts = _NAME.search(path.stem)
    folder = path.resolve().parent.name.upper().replace("-", "_").replace("+", "_")
    cathode = next((name for key, name in _CATHODES.items() if key in folder), "")
    if parts is None:
        return CellInfo(cell_id=f"TJU_{path.stem}")
    charge, discharge = _rate(parts["charge"]), _rate(parts["discharge"])
    protocol = f"CCCV {charge:g}C to 4.2 V, {discharge:g}C discharge"
    group = "_".join(filter(None, ("TJU", cathode.replace("+", "_"))))
    return CellInfo(
        cell_id=f"{group}_{path.stem}",
        domain=Domain(
            f"{cathode or 'unknown'} (TJU)",
            chemistry=f"{cathode}/graphite" if cathode else "unknown",
            process=protocol,
            format="18650",
            origin="experiment",
        ),
        nominal_capacity=_NOMINAL.get(cathode),
        temperature=float(parts["temperature"]) + 273.15,
        protocol=protocol,
        metadata={"group": group, "charge_rate": charge, "discharge_rate": discharge, "cathode": cathode},
    )


FORMAT = CyclerFormat(
    name="tju",
    suffixes=(".csv",),
    sign="charge_positive",
    columns=COLUMNS,
    describe=describe,
    licence="CC-BY-4.0",
    citation="Zhu et al., Nature Communications 13 (2022) 2261, doi:10.1038/s41467-022-29837-w",
)


def read_tju(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell.

    Parameters
    ----------
    path : CSV of one cell, in the folder of its chemistry.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
