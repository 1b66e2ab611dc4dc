"""The regularised incomplete beta function I_x(a, b) and its derivatives in a and b.

With D = x^a (1-x)^b/B(a, b), I_x(a, b) = D/(β_0 + α_1/(β_1 + α_2/(β_2 + …))), the even part of
the classical continued fraction (DiDonato and Morris, ACM TOMS 18, 1992, eq. 9; DLMF 8.17.22),
for x up to about the mean a/(a+b); beyond, I_x(a, b) = 1 - I_{1-x}(b, a). It takes some ten
steps, and about the root of the larger parameter where both are large, x is at the mean.

D is the saddle point form of Loader (2000): with u and v the relative distances of x and 1-x
from the mean, log D = a (log(1+u) - u) + b (log(1+v) - v) + log √(ab/2π(a+b)) less Stirling
corrections, and nothing cancels, however large a and b are.

The derivatives carry those of each α and β through the fraction (Boik and Robison-Cox, J. Stat.
Software 3, 1998): d log I = d log D + d log F.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.compiler.vecmath.gamma_integrals import (
    EPS,
    INF,
    LEAST,
    NAN,
    log1p_less,
    log_stirling,
)
from bibun.compiler.vecmath.num import (
    Num,
    call,
    float64,
    fma,
    isnan,
    kernel,
    parts,
    repeat,
    sqrt,
    where,
    widened,
)

MOST = 1e140  # of parameters; larger ones are taken for it
STEPS = 5000  # enough up to parameters of about 1e8


def beta_weight(a: Num, b: Num, x: Num, y: Num) -> Num:
    """D = x^a y^b/B(a, b), with y = 1 - x."""
    total = a + b
    distance = fma(x, b, -(a * y))

    def half(p: Num, u: Num, z: Num) -> Num:
        """p (log(1 + u/p) - u/p), where 1 + u/p = z (a + b)/p may overflow."""
        ratio = z * (total / p)
        near = p * log1p_less(u / p, ratio)
        log = call("log", z) + (call("log", total) - call("log", p))
        return where(ratio < INF, near, p * log - u)

    saddle = half(a, distance, x) + half(b, -distance, y)
    corrections = (log_stirling(total) - log_stirling(a)) - log_stirling(b)
    share = a / total
    return sqrt(share * b * (0.5 / math.pi)) * call("exp", saddle + corrections)


def _sides(
    a: Num, b: Num, x: Num, y: Num | None = None
) -> tuple[Num, Num, Num, Num, Num, Num]:
    """(inside, turned, a, b, x, y): safe arguments, exchanged beyond about the mean; y is 1 - x."""
    short = x < 1.0 if y is None else y > 0.0
    inside = (a > 0.0) & (b > 0.0) & (x > 0.0) & short & (a < INF) & (b < INF)
    a, b, x = where(inside, a, 1.0), where(inside, b, 1.0), where(inside, x, 0.5)
    y = 1.0 - x if y is None else where(inside, y, 0.5)
    a, b = (where(p < LEAST, LEAST, where(p > MOST, MOST, p)) for p in (a, b))
    limit = (a + 1.0) / (a + b + 2.0)
    # for b < 1 the mass is at 1, and I small, thus not to be had from 1 - I, almost up to there
    turned = x > where((b < 1.0) & (limit < 0.9), 0.9, limit)
    return (
        inside, turned, where(turned, b, a), where(turned, a, b), where(turned, y, x),
        where(turned, x, y),
    )  # fmt: skip


def _coefficients(a: Num, b: Num, x: Num, y: Num, m: Any) -> dict[str, Any]:
    """The parts of α_m and β_m: α = m x² p s t u², β = m + m t x u + v w z."""
    u = 1.0 / (a + (2.0 * m - 1.0))
    z = 1.0 / (a + (2.0 * m + 1.0))
    start = fma(a, y, -(b * x))
    return {
        "p": a + (m - 1.0), "s": a + b + (m - 1.0), "t": b - m, "u": u, "v": a + m,
        "w": start + 1.0 + m * (2.0 - x), "z": z,
    }  # fmt: skip


def _fraction(a: Num, b: Num, x: Num, y: Num, active: Num) -> Num:
    """1/(β_0 + α_1/(β_1 + …)) in Steed's form."""
    first = a * (fma(a, y, -(b * x)) + 1.0) / (a + 1.0)
    d = 1.0 / first

    def step(k: Num, d: Num, change: Num, h: Num) -> tuple[Any, Num]:
        m = k.to(float64) + 1.0
        c = _coefficients(a, b, x, y, m)
        xu = x * c["u"]
        alpha = m * xu * xu * c["t"] * c["p"] * c["s"]
        beta = m + m * c["t"] * xu + c["v"] * c["w"] * c["z"]
        d = 1.0 / fma(alpha, d, beta)
        change = change * (beta * d - 1.0)
        h = h + change
        return (d, change, h), abs(change) > EPS * abs(h)

    return repeat(active, (d, d, d), step, STEPS)[2]


