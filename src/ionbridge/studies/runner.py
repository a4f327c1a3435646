"""Running a study: every strategy and baseline on the same splits, through the executor seam.

What is compared is decided in `design.py`; what came out is judged in `verdict.py`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import clone

from ionbridge import plugins
from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, InsufficientDataError, UnsupportedInputsError
from ionbridge.execution import Failure, SerialExecutor, TaskStore, run_tasks
from ionbridge.models import FloatArray
from ionbridge.studies.arrays import StudyArrays
from ionbridge.studies.design import Size, StudyDesign
from ionbridge.studies.metrics import evaluate
from ionbridge.studies.result import EXCLUSION_COLUMNS, PREDICTION_COLUMNS, TRIAL_COLUMNS, StudyResult
from ionbridge.studies.splits import Split, nested_rows, repeated_splits, splits_sha256
from ionbridge.transfer import AbstractStrategy, TransferProblem, fit_many

__all__ = ["run_study"]

logger = logging.getLogger(__name__)

Resume = bool | Literal["if same"]

_PACKAGES = ("ionbridge", "numpy", "scipy", "pandas", "scikit-learn", "torch")
_SOURCE_MODEL = "source model "  # how the keys of source models begin
_STACKED, _SINGLE = 64, 5  # trials a task: networks are trained as stacks, the others one by one


@dataclass(frozen=True)
class _Trial:
    """One fit: which rows, which seed."""

    split: int
    seed: int
    train: Any
    test: Any
    source: Any
    random_state: int


@dataclass(frozen=True)
class _Unit:
    """The trials of one task: one strategy, one target size, one source size."""

    name: str
    size: Size
    source_size: Size | str
    part: int
    trials: tuple[_Trial, ...]

    @property
    def key(self) -> str:
        return f"{self.name}/target={self.size}/source={self.source_size}/{self.part}"


def run_study(
    source: Table,
    target: Table,
    design: StudyDesign,
    *,
    executor: Executor | None = None,
    folder: str | Path | None = None,
    progress: bool = False,
    resume: Resume = True,
    cancel: threading.Event | None = None,
    strategies: Mapping[str, AbstractStrategy] | None = None,
) -> StudyResult:
    """Compare strategies and baselines on repeated splits of the target rows.

    Parameters
    ----------
    source, target : tables that hold the output and the inputs of `design` (the source may lack
        inputs, never the output).
    executor : from `ionbridge.execution.open_executor`; None runs in this process.
    folder : finished trials are written here at once, and the result at the end.
    progress : whether to show a progress bar on stderr.
    resume : whether finished trials found in `folder` are kept; the design, the data and the
        versions of packages and plug-ins must then be the same. False starts anew; "if same"
        starts anew where they are not.
    cancel : set it from another thread to stop.
    strategies : estimators by name, for names of the design that are not registered.

    Returns
    -------
    every trial; a strategy that refuses (inputs it cannot use, too few rows) or fails stands in
    `exclusions` with its reason.

    Raises
    ------
    UnknownNameError, DataError, InsufficientDataError, RunInterruptedError
    """
    executor = executor if executor is not None else SerialExecutor()
    estimators = _estimators(design, strategies or {})
    arrays = StudyArrays.from_tables(source, target, design)
    splits = _splits(arrays, design)
    sizes, exclusions, size_notes = _feasible_sizes(splits, design)
    units = _units(estimators, arrays, splits, sizes, design)
    store = None if folder is None else Path(folder) / "tasks.jsonl"
    facts = _facts(source, target, arrays, [name for name in design.names if name not in (strategies or {})])
    facts["notes"] += size_notes
    facts["splits_sha256"] = splits_sha256(splits)
    identity = _identity(design, facts, strategies or {})
    kept = _stored(store, identity, resume)
    missing = [unit for unit in units if unit.key not in kept]
    prepared, records = _prepare_sources(estimators, missing, arrays, design, executor, progress, cancel)
    kept |= _remember(records, store, identity)
    tasks = {
        unit.key: (
            estimators[unit.name],
            unit.trials,
            arrays,
            prepared.get(unit.key, {}),
            design.level,
        )
        for unit in units
    }
    outcomes = run_tasks(
        _run_trials, tasks, executor=executor, store=store, identity=identity,
        progress=progress, label=f"study of {design.output}", cancel=cancel,
    )  # fmt: skip
    facts["source_seconds"] = _source_seconds(kept)
    result = _collect(units, outcomes, arrays, design, exclusions, facts)
    if folder is not None:
        result.save(folder)
    return result


def _estimators(design: StudyDesign, given: Mapping[str, AbstractStrategy]) -> dict[str, AbstractStrategy]:
    from ionbridge.transfer import make_strategy

    return {
        name: clone(given[name]).set_params(**design.settings.get(name, {}))
        if name in given
        else make_strategy(name, **design.settings.get(name, {}))
        for name in design.names
    }


def _splits(arrays: StudyArrays, design: StudyDesign) -> list[Split]:
    return repeated_splits(
        len(arrays.y_target),
        design.n_splits,
        test_fraction=design.test_fraction,
        min_test_rows=design.min_test_rows,
        random_state=design.random_state,
        groups=arrays.groups,
    )


def _feasible_sizes(
    splits: Sequence[Split], design: StudyDesign
) -> tuple[list[Size], list[tuple[str, ...]], list[str]]:
    """Sizes that every split can offer; the others become exclusions, one that equals "all" a note."""
    n_available = min(len(split.train) for split in splits)
    kept: list[Size] = []
    exclusions: list[tuple[str, ...]] = []
    notes: list[str] = []
    for size in design.target_sizes:
        if size == "all" or size < n_available or (size == n_available and "all" not in design.target_sizes):
            kept.append(size)
        elif size == n_available:
            notes.append(
                f"{size} target rows are all that the splits leave: the size {size} is the size 'all'."
            )
        else:
            reason = f"the splits leave {n_available} target rows to learn from"
            exclusions.append(("every strategy", str(size), "all", "not applicable", reason))
    if not kept:
        raise InsufficientDataError(
            f"no size of 'target_sizes' {list(design.target_sizes)} can be studied: the splits leave {n_available} "
            "target rows to learn from. Add the size 'all' or measure more target rows."
        )
    return kept, exclusions, notes


def _units(
    estimators: Mapping[str, AbstractStrategy],
    arrays: StudyArrays,
    splits: Sequence[Split],
    sizes: Sequence[Size],
    design: StudyDesign,
) -> list[_Unit]:
    """Cut the study into tasks."""
    units = []
    for name, estimator in estimators.items():
        n_together = _STACKED if hasattr(estimator, "_fit_many") else _SINGLE
        for source_size in _source_sizes(estimator, design):
            for size in sizes:
                trials = [
                    _Trial(
                        split.index, seed, split.rows(size), split.test,
                        _source_rows(arrays, source_size, design.random_state, seed),
                        int(np.random.SeedSequence([design.random_state, split.index, seed]).generate_state(1)[0]),
                    )
                    for split in splits
                    for seed in range(design.n_seeds)
                ]  # fmt: skip
                for part, start in enumerate(range(0, len(trials), n_together)):
                    chosen = tuple(trials[start : start + n_together])
                    units.append(_Unit(name, size, source_size, part, chosen))
    return units


def _source_sizes(estimator: AbstractStrategy, design: StudyDesign) -> tuple[Size | str, ...]:
    return ("none",) if estimator.needs == "nothing" else design.source_sizes


def _source_rows(arrays: StudyArrays, size: Size | str, random_state: int, seed: int) -> Any:
    n_rows = len(arrays.y_source)
    if size == "none":
        return np.arange(0)
    return nested_rows(n_rows, "all" if size == "all" else int(size), random_state, seed)


def _stored(store: Path | None, identity: str, resume: Resume) -> dict[str, Any]:
    """Results that an earlier run of the same study has left, by key."""
    if store is None:
        return {}
    if not resume:
        store.unlink(missing_ok=True)
    try:
        kept = TaskStore(store, identity)
    except ConfigurationError:
        if resume != "if same":
            raise
        logger.info("%s holds another run and is started anew", store)
        store.unlink()
        kept = TaskStore(store, identity)
    kept.close()
    return dict(kept.results)


def _remember(records: Mapping[str, Any], store: Path | None, identity: str) -> dict[str, Any]:
    """Write into the store what learning the sources took, for a run that resumes."""
    if store is not None and records:
        kept = TaskStore(store, identity)
        for key, record in records.items():
            kept.add(key, record)
        kept.close()
    return dict(records)


def _source_seconds(kept: Mapping[str, Any]) -> dict[str, float]:
    """CPU seconds of source models, by the strategy that first asked for them."""
    total: dict[str, float] = {}
    for key, record in kept.items():
        if key.startswith(_SOURCE_MODEL):
            total[record["strategy"]] = total.get(record["strategy"], 0.0) + record["seconds"]
    return total


def _prepare_sources(
    estimators: Mapping[str, AbstractStrategy],
    units: Sequence[_Unit],
    arrays: StudyArrays,
    design: StudyDesign,
    executor: Executor,
    progress: bool,
    cancel: threading.Event | None,
) -> tuple[dict[str, dict[int, Any]], dict[str, Any]]:
    """Learn the source once for all of `units` that share the result.

    Returns
    -------
    prepared source by key of the unit, then by those seeds that it has (empty where a strategy
    prepares nothing, a `Failure` where it could not); by model, its strategy and CPU seconds.
    """
    tasks: dict[str, tuple[Any, ...]] = {}
    wanted: dict[str, dict[int, str]] = {}
    asked_by: dict[str, str] = {}
    for unit in units:
        key = estimators[unit.name].source_key()
        wanted[unit.key] = {}
        for trial in unit.trials if key is not None and unit.source_size != "none" else ():
            task = f"{_SOURCE_MODEL}{key!r}/source={unit.source_size}/seed={trial.seed}"
            wanted[unit.key][trial.seed] = task
            if task not in tasks:
                state = int(np.random.SeedSequence([design.random_state, trial.seed]).generate_state(1)[0])
                X, y = arrays.X_source[trial.source], arrays.y_source[trial.source]
                tasks[task] = (estimators[unit.name], X, y, state)
                asked_by[task] = unit.name
    if not tasks:
        return {}, {}
    done = run_tasks(
        _prepare_source, tasks, executor=executor, progress=progress, label="source models", cancel=cancel
    )
    fits = {task: found for task, found in done.items() if not isinstance(found, Failure)}
    models = done | {task: found[0] for task, found in fits.items()}
    records = {task: {"strategy": asked_by[task], "seconds": found[1]} for task, found in fits.items()}
    prepared = {
        unit: {seed: models[task] for seed, task in by_seed.items()} for unit, by_seed in wanted.items()
    }
    return prepared, records


def _prepare_source(
    strategy: AbstractStrategy, X: FloatArray, y: FloatArray, state: int
) -> tuple[Any, float]:
    start = time.process_time()
    model = clone(strategy).prepare_source(X, y, random_state=state)
    return model, time.process_time() - start


def _run_trials(
    strategy: AbstractStrategy,
    trials: Sequence[_Trial],
    arrays: StudyArrays,
    prepared: Mapping[int, Any],
    level: float,
) -> dict[str, Any]:
    """Fit and evaluate the trials of one unit; runs in a worker.

    Returns
    -------
    ``{"refused": reason}``, or ``{"trials": [...]}`` with predictions, intervals and CPU seconds.
    """
    problems = [_problem(strategy, trial, arrays, prepared) for trial in trials]
    start = time.process_time()
    try:
        fitted = fit_many(strategy, problems)
    except (UnsupportedInputsError, InsufficientDataError) as refusal:
        return {"refused": str(refusal)}
    seconds = (time.process_time() - start) / len(trials)
    records = []
    for trial, model in zip(trials, fitted, strict=True):
        start = time.process_time()
        X = arrays.X_target[trial.test]
        mean = model.predict(X)
        lower, upper = _interval(model, arrays.y_target[trial.train], X, level)
        record = {"mean": mean.tolist(), "lower": lower.tolist(), "upper": upper.tolist()}
        records.append({**record, "seconds": seconds + time.process_time() - start})
    return {"trials": records}


def _problem(
    strategy: AbstractStrategy, trial: _Trial, arrays: StudyArrays, prepared: Mapping[int, Any]
) -> TransferProblem:
    X, y = arrays.X_target[trial.train], arrays.y_target[trial.train]
    groups = None if arrays.groups is None else np.asarray(arrays.groups)[trial.train]
    if strategy.needs == "nothing":
        everything = np.ones(X.shape[1], dtype=bool)
        return TransferProblem(X[:0], y[:0], X, y, everything, None, trial.random_state, groups)
    model = prepared.get(trial.seed)
    if isinstance(model, Failure):
        raise RuntimeError(f"the source model could not be prepared: {model}")
    return TransferProblem(
        arrays.X_source[trial.source],
        arrays.y_source[trial.source],
        X,
        y,
        arrays.shared,
        model,
        trial.random_state,
        groups,
    )


def _interval(
    model: AbstractStrategy, y_train: FloatArray, X: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Adapt to the conformal calibration of the models room."""
    from ionbridge.models.conformal import jackknife_plus_interval

    lower, upper = jackknife_plus_interval(model, y_train, X, level)
    return lower, upper


