"""Supercells, straight and curved paths, also in skewed cells."""

from __future__ import annotations

import numpy as np
import pytest

from ionbridge.datasets.structures import cell_heights
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.physics.materials import divacancy_path, supercell, tetrahedral_site, vacancy_path

from .stand_ins import layered


def test_supercell_has_the_height_asked_for() -> None:
    large, repeats = supercell(layered(), 8.0)
    assert cell_heights(large.lattice).min() >= 8.0
    assert len(large) == len(layered()) * np.prod(repeats)
    assert large.volume / len(large) == pytest.approx(layered().volume / len(layered()))
    with pytest.raises(ConfigurationError, match="at most 100 are allowed"):
        supercell(layered(), 20.0, max_atoms=100)


def test_straight_path_crosses_the_cell() -> None:
    path = vacancy_path(layered(), 0, layered().fractional[0] + [0, -1, 0], min_height=5.0)
    assert path.length == pytest.approx(2.816)
    n_sites = len(supercell(layered(), 5.0)[0])
    assert len(path.host) == n_sites - 2  # the ion and the one that made room
    assert path.ion == "Li"


@pytest.mark.parametrize(
    ("start", "end", "error", "match"),
    [
        pytest.param(99, [0, 0, 0], ConfigurationError, "'start' must be an atom", id="no such atom"),
        pytest.param(0, [0, 0, 0], DataError, "ends on an atom of Co", id="on another element"),
        pytest.param(0, [1, 0, 0.5], DataError, "ends at a periodic image of its start", id="own image"),
    ],
)
def test_impossible_paths_are_refused(start: int, end: list[float], error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        vacancy_path(layered(), start, end, min_height=0.0)


def test_divacancy_path_passes_the_tetrahedral_site() -> None:
    """In a layered oxide the site lies half an angstrom off the layer, at equal distance from four anions."""
    structure = layered()
    path = divacancy_path(structure, 0, structure.fractional[0] + [1, 0, 0], min_height=5.0)
    points = path.cartesian
    middle = points[len(points) // 2]
    assert abs(middle[2] - points[0][2]) == pytest.approx(0.5, abs=0.15)
    straight = np.linalg.norm(points[-1] - points[0])
    assert straight == pytest.approx(2.816)
    assert path.length > straight + 0.3
    assert len(path.host) == len(supercell(structure, 5.0)[0]) - 3
    anions = path.host.fractional[path.host.sites("O")] @ path.host.lattice
    nearest = np.sort(np.linalg.norm(anions - middle, axis=1))
    images = [anions + np.array(n) @ path.host.lattice for n in np.ndindex(3, 3, 3)]
    nearest = np.sort(
        np.linalg.norm(np.vstack(images) - np.array([1, 1, 1]) @ path.host.lattice - middle, axis=1)
    )
    assert nearest[3] - nearest[0] < 0.05
    assert nearest[4] > nearest[3] + 0.5


def test_three_sites_on_a_line_have_no_tetrahedral_site() -> None:
    with pytest.raises(DataError, match="sites on a line"):
        tetrahedral_site(layered(), [[0, 0, 0], [1, 0, 0], [2, 0, 0]])
