"""`run_study`: same results by every way, honest exclusions, resuming, saving."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, UnknownNameError
from ionbridge.execution import RunInterruptedError, SerialExecutor, open_executor
from ionbridge.studies import StudyDesign, StudyResult, run_study, runner
from tests.studies.stand_ins import STRATEGIES, make_table

SOURCE, TARGET = make_table(60, seed=1), make_table(24, shift=0.4, seed=2)
DESIGN = StudyDesign(
    output="density",
    inputs=("roll_gap", "solid_content"),
    strategies=("source_line",),
    baselines=("line",),
    target_sizes=(5, "all"),
    n_splits=4,
    n_seeds=2,
)


def study(
    design: StudyDesign = DESIGN, source: Table = SOURCE, target: Table = TARGET, **settings
) -> StudyResult:
    return run_study(source, target, design, strategies=STRATEGIES, **settings)


def changed(**fields) -> StudyDesign:
    return StudyDesign.from_dict(DESIGN.to_dict() | fields)


def without_seconds(trials: pd.DataFrame) -> pd.DataFrame:
    return trials.drop(columns="seconds")


def test_every_trial_is_there_once_with_its_counts() -> None:
    result = study()
    assert len(result.trials) == 2 * 2 * 4 * 2
    assert not result.trials.duplicated(["strategy", "size", "split", "seed"]).any()
    assert result.trials.groupby("size")["n_train"].unique().map(list).to_dict() == {"5": [5], "all": [17]}
    assert set(result.trials["n_source"]) == {0, 60}
    assert (result.trials["seconds"] >= 0).all()
    assert len(result.predictions) == 32 * 7
    assert result.exclusions.empty
    observed = TARGET.column("density")[result.predictions["row"].to_numpy()]
    np.testing.assert_array_equal(result.predictions["observed"], observed)


def test_a_study_repeats_exactly() -> None:
    pd.testing.assert_frame_equal(without_seconds(study().trials), without_seconds(study().trials))
    other = study(changed(random_state=1))
    assert not np.allclose(other.trials["mape"], study().trials["mape"])


def test_worker_processes_give_the_same_study() -> None:
    with open_executor(n_workers=1) as executor:
        result = study(executor=executor)
    pd.testing.assert_frame_equal(without_seconds(result.trials), without_seconds(study().trials))


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # dask/distributed#7674: sockets of a closed cluster
def test_a_dask_cluster_gives_the_same_study() -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(protocol="tcp", **settings) as cluster,
        open_executor(cluster.scheduler_address) as executor,
    ):
        result = study(executor=executor)
    pd.testing.assert_frame_equal(without_seconds(result.trials), without_seconds(study().trials))


def test_test_rows_never_influence_training() -> None:
    frame = TARGET.frame.copy()
    first = study().predictions.query("split == 0 and size == 'all' and strategy == 'line' and seed == 0")
    frame.loc[first["row"], "density"] += 5
    moved = study(target=Table.from_frame(frame, domain=TARGET.domain)).predictions
    moved = moved.query("split == 0 and size == 'all' and strategy == 'line' and seed == 0")
    np.testing.assert_array_equal(first["mean"], moved["mean"])
    np.testing.assert_array_equal(first["lower"], moved["lower"])


def test_the_source_is_prepared_once_a_seed(monkeypatch) -> None:
    calls = count_preparations(monkeypatch)
    study(changed(strategies=["source_line", "demanding"]))
    assert len(calls) == DESIGN.n_seeds


def test_what_refuses_or_fails_is_reported_with_its_reason() -> None:
    result = study(
        changed(strategies=["source_line", "demanding", "broken"], target_sizes=[5, 17, 40, "all"])
    )
    reasons = {(e.strategy, e.size): (e.kind, e.reason) for e in result.exclusions.itertuples()}
    assert reasons["demanding", "5"][0] == "not applicable"
    assert "needs at least 8 target rows; got 5" in reasons["demanding", "5"][1]
    assert reasons["broken", "all"] == ("failed", "ArithmeticError: diverged")
    assert ("every strategy", "17") not in reasons
    assert any("the size 17 is the size 'all'" in note for note in result.notes)
    assert "leave 17 target rows" in reasons["every strategy", "40"][1]
    assert set(result.trials["strategy"]) == {"source_line", "demanding", "line"}


def test_a_strategy_that_cannot_use_a_target_only_input_says_so() -> None:
    source = Table.from_frame(SOURCE.frame.drop(columns="solid_content"), domain=SOURCE.domain)
    result = study(source=source)
    assert list(result.exclusions["kind"]) == ["not applicable"] * 2
    assert "cannot use inputs that the source lacks" in result.exclusions["reason"][0]
    assert set(result.trials["strategy"]) == {"line"}


def test_rows_with_gaps_are_left_out_with_a_note() -> None:
    frame = TARGET.frame.copy()
    frame.loc[[3, 7], "roll_gap"] = np.nan
    result = study(target=Table.from_frame(frame, domain=TARGET.domain))
    assert "2 of 24 target rows have missing values" in result.notes[0]
    assert not set(result.predictions["row"]) & {3, 7}


def test_rows_in_both_tables_and_repeated_inputs_are_noted() -> None:
    frame = pd.concat([TARGET.frame, SOURCE.frame.head(2), TARGET.frame.head(1).assign(density=2.5)])
    result = study(target=Table.from_frame(frame.reset_index(drop=True), domain=TARGET.domain))
    assert any("2 target rows are also among the source rows" in note for note in result.notes)
    assert any("1 target row is a repetition" in note for note in result.notes)


def test_groups_stay_together() -> None:
    result = study(changed(group="sample_id"), target=TARGET)
    groups = TARGET.frame["sample_id"].to_numpy()
    for _, split in result.predictions.query("size == 'all'").groupby("split"):
        held_out = set(split["row"])
        assert all(set(np.flatnonzero(groups == g)) <= held_out for g in set(groups[list(held_out)]))


def test_source_sizes_make_an_ablation() -> None:
    result = study(changed(source_sizes=[10, "all"]))
    sizes = result.trials.groupby("strategy")["source_size"].unique().map(sorted).to_dict()
    assert sizes == {"line": ["none"], "source_line": ["10", "all"]}


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        pytest.param({"output": "porosity"}, UnknownNameError, "target table", id="no such output"),
        pytest.param(
            {"inputs": ["roll_gaps"]}, UnknownNameError, "nearest known: roll_gap", id="misspelt input"
        ),
        pytest.param({"strategies": ["sorce_line"]}, UnknownNameError, "strateg", id="unknown strategy"),
        pytest.param(
            {"target_sizes": [20]}, InsufficientDataError, "Add the size 'all'", id="sizes too large"
        ),
    ],
)
def test_what_cannot_be_studied_is_refused(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        study(changed(**fields))


class _StopsAfter(SerialExecutor):
    def __init__(self, n_tasks: int) -> None:
        self.n_left = n_tasks

    def submit(self, function, /, *args, **kwargs):
        if self.n_left == 0:
            raise KeyboardInterrupt
        self.n_left -= 1
        return super().submit(function, *args, **kwargs)


def test_an_interrupted_study_resumes(tmp_path) -> None:
    with pytest.raises(RunInterruptedError, match="stopped after 2 of 8 study of density"):
        study(folder=tmp_path, executor=_StopsAfter(4))
    n_lines = len((tmp_path / "tasks.jsonl").read_text().splitlines())
    resumed = study(folder=tmp_path, executor=_StopsAfter(2 + 6))
    assert n_lines == 1 + 2 + 2
    pd.testing.assert_frame_equal(without_seconds(resumed.trials), without_seconds(study().trials))


def count_preparations(monkeypatch) -> list[int]:
    calls: list[int] = []
    strategy = type(STRATEGIES["source_line"])
    original = strategy.prepare_source
    monkeypatch.setattr(strategy, "prepare_source", lambda *a, **k: calls.append(1) or original(*a, **k))
    return calls


def test_a_finished_study_learns_no_source_again(tmp_path, monkeypatch) -> None:
    first = study(folder=tmp_path)
    calls = count_preparations(monkeypatch)
    again = study(folder=tmp_path)
    assert calls == []
    assert again.facts["source_seconds"] == first.facts["source_seconds"]
    assert set(again.facts["source_seconds"]) == {"source_line"}


def test_only_the_sources_that_are_missing_are_learnt(tmp_path, monkeypatch) -> None:
    design = changed(source_sizes=[10, "all"], n_seeds=1)
    study(design, folder=tmp_path)
    store = tmp_path / "tasks.jsonl"
    lines = [line for line in store.read_text().splitlines(keepends=True) if "source=10/0" not in line]
    store.write_text("".join(lines))
    calls = count_preparations(monkeypatch)
    study(design, folder=tmp_path)
    assert len(calls) == 1


def test_a_task_is_sent_the_source_models_of_its_own_seeds(monkeypatch) -> None:
    sent = []
    original = runner._run_trials
    monkeypatch.setattr(runner, "_run_trials", lambda *a: sent.append((a[1], a[3])) or original(*a))
    study(changed(n_seeds=7, n_splits=2, baselines=[]))
    assert len(sent) == 2 * 3
    assert all(set(models) == {trial.seed for trial in trials} for trials, models in sent)


def test_the_version_of_a_plug_in_is_part_of_what_a_study_is(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(runner.plugins, "distribution", lambda group, name: ("extra-strategies", "1.0"))
    design = changed(baselines=["mean"], n_seeds=1)
    assert study(design, folder=tmp_path).facts["versions"]["extra-strategies"] == "1.0"
    monkeypatch.setattr(runner.plugins, "distribution", lambda group, name: ("extra-strategies", "1.1"))
    with pytest.raises(ConfigurationError, match="results of another run"):
        study(design, folder=tmp_path)
    assert study(design, folder=tmp_path, resume="if same").facts["versions"]["extra-strategies"] == "1.1"


def test_a_folder_of_another_study_is_refused_unless_started_anew(tmp_path) -> None:
    study(folder=tmp_path)
    with pytest.raises(ConfigurationError, match="results of another run"):
        study(changed(random_state=3), folder=tmp_path)
    assert study(changed(random_state=3), folder=tmp_path, resume=False).design.random_state == 3


def test_saved_results_load_again(tmp_path) -> None:
    result = study(changed(strategies=["source_line", "demanding"]))
    loaded = StudyResult.load(result.save(tmp_path / "study"))
    assert loaded.design == result.design
    assert loaded.facts == json.loads(json.dumps(result.facts))
    for name in ("trials", "predictions", "exclusions"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(result, name), check_dtype=False)
    assert loaded.verdict() == result.verdict()


def test_a_damaged_folder_is_reported(tmp_path) -> None:
    study(folder=tmp_path)
    (tmp_path / "trials.csv").unlink()
    with pytest.raises(DataError, match="does not hold a complete saved study"):
        StudyResult.load(tmp_path)


def test_the_summary_averages_over_splits_and_seeds() -> None:
    result = study()
    summary = result.summary().set_index(["strategy", "size"])
    expected = result.trials.query("strategy == 'line' and size == '5'")["mape"].mean()
    assert summary.loc[("line", "5"), "mape"] == pytest.approx(expected)
    assert summary.loc[("line", "5"), "n_trials"] == 8
    assert 0.5 < result.coverage() <= 1
