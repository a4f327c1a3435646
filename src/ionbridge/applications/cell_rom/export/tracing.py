"""Record what a numpy function does as a `Graph`: the function is called once with stand-ins for arrays.

The function must not branch on values. Carrying graphs over to C and ONNX is the work of `c_code` and `onnx`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ionbridge.applications.cell_rom.export.graph import (
    BINARY,
    COMPARISONS,
    LOGICAL,
    UNARY,
    Graph,
    Kind,
    Node,
    apply,
)
from ionbridge.exceptions import ConfigurationError

__all__ = ["Recorder", "Traced", "trace"]


def trace(function: Callable[..., Mapping[str, Any]], inputs: Mapping[str, tuple[int, ...]]) -> Graph:
    """Call `function` once with recorders and return what it did.

    Parameters
    ----------
    function : takes the inputs by name and returns arrays by name; written with numpy, without
        branching on values. Arrays that it holds become constants.
    inputs : shape by name; all of them real.

    Raises
    ------
    ConfigurationError
        If the function uses something that cannot be exported; the message names it.
    """
    recorder = Recorder()
    given = {name: recorder.add("input", (), shape, name=name) for name, shape in inputs.items()}
    outputs = {name: _as_real(recorder.lift(value)).number for name, value in function(**given).items()}
    return _without_dead_ends(recorder.nodes, {n: t.number for n, t in given.items()}, outputs)


def _without_dead_ends(nodes: Sequence[Node], inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Graph:
    """Leave out what no output needs; inputs stay."""
    needed = set(inputs.values())
    waiting = list(outputs.values())
    while waiting:
        number = waiting.pop()
        if number not in needed:
            needed.add(number)
            waiting.extend(nodes[number].inputs)
    renumbered = {old: new for new, old in enumerate(sorted(needed))}
    kept = tuple(
        Node(n.operation, tuple(renumbered[i] for i in n.inputs), n.shape, n.kind, n.settings)
        for n in (nodes[old] for old in sorted(needed))
    )
    return Graph(
        kept,
        {name: renumbered[number] for name, number in inputs.items()},
        {name: renumbered[number] for name, number in outputs.items()},
    )


class Recorder:
    """Collects the operations of one function."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(
        self,
        operation: str,
        inputs: Sequence[int],
        shape: tuple[int, ...],
        kind: Kind = "real",
        **settings: Any,
    ) -> Traced:
        """Record an operation; what only depends on constants is computed at once."""
        node = Node(operation, tuple(inputs), tuple(int(n) for n in shape), kind, settings)
        given = [self.nodes[i] for i in node.inputs]
        if given and all(part.operation == "constant" for part in given):
            value = apply(node, [part.settings["value"] for part in given])
            node = Node("constant", (), node.shape, kind, {"value": value})
        self.nodes.append(node)
        return Traced(self, len(self.nodes) - 1)

    def lift(self, value: Any) -> Traced:
        """Make a constant of anything that is not recorded yet; a list is put together."""
        if isinstance(value, Traced):
            return value
        if isinstance(value, list | tuple) and any(isinstance(item, Traced) for item in value):
            return _stack(self, value)
        array = np.asarray(value)
        kinds: dict[str, Kind] = {"b": "boolean", "i": "integer", "u": "integer", "f": "real"}
        if array.dtype.kind not in kinds:
            _refuse(f"a constant of type {array.dtype}")
        kind = kinds[array.dtype.kind]
        if kind == "integer":  # in arithmetic, integers are real numbers; `gather` keeps its indices itself
            kind = "real"
        array = array if kind == "boolean" else array.astype(float)
        return self.add("constant", (), array.shape, kind, value=array)


def _refuse(what: str) -> NoReturn:
    raise ConfigurationError(
        f"the step of this model uses {what}, which cannot be exported; write it with the functions of numpy "
        "that ionbridge.applications.cell_rom.export.tracing knows."
    )


