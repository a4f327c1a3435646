"""The numerical environment of training: threads, denormal numbers, device and Adam's kernel.

The training loop itself is `training.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ionbridge.exceptions import ConfigurationError

__all__ = ["adam_step", "choose_device", "single_thread"]

_fused_adam = getattr(torch, "_fused_adam_", None)  # what torch.optim.Adam(fused=True) calls


@contextmanager
def single_thread() -> Iterator[None]:
    """Train on one thread and flush denormal numbers; both are as before on leaving.

    Stacks are parallel over members and processes. More threads on matrices this small cost up
    to a hundred times the time on a busy machine, and the moments of dead units decay into
    denormal numbers, which are tens of times slower.
    """
    n_threads = torch.get_num_threads()
    flushed = bool((torch.tensor(1e-40) * 1.0 == 0.0).item())
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_flush_denormal(flushed)


def choose_device(name: str) -> torch.device:
    """Return the device called ``"cpu"``, ``"cuda"`` or ``"auto"``.

    Raises
    ------
    ConfigurationError
        If CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigurationError(
            "device 'cuda' was asked for, but torch finds no CUDA device; use 'auto' or 'cpu'."
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def adam_step(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    step: Tensor,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Update `parameters` and both moments in place with step number `step` (a tensor) of Adam."""
    if _fused_adam is None:
        _plain_adam(parameters, gradients, first, second, float(step), learning_rate, beta_1, beta_2, epsilon)
        return
    _fused_adam(
        list(parameters),
        list(gradients),
        list(first),
        list(second),
        [],
        [step] * len(parameters),
        lr=learning_rate,
        beta1=beta_1,
        beta2=beta_2,
        weight_decay=0.0,
        eps=epsilon,
        amsgrad=False,
        maximize=False,
    )


def _plain_adam(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    step: float,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    rate = learning_rate / (1.0 - beta_1**step)
    root = (1.0 - beta_2**step) ** 0.5
    for parameter, gradient, mean, square in zip(parameters, gradients, first, second, strict=True):
        mean.lerp_(gradient, 1.0 - beta_1)
        square.mul_(beta_2).addcmul_(gradient, gradient, value=1.0 - beta_2)
        parameter.addcdiv_(mean, square.sqrt().div_(root).add_(epsilon), value=-rate)
