"""J, Y and scaled I of any real order.

J_v runs down by its recurrence from an order so high that what it starts from does not count
(Miller's algorithm, DLMF 3.6) to an order μ next to zero for x < 2, or to v or the largest
order of the same fraction below x: the orders where Y is as large as J. There Wronski's relation
J Y' - J' Y = 2/(πx) gives its size, with Y from Temme's series for x < 2 (J. Comp. Phys. 21,
1976), with the logarithmic derivative p + iq of J + iY from its continued fraction beyond (DLMF
10.74(v)); then Y runs up. For x > 25 + v²/2 both are Hankel's expansion (10.17.3). I_v is its power
series, whose terms are all positive, and for x > 30 + v²/2 Hankel's expansion (10.40.1).
Negative orders are reflected (10.4.7, 10.27.2).

Loops are as long as the larger of v and x: where that is 5·10⁴ and neither Hankel's expansion
nor underflow decides, the result is nan.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.compiler.vecmath.num import (
    Num,
    call,
    clenshaw,
    float64,
    floor,
    fma,
    isnan,
    kernel,
    parts,
    rare,
    repeat,
    rint,
    sqrt,
    where,
    widened,
)
from bibun.compiler.vecmath.special_coefficients import CHEBYSHEV

INF, NAN = float("inf"), float("nan")
EPS = 2.0**-54
MOST = 50_000
BIG, LESS = 1e250, 1e-250
GONE = -760.0  # logarithm of what underflows


def _half_turns(u: Num) -> tuple[Num, Num]:
    """cos(πu) and sin(πu), exactly 0 where they are."""
    r = u - 2.0 * rint(0.5 * u)
    s, c = call("sin", math.pi * r), call("cos", math.pi * r)
    s = where((r == 0.0) | (abs(r) == 1.0), 0.0, s)
    return where(abs(r) == 0.5, 0.0, c), s


# J downwards --------------------------------------------------------------------------------------


def _down(v: Num, mu: Num, x: Num, active: Num) -> tuple[Num, Num, Num, Num]:
    """J at v, at μ and at μ + 1, all times one positive number; and whether that was reached."""
    most = where(v > x, v, x)
    top = floor(most - mu + (30.0 + 12.0 * call("cbrt", most)))
    over = 2.0 / x
    steps = v - mu
    zero, one = x.const(0.0), x.const(1.0)

    def step(k: Num, above: Num, here: Num, at: Num, left: Num) -> tuple[Any, Num]:
        at = where(left == steps, here, at)
        below = fma((mu + left) * over, here, -above)
        big = abs(below) > BIG
        down = where(big, LESS, one)
        go_on = left > 0.0
        above, here = where(go_on, here * down, above), where(go_on, below * down, here)
        at = where(go_on, at * down, at)
        return (above, here, at, left - 1.0), go_on

    above, here, at, left = repeat(active, (zero, one * LESS, zero, top), step, 2 * MOST)
    return at, here, above, left < 0.0


# Y at μ -------------------------------------------------------------------------------------------


def _temme(mu: Num, x: Num, active: Num) -> tuple[Num, Num]:
    """Y of orders μ and μ + 1 for |μ| <= 1/2 and x < 2."""
    z = mu * mu
    odd, even = (clenshaw(z, piece) for piece in CHEBYSHEV["reciprocal_gamma"])
    turn = math.pi * mu
    tiny = abs(mu) < 1e-9
    safe = where(tiny, 1.0, turn)
    fact = where(tiny, 1.0, turn / where(tiny, 1.0, call("sin", turn)))
    half = call("sin", 0.5 * turn)
    r = where(tiny, 0.0, (2.0 * math.pi) * (half * half) / safe)
    log = -call("log", 0.5 * x)
    e = mu * log
    flat = abs(e) < 1e-9
    ratio = where(flat, 1.0, call("sinh", e) / where(flat, 1.0, e))
    f = (2.0 / math.pi) * fact * (odd * call("cosh", e) + even * ratio * log)
    grown = call("exp", e)
    p = grown / ((even - mu * odd) * math.pi)
    q = 1.0 / (grown * (math.pi * (even + mu * odd)))
    square = -0.25 * x * x

    def step(
        k: Num, f: Num, p: Num, q: Num, c: Num, total: Num, next_: Num
    ) -> tuple[Any, Num]:
        n = k.to(float64) + 1.0
        f = (n * f + p + q) / (n * n - z)
        c = c * (square / n)
        p, q = p / (n - mu), q / (n + mu)
        term = c * fma(r, q, f)
        total, next_ = total + term, next_ + (c * p - n * term)
        return (f, p, q, c, total, next_), abs(term) > EPS * (1.0 + abs(total))

    start = (f, p, q, x.const(1.0), fma(r, q, f), p)
    *_, total, next_ = repeat(active, start, step, 60)
    return -total, -next_ * (2.0 / x)


def _logarithmic_derivative(mu: Num, x: Num, active: Num) -> tuple[Num, Num]:
    """(p, q) with p + iq = (J' + iY')/(J + iY), for x >= 2.

    It is -1/(2x) + i + i/x a_0/(b_1 + a_1/(b_2 + …)), a_k = (k + 1/2)² - μ², b_k = 2 (x + ki).
    """
    z, twice = mu * mu, 2.0 * x
    norm = 1.0 / (twice * twice + 4.0)
    dr, di = twice * norm, -2.0 * norm  # 1/b_1

    def step(
        k: Num, dr: Num, di: Num, cr: Num, ci: Num, hr: Num, hi: Num
    ) -> tuple[Any, Num]:
        n = k.to(float64) + 1.0
        a, bi = (n + 0.5) * (n + 0.5) - z, 2.0 * n + 2.0
        er, ei = fma(a, dr, twice), fma(a, di, bi)
        norm = 1.0 / fma(er, er, ei * ei)
        dr, di = er * norm, -(ei * norm)
        fr, fi = twice * dr - bi * di - 1.0, twice * di + bi * dr
        cr, ci = cr * fr - ci * fi, cr * fi + ci * fr
        hr, hi = hr + cr, hi + ci
        return (dr, di, cr, ci, hr, hi), abs(cr) + abs(ci) > EPS * (abs(hr) + abs(hi))

    *_, hr, hi = repeat(active, (dr, di, dr, di, dr, di), step, 400)
    front = (0.25 - z) / x
    return -0.5 / x - front * hi, 1.0 + front * hr


# far away -----------------------------------------------------------------------------------------


def _hankel(v: Num, x: Num, active: Num) -> tuple[Num, Num]:
    """(J, Y) for x > 25 + v²/2."""
    four, scale = 4.0 * v * v, 0.125 / x

    def step(k: Num, t: Num, even: Num, odd: Num) -> tuple[Any, Num]:
        """Two terms: of Q, then of P."""
        n = 2.0 * k.to(float64) + 1.0
        t = t * ((four - (2.0 * n - 1.0) * (2.0 * n - 1.0)) * (scale / n))
        odd = odd + t
        m = n + 1.0
        t = -t * ((four - (2.0 * m - 1.0) * (2.0 * m - 1.0)) * (scale / m))
        return (t, even + t, odd), abs(t) > EPS

    one, zero = x.const(1.0), x.const(0.0)
    _, p, q = repeat(active, (one, one, zero), step, 60)
    # the angle is x - (v/2 + 1/4) π
    c0, s0 = _half_turns(0.5 * v + 0.25)
    s, c = call("sin", x), call("cos", x)
    cos, sin = c * c0 + s * s0, s * c0 - c * s0
    size = sqrt((2.0 / math.pi) / x)
    return size * (p * cos - q * sin), size * (p * sin + q * cos)


# together -----------------------------------------------------------------------------------------


def _positive(v: Num, x: Num) -> tuple[Num, Num]:
    """(J, Y) for v >= 0 and x > 0."""
    far = x > fma(0.5 * v, v, 25.0)
    ratio = where(v > x, v / x, 1.0)
    root = sqrt(where(v > x, v - x, 0.0)) * sqrt(v + x)
    gone = root - v * call("acosh", ratio) < GONE
    near = ~far & ~gone & (x < MOST) & (v < MOST)
    x_, v_ = where(near, x, 1.0), where(near, v, 0.0)
    low = x_ < 2.0
    steps = floor(where(low, v_ + 0.5, where(v_ > x_, v_ - x_ + 1.5, 0.0)))
    mu = v_ - steps
    at, here, above, reached = _down(v_, mu, x_, near)
    size = where(abs(here) > abs(above), abs(here), abs(above))
    at, here, above = at / size, here / size, above / size
    slope = fma(mu / x_, here, -above)
    wronski = (2.0 / math.pi) / x_
    zero, one = x.const(0.0), x.const(1.0)

    def small() -> tuple[Num, Num, Num]:
        active = near & low
        y, next_ = _temme(where(active, mu, 0.0), where(active, x_, 1.0), active)
        return wronski / (above * y - next_ * here), y, next_

    def large() -> tuple[Num, Num, Num]:
        active = near & ~low
        p, q = _logarithmic_derivative(mu, where(active, x_, 2.0), active)
        u = p * here - slope
        scale = sqrt(wronski / (u * u / q + q * here * here))
        y = scale * (u / q)
        return scale, y, fma(mu / x_, y, -(scale * (p * u / q + q * here)))

    scale, y, next_ = rare(near & low, small, (one, zero, zero))
    scale, y, next_ = rare(near & ~low, large, (scale, y, next_))

    def up(k: Num, y: Num, next_: Num) -> tuple[Any, Num]:
        n = k.to(float64) + 1.0
        return (next_, fma(2.0 * (mu + n) / x_, next_, -y)), n < steps

    y, _ = repeat(near & (steps > 0.0), (y, next_), up, MOST)
    tiny = x < 1e-30  # one step of the recurrence would overflow
    first = call("exp", v * call("log", 0.5 * x) - call("lgamma", v + 1.0))
    reached = reached | tiny
    j = where(tiny, first, where(reached, at * scale, NAN))
    y = where(reached, where(isnan(y), -INF, y), NAN)
    j, y = where(gone, 0.0, j), where(gone, -INF, y)
    return rare(far, lambda: _hankel(where(far, v, 0.0), where(far, x, 30.0), far), (j, y))


def _at_zero(v: Num) -> Num:
    """J or I at 0: 1 for order 0, 0 for positive and whole ones, else the sign of 1/Γ(1 + v) ∞."""
    down = floor(v)
    infinite = where(floor(0.5 * down) * 2.0 == down, v.const(-INF), INF)
    return where(v == 0.0, 1.0, where((v > 0.0) | (down == v), 0.0, infinite))


def _j_and_y(v: Num, x: Num) -> tuple[Num, Num]:
    size, a = abs(v), abs(x)
    inside = (a > 0.0) & (a < INF) & (size < INF)
    j, y = _positive(where(inside, size, 0.0), where(inside, a, 1.0))
    whole = floor(v) == v
    odd = whole & (floor(0.5 * v) * 2.0 != v)

    def mirrored() -> tuple[Num, Num]:
        c, s = _half_turns(size)
        return (
            where(s == 0.0, c * j, c * j - s * y),
            where(c == 0.0, s * j, where(s == 0.0, c * y, s * j + c * y)),
        )

    j, y = rare(v < 0.0, mirrored, (j, y))
    j = where(a == 0.0, _at_zero(v), j)
    cos, _ = _half_turns(where(v < 0.0, v, 0.0))
    y = where(a == 0.0, where(cos == 0.0, 0.0, where(cos > 0.0, x.const(-INF), INF)), y)
    j, y = where(a == INF, 0.0, j), where(a == INF, 0.0, y)
    j = where((x < 0.0) & odd, -j, where((x < 0.0) & ~whole, NAN, j))
    lost = isnan(v) | isnan(x) | (size == INF)
    return where(lost, NAN, j), where(lost | (x < 0.0), NAN, y)


bessel_j, bessel_y = parts("bessel_j bessel_y", _j_and_y, widen=True)


# I ------------------------------------------------------------------------------------------------


def _i_series(v: Num, x: Num, active: Num) -> Num:
    """e^-x I_v(x)."""
    square = 0.25 * x * x
    one = x.const(1.0)

    def step(k: Num, t: Num, total: Num, scale: Num) -> tuple[Any, Num]:
        n = k.to(float64) + 1.0
        t = t * (square / (n * (v + n)))
        total = total + t
        go_on = t > EPS * total
        big = total > BIG
        down = where(big, LESS, one)
        return (t * down, total * down, where(big, scale + 250.0, scale)), go_on

    _, total, scale = repeat(active, (one, one, x.const(0.0)), step, MOST)
    log = v * call("log", 0.5 * x) - call("lgamma", v + 1.0) - x
    half = call("exp", 0.5 * (log + scale * math.log(10.0)))
    return (total * half) * half


def _i_hankel(v: Num, x: Num, active: Num) -> Num:
    four, scale = 4.0 * v * v, 0.125 / x

    def step(k: Num, t: Num, total: Num) -> tuple[Any, Num]:
        n = k.to(float64) + 1.0
        t = -t * ((four - (2.0 * n - 1.0) * (2.0 * n - 1.0)) * (scale / n))
        return (t, total + t), abs(t) > EPS

    one = x.const(1.0)
    return repeat(active, (one, one), step, 120)[1] / sqrt((2.0 * math.pi) * x)


@widened
@kernel
def bessel_ie(v: Num, x: Num) -> Num:
    """e^-|x| I_v(x)."""
    size, a = abs(v), abs(x)
    inside = (a > 0.0) & (a < INF) & (size < INF)
    u, z = where(inside, size, 0.0), where(inside, a, 1.0)
    far = z > fma(0.5 * u, u, 30.0)
    near = ~far & (z < MOST)
    y = rare(near, lambda: _i_series(u, where(near, z, 1.0), near), x.const(NAN))
    y = rare(far, lambda: _i_hankel(u, where(far, z, 40.0), far), y)
    whole = floor(v) == v
    below = (v < 0.0) & ~whole

    def mirrored() -> Num:
        _, s = _half_turns(size)
        k = call("bessel_ke_by_order", size, z, x.const(0.0))
        whole = y + (2.0 / math.pi) * s * (k * call("exp", -2.0 * z))
        first = call("exp", v * call("log", 0.5 * z) - call("lgamma", v + 1.0))
        return where(z < 1e-9, where(_at_zero(v) < 0.0, -first, first), whole)

    y = rare(below, mirrored, y)
    y = where(a == 0.0, _at_zero(v), where(a == INF, 0.0, y))
    odd = whole & (floor(0.5 * v) * 2.0 != v)
    y = where((x < 0.0) & odd, -y, where((x < 0.0) & ~whole, NAN, y))
    return where(isnan(v) | isnan(x) | (size == INF), NAN, y)