class Traced(NDArrayOperatorsMixin):
    """Stands for an array while a function is recorded.

    Parts of it (``x[2:]``) remember where they come from, so that writing to them changes the whole.
    """

    def __init__(self, recorder: Recorder, number: int, part_of: tuple[Traced, Any] | None = None) -> None:
        self.recorder = recorder
        self.number = number
        self._part_of = part_of

    @property
    def node(self) -> Node:
        """The operation that makes this array."""
        return self.recorder.nodes[self.number]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.node.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.node.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        return np.dtype({"real": float, "boolean": bool, "integer": int}[self.node.kind])

    @property
    def T(self) -> Traced:
        """The transposed array."""
        return _moved(self, lambda places: places.T)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Traced]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        _refuse("a decision that depends on a value ('if', 'and', 'max' of Python)")

    def __float__(self) -> float:
        _refuse("'float' of a value")

    def __getitem__(self, key: Any) -> Traced:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(part, Traced) for part in parts):
            part = _moved(self, lambda places: places[key])
            return Traced(self.recorder, part.number, (self, key))
        if len(parts) > 1:
            _refuse("a computed index beside others")
        width = self.size // self.shape[0]  # rows of several entries: their places in the flattened array
        start = _as_real(parts[0])
        if width == 1:
            return _take(self.ravel(), start).reshape(*start.shape, *self.shape[1:])
        places = start.reshape(-1, 1) * float(width) + np.arange(width)
        return _take(self.ravel(), places).reshape(*start.shape, *self.shape[1:])

    def __setitem__(self, key: Any, value: Any) -> None:
        """Replace entries: from now on this object stands for the changed array."""
        places = np.arange(self.size).reshape(self.shape)
        chosen = np.asarray(places[key])
        given = _broadcast(self.recorder, value, chosen.shape)
        joined = _concatenate(self.recorder, [self.ravel(), given.ravel()])
        places[key] = self.size + np.arange(chosen.size).reshape(chosen.shape)
        self._become(_moved(joined, lambda _: places))

    def _become(self, other: Traced) -> None:
        """Stand for another array from now on, as part of a larger one as well."""
        self.number = other.number
        if self._part_of is not None:
            whole, key = self._part_of
            whole[key] = other

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **settings: Any) -> Any:
        out = settings.pop("out", None)
        if method != "__call__" or any(value is not None for value in settings.values()):
            _refuse(f"numpy.{ufunc.__name__}.{method} with {sorted(settings)}")
        result = _ufunc(self.recorder, ufunc.__name__, given)
        if out is None:
            return result
        if not isinstance(out[0], Traced):
            _refuse(
                f"numpy.{ufunc.__name__} into an array that was not made like a recorded one (numpy.empty_like)"
            )
        out[0]._become(_broadcast(self.recorder, result, out[0].shape))
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name not in _FUNCTIONS:
            _refuse(f"numpy.{name}")
        return _FUNCTIONS[name](self.recorder, *args, **kwargs)

    def reshape(self, *shape: Any) -> Traced:
        """Give the array another shape."""
        return _reshape(self.recorder, self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Traced:
        """Give the array one dimension."""
        return self.reshape(-1)

    flatten = ravel

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Traced:
        """Sum over an axis, or over all."""
        return _reduce(self.recorder, "sum", self, axis, keepdims)

    def mean(self, axis: int | None = None, keepdims: bool = False) -> Traced:
        """Mean over an axis, or over all."""
        return _mean(self.recorder, self, axis, keepdims)

    def astype(self, dtype: Any, copy: bool = True) -> Traced:
        """Take truth values and integers for numbers, or cut numbers off to integers."""
        if np.dtype(dtype).kind == "f":
            return self if self.node.kind == "real" else _as_real(self)
        if np.dtype(dtype).kind == "i" and self.node.kind == "real":
            return self.recorder.add("as_integer", (self.number,), self.shape, "integer")
        if np.dtype(dtype) == self.dtype:
            return self
        return _refuse(f"a conversion from {self.dtype} to {np.dtype(dtype)}")

    def max(self, axis: int | None = None, keepdims: bool = False) -> Traced:
        """Largest entry along an axis, or of all."""
        return _reduce(self.recorder, "max", self, axis, keepdims)

    def min(self, axis: int | None = None, keepdims: bool = False) -> Traced:
        """Smallest entry along an axis, or of all."""
        return -_reduce(self.recorder, "max", -self, axis, keepdims)

    def copy(self) -> Traced:
        """Return an object of its own that stands for the same array."""
        return Traced(self.recorder, self.number)


def _as_real(value: Traced) -> Traced:
    if value.node.kind == "real":
        return value
    return value.recorder.add("as_real", (value.number,), value.shape)


def _ufunc(recorder: Recorder, name: str, given: Sequence[Any]) -> Traced:
    name = {"abs": "absolute", "fabs": "absolute", "pow": "power", "true_divide": "divide"}.get(name, name)
    parts = [recorder.lift(value) for value in given]
    if name == "matmul":
        return _matmul(recorder, *parts)
    if name in _COMPOSED:
        return _COMPOSED[name](*parts)
    shape = np.broadcast_shapes(*(part.shape for part in parts))
    if name in LOGICAL or name == "logical_not":
        return recorder.add(name, [part.number for part in parts], shape, "boolean")
    if name == "isfinite" or name in COMPARISONS:
        return recorder.add(name, [_as_real(part).number for part in parts], shape, "boolean")
    if name in UNARY or name in BINARY:
        return recorder.add(name, [_as_real(part).number for part in parts], shape)
    _refuse(f"numpy.{name}")


_COMPOSED: dict[str, Callable[..., Any]] = {
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "positive": lambda x: x,
    "bitwise_and": np.logical_and,
    "bitwise_or": np.logical_or,
    "invert": np.logical_not,
    "not_equal": lambda a, b: np.logical_not(a == b),
    "logaddexp": lambda a, b: np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b))),
    "expit": lambda x: 0.5 * (1.0 + np.tanh(0.5 * x)),
    "fmax": np.maximum,
    "fmin": np.minimum,
}


