"""CHGNet beside literature: voltage and barrier of LiFePO4, barriers of LiCoO2 with one and two vacancies.

The engines are `barrier.py` and `relaxation.py`; the figures of reference below are not used by them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ionbridge.datasets.structures import MigrationPath, Structure, find_hops
from ionbridge.exceptions import ConvergenceError, UnknownNameError
from ionbridge.physics.materials.barrier import ChgnetBarrier
from ionbridge.physics.materials.base import AbstractMaterialEngine, EngineResult, Subject
from ionbridge.physics.materials.batch import run_batch
from ionbridge.physics.materials.paths import divacancy_path, vacancy_path
from ionbridge.physics.materials.prototypes import prototype
from ionbridge.physics.materials.relaxation import ChgnetRelaxation, ChgnetVoltage, InsertionPair

__all__ = ["LITERATURE", "KnownFigure", "literature_check", "literature_paths"]

logger = logging.getLogger(__name__)
_VOLTAGES = {"lfp_voltage": "LiFePO4", "lco_voltage": "LiCoO2"}
_HOSTS = {
    "lfp_barrier": "LiFePO4",
    "lco_vacancy_barrier": "LiCoO2",
    "lco_divacancy_barrier": "LiCoO2",
}
_BAND_HEIGHT = 7.0  # Å; of the supercell of LiCoO2, as in the tests


@dataclass(frozen=True, slots=True)
class KnownFigure:
    """A figure of reference.

    Parameters
    ----------
    value : [V or eV]
    quantity : of the catalogue.
    source : where it comes from.
    """

    value: float
    quantity: str
    source: str


_EM619 = "Devi, Butler and Sai Gautam, npj Comput. Mater. (2026) doi:10.1038/s41524-026-01972-8"

LITERATURE: dict[str, KnownFigure] = {
    "lfp_voltage": KnownFigure(
        3.45, "average_voltage", "measured plateau; Padhi et al., J. Electrochem. Soc. 144 (1997) 1188"
    ),
    "lco_voltage": KnownFigure(
        3.75, "average_voltage", "LDA, CoO2 to LiCoO2; Aydinol et al., Phys. Rev. B 56 (1997) 1354"
    ),
    "lfp_barrier": KnownFigure(
        0.27, "migration_barrier", "GGA, [010]; Morgan et al., Electrochem. Solid-State Lett. 7 (2004) A30"
    ),
    "lco_vacancy_barrier": KnownFigure(0.67, "migration_barrier", f"GGA, one vacancy; LiCoO2_1 of {_EM619}"),
    "lco_divacancy_barrier": KnownFigure(
        0.30,
        "migration_barrier",
        f"GGA, two vacancies (Van der Ven and Ceder, Electrochem. Solid-State Lett. 3 (2000) 301); LiCoO2_2 of {_EM619}",
    ),
}


def literature_paths(relaxed: Mapping[str, Structure]) -> dict[str, MigrationPath]:
    """Make the paths whose barriers are known, by the names of `LITERATURE`.

    Parameters
    ----------
    relaxed : LiFePO4, LiCoO2 or both by formula, with the sites of `prototype`.
    """
    paths: dict[str, MigrationPath] = {}
    if "LiFePO4" in relaxed:
        olivine = _doubled_along_b(relaxed["LiFePO4"])
        half_way = olivine.fractional[0] + [0.0, 0.25, 0.0]  # the next site along b in the doubled cell
        paths["lfp_barrier"] = vacancy_path(olivine, 0, half_way, min_height=0.0)
    if "LiCoO2" in relaxed:
        layered = relaxed["LiCoO2"]
        hop = find_hops(layered, "Li")[0]
        end = layered.fractional[hop.end] + np.array(hop.shift, dtype=float)
        paths["lco_vacancy_barrier"] = vacancy_path(layered, hop.start, end, min_height=_BAND_HEIGHT)
        paths["lco_divacancy_barrier"] = divacancy_path(layered, hop.start, end, min_height=_BAND_HEIGHT)
    return paths


def _doubled_along_b(cell: Structure) -> Structure:
    """Two cells beside each other: the smallest in which a vacancy hop along b has room (56 atoms)."""
    shift = np.array([0.0, 1.0, 0.0])
    fractional = np.vstack([cell.fractional, cell.fractional + shift]) / (1.0 + shift)
    return Structure(cell.lattice * (1.0 + shift)[:, None], cell.elements * 2, fractional, cell.name)


def literature_check(
    names: Sequence[str] | None = None,
    *,
    executor: Executor | None = None,
    cache: Path | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Run CHGNet on LiFePO4 and LiCoO2 and set its results beside `LITERATURE`; some 15 minutes on one core.

    Parameters
    ----------
    names : of `LITERATURE`; None for all.
    executor, cache, progress : as in `run_batch`; finished runs are not repeated.

    Returns
    -------
    for each name the ``NAME`` of CHGNet, ``NAME_literature`` [V or eV], ``NAME_ratio`` [-] and ``NAME_cpu_s`` [s],
    and ``cpu_s`` of everything, the relaxations included. Figures whose run failed are left out, with a warning in
    the log.

    Raises
    ------
    UnknownNameError
        If there is no such figure.
    ConvergenceError
        If every run fails; the message says which and why.
    MissingExtraError
        If chgnet or ase is not installed.
    """
    wanted = list(LITERATURE) if names is None else list(names)
    for name in wanted:
        if name not in LITERATURE:
            raise UnknownNameError.for_name(name, LITERATURE, "figure of literature")
    results, spent, failed = _literature_runs(wanted, executor, cache, progress)
    said = "; ".join(f"{name}: {failure}" for name, failure in failed.items())
    if not results:
        raise ConvergenceError(f"every check against literature failed. {said}. Run it again, it goes on.")
    if failed:
        logger.warning("checks against literature failed and are left out: %s", said)
    figures: dict[str, float] = {"cpu_s": spent}
    for name in (name for name in wanted if name in results):
        known = LITERATURE[name]
        value = results[name].values[known.quantity]
        figures |= {
            name: value,
            f"{name}_literature": known.value,
            f"{name}_ratio": value / known.value,
            f"{name}_cpu_s": results[name].cpu_seconds,
        }
    return figures


