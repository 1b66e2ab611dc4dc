"""Optimizers by NumPyro's names, alone and in SVI."""

from __future__ import annotations

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import grad, optimizers, prob, random
from bibun import optim as transformations
from bibun.prob import distributions as dist
from bibun.prob import optim
from bibun.prob.infer import SVI, Trace_ELBO, autoguide

ALL = {
    "Adagrad": (0.5,), "Adam": (0.05,), "ClippedAdam": (0.05,), "Momentum": (0.02, 0.9),
    "RMSProp": (0.05,), "RMSPropMomentum": (0.02,), "SGD": (0.1,), "SM3": (0.5,),
}  # fmt: skip
Y = bnp.array([1.0, 3.0, 2.0])


def model(y):
    m = prob.sample("m", dist.Normal(0.0, 1.0))
    with prob.plate("n", 3):
        prob.sample("y", dist.Normal(m, 1.0), obs=y)


@pytest.mark.parametrize("name", ALL)
def test_alone_and_in_svi_as_the_triple_it_is(name):
    opt = getattr(optim, name)(*ALL[name])
    state = opt.init({"x": bnp.array([3.0, -1.0])})
    plain = {"ClippedAdam": "adam", "RMSPropMomentum": "rmsprop_momentum"}.get(name, name.lower())
    init, update, get = getattr(optimizers, plain)(*ALL[name])
    other = init({"x": bnp.array([3.0, -1.0])})
    for k in range(5):
        grads = {"x": opt.get_params(state)["x"]}
        state, other = opt.update(grads, state), update(k, grads, other)
    np.testing.assert_allclose(opt.get_params(state)["x"], get(other)["x"], rtol=1e-12)
    svi = SVI(model, autoguide.AutoDelta(model), opt, Trace_ELBO())
    fit = svi.run(random.PRNGKey(0), 300, Y, progress_bar=False, stable_update=True)
    assert float(fit.params["m_auto_loc"]) == pytest.approx(1.5, abs=0.02)  # 6 / 4


def test_one_step_of_minimize_is_the_whole_fit():
    svi = SVI(model, autoguide.AutoLaplaceApproximation(model), optim.Minimize(), Trace_ELBO())
    state, loss = svi.update(svi.init(random.PRNGKey(0), Y), Y)
    assert float(svi.get_params(state)["auto_loc"][0]) == pytest.approx(1.5, abs=1e-5)
    exact = dist.Normal(1.5, 1.0).log_prob(Y).sum() + dist.Normal().log_prob(1.5)
    assert float(loss) == pytest.approx(-float(exact), rel=1e-6)
    with pytest.raises(ValueError, match="eval_and_update"):
        optim.Minimize().update(None, (0, None))
    with pytest.raises(ValueError, match="'BFGS'"):
        optim.Minimize("Newton")


def test_steps_that_are_not_finite_are_not_taken():
    opt = optim.SGD(0.1)
    state = opt.init({"x": bnp.asarray(2.0)})

    def loss(p):
        return bnp.sqrt(p["x"] - 2.0), None

    assert not np.isfinite(float(grad(lambda p: loss(p)[0])({"x": bnp.asarray(2.0)})["x"]))
    _, moved = opt.eval_and_stable_update(loss, state)
    assert float(opt.get_params(moved)["x"]) == 2.0 and int(moved[0]) == 0


def test_transformations_that_look_at_the_loss():
    """Polyak's step of x² / 2 with its minimum 0 known: half way each time."""
    opt = optim.optax_to_numpyro(transformations.polyak_sgd())
    state = opt.init({"x": bnp.asarray(4.0)})
    _, state = opt.eval_and_update(lambda p: (0.5 * p["x"] ** 2, None), state)
    assert float(opt.get_params(state)["x"]) == pytest.approx(2.0)
    with pytest.raises(TypeError, match="SVI: optim must be"):
        optim.as_optimizer("adam")
