"""bibun.random under transformations, its distributions, its errors, its examples."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
import scipy.stats as ss

import bibun
from bibun import numpy as bnp
from bibun import random

KEY = random.key(11)

SAMPLERS = {
    "bits": lambda k: random.bits(k, (5,), "uint32"),
    "uniform": lambda k: random.uniform(k, (2, 3)),
    "normal": lambda k: random.normal(k, (5,)),
    "normal32": lambda k: random.normal(k, (5,), "float32"),
    "randint": lambda k: random.randint(k, (5,), -3, 1000),
    "bernoulli": lambda k: random.bernoulli(k, 0.3, (5,)),
    "gamma": lambda k: random.gamma(k, bnp.array([0.3, 2.0, 9.0])),
    "dirichlet": lambda k: random.dirichlet(k, bnp.array([0.3, 2.0, 9.0])),
    "t": lambda k: random.t(k, 3.0, (3,)),
    "poisson": lambda k: random.poisson(k, bnp.array([0.3, 5.0, 60.0])),
    "binomial": lambda k: random.binomial(k, 40.0, bnp.array([0.1, 0.5, 0.9])),
    "categorical": lambda k: random.categorical(k, bnp.array([0.1, 0.5, 0.9]), shape=(4,)),
    "permutation": lambda k: random.permutation(k, 6),
    "choice": lambda k: random.choice(k, 6, (3,), replace=False),
    "split": lambda k: random.key_data(random.split(k, 3)),
    "fold_in": lambda k: random.key_data(random.fold_in(k, 3)),
    "raw": lambda k: random.split(random.key_data(k)),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_jit_and_vmap(name):
    draw = SAMPLERS[name]
    plain = np.asarray(draw(KEY))
    compiled = np.asarray(bibun.jit(draw)(KEY))
    assert compiled.dtype == plain.dtype
    np.testing.assert_allclose(compiled, plain, rtol=1e-6 if name == "normal32" else 1e-13)
    keys = random.split(KEY, 3)
    batched = np.asarray(bibun.vmap(draw)(keys))
    for i in range(3):
        np.testing.assert_allclose(batched[i], np.asarray(draw(keys[i])), rtol=1e-6)
    raw = np.asarray(bibun.vmap(draw)(keys) if name == "raw" else draw(KEY))
    assert raw.shape[1:] == plain.shape if name == "raw" else raw.shape == plain.shape


@pytest.mark.parametrize("name", ["uniform", "normal", "gamma"])
def test_raw_and_typed_keys_give_the_same(name):
    draw = SAMPLERS[name]
    np.testing.assert_array_equal(
        np.asarray(draw(random.PRNGKey(5))), np.asarray(draw(random.key(5)))
    )


N = 4000
LAWS = {
    "uniform": (lambda k: random.uniform(k, (N,), minval=-1.0, maxval=2.0), ss.uniform(-1, 3)),
    "normal": (lambda k: random.normal(k, (N,)), ss.norm()),
    "truncated_normal": (
        lambda k: random.truncated_normal(k, -1.0, 0.5, (N,)),
        ss.truncnorm(-1, 0.5),
    ),
    "exponential": (lambda k: random.exponential(k, (N,)), ss.expon()),
    "gumbel": (lambda k: random.gumbel(k, (N,), mode="high"), ss.gumbel_r()),
    "laplace": (lambda k: random.laplace(k, (N,)), ss.laplace()),
    "cauchy": (lambda k: random.cauchy(k, (N,)), ss.cauchy()),
    "gamma": (lambda k: random.gamma(k, 0.3, (N,)), ss.gamma(0.3)),
    "beta": (lambda k: random.beta(k, 0.5, 2.0, (N,)), ss.beta(0.5, 2)),
    "chisquare": (lambda k: random.chisquare(k, 3.0, (N,)), ss.chi2(3)),
    "f": (lambda k: random.f(k, 3.0, 9.0, (N,)), ss.f(3, 9)),
    "t": (lambda k: random.t(k, 3.0, (N,)), ss.t(3)),
    "pareto": (lambda k: random.pareto(k, 2.0, (N,)), ss.pareto(2)),
    "rayleigh": (lambda k: random.rayleigh(k, 2.0, (N,)), ss.rayleigh(scale=2)),
    "weibull_min": (lambda k: random.weibull_min(k, 2.0, 1.5, (N,)), ss.weibull_min(1.5, scale=2)),
    "wald": (lambda k: random.wald(k, 1.5, (N,)), ss.invgauss(1.5)),
    "maxwell": (lambda k: random.maxwell(k, (N,)), ss.maxwell()),
    "triangular": (
        lambda k: random.triangular(k, -1.0, 0.5, 2.0, (N,)),
        ss.triang(0.5, -1, 3),
    ),
    "generalized_normal": (lambda k: random.generalized_normal(k, 1.5, (N,)), ss.gennorm(1.5)),
    "lognormal": (lambda k: random.lognormal(k, 0.7, (N,)), ss.lognorm(0.7)),
}


@pytest.mark.parametrize("name", LAWS)
def test_laws(name):
    draw, law = LAWS[name]
    assert ss.kstest(np.asarray(draw(random.key(21))), law.cdf).pvalue > 1e-4


COUNTS = {
    "poisson small": (lambda k: random.poisson(k, 3.0, (N,)), ss.poisson(3)),
    "poisson large": (lambda k: random.poisson(k, 80.0, (N,)), ss.poisson(80)),
    "binomial inversion": (lambda k: random.binomial(k, 20, 0.2, (N,)), ss.binom(20, 0.2)),
    "binomial btrs": (lambda k: random.binomial(k, 200, 0.7, (N,)), ss.binom(200, 0.7)),
    "geometric": (lambda k: random.geometric(k, 0.3, (N,)), ss.geom(0.3)),
    "randint": (lambda k: random.randint(k, (N,), -2, 9), ss.randint(-2, 9)),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    draw, law = COUNTS[name]
    x = np.asarray(draw(random.key(22)))
    values = np.arange(law.ppf(0.02), law.ppf(0.98) + 1)
    expected = N * law.pmf(values)
    seen = np.array([(x == v).sum() for v in values])
    keep = expected > 5
    chi2 = ((seen - expected)[keep] ** 2 / expected[keep]).sum()
    assert ss.chi2(keep.sum()).sf(chi2) > 1e-4


def test_binomial_edges():
    out = random.binomial(KEY, bnp.array([0.0, 5.0, 5.0, -1.0]), bnp.array([0.5, 0.0, 1.0, 0.5]))
    assert np.asarray(out)[:3].tolist() == [0.0, 0.0, 5.0]
    assert np.isnan(np.asarray(out)[3])


def test_permutation_and_choice():
    x = np.arange(12.0).reshape(4, 3)
    out = np.asarray(random.permutation(KEY, x))
    assert sorted(map(tuple, out)) == sorted(map(tuple, x))
    picked = random.choice(KEY, x, (2,), replace=False, axis=1)
    assert picked.shape == (4, 2)
    assert random.choice(KEY, 5, (0,)).shape == (0,)
    weights = bnp.array([0.0, 1.0, 0.0])
    assert set(random.choice(KEY, 3, (50,), p=weights).tolist()) == {1}


def test_gaussian_vectors_and_rotations():
    cov = np.array([[2.0, 0.7], [0.7, 1.0]])
    for method in ("cholesky", "eigh", "svd"):
        x = np.asarray(random.multivariate_normal(KEY, np.zeros(2), cov, (N,), method=method))
        np.testing.assert_allclose(np.cov(x.T), cov, atol=0.15)
    q = np.asarray(random.orthogonal(KEY, 4, (3,)))
    np.testing.assert_allclose(q @ q.swapaxes(-1, -2), np.broadcast_to(np.eye(4), (3, 4, 4)),
                               atol=1e-12)  # fmt: skip


def test_reparametrised_draws_are_differentiable():
    def mean(a):
        return bnp.mean(random.gamma(random.key(2), a, (N,)))

    assert float(bibun.grad(mean)(3.0)) == pytest.approx(1.0, abs=0.1)  # d/da E[x] = 1
    slope = bibun.grad(lambda s: bnp.sum(random.normal(KEY, (3,)) * s))(2.0)
    assert float(slope) == pytest.approx(float(bnp.sum(random.normal(KEY, (3,)))))


def test_errors():
    with pytest.raises(TypeError, match="expected a key"):
        random.normal(3.0)
    with pytest.raises(ValueError, match="single key.*vmap"):
        random.normal(random.split(KEY))
    with pytest.raises(TypeError, match="float32 or float64"):
        random.normal(KEY, (), "int32")
    with pytest.raises(ValueError, match=r"shape \(2,\), \(\) do not broadcast to shape \(3,\)"):
        random.uniform(KEY, (3,), minval=bnp.zeros(2))
    with pytest.raises(ValueError, match="5 draws without replacement from 3"):
        random.choice(KEY, 3, (5,), replace=False)
    with pytest.raises(TypeError, match="seed must be one integer"):
        random.key(1.5)
    with pytest.raises(OverflowError):
        random.key(2**64)


@pytest.mark.parametrize("name", ["keys", "uniforms", "gammas", "discrete", "arrays"])
def test_examples(name):
    module = importlib.import_module(f"bibun.random.{name}")
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_multinomial_is_a_loop_over_the_classes():
    p = bnp.array([0.1, 0.2, 0.3, 0.4])
    draws = [random.multinomial(KEY, 100, p, unroll=u) for u in (1, 2, True)]
    assert all(np.array_equal(draws[0], d) for d in draws[1:])
    many = np.asarray(bibun.jit(lambda k: random.multinomial(k, 100, p, shape=(500, 4)))(KEY))
    assert np.all(many.sum(-1) == 100)
    spread = np.sqrt(100 * np.asarray(p) * (1 - np.asarray(p)) / 500)
    assert np.all(np.abs(many.mean(0) - 100 * np.asarray(p)) < 5 * spread)
    size = lambda p: len(str(bibun.make_program(lambda k: random.multinomial(k, 100, p))(KEY)))
    assert size(bnp.full(50, 0.02)) < 2 * size(p)
    assert random.t(KEY, bnp.array([1.0, 2.0, 3.0])).shape == (3,)


def test_keys_are_compared_whole() -> None:
    keys = random.split(KEY, 3)
    for run in (lambda f: f, bibun.jit):
        assert bool(run(lambda k: k == KEY)(KEY)) and not bool(run(lambda k: k != KEY)(KEY))
        assert np.array_equal(run(lambda k: k == keys[1])(keys), [False, True, False])
    assert np.array_equal(bibun.vmap(lambda k: k != keys[1])(keys), [True, False, True])
    with pytest.raises(TypeError):
        KEY < KEY  # noqa: B015
