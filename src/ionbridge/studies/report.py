"""A self-contained web page of a study or a transfer, with every figure and table beside it.

What is said is decided in `verdict.py`, what is drawn in `plots.py` and `explanation_plots.py`;
how it looks is `report.html.jinja`.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ionbridge import __version__
from ionbridge.exceptions import ConfigurationError
from ionbridge.plugins import import_extra
from ionbridge.studies.plots import save_figure, study_figures
from ionbridge.studies.report_tables import column_ranges, data_rows, error_table, exclusion_lines
from ionbridge.studies.result import StudyResult
from ionbridge.studies.verdict import Verdict, can_judge, plain_name

if TYPE_CHECKING:
    from ionbridge.studies.pipeline import TransferOutcome

__all__ = ["write_report"]

_CAPTIONS = {
    "learning_curves": "Learning curves: mean error on held-out target rows; bands hold the middle half of the splits.",
    "comparison": "All methods: mean error on held-out target rows; a small triangle marks a bar that is cut.",
    "parity": "Parity: each held-out target row once, mean over the splits that held it out.",
    "coverage": "Intervals: how many held-out rows they hold, and how wide they are.",
    "source_ablation": "Ablation: error against the number of source rows; dotted lines are the best model without source.",
    "swarm": "Beeswarm: what each input adds to each prediction (Shapley values), coloured by the input's value.",
    "force": "Force plot: how the inputs make up the prediction of the target row nearest to the median.",
    "importance": "Importance of each input in the source and in the target (shares of the mean absolute Shapley value).",
}
_ORDER = tuple(_CAPTIONS)
_BADGES = {"no difference": "not proven"}


@dataclass(frozen=True)
class _Contents:
    """What a page is made of, whichever object it reports on."""

    title: str
    studies: Mapping[str, StudyResult | None]
    explanations: Mapping[str, Any]
    source_explanations: Mapping[str, Any]
    models: Mapping[str, Any]
    sentences: Mapping[str, str]
    notes: tuple[str, ...]
    data: list[tuple[str, str, str]]
    ranges: list[tuple[str, str, str, str]]
    outcome: Any


def write_report(
    result: TransferOutcome | StudyResult, folder: str | Path, *, command_line: str = ""
) -> Path:
    """Write ``report.html`` with ``figures/``, ``tables/`` and ``outcome.json`` beside it.

    Everything is written to a temporary folder and moved into place at the end, so that a
    failure leaves what was there before. The page holds its figures and needs no network.

    Parameters
    ----------
    result : of `transfer_tables` or `run_study`.
    folder : created where needed; an earlier report in it is replaced, other files stay.
    command_line : with which the result was made, told as the way to repeat it; empty for Python.

    Returns
    -------
    path of ``report.html``.

    Raises
    ------
    MissingExtraError
        If matplotlib or jinja2 is not installed.
    ConfigurationError
        If `folder` is a file.
    """
    jinja2 = import_extra("jinja2", "report")
    folder = Path(folder)
    contents = _contents(result)
    with _moved_into(folder) as draft:
        addresses = _write_figures(contents, draft)
        _write_tables(contents, draft)
        outcome = json.dumps(contents.outcome.to_dict(), indent=1)
        (draft / "outcome.json").write_text(outcome, encoding="utf-8")
        page = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
        template = page.from_string(
            files("ionbridge.studies").joinpath("report.html.jinja").read_text("utf-8")
        )
        listed = sorted(str(p.relative_to(draft).as_posix()) for p in draft.rglob("*") if p.is_file())
        html = template.render(**_page(contents, addresses, command_line), files=listed, version=__version__)
        (draft / "report.html").write_text(html, encoding="utf-8")
    return folder / "report.html"


@contextmanager
def _moved_into(folder: Path) -> Iterator[Path]:
    """Give a draft folder whose entries replace those of `folder` once the block has succeeded."""
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(
            f"'folder' of write_report must be a folder; {folder} is a file. Choose another name."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield draft
        folder.mkdir(exist_ok=True)
        for entry in sorted(draft.iterdir(), key=lambda path: path.name == "report.html"):
            place = folder / entry.name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            os.replace(entry, place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _contents(result: TransferOutcome | StudyResult) -> _Contents:
    if isinstance(result, StudyResult):
        output, facts = result.design.output, result.facts
        source, target = facts["source"], facts["target"]
        return _Contents(
            title=f"Study: {plain_name(output)}, {source['domain']['name']} to {target['domain']['name']}",
            studies={output: result}, explanations={}, source_explanations={}, models={}, sentences={},
            notes=result.notes, data=data_rows(source, target), ranges=[], outcome=result,
        )  # fmt: skip
    described = result.to_dict()
    return _Contents(
        title=f"Transfer from {result.source.domain.name} to {result.target.domain.name}",
        studies=result.studies,
        explanations=result.explanations,
        source_explanations=result.source_explanations,
        models=result.models,
        sentences=result.sentences,
        notes=result.notes,
        data=data_rows(described["source"], described["target"]),
        ranges=column_ranges(result.source, result.target, result.inputs, tuple(result.models)),
        outcome=result,
    )


def _write_figures(contents: _Contents, draft: Path) -> dict[str, dict[str, str]]:
    """Save every figure; returns the address of each for the page, by output and kind."""
    folder = draft / "figures"
    folder.mkdir()
    addresses: dict[str, dict[str, str]] = {}
    for output, study in contents.studies.items():
        figures = {} if study is None else study_figures(study)
        if output in contents.explanations:
            figures |= _explanation_figures(contents, output)
        addresses[output] = {}
        for kind in sorted(figures, key=_ORDER.index):
            svg, _ = save_figure(figures[kind], folder, f"{output}_{kind}")
            encoded = base64.b64encode(svg.read_bytes()).decode()
            addresses[output][kind] = f"data:image/svg+xml;base64,{encoded}"
    return addresses


def _explanation_figures(contents: _Contents, output: str) -> dict[str, Any]:
    from ionbridge.studies.explanation_plots import plot_force, plot_importance, plot_swarm

    explanation = contents.explanations[output]
    middle = int(np.argsort(explanation.predictions)[len(explanation.predictions) // 2])
    figures = {"swarm": plot_swarm(explanation), "force": plot_force(explanation, middle)}
    if output in contents.source_explanations:
        figures["importance"] = plot_importance(contents.source_explanations[output], explanation)
    return figures


def _write_tables(contents: _Contents, draft: Path) -> None:
    folder = draft / "tables"
    folder.mkdir()
    for output, study in contents.studies.items():
        if study is not None:
            study.save(folder / output)
            study.summary().to_csv(folder / output / "summary.csv", index=False)
    for output, explanation in contents.explanations.items():
        (folder / output).mkdir(exist_ok=True)
        explanation.to_frame().to_csv(folder / output / "shapley_values.csv", index=False)


def _page(
    contents: _Contents, addresses: Mapping[str, Mapping[str, str]], command_line: str
) -> dict[str, Any]:
    """Collect everything that the template prints."""
    studies = [study for study in contents.studies.values() if study is not None]
    first = studies[0] if studies else None
    versions = first.facts["versions"] if first else {}
    return {
        "title": contents.title,
        "subtitle": _subtitle(first),
        "outputs": [_section(contents, output, addresses[output]) for output in contents.studies],
        "notes": contents.notes,
        "data": contents.data,
        "ranges": contents.ranges,
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items())
        or f"ionbridge {__version__}",
        "command_line": command_line,
        "recipe": _recipe(contents, command_line),
    }


def _subtitle(study: StudyResult | None) -> str:
    if study is None:
        return "No study: too few target rows, or none was asked for."
    design = study.design
    seeds = "" if design.n_seeds == 1 else f" × {design.n_seeds} seeds"
    return (
        f"{design.n_splits} random splits{seeds}, {100 * design.test_fraction:.0f} % of the target rows held out, "
        f"{len(set(study.trials['strategy']))} methods, {len(study.trials)} fits, "
        f"{100 * design.level:.0f} % intervals, seed {design.random_state}."
    )


def _section(contents: _Contents, output: str, addresses: Mapping[str, str]) -> dict[str, Any]:
    study = contents.studies[output]
    verdict = study.verdict() if study is not None and can_judge(study) else None
    css = {"helps": "helps", "hurts": "hurts"}
    section: dict[str, Any] = {
        "name": output,
        "plain": plain_name(output),
        "css": _colour(verdict),
        "headline": verdict.headline if verdict else contents.sentences.get(output, "No verdict: see what could not be run."),
        "findings": [
            {"value": _BADGES.get(entry.value, entry.value), "css": css.get(entry.value, "even"), "sentence": entry.sentence.replace(" %", "\u00a0%")}
            for entry in (verdict.sizes if verdict else ())
        ],
        "model": _model_line(contents.models.get(output)),
        "figures": [{"address": address, "caption": _CAPTIONS[kind]} for kind, address in addresses.items()],
        "table": [], "sizes": [], "table_caption": "", "exclusions": [], "design": "",
    }  # fmt: skip
    if study is not None:
        section |= error_table(study) | {
            "exclusions": exclusion_lines(study),
            "design": json.dumps(study.design.to_dict(), indent=1),
        }
    return section


def _colour(verdict: Verdict | None) -> str:
    values = {entry.value for entry in verdict.sizes} if verdict else set()
    return "hurts" if "hurts" in values else "helps" if "helps" in values else "even"


def _model_line(model: Any) -> str:
    if model is None:
        return ""
    inputs = ", ".join(plain_name(q.name) for q in model.inputs)
    return (
        f"The adapted model ({plain_name(str(model.strategy))}) predicts {plain_name(model.output.name)} from {inputs}. It learned "
        f"from all {len(model.y_target_)} complete target rows; cross-validated MAPE {model.cv_mape_:.1f} %, "
        f"a Gaussian process of the target alone {model.cv_mape_target_only_:.1f} %."
    )


_READING_OPTIONS = ("--map", "--ignore", "--columns", "--sheet", "--source-", "--target-")


def _recipe(contents: _Contents, command_line: str) -> str:
    """Python that repeats the run."""
    is_told = any(f" {option}" in command_line for option in _READING_OPTIONS)
    hint = "  # with columns, ignore, sheet and domain as on the command line" if is_told else ""
    output, study = next(iter(contents.studies.items()))
    result = contents.outcome
    tables = result.facts if isinstance(result, StudyResult) else result.to_dict()
    lines = ["import json", "from ionbridge import read_table", "from ionbridge.studies import StudyDesign"]
    for name in ("source", "target"):
        origin = tables[name]["provenance"]["source"]
        is_file = bool(Path(origin).suffix) and " " not in Path(origin).suffix
        lines += [
            f"{name} = read_table({origin!r}){hint}" if is_file else f"{name} = ...  # {origin}",
            f"assert {name}.sha256 == {tables[name]['sha256']!r}",
        ]
    if study is not None:
        lines += [
            f"stored = json.load(open('tables/{output}/study.json'))",
            "design = StudyDesign.from_dict(stored['design'])",
        ]
    if isinstance(result, StudyResult):
        lines += ["from ionbridge import run_study", "run_study(source, target, design)"]
        return "\n".join(lines)
    model = result.models[output]
    return "\n".join(
        [
            *lines,
            "from ionbridge import transfer_tables",
            f"transfer_tables(source, target, outputs={list(result.models)}, inputs={list(result.inputs)},",
            f"    group={result.group!r}, strategy={model.strategy!r}, level={model.level}, random_state={model.random_state}, "
            f"study={'design' if study is not None else None})",
        ]
    )
