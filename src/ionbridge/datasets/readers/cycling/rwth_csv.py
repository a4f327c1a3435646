"""Reader of RWTH: the raw CSV files of 48 Sanyo cells (``*epSanyo002=ZYK*Zyk*.csv``), German headers.

Column names as in publication record 818642 of RWTH Aachen: ``Zeit`` (date and time),
``Programmdauer`` [ms], ``Strom`` [A], ``Spannung`` [V]; the second row holds units.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling.formats import CellInfo, CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord

__all__ = ["FORMAT", "describe", "read_rwth_csv"]

_PROTOCOL = "partial cycling between 20 and 80 % of charge, 3.5 to 3.9 V, 4 A"
_CELL = re.compile(r"(epSanyo\d{3})", re.IGNORECASE)


def describe(path: Path) -> CellInfo:
    """Name the cell after the part ``epSanyo002`` of its file."""
    found = _CELL.search(path.name)
    return CellInfo(
        cell_id=f"RWTH_{found[1]}" if found else path.stem,
        domain=Domain("NMC (RWTH)", "NMC/graphite", process=_PROTOCOL, format="18650", origin="experiment"),
        nominal_capacity=1.85,
        temperature=298.15,
        protocol=_PROTOCOL,
        metadata={"group": "RWTH", "cathode": "NMC"},
    )


FORMAT = CyclerFormat(
    name="rwth_csv",
    suffixes=(".csv",),
    sign="charge_positive",
    columns={
        "datetime": {"Zeit": "1"},
        "restarting_time": {"Programmdauer": "ms"},
        "current": {"Strom": "A"},
        "voltage": {"Spannung": "V"},
        "temperature": {"Temperatur": "degC"},
        "step": {"Schritt": "1"},
        "cycle": {"Zyklus": "1"},
    },
    times=("restarting_time", "datetime"),
    describe=describe,
    citation="Li et al., RWTH publication 818642, doi:10.18154/RWTH-2021-04545",
)


def read_rwth_csv(path: str | Path | Sequence[str | Path], **options: Any) -> CyclingRecord:
    """Read one cell from its files, in the given order.

    The cells were cycled partially: set ``threshold`` and ``nominal_capacity`` accordingly, or take
    capacities from check-ups.

    Parameters
    ----------
    path : one or several CSV files of one cell.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
