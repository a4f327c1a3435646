"""How fast is the batched engine, and is it as accurate as training one network after the other?

A study of 20 splits x 10 seeds x 6 network strategies through the engine, and the published recipe
(6-64-64-1, ReLU, MAPE loss, Adam, 250 epochs, batches of 32) by the engine, by automatic
differentiation of the same stack, by a plain torch loop and by Keras: same rows, same start, one run.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from _common import cpu_seconds, parse_arguments, peak_memory_GiB, print_table, write_results
from torch import nn

from ionbridge.models.engine import (
    StackedMLP,
    StackedTorchModule,
    TrainingSettings,
    predict_stack,
    train_stack,
)
from ionbridge.physics.line_designs import generate_published_tables
from ionbridge.transfer import TransferProblem, fit_many, make_strategy
from ionbridge.transfer.networks import NetworkTransfer, prepare_sources

STRATEGIES = (
    "network",
    "published_recipe",
    "frozen_adapter",
    "head_retraining",
    "fine_tuning",
    "film_adapter",
)
INPUTS = (
    "active_material_fraction",
    "solid_content",
    "coating_speed",
    "comma_gap",
    "roll_speed",
    "roll_gap",
)
OUTPUT = "density"
HIDDEN, LEARNING_RATE = (64, 64), 1e-3
KERAS, KERAS_ONE = "Keras (torch), its default threads", "Keras (torch), one thread"
Array = np.ndarray


@dataclass(frozen=True)
class Settings:
    """What one run covers.

    Parameters
    ----------
    n_splits, n_seeds : of the study; every strategy is fitted to each pair.
    epochs : of the recipe; None keeps each strategy's own, for the study.
    n_stacked : networks of the recipe that the engine trains for the comparison.
    n_single : networks of the recipe trained one by one, by Keras and by the plain loop.
    default_keras_epochs : over which Keras with its default number of threads is timed.
    """

    n_splits: int = 20
    n_seeds: int = 10
    epochs: int = 250
    study_epochs: int | None = None
    n_stacked: int = 256
    n_single: int = 6
    default_keras_epochs: int = 25


FULL = Settings()
SMOKE = Settings(
    n_splits=2, n_seeds=2, epochs=10, study_epochs=20, n_stacked=64, n_single=1, default_keras_epochs=2
)


@dataclass(frozen=True)
class Split:
    """Training and test rows of one domain."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array


@dataclass(frozen=True)
class Timed:
    """Cost and error of one way to train the recipe."""

    seconds_per_network: float
    errors: Array | None
    n_networks: int


def splits_of(chemistry: str, n_splits: int, seed: int) -> list[Split]:
    """Random 70/30 splits of the simulated line's table of one chemistry."""
    table = generate_published_tables(seed)[chemistry]
    X, y = table.values(INPUTS), table.column(OUTPUT)
    found = []
    for number in range(n_splits):
        order = np.random.default_rng([seed, number]).permutation(len(y))
        train, test = np.split(order, [int(0.7 * len(y))])
        found.append(Split(X[train], y[train], X[test], y[test]))
    return found


def mape(predicted: Array, y: Array) -> float:
    """Mean absolute percentage error [%]."""
    return float(100.0 * np.mean(np.abs(predicted / y - 1.0)))


# ------------------------------------------------------------------------- the recipe, four ways


def scaled(split: Split) -> tuple[Array, Array]:
    """Inputs z-scored by the training rows, (n_train, 6) and (n_test, 6), float32."""
    mean, scale = split.X.mean(axis=0), split.X.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return ((split.X - mean) / scale).astype(np.float32), ((split.X_test - mean) / scale).astype(np.float32)


def learned_rows(split: Split) -> slice:
    """The 90 % of training rows that the recipe learns from; the rest is for validation."""
    return slice(0, round(0.9 * len(split.y)))


def by_engine(splits: Sequence[Split], n_networks: int, epochs: int, *, autograd: bool = False) -> Timed:
    """Train networks 0 to n - 1, network i on split i modulo the number of splits, as one stack."""
    mlp = StackedMLP(len(INPUTS), HIDDEN)
    module = StackedTorchModule(_torch_network()) if autograd else mlp
    owner = [splits[i % len(splits)] for i in range(n_networks)]
    pairs = {id(split): scaled(split) for split in splits}
    rows = learned_rows(splits[0])
    X = np.stack([pairs[id(split)][0][rows] for split in owner])
    y = np.stack([split.y[rows] for split in owner])
    settings = TrainingSettings(epochs=epochs, batch_size=32, loss="mape")
    initial = mlp.initialise(range(n_networks))
    if autograd:
        initial = np.concatenate([_torch_order(mlp, row) for row in initial]).reshape(n_networks, -1)
    start = cpu_seconds()
    trained = train_stack(
        module, X, y, seeds=range(n_networks), settings=settings, learning_rate=LEARNING_RATE, initial=initial
    )
    seconds = (cpu_seconds() - start) / n_networks
    errors = [
        mape(
            predict_stack(module, trained.parameters[i : i + 1], pairs[id(split)][1])[0, :, 0].astype(float),
            split.y_test,
        )
        for i, split in enumerate(owner)
    ]
    return Timed(seconds, np.array(errors), n_networks)


