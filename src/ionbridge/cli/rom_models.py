"""`ionbridge rom train`, `adapt`, `simulate`, `export` and `evaluate`: models of cells from series to simulators.

The group itself and `generate` are in `rom.py`; the work is done by `ionbridge.applications.cell_rom`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.options import load_model, require_free_name, seed_option
from ionbridge.cli.output import Console, format_pairs, format_table, write_csv
from ionbridge.cli.parsing import IMAGE, LEVEL, MODEL

__all__ = ["COMMANDS"]

OUT = click.Path(dir_okay=False, path_type=Path)
SERIES = click.Path(exists=True, path_type=Path)
DEGREES = click.FloatRange(-60, 90)  # degC
SIGNS = click.Choice(["charge_positive", "discharge_positive"])

sign_option = click.option(
    "--sign",
    type=SIGNS,
    default="charge_positive",
    show_default=True,
    help="What a positive current does in CSV files.",
)
capacity_option = click.option("--capacity", type=float, help="Of the measured cell [Ah].")
soc_option = click.option(
    "--initial-soc",
    type=float,
    help="At the start of each measured file, 0 to 1; by default, from its voltage.",
)


@make_command(
    "train",
    """
    ionbridge rom train lco-series --name lco
    ionbridge rom train lco-series measured.csv --cell Ai2020 --capacity 2.28 --weight 3 --name lco-pouch
    """,
)
@click.argument("series", nargs=-1, required=True, type=SERIES)
@click.option("--name", required=True, help="Name of the model in the library.")
@click.option(
    "--cell", "cell_name", help="Parameter set or BPX file of series that name none (measured ones)."
)
@capacity_option
@soc_option
@sign_option
@click.option(
    "--weight",
    type=float,
    help="Of measured series in one network, simulated having 1; by default, a fidelity of their own.",
)
@click.option(
    "--points", type=int, default=200, show_default=True, help="Points of a series that are learned from."
)
@seed_option
@click.option("--overwrite", is_flag=True, help="Replace the model of this name.")
def _train(console: Console, series: Sequence[Path], name: str, overwrite: bool, **settings: Any) -> None:
    """Train a reduced-order model from SERIES: folders of generated ones, files of measured ones.

    The first cell becomes the cell of the model; series of other cells or with changed parameters teach it, too.
    """
    from ionbridge.applications.cell_rom.workflow import train_model

    require_free_name(name, overwrite)
    trained = train_model(series, **settings)
    card = trained.save(name, overwrite=overwrite)
    told = {"model": card.name, **trained.told}
    console.result(told, format_pairs(told))


@make_command(
    "adapt",
    """
    ionbridge rom adapt lco lfp-series --cell Prada2013 --name lfp
    ionbridge rom adapt lco hppc.csv --cell Prada2013 --ocv ocv.csv --capacity 2.5 --name a123
    """,
)
@click.argument("source", type=MODEL)
@click.argument("series", nargs=-1, required=True, type=SERIES)
@click.option("--cell", "cell_name", required=True, help="Parameter set or BPX file of the target cell.")
@click.option("--name", required=True, help="Name of the new model in the library.")
@click.option("--ocv", type=SERIES, help="CSV of the measured open-circuit voltage: soc, voltage_V.")
@click.option(
    "--hysteresis",
    type=float,
    default=0.0,
    help="Half the gap of that voltage after charge and discharge [V].",
)
@capacity_option
@soc_option
@sign_option
@click.option(
    "--strategy", default="auto", show_default=True, help="auto, or a way to adapt; see the documentation."
)
@click.option(
    "--epochs", type=click.IntRange(1), default=60, show_default=True, help="Of networks on the target."
)
@click.option("--no-verdict", is_flag=True, help="Do not compare with models that use no source.")
@seed_option
@click.option("--overwrite", is_flag=True, help="Replace the model of this name.")
def _adapt(
    console: Console,
    source: str,
    series: Sequence[Path],
    name: str,
    overwrite: bool,
    no_verdict: bool,
    **settings: Any,
) -> None:
    """Carry the model SOURCE over to another cell by a few SERIES of it, simulated or measured.

    Beside the new model stands a verdict: its error on left-out profiles against the best way without the source.
    """
    from ionbridge.applications.cell_rom.workflow import adapt_model

    require_free_name(name, overwrite)
    adapted = adapt_model(
        load_model(source), series, judged=not no_verdict, progress=_noted(console), **settings
    )
    card = adapted.save(name, parent=source, overwrite=overwrite)
    told = {"model": card.name, **adapted.told}
    text = format_pairs(told)
    if adapted.verdict is not None:
        told["verdict"] = adapted.verdict
        rivals = [[key, value] for key, value in adapted.verdict.rivals_mV.items()]
        rows = [[f"{adapted.verdict.strategy} (this model)", adapted.verdict.rmse_mV], *rivals]
        text += (
            f"\n\n{format_table(['way', 'error on left-out profiles [mV]'], rows)}\n\n{adapted.verdict.text}"
        )
    console.result(told, text)


@make_command(
    "simulate",
    """
    ionbridge rom simulate lfp drive.csv --initial-soc 0.8 --out answer.csv --plot answer.png
    ionbridge rom simulate lfp log.csv --initial-soc 1 --sign discharge_positive --ambient-degC 10 --json
    """,
)
@click.argument("model", type=MODEL)
@click.argument("profile", type=SERIES)
@click.option("--initial-soc", type=float, required=True, help="State of charge at the start, 0 to 1.")
@click.option(
    "--initial-degC",
    "initial_degC",
    type=DEGREES,
    help="Temperature of the cell; by default, that around it.",
)
@click.option(
    "--ambient-degC",
    "ambient_degC",
    type=DEGREES,
    help="Around the cell; by default, that of the file, or 25.",
)
@sign_option
@click.option("--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the voltage band.")
@click.option("--no-stop", is_flag=True, help="Go on where the voltage leaves the window of the cell.")
@click.option(
    "--out", type=OUT, help="Write time, voltage with band, temperature and states to this CSV file."
)
@click.option("--plot", type=IMAGE, help="Draw them to this image.")
def _simulate(
    console: Console,
    model: str,
    profile: Path,
    out: Path | None,
    plot: Path | None,
    no_stop: bool,
    **settings: Any,
) -> None:
    """Run the current of PROFILE, a CSV such as 'time [s], current [A]', through MODEL.

    The run ends where the voltage leaves the window of the cell; the result says when and why.
    """
    from ionbridge.applications.cell_rom.workflow import simulate_file

    done = simulate_file(load_model(model), profile, stop_at_limits=not no_stop, **settings)
    columns = done.columns
    if out is not None:
        write_csv(out, list(columns), zip(*columns.values(), strict=True))
    if plot is not None:
        done.plot(plot, title=f"{model}: {profile.stem}")
    payload = {"model": model, **done.told}
    if out is None:
        payload["columns"] = columns
    text = format_pairs({key: value for key, value in done.told.items() if value != ""})
    if done.told["stop_reason"]:
        console.note(f"warning: {done.told['stop_reason']}")
    for reason in done.reasons:
        console.note(f"warning: {reason}; the band is not to be believed there")
    console.result(payload, text)
    for label, path in (("table", out), ("plot", plot)):
        if path is not None:
            console.saved(label, path)


@make_command(
    "export",
    """
    ionbridge rom export lfp lfp.fmu
    ionbridge rom export lfp lfp.fmu --fmi 3.0
    ionbridge rom export lfp lfp.onnx --form profile
    """,
)
@click.argument("model", type=MODEL)
@click.argument("file", type=OUT)
@click.option(
    "--fmi",
    "fmi_version",
    type=click.Choice(["2.0", "3.0"]),
    default="2.0",
    show_default=True,
    help="Of an FMU.",
)
@click.option("--no-binary", is_flag=True, help="Put only sources into the FMU; needs no C compiler.")
@click.option(
    "--form",
    type=click.Choice(["profile", "step"]),
    default="profile",
    show_default=True,
    help="Of an ONNX graph: a whole profile, or one step.",
)
@click.option(
    "--precision",
    type=click.Choice(["double", "float"]),
    default="double",
    show_default=True,
    help="Of ONNX.",
)
@click.option("--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the voltage band.")
@click.option("--no-check", is_flag=True, help="Do not run the file and compare.")
def _export(
    console: Console, model: str, file: Path, no_binary: bool, no_check: bool, **settings: Any
) -> None:
    """Write MODEL to FILE for other simulators: a co-simulation FMU (.fmu) or an ONNX graph (.onnx).

    The file is run on a test profile, and the largest difference to MODEL is told.
    """
    from ionbridge.applications.cell_rom.workflow import export_model
    from ionbridge.library import ModelLibrary

    library = ModelLibrary()
    told = export_model(
        library.load(model),
        file,
        name=model,
        card=library.card(model),
        binary=not no_binary,
        checked=not no_check,
        **settings,
    )
    console.result({"model": model, **told}, format_pairs(told))


@make_command(
    "evaluate",
    """
    ionbridge rom evaluate lfp held-out-series
    ionbridge rom evaluate a123 measured.csv --capacity 2.5 --out errors.csv --plot runs
    """,
)
@click.argument("model", type=MODEL)
@click.argument("series", nargs=-1, required=True, type=SERIES)
@capacity_option
@soc_option
@sign_option
@click.option("--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the voltage band.")
@click.option("--out", type=OUT, help="Write the table to this CSV file.")
@click.option(
    "--plot",
    type=click.Path(file_okay=False, path_type=Path),
    help="Draw each series to an image in this folder.",
)
def _evaluate(
    console: Console, model: str, series: Sequence[Path], out: Path | None, plot: Path | None, **settings: Any
) -> None:
    """Run the currents of SERIES that MODEL has not seen, and compare voltage and temperature."""
    from ionbridge.applications.cell_rom.workflow import evaluate_model

    found = evaluate_model(load_model(model), series, **settings)
    headers, rows = found.headers, found.rows
    if out is not None:
        write_csv(out, headers, rows)
    figures = format_pairs(found.summary)
    for note in found.notes:
        console.note(f"note: {note}")
    console.result(
        {"model": model, **found.summary, "series": found.errors, "notes": found.notes},
        f"{format_table(headers, rows)}\n\n{figures}",
    )
    if out is not None:
        console.saved("table", out)
    if plot is not None:
        for path in found.plot(plot, title=model):
            console.saved("plot", path)


def _noted(console: Console) -> Callable[[str], None]:
    return lambda name: console.note(f"trying {name} ...")


COMMANDS: tuple[click.Command, ...] = (_train, _adapt, _simulate, _export, _evaluate)
