"""`ionbridge lifetime`: train a model of cycle life, predict new cells with it, evaluate it.

The work is done by `ionbridge.applications.lifetime`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.options import load_model, require_free_name
from ionbridge.cli.output import Console, format_pairs, format_table, write_csv
from ionbridge.cli.parsing import IMAGE, LEVEL, MODEL

if TYPE_CHECKING:
    from ionbridge.applications.lifetime import LifetimeModel

__all__ = ["command"]

OUT = click.Path(dir_okay=False, path_type=Path)
CHEMISTRY = "Cathode of the cells to use, such as NMC; for cycler files, what they are."


@click.group("lifetime", no_args_is_help=True)
def command() -> None:
    """Predict cycle life from the first cycles, with intervals, knee and capacity trajectory.

    CELLS are folders of cycling sets (a split may follow, as in cycle_features:hust_train), records
    saved by ionbridge, or files of cyclers, one cell a file.
    """


@make_command(
    "train",
    """
    ionbridge lifetime train data/cycle_features:hust_train --name hust
    ionbridge lifetime train data/cycle_features:TJU_NCA --source data/cycle_features:MIT --name nca
    """,
    command,
)
@click.argument("cells", nargs=-1, required=True)
@click.option("--name", required=True, help="Name of the model in the library.")
@click.option("--source", multiple=True, help="Cells of another chemistry to learn from; repeatable.")
@click.option("--chemistry", help=CHEMISTRY)
@click.option(
    "--cycles",
    "n_cycles",
    type=click.IntRange(5),
    default=20,
    show_default=True,
    help="First cycles to predict from.",
)
@click.option(
    "--strategy", default="auto", show_default=True, help="auto, inter_cell, or a transfer strategy."
)
@click.option(
    "--curves/--no-curves", default=None, help="Use discharge curves; by default, where all cells have them."
)
@click.option("--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the intervals.")
@click.option("--overwrite", is_flag=True, help="Replace the model of this name.")
def _train(
    console: Console,
    cells: Sequence[str],
    name: str,
    source: Sequence[str],
    chemistry: str | None,
    overwrite: bool,
    **settings: Any,
) -> None:
    """Train a model from CELLS and save it.

    Some of them must have been cycled to their end; the others count as having lived longer than their test.
    """
    from ionbridge.applications.lifetime import LifetimeModel, load_cells, require_distinct
    from ionbridge.execution import progress_shown
    from ionbridge.library import ModelLibrary

    require_free_name(name, overwrite)
    _require_strategy(settings["strategy"])
    records = load_cells(cells, chemistry=chemistry)
    others = load_cells(source) if source else ()
    require_distinct([*records, *others])
    console.note(f"learning from {len(records) + len(others)} cells; this may take some minutes")
    with progress_shown(console.progress):
        model = LifetimeModel(**settings).fit(records, others)
    card = ModelLibrary().save(model, name, overwrite=overwrite)
    told = {
        "model": card.name,
        "cells": len(records),
        "cells not failed yet": model.n_censored_,
        "discharge curves used": "yes" if model.inputs_.with_curves else "no",
        "cross-validated MAPE [%]": model.cv_mape_,
    }
    console.result(told, format_pairs(told))


@make_command(
    "predict",
    """
    ionbridge lifetime predict hust data/cycle_features:hust_test
    ionbridge lifetime predict hust cell_1.csv cell_2.csv --plot cells.png --plot-references why.png --out lives.csv
    """,
    command,
)
@click.argument("model", type=MODEL)
@click.argument("cells", nargs=-1, required=True)
@click.option("--chemistry", help=CHEMISTRY)
@click.option(
    "--nominal-capacity",
    type=click.FloatRange(0, min_open=True),
    help="Of cells in cycler files [Ah]; by default, estimated.",
)
@click.option("--level", type=LEVEL, help="Coverage of the intervals; by default, the model's own.")
@click.option(
    "--at", "at_cycle", type=click.FloatRange(0), help="Also give the state of health at this cycle."
)
@click.option("--out", type=OUT, help="Write the table to this CSV file.")
@click.option("--plot", type=IMAGE, help="Draw capacity trajectories with bands to this image.")
@click.option("--plot-references", type=IMAGE, help="Draw the known cells beside each to this image.")
def _predict(
    console: Console,
    model: str,
    cells: Sequence[str],
    chemistry: str | None,
    nominal_capacity: float | None,
    level: float | None,
    at_cycle: float | None,
    out: Path | None,
    plot: Path | None,
    plot_references: Path | None,
) -> None:
    """Predict the lives of CELLS with the saved MODEL.

    Where in_domain is no, the chemistry, protocol, temperature or features are unlike those of the training
    cells, and the interval is not to be believed.
    """
    from ionbridge.applications import lifetime
    from ionbridge.applications.lifetime import (
        load_cells,
        plot_trajectories,
        prediction_table,
    )

    fitted = _lifetime_model(model)
    records = load_cells(cells, chemistry=chemistry, nominal_capacity=nominal_capacity)
    prediction = fitted.predict(records, level=level)
    table = prediction_table(prediction)
    payload = prediction.to_dict()
    if at_cycle is not None and not prediction.trajectories:
        console.note("no health at a cycle: none of the training cells of this model stored a whole life")
    elif at_cycle is not None:
        health = [t.health_at(at_cycle) for t in prediction.trajectories]
        for i, part in enumerate(("", "_lower", "_upper")):
            table[f"health{part}_at_{at_cycle:g}"] = [values[i] for values in health]
        payload["health_at"] = {"cycle": at_cycle, "values": health}
    _tell(console, {"model": model, **payload}, table, out)
    if plot_references is not None:
        console.saved("plot", lifetime.plot_references(prediction, plot_references))
    if plot is not None:
        console.saved("plot", plot_trajectories(prediction, records, plot))


@make_command("evaluate", "ionbridge lifetime evaluate hust data/cycle_features:hust_test", command)
@click.argument("model", type=MODEL)
@click.argument("cells", nargs=-1, required=True)
@click.option("--chemistry", help=CHEMISTRY)
@click.option("--out", type=OUT, help="Write the table to this CSV file.")
def _evaluate(
    console: Console, model: str, cells: Sequence[str], chemistry: str | None, out: Path | None
) -> None:
    """Compare the predictions of MODEL with the lives of CELLS that were cycled to their end."""
    from ionbridge.applications.lifetime import evaluate, load_cells

    table, figures = evaluate(_lifetime_model(model), load_cells(cells, chemistry=chemistry))
    units = {"rmse": "RMSE [cycle]", "mape": "MAPE [%]", "coverage": "coverage [-]"}
    text = format_pairs({units.get(key, key): value for key, value in figures.items()})
    _tell(console, {"model": model, **figures, "cells": table.to_dict("records")}, table, out, text)


def _require_strategy(name: str) -> None:
    """Refuse an unknown strategy before any file is read."""
    from ionbridge import plugins
    from ionbridge.exceptions import UnknownNameError

    known = ("auto", "inter_cell", *plugins.names("ionbridge.strategies"))
    if name not in known:
        raise UnknownNameError.for_name(name, known, "strategy")


def _lifetime_model(name: str) -> LifetimeModel:
    from ionbridge.applications.lifetime import LifetimeModel

    model = load_model(name)
    if not isinstance(model, LifetimeModel):
        raise click.UsageError(f"{name} is not a lifetime model; make one with 'ionbridge lifetime train'.")
    return model


def _tell(console: Console, payload: dict[str, Any], table: Any, out: Path | None, more: str = "") -> None:
    headers, rows = list(table.columns), table.to_numpy(dtype=object).tolist()
    if out is not None:
        write_csv(out, headers, rows)
    console.result(payload, "\n".join(filter(None, (format_table(headers, rows), more))))
    if out is not None:
        console.saved("table", out)
