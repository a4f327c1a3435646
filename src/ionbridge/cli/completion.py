"""`ionbridge completion`: the script that lets a shell complete commands, options and names.

What is completed is decided by the options themselves.
"""

from __future__ import annotations

import os

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console
from ionbridge.exceptions import ConfigurationError

__all__ = ["command"]

SHELLS = ("bash", "zsh", "fish")
HOW = {
    "bash": 'eval "$(ionbridge completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(ionbridge completion zsh)"    # in ~/.zshrc',
    "fish": "ionbridge completion fish | source    # in ~/.config/fish/config.fish",
}


@make_command(
    "completion",
    """
    eval "$(ionbridge completion bash)"
    ionbridge completion zsh >> ~/.zshrc
    ionbridge completion fish > ~/.config/fish/completions/ionbridge.fish
    """,
)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def command(console: Console, shell: str | None) -> None:
    """Print the script for completion in SHELL (by default, the one you use)."""
    from click.shell_completion import get_completion_class

    from ionbridge.cli.app import main

    shell = shell or os.path.basename(os.environ.get("SHELL", ""))
    completion = get_completion_class(shell) if shell in SHELLS else None
    if completion is None:
        raise ConfigurationError(f"no completion for the shell {shell!r}; give one of {', '.join(SHELLS)}.")
    script = completion(main, {}, "ionbridge", "_IONBRIDGE_COMPLETE").source()
    console.result({"shell": shell, "script": script, "enable": HOW[shell]}, script)
