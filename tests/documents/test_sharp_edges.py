"""DESIGN §6, row by row: the sharp edges that bibun does not have, as a user would meet them.

Each is met eagerly and compiled, under `grad` and `vmap`.
"""

# ruff: noqa: E501, PT017  (tables have a line for each case)

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest

import bibun
import bibun.numpy as jnp
from bibun import grad, jit, lax, vmap
from bibun.config import config

Function = Callable[..., Any]

# How a function of a float array `a` and an integer `i` (or float x) may be run.
WAYS: dict[str, Callable[[Function], Function]] = {
    "eager": lambda f: f,
    "jit": jit,
    "grad": lambda f: grad(lambda a, i: jnp.sum(f(a, i))),
    "jit(grad)": lambda f: jit(grad(lambda a, i: jnp.sum(f(a, i)))),
    "grad(jit)": lambda f: grad(jit(lambda a, i: jnp.sum(f(a, i)))),
    "vmap": lambda f: lambda a, i: vmap(f, (None, 0))(a, jnp.array([0, i, 1])),
    "jit(vmap)": lambda f: lambda a, i: jit(vmap(f, (None, 0)))(a, jnp.array([0, i, 1])),
    "jit(vmap(grad))": lambda f: (
        lambda a, i: jit(vmap(grad(lambda a, i: jnp.sum(f(a, i))), (None, 0)))(
            a, jnp.array([0, i, 1])
        )
    ),
    "jit(scan)": lambda f: jit(
        lambda a, i: lax.scan(lambda c, k: (c, f(a, i + 0 * k)), 0.0, jnp.arange(3))[1]
    ),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS)


# An index out of bounds ---------------------------------------------------------------------------

INDEXING: dict[str, Function] = {
    "a[i]": lambda a, i: a[i],
    "a[i, :]": lambda a, i: a.reshape(4, 1)[i, :],
    "a[[i, 0]]": lambda a, i: a[jnp.stack([i, 0 * i])],
    "take": lambda a, i: jnp.take(a, i),
    "take axis": lambda a, i: jnp.take(a.reshape(4, 1), i, axis=0),
    "take_along_axis": lambda a, i: jnp.take_along_axis(a, jnp.reshape(i, (1,)), axis=0),
    ".at[i].set": lambda a, i: a.at[i].set(1.0),
    ".at[i].add": lambda a, i: a.at[i].add(1.0),
    ".at[i].multiply": lambda a, i: a.at[i].multiply(2.0),
    ".at[i].get": lambda a, i: a.at[i].get(),
    "dynamic_slice": lambda a, i: lax.dynamic_slice(a, (i,), (1,)),
    "dynamic_update_slice": lambda a, i: lax.dynamic_update_slice(a, jnp.ones(1), (i,)),
    "dynamic_index_in_dim": lambda a, i: lax.dynamic_index_in_dim(a, i),
}


@EVERY_WAY
@pytest.mark.parametrize("form", INDEXING)
def test_out_of_bounds_raises(form: str, way: str) -> None:
    f = WAYS[way](INDEXING[form])
    a = jnp.arange(4.0)
    f(a, 3)  # inside: fine
    with pytest.raises(IndexError) as caught:
        f(a, 7)
    message = str(caught.value)
    assert "index 7" in message or "start 7" in message
    assert "axis 0" in message
    assert "size 4" in message
    assert "test_sharp_edges.py" in message
    assert "lambda a, i:" in message  # the line itself


@EVERY_WAY
@pytest.mark.parametrize("form", ["a[i]", "take", ".at[i].set", ".at[i].add"])
def test_negative_indices(form: str, way: str) -> None:
    f = WAYS[way](INDEXING[form])
    a = jnp.arange(4.0)
    assert np.allclose(np.ravel(f(a, -1))[-3:], np.ravel(f(a, 3))[-3:])
    with pytest.raises(IndexError, match="-5|-1"):
        f(a, -5)


def test_constant_indices_raise_too() -> None:
    a = jnp.arange(4.0)
    for f in (lambda a: a[4], lambda a: a[0, 0], lambda a: a.at[9].set(0.0), lambda a: a[[0, 4]]):
        for g, x in ((f, a), (jit(f), a), (vmap(f), a[None])):
            with pytest.raises(IndexError, match="test_sharp_edges.py"):
                g(x)
    assert jit(lambda a: a[2:9])(a).shape == (2,)  # a slice that hangs over: as in NumPy