def _gradients_of_fraction(a: Num, b: Num, x: Num, y: Num, active: Num) -> tuple[Num, ...]:
    """The fraction and its derivatives in a and b."""
    start = fma(a, y, -(b * x)) + 1.0
    inverse = 1.0 / (a + 1.0)
    d = 1.0 / (a * start * inverse)
    # β_0 = a w/(a+1)
    first_a = start * inverse + a * y * inverse - a * start * inverse * inverse
    first_b = -(a * x * inverse)
    da, db = -d * d * first_a, -d * d * first_b

    def step(k: Num, *state: Num) -> tuple[Any, Num]:
        d, da, db, c, ca, cb, h, ha, hb = state
        m = k.to(float64) + 1.0
        e = _coefficients(a, b, x, y, m)
        p, s, t, u, v, w, z = (e[n] for n in "pstuvwz")
        mxx, mx = m * x * x, m * x
        ps, uu = p * s, u * u
        alpha = mxx * ps * t * uu
        alpha_a = mxx * t * uu * (p + s - 2.0 * ps * u)
        alpha_b = mxx * p * uu * (t + s)
        vz = v * z
        beta = m + mx * t * u + vz * w
        beta_a = w * z + vz * y - vz * w * z - mx * t * uu
        beta_b = mx * u - x * vz
        fa = alpha_a * d + alpha * da + beta_a
        fb = alpha_b * d + alpha * db + beta_b
        d = 1.0 / fma(alpha, d, beta)
        da, db = -d * d * fa, -d * d * fb
        factor = beta * d - 1.0
        ca = ca * factor + c * (beta_a * d + beta * da)
        cb = cb * factor + c * (beta_b * d + beta * db)
        c = c * factor
        h, ha, hb = h + c, ha + ca, hb + cb
        go_on = (abs(ca) > EPS * abs(ha)) | (abs(cb) > EPS * abs(hb)) | (abs(c) > EPS * abs(h))
        return (d, da, db, c, ca, cb, h, ha, hb), go_on

    return repeat(active, (d, da, db, d, da, db, d, da, db), step, STEPS)[6:]


def tails(a: Num, b: Num, x: Num, y: Num) -> tuple[Num, Num]:
    """(I, 1 - I) at x in (0, 1) with y = 1 - x, both right where they are small."""
    inside, turned, a, b, x, y = _sides(a, b, x, y)
    value = beta_weight(a, b, x, y) * _fraction(a, b, x, y, inside)
    return where(turned, 1.0 - value, value), where(turned, value, 1.0 - value)


@widened
@kernel
def betainc_parted(a: Num, b: Num, x: Num, y: Num) -> Num:
    """I_x(a, b) of which 1 - x = y is given, for it may say more than x; a, b positive."""
    shapes = (a > 0.0) & (b > 0.0) & (a < INF) & (b < INF)
    inside = shapes & (x > 0.0) & (y > 0.0)
    value, _ = tails(a, b, where(inside, x, 0.5), where(inside, y, 0.5))
    ends = where(shapes & (x == 0.0), 0.0, where(shapes & (y == 0.0), 1.0, x.const(NAN)))
    return where(inside, value, ends)


def _value(a0: Num, b0: Num, x0: Num) -> tuple[Num]:
    inside, turned, a, b, x, y = _sides(a0, b0, x0)
    value = beta_weight(a, b, x, y) * _fraction(a, b, x, y, inside)
    value = where(turned, 1.0 - value, value)
    return (_ends(a0, b0, x0, value, inside),)


def _ends(a: Num, b: Num, x: Num, y: Num, inside: Num) -> Num:
    """The ends of the interval, and point masses for zero and infinite parameters."""
    at_zero = (x == 0.0) | (((b == 0.0) | (a == INF)) & (x < 1.0))
    at_one = (x == 1.0) | (((a == 0.0) | (b == INF)) & (x > 0.0))
    edge = where(at_one & ~(x == 0.0), 1.0, where(at_zero, y.const(0.0), NAN))
    both = ((a == 0.0) & (b == 0.0)) | ((a == INF) & (b == INF))
    impossible = both | (a < 0.0) | (b < 0.0) | (x < 0.0) | (x > 1.0)
    impossible = impossible | isnan(a) | isnan(b) | isnan(x)
    return where(inside, y, where(impossible, NAN, edge))


def _gradients(a0: Num, b0: Num, x0: Num) -> tuple[Num, Num]:
    inside, turned, a, b, x, y = _sides(a0, b0, x0)
    h, by_a, by_b = _gradients_of_fraction(a, b, x, y, inside)
    weight = beta_weight(a, b, x, y)
    whole = call("digamma", a + b)
    log_x = where(x < 0.5, call("log", x), call("log1p", -y))
    log_y = where(y < 0.5, call("log", y), call("log1p", -x))
    by_a = weight * fma(log_x + (whole - call("digamma", a)), h, by_a)
    by_b = weight * fma(log_y + (whole - call("digamma", b)), h, by_b)
    edge = (a0 > 0.0) & (b0 > 0.0) & (a0 < INF) & (b0 < INF) & ((x0 == 0.0) | (x0 == 1.0))

    def ended(value: Num) -> Num:
        return where(inside, value, where(edge, value.const(0.0), NAN))

    return ended(where(turned, -by_b, by_a)), ended(where(turned, -by_a, by_b))


(betainc,) = parts("betainc", _value, widen=True)
betainc_grad_a, betainc_grad_b = parts("betainc_grad_a betainc_grad_b", _gradients, widen=True)
