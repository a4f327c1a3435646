"""Are barriers, voltages and conductivities of a new family predicted well from few values, and when does transfer not pay?

Tasks, strategies and models are `ionbridge.applications.screening`; nothing is chosen by a test row.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _common import cpu_seconds, data_folder, parse_arguments, print_table, write_results

from ionbridge.applications.screening.evaluation import (
    bootstrap_interval,
    few_shot_errors,
    group_folds,
    leave_groups_out,
    top_share_precision,
    transfer_verdict,
)
from ionbridge.applications.screening.features import FeatureTable, barrier_table
from ionbridge.applications.screening.property_tables import (
    electrolyte_table,
    solid_electrolyte_table,
    voltage_table,
)
from ionbridge.applications.screening.strategies import (
    SourceOffset,
    screening_auto,
    screening_strategies,
    target_only_blend,
)
from ionbridge.applications.screening.tasks import BARRIER_TASKS, FewShotTask, barrier_task, task_between
from ionbridge.datasets.base import Domain
from ionbridge.datasets.readers.materials import (
    read_calisol23,
    read_em619,
    read_mp_electrodes,
    read_obelix,
)
from ionbridge.datasets.structures import percolating_paths
from ionbridge.exceptions import InsufficientDataError
from ionbridge.execution import Failure, available_cores, open_executor, run_tasks
from ionbridge.models import FloatArray

AUTO, SCRATCH = "auto", "target_trees"
TARGET_ONLY = ("mean", "target_trees", "target_kernel")
PUBLISHED_MAE = 0.261  # eV; Devi, Butler and Sai Gautam (2026), fine-tuned ALIGNN
GOOD_BARRIER = 0.35  # eV
IONS = ("Na", "K", "Ca", "Mg", "Zn")
SALTS = ("LiBF4", "LiBOB", "LiClO4", "LiTFSI")
FAMILIES = ("Garnets", "Argyrodite", "NASICON")


@dataclass(frozen=True)
class Settings:
    """What one run covers, frozen before any result is seen.

    Parameters
    ----------
    tasks, sizes, n_repeats : of the few-shot barrier tasks.
    n_folds : of the group-by-host validation.
    ions, salts, n_families : of the other properties.
    n_screened : structures of the timed screening.
    """

    tasks: tuple[str, ...] = tuple(BARRIER_TASKS)
    sizes: tuple[int, ...] = (5, 10, 20, 50)
    n_repeats: int = 10
    n_folds: int = 5
    leave_out: tuple[str, ...] = ("class", "ion")
    ions: tuple[str, ...] = IONS
    salts: tuple[str, ...] = SALTS
    n_families: int = 3
    n_screened: int = 1000


FULL = Settings()
SMOKE = Settings(("rest_to_chalcogenide",), (5,), 2, 0, (), (), (), 0, 20)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--engines",
            nargs="?",
            const="all",
            metavar="NAMES",
            help="also run CHGNet on LFP and LCO (half an hour), or only these figures, comma-separated",
        )
        parser.add_argument(
            "--parts", default="", help="only these, comma-separated: splits,fewshot,voltage,others,screen"
        )
        parser.add_argument("--store", type=Path, help="folder of finished tasks, to resume")
        parser.add_argument("--workers", type=int, help="processes (default: one a core)")

    options = parse_arguments(__doc__ or "", arguments, more)
    if data_folder() is None:
        print("skipped: the public data sets are not here; set IONBRIDGE_DATA to their folder.")
        return
    settings = SMOKE if options.smoke else FULL
    parts = (
        options.parts.split(",") if options.parts else ["splits", "fewshot", "voltage", "others", "screen"]
    )
    start = time.perf_counter(), cpu_seconds()
    figures: dict[str, float] = {}
    is_serial = options.smoke or options.workers == 1
    with open_executor("serial" if is_serial else None, None if is_serial else options.workers) as executor:
        run = Runner(executor, options.store, options.seed)
        if "splits" in parts:
            figures |= split_figures(run, settings)
        if "fewshot" in parts:
            figures |= few_shot_figures(run, settings)
        if "voltage" in parts and settings.ions:
            figures |= voltage_figures(run, settings)
        if "others" in parts and settings.salts:
            figures |= other_figures(run, settings)
    if "screen" in parts:
        figures |= screening_figures(settings)
    if options.engines:
        names = None if options.engines == "all" else options.engines.split(",")
        figures |= engine_figures(names, None if options.store is None else options.store / "engines")
    short = {k: v for k, v in figures.items() if "/" not in k}
    print_table(["figure", "value"], [[k, v] for k, v in short.items()], title="In short")
    wall, cpu = time.perf_counter() - start[0], cpu_seconds() - start[1]
    print(f"\n{wall:.0f} s, {cpu:.0f} CPU-s")
    write_results(options.out, figures, seed=options.seed, wall_s=wall, cpu_s=cpu, smoke=options.smoke)


@dataclass(frozen=True)
class Runner:
    """Where tasks run and their results are kept."""

    executor: Executor
    store: Path | None
    seed: int

    def __call__(self, function: Any, tasks: dict[str, tuple[Any, ...]], label: str) -> dict[str, Any]:
        store = None if self.store is None else self.store / f"{label}.jsonl"
        found = run_tasks(
            function,
            tasks,
            executor=self.executor,
            store=store,
            identity=f"materials {label} {self.seed}",
            progress=self.store is not None,
            label=label,
        )
        for key, value in found.items():
            if isinstance(value, Failure):
                raise RuntimeError(f"{key}: {value}")
        return found


@lru_cache(maxsize=4)
def barriers(with_prior: bool = True) -> tuple[FeatureTable, dict[str, Any]]:
    """Table of em619 and its published split."""
    found = read_em619(data_folder())
    splits = {**found.splits, "published": found.value("published_prediction")}
    return barrier_table(
        found, "mace_barrier" if with_prior else None, Domain("em619", origin="literature")
    ), splits


# --------------------------------------------------------------------------- barriers, many rows


def split_task(kind: str, with_prior: bool, fold: int, n_folds: int, seed: int) -> dict[str, list[float]]:
    """Predict the rows that one split leaves out; JSON-ready."""
    table, published = barriers(with_prior)
    train, test = _splits(kind, table, published, n_folds, seed)[fold]
    found = leave_groups_out(
        table, [(train, test)], target_only_blend(with_prior, seed=seed), seed, threshold=GOOD_BARRIER
    )
    return {name: values.tolist() for name, values in found.items()}


def _splits(
    kind: str, table: FeatureTable, published: dict[str, Any], n_folds: int, seed: int
) -> list[tuple[Any, Any]]:
    if kind == "authors":
        return [(published["train"], published["test"])]
    if kind == "host":
        return list(group_folds(table.groups, n_folds, seed))
    labels = table.labels[kind]
    return [(np.flatnonzero(labels != one), np.flatnonzero(labels == one)) for one in np.unique(labels)]


def split_figures(run: Runner, settings: Settings) -> dict[str, float]:
    """Authors' split, and what an unseen host, class or ion costs, with and without the MACE prior."""
    table, published = barriers()
    tasks = {}
    for kind in _kinds(settings):
        for with_prior in _priors(kind, settings):
            for fold in range(len(_splits(kind, table, published, settings.n_folds, run.seed))):
                tasks[f"{kind}/{with_prior}/{fold}"] = (kind, with_prior, fold, settings.n_folds, run.seed)
    results = run(split_task, tasks, "splits")
    rows: list[list[object]] = []
    figures: dict[str, float] = {}
    covered: list[Any] = []
    for kind in _kinds(settings):
        for with_prior in _priors(kind, settings):
            parts = [value for key, value in results.items() if key.startswith(f"{kind}/{with_prior}/")]
            found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            figures |= _split_row(kind, with_prior, found, published, rows)
            if kind != "authors" or settings is SMOKE:
                covered.append((found["lower"] <= found["y"]) & (found["y"] <= found["upper"]))
    figures["coverage_90"] = float(covered[0].mean())  # group-by-host, with the prior
    figures["coverage_90_all_splits"] = float(np.concatenate(covered).mean())
    print_table(
        [
            "split",
            "features",
            "MAE eV",
            "90 % low",
            "90 % high",
            "R2",
            "coverage 90 %",
            "top tenth < 0.35 eV",
        ],
        rows,
        title=f"em619: {len(table)} barriers (published on the authors' split: {PUBLISHED_MAE} eV, R2 0.703)",
    )
    return figures


