"""`bibun.scipy.stats` against SciPy: values on grids, supports, parameters, derivatives."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest
import scipy.stats as reference

import bibun
import bibun.numpy as bnp
from bibun.scipy import stats

LINE = np.array([-40.0, -3.2, -0.7, 0.0, 0.4, 1.9, 35.0, np.inf, -np.inf, np.nan])
HALF = np.array([-1.0, 0.0, 1e-9, 0.3, 0.9, 2.5, 60.0, np.inf, np.nan])
UNIT = np.array([-0.5, 0.0, 1e-9, 0.21, 0.5, 0.83, 1.0, 1.7, np.nan])
WHOLE = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 9.0, 2.5])
SHAPE = [(0.6,), (1.0,), (3.5,), (-1.0,)]
TWO = [(0.6, 2.5), (1.0, 1.0), (7.0, 3.0), (-1.0, 2.0)]

CONTINUOUS = {
    "norm": (LINE, [()]), "cauchy": (LINE, [()]), "laplace": (LINE, [()]),
    "logistic": (LINE, [()]), "gumbel_r": (LINE, [()]), "gumbel_l": (LINE, [()]),
    "uniform": (UNIT, [()]), "expon": (HALF, [()]), "halfnorm": (HALF, [()]),
    "halfcauchy": (HALF, [()]), "rayleigh": (HALF, [()]), "gamma": (HALF, SHAPE),
    "chi2": (HALF, SHAPE), "invgamma": (HALF, SHAPE), "weibull_min": (HALF, SHAPE),
    "lognorm": (HALF, SHAPE),
    "pareto": (np.array([0.5, 1.0, 1.2, 3.0, 70.0, np.inf, np.nan]), SHAPE),
    "t": (LINE, SHAPE),
    "gennorm": (LINE, SHAPE), "skewnorm": (LINE, [(0.6,), (-3.0,)]), "beta": (UNIT, TWO),
    "f": (HALF, TWO), "invgauss": (HALF, SHAPE), "triang": (UNIT, [(0.3,), (0.0,), (1.0,)]),
    "loguniform": (HALF, [(0.2, 3.0), (1e-3, 50.0)]), "wrapcauchy": (HALF, [(0.4,)]),
    "vonmises": (LINE[1:6], [(0.5,), (8.0,)]),
    "truncnorm": (LINE[1:7], [(-1.0, 2.0), (2.0, 40.0), (-40.0, -20.0), (-np.inf, 1.0),
                              (0.5, np.inf)]),
}  # fmt: skip
DISCRETE = {
    "bernoulli": [(0.3,), (0.0,), (1.0,)], "binom": [(5.0, 0.3), (9.0, 1.0)],
    "poisson": [(0.4,), (7.0,), (0.0,), (-1.0,)], "geom": [(0.3,), (1.0,), (0.0,)],
    "nbinom": [(2.5, 0.3), (4.0, 1.0)], "betabinom": [(5.0, 2.0, 0.5)],
    "hypergeom": [(20.0, 7.0, 12.0), (9.0, 4.0, 3.0)], "zipf": [(1.5,), (4.0,)],
}  # fmt: skip
KEYWORDS = ({}, {"loc": 0.5}, {"loc": -1.0, "scale": 2.5})
# SciPy loses digits there (1 - p for small p) or has nan for infinite arguments.
WORSE = {
    ("halfnorm", "logsf"), ("halfnorm", "ppf"), ("triang", "isf"), ("truncnorm", "isf"),
    ("f", "logpdf"), ("f", "pdf"), ("vonmises", "cdf"), ("vonmises", "logsf"),
    ("skewnorm", "sf"), ("skewnorm", "logcdf"), ("skewnorm", "logsf"), ("skewnorm", "isf"),
}  # fmt: skip
NAMES = "logpdf pdf logpmf pmf cdf sf logcdf logsf ppf isf".split()
# SciPy's own value is wrong or of low accuracy there.
LOOSE = {"invgauss": 1e-8, "t": 1e-11, "vonmises": 2e-9, "f": 1e-10, "hypergeom": 1e-10,
         "skewnorm": 3e-9}  # fmt: skip
KEYWORDS = ({}, {"loc": 0.5}, {"loc": -1.0, "scale": 2.5})
PROBABILITIES = np.array([-0.1, 1e-12, 0.02, 0.4, 0.77, 0.999, 1.3])


def functions(family):
    module = importlib.import_module(f"bibun.scipy.stats.{family}")
    return [n for n in NAMES if hasattr(module, n)]


def pairs():
    for family, (grid, shapes) in CONTINUOUS.items():
        for function in functions(family):
            yield family, function, grid, shapes
    for family, shapes in DISCRETE.items():
        for function in functions(family):
            yield family, function, WHOLE, shapes


ALL = list(pairs())


def ids(case):
    return f"{case[0]}-{case[1]}"


@pytest.mark.parametrize("case", ALL, ids=ids)
def test_values(case):
    family, function, grid, shapes = case
    mine = getattr(importlib.import_module(f"bibun.scipy.stats.{family}"), function)
    theirs = getattr(getattr(reference, family), function)
    x = PROBABILITIES if function in ("ppf", "isf") else grid
    if (family, function) == ("zipf", "isf"):
        x, shapes = PROBABILITIES[2:], [(4.0,)]  # SciPy searches one by one: minutes, or for ever
    elif family == "geom" and function in ("ppf", "isf"):
        shapes = [(0.3,), (0.0,)]  # SciPy gives 0 for p = 1, where only 1 is possible
    elif family == "hypergeom" and "pmf" not in function:
        x = PROBABILITIES if function in ("ppf", "isf") else WHOLE[:-1]  # SciPy: nan at 2.5
    for s in shapes:
        for more in KEYWORDS[: 3 if family in CONTINUOUS else 1 if family == "hypergeom" else 2]:
            with np.errstate(all="ignore"):
                want = theirs(x, *s, **more)
            got = np.asarray(mine(bnp.array(x), *s, **more))
            assert got.dtype == np.float64
            tolerance = LOOSE.get(family, 2e-12)
            if (family, function) in WORSE:
                known = np.isfinite(want)
                tolerance, got, want = 1e-3, got[known], want[known]
            np.testing.assert_allclose(
                got, want, rtol=tolerance, atol=1e-15 if function == "logpmf" else 1e-30,
                err_msg=f"{s} {more}",
            )  # fmt: skip


SMOOTH = [
    c for c in ALL
    if c[1] in ("logpdf", "logpmf", "cdf", "logsf", "ppf") and (c[1] != "ppf" or c[0] in CONTINUOUS)
]  # fmt: skip


@pytest.mark.parametrize("case", SMOOTH, ids=ids)
def test_derivatives_in_point_and_parameters(case):
    """Against central differences, in the interior, at SciPy-like signatures."""
    family, function, grid, shapes = case
    f = getattr(importlib.import_module(f"bibun.scipy.stats.{family}"), function)
    s = shapes[0]
    params = [*s, 0.1, 1.3] if family in CONTINUOUS else list(s)
    frozen = {"hypergeom": 4, "binom": 2, "betabinom": 2, "poisson": 1, "nbinom": 1, "geom": 1,
              "bernoulli": 1, "zipf": 1}.get(family, 0)  # fmt: skip
    x = 0.37 if function == "ppf" else {"pareto": 2.2}.get(family, 0.61)
    x = {"bernoulli": 0.0, "hypergeom": 4.0}.get(family, 2.0) if family in DISCRETE else x
    args = [x, *params]
    for k in range(frozen, len(args)):
        if not np.isfinite(args[k]):
            continue
        g = float(bibun.grad(f, k)(*args))
        h = 1e-3 * max(abs(args[k]), 0.1)
        want = 0.0
        for step, w in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
            up, down = list(args), list(args)
            up[k] += step * h
            down[k] -= step * h
            want += w * (float(f(*up)) - float(f(*down))) / h
        np.testing.assert_allclose(g, want, rtol=2e-7, atol=1e-9, err_msg=f"argument {k}")


@pytest.mark.parametrize("family", ["binom", "poisson", "geom"])
def test_discrete_quantiles_invert_the_distribution_function(family):
    module = importlib.import_module(f"bibun.scipy.stats.{family}")
    s = {"binom": (40.0, 0.3), "poisson": (1e4,), "geom": (1e-3,)}[family]
    k = np.array(
        {"binom": [1.0, 9.0, 14.0], "poisson": [9500.0, 10100.0], "geom": [2.0, 999.0]}[family]
    )
    p = module.cdf(bnp.array(k), *s)
    np.testing.assert_array_equal(module.ppf(p, *s), k)  # reached exactly there
    np.testing.assert_array_equal(module.ppf(p * (1 - 1e-9), *s), k)
    np.testing.assert_array_equal(
        module.ppf(0.5 + bnp.zeros(2), *s, loc=3.0) - 3.0, module.ppf(0.5, *s)
    )
    assert float(bibun.grad(lambda q: module.ppf(q, *s))(0.4)) == 0.0


@pytest.mark.parametrize(
    "family", ["norm", "gamma", "beta", "t", "truncnorm", "poisson", "lognorm"]
)
def test_outside_the_support_gradients_are_finite(family):
    """A point outside, in one batch with others, gives no nan."""
    module = importlib.import_module(f"bibun.scipy.stats.{family}")
    f = module.logpmf if family == "poisson" else module.logpdf
    s = {"gamma": (2.0,), "beta": (2.0, 3.0), "t": (3.0,), "truncnorm": (-1.0, 2.0),
         "poisson": (1.5,), "lognorm": (0.4,)}.get(family, ())  # fmt: skip
    x = bnp.array([-3.0, 0.0, 0.5, 1.0, 5.0])

    def total(x, *s):
        y = f(x, *s)
        return bnp.sum(bnp.where(bnp.isfinite(y), y, 0.0))

    for k in range(1 + len(s)):
        assert np.all(np.isfinite(np.asarray(bibun.grad(total, k)(x, *s))))


@pytest.mark.parametrize("family", [*CONTINUOUS, *DISCRETE])
def test_jit_and_vmap(family):
    grid, shapes = CONTINUOUS.get(family) or (WHOLE, DISCRETE[family])
    module = importlib.import_module(f"bibun.scipy.stats.{family}")
    s = shapes[0]
    for function in functions(family):
        f = getattr(module, function)
        x = bnp.array(PROBABILITIES if function in ("ppf", "isf") else grid)
        want = np.asarray(f(x, *s))
        for g in (bibun.jit(f), bibun.jit(bibun.vmap(f, in_axes=(0, *(None for _ in s))))):
            np.testing.assert_allclose(np.asarray(g(x, *s)), want, rtol=1e-11, atol=1e-300)


def test_signatures_and_errors():
    assert str(inspect.signature(stats.gamma.logpdf)) == "(x, a, loc=0, scale=1)"
    assert float(stats.norm.logpdf(1.0, scale=2.0)) == pytest.approx(
        reference.norm.logpdf(1, scale=2)
    )
    with pytest.raises(TypeError, match="missing shape parameter a"):
        stats.gamma.logpdf(1.0)
    with pytest.raises(TypeError, match="loc=0, scale=1"):
        stats.norm.logpdf(1.0, sigma=2.0)
    with pytest.raises(TypeError, match="real"):
        stats.norm.logpdf(1j)


RNG = np.random.default_rng(3)
ROOT = RNG.standard_normal((3, 3))
COV = ROOT @ ROOT.T + np.eye(3)


@pytest.mark.parametrize(("x", "mean", "cov"), [
    (RNG.standard_normal(3), np.arange(3.0), COV), (RNG.standard_normal((5, 3)), None, COV),
    (RNG.standard_normal((2, 5, 3)), np.arange(3.0), COV),
    (RNG.standard_normal((4, 3)), np.zeros(3), 2.0),
    (RNG.standard_normal((4, 3)), np.arange(3.0), np.array([1.0, 2.0, 3.0])),
    (np.float64(0.3), 1.0, 2.0), (RNG.standard_normal(5), 1.0, 2.0),
])  # fmt: skip
def test_multivariate_normal(x, mean, cov):
    if np.ndim(cov) == 0 and np.ndim(x) == 2:
        want = reference.multivariate_normal.logpdf(x, mean, cov * np.eye(3))
    elif np.ndim(cov) == 1:
        want = reference.multivariate_normal.logpdf(x, mean, np.diag(cov))
    else:
        want = reference.multivariate_normal.logpdf(x, mean, cov)
    as_ = lambda v: v if v is None or isinstance(v, float) else bnp.array(v)  # noqa: E731
    got = stats.multivariate_normal.logpdf(as_(x), as_(mean), as_(cov))
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)
    got = stats.multivariate_normal.pdf(as_(x), as_(mean), as_(cov))
    np.testing.assert_allclose(np.asarray(got), np.exp(want), rtol=1e-12)


def test_multivariate_normal_gradient():
    """d/dμ = Σ⁻¹ (x - μ); d/dΣ = (Σ⁻¹ g gᵀ Σ⁻¹ - Σ⁻¹)/2."""
    x, mu = RNG.standard_normal(3), np.arange(3.0)
    g = bibun.grad(stats.multivariate_normal.logpdf, (1, 2))(x, bnp.array(mu), bnp.array(COV))
    inverse = np.linalg.inv(COV)
    v = inverse @ (x - mu)
    np.testing.assert_allclose(np.asarray(g[0]), v, rtol=1e-11)
    np.testing.assert_allclose(np.asarray(g[1]), (np.outer(v, v) - inverse) / 2, rtol=1e-10)


def test_multivariate_normal_batches_of_covariances():
    covs = np.stack([COV, 2 * COV])
    x = RNG.standard_normal((2, 3))
    got = stats.multivariate_normal.logpdf(bnp.array(x), None, bnp.array(covs))
    want = [reference.multivariate_normal.logpdf(x[i], None, covs[i]) for i in range(2)]
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)


def test_dirichlet_and_multinomial():
    alpha, x = np.array([0.7, 2.0, 3.0]), np.array([[0.2, 0.1], [0.3, 0.6], [0.5, 0.3]])
    want = reference.dirichlet.logpdf(x, alpha)
    for v in (x, x[:2]):
        got = stats.dirichlet.logpdf(bnp.array(v), bnp.array(alpha))
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)
    assert float(stats.dirichlet.logpdf(bnp.array([0.5, 0.2, 0.2]), alpha)) == -np.inf
    counts, p = np.array([[1, 2, 3], [6, 0, 0], [1, 1, 1]]), np.array([0.2, 0.3, 0.5])
    want = reference.multinomial.logpmf(counts, 6, p)
    got = stats.multinomial.logpmf(bnp.array(counts), 6, bnp.array(p))
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)


@pytest.mark.parametrize("method", ["average", "min", "max", "dense", "ordinal"])
def test_rankdata(method):
    x = np.array([[3.0, 1.0, 3.0, 2.0], [1.0, 1.0, 1.0, 0.0]])
    for axis in (None, 0, 1):
        got = stats.rankdata(bnp.array(x), method, axis=axis)
        want = reference.rankdata(x, method, axis=axis)
        np.testing.assert_array_equal(np.asarray(got), want)


def test_statistics_of_samples():
    x = RNG.integers(0, 4, (5, 6)).astype(float)
    for axis in (0, 1, None):
        want = reference.mode(x, axis=axis)
        got = stats.mode(bnp.array(x), axis=axis)
        np.testing.assert_array_equal(np.asarray(got.mode), want.mode)
        np.testing.assert_array_equal(np.asarray(got.count), want.count)
        np.testing.assert_allclose(
            np.asarray(stats.sem(bnp.array(x), axis=axis)), reference.sem(x, axis=axis), rtol=1e-13
        )
        np.testing.assert_allclose(
            np.asarray(stats.zscore(bnp.array(x), axis=axis)), reference.zscore(x, axis=axis),
            rtol=1e-12, atol=1e-13,
        )  # fmt: skip


@pytest.mark.parametrize("kw", [{}, {"bw_method": "silverman"}, {"bw_method": 0.3},
                                {"weights": np.arange(1.0, 13.0)}], ids=str)  # fmt: skip
def test_gaussian_kde(kw):
    for data, points in ((RNG.standard_normal(12), np.linspace(-2, 2, 5)),
                         (RNG.standard_normal((2, 12)), RNG.standard_normal((2, 5)))):  # fmt: skip
        mine, theirs = stats.gaussian_kde(bnp.array(data), **kw), reference.gaussian_kde(data, **kw)
        np.testing.assert_allclose(np.asarray(mine(bnp.array(points))), theirs(points), rtol=1e-12)
        np.testing.assert_allclose(
            np.asarray(mine.logpdf(bnp.array(points))), theirs.logpdf(points), rtol=1e-11
        )
        if data.ndim == 1:
            assert float(mine.integrate_box_1d(-1.0, 0.5)) == pytest.approx(
                theirs.integrate_box_1d(-1.0, 0.5), rel=1e-12
            )


def test_quantiles_found_by_bisection():
    q = np.array([1e-10, 0.01, 0.3, 0.77, 0.999, 0.0, 1.0])
    for family, shapes in (("skewnorm", (2.0,)), ("vonmises", (3.0,)), ("vonmises", (200.0,)),
                           ("invgauss", (1.5,)), ("wrapcauchy", (0.4,))):  # fmt: skip
        module = importlib.import_module(f"bibun.scipy.stats.{family}")
        for there, back in (("ppf", "cdf"), ("isf", "sf")):
            for run in (lambda f: f, bibun.jit):
                z = run(getattr(module, there))(q, *shapes)
                found = np.asarray(getattr(module, back)(z, *shapes))
                np.testing.assert_allclose(found, q, rtol=1e-9, atol=2e-16)
        f = lambda p, s: getattr(module, "ppf")(p, s, loc=1.0, scale=2.0)  # noqa: B009, B023
        bibun.testing.check_grads(f, (0.3, shapes[0]), order=2, rtol=1e-4)
        single = module.ppf(np.float32(0.3), np.float32(shapes[0]))
        assert single.dtype == np.float32
        assert float(single) == pytest.approx(float(module.ppf(0.3, *shapes)), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kappa", [0.0, 1e-3, 8.0, 49.99, 50.01, 300.0])
def test_von_mises_is_right_where_scipy_is_not(kappa):
    import mpmath as mp

    mp.mp.dps = 25
    cuts = [-10 / mp.sqrt(kappa + 1), 0, 10 / mp.sqrt(kappa + 1)]
    density = lambda t: mp.exp(kappa * (mp.cos(t) - 1))
    area = lambda x: mp.quad(density, [-mp.pi, *(c for c in cuts if -mp.pi < c < x), x])
    for z in (-3.0, -0.4, 0.05, 1.0, 3.1):
        want = float(area(z) / area(mp.pi))
        assert float(stats.vonmises.cdf(z, kappa)) == pytest.approx(want, abs=4e-16)
    assert float(stats.vonmises.cdf(1.0 + 4 * np.pi, kappa)) == pytest.approx(
        2 + float(stats.vonmises.cdf(1.0, kappa)), abs=1e-15
    )
    if kappa > 0:
        bibun.testing.check_grads(stats.vonmises.cdf, (0.4, kappa), order=2, rtol=1e-4)


@pytest.mark.parametrize("policy", ["propagate", "omit"])
def test_nan_policies(policy):
    x = np.array([[1.0, np.nan, 2.0, 2.0, np.nan], [3.0, 1.0, 3.0, 1.0, 0.0]])
    for axis in (None, 0, 1):
        for run in (lambda f: f, bibun.jit):
            got = run(lambda v: stats.mode(v, axis=axis, nan_policy=policy))(x)  # noqa: B023
            want = reference.mode(x, axis=axis, nan_policy=policy)
            np.testing.assert_array_equal(got.mode, want.mode)
            np.testing.assert_array_equal(got.count, want.count)
            for method in ("average", "min", "max", "dense", "ordinal"):
                got = run(lambda v: stats.rankdata(v, method, axis=axis, nan_policy=policy))(x)  # noqa: B023
                want = reference.rankdata(x, method, axis=axis, nan_policy=policy)
                np.testing.assert_array_equal(got, want)
    assert stats.rankdata(np.array([3, 1]), "min").dtype == np.int64
    none = stats.mode(np.array([np.nan, np.nan]), nan_policy="omit")
    assert np.isnan(none.mode) and none.count == 0
    for run in (lambda f: f, bibun.jit):
        for function in (stats.mode, stats.rankdata, stats.sem):
            raising = run(lambda v: function(v, nan_policy="raise"))  # noqa: B023
            with pytest.raises(ValueError, match="nan_policy='raise'"):
                raising(x)
            raising(x[1])
    with pytest.raises(ValueError, match="nan_policy must be one of"):
        stats.mode(x, nan_policy="skip")


def test_mode_of_many_values_takes_no_square_of_memory():
    x = np.random.default_rng(0).integers(0, 1000, 200_000)
    got, want = stats.mode(bnp.array(x)), reference.mode(x)
    assert (got.mode, got.count) == (want.mode, want.count)


def test_entropies():
    mu = np.array([0.0, 1e-3, 0.4, 7.0, 150.0, 999.0, 1001.0, 1e7])
    for run in (lambda f: f, bibun.jit):
        got = run(stats.poisson.entropy)(mu)
        np.testing.assert_allclose(got[:5], reference.poisson.entropy(mu[:5]), rtol=1e-11)
        np.testing.assert_allclose(got[-1], 0.5 * np.log(2 * np.pi * np.e * 1e7), rtol=1e-9)
    both = stats.poisson.entropy(np.array([1000.0, np.nextafter(1000.0, 2000.0)]))
    assert float(both[0]) == pytest.approx(float(both[1]), rel=2e-12)
    assert np.isnan(stats.poisson.entropy(-1.0))
    bibun.testing.check_grads(stats.poisson.entropy, (2.5,), order=2, rtol=1e-4)
    a = np.random.default_rng(1).normal(size=(3, 3))
    cov = a @ a.T
    for c in (cov, np.array([1.0, 2.0]), 2.0):
        dense = c if np.ndim(c) == 2 else np.diag(np.atleast_1d(c))
        want = reference.multivariate_normal(cov=dense).entropy()
        assert float(stats.multivariate_normal.entropy(cov=c)) == pytest.approx(want, rel=1e-12)


def test_a_normal_on_a_plane():
    a = np.random.default_rng(1).normal(size=(4, 2))
    cov, mean = a @ a.T, np.arange(4.0)
    on, off = mean + a @ [0.3, -0.7], mean + 1.0
    x = np.stack([on, off, mean])
    want = reference.multivariate_normal(mean, cov, allow_singular=True).logpdf(x)
    for run in (lambda f: f, bibun.jit):
        got = run(lambda x: stats.multivariate_normal.logpdf(x, mean, cov, allow_singular=True))(x)
        np.testing.assert_allclose(got, want, rtol=1e-9)
    full = cov + np.eye(4)
    for f in (stats.multivariate_normal.logpdf, stats.multivariate_normal.pdf):
        np.testing.assert_allclose(f(x, mean, full, True), f(x, mean, full), rtol=1e-11)
    indefinite = np.diag([1.0, -1.0])
    assert np.isnan(stats.multivariate_normal.logpdf(np.zeros(2), None, indefinite, True))


def test_skew_normal_tails_to_the_last_digits():
    import mpmath as mp

    mp.mp.dps = 30
    for a, z in ((0.1, -3.0), (1.0, -0.9), (1.0, -1.5), (1.0, -5.0), (3.0, -0.7), (10.0, -0.6)):
        rate = (1 + a * a) * abs(z)
        ends = [z - 80 / rate, z - 20 / rate, z - 5 / rate, z - 1 / rate, z]
        want = mp.quad(lambda t: 2 * mp.npdf(t) * mp.ncdf(a * t), ends)  # noqa: B023
        assert float(stats.skewnorm.cdf(z, a)) == pytest.approx(float(want), rel=1e-13)
        assert float(stats.skewnorm.sf(-z, -a)) == pytest.approx(float(want), rel=1e-13)
        assert float(stats.skewnorm.logcdf(z, a)) == pytest.approx(float(mp.log(want)), rel=1e-13)
        bibun.testing.check_grads(stats.skewnorm.logcdf, (z, a), order=2, rtol=1e-4)
    deep = float(stats.skewnorm.logcdf(-100.0, 5.0))  # exp(-130,000) is no float, its logarithm is
    assert np.isfinite(deep)
    assert float(stats.skewnorm.cdf(-np.inf, 2.0)) == 0.0
