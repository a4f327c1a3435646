"""Screening: candidates, the few known values and a source in; a ranked table and the next calculations out.

The closed loop with an engine is `loop.py`, the report `report.py`; nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ionbridge.applications.screening.entries import (
    Entry,
    EntrySet,
    common_features,
    feature_table,
    plain_formula,
    read_candidates,
    read_known,
    read_source,
)
from ionbridge.applications.screening.features import FeatureTable
from ionbridge.applications.screening.model import ScreeningPrediction
from ionbridge.applications.screening.screening_model import (
    ScreeningModel,
    expected_improvement,
    nearest_names,
)
from ionbridge.datasets.problems import Problem
from ionbridge.datasets.structures import crystal_name, parse_formula
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.models import Prediction
from ionbridge.quantities import Quantity, quantity

__all__ = ["Goal", "ScreeningResult", "next_calculations", "screen", "screen_files"]

FloatArray = NDArray[np.float64]
_DEFAULT_N_NEXT = 5
_SUSPECT = 20.0  # medians of target and source so many times apart suggest different units


@dataclass(frozen=True)
class Goal:
    """What is looked for.

    Parameters
    ----------
    quantity_name : of the catalogue.
    threshold : value that a material must be beyond [house unit].
    below : whether small values are wanted.
    """

    quantity_name: str = "migration_barrier"
    threshold: float = 0.35
    below: bool = True

    @property
    def quantity(self) -> Quantity:
        """The quantity itself."""
        return quantity(self.quantity_name)

    def __post_init__(self) -> None:
        if not np.isfinite(self.threshold):
            raise ConfigurationError(
                f"the threshold of {self.quantity_name} must be a finite number [{self.quantity.unit}]; got "
                f"{self.threshold:g}."
            )

    def met(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether values are beyond the threshold, shape of `values`."""
        return values < self.threshold if self.below else values > self.threshold

    def __str__(self) -> str:
        """Return ``migration barrier < 0.35 eV``."""
        unit = "" if self.quantity.unit == "1" else f" {self.quantity.unit}"
        name = self.quantity_name.replace("_", " ")
        return f"{name} {'<' if self.below else '>'} {self.threshold:g}{unit}"


@dataclass(frozen=True)
class ScreeningResult:
    """Ranked candidates and what stands behind the ranking.

    Parameters
    ----------
    goal : what was looked for.
    table : one row a candidate, best first: ``rank``, ``name``, ``formula``, ``ion``, ``value``, ``lower``,
        ``upper``, ``probability``, ``known`` (NaN where not), ``in_domain``, ``reasons``, ``host``.
    next_names : candidates whose calculation would tell most, most useful first.
    next_table : those rows with ``utility`` and ``why``.
    model : the fitted `ScreeningModel`.
    prediction : of all candidates, in the order of `entries`.
    entries : all candidates.
    known : known values by candidate name [house unit].
    source_label, n_source : of the source; empty and 0 without one.
    problems : what was wrong with inputs, by entry.
    notes : what a reader must know.
    features, source_features : of the candidates and of the source.
    """

    goal: Goal
    table: pd.DataFrame
    next_table: pd.DataFrame
    model: ScreeningModel
    prediction: Prediction
    entries: tuple[Entry, ...]
    known: dict[str, float]
    source_label: str = ""
    n_source: int = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    features: FeatureTable | None = field(default=None, repr=False)
    source_features: FeatureTable | None = field(default=None, repr=False)

    @property
    def next_names(self) -> tuple[str, ...]:
        """Candidates whose calculation would tell most."""
        return tuple(self.next_table["name"])

    @property
    def expected_hits(self) -> float:
        """Sum of the probabilities of candidates that are not known yet: hits to expect among them."""
        unknown = self.table["known"].isna()
        return float(self.table.loc[unknown, "probability"].sum())

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        verdict = self.model.verdict_
        return {
            "goal": {
                "quantity": self.goal.quantity_name,
                "unit": self.goal.quantity.unit,
                "threshold": self.goal.threshold,
                "below": self.goal.below,
            },
            "level": self.prediction.level,
            "candidates": rows,
            "next": self.next_table.astype(object).to_dict("records"),
            "verdict": {name: getattr(verdict, name) for name in verdict.__dataclass_fields__},
            "expected_hits": self.expected_hits,
            "n_known": len(self.known),
            "n_source": self.n_source,
            "source": self.source_label,
            "cross_validated_error": self.model.cv_mae_,
            "problems": [problem.to_dict() for problem in self.problems],
            "notes": list(self.notes),
        }


