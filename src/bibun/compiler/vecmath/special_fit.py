"""How the coefficients of the special functions were made; writes `special_coefficients.py`.

    python -m bibun.compiler.vecmath.special_fit        # needs mpmath; under a minute

TEMME holds the Taylor coefficients of Temme's functions C_k(η) (DLMF 8.12.9-8.12.12; Temme,
Math. Comp. 29, 1975), which are found from series alone: μ(η) from η²/2 = μ - log(1 + μ) by
its differential equation μ μ' = η (1 + μ), 1/μ by division, and
C_0 = 1/μ - 1/η, η C_k = C_{k-1}' + (-1)^k g_k η/μ with Stirling's numbers g_k. A row ends
where its terms no longer count for a >= 20 and |η| <= 0.4.

CHEBYSHEV holds smooth parts of functions as Chebyshev series on [-1, 1], one for each piece of
the line: (a, b, series) with the argument mapped linearly from [a, b]. Their last terms are
below 2**-55 of the value.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
from mpmath import mp, mpf

from bibun.compiler.vecmath.fit import _literal, split

TEMME_ROWS, TEMME_REACH, TEMME_LEAST = 11, mpf("0.4"), 20


def temme(rows: int = TEMME_ROWS) -> list[tuple[float, ...]]:
    """The Taylor coefficients of C_0, C_1, … in η."""
    count = 24 + 2 * rows
    mu = [mpf(0), mpf(1)]
    for n in range(2, count + 1):
        known = sum(mu[i] * (n + 1 - i) * mu[n + 1 - i] for i in range(2, n))
        mu.append((mu[n - 1] - known) / (n + 1))
    inverse = [mpf(1)]  # η/μ
    for n in range(1, count):
        inverse.append(-sum(mu[j + 1] * inverse[n - j] for j in range(1, n + 1)))
    logs = [mpf(0)] * (rows + 2)  # Stirling's series of log Γ*(a), and its exponential
    for k in range(1, rows // 2 + 2):
        if 2 * k - 1 < len(logs):
            logs[2 * k - 1] = mpmath.bernoulli(2 * k) / (2 * k * (2 * k - 1))
    g = [mpf(1)]
    for n in range(1, rows + 1):
        g.append(sum(j * logs[j] * g[n - j] for j in range(1, n + 1)) / n)
    c = [inverse[1:]]
    for k in range(1, rows):
        slope = [(n + 1) * v for n, v in enumerate(c[-1][1:])]
        c.append([v + (-1) ** k * g[k] * inverse[n + 1] for n, v in enumerate(slope[1:])])
    found = []
    for k, row in enumerate(c):
        weight = mpf(TEMME_LEAST) ** -k
        end = max(
            n for n, v in enumerate(row) if abs(v) * TEMME_REACH**n * weight > mpf(2) ** -58
        )
        found.append(tuple(float(v) for v in row[: end + 1]))
    return found


def chebyshev(
    f: Callable[[Any], Any], lo: Any, hi: Any, most: int = 60, loose: float = 1.0
) -> tuple[float, float, tuple[float, ...]]:
    """The Chebyshev series of f on [lo, hi], cut where it no longer counts."""
    lo, hi = mpf(lo), mpf(hi)
    nodes = [mp.cos(mp.pi * (j + mpf(1) / 2) / most) for j in range(most)]
    values = [f((lo + hi) / 2 + (hi - lo) / 2 * t) for t in nodes]
    size = min(abs(v) for v in values) or max(abs(v) for v in values)
    angles = [mp.pi * (j + mpf(1) / 2) / most for j in range(most)]
    series = [
        2 * sum(v * mp.cos(k * t) for t, v in zip(angles, values, strict=True)) / most
        for k in range(most)
    ]
    series[0] /= 2
    end = max(k for k, v in enumerate(series) if abs(v) > loose * mpf(2) ** -56 * size)
    return float(lo), float(hi), tuple(float(v) for v in series[: end + 1])


def _hankel(order: int, x: Any) -> Any:
    """P + iQ with H(x) = √(2/πx) e^{i(x - order π/2 - π/4)} (P + iQ)."""
    angle = x - order * mp.pi / 2 - mp.pi / 4
    return mp.hankel1(order, x) * mp.sqrt(mp.pi * x / 2) * mp.exp(-1j * angle)


def _root(z: Any) -> Any:
    return mp.sqrt(z)


def _j_less_zeros(order: int, x: Any) -> Any:
    """J_order(x)/x^order without its zeros below 8."""
    near = [x * x - mp.besseljzero(order, k) ** 2 for k in (1, 2)]
    return mp.besselj(order, x) / x**order / (near[0] * near[1])


def _zero(order: int, k: int) -> tuple[float, ...]:
    return split(mp.besseljzero(order, k), 8, 2)


def _k_regular(order: int, x: Any) -> Any:
    """K0 + log(x/2) I0, or x (K1 - log(x/2) I1)."""
    sign = 1 if order == 0 else -1
    return (mp.besselk(order, x) + sign * mp.log(x / 2) * mp.besseli(order, x)) * x**order


def _y_regular(order: int, x: Any) -> Any:
    """(Y - 2/π log(x) J) of order 0, or x times that of order 1."""
    return (mp.bessely(order, x) - 2 / mp.pi * mp.log(x) * mp.besselj(order, x)) * x**order


def _reciprocal_gammas(u: Any) -> tuple[Any, Any]:
    """Difference and sum of 1/Γ(1 - u) and 1/Γ(1 + u)."""
    below, above = mp.rgamma(1 - u), mp.rgamma(1 + u)
    return below - above, below + above


Series = tuple[float, float, tuple[float, ...]]


def _about(f: Callable[[Any], Any], root: Any, power: int) -> Callable[[Any], Any]:
    """(f(x) - log(x/root))/(x^power - root^power), as a function of x^power."""

    def smooth(z: Any) -> Any:
        x = z if power == 1 else _root(z)
        return (f(x) - mp.log(x / root)) / (z - root**power)

    return smooth


def integral_roots() -> dict[str, Any]:
    """The zeros of Ei, and the first ones of Ci and Chi."""
    return {
        name: mp.findroot(f, start)
        for name, f, start in (("ei", mp.ei, 0.37), ("ci", mp.ci, 0.62), ("chi", mp.chi, 0.52))
    }


def _auxiliary(x: Any) -> tuple[Any, Any]:
    """x f and x² g, where Si = π/2 - f cos - g sin and Ci = f sin - g cos (DLMF 6.2.17)."""
    c, s = mp.ci(x), mp.pi / 2 - mp.si(x)
    return (c * mp.sin(x) + s * mp.cos(x)) * x, (s * mp.sin(x) - c * mp.cos(x)) * x * x


def _fresnel_auxiliary(x: Any) -> tuple[Any, Any]:
    """πx f and π²x³ g, where with w = πx²/2 S = 1/2 - f cos w - g sin w (DLMF 7.5.3)."""
    c, s, w = mp.fresnelc(x) - mpf(1) / 2, mpf(1) / 2 - mp.fresnels(x), mp.pi * x * x / 2
    f, g = c * mp.sin(w) + s * mp.cos(w), s * mp.sin(w) - c * mp.cos(w)
    return f * mp.pi * x, g * mp.pi**2 * x**3


def _dawson(x: Any) -> Any:
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def integral_pieces() -> dict[str, list[Series]]:
    """The smooth parts of exponential, sine, Fresnel's, Dawson's, elliptic integrals."""
    root, e1, k, e = integral_roots(), lambda x: mp.expint(1, x), mp.ellipk, mp.ellipe
    inverse = lambda x: 1 / _root(x)  # noqa: E731
    quarter = lambda z: mp.root(z, 4)  # noqa: E731

    def ei_over(u: Any) -> Any:
        return mp.ei(1 / u) * mp.exp(-1 / u) / u

    def e1_over(u: Any) -> Any:
        return e1(1 / u) * mp.exp(1 / u) / u

    return {
        "ei": [chebyshev(_about(mp.ei, root["ei"], 1), 0, 6)]
        + [chebyshev(ei_over, a, b) for a, b in ((mpf(1) / 12, mpf(1) / 6),
                                                 (mpf(1) / 24, mpf(1) / 12), (0, mpf(1) / 24))],
        "e1": [chebyshev(lambda x: e1(x) + mp.log(x), 0, 1), chebyshev(e1_over, 0.25, 1),
               chebyshev(e1_over, 0, 0.25)],
        "si": [chebyshev(lambda z: mp.si(_root(z)) / _root(z), 0, 16)],
        "ci": [chebyshev(_about(mp.ci, root["ci"], 2), 0, 16)],
        "auxiliary": [chebyshev(lambda u, i=i: _auxiliary(4 / _root(u))[i], 0, 1, 90)
                      for i in (0, 1)],
        "shi": [chebyshev(lambda z: mp.shi(_root(z)) / _root(z), 0, 4)],
        "chi": [chebyshev(_about(mp.chi, root["chi"], 2), 0, 4)],
        "fresnel": [chebyshev(lambda z: mp.fresnels(quarter(z)) / quarter(z) ** 3, 0, 16),
                    chebyshev(lambda z: mp.fresnelc(quarter(z)) / quarter(z), 0, 16)],
        "fresnel_auxiliary": [
            chebyshev(lambda u, i=i: _fresnel_auxiliary(2 / quarter(u))[i], 0, 1, 90)
            for i in (0, 1)],
        "dawson": [chebyshev(lambda z: _dawson(_root(z)) / _root(z), 0, 6.25),
                   chebyshev(_dawson, 2.5, 5),
                   chebyshev(lambda z: 2 * _dawson(inverse(z)) * inverse(z), 0, mpf(1) / 25)],
        "dilogarithm": [chebyshev(lambda u: mp.polylog(2, -u).real / u, -0.5, 0.5)],
        # about 1: K(1-s) = P - log(s) K(s)/π and E(1-s) = P - log(s) (K(s) - E(s))/π
        "elliptic": [chebyshev(k, 0, 0.5), chebyshev(e, 0, 0.5),
                     chebyshev(lambda s: (k(s) - e(s)) / s, 0, 0.5),
                     chebyshev(lambda s: k(1 - s) + mp.log(s) * k(s) / mp.pi, 0, 0.5),
                     chebyshev(lambda s: e(1 - s) + mp.log(s) * (k(s) - e(s)) / mp.pi, 0, 0.5)],
    }  # fmt: skip


def pieces() -> dict[str, list[Series]]:
    """Each function's smooth parts: of z = x² near zero, of 8/x or its square far away."""
    found: dict[str, list[Series]] = {}
    for n in (0, 1):
        found[f"i{n}e"] = [
            chebyshev(lambda x, n=n: mp.exp(-x) * mp.besseli(n, x) / x**n, 0, 8),
            chebyshev(lambda u, n=n: mp.exp(-8 / u) * mp.besseli(n, 8 / u) * mp.sqrt(8 / u), 0, 1),
        ]
        found[f"k{n}e"] = [
            chebyshev(lambda z, n=n: mp.besseli(n, _root(z)) / _root(z) ** n, 0, 4, 30),
            chebyshev(lambda z, n=n: _k_regular(n, _root(z)), 0, 4, 30),
            chebyshev(lambda u, n=n: mp.exp(2 / u) * mp.besselk(n, 2 / u) * mp.sqrt(2 / u), 0, 1),
        ]
        found[f"j{n}"] = [chebyshev(lambda z, n=n: _j_less_zeros(n, _root(z)), 0, 64, 40)]
        found[f"y{n}"] = [chebyshev(lambda z, n=n: _y_regular(n, _root(z)), 0, 64, 40)]
        found[f"hankel{n}"] = [
            chebyshev(lambda z, n=n: _hankel(n, 8 / _root(z)).real, 0, 1),
            chebyshev(lambda z, n=n: _hankel(n, 8 / _root(z)).imag * 8 / _root(z), 0, 1),
        ]
    # (1/Γ(1-μ) - 1/Γ(1+μ))/2μ and (1/Γ(1-μ) + 1/Γ(1+μ))/2, of μ² (Temme 1976)
    found["reciprocal_gamma"] = [
        chebyshev(lambda z: _reciprocal_gammas(_root(z))[0] / (2 * _root(z)), 0, 0.25, 30),
        chebyshev(lambda z: _reciprocal_gammas(_root(z))[1] / 2, 0, 0.25, 30),
    ]
    return found


