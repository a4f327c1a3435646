"""Strategies that carry a source network over: new layer, new head, fine-tuning, FiLM.

One class, five named forms. How each form changes the source networks is `network_forms.py`;
training is the batched engine of the models room.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from ionbridge.exceptions import ConfigurationError
from ionbridge.models import FloatArray
from ionbridge.models.engine import TrainingSettings
from ionbridge.models.engine.ensemble import (
    CrossFitTask,
    NetworkEnsemble,
    cross_fit,
    draw_folds,
    out_of_fold,
)
from ionbridge.models.network import NetworkRegressor, fit_networks
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem
from ionbridge.transfer.network_forms import FORMS, adapted_start, target_scaling

__all__ = [
    "NetworkTransfer",
    "film_adapter",
    "fine_tuning",
    "frozen_adapter",
    "head_retraining",
    "prepare_sources",
    "published_recipe",
]

Kind = Literal["new_layer", "adapter", "head", "fine_tuning", "film"]


class NetworkTransfer(AbstractStrategy):
    """Source networks, adapted to the target by training some of their parameters.

    Every member of the source ensemble is adapted, once to all target rows and once without each
    fold of them; all of these, and those of every other problem given to `fit_many`, are trained
    as one stack. Where no source is given it is the target-only `NetworkRegressor` with the same
    settings.

    Parameters
    ----------
    kind : what is trained on the target.
        ``"new_layer"``: a new hidden layer and a new output, both from random values;
        ``"adapter"``: the same two, starting from the source's own prediction;
        ``"head"``: the output layer;
        ``"fine_tuning"``: everything, held near the source weights (L2-SP);
        ``"film"``: scale and shift of every hidden unit, and the output layer.
    hidden, activation, loss, space, weight_decay, n_members, validation_fraction, device : of the
        source networks; see `NetworkRegressor`. Inputs are scaled as the source's were.
    source_epochs, source_learning_rate, source_schedule, source_batch_size : of the source networks.
    epochs, learning_rate, schedule, batch_size : of the adaptation.
    anchor_strength : pull of the trained parameters to where they start, added to the summed loss
        of the training rows as ``strength / 2 * sum(distance**2)``.
    calibrate : start from the source's prediction, shifted and stretched to fit the target rows
        (ridge; the stretch has a prior around 1), instead of z-scoring the target's outputs.
    n_folds : folds of the target rows for `out_of_fold_`.
    random_state : seed.

    Attributes
    ----------
    ensemble_ : the adapted networks, final and for each fold, and their scaling.

    References
    ----------
    .. [1] Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with
       convolutional networks (2018), eq. 2. doi:10.48550/arXiv.1802.01483
    .. [2] Perez et al., FiLM: visual reasoning with a general conditioning layer (2018), eq. 2.
       doi:10.48550/arXiv.1709.07871
    """

    needs: ClassVar[Needs] = "source model"

    ensemble_: NetworkEnsemble

    def __init__(
        self,
        kind: Kind = "adapter",
        *,
        hidden: Sequence[int] = (64, 64),
        activation: str = "silu",
        loss: str = "mse",
        space: Literal["auto", "log", "standard", "raw"] = "auto",
        weight_decay: float = 1e-3,
        n_members: int = 5,
        validation_fraction: float = 0.0,
        source_epochs: int = 250,
        source_learning_rate: float = 3e-3,
        source_schedule: Literal["constant", "cosine"] = "cosine",
        source_batch_size: int | None = 32,
        epochs: int = 200,
        learning_rate: float = 1e-2,
        schedule: Literal["constant", "cosine"] = "cosine",
        batch_size: int | None = 32,
        anchor_strength: float = 0.1,
        calibrate: bool = True,
        n_folds: int = 5,
        random_state: int = 0,
        device: Literal["cpu", "cuda", "auto"] = "cpu",
    ) -> None:
        self.kind = kind
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.space = space
        self.weight_decay = weight_decay
        self.n_members = n_members
        self.validation_fraction = validation_fraction
        self.source_epochs = source_epochs
        self.source_learning_rate = source_learning_rate
        self.source_schedule = source_schedule
        self.source_batch_size = source_batch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.anchor_strength = anchor_strength
        self.calibrate = calibrate
        self.n_folds = n_folds
        self.random_state = random_state
        self.device = device

    def source_key(self) -> Hashable:
        """Strategies whose source networks are trained alike share them."""
        parameters = self._regressor(0, 0).get_params()
        parameters["hidden"] = tuple(self.hidden)
        return ("network", *sorted((name, repr(value)) for name, value in parameters.items()))

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> NetworkRegressor:
        """Train the source ensemble, without folds."""
        return self._regressor(0, random_state).fit(X, y)

    def _regressor(self, n_folds: int, random_state: int) -> NetworkRegressor:
        return NetworkRegressor(
            self.hidden,
            activation=self.activation,
            loss=self.loss,
            space=self.space,
            epochs=self.source_epochs,
            batch_size=self.source_batch_size,
            learning_rate=self.source_learning_rate,
            schedule=self.source_schedule,
            weight_decay=self.weight_decay,
            validation_fraction=self.validation_fraction,
            n_members=self.n_members,
            n_folds=n_folds,
            random_state=random_state,
            device=self.device,
        )

    def _fit(self, problem: TransferProblem) -> None:
        self._fit_many([self], [problem])

    def _fit_many(self, clones: Sequence[NetworkTransfer], problems: Sequence[TransferProblem]) -> None:
        if self.kind not in FORMS:
            raise ConfigurationError(
                f"'kind' of NetworkTransfer must be one of {list(FORMS)}; got {self.kind!r}."
            )
        pairs = list(zip(clones, problems, strict=True))
        alone = [(c, p) for c, p in pairs if not p.has_source]
        regressors = [self._regressor(self.n_folds, p.random_state) for _, p in alone]
        fit_networks(regressors, [(p.X_target, p.y_target, p.groups) for _, p in alone])
        for (one, _), regressor in zip(alone, regressors, strict=True):
            one._keep(regressor.ensemble_, regressor.fold_, regressor.out_of_fold_)
        with_source = [(c, p) for c, p in pairs if p.has_source]
        if with_source:
            self._adapt(*zip(*with_source, strict=True))

    def _adapt(self, clones: Sequence[NetworkTransfer], problems: Sequence[TransferProblem]) -> None:
        form = FORMS[self.kind]
        stacks: dict[Hashable, list[tuple[NetworkTransfer, CrossFitTask, Any]]] = defaultdict(list)
        for one, problem, source in zip(clones, problems, self._sources(problems), strict=True):
            module, task = self._task(source, problem)
            stacks[repr(module)].append((one, task, module))
        for members in stacks.values():
            module = members[0][2]
            trainable = module.mask(*form.trainable(module))
            ensembles = cross_fit(
                module,
                [task for _, task, _ in members],
                settings=self._settings(),
                n_members=self.n_members,
                learning_rate=self.learning_rate,
                validation_fraction=self.validation_fraction,
                trainable=trainable,
                anchor_strength=np.float32(self.anchor_strength) * trainable,
            )
            for (one, task, _), ensemble in zip(members, ensembles, strict=True):
                one._keep(ensemble, task.fold, out_of_fold(ensemble, task.X, task.fold))

    def _sources(self, problems: Sequence[TransferProblem]) -> list[NetworkEnsemble]:
        """Source ensembles: given ones, and the others trained as one stack, equal ones only once."""
        keys = [_source_digest(p) for p in problems]
        missing = {k: p for k, p in zip(keys, problems, strict=True) if p.source_model is None}
        regressors = [self._regressor(0, p.random_state) for p in missing.values()]
        fit_networks(regressors, [(p.X_source, p.y_source) for p in missing.values()])
        trained = dict(zip(missing, regressors, strict=True))
        models = [
            trained[k] if p.source_model is None else p.source_model
            for k, p in zip(keys, problems, strict=True)
        ]
        for model in models:
            if not isinstance(model, NetworkRegressor):
                raise ConfigurationError(
                    f"NetworkTransfer needs a fitted NetworkRegressor as 'source_model'; got {type(model).__name__}. "
                    "Pass the result of its own 'prepare_source'."
                )
        return [model.ensemble_ for model in models]

    def _task(self, source: NetworkEnsemble, problem: TransferProblem) -> tuple[Any, CrossFitTask]:
        X, y, seed = problem.X_target, problem.y_target, problem.random_state
        fold = draw_folds(len(y), self.n_folds, seed, problem.groups)
        scaling, stretch = target_scaling(source, X, y, fold, self.calibrate)
        module, initial = adapted_start(FORMS[self.kind], source, stretch, self.n_members, seed)
        return module, CrossFitTask(X, y, fold, scaling, seed, initial)

    def _settings(self) -> TrainingSettings:
        return TrainingSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            loss=self.loss,
            schedule=self.schedule,
            device=self.device,
        )

    def _keep(self, ensemble: NetworkEnsemble, fold: Any, predicted: FloatArray) -> None:
        self.ensemble_, self.fold_, self.out_of_fold_ = ensemble, fold, predicted

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.ensemble_.predict(X, slice(0, 1))[0]

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        return self.ensemble_.predict(X, slice(1, None))


def _source_digest(problem: TransferProblem) -> Hashable:
    content = hashlib.sha256(np.ascontiguousarray(problem.X_source).tobytes())
    content.update(np.ascontiguousarray(problem.y_source).tobytes())
    return content.hexdigest(), problem.X_source.shape, problem.random_state


def prepare_sources(
    strategy: NetworkTransfer, datasets: Sequence[tuple[FloatArray, FloatArray]], random_states: Sequence[int]
) -> list[NetworkRegressor]:
    """Train the source ensembles of many datasets as one stack; each equals `prepare_source` of its own.

    Parameters
    ----------
    datasets : pairs of inputs (n_source_rows, n_shared) and outputs (n_source_rows,).
    random_states : one seed a dataset.
    """
    regressors = [strategy._regressor(0, state) for state in random_states]
    fit_networks(regressors, datasets)
    return regressors


def published_recipe(random_state: int = 0, **settings: Any) -> NetworkTransfer:
    """The published recipe for electrode manufacturing, as it stands.

    One network a property, ReLU, Adam, MAPE loss on y itself, 250 epochs, 10 % of the training
    rows set aside for validation (looked at, not learned from); the source network is frozen and
    one hidden layer as wide as the pre-trained ones is added, trained with a new output layer.
    """
    recipe: dict[str, Any] = {
        "activation": "relu",
        "loss": "mape",
        "space": "raw",
        "weight_decay": 0.0,
        "n_members": 1,
        "validation_fraction": 0.1,
        "source_epochs": 250,
        "source_learning_rate": 1e-3,
        "source_schedule": "constant",
        "epochs": 250,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "anchor_strength": 0.0,
        "calibrate": False,
    }
    return NetworkTransfer("new_layer", random_state=random_state, **(recipe | settings))


def frozen_adapter(random_state: int = 0, **settings: Any) -> NetworkTransfer:
    """The idea of the published recipe, better trained: frozen source, adapter layer and output."""
    return NetworkTransfer("adapter", random_state=random_state, **settings)


def head_retraining(random_state: int = 0, **settings: Any) -> NetworkTransfer:
    """Frozen source networks whose output layer is trained on."""
    return NetworkTransfer("head", random_state=random_state, **({"learning_rate": 0.03} | settings))


def fine_tuning(random_state: int = 0, **settings: Any) -> NetworkTransfer:
    """All parameters of the source networks trained on, held near their source values (L2-SP)."""
    return NetworkTransfer("fine_tuning", random_state=random_state, **({"learning_rate": 3e-3} | settings))


def film_adapter(random_state: int = 0, **settings: Any) -> NetworkTransfer:
    """Frozen source networks; scale and shift of every hidden unit, and the output, are trained."""
    return NetworkTransfer("film", random_state=random_state, **({"learning_rate": 0.03} | settings))
