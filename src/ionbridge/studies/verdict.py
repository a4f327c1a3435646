"""The verdict: did transfer help, by how much, and how many measured rows did it save?

Fits and predictions are made in `runner.py`; this module only reads their errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.models import FloatArray

if TYPE_CHECKING:
    from ionbridge.studies.result import StudyResult

__all__ = [
    "SizeVerdict",
    "Verdict",
    "can_judge",
    "corrected_interval",
    "judge",
    "plain_name",
    "rows_to_match",
]

Value = Literal["helps", "no difference", "hurts"]
CONFIDENCE = 0.95
MIN_SPLITS = 2  # splits that two methods must share; with fewer there is no interval


@dataclass(frozen=True)
class SizeVerdict:
    """Transfer against the best target-only baseline, for one number of target rows.

    Parameters
    ----------
    size : entry of the design's target sizes, as text.
    n_train : target training rows (mean over the splits).
    baseline : target-only baseline with the smallest mean error at this size. It is picked with
        hindsight, which favours the baseline.
    error, baseline_error : mean error of transfer and of the baseline, in the unit of the metric.
    change : change of the error through transfer in the typical split [%], the geometric mean of
        the ratios; negative is better.
    lower, upper : 95 % interval of `change` [%].
    value : "helps" if the interval lies below zero and the mean error is lower too, "hurts" if it
        lies above zero and the mean error is higher too.
    equivalent_rows : target rows with which the best baseline does as well as transfer does with
        `n_train`; None where no studied size reaches it, or where the study cannot tell.
    against : ``error`` of every comparator (all baselines, and ``source_only``, never having
        adapted, where it was run) with ``change``, ``lower`` and ``upper`` against it.
    sentence : the finding in words.
    n_failed : splits left out of the comparison with `baseline`, because one of the two failed in
        them.
    """

    size: str
    n_train: float
    baseline: str
    error: float
    baseline_error: float
    change: float
    lower: float
    upper: float
    value: Value
    equivalent_rows: float | None
    against: dict[str, dict[str, float]]
    sentence: str
    n_failed: int = 0


@dataclass(frozen=True)
class Verdict:
    """Whether transfer helped, over all sizes of a study.

    Parameters
    ----------
    output, strategy : what was predicted, and how knowledge was transferred.
    metric, unit : what the errors are.
    sizes : one finding a target size, smallest first.
    """

    output: str
    strategy: str
    metric: str
    unit: str
    sizes: tuple[SizeVerdict, ...]

    @property
    def value(self) -> Value:
        """The verdict with the most target rows studied: what the user has."""
        return self.sizes[-1].value

    @property
    def headline(self) -> str:
        """One or two sentences over all sizes; negative transfer is named."""
        return _headline(self)

    @property
    def summary(self) -> str:
        """The headline, and the figures of the smallest size that decided something, if any."""
        decided = [entry for entry in self.sizes if entry.value != "no difference"]
        return f"{self.headline} {(decided or self.sizes[-1:])[0].sentence}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {**asdict(self), "value": self.value, "headline": self.headline, "summary": self.summary}


def corrected_interval(
    difference: FloatArray, test_ratio: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Interval of a mean difference over repeated random splits, which overlap.

    Parameters
    ----------
    difference : shape (n_splits,); paired differences, one a split.
    test_ratio : test rows divided by the rows that the training rows are drawn from [-].

    Returns
    -------
    lower, upper : bounds around the mean of `difference`.

    References
    ----------
    .. [1] Nadeau and Bengio, Inference for the generalization error, Machine Learning 52 (2003)
       239, section 4.2 (corrected resampled t-test). doi:10.1023/A:1024068626366
    """
    n_splits = len(difference)
    if n_splits < MIN_SPLITS:
        raise InsufficientDataError(f"an interval needs at least {MIN_SPLITS} splits; got {n_splits}.")
    variance = np.var(difference, ddof=1) * (1 / n_splits + test_ratio)
    half = float(student_t.ppf(0.5 + confidence / 2, n_splits - 1) * np.sqrt(variance))
    middle = float(np.mean(difference))
    return middle - half, middle + half


def rows_to_match(error: float, n_rows: Sequence[float], curve: Sequence[float]) -> float | None:
    """Find how many target rows a baseline needs to reach `error`.

    Parameters
    ----------
    error : to reach.
    n_rows, curve : learning curve: training rows (increasing) and the error with so many.

    Returns
    -------
    rows, interpolated between the logarithms of rows and errors; the first entry of `n_rows`
    where that many already suffice; None where no entry reaches `error`.
    """
    best = np.minimum.accumulate(np.asarray(curve, dtype=float))  # more rows never hurt on average
    if not np.isfinite(error) or error < best[-1]:
        return None
    if error >= best[0]:
        return float(n_rows[0])
    after = int(np.argmax(best <= error))
    x, y = np.log(np.asarray(n_rows, dtype=float)), np.log(np.maximum(best, 1e-300))
    fraction = (y[after - 1] - np.log(max(error, 1e-300))) / (y[after - 1] - y[after])
    return float(np.exp(x[after - 1] + fraction * (x[after] - x[after - 1])))


