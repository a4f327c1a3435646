"""The closed loop: run the calculations that are worth most with an engine, learn from them, rank again.

Which ones are worth most is decided in `screen.py`; the engines are `ionbridge.physics.materials`.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.applications.screening.entries import (
    Entry,
    EntrySet,
    limiting_path,
    read_candidates,
)
from ionbridge.applications.screening.screen import Goal, ScreeningResult, read_known_and_source, screen
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError
from ionbridge.physics.materials import (
    AbstractMaterialEngine,
    BatchOutcome,
    BondValenceBarrier,
    ChgnetBarrier,
    ChgnetDiffusivity,
    ChgnetVoltage,
    InsertionPair,
    run_batch,
)
from ionbridge.plugins import import_extra

__all__ = ["Calibration", "Round", "close_loop", "close_loop_files", "engine_for", "subject_of"]

logger = logging.getLogger(__name__)
ENGINES = ("chgnet", "bond-valence")
MIN_OVERLAP = 3  # materials that both the engine and another method know, to learn its factor from
_BAND_HEIGHT = 7.0  # Å


@dataclass(frozen=True)
class Calibration:
    """How values of an engine are brought to the scale of the known ones.

    Parameters
    ----------
    factor : known over engine [-].
    source : ``none`` (left as they are), ``overlap`` (from materials that both know) or ``published`` (the
        middle of the engine's known bias).
    n_overlap : materials that both know.
    """

    factor: float = 1.0
    source: str = "none"
    n_overlap: int = 0


@dataclass(frozen=True)
class Round:
    """One turn of the loop.

    Parameters
    ----------
    number : from 1.
    names : materials that were run.
    raw, values : results of the engine, and on the scale of the known ones, by name [house unit].
    failures : reason by name of runs that failed.
    calibration : how the ones became the others.
    n_hits : materials known to meet the goal after this round.
    expected_hits : among those still unknown, after this round.
    error : cross-validated error after this round [house unit].
    cpu_seconds : of the runs, whenever they were computed [s].
    n_cached : runs that were on disk.
    """

    number: int
    names: tuple[str, ...]
    raw: dict[str, float]
    values: dict[str, float]
    failures: dict[str, str]
    calibration: Calibration
    n_hits: int
    expected_hits: float
    error: float
    cpu_seconds: float
    n_cached: int
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)


def engine_for(name: str, goal: Goal, ion: str, **settings: Any) -> AbstractMaterialEngine:
    """Choose the engine that computes the quantity of a goal.

    Parameters
    ----------
    name : ``chgnet`` or ``bond-valence``.
    goal : its quantity decides.
    ion : element that moves.
    settings : of the engine.

    Raises
    ------
    UnknownNameError
        If there is no such engine.
    ConfigurationError
        If it does not compute the quantity.
    MissingExtraError
        If its packages are not installed.
    """
    if name not in ENGINES:
        raise UnknownNameError.for_name(name, ENGINES, "engine")
    makers: dict[tuple[str, str], Any] = {
        ("chgnet", "migration_barrier"): lambda: ChgnetBarrier(**settings),
        ("chgnet", "average_voltage"): lambda: ChgnetVoltage(**settings),
        ("chgnet", "ionic_conductivity"): lambda: ChgnetDiffusivity(ion=ion, **settings),
        ("chgnet", "diffusion_coefficient"): lambda: ChgnetDiffusivity(ion=ion, **settings),
        ("bond-valence", "migration_barrier"): lambda: BondValenceBarrier(ion=ion, **settings),
    }
    if (name, goal.quantity_name) not in makers:
        able = sorted(quantity for engine, quantity in makers if engine == name)
        raise ConfigurationError(
            f"the engine {name!r} computes {', '.join(able)}, not {goal.quantity_name}; choose another engine or calculate "
            "the proposed materials yourself."
        )
    made: AbstractMaterialEngine = makers[(name, goal.quantity_name)]()
    for package in made.packages:  # rather now than as the reason of every failed run
        if find_spec(package) is None:
            import_extra(package, "materials")
    return made


def subject_of(entry: Entry, engine: AbstractMaterialEngine) -> Any:
    """What an engine is given of an entry.

    Raises
    ------
    DataError
        If the entry is a formula, without the crystal that the engine needs.
    """
    if engine.takes == "migration_path":
        if entry.structure is not None:
            return limiting_path(entry.structure, entry.ion, _BAND_HEIGHT)
        if entry.path is not None:
            return entry.path
    elif entry.structure is not None:
        return (
            entry.structure
            if engine.takes == "structure"
            else InsertionPair.emptied(entry.structure, entry.ion)
        )
    raise DataError(
        f"{entry.name} is a formula; {engine.name} needs its crystal. Give candidates as CIF or POSCAR files."
    )


def close_loop(
    candidates: EntrySet,
    known: Mapping[str, float],
    goal: Goal,
    source: EntrySet | None = None,
    *,
    engine: AbstractMaterialEngine,
    n_runs: int,
    batch: int = 3,
    rescale: bool = True,
    executor: Executor | None = None,
    cache: Path | None = None,
    progress: bool = False,
    **settings: Any,
) -> tuple[ScreeningResult, list[Round]]:
    """Rank, run the best proposals, learn from them, and so on.

    Failed runs are recorded and not proposed again; they count as runs. Finished runs are on disk: the same call
    takes them from there and arrives where it was.

    Parameters
    ----------
    candidates, known, goal, source : as in `screen`.
    engine : that computes the quantity of the goal.
    n_runs : runs in all.
    batch : runs between two rankings.
    rescale : whether values of the engine are brought to the scale of the known ones: by the median ratio over
        materials that both know (at least three), else by the middle of the engine's known bias.
    executor, cache, progress : as in `run_batch`.
    settings : of `screen`.

    Returns
    -------
    the last ranking, and what each round brought.
    """
    shown = max(batch, settings.pop("n_next", batch))
    raw: dict[str, float] = {}
    failed: dict[str, str] = {}
    rounds: list[Round] = []
    by_name = {entry.name: entry for entry in candidates.entries}
    result = _ranked(candidates, known, goal, source, raw, failed, Calibration(), shown, settings)
    overlap = _overlap(known, by_name, engine, goal, executor, cache, progress) if rescale else {}
    while len(raw) + len(failed) < n_runs:
        names = [n for n in result.next_names if n not in failed][
            : min(batch, n_runs - len(raw) - len(failed))
        ]
        if not names:
            break
        outcome, broken = _run(names, by_name, engine, executor, cache, progress)
        new = {name: r.values[goal.quantity_name] for name, r in outcome.results.items()}
        reasons = {**broken, **{name: str(failure) for name, failure in outcome.failures.items()}}
        raw |= new
        failed |= reasons
        calibration = _calibrated(known, {**overlap, **raw}, engine, goal, rescale)
        result = _ranked(candidates, known, goal, source, raw, failed, calibration, shown, settings)
        values = {name: value * calibration.factor for name, value in new.items()}
        hits = sum(bool(goal.met(np.array([v]))[0]) for v in result.known.values())
        notes = {name: r.notes for name, r in outcome.results.items() if r.notes}
        turn = Round(
            number=len(rounds) + 1,
            names=tuple(names),
            raw=new,
            values=values,
            failures=reasons,
            calibration=calibration,
            n_hits=hits,
            expected_hits=result.expected_hits,
            error=result.model.cv_mae_,
            cpu_seconds=outcome.cpu_seconds,
            n_cached=outcome.n_cached,
            notes=notes,
        )
        rounds.append(turn)
    return result, rounds


def _ranked(
    candidates: EntrySet,
    known: Mapping[str, float],
    goal: Goal,
    source: EntrySet | None,
    raw: Mapping[str, float],
    failed: Mapping[str, str],
    calibration: Calibration,
    n_next: int,
    settings: Mapping[str, Any],
) -> ScreeningResult:
    """Rank with what is known and what the engine found; failed ones are not proposed again."""
    found = {name: value * calibration.factor for name, value in raw.items()}
    wanted = n_next + len(failed)
    result = screen(candidates, {**found, **known}, goal, source, n_next=wanted, **settings)
    kept = (
        result.next_table[~result.next_table["name"].isin(list(failed))].head(n_next).reset_index(drop=True)
    )
    return replace(result, next_table=kept)


def _run(
    names: list[str],
    by_name: Mapping[str, Entry],
    engine: AbstractMaterialEngine,
    executor: Executor | None,
    cache: Path | None,
    progress: bool,
) -> tuple[BatchOutcome, dict[str, str]]:
    """Run some materials; those that the engine cannot be given are failures too."""
    subjects, broken = {}, {}
    for name in names:
        try:
            subjects[name] = subject_of(by_name[name], engine)
        except (DataError, ConfigurationError) as error:
            broken[name] = f"{type(error).__name__}: {error}"
    return run_batch(engine, subjects, executor=executor, cache=cache, progress=progress), broken


def _overlap(
    known: Mapping[str, float],
    by_name: Mapping[str, Entry],
    engine: AbstractMaterialEngine,
    goal: Goal,
    executor: Executor | None,
    cache: Path | None,
    progress: bool,
) -> dict[str, float]:
    """Values of the engine for the cheapest few known materials, to learn its factor from."""
    cost = {}
    for name in known:
        if name in by_name and by_name[name].structure is not None:
            try:
                cost[name] = engine.cost(subject_of(by_name[name], engine))
            except (DataError, ConfigurationError) as error:
                logger.info("%s cannot be given to %s: %s", name, engine.name, error)
    chosen = sorted(cost, key=lambda name: (cost[name], name))[:MIN_OVERLAP]
    if len(chosen) < MIN_OVERLAP:
        return {}
    outcome, _ = _run(chosen, by_name, engine, executor, cache, progress)
    return {name: result.values[goal.quantity_name] for name, result in outcome.results.items()}


def _calibrated(
    known: Mapping[str, float],
    raw: Mapping[str, float],
    engine: AbstractMaterialEngine,
    goal: Goal,
    rescale: bool,
) -> Calibration:
    """Factor from the engine's values to the scale of the known ones."""
    if not rescale or not known:
        return Calibration()
    both = [(known[name], raw[name]) for name in raw if name in known and raw[name] > 0 and known[name] > 0]
    if len(both) >= MIN_OVERLAP:
        return Calibration(float(np.median([a / b for a, b in both])), "overlap", len(both))
    bias = next((b for b in engine.biases if b.output == goal.quantity_name), None)
    if bias is None:
        return Calibration(n_overlap=len(both))
    return Calibration(1.0 / float(np.sqrt(bias.low * bias.high)), "published", len(both))


def close_loop_files(
    candidates: str | Path,
    goal: Goal,
    known: str | Path | None = None,
    source: str | Path | None = None,
    *,
    engine: str,
    n_runs: int,
    folder: Path,
    ion: str | None = None,
    disorder: Any = "refuse",
    batch: int = 3,
    rescale: bool = True,
    executor: Executor | None = None,
    progress: bool = False,
    **settings: Any,
) -> tuple[ScreeningResult, list[Round]]:
    """`close_loop` on files; finished runs are kept in ``folder/runs``, and listed in ``folder/runs.csv``."""
    read = read_candidates(candidates, ion=ion, disorder=disorder, executor=executor, progress=progress)
    if not read.entries:
        raise DataError(
            f"none of the inputs of {candidates} can be used. {'; '.join(map(str, read.problems[:3]))}"
        )
    made = engine_for(engine, goal, read.entries[0].ion)
    if read.entries[0].structure is None:
        subject_of(read.entries[0], made)  # says that an engine needs crystals
    values, learned, problems = read_known_and_source(
        read, known, source, goal, ion=ion, executor=executor, progress=progress
    )
    result, rounds = close_loop(
        read, values, goal, learned, engine=made, n_runs=n_runs, batch=batch, rescale=rescale, executor=executor,
        cache=Path(folder) / "runs", progress=progress, problems=problems, **settings,
    )  # fmt: skip
    write_runs(rounds, Path(folder) / "runs.csv", goal)
    return result, rounds


def write_runs(rounds: list[Round], path: Path, goal: Goal) -> None:
    """List every run with its result or reason, one a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unit = goal.quantity.unit
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["round", "name", f"engine_value_{unit}", f"used_value_{unit}", "failure", "notes"])
        for turn in rounds:
            for name in turn.names:
                found = [turn.raw.get(name, ""), turn.values.get(name, "")]
                said = [turn.failures.get(name, ""), "; ".join(turn.notes.get(name, ()))]
                writer.writerow([turn.number, name, *found, *said])
