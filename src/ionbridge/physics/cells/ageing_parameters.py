"""Parameters of PyBaMM cells with every side reaction: what a set has, what is added to it, and why.

Cycling them to the end is `ageing.py`; parameters of cells that do not age are `parameters.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ionbridge.exceptions import UnknownNameError
from ionbridge.physics.base import Constant, Reference
from ionbridge.plugins import import_extra

__all__ = ["AGEING_SETS", "AgeingSet", "ageing_parameter_values", "multiplied"]

OKANE = Reference(
    "OKane2022",
    "O'Kane et al., Lithium-ion battery degradation: how to model it, Phys. Chem. Chem. Phys. 24 (2022) 7909",
    "10.1039/D2CP00417H",
)
AI = Reference(
    "Ai2020",
    "Ai et al., Electrochemical Thermal-Mechanical Modelling of Stress Inhomogeneity in Lithium-Ion Pouch Cells, "
    "J. Electrochem. Soc. 167 (2020) 013512",
    "10.1149/2.0122001JES",
)
PRADA = Reference(
    "Prada2013",
    "Prada et al., A simplified electrochemical and thermal aging model of LiFePO4-graphite Li-ion batteries, "
    "J. Electrochem. Soc. 160 (2013) A616",
    "10.1149/2.053304jes",
)
MAXISCH = Reference(
    "Maxisch2006", "Maxisch and Ceder, Elastic properties of olivine LixFePO4, Phys. Rev. B 73 (2006) 174112",
    "10.1103/PhysRevB.73.174112",
)  # fmt: skip

GRAPHITE_KEYS = (
    "Bulk solvent concentration [mol.m-3]",
    "Dead lithium decay constant [s-1]",
    "Dead lithium decay rate [s-1]",
    "Exchange-current density for plating [A.m-2]",
    "Exchange-current density for stripping [A.m-2]",
    "Initial SEI on cracks thickness [m]",
    "Initial SEI thickness [m]",
    "Initial plated lithium concentration [mol.m-3]",
    "Lithium metal partial molar volume [m3.mol-1]",
    "Lithium plating kinetic rate constant [m.s-1]",
    "Lithium plating transfer coefficient",
    "Negative electrode LAM constant exponential term",
    "Negative electrode LAM constant proportional term [s-1]",
    "Negative electrode Paris' law constant b",
    "Negative electrode Paris' law constant m",
    "Negative electrode Poisson's ratio",
    "Negative electrode Young's modulus [Pa]",
    "Negative electrode cracking rate",
    "Negative electrode critical stress [Pa]",
    "Negative electrode initial crack length [m]",
    "Negative electrode initial crack width [m]",
    "Negative electrode number of cracks per unit area [m-2]",
    "Negative electrode partial molar volume [m3.mol-1]",
    "Negative electrode reference concentration for free of deformation [mol.m-3]",
    "Negative electrode volume change",
    "Ratio of lithium moles to SEI moles",
    "SEI growth activation energy [J.mol-1]",
    "SEI partial molar volume [m3.mol-1]",
    "SEI resistivity [Ohm.m]",
    "SEI solvent diffusivity [m2.s-1]",
    "Typical plated lithium concentration [mol.m-3]",
)
"""Side reactions at graphite: taken from OKane2022 wherever a set lacks them."""

POSITIVE_KEYS = (
    "Positive electrode LAM constant exponential term",
    "Positive electrode LAM constant proportional term [s-1]",
    "Positive electrode critical stress [Pa]",
    "Positive electrode reference concentration for free of deformation [mol.m-3]",
)


@dataclass(frozen=True)
class AgeingSet:
    """A parameter set and what makes it age.

    Parameters
    ----------
    name : in PyBaMM.
    chemistry : ``cathode/anode`` of the domain.
    replaced : keys of the set itself that are overwritten by those of OKane2022.
    constants : numbers added here, with their sources, by PyBaMM's name.
    slower_graphite : factor on cracking and loss of graphite; None for 1.
    activation_energies : functions of the set that get an Arrhenius factor, with its energy [J/mol].
    assumptions : one sentence each.
    """

    name: str
    chemistry: str
    replaced: tuple[str, ...] = ()
    constants: Mapping[str, Constant] = field(default_factory=dict)
    activation_energies: Mapping[str, Constant] = field(default_factory=dict)
    slower_graphite: Constant | None = None
    assumptions: tuple[str, ...] = ()


def _assumed(name: str, value: float, unit: str, reference: Reference, where: str) -> Constant:
    return Constant(name, value, unit, "assumed", reference, where)


_UNFITTED = "side reactions at graphite (SEI, plating, cracks, loss of material) taken from OKane2022, not fitted here"
_LCO = AgeingSet(
    "Ai2020",
    "LCO/graphite",
    replaced=(
        "SEI growth activation energy [J.mol-1]",
        "Negative electrode LAM constant proportional term [s-1]",
    ),
    assumptions=(
        "plating, and the temperature dependence of the SEI, of Ai2020 (LCO) are those of OKane2022 (NMC), not fitted",
        "loss of graphite in Ai2020 is zero; the constant of OKane2022 stands in for it",
        "loss of LCO keeps the constant of Ai2020, which is next to none",
    ),
)
_LFP = AgeingSet(
    "Prada2013",
    "LFP/graphite",
    constants=MappingProxyType(
        {
            "Positive electrode Young's modulus [Pa]": _assumed(
                "Young's modulus of LFP", 1.24e11, "Pa", MAXISCH, "order of the computed isotropic mean"
            ),
            "Positive electrode Poisson's ratio": _assumed(
                "Poisson's ratio of LFP", 0.28, "1", MAXISCH, "order of the computed isotropic mean"
            ),
            "Positive electrode partial molar volume [m3.mol-1]": _assumed(
                "partial molar volume of lithium in LFP", 2.9e-6, "m^3/mol", MAXISCH, "volume change over concentration"
            ),
            "Positive electrode volume change": _assumed(
                "volume change of LFP from empty to full", 0.066, "1", MAXISCH, "linear in the stoichiometry"
            ),
        }
    ),
    activation_energies=MappingProxyType(
        {
            "Negative particle diffusivity [m2.s-1]": _assumed(
                "diffusion in graphite", 30300.0, "J/mol", OKANE, "as in OKane2022; Prada2013 has none"
            ),
            "Positive particle diffusivity [m2.s-1]": _assumed(
                "diffusion in LFP", 30000.0, "J/mol", PRADA, "order of magnitude; Prada2013 has none"
            ),
            "Negative electrode exchange-current density [A.m-2]": _assumed(
                "reaction at graphite", 35000.0, "J/mol", OKANE, "as in OKane2022; Prada2013 has none"
            ),
            "Positive electrode exchange-current density [A.m-2]": _assumed(
                "reaction at LFP", 30000.0, "J/mol", PRADA, "order of magnitude; Prada2013 has none"
            ),
        }
    ),
    slower_graphite=_assumed(
        "share of cracking and loss of material", 0.02, "1", OKANE,
        "graphite of Prada2013 diffuses ten times slower, which makes its stress about seven times that of OKane2022 "
        "(to the power 2: 50); with this share both lose as much in a cycle of C/2 and 1C at 25 degC",
    ),
    assumptions=(
        f"Prada2013 (LFP) has no ageing parameters: {_UNFITTED}",
        "cracking and loss of its graphite are multiplied by 0.02, so that they equal those of OKane2022 at C/2, 1C, "
        "25 degC",
        "mechanics of LFP from first-principles elasticity and a linear volume change; its loss follows OKane2022",
        "diffusivities and exchange currents of Prada2013 get Arrhenius factors, not fitted",
    ),
)  # fmt: skip
AGEING_SETS: Mapping[str, AgeingSet] = MappingProxyType(
    {
        "NMC": AgeingSet(
            "OKane2022", "NMC/graphite", assumptions=("all ageing parameters as in OKane2022 (NMC)",)
        ),
        "LCO": _LCO,
        "LFP": _LFP,
    }
)
"""Sets that can age, by cathode."""


def ageing_parameter_values(chemistry: str) -> Any:
    """Build fresh `pybamm.ParameterValues` of a cell with every side reaction.

    Parameters
    ----------
    chemistry : a key of `AGEING_SETS`.

    Raises
    ------
    UnknownNameError
        If there is no such chemistry.
    MissingExtraError
        If PyBaMM is not installed.
    """
    if chemistry not in AGEING_SETS:
        raise UnknownNameError.for_name(chemistry, AGEING_SETS, "chemistry with ageing parameters")
    pybamm = import_extra("pybamm", "cells")
    known = AGEING_SETS[chemistry]
    values = pybamm.ParameterValues(known.name)
    donor = pybamm.ParameterValues(OKANE.key)
    for key in (*GRAPHITE_KEYS, *POSITIVE_KEYS):
        if key not in values or key in known.replaced:
            values.update({key: donor[key]}, check_already_exists=False)
    for key, constant in known.constants.items():
        value = _linear(float(constant)) if key.endswith("volume change") else float(constant)
        values.update({key: value}, check_already_exists=False)
    if known.slower_graphite is not None:
        for key in (
            "Negative electrode cracking rate",
            "Negative electrode LAM constant proportional term [s-1]",
        ):
            values[key] = multiplied(values[key], float(known.slower_graphite))
    reference = float(values["Reference temperature [K]"])
    for key, constant in known.activation_energies.items():
        values[key] = _activated(values[key], float(constant), reference)
    return values


def multiplied(value: Any, factor: Any) -> Any:
    """Multiply a parameter, which is a number or a function, by a number or a symbol."""
    if not callable(value):
        return value * factor

    def function(*arguments: Any) -> Any:
        return factor * value(*arguments)

    return function


def _linear(slope: float) -> Callable[[Any], Any]:
    """Volume change proportional to the stoichiometry."""

    def change(stoichiometry: Any) -> Any:
        return slope * stoichiometry

    return change


def _activated(value: Any, energy: float, reference: float) -> Callable[..., Any]:
    """Multiply a parameter by its Arrhenius factor; the temperature is the last argument."""
    pybamm = import_extra("pybamm", "cells")

    def function(*arguments: Any) -> Any:
        factor = pybamm.exp(energy / pybamm.constants.R * (1 / reference - 1 / arguments[-1]))
        return factor * (value(*arguments) if callable(value) else value)

    return function
