"""Figures of a screening: ranking with intervals, hits against effort, held-out predictions, map, rounds.

Every function returns a matplotlib `Figure`; the page that shows them is made in `report.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.applications.screening.screen import ScreeningResult
from ionbridge.exceptions import InsufficientDataError
from ionbridge.quantities import pretty_unit
from ionbridge.studies.plots import BLUE, BROWN, GREEN, GREY, INK, ORANGE, PALE, SKY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["enrichment", "held_out", "material_map", "ranking", "rounds_figure", "screening_figures"]

FloatArray = NDArray[np.float64]
N_SHOWN = 25


def screening_figures(result: ScreeningResult, rounds: Sequence[Any] = ()) -> dict[str, Figure]:
    """Draw every figure that there is data for, by file name stem, in the order of the page."""
    figures = {"ranking": ranking(result), "enrichment": enrichment(result)}
    if result.model.uses_target_:
        figures["held_out"] = held_out(result)
    if len(result.entries) >= 3:
        figures["map"] = material_map(result)
    if rounds:
        figures["rounds"] = rounds_figure(result, rounds)
    return figures


def _label(result: ScreeningResult) -> str:
    item = result.goal.quantity
    return f"{item.name.replace('_', ' ')} [{pretty_unit(item.unit)}]"


def ranking(result: ScreeningResult) -> Figure:
    """The best candidates with their intervals; hollow where unlike everything known."""
    table = result.table.head(N_SHOWN)
    figure, (axis,) = new_figure(width=7.2, height=1.2 + 0.24 * len(table))
    axis.grid(axis="x", color=PALE, linewidth=0.6)
    axis.grid(axis="y", visible=False)
    shown = table[["value", "known"]].to_numpy(dtype=float)
    finite = table.loc[np.isfinite(table["upper"]), "upper"]
    limit = max(
        1.15 * float(np.nanmax(shown)),
        min(float(finite.quantile(0.9)) if len(finite) else 0.0, 4 * float(np.nanmax(shown))),
    )
    _draw_rows(axis, table, limit)
    axis.axvline(result.goal.threshold, color=BROWN, linewidth=1.2, linestyle="--")
    axis.annotate(
        f"{'<' if result.goal.below else '>'} {result.goal.threshold:g}", (result.goal.threshold, 1.0),
        xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8, color=BROWN,
    )  # fmt: skip
    axis.set_yticks(range(len(table)), [_short(name) for name in table["name"]], fontsize=8)
    for position, probability in enumerate(table["probability"]):
        axis.annotate(f"{probability:.2f}", (1.0, position), xycoords=("axes fraction", "data"), xytext=(6, 0),
                      textcoords="offset points", va="center", fontsize=8, color=INK)  # fmt: skip
    axis.annotate(
        "P(hit)", (1.0, 1.0), xycoords="axes fraction", xytext=(6, 3), textcoords="offset points", fontsize=8
    )
    axis.set_ylim(len(table) - 0.4, -0.6)
    low = _lower_limit(float(np.nanmin(table["lower"].clip(lower=-limit))), result.goal.threshold, limit)
    axis.set_xlim(low, limit)
    axis.set_xlabel(_label(result), fontsize=10)
    _ranking_legend(axis, table, 100 * result.prediction.level, figure.get_figheight())
    return figure


def _lower_limit(smallest: float, threshold: float, limit: float) -> float:
    """Where an axis starts: at zero, unless everything lies in the upper part of the range."""
    smallest = min(smallest, threshold)
    if smallest < 0.4 * limit:
        return min(0.0, smallest)
    return smallest - 0.12 * (limit - smallest)


def _draw_rows(axis: Axes, table: Any, limit: float) -> None:
    """One interval a candidate, or a diamond where the value is known."""
    for position, row in enumerate(table.to_dict("records")):
        if np.isfinite(row["known"]):
            axis.plot(row["known"], position, "D", color=INK, markersize=5, zorder=3)
            continue
        colour = BLUE if row["in_domain"] else GREY
        low, high = max(row["lower"], -limit), min(row["upper"], 10 * limit)
        axis.plot(
            [low, high], [position, position], color=colour, linewidth=2.2, alpha=0.45, solid_capstyle="butt"
        )
        axis.plot(row["value"], position, "o", color=colour, markersize=5, zorder=3,
                  markerfacecolor=colour if row["in_domain"] else "white")  # fmt: skip


def _ranking_legend(axis: Axes, table: Any, level: float, height: float) -> None:
    """Legend below a figure of some height [inch], of what it shows."""
    handles = [
        axis.plot([], [], "o", color=BLUE)[0], axis.plot([], [], "o", color=GREY, markerfacecolor="white")[0],
        axis.plot([], [], "D", color=INK)[0],
    ]  # fmt: skip
    texts = [
        f"predicted, {level:.0f} % interval",
        f"unlike everything known, {level:.0f} % interval",
        "known",
    ]
    known, inside = table["known"].notna(), table["in_domain"].astype(bool)
    shown = [bool((~known & inside).any()), bool((~known & ~inside).any()), bool(known.any())]
    axis.legend(
        [handle for handle, is_shown in zip(handles, shown, strict=True) if is_shown],
        [text for text, is_shown in zip(texts, shown, strict=True) if is_shown],
        fontsize=8,
        frameon=False,
        ncols=3,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.9 / height),
    )


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def enrichment(result: ScreeningResult) -> Figure:
    """Hits to expect against the number of materials calculated, in the order of the ranking."""
    unknown = result.table[result.table["known"].isna()]
    chance = unknown["probability"].to_numpy(dtype=float)
    figure, (axis,) = new_figure(width=6.0, height=3.6)
    n = np.arange(len(chance) + 1)
    axis.plot(
        n,
        np.concatenate([[0.0], np.cumsum(chance)]),
        color=BLUE,
        linewidth=2,
        label="in the order of the ranking",
    )
    axis.plot(
        n,
        n * (chance.mean() if len(chance) else 0.0),
        color=GREY,
        linewidth=1.5,
        linestyle="--",
        label="in any order",
    )
    axis.set_xlim(0, max(len(chance), 1))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("unknown materials calculated [-]", fontsize=10)
    axis.set_ylabel("expected hits [-]", fontsize=10)
    axis.legend(fontsize=9, frameon=False)
    return figure


def held_out(result: ScreeningResult) -> Figure:
    """Every known material of the target, predicted without its host."""
    model = result.model
    y, predicted = model.y_target_, model.target_out_of_fold_
    figure, (axis,) = new_figure(width=4.6, height=4.3)
    largest = float(max(y.max(), predicted.max()))
    high = largest + 0.06 * abs(largest)
    low = _lower_limit(float(min(y.min(), predicted.min())), float(y.min()), high)
    for draw in (axis.axvline, axis.axhline):
        draw(result.goal.threshold, color=BROWN, linewidth=0.9, linestyle="--")
    axis.plot(
        y, predicted, "o", color=BLUE, markersize=5.5, alpha=0.8, markeredgecolor="white", markeredgewidth=0.6
    )
    smallest = min(y.min(), predicted.min())
    if smallest > 0 and y.max() > 5 * smallest:  # most of the range would stand in one corner
        low = 0.85 * smallest
        axis.set_xscale("log")
        axis.set_yscale("log")
        for side in (axis.xaxis, axis.yaxis):
            _plain_ticks(side, low, high)
    axis.plot([low, high], [low, high], color=GREY, linewidth=1, zorder=1)
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    axis.set_aspect("equal")
    axis.set_xlabel(f"known {_label(result)}", fontsize=10)
    axis.set_ylabel(f"predicted without its host [{pretty_unit(result.goal.quantity.unit)}]", fontsize=10)
    unit = pretty_unit(result.goal.quantity.unit)
    axis.set_title(f"mean error {np.abs(y - predicted).mean():.2g} {unit}", fontsize=10, color=INK)
    return figure


def _plain_ticks(side: Any, low: float, high: float) -> None:
    """Numbers instead of powers of ten on a logarithmic axis of few decades."""
    steps = [m * 10.0**e for e in range(-4, 7) for m in (1, 2, 5)]
    ticks = [t for t in steps if low <= t <= high]
    side.set_ticks(ticks, [f"{t:g}" for t in ticks])
    side.set_ticks([], minor=True)


def material_map(result: ScreeningResult) -> Figure:
    """Candidates among known materials, in the two main directions of all features."""
    if result.features is None:
        raise InsufficientDataError(
            "a map needs the features of the candidates; make the result with 'screen'."
        )
    source = result.source_features
    at, at_source = _plane(result.features.X, None if source is None else source.X)
    figure, (axis,) = new_figure(width=6.4, height=4.4)
    axis.grid(visible=False)
    if at_source is not None:
        low, high = _view(at)
        away = int(((at_source < low) | (at_source > high)).any(axis=1).sum())
        label = f"source ({len(at_source)}{f', {away} outside the picture' if away else ''})"
        axis.set_xlim(low[0], high[0])
        axis.set_ylim(low[1], high[1])
        axis.plot(at_source[:, 0], at_source[:, 1], ".", color="#C9C9C9", markersize=5, label=label, zorder=1)
    chance = dict(zip(result.table["name"], result.table["probability"], strict=True))
    values = np.array([chance[entry.name] for entry in result.entries])
    known = np.array([entry.name in result.known for entry in result.entries])
    inside = result.prediction.in_domain | known
    for rows, marker, text in (
        (inside & ~known, "o", "candidate"),
        (~inside, "X", "unlike everything known"),
    ):
        if rows.any():
            drawn = axis.scatter(at[rows, 0], at[rows, 1], c=values[rows], cmap="viridis", vmin=0, vmax=1, s=46, marker=marker,
                                 edgecolors=INK, linewidths=0.4, label=f"{text} ({rows.sum()})", zorder=2)  # fmt: skip
            bar = drawn
    if known.any():
        axis.plot(
            at[known, 0],
            at[known, 1],
            "D",
            color=ORANGE,
            markersize=6.5,
            markeredgecolor=INK,
            label=f"known ({known.sum()})",
            zorder=3,
        )
    chosen = [i for i, entry in enumerate(result.entries) if entry.name in result.next_names]
    if chosen:
        axis.plot(at[chosen, 0], at[chosen, 1], "o", markersize=12, markerfacecolor="none", markeredgecolor=BROWN,
                  markeredgewidth=1.6, label="calculate next", zorder=4)  # fmt: skip
    if (~known).any():
        figure.colorbar(bar, ax=axis, label="probability of a hit [-]", shrink=0.85)
    axis.set_xlabel("first principal component of the features [-]", fontsize=10)
    axis.set_ylabel("second component [-]", fontsize=10)
    axis.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    return figure


def _plane(X: FloatArray, X_source: FloatArray | None) -> tuple[FloatArray, FloatArray | None]:
    """Places in the two main directions of the candidates, shapes (n_rows, 2) and (n_source_rows, 2)."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    everything = X if X_source is None else np.vstack([X, X_source])
    scaled = np.clip(StandardScaler().fit_transform(everything), -4, 4)
    at = PCA(2, random_state=0).fit(scaled[: len(X)]).transform(scaled)
    return at[: len(X)], None if X_source is None else at[len(X) :]


