"""Write example crystals for `ionbridge screen`: published prototypes with exchanged elements, and their values.

Values are bond-valence percolation barriers, computed here and no measurements:
python scripts/make_example_structures.py example-structures
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

from ionbridge.datasets.structures import Structure
from ionbridge.execution import open_executor
from ionbridge.physics.materials import BondValenceBarrier, prototype, run_batch, substituted

OXIDE_METALS = ("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Al", "Ga", "In", "Y")
OLIVINE_METALS = ("Mg", "Mn", "Fe", "Co", "Ni", "Zn", "Cd", "Ca")
THREE_AND_FOUR = ("Ti", "V", "Cr", "Mn", "Co", "Ni")  # a spinel LiM2O4 needs both states
OXIDES = {"LiCoO2": "Co", "LiTiS2": "Ti", "LiMn2O4": "Mn"}


def oxides() -> dict[str, Structure]:
    """Layered oxides, layered sulphides and spinels of lithium, by name."""
    made = {}
    for name, metal in OXIDES.items():
        for other in THREE_AND_FOUR if metal == "Mn" else OXIDE_METALS:
            label = name.replace(metal, other, 1)
            made[label] = substituted(prototype(name), {metal: other}, label)
    return made


def olivines() -> dict[str, Structure]:
    """Phosphates, arsenates and vanadates of lithium with the structure of LiFePO4, by name."""
    made = {}
    for centre in ("P", "As", "V"):
        for metal in OLIVINE_METALS:
            label = f"Li{metal}{centre}O4"
            made[label] = substituted(prototype("LiFePO4"), {"Fe": metal, "P": centre}, label)
    return made


def write(folder: Path, structures: dict[str, Structure], n_known: int | None = None) -> None:
    """Write one CIF a structure, and a CSV with the barriers of the first `n_known`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, structure in structures.items():
        structure.to_pymatgen().to(filename=str(folder / f"{name}.cif"))
    chosen = dict(list(structures.items())[:n_known])
    engine = BondValenceBarrier(resolution=0.4)
    with open_executor() as pool:
        outcome = run_batch(engine, chosen, executor=pool, cache=folder / ".runs", progress=True)
    values = {name: result.values["migration_barrier"] for name, result in outcome.results.items()}
    with (folder / "values.csv").open("w", newline="", encoding="utf-8") as file:
        file.write("# computed by ionbridge.physics.materials.BondValenceBarrier, not measured\n")
        writer = csv.writer(file)
        writer.writerow(["name", "migration_barrier_eV"])
        writer.writerows([name, f"{value:.4f}"] for name, value in values.items())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write ``source/`` (oxides and sulphides with values), ``candidates/`` and ``known.csv`` (8 of them)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    write(folder / "source", oxides())
    write(folder / "candidates", olivines(), n_known=8)
    (folder / "candidates" / "values.csv").rename(folder / "known.csv")


if __name__ == "__main__":
    main()
