"""Hilbert space approximations converge to the kernels; the low-rank solver is exact for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special

import bibun
import bibun.numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.gp import HSGP, GaussianProcess, hsgp, kernels, noise, solvers
from bibun.prob import handlers

RNG = np.random.default_rng(3)
x = RNG.uniform(-1, 1, 40)
X = RNG.uniform(-1, 1, (30, 2))
y = np.sin(3 * x) + RNG.normal(0, 0.2, 40)


def test_eigenfunctions_are_orthonormal():
    ell, m = 1.7, 6
    grid = np.linspace(-ell, ell, 4001)
    phi = np.asarray(hsgp.eigenfunctions(grid, ell, m))
    gram = np.trapezoid(phi[:, :, None] * phi[:, None], grid, axis=0)
    np.testing.assert_allclose(gram, np.eye(m), atol=1e-10)
    # -phi'' = lambda phi
    def phi_at(s):
        return hsgp.eigenfunctions(s[None], ell, m)[0]

    curvature = bibun.vmap(bibun.jacfwd(bibun.jacfwd(phi_at)))(grid[100:4000:500])
    roots = hsgp.sqrt_eigenvalues(ell, m)[0]
    np.testing.assert_allclose(-curvature, roots**2 * phi[100:4000:500], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("kernel", "errors"),
    [
        (1.5 * kernels.ExpSquared(0.5), (5e-3, 1e-7, 1e-10)),
        (1.5 * kernels.Matern52(0.5), (5e-2, 5e-3, 2e-4)),
        (1.5 * kernels.Matern32(0.5), (1e-1, 2e-2, 3e-3)),
        (kernels.ExpSquared(0.5) + 0.2 * kernels.Matern52(1.0), (3e-2, 1e-2, 5e-3)),
    ],
    ids=["RBF", "Matern52", "Matern32", "sum"],
)
def test_converges(kernel, errors):
    exact = np.asarray(kernel(x, x))
    found = []
    for m, bound in zip((20, 40, 120), errors, strict=True):
        found.append(np.abs(np.asarray(HSGP(kernel, ell=5.0, m=m)(x, x)) - exact).max())
        assert found[-1] < bound, (m, found)
    assert found[0] > found[-1]


def test_converges_in_two_dimensions():
    kernel = 0.8 * kernels.ExpSquared(bnp.array([0.6, 1.0]))
    exact = np.asarray(kernel(X, X))
    rough, fine = (
        np.abs(np.asarray(HSGP(kernel, ell=(4.0, 5.0), m=m)(X, X)) - exact).max()
        for m in ((8, 8), (26, 22))
    )
    assert fine < 1e-5 < rough
    kernel = kernels.Matern52(1.0)
    error = np.asarray(HSGP(kernel, ell=5.0, m=36)(X, X)) - np.asarray(kernel(X, X))
    assert np.abs(error).max() < 5e-3


@pytest.mark.parametrize(
    "model", [noise.Homoscedastic(0.04), noise.Diagonal(0.02 + x**2 / 10)], ids=["one", "many"]
)
def test_low_rank_solver_is_exact(model):
    k = HSGP(1.5 * kernels.Matern32(0.5), ell=3.0, m=25)
    fast = GaussianProcess(k, x, noise=model, mean=0.1)
    assert isinstance(fast.solver, solvers.LowRankSolver)
    dense = GaussianProcess(k, x, noise=model, mean=0.1, solver=solvers.DirectSolver)
    close = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(fast.log_probability(y), dense.log_probability(y), **close)
    np.testing.assert_allclose(fast.variance, dense.variance, **close)
    np.testing.assert_allclose(fast.solver.solve(y), dense.solver.solve(y), rtol=1e-8, atol=1e-8)
    new = np.linspace(-1.2, 1.2, 9)
    for kwargs in ({"return_var": True}, {"return_cov": True}):
        for got, want in zip(
            fast.predict(y, new, **kwargs), dense.predict(y, new, **kwargs), strict=True
        ):
            np.testing.assert_allclose(got, want, **close)
    draws = np.asarray(fast.sample(random.key(0), (20000,)))
    np.testing.assert_allclose(np.cov(draws.T), dense.covariance, atol=0.1)
    given = fast.condition(y, new).gp
    draws = np.asarray(given.sample(random.key(1), (20000,)))
    np.testing.assert_allclose(np.cov(draws.T), given.covariance, atol=0.03)


def test_gradient():
    def fun(p):
        k = HSGP(p[0] * kernels.ExpSquared(p[1]), ell=3.0, m=25)
        return GaussianProcess(k, x, diag=p[2]).log_probability(y)

    p = np.array([1.0, 0.5, 0.05])
    g = bibun.jit(bibun.grad(fun))(p)
    for i in range(3):
        e = 1e-6 * np.eye(3)[i]
        np.testing.assert_allclose(g[i], (fun(p + e) - fun(p - e)) / 2e-6, rtol=1e-6)


def test_in_models():
    """NumPyro's functions: with beta given, the sum of its features."""
    for fun, args, kernel in (
        (hsgp.hsgp_squared_exponential, (), kernels.ExpSquared(0.5)),
        (hsgp.hsgp_matern, (1.5,), kernels.Matern32(0.5)),
    ):
        beta = RNG.normal(size=12)
        features = HSGP(1.5 * kernel, ell=2.0, m=12).features(x)
        for non_centered in (True, False):
            with handlers.seed(rng_seed=0), handlers.trace() as tr:
                f = fun(x, *args, 1.5, 0.5, 2.0, 12, non_centered=non_centered)
            beta = np.asarray(tr["beta"]["value"])
            assert f.shape == (40,)
            if non_centered:
                np.testing.assert_allclose(f, np.asarray(features) @ beta, rtol=1e-10)
    densities = hsgp.diag_spectral_density_matern(2.5, 2.0, 0.5, 3.0, 7)
    want = [2 * float(kernels.Matern52(0.5).spectral_density(w))
            for w in hsgp.sqrt_eigenvalues(3.0, 7)[0]]  # fmt: skip
    np.testing.assert_allclose(densities, want, rtol=1e-12)