def test_modes_where_asked_for() -> None:
    a = jnp.arange(4.0)
    for run in (lambda f: f, jit, lambda f: lambda i: vmap(f)(jnp.array([i]))[0]):
        assert float(run(lambda i: a.at[i].get(mode="clip"))(7)) == 3.0
        assert np.isnan(run(lambda i: a.at[i].get(mode="fill"))(7))
        assert float(run(lambda i: a.at[i].get(mode="fill", fill_value=-1.0))(7)) == -1.0
        assert np.array_equal(run(lambda i: a.at[i].set(9.0, mode="drop"))(7), np.arange(4.0))
        assert float(run(lambda i: jnp.take(a, i, mode="clip"))(7)) == 3.0
        assert float(run(lambda i: jnp.take(a, i, mode="wrap"))(7)) == 3.0
        assert float(run(lambda i: a.at[i].get(mode="promise_in_bounds"))(2)) == 2.0


def test_a_branch_not_taken_does_not_raise() -> None:
    """A guard guards: the check is part of the branch, mapped or not."""
    a = jnp.arange(4.0)
    f = lambda i: lax.cond(i < 4, lambda: a[i], lambda: -1.0)
    assert float(f(9)) == float(jit(f)(9)) == -1.0
    assert np.array_equal(jit(vmap(f))(jnp.array([1, 9])), [1.0, -1.0])
    assert np.array_equal(vmap(f)(jnp.array([1, 9])), [1.0, -1.0])


def test_the_first_error_in_program_order() -> None:
    a = jnp.arange(4.0)

    @jit
    def f(i):
        first = a[i]
        second = a[i + 1]
        return first + second

    with pytest.raises(IndexError, match=r"index 4[\s\S]*second = a\[i [+] 1\]"):
        f(3)
    with pytest.raises(IndexError, match=r"index 6[\s\S]*first = a\[i\]"):
        f(6)


# float64 unless told otherwise ------------------------------------------------------------------


def test_float64_by_default() -> None:
    assert jnp.ones(2).dtype == jnp.arange(2.0).dtype == jnp.array([1.0]).dtype == np.float64
    assert jit(lambda x: x * 2)(1.0).dtype == np.float64
    assert jnp.arange(3).dtype == np.int64
    assert bibun.random.normal(bibun.random.PRNGKey(0), (2,)).dtype == np.float64
    assert (jnp.ones(2, np.float32) * 2.0).dtype == np.float32  # asked for


# Reverse mode through loops of unknown length -----------------------------------------------------


def newton_sqrt(a: Any) -> Any:
    """√a by Newton's method until it stands."""
    step = lambda s: (s[1], 0.5 * (s[1] + a / s[1]))
    return lax.while_loop(lambda s: jnp.abs(s[1] - s[0]) > 1e-12 * s[1], step, (0.0 * a, a))[1]


def power_by_loop(x: Any, n: Any) -> Any:
    return lax.fori_loop(0, n, lambda _, p: p * x, 1.0)


REVERSE = {
    "grad": grad, "jit(grad)": lambda f: jit(grad(f)), "grad(jit)": lambda f: grad(jit(f)),
    "jacfwd": bibun.jacfwd, "vmap": lambda f: lambda x: vmap(grad(f))(jnp.array([x, 1.0]))[0],
    "jit(vmap)": lambda f: lambda x: jit(vmap(grad(f)))(jnp.array([x, 1.0]))[0],
}  # fmt: skip


@pytest.mark.parametrize("way", REVERSE)
def test_reverse_mode_through_while_loop(way: str) -> None:
    run = REVERSE[way]
    assert float(run(newton_sqrt)(2.0)) == pytest.approx(0.5 / np.sqrt(2.0), rel=1e-9)
    second = run(grad(newton_sqrt)) if way != "jacfwd" else bibun.jacfwd(grad(newton_sqrt))
    assert float(second(2.0)) == pytest.approx(-0.25 * 2.0**-1.5, rel=1e-6)


@pytest.mark.parametrize("way", REVERSE)
def test_reverse_mode_through_a_dynamic_fori_loop(way: str) -> None:
    n = jnp.asarray(5)
    f = lambda x: power_by_loop(x, n)
    assert float(REVERSE[way](f)(1.3)) == pytest.approx(5 * 1.3**4, rel=1e-14)


def test_the_number_of_steps_may_be_an_argument() -> None:
    g = jit(grad(power_by_loop))
    for n in (0, 1, 7, 30):
        assert float(g(1.1, n)) == pytest.approx(n * 1.1 ** (n - 1), rel=1e-13)
    both = jit(vmap(grad(power_by_loop)))(jnp.array([1.1, 2.0, 3.0]), jnp.array([3, 0, 2]))
    assert np.allclose(both, [3 * 1.21, 0.0, 6.0], rtol=1e-14)


