"""`bibun.scipy.integrate` and `optimize` against SciPy and exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate as reference
import scipy.optimize

import bibun
import bibun.numpy as bnp
from bibun.scipy import integrate, optimize

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("n", [2, 3, 4, 7, 8])
@pytest.mark.parametrize("axis", [0, -1])
def test_rules_for_samples(n, axis):
    y = np.moveaxis(RNG.standard_normal((n, 3)), 0, axis)
    x = np.cumsum(RNG.uniform(0.1, 1, n))
    for kw in ({"x": x}, {"dx": 0.3}):
        mine = {k: bnp.array(v) if k == "x" else v for k, v in kw.items()}
        for name in ("trapezoid", "simpson", "cumulative_trapezoid"):
            got = getattr(integrate, name)(bnp.array(y), axis=axis, **mine)
            want = getattr(reference, name)(y, axis=axis, **kw)
            np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-13)
        got = integrate.cumulative_trapezoid(bnp.array(y), axis=axis, initial=0, **mine)
        want = reference.cumulative_trapezoid(y, axis=axis, initial=0, **kw)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-13)


def test_simpson_is_differentiable_in_places():
    f = lambda x: integrate.simpson(bnp.sin(x), x)  # noqa: E731
    x = bnp.array([0.0, 0.3, 0.9, 1.1, 2.0, 2.4])
    g = np.asarray(bibun.jit(bibun.grad(f))(x))
    for k in range(6):
        h = np.eye(6)[k] * 1e-6
        np.testing.assert_allclose(g[k], float(f(x + h) - f(x - h)) / 2e-6, rtol=1e-6, atol=1e-9)


def test_fixed_quad():
    f = lambda x, a: np.exp(-a * x)  # noqa: E731
    want = reference.fixed_quad(f, 0.2, 1.3, (0.7,), n=6)[0]
    ours = lambda a: integrate.fixed_quad(lambda x, a: bnp.exp(-a * x), 0.2, 1.3, (a,), n=6)[0]  # noqa: E731
    np.testing.assert_allclose(float(ours(0.7)), want, rtol=1e-13)
    want = reference.quad(lambda x: -x * np.exp(-0.7 * x), 0.2, 1.3)[0]
    np.testing.assert_allclose(float(bibun.grad(ours)(0.7)), want, rtol=1e-10)


# differential equations --------------------------------------------------------------------------


def lotka(y, t, a, b):
    return bnp.array([a * y[0] - y[0] * y[1], y[0] * y[1] - b * y[1]])


TIMES = np.array([0.0, 0.5, 0.50001, 3.0, 10.0])


def test_odeint_against_scipy():
    want = reference.odeint(
        lambda y, t, a, b: [a * y[0] - y[0] * y[1], y[0] * y[1] - b * y[1]], [1.0, 0.5], TIMES,
        (1.1, 0.9), rtol=1e-12, atol=1e-12,
    )  # fmt: skip
    for f in (integrate.odeint, bibun.jit(integrate.odeint, static_argnums=0)):
        got = f(lotka, bnp.array([1.0, 0.5]), bnp.array(TIMES), (1.1, 0.9))
        np.testing.assert_allclose(np.asarray(got), want, rtol=2e-6)
    tight = integrate.odeint(
        lotka, bnp.array([1.0, 0.5]), TIMES, (1.1, 0.9), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(np.asarray(tight), want, rtol=1e-10)


def test_backwards_and_tfirst():
    """y' = 2t y from 1 at t = 1 down to 0: e^(t² - 1)."""
    t = np.array([1.0, 0.4, 0.0])
    got = integrate.odeint(lambda t, y: 2 * t * y, 1.0, bnp.array(t), tfirst=True)
    assert got.shape == (3,)
    np.testing.assert_allclose(np.asarray(got), np.exp(t**2 - 1), rtol=1e-7)


def test_pytrees_and_complex_states():
    """A rotation, as a pair and as one complex number."""
    t = bnp.array([0.0, 1.0, 2.0])
    got = integrate.odeint(lambda s, t: {"x": -s["v"], "v": s["x"]}, {"x": 1.0, "v": 0.0}, t)
    np.testing.assert_allclose(np.asarray(got["x"]), np.cos(np.asarray(t)), rtol=1e-7)
    got = integrate.odeint(lambda z, t: 1j * z, 1.0 + 0j, t)
    np.testing.assert_allclose(np.asarray(got), np.exp(1j * np.asarray(t)), rtol=1e-7)


