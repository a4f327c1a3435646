"""`ionbridge predict`: new rows, with intervals and a word on whether to believe them.

Predicting is the work of `ionbridge.transfer.TransferModel`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ionbridge.cli.options import Reading, load_table_model, reading_options
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_table, write_csv
from ionbridge.cli.parsing import LEVEL, MODEL
from ionbridge.cli.wording import for_terminal
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
    Of INPUT, only the columns that the model takes are checked. The file of --out and the JSON carry them in their
    units, and every other column, such as the names of the samples, as it is written.
    """
    if out is not None and out.resolve() == file.resolve():
        raise click.UsageError(f"'--out' would replace the input {file}; name another file.")
    fitted = load_table_model(model)
    given = reading.read_inputs(file, fitted.inputs)
    if not skip_incomplete:
        _require_complete(given.table, [item.name for item in fitted.inputs])
    prediction = _predict(fitted, given.table, level)
    columns = _columns(prediction)
    names = {header: texts for header, texts in given.carried.items() if _is_name(header)}
    shown = list(zip(*_numbered(names, columns).values(), strict=True))
    n_outside = prediction["in_domain"].count(False)
    n_skipped = prediction["in_domain"].count(None)
    lines = [format_table(list(_numbered(names, columns)), shown[:SHOWN])]
    if len(shown) > SHOWN:
        lines.append(f"... {len(shown) - SHOWN} more rows; --out FILE.csv writes all of them")
    if n_outside:
        lines.append(f"{n_outside} of {len(given)} rows lie outside what the model has seen")
    if n_skipped:
        lines.append(f"{n_skipped} of {len(given)} rows lack an input and are not predicted")
    inputs = given.input_columns(fitted.inputs)
    if out is not None:
        whole = _numbered({**given.carried, **inputs}, columns)
        write_csv(out, list(whole), zip(*whole.values(), strict=True))
    payload = {"model": model, "rows": len(given), "out": out, "labels": given.carried, "inputs": inputs}
    console.result({**payload, **prediction}, "\n".join(lines))
    if out is not None:
        console.saved("predictions", out)


def _require_complete(table: Table, names: list[str]) -> None:
    try:
        table.complete(names)
    except DataError as error:
        text = for_terminal(str(error))
        raise DataError(f"{text.rstrip('.')}. To predict the other rows, add --skip-incomplete.") from error


def _predict(fitted: Any, table: Table, level: float | None) -> dict[str, Any]:
    """Prediction as a dictionary of lists; None in rows that are skipped."""
    names = [item.name for item in fitted.inputs]
    whole = table.complete(names, on_missing="drop")
    found: dict[str, Any] = fitted.predict(whole, level=level).at_edge().to_dict()
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


def _is_name(header: str) -> bool:
    """Whether a column identifies rows, so that it is worth showing on the terminal."""
    from ionbridge.datasets.columns import read_header

    read = read_header(header)
    return read is not None and read[0].kind == "label"


def _columns(prediction: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What is predicted, one value a row, by header with unit; an unlimited bound is None."""
    from ionbridge.quantities.text import unit_ending

    name, unit = prediction["quantity"], prediction["unit"]
    ending = f"_{unit_ending(unit)}" if unit_ending(unit) else ""
    found = {f"{name}_{part}{ending}": prediction[part] for part in ("mean", "lower", "upper")}
    reasons = prediction["reasons"] or [""] * len(prediction["mean"])
    return {**found, "in_domain": prediction["in_domain"], "reason": reasons}


def _numbered(given: Mapping[str, list[Any]], predicted: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Number of the row, columns of the file, predictions; a header of the file that clashes is marked so."""
    taken = {"row", *predicted}
    renamed = {f"{header} (file)" if header in taken else header: values for header, values in given.items()}
    return {"row": list(range(1, len(predicted["reason"]) + 1)), **renamed, **predicted}
