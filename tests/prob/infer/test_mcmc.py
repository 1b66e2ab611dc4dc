"""HMC, NUTS and the running of chains, on posteriors whose answer is known."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun.prob.diagnostics import effective_sample_size
from bibun.prob.infer import (
    HMC,
    MCMC,
    NUTS,
    Predictive,
    init_to_mean,
    init_to_median,
    init_to_sample,
    init_to_value,
    log_density,
    mass,
    potential_energy,
)
from bibun.prob.infer import adaptation as ad
from bibun.prob.infer import trajectory as tr

COV = np.array([[2.0, 0.9, 0.0], [0.9, 1.0, -0.3], [0.0, -0.3, 0.5]])
MEAN = np.array([1.0, -2.0, 0.5])


def gaussian():
    prob.sample("x", dist.MultivariateNormal(MEAN, covariance_matrix=COV))


def line(x, y):
    a = prob.sample("a", dist.Normal(0.0, 10.0))
    b = prob.sample("b", dist.Normal(0.0, 10.0))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    mean = prob.deterministic("mean", a + b * x)
    prob.sample("y", dist.Normal(mean, sigma), obs=y)


def check_moments(draws: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> None:
    """(chains, draws, d) against a Gaussian, in units of the Monte Carlo error."""
    ess = effective_sample_size(draws)
    flat = draws.reshape(-1, draws.shape[-1])
    sd = np.sqrt(np.diag(cov))
    assert np.all(np.abs(flat.mean(0) - mean) < 5 * sd / np.sqrt(ess))
    squares = effective_sample_size((draws - mean) ** 2)  # means may mix better than they do
    error = 8 * np.outer(sd, sd) / np.sqrt(min(ess.min(), squares.min()))
    assert np.all(np.abs(np.cov(flat.T) - cov) < error)


@pytest.mark.parametrize(
    "kernel",
    [
        NUTS(gaussian),
        NUTS(gaussian, dense_mass=True),
        NUTS(gaussian, find_heuristic_step_size=True, target_accept_prob=0.9),
        HMC(gaussian, num_steps=7),
        HMC(gaussian, trajectory_length=2.0, dense_mass=True),
        NUTS(gaussian, adapt_mass_matrix=False),
        NUTS(gaussian, step_size=0.4, adapt_step_size=False, max_tree_depth=5),
    ],
    ids=["nuts", "dense", "heuristic", "hmc-steps", "hmc-length", "no-mass", "no-step"],
)
def test_gaussian_moments(kernel) -> None:
    mcmc = MCMC(kernel, 500, 2000, num_chains=2, progress_bar=False)
    mcmc.run(3)
    check_moments(np.asarray(mcmc.get_samples(group_by_chain=True)["x"]), MEAN, COV)
    assert mcmc.num_divergences == 0


def test_potential_fn() -> None:
    mcmc = MCMC(NUTS(potential_fn=lambda z: 0.5 * bnp.sum(z**2)), 300, 1500, progress_bar=False)
    mcmc.run(0, init_params=np.zeros(2))
    check_moments(
        np.asarray(mcmc.get_samples(group_by_chain=True)["Param:0"]), np.zeros(2), np.eye(2)
    )


def test_threads_change_nothing() -> None:
    draws = []
    for method in ("parallel", "sequential"):
        mcmc = MCMC(NUTS(gaussian), 100, 100, num_chains=3, chain_method=method, progress_bar=False)
        mcmc.run(5)
        draws.append(np.asarray(mcmc.get_samples(group_by_chain=True)["x"]))
    assert np.array_equal(*draws)
    assert not np.array_equal(draws[0][0], draws[0][1])


def test_same_seed_same_draws_another_seed_others() -> None:
    out = []
    for seed in (1, 1, 2):
        mcmc = MCMC(NUTS(gaussian), 50, 50, progress_bar=False)
        mcmc.run(seed)
        out.append(np.asarray(mcmc.get_samples()["x"]))
    assert np.array_equal(out[0], out[1])
    assert not np.array_equal(out[0], out[2])


def test_new_data_of_the_same_shape_do_not_recompile() -> None:
    x = np.linspace(0, 1, 20)
    mcmc = MCMC(NUTS(line), 200, 400, progress_bar=False)
    mcmc.run(0, x, 1.0 + 2.0 * x + 0.01 * np.sin(50 * x))
    first = np.asarray(mcmc.get_samples()["b"]).mean()
    mcmc.run(0, x, 3.0 - 4.0 * x + 0.01 * np.sin(50 * x))
    second = np.asarray(mcmc.get_samples()["b"]).mean()
    assert abs(first - 2.0) < 0.1 and abs(second + 4.0) < 0.1
    assert len(mcmc._runners) == 1


def test_deterministic_sites_and_extra_fields() -> None:
    x = np.linspace(0, 1, 20)
    mcmc = MCMC(NUTS(line), 200, 300, num_chains=2, thinning=3, progress_bar=False)
    mcmc.run(0, x, y=1.0 + x)
    samples = mcmc.get_samples()
    assert samples["mean"].shape == (200, 20)
    expected = np.asarray(samples["a"])[:, None] + np.asarray(samples["b"])[:, None] * x
    np.testing.assert_allclose(samples["mean"], expected, rtol=1e-12)
    fields = mcmc.get_extra_fields(group_by_chain=True)
    assert fields["accept_prob"].shape == (2, 100)
    assert np.all((np.asarray(fields["num_steps"]) >= 1) & (np.asarray(fields["num_steps"]) < 1024))


def test_warmup_then_run_goes_on_from_its_end() -> None:
    mcmc = MCMC(NUTS(gaussian), 300, 500, progress_bar=False)
    mcmc.warmup(0)
    state = mcmc.post_warmup_state
    assert state is not None
    mcmc.post_warmup_state = state
    mcmc.run(1)
    step = np.asarray(mcmc.get_extra_fields()["step_size"])
    assert np.all(step == np.asarray(state[0].adapt_state.step_size))


@pytest.mark.parametrize("strategy", [init_to_mean, init_to_median, init_to_sample])
def test_init_strategies(strategy) -> None:
    mcmc = MCMC(NUTS(line, init_strategy=strategy), 200, 200, progress_bar=False)
    x = np.linspace(0, 1, 20)
    mcmc.run(0, x, 1.0 + x)
    assert abs(float(mcmc.get_samples()["b"].mean()) - 1.0) < 0.3


def test_init_to_value_is_where_the_chain_starts() -> None:
    x = np.linspace(0, 1, 5)
    kernel = NUTS(line, init_strategy=init_to_value(values={"a": 3.0, "b": -1.0, "sigma": 2.0}))
    potential = kernel.setup(bibun.random.PRNGKey(0), (x, x), {})
    state = kernel.init(potential, bibun.random.PRNGKey(1))
    values = kernel.flat.constrain(state.z, (x, x), {})
    np.testing.assert_allclose([values["a"], values["b"], values["sigma"]], [3.0, -1.0, 2.0])


def test_no_valid_start_names_site_value_and_cause() -> None:
    def bad(y):
        scale = prob.sample("scale", dist.Exponential(1.0))
        prob.sample("y", dist.Normal(0.0, -scale, validate_args=False), obs=y)

    with pytest.raises(RuntimeError, match=r"site 'y' \(observed, Normal\): log density nan"):
        MCMC(NUTS(bad), 5, 5, progress_bar=False).run(0, np.ones(3))


def test_discrete_latent_is_refused() -> None:
    def model():
        prob.sample("k", dist.Poisson(3.0))

    with pytest.raises(ValueError, match="'k'.*discrete"):
        MCMC(NUTS(model), 5, 5, progress_bar=False).run(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_warmup": -1, "num_samples": 5}, "num_warmup"),
        ({"num_warmup": 5, "num_samples": 0}, "num_samples"),
        ({"num_warmup": 5, "num_samples": 5, "chain_method": "fast"}, "chain_method"),
    ],
)
def test_bad_options(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        MCMC(NUTS(gaussian), **arguments)


def test_wrong_mass_matrix_shape() -> None:
    kernel = NUTS(gaussian, inverse_mass_matrix=np.ones(2))
    with pytest.raises(ValueError, match=r"shape \(2,\).*3 unconstrained"):
        MCMC(kernel, 5, 5, progress_bar=False).run(0)


def test_density_counts_the_jacobian() -> None:
    def model():
        prob.sample("s", dist.Exponential(2.0))

    value, _ = log_density(model, (), {}, {"s": 0.7})
    np.testing.assert_allclose(value, np.log(2.0) - 1.4)
    u = np.log(0.7)
    np.testing.assert_allclose(
        potential_energy(model, (), {}, {"s": u}), -(np.log(2.0) - 1.4 + u), rtol=1e-12
    )


# pieces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 5, 20, 100, 150, 1000, 2000])
def test_windows_cover_the_warmup(n) -> None:
    schedule = ad.windows(n)
    edges = [0] + [end for _, end, _ in schedule]
    assert [start for start, _, _ in schedule] == edges[:-1]
    assert edges[-1] == n


def test_windows_of_a_thousand_are_stans() -> None:
    assert [e for _, e, _ in ad.windows(1000)] == [75, 100, 150, 250, 450, 950, 1000]


@pytest.mark.parametrize("n", [0, 5, 20, 30, 100, 1000])
def test_early_windows_cover_the_warmup_and_learn_at_once(n) -> None:
    schedule = ad.early_windows(n)
    edges = [0] + [end for _, end, _ in schedule]
    assert [start for start, _, _ in schedule] == edges[:-1] and edges[-1] == n
    assert all(start < end for start, end, _ in schedule)
    if n >= 100:
        assert [(end, learns) for _, end, learns in schedule][:2] == [(10, True), (30, True)]
        assert not schedule[-1][2]


def moments_of(z: np.ndarray, g: np.ndarray, dense: bool) -> ad.Moments:
    m = ad.moments_init(z.shape[1], dense)
    for a, b in zip(z, g, strict=True):
        m = ad.moments_update(m, bnp.stack([a, b]))
    return m


def test_few_draws_of_a_normal_and_their_gradients_give_its_covariance() -> None:
    """g = C⁻¹ z exactly, so the geometric mean of cov(z) and cov(g)⁻¹ is C, with 6 draws too."""
    z = np.random.default_rng(0).normal(size=(6, 3)) * [1.0, 30.0, 0.01]
    scales = np.array([0.5, 40.0, 0.02])
    cov = np.corrcoef(COV) * scales[:, None] * scales
    cov = 0.5 * (cov + np.diag(np.diag(cov)))
    m = moments_of(z, np.linalg.solve(cov, z.T).T, True)
    np.testing.assert_allclose(ad.fisher_metric(m, np.ones(3), False), cov, rtol=1e-6)
    shrunk = ad.fisher_metric(moments_of(*[np.tile(v, (100, 1)) for v in (
        z, np.linalg.solve(cov, z.T).T)], True), np.ones(3))  # fmt: skip
    np.testing.assert_allclose(shrunk, cov, rtol=0.1)


def test_scales_from_draws_and_gradients() -> None:
    rng = np.random.default_rng(1)
    z, g = rng.normal(size=(50, 3)) * [1.0, 10.0, 0.1], rng.normal(size=(50, 3)) * [1.0, 0.2, 5.0]
    z[:, 2] = 3.0  # has not moved: its scale stays
    m = moments_of(z, g, False)
    before = np.array([2.0, 2.0, 7.0])
    plain = ad.fisher_metric(m, before, False)
    expected = z.std(axis=0) / g.std(axis=0)
    np.testing.assert_allclose(plain, [expected[0], expected[1], 7.0], rtol=1e-10)
    shrunk = ad.fisher_metric(m, before, True)
    np.testing.assert_allclose(
        np.log(shrunk), (50 * np.log(plain) + 5 * np.log(before)) / 55, rtol=1e-10
    )
    full = ad.fisher_metric(moments_of(z, g, True), before, True)
    assert np.all(np.linalg.eigvalsh(full) > 0)


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, (3, 3)), ({"dense_mass": False}, (3,)), ({"mass_matrix_from": "draws"}, (3,)),
     ({"mass_matrix_from": "draws", "dense_mass": True}, (3, 3)),
     ({"mass_matrix_from": "gradients", "dense_mass": False}, (3,))],
)  # fmt: skip
def test_mass_matrix_options(options, shape) -> None:
    mcmc = MCMC(NUTS(gaussian, **options), 500, 1500, num_chains=2, progress_bar=False)
    mcmc.run(4)
    check_moments(np.asarray(mcmc.get_samples(group_by_chain=True)["x"]), MEAN, COV)
    found = np.asarray(mcmc.last_state[0].adapt_state.metric.inverse_mass)
    assert found.shape == shape
    if not options:  # exact on a normal, but for the shrinkage
        np.testing.assert_allclose(found, COV, atol=0.1)


def test_many_parameters_get_scales_alone() -> None:
    kernel = NUTS(potential_fn=lambda z: 0.5 * bnp.sum(z**2))
    assert kernel._metric(None, 64).inverse_mass.shape == (64, 64)
    assert kernel._metric(None, 65).inverse_mass.shape == (65,)
    with pytest.raises(ValueError, match="mass_matrix_from must be"):
        NUTS(gaussian, mass_matrix_from="both")


def test_welford_is_the_covariance() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)) @ np.linalg.cholesky(COV).T
    for dense in (False, True):
        w = ad.moments_init(3, dense, 1)
        for row in x:
            w = ad.moments_update(w, bnp.asarray(row)[None])
        expected = np.cov(x.T) if dense else x.var(axis=0, ddof=1)
        np.testing.assert_allclose(ad.draws_covariance(w, regularize=False), expected, rtol=1e-12)


def test_dual_averaging_finds_the_target() -> None:
    """With acceptance exp(-step), a target of 0.8 is reached at step = -log 0.8."""
    state = ad.dual_averaging_init(1.0)
    for _ in range(2000):
        state = ad.dual_averaging_update(state, bnp.exp(-bnp.exp(state.log_step)), 0.8)
    np.testing.assert_allclose(float(bnp.exp(state.log_step_avg)), -np.log(0.8), rtol=0.02)


@pytest.mark.parametrize("start", [1e-9, 0.3, 1e6])
def test_a_settled_search_that_is_lost_begins_anew(start) -> None:
    """A chain that leaves a funnel's neck has a step a billion times too short."""
    state = ad.dual_averaging_init(start, settled=True)
    for _ in range(150):
        state = ad.dual_averaging_update(state, bnp.exp(-bnp.exp(state.log_step)), 0.8)
    assert 0.6 < float(bnp.exp(state.log_step_avg)) / -np.log(0.8) < 1.6
    assert float(state.gamma) == (ad.SETTLED if start == 0.3 else ad.GAMMA)


