"""`ionbridge suggest`: settings that reach given properties, or the most informative experiments.

Searching is the work of `ionbridge.studies`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.options import load_table_model
from ionbridge.cli.output import Console, format_number, format_table, write_csv
from ionbridge.cli.parsing import GOAL, MODEL, RANGE, SETTING, resolved
from ionbridge.exceptions import ConfigurationError

if TYPE_CHECKING:
    from ionbridge.studies.suggestion import Suggestions

__all__ = ["command"]


@make_command(
    "suggest",
    """
    ionbridge suggest nmc-density --target density=3.0 --bounds roll_gap=20:80 --fix comma_gap=150
    ionbridge suggest nmc-density nmc-mass_loading --target 'density=2.9:3.1 g/cm^3' --target mass_loading=max -n 3
    ionbridge suggest nmc-density --next-experiments -n 8 --out to-measure.csv
    """,
)
@click.argument("models", type=MODEL, nargs=-1, required=True)
@click.option(
    "--target",
    "targets",
    type=GOAL,
    multiple=True,
    help="Property to reach: a value, LOW:HIGH, max or min; in the unit of the model unless one is given; repeatable.",
)
@click.option(
    "--bounds",
    type=RANGE,
    multiple=True,
    help="Range of a setting; by default, that of the data; repeatable.",
)
@click.option("--fix", "fixed", type=SETTING, multiple=True, help="Setting that keeps its value; repeatable.")
@click.option(
    "-n", "n_rows", type=click.IntRange(1), default=5, show_default=True, help="Number of proposals."
)
@click.option(
    "--next-experiments", is_flag=True, help="Propose what to measure to learn most; takes no --target."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the settings to this CSV file."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of the search."
)
def command(
    console: Console,
    models: tuple[str, ...],
    targets: tuple[tuple[str, Any], ...],
    bounds: tuple[tuple[str, Any], ...],
    fixed: tuple[tuple[str, float], ...],
    n_rows: int,
    next_experiments: bool,
    out: Path | None,
    seed: int,
) -> None:
    """Propose settings with which MODELS predict the properties you want.

    Name one saved model for each property. Proposals stay within the bounds, near what the models have
    seen, and come with predicted values and intervals. The exit code is 0 also where a target cannot be
    reached: the closest proposals are given, and a message says so.
    """
    if next_experiments == bool(targets):
        raise ConfigurationError("give either at least one --target NAME=VALUE, or --next-experiments.")
    from ionbridge.studies.suggestion import next_experiments as propose_experiments
    from ionbridge.studies.suggestion import suggest

    fitted = _by_output(models)
    known = {q.name: q for model in fitted.values() for q in (*model.inputs, model.output)}
    space: dict[str, Any] = {
        "bounds": resolved(_single(bounds, "--bounds"), known),
        "fixed": resolved(_single(fixed, "--fix"), known),
        "random_state": seed,
    }
    found = (
        propose_experiments(fitted, n_rows, **space)
        if next_experiments
        else suggest(fitted, resolved(_single(targets, "--target"), known), n_suggestions=n_rows, **space)
    )
    if out is not None:
        write_csv(out, list(found.columns), zip(*found.columns.values(), strict=True))
    console.result({"models": models, "out": out, **found.to_dict()}, _text(found))
    for message in found.messages:
        console.note(f"note: {message}")
    if out is not None:
        console.saved("settings", out)


def _by_output(names: tuple[str, ...]) -> dict[str, Any]:
    """Load models; each must predict a property of its own."""
    found: dict[str, Any] = {}
    name_of: dict[str, str] = {}
    for name in names:
        model = load_table_model(name)
        output = model.output.name
        if output in found:
            raise ConfigurationError(
                f"the models {name_of[output]!r} and {name!r} both predict {output}; name one model for each property."
            )
        found[output], name_of[output] = model, name
    return found


def _single(pairs: tuple[tuple[str, Any], ...], option: str) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{option} names {name!r} {names.count(name)} times; name it once.")
    return dict(pairs)


def _text(found: Suggestions) -> str:
    """Table of the proposals: settings, predictions with intervals, score, domain."""
    from ionbridge.quantities import edge_unit, pretty_unit

    headers = ["", *(f"{item.name} [{pretty_unit(edge_unit(item))}]" for item in found.inputs)]
    columns: list[list[Any]] = [list(range(1, len(found) + 1)), *found.columns.values()]
    level = 0.0
    for name, prediction in found.predictions.items():
        values, level = prediction.at_edge().to_dict(), prediction.level
        headers += [f"{name} [{pretty_unit(values['unit'])}]", "interval"]
        bounds = zip(values["lower"], values["upper"], strict=True)
        columns += [
            values["mean"],
            [f"{format_number(low)} to {format_number(high)}" for low, high in bounds],
        ]
    headers += ["score", "in domain"]
    columns += [found.score.tolist(), found.to_dict()["in_domain"]]
    text = format_table(headers, list(zip(*columns, strict=True)))
    return f"{text}\nIntervals at {100 * level:.0f} %."
