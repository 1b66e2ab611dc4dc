"""One engine: NumPy's functions on Variables, Variables inside transformations, pullbacks."""

from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.special as sp

import bibun
import bibun.numpy as bnp
import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.config import config as bibun_config
from bibun.variable import Variable, computational_graph, recipe
from bibun.variable.lifting import RecipeNode


def v(*numbers: float) -> Variable:
    return Variable(np.array(numbers if len(numbers) > 1 else numbers[0], dtype=float))


# NumPy's own functions ----------------------------------------------------------------------------


def test_numpy_functions_stay_in_the_graph() -> None:
    x = v(0.3, 0.7)
    y = np.sum(np.exp(np.sin(x)) * np.stack([x, 2 * x]))
    assert isinstance(y, Variable)
    y.backward()
    f = lambda t: bnp.sum(bnp.exp(bnp.sin(t)) * bnp.stack([t, 2 * t]))
    assert np.allclose(x.grad, bibun.grad(f)(x.data), rtol=1e-14)


def test_arrays_on_the_left() -> None:
    x = v(1.0, 2.0)
    y = np.array([3.0, 4.0]) * x + np.float64(2.0) - np.array(1.0) / x
    assert isinstance(y, Variable)
    F.sum(y).backward()
    assert np.allclose(x.grad, [4.0, 4.25])
    b = bnp.array([3.0, 4.0])
    assert isinstance(b * x, Variable)
    assert isinstance(b @ x, Variable)


def test_numpy_ufunc_methods_and_linalg() -> None:
    x = Variable(np.array([[2.0, 1.0], [0.5, 3.0]]))
    assert float(np.add.reduce(x, axis=None)) == 6.5
    (g,) = chainer.grad([np.linalg.det(x)], [x])
    assert np.allclose(g.data, np.linalg.det(x.data) * np.linalg.inv(x.data).T)
    assert np.where(np.asarray(x) > 1, x, 0.0).shape == (2, 2)
    assert np.concatenate([x, x], axis=1).shape == (2, 4)
    assert np.mean(x, axis=0, keepdims=True).shape == (1, 2)
    with pytest.raises(TypeError, match="a = a [+] v"):
        a = np.zeros((2, 2))
        a += x


def test_scipy_special() -> None:
    pytest.importorskip("bibun.scipy.special")
    x = v(1.5, 2.5)
    y = sp.gammaln(x)
    assert isinstance(y, Variable)
    (g,) = chainer.grad([F.sum(y)], [x])
    assert np.allclose(g.data, sp.digamma(x.data))


# Inside transformations -------------------------------------------------------------------------


def define_by_run(a: bnp.ndarray) -> bnp.ndarray:
    """A gradient made by backward(), as a function of arrays."""
    x = Variable(a)
    y = F.sum(F.exp(F.sin(x)) * x)
    y.backward()
    return x.grad


def want(a: np.ndarray) -> np.ndarray:
    return np.exp(np.sin(a)) * (1 + a * np.cos(a))


def test_compiled_whole() -> None:
    a = np.array([0.1, 0.5, 2.0])
    assert np.allclose(bibun.jit(define_by_run)(a), want(a), rtol=1e-14)


def test_mapped() -> None:
    a = np.linspace(0, 1, 12).reshape(4, 3)
    assert np.allclose(bibun.vmap(define_by_run)(a), want(a), rtol=1e-14)


def test_differentiated_again() -> None:
    a = np.array([0.1, 0.5, 2.0])
    j = bibun.jacobian(define_by_run)(bnp.array(a))
    h = 1e-6
    assert np.allclose(np.diag(j), (want(a + h) - want(a - h)) / (2 * h), rtol=1e-8)
    f = lambda t: bnp.sum(define_by_run(t))
    _, along = bibun.jvp(f, (bnp.array(a),), (bnp.ones(3),))
    assert float(along) == pytest.approx(float(np.sum(np.diag(j))), rel=1e-12)
    assert np.allclose(bibun.jit(bibun.grad(f))(a), np.diag(j), rtol=1e-12)


