"""The tasks on which screening is judged: what is source, what is target, and what a split keeps together.

Fitting and errors are `evaluation.py`; reading the sets is `ionbridge.datasets.readers.materials`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ionbridge.applications.screening.features import FeatureTable
from ionbridge.datasets.base import Domain
from ionbridge.exceptions import InsufficientDataError, UnknownNameError

__all__ = ["BARRIER_TASKS", "FewShotTask", "barrier_task", "group_halves", "task_between"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FewShotTask:
    """A source and a target of which few rows are known.

    Parameters
    ----------
    name : for tables.
    source : rows with known values; no group of the target stands among them unless the task says so.
    target : rows with known values.
    """

    name: str
    source: FeatureTable
    target: FeatureTable

    def draw(self, n_known: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Known and test rows of the target: half of the groups each, so that no group is on both sides.

        With one seed, the rows for a small `n_known` are among those for a larger one, and the test
        rows stay the same.

        Raises
        ------
        InsufficientDataError
            If half of the target does not hold `n_known` rows.
        """
        pool, test = group_halves(self.target.groups, seed)
        if len(pool) < n_known:
            raise InsufficientDataError(
                f"task {self.name!r} has {len(pool)} rows to draw from with seed {seed}; asked for {n_known}."
            )
        return pool[:n_known], test


def group_halves(groups: NDArray[np.str_], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a random half of the groups in random order, and the rows of the other half.

    Groups are dealt, largest first within random order, to the half with fewer rows.
    """
    rng = np.random.default_rng(seed)
    labels, member = np.unique(groups, return_inverse=True)
    size = np.bincount(member)
    counts, side = [0, 0], np.zeros(len(labels), dtype=int)
    for label in rng.permutation(len(labels)):
        side[label] = int(counts[0] > counts[1])
        counts[side[label]] += size[label]
    in_pool = side[member] == 0
    return rng.permutation(np.flatnonzero(in_pool)), np.flatnonzero(~in_pool)


def task_between(
    name: str,
    table: FeatureTable,
    is_source: Mask,
    is_target: Mask,
    *,
    keep_twins: bool = False,
) -> FewShotTask:
    """Split one table into the source and the target of a task.

    Parameters
    ----------
    is_source, is_target : shape (n_rows,)
    keep_twins : whether source rows may share a group (a host) with target rows.

    Raises
    ------
    InsufficientDataError
        If either side is empty.
    """
    is_target = is_target & table.known
    is_source = is_source & table.known & ~is_target
    if not keep_twins:
        is_source = is_source & ~np.isin(table.groups, table.groups[is_target])
    if not is_source.any() or not is_target.any():
        raise InsufficientDataError(
            f"task {name!r} has {is_source.sum()} source and {is_target.sum()} target rows."
        )
    return FewShotTask(
        name,
        table.subset(is_source, Domain(f"{name}: source", origin=table.domain.origin)),
        table.subset(is_target, Domain(f"{name}: target", origin=table.domain.origin)),
    )


def _families(table: FeatureTable, source: str, target: str) -> tuple[Mask, Mask]:
    family = table.labels["family"]
    return (family == source) if source else (family != target), family == target


def _ions(table: FeatureTable, source: tuple[str, ...], target: str) -> tuple[Mask, Mask]:
    ion = table.labels["ion"]
    return np.isin(ion, source) if source else (ion != target), ion == target


BARRIER_TASKS: dict[str, Callable[[FeatureTable], tuple[Mask, Mask]]] = {
    "oxide_to_polyanion": lambda table: _families(table, "oxide", "polyanion"),
    "rest_to_chalcogenide": lambda table: _families(table, "", "chalcogenide"),
    "rest_to_Mg": lambda table: _ions(table, (), "Mg"),
    "LiNa_to_Ca": lambda table: _ions(table, ("Li", "Na"), "Ca"),
}


def barrier_task(name: str, table: FeatureTable) -> FewShotTask:
    """One of `BARRIER_TASKS` on a table of barriers; hosts of the target are removed from the source.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    """
    if name not in BARRIER_TASKS:
        raise UnknownNameError.for_name(name, BARRIER_TASKS, "task")
    return task_between(name, table, *BARRIER_TASKS[name](table))
