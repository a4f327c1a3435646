"""Simulate ageing cells with PyBaMM and train the lifetime model that ships with ionbridge, and an example file.

Run it after a change of ageing or lifetime models (extra: cells): python scripts/make_pretrained_lifetime.py
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ionbridge.applications.lifetime import LifetimeModel, evaluate
from ionbridge.datasets.cycling import CyclingRecord, load_record, save_record
from ionbridge.execution import Failure, open_executor, run_tasks
from ionbridge.library import ModelLibrary, pretrained_root
from ionbridge.physics.cells.ageing import AgeingConditions, ageing_cell
from ionbridge.physics.cells.ageing_histories import ageing_design
from ionbridge.physics.cells.ageing_records import ageing_record, ageing_series, write_bdf

NAME = "simulated-lifetime"
SEED = 2026
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "data" / "simulated_nmc_cell.csv"
SHARES = {"NMC": 0.4, "LFP": 0.35, "LCO": 0.25}
MAX_CYCLES = 2500.0  # then a test ends, and the cell is censored
N_CYCLES = 50  # seen by the model; from 20, its cross-validated error was twice as large
N_TEST = 5  # of the cells, every fifth is never learned from
COLUMNS = ("discharge_capacity", "charge_capacity", "charge_time")
RANGES: Mapping[str, tuple[float, float]] = {
    "charge_rate": (0.4, 1.2),
    "discharge_rate": (0.5, 1.5),
    "temperature": (288.15, 318.15),
    "sei_rate": (5.0, 40.0),
    "plating_rate": (0.3, 3.0),
    "cracking_rate": (2.0, 20.0),
    "loss_rate": (5.0, 50.0),
    "particle_radius": (0.85, 1.15),
}
EXAMPLE_CONDITIONS = AgeingConditions(
    charge_rate=0.6, discharge_rate=0.9, temperature=303.15, sei_rate=15, cracking_rate=6, loss_rate=15
)
STRATEGIES = ("gaussian_process", "random_forest", "linear", "inter_cell")
"""One is chosen by cross-validation; the average over all would weigh some 20 MB."""
NOTES = (
    "SIMULATED, not measured: every training cell is a single-particle model of PyBaMM (OKane2022 for NMC, Prada2013 "
    "for LFP, Ai2020 for LCO) with side reactions at 2 to 50 times their published rates. It shows how prediction "
    "works; train on measured cells before believing a number about one. Made by scripts/make_pretrained_lifetime.py."
)


def simulate_cells(n_cells: int, folder: Path, address: str | None) -> list[CyclingRecord]:
    """Cycle cells of all chemistries to their end of life; those that fail are named and left out.

    Finished cells are kept in `folder`, from which the next run resumes.
    """
    tasks: dict[str, tuple[Any, ...]] = {}
    for number, (chemistry, share) in enumerate(SHARES.items()):
        design = ageing_design(round(share * n_cells), ranges=RANGES, random_state=SEED + number)
        for i, conditions in enumerate(design):
            name = f"{chemistry}-{i + 1:03d}"
            tasks[name] = (chemistry, conditions.to_dict(), name, SEED + i, folder)
    with open_executor(address) as executor:
        found = run_tasks(_record, tasks, executor=executor, progress=True, label="cells")
    for failure in (item for item in found.values() if isinstance(item, Failure)):
        print(f"left out: {failure.key}: {failure}")
    return [load_record(item) for item in found.values() if not isinstance(item, Failure)]


def _record(chemistry: str, conditions: Mapping[str, float], cell_id: str, seed: int, folder: Path) -> str:
    """Simulate one cell, unless it is there; return its file."""
    path = folder / f"{cell_id}.json"
    if not path.exists():
        made = ageing_record(
            ageing_cell(chemistry),
            AgeingConditions(**conditions),
            cell_id,
            max_cycles=MAX_CYCLES,
            n_sampled=N_CYCLES,
            random_state=seed,
        )
        save_record(made, path)
    return str(path)


def train(records: Sequence[CyclingRecord], folder: Path) -> None:
    """Train on four fifths of the cells, save with the errors on the rest."""
    test = [r for i, r in enumerate(records) if i % N_TEST == N_TEST - 1]
    training = [r for i, r in enumerate(records) if i % N_TEST != N_TEST - 1]
    fitted = [
        LifetimeModel(N_CYCLES, COLUMNS, curves=False, strategy=name, random_state=SEED).fit(training)
        for name in STRATEGIES
    ]
    model = min(fitted, key=lambda candidate: candidate.cv_mape_)
    _, figures = evaluate(model, test)
    print(
        f"{len(training)} training cells; {model.strategy}; cross-validated MAPE {model.cv_mape_:.1f} %; test: {figures}"
    )
    card = ModelLibrary(folder, shipped=None).save(
        model,
        NAME,
        metrics={f"test_{name}": figures[name] for name in ("mape", "rmse", "coverage", "n_cells")},
        licence="Apache-2.0",
        tags=("simulated", "lifetime"),
        notes=NOTES,
        overwrite=True,
    )
    size = sum(path.stat().st_size for path in (folder / card.name).iterdir())
    print(f"saved {card.name} in {folder} ({size / 1e6:.2f} MB)")


def write_example(path: Path) -> None:
    """Write the first cycles of a cell that was not learned from, as a file in the Battery Data Format."""
    series = ageing_series(ageing_cell("NMC"), EXAMPLE_CONDITIONS, N_CYCLES, random_state=SEED)
    write_bdf(series, path)
    record = ageing_record(
        ageing_cell("NMC"), EXAMPLE_CONDITIONS, "example", n_sampled=N_CYCLES, random_state=SEED
    )
    print(
        f"wrote {path} ({path.stat().st_size / 1e3:.0f} kB); its life is {record.end_of_life_cycle:.0f} cycles"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, train, save, and write the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=90, help="simulated cells")
    parser.add_argument("--executor", help="'serial', 'dask' or an address; by default, all cores")
    parser.add_argument("--folder", type=Path, default=pretrained_root(), help="where the model is saved")
    parser.add_argument("--example", type=Path, default=EXAMPLE, help="where the example file is written")
    parser.add_argument("--keep", type=Path, help="folder of finished cells, to resume from")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        kept = given.keep or Path(temporary)
        kept.mkdir(parents=True, exist_ok=True)
        train(simulate_cells(given.cells, kept, given.executor), given.folder)
    write_example(given.example)


if __name__ == "__main__":
    main()
