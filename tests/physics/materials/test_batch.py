"""Batches of engine runs: cached, resumed, and a failing run does not lose the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ionbridge.exceptions import ConfigurationError
from ionbridge.physics.materials import EngineResult, run_batch

from .stand_ins import Volume, layered


def test_results_come_back_by_key_and_are_kept(tmp_path: Path) -> None:
    subjects = {"a": layered(), "b": layered(2.9), "twin of a": layered()}
    first = run_batch(Volume(), subjects, cache=tmp_path)
    assert first.results["a"].values["cell_volume"] == pytest.approx(layered().volume)
    assert first.results["a"].values == first.results["twin of a"].values
    assert (first.n_cached, len(first.failures)) == (0, 0)
    again = run_batch(Volume(), subjects, cache=tmp_path)
    assert again.n_cached == 2
    assert again.results == first.results


def test_other_settings_are_other_results(tmp_path: Path) -> None:
    run_batch(Volume(), {"a": layered()}, cache=tmp_path)
    doubled = run_batch(Volume(2.0), {"a": layered()}, cache=tmp_path)
    assert doubled.n_cached == 0
    assert doubled.results["a"].values["cell_volume"] == pytest.approx(2 * layered().volume)


def test_a_failing_run_is_recorded_with_its_reason(tmp_path: Path) -> None:
    bad = replace(layered(3.0), name="bad")
    outcome = run_batch(Volume(), {"good": layered(), "bad": bad}, cache=tmp_path)
    assert list(outcome.results) == ["good"]
    assert str(outcome.failures["bad"]) == "DataError: this one is bad"
    assert outcome.to_dict()["failures"] == {"bad": "DataError: this one is bad"}
    mended = run_batch(Volume(), {"good": layered(), "bad": replace(bad, name="good")}, cache=tmp_path)
    assert mended.n_cached == 1
    assert not mended.failures


def test_only_engines_are_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must be a material engine; got str"):
        run_batch("volume", {"a": layered()}, cache=tmp_path)  # type: ignore[arg-type]


def test_a_result_survives_json() -> None:
    result = Volume().run(layered())
    assert EngineResult.from_dict(result.to_dict()) == result
    assert Volume().outputs[0].unit == "angstrom^3"
    assert Volume().identity() != Volume(2.0).identity()
