"""Strategies for ageing: inputs in the coordinates of rate laws, and deviations in proportion to sensitivity.

General strategies and their contract are the transfer room; the models that use these are `ageing.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ionbridge.exceptions import ConfigurationError
from ionbridge.models import FloatArray, Forest, GaussianProcess, KernelPrior, OutputSpace
from ionbridge.physics.cells.ageing_histories import CONDITIONS
from ionbridge.transfer import make_strategy
from ionbridge.transfer.auto import Auto
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem
from ionbridge.transfer.baselines import TargetOnly
from ionbridge.transfer.hierarchical_gp import HierarchicalGP

__all__ = ["RateLawInputs", "SensitivityGP"]

TEMPERATURE = list(CONDITIONS).index("temperature")
FEWEST_TO_WEIGH = 5  # target rows
SMALLEST_SENSITIVITY = 0.05  # of the largest one
N_PROBES = 128  # points at which sensitivities are found


class SensitivityGP(HierarchicalGP):
    """``z_target(x) = c + rho z_source(x) + delta(s * u) + noise``, with inputs u scaled by sensitivities s.

    z is the logarithm over the spread of the source, u the standardised inputs, and ``s_j`` the root
    mean square of dz_source/du_j. The deviation delta (linear plus Matérn-5/2) is thus expected along the
    inputs that matter to the source: a slope of b differs by a share of b, whatever the input.

    Parameters
    ----------
    slope_sd : prior of that share [-].
    random_state : seed of the probes and of the source model.

    Attributes
    ----------
    source_model_ : Gaussian process of the source, or None.
    fallback_ : target-only model where there is no source, or None.
    sensitivity_ : shape (n_features,) [-].

    References
    ----------
    .. [1] Kennedy and O'Hagan, Predicting the output from a complex computer code when fast
       approximations are available, Biometrika 87 (2000) 1, eq. 1: the prior mean.
    """

    supports_target_only_inputs: ClassVar[bool] = False
    scale_sd: float = 0.4  # of rho, around 1

    def __init__(self, slope_sd: float = 0.5, random_state: int = 0):
        self.slope_sd = slope_sd
        self.random_state = random_state

    def _fit_spaces(self, problem: TransferProblem) -> None:
        source = self.source_model_
        if not hasattr(source, "output_space_") or not hasattr(source, "scale_"):
            raise ConfigurationError(
                f"SensitivityGP needs a Gaussian process of the source; got a {type(source).__name__}. Pass source rows."
            )
        self.source_space_ = source.output_space_
        own = OutputSpace.from_outputs(problem.y_target, "log" if self.source_space_.is_log else "linear")
        self.output_space_ = OutputSpace(own.is_log, own.center, self.source_space_.scale)
        self.sensitivity_ = self._sensitivity(problem.random_state)

    def _sensitivity(self, seed: int) -> FloatArray:
        source = self.source_model_
        n_features = len(source.scale_)
        probes = np.random.default_rng(seed).standard_normal((N_PROBES, n_features))
        found = np.zeros(n_features)
        for j in range(n_features):
            step = np.zeros(n_features)
            step[j] = 0.5
            ends = [
                self._basis(source.center_ + (probes + sign * step) * source.scale_)[1] for sign in (1, -1)
            ]
            found[j] = np.sqrt(np.mean((ends[0] - ends[1]) ** 2))
        return np.maximum(found, SMALLEST_SENSITIVITY * max(found.max(), 1e-6))

    def _prior(self, n_features: int) -> KernelPrior:
        return KernelPrior(
            np.zeros(n_features),
            log_amplitude=np.log(0.1),
            log_linear=np.log(self.slope_sd),
            log_noise=-4.0,
        )

    def _standardise(self, X: FloatArray) -> FloatArray:
        return np.asarray((X - self.source_model_.center_) / self.source_model_.scale_ * self.sensitivity_)


class RateLawInputs(AbstractStrategy):
    """Another strategy on logarithms of rates and factors, and on reciprocal temperature.

    Rate laws are products of powers and Arrhenius factors: in these coordinates the logarithm of an
    indicator is nearly linear, and exponents learned from one chemistry mean the same for another.

    Parameters
    ----------
    strategy : registered name, or ``sensitivity_gp``. ``auto`` is the average of `SensitivityGP` and
        target-only models by their leave-out errors; with fewer than five target rows, which can
        judge nothing, it is `SensitivityGP`.
    reciprocal : columns whose reciprocal is taken; of all others it is the logarithm.
    random_state : seed of the strategy.

    Attributes
    ----------
    strategy_ : fitted.
    """

    needs: ClassVar[Needs] = "source model"

    def __init__(
        self,
        strategy: str = "auto",
        reciprocal: tuple[int, ...] = (TEMPERATURE,),
        random_state: int = 0,
    ):
        self.strategy = strategy
        self.reciprocal = reciprocal
        self.random_state = random_state

    def source_key(self) -> Hashable:
        """As of the strategy, in these coordinates."""
        return ("rate law", tuple(self.reciprocal), _made(self.strategy).source_key())

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """As of the strategy, in these coordinates."""
        return _made(self.strategy).prepare_source(self._mapped(X), y, random_state)

    def _fit(self, problem: TransferProblem) -> None:
        made, source = _made(self.strategy), problem.source_model
        if self.strategy == "auto" and len(problem.y_target) < FEWEST_TO_WEIGH:
            made = SensitivityGP()
            source = source["sensitivity_gp"] if isinstance(source, Mapping) else source
        made.set_params(random_state=problem.random_state)
        mapped = replace(
            problem,
            X_source=self._mapped(problem.X_source),
            X_target=self._mapped(problem.X_target),
            source_model=source,
        )
        self.strategy_ = made.fit_problem(mapped)
        self.fold_, self.out_of_fold_ = self.strategy_.fold_, self.strategy_.out_of_fold_

    def _mapped(self, X: FloatArray) -> FloatArray:
        if X.size and X.min() <= 0:
            raise ConfigurationError(
                "RateLawInputs takes logarithms and reciprocals: inputs must be above zero (temperatures in kelvin); "
                f"got {X.min():g}."
            )
        mapped = np.log10(X)
        for column in self.reciprocal:
            mapped[:, column] = 1000.0 / X[:, column]
        return np.asarray(mapped)

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.strategy_.predict(self._mapped(X))

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.strategy_.predict_folds(self._mapped(X))


def _made(name: str) -> AbstractStrategy:
    if name == "sensitivity_gp":
        return SensitivityGP()
    if name != "auto":
        return make_strategy(name)
    target_only = {
        "gaussian_process": TargetOnly(GaussianProcess()),
        "linear": TargetOnly("linear"),
        "random_forest": TargetOnly(Forest(n_trees=50)),
    }
    return Auto({"sensitivity_gp": SensitivityGP(), **target_only})
