"""Numbers of a report as rows of text.

The page they stand on is `report.py` with `report.html.jinja`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ionbridge.datasets import Table
from ionbridge.studies.metrics import metric_label
from ionbridge.studies.result import StudyResult
from ionbridge.studies.verdict import plain_name

__all__ = ["column_ranges", "data_rows", "error_table", "exclusion_lines"]


def error_table(study: StudyResult) -> dict[str, Any]:
    """Rows of mean errors, best first at the largest size, with pooled coverage.

    Returns
    -------
    ``table`` (rows), ``sizes`` (headings) and ``table_caption``.
    """
    metric = study.metric
    full = study.of_largest_source(study.trials)
    sizes = study.size_labels
    means = full.groupby(["strategy", "size"])[metric].mean().unstack("size")
    spreads = full.groupby(["strategy", "size", "split"])[metric].mean().groupby(["strategy", "size"]).std()
    rows = []
    for name in means.sort_values(sizes[-1], na_position="last").index if sizes else ():
        own = full[full["strategy"] == name]
        cells = [
            {
                "text": f"{means.loc[name, size]:#.3g} ± {spreads[name, size]:.2g}"
                if np.isfinite(means.loc[name, size])
                else "–",
                "best": means.loc[name, size] == means[size].min(),
            }
            for size in sizes
        ]
        covered = float(np.average(own["coverage"], weights=own["n_test"]))
        rows.append(
            {
                "name": plain_name(str(name)),
                "first": name == study.design.strategies[0],
                "role": _learns_from(str(name), study),
                "cells": cells,
                "coverage": f"{100 * covered:.0f} %",
                "seconds": f"{own['seconds'].mean():.3f}",
            }
        )
    caption = (
        f"{metric_label(metric, study.unit)}: mean ± standard deviation over the splits; bold is the smallest mean. Coverage: "
        f"held-out rows inside their {100 * study.design.level:.0f} % interval, all sizes together."
    )
    headings = [f"{full.loc[full['size'] == size, 'n_train'].mean():.0f}" for size in sizes]
    return {"table": rows, "sizes": headings, "table_caption": caption}


def _learns_from(name: str, study: StudyResult) -> str:
    if name == "source_only":
        return "source alone"
    return "source and target" if name in study.design.strategies else "target alone"


def exclusion_lines(study: StudyResult) -> list[str]:
    """One line for each reason something could not be run."""
    lines: dict[str, list[str]] = {}
    for entry in study.exclusions.itertuples():
        size = "all" if entry.size == "all" else entry.size
        lines.setdefault(f"{plain_name(str(entry.strategy))}|{entry.kind}|{entry.reason}", []).append(
            str(size)
        )
    found = []
    for key, sizes in lines.items():
        name, kind, reason = key.split("|", 2)
        found.append(f"{name} with {', '.join(dict.fromkeys(sizes))} target rows: {kind}: {reason}")
    return found


def data_rows(source: Mapping[str, Any], target: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of the table that says where the data come from; rows without any entry are left out."""
    fields = {
        "domain": lambda t: t["domain"]["name"],
        "chemistry": lambda t: t["domain"]["chemistry"],
        "process": lambda t: t["domain"]["process"],
        "format": lambda t: t["domain"]["format"],
        "fidelity": lambda t: t["domain"]["fidelity"],
        "origin": lambda t: t["domain"]["origin"],
        "rows": lambda t: str(t["n_rows"]),
        "read from": lambda t: t["provenance"]["source"],
        "licence": lambda t: t["provenance"]["licence"],
        "citation": lambda t: t["provenance"]["citation"],
        "notes": lambda t: " ".join(f"{note.rstrip('.')}." for note in t["provenance"]["notes"]),
        "SHA-256": lambda t: t["sha256"],
    }
    rows = [(name, read(source), read(target)) for name, read in fields.items()]
    return [row for row in rows if row[1] or row[2]]


def column_ranges(
    source: Table, target: Table, inputs: Sequence[str], outputs: Sequence[str]
) -> list[tuple[str, str, str, str]]:
    """Range of every used column in both domains."""

    def span(table: Table, name: str) -> str:
        if name not in table.names:
            return "not measured"
        values = table.values(name)
        return f"{np.nanmin(values):.4g} to {np.nanmax(values):.4g}"

    uses = [(name, "input") for name in inputs] + [(name, "output") for name in outputs]
    return [(target.quantity(name).label, use, span(source, name), span(target, name)) for name, use in uses]
