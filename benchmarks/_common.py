"""Plumbing shared by the benchmarks: arguments, clocks, memory, tables and result files.

The benchmarks themselves, with their settings and questions, are the modules beside this one.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "check_splits",
    "cpu_seconds",
    "data_folder",
    "parse_arguments",
    "peak_memory_GiB",
    "print_table",
    "write_results",
]

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("ionbridge", "numpy", "pandas", "scikit-learn", "scipy", "torch", "keras", "shap")


def parse_arguments(
    description: str,
    arguments: Sequence[str] | None = None,
    more: Callable[[argparse.ArgumentParser], None] | None = None,
) -> argparse.Namespace:
    """Read the arguments every benchmark has: `smoke`, `out` (Path or None) and `seed`.

    `more` adds those of one benchmark to the parser.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--smoke", action="store_true", help="a small run of under a minute, for CI")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="also write the figures to this file")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default 0)")
    if more is not None:
        more(parser)
    return parser.parse_args(arguments)


def cpu_seconds() -> float:
    """Processor time used so far by this process and by its finished children [s]."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def peak_memory_GiB() -> float:
    """Largest resident memory so far of this process or of any finished child [GiB]."""
    unit = 1.0 if sys.platform == "darwin" else 1024.0  # bytes on macOS, KiB elsewhere
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak * unit / 2**30


def data_folder() -> Path | None:
    """Folder of the public data sets: environment variable IONBRIDGE_DATA, else ../shared/data; None if absent."""
    folder = Path(os.environ.get("IONBRIDGE_DATA", PROJECT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print `rows` under `headers`, columns aligned; floats get four significant digits."""
    text = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(headers), *text]) for i in range(len(headers))]
    is_number = [all(_is_number(row[i]) for row in rows) for i in range(len(headers))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            c.rjust(w) if right else c.ljust(w) for c, w, right in zip(cells, widths, is_number, strict=True)
        )
        return "  ".join(padded).rstrip()

    if title:
        print(f"\n{title}")
    print(line(headers))
    print("  ".join("-" * width for width in widths))
    for row in text:
        print(line(row))
    sys.stdout.flush()


def check_splits(name: str, found: Mapping[str, str]) -> None:
    """Compare the hashes of the splits of a run with those kept in ``splits/NAME.json``.

    Parameters
    ----------
    name : of the benchmark.
    found : hash by what was split, with the settings it depends on. What the file does not name
        (a smoke run, another seed) is not compared.

    Raises
    ------
    SystemExit
        If rows stand elsewhere than in the run whose figures are published: figures of different
        splits are not comparable.
    """
    path = Path(__file__).resolve().parent / "splits" / f"{name}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    moved = sorted(key for key, value in found.items() if kept.get(key, value) != value)
    if moved:
        raise SystemExit(
            f"the splits of {', '.join(moved)} are not those in {path}: the data or the way of splitting changed. "
            "Compare no figures with earlier ones; write the new hashes to the file with a new line in the changelog."
        )


def write_results(path: Path | None, figures: Mapping[str, float], **meta: Any) -> None:
    """Write `figures` flat as JSON, beside the commit, package versions, machine and `meta`.

    Nothing is written where `path` is None; a figure that is not finite becomes null.
    """
    if path is None:
        return
    numbers = {key: float(value) if math.isfinite(value) else None for key, value in figures.items()}
    record = {
        **numbers,
        "commit": _commit(),
        "versions": _versions(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        **meta,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2, sort_keys=False) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, (int, float)) or hasattr(value, "__float__")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, str) or not hasattr(value, "__float__"):
        return str(value)
    if isinstance(value, int):
        return str(value)
    number = float(value)
    return f"{number:.0f}" if 1e4 <= abs(number) < 1e7 else f"{number:.4g}"


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-modified" if git("status", "--porcelain", "src") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
