"""Cells simulated by PyBaMM: parameters by chemistry or BPX file, profiles in, series out.

Profiles and series are `ionbridge.datasets`; what is learned from them is the models room.
"""

from ionbridge.physics.cells.base import AbstractProfileSimulator
from ionbridge.physics.cells.changes import CHANGES, Change
from ionbridge.physics.cells.design import PROFILE_KINDS, DesignOfExperiments, Run
from ionbridge.physics.cells.generation import FailedRun, GenerationResult, generate, load_generated
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
from ionbridge.physics.cells.simulator import CellSimulator

__all__ = [
    "CELL_SETS",
    "CHANGES",
    "CHEMISTRIES",
    "PROFILE_KINDS",
    "AbstractProfileSimulator",
    "CellParameters",
    "CellSimulator",
    "Change",
    "DesignOfExperiments",
    "ElectrodeParameters",
    "FailedRun",
    "GenerationResult",
    "Run",
    "SimulationError",
    "ThermalParameters",
    "cell_parameters",
    "flip_current",
    "generate",
    "load_generated",
    "parameter_values",
    "simulate",
]
