"""Readers of published sets of materials: migration barriers, electrodes, electrolytes.

What they make is in `ionbridge.datasets.structures`, or a table.
"""

from ionbridge.datasets.readers.materials.calisol23 import ElectrolyteSet, read_calisol23
from ionbridge.datasets.readers.materials.em619 import read_em619
from ionbridge.datasets.readers.materials.mp_electrodes import read_mp_electrodes
from ionbridge.datasets.readers.materials.obelix import (
    SolidElectrolyteSet,
    read_obelix,
    read_obelix_structures,
)

__all__ = [
    "ElectrolyteSet",
    "SolidElectrolyteSet",
    "read_calisol23",
    "read_em619",
    "read_mp_electrodes",
    "read_obelix",
    "read_obelix_structures",
]
