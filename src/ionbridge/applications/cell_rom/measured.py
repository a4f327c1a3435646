"""Measured cells: their open-circuit voltage from a slow test, and the start of a measured series.

Readers of files are the datasets room; fitting physical numbers is `ionbridge.models.reduced_order`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.profiles import CellSeries
from ionbridge.exceptions import DataError
from ionbridge.models.reduced_order import Calibration, ReducedCell, Stepper, calibrate
from ionbridge.models.reduced_order.calibration import DEFAULT_FACTORS
from ionbridge.models.reduced_order.rollout import Batch, forced

__all__ = ["fit_measured_cell", "open_circuit_from_slow_test"]

Array = NDArray[np.floating[Any]]
N_CURVE = 400


def open_circuit_from_slow_test(
    cell: ReducedCell, slow: CellSeries, *, hysteresis: float | None = None, rounds: int = 3
) -> ReducedCell:
    """Replace the open-circuit voltage so that the model gives back a slow charge or discharge.

    What the cell loses under that current (resistance, kinetics, diffusion, hysteresis) is taken
    off by the model itself, a few times over, since the states depend on none of it but the result does.

    Parameters
    ----------
    cell : its physical numbers, as well as they are known.
    slow : one slow charge or discharge over the whole range; `initial_soc` must be known.
    hysteresis : half the gap between charge and discharge [V]; None keeps the cell's.

    Raises
    ------
    DataError
        If the test covers less than nine tenths of the capacity, or its start is not known.
    """
    if hysteresis is not None:
        cell = replace(cell, hysteresis=hysteresis)
    if not np.isfinite(slow.initial_soc):
        raise DataError(
            "'slow' of open_circuit_from_slow_test needs its 'initial_soc': 0 for a charge, 1 for a discharge."
        )
    soc = slow.initial_soc + slow.charge / cell.capacity
    if np.ptp(soc) < 0.9:
        raise DataError(
            f"'slow' of open_circuit_from_slow_test must cover nine tenths of the capacity; it covers {np.ptp(soc):.0%} of "
            f"{cell.capacity:.3g} Ah."
        )
    side = float(np.sign(slow.charge[-1]))
    grid = np.linspace(max(0.0, soc.min()), min(1.0, soc.max()), N_CURVE)
    first = np.maximum.accumulate(np.interp(grid, *_rising(soc, slow.voltage)))
    cell = cell.lumped(grid, first)
    for _ in range(rounds):
        batch = Batch.of([slow], cell.capacity)
        stepper = Stepper(cell)
        states = forced(stepper, batch, np.array([slow.initial_soc]), slow.temperature[:, None], side)
        modelled = stepper.outputs(states[:, :, 0], batch.rate[:, 0], correct=False)
        # the curve is shifted where the surface is: that is what the voltage answers to
        lost = modelled.physical_voltage - modelled.open_circuit_voltage
        curve = np.interp(grid, *_rising(modelled.positive_surface_soc, slow.voltage - lost))
        cell = cell.lumped(grid, np.maximum.accumulate(_smooth(curve)))
    return cell


def _rising(soc: Array, values: Array) -> tuple[Array, Array]:
    """Points in the order of `soc`, those at equal ones averaged."""
    order = np.argsort(soc, kind="stable")
    places, member = np.unique(np.round(soc[order], 6), return_inverse=True)
    return places, np.bincount(member, values[order]) / np.bincount(member)


def _smooth(values: Array, width: int = 5) -> Array:
    """Moving mean, shape of `values`."""
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")


def fit_measured_cell(
    cell: ReducedCell,
    slow: CellSeries,
    series: Sequence[CellSeries],
    names: Sequence[str] = (*DEFAULT_FACTORS, "hysteresis"),
    *,
    hysteresis_start: float = 1.0,
    rounds: int = 3,
) -> tuple[ReducedCell, Calibration]:
    """Open-circuit voltage from a slow test and a few physical numbers from series, in turns.

    Parameters
    ----------
    cell : numbers of a similar cell, capacity of this one.
    slow : see `open_circuit_from_slow_test`.
    series : what the numbers are fitted to.
    names : of the fitted factors.
    hysteresis_start : state of the hysteresis at the start of `series`.
    """
    found, result = cell, Calibration()
    total: dict[str, float] = {}
    for _ in range(rounds):
        found = open_circuit_from_slow_test(found, slow)
        # priors stay those around the given numbers: start from them each time
        soc = np.linspace(0.0, 1.0, N_CURVE)
        base = cell.lumped(soc, found.open_circuit_voltage(soc))
        found, result = calibrate(base, series, names, hysteresis=hysteresis_start)
        total = result.factors
    return found, replace(result, factors=total)
