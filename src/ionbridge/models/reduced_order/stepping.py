"""The step of a reduced-order model: state, current, ambient temperature and time step to new state and voltage.

Pure functions of arrays, so that the same step can be written in C or ONNX (`Stepper.step_arrays`).
Whole profiles are `rollout.py`; the physical numbers are `cell.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ionbridge.models.reduced_order.cell import FARADAY, GAS_CONSTANT, REFERENCE_TEMPERATURE, ReducedCell

__all__ = [
    "FEATURES",
    "FILTER_TIMES",
    "N_MODES",
    "STATE_NAMES",
    "Correction",
    "Outputs",
    "Stepper",
    "mode_roots",
]

Array = NDArray[np.floating[Any]]
FILTER_TIMES = (20.0, 120.0, 600.0)
"""Time constants of the low-pass filtered C-rates that the correction sees [s]."""
N_MODES = 8
N_HEAD = 4 + len(FILTER_TIMES)
STATE_NAMES = (
    "soc",
    "temperature",
    "hysteresis",
    "electrolyte_rate",
    *(f"rate_{time:g}s" for time in FILTER_TIMES),
    *(f"negative_mode_{n + 1}" for n in range(N_MODES)),
    *(f"positive_mode_{n + 1}" for n in range(N_MODES)),
)
"""Entries of the state vector of one cell, in order."""
FEATURES = (
    "rate",
    *(f"rate_{time:g}s" for time in FILTER_TIMES),
    "negative_surface_soc",
    "positive_surface_soc",
    "soc",
    "relative_temperature",
    "overpotential",
    "stiffness",
)
"""Inputs of the correction, in order; all are dimensionless (rates in C)."""
_THERMAL_VOLTAGE = GAS_CONSTANT * REFERENCE_TEMPERATURE / FARADAY
_COOLEST, _WARMEST = 200.0, 400.0
N_COLUMNS = 3


class Correction(Protocol):
    """What a `Stepper` adds to the physical voltage."""

    def __call__(self, features: Array) -> Array:
        """Correction of shape (n_rows,) [V] from features of shape (len(FEATURES), n_rows)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What a step says beside its state; every array has shape (n_rows,).

    Parameters
    ----------
    voltage : [V].
    physical_voltage : without the correction [V].
    open_circuit_voltage : at the surfaces of the particles [V].
    negative_surface_soc, positive_surface_soc : of the particle surfaces, 0 and 1 at the cell's limits [-].
    entropic_change : of the open-circuit voltage [V/K].
    negative_potential : of the negative electrode against the electrolyte beside it, without the
        correction [V]; below 0, metallic lithium can form.
    features : shape (len(FEATURES), n_rows).
    """

    voltage: Array
    physical_voltage: Array
    open_circuit_voltage: Array
    negative_surface_soc: Array
    positive_surface_soc: Array
    entropic_change: Array
    negative_potential: Array
    features: Array


def mode_roots(n_modes: int = N_MODES) -> NDArray[np.float64]:
    """First positive roots of tan(x) = x, shape (n_modes,): decay of the modes of a sphere."""
    x = (np.arange(1, n_modes + 1) + 0.5) * np.pi
    for _ in range(8):  # Newton's method on sin(x) - x cos(x), from just below the pole of tan
        x = x - (np.sin(x) - x * np.cos(x)) / (x * np.sin(x))
    return np.asarray(x, dtype=np.float64)


def _arcsinh(x: Array) -> Array:
    """Inverse hyperbolic sine by the logarithm, several times as fast as numpy's; absolute error of rounding."""
    size = np.abs(x)
    return np.sign(x) * np.log(size + np.sqrt(size * size + 1))


