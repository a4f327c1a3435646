"""Figures of a study: learning curves, parity, comparison, ablation, coverage.

Every function returns a matplotlib `Figure` and touches no global state. Figures that explain a
model are in `explanation.py`; the page that shows them all is made in `report.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ionbridge.exceptions import InsufficientDataError
from ionbridge.plugins import import_extra
from ionbridge.studies.metrics import metric_label
from ionbridge.studies.result import StudyResult
from ionbridge.studies.verdict import plain_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "comparison",
    "coverage",
    "learning_curves",
    "parity",
    "save_figure",
    "source_ablation",
    "study_figures",
]

# Okabe and Ito's palette, which stays distinct under the common colour-vision deficiencies
BLUE, ORANGE, GREEN, PINK, SKY, BROWN = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
INK, GREY, PALE = "#222222", "#8A8A8A", "#E3E3E3"
_STRATEGY_COLOURS = (BLUE, BROWN, GREEN, PINK, SKY, ORANGE)
_MARKERS = "osD^vP"


def new_figure(n_columns: int = 1, width: float = 6.0, height: float = 3.8) -> tuple[Figure, list[Axes]]:
    """Start an empty figure with `n_columns` panels side by side, sizes in inches."""
    figure_module = import_extra("matplotlib.figure", "report")
    figure = figure_module.Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, n_columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=9, colors=INK, direction="out")
        axis.grid(axis="y", color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
    return figure, list(axes)


def save_figure(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write ``stem.svg`` and ``stem.png`` (200 dpi) into `folder`, the same bytes each time."""
    matplotlib = import_extra("matplotlib", "report")
    paths = [folder / f"{stem}.svg", folder / f"{stem}.png"]
    with matplotlib.rc_context({"svg.hashsalt": "ionbridge"}):
        figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=200)
    return paths


def study_figures(result: StudyResult) -> dict[str, Figure]:
    """Draw every figure that this study has the data for, by file name stem."""
    if result.trials.empty:
        return {}
    figures = {"comparison": comparison(result), "parity": parity(result), "coverage": coverage(result)}
    if len(result.size_labels) > 1:
        figures = {"learning_curves": learning_curves(result), **figures}
    if len(result.design.source_sizes) > 1:
        figures["source_ablation"] = source_ablation(result)
    return figures


def learning_curves(result: StudyResult, metric: str | None = None) -> Figure:
    """Error against the number of target rows; bands hold the middle half of the splits."""
    metric = metric or result.metric
    trials = result.of_largest_source(result.trials)
    figure, (axis,) = new_figure(width=7.2, height=4.0)
    best = _best_baseline(result, metric)
    limit = _error_limit(result, metric)
    for name, style in _styles(result, best).items():
        by_split = trials[trials["strategy"] == name].groupby(["n_train", "split"])[metric].mean()
        if by_split.empty:
            continue
        curve = by_split.groupby("n_train").mean()
        above = f" (above: {_figure(curve.min())})" if curve.min() > limit else ""
        axis.plot(curve.index, curve.to_numpy(), label=plain_name(name) + above, **style)
        if name in (result.design.strategies[0], best):
            low, high = (by_split.groupby("n_train").quantile(q) for q in (0.25, 0.75))
            axis.fill_between(low.index, low, high, color=style["color"], alpha=0.14, linewidth=0)
    _row_axis(axis, sorted(trials["n_train"].unique()), "target training rows [-]")
    axis.set_ylim(0, limit)
    axis.set_ylabel(metric_label(metric, result.unit), fontsize=10)
    _legend_beside(axis)
    return figure


def comparison(result: StudyResult, metric: str | None = None) -> Figure:
    """Mean error of every strategy and baseline, one panel a target size."""
    metric = metric or result.metric
    trials, sizes = result.of_largest_source(result.trials), result.size_labels
    n_names = trials["strategy"].nunique()
    figure, axes = new_figure(len(sizes), width=1.9 + 2.1 * len(sizes), height=max(2.2, 1.2 + 0.27 * n_names))
    mean = trials.groupby(["strategy", "size"])[metric].mean().unstack("size")
    order = mean[sizes[-1]].sort_values(ascending=False, na_position="first").index
    limit = _error_limit(result, metric)
    for axis, size in zip(axes, sizes, strict=True):
        values = mean[size].reindex(order)
        colours = [BLUE if name in result.design.strategies else "#B9B9B9" for name in order]
        axis.barh(range(len(order)), np.minimum(values, limit), color=colours, height=0.7)
        for position, value in enumerate(values):
            text = "not applicable" if np.isnan(value) else _figure(value) + (" ▸" if value > limit else "")
            inside = value > 0.8 * limit
            x = min(value, limit) if np.isfinite(value) else 0
            axis.annotate(
                text, (x, position), xytext=(-3 if inside else 3, 0), textcoords="offset points",
                va="center", ha="right" if inside else "left", fontsize=8,
                color="white" if inside and colours[position] == BLUE else INK,
            )  # fmt: skip
        n_train = trials.loc[trials["size"] == size, "n_train"].mean()
        axis.set_title(f"{n_train:.0f} target rows", fontsize=10, color=INK)
        axis.set_xlabel(metric_label(metric, result.unit), fontsize=10)
        axis.set_xlim(0, limit)
        axis.set_yticks(range(len(order)), [plain_name(n) for n in order] if axis is axes[0] else [])
        axis.grid(axis="y", visible=False)
        axis.grid(axis="x", color=PALE, linewidth=0.6)
    figure.legend(handles=_role_handles(), fontsize=8, frameon=False, loc="outside lower center", ncols=2)
    return figure


