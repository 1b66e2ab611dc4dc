"""Draws and densities equal NumPyro's: a migrated model can be verified number by number."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from bibun import numpy as bnp
from bibun import prob, random
from bibun.prob import distributions as dist
from bibun.prob import handlers

REF = json.loads(pathlib.Path(__file__).with_name("reference.json").read_text())


def given(x):
    return bnp.array(x) if isinstance(x, list) else x


@pytest.mark.parametrize("case", REF["draws"], ids=lambda c: f"{c['name']}-{c['kwargs']}")
def test_draws(case):
    make = getattr(dist, case["name"])
    d = make(*map(given, case["args"]), **{k: given(v) for k, v in case["kwargs"].items()})
    x = d.sample(random.PRNGKey(3), (4,))
    if case["name"] != "BinomialProbs":  # bibun draws as jax.random.binomial does
        np.testing.assert_allclose(np.asarray(x), case["draws"], rtol=1e-10)
    lp = d.log_prob(bnp.array(case["draws"]))
    np.testing.assert_allclose(np.asarray(lp), case["log_prob"], rtol=1e-10)


def test_model():
    def model():
        a = prob.sample("a", dist.Normal(0.0, 1.0))
        with prob.plate("N", 4):
            b = prob.sample("b", dist.Gamma(2.0, 1.0))
            with prob.plate("M", 2):
                prob.sample("c", dist.Normal(a, b))
        with prob.plate("K", 10, subsample_size=3) as i:
            prob.sample("d", dist.Exponential(1.0 + i))
        prob.sample("e", dist.Normal(bnp.zeros((1, 3)), 1.0).expand([2, 3]).to_event(1))

    trace = handlers.trace(handlers.seed(model, 5)).get_trace()
    assert list(trace) == list(REF["model"])
    for name, value in REF["model"].items():
        np.testing.assert_allclose(np.asarray(trace[name]["value"]), value, rtol=1e-10)
