"""Quantities computed by physics: adapters over simulation engines and our own generators.

Measured data and its readers are the datasets room; what is learned from either is the models room.
"""

from ionbridge.physics.base import AbstractSimulator, Constant, Reference
from ionbridge.physics.electrode_line import Chemistry, ElectrodeLine
from ionbridge.physics.line_designs import generate_published_tables, sample_design

__all__ = [
    "AbstractSimulator",
    "Chemistry",
    "Constant",
    "ElectrodeLine",
    "Reference",
    "generate_published_tables",
    "sample_design",
]
