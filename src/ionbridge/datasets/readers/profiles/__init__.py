"""Readers of published series of current, voltage and temperature, one module a data set.

A user's own files are read by `ionbridge.datasets.profiles.files`.
"""

from ionbridge.datasets.readers.profiles.a123_lfp_esc import read_a123_lfp_esc
from ionbridge.datasets.readers.profiles.dmegc_nmc import read_dmegc_nmc
from ionbridge.datasets.readers.profiles.enertech_lco import read_enertech_lco
from ionbridge.datasets.readers.profiles.nasa_rw26 import read_nasa_rw26

__all__ = ["read_a123_lfp_esc", "read_dmegc_nmc", "read_enertech_lco", "read_nasa_rw26"]
