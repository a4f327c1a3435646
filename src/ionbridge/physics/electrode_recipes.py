"""What differs between chemistries on the electrode line: densities, recipe, packing, compaction, limits.

Every number is a `Constant` with its source; the relations that use them are `slurry.py` and
`compaction.py`, the line itself is `electrode_line.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from ionbridge.physics.base import Constant, Reference

__all__ = ["LINE", "RECIPES", "SCATTER", "ElectrodeRecipe", "LineSettings", "Scatter"]

CRC = Reference("CRC", "CRC Handbook of Chemistry and Physics, 97th ed., CRC Press 2016")
DATASHEET = Reference(
    "Datasheet", "Typical supplier data sheets (Kynar PVdF, C-NERGY Super C, Walocel CMC, SBR latex)"
)
MEYER = Reference(
    "Meyer2017",
    "Meyer, Bockholt, Haselrieder, Kwade, Characterization of the calendering process for compaction of "
    "electrodes for lithium-ion batteries, J. Mater. Process. Technol. 249 (2017) 172-178",
    "10.1016/j.jmatprotec.2017.05.031",
)
DUQUESNOY = Reference(
    "Duquesnoy2020",
    "Duquesnoy, Lombardo, Chouchane, Primo, Franco, Data-driven assessment of electrode calendering process, "
    "J. Power Sources 480 (2020) 229103",
    "10.1016/j.jpowsour.2020.229103",
)
DUQUESNOY_2021 = Reference(
    "Duquesnoy2021",
    "Duquesnoy, Boyano, Ganborena, Cereijo, Ayerbe, Franco, Machine learning-based assessment of the impact of "
    "the manufacturing process on battery electrode heterogeneity, Energy and AI 5 (2021) 100090",
    "10.1016/j.egyai.2021.100090",
)
DRAKOPOULOS = Reference(
    "Drakopoulos2021",
    "Drakopoulos et al., Formulation and manufacturing optimization of lithium-ion graphite-based electrodes "
    "via machine learning, Cell Rep. Phys. Sci. 2 (2021) 100683",
    "10.1016/j.xcrp.2021.100683",
)
WMG = Reference(
    "WMG2025",
    "Ultrasound measurements of calendered graphite and NMC622 electrodes, data set",
    "10.1016/j.jpowsour.2025.237919",
)
FERNANDEZ = Reference(
    "Fernandez2025",
    "Fernandez, Saravanan, Omongos et al., Transfer learning assessment of small datasets relating "
    "manufacturing parameters with electrochemical energy cell component properties, npj Adv. Manuf. 2 (2025)",
    "10.1038/s44334-025-00024-1",
)
LIANG = Reference(
    "Liang2022",
    "Liang, Wu, Cao, Numerical analysis of coating thickness and pressure distribution in blade coating flows "
    "of power-law fluids, Phys. Fluids 34 (2022)",
    "10.1063/5.0096839",
)
CHOU = Reference(
    "Chou1987",
    "Chou, Ko, Yan, Fluid flow model for ceramic tape casting, J. Am. Ceram. Soc. 70 (1987) C280-C282",
    "10.1111/j.1151-2916.1987.tb04900.x",
)
KRIEGER = Reference(
    "Krieger1959",
    "Krieger, Dougherty, A mechanism for non-Newtonian flow in suspensions of rigid spheres, "
    "Trans. Soc. Rheol. 3 (1959) 137-152",
    "10.1122/1.548848",
)

_BINDER = "order of binder solutions for electrodes; the law is eq. 13"
_RECOVERY = "springs back by 5 to 10 points of compression in published calendering studies"
_SPEED_CAVEAT = "speed changed the compaction only insignificantly up to 5 m/min"


@dataclass(frozen=True)
class ElectrodeRecipe:
    """One chemistry on the line.

    Parameters
    ----------
    active_density, silicon_density, inactive_density, solvent_density : [g/cm³]
        Inactive is binder with carbon black.
    active_fraction_with_silicon : mass fraction of graphite and silicon together in the solids [-],
        where silicon is the varied component; 0 where it is not.
    foil_density, foil_thickness : current collector [g/cm³], [µm].
    medium_consistency, maximum_fraction, thinning : see `slurry.consistency` and `slurry.flow_index`.
    dry_porosity : porosity of the dried coating at the reference composition and solid content [-].
    reference_inactive, reference_solid : inactive mass fraction and solid content of that reference [-].
    porosity_per_inactive, porosity_per_solid : its change with each [-].
    porosity_per_silicon : its change with the silicon mass fraction beyond 0.1 [-].
    minimum_porosity : limit of compaction [-].
    roll_compliance : compaction resistance over stiffness of the calender [µm].
    compliance_per_silicon : relative rise of the compaction resistance with the silicon mass fraction [-].
    recovery : elastic recovery at the lower roll speed [-].
    """

    active_density: Constant
    silicon_density: Constant
    inactive_density: Constant
    solvent_density: Constant
    active_fraction_with_silicon: Constant
    foil_density: Constant
    foil_thickness: Constant
    medium_consistency: Constant
    maximum_fraction: Constant
    thinning: Constant
    dry_porosity: Constant
    reference_inactive: Constant
    reference_solid: Constant
    porosity_per_inactive: Constant
    porosity_per_solid: Constant
    porosity_per_silicon: Constant
    minimum_porosity: Constant
    roll_compliance: Constant
    compliance_per_silicon: Constant
    recovery: Constant

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every constant of the recipe."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class LineSettings:
    """The machine, the same for every chemistry.

    Parameters
    ----------
    bar_radius, slurry_head : comma bar and slurry before it [m].
    reference_roll_speed : [m/min]
    recovery_exponent : elastic recovery ∝ roll speed to this power [-].
    disc_diameter : of the measured samples [mm].
    """

    bar_radius: Constant
    slurry_head: Constant
    reference_roll_speed: Constant
    recovery_exponent: Constant
    disc_diameter: Constant

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every constant of the machine."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class Scatter:
    """Standard deviations of what varies from batch to batch, disc to disc and reading to reading.

    Parameters
    ----------
    batch_coating : relative, of the wet film of a slurry [-].
    batch_porosity : of the dry porosity of a slurry [-].
    batch_roll_zero : of the zero of the roll gap in a session [µm].
    disc_loading : relative, of the local loading [-].
    roll_gap : of the roll gap at one disc [µm].
    thickness_reading : mean of several micrometer readings [µm].
    foil_mass : relative, of the foil that is subtracted [-].
    weighing : of the balance [mg].
    """

    batch_coating: Constant
    batch_porosity: Constant
    batch_roll_zero: Constant
    disc_loading: Constant
    roll_gap: Constant
    thickness_reading: Constant
    foil_mass: Constant
    weighing: Constant

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every standard deviation."""
        return tuple(getattr(self, field.name) for field in fields(self))


