"""Whole profiles through a `Stepper`: teacher-forced by a measured temperature, or free.

One step is `stepping.py`. Batches are padded with steps of no length, which change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.models.reduced_order.stepping import FEATURES, STATE_NAMES, Array, Outputs, Stepper

__all__ = ["Batch", "forced", "rollout"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Profiles side by side, padded to the longest.

    Parameters
    ----------
    dt : shape (n_points, n_profiles) [s]; 0 in the first row and in the padding.
    rate, mean_rate : shape (n_points, n_profiles) [1/h]; at each point, and over the step to it.
    ambient : shape (n_points, n_profiles) [K].
    n_points : shape (n_profiles,); real ones.
    """

    dt: Array
    rate: Array
    mean_rate: Array
    ambient: Array
    n_points: NDArray[np.int64]

    @classmethod
    def of(cls, profiles: Sequence[Profile | CellSeries], capacity: float) -> Batch:
        """Collect `profiles`, their currents over `capacity` [Ah]."""
        counts = np.array([len(item.time) for item in profiles], dtype=np.int64)
        shape = (int(counts.max()), len(profiles))
        dt, rate, mean = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        ambient = np.empty(shape)
        for k, (item, n) in enumerate(zip(profiles, counts, strict=True)):
            rate[:n, k], rate[n:, k] = item.current / capacity, item.current[-1] / capacity
            dt[1:n, k] = np.diff(item.time)
            mean[1:n, k] = 0.5 * (rate[1:n, k] + rate[: n - 1, k])
            ambient[:n, k] = item.ambient_temperature
            ambient[n:, k] = ambient[n - 1, k]
        return cls(dt, rate, mean, ambient, counts)

    @property
    def real(self) -> NDArray[np.bool_]:
        """Which points are not padding, shape (n_points, n_profiles)."""
        return np.arange(len(self.dt))[:, None] < self.n_points


def forced(
    stepper: Stepper, batch: Batch, soc: Array, temperature: Array, hysteresis: Array | float = 0.0
) -> Array:
    """States under known temperatures, shape (len(STATE_NAMES), n_points, n_profiles).

    Parameters
    ----------
    soc : shape (n_profiles,); at the start [-].
    temperature : shape (n_points, n_profiles) [K].
    hysteresis : at the start, -1 to 1 [-].
    """
    start = stepper.initial_state(soc, temperature[0])
    start[2] = hysteresis
    states = np.empty((len(STATE_NAMES), *batch.dt.shape), dtype=stepper.dtype)
    states[:, 0] = start
    states[0] = soc + np.cumsum(batch.mean_rate * batch.dt, axis=0) / 3600
    states[1] = temperature
    kept, added = stepper.recurrence(temperature[:-1], batch.mean_rate[1:], batch.dt[1:])
    now = np.ascontiguousarray(start[2:])
    linear = np.empty((len(batch.dt) - 1, *now.shape), dtype=stepper.dtype)
    for i in range(len(linear)):
        now = np.multiply(now, kept[i], out=linear[i])
        now += added[i]
    states[2:, 1:] = np.moveaxis(linear, 0, 1)
    return states


def flat_outputs(stepper: Stepper, states: Array, rate: Array, correct: bool = True) -> Outputs:
    """Outputs of all points at once; arrays of (n_points * n_profiles,)."""
    return stepper.outputs(states.reshape(len(states), -1), rate.reshape(-1), correct)


def rollout(
    stepper: Stepper,
    batch: Batch,
    soc: Array,
    temperature: Array,
    hysteresis: Array | float = 0.0,
    keep: Sequence[str] = ("voltage",),
) -> dict[str, Array]:
    """Run profiles freely, the model's own temperature fed back.

    Parameters
    ----------
    soc, temperature : shape (n_profiles,); at the start [-], [K].
    keep : names of `Outputs` fields and of states that are returned.

    Returns
    -------
    by name, shape (n_points, n_profiles), and ``temperature``; features have (n_features, n_points, n_profiles).
    """
    dtype = stepper.dtype
    rates, means, steps, ambient = (
        a.astype(dtype) for a in (batch.rate, batch.mean_rate, batch.dt, batch.ambient)
    )
    state = stepper.initial_state(soc, temperature)
    state[2] = hysteresis
    from_outputs = [f.name for f in fields(Outputs) if f.name in keep and f.name != "features"]
    from_state = [
        (name, STATE_NAMES.index(name)) for name in keep if name in STATE_NAMES and name != "temperature"
    ]
    kept = {name: np.empty(rates.shape, dtype=dtype) for name in (*from_outputs, *(n for n, _ in from_state))}
    kept["temperature"] = np.empty(rates.shape, dtype=dtype)
    if "features" in keep:
        kept["features"] = np.empty((len(FEATURES), *rates.shape), dtype=dtype)
    for i in range(len(rates)):
        state, outputs = stepper.step(state, rates[i], ambient[i], steps[i], means[i])
        for name in from_outputs:
            kept[name][i] = getattr(outputs, name)
        for name, place in from_state:
            kept[name][i] = state[place]
        kept["temperature"][i] = state[1]
        if "features" in keep:
            kept["features"][:, i] = outputs.features
    return kept