def test_bounded_memory_on_request() -> None:
    import inspect

    if "checkpoint" not in inspect.signature(lax.while_loop).parameters:
        pytest.skip("checkpoint= is not there yet")
    step = lambda i, h: jnp.sin(1.1 * h)
    f = lambda x: lax.fori_loop(0, 200, step, x)
    g = lambda x, n: lax.fori_loop(0, n, step, x, checkpoint=True)
    assert float(jit(grad(g))(0.3, 200)) == pytest.approx(float(grad(f)(0.3)), rel=1e-12)


# The branch not taken ---------------------------------------------------------------------------

SINGULAR: dict[str, tuple[Function, list[float], list[float]]] = {
    # name: (f, points, ...) with derivatives of order 0..3 at each point, from analysis
    "sqrt": (lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), [-1.0, 0.0, 4.0], []),
    "log": (lambda x: jnp.where(x > 0, jnp.log(x), x), [-1.0, 0.0, 2.0], []),
    "reciprocal": (lambda x: jnp.where(x != 0, 1 / x, x**2), [0.0, 2.0], []),
    "arccos": (lambda x: jnp.where(jnp.abs(x) < 1, jnp.arccos(x), 3 * x), [1.0, 2.0, 0.5], []),
    "exp": (lambda x: jnp.where(x < 100, jnp.exp(x), x), [1000.0, 1.0], []),
    "power": (lambda x: jnp.where(x > 0, x**0.3, -x), [-2.0, 0.0, 1.5], []),
    "norm": (lambda x: jnp.where(x == 0, 5 * x, jnp.sqrt(x * x)), [0.0, 2.0], []),
}
TRUE: dict[str, Function] = {
    "sqrt": lambda x: mpmath.sqrt(x) if x > 0 else 0 * x,
    "log": lambda x: mpmath.log(x) if x > 0 else x,
    "reciprocal": lambda x: 1 / x,
    "arccos": lambda x: mpmath.acos(x) if abs(x) < 1 else 3 * x,
    "exp": lambda x: mpmath.exp(x) if x < 100 else x,
    "power": lambda x: x ** mpmath.mpf("0.3") if x > 0 else -x,
    "norm": lambda x: abs(x),
}
AT_THE_EDGE = {  # the branch that is taken there
    ("sqrt", 0.0): lambda x: 0 * x, ("log", 0.0): lambda x: x, ("reciprocal", 0.0): lambda x: x * x,
    ("arccos", 1.0): lambda x: 3 * x, ("power", 0.0): lambda x: -x, ("norm", 0.0): lambda x: 5 * x,
}  # fmt: skip
DERIVATIVES = {
    "eager": lambda g: g, "jit": jit,
    "vmap": lambda g: lambda x: vmap(g)(jnp.array([x, 0.7]))[0],
    "jit(vmap)": lambda g: lambda x: jit(vmap(g))(jnp.array([x, 0.7]))[0],
}  # fmt: skip


@pytest.mark.parametrize("way", DERIVATIVES)
@pytest.mark.parametrize("mode", ["reverse", "forward", "mixed"])
@pytest.mark.parametrize("name", SINGULAR)
def test_where_has_the_true_gradient_to_third_order(name: str, mode: str, way: str) -> None:
    f, points, _ = SINGULAR[name]
    for x in points:
        exact = AT_THE_EDGE.get((name, x), TRUE[name])
        g = f
        for order in (1, 2, 3):
            forward = mode == "forward" or (mode == "mixed" and order % 2)
            g = bibun.jacfwd(g) if forward else grad(g)
            with mpmath.workdps(40):
                want = float(mpmath.diff(exact, mpmath.mpf(x), order))
            got = float(DERIVATIVES[way](g)(x))
            assert got == pytest.approx(want, rel=1e-9, abs=1e-12), (x, order)


def test_half_sine_squared() -> None:
    """DESIGN §3: a `where(ct == 0, ...)` in the derivative would lose the second derivative."""
    f = lambda x: 0.5 * jnp.sin(x) ** 2
    for run in (lambda g: g, jit):
        assert float(run(grad(grad(f)))(0.0)) == 1.0
        assert float(run(bibun.hessian(f))(0.0)) == 1.0
        assert float(run(grad(grad(grad(grad(f)))))(0.0)) == -4.0


