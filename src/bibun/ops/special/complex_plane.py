"""Functions of a complex variable: Faddeeva's w, and Lambert's W on any branch.

Both are evaluated by SciPy, from compiled code too, and differentiated by their equations:
w' = 2i/√π - 2 z w, and W' = e^{-W}/(1 + W), which holds at z = 0 where W/(z (1 + W)) does not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.ops.elementwise import add, div, exp, mul, neg, sub
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import host
from bibun.ops.op import Sample

_POINTS = np.array([0.7 - 0.4j, -1.1 + 0.9j, 2.5 + 0.1j, 0.2 + 3.0j])


def _samples(**params: Any) -> list[Sample]:
    return [Sample(z, **params) for z in (_POINTS, _POINTS[1], _POINTS.astype(np.complex64))]


faddeeva = host(
    "faddeeva",
    scipy_special("wofz"),
    arity=1,
    accepts="c",
    partials=(lambda z, w: sub(2j / math.sqrt(math.pi), mul(mul(2.0, z), w)),),
    samples=_samples,
    cost=200.0,
    doc="Faddeeva's function w(z) = exp(-z²) erfc(-iz).",
)

_lambertw = scipy_special("lambertw")


def _evaluate(z: Any, branch: int) -> Any:
    return _lambertw(z, branch).astype(np.asarray(z).dtype)


lambert = host(
    "lambert",
    _evaluate,
    arity=1,
    accepts="c",
    partials=(lambda z, w, branch: div(exp(neg(w)), add(1.0, w)),),
    samples=lambda: [s for k in (0, -1) for s in _samples(branch=k)],
    cost=200.0,
    doc="`lambert(z, branch)`: the branch of Lambert's W, where W e^W = z.",
)
