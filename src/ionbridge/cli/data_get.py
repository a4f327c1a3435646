"""`ionbridge data get`: fetch a public data set from its publisher.

Transfer and checks are the work of `ionbridge.datasets.download`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_pairs, format_table
from ionbridge.exceptions import ConfigurationError

__all__ = ["command"]


@make_command(
    "get",
    """
    ionbridge data get
    ionbridge data get tju --into tju
    ionbridge data get matr --accept-licence --json
    """,
)
@click.argument("name", required=False)
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Folder; by default NAME.")
@click.option("--accept-licence", is_flag=True, help="You have read the licence of the data and accept it.")
def command(console: Console, name: str | None, into: Path | None, accept_licence: bool) -> None:
    """Fetch the public data set NAME from its publisher; without NAME, list what there is.

    An interrupted transfer goes on where it stopped when the same command is run again. Sizes and
    published checksums are verified.
    """
    from ionbridge.datasets.download import download, download_sources
    from ionbridge.exceptions import UnknownNameError

    sources = download_sources()
    if name is None:
        rows = [
            (s.name, _size(s.size) if s.files else "by hand", s.licence, s.title) for s in sources.values()
        ]
        console.result(
            {"sources": [source.to_dict() for source in sources.values()]},
            format_table(("name", "size", "licence", "data"), rows),
        )
        return
    if name not in sources:
        raise UnknownNameError.for_name(name, sources, "data source", "See 'ionbridge data get'.")
    source = sources[name]
    terms = {"data": source.title, "licence": source.licence, "page": source.page, "cite": source.citation}
    console.note(format_pairs({**terms, **({"note": source.note} if source.note else {})}))
    if source.files and not accept_licence:
        if console.as_json or not sys.stdin.isatty():
            raise ConfigurationError("fetching needs '--accept-licence' where nobody can be asked.")
        click.confirm(f"Accept this licence and fetch {_size(source.size)}?", abort=True, err=True)
    folder = into or Path(name)
    files = download(source, folder, accept_licence=True, progress=console.progress)
    console.result(
        {"name": name, "folder": folder, "files": files, "licence": source.licence, "reader": source.reader},
        "\n".join(f"fetched: {path}" for path in files),
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes else "size unknown"
