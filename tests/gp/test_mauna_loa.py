"""The worked example: its data are read, its gradient is right, its prediction holds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.gp import GaussianProcess
from bibun.prob.infer.util import log_density

FOLDER = Path(__file__).parents[2] / "examples" / "mauna_loa"


@pytest.fixture(scope="module")
def example(request):
    """The example's two files, under names of their own."""
    modules = []
    known = sys.modules.get("model")
    for name in ("model", "fit"):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        if name == "model":
            sys.modules["model"] = module
        spec.loader.exec_module(module)
        modules.append(module)
    sys.path.remove(str(FOLDER))
    del sys.modules["model"]
    if known is not None:
        sys.modules["model"] = known
    return modules


def test_data(example):
    t, co2 = example[0].weekly()
    assert len(t) == 2225
    assert t[0] == pytest.approx(1958 + 87.5 / 365.25)
    assert (co2[0], co2[-1]) == (316.1, 371.5)
    assert (np.diff(t) > 0).all()
    months, means = example[0].monthly()
    assert len(months) == 521
    first = np.floor(t * 12) == np.floor(t[0] * 12)
    assert means[0] == pytest.approx(co2[first].mean())


def test_gradient_and_model(example):
    model, _ = example
    t, co2 = (x[:60] for x in model.monthly())
    z = np.linspace(-0.5, 0.5, len(model.PRIORS))
    g = bibun.jit(bibun.grad(model.negative_log_posterior))(z, t, co2)
    for i in range(len(z)):
        e = 1e-5 * np.eye(len(z))[i]
        up, down = (model.negative_log_posterior(z + s * e, t, co2) for s in (1, -1))
        np.testing.assert_allclose(g[i], (up - down) / 2e-5, rtol=1e-5, atol=1e-5)
    # the model's density is the same but for the prior of x against that of log x
    def difference(z):
        p = model.hyperparameters(z)
        lp = log_density(model.model, (t, co2), {}, p)[0]
        jacobian = bnp.sum(bnp.log(bnp.stack([*p.values()])))
        return float(lp + jacobian + model.negative_log_posterior(z, t, co2))

    assert difference(z) == pytest.approx(difference(-z), abs=1e-7)


def test_components_add_up(example):
    model, _ = example
    t, co2 = (x[:80] for x in model.monthly())
    p = model.hyperparameters(np.zeros(len(model.PRIORS)))
    gp = model.process(p, t)
    assert isinstance(gp, GaussianProcess)
    at = np.linspace(1958, 1966, 9)
    every = model.components(p).values()
    parts = [gp.predict(co2, at, kernel=k, include_mean=False) for k in every]
    np.testing.assert_allclose(sum(parts) + model.MEAN, gp.predict(co2, at), rtol=1e-8)


def test_prediction(example, capsys):
    """Ten years not seen: to 2 ppmv, while CO₂ rose by 15; most within the 95 % interval."""
    p, error, covered = example[1].main()
    assert error < 2.0
    assert covered > 0.6
    assert 0.1 < float(p["noise"]) < 0.4
    assert 2.0 < float(p["season"]) < 5.0
    assert "months not seen" in capsys.readouterr().out