def test_where_inside_a_model_of_many_parameters() -> None:
    """The double-where trick is not needed: a hinge with a root inside."""

    def loss(w, x):
        z = x @ w
        return jnp.sum(jnp.where(z > 0, jnp.sqrt(z) * w[0], z))

    x, w = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]), np.array([0.5, 0.25])
    g = jit(grad(loss))(w, x)
    H = jit(bibun.hessian(loss))(w, x)
    assert np.all(np.isfinite(g))
    assert np.all(np.isfinite(H))
    h = 1e-6
    for k in range(2):
        d = h * np.eye(2)[k]
        assert float(g[k]) == pytest.approx(
            (float(loss(w + d, x)) - float(loss(w - d, x))) / (2 * h), rel=1e-7
        )
        slope = (np.asarray(grad(loss)(w + d, x)) - np.asarray(grad(loss)(w - d, x))) / (2 * h)
        assert np.allclose(np.asarray(H)[k], slope, rtol=1e-6)


# Integers ------------------------------------------------------------------------------------


def test_a_python_int_is_a_float_to_grad() -> None:
    f = lambda x: x**3 / 2
    for g in (grad(f), jit(grad(f)), grad(jit(f)), bibun.value_and_grad(f)):
        out = g(2)
        assert float(out[1] if isinstance(out, tuple) else out) == 6.0
    assert float(grad(grad(f))(2)) == 6.0
    assert float(grad(lambda p: p["a"] * p["b"] ** 2)({"a": 3, "b": 2})["b"]) == 12.0


def test_an_integer_array_is_a_clear_error() -> None:
    f = lambda x: jnp.sum(x**2)
    for g in (grad(f), jit(grad(f)), vmap(grad(f)), grad(jit(f))):
        with pytest.raises(TypeError, match=r"i64\[[\s\S]*astype\(float\)"):
            g(jnp.arange(3) if g is not grad(f) else 0)


# Methods -------------------------------------------------------------------------------------


class Oscillator:
    def __init__(self, frequency: float, damping: float) -> None:
        self.frequency = frequency
        self.damping = damping

    @partial(jit, static_argnums=0)
    def position(self, t: Any) -> Any:
        return jnp.exp(-self.damping * t) * jnp.cos(self.frequency * t)

    @partial(jit, static_argnums=0)
    def speeds(self, ts: Any) -> Any:
        return vmap(grad(self.position))(ts)


def test_a_compiled_method_sees_self_as_it_is() -> None:
    o = Oscillator(2.0, 0.1)
    t = np.linspace(0.1, 1, 4)

    def check() -> None:
        e, w = np.exp(-o.damping * t), o.frequency
        assert np.allclose(o.position(t), e * np.cos(w * t), rtol=1e-14)
        want = -o.damping * e * np.cos(w * t) - w * e * np.sin(w * t)
        assert np.allclose(o.speeds(t), want, rtol=1e-13)
        assert np.allclose(vmap(grad(o.position))(t), want, rtol=1e-13)

    check()
    o.frequency = 3.0
    check()
    o.damping = 0.7
    check()
    o.frequency = 2.0
    check()
    before = len(Oscillator.speeds.history)
    o.note = "an attribute that nobody reads"
    check()
    assert len(Oscillator.speeds.history) == before


# Recompilation ---------------------------------------------------------------------------------


def test_explain_says_why() -> None:
    @partial(jit, static_argnames="n")
    def f(x, n=1):
        return x * n

    f(np.ones(2))
    f(np.ones(2))
    f(np.ones(3))
    f(np.ones(3), n=2)
    f(np.ones(3, np.float32), n=2)
    f((np.ones(3),)[0], n=2)
    text = f.explain()
    assert text.startswith("f: 4 traces")
    for reason in ("first call", "f64[2] became f64[3]", "static argument", "f64[3] became f32[3]"):
        assert reason in text
    assert "ms" in text


