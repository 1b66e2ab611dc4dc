"""The samplers' comparisons: what counts as a draw, and the tables made of figures."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import ess_per_gradient, ess_per_second
from benchmarks.posteriors import columns, latent


class Run:
    """What a finished MCMC shows."""

    def __init__(self, **samples: np.ndarray) -> None:
        self.samples = samples

    def get_samples(self, group_by_chain: bool) -> dict[str, np.ndarray]:
        assert group_by_chain
        return self.samples


def test_computed_sites_and_constants_are_no_parameters() -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 50)), rng.normal(size=(2, 50, 8))
    assert set(latent(Run(mu=x, theta_trans=z, theta=x[..., None] + z))) == {"mu", "theta_trans"}
    assert set(latent(Run(mu=x, theta=z))) == {"mu", "theta"}
    assert columns({"mu": x, "still": np.ones((2, 50)), "z": z}).shape == (2, 50, 9)


def test_ratio_is_of_medians_of_rates() -> None:
    ours = {"seconds": [1.0, 2.0, 4.0], "ess": [100.0, 100.0, 100.0]}
    theirs = {"seconds": [10.0, 10.0, 1.0], "ess": [50.0, 40.0, 10.0]}
    assert ess_per_second.rate(ours) == pytest.approx(50.0)
    figures = {p: {"bibun": ours, "jax": theirs} for p in ess_per_second.PHASES}
    results = {f"a-{n}": {"data": n, "figures": figures} for n in (8, 1000)}
    head, rows = ess_per_second.table(results)
    assert all(len(row) == len(head) for row in rows)
    assert rows[0][:5] == ["8", "8", "5.00", "50.0", "10.0× (≥ 10)"]
    assert rows[1][4] == "10.0×"  # no target where there are many data


def test_least_effective_parameter_over_all_gradients() -> None:
    rng = np.random.default_rng(1)
    good, slow = rng.normal(size=(4, 1000)), np.cumsum(rng.normal(size=(4, 1000)), axis=1)
    steps = np.full((4, 1000), 5)
    found = {"x_good": good, "steps": steps, "warmup_steps": steps}
    alone = ess_per_gradient.measure(found)["ess_per_gradient"]
    assert alone == pytest.approx(1 / 5, rel=0.15)
    assert ess_per_gradient.measure({**found, "x_slow": slow})["ess_per_gradient"] < alone / 5
