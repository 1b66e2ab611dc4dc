"""The evidence bound for guides with draws that have no derivative: score functions.

The gradient of E_q[f(z)] is E_q[f ∇log q] where z does not depend differentiably on the
parameters. Its noise is f's, so f should hold no more than what z can change. For a site of the
guide these are the terms of the model and of later sites of the guide; and within a plate, for an
element of it, only the same element's terms, because a plate's elements are independent.
Differentiable draws take part as always.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bibun.numpy as bnp
from bibun import lax, random
from bibun.prob import handlers
from bibun.prob.infer.elbo import ELBO, Trace, check_covered
from bibun.prob.infer.enumeration.factors import Factor, aligned
from bibun.prob.infer.enumeration.sites import site_factor
from bibun.prob.primitives import Message, Messenger


class TraceGraph_ELBO(ELBO):  # noqa: N801 (the field's name)
    """The bound for guides that may have sites without differentiable draws (discrete, …).

    Their gradient is a Rao-Blackwellised score function estimate. The options are those of
    `Trace_ELBO`; more particles mean less noise. Source: Schulman et al. (2015), "Gradient
    estimation using stochastic computation graphs"; names are NumPyro's.

    >>> from bibun import prob, random
    >>> from bibun.prob import distributions as dist
    >>> def coin():
    ...     prob.sample("k", dist.Bernoulli(0.5))
    >>> abs(float(TraceGraph_ELBO().loss(random.key(0), {}, coin, coin))) < 1e-12  # an exact guide
    True
    """

    draws_everything = False

    def once(
        self, rng_key: Any, params: Mapping[str, Any], model: Callable[..., Any],
        guide: Callable[..., Any], args: Any, kwargs: Any,
    ) -> Any:  # fmt: skip
        keys = random.split(rng_key)
        guide = handlers.substitute(handlers.seed(guide, rng_seed=keys[0]), data=dict(params))
        guide_trace = handlers.trace(_Held(guide)).get_trace(*args, **kwargs)
        replayed = handlers.replay(handlers.seed(model, rng_seed=keys[1]), trace=guide_trace)
        replayed = handlers.substitute(replayed, data=dict(params))
        model_trace = handlers.trace(replayed).get_trace(*args, **kwargs)
        check_covered(model_trace, guide_trace)
        model_terms = _terms(model_trace)
        guide_terms = _terms(guide_trace)
        bound: Any = sum((bnp.sum(_scaled(f)) for f in model_terms.values()), 0.0)
        bound = bound - sum((bnp.sum(_scaled(f)) for f in guide_terms.values()), 0.0)
        names = list(guide_terms)
        surrogate = bound
        for k, name in enumerate(names):
            if not _is_score(guide_trace[name]):
                continue
            score = guide_terms[name]
            later = [guide_terms[n] for n in names[k:]]
            cost: Any = 0.0
            for sign, group in ((1.0, model_terms.values()), (-1.0, later)):
                for f in group:
                    cost = cost + sign * _within(f, score)
            cost = lax.stop_gradient(cost)
            # the score has no value of its own, only a derivative
            surrogate = surrogate + bnp.sum(cost * (score.table - lax.stop_gradient(score.table)))
        return surrogate


class _Held(Messenger):
    """Draws without a derivative have none."""

    def postprocess_message(self, msg: Message) -> None:
        if _is_score(msg):
            msg["value"] = lax.stop_gradient(msg["value"])


def _is_score(site: Mapping[str, Any]) -> bool:
    return site["type"] == "sample" and not site["is_observed"] and not site["fn"].has_rsample


def _terms(trace: Trace) -> dict[str, Factor]:
    return {
        name: site_factor({**site, "enum_axes": {}}, {})
        for name, site in trace.items()
        if site["type"] == "sample"
    }


def _scaled(f: Factor) -> Any:
    return f.table if f.scale is None else f.scale * f.table


def _within(f: Factor, score: Factor) -> Any:
    """A term summed over the plates that the score's site is not in."""
    extra = tuple(k for k, n in enumerate(f.names) if n not in score.names)
    table = bnp.sum(_scaled(f), axis=extra) if extra else _scaled(f)
    rest = f._replace(names=tuple(n for n in f.names if n in score.names), table=table)
    return aligned(rest, score.names)
