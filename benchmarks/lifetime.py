"""How well are lives predicted early, within one chemistry and from a few cells of another, and how fast?

The tasks and models are `ionbridge.applications.lifetime`; everything is chosen inside training cells.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _common import cpu_seconds, data_folder, parse_arguments, peak_memory_GiB, print_table, write_results

from ionbridge.applications.lifetime import (
    KSHOT_TASKS,
    KShotTask,
    LifeIntervals,
    LifetimeAuto,
    SplitTask,
    hust_task,
    kshot_tasks,
    matr_task,
)
from ionbridge.applications.lifetime.members import (
    curve_auto,
    curve_baselines,
    curve_inter_cell,
    table_auto,
    table_baselines,
)
from ionbridge.applications.lifetime.strategies import InterCellTransfer, StageTransfer
from ionbridge.transfer import AbstractStrategy, TransferProblem, make_strategy

AUTO, MEAN, SCRATCH = "auto", "mean", "scratch"
PUBLISHED = {"matr1": 63.0, "hust20": 228.0, "hust100": 268.0}


@dataclass(frozen=True)
class Settings:
    """What one run covers, frozen before any result is seen.

    Parameters
    ----------
    hust_cycles : cycles seen of HUST cells.
    targets, sizes, n_seeds : of the transfer between chemistries.
    n_speed_cells : cells of which the speed of inference is measured.
    """

    hust_cycles: tuple[int, ...] = (20, 100)
    targets: tuple[str, ...] = KSHOT_TASKS
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
    n_seeds: int = 10
    with_matr: bool = True
    n_speed_cells: int = 1000


FULL = Settings()
SMOKE = Settings(hust_cycles=(), targets=("TJU_NMC_NCA", "CALCE_LCO"), sizes=(1, 4), n_seeds=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    options = parse_arguments(__doc__ or "", arguments)
    folder = data_folder()
    if folder is None:
        print("skipped: the public data sets are not here; set IONBRIDGE_DATA to their folder.")
        return
    settings = SMOKE if options.smoke else FULL
    start = time.perf_counter(), cpu_seconds()
    figures: dict[str, float] = {}
    covered: list[np.ndarray] = []
    task = matr_task(folder)
    figures |= speed_figures(task, settings, options.seed, smoke=options.smoke)
    splits = [task] if not options.smoke else []
    splits += [hust_task(n, folder) for n in settings.hust_cycles]
    for one in splits:
        figures |= split_figures(one, options.seed, covered)
    figures |= kshot_figures(kshot_tasks(settings.targets, folder), settings, options.seed, covered)
    inside = np.concatenate(covered)
    figures["coverage_90"] = float(inside.mean())
    figures["peak_memory_GiB"] = peak_memory_GiB()
    short = {k: v for k, v in figures.items() if not k.startswith("kshot/")}
    print_table(["figure", "value"], [[k, v] for k, v in short.items()], title="In short")
    wall, cpu = time.perf_counter() - start[0], cpu_seconds() - start[1]
    print(f"\n{wall:.0f} s, {cpu:.0f} CPU-s")
    write_results(options.out, figures, seed=options.seed, wall_s=wall, cpu_s=cpu, smoke=options.smoke)


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


def split_figures(task: SplitTask, seed: int, covered: list[np.ndarray]) -> dict[str, float]:
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
    covered.append(inside_intervals(models[AUTO], intervals, task.X_test, task.y_test))
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
        f"{task.name}_coverage_90": float(covered[-1].mean()),
    }


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


def kshot_figures(
    tasks: dict[str, KShotTask], settings: Settings, seed: int, covered: list[np.ndarray]
) -> dict[str, float]:
    """Errors of every strategy for every target and number of known cells."""
    figures: dict[str, float] = {}
    gaps = []
    for name, task in tasks.items():
        prepared: dict[object, object] = {}
        table: dict[str, dict[int, tuple[float, float]]] = {}
        sizes = [k for k in settings.sizes if len(task.y_target) - k >= 2]
        for k in sizes:
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
            gaps.append(gap)
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
    return {**figures, "kshot_auto_worst_gap_in_se": max(gaps)}


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
