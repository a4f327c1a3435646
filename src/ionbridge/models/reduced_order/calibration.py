"""A few physical numbers of a reduced cell, fitted to series with priors: resistance, diffusivities, heat.

The numbers are `cell.py`; what is learned beyond them is `rom.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ionbridge.datasets.profiles import CellSeries
from ionbridge.exceptions import ConfigurationError, ConvergenceError, InsufficientDataError
from ionbridge.execution import one_thread
from ionbridge.models.reduced_order.cell import FACTORS, ReducedCell
from ionbridge.models.reduced_order.rollout import Batch, flat_outputs, forced
from ionbridge.models.reduced_order.stepping import Stepper

__all__ = ["PRIOR_SPREAD", "Calibration", "calibrate", "initial_socs"]

Array = NDArray[np.float64]
PRIOR_SPREAD: Mapping[str, float] = MappingProxyType(
    {
        "resistance": 0.7,
        "kinetics": 0.7,
        "diffusivity_negative": 0.7,
        "diffusivity_positive": 0.7,
        "electrolyte": 1.0,
        "electrolyte_time": 0.5,
        "capacity": 0.02,
        "hysteresis": 0.5,
        "resistance_energy": 0.5,
        "heat_capacity": 0.3,
        "cooling": 0.5,
    }
)
"""Standard deviations of the logarithms of the factors before any data is seen."""
DEFAULT_FACTORS = (
    "resistance",
    "kinetics",
    "diffusivity_negative",
    "diffusivity_positive",
    "electrolyte",
    "electrolyte_time",
    "resistance_energy",
)
SOC_SPREAD = 0.01
VOLTAGE_NOISE = 5e-3
TEMPERATURE_NOISE = 0.2
ROWS_THAT_COUNT = 50
"""Independent errors that one series is taken to hold: neighbouring samples err alike."""


@dataclass(frozen=True)
class Calibration:
    """Outcome of `calibrate`.

    Parameters
    ----------
    factors : by name, see `FACTORS`.
    soc_shift : added to the state of charge at the start of every series [-].
    voltage_rmse_before, voltage_rmse_after : on the series it was fitted to [V].
    """

    factors: dict[str, float] = field(default_factory=dict)
    soc_shift: float = 0.0
    voltage_rmse_before: float = float("nan")
    voltage_rmse_after: float = float("nan")


def initial_socs(cell: ReducedCell, series: Sequence[CellSeries]) -> Array:
    """State of charge at the start of each series; where unknown, that of its first voltage at rest [-]."""
    found = []
    for item in series:
        soc = float(item.initial_soc)
        if not np.isfinite(soc):
            side = -cell.hysteresis if item.current[0] <= 0 else cell.hysteresis
            soc = cell.soc_at(float(item.voltage[0]) + (0.0 if cell.hysteresis == 0 else -side))
        found.append(soc)
    return np.array(found)


def calibrate(
    cell: ReducedCell,
    series: Sequence[CellSeries],
    names: Sequence[str] = DEFAULT_FACTORS,
    *,
    prior_spread: Mapping[str, float] = PRIOR_SPREAD,
    shift_soc: bool = False,
    hysteresis: float = 0.0,
    max_points: int = 400,
    max_evaluations: int = 12,
    masks: Sequence[NDArray[np.bool_]] | None = None,
) -> tuple[ReducedCell, Calibration]:
    """Fit factors on physical numbers of `cell` to measured or simulated series.

    Least squares on voltage (states under the known temperatures) and, where ``heat_capacity`` or
    ``cooling`` is fitted, on temperature, with log-normal priors around 1. Factors that the data
    do not determine stay near 1.

    Parameters
    ----------
    series : with voltage and temperature.
    names : of the factors, see `FACTORS`.
    prior_spread : standard deviation of the logarithm of each factor.
    shift_soc : whether a common error of the state of charge at the start is fitted too.
    hysteresis : state at the start of every series, -1 (discharged into) to 1.
    max_points : of each series that count; the others only carry the state.
    masks : points of each series that may count, each of shape (n_points,); None for all.

    Raises
    ------
    InsufficientDataError
        If there is no series.
    ConfigurationError
        If a name is not known.
    ConvergenceError
        If the fit ends with a voltage that is not finite.
    """
    if not series:
        raise InsufficientDataError("calibrate needs at least one series; got none.")
    unknown = [name for name in names if name not in FACTORS]
    if unknown:
        raise ConfigurationError(f"'names' of calibrate must be among {list(FACTORS)}; got {unknown}.")
    names = [n for n in names if n != "hysteresis" or cell.hysteresis > 0]
    problem = _Problem(cell, series, names, prior_spread, shift_soc, hysteresis, max_points, masks)
    start = np.zeros(len(names) + int(shift_soc))
    with one_thread():
        before = problem.voltage_rmse(start)
        found = least_squares(
            problem.residuals,
            start,
            bounds=(-4.0, 4.0),
            max_nfev=max_evaluations,
            diff_step=1e-3,
            x_scale="jac",
        )
        after = problem.voltage_rmse(found.x)
    if not np.isfinite(after):
        raise ConvergenceError(
            "calibrate ended with a voltage that is not finite; check the series for outliers."
        )
    if after > before:  # the priors or the temperature won
        found.x = start if problem.cost(start) <= problem.cost(found.x) else found.x
    factors = problem.factors(found.x)
    result = Calibration(factors, problem.shift(found.x), before, problem.voltage_rmse(found.x))
    return cell.adjusted(**factors), result


class _Problem:
    """Residuals of one calibration as a function of standardised logarithms."""

    def __init__(
        self,
        cell: ReducedCell,
        series: Sequence[CellSeries],
        names: Sequence[str],
        spread: Mapping[str, float],
        shift_soc: bool,
        hysteresis: float,
        max_points: int,
        masks: Sequence[NDArray[np.bool_]] | None,
    ) -> None:
        self.cell, self.names, self.shift_soc, self.hysteresis = cell, list(names), shift_soc, hysteresis
        self.spread = np.array([spread.get(name, PRIOR_SPREAD[name]) for name in names])
        self.series = list(series)
        self.soc = initial_socs(cell, series)
        shape = (max(len(s) for s in series), len(series))
        self.voltage, self.temperature = np.empty(shape), np.empty(shape)
        weight = np.zeros(shape)
        for k, item in enumerate(series):
            n = len(item)
            self.voltage[:, k] = np.pad(item.voltage, (0, shape[0] - n), mode="edge")
            self.temperature[:, k] = np.pad(item.temperature, (0, shape[0] - n), mode="edge")
            counted = counted_points(item, max_points)
            counted = counted if masks is None else counted[masks[k][counted]]
            if len(counted) == 0:
                continue
            weight[counted, k] = np.sqrt(ROWS_THAT_COUNT / len(counted))
        self.weight = weight
        self.counted = weight > 0
        self.fits_heat = bool({"heat_capacity", "cooling"} & set(names)) and cell.heat_capacity > 0
        self.batch = Batch.of(series, cell.capacity)

    def factors(self, x: Array) -> dict[str, float]:
        values = np.exp(x[: len(self.names)] * self.spread)
        return dict(zip(self.names, (float(v) for v in values), strict=True))

    def shift(self, x: Array) -> float:
        return float(x[-1] * SOC_SPREAD) if self.shift_soc else 0.0

    def errors(self, x: Array) -> tuple[Array, Array | None]:
        """Voltage error of the counted points [V], and temperature error [K] where it is fitted."""
        cell = self.cell.adjusted(**self.factors(x))
        stepper = Stepper(cell)
        batch = self.batch if cell.capacity == self.cell.capacity else Batch.of(self.series, cell.capacity)
        states = forced(stepper, batch, self.soc + self.shift(x), self.temperature, self.hysteresis)
        if not self.fits_heat:
            picked = states[:, self.counted]
            return stepper.outputs(picked, batch.rate[self.counted]).voltage - self.voltage[
                self.counted
            ], None
        out = flat_outputs(stepper, states, batch.rate)
        shape = batch.rate.shape
        excess = self.voltage - out.open_circuit_voltage.reshape(shape)
        heat = (
            batch.mean_rate * cell.capacity * (excess + self.temperature * out.entropic_change.reshape(shape))
        )
        temperature = np.empty(shape)
        temperature[0] = now = self.temperature[0]
        for i in range(1, len(heat)):
            settled = batch.ambient[i] + heat[i] / cell.cooling
            now = settled + (now - settled) * np.exp(-batch.dt[i] * cell.cooling / cell.heat_capacity)
            temperature[i] = now
        warm = (temperature - self.temperature)[self.counted]
        return (out.voltage.reshape(shape) - self.voltage)[self.counted], warm

    def residuals(self, x: Array) -> Array:
        voltage, warm = self.errors(x)
        weight = self.weight[self.counted]
        parts = [np.clip(voltage, -1, 1) / VOLTAGE_NOISE * weight, x]
        if warm is not None:
            parts.append(warm / TEMPERATURE_NOISE * weight)
        return np.nan_to_num(np.concatenate(parts), nan=1e3)

    def cost(self, x: Array) -> float:
        return float((self.residuals(x) ** 2).sum())

    def voltage_rmse(self, x: Array) -> float:
        return float(np.sqrt(np.mean(self.errors(x)[0] ** 2)))


def counted_points(series: CellSeries, max_points: int) -> NDArray[np.int64]:
    """Points of a series that are evenly spread over it and not within a jump of the current."""
    settled = np.flatnonzero(series.settled())
    if len(settled) == 0:
        settled = np.arange(len(series))
    if len(settled) <= max_points:
        return settled
    return settled[np.unique(np.linspace(0, len(settled) - 1, max_points).round().astype(int))]
