"""Ageing histories as numbers to learn: one end value and one shape per indicator.

Learning them is `ageing.py`; histories come from `ionbridge.physics.cells.ageing_histories`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets import Table
from ionbridge.exceptions import InsufficientDataError
from ionbridge.physics.cells.ageing import AgeingHistory
from ionbridge.physics.cells.ageing_histories import AgeingHistories
from ionbridge.quantities import Quantity

__all__ = ["AGEING_INDICATORS", "AgeingIndicator", "indicator_table"]

FloatArray = NDArray[np.float64]
SHAPE_LIMITS = (0.05, 8.0)
"""Lowest and highest exponent of a trajectory [-]."""
SMALLEST_CHANGE = 1e-3  # of the logarithm of a ratio; less has no shape


@dataclass(frozen=True)
class AgeingIndicator:
    """One indicator of ageing.

    Parameters
    ----------
    quantity : of its value.
    growth : takes a history, returns the value along it, shape (n_points,).
    floor : smaller values count as this one; what is learned is the logarithm.
    start : value of a new cell: 0 for what accumulates, 1 for a ratio to the new cell. The
        logarithm of a ratio, like what accumulates, follows a power of the cycles.
    """

    quantity: Quantity
    growth: Callable[[AgeingHistory], FloatArray]
    floor: float
    start: Literal[0, 1] = 0

    def values(self, history: AgeingHistory, equivalent_cycles: FloatArray) -> FloatArray:
        """Values at some equivalent cycles, their shape; NaN behind the end of the history."""
        return history.interpolate(self.growth(history), equivalent_cycles)

    def log_end(self, history: AgeingHistory, n_cycles: float) -> float:
        """Decimal logarithm of the value after `n_cycles`."""
        return float(np.log10(max(self.values(history, np.array([n_cycles]))[0], self.floor)))

    def exponent(self, history: AgeingHistory, n_cycles: float) -> float:
        """Exponent p of ``value = end · (n / n_cycles)^p`` through half of `n_cycles` [-].

        0.5 is growth with the square root of the cycles, 1 is linear, more is a knee.
        """
        half, end = np.maximum(self.values(history, np.array([n_cycles / 2, n_cycles])), self.floor)
        if self.start == 1:
            if min(abs(np.log(half)), abs(np.log(end))) < SMALLEST_CHANGE or (half > 1) != (end > 1):
                return 1.0
            half, end = abs(np.log(half)), abs(np.log(end))
        return float(np.clip(np.log2(end / half), *SHAPE_LIMITS))

    def trajectory(self, log_end: FloatArray, exponent: FloatArray, part: FloatArray) -> FloatArray:
        """Values at parts of `n_cycles`.

        Parameters
        ----------
        log_end, exponent : shape (n_cells,).
        part : of `n_cycles`, shape (n_points,) [-].

        Returns
        -------
        shape (n_cells, n_points).
        """
        power = np.asarray(part)[None, :] ** np.clip(exponent, *SHAPE_LIMITS)[:, None]
        end = np.asarray(log_end)[:, None]
        with np.errstate(over="ignore"):
            return np.asarray(10 ** (end * power) if self.start == 1 else 10**end * power)


def _relative(name: str) -> Callable[[AgeingHistory], FloatArray]:
    def growth(history: AgeingHistory) -> FloatArray:
        return history.values[name] / history.values[name][0]

    return growth


def _fade(history: AgeingHistory) -> FloatArray:
    return 1.0 - _relative("capacity")(history)


def _share_of_capacity(name: str) -> Callable[[AgeingHistory], FloatArray]:
    def growth(history: AgeingHistory) -> FloatArray:
        return history.values[name] / history.values["capacity"][0]

    return growth


def _increase(name: str) -> Callable[[AgeingHistory], FloatArray]:
    def growth(history: AgeingHistory) -> FloatArray:
        return history.values[name] - history.values[name][0]

    return growth


def _quantity(name: str, unit: str, description: str) -> Quantity:
    return Quantity(name, unit, description, iri=f"ionbridge:{name}")


_INDICATORS = (
    AgeingIndicator(
        _quantity("capacity_fade", "1", "Share of the first capacity that is lost."), _fade, 1e-3
    ),
    AgeingIndicator(
        _quantity("resistance_ratio", "1", "Resistance over that of the new cell."),
        _relative("resistance"),
        0.1,
        start=1,
    ),
    AgeingIndicator(
        _quantity("sei_growth", "nm", "Growth of the mean thickness of the SEI on graphite."),
        _increase("sei_thickness"),
        1e-2,
    ),
    AgeingIndicator(
        _quantity("lithium_loss", "1", "Lithium lost to all side reactions over the first capacity."),
        _share_of_capacity("lithium_loss"),
        1e-4,
    ),
    AgeingIndicator(
        _quantity("plated_lithium", "1", "Lithium plated, live and dead, over the first capacity."),
        _share_of_capacity("plated_lithium"),
        1e-5,
    ),
    AgeingIndicator(
        _quantity(
            "negative_material_loss", "1", "Lost share of the active material of the negative electrode."
        ),
        _increase("loss_negative"),
        1e-5,
    ),
    AgeingIndicator(
        _quantity(
            "positive_material_loss", "1", "Lost share of the active material of the positive electrode."
        ),
        _increase("loss_positive"),
        1e-7,
    ),
    AgeingIndicator(
        _quantity("crack_growth", "nm", "Growth of the mean length of the cracks in graphite."),
        _increase("crack_length"),
        1e-3,
    ),
)
AGEING_INDICATORS: Mapping[str, AgeingIndicator] = MappingProxyType({i.quantity.name: i for i in _INDICATORS})
"""Indicators by name."""


def indicator_table(histories: AgeingHistories, name: str, n_cycles: float) -> Table:
    """Conditions, the end value (``end``), its logarithm (``log_end``) and the exponent (``shape``), one row a history.

    Histories that end before `n_cycles` are left out.

    Raises
    ------
    InsufficientDataError
        If none is left.
    """
    whole = histories.whole(n_cycles)
    if not whole:
        longest = max((h.equivalent_cycles[-1] for h in histories.histories), default=0.0)
        raise InsufficientDataError(
            f"none of the {len(histories)} {histories.chemistry} histories reaches {n_cycles:g} equivalent cycles; the "
            f"longest has {longest:.0f}. Ask for fewer, or generate longer ones."
        )
    indicator = AGEING_INDICATORS[name]
    end = Quantity(
        "end", indicator.quantity.unit, f"{name} after {n_cycles:g} equivalent cycles.", positive=True
    )
    log_end = Quantity("log_end", "1", f"Decimal logarithm of {name} after {n_cycles:g} equivalent cycles.")
    shape = Quantity("shape", "1", f"Exponent of {name} over equivalent cycles.")
    columns = {
        "end": (end, [10 ** indicator.log_end(h, n_cycles) for h in whole]),
        "log_end": (log_end, [indicator.log_end(h, n_cycles) for h in whole]),
        "shape": (shape, [indicator.exponent(h, n_cycles) for h in whole]),
    }
    return histories.table(columns, n_cycles)
