"""Handlers in pairs, triples and random stacks against their rules written out by hand.

Each handler has a rule on a plain record of a site; a composition is the rules one after the
other, innermost first, until one hides the site. What the trace must hold (names, what is
observed, which values are given) and its joint log density follow from that.
"""

from __future__ import annotations

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from bibun import prob
from bibun.prob import distributions as dist
from bibun.prob import handlers as h
from bibun.prob.infer.reparam import LocScaleReparam, TransformReparam
from bibun.prob.util import site_log_prob


def model():
    a = prob.sample("a", dist.Normal(0.0, 1.0))
    b = prob.sample("b", dist.Normal(a, 2.0))
    p = prob.param("p", 0.3)
    prob.sample("c", dist.Normal(a, 0.5))
    prob.sample("y", dist.Normal(b + p, 1.5), obs=1.5)


def latent(s):
    return s["type"] == "sample" and not s["observed"]


def condition(s):
    if latent(s) and s["name"] == "b":
        s.update(value=0.7, observed=True)


def substitute(s):
    if s["name"] in GIVEN and (latent(s) or s["type"] == "param"):
        s["value"] = GIVEN[s["name"]]


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
    if s["type"] in ("sample", "param"):
        s["marked"] = True


def reparam(s):
    if latent(s) and s["value"] is None and s["name"] in ("c", "s/c"):
        s.update(type="deterministic", marked=False, rewritten=True)


GIVEN = {"a": -0.4, "p": 0.9, "c": 0.1}
PAST = {"a": {"type": "sample", "value": 0.25, "infer": {}}}
HALF = LocScaleReparam(0.5)  # c = a + sqrt(1/2) (z - a/2), z ~ Normal(a/2, sqrt(1/2))
TABLE = {
    condition: lambda f: h.condition(f, data={"b": 0.7}),
    substitute: lambda f: h.substitute(f, data=GIVEN),
    block: lambda f: h.block(f, hide=["b"]),
    replay: lambda f: h.replay(f, trace=PAST),
    mask: lambda f: h.mask(f, mask=False),
    scale: lambda f: h.scale(f, scale=3.0),
    do: lambda f: h.do(f, data={"a": 2.0}),
    scope: lambda f: h.scope(f, prefix="s"),
    lift: lambda f: h.lift(f, prior={"p": dist.Normal(1.0, 0.5)}),
    uncondition: lambda f: h.uncondition(f),
    infer_config: lambda f: h.infer_config(f, config_fn=lambda site: {"marked": True}),
    reparam: lambda f: h.reparam(f, config={"c": HALF, "s/c": HALF}),
}
PAIRS = list(itertools.permutations(TABLE, 2))
TRIPLES = list(itertools.permutations(TABLE, 3))[::11]


def through(rules, name, value):
    """What the rules make of one statement."""
    s = {
        "name": name, "type": "param" if name == "p" else "sample", "value": value,
        "observed": name == "y", "weight": 1.0, "stop": False, "lifted": False,
        "marked": False, "rewritten": False,
    }  # fmt: skip
    for rule in rules:
        rule(s)
        if s["stop"]:
            break
    return s


def by_hand(rules):
    """The sites that a trace outside of all sees, by the name in the model."""
    start = {"a": None, "b": None, "c": None, "p": None, "y": 1.5}
    seen = {name: through(rules, name, value) for name, value in start.items()}
    if seen["c"]["rewritten"]:  # what a strategy states goes through all handlers
        seen["z"] = through(rules, "c_decentered", None)
    return seen


@pytest.mark.parametrize("rules", PAIRS + TRIPLES, ids=lambda r: "-".join(f.__name__ for f in r))
def test_composition(rules):
    check(rules)


@hypothesis.settings(max_examples=120, deadline=None, derandomize=True)
@hypothesis.given(st.lists(st.sampled_from(list(TABLE)), min_size=4, max_size=9))
def test_random_stacks(rules):
    """Any handlers in any order, some of them several times."""
    check(rules)


def check(rules):
    """The trace and its joint density against the rules by hand."""
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
        "c": lambda v: (v["a"], 0.5), "z": lambda v: (v["a"] / 2, 0.5**0.5),
    }  # fmt: skip
    if "z" in value and value["a"] is not None:
        assert value["c"] == pytest.approx(value["a"] + 0.5**0.5 * (value["z"] - value["a"] / 2))
    for name, s in seen.items():
        if s["stop"] or s["type"] != "sample":
            continue
        got = float(np.sum(np.asarray(site_log_prob(trace[s["name"]]))))
        if s["weight"] == 0:
            assert got == 0
            continue
        parents = {"a": (), "b": ("a",), "c": ("a",), "z": ("a",), "y": ("b", "p"), "p": ()}[name]
        if any(value[q] is None for q in parents):
            continue  # drawn out of sight
        exact = s["weight"] * stats.norm(*laws[name](value)).logpdf(value[name])
        assert got == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("strategy", [LocScaleReparam(0.5), TransformReparam()])
def test_masks_inside_and_outside_of_reparam(strategy):
    """A mask acts on the site that stands for the masked one, on the same elements."""
    on = np.array([True, False, True])
    normal = dist.Normal(1.0, np.array([0.5, 1.0, 2.0]))
    if isinstance(strategy, TransformReparam):
        normal = dist.TransformedDistribution(normal, dist.transforms.ExpTransform())

    def plated(inside):
        def model():
            with prob.plate("rows", 2, dim=-2), prob.plate("N", 3):
                prob.sample("x", normal.mask(on) if inside else normal)

        return model

    def events():
        with prob.plate("rows", 2):
            prob.sample("x", normal.mask(on).to_event(1))

    inside = h.reparam(plated(True), config={"x": strategy})
    outside = h.mask(h.reparam(plated(False), config={"x": strategy}), mask=on)
    whole = h.reparam(plated(False), config={"x": strategy})
    as_event = h.reparam(events, config={"x": strategy})
    sites = [
        next(v for k, v in h.trace(h.seed(m, 3)).get_trace().items() if k.startswith("x_"))
        for m in (inside, outside, whole, as_event)
    ]
    assert sites[0]["fn"].batch_shape == (2, 3) and sites[3]["fn"].batch_shape == (2,)
    a, b, c, d = (np.asarray(s["fn"].log_prob(s["value"])) for s in sites)
    expected = np.where(on, c, 0.0)
    np.testing.assert_array_equal(a, expected)
    np.testing.assert_array_equal(b, expected)
    np.testing.assert_allclose(d, expected.sum(-1), rtol=1e-14)
