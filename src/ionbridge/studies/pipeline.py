"""From two tables to an adapted model, a study of it, its verdict and its explanation, in one call.

Every step is a module of its own (`columns.py`, `runner.py`, `verdict.py`, `explanation.py`);
the page that shows the outcome is written by `report.py`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.execution import one_thread
from ionbridge.studies.columns import choose_inputs
from ionbridge.studies.design import BASELINES, StudyDesign
from ionbridge.studies.explanation import Explanation, explain_source
from ionbridge.studies.explanation import explain as explain_model
from ionbridge.studies.result import StudyResult, json_ready
from ionbridge.studies.runner import Resume, run_study
from ionbridge.studies.verdict import Verdict, can_judge, plain_name
from ionbridge.transfer import TransferModel, make_strategy

__all__ = [
    "MIN_MODEL_ROWS",
    "MIN_STUDY_ROWS",
    "TransferOutcome",
    "quick_design",
    "study_tables",
    "transfer_tables",
]

logger = logging.getLogger(__name__)

MIN_MODEL_ROWS = 4  # complete target rows without which nothing can be adapted
MIN_STUDY_ROWS = 8  # complete target rows without which splits say nothing


@dataclass(frozen=True)
class TransferOutcome:
    """What came of carrying a source over to a target.

    Parameters
    ----------
    models : adapted model of each output.
    studies : study of each output; None where none was asked for or there were too few rows.
    explanations, source_explanations : Shapley values of each model, and of the source alone.
    inputs : columns the models take.
    source, target : the tables.
    notes : what a reader must know, one sentence each.
    group : label column of the target whose rows were held out together, or None.
    """

    models: Mapping[str, TransferModel]
    studies: Mapping[str, StudyResult | None]
    explanations: Mapping[str, Explanation]
    source_explanations: Mapping[str, Explanation]
    inputs: tuple[str, ...]
    source: Table
    target: Table
    notes: tuple[str, ...]
    group: str | None = None

    @property
    def verdicts(self) -> dict[str, Verdict | None]:
        """Verdict of each output, None where there is no study to base it on."""
        return {
            name: study.verdict() if study is not None and can_judge(study) else None
            for name, study in self.studies.items()
        }

    @property
    def sentences(self) -> dict[str, str]:
        """The finding on each output in words."""
        verdicts = self.verdicts
        found = {}
        for name, model in self.models.items():
            verdict = verdicts[name]
            found[name] = _cross_validated(model) if verdict is None else verdict.summary
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return figures, verdicts and notes as a JSON-ready dictionary."""
        return json_ready(
            {
                "inputs": list(self.inputs),
                "outputs": list(self.models),
                "group": self.group,
                "source": _describe(self.source),
                "target": _describe(self.target),
                "findings": self.sentences,
                "models": {
                    name: {
                        "strategy": str(model.strategy),
                        "level": model.level,
                        "n_target_rows": len(model.y_target_),
                        "cv_mape_percent": model.cv_mape_,
                        "cv_mape_target_only_percent": model.cv_mape_target_only_,
                    }
                    for name, model in self.models.items()
                },
                "studies": {name: None if s is None else s.to_dict() for name, s in self.studies.items()},
                "explanations": {name: e.to_dict() for name, e in self.explanations.items()},
                "notes": list(self.notes),
            }
        )


def quick_design(
    output: str,
    inputs: Sequence[str],
    strategy: str = "auto",
    level: float = 0.9,
    random_state: int = 0,
    group: str | None = None,
) -> StudyDesign:
    """Design a study that takes seconds: 8 splits, 5, 10 and all training rows, fast baselines."""
    strategies = (strategy,) if strategy == "source_only" else (strategy, "source_only")
    return StudyDesign(
        output=output,
        inputs=tuple(inputs),
        strategies=strategies,
        baselines=("mean", "linear", "random_forest", "gaussian_process"),
        target_sizes=(5, 10, "all"),
        n_splits=8,
        level=level,
        random_state=random_state,
        group=group,
    )