def _matmul(recorder: Recorder, left: Traced, right: Traced) -> Traced:
    if left.ndim > 2 or right.ndim > 2 or not left.ndim or not right.ndim:
        return _batched_matmul(recorder, left, right)
    a = left if left.ndim == 2 else left.reshape(1, -1)
    b = right if right.ndim == 2 else right.reshape(-1, 1)
    if a.shape[1] != b.shape[0]:
        raise ConfigurationError(f"matrices of shapes {left.shape} and {right.shape} cannot be multiplied.")
    product = recorder.add("matmul", (a.number, b.number), (a.shape[0], b.shape[1]))
    shape = left.shape[:-1] + (right.shape[-1:] if right.ndim == 2 else ())
    return product if product.shape == shape else product.reshape(shape)


def _batched_matmul(recorder: Recorder, left: Traced, right: Traced) -> Traced:
    """Products of stacks of matrices (members of an ensemble), as products of single ones."""
    if left.ndim < 2 or right.ndim < 2:
        _refuse(f"a product of arrays of shapes {left.shape} and {right.shape}")
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    a = _broadcast(recorder, left, (*batch, *left.shape[-2:])).reshape(-1, *left.shape[-2:])
    b = _broadcast(recorder, right, (*batch, *right.shape[-2:])).reshape(-1, *right.shape[-2:])
    products = [_matmul(recorder, a[i], b[i]) for i in range(math.prod(batch))]
    return _stack(recorder, products).reshape(*batch, left.shape[-2], right.shape[-1])


def _moved(value: Traced, move: Callable[[Any], Any]) -> Traced:
    """Select and rearrange entries as `move` does with an array of places."""
    places = np.asarray(move(np.arange(value.size).reshape(value.shape)))
    if np.array_equal(places.reshape(-1), np.arange(value.size)):
        return value.reshape(places.shape)
    return value.recorder.add(
        "gather", (value.number,), places.shape, value.node.kind, indices=places.reshape(-1)
    )


def _reshape(recorder: Recorder, value: Any, shape: Any, **_: Any) -> Traced:
    value = recorder.lift(value)
    target = np.empty(value.shape).reshape(shape).shape
    if target == value.shape:
        return value
    return recorder.add("reshape", (value.number,), target, value.node.kind)


def _broadcast(recorder: Recorder, value: Any, shape: Any, **_: Any) -> Traced:
    return _moved(recorder.lift(value), lambda places: np.broadcast_to(places, shape))


def _concatenate(recorder: Recorder, parts: Sequence[Any], axis: int | None = 0) -> Traced:
    lifted = [_as_real(recorder.lift(part)) for part in parts]
    flat = recorder.add("concatenate", [p.number for p in lifted], (sum(p.size for p in lifted),))
    starts = np.cumsum([0, *(part.size for part in lifted)])
    places = [
        np.arange(start, start + part.size).reshape(part.shape)
        for start, part in zip(starts[:-1], lifted, strict=True)
    ]
    arranged = np.concatenate(places, axis=axis)
    return _moved(flat, lambda _: arranged)


def _stack(recorder: Recorder, parts: Sequence[Any], axis: int = 0) -> Traced:
    lifted = [recorder.lift(part) for part in parts]
    joined = _concatenate(recorder, [part.reshape(1, *part.shape) for part in lifted])
    return joined if axis == 0 else _moved(joined, lambda places: np.moveaxis(places, 0, axis))


def _reduce(recorder: Recorder, how: str, value: Any, axis: Any = None, keepdims: bool = False) -> Traced:
    value = _as_real(recorder.lift(value))
    if isinstance(axis, tuple):
        _refuse("a reduction over several axes at once")
    kept = np.empty(value.shape).sum(axis=axis, keepdims=True).shape
    if axis is None:
        value, axis = value.reshape(-1), 0
    axis %= value.ndim
    reduced = recorder.add(how, (value.number,), value.shape[:axis] + value.shape[axis + 1 :], axis=axis)
    return reduced.reshape(kept) if keepdims else reduced


