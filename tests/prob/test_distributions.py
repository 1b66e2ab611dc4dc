"""Every distribution against SciPy, its own draws, its own derivatives and transformations.

One table: name, a function making it, its SciPy twin, and points of its support.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.stats as ss

import bibun
from bibun import numpy as bnp
from bibun import random, tree
from bibun.prob import distributions as dist


@dataclass
class Case:
    name: str
    make: Any
    twin: Any
    points: Any
    discrete: bool = False
    params: tuple = ()

    def __str__(self):
        return self.name


REAL = np.array([-3.0, -0.5, 0.0, 0.7, 4.0])
POSITIVE = np.array([0.05, 0.5, 1.0, 3.0, 9.0])
UNIT = np.array([0.02, 0.3, 0.5, 0.97])
COUNTS = np.arange(0, 12)


def case(name, make, params, twin, points, discrete=False):
    return Case(name, make, twin, points, discrete, params)


CASES = [
    case("Normal", dist.Normal, (1.0, 2.0), ss.norm(1, 2), REAL),
    case("HalfNormal", dist.HalfNormal, (1.5,), ss.halfnorm(scale=1.5), POSITIVE),
    case("LogNormal", dist.LogNormal, (0.3, 0.7), ss.lognorm(0.7, scale=math.exp(0.3)), POSITIVE),
    case("Uniform", dist.Uniform, (-1.0, 3.0), ss.uniform(-1, 4), np.array([-0.9, 0.0, 2.0])),
    case("Exponential", dist.Exponential, (0.7,), ss.expon(scale=1 / 0.7), POSITIVE),
    case("Gamma", dist.Gamma, (2.5, 1.5), ss.gamma(2.5, scale=1 / 1.5), POSITIVE),
    case("Gamma small", dist.Gamma, (0.4, 1.0), ss.gamma(0.4), POSITIVE),
    case("InverseGamma", dist.InverseGamma, (3.5, 2.0), ss.invgamma(3.5, scale=2), POSITIVE),
    case("Chi2", dist.Chi2, (3.0,), ss.chi2(3), POSITIVE),
    case("Beta", dist.Beta, (2.0, 3.5), ss.beta(2, 3.5), UNIT),
    case("Cauchy", dist.Cauchy, (0.5, 1.5), ss.cauchy(0.5, 1.5), REAL),
    case("HalfCauchy", dist.HalfCauchy, (1.5,), ss.halfcauchy(scale=1.5), POSITIVE),
    case("StudentT", dist.StudentT, (4.0, 0.5, 1.5), ss.t(4, 0.5, 1.5), REAL),
    case("Laplace", dist.Laplace, (0.5, 1.5), ss.laplace(0.5, 1.5), REAL),
    case("Logistic", dist.Logistic, (0.5, 1.5), ss.logistic(0.5, 1.5), REAL),
    case("Gumbel", dist.Gumbel, (0.5, 1.5), ss.gumbel_r(0.5, 1.5), REAL),
    case("Weibull", dist.Weibull, (2.0, 1.5), ss.weibull_min(1.5, scale=2), POSITIVE),
    case("Pareto", dist.Pareto, (1.5, 3.5), ss.pareto(3.5, scale=1.5), np.array([1.6, 2.0, 9.0])),
    case("VonMises", dist.VonMises, (0.5, 2.0), ss.vonmises(2.0, 0.5), np.array([-2.0, 0.0, 2.0])),
    case("TruncatedNormal", lambda m, s: dist.TruncatedNormal(m, s, low=0.0, high=3.0), (1.0, 2.0),
         ss.truncnorm(-0.5, 1.0, 1, 2), np.array([0.1, 1.0, 2.9])),
    case("TruncatedNormal far", lambda m, s: dist.TruncatedNormal(m, s, low=9.0), (0.0, 1.0),
         ss.truncnorm(9.0, np.inf), np.array([9.01, 9.2, 10.0])),
    case("TruncatedCauchy", lambda m, s: dist.TruncatedCauchy(m, s, high=0.0), (1.0, 2.0), None,
         np.array([-5.0, -0.1])),
    case("Bernoulli", dist.Bernoulli, (0.3,), ss.bernoulli(0.3), np.array([0, 1]), True),
    case("BernoulliLogits", lambda z: dist.Bernoulli(logits=z), (-0.7,),
         ss.bernoulli(1 / (1 + math.exp(0.7))), np.array([0, 1]), True),
    case("Binomial", lambda p: dist.Binomial(10, p), (0.35,), ss.binom(10, 0.35),
         np.arange(11), True),
    case("BinomialLogits", lambda z: dist.Binomial(30, logits=z), (0.4,),
         ss.binom(30, 1 / (1 + math.exp(-0.4))), np.arange(31), True),
    case("Poisson", dist.Poisson, (3.5,), ss.poisson(3.5), COUNTS, True),
    case("Poisson large", dist.Poisson, (40.0,), ss.poisson(40.0), np.arange(20, 60), True),
    case("Geometric", dist.Geometric, (0.3,), ss.geom(0.3, loc=-1), COUNTS, True),
    case("GammaPoisson", dist.GammaPoisson, (2.5, 0.8), ss.nbinom(2.5, 0.8 / 1.8), COUNTS, True),
    case("BetaBinomial", lambda a, b: dist.BetaBinomial(a, b, 8), (2.0, 3.0),
         ss.betabinom(8, 2, 3), np.arange(9), True),
    case("DiscreteUniform", lambda: dist.DiscreteUniform(2, 7), (), ss.randint(2, 8),
         np.arange(2, 8), True),
    case("Categorical", lambda a, b: dist.Categorical(logits=bnp.stack([a, b, 0.0 * a])),
         (0.4, -1.0), ss.rv_discrete(values=(np.arange(3), np.exp([0.4, -1.0, 0.0])
                                             / np.exp([0.4, -1.0, 0.0]).sum())),
         np.arange(3), True),
    case("Mixture", lambda a, b: dist.MixtureSameFamily(
        dist.Categorical(probs=bnp.array([0.3, 0.7])), dist.Normal(bnp.stack([a, b]), 0.5)),
         (-1.0, 2.0), None, REAL),
]  # fmt: skip
by_name = pytest.mark.parametrize("case", CASES, ids=str)
N = 4000


def floats(case):
    return tuple(bnp.array(p) for p in case.params)


@by_name
def test_density(case):
    d = case.make(*floats(case))
    lp = np.asarray(d.log_prob(case.points))
    assert lp.shape == case.points.shape and d.batch_shape == ()
    if case.twin is not None:
        log_density = case.twin.logpmf if case.discrete else case.twin.logpdf
        np.testing.assert_allclose(lp, log_density(case.points), rtol=1e-9, atol=1e-12)
    for x in case.points:
        assert bool(d.support(bnp.array(x)))


@by_name
def test_density_integrates_to_one(case):
    d = case.make(*floats(case))
    if case.discrete:
        total = float(bnp.sum(bnp.exp(d.log_prob(np.arange(400)))))
    else:
        from scipy.integrate import quad

        low = getattr(d.support, "lower_bound", None)
        high = getattr(d.support, "upper_bound", None)
        low = -np.inf if low is None else float(low)
        high = np.inf if high is None else float(high)
        total, _ = quad(lambda x: float(bnp.exp(d.log_prob(x))), low, high, limit=80, epsrel=1e-7)
    assert total == pytest.approx(1.0, abs=2e-5)


@by_name
def test_outside_the_support(case):
    d = case.make(*floats(case))
    for x in (-1e3, 1e3):
        if not bool(d.support(bnp.array(x))):
            assert float(d.log_prob(x)) == -np.inf


@by_name
def test_moments_and_entropy(case):
    if case.twin is None or case.name == "VonMises":
        return
    d = case.make(*floats(case))
    mean, variance = case.twin.stats(moments="mv")
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(np.asarray(d.mean), mean, rtol=1e-8)
        np.testing.assert_allclose(np.asarray(d.variance), variance, rtol=1e-6)
    try:
        h = d.entropy()
    except NotImplementedError:
        return
    np.testing.assert_allclose(np.asarray(h), case.twin.entropy(), rtol=1e-7)


@by_name
def test_cdf_and_icdf(case):
    if case.twin is None:
        return
    d = case.make(*floats(case))
    try:
        cdf = np.asarray(d.cdf(bnp.array(case.points)))
    except NotImplementedError:
        return
    np.testing.assert_allclose(cdf, case.twin.cdf(case.points), rtol=1e-8, atol=1e-13)
    if case.discrete:
        return
    try:
        back = d.icdf(bnp.array(cdf))
    except NotImplementedError:
        return
    np.testing.assert_allclose(np.asarray(back), case.points, rtol=2e-6, atol=1e-7)


@by_name
def test_draws(case):
    d = case.make(*floats(case))
    x = np.asarray(d.sample(random.key(3), (N,)))
    assert x.shape == (N,)
    assert bool(bnp.all(d.support(bnp.array(x))))
    if case.twin is None:
        if case.name == "Mixture":
            assert abs(x.mean() - float(d.mean)) < 5 * math.sqrt(float(d.variance) / N)
        return
    if case.discrete:
        mean, variance = case.twin.stats(moments="mv")
        assert abs(x.mean() - mean) < 5 * math.sqrt(variance / N)
        assert abs(x.var() / variance - 1) < 0.15
    else:
        assert ss.kstest(x, case.twin.cdf).pvalue > 1e-4


@by_name
def test_gradients_are_those_of_differences(case):
    if not case.params:
        return

    def density(*params):
        return bnp.sum(case.make(*params).log_prob(case.points))

    params = case.params
    slopes = bibun.grad(density, argnums=tuple(range(len(params))))(*params)
    for i, slope in enumerate(slopes):
        h = 1e-5 * max(1.0, abs(params[i]))
        up = float(density(*(p + h * (i == j) for j, p in enumerate(params))))
        down = float(density(*(p - h * (i == j) for j, p in enumerate(params))))
        assert float(slope) == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-6)


@by_name
def test_transformations(case):
    def density(*params):
        return case.make(*params).log_prob(case.points)

    params = floats(case)
    plain = np.asarray(density(*params))
    np.testing.assert_allclose(np.asarray(bibun.jit(density)(*params)), plain, rtol=1e-12)
    if params:
        stacked = [bnp.stack([p, p * 1.1]) for p in params]
        out = np.asarray(bibun.vmap(density)(*stacked))
        np.testing.assert_allclose(out[0], plain, rtol=1e-12)
        np.testing.assert_allclose(
            out[1], np.asarray(density(*(p * 1.1 for p in params))), rtol=1e-12
        )


@by_name
def test_pytree_and_shapes(case):
    d = case.make(*floats(case))
    leaves, structure = tree.flatten(d)
    again = tree.unflatten(structure, leaves)
    assert type(again) is type(d) and again.batch_shape == d.batch_shape
    wide = d.expand((3, 2))
    assert wide.batch_shape == (3, 2) and wide.event_shape == ()
    assert wide.sample(random.key(0), (4,)).shape == (4, 3, 2)
    event = wide.to_event(1)
    assert event.batch_shape == (3,) and event.event_shape == (2,)
    x = event.sample(random.key(0))
    lp = event.log_prob(x)
    assert lp.shape == (3,)
    np.testing.assert_allclose(
        np.asarray(lp), np.asarray(bnp.sum(d.log_prob(x), axis=-1)), rtol=1e-12
    )
    half = wide.mask(bnp.array([True, False]))
    lp = np.asarray(half.log_prob(x))
    assert (lp[:, 1] == 0).all() and np.allclose(lp[:, 0], np.asarray(d.log_prob(x))[:, 0])


def test_ndtri_over_its_whole_range():
    from scipy.special import ndtri as reference

    from bibun.scipy.special import ndtri

    p = np.concatenate(
        [np.logspace(-300, -1, 400), np.linspace(0.01, 0.99, 300), 1 - np.logspace(-16, -2, 50)]
    )
    np.testing.assert_allclose(
        np.asarray(ndtri(bnp.array(p))), reference(p), rtol=4e-15, atol=1e-15
    )
    assert ndtri(bnp.array([0.0, 1.0, 0.5])).tolist() == [-np.inf, np.inf, 0.0]
    assert float(bibun.grad(ndtri)(0.5)) == pytest.approx(math.sqrt(2 * math.pi))
