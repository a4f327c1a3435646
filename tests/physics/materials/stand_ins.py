"""Small crystals and an engine that costs nothing, for tests of what surrounds the engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ionbridge.datasets.structures import Structure
from ionbridge.exceptions import DataError
from ionbridge.physics.materials import AbstractMaterialEngine, KnownBias


def layered(a: float = 2.816, c: float = 14.05, z: float = 0.2604, ion: str = "Li") -> Structure:
    """Hexagonal cell of a layered oxide, a skewed lattice."""
    lattice = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])
    shifts = np.array([[0, 0, 0], [2 / 3, 1 / 3, 1 / 3], [1 / 3, 2 / 3, 2 / 3]])
    sites = {ion: [[0, 0, 0.5]], "Co": [[0, 0, 0]], "O": [[0, 0, z], [0, 0, -z]]}
    elements = [e for e, places in sites.items() for _ in places for _ in shifts]
    places = [np.array(p) + s for group in sites.values() for p in group for s in shifts]
    return Structure(lattice, tuple(elements), np.array(places), "layered")


@dataclass(frozen=True)
class Volume(AbstractMaterialEngine):
    """The volume of the cell; refuses structures called bad."""

    factor: float = 1.0

    name: ClassVar[str] = "volume"
    takes: ClassVar[str] = "structure"
    output_names: ClassVar[tuple[str, ...]] = ("cell_volume",)
    packages: ClassVar[tuple[str, ...]] = ("numpy",)
    biases: ClassVar[tuple[KnownBias, ...]] = ()

    def cost(self, subject: Structure) -> float:
        """Nothing worth mentioning [s]."""
        return 1e-6 * len(subject)

    def _run(self, subject: Structure) -> Any:
        if subject.name == "bad":
            raise DataError("this one is bad")
        return {"cell_volume": subject.volume * self.factor}, {}, {"n_atoms": len(subject)}, ("a note",)
