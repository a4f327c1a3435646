"""Does transfer pay in electrode manufacturing? Every strategy and baseline on every task, judged alike.

The tasks are `ionbridge.applications.electrodes`, the runs `ionbridge.studies`; nothing is tuned here.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from _common import check_splits, cpu_seconds, parse_arguments, print_table, write_results

from ionbridge.applications.electrodes import ElectrodeTask, available_tasks
from ionbridge.datasets.synthetic_shifts import INPUTS, OUTPUT, SHIFTS, make_shift, shuffled
from ionbridge.exceptions import IonBridgeError
from ionbridge.execution import open_executor
from ionbridge.studies import StudyDesign, StudyResult, run_study
from ionbridge.studies.design import Size
from ionbridge.transfer import AbstractStrategy, make_strategy, strategy_names
from ionbridge.transfer.auto import Auto, default_members

AUTO, AUTO_TARGET_ONLY, SOURCE_ONLY = "auto", "auto_target_only", "source_only"
GAUSSIAN_PROCESS = "gaussian_process"


@dataclass(frozen=True)
class Settings:
    """What one run of the benchmark covers, frozen before any result is seen.

    Parameters
    ----------
    tasks : names; empty for all.
    strategies : registered names; empty for all.
    sizes, n_splits : target training sizes and random splits of every task.
    shifts, shift_sizes, n_relations : kinds of synthetic shift, target sizes, and random relations of
        each kind (2 splits each).
    """

    tasks: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = (5, 10, 20, "all")
    n_splits: int = 20
    shifts: tuple[str, ...] = tuple(SHIFTS)
    shift_sizes: tuple[int, ...] = (5, 10, 20, 40)
    n_relations: int = 10


FULL = Settings()
SMOKE = Settings(
    tasks=("drakopoulos_active_mass", "line_nmc_density", "line_silicon_graphite_density"),
    strategies=(
        AUTO,
        "hierarchical_gp",
        "output_calibration",
        SOURCE_ONLY,
        "mean",
        "linear",
        GAUSSIAN_PROCESS,
    ),
    sizes=(5, "all"),
    n_splits=2,
    shifts=("scale", "unrelated"),
    shift_sizes=(5,),
    n_relations=1,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    options = parse_arguments(__doc__ or "", arguments, narrowing)
    settings = SMOKE if options.smoke else FULL
    chosen = {"tasks": options.tasks, "strategies": options.strategies, "n_splits": options.splits}
    settings = replace(settings, **{name: value for name, value in chosen.items() if value})
    start = time.perf_counter(), cpu_seconds()
    transferring, baselines = usable_strategies(settings)
    tasks, skipped = available_tasks()
    wanted = {name: task for name, task in tasks.items() if name in settings.tasks or not settings.tasks}
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason.splitlines()[0]}")
    figures: dict[str, float] = {}
    hashes: dict[str, str] = {}
    splits: dict[str, str] = {}
    with open_executor() as executor:
        results = {}
        for name, task in wanted.items():
            results[name] = study_task(task, settings, transferring, baselines, options.seed, executor)
            report_task(task, results[name])
            hashes |= {f"{name}/source": task.source.sha256, f"{name}/target": task.target.sha256}
            splits[f"{name}/{settings.n_splits} splits/seed {options.seed}"] = results[name].facts[
                "splits_sha256"
            ]
            check_splits("electrodes", splits)
        figures |= task_figures(results, baselines)
        figures |= shuffled_figures(wanted, results, settings, options.seed, executor)
        figures |= shift_figures(settings, options.seed, executor)
    report_figures(figures)
    wall, cpu = time.perf_counter() - start[0], cpu_seconds() - start[1]
    print(f"\n{wall:.0f} s, {cpu:.0f} CPU-s")
    meta = {"seed": options.seed, "data": hashes, "splits": splits, "smoke": options.smoke}
    write_results(options.out, figures, wall_s=wall, cpu_s=cpu, **meta)


def narrowing(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that run a part of the benchmark; what is left out of a run is not in its figures."""

    def names(text: str) -> tuple[str, ...]:
        return tuple(text.split(","))

    parser.add_argument("--tasks", type=names, metavar="A,B", help="only these tasks")
    parser.add_argument("--strategies", type=names, metavar="A,B", help="only these strategies and baselines")
    parser.add_argument("--splits", type=int, metavar="N", help="random splits of every task")


def usable_strategies(settings: Settings) -> tuple[list[str], list[str]]:
    """Names of the strategies that transfer (`auto` first), and of those that need nothing of the source."""
    transferring, baselines = [], []
    for name in settings.strategies or strategy_names():
        try:
            strategy = make_strategy(name)
        except IonBridgeError as error:
            print(f"left out {name}: {error}")
            continue
        (baselines if strategy.needs == "nothing" else transferring).append(name)
    return sorted(transferring, key=lambda name: name != AUTO), baselines