@pytest.mark.parametrize("compiled", [False, True])
def test_odeint_derivatives(compiled):
    """In the start, the parameters and the times, in both modes, against exact ones.

    y' = -k y³ has y = y0/√(1 + 2 k y0² t).
    """

    def end(y0, k, t):
        return integrate.odeint(lambda y, s, k: -k * y**3, y0, bnp.stack([0 * t, t]), (k,))[-1]

    exact = lambda y0, k, t: y0 / bnp.sqrt(1 + 2 * k * y0**2 * t)  # noqa: E731
    args = (1.3, 0.7, 2.0)
    for i in range(3):
        want = float(bibun.grad(exact, i)(*args))
        for mode in (bibun.grad, bibun.jacfwd):
            g = mode(end, i)
            g = bibun.jit(g) if compiled else g
            np.testing.assert_allclose(float(g(*args)), want, rtol=1e-5)
    second = bibun.grad(bibun.grad(end, 1), 1)
    want = float(bibun.grad(bibun.grad(exact, 1), 1)(*args))
    np.testing.assert_allclose(float(second(*args)), want, rtol=1e-4)


def test_odeint_under_vmap():
    """Each lane takes its own steps."""
    rates = bnp.array([0.1, 1.0, 50.0])
    f = lambda r: integrate.odeint(lambda y, t: -r * (y - bnp.cos(t)), 0.5, bnp.array([0.0, 2.0]))[
        -1
    ]  # noqa: E731
    got = bibun.jit(bibun.vmap(f))(rates)
    want = [float(f(r)) for r in rates]
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-9)
    got = bibun.vmap(bibun.grad(f))(rates)
    np.testing.assert_allclose(np.asarray(got), [float(bibun.grad(f)(r)) for r in rates], rtol=1e-7)


def test_too_many_steps_and_singular_solutions():
    stiff = lambda y, t: -1e5 * (y - bnp.cos(t))  # noqa: E731
    for f in (
        integrate.odeint,
        bibun.jit(integrate.odeint, static_argnums=0, static_argnames="mxstep"),
    ):
        with pytest.raises(RuntimeError, match="50 steps"):
            f(stiff, 0.0, bnp.array([0.0, 1.0]), mxstep=50)
    blown = integrate.odeint(lambda y, t: y * y, 1.0, bnp.array([0.0, 0.5, 2.0]))
    np.testing.assert_allclose(float(blown[1]), 2.0, rtol=1e-7)
    assert not np.isfinite(float(blown[2]))


@pytest.mark.parametrize(("call", "word"), [
    (lambda: integrate.odeint(lambda y, t: (y, y), 1.0, bnp.array([0.0, 1.0])), "returned"),
    (lambda: integrate.odeint(lambda y, t: y, 1.0, bnp.array([0.0, 2.0, 1.0])), "ascend"),
    (lambda: integrate.odeint(lambda y, t: y, 1.0, 3.0), "t must be"),
    (lambda: integrate.odeint(lambda y, t: y[:1], bnp.ones(2), bnp.array([0.0, 1.0])), "state"),
    (lambda: optimize.minimize(lambda x: x, 1.0, method="downhill"), "method"),
    (lambda: optimize.minimize(lambda x: x, 1.0, options={"speed": 3}), "options"),
    (lambda: optimize.minimize(lambda x: x, 1.0, args=3), "tuple"),
    (lambda: optimize.minimize(lambda x: x, 1.0, method="BFGS", bounds=[(0, 1)]), "bounds"),
])  # fmt: skip
def test_errors(call, word):
    with pytest.raises((ValueError, TypeError), match=word):
        call()


# minimization -------------------------------------------------------------------------------------


def rosenbrock(x, a=100.0):
    return bnp.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "L-BFGS", "CG", "Nelder-Mead", None])
def test_minimize_rosenbrock(method):
    n = 2 if method == "Nelder-Mead" else 5
    result = optimize.minimize(rosenbrock, bnp.zeros(n), method=method)
    assert bool(result.success)
    assert int(result.status) == 0
    np.testing.assert_allclose(np.asarray(result.x), np.ones(n), atol=1e-4)
    assert (result.hess_inv is not None) == (method in ("BFGS", None))


def test_minimize_within_bounds():
    bounds = [(None, 0.5), (0.0, None)]
    ours = optimize.minimize(rosenbrock, bnp.zeros(2), bounds=bounds, tol=1e-8)
    want = scipy.optimize.minimize(scipy.optimize.rosen, np.zeros(2), bounds=bounds)
    np.testing.assert_allclose(np.asarray(ours.x), want.x, atol=1e-5)


def test_minimum_is_differentiable_and_compiles():
    """argmin of (x - p)² + x⁴/4 moves with p by 1/(1 + 3x²/2)."""

    def best(p):
        return optimize.minimize(
            lambda x, p: bnp.sum((x - p) ** 2 + x**4 / 4), bnp.zeros(1), (p,), tol=1e-10
        ).x[0]

    x = float(best(1.0))
    np.testing.assert_allclose(2 * (x - 1) + x**3, 0, atol=1e-8)
    for f in (bibun.grad(best), bibun.jit(bibun.grad(best))):
        np.testing.assert_allclose(float(f(1.0)), 1 / (1 + 1.5 * x * x), rtol=1e-7)
    got = bibun.vmap(best)(bnp.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(np.asarray(got)[1], x, rtol=1e-8)
