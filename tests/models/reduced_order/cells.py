"""A made-up cell and series of it, for the tests of reduced-order models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.models.reduced_order import CellROM, ElectrodeTable, ReducedCell


def electrode(slope: float, middle: float, time: float = 500.0, energy: float = 30e3) -> ElectrodeTable:
    """An electrode whose potential is nearly linear in its state of charge."""
    soc = np.linspace(-0.2, 1.2, 200)
    return ElectrodeTable(
        start=-0.2,
        end=1.2,
        potential=middle + slope * (soc - 0.5) + 0.01 * np.sin(6 * soc),
        entropic_change=np.full(200, 1e-4),
        log_exchange_rate=np.full(200, np.log(2.0)),
        diffusion_time=time,
        diffusivity_energy=energy,
        exchange_energy=energy,
        stoichiometry_at_0=0.9,
        stoichiometry_at_100=0.3,
    )


def made_up_cell(**changes: object) -> ReducedCell:
    """A cell of 2 Ah between 3 and 4.2 V."""
    cell = ReducedCell(
        name="made-up",
        chemistry="LCO",
        capacity=2.0,
        voltage_window=(2.5, 4.5),
        negative=electrode(-0.1, 0.15, 1500.0),
        positive=electrode(0.8, 3.85),
        resistance=0.03,
        resistance_energy=20e3,
        electrolyte=0.01,
        electrolyte_time=40.0,
        heat_capacity=60.0,
        cooling=0.1,
    )
    return replace(cell, **changes)  # type: ignore[arg-type]


def steps(seed: int, warm: float = 298.15) -> Profile:
    """Random steps of current around half charge."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(-2.0, 2.0, 8)
    return Profile.from_steps(2.0 * (rates - rates.mean()), rng.uniform(60, 200, 8), ambient_temperature=warm)


def series_of(cell: ReducedCell, seeds: range, bias: float = 0.0, name: str = "made-up") -> list[CellSeries]:
    """What `cell` would measure; `bias` adds an overpotential that its physics do not know [V per C]."""
    rom, found = CellROM(cell), []
    for seed in seeds:
        run = rom.simulate(steps(seed, 283.15 + 5 * (seed % 5)), 0.5).series
        extra = bias * np.tanh(run.current / cell.capacity) * (1 + 0.5 * run.soc)
        found.append(replace(run, voltage=run.voltage + extra, cell=name))
    return found
