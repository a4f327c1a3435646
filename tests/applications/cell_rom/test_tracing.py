"""Functions recorded as graphs, and the C written from them, compute what numpy computes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ionbridge.applications.cell_rom.export.c_code import c_function, c_number
from ionbridge.applications.cell_rom.export.compiler import compile_library
from ionbridge.applications.cell_rom.export.tracing import trace
from ionbridge.exceptions import ConfigurationError

RNG = np.random.default_rng(0)
TABLE, VALUES = np.array([0.0, 0.1, 0.4, 0.9, 1.0]), RNG.normal(size=5)
WEIGHTS = RNG.normal(size=(3, 4))
STACK = RNG.normal(size=(2, 3, 4))

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "arithmetic": lambda x, m: (x + 2 * x - 1 / (2 + np.abs(x))) ** 2.0,
    "unary": lambda x, m: (
        np.tanh(np.arcsinh(np.exp(x))) + np.sqrt(np.abs(x)) + np.log1p(x * x) + np.expm1(-x)
    ),
    "hyperbolic": lambda x, m: np.sinh(x) + np.cosh(x) + np.sin(x) * np.cos(x) + np.sign(x) + np.floor(x),
    "broadcast": lambda x, m: x[:, None] * m + x.reshape(3, 1) - m.sum(axis=1, keepdims=True),
    "product": lambda x, m: m.T @ x + x @ WEIGHTS @ np.ones(4),
    "ensemble": lambda x, m: np.tanh(x[None, None, :] @ STACK).mean(axis=0),
    "table": lambda x, m: np.interp(x, TABLE, VALUES),
    "search": lambda x, m: np.take(m, np.minimum(np.searchsorted(TABLE, x, side="right"), 2)),
    "rows": lambda x, m: m[np.clip(4 * x, 0, 2).astype(np.intp)] + x[np.floor(np.abs(2 * x)).astype(int)],
    "filled": lambda x, m: _filled(x, m),
    "where": lambda x, m: np.where((x > 0) & (x < 1) | ~np.isfinite(x), x, -x),
    "extremes": lambda x, m: np.stack(
        [x.sum(), np.max(m), np.min(m), np.minimum(x, 0.2)[0], np.clip(x, 0, 1).mean()]
    ),
    "join": lambda x, m: np.concatenate([m, np.stack([x, 2 * x])], axis=0).T[::-1],
    "move": lambda x, m: (
        np.moveaxis(np.broadcast_to(x, (2, 3)), 0, 1) + np.squeeze(m[None, :2, :2].sum(axis=2))[0]
    ),
    "logic": lambda x, m: [
        np.where(np.sign(x) != 1, x, m[0]).sum(),
        np.all(x > -9) * 1.0,
        np.any(x > 9) * 1.0,
        (x[0] >= x[1]) * 1.0,
        (x[0] <= x[1]) * 1.0,
    ],
    "scalars": lambda x, m: [x[0], 3.0, m[1, 1] - 1e-300],
}


def _filled(x: Any, m: Any) -> Any:
    """Write into a new array, as fast numpy code does."""
    new = np.empty_like(m, shape=(4, 3))
    new[0] = x
    new[1:] = m
    new[2:, 1] = 7.0
    new[1] += x
    np.multiply(new[..., :2], 3.0, out=new[..., :2])
    np.exp(-np.abs(new), out=new)
    new *= 2.0
    return new.copy()


X, M = np.array([-0.3, 0.25, 0.95]), RNG.normal(size=(3, 3))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """All functions of this module, compiled at once."""
    folder = tmp_path_factory.mktemp("c")
    text = "#include <math.h>\n"
    for name, function in FUNCTIONS.items():
        text += c_function(_recorded(function), f"f_{name}")
        text += f"void run_{name}(const double *x, const double *m, double *y) {{ f_{name}(x, m, y); }}\n"
    (folder / "all.c").write_text(text)
    compile_library(folder / "all.c", folder / "all.so")
    return ctypes.CDLL(str(folder / "all.so"))


def _recorded(function: Callable[[Any, Any], Any]) -> Any:
    return trace(lambda x, m: {"y": function(x, m)}, {"x": X.shape, "m": M.shape})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recorded_function_computes_the_same(name: str) -> None:
    expected = np.asarray(FUNCTIONS[name](X, M), dtype=float)
    found = _recorded(FUNCTIONS[name]).evaluate(x=X, m=M)["y"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_c_computes_the_same(name: str, library: ctypes.CDLL) -> None:
    expected = np.asarray(FUNCTIONS[name](X, M), dtype=float)
    found = np.zeros(expected.shape)
    vector = np.ctypeslib.ndpointer(float)
    run = getattr(library, f"run_{name}")
    run.argtypes = [vector] * 3
    run(X, np.ascontiguousarray(M), found)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: x if x[0] > 0 else -x, "decision that depends on a value"),
        (lambda x: np.fft.fft(x), "numpy.fft"),
        (lambda x: np.add.reduce(x), "numpy.add.reduce"),
        (lambda x: np.exp(x, out=np.empty(3)), "made like a recorded one"),
        (lambda x: np.arctan2(x, x), "numpy.arctan2"),
        (lambda x: x * np.array(1j), "complex128"),
        (lambda x: float(x[0]), "'float' of a value"),
        (lambda x: x @ np.ones((2, 2)), "cannot be multiplied"),
    ],
    ids=["branch", "unknown", "reduction", "out", "unknown_ufunc", "complex", "float", "shapes"],
)
def test_what_cannot_be_recorded_is_named(function: Callable[[Any], Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        trace(lambda x: {"y": function(x)}, {"x": (3,)})


def test_constants_are_computed_at_once_and_dead_ends_left_out() -> None:
    def function(x: Any) -> dict[str, Any]:
        np.tanh(x)  # not used
        return {"y": x * np.exp(np.interp(0.3, TABLE, VALUES))}

    assert [node.operation for node in trace(function, {"x": (2,)}).nodes] == [
        "input",
        "constant",
        "multiply",
    ]


@pytest.mark.parametrize("value", [0.1, -3.0, 1e300, 5e-324, 1e16, float("inf"), float("nan")])
def test_numbers_are_written_exactly(value: float) -> None:
    text = c_number(value)
    if np.isfinite(value):
        assert float(text) == value
        assert "." in text or "e" in text
    else:
        assert text in ("INFINITY", "NAN")


def test_a_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text("int f( {")
    with pytest.raises(ConfigurationError, match=r"the C compiler failed: .*bad\.c"):
        compile_library(tmp_path / "bad.c", tmp_path / "bad.so")
