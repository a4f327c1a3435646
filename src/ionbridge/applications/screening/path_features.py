"""Numbers that describe the path of an ion: bottlenecks, coordination, bond valence, repulsion.

One path at a time, vectorised over points and atoms, and kept by its hash; composition is
`composition_features.py`, tables of many paths are `features.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from ionbridge.applications.screening.elements import (
    BOND_SOFTNESS,
    bond_valence_radius,
    formal_charges,
    ionic_radius,
)
from ionbridge.datasets.structures import MigrationPath, images_near

__all__ = ["path_features"]

FloatArray = NDArray[np.float64]

N_POINTS = 11
RADIUS = 7.0  # [Å]; atoms farther from the path are not seen
N_NEAREST = 6
SCREENING = 3.0  # [Å]; length of the screened electrostatics
_FAR = RADIUS + 0.5
_KEPT = 20_000
_cache: OrderedDict[str, dict[str, float]] = OrderedDict()


def path_features(path: MigrationPath) -> dict[str, float]:
    """Features of one path by name; lengths in Å, charges in e, energies in arbitrary units.

    Distances hold in skewed cells: every periodic image within 7 Å of the path is looked at. The
    path is sampled at 11 equally spaced points. Energies are those of point ions: a screened
    electrostatic term and the bond-valence site energy of the anions, which follows

        sum over anions of (s / s0)² - 2 s / s0,   s = exp((R0 - d) / b)

    Parameters
    ----------
    path : host without the moving ion, and the positions of the ion.

    References
    ----------
    .. [1] Adams and Rao, High power lithium ion battery materials by computational design, physica
       status solidi a 208 (2011) 1746, eqs. 3 and 4. doi:10.1002/pssa.201001116
    """
    key = path.sha256
    if key not in _cache:
        while len(_cache) >= _KEPT:
            _cache.popitem(last=False)
        surroundings = _Surroundings.of(path)
        _cache[key] = {
            "hop_length": path.length,
            "hop_straightness": _straightness(path),
            **_distances(surroundings),
            **_coordination(surroundings),
            **_valence(surroundings),
            **_energies(surroundings),
            **_cell(path, surroundings),
        }
    return dict(_cache[key])


@dataclass(frozen=True)
class _Surroundings:
    """Atoms around the points of a path.

    Parameters
    ----------
    distance : shape (n_points, n_images) [Å]
    elements : one symbol an image.
    charge, radius : shape (n_images,) [e], [Å]
    is_anion, is_cation, is_mobile : shape (n_images,), bool; cations without the moving element.
    ion, ion_charge, ion_radius : the moving ion.
    charges : formal charge by element.
    """

    distance: FloatArray
    elements: tuple[str, ...]
    charge: FloatArray
    radius: FloatArray
    is_anion: NDArray[np.bool_]
    is_cation: NDArray[np.bool_]
    is_mobile: NDArray[np.bool_]
    ion: str
    ion_charge: float
    ion_radius: float
    charges: dict[str, float]

    @classmethod
    def of(cls, path: MigrationPath) -> _Surroundings:
        points = path.resampled(N_POINTS)
        positions, atom = images_near(path.host.lattice, path.host.fractional, points, RADIUS)
        charges = formal_charges(path.formula.amounts)
        elements = tuple(path.host.elements[i] for i in atom)
        charge = np.array([charges[e] for e in elements], dtype=float)
        is_mobile = np.array([e == path.ion for e in elements], dtype=bool)
        ion_charge = max(charges[path.ion], 1.0)
        return cls(
            np.linalg.norm(points[:, None, :] - positions[None, :, :], axis=2),
            elements,
            charge,
            ionic_radius(elements, charge) if elements else np.zeros(0),
            charge < 0,
            (charge >= 0) & ~is_mobile,
            is_mobile,
            path.ion,
            ion_charge,
            float(ionic_radius([path.ion], [ion_charge])[0]),
            charges,
        )

    def nearest(self, which: NDArray[np.bool_], n: int) -> FloatArray:
        """Distances to the `n` nearest atoms of a kind at each point, (n_points, n) [Å]."""
        found = np.full((len(self.distance), n), _FAR)
        d = np.sort(self.distance[:, which], axis=1)[:, :n]
        found[:, : d.shape[1]] = d
        return found


def _straightness(path: MigrationPath) -> float:
    points = path.cartesian
    return float(np.linalg.norm(points[-1] - points[0]) / max(path.length, 1e-9))


def _profile(name: str, values: FloatArray) -> dict[str, float]:
    """What a profile along the path says: ends, middle, extremes, and the rise over the ends."""
    ends = 0.5 * (values[0] + values[-1])
    middle = float(values[len(values) // 2])
    return {
        f"{name}_ends": float(ends),
        f"{name}_difference": float(abs(values[0] - values[-1])),
        f"{name}_middle": middle,
        f"{name}_min": float(values.min()),
        f"{name}_max": float(values.max()),
        f"{name}_mean": float(values.mean()),
    }


def _distances(s: _Surroundings) -> dict[str, float]:
    """Bottlenecks: nearest anions, fixed cations and other mobile ions along the path."""
    anions = s.nearest(s.is_anion, N_NEAREST)
    result = _profile("anion_1", anions[:, 0])
    triangle = anions[:, :3].mean(axis=1)
    narrow = int(np.argmin(triangle))
    shell = anions[:, :4].mean(axis=1)
    result |= {
        "bottleneck_triangle": float(triangle[narrow]),
        "bottleneck_third": float(anions[narrow, 2]),
        "bottleneck_second": float(anions[narrow, 1]),
        "bottleneck_position": abs(narrow / (len(triangle) - 1) - 0.5),
        "shell_ends": float(0.5 * (shell[0] + shell[-1])),
        "shell_middle": float(shell[len(shell) // 2]),
        "shell_min": float(shell.min()),
        "triangle_over_ends": float(triangle[narrow] / (0.5 * (triangle[0] + triangle[-1]))),
    }
    first = np.where(s.is_anion, s.distance - s.radius, np.inf) if s.is_anion.any() else np.full((1, 1), _FAR)
    free = first.min(axis=1)
    result |= {
        "free_radius_min": float(free.min()),
        "free_radius_ratio": float(free.min() / s.ion_radius),
        "bottleneck_ratio": float(triangle[narrow] / (s.ion_radius + _anion_radius(s))),
        "ends_ratio": float(0.5 * (triangle[0] + triangle[-1]) / (s.ion_radius + _anion_radius(s))),
        "anion_radius": _anion_radius(s),
    }
    for name, which in (("cation", s.is_cation), ("mobile", s.is_mobile)):
        nearest = s.nearest(which, 2)
        result |= _profile(f"{name}_1", nearest[:, 0])
        result[f"{name}_2_min"] = float(nearest[:, 1].min())
        result[f"{name}_2_middle"] = float(nearest[len(nearest) // 2, 1])
    return result


def _anion_radius(s: _Surroundings) -> float:
    """Mean radius of the four anions nearest to the path [Å]."""
    if not s.is_anion.any():
        return 1.3
    order = np.argsort(s.distance[:, s.is_anion].min(axis=0))[:4]
    return float(s.radius[s.is_anion][order].mean())


def _coordination(s: _Surroundings) -> dict[str, float]:
    """Smooth numbers of neighbours: anions within 1.25 bonds, cations and mobile ions within 3.5 Å."""
    bond = 1.25 * (s.ion_radius + s.radius)
    near = 1.0 / (1.0 + np.exp(np.clip((s.distance - bond) / 0.12, -50, 50)))
    around = 1.0 / (1.0 + np.exp(np.clip((s.distance - 3.5) / 0.2, -50, 50)))
    result = _profile("coordination", near[:, s.is_anion].sum(axis=1))
    for name, which in (("cations_near", s.is_cation), ("mobiles_near", s.is_mobile)):
        count = around[:, which].sum(axis=1)
        result[f"{name}_ends"] = float(0.5 * (count[0] + count[-1]))
        result[f"{name}_middle"] = float(count[len(count) // 2])
    return result


def _valence(s: _Surroundings) -> dict[str, float]:
    """Bond-valence sum of the ion along the path, relative to its charge."""
    valence = _bond_valences(s).sum(axis=1) / s.ion_charge
    result = _profile("valence", valence)
    result["valence_mismatch"] = float(np.abs(valence - 1.0).mean())
    result["valence_rise"] = float(valence.max() - 0.5 * (valence[0] + valence[-1]))
    return result


def _bond_valences(s: _Surroundings) -> FloatArray:
    one = {e: bond_valence_radius(s.ion, e) for e in sorted(set(s.elements))}
    R0 = np.array([one[e] for e in s.elements])[s.is_anion]
    return np.exp(np.clip((R0 - s.distance[:, s.is_anion]) / BOND_SOFTNESS, -40.0, 8.0))


def _energies(s: _Surroundings) -> dict[str, float]:
    """Profiles of the bond-valence site energy and of the screened electrostatics, and their rises."""
    relative = _bond_valences(s) / (s.ion_charge / N_NEAREST)
    site = np.minimum(relative**2 - 2.0 * relative, 1e3).sum(axis=1) * s.ion_charge / N_NEAREST
    screened = s.ion_charge * s.charge * erfc(s.distance / SCREENING) / np.maximum(s.distance, 0.3)
    terms = {
        "site_energy": site,
        "anion_energy": screened[:, s.is_anion].sum(axis=1),
        "cation_energy": screened[:, s.is_cation].sum(axis=1),
        "mobile_energy": screened[:, s.is_mobile].sum(axis=1),
    }
    terms["total_energy"] = sum(terms.values(), np.zeros(len(site)))
    result = {}
    for name, values in terms.items():
        ends = 0.5 * (values[0] + values[-1])
        result[f"{name}_rise"] = _compressed(values.max() - values.min())
        result[f"{name}_middle_rise"] = _compressed(values[len(values) // 2] - ends)
        result[f"{name}_ends"] = _compressed(ends)
    result["total_energy_barrier"] = _compressed(
        terms["total_energy"].max() - terms["total_energy"][[0, -1]].max()
    )
    return result


def _compressed(value: float) -> float:
    """Nearly linear near zero, logarithmic far from it: a few clashing paths do not set the scale."""
    return float(np.arcsinh(value))


def _cell(path: MigrationPath, s: _Surroundings) -> dict[str, float]:
    """Volume, packing and the share of sites that the moving element still holds."""
    amounts = path.formula.amounts
    n_anions = sum(n for e, n in amounts.items() if s.charges[e] < 0)
    n_mobile = amounts[path.ion]
    radii = ionic_radius(list(amounts), [s.charges[e] for e in amounts])
    filled = sum(n * 4.0 / 3.0 * np.pi * r**3 for n, r in zip(amounts.values(), radii, strict=True))
    variable = [q for e, q in s.charges.items() if e not in (path.ion,) and q > 0]
    balance = sum(s.charges[e] * n for e, n in amounts.items())
    return {
        "volume_per_atom": path.host.volume / sum(amounts.values()),
        "volume_per_anion": path.host.volume / max(n_anions, 1.0),
        "packing": float(filled / path.host.volume),
        "mobile_per_anion": n_mobile / max(n_anions, 1.0),
        "is_dilute": float(n_mobile <= 1.0),
        "largest_charge": max(variable, default=0.0),
        "charge_balance": balance / max(n_anions, 1.0),
    }