def transfer_tables(
    source: Table,
    target: Table,
    *,
    outputs: str | Sequence[str],
    inputs: Sequence[str] | None = None,
    strategy: str = "auto",
    level: float = 0.9,
    study: Literal["quick"] | StudyDesign | None = "quick",
    group: str | None = None,
    explain: bool = True,
    random_state: int = 0,
    executor: Executor | None = None,
    folder: str | Path | None = None,
    progress: bool = False,
    resume: Resume = True,
    cancel: threading.Event | None = None,
) -> TransferOutcome:
    """Adapt what the source teaches to the target, and judge whether that helped.

    Parameters
    ----------
    outputs : quantities to predict, in both tables.
    inputs : quantities to predict them from; None takes every number column of the target that
        can serve (`columns.choose_inputs`).
    strategy : registered name.
    level : nominal coverage of the intervals.
    study : ``"quick"``, a design (its output, inputs and level are set for each output, and
        `strategy` is put first), or None for no study.
    group : label column of the target; rows with the same label, such as one batch, are held out
        together, in the study and when the model checks itself. None takes that of a design given
        as `study`.
    explain : whether to compute Shapley values.
    executor : from `ionbridge.execution.open_executor`; None runs in this process.
    folder : where trials are kept while the study runs, to resume it; one sub-folder an output.
    progress, resume, cancel : as in `run_study`.

    Raises
    ------
    UnknownNameError, ConfigurationError, DataError
    InsufficientDataError
        With fewer than 4 complete target rows.
    """
    outputs = _output_names(outputs)
    if group is None and isinstance(study, StudyDesign):
        group = study.group
    if len(target) < MIN_MODEL_ROWS:
        raise InsufficientDataError(_too_few(", ".join(outputs), len(target)))
    choice = choose_inputs(source, target, outputs, inputs, make_strategy(strategy))
    notes = [*_doubts(source), *_doubts(target)]
    notes += [*_simulated(source, target), *choice.notes]
    tables: dict[str, tuple[Table, Table]] = {}
    for output in outputs:
        used, more = _complete(source, target, choice.names, output)
        tables[output] = used
        notes += [note for note in more if note not in notes]
    with one_thread():
        models = {
            output: _fit_model(*used, choice.names, output, strategy, level, random_state, group)
            for output, used in tables.items()
        }
    studies: dict[str, StudyResult | None] = dict.fromkeys(outputs)
    for output, (source_rows, target_rows) in tables.items():
        design = _design(study, output, choice.names, strategy, level, random_state, group)
        if design is None:
            continue
        if len(target_rows) < MIN_STUDY_ROWS:
            notes.append(_too_few_to_judge(output, len(target_rows)))
            continue
        result = run_study(
            source_rows,
            target_rows,
            design,
            executor=executor,
            folder=None if folder is None else Path(folder) / output,
            progress=progress,
            resume=resume,
            cancel=cancel,
        )
        studies[output] = result
        notes += [note for note in result.notes if note not in notes]
    if group is None and study is not None:
        notes += _group_hint(target)
    explained = {name: explain_model(model) for name, model in models.items()} if explain else {}
    of_source = {name: explain_source(model) for name, model in models.items()} if explain else {}
    return TransferOutcome(
        models=models,
        studies=studies,
        explanations=explained,
        source_explanations={name: found for name, found in of_source.items() if found is not None},
        inputs=choice.names,
        source=source,
        target=target,
        notes=tuple(notes),
        group=group,
    )


