"""Training, predicting and evaluating cycle life from the command line."""

from __future__ import annotations

import csv
import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.ensemble import ExtraTreesRegressor

from ionbridge.applications.lifetime import members
from ionbridge.cli import main
from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling import CyclingRecord, CyclingSet, save_set
from ionbridge.models import Forest

from .conftest import Run

LIVES = (60, 75, 90, 110, 140, 170, 210)
NEW_LIVES = (80, 130)


def cell(life: int, name: str, *, chemistry: str = "NMC", seed: int = 0) -> CyclingRecord:
    """A cell that fades linearly from 1.0 of nominal to 0.8 at `life`, with noise."""
    number = np.arange(1.0, life + 1)
    noise = np.random.default_rng(life + seed).normal(0, 2e-4, len(number))
    return CyclingRecord(
        cell_id=f"{name}{life}",
        domain=Domain(name, chemistry=f"{chemistry}/graphite"),
        nominal_capacity=2.0,
        cycles=pd.DataFrame(
            {"cycle_number": number, "discharge_capacity": 2.0 * (1.0 - 0.2 * number / life + noise)}
        ),
        temperature=298.0,
        end_of_life_cycle=float(life),
        last_cycle=float(life),
    )


def cells(lives: tuple[int, ...], name: str, **settings: object) -> CyclingSet:
    return CyclingSet(tuple(cell(life, name, **settings) for life in lives), name)  # type: ignore[arg-type]


def alive(record: CyclingRecord) -> CyclingRecord:
    kept = record.first_cycles(50)
    return replace(kept, end_of_life_cycle=None, last_cycle=50.0)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saved sets of cells and a library with a model of them, by the default strategy."""
    folder = tmp_path_factory.mktemp("lab")
    save_set(cells(LIVES, "lab"), folder / "failed")
    save_set(cells(NEW_LIVES, "new"), folder / "later")
    save_set(cells(LIVES[:2], "few"), folder / "few")
    save_set(CyclingSet(tuple(map(alive, cells(NEW_LIVES, "alive"))), "alive"), folder / "alive")
    save_set(cells(LIVES, "other", chemistry="LFP", seed=7), folder / "other")
    quick = functools.partial(members._inter_cell, epochs=30, n_members=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IONBRIDGE_LIBRARY", str(folder / "library"))
        patch.setattr(members, "_inter_cell", quick)
        patch.setattr(members, "Forest", lambda **settings: Forest(**{**settings, "n_trees": 20}))
        patch.setattr(
            members, "ExtraTreesRegressor", lambda _, **settings: ExtraTreesRegressor(20, **settings)
        )
        done = CliRunner().invoke(main, ["lifetime", "train", str(folder / "failed"), "--name", "lab"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def use(run: Run, lab: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `ionbridge lifetime` with the library of `lab`."""
    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(lab / "library"))
    return lambda *arguments: run("lifetime", *arguments)


def test_a_saved_model_predicts_new_cells(use: Run, lab: Path) -> None:
    done = use("predict", "lab", lab / "later", "--at", 40, "--json")
    assert done.code == 0, done.err
    found = done.json
    assert found["cell_ids"] == ["new80", "new130"]
    np.testing.assert_allclose(found["mean"], NEW_LIVES, rtol=0.25)
    assert all(
        low < life < high for low, life, high in zip(found["lower"], NEW_LIVES, found["upper"], strict=True)
    )
    assert found["health_at"]["cycle"] == 40
    health = [v for v in found["trajectories"][0]["state_of_health"] if v is not None]
    assert health[-1] == pytest.approx(0.8, abs=0.02)
    assert found["trajectories"][0]["cycle"][-1] == pytest.approx(found["upper"][0])
    assert "lab" in found["references"][0][0]


def test_tables_and_plots_are_written(use: Run, lab: Path) -> None:
    done = use("predict", "lab", lab / "later", "--out", "lives.csv", "--plot", "lives.png",
               "--plot-references", "why.png")  # fmt: skip
    assert done.code == 0, done.err
    with Path("lives.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell_id"] for row in rows] == ["new80", "new130"]
    assert all(Path(name).read_bytes().startswith(b"\x89PNG") for name in ("lives.png", "why.png"))
    assert "life_cycles" in done.out


@pytest.mark.filterwarnings("default::ionbridge.exceptions.IonBridgeWarning")
def test_predictions_are_compared_with_what_happened(use: Run, lab: Path) -> None:
    done = use("evaluate", "lab", lab / "later", "--json")
    assert done.code == 0, done.err
    assert done.json["mape"] < 25
    assert done.json["coverage"] == 1.0
    assert [row["observed_cycles"] for row in done.json["cells"]] == list(NEW_LIVES)
    assert not done.err
    assert "RMSE [cycle]" in use("evaluate", "lab", lab / "later").out
    assert (
        "7 of 7 cells were among those the model was trained on" in use("evaluate", "lab", lab / "failed").err
    )