def _literature_runs(
    wanted: Sequence[str], executor: Executor | None, cache: Path | None, progress: bool
) -> tuple[dict[str, EngineResult], float, dict[str, object]]:
    """Results by name, processor time of everything [s], and failures by name."""
    failed: dict[str, object] = {}
    spent = 0.0

    def run(engine: AbstractMaterialEngine, subjects: Mapping[str, Subject]) -> dict[str, EngineResult]:
        nonlocal spent
        if not subjects:
            return {}
        done = run_batch(engine, subjects, executor=executor, cache=cache, progress=progress)
        failed.update(done.failures)
        spent += done.cpu_seconds
        return done.results

    hosts = {_HOSTS[name]: prototype(_HOSTS[name]) for name in wanted if name in _HOSTS}
    relaxed = {
        name: Structure.from_dict(found.details["structure"])
        for name, found in run(ChgnetRelaxation(), hosts).items()
    }
    paths = {name: path for name, path in literature_paths(relaxed).items() if name in wanted}
    results: dict[str, EngineResult] = {}
    voltages = {
        name: InsertionPair.emptied(prototype(host), "Li")
        for name, host in _VOLTAGES.items()
        if name in wanted
    }
    results |= run(ChgnetVoltage(), voltages)
    for n_images in (3, 5):  # three suffice for the short straight hop of the olivine
        batch = {
            name: path for name, path in paths.items() if (3 if name == "lfp_barrier" else 5) == n_images
        }
        results |= run(ChgnetBarrier(n_images=n_images), batch)
    return results, spent, failed