def can_judge(result: StudyResult, strategy: str | None = None) -> bool:
    """Whether a verdict exists: the strategy and a baseline share 2 splits of one size."""
    try:
        _comparable_sizes(_errors(result, result.metric), _resolve(result, strategy), result)
    except InsufficientDataError:
        return False
    return True


def judge(result: StudyResult, strategy: str | None = None, metric: str | None = None) -> Verdict:
    """Compare a strategy with the best target-only baseline at every size.

    Parameters
    ----------
    strategy : name in the design; None for its first, which was chosen beforehand.
    metric : ``mape``, ``rmse`` or ``mae``; None for MAPE, or MAE where an observed value is zero.

    Raises
    ------
    ConfigurationError
        If the strategy or the metric is unknown.
    InsufficientDataError
        If the strategy, or every baseline, could not be run.
    """
    strategy = _resolve(result, strategy)
    metric = metric or result.metric
    if metric not in ("mape", "rmse", "mae"):
        raise ConfigurationError(f"'metric' of judge must be 'mape', 'rmse' or 'mae'; got {metric!r}.")
    errors = _errors(result, metric)
    unit = "%" if metric == "mape" else result.unit
    sizes = _comparable_sizes(errors, strategy, result)
    n_train = result.trials.groupby("size")["n_train"].mean()
    against = {size: _against(errors[size], strategy, result) for size in sizes}
    best = {size: _best(found, result.design.baselines) for size, found in against.items()}
    curve = (
        [float(n_train[size]) for size in sizes],
        [against[size][best[size]].other_error for size in sizes],
    )
    n_largest = curve[0][-1] if len(sizes) > 1 else None
    found = []
    for size in sizes:
        figures = against[size][best[size]]
        entry = SizeVerdict(
            size=size,
            n_train=float(n_train[size]),
            baseline=best[size],
            error=figures.error,
            baseline_error=figures.other_error,
            change=figures.change,
            lower=figures.lower,
            upper=figures.upper,
            value=_value(figures),
            equivalent_rows=rows_to_match(figures.error, *curve) if n_largest else None,
            against={name: one.to_dict() for name, one in against[size].items()},
            sentence="",
            n_failed=result.design.n_splits - figures.n_splits,
        )
        sentence = _sentence(entry, result.design.output, metric, unit, n_largest)
        found.append(replace(entry, sentence=sentence + _left_out(entry, result.design.n_splits)))
    return Verdict(result.design.output, strategy, metric, unit, tuple(found))


def _resolve(result: StudyResult, strategy: str | None) -> str:
    names = result.design.strategies
    if strategy is not None and strategy not in names:
        raise ConfigurationError(f"'strategy' must be one of the study's {list(names)}; got {strategy!r}.")
    return strategy or names[0]


@dataclass(frozen=True)
class _Comparison:
    """A strategy against one other method, on the splits that both have."""

    error: float
    other_error: float
    change: float
    lower: float
    upper: float
    n_splits: int

    def to_dict(self) -> dict[str, float]:
        return {
            "error": self.other_error,
            "change": self.change,
            "lower": self.lower,
            "upper": self.upper,
        }


def _errors(result: StudyResult, metric: str) -> dict[str, pd.DataFrame]:
    """Error by size: one row a split, one column a method; NaN where the method failed.

    Means over the seeds, with the largest source.
    """
    trials = result.of_largest_source(result.trials)
    mean = trials.groupby(["size", "strategy", "split"], sort=False)[metric].mean()
    mean = mean.replace([np.inf, -np.inf], np.nan)
    return {
        str(size): part.droplevel("size").unstack("strategy")
        for size, part in mean.groupby("size", sort=False)
    }


def _n_shared(errors: pd.DataFrame, strategy: str, other: str) -> int:
    """Count the splits in which both methods have an error."""
    if strategy == other or not {strategy, other} <= set(errors.columns):
        return 0
    return len(errors[[strategy, other]].dropna())


def _comparable_sizes(errors: Mapping[str, pd.DataFrame], strategy: str, result: StudyResult) -> list[str]:
    def can_compare(size: str) -> bool:
        counts = (_n_shared(errors[size], strategy, name) for name in result.design.baselines)
        return max(counts, default=0) >= MIN_SPLITS

    sizes = [size for size in result.size_labels if size in errors and can_compare(size)]
    if not sizes:
        raise InsufficientDataError(
            f"no verdict: {strategy!r} and a baseline never ran with the same number of target rows "
            f"in {MIN_SPLITS} splits; the study's exclusions say why."
        )
    return sizes


def _against(errors: pd.DataFrame, strategy: str, result: StudyResult) -> dict[str, _Comparison]:
    """Compare with every method that shares enough splits."""
    trials, n_rows = result.trials, int(result.facts["target"]["n_rows_used"])
    n_test = float(trials["n_test"].mean())
    return {
        name: _compare(errors, strategy, name, n_test / (n_rows - n_test))
        for name in dict.fromkeys([*result.design.baselines, "source_only"])
        if _n_shared(errors, strategy, name) >= MIN_SPLITS
    }


