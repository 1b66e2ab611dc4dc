"""Every distribution, by one table: values, derivatives, draws, moments, shapes, errors.

Densities against SciPy's and NumPyro's (stored by make_table_reference.py); derivatives
against central differences; draws against the distribution function, the masses or the
moments, within the Monte Carlo error. All seeds are fixed.
"""

from __future__ import annotations

import functools
import inspect
import json
import pathlib
import sys

import numpy as np
import pytest
from scipy import stats

from bibun import grad, jit, random, vmap
from bibun import numpy as bnp
from bibun.prob import distributions as dist

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from rows import ROWS  # noqa: E402

REFERENCE = json.loads(pathlib.Path(__file__).with_name("table_reference.json").read_text())["rows"]
N = 3000
BARS = 5.0  # Monte Carlo standard errors that a statistic may be off

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda r: r.label)


def given(params):
    return {k: bnp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in params.items()}


def build(row, **changed):
    return row.build(dist, **given({**row.params, **changed}))


def unless(row, check):
    if check in row.skip:
        pytest.skip(f"{check}: has no meaning for this distribution, see the table")


def smooth(row):
    """The parameters that are floating-point numbers, as arrays."""
    out = {k: np.asarray(v) for k, v in row.params.items() if k not in row.fixed}
    return {k: v for k, v in out.items() if v.dtype.kind == "f"}


@functools.cache
def drawn(label):
    row = next(r for r in ROWS if r.label == label)
    return np.asarray(build(row).sample(random.PRNGKey(11), (N,)))


def asked(thing):
    """A closed form, or None where the distribution has none."""
    try:
        return np.asarray(thing())
    except NotImplementedError:
        return None


@every_row
def test_density_compiled_and_batched(row):
    d, values = build(row), bnp.asarray(row.values)
    lp = np.asarray(d.log_prob(values))
    if row.scipy is not None:
        frozen = row.scipy(stats)
        exact = getattr(frozen, "logpmf" if d.is_discrete else "logpdf")(row.values)
        np.testing.assert_allclose(lp, exact, rtol=1e-9, atol=1e-12)
    if row.label in REFERENCE:
        known = REFERENCE[row.label]
        rtol = row.same_as_numpyro
        np.testing.assert_allclose(lp, known["log_prob"], rtol=rtol, atol=rtol * 1e-2)
        assert [list(s) for s in d.shapes] == [known["batch_shape"], known["event_shape"]]
    # the distribution itself as a pytree into compiled code
    np.testing.assert_allclose(
        np.asarray(jit(lambda d, v: d.log_prob(v))(d, values)), lp, rtol=1e-10, atol=1e-13
    )
    params = smooth(row)
    if not params:
        return
    two = {k: bnp.asarray(np.stack([v, v])) for k, v in params.items()}
    by_lane = vmap(lambda p: row.build(dist, **{**given(row.params), **p}).log_prob(values))(two)
    np.testing.assert_allclose(np.asarray(by_lane), np.stack([lp, lp]), rtol=1e-9, atol=1e-12)


@every_row
def test_gradients(row):
    unless(row, "gradient")
    params, values = smooth(row), row.values
    d = build(row)
    rng = np.random.default_rng(0)
    directions = {}
    for name, x in params.items():
        step = rng.normal(size=x.shape) * (x != 0)  # structural zeros stay
        if x.ndim == 2 and np.array_equal(x, x.T):
            step = step + step.T
        directions[name] = step
    if not d.is_discrete:
        params = {**params, "_value": values.astype(float)}
        step = rng.normal(size=values.shape) * (values != 0)
        matrix = values.ndim >= 2 and values.shape[-1] == values.shape[-2]
        if matrix and np.array_equal(values, np.swapaxes(values, -1, -2)):
            step = step + np.swapaxes(step, -1, -2)
        directions["_value"] = step

    def total(p):
        p = dict(p)
        at = p.pop("_value", values)
        made = row.build(dist, **{**given(row.params), **p})
        return bnp.sum(made.log_prob(bnp.asarray(at)))

    if not params:
        pytest.skip("no parameter and no value to differentiate")
    dist.enable_validation(False)  # differences leave manifolds, derivatives do not
    try:
        slopes = grad(total)({k: bnp.asarray(v) for k, v in params.items()})
        h = 1e-6
        for name, step in directions.items():
            ends = [total({**params, name: bnp.asarray(params[name] + s * h * step)})
                    for s in (1, -1)]  # fmt: skip
            difference = (float(ends[0]) - float(ends[1])) / (2 * h)
            slope = float(np.sum(np.asarray(slopes[name]) * step))
            assert slope == pytest.approx(difference, rel=2e-6, abs=2e-7), name
    finally:
        dist.enable_validation(True)


