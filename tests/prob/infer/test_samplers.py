"""Samplers other than HMC's family, and reparametrisations, on densities known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as ss

from bibun import numpy as bnp
from bibun import prob, random
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.diagnostics import effective_sample_size
from bibun.prob.infer import MCMC, NUTS, BarkerMH, log_density
from bibun.prob.infer.reparam import LocScaleReparam, TransformReparam

COV = np.array([[1.0, 1.2, 0.0], [1.2, 4.0, 0.3], [0.0, 0.3, 0.25]])
LOC = np.array([1.0, -2.0, 0.5])


def normal_model():
    prob.sample("x", dist.MultivariateNormal(LOC, COV))


def gamma_model():
    prob.sample("g", dist.Gamma(3.0, 2.0))


@pytest.mark.parametrize("dense", [False, True], ids=["diagonal", "dense"])
def test_barker_draws_the_normal(dense):
    mcmc = MCMC(BarkerMH(normal_model, dense_mass=dense), num_warmup=1500, num_samples=8000,
                num_chains=2, progress_bar=False)  # fmt: skip
    mcmc.run(0)
    by_chain = np.asarray(mcmc.get_samples(group_by_chain=True)["x"])
    ess = np.asarray(effective_sample_size(by_chain))
    assert ess.min() > 300
    x = by_chain.reshape(-1, 3)
    sd = np.sqrt(np.diag(COV))
    np.testing.assert_array_less(abs(x.mean(0) - LOC), 4.5 * sd / np.sqrt(ess))
    np.testing.assert_allclose(np.cov(x.T), COV, atol=0.5, rtol=0.2)
    accept = np.asarray(mcmc.get_extra_fields()["accept_prob"]).mean()
    assert accept == pytest.approx(0.4, abs=0.1)


def test_barker_draws_the_gamma():
    mcmc = MCMC(BarkerMH(gamma_model), num_warmup=1000, num_samples=20_000, progress_bar=False)
    mcmc.run(1)
    x = np.asarray(mcmc.get_samples()["g"])[::20]
    assert ss.kstest(x, ss.gamma(3, scale=0.5).cdf).pvalue > 1e-3


def test_barker_with_a_potential():
    kernel = BarkerMH(potential_fn=lambda z: 0.5 * bnp.sum((z - 3.0) ** 2))
    mcmc = MCMC(kernel, num_warmup=500, num_samples=4000, progress_bar=False)
    mcmc.run(0, init_params=bnp.zeros(1))
    x = np.asarray(mcmc.get_samples()["Param:0"])
    assert x.mean() == pytest.approx(3.0, abs=0.2) and x.std() == pytest.approx(1.0, abs=0.15)


# reparametrisations ---------------------------------------------------------------------------


def funnel():
    s = prob.sample("s", dist.Normal(0.0, 2.0))
    with prob.plate("n", 3):
        prob.sample("x", dist.StudentT(5.0, 0.5 * s, bnp.exp(0.5 * s)))


@pytest.mark.parametrize("centered", [0, 0.3, 1])
def test_loc_scale_keeps_the_density(centered):
    strategy = LocScaleReparam(centered, shape_params=["df"])
    model = handlers.reparam(funnel, config={"x": strategy})
    s, x = 0.8, np.array([1.0, -0.3, 2.0])
    loc, scale = 0.4, np.exp(0.4)
    params, jacobian = {"s": s, "x": bnp.array(x)}, 0.0
    plain, _ = log_density(funnel, (), {}, params)
    if centered != 1:
        # x = loc + scale^(1 - c) (z - c loc)
        z = (x - loc) / scale ** (1 - centered) + centered * loc
        params = {"s": s, "x_decentered": bnp.array(z)}
        jacobian = 3 * (1 - centered) * np.log(scale)
    lp, trace = log_density(model, (), {}, params)
    np.testing.assert_allclose(np.asarray(trace["x"]["value"]), x, rtol=1e-12)
    assert float(lp) == pytest.approx(float(plain) + jacobian, rel=1e-12)


def test_loc_scale_learns_and_refuses():
    model = handlers.reparam(funnel, config={"x": LocScaleReparam(shape_params=["df"])})
    trace = handlers.trace(handlers.seed(model, 0)).get_trace()
    assert trace["x_centered"]["type"] == "param" and trace["x"]["type"] == "deterministic"
    with pytest.raises(ValueError, match="centered must lie"):
        LocScaleReparam(1.5)
    bad = handlers.reparam(gamma_model, config={"g": LocScaleReparam(0)})
    with pytest.raises(ValueError, match="loc and scale, got Gamma"):
        handlers.seed(bad, 0)()


def test_nuts_through_a_reparametrised_funnel():
    def neal():
        v = prob.sample("v", dist.Normal(0.0, 3.0))
        prob.sample("x", dist.Normal(bnp.zeros(4), bnp.exp(v / 2)).to_event(1))

    model = handlers.reparam(neal, config={"x": LocScaleReparam(0)})
    mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=1500, progress_bar=False)
    mcmc.run(0)
    v = np.asarray(mcmc.get_samples()["v"])
    assert v.std() == pytest.approx(3.0, rel=0.15) and mcmc.get_samples()["x"].shape == (1500, 4)


def test_transform_reparam():
    transform = dist.transforms.AffineTransform(1.0, 2.0)

    def model():
        with prob.plate("n", 3):
            d = dist.TransformedDistribution(dist.Normal(bnp.zeros((3, 2)), 1.0), transform)
            prob.sample("x", d.to_event(1))
        prob.sample("y", dist.TransformedDistribution(
            dist.Normal().expand((2,)), dist.transforms.StickBreakingTransform()))  # fmt: skip

    strategies = {"x": TransformReparam(), "y": TransformReparam()}
    easy = handlers.reparam(model, config=strategies)
    trace = handlers.trace(handlers.seed(easy, random.key(0))).get_trace()
    z = trace["x_base"]["value"]
    assert trace["x_base"]["fn"].batch_shape == (3,) and z.shape == (3, 2)
    np.testing.assert_allclose(np.asarray(trace["x"]["value"]), 1 + 2 * np.asarray(z))
    assert trace["y_base"]["fn"].event_shape == (2,) and trace["y"]["value"].shape == (3,)
    refused = handlers.reparam(gamma_model, config={"g": TransformReparam()})
    with pytest.raises(ValueError, match="TransformedDistribution, got Gamma"):
        handlers.seed(refused, 0)()
