"""Logarithms and what is built of them: entropies, log-odds, sums of exponentials, Box-Cox.

`absorb_mul(x, log y)` is 0 where x is 0 whatever y is, and its derivatives are those of
x log y: log y in x, x/y in y.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.array import Value
from bibun.numpy._common import axes_tuple, promote_inexact, value
from bibun.numpy.elementwise import abs as abs_
from bibun.numpy.elementwise import where
from bibun.numpy.formulas import isfinite, logaddexp, real
from bibun.numpy.reductions import max as max_
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import squeeze
from bibun.ops import elementwise as el
from bibun.ops import special as sp
from bibun.ops.special.common import near_zero

__all__ = [
    "boxcox", "boxcox1p", "cosm1", "entr", "erfcinv", "exp10", "exprel", "huber", "inv_boxcox",
    "inv_boxcox1p", "kl_div", "log_expit", "log_softmax", "logit", "logsumexp", "ndtr",
    "pseudo_huber", "rel_entr", "softmax", "softplus", "xlog1py", "xlogy",
]  # fmt: skip


def _floats(name: str, *xs: Any) -> list[Any]:
    return [value(name, f"{i + 1}", x) for i, x in enumerate(promote_inexact(name, *xs))]


def xlogy(x: Any, y: Any, /) -> Value:
    """x log(y), and 0 where x is 0.

    >>> from bibun.scipy import special
    >>> print(special.xlogy(0.0, 0.0))
    0.0
    """
    x, y = _floats("xlogy", x, y)
    return where(y != y, y, el.absorb_mul(x, el.log(y)))


def xlog1py(x: Any, y: Any, /) -> Value:
    """x log(1 + y), and 0 where x is 0.

    >>> from bibun.scipy import special
    >>> print(special.xlog1py(0.0, -1.0))
    0.0
    """
    x, y = _floats("xlog1py", x, y)
    return where(y != y, y, el.absorb_mul(x, el.log1p(y)))


def entr(x: Any, /) -> Value:
    """-x log(x): 0 at 0, -inf for negative x.

    >>> from bibun.scipy import special
    >>> print(special.entr(0.0))
    0.0
    """
    (x,) = _floats("entr", x)
    inside = x >= 0
    safe = where(inside | (x != x), x, 1.0)
    return where(x < 0, -math.inf, el.absorb_mul(safe, -el.log(safe)))


def rel_entr(x: Any, y: Any, /) -> Value:
    """x log(x/y), the summand of the relative entropy; inf outside x >= 0, y >= 0.

    >>> from bibun.scipy import special
    >>> print(special.rel_entr(0.0, 2.0))
    0.0
    """
    x, y = _floats("rel_entr", x, y)
    missing = (x != x) | (y != y)
    inside = ((x >= 0) & (y > 0)) | ((x == 0) & (y == 0))
    x_, y_ = where(inside, x, 1.0), where(inside & (y > 0), y, 1.0)
    ratio = x_ / y_
    close = (ratio > 0.5) & (ratio < 2)
    near = el.log1p(where(close, x_ - y_, 0.0) / y_)
    extreme = (ratio == math.inf) | (ratio == 0)
    far = where(extreme, el.log(x_) - el.log(y_), el.log(where(extreme, 1.0, ratio)))
    log = where(close, near, far)
    return where(missing, math.nan, where(inside, el.absorb_mul(x_, log), math.inf))


def kl_div(x: Any, y: Any, /) -> Value:
    """x log(x/y) - x + y, non-negative and convex; inf outside x >= 0, y >= 0.

    >>> from bibun.scipy import special
    >>> print(special.kl_div(0.0, 2.0))
    2.0
    """
    x, y = _floats("kl_div", x, y)
    out = rel_entr(x, y)
    inside = ((x >= 0) & (y > 0)) | ((x == 0) & (y == 0))
    return out + where(inside, y - x, 0.0)


def logit(x: Any, /) -> Value:
    """log(x/(1 - x)), the inverse of expit; ±inf at 1 and 0, nan outside.

    >>> from bibun.scipy import special
    >>> print(special.logit(0.5))
    0.0
    """
    (x,) = _floats("logit", x)
    central = abs_(x - 0.5) < 0.2
    middle = 2 * el.atanh(where(central, 2 * x - 1, 0.0))
    outer = el.log(where(central, 0.5, x)) - el.log1p(-where(central, 0.5, x))
    return where(central, middle, outer)


def log_expit(x: Any, /) -> Value:
    """log(expit(x)) = -log(1 + exp(-x)), without overflow.

    >>> from bibun.scipy import special
    >>> print(special.log_expit(-1000.0))
    -1000.0
    """
    (x,) = _floats("log_expit", x)
    return -logaddexp(x.dtype.type(0), -x)


def softplus(x: Any, /) -> Value:
    """log(1 + exp(x)), without overflow.

    >>> from bibun.scipy import special
    >>> print(special.softplus(1000.0))
    1000.0
    """
    (x,) = _floats("softplus", x)
    return logaddexp(x.dtype.type(0), x)


def ndtr(x: Any, /) -> Value:
    """The standard normal distribution function, accurate in both tails.

    >>> from bibun.scipy import special
    >>> print(special.ndtr(0.0))
    0.5
    """
    (x,) = _floats("ndtr", x)
    return 0.5 * el.erfc(x * -math.sqrt(0.5))


def erfcinv(y: Any, /) -> Value:
    """The inverse of erfc, accurate for small y.

    >>> from bibun.scipy import special
    >>> round(float(special.erfcinv(0.5)), 6)
    0.476936
    """
    (y,) = _floats("erfcinv", y)
    return sp.ndtri(0.5 * y) * -math.sqrt(0.5)


# sums of exponentials -----------------------------------------------------------------------------


def _top(x: Value, axes: tuple[int, ...]) -> Value:
    """The largest along axes, kept, 0 where it is infinite, constant for derivatives."""
    from bibun.transforms import stop_gradient

    top = max_(stop_gradient(real(x)), axis=axes, keepdims=True, initial=-math.inf)
    return where(isfinite(top), top, 0.0)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False,
              return_sign: bool = False, where: Any = None) -> Any:  # fmt: skip
    """log Σ b exp(a) along axes (all by default), without overflow.

    b: factors, broadcast against a. return_sign: (log |Σ|, sign) of the sum; without it a
    negative sum is nan. where: which elements count.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import special
    >>> print(special.logsumexp(bnp.array([1000.0, -bnp.inf])))
    1000.0
    """
    from bibun.numpy.elementwise import where as choose

    if b is None:
        (x,) = _floats("logsumexp", a)
        factor = None
    else:
        x, factor = _floats("logsumexp", a, b)
        x = choose(factor == 0, -math.inf, x)  # a factor 0 removes even an infinite a
    if where is not None:
        x = choose(where, x, -math.inf)
    axes = axes_tuple("logsumexp", axis, x.ndim)
    top = _top(x, axes)
    terms = el.exp(x - top)
    if factor is not None:
        terms = el.absorb_mul(factor, terms)
    total = sum_(terms, axis=axes, keepdims=True)
    sign = el.sign(total)
    if return_sign:
        total = abs_(total)
    empty = total == 0  # log 0 without an infinite derivative
    out = choose(empty, -math.inf, el.log(choose(empty, 1.0, total))) + top
    if not keepdims:
        out, sign = squeeze(out, axes), squeeze(sign, axes)
    return (out, sign) if return_sign else out


def softmax(x: Any, axis: Any = None) -> Value:
    """exp(x) / Σ exp(x) along axes (all by default).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import special
    >>> print(special.softmax(bnp.zeros(2)))
    [0.5 0.5]
    """
    (x,) = _floats("softmax", x)
    axes = axes_tuple("softmax", axis, x.ndim)
    terms = el.exp(x - _top(x, axes))
    return terms / sum_(terms, axis=axes, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Value:
    """log(softmax(x)), without underflow.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import special
    >>> print(special.log_softmax(bnp.array([1000.0, 0.0])))
    [    0. -1000.]
    """
    (x,) = _floats("log_softmax", x)
    return x - logsumexp(x, axis, keepdims=True)


# powers ------------------------------------------------------------------------------------------

_EXPREL = [1 / math.factorial(k + 1) for k in range(18)]
_COSM1 = [0.0 if k % 2 or k == 0 else (-1.0) ** (k // 2) / math.factorial(k) for k in range(20)]


def exprel(x: Any, /) -> Value:
    """(exp(x) - 1)/x, 1 at 0; derivatives of every order hold there too.

    >>> from bibun.scipy import special
    >>> print(special.exprel(0.0))
    1.0
    """
    (x,) = _floats("exprel", x)
    out = near_zero(x, 0.5, _EXPREL, lambda u: el.div(el.expm1(u), u))
    return where(x == math.inf, math.inf, out)


def exp10(x: Any, /) -> Value:
    """10**x.

    >>> from bibun.scipy import special
    >>> print(special.exp10(2.0))
    100.0
    """
    (x,) = _floats("exp10", x)
    return el.pow(x.dtype.type(10), x)


def cosm1(x: Any, /) -> Value:
    """cos(x) - 1, accurate near 0.

    >>> from bibun.scipy import special
    >>> print(special.cosm1(0.0))
    0.0
    """
    (x,) = _floats("cosm1", x)
    return near_zero(x, 0.7, _COSM1, lambda u: el.sub(el.cos(u), 1.0))


def boxcox(x: Any, lmbda: Any, /) -> Value:
    """Box and Cox's transformation (x**lmbda - 1)/lmbda, log(x) for lmbda = 0.

    >>> from bibun.scipy import special
    >>> round(float(special.boxcox(3.0, 1.0)), 6)
    2.0
    """
    x, power = _floats("boxcox", x, lmbda)
    return _grown(el.log(x), power)


def boxcox1p(x: Any, lmbda: Any, /) -> Value:
    """boxcox(1 + x, lmbda).

    >>> from bibun.scipy import special
    >>> round(float(special.boxcox1p(2.0, 1.0)), 6)
    2.0
    """
    x, power = _floats("boxcox1p", x, lmbda)
    return _grown(el.log1p(x), power)


def _grown(log: Value, power: Value) -> Value:
    out = log * exprel(power * log)
    # x = 0: -1/lmbda for positive lmbda
    end = log == -math.inf
    limit = where(power > 0, -1 / where(power > 0, power, 1.0), -math.inf)
    return where(end, limit, where(end, 0.0, out))


def inv_boxcox(y: Any, lmbda: Any, /) -> Value:
    """x with boxcox(x, lmbda) = y.

    >>> from bibun.scipy import special
    >>> round(float(special.inv_boxcox(2.0, 1.0)), 6)
    3.0
    """
    y, power = _floats("inv_boxcox", y, lmbda)
    return el.exp(_shrunk(y, power))


def inv_boxcox1p(y: Any, lmbda: Any, /) -> Value:
    """x with boxcox1p(x, lmbda) = y.

    >>> from bibun.scipy import special
    >>> round(float(special.inv_boxcox1p(2.0, 1.0)), 6)
    2.0
    """
    y, power = _floats("inv_boxcox1p", y, lmbda)
    return el.expm1(_shrunk(y, power))


_LOG1P_OVER = [(-1.0) ** k / (k + 1) for k in range(26)]


def _shrunk(y: Value, power: Value) -> Value:
    """log1p(power y)/power = y log1p(u)/u."""
    return y * near_zero(power * y, 0.2, _LOG1P_OVER, lambda u: el.div(el.log1p(u), u))


def huber(delta: Any, r: Any, /) -> Value:
    """Huber's loss: r²/2 up to delta, linear beyond; inf for negative delta.

    >>> from bibun.scipy import special
    >>> print(special.huber(1.0, 3.0))
    2.5
    """
    delta, r = _floats("huber", delta, r)
    inside = abs_(r) <= delta
    out = where(inside, 0.5 * r * r, delta * (abs_(r) - 0.5 * delta))
    return where(delta < 0, math.inf, out)


def pseudo_huber(delta: Any, r: Any, /) -> Value:
    """The smooth relative of Huber's loss, delta² (sqrt(1 + (r/delta)²) - 1).

    >>> from bibun.scipy import special
    >>> print(special.pseudo_huber(1.0, 0.0))
    0.0
    """
    delta, r = _floats("pseudo_huber", delta, r)
    zero = delta == 0
    u = r / where(zero, 1.0, delta)
    square = u * u
    out = delta * delta * square / (el.sqrt(1 + square) + 1)
    return where(delta < 0, math.inf, where(zero, 0.0, out))
