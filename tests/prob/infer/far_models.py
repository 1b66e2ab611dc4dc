"""Models that travel by name: worker processes of `test_jobs.py` import them from here."""

from __future__ import annotations

import bibun.prob as prob
import bibun.prob.distributions as dist


def line(x, y):
    a = prob.sample("a", dist.Normal(0.0, 10.0))
    b = prob.sample("b", dist.Normal(0.0, 10.0))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    with prob.plate("rows", len(x)):
        prob.sample("y", dist.Normal(a + b * x, sigma), obs=y)
