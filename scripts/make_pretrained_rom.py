"""Simulate LCO cells with PyBaMM and train the reduced-order model that ships with ionbridge.

Run it after a change of the reduced-order models (extra: cells): python scripts/make_pretrained_rom.py
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from ionbridge.datasets.profiles import CellSeries
from ionbridge.execution import open_executor
from ionbridge.library import ModelLibrary, pretrained_root
from ionbridge.models.reduced_order import CellROM, ReducedCell, calibrate, train_rom
from ionbridge.physics.cells import cell_parameters
from ionbridge.physics.cells.design import DesignOfExperiments
from ionbridge.physics.cells.generation import generate

NAME = "lco-rom"
CELLS = {"Ai2020": 100}
N_TEST = 6
NOTES = (
    "SIMULATED, not measured: trained on full-order (DFN) simulations with lumped temperature by PyBaMM of the "
    "parameter set Ai2020, 5 to 45 degC, 0.2C to 3C, discharges, charges, "
    "pulses and random cycles. Resistances, diffusivities and kinetics of the reduced physics were calibrated to the "
    "same simulations. Made by scripts/make_pretrained_rom.py."
)


def simulated(cell: str, n_runs: int, folder: Path, address: str | None, seed: int = 0) -> list[CellSeries]:
    """Full-order simulations of one parameter set."""
    design = DesignOfExperiments(cell, n_runs, cycle_period=5.0, random_state=seed)
    with open_executor(address) as executor:
        result = generate(design, folder / f"{cell}-{n_runs}-{seed}", executor)
    for failure in result.failures:
        print(f"left out: {failure.name}: {failure.reason}")
    return list(result.series)


def judged(rom: CellROM, tests: list[CellSeries]) -> dict[str, float]:
    """Errors on series that the model never saw."""
    runs = rom.simulate_many([s.profile for s in tests], [s.initial_soc for s in tests], stop_at_limits=False)
    settled = [s.settled() for s in tests]
    pairs = list(zip(runs, tests, settled, strict=True))
    voltage = [np.sqrt(np.mean((r.series.voltage - s.voltage)[ok] ** 2)) for r, s, ok in pairs]
    warm = [np.sqrt(np.mean((r.series.temperature - s.temperature) ** 2)) for r, s, _ in pairs]
    inside = [
        np.mean(((s.voltage >= r.lower) & (s.voltage <= r.upper))[ok])
        for r, s, ok in pairs
        if r.lower is not None and r.upper is not None
    ]
    return {
        "test_rmse_mV": 1e3 * float(np.mean(voltage)),
        "test_temperature_rmse_K": float(np.mean(warm)),
        "test_coverage_90": float(np.mean(inside)),
    }


def main() -> None:
    """Generate, calibrate, train, judge and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="keeps simulations, so that a run resumes (default: temporary)"
    )
    parser.add_argument("--address", default=None, help="of an executor; 'serial' for this process")
    parser.add_argument("--out", type=Path, default=pretrained_root(), help="folder of the library")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        series, cells = [], {}
        for name, n_runs in CELLS.items():
            own = simulated(name, n_runs, folder, args.address)
            cells[name], _ = calibrate(ReducedCell.from_parameters(cell_parameters(name)), own[::4])
            series += own
        tests = simulated("Ai2020", N_TEST, folder, args.address, seed=1)
    rom = train_rom(series, cells)
    figures = {**rom.figures, **judged(rom, tests)}
    print({name: round(value, 3) for name, value in figures.items()})
    card = ModelLibrary(args.out, shipped=None).save(
        rom,
        NAME,
        metrics=figures,
        licence="Apache-2.0",
        tags=["cell-rom", "LCO", "simulated"],
        notes=NOTES,
        overwrite=True,
    )
    print(f"saved {card.name} in {args.out}")


if __name__ == "__main__":
    main()
