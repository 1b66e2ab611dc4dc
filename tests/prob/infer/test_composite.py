"""Gibbs by blocks, against a posterior summed exactly."""

from __future__ import annotations

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import prob, random
from bibun.prob import distributions as dist
from bibun.prob.diagnostics import effective_sample_size
from bibun.prob.infer import MCMC, NUTS, CustomGibbs, DiscreteGibbs, Gibbs
from bibun.prob.infer.gibbs import discrete_latent_sites

PROBS, LOCS = np.array([0.15, 0.3, 0.3, 0.25]), np.array([-2.0, 0.0, 2.0, 4.0])


def model():
    c = prob.sample("c", dist.Categorical(bnp.asarray(PROBS)))
    x = prob.sample("x", dist.Normal(bnp.asarray(LOCS)[c], 0.5))
    y = prob.sample("y", dist.Normal(0.0, 2.0))
    prob.sample("obs", dist.Normal(x + y, 1.0), obs=1.0)


def draw_y(rng_key, gibbs_sites, hmc_sites):
    assert set(gibbs_sites) == {"y"} and set(hmc_sites) == {"c", "x"}
    return {"y": 0.8 * (1 - hmc_sites["x"]) + np.sqrt(0.8) * random.normal(rng_key)}


@pytest.mark.parametrize("modified", [False, True])
@pytest.mark.parametrize("walk", [False, True])
def test_three_blocks(walk, modified):
    discrete = DiscreteGibbs(model, random_walk=walk, modified=modified)
    kernel = Gibbs(
        [(discrete, discrete_latent_sites), (CustomGibbs(draw_y), ["y"]), (NUTS(model), None)]
    )
    mcmc = MCMC(kernel, 200, 1500, num_chains=2, progress_bar=False)
    mcmc.run(random.PRNGKey(0))
    draws = {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}
    # x + y + noise given c is normal with mean LOCS[c], variance 0.25 + 4 + 1
    p = PROBS * np.exp(-0.5 * (1 - LOCS) ** 2 / 5.25)
    p /= p.sum()
    mean_x = LOCS + 0.25 / 5.25 * (1 - LOCS)
    mean_y = 4 / 5.25 * (1 - LOCS)
    for name, exact in (("c", p @ np.arange(4)), ("x", p @ mean_x), ("y", p @ mean_y)):
        x = draws[name].astype(float)
        error = x.std() / np.sqrt(float(effective_sample_size(x)))
        assert abs(x.mean() - exact) < 5 * error, name
    for k in range(4):
        share = (draws["c"] == k).astype(float)
        error = np.sqrt(p[k] * (1 - p[k]) / float(effective_sample_size(share)))
        assert abs(share.mean() - p[k]) < 5 * error


def test_blocks_must_share_out_the_sites():
    def run(*blocks):
        Gibbs(blocks).setup(random.PRNGKey(0), (), {})

    discrete, custom = DiscreteGibbs(model), CustomGibbs(draw_y)
    with pytest.raises(ValueError, match=r"in no block \['x'\]"):
        run((discrete, ["c"]), (NUTS(model), ["y"]))
    with pytest.raises(ValueError, match=r"in several \['c'\]"):
        run((discrete, ["c"]), (custom, ["c"]), (NUTS(model), None))
    with pytest.raises(ValueError, match=r"not in the model \['z'\]"):
        run((discrete, ["c", "z"]), (NUTS(model), None))
    with pytest.raises(ValueError, match="NUTS cannot move the sites"):
        run((custom, ["y"]), (NUTS(model), None))
    with pytest.raises(ValueError, match="DiscreteGibbs cannot move the sites"):
        run((discrete, ["y"]), (custom, ["c"]), (NUTS(model), None))
    with pytest.raises(ValueError, match="exactly one block"):
        Gibbs([(discrete, ["c"])])
    with pytest.raises(ValueError, match="one and the same model"):
        Gibbs([(DiscreteGibbs(lambda: None), ["c"]), (NUTS(model), None)])
    with pytest.raises(TypeError, match=r"got \['str'\]"):
        Gibbs([("c", ["c"]), (NUTS(model), None)])
