"""Profiles of current and what cells answered to them: series of voltage, temperature and states.

Cycling records over a life are the cycling room; computing series is `ionbridge.physics.cells`.
"""

from ionbridge.datasets.profiles.checks import check_scale, check_sign
from ionbridge.datasets.profiles.drive_cycles import DRIVE_CYCLES, drive_cycle, random_cycle
from ionbridge.datasets.profiles.files import read_cell_series, read_profile
from ionbridge.datasets.profiles.open_circuit import (
    OpenCircuitCurve,
    open_circuit_from_rests,
    open_circuit_from_slow,
)
from ionbridge.datasets.profiles.profile import Profile
from ionbridge.datasets.profiles.series import STATES, CellSeries, CellSeriesSet
from ionbridge.datasets.profiles.storage import (
    load_cell_series,
    load_series_set,
    save_cell_series,
    save_series_set,
)

__all__ = [
    "DRIVE_CYCLES",
    "STATES",
    "CellSeries",
    "CellSeriesSet",
    "OpenCircuitCurve",
    "Profile",
    "check_scale",
    "check_sign",
    "drive_cycle",
    "load_cell_series",
    "load_series_set",
    "open_circuit_from_rests",
    "open_circuit_from_slow",
    "random_cycle",
    "read_cell_series",
    "read_profile",
    "save_cell_series",
    "save_series_set",
]
