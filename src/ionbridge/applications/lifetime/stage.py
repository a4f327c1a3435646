"""The life-stage curve: what the fade so far says about the life, learned from whole source lives.

Using it beside a few target cells is `strategies.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ionbridge.applications.lifetime.features import stage_of_window
from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import InsufficientDataError

__all__ = ["LifeStage", "fit_life_stage"]

STAGES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
MIN_WINDOWS = 20


@dataclass(frozen=True)
class LifeStage:
    """``log(life / seen) = gain · s / (s + half)`` of the linear life stage ``s`` (`log_life_stage`).

    At ``s = 0`` the life is what has been seen, whatever the chemistry; far from the end the
    linear fade says less and less.

    Parameters
    ----------
    gain : log(life / seen) far from the end [-].
    half : stage at which half the gain is reached [-].
    spread : standard deviation of the residuals over the source [-].
    """

    gain: float = 3.4
    half: float = 4.6
    spread: float = 0.22

    def shape(self, stage: NDArray[np.float64]) -> NDArray[np.float64]:
        """``s / (s + half)``, same shape as `stage`."""
        return stage / (stage + self.half)


def fit_life_stage(records: Sequence[CyclingRecord], n_cycles: int = 20) -> LifeStage:
    """Fit the curve to windows of `n_cycles` all along the lives of source cells.

    Parameters
    ----------
    records : cells whose capacity is stored for most of their life; the others are passed over.

    Raises
    ------
    InsufficientDataError
        If there are fewer than 20 windows.
    """
    stages, gains = [], []
    for record in records:
        life = record.end_of_life_cycle
        number, health = record.cycle_numbers, record.state_of_health
        if life is None:
            continue
        for part in STAGES:
            last = part * life
            inside = (number > last - n_cycles) & (number <= last) & np.isfinite(health)
            if inside.sum() >= n_cycles // 2 and number[-1] >= last:
                stage = stage_of_window(number[inside], health[inside], record.end_of_life_threshold)
                stages.append(stage)
                gains.append(np.log(life / number[inside][-1]))
    if len(stages) < MIN_WINDOWS:
        raise InsufficientDataError(
            f"the life-stage curve needs at least {MIN_WINDOWS} windows of cells with whole lives; got {len(stages)}. "
            "Use LifeStage() as it is."
        )
    s, y = np.array(stages), np.array(gains)

    def residual(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return parameters[0] * s / (s + np.exp(parameters[1])) - y

    fitted = least_squares(residual, [1.0, 0.0], loss="soft_l1", f_scale=0.3)
    return LifeStage(
        float(fitted.x[0]), float(np.exp(fitted.x[1])), float(np.sqrt(np.mean(residual(fitted.x) ** 2)))
    )