def screen(
    candidates: EntrySet,
    known: Mapping[str, float],
    goal: Goal,
    source: EntrySet | None = None,
    *,
    extra_known: EntrySet | None = None,
    strategy: Any = "auto",
    level: float = 0.9,
    n_next: int = _DEFAULT_N_NEXT,
    random_state: int = 0,
    problems: Sequence[Problem] = (),
) -> ScreeningResult:
    """Rank candidates by the probability of meeting a goal.

    Parameters
    ----------
    candidates : materials to rank.
    known : the few known values by name of a candidate [house unit].
    goal : what is looked for.
    source : materials of another family with known values; those that share a host with a known target are
        left out.
    extra_known : known materials of the target family that are no candidates.
    strategy : ``auto``, a registered name or an unfitted strategy.
    level : nominal coverage of the intervals.
    n_next : number of calculations to propose.
    random_state : seed.
    problems : found while reading, to be reported.

    Raises
    ------
    DataError
        If there is no candidate.
    InsufficientDataError
        If there is too little to learn from.
    """
    entries = candidates.entries
    extra = () if extra_known is None else extra_known.entries
    names = common_features(entries, extra, () if source is None else source.entries)
    values = dict(known) | dict((extra_known.values or {}) if extra_known is not None else {})
    target_entries = [entry for entry in (*entries, *extra) if entry.name in values]
    output, label = goal.quantity_name, candidates.label or "candidates"
    table = feature_table(entries, output, known, names, label)
    target = feature_table(target_entries, output, values, names, label) if target_entries else None
    source_table = None
    if source is not None:
        source_table = feature_table(source.entries, output, source.values, names, source.label or "source")
    model = ScreeningModel(output, strategy, level, random_state).fit(target, source_table)
    said = model.predict(table)
    prediction = _with_elements(said.prediction, model.new_elements(table))
    chance = said.probability_below(goal.threshold) if goal.below else said.probability_above(goal.threshold)
    ranked = _ranked(entries, prediction, chance, known, goal)
    proposals = next_calculations(model, table, said, chance, goal, n_next)
    return ScreeningResult(
        goal,
        ranked,
        proposals,
        model,
        prediction,
        entries,
        dict(known),
        "" if source is None else source.label,
        0 if source is None else len(source),
        (*candidates.problems, *problems),
        _notes(model, source, candidates, prediction),
        table,
        source_table,
    )


def _with_elements(prediction: Prediction, new: Sequence[str]) -> Prediction:
    """Add elements that nothing known holds to the reasons."""
    reasons = tuple("; ".join(filter(None, pair)) for pair in zip(prediction.reasons, new, strict=True))
    inside = np.array([not reason for reason in reasons], dtype=bool)
    return replace(prediction, in_domain=inside, reasons=reasons)


def _ranked(
    entries: Sequence[Entry],
    prediction: Prediction,
    chance: FloatArray,
    known: Mapping[str, float],
    goal: Goal,
) -> pd.DataFrame:
    measured = np.array([known.get(entry.name, np.nan) for entry in entries])
    is_known = np.isfinite(measured)
    shown = np.where(is_known, measured, prediction.mean)
    probability = np.where(is_known, goal.met(measured).astype(float), chance)
    frame = pd.DataFrame(
        {
            "name": [entry.name for entry in entries],
            "formula": [entry.formula for entry in entries],
            "ion": [entry.ion for entry in entries],
            "value": shown,
            "lower": np.where(is_known, measured, prediction.lower),
            "upper": np.where(is_known, measured, prediction.upper),
            "probability": probability,
            "known": measured,
            "in_domain": prediction.in_domain | is_known,
            "reasons": ["" if k else r for k, r in zip(is_known, prediction.reasons, strict=True)],
            "host": [entry.group for entry in entries],
        }
    )
    frame["_order"] = frame["value"] if goal.below else -frame["value"]
    frame = frame.sort_values(["probability", "_order"], ascending=[False, True], kind="stable")
    frame = frame.drop(columns="_order").reset_index(drop=True)
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame


