"""Cycling data: cells with their cycles and curves, and how these are made from time series.

Readers of files are in `ionbridge.datasets.readers.cycling`; features and models are higher up.
"""

from ionbridge.datasets.cycling.collection import CyclingSet, read_splits, write_splits
from ionbridge.datasets.cycling.end_of_life import EndOfLife, end_of_life, running_median
from ionbridge.datasets.cycling.record import CurveSet, CyclingRecord
from ionbridge.datasets.cycling.storage import load_record, load_set, save_record, save_set

__all__ = [
    "CurveSet",
    "CyclingRecord",
    "CyclingSet",
    "EndOfLife",
    "end_of_life",
    "load_record",
    "load_set",
    "read_splits",
    "running_median",
    "save_record",
    "save_set",
    "write_splits",
]
