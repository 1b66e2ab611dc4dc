"""Exponentials, logarithms and the logistic function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.ops.elementwise import complex_math
from bibun.ops.elementwise.arithmetic import add, div, mul, sub
from bibun.ops.families.elementwise import FLOAT, INEXACT, unary

_POSITIVE = (0.2, 0.9, 1.6, 30.0)
_LN2, _LN10 = math.log(2.0), math.log(10.0)

exp = unary(
    "exp",
    np.exp,
    partial=lambda x, y: y,
    lower="exp",
    complex_lower=complex_math.exp,
    accepts=INEXACT,
    cost=10.0,
    doc="e to the power x.",
)

exp2 = unary(
    "exp2",
    np.exp2,
    partial=lambda x, y: mul(_LN2, y),
    lower="exp2",
    complex_lower=complex_math.exp2,
    accepts=INEXACT,
    cost=10.0,
    doc="2 to the power x.",
)

expm1 = unary(
    "expm1",
    np.expm1,
    partial=lambda x, y: add(y, 1.0),
    lower="expm1",
    complex_lower=complex_math.expm1,
    accepts=INEXACT,
    cost=14.0,
    doc="e^x - 1, accurate for small x.",
)

log = unary(
    "log",
    np.log,
    partial=lambda x, y: div(1.0, x),
    lower="log",
    complex_lower=complex_math.log,
    accepts=INEXACT,
    points=_POSITIVE,
    cost=10.0,
    doc="The natural logarithm: -inf at 0, nan below.",
)



def _np_log1p(z: Any) -> Any:
    """NumPy's for reals; its complex one takes the log of 1 + z, and loses small z."""
    if not np.iscomplexobj(z):
        return np.log1p(z)
    x, y = np.real(z), np.imag(z)
    near = np.abs(z) < 0.5
    excess = np.where(near, x * (2 + x) + y * y, 0)  # |1 + z|² - 1
    out = np.empty_like(np.asarray(z))
    out.real = np.where(near, np.log1p(excess) / 2, np.log(np.abs(1 + z)))
    out.imag = np.arctan2(y, 1 + x)
    return out


log1p = unary(
    "log1p",
    _np_log1p,
    partial=lambda x, y: div(1.0, add(x, 1.0)),
    lower="log1p",
    complex_lower=complex_math.log1p,
    accepts=INEXACT,
    points=(-0.7, -0.1, 0.3, 5.0),
    cost=14.0,
    doc="log(1 + x), accurate for small x.",
)

log2 = unary(
    "log2",
    np.log2,
    partial=lambda x, y: div(1.0 / _LN2, x),
    lower="log2",
    complex_lower=complex_math.log2,
    accepts=INEXACT,
    points=_POSITIVE,
    cost=10.0,
    doc="The logarithm to base 2.",
)

log10 = unary(
    "log10",
    np.log10,
    partial=lambda x, y: div(1.0 / _LN10, x),
    lower="log10",
    complex_lower=complex_math.log10,
    accepts=INEXACT,
    points=_POSITIVE,
    cost=10.0,
    doc="The logarithm to base 10.",
)


def _np_logistic(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e) if np.isrealobj(x) else (
        1 / (1 + np.exp(-x))
    )


def _logistic_lower(b: Any, x: Any) -> Any:
    one = b.const(1.0, x.dtype)
    e = b.math("exp", b.neg(b.abs(x)))
    top = b.select(b.compare("ge", x, b.const(0.0, x.dtype)), one, e)
    return b.div(top, b.add(one, e))


logistic = unary(
    "logistic",
    _np_logistic,
    partial=lambda x, y: mul(y, sub(1.0, y)),
    lower=_logistic_lower,
    accepts=FLOAT,
    cost=20.0,
    doc="1 / (1 + e^-x), the sigmoid.",
)
