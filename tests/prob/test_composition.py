"""Handlers in pairs and triples, in every order, against their rules written out by hand.

Each handler has a rule on a plain record of a site; a composition is the rules one after the
other, innermost first, until one hides the site. What the trace must hold (names, what is
observed, which values are given) and its joint log density follow from that.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from bibun import prob
from bibun.prob import distributions as dist
from bibun.prob import handlers as h
from bibun.prob.util import site_log_prob


def model():
    a = prob.sample("a", dist.Normal(0.0, 1.0))
    b = prob.sample("b", dist.Normal(a, 2.0))
    p = prob.param("p", 0.3)
    prob.sample("y", dist.Normal(b + p, 1.5), obs=1.5)


def latent(s):
    return s["type"] == "sample" and not s["observed"]


def condition(s):
    if latent(s) and s["name"] == "b":
        s.update(value=0.7, observed=True)


def substitute(s):
    if s["name"] in ("a", "p") and (latent(s) or s["type"] == "param"):
        s["value"] = {"a": -0.4, "p": 0.9}[s["name"]]


def block(s):
    s["stop"] = s["name"] == "b"


def replay(s):
    if latent(s) and s["name"] == "a":
        s["value"] = 0.25


def mask(s):
    if s["type"] == "sample":
        s["weight"] *= 0.0


def scale(s):
    s["weight"] *= 3.0  # of parameters too: it counts once they are lifted


def do(s):
    if latent(s) and s["name"] == "a":
        s.update(value=2.0, stop=True)


def scope(s):
    s["name"] = f"s/{s['name']}"


def lift(s):
    if s["type"] == "param" and s["name"] == "p":
        s.update(type="sample", observed=False, lifted=True)


def uncondition(s):
    if s["type"] == "sample" and s["observed"]:
        s.update(value=None, observed=False)


def infer_config(s):
    s["marked"] = True


PAST = {"a": {"type": "sample", "value": 0.25, "infer": {}}}
TABLE = {
    condition: lambda f: h.condition(f, data={"b": 0.7}),
    substitute: lambda f: h.substitute(f, data={"a": -0.4, "p": 0.9}),
    block: lambda f: h.block(f, hide=["b"]),
    replay: lambda f: h.replay(f, trace=PAST),
    mask: lambda f: h.mask(f, mask=False),
    scale: lambda f: h.scale(f, scale=3.0),
    do: lambda f: h.do(f, data={"a": 2.0}),
    scope: lambda f: h.scope(f, prefix="s"),
    lift: lambda f: h.lift(f, prior={"p": dist.Normal(1.0, 0.5)}),
    uncondition: lambda f: h.uncondition(f),
    infer_config: lambda f: h.infer_config(f, config_fn=lambda site: {"marked": True}),
}
PAIRS = list(itertools.permutations(TABLE, 2))
TRIPLES = list(itertools.permutations(TABLE, 3))[::11]


def by_hand(rules):
    """The sites that a trace outside of all sees, by the name in the model."""
    seen = {}
    start = {"a": None, "b": None, "p": None, "y": 1.5}
    for name, value in start.items():
        s = {
            "name": name, "type": "param" if name == "p" else "sample", "value": value,
            "observed": name == "y", "weight": 1.0, "stop": False, "lifted": False,
            "marked": False,
        }  # fmt: skip
        for rule in rules:
            rule(s)
            if s["stop"]:
                break
        seen[name] = s
    return seen


@pytest.mark.parametrize("rules", PAIRS + TRIPLES, ids=lambda r: "-".join(f.__name__ for f in r))
def test_composition(rules):
    wrapped = h.seed(model, 0)  # innermost: what `block` hides has its key already
    for rule in rules:
        wrapped = TABLE[rule](wrapped)
    # a lifted parameter draws by the key of the seed outside
    trace = h.trace(h.seed(wrapped, 1)).get_trace()
    seen = by_hand(rules)
    assert set(trace) == {s["name"] for s in seen.values() if not s["stop"]}

    value = {}
    for name, s in seen.items():
        if s["stop"]:
            value[name] = s["value"]
            continue
        site = trace[s["name"]]
        assert site["type"] == s["type"]
        assert bool(site["is_observed"]) == s["observed"]
        assert site["infer"].get("marked", False) == (s["marked"])
        value[name] = float(site["value"])
        given = 0.3 if s["type"] == "param" and s["value"] is None else s["value"]
        if given is not None:
            assert value[name] == given
    laws = {
        "a": lambda v: (0.0, 1.0), "b": lambda v: (v["a"], 2.0),
        "y": lambda v: (v["b"] + v["p"], 1.5), "p": lambda v: (1.0, 0.5),
    }  # fmt: skip
    for name, s in seen.items():
        if s["stop"] or s["type"] != "sample":
            continue
        got = float(np.sum(np.asarray(site_log_prob(trace[s["name"]]))))
        if s["weight"] == 0:
            assert got == 0
            continue
        parents = {"a": (), "b": ("a",), "y": ("b", "p"), "p": ()}[name]
        if any(value[q] is None for q in parents):
            continue  # drawn out of sight
        exact = s["weight"] * stats.norm(*laws[name](value)).logpdf(value[name])
        assert got == pytest.approx(exact, rel=1e-12)
