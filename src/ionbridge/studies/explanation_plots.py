"""Drawings of explanations: one sample as forces, all samples as a swarm, two domains as bars.

Every function returns a matplotlib `Figure` that no global state knows of; saving is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ionbridge.exceptions import ConfigurationError
from ionbridge.plugins import import_extra
from ionbridge.quantities import edge_unit
from ionbridge.studies.explanation import Explanation, compare_importance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_force", "plot_importance", "plot_swarm"]

_UP, _DOWN = "#d1495b", "#2e6f95"  # raises, lowers the prediction
_SOURCE, _TARGET = "#8d99ae", "#e07a1f"
_GREY = "#555555"


def plot_force(explanation: Explanation, row: int = 0) -> Figure:
    """Draw how the inputs push the prediction of one sample away from the mean prediction.

    Inputs that raise it stand as arrows left of the prediction pointing right, those that lower
    it right of the prediction pointing left; the length is the Shapley value.

    Raises
    ------
    ConfigurationError
        If there is no such row.
    """
    if not -len(explanation.X) <= row < len(explanation.X):
        raise ConfigurationError(
            f"'row' must be below {len(explanation.X)}, the number of explained rows; got {row}."
        )
    values, base = explanation.values[row], float(explanation.base_values[row])
    prediction = base + float(values.sum())
    span = float(np.abs(values).sum()) or max(abs(prediction), 1.0)
    shown = [int(j) for j in np.argsort(-np.abs(values)) if abs(values[j]) > 1e-3 * span]
    n_levels = max(sum(values[j] > 0 for j in shown), sum(values[j] < 0 for j in shown), 1)
    figure, axes = _figure(9.0, 2.2 + 0.3 * n_levels)
    labels = []
    for sign, color in ((1, _UP), (-1, _DOWN)):
        edge, side = prediction, [j for j in shown if sign * values[j] > 0]
        for level, j in enumerate(side):
            width = abs(float(values[j]))
            _arrow(axes, edge, width, sign, 0.012 * span, color)
            text = f"{_setting(explanation, row, j)}  ({values[j]:+.3g})".replace("-", "−")
            # outer arrows are labelled higher, so that no line crosses a text
            labels.append(_ForceLabel(edge - sign * width / 2, len(side) - level, text, sign, color))
            edge -= sign * width
    ends = [base, prediction - values[values > 0].sum(), prediction - values[values < 0].sum()]
    low, high = _limits(min(ends) - 0.02 * span, max(ends) + 0.02 * span, labels)
    for label in labels:
        label.draw(axes)
    is_close = abs(prediction - base) < 0.14 * (high - low)
    _mark(axes, prediction, f"prediction\n{prediction:.4g}", "black", 0.55, (low, high))
    _mark(axes, base, f"mean prediction\n{base:.4g}", _GREY, 1.35 if is_close else 0.55, (low, high))
    axes.set_xlim(low, high)
    axes.set_ylim(-0.6 - 0.32 * n_levels, 2.1 if is_close else 1.3)
    axes.set_yticks([])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.set_xlabel(_output_label(explanation))
    where = f" · {explanation.label}" if explanation.label else ""
    axes.set_title(f"Sample {row % len(explanation.X) + 1}{where}", loc="left", fontsize=10, color=_GREY)
    return figure


def plot_swarm(explanation: Explanation) -> Figure:
    """Draw the Shapley values of all samples, one line an input, coloured by the input's value."""
    importance = explanation.importance()
    order = [explanation.names.index(name) for name in importance.index]
    figure, axes = _figure(7.5, 1.3 + 0.55 * len(order))
    reach = float(np.abs(explanation.values).max()) or 1.0
    mapped = None
    for line, j in enumerate(reversed(order)):
        values, x = explanation.values[:, j], explanation.X[:, j]
        low, high = np.quantile(x, [0.05, 0.95])
        color = np.clip((x - low) / (high - low), 0, 1) if high > low else np.full(len(x), 0.5)
        height = line + _spread(values, 2.2 * reach)
        mapped = axes.scatter(
            values, height, c=color, cmap=_color_map(), vmin=0, vmax=1, s=22, linewidths=0, zorder=3
        )
    axes.axvline(0, color=_GREY, linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(order)), [_label(explanation, j) for j in reversed(order)])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="#dddddd", linestyle=":", zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.set_xlabel(f"effect on {_output_label(explanation)}")
    if mapped is not None:
        bar = figure.colorbar(mapped, ax=axes, ticks=[0, 1], aspect=30, pad=0.02)
        bar.set_ticklabels(["low", "high"])
        bar.set_label("value of the input", labelpad=-12)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0)
    return figure


