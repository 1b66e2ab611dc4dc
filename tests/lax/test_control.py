"""What users write: scan, while_loop, fori_loop, cond, switch, map, associative_scan."""

from __future__ import annotations

import doctest
import re
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

import bibun
import bibun.lax.control as control
import bibun.numpy as bnp
from bibun.config import config
from bibun.errors import DTypeError, ShapeError
from bibun.lax.control import (
    associative_scan,
    cond,
    fori_loop,
    scan,
    switch,
    while_loop,
)
from bibun.lax.control import map as lax_map


def close(got, want, tol=1e-12):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=tol, atol=tol)


@pytest.fixture(params=[False, True], ids=["ops", "python"])
def both_ways(request):
    """The test runs once with traced loops and once with Python loops."""
    with config.using(disable_jit=request.param):
        yield request.param


def test_docstrings():
    assert doctest.testmod(control).failed == 0


# the tutorial (documents/differentiable-programming-jax-numpyro.txt) ------------------------


def test_tutorial_2_2_for_loop():
    def f(x, null):
        x = 1.0 / (1.0 + x)
        return x, null

    def g(x0):
        x, null = scan(f, x0, None, 3)
        return x

    h = bibun.jit(bibun.vmap(bibun.grad(g)))
    x = np.linspace(0, 1, 100)
    a = 1 + 1 / (x + 1)
    want = -1 / ((1 + 1 / a) ** 2 * a**2 * (x + 1) ** 2)
    close(h(bnp.linspace(0, 1, 100)), want)


def test_tutorial_2_2_1_gradient_by_the_inputs_of_scan():
    def g(y, x):
        y = y * x + 1.0 / x
        return y, None

    @bibun.jit
    def f(xs):
        y0 = 1.0
        y, null = scan(g, y0, xs)
        return y

    h = bibun.grad(f)
    close(h(bnp.array([1.0, 2.0, 4.0, 5.0])), [0.0, 35.0, 22.1875, 18.21])
    got = h(bnp.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]))
    want = [0.0, 35280.0, 29493.332, 23135.0, 18662.559, 15572.979, 13350.7705, 11682.194]
    close(got, want, 1e-6)


def test_tutorial_2_3_scan_in_a_method():
    class Fraction:
        def __init__(self, c, n):
            self.c = c
            self.n = n

        def f(self, x, null):
            x = self.c / (self.c + x)
            return x, null

        @partial(bibun.jit, static_argnums=(0,))
        def g(self, x0):
            x, null = scan(self.f, x0, None, self.n)
            return x

        @partial(bibun.jit, static_argnums=(0,))
        def h(self, x0):
            return bibun.vmap(bibun.grad(self.g))(x0)

    x = np.linspace(0.1, 1.0, 5)
    step = 1e-6
    fraction = Fraction(1.5, 4)

    def plain(v):
        for _ in range(4):
            v = 1.5 / (1.5 + v)
        return v

    close(fraction.g(0.7), plain(0.7))
    close(fraction.h(x), (plain(x + step) - plain(x - step)) / (2 * step), 1e-8)


def newton_raphson(e, M, start):
    def f(E, e, M):
        return E - e * bnp.sin(E) - M

    slope = bibun.grad(f, argnums=0)

    def cond_fun(carry):
        E_prev, E = carry
        return bnp.abs(E - E_prev) > 1e-6

    def body_fun(carry):
        _, E = carry
        return E, E - f(E, e, M) / slope(E, e, M)

    _, E_star = while_loop(cond_fun, body_fun, (bnp.inf, start))
    return E_star


def test_tutorial_3_4_newton_raphson():
    """With the custom rule of the tutorial, and differentiated through, which is the same."""
    solve = bibun.custom_vjp(newton_raphson)

    def fwd(e, M, start):
        E = solve(e, M, start)
        return E, (bnp.sin(E), 1.0 - e * bnp.cos(E))

    def bwd(residuals, u):
        s, d = residuals
        return (s * u / d, u / d, 0.0)

    solve.defvjp(fwd, bwd)
    E = float(newton_raphson(0.3, 0.7, 0.7))
    close(E - 0.3 * np.sin(E), 0.7)
    want = (np.sin(E) / (1 - 0.3 * np.cos(E)), 1 / (1 - 0.3 * np.cos(E)))
    for f, tol in ((solve, 1e-12), (newton_raphson, 1e-9)):
        close(bibun.grad(f, argnums=(0, 1))(0.3, 0.7, 0.7), want, tol)
        close(bibun.jit(bibun.grad(f, argnums=(0, 1)))(0.3, 0.7, 0.7), want, tol)
        es = np.array([0.1, 0.3, 0.8])
        got = bibun.vmap(bibun.grad(f), in_axes=(0, None, None))(es, 0.7, 0.7)
        close(got, [float(bibun.grad(f)(e, 0.7, 0.7)) for e in es])


