"""Engines of atomistic physics: relaxation, voltage, barrier and diffusivity by CHGNet; bond-valence energies.

They need the extra ``materials``; importing this package does not.
"""

from ionbridge.physics.materials.barrier import ChgnetBarrier
from ionbridge.physics.materials.base import AbstractMaterialEngine, EngineResult, KnownBias
from ionbridge.physics.materials.batch import BatchOutcome, default_cache, run_batch
from ionbridge.physics.materials.bond_valence import BondValenceBarrier
from ionbridge.physics.materials.dynamics import (
    Arrhenius,
    ChgnetDiffusivity,
    block_diffusivity,
    fit_arrhenius,
    nernst_einstein,
)
from ionbridge.physics.materials.literature import LITERATURE, literature_check
from ionbridge.physics.materials.paths import divacancy_path, supercell, tetrahedral_site, vacancy_path
from ionbridge.physics.materials.prototypes import PROTOTYPES, prototype, substituted
from ionbridge.physics.materials.relaxation import (
    CHARGES,
    METALS,
    ChgnetRelaxation,
    ChgnetVoltage,
    InsertionPair,
    metal,
)

__all__ = [
    "CHARGES",
    "LITERATURE",
    "METALS",
    "PROTOTYPES",
    "AbstractMaterialEngine",
    "Arrhenius",
    "BatchOutcome",
    "BondValenceBarrier",
    "ChgnetBarrier",
    "ChgnetDiffusivity",
    "ChgnetRelaxation",
    "ChgnetVoltage",
    "EngineResult",
    "InsertionPair",
    "KnownBias",
    "block_diffusivity",
    "default_cache",
    "divacancy_path",
    "fit_arrhenius",
    "literature_check",
    "metal",
    "nernst_einstein",
    "prototype",
    "run_batch",
    "substituted",
    "supercell",
    "tetrahedral_site",
    "vacancy_path",
]
