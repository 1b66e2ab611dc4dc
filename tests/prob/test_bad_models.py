"""Models and data that err, as a user gives them: the error names the site and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import optim
from bibun.prob import handlers
from bibun.prob.infer import HMC, MCMC, NUTS, SVI, Predictive, Trace_ELBO
from bibun.prob.infer.autoguide import AutoNormal
from bibun.prob.infer.util import potential_energy


def run(model: Any, *args: Any, **options: Any) -> MCMC:
    options = {"num_warmup": 200, "num_samples": 400, "progress_bar": False, **options}
    mcmc = MCMC(NUTS(model), **options)
    mcmc.run(0, *args)
    return mcmc


def normal(y: Any) -> None:
    mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    prob.sample("y", dist.Normal(mu, 1.0), obs=y)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.array(["a", "b"]), "expected numbers"),
        (np.array([1.0, None], dtype=object), "expected numbers"),
        (np.array(["2026-01-01"], dtype="M8[D]"), "expected numbers"),
        (np.array([1.0, 2.0j]), "complex"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "obs_mask"),
        ([[1.0], [2.0, 3.0]], "inhomogeneous"),
    ],
)
def test_data_that_are_no_numbers_name_the_site(data: Any, said: str) -> None:
    with pytest.raises(TypeError, match=rf"site 'y'[\s\S]*{said}"):
        handlers.seed(normal, 0)(data)


def test_names_are_strings() -> None:
    for name in (3, None, dist.Normal(0.0, 1.0)):
        with pytest.raises(TypeError, match="site's name"):
            handlers.seed(lambda n=name: prob.sample(n, dist.Normal(0.0, 1.0)), 0)()


def test_two_plates_of_one_name() -> None:
    def model(second: int) -> None:
        with prob.plate("n", 3):
            prob.sample("a", dist.Normal(0.0, 1.0))
        with prob.plate("n", second):
            prob.sample("b", dist.Normal(0.0, 1.0))

    handlers.trace(handlers.seed(model, 0)).get_trace(3)
    with pytest.raises(ValueError, match="'n', of sizes 3 and 4"):
        handlers.trace(handlers.seed(model, 0)).get_trace(4)


def test_discrete_sites_alone_leave_nothing_to_sample() -> None:
    def model(y: Any) -> None:
        k = prob.sample("k", dist.Bernoulli(0.3))
        prob.sample("y", dist.Normal(1.0 * k, 1.0), obs=y)

    with pytest.raises(ValueError, match=r"latent sites \(k\) are all discrete[\s\S]*DiscreteHMC"):
        run(model, np.ones(()))


HOLES = np.array([1.0, np.nan, 3.0, np.nan, 2.0])
SEEN = ~np.isnan(HOLES)


def by_handler(y: Any) -> None:
    with handlers.mask(mask=SEEN):
        normal(y)


def by_method(y: Any) -> None:
    mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    prob.sample("y", dist.Normal(mu, 1.0).mask(SEEN), obs=y)


def by_plate(y: Any) -> None:
    mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    with prob.plate("n", len(y)), handlers.mask(mask=SEEN):
        prob.sample("y", dist.Normal(mu, 1.0), obs=y)


@pytest.mark.parametrize("model", [by_method, by_plate])
def test_masked_data_may_be_nan(model: Any) -> None:
    """The likelihood of what was seen: density and slope are those of the data without holes."""
    at = {"mu": bnp.asarray(0.4)}
    both = bibun.value_and_grad(lambda p, m, y: potential_energy(m, (y,), {}, p))
    value, slope = both(at, model, HOLES)
    wanted, wanted_slope = both(at, normal, HOLES[SEEN])
    assert float(value) == pytest.approx(float(wanted), rel=1e-14)
    assert float(slope["mu"]) == pytest.approx(float(wanted_slope["mu"]), rel=1e-14)
    compiled, _ = bibun.jit(lambda p: both(p, model, HOLES))(at)
    assert float(compiled) == pytest.approx(float(wanted), rel=1e-14)


def test_only_what_is_masked_may_be_nan() -> None:
    handlers.seed(by_handler, 0)(HOLES)
    worse = np.where(np.arange(5) == 2, np.nan, HOLES)
    with pytest.raises(ValueError, match=r"site 'y'.*nan at index \(2,\).*\(1 of 5"):
        handlers.seed(by_handler, 0)(worse)


def test_missing_data_are_latent_and_proper() -> None:
    """mu | y ~ N(sum y / (n + 1), 1 / (n + 1)); the missing are N(mu, 1), and nothing drifts."""

    def model(y: Any) -> None:
        mu = prob.sample("mu", dist.Normal(0.0, 1.0))
        prob.sample("y", dist.Normal(mu, 1.0), obs=y, obs_mask=SEEN)

    draws = run(model, HOLES, num_samples=2000).get_samples()
    mu, y, hidden = (np.asarray(draws[k]) for k in ("mu", "y", "y_unobserved"))
    assert mu.mean() == pytest.approx(6.0 / 4, abs=0.06)
    assert mu.std() == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(y[:, SEEN], np.broadcast_to(HOLES[SEEN], (2000, 3)))
    assert y[:, ~SEEN].std(axis=0) == pytest.approx(np.sqrt(1.25), abs=0.12)
    assert hidden.std(axis=0) == pytest.approx(np.sqrt(1.25), abs=0.12)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.filterwarnings("error")
def test_a_summary_of_hardly_any_draws(count: int, capsys: Any) -> None:
    run(normal, np.ones(3), num_warmup=5, num_samples=count).print_summary()
    assert "nan" in capsys.readouterr().out


def fit(guide: Any, steps: int = 20, rate: float = 0.1, loss: Any = None) -> Any:
    svi = SVI(normal, guide, optim.sgd(rate), loss or Trace_ELBO())
    return svi.run(0, steps, np.ones(3), progress_bar=False)


def test_what_svi_is_given() -> None:
    with pytest.raises(TypeError, match=r"Trace_ELBO\(\), made by its class"):
        SVI(normal, AutoNormal(normal), optim.sgd(0.1), Trace_ELBO)

    def unknown(y: Any) -> None:
        prob.sample("mu", dist.Normal(prob.param("q"), 1.0))

    with pytest.raises(ValueError, match=r"param\('q'\) has no value"):
        fit(unknown)

    def outside(y: Any) -> None:
        prob.param("q", -1.0, constraint=dist.constraints.positive)
        prob.sample("mu", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match=r"param\('q'\): the starting value -1.0 does not"):
        fit(outside)


def test_a_loss_that_is_not_finite_is_said() -> None:
    with pytest.warns(RuntimeWarning, match=r"step \d+, and not finite[\s\S]*mu_auto_loc"):
        fit(AutoNormal(normal), rate=1e200)


def test_what_samplers_are_given() -> None:
    with pytest.raises(TypeError, match="the class NUTS"):
        MCMC(NUTS, num_warmup=1, num_samples=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="init_to_"):
        NUTS(normal, init_strategy=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        HMC(normal, num_steps=0)
    with pytest.raises(ValueError, match="posterior_samples or num_samples"):
        Predictive(normal, {})


def test_categories_in_fewer_bits_than_there_are() -> None:
    fn = dist.Categorical(bnp.ones(300) / 300)
    assert float(fn.log_prob(np.array(250, np.uint8))) == pytest.approx(-np.log(300))
