"""Python functions in the middle of compiled ones: values, order, batches, errors."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.errors import DifferentiationError, DTypeError, ShapeError

X = np.array([0.5, -1.0, 2.0])
LIKE = bibun.ShapeDtypeStruct((), "f8")
EAGER_AND_JIT = pytest.mark.parametrize("way", [lambda f: f, bibun.jit], ids=["eager", "jit"])


def host_sin(x):
    assert type(x) is np.ndarray and not x.flags.writeable
    return np.sin(x)


# pure_callback --------------------------------------------------------------------------------


@EAGER_AND_JIT
def test_pytrees_in_and_out(way):
    def both(a, *, scale):
        return {"sum": a["x"] + a["y"], "scaled": np.asarray(scale * a["x"])}

    like = {"sum": bibun.ShapeDtypeStruct((3,), "f8"), "scaled": np.zeros(3, "f4")}
    f = way(lambda a, s: bibun.pure_callback(both, like, a, scale=s))
    out = f({"x": X, "y": 2 * X}, 10.0)
    np.testing.assert_array_equal(out["sum"], 3 * X)
    np.testing.assert_array_equal(out["scaled"], (10 * X).astype("f4"))
    assert out["scaled"].dtype == np.float32


@EAGER_AND_JIT
@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_vmap_methods(way, method):
    shapes = []

    def host(a, b):
        shapes.append((a.shape, b.shape))
        return np.asarray(a * b)

    f = way(
        bibun.vmap(
            lambda a, b: bibun.pure_callback(host, LIKE, a, b, vmap_method=method),
            in_axes=(0, None),
        )
    )
    np.testing.assert_array_equal(f(X, 3.0), 3 * X)
    assert shapes == {
        "sequential": [((), ())] * 3,
        "expand_dims": [((3,), (1,))],
        "broadcast_all": [((3,), (3,))],
    }[method]


def test_vmap_twice_and_along_another_axis():
    like = bibun.ShapeDtypeStruct((2,), "f8")
    f = lambda a: bibun.pure_callback(np.cumsum, like, a, vmap_method="sequential")
    a = np.arange(24.0).reshape(3, 4, 2)
    got = bibun.jit(bibun.vmap(bibun.vmap(f)))(a)
    np.testing.assert_array_equal(got, np.cumsum(a, -1))
    np.testing.assert_array_equal(bibun.vmap(f, in_axes=1)(a[0].T), np.cumsum(a[0], -1))


def test_without_a_method_vmap_says_what_to_do():
    with pytest.raises(NotImplementedError, match="vmap_method='sequential'"):
        bibun.vmap(lambda a: bibun.pure_callback(np.sin, LIKE, a))(X)
    with pytest.raises(ValueError, match="vmap_method must be one of"):
        bibun.pure_callback(np.sin, LIKE, 1.0, vmap_method="fast")


@EAGER_AND_JIT
def test_derivatives_need_a_rule(way):
    f = lambda x: bibun.pure_callback(host_sin, LIKE, x)
    with pytest.raises(DifferentiationError, match="host_sin.*custom_jvp"):
        way(bibun.grad(f))(1.0)
    g = bibun.custom_jvp(f)
    g.defjvp(lambda p, t: (f(*p), bnp.cos(p[0]) * t[0]))
    assert float(way(bibun.grad(g))(0.3)) == pytest.approx(np.cos(0.3), rel=1e-15)


def test_in_loops_and_branches():
    def body(c, x):
        return c + bibun.pure_callback(host_sin, LIKE, x), None

    run = bibun.jit(lambda xs: lax.scan(body, 0.0, xs)[0])
    assert float(run(X)) == pytest.approx(np.sin(X).sum(), rel=1e-15)
    calls = []

    def host(x):
        calls.append(float(x))
        return x

    taken = bibun.jit(
        lambda p: lax.cond(p > 0, lambda: bibun.pure_callback(host, LIKE, p), lambda: 0.0)
    )
    assert float(taken(-1.0)) == 0.0 and calls == []
    assert float(taken(2.0)) == 2.0 and calls == [2.0]


def test_what_nobody_reads_is_not_called():
    calls = []

    @bibun.jit
    def f(x):
        bibun.pure_callback(lambda v: calls.append(1), None, x)
        return x

    f(1.0)
    assert calls == []


@EAGER_AND_JIT
def test_results_must_be_as_declared(way):
    for give, error, text in (
        (lambda x: np.zeros(2), ShapeError, r"shape \(2,\)"),
        (lambda x: 1j, DTypeError, "complex128"),
        (lambda x: (x, x), TypeError, "declared"),
        (lambda x: "no", DTypeError, "declared"),
    ):
        with pytest.raises(error, match=text):
            way(lambda x, give=give: bibun.pure_callback(give, LIKE, x))(1.0)
    with pytest.raises(TypeError, match="result_shape_dtypes"):
        bibun.pure_callback(np.sin, 1.0, 1.0)


class Mine(Exception):
    pass


@EAGER_AND_JIT
def test_errors_arrive(way):
    def bad(x):
        if x > 2:
            raise Mine(f"at {float(x)}")
        return x

    f = way(lambda n: lax.fori_loop(0, n, lambda i, c: bibun.pure_callback(bad, LIKE, c) + 1, 0.0))
    with pytest.raises(Mine, match=r"at 3\.0"):
        f(10)
    assert float(f(3)) == 3.0


# effects ----------------------------------------------------------------------------------------


@EAGER_AND_JIT
def test_io_happens_each_time_in_order(way):
    seen = []

    def f(x):
        for k in range(3):
            bibun.io_callback(lambda v, k=k: seen.append((k, float(v))), None, x, ordered=True)
        y = bibun.io_callback(lambda v: v + 1, LIKE, x)
        return y + bibun.io_callback(lambda v: v + 1, LIKE, x)

    g = way(f)
    assert float(g(1.0)) == 4.0
    assert float(g(2.0)) == 6.0
    assert seen == [(k, v) for v in (1.0, 2.0) for k in range(3)]


@EAGER_AND_JIT
def test_debug_print(way, capsys):
    def f(x):
        def body(i, c):
            bibun.debug.print("{i}: {}", c, i=i)
            return c * 2

        return lax.fori_loop(0, 3, body, x)

    way(f)(1.0)
    assert capsys.readouterr().out == "0: 1.0\n1: 2.0\n2: 4.0\n"
    way(bibun.vmap(lambda x: bibun.debug.print("{}", x)))(X)
    assert capsys.readouterr().out == "0.5\n-1.0\n2.0\n"
    way(lambda x: bibun.debug.print("{x:.1f} {{}}", x=x[0]))(X)
    assert capsys.readouterr().out == "0.5 {}\n"


def test_formats_are_checked_when_they_are_written():
    for call in (
        lambda: bibun.debug.print("{} {}", 1),
        lambda: bibun.debug.print("{a}", b=1),
        lambda: bibun.debug.print("none", 1),
        lambda: bibun.debug.print(3),
    ):
        with pytest.raises((ValueError, IndexError, TypeError), match="debug.print"):
            call()


@EAGER_AND_JIT
def test_derivatives_pass_debugging_by(way):
    seen = []

    def f(x):
        bibun.debug.callback(lambda v: seen.append(float(v)), x)
        return x**3

    assert float(way(bibun.grad(f))(2.0)) == 12.0
    assert seen == [2.0]
    seen.clear()

    def loop(x):
        return lax.scan(lambda c, _: (f(c), None), x, length=2)[0]

    assert float(way(bibun.grad(loop))(1.1)) == pytest.approx(9 * 1.1**8)
    assert seen == pytest.approx([1.1, 1.1**3])
    with pytest.raises(DifferentiationError, match="io_callback"):
        way(bibun.grad(lambda x: bibun.io_callback(lambda v: v, LIKE, x)))(1.0)


@EAGER_AND_JIT
def test_lanes_that_are_off_are_not_heard(way):
    seen = []

    def f(x):
        def yes(x):
            bibun.debug.callback(lambda v: seen.append(float(v)), x)
            return x

        return lax.cond(x > 0, yes, lambda x: -x, x)

    np.testing.assert_array_equal(way(bibun.vmap(f))(X), np.abs(X))
    assert seen == [0.5, 2.0]
    seen.clear()

    def collatz(n):
        def body(n):
            bibun.debug.callback(lambda v: seen.append(int(v)), n)
            return bnp.where(n % 2 == 0, n // 2, 3 * n + 1)

        return lax.while_loop(lambda n: n != 1, body, n)

    way(bibun.vmap(collatz))(np.array([4, 1, 2]))
    assert sorted(seen) == [2, 2, 4]


def test_ordered_effects_cannot_be_batched():
    with pytest.raises(ValueError, match="ordered"):
        bibun.vmap(lambda x: bibun.io_callback(lambda v: v, LIKE, x, ordered=True))(X)
    got = bibun.vmap(lambda x: bibun.io_callback(lambda v: v * 2, LIKE, x))(X)
    np.testing.assert_array_equal(got, 2 * X)


def test_callbacks_may_call_compiled_code():
    inner = bibun.jit(lambda x: bnp.sin(x) * 2)
    f = bibun.jit(lambda x: bibun.pure_callback(lambda v: np.asarray(inner(v)), LIKE, x) + 1)
    assert float(f(0.3)) == pytest.approx(2 * np.sin(0.3) + 1, rel=1e-15)