def test_a_warning_when_it_happens_again_and_again() -> None:
    f = jit(lambda x: x + 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(1, 40):
            f(np.ones(n))
    said = [str(w.message) for w in caught if "traced" in str(w.message)]
    assert len(said) == 1
    assert "explain()" in said[0]
    g = jit(lambda x: x + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(40):
            g(np.ones(3) * k)  # new data, nothing compiled


# debug_nans -----------------------------------------------------------------------------------


@pytest.fixture
def debug_nans() -> Any:
    with config.using(debug_nans=True):
        yield


@pytest.mark.usefixtures("debug_nans")
@pytest.mark.parametrize("way", ["eager", "jit", "vmap", "jit(vmap)", "jit(scan)"])
def test_debug_nans_forward(way: str) -> None:
    def f(x, i):
        y = x - 2.0
        z = jnp.log(y)  # here
        return z * 0.0 + i

    run = WAYS[way](f)
    run(jnp.array(3.0), 0)
    with pytest.raises(FloatingPointError, match=r"log[\s\S]*z = jnp.log\(y\)") as caught:
        run(jnp.array(1.0), 0)
    assert "-1" in str(caught.value)  # the offending input


@pytest.mark.usefixtures("debug_nans")
def test_debug_nans_backward() -> None:
    f = lambda x: jnp.sum(jnp.sqrt(x) * jnp.array([1.0, 2.0]))  # the slope at 0 is infinite
    g = lambda x: jnp.sum((x * 0.0) * jnp.sqrt(x))  # backward: 0 · inf
    for h in (g, lambda x: f(x) - f(x)):
        for run in (grad(h), jit(grad(h))):
            try:
                out = run(jnp.array([0.0, 1.0]))
            except FloatingPointError as error:
                assert "backward" in str(error)
                assert "test_sharp_edges.py" in str(error)
            else:
                assert not np.any(np.isnan(out))


@pytest.mark.usefixtures("debug_nans")
def test_debug_nans_leaves_the_innocent_alone() -> None:
    assert np.isnan(jit(lambda x: x + 1.0)(np.nan))  # nan came in
    guarded = lambda x: lax.cond(x > 0, lambda: jnp.log(x), lambda: 0.0)
    assert float(guarded(-1.0)) == float(jit(guarded)(-1.0)) == 0.0  # not an active branch
    assert float(jit(grad(guarded))(-1.0)) == 0.0


@pytest.mark.usefixtures("debug_nans")
def test_debug_nans_knows_active_lanes() -> None:
    guarded = lambda x: lax.cond(x > 0, lambda: jnp.log(x), lambda: 0.0)
    assert np.array_equal(jit(vmap(guarded))(jnp.array([-1.0, 1.0])), [0.0, 0.0])


# Probabilistic programs --------------------------------------------------------------------------


def test_starting_values_error_names_the_site() -> None:
    import bibun.prob as prob
    import bibun.prob.distributions as dist
    from bibun.prob.infer import MCMC, NUTS

    def model(y):
        rate = prob.sample("rate", dist.Exponential(1.0))
        prob.sample("counts", dist.Poisson(rate), obs=y)
        prob.factor("never", -jnp.inf * rate)

    mcmc = MCMC(NUTS(model), num_warmup=10, num_samples=10, progress_bar=False)
    with pytest.raises(RuntimeError, match=r"site 'never'[\s\S]*-inf"):
        mcmc.run(bibun.random.PRNGKey(0), y=np.array([1, 2]))

    def outside(y):
        s = prob.sample("s", dist.HalfNormal(1.0))
        prob.sample("y", dist.Exponential(s), obs=y)

    mcmc = MCMC(NUTS(outside), num_warmup=10, num_samples=10, progress_bar=False)
    with pytest.raises((RuntimeError, ValueError), match=r"'y'[\s\S]*support|support[\s\S]*'y'"):
        mcmc.run(bibun.random.PRNGKey(0), y=np.array([1.0, -2.0]))


def test_a_shape_slip_is_an_error_naming_site_and_shapes() -> None:
    import bibun.prob as prob
    import bibun.prob.distributions as dist
    from bibun.prob.infer import MCMC, NUTS

    x = np.linspace(0, 1, 20)
    y = 2 * x[:, None]  # (20, 1) by mistake

    def model(x, y):
        a = prob.sample("a", dist.Normal(0.0, 1.0))
        prob.sample("y", dist.Normal(a * x, 1.0), obs=y)

    mcmc = MCMC(NUTS(model), num_warmup=10, num_samples=10, progress_bar=False)
    with pytest.raises(ValueError, match=r"'y'") as caught:
        mcmc.run(bibun.random.PRNGKey(0), x=x, y=y)
    assert "(20,)" in str(caught.value)
    assert "(20, 1)" in str(caught.value)


def test_chains_run_in_threads_and_agree_with_single_ones() -> None:
    import bibun.prob as prob
    import bibun.prob.distributions as dist
    from bibun.prob.infer import MCMC, NUTS

    def model():
        prob.sample("x", dist.Normal(0.0, 1.0))

    mcmc = MCMC(NUTS(model), num_warmup=100, num_samples=200, num_chains=4, progress_bar=False)
    mcmc.run(bibun.random.PRNGKey(0))
    chains = np.asarray(mcmc.get_samples(group_by_chain=True)["x"])
    assert chains.shape == (4, 200)
    assert len({tuple(c[:5]) for c in chains}) == 4
    again = MCMC(NUTS(model), num_warmup=100, num_samples=200, num_chains=4, progress_bar=False)
    again.run(bibun.random.PRNGKey(0))
    assert np.array_equal(chains, again.get_samples(group_by_chain=True)["x"])
