"""Special functions of the densities, with promotion: integers and Python numbers welcome."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun.dtypes import default_float, promote
from bibun.ops import elementwise as el
from bibun.trace.core import type_of

LOG_2PI = math.log(2 * math.pi)


def _lift(op: Callable[..., Any]) -> Callable[..., Any]:
    """`op` on operands brought to their common floating dtype."""

    @functools.wraps(op)
    def call(*xs: Any) -> Any:
        dtype, _ = promote([(t.dtype, t.weak) for t in map(type_of, xs)])
        if dtype.kind != "f":
            dtype = default_float()
        return op(
            *(
                dtype.type(x)
                if isinstance(x, bool | int | float)
                else (x if x.dtype == dtype else el.convert(x, new_dtype=dtype))
                for x in xs
            )
        )

    return call


gammaln = _lift(lambda x: el.lgamma(x))
digamma = _lift(lambda x: el.digamma(x))
gammainc = _lift(lambda a, x: el.igamma(a, x))
gammaincc = _lift(lambda a, x: el.igammac(a, x))
betainc = _lift(lambda a, b, x: el.betainc(a, b, x))
erf = _lift(lambda x: el.erf(x))
erfc = _lift(lambda x: el.erfc(x))
erf_inv = _lift(lambda x: el.erf_inv(x))
sigmoid = _lift(lambda x: el.logistic(x))
i0e = _lift(lambda x: el.bessel_i0e(x))
i1e = _lift(lambda x: el.bessel_i1e(x))
floating = _lift(lambda x: x)


def betaln(a: Any, b: Any) -> Any:
    """log B(a, b)."""
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def ndtr(x: Any) -> Any:
    """The standard normal cdf, accurate in both tails."""
    return 0.5 * erfc(-x / math.sqrt(2.0))


def ndtri(p: Any) -> Any:
    """The standard normal quantile function."""
    return math.sqrt(2.0) * erf_inv(2.0 * p - 1.0)


def xlogy(x: Any, y: Any) -> Any:
    """x log y, 0 where x is 0."""
    zero = x == 0
    return bnp.where(zero, 0.0, x * bnp.log(bnp.where(zero, 1.0, y)))


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), 0 where x is 0."""
    zero = x == 0
    return bnp.where(zero, 0.0, x * bnp.log1p(bnp.where(zero, 0.0, y)))


def logsumexp(x: Any, axis: int = -1) -> Any:
    """log of the sum of exponentials along an axis; -inf where all are."""
    top = bnp.max(x, axis=axis, keepdims=True)
    top = bnp.where(bnp.isfinite(top), top, 0.0)
    total = bnp.log(bnp.sum(bnp.exp(x - top), axis=axis, keepdims=True)) + top
    return bnp.squeeze(total, axis=axis)
