"""The check against literature: its paths are those meant, its table has every figure, without running CHGNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")

from ionbridge.exceptions import ConvergenceError, UnknownNameError
from ionbridge.execution import Failure
from ionbridge.physics.materials import LITERATURE, BatchOutcome, EngineResult, literature, prototype
from ionbridge.physics.materials.literature import literature_check, literature_paths


def test_paths_are_the_hops_that_are_known() -> None:
    paths = literature_paths({name: prototype(name) for name in ("LiFePO4", "LiCoO2")})
    lengths = {
        name: float(np.linalg.norm((p.fractional[-1] - p.fractional[0]) @ p.host.lattice))
        for name, p in paths.items()
    }
    assert lengths["lfp_barrier"] == pytest.approx(6.010 / 2)
    assert len(paths["lfp_barrier"].host) == 2 * 28 - 2
    assert lengths["lco_vacancy_barrier"] == pytest.approx(2.816)
    assert len(paths["lco_divacancy_barrier"].host) == len(paths["lco_vacancy_barrier"].host) - 1


def _made_up(engine: object, subjects: dict[str, object], **_: object) -> BatchOutcome:
    """Every run gives 1 and took 2 s."""
    results = {
        name: EngineResult(
            "made up",
            {"average_voltage": 1.0, "migration_barrier": 1.0},
            details={"structure": prototype(name).to_dict()} if name in ("LiFePO4", "LiCoO2") else {},
            cpu_seconds=2.0,
        )
        for name in subjects
    }
    return BatchOutcome(results, {}, 0, 2.0)


def test_every_figure_stands_beside_its_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(literature, "run_batch", _made_up)
    figures = literature_check(cache=tmp_path)
    for name, known in LITERATURE.items():
        assert figures[name] == 1.0
        assert figures[f"{name}_literature"] == known.value
        assert figures[f"{name}_ratio"] == pytest.approx(1 / known.value)
        assert figures[f"{name}_cpu_s"] == 2.0
    assert figures["cpu_s"] == 8.0


def test_a_failed_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(engine: object, subjects: dict[str, object], **_: object) -> BatchOutcome:
        return BatchOutcome({}, {name: Failure(name, "ValueError", "no luck") for name in subjects}, 0, 0.0)

    monkeypatch.setattr(literature, "run_batch", broken)
    with pytest.raises(ConvergenceError, match=r"LiFePO4: .*no luck"):
        literature_check()
    with pytest.raises(UnknownNameError, match="lfp_barrier"):
        literature_check(["lfp_barriers"])


def test_a_failed_run_does_not_lose_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def half(engine: object, subjects: dict[str, object], **_: object) -> BatchOutcome:
        found = _made_up(engine, subjects)
        bad = {name: Failure(name, "ValueError", "no luck") for name in subjects if name == "LiCoO2"}
        return BatchOutcome({n: r for n, r in found.results.items() if n not in bad}, bad, 0, 2.0)

    monkeypatch.setattr(literature, "run_batch", half)
    figures = literature_check()
    assert figures["lfp_barrier"] == 1.0
    assert "lco_vacancy_barrier" not in figures
    assert "LiCoO2" in caplog.text


def test_one_figure_needs_only_its_own_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noted(engine: object, subjects: dict[str, object], **_: object) -> BatchOutcome:
        seen.extend(subjects)
        return _made_up(engine, subjects)

    monkeypatch.setattr(literature, "run_batch", noted)
    assert set(literature_check(["lfp_barrier"])) == {
        "cpu_s", "lfp_barrier", "lfp_barrier_literature", "lfp_barrier_ratio", "lfp_barrier_cpu_s",
    }  # fmt: skip
    assert seen == ["LiFePO4", "lfp_barrier"]
