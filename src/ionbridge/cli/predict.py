"""`ionbridge predict`: new rows, with intervals and a word on whether to believe them.

Predicting is the work of `ionbridge.transfer.TransferModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ionbridge.cli.options import Reading, load_model, reading_options
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_table, write_csv
from ionbridge.cli.parsing import LEVEL, MODEL

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
@reading_options()
def command(
    console: Console, model: str, file: Path, level: float | None, out: Path | None, reading: Reading
) -> None:
    """Predict every row of the table INPUT with the saved MODEL.

    Each row gets a mean, an interval (lower, upper) and in_domain: whether the model has seen anything
    like it. Where in_domain is no, the reason follows and the interval is not to be believed.
    """
    fitted = load_model(model)
    table = reading.read(file)
    prediction = fitted.predict(table, level=level).to_dict()
    headers, rows = _rows(prediction)
    n_outside = prediction["in_domain"].count(False)
    lines = [format_table(headers, rows[:SHOWN])]
    if len(rows) > SHOWN:
        lines.append(f"... {len(rows) - SHOWN} more rows; --out FILE.csv writes all of them")
    if n_outside:
        lines.append(f"{n_outside} of {len(rows)} rows lie outside what the model has seen")
    if out is not None:
        write_csv(out, headers, rows)
    console.result({"model": model, "rows": len(rows), "out": out, **prediction}, "\n".join(lines))
    if out is not None:
        console.saved("predictions", out)


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
