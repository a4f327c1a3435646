"""Virtual sensors: internal states of a cell from its measured voltage, current and temperature.

Prediction without a measured voltage is `CellROM.simulate`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from ionbridge.datasets.profiles import CellSeries
from ionbridge.execution import one_thread
from ionbridge.models.reduced_order.calibration import counted_points, initial_socs
from ionbridge.models.reduced_order.rollout import Batch, forced
from ionbridge.models.reduced_order.rom import CellROM

__all__ = ["virtual_sensors"]

_WIDEST = 0.1  # a start known by counting is not off by more [-]
_POINTS = 400


def virtual_sensors(rom: CellROM, series: CellSeries, *, fit_soc: bool = True) -> CellSeries:
    """Internal states under the measured current and temperature, the start corrected by the voltage.

    Parameters
    ----------
    rom : model of the cell.
    series : measured; where its `initial_soc` is unknown, its first voltage is taken to be at rest.
    fit_soc : shift the state of charge at the start by up to 0.1 so that the voltage is met best.

    Returns
    -------
    the series with the stoichiometries, those at the surface, and ``plating_margin`` as states; a flag tells how far the modelled voltage is off and by how much the start was shifted.

    Raises
    ------
    DataError
        If the series cannot be used; see `CellSeries`.
    """
    stepper = rom.stepper()
    batch = Batch.of([series], rom.cell.capacity)
    start = initial_socs(rom.cell, [series]) + rom.soc_shift
    points = counted_points(series, _POINTS)

    with one_thread():
        states = forced(stepper, batch, start, series.temperature[:, None], rom.hysteresis)[:, :, 0]

        def error(shift: float) -> float:
            moved = states[:, points].copy()
            moved[0] += shift
            return float(
                np.mean((stepper.outputs(moved, batch.rate[points, 0]).voltage - series.voltage[points]) ** 2)
            )

        # states move with the start by a constant: nothing is integrated anew
        shift = (
            float(minimize_scalar(error, bounds=(-_WIDEST, _WIDEST), method="bounded").x) if fit_soc else 0.0
        )
        if error(shift) >= error(0.0):
            shift = 0.0
        states[0] += shift
        out = stepper.outputs(states, batch.rate[:, 0])
    found = {"plating_margin": np.asarray(out.negative_potential, dtype=float)}
    for side, surface in (("negative", out.negative_surface_soc), ("positive", out.positive_surface_soc)):
        table = getattr(rom.cell, side)
        found[f"{side}_stoichiometry"] = table.stoichiometry(states[0])
        found[f"{side}_surface_stoichiometry"] = table.stoichiometry(surface)
    off = 1e3 * np.sqrt(error(shift))
    note = f"virtual sensors of {rom.cell.name}: voltage met to {off:.1f} mV, start shifted by {shift:+.4f}"
    return replace(
        series,
        states={**series.states, **found},
        initial_soc=float(start[0] + shift),
        flags=(*series.flags, note),
    )