def _view(at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners of a picture that the candidates mostly fill, however far the source lies."""
    low, high = at.min(axis=0), at.max(axis=0)
    margin = 0.25 * np.maximum(high - low, 1e-6)
    return low - margin, high + margin


def rounds_figure(result: ScreeningResult, rounds: Sequence[Any]) -> Figure:
    """What each run of the closed loop found, in order, and the hits so far."""
    figure, (axis,) = new_figure(width=6.4, height=3.6)
    number, start = 0, 1
    for turn in rounds:
        for name in turn.names:
            number += 1
            if name in turn.values:
                value = turn.values[name]
                hit = bool(result.goal.met(np.array([value]))[0])
                axis.plot(number, value, "o", color=GREEN if hit else SKY, markersize=7, zorder=3)
                axis.annotate(
                    _short(name, 16),
                    (number, value),
                    xytext=(0, 7),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                )
            else:
                axis.plot(number, 0.04, "x", color=BROWN, transform=axis.get_xaxis_transform(), clip_on=False)
        axis.axvspan(
            start - 0.5, number + 0.5, color=PALE if turn.number % 2 else "white", alpha=0.5, zorder=0
        )
        start = number + 1
    axis.axhline(result.goal.threshold, color=BROWN, linewidth=1.2, linestyle="--")
    axis.set_xlim(0.5, number + 0.5)
    axis.margins(y=0.2)
    axis.set_xticks(range(1, number + 1))
    axis.set_xlabel("run [-]; shading separates rounds", fontsize=10)
    axis.set_ylabel(_label(result), fontsize=10)
    handles = [
        axis.plot([], [], "o", color=GREEN)[0], axis.plot([], [], "o", color=SKY)[0], axis.plot([], [], "x", color=BROWN)[0]
    ]  # fmt: skip
    axis.legend(
        handles,
        ["hit", "no hit", "failed run"],
        fontsize=8,
        frameon=False,
        ncols=3,
        loc="lower right",
        bbox_to_anchor=(1, 1),
    )
    return figure