@pytest.mark.parametrize(
    "target, options",
    [(0.7, {}), (0.8, {}), (0.95, {}), (0.8, {"adapt_mass_matrix": False})],
)
def test_acceptance_after_warmup_is_the_target(target, options) -> None:
    """A search with swings of a factor of two would end at steps accepted far more often."""
    kernel = NUTS(gaussian, target_accept_prob=target, **options)
    mcmc = MCMC(kernel, 600, 300, num_chains=12, chain_method="sequential", progress_bar=False)
    mcmc.run(0)
    by_chain = np.asarray(mcmc.get_extra_fields(group_by_chain=True)["accept_prob"]).mean(axis=1)
    error = by_chain.std(ddof=1) / np.sqrt(len(by_chain))
    assert abs(by_chain.mean() - target) < 0.015 + 3 * error


def test_leapfrog_is_reversible_and_of_second_order() -> None:
    def potential(z):
        return bnp.sum(bnp.cosh(z))

    metric = mass.metric(np.array([[0.5, 0.3], [0.3, 2.0]]))
    z = bnp.array([0.3, -0.4])
    start = tr.launch(metric, z, bibun.grad(potential)(z), bibun.random.PRNGKey(3))
    forward, _, _ = tr.leapfrog(potential, metric, 0.1, start)
    back, _, _ = tr.leapfrog(potential, metric, -0.1, forward)
    np.testing.assert_allclose(back.z, start.z, atol=1e-14)
    np.testing.assert_allclose(back.r, start.r, atol=1e-14)

    def drift(step):
        p, value = start, potential(z)
        for _ in range(round(1.0 / step)):
            p, value, _ = tr.leapfrog(potential, metric, step, p)
        begin = potential(z) + tr.kinetic(metric, start.r)
        return abs(float(value + tr.kinetic(metric, p.r) - begin))

    assert 3.3 < drift(0.1) / drift(0.05) < 4.8


