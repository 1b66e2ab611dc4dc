"""grad and value_and_grad: values against finite differences, structure, errors."""

from __future__ import annotations

import numpy as np
import pytest

from bibun.dtypes import FLOAT0
from bibun.errors import DifferentiationError
from bibun.ops.check import check_true
from bibun.ops.elementwise import absorb_mul, convert, div, gt, imag, log, real, select
from bibun.trace.core import concrete
from bibun.transforms import grad, jvp, value_and_grad
from tests.transforms.functions import (
    MATRIX,
    PARAMS,
    VECTOR,
    add,
    close,
    energy,
    exp,
    loss,
    mul,
    num,
    sin,
    total,
)


def finite_gradient(fun, x, eps=1e-6):
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = eps
        g[i] = (num(fun(x + d)) - num(fun(x - d))) / (2 * eps)
    return g


def test_gradient_of_a_vector_function():
    close(grad(energy)(VECTOR), finite_gradient(energy, VECTOR))


def test_pytree_argument():
    g = grad(loss)(PARAMS, VECTOR)
    assert set(g) == {"w", "b"}
    w = finite_gradient(lambda w: loss({"w": w, "b": PARAMS["b"]}, VECTOR), MATRIX)
    close(g["w"], w)


def test_argnums_int_tuple_negative():
    def f(x, y, z):
        return mul(mul(x, y), mul(z, z))

    assert num(grad(f, 1)(2.0, 3.0, 4.0)) == 32.0
    assert num(grad(f, -1)(2.0, 3.0, 4.0)) == 48.0
    assert [float(v) for v in num(grad(f, (0, -1))(2.0, 3.0, 4.0))] == [48.0, 48.0]
    assert [float(v) for v in num(grad(f, (2,))(2.0, 3.0, 4.0))] == [48.0]
    with pytest.raises(ValueError, match="argnums 3 asks for argument 3"):
        grad(f, 3)(1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="twice"):
        grad(f, (0, -3))(1.0, 2.0, 3.0)


def test_value_aux_and_kwargs():
    def f(x, scale):
        y = mul(sin(x), scale)
        return y, {"y": y, "text": "kept"}

    (value, aux), g = value_and_grad(f, has_aux=True)(0.5, scale=2.0)
    assert num(value) == num(aux["y"]) == 2 * np.sin(0.5)
    assert aux["text"] == "kept"
    assert concrete(aux["y"]) is not None
    assert type(aux["y"]).__name__ == "Array"
    close(g, np.asarray(2 * np.cos(0.5)))
    g, aux = grad(f, has_aux=True)(0.5, 2.0)
    close(g, np.asarray(2 * np.cos(0.5)))
    with pytest.raises(TypeError, match="must return a pair"):
        grad(lambda x: x, has_aux=True)(1.0)


def test_unused_argument_and_constant_function_have_zero_gradient():
    close(grad(lambda x, y: total(x))(VECTOR, 1.0), np.ones(3))
    close(grad(lambda x, y: total(x), 1)(VECTOR, MATRIX), np.zeros((2, 3)))
    close(grad(lambda x: 3.0)(VECTOR), np.zeros(3))


def test_higher_orders():
    f = grad(grad(grad(lambda x: mul(x, mul(x, mul(x, x))))))
    close(f(2.0), np.asarray(48.0))
    close(grad(grad(lambda x: exp(sin(x))))(0.0), np.asarray(1.0))


def test_half_sine_squared_second_order_at_zero():
    """absorb_mul must be bilinear in its derivatives, or this is 0."""

    def f(x):
        s = sin(x)
        return mul(0.5, mul(s, s))

    close(grad(grad(f))(0.0), np.asarray(1.0))
    close(jvp(grad(f), (0.0,), (1.0,))[1], np.asarray(1.0))


def test_where_has_the_true_gradient():
    def f(x):
        return select(gt(x, 0.0), 0.0, log(x))

    assert num(grad(f)(-1.0)) == 0.0
    assert num(grad(f)(0.0)) == 0.0
    assert num(grad(grad(f))(2.0)) == -0.25


def test_python_control_flow_on_concrete_values():
    def f(x):
        if concrete(x) > 0:
            return mul(x, x)
        n = 0
        while concrete(x) < -1:
            x = mul(x, 0.5)
            n += 1
        return mul(x, float(n))

    assert num(grad(f)(3.0)) == 6.0
    assert num(grad(f)(-8.0)) == 3 / 8
    assert num(grad(grad(f))(3.0)) == 2.0


def test_python_int_becomes_float():
    assert num(grad(lambda x: mul(x, x))(3)) == 6.0
    assert num(grad(lambda p: mul(p[0], p[1]))((3, 2.0)))[0] == 2.0


def test_integer_array_is_an_error_unless_allowed():
    def f(x, n):
        return mul(x, convert(n, new_dtype=np.float64))

    with pytest.raises(DifferentiationError, match=r"i64\[3\].*allow_int=True"):
        grad(lambda n: total(convert(n, new_dtype=np.float64)))(np.arange(3))
    gx, gn = grad(f, (0, 1), allow_int=True)(2.0, np.int64(3))
    assert num(gx) == 3.0
    assert gn.dtype == FLOAT0 and gn.shape == ()


def test_errors_say_what_and_where():
    with pytest.raises(DifferentiationError, match=r"shape \(3,\)"):
        grad(lambda x: sin(x))(VECTOR)
    with pytest.raises(DifferentiationError, match="floating-point result"):
        grad(lambda x: gt(x, 0.0))(1.0)
    with pytest.raises(DifferentiationError, match="tuple with 2 leaves"):
        grad(lambda x: (x, x))(1.0)
    with pytest.raises(DifferentiationError, match="with respect to a str"):
        grad(lambda x: x)("text")
    with pytest.raises(DifferentiationError, match="real result"):
        grad(lambda z: mul(z, z))(1 + 2j)
    with pytest.raises(DifferentiationError, match="holomorphic"):
        grad(lambda z: z, holomorphic=True)(1.0)
    with pytest.raises(TypeError, match="expects a function"):
        grad(3.0)


def test_complex_conventions():
    """As in JAX: no conjugation, so |z|^2 has gradient 2 conj(z); holomorphic is d/dz."""
    z = 1.0 + 2.0j
    g = grad(lambda z: add(mul(real(z), real(z)), mul(imag(z), imag(z))))(z)
    close(g, np.asarray(2 * np.conj(z)))
    h = grad(lambda z: mul(z, mul(z, z)), holomorphic=True)(z)
    close(h, np.asarray(3 * z * z))


def test_effects_pass_through():
    def f(x):
        check_true(gt(x, 0.0), error="value", message="x must be positive")
        return mul(x, x)

    assert num(grad(f)(3.0)) == 6.0
    with pytest.raises(ValueError, match="positive"):
        grad(f)(-3.0)


def test_gradient_is_not_poisoned_by_a_zero_cotangent():
    close(grad(lambda x: absorb_mul(0.0, div(1.0, x)))(0.0), np.asarray(0.0))


def test_nested_closures_keep_their_levels():
    """The perturbations of two nested derivatives do not mix."""

    def f(x):
        return mul(x, grad(lambda y: add(x, y))(1.0))

    assert num(grad(f)(1.0)) == 1.0
    assert num(grad(lambda x: grad(lambda y: mul(mul(x, x), mul(y, y)))(x))(3.0)) == 54.0
