"""`ionbridge ageing`: simulate ageing histories, learn from them, adapt to a new chemistry, predict.

The work is done by `ionbridge.physics.cells` and `ionbridge.applications.cell_rom`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ionbridge.cli.options import command as make_command
from ionbridge.cli.options import executor_option, load_model, require_free_name, seed_option
from ionbridge.cli.output import Console, format_pairs, format_table, write_csv
from ionbridge.cli.parsing import IMAGE, LEVEL, MODEL, RANGE, SETTING, STRATEGY, resolved

__all__ = ["command"]

FILE = click.Path(dir_okay=False, path_type=Path)
IN_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("ageing", no_args_is_help=True)
def command() -> None:
    """Simulate how cells age, and learn it: fade, resistance, SEI, plating, material loss, cracks.

    Histories are simulated by PyBaMM (extra: cells). What they rest on is printed and kept with them.
    """


@make_command(
    "generate",
    """
    ionbridge ageing generate NMC --histories 300 --out nmc.json
    ionbridge ageing generate LFP --histories 20 --range 'cell_temperature=10:40 degC' --out lfp.json
    """,
    command,
)
@click.argument("chemistry")
@click.option(
    "--histories", "n_histories", type=click.IntRange(1), default=100, show_default=True, help="How many."
)
@click.option("--out", type=FILE, required=True, help="Write the histories to this JSON file.")
@click.option(
    "--cycles",
    type=click.FloatRange(1),
    default=500.0,
    show_default=True,
    help="Equivalent full cycles of each.",
)
@click.option(
    "--factor",
    type=click.FloatRange(1, 100),
    default=10.0,
    show_default=True,
    help="Accelerate side reactions; one simulated cycle counts for as many.",
)
@click.option(
    "--model",
    type=click.Choice(["SPM", "DFN"]),
    default="SPM",
    show_default=True,
    help="Reduced or full-order model.",
)
@click.option("--range", "ranges", type=RANGE, multiple=True, help="Where a condition lies; repeatable.")
@executor_option
@seed_option
def _generate(
    console: Console,
    chemistry: str,
    n_histories: int,
    out: Path,
    cycles: float,
    factor: float,
    model: str,
    ranges: Sequence[tuple[str, Any]],
    executor: str | None,
    seed: int,
) -> None:
    """Simulate ageing histories of CHEMISTRY (NMC, LCO or LFP) under a spread of conditions.

    Finished histories are kept beside the output until all are there: the same command resumes.
    """
    from ionbridge.execution import open_executor
    from ionbridge.physics.cells.ageing_histories import (
        CONDITIONS,
        ageing_design,
        by_field,
        generate_histories,
    )

    known = {item.name: item for item in CONDITIONS.values()}
    design = ageing_design(n_histories, ranges=by_field(resolved(dict(ranges), known)), random_state=seed)
    store = out.with_name(f".{out.name}.unfinished")
    with open_executor(executor) as pool:
        made = generate_histories(
            chemistry,
            design,
            equivalent_cycles=cycles,
            factor=factor,
            model=model,
            executor=pool,
            store=store,
            progress=console.progress,
        )
    made.save(out)
    store.unlink(missing_ok=True)
    told = {
        "chemistry": chemistry,
        "histories": len(made),
        "ended early": sum(bool(h.stopped) for h in made.histories),
        "failed": len(made.failures),
    }
    for text in made.assumptions:
        console.note(f"assumed: {text}")
    for name, reason in made.failures.items():
        console.note(f"{name} failed: {reason}")
    payload = {**told, "failures": dict(made.failures), "assumptions": list(made.assumptions)}
    console.result(payload, format_pairs(told))
    console.saved("histories", out)


@make_command(
    "record",
    """
    ionbridge ageing record NMC --out cell.csv
    ionbridge ageing record LFP --cycles 30 --set charge_rate=0.8 --set 'cell_temperature=35 degC' --out lfp.csv
    """,
    command,
)
@click.argument("chemistry")
@click.option(
    "--cycles",
    "n_cycles",
    type=click.IntRange(1, 200),
    default=24,
    show_default=True,
    help="Cycles of the file.",
)
@click.option("--set", "settings", type=SETTING, multiple=True, help="A condition; repeatable.")
@click.option("--out", type=FILE, required=True, help="Write the file here, in the Battery Data Format.")
@seed_option
def _record(
    console: Console, chemistry: str, n_cycles: int, settings: Sequence[tuple[str, Any]], out: Path, seed: int
) -> None:
    """Simulate the first cycles of a cell of CHEMISTRY as the file of a cycler.

    The file is read by 'ionbridge lifetime predict' like one that was measured.
    """
    from ionbridge.physics.cells.ageing import AgeingConditions, ageing_cell
    from ionbridge.physics.cells.ageing_histories import CONDITIONS, by_field
    from ionbridge.physics.cells.ageing_records import ageing_series, write_bdf

    known = {item.name: item for item in CONDITIONS.values()}
    conditions = AgeingConditions(**by_field(resolved(_known(settings, known), known)))
    series = ageing_series(ageing_cell(chemistry), conditions, n_cycles, seed)
    write_bdf(series, out)
    told = {"chemistry": chemistry, "cycles": n_cycles, "samples": len(series.time)}
    console.result({**told, "conditions": conditions.to_dict()}, format_pairs(told))
    console.saved("simulated recording", out)


def _learning_options(function: Any) -> Any:
    for option in (
        click.option("--overwrite", is_flag=True, help="Replace the model of this name."),
        click.option(
            "--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the intervals."
        ),
        click.option(
            "--cycles",
            "n_cycles",
            type=click.FloatRange(1),
            default=500.0,
            show_default=True,
            help="Equivalent cycles up to which is predicted.",
        ),
        click.option("--name", required=True, help="Name of the model in the library."),
    ):
        function = option(function)
    return function


@make_command("train", "ionbridge ageing train nmc.json --name nmc-ageing", command)
@click.argument("histories", type=IN_FILE)
@_learning_options
def _train(console: Console, histories: Path, **settings: Any) -> None:
    """Learn from the HISTORIES of one chemistry."""
    _learn(console, histories, None, strategy="gaussian_process", **settings)


@make_command("adapt", "ionbridge ageing adapt nmc.json lfp.json --name lfp-ageing", command)
@click.argument("source", type=IN_FILE)
@click.argument("target", type=IN_FILE)
@click.option("--strategy", type=STRATEGY, default="auto", show_default=True, help="How the source is used.")
@_learning_options
def _adapt(console: Console, source: Path, target: Path, **settings: Any) -> None:
    """Adapt what SOURCE histories teach to the few histories of TARGET."""
    _learn(console, target, source, **settings)


def _learn(
    console: Console, target: Path, source: Path | None, name: str, overwrite: bool, **settings: Any
) -> None:
    from ionbridge.applications.cell_rom.ageing import AgeingModel
    from ionbridge.library import ModelLibrary
    from ionbridge.physics.cells.ageing_histories import load_histories

    require_free_name(name, overwrite)
    histories = load_histories(target)
    others = None if source is None else load_histories(source)
    model = AgeingModel(**settings).fit(histories, others)
    card = ModelLibrary().save(
        model,
        name,
        metrics={f"cv_error_{key}": value for key, value in model.errors_.items()},
        verdict=model.verdict_,
        tags=("ageing", "simulated"),
        notes="Learned from simulated histories. " + " ".join(f"{text}." for text in model.assumptions_),
        overwrite=overwrite,
    )
    alone = model.errors_target_only_
    headers = ["indicator", "error [%]", *(["target alone [%]"] if others else [])]
    rows = [(k, 100 * v, *([100 * alone[k]] if others else [])) for k, v in model.errors_.items()]
    payload = {
        "model": card.name,
        "verdict": model.verdict_,
        "errors": model.errors_,
        "errors_target_only": model.errors_target_only_,
    }
    text = f"leave-out error of the value after {model.n_cycles:g} equivalent cycles\n{format_table(headers, rows)}"
    console.result(payload, f"{text}\n{model.verdict_}")


@make_command(
    "predict",
    """
    ionbridge ageing predict lfp-ageing --set charge_rate=0.5 --set 'cell_temperature=35 degC'
    ionbridge ageing predict lfp-ageing conditions.csv --out ageing.csv --plot ageing.png
    """,
    command,
)
@click.argument("model", type=MODEL)
@click.argument("conditions", type=IN_FILE, required=False)
@click.option("--set", "settings", type=SETTING, multiple=True, help="A condition of one cell; repeatable.")
@click.option("--level", type=LEVEL, help="Coverage of the intervals; by default, the model's own.")
@click.option("--out", type=FILE, help="Write the table to this CSV file.")
@click.option("--plot", type=IMAGE, help="Draw trajectories with intervals to this image.")
def _predict(
    console: Console,
    model: str,
    conditions: Path | None,
    settings: Sequence[tuple[str, Any]],
    level: float | None,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Predict ageing with the saved MODEL, for the rows of CONDITIONS or for one cell given by --set.

    What is not given is as in the parameter set: 0.5C charge, 1C discharge, 25 degC, full depth.
    """
    from ionbridge.applications.cell_rom.ageing_plots import plot_ageing
    from ionbridge.physics.cells.ageing import AgeingConditions
    from ionbridge.physics.cells.ageing_histories import by_field

    fitted = _ageing_model(model)
    if (conditions is None) == (not settings):
        raise click.UsageError("give either a file of CONDITIONS or one or more --set.")
    if conditions is None:
        known = {item.name: item for item in fitted.inputs}
        rows: Any = [AgeingConditions(**by_field(resolved(_known(settings, known), known)))]
    else:
        rows = _conditions_of(conditions, console)
    prediction = fitted.predict(rows, level=level)
    table = prediction.end_table()
    headers, values = list(table.columns), table.to_numpy(dtype=object).tolist()
    if out is not None:
        write_csv(out, headers, values)
    if plot is not None:
        plot_ageing(prediction, plot)
    console.result({"model": model, **prediction.to_dict()}, _readable(prediction, fitted.n_cycles))
    for i, reason in enumerate(prediction.reasons):
        if reason:
            console.note(f"cell {i + 1} is unlike the histories learned from: {reason}")
    for label, path in (("table", out), ("plot", plot)):
        if path is not None:
            console.saved(label, path)


