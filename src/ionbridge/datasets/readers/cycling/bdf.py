"""Reader of the Battery Data Format (BDF) of the Battery Data Alliance: CSV and Parquet.

Column names are the preferred labels and the machine-readable names of its ontology,
https://w3id.org/battery-data-alliance/ontology/battery-data-format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ionbridge.datasets.cycling.formats import CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord

__all__ = ["FORMAT", "read_bdf"]

FORMAT = CyclerFormat(
    name="bdf",
    suffixes=(".csv", ".txt", ".bdf", ".parquet", ".pq"),
    sign="charge_positive",
    columns={
        "time": {
            "Test Time / s": "s",
            "test_time_second": "s",
            "Unix Time / s": "s",
            "unix_time_second": "s",
        },
        "current": {"Current / A": "A", "current_ampere": "A"},
        "voltage": {"Voltage / V": "V", "voltage_volt": "V"},
        "temperature": {
            "Temperature T1 / degC": "degC",
            "temperature_t1_celsius": "degC",
            "Surface Temperature / degC": "degC",
            "surface_temperature_celsius": "degC",
            "Ambient Temperature / degC": "degC",
            "ambient_temperature_celsius": "degC",
        },
        "internal_resistance": {
            "Internal Resistance / Ohm": "Ohm",
            "Internal Resistance / ohm": "Ohm",
            "internal_resistance_ohm": "Ohm",
        },
        "cycle": {
            "Cycle Count / 1": "1",
            "cycle_count": "1",
            "cycle_dimensionless": "1",
        },
        "step": {"Step Count / 1": "1", "step_count": "1", "Step Index / 1": "1", "step_index": "1"},
    },
)


def read_bdf(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell from a BDF file.

    Parameters
    ----------
    path : CSV or Parquet.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