def plot_importance(source: Explanation, target: Explanation) -> Figure:
    """Draw the importance of each input in the source and in the target as pairs of bars.

    Bars are shares of the sum over the inputs, so that domains with different scales of the
    output can be compared.
    """
    table = compare_importance(source, target)
    by_name = {q.name: q for q in (*source.inputs, *target.inputs)}
    height = np.arange(len(table))[::-1]
    figure, axes = _figure(7.5, 1.4 + 0.6 * len(table))
    bars = (
        ("source", source.label or "source", 0.2, _SOURCE),
        ("target", target.label or "target", -0.2, _TARGET),
    )
    for role, label, offset, color in bars:
        share = 100 * table[f"{role}_share"].to_numpy()
        text = f"{role}: {label}" if label != role else role
        axes.barh(height + offset, np.nan_to_num(share), height=0.38, color=color, label=text, zorder=2)
        for y, value in zip(height + offset, share, strict=True):
            known = np.isfinite(value)
            axes.text(
                (value if known else 0) + 0.6,
                y,
                f"{value:.0f} %" if known else "not in this domain",
                va="center",
                fontsize=8,
                color=_GREY,
            )
    axes.set_yticks(height, [by_name[name].label.partition(" [")[0] for name in table.index])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.14 * 100 * float(np.nanmax(table[["source_share", "target_share"]].to_numpy())) + 1)
    axes.spines[["right", "top", "left"]].set_visible(False)
    axes.set_xlabel(f"share of the mean absolute effect on {_output_label(target).partition(' [')[0]} [%]")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure_module = import_extra("matplotlib.figure", "report")
    figure = figure_module.Figure(figsize=(width, height), dpi=150, layout="constrained")
    return figure, figure.subplots()


def _color_map() -> Any:
    colors = import_extra("matplotlib.colors", "report")
    return colors.LinearSegmentedColormap.from_list("low_high", [_DOWN, "#b9a7c9", _UP])


def _label(explanation: Explanation, j: int) -> str:
    item = explanation.inputs[j]
    return replace(item, unit=edge_unit(item)).label


def _setting(explanation: Explanation, row: int, j: int) -> str:
    """Input with its value and unit, as ``roll gap = 120 µm``."""
    name, _, unit = _label(explanation, j).rstrip("]").partition(" [")
    return f"{name} = {explanation.edge_X[row, j]:.4g} {'' if unit == '-' else unit}".rstrip()


def _output_label(explanation: Explanation) -> str:
    return "prediction" if explanation.output is None else explanation.output.label


def _arrow(axes: Axes, tip: float, width: float, sign: int, head: float, color: str) -> None:
    """One arrow of length `width` whose head touches `tip` and that points along `sign`."""
    head = min(head, 0.5 * width)
    tail = tip - sign * width
    x = [tail, tip - sign * head, tip, tip - sign * head, tail, tail + sign * head]
    axes.fill(
        x, [0.32, 0.32, 0.0, -0.32, -0.32, 0.0], facecolor=color, edgecolor="white", linewidth=1.0, zorder=2
    )


def _mark(axes: Axes, x: float, text: str, color: str, height: float, limits: tuple[float, float]) -> None:
    """A vertical line with a text on top that stays inside `limits`."""
    is_main = color == "black"
    axes.plot(
        [x, x],
        [-0.42, height - 0.07],
        color=color,
        lw=1.2 if is_main else 0.9,
        ls="-" if is_main else ":",
        zorder=3,
    )
    place = (x - limits[0]) / (limits[1] - limits[0])
    side = "left" if place < 0.08 else "right" if place > 0.92 else "center"
    axes.text(
        x, height, text, ha=side, va="bottom", fontsize=9, color=color, weight="bold" if is_main else "normal"
    )


@dataclass(frozen=True)
class _ForceLabel:
    """Text below one arrow that extends away from the prediction; `level` counts downwards from 1."""

    x: float
    level: int
    text: str
    sign: int
    color: str

    def draw(self, axes: Axes) -> None:
        y = -0.3 - 0.32 * self.level
        axes.plot([self.x, self.x], [-0.34, y], color=self.color, linewidth=0.7, alpha=0.7, zorder=1)
        text = f"{self.text} " if self.sign > 0 else f" {self.text}"
        axes.text(
            self.x,
            y,
            text,
            ha="right" if self.sign > 0 else "left",
            va="center",
            fontsize=8,
            color=self.color,
        )


def _limits(low: float, high: float, labels: list[_ForceLabel]) -> tuple[float, float]:
    """Axis limits that leave room for the labels, whose width is a share of the axis."""
    share = 0.0074  # of the axis a character, at this size of letters and figure
    left, right = low, high
    for _ in range(30):
        reach = [(label.x, share * (len(label.text) + 2) * (right - left), label.sign) for label in labels]
        left = min([low, *(x - width for x, width, sign in reach if sign > 0)])
        right = max([high, *(x + width for x, width, sign in reach if sign < 0)])
    return left, right


def _spread(values: np.ndarray, reach: float) -> np.ndarray:
    """Heights that keep points with nearly equal values apart, shape (n_points,), within ±0.35."""
    n_bins = 60
    place = np.floor((values / reach + 0.5) * n_bins).astype(int)
    height = np.zeros(len(values))
    for bin_ in np.unique(place):
        members = np.flatnonzero(place == bin_)
        steps = (np.arange(len(members)) + 1) // 2 * np.where(np.arange(len(members)) % 2, 1, -1)
        height[members] = steps
    top = max(np.abs(height).max(), 1.0)
    return height * min(0.08, 0.35 / top)