def test_tutorial_4_5_slices_in_scan():
    from bibun.ops.index import dynamic_slice

    a = bnp.arange(30)
    c = bnp.array([1, 3, 7])

    def f(carry, factor):
        element = dynamic_slice(a, carry, sizes=(10,))
        return carry + 10, element * factor

    _, result = scan(f, 0, c)
    np.testing.assert_array_equal(
        np.asarray(result), np.arange(30).reshape(3, 10) * np.array([[1], [3], [7]])
    )


# scan -------------------------------------------------------------------------------------------


def test_scan_of_pytrees(both_ways):
    def f(carry, x):
        n, state = carry
        y = {"twice": 2 * x["a"], "none": None, "n": n}
        return (n + 1, {"s": state["s"] + x["a"] * x["b"][0]}), y

    xs = {"a": np.arange(3.0), "b": [np.ones((3, 2))]}
    (n, state), ys = scan(f, (0, {"s": np.zeros(2)}), xs)
    assert int(n) == 3
    assert ys["none"] is None
    close(state["s"], [3.0, 3.0])
    close(ys["twice"], [0, 2, 4])
    assert np.asarray(ys["n"]).tolist() == [0, 1, 2]


def test_scan_reversed_keeps_places(both_ways):
    c, ys = scan(lambda c, x: (c * 2 + x, c), 0.0, np.array([1.0, 2.0, 3.0]), reverse=True)
    close(c, 1 + 2 * (2 + 2 * 3))
    close(ys, [8.0, 3.0, 0.0])


def test_scan_of_length_zero(both_ways):
    c, ys = scan(lambda c, x: (c + x, (c, x)), 1.5, np.zeros((0,)))
    close(c, 1.5)
    assert ys[0].shape == ys[1].shape == (0,)
    assert ys[1].dtype == np.float64


@pytest.mark.parametrize("unroll", [1, 2, 7, True])
def test_unroll_changes_nothing(unroll):
    xs = np.arange(1.0, 6.0)
    f = lambda x: scan(lambda c, v: (bnp.sin(c) * v, c), x, xs, unroll=unroll)[0]
    close(bibun.jit(f)(0.3), f(0.3))
    close(f(0.3), scan(lambda c, v: (bnp.sin(c) * v, c), 0.3, xs)[0])


def test_scan_lengths_must_agree():
    with pytest.raises(ValueError, match=r"xs\['a'\]: \(3,\).*xs\['b'\]: \(2,\)"):
        scan(lambda c, x: (c, None), 0, {"a": np.zeros(3), "b": np.zeros(2)})
    with pytest.raises(ValueError, match="length = 4"):
        scan(lambda c, x: (c, None), 0, np.zeros(3), length=4)
    with pytest.raises(ValueError, match="length"):
        scan(lambda c, x: (c, None), 0)
    with pytest.raises(ValueError, match="leading axis"):
        scan(lambda c, x: (c, None), 0, 1.0)


def test_scan_body_must_return_a_pair():
    def body(c, x):
        return 3

    with pytest.raises(TypeError, match=r"body must return a pair .*got int"):
        scan(body, 0, np.zeros(3))


# carries ----------------------------------------------------------------------------------------


def test_python_scalars_take_the_dtype_of_the_body(both_ways):
    single = np.float32(2.0)
    c, _ = scan(lambda c, x: (c * x, None), 1, np.ones(2, np.float32) * single)
    close(c, 4.0)
    if not both_ways:
        assert c.dtype == np.float32
    assert while_loop(lambda c: c < 3.0, lambda c: c + 0.5, 0).dtype == np.float64
    v = fori_loop(0, 2, lambda i, c: c + single, 0.0)
    assert v.dtype == np.float32


def test_weak_carries_settle_together():
    """b becomes float because a does, one round later."""
    a, b, c = while_loop(
        lambda v: v[2] < 3, lambda v: (v[0] + 0.5, v[1] + v[0], v[2] + 1), (0, 0, 0)
    )
    close([a, b, c], [1.5, 1.5, 3])
    assert (a.dtype, b.dtype, c.dtype) == (np.float64, np.float64, np.int64)


def test_strong_carries_keep_their_dtype():
    c = fori_loop(0, 3, lambda i, c: c * 2, np.float32(1.5))
    assert c.dtype == np.float32
    c = fori_loop(0, 3, lambda i, c: 0, np.float32(1.5))  # a weak result is cast
    assert c.dtype == np.float32


