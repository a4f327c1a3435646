"""How well are lives predicted early, within one chemistry and from a few cells of another, and how fast?

The tasks and models are `ionbridge.applications.lifetime`; everything is chosen inside training cells.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _common import cpu_seconds, data_folder, parse_arguments, peak_memory_GiB, print_table, write_results

from ionbridge.applications.lifetime import (
    KSHOT_TASKS,
    CensoredTransfer,
    KShotTask,
    LifeIntervals,
    LifetimeAuto,
    SplitTask,
    hust_task,
    kshot_tasks,
    matr_task,
)
from ionbridge.applications.lifetime.censoring import likelihood_imputer
from ionbridge.applications.lifetime.members import (
    curve_auto,
    curve_baselines,
    curve_inter_cell,
    table_auto,
    table_baselines,
)
from ionbridge.applications.lifetime.strategies import InterCellTransfer, StageTransfer
from ionbridge.models import GaussianProcess
from ionbridge.models.inter_cell import InterCellRegressor
from ionbridge.transfer import AbstractStrategy, TransferProblem, make_strategy
from ionbridge.transfer.baselines import TargetOnly

AUTO, MEAN, SCRATCH = "auto", "mean", "scratch"
OFF_TESTER = 600.0  # cycles, about the median life of the training cells
PUBLISHED = {"matr1": 63.0, "hust20": 228.0, "hust100": 268.0}


TASKS = ("speed", "matr1", "hust20", "hust100", "censored", *KSHOT_TASKS)


@dataclass(frozen=True)
class Settings:
    """What one run covers, frozen before any result is seen.

    Parameters
    ----------
    tasks : some of `TASKS`.
    sizes, n_seeds : of the transfer between chemistries.
    n_speed_cells : cells of which the speed of inference is measured.
    """

    tasks: tuple[str, ...] = TASKS
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
    n_seeds: int = 10
    n_speed_cells: int = 1000


FULL = Settings()
SMOKE = Settings(tasks=("speed", "TJU_NMC_NCA", "CALCE_LCO"), sizes=(1, 4), n_seeds=2)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=TASKS,
        metavar="TASK",
        help=f"do only these of {', '.join(TASKS)}, and keep the figures of the others in the file",
    )
    parser.add_argument(
        "--sizes", nargs="+", type=int, metavar="K", help="known target cells, to do a part of a target"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    options = parse_arguments(__doc__ or "", arguments, _options)
    folder = data_folder()
    if folder is None:
        print("skipped: the public data sets are not here; set IONBRIDGE_DATA to their folder.")
        return
    settings = SMOKE if options.smoke else FULL
    tasks = settings.tasks if options.tasks is None else tuple(options.tasks)
    if options.sizes:
        settings = replace(settings, sizes=tuple(options.sizes))
    start = time.perf_counter(), cpu_seconds()
    figures = _kept(options.out) if options.tasks else {}
    if "speed" in tasks:
        figures |= speed_figures(matr_task(folder), settings, options.seed, smoke=options.smoke)
    for name in tasks:
        if name in ("matr1", "hust20", "hust100"):
            task = matr_task(folder) if name == "matr1" else hust_task(int(name[4:]), folder)
            figures |= split_figures(task, options.seed)
    if "censored" in tasks:
        figures |= censored_figures(matr_task(folder), options.seed)
    targets = [name for name in tasks if name in KSHOT_TASKS]
    figures |= kshot_figures(kshot_tasks(targets, folder) if targets else {}, settings, options.seed)
    figures |= _overall(figures)
    short = {k: v for k, v in figures.items() if "/" not in k}
    print_table(["figure", "value"], [[k, v] for k, v in short.items()], title="In short")
    wall, cpu = time.perf_counter() - start[0], cpu_seconds() - start[1]
    print(f"\n{wall:.0f} s, {cpu:.0f} CPU-s")
    write_results(options.out, figures, seed=options.seed, wall_s=wall, cpu_s=cpu, smoke=options.smoke)


def _kept(path: Path | None) -> dict[str, float]:
    """Figures of an earlier part of the run, where there is a file."""
    if path is None or not path.exists():
        return {}
    known = json.loads(path.read_text(encoding="utf-8"))
    return {k: v for k, v in known.items() if isinstance(v, float) and k not in ("wall_s", "cpu_s")}


def _overall(figures: dict[str, float]) -> dict[str, float]:
    """Coverage pooled over splits and draws, and the worst gap of `auto` to the simple baselines."""
    known = sum(v for k, v in figures.items() if k.startswith("n_judged/"))
    inside = sum(v for k, v in figures.items() if k.startswith("n_covered/"))
    gaps = [v for k, v in figures.items() if k.endswith("/auto_gap_in_se")]
    memory = max(peak_memory_GiB(), figures.get("peak_memory_GiB", 0.0))
    return {
        **({"coverage_90": inside / known} if known else {}),
        **({"kshot_auto_worst_gap_in_se": max(gaps)} if gaps else {}),
        "peak_memory_GiB": memory,
    }


def speed_figures(task: SplitTask, settings: Settings, seed: int, *, smoke: bool) -> dict[str, float]:
    """Train the inter-cell network on MATR, and predict many cells through 64 references."""
    assert task.cell_shape is not None
    model = curve_inter_cell(len(task.names), task.cell_shape, seed)
    if smoke:
        model.set_params(model__n_members=2, model__n_folds=2, model__epochs=50)
    start = time.process_time()
    model.fit(task.X_train, task.y_train)
    train = time.process_time() - start
    references = np.concatenate([task.X_train, task.X_test])[:, len(task.names) :][:64]
    cells = np.tile(task.X_test[:, len(task.names) :], (25, 1))[: settings.n_speed_cells]
    start = time.process_time()
    model.model_.differences(cells, references)
    rate = len(cells) / (time.process_time() - start)
    return {"train_seconds_matr1": train, "cells_per_second_64_references": rate}


def split_figures(task: SplitTask, seed: int) -> dict[str, float]:
    """Errors of every baseline and of `auto` on the test cells."""
    n_tables = len(task.names)
    if task.cell_shape is None:
        models = {**table_baselines(seed), AUTO: table_auto(seed)}
    else:
        models = {
            **curve_baselines(n_tables, task.cell_shape, seed),
            AUTO: curve_auto(n_tables, task.cell_shape, seed),
        }
    rows: list[list[object]] = []
    figures: dict[str, float] = {}
    for name, model in models.items():
        start = time.process_time()
        model.fit(task.X_train, task.y_train)
        seconds = time.process_time() - start
        intervals = LifeIntervals.from_fitted(model, task.y_train)
        if name == AUTO:
            for member, fitted in model.members_.items():
                rows.append(_row(f"  {member}", fitted, task, None, 0.0))
        rows.append(_row(name, model, task, intervals, seconds))
        figures[f"{task.name}/rmse/{name}"] = float(rows[-1][3])  # type: ignore[arg-type]
        figures[f"{task.name}/mape/{name}"] = float(rows[-1][4])  # type: ignore[arg-type]
    inside = inside_intervals(models[AUTO], intervals, task.X_test, task.y_test)
    print_table(
        ["model", "CV RMSE", "CV MAPE %", "RMSE cycle", "MAPE %", "coverage 90 %", "CPU s"],
        rows,
        title=f"{task.name}: {len(task.y_train)} training and {len(task.y_test)} test cells, "
        f"{task.n_cycles} cycles (published or measured before: {PUBLISHED.get(task.name)})",
    )
    best = min(v for k, v in figures.items() if "/rmse/" in k and not k.endswith(f"/{AUTO}"))
    return {
        **figures,
        f"{task.name}_rmse": figures[f"{task.name}/rmse/{AUTO}"],
        f"{task.name}_mape": figures[f"{task.name}/mape/{AUTO}"],
        f"{task.name}_best_baseline_rmse": best,
        f"{task.name}_coverage_90": float(inside.mean()),
        f"n_judged/{task.name}": float(len(inside)),
        f"n_covered/{task.name}": float(inside.sum()),
    }


def censored_figures(task: SplitTask, seed: int) -> dict[str, float]:
    """Errors on the test cells where every training cell was taken off the tester at 600 cycles.

    Cells that lived longer are left out, called dead at 600, imputed (by Buckley and James, or around
    the network with likelihood, as lifetime models do), or counted by likelihood.
    """
    n_tables = len(task.names)
    X, X_test = task.X_train[:, :n_tables], task.X_test[:, :n_tables]
    y, flags = np.minimum(task.y_train, OFF_TESTER), task.y_train > OFF_TESTER
    model = TargetOnly(GaussianProcess())

    def imputed(is_censored: np.ndarray, rows: np.ndarray, imputer: InterCellRegressor | None) -> np.ndarray:
        empty = np.zeros((0, n_tables)), np.zeros(0)
        problem = TransferProblem(*empty, X[rows], y[rows], np.ones(n_tables, dtype=bool), random_state=seed)
        return CensoredTransfer(model, imputer).fit_problem(problem, is_censored[rows]).predict(X_test)

    every, none = np.ones(len(y), dtype=bool), np.zeros(len(y), dtype=bool)
    network = InterCellRegressor(weight_decay=0.1, learning_rate=1e-2, n_folds=0, random_state=seed)
    predicted = {
        "left_out": imputed(none, ~flags, None),
        "called_dead": imputed(none, every, None),
        "imputed": imputed(flags, every, None),
        "imputed_by_likelihood": imputed(flags, every, likelihood_imputer(seed)),
        "likelihood_inter_cell": network.fit(X, y, is_censored=flags).predict(X_test),
    }
    rows = [[name, rmse(p, task.y_test), mape(p, task.y_test)] for name, p in predicted.items()]
    print_table(
        ["censored cells", "RMSE cycle", "MAPE %"],
        rows,
        title=f"{task.name} with {int(flags.sum())} of {len(y)} training cells taken off at {OFF_TESTER:.0f} cycles",
    )
    return {
        f"censored/{kind}/{row[0]}": float(row[i]) for row in rows for i, kind in ((1, "rmse"), (2, "mape"))
    }  # type: ignore[arg-type]


def _row(
    name: str, model: object, task: SplitTask, intervals: LifeIntervals | None, seconds: float
) -> list[object]:
    predicted = model.predict(task.X_test)  # type: ignore[attr-defined]
    left_out = model.out_of_fold_  # type: ignore[attr-defined]
    inside = (
        None
        if intervals is None
        else float(inside_intervals(model, intervals, task.X_test, task.y_test).mean())
    )
    return [
        name,
        rmse(left_out, task.y_train),
        mape(left_out, task.y_train),
        rmse(predicted, task.y_test),
        mape(predicted, task.y_test),
        inside,
        seconds or None,
    ]


def inside_intervals(model: object, intervals: LifeIntervals, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which lives lie inside their 90 % interval."""
    lower, upper = intervals.interval(model, X, 0.9)  # type: ignore[arg-type]
    return (lower <= y) & (y <= upper)


