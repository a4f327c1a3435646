"""Errors of models and strategies over grouped splits, coverage, ranking, and the verdict.

The tasks are `tasks.py`; nothing here is chosen by a test row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ionbridge.applications.screening.features import FeatureTable
from ionbridge.applications.screening.model import PropertyModel
from ionbridge.applications.screening.strategies import LOG_BLEND, Blend
from ionbridge.applications.screening.tasks import FewShotTask
from ionbridge.exceptions import ConfigurationError
from ionbridge.models import FloatArray
from ionbridge.models.folds import assign_folds
from ionbridge.studies.verdict import corrected_interval
from ionbridge.transfer import AbstractStrategy, TransferProblem

__all__ = [
    "TransferVerdict",
    "bootstrap_interval",
    "few_shot_errors",
    "group_folds",
    "leave_groups_out",
    "top_share_precision",
    "transfer_verdict",
]

Value = Literal["helps", "no difference", "hurts"]


@dataclass(frozen=True)
class TransferVerdict:
    """Whether a source helped.

    Parameters
    ----------
    value : what the interval says.
    change, lower, upper : change of the error through transfer in the typical split [%], with its 95 %
        interval; negative is better.
    sentence : in words.
    """

    value: Value
    change: float
    lower: float
    upper: float
    sentence: str


def transfer_verdict(
    transfer: Sequence[float], alone: Sequence[float], test_ratio: float, name: str = "the source"
) -> TransferVerdict:
    """Judge paired errors of splits, one a split.

    Parameters
    ----------
    transfer, alone : errors with the source and of the best model without it, in the same splits.
    test_ratio : test rows over known rows; random splits of one set overlap.
    name : of the source, for the sentence.

    Raises
    ------
    ConfigurationError
        If the two have different lengths.
    """
    a, b = np.asarray(transfer, dtype=float), np.asarray(alone, dtype=float)
    if a.shape != b.shape:
        raise ConfigurationError(f"errors must be paired; got {len(a)} with and {len(b)} without the source.")
    difference = np.log(np.maximum(a, 1e-12) / np.maximum(b, 1e-12))
    low, high = corrected_interval(difference, test_ratio)
    change, lower, upper = (100.0 * float(np.expm1(x)) for x in (difference.mean(), low, high))
    value: Value = "helps" if upper < 0 else "hurts" if lower > 0 else "no difference"
    words = {
        "helps": f"transfer from {name} helps: the error falls by {-change:.0f} %",
        "hurts": f"{name} misleads: the error grows by {change:.0f} %",
        "no difference": f"transfer from {name} makes no difference that can be told: {change:+.0f} %",
    }
    return TransferVerdict(
        value, change, lower, upper, f"{words[value]} (95 % interval {lower:+.0f} to {upper:+.0f} %)."
    )


def few_shot_errors(
    task: FewShotTask, strategies: Mapping[str, AbstractStrategy], n_known: int, seed: int
) -> dict[str, dict[str, float]]:
    """Errors of strategies that know `n_known` target rows, on hosts they have not seen.

    Returns
    -------
    by strategy: ``mae`` [unit]. The members of a `Blend` are judged along with it, and ``coverage`` is the share
    inside its 90 % interval; ``log_blend`` is the geometric mean of three of them.
    """
    known, test = task.draw(n_known, seed)
    target, unseen = task.target.subset(known), task.target.subset(test)
    result: dict[str, dict[str, float]] = {}

    def judge(name: str, predicted: FloatArray) -> None:
        result.setdefault(name, {})["mae"] = float(np.abs(predicted - unseen.y).mean())

    for name, strategy in strategies.items():
        made = clone(strategy).set_params(random_state=seed)
        made.fit_problem(_problem(task, target, made, seed))
        judge(name, made.predict(unseen.X))
        if isinstance(made, Blend):
            result[name]["coverage"] = _coverage(made, target.y, unseen)
            parts = {m: member.predict(unseen.X) for m, member in made.members_.items()}
            for member, predicted in parts.items():
                judge(member, predicted)
            if set(LOG_BLEND) <= set(parts):
                judge("log_blend", np.exp(np.mean([np.log(parts[m]) for m in LOG_BLEND], axis=0)))
    return result


def _problem(task: FewShotTask, target: FeatureTable, made: AbstractStrategy, seed: int) -> TransferProblem:
    source_model = None
    if made.source_key() is not None:
        kept = _prepared.setdefault(task, {})
        if made.source_key() not in kept:
            kept[made.source_key()] = made.prepare_source(task.source.X, task.source.y, 0)
        source_model = kept[made.source_key()]
    return TransferProblem(
        X_source=task.source.X,
        y_source=task.source.y,
        X_target=target.X,
        y_target=target.y,
        shared=np.ones(target.X.shape[1], dtype=bool),
        source_model=source_model,
        random_state=seed,
        groups=target.groups,
    )


# Source models that all draws of a task share; they know nothing of the target.
_prepared: WeakKeyDictionary[FewShotTask, dict[Any, Any]] = WeakKeyDictionary()


def _coverage(strategy: AbstractStrategy, y: FloatArray, unseen: FeatureTable) -> float:
    from ionbridge.models import jackknife_plus_interval

    lower, upper = jackknife_plus_interval(strategy, y, unseen.X, 0.9)
    return float(np.mean((lower <= unseen.y) & (unseen.y <= upper)))


def group_folds(
    groups: NDArray[np.str_], n_folds: int = 5, seed: int = 0
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Training and test rows of folds that keep groups whole."""
    fold = assign_folds(len(groups), n_folds, seed, groups)
    for f in range(fold.max() + 1):
        yield np.flatnonzero(fold != f), np.flatnonzero(fold == f)


def leave_groups_out(
    table: FeatureTable,
    splits: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    strategy: str | AbstractStrategy = "auto",
    seed: int = 0,
    level: float = 0.9,
    threshold: float | None = None,
) -> dict[str, FloatArray]:
    """Predict every row by a `PropertyModel` that has not seen its split.

    Returns
    -------
    ``row``, ``y``, ``mean``, ``lower``, ``upper`` of the tested rows, each of shape (n_tested,), and
    ``chance`` of being at most `threshold` where one is given.
    """
    parts: dict[str, list[FloatArray]] = {}
    for train, test in splits:
        model = PropertyModel(strategy, level, seed).fit(table.subset(train))
        found = model.predict(table.subset(test))
        columns = {
            "row": test.astype(float),
            "y": table.y[test],
            "mean": found.prediction.mean,
            "lower": found.prediction.lower,
            "upper": found.prediction.upper,
        }
        if threshold is not None:
            columns["chance"] = found.probability_below(threshold)
        for name, values in columns.items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def bootstrap_interval(
    errors: FloatArray, n_draws: int = 2000, level: float = 0.9, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of `errors`, shape (n_rows,), over rows drawn with replacement."""
    rng = np.random.default_rng(seed)
    means = rng.choice(errors, (n_draws, len(errors))).mean(axis=1)
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def top_share_precision(chance: FloatArray, is_good: NDArray[np.bool_], share: float = 0.1) -> float:
    """Share of truly good rows among the `share` of all rows with the highest chance [-]."""
    n_top = max(1, round(share * len(chance)))
    return float(np.mean(is_good[np.argsort(-chance, kind="stable")[:n_top]]))
