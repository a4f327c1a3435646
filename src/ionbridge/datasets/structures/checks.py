"""What can be wrong with a crystal or with a formula of a table, said entry by entry.

Reading files is `reading.py`; the `Problem` itself is that of tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ionbridge.datasets.problems import Problem
from ionbridge.datasets.structures.formulas import Formula, parse_formula
from ionbridge.datasets.structures.geometry import images_near
from ionbridge.datasets.structures.structure import Structure
from ionbridge.exceptions import DataError

__all__ = ["check_formulas", "check_structure"]

OVERLAP = 0.7  # [Å]; shorter than any bond between heavier atoms
OVERLAP_HYDROGEN = 0.5  # [Å]; X-rays see hydrogen too near to its partner
CLOSE = 1.0  # [Å]; only bonds to hydrogen are shorter
_VOLUMES = (3.0, 120.0)  # plausible volumes per atom [Å³]


def check_structure(structure: Structure, ion: str | None = None, name: str = "") -> list[Problem]:
    """Look for a missing mobile ion, overlapping atoms and an implausible volume.

    Parameters
    ----------
    ion : element that must be there; None for any.
    name : of the entry, for the messages.

    Returns
    -------
    problems; an ``error`` makes the entry unusable.
    """
    name = name or structure.name
    problems = []
    if ion is not None and not len(structure.sites(ion)):
        problems.append(
            Problem(
                "error",
                name,
                f"atoms of the mobile ion {ion}",
                f"Leave the entry out, insert {ion} first, or name another ion.",
                value=structure.formula.text,
            )
        )
    distance, pair = _shortest(structure)
    limit = OVERLAP_HYDROGEN if "H" in pair else OVERLAP
    if distance < CLOSE and (distance < limit or "H" not in pair):
        problems.append(
            Problem(
                "error" if distance < limit else "warning",
                name,
                f"atoms at least {limit:g} Å apart",
                "Check its occupancies and symmetry: split sites are often listed together.",
                value=f"{pair[0]}-{pair[1]} at {distance:.2f} Å",
            )
        )
    volume = structure.volume / len(structure)
    if not _VOLUMES[0] <= volume <= _VOLUMES[1]:
        problems.append(
            Problem(
                "warning",
                name,
                f"{_VOLUMES[0]:g} to {_VOLUMES[1]:g} Å³ an atom",
                "Check the unit of the cell lengths (Å).",
                value=f"{volume:.1f} Å³",
            )
        )
    return problems


def _shortest(structure: Structure) -> tuple[float, tuple[str, str]]:
    """Shortest distance up to 1 Å between two atoms or images, and their elements; infinite if none."""
    points = structure.fractional @ structure.lattice
    positions, atom = images_near(structure.lattice, structure.fractional, points, CLOSE)
    best, pair = np.inf, ("", "")
    for i, point in enumerate(points):
        distance = np.linalg.norm(positions - point, axis=1)
        distance[(atom == i) & (distance < 1e-6)] = np.inf
        nearest = int(np.argmin(distance)) if len(distance) else 0
        if len(distance) and distance[nearest] < best:
            best, pair = float(distance[nearest]), (structure.elements[i], structure.elements[atom[nearest]])
    return best, pair


def check_formulas(
    texts: Sequence[str], file: str = "table", column: str = "formula", first_row: int = 2
) -> tuple[list[Formula | None], list[Problem]]:
    """Parse the formulas of a table; a typo costs its own row only.

    Parameters
    ----------
    texts : one a row.
    file, column : for the messages.
    first_row : row of the file in which the first formula stands.

    Returns
    -------
    formulas : None where a formula cannot be read.
    problems : one an unreadable formula.
    """
    found: list[Formula | None] = []
    problems = []
    for row, text in enumerate(texts):
        try:
            found.append(parse_formula(str(text)))
        except DataError as error:
            found.append(None)
            problems.append(
                Problem(
                    "error",
                    file,
                    "a chemical formula such as LiFePO4",
                    str(error),
                    row=first_row + row,
                    column=column,
                    value=repr(str(text)),
                )
            )
    return found, problems
