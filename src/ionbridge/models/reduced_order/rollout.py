"""Whole profiles through a `Stepper`: teacher-forced by a measured temperature, or free.

One step is `stepping.py`. Batches are padded with steps of no length, which change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.models.reduced_order.stepping import (
    FEATURES,
    N_HEAD,
    N_MODES,
    STATE_NAMES,
    Array,
    Outputs,
    Stepper,
)

__all__ = ["LOOSE", "Batch", "forced", "rollout"]

LOOSE = 0.01
"""Tolerance of the temperature from which a window takes its diffusion at one temperature [K]."""
_PROFILES = 1024  # side by side: more leave the cache of the processor
_POINTS = 8192  # of a window, all profiles together, for the same reason
_LONGEST_WINDOW = 128
_FEW = 16  # profiles up to which all steps of a window are taken at once
_MEMORY = 300.0  # time from which the next warming is foretold [s]
_FIRST_SQUARES = 20.0  # weight of what physics foretells at the start: seconds at 1C
_HEAD_PLACES = {name: place for place, name in enumerate(STATE_NAMES[:N_HEAD]) if name != "temperature"}


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
        shape = (
            len(profiles),
            int(counts.max()),
        )  # a profile's points lie side by side while it is filled in
        dt, rate, mean, ambient = np.zeros(shape), np.empty(shape), np.zeros(shape), np.empty(shape)
        for k, (item, n) in enumerate(zip(profiles, counts, strict=True)):
            own, warm = rate[k], item.ambient_temperature
            np.multiply(item.current, 1 / capacity, out=own[:n])
            own[n:] = own[n - 1]
            np.subtract(item.time[1:], item.time[:-1], out=dt[k, 1:n])
            np.add(own[1:n], own[: n - 1], out=mean[k, 1:n])
            ambient[k, :n] = warm
            ambient[k, n:] = ambient[k, n - 1]
        mean *= 0.5
        return cls(dt.T, rate.T, mean.T, ambient.T, counts)

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
    tolerance: float = 1e-4,
) -> dict[str, Array]:
    """Run profiles freely, the model's own temperature fed back.

    Some steps of all profiles are taken together under a temperature that is first foretold, then
    corrected until it is that of the steps one after another (waveform relaxation [1]_). A loose
    `tolerance` is fast: then the rates of diffusion are those of the middle of such a window.

    Parameters
    ----------
    soc, temperature : shape (n_profiles,); at the start [-], [K].
    keep : names of `Outputs` fields and of states that are returned.
    tolerance : largest difference of the temperature from that of single steps [K]; 1e-4 K moves the
        voltage by less than 1 uV.

    Returns
    -------
    by name, shape (n_points, n_profiles), and ``temperature``; features have (n_features, n_points, n_profiles).

    References
    ----------
    .. [1] Lelarasmee, Ruehli and Sangiovanni-Vincentelli, The waveform relaxation method for
       time-domain analysis of large scale integrated circuits, IEEE Trans. Comput.-Aided Des. 1
       (1982) 131. doi:10.1109/TCAD.1982.1270004
    """
    shape, dtype = batch.dt.shape, stepper.dtype
    wanted = [f.name for f in fields(Outputs) if f.name in keep and f.name != "features"]
    kept = {name: np.empty(shape, dtype=dtype) for name in (*wanted, "temperature")}
    for name in keep:
        if name == "features":
            kept[name] = np.empty((len(FEATURES), *shape), dtype=dtype)
        elif name in _HEAD_PLACES:
            kept[name] = np.empty(shape, dtype=dtype)
    for first in range(0, shape[1], _PROFILES):
        chunk = slice(first, min(first + _PROFILES, shape[1]))
        side = np.broadcast_to(np.asarray(hysteresis, dtype=float), (shape[1],))[chunk]
        sweep = _Sweep(stepper, batch, chunk, (soc[chunk], temperature[chunk], side), tolerance)
        for rows, head, outputs in sweep:
            n_rows = rows.stop - rows.start
            for name in wanted:
                kept[name][rows, chunk] = getattr(outputs, name).reshape(n_rows, -1)
            for name, place in _HEAD_PLACES.items():
                if name in keep:
                    kept[name][rows, chunk] = head[place]
            if "features" in keep:
                kept["features"][:, rows, chunk] = outputs.features.reshape(len(FEATURES), n_rows, -1)
            kept["temperature"][rows, chunk] = sweep.after
    return kept


class _Steps:
    """Steps of the decaying states, in place, from factors and additions (n_rows, n_states, n_profiles)."""

    def __init__(self, recurrence: tuple[Array, Array]) -> None:
        self.kept, self.added = recurrence

    def __call__(self, now: Array, i: int) -> None:
        """Take step `i` of the window."""
        now *= self.kept[i]
        now += self.added[i]


class _LooseSteps:
    """The same at one temperature a profile, so that all steps of one length share their factors."""

    def __init__(self, stepper: Stepper, temperature: Array, mean: Array, dt: Array) -> None:
        self.dt, self.mean, self.usual = dt, mean, dt.max(axis=0)
        self.decay, self.target = stepper.decays(temperature)
        self.decay[0] = 0.0  # no hysteresis
        self.kept = np.exp(self.decay * self.usual)
        self.gain = self.target * (1 - self.kept)
        self.buffer = np.empty_like(self.gain)

    def __call__(self, now: Array, i: int) -> None:
        """Take step `i` of the window."""
        mean = self.mean[i]
        odd = np.flatnonzero(self.dt[i] != self.usual)
        if len(odd):
            kept = np.exp(self.decay[:, odd] * self.dt[i, odd])
            moved = now[:, odd] * kept + self.target[:, odd] * mean[odd] * (1 - kept)
        if len(odd) < len(mean):
            np.multiply(self.gain, mean, out=self.buffer)
            now *= self.kept
            now += self.buffer
        if len(odd):
            now[:, odd] = moved


class _Sweep:
    """Windows of some profiles in turn: rows, states before the modes (N_HEAD, n_rows, n_profiles), outputs."""

    def __init__(
        self,
        stepper: Stepper,
        batch: Batch,
        chunk: slice,
        start: tuple[Array, Array, Array],
        tolerance: float,
    ) -> None:
        self.stepper, self.tolerance, dtype = stepper, tolerance, stepper.dtype
        self.dt, self.rate, self.mean, self.ambient = (
            values[:, chunk] for values in (batch.dt, batch.rate, batch.mean_rate, batch.ambient)
        )
        state = stepper.initial_state(*start[:2])
        state[2] = start[2]
        self.soc = start[0].astype(float)
        self.linear = np.ascontiguousarray(state[2:])
        self.temperature = state[1].copy()
        # warming and the sum of squared C-rates that brought it about, of late
        self.squares = np.full_like(state[1], _FIRST_SQUARES)
        self.after = np.empty((0, len(self.soc)), dtype=dtype)
        self.has_heat = stepper.cell.heat_capacity > 0 and stepper.cell.cooling > 0
        self.heated = self._first_warming(state) * self.squares
        self.window = max(1, min(_LONGEST_WINDOW, _POINTS // max(len(self.soc), 1)))

    def _first_warming(self, state: Array) -> Array:
        """Warming per squared C-rate at the start, (n_profiles,) [K/s]: that of a discharge at 1C, as of ohmic heat."""
        cell = self.stepper.cell
        if cell.heat_capacity == 0:
            return np.zeros_like(state[1])
        outputs = self.stepper.outputs(state, np.full_like(state[1], -1.0), correct=False)
        lost = outputs.open_circuit_voltage - outputs.voltage
        return np.asarray(lost * (cell.capacity / cell.heat_capacity), dtype=state.dtype)

    def __iter__(self) -> Iterator[tuple[slice, Array, Outputs]]:
        for first in range(0, len(self.dt), self.window):
            rows = slice(first, min(first + self.window, len(self.dt)))
            yield (rows, *self._through(rows))

    def _through(self, rows: slice) -> tuple[Array, Outputs]:
        """Take the steps of a window, as often as its temperature asks for."""
        dtype = self.stepper.dtype
        dt, rate, mean, ambient = (
            np.ascontiguousarray(values[rows], dtype=dtype)
            for values in (self.dt, self.rate, self.mean, self.ambient)
        )
        soc = self.soc + np.cumsum(self.mean[rows] * self.dt[rows], axis=0) / 3600
        before = self._foretold(dt, mean, ambient)
        for _ in range(len(dt) + 1):  # each round is right for one step more at least
            head, deviations, linear = self._states(soc, before, mean, dt)
            outputs = self.stepper.outputs_at(
                head.reshape(N_HEAD, -1), [d.reshape(-1) for d in deviations], rate.reshape(-1)
            )
            after = self._warmed(before, outputs, mean, ambient, dt)
            found = np.concatenate([self.temperature[None], after[:-1]])
            off = float(np.abs(found - before).max())
            if not off > self.tolerance:  # also where something is not finite
                break
            before = found
        self._learn_heat(after, mean, ambient, dt)
        self.linear, self.temperature, self.after, self.soc = linear, after[-1].copy(), after, soc[-1]
        return head, outputs

    def _learn_heat(self, after: Array, mean: Array, ambient: Array, dt: Array) -> None:
        """Warming of the window per squared current, by which that of the next one is foretold."""
        if not self.has_heat:
            return
        cell = self.stepper.cell
        passed = dt.sum(axis=0)
        lost = cell.cooling / cell.heat_capacity * (after[len(dt) // 2] - ambient[0]) * passed
        kept = np.exp(-passed / _MEMORY)
        self.heated = self.heated * kept + after[-1] - self.temperature + lost
        self.squares = self.squares * kept + (mean * mean * dt).sum(axis=0)

    def _foretold(self, dt: Array, mean: Array, ambient: Array) -> Array:
        """Temperature before each step, (n_rows, n_profiles): warmed as in the last window, or that around."""
        if self.has_heat:
            cell = self.stepper.cell
            cooled = cell.cooling / cell.heat_capacity * (self.temperature - ambient[0])
            change = (self.heated / self.squares * mean * mean - cooled) * dt
            before = np.cumsum(change, axis=0)
            before += self.temperature - change
            return before
        after = self._warmed(dt, None, dt, ambient, dt)
        return np.concatenate([self.temperature[None], after[:-1]])

    def _states(self, soc: Array, before: Array, mean: Array, dt: Array) -> tuple[Array, list[Array], Array]:
        """States of a window before the modes, the sums of the modes, and the state that decays at its end."""
        stepper = self.stepper
        shape, middle = dt.shape, len(dt) // 2
        head = np.empty((N_HEAD, *shape), dtype=stepper.dtype)
        deviations = [np.empty(shape, dtype=stepper.dtype) for _ in range(2)]
        head[0], head[1] = soc, before
        ends = [N_HEAD - 2 + k * N_MODES for k in range(3)]
        if shape[1] <= _FEW:
            passed = _scan(*stepper.recurrence(before, mean, dt), self.linear)
            head[2:] = np.moveaxis(passed[:, : N_HEAD - 2], 1, 0)
            return head, [passed[:, i:j].sum(axis=1) for i, j in pairwise(ends)], passed[-1]
        # a loose tolerance takes the rates of diffusion at one temperature a window, where it moves little
        is_loose = self.tolerance >= LOOSE and stepper.cell.hysteresis == 0
        is_loose = is_loose and float(np.abs(before - before[middle]).max()) <= 5 * self.tolerance
        step = (
            _LooseSteps(stepper, before[middle], mean, dt)
            if is_loose
            else _Steps(stepper.recurrence(before, mean, dt))
        )
        now = self.linear.copy()
        for i in range(len(dt)):
            step(now, i)
            head[2:, i] = now[: N_HEAD - 2]
            for k in range(2):
                np.add.reduce(now[ends[k] : ends[k + 1]], axis=0, out=deviations[k][i])
        return head, deviations, now

    def _warmed(
        self, before: Array, outputs: Outputs | None, mean: Array, ambient: Array, dt: Array
    ) -> Array:
        """Temperature after each step of a window, (n_rows, n_profiles); as `Stepper.warm`."""
        cell, now = self.stepper.cell, self.temperature
        after = np.empty_like(dt)
        if not self.has_heat or outputs is None:
            for i in range(len(dt)):
                now = np.where(dt[i] > 0, ambient[i], now)
                after[i] = now
            return after
        excess = (outputs.voltage - outputs.open_circuit_voltage).reshape(dt.shape)
        heat = mean * cell.capacity * (excess + before * outputs.entropic_change.reshape(dt.shape))
        kept = np.exp(-dt * (cell.cooling / cell.heat_capacity))
        added = (ambient + heat / cell.cooling) * (1 - kept)
        if dt.shape[1] <= _FEW:
            return _scan(kept, added, now)
        for i in range(len(dt)):
            now = np.multiply(now, kept[i], out=after[i])
            now += added[i]
        return after


def _scan(kept: Array, added: Array, start: Array) -> Array:
    """All of x[i] = kept[i] x[i-1] + added[i] at once, shape of `kept`; arguments are used up.

    Pairs of steps are joined, then pairs of those [1]_: few operations on long arrays, which pays
    where the arrays of single steps are short.

    References
    ----------
    .. [1] Hillis and Steele, Data parallel algorithms, Commun. ACM 29 (1986) 1170.
       doi:10.1145/7902.7903
    """
    reach = 1
    while reach < len(kept):
        added[reach:] = added[reach:] + kept[reach:] * added[:-reach]
        kept[reach:] = kept[reach:] * kept[:-reach]
        reach *= 2
    return kept * start + added