class Stepper:
    """A cell and its correction, ready to be stepped; many rows (profiles) at once.

    Each particle is a sphere under the flux of its electrode. The concentration at its surface is
    the mean plus a sum of modes w, ``dw/dt = -lambda² w / tau + 2/3 u`` with the rate u of the mean
    and tan(lambda) = lambda [1]_; each is integrated exactly for a current that is constant over
    the step. Modes beyond `N_MODES` are taken as settled. Overpotentials follow Butler and Volmer
    with equal transfer coefficients; temperature is that of one thermal mass.

    Parameters
    ----------
    cell : the physical numbers.
    correction : learned part of the voltage; None for none.
    dtype : of all arrays; 64-bit by default.

    References
    ----------
    .. [1] Crank, The mathematics of diffusion, 2nd ed. (1975), eq. 6.45.
    """

    def __init__(
        self, cell: ReducedCell, correction: Correction | None = None, dtype: DTypeLike = np.float64
    ):
        self.cell, self.correction, self.dtype = cell, correction, np.dtype(dtype)
        self._roots = (mode_roots() ** 2).astype(self.dtype)[:, None]
        self._rest = self.dtype.type(2 / 3 * (0.1 - (1 / mode_roots() ** 2).sum()))
        self._decay = np.array([cell.electrolyte_time, *FILTER_TIMES], dtype=self.dtype)[:, None]
        self._sides = [(table, self._packed(table)) for table in (cell.negative, cell.positive)]
        self._exchange_limits = [(values[:, 2].min(), values[:, 2].max()) for _, values in self._sides]

    def _table(self, electrode: Any) -> Array:
        columns = (electrode.potential, electrode.entropic_change, electrode.log_exchange_rate)
        return np.ascontiguousarray(np.stack(columns, axis=1).astype(self.dtype))

    def _packed(self, electrode: Any) -> Array:
        """Entries of a table and the rises to the next ones, so that one look-up finds both; (n_table, 6)."""
        values = self._table(electrode)
        rise = np.diff(values, axis=0)
        return np.concatenate([values, np.concatenate([rise, rise[-1:]])], axis=1)

    def step_arrays(self) -> dict[str, Array]:
        """Everything the step needs beside the correction, for writing it in another language.

        Returns
        -------
        roots : shape (n_modes,); squares of lambda.
        scalars : shape (17,); see the order in the documentation of the reduced-order model.
        filter_times : shape (1 + n_filters,) [s]; the electrolyte's first.
        negative_table, positive_table : shape (n_table, 3); potential, entropic change, log exchange rate.
        """
        c = self.cell
        scalars = [
            c.capacity,
            c.resistance,
            c.resistance_energy,
            c.electrolyte,
            c.hysteresis,
            c.hysteresis_rate,
            c.heat_capacity,
            c.cooling,
            float(self._rest),
            *(
                v
                for t in (c.negative, c.positive)
                for v in (t.start, t.end, t.diffusion_time, t.diffusivity_energy)
            ),
            *(t.exchange_energy for t in (c.negative, c.positive)),
        ]
        return {
            "roots": self._roots[:, 0],
            "scalars": np.array(scalars, dtype=self.dtype),
            "filter_times": self._decay[:, 0],
            "negative_table": self._table(c.negative),
            "positive_table": self._table(c.positive),
        }

    def initial_state(self, soc: Array, temperature: Array, hysteresis: float = 0.0) -> Array:
        """A cell at rest, shape (len(STATE_NAMES), n_rows), from `soc` [-] and `temperature` [K] of (n_rows,)."""
        state = np.zeros((len(STATE_NAMES), len(soc)), dtype=self.dtype)
        state[0], state[1], state[2] = soc, temperature, hysteresis
        return state

    def move(self, state: Array, mean_rate: Array, dt: Array) -> Array:
        """New state after `dt` [s] at a C-rate (n_rows,) [1/h]; temperature is left as it is."""
        kept, added = self.recurrence(state[1], mean_rate, dt)
        new = np.empty_like(state)
        new[0] = state[0] + mean_rate * dt / 3600
        new[1] = state[1]
        np.multiply(state[2:], kept, out=new[2:])
        new[2:] += added
        return new

    def recurrence(self, temperature: Array, mean_rate: Array, dt: Array) -> tuple[Array, Array]:
        """Factor on, and addition to, every state but the first two over a step.

        Arguments have shape (..., n_rows), results (..., len(STATE_NAMES) - 2, n_rows).
        """
        shape = (*np.shape(mean_rate)[:-1], len(STATE_NAMES) - 2, np.shape(mean_rate)[-1])
        # new arrays are made like a given one, so that exporters can record this
        kept, target = (np.empty_like(mean_rate, shape=shape, dtype=self.dtype) for _ in range(2))
        inverse = self._inverse_temperature(temperature)
        per_second = mean_rate / 3600
        kept[..., 0, :] = -self.cell.hysteresis_rate * np.abs(per_second) * dt
        target[..., 0, :] = np.sign(mean_rate)
        n_filters = N_HEAD - 3
        kept[..., 1 : 1 + n_filters, :] = -dt[..., None, :] / self._decay
        target[..., 1 : 1 + n_filters, :] = mean_rate[..., None, :]
        for k, (table, _) in enumerate(self._sides):
            place = slice(1 + n_filters + k * N_MODES, 1 + n_filters + (k + 1) * N_MODES)
            speed = np.exp(table.diffusivity_energy * inverse) / table.diffusion_time
            kept[..., place, :] = -self._roots * (dt * speed)[..., None, :]
            target[..., place, :] = (2 / 3 * per_second / speed)[..., None, :] / self._roots
        np.exp(kept, out=kept)
        target *= 1 - kept
        return kept, target

    def decays(self, temperature: Array) -> tuple[Array, Array]:
        """Logarithm of the decay of the same states in a second, and where a rate of 1 takes them, at a temperature.

        `temperature` has shape (n_rows,), results (len(STATE_NAMES) - 2, n_rows); the hysteresis,
        whose decay follows the current, is left out (0).
        """
        inverse, shape = self._inverse_temperature(temperature), (len(STATE_NAMES) - 2, len(temperature))
        decay, target = np.zeros(shape, dtype=self.dtype), np.zeros(shape, dtype=self.dtype)
        decay[1 : N_HEAD - 2], target[1 : N_HEAD - 2] = -1 / self._decay, 1.0
        for k, (table, _) in enumerate(self._sides):
            place = slice(N_HEAD - 2 + k * N_MODES, N_HEAD - 2 + (k + 1) * N_MODES)
            speed = np.exp(table.diffusivity_energy * inverse) / table.diffusion_time
            decay[place] = -self._roots * speed
            target[place] = 2 / 3 / 3600 / (self._roots * speed)
        return decay, target

    def _inverse_temperature(self, temperature: Array) -> Array:
        """(1/T_ref - 1/T)/R, by which activation energies are multiplied."""
        bounded = np.minimum(np.maximum(temperature, _COOLEST), _WARMEST)
        return (1 / REFERENCE_TEMPERATURE - 1 / bounded) / GAS_CONSTANT

    def _look_up(self, table: Any, values: Array, soc: Array) -> tuple[list[Array], Array]:
        """Interpolate a table linearly, beyond its ends along the last line; its columns, and the slope of the first."""
        n_last = len(table.potential) - 2
        scale: Any = self.dtype.type((n_last + 1) / (table.end - table.start))
        start: Any = self.dtype.type(table.start)
        place = (soc - start) * scale
        low = np.clip(place, 0, n_last).astype(np.intp)
        part = np.clip(place - low.astype(self.dtype), -20, 21)  # an integer would make it double precision
        # `take` is several times as fast as an index, which exporters record
        rows: Any = values.take(low, axis=0, mode="clip") if isinstance(values, np.ndarray) else values[low]
        found = [rows[:, k] + rows[:, N_COLUMNS + k] * part for k in range(N_COLUMNS)]
        return found, rows[:, N_COLUMNS] * scale

    def outputs(self, state: Array, rate: Array, correct: bool = True) -> Outputs:
        """Voltage and what it consists of, in a state and at the C-rate (n_rows,) [1/h] of this moment."""
        modes = (N_HEAD, N_HEAD + N_MODES)
        deviations = [state[first : first + N_MODES].sum(axis=0) for first in modes]
        return self.outputs_at(state[:N_HEAD], deviations, rate, correct)

    def outputs_at(
        self, head: Array, deviations: Sequence[Array], rate: Array, correct: bool = True
    ) -> Outputs:
        """As `outputs`, from the sums of the modes.

        Parameters
        ----------
        head : shape (N_HEAD, n_rows); the state before the modes.
        deviations : two arrays (n_rows,) [-]; sums of the modes of the negative and the positive electrode.
        rate : shape (n_rows,) [1/h].
        correct : whether the correction is added.
        """
        cell, temperature = self.cell, np.minimum(np.maximum(head[1], _COOLEST), _WARMEST)
        inverse = self._inverse_temperature(temperature)
        twice = 2 * GAS_CONSTANT / FARADAY * temperature
        found, surface, eta, slopes = [], [], [], []
        for k, (table, values) in enumerate(self._sides):
            time = table.diffusion_time * np.exp(-table.diffusivity_energy * inverse)
            soc = head[0] + deviations[k] + self._rest * time * rate / 3600
            entries, slope = self._look_up(table, values, soc)
            low, high = self._exchange_limits[k]
            exchange = np.minimum(np.maximum(entries[2], low), high) + table.exchange_energy * inverse
            eta.append(twice * _arcsinh(0.5 * rate * np.exp(-exchange)))
            found.append(entries)
            surface.append(soc)
            slopes.append(slope)
        slower = np.exp(-cell.resistance_energy * inverse)
        ohmic = slower * (cell.resistance * rate + cell.electrolyte * head[3])
        entropic = found[1][1] - found[0][1]
        warmer = temperature - REFERENCE_TEMPERATURE
        open_circuit = found[1][0] - found[0][0] + warmer * entropic
        overpotential = eta[0] + eta[1] + ohmic
        physical = open_circuit + overpotential + cell.hysteresis * head[2]
        # like the state: exporters record this
        features = np.empty_like(head, shape=(len(FEATURES), len(rate)))
        features[0] = rate
        features[1 : 1 + len(FILTER_TIMES)] = head[4:N_HEAD]
        stiffness = np.log(1 + np.abs(slopes[1] - slopes[0]) / _THERMAL_VOLTAGE)
        rest = (*surface, head[0], warmer / 25, overpotential / _THERMAL_VOLTAGE, stiffness)
        for place, values in enumerate(rest, start=1 + len(FILTER_TIMES)):
            features[place] = values
        voltage = (
            physical + self.correction(features) if correct and self.correction is not None else physical
        )
        return Outputs(
            voltage=voltage,
            physical_voltage=physical,
            open_circuit_voltage=open_circuit,
            negative_surface_soc=surface[0],
            positive_surface_soc=surface[1],
            entropic_change=entropic,
            negative_potential=found[0][0] + warmer * found[0][1] - eta[0],
            features=features,
        )

    def warm(self, state: Array, outputs: Outputs, mean_rate: Array, ambient: Array, dt: Array) -> Array:
        """Temperature after `dt`, shape (n_rows,) [K], with the heat of this step.

        Irreversible heat is current times the distance from the open-circuit voltage at the
        surfaces; reversible heat follows the entropic change [1]_.

        References
        ----------
        .. [1] Bernardi, Pawlikowski and Newman, A general energy balance for battery systems,
           J. Electrochem. Soc. 132 (1985) 5, eq. 24. doi:10.1149/1.2113792
        """
        cell = self.cell
        if cell.heat_capacity == 0 or cell.cooling == 0:
            return np.where(dt > 0, ambient, state[1]).astype(self.dtype)
        current = mean_rate * cell.capacity
        irreversible = outputs.voltage - outputs.open_circuit_voltage
        heat = current * (irreversible + state[1] * outputs.entropic_change)
        settled = ambient + heat / cell.cooling
        return settled + (state[1] - settled) * np.exp(-dt * (cell.cooling / cell.heat_capacity))

    def step(
        self, state: Array, rate: Array, ambient: Array, dt: Array, mean_rate: Array | None = None
    ) -> tuple[Array, Outputs]:
        """One step of many cells.

        Parameters
        ----------
        state : shape (len(STATE_NAMES), n_rows), see `initial_state`.
        rate : shape (n_rows,) [1/h]; current over capacity at the end of the step, positive charges.
        ambient : shape (n_rows,) [K].
        dt : shape (n_rows,) [s]; 0 leaves a row where it is.
        mean_rate : over the step [1/h]; None where the current is constant.

        Returns
        -------
        new state, and the outputs at the end of the step (at the temperature of its beginning).
        """
        mean_rate = rate if mean_rate is None else mean_rate
        new = self.move(state, mean_rate, dt)
        outputs = self.outputs(new, rate)
        new[1] = self.warm(state, outputs, mean_rate, ambient, dt)
        return new, outputs


def unpack_scalars(arrays: Mapping[str, Array]) -> dict[str, float]:
    """Names of the `scalars` of `Stepper.step_arrays`."""
    names = ["capacity", "resistance", "resistance_energy", "electrolyte", "hysteresis", "hysteresis_rate"]
    names += ["heat_capacity", "cooling", "settled_modes"]
    names += [
        f"{s}_{n}"
        for s in ("negative", "positive")
        for n in ("start", "end", "diffusion_time", "diffusivity_energy")
    ]
    names += ["negative_exchange_energy", "positive_exchange_energy"]
    return dict(zip(names, (float(v) for v in arrays["scalars"]), strict=True))
