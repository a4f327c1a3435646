"""`CellSimulator`: a cell and a model of PyBaMM under the contract of profile simulators.

The functions behind it are `cell_parameters` and `simulate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.physics.cells.base import AbstractProfileSimulator
from ionbridge.physics.cells.parameters import cell_parameters
from ionbridge.physics.cells.simulation import simulate

__all__ = ["CellSimulator", "dfn", "spm", "spme"]


@final
class CellSimulator(AbstractProfileSimulator):
    """A cell simulated by PyBaMM.

    Parameters
    ----------
    cell : a chemistry, a parameter set or the path of a BPX file.
    model : ``DFN``, ``SPMe`` or ``SPM``.
    thermal : ``lumped`` or ``isothermal``.
    changes : of parameters, see `CHANGES`.
    """

    def __init__(
        self,
        cell: str | Path,
        model: str = "DFN",
        thermal: str = "lumped",
        changes: Mapping[str, float] | None = None,
    ) -> None:
        self.cell = cell
        self.model = model
        self.thermal = thermal
        self.changes = changes

    @property
    def fidelity(self) -> str:  # type: ignore[override]
        """The model."""
        return self.model

    def simulate_profile(self, profile: Profile, initial_soc: float = 1.0) -> CellSeries:
        """Simulate; see `simulate`."""
        return simulate(
            cell_parameters(self.cell),
            profile,
            self.model,
            initial_soc=initial_soc,
            thermal=self.thermal,
            parameter_changes=self.changes,
        )


def dfn(cell: str | Path = "LCO", **settings: str) -> CellSimulator:
    """The full-order model of a cell."""
    return CellSimulator(cell, "DFN", **settings)  # type: ignore[arg-type]


def spme(cell: str | Path = "LCO", **settings: str) -> CellSimulator:
    """The single-particle model with electrolyte of a cell."""
    return CellSimulator(cell, "SPMe", **settings)  # type: ignore[arg-type]


def spm(cell: str | Path = "LCO", **settings: str) -> CellSimulator:
    """The single-particle model of a cell."""
    return CellSimulator(cell, "SPM", **settings)  # type: ignore[arg-type]