def study_tables(
    source: Table,
    target: Table,
    *,
    outputs: str | Sequence[str],
    inputs: Sequence[str] | None = None,
    strategies: Sequence[str] = ("auto",),
    baselines: Sequence[str] = BASELINES,
    executor: Executor | None = None,
    folder: str | Path | None = None,
    progress: bool = False,
    resume: Resume = True,
    cancel: threading.Event | None = None,
    **design: Any,
) -> dict[str, StudyResult]:
    """Compare strategies and baselines over repeated splits, one study an output.

    Copies of rows and rows that lack a value are left out, with a note. All that can be wrong with
    any of the outputs is found before the first study runs.

    Parameters
    ----------
    outputs : quantities to predict, in both tables.
    inputs : quantities to predict them from; None takes every number column of the target that
        can serve (`columns.choose_inputs`).
    strategies : registered names; the verdict is about the first.
    baselines : registered names; those that stand among `strategies` are left out.
    executor, folder, progress, resume, cancel : as in `run_study`; one sub-folder an output.
    **design : further fields of `StudyDesign`.

    Raises
    ------
    UnknownNameError, ConfigurationError, DataError, RunInterruptedError
    InsufficientDataError
        With fewer than 8 complete target rows.
    """
    outputs = _output_names(outputs)
    first = make_strategy(next(iter(strategies), "auto"))
    choice = choose_inputs(source, target, outputs, inputs, first)
    plans: dict[str, tuple[StudyDesign, tuple[Table, Table], list[str]]] = {}
    for output in outputs:
        rows, notes = _complete(source, target, choice.names, output)
        if len(rows[1]) < MIN_STUDY_ROWS:
            raise InsufficientDataError(
                f"a study of {plain_name(output)} needs at least {MIN_STUDY_ROWS} complete target rows that are no "
                f"copies; the target has {len(rows[1])}. Measure more, or adapt a model with 'ionbridge transfer', "
                f"which needs {MIN_MODEL_ROWS}."
            )
        made = StudyDesign(
            output=output,
            inputs=choice.names,
            strategies=tuple(strategies),
            baselines=tuple(name for name in baselines if name not in strategies),
            **design,
        )
        plans[output] = (made, rows, [*choice.notes, *notes])
    results = {}
    for output, (made, rows, notes) in plans.items():
        place = None if folder is None else Path(folder) / output
        result = run_study(
            *rows, made, executor=executor, folder=place, progress=progress, resume=resume, cancel=cancel
        )
        results[output] = replace(result, facts={**result.facts, "notes": [*notes, *result.notes]})
    return results


def _output_names(outputs: str | Sequence[str]) -> tuple[str, ...]:
    names = (outputs,) if isinstance(outputs, str) else tuple(dict.fromkeys(outputs))
    if not names:
        raise ConfigurationError("'outputs' of transfer_tables must name at least one quantity; got none.")
    return names


def _too_few(output: str, n_rows: int) -> str:
    return (
        f"a model of {output!r} needs at least {MIN_MODEL_ROWS} complete target rows to be adapted and checked; "
        f"the target has {n_rows}. Measure {MIN_MODEL_ROWS - n_rows} more, spread over the range of the inputs."
    )


_MAX_DOUBTS = 6  # warnings of one table that are repeated in the notes


def _too_few_to_judge(output: str, n_rows: int) -> str:
    return (
        f"{n_rows} target rows are too few for a study of {plain_name(output)} "
        f"({MIN_STUDY_ROWS} are needed); only cross-validated errors are given."
    )


def _doubts(table: Table) -> list[str]:
    """Repeat what was odd when the table was read, such as values that look like another unit."""
    found = [f"warning: {problem}" for problem in table.warnings[:_MAX_DOUBTS]]
    n_more = len(table.warnings) - len(found)
    if n_more > 0:
        found.append(f"{n_more} more warnings; see them with 'ionbridge data validate'.")
    return found


def _without_copies(table: Table, which: str) -> tuple[Table, list[str]]:
    """Leave out rows that equal another in every column: a copy vouches for itself when left out."""
    is_copy = table.frame.duplicated().to_numpy()
    if not is_copy.any():
        return table, []
    note = (
        f"{int(is_copy.sum())} of {len(table)} {which} rows are exact copies of other rows and are left out."
    )
    return table.take(~is_copy), [note]


