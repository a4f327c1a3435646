"""A self-contained web page of a screening, with figures, tables and JSON beside it.

What is drawn is decided in `report_plots.py`, what is said in `screen.py`; how it looks is
`screening.html.jinja`.
"""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ionbridge import __version__
from ionbridge.applications.screening.report_plots import screening_figures
from ionbridge.applications.screening.screen import ScreeningResult
from ionbridge.exceptions import ConfigurationError
from ionbridge.plugins import import_extra
from ionbridge.quantities import pretty_unit
from ionbridge.studies.plots import save_figure

__all__ = ["write_screening_report"]

N_SHOWN = 100
_CAPTIONS = {
    "ranking": "Ranking: predicted values with intervals, best first; diamonds are known, hollow points unlike everything known.",
    "enrichment": "Effort: hits to expect when the unknown materials are calculated in the order of the ranking.",
    "held_out": "Validation: every known material of the target, predicted by a model that has not seen its host.",
    "map": "Map: candidates among the known materials, in the two directions in which they differ most; the source may differ in others.",
    "rounds": "Closed loop: what each run found, on the scale of the known values.",
}


def write_screening_report(result: ScreeningResult, folder: str | Path, rounds: Sequence[Any] = ()) -> Path:
    """Write ``report.html`` with ``figures/``, ``ranking.csv``, ``next.csv``, ``problems.csv`` and ``outcome.json``.

    Parameters
    ----------
    result : of `screen`.
    folder : created where needed; other files in it stay.
    rounds : of `close_loop`.

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
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"'folder' of write_screening_report must be a folder; {folder} is a file.")
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    shown = []
    for kind, figure in screening_figures(result, rounds).items():
        svg, _ = save_figure(figure, folder / "figures", kind)
        encoded = base64.b64encode(svg.read_bytes()).decode()
        shown.append({"address": f"data:image/svg+xml;base64,{encoded}", "caption": _CAPTIONS[kind]})
    _write_tables(result, folder, rounds)
    page = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    text = files("ionbridge.applications.screening").joinpath("screening.html.jinja").read_text("utf-8")
    html = page.from_string(text).render(**_page(result, rounds), figures=shown, version=__version__)
    _replace(folder / "report.html", html)
    return folder / "report.html"


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def _write_tables(result: ScreeningResult, folder: Path, rounds: Sequence[Any]) -> None:
    unit = result.goal.quantity.unit.replace("/", "_per_").replace("^", "")
    renamed = {name: f"{name}_{unit}" for name in ("value", "lower", "upper", "known")}
    _replace(folder / "ranking.csv", result.table.rename(columns=renamed).to_csv(index=False))
    _replace(folder / "next.csv", result.next_table.rename(columns=renamed).to_csv(index=False))
    rows = ["severity,entry,row,problem"]
    for problem in result.problems:
        said = str(problem).replace('"', "'")
        rows.append(f'{problem.severity},"{problem.file}",{problem.row or ""},"{said}"')
    _replace(folder / "problems.csv", "\n".join(rows) + "\n")
    outcome = {**result.to_dict(), "rounds": [turn.to_dict() for turn in rounds]}
    _replace(folder / "outcome.json", json.dumps(_finite(outcome), indent=1, ensure_ascii=False))


def _finite(value: Any) -> Any:
    """What JSON can hold; NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _page(result: ScreeningResult, rounds: Sequence[Any]) -> dict[str, Any]:
    """Collect everything that the template prints."""
    unit = pretty_unit(result.goal.quantity.unit)
    verdict = result.model.verdict_
    level = f"{100 * result.prediction.level:.0f}"
    return {
        "title": f"Screening for {result.goal}",
        "subtitle": f"{len(result.entries)} candidates, {len(result.known)} of them known, {result.n_source} source materials"
        f"{f' ({result.source_label})' if result.source_label else ''}; {level} % intervals, validated on whole hosts.",
        "unit": unit,
        "css": {"helps": "helps", "hurts": "hurts"}.get(verdict.value, "even"),
        "badge": verdict.value,
        "verdict": verdict.sentence,
        "expected": f"{result.expected_hits:.0f} hits are expected among the {int(result.table['known'].isna().sum())} unknown "
        f"candidates; {int((result.table['known'].isna() & (result.table['probability'] > 0.5)).sum())} of them are more likely hits than not.",
        "notes": [note[0].upper() + note[1:] + "." for note in result.notes],
        "rows": [_row(dict(row)) for row in result.table.head(N_SHOWN).to_dict("records")],
        "n_more": max(0, len(result.table) - N_SHOWN),
        "next": [
            {**row, "value": _value(row["value"]), "probability": f"{row['probability']:.2f}"}
            for row in result.next_table.to_dict("records")
        ],
        "problems": [str(problem) for problem in result.problems],
        "rounds": [_round(turn) for turn in rounds],
        "error": f"{result.model.cv_mae_:.3g} {unit}",
    }


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    is_known = math.isfinite(row["known"])
    return {
        **row,
        "value": _value(row["value"]),
        "interval": "known" if is_known else f"{_number(row['lower'])} to {_number(row['upper'])}",
        "probability": f"{row['probability']:.2f}",
        "reasons": row["reasons"],
    }


def _value(value: float) -> str:
    """Three digits, zeros at the end included, so that a column reads evenly."""
    return f"{value:#.3g}".rstrip(".")


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1e3 else "∞" if not math.isfinite(value) else f"{value:.1e}"


def _round(turn: Any) -> dict[str, Any]:
    said = {"none": "as they are", "overlap": f"× {turn.calibration.factor:.2f} from {turn.calibration.n_overlap} materials that both know",
            "published": f"× {turn.calibration.factor:.2f}, the middle of the engine's published bias"}  # fmt: skip
    return {
        "number": turn.number,
        "found": "; ".join(f"{name} {value:.3g}" for name, value in turn.values.items()) or "nothing",
        "failed": "; ".join(f"{name}: {reason}" for name, reason in turn.failures.items()),
        "calibration": said[turn.calibration.source],
        "hits": turn.n_hits,
        "expected": f"{turn.expected_hits:.1f}",
        "error": f"{turn.error:.3g}",
        "seconds": f"{turn.cpu_seconds:.0f}",
    }