def main() -> None:
    mp.dps = 50
    out = [
        '"""Coefficients of special functions; made by `special_fit.py`, not by hand."""',
        "",
        "# fmt: off",
        "",
        "TEMME = (",
        *(_literal(row) + "," for row in temme()),
        ")",
        "",
        "# the zeros of J0 and J1 below 8, in two parts",
        "BESSEL_ZEROS = (",
        *(f"({_zero(n, 1)}, {_zero(n, 2)})," for n in (0, 1)),
        ")",
        "",
        "# zeros in two parts, and their logarithms",
        "INTEGRAL_ROOTS = {",
        *(f"{name!r}: ({split(r, 8, 2)}, {float(mp.log(r))!r}),"
          for name, r in integral_roots().items()),
        "}",
        "",
        "CHEBYSHEV = {",
    ]  # fmt: skip
    for name, parts in (pieces() | integral_pieces()).items():
        print(name, [len(series) for _, _, series in parts], flush=True)
        body = "\n".join(f"({lo!r}, {hi!r}, {_literal(series)})," for lo, hi, series in parts)
        out.append(f"{name!r}: (\n{body}\n),")
    out.append("}\n")
    Path(__file__).with_name("special_coefficients.py").write_text("\n".join(out))


if __name__ == "__main__":
    main()
