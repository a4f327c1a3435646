"""Cycling data: cells with their cycles and curves, and how these are made from time series.

Readers of files are in `ionbridge.datasets.readers.cycling`; features and models are higher up.
"""

from ionbridge.datasets.cycling.capacity import Intervals, cycle_table, interval_charges
from ionbridge.datasets.cycling.cleaning import clean_series
from ionbridge.datasets.cycling.collection import CyclingSet, read_splits, write_splits
from ionbridge.datasets.cycling.curves import curves_on_capacity, curves_on_voltage
from ionbridge.datasets.cycling.end_of_life import EndOfLife, end_of_life, running_median
from ionbridge.datasets.cycling.formats import CellInfo, CyclerFormat
from ionbridge.datasets.cycling.reading import (
    cycler_formats,
    detect_format,
    read_cells,
    read_record,
    read_series,
)
from ionbridge.datasets.cycling.record import CurveSet, CyclingRecord
from ionbridge.datasets.cycling.series import TimeSeries, join_series
from ionbridge.datasets.cycling.signs import charging_positive
from ionbridge.datasets.cycling.steps import Steps, find_cycles, find_steps
from ionbridge.datasets.cycling.storage import load_record, load_set, save_record, save_set
from ionbridge.datasets.cycling.summary import CurveGrid, record_from_series

__all__ = [
    "CellInfo",
    "CurveGrid",
    "CurveSet",
    "CyclerFormat",
    "CyclingRecord",
    "CyclingSet",
    "EndOfLife",
    "Intervals",
    "Steps",
    "TimeSeries",
    "charging_positive",
    "clean_series",
    "curves_on_capacity",
    "curves_on_voltage",
    "cycle_table",
    "cycler_formats",
    "detect_format",
    "end_of_life",
    "find_cycles",
    "find_steps",
    "interval_charges",
    "join_series",
    "load_record",
    "load_set",
    "read_cells",
    "read_record",
    "read_series",
    "read_splits",
    "record_from_series",
    "running_median",
    "save_record",
    "save_set",
    "write_splits",
]
