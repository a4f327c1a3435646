"""Are Shapley values exact for every kind of model, and quick enough to look at while waiting?

63 rows with 6 inputs of the simulated electrode line; each value is compared with a plain
enumeration written here, and with the `shap` package.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _common import cpu_seconds, parse_arguments, print_table, write_results

from ionbridge.exceptions import PluginError
from ionbridge.physics.line_designs import generate_published_tables
from ionbridge.quantities import quantity
from ionbridge.studies.explanation import explain
from ionbridge.transfer import TransferModel, strategy_names

INPUTS = ("active_material_fraction", "solid_content", "coating_speed", "comma_gap", "roll_speed", "roll_gap")
OUTPUT = "density"
SMOKE_STRATEGIES = ("auto", "gaussian_process", "hierarchical_gp", "linear", "random_forest")
N_ENUMERATED, N_ENUMERATED_SMOKE = 10, 3  # rows compared with the plain enumeration


def enumerated(
    predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, background: np.ndarray
) -> np.ndarray:
    """Shapley values of one row, coalition by coalition; shape (n_features,)."""
    everyone = range(len(x))

    def worth(coalition: tuple[int, ...]) -> float:
        rows = background.copy()
        rows[:, list(coalition)] = x[list(coalition)]
        return float(predict(rows).mean())

    worths = {c: worth(c) for size in range(len(x) + 1) for c in combinations(everyone, size)}
    values = np.zeros(len(x))
    for j in everyone:
        for coalition in (c for c in worths if j not in c):
            gain = worths[tuple(sorted((*coalition, j)))] - worths[coalition]
            values[j] += gain / (len(x) * comb(len(x) - 1, len(coalition)))
    return values


def shap_values(
    predict: Callable[[np.ndarray], np.ndarray], X: np.ndarray, background: np.ndarray
) -> np.ndarray:
    """The same by ``shap.ExactExplainer``, shape (n_rows, n_features)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    return np.asarray(shap.ExactExplainer(predict, masker)(X, silent=True).values)


def measure(name: str, seed: int, n_enumerated: int) -> dict[str, float]:
    """Fit one strategy from graphite to NMC and explain every target row."""
    tables = generate_published_tables(seed)
    model = TransferModel(tuple(map(quantity, INPUTS)), quantity(OUTPUT), name, random_state=seed)
    model.fit(tables["nmc"], tables["graphite"])
    start = cpu_seconds()
    found = explain(model)
    seconds = cpu_seconds() - start
    # the line has few levels a setting, so that many mixed rows are equal; without equal values:
    X = model.X_target_ * (1 + 1e-6 * np.random.default_rng(seed).random(model.X_target_.shape))
    start = cpu_seconds()
    explain(model, X, background=X)
    seconds_distinct = cpu_seconds() - start
    rows = np.linspace(0, len(found.X) - 1, n_enumerated).astype(int)
    expected = np.array([enumerated(model.predict_mean, found.X[i], found.background) for i in rows])
    start = cpu_seconds()
    by_shap = shap_values(model.predict_mean, found.X, found.background)
    shap_seconds = cpu_seconds() - start
    return {
        "seconds": max(seconds, seconds_distinct),
        "seconds_levels": seconds,
        "difference": float(np.abs(found.values[rows] - expected).max()),
        "shap_difference": float(np.abs(found.values - by_shap).max()),
        "shap_seconds": shap_seconds,
        "sum_error": float(np.abs(found.predictions - model.predict_mean(found.X)).max()),
        "n_background": len(found.background),
        "n_rows": len(found.X),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    options = parse_arguments(__doc__ or "", arguments)
    names = SMOKE_STRATEGIES if options.smoke else strategy_names()
    shap_values(lambda rows: rows[:, 0], np.eye(4), np.zeros((2, 4)))  # shap compiles its kernels here
    found, left_out = {}, []
    for name in names:
        try:
            found[name] = measure(name, options.seed, N_ENUMERATED_SMOKE if options.smoke else N_ENUMERATED)
        except PluginError as error:
            left_out.append(f"{name}: {error}")
    rows = [
        [
            name,
            f["seconds_levels"],
            f["seconds"],
            f["difference"],
            f["shap_difference"],
            f["sum_error"],
            f["shap_seconds"],
        ]
        for name, f in found.items()
    ]
    first = next(iter(found.values()))
    print_table(
        [
            "model",
            "CPU s",
            "CPU s no levels",
            "max |Δ| enumeration",
            "max |Δ| shap",
            "max |Δ| sum",
            "CPU s shap",
        ],
        rows,
        f"Shapley values of {first['n_rows']} rows × {len(INPUTS)} inputs, {first['n_background']} background "
        f"rows, output {OUTPUT} [g/cm³] (limits: 1e-6 and 1 s)",
    )
    for line in left_out:
        print(f"left out: {line}")
    figures = {
        "max_abs_difference": max(f["difference"] for f in found.values()),
        "max_abs_difference_shap": max(f["shap_difference"] for f in found.values()),
        "seconds_63x6": max(f["seconds"] for f in found.values()),
    }
    for name, f in found.items():
        figures[f"seconds_63x6/{name}"] = f["seconds"]
        figures[f"max_abs_difference/{name}"] = f["difference"]
    write_results(options.out, figures, seed=options.seed, is_smoke=options.smoke)


if __name__ == "__main__":
    main()