def rmse(predicted: np.ndarray, y: np.ndarray) -> float:
    """Root mean square error [cycle]."""
    return float(np.sqrt(np.mean((predicted - y) ** 2)))


def mape(predicted: np.ndarray, y: np.ndarray) -> float:
    """Mean absolute percentage error [%]."""
    return float(100.0 * np.mean(np.abs(predicted / y - 1.0)))


def kshot_strategies(task: KShotTask, k: int) -> dict[str, Callable[[], AbstractStrategy]]:
    """Strategies that can be fitted to `k` target cells."""
    stage = {"stage_column": -1, "n_cycles": task.n_cycles, "stage": task.stage}
    made: dict[str, Callable[[], AbstractStrategy]] = {
        AUTO: lambda: LifetimeAuto(**stage),
        "stage": lambda: StageTransfer(**stage),
        "inter_cell": InterCellTransfer,
        "source_only": lambda: make_strategy("source_only"),
    }
    if k >= 4:
        names = {
            SCRATCH: "random_forest",
            "gaussian_process": "gaussian_process",
            "pooled": "pooled",
            "fine_tune": "fine_tuning",
            "hierarchical_gp": "hierarchical_gp",
            "source_feature": "source_feature",
            "general_auto": "auto",
        }
        made |= {label: (lambda name=name: make_strategy(name)) for label, name in names.items()}
    return made