def parity(result: StudyResult, size: str | None = None) -> Figure:
    """Predicted against observed held-out target rows, with intervals of the first strategy.

    The other panel is the source model as it was (``source_only``), or else the best baseline.
    Each target row stands once: the mean over the splits that held it out.
    """
    rows = result.of_largest_source(result.predictions)
    size = size or result.size_labels[-1]
    first = result.design.strategies[0]
    other = "source_only" if "source_only" in set(rows["strategy"]) else _best_baseline(result, result.metric)
    names = [name for name in (other, first) if name in set(rows.loc[rows["size"] == size, "strategy"])]
    figure, axes = new_figure(len(names), width=3.5 * len(names), height=3.6)
    points = {
        name: rows[(rows["strategy"] == name) & (rows["size"] == size)]
        .groupby("row")[["observed", "mean", "lower", "upper"]]
        .mean()
        for name in names
    }
    low, high = _parity_limits(points, first)
    label = f"{plain_name(result.design.output)} [{result.unit}]"
    for axis, name in zip(axes, names, strict=True):
        table = points[name]
        axis.plot([low, high], [low, high], color=GREY, linewidth=1, zorder=1)
        if name == first:
            finite = table[np.isfinite(table["lower"]) & np.isfinite(table["upper"])]
            axis.vlines(
                finite["observed"], finite["lower"], finite["upper"], color=SKY, linewidth=1.2, alpha=0.7
            )
        colour = BLUE if name == first else ORANGE
        axis.plot(table["observed"], table["mean"], "o", color=colour, markersize=4.5, mec="white", mew=0.5)
        axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axis.set_xlabel(f"observed {label}", fontsize=10)
        axis.set_ylabel(f"predicted {label}", fontsize=10)
        axis.set_title(_parity_title(name, first, result), fontsize=10, color=INK)
    return figure


def coverage(result: StudyResult) -> Figure:
    """Measured coverage and mean width of the intervals against the number of target rows."""
    trials = result.of_largest_source(result.trials)
    trials = trials.assign(inside=trials["coverage"] * trials["n_test"])
    figure, (left, right) = new_figure(2, width=8.6, height=3.5)
    best = _best_baseline(result, result.metric)
    for name, style in _styles(result, best).items():
        groups = trials[trials["strategy"] == name].groupby("n_train")
        if not len(groups):
            continue
        inside = 100 * groups["inside"].sum() / groups["n_test"].sum()
        left.plot(inside.index, inside.to_numpy(), **style)
        width = groups["width"].median()
        right.plot(width.index, width.to_numpy(), label=plain_name(name), **style)
    nominal = 100 * result.design.level
    left.axhline(nominal, color=INK, linewidth=1)
    right.plot([], [], color=INK, linewidth=1, label=f"nominal {nominal:.0f} %")
    left.set_ylim(min(60.0, left.get_ylim()[0]), 101)
    left.set_ylabel("test rows inside interval [%]", fontsize=10)
    right.set_ylabel(f"median interval width [{result.unit}]", fontsize=10)
    widths = trials["width"].replace(np.inf, np.nan).dropna()
    if len(widths):
        right.set_ylim(0, min(right.get_ylim()[1], 8 * float(widths.median())))
    for axis in (left, right):
        _row_axis(axis, sorted(trials["n_train"].unique()), "target training rows [-]")
    _legend_beside(right)
    return figure


