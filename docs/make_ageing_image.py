"""Draw the picture of the page on ageing: errors of the indicators over the number of target histories.

Run it by hand after `benchmarks/ageing.py --out ageing.json`: `.venv/bin/python docs/make_ageing_image.py ageing.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from ionbridge.applications.cell_rom.ageing_indicators import AGEING_INDICATORS

TICKS = (1, 2, 3, 5, 10, 15, 20, 30, 50, 100, 200, 500)
TARGET_ONLY = ("gaussian_process", "linear", "random_forest", "mean", "gaussian_process_raw")


def main(path: Path) -> None:
    """Draw one panel an indicator: with the source, and the best of what never saw it."""
    figures = json.loads(path.read_text(encoding="utf-8"))
    sizes = figures["settings"]["sizes"]
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(2, 4, figsize=(10, 4.6), constrained_layout=True, sharex=True)
    for axis, (name, letter) in zip(axes.flat, zip(AGEING_INDICATORS, "abcdefgh", strict=True), strict=True):
        error = {
            key: [figures[f"ageing_mape/{name}/{n}/{key}"] for n in sizes] for key in ("auto", *TARGET_ONLY)
        }
        best = [min(error[key][i] for key in TARGET_ONLY) for i in range(len(sizes))]
        axis.plot(sizes, best, "o--", color="0.45", lw=1.3, ms=4, label="LFP alone, best model")
        axis.plot(sizes, error["auto"], "o-", color="#0072B2", lw=1.6, ms=4, label="with 300 NMC histories")
        axis.set(xscale="log", yscale="log", title=name.replace("_", " ").replace("sei", "SEI"))
        axis.set_xticks(sizes, [str(n) for n in sizes])
        axis.minorticks_off()
        ticks = [t for t in TICKS if axis.get_ylim()[0] <= t <= axis.get_ylim()[1]]
        axis.set_yticks(ticks, [str(t) for t in ticks])
        axis.grid(axis="y", color="0.9")
        axis.text(-0.2, 1.06, letter, transform=axis.transAxes, fontweight="bold")
    for axis in axes[1]:
        axis.set_xlabel("LFP histories")
    for axis in axes[:, 0]:
        axis.set_ylabel("Error at 500 cycles [%]")
    axes[0, 0].legend(frameon=False, fontsize=7.5)
    figure.savefig(Path(__file__).parent / "images" / "ageing_errors.png", dpi=160)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