def kshot_figures(tasks: dict[str, KShotTask], settings: Settings, seed: int) -> dict[str, float]:
    """Errors of every strategy for every target and number of known cells."""
    figures: dict[str, float] = {}
    for name, task in tasks.items():
        prepared: dict[object, object] = {}
        table: dict[str, dict[int, tuple[float, float]]] = {}
        sizes = [k for k in settings.sizes if len(task.y_target) - k >= 2]
        for k in sizes:
            covered: list[np.ndarray] = []
            errors = kshot_errors(task, k, settings.n_seeds, seed, prepared, covered)
            for label, values in errors.items():
                mean, spread = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
                figures[f"kshot/{name}/{k}/{label}"] = mean
                figures[f"kshot/{name}/{k}/{label}_se"] = spread
                table.setdefault(label, {})[k] = (mean, spread)
            rival = min(
                (label for label in (MEAN, SCRATCH) if label in errors), key=lambda x: np.mean(errors[x])
            )
            difference = np.asarray(errors[AUTO]) - np.asarray(errors[rival])
            error = np.std(errors[AUTO], ddof=1) / np.sqrt(settings.n_seeds)
            gap = float(difference.mean() / max(error, 1e-12))
            figures[f"kshot/{name}/{k}/auto_gap_in_se"] = gap
            inside = np.concatenate(covered)
            figures[f"n_judged/{name}/{k}"] = float(len(inside))
            figures[f"n_covered/{name}/{k}"] = float(inside.sum())
        rows = [
            [label, *(f"{cells[k][0]:.1f} ± {cells[k][1]:.1f}" if k in cells else "-" for k in sizes)]
            for label, cells in table.items()
        ]
        print_table(
            ["strategy", *(f"k = {k}" for k in sizes)],
            rows,
            title=f"LFP ({len(task.y_source)}) -> {name} ({len(task.y_target)} cells, {task.n_left_out} left out): "
            f"MAPE % ± standard error over {settings.n_seeds} draws, {task.n_cycles} cycles seen",
        )
    return figures


