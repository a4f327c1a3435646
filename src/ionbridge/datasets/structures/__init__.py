"""Crystals, paths of ions through them, and formulas: values and checks without models.

Readers of published sets are in `ionbridge.datasets.readers.materials`.
"""

from ionbridge.datasets.structures.formulas import ELEMENTS, Formula, parse_formula
from ionbridge.datasets.structures.geometry import cell_heights, images_near, minimum_image, unwrap_path
from ionbridge.datasets.structures.migration import MigrationPath, MigrationSet
from ionbridge.datasets.structures.structure import Structure

__all__ = [
    "ELEMENTS",
    "Formula",
    "MigrationPath",
    "MigrationSet",
    "Structure",
    "cell_heights",
    "images_near",
    "minimum_image",
    "parse_formula",
    "unwrap_path",
]
