"""Plots of predicted ageing trajectories. The predictions are made in `ageing.py`."""

from __future__ import annotations

from pathlib import Path

from ionbridge.applications.cell_rom.ageing import AgeingPrediction
from ionbridge.applications.cell_rom.ageing_indicators import AGEING_INDICATORS
from ionbridge.plugins import import_extra

__all__ = ["plot_ageing"]

MOST_LABELS = 8


def plot_ageing(prediction: AgeingPrediction, path: str | Path) -> Path:
    """Draw every indicator over equivalent cycles with its interval to an image file.

    One line a cell, dashed where its conditions are unlike those of the histories.
    """
    figure_module = import_extra("matplotlib.figure", "report")
    names = list(prediction.mean)
    n_columns = min(4, len(names))
    n_rows = -(-len(names) // n_columns)
    figure = figure_module.Figure(figsize=(3.2 * n_columns, 2.7 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for panel, name in zip(axes.ravel(), names, strict=False):
        for i, is_inside in enumerate(prediction.in_domain):
            label = f"cell {i + 1}" + ("" if is_inside else " (unlike the histories)")
            (line,) = panel.plot(
                prediction.equivalent_cycles,
                prediction.mean[name][i],
                "-" if is_inside else "--",
                label=label,
            )
            panel.fill_between(
                prediction.equivalent_cycles,
                prediction.lower[name][i],
                prediction.upper[name][i],
                color=line.get_color(),
                alpha=0.15,
                linewidth=0,
            )
        panel.set(xlabel="equivalent cycles [cycle]", ylabel=AGEING_INDICATORS[name].quantity.label)
    for panel in axes.ravel()[len(names) :]:
        panel.set_axis_off()
    if 1 < len(prediction.in_domain) <= MOST_LABELS:
        axes[0, 0].legend(fontsize="x-small")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