def _torch_network() -> nn.Sequential:
    first, second = HIDDEN
    return nn.Sequential(
        nn.Linear(len(INPUTS), first),
        nn.ReLU(),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, 1),
    )


def _torch_order(mlp: StackedMLP, row: Array) -> Array:
    """Parameters of one perceptron in the order of `_torch_network`, whose weights are (out, in)."""
    return np.concatenate([values.T.reshape(-1) for values in mlp.split(row).values()])


def by_torch_loop(splits: Sequence[Split], n_networks: int, epochs: int) -> Timed:
    """Train the same networks one by one, the way a torch tutorial does."""
    mlp, errors, seconds = StackedMLP(len(INPUTS), HIDDEN), [], 0.0
    for i in range(n_networks):
        split = splits[i % len(splits)]
        rows, (X_train, X_test) = learned_rows(split), scaled(split)
        X, y = torch.tensor(X_train[rows]), torch.tensor(split.y[rows], dtype=torch.float32)[:, None]
        network = _torch_network()
        nn.utils.vector_to_parameters(
            torch.tensor(_torch_order(mlp, mlp.initialise([i])[0])), network.parameters()
        )
        optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        start = cpu_seconds()
        for _ in range(epochs):
            for batch in torch.randperm(len(y)).split(32):
                optimiser.zero_grad()
                loss = 100.0 * ((network(X[batch]) - y[batch]) / y[batch]).abs().mean()
                loss.backward()
                optimiser.step()
        seconds += cpu_seconds() - start
        with torch.no_grad():
            errors.append(mape(network(torch.tensor(X_test)).numpy()[:, 0].astype(float), split.y_test))
    return Timed(seconds / n_networks, np.array(errors), n_networks)


def by_keras(splits: Sequence[Split], n_networks: int, epochs: int, n_threads: int = 1) -> Timed:
    """Train the same networks one by one with ``keras.Model.fit``; building them is not counted."""
    import keras

    torch.set_num_threads(n_threads)

    mlp, errors, seconds = StackedMLP(len(INPUTS), HIDDEN), [], 0.0
    for i in range(n_networks):
        keras.utils.set_random_seed(i)
        split = splits[i % len(splits)]
        rows, (X_train, X_test) = learned_rows(split), scaled(split)
        layers = [keras.layers.Dense(width, activation="relu") for width in HIDDEN]
        model = keras.Sequential([keras.Input((len(INPUTS),)), *layers, keras.layers.Dense(1)])
        model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mape")
        model.set_weights(list(mlp.split(mlp.initialise([i])[0]).values()))
        start = cpu_seconds()
        model.fit(X_train[rows], split.y[rows], epochs=epochs, batch_size=32, verbose=0)
        seconds += cpu_seconds() - start
        errors.append(mape(model.predict(X_test, verbose=0)[:, 0].astype(float), split.y_test))
    torch.set_num_threads(1)
    return Timed(seconds / n_networks, np.array(errors), n_networks)


def compare_recipe(settings: Settings, seed: int) -> dict[str, float]:
    """Time the recipe each way and print the table; return its figures."""
    splits = splits_of("graphite", settings.n_single, seed)
    for warm in (False, True):  # first calls load libraries
        by_engine(splits, 2, 2, autograd=warm)
    ours = by_engine(splits, settings.n_stacked, settings.epochs)
    timed = {
        "batched engine": ours,
        "batched engine, any torch module": by_engine(
            splits, min(64, settings.n_stacked), settings.epochs, autograd=True
        ),
        "plain torch loop": by_torch_loop(splits, settings.n_single, settings.epochs),
    }
    if importlib.util.find_spec("keras") is None:
        print("\nKeras is not installed, its rows are left out; to have them: pip install 'keras>=3.5'")
    else:
        by_keras(splits, 1, 1)
        timed[KERAS_ONE] = by_keras(splits, settings.n_single, settings.epochs)
        short = settings.default_keras_epochs
        default = by_keras(splits, 1, short, n_threads=os.cpu_count() or 1)
        scaled_up = default.seconds_per_network * settings.epochs / short
        timed[KERAS] = replace(default, seconds_per_network=scaled_up, errors=None)
    same = slice(0, settings.n_single)
    print_table(
        ["recipe trained by", "networks", "CPU-s a network", "times ours", "MAPE % (same starts)", "all"],
        [
            [
                name,
                t.n_networks,
                t.seconds_per_network,
                t.seconds_per_network / ours.seconds_per_network,
                None if t.errors is None else t.errors[same].mean(),
                None if t.errors is None else t.errors.mean(),
            ]
            for name, t in timed.items()
        ],
        f"The recipe: {learned_rows(splits[0]).stop} rows of the simulated graphite line, {settings.epochs} epochs",
    )
    return recipe_figures(timed, same)