def _published(name: str, value: float, unit: str, reference: Reference, where: str) -> Constant:
    return Constant(name, value, unit, "published", reference, where)


def _fitted(name: str, value: float, unit: str, reference: Reference, where: str) -> Constant:
    return Constant(name, value, unit, "fitted", reference, where)


def _assumed(name: str, value: float, unit: str, reference: Reference, where: str) -> Constant:
    return Constant(name, value, unit, "assumed", reference, where)


_SILICON_DENSITY = _published("silicon density", 2.33, "g/cm**3", CRC, "section 4, Physical constants: Si")
_GRAPHITE_DENSITY = _published("graphite density", 2.26, "g/cm**3", CRC, "section 4, crystal of graphite")
_COPPER_DENSITY = _published("copper density", 8.96, "g/cm**3", CRC, "section 4, Cu")
_COPPER_FOIL = _assumed("copper foil thickness", 10.0, "um", DRAKOPOULOS, "usual anode foil")
_WATER_DENSITY = _published("water density", 0.998, "g/cm**3", CRC, "section 6, water at 20 degC")
_AQUEOUS_INACTIVE = _assumed(
    "density of CMC, SBR and carbon black together",
    1.45,
    "g/cm**3",
    DATASHEET,
    "1.6, 1.0 and 1.9 in usual shares",
)
_MAXIMUM = _assumed("maximum solids fraction", 0.60, "1", KRIEGER, "random packing of polydisperse particles")
_NO_SILICON = _assumed("effect of silicon", 0.0, "1", FERNANDEZ, "no silicon in this recipe")

