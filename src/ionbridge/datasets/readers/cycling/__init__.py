"""Readers of cycling data: one small file a source.

What they make, `CyclingRecord` and `CyclingSet`, is in `ionbridge.datasets.cycling`.
"""

from ionbridge.datasets.readers.cycling.arbin import read_arbin
from ionbridge.datasets.readers.cycling.batteryarchive import (
    read_batteryarchive,
    read_batteryarchive_cycles,
    read_batteryarchive_folder,
)
from ionbridge.datasets.readers.cycling.bdf import read_bdf
from ionbridge.datasets.readers.cycling.biologic import read_biologic
from ionbridge.datasets.readers.cycling.calb_nmc import read_calb_nmc
from ionbridge.datasets.readers.cycling.calce import read_calce
from ionbridge.datasets.readers.cycling.calce_cs2 import read_calce_cs2
from ionbridge.datasets.readers.cycling.cycle_features import read_cycle_features
from ionbridge.datasets.readers.cycling.hnei import read_hnei
from ionbridge.datasets.readers.cycling.hust import read_hust
from ionbridge.datasets.readers.cycling.maccor import read_maccor
from ionbridge.datasets.readers.cycling.matr import read_matr
from ionbridge.datasets.readers.cycling.matr_mat import iterate_matr_mat, read_matr_mat
from ionbridge.datasets.readers.cycling.nasa_capacity import read_nasa_capacity
from ionbridge.datasets.readers.cycling.neware import read_neware
from ionbridge.datasets.readers.cycling.rwth_csv import read_rwth_csv
from ionbridge.datasets.readers.cycling.rwth_nmc import read_rwth_nmc
from ionbridge.datasets.readers.cycling.tju import read_tju
from ionbridge.datasets.readers.cycling.xjtu import read_xjtu

__all__ = [
    "iterate_matr_mat",
    "read_arbin",
    "read_batteryarchive",
    "read_batteryarchive_cycles",
    "read_batteryarchive_folder",
    "read_bdf",
    "read_biologic",
    "read_calb_nmc",
    "read_calce",
    "read_calce_cs2",
    "read_cycle_features",
    "read_hnei",
    "read_hust",
    "read_maccor",
    "read_matr",
    "read_matr_mat",
    "read_nasa_capacity",
    "read_neware",
    "read_rwth_csv",
    "read_rwth_nmc",
    "read_tju",
    "read_xjtu",
]