def next_calculations(
    model: ScreeningModel,
    table: FeatureTable,
    said: ScreeningPrediction,
    chance: FloatArray,
    goal: Goal,
    n_next: int,
) -> pd.DataFrame:
    """Candidates whose calculation is worth most: likely hits, and what is not known yet.

    The utility is the probability of meeting the goal plus the uncertainty of that answer
    (``2 sqrt(p (1 - p))``, weighted by a half), plus the expected improvement over the best known value
    relative to the largest one. Candidates are picked one after the other; likeness to those already
    picked and known lowers it, so that no two twins are computed.

    Parameters
    ----------
    model, table, said : fitted, the candidates with what is known of them, and what the model says of them.
    chance : shape (n_candidates,); probability of meeting the goal.
    goal : what is looked for.
    n_next : how many; fewer where there are no more.

    Returns
    -------
    data frame with ``name``, ``value``, ``probability``, ``utility`` and ``why``.
    """
    is_known = table.known
    known = table.y[is_known]
    best = goal.threshold if not len(known) else float(known.min() if goal.below else known.max())
    gain = expected_improvement(said, best, below=goal.below)
    doubt = np.sqrt(np.clip(chance * (1 - chance), 0.0, None))
    utility = chance + doubt + 0.5 * gain / max(float(gain.max()), 1e-12)
    X = table.X / model.model_.applicability_.scale
    distance = cdist(X, X) / np.sqrt(X.shape[1])
    typical = float(np.median(distance[distance > 0])) if (distance > 0).any() else 1.0
    nearest = distance[:, is_known].min(axis=1) if is_known.any() else np.full(len(X), np.inf)
    open_rows = ~is_known
    rows = []
    for _ in range(min(n_next, int(open_rows.sum()))):
        novelty = 1.0 - np.exp(-((nearest / (0.5 * typical)) ** 2))
        score = np.where(open_rows, utility * (0.25 + 0.75 * novelty), -np.inf)
        picked = int(np.argmax(score))
        rows.append(
            {
                "name": table.entries[picked],
                "value": float(said.prediction.mean[picked]),
                "probability": float(chance[picked]),
                "utility": float(score[picked]),
                "why": _why(chance[picked], novelty[picked]),
            }
        )
        open_rows[picked] = False
        nearest = np.minimum(nearest, distance[:, picked])
    columns = ["name", "value", "probability", "utility", "why"]
    return pd.DataFrame(rows, columns=columns)


def _why(chance: float, novelty: float) -> str:
    hit = "likely hit" if chance > 0.7 else "unlikely hit" if chance < 0.3 else "undecided"
    return f"{hit}, {'unlike' if novelty > 0.5 else 'like'} those known"


def _notes(
    model: ScreeningModel, source: EntrySet | None, candidates: EntrySet, prediction: Prediction
) -> tuple[str, ...]:
    notes = []
    if not model.uses_target_:
        notes.append(
            f"only {len(model.y_target_)} known target materials: predictions are those of the source alone, and intervals "
            "hold only as far as the target is like it"
        )
    n_outside = int((~prediction.in_domain).sum())
    if n_outside:
        notes.append(
            f"{n_outside} of {len(candidates)} candidates are unlike everything known; their intervals are not to be believed"
        )
    if candidates.n_left_out:
        notes.append(f"{candidates.n_left_out} inputs could not be used; see the problems")
    if source is not None and len(model.y_target_) and model.y_source_ is not None:
        target_middle, source_middle = float(np.median(model.y_target_)), float(np.median(model.y_source_))
        if min(target_middle, source_middle) > 0:
            ratio = target_middle / source_middle
            if max(ratio, 1 / ratio) > _SUSPECT:
                notes.append(
                    f"the known values are {ratio:.3g} times those of the source (medians {target_middle:.3g} and "
                    f"{source_middle:.3g}); check that both are in the unit that their headers say"
                )
    if source is not None:
        shared = len({e.group for e in source.entries} & {e.group for e in candidates.entries})
        if shared:
            notes.append(f"{shared} host compositions of the candidates are in the source too")
    return tuple(notes)


