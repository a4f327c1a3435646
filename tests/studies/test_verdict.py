"""The verdict: right value, right figures, intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.studies import StudyDesign, StudyResult, judge, run_study
from ionbridge.studies.verdict import can_judge, corrected_interval, rows_to_match
from tests.studies.stand_ins import STRATEGIES, make_table

DESIGN = StudyDesign(
    output="density",
    inputs=("roll_gap", "solid_content"),
    strategies=("source_line",),
    baselines=("line",),
    target_sizes=(4, 12, "all"),
    n_splits=10,
)


class _Far(type(STRATEGIES["line"])):  # a baseline that is always worse
    def _offset(self, problem):
        return lambda X: 0.2 * np.sin(1e3 * X[:, 0])


def run(**fields):
    design = StudyDesign.from_dict(DESIGN.to_dict() | fields)
    return run_study(make_table(60, seed=1), make_table(30, shift=0.4, seed=2), design, strategies=STRATEGIES)


def test_corrected_interval_is_nadeau_and_bengio() -> None:
    difference = np.array([1.0, 2.0, 3.0, 4.0])
    lower, upper = corrected_interval(difference, test_ratio=0.5)
    half = 3.182446305284263 * np.sqrt(difference.var(ddof=1) * (1 / 4 + 0.5))  # t(0.975, 3)
    assert (lower, upper) == (pytest.approx(2.5 - half), pytest.approx(2.5 + half))
    with pytest.raises(InsufficientDataError, match="at least 2 splits"):
        corrected_interval(difference[:1], 0.5)


def test_corrected_interval_covers_the_true_difference_also_with_few_training_rows() -> None:
    """Known answer: mean against zero as a predictor of N(m, 1), squared error, 5 of 42 rows."""
    random = np.random.default_rng(0)
    n_rows, n_train, n_test, n_splits, m = 60, 5, 18, 10, 0.7
    truth = 1 / n_train - m**2
    n_covered, n_sets = 0, 300
    for _ in range(n_sets):
        y = random.normal(m, 1, n_rows)
        difference = []
        for _ in range(n_splits):
            order = random.permutation(n_rows)
            test, train = y[order[:n_test]], y[order[n_test : n_test + n_train]]
            difference.append(np.mean((test - train.mean()) ** 2) - np.mean(test**2))
        lower, upper = corrected_interval(np.array(difference), n_test / (n_rows - n_test))
        n_covered += lower <= truth <= upper
    assert 0.92 <= n_covered / n_sets <= 1  # nominal 0.95; the correction is known to be conservative


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(8.0, 5, id="already with the fewest"),
        pytest.param(4.0, 10, id="at a point"),
        pytest.param(np.sqrt(8.0), np.sqrt(200), id="between points, on logarithms"),
        pytest.param(1.9, None, id="not reached"),
    ],
)
def test_rows_to_match(error: float, expected: float | None) -> None:
    found = rows_to_match(error, [5, 10, 20], [8.0, 4.0, 2.0])
    assert found == (None if expected is None else pytest.approx(expected))


def test_helpful_transfer_is_called_helpful_with_figures() -> None:
    class Knowing(type(STRATEGIES["source_line"])):
        def _offset(self, problem):
            return lambda X: 0.5 * np.sin(X[:, 0] / 12)

    source, target = make_table(40, seed=1), make_table(30, shift=0.4, seed=2)
    design = StudyDesign.from_dict(
        DESIGN.to_dict() | {"strategies": ["knowing"], "baselines": ["line", "far"]}
    )
    known = STRATEGIES | {"knowing": Knowing(), "far": _Far()}
    verdict = run_study(source, target, design, strategies=known).verdict()
    few = verdict.sizes[0]
    assert {entry.value for entry in verdict.sizes} == {"helps"}
    assert few.lower < few.change < few.upper < 0
    assert set(few.against) == {"line", "far"}
    assert few.equivalent_rows is None  # a line never fits the curve that the strategy knows
    assert few.sentence == (
        f"With 4 target rows, transfer lowers the MAPE of density from {few.baseline_error:.1f} % ({few.baseline}, the "
        f"best model without the source) to {few.error:.1f} % on average (by {-few.change:.0f} % in the typical split, 95 % interval {-few.upper:.0f} "
        f"to {-few.lower:.0f} %). Without the source, all 21 rows do not reach this."
    )
    assert verdict.summary == f"Transfer to density helps with 4, 12 and 21 target rows. {few.sentence}"


def test_negative_transfer_is_named() -> None:
    class Misled(type(STRATEGIES["source_line"])):
        def _offset(self, problem):
            return lambda X: 3 * np.sin(X[:, 0])

    source, target = make_table(40, seed=1), make_table(30, shift=0.4, seed=2)
    design = StudyDesign.from_dict(DESIGN.to_dict() | {"strategies": ["misled"], "baselines": ["line"]})
    verdict = run_study(source, target, design, strategies=STRATEGIES | {"misled": Misled()}).verdict()
    assert {entry.value for entry in verdict.sizes} == {"hurts"}
    assert "transfer hurts: it raises the MAPE of density from" in verdict.sizes[0].sentence
    assert "Use line on the target alone." in verdict.sizes[0].sentence
    assert verdict.headline == "Transfer to density hurts with 4, 12 and 21 target rows."
    assert verdict.to_dict()["value"] == "hurts"


def test_equal_methods_make_no_difference() -> None:
    class Copy(type(STRATEGIES["line"])):
        needs = "source data"

    source, target = make_table(40, seed=1), make_table(30, shift=0.4, seed=2)
    design = StudyDesign.from_dict(DESIGN.to_dict() | {"strategies": ["copy"], "baselines": ["line"]})
    verdict = run_study(source, target, design, strategies=STRATEGIES | {"copy": Copy()}).verdict()
    assert verdict.value == "no difference"
    assert verdict.sizes[0].change == 0
    assert "makes no proven difference" in verdict.headline


def test_without_mape_the_mean_absolute_error_is_judged() -> None:
    result = run()
    result.trials.loc[0, "mape"] = np.nan
    verdict = result.verdict()
    assert (verdict.metric, verdict.unit) == ("mae", result.unit)


def test_what_cannot_be_judged_is_refused() -> None:
    result = run(strategies=["source_line", "demanding", "broken"], target_sizes=[4])
    with pytest.raises(ConfigurationError, match="must be one of the study's"):
        judge(result, "line")
    with pytest.raises(ConfigurationError, match="'metric' of judge"):
        judge(result, metric="r2")
    assert not can_judge(result, "broken")
    with pytest.raises(InsufficientDataError, match="no verdict: 'broken' and a baseline never ran"):
        judge(result, "broken")


class _Partly(type(STRATEGIES["source_line"])):  # fails in split 0, and so in its part: splits 0 to 4
    def _offset(self, problem):
        if problem.random_state == np.random.SeedSequence([0, 0, 0]).generate_state(1)[0]:
            raise ArithmeticError("diverged")
        return super()._offset(problem)


def test_a_part_that_failed_leaves_its_splits_out_and_is_named(tmp_path) -> None:
    source, target = make_table(40, seed=1), make_table(30, shift=0.4, seed=2)
    design = StudyDesign.from_dict(DESIGN.to_dict() | {"strategies": ["partly"], "target_sizes": ["all"]})
    result = run_study(source, target, design, strategies=STRATEGIES | {"partly": _Partly()}, folder=tmp_path)
    (entry,) = result.verdict().sizes
    shared = result.trials[result.trials["split"] >= 5].groupby("strategy")["mape"].mean()
    assert entry.n_failed == 5
    assert entry.error == pytest.approx(shared["partly"])
    assert entry.baseline_error == pytest.approx(shared["line"])
    assert entry.sentence.endswith("5 of 10 splits failed and are left out of this comparison.")
    assert "partly with all target rows: 5 of 10 splits failed." in result.notes
    assert result.to_dict()["verdict"]["sizes"][0]["n_failed"] == 5


def test_fewer_than_two_common_splits_cannot_be_judged() -> None:
    result = run(n_splits=6, target_sizes=["all"])
    kept = result.trials.query("strategy == 'line' or split == 5")
    one = StudyResult(result.design, kept, result.predictions, result.exclusions, result.facts)
    assert not can_judge(one)
    assert one.to_dict()["verdict"] is None
    two = result.trials.query("strategy == 'line' or split >= 4")
    two = StudyResult(result.design, two, result.predictions, result.exclusions, result.facts)
    assert two.verdict().sizes[0].n_failed == 4


def test_the_largest_source_counts_wherever_it_stands_in_the_design() -> None:
    design = StudyDesign.from_dict(DESIGN.to_dict() | {"source_sizes": ["all", 100, 20]})
    assert design.largest_source == "all"
    design = StudyDesign.from_dict(DESIGN.to_dict() | {"source_sizes": [100, 20]})
    assert design.largest_source == "100"