def test_checkpoints_are_those_of_the_recursion() -> None:
    """An odd leaf closes one subtree for each trailing one bit; its left ends are saved."""
    saved: dict[int, int] = {}
    for leaf in range(64):
        first, last = (int(v) for v in tr._checkpoint_range(bnp.asarray(leaf)))
        if leaf % 2 == 0:
            saved[last] = leaf
        else:
            ends = [saved[k] for k in range(last, first - 1, -1)]
            sizes, size = [], 2
            while (leaf + 1) % size == 0:
                sizes.append(leaf + 1 - size)
                size *= 2
            assert ends == sizes


# running --------------------------------------------------------------------------------


def test_predictive() -> None:
    x = np.linspace(0, 1, 4)
    draws = {"a": np.arange(3.0), "b": np.ones(3), "sigma": np.full(3, 1e-9)}
    out = Predictive(line, draws)(0, x, None)
    assert set(out) == {"mean", "y"}
    np.testing.assert_allclose(out["y"], np.arange(3.0)[:, None] + x, atol=1e-6)
    prior = Predictive(line, num_samples=7)(0, x, None)
    assert prior["a"].shape == (7,) and prior["y"].shape == (7, 4)
    with pytest.raises(KeyError, match="nothing"):
        Predictive(line, draws, return_sites=["nothing"])(0, x, None)


