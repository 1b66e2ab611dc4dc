"""Keywords of NumPyro's functions that other tests do not use: what each changes."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import prob, random
from bibun.prob import diagnostics
from bibun.prob import distributions as dist
from bibun.prob.infer import (
    MCMC,
    NUTS,
    Predictive,
    constrain_fn,
    initialize_model,
    psis_diagnostic,
)
from bibun.prob.infer.initialization import init_to_value
from bibun.prob.infer.util import compute_log_probs
from bibun.prob.util import format_shapes


def model():
    s = prob.sample("s", dist.HalfNormal(1.0))
    prob.deterministic("twice", 2 * s)


def test_extra_fields_are_there_by_the_names_they_were_asked_for():
    mcmc = MCMC(NUTS(model), 30, 20, progress_bar=False)
    mcmc.run(0, extra_fields=("adapt_state.step_size", "energy"))
    fields = mcmc.get_extra_fields()
    assert fields["energy"].shape == (20,)
    np.testing.assert_array_equal(fields["adapt_state.step_size"], fields["step_size"])
    with pytest.raises(ValueError, match=r"extra_fields \['z_grad'\].*num_steps"):
        mcmc.run(0, extra_fields=("z_grad",))
    with pytest.raises(ValueError, match="progress_rate"):
        MCMC(NUTS(model), 30, 20, progress_rate=0)


def test_the_bar_moves_when_enough_draws_have_come(monkeypatch):
    seen = {}
    for rate in (None, 1000):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        import tqdm

        moves = []
        monkeypatch.setattr(tqdm.tqdm, "update", lambda self, n, moves=moves: moves.append(n))
        MCMC(NUTS(model), 30, 2000, progress_rate=rate).run(0)
        seen[rate] = moves
    assert sum(seen[1000]) >= 1000 and min(seen[1000]) >= 1000
    assert len(seen[None]) > len(seen[1000])


def test_autocovariance_with_and_without_bias():
    x = np.random.default_rng(0).normal(size=200)
    centred = x - x.mean()
    exact = [np.mean(centred[: 200 - k] * centred[k:]) for k in range(5)]
    np.testing.assert_allclose(diagnostics.autocovariance(x, bias=False)[:5], exact, rtol=1e-10)
    biased = diagnostics.autocovariance(x)
    np.testing.assert_allclose(biased[:5], exact * (1 - np.arange(5) / 200), rtol=1e-10)
    np.testing.assert_allclose(
        diagnostics.autocorrelation(x, bias=False)[3], exact[3] / exact[0], rtol=1e-10
    )
    draws = x.reshape(2, 100)
    with_bias = diagnostics.effective_sample_size(draws)
    assert abs(diagnostics.effective_sample_size(draws, bias=False) / with_bias - 1) < 0.3


def test_deterministic_sites_are_computed_anew_unless_conditioned_on():
    given = {"s": bnp.ones(3), "twice": bnp.full(3, 9.0)}
    assert Predictive(model, given)(0)["twice"].tolist() == [2.0] * 3
    assert Predictive(model, given, condition_deterministic=False)(0)["twice"].tolist() == [2.0] * 3
    assert Predictive(model, given, exclude_deterministic=True)(0)["twice"].tolist() == [2.0] * 3


def test_constrain_over_leading_axes():
    u = {"s": bnp.log(bnp.arange(1.0, 7.0).reshape(2, 3))}
    out = constrain_fn(model, (), {}, u, return_deterministic=True, batch_ndims=2)
    np.testing.assert_allclose(out["s"], np.arange(1.0, 7.0).reshape(2, 3))
    np.testing.assert_allclose(out["twice"], 2 * np.arange(1.0, 7.0).reshape(2, 3))


def test_log_densities_by_site():
    def plated(y):
        m = prob.sample("m", dist.Normal(0.0, 2.0))
        with prob.plate("n", 3), prob.handlers.scale(scale=2.0):
            prob.sample("y", dist.Normal(m, 1.0), obs=y)

    y = bnp.array([0.1, 0.5, -0.2])
    each, trace = compute_log_probs(plated, (y,), {}, {"m": 0.3}, sum_log_prob=False)
    exact = 2 * dist.Normal(0.3, 1.0).log_prob(y)
    np.testing.assert_allclose(each["y"], exact)
    total, _ = compute_log_probs(plated, (y,), {}, {"m": 0.3})
    assert float(total["y"]) == pytest.approx(float(exact.sum()))
    assert float(total["m"]) == pytest.approx(float(dist.Normal(0.0, 2.0).log_prob(0.3)))
    text = format_shapes(trace, compute_log_prob=True, title="Shapes:", last_site="y")
    assert text.splitlines()[0] == "Shapes:" and text.splitlines()[-1].endswith("(3,)")
    assert "log_prob" not in format_shapes(trace)
    only = format_shapes(trace, compute_log_prob=lambda site: site["name"] == "y")
    assert only.splitlines()[1].endswith("()") and only.splitlines()[-1].endswith("(3,)")


def test_validation_for_a_block():
    with prob.validation_enabled(False):
        dist.Normal(0.0, -1.0)
        with prob.validation_enabled(), pytest.raises(ValueError, match="scale"):
            dist.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="scale"):
        dist.Normal(0.0, -1.0)


def test_a_start_without_a_gradient():
    def cusp():
        x = prob.sample("x", dist.Normal())
        prob.factor("f", bnp.sqrt(bnp.abs(x)))

    start = {"init_strategy": init_to_value(values={"x": 0.0})}
    with pytest.raises(RuntimeError, match="no valid starting point"):
        initialize_model(random.PRNGKey(0), cusp, **start)
    info = initialize_model(random.PRNGKey(0), cusp, validate_grad=False, **start)
    assert float(info.param_info.z["x"]) == 0.0


@pytest.mark.parametrize("chunk", [None, 300])
def test_importance_weights_tell_a_good_guide_from_a_bad_one(chunk):
    """Weights of N(0, 1) over N(0, s) have tails of shape 1 - s²: 0.75 for s = 1/2."""

    def target(y):
        prob.sample("x", dist.Normal(0.0, 1.0))

    def guide(y):
        prob.sample("x", dist.Normal(prob.param("m", 1.0), prob.param("s", 1.0)))

    def k(s):
        params = {"m": 0.0, "s": s}
        return psis_diagnostic(
            1, params, target, guide, bnp.ones(2), num_particles=4000, chunk_size=chunk
        )

    assert k(1.01) < 0.2
    assert k(0.5) == pytest.approx(0.75, abs=0.25)
