"""Cells simulated by PyBaMM: parameters by chemistry or BPX file, profiles in, series out.

Profiles and series are `ionbridge.datasets`; what is learned from them is the models room.
"""

from ionbridge.physics.cells.changes import CHANGES, Change
from ionbridge.physics.cells.parameters import (
    CellParameters,
    ElectrodeParameters,
    ThermalParameters,
    cell_parameters,
    parameter_values,
)
from ionbridge.physics.cells.sets import CELL_SETS, CHEMISTRIES
from ionbridge.physics.cells.sign import flip_current
from ionbridge.physics.cells.simulation import SimulationError, simulate

__all__ = [
    "CELL_SETS",
    "CHANGES",
    "CHEMISTRIES",
    "CellParameters",
    "Change",
    "ElectrodeParameters",
    "SimulationError",
    "ThermalParameters",
    "cell_parameters",
    "flip_current",
    "parameter_values",
    "simulate",
]
