"""erf, erfc, erf_inv.

erf x = x + x E(x**2) for |x| < 1, and 1 - erfc beyond. erfc a = e**(-a**2) K(q)/(1 + 2a),
where K(q) = (1 + 2a) e**(a**2) erfc(a) is smooth in q = (a - 4)/(a + 4) over the whole half
line (the substitution of Schonfelder, Math. Comp. 32, 1978): one polynomial, no cases. a**2
is carried in two parts into the exponential.

erf_inv follows Giles ("Approximating the erfinv function", 2010): with w = -log(1 - x**2),
erf_inv(x)/x is smooth in w, and in sqrt(w) for the tails. 1 - x**2 is one `fma`, so w is as
good at |x| near 1 as anywhere. The tails, w > 5, hold 0.3 % of uniform arguments: `rare`.
"""

from __future__ import annotations

from bibun.compiler.vecmath.coefficients import POLY
from bibun.compiler.vecmath.exp import exp_sum
from bibun.compiler.vecmath.num import (
    Num,
    call,
    copysign,
    fma,
    horner,
    isnan,
    kernel,
    poly,
    rare,
    sqrt,
    two_prod,
    where,
)

INF = float("inf")
# erfc is 0 from here on in the format (the rounded threshold, a little up)
BEYOND = {8: 27.5, 4: 10.2}


def erfc_positive(a: Num) -> Num:
    """erfc(a) for a >= 0; error about 2 ulp."""
    size = a.dtype.itemsize
    a = where(a > BEYOND[size], BEYOND[size], a)
    square, low = two_prod(a, a)
    e = exp_sum(-square, -low)
    d = a + 4.0
    q = (a - 4.0) / d
    q = q + fma(-q, d, (a - 4.0)) / d
    k = poly(q, POLY["erfcx"][size], careful=3)
    n = fma(a, 2.0, 1.0)
    r = k / n
    return r * e


def erf_near(a: Num) -> Num:
    """erf(a) for 0 <= a < 1."""
    return fma(a, poly(a * a, POLY["erf"][a.dtype.itemsize]), a)


@kernel
def erf(x: Num) -> Num:
    a = abs(x)
    y = where(a < 1.0, erf_near(a), 1.0 - erfc_positive(a))
    return copysign(where(isnan(x), x, y), x)


@kernel
def erfc(x: Num) -> Num:
    a = abs(x)
    y = erfc_positive(a)
    y = where(x < 0.0, 2.0 - y, y)
    return where(a < 0.5, 1.0 - copysign(erf_near(a), x), y)


@kernel
def erf_inv(x: Num) -> Num:
    size = x.dtype.itemsize
    w = -call("log", fma(-x, x, 1.0))

    def tail() -> Num:
        s = sqrt(w)
        middle = POLY["erf_inv_middle"][size]
        if size == 4:  # w < 16.7: one range is enough
            return x * horner(s - 3.0, middle)
        far = w > 16.0
        last = POLY["erf_inv_tail"][8]
        count = max(len(middle), len(last))
        pairs = zip(
            middle + (0.0,) * (count - len(middle)),
            last + (0.0,) * (count - len(last)),
            strict=True,
        )
        c = [where(far, x.const(b), a) for a, b in pairs]
        return x * horner(where(far, s - 5.0, s - 3.0), c)

    y = rare(w > 5.0, tail, x * poly(w - 2.5, POLY["erf_inv_centre"][size], careful=3))
    y = where(abs(x) == 1.0, x * INF, y)
    return where(abs(x) > 1.0, float("nan"), y)
