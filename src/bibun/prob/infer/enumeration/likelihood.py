"""Log likelihoods of observations one by one, their own discrete variables summed out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.prob.infer.enumeration.factors import Factor, Plates, eliminate
from bibun.prob.infer.enumeration.sites import site_factor


def pointwise(trace: Mapping[str, Any]) -> dict[str, Any]:
    """By observed site: the log density of each element of its plates, discrete sites summed out.

    Errors: ValueError where elements share a summed out variable (a chain, a common class), as
    there is then no likelihood of one element alone.
    """
    sites = {
        k: s
        for k, s in trace.items()
        if s["type"] == "sample" and not s["infer"].get("is_auxiliary")
    }
    factors = {k: site_factor(s, {}) for k, s in sites.items()}
    hidden = {k for k, s in sites.items() if s["infer"].get("is_enumerated")}
    loops = [s for s in trace.values() if s["type"] == "control_flow" and "enum_factors" in s]
    out = {}
    for name, site in sites.items():
        if not site["is_observed"]:
            continue
        group = {name}
        grown = True
        while grown:  # everything connected through summed out variables
            names = {n for g in group for n in factors[g].names if n in hidden} | (group & hidden)
            more = {
                k for k, f in factors.items()
                if k not in group and (k in names or any(n in names for n in f.names))
            }  # fmt: skip
            group |= more
            grown = bool(more)
        if group == {name}:
            out[name] = site["fn"].log_prob(site["value"])
            continue
        plates = factors[name].plates
        others = sorted(k for k in group if sites[k]["is_observed"] and k != name)
        if others or any(factors[k].plates != plates for k in group):
            raise _shared(name)
        # as if plates were kept variables: each element has a factor of its own
        everywhere = Plates()
        joint = [
            Factor(factors[k].names, factors[k].table, everywhere) for k in sites if k in group
        ]
        homes = dict.fromkeys([*sorted(plates), *(k for k in sites if k in hidden)], everywhere)
        (left, *rest), _ = eliminate(joint, homes, keep=plates)
        assert not rest
        frames = {f.name: f.dim for f in site["cond_indep_stack"]}
        order = sorted(range(len(left.names)), key=lambda k: frames[left.names[k]])
        table = bnp.transpose(left.table, tuple(order)) if order else left.table
        shape = [1] * max((-d for d in frames.values()), default=0)
        for k in order:
            shape[frames[left.names[k]]] = np.shape(left.table)[k]
        out[name] = bnp.reshape(table, tuple(shape))
    if loops:
        raise _shared("in the scan")
    return out


def _shared(name: str) -> ValueError:
    return ValueError(
        f"log_likelihood: the observations {name!r} share a discrete variable that is summed out, "
        "so there is no likelihood of each by itself. Draw the discrete sites with "
        "Predictive(model, samples, infer_discrete=True) and add them to the samples, or leave "
        "the log likelihood out (log_likelihood=False)"
    )
