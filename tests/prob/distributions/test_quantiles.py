"""Quantiles: against SciPy, in the tails, with derivatives; densities in their tails."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from bibun import grad, jit
from bibun import numpy as bnp
from bibun.prob import distributions as dist
from bibun.testing import check_grads

Q = np.array([1e-300, 1e-30, 1e-8, 0.01, 0.3, 0.5, 0.9, 0.999])


@pytest.mark.parametrize("a", [0.3, 1.0, 7.5, 200.0])
def test_gamma(a):
    exact = special.gammaincinv(a, Q) / 2.0
    lower, upper = dist.Gamma(a, 2.0).icdf, dist.InverseGamma(a, 2.0).icdf
    np.testing.assert_allclose(np.asarray(lower(Q)), exact, rtol=1e-11, atol=1e-323)
    np.testing.assert_allclose(np.asarray(upper(Q)), 2.0 / special.gammainccinv(a, Q), rtol=1e-11)
    np.testing.assert_allclose(np.asarray(jit(lower)(Q)), exact, rtol=1e-12, atol=1e-307)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 3.5), (40.0, 7.0)])
def test_beta(a, b):
    q = Q[2:]
    exact = special.betaincinv(a, b, q)
    for f in (dist.Beta(a, b).icdf, jit(dist.Beta(a, b).icdf)):
        np.testing.assert_allclose(np.asarray(f(q)), exact, rtol=1e-10)


@pytest.mark.parametrize("df", [1.0, 2.5, 30.0])
def test_student_t(df):
    q = np.array([1e-12, 0.01, 0.3, 0.499999, 0.5, 0.50001, 0.8, 0.9999])
    d, exact = dist.StudentT(df, 1.0, 2.0), stats.t(df, 1.0, 2.0)
    for f in (d.icdf, jit(d.icdf)):
        np.testing.assert_allclose(np.asarray(f(q)), exact.ppf(q), rtol=1e-9, atol=1e-13)
    x = np.array([-1e6, -30.0, 0.0, 1.0, 4.0])
    np.testing.assert_allclose(np.asarray(d.cdf(x)), exact.cdf(x), rtol=1e-10)


def test_ends_and_outside():
    q = np.array([0.0, 1.0, -0.1, 1.1, np.nan])
    for d, low, top in (
        (dist.Gamma(2.0), 0.0, np.inf), (dist.InverseGamma(2.0), 0.0, np.inf),
        (dist.Beta(2.0, 3.0), 0.0, 1.0), (dist.StudentT(3.0), -np.inf, np.inf),
    ):  # fmt: skip
        for f in (d.icdf, jit(d.icdf)):
            np.testing.assert_array_equal(np.asarray(f(q)), [low, top, np.nan, np.nan, np.nan])


def test_single_precision():
    d = dist.Gamma(bnp.asarray(2.5, dtype="float32"), bnp.asarray(1.0, dtype="float32"))
    x = d.icdf(bnp.asarray([0.3], "float32"))
    assert x.dtype == np.float32
    assert float(x[0]) == pytest.approx(special.gammaincinv(2.5, 0.3), rel=1e-6)


def test_derivatives_to_second_order():
    for kind in (dist.Gamma, dist.InverseGamma):
        check_grads(lambda a, q, kind=kind: kind(a).icdf(q), (2.5, 0.3), order=2)
    check_grads(lambda a, b, q: dist.Beta(a, b).icdf(q), (2.5, 1.5, 0.3), order=1)
    check_grads(lambda df, q: dist.StudentT(df).icdf(q), (2.5, 0.3), order=1)
    assert float(grad(dist.StudentT(2.5).icdf)(0.5)) == pytest.approx(1 / stats.t(2.5).pdf(0.0))


def test_truncated_gamma_far_out():
    # a tail of mass 1e-40: its law is that of the tail, to full precision
    d = dist.LeftTruncatedGamma(dist.Gamma(2.0, 1.0), low=100.0)
    q = np.array([0.1, 0.9])
    tail = special.gammaincc(2.0, 100.0)
    exact = special.gammainccinv(2.0, (1 - q) * tail)
    np.testing.assert_allclose(np.asarray(d.icdf(bnp.asarray(q))), exact, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(d.cdf(d.icdf(bnp.asarray(q)))), q, rtol=1e-9)
    beyond = dist.LeftTruncatedGamma(dist.Gamma(2.0, 1.0), low=1000.0)  # of mass 0
    assert np.isnan(float(beyond.icdf(0.5)))


def test_truncated_polya_gamma_is_normalised():
    from scipy.integrate import quad

    d = dist.TruncatedPolyaGamma()
    total = sum(
        quad(lambda x: float(bnp.exp(d.log_prob(x))), *ends, epsabs=1e-12)[0]
        for ends in ((0.0, 0.25), (0.25, 2.5))
    )
    assert total == pytest.approx(1.0, abs=1e-9)
    assert float(d.log_prob(0.25 - 1e-12)) == pytest.approx(float(d.log_prob(0.25)), abs=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_projected_normal_far_behind(n):
    # the density at the back of the sphere, where terms of the closed form cancel
    import mpmath

    for t in (-1.0, -1.9, -2.1, -5.0, -30.0):
        mu, x = np.zeros(n), np.zeros(n)
        mu[0], x[0] = -t, -1.0
        integral = mpmath.quad(
            lambda r, t=t: r ** (n - 1) * mpmath.npdf(r - t), [0, 0.1, 0.5, 1, 2, 4, 10]
        )
        exact = float(mpmath.log(integral)) - 0.5 * (n - 1) * np.log(2 * np.pi)
        got = float(dist.ProjectedNormal(bnp.asarray(mu)).log_prob(bnp.asarray(x)))
        assert got == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("kappa", [0.3, 30.0, 1e4])
def test_sine_von_mises_is_normalised_by_bessel_functions(kappa):
    # without correlation two von Mises; the trapezoidal rule resolves the sharpest
    d = dist.SineBivariateVonMises(0.2, -0.3, kappa, 2 * kappa, 0.0)
    x = np.array([0.21, -0.32])
    exact = stats.vonmises(kappa, 0.2).logpdf(0.21) + stats.vonmises(2 * kappa, -0.3).logpdf(-0.32)
    assert float(d.log_prob(bnp.asarray(x))) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("rho", [1.0, 9.0])  # one mode, two modes
def test_sine_von_mises_draws(rho):
    from bibun import random

    d = dist.SineBivariateVonMises(0.2, -0.3, 2.0, 3.0, rho)
    draws = np.asarray(d.sample(random.PRNGKey(0), (4000,)))
    grid = np.linspace(-np.pi, np.pi, 121)[:-1] + np.pi / 120
    x, y = np.meshgrid(grid, grid, indexing="ij")
    p = np.exp(np.asarray(d.log_prob(bnp.asarray(np.stack([x, y], -1)))))
    p /= p.sum()
    for f in (np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.sin(x - 0.2) * np.sin(y + 0.3)):
        mean, square = (p * f).sum(), (p * f * f).sum()
        i = np.floor((draws + np.pi) / (2 * np.pi) * 120).astype(int) % 120
        seen = f[i[:, 0], i[:, 1]].mean()
        assert abs(seen - mean) < 5 * np.sqrt((square - mean**2) / 4000)