def _complete(
    source: Table, target: Table, inputs: Sequence[str], output: str
) -> tuple[tuple[Table, Table], list[str]]:
    """Complete rows of both tables for one output, and notes on what was left out."""
    kept, notes = [], []
    for given, which in ((source, "source"), (target, "target")):
        table, copies = _without_copies(given, which)
        notes += copies
        names = [*(name for name in inputs if name in table.names), output]
        is_complete = np.isfinite(table.values(names)).all(axis=1)
        n_missing = int((~is_complete).sum())
        if n_missing:
            notes.append(
                f"{n_missing} of {len(table)} {which} rows lack a value and are left out for {plain_name(output)}."
            )
        kept.append(table.take(is_complete) if n_missing else table)
    n_source, n_target = len(kept[0]), len(kept[1])
    if n_target < MIN_MODEL_ROWS:
        raise InsufficientDataError(_too_few(output, n_target))
    if n_source < MIN_MODEL_ROWS:
        raise InsufficientDataError(
            f"the source has {n_source} rows in which {output!r} and all shared inputs are complete; there is nothing to "
            "transfer. Complete the source table, or name fewer 'inputs'."
        )
    return (kept[0], kept[1]), notes


def _fit_model(
    source: Table,
    target: Table,
    inputs: Sequence[str],
    output: str,
    strategy: str,
    level: float,
    random_state: int,
    group: str | None,
) -> TransferModel:
    quantities = tuple(target.quantity(name) for name in inputs)
    model = TransferModel(
        quantities, target.quantity(output), strategy, level=level, random_state=random_state
    )
    return model.fit(target, source, group=group)


def _design(
    study: Literal["quick"] | StudyDesign | None,
    output: str,
    inputs: Sequence[str],
    strategy: str,
    level: float,
    random_state: int,
    group: str | None,
) -> StudyDesign | None:
    if study is None:
        return None
    if study == "quick":
        return quick_design(output, inputs, strategy, level, random_state, group)
    if not isinstance(study, StudyDesign):
        raise ConfigurationError(f"'study' must be 'quick', a StudyDesign or None; got {study!r}.")
    ordered = (strategy, *(name for name in study.strategies if name != strategy))
    return replace(study, output=output, inputs=tuple(inputs), strategies=ordered, level=level, group=group)


def _simulated(source: Table, target: Table) -> list[str]:
    which = [name for name, t in (("source", source), ("target", target)) if t.domain.origin == "simulation"]
    return [f"the {' and the '.join(which)} rows are simulated, not measured."] if which else []


def _group_hint(target: Table) -> list[str]:
    """Name a label column whose rows may belong together."""
    for name in target.names:
        n_labels = len(set(target.column(name))) if target.quantity(name).kind == "label" else 0
        if name.endswith("_id") and 3 <= n_labels < len(target):
            return [
                f"the target rows come from {n_labels} different {name}; if rows of one {name} resemble each other, "
                f"group them for a stricter study: group={name!r} in Python, --group {name} on the command line."
            ]
    return []


def _cross_validated(model: TransferModel) -> str:
    """Say what leave-one-out shows, where there are too few rows for a study."""
    better = "lower" if model.cv_mape_ < model.cv_mape_target_only_ else "not lower"
    return (
        f"No verdict without a study. Out of sample, the {len(model.y_target_)} target rows are predicted with a MAPE of "
        f"{model.cv_mape_:.1f} % with the source; {better} than the {model.cv_mape_target_only_:.1f} % of a Gaussian process "
        "of the target alone. This is no proof: only repeated splits show whether the difference is more than chance."
    )


def _describe(table: Table) -> dict[str, Any]:
    return {
        "domain": table.domain.to_dict(),
        "n_rows": len(table),
        "sha256": table.sha256,
        "provenance": table.provenance.to_dict(),
    }