class State(NamedTuple):
    position: object
    count: object


def test_changed_dtype_names_leaf_types_and_line():
    init = State(np.zeros(2), np.int32(0))
    with pytest.raises(DTypeError) as caught:
        while_loop(lambda s: s.count < 3, lambda s: State(s.position, s.count + 0.5), init)
    message = str(caught.value)
    assert "carry.count is i32[]" in message
    assert "f64[]" in message
    assert "test_control.py" in message


def test_changed_shape_names_leaf():
    with pytest.raises(ShapeError, match=r"carry\[1\]\['a'\] is f64\[3\].*f64\[2\]"):
        scan(lambda c, x: ((c[0], {"a": c[1]["a"][:2]}), None), (0, {"a": np.zeros(3)}), None, 2)


def test_changed_structure():
    with pytest.raises(TypeError, match="structure"):
        fori_loop(0, 2, lambda i, c: (c, c), 1.0)
    with pytest.raises(TypeError, match=r"init_val\['x'\].*str"):
        while_loop(lambda c: True, lambda c: c, {"x": "text"})


# while and fori ---------------------------------------------------------------------------------


def test_while_loop(both_ways):
    n, total = while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] + c[0]), (0, 0))
    assert (int(n), int(total)) == (5, 10)


def test_condition_must_be_a_bool_scalar():
    with pytest.raises(TypeError, match=r"bool scalar, got f64\[\]"):
        while_loop(lambda c: c, lambda c: c, 1.0)
    with pytest.raises(TypeError, match=r"bool scalar, got bool\[2\]"):
        while_loop(lambda c: c < 0, lambda c: c, np.zeros(2))
    with pytest.raises(TypeError, match="one bool scalar"):
        while_loop(lambda c: (c < 0, 1), lambda c: c, 1.0)


def test_fori_loop_bounds(both_ways):
    f = lambda lo, hi: fori_loop(lo, hi, lambda i, c: c * 10 + i, 0)
    for lo, hi in ((0, 4), (2, 5), (3, 3), (5, 2), (-2, 1)):
        want = 0
        for i in range(lo, hi):
            want = want * 10 + i
        assert int(f(lo, hi)) == want
        assert int(f(np.asarray(lo), bnp.asarray(hi))) == want
        assert int(f(lo, bnp.asarray(hi))) == want
        if not both_ways:
            assert int(bibun.jit(f)(lo, hi)) == want


def test_fori_loop_index_dtype():
    seen = []
    fori_loop(np.int32(0), np.int32(3), lambda i, c: (seen.append(i.dtype), c)[1], 0)
    fori_loop(bnp.asarray(np.int32(0)), np.int32(3), lambda i, c: (seen.append(i.dtype), c)[1], 0)
    assert set(seen) == {np.dtype(np.int32)}
    with pytest.raises(TypeError, match=r"upper must be an integer scalar, got f64\[\]"):
        fori_loop(0, 2.0, lambda i, c: c, 0)


def test_dynamic_fori_compiles_once_and_differentiates():
    f = lambda x, n: fori_loop(0, n, lambda i, c: c * x, 1.0)
    g = bibun.jit(bibun.grad(f))
    for n in (0, 1, 5):
        close(g(1.5, n), n * 1.5 ** (n - 1) if n else 0.0)
    ns = np.array([0, 3, 1, 7])
    close(bibun.vmap(bibun.grad(f), in_axes=(None, 0))(1.5, ns), [n * 1.5 ** (n - 1.0) for n in ns])


def test_python_loops_see_values():
    seen = []
    with config.using(disable_jit=True):
        scan(lambda c, x: (seen.append(float(c)), (c + x, None))[1], 0.0, np.ones(3))
        fori_loop(0, 2, lambda i, c: (seen.append(i), c)[1], 0)
        while_loop(lambda c: c < 2, lambda c: (seen.append(int(c)), c + 1)[1], 0)
        cond(True, lambda: seen.append("yes") or 0, lambda: seen.append("no") or 0)
        times = lambda x: while_loop(lambda c: c < 9, lambda c: (seen.append(1), c * x)[1], x)
        bibun.grad(times)(3.0)
    assert seen == [0.0, 1.0, 2.0, 0, 1, 0, 1, "yes", 1]


# cond and switch --------------------------------------------------------------------------------


