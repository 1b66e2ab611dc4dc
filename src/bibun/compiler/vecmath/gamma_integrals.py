"""The incomplete gamma functions P and Q, and how they change with their parameter.

Three regimes, after Gautschi (ACM TOMS 5, 1979) and Temme (1975), each behind a mask:

- a >= 20 and x within about 30 % of a: Temme's uniform expansion,
  Q = erfc(η √(a/2))/2 + D/√… Σ C_k(η) a^-k with η²/2 = μ - log(1 + μ), μ = (x - a)/a;
- x < a or so: P = D/a Σ x^n/((a+1)…(a+n));
- else Q = D h, h the continued fraction of Legendre, in Steed's form. For x below 1.1 where Q
  would cancel, Q = 1 - x^a/Γ(1+a) (1 + a Σ (-x)^n/((a+n) n!)) with the first two terms by expm1.

D = x^a e^-x/Γ(a) is √(a/2π) e^(-a η²/2)/Γ*(a) for large a, where nothing cancels.

The derivative in a is that of the same expansions, term by term. It is found as the *implicit
gradient* r = -(dP/da)/p, p the Gamma(a) density (Figurnov, Mohamed, Mnih 2018): D drops out.
Both parts of each sum have one sign on their side of x ~ a, so nothing cancels there either.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.compiler.vecmath.coefficients import POLY
from bibun.compiler.vecmath.num import (
    Num,
    call,
    float64,
    fma,
    horner,
    isnan,
    parts,
    poly,
    rare,
    repeat,
    sqrt,
    where,
)
from bibun.compiler.vecmath.special_coefficients import TEMME

INF, NAN = float("inf"), float("nan")
EPS = 2.0**-53
LARGE = 20.0  # from here on Stirling's series and Temme's expansion
NEAR = (-0.28, 0.4)  # of μ, for Temme's
LEAST = 1e-300  # of parameters: smaller ones are taken for it, so that 1/a is finite
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
STEPS = 400  # no regime needs more; series and fractions end long before


def log1p_less(u: Num, whole: Num) -> Num:
    """log(1 + u) - u without cancellation; `whole` is 1 + u, which u may not hold near -1."""
    near = (u > -0.29) & (u < 0.41)
    f = where(near, u, 0.0)
    s = f / (f + 2.0)
    z, half = s * s, 0.5 * f * f
    small = fma(s, fma(z, poly(z, POLY["log"][8]), half), -half)
    return where(near, small, call("log", whole) - u)


def log_stirling(a: Num) -> Num:
    """log Γ*(a) = log Γ(a) - (a - 1/2) log a + a - log(2π)/2, for a > 0."""
    big = where(a < 10.0, 10.0, a)
    inverse = 1.0 / big
    series = inverse * poly(inverse * inverse, POLY["stirling"][8])

    def direct() -> Num:
        small = where(a < 10.0, a, 1.0)
        return (call("lgamma", small) + small - HALF_LOG_2PI) - (small - 0.5) * call("log", small)

    return rare(a < 10.0, direct, series)


def weight(a: Num, x: Num, mu: Num) -> Num:
    """D = x^a e^-x/Γ(a)."""
    large = a >= LARGE
    big = where(large, a, LARGE)
    flat = sqrt(big * (0.5 / math.pi))
    saddle = big * log1p_less(where(large, mu, 0.0), where(large, x, big) / big) - log_stirling(big)

    def direct() -> Num:
        return (a * call("log", x) - x) - call("lgamma", a)

    return call("exp", rare(a < LARGE, direct, saddle)) * where(large, flat, 1.0)


def regimes(a: Num, x: Num) -> tuple[Num, Num, Num, Num, Num, Num]:
    """(a, x, μ, temme, series, rest): safe arguments, and which expansion serves."""
    inside = (a > 0.0) & (x > 0.0) & (a < INF) & (x < INF)
    a, x = where(inside, a, 1.0), where(inside, x, 1.0)
    a = where(a < LEAST, LEAST, a)
    mu = (x - a) / a
    temme = (a >= LARGE) & (mu > NEAR[0]) & (mu < NEAR[1])
    # -0.4/log x < a: there P is small enough for 1 - P
    tiny = x < 0.5
    little = a * call("log", where(tiny, x, 0.5)) < -0.4
    below = (little & tiny) | (~tiny & (x < where(x > 1.1, a, a / 1.1)))
    series = below & ~temme
    rest = ~(series | temme)
    return a, x, mu, temme, series, rest


def _eta(mu: Num, temme: Num) -> tuple[Num, Num]:
    """(η, μ/η) where -η²/2 = log(1 + μ) - μ; both are regular at 0."""
    u = where(temme, mu, 0.0)
    s = u / (u + 2.0)
    z = s * s
    # η²/μ² = 2 (1/2 - s (1/2 + R z/u²)), and z/u² = 1/(u + 2)²
    w = u + 2.0
    ratio = sqrt(1.0 - s * fma(poly(z, POLY["log"][8]), 2.0 / (w * w), 1.0))
    return u * ratio, 1.0 / ratio


def _temme_sums(eta: Num, inverse: Num, slopes: bool) -> list[Num]:
    """Σ C_k a^-k; with `slopes` also Σ C_k' a^-k and -Σ k C_k a^-k."""
    rows = [poly(eta, row) for row in TEMME]
    out = [horner(inverse, rows)]
    if slopes:
        slope_rows = [[n * c for n, c in enumerate(row)][1:] for row in TEMME]
        primes = [poly(eta, row) for row in slope_rows if row]
        out += [horner(inverse, primes), horner(inverse, [-k * r for k, r in enumerate(rows)])]
    return out


