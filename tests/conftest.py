"""What every test of ionbridge shares: isolation from the machine, and the folder of real data.

Fixtures of one room live in the tests of that room.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("IONBRIDGE_PLUGINS", "off")


@pytest.fixture(autouse=True)
def _own_library(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the models that a test saves by default out of the user's library."""
    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(tmp_path_factory.getbasetemp() / "library"))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the published measurements; tests that need it are skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("IONBRIDGE_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no measured data at {folder}; set IONBRIDGE_DATA to its folder")
    return folder
