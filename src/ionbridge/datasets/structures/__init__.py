"""Crystals, paths of ions through them, and formulas: values and checks without models.

Readers of published sets are in `ionbridge.datasets.readers.materials`.
"""

from ionbridge.datasets.structures.checks import check_formulas, check_structure
from ionbridge.datasets.structures.disorder import order_sites
from ionbridge.datasets.structures.formulas import ELEMENTS, Formula, parse_formula
from ionbridge.datasets.structures.geometry import cell_heights, images_near, minimum_image, unwrap_path
from ionbridge.datasets.structures.hops import Hop, find_hops, percolating_paths
from ionbridge.datasets.structures.migration import MigrationPath, MigrationSet
from ionbridge.datasets.structures.reading import (
    StructureSet,
    cif_blocks,
    crystal_name,
    read_structure,
    read_structures,
    structure_from_text,
)
from ionbridge.datasets.structures.structure import Structure

__all__ = [
    "ELEMENTS",
    "Formula",
    "Hop",
    "MigrationPath",
    "MigrationSet",
    "Structure",
    "StructureSet",
    "cell_heights",
    "check_formulas",
    "check_structure",
    "cif_blocks",
    "crystal_name",
    "find_hops",
    "images_near",
    "minimum_image",
    "order_sites",
    "parse_formula",
    "percolating_paths",
    "read_structure",
    "read_structures",
    "structure_from_text",
    "unwrap_path",
]
