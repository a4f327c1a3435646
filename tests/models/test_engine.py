"""The batched engine: right gradients, members independent of their company, early stopping, frozen parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ionbridge.exceptions import (
    ConfigurationError,
    ConvergenceError,
    InsufficientDataError,
    IonBridgeError,
    ShapeError,
    UnknownNameError,
)
from ionbridge.models.engine import (
    StackedFunction,
    StackedMLP,
    StackedTorchModule,
    TrainingSettings,
    predict_stack,
    runtime,
    train_stack,
)
from ionbridge.models.engine.losses import LOSSES, Huber, make_loss

SHORT = TrainingSettings(epochs=6, batch_size=8)


def rows(n_rows: int = 21, n_features: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n_rows, n_features))
    return X, 3.0 + np.tanh(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2]


def reference_forward(module: StackedMLP, blocks: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    functions = {"relu": torch.relu, "tanh": torch.tanh, "silu": nn.functional.silu}
    for i, name in enumerate(module.activations):
        x = x @ blocks[f"hidden{i}.weight"] + blocks[f"hidden{i}.bias"][:, None]
        if module.film:
            x = x * blocks[f"hidden{i}.scale"][:, None] + blocks[f"hidden{i}.shift"][:, None]
        x = functions[name](x)
    return x @ blocks["output.weight"] + blocks["output.bias"][:, None]


@pytest.mark.parametrize("film", [False, True], ids=["plain", "film"])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "silu", ("tanh", "relu")], ids=str)
def test_hand_written_gradients_equal_automatic_ones(activation, n_outputs, film):
    module = StackedMLP(3, (5, 4), n_outputs, activation=activation, film=film)
    generator = torch.Generator().manual_seed(0)
    values = {b.name: torch.randn(2, *b.shape, generator=generator) for b in module.blocks}
    leaves = {name: v.clone().requires_grad_() for name, v in values.items()}
    written = {name: torch.zeros_like(v) for name, v in values.items()}
    x = torch.randn(2, 7, 3, generator=generator)
    slope = torch.randn(2, 7, n_outputs, generator=generator)
    bound = module.bind(values, written, frozenset(values))
    outputs = bound.forward(x).clone()
    expected = reference_forward(module, leaves, x)
    expected.backward(slope)
    bound.backward(slope)
    torch.testing.assert_close(outputs, expected.detach())
    for name, leaf in leaves.items():
        torch.testing.assert_close(written[name], leaf.grad, msg=name)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_written_loss_gradients_equal_automatic_ones(name):
    loss, generator = make_loss(name), torch.Generator().manual_seed(1)
    outputs = torch.randn(2, 5, 2 * loss.n_outputs_per_target, generator=generator, requires_grad=True)
    y = torch.randn(2, 5, 2, generator=generator)
    weights = torch.rand(2, 5, 1, generator=generator)
    (loss.values(outputs, y) * weights[..., 0]).sum().backward()
    written = loss.gradient(outputs.detach(), y, loss.row_scale(y, weights))
    torch.testing.assert_close(written, outputs.grad)


def test_training_equals_a_plain_torch_loop():
    X, y = rows()
    module, seed = StackedMLP(3, (8,)), 5
    trained = train_stack(module, X, y, seeds=[seed], settings=SHORT, learning_rate=0.01)
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    start = module.split(module.initialise([seed])[0])
    with torch.no_grad():
        for layer, name in ((network[0], "hidden0"), (network[2], "output")):
            layer.weight.copy_(torch.tensor(start[f"{name}.weight"].T))
            layer.bias.copy_(torch.tensor(start[f"{name}.bias"]))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    order, losses = np.random.default_rng([1, seed]), []
    inputs, targets = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
    orders = order.permuted(np.tile(np.arange(len(y)), (SHORT.epochs, 1)), axis=1)
    for permutation in orders:
        seen = 0.0
        for start_row in range(0, len(y), 8):
            batch = permutation[start_row : start_row + 8]
            loss = (network(inputs[batch]) - targets[batch]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            seen += loss.item() * len(batch)
        losses.append(seen / len(y))
    np.testing.assert_allclose(trained.loss_history[0], losses, rtol=1e-4)
    predicted = predict_stack(module, trained.parameters, X)[0]
    np.testing.assert_allclose(predicted, network(inputs).detach().numpy(), rtol=1e-3, atol=1e-4)


def test_plain_optimiser_equals_the_fused_one(monkeypatch):
    X, y = rows()
    module = StackedMLP(3, (8,))
    fused = train_stack(module, X, y, seeds=[0, 1], settings=SHORT)
    monkeypatch.setattr(runtime, "_fused_adam", None)
    plain = train_stack(module, X, y, seeds=[0, 1], settings=SHORT)
    np.testing.assert_allclose(plain.parameters, fused.parameters, atol=2e-5)


@pytest.mark.parametrize("batch_size", [8, None], ids=["minibatches", "full batch"])
@pytest.mark.parametrize("chunk_size", [1, 2, 16])
def test_result_of_a_member_does_not_depend_on_its_company(chunk_size, batch_size):
    X, y = rows()
    counts, rates, seeds = [5, 21, 13, 21, 8], np.array([0.01, 0.003, 0.01, 0.01, 0.02]), [7, 8, 9, 10, 11]
    masks = np.stack([np.arange(len(y)) < count for count in counts])
    module = StackedMLP(3, (8, 8), activation="tanh")
    settings = TrainingSettings(epochs=15, batch_size=batch_size, chunk_size=chunk_size)
    together = train_stack(
        module, X, y, seeds=seeds, settings=settings, learning_rate=rates, train_mask=masks
    )
    for i, count in enumerate(counts):
        alone = train_stack(
            module, X[:count], y[:count], seeds=[seeds[i]], settings=settings, learning_rate=rates[i]
        )
        np.testing.assert_allclose(together.parameters[i], alone.parameters[0], atol=1e-4)
        np.testing.assert_allclose(together.loss_history[i], alone.loss_history[0], rtol=1e-3)


def test_inputs_of_each_member_equal_shared_inputs():
    X, y = rows()
    module = StackedMLP(3, (8,))
    shared = train_stack(module, X, y, seeds=[0, 1], settings=SHORT)
    own = train_stack(module, np.stack([X, X]), np.stack([y, y]), seeds=[0, 1], settings=SHORT)
    np.testing.assert_allclose(own.parameters, shared.parameters, atol=1e-5)


def test_early_stopping_restores_the_best_parameters_and_compacting_changes_nothing():
    X, y = rows(40)
    validation = np.arange(40) % 4 == 0
    settings = TrainingSettings(epochs=80, batch_size=8, patience=5)
    module, rates = StackedMLP(3, (16,)), np.array([0.1, 0.03, 1e-3, 0.05])
    together = train_stack(
        module, X, y, seeds=range(4), settings=settings, learning_rate=rates, validation_mask=validation
    )
    assert len(set(together.stopped_epoch.tolist())) > 1
    for i in range(4):
        alone = train_stack(
            module, X, y, seeds=[i], settings=settings, learning_rate=rates[i], validation_mask=validation
        )
        assert alone.stopped_epoch[0] == together.stopped_epoch[i]
        np.testing.assert_allclose(together.parameters[i], alone.parameters[0], atol=1e-3)
        history = together.validation_history[i]
        best = int(together.best_epoch[i])
        assert np.nanargmin(history) == best - 1
        assert np.isnan(together.loss_history[i, together.stopped_epoch[i] :]).all()
        outputs = predict_stack(module, together.parameters[i : i + 1], X[validation])[0, :, 0]
        assert np.mean((outputs - y[validation]) ** 2) == pytest.approx(history[best - 1], rel=1e-3)


def test_histories_of_chunks_that_stop_at_different_epochs_are_padded():
    X, y = rows(40)
    settings = TrainingSettings(epochs=60, batch_size=None, patience=4, check_every=2, chunk_size=1)
    trained = train_stack(
        StackedMLP(3, (8,)),
        X,
        y,
        seeds=[0, 1],
        settings=settings,
        learning_rate=[0.3, 1e-3],
        validation_mask=np.arange(40) % 4 == 0,
    )
    assert trained.stopped_epoch[0] < trained.stopped_epoch[1] == 60
    assert np.isfinite(trained.loss_history).sum(axis=1).tolist() == trained.stopped_epoch.tolist()
    assert (
        np.isfinite(trained.validation_history).sum(axis=1).tolist() == (trained.stopped_epoch // 2).tolist()
    )


def test_frozen_parameters_stay_and_differ_between_members():
    X, y = rows()
    module = StackedMLP(3, (8, 8), film=True)
    head = module.mask("output.weight", "output.bias")
    trainable = np.stack([head, np.ones_like(head), ~head])
    start = module.initialise([0, 1, 2])
    trained = train_stack(module, X, y, seeds=[0, 1, 2], settings=SHORT, initial=start, trainable=trainable)
    changed = trained.parameters != start
    assert not changed[~trainable].any()
    assert changed[0, head].all()
    alone = train_stack(module, X, y, seeds=[0], settings=SHORT, initial=start[:1], trainable=head)
    np.testing.assert_allclose(alone.parameters[0], trained.parameters[0], atol=1e-5)


def test_anchor_holds_parameters_near_the_source_and_decay_near_zero():
    X, y = rows()
    module = StackedMLP(3, (8,))
    start = module.initialise([0, 0, 0]) + 0.3
    settings = TrainingSettings(epochs=60)
    trained = train_stack(
        module, X, y, seeds=[0] * 3, settings=settings, initial=start, anchor_strength=[0.0, 1.0, 1e3]
    )
    distance = np.linalg.norm(trained.parameters - start, axis=1)
    assert distance[0] > distance[1] > 10 * distance[2]
    decayed = train_stack(
        module, X, y, seeds=[0], settings=TrainingSettings(epochs=60, weight_decay=1.0), initial=start[:1]
    )
    assert np.linalg.norm(decayed.parameters) < np.linalg.norm(trained.parameters[0])


def test_adapter_starts_as_the_identity():
    X, _ = rows()
    for activation in ("relu", "tanh", "silu"):
        module = StackedMLP(3, (8, 6), activation=activation)
        parameters = module.initialise([0, 1])
        deeper, adapted = module.with_adapter(parameters)
        assert deeper.hidden == (8, 6, 6)
        np.testing.assert_allclose(
            predict_stack(deeper, adapted, X), predict_stack(module, parameters, X), atol=1e-5
        )


def test_any_torch_module_trains_like_the_perceptron():
    X, y = rows()
    module = StackedMLP(3, (8,))
    stacked = StackedTorchModule(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)))
    start = module.split(module.initialise([0, 1]))
    names = ("hidden0.weight", "hidden0.bias", "output.weight", "output.bias")
    initial = np.concatenate([np.swapaxes(start[name], 1, -1).reshape(2, -1) for name in names], axis=1)
    other = train_stack(stacked, X, y, seeds=[0, 1], settings=SHORT, initial=initial)
    ours = train_stack(module, X, y, seeds=[0, 1], settings=SHORT)
    np.testing.assert_allclose(other.loss_history, ours.loss_history, rtol=1e-4)


def test_convolutions_over_signals_train():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(24, 2, 10))
    y = X[:, 0].mean(axis=1)
    network = nn.Sequential(nn.Conv1d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(32, 1))
    module = StackedTorchModule(network, n_input_axes=2)
    settings = TrainingSettings(epochs=60, batch_size=8)
    trained = train_stack(module, X, y, seeds=[0, 1], settings=settings, learning_rate=0.01)
    assert (trained.loss_history[:, -1] < 0.2 * trained.loss_history[:, 0]).all()
    assert not np.array_equal(*module.initialise([0, 1]))


def test_stacked_function_trains():
    X, _ = rows()
    module = StackedFunction(
        lambda blocks, x: x @ blocks["slope"].unsqueeze(-1) + blocks["offset"][:, None],
        {"slope": (3,), "offset": (1,)},
        lambda generator: {"slope": generator.normal(size=3), "offset": np.zeros(1)},
    )
    target = X @ [1.0, -2.0, 0.5] + 4.0
    settings = TrainingSettings(epochs=300, schedule="cosine")
    trained = train_stack(module, X, target, seeds=[0], settings=settings, learning_rate=0.1)
    np.testing.assert_allclose(trained.parameters[0], [1.0, -2.0, 0.5, 4.0], atol=0.02)


def test_gaussian_likelihood_learns_mean_and_spread():
    generator = np.random.default_rng(0)
    y = 2.0 + 0.5 * generator.normal(size=400)
    settings = TrainingSettings(epochs=150, batch_size=None, loss="gaussian_nll")
    trained = train_stack(
        StackedMLP(1, (), 2), np.zeros((400, 1)), y, seeds=[0], settings=settings, learning_rate=0.05
    )
    mean, log_variance = trained.parameters[0, 2:]
    assert mean == pytest.approx(y.mean(), abs=0.02)
    assert np.exp(0.5 * log_variance) == pytest.approx(y.std(), rel=0.05)


def test_threads_and_denormals_are_as_before():
    X, y = rows()
    before = torch.get_num_threads()
    with runtime.single_thread():
        assert torch.get_num_threads() == 1
        assert (torch.tensor(1e-40) * 1.0).item() == 0.0
    train_stack(StackedMLP(3, (4,)), X, y, seeds=[0], settings=TrainingSettings(epochs=1))
    assert torch.get_num_threads() == before
    assert (torch.tensor(1e-40) * 1.0).item() != 0.0


@pytest.mark.gpu
def test_cuda_equals_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    X, y = rows()
    module = StackedMLP(3, (8,))
    cpu = train_stack(module, X, y, seeds=[0, 1], settings=SHORT)
    settings = TrainingSettings(epochs=6, batch_size=8, device="cuda")
    cuda = train_stack(module, X, y, seeds=[0, 1], settings=settings)
    np.testing.assert_allclose(cuda.loss_history, cpu.loss_history, rtol=1e-3)


X0, Y0 = rows(4)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"X": np.zeros(4)}, ShapeError, "'X' of train_stack must have 2 axes"),
        ({"X": np.zeros((3, 4, 3))}, ShapeError, r"2 members first; got shape \(3, 4, 3\)"),
        ({"y": np.zeros(5)}, ShapeError, r"'y' of train_stack must have shape \(4,\)"),
        ({"seeds": []}, ConfigurationError, "at least one member"),
        ({"learning_rate": 0.0}, ConfigurationError, "'learning_rate' .* above 0"),
        ({"train_mask": np.zeros(4, dtype=bool)}, InsufficientDataError, "member 0 .* no row"),
        ({"train_mask": np.ones(4)}, ShapeError, "'train_mask' .* boolean"),
        (
            {"train_mask": np.ones(4, dtype=bool), "validation_mask": np.ones(4, dtype=bool)},
            ConfigurationError,
            "share rows",
        ),
        ({"settings": TrainingSettings(patience=2)}, ConfigurationError, "'validation_mask'"),
        ({"initial": np.zeros((2, 3))}, ShapeError, r"'initial' .* \(2, 21\)"),
        ({"trainable": np.ones(3, dtype=bool)}, ShapeError, "'trainable'"),
        ({"anchor_strength": -1.0}, ConfigurationError, "'anchor_strength' .* negative"),
        ({"anchor_strength": np.ones(3)}, ShapeError, "'anchor_strength'"),
        ({"X": np.full((4, 3), 1e30)}, ConvergenceError, "diverged for . of 2 members"),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_say_what_to_do(arguments, error, match):
    given = {"X": X0, "y": Y0, "seeds": [0, 1], "settings": SHORT, **arguments}
    with pytest.raises(error, match=match):
        train_stack(StackedMLP(3, (4,)), **given)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: TrainingSettings(epochs=0), ConfigurationError, "'epochs' .* at least 1"),
        (lambda: TrainingSettings(batch_size=0), ConfigurationError, "'batch_size'"),
        (lambda: TrainingSettings(beta_1=1.0), ConfigurationError, "'beta_1'"),
        (lambda: TrainingSettings(weight_decay=-1.0), ConfigurationError, "'weight_decay'"),
        (lambda: TrainingSettings(epsilon=0.0), ConfigurationError, "'epsilon'"),
        (lambda: TrainingSettings(schedule="step"), ConfigurationError, "'schedule'"),
        (lambda: TrainingSettings(epochs=3, patience=1, check_every=5), ConfigurationError, "'check_every'"),
        (lambda: TrainingSettings(device="tpu"), ConfigurationError, "'device'"),
        (lambda: TrainingSettings(loss="mapee"), UnknownNameError, "nearest known: mape"),
        (lambda: Huber(0.0), ConfigurationError, "'delta'"),
        (lambda: StackedMLP(0), ConfigurationError, "at least one input"),
        (lambda: StackedMLP(2, (3,), activation="rellu"), UnknownNameError, "nearest known: relu"),
        (lambda: StackedMLP(2, (3,), activation=("relu", "relu")), ConfigurationError, "'activation'"),
        (lambda: StackedMLP(2, ()).deepened(), ConfigurationError, "no hidden layer"),
        (lambda: StackedMLP(2, (3,)).mask("hidden1.weight"), ConfigurationError, "hidden0.weight"),
        (lambda: StackedMLP(2, (3,)).split(np.zeros(4)), ShapeError, "13 values a member"),
        (lambda: StackedTorchModule(nn.BatchNorm1d(3)), ConfigurationError, "running statistics"),
        (lambda: predict_stack(StackedMLP(2, (3,)), np.zeros((1, 4)), X0), ShapeError, "'parameters'"),
    ],
)
def test_bad_settings_say_what_to_do(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert isinstance(caught.value, IonBridgeError)
