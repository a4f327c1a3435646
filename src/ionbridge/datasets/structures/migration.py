"""`MigrationPath`: the way of one ion through a host, and sets of them with known barriers.

Finding hops in a crystal is `hops.py`; numbers that describe a path are the screening's features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.structures.formulas import Formula
from ionbridge.datasets.structures.geometry import unwrap_path
from ionbridge.datasets.structures.structure import Structure
from ionbridge.exceptions import ConfigurationError, DataError, ShapeError

__all__ = ["MigrationPath", "MigrationSet"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MigrationPath:
    """One ion moving through a crystal from which it has been taken out.

    Parameters
    ----------
    host : all other atoms; the moving ion is not among them.
    ion : element that moves.
    fractional : shape (n_images, 3) [-]; positions of the ion, from start to end.
    name : of the entry.
    structure_class : family such as ``OLIVINE``; empty where unknown.
    """

    host: Structure
    ion: str
    fractional: FloatArray
    name: str = ""
    structure_class: str = ""

    def __post_init__(self) -> None:
        fractional = np.array(self.fractional, dtype=float)
        if fractional.ndim != 2 or fractional.shape[1] != 3 or len(fractional) < 2:
            raise ShapeError(
                f"path {self.name!r} must have shape (n_images, 3) with 2 images or more; got {fractional.shape}."
            )
        if not np.isfinite(fractional).all():
            raise DataError(f"positions of path {self.name!r} must be finite; check its entry.")
        fractional.flags.writeable = False
        object.__setattr__(self, "fractional", fractional)

    @cached_property
    def cartesian(self) -> FloatArray:
        """Positions without jumps across the cell, shape (n_images, 3) [Å]."""
        return unwrap_path(self.host.lattice, self.fractional)

    @property
    def length(self) -> float:
        """Length along the images [Å]."""
        return float(np.linalg.norm(np.diff(self.cartesian, axis=0), axis=1).sum())

    @cached_property
    def sha256(self) -> str:
        """Hash of host, ion and positions (1e-6), hexadecimal; key of caches."""
        digest = hashlib.sha256(self.host.sha256.encode())
        digest.update(self.ion.encode())
        digest.update((np.round(self.fractional, 6) + 0.0).tobytes())
        return digest.hexdigest()

    @property
    def formula(self) -> Formula:
        """Amounts of the elements in the cell, the moving ion included."""
        amounts = dict(self.host.formula.amounts)
        amounts[self.ion] = amounts.get(self.ion, 0.0) + 1.0
        return Formula("".join(f"{e}{n:g}" for e, n in amounts.items()), amounts)

    @property
    def host_formula(self) -> str:
        """Reduced formula without the moving element: twins share it."""
        return self.formula.host(self.ion)

    @property
    def chemical_system(self) -> str:
        """Elements of the host without the moving element, such as ``Fe-O-P``."""
        rest = sorted(set(self.host.elements) - {self.ion})
        return "-".join(rest or [self.ion])

    def resampled(self, n_points: int) -> FloatArray:
        """Points equally spaced along the images, shape (n_points, 3) [Å]."""
        points = self.cartesian
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        wanted = np.linspace(0.0, along[-1], n_points)
        return np.column_stack([np.interp(wanted, along, points[:, axis]) for axis in range(3)])

    def at(self, image: int) -> Structure:
        """The whole crystal with the ion at one image."""
        lattice, host = self.host.lattice, self.host
        fractional = np.vstack([host.fractional, self.fractional[image]])
        return Structure(
            lattice, (*host.elements, self.ion), fractional, self.name, host.domain, host.provenance
        )


@dataclass(frozen=True)
class MigrationSet:
    """Paths with what is known about them.

    Parameters
    ----------
    paths : the entries.
    values : numbers by quantity, each of shape (n_paths,), NaN where unknown: `migration_barrier` [eV],
        and priors such as `mace_barrier` [eV].
    splits : names of splits to row numbers, as published.
    notes : caveats that anyone who uses the set must know.
    """

    paths: tuple[MigrationPath, ...]
    values: Mapping[str, FloatArray] = field(default_factory=dict)
    splits: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, numbers in self.values.items():
            if len(numbers) != len(self.paths):
                raise ShapeError(
                    f"{name!r} must have one value a path ({len(self.paths)}); got {len(numbers)}."
                )

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[MigrationPath]:
        return iter(self.paths)

    def __getitem__(self, row: int) -> MigrationPath:
        return self.paths[row]

    def value(self, name: str) -> FloatArray:
        """Known numbers of one quantity, shape (n_paths,), NaN where unknown.

        Raises
        ------
        ConfigurationError
            If the set does not know the quantity.
        """
        if name not in self.values:
            raise ConfigurationError(f"the set knows {sorted(self.values)}; got {name!r}.")
        return np.asarray(self.values[name], dtype=float)

    @property
    def barriers(self) -> FloatArray:
        """Known migration barriers, shape (n_paths,) [eV]."""
        return self.value("migration_barrier")

    @property
    def ions(self) -> NDArray[np.str_]:
        """Moving element of each path, shape (n_paths,)."""
        return np.array([path.ion for path in self.paths])

    @property
    def classes(self) -> NDArray[np.str_]:
        """Structure class of each path, shape (n_paths,)."""
        return np.array([path.structure_class for path in self.paths])

    @property
    def hosts(self) -> NDArray[np.str_]:
        """Host composition of each path, shape (n_paths,): the label of groups that splits keep together."""
        return np.array([path.host_formula for path in self.paths])

    @property
    def chemical_systems(self) -> NDArray[np.str_]:
        """Chemical system of each host, shape (n_paths,)."""
        return np.array([path.chemical_system for path in self.paths])

    def subset(self, rows: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> MigrationSet:
        """Rows of the set in the order given; published splits are dropped."""
        index = np.arange(len(self))[np.asarray(rows)]
        return replace(
            self,
            paths=tuple(self.paths[i] for i in index),
            values={name: np.asarray(numbers)[index] for name, numbers in self.values.items()},
            splits={},
        )
