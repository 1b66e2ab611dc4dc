"""sin, cos, tan.

x = n π/2 + r, |r| <= π/4. Up to |x| = 2**30 (float32: 2**15) by Cody and Waite's reduction
with π/2 in three parts: the first `fma` is exact, the second part's product is carried with
its error, so r + low has relative error far below one ulp also for the doubles closest to a
multiple of π/2 (r about 2**-60). Larger arguments take Payne and Hanek's reduction (1983):
x times the few hundred bits of 2/π that matter, read from a table by the exponent of x; the
products are exact pairs of doubles and whole turns are dropped as they appear. It is a
`rare` path, and float32 sends its own large arguments to the float64 kernel.

Then sin r = r + r**3 S(r**2) and cos r = 1 - r**2/2 + r**4 C(r**2), with the low part of r to
first order; the low bits of n choose and sign. One function gives both sin and cos, which need
both sums either way: a program that uses both of an argument computes them once. tan divides
both, keeping their low parts.
"""

from __future__ import annotations

from collections.abc import Callable

from bibun.compiler.vecmath.coefficients import PAYNE_HANEK, PIO2, POLY, TWO_OVER_PI
from bibun.compiler.vecmath.num import (
    Num,
    call,
    fast_two_sum,
    float32,
    float64,
    fma,
    kernel,
    parts,
    poly,
    rare,
    rint,
    table,
    two_prod,
    two_sum,
    where,
)

LARGE = {8: 2.0**30, 4: 2.0**15}


def cody_waite(x: Num) -> tuple[Num, Num, Num]:
    """(quadrant in the low bits, r, low) for |x| up to LARGE."""
    f = x.format
    size = x.dtype.itemsize
    p1, p2, p3 = PIO2[size]
    t = fma(x, TWO_OVER_PI[size], f.magic)
    n = t - f.magic
    r1 = fma(n, -p1, x)  # exact: a multiple of ulp(p1) below 2
    w, w_low = two_prod(n, p2)
    r = r1 - w
    low = fma(n, -p3, ((r1 - r) - w) - w_low)
    r, low = fast_two_sum(r, low)
    return t.bits(), r, low


def payne_hanek(x: Num) -> tuple[Num, Num, Num]:
    """The same for float64 |x| >= 2**30; of small or infinite x any value or nan."""
    f = x.format
    step = ((x.bits() >> f.mantissa) & 0x7FF) - (f.bias + 30)
    k = (step >> 5) & 31
    scaled = x * ((f.bias - (k << 5)) << f.mantissa).as_float(x.dtype)  # exact, |.| < 2**62
    # scaled * parts[0..3], less multiples of 4 as soon as they are known
    products = [two_prod(scaled, table(part, float64, k)) for part in PAYNE_HANEK]

    def turn(v: Num) -> Num:
        return v - 4.0 * rint(v * 0.25)

    (p0, e0), (p1, e1), (p2, e2), (p3, e3) = products
    head, low0 = two_sum(turn(p0), turn(e0))
    head, low1 = two_sum(turn(head), turn(p1))
    n = rint(head)
    # Small terms first: their sum stays below 2**-18, so the errors of all these sums are
    # below 2**-71 and may be added as they come, even where the last sum cancels to 2**-62.
    s, rest = e2 + p3, e3
    for term in (e1, p2, low0, low1, head - n):
        s, error = two_sum(s, term)
        rest = rest + error
    s, rest = fast_two_sum(s, rest)
    hi, lo = PIO2[8][:2]
    r, low = two_prod(s, hi)
    r, low = fast_two_sum(r, fma(s, lo, fma(rest, hi, low)))
    return (n + f.magic).bits(), r, low


def sin_low(r: Num, low: Num) -> Num:
    """sin(r + low) - r."""
    z = r * r
    return fma(r * z, poly(z, POLY["sin"][r.dtype.itemsize]), fma(z, -0.5 * low, low))


def cos_sum(r: Num, low: Num) -> tuple[Num, Num]:
    """cos(r + low) as a large and a small part."""
    z = r * r
    half = 0.5 * z
    w = 1.0 - half
    rest = fma(z * z, poly(z, POLY["cos"][r.dtype.itemsize]), -(r * low))
    # z itself was rounded: its error counts where cos is smallest
    return w, (((1.0 - w) - half) + rest) - 0.5 * fma(r, r, -z)


def wave(q: Num, r: Num, low: Num) -> Num:
    """sin of the reduced argument."""
    return waves(q, r, low)[0]


def waves(q: Num, r: Num, low: Num) -> tuple[Num, Num]:
    """sin and cos of the reduced argument: the quadrant says which sum is which."""
    w, rest = cos_sum(r, low)
    s, c = r + sin_low(r, low), w + rest
    even = (q & 1) == 0

    def signed(q: Num, y: Num) -> Num:
        return (y.bits() ^ ((q & 2) << (8 * r.dtype.itemsize - 2))).as_float(r.dtype)

    return signed(q, where(even, s, c)), signed(q + 1, where(even, c, s))


def _reduced(x: Num, finish: Callable[..., tuple[Num, ...]], names: str) -> tuple[Num, ...]:
    """`finish(quadrant, r, low)`; float32 sends large arguments to the kernels of float64."""
    reduced = cody_waite(x)
    large = abs(x) >= LARGE[x.dtype.itemsize]
    if x.dtype == float64:
        return finish(*rare(large, lambda: payne_hanek(x), reduced))

    def in_double() -> tuple[Num, ...]:
        wide = x.to(float64)
        return tuple(call(name, wide).to(float32) for name in names.split())

    return rare(large, in_double, finish(*reduced))


def _sin_cos(x: Num) -> tuple[Num, Num]:
    s, c = _reduced(x, waves, "sin cos")
    return where(abs(x) < x.format.eps, x, s), c


def quotient(q: Num, r: Num, low: Num) -> Num:
    """tan: sin/cos or -cos/sin, divided in twice the precision."""
    s, s_low = fast_two_sum(r, sin_low(r, low))
    c, c_low = fast_two_sum(*cos_sum(r, low))
    odd = (q & 1) != 0
    num, num_low = where(odd, -c, s), where(odd, -c_low, s_low)
    den, den_low = where(odd, s, c), where(odd, s_low, c_low)
    inverse = 1.0 / den
    y = num * inverse
    return y + (fma(-y, den, num) + (num_low - y * den_low)) * inverse


sin, cos = parts("sin cos", _sin_cos)


@kernel
def tan(x: Num) -> Num:
    (y,) = _reduced(x, lambda q, r, low: (quotient(q, r, low),), "tan")
    return where(abs(x) < x.format.eps, x, y)
