"""Objects survive being taken apart and rebuilt; nothing strange is let in or out."""

from __future__ import annotations

import copy
import json
import math
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import BaseEstimator
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, WhiteKernel
from sklearn.linear_model import LassoCV, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

import ionbridge.models.state as state_module
from ionbridge.datasets.base import Domain
from ionbridge.exceptions import ConfigurationError, IonBridgeWarning, ModelFileError
from ionbridge.models.state import State, from_state, to_state
from ionbridge.quantities.base import Quantity


class Shifted(BaseEstimator):
    """Smallest estimator: adds what it learned to the sum of the inputs."""

    coef_: np.ndarray
    extra_: float | None

    def __init__(self, inner: Any = None, power: float = 1.0) -> None:
        self.inner = inner
        self.power = power

    def fit(self, X: Any, y: Any) -> Shifted:
        self.coef_ = np.asarray(X, dtype=float).mean(axis=0)
        self.same_coef_ = self.coef_
        self.domain_ = Domain("nmc", chemistry="NMC622")
        self._cache = object()
        return self

    def predict(self, X: Any) -> Any:
        return np.asarray(X) @ self.coef_


@dataclass
class Thawed:
    x: int = 1


@pytest.fixture(autouse=True)
def module(monkeypatch):
    """Let the stand-ins above count as classes of ionbridge."""
    module = ModuleType("ionbridge.stand_in")
    module.Shifted, module.Thawed = Shifted, Thawed
    monkeypatch.setitem(sys.modules, "ionbridge.stand_in", module)
    monkeypatch.setattr(Shifted, "__module__", "ionbridge.stand_in")
    monkeypatch.setattr(Thawed, "__module__", "ionbridge.stand_in")


def through_json(obj: Any) -> Any:
    state = to_state(obj)
    return from_state(State(json.loads(json.dumps(state.config, allow_nan=False)), state.arrays))


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (np.ndarray, np.generic)):
        return (
            a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        )
    if isinstance(a, float):
        return (
            math.isnan(a) and math.isnan(b)
            if math.isnan(a)
            else (a, math.copysign(1, a)) == (b, math.copysign(1, b))
        )
    return a == b


arrays = hnp.arrays(
    dtype=hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="=")
    | hnp.unsigned_integer_dtypes(endianness="=")
    | hnp.floating_dtypes(endianness="=", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="=", sizes=(64, 128))
    | hnp.unicode_string_dtypes(endianness="=", max_len=4),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    plain | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.tuples(st.integers()), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(values)
def test_any_nested_value_comes_back_equal_and_of_the_same_type(value):
    assert same(through_json(value), value)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1),
        np.int64(3),
        np.bool_(True),
        np.str_("µm"),
        math.inf,
        -math.inf,
        math.nan,
        -0.0,
        2**80,
        (),
        [],
        {},
    ],
    ids=repr,
)
def test_awkward_scalars_keep_their_type(value):
    assert same(through_json(value), value)


def test_memory_layout_is_kept_so_that_predictions_are_bitwise_equal():
    array = np.asfortranarray(np.random.default_rng(0).normal(size=(4, 3)))
    back = through_json(array)
    assert back.flags.f_contiguous
    assert not back.flags.c_contiguous
    assert back.flags.writeable
    assert same(through_json(array[::2]), np.ascontiguousarray(array[::2]))


def test_text_held_as_objects_is_kept():
    assert same(
        through_json(np.array(["a", "longer"], dtype=object)), np.array(["a", "longer"], dtype=object)
    )


def test_estimator_keeps_arguments_learned_attributes_and_shared_arrays():
    X = np.random.default_rng(0).normal(size=(8, 3))
    model = Shifted(inner=Shifted(power=math.inf), power=2).fit(X, X[:, 0])
    back = through_json(model)
    assert isinstance(back, Shifted)
    assert isinstance(back.inner, Shifted)
    assert back.inner.power == math.inf
    assert same(back.power, 2)
    assert back.domain_ == model.domain_
    assert np.array_equal(back.predict(X), model.predict(X))
    assert back.same_coef_ is back.coef_
    assert not hasattr(back, "_cache")
    assert len(to_state(model).arrays) == 1


