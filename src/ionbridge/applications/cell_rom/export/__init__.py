"""Cell models as files for other programs: ONNX graphs and co-simulation FMUs.

A model is handed over as a `StepModel`; training and simulating it is the work of its own package.
"""

from ionbridge.applications.cell_rom.export.fmu import FmiVersion, write_fmu
from ionbridge.applications.cell_rom.export.onnx import Precision, write_onnx_profile, write_onnx_step
from ionbridge.applications.cell_rom.export.rom import identifier, step_model
from ionbridge.applications.cell_rom.export.step_model import Signal, StepModel
from ionbridge.applications.cell_rom.export.verify import largest_differences, run_fmu, run_onnx

__all__ = [
    "FmiVersion",
    "Precision",
    "Signal",
    "StepModel",
    "identifier",
    "largest_differences",
    "run_fmu",
    "run_onnx",
    "step_model",
    "write_fmu",
    "write_onnx_profile",
    "write_onnx_step",
]
