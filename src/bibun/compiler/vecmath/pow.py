"""pow: e**(y log x), the logarithm in twice the precision.

The exponent reaches 745 and its *absolute* error becomes the relative error of the result,
so log x needs about 68 bits. The significand m lies in one of 128 intervals; a table gives
a reciprocal c of few bits, so that r = c m - 1 is exact and below 0.0085, and -log c in two
parts. Then log x = k ln 2 - log c + log(1 + r), where all that is large is summed exactly
(the shape is that of Tang, 1990). float32 computes in float64 with its plain logarithm,
which is precise enough by 25 bits.

Special values are C99's: pow(x, 0) = pow(1, y) = 1 also for nan; a negative x is fine with
an integer y and nan otherwise; zeros and infinities keep the sign of odd powers.
"""

from __future__ import annotations

from bibun.compiler.vecmath.coefficients import (
    LN2,
    POLY,
    POW_BITS,
    POW_INVERSE,
    POW_LOG,
    POW_LOG_LOW,
    POW_OFFSET,
)
from bibun.compiler.vecmath.exp import exp_sum
from bibun.compiler.vecmath.log import INF, NAN, split
from bibun.compiler.vecmath.num import (
    Num,
    call,
    fast_two_sum,
    float32,
    float64,
    floor,
    fma,
    isnan,
    kernel,
    poly,
    table,
    two_prod,
    two_sum,
    where,
)


def log_pair(x: Num) -> tuple[Num, Num]:
    """log x as a sum of two floats, for finite x > 0; relative error about 2**-67."""
    k, m, bits = split(x, POW_OFFSET)
    index = (bits >> (x.format.mantissa - POW_BITS)) & ((1 << POW_BITS) - 1)
    r = fma(m, table(POW_INVERSE, float64, index), -1.0)
    ln2, ln2_low = LN2[8]
    head = fma(k, ln2, table(POW_LOG, float64, index))  # exact
    low = fma(k, ln2_low, table(POW_LOG_LOW, float64, index))
    total, e1 = fast_two_sum(head, r)
    half = -0.5 * r
    square, e3 = two_prod(half, r)
    total, e2 = two_sum(total, square)
    cubic = r * r * r * poly(r, POLY["pow_log"][8])
    return fast_two_sum(total, ((low + e1) + (e2 + e3)) + cubic)


def power_of_magnitude(a: Num, y: Num) -> Num:
    """a**y for a >= 0 in float64, right for zero, inf and nan."""
    hi, lo = log_pair(a)
    special = (a == 0.0) | (a == INF)
    hi = where(special, where(a == 0.0, hi.const(-INF), INF), hi)
    p = y * hi
    q = fma(y, lo, fma(y, hi, -p))
    return exp_sum(p, where((abs(p) < 800.0) & (abs(y) < INF), where(special, 0.0, q), 0.0))


@kernel
def pow(x: Num, y: Num) -> Num:
    a = abs(x)
    if x.dtype == float32:
        p = y.to(float64) * call("log", a.to(float64))
        z = call("exp", p).to(float32)
    else:
        z = power_of_magnitude(a, y)
    f = x.format
    whole = floor(y) == y
    half = 0.5 * y
    odd = whole & (floor(half) != half)
    negative = x.bits() & f.sign_bit
    z = (z.bits() | where(odd, negative, 0)).as_float(x.dtype)
    z = where((x < 0.0) & (x > -INF) & (floor(y) != y), NAN, z)
    z = where(isnan(x) | isnan(y), x + y, z)
    one = (y == 0.0) | (x == 1.0) | ((x == -1.0) & (abs(y) == INF))
    return where(one, 1.0, z)
