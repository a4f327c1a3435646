"""How the outcome of a transfer is printed and kept: sentence, table of strategies, saved models.

Shared by `demo`, `transfer` and `study`; computing the outcome is the work of `ionbridge.studies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ionbridge.cli.output import Console, format_table
from ionbridge.exceptions import ConfigurationError

if TYPE_CHECKING:
    from ionbridge.datasets import Table
    from ionbridge.studies import StudyResult, TransferOutcome

__all__ = [
    "check_free",
    "default_name",
    "format_outcome",
    "format_study",
    "model_names",
    "outcome_payload",
    "save_models",
]


def default_name(source: Table, target: Table) -> str:
    """Name for folders and models, such as ``graphite-to-nmc``."""
    from ionbridge.library.store import plain_model_name

    return plain_model_name(f"{source.domain.name}-to-{target.domain.name}") or "transfer"


def model_names(stem: str, outputs: tuple[str, ...], *, is_chosen: bool) -> dict[str, str]:
    """Name of the saved model of each output: the chosen name as it is where there is one output."""
    if is_chosen and len(outputs) == 1:
        return {outputs[0]: stem}
    return {output: f"{stem}-{output}" for output in outputs}


def check_free(names: Mapping[str, str]) -> None:
    """Refuse names that are taken, before anything is computed."""
    from ionbridge.library import ModelLibrary

    taken = sorted(set(names.values()) & set(ModelLibrary().names(shipped=False)))
    if taken:
        raise ConfigurationError(
            f"there is already a saved model {', '.join(taken)}; choose a name with --save NAME, replace it with "
            "--overwrite, or keep no model with --no-save."
        )


def save_models(outcome: TransferOutcome, names: Mapping[str, str], *, overwrite: bool) -> list[str]:
    """Save every model under its name, with the figures and the verdict of its study."""
    from ionbridge.library import Metric, ModelLibrary

    library = ModelLibrary()
    for output, model in outcome.models.items():
        study = outcome.studies[output]
        metrics = {}
        if study is not None:
            row = _final(study, str(model.strategy))
            metrics = (
                {
                    "study_mape": Metric(row["mape"], row["mape_std"], "%"),
                    "study_coverage": Metric(row["coverage"]),
                }
                if row
                else {}
            )
        library.save(
            model,
            names[output],
            metrics=metrics,
            verdict=outcome.sentences[output],
            licence=_licence(outcome),
            overwrite=overwrite,
        )
    return list(names.values())


def _licence(outcome: TransferOutcome) -> str:
    """Licences of the data the models were trained on, as far as the tables know them."""
    known = {
        role: table.provenance.licence
        for role, table in (("source", outcome.source), ("target", outcome.target))
        if table.provenance.licence
    }
    if len(known) == 2 and len(set(known.values())) == 1:
        return known["source"]
    return "; ".join(f"{role} data: {licence}" for role, licence in known.items())


def _final(study: StudyResult, strategy: str) -> Mapping[Any, Any] | None:
    """Mean metrics of a strategy with the most target and source rows."""
    rows = [row for row in study.summary().to_dict("records") if row["strategy"] == strategy]
    return max(rows, key=lambda row: (row["n_train"], row["n_source"]), default=None)


def format_outcome(outcome: TransferOutcome) -> str:
    """Write what was found for people: for each output the verdict and the table of strategies."""
    parts = []
    for output, sentence in outcome.sentences.items():
        study = outcome.studies[output]
        parts += [sentence, ""]
        if study is not None:
            parts += [format_study(study), ""]
    return "\n".join(parts).rstrip()


def format_study(study: StudyResult) -> str:
    """Write the errors of every strategy at every target size, the smallest final error first."""
    sizes = study.size_labels
    metric = study.metric
    unit = "%" if metric == "mape" else study.unit
    rows: dict[str, dict[str, Any]] = {}
    for row in study.of_largest_source(study.summary()).to_dict("records"):
        rows.setdefault(row["strategy"], {})[row["size"]] = row
    n_train = {size: row["n_train"] for found in rows.values() for size, row in found.items()}
    headers = [
        study.design.output,
        *(f"{n_train[size]:.0f} rows" for size in sizes),
        f"{100 * study.design.level:.0f} % intervals hold, all sizes [%]",
        "s/fit",
    ]
    lines = []
    for name in sorted(rows, key=lambda n: rows[n].get(sizes[-1], {}).get(metric, float("inf"))):
        found = rows[name]
        last = found[max(found, key=lambda size: n_train[size])]
        errors = [found[size][metric] if size in found else None for size in sizes]
        n_trials = sum(row["n_trials"] for row in found.values())
        covered = sum(row["coverage"] * row["n_trials"] for row in found.values()) / n_trials
        lines.append([name, *errors, 100 * covered, last["seconds"]])
    title = f"Mean {metric.upper()} [{unit}] of rows not used for training, by number of target rows:"
    return f"{title}\n{format_table(headers, lines)}"


def outcome_payload(outcome: TransferOutcome, report: Path | None, saved: list[str]) -> dict[str, Any]:
    """Build the JSON document of a transfer."""
    return {**outcome.to_dict(), "report": report, "saved_models": saved}


def tell_notes(console: Console, outcome: TransferOutcome) -> None:
    """Tell what a reader must know about the data and the run."""
    for note in outcome.notes:
        console.note(f"note: {note}")