def test_rational_quadratic():
    """Its density against a quadrature of the kernel, and its series against the kernel."""
    for alpha, length in ((1.0, 0.7), (3.5, 1.2), (300.0, 0.5)):
        k = kernels.RationalQuadratic(length, alpha=alpha)
        for w in (0.3, 2.0):
            re = integrate.quad(
                lambda r, a=alpha, s=length: (1 + r * r / (2 * a * s * s)) ** -a,
                0, np.inf, weight="cos", wvar=w, limlst=200,
            )[0]  # fmt: skip
            assert float(k.spectral_density(w)) == pytest.approx(2 * re, rel=1e-6)
    flat = HSGP(kernels.RationalQuadratic(0.5, alpha=2.0), ell=4.0, m=200)
    exact = kernels.RationalQuadratic(0.5, alpha=2.0)(x, x)
    np.testing.assert_allclose(flat(x, x), exact, atol=5e-3)
    with handlers.seed(rng_seed=0), handlers.trace() as tr:
        f = hsgp.hsgp_rational_quadratic(x, 1.5, 0.5, 2.0, 4.0, 20)
    features = HSGP(1.5 * kernels.RationalQuadratic(0.5, alpha=2.0), ell=4.0, m=20).features(x)
    np.testing.assert_allclose(f, np.asarray(features) @ np.asarray(tr["beta"]["value"]))
    density = hsgp.spectral_density_rational_quadratic(1, 2.0, 1.5, 0.5, 2.0)
    only = kernels.RationalQuadratic(0.5, alpha=2.0)
    assert float(density) == pytest.approx(1.5 * float(only.spectral_density(2.0)))


def test_periodic():
    """Weights against SciPy's Bessel functions, the series against the kernel, and the model."""
    for length in (0.1, 0.7, 3.0):
        q2 = np.asarray(hsgp.diag_spectral_density_periodic(1.3, length, 9))
        j = np.arange(9)
        exact = 1.69 * np.where(j > 0, 2, 1) * special.ive(j, length**-2)
        np.testing.assert_allclose(q2, exact, rtol=1e-10, atol=1e-15)
    q2 = np.asarray(hsgp.diag_spectral_density_periodic(1.3, 0.7, 25))
    cosines, sines = (np.asarray(b) for b in hsgp.eigenfunctions_periodic(x, 2.0, 25))
    apart = x[:, None] - x
    exact = 1.69 * np.exp(-2 * np.sin(apart) ** 2 / 0.49)
    series = (q2 * cosines) @ cosines.T + (q2 * sines) @ sines.T
    np.testing.assert_allclose(series, exact, atol=1e-9)
    with handlers.seed(rng_seed=0), handlers.trace() as tr:
        f = hsgp.hsgp_periodic_non_centered(x, 1.3, 0.7, 2.0, 25)
    beta_cos, beta_sin = (np.asarray(tr[f"beta_{k}"]["value"]) for k in ("cos", "sin"))
    q = np.sqrt(q2)  # the last are below rounding, and not nan
    np.testing.assert_allclose(f, cosines @ (q * beta_cos) + sines[:, 1:] @ (q[1:] * beta_sin))


def test_errors():
    with pytest.raises(ValueError, match="must be positive"):
        HSGP(kernels.Exp(), ell=0.0, m=3)(x, x)
    with pytest.raises(ShapeError, match="one a dimension"):
        HSGP(kernels.Exp(), ell=(1.0, 2.0, 3.0), m=3)(X, X)
    with pytest.raises(NotImplementedError, match="no spectral density"):
        HSGP(kernels.Cosine(), ell=1.0, m=3)(x, x)
    with pytest.raises(ValueError, match="nu must be one of"):
        hsgp.diag_spectral_density_matern(2.0, 1.0, 1.0, 1.0, 3)
