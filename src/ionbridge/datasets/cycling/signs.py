"""The sign of the current: the one place where the conventions of cyclers become ours.

Positive current charges the cell, everywhere else in the package.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.exceptions import ConfigurationError, DataError, ShapeError

__all__ = ["SignConvention", "charging_positive"]

SignConvention = Literal["charge_positive", "discharge_positive", "unsigned"]


def charging_positive(
    current: ArrayLike, convention: SignConvention, direction: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Turn a current into one that is positive where it charges the cell.

    Parameters
    ----------
    current : shape (n_samples,) [A].
    convention : of the source. ``unsigned`` is a magnitude whose direction stands in another column.
    direction : shape (n_samples,); 1 charge, -1 discharge, 0 rest, NaN unknown. For ``unsigned`` only.

    Raises
    ------
    DataError
        If an unsigned current flows where the direction is unknown or says rest.
    """
    values = np.asarray(current, dtype=float)
    if convention == "charge_positive":
        return values
    if convention == "discharge_positive":
        return -values
    if convention != "unsigned":
        raise ConfigurationError(
            "'convention' of charging_positive must be charge_positive, discharge_positive or unsigned; "
            f"got {convention!r}."
        )
    if direction is None:
        raise ConfigurationError("'direction' of charging_positive is needed for an unsigned current.")
    signs = np.asarray(direction, dtype=float)
    if signs.shape != values.shape:
        raise ShapeError(
            f"'direction' of charging_positive must have the shape of 'current' {values.shape}; got {signs.shape}."
        )
    magnitude = np.abs(values)
    largest = np.nanmax(magnitude, initial=0.0)
    lost = (magnitude > 1e-3 * largest) & (np.isnan(signs) | (signs == 0))
    if lost.any():
        first = int(np.flatnonzero(lost)[0])
        raise DataError(
            f"sample {first} (from 0): a current of {magnitude[first]:g} A flows, but its direction is "
            f"{'unknown' if np.isnan(signs[first]) else 'rest'}. Correct the column of states."
        )
    return magnitude * np.nan_to_num(signs)
