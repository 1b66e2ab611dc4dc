"""Loops, branches, custom rules, recomputation and jit, nested in each other, in any order."""

from __future__ import annotations

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import lax
from bibun.compiler import jit
from bibun.transforms import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    jacrev,
    stop_gradient,
    vmap,
)
from tests.transforms.functions import close

X = np.array([0.3, -1.2, 2.0])


@custom_jvp
def tripled(x):
    return bnp.sin(x)


@tripled.defjvp
def _(primals, tangents):
    return tripled(*primals), 3 * bnp.cos(primals[0]) * tangents[0]


@custom_vjp
def fivefold(x):
    return bnp.sin(x)


fivefold.defvjp(lambda x: (fivefold(x), x), lambda x, ct: (5 * ct * fivefold(x),))


def loop(x):
    return lax.while_loop(
        lambda c: c[0] < 4, lambda c: (c[0] + 1, bnp.sin(c[1]) + 0.5 * x), (0, x)
    )[1]


def loop_in_python(x):
    c = x
    for _ in range(4):
        c = bnp.sin(c) + 0.5 * x
    return c


def nest(x):
    def body(c, y):
        c = loop(c) * 0.5 + checkpoint(lambda c: tripled(c) * x)(c)
        return c, lax.cond(y > 0, lambda c: fivefold(c) * y, lambda c: c * c, c)

    c, ys = lax.scan(body, x, bnp.array([1.0, -1.0, 0.5]))
    return c + bnp.sum(ys) * stop_gradient(c)


def nest_in_python(x):
    c, total = x, 0.0
    for y in (1.0, -1.0, 0.5):
        c = loop_in_python(c) * 0.5 + tripled(c) * x
        total = total + (fivefold(c) * y if y > 0 else c * c)
    return c + total * stop_gradient(c)


WRAPS = {
    "plain": lambda f: f,
    "jit outside": lambda f: jit(f),
    "vmap": lambda f: lambda x: vmap(f)(np.stack([x, x + 0.1]))[0],
    "jit of vmap": lambda f: lambda x: jit(vmap(f))(np.stack([x, x + 0.1]))[0],
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("inner", [lambda f: f, jit], ids=["", "jit inside"])
def test_first_and_second_derivatives_of_nested_control_flow(wrap, inner):
    f = inner(nest)
    x = np.asarray(0.4)
    close(wrap(f)(x), nest_in_python(x), 1e-12)
    close(wrap(grad(f))(x), grad(nest_in_python)(x), 1e-12)
    close(wrap(grad(grad(f)))(x), grad(grad(nest_in_python))(x), 1e-10)


@pytest.mark.parametrize("outer", [hessian, lambda f: jacrev(grad(f))], ids=["hessian", "rev rev"])
def test_batched_second_derivative_of_a_loop_in_a_loop(outer):
    """The tape of the inner loop is a ragged list of ragged lists, batched."""

    def twice(x):
        return lax.scan(lambda c, _: (loop(c) * x, None), x, None, length=2)[0]

    def twice_in_python(x):
        return loop_in_python(loop_in_python(x) * x) * x

    expected = np.stack([np.asarray(outer(twice_in_python)(x)) for x in X])
    close(vmap(outer(twice))(X), expected, 1e-10)
    close(jit(vmap(outer(twice)))(X), expected, 1e-10)


def test_complex_loops_follow_the_same_convention():
    def f(z):
        z = lax.fori_loop(0, 3, lambda i, z: z * z * 0.5 + 1j, z)
        return bnp.real(z) + 2 * bnp.imag(z)

    def g(z):
        for _ in range(3):
            z = z * z * 0.5 + 1j
        return bnp.real(z) + 2 * bnp.imag(z)

    z = 0.3 + 0.4j
    close(grad(f)(z), grad(g)(z), 1e-12)
    close(jit(grad(f))(z), grad(g)(z), 1e-12)