_GRAPHITE = ElectrodeRecipe(
    active_density=_GRAPHITE_DENSITY,
    silicon_density=_SILICON_DENSITY,
    inactive_density=_AQUEOUS_INACTIVE,
    solvent_density=_WATER_DENSITY,
    active_fraction_with_silicon=_NO_SILICON,
    foil_density=_COPPER_DENSITY,
    foil_thickness=_COPPER_FOIL,
    medium_consistency=_assumed("consistency of CMC solution", 0.9, "Pa*s", KRIEGER, _BINDER),
    maximum_fraction=_MAXIMUM,
    thinning=_assumed("shear thinning", 0.9, "1", LIANG, "index about 0.6 at 40 wt% solids"),
    dry_porosity=_fitted(
        "dry porosity of graphite",
        0.56,
        "1",
        DRAKOPOULOS,
        "median of the uncalendered cells, 0.53 to 0.60; WMG2025: 0.97 g/cm3",
    ),
    reference_inactive=_published(
        "inactive fraction of the reference", 0.05, "1", DRAKOPOULOS, "95 wt% graphite"
    ),
    reference_solid=_assumed("solid content of the reference", 0.35, "1", FERNANDEZ, "within 22 to 42 wt%"),
    porosity_per_inactive=_assumed(
        "dry porosity per inactive fraction", 1.0, "1", DUQUESNOY, "sign as for NMC111"
    ),
    porosity_per_solid=_assumed(
        "dry porosity per solid content", -0.25, "1", DUQUESNOY, "sign as for NMC111"
    ),
    porosity_per_silicon=_NO_SILICON,
    minimum_porosity=_fitted(
        "smallest porosity of graphite", 0.21, "1", DRAKOPOULOS, "densest calendered cell, 0.210"
    ),
    roll_compliance=_assumed(
        "roll compliance with graphite", 20.0, "um", MEYER, "graphite resists less than NCM"
    ),
    compliance_per_silicon=_NO_SILICON,
    recovery=_assumed("elastic recovery of graphite", 0.07, "1", MEYER, _RECOVERY),
)

_SILICON_GRAPHITE = ElectrodeRecipe(
    active_density=_GRAPHITE_DENSITY,
    silicon_density=_SILICON_DENSITY,
    inactive_density=_AQUEOUS_INACTIVE,
    solvent_density=_WATER_DENSITY,
    active_fraction_with_silicon=_assumed(
        "graphite and silicon in the solids",
        0.90,
        "1",
        FERNANDEZ,
        "not published; usual for silicon-graphite",
    ),
    foil_density=_COPPER_DENSITY,
    foil_thickness=_COPPER_FOIL,
    medium_consistency=_assumed("consistency of CMC solution", 1.4, "Pa*s", KRIEGER, _BINDER),
    maximum_fraction=_assumed(
        "maximum solids fraction with nanosilicon", 0.52, "1", KRIEGER, "finer particles pack worse"
    ),
    thinning=_assumed("shear thinning", 1.0, "1", LIANG, "more than graphite"),
    dry_porosity=_assumed("dry porosity of silicon-graphite", 0.60, "1", DRAKOPOULOS, "above graphite, 0.56"),
    reference_inactive=_assumed(
        "inactive fraction of the reference", 0.10, "1", FERNANDEZ, "constant in this recipe"
    ),
    reference_solid=_assumed(
        "solid content of the reference", 0.28, "1", FERNANDEZ, "middle of 24 to 32 wt%"
    ),
    porosity_per_inactive=_assumed(
        "dry porosity per inactive fraction", 1.0, "1", DUQUESNOY, "sign as for NMC111"
    ),
    porosity_per_solid=_assumed(
        "dry porosity per solid content", -0.25, "1", DUQUESNOY, "sign as for NMC111"
    ),
    porosity_per_silicon=_assumed(
        "dry porosity per silicon fraction", 0.4, "1", FERNANDEZ, "looser packing with silicon"
    ),
    minimum_porosity=_assumed(
        "smallest porosity of silicon-graphite", 0.25, "1", DRAKOPOULOS, "above graphite, 0.21"
    ),
    roll_compliance=_assumed(
        "roll compliance with silicon-graphite", 23.0, "um", MEYER, "between graphite and NCM"
    ),
    compliance_per_silicon=_assumed(
        "rise of the compaction resistance with silicon", 1.5, "1", MEYER, "harder particles resist more"
    ),
    recovery=_assumed("elastic recovery of silicon-graphite", 0.09, "1", MEYER, _RECOVERY),
)

