"""Options that several commands share, and the decorator that makes a function a command.

Reading the files that the options name is the work of `ionbridge.datasets`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ionbridge.cli.output import Console
from ionbridge.exceptions import ConfigurationError, DataError, IonBridgeError

if TYPE_CHECKING:
    from ionbridge.datasets import ColumnSettings, NewRows, Problem, Table
    from ionbridge.quantities import Quantity

__all__ = [
    "Interrupted",
    "Reading",
    "command",
    "executor_option",
    "load_model",
    "load_table_model",
    "reading_options",
    "require_free_name",
    "seed_option",
]

Function = TypeVar("Function", bound=Callable[..., Any])


class Interrupted(click.ClickException):
    """The person pressed Ctrl-C; the message says what is kept and how to go on."""

    exit_code = 130


class _Command(click.Command):
    """A command that answers Ctrl-C with the way to go on."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("run the same command again to start over.") from None
        except IonBridgeError as error:
            from ionbridge.execution import RunInterruptedError

            if isinstance(error, RunInterruptedError):
                raise Interrupted(str(error)) from None
            raise


def _examples(lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line.strip()}" for line in lines.strip().splitlines())


def command(
    name: str, examples: str, parent: click.Group | None = None
) -> Callable[[Function], click.Command]:
    """Make a function a command with ``--json``, ``--quiet``, ``--verbose`` and examples in its help.

    The function receives a `Console` as its first argument.

    Parameters
    ----------
    name : as typed.
    examples : one command line a line.
    parent : the group it belongs to; None for a command of `ionbridge` itself.
    """

    def decorate(function: Function) -> click.Command:
        @click.option(
            "--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else, on stdout."
        )
        @click.option("-q", "--quiet", is_flag=True, help="Print only the result and errors.")
        @click.option("-v", "--verbose", count=True, help="Tell more on stderr; -vv tells all.")
        @functools.wraps(function)
        def run(as_json: bool, quiet: bool, verbose: int, **arguments: Any) -> Any:
            root = click.get_current_context().find_root()
            line = root.obj if isinstance(root.obj, str) else ""
            console = Console(as_json=as_json, verbosity=-1 if quiet else verbose, command_line=line)
            with warnings.catch_warnings():
                console.listen()
                return function(console, **arguments)

        made = click.command(name, cls=_Command, epilog=_examples(examples), no_args_is_help=False)(run)
        if parent is not None:
            parent.add_command(made)
        return made

    return decorate


class _Map(click.ParamType):
    """``HEADER=quantity [unit]`` as (header, quantity); the last ``=`` separates, headers may hold others."""

    name = "HEADER=quantity [unit]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        header, equals, meaning = value.rpartition("=")
        if not equals or not header.strip() or not meaning.strip():
            self.fail(f"expected '{self.name}', such as 'Gap_set=roll_gap [um]'; got {value!r}.", param, ctx)
        return header.strip(), meaning.strip()


MAP = _Map()
WORKBOOKS = (".xlsx", ".xlsm")


@dataclass(frozen=True)
class Reading:
    """How the files named on the command line are to be read.

    Parameters
    ----------
    maps, ignore : by role: ``both``, ``source`` or ``target``; headers with their meaning, and
        headers that are left out. What is said about both needs to be true of one of them.
    columns : column file, or None; what it says about absent columns does not matter.
    sheet : sheet of a workbook, or None for the first.
    names : of the domains, by role.
    """

    maps: Mapping[str, Mapping[str, str]]
    ignore: Mapping[str, tuple[str, ...]]
    columns: Path | None
    sheet: str | None
    names: Mapping[str, str]

    def settings(self, path: Path, role: str = "both", *, exact: bool = True) -> ColumnSettings:
        """Combine options and column file for one of the files.

        Parameters
        ----------
        role : ``source`` or ``target`` where two files are read.
        exact : whether a header that the options name for both must be one of this file.
        """
        from ionbridge.datasets import ColumnSettings
        from ionbridge.datasets.new_rows import headers_of

        filed = ColumnSettings.from_any(self.columns)
        present = set(headers_of(path, self._sheet(path, role)))

        def kept(headers: Iterable[str], strict: bool) -> set[str]:
            return {header for header in headers if strict or header in present}

        columns: dict[str, str | None] = {h: filed.columns[h] for h in kept(filed.columns, False)}
        columns |= {h: self.maps["both"][h] for h in kept(self.maps["both"], exact)}
        ignore = kept(filed.ignore, False) | kept(self.ignore["both"], exact)
        if role != "both":
            columns |= self.maps[role]
            ignore |= set(self.ignore[role])
        ignore -= set(columns) - set(filed.columns)
        return ColumnSettings(columns, tuple(sorted(ignore)), filed.definitions)

    def _sheet(self, path: Path, role: str) -> str | None:
        """Sheet of this file: of two files, one may be a workbook and the other text."""
        return self.sheet if role == "both" or path.suffix.lower() in WORKBOOKS else None

    def read(self, path: Path) -> Table:
        """Read the only file of a command."""
        return self._read(path, self.settings(path), "both")

    def read_inputs(self, path: Path, inputs: Sequence[Quantity]) -> NewRows:
        """Read the inputs of a model from the only file of a command; other columns are carried as text."""
        from ionbridge.datasets import read_new_rows

        settings = self.settings(path)
        return read_new_rows(
            path,
            inputs,
            columns=settings.columns,
            ignore=settings.ignore,
            definitions=settings.definitions,
            sheet=self.sheet,
        )

    def validate(self, path: Path, *, exact: bool = True) -> list[Problem]:
        """List what is wrong with a file; `exact` as in `settings`."""
        from ionbridge.datasets import validate_file
        from ionbridge.datasets.ingest import problems_of

        try:
            settings = self.settings(path, exact=exact)
        except DataError as error:
            return problems_of(error, path.name)
        return validate_file(
            path,
            columns=settings.columns,
            ignore=settings.ignore,
            definitions=settings.definitions,
            sheet=self.sheet,
        )

    def read_pair(self, source: Path, target: Path) -> tuple[Table, Table]:
        """Read the source and the target of a transfer.

        Raises
        ------
        DataError
            If an option speaks about a header that neither file has, and with every problem of
            the files.
        """
        from ionbridge.datasets.new_rows import headers_of

        headers = {h for path in (source, target) for h in headers_of(path, self._sheet(path, "source"))}
        for header in (*self.maps["both"], *self.ignore["both"]):
            if header not in headers:
                raise DataError(
                    f"--map or --ignore names the column {header!r}, which neither {source.name} nor {target.name} "
                    f"has; their columns are: {', '.join(sorted(headers))}."
                )
        return (
            self._read(source, self.settings(source, "source", exact=False), "source"),
            self._read(target, self.settings(target, "target", exact=False), "target"),
        )

    def _read(self, path: Path, settings: ColumnSettings, role: str) -> Table:
        from ionbridge.datasets import Domain, read_table

        name = self.names.get(role)
        return read_table(
            path,
            columns=settings.columns,
            ignore=settings.ignore,
            definitions=settings.definitions,
            sheet=self._sheet(path, role),
            domain=Domain(name) if name else None,
        )


