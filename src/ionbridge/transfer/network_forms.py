"""What each form of network transfer changes in the source networks, and where training starts.

The strategy that trains them is `networks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ionbridge.models import FloatArray
from ionbridge.models.engine import StackedMLP
from ionbridge.models.engine.base import Float32Array
from ionbridge.models.engine.ensemble import NetworkEnsemble, Scaling, group_rows, to_space

__all__ = ["FORMS", "Form", "adapted_start", "target_scaling"]

STRETCH_VARIANCE = 0.4**2  # prior of the stretch of the source prediction around 1
NOISE_VARIANCE = 0.3**2  # of outputs around the stretched source prediction, in source units


@dataclass(frozen=True)
class Form:
    """One way to adapt a source network.

    Parameters
    ----------
    start : turns source networks (module, parameters) into those that are trained.
    trainable : names of the blocks that are.
    """

    start: Callable[[StackedMLP, Float32Array, list[int]], tuple[StackedMLP, Float32Array]]
    trainable: Callable[[StackedMLP], list[str]]


def _as_it_is(
    module: StackedMLP, parameters: Float32Array, seeds: list[int]
) -> tuple[StackedMLP, Float32Array]:
    return module, parameters


def _with_new_layer(
    module: StackedMLP, parameters: Float32Array, seeds: list[int]
) -> tuple[StackedMLP, Float32Array]:
    deeper = module.deepened()
    rows = deeper.initialise(seeds)
    old, new = module.split(parameters), deeper.split(rows)
    for name in old:
        if not name.startswith("output."):
            new[name][:] = old[name]
    return deeper, rows


def _with_adapter(
    module: StackedMLP, parameters: Float32Array, seeds: list[int]
) -> tuple[StackedMLP, Float32Array]:
    return module.with_adapter(parameters)


def _with_film(
    module: StackedMLP, parameters: Float32Array, seeds: list[int]
) -> tuple[StackedMLP, Float32Array]:
    modulated = StackedMLP(
        module.n_inputs, module.hidden, module.n_outputs, activation=module.activations, film=True
    )
    rows = modulated.initialise(seeds)
    old, new = module.split(parameters), modulated.split(rows)
    for name, values in old.items():
        new[name][:] = values
    return modulated, rows


_OUTPUT = ["output.weight", "output.bias"]


def _all_blocks(module: StackedMLP) -> list[str]:
    return [block.name for block in module.blocks]


def _last_layer_and_output(module: StackedMLP) -> list[str]:
    last = len(module.hidden) - 1
    return [f"hidden{last}.weight", f"hidden{last}.bias", *_OUTPUT]


def _film_and_output(module: StackedMLP) -> list[str]:
    film = [name for name in _all_blocks(module) if name.endswith((".scale", ".shift"))]
    return [*film, *_OUTPUT]


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "new_layer": Form(_with_new_layer, _last_layer_and_output),
        "adapter": Form(_with_adapter, _last_layer_and_output),
        "head": Form(_as_it_is, lambda module: list(_OUTPUT)),
        "fine_tuning": Form(_as_it_is, _all_blocks),
        "film": Form(_with_film, _film_and_output),
    }
)


def target_scaling(
    source: NetworkEnsemble, X: FloatArray, y: FloatArray, fold: NDArray[np.int64], calibrate: bool
) -> tuple[Scaling, FloatArray]:
    """Scale the target: inputs as the source's, outputs of each group by its own training rows.

    With `calibrate` the outputs are placed so that the source's scaled prediction f(x), times a
    stretch ρ, fits the rows: ``y ≈ mean + scale·ρ·f(x)``, ρ ~ N(1, 0.4²). In the log space
    `scale` is the source's, since ratios mean the same in both domains; else it is the target's
    own standard deviation, as it is without `calibrate`.

    Returns
    -------
    scaling of every group, and the stretch of each, shape (n_groups,).
    """
    groups = group_rows(fold)
    space = source.scaling.space
    if space == "log" and not (y > 0).all():
        space = "standard"
    own = Scaling.of_rows(X, y, groups, space)
    own = replace(
        own,
        input_mean=np.repeat(source.scaling.input_mean[:1], len(groups), axis=0),
        input_scale=np.repeat(source.scaling.input_scale[:1], len(groups), axis=0),
    )
    if not calibrate or space == "raw":
        return own, np.ones(len(groups))
    scale = own.output_scale
    if space == "log":
        scale = np.full(len(groups), source.scaling.output_scale[0])
    predicted, t = source.member_outputs(X, slice(0, 1))[0].mean(axis=0), to_space(y, space)
    mean, stretch = np.empty(len(groups)), np.empty(len(groups))
    for g, rows in enumerate(groups):
        f, z = predicted[rows], t[rows] / scale[g]
        slope, ridge = f - f.mean(), NOISE_VARIANCE / STRETCH_VARIANCE
        stretch[g] = (slope @ (z - z.mean()) + ridge) / (slope @ slope + ridge)
        mean[g] = scale[g] * (z.mean() - stretch[g] * f.mean())
    return replace(own, output_mean=mean, output_scale=scale), stretch


def adapted_start(
    form: Form, source: NetworkEnsemble, stretch: FloatArray, n_members: int, seed: int
) -> tuple[StackedMLP, Float32Array]:
    """Build the networks that are trained, shape (n_groups, n_members, n_parameters).

    Member m starts from source member m, counted round where the source has fewer; its output is
    stretched as `target_scaling` found it for its group.
    """
    module, n_groups = source.module, len(stretch)
    chosen = source.weights[0][np.arange(n_members) % source.weights.shape[1]]
    rows = np.repeat(chosen[None], n_groups, axis=0)
    blocks = module.split(rows)
    factor = stretch.astype(np.float32)
    blocks["output.weight"][..., 0] *= factor[:, None, None]
    blocks["output.bias"][..., 0] *= factor[:, None]
    flat = rows.reshape(-1, module.n_parameters)
    seeds = np.random.SeedSequence([5, seed]).generate_state(len(flat)).tolist()
    started, parameters = form.start(module, flat, seeds)
    return started, parameters.reshape(n_groups, n_members, -1)
