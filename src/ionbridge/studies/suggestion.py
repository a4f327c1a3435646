"""The inverse question: which inputs give the outputs one wants, and what to measure next.

Nothing is learned here; the fitted models come from `transfer/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.stats import norm

from ionbridge.datasets.table import header_of
from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.models.base import FloatArray, Prediction
from ionbridge.quantities import Quantity, edge_unit, pretty_unit, to_edge_unit
from ionbridge.studies.search_space import Cost, FittedModel, SearchSpace

__all__ = ["Goal", "Suggestions", "next_experiments", "suggest"]

Goal = float | tuple[float, float] | Literal["max", "min"]

_ONE_SIGMA = 0.6827
_WORSE = 4.0  # a further proposal may miss the targets by this much more (sum of squared sigmas)
_N_CANDIDATES = 1024
_HARD = 20.0  # price of leaving the domain of applicability by one threshold distance


@dataclass(frozen=True)
class Suggestions:
    """Proposed inputs with what the models say about them.

    Parameters
    ----------
    inputs : quantities of the columns of `X`.
    X : shape (n_suggestions, n_inputs), house units; the best first.
    predictions : prediction of the proposed rows by output name.
    score : shape (n_suggestions,)
        Of `suggest`: product over the outputs of a number between 0 and 1. For a range it is the
        probability of falling into it, for a value how well the value agrees with the interval (1 at
        the central prediction, 0.1 at the edge of a 90 % interval), for ``max`` and ``min`` the
        probability of beating the best training row. Of `next_experiments`: how informative a row
        is, relative to the first.
    is_reachable : whether the best proposal meets every target within its uncertainty.
    messages : what the user should know: targets out of reach, fewer proposals than asked for.
    """

    inputs: tuple[Quantity, ...]
    X: FloatArray
    predictions: Mapping[str, Prediction]
    score: FloatArray
    is_reachable: bool = True
    messages: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.X)

    @property
    def in_domain(self) -> np.ndarray:
        """Whether every model may be believed there, shape (n_suggestions,)."""
        return np.logical_and.reduce([p.in_domain for p in self.predictions.values()])

    def to_frame(self) -> pd.DataFrame:
        """One line a proposal: inputs, predictions with intervals in house units, score, domain."""
        frame = pd.DataFrame(self.X, columns=[q.name for q in self.inputs])
        for name, p in self.predictions.items():
            frame[name], frame[f"{name}_lower"], frame[f"{name}_upper"] = p.mean, p.lower, p.upper
        frame["score"], frame["in_domain"] = self.score, self.in_domain
        return frame

    @property
    def columns(self) -> dict[str, list[float]]:
        """Proposed settings by header with unit, in the units in which people meet them."""
        return {
            header_of(item, edge_unit(item)): to_edge_unit(item, column).tolist()
            for item, column in zip(self.inputs, self.X.T, strict=True)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary, in the units in which people meet the quantities."""
        return {
            "inputs": [q.name for q in self.inputs],
            "input_units": [edge_unit(q) for q in self.inputs],
            "X": [list(row) for row in zip(*self.columns.values(), strict=True)],
            "predictions": {name: p.at_edge().to_dict() for name, p in self.predictions.items()},
            "score": self.score.tolist(),
            "in_domain": [bool(v) for v in self.in_domain],
            "is_reachable": self.is_reachable,
            "messages": list(self.messages),
        }