def _ageing_model(name: str) -> Any:
    from ionbridge.applications.cell_rom.ageing import AgeingModel

    fitted = load_model(name)
    if not isinstance(fitted, AgeingModel):
        raise click.UsageError(f"{name} is not a model of ageing; make one with 'ionbridge ageing adapt'.")
    return fitted


def _conditions_of(path: Path, console: Console) -> Any:
    from ionbridge.applications.cell_rom.ageing_conditions import read_conditions

    given = read_conditions(path)
    if given.assumed:
        console.note(f"as in the parameter set, since {path.name} lacks them: {', '.join(given.assumed)}")
    if given.unused:
        console.note(f"not used: {', '.join(given.unused)}")
    return given.frame


def _known(settings: Sequence[tuple[str, Any]], known: Any) -> dict[str, Any]:
    from ionbridge.exceptions import UnknownNameError

    for name, _ in settings:
        if name not in known:
            raise UnknownNameError.for_name(name, known, "condition")
    if len(dict(settings)) < len(settings):
        names = [name for name, _ in settings]
        twice = next(name for name in names if names.count(name) > 1)
        raise click.UsageError(
            f"--set gives {twice} more than once; for several cells give a file of CONDITIONS."
        )
    return dict(settings)


def _readable(prediction: Any, n_cycles: float) -> str:
    from ionbridge.applications.cell_rom.ageing_indicators import AGEING_INDICATORS

    rows = []
    for i, inside in enumerate(prediction.in_domain):
        for name in prediction.mean:
            low, high = prediction.lower[name][i, -1], prediction.upper[name][i, -1]
            label = AGEING_INDICATORS[name].quantity.label
            rows.append((i + 1, label, prediction.mean[name][i, -1], low, high, "yes" if inside else "no"))
    headers = ["cell", "indicator", "value", "lower", "upper", "like the histories"]
    level = f"{100 * prediction.level:g} % interval"
    return f"after {n_cycles:g} equivalent cycles, with {level}\n{format_table(headers, rows)}"


@make_command("evaluate", "ionbridge ageing evaluate lfp-ageing lfp_test.json", command)
@click.argument("model", type=MODEL)
@click.argument("histories", type=IN_FILE)
def _evaluate(console: Console, model: str, histories: Path) -> None:
    """Compare MODEL with HISTORIES that it has not seen."""
    from ionbridge.applications.cell_rom.ageing import doubts, evaluate_ageing
    from ionbridge.physics.cells.ageing_histories import load_histories

    fitted, given = _ageing_model(model), load_histories(histories)
    table = evaluate_ageing(fitted, given)
    for text in doubts(fitted, given):
        console.note(f"warning: {text}")
    headers = ["indicator", "error at the end [%]", "error at half [%]", "coverage [-]", "histories"]
    payload = {"model": model, "indicators": table.set_index("indicator").to_dict("index")}
    console.result(payload, format_table(headers, table.to_numpy(dtype=object).tolist()))
