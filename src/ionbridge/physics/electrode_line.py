"""`ElectrodeLine`: mixing, comma-bar coating, drying and calendering of one battery electrode.

Numbers per chemistry are in `electrode_recipes.py`, the designs of whole data sets in `line_designs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets import Domain
from ionbridge.exceptions import UnknownNameError
from ionbridge.physics.base import AbstractSimulator, Columns
from ionbridge.physics.compaction import calendered_porosity
from ionbridge.physics.electrode_recipes import LINE, RECIPES, SCATTER, ElectrodeRecipe
from ionbridge.physics.slurry import consistency, flow_index, mixture_density, slurry_density, wet_film_ratio
from ionbridge.quantities import convert, quantity

__all__ = ["Chemistry", "ElectrodeLine"]

FloatArray = NDArray[np.float64]
Chemistry = Literal["graphite", "silicon_graphite", "nmc"]

_PROCESS_INPUTS = ("solid_content", "coating_speed", "comma_gap", "roll_speed", "roll_gap")
_OUTPUTS = ("density", "mass_loading", "coating_thickness", "electrode_thickness", "porosity")
_FRACTIONS = ("active_material_fraction", "silicon_fraction", "solid_content")
UM_G_PER_CM3_TO_MG_PER_CM2 = 0.1  # 1 µm of 1 g/cm³ weighs 0.1 mg/cm²

# Where the relations hold: the published ranges of Fernandez et al. 2025 with a margin; mass fractions and µm.
_LIMITS: Mapping[str, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "graphite": {"active_material_fraction": (0.85, 0.98), "solid_content": (0.20, 0.45)},
        "silicon_graphite": {"silicon_fraction": (0.05, 0.20), "solid_content": (0.20, 0.36)},
        "nmc": {"active_material_fraction": (0.80, 0.98), "solid_content": (0.40, 0.72)},
    }
)
_PROCESS_LIMITS = {
    "coating_speed": (0.1, 2.0),
    "comma_gap": (50.0, 500.0),
    "roll_speed": (0.1, 1.0),
    "roll_gap": (1.0, 500.0),
}
_ASSUMPTIONS = (
    "Volumes of the components add up; nothing but the solvent leaves in the dryer.",
    "The slurry is a power-law liquid; its consistency follows Krieger and Dougherty.",
    "The coating dries to a porosity that depends on recipe and solid content, not on thickness.",
    "The roll gap is the distance set between the unloaded rolls and includes the foil; the rolls give way "
    "elastically, the foil does not thin, and the coating springs back by a constant share.",
    "Rows with equal composition and solid content come from one slurry and share its batch scatter.",
)


class ElectrodeLine(AbstractSimulator):
    """A laboratory electrode line from the mixer to the calender.

    Parameters
    ----------
    chemistry : ``graphite`` (water, CMC and SBR, copper), ``silicon_graphite`` (the same, with the
        silicon fraction as composition input) or ``nmc`` (NMP, PVdF, aluminium).

    Notes
    -----
    Wet film = comma gap × `wet_film_ratio`; dry mass per area = wet film × slurry density × solid
    content (mass balance); porosity before calendering from the recipe; porosity after calendering
    from `calendered_porosity`; density, thickness and loading follow from mass and porosity.
    With noise, masses and thicknesses of a 13 mm disc are "measured" with errors and the published
    definitions are applied to them: density = (m_electrode − m_foil) / ((t_electrode − t_foil) ·
    area), mass loading = (m_electrode − m_foil) · active fraction / area [1]_.

    References
    ----------
    .. [1] Fernandez et al., npj Adv. Manuf. 2 (2025), methods. doi:10.1038/s44334-025-00024-1
    """

    def __init__(self, chemistry: Chemistry = "graphite") -> None:
        if chemistry not in RECIPES:
            raise UnknownNameError.for_name(chemistry, get_args(Chemistry), "chemistry")
        self.chemistry: Chemistry = chemistry
        self.recipe: ElectrodeRecipe = RECIPES[chemistry]
        composition = "silicon_fraction" if chemistry == "silicon_graphite" else "active_material_fraction"
        self.composition = composition
        self.inputs = tuple(quantity(name) for name in (composition, *_PROCESS_INPUTS))
        self.outputs = tuple(quantity(name) for name in _OUTPUTS)
        fractions = {
            name: _in_unit(bounds, quantity(name).unit) for name, bounds in _LIMITS[chemistry].items()
        }
        self.limits = MappingProxyType({**fractions, **_PROCESS_LIMITS})
        self.assumptions = _ASSUMPTIONS
        self.constants = (*self.recipe.constants, *LINE.constants, *SCATTER.constants)
        self.domain = Domain(
            name=f"{chemistry} line",
            chemistry=chemistry.replace("_", "-"),
            process="comma-bar coating and calendering",
            fidelity="analytic model",
            origin="simulation",
        )

    def _simulate(self, columns: Columns, rng: np.random.Generator | None) -> Columns:
        columns = {
            name: np.asarray(convert(v, quantity(name).unit, "1")) if name in _FRACTIONS else v
            for name, v in columns.items()
        }
        n_rows = len(columns["comma_gap"])
        batch = _Batch.none(n_rows) if rng is None else _Batch.draw(columns, self.composition, rng)
        solid_density = self._solid_density(columns)
        loading = self._dry_loading(columns, solid_density) * batch.loading
        porosity = self._calendered_porosity(columns, loading, solid_density, batch)
        thickness = loading / (UM_G_PER_CM3_TO_MG_PER_CM2 * solid_density * (1 - porosity))
        if rng is not None:
            loading, thickness = self._measure(loading, thickness, solid_density, rng)
        density = loading / (UM_G_PER_CM3_TO_MG_PER_CM2 * thickness)
        return {
            "density": density,
            "mass_loading": loading * self._active_fraction(columns),
            "coating_thickness": thickness,
            "electrode_thickness": thickness + float(self.recipe.foil_thickness),
            "porosity": np.asarray(convert(1 - density / solid_density, "1", quantity("porosity").unit)),
        }

    def _active_fraction(self, columns: Columns) -> FloatArray:
        if self.chemistry == "silicon_graphite":
            return np.full_like(columns["comma_gap"], float(self.recipe.active_fraction_with_silicon))
        return columns["active_material_fraction"]

    def _silicon_fraction(self, columns: Columns) -> FloatArray:
        return columns.get("silicon_fraction", np.zeros_like(columns["comma_gap"]))

    def _solid_density(self, columns: Columns) -> FloatArray:
        """Density of the dry solids without pores, shape (n_rows,) [g/cm³]."""
        recipe, silicon, active = self.recipe, self._silicon_fraction(columns), self._active_fraction(columns)
        return mixture_density(
            [active - silicon, silicon, 1 - active],
            [float(recipe.active_density), float(recipe.silicon_density), float(recipe.inactive_density)],
        )

    def _dry_loading(self, columns: Columns, solid_density: FloatArray) -> FloatArray:
        """Dry mass of the coating per area, shape (n_rows,) [mg/cm²]."""
        recipe, solids = self.recipe, columns["solid_content"]
        density = slurry_density(solids, solid_density, float(recipe.solvent_density))
        volume_fraction = solids * density / solid_density
        maximum = float(recipe.maximum_fraction)
        ratio = wet_film_ratio(
            gap=columns["comma_gap"] * 1e-6,
            speed=columns["coating_speed"] / 60,
            index=flow_index(volume_fraction, maximum, float(recipe.thinning)),
            slurry_consistency=consistency(volume_fraction, float(recipe.medium_consistency), maximum),
            density=density * 1e3,
            bar_radius=float(LINE.bar_radius),
            head=float(LINE.slurry_head),
        )
        return np.asarray(UM_G_PER_CM3_TO_MG_PER_CM2 * columns["comma_gap"] * ratio * density * solids)

    def _dry_porosity(self, columns: Columns) -> FloatArray:
        """Porosity before calendering, shape (n_rows,) [-]."""
        recipe = self.recipe
        inactive = 1 - self._active_fraction(columns) - float(recipe.reference_inactive)
        solid = columns["solid_content"] - float(recipe.reference_solid)
        silicon = self._silicon_fraction(columns) - 0.1
        return np.asarray(
            float(recipe.dry_porosity)
            + float(recipe.porosity_per_inactive) * inactive
            + float(recipe.porosity_per_solid) * solid
            + float(recipe.porosity_per_silicon) * silicon
        )

    def _calendered_porosity(
        self, columns: Columns, loading: FloatArray, solid_density: FloatArray, batch: _Batch
    ) -> FloatArray:
        recipe = self.recipe
        speed = columns["roll_speed"] / float(LINE.reference_roll_speed)
        harder = 1 + float(recipe.compliance_per_silicon) * self._silicon_fraction(columns)
        return calendered_porosity(
            gap=columns["roll_gap"] + batch.roll_gap,
            solid_thickness=loading / (UM_G_PER_CM3_TO_MG_PER_CM2 * solid_density),
            foil_thickness=float(recipe.foil_thickness),
            initial=self._dry_porosity(columns) + batch.porosity,
            minimum=float(recipe.minimum_porosity),
            recovery=float(recipe.recovery) * speed ** float(LINE.recovery_exponent),
            roll_compliance=float(recipe.roll_compliance) * harder,
        )

    def _measure(
        self, loading: FloatArray, thickness: FloatArray, solid_density: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Loading and thickness as a laboratory reads them from a disc, [mg/cm²] and [µm].

        A reading that would mean less than 2 % pores is taken again, that is, set to 2 % here.
        """
        area = np.pi / 4 * (float(LINE.disc_diameter) / 10) ** 2
        recipe = self.recipe
        foil = UM_G_PER_CM3_TO_MG_PER_CM2 * float(recipe.foil_thickness) * float(recipe.foil_density)
        error = foil * float(SCATTER.foil_mass) * rng.standard_normal(len(loading))
        error = error + float(SCATTER.weighing) / area * rng.standard_normal(len(loading))
        read_loading = np.maximum(loading + error, 0.5 * loading)
        read_thickness = thickness + float(SCATTER.thickness_reading) * rng.standard_normal(len(loading))
        thinnest = read_loading / (UM_G_PER_CM3_TO_MG_PER_CM2 * solid_density * 0.98)
        return read_loading, np.maximum(read_thickness, thinnest)


