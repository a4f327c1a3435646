"""`ionbridge explain`: Shapley values of a saved model, as numbers and pictures.

Finding and drawing them is the work of `ionbridge.studies`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ionbridge.cli.options import Reading, load_table_model, reading_options
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_table, to_plain, write_csv
from ionbridge.cli.parsing import FOLDER, MODEL
from ionbridge.exceptions import ConfigurationError

if TYPE_CHECKING:
    from ionbridge.studies.explanation import Explanation

__all__ = ["command"]


@make_command(
    "explain",
    """
    ionbridge explain nmc-density
    ionbridge explain nmc-density settings.csv --out explained --row 1 --row 7
    ionbridge explain nmc-density --json
    """,
)
@click.argument("model", type=MODEL)
@click.argument("file", metavar="[INPUT]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--out", type=FOLDER, default="explained", show_default=True, help="Folder for figures and tables."
)
@click.option(
    "--row",
    "rows",
    type=click.IntRange(1),
    multiple=True,
    help="Draw this row too, counted from 1 without the header; repeatable.",
)
@reading_options()
def command(
    console: Console, model: str, file: Path | None, out: Path, rows: tuple[int, ...], reading: Reading
) -> None:
    """Show what each input adds to the predictions of MODEL.

    The rows of the table INPUT are explained; without it, the target rows the model was trained on.
    Writes a figure of all rows, one of each --row, a comparison with what the source alone teaches,
    and the values as CSV and JSON. Rows are numbered from 1, the header not counted.
    """
    from ionbridge.quantities import pretty_unit
    from ionbridge.studies.explanation import explain, explain_source

    fitted = load_table_model(model)
    table = reading.read_inputs(file, fitted.inputs).table if file else None
    n_rows = len(fitted.X_target_) if table is None else len(table)
    if max(rows, default=1) > n_rows:
        raise ConfigurationError(
            f"--row {max(rows)} is beyond the {n_rows} rows that are explained; rows are counted from 1 without the "
            "header."
        )
    explanation = explain(fitted, table)
    source = explain_source(fitted)
    files = _write(explanation, source, rows or (1,), out)
    importance = explanation.importance().to_dict()
    unit = pretty_unit(fitted.output.unit)
    text = format_table(("input", f"mean |Shapley value| [{unit}]"), list(importance.items()))
    console.result(
        {
            "model": model,
            **explanation.to_dict(),
            "source_importance": source.importance().to_dict() if source else None,
            "files": files,
        },
        f"{text}\n{explanation.description}",
    )
    console.saved("figures and tables", out)


def _write(explanation: Explanation, source: Any, rows: tuple[int, ...], out: Path) -> list[Path]:
    """Write figures and numbers into the folder `out`; return the files."""
    from ionbridge.studies.explanation_plots import plot_force, plot_importance, plot_swarm
    from ionbridge.studies.plots import save_figure

    out.mkdir(parents=True, exist_ok=True)
    files = save_figure(plot_swarm(explanation), out, "all_rows")
    for row in rows:
        files += save_figure(plot_force(explanation, row - 1), out, f"row_{row}")
    if source is not None:
        files += save_figure(plot_importance(source, explanation), out, "source_and_target")
    table = explanation.to_frame()
    table["row"] += 1  # as --row and the names of the figures count
    write_csv(out / "shapley_values.csv", list(table.columns), table.itertuples(index=False))
    (out / "explanation.json").write_text(
        json.dumps(to_plain(explanation), indent=1, allow_nan=False), encoding="utf-8"
    )
    return [*files, out / "shapley_values.csv", out / "explanation.json"]
