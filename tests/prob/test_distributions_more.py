"""The further distributions: one table for scalars, one for vectors, and what each has of its own.

Densities against SciPy, or by integrating to one where SciPy has no twin; draws against the
distribution function or the moments; gradients against differences; jit and vmap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.stats as ss
from scipy.integrate import quad

import bibun
from bibun import numpy as bnp
from bibun import random, tree
from bibun.prob import distributions as dist

COV = np.array([[2.0, 0.6, 0.1], [0.6, 1.0, -0.2], [0.1, -0.2, 0.5]])
TRIL = np.linalg.cholesky(COV)
LOC = np.array([1.0, -1.0, 0.5])
W = np.array([[1.0, 0.2], [0.5, -1.0], [0.3, 0.4]])
D = np.array([0.5, 1.0, 2.0])
ADJ = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]], float)
N = 4000


@dataclass
class Case:
    name: str
    make: Any
    params: tuple
    points: Any
    twin: Any = None  # a frozen SciPy distribution
    log_density: Any = None  # or only its log density
    cdf: bool = True
    moments: bool = True

    def __str__(self):
        return self.name


def kappa(q):
    # SciPy: density proportional to exp(-x kappa) right of 0, exp(x / kappa) left of it
    return math.sqrt(q / (1 - q))


REAL = np.array([-3.0, -0.5, 0.1, 0.7, 4.0])
POSITIVE = np.array([0.05, 0.5, 1.0, 3.0])
UNIT = np.array([0.02, 0.3, 0.5, 0.97])
zip_pmf = lambda k, g, lam: np.log(g * (k == 0) + (1 - g) * ss.poisson.pmf(k, lam))  # noqa: E731

SCALARS = [
    Case("AsymmetricLaplace", dist.AsymmetricLaplace, (0.5, 1.5, 1.7), REAL,
         ss.laplace_asymmetric(1.7, loc=0.5, scale=1.5)),
    Case("AsymmetricLaplaceQuantile", dist.AsymmetricLaplaceQuantile, (0.5, 1.5, 0.8), REAL,
         ss.laplace_asymmetric(kappa(0.8), loc=0.5, scale=1.5 * kappa(0.8) / 0.8)),
    Case("SoftLaplace", dist.SoftLaplace, (0.5, 1.5), REAL,
         ss.hypsecant(loc=0.5, scale=1.5)),
    Case("Kumaraswamy", dist.Kumaraswamy, (2.0, 3.5), UNIT),
    Case("LogUniform", dist.LogUniform, (0.04, 5.0), POSITIVE, ss.loguniform(0.04, 5.0)),
    Case("BetaProportion", dist.BetaProportion, (0.3, 5.0), UNIT, ss.beta(1.5, 3.5)),
    Case("FoldedDistribution", lambda m, s: dist.FoldedDistribution(dist.Normal(m, s)),
         (1.0, 2.0), POSITIVE, ss.foldnorm(0.5, scale=2.0), moments=False),
    Case("MixtureGeneral", lambda m, s: dist.Mixture(
        dist.Categorical(probs=bnp.array([0.3, 0.7])),
        [dist.Normal(m, s), dist.Laplace(-1.0, s)]), (1.0, 2.0), REAL, None,
         lambda x: np.log(0.3 * ss.norm(1, 2).pdf(x) + 0.7 * ss.laplace(-1, 2).pdf(x))),
]  # fmt: skip
by_scalar = pytest.mark.parametrize("case", SCALARS, ids=str)


@by_scalar
def test_scalar_density(case):
    d = case.make(*case.params)
    lp = np.asarray(d.log_prob(case.points))
    expected = case.twin.logpdf if case.twin is not None else case.log_density
    if expected is not None:
        np.testing.assert_allclose(lp, expected(case.points), rtol=1e-9)
    ends = [getattr(d.support, k, None) for k in ("lower_bound", "upper_bound")]
    low = -np.inf if ends[0] is None else float(ends[0])
    high = np.inf if ends[1] is None else float(ends[1])
    total, _ = quad(lambda x: float(bnp.exp(d.log_prob(x))), low, high, limit=80)
    assert total == pytest.approx(1.0, abs=1e-6)
    if math.isfinite(low):
        assert float(d.log_prob(low - 1.0)) == -np.inf


@by_scalar
def test_scalar_cdf_is_the_integral(case):
    d = case.make(*case.params)
    cdf = np.asarray(d.cdf(bnp.array(case.points)))
    low = getattr(d.support, "lower_bound", None)
    low = -np.inf if low is None else float(low)
    for x, p in zip(case.points, cdf, strict=True):
        area, _ = quad(lambda x: float(bnp.exp(d.log_prob(x))), low, x, limit=80)
        assert p == pytest.approx(area, abs=1e-6)
    try:
        back = d.icdf(bnp.array(cdf))
    except NotImplementedError:
        return
    np.testing.assert_allclose(np.asarray(back), case.points, rtol=1e-7)


@by_scalar
def test_scalar_draws_and_moments(case):
    d = case.make(*case.params)
    x = np.asarray(d.sample(random.key(3), (N,)))
    assert x.shape == (N,) and bool(bnp.all(d.support(bnp.array(x))))
    assert ss.kstest(x, lambda v: np.asarray(d.cdf(bnp.array(v)))).pvalue > 1e-4
    if not case.moments:
        return
    assert x.mean() == pytest.approx(float(d.mean), abs=5 * math.sqrt(float(d.variance) / N))
    assert x.var() == pytest.approx(float(d.variance), rel=0.2)
    if case.twin is not None:
        assert float(d.variance) == pytest.approx(case.twin.var(), rel=1e-8)
        assert float(d.entropy()) == pytest.approx(float(case.twin.entropy()), rel=1e-6)


def test_kumaraswamy_entropy():
    d = dist.Kumaraswamy(2.0, 3.5)
    f = lambda x: -float(bnp.exp(d.log_prob(x)) * d.log_prob(x))  # noqa: E731
    assert float(d.entropy()) == pytest.approx(quad(f, 0, 1)[0], rel=1e-6)


COUNTS = [
    Case("ZeroInflatedPoisson", dist.ZeroInflatedPoisson, (0.3, 2.5), np.arange(9), None,
         lambda k: zip_pmf(k, 0.3, 2.5)),
    Case("ZeroInflatedLogits",
         lambda z, r: dist.ZeroInflatedDistribution(dist.Poisson(r), gate_logits=z),
         (-0.7, 2.5), np.arange(9), None, lambda k: zip_pmf(k, 1 / (1 + math.exp(0.7)), 2.5)),
    Case("ZeroInflatedNegativeBinomial2",
         lambda m, c, g: dist.ZeroInflatedNegativeBinomial2(m, c, gate=g),
         (3.0, 2.0, 0.4), np.arange(9), None,
         lambda k: np.log(0.4 * (k == 0) + 0.6 * ss.nbinom(2.0, 0.4).pmf(k))),
]  # fmt: skip


@pytest.mark.parametrize("case", COUNTS, ids=str)
def test_counts(case):
    d = case.make(*case.params)
    lp = np.asarray(d.log_prob(case.points))
    np.testing.assert_allclose(lp, case.log_density(case.points), rtol=1e-9)
    k = np.arange(200)
    p = np.exp(np.asarray(d.log_prob(k)))
    assert p.sum() == pytest.approx(1.0) and float(d.mean) == pytest.approx((p * k).sum())
    assert float(d.variance) == pytest.approx((p * k**2).sum() - (p * k).sum() ** 2)
    np.testing.assert_allclose(np.asarray(d.cdf(k[:9])), np.cumsum(p)[:9], rtol=1e-9)
    x = np.asarray(d.sample(random.key(0), (N,)))
    assert abs(x.mean() - float(d.mean)) < 5 * math.sqrt(float(d.variance) / N)


VECTORS = [
    Case("LowRankMultivariateNormal", dist.LowRankMultivariateNormal, (LOC, W, D),
         np.array([[0.0, 0.5, 1.0], [1.0, 2.0, -1.0]]),
         ss.multivariate_normal(LOC, W @ W.T + np.diag(D))),
    Case("MatrixNormal", dist.MatrixNormal, (W, TRIL, np.linalg.cholesky(COV[:2, :2])),
         np.array([W + 0.3, W * 2]), ss.matrix_normal(W, COV, COV[:2, :2])),
    Case("CAR", lambda m, r, t: dist.CAR(m, r, t, ADJ), (np.arange(4.0), 0.6, 1.5),
         np.array([[0.1, 2.0, 1.0, 3.0], [0.0, 0.0, 0.0, 0.0]]),
         ss.multivariate_normal(
             np.arange(4.0), np.linalg.inv(1.5 * (np.diag(ADJ.sum(1)) - 0.6 * ADJ)))),
    Case("GaussianRandomWalk", lambda s: dist.GaussianRandomWalk(s, 3), (1.3,),
         np.array([[0.3, -1.0, 2.0], [0.0, 0.0, 1.0]]),
         ss.multivariate_normal(np.zeros(3), 1.69 * np.minimum.outer([1, 2, 3], [1, 2, 3]))),
    Case("Wishart", lambda n, v: dist.Wishart(n, scale_matrix=v), (4.5, COV),
         np.array([COV, COV + 2 * np.eye(3)]), None,
         lambda x: np.array([ss.wishart(4.5, COV).logpdf(v) for v in x])),
    Case("WishartCholesky", lambda n, v: dist.WishartCholesky(n, scale_tril=v), (4.5, TRIL),
         np.array([TRIL, 2 * TRIL])),
    Case("ZeroSumNormal", lambda s: dist.ZeroSumNormal(s, (3,)), (1.3,),
         np.array([[1.0, -0.5, -0.5], [0.3, 0.2, -0.5]])),
    Case("EulerMaruyama", lambda k, s: dist.EulerMaruyama(
        np.array([0.0, 0.1, 0.4, 0.5]), lambda x, t: (-k * x, s), dist.Normal(0.0, s)),
         (0.7, 1.2), np.array([[0.0, 0.1, 0.2, 0.1], [1.0, 0.8, 0.5, 0.6]])),
    Case("GaussianCopula", lambda a, r: dist.GaussianCopula(
        dist.Exponential(bnp.broadcast_to(a, (2,))),
        correlation_cholesky=bnp.stack([bnp.stack([1.0 + 0 * r, 0 * r]),
                                        bnp.stack([r, bnp.sqrt(1 - r * r)])])),
         (0.8, 0.5), np.array([[0.3, 1.0], [2.0, 0.1]])),
]  # fmt: skip
by_vector = pytest.mark.parametrize("case", VECTORS, ids=str)


@by_vector
def test_vector_density_and_draws(case):
    d = case.make(*map(bnp.array, case.params))
    assert d.batch_shape == () and d.event_shape == case.points.shape[1:]
    assert bool(bnp.all(d.support(bnp.array(case.points))))
    lp = np.asarray(d.log_prob(bnp.array(case.points)))
    assert lp.shape == (2,)
    expected = case.twin.logpdf if case.twin is not None else case.log_density
    if expected is not None:
        np.testing.assert_allclose(lp, expected(case.points), rtol=1e-9)
    x = np.asarray(d.sample(random.key(0), (N,)))
    assert x.shape == (N, *d.event_shape)
    assert bool(bnp.all(d.support(bnp.array(x))))
    assert bool(bnp.all(bnp.isfinite(d.log_prob(bnp.array(x)))))
    try:
        mean, variance = np.asarray(d.mean), np.asarray(d.variance)
    except NotImplementedError:
        return
    np.testing.assert_array_less(abs(x.mean(0) - mean), 5 * np.sqrt(variance / N) + 1e-9)
    np.testing.assert_allclose(x.var(0), variance, rtol=0.25, atol=1e-9)
    if case.twin is not None and case.name != "CAR":
        try:
            h = d.entropy()
        except NotImplementedError:
            return
        assert float(h) == pytest.approx(float(case.twin.entropy()), rel=1e-9)


@pytest.mark.parametrize("case", SCALARS + COUNTS + VECTORS, ids=str)
def test_gradients_and_transformations(case):
    points = bnp.array(case.points)

    def density(*params):
        return case.make(*params).log_prob(points)

    params = tuple(bnp.array(np.asarray(p, float)) for p in case.params)
    plain = np.asarray(density(*params))
    np.testing.assert_allclose(np.asarray(bibun.jit(density)(*params)), plain, rtol=1e-10)
    stacked = [bnp.stack([p, p]) for p in params]
    out = np.asarray(bibun.vmap(density)(*stacked))
    np.testing.assert_allclose(out, np.stack([plain, plain]), rtol=1e-10)
    total = lambda *p: bnp.sum(density(*p))  # noqa: E731
    slopes = bibun.grad(total, argnums=tuple(range(len(params))))(*params)
    for i, slope in enumerate(slopes):
        assert bool(bnp.all(bnp.isfinite(slope)))
        if params[i].ndim:
            continue
        h = 1e-5
        up, down = (
            float(total(*(p + s * h * (i == j) for j, p in enumerate(params)))) for s in (1, -1)
        )
        assert float(slope) == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-6)
    draw = bibun.jit(lambda *p: case.make(*p).sample(random.key(1), (2,)))
    np.testing.assert_allclose(
        np.asarray(draw(*params)), np.asarray(case.make(*params).sample(random.key(1), (2,))),
        rtol=1e-10,
    )  # fmt: skip


@pytest.mark.parametrize("case", SCALARS + COUNTS + VECTORS, ids=str)
def test_pytrees_and_expansion(case):
    d = case.make(*map(bnp.array, case.params))
    leaves, structure = tree.flatten(d)
    again = tree.unflatten(structure, leaves)
    x = bnp.array(case.points)
    np.testing.assert_array_equal(np.asarray(again.log_prob(x)), np.asarray(d.log_prob(x)))
    wide = d.expand((3, 2)).to_event(1)
    draws = wide.sample(random.key(0), (4,))
    assert draws.shape == (4, 3, 2, *d.event_shape) and wide.log_prob(draws).shape == (4, 3)


# what single ones have of their own -------------------------------------------------------------


def test_low_rank_matrices():
    d = dist.LowRankMultivariateNormal(LOC, W, D)
    full = W @ W.T + np.diag(D)
    np.testing.assert_allclose(np.asarray(d.covariance_matrix), full)
    np.testing.assert_allclose(np.asarray(d.precision_matrix), np.linalg.inv(full), rtol=1e-9)
    with pytest.raises(ValueError, match="loc has 3 elements"):
        dist.LowRankMultivariateNormal(LOC, W[:2], D)


def test_wishart_parametrisations_agree():
    x = COV + np.eye(3)
    forms = ({"scale_matrix": COV}, {"rate_matrix": np.linalg.inv(COV)}, {"scale_tril": TRIL})
    values = [float(dist.Wishart(5.0, **f).log_prob(x)) for f in forms]
    np.testing.assert_allclose(values, ss.wishart(5, COV).logpdf(x), rtol=1e-9)
    assert float(dist.Wishart(5.0, COV).entropy()) == pytest.approx(ss.wishart(5, COV).entropy())
    # the factor's density is the matrix's times the Jacobian of L -> L Lᵀ
    tril = bnp.array(np.linalg.cholesky(x))
    rows, cols = np.tril_indices(3)

    def image(v):
        t = bnp.zeros((3, 3)).at[rows, cols].set(v)
        return (t @ t.T)[rows, cols]

    jacobian = np.asarray(bibun.jacfwd(image)(tril[rows, cols]))
    expected = values[0] + np.linalg.slogdet(jacobian)[1]
    assert float(dist.WishartCholesky(5.0, COV).log_prob(tril)) == pytest.approx(expected)
    with pytest.raises(ValueError, match="must exceed 2"):
        dist.Wishart(1.5, COV)


def test_zero_sum_is_the_degenerate_normal():
    d = dist.ZeroSumNormal(1.3, (4,))
    x = np.array([1.0, -2.0, 0.5, 0.5])
    cov = 1.69 * (np.eye(4) - 0.25)
    twin = ss.multivariate_normal(np.zeros(4), cov, allow_singular=True)
    assert float(d.log_prob(x)) == pytest.approx(twin.logpdf(x))
    t = dist.biject_to(d.support)
    z = np.array([0.3, -1.0, 2.0])
    y = t(bnp.array(z))
    np.testing.assert_allclose(np.asarray(t._inverse(y)), z, rtol=1e-12)
    assert float(bnp.sum(y * y)) == pytest.approx((z**2).sum())
    assert not bool(d.support(bnp.array([1.0, 1.0, 0.0, 0.0])))


def test_zero_sum_over_two_axes():
    d = dist.ZeroSumNormal(bnp.array([1.0, 2.0]), (3, 4))
    x = d.sample(random.key(0), (5,))
    assert x.shape == (5, 2, 3, 4)
    np.testing.assert_allclose(np.asarray(x.sum(-1)), 0, atol=1e-12)
    np.testing.assert_allclose(np.asarray(x.sum(-2)), 0, atol=1e-12)
    assert d.log_prob(x).shape == (5, 2)


def test_euler_maruyama_is_a_chain_of_normals():
    t = np.array([0.0, 0.1, 0.4, 0.5])
    d = dist.EulerMaruyama(t, lambda x, s: (-0.7 * x + s, 1.2), dist.Normal(0.0, 2.0))
    x = np.array([1.0, 0.8, 0.5, 0.6])
    mean = x[:-1] + np.diff(t) * (-0.7 * x[:-1] + t[:-1])
    expected = ss.norm(0, 2).logpdf(x[0])
    expected += ss.norm(mean, 1.2 * np.sqrt(np.diff(t))).logpdf(x[1:]).sum()
    assert float(d.log_prob(x)) == pytest.approx(expected)
    two = dist.EulerMaruyama(
        t, lambda x, s: (-x, bnp.ones(2)), dist.Normal(bnp.zeros((3, 2)), 1.0).to_event(1)
    )
    assert two.batch_shape == (3,) and two.event_shape == (4, 2)
    y = two.sample(random.key(0), (5,))
    assert y.shape == (5, 3, 4, 2) and two.log_prob(y).shape == (5, 3)


def test_gaussian_copula_of_normals_is_multivariate_normal():
    sd = np.sqrt(np.diag(COV))
    corr = COV / np.outer(sd, sd)
    d = dist.GaussianCopula(dist.Normal(LOC, sd), correlation_matrix=corr)
    x = np.array([[0.0, 0.5, 1.0], [1.0, 2.0, -1.0]])
    np.testing.assert_allclose(
        np.asarray(d.log_prob(bnp.array(x))), ss.multivariate_normal(LOC, COV).logpdf(x), rtol=1e-8
    )
    draws = np.asarray(d.sample(random.key(0), (N,)))
    np.testing.assert_allclose(np.cov(draws.T), COV, atol=0.15)


def test_censoring():
    base, twin = dist.Weibull(3.0, 2.0), ss.weibull_min(2, scale=3)
    flags, x = bnp.array([True, False]), np.array([1.5, 1.5])
    left = np.asarray(dist.LeftCensoredDistribution(base, flags).log_prob(x))
    np.testing.assert_allclose(left, [twin.logcdf(1.5), twin.logpdf(1.5)], rtol=1e-9)
    right = np.asarray(dist.RightCensoredDistribution(base, flags).log_prob(x))
    np.testing.assert_allclose(right, [twin.logsf(1.5), twin.logpdf(1.5)], rtol=1e-9)
    far = dist.RightCensoredDistribution(dist.Normal(), True)
    assert float(far.log_prob(12.0)) == pytest.approx(ss.norm.logsf(12.0), rel=1e-9)
    d = dist.IntervalCensoredDistribution(
        base, bnp.array([0, 0, 1, 1, 0]), bnp.array([0, 1, 0, 1, 0])
    )
    values = np.array([[2.0, 5.0], [4.0, np.inf], [0.0, 2.0], [1.0, 2.0], [1.5, 1.5]])
    expected = [
        math.log(twin.cdf(5) - twin.cdf(2)), twin.logsf(4), twin.logcdf(2),
        math.log(1 - (twin.cdf(2) - twin.cdf(1))), twin.logpdf(1.5),
    ]  # fmt: skip
    np.testing.assert_allclose(np.asarray(d.log_prob(bnp.array(values))), expected, rtol=1e-9)

    def density(scale):
        moved = dist.IntervalCensoredDistribution(
            dist.Weibull(scale, 2.0), d.left_censored, d.right_censored
        )
        return bnp.sum(moved.log_prob(bnp.array(values)))

    h = 1e-5
    slope = (float(density(3 + h)) - float(density(3 - h))) / (2 * h)
    assert float(bibun.grad(density)(3.0)) == pytest.approx(slope, rel=1e-6)


def test_mixture_of_different_supports():
    weights = dist.Categorical(probs=bnp.array([0.4, 0.6]))
    parts = [dist.Normal(0.0, 1.0), dist.Exponential(1.0)]
    with pytest.raises(ValueError, match="supports of the components differ"):
        dist.MixtureGeneral(weights, parts)
    d = dist.MixtureGeneral(weights, parts, support=dist.constraints.real)
    for x in (-1.0, 0.5):
        p = 0.4 * ss.norm.pdf(x) + 0.6 * ss.expon.pdf(x)
        assert float(d.log_prob(x)) == pytest.approx(math.log(p))


PAIRS = [
    (dist.Normal(0.3, 1.2), dist.Normal(-0.5, 2.0)),
    (dist.LogNormal(0.3, 0.5), dist.LogNormal(-0.2, 0.8)),
    (dist.HalfNormal(1.2), dist.HalfNormal(2.0)),
    (dist.Laplace(0.3, 1.2), dist.Laplace(-0.5, 2.0)),
    (dist.Cauchy(0.3, 1.2), dist.Cauchy(-0.5, 2.0)),
    (dist.Exponential(1.2), dist.Exponential(0.7)),
    (dist.Uniform(0.0, 1.0), dist.Uniform(-1.0, 2.0)),
    (dist.Gamma(2.5, 1.5), dist.Gamma(1.5, 0.7)),
    (dist.Weibull(1.5, 2.0), dist.Gamma(2.0, 1.3)),
    (dist.Beta(2.0, 3.0), dist.Beta(1.5, 1.2)),
]


@pytest.mark.parametrize("p, q", PAIRS, ids=lambda d: type(d).__name__)
def test_scalar_divergences_are_integrals(p, q):
    low = getattr(p.support, "lower_bound", None)
    high = getattr(p.support, "upper_bound", None)
    low = -np.inf if low is None else float(low)
    high = np.inf if high is None else float(high)

    def integrand(x):
        a = float(p.log_prob(x))
        return math.exp(a) * (a - float(q.log_prob(x))) if a > -600 else 0.0

    expected, _ = quad(integrand, low, high, limit=200)
    assert float(dist.kl_divergence(p, q)) == pytest.approx(expected, rel=1e-5)


def test_vector_divergences():
    p = dist.MultivariateNormal(LOC, COV)
    q = dist.MultivariateNormal(bnp.zeros(3), bnp.eye(3) * 4)
    wide = dist.Normal(bnp.zeros(3), 2.0).to_event(1)
    kl = float(dist.kl_divergence(p, q))
    expected = 0.5 * (
        np.trace(COV) / 4 + (LOC**2).sum() / 4 - 3 + math.log(64 / np.linalg.det(COV))
    )
    assert kl == pytest.approx(expected)
    assert float(dist.kl_divergence(p, wide)) == pytest.approx(expected)
    low = dist.LowRankMultivariateNormal(LOC, W, D)
    assert float(dist.kl_divergence(low, low)) == pytest.approx(0.0, abs=1e-12)
    a, b = np.array([0.7, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])
    x = ss.dirichlet(a).rvs(200_000, random_state=0)
    monte = (ss.dirichlet(a).logpdf(x.T) - ss.dirichlet(b).logpdf(x.T)).mean()
    assert float(dist.kl_divergence(dist.Dirichlet(a), dist.Dirichlet(b))) == pytest.approx(
        monte, abs=0.02
    )
    batch = dist.Normal(bnp.zeros((4, 3)), 1.0)
    kl = dist.kl_divergence(batch.to_event(1), dist.Normal(1.0, 1.0).expand((3,)).to_event(1))
    np.testing.assert_allclose(np.asarray(kl), np.full(4, 1.5))


@pytest.mark.parametrize(
    "p, q",
    [
        (dist.Bernoulli(0.3), dist.Bernoulli(logits=0.4)),
        (dist.Poisson(2.5), dist.Poisson(4.0)),
        (dist.Geometric(0.3), dist.Geometric(0.5)),
        (
            dist.Categorical(probs=np.array([0.2, 0.8])),
            dist.Categorical(probs=np.array([0.6, 0.4])),
        ),
    ],
    ids=lambda d: type(d).__name__,
)
def test_discrete_divergences_are_sums(p, q):
    k = np.arange(2 if p.has_enumerate_support else 150)
    a, b = np.asarray(p.log_prob(k)), np.asarray(q.log_prob(k))
    assert float(dist.kl_divergence(p, q)) == pytest.approx((np.exp(a) * (a - b)).sum())


def test_unknown_divergence():
    with pytest.raises(NotImplementedError, match="divergence of Normal from Cauchy"):
        dist.kl_divergence(dist.Normal(), dist.Cauchy())


def test_gradient_in_a_concentration_of_one():
    """There the power of the value is 0, and its logarithm is the slope all the same."""
    x = np.array([0.2, 0.3, 0.5])
    beta = bibun.grad(lambda a: dist.Beta(a, 2.0).log_prob(0.3))(1.0)
    assert float(beta) == pytest.approx(math.log(0.3) + 1.0 + 0.5)  # digamma(3) - digamma(1)
    slope = bibun.grad(lambda a: dist.Dirichlet(a).log_prob(x))(np.ones(3))
    np.testing.assert_allclose(slope, np.log(x) + 1.0 + 0.5, rtol=1e-12)
    kumaraswamy = bibun.grad(lambda b: dist.Kumaraswamy(2.0, b).log_prob(0.3))(1.0)
    assert float(kumaraswamy) == pytest.approx(1.0 + math.log1p(-0.09))


def test_entropies_of_impossible_classes_have_gradients():
    logits = np.array([0.3, -1e9, 0.1])
    for loss in (
        lambda z: dist.Categorical(logits=z).entropy(),
        lambda z: dist.kl_divergence(dist.Categorical(logits=z), dist.Categorical(logits=z[::-1])),
    ):
        assert np.isfinite(np.asarray(bibun.grad(loss)(logits))).all()
    assert np.isfinite(float(bibun.grad(lambda z: dist.Bernoulli(logits=z).entropy())(800.0)))


@pytest.mark.parametrize(
    "make",
    [
        lambda v: dist.Independent(dist.HalfNormal(np.ones(2)), 1, validate_args=v),
        lambda v: dist.FoldedDistribution(dist.Normal(), validate_args=v),
        lambda v: dist.TransformedDistribution(
            dist.Normal(), dist.transforms.ExpTransform(), validate_args=v
        ),
        lambda v: dist.LeftCensoredDistribution(dist.HalfNormal(), validate_args=v),
        lambda v: dist.TruncatedNormal(low=0.0, validate_args=v),
        lambda v: dist.MixtureSameFamily(
            dist.Categorical(probs=np.ones(2) / 2), dist.HalfNormal(np.ones(2)), validate_args=v
        ),
    ],
)
def test_validate_args_of_a_wrapper_is_heard(make):
    """Data outside of the support is an error of the site, unless validation is turned off."""
    from bibun.prob import handlers, sample

    def model(d):
        sample("y", d, obs=np.full(d.batch_shape + d.event_shape, -1.0))

    with pytest.raises(ValueError, match="'y'"):
        handlers.trace(model).get_trace(make(None))
    handlers.trace(model).get_trace(make(False))


@pytest.mark.parametrize(
    "quantile, reference, at",
    [
        (lambda a: dist.Gamma(a, 1.0).icdf(0.3), lambda a: ss.gamma.ppf(0.3, a), 2.0),
        (lambda a: dist.Beta(a, 2.0).icdf(0.3), lambda a: ss.beta.ppf(0.3, a, 2.0), 2.0),
        (lambda a: dist.StudentT(a).icdf(0.3), lambda a: ss.t.ppf(0.3, a), 3.0),
    ],
)
def test_quantiles_have_second_derivatives_in_the_parameters(quantile, reference, at):
    h = 1e-3
    second = (reference(at + h) - 2 * reference(at) + reference(at - h)) / h**2
    found = bibun.grad(bibun.grad(quantile))(at)
    assert float(found) == pytest.approx(second, rel=1e-5)


def test_moments_and_entropies_against_scipy():
    p, a, b = 2.5, 3.2, 1.4  # concentration, sharpness, scale
    exact = ss.burr(a, p, scale=b)  # Dagum's is SciPy's burr
    d = dist.Dagum(p, a, b)
    np.testing.assert_allclose([d.mean, d.variance], exact.stats("mv"), rtol=1e-9)
    assert np.isinf(dist.Dagum(p, 1.5, b).variance) and np.isinf(dist.Dagum(p, 0.9, b).mean)
    exact = ss.gompertz(0.7, scale=1 / 1.3)
    np.testing.assert_allclose(dist.Gompertz(0.7, 1.3).mean, exact.mean(), rtol=1e-9)
    np.testing.assert_allclose(dist.Levy(0.3, 1.7).entropy(), ss.levy(0.3, 1.7).entropy())
    np.testing.assert_allclose(dist.Geometric(0.3).entropy(), ss.geom(0.3).entropy(), rtol=1e-9)
    exact = ss.betanbinom(3, 4.5, 2.0)
    d = dist.BetaNegativeBinomial(2.0, 4.5, 3)
    np.testing.assert_allclose([d.mean, d.variance], [exact.mean(), exact.var()], rtol=1e-9)
    assert np.isinf(dist.BetaNegativeBinomial(2.0, 2.0, 3).variance)
    np.testing.assert_allclose(dist.Normal(1.0, 2.0).log_cdf(-70.0), ss.norm(1, 2).logcdf(-70))
    np.testing.assert_allclose(dist.Delta(bnp.ones(2), log_density=-0.5).entropy(), [0.5, 0.5])
    mode = np.asarray(dist.InverseWishart(7.0, scale_matrix=bnp.asarray(COV)).mode)
    np.testing.assert_allclose(mode, COV / 11.0)


def test_inverse_wishart_variance_on_the_diagonal():
    """A diagonal element is inverse gamma: shape (nu - p + 1) / 2, scale s / 2."""
    nu, p = 9.0, 3
    exact = [ss.invgamma((nu - p + 1) / 2, scale=s / 2).var() for s in np.diag(COV)]
    variance = np.asarray(dist.InverseWishart(nu, scale_matrix=bnp.asarray(COV)).variance)
    np.testing.assert_allclose(np.diag(variance), exact, rtol=1e-10)
    draws = ss.invwishart(nu + 6, COV).rvs(100_000, random_state=0)
    ours = np.asarray(dist.InverseWishart(nu + 6, scale_matrix=bnp.asarray(COV)).variance)
    np.testing.assert_allclose(ours, draws.var(axis=0), rtol=0.06)
    assert np.all(np.isnan(dist.InverseWishart(6.0, scale_matrix=bnp.asarray(COV)).variance))


def test_gates_by_their_names():
    for kind in (dist.ZeroInflatedLogits, dist.HurdleLogits):
        d = kind(dist.Poisson(2.0), gate_logits=0.4)
        other = {"ZeroInflatedLogits": dist.ZeroInflatedDistribution}
        made = other.get(kind.__name__, dist.HurdleDistribution)(dist.Poisson(2.0), gate_logits=0.4)
        assert type(d) is type(made)
        np.testing.assert_allclose(d.log_prob(np.arange(4)), made.log_prob(np.arange(4)))


def test_supports_of_counts_are_listed():
    d = dist.DiscreteUniform(2, 5).expand((3,))
    assert d.enumerate_support(expand=False).tolist() == [[2], [3], [4], [5]]
    assert d.enumerate_support().shape == (4, 3)
    q = np.array([0.0, 0.1, 0.25, 0.2501, 0.99, 1.0])
    exact = np.maximum(ss.randint(2, 6).ppf(q), 2)
    assert dist.DiscreteUniform(2, 5).icdf(q).tolist() == exact.tolist()
    counts = dist.BetaBinomial(bnp.array([1.0, 2.0]), 3.0, 4)
    mass = np.exp(np.asarray(counts.log_prob(counts.enumerate_support()))).sum(0)
    np.testing.assert_allclose(mass, 1.0, rtol=1e-10)
    with pytest.raises(NotImplementedError, match="total_count varies"):
        dist.BetaBinomial(1.0, 1.0, bnp.array([3, 4])).enumerate_support()
