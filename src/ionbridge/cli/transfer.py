"""`ionbridge transfer`: from two files to an adapted model, a verdict, a report and a saved model.

The work is done by `ionbridge.studies.transfer_tables`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from ionbridge.cli.findings import (
    check_free,
    default_name,
    format_outcome,
    model_names,
    outcome_payload,
    save_models,
    tell_notes,
)
from ionbridge.cli.options import Reading, executor_option, reading_options, seed_option
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console
from ionbridge.cli.parsing import FOLDER, LEVEL, NAMES, STRATEGY

__all__ = ["command"]

PATH = click.Path(path_type=Path)


@make_command(
    "transfer",
    """
    ionbridge transfer graphite.csv nmc.csv --predict density
    ionbridge transfer graphite.csv nmc.csv --predict density --predict mass_loading --out report
    ionbridge transfer old.csv new.xlsx --predict porosity --inputs roll_gap,roll_speed --save line2-porosity
    ionbridge transfer graphite.csv nmc.csv --predict density --no-study --json
    """,
)
@click.argument("source", type=PATH)
@click.argument("target", type=PATH)
@click.option("--predict", "outputs", multiple=True, required=True, metavar="QUANTITY", help="Repeatable.")
@click.option(
    "--inputs", type=NAMES, help="Quantities to predict from; by default, every setting that can serve."
)
@click.option(
    "--strategy", type=STRATEGY, default="auto", show_default=True, help="How knowledge is carried over."
)
@click.option(
    "--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the intervals, 0 to 1."
)
@click.option(
    "--group", metavar="QUANTITY", help="Label column of the target whose rows are held out together."
)
@click.option("--out", type=FOLDER, help="Folder for the report; by default, SOURCE-to-TARGET.")
@click.option(
    "--save", metavar="NAME", help="Name of the saved model; by default, SOURCE-to-TARGET-QUANTITY."
)
@click.option("--no-save", is_flag=True, help="Do not keep the model.")
@click.option("--overwrite", is_flag=True, help="Replace a saved model of the same name.")
@click.option(
    "--no-study", is_flag=True, help="Only fit the model: no comparison with baselines, no verdict."
)
@executor_option
@seed_option
@reading_options(pair=True)
def command(
    console: Console,
    source: Path,
    target: Path,
    outputs: tuple[str, ...],
    inputs: tuple[str, ...] | None,
    strategy: str,
    level: float,
    group: str | None,
    out: Path | None,
    save: str | None,
    no_save: bool,
    overwrite: bool,
    no_study: bool,
    executor: str | None,
    seed: int,
    reading: Reading,
) -> None:
    """Adapt what the long table SOURCE teaches to the short table TARGET.

    Compares the adapted model with models of the target alone over random splits, prints the verdict,
    fits the final model on all rows, saves it, and writes a report. Stop it with Ctrl-C; the same
    command goes on where it stopped.
    """
    from ionbridge.execution import open_executor
    from ionbridge.studies import transfer_tables, write_report

    tables = reading.read_pair(source, target)
    stem = default_name(*tables)
    outputs = tuple(dict.fromkeys(outputs))
    out = out or Path(stem)
    unfinished = out / "unfinished-study"
    names = model_names(save or stem, outputs, is_chosen=save is not None)
    if not (no_save or overwrite):
        check_free(names)
    with open_executor("serial" if no_study and not executor else executor) as pool:
        outcome = transfer_tables(
            *tables,
            outputs=outputs,
            inputs=inputs,
            strategy=strategy,
            level=level,
            study=None if no_study else "quick",
            group=group,
            random_state=seed,
            executor=pool,
            folder=unfinished,
            resume="if same",
            progress=console.progress,
        )
    report = write_report(outcome, out, command_line=console.command_line)
    saved = [] if no_save else save_models(outcome, names, overwrite=overwrite)
    shutil.rmtree(unfinished, ignore_errors=True)
    tell_notes(console, outcome)
    console.result(outcome_payload(outcome, report, saved), format_outcome(outcome))
    for name in saved:
        console.note(f"saved model: {name} (ionbridge predict {name} NEW.csv)")
    console.saved("report", report)