@every_row
def test_draws(row):
    unless(row, "draws")
    d, x = build(row), drawn(row.label)
    assert x.shape == (N, *d.shape())
    assert np.isfinite(x).all()
    assert np.all(np.asarray(d.support(bnp.asarray(x))))
    again = np.asarray(jit(lambda d, k: d.sample(k, (4,)))(d, random.PRNGKey(11)))
    assert again.shape == (4, *d.shape())
    np.testing.assert_allclose(
        again, np.asarray(d.sample(random.PRNGKey(11), (4,))), rtol=1e-9, atol=1e-12
    )
    if d.event_shape or d.batch_shape:
        return
    if d.is_discrete:
        whole = np.arange(int(x.min()), int(x.max()) + 1)
        expected = N * np.exp(np.asarray(d.log_prob(bnp.asarray(whole))))
        seen = np.array([(x == k).sum() for k in whole])
        rare = expected < 5
        seen = np.append(seen[~rare], seen[rare].sum())
        expected = np.append(expected[~rare], max(N - expected[~rare].sum(), 0.0))
        if expected[-1] < 1:  # too little to be a class of its own
            seen, expected = seen[:-1], expected[:-1]
        statistic = np.sum((seen - expected) ** 2 / expected)
        assert stats.chi2.sf(statistic, max(len(seen) - 1, 1)) > 1e-4
        return
    if asked(lambda: d.cdf(bnp.asarray(0.5))) is None or len(np.unique(x)) < 0.99 * N:
        return  # no distribution function, or an atom
    assert stats.kstest(x, lambda v: np.asarray(d.cdf(bnp.asarray(v)))).pvalue > 1e-4


@every_row
def test_moments_against_draws(row):
    unless(row, "moments")
    d = build(row)
    mean, variance = asked(lambda: d.mean), asked(lambda: d.variance)
    if mean is None and variance is None:
        pytest.skip("no closed forms")
    x = drawn(row.label)
    spread = x - x.mean(0)
    second = (spread**2).mean(0)
    if mean is not None:
        assert mean.shape == d.shape()
        bar = np.sqrt(second / N)
        assert np.all(np.abs(x.mean(0) - mean) <= BARS * bar + 1e-12)
    if variance is not None:
        assert variance.shape == d.shape()
        bar = np.sqrt(np.maximum((spread**4).mean(0) - second**2, 0) / N)
        assert np.all(np.abs(second - variance) <= BARS * bar + 1e-9)


@every_row
def test_entropy_against_draws(row):
    unless(row, "entropy")
    d = build(row)
    entropy = asked(d.entropy)
    if entropy is None:
        pytest.skip("no closed form")
    assert entropy.shape == d.batch_shape
    surprise = -np.asarray(d.log_prob(bnp.asarray(drawn(row.label))))
    bar = surprise.std(0) / np.sqrt(N)
    assert np.all(np.abs(surprise.mean(0) - entropy) <= BARS * bar + 1e-9)


@every_row
def test_distribution_function(row):
    d = build(row)
    if d.event_shape or d.batch_shape:
        pytest.skip("not a scalar")
    values = bnp.asarray(row.values)
    below = asked(lambda: d.cdf(values))
    if below is None:
        pytest.skip("no closed form")
    if d.is_discrete:
        before = np.asarray(d.cdf(values - 1))
        mass = np.exp(np.asarray(d.log_prob(values)))
        np.testing.assert_allclose(below - before, mass, rtol=1e-6, atol=1e-9)
    elif "entropy" not in row.skip and row.name != "Delta":
        h = 1e-5
        ends = [np.asarray(d.cdf(bnp.asarray(row.values + s * h))) for s in (1, -1)]
        density = np.exp(np.asarray(d.log_prob(values)))
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * h), density, rtol=1e-6, atol=1e-8)
    q = np.array([0.003, 0.4, 0.97])
    back = asked(lambda: d.icdf(bnp.asarray(q)))
    if back is None:
        return
    if d.is_discrete:
        x = bnp.asarray(back)
        assert np.all(np.asarray(d.cdf(x)) >= q - 1e-12)
        assert np.all(np.asarray(d.cdf(x - 1)) <= q + 1e-12)
    else:
        np.testing.assert_allclose(np.asarray(d.cdf(bnp.asarray(back))), q, rtol=1e-9)


