"""`FeatureTable`: entries of a screening as rows of numbers, with the labels that splits and flags need.

The numbers of one entry are made in `path_features.py`, `composition_features.py` and
`electrolyte_features.py`; learning from them is `model.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.applications.screening.composition_features import composition_features, ion_features
from ionbridge.applications.screening.path_features import path_features
from ionbridge.datasets.base import Domain
from ionbridge.datasets.structures import Formula, MigrationPath, MigrationSet
from ionbridge.exceptions import ConfigurationError, InsufficientDataError, ShapeError

__all__ = ["PRIOR", "FeatureTable", "anion_family", "barrier_features", "barrier_table", "formula_features"]

FloatArray = NDArray[np.float64]
PRIOR = "log_prior"
_OXO_CENTRES = {
    "P": 4,
    "Si": 4,
    "S": 4,
    "As": 4,
    "B": 3,
    "C": 3,
    "N": 3,
}  # oxygens that an atom binds at most
_TETRAHEDRAL_METALS = ("Mo", "W")  # centres only with about four oxygens each; with fewer or more, octahedra


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Rows of features of one quantity.

    Parameters
    ----------
    quantity : name of what is predicted, such as ``migration_barrier``.
    names : of the columns.
    X : shape (n_rows, n_features)
    entries : name of each row.
    groups : label of each row; splits keep equal labels together (host composition, DOI).
    labels : further text by name, one a row: ``ion``, ``class``, ``host``; unseen ones are flagged.
    y : shape (n_rows,) [house unit of the quantity], NaN where unknown.
    domain : where the rows come from.
    """

    quantity: str
    names: tuple[str, ...]
    X: FloatArray
    entries: tuple[str, ...]
    groups: NDArray[np.str_]
    labels: Mapping[str, NDArray[np.str_]]
    y: FloatArray
    domain: Domain = field(default=Domain("unnamed"))

    def __post_init__(self) -> None:
        n_rows = len(self.entries)
        if self.X.shape != (n_rows, len(self.names)):
            raise ShapeError(f"'X' must have shape ({n_rows}, {len(self.names)}); got {self.X.shape}.")
        for name, column in {"groups": self.groups, "y": self.y, **self.labels}.items():
            if len(column) != n_rows:
                raise ShapeError(f"{name!r} must have one value a row ({n_rows}); got {len(column)}.")

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def has_prior(self) -> bool:
        """Whether the last column is the logarithm of a prior value of the quantity itself."""
        return bool(self.names) and self.names[-1] == PRIOR

    @property
    def known(self) -> NDArray[np.bool_]:
        """Rows of which the quantity is known, shape (n_rows,)."""
        return np.isfinite(self.y)

    @property
    def sha256(self) -> str:
        """Hash of the numbers and groups, hexadecimal."""
        digest = hashlib.sha256(np.ascontiguousarray(self.X).tobytes())
        digest.update(np.ascontiguousarray(self.y).tobytes())
        digest.update("\n".join((*self.names, *self.groups.tolist())).encode())
        return digest.hexdigest()

    def subset(self, rows: Sequence[int] | NDArray[Any], domain: Domain | None = None) -> FeatureTable:
        """Some rows, in the order given (numbers or a mask)."""
        index = np.arange(len(self))[np.asarray(rows)]
        return replace(
            self,
            X=self.X[index],
            entries=tuple(self.entries[i] for i in index),
            groups=self.groups[index],
            labels={name: column[index] for name, column in self.labels.items()},
            y=self.y[index],
            domain=domain or self.domain,
        )

    def without_prior(self) -> FeatureTable:
        """The same rows without the prior column."""
        return replace(self, names=self.names[:-1], X=self.X[:, :-1]) if self.has_prior else self

    def with_values(self, y: FloatArray) -> FeatureTable:
        """The same rows with known values `y`, shape (n_rows,)."""
        return replace(self, y=np.asarray(y, dtype=float))

    @classmethod
    def from_rows(
        cls,
        quantity: str,
        rows: Sequence[Mapping[str, float]],
        *,
        entries: Sequence[str],
        groups: Sequence[str],
        labels: Mapping[str, Sequence[str]] | None = None,
        y: FloatArray | None = None,
        domain: Domain | None = None,
    ) -> FeatureTable:
        """Stack features of entries, one mapping a row with equal names.

        Raises
        ------
        InsufficientDataError
            If there is no row.
        """
        if not rows:
            raise InsufficientDataError(
                f"there is no entry to screen for {quantity!r}; expected at least one."
            )
        names = tuple(rows[0])
        X = np.array([[row[name] for name in names] for row in rows], dtype=float)
        return cls(
            quantity,
            names,
            X,
            tuple(str(e) for e in entries),
            np.array([str(g) for g in groups]),
            {name: np.array([str(v) for v in column]) for name, column in (labels or {}).items()},
            np.full(len(rows), np.nan) if y is None else np.asarray(y, dtype=float),
            domain or Domain("unnamed"),
        )


