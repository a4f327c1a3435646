"""Many ageing histories: designs of conditions, parallel and resumable generation, tables, files.

One history is `ageing.py`; what is learned from them is the applications room.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets import Domain, Provenance, Table
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError
from ionbridge.execution import Failure, SerialExecutor, run_tasks
from ionbridge.physics.cells.ageing import (
    INDICATORS,
    LIMITS,
    MODEL_ASSUMPTIONS,
    TOLERANCES,
    AgeingConditions,
    AgeingHistory,
    ageing_cell,
)
from ionbridge.physics.cells.ageing_parameters import AGEING_SETS
from ionbridge.plugins import import_extra
from ionbridge.quantities import Quantity, quantity

__all__ = [
    "CONDITIONS",
    "AgeingHistories",
    "ageing_design",
    "by_field",
    "generate_histories",
    "load_histories",
]

FORMAT = 1


def _condition(name: str, unit: str, description: str) -> Quantity:
    low, high = LIMITS[name]
    return Quantity(name, unit, description, low=low, high=high, positive=True, iri=f"ionbridge:{name}")


CONDITIONS: Mapping[str, Quantity] = {
    "charge_rate": _condition("charge_rate", "C_rate", "Current of the charge over nominal capacity."),
    "discharge_rate": _condition(
        "discharge_rate", "C_rate", "Current of the discharge over nominal capacity."
    ),
    "temperature": quantity("cell_temperature"),
    "depth_of_discharge": _condition(
        "depth_of_discharge", "1", "Charge taken from the cell in a cycle over nominal capacity."
    ),
    "sei_rate": _condition("sei_rate", "1", "Factor on the growth of the SEI."),
    "plating_rate": _condition("plating_rate", "1", "Factor on the rate constant of lithium plating."),
    "cracking_rate": _condition("cracking_rate", "1", "Factor on the growth of cracks in graphite."),
    "loss_rate": _condition("loss_rate", "1", "Factor on the loss of active material."),
    "particle_radius": _condition("particle_radius", "1", "Factor on the radius of the graphite particles."),
}
"""Quantity of every field of `AgeingConditions`; the names of the quantities are the columns of tables."""

RANGES: Mapping[str, tuple[float, float]] = {
    "charge_rate": (0.2, 1.0),
    "discharge_rate": (0.5, 2.0),
    "temperature": (278.15, 318.15),
    "depth_of_discharge": (0.5, 1.0),
    "sei_rate": (0.3, 3.0),
    "plating_rate": (0.3, 3.0),
    "cracking_rate": (0.3, 3.0),
    "loss_rate": (0.3, 3.0),
    "particle_radius": (0.8, 1.25),
}
"""Where designs lie by default; see `ageing_design`."""

_LINEAR = ("temperature", "depth_of_discharge")


def ageing_design(
    n_histories: int,
    *,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    random_state: int = 0,
) -> tuple[AgeingConditions, ...]:
    """Spread conditions over a box by a scrambled Sobol sequence.

    Parameters
    ----------
    n_histories : how many.
    ranges : lowest and highest value by field of `AgeingConditions`; a field that is not named
        keeps its default range of `RANGES`. Rates and factors are spread over their logarithm.
    random_state : seed of the scrambling.

    Raises
    ------
    ConfigurationError
        If a field is not known, or a range is not two rising numbers within the limits.
    """
    from scipy.stats import qmc

    if n_histories < 1:
        raise ConfigurationError(f"'n_histories' of ageing_design must be at least 1; got {n_histories}.")
    unknown = sorted(set(ranges or {}) - set(RANGES))
    if unknown:
        raise ConfigurationError(f"'ranges' of ageing_design names {unknown}; known: {', '.join(RANGES)}.")
    box = {**RANGES, **(ranges or {})}
    for name, (low, high) in box.items():
        if not LIMITS[name][0] <= low <= high <= LIMITS[name][1]:
            raise ConfigurationError(
                f"the range of {name!r} must be two rising numbers within {LIMITS[name]}; got {(low, high)}."
            )
    sampler = qmc.Sobol(len(box), seed=random_state)
    points = sampler.random_base2(int(np.ceil(np.log2(max(n_histories, 2)))))[:n_histories]
    columns = {}
    for j, (name, (low, high)) in enumerate(box.items()):
        part = points[:, j]
        columns[name] = low + part * (high - low) if name in _LINEAR else low * (high / low) ** part
    return tuple(
        AgeingConditions(**{name: float(np.clip(values[i], *box[name])) for name, values in columns.items()})
        for i in range(n_histories)
    )


def by_field(values: Mapping[str, Any]) -> dict[str, Any]:
    """Rename values by quantity (``cell_temperature``) to values by field of `AgeingConditions`."""
    fields = {item.name: name for name, item in CONDITIONS.items()}
    return {fields.get(name, name): value for name, value in values.items()}


@dataclass(frozen=True, eq=False)
class AgeingHistories:
    """Histories of one chemistry.

    Parameters
    ----------
    chemistry : a key of `AGEING_SETS`.
    model : ``SPM`` or ``DFN``.
    factor : by which side reactions were accelerated.
    histories : those that could be computed.
    failures : reason by name of those that could not.
    """

    chemistry: str
    model: str
    factor: float
    histories: tuple[AgeingHistory, ...]
    failures: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """One sentence each."""
        return (*AGEING_SETS[self.chemistry].assumptions, *MODEL_ASSUMPTIONS)

    @property
    def domain(self) -> Domain:
        """What tables of these histories are labelled with."""
        return Domain(
            f"{self.chemistry} ageing, simulated",
            chemistry=AGEING_SETS[self.chemistry].chemistry,
            process="constant-current cycling",
            fidelity=f"PyBaMM {self.model}, rates x{self.factor:g}",
            origin="simulation",
        )

    def whole(self, equivalent_cycles: float) -> tuple[AgeingHistory, ...]:
        """Histories that reach a number of equivalent cycles."""
        return tuple(h for h in self.histories if h.equivalent_cycles[-1] >= equivalent_cycles - 1e-6)

    def table(self, columns: Mapping[str, tuple[Quantity, Sequence[float]]], n_cycles: float) -> Table:
        """Table of the conditions of the whole histories and of further columns, one row a history."""
        rows = self.whole(n_cycles)
        frame = pd.DataFrame([h.conditions.to_dict() for h in rows], columns=list(CONDITIONS))
        frame = frame.rename(columns={"temperature": "cell_temperature"})
        for name, (_, values) in columns.items():
            frame[name] = np.asarray(values, dtype=float)
        return Table.from_frame(
            frame,
            domain=self.domain,
            provenance=Provenance(
                source="ionbridge.physics.cells.generate_histories",
                citation=AGEING_SETS[self.chemistry].name,
                notes=("simulated, not measured", *self.assumptions),
            ),
            definitions={q.name: q for q in CONDITIONS.values()} | {n: q for n, (q, _) in columns.items()},
        )

    def save(self, path: str | Path) -> Path:
        """Write a JSON file that `load_histories` reads."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "format": FORMAT,
            "kind": "ionbridge ageing histories",
            "chemistry": self.chemistry,
            "model": self.model,
            "factor": self.factor,
            "assumptions": list(self.assumptions),
            "histories": [h.to_dict() for h in self.histories],
            "failures": dict(self.failures),
        }
        temporary = path.with_name(f".{path.name}.part")
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(path)
        return path