def test_frozen_values_of_ionbridge_come_back():
    quantity = Quantity("roll_gap", "um", "gap", low=1.0, aliases=("gap", "calender gap"))
    assert through_json({"inputs": (quantity,)}) == {"inputs": (quantity,)}


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(3, random_state=0),
        GradientBoostingRegressor(n_estimators=3, random_state=0),
        HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2),
        HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2, loss="absolute_error"),
        RidgeCV(),
        LassoCV(cv=3),
        make_pipeline(
            StandardScaler(), GaussianProcessRegressor(RBF() + Matern() + WhiteKernel(), optimizer=None)
        ),
        DecisionTreeRegressor(random_state=0),
        GridSearchCV(SVR(), {"C": [0.3, 3.0]}, cv=4),
    ],
    ids=lambda e: type(e).__name__,
)
def test_scikit_learn_parts_predict_the_same(estimator):
    X = np.random.default_rng(0).normal(size=(24, 3))
    estimator.fit(X, X[:, 0] * X[:, 1] + X[:, 2])
    first, second = through_json([estimator, estimator])
    assert first is second
    assert np.array_equal(first.predict(X), estimator.predict(X))


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, lambda: 0]}, r"a\.1 of type .*function"),
        (np.array([object()]), "dtype object"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "dtype datetime64"),
        ({1, 2}, "builtins:set"),
        (b"x", "builtins:bytes"),
        (np.random.default_rng(0), "Generator"),
        (Thawed(), "Thawed"),
        (FunctionTransformer(json.dumps), "FunctionTransformer"),
        (int, "builtins:type"),
    ],
    ids=[
        "function",
        "objects",
        "dates",
        "set",
        "bytes",
        "generator",
        "not frozen",
        "foreign function",
        "class",
    ],
)
def test_what_cannot_be_saved_is_refused_with_its_place(value, place):
    with pytest.raises(ConfigurationError, match=f"cannot save .*{place}"):
        to_state(value)


def test_foreign_estimators_and_cycles_are_refused(monkeypatch):
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ConfigurationError, match="refers back"):
        to_state(loop)
    monkeypatch.setattr(Shifted, "__module__", __name__)
    with pytest.raises(ConfigurationError, match=r"value of type .*Shifted"):
        to_state(Shifted())


def test_classes_of_registered_plugins_are_rebuilt_unless_plugins_are_off(monkeypatch):
    entry = EntryPoint("shifted", f"{__name__}:make_shifted", "ionbridge.models")
    monkeypatch.setattr(state_module, "entry_points", lambda group: [entry] if group == entry.group else [])
    monkeypatch.setattr(Shifted, "__module__", __name__)
    monkeypatch.setenv("IONBRIDGE_PLUGINS", "on")
    saved = to_state(Shifted(power=3.0))
    assert from_state(saved).power == 3.0
    monkeypatch.setenv("IONBRIDGE_PLUGINS", "off")
    with pytest.raises(ModelFileError, match="neither ionbridge's nor a plug-in's"):
        from_state(saved)


def test_attributes_outside_the_convention_are_refused():
    model = Shifted()
    model.threshold = 3.0
    with pytest.raises(
        ConfigurationError, match=r"\['threshold'\] .* neither constructor arguments nor learned"
    ):
        to_state(model)
    half_fitted = Shifted()
    half_fitted.domain_ = None
    with pytest.raises(ConfigurationError, match=r"lacks \['coef_'\]"):
        to_state(half_fitted)


def fitted_state() -> State:
    X = np.arange(6.0).reshape(3, 2)
    model = Shifted(inner=RidgeCV().fit(X, X[:, 0])).fit(X, X[:, 0])
    return copy.deepcopy(to_state(model))


def damage(change) -> State:
    state = fitted_state()
    change(state.config["root"], state.arrays)
    return state


