"""`ionbridge screen`: rank candidate materials by the chance of meeting a goal, and run what is worth running.

The work is done by `ionbridge.applications.screening`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.options import executor_option, require_free_name, seed_option
from ionbridge.cli.output import Console, format_table
from ionbridge.cli.parsing import FOLDER, LEVEL
from ionbridge.exceptions import ConfigurationError

if TYPE_CHECKING:
    from ionbridge.applications.screening.screen import Goal, ScreeningResult

__all__ = ["command"]

PATH = click.Path(path_type=Path)
N_SHOWN = 15


@make_command(
    "screen",
    """
    ionbridge screen candidates/ known.csv --ion Li --below 0.35
    ionbridge screen candidates/ known.csv --ion Na --source em619 --below 0.35 --out screening
    ionbridge screen formulas.csv known.csv --predict average_voltage --source lithium.csv --above 3
    ionbridge screen candidates/ known.csv --ion Li --below 0.35 --run 6 --engine chgnet
    """,
)
@click.argument("candidates", type=PATH)
@click.argument("known", type=PATH, required=False)
@click.option(
    "--predict",
    "output",
    default="migration_barrier",
    show_default=True,
    metavar="QUANTITY",
    help="What the candidates are ranked by; see the list of quantities.",
)
@click.option(
    "--ion", help="Element that moves, such as Li; a CSV of formulas may name it in a column 'ion'."
)
@click.option("--below", type=float, help="Wanted: values below this [unit of the quantity].")
@click.option("--above", type=float, help="Wanted: values above this.")
@click.option(
    "--source",
    type=PATH,
    help="Materials of another family with known values: a CSV of formulas, a folder of crystals with one CSV, "
    "or the folder em619.",
)
@click.option(
    "--disorder",
    type=click.Choice(["refuse", "dominant", "order"]),
    default="refuse",
    show_default=True,
    help="What to do about partially occupied sites.",
)
@click.option("--strategy", default="auto", show_default=True, help="How the source is used.")
@click.option("--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the intervals.")
@click.option(
    "--next", "n_next", type=click.IntRange(0), default=5, show_default=True, help="Calculations to propose."
)
@click.option("--run", "n_run", type=click.IntRange(1), help="Run so many of them, and rank again.")
@click.option(
    "--engine",
    type=click.Choice(["chgnet", "bond-valence"]),
    default="chgnet",
    show_default=True,
    help="What runs them.",
)
@click.option(
    "--batch", type=click.IntRange(1), default=3, show_default=True, help="Runs between two rankings."
)
@click.option(
    "--known-by",
    type=click.Choice(["other", "engine"]),
    default="other",
    show_default=True,
    help="Whether the known values come from another method, so that those of the engine are to be rescaled.",
)
@click.option(
    "--out", type=FOLDER, help="Folder for report, tables and runs; by default, CANDIDATES-screening."
)
@click.option("--save", "name", help="Save the model in the library under this name.")
@click.option("--overwrite", is_flag=True, help="Replace the model of this name.")
@executor_option
@seed_option
def command(
    console: Console,
    candidates: Path,
    known: Path | None,
    output: str,
    below: float | None,
    above: float | None,
    n_run: int | None,
    out: Path | None,
    name: str | None,
    overwrite: bool,
    executor: str | None,
    **settings: Any,
) -> None:
    """Rank CANDIDATES by the chance of meeting a goal, from the few KNOWN values.

    CANDIDATES is a folder of CIF or POSCAR files, or a CSV with a column 'formula'. KNOWN is a CSV with
    a column 'name' (or 'formula') and one of the quantity, such as 'barrier_eV'. Prints the ranking, whether
    the source helped, and the calculations worth running next; writes a report with plots. With --run, those
    calculations are run and the ranking is made again; stop it with Ctrl-C, the same command goes on.
    """
    goal = _goal(output, below, above)
    out = out or Path(f"{candidates.stem or 'candidates'}-screening")
    if name is not None:
        require_free_name(name, overwrite)
    with _resumable(n_run, out):
        result, rounds = _screened(console, candidates, known, goal, n_run, out, executor, settings)
        from ionbridge.applications.screening.report import write_screening_report

        report = write_screening_report(result, out, rounds)
    for problem in result.problems:
        console.note(str(problem))
    for note in result.notes:
        console.note(f"note: {note}")
    payload = {**result.to_dict(), "report": report, "rounds": [r.to_dict() for r in rounds]}
    if name is not None:
        from ionbridge.library import ModelLibrary

        saved = ModelLibrary().save(
            result.model, name, verdict=result.model.verdict_.sentence,
            metrics={"cv_mae": result.model.cv_mae_}, overwrite=overwrite,
        )  # fmt: skip
        payload["model"] = saved.name
    console.result(payload, _text(result))
    console.saved("report", report)


@contextmanager
def _resumable(n_run: int | None, out: Path) -> Iterator[None]:
    """Tell on Ctrl-C that finished runs are kept, wherever it comes."""
    try:
        yield
    except KeyboardInterrupt:
        if n_run is None:
            raise
        from ionbridge.execution import RunInterruptedError

        raise RunInterruptedError(
            f"finished runs are kept in {out / 'runs'}; run the same command again to go on."
        ) from None


def _goal(output: str, below: float | None, above: float | None) -> Goal:
    from ionbridge.applications.screening.screen import Goal
    from ionbridge.quantities import quantity

    quantity(output)
    if (below is None) == (above is None):
        got = "neither" if below is None else "both"
        raise ConfigurationError(
            f"give either --below VALUE or --above VALUE: what makes a material a hit; got {got}."
        )
    return Goal(output, float(below if below is not None else above or 0.0), below is not None)


def _screened(
    console: Console,
    candidates: Path,
    known: Path | None,
    goal: Goal,
    n_run: int | None,
    out: Path,
    executor: str | None,
    settings: dict[str, Any],
) -> tuple[ScreeningResult, list[Any]]:
    """The result, and the rounds of the closed loop."""
    from ionbridge.applications.screening.screen import screen_files
    from ionbridge.execution import open_executor

    engine, batch, known_by = (settings.pop(key) for key in ("engine", "batch", "known_by"))
    seed = settings.pop("seed")
    with open_executor(executor) as pool:
        files = {
            "executor": pool, "progress": console.progress, "random_state": seed,
            **{key: settings[key] for key in ("ion", "disorder", "source", "strategy", "level", "n_next")},
        }  # fmt: skip
        if n_run is None:
            return screen_files(candidates, goal, known, **files), []
        from ionbridge.applications.screening.loop import close_loop_files

        return close_loop_files(
            candidates, goal, known, engine=engine, n_runs=n_run, batch=batch, folder=out,
            rescale=known_by == "other", **files,
        )  # fmt: skip


def _text(result: ScreeningResult) -> str:
    """Ranking, verdict and proposals as text."""
    from ionbridge.quantities import pretty_unit

    goal, table = result.goal, result.table
    unit = pretty_unit(goal.quantity.unit)
    shown = table.head(N_SHOWN)
    headers = ["", "material", "formula", f"{goal.quantity_name} [{unit}]", "interval", "P(hit)", "in domain"]
    rows = [
        [
            int(row["rank"]), row["name"], row["formula"], float(row["value"]),
            "known" if row["known"] == row["known"] else f"{row['lower']:.2f} to {row['upper']:.2f}",
            float(row["probability"]), bool(row["in_domain"]),
        ]
        for row in shown.to_dict("records")
    ]  # fmt: skip
    n_unknown = int(table["known"].isna().sum())
    parts = [
        f"{goal}: {len(table)} candidates, {len(result.known)} known, {result.n_source} source materials.",
        "",
        format_table(headers, rows),
    ]
    if len(table) > N_SHOWN:
        parts.append(f"... and {len(table) - N_SHOWN} more in the report.")
    parts += [
        "",
        f"{result.expected_hits:.0f} hits are expected among the {n_unknown} unknown ones. "
        f"Intervals at {100 * result.prediction.level:.0f} %.",
        result.model.verdict_.sentence,
    ]
    if len(result.next_table):
        parts += ["", "Worth calculating next:"]
        rows = result.next_table[["name", "value", "probability", "why"]].to_numpy(dtype=object).tolist()
        parts.append(format_table(["material", f"predicted [{unit}]", "P(hit)", "why"], rows))
    return "\n".join(parts)