def auto_target_only() -> dict[str, AbstractStrategy]:
    """`auto` without the members that see the source: the strongest way of not transferring."""
    return {
        AUTO_TARGET_ONLY: Auto(members={n: m for n, m in default_members().items() if m.needs == "nothing"})
    }


def study_task(
    task: ElectrodeTask,
    settings: Settings,
    transferring: Sequence[str],
    baselines: Sequence[str],
    seed: int,
    executor: Executor,
) -> StudyResult:
    """Run every strategy that makes sense on one task."""
    strategies = [name for name in transferring if not task.strategies or name in task.strategies]
    if AUTO in strategies:
        strategies.append(AUTO_TARGET_ONLY)
    design = StudyDesign(
        output=task.output,
        inputs=task.inputs,
        strategies=tuple(strategies) or (SOURCE_ONLY,),
        baselines=tuple(baselines),
        target_sizes=settings.sizes,
        n_splits=settings.n_splits,
        group=task.group,
        random_state=seed,
    )
    return run_study(
        task.source,
        task.target,
        design,
        executor=executor,
        strategies=auto_target_only() if AUTO in strategies else None,
    )


def pooled_coverage(predictions: pd.DataFrame) -> tuple[float, float]:
    """Coverage of the finite intervals, and the fraction of intervals that are not finite."""
    finite = np.isfinite(predictions["lower"]) & np.isfinite(predictions["upper"])
    rows = predictions[finite]
    inside = rows["observed"].between(rows["lower"], rows["upper"])
    return float(inside.mean()) if len(rows) else float("nan"), float(1 - finite.mean())


def report_task(task: ElectrodeTask, result: StudyResult) -> None:
    """Print the table of one task."""
    sizes = result.size_labels
    summary = result.summary()
    mape = summary.pivot(index="strategy", columns="size", values="mape")
    last = summary[summary["size"] == sizes[-1]].set_index("strategy")
    rows: list[list[object]] = []
    for name in mape[sizes[-1]].sort_values().index:
        covered, _ = pooled_coverage(result.predictions.query("strategy == @name"))
        errors = [mape.loc[name, size] for size in sizes]
        rows.append(
            [
                name,
                *errors,
                last.loc[name, "rmse"],
                covered,
                last.loc[name, "seconds"],
                task.published_mape.get(name),
            ]
        )
    print_table(
        [
            "strategy",
            *(f"MAPE % at {size}" for size in sizes),
            f"RMSE {result.unit}",
            "coverage 90 %",
            "s a fit",
            "published %",
        ],
        rows,
        title=f"{task.name}: {task.question} ({len(task.source)} -> {len(task.target)} rows, {task.output})",
    )
    for (kind, size, reason), entries in exclusions_by_reason(result).items():
        print(f"  {kind} at {size}: {', '.join(entries)}: {reason}")
    for assumption in task.assumptions:
        print(f"  assumes: {assumption}")


