"""Draw the picture of the page on simulating cells: Ai2020 by DFN beside the cell it was fitted to.

Run it by hand after a change that moves the results: `.venv/bin/python docs/make_cell_images.py`; it
needs the extra `cells` and the data set `enertech_lco_ai2020`.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from ionbridge.datasets.readers.profiles import read_enertech_lco
from ionbridge.physics.cells import cell_parameters, simulate

COLOURS = ("#0072B2", "#009E73", "#E69F00", "#D55E00")
INITIAL_SOC = 0.99  # of the initial concentrations of Ai2020


def main() -> None:
    """Simulate the four measured discharges and draw voltage, temperature and plating margin."""
    cell = cell_parameters("Ai2020")
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.1), constrained_layout=True)
    for measured, colour in zip(read_enertech_lco(period=10.0), COLOURS, strict=True):
        series = simulate(cell, measured.profile, "DFN", initial_soc=INITIAL_SOC)
        solid, dashed = {"color": colour, "lw": 1.6}, {"color": colour, "lw": 1.0, "ls": "--"}
        rate = measured.name.removeprefix("discharge ")
        axes[0].plot(-measured.charge, measured.voltage, label=rate, **solid)
        axes[0].plot(-series.charge, series.voltage, **dashed)
        if measured.has_temperature:
            axes[1].plot(-measured.charge, measured.temperature - 273.15, **solid)
        axes[1].plot(-series.charge, series.temperature - 273.15, **dashed)
        axes[2].plot(-series.charge, series.states["plating_margin"], **dashed)
    axes[0].plot([], [], color="0.3", lw=1.6, label="measured")
    axes[0].plot([], [], color="0.3", lw=1.0, ls="--", label="DFN")
    axes[0].legend(frameon=False, fontsize=8, ncol=2, loc="lower left")
    labels = ("Voltage [V]", "Temperature [°C]", "Plating margin [V]")
    for axis, label, letter in zip(axes, labels, "abc", strict=True):
        axis.set(xlabel="Charge passed [Ah]", ylabel=label)
        axis.text(-0.16, 1.02, letter, transform=axis.transAxes, fontweight="bold")
    figure.savefig(Path(__file__).parent / "images" / "cell_simulation.png", dpi=160)


if __name__ == "__main__":
    main()
