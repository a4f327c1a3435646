"""`ionbridge demo`: a complete transfer on tables that come with ionbridge.

The tables are those of `ionbridge.applications.electrodes`; they are simulated.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ionbridge.cli.findings import format_outcome, model_names, outcome_payload, save_models, tell_notes
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console
from ionbridge.cli.parsing import FOLDER

__all__ = ["command"]

OUTPUTS = ("density", "mass_loading")


@make_command("demo", "ionbridge demo\nionbridge demo --out my-demo --no-open\nionbridge demo --json")
@click.option(
    "--out", type=FOLDER, default="ionbridge-demo", show_default=True, help="Folder for report and tables."
)
@click.option("--no-open", is_flag=True, help="Do not open the report in a browser.")
@click.option(
    "--executor", metavar="ADDRESS", help="'serial', 'dask' or tcp://host:port; by default, all cores."
)
def command(console: Console, out: Path, no_open: bool, executor: str | None) -> None:
    """Carry a model of graphite electrodes over to NMC electrodes, in about a minute.

    Runs on tables that come with ionbridge (simulated, and labelled so), predicts density and mass
    loading from the settings of the line, and writes the two tables beside the report: try your own
    commands on them.
    """
    from ionbridge.applications.electrodes import demo_tables
    from ionbridge.execution import open_executor
    from ionbridge.studies import transfer_tables, write_report

    tables = demo_tables()
    source, target = tables["graphite"], tables["nmc"]
    console.note(
        f"{len(source)} graphite electrodes, {len(target)} NMC electrodes, simulated. "
        "What does graphite teach about NMC?"
    )
    with open_executor(executor) as pool:
        outcome = transfer_tables(source, target, outputs=OUTPUTS, executor=pool, progress=console.progress)
    report = write_report(outcome, out, command_line=console.command_line)
    for name in ("graphite", "nmc"):
        tables[name].to_csv(out / f"{name}.csv")
    names = model_names("demo-nmc", OUTPUTS, is_chosen=False)
    saved = save_models(outcome, names, overwrite=True)
    tell_notes(console, outcome)
    console.result(outcome_payload(outcome, report, saved), format_outcome(outcome))
    console.note(f"\nsaved models: {', '.join(saved)}")
    console.note(f"tables: {out / 'graphite.csv'}, {out / 'nmc.csv'}")
    console.saved("report", report.resolve())
    if not no_open and not console.as_json and sys.stdout.isatty():
        click.launch(str(report.resolve()))
