"""Dual numbers: the document's values, each function against mpmath, and against `grad`."""

from __future__ import annotations

import doctest
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bibun
import bibun.numpy as bnp
from bibun import dual
from bibun.dual import Dual, derivative, value_and_derivative

F = lambda x: dual.log(dual.cos(x) * dual.sin(x)) + dual.sin(x)
G = lambda x: F(F(x))


def test_documents_values() -> None:
    """Chapter 1.1.1: F(1), F'(1), G(1), G'(1) to the last digit or two."""
    assert value_and_derivative(F)(1.0) == pytest.approx(
        (0.05324076815279066, -0.37501280285243144), rel=1e-15
    )
    assert value_and_derivative(G)(1.0) == pytest.approx(
        (-2.8816056725768977, -7.391555094461485), rel=1e-15
    )


# name -> (mpmath's function, points inside the domain)
UNARY = {
    "sin": (mpmath.sin, [-2.0, 0.3]), "cos": (mpmath.cos, [-2.0, 0.3]),
    "tan": (mpmath.tan, [-1.0, 0.3]), "arcsin": (mpmath.asin, [-0.7, 0.2]),
    "arccos": (mpmath.acos, [-0.7, 0.2]), "arctan": (mpmath.atan, [-3.0, 0.2]),
    "sinh": (mpmath.sinh, [-1.0, 2.0]), "cosh": (mpmath.cosh, [-1.0, 2.0]),
    "tanh": (mpmath.tanh, [-1.0, 2.0]), "arcsinh": (mpmath.asinh, [-1.0, 2.0]),
    "arccosh": (mpmath.acosh, [1.5, 4.0]), "arctanh": (mpmath.atanh, [-0.5, 0.9]),
    "exp": (mpmath.exp, [-3.0, 1.0]), "exp2": (lambda x: mpmath.mpf(2) ** x, [-3.0, 1.5]),
    "expm1": (mpmath.expm1, [-1.0, 1e-9]), "log": (mpmath.log, [0.1, 7.0]),
    "log2": (lambda x: mpmath.log(x, 2), [0.1, 7.0]), "log10": (mpmath.log10, [0.1, 7.0]),
    "log1p": (mpmath.log1p, [-0.5, 2.0]), "sqrt": (mpmath.sqrt, [0.1, 9.0]),
    "cbrt": (mpmath.cbrt, [0.1, 9.0]), "square": (lambda x: x * x, [-2.0, 3.0]),
    "reciprocal": (lambda x: 1 / x, [-2.0, 3.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_functions_to_second_order(name: str) -> None:
    reference, points = UNARY[name]
    f = getattr(dual, name)
    with mpmath.workdps(40):
        for x in points:
            for order, g in enumerate([f, derivative(f), derivative(derivative(f))]):
                want = float(mpmath.diff(reference, mpmath.mpf(x), order))
                assert float(g(x)) == pytest.approx(want, rel=1e-13), (name, x, order)


@pytest.mark.parametrize("argnum", [0, 1])
@pytest.mark.parametrize(
    "name", ["arctan2", "hypot", "maximum", "minimum", "add", "sub", "mul", "truediv", "pow"]
)
def test_functions_of_two(name: str, argnum: int) -> None:
    f = getattr(dual, name, None) or dual._OPERATORS[name]
    g = {"sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power"}.get(name, name)
    x, y = 1.3, 0.4
    want = bibun.grad(getattr(bnp, g), argnum)(x, y)
    assert float(derivative(f, argnum)(x, y)) == pytest.approx(float(want), rel=1e-14)
    mixed = bibun.grad(bibun.grad(getattr(bnp, g), argnum), 1 - argnum)(x, y)
    ours = derivative(derivative(f, argnum), 1 - argnum)(x, y)
    assert float(ours) == pytest.approx(float(mixed), rel=1e-13, abs=1e-15)


def test_powers() -> None:
    for n in (0, 1, 2, 3, -2, 0.5):
        assert float(derivative(lambda x, n=n: x**n)(2.0)) == pytest.approx(n * 2.0 ** (n - 1))
    assert derivative(lambda x: x**0)(0.0) == 0
    assert derivative(derivative(lambda x: x**2))(0.0) == 2
    assert float(derivative(lambda x: 2.0**x)(3.0)) == pytest.approx(8 * np.log(2))


def test_exact_numbers_stay_exact() -> None:
    f = lambda x: (x**3 - 1) / (x + 2)
    assert derivative(f)(Fraction(1)) == Fraction(3, 3) - Fraction(0)
    assert derivative(derivative(lambda x: 1 / x))(Fraction(2)) == Fraction(2, 8)


def test_arrays_element_by_element() -> None:
    x = np.linspace(0.1, 1.0, 7)
    assert np.allclose(derivative(F)(x), [float(bibun.grad(_bibun_f)(v)) for v in x], rtol=1e-14)
    a = np.array([1.0, 2.0])
    assert np.array_equal(derivative(lambda t: a * t * t)(3.0), 6 * a)  # array on the left


def test_numpy_functions() -> None:
    assert derivative(lambda x: np.sin(x) * np.exp(x) - np.abs(x))(0.4) == pytest.approx(
        float(bibun.grad(lambda x: bnp.sin(x) * bnp.exp(x) - bnp.abs(x))(0.4)), rel=1e-15
    )
    with pytest.raises(TypeError, match="no numpy.floor"):
        np.floor(Dual(1.0, 1.0))


def test_units_are_not_confused() -> None:
    """d/dx [x · d/dy (x + y)] = 1: the inner ε must not take the outer one's part."""
    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(5.0) == 1
    assert derivative(lambda x: derivative(lambda y: 3.0)(x) + 2.0 * x)(1.0) == 2.0


def test_control_flow() -> None:
    def newton(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = (x + a / x) / 2
        return x

    assert float(derivative(newton)(2.0)) == pytest.approx(0.5 / np.sqrt(2.0), rel=1e-9)


def _bibun_f(x):
    return bnp.log(bnp.cos(x) * bnp.sin(x)) + bnp.sin(x)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 1.5), st.floats(0.1, 3.0))
def test_second_oracle_for_grad(x: float, a: float) -> None:
    """bibun.grad and dual numbers share no code; they must agree to rounding."""

    def f(m, x):
        return m.log(m.cos(x) * m.sin(x)) + a * m.tanh(x * a) / (1.0 + x * x) - m.sqrt(x)

    for order in (1, 2, 3):
        g, d = lambda x: f(bnp, x), lambda x: f(dual, x)
        for _ in range(order):
            g, d = bibun.grad(g), derivative(d)
        assert float(g(x)) == pytest.approx(float(d(x)), rel=1e-11, abs=1e-11)


def test_doctests() -> None:
    assert doctest.testmod(dual).failed == 0
