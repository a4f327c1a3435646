"""Slurry of solids in a solvent: density, volume fraction, viscosity and the wet film under a comma bar.

Pure relations on arrays; which numbers belong to which chemistry stands in `electrode_recipes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["consistency", "flow_index", "mixture_density", "slurry_density", "wet_film_ratio"]

FloatArray = NDArray[np.float64]

GRAVITY = 9.81  # m/s²


def mixture_density(
    mass_fractions: Sequence[FloatArray], densities: Sequence[FloatArray | float]
) -> FloatArray:
    """Density of a mixture whose volumes add up.

    Parameters
    ----------
    mass_fractions : one array of shape (n_rows,) a component, summing to 1 over components.
    densities : one value or one array of shape (n_rows,) a component [g/cm³].

    Returns
    -------
    shape (n_rows,) [g/cm³]
    """
    volume = sum(w / rho for w, rho in zip(mass_fractions, densities, strict=True))
    return np.asarray(1.0 / volume)


def slurry_density(
    solid_mass_fraction: FloatArray, solid_density: FloatArray, solvent_density: float
) -> FloatArray:
    """Density of the slurry, shape (n_rows,) [g/cm³], from volume additivity."""
    return mixture_density([solid_mass_fraction, 1 - solid_mass_fraction], [solid_density, solvent_density])


def consistency(
    volume_fraction: FloatArray, medium_consistency: float, maximum_fraction: float
) -> FloatArray:
    """Power-law consistency K of the slurry, shape (n_rows,) [Pa·sⁿ].

    Parameters
    ----------
    volume_fraction : shape (n_rows,) [-]; solids, below `maximum_fraction`.
    medium_consistency : consistency of the binder solution [Pa·sⁿ].
    maximum_fraction : solids fraction at which the slurry stops to flow [-].

    References
    ----------
    .. [1] Krieger and Dougherty, A mechanism for non-Newtonian flow in suspensions of rigid spheres,
       Trans. Soc. Rheol. 3 (1959) 137, eq. 13, with intrinsic viscosity 2.5. doi:10.1122/1.548848
    """
    return np.asarray(
        medium_consistency * (1 - volume_fraction / maximum_fraction) ** (-2.5 * maximum_fraction)
    )


def flow_index(volume_fraction: FloatArray, maximum_fraction: float, thinning: float) -> FloatArray:
    """Power-law index n, shape (n_rows,) [-]: 1 without solids, falling linearly by `thinning` to the maximum."""
    return np.asarray(1 - thinning * volume_fraction / maximum_fraction)


def wet_film_ratio(
    gap: FloatArray,
    speed: FloatArray,
    index: FloatArray,
    slurry_consistency: FloatArray,
    density: FloatArray,
    bar_radius: float,
    head: float,
) -> FloatArray:
    """Wet film thickness divided by the comma gap.

    The web drags the share (n + 1)/(2n + 1) of the gap along (2/3 for a Newtonian liquid [1]_); the
    weight of the slurry in front of the bar presses a little more through, as under a doctor blade
    [2]_: h² Δp / (12 η U L), with the viscosity at the shear rate U/h and the length of the narrow
    part L = √(2 R h).

    Parameters
    ----------
    gap : shape (n_rows,) [m]
    speed : shape (n_rows,) [m/s]
    index, slurry_consistency : shape (n_rows,); power law τ = K γ̇ⁿ [-], [Pa·sⁿ].
    density : shape (n_rows,) [kg/m³]
    bar_radius, head : radius of the bar and height of the slurry before it [m].

    Returns
    -------
    shape (n_rows,) [-]

    References
    ----------
    .. [1] Liang, Wu and Cao, Numerical analysis of coating thickness and pressure distribution in blade
       coating flows of power-law fluids, Phys. Fluids 34 (2022), limiting thickness of comma-roll
       coating. doi:10.1063/5.0096839
    .. [2] Chou, Ko and Yan, Fluid flow model for ceramic tape casting, J. Am. Ceram. Soc. 70 (1987)
       C280, eq. 8. doi:10.1111/j.1151-2916.1987.tb04900.x
    """
    drag = (index + 1) / (2 * index + 1)
    viscosity = slurry_consistency * (speed / gap) ** (index - 1)
    pressed = gap**2 * density * GRAVITY * head / (12 * viscosity * speed * np.sqrt(2 * bar_radius * gap))
    return np.asarray(drag + pressed)
