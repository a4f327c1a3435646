"""Figures of lifetime predictions: capacity trajectories with bands, and the known cells beside each.

The numbers behind them are in `LifetimePrediction`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.applications.lifetime.model import LifetimePrediction
from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.plugins import import_extra

__all__ = ["plot_references", "plot_trajectories"]

TRAJECTORIES_MAX = 12
PANELS_MAX = 6


def plot_trajectories(
    prediction: LifetimePrediction, records: Sequence[CyclingRecord], path: str | Path
) -> Path:
    """Draw the state of health of the first twelve cells, a panel each, to an image file.

    Predicted with its band, what was measured, and the interval of the life at its end.

    Raises
    ------
    InsufficientDataError
        If the model has no trajectories.
    """
    if not prediction.trajectories:
        raise InsufficientDataError(
            "this model has no trajectories: none of its training cells stored a whole life."
        )
    shown = list(zip(prediction.trajectories, records, strict=True))[:TRAJECTORIES_MAX]
    figure, axes = _panels(len(shown), 4, (2.6, 2.1), share=True)
    life = prediction.life
    for i, (panel, (t, record)) in enumerate(zip(axes, shown, strict=False)):
        panel.fill_between(t.cycles, t.lower, t.upper, color="tab:blue", alpha=0.2, linewidth=0)
        panel.plot(t.cycles, t.mean, color="tab:blue", lw=1.5, label=f"predicted, {life.level:.0%} band")
        number, health = record.cycle_numbers, record.state_of_health
        panel.plot(number, health, ".", ms=2, color="black", label="measured")
        if np.isfinite(life.upper[i]):
            ends = [life.lower[i], life.upper[i]]
            panel.plot(
                ends, [np.nanmin(t.mean)] * 2, "|-", color="tab:red", ms=7, label="interval of the life"
            )
        panel.set_title(f"{record.cell_id}: {life.mean[i]:.0f} cycles", fontsize="small")
        panel.tick_params(labelsize="x-small")
    _finish(figure, axes[0], "cycle number [cycle]", "state of health [-]")
    return _save(figure, path)


def plot_references(prediction: LifetimePrediction, path: str | Path) -> Path:
    """Draw for the first six cells the known cells most like them, the most similar on top.

    Their lives, what the inter-cell network (where it is among the models) predicts through each
    of them, and the prediction with its interval.
    """
    n_cells = min(len(prediction.cell_ids), PANELS_MAX)
    figure, axes = _panels(n_cells, 3, (3.2, 2.2))
    life = prediction.life
    for i, panel in enumerate(axes[:n_cells]):
        names = prediction.references[i]
        place = np.arange(len(names), 0, -1)
        upper = life.upper[i] if np.isfinite(life.upper[i]) else life.mean[i]
        panel.axvspan(life.lower[i], upper, color="tab:blue", alpha=0.15, linewidth=0, label="interval")
        panel.axvline(life.mean[i], color="tab:blue", lw=1.5, label="predicted")
        panel.plot(
            prediction.reference_lives[i], place, "o", ms=5, color="black", label="life of the known cell"
        )
        answers = prediction.reference_answers[i]
        if np.isfinite(answers).any():
            panel.plot(answers, place, "D", ms=4, mfc="none", color="tab:red", label="predicted through it")
        panel.set_yticks(place, names, fontsize="x-small")
        panel.tick_params(axis="x", labelsize="x-small")
        panel.set_title(f"{prediction.cell_ids[i]}: {life.mean[i]:.0f} cycles", fontsize="small")
    _finish(figure, axes[0], "cycle life [cycle]", "known cell, most similar on top")
    return _save(figure, path)


def _panels(n: int, most_columns: int, size: tuple[float, float], *, share: bool = False) -> tuple[Any, Any]:
    """Figure with `n` visible panels of `size` [inch], shape (n_panels,)."""
    n_columns = min(n, most_columns)
    n_rows = -(-n // n_columns)
    inches = (max(1.2 + size[0] * n_columns, 5.0), 1.2 + size[1] * n_rows)
    figure = import_extra("matplotlib.figure", "report").Figure(figsize=inches, layout="constrained")
    axes = np.ravel(figure.subplots(n_rows, n_columns, squeeze=False, sharex=share, sharey=share))
    for panel in axes[n:]:
        panel.set_visible(False)
    return figure, axes


def _finish(figure: Any, panel: Any, x: str, y: str) -> None:
    """Common labels, and the legend of one panel above all of them."""
    figure.supxlabel(x, fontsize="medium")
    figure.supylabel(y, fontsize="medium")
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize="small")


def _save(figure: Any, path: str | Path) -> Path:
    path = Path(path)
    formats = sorted(figure.canvas.get_supported_filetypes())
    if path.suffix.lower().lstrip(".") not in formats:
        raise ConfigurationError(f"{path} is no image; its name must end in one of: {', '.join(formats)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