def test_two_cells_are_enough_with_another_chemistry(use: Run, lab: Path) -> None:
    done = use("train", lab / "few", lab / "alive", "--source", lab / "other", "--name", "moved", "--json")
    assert done.code == 0, done.err
    assert (done.json["cells"], done.json["cells not failed yet"]) == (4, 2)
    assert use("evaluate", "moved", lab / "later", "--json").json["mape"] < 60


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("predict lab missing.csv", "missing.csv does not exist"),
        ("predict lab binary.csv", "binary.csv is not a text file"),
        ("predict lab empty.csv", "empty.csv is empty"),
        ("predict lab LAB/short", "has 4 cycles among its first 20; at least 5 are needed"),
        ("predict lab LAB/failed:test", "unknown split of lab 'test'"),
        ("predict lab LAB/later LAB/later", "cells 'new80' and 'new80' hold the same measurements"),
        ("predict lco-rom LAB/later", "lco-rom is not a lifetime model"),
        ("evaluate lco-rom LAB/later", "lco-rom is not a lifetime model"),
        ("predict lab LAB/later --plot lives.xyz", "lives.xyz"),
        ("predict lab LAB/later --nominal-capacity 0", "--nominal-capacity"),
        ("predict lab LAB/later --at -5", "--at"),
        ("evaluate lab LAB/alive", "none of the cells was cycled to its end"),
        ("train LAB/few --name x", "at least 3 cells cycled to their end (one, with a source chemistry); got 2"),
        ("train LAB/failed --name lab", "there is already a model 'lab'"),
        ("train LAB/failed --name x --strategy magic", "unknown strategy 'magic'; known: auto, film_adapter"),
        ("train LAB/failed --name x --cycles 3", "--cycles"),
        ("train LAB/failed --name x --source LAB/failed", "also between the cells and their source"),
        ("train LAB/few --name x --source LAB/other --strategy inter_cell", "learns without a source"),
        ("train LAB/few --name x --chemistry LFP", "no cell of chemistry 'LFP'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(use: Run, lab: Path, arguments: str, expected: str) -> None:
    Path("binary.csv").write_bytes(bytes(range(256)) * 40)
    Path("empty.csv").touch()
    if not (lab / "short").exists():
        save_set(CyclingSet((cell(80, "short").first_cycles(4),), "short"), lab / "short")
    done = use(*arguments.replace("LAB", str(lab)).split())
    assert done.code == 2
    assert expected in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("chemistry", "reason"),
    [
        ("NMC/graphite", ""),
        ("NMC", ""),
        ("LFP", "chemistry LFP is not among ['NMC/graphite']"),
        ("NMC/LTO", "chemistry NMC/LTO is not among ['NMC/graphite']"),
        ("", "its chemistry is not named; training cells were NMC/graphite"),
    ],
)
def test_a_cathode_leaves_the_anode_open(chemistry: str, reason: str) -> None:
    from ionbridge.applications.lifetime import TrainingConditions

    conditions = TrainingConditions.from_records(cells(LIVES, "lab").records)
    record = replace(cell(80, "new"), domain=Domain("new", chemistry=chemistry))
    assert conditions.reasons(record) == ([reason] if reason else [])


def test_files_of_one_name_are_told_apart_by_their_folders(use: Run) -> None:
    for name, scale in (("first", 1.0), ("second", 0.9)):
        Path(name).mkdir()
        write_cycler_file(Path(name) / "data.csv", scale)
    done = use("predict", "lab", "first/data.csv", "second/data.csv", "--chemistry", "NMC", "--json")
    assert done.code == 0, done.err
    assert done.json["cell_ids"] == ["first/data", "second/data"]
    Path("copy.csv").write_bytes(Path("first/data.csv").read_bytes())
    done = use("predict", "lab", "first/data.csv", "copy.csv")
    assert "'data' and 'copy' hold the same measurements" in done.err


def write_cycler_file(path: Path, scale: float) -> None:
    """Twenty-two cycles at constant current, in the Battery Data Format."""
    lines, time = ["Test Time / s,Current / A,Voltage / V,Cycle Count / 1"], 0.0
    for cycle in range(1, 23):
        for sign in (1, -1):
            duration = 3600 * scale * (1 - 0.002 * cycle)
            for share in np.linspace(0, 1, 25):
                voltage = 3.0 + 1.2 * (share if sign > 0 else 1 - share)
                lines.append(f"{time + share * duration:.2f},{sign * 2.0},{voltage:.4f},{cycle}")
            time += duration + 10
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