_NMC = ElectrodeRecipe(
    active_density=_published("NMC density", 4.7, "g/cm**3", DUQUESNOY, "NMC111, used for its porosities"),
    silicon_density=_SILICON_DENSITY,
    inactive_density=_assumed(
        "density of PVdF and carbon black together", 1.83, "g/cm**3", DATASHEET, "1.78 and 1.9"
    ),
    solvent_density=_published("NMP density", 1.03, "g/cm**3", CRC, "section 3, N-methyl-2-pyrrolidone"),
    active_fraction_with_silicon=_NO_SILICON,
    foil_density=_published("aluminium density", 2.70, "g/cm**3", CRC, "section 4, Al"),
    foil_thickness=_assumed(
        "aluminium foil thickness", 22.0, "um", DUQUESNOY, "usual foil of these coatings"
    ),
    medium_consistency=_assumed("consistency of PVdF solution", 1.2, "Pa*s", KRIEGER, _BINDER),
    maximum_fraction=_MAXIMUM,
    thinning=_assumed("shear thinning", 0.7, "1", LIANG, "index about 0.7 at 60 wt% solids"),
    dry_porosity=_fitted(
        "dry porosity of NMC", 0.461, "1", DUQUESNOY, "measured before calendering, 94 wt% NMC, 69 % solids"
    ),
    reference_inactive=_published("inactive fraction of the reference", 0.06, "1", DUQUESNOY, "94 wt% NMC"),
    reference_solid=_published("solid content of the reference", 0.69, "1", DUQUESNOY, "69 %"),
    porosity_per_inactive=_assumed(
        "dry porosity per inactive fraction",
        0.6,
        "1",
        DUQUESNOY,
        "positive in the data; smaller here, as the range is wider",
    ),
    porosity_per_solid=_fitted(
        "dry porosity per solid content", -0.29, "1", DUQUESNOY, "0.487 at 60 %, 0.461 at 69 %, 94 wt% NMC"
    ),
    porosity_per_silicon=_NO_SILICON,
    minimum_porosity=_fitted(
        "smallest porosity of NMC",
        0.247,
        "1",
        DUQUESNOY,
        "least squares on the 14 measured porosities, residual 0.020",
    ),
    roll_compliance=_fitted(
        "roll compliance with NMC",
        29.4,
        "um",
        DUQUESNOY,
        "least squares on the 14 measured porosities, residual 0.020",
    ),
    compliance_per_silicon=_NO_SILICON,
    recovery=_assumed("elastic recovery of NMC", 0.05, "1", MEYER, _RECOVERY),
)

RECIPES: Mapping[str, ElectrodeRecipe] = MappingProxyType(
    {"graphite": _GRAPHITE, "silicon_graphite": _SILICON_GRAPHITE, "nmc": _NMC}
)

LINE = LineSettings(
    bar_radius=_assumed("radius of the comma bar", 0.03, "m", LIANG, "laboratory coater"),
    slurry_head=_assumed("height of the slurry before the bar", 0.03, "m", CHOU, "laboratory coater"),
    reference_roll_speed=_published("lower roll speed", 0.27, "m/min", FERNANDEZ, "0.27 or 0.54 m/min"),
    recovery_exponent=_assumed("growth of recovery with roll speed", 0.1, "1", MEYER, _SPEED_CAVEAT),
    disc_diameter=_published("disc diameter", 13.0, "mm", FERNANDEZ, "methods: density and mass loading"),
)

SCATTER = Scatter(
    batch_coating=_assumed(
        "batch scatter of the wet film",
        0.05,
        "1",
        DRAKOPOULOS,
        "discs of one setting scatter by 0.03 to 0.14, part of it between coatings",
    ),
    batch_porosity=_fitted(
        "batch scatter of the dry porosity", 0.012, "1", DRAKOPOULOS, "spread of the uncalendered cells"
    ),
    batch_roll_zero=_assumed(
        "zero of the roll gap", 2.0, "um", DUQUESNOY, "setting accuracy of a laboratory calender"
    ),
    disc_loading=_fitted(
        "scatter of the local loading",
        0.035,
        "1",
        DRAKOPOULOS,
        "median over settings of the relative standard deviation of the active mass, prospective campaign",
    ),
    roll_gap=_assumed(
        "roll gap at one disc", 1.0, "um", DUQUESNOY, "setting accuracy of a laboratory calender"
    ),
    thickness_reading=_assumed(
        "thickness reading", 0.7, "um", DUQUESNOY_2021, "1 um micrometer, mean of several readings"
    ),
    foil_mass=_assumed("foil mass", 0.01, "1", DATASHEET, "usual tolerance of foil over one roll"),
    weighing=_assumed("weighing", 0.02, "mg", DATASHEET, "laboratory balance"),
)
