"""Never having transferred: models of the target alone, under the contract of a strategy.

Every study puts these beside the strategies; the models themselves live in the models room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sklearn.base import clone

from ionbridge import plugins
from ionbridge.models import AbstractCrossFittedRegressor, FloatArray
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem

__all__ = [
    "TargetOnly",
    "gaussian_process",
    "gradient_boosting",
    "linear",
    "make_regressor",
    "mean",
    "network",
    "random_forest",
]


def make_regressor(
    model: str | AbstractCrossFittedRegressor, random_state: int
) -> AbstractCrossFittedRegressor:
    """Build a registered regressor by name, or clone the one given, with its seed set."""
    made = plugins.load("ionbridge.models", model)() if isinstance(model, str) else clone(model)
    for name, value in made.get_params().items():
        if name == "random_state" or (name.endswith("__random_state") and value is not None):
            made.set_params(**{name: random_state})
    return made


class TargetOnly(AbstractStrategy):
    """A model of the target rows; source rows are ignored.

    Parameters
    ----------
    model : registered name of a regressor, or an unfitted one.
    random_state : seed of the model.
    """

    needs: ClassVar[Needs] = "nothing"
    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(self, model: str | AbstractCrossFittedRegressor = "gaussian_process", random_state: int = 0):
        self.model = model
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        model = make_regressor(self.model, problem.random_state)
        self._keep(model.fit(problem.X_target, problem.y_target, problem.groups))

    def _fit_many(self, clones: Sequence[TargetOnly], problems: Sequence[TransferProblem]) -> None:
        models = [make_regressor(c.model, p.random_state) for c, p in zip(clones, problems, strict=True)]
        if all(type(m).__name__ == "NetworkRegressor" for m in models):
            from ionbridge.models.network import fit_networks

            fit_networks(models, [(p.X_target, p.y_target, p.groups) for p in problems])
        else:
            for model, p in zip(models, problems, strict=True):
                model.fit(p.X_target, p.y_target, p.groups)
        for c, model in zip(clones, models, strict=True):
            c._keep(model)

    def _keep(self, model: AbstractCrossFittedRegressor) -> None:
        self.model_ = model
        self.fold_, self.out_of_fold_ = model.fold_, model.out_of_fold_

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.model_.predict(X)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.model_.predict_folds(X)


def mean(random_state: int = 0) -> TargetOnly:
    """The mean of the target training rows."""
    return TargetOnly("mean", random_state)


def linear(random_state: int = 0) -> TargetOnly:
    """Ridge regression on the target alone."""
    return TargetOnly("linear", random_state)


def random_forest(random_state: int = 0) -> TargetOnly:
    """Random forest on the target alone."""
    return TargetOnly("random_forest", random_state)


def gradient_boosting(random_state: int = 0) -> TargetOnly:
    """Gradient-boosted trees on the target alone."""
    return TargetOnly("gradient_boosting", random_state)


def gaussian_process(random_state: int = 0) -> TargetOnly:
    """Gaussian process on the target alone."""
    return TargetOnly("gaussian_process", random_state)


def network(random_state: int = 0) -> TargetOnly:
    """Network ensemble on the target alone."""
    return TargetOnly("network", random_state)