def load_histories(path: str | Path) -> AgeingHistories:
    """Read histories that were saved.

    Raises
    ------
    DataError
        If the file is missing or is not such a file.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("kind") != "ionbridge ageing histories" or content.get("format") != FORMAT:
            raise ValueError("it is not a file of ageing histories of format 1")
        histories = tuple(AgeingHistory.from_dict(item) for item in content["histories"])
        return AgeingHistories(
            content["chemistry"], content["model"], float(content["factor"]), histories, content["failures"]
        )
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; make it with 'ionbridge ageing generate'.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read as ageing histories ({error}); make it with 'ionbridge ageing generate'."
        ) from error


def generate_histories(
    chemistry: str,
    conditions: Sequence[AgeingConditions],
    *,
    equivalent_cycles: float = 500.0,
    factor: float = 10.0,
    model: str = "SPM",
    executor: Executor | None = None,
    store: Path | None = None,
    progress: bool = False,
    every: int = 2,
) -> AgeingHistories:
    """Cycle a cell under many conditions.

    Parameters
    ----------
    chemistry : a key of `AGEING_SETS`.
    conditions : one a history.
    equivalent_cycles, factor, model, every : see `AgeingCell.run`.
    executor : from `ionbridge.execution.open_executor`; None runs in this process.
    store : file that finished histories are appended to, and from which the same call resumes.
    progress : whether to show a progress bar.

    Raises
    ------
    UnknownNameError
        If the chemistry has no ageing parameters.
    ConfigurationError
        If there are no conditions, or cycles or factor are no numbers above zero.
    InsufficientDataError
        If not one history could be computed; the message gives the first reason.
    RunInterruptedError
        On Ctrl-C; what is finished is in `store`.
    """
    if chemistry not in AGEING_SETS:
        from ionbridge.physics.cells.ageing_parameters import ageing_parameter_values

        ageing_parameter_values(chemistry)  # raises with the known names
    if not conditions:
        raise ConfigurationError("'conditions' of generate_histories must not be empty.")
    for name, value in (("equivalent_cycles", equivalent_cycles), ("factor", factor)):
        if not 0 < value < float("inf"):
            raise ConfigurationError(
                f"{name!r} of generate_histories must be a number above zero, such as {500 if name[0] == 'e' else 10}; "
                f"got {value}."
            )
    settings = (equivalent_cycles, factor, model, every)
    tasks = {f"history {i + 1}": (chemistry, item.to_dict(), *settings) for i, item in enumerate(conditions)}
    outcomes = run_tasks(
        _one_history,
        tasks,
        executor=executor or SerialExecutor(),
        store=store,
        identity=_identity(chemistry, conditions, settings),
        progress=progress,
        label=f"{chemistry} histories",
    )
    failures = {key: str(found) for key, found in outcomes.items() if isinstance(found, Failure)}
    made = tuple(AgeingHistory.from_dict(v) for v in outcomes.values() if not isinstance(v, Failure))
    if not made:
        raise InsufficientDataError(
            f"none of the {len(tasks)} histories could be computed; the first: {next(iter(failures.values()))}."
        )
    return AgeingHistories(chemistry, model, factor, made, failures)


def _one_history(
    chemistry: str,
    conditions: Mapping[str, float],
    equivalent_cycles: float,
    factor: float,
    model: Any,
    every: int,
) -> dict[str, Any]:
    """Run in a worker: the cell is built once there."""
    cell = ageing_cell(chemistry, model)
    return cell.run(AgeingConditions(**conditions), equivalent_cycles, factor, every).to_dict()


def _identity(chemistry: str, conditions: Sequence[AgeingConditions], settings: Sequence[Any]) -> str:
    pybamm = import_extra("pybamm", "cells")
    parts = [
        chemistry,
        [c.to_dict() for c in conditions],
        list(settings),
        pybamm.__version__,
        list(INDICATORS),
        TOLERANCES,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
