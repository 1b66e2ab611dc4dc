"""custom_jvp and custom_vjp under every transformation, staged and on concrete values."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from bibun.compiler import jit
from bibun.dtypes import FLOAT0
from bibun.errors import DifferentiationError
from bibun.ops.control.call import call
from bibun.ops.elementwise import convert
from bibun.trace.core import concrete, type_of
from bibun.trace.stage import stage
from bibun.transforms import (
    closure_convert,
    custom_gradient,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
    vmap,
)
from tests.transforms.functions import VECTOR, add, close, cos, energy, exp, mul, num, sin, total


def staged(fun):
    """`fun` as one call of a program: what jit does inside other transformations."""

    def run(*args):
        closed = stage(lambda *xs: [fun(*xs)], [type_of(a) for a in args])
        return call(*closed.consts, *args, program=closed.program)[0]

    return run


def direct(fun):
    return fun


MODES = pytest.mark.parametrize("mode", [direct, staged])


@custom_jvp
def triple_sin(x):
    return sin(x)


@triple_sin.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return triple_sin(x), mul(t, mul(3.0, cos(x)))


@custom_vjp
def scaled_exp(x, y):
    return mul(exp(x), y)


def scaled_exp_fwd(x, y):
    return mul(exp(x), y), (exp(x), y)


def scaled_exp_bwd(res, ct):
    e, y = res
    return mul(ct, mul(10.0, mul(e, y))), mul(ct, e)


scaled_exp.defvjp(scaled_exp_fwd, scaled_exp_bwd)


@MODES
def test_custom_jvp_first_and_second_order(mode):
    f = mode(triple_sin)
    close(grad(f)(0.5), 3 * np.cos(0.5))
    close(jvp(f, (0.5,), (2.0,))[1], 6 * np.cos(0.5))
    close(linearize(f, 0.5)[1](2.0), 6 * np.cos(0.5))
    close(grad(grad(f))(0.5), -3 * np.sin(0.5))
    close(jvp(grad(f), (0.5,), (1.0,))[1], -3 * np.sin(0.5))
    close(grad(mode(grad(f)))(0.5), -3 * np.sin(0.5))


@MODES
def test_custom_jvp_under_vmap(mode):
    f = mode(triple_sin)
    close(vmap(f)(VECTOR), np.sin(VECTOR))
    close(vmap(grad(f))(VECTOR), 3 * np.cos(VECTOR))
    close(grad(lambda x: total(vmap(f)(x)))(VECTOR), 3 * np.cos(VECTOR))
    close(vmap(vmap(grad(f)))(np.stack([VECTOR, VECTOR])), 3 * np.cos(np.stack([VECTOR] * 2)))
    close(jacfwd(lambda x: mode(vmap(triple_sin))(x))(VECTOR), np.diag(3 * np.cos(VECTOR)))
    close(hessian(lambda x: total(f(x)))(VECTOR), np.diag(-3 * np.sin(VECTOR)))


@MODES
def test_custom_vjp_first_and_second_order(mode):
    f = mode(scaled_exp)
    x, y = 0.3, 2.0
    close(grad(f, (0, 1))(x, y), (10 * np.exp(x) * y, np.exp(x)))
    # through bwd, where the true derivative of exp is used
    close(grad(grad(f))(x, y), 10 * np.exp(x) * y)
    close(jvp(grad(f), (x, y), (1.0, 0.0))[1], 10 * np.exp(x) * y)
    close(grad(grad(f), 1)(x, y), 10 * np.exp(x))
    close(vjp(f, x, y)[1](2.0), (20 * np.exp(x) * y, 2 * np.exp(x)))


@MODES
def test_custom_vjp_under_vmap_with_an_unmapped_argument(mode):
    f = mode(scaled_exp)
    close(vmap(f, (0, None))(VECTOR, 2.0), 2 * np.exp(VECTOR))
    close(vmap(grad(f), (0, None))(VECTOR, 2.0), 20 * np.exp(VECTOR))
    gx, gy = grad(lambda x, y: total(vmap(f, (0, None))(x, y)), (0, 1))(VECTOR, 2.0)
    close((gx, gy), (20 * np.exp(VECTOR), np.exp(VECTOR).sum()))
    gx, gy = grad(lambda x, y: total(mode(vmap(scaled_exp, (0, None)))(x, y)), (0, 1))(VECTOR, 2.0)
    close((gx, gy), (20 * np.exp(VECTOR), np.exp(VECTOR).sum()))
    close(jacrev(vmap(f, (0, None)), 1)(VECTOR, 2.0), np.exp(VECTOR))


@MODES
def test_forward_mode_of_custom_vjp_names_the_function(mode):
    f = mode(scaled_exp)
    for broken in (
        lambda: jvp(f, (0.3, 2.0), (1.0, 1.0)),
        lambda: jacfwd(f)(0.3, 2.0),
        lambda: linearize(f, 0.3, 2.0)[1](1.0, 1.0),
        lambda: jit(linearize(f, 0.3, 2.0)[1])(1.0, 1.0),
    ):
        with pytest.raises(DifferentiationError, match="scaled_exp.*only a reverse rule"):
            broken()


@MODES
def test_rules_that_call_their_own_function(mode):
    @custom_vjp
    def f(x):
        return sin(x)

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (mul(ct, mul(2.0, f(x))),))
    g = mode(f)
    close(grad(g)(0.5), 2 * np.sin(0.5))
    close(grad(grad(g))(0.5), 4 * np.sin(0.5))
    close(grad(grad(grad(g)))(0.5), 8 * np.sin(0.5))
    close(vmap(grad(grad(g)))(VECTOR), 4 * np.sin(VECTOR))
    close(grad(grad(lambda x: total(mode(vmap(f))(mul(x, VECTOR)))))(1.0),
          (VECTOR**2 * 4 * np.sin(VECTOR)).sum())  # fmt: skip


def test_arrays_made_inside_a_rule_and_captured_ones_when_staged():
    data = np.array([1.0, 2.0, 3.0])

    @custom_jvp
    def f(x):
        return mul(x, data)

    @f.defjvp
    def _(primals, tangents):
        return f(*primals), mul(tangents[0], mul(f(np.arange(3.0)), 2.0))

    @custom_vjp
    def g(x):
        return total(f(x))

    g.defvjp(lambda x: (g(x), mul(x, data)), lambda r, ct: (mul(mul(ct, g(r)), np.arange(3.0)),))
    for _ in range(2):
        close(grad(staged(lambda x: total(f(x))))(VECTOR), 2 * data * np.arange(3))
        close(grad(staged(g))(VECTOR), (VECTOR * data * data).sum() * np.arange(3))
        hess = jacrev(grad(staged(g)))(VECTOR)
        close(hess, jacrev(grad(g))(VECTOR), 1e-12)
    close(vmap(grad(staged(g)))(np.stack([VECTOR] * 2))._value[1], grad(g)(VECTOR), 1e-12)


@MODES
def test_custom_inside_custom(mode):
    @custom_vjp
    def outer(x):
        return triple_sin(scaled_exp(x, 1.0))

    def fwd(x):
        return vjp(lambda x: triple_sin(scaled_exp(x, 1.0)), x)[0], x

    def bwd(x, ct):
        return (mul(2.0, vjp(lambda x: triple_sin(scaled_exp(x, 1.0)), x)[1](ct)[0]),)

    outer.defvjp(fwd, bwd)
    expected = 2 * 3 * np.cos(np.exp(0.2)) * 10 * np.exp(0.2)
    close(grad(mode(outer))(0.2), expected)
    close(vmap(grad(mode(outer)))(np.array([0.2, 0.2]))._value[0], expected)


def test_python_control_flow_in_function_and_rule():
    @custom_jvp
    def f(x):
        return mul(x, x) if concrete(x) > 0 else x

    @f.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), mul(t, 100.0) if concrete(x) > 0 else mul(t, 7.0)

    assert num(grad(f)(2.0)) == 100.0
    assert num(grad(f)(-2.0)) == 7.0
    assert num(vmap(lambda y: mul(y, f(3.0)))(VECTOR)).shape == (3,)


def test_nondiff_argnums():
    @partial(custom_jvp, nondiff_argnums=(0,))
    def apply(g, x, n=2.0):
        return mul(g(x), n)

    @apply.defjvp
    def _(g, primals, tangents):
        x, n = primals
        return apply(g, x, n), add(mul(5.0, tangents[0]), tangents[1])

    assert num(grad(lambda x: apply(sin, x))(1.0)) == 5.0
    assert num(grad(lambda x, n: apply(sin, x, n), 1)(1.0, 2.0)) == 1.0
    close(apply(sin, n=3.0, x=1.0), 3 * np.sin(1.0))

    @partial(custom_vjp, nondiff_argnums=(1,))
    def apply2(x, g):
        return g(x)

    apply2.defvjp(lambda x, g: (g(x), x), lambda g, x, ct: (mul(ct, g(x)),))
    close(grad(lambda x: apply2(x, exp))(0.5), np.exp(0.5))


def test_defjvps():
    @custom_jvp
    def f(x, y):
        return mul(x, sin(y))

    f.defjvps(lambda t, out, x, y: mul(t, out), None)
    close(grad(f, (0, 1))(2.0, 0.5), (np.asarray(2 * np.sin(0.5)), np.asarray(0.0)))
    f.defjvps(None, None)
    close(grad(f)(2.0, 0.5), np.asarray(0.0))


def test_none_is_zero_and_pytrees_in_bwd():
    @custom_vjp
    def f(p, x, n):
        return {"y": mul(mul(p["a"], x), convert(n, new_dtype=np.float64))}

    f.defvjp(
        lambda p, x, n: (f(p, x, n), {"x": x}),
        lambda res, ct: ({"a": mul(ct["y"], res["x"]), "b": None}, None, None),
    )
    gp, gx = grad(lambda p, x: f(p, x, np.int64(2))["y"], (0, 1))({"a": 2.0, "b": 1.0}, 3.0)
    close(gp, {"a": np.asarray(3.0), "b": np.asarray(0.0)})
    assert num(gx) == 0.0
    f.defvjp(lambda p, x, n: (f(p, x, n), ()), lambda res, ct: (None, ct["y"], None))
    gp, gx = grad(lambda p, x: f(p, x, np.int64(2))["y"], (0, 1))({"a": 2.0, "b": 1.0}, 3.0)
    assert num(gp) == {"a": 0.0, "b": 0.0} and num(gx) == 1.0


def test_integer_arguments_of_a_custom_jvp_get_float0():
    seen = []

    @custom_jvp
    def f(x, n):
        return mul(x, 2.0), n

    @f.defjvp
    def _(primals, tangents):
        seen.append(tangents[1].dtype)
        return f(*primals), (mul(2.0, tangents[0]), tangents[1])

    out = jvp(f, (1.0, 3), (1.0, np.zeros((), FLOAT0)))
    assert num(out[1][0]) == 2.0 and out[1][1].dtype == FLOAT0
    assert seen == [FLOAT0]


def test_captured_arrays_ride_along_when_staged():
    data = np.array([1.0, 2.0, 3.0])

    @custom_vjp
    def f(x):
        return total(mul(x, data))

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (mul(ct, mul(data, x)),))

    @custom_jvp
    def g(x):
        return mul(x, data)

    @g.defjvp
    def _(primals, tangents):
        return g(*primals), mul(tangents[0], mul(data, 2.0))

    close(grad(staged(f))(VECTOR), data * VECTOR)
    xs = np.stack([VECTOR, 2 * VECTOR])
    close(vmap(grad(staged(f)))(xs), data * xs)
    close(grad(lambda x: total(staged(vmap(f))(x)))(xs), data * xs)
    close(grad(grad(lambda x: f(mul(x, np.ones(3)))))(1.0), data.sum())
    close(grad(lambda x: total(staged(g)(x)))(VECTOR), 2 * data)
    close(vmap(grad(lambda x: total(staged(g)(x))))(xs), np.stack([2 * data] * 2))


def test_a_differentiated_capture_is_refused_when_staged():
    def f(x):
        @custom_jvp
        def g(y):
            return mul(x, y)

        g.defjvp(lambda primals, tangents: (g(*primals), tangents[0]))
        return g(2.0)

    with pytest.raises(DifferentiationError, match="enclosing scope"):
        grad(staged(f))(1.0)


def test_closure_convert_hands_captured_tracers_over():
    def f(y):
        converted, consts = closure_convert(lambda x: mul(x, y), 2.0)

        @custom_vjp
        def g(x, *cs):
            return converted(x, *cs)

        g.defvjp(lambda x, *cs: (g(x, *cs), (x, cs)), lambda res, ct: (ct, mul(ct, res[0])))
        return g(2.0, *consts)

    assert num(grad(f)(3.0)) == 2.0


def test_rule_errors_name_function_and_types():
    @custom_jvp
    def f(x):
        return mul(x, x)

    with pytest.raises(DifferentiationError, match="defjvp"):
        f(1.0)
    f.defjvp(lambda p, t: f(*p))
    with pytest.raises(DifferentiationError, match="must return a pair"):
        grad(f)(1.0)
    f.defjvp(lambda p, t: (f(*p), VECTOR))
    with pytest.raises(DifferentiationError, match=r"f64\[3\]"):
        grad(f)(1.0)
    f.defjvp(lambda p, t: (f(*p), (t[0], t[0])))
    with pytest.raises(DifferentiationError, match="structure"):
        grad(f)(1.0)

    @custom_vjp
    def h(x, y):
        return mul(x, y)

    with pytest.raises(DifferentiationError, match="defvjp"):
        h(1.0, 2.0)
    h.defvjp(lambda x, y: (h(x, y), None), lambda res, ct: (ct,))
    with pytest.raises(DifferentiationError, match="2 differentiable arguments"):
        grad(h)(1.0, 2.0)
    h.defvjp(lambda x, y: (h(x, y), None), lambda res, ct: (VECTOR, ct))
    with pytest.raises(DifferentiationError, match=r"f64\[3\]"):
        grad(h)(1.0, 2.0)
    h.defvjp(lambda x, y: h(x, y), lambda res, ct: (ct, ct))
    with pytest.raises(DifferentiationError, match="pair"):
        grad(h)(1.0, 2.0)
    h.defvjp(lambda x, y: ((h(x, y), 1.0), None), lambda res, ct: (ct, ct))
    with pytest.raises(DifferentiationError, match="fwd"):
        staged(grad(h))(1.0, 2.0)


def test_rule_used_through_a_whole_composition():
    def model(x):
        return add(energy(x), total(triple_sin(scaled_exp(x, x))))

    g = num(grad(model)(VECTOR))
    e = np.exp(VECTOR) * VECTOR
    inner = 3 * np.cos(e) * (10 * e + np.exp(VECTOR))
    close(g - num(grad(energy)(VECTOR)), inner, 1e-9)
    close(vmap(grad(staged(model)))(np.stack([VECTOR] * 2)), np.stack([g, g]), 1e-9)


@MODES
def test_custom_gradient(mode):
    @custom_gradient
    def f(x, y):
        e = exp(x)
        return mul(e, y), lambda ct: (mul(ct, mul(3.0, e)), None)

    g = mode(f)
    close(grad(g, (0, 1))(0.5, 2.0), (3 * np.exp(0.5), np.asarray(0.0)))
    close(vmap(grad(g), (0, None))(VECTOR, 2.0), 3 * np.exp(VECTOR))
    close(grad(grad(g))(0.5, 2.0), 3 * np.exp(0.5))

    @custom_gradient
    def h(x):
        return mul(x, x), lambda ct: mul(ct, 7.0)

    assert num(grad(mode(h))(3.0)) == 7.0


def test_arguments_set_apart_by_name():
    from bibun.ops.elementwise import sin

    @partial(custom_jvp, nondiff_argnames=("f",))
    def apply(f, x):
        return f(x)

    apply.defjvp(lambda f, primals, tangents: (f(*primals), 10.0 * tangents[0]))
    assert float(grad(lambda x: apply(sin, x))(1.0)) == 10.0
    assert float(grad(lambda x: apply(x=x, f=sin))(1.0)) == 10.0

    @partial(custom_vjp, nondiff_argnames="n")
    def power(x, n):
        return x**n

    power.defvjp(lambda x, n: (x**n, x), lambda n, residuals, ct: (100.0 * n * ct,))
    assert float(grad(lambda x: power(x, n=3))(2.0)) == 300.0
    with pytest.raises(ValueError, match=r"'y' is not one of the parameters \['x'\]"):
        custom_jvp(lambda x: x, nondiff_argnames="y")


def test_checkpoint_with_static_names():
    from bibun.ops.elementwise import sin
    from bibun.transforms import checkpoint

    @partial(checkpoint, static_argnames=("up",))
    def f(x, up):
        return sin(x) if up else -x

    assert float(grad(f)(0.0, True)) == 1.0
    assert float(grad(lambda x: f(x, up=False))(0.0)) == -1.0
    with pytest.raises(ValueError, match="static_argnames"):
        checkpoint(lambda x: x, static_argnames="y")
