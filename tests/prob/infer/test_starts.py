"""init_params: one start a chain, or one for all; what does not fit says what would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun.numpy as bnp
import bibun.prob.distributions as dist
from bibun import prob
from bibun.errors import ShapeError
from bibun.prob.infer import AIES, MAP, MCMC, NUTS


def model() -> None:
    prob.sample("m", dist.Normal(0.0, 1.0))
    prob.sample("v", dist.Normal(bnp.zeros(2), 1.0).to_event(1))


def starts(init: Any, chains: int, kernel: Any = NUTS, **options: Any) -> np.ndarray:
    """Where the chains are after no draw: a first step of size 0 does not move them."""
    mcmc = MCMC(
        kernel(model, **options), num_warmup=0, num_samples=1, num_chains=chains, progress_bar=False
    )
    mcmc.run(0, init_params=init)
    draws = mcmc.get_samples(group_by_chain=True)
    return np.concatenate(
        [np.asarray(draws["m"])[:, 0, None], np.asarray(draws["v"])[:, 0]], axis=1
    )


STILL = {"step_size": 1e-12, "adapt_step_size": False}


@pytest.mark.parametrize("chains", [1, 2, 3])
def test_starts_are_shared_or_one_a_chain(chains: int) -> None:
    for init in (
        {"m": 0.1, "v": np.array([0.2, 0.3])},
        {"m": np.full(chains, 0.1), "v": [0.2, 0.3]},
        {"m": 0.1, "v": np.array([[0.2, 0.3]] * chains)},
        np.array([0.1, 0.2, 0.3]),
        np.array([[0.1, 0.2, 0.3]] * chains) if chains > 1 else [0.1, 0.2, 0.3],
    ):
        got = starts(init, chains, **STILL)
        np.testing.assert_allclose(got, [[0.1, 0.2, 0.3]] * chains, atol=1e-9)
    own = {"m": 0.1 * np.arange(chains), "v": np.array([0.2, 0.3])}
    np.testing.assert_allclose(starts(own, chains, **STILL)[:, 0], own["m"], atol=1e-9)


def test_an_ensemble_with_one_start_draws_the_others() -> None:
    mcmc = MCMC(
        AIES(model), num_warmup=0, num_samples=50, num_chains=8, chain_method="vectorized",
        progress_bar=False,
    )  # fmt: skip
    mcmc.run(0, init_params={"m": 0.1, "v": np.zeros(2)})
    m = np.asarray(mcmc.get_samples(group_by_chain=True)["m"])
    assert len(np.unique(m[:, -1])) == 8


@pytest.mark.parametrize(
    ("init", "error", "words"),
    [
        ({"m": np.zeros(3), "v": np.zeros(2)}, ShapeError, r"'m' of 2 chain.*\(2,\).*got \(3,\)"),
        ({"m": 0.0, "v": np.zeros((3, 2))}, ShapeError, r"'v'.*\(2, 2\).*\(2,\).*got \(3, 2\)"),
        ({"m": 0.0}, ValueError, "lacks 'v'"),
        ({"m": 0.0, "v": [0.0, 0.0], "w": 1.0}, ValueError, "'w'"),
        (np.zeros((3, 3)), ShapeError, r"2 of them.*\(3, 3\)"),
        (np.zeros(4), ShapeError, r"shape \(3,\).*got shape \(4,\)"),
        (0.1, ShapeError, r"got shape \(\)"),
    ],
)
def test_starts_that_do_not_fit(init: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        starts(init, 2)


def test_map_says_so_too() -> None:
    with pytest.raises(ShapeError, match=r"'v' has unconstrained shape \(2,\), got \(3,\)"):
        MAP(model).run(0, init_params={"m": 0.0, "v": np.zeros(3)})


def test_a_model_is_no_sampler() -> None:
    with pytest.raises(TypeError, match=r"a kernel such as NUTS\(model\), got function"):
        MCMC(model, num_warmup=2, num_samples=2)  # type: ignore[arg-type]
