"""jvp, vjp, linearize, linear_transpose: agreement with each other and with differences."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from bibun.dtypes import FLOAT0
from bibun.errors import DifferentiationError, LeakedTracerError
from bibun.ops.elementwise import convert, gt
from bibun.transforms import grad, jvp, linear_transpose, linearize, vjp, vmap
from tests.transforms.functions import (
    MATRIX,
    PARAMS,
    VECTOR,
    close,
    dot,
    energy,
    layer,
    loss,
    mul,
    num,
    numeric_jvp,
    sin,
    total,
)

rng = np.random.default_rng(0)
DIRECTION = {"w": rng.normal(size=(2, 3)), "b": rng.normal(size=2)}


def test_jvp_of_a_pytree_against_differences():
    out, dout = jvp(lambda p: loss(p, VECTOR), (PARAMS,), (DIRECTION,))
    close(out, loss(PARAMS, VECTOR))
    close(dout, numeric_jvp(lambda p: loss(p, VECTOR), (PARAMS,), (DIRECTION,)))


def test_vjp_is_the_transpose_of_jvp():
    fun = lambda p, x: {"y": layer(p["w"], x), "z": total(p["b"])}  # noqa: E731
    dx = rng.normal(size=3)
    ct = {"y": rng.normal(size=2), "z": rng.normal()}
    _, dout = jvp(fun, (PARAMS, VECTOR), (DIRECTION, dx))
    out, pull = vjp(fun, PARAMS, VECTOR)
    assert set(out) == {"y", "z"}
    cp, cx = num(pull(ct))
    left = np.vdot(ct["y"], num(dout["y"])) + ct["z"] * num(dout["z"])
    right = np.vdot(cp["w"], DIRECTION["w"]) + np.vdot(cp["b"], DIRECTION["b"]) + np.vdot(cx, dx)
    np.testing.assert_allclose(left, right)


def test_linearize_agrees_with_jvp_and_is_linear():
    out, push = linearize(energy, VECTOR)
    t = rng.normal(size=3)
    close(out, energy(VECTOR))
    close(push(t), jvp(energy, (VECTOR,), (t,))[1])
    close(push(2 * t), 2 * num(push(t)))


def test_linearize_does_not_repeat_the_primal():
    calls = []

    def f(x):
        calls.append(1)
        return sin(x)

    _, push = linearize(f, 1.0)
    push(1.0), push(2.0)
    assert len(calls) == 1


def test_pullback_may_be_called_again_and_from_threads():
    _, pull = vjp(energy, VECTOR)
    first = num(pull(1.0)[0])
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(num(pull(1.0)[0]))) for _ in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for r in results:
        np.testing.assert_array_equal(r, first)


def test_integer_inputs_and_outputs_have_float0():
    def f(x, n):
        return mul(x, convert(n, new_dtype=np.float64)), gt(x, 0.0)

    (_, flag), (dy, dflag) = jvp(f, (2.0, 3), (1.0, np.zeros((), FLOAT0)))
    assert num(dy) == 3.0 and dflag.dtype == FLOAT0 and num(flag)
    _, pull = vjp(f, 2.0, np.int64(3))
    cx, cn = pull((1.0, np.zeros((), FLOAT0)))
    assert num(cx) == 3.0 and cn.dtype == FLOAT0
    close(jvp(lambda n, x: x, (3, 1.0), (None, 2.0))[1], np.asarray(2.0))


def test_has_aux():
    out, pull, aux = vjp(lambda x: (sin(x), x), 0.3, has_aux=True)
    assert num(aux) == 0.3 and type(aux).__name__ == "Array"
    out, dout, aux = jvp(lambda x: (sin(x), x), (0.3,), (1.0,), has_aux=True)
    assert type(aux).__name__ == "Array"


def test_wrong_tangents_and_cotangents():
    with pytest.raises(DifferentiationError, match=r"f64\[2\].*f64\[3\]"):
        jvp(sin, (VECTOR,), (np.ones(2),))
    with pytest.raises(DifferentiationError, match="f32"):
        jvp(sin, (VECTOR,), (np.ones(3, np.float32),))
    with pytest.raises(TypeError, match="structure"):
        jvp(lambda x, y: x, (1.0, 2.0), (1.0,))
    with pytest.raises(TypeError, match="tuple of primals"):
        jvp(sin, 1.0, 1.0)
    _, pull = vjp(lambda x: (x, x), 1.0)
    with pytest.raises(TypeError, match="structure"):
        pull(1.0)
    with pytest.raises(DifferentiationError, match="float0"):
        jvp(lambda n: n, (np.arange(3),), (np.ones(3),))


def test_compositions_give_the_same_second_derivative():
    """Forward over reverse, reverse over forward, reverse over reverse, forward over forward."""
    t = rng.normal(size=3)
    expected = numeric_jvp(grad(energy), (VECTOR,), (t,))
    forward_reverse = jvp(grad(energy), (VECTOR,), (t,))[1]
    reverse_forward = grad(lambda x: jvp(energy, (x,), (t,))[1])(VECTOR)
    reverse_reverse = grad(lambda x: total(mul(grad(energy)(x), t)))(VECTOR)
    through_vjp = jvp(lambda x: vjp(energy, x)[1](1.0)[0], (VECTOR,), (t,))[1]
    through_linearize = linearize(grad(energy), VECTOR)[1](t)
    for got in (
        forward_reverse,
        reverse_forward,
        reverse_reverse,
        through_vjp,
        through_linearize,
    ):
        close(got, expected, 1e-5)


def test_vmap_and_derivatives_commute():
    xs = rng.normal(size=(4, 3))
    expected = np.stack([num(grad(energy)(x)) for x in xs])
    close(vmap(grad(energy))(xs), expected)
    close(grad(lambda xs: total(vmap(energy)(xs)))(xs), expected)
    ts = rng.normal(size=(4, 3))
    pushed = np.stack([num(jvp(energy, (x,), (t,))[1]) for x, t in zip(xs, ts, strict=True)])
    close(vmap(lambda x, t: jvp(energy, (x,), (t,))[1])(xs, ts), pushed)
    close(jvp(vmap(energy), (xs,), (ts,))[1], pushed)
    _, pull = vjp(energy, VECTOR)
    close(vmap(lambda c: pull(c)[0])(np.array([1.0, 2.0])), np.outer([1, 2], num(pull(1.0)[0])))
    _, push = linearize(energy, VECTOR)
    close(vmap(push)(ts), np.stack([num(push(t)) for t in ts]))


def test_linear_transpose():
    (x,) = linear_transpose(lambda x: dot(MATRIX, x), VECTOR)(np.array([1.0, 2.0]))
    close(x, MATRIX.T @ [1.0, 2.0])
    # work on what is not linear is evaluated forwards
    a, b = linear_transpose(lambda a, b: (mul(sin(2.0), a), mul(b, 3.0)), 0.0, 0.0)((1.0, 1.0))
    close((a, b), (np.sin(2.0), np.asarray(3.0)))
    # an unused argument gets zero, a value used twice the sum
    a, b = linear_transpose(lambda a, b: (a, mul(a, 2.0)), 0.0, VECTOR)((1.0, 1.0))
    close((a, b), (np.asarray(3.0), np.zeros(3)))


def test_linear_transpose_names_the_operation_and_the_line():
    with pytest.raises(DifferentiationError, match=r"'sin'(.|\n)*test_jvp_vjp.py:\d+"):
        linear_transpose(lambda x: sin(x), 1.0)(1.0)
    with pytest.raises(DifferentiationError, match="not linear"):
        linear_transpose(lambda x: mul(x, convert(gt(x, 0.0), new_dtype=np.float64)), 1.0)(1.0)
    with pytest.raises(DifferentiationError, match="'mul' is linear in each operand"):
        linear_transpose(lambda x: mul(x, x), 1.0)(1.0)


def test_linear_transpose_of_a_derivative_is_the_vjp():
    _, push = linearize(lambda x: layer(MATRIX, x), VECTOR)
    ct = np.array([0.3, 0.4])
    close(linear_transpose(push, VECTOR)(ct), vjp(lambda x: layer(MATRIX, x), VECTOR)[1](ct))


def test_a_leaked_tracer_is_an_error():
    kept = []
    grad(lambda x: kept.append(x) or mul(x, x))(1.0)
    with pytest.raises(LeakedTracerError):
        sin(kept[0])
