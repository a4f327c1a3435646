"""A small reduced-order model that is made in a fraction of a second, without PyBaMM."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.models.reduced_order import (
    CellROM,
    ElectrodeTable,
    ReducedCell,
    correction_network,
    train_rom,
)


def tiny_cell(name: str = "tiny", hysteresis: float = 0.0) -> ReducedCell:
    """A cell of 2 Ah with smooth potentials."""
    soc = np.linspace(-0.1, 1.1, 200)
    negative = ElectrodeTable(
        start=-0.1,
        end=1.1,
        potential=0.1 + 0.4 * np.exp(-8 * (soc + 0.1)),
        entropic_change=-1e-4 * np.ones(200),
        log_exchange_rate=1.0 - (soc - 0.5) ** 2,
        diffusion_time=2000.0,
        diffusivity_energy=3e4,
        exchange_energy=3e4,
        stoichiometry_at_0=0.02,
        stoichiometry_at_100=0.85,
    )
    positive = ElectrodeTable(
        start=-0.1,
        end=1.1,
        potential=3.2 + 0.5 * soc + 0.3 * np.tanh(6 * (soc - 1.0)) - 0.3 * np.exp(-10 * (soc + 0.1)),
        entropic_change=1e-4 * soc,
        log_exchange_rate=1.5 - (soc - 0.5) ** 2,
        diffusion_time=800.0,
        diffusivity_energy=2e4,
        exchange_energy=4e4,
        stoichiometry_at_0=0.9,
        stoichiometry_at_100=0.3,
    )
    return ReducedCell(
        name=name,
        chemistry="LFP",
        capacity=2.0,
        voltage_window=(2.2, 4.0),
        negative=negative,
        positive=positive,
        resistance=0.03,
        resistance_energy=15e3,
        electrolyte=0.02,
        electrolyte_time=60.0,
        hysteresis=hysteresis,
        heat_capacity=60.0,
        cooling=0.1,
    )


def tiny_profile(seed: int, duration: float = 1500.0, period: float = 10.0) -> Profile:
    """Steps of up to 1.5C around zero."""
    rng = np.random.default_rng(seed)
    n = int(duration / 100)
    return Profile.from_steps(
        rng.uniform(-3, 3, n),
        np.full(n, 100.0),
        period=period,
        ambient_temperature=293.15 + seed % 3 * 5,
        name=f"p{seed}",
    )


def tiny_series(n: int = 4, duration: float = 1500.0, period: float = 10.0) -> list[CellSeries]:
    """Series of a cell with more resistance than the tiny one believes."""
    truth = CellROM(tiny_cell().adjusted(resistance=1.5, kinetics=0.7))
    return [truth.simulate(tiny_profile(seed, duration, period), 0.5).series for seed in range(n)]


@lru_cache(maxsize=2)
def tiny_rom(hysteresis: float = 0.0) -> CellROM:
    """A model trained on four series."""
    network = correction_network(hidden=(8, 8), epochs=5, n_members=2, n_folds=3)
    return train_rom(
        tiny_series(), {"tiny": tiny_cell(hysteresis=hysteresis)}, network=network, max_points=60
    )
