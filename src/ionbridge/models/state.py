"""State of a fitted object as JSON-ready settings plus plain arrays, and the way back.

No pickle: nothing read here can run code. Files, cards and searching belong to `library/`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import os
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ionbridge.exceptions import ConfigurationError, IonBridgeWarning, ModelFileError

__all__ = ["State", "from_state", "to_state"]

FORMAT = 1
_PLUGIN_GROUPS = ("ionbridge.strategies", "ionbridge.models", "ionbridge.simulators")
_SPARE_CHARACTERS = 64  # a text array may be this much wider than its texts
_FREE_BYTES = 2**26  # a text array may be as large as this whatever it holds
_ARRAY_TYPES = frozenset(
    {"bool", "float16", "float32", "float64", "complex64", "complex128"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_TRUSTED_BY_MODULE = {
    "sklearn.tree._tree": ["Tree"],
    "sklearn.ensemble._hist_gradient_boosting.binning": ["_BinMapper"],
    "sklearn.ensemble._hist_gradient_boosting.predictor": ["TreePredictor"],
    "sklearn._loss.link": ["IdentityLink", "Interval", "LogLink"],
    "sklearn._loss.loss": [
        "AbsoluteError",
        "HalfGammaLoss",
        "HalfPoissonLoss",
        "HalfSquaredError",
        "HuberLoss",
        "PinballLoss",
    ],
    "sklearn._loss._loss": [
        "CyAbsoluteError",
        "CyHalfGammaLoss",
        "CyHalfPoissonLoss",
        "CyHalfSquaredError",
        "CyHuberLoss",
        "CyPinballLoss",
    ],
    "sklearn.metrics._scorer": ["_PassthroughScorer"],
    "sklearn.model_selection._split": ["KFold"],
    "sklearn.metrics._dist_metrics": ["EuclideanDistance64", "ManhattanDistance64", "MinkowskiDistance64"],
    "sklearn.neighbors._ball_tree": ["BallTree"],
    "sklearn.neighbors._kd_tree": ["KDTree"],
    "sklearn.gaussian_process.kernels": [
        "CompoundKernel",
        "ConstantKernel",
        "DotProduct",
        "ExpSineSquared",
        "Exponentiation",
        "Hyperparameter",
        "Matern",
        "PairwiseKernel",
        "Product",
        "RBF",
        "RationalQuadratic",
        "Sum",
        "WhiteKernel",
    ],
}
_TRUSTED = frozenset(f"{module}.{name}" for module, names in _TRUSTED_BY_MODULE.items() for name in names)


@dataclass(frozen=True)
class State:
    """What is needed to rebuild an object, without any code in it.

    Parameters
    ----------
    config : JSON-ready (only None, bool, int, finite float, str, list, dict with text keys).
    arrays : numeric or bool arrays by the name under which `config` refers to them.
    """

    config: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def to_state(obj: Any) -> State:
    """Take `obj` apart.

    Accepted are plain values, arrays (numeric, bool, text), lists, tuples, dictionaries, frozen
    dataclasses and estimators of ionbridge or of registered plug-ins (constructor arguments and
    attributes ending in ``_``), and scikit-learn estimators. Attributes that start with ``_``
    are taken for caches and left out.

    Raises
    ------
    ConfigurationError
        If something inside `obj` cannot be saved; the message gives its place and type.
    """
    encoder = _Encoder()
    root = encoder.encode(obj, ())
    return State({"format": FORMAT, "root": root}, encoder.arrays)


def from_state(state: State) -> Any:
    """Rebuild the object that `to_state` took apart.

    Raises
    ------
    ModelFileError
        If a class is not known, an attribute or array is missing, superfluous or of the wrong
        type, or a scikit-learn part cannot be read by the installed version.
    """
    config = state.config
    if not isinstance(config, Mapping) or set(config) != {"format", "root"}:
        raise ModelFileError("the saved state must hold exactly 'format' and 'root'; save the model again.")
    if config["format"] != FORMAT:
        raise ModelFileError(
            f"the saved state has format {config['format']!r}; this ionbridge reads format {FORMAT}. "
            "Load it with the version of ionbridge that its card names."
        )
    decoder = _Decoder(state.arrays)
    obj = decoder.decode(config["root"], ())
    unused = sorted(set(state.arrays) - decoder.used)
    if unused:
        raise ModelFileError(f"the saved state holds arrays that no attribute refers to: {unused[:5]}.")
    return obj


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) or "value"


def _class_name(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _plugin_modules() -> set[str]:
    if os.environ.get("IONBRIDGE_PLUGINS", "on").lower() == "off":
        return set()
    return {entry.module for group in _PLUGIN_GROUPS for entry in entry_points(group=group)}


def _may_rebuild(module: str) -> bool:
    """Whether classes of `module` may be rebuilt: ours, and modules that registered something."""
    return module.partition(".")[0] == "ionbridge" or module in _plugin_modules()


def _is_frozen_dataclass(cls: type) -> bool:
    return dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]


def _is_fitted_name(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _declared(cls: type) -> set[str]:
    """Names that a fitted `cls` must have: annotated, ending in ``_``, not optional, no default."""
    return {
        name
        for base in cls.__mro__
        for name, annotation in inspect.get_annotations(base).items()
        if _is_fitted_name(name) and "None" not in str(annotation) and not hasattr(cls, name)
    }


class _Encoder:
    """Walks an object; shared arrays and scikit-learn parts are stored once."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self._nodes: dict[int, dict[str, Any]] = {}
        self._kept: list[Any] = []  # keeps ids in `_nodes` valid
        self._open: list[int] = []

    def encode(self, obj: Any, path: tuple[str, ...]) -> Any:
        if obj is None or type(obj) in (bool, int, str):
            return obj
        if type(obj) is float:
            return obj if math.isfinite(obj) else {"type": "float", "value": repr(obj)}
        if isinstance(obj, np.generic):
            node = self._array(np.asarray(obj), path)
            return {**node, "type": "text scalar" if node["type"] == "text" else "scalar"}
        if id(obj) in self._nodes:
            return self._nodes[id(obj)]
        if id(obj) in self._open:
            raise ConfigurationError(
                f"cannot save {_place(path)}: it refers back to an object that holds it."
            )
        self._open.append(id(obj))
        node = self._compound(obj, path)
        self._open.pop()
        if isinstance(obj, np.ndarray) or (isinstance(node, dict) and node["type"] == "scikit-learn"):
            self._nodes[id(obj)] = node
            self._kept.append(obj)
        return node

    def _compound(self, obj: Any, path: tuple[str, ...]) -> Any:
        cls = type(obj)
        if cls is np.ndarray:
            return self._array(obj, path)
        if cls in (list, tuple):
            items = [self.encode(item, (*path, str(i))) for i, item in enumerate(obj)]
            return items if cls is list else {"type": "tuple", "items": items}
        if cls is dict:
            pairs = [
                [self.encode(key, (*path, f"key{i}")), self.encode(value, (*path, str(key)))]
                for i, (key, value) in enumerate(obj.items())
            ]
            return {"type": "dict", "items": pairs}
        if isinstance(obj, BaseEstimator) and cls.__module__.partition(".")[0] == "sklearn":
            return self._scikit_learn(obj, path)
        if isinstance(obj, BaseEstimator) and _may_rebuild(cls.__module__):
            return self._estimator(obj, path)
        if _is_frozen_dataclass(cls) and _may_rebuild(cls.__module__):
            fields = {f.name: getattr(obj, f.name) for f in dataclasses.fields(obj) if f.init}
            return {
                "type": "value",
                "class": self._checked_name(cls, path),
                "fields": self._named(fields, path),
            }
        raise ConfigurationError(
            f"cannot save {_place(path)} of type {_class_name(cls)}; keep arrays, plain values, lists, tuples, "
            "dictionaries, frozen dataclasses or estimators of ionbridge, scikit-learn or a registered plug-in."
        )

    def _named(self, values: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        return {name: self.encode(value, (*path, name)) for name, value in values.items()}

    def _checked_name(self, cls: type, path: tuple[str, ...]) -> str:
        if getattr(importlib.import_module(cls.__module__), cls.__qualname__, None) is not cls:
            raise ConfigurationError(
                f"cannot save {_place(path)}: class {_class_name(cls)} must be importable by that name; "
                "define it at the top level of its module."
            )
        return _class_name(cls)

    def _estimator(self, obj: BaseEstimator, path: tuple[str, ...]) -> dict[str, Any]:
        parameters = obj.get_params(deep=False)
        attributes = {name: value for name, value in vars(obj).items() if name not in parameters}
        odd = sorted(name for name in attributes if not name.startswith("_") and not name.endswith("_"))
        if odd:
            raise ConfigurationError(
                f"cannot save {_place(path)}: attributes {odd} of {_class_name(type(obj))} are neither constructor "
                "arguments nor learned (name ending in '_')."
            )
        fitted = {name: value for name, value in attributes.items() if _is_fitted_name(name)}
        missing = sorted(_declared(type(obj)) - set(fitted)) if fitted else []
        if missing:
            raise ConfigurationError(
                f"cannot save {_place(path)}: the fitted {_class_name(type(obj))} lacks {missing}, which its "
                "class declares; let 'fit' set them."
            )
        return {
            "type": "estimator",
            "class": self._checked_name(type(obj), path),
            "parameters": self._named(parameters, path),
            "fitted": self._named(fitted, path),
        }

    def _scikit_learn(self, obj: BaseEstimator, path: tuple[str, ...]) -> dict[str, Any]:
        from skops import io

        try:
            blob = io.dumps(obj, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        except Exception as error:
            raise ConfigurationError(
                f"cannot save {_place(path)}: scikit-learn estimator {type(obj).__name__} holds something that "
                f"skops does not write ({type(error).__name__}: {error})."
            ) from error
        strange = sorted(set(io.get_untrusted_types(data=blob)) - _TRUSTED)
        if strange:
            raise ConfigurationError(
                f"cannot save {_place(path)}: scikit-learn estimator {type(obj).__name__} holds {strange}, which "
                "would not be trusted on loading; use scikit-learn's own parts."
            )
        node = self._array(np.frombuffer(blob, dtype=np.uint8), path)
        return {
            **node,
            "type": "scikit-learn",
            "class": _class_name(type(obj)),
            "version": sklearn.__version__,
        }

    def _array(self, array: NDArray[Any], path: tuple[str, ...]) -> dict[str, Any]:
        kind = array.dtype.kind
        is_text_object = kind == "O" and all(type(item) is str for item in array.flat)
        if kind == "U" or is_text_object:
            dtype = "object" if is_text_object else array.dtype.newbyteorder("=").str
            items = [str(item) for item in array.flat]
            return {"type": "text", "dtype": dtype, "shape": list(array.shape), "items": items}
        if array.dtype.name not in _ARRAY_TYPES:
            raise ConfigurationError(
                f"cannot save {_place(path)}: arrays must be numeric, bool or text; got dtype {array.dtype}."
            )
        array = np.asarray(array, dtype=array.dtype.newbyteorder("="))
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        stored = np.ascontiguousarray(array.T if order == "F" else array).reshape(
            array.shape[:: -1 if order == "F" else 1]
        )
        if kind == "c":
            stored = np.stack([stored.real, stored.imag], axis=-1)
        name, n = _place(path), 1
        while name in self.arrays:
            name, n = f"{_place(path)}#{n}", n + 1
        self.arrays[name] = stored
        return {
            "type": "array",
            "array": name,
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "order": order,
        }


class _Decoder:
    """Rebuilds an object; every node is checked before anything is made of it."""

    _KEYS: ClassVar[dict[str, set[str]]] = {
        "float": {"value"},
        "tuple": {"items"},
        "dict": {"items"},
        "array": {"array", "dtype", "shape", "order"},
        "scalar": {"array", "dtype", "shape", "order"},
        "text": {"dtype", "shape", "items"},
        "text scalar": {"dtype", "shape", "items"},
        "value": {"class", "fields"},
        "estimator": {"class", "parameters", "fitted"},
        "scikit-learn": {"array", "dtype", "shape", "order", "class", "version"},
    }

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = arrays
        self.used: set[str] = set()
        self._made: dict[str, NDArray[Any]] = {}
        self._estimators: dict[str, BaseEstimator] = {}

    def decode(self, node: Any, path: tuple[str, ...]) -> Any:
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        if isinstance(node, list):
            return [self.decode(item, (*path, str(i))) for i, item in enumerate(node)]
        kind = str(node.get("type")) if isinstance(node, dict) else type(node).__name__
        if kind not in self._KEYS or set(node) != self._KEYS[kind] | {"type"}:
            raise ModelFileError(
                f"{_place(path)} of the saved state is not of a known form (type {kind!r}); the file was edited "
                "or written by another version of ionbridge."
            )
        method = getattr(self, "_" + {"text scalar": "text", "scikit-learn": "scikit_learn"}.get(kind, kind))
        try:
            return method(node, path)
        except ModelFileError:
            raise
        except Exception as error:
            raise ModelFileError(
                f"{_place(path)} of the saved state ({kind}) cannot be rebuilt: {type(error).__name__}: {error}."
            ) from error

    def _float(self, node: dict[str, Any], path: tuple[str, ...]) -> float:
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[node["value"]]

    def _tuple(self, node: dict[str, Any], path: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(self.decode(list(node["items"]), path))

    def _dict(self, node: dict[str, Any], path: tuple[str, ...]) -> dict[Any, Any]:
        keys = [self.decode(key, (*path, f"key{i}")) for i, (key, _) in enumerate(node["items"])]
        return {
            key: self.decode(value, (*path, str(key)))
            for key, (_, value) in zip(keys, node["items"], strict=True)
        }

    def _text(self, node: dict[str, Any], path: tuple[str, ...]) -> Any:
        dtype = np.dtype(object if node["dtype"] == "object" else node["dtype"])
        if dtype.kind not in "UO" or not all(isinstance(item, str) for item in node["items"]):
            raise ModelFileError(
                f"{_place(path)} of the saved state must be text; got dtype {node['dtype']!r}."
            )
        if dtype.kind == "U":
            dtype = self._bounded(dtype, [len(item) for item in node["items"]], path)
        array = np.array(node["items"], dtype=dtype).reshape(node["shape"])
        return array[()] if node["type"] == "text scalar" else array

    def _bounded(self, dtype: np.dtype[Any], lengths: list[int], path: tuple[str, ...]) -> np.dtype[Any]:
        """Text type no wider than its texts need: the file alone must not decide how much memory is taken."""
        width = min(dtype.itemsize // 4, max([_SPARE_CHARACTERS, *lengths]))
        n_bytes = 4 * width * len(lengths)
        if n_bytes > _FREE_BYTES and n_bytes > 4000 * sum(lengths):
            raise ModelFileError(
                f"{_place(path)} of the saved state would take {n_bytes / 2**20:.0f} MiB for {sum(lengths)} characters; "
                "the file was edited."
            )
        return np.dtype(f"U{width}")

    def _scalar(self, node: dict[str, Any], path: tuple[str, ...]) -> Any:
        return self._array(node, path)[()]

    def _array(self, node: dict[str, Any], path: tuple[str, ...]) -> NDArray[Any]:
        name, shape = node["array"], tuple(node["shape"])
        if name in self._made:
            return self._made[name]
        if name not in self.arrays:
            raise ModelFileError(f"array {name!r} of {_place(path)} is missing from the saved state.")
        stored, is_complex = np.asarray(self.arrays[name]), node["dtype"].startswith("complex")
        expected = (*(shape[::-1] if node["order"] == "F" else shape), *((2,) if is_complex else ()))
        expected_dtype = {"complex64": "float32", "complex128": "float64"}.get(node["dtype"], node["dtype"])
        if (
            node["dtype"] not in _ARRAY_TYPES
            or stored.dtype.name != expected_dtype
            or stored.shape != expected
        ):
            raise ModelFileError(
                f"array {name!r} must be {expected_dtype} of shape {expected}; got {stored.dtype} of shape {stored.shape}."
            )
        array = stored.copy(order="C")
        if is_complex:
            array = array.view(node["dtype"])[..., 0]
        self.used.add(name)
        self._made[name] = array.T if node["order"] == "F" else array
        return self._made[name]

    def _class(self, name: str, path: tuple[str, ...]) -> Any:
        module, _, qualname = str(name).partition(":")
        remedy = "install the plug-in that defines it, or the version of ionbridge that its card names."
        if not _may_rebuild(module) or "__main__" in module:
            raise ModelFileError(
                f"class {name!r} of {_place(path)} is neither ionbridge's nor a plug-in's; {remedy}"
            )
        try:
            cls = getattr(importlib.import_module(module), qualname)
        except (ImportError, AttributeError) as error:
            raise ModelFileError(f"class {name!r} of {_place(path)} does not exist here; {remedy}") from error
        if not isinstance(cls, type) or _class_name(cls) != name:
            raise ModelFileError(
                f"{name!r} of {_place(path)} is not a class defined there; the file was edited."
            )
        return cls

    def _same_names(self, what: str, name: str, given: set[str], expected: set[str]) -> None:
        if given != expected:
            raise ModelFileError(
                f"{what} of {name} do not fit: missing {sorted(expected - given)}, superfluous {sorted(given - expected)}; "
                "the file was edited or written by another version of ionbridge."
            )

    def _value(self, node: dict[str, Any], path: tuple[str, ...]) -> Any:
        cls = self._class(node["class"], path)
        if not _is_frozen_dataclass(cls):
            raise ModelFileError(f"class {node['class']!r} of {_place(path)} must be a frozen dataclass.")
        expected = {f.name for f in dataclasses.fields(cls) if f.init}
        self._same_names("fields", node["class"], set(node["fields"]), expected)
        return cls(**{name: self.decode(value, (*path, name)) for name, value in node["fields"].items()})

    def _estimator(self, node: dict[str, Any], path: tuple[str, ...]) -> BaseEstimator:
        cls = self._class(node["class"], path)
        if not issubclass(cls, BaseEstimator):
            raise ModelFileError(f"class {node['class']!r} of {_place(path)} must be an estimator.")
        self._same_names(
            "constructor arguments", node["class"], set(node["parameters"]), set(cls._get_param_names())
        )
        fitted = node["fitted"]
        odd = [name for name in fitted if not _is_fitted_name(name) or hasattr(cls, name)]
        missing = sorted(_declared(cls) - set(fitted)) if fitted else []
        if odd or missing:
            raise ModelFileError(
                f"learned attributes of {node['class']} do not fit: missing {missing}, superfluous {sorted(odd)}; "
                "the file was edited or written by another version of ionbridge."
            )
        obj = cls(**{name: self.decode(value, (*path, name)) for name, value in node["parameters"].items()})
        for name, value in fitted.items():
            setattr(obj, name, self.decode(value, (*path, name)))
        return obj

    def _scikit_learn(self, node: dict[str, Any], path: tuple[str, ...]) -> BaseEstimator:
        from skops import io

        if node["array"] in self._estimators:
            return self._estimators[node["array"]]
        blob = self._array({**node, "type": "array"}, path).tobytes()
        strange = sorted(set(io.get_untrusted_types(data=blob)) - _TRUSTED)
        if strange:
            raise ModelFileError(
                f"{_place(path)} of the saved state holds types that are not trusted: {strange}."
            )
        saved, here = node["version"], sklearn.__version__
        if saved != here:
            warnings.warn(
                f"{_place(path)} was saved with scikit-learn {saved} and is read with {here}; predictions may differ. "
                f"Install scikit-learn=={saved} or train the model again.",
                IonBridgeWarning,
                stacklevel=2,
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", sklearn.exceptions.InconsistentVersionWarning)
                obj = io.loads(blob, trusted=sorted(_TRUSTED))
        except Exception as error:
            raise ModelFileError(
                f"{_place(path)} (scikit-learn {saved}) cannot be read with scikit-learn {here}: "
                f"{type(error).__name__}: {error}. Install scikit-learn=={saved}, or train the model again."
            ) from error
        if not isinstance(obj, BaseEstimator) or _class_name(type(obj)) != node["class"]:
            raise ModelFileError(
                f"{_place(path)} of the saved state must be {node['class']}; got {type(obj).__name__}."
            )
        self._estimators[node["array"]] = obj
        return obj
