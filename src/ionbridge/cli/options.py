"""Options that several commands share, and the decorator that makes a function a command.

Reading the files that the options name is the work of `ionbridge.datasets`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ionbridge.cli.output import Console
from ionbridge.exceptions import IonBridgeError

if TYPE_CHECKING:
    from ionbridge.datasets import Table

__all__ = ["Interrupted", "command"]

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
            console = Console(as_json=as_json, verbosity=-1 if quiet else verbose)
            with warnings.catch_warnings():
                console.listen()
                return function(console, **arguments)

        made = click.command(name, cls=_Command, epilog=_examples(examples), no_args_is_help=False)(run)
        if parent is not None:
            parent.add_command(made)
        return made

    return decorate
