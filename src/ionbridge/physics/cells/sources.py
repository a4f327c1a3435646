"""Published sources of cell parameters, and the numbers that PyBaMM's sets lack, each as a `Constant`.

Which set stands for which chemistry is `sets.py`; the numbers of the sets themselves stay in PyBaMM.
"""

from __future__ import annotations

from ionbridge.physics.base import Constant, Reference

__all__ = ["LFP_THERMAL", "REFERENCES"]

REFERENCES = {
    "Marquis2019": Reference(
        "Marquis2019",
        "Marquis, Sulzer, Timms, Please, Chapman, An asymptotic derivation of a single particle model with "
        "electrolyte, J. Electrochem. Soc. 166 (2019) A3693",
        "10.1149/2.0341915jes",
    ),
    "Ai2020": Reference(
        "Ai2020",
        "Ai, Kraft, Sturm, Jossen, Wu, Electrochemical thermal-mechanical modelling of stress inhomogeneity in "
        "lithium-ion pouch cells, J. Electrochem. Soc. 167 (2020) 013512",
        "10.1149/2.0122001JES",
    ),
    "Prada2013": Reference(
        "Prada2013",
        "Prada, Di Domenico, Creff, Bernard, Sauvant-Moynot, Huet, A simplified electrochemical and thermal aging "
        "model of LiFePO4-graphite Li-ion batteries, J. Electrochem. Soc. 160 (2013) A616",
        "10.1149/2.053304jes",
    ),
    "Chen2020": Reference(
        "Chen2020",
        "Chen, Brosa Planella, O'Regan, Gastol, Widanage, Kendrick, Development of experimental techniques for "
        "parameterization of multi-scale lithium-ion battery models, J. Electrochem. Soc. 167 (2020) 080534",
        "10.1149/1945-7111/ab9050",
    ),
    "OKane2022": Reference(
        "OKane2022",
        "O'Kane, Ai, Madabattula et al., Lithium-ion battery degradation: how to model it, "
        "Phys. Chem. Chem. Phys. 24 (2022) 7909",
        "10.1039/D2CP00417H",
    ),
    "NCA_Kim2011": Reference(
        "Kim2011",
        "Kim, Smith, Lee, Santhanagopalan, Pesaran, Multi-domain modeling of lithium-ion batteries encompassing "
        "multi-physics in varied length scales, J. Electrochem. Soc. 158 (2011) A955",
        "10.1149/1.3597614",
    ),
    "Chayambuka2022": Reference(
        "Chayambuka2022",
        "Chayambuka, Mulder, Danilov, Notten, Physics-based modeling of sodium-ion batteries part II. Model and "
        "validation, Electrochim. Acta 404 (2022) 139764",
        "10.1016/j.electacta.2021.139764",
    ),
}

_KIM = Reference(
    "Kim2013",
    "Kim, Siegel, Stefanopoulou, A computationally efficient thermal model of cylindrical battery cells for the "
    "estimation of radially distributed temperatures, American Control Conference (2013) 698-703",
    "10.1109/ACC.2013.6579917",
)
_INCROPERA = Reference(
    "Incropera2007",
    "Incropera, DeWitt, Bergman, Lavine, Fundamentals of heat and mass transfer, 6th ed., Wiley 2007",
)
_CRC = Reference("CRC", "CRC Handbook of Chemistry and Physics, 97th ed., CRC Press 2016")
_CELL = "A123 26650, the cell of Prada2013"
_UNCHECKED = "taken over from secondary use, not checked against the paper"

LFP_THERMAL: dict[str, Constant] = {
    "Cell volume [m3]": Constant(
        "cell volume",
        3.4219e-5,
        "m^3",
        "published",
        _KIM,
        f"table of parameters; {_UNCHECKED}; {_CELL}",
    ),
    "Cell cooling surface area [m2]": Constant(
        "cooling surface",
        6.33e-3,
        "m^2",
        "assumed",
        _KIM,
        f"closed cylinder of the published radius and length; {_UNCHECKED}",
    ),
    "Cell heat capacity [J.K-1.m-3]": Constant(
        "volumetric heat capacity",
        2047.0 * 1109.0,
        "J/(m^3*K)",
        "published",
        _KIM,
        f"density 2047 kg/m^3 times specific heat 1109 J/(kg K), table of parameters; {_UNCHECKED}; {_CELL}",
    ),
    "Total heat transfer coefficient [W.m-2.K-1]": Constant(
        "heat transfer coefficient",
        10.0,
        "W/(m^2*K)",
        "assumed",
        _INCROPERA,
        "table 1.1: free convection of gases 2 to 25; the same value as in PyBaMM's NMC sets",
    ),
    "Negative current collector thickness [m]": Constant(
        "thickness of the copper foil",
        1e-5,
        "m",
        "assumed",
        _CRC,
        "usual foil; enters the heat of the foil only",
    ),
    "Positive current collector thickness [m]": Constant(
        "thickness of the aluminium foil",
        2e-5,
        "m",
        "assumed",
        _CRC,
        "usual foil; enters the heat of the foil only",
    ),
    "Negative current collector conductivity [S.m-1]": Constant(
        "conductivity of copper", 5.96e7, "S/m", "published", _CRC, "section 12, at 293 K"
    ),
    "Positive current collector conductivity [S.m-1]": Constant(
        "conductivity of aluminium", 3.77e7, "S/m", "published", _CRC, "section 12, at 293 K"
    ),
}
"""What a lumped thermal model needs beyond PyBaMM's Prada2013, which has no thermal parameters."""
