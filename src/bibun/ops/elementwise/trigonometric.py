"""Circular functions and their inverses, in radians."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ops.elementwise import complex_math
from bibun.ops.elementwise.arithmetic import add, div, mul, neg, rsqrt, square, sub
from bibun.ops.families.elementwise import FLOAT, INEXACT, binary, unary

_INSIDE = (-0.8, -0.3, 0.2, 0.9)

sin = unary(
    "sin",
    np.sin,
    partial=lambda x, y: cos(x),
    lower="sin",
    complex_lower=complex_math.sin,
    accepts=INEXACT,
    cost=15.0,
    doc="The sine.",
)

cos = unary(
    "cos",
    np.cos,
    partial=lambda x, y: neg(sin(x)),
    lower="cos",
    complex_lower=complex_math.cos,
    accepts=INEXACT,
    cost=15.0,
    doc="The cosine.",
)

tan = unary(
    "tan",
    np.tan,
    partial=lambda x, y: add(1.0, square(y)),
    lower="tan",
    complex_lower=complex_math.tan,
    accepts=INEXACT,
    cost=20.0,
    doc="The tangent.",
)


def _one_minus_square(x: Any) -> Any:
    """1 - x², without cancellation near ±1."""
    return mul(sub(1.0, x), add(1.0, x))


asin = unary(
    "asin",
    np.arcsin,
    partial=lambda x, y: rsqrt(_one_minus_square(x)),
    lower="asin",
    complex_lower=complex_math.asin,
    accepts=INEXACT,
    points=_INSIDE,
    cost=20.0,
    doc="The angle in [-pi/2, pi/2] with sine x; nan outside [-1, 1].",
)

acos = unary(
    "acos",
    np.arccos,
    partial=lambda x, y: neg(rsqrt(_one_minus_square(x))),
    lower="acos",
    complex_lower=complex_math.acos,
    accepts=INEXACT,
    points=_INSIDE,
    cost=20.0,
    doc="The angle in [0, pi] with cosine x; nan outside [-1, 1].",
)

atan = unary(
    "atan",
    np.arctan,
    partial=lambda x, y: div(1.0, add(1.0, square(x))),
    lower="atan",
    complex_lower=complex_math.atan,
    accepts=INEXACT,
    cost=20.0,
    doc="The angle in [-pi/2, pi/2] with tangent x.",
)


def _atan2_slope(numerator: Any, x: Any, y: Any) -> Any:
    return div(numerator, add(square(x), square(y)))


atan2 = binary(
    "atan2",
    np.arctan2,
    partials=(
        lambda y, x, out: _atan2_slope(x, x, y),
        lambda y, x, out: _atan2_slope(neg(y), x, y),
    ),
    lower="atan2",
    accepts=FLOAT,
    cost=30.0,
    doc="The angle in [-pi, pi] of the point (x, y), called as atan2(y, x).",
)
