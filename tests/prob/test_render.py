"""The graph of a model: who depends on whom, plates, observed sites."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun.prob.render import dependencies, render_model


def model(x, y):
    mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    tau = prob.sample("tau", dist.HalfNormal(1.0))
    with prob.plate("groups", 3):
        theta = prob.sample("theta", dist.Normal(mu, tau))
        eta = prob.deterministic("eta", theta * 2)
        with prob.plate("rows", 4):
            prob.sample("y", dist.Normal(eta + x, 1.0), obs=y)
    prob.sample("apart", dist.Poisson(2.0))


ARGS = (np.zeros((4, 3)), np.zeros((4, 3)))


def test_dependencies_pass_through_deterministic_sites() -> None:
    assert dependencies(model, ARGS) == {
        "mu": [], "tau": [], "theta": ["mu", "tau"], "y": ["theta"], "apart": [],
    }  # fmt: skip


def test_dot_text(tmp_path) -> None:
    dot = render_model(model, ARGS, filename=str(tmp_path / "m.dot"), render_distributions=True)
    assert (tmp_path / "m.dot").read_text() == dot
    assert '"mu" -> "theta"' in dot and '"theta" -> "y"' in dot and '"mu" -> "y"' not in dot
    assert '"y" [shape=ellipse style=filled' in dot and "theta ~ Normal" in dot
    outer, inner = dot.index('label="groups (3)"'), dot.index('label="rows (4)"')
    assert outer < dot.index('"theta" [') and outer < inner < dot.index('"y" [')
    assert dot.count("{") == dot.count("}")


def test_pictures_need_graphviz(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match="svg needs the package graphviz"):
        render_model(model, ARGS, filename=str(tmp_path / "m.svg"))