def _collect(
    units: Sequence[_Unit],
    outcomes: Mapping[str, Any],
    arrays: StudyArrays,
    design: StudyDesign,
    exclusions: list[tuple[str, ...]],
    facts: dict[str, Any],
) -> StudyResult:
    """Turn what the tasks returned into tidy tables."""
    trials: list[dict[str, Any]] = []
    predictions: list[pd.DataFrame] = []
    for unit in units:
        outcome, key = outcomes[unit.key], (unit.name, str(unit.size), str(unit.source_size))
        if isinstance(outcome, Failure) or "refused" in outcome:
            why = (
                ("failed", str(outcome))
                if isinstance(outcome, Failure)
                else ("not applicable", outcome["refused"])
            )
            entry = (*key, *why)
            exclusions += [] if entry in exclusions else [entry]
            continue
        role = "strategy" if unit.name in design.strategies else "baseline"
        for trial, record in zip(unit.trials, outcome["trials"], strict=True):
            y = arrays.y_target[trial.test]
            mean, lower, upper = (np.asarray(record[name]) for name in ("mean", "lower", "upper"))
            counts = (role, len(trial.train), len(trial.test), len(trial.source), trial.split, trial.seed)
            metrics = evaluate(y, mean, lower, upper)
            row = (*key, *counts, *metrics.values(), record["seconds"])
            trials.append(dict(zip(TRIAL_COLUMNS, row, strict=True)))
            values = (*key, trial.split, trial.seed, arrays.rows[trial.test], y, mean, lower, upper)
            predictions.append(pd.DataFrame(dict(zip(PREDICTION_COLUMNS, values, strict=True))))
    table = pd.DataFrame(trials, columns=list(TRIAL_COLUMNS))
    return StudyResult(
        design=design,
        trials=table,
        predictions=pd.concat(predictions, ignore_index=True)
        if predictions
        else pd.DataFrame(columns=list(PREDICTION_COLUMNS)),
        exclusions=pd.DataFrame(exclusions, columns=list(EXCLUSION_COLUMNS)),
        facts={**facts, "notes": [*facts["notes"], *_failed_in_part(table, design.n_splits)]},
    )


