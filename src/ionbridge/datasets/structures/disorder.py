"""What to do about partially occupied sites: refuse them, take the main species, or order a supercell.

The choice is always the user's and always written down. Reading files is `reading.py`.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np

from ionbridge.exceptions import ConfigurationError, DataError

__all__ = ["Disorder", "order_sites"]

Disorder = Literal["refuse", "dominant", "order"]

MOST_ATOMS = 400
_ROUNDING = 0.02  # of an occupancy; amounts that differ less are taken as whole


def order_sites(structure: Any, how: Disorder = "refuse", name: str = "") -> tuple[Any, str]:
    """Give every site of a `pymatgen.core.Structure` one species or none.

    Parameters
    ----------
    structure : pymatgen structure, ordered or not.
    how : ``refuse``; ``dominant``, the main species (or vacancy) of each site; or ``order``, whole
        amounts in the smallest supercell of at most 400 atoms that rounds occupancies least, placed one
        by one where the site is least crowded by those placed before.
    name : for messages.

    Returns
    -------
    structure, note : the note says what was done; empty where nothing had to be.

    Raises
    ------
    DataError
        If sites are partially occupied and `how` is ``refuse``, or nothing is left.
    ConfigurationError
        If `how` is unknown.
    """
    if how not in ("refuse", "dominant", "order"):
        raise ConfigurationError(f"'how' must be 'refuse', 'dominant' or 'order'; got {how!r}.")
    if structure.is_ordered:
        return structure, ""
    partial = [i for i, site in enumerate(structure) if not site.is_ordered]
    if how == "refuse":
        site = structure[partial[0]]
        raise DataError(
            f"{len(partial)} of {len(structure)} sites of {name!r} are partially occupied (the first is "
            f"{site.species_string}). Order them (--disorder order), take the main species (--disorder dominant) "
            "or leave the entry out."
        )
    if how == "dominant":
        ordered = _dominant(structure)
        note = f"{len(partial)} partially occupied sites took their main species"
    else:
        ordered, factor = _ordered(structure)
        note = f"{len(partial)} partially occupied sites were ordered in {factor} cell{'s' if factor > 1 else ''}"
    if not len(ordered):
        raise DataError(f"no atom of {name!r} is left after ordering; leave the entry out.")
    before, after = structure.composition.fractional_composition, ordered.composition.fractional_composition
    change = max(abs(before[e] - after[e]) for e in {*before, *after})
    return ordered, f"{note}; composition changed by {100 * change:.1f} at.% at most"


def _choices(site: Any) -> list[tuple[Any, float]]:
    """Species of a site with their occupancies, the vacancy as None."""
    found = sorted(((s, float(x)) for s, x in site.species.items()), key=lambda item: str(item[0]))
    vacant = 1.0 - sum(x for _, x in found)
    return [*found, (None, vacant)] if vacant > 1e-3 else found


def _dominant(structure: Any) -> Any:
    picked = [max(_choices(site), key=lambda item: item[1])[0] for site in structure]
    return _assembled(structure, picked)


def _assembled(structure: Any, picked: list[Any]) -> Any:
    kept = [i for i, species in enumerate(picked) if species is not None]
    return type(structure)(
        structure.lattice, [picked[i] for i in kept], [structure[i].frac_coords for i in kept]
    )


def _ordered(structure: Any) -> tuple[Any, int]:
    """Round the amounts of each kind of site in the best small supercell, and spread the species."""
    kinds: dict[tuple[tuple[str, float], ...], list[int]] = {}
    for i, site in enumerate(structure):
        key = tuple((str(s), round(x, 3)) for s, x in _choices(site))
        kinds.setdefault(key, []).append(i)
    sizes = [len(sites) for sites in kinds.values()]
    shape = _supercell(list(kinds), sizes, structure)
    made = structure.copy()
    made.make_supercell(shape)
    members: dict[tuple[tuple[str, float], ...], list[int]] = {}
    for i, site in enumerate(made):
        key = tuple((str(s), round(x, 3)) for s, x in _choices(site))
        members.setdefault(key, []).append(i)
    distances = np.maximum(made.distance_matrix, 0.2)
    crowd = np.zeros(len(made))  # how crowded each site is by ions that were placed
    picked: list[Any] = [None] * len(made)
    for sites in sorted(members.values(), key=lambda m: (len(_choices(made[m[0]])), m[0])):
        choices = _choices(made[sites[0]])
        counts = _whole([x for _, x in choices], len(sites))
        free = list(sites)
        for (species, _), count in sorted(
            zip(choices, counts, strict=True), key=lambda item: item[0][0] is None
        ):
            if species is None:
                continue
            like = np.zeros(len(made))
            for _ in range(count):
                site = min(free, key=lambda i: (round(float(crowd[i] + like[i]), 9), i))
                free.remove(site)
                picked[site] = species
                like += distances[site] ** -2.0
                crowd += distances[site] ** -6.0
    return _assembled(made, picked), int(np.prod(shape))


def _supercell(kinds: list[Any], sizes: list[int], structure: Any) -> tuple[int, int, int]:
    """Repeats of the cell, as cubic as can be, that round the amounts least."""
    limit = max(1, MOST_ATOMS // len(structure))
    best, best_score = (1, 1, 1), (np.inf, 0, 0.0)
    for shape in itertools.product((1, 2, 3), repeat=3):
        factor = int(np.prod(shape))
        if factor > limit:
            continue
        error = max(
            abs(x - n / (size * factor))
            for kind, size in zip(kinds, sizes, strict=True)
            for x, n in zip([x for _, x in kind], _whole([x for _, x in kind], size * factor), strict=True)
        )
        lengths = np.array(structure.lattice.abc) * shape
        score = (max(error - _ROUNDING, 0.0), factor, float(lengths.max() / lengths.min()))
        if score < best_score:
            best, best_score = (shape[0], shape[1], shape[2]), score
    return best


def _whole(shares: list[float], n: int) -> list[int]:
    """Whole amounts that sum to `n`, by the largest remainders."""
    exact = np.array(shares) / sum(shares) * n
    counts = np.floor(exact + 1e-9).astype(int)
    for i in np.argsort(-(exact - counts), kind="stable")[: n - counts.sum()]:
        counts[i] += 1
    return [int(c) for c in counts]
