"""Virtual sensors: states from voltage, current and temperature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ionbridge.models.reduced_order import CellROM, virtual_sensors

from .cells import made_up_cell, series_of


def test_states_are_those_of_the_cell_though_its_start_is_wrong() -> None:
    rom = CellROM(made_up_cell())
    true = series_of(made_up_cell(), range(1))[0]
    blind = replace(true, states={}, initial_soc=0.55)
    found = virtual_sensors(rom, blind)
    for name in ("positive_surface_stoichiometry", "negative_stoichiometry", "plating_margin"):
        assert np.abs(found.states[name] - true.states[name]).max() < 2e-3
    assert abs(found.initial_soc - 0.5) < 2e-3
    assert "virtual sensors" in found.flags[-1]


def test_the_start_is_kept_where_asked() -> None:
    blind = replace(series_of(made_up_cell(), range(1))[0], initial_soc=0.55)
    assert virtual_sensors(CellROM(made_up_cell()), blind, fit_soc=False).initial_soc == 0.55
