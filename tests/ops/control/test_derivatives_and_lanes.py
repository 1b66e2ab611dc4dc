"""Every transformation of loops and branches, nested in each other, against plain Python.

Each function of the table maps a vector of three numbers to a number. Under `disable_jit` it
is a plain Python loop, whose derivatives and values are the reference; finite differences
check those. Predicates and trip counts depend on the vector, so that lanes differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.config import config
from bibun.lax.control import (
    associative_scan,
    cond,
    fori_loop,
    scan,
    switch,
    while_loop,
)
from bibun.lax.control import map as lax_map

FUNCTIONS: list[Callable[[Any], Any]] = []


def function(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    FUNCTIONS.append(f)
    return f


@function
def scan_with_constant(x):
    c, ys = scan(lambda c, v: (bnp.sin(c * x[0]) + v, c * v), x[1], x)
    return c + bnp.sum(ys * ys)


@function
def scan_reversed_with_int_carry(x):
    def body(carry, v):
        k, c = carry
        return (k + 1, c * v + k * x[0]), {"y": c * k, "k": k}

    (k, c), out = scan(body, (0, 1.0), x, reverse=True)
    return c + bnp.sum(out["y"]) * k + out["k"][0]


@function
def scan_without_xs(x):
    return scan(lambda c, _: (1.0 / (1.0 + c * x[1]), None), x[0], None, 4)[0]


@function
def scan_carry_started_by_a_constant(x):
    return scan(lambda c, v: (c * x[2] + 1.0 / v, None), 1.0, x)[0]


@function
def while_of_unknown_length(x):
    return while_loop(lambda c: c < 10.0, lambda c: c * (1.5 + x[1] * x[1]) + x[2], x[0])


@function
def while_that_never_runs(x):
    return while_loop(lambda c: c < -100.0, lambda c: c * x[1], x[0]) * x[2]


@function
def while_with_vector_carry(x):
    def body(carry):
        n, v, s = carry
        return n + 1, bnp.sin(v) * x[0] + 0.9 * v, s + bnp.sum(v * v)

    n, v, s = while_loop(lambda c: c[2] < 6.0, body, (0, x, 0.0))
    return s + bnp.sum(v) * n


@function
def while_with_product(x):
    m = bnp.outer(x, x) * 0.1 + bnp.eye(3)

    def body(carry):
        v, n = carry
        return m @ v + 0.1, n + 1

    v, n = while_loop(lambda c: bnp.sum(c[0] * c[0]) < 50.0, body, (x, 0))
    return bnp.sum(v) + n


@function
def fori_static(x):
    return fori_loop(2, 6, lambda i, c: bnp.sin(c) * x[0] + i * x[1], x[2])


@function
def fori_dynamic(x):
    n = bnp.asarray(x[0] * x[0], dtype=int) + 2
    return fori_loop(0, n, lambda i, c: c * 0.9 + x[1] * i + c * x[2], x[0])


@function
def cond_of_the_argument(x):
    return cond(x[0] > 0.5, lambda v: bnp.sin(v[0]) * v[1], lambda v: v[2] * x[1] * v[2], x)


@function
def switch_of_three(x):
    k = bnp.asarray(bnp.floor(x[0]), dtype=int)
    return switch(
        k,
        [lambda v: v[0] * v[1], lambda v: bnp.exp(v[2] * x[0]), lambda v: bnp.sum(v * v * v)],
        x,
    )


@function
def scan_in_while_in_cond(x):
    def run(v):
        def body(c):
            return scan(lambda a, b: (a * b + 0.7, None), c, v * v + 1.0)[0]

        return while_loop(lambda c: c < 20.0, body, v[0] * v[0] + 1.0)

    return cond(x[1] > 0.5, run, lambda v: v[0] * v[1] * v[2], x)


@function
def while_in_scan(x):
    def body(c, v):
        w = while_loop(lambda a: a < 5.0, lambda a: a * (1.2 + v * v) + 0.1 * c, v)
        return c + w * x[0], w

    c, ws = scan(body, x[1], x)
    return c + bnp.sum(ws * ws)


@function
def while_in_while(x):
    def outer(c):
        inner = while_loop(lambda a: a < 3.0, lambda a: a * (1.3 + x[1] * x[1]), x[2] * x[2] + 0.5)
        return c * 1.1 + inner

    return while_loop(lambda c: c < 15.0, outer, x[0])


@function
def while_in_fori_in_scan(x):
    def body(c, v):
        n = bnp.asarray(v * v, dtype=int) + 1

        def step(i, a):
            return while_loop(lambda b: b < 2.0 + i, lambda b: b * 1.7 + v * v, a * 0.2) + c

        return fori_loop(0, n, step, v), None

    return scan(body, x[0], x)[0]


@function
def cond_with_while_in_scan(x):
    def body(c, v):
        out = cond(
            v > 0.75,
            lambda a: while_loop(lambda b: b < 4.0, lambda b: b * 1.5 + v, a * a),
            lambda a: a * v + 1.0,
            c,
        )
        return out, out * v

    c, ys = scan(body, x[0], x)
    return c + bnp.sum(ys)


@function
def mapped(x):
    def run(v):
        return while_loop(lambda a: a < 3.0, lambda a: a * 2.0 + v * v, v * v)

    return bnp.sum(lax_map(run, x))


@function
def prefixes(x):
    v = bnp.concatenate([x, x * x])
    decay, total = associative_scan(
        lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), (bnp.cos(v), v)
    )
    return bnp.sum(total * decay)


POINTS = np.array([[0.3, 0.9, 1.7], [1.4, 0.2, 0.6], [0.8, 1.1, -0.4], [2.2, -0.7, 1.2]])
every = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


def differences(f: Callable[[Any], Any], x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """Central differences of a function with any shape of result."""
    columns = [
        (np.asarray(f(x + h * e)) - np.asarray(f(x - h * e))) / (2 * h) for e in np.eye(len(x))
    ]
    return np.stack(columns, axis=-1)


def close(got: Any, want: Any, tol: float = 1e-11) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=tol, atol=tol)


@every
def test_value_is_that_of_python(f):
    for x in POINTS:
        with config.using(disable_jit=True):
            want = f(bnp.asarray(x))
        close(f(bnp.asarray(x)), want, 1e-13)


@every
def test_reverse_and_forward_mode(f):
    for x in POINTS:
        want = differences(f, x)
        close(bibun.grad(f)(x), want, 1e-6)
        close(bibun.jacfwd(f)(x), bibun.grad(f)(x))
        with config.using(disable_jit=True):
            plain = bibun.grad(f)(x)
        close(bibun.grad(f)(x), plain)


@every
def test_second_order_in_all_four_ways(f):
    for x in POINTS[:2]:
        want = differences(bibun.grad(f), x)
        for outer in (bibun.jacfwd, bibun.jacrev):
            for inner in (bibun.jacfwd, bibun.jacrev):
                close(outer(inner(f))(x), want, 2e-5)
        close(bibun.hessian(f)(x), bibun.jacrev(bibun.jacrev(f))(x))


@every
def test_lanes_are_a_loop(f):
    close(bibun.vmap(f)(POINTS), [f(x) for x in POINTS])


@every
def test_lanes_of_derivatives_and_derivatives_of_lanes(f):
    want = np.stack([np.asarray(bibun.grad(f)(x)) for x in POINTS])
    close(bibun.vmap(bibun.grad(f))(POINTS), want)
    close(bibun.grad(lambda xs: bnp.sum(bibun.vmap(f)(xs)))(POINTS), want)
    forward = bibun.vmap(lambda x: bibun.jvp(f, (x,), (bnp.ones(3),))[1])(POINTS)
    close(forward, want.sum(1))


@every
def test_lanes_of_second_derivatives(f):
    want = np.stack([np.asarray(bibun.hessian(f)(x)) for x in POINTS])
    close(bibun.vmap(bibun.hessian(f))(POINTS), want, 1e-9)
    close(bibun.vmap(bibun.jacrev(bibun.jacrev(f)))(POINTS), want, 1e-9)


@every
def test_compiled_equals_eager(f):
    for g in (f, bibun.grad(f)):
        for x in POINTS[:2]:
            close(bibun.jit(g)(x), g(x))
