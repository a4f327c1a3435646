"""Running commands as a user does, and small tables to run them on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ionbridge.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its whole stdout as one JSON document."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder with an empty model library."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(tmp_path / "library"))

    def run_command(*arguments: object) -> Outcome:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run_command


def electrodes(n_rows: int, scale: float, seed: int) -> dict[str, np.ndarray]:
    """Two settings and a density that falls with the roll gap; `scale` tells domains apart."""
    rng = np.random.default_rng(seed)
    roll_gap, solid_content = rng.uniform(20, 80, n_rows), rng.uniform(30, 45, n_rows)
    density = scale * (1.6 - 0.006 * roll_gap + 0.01 * solid_content) * rng.normal(1, 0.01, n_rows)
    return {"roll_gap_um": roll_gap, "solid_content_wt%": solid_content, "density_g_cm3": density}


def write_table(path: Path, columns: dict[str, np.ndarray], delimiter: str = ",", decimal: str = ".") -> Path:
    """Write columns as a delimited file."""
    rows = zip(*columns.values(), strict=True)
    lines = [delimiter.join(f"{value:.6g}".replace(".", decimal) for value in row) for row in rows]
    path.write_text("\n".join([delimiter.join(columns), *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A table of 40 rows, ``graphite.csv``."""
    return write_table(tmp_path / "graphite.csv", electrodes(40, 1.0, 0))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A table of 12 rows as a European spreadsheet writes it, ``nmc.csv``."""
    return write_table(tmp_path / "nmc.csv", electrodes(12, 1.5, 1), ";", ",")
