"""The one function that turns our sign of the current into PyBaMM's, and back.

Here a positive current charges the cell; in PyBaMM it discharges it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["flip_current"]


def flip_current(current: ArrayLike) -> NDArray[np.float64]:
    """Turn a current that is positive in charging into one that is positive in discharging, or back.

    Parameters
    ----------
    current : any shape [A].
    """
    return -np.asarray(current, dtype=float) + 0.0  # no negative zero
