"""How the coefficients and tables of vector math were made; writes `coefficients.py`.

    python -m bibun.compiler.vecmath.fit        # needs mpmath; about two minutes

Each polynomial approximates a smooth function `g` on an interval. The fit is weighted
least squares over Chebyshev-distributed points in 50-digit arithmetic, which comes within
a small factor of the minimax polynomial. The weight turns the error of `g` into the
relative error of the kernel's result. The smallest number of terms that meets the format's
tolerance is taken. Then coefficients are rounded one by one, lowest first, and the rest is
fitted again after each rounding, so that the later terms take up what the earlier ones lost.

Constants such as ln 2 and π/2 are split into parts whose products with small integers are
exact or that continue each other by `fma`. The table of `pow` holds, for 128 intervals of
the significand, a reciprocal with few bits (so that `m * r - 1` is exact) and its logarithm
in two parts. The table of Payne and Hanek's reduction (1983) holds 2/π times 2**(32 k) less
the multiples of 2**25, in four parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

# What a polynomial may add to the relative error of a result, by bytes of the format.
TOLERANCE = {8: mpf(2) ** -57, 4: mpf(2) ** -28}


@dataclass
class Fit:
    """g(t) = sum c[k] t**k for t in [lo, hi]; `weight(t) * error` is relative error."""

    g: Callable[[Any], Any]
    range: dict[int, tuple[Any, Any]]
    weight: Callable[[Any], Any]
    loose: float = 1.0  # factor on the tolerance
    tolerance: dict[int, Any] | None = None  # instead of TOLERANCE


def both(lo: Any, hi: Any) -> dict[int, tuple[Any, Any]]:
    return {8: (lo, hi), 4: (lo, hi)}


def _erfinv_ratio(w: Any) -> Any:
    """erf_inv(x)/x where w = -log(1 - x*x)."""
    if w == 0:
        return mp.sqrt(mp.pi) / 2
    x = mp.sqrt(-mp.expm1(-w))
    y = mpf(float(mpmath.fp.erfinv(float(x)))) if w < 2 else mp.sqrt(w)
    for _ in range(40):  # Newton with Halley's correction, on erfc
        step = (mp.erf(y) - x) / (2 / mp.sqrt(mp.pi) * mp.exp(-y * y))
        step = step / (1 + y * step)
        y -= step
        if abs(step) < mpf(10) ** -45 * y:
            break
    return y / x


def _erfcx(q: Any) -> Any:
    """(1 + 2a) exp(a*a) erfc(a) at q = (a - 4)/(a + 4)."""
    if q == 1:
        return 2 / mp.sqrt(mp.pi)
    a = 4 * (1 + q) / (1 - q)
    return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)


def _odd(f: Callable[[Any], Any], third: Any) -> Callable[[Any], Any]:
    """(f(t) - t)/t**3 as a function of z = t*t."""

    def g(z: Any) -> Any:
        if z < mpf(10) ** -12:
            return mpf(third)
        t = mp.sqrt(z)
        return (f(t) / t - 1) / z

    return g


def _cos(z: Any) -> Any:
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / (z * z) if z > mpf(10) ** -8 else mpf(1) / 24


def _stirling(v: Any) -> Any:
    """x * (lgamma(x) - Stirling's leading part) as a function of v = 1/x**2."""
    if v < mpf(10) ** -8:
        return mpf(1) / 12 - v / 360
    x = 1 / mp.sqrt(v)
    lead = (x - mpf(0.5)) * mp.log(x) - x + mp.log(2 * mp.pi) / 2
    return x * (mp.loggamma(x) - lead)


def _digamma_tail(v: Any) -> Any:
    """x**2 * (log x - 1/(2x) - digamma x) as a function of v = 1/x**2."""
    if v < mpf(10) ** -8:
        return mpf(1) / 12 - v / 120
    x = 1 / mp.sqrt(v)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / v


def _psi_root() -> Any:
    return mp.findroot(mp.digamma, mpf("1.4616321449683623412626595423257213"))


def _psi_ratio(u: Any) -> Any:
    """digamma(t)/(t - root) at t = 1.5 + u."""
    t = mpf(1.5) + u
    root = _psi_root()
    return mp.digamma(t) / (t - root) if abs(t - root) > mpf(10) ** -20 else mp.psi(1, root)


def _lgamma_ratio(u: Any) -> Any:
    """lgamma(2 + u)/(u (u + 1))."""
    return mp.loggamma(2 + u) / (u * (1 + u)) if abs(u) > mpf(10) ** -20 else 1 - mp.euler


def fits() -> dict[str, Fit]:
    """All polynomials, by name."""

    def one(t: Any) -> Any:
        return mpf(1)

    def inv(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda t: 1 / abs(g(t))

    half_ln2 = mp.log(2) / 2 * mpf(1.001)
    quarter_pi = (mp.pi / 4 + mpf(0.004)) ** 2
    log_z = (mp.sqrt(2) - 1) ** 2 / (mp.sqrt(2) + 1) ** 2
    atan_z = (mp.sqrt(2) - 1) ** 2 * mpf(1.001)
    return {
        "exp": Fit(  # (e^r - 1 - r)/r^2
            lambda r: (mp.expm1(r) - r) / (r * r) if abs(r) > 1e-8 else mpf(0.5) + r / 6,
            both(-half_ln2, half_ln2),
            lambda r: abs(r),
        ),
        "log": Fit(  # (atanh(s)/s - 1) * 2/z, z = s^2
            lambda z: (
                2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z
                if z > 1e-12
                else mpf(2) / 3 + 2 * z / 5
            ),
            both(0, log_z * mpf(1.01)),
            lambda z: z,
        ),
        "pow_log": Fit(  # (log1p(r) - r + r^2/2)/r^3
            lambda r: (mp.log1p(r) - r + r * r / 2) / r**3 if abs(r) > 1e-8 else mpf(1) / 3 - r / 4,
            {8: (mpf(-0.0085), mpf(0.0085))},
            lambda r: r * r,
            loose=2.0**-9,
        ),
        "sin": Fit(_odd(mp.sin, -mpf(1) / 6), both(0, quarter_pi), lambda z: z),
        "cos": Fit(_cos, both(0, quarter_pi), lambda z: z * z),
        "tanh": Fit(_odd(mp.tanh, -mpf(1) / 3), both(0, mpf(0.39)), lambda z: z),
        "sinh": Fit(_odd(mp.sinh, mpf(1) / 6), both(0, mpf(1)), lambda z: z),
        "atan": Fit(_odd(mp.atan, -mpf(1) / 3), both(0, atan_z), lambda z: z),
        "asin": Fit(_odd(mp.asin, mpf(1) / 6), both(0, mpf(0.25)), lambda z: z),
        "cbrt": Fit(  # where its iteration starts
            mp.cbrt,
            {8: (mpf(1), mpf(8)), 4: (mpf(0.5), mpf(4))},
            lambda m: 1 / mp.cbrt(m),
            tolerance={8: mpf(0.012), 4: mpf(0.012)},
        ),
        "erf": Fit(  # erf(x)/x - 1
            lambda z: (
                mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1
                if z > 1e-12
                else 2 / mp.sqrt(mp.pi) * (1 - z / 3) - 1
            ),
            both(0, mpf(1)),
            one,
        ),
        "erfcx": Fit(_erfcx, {8: (mpf(-1), mpf(0.76)), 4: (mpf(-1), mpf(0.48))}, one, loose=2),
        "erf_inv_centre": Fit(  # erf_inv(x)/x, at w - 2.5
            lambda u: _erfinv_ratio(u + mpf(2.5)), both(mpf(-2.5), mpf(2.5)), one, loose=2
        ),
        # the same at sqrt(w) less 3: w from 5 to 16
        "erf_inv_middle": Fit(
            lambda s: _erfinv_ratio((s + 3) ** 2), both(mpf(-0.765), mpf(1.11)), one, loose=2
        ),
        # and less 5: w from 16 to 37.5, as far as float64 goes
        "erf_inv_tail": Fit(
            lambda s: _erfinv_ratio((s + 5) ** 2), {8: (mpf(-1), mpf(1.125))}, one, loose=2
        ),
        "lgamma": Fit(_lgamma_ratio, {8: (mpf(-0.5), mpf(0.5))}, inv(_lgamma_ratio)),
        "stirling": Fit(_stirling, {8: (mpf(0), mpf(1) / 64)}, lambda v: mpf(1) / 64),
        "digamma": Fit(_psi_ratio, {8: (mpf(-0.5), mpf(0.5))}, inv(_psi_ratio)),
        "digamma_tail": Fit(_digamma_tail, {8: (mpf(0), mpf(1) / 100)}, lambda v: v / 2),
    }


def rounded(value: Any, size: int) -> float:
    """The nearest float of the format, as a Python float."""
    if size == 8:
        return float(value)
    scaled = mp.mpf(value)  # round once, straight from the exact value
    with mp.workprec(24):
        return float(+scaled)


def _solve(ts: list[Any], ys: list[Any], ws: list[Any], first: int, last: int) -> list[Any]:
    """Weighted least squares for the terms first..last-1."""
    n = last - first
    gram = mp.matrix(n, n)
    rhs = mp.matrix(n, 1)
    sums = [mpf(0)] * (2 * n - 1)
    for t, y, w in zip(ts, ys, ws, strict=True):
        base = w * w * t ** (2 * first)
        p = base
        for k in range(2 * n - 1):
            sums[k] += p
            p *= t
        q = w * w * t**first * y
        for k in range(n):
            rhs[k] += q
            q *= t
    for i in range(n):
        for k in range(n):
            gram[i, k] = sums[i + k]
    return list(mp.lu_solve(gram, rhs))


def solve(fit: Fit, size: int) -> tuple[tuple[float, ...], Any]:
    """The coefficients for one format and their worst weighted error."""
    lo, hi = fit.range[size]
    count = 96
    ts = [
        (lo + hi) / 2 + (hi - lo) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count))
        for k in range(count)
    ]
    ys = [fit.g(t) for t in ts]
    ws = [fit.weight(t) for t in ts]

    def error(c: list[Any]) -> Any:
        return max(abs(mp.polyval(c[::-1], t) - y) * w for t, y, w in zip(ts, ys, ws, strict=True))

    limit = (fit.tolerance or TOLERANCE)[size] * fit.loose
    n = 2
    while True:
        c = _solve(ts, ys, ws, 0, n)
        if error(c) < limit or n >= 32:
            break
        n += 1
    done: list[Any] = []
    for k in range(n):
        value = mpf(rounded(c[0], size))
        done.append(value)
        if k + 1 < n:
            rest = [y - mp.polyval(done[::-1], t) for t, y in zip(ts, ys, strict=True)]
            c = _solve(ts, rest, ws, k + 1, n)
    return tuple(float(v) for v in done), error(done)