def test_to_arviz() -> None:
    arviz = pytest.importorskip("arviz")
    x = np.linspace(0, 1, 20)
    mcmc = MCMC(NUTS(line), 100, 100, num_chains=2, progress_bar=False)
    mcmc.run(0, x, 1.0 + x)
    data = mcmc.to_arviz()
    assert data.posterior["mean"].shape == (2, 100, 20)
    assert data.log_likelihood["y"].shape == (2, 100, 20)
    assert data.sample_stats["diverging"].dtype == bool
    np.testing.assert_array_equal(data.observed_data["y"], 1.0 + x)
    assert "a" in arviz.summary(data).index


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_draws_keep_no_buffers_of_chunks(monkeypatch) -> None:
    """A slow model has few draws a chunk; each must not hold the chunk's many rows."""
    seen = []
    finish = MCMC._finish
    monkeypatch.setattr(MCMC, "_finish", lambda self, chains, *a: (
        seen.extend(chains), finish(self, chains, *a))[1])  # fmt: skip
    MCMC(NUTS(gaussian), num_warmup=10, num_samples=20, progress_bar=False).run(0)
    (chain,) = seen
    kept = [*chain.draws, *(rows for found in chain.stats.values() for rows in found)]
    assert sum(len(rows) for rows in chain.draws) == 20 and len(kept) == 7 * len(chain.draws)
    for rows in kept:
        owner = rows
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        assert owner.nbytes == rows.nbytes


def test_interrupt_keeps_the_draws() -> None:
    script = textwrap.dedent("""
        import numpy as np, bibun.prob as prob, bibun.prob.distributions as dist
        from bibun.prob.infer import MCMC, NUTS
        def model(): prob.sample("x", dist.Normal(0.0, 1.0).expand((50,)).to_event(1))
        mcmc = MCMC(NUTS(model), 100, 100_000_000, num_chains=2, progress_bar=False)
        mcmc.warmup(0)  # compiles
        print("go", flush=True)
        mcmc.run(0)
        print(mcmc.interrupted, len(mcmc.get_samples()["x"]) > 0)
    """)
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "go\n"
    try:
        run.wait(timeout=1)
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=60)[0].split() == ["True", "True"]