def reading_options(*, pair: bool = False) -> Callable[[Function], Function]:
    """Add the options that say how to read files; the function receives one `Reading`.

    Parameters
    ----------
    pair : whether a source and a target are read.
    """
    which = " of either file" if pair else ""
    options = [
        click.option(
            "--map", "both_map", type=MAP, multiple=True, help=f"What a column{which} means; repeatable."
        ),
        click.option(
            "--ignore", "both_ignore", multiple=True, metavar="HEADER", help="Leave a column out; repeatable."
        ),
        click.option(
            "--columns", type=click.Path(path_type=Path), help="TOML file that says what columns mean."
        ),
        click.option("--sheet", help="Sheet of an Excel workbook; by default, the first."),
    ]
    for role in ("source", "target") if pair else ():
        options += [
            click.option(
                f"--{role}-map", type=MAP, multiple=True, help=f"As --map, for the {role} file only."
            ),
            click.option(
                f"--{role}-ignore",
                multiple=True,
                metavar="HEADER",
                help=f"As --ignore, for the {role} file only.",
            ),
            click.option(f"--{role}-name", help=f"Name of the {role} domain; by default, that of its file."),
        ]

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def run(*args: Any, **arguments: Any) -> Any:
            roles = ("both", "source", "target")
            reading = Reading(
                maps={role: dict(arguments.pop(f"{role}_map", ())) for role in roles},
                ignore={role: arguments.pop(f"{role}_ignore", ()) for role in roles},
                columns=arguments.pop("columns"),
                sheet=arguments.pop("sheet"),
                names={role: arguments.pop(f"{role}_name", None) or "" for role in roles[1:]},
            )
            return function(*args, reading=reading, **arguments)

        decorated: Any = run
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def require_free_name(name: str, overwrite: bool) -> None:
    """Refuse a name that no model can have or that is taken, before anything is computed."""
    from ionbridge.library import ModelLibrary
    from ionbridge.library.store import check_name

    library = ModelLibrary()
    if check_name(name) in library.names(shipped=False) and not overwrite:
        raise ConfigurationError(
            f"there is already a model {name!r} in {library.root}; choose another name or add --overwrite."
        )


def load_model(name: str) -> Any:
    """Load a model of the library by its name."""
    from ionbridge.library import ModelLibrary

    return ModelLibrary().load(name)


def load_table_model(name: str) -> Any:
    """Load a model that predicts one quantity from the columns of a table.

    Raises
    ------
    ConfigurationError
        If the model is of another kind, such as a simulator of cells.
    """
    fitted = load_model(name)
    if any(not hasattr(fitted, part) for part in ("inputs", "output", "predict_mean", "X_target_")):
        raise ConfigurationError(
            f"model {name!r} is a {type(fitted).__name__} and predicts nothing from the columns of a table; "
            f"'ionbridge models show {name}' tells what it is for, and its own command uses it."
        )
    return fitted


executor_option = click.option(
    "--executor", metavar="ADDRESS", help="'serial', 'dask' or tcp://host:port; by default, all cores."
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of everything random.",
)