def suggest(
    models: FittedModel | Mapping[str, FittedModel],
    targets: Mapping[str, Goal],
    bounds: Mapping[str, tuple[float, float]] | None = None,
    fixed: Mapping[str, float] | None = None,
    n_suggestions: int = 5,
    random_state: int = 0,
) -> Suggestions:
    """Propose inputs whose predicted outputs meet `targets`.

    Differential evolution over the inputs minimises the distance to the targets in units of the
    predictive uncertainty, plus a price for leaving the domain of applicability. Further
    proposals are kept away from those already found. Settings are rounded to about a 200th of
    their range.

    Parameters
    ----------
    models : one fitted model, or one for each output by name.
    targets : by output name: a value, a range (low, high), ``"max"`` or ``"min"``, in house units.
    bounds : range of an input, in house units; None means that of the target training rows.
    fixed : inputs that must keep a value.
    n_suggestions : how many distinct proposals; fewer are returned where others would be clearly worse.

    Raises
    ------
    UnknownNameError
        If an output or input has no such name.
    ConfigurationError
        If a target, a bound or a fixed value is not valid, or nothing is left to vary.

    References
    ----------
    .. [1] Storn and Price, Differential Evolution, J. Global Optim. 11 (1997) 341.
    """
    chosen = _chosen_models(models)
    goals = _checked_goals(targets, chosen)
    if n_suggestions < 1:
        raise ConfigurationError(f"'n_suggestions' must be at least 1; got {n_suggestions}.")
    space = SearchSpace.of(chosen, bounds, fixed)
    scales = {name: _Scale.of(chosen[name]) for name in goals}

    def cost(X: FloatArray) -> FloatArray:
        return sum(
            (_miss(_mean(chosen[n], space, X), goal, scales[n]) for n, goal in goals.items()),
            np.zeros(len(X)),
        )

    priced = _priced(cost, chosen, space)
    found, costs = [space.search(priced, random_state)], []
    costs.append(float(priced(found[0][None, :])[0]))
    for k in range(1, n_suggestions):
        new = space.search(space.repelled(priced, np.array(found)), random_state + k)
        new_cost = float(priced(new[None, :])[0])
        if new_cost <= min(costs) + _WORSE and space.separation(new, np.array(found)) > 0.02:
            found.append(new)
            costs.append(new_cost)
    X = np.array(found)[np.argsort(costs, kind="stable")]
    predictions = {name: _predict(chosen[name], space, X) for name in goals}
    messages = _reachability(chosen, goals, scales, space, predictions, random_state)
    is_reachable = not messages
    if len(X) < n_suggestions:
        messages.append(
            f"{len(X)} of {n_suggestions} proposals: others within the bounds are much alike or clearly worse; "
            "wider bounds or targets would leave more choice."
        )
    score = np.prod([_score(predictions[n], g, chosen[n].y_target_) for n, g in goals.items()], axis=0)
    return Suggestions(space.inputs, X, predictions, score, is_reachable, tuple(messages))


def next_experiments(
    models: FittedModel | Mapping[str, FittedModel],
    n: int = 5,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    fixed: Mapping[str, float] | None = None,
    random_state: int = 0,
) -> Suggestions:
    """Propose the rows whose measurement would teach the models most.

    Rows are taken one by one from a Sobol sequence inside the bounds: the one with the largest
    product of interval width (in units of the spread of the output, summed over the outputs) and
    distance to the nearest training row or row already chosen.

    Parameters
    ----------
    models, bounds, fixed : as of `suggest`.
    n : how many rows.

    Raises
    ------
    UnknownNameError, ConfigurationError
    """
    chosen = _chosen_models(models)
    if not 1 <= n <= _N_CANDIDATES // 2:
        raise ConfigurationError(f"'n' must lie between 1 and {_N_CANDIDATES // 2}; got {n}.")
    space = SearchSpace.of(chosen, bounds, fixed)
    candidates = space.sample(_N_CANDIDATES, random_state)
    width = np.zeros(len(candidates))
    for model in chosen.values():
        p = _predict(model, space, candidates)
        spread = float(np.std(model.y_target_)) or 1.0
        width += np.nan_to_num((p.upper - p.lower) / spread, posinf=1e3)
    distance = np.min(
        [space.distances(candidates, space.known_rows(model)).min(axis=1) for model in chosen.values()],
        axis=0,
    )
    picked: list[int] = []
    values: list[float] = []
    for _ in range(n):
        value = width * distance
        picked.append(int(np.argmax(value)))
        values.append(float(value[picked[-1]]))
        distance = np.minimum(distance, space.distances(candidates, candidates[picked[-1:]])[:, 0])
    X = space.rounded(candidates[picked])
    predictions = {name: _predict(model, space, X) for name, model in chosen.items()}
    return Suggestions(space.inputs, X, predictions, np.array(values) / max(values[0], 1e-300))