def test_numbers_of_a_compiled_variable_are_not_there() -> None:
    with pytest.raises(TypeError, match="stands for a value"):
        bibun.jit(lambda a: np.asarray(Variable(a)))(np.ones(2))
    with pytest.raises(TypeError, match="mask="):
        bibun.jit(lambda a: F.dropout(Variable(a)).data)(np.ones(2))


def test_debug_nans_names_the_line() -> None:
    x = v(-1.0)
    with bibun_config.using(debug_nans=True):
        with pytest.raises(FloatingPointError, match=r"log[\s\S]*test_engine.py"):
            F.log(x)
        y = F.sqrt(v(0.0) + x * 0.0 + 1.0)
        assert float(y) == 1.0


# Pullbacks ------------------------------------------------------------------------------------


def retained(f: object, *args: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    y = f(*map(Variable, args))
    y = y[0] if isinstance(y, tuple) else y
    assert isinstance(y.creator, RecipeNode)
    return y.creator._to_retain, y.creator._outputs_to_retain


def test_what_is_retained_is_derived() -> None:
    """The choices that Chainer's authors made by hand, function by function."""
    a, b = np.ones((2, 3)), np.ones((2, 3))
    assert retained(lambda x, y: x + y, a, b) == ((), ())
    assert retained(lambda x, y: x * y, a, b) == ((0, 1), ())
    assert retained(F.sin, a) == ((0,), ())
    assert retained(F.exp, a) == ((), (0,))
    assert retained(F.tanh, a) == ((), (0,))
    assert retained(F.sigmoid, a) == ((), (0,))
    assert retained(F.sqrt, a) == ((), (0,))
    assert retained(F.sum, a) == ((), ())
    assert retained(lambda x: F.matmul(x, b.T), a) == ((1,), ())
    x, c = Variable(a), Variable(b, requires_grad=False)
    assert (x * c).creator._to_retain == (1,)  # x itself is not needed


def test_one_program_for_each_kind_of_argument() -> None:
    recipe._memo.clear()
    x = v(1.0, 2.0)
    for k in range(50):
        x = x * (1.0 + k) + 0.5
    assert len(recipe._memo) == 2
    F.softplus(x, beta=10)
    F.softplus(x, beta=10.0)  # an int and a float are not the same
    F.softplus(x, beta=10)
    assert len(recipe._memo) == 4


def test_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_LIMIT", 10)
    recipe._memo.clear()
    for n in range(25):
        F.sin(Variable(np.ones(n + 1)))
    assert len(recipe._memo) <= 10


def test_no_pathology_by_operation() -> None:
    """A thousand small operations forwards and backwards take well under a second."""
    x = v(1.0)
    y = x
    for _ in range(10):
        y = y * x + 1.0
    start = time.perf_counter()
    y = x
    for _ in range(500):
        y = y * x + 1.0
    y.backward()
    assert time.perf_counter() - start < 1.0  # about 0.05 s on an idle machine


# Drawing -----------------------------------------------------------------------------------------


def test_computational_graph() -> None:
    x, w = Variable(np.ones((2, 3)), name="x"), Variable(np.ones(3), name="W")
    y = F.tanh(x * w) + x
    text = computational_graph.build_computational_graph([y]).dump()
    assert text.startswith("digraph graphname {")
    assert text.count("->") == 8
    for label in ("_ * _", "_ + _", "Tanh", "x: (2, 3), float64", "W: (3), float64"):
        assert f'label="{label}"' in text
    text = computational_graph.build_computational_graph(
        [y], remove_variable=True, rankdir="LR", function_style={"shape": "box"}
    ).dump()
    assert text.count("->") == 2
    assert "rankdir=LR" in text
    assert "octagon" not in text
    assert 'shape="box"' in text
    with pytest.raises(ValueError, match="'dot'"):
        computational_graph.build_computational_graph([y]).dump("png")
