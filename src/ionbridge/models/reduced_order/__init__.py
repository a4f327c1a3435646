"""Reduced-order models of cells: physics in chemistry-relative numbers plus a learned correction.

The step function is `Stepper`; a model that runs profiles is `CellROM`.
"""

from ionbridge.models.reduced_order.bands import TrainedRange, VoltageBand
from ionbridge.models.reduced_order.calibration import Calibration, calibrate, initial_socs
from ionbridge.models.reduced_order.cell import FACTORS, ElectrodeTable, ReducedCell
from ionbridge.models.reduced_order.correction import (
    NetworkCorrection,
    RegressorCorrection,
    SummedCorrection,
    make_correction,
)
from ionbridge.models.reduced_order.difference import (
    CorrectedByMeasurement,
    MeasuredDifference,
    fit_difference,
)
from ionbridge.models.reduced_order.rom import (
    CellROM,
    RomRun,
    TrainingRows,
    correction_network,
    train_rom,
    training_rows,
)
from ionbridge.models.reduced_order.sensors import virtual_sensors
from ionbridge.models.reduced_order.stepping import FEATURES, FILTER_TIMES, STATE_NAMES, Outputs, Stepper

__all__ = [
    "FACTORS",
    "FEATURES",
    "FILTER_TIMES",
    "STATE_NAMES",
    "Calibration",
    "CellROM",
    "CorrectedByMeasurement",
    "ElectrodeTable",
    "MeasuredDifference",
    "NetworkCorrection",
    "Outputs",
    "ReducedCell",
    "RegressorCorrection",
    "RomRun",
    "Stepper",
    "SummedCorrection",
    "TrainedRange",
    "TrainingRows",
    "VoltageBand",
    "calibrate",
    "correction_network",
    "fit_difference",
    "initial_socs",
    "make_correction",
    "train_rom",
    "training_rows",
    "virtual_sensors",
]
