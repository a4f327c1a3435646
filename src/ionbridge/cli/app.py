"""The `ionbridge` program: finds its commands when they are asked for, and turns errors into one line.

What a command does lives in the file of that command.
"""

from __future__ import annotations

import functools
import importlib
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click

from ionbridge import __version__
from ionbridge.cli.options import Interrupted
from ionbridge.cli.output import Console
from ionbridge.cli.wording import for_terminal
from ionbridge.exceptions import IonBridgeError

__all__ = ["COMMANDS", "LazyGroup", "main"]

# name: (module of the command, one line for `ionbridge --help`), in the order of a working day
COMMANDS = {
    "demo": ("ionbridge.cli.demo", "Run a complete transfer on tables that come with ionbridge."),
    "transfer": ("ionbridge.cli.transfer", "Adapt what a long table teaches to a short one."),
    "adapt": ("ionbridge.cli.adapt", "Adapt a saved model to a short table."),
    "study": ("ionbridge.cli.study", "Compare strategies and baselines over repeated splits."),
    "predict": ("ionbridge.cli.predict", "Predict new rows with a saved model."),
    "explain": ("ionbridge.cli.explain", "Show what drives the predictions of a model."),
    "suggest": ("ionbridge.cli.suggest", "Propose settings that reach given properties."),
    "lifetime": ("ionbridge.cli.lifetime", "Predict cycle life from the first cycles of a cell."),
    "rom": ("ionbridge.cli.rom", "Simulate cells with reduced-order models of any chemistry."),
    "screen": ("ionbridge.cli.screen", "Rank candidate materials, and run the calculations worth running."),
    "ageing": ("ionbridge.cli.ageing", "Simulate how cells age, learn it, and predict a new chemistry."),
    "models": ("ionbridge.cli.models", "List, show, compare, delete and exchange saved models."),
    "data": ("ionbridge.cli.data", "Check and describe tables, and start new ones."),
    "cite": ("ionbridge.cli.cite", "List the publications that a model, study or strategy rests on."),
    "completion": ("ionbridge.cli.completion", "Print the script for completion in your shell."),
}

EPILOG = """\b
Examples:
  ionbridge demo
  ionbridge data validate graphite.csv
  ionbridge transfer graphite.csv nmc.csv --predict density
"""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and knows its one-line help beforehand.

    Every way out of the program passes through `main`: expected errors become one line on
    stderr and exit code 2, an interrupt exit code 130. Under ``--json`` stdout gets an object
    ``{"error": {"kind", "message", "exit_code"}}`` as well. The command line is the ``obj`` of the
    root context, for reports that say how they were made.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command `cmd_name`; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, **settings: Any) -> Any:  # type: ignore[override]
        """Run the program and leave with its exit code."""
        arguments = list(sys.argv[1:] if args is None else args)
        settings["standalone_mode"] = False
        settings.setdefault("prog_name", "ionbridge")
        settings.setdefault("obj", shlex.join(["ionbridge", *arguments]))
        fail = functools.partial(_fail, as_json="--json" in arguments)
        try:
            outcome = super().main(arguments, **settings)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        except Interrupted as stop:
            fail(stop, stop.format_message(), prefix="interrupted: ", code=130)
        except (click.Abort, KeyboardInterrupt) as stop:
            fail(stop, "nothing more was done.", prefix="interrupted: ", code=130)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "ionbridge"
            fail(error, f"{error.format_message()} (see '{path} --help')")
        except click.ClickException as error:
            fail(error, error.format_message())
        except IonBridgeError as error:
            fail(error, str(error))
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            where = f": {error.filename}" if error.filename else ""
            fail(error, f"{(error.strerror or str(error)).lower()}{where}")
        sys.exit(outcome if isinstance(outcome, int) else 0)


def _fail(
    error: BaseException, message: str, *, as_json: bool, prefix: str = "error: ", code: int = 2
) -> None:
    """Say what went wrong on stderr, under ``--json`` also on stdout as one object, and leave."""
    message = for_terminal(message.strip())
    if as_json:
        text = message.removeprefix(prefix)
        described = {"kind": type(error).__name__, "message": text, "exit_code": code}
        problems = getattr(error, "problems", None)
        if problems:
            described["problems"] = problems
        Console(as_json=True).result({"error": described}, "")
    click.echo(message if message.startswith(prefix) else prefix + message, err=True)
    sys.exit(code)


@click.group(
    "ionbridge",
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="ionbridge", message="%(prog)s %(version)s")
def main() -> None:
    """Carry what a data-rich domain taught a model over to a data-poor one.

    From two tables, one of them short: an adapted model with honest intervals, a verdict on
    whether the transfer helped, an explanation of its predictions, and a saved model.
    """