@dataclass(frozen=True)
class _Scale:
    """Typical predictive standard deviation of a model: relative for positive outputs."""

    sigma: float
    is_relative: bool
    typical: float  # standard deviation at the mean training output, in its unit

    @classmethod
    def of(cls, model: FittedModel) -> _Scale:
        rows = model.X_target_[: min(len(model.X_target_), 200)]
        p = model.predict(rows, level=_ONE_SIGMA)
        half = 0.5 * (p.upper - p.lower)
        is_relative = bool(np.all(model.y_target_ > 0) and np.all(p.mean > 0))
        half = half / p.mean if is_relative else half
        finite = half[np.isfinite(half) & (half > 0)]
        center = float(np.abs(model.y_target_).mean()) if is_relative else 1.0
        spread = float(np.std(model.y_target_)) / center
        sigma = max(float(np.median(finite)) if len(finite) else spread, 1e-3 * spread, 1e-12)
        return cls(sigma, is_relative, sigma * center)

    def at(self, mean: FloatArray) -> FloatArray:
        return self.sigma * np.abs(mean) if self.is_relative else np.full_like(mean, self.sigma)


def _chosen_models(models: FittedModel | Mapping[str, FittedModel]) -> dict[str, FittedModel]:
    found = dict(models) if isinstance(models, Mapping) else {models.output.name: models}
    if not found:
        raise ConfigurationError("'models' must hold at least one fitted model.")
    for name, model in found.items():
        if not hasattr(model, "X_target_"):
            raise ConfigurationError(f"the model of {name!r} is not fitted; call 'fit' first.")
    return found


def _checked_goals(targets: Mapping[str, Goal], models: Mapping[str, FittedModel]) -> dict[str, Goal]:
    if not targets:
        raise ConfigurationError("'targets' must name at least one output, for example {'density': 3.2}.")
    goals: dict[str, Goal] = {}
    for name, goal in targets.items():
        if name not in models:
            raise UnknownNameError.for_name(name, models, "output", "Name outputs of the given models.")
        if isinstance(goal, str) and goal in ("max", "min"):
            goals[name] = goal
            continue
        try:
            if isinstance(goal, (tuple, list)):
                low, high = (float(v) for v in goal)
                is_valid = bool(np.isfinite([low, high]).all() and low < high)
                goals[name] = (low, high)
            else:
                goals[name] = float(goal)
                is_valid = bool(np.isfinite(goals[name]))
        except (TypeError, ValueError):
            is_valid = False
        if not is_valid:
            raise ConfigurationError(
                f"the target of {name!r} must be a number, a range (low, high) with low < high, 'max' or 'min'; "
                f"got {goal!r}."
            )
    return goals


def _mean(model: FittedModel, space: SearchSpace, X: FloatArray) -> FloatArray:
    return model.predict_mean(X[:, space.columns(model)])


def _predict(model: FittedModel, space: SearchSpace, X: FloatArray) -> Prediction:
    return model.predict(X[:, space.columns(model)])


def _miss(mean: FloatArray, goal: Goal, scale: _Scale) -> FloatArray:
    """Squared distance to a value or range in predictive standard deviations; linear for max and min."""
    if isinstance(goal, str):
        return (-mean if goal == "max" else mean) / scale.typical
    sigma = scale.at(mean)
    if isinstance(goal, tuple):
        low, high = goal
        margin = np.minimum(sigma, 0.5 * (high - low))
        outside = np.maximum(np.maximum(low + margin - mean, mean - high + margin), 0.0)
        return (outside / sigma) ** 2
    return ((mean - goal) / sigma) ** 2


def _priced(cost: Cost, models: Mapping[str, FittedModel], space: SearchSpace) -> Cost:
    """Add a price for leaving the domains of applicability."""

    def with_price(X: FloatArray) -> FloatArray:
        return cost(X) + sum(
            (_excess(model, X[:, space.columns(model)]) for model in models.values()), np.zeros(len(X))
        )

    return with_price


