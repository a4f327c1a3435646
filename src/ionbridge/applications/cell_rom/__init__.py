"""Reduced-order cell models in use: adapting them to other cells and to measured ones.

The models themselves are `ionbridge.models.reduced_order`; ageing, export and commands are modules beside these.
"""

from ionbridge.applications.cell_rom.adaptation import (
    STRATEGIES,
    Adaptation,
    AdaptationOptions,
    adapt,
    out_of_profile_errors,
)
from ionbridge.applications.cell_rom.measured import fit_measured_cell, open_circuit_from_slow_test

__all__ = [
    "STRATEGIES",
    "Adaptation",
    "AdaptationOptions",
    "adapt",
    "fit_measured_cell",
    "open_circuit_from_slow_test",
    "out_of_profile_errors",
]
