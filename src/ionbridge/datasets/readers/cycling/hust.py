"""Reader of HUST (77 LFP cells) as CSV: one file a cell, with the columns of the publisher's tables.

The published files are pickles, which are refused. Their tables, one a cycle, have the columns
``Status, Cycle number, Current (mA), Voltage (V), Capacity (mAh), Time (s)`` (Mendeley Data
nsc7hnsg4s); write them below each other into one CSV a cell, named after it (``1-1.csv``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling.formats import CellInfo, CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord

__all__ = ["FORMAT", "describe", "read_hust"]

_PROTOCOL = "5C charge to 80 %, then 1C to 3.6 V and CV; multi-stage discharge to 2.0 V"


def describe(path: Path) -> CellInfo:
    """Name the cell after its file, as the literature does: ``1-1.csv`` is ``HUST_1-1``."""
    stem = path.stem
    return CellInfo(
        cell_id=stem if stem.upper().startswith("HUST") else f"HUST_{stem}",
        domain=Domain("LFP (HUST)", "LFP/graphite", process=_PROTOCOL, format="18650", origin="experiment"),
        nominal_capacity=1.1,
        temperature=303.15,
        protocol=_PROTOCOL,
        metadata={"group": "HUST", "cathode": "LFP"},
    )


FORMAT = CyclerFormat(
    name="hust",
    suffixes=(".csv",),
    sign="charge_positive",
    columns={
        "restarting_time": {"Time (s)": "s"},
        "current": {"Current (mA)": "mA"},
        "voltage": {"Voltage (V)": "V"},
        "cycle": {"Cycle number": "1"},
    },
    required=("current", "voltage", "cycle"),
    describe=describe,
    licence="CC-BY-4.0",
    citation="Ma et al., Energy & Environmental Science 15 (2022) 4083, doi:10.1039/D2EE01676A",
)


def read_hust(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell.

    Parameters
    ----------
    path : CSV of one cell; a pickle is refused with the reason.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
