"""Reader of text exported by Maccor: unsigned current with a column of states.

Column names of the tab-separated export (``Test (Sec)``, ``Amps``, ``Volts``, ``State``) and of the
variant documented by PyProBE (``Test Time (sec)``, ``Current``, ``Voltage``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ionbridge.datasets.cycling.formats import CLOCK, CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord

__all__ = ["FORMAT", "read_maccor"]

FORMAT = CyclerFormat(
    name="maccor",
    suffixes=(".csv", ".txt"),
    sign="unsigned",
    columns={
        "time": {
            "Test (Sec)": "s",
            "Test Time (sec)": "s",
            "Test (Min)": "min",
            "Test (Hr)": "h",
            "TestTime": CLOCK,
        },
        "current": {"Amps": "A", "Current": "A", "Current (A)": "A"},
        "voltage": {"Volts": "V", "Voltage": "V", "Voltage (V)": "V"},
        "temperature": {"Temp 1": "degC", "EV Temp": "degC"},
        "cycle": {"Cyc#": "1", "Cycle C": "1", "Cycle": "1"},
        "step": {"Step": "1"},
        "state": {"State": "1", "MD": "1"},
    },
    states={"C": 1, "D": -1, "R": 0, "P": 0, "S": 0, "O": 0, "A": 0, "I": 0},
)


def read_maccor(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell from Maccor text.

    Parameters
    ----------
    path : the export.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
