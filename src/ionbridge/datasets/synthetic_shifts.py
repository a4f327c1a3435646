"""Pairs of artificial domains with a known relation: five kinds of shift, and a shuffled source.

They show what a transfer strategy does when the truth is known; real and simulated measurements
are the readers and the physics room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.table import Table
from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.quantities import Quantity

__all__ = ["SHIFTS", "SyntheticShift", "make_shift", "shuffled"]

FloatArray = NDArray[np.float64]

N_INPUTS = 6
NOISE = 0.03  # standard deviation of ln y within a domain
INPUTS = tuple(f"setting_{i + 1}" for i in range(N_INPUTS))
OUTPUT = "response"

SHIFTS: Mapping[str, str] = MappingProxyType(
    {
        "scale": "another level and slightly other coefficients",
        "coefficients": "strongly other coefficients",
        "outside_range": "the same relation, where the source never measured",
        "conflicting": "half of the inputs act the other way round",
        "unrelated": "nothing in common",
    }
)

_DEFINITIONS = {
    **{
        name: Quantity(name, "1", f"Artificial input {i + 1}; the source spans -1 to 1.")
        for i, name in enumerate(INPUTS)
    },
    OUTPUT: Quantity(OUTPUT, "1", "Artificial positive output.", positive=True),
}


@dataclass(frozen=True)
class SyntheticShift:
    """One pair of domains.

    Parameters
    ----------
    kind : a name of `SHIFTS`.
    source, target, test : tables with the columns `INPUTS` and `OUTPUT`; `test` comes from the target.
    """

    kind: str
    source: Table
    target: Table
    test: Table


@dataclass(frozen=True)
class _Relation:
    """ln y = level + Σ a_j tanh(x_j s_j)/s_j + Σ c_j x_j² + Σ_{jk} d_jk x_j x_k, shapes (6,), (6,), (6,), (6, 6).

    Monotone but saturating main effects, some curvature and a few interactions: the usual shape of
    a response to process settings. Six standardised inputs move ln y by about 0.35.
    """

    level: float
    slope: FloatArray
    saturation: FloatArray
    curvature: FloatArray
    interaction: FloatArray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Relation:
        weight = rng.permutation([1.0, 0.8, 0.5, 0.3, 0.15, 0.05])
        interaction = np.zeros((N_INPUTS, N_INPUTS))
        for _ in range(3):
            j, k = rng.choice(N_INPUTS, size=2, replace=False)
            interaction[j, k] += 0.12 * rng.standard_normal()
        return cls(
            level=float(rng.uniform(0, 2)),
            slope=0.4 * weight * rng.choice([-1.0, 1.0], size=N_INPUTS),
            saturation=rng.uniform(0.3, 1.2, size=N_INPUTS),
            curvature=0.12 * weight * rng.standard_normal(N_INPUTS),
            interaction=interaction,
        )

    def __call__(self, x: FloatArray) -> FloatArray:
        main = np.tanh(x * self.saturation) / self.saturation @ self.slope
        pairs = np.einsum("ij,jk,ik->i", x, self.interaction, x)
        return np.asarray(self.level + main + x**2 @ self.curvature + pairs)


def make_shift(
    kind: str, n_target: int, random_state: int = 0, n_source: int = 235, n_test: int = 500
) -> SyntheticShift:
    """Draw a pair of domains of one kind.

    The relations, the source and the test rows depend on `kind` and `random_state` alone; a smaller
    target is the beginning of a larger one.

    Parameters
    ----------
    kind : a name of `SHIFTS`.
    n_target, n_source, n_test : rows of the target's training set, of the source and of the target's
        test set.

    Raises
    ------
    UnknownNameError, ConfigurationError
    """
    if kind not in SHIFTS:
        raise UnknownNameError.for_name(kind, SHIFTS, "shift")
    if min(n_target, n_source, n_test) < 1:
        raise ConfigurationError(
            f"'n_target', 'n_source' and 'n_test' of make_shift must be at least 1; got {n_target}, {n_source}, {n_test}."
        )
    seeds = np.random.SeedSequence([random_state, *kind.encode()]).spawn(4)
    of_relation, of_source, of_target, of_test = (np.random.default_rng(seed) for seed in seeds)
    source = _Relation.draw(of_relation)
    target = _shifted(source, kind, of_relation)
    outside = kind == "outside_range"
    tables = {
        name: _sample(
            relation,
            n_rows,
            is_outside,
            rng,
            f"synthetic {name}",
            f"make_shift({kind!r}, random_state={random_state})",
        )
        for name, relation, n_rows, is_outside, rng in (
            ("source", source, n_source, False, of_source),
            ("target", target, n_target, outside, of_target),
            ("test", target, n_test, outside, of_test),
        )
    }
    return SyntheticShift(kind, **tables)


def shuffled(source: Table, output: str, random_state: int = 0) -> Table:
    """Permute the values of `output` among the rows of `source`: a source that can teach nothing.

    A strategy that seems to gain from it is fooled by chance or by its own evaluation.
    """
    source.quantity(output)
    frame = source.frame.copy()
    frame[output] = np.random.default_rng(random_state).permutation(frame[output].to_numpy())
    return Table.from_frame(
        frame,
        domain=source.domain,
        provenance=Provenance(
            source=f"{source.provenance.source}, {output} shuffled with random_state={random_state}",
            reader=source.provenance.reader,
            licence=source.provenance.licence,
            citation=source.provenance.citation,
            notes=(*source.provenance.notes, f"{output} shuffled"),
        ),
        definitions=source.definitions,
    )


def _shifted(source: _Relation, kind: str, rng: np.random.Generator) -> _Relation:
    """Derive the relation of the target from that of the source."""
    if kind == "unrelated":
        return _Relation.draw(rng)
    spread = {"scale": 0.15, "coefficients": 0.6, "outside_range": 0.0, "conflicting": 0.15}[kind]
    factor = 1 + spread * rng.standard_normal(N_INPUTS)
    sign = np.ones(N_INPUTS)
    if kind == "conflicting":
        sign[np.argsort(-np.abs(source.slope))[1::2]] = -1.0
    return _Relation(
        level=source.level + float(rng.uniform(0.3, 1.0)) * (kind != "outside_range"),
        slope=source.slope * factor * sign,
        saturation=source.saturation,
        curvature=source.curvature * (1 + spread * rng.standard_normal(N_INPUTS)),
        interaction=source.interaction
        * np.outer(sign, sign)
        * (1 + spread * rng.standard_normal((N_INPUTS, N_INPUTS))),
    )


def _sample(
    relation: _Relation, n_rows: int, is_outside: bool, rng: np.random.Generator, name: str, origin: str
) -> Table:
    x = rng.uniform(-1, 1, size=(n_rows, N_INPUTS))
    if is_outside:
        x[:, ::2] += 1.5  # every second input spans 0.5 to 2.5
    log_y = relation(x) + NOISE * rng.standard_normal(n_rows)
    frame = pd.DataFrame(x, columns=list(INPUTS))
    frame[OUTPUT] = np.exp(log_y)
    return Table.from_frame(
        frame,
        domain=Domain(name=name, process="artificial", origin="simulation"),
        provenance=Provenance(source=origin, reader="synthetic_shifts", notes=("artificial data",)),
        definitions=_DEFINITIONS,
    )
