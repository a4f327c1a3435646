"""Drive cycles as profiles, scaled to a cell: those of a file, and one drawn at random.

The public cycles (US06, UDDS, WLTC, a car's current) are data of others and not shipped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.base import Provenance
from ionbridge.datasets.cycling.locations import data_folder
from ionbridge.datasets.cycling.signs import charging_positive
from ionbridge.datasets.profiles.checks import require_capacity
from ionbridge.datasets.profiles.profile import ROOM_TEMPERATURE, Profile
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError

__all__ = ["DRIVE_CYCLES", "drive_cycle", "random_cycle"]

Array = NDArray[np.float64]
DriveCycle = Literal["US06", "UDDS", "WLTC", "car_current"]
DRIVE_CYCLES: tuple[DriveCycle, ...] = ("US06", "UDDS", "WLTC", "car_current")


def drive_cycle(
    name: DriveCycle,
    capacity: float,
    *,
    peak_c_rate: float = 3.0,
    n_repeats: int = 1,
    period: float = 1.0,
    ambient_temperature: float = ROOM_TEMPERATURE,
    path: str | Path | None = None,
) -> Profile:
    """A public drive cycle, scaled so that its largest current has a given C-rate.

    A power (WLTC) is taken as proportional to the current, which it nearly is at constant voltage.

    Parameters
    ----------
    name : ``US06``, ``UDDS``, ``WLTC`` or ``car_current``.
    capacity : nominal, of the cell [Ah].
    peak_c_rate : of the largest magnitude [1/h].
    n_repeats : how often the cycle is driven.
    period : between points [s]; cycles at 10 Hz are averaged over it.
    path : folder ``drive_cycles`` or the one above.

    Raises
    ------
    UnknownNameError
        If there is no such cycle.
    DataError
        If the data are not there.
    """
    if name not in DRIVE_CYCLES:
        raise UnknownNameError.for_name(name, DRIVE_CYCLES, "drive cycle")
    require_capacity(capacity, "drive_cycle")
    if not 0 < peak_c_rate <= 30:
        raise ConfigurationError(
            f"'peak_c_rate' of drive_cycle must be above 0, up to 30; got {peak_c_rate:g}."
        )
    if n_repeats < 1:
        raise ConfigurationError(f"'n_repeats' of drive_cycle must be at least 1; got {n_repeats}.")
    file = data_folder("drive_cycles", path) / f"{name}.csv"
    if not file.is_file():
        raise DataError(f"{file} does not exist; expected the whole folder of drive cycles.")
    rows = [
        [float(cell) for cell in line.split(",")]
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*[-\d.]", line)
    ]
    table = np.array(rows)
    time, load = table[:, 0], charging_positive(table[:, 1], "discharge_positive")
    load = load * (peak_c_rate * capacity / np.abs(load).max())
    one = _averaged(time - time[0], load, period)
    profile = Profile(
        *one,
        ambient_temperature,
        f"{name} up to {peak_c_rate:g}C",
        Provenance(source=str(file), licence="BSD-3-Clause", citation="PyBaMM contributors, drive cycles"),
    )
    if n_repeats == 1:
        return profile
    name_of_all = f"{n_repeats} x {profile.name}"
    return replace(profile.followed_by(*[profile] * (n_repeats - 1)), name=name_of_all)


def random_cycle(
    capacity: float,
    duration: float,
    *,
    peak_c_rate: float = 3.0,
    mean_c_rate: float = -0.6,
    step: tuple[float, float] = (2.0, 60.0),
    period: float = 1.0,
    ambient_temperature: float = ROOM_TEMPERATURE,
    random_state: int | np.random.Generator = 0,
) -> Profile:
    """A random current like that of driving: steps of random length and height around a mean.

    Parameters
    ----------
    capacity : nominal [Ah].
    duration : [s].
    peak_c_rate : largest magnitude [1/h].
    mean_c_rate : of the whole cycle, before it is clipped at the peak [1/h]; negative discharges.
    step : shortest and longest step [s].
    period : between points [s].
    """
    require_capacity(capacity, "random_cycle")
    if not (duration > step[1] >= step[0] >= period > 0):
        raise ConfigurationError(
            f"random_cycle needs period <= shortest step <= longest step < duration; got {period:g}, {step} and "
            f"{duration:g} s."
        )
    rng = np.random.default_rng(random_state)
    lengths: list[float] = []
    while sum(lengths) < duration:
        lengths.append(float(np.round(np.exp(rng.uniform(*np.log(step))) / period) * period))
    lengths[-1] -= sum(lengths) - duration
    if lengths[-1] <= period:
        tail = lengths.pop()
        lengths[-1] += tail
    rates = np.clip(mean_c_rate + rng.normal(0.0, peak_c_rate / 2.5, len(lengths)), -peak_c_rate, peak_c_rate)
    rates[rng.random(len(lengths)) < 0.15] = 0.0
    return Profile.from_steps(
        list(rates * capacity),
        lengths,
        period=period,
        ambient_temperature=ambient_temperature,
        name=f"random cycle up to {peak_c_rate:g}C",
        provenance=Provenance(source="ionbridge.datasets.profiles.random_cycle"),
    )


def _averaged(time: Array, load: Array, period: float) -> tuple[Array, Array]:
    """Means over windows of one period around points a period apart; the data themselves where they are coarser."""
    if not period > 0:
        raise ConfigurationError(f"'period' of drive_cycle must be above 0 s; got {period:g}.")
    if np.median(np.diff(time)) >= 0.99 * period:
        return time, load
    points = np.arange(0.0, time[-1] + 1e-9, period)
    charge = np.concatenate([[0.0], np.cumsum(np.diff(time) * (load[1:] + load[:-1]) / 2)])
    low, high = np.clip(points - period / 2, 0, time[-1]), np.clip(points + period / 2, 0, time[-1])
    return points, (np.interp(high, time, charge) - np.interp(low, time, charge)) / (high - low)
