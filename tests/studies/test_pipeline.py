"""`transfer_tables`: one call, honest with few rows, kind with none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, InsufficientDataError, UnknownNameError
from ionbridge.studies import StudyDesign, TransferOutcome, quick_design, transfer_tables
from tests.studies.stand_ins import make_table

SOURCE, TARGET = make_table(30, seed=1), make_table(16, shift=0.4, seed=2)
FAST = StudyDesign(
    output="density",
    inputs=("roll_gap",),
    strategies=("source_only",),
    baselines=("mean",),
    target_sizes=("all",),
    n_splits=2,
)


def transfer(target: Table = TARGET, **settings: Any) -> TransferOutcome:
    fast = {"outputs": "density", "strategy": "hierarchical_gp", "study": FAST, "explain": False}
    return transfer_tables(SOURCE, target, **fast | settings)


def test_one_call_gives_model_study_verdict_and_explanation() -> None:
    outcome = transfer(explain=True, level=0.8)
    assert outcome.inputs == ("roll_gap", "solid_content")
    prediction = outcome.models["density"].predict(TARGET)
    assert prediction.level == 0.8
    assert outcome.studies["density"].design.strategies == ("hierarchical_gp", "source_only")
    assert outcome.studies["density"].design.inputs == outcome.inputs
    assert outcome.verdicts["density"].strategy == "hierarchical_gp"
    assert outcome.sentences["density"].startswith("Transfer to density ")
    assert outcome.explanations["density"].values.shape == (16, 2)
    assert json.loads(json.dumps(outcome.to_dict()))["models"]["density"]["n_target_rows"] == 16


def test_each_output_uses_its_own_complete_rows_and_no_other_output() -> None:
    frame = TARGET.frame.assign(porosity=np.linspace(0.3, 0.4, 16))
    frame.loc[[0, 1], "porosity"] = np.nan
    source = Table.from_frame(SOURCE.frame.assign(porosity=np.linspace(0.2, 0.5, 30)), domain=SOURCE.domain)
    target = Table.from_frame(frame, domain=TARGET.domain)
    outcome = transfer_tables(
        source, target, outputs=["density", "porosity"], strategy="hierarchical_gp", study=None, explain=False
    )
    assert outcome.inputs == ("roll_gap", "solid_content")
    assert [len(model.y_target_) for model in outcome.models.values()] == [16, 14]
    assert "2 of 16 target rows lack a value and are left out for porosity." in outcome.notes
    assert "No verdict without a study" in outcome.sentences["porosity"]


def test_too_few_rows_for_a_study_still_give_a_model_and_say_so() -> None:
    outcome = transfer(TARGET.take(np.arange(6)))
    assert outcome.studies == {"density": None}
    assert outcome.verdicts == {"density": None}
    assert any("6 target rows are too few for a study of density" in note for note in outcome.notes)
    assert "This is no proof" in outcome.sentences["density"]


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3])
def test_too_few_rows_for_a_model_are_refused_kindly(n_rows: int) -> None:
    frame = TARGET.frame.copy()
    frame.loc[n_rows:, "density"] = np.nan
    message = f"the target has {n_rows}. Measure {4 - n_rows} more"
    with pytest.raises(InsufficientDataError, match=message):
        transfer(Table.from_frame(frame, domain=TARGET.domain))


def test_batches_are_pointed_out() -> None:
    assert any("--group sample_id on the command line" in note for note in transfer().notes)
    assert not any("group=" in note for note in transfer(group="sample_id").notes)


def test_the_group_of_a_design_holds_for_the_model_too() -> None:
    outcome = transfer(study=StudyDesign.from_dict(FAST.to_dict() | {"group": "sample_id"}))
    grouped, plain = transfer(group="sample_id", study=None), transfer(study=None)
    assert outcome.group == outcome.studies["density"].design.group == "sample_id"
    cv_mape = outcome.models["density"].cv_mape_
    assert cv_mape == grouped.models["density"].cv_mape_ != plain.models["density"].cv_mape_


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        pytest.param({"outputs": ()}, ConfigurationError, "at least one quantity", id="no outputs"),
        pytest.param({"outputs": "densities"}, UnknownNameError, "density", id="unknown output"),
        pytest.param({"strategy": "autom"}, UnknownNameError, "nearest known: auto", id="unknown strategy"),
        pytest.param({"study": "long"}, ConfigurationError, "'study' must be 'quick'", id="unknown study"),
    ],
)
def test_bad_requests_are_refused(settings: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        transfer(**settings)


def test_the_quick_design_shows_what_not_adapting_costs() -> None:
    design = quick_design("density", ["roll_gap"], random_state=3, group="batch_id")
    assert design.strategies == ("auto", "source_only")
    assert (design.random_state, design.group) == (3, "batch_id")
    assert quick_design("density", ["roll_gap"], "source_only").strategies == ("source_only",)


def test_nothing_is_changed_in_the_tables() -> None:
    before = TARGET.frame.copy()
    transfer()
    pd.testing.assert_frame_equal(TARGET.frame, before)


def test_exact_copies_of_rows_are_left_out_and_named() -> None:
    doubled = Table.from_frame(pd.concat([TARGET.frame, TARGET.frame]), domain=TARGET.domain)
    outcome = transfer(doubled, study=None)
    assert len(outcome.models["density"].y_target_) == 16
    assert "16 of 32 target rows are exact copies of other rows and are left out." in outcome.notes


def test_doubts_of_reading_stand_in_the_notes() -> None:
    slipped = TARGET.frame.assign(roll_gap=TARGET.frame["roll_gap"] * 1000.0)
    outcome = transfer(Table.from_frame(slipped, domain=TARGET.domain), study=None)
    assert any("its values look like nm" in note for note in outcome.notes)
