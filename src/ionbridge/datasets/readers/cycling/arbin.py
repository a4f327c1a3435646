"""Reader of Arbin exports: CSV, and workbooks whose ``Channel`` sheets hold the samples.

Column names as written by MITS Pro since version 4 (``Test_Time(s)``, ``Current(A)``) and by later
versions with spaces; both are shown in the public CALCE files and in the documentation of PyProBE.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ionbridge.datasets.cycling.formats import CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord

__all__ = ["FORMAT", "read_arbin"]

FORMAT = CyclerFormat(
    name="arbin",
    suffixes=(".csv", ".txt", ".xlsx", ".xlsm"),
    sign="charge_positive",
    columns={
        "time": {"Test_Time(s)": "s"},
        "datetime": {"Date_Time": "1", "DateTime": "1"},
        "current": {"Current(A)": "A", "Current(mA)": "mA"},
        "voltage": {"Voltage(V)": "V", "Voltage(mV)": "mV"},
        "temperature": {
            "Aux_Temperature_1(C)": "degC",
            "Aux_Temperature(C)_1": "degC",
            "Temperature(C)_1": "degC",
            "Temperature (C)_1": "degC",
        },
        "internal_resistance": {"Internal_Resistance(Ohm)": "Ohm", "Internal Resistance (Ohm)": "Ohm"},
        "cycle": {"Cycle_Index": "1"},
        "step": {"Step_Index": "1"},
    },
)


def read_arbin(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell from an Arbin file.

    Parameters
    ----------
    path : CSV or workbook.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