def test_cond(both_ways):
    f = lambda p, x: cond(p, lambda v: (v + 1.0, {"k": 1}), lambda v: (v * 2.0, {"k": 2}), x)
    for p in (True, np.bool_(True), 1, 2.5, bnp.asarray(True)):
        close(f(p, 5.0)[0], 6.0)
        assert int(f(p, 5.0)[1]["k"]) == 1
    for p in (False, 0, 0.0, bnp.asarray(0)):
        close(f(p, 5.0)[0], 10.0)
    close(cond(True, lambda: 1.0, lambda: 2.0), 1.0)
    close(cond(False, lambda a, b: a - b, lambda a, b: b - a, 1.0, 3.0), 2.0)
    close(cond(False, lambda v: v, lambda v: -v, operand=4.0), -4.0)


def test_only_the_branch_taken_runs():
    ran = []

    def effect(tag):
        def f(x):
            from bibun.ops.check import check_true

            check_true(x < 0.0, x, error="value", message=tag + " ran with {}")
            return x

        return f

    assert ran == []
    with pytest.raises(ValueError, match="yes ran with 1.0"):
        cond(True, effect("yes"), effect("no"), 1.0)
    with pytest.raises(ValueError, match="no ran with 1.0"):
        bibun.jit(lambda p, x: cond(p, effect("yes"), effect("no"), x))(False, 1.0)


def test_branches_share_what_they_capture():
    w = bnp.arange(3.0)
    f = lambda x: cond(x > 0, lambda: w * x, lambda: w - x)
    program = bibun.make_program(f)(1.0)
    switches = [e for e in program.program.equations if e.op.name == "switch"]
    assert len(switches[0].inputs) == 3  # the index, w, x
    close(bibun.jacfwd(f)(2.0), [0, 1, 2])
    close(bibun.jacrev(f)(-2.0), [-1, -1, -1])


def test_branches_promote_python_scalars():
    out = cond(True, lambda x: x, lambda x: 0, np.float32(2.0))
    assert out.dtype == np.float32
    out = cond(False, lambda x: 1, lambda x: x, 2.5)
    close(out, 2.5)


def test_branches_that_differ_are_errors():
    with pytest.raises(TypeError, match="same structure"):
        cond(True, lambda x: (x, x), lambda x: x, 1.0)
    def yes(x):
        return x, bnp.zeros(3)

    def no(x):
        return x, bnp.zeros(2)

    with pytest.raises(ShapeError, match=r"result\[1\] is f64\[2\] in no.*f64\[3\] in yes"):
        cond(True, yes, no, 1.0)
    with pytest.raises(DTypeError, match=r"i32\[\].*f64\[\]"):
        switch(0, [lambda x: x, lambda x: np.float64(1.0)], np.int32(1))
    with pytest.raises(TypeError, match=r"pred must be a scalar, got bool\[2\]"):
        cond(np.array([True, False]), lambda: 1, lambda: 2)


def test_switch(both_ways):
    branches = [lambda x: x, lambda x: -x, lambda x: x * x]
    for k, want in ((0, 3.0), (1, -3.0), (2, 9.0), (-5, 3.0), (17, 9.0)):
        close(switch(k, branches, 3.0), want)
        close(switch(bnp.asarray(np.int32(k)), branches, 3.0), want)
    close(switch(3, [lambda x: x + 1.0], 3.0), 4.0)
    with pytest.raises(ValueError, match="at least one branch"):
        switch(0, [])
    with pytest.raises(TypeError, match="integer scalar"):
        switch(0.5, branches, 3.0)


def test_lanes_that_choose_for_themselves():
    branches = [lambda x: x, lambda x: -x, lambda x: x * x]
    f = lambda k, x: switch(k, branches, x)
    ks, xs = np.array([2, 0, 1, 9, -1]), np.arange(1.0, 6.0)
    close(bibun.vmap(f)(ks, xs), [1.0, 2.0, -3.0, 16.0, 5.0])
    close(bibun.vmap(bibun.grad(f, argnums=1))(ks, xs), [2.0, 1.0, -1.0, 8.0, 1.0])


# map and associative_scan -----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 7, 20])
def test_map(batch_size):
    xs = {"a": np.arange(7.0), "b": np.arange(14.0).reshape(7, 2)}
    f = lambda v: (bnp.sin(v["a"]) * v["b"], {"n": v["a"] > 2})
    y, n = lax_map(f, xs, batch_size=batch_size)
    close(y, np.sin(xs["a"])[:, None] * xs["b"])
    assert np.asarray(n["n"]).tolist() == [False] * 3 + [True] * 4
    grad = bibun.grad(lambda a: bnp.sum(lax_map(lambda v: v * v * v, a, batch_size=batch_size)))
    close(grad(xs["a"]), 3 * xs["a"] ** 2)


