"""`ionbridge rom`: from series to a model, another cell, a simulation, an export; and bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ionbridge.applications.cell_rom import inputs
from ionbridge.datasets.profiles import save_series_set
from ionbridge.library import ModelLibrary
from ionbridge.models.network import NetworkRegressor
from tests.applications.cell_rom.tiny_rom import tiny_cell, tiny_profile, tiny_rom, tiny_series

from .conftest import Run

Write = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path, run: Run) -> str:
    """The tiny model in the library of this test."""
    ModelLibrary().save(tiny_rom(), "tiny")
    return "tiny"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write columns as a CSV file."""

    def write_csv(name: str, **columns: Any) -> Path:
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return path

    return write_csv


@pytest.fixture
def series_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stored series of the tiny cell, which takes the place of a parameter set."""
    monkeypatch.setattr(inputs, "load_cell", lambda *_, **__: tiny_cell())
    save_series_set(tiny_series(3, 400.0, 100.0), tmp_path / "series" / "all")
    return tmp_path / "series"


def profile_columns(current: float = -2.0, n: int = 50) -> dict[str, Any]:
    return {"time_s": np.arange(n) * 10.0, "current_A": np.full(n, current)}


def test_simulate_writes_columns_with_units_and_a_plot(
    run: Run, saved: str, write: Write, tmp_path: Path
) -> None:
    path = write("drive.csv", **profile_columns())
    done = run("rom", "simulate", saved, path, "--initial-soc", 0.9, "--out", "out.csv", "--plot", "out.png")
    assert done.code == 0, done.err
    assert "completed" in done.out
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"time_s", "voltage_V", "voltage_lower_V", "temperature_degC", "soc", "plating_margin_V"} <= set(
        rows[0]
    )
    assert len(rows) == 50
    assert float(rows[0]["voltage_lower_V"]) < float(rows[0]["voltage_V"]) < float(rows[0]["voltage_upper_V"])
    assert (tmp_path / "out.png").stat().st_size > 10_000


def test_a_profile_that_leaves_the_window_stops_visibly(
    run: Run, saved: str, write: Write, tmp_path: Path
) -> None:
    path = write("long.csv", **profile_columns(-4.0, 400))
    done = run("rom", "simulate", saved, path, "--initial-soc", 0.5, "--out", "out.csv")
    assert done.code == 0
    assert "would fall below the lower limit of 2.2 V" in done.err
    assert "lower_voltage_limit" in done.out
    assert "nan" not in (tmp_path / "out.csv").read_text().lower()
    told = run("rom", "simulate", saved, path, "--initial-soc", 0.5, "--json").json
    assert told["status"] == "lower_voltage_limit"
    assert told["simulated_s"] < 3990
    assert len(told["columns"]["voltage_V"]) == len(told["columns"]["time_s"])
    on = run("rom", "simulate", saved, path, "--initial-soc", 0.5, "--no-stop", "--json").json
    assert on["status"] == "completed"


def test_what_lies_outside_the_trained_range_is_flagged(run: Run, saved: str, write: Write) -> None:
    path = write("cold.csv", **profile_columns())
    done = run("rom", "simulate", saved, path, "--initial-soc", 0.9, "--ambient-degC", -20)
    assert "outside the trained" in done.err
    assert "in_domain" in done.out


@pytest.mark.parametrize(
    ("columns", "options", "match"),
    [
        ({"time_s": [0, 20, 10], "current_A": [1, 1, 1]}, (), "does not rise"),
        ({"time_s": [0, 10, 20], "current_A": [1500, 1500, 1500]}, (), "divide by 1000"),
        ({"time_s": np.arange(200) * 1e4, "current_A": np.full(200, 2.0)}, (), "If the time is in ms"),
        ({"time_s": [0, 10, 20], "power_W": [1, 1, 1]}, (), "no column for current"),
        ({"time_s": [0, 10, 20], "current_A": [1, "x", 1]}, (), "must be a number"),
        ({"time_s": [0, 10, 20], "current_A": [1, 1, 1]}, ("--initial-soc", 80), "fraction, not percent"),
        ({"time_s": [0, 10, 20], "current_A": [1, 1, 1]}, ("--ambient-degC", 298.15), "-60<=x<=90"),
        (
            {"time_s": [0, 10, 20], "current_A": [40, 40, 40]},
            ("--initial-soc", 1),
            "out of its voltage window",
        ),
        (
            {
                "time_s": np.arange(40.0),
                "current_A": np.tile([2.0, 2.0, -2.0, -2.0], 10),
                "voltage_V": np.tile([3.2, 3.2, 3.4, 3.4], 10),
            },
            (),
            "wrong sign",
        ),
    ],
    ids=["unsorted", "mA", "ms", "no_current", "text", "percent", "kelvin", "at_once", "sign"],
)
def test_bad_profiles_get_one_clear_line(
    run: Run, saved: str, write: Write, columns: dict[str, Any], options: tuple[Any, ...], match: str
) -> None:
    path = write("bad.csv", **columns)
    given = options if "--initial-soc" in options else ("--initial-soc", 0.5, *options)
    done = run("rom", "simulate", saved, path, *given)
    assert done.code == 2
    assert match in done.err
    assert done.err.strip().count("\n") == 0


def test_discharge_positive_turns_the_current_round(run: Run, saved: str, write: Write) -> None:
    ours = run(
        "rom", "simulate", saved, write("a.csv", **profile_columns(-2.0)), "--initial-soc", 0.9, "--json"
    )
    theirs = write("b.csv", **profile_columns(2.0))
    turned = run(
        "rom", "simulate", saved, theirs, "--initial-soc", 0.9, "--sign", "discharge_positive", "--json"
    )
    assert turned.json["columns"]["voltage_V"] == ours.json["columns"]["voltage_V"]


def test_train_adapt_and_evaluate(
    run: Run, series_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ionbridge.applications.cell_rom import workflow

    monkeypatch.setattr(workflow, "load_cell", lambda *_, **__: tiny_cell())
    trained = run("rom", "train", series_folder, "--cell", "tiny", "--name", "lco", "--points", 20, "--json")
    assert trained.code == 0, trained.err
    assert trained.json["series"] == 3
    adapted = run(
        "rom",
        "adapt",
        "lco",
        series_folder,
        "--cell",
        "tiny",
        "--strategy",
        "head",
        "--epochs",
        2,
        "--name",
        "lfp",
    )
    assert adapted.code == 0, adapted.err
    assert "calibrated_scratch" in adapted.out
    assert "Transfer" in adapted.out
    assert "trying" in adapted.err
    assert ModelLibrary().card("lfp").parent == "lco"
    assert "Transfer" in ModelLibrary().card("lfp").verdict
    assert ModelLibrary().card("lfp").metrics["out_of_profile_rmse"].unit == "mV"
    assert [card.name for card in ModelLibrary().list(chemistry="LFP", shipped=False)] == ["lfp", "lco"]
    done = run("rom", "evaluate", "lfp", series_folder, "--out", "e.csv", "--plot", "plots", "--json")
    assert done.code == 0, done.err
    assert len(done.json["series"]) == 3
    assert done.json["mean RMSE [mV]"] < 30
    assert (tmp_path / "e.csv").is_file()
    assert len(list((tmp_path / "plots").glob("*.png"))) == 3
    assert done.json["notes"] == []


def test_export_writes_and_checks(run: Run, saved: str, tmp_path: Path) -> None:
    pytest.importorskip("fmpy")
    for name, options in (("tiny.fmu", ()), ("tiny.onnx", ()), ("step.onnx", ("--form", "step"))):
        done = run("rom", "export", saved, name, *options, "--json")
        assert done.code == 0, done.err
        assert done.json["largest difference [V]"] < 1e-9
        assert (tmp_path / name).is_file()


def test_export_without_a_compiler_names_the_remedy(
    run: Run, saved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    done = run("rom", "export", saved, "tiny.fmu")
    assert done.code == 2
    assert "C compiler" in done.err
    assert run("rom", "export", saved, "tiny.fmu", "--no-binary").code == 0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("simulate", "nothing", "x.csv", "--initial-soc", "1"), "does not exist"),
        (("export", "nothing", "x.fmu"), "unknown model"),
        (("export", "tiny", "x.zip"), "must end in '.fmu' or '.onnx'"),
        (("adapt", "tiny", "empty", "--cell", "Prada20", "--name", "new"), "Prada2013"),
        (("evaluate", "tiny", "empty"), "holds neither generated series nor CSV"),
        (("simulate", "tiny", "empty", "--initial-soc", "1", "--plot", "a.xyz"), "ends in .png"),
        (("simulate", "tiny", "empty", "--initial-soc", "1", "--ambient-degC", "298"), "range -60<=x<=90"),
    ],
    ids=["no_file", "no_model", "ending", "no_cell", "no_series", "no_image", "kelvin"],
)
def test_wrong_names_are_answered(
    run: Run, saved: str, tmp_path: Path, arguments: tuple[str, ...], match: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = run("rom", *arguments)
    assert done.code == 2
    assert match in done.err


def test_measured_files_are_series(run: Run, saved: str, write: Write) -> None:
    known = tiny_rom().simulate(tiny_profile(21), 0.6).series
    columns = {"time [s]": known.time, "current [mA]": 1e3 * known.current, "voltage [V]": known.voltage}
    path = write("log.csv", **columns, **{"temperature [degC]": known.temperature - 273.15})
    done = run("rom", "evaluate", saved, path, "--initial-soc", 0.6, "--json")
    assert done.code == 0, done.err
    assert done.json["series"][0]["rmse_mV"] < 1.0
    assert done.json["mean temperature RMSE [K]"] < 0.1


def test_series_of_another_chemistry_are_told(run: Run, saved: str, tmp_path: Path) -> None:
    others = [replace(known, chemistry="LCO") for known in tiny_series(2, 400.0, 100.0)]
    save_series_set(others, tmp_path / "others" / "all")
    done = run("rom", "evaluate", saved, "others", "--json")
    assert done.code == 0, done.err
    assert "2 of 2 series are of LCO, the model is of LFP" in done.json["notes"][0]


def test_other_models_are_refused(run: Run, write: Write) -> None:
    X = np.linspace(0, 1, 20)[:, None]
    ModelLibrary().save(
        NetworkRegressor(hidden=(4,), epochs=1, n_members=1, n_folds=0).fit(X, X[:, 0] + 1), "net"
    )
    done = run("rom", "simulate", "net", write("p.csv", **profile_columns()), "--initial-soc", 0.5)
    assert done.code == 2
    assert "needs a reduced-order model" in done.err


def test_long_steps_of_a_file_are_divided(run: Run, saved: str, write: Write) -> None:
    coarse = write("coarse.csv", time_s=[0, 600], current_A=[-1, -1])
    fine = write("fine.csv", time_s=np.arange(61) * 10, current_A=np.full(61, -1))
    ends = []
    for path in (coarse, fine):
        done = run("rom", "simulate", saved, path, "--initial-soc", 0.9, "--json")
        ends.append(json.loads(done.out)["columns"]["voltage_V"])
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)


@pytest.mark.parametrize("command", ["train", "adapt"])
def test_a_taken_name_is_refused_before_the_work(
    run: Run, saved: str, write: Write, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ionbridge.applications.cell_rom import workflow

    monkeypatch.setattr(workflow, f"{command}_model", lambda *_, **__: pytest.fail("work was begun"))
    path = write("a.csv", **profile_columns())
    given = ("rom", command, *([saved] if command == "adapt" else []), path, "--cell", "LFP", "--name")
    done = run(*given, saved)
    assert done.code == 2
    assert "there is already a model 'tiny'" in done.err
    assert "'name' of a model" in run(*given, "a b").err


def test_changed_parameters_of_a_given_cell_are_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        inputs, "load_cell", lambda name, changes: asked.append((name, changes)) or tiny_cell()
    )
    changes = {"positive_diffusivity": 0.5}
    series = [replace(item, cell="own", changes=changes) for item in tiny_series(1, 400.0, 100.0)]
    named, cells = inputs.cells_of(series, tiny_cell(), "own.json")
    assert asked == [("own.json", changes)]
    varied = f"{tiny_cell().name} (positive_diffusivity x 0.5)"
    assert {item.cell for item in named} == {varied}
    assert list(cells) == [tiny_cell().name, varied]  # the model is of the unchanged cell
