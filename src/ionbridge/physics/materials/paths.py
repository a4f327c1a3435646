"""Supercells with vacancies and the way of an ion through them: straight, or curved past a tetrahedral site.

Which hops percolate is found in `ionbridge.datasets.structures`; energies along a path are `barrier.py`.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.structures import MigrationPath, Structure, cell_heights, images_near, minimum_image
from ionbridge.exceptions import ConfigurationError, DataError

__all__ = ["divacancy_path", "supercell", "tetrahedral_site", "vacancy_path"]

FloatArray = NDArray[np.float64]
ANIONS = frozenset(["N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"])
_SAME_PLACE = 0.5  # Å; atoms nearer to a point than this are at that point
_NEIGHBOUR = 1.25  # a third site may be this many times farther than the hop is long
_HIGHEST = 1.3  # Å; a tetrahedral site lies no farther off the plane of its three neighbours
_MIN_CLEARANCE = 1.2  # Å


def supercell(
    structure: Structure, min_height: float, max_atoms: int = 400
) -> tuple[Structure, tuple[int, int, int]]:
    """Repeat a cell until opposite faces are at least `min_height` apart.

    Parameters
    ----------
    structure : of n_atoms atoms.
    min_height : [Å]; 0 leaves the cell as it is.
    max_atoms : refuse to build more.

    Returns
    -------
    supercell, and how often each lattice vector was repeated. Atom a of repeat (0, 0, 0) keeps its number.

    Raises
    ------
    ConfigurationError
        If the supercell would have more than `max_atoms` atoms.
    """
    n = np.maximum(1, np.ceil(min_height / cell_heights(structure.lattice) - 1e-6).astype(int))
    n_atoms = int(len(structure) * n.prod())
    if n_atoms > max_atoms:
        raise ConfigurationError(
            f"a supercell of {structure.name or 'this structure'} with faces {min_height:g} Å apart has {n_atoms} "
            f"atoms; at most {max_atoms} are allowed. Ask for a smaller height, or start from the primitive cell."
        )
    shifts = np.array(list(itertools.product(*(range(k) for k in n))), dtype=float)
    fractional = ((structure.fractional[None] + shifts[:, None]) / n).reshape(-1, 3)
    made = Structure(
        structure.lattice * n[:, None],
        structure.elements * len(shifts),
        fractional,
        structure.name,
        structure.domain,
        structure.provenance,
    )
    return made, (int(n[0]), int(n[1]), int(n[2]))


def _at(structure: Structure, fractional: FloatArray) -> int | None:
    """Number of the atom at a place, or None."""
    _, distance = minimum_image(structure.lattice, structure.fractional - fractional)
    nearest = int(np.argmin(distance))
    return nearest if distance[nearest] < _SAME_PLACE else None


def _checked_start(structure: Structure, start: int) -> str:
    if not 0 <= start < len(structure):
        raise ConfigurationError(
            f"'start' must be an atom of the structure, 0 to {len(structure) - 1}; got {start}."
        )
    return structure.elements[start]


def vacancy_path(
    structure: Structure,
    start: int,
    end: ArrayLike,
    *,
    min_height: float = 8.0,
    max_atoms: int = 400,
    n_points: int = 7,
) -> MigrationPath:
    """Straight path of one ion into a neighbouring vacancy (or an empty site) in a supercell.

    Parameters
    ----------
    structure : crystal without vacancies.
    start : atom that moves.
    end : shape (3,) [-]; fractional coordinates in `structure` of where it goes; outside 0 to 1 where the
        hop crosses the cell. An atom of the same element there is taken out.
    min_height : of the supercell [Å].
    max_atoms : of the supercell.
    n_points : positions along the path, the ends included.

    Raises
    ------
    ConfigurationError
        If the supercell is too large, or `start` is no atom of it.
    DataError
        If another element sits at the end, or the path ends where it starts.
    """
    ion = _checked_start(structure, start)
    large, n = supercell(structure, min_height, max_atoms)
    first = structure.fractional[start] / np.array(n)
    last = np.asarray(end, dtype=float) / np.array(n)
    host = large.without(start, *_vacated(large, start, last, ion))
    along = np.linspace(0.0, 1.0, n_points)[:, None]
    return MigrationPath(host, ion, first + along * (last - first), structure.name)


def _vacated(large: Structure, start: int, last: FloatArray, ion: str) -> set[int]:
    """The atom at the end of a path, which makes room."""
    occupant = _at(large, last)
    if occupant == start:
        raise DataError(
            f"the path of {large.name or 'this structure'} ends at a periodic image of its start in a cell of "
            f"{len(large)} atoms; ask for a larger 'min_height'."
        )
    if occupant is not None and large.elements[occupant] != ion:
        raise DataError(
            f"the path of {large.name or 'this structure'} ends on an atom of {large.elements[occupant]}; it must end "
            f"on {ion} or on an empty site."
        )
    return set() if occupant is None else {occupant}


def tetrahedral_site(structure: Structure, corners: ArrayLike) -> tuple[FloatArray, float]:
    """Find the most spacious place above or below the middle of three sites.

    In a close-packed layer this is the tetrahedral site that shares a face with each of them.

    Parameters
    ----------
    structure : crystal with anions.
    corners : shape (3, 3) [Å]; Cartesian positions of the sites.

    Returns
    -------
    position : shape (3,) [Å]
    clearance : distance to the nearest anion there [Å].

    Raises
    ------
    DataError
        If there is no anion near, or the sites lie on a line.
    """
    corners = np.asarray(corners, dtype=float)
    middle = corners.mean(axis=0)
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    if np.linalg.norm(normal) < 1e-3:
        raise DataError(
            "three sites on a line have no tetrahedral site between them; choose another third site."
        )
    normal = normal / np.linalg.norm(normal)
    is_anion = np.array([e in ANIONS for e in structure.elements])
    heights = np.linspace(-_HIGHEST, _HIGHEST, 105)
    places = middle + heights[:, None] * normal
    near, _ = images_near(structure.lattice, structure.fractional[is_anion], middle[None], 5.0)
    if not len(near):
        raise DataError(f"no anion ({', '.join(sorted(ANIONS))}) lies within 5 Å of the path.")
    clearance = np.linalg.norm(places[:, None] - near[None], axis=2).min(axis=1)
    best = int(np.argmax(clearance))
    return places[best], float(clearance[best])


def divacancy_path(
    structure: Structure,
    start: int,
    end: ArrayLike,
    *,
    min_height: float = 8.0,
    max_atoms: int = 400,
    n_points: int = 9,
) -> MigrationPath:
    """Curved path into one of two neighbouring vacancies, past the tetrahedral site between the three.

    A straight seed misses this path, and so does an image-dependent pair potential: with two vacancies an ion
    of a layered oxide leaves the plane of its layer.

    Parameters
    ----------
    structure, start, end, min_height, max_atoms, n_points : as in `vacancy_path`.

    Raises
    ------
    DataError
        If no third site of the same element neighbours both ends.

    References
    ----------
    .. [1] Van der Ven and Ceder, Lithium diffusion in layered LixCoO2, Electrochemical and Solid-State
       Letters 3 (2000) 301. doi:10.1149/1.1391130
    """
    ion = _checked_start(structure, start)
    large, n = supercell(structure, min_height, max_atoms)
    first = structure.fractional[start] / np.array(n)
    last = np.asarray(end, dtype=float) / np.array(n)
    gone = {start} | _vacated(large, start, last, ion)
    third, site = _third_vacancy(large, ion, first, last, gone)
    ends = np.array([first, last]) @ large.lattice
    t = np.linspace(0.0, 1.0, n_points)[:, None]
    curve = ends[0] * (2 * t - 1) * (t - 1) + site * 4 * t * (1 - t) + ends[1] * t * (2 * t - 1)
    host = large.without(*gone, third)
    return MigrationPath(host, ion, curve @ np.linalg.inv(large.lattice), structure.name)


def _third_vacancy(
    large: Structure, ion: str, first: FloatArray, last: FloatArray, gone: set[int]
) -> tuple[int, FloatArray]:
    """The neighbour of both ends whose tetrahedral site is the most spacious."""
    ends = np.array([first, last]) @ large.lattice
    reach = _NEIGHBOUR * float(np.linalg.norm(ends[1] - ends[0]))
    sites = large.sites(ion)
    positions, which = images_near(large.lattice, large.fractional[sites], ends, reach)
    to_ends = np.linalg.norm(positions[:, None] - ends[None], axis=2)
    found: list[tuple[float, int, FloatArray]] = []
    for place, number, distance in zip(positions, sites[which], to_ends, strict=True):
        if int(number) in gone or distance.max() > reach:
            continue
        site, clearance = tetrahedral_site(large, [*ends, place])
        if clearance >= _MIN_CLEARANCE:
            found.append((clearance, int(number), site))
    if not found:
        raise DataError(
            f"no third {ion} site neighbours both ends of the path in {large.name or 'this structure'}; "
            "a divacancy path needs one. Use a straight path (vacancy_path)."
        )
    _, number, site = max(found, key=lambda item: (round(item[0], 3), -item[1]))
    return number, site
