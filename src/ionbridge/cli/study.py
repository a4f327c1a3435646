"""`ionbridge study`: strategies beside baselines over repeated splits, as reports and tables.

The work is done by `ionbridge.studies.run_study`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ionbridge.cli.findings import default_name, format_study
from ionbridge.cli.options import Reading, executor_option, reading_options, seed_option
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console
from ionbridge.cli.parsing import FOLDER, LEVEL, NAMES, SIZES, STRATEGIES
from ionbridge.studies.design import BASELINES, Size

if TYPE_CHECKING:
    from ionbridge.studies import StudyResult

__all__ = ["command"]

PATH = click.Path(path_type=Path)


@make_command(
    "study",
    """
    ionbridge study graphite.csv nmc.csv --predict density
    ionbridge study graphite.csv nmc.csv --predict density --strategies auto,published_recipe --sizes 5,20,all
    ionbridge study graphite.csv nmc.csv --predict density --splits 50 --executor tcp://10.0.0.5:8786 --out study
    """,
)
@click.argument("source", type=PATH)
@click.argument("target", type=PATH)
@click.option("--predict", "outputs", multiple=True, required=True, metavar="QUANTITY", help="Repeatable.")
@click.option(
    "--inputs", type=NAMES, help="Quantities to predict from; by default, every setting that can serve."
)
@click.option(
    "--strategies", type=STRATEGIES, default="auto", show_default=True, help="The verdict is about the first."
)
@click.option(
    "--baselines",
    type=STRATEGIES,
    default=",".join(BASELINES),
    show_default=True,
    help="Models of the target alone.",
)
@click.option(
    "--sizes", type=SIZES, default="5,10,20,all", show_default=True, help="Numbers of target training rows."
)
@click.option(
    "--source-sizes",
    type=SIZES,
    default="all",
    show_default=True,
    help="Numbers of source rows; more than one shows how many are worth having.",
)
@click.option("--splits", type=click.IntRange(2), default=20, show_default=True, help="Random splits.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Repeats of each split.")
@click.option(
    "--group", metavar="QUANTITY", help="Label column of the target whose rows stay together in a split."
)
@click.option(
    "--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the intervals, 0 to 1."
)
@click.option(
    "--out", type=FOLDER, help="Folder for reports and results; by default, SOURCE-to-TARGET-study."
)
@click.option(
    "--resume/--restart", default=True, show_default=True, help="Go on with what --out holds, or start anew."
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
    strategies: tuple[str, ...],
    baselines: tuple[str, ...],
    sizes: tuple[Size, ...],
    source_sizes: tuple[Size, ...],
    splits: int,
    seeds: int,
    group: str | None,
    level: float,
    out: Path | None,
    resume: bool,
    executor: str | None,
    seed: int,
    reading: Reading,
) -> None:
    """Compare transfer from SOURCE to TARGET with models of TARGET alone, honestly.

    Every strategy and baseline is fitted to the same random splits and sizes of the target. Prints
    the verdict and writes a report, all trials and all predictions. Stop it with Ctrl-C; the same
    command goes on where it stopped.
    """
    from ionbridge.execution import open_executor
    from ionbridge.studies import study_tables, write_report

    tables = reading.read_pair(source, target)
    out = out or Path(f"{default_name(*tables)}-study")
    with open_executor(executor) as pool:
        results = study_tables(
            *tables,
            outputs=outputs,
            inputs=inputs,
            strategies=strategies,
            baselines=baselines,
            target_sizes=sizes,
            source_sizes=source_sizes,
            n_splits=splits,
            n_seeds=seeds,
            group=group,
            level=level,
            random_state=seed,
            executor=pool,
            folder=out,
            progress=console.progress,
            resume=resume,
        )
    reports = {
        output: write_report(result, out / output, command_line=console.command_line)
        for output, result in results.items()
    }
    notes = list(dict.fromkeys(note for result in results.values() for note in result.notes))
    for note in notes:
        console.note(f"note: {note}")
    payload = {
        "studies": {output: result.to_dict() for output, result in results.items()},
        "reports": reports,
        "notes": notes,
    }
    console.result(payload, "\n\n".join(_text(result) for result in results.values()))
    for path in reports.values():
        console.saved("report", path)


def _text(result: StudyResult) -> str:
    from ionbridge.studies.verdict import can_judge

    parts = [result.verdict().summary if can_judge(result) else "No verdict: see the exclusions."]
    parts += ["", format_study(result)]
    excluded = result.exclusions.to_dict("records")
    if excluded:
        parts += [
            "",
            "Not run:",
            *(f"  {row['strategy']}, {row['size']} rows: {row['reason']}" for row in excluded),
        ]
    return "\n".join(parts)
