"""Gaussian processes whose prior mean is the source model: hierarchical, residual, calibration.

Three named strategies are one class with terms switched on or off. Source rows themselves are
used by `multitask_gp.py`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ionbridge.models import FloatArray, GaussianProcess, KernelPrior, LeaveOutMachines, OutputSpace
from ionbridge.models.gaussian_process import column_moments, default_length_scale
from ionbridge.models.output_space import Space
from ionbridge.transfer.base import TransferProblem
from ionbridge.transfer.source_process import AbstractOnSourceProcess

__all__ = ["HierarchicalGP", "output_calibration", "residual_gp"]


class HierarchicalGP(AbstractOnSourceProcess):
    """``z_target(x) = c + ρ·z_source(x) + linear(x) + δ(x) + noise`` with all but δ marginalised.

    ``z`` is the logarithm of positive outputs (else the z-score of each domain), ``ρ ~ N(1,
    scale_sd²)`` and δ a Matérn-5/2 process whose length scales have priors centred on those of
    the source model. Where no source is given it is the target-only `GaussianProcess`.

    Parameters
    ----------
    space : ``"log"``, ``"linear"`` or ``"auto"``.
    scale_sd : prior standard deviation of the coefficient ρ of the source prediction [-].
    linear : whether a linear trend in the inputs is added.
    deviation : whether the Matérn deviation δ is added.
    random_state : seed of the subset of source rows that fits the source hyper-parameters.

    Attributes
    ----------
    source_model_ : the model of the source, or None.
    fallback_ : the target-only model where there is no source, or None.

    References
    ----------
    .. [1] Kennedy and O'Hagan, Predicting the output from a complex computer code when fast
       approximations are available, Biometrika 87 (2000) 1, eq. 1.
    """

    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(
        self,
        space: Space = "auto",
        scale_sd: float = 0.4,
        linear: bool = True,
        deviation: bool = True,
        random_state: int = 0,
    ):
        self.space = space
        self.scale_sd = scale_sd
        self.linear = linear
        self.deviation = deviation
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        self.source_model_: Any = None
        self.fallback_: GaussianProcess | None = None
        if not problem.has_source:
            self.fallback_ = GaussianProcess(self.space, random_state=problem.random_state)
            self.fallback_.fit(problem.X_target, problem.y_target, problem.groups)
            self.fold_, self.out_of_fold_ = self.fallback_.fold_, self.fallback_.out_of_fold_
            return
        self.source_model_ = problem.source_model or self.prepare_source(
            problem.X_source, problem.y_source, problem.random_state
        )
        self.shared_ = problem.shared
        self._fit_spaces(problem)
        X, y = problem.X_target, problem.y_target
        z = self.output_space_.forward(y)
        basis, mean = self._basis(X)
        self.machines_ = LeaveOutMachines.fit(
            self._standardise(X),
            z - mean,
            basis,
            self._basis_variance(),
            self._prior(X.shape[1]),
            problem.random_state,
            problem.groups,
        )
        self.fold_ = self.machines_.fold
        self.out_of_fold_ = self.output_space_.inverse(mean + self.machines_.out_of_fold)

    def _fit_spaces(self, problem: TransferProblem) -> None:
        """Working spaces of both domains and the standardisation of the inputs."""
        X, y = problem.X_target, problem.y_target
        at_target = self.source_model_.predict(problem.X_target_shared)
        space = OutputSpace.from_outputs(y, self.space)
        source_space = getattr(self.source_model_, "output_space_", None)
        if source_space is None or source_space.is_log != space.is_log:
            space = OutputSpace.from_outputs(y, "linear") if np.any(at_target <= 0) else space
            source_space = OutputSpace.from_outputs(at_target, "log" if space.is_log else "linear")
        if space.is_log:  # ratios mean the same in both domains: one scale, so that ρ = 1 is natural
            space = OutputSpace(True, space.center, source_space.scale)
        self.output_space_, self.source_space_ = space, source_space
        center, scale = column_moments(X)
        source_scale = getattr(self.source_model_, "scale_", None)
        if source_scale is not None and len(source_scale) == problem.shared.sum():
            scale = scale.copy()
            scale[problem.shared] = np.sqrt(0.5 * (scale[problem.shared] ** 2 + source_scale**2))
        self.center_, self.scale_ = center, scale

    def _basis_variance(self) -> FloatArray:
        return np.array([_OFFSET_VARIANCE, self.scale_sd**2])

    def _basis(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Basis [1, z_source(x)] of shape (n_rows, 2) and the prior mean z_source(x), (n_rows,)."""
        z = self.source_space_.forward_clipped(self.source_model_.predict(X[:, self.shared_]))
        return np.column_stack([np.ones(len(X)), z]), z

    def _prior(self, n_features: int) -> KernelPrior:
        length_scale = default_length_scale(n_features)
        machine = getattr(getattr(self.source_model_, "machines_", None), "machine", None)
        if machine is not None and len(machine.length_scale) == self.shared_.sum():
            length_scale[self.shared_] = np.log(machine.length_scale)
        return KernelPrior(
            length_scale,
            log_amplitude=np.log(0.3) if self.deviation else None,
            log_linear=np.log(0.3) - 0.5 * np.log(n_features) if self.linear else None,
            log_noise=-2.0,
        )

    def _standardise(self, X: FloatArray) -> FloatArray:
        return (X - self.center_) / self.scale_

    def _predict(self, X: FloatArray) -> FloatArray:
        if self.fallback_ is not None:
            return self.fallback_.predict(X)
        basis, mean = self._basis(X)
        return self.output_space_.inverse(mean + self.machines_.machine.predict(self._standardise(X), basis))

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        if self.fallback_ is not None:
            return self.fallback_.predict_folds(X)
        basis, mean = self._basis(X)
        return self.output_space_.inverse(mean + self.machines_.predict_folds(self._standardise(X), basis))


_OFFSET_VARIANCE = 100.0


def residual_gp(space: Space = "auto", random_state: int = 0) -> HierarchicalGP:
    """Source prediction plus an offset and a Matérn residual: ρ fixed at 1, no linear trend."""
    return HierarchicalGP(space, scale_sd=0.0, linear=False, random_state=random_state)


def output_calibration(space: Space = "auto", random_state: int = 0) -> HierarchicalGP:
    """Offset and scale of the source prediction only: two numbers learned from the target."""
    return HierarchicalGP(space, linear=False, deviation=False, random_state=random_state)
