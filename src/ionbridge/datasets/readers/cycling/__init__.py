"""Readers of cycling data: one small file a source.

What they make, `CyclingRecord` and `CyclingSet`, is in `ionbridge.datasets.cycling`.
"""

from ionbridge.datasets.readers.cycling.calb_nmc import read_calb_nmc
from ionbridge.datasets.readers.cycling.calce_cs2 import read_calce_cs2
from ionbridge.datasets.readers.cycling.cycle_features import read_cycle_features
from ionbridge.datasets.readers.cycling.hnei import read_hnei
from ionbridge.datasets.readers.cycling.matr import read_matr
from ionbridge.datasets.readers.cycling.nasa_capacity import read_nasa_capacity
from ionbridge.datasets.readers.cycling.rwth_nmc import read_rwth_nmc

__all__ = [
    "read_calb_nmc",
    "read_calce_cs2",
    "read_cycle_features",
    "read_hnei",
    "read_matr",
    "read_nasa_capacity",
    "read_rwth_nmc",
]