def test_map_errors():
    with pytest.raises(ValueError, match="batch_size"):
        lax_map(lambda x: x, np.zeros(3), batch_size=0)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_of_matrices(n, reverse):
    """Products of matrices do not commute, so the order shows."""
    rng = np.random.default_rng(n)
    m = rng.standard_normal((n, 2, 2))
    got = associative_scan(lambda a, b: a @ b, m, reverse=reverse)
    want, total = [], np.eye(2)
    for a in m[::-1] if reverse else m:
        total = total @ a
        want.append(total)
    want = np.array(want[::-1] if reverse else want).reshape(n, 2, 2)
    close(got, want)


def test_associative_scan_axis_and_trees():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 5, 2))
    for axis in (0, 1, 2, -1, -2):
        got = associative_scan(lambda a, b: {"s": a["s"] + b["s"]}, {"s": x}, axis=axis)
        close(got["s"], np.cumsum(x, axis))
    got = associative_scan(bnp.maximum, x, axis=1, reverse=True)
    close(got, np.maximum.accumulate(x[:, ::-1], 1)[:, ::-1])


def test_associative_scan_differentiates_and_batches():
    x = np.linspace(0.2, 1.4, 6)
    f = lambda v: associative_scan(lambda a, b: a * b, v)
    want = np.array([[np.prod(x[: i + 1]) / x[j] * (j <= i) for j in range(6)] for i in range(6)])
    close(bibun.jacrev(f)(x), want)
    close(bibun.jacfwd(f)(x), want)
    close(bibun.vmap(f)(np.stack([x, 2 * x])), [np.cumprod(x), np.cumprod(2 * x)])
    close(bibun.jit(f)(x), np.cumprod(x))


def test_associative_scan_errors():
    with pytest.raises(ValueError, match="lengths along axis 0 differ"):
        associative_scan(lambda a, b: a, (np.zeros(3), np.zeros(4)))
    with pytest.raises(ValueError, match="axis 2 is out of range"):
        associative_scan(lambda a, b: a, np.zeros((3, 4)), axis=2)
    with pytest.raises(TypeError, match="returned"):
        associative_scan(lambda a, b: (a, b), np.zeros(3))


# eager loops that run again and again ---------------------------------------------------


def test_an_equal_body_is_the_same_program():
    """Transformations and native code, kept with a program, are found again."""

    def program_of(k):
        closed = bibun.make_program(lambda x: scan(lambda c, v: (c * v, None), x, np.ones(k))[0])
        return closed(2.0).program.equations[-1].params["program"]

    assert program_of(3) is program_of(5)

    def f(x, w):
        return cond(x > 0.0, lambda: bnp.sin(x) * w, lambda: x - w)

    def branches_of(w):
        closed = bibun.make_program(f)(1.0, w)
        (equation,) = (e for e in closed.program.equations if e.op.name == "switch")
        return equation.params["branches"]

    assert branches_of(1.0) == branches_of(2.0)
    assert branches_of(1.0) != branches_of(np.ones(2))


# random keys in loops ---------------------------------------------------------------------------


def test_keys_are_carried_and_differentiated_around():
    random = pytest.importorskip("bibun.random")

    def walk(x):
        def body(carry):
            key, x = carry
            key, sub = random.split(key)
            return key, x * 1.5 + random.normal(sub) ** 2

        return while_loop(lambda c: c[1] < 20.0, body, (random.key(0), x))[1]

    for x in (0.7, 3.0):
        h = 1e-6
        want = (float(walk(x + h)) - float(walk(x - h))) / (2 * h)
        close(bibun.grad(walk)(x), want, 1e-7)
    xs = np.array([0.7, 3.0, 30.0])
    close(bibun.vmap(bibun.grad(walk))(xs), [float(bibun.grad(walk)(x)) for x in xs])


def test_one_body_run_from_two_lines_is_blamed_where_it_ran():
    def body(c):
        return c[0] + 1, bnp.sin(c[1])

    def go(c):
        return c[0] < 1000

    def first(x):
        return bibun.lax.while_loop(go, body, (0, x))[1].sum()

    def second(x):
        return bibun.lax.while_loop(go, body, (0, x))[1].sum()

    lines = []
    with config.using(ragged_memory_limit=10_000):
        for f in (first, second):
            with pytest.raises(MemoryError) as error:
                bibun.grad(f)(np.ones(10))
            lines.append(re.search(r"test_control.py:(\d+)", str(error.value))[1])
    assert lines[0] != lines[1]
