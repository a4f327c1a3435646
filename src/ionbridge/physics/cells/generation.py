"""`generate`: carry out the runs of a design in parallel, keep what is done, and record what failed and why.

The design is `design.py`; one run is `simulation.py`.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.datasets.profiles import CellSeries, CellSeriesSet, save_series_set
from ionbridge.exceptions import ConfigurationError, IonBridgeError
from ionbridge.execution import Failure, SerialExecutor, run_tasks
from ionbridge.physics.cells.design import DesignOfExperiments, Run
from ionbridge.physics.cells.parameters import cell_parameters
from ionbridge.physics.cells.simulation import simulate

__all__ = ["FailedRun", "GenerationResult", "generate", "load_generated"]

_BATCH = {
    "DFN": 4,
    "SPMe": 16,
    "SPM": 16,
}  # runs a task: long enough to be worth sending, short enough to lose


@dataclass(frozen=True)
class FailedRun:
    """A run without a result.

    Parameters
    ----------
    key, name : of the run.
    reason : why.
    """

    key: str
    name: str
    reason: str


@dataclass(frozen=True)
class GenerationResult:
    """What became of a design.

    Parameters
    ----------
    design : of the runs.
    series : of the runs that gave one, in the order of the design.
    failures : the others, each with its reason.
    folder : that holds ``series.json`` and ``series.npz``, ``failures.json``, ``design.json`` and
        ``runs.jsonl``, from which an interrupted run goes on.
    """

    design: DesignOfExperiments
    series: CellSeriesSet
    failures: tuple[FailedRun, ...]
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """Counts by status and the failures, ready for JSON."""
        counts: dict[str, int] = {}
        for item in self.series:
            counts[item.status] = counts.get(item.status, 0) + 1
        return {
            "cell": self.design.cell,
            "model": self.design.model,
            "n_runs": len(self.series) + len(self.failures),
            "n_series": len(self.series),
            "n_points": self.series.n_points,
            "n_failed": len(self.failures),
            "status": counts,
            "simulated_hours": sum(item.end_time for item in self.series) / 3600,
            "failures": [{"run": f.name, "reason": f.reason} for f in self.failures],
            "folder": str(self.folder),
        }


def generate(
    design: DesignOfExperiments,
    folder: str | Path,
    executor: Executor | None = None,
    progress: bool = True,
    *,
    cancel: threading.Event | None = None,
) -> GenerationResult:
    """Simulate every run of a design.

    Calling it again with the same design and folder goes on where it was stopped. A run that fails
    stands in `GenerationResult.failures` and in ``failures.json`` with its reason.

    Parameters
    ----------
    design : the runs.
    folder : for the results; created.
    executor : from `ionbridge.execution.open_executor`; None runs in this process.
    progress : whether to show a progress bar.
    cancel : set it from another thread to stop.

    Raises
    ------
    ConfigurationError
        If the folder holds the runs of another design.
    RunInterruptedError
        On Ctrl-C; the same call resumes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    runs = design.runs()
    size = max(
        min(_BATCH[design.model], len(runs) // 8), 1
    )  # of the design alone, so that it can be resumed anywhere
    tasks = {
        f"{runs[i].key}-{runs[min(i + size, len(runs)) - 1].key}": (design, runs[i : i + size])
        for i in range(0, len(runs), size)
    }
    cell = cell_parameters(design.cell)  # a cell that cannot be read is told before any worker starts
    if design.thermal == "lumped" and cell.thermal is None:
        raise ConfigurationError(
            f"the parameters of {cell.name!r} have no heat capacity, volume or cooling, which the lumped thermal model "
            "needs; keep the cell isothermal (thermal='isothermal', --isothermal)."
        )
    outcomes = run_tasks(
        _run_batch,
        tasks,
        executor=executor if executor is not None else SerialExecutor(),
        store=folder / "runs.jsonl",
        identity=design.identity,
        progress=progress,
        label=f"{design.cell} {design.model}, {size} runs a task",
        cancel=cancel,
    )
    result = _collect(design, folder, tasks, outcomes)
    _write_json(folder / "design.json", design.to_dict())
    _write_json(folder / "failures.json", [vars(item) for item in result.failures])
    save_series_set(result.series, folder / "series")
    return result


def load_generated(folder: str | Path) -> CellSeriesSet:
    """The series that `generate` wrote into a folder.

    Raises
    ------
    DataError
        If they are missing or were altered.
    """
    from ionbridge.datasets.profiles import load_series_set

    return load_series_set(Path(folder) / "series")


def _run_batch(design: DesignOfExperiments, runs: tuple[Run, ...]) -> list[dict[str, Any]]:
    """Simulate some runs; runs in a worker process."""
    return [_run(design, run) for run in runs]


def _run(design: DesignOfExperiments, run: Run) -> dict[str, Any]:
    cell = cell_parameters(design.cell)
    try:
        series = simulate(
            cell,
            design.profile(run, cell.nominal_capacity),
            design.model,
            initial_soc=run.initial_soc,
            thermal=design.thermal,
            parameter_changes=run.changes,
            name=run.name,
        )
    except IonBridgeError as error:
        return {"key": run.key, "failed": f"{type(error).__name__}: {error}"}
    return {"key": run.key, **_packed(series)}


def _packed(series: CellSeries) -> dict[str, Any]:
    """A series as JSON: its numbers as the text of a compressed npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **series.arrays())
    return {"header": series.header(), "arrays": base64.b64encode(buffer.getvalue()).decode()}


def _unpacked(record: dict[str, Any]) -> CellSeries:
    with np.load(io.BytesIO(base64.b64decode(record["arrays"])), allow_pickle=False) as content:
        return CellSeries.from_parts({name: content[name] for name in content.files}, record["header"])


def _collect(
    design: DesignOfExperiments,
    folder: Path,
    tasks: dict[str, tuple[DesignOfExperiments, tuple[Run, ...]]],
    outcomes: dict[str, Any],
) -> GenerationResult:
    series: list[CellSeries] = []
    failures: list[FailedRun] = []
    for key, (_, runs) in tasks.items():
        outcome = outcomes[key]
        if isinstance(outcome, Failure):
            failures += [FailedRun(run.key, run.name, str(outcome)) for run in runs]
            continue
        names = {run.key: run.name for run in runs}
        for record in outcome:
            if "failed" in record:
                failures.append(FailedRun(record["key"], names[record["key"]], record["failed"]))
            else:
                series.append(_unpacked(record))
    note = (
        f"{len(failures)} of {len(series) + len(failures)} runs failed; see failures.json" if failures else ""
    )
    name = f"{design.cell} by {design.model}"
    return GenerationResult(
        design, CellSeriesSet(tuple(series), name, (note,) if note else ()), tuple(failures), folder
    )


def _write_json(path: Path, content: Any) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
    partial.replace(path)
