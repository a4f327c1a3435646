"""`ionbridge models`: the library of saved models, as commands.

What is kept of a model, and how, is the work of `ionbridge.library`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_number, format_pairs, format_table
from ionbridge.cli.parsing import MODEL
from ionbridge.exceptions import ConfigurationError

if TYPE_CHECKING:
    from ionbridge.library import ModelCard, ModelLibrary

__all__ = ["command"]

WIDEST = 32  # characters of a cell; longer texts stand below the table


@click.group("models", no_args_is_help=True)
def command() -> None:
    """List, show, compare, delete and exchange saved models.

    Models are kept in one folder of your computer; set the environment variable IONBRIDGE_LIBRARY
    to use another, for example one that your group shares. Models that come with ionbridge are
    seen as well; they cannot be deleted.
    """


def _library() -> ModelLibrary:
    from ionbridge.library import ModelLibrary

    return ModelLibrary()


def _domains(card: ModelCard) -> str:
    target = card.target.name if card.target else ""
    return f"{card.source.name} -> {target}" if card.source else target


@make_command(
    "list",
    """
    ionbridge models list
    ionbridge models list --quantity density --chemistry nmc
    ionbridge models list --json
    """,
    command,
)
@click.option("--quantity", help="Only models with this input or output.")
@click.option("--chemistry", help="Only models whose source or target has this in its name or chemistry.")
@click.option("--strategy", help="Only models made by this strategy.")
@click.option("--text", help="Only models whose card holds all of these words.")
@click.option("--own", is_flag=True, help="Only your own models, not those that come with ionbridge.")
def _list(console: Console, own: bool, **filters: str | None) -> None:
    """List saved models, newest first, then those that come with ionbridge."""
    library = _library()
    cards = library.list(**filters, shipped=not own)
    is_shipped = {c.name: library.is_shipped(c.name) for c in cards}
    rows = [
        (
            f"{c.name} (shipped)" if is_shipped[c.name] else c.name,
            c.version,
            ", ".join(q.name for q in c.outputs),
            _domains(c),
            c.strategy,
            _headline(c),
            c.created[:10],
        )
        for c in cards
    ]
    headers = ("model", "version", "predicts", "domains", "strategy", "error", "created")
    nothing = f"no {'such ' if any(filters.values()) else ''}model in {library.root}"
    console.result(
        {
            "library": library.root,
            "models": [{**card.to_dict(), "shipped": is_shipped[card.name]} for card in cards],
        },
        format_table(headers, rows) if rows else nothing,
    )


def _headline(card: ModelCard) -> str:
    for name, metric in card.metrics.items():
        if name.startswith(("mape", "cv_mape")):
            return f"{format_number(metric.value)} {metric.unit}"
    return "-"


@make_command("show", "ionbridge models show nmc-density\nionbridge models show nmc-density --json", command)
@click.argument("model", type=MODEL)
def _show(console: Console, model: str) -> None:
    """Show the card of MODEL: what it predicts from what, how well, and where it comes from."""
    library = _library()
    card, is_shipped = library.card(model), library.is_shipped(model)
    console.result({**card.to_dict(), "shipped": is_shipped}, format_card(card, is_shipped=is_shipped))


def format_card(card: ModelCard, *, is_shipped: bool = False) -> str:
    """Write a card for people; `is_shipped` where the model comes with ionbridge."""

    def quantities(items: Any) -> str:
        return ", ".join(f"{q.name} [{_unit(q)}]" for q in items)

    pairs: dict[str, Any] = {
        "model": f"{card.name} (version {card.version}, {card.created[:10]})",
        "origin": "shipped with ionbridge, cannot be changed" if is_shipped else "",
        "predicts": quantities(card.outputs),
        "from": quantities(card.inputs),
        "domains": _domains(card),
        "strategy": card.strategy,
        "rows": ", ".join(f"{count} {role}" for role, count in card.n_rows.items()),
        **{name.replace("_", " "): str(metric) for name, metric in card.metrics.items()},
        "measured by": card.split,
        "verdict": card.verdict,
        "parent": card.parent,
        "licence": card.licence,
        "tags": ", ".join(card.tags),
        "notes": card.notes,
        "made with": f"ionbridge {card.ionbridge_version}",
    }
    return format_pairs({key: value for key, value in pairs.items() if value})


def _unit(quantity: Any) -> str:
    from ionbridge.quantities import pretty_unit

    return pretty_unit(quantity.unit)


@make_command("compare", "ionbridge models compare nmc-density nmc-density-2\n", command)
@click.argument("models", type=MODEL, nargs=-1, required=True)
def _compare(console: Console, models: tuple[str, ...]) -> None:
    """Put MODELS side by side: what they predict, from which data, how well."""
    table = _library().compare(models).reset_index()
    records = table.to_dict("records")
    names = [str(name) for name in table.columns if name != "model"]
    said = [name for name in names if any(record[name] not in ("", None) for record in records)]
    texts = {name: [_shortest(name, record[name]) for record in records] for name in said}
    short = [name for name in said if max(map(len, texts[name])) <= WIDEST]
    parts = [format_table(["", *models], [[name, *texts[name]] for name in short])]
    for name in said:
        if name not in short:
            parts += [
                "",
                f"{name}:",
                *(f"  {model}: {text}" for model, text in zip(models, texts[name], strict=True)),
            ]
    console.result({"models": records}, "\n".join(parts))


def _shortest(name: str, value: Any) -> str:
    """Text of one cell; the day is enough of a date."""
    return str(value)[:10] if name == "created" else format_number(value)


@make_command("delete", "ionbridge models delete nmc-density\nionbridge models delete old-one --yes", command)
@click.argument("models", type=MODEL, nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def _delete(console: Console, models: tuple[str, ...], yes: bool) -> None:
    """Delete MODELS from the library, for good."""
    library = _library()
    if not yes:
        if console.as_json or not sys.stdin.isatty():
            raise ConfigurationError("deleting needs '--yes' where nobody can be asked.")
        click.confirm(f"Delete {', '.join(models)} from {library.root}?", abort=True, err=True)
    library.require_own(models)
    for name in models:
        library.delete(name)
    console.result({"deleted": list(models)}, f"deleted: {', '.join(models)}")


@make_command("export", "ionbridge models export nmc-density nmc-density.zip", command)
@click.argument("model", type=MODEL)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def _export(console: Console, model: str, file: Path) -> None:
    """Write MODEL to the zip FILE, to send it to somebody."""
    path = _library().export(model, file)
    console.result({"model": model, "file": path}, f"exported: {path}")


@make_command(
    "import",
    "ionbridge models import nmc-density.zip\nionbridge models import nmc-density.zip --name from-partner",
    command,
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Name in your library; by default, the name it was exported with.")
@click.option("--overwrite", is_flag=True, help="Replace a model of the same name.")
def _import(console: Console, file: Path, name: str | None, overwrite: bool) -> None:
    """Add the exported model in the zip FILE to the library. Nothing in the file is executed."""
    card = _library().import_(file, name=name, overwrite=overwrite)
    console.result(card.to_dict(), f"imported: {card.name} (version {card.version})")


@make_command("lineage", "ionbridge models lineage nmc-density", command)
@click.argument("model", type=MODEL)
def _lineage(console: Console, model: str) -> None:
    """Show what MODEL was derived from, step by step."""
    cards = _library().lineage(model)
    rows = [(c.name, c.version, _domains(c), c.strategy, c.created[:10]) for c in cards]
    text = format_table(("model", "version", "domains", "strategy", "created"), rows)
    last = cards[-1]
    if last.parent:
        text += f"\nderived from {last.parent}, which is not in this library"
    console.result({"lineage": [card.to_dict() for card in cards]}, text)