DAMAGES = {
    "no format": (lambda root, arrays: root.clear(), "not of a known form"),
    "unknown kind": (lambda root, arrays: root.update(type="pickle"), "not of a known form"),
    "superfluous key": (lambda root, arrays: root.update(note=1), "not of a known form"),
    "array missing": (lambda root, arrays: arrays.pop("coef_"), "'coef_' of coef_ is missing"),
    "array superfluous": (
        lambda root, arrays: arrays.update(more=np.zeros(1)),
        r"no attribute refers to: \['more'\]",
    ),
    "wrong dtype": (
        lambda root, arrays: arrays.update(coef_=np.zeros(2, np.float32)),
        "must be float64 of shape",
    ),
    "wrong shape": (
        lambda root, arrays: arrays.update(coef_=np.zeros(3)),
        r"must be float64 of shape \(2,\)",
    ),
    "argument missing": (lambda root, arrays: root["parameters"].pop("power"), r"missing \['power'\]"),
    "argument superfluous": (lambda root, arrays: root["parameters"].update(q=1), r"superfluous \['q'\]"),
    "attribute missing": (lambda root, arrays: root["fitted"].pop("coef_"), r"missing \['coef_'\]"),
    "method overwritten": (lambda root, arrays: root["fitted"].update(fit=1), r"superfluous \['fit'\]"),
    "field missing": (
        lambda root, arrays: root["fitted"]["domain_"]["fields"].pop("name"),
        r"missing \['name'\]",
    ),
    "unknown class": (
        lambda root, arrays: root.update({"class": "ionbridge.nowhere:X"}),
        "does not exist here",
    ),
    "foreign class": (lambda root, arrays: root.update({"class": "subprocess:Popen"}), "neither ionbridge's"),
    "look-alike module": (
        lambda root, arrays: root.update({"class": "ionbridge_evil:X"}),
        "neither ionbridge's",
    ),
    "re-exported class": (
        lambda root, arrays: root.update({"class": "ionbridge.models.base:BaseEstimator"}),
        "not a class defined there",
    ),
    "not an estimator": (
        lambda root, arrays: root.update({"class": "ionbridge.quantities.base:Quantity"}),
        "must be an estimator",
    ),
    "other class in blob": (
        lambda root, arrays: root["parameters"]["inner"].update({"class": "sklearn.linear_model:Lasso"}),
        "must be sklearn.linear_model:Lasso",
    ),
}


@pytest.mark.parametrize(("change", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_state_is_refused(change, message):
    with pytest.raises(ModelFileError, match=message):
        from_state(damage(change))


@pytest.mark.parametrize("config", [{}, {"format": 99, "root": None}, []], ids=["empty", "newer", "list"])
def test_an_unknown_format_is_refused(config):
    with pytest.raises(ModelFileError, match=r"save the model again|reads format 1"):
        from_state(State(config, {}))


def test_a_truncated_scikit_learn_part_is_refused():
    def cut(root, arrays):
        arrays["inner"] = arrays["inner"][:200]
        root["parameters"]["inner"]["shape"] = [200]

    with pytest.raises(ModelFileError, match="inner"):
        from_state(damage(cut))


def test_another_version_of_scikit_learn_warns():
    state = damage(lambda root, arrays: root["parameters"]["inner"].update(version="1.2.3"))
    with pytest.warns(IonBridgeWarning, match=r"saved with scikit-learn 1\.2\.3"):
        from_state(state)


def test_texts_decide_how_much_memory_they_take():
    texts = np.array(["a", "b"], dtype="<U70")
    state = to_state({"texts": texts})
    crafted = json.loads(json.dumps(state.config).replace("<U70", "<U500000000"))
    read = from_state(State(crafted, state.arrays))["texts"]
    assert read.dtype.itemsize <= 4 * 70
    assert read.tolist() == ["a", "b"]
    crafted = json.loads(
        json.dumps(state.config)
        .replace("<U70", "<U30000")
        .replace('"a"', ", ".join(['""'] * 1000 + [f'"{"x" * 30000}"']))
    )
    with pytest.raises(ModelFileError, match=r"would take .* MiB"):
        from_state(State(crafted, state.arrays))