def _in_unit(bounds: tuple[float, float], unit: str) -> tuple[float, float]:
    low, high = convert(np.array(bounds), "1", unit)
    return float(low), float(high)


@dataclass(frozen=True)
class _Batch:
    """What one slurry and one session change in each row.

    Parameters
    ----------
    loading : shape (n_rows,) [-]; factor on the dry loading.
    porosity : shape (n_rows,) [-]; added to the dry porosity.
    roll_gap : shape (n_rows,) [µm]; added to the roll gap.
    """

    loading: FloatArray
    porosity: FloatArray
    roll_gap: FloatArray

    @classmethod
    def none(cls, n_rows: int) -> _Batch:
        return cls(np.ones(n_rows), np.zeros(n_rows), np.zeros(n_rows))

    @classmethod
    def draw(cls, columns: Columns, composition: str, rng: np.random.Generator) -> _Batch:
        slurries = np.stack([columns[composition], columns["solid_content"]], axis=1)
        found, index = np.unique(slurries, axis=0, return_inverse=True)
        index = index.reshape(-1)
        of_batch = rng.standard_normal((len(found), 3))[index]
        of_disc = rng.standard_normal((len(index), 2))
        return cls(
            loading=np.exp(
                float(SCATTER.batch_coating) * of_batch[:, 0] + float(SCATTER.disc_loading) * of_disc[:, 0]
            ),
            porosity=float(SCATTER.batch_porosity) * of_batch[:, 1],
            roll_gap=float(SCATTER.batch_roll_zero) * of_batch[:, 2]
            + float(SCATTER.roll_gap) * of_disc[:, 1],
        )