# values -------------------------------------------------------------------------------------------


def _by_temme(a: Num, mu: Num, temme: Num) -> tuple[Num, Num]:
    """(P, Q); the smaller one is right to the last digits."""
    big = where(temme, a, LARGE)
    eta, _ = _eta(mu, temme)
    (total,) = _temme_sums(eta, 1.0 / big, slopes=False)
    size = eta * sqrt(0.5 * big)
    tail = call("exp", -(size * size)) * total / sqrt((2 * math.pi) * big)
    return 0.5 * call("erfc", -size) - tail, 0.5 * call("erfc", size) + tail


def _ascending(a: Num, x: Num, active: Num) -> Num:
    """Σ x^n/((a+1)…(a+n)), from n = 0."""
    one = a.const(1.0)

    def step(k: Num, t: Num, total: Num) -> tuple[Any, Num]:
        t = t * (x / (a + (k.to(float64) + 1.0)))
        total = total + t
        return (t, total), t > EPS * total

    return repeat(active, (one, one), step, STEPS)[1]


def legendre_fraction(a: Num, x: Num, active: Num) -> Num:
    """h = 1/(x+1-a - 1(1-a)/(x+3-a - …)), Legendre's continued fraction."""
    b = x + 1.0 - a
    d = 1.0 / b

    def step(k: Num, b: Num, d: Num, change: Num, h: Num) -> tuple[Any, Num]:
        i = k.to(float64) + 1.0
        n = i * (a - i)
        b = b + 2.0
        d = 1.0 / fma(n, d, b)
        change = change * (b * d - 1.0)
        h = h + change
        return (b, d, change, h), abs(change) > EPS * abs(h)

    return repeat(active, (b, d, d, d), step, STEPS)[3]


def _small_upper(a: Num, x: Num, active: Num) -> Num:
    """Q for x <= 1.1, where 1 - P cancels."""
    zero = a.const(0.0)

    def step(k: Num, t: Num, total: Num) -> tuple[Any, Num]:
        n = k.to(float64) + 1.0
        t = -t * x / n
        term = t / (a + n)
        return (t, total + term), abs(term) > 0.25 * EPS * abs(total)

    total = repeat(active, (a.const(1.0), zero), step, 60)[1]
    # log Γ(1 + a) keeps its relative accuracy: a (1 + a) G(a) - log1p(a), or from lgamma
    low = a < 0.5
    u = where(low, a, 0.0)
    near = u * (1.0 + u) * poly(u, POLY["lgamma"][8]) - call("log1p", u)
    gamma = where(low, near, call("lgamma", a + 1.0))
    power = a * call("log", x) - gamma  # log(x^a/Γ(1+a))
    return -call("expm1", power) - call("exp", power) * (a * total)


def _values(a0: Num, x0: Num) -> tuple[Num, Num]:
    a, x, mu, temme, series, rest = regimes(a0, x0)
    small = rest & (x <= 1.1)
    upper = rest & (x > 1.1)
    p, q = rare(temme, lambda: _by_temme(a, mu, temme), (a.const(1.0), a.const(0.0)))

    def by_weight() -> tuple[Num, Num]:
        d = weight(a, x, mu)
        low = d * _ascending(a, x, series) / a
        high = d * legendre_fraction(a, x, upper)
        return where(series, low, 1.0 - high), where(series, 1.0 - low, high)

    p, q = rare(series | upper, by_weight, (p, q))

    def by_difference() -> tuple[Num, Num]:
        y = _small_upper(a, x, small)
        return 1.0 - y, y

    p, q = rare(small, by_difference, (p, q))
    return _ends(a0, x0, p, 0.0, 1.0), _ends(a0, x0, q, 1.0, 0.0)