def _best(against: Mapping[str, _Comparison], baselines: Sequence[str]) -> str:
    """Name the baseline with the smallest mean error.

    Each is seen relative to the strategy on the splits they share: a baseline that failed in the
    difficult splits is not the best for that.
    """
    names = [name for name in baselines if name in against]
    return min(names, key=lambda name: against[name].other_error - against[name].error)


def _compare(errors: pd.DataFrame, strategy: str, other: str, test_ratio: float) -> _Comparison:
    """Compare two methods at one size by the paired logarithms of their errors.

    A few splits with a hopeless model would rule the plain differences; the ratio in each split is
    what a reader takes "by 30 %" to mean.

    Training rows are drawn from everything that is not held out. A smaller training set makes
    splits overlap less, never more, so the ratio of the complete split bounds their correlation.
    """
    pair = errors[[strategy, other]].dropna().to_numpy(dtype=float)
    floor = max(1e-9 * float(pair[:, 1].max()), 1e-300)
    logarithm = np.log(np.maximum(pair, floor))
    difference = logarithm[:, 0] - logarithm[:, 1]
    bounds = corrected_interval(difference, test_ratio)
    change, lower, upper = (100 * float(np.expm1(min(x, 700.0))) for x in (difference.mean(), *bounds))
    error, other_error = (float(mean) for mean in pair.mean(axis=0))
    return _Comparison(error, other_error, change, lower, upper, len(pair))


def _value(figures: _Comparison) -> Value:
    if figures.upper < 0 and figures.error < figures.other_error:
        return "helps"
    if figures.lower > 0 and figures.error > figures.other_error:
        return "hurts"
    return "no difference"


def plain_name(name: str) -> str:
    """Name of a strategy or a quantity as words."""
    words = {"gp": "GP", "gaussian": "Gaussian", "film": "FiLM"}
    return " ".join(words.get(word, word) for word in name.split("_"))


def _number(value: float, unit: str) -> str:
    text = f"{value:.1f}" if unit == "%" else f"{value:.3g}"
    return f"{text} {unit}".strip()


def _sentence(entry: SizeVerdict, output: str, metric: str, unit: str, n_largest: float | None) -> str:
    """Say one finding in English; "typical" is the geometric mean of the ratios of errors."""
    what = f"the {metric.upper()} of {plain_name(output)}"
    with_, without = _number(entry.error, unit), _number(entry.baseline_error, unit)
    rows = f"With {entry.n_train:.0f} target rows, transfer"
    model = f"{plain_name(entry.baseline)}, the best model without the source"
    if entry.value == "helps":
        gain = f"by {-entry.change:.0f} % in the typical split, 95 % interval {-entry.upper:.0f} to {-entry.lower:.0f} %"
        text = f"{rows} lowers {what} from {without} ({model}) to {with_} on average ({gain})."
        return text + _rows_saved(entry, n_largest)
    if entry.value == "hurts":
        loss = f"by {entry.change:.0f} % in the typical split, 95 % interval {entry.lower:.0f} to {entry.upper:.0f} %"
        text = f"{rows} hurts: it raises {what} from {without} ({model}) to {with_} on average ({loss})."
        return f"{text} Use {plain_name(entry.baseline)} on the target alone."
    change = (
        f"change in the typical split {_signed(entry.change)} %, 95 % interval {_signed(entry.lower)} to "
        f"{_signed(entry.upper)} %"
    )
    return (
        f"{rows} makes no proven difference: {what} is {with_} with it and {without} without, on average "
        f"({model}; {change})."
    )


def _left_out(entry: SizeVerdict, n_splits: int) -> str:
    if not entry.n_failed:
        return ""
    count = f"{entry.n_failed} of {n_splits} splits failed and {'is' if entry.n_failed == 1 else 'are'}"
    return f" {count} left out of this comparison."


def _signed(value: float) -> str:
    return f"{round(value):+d}".replace("-", "−") if round(value) else "0"


def _rows_saved(entry: SizeVerdict, n_largest: float | None) -> str:
    if n_largest is None:
        return ""
    if entry.equivalent_rows is None:
        return (
            f" Without the source, all {n_largest:.0f} rows do not reach this."
            if n_largest > entry.n_train
            else ""
        )
    if entry.equivalent_rows < entry.n_train + 1:
        return ""
    return f" Without the source this takes about {entry.equivalent_rows:.0f} target rows."


def _headline(verdict: Verdict) -> str:
    by_value: dict[str, list[str]] = {}
    for entry in verdict.sizes:
        by_value.setdefault(entry.value, []).append(f"{entry.n_train:.0f}")
    words = {"helps": "helps", "no difference": "makes no proven difference", "hurts": "hurts"}
    parts = [f"{words[value]} with {_join(counts)} target rows" for value, counts in by_value.items()]
    subject = f"Transfer to {plain_name(verdict.output)}"
    return f"{subject} {_join(parts)}."


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
