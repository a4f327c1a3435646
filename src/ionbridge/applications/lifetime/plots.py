"""Figures of lifetime predictions: capacity trajectories with bands, and which known cells mattered.

The numbers behind them are in `LifetimePrediction`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.applications.lifetime.model import LifetimePrediction
from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import InsufficientDataError
from ionbridge.plugins import import_extra

__all__ = ["plot_influences", "plot_trajectories"]

LEGEND_MAX = 12
PANELS_MAX = 6
CELLS_A_PANEL = 8


def plot_trajectories(
    prediction: LifetimePrediction, records: Sequence[CyclingRecord], path: str | Path
) -> Path:
    """Draw the predicted state of health with its band beside what was measured, to an image file.

    Raises
    ------
    InsufficientDataError
        If the model has no trajectories.
    """
    if not prediction.trajectories:
        raise InsufficientDataError(
            "this model has no trajectories: none of its training cells stored a whole life."
        )
    figure, axes = _figure(1, 1, (7, 4.5))
    panel, life = axes[0], prediction.life
    for i, (t, record) in enumerate(zip(prediction.trajectories, records, strict=True)):
        (line,) = panel.plot(t.cycles, t.mean, lw=1.5, label=record.cell_id if i < LEGEND_MAX else None)
        colour = line.get_color()
        panel.fill_between(t.cycles, t.lower, t.upper, color=colour, alpha=0.15, linewidth=0)
        panel.plot(record.cycle_numbers, record.state_of_health, ".", ms=2, color=colour)
        upper = life.upper[i] if np.isfinite(life.upper[i]) else life.mean[i]
        panel.plot([life.lower[i], upper], [t.mean[-1]] * 2, "|-", ms=8, lw=1, color=colour)
    panel.set(xlabel="cycle number [cycle]", ylabel="state of health [-]")
    panel.set_title(f"lines: predicted, with {life.level:.0%} bands; dots: measured", fontsize="small")
    panel.legend(fontsize="small")
    return _save(figure, path)


def plot_influences(prediction: LifetimePrediction, path: str | Path) -> Path:
    """Draw for up to six cells which known cells moved the prediction, and by how much.

    Raises
    ------
    InsufficientDataError
        If no known cell was ever left out, so that influences are not known.
    """
    if not prediction.influences.size:
        raise InsufficientDataError(
            "this model was fitted without leaving cells out, so it is not known which of them mattered."
        )
    shown = prediction.strongest(CELLS_A_PANEL)[:PANELS_MAX]
    n_columns = min(len(shown), 3)
    n_rows = -(-len(shown) // n_columns)
    figure, axes = _figure(n_rows, n_columns, (0.6 + 3.4 * n_columns, 0.6 + 2.4 * n_rows))
    for panel, cell_id, mean, cells in zip(
        axes, prediction.cell_ids, prediction.life.mean, shown, strict=False
    ):
        names, values = list(cells)[::-1], 100.0 * np.array(list(cells.values()))[::-1]
        panel.barh(names, values, color=np.where(values > 0, "tab:blue", "tab:orange"))
        panel.axvline(0.0, color="black", lw=0.8)
        panel.set_title(f"{cell_id}: {mean:.0f} cycles", fontsize="small")
        panel.tick_params(labelsize="x-small")
        panel.set_xlabel("change of the predicted life [%]", fontsize="small")
    for panel in axes[len(shown) :]:
        panel.set_visible(False)
    return _save(figure, path)


def _figure(n_rows: int, n_columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    figure = import_extra("matplotlib.figure", "report").Figure(figsize=size, layout="constrained")
    return figure, np.ravel(figure.subplots(n_rows, n_columns, squeeze=False))


def _save(figure: Any, path: str | Path) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
