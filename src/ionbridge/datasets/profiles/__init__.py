"""Profiles of current and what cells answered to them: series of voltage, temperature and states.

Cycling records over a life are the cycling room; computing series is `ionbridge.physics.cells`.
"""

from ionbridge.datasets.profiles.checks import check_scale, check_sign
from ionbridge.datasets.profiles.files import read_cell_series, read_profile
from ionbridge.datasets.profiles.profile import Profile
from ionbridge.datasets.profiles.series import STATES, CellSeries, CellSeriesSet

__all__ = [
    "STATES",
    "CellSeries",
    "CellSeriesSet",
    "Profile",
    "check_scale",
    "check_sign",
    "read_cell_series",
    "read_profile",
]
