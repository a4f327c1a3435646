"""Minimum images and atoms around points, in cells where rounding coordinates fails."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ionbridge.datasets.structures import cell_heights, images_near, minimum_image, unwrap_path
from ionbridge.exceptions import ConfigurationError, ShapeError

SKEWED = np.array([[5.0, 0.0, 0.0], [4.6, 1.9, 0.0], [1.0, 0.7, 6.0]])


def brute_force(lattice: np.ndarray, difference: np.ndarray, reach: int = 6) -> float:
    """Shortest of many images."""
    shifts = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3)))
    return float(np.linalg.norm((difference + shifts) @ lattice, axis=1).min())


def test_minimum_image_in_a_skewed_cell_beats_rounding() -> None:
    difference = np.array([0.45, 0.45, 0.0])
    rounded = np.linalg.norm((difference - np.round(difference)) @ SKEWED)
    image, distance = minimum_image(SKEWED, difference)
    assert distance < rounded - 0.5
    assert distance == pytest.approx(brute_force(SKEWED, difference))
    assert np.linalg.norm(image @ SKEWED) == pytest.approx(distance)
    np.testing.assert_allclose(image - difference, np.round(image - difference), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_minimum_image_equals_brute_force(skew: list[float], difference: list[float]) -> None:
    lattice = np.array([[4.0, 0.0, 0.0], [skew[0], 3.0, 0.0], [skew[1], skew[2], 5.0]])
    _, distance = minimum_image(lattice, np.array(difference))
    assert distance == pytest.approx(brute_force(lattice, np.array(difference)), abs=1e-9)


def test_images_near_finds_every_atom_once() -> None:
    positions, atom = images_near(SKEWED, np.array([[0.1, 0.2, 0.3], [0.9, 0.9, 0.9]]), np.zeros((1, 3)), 6.0)
    shifts = np.array(list(itertools.product(range(-8, 9), repeat=3)))
    expected = sum(
        int((np.linalg.norm((np.array(f) + shifts) @ SKEWED, axis=1) <= 6.0).sum())
        for f in ([0.1, 0.2, 0.3], [0.9, 0.9, 0.9])
    )
    assert len(positions) == expected
    assert set(atom) == {0, 1}
    assert len(np.unique(np.round(positions, 6), axis=0)) == expected


def test_paths_do_not_jump_across_the_cell() -> None:
    points = unwrap_path(np.eye(3) * 4.0, [[0.9, 0.0, 0.0], [0.1, 0.0, 0.0], [0.3, 0.0, 0.0]])
    np.testing.assert_allclose(np.diff(points[:, 0]), 0.8)


def test_heights_of_a_cube() -> None:
    np.testing.assert_allclose(cell_heights(np.eye(3) * 3.0), 3.0)


@pytest.mark.parametrize(
    ("lattice", "error", "match"),
    [
        (np.eye(2), ShapeError, r"must have shape \(3, 3\)"),
        (np.zeros((3, 3)), ConfigurationError, "must span a volume"),
    ],
    ids=["shape", "flat"],
)
def test_bad_lattices(lattice: np.ndarray, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        cell_heights(lattice)
