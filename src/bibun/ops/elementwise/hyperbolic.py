"""Hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from bibun.ops.elementwise import complex_math
from bibun.ops.elementwise.arithmetic import add, div, mul, rsqrt, square, sub
from bibun.ops.families.elementwise import INEXACT, unary

sinh = unary(
    "sinh",
    np.sinh,
    partial=lambda x, y: cosh(x),
    lower="sinh",
    complex_lower=complex_math.sinh,
    accepts=INEXACT,
    cost=20.0,
    doc="The hyperbolic sine.",
)

cosh = unary(
    "cosh",
    np.cosh,
    partial=lambda x, y: sinh(x),
    lower="cosh",
    complex_lower=complex_math.cosh,
    accepts=INEXACT,
    cost=20.0,
    doc="The hyperbolic cosine.",
)

tanh = unary(
    "tanh",
    np.tanh,
    partial=lambda x, y: mul(sub(1.0, y), add(1.0, y)),
    lower="tanh",
    complex_lower=complex_math.tanh,
    accepts=INEXACT,
    cost=20.0,
    doc="The hyperbolic tangent.",
)

asinh = unary(
    "asinh",
    np.arcsinh,
    partial=lambda x, y: rsqrt(add(square(x), 1.0)),
    lower="asinh",
    complex_lower=complex_math.asinh,
    accepts=INEXACT,
    cost=25.0,
    doc="The inverse of sinh.",
)

acosh = unary(
    "acosh",
    np.arccosh,
    partial=lambda x, y: mul(rsqrt(sub(x, 1.0)), rsqrt(add(x, 1.0))),
    lower="acosh",
    complex_lower=complex_math.acosh,
    accepts=INEXACT,
    points=(1.1, 1.9, 3.0, 20.0),
    cost=25.0,
    doc="The inverse of cosh, from 0 up; nan below 1.",
)

atanh = unary(
    "atanh",
    np.arctanh,
    partial=lambda x, y: div(1.0, mul(sub(1.0, x), add(1.0, x))),
    lower="atanh",
    complex_lower=complex_math.atanh,
    accepts=INEXACT,
    points=(-0.8, -0.3, 0.2, 0.9),
    cost=25.0,
    doc="The inverse of tanh; nan outside [-1, 1].",
)