def split(value: Any, size: int, parts: int, bits: int | None = None) -> tuple[float, ...]:
    """value as a sum of floats; `bits` limits the significand of the first."""
    out = []
    for k in range(parts):
        if k == 0 and bits is not None:
            with mp.workprec(bits):
                head = float(+value)
        else:
            head = rounded(value, size)
        out.append(head)
        value = value - mpf(head)
    return tuple(out)


def constants() -> Iterator[tuple[str, dict[int, Any]]]:
    """Split constants by name and format."""
    ln2 = mp.log(2)
    yield "LN2_FMA", {s: split(ln2, s, 2) for s in (8, 4)}
    # k * first is exact for the exponents k of the format
    yield "LN2", {8: split(ln2, 8, 2, bits=42), 4: split(ln2, 4, 2, bits=16)}
    yield "INV_LN10", {s: split(1 / mp.log(10), s, 2) for s in (8, 4)}
    log10_2 = ln2 / mp.log(10)
    yield "LOG10_2", {8: split(log10_2, 8, 2, bits=42), 4: split(log10_2, 4, 2, bits=16)}
    yield "INV_LN2", {s: split(1 / ln2, s, 2) for s in (8, 4)}
    yield "PIO2", {s: split(mp.pi / 2, s, 3) for s in (8, 4)}
    yield "TWO_OVER_PI", {s: rounded(2 / mp.pi, s) for s in (8, 4)}
    yield "PI", {s: split(mp.pi, s, 2) for s in (8, 4)}
    yield "PIO4", {s: split(mp.pi / 4, s, 2) for s in (8, 4)}
    yield "HALF_LOG_2PI_LESS_HALF", {8: rounded(mp.log(2 * mp.pi) / 2 - mpf(0.5), 8)}
    yield "DIGAMMA_ROOT", {8: split(_psi_root(), 8, 2)}