def exclusions_by_reason(result: StudyResult) -> dict[tuple[str, str, str], list[str]]:
    """Names of the strategies that did not run, by kind, sizes and first words of the reason."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for (name, kind), rows in result.exclusions.groupby(["strategy", "kind"], sort=False):
        reason = rows["reason"].iloc[0].splitlines()[0]
        verb = reason.partition(" cannot ")  # every strategy says its own name before it
        reason = "cannot " + verb[2].partition(";")[0] if verb[1] else reason[:160]
        found.setdefault((str(kind), ", ".join(rows["size"].unique()), reason), []).append(str(name))
    return found


def mean_errors(result: StudyResult) -> pd.DataFrame:
    """Mean MAPE over the splits, one row a strategy, one column a size."""
    return result.trials.pivot_table(
        index="strategy", columns="size", values="mape", aggfunc="mean", sort=False
    )


def task_figures(results: Mapping[str, StudyResult], baselines: Sequence[str]) -> dict[str, float]:
    """Errors of every task, size and strategy, and how `auto` compares with hindsight."""
    figures: dict[str, float] = {}
    against_baseline, against_best, predictions = [], [], []
    for name, result in results.items():
        errors = mean_errors(result)
        for size in errors.columns:
            figures |= {f"mape/{name}/{size}/{s}": float(v) for s, v in errors[size].dropna().items()}
            if AUTO not in errors.index:
                continue
            best_baseline = errors.loc[errors.index.isin(baselines), size].min()
            best = errors.drop(index=[AUTO, AUTO_TARGET_ONLY], errors="ignore")[size].min()
            against_baseline.append(errors.loc[AUTO, size] / best_baseline)
            against_best.append(errors.loc[AUTO, size] / best)
        predictions.append(result.predictions.query("strategy == @AUTO"))
    covered, infinite = pooled_coverage(pd.concat(predictions))
    return {
        "auto_worst_ratio_vs_best_target_only": float(np.max(against_baseline)),
        "auto_mean_ratio_vs_best_target_only": float(np.mean(against_baseline)),
        "auto_mean_ratio_vs_hindsight_best": float(np.mean(against_best)),
        "coverage_90": covered,
        "infinite_intervals": infinite,
        **figures,
    }


def shuffled_figures(
    tasks: Mapping[str, ElectrodeTask],
    results: Mapping[str, StudyResult],
    settings: Settings,
    seed: int,
    executor: Executor,
) -> dict[str, float]:
    """What `auto` gains from sources whose outputs are permuted, against `auto` without a source.

    The gain is 1 minus the geometric mean, over tasks and sizes, of the ratio of mean errors; zero or
    less is right.
    """
    ratios = []
    rows: list[list[object]] = []
    for name, task in tasks.items():
        if AUTO not in results[name].design.strategies:
            continue
        design = StudyDesign(
            output=task.output,
            inputs=task.inputs,
            strategies=(AUTO,),
            baselines=(),
            target_sizes=settings.sizes,
            n_splits=settings.n_splits,
            group=task.group,
            random_state=seed,
        )
        result = run_study(shuffled(task.source, task.output, seed), task.target, design, executor=executor)
        reference, mixed = mean_errors(results[name]), mean_errors(result)
        for size in mixed.columns:
            ratios.append(mixed.loc[AUTO, size] / reference.loc[AUTO_TARGET_ONLY, size])
            rows.append(
                [name, size, mixed.loc[AUTO, size], reference.loc[AUTO_TARGET_ONLY, size], ratios[-1]]
            )
    print_table(
        ["task", "rows", "auto, shuffled source %", "auto, no source %", "ratio"],
        rows,
        title="Shuffled sources",
    )
    return {
        "shuffled_source_gain": 1 - geometric_mean(ratios),
        "shuffled_source_best_ratio": float(np.min(ratios)),
    }


def shift_figures(settings: Settings, seed: int, executor: Executor) -> dict[str, float]:
    """Errors of `auto` relative to not transferring, over synthetic shifts whose truth is known."""
    cells = []
    for kind in settings.shifts:
        for relation in range(settings.n_relations):
            pair = make_shift(kind, n_target=240, random_state=seed * 1000 + relation)
            design = StudyDesign(
                output=OUTPUT,
                inputs=INPUTS,
                strategies=(AUTO, AUTO_TARGET_ONLY),
                baselines=(GAUSSIAN_PROCESS,),
                target_sizes=settings.shift_sizes,
                n_splits=2,
                test_fraction=0.8,
                random_state=seed,
            )
            result = run_study(
                pair.source, pair.target, design, executor=executor, strategies=auto_target_only()
            )
            errors = mean_errors(result)
            for size in errors.columns:
                cells.append({"kind": kind, "size": size, "relation": relation, **errors[size].to_dict()})
    table = pd.DataFrame(cells)
    table["ratio"] = table[AUTO] / table[AUTO_TARGET_ONLY]
    table["gp_ratio"] = table[AUTO] / table[GAUSSIAN_PROCESS]
    report_shifts(table)
    first = table[table["size"] == str(settings.shift_sizes[0])]
    return {
        f"shifts/geometric_mean_at_{settings.shift_sizes[0]}": geometric_mean(first["ratio"]),
        "shifts/geometric_mean_overall": geometric_mean(table["ratio"]),
        f"shifts/geometric_mean_at_{settings.shift_sizes[0]}_vs_gaussian_process": geometric_mean(
            first["gp_ratio"]
        ),
        "shifts/geometric_mean_overall_vs_gaussian_process": geometric_mean(table["gp_ratio"]),
        "shifts/percentile_95": float(np.percentile(table["ratio"], 95)),
        **{
            f"shifts/{kind}": geometric_mean(part["ratio"])
            for kind, part in table.groupby("kind", sort=False)
        },
    }


def report_shifts(table: pd.DataFrame) -> None:
    """Print the errors on synthetic shifts."""
    rows: list[list[object]] = [
        [
            kind,
            size,
            part[AUTO].mean(),
            part[AUTO_TARGET_ONLY].mean(),
            part[GAUSSIAN_PROCESS].mean(),
            geometric_mean(part["ratio"]),
        ]
        for (kind, size), part in table.groupby(["kind", "size"], sort=False)
    ]
    print_table(
        ["shift", "rows", "auto %", "auto, no source %", "Gaussian process %", "auto / no source"],
        rows,
        title="Synthetic shifts: MAPE, and geometric mean of the ratio over relations",
    )


def geometric_mean(ratios: Sequence[float] | pd.Series) -> float:
    """Geometric mean of positive numbers."""
    return float(np.exp(np.mean(np.log(np.asarray(ratios, dtype=float)))))


def report_figures(figures: Mapping[str, float]) -> None:
    """Print the figures that the issue names."""
    rows = [[key, value] for key, value in figures.items() if not key.startswith("mape/")]
    print_table(["figure", "value"], rows, title="In short")


if __name__ == "__main__":
    sys.exit(main())