def kshot_errors(
    task: KShotTask,
    k: int,
    n_seeds: int,
    seed: int,
    prepared: dict[object, object],
    covered: list[np.ndarray],
) -> dict[str, list[float]]:
    """MAPE of every strategy in every draw; also notes which lives the intervals of `auto` cover."""
    errors: dict[str, list[float]] = {}
    for draw in range(n_seeds):
        known, rest = task.split(k, seed * 1000 + draw)
        y_known, y_rest = task.y_target[known], task.y_target[rest]
        errors.setdefault(MEAN, []).append(mape(np.full(len(rest), y_known.mean()), y_rest))
        for label, make in kshot_strategies(task, k).items():
            strategy = make()
            key = (label, strategy.source_key())
            if key not in prepared:
                prepared[key] = strategy.prepare_source(task.X_source, task.y_source, 0)
            problem = TransferProblem(
                task.X_source,
                task.y_source,
                task.X_target[known],
                y_known,
                np.ones(len(task.names), dtype=bool),
                prepared[key],
            )
            strategy.fit_problem(problem)
            errors.setdefault(label, []).append(mape(strategy.predict(task.X_target[rest]), y_rest))
            if label == AUTO:
                intervals = LifeIntervals.from_fitted(strategy, y_known)
                covered.append(inside_intervals(strategy, intervals, task.X_target[rest], y_rest))
    return errors


if __name__ == "__main__":
    sys.exit(main())