def _failed_in_part(trials: pd.DataFrame, n_splits: int) -> list[str]:
    """Say which methods lack some of the splits: their means are not those of the others."""
    counted = trials.groupby(["strategy", "size", "source_size"], sort=False)["split"].nunique().reset_index()
    return [
        f"{name} with {size} target rows: {n_splits - count} of {n_splits} splits failed."
        for name, size, count in zip(counted["strategy"], counted["size"], counted["split"], strict=True)
        if count < n_splits
    ]


def _facts(source: Table, target: Table, arrays: StudyArrays, registered: Sequence[str]) -> dict[str, Any]:
    def describe(table: Table, n_used: int) -> dict[str, Any]:
        return {
            "domain": table.domain.to_dict(),
            "provenance": table.provenance.to_dict(),
            "sha256": table.sha256,
            "n_rows": len(table),
            "n_rows_used": n_used,
        }

    packages = {name: version(name) for name in _PACKAGES}
    owners = (plugins.distribution("ionbridge.strategies", name) for name in registered)
    return {
        "unit": arrays.unit,
        "source": describe(source, len(arrays.y_source)),
        "target": describe(target, len(arrays.y_target)),
        "versions": {
            "python": platform.python_version(),
            **packages,
            **dict(owner for owner in owners if owner),
        },
        "notes": list(arrays.notes),
    }


def _identity(design: StudyDesign, facts: Mapping[str, Any], given: Mapping[str, AbstractStrategy]) -> str:
    parts = {
        "design": design.to_dict(),
        "source": facts["source"]["sha256"],
        "target": facts["target"]["sha256"],
        "versions": facts["versions"],
        "strategies": {name: repr(given[name]) for name in sorted(given)},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
