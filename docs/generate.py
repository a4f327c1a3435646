"""Write the pages that follow from the code: command line, quantities, table of strategies.

Run it after changing a command, the catalogue or a strategy; `make docs` and the tests check that
nobody forgot (`--check`).
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ionbridge import plugins
from ionbridge.cli.app import main as program
from ionbridge.quantities import catalogue, edge_unit, pretty_unit

DOCS = Path(__file__).parent
NOTE = "<!-- written by docs/generate.py -->"


def commands(command: click.Command, parent: click.Context | None, name: str) -> Iterator[tuple[str, str]]:
    """Yield (path, help text) of `command` and everything below it."""
    ctx = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=96,
        max_content_width=96,
        help_option_names=program.context_settings["help_option_names"],
    )
    yield ctx.command_path, command.get_help(ctx)
    if isinstance(command, click.Group):
        for child in command.list_commands(ctx):
            found = command.get_command(ctx, child)
            if found is not None and not found.hidden:
                yield from commands(found, ctx, child)


def cli_page() -> str:
    """Page of every command with its help."""
    parts = [
        NOTE,
        "# Command line",
        "",
        "Exit codes: 0 done, 2 something is wrong with what was asked or with the data (one line on stderr says "
        "what), 130 interrupted, 1 a defect of ionbridge. With `--json`, stdout holds one JSON document and nothing "
        "else; numbers stand in the units that are named beside them.",
    ]
    for path, text in commands(program, None, "ionbridge"):
        text = "\n".join(line.rstrip() for line in text.splitlines())
        parts += ["", f"{'##' if path.count(' ') < 2 else '###'} {path}", "", "```text", text, "```"]
    return "\n".join(parts) + "\n"


def quantities_page() -> str:
    """Page of the catalogue."""
    parts = [
        NOTE,
        "# Quantities",
        "",
        "The names that columns can have. *Stored in* is the unit inside ionbridge; files may use any unit of the "
        "same kind. The full record of each, with aliases and ontology term, is `ionbridge.quantity(NAME)`.",
        "",
        "| name | stored in | plausible range | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for item in catalogue().values():
        limits = [("" if limit is None else f"{limit:g}") for limit in (item.low, item.high)]
        span = f"{limits[0]} to {limits[1]}" if all(limits) else f"≥ {limits[0]}" if limits[0] else ""
        span = f"≤ {limits[1]}" if limits[1] and not limits[0] else span
        unit = pretty_unit(item.unit) if item.kind == "number" else item.kind
        if item.kind == "number" and edge_unit(item) != item.unit:
            unit += f" (templates: {pretty_unit(edge_unit(item))})"
        description = item.description.replace("|", "\\|")
        parts.append(f"| `{item.name}` | {unit} | {span} | {description} |")
    return "\n".join(parts) + "\n"


def strategies_table() -> str:
    """Table of the registered strategies."""
    rows = ["| name | needs | target-only inputs | what it does |", "| --- | --- | --- | --- |"]
    for name in plugins.names("ionbridge.strategies"):
        factory = plugins.load("ionbridge.strategies", name)
        strategy = factory()
        extra = "yes" if strategy.supports_target_only_inputs else "no"
        summary = (inspect.getdoc(factory) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        rows.append(f"| `{name}` | {strategy.needs} | {extra} | {summary} |")
    return "\n".join(rows)


def with_strategies(page: str) -> str:
    """Put the table of strategies between its two marks."""
    start, end = "<!-- generated: strategies -->", "<!-- end generated -->"
    return re.sub(
        f"{start}.*?{end}", lambda _: f"{start}\n{strategies_table()}\n{end}", page, flags=re.DOTALL
    )


def pages() -> dict[Path, str]:
    """Every generated page: where it lies and what must stand there."""
    choosing = DOCS / "concepts" / "choosing-a-strategy.md"
    return {
        DOCS / "reference" / "cli.md": cli_page(),
        DOCS / "reference" / "quantities.md": quantities_page(),
        choosing: with_strategies(choosing.read_text(encoding="utf-8")),
    }


def main() -> int:
    """Write the pages, or with ``--check`` say which are not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is out of date")
    check = parser.parse_args().check
    stale = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path], encoding="utf-8")
        print(f"{'out of date' if check else 'written'}: {path.relative_to(DOCS.parent)}", file=sys.stderr)
    if check and stale:
        print("run: .venv/bin/python docs/generate.py", file=sys.stderr)
    return int(check and bool(stale))


if __name__ == "__main__":
    os.environ.setdefault("IONBRIDGE_PLUGINS", "off")  # the pages describe what comes with ionbridge
    sys.exit(main())
