"""Simulated ageing: what do histories cost, does acceleration hold, and does NMC help to predict LFP?

Histories are `ionbridge.physics.cells.ageing_histories`, the indicators `ionbridge.applications.cell_rom`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")

import numpy as np
from _common import cpu_seconds, parse_arguments, print_table, write_results

from ionbridge.applications.cell_rom.ageing_indicators import AGEING_INDICATORS, indicator_table
from ionbridge.applications.cell_rom.ageing_strategies import RateLawInputs
from ionbridge.execution import SerialExecutor, open_executor
from ionbridge.physics.cells.ageing import AgeingConditions, AgeingHistory, ageing_cell
from ionbridge.physics.cells.ageing_histories import (
    CONDITIONS,
    AgeingHistories,
    ageing_design,
    generate_histories,
)
from ionbridge.studies import StudyDesign, run_study
from ionbridge.transfer import make_strategy

SOURCE, TARGET = "NMC", "LFP"
STRATEGIES = ("auto", "sensitivity_gp", "hierarchical_gp", "source_feature", "source_only")
BASELINES = ("gaussian_process", "linear", "random_forest", "mean")
RAW = "gaussian_process_raw"  # the only one on inputs as they are, not in the coordinates of rate laws
CHECKS = (
    AgeingConditions(),
    AgeingConditions(charge_rate=1.0, temperature=278.15),
    AgeingConditions(
        temperature=318.15, depth_of_discharge=0.6, sei_rate=3.0, cracking_rate=3.0, loss_rate=3.0
    ),
)


@dataclass(frozen=True)
class Settings:
    """What one run covers, frozen before any result is seen.

    Parameters
    ----------
    n_source, n_target, n_test : histories of NMC, of LFP to learn from at most, and further ones of LFP to test on.
    cycles : equivalent cycles of a history.
    n_checks : conditions of `CHECKS` simulated without acceleration as well.
    full_cycles : length of the comparison of these with the full-order model; 0 for none.
    sizes : numbers of target histories learned from.
    n_splits : random choices of them.
    indicators : predicted.
    """

    n_source: int = 300
    n_target: int = 20
    n_test: int = 40
    cycles: float = 500.0
    n_checks: int = 3
    full_cycles: float = 100.0
    sizes: tuple[int, ...] = (3, 5, 10, 20)
    n_splits: int = 10
    indicators: tuple[str, ...] = tuple(AGEING_INDICATORS)


SMOKE = Settings(6, 5, 3, 20.0, 1, 0.0, (3, 5), 2, ("capacity_fade", "sei_growth"))


def generate(
    settings: Settings, folder: Path, seed: int, serial: bool
) -> tuple[dict[str, AgeingHistories], float]:
    """Histories of both chemistries, and the CPU minutes of those that are learned from."""
    made: dict[str, AgeingHistories] = {}
    minutes = 0.0
    numbers = {SOURCE: settings.n_source, TARGET: settings.n_target + settings.n_test}
    for chemistry, n in numbers.items():
        design = ageing_design(n, random_state=seed + len(made) + 1)
        store = folder / f"{chemistry}.tasks"
        resumed, before = store.exists(), cpu_seconds()
        if serial:
            found = generate_histories(
                chemistry, design, equivalent_cycles=settings.cycles, executor=SerialExecutor(), store=store
            )
        else:
            with open_executor() as pool:
                found = generate_histories(
                    chemistry,
                    design,
                    equivalent_cycles=settings.cycles,
                    executor=pool,
                    store=store,
                    progress=True,
                )
        spent = cpu_seconds() - before  # with start of the workers and the compiler
        if resumed:
            spent = float(np.nansum([h.cpu_seconds for h in found.histories]))
        learned = settings.n_source if chemistry == SOURCE else settings.n_target
        minutes += spent / 60.0 * learned / n
        made[chemistry] = found
        print(
            f"{chemistry}: {len(found)} of {n} histories, {len(found.failures)} failed, "
            f"{sum(bool(h.stopped) for h in found.histories)} ended early, {spent / n:.2f} CPU-s each"
            f"{' (resumed: without start of workers and compiler)' if resumed else ''}"
        )
    return made, minutes


def check_scaling(settings: Settings) -> dict[str, float]:
    """Change of every indicator with side reactions ten times as fast, against their own rate [%]."""
    rows: list[tuple[object, ...]] = []
    errors: dict[str, list[float]] = {name: [] for name in ("capacity", *AGEING_INDICATORS)}
    for chemistry in (SOURCE, TARGET):
        for number, conditions in enumerate(CHECKS[: settings.n_checks], start=1):
            fast = ageing_cell(chemistry).run(conditions, settings.cycles, 10.0)
            slow = ageing_cell(chemistry).run(conditions, settings.cycles, 1.0, every=10)
            end, changes = _differences(fast, slow)
            rows.append((chemistry, number, end, *changes.values()))
            for name, value in changes.items():
                errors[name].append(abs(value))
    headers = ["cell", "condition", "cycles", "capacity", *AGEING_INDICATORS]
    print_table(headers, rows, "rates x10 against x1 at the end: error [%]")
    return {f"ageing_rate_scaling_error_pct/{name}": max(found) for name, found in errors.items()}


def check_full_model(settings: Settings) -> dict[str, float]:
    """Reduced model against the full-order one, both with rates x10 [%]."""
    if not settings.full_cycles:
        return {}
    rows: list[tuple[object, ...]] = []
    errors: dict[str, list[float]] = {}
    for chemistry in (SOURCE, TARGET):
        for number, conditions in enumerate(CHECKS[: settings.n_checks], start=1):
            reduced = ageing_cell(chemistry).run(conditions, settings.full_cycles, 10.0)
            full = ageing_cell(chemistry, "DFN").run(conditions, settings.full_cycles, 10.0)
            end, changes = _differences(reduced, full)
            rows.append((chemistry, number, end, reduced.cpu_seconds, full.cpu_seconds, *changes.values()))
            for name, value in changes.items():
                errors.setdefault(f"{name}/{chemistry}", []).append(abs(value))
    headers = ["cell", "condition", "cycles", "SPM CPU-s", "DFN CPU-s", "capacity", *AGEING_INDICATORS]
    print_table(headers, rows, "reduced against full model at the end: error [%]")
    return {f"ageing_spm_vs_dfn_error_pct/{name}": max(found) for name, found in errors.items()}


def _differences(one: AgeingHistory, other: AgeingHistory) -> tuple[float, dict[str, float]]:
    """Last cycle that both reach, and the errors of capacity and indicators there [%]; NaN where that is none."""
    end = min(one.equivalent_cycles[-1], other.equivalent_cycles[-1])
    for history in (one, other):
        if history.stopped:
            print(f"a compared history ends early: {history.stopped}")
    capacity = 100.0 * (one.at("capacity", [end])[0] / other.at("capacity", [end])[0] - 1.0)
    changes = {"capacity": float(capacity)}
    for name, indicator in AGEING_INDICATORS.items():
        values = [indicator.values(h, np.array([end]))[0] for h in (one, other)]
        changes[name] = 100.0 * (values[0] / values[1] - 1.0) if values[1] > indicator.floor else 0.0
    return float(end), changes if end > 0 else dict.fromkeys(changes, np.nan)


def compare(
    histories: dict[str, AgeingHistories], settings: Settings, seed: int, serial: bool
) -> dict[str, float]:
    """Errors of the indicators at the end of the histories, strategies beside target-only baselines."""
    estimators = {name: RateLawInputs(name) for name in (*STRATEGIES, *BASELINES)}
    estimators[RAW] = make_strategy("gaussian_process")
    figures: dict[str, float] = {}
    rows: list[tuple[object, ...]] = []
    inside: dict[int, list[float]] = {size: [] for size in settings.sizes}
    worse: list[str] = []
    for name in settings.indicators:
        source, target = (indicator_table(histories[c], name, settings.cycles) for c in (SOURCE, TARGET))
        design = StudyDesign(
            output="end",
            inputs=tuple(item.name for item in CONDITIONS.values()),
            strategies=STRATEGIES,
            baselines=(*BASELINES, RAW),
            target_sizes=settings.sizes,
            n_splits=settings.n_splits,
            test_fraction=1.0 - settings.n_target / len(target),
            random_state=seed,
        )
        if serial:
            result = run_study(source, target, design, strategies=estimators)
        else:
            with open_executor() as pool:
                result = run_study(
                    source, target, design, strategies=estimators, executor=pool, progress=True
                )
        for size in settings.sizes:
            errors = result.trials[result.trials["size"] == str(size)].pivot_table(
                index="split", columns="strategy", values="mape"
            )
            rows.append((name, size, *(float(errors[key].mean()) for key in estimators)))
            figures |= {f"ageing_mape/{name}/{size}/{key}": errors[key].mean() for key in estimators}
            best = errors[[*BASELINES, RAW]].mean().idxmin()
            change = errors["auto"] - errors[best]
            if change.mean() > change.std(ddof=1) / np.sqrt(len(change)):
                worse.append(f"{name} with {size} histories ({best})")
            used = result.predictions.query(
                "strategy == 'auto' and size == @text", local_dict={"text": str(size)}
            )
            inside[size] += (
                (used["lower"] <= used["observed"]) & (used["observed"] <= used["upper"])
            ).tolist()
    headers = ["indicator", "histories", *estimators]
    print_table(headers, rows, "MAPE after the last cycle, mean of the splits [%]")
    for size in settings.sizes:
        here = [row for row in rows if row[1] == size]
        for key, column in zip(estimators, zip(*(row[2:] for row in here), strict=True), strict=True):
            figures[f"ageing_mape/mean/{size}/{key}"] = float(np.mean(np.array(column, dtype=float)))
        figures[f"ageing_coverage_90/{size}"] = float(np.mean(inside[size]))
    means = [
        (size, *(figures[f"ageing_mape/mean/{size}/{key}"] for key in estimators)) for size in settings.sizes
    ]
    print_table(["histories", *estimators], means, "mean of the indicators [%]")
    print_table(
        ["histories", "coverage"],
        [(size, figures[f"ageing_coverage_90/{size}"]) for size in settings.sizes],
        "coverage of the 90 % intervals of auto [-]",
    )
    figures["ageing_coverage_90"] = float(np.mean([v for found in inside.values() for v in found]))
    figures["ageing_auto_worse_than_target_only"] = len(worse)
    print(
        f"\nauto is worse than the best target-only baseline by over one standard error in {len(worse)} of {len(rows)}"
    )
    for text in worse:
        print(f"  {text}")
    return figures


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=Path, help="folder of finished histories, to resume from")
    parser.add_argument("--splits", type=int, help="random choices of target histories")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all parts, print their tables, write the figures."""
    given = parse_arguments(__doc__ or "", arguments, _more)
    if importlib.util.find_spec("pybamm") is None:
        print("skipped: PyBaMM is not installed (extra: cells)")
        return 0
    settings = SMOKE if given.smoke else Settings()
    if given.splits:
        settings = replace(settings, n_splits=given.splits)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        histories, minutes = generate(settings, folder, given.seed, given.smoke)
    figures = {
        "ageing_generation_cpu_minutes": minutes,
        **check_scaling(settings),
        **check_full_model(settings),
    }
    print(
        f"{settings.n_source} + {settings.n_target} histories of {settings.cycles:g} equivalent cycles: "
        f"{minutes:.1f} CPU-minutes (asked: at most 10 for 300 + 20 of 500)"
    )
    figures |= compare(histories, settings, given.seed, given.smoke)
    write_results(given.out, figures, settings=vars(settings), smoke=given.smoke, seed=given.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
