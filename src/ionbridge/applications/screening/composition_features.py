"""Statistics of element properties over a composition, and properties of the moving ion.

matminer would give the same statistics, but its releases hold pandas back; these few lines use
pymatgen's element data directly. Geometry is `path_features.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from ionbridge.applications.screening.elements import (
    PROPERTIES,
    element_index,
    formal_charges,
    ionic_radius,
    property_table,
)
from ionbridge.datasets.structures import Formula

__all__ = ["composition_features", "ion_features"]

_SHARES = ("O", "S", "Se", "F", "Cl", "N", "P", "Si", "B", "C", "V", "Mn", "Fe", "Co", "Ni", "Ti", "Cr")


def composition_features(formula: Formula, ion: str = "") -> dict[str, float]:
    """Weighted mean, deviation, range, least and largest of each property over the elements of the host.

    Parameters
    ----------
    formula : composition; the amounts of `ion` are left out.
    ion : moving element; empty to keep all.

    Returns
    -------
    by name, such as ``X_mean``; besides, shares of frequent elements and of d and f metals, and
    formal charges of the metals of variable charge and of the anions [e].
    """
    host = tuple(sorted((e, n) for e, n in formula.amounts.items() if e != ion)) or tuple(
        sorted(formula.amounts.items())
    )
    return dict(_host_statistics(host, tuple(sorted(formula.amounts.items()))))


@lru_cache(maxsize=50_000)
def _host_statistics(
    host: tuple[tuple[str, float], ...], whole: tuple[tuple[str, float], ...]
) -> Mapping[str, float]:
    elements = [e for e, _ in host]
    weight = np.array([n for _, n in host])
    weight = weight / weight.sum()
    values = property_table()[element_index(elements)]
    mean = weight @ values
    deviation = weight @ np.abs(values - mean)
    low, high = values.min(axis=0), values.max(axis=0)
    result: dict[str, float] = {}
    for j, name in enumerate(PROPERTIES):
        result |= {
            f"{name}_mean": mean[j],
            f"{name}_deviation": deviation[j],
            f"{name}_range": high[j] - low[j],
            f"{name}_least": low[j],
            f"{name}_largest": high[j],
        }
    share = dict(zip(elements, weight, strict=True))
    result |= {f"share_{e}": share.get(e, 0.0) for e in _SHARES}
    group = values[:, PROPERTIES.index("group")]
    Z = values[:, PROPERTIES.index("Z")]
    is_metal_d = (group >= 3) & (group <= 12)
    result["share_d"] = float(weight[is_metal_d].sum())
    result["share_f"] = float(weight[(Z >= 57) & (Z <= 71)].sum())
    result["n_elements"] = float(len(elements))
    charges = formal_charges(dict(whole))
    anion = [(share[e], charges[e], e) for e in elements if charges[e] < 0]
    total = sum(w for w, _, _ in anion) or 1.0
    X = property_table()[:, PROPERTIES.index("X")]
    result["anion_share"] = sum(w for w, _, _ in anion)
    result["anion_charge"] = sum(w * q for w, q, _ in anion) / total
    result["anion_X"] = sum(w * X[element_index([e])[0]] for w, _, e in anion) / total
    metals = [(share[e], charges[e]) for e, d in zip(elements, is_metal_d, strict=True) if d]
    result["metal_charge"] = sum(w * q for w, q in metals) / (sum(w for w, _ in metals) or 1.0)
    return result


def ion_features(ion: str, charge: float | None = None) -> dict[str, float]:
    """Properties of the moving ion by name; charge in e, radius in Å.

    Parameters
    ----------
    ion : element.
    charge : [e]; None takes the usual one.
    """
    usual = formal_charges({ion: 1.0, "O": 1.0, "F": 2.0})[ion] if charge is None else charge
    usual = max(usual, 1.0)
    radius = float(ionic_radius([ion], [usual])[0])
    row = property_table()[element_index([ion])[0]]
    kept = ("Z", "X", "atomic_mass", "atomic_radius", "row", "ionization_energy", "electron_affinity")
    return {
        **{f"ion_{name}": float(row[PROPERTIES.index(name)]) for name in kept},
        "ion_charge": usual,
        "ion_radius": radius,
        "ion_potential": usual / radius,
        "ion_field": usual / radius**2,
    }
