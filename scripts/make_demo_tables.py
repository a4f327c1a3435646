"""Write the embedded demonstration tables of the electrode application from the simulated line.

Run it after a change of the simulator: python scripts/make_demo_tables.py
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ionbridge.applications.electrodes.line_tasks import DEMO_SEED
from ionbridge.datasets import Table
from ionbridge.physics import generate_published_tables

FOLDER = Path(__file__).resolve().parents[1] / "src" / "ionbridge" / "applications" / "electrodes" / "data"
COMMENT = "# simulated, not measured: ionbridge.physics.ElectrodeLine({chemistry!r}), seed {seed}; see scripts/make_demo_tables.py\n"
N_DIGITS = 5  # significant; more than any laboratory reads


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one CSV file a chemistry, with a comment that says it is simulated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where to write (default: into the package)"
    )
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for chemistry, table in generate_published_tables(DEMO_SEED).items():
        path = folder / f"{chemistry}.csv"
        rounded(table).to_csv(path)
        path.write_text(
            COMMENT.format(chemistry=chemistry, seed=DEMO_SEED) + path.read_text(encoding="utf-8"),
            encoding="utf-8",
        )


def rounded(table: Table) -> Table:
    """The same table with numbers of `N_DIGITS` significant digits."""
    frame = table.frame.copy()
    for name in table.number_names:
        frame[name] = [float(f"{value:.{N_DIGITS}g}") for value in frame[name]]
    return Table.from_frame(
        frame, domain=table.domain, provenance=table.provenance, definitions=table.definitions
    )


if __name__ == "__main__":
    main()
