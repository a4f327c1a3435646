"""Reader of Neware: text and workbooks exported by BTS, and ``.nda``/``.ndax`` through NewareNDA.

Column names as in exports of BTS 7 and 8 and as documented by BEEP, cellpy and PyProBE. In some
old exports the current has no sign; then the states tell its direction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ionbridge.datasets.cycling.formats import CLOCK, CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.exceptions import DataError
from ionbridge.plugins import import_extra

__all__ = ["FORMAT", "load_binary", "read_neware"]


def load_binary(path: Path) -> pd.DataFrame:
    """Read a ``.nda`` or ``.ndax`` file with the library NewareNDA (extra ``cyclers``).

    Raises
    ------
    MissingExtraError
        If NewareNDA is not installed.
    DataError
        If it cannot read the file.
    """
    library = import_extra("NewareNDA", "cyclers")
    try:
        frame: pd.DataFrame = library.read(str(path))
    except Exception as error:
        raise DataError(
            f"{path.name} cannot be read by NewareNDA: {error}. Export it from BTS as CSV or .xlsx instead."
        ) from error
    return frame


FORMAT = CyclerFormat(
    name="neware",
    suffixes=(".csv", ".txt", ".xlsx", ".xlsm"),
    sign="charge_positive",
    times=("time", "restarting_time", "datetime"),
    columns={
        "time": {"Total Time": CLOCK, "test_time": CLOCK, "Total Time(s)": "s", "total_time_s": "s"},
        "restarting_time": {
            "Time(h:min:s.ms)": CLOCK,
            "Relative Time(h:min:s.ms)": CLOCK,
            "Relative Time": CLOCK,
            "Time": CLOCK,
            "step_time_s": "s",
        },
        "datetime": {
            "Date": "1",
            "Absolute Time": "1",
            "Realtime": "1",
            "Date(h:min:s.ms)": "1",
            "Timestamp": "1",
        },
        "current": {
            "Current(A)": "A",
            "Current(mA)": "mA",
            "Cur(mA)": "mA",
            "Cur(A)": "A",
            "current_mA": "mA",
        },
        "voltage": {
            "Voltage(V)": "V",
            "Voltage(mV)": "mV",
            "Vol(V)": "V",
            "Voltage": "V",
            "voltage_V": "V",
        },
        "temperature": {
            "T1(℃)": "degC",
            "T1(°C)": "degC",
            "T1(C)": "degC",
            "T1": "degC",
            "Auxtemp1(℃)": "degC",
        },
        "internal_resistance": {"DCIR(mΩ)": "mOhm", "DCIR(mOhm)": "mOhm", "DCIR(Ω)": "Ohm", "DCIR(O)": "Ohm"},
        "cycle": {"Cycle Index": "1", "Cycle ID": "1", "Cycle": "1", "cycle_count": "1"},
        "step": {"Step Index": "1", "Step ID": "1", "Step": "1", "step_index": "1"},
        "state": {"Step Type": "1", "Status": "1", "Step Name": "1", "State": "1"},
    },
    states={
        "CC Chg": 1,
        "CV Chg": 1,
        "CCCV Chg": 1,
        "CP Chg": 1,
        "CPCV Chg": 1,
        "CC DChg": -1,
        "CV DChg": -1,
        "CCCV DChg": -1,
        "CP DChg": -1,
        "CPCV DChg": -1,
        "CR DChg": -1,
        "Rest": 0,
        "Pause": 0,
    },
    loaders={".nda": load_binary, ".ndax": load_binary},
)


def read_neware(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell from a Neware file.

    Parameters
    ----------
    path : text, workbook, ``.nda`` or ``.ndax``.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