def _excess(model: FittedModel, X: FloatArray) -> FloatArray:
    """Price of being outside the domain of applicability of one model; zero inside."""
    domain = getattr(model, "applicability_", None)
    if domain is None:
        return np.zeros(len(X))
    nearest = np.sort(cdist(X / domain.scale, domain.rows), axis=1)[:, : domain.n_neighbours].mean(axis=1)
    beyond = np.maximum(np.maximum(domain.low - X, X - domain.high), 0.0) / domain.scale
    excess = np.maximum(nearest / domain.threshold - 1.0, 0.0) + beyond.sum(axis=1)
    return _HARD * excess + 5.0 * _HARD * excess**2


def _describe(goal: Goal, quantity: Quantity) -> str:
    unit = pretty_unit(edge_unit(quantity))
    ends = to_edge_unit(quantity, goal if isinstance(goal, tuple) else (goal,))
    value = " to ".join(f"{end:g}" for end in ends)
    return f"{quantity.name} = {value}{'' if unit == '-' else ' ' + unit}"


def _describe_value(value: float, quantity: Quantity) -> str:
    unit = pretty_unit(edge_unit(quantity))
    return f"{to_edge_unit(quantity, value):.4g}{'' if unit == '-' else ' ' + unit}"


def _reachability(
    models: Mapping[str, FittedModel],
    goals: Mapping[str, Goal],
    scales: Mapping[str, _Scale],
    space: SearchSpace,
    predictions: Mapping[str, Prediction],
    random_state: int,
) -> list[str]:
    """One sentence for every target that even the best proposal misses by more than its uncertainty."""
    messages = []
    for name, goal in goals.items():
        if isinstance(goal, str) or not _misses(predictions[name].mean[:1], goal, scales[name]):
            continue
        model, scale = models[name], scales[name]

        def alone(
            X: FloatArray, model: FittedModel = model, goal: Goal = goal, scale: _Scale = scale
        ) -> FloatArray:
            return _miss(_mean(model, space, X), goal, scale)

        best = space.search(_priced(alone, {name: model}, space), random_state)
        closest = _mean(model, space, best[None, :])
        wanted = _describe(goal, model.output)
        if _misses(closest, goal, scale):
            messages.append(
                f"{wanted} is out of reach within the bounds and the range of the data; the closest prediction is "
                f"{_describe_value(closest[0], model.output)}. Widen the bounds, release fixed inputs, or measure there first."
            )
        else:
            messages.append(
                f"{wanted} can be reached alone but not together with the other targets; the best compromise is "
                f"{_describe_value(predictions[name].mean[0], model.output)}. Loosen one of the targets."
            )
    return messages


def _misses(mean: FloatArray, goal: float | tuple[float, float], scale: _Scale) -> bool:
    """Whether a prediction misses a value by more than half a sigma, or a range at all."""
    sigma = float(scale.at(mean)[0])
    if isinstance(goal, tuple):
        return bool(mean[0] < goal[0] - 1e-9 or mean[0] > goal[1] + 1e-9)
    return bool(abs(mean[0] - goal) > 0.5 * sigma + 1e-9 * abs(goal))


def _score(p: Prediction, goal: Goal, y_target: FloatArray) -> FloatArray:
    """Number between 0 and 1 for each proposal; see `Suggestions`."""
    z = norm.ppf(0.5 + 0.5 * p.level)
    below, above = np.maximum((p.mean - p.lower) / z, 1e-12), np.maximum((p.upper - p.mean) / z, 1e-12)

    def probability_up_to(value: float) -> FloatArray:
        return norm.cdf((value - p.mean) / np.where(value < p.mean, below, above))

    if goal == "max":
        return 1.0 - probability_up_to(float(np.max(y_target)))
    if goal == "min":
        return probability_up_to(float(np.min(y_target)))
    if isinstance(goal, tuple):
        return probability_up_to(goal[1]) - probability_up_to(goal[0])
    at = probability_up_to(float(goal))
    return 2.0 * np.minimum(at, 1.0 - at)