@every_row
def test_shapes(row):
    d, values = build(row), bnp.asarray(row.values)
    lp = np.asarray(d.log_prob(values))
    batch, event = d.shapes
    wide = d.expand((2, *batch))
    assert wide.shapes == ((2, *batch), event)
    assert d.expand_by((3,)).batch_shape == (3, *batch)
    whole = wide.to_event(1) if not batch else wide.to_event()
    assert whole.batch_shape == () and whole.event_shape == (2, *batch, *event)
    one = bnp.asarray(row.values if batch else row.values[0])
    pair = bnp.stack([one, one])
    twice = np.asarray(whole.log_prob(pair))
    single = lp.sum() if batch else lp[0]
    np.testing.assert_allclose(twice, 2 * single, rtol=1e-12, atol=1e-12)
    masked = np.asarray(d.mask(False).log_prob(values))
    assert masked.shape == lp.shape and not masked.any()
    if "draws" not in row.skip:
        assert wide.sample(random.PRNGKey(0), (3,)).shape == (3, 2, *batch, *event)


@every_row
def test_wrong_parameters(row):
    if row.bad is None:
        pytest.skip("any parameters will do")
    (name,) = row.bad
    with pytest.raises(ValueError) as caught:
        build(row, **row.bad)
    message = str(caught.value)
    assert len(message) > 20 and ":" in message, message
    dist.enable_validation(False)
    try:
        build(row, **row.bad)
    finally:
        dist.enable_validation(True)


# not laws, or tables of their own
NOT_LAWS = {
    "Distribution", "biject_to", "constraints", "enable_validation", "kl_divergence",
    "register_kl", "transforms", "validation_enabled",
}  # fmt: skip


def test_every_public_name_has_a_row():
    assert {r.name for r in ROWS} == set(dist.__all__) - NOT_LAWS


def test_every_class_is_public():
    held = {n for n, x in vars(dist).items() if inspect.isclass(x)
            and issubclass(x, dist.Distribution)}  # fmt: skip
    assert held <= set(dist.__all__)


def test_the_reference_holds_what_numpyro_can_say():
    ours_alone = {r.label for r in ROWS if r.label not in REFERENCE}
    assert ours_alone == {"EulerMaruyama", "ZeroSumNormal"}


PAIRS = [
    (lambda: dist.Normal(0.2, 1.1), lambda: dist.Normal(-0.4, 1.7)),
    (lambda: dist.LogNormal(0.2, 1.1), lambda: dist.LogNormal(-0.4, 1.7)),
    (lambda: dist.HalfNormal(0.7), lambda: dist.HalfNormal(1.7)),
    (lambda: dist.Laplace(0.2, 1.1), lambda: dist.Laplace(-0.4, 1.7)),
    (lambda: dist.Cauchy(0.2, 1.1), lambda: dist.Cauchy(-0.4, 1.7)),
    (lambda: dist.Exponential(0.7), lambda: dist.Exponential(1.7)),
    (lambda: dist.Uniform(0.2, 1.1), lambda: dist.Uniform(-0.4, 1.7)),
    (lambda: dist.Gamma(2.2, 1.1), lambda: dist.Gamma(3.4, 1.7)),
    (lambda: dist.Weibull(1.2, 1.6), lambda: dist.Gamma(2.4, 1.7)),
    (lambda: dist.Beta(2.2, 1.1), lambda: dist.Beta(1.4, 1.7)),
    (lambda: dist.Dirichlet(bnp.array([0.9, 2.0, 3.0])),
     lambda: dist.Dirichlet(bnp.array([1.5, 1.0, 2.0]))),
    (lambda: dist.MultivariateNormal(bnp.array([0.1, 0.2]), bnp.array([[2.0, 0.5], [0.5, 1.0]])),
     lambda: dist.MultivariateNormal(bnp.zeros(2), bnp.eye(2) * 2)),
    (lambda: dist.Bernoulli(0.3), lambda: dist.Bernoulli(0.6)),
    (lambda: dist.Categorical(bnp.array([0.2, 0.3, 0.5])),
     lambda: dist.Categorical(bnp.array([0.4, 0.3, 0.3]))),
    (lambda: dist.Poisson(2.0), lambda: dist.Poisson(3.0)),
    (lambda: dist.Geometric(0.3), lambda: dist.Geometric(0.5)),
    (lambda: dist.Normal(bnp.zeros(2), 1.0).to_event(1),
     lambda: dist.Normal(bnp.ones(2), 2.0).to_event(1)),
]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: type(p[0]()).__name__)
def test_kl_divergence_against_draws(pair):
    p, q = (make() for make in pair)
    x = p.sample(random.PRNGKey(4), (20_000,))
    terms = np.asarray(p.log_prob(x)) - np.asarray(q.log_prob(x))
    bar = terms.std() / np.sqrt(len(terms))
    assert abs(terms.mean() - float(dist.kl_divergence(p, q))) <= BARS * bar