def _mean(
    recorder: Recorder, value: Any, axis: int | None = None, keepdims: bool = False, **_: Any
) -> Traced:
    value = recorder.lift(value)
    count = value.size if axis is None else value.shape[axis]
    return _reduce(recorder, "sum", value, axis, keepdims) / float(count)


def _take(values: Traced, places: Traced) -> Traced:
    return values.recorder.add("take", (values.number, places.number), places.shape, values.node.kind)


def _searchsorted(recorder: Recorder, table: Any, value: Any, side: str = "left", **_: Any) -> Traced:
    table, value = recorder.lift(table), recorder.lift(value)
    return recorder.add(
        "count_below", (table.number, value.number), value.shape, "integer", right=side == "right"
    )


def _interp(recorder: Recorder, x: Any, xp: Any, fp: Any, **_: Any) -> Traced:
    """Piecewise linear, constant outside, as numpy.interp."""
    x, xp, fp = (recorder.lift(part) for part in (x, xp, fp))
    n = xp.shape[0]
    inside = np.clip(x, xp[0], xp[n - 1])
    place = _as_real(_searchsorted(recorder, xp[1 : n - 1], inside, side="right"))
    left, right = _take(xp, place), _take(xp, place + 1.0)
    low, high = _take(fp, place), _take(fp, place + 1.0)
    return low + (high - low) / (right - left) * (inside - left)


def _where(recorder: Recorder, condition: Any, *choices: Any) -> Traced:
    condition = recorder.lift(condition)
    yes, no = (_as_real(recorder.lift(choice)) for choice in choices)
    shape = np.broadcast_shapes(condition.shape, yes.shape, no.shape)
    return recorder.add("where", (condition.number, yes.number, no.number), shape)


def _clip(recorder: Recorder, value: Any, a_min: Any = None, a_max: Any = None, **_: Any) -> Any:
    value = recorder.lift(value)
    value = value if a_min is None else np.maximum(value, a_min)
    return value if a_max is None else np.minimum(value, a_max)


def _filled(number: float | None = None) -> Callable[..., Any]:
    def make(recorder: Recorder, value: Any, fill_value: Any = 0.0, shape: Any = None, **_: Any) -> Traced:
        size = np.shape(value) if shape is None else np.empty(shape).shape
        return recorder.lift(np.full(size, fill_value if number is None else number, dtype=float))

    return make


def _all(recorder: Recorder, value: Any, axis: int | None = None, **_: Any) -> Traced:
    fails = 1.0 - _as_real(recorder.lift(value))
    return _reduce(recorder, "max", fails, axis) < 0.5


def _any(recorder: Recorder, value: Any, axis: int | None = None, **_: Any) -> Traced:
    return _reduce(recorder, "max", _as_real(recorder.lift(value)), axis) > 0.5


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concatenate": _concatenate,
    "stack": _stack,
    "hstack": lambda recorder, parts: _concatenate(recorder, parts, -1),
    "interp": _interp,
    "where": _where,
    "clip": _clip,
    "sum": lambda recorder, value, axis=None, keepdims=False, **_: _reduce(
        recorder, "sum", value, axis, keepdims
    ),
    "mean": _mean,
    "max": lambda recorder, value, axis=None, keepdims=False, **_: _reduce(
        recorder, "max", value, axis, keepdims
    ),
    "amax": lambda recorder, value, axis=None, keepdims=False, **_: _reduce(
        recorder, "max", value, axis, keepdims
    ),
    "min": lambda recorder, value, axis=None, keepdims=False, **_: (
        -_reduce(recorder, "max", -recorder.lift(value), axis, keepdims)
    ),
    "all": _all,
    "any": _any,
    "dot": _matmul,
    "reshape": _reshape,
    "ravel": lambda recorder, value, **_: _reshape(recorder, value, -1),
    "squeeze": lambda recorder, value, axis=None: _moved(value, lambda p: np.squeeze(p, axis)),
    "expand_dims": lambda recorder, value, axis: _moved(value, lambda p: np.expand_dims(p, axis)),
    "transpose": lambda recorder, value, axes=None: _moved(value, lambda p: np.transpose(p, axes)),
    "moveaxis": lambda recorder, value, *axes: _moved(value, lambda p: np.moveaxis(p, *axes)),
    "broadcast_to": _broadcast,
    "atleast_1d": lambda recorder, value: value.reshape(1) if value.ndim == 0 else value,
    "searchsorted": _searchsorted,
    "take": lambda recorder, value, places, **_: _take(value.ravel(), recorder.lift(places)),
    "empty_like": _filled(0.0),
    "zeros_like": _filled(0.0),
    "ones_like": _filled(1.0),
    "full_like": _filled(),
    "shape": lambda recorder, value: value.shape,
    "ndim": lambda recorder, value: value.ndim,
    "size": lambda recorder, value: value.size,
}
