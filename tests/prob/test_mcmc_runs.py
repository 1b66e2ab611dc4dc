"""What a second `run` starts from, as in NumPyro: a new warmup, unless `warmup` was called."""

from __future__ import annotations

import numpy as np

import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun.prob.infer import MCMC, NUTS


def model() -> None:
    prob.sample("x", dist.Normal(0.0, 1.0))


def sampler() -> MCMC:
    return MCMC(NUTS(model), num_warmup=50, num_samples=40, progress_bar=False)


def draws(mcmc: MCMC, seed: int) -> np.ndarray:
    mcmc.run(seed)
    return np.asarray(mcmc.get_samples()["x"])


def test_a_second_run_warms_up_again() -> None:
    mcmc = sampler()
    first, second, again = draws(mcmc, 0), draws(mcmc, 1), draws(mcmc, 0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)
    assert mcmc.post_warmup_state is None


def test_run_after_warmup_keeps_its_state_and_takes_the_new_key() -> None:
    mcmc = sampler()
    mcmc.warmup(0)
    learned = float(mcmc.post_warmup_state[0].adapt_state.step_size)
    first, second = draws(mcmc, 1), draws(mcmc, 2)
    assert not np.array_equal(first, second)
    assert float(mcmc.last_state[0].adapt_state.step_size) == learned
    np.testing.assert_array_equal(draws(mcmc, 1), first)


def test_a_run_goes_on_from_an_assigned_state() -> None:
    mcmc = sampler()
    draws(mcmc, 0)
    mcmc.post_warmup_state = mcmc.last_state
    learned = float(mcmc.last_state[0].adapt_state.step_size)
    draws(mcmc, 1)
    assert float(mcmc.last_state[0].adapt_state.step_size) == learned
