"""`ionbridge predict`: new rows, with intervals and a word on whether to believe them.

Predicting is the work of `ionbridge.transfer.TransferModel`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ionbridge.cli.options import Reading, load_model, reading_options
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_table, write_csv
from ionbridge.cli.parsing import LEVEL, MODEL
from ionbridge.exceptions import DataError

if TYPE_CHECKING:
    from ionbridge.datasets import Table

__all__ = ["command"]

SHOWN = 20


@make_command(
    "predict",
    """
    ionbridge predict nmc-density settings.csv
    ionbridge predict nmc-density settings.csv --out predicted.csv --level 0.8
    ionbridge predict nmc-density settings.csv --map 'Gap=roll_gap [um]' --json
    """,
)
@click.argument("model", type=MODEL)
@click.argument("file", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "--level", type=LEVEL, help="Coverage of the intervals, such as 0.9; by default, the model's own."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all rows to this CSV file."
)
@click.option(
    "--skip-incomplete",
    is_flag=True,
    help="Predict the other rows where an input is empty; such rows get empty predictions.",
)
@reading_options()
def command(
    console: Console,
    model: str,
    file: Path,
    level: float | None,
    out: Path | None,
    skip_incomplete: bool,
    reading: Reading,
) -> None:
    """Predict every row of the table INPUT with the saved MODEL.

    Rows are numbered from 1, the header and empty lines not counted; messages about the file name its own
    rows, the header counted. Each row gets a mean, an interval (lower, upper) and in_domain: whether the model has seen anything
    like it. Where in_domain is no, the reason follows and the interval is not to be believed.
    """
    if out is not None and out.resolve() == file.resolve():
        raise click.UsageError(f"'--out' would replace the input {file}; name another file.")
    fitted = load_model(model)
    table = reading.read(file, (*fitted.inputs, fitted.output))
    if not skip_incomplete:
        _require_complete(table, [item.name for item in fitted.inputs])
    prediction = _predict(fitted, table, level)
    headers, rows = _rows(prediction)
    n_outside = prediction["in_domain"].count(False)
    n_skipped = prediction["in_domain"].count(None)
    lines = [format_table(headers, rows[:SHOWN])]
    if len(rows) > SHOWN:
        lines.append(f"... {len(rows) - SHOWN} more rows; --out FILE.csv writes all of them")
    if n_outside:
        lines.append(f"{n_outside} of {len(rows)} rows lie outside what the model has seen")
    if n_skipped:
        lines.append(f"{n_skipped} of {len(rows)} rows lack an input and are not predicted")
    if out is not None:
        write_csv(out, headers, rows)
    console.result({"model": model, "rows": len(rows), "out": out, **prediction}, "\n".join(lines))
    if out is not None:
        console.saved("predictions", out)


def _require_complete(table: Table, names: list[str]) -> None:
    try:
        table.complete(names)
    except DataError as error:
        text = str(error).split(" (in Python")[0]
        raise DataError(f"{text.rstrip('.')}. To predict the other rows, add --skip-incomplete.") from error


def _predict(fitted: Any, table: Table, level: float | None) -> dict[str, Any]:
    """Prediction as a dictionary of lists; None in rows that are skipped."""
    names = [item.name for item in fitted.inputs]
    whole = table.complete(names, on_missing="drop")
    found: dict[str, Any] = fitted.predict(whole, level=level).to_dict()
    if len(whole) == len(table):
        return found
    missing = [
        [name for name, value in zip(names, row, strict=True) if math.isnan(value)]
        for row in table.values(names).tolist()
    ]
    positions = [position for position, absent in enumerate(missing) if not absent]
    reasons = [f"no value of {', '.join(absent)}" if absent else "" for absent in missing]
    for part in ("mean", "lower", "upper", "in_domain"):
        values: list[Any] = [None] * len(table)
        for position, value in zip(positions, found[part], strict=True):
            values[position] = value
        found[part] = values
    for position, reason in zip(positions, found["reasons"] or [], strict=False):
        reasons[position] = reason
    return {**found, "reasons": reasons}


def _rows(prediction: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Headers with units, and one row a prediction; an unlimited bound is None."""
    from ionbridge.quantities.text import unit_ending

    name, unit = prediction["quantity"], prediction["unit"]
    ending = f"_{unit_ending(unit)}" if unit_ending(unit) else ""
    headers = [f"{name}_{part}{ending}" for part in ("mean", "lower", "upper")]
    n_rows = len(prediction["mean"])
    reasons = prediction["reasons"] or [""] * n_rows
    columns = (prediction["mean"], prediction["lower"], prediction["upper"], prediction["in_domain"], reasons)
    rows = [[number, *row] for number, row in enumerate(zip(*columns, strict=True), start=1)]
    return ["row", *headers, "in_domain", "reason"], rows