def screen_files(
    candidates: str | Path,
    goal: Goal,
    known: str | Path | None = None,
    source: str | Path | None = None,
    *,
    ion: str | None = None,
    disorder: Literal["refuse", "dominant", "order"] = "refuse",
    executor: Executor | None = None,
    progress: bool = False,
    **settings: Any,
) -> ScreeningResult:
    """`screen` on files; see `read_candidates`, `read_known` and `read_source` for their forms.

    Parameters
    ----------
    candidates : folder of crystals, or CSV of formulas.
    known : CSV of the few known values by name, or by formula.
    source : of another family; None to learn from the known ones alone.
    ion : element that moves.
    disorder : what to do about partially occupied sites.
    settings : of `screen`.
    """
    read = read_candidates(candidates, ion=ion, disorder=disorder, executor=executor, progress=progress)
    if not read.entries:
        shown = "; ".join(str(p) for p in read.problems[:3])
        raise DataError(f"none of the {len(read.problems)} inputs of {candidates} can be used. {shown}")
    values, learned, problems = read_known_and_source(
        read, known, source, goal, ion=ion, executor=executor, progress=progress
    )
    return screen(read, values, goal, learned, problems=problems, **settings)


def read_known_and_source(
    read: EntrySet,
    known: str | Path | None,
    source: str | Path | None,
    goal: Goal,
    *,
    ion: str | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> tuple[dict[str, float], EntrySet | None, list[Problem]]:
    """Read what a screening learns from: known values by candidate, the source, and what was wrong in them.

    Raises
    ------
    ConfigurationError
        If there is neither a known value of a candidate nor a source.
    """
    values: dict[str, float] = {}
    problems: list[Problem] = []
    if known is not None:
        found, _, of_known = read_known(known, goal.quantity_name)
        values, unmatched = _matched(found, read, Path(known).name)
        problems += [*of_known, *unmatched]
    if not values and source is None:
        raise _nothing_known(known, problems)
    learned = None
    if source is not None:
        learned = read_source(source, goal.quantity_name, ion=ion, executor=executor, progress=progress)
        problems += list(learned.problems)
    return values, learned, problems


def _nothing_known(known: str | Path | None, problems: Sequence[Problem]) -> ConfigurationError:
    """What to say where there is neither a known value nor a source."""
    if known is None:
        return ConfigurationError(
            "a screening needs known values (a CSV after the candidates) or a source (--source); got neither."
        )
    first = f" First: {problems[0]}" if problems else ""
    return ConfigurationError(
        f"no value of {known} belongs to a candidate, and there is no source (--source). Names must be those of the files "
        f"without their ending, or formulas.{first}"
    )


def _matched(found: Mapping[str, float], read: EntrySet, file: str) -> tuple[dict[str, float], list[Problem]]:
    """Known values by candidate name; unknown names are problems with the nearest known one."""
    by_name = {entry.name: entry.name for entry in read.entries}
    formulas: dict[str, list[str]] = {}
    for entry in read.entries:
        formulas.setdefault(entry.formula, []).append(entry.name)
    values, problems = {}, []
    for name, value in found.items():
        place = by_name.get(name) or by_name.get(crystal_name(name))
        if place is None:
            same = formulas.get(_plain_text(name), [])
            place = same[0] if len(same) == 1 else None
            if len(same) > 1:
                remedy = f"It is left out; name one of {', '.join(same[:3])}."
                expected = "a formula that only one candidate has"
                problems.append(Problem("warning", file, expected, remedy, value=repr(name)))
                continue
        if place in values:
            remedy = "The first one is used."
            problems.append(Problem("warning", file, f"one value of {place}", remedy, value=repr(name)))
        elif place is None:
            remedy = f"It is left out.{nearest_names(name, read.names)}"
            problems.append(Problem("warning", file, "the name of a candidate", remedy, value=repr(name)))
        else:
            values[place] = value
    return values, problems


def _plain_text(text: str) -> str:
    """Formula as candidates write it; empty where the text is none."""
    try:
        return plain_formula(parse_formula(text))
    except DataError:
        return ""
