"""Calendering of a porous coating on a foil between two rolls that give way elastically.

Pure relations on arrays; which numbers belong to which chemistry stands in `electrode_recipes.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["calendered_porosity", "porosity_at_load", "reduced_line_load"]

FloatArray = NDArray[np.float64]

N_BISECTIONS = 60  # halves the bracket of the load to below rounding


def porosity_at_load(load: FloatArray, initial: FloatArray, minimum: FloatArray | float) -> FloatArray:
    """Porosity after calendering at a reduced line load.

    ε = ε_min + (ε_0 − ε_min) exp(−q/γ): the porosity form of the exponential compaction law [1]_.

    Parameters
    ----------
    load : shape (n_rows,) [-]; line load q divided by the compaction resistance γ.
    initial, minimum : porosity before calendering and its limit at high load [-].

    References
    ----------
    .. [1] Meyer et al., Characterization of the calendering process for compaction of electrodes for
       lithium-ion batteries, J. Mater. Process. Technol. 249 (2017) 172. doi:10.1016/j.jmatprotec.2017.05.031
    """
    return np.asarray(minimum + (initial - minimum) * np.exp(-load))


def _nip_opening(
    load: FloatArray,
    solid_thickness: FloatArray,
    initial: FloatArray,
    minimum: FloatArray | float,
    recovery: FloatArray | float,
) -> FloatArray:
    """Thickness of the coating between the rolls, before it springs back, shape (n_rows,)."""
    relaxed = solid_thickness / (1 - porosity_at_load(load, initial, minimum))
    return np.asarray(relaxed / (1 + recovery))


def reduced_line_load(
    gap: FloatArray,
    solid_thickness: FloatArray,
    foil_thickness: float,
    initial: FloatArray,
    minimum: FloatArray | float,
    recovery: FloatArray | float,
    roll_compliance: FloatArray | float,
) -> FloatArray:
    """Solve the gap equation of the calender for the line load.

    The rolls are set `gap` apart without load and open by q/k under the line load q (k: stiffness of
    the stand), so that what is between them, foil and compressed coating, is as thick as the opening:
    t_foil + t(q)/(1 + s) = gap + q/k. With x = q/γ only the ratio γ/k (`roll_compliance`) is needed.
    The left side falls and the right side rises with x, so there is one solution; a coating that
    passes without permanent compaction has x = 0.

    Parameters
    ----------
    gap : shape (n_rows,) [µm]; set without load, foil included.
    solid_thickness : shape (n_rows,) [µm]; thickness of the coating if it had no pores.
    foil_thickness : [µm]
    initial, minimum : porosity before calendering and its limit [-].
    recovery : elastic recovery s [-]: thickness after the rolls over thickness between them, minus 1.
    roll_compliance : γ/k [µm]; how far the rolls open at one compaction resistance.

    Returns
    -------
    shape (n_rows,) [-]; q/γ.

    References
    ----------
    .. [1] Sims, The gauge-meter principle: exit thickness = unloaded gap + force/stiffness; see Roberts,
       Cold Rolling of Steel, Dekker 1978.
    """
    low = np.zeros_like(solid_thickness)
    high = (foil_thickness + solid_thickness / (1 - initial)) / roll_compliance + low
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        opening = _nip_opening(middle, solid_thickness, initial, minimum, recovery)
        too_thick = foil_thickness + opening > gap + roll_compliance * middle
        low, high = np.where(too_thick, middle, low), np.where(too_thick, high, middle)
    untouched = foil_thickness + _nip_opening(0 * low, solid_thickness, initial, minimum, recovery) <= gap
    return np.where(untouched, 0.0, (low + high) / 2)


def calendered_porosity(
    gap: FloatArray,
    solid_thickness: FloatArray,
    foil_thickness: float,
    initial: FloatArray,
    minimum: FloatArray | float,
    recovery: FloatArray | float,
    roll_compliance: FloatArray | float,
) -> FloatArray:
    """Porosity after calendering to a roll gap, shape (n_rows,) [-]; parameters of `reduced_line_load`."""
    load = reduced_line_load(
        gap, solid_thickness, foil_thickness, initial, minimum, recovery, roll_compliance
    )
    return porosity_at_load(load, initial, minimum)
