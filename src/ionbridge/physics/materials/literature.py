"""CHGNet beside literature: voltage and barrier of LiFePO4, barriers of LiCoO2 with one and two vacancies.

The engines are `barrier.py` and `relaxation.py`; the figures of reference below are not used by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ionbridge.datasets.structures import MigrationPath, Structure, find_hops
from ionbridge.exceptions import ConvergenceError
from ionbridge.physics.materials.barrier import ChgnetBarrier
from ionbridge.physics.materials.base import AbstractMaterialEngine, EngineResult, Subject
from ionbridge.physics.materials.batch import run_batch
from ionbridge.physics.materials.paths import divacancy_path, vacancy_path
from ionbridge.physics.materials.prototypes import prototype
from ionbridge.physics.materials.relaxation import ChgnetRelaxation, ChgnetVoltage, InsertionPair

__all__ = ["LITERATURE", "KnownFigure", "literature_check", "literature_paths"]

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
    """Make the three paths whose barriers are known, by the names of `LITERATURE`.

    Parameters
    ----------
    relaxed : LiFePO4 and LiCoO2 by formula, with the sites of `prototype`.
    """
    olivine, layered = _doubled_along_b(relaxed["LiFePO4"]), relaxed["LiCoO2"]
    half_way = olivine.fractional[0] + [0.0, 0.25, 0.0]  # the next site along b in the doubled cell
    hop = find_hops(layered, "Li")[0]
    end = layered.fractional[hop.end] + np.array(hop.shift, dtype=float)
    return {
        "lfp_barrier": vacancy_path(olivine, 0, half_way, min_height=0.0),
        "lco_vacancy_barrier": vacancy_path(layered, hop.start, end, min_height=_BAND_HEIGHT),
        "lco_divacancy_barrier": divacancy_path(layered, hop.start, end, min_height=_BAND_HEIGHT),
    }


def _doubled_along_b(cell: Structure) -> Structure:
    """Two cells beside each other: the smallest in which a vacancy hop along b has room (56 atoms)."""
    shift = np.array([0.0, 1.0, 0.0])
    fractional = np.vstack([cell.fractional, cell.fractional + shift]) / (1.0 + shift)
    return Structure(cell.lattice * (1.0 + shift)[:, None], cell.elements * 2, fractional, cell.name)


def literature_check(
    *, executor: Executor | None = None, cache: Path | None = None, progress: bool = False
) -> dict[str, float]:
    """Run CHGNet on LiFePO4 and LiCoO2 and set its results beside `LITERATURE`; some 15 minutes on one core.

    Parameters
    ----------
    executor, cache, progress : as in `run_batch`; finished runs are not repeated.

    Returns
    -------
    for each name of `LITERATURE` the ``NAME`` of CHGNet, ``NAME_literature`` [V or eV], ``NAME_ratio`` [-] and
    ``NAME_cpu_s`` [s], and ``cpu_s`` of everything, the relaxations included.

    Raises
    ------
    ConvergenceError
        If a run fails; the message says which and why.
    MissingExtraError
        If chgnet or ase is not installed.
    """

    def run(engine: AbstractMaterialEngine, subjects: Mapping[str, Subject]) -> dict[str, EngineResult]:
        done = run_batch(engine, subjects, executor=executor, cache=cache, progress=progress)
        if done.failures:
            said = "; ".join(f"{name}: {failure}" for name, failure in done.failures.items())
            raise ConvergenceError(f"a check against literature failed. {said}. Run it again, it goes on.")
        return done.results

    crystals = run(ChgnetRelaxation(), {name: prototype(name) for name in ("LiFePO4", "LiCoO2")})
    relaxed = {name: Structure.from_dict(found.details["structure"]) for name, found in crystals.items()}
    paths = literature_paths(relaxed)
    results = run(ChgnetVoltage(), {"lfp_voltage": InsertionPair.emptied(prototype("LiFePO4"), "Li")})
    results |= run(ChgnetBarrier(n_images=3), {"lfp_barrier": paths.pop("lfp_barrier")})
    results |= run(ChgnetBarrier(n_images=5), paths)
    figures: dict[str, float] = {}
    for name, known in LITERATURE.items():
        value = results[name].values[known.quantity]
        figures |= {
            name: value,
            f"{name}_literature": known.value,
            f"{name}_ratio": value / known.value,
            f"{name}_cpu_s": results[name].cpu_seconds,
        }
    figures["cpu_s"] = sum(found.cpu_seconds for found in (*crystals.values(), *results.values()))
    return figures
