"""FMUs and ONNX graphs give what the model in Python gives, and stop where they should."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ionbridge.applications.cell_rom.export import (
    Signal,
    StepModel,
    largest_differences,
    run_fmu,
    run_onnx,
    write_fmu,
    write_onnx_profile,
    write_onnx_step,
)
from ionbridge.exceptions import ConfigurationError, ConvergenceError, ShapeError, UnknownNameError

from .stand_in import profile, stand_in

pytest.importorskip("fmpy")
pytest.importorskip("onnxruntime")
FMI_VERSIONS = ["2.0", "3.0"]
SHORT = np.linspace(0.0, 60.0, 7), np.tile([2.0, 298.15], (7, 1))


@pytest.fixture(scope="module")
def model() -> StepModel:
    return replace(stand_in(), stop_output="is_in_trained_range")


@pytest.fixture(scope="module")
def fmus(model: StepModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("fmus")
    return {v: write_fmu(model, folder / f"cell{v[0]}.fmu", fmi_version=v) for v in FMI_VERSIONS}  # type: ignore[arg-type]


@pytest.mark.parametrize("version", FMI_VERSIONS)
def test_fmu_agrees_with_python_at_uneven_steps(
    model: StepModel, fmus: dict[str, Path], version: str
) -> None:
    time, inputs = profile()
    found = largest_differences(
        model, fmus[version], time, inputs, initial_soc=0.6, initial_temperature_K=293.15
    )
    assert found.keys() == {signal.name for signal in model.outputs}
    assert max(found.values()) < 1e-9


@pytest.mark.parametrize("version", FMI_VERSIONS)
def test_fmpy_simulates_the_fmu(model: StepModel, fmus: dict[str, Path], version: str) -> None:
    import fmpy

    time = np.arange(0.0, 301.0)
    held = np.array(
        [(0.0, 2.0, 298.15), (300.0, 2.0, 298.15)],
        dtype=[("time", "f8"), *((s.name, "f8") for s in model.inputs)],
    )
    found = fmpy.simulate_fmu(
        str(fmus[version]),
        stop_time=300,
        step_size=1,
        output_interval=1,
        start_values={"initial_soc": 0.4},
        input=held,
    )
    expected = model.simulate(time, np.tile([2.0, 298.15], (301, 1)), initial_soc=0.4)
    np.testing.assert_allclose(found["voltage_V"], expected["voltage_V"], atol=1e-9)


@pytest.mark.parametrize("version", FMI_VERSIONS)
def test_sign_of_the_current_can_be_turned_round(
    model: StepModel, fmus: dict[str, Path], version: str
) -> None:
    time, inputs = SHORT
    columns = {"current_A": -inputs[:, 0], "ambient_temperature_K": inputs[:, 1]}
    found = run_fmu(fmus[version], time, columns, current_sign=-1.0)
    np.testing.assert_allclose(found["voltage_V"], model.simulate(time, inputs)["voltage_V"], atol=1e-9)


@pytest.mark.parametrize("version", FMI_VERSIONS)
def test_fmu_holds_sources_card_and_description(
    model: StepModel, fmus: dict[str, Path], version: str
) -> None:
    with zipfile.ZipFile(fmus[version]) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("resources/card.json")) == {"chemistry": "none"}
        description = archive.read("modelDescription.xml").decode()
        assert 'max="1.0"' in description
        assert "displayUnit" in description
    assert f"sources/fmi{version[0]}.c" in names
    assert any(name.startswith("binaries/") for name in names)
    assert ("sources/buildDescription.xml" in names) == (version == "3.0")


def test_equal_models_give_equal_sources(model: StepModel, fmus: dict[str, Path], tmp_path: Path) -> None:
    again = write_fmu(stand_in(), tmp_path / "again.fmu", binary=False)
    twice = write_fmu(stand_in(), tmp_path / "twice.fmu", binary=False)
    assert again.read_bytes() == twice.read_bytes()


def test_state_of_an_fmu_can_be_kept_and_restored(fmus: dict[str, Path]) -> None:
    import fmpy

    description = fmpy.read_model_description(str(fmus["2.0"]))
    folder = fmpy.extract(str(fmus["2.0"]))
    fmu: Any = fmpy.instantiate_fmu(folder, description, "CoSimulation")
    fmu.setupExperiment(startTime=0.0)
    fmu.enterInitializationMode()
    fmu.exitInitializationMode()
    fmu.setReal([1000], [3.0])
    fmu.doStep(0.0, 50.0)
    state = fmu.getFMUState()
    kept = fmu.serializeFMUState(state)
    fmu.doStep(50.0, 100.0)
    first = fmu.getReal([2000, 2001])
    fmu.setFMUState(fmu.deSerializeFMUstate(kept))
    fmu.doStep(50.0, 100.0)
    assert fmu.getReal([2000, 2001]) == first
    fmu.freeFMUState(state)
    fmu.freeInstance()
    shutil.rmtree(folder)


def test_fmu_refuses_what_is_not_finite(fmus: dict[str, Path]) -> None:
    time, inputs = SHORT
    columns = {"current_A": np.full(7, np.nan), "ambient_temperature_K": inputs[:, 1]}
    with pytest.raises(ConvergenceError, match="stopped"):
        run_fmu(fmus["2.0"], time, columns)


def test_fmu_stops_at_its_limits_on_request(fmus: dict[str, Path]) -> None:
    import fmpy

    messages: list[str] = []
    held = np.array(
        [(0.0, 9.0, 298.15)], dtype=[("time", "f8"), ("current_A", "f8"), ("ambient_temperature_K", "f8")]
    )
    found = fmpy.simulate_fmu(
        str(fmus["2.0"]),
        stop_time=10,
        step_size=1,
        start_values={"stop_at_limits": True},
        input=held,
        logger=lambda *given: messages.append(str(given[-1])),
    )
    assert found["time"][-1] < 10
    assert any("is_in_trained_range became false" in message for message in messages)


@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-9), ("float", 1e-4)])
def test_onnx_profile_agrees_with_python(
    model: StepModel, tmp_path: Path, precision: Any, tolerance: float
) -> None:
    time, inputs = profile()
    time = np.concatenate([[0.0], np.cumsum(np.minimum(np.diff(time), model.max_step))])
    path = write_onnx_profile(model, tmp_path / "cell.onnx", precision=precision)
    found = largest_differences(model, path, time, inputs, initial_soc=0.6)
    assert found["voltage_V"] < tolerance


def test_onnx_step_agrees_with_python(model: StepModel, tmp_path: Path) -> None:
    time, inputs = SHORT
    path = write_onnx_step(model, tmp_path / "step.onnx")
    assert max(largest_differences(model, path, time, inputs).values()) < 1e-9


def test_onnx_keeps_the_digits_of_small_numbers(tmp_path: Path) -> None:
    def step(state: Any, inputs: Any, dt: Any) -> tuple[Any, Any]:
        x = inputs * 1.0
        return state, np.concatenate([np.arcsinh(x), np.log1p(np.abs(x)), np.expm1(x), np.sinh(x)])

    names = [f"{function}_{i}" for function in ("arcsinh", "log1p", "expm1", "sinh") for i in range(3)]
    model = StepModel(
        "functions",
        step,
        lambda parameters: parameters,
        states=(Signal("nothing"),),
        inputs=tuple(Signal(f"x_{i}") for i in range(3)),
        outputs=tuple(Signal(name) for name in names),
        parameters=(Signal("first"),),
    )
    path = write_onnx_step(model, tmp_path / "functions.onnx")
    rows = np.array([[1e-30, -1e-20, 1e-9], [-1e-3, 0.5, -3.0], [20.0, 1e-16, -1e-7], [0.0, 0.0, 0.0]])
    found = run_onnx(path, np.arange(4.0), {f"x_{i}": rows[:, i] for i in range(3)})
    expected = model.simulate(np.arange(4.0), rows)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-13, err_msg=name)


def test_onnx_tells_units_and_ranges(model: StepModel, tmp_path: Path) -> None:
    import onnxruntime

    path = write_onnx_step(model, tmp_path / "step.onnx")
    metadata = onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map
    current = json.loads(metadata["inputs"])[0]
    assert (current["unit"], current["range"]) == ("A", [-6.0, 6.0])
    assert json.loads(metadata["max_step_s"]) == 30.0
    assert json.loads(metadata["card"]) == {"chemistry": "none"}


def test_without_a_compiler_the_remedy_is_named(
    model: StepModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ConfigurationError, match=r"needs a C compiler.*apt install gcc.*without a binary"):
        write_fmu(model, tmp_path / "cell.fmu")
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ConfigurationError, match="'no-such-compiler', which is not found"):
        write_fmu(model, tmp_path / "cell.fmu")
    assert not list(tmp_path.iterdir())
    assert write_fmu(model, tmp_path / "cell.fmu", binary=False).is_file()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m, p: write_fmu(m, p / "cell.zip"), r"must end in '\.fmu'"),
        (lambda m, p: write_fmu(m, p / "cell.fmu", fmi_version="1.0"), "must be one of"),
        (lambda m, p: write_onnx_step(m, p / "cell.pb"), r"must end in '\.onnx'"),
        (lambda m, p: write_onnx_step(m, p / "cell.onnx", precision="half"), "'double' or 'float'"),
        (lambda m, p: replace(m, name="my cell"), "must be an identifier"),
        (lambda m, p: replace(m, stop_output="soc"), "must be a boolean output"),
        (lambda m, p: replace(m, parameters=(Signal("soc"),)), r"the same name: \['soc'\]"),
        (lambda m, p: Signal("current [A]"), "must be a word"),
    ],
    ids=["fmu_suffix", "fmi_version", "onnx_suffix", "precision", "name", "stop_output", "twice", "signal"],
)
def test_bad_arguments_are_refused(model: StepModel, tmp_path: Path, call: Any, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        call(model, tmp_path)


def test_shapes_and_parameters_are_checked(model: StepModel, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"must have shape \(7, 2\)"):
        model.simulate(SHORT[0], SHORT[1][:, :1])
    with pytest.raises(UnknownNameError, match="initial_soc"):
        model.simulate(*SHORT, initial_socs=0.2)
    with pytest.raises(ShapeError, match=r"'outputs'.*must have shape \(4,\)"):
        _ = replace(model, outputs=model.outputs[:4], stop_output="").step_graph
    path = write_onnx_step(model, tmp_path / "step.onnx")
    with pytest.raises(ConfigurationError, match="no parameters"):
        run_onnx(
            path,
            SHORT[0],
            {"current_A": SHORT[1][:, 0], "ambient_temperature_K": SHORT[1][:, 1]},
            initial_soc=0.2,
        )