def source_ablation(result: StudyResult, metric: str | None = None) -> Figure:
    """Error of the first strategy against the number of source rows, one line a target size."""
    metric = metric or result.metric
    first, sizes = result.design.strategies[0], result.size_labels
    trials = result.trials[result.trials["strategy"] == first]
    if trials.empty:
        raise InsufficientDataError(
            f"{first!r} could not be run, so there is no ablation of its source rows."
        )
    figure, (axis,) = new_figure(width=7.2, height=4.0)
    best = result.trials[result.trials["strategy"] == _best_baseline(result, metric)]
    for size, colour, marker in zip(sizes, _cycle(_STRATEGY_COLOURS), _cycle(_MARKERS), strict=False):
        part = trials[trials["size"] == size]
        if part.empty:
            continue
        curve = part.groupby("n_source")[metric].mean()
        label = f"{part['n_train'].mean():.0f} target rows"
        axis.plot(curve.index, curve.to_numpy(), color=colour, marker=marker, label=label, linewidth=1.8)
        without = best.loc[best["size"] == size, metric].mean()
        axis.axhline(without, color=colour, linewidth=1, linestyle=":")
    _row_axis(axis, sorted(trials["n_source"].unique()), "source rows [-]")
    axis.plot([], [], color=GREY, linewidth=1, linestyle=":", label="same, without source")
    axis.set_ylim(bottom=0)
    axis.set_ylabel(metric_label(metric, result.unit), fontsize=10)
    _legend_beside(axis)
    return figure


def _best_baseline(result: StudyResult, metric: str) -> str:
    trials = result.trials[result.trials["role"] == "baseline"]
    if trials.empty:
        return ""
    largest = trials[trials["n_train"] == trials["n_train"].max()]
    return str(largest.groupby("strategy")[metric].mean().idxmin())


def _styles(result: StudyResult, best: str) -> dict[str, dict[str, Any]]:
    """Line styles by name: the first strategy and the best baseline stand out."""
    styles: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(result.design.strategies):
        colour, marker = _cycle(_STRATEGY_COLOURS)[i], _cycle(_MARKERS)[i]
        width = 2.4 if i == 0 else 1.3
        styles[name] = {
            "color": colour,
            "marker": marker,
            "markersize": 5,
            "linewidth": width,
            "zorder": 4 - bool(i),
        }
    dashes = _cycle(("--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1))))
    for i, name in enumerate(result.design.baselines):
        emphasised = name == best
        colour, width = (INK, 2.0) if emphasised else (GREY, 1.1)
        style = "--" if emphasised else dashes[i]
        styles[name] = {"color": colour, "linestyle": style, "linewidth": width, "zorder": 2}
    return styles


def _cycle(values: Sequence[Any]) -> list[Any]:
    return list(values) * 8


def _row_axis(axis: Axes, counts: Sequence[float], label: str) -> None:
    axis.set_xscale("log")
    ticks = [counts[0]]
    for count in counts[1:]:
        if count > 1.25 * ticks[-1]:
            ticks.append(count)
    axis.set_xticks(ticks, [f"{count:.0f}" for count in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel(label, fontsize=10)


def _error_limit(result: StudyResult, metric: str) -> float:
    """Axis limit set by the first strategy and the best baseline, not by a hopeless method."""
    mean = result.of_largest_source(result.trials).groupby(["strategy", "n_train"])[metric].mean()
    names = [result.design.strategies[0], _best_baseline(result, metric)]
    main = mean[mean.index.get_level_values("strategy").isin(names)]
    limit = min(1.12 * mean.max(), 2.2 * main.max()) if len(main) else 1.12 * mean.max()
    return float(limit) if np.isfinite(limit) and limit > 0 else 1.0


def _figure(value: float) -> str:
    return f"{value:#.3g}".rstrip(".") if value < 1000 else f"{value:.0f}"


def _legend_beside(axis: Axes) -> None:
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)


def _role_handles() -> list[Any]:
    patches = import_extra("matplotlib.patches", "report")
    return [
        patches.Patch(color=BLUE, label="with source"),
        patches.Patch(color="#B9B9B9", label="target alone"),
    ]


def _parity_title(name: str, first: str, result: StudyResult) -> str:
    if name == first:
        return f"{plain_name(first)}, {100 * result.design.level:.0f} % intervals"
    return "source model, not adapted" if name == "source_only" else f"{plain_name(name)}, target alone"


def _parity_limits(points: dict[str, pd.DataFrame], first: str) -> tuple[float, float]:
    """Limits that hold all points, and the intervals unless they are much wider than the points."""
    values = pd.concat(points.values())[["observed", "mean"]].to_numpy()
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    pad = 0.05 * (high - low) or 1.0
    if first in points:
        bounds = points[first][["lower", "upper"]].replace([np.inf, -np.inf], np.nan)
        low = max(float(np.nanmin([low, bounds["lower"].min()])), low - 6 * pad)
        high = min(float(np.nanmax([high, bounds["upper"].max()])), high + 6 * pad)
    return low - pad, high + pad