POW_BITS = 7
POW_OFFSET = 0x3FE6900000000000  # where they start; 1 lies inside of one, whose reciprocal is 1


def pow_table() -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Reciprocal, and minus its logarithm in two parts, of each interval."""
    inverse, high, low = [], [], []
    for i in range(1 << POW_BITS):
        lo_bits = POW_OFFSET + (i << (52 - POW_BITS))
        ends = np.array([lo_bits, lo_bits + (1 << (52 - POW_BITS))], np.int64).view(np.float64)
        centre = (mpf(float(ends[0])) + mpf(float(ends[1]))) / 2
        r = float(mp.nint(256 / centre)) / 256
        log = -mp.log(mpf(r))
        head = float(mp.nint(log * mpf(2) ** 42) / mpf(2) ** 42)  # k*LN2[0] + head is exact
        inverse.append(r)
        high.append(head)
        low.append(float(log - mpf(head)))
    return tuple(inverse), tuple(high), tuple(low)


def payne_hanek() -> list[tuple[float, ...]]:
    """Four tables: the parts of 2/pi * 2**(32 k) modulo 2**25, for k = 0..31."""
    with mp.workprec(1400):
        rows = []
        for k in range(32):
            value = 2 / mp.pi * mpf(2) ** (32 * k)
            value -= mp.floor(value / 2**25) * 2**25
            rows.append(split(value, 8, 4))
    return list(zip(*rows, strict=True))


def _literal(value: Any) -> str:
    if not isinstance(value, tuple):
        return repr(value)
    lines, line = [], "    "
    for v in value:
        item = repr(v) + ","
        if len(line) + len(item) + 1 > 96:
            lines.append(line.rstrip())
            line = "    "
        line += item + " "
    return "(\n" + "\n".join([*lines, line.rstrip()]) + "\n)"


def _by_size(name: str, values: dict[int, Any]) -> str:
    body = ",\n".join(f"{size}: {_literal(v)}" for size, v in values.items())
    return f"{name} = {{\n{body},\n}}\n"


def main() -> None:
    mp.dps = 50
    out = [
        '"""Coefficients and tables; made by `python -m bibun.compiler.vecmath.fit`, not by hand.',
        "",
        "Keys are the bytes of the format: 8 for float64, 4 for float32. The comments give the",
        "number of terms and the worst relative error that the polynomial adds to a result.",
        '"""',
        "",
        "# fmt: off",
        "",
    ]
    for name, values in constants():
        out.append(_by_size(name, values))
    out.append(f"POW_BITS = {POW_BITS}")
    out.append(f"POW_OFFSET = {POW_OFFSET:#x}\n")
    for name, values in zip(("POW_INVERSE", "POW_LOG", "POW_LOG_LOW"), pow_table(), strict=True):
        out.append(f"{name} = {_literal(values)}\n")
    parts = ",\n".join(_literal(p) for p in payne_hanek())
    out.append(f"PAYNE_HANEK = (\n{parts},\n)\n")
    out.append("POLY = {")
    for name, fit in fits().items():
        entries = []
        for size in fit.range:
            c, err = solve(fit, size)
            note = f"{len(c)} terms, 2**{float(mp.log(err, 2)):.1f}"
            print(f"{name} float{8 * size}: {note}", flush=True)
            entries.append(f"{size}: {_literal(c)},  # {note}")
        out.append(f"{name!r}: {{\n" + "\n".join(entries) + "\n},")
    out.append("}\n")
    Path(__file__).with_name("coefficients.py").write_text("\n".join(out))


if __name__ == "__main__":
    main()
