"""`AbstractProfileSimulator`: the contract of what turns a profile of current into a series.

Simulators that turn rows into rows are `ionbridge.physics.AbstractSimulator`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from ionbridge.datasets.profiles import CellSeries, Profile

__all__ = ["AbstractProfileSimulator"]


class AbstractProfileSimulator(ABC):
    """Computes what a cell does under a profile.

    Subclasses set the attributes and implement `simulate_profile`; registered in the group
    ``ionbridge.simulators``.

    Attributes
    ----------
    fidelity : label of the results, such as ``DFN``.
    """

    fidelity: str

    @abstractmethod
    def simulate_profile(self, profile: Profile, initial_soc: float = 1.0) -> CellSeries:
        """Simulate a cell that starts at rest.

        Parameters
        ----------
        profile : current and ambient temperature; the answer is given at its points.
        initial_soc : at the start [-].

        Raises
        ------
        IonBridgeError
            If there is no result; the message says why.
        """