def barrier_features(path: MigrationPath) -> dict[str, float]:
    """All features of one path: geometry, moving ion, composition of the host."""
    return {
        **path_features(path),
        **ion_features(path.ion),
        **composition_features(path.formula, path.ion),
    }


def formula_features(formula: Formula, ion: str) -> dict[str, float]:
    """Features of a composition and its moving ion, where no structure is known."""
    return {**ion_features(ion), **composition_features(formula, ion), "ion_share": formula.fraction(ion)}


def barrier_table(
    paths: MigrationSet | Sequence[MigrationPath],
    prior: str | FloatArray | None = None,
    domain: Domain | None = None,
) -> FeatureTable:
    """Features of migration barriers.

    Parameters
    ----------
    paths : a set, whose known barriers become `y`, or plain paths.
    prior : barriers of a machine-learned potential or another engine [eV], shape (n_paths,), or their
        name in the set; NaN where missing (the median of the others is put in), None for none.
    domain : where the paths come from.

    Raises
    ------
    ConfigurationError
        If no prior value is known, or one is not positive.
    """
    known = None
    if isinstance(paths, MigrationSet) and "migration_barrier" in paths.values:
        known = paths.barriers
    rows = [barrier_features(path) for path in paths]
    if isinstance(prior, str):
        if not isinstance(paths, MigrationSet):
            raise ConfigurationError(
                f"prior {prior!r} is a name, which only a MigrationSet knows; give the values."
            )
        prior = paths.value(prior)
    if prior is not None:
        for row, value in zip(rows, _log_prior(np.asarray(prior, dtype=float), len(rows)), strict=True):
            row[PRIOR] = float(value)
    return FeatureTable.from_rows(
        "migration_barrier",
        rows,
        entries=[path.name for path in paths],
        groups=[path.host_formula for path in paths],
        labels={
            "ion": [path.ion for path in paths],
            "class": [path.structure_class for path in paths],
            "family": [anion_family(path.formula) for path in paths],
            "host": [path.host_formula for path in paths],
            "chemical_system": [path.chemical_system for path in paths],
        },
        y=known,
        domain=domain,
    )


def _log_prior(prior: FloatArray, n_rows: int) -> FloatArray:
    if prior.shape != (n_rows,):
        raise ShapeError(f"'prior' must have one value a path ({n_rows}); got shape {prior.shape}.")
    known = np.isfinite(prior)
    if not known.any() or np.any(prior[known] <= 0):
        raise ConfigurationError(
            "'prior' must hold positive energies [eV], and at least one; check the engine's runs."
        )
    logarithm = np.full(n_rows, np.median(np.log(prior[known])))
    logarithm[known] = np.log(prior[known])
    return logarithm


def anion_family(formula: Formula) -> str:
    """Family by composition: ``polyanion``, ``oxide``, ``chalcogenide``, ``fluoride`` or ``other``.

    In a polyanion compound at least half of the oxygen can be bound by P, Si, S, As (four each), B, C or N
    (three each), of which there are no more than one for two oxygens, or by Mo or W with about four oxygens
    each (molybdates and tungstates [1]_). An oxide has no other anion; a dopant does not make a polyanion.
    Vanadates are oxides: a composition cannot tell VO4 tetrahedra from octahedra (LiNiVO4 is a spinel).

    References
    ----------
    .. [1] Masquelier and Croguennec, Polyanionic (Phosphates, Silicates, Sulfates) Frameworks as Electrode
       Materials, Chemical Reviews 113 (2013) 6552: X = S, P, Si, As, Mo or W. doi:10.1021/cr3001862
    """
    amounts = formula.amounts
    oxygen = amounts.get("O", 0.0)
    centres = {e: n for e, n in _OXO_CENTRES.items() if 0 < 2 * amounts.get(e, 0.0) <= oxygen}
    bound = sum(n * amounts[e] for e, n in centres.items())
    metals = sum(amounts.get(e, 0.0) for e in _TETRAHEDRAL_METALS)
    if oxygen and (bound >= 0.5 * oxygen or 3.5 * metals <= oxygen <= 4.5 * metals):
        return "polyanion"
    others = {"F", "Cl", "Br", "I", "S", "Se", "Te", "N", "P"} & set(amounts)
    if oxygen and not others:
        return "oxide"
    if not oxygen and {"S", "Se", "Te"} & set(amounts):
        return "chalcogenide"
    return "fluoride" if "F" in amounts and not oxygen else "other"
