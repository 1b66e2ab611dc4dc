"""Energy conserving subsampling: exact where the proxy is, and close where it is nearly."""

from __future__ import annotations

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import prob, random
from bibun.prob import distributions as dist
from bibun.prob.contrib.ecs_proxies import taylor_proxy
from bibun.prob.diagnostics import effective_sample_size
from bibun.prob.infer import HMCECS, MCMC, NUTS, potential_energy
from bibun.store import CheckpointMismatchError

RNG = np.random.default_rng(1)
Y = RNG.normal(1.0, 0.7, size=(53, 2))


def line(y, m=10):
    """Gaussian rows: a Taylor expansion of degree two is exact."""
    x = prob.sample("x", dist.Normal(0.0, 2.0).expand((2,)).to_event(1))
    prob.factor("more", -0.1 * bnp.sum(x**4))
    with prob.plate("N", len(y), subsample_size=m):
        rows = prob.subsample(y, event_dim=1)
        with prob.handlers.scale(scale=0.5):
            prob.sample("y", dist.Normal(x, 0.7).to_event(1), obs=rows)


def full(y):
    return line(y, len(y))


def kernel(model=line, **options):
    k = HMCECS(NUTS(model), **options)
    return k, k.setup(random.PRNGKey(0), (bnp.asarray(Y),), {})


@pytest.mark.parametrize("subset", [np.arange(10), np.array([52] * 10), np.arange(40, 50)])
def test_an_exact_proxy_gives_the_density_of_all_rows(subset):
    proxy = taylor_proxy({"x": bnp.array([0.4, -1.0])}, degree=2)
    k, potential = kernel(proxy=proxy)
    u = bnp.array([0.9, 0.2])
    z = bnp.concatenate([u, bnp.asarray(subset, dtype=float)])
    exact = potential_energy(full, (bnp.asarray(Y),), {}, {"x": u})
    assert float(potential.fn(z, potential.data)) == pytest.approx(float(exact), rel=1e-10)
    k.renew(potential, (bnp.asarray(2 * Y),), {})  # other data: other sums
    exact = potential_energy(full, (bnp.asarray(2 * Y),), {}, {"x": u})
    assert float(potential.fn(z, potential.data)) == pytest.approx(float(exact), rel=1e-10)


def test_the_first_degree_by_hand():
    """d_i is then the quadratic rest, minus half of 0.5 |Δ|² / 0.49 for each row: no variance."""
    center, u = np.array([0.4, -1.0]), np.array([0.9, 0.2])
    _, potential = kernel(proxy=taylor_proxy({"x": bnp.asarray(center)}, degree=1))
    z = bnp.asarray(np.concatenate([u, np.arange(10.0)]))
    exact = potential_energy(full, (bnp.asarray(Y),), {}, {"x": bnp.asarray(u)})
    assert float(potential.fn(z, potential.data)) == pytest.approx(float(exact), rel=1e-10)


def test_without_a_proxy_the_subset_is_scaled_up():
    _, potential = kernel()
    u, subset = bnp.array([0.9, 0.2]), np.array([3, 3, 7, 9, 11, 2, 50, 51, 52, 0])
    z = bnp.concatenate([u, bnp.asarray(subset, dtype=float)])
    x = np.asarray(u)
    prior = dist.Normal(0.0, 2.0).log_prob(u).sum() - 0.1 * np.sum(x**4)
    rows = dist.Normal(u, 0.7).log_prob(bnp.asarray(Y[subset])).sum()
    exact = -float(prior + 0.5 * 5.3 * rows)
    assert float(potential.fn(z, potential.data)) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("blocks", [1, 5])
def test_posterior_of_a_logistic_regression(blocks):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = (rng.uniform(size=300) < 1 / (1 + np.exp(-x @ [1.0, -0.5]))).astype(int)

    def model(x, y, m=40):
        w = prob.sample("w", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
        with prob.plate("N", 300, subsample_size=m):
            rows, seen = prob.subsample(x, event_dim=1), prob.subsample(y, event_dim=0)
            prob.sample("y", dist.Bernoulli(logits=rows @ w), obs=seen)

    exact = MCMC(NUTS(model), 300, 1000, progress_bar=False)
    exact.run(0, x, y, m=300)
    whole = np.asarray(exact.get_samples()["w"])
    proxy = taylor_proxy({"w": whole.mean(0)})
    mcmc = MCMC(HMCECS(NUTS(model), num_blocks=blocks, proxy=proxy), 300, 1000, progress_bar=False)
    mcmc.run(1, x, y)
    assert list(mcmc.get_samples()) == ["w"]
    draws = np.asarray(mcmc.get_samples(group_by_chain=True)["w"])
    error = draws.std(axis=(0, 1)) / np.sqrt(effective_sample_size(draws))
    assert np.all(np.abs(draws.mean(axis=(0, 1)) - whole.mean(0)) < 6 * error)
    np.testing.assert_allclose(draws.std(axis=(0, 1)), whole.std(0), rtol=0.2)


def test_what_it_cannot_do_is_said():
    def local(y):
        with prob.plate("N", 53, subsample_size=5):
            prob.sample("z", dist.Normal())

    with pytest.raises(ValueError, match="latent site 'z' is inside"):
        kernel(local)
    with pytest.raises(ValueError, match="no subsampling plate"):
        kernel(full)
    with pytest.raises(ValueError, match=r"reference_params have no \['x'\]"):
        kernel(proxy=taylor_proxy({}))
    with pytest.raises(ValueError, match="degree must be 1 or 2"):
        taylor_proxy({}, degree=3)
    with pytest.raises(TypeError, match="taylor_proxy"):
        HMCECS(NUTS(line), proxy=lambda: None)


def test_stored_runs_go_on_and_kernels_travel(tmp_path):
    import pickle

    proxy = taylor_proxy({"x": np.array([0.9, 1.1])})

    def sampler(draws):
        return MCMC(HMCECS(NUTS(line), num_blocks=2, proxy=proxy), 60, draws, progress_bar=False)

    whole = sampler(60)
    whole.run(3, bnp.asarray(Y))
    again = sampler(60)
    for _ in range(2):  # a set-up kernel is the same run
        again.run(3, bnp.asarray(Y), checkpoint=tmp_path / "run", resume=True)
    pickle.loads(pickle.dumps(again.sampler))
    other = taylor_proxy({"x": np.array([0.9, 1.2])})
    with pytest.raises(CheckpointMismatchError, match="proxy"):
        kernel = HMCECS(NUTS(line), num_blocks=2, proxy=other)
        MCMC(kernel, 60, 90, progress_bar=False).resume(tmp_path / "run", bnp.asarray(Y))
    longer = sampler(90)
    longer.resume(tmp_path / "run", bnp.asarray(Y))
    np.testing.assert_array_equal(again.get_samples()["x"], whole.get_samples()["x"])
    np.testing.assert_array_equal(longer.get_samples()["x"][:60], whole.get_samples()["x"])