def _ends(a: Num, x: Num, y: Num, none: float, whole: float) -> Num:
    """Zero, infinite and impossible arguments put into y."""
    y = where((a == 0.0) | (x == INF), whole, y)
    y = where((x == 0.0) | (a == INF), none, y)
    undefined = ((a == 0.0) & (x == 0.0)) | ((a == INF) & (x == INF))
    y = where(undefined | (a < 0.0) | (x < 0.0), NAN, y)
    return where(isnan(a) | isnan(x), NAN, y)


igamma, igammac = parts("igamma igammac", _values, widen=True)


# derivatives in a ---------------------------------------------------------------------------------


def _gradient_by_temme(a: Num, x: Num, mu: Num, temme: Num) -> Num:
    """-x √(2πa) e^{aη²/2} (dP/da) Γ*(a)/a, from P = erfc(-η√(a/2))/2 - e^{-aη²/2}/√(2πa) S."""
    big = where(temme, a, LARGE)
    eta, over = _eta(mu, temme)
    inverse = 1.0 / big
    total, slope, falling = _temme_sums(eta, inverse, slopes=True)
    # with a dη/da = -μ/η: a dS/da = -(μ/η) S' - Σ k C_k a^-k
    change = inverse * (falling - over * slope)
    log = call("log1p", where(temme, mu, 0.0))
    inner = (0.5 * eta - over) - (log - 0.5 * inverse) * total - change
    return -inner * (x * inverse) * call("exp", log_stirling(big))


def _gradient_ascending(a: Num, x: Num, active: Num) -> tuple[Num, Num]:
    """The ascending series and its derivative in a."""
    one, zero = a.const(1.0), a.const(0.0)

    def step(k: Num, t: Num, u: Num, total: Num, slope: Num) -> tuple[Any, Num]:
        inverse = 1.0 / (a + (k.to(float64) + 1.0))
        t = t * x * inverse
        u = (u * x - t) * inverse
        return (t, u, total + t, slope + u), abs(u) > EPS * abs(slope + u)

    done = repeat(active, (one, zero, one, zero), step, STEPS)
    return done[2], done[3]


def _gradient_fraction(a: Num, x: Num, active: Num) -> tuple[Num, Num]:
    """Legendre's fraction h and its derivative in a, carried along."""
    b = x + 1.0 - a
    d = 1.0 / b
    square = d * d

    def step(k: Num, b: Num, d: Num, dd: Num, c: Num, dc: Num, h: Num, dh: Num) -> Any:
        i = k.to(float64) + 1.0
        n = i * (a - i)
        b = b + 2.0
        bottom = i * d + n * dd - 1.0  # d(b + n d)/da, with db/da = -1
        d = 1.0 / fma(n, d, b)
        dd = -d * d * bottom
        factor = b * d - 1.0
        dc = dc * factor + c * (b * dd - d)
        c = c * factor
        h, dh = h + c, dh + dc
        return (b, d, dd, c, dc, h, dh), abs(dc) + abs(c) > EPS * (abs(dh) + EPS * abs(h))

    done = repeat(active, (b, d, square, d, square, d, square), step, STEPS)
    return done[5], done[6]


def _gradients(a0: Num, x0: Num) -> tuple[Num, Num]:
    a, x, mu, temme, series, rest = regimes(a0, x0)
    upper = rest & (x > 1.1)
    series = series | (rest & (x <= 1.1))
    r = rare(temme, lambda: _gradient_by_temme(a, x, mu, temme), 0.0 * a)

    def from_below() -> Num:
        total, slope = _gradient_ascending(a, x, series)
        offset = call("log", x) - call("digamma", a + 1.0)
        return -(x / a) * fma(offset, total, slope)

    def from_above() -> Num:
        h, slope = _gradient_fraction(a, x, upper)
        offset = call("log", x) - call("digamma", a)
        return x * fma(offset, h, slope)

    r = rare(series, from_below, r)
    r = rare(upper, from_above, r)
    slope = -weight(a, x, mu) * (r / x)
    nowhere = (a0 > 0.0) & (a0 < INF)
    edge = nowhere & ((x0 == 0.0) | (x0 == INF))
    inside = nowhere & (x0 > 0.0) & (x0 < INF)
    slope = where(inside, slope, where(edge, a.const(0.0), NAN))
    r = where(inside, r, where(nowhere & (x0 == 0.0), a.const(0.0), NAN))
    return slope, r


igamma_grad_a, random_gamma_grad = parts("igamma_grad_a random_gamma_grad", _gradients, widen=True)
