"""The program itself: help, version, errors, interrupts, completion."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import click
import pytest

import ionbridge
from ionbridge.cli.app import COMMANDS, main
from ionbridge.exceptions import DataError
from ionbridge.execution import RunInterruptedError

from .conftest import Run


def all_commands(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


EVERY = dict(all_commands())
LEAVES = {path: command for path, command in EVERY.items() if not isinstance(command, click.Group)}


def test_version(run: Run) -> None:
    assert run("--version").out == f"ionbridge {ionbridge.__version__}\n"


def test_help_lists_every_command_with_its_own_words(run: Run) -> None:
    text = run("--help").out
    for name, (module, summary) in COMMANDS.items():
        assert f"{name} " in text
        assert summary in text
        assert importlib.import_module(module).command.name == name


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_has_help(run: Run, path: tuple[str, ...]) -> None:
    done = run(*path, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: ionbridge {' '.join(path)}")


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_examples_json_quiet_and_verbose(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    assert f"ionbridge {' '.join(path)}" in (command.epilog or "")
    options = {name for param in command.params for name in param.opts}
    assert {"--json", "--quiet", "--verbose"} <= options
    undescribed = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert not undescribed


def test_help_is_fast() -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    times = []
    for _ in range(3):
        before = os.times()
        subprocess.run(
            [sys.executable, "-c", "from ionbridge.cli import main; main(['--help'])"],
            check=True,
            capture_output=True,
            env=environment,
        )
        after = os.times()
        times.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    assert min(times) < 0.3, "CPU seconds of `ionbridge --help`"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-command"], "No such command 'no-such-command'"),
        (["transfer"], "Missing argument 'SOURCE'"),
        (["transfer", "a.csv", "b.csv"], "Missing option '--predict'"),
        (["transfer", "a.csv", "b.csv", "--predict", "density"], "a.csv does not exist"),
        (["transfer", "a.csv", "b.csv", "--predict", "density", "--level", "2"], "--level"),
        (["transfer", "a.csv", "b.csv", "--predict", "density", "--strategy", "magic"], "none of: auto"),
        (["transfer", "a.csv", "b.csv", "--predict", "density", "--map", "Gap"], "HEADER=quantity"),
        (["predict", "no-such-model", "a.csv"], "unknown model 'no-such-model'"),
        (["explain", "no-such-model"], "unknown model"),
        (["models", "show", "no-such-model"], "unknown model"),
        (["models", "delete", "no-such-model"], "--yes"),
        (["models", "import", "no.zip"], "no.zip"),
        (["data", "describe", "no.csv"], "no.csv does not exist"),
        (["data", "describe", "."], "folder|suffix"),
        (["data", "template", "x.csv", "--quantities", "rol_gap"], "roll_gap"),
        (["completion", "tcsh"], "'bash', 'zsh', 'fish'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_user_errors_are_one_line_and_exit_code_2(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert re.search(message, done.err)


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``ionbridge models list`` fail."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ionbridge.library.ModelLibrary.list", fail)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted: run the same command again to start over."),
        (
            RunInterruptedError("stopped after 3 of 9 tasks; run it again to resume from x."),
            130,
            "interrupted: stopped after 3 of 9",
        ),
        (click.Abort(), 130, "interrupted: "),
        (DataError("2 errors in a.csv:\n  row 1\n  row 2"), 2, "error: 2 errors in a.csv:\n  row 1"),
        (DataError("error: a.csv: found nothing"), 2, "error: a.csv: found nothing"),
        (PermissionError(13, "Permission denied", "/folder/x"), 2, "error: permission denied: /folder/x"),
    ],
    ids=["interrupt", "interrupted run", "abort", "many problems", "one problem", "operating system"],
)
def test_ways_out(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    fail_with(monkeypatch, error)
    done = run("models", "list")
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(message)


def test_defects_keep_their_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, RuntimeError("a defect"))
    with pytest.raises(RuntimeError, match="a defect"):
        run("models", "list")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(run: Run, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.shell_completion.BashComplete._check_version", lambda *_: None)
    done = run("completion", shell)
    assert "_IONBRIDGE_COMPLETE" in done.out
    assert run("completion", shell, "--json").json["shell"] == shell


def test_completion_of_commands() -> None:
    started = time.process_time()
    done = subprocess.run(
        [sys.executable, "-c", "from ionbridge.cli import main; main()"],
        env={
            **os.environ,
            "_IONBRIDGE_COMPLETE": "zsh_complete",
            "COMP_WORDS": "ionbridge tr",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[:2] == ["plain", "transfer"]
    assert time.process_time() - started < 1
