"""`ionbridge cite`: what to cite for a model, a study or a strategy.

Collecting it is the work of `ionbridge.library.cite`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ionbridge import __version__
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console
from ionbridge.exceptions import UnknownNameError

__all__ = ["command"]


@make_command(
    "cite",
    """
    ionbridge cite nmc-density
    ionbridge cite hierarchical_gp
    ionbridge cite graphite-to-nmc-study/density --json
    """,
)
@click.argument("what")
def command(console: Console, what: str) -> None:
    """List the publications that WHAT rests on: a saved model, the folder of a study, or a strategy."""
    from ionbridge.library import cite

    found = cite(_thing(what))
    own = f"ionbridge {__version__} (see CITATION.cff for how to cite the software)"
    lines = [own, *(f"{entry.text}\n    for {', '.join(entry.used_by)}" for entry in found)]
    console.result({"what": what, "software": own, "citations": found}, "\n".join(lines))


def _thing(what: str) -> Any:
    """The study in a folder, the saved model, or the name of a strategy."""
    from ionbridge.library import ModelLibrary
    from ionbridge.studies import StudyResult
    from ionbridge.transfer import strategy_names

    folders = [Path(what), *sorted(Path(what).glob("tables/*"))]
    for folder in folders:
        if (folder / "study.json").is_file():
            return StudyResult.load(folder)
    library = ModelLibrary()
    if what in strategy_names() and what not in library.names():
        return what
    known = (*library.names(), *strategy_names())
    if what not in known:
        raise UnknownNameError.for_name(
            what,
            known,
            "model, study or strategy",
            "Give the name of a saved model, the folder of a study or a strategy.",
        )
    return library.load(what)
