"""Draw the pictures of the README and the documentation from the demonstration tables.

Run it by hand after a change that moves the results: `.venv/bin/python docs/make_images.py`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ionbridge.applications.electrodes import demo_tables
from ionbridge.execution import open_executor
from ionbridge.studies import transfer_tables, write_report

IMAGES = Path(__file__).parent / "images"
PICTURES = {"learning_curves": "density_learning_curves", "shapley_values": "density_swarm"}


def main() -> None:
    """Run the transfer of `ionbridge demo` and keep two of its figures."""
    tables = demo_tables()
    with open_executor() as executor:
        outcome = transfer_tables(tables["graphite"], tables["nmc"], outputs="density", executor=executor)
    with tempfile.TemporaryDirectory() as folder:
        write_report(outcome, folder)
        for name, figure in PICTURES.items():
            shutil.copyfile(Path(folder) / "figures" / f"{figure}.png", IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