def recipe_figures(timed: dict[str, Timed], same: slice) -> dict[str, float]:
    """Figures of the comparison; those against Keras only where it ran."""
    ours = timed["batched engine"]
    figures = {"seconds_per_network": ours.seconds_per_network}
    if KERAS not in timed:
        return figures
    print(
        f"'{KERAS}' is timed over a few epochs and scaled up. On matrices this small its threads mostly wait "
        f"for each other, on a busy machine far more; '{KERAS_ONE}' is free of that."
    )
    for key, name in (("keras", KERAS), ("keras_one_thread", KERAS_ONE)):
        figures[f"seconds_per_network_{key}"] = timed[name].seconds_per_network
        figures[f"speedup_per_network_vs_{key}"] = timed[name].seconds_per_network / ours.seconds_per_network
    errors = timed[KERAS_ONE].errors
    assert errors is not None
    assert ours.errors is not None
    figures["error_ratio_vs_keras"] = ours.errors[same].mean() / errors.mean()
    figures["error_ratio_vs_keras_all_starts"] = ours.errors.mean() / errors.mean()
    return figures


# ------------------------------------------------------------------------------------- the study


def strategies(settings: Settings) -> dict[str, NetworkTransfer]:
    """The six strategies, one network a fit and no folds, as in the published study.

    Network transfer without a source is the network trained on the target alone.
    """
    made = {name: make_strategy("fine_tuning" if name == "network" else name) for name in STRATEGIES}
    for strategy in made.values():
        strategy.set_params(n_members=1, n_folds=0)
        if settings.study_epochs is not None:
            short = {k: settings.study_epochs for k in strategy.get_params() if k.endswith("epochs")}
            strategy.set_params(**short)
    return made


@contextmanager
def _counted(into: list[float]) -> Iterator[None]:
    start = cpu_seconds()
    yield
    into.append(cpu_seconds() - start)


def run_study(settings: Settings, seed: int) -> dict[str, float]:
    """Fit every strategy to every split and seed and print the table; return its figures."""
    n_trials = settings.n_splits * settings.n_seeds
    source_splits = splits_of("graphite", settings.n_splits, seed)
    target_splits = splits_of("nmc", settings.n_splits, seed)
    trials = [(i, i // settings.n_seeds) for i in range(n_trials)]
    problems = [
        TransferProblem(
            X_source=source_splits[split].X,
            y_source=source_splits[split].y,
            X_target=target_splits[split].X,
            y_target=target_splits[split].y,
            shared=np.ones(len(INPUTS), dtype=bool),
            random_state=seed + trial,
        )
        for trial, split in trials
    ]
    fit_many(strategies(SMOKE)["frozen_adapter"], problems[:1])  # first calls load libraries
    seconds: list[float] = []
    rows, sources, n_fits = [], {}, 0
    for name, strategy in strategies(settings).items():
        if name == "network":
            none = problems[0].X_source[:0]
            given = [replace(p, X_source=none, y_source=none[:, 0]) for p in problems]
        else:
            key = strategy.source_key()
            if key not in sources:
                data = [(p.X_source, p.y_source) for p in problems]
                with _counted(seconds):
                    sources[key] = prepare_sources(strategy, data, [p.random_state for p in problems])
                n_fits += n_trials
                rows.append([f"source networks of {name}", n_trials, seconds[-1], None])
            given = [replace(p, source_model=m) for p, m in zip(problems, sources[key], strict=True)]
        with _counted(seconds):
            fitted = fit_many(strategy, given)
        n_fits += n_trials
        errors = [
            mape(model.predict(target_splits[split].X_test), target_splits[split].y_test)
            for model, (_, split) in zip(fitted, trials, strict=True)
        ]
        rows.append([name, n_trials, seconds[-1], float(np.mean(errors))])
    rows.append(["all", n_fits, sum(seconds), None])
    print_table(
        ["strategy", "networks", "CPU-s", "mean test MAPE %"],
        rows,
        f"Study: {settings.n_splits} splits x {settings.n_seeds} seeds, density, simulated graphite -> NMC "
        f"({len(problems[0].y_target)} target rows), one network a fit",
    )
    return {"study_cpu_seconds": sum(seconds), "study_networks": float(n_fits)}


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments(__doc__ or "")
    settings = SMOKE if arguments.smoke else FULL
    torch.set_num_threads(1)
    parts: list[Callable[[Settings, int], dict[str, float]]] = [run_study, compare_recipe]
    figures: dict[str, float] = {}
    for part in parts:
        figures |= part(settings, arguments.seed)
        figures.setdefault("study_peak_memory_GiB", peak_memory_GiB())
    figures["peak_memory_GiB"] = peak_memory_GiB()
    print(f"\npeak memory {figures['peak_memory_GiB']:.2f} GiB")
    write_results(arguments.out, figures, benchmark="engine", seed=arguments.seed, smoke=arguments.smoke)


if __name__ == "__main__":
    main()
