"""The examples run, and so does the plug-in that the documentation shows, built as users build it.

What the examples compute is tested in the rooms they use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((PROJECT / "examples").glob("*.py"))
PLUGIN = PROJECT / "examples" / "plugin"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "SMOKE_TEST": "1", "EXAMPLE_OUT": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_in_percent_format(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# %% [markdown]\n")
    assert text.count("\n# %%\n") >= 2


@pytest.mark.parametrize("path", sorted(PLUGIN.glob("*.py")), ids=lambda path: path.stem)
def test_plugin_modules_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which the example plug-in was installed by pip."""
    folder = tmp_path_factory.mktemp("plugin")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    done = subprocess.run(
        [*command, "--target", str(folder), str(PLUGIN)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


USE = """
import io, os
from pathlib import Path
import numpy as np
from ionbridge import plugins
from ionbridge.datasets import read_table
from ionbridge.applications.electrodes import demo_tables
from ionbridge.library import ModelLibrary
from ionbridge.transfer import TransferModel

assert "level_shift" in plugins.names("ionbridge.strategies")
tables = demo_tables()
source, target = tables["graphite"], tables["nmc"]
inputs = [target.quantity(name) for name in ("roll_gap", "comma_gap")]
model = TransferModel(inputs, target.quantity("density"), "level_shift").fit(target, source)
assert model.cv_mape_ < 30

library = ModelLibrary(Path("library"))
library.save(model, "shifted")
rows = model.X_target_[:5]
assert np.array_equal(library.load("shifted").predict_mean(rows), model.predict_mean(rows))

Path("week12.mlog").write_text("gap=0.05 v=0.5 T=60\\ngap=0.06 v=0.5 T=60\\n", encoding="utf-8")
assert read_table("week12.mlog").column("roll_gap").tolist() == [50.0, 60.0]

line = plugins.load("ionbridge.simulators", "areal_capacity")()
table = line.simulate({"mass_loading": [20.0], "specific_capacity": [150.0]}, noise=False)
assert table.column("areal_capacity").tolist() == [3.0]
assert table.domain.origin == "simulation"
"""


def test_installed_plugin_strategy_reader_and_simulator_work(installed: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "IONBRIDGE_PLUGINS": "on",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", USE],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_plugins_can_be_turned_off(installed: Path, tmp_path: Path) -> None:
    code = "from ionbridge import plugins; assert 'level_shift' not in plugins.names('ionbridge.strategies')"
    environment = {**os.environ, "PYTHONPATH": str(installed), "IONBRIDGE_PLUGINS": "off"}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True)