def _kinds(settings: Settings) -> tuple[str, ...]:
    return ("authors", "host", *settings.leave_out) if settings.n_folds else ("authors",)


def _priors(kind: str, settings: Settings) -> tuple[bool, ...]:
    return (True, False) if kind in ("authors", "host") and settings is not SMOKE else (True,)


def _split_row(
    kind: str,
    with_prior: bool,
    found: dict[str, FloatArray],
    published: dict[str, Any],
    rows: list[list[object]],
) -> dict[str, float]:
    y, mean = found["y"], found["mean"]
    error = np.abs(mean - y)
    low, high = bootstrap_interval(error)
    inside = (found["lower"] <= y) & (y <= found["upper"])
    precision = top_share_precision(found["chance"], y < GOOD_BARRIER)
    r2 = 1.0 - float(((mean - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    label = "with MACE" if with_prior else "geometry only"
    rows.append([kind, label, float(error.mean()), low, high, r2, float(inside.mean()), precision])
    suffix = "" if with_prior else "_no_prior"
    key = {"authors": "em619_mae", "host": "em619_group_mae"}.get(kind, f"em619_leave_{kind}_mae")
    figures = {f"{key}{suffix}": float(error.mean())}
    if kind == "authors":
        figures |= {f"em619_mae_low{suffix}": low, f"em619_mae_high{suffix}": high, f"em619_r2{suffix}": r2}
        if with_prior:
            known = published["published"][published["test"]]
            rows.append(
                [kind, "published model", float(np.nanmean(np.abs(known - y))), None, None, None, None, None]
            )
    if kind == "host":
        figures[f"top_decile_precision{suffix}"] = precision
        figures[f"base_rate{suffix}"] = float(np.mean(y < GOOD_BARRIER))
    return figures


# --------------------------------------------------------------------------- few known values


@lru_cache(maxsize=16)
def few_shot_task(name: str) -> FewShotTask:
    """Task by name, made once a process."""
    if name in BARRIER_TASKS:
        return barrier_task(name, barriers()[0])
    kind, _, rest = name.partition(":")
    if kind == "voltage":
        ion, _, twins = rest.partition(":")
        table = voltages()
        return task_between(
            name, table, table.labels["ion"] == "Li", table.labels["ion"] == ion, keep_twins=twins == "twins"
        )
    if kind == "salt":
        table = electrolyte_table(read_calisol23(data_folder()))
        table = table.subset(thinned(table.labels["salt"], table.groups))
        is_target = table.labels["salt"] == rest
        # a publication that measured both salts would tell the answer, but most rows come from few publications:
        # groups keep DOIs apart inside the target; source rows of the same DOI are removed
        return task_between(name, table, table.labels["salt"] == "LiPF6", is_target)
    table = solid_electrolyte_table(read_obelix(data_folder()))
    is_target = table.labels["class"] == rest
    return task_between(name, table, ~is_target, is_target)


@lru_cache(maxsize=1)
def voltages() -> FeatureTable:
    """Table of insertion electrodes."""
    return voltage_table(read_mp_electrodes(data_folder()))


def thinned(labels: np.ndarray, groups: np.ndarray, most: int = 400) -> np.ndarray:
    """At most `most` rows of each label and group at random: the sets repeat temperatures densely."""
    rng = np.random.default_rng(0)
    keys = np.array([f"{a} {b}" for a, b in zip(labels, groups, strict=True)])
    kept = [rng.permutation(np.flatnonzero(keys == key))[:most] for key in np.unique(keys)]
    return np.sort(np.concatenate(kept))


def few_shot_run(name: str, k: int, seed: int) -> dict[str, Any]:
    """Errors of all strategies in one draw; JSON-ready. Empty where the draw is too small."""
    task = few_shot_task(name)
    with_prior = task.target.has_prior
    space: Any = "linear" if task.target.quantity == "average_voltage" else "auto"
    others = screening_strategies(with_prior, space)
    strategies = {AUTO: screening_auto(with_prior, space)}  # its members are judged along with it
    strategies |= {m: others[m] for m in ("target_kernel", "source_only", "source_residual_gp")}
    if with_prior:
        strategies["prior_as_it_is"] = others["prior"]
    try:
        found = few_shot_errors(task, strategies, k, seed)
    except InsufficientDataError:
        return {}
    n_test = len(task.target) - len(task.draw(k, seed)[0])
    return {"errors": found, "n_test": n_test}


def few_shot_table(
    run: Runner, names: Sequence[str], sizes: Sequence[int], n_repeats: int, label: str, unit: str
) -> dict[str, dict[int, dict[str, list[float]]]]:
    """Run tasks and print mean errors; errors by task, size and strategy, one a draw."""
    tasks = {f"{n}/{k}/{s}": (n, k, run.seed + s) for s in range(n_repeats) for n in names for k in sizes}
    results = run(few_shot_run, tasks, label)
    collected: dict[str, dict[int, dict[str, list[float]]]] = {}
    for name in names:
        task = few_shot_task(name)
        table: dict[str, dict[int, float]] = {}
        for k in sizes:
            draws = [results[f"{name}/{k}/{s}"] for s in range(n_repeats)]
            draws = [d for d in draws if d]
            if len(draws) < 2:
                continue
            errors = {m: [d["errors"][m]["mae"] for d in draws] for m in draws[0]["errors"]}
            inside = [d["errors"][AUTO]["coverage"] for d in draws if "coverage" in d["errors"][AUTO]]
            collected.setdefault(name, {})[k] = errors
            for method, values in errors.items():
                table.setdefault(method, {})[k] = float(np.mean(values))
            table.setdefault("coverage of auto", {})[k] = float(np.mean(inside))
            best = min(TARGET_ONLY, key=lambda m: np.mean(errors[m]))
            for method in (AUTO, "source_only"):
                judged = transfer_verdict(errors[method], errors[best], 1.0, name)
                print(f"  {name}, {k} known, {method} against {best}: {judged.sentence}")
        shown = [k for k in sizes if k in collected.get(name, {})]
        print_table(
            ["strategy", *(f"k = {k}" for k in shown)],
            [[m, *(row.get(k) for k in shown)] for m, row in table.items()],
            title=f"{name}: {len(task.source)} source and {len(task.target)} target rows, mean absolute error [{unit}]",
        )
    return collected


def few_shot_figures(run: Runner, settings: Settings) -> dict[str, float]:
    """Few-shot barriers: every strategy, the gap of auto to the best, and its ratio to target-only."""
    found = few_shot_table(run, settings.tasks, settings.sizes, settings.n_repeats, "fewshot", "eV")
    figures: dict[str, float] = {}
    gaps: list[float] = []
    ratios: list[float] = []
    for name, sizes in found.items():
        for k, errors in sizes.items():
            means = {m: float(np.mean(values)) for m, values in errors.items()}
            figures |= {f"fewshot/{name}/{k}/{m}": value for m, value in means.items()}
            gaps.append(means[AUTO] - min(value for m, value in means.items() if m != AUTO))
            ratios.append(means[AUTO] / min(means[m] for m in TARGET_ONLY))
    figures["fewshot_auto_mean_gap_eV"] = float(np.mean(gaps))
    figures["fewshot_auto_worst_ratio_vs_target_only"] = float(np.max(ratios))
    return figures


# --------------------------------------------------------------------------- other properties


def zero_shot(ion: str, twins: bool, seed: int) -> dict[str, float]:
    """Voltages of `ion` by the trees of lithium, unchanged, and by a constant known only afterwards."""
    task = few_shot_task(f"voltage:{ion}:{'twins' if twins else 'none'}")
    source = SourceOffset(0.0, "linear", n_trees=100).prepare_source(task.source.X, task.source.y, seed)
    error = source.predict(task.target.X) - task.target.y
    y = task.target.y
    return {
        "mae": float(np.abs(error).mean()),
        "bias": float(error.mean()),
        "median": float(np.abs(y - np.median(y)).mean()),
        "n_source": len(task.source),
        "n_target": len(task.target),
    }


def voltage_figures(run: Runner, settings: Settings) -> dict[str, float]:
    """Voltages of other ions from lithium: zero-shot, then with few known values."""
    tasks = {f"{ion}/{twins}": (ion, twins, run.seed) for ion in settings.ions for twins in (True, False)}
    found = run(zero_shot, tasks, "voltage")
    rows, figures = [], {}
    for key, value in found.items():
        ion, _, twins = key.partition("/")
        verdict = "the source misleads" if value["mae"] > value["median"] else "the source helps"
        label = "twins" if twins == "True" else "no_twins"
        figures[f"voltage_li_to_{ion.lower()}_{label}_V"] = value["mae"]
        figures[f"voltage_li_to_{ion.lower()}_{label}_misleads"] = float(value["mae"] > value["median"])
        rows.append(
            [
                ion,
                label,
                value["n_source"],
                value["n_target"],
                value["mae"],
                value["bias"],
                value["median"],
                verdict,
            ]
        )
    print_table(
        ["ion", "hosts", "source", "target", "zero-shot MAE V", "bias V", "median alone V", "verdict"],
        rows,
        title="Insertion voltage from lithium (the median of the target is known only with its values)",
    )
    if settings is SMOKE:
        return figures
    names = [f"voltage:{ion}:none" for ion in settings.ions]
    errors = few_shot_table(run, names, (10, 50), min(settings.n_repeats, 5), "voltage_few", "V")
    for name, by_size in errors.items():
        for k, methods in by_size.items():
            figures |= {
                f"fewshot/{name.replace(':', '_')}/{k}/{m}": float(np.mean(v)) for m, v in methods.items()
            }
    return figures


def other_figures(run: Runner, settings: Settings) -> dict[str, float]:
    """Liquid and solid electrolytes: where transfer pays only at first, or not at all."""
    figures: dict[str, float] = {}
    names = [f"salt:{salt}" for salt in settings.salts]
    table = solid_electrolyte_table(read_obelix(data_folder()))
    known = table.subset(table.known)
    labels, counts = np.unique(known.labels["class"], return_counts=True)
    families = [str(labels[i]) for i in np.argsort(-counts) if labels[i]][: settings.n_families]
    for group, sizes, label in (
        (names, (5, 10, 50), "salts"),
        ([f"family:{f}" for f in families], (5, 10, 20), "families"),
    ):
        errors = few_shot_table(run, group, sizes, settings.n_repeats, label, "mS/cm")
        for name, by_size in errors.items():
            for k, methods in by_size.items():
                figures |= {
                    f"fewshot/{name.replace(':', '_')}/{k}/{m}": float(np.mean(v)) for m, v in methods.items()
                }
    return figures | obelix_figures(run.seed)


def obelix_figures(seed: int) -> dict[str, float]:
    """OBELiX, official split: error of log10 conductivity."""
    found = read_obelix(data_folder())
    table = solid_electrolyte_table(found)
    train = found.splits["train"][table.known[found.splits["train"]]]
    test = found.splits["test"][table.known[found.splits["test"]]]
    result = leave_groups_out(table, [(train, test)], "auto", seed)
    error = np.abs(np.log10(result["mean"] / result["y"]))
    median = np.abs(np.log10(np.median(table.y[train]) / result["y"]))
    inside = (result["lower"] <= result["y"]) & (result["y"] <= result["upper"])
    figures = {
        "obelix_log10_mae": float(error.mean()),
        "obelix_log10_mae_median": float(median.mean()),
        "obelix_coverage_90": float(inside.mean()),
    }
    print_table(["figure", "value"], [[k, v] for k, v in figures.items()], title="OBELiX, official split")
    return figures


# --------------------------------------------------------------------------- speed, engines


def screening_figures(settings: Settings) -> dict[str, float]:
    """Time from crystals in memory to ranked barriers: hops, features, prediction, on all cores."""
    from ionbridge.applications.screening.model import PropertyModel
    from ionbridge.datasets.readers.materials import read_obelix_structures

    table, _ = barriers(False)
    model = PropertyModel().fit(table.subset(np.arange(0, len(table), 6)) if settings is SMOKE else table)
    crystals = [s for s in read_obelix_structures(data_folder(), "dominant")][: settings.n_screened]
    crystals = (crystals * (settings.n_screened // len(crystals) + 1))[: settings.n_screened]
    start = time.perf_counter()
    used = cpu_seconds()
    n_cores = 1 if settings is SMOKE else min(2, available_cores())
    size = max(1, len(crystals) // (8 * n_cores))
    chunks = {str(i): (crystals[i : i + size],) for i in range(0, len(crystals), size)}
    with open_executor("serial" if n_cores == 1 else None, n_cores if n_cores > 1 else None) as executor:
        found = run_tasks(chunk_of_features, chunks, executor=executor, label="structures")
    rows = np.concatenate(
        [np.asarray(value) for value in found.values() if not isinstance(value, Failure) and len(value)]
    )
    model.strategy_.predict(rows)
    seconds = time.perf_counter() - start
    figures = {
        "screen_1000_seconds": seconds * 1000 / len(crystals),
        "screen_1000_cpu_seconds": (cpu_seconds() - used) * 1000 / len(crystals),
    }
    print(f"\n{len(crystals)} crystals, {len(rows)} hops, {n_cores} cores: {seconds:.1f} s")
    return figures


def chunk_of_features(crystals: list[Any]) -> list[list[float]]:
    """Features of every hop that carries lithium through some crystals."""
    rows = []
    for crystal in crystals:
        paths = percolating_paths(crystal, "Li")
        if paths:
            rows += barrier_table(paths).X.tolist()
    return rows


def engine_figures(names: Sequence[str] | None, cache: Path | None) -> dict[str, float]:
    """CHGNet on LFP and LCO, beside literature; runs that failed are left out."""
    from ionbridge.physics.materials import LITERATURE, literature_check

    figures = literature_check(names, cache=cache, progress=True)
    rows = [
        [name, figures[name], known.value, figures[f"{name}_ratio"], figures[f"{name}_cpu_s"], known.source]
        for name, known in LITERATURE.items()
        if name in figures
    ]
    print_table(
        ["figure", "CHGNet", "literature", "ratio", "CPU-s", "source"],
        rows,
        title="CHGNet beside literature [V, eV]",
    )
    return {f"chgnet_{name}": value for name, value in figures.items()}


if __name__ == "__main__":
    main()
