"""Periodic geometry that also holds in skewed cells: minimum images and atoms around points.

Rounding fractional coordinates is not the minimum image there. What atoms are is `structure.py`.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.exceptions import ConfigurationError, ShapeError

__all__ = ["cell_heights", "images_near", "minimum_image", "unwrap_path"]

FloatArray = NDArray[np.float64]


def cell_heights(lattice: ArrayLike) -> FloatArray:
    """Distances between opposite faces of the cell, shape (3,) [Å].

    Parameters
    ----------
    lattice : shape (3, 3) [Å]; one lattice vector a row.

    Raises
    ------
    ShapeError
        If `lattice` is not 3 by 3.
    ConfigurationError
        If its volume is zero.
    """
    lattice = np.asarray(lattice, dtype=float)
    if lattice.shape != (3, 3):
        raise ShapeError(f"'lattice' must have shape (3, 3), one vector a row; got {lattice.shape}.")
    volume = abs(np.linalg.det(lattice))
    if not volume > 1e-9 * np.prod(np.linalg.norm(lattice, axis=1)):
        raise ConfigurationError(f"'lattice' must span a volume; got {lattice.tolist()}.")
    return 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)


def minimum_image(lattice: ArrayLike, difference: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Shortest periodic image of differences of fractional coordinates.

    In shorter lattice vectors of the same crystal the rounded image bounds the distance; every cell
    that such a distance can reach is tried.

    Parameters
    ----------
    lattice : shape (3, 3) [Å]; one lattice vector a row.
    difference : shape (..., 3) [-]; fractional.

    Returns
    -------
    fractional : shape (..., 3) [-]; the shortest image.
    distance : shape (...) [Å]
    """
    lattice, difference = np.asarray(lattice, dtype=float), np.asarray(difference, dtype=float)
    cell_heights(lattice)
    change = _shorter_vectors(lattice)
    reduced = change @ lattice
    rounded = difference @ np.linalg.inv(change)
    rounded = rounded - np.round(rounded)
    best, best_square = rounded, ((rounded @ reduced) ** 2).sum(axis=-1)
    longest = float(np.sqrt(best_square.max(initial=0.0)))
    reach = np.ceil(longest / cell_heights(reduced) - 0.5).astype(int)
    for shift in itertools.product(*(range(-n, n + 1) for n in reach)):
        image = rounded + np.array(shift, dtype=float)
        square = ((image @ reduced) ** 2).sum(axis=-1)
        closer = square < best_square - 1e-12
        best = np.where(closer[..., None], image, best)
        best_square = np.where(closer, square, best_square)
    return best @ change, np.sqrt(best_square)


def _shorter_vectors(lattice: FloatArray) -> FloatArray:
    """Whole-number change of basis, shape (3, 3), to vectors that cannot shorten each other."""
    change = np.eye(3)
    for _ in range(_MOST_REDUCTIONS):
        vectors = change @ lattice
        changed = False
        for i, j in itertools.permutations(range(3), 2):
            n = np.round(vectors[i] @ vectors[j] / (vectors[j] @ vectors[j]))
            if n and np.linalg.norm(vectors[i] - n * vectors[j]) < np.linalg.norm(vectors[i]) - 1e-9:
                change[i] -= n * change[j]
                vectors = change @ lattice
                changed = True
        if not changed:
            break
    return change


def unwrap_path(lattice: ArrayLike, fractional: ArrayLike) -> FloatArray:
    """Cartesian points of a path without jumps across the cell, shape (n_points, 3) [Å].

    Parameters
    ----------
    lattice : shape (3, 3) [Å]; one lattice vector a row.
    fractional : shape (n_points, 3) [-]; each point is taken at the image nearest to the one before.
    """
    fractional = np.asarray(fractional, dtype=float)
    if fractional.ndim != 2 or fractional.shape[1] != 3 or len(fractional) < 2:
        raise ShapeError(
            f"a path must have shape (n_points, 3) with 2 points or more; got {fractional.shape}."
        )
    steps, _ = minimum_image(lattice, np.diff(fractional, axis=0))
    points = np.vstack([fractional[:1], fractional[0] + np.cumsum(steps, axis=0)])
    return points @ np.asarray(lattice, dtype=float)


def images_near(
    lattice: ArrayLike, fractional: ArrayLike, points: ArrayLike, radius: float
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Periodic images of atoms within `radius` of any of the points.

    Parameters
    ----------
    lattice : shape (3, 3) [Å]; one lattice vector a row.
    fractional : shape (n_atoms, 3) [-]
    points : shape (n_points, 3) [Å]; Cartesian.
    radius : [Å]

    Returns
    -------
    positions : shape (n_images, 3) [Å]
    atom : shape (n_images,); which atom each is an image of.
    """
    lattice, points = np.asarray(lattice, dtype=float), np.asarray(points, dtype=float)
    heights = cell_heights(lattice)
    fractional = np.asarray(fractional, dtype=float)
    around = points @ np.linalg.inv(lattice)
    wrapped = fractional - np.floor(fractional)
    low = np.floor(around.min(axis=0) - radius / heights).astype(int)
    high = np.floor(around.max(axis=0) + radius / heights).astype(int)
    shifts = np.array(
        list(itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))), float
    )
    n_atoms = len(wrapped)
    images = (wrapped[None, :, :] + shifts[:, None, :]).reshape(-1, 3)
    atom = np.tile(np.arange(n_atoms), len(shifts))
    margin = radius / heights
    inside = np.all((images >= around.min(axis=0) - margin) & (images <= around.max(axis=0) + margin), axis=1)
    positions, atom = images[inside] @ lattice, atom[inside]
    nearest = np.full(len(positions), np.inf)
    for point in points:
        nearest = np.minimum(nearest, ((positions - point) ** 2).sum(axis=1))
    kept = nearest <= radius**2
    return positions[kept], atom[kept]


_MOST_REDUCTIONS = 100
