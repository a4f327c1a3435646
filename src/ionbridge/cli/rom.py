"""`ionbridge rom`: the group of commands about models of cells, and `generate`, which simulates their data.

The other commands are in `rom_models.py`; the simulations are done by `ionbridge.physics.cells`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.options import executor_option, seed_option
from ionbridge.cli.output import Console, format_pairs
from ionbridge.cli.parsing import FOLDER
from ionbridge.cli.rom_models import COMMANDS

__all__ = ["command"]


@click.group("rom", no_args_is_help=True)
def command() -> None:
    """Simulate cells, and learn reduced-order models from simulated and measured series."""


class _Range(click.ParamType):
    """``LOW:HIGH`` as two numbers; one number for both."""

    name = "LOW:HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        low, colon, high = str(value).partition(":")
        try:
            return float(low), float(high if colon else low)
        except ValueError:
            self.fail(f"expected LOW:HIGH, such as 0.2:3; got {value!r}.", param, ctx)


class _Vary(click.ParamType):
    """``PARAMETER=LOW:HIGH`` as (name, (low, high))."""

    name = "PARAMETER=LOW:HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        name, equals, limits = str(value).partition("=")
        if not equals:
            self.fail(f"expected {self.name}, such as positive_diffusivity=0.5:2; got {value!r}.", param, ctx)
        return name.strip(), RANGE.convert(limits, param, ctx)


RANGE, VARY = _Range(), _Vary()


@make_command(
    "generate",
    """
    ionbridge rom generate LCO --runs 100
    ionbridge rom generate LFP --runs 10 --model SPMe --temperature 5:45 --seed 1 --out lfp-series
    ionbridge rom generate my_cell.json --vary positive_diffusivity=0.5:2 --profiles discharge,US06
    """,
    command,
)
@click.argument("cell")
@click.option("--runs", "n_runs", type=click.IntRange(1), default=100, show_default=True, help="Simulations.")
@click.option(
    "--model",
    type=click.Choice(["DFN", "SPMe", "SPM"], case_sensitive=False),
    default="DFN",
    show_default=True,
    help="From the most exact to the fastest.",
)
@click.option(
    "--method",
    type=click.Choice(["latin_hypercube", "grid"]),
    default="latin_hypercube",
    show_default=True,
    help="How the ranges are covered.",
)
@click.option(
    "--levels", type=click.IntRange(1), default=3, show_default=True, help="Of a grid, in each range."
)
@click.option(
    "--profiles",
    default="discharge,charge,pulses,random_cycle",
    show_default=True,
    help="In turn; also US06, UDDS, WLTC, car_current.",
)
@click.option(
    "--c-rate", type=RANGE, default="0.2:3", show_default=True, help="Largest current over capacity [1/h]."
)
@click.option(
    "--temperature", type=RANGE, default="5:45", show_default=True, help="Of the surroundings [degC]."
)
@click.option(
    "--soc", type=RANGE, default="0.6:1", show_default=True, help="State of charge before a discharge [-]."
)
@click.option("--vary", type=VARY, multiple=True, help="Factor on a parameter of the cell; repeatable.")
@click.option("--duration", type=float, default=1800, show_default=True, help="Of pulses and cycles [s].")
@click.option("--isothermal", is_flag=True, help="Keep the cell at the temperature of its surroundings.")
@click.option("--out", type=FOLDER, help="Folder for the series; by default, CELL-series.")
@executor_option
@seed_option
def _generate(
    console: Console,
    cell: str,
    n_runs: int,
    model: str,
    method: Any,
    levels: int,
    profiles: str,
    c_rate: tuple[float, float],
    temperature: tuple[float, float],
    soc: tuple[float, float],
    vary: tuple[tuple[str, tuple[float, float]], ...],
    duration: float,
    isothermal: bool,
    out: Path | None,
    executor: str | None,
    seed: int,
) -> int:
    """Simulate CELL over ranges of conditions, and write the series to a folder.

    CELL is a chemistry (LCO, LFP, NMC, NCA, Na-ion), a parameter set of PyBaMM, or a BPX file. Stop it with
    Ctrl-C; the same command goes on where it stopped. The exit code is 1 where not one run gave a series.
    """
    from ionbridge.execution import open_executor
    from ionbridge.physics.cells import DesignOfExperiments, generate

    low, high = temperature
    if not -50 <= low <= high <= 85:
        hint = " Kelvin? Subtract 273.15." if low > 200 else ""
        raise click.UsageError(
            f"--temperature must be LOW:HIGH within -50 to 85 degC; got {low:g}:{high:g}.{hint}"
        )
    design = DesignOfExperiments(
        cell,
        n_runs=n_runs,
        model=model,
        method=method,
        n_levels=levels,
        profiles=tuple(kind.strip() for kind in profiles.split(",")),
        c_rate=c_rate,
        temperature=(temperature[0] + 273.15, temperature[1] + 273.15),
        initial_soc=soc,
        changes=dict(vary),
        duration=duration,
        thermal="isothermal" if isothermal else "lumped",
        random_state=seed,
    )
    folder = out or Path(f"{Path(cell).stem}-series")
    with open_executor(executor) as pool:
        result = generate(design, folder, pool, progress=console.progress)
    told = result.to_dict()
    pairs = {
        "runs": told["n_runs"],
        "series": told["n_series"],
        "samples": told["n_points"],
        "simulated time [h]": told["simulated_hours"],
        **{f"ended by {status.replace('_', ' ')}": count for status, count in told["status"].items()},
        "failed": told["n_failed"],
    }
    console.result(told, format_pairs(pairs))
    for line in _reasons(told["failures"]):
        console.note(f"failed: {line}")
    if not told["n_series"]:
        click.echo(
            f"error: not one of {told['n_runs']} runs gave a series; failures.json and runs.jsonl in {folder} hold "
            "every reason. Change the conditions and write to another folder.",
            err=True,
        )
        return 1
    console.saved("series", folder / "series.json")
    return 0


def _reasons(failures: Sequence[Mapping[str, str]]) -> list[str]:
    """One line for all runs that failed alike, the commonest first: reasons that differ by numbers only are alike."""
    alike: dict[str, list[str]] = {}
    for item in failures:
        key = re.sub(r"[-+]?\d[\d.]*(e[-+]?\d+)?", "#", item["reason"].replace(item["run"], ""))
        alike.setdefault(key, []).append(f"{item['run']}: {item['reason']}")
    ordered = sorted(alike.values(), key=len, reverse=True)
    return [lines[0] + (f" ({len(lines) - 1} more like it)" if len(lines) > 1 else "") for lines in ordered]


for _other in COMMANDS:
    command.add_command(_other)
