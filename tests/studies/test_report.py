"""Report and figures: complete, self-contained, never half-written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError
from ionbridge.studies import StudyDesign, StudyResult, report, run_study, transfer_tables, write_report
from ionbridge.studies.plots import save_figure, study_figures
from tests.studies.stand_ins import STRATEGIES, make_table

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")

DESIGN = StudyDesign(
    output="density",
    inputs=("roll_gap", "solid_content"),
    strategies=("source_line", "demanding"),
    baselines=("line",),
    target_sizes=(5, "all"),
    source_sizes=(10, "all"),
    n_splits=3,
)


@pytest.fixture(scope="module")
def study() -> StudyResult:
    source, target = make_table(30, seed=1), make_table(16, shift=0.4, seed=2)
    return run_study(source, target, DESIGN, strategies=STRATEGIES)


@pytest.fixture(scope="module")
def page(study: StudyResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(study, tmp_path_factory.mktemp("reports") / "study")


def test_every_figure_is_drawn_with_units_on_its_axes(study: StudyResult) -> None:
    figures = study_figures(study)
    assert set(figures) == {"learning_curves", "comparison", "parity", "coverage", "source_ablation"}
    for figure in figures.values():
        for axis in figure.axes:
            assert re.search(r"\[.+\]$", axis.get_xlabel())
            assert axis is not figure.axes[0] or axis.get_ylabel() or axis.get_yticklabels()


def test_figures_are_saved_with_the_same_bytes_each_time(study: StudyResult, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        svg, png = save_figure(study_figures(study)["parity"], tmp_path, "parity")
        contents.append((svg.read_bytes(), png.read_bytes()))
    assert contents[0] == contents[1]


def test_infinite_intervals_and_single_sizes_can_be_drawn(study: StudyResult) -> None:
    one = study.trials[study.trials["size"] == "all"].assign(width=np.inf)
    rows = study.predictions[study.predictions["size"] == "all"].assign(lower=-np.inf, upper=np.inf)
    figures = study_figures(StudyResult(DESIGN, one, rows, study.exclusions, study.facts))
    assert "learning_curves" not in figures
    assert len(figures["parity"].axes) == 2


def test_the_page_needs_nothing_but_itself(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:|#|figures/|tables/|outcome\.json)[^"]*"', html)
    assert "http" not in re.sub(r"data:image[^\"]*", "", html)
    assert html.count("data:image/svg+xml;base64,") == 5


def test_the_page_states_verdict_data_and_exclusions(page: Path, study: StudyResult) -> None:
    html = page.read_text(encoding="utf-8")
    assert study.verdict().headline in html
    assert study.facts["source"]["sha256"] in html
    assert "demanding with 5 target rows: not applicable: Demanding needs at least 8 target rows" in html
    assert "prefers-color-scheme: dark" in html
    assert "3 random splits" in html


def test_everything_lies_beside_the_page(page: Path, study: StudyResult) -> None:
    html = page.read_text(encoding="utf-8")
    for name in ("figures/density_parity.svg", "figures/density_parity.png", "tables/density/trials.csv"):
        assert (page.parent / name).stat().st_size > 0
        assert f'href="{name}"' in html
    assert json.loads((page.parent / "outcome.json").read_text())["verdict"]["output"] == "density"
    assert StudyResult.load(page.parent / "tables" / "density").verdict() == study.verdict()


def test_a_failure_leaves_what_was_there(study: StudyResult, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.html").write_text("earlier")
    (folder / "mine.txt").write_text("kept")

    monkeypatch.setattr(report, "study_figures", lambda _: {})

    def fails(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(report, "_write_tables", fails)
        with pytest.raises(OSError, match="disk full"):
            write_report(study, folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report"]
    assert (folder / "report.html").read_text() == "earlier"
    write_report(study, folder)
    assert (folder / "report.html").read_text() != "earlier"
    assert (folder / "mine.txt").read_text() == "kept"


def test_a_file_in_the_way_is_reported(study: StudyResult, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(ConfigurationError, match="must be a folder"):
        write_report(study, tmp_path / "taken")


def test_a_transfer_without_study_has_a_page_too(tmp_path: Path) -> None:
    source, target = make_table(20, seed=1), make_table(6, shift=0.4, seed=2)
    outcome = transfer_tables(source, target, outputs="density", strategy="hierarchical_gp")
    html = write_report(outcome, tmp_path / "few").read_text(encoding="utf-8")
    assert "Transfer from source to target" in html
    assert "This is no proof" in html
    assert "Beeswarm" in html
    assert "roll gap [µm]" in html
    assert (tmp_path / "few" / "tables" / "density" / "shapley_values.csv").exists()
