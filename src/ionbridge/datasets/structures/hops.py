"""Hops of a mobile ion between its sites, those that carry it through the whole crystal first.

Energies of hops are physics; numbers that describe them are the screening's features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ionbridge.datasets.structures.geometry import images_near
from ionbridge.datasets.structures.migration import MigrationPath
from ionbridge.datasets.structures.structure import Structure
from ionbridge.exceptions import DataError
from ionbridge.plugins import import_extra

__all__ = ["Hop", "find_hops", "percolating_paths"]

FloatArray = NDArray[np.float64]

LONGEST_HOP = 6.0  # [Å]
_Edge = tuple[int, int, tuple[int, int, int], float]
_REACHES = (3.5, 4.5)  # [Å]; longer hops are looked for only where shorter ones do not suffice
_SURROUNDINGS = 3.5  # [Å]; atoms this near to the middle of a hop tell its kind
_SAME_LENGTH = 0.02  # [Å]; hops that differ less in length and surroundings are one kind


@dataclass(frozen=True)
class Hop:
    """One kind of hop: all hops of the same length between sites with the same surroundings.

    Parameters
    ----------
    start, end : atoms; `shift`, shape (3,), cells that the end lies away from the start.
    length : [Å]
    count : hops of this kind in the cell.
    dimensions : directions (0 to 3) in which hops up to this length lead through the crystal.
    """

    start: int
    end: int
    shift: tuple[int, int, int]
    length: float
    count: int
    dimensions: int


def find_hops(structure: Structure, ion: str, longest: float = LONGEST_HOP) -> list[Hop]:
    """Kinds of hops between the sites of `ion`, shortest first.

    Parameters
    ----------
    structure : with the ion on its sites.
    longest : [Å]

    Raises
    ------
    DataError
        If the crystal does not hold the ion.
    """
    kinds = _kinds(structure, ion, longest)
    edges: list[_Edge] = []
    found = []
    for members in kinds:
        edges += members
        start, end, shift, length = members[0]
        found.append(Hop(start, end, shift, length, len(members), _dimensions(edges)))
    return found


def percolating_paths(
    structure: Structure, ion: str, longest: float = LONGEST_HOP, most: int = 3
) -> list[MigrationPath]:
    """Straight paths of the hops that lead through the crystal: the shortest kinds that suffice.

    Parameters
    ----------
    structure : with the ion on its sites.
    longest : of a hop [Å].
    most : largest number of kinds.

    Returns
    -------
    paths of five images each, shortest hop first; where no set of hops up to `longest` leads through
    the crystal, the shortest kinds as they are, and none if there is no hop at all.
    """
    kinds: list[list[_Edge]] = []
    for reach in sorted({min(reach, longest) for reach in (*_REACHES, longest)}):
        kinds = _kinds(structure, ion, reach)
        if _dimensions([edge for members in kinds for edge in members]):
            break
    low, high = 0, max(len(kinds) - 1, 0)
    while low < high:  # fewest kinds that lead through the crystal
        middle = (low + high) // 2
        through = _dimensions([edge for members in kinds[: middle + 1] for edge in members])
        low, high = (low, middle) if through else (middle + 1, high)
    paths = []
    for start_atom, end_atom, shift, _ in (members[0] for members in kinds[: low + 1][-most:]):
        start = structure.fractional[start_atom]
        end = structure.fractional[end_atom] + np.array(shift, dtype=float)
        gone = {start_atom, end_atom}  # an ion that hops to its own image leaves one vacancy
        if len(gone) == len(structure):
            raise DataError(f"structure {structure.name!r} holds nothing but the moving ion.")
        host = structure.without(*gone)
        paths.append(MigrationPath(host, ion, np.linspace(start, end, 5), structure.name))
    return paths


def _kinds(structure: Structure, ion: str, longest: float) -> list[list[_Edge]]:
    """Hops up to `longest` by kind, each hop once, shortest kind first."""
    sites = structure.sites(ion)
    if not len(sites):
        raise DataError(
            f"structure {structure.name!r} ({structure.formula.text}) holds no {ion}; name the ion that moves."
        )
    lattice = structure.lattice
    wrapped = structure.fractional - np.floor(structure.fractional)
    points = wrapped @ lattice
    images, atom = images_near(
        lattice, wrapped, points[sites], max(longest, 0.5 * longest + _SURROUNDINGS) + 1e-6
    )
    shifts = np.rint((images - points[atom]) @ np.linalg.inv(lattice)).astype(int)
    own = np.floor(structure.fractional).astype(int)
    is_site = np.isin(atom, sites)
    tree = cKDTree(images)
    kinds: dict[tuple[float, ...], list[_Edge]] = {}
    for site in sites:
        distance = np.linalg.norm(images[is_site] - points[site], axis=1)
        near = np.flatnonzero((distance > 0.5) & (distance <= longest))
        ends, cells = atom[is_site][near], shifts[is_site][near]
        forward = np.array([tuple(c) > (0, 0, 0) for c in cells.tolist()], dtype=bool)
        once = (ends > site) | ((ends == site) & forward)
        near, ends, cells = near[once], ends[once], cells[once]
        if not len(near):
            continue
        middles = 0.5 * (images[is_site][near] + points[site])
        around, _ = tree.query(middles, k=min(8, len(images)))
        around = np.minimum(around, _SURROUNDINGS)
        labels = np.rint(np.column_stack([distance[near], np.atleast_2d(around)]) / _SAME_LENGTH)
        for label, end, cell, length in zip(labels, ends, cells, distance[near], strict=True):
            a, b, c = (cell + own[site] - own[end]).tolist()
            kinds.setdefault(tuple(label), []).append((int(site), int(end), (a, b, c), float(length)))
    return sorted(kinds.values(), key=lambda members: members[0][3])


def _dimensions(edges: list[_Edge]) -> int:
    """Largest number of independent directions in which a connected set of sites repeats itself.

    The sites and hops are a graph with the crossed cells on its edges; the cycles of a spanning tree
    (networkx) that end in another cell than they began in span the directions.
    """
    networkx = import_extra("networkx", "materials")
    graph = networkx.MultiGraph()
    graph.add_edges_from((a, b, {"shift": np.array(s), "start": a}) for a, b, s, _ in edges)
    best = 0
    for component in networkx.connected_components(graph):
        root = next(iter(sorted(component)))
        offset = {root: np.zeros(3, dtype=int)}
        for a, b in networkx.bfs_edges(graph, root):
            edge = next(iter(graph[a][b].values()))
            offset[b] = offset[a] + (edge["shift"] if edge["start"] == a else -edge["shift"])
        loops = [
            offset[data["start"]] + data["shift"] - offset[b if data["start"] == a else a]
            for a, b, data in graph.edges(component, data=True)
        ]
        if loops:
            best = max(best, int(np.linalg.matrix_rank(np.array(loops))))
    return best
