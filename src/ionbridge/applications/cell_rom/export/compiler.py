"""Find a C compiler and make a shared library with it.

What is compiled, and where the library goes in an FMU, is the work of `fmu`.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ionbridge.exceptions import ConfigurationError

__all__ = ["compile_library", "find_compiler"]

_CANDIDATES = ("cc", "gcc", "clang")
_REMEDY = (
    "Install one (Debian or Ubuntu: apt install gcc; Fedora: dnf install gcc; macOS: xcode-select --install; Windows: "
    "MinGW-w64 from winlibs.com or msys2.org), or name yours in the environment variable CC, or export without a "
    "binary: the FMU then holds sources only, which 'fmpy compile FILE.fmu' and many simulators build."
)


def find_compiler() -> list[str]:
    """Return the command of a C compiler: that in ``CC``, else the first of cc, gcc and clang.

    Raises
    ------
    ConfigurationError
        If there is none; the message says how to get one.
    """
    chosen = shlex.split(os.environ.get("CC", ""))
    if chosen:
        if shutil.which(chosen[0]) is None:
            raise ConfigurationError(
                f"the environment variable CC names the compiler {chosen[0]!r}, which is not found. {_REMEDY}"
            )
        return chosen
    for name in _CANDIDATES:
        if shutil.which(name) is not None:
            return [name]
    raise ConfigurationError(
        f"an FMU with a binary needs a C compiler, and none of {', '.join(_CANDIDATES)} is found. {_REMEDY}"
    )


def compile_library(source: Path, library: Path, include: Sequence[Path] = ()) -> None:
    """Compile one C file to a shared library.

    Raises
    ------
    ConfigurationError
        If there is no compiler, or it fails; the message ends with what it said.
    """
    library.parent.mkdir(parents=True, exist_ok=True)
    is_windows, is_mac = platform.system() == "Windows", platform.system() == "Darwin"
    command = [*find_compiler(), "-std=c99", "-O2", "-Wall", "-ffp-contract=off"]
    command += ["-dynamiclib"] if is_mac else ["-shared"]
    command += ["-static-libgcc"] if is_windows else ["-fPIC"]
    command += [f"-I{folder}" for folder in include]
    command += [str(source), "-o", str(library)]
    command += [] if is_windows else ["-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise ConfigurationError(f"the C compiler failed: {shlex.join(command)}\n{last}")
