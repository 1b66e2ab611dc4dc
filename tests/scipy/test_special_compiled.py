"""Compiled special functions against mpmath, where eager code asks SciPy."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.special as reference

import bibun
import bibun.numpy as bnp
from bibun.scipy import special

P = np.array([0.01, 0.3, 0.55, 0.97])  # probabilities
A = np.array([0.6, 1.5, 3.0, 12.0])  # parameters


def outer(columns):
    """Every combination of the columns' elements."""
    return [g.ravel() for g in np.meshgrid(*columns, indexing="ij")]


SHAPES = np.array([0.01, 0.6, 1.5, 19.0, 21.0, 300.0, 1e5])
RATIOS = np.array([0.02, 0.3, 0.75, 1.0, 1.2, 3.0])


def exact(f, *columns):
    with mp.workdps(40):
        return np.array([float(f(*map(mp.mpf, row))) for row in zip(*columns, strict=True)])


@pytest.mark.parametrize(("name", "ends"), [("gammainc", (0, None)), ("gammaincc", (None, mp.inf))])
def test_compiled_incomplete_gamma(name, ends):
    a, r = outer((SHAPES[:-1], RATIOS))
    x = a * r
    lo, hi = ends
    f = lambda a, x: mp.gammainc(a, x if lo is None else lo, x if hi is None else hi,  # noqa: E731
                                 regularized=True)  # fmt: skip
    want = exact(f, a, x)
    keep = want > 1e-290
    got = np.asarray(bibun.jit(getattr(special, name))(bnp.array(a), bnp.array(x)))
    np.testing.assert_allclose(got[keep], want[keep], rtol=3e-13)


def test_compiled_incomplete_beta():
    a, b, x = outer((SHAPES[1:-1], np.array([0.3, 2.0, 40.0]), np.array([1e-6, 0.2, 0.6, 0.98])))
    want = exact(lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True), a, b, x)
    keep = want > 1e-280
    got = np.asarray(bibun.jit(special.betainc)(*map(bnp.array, (a, b, x))))
    np.testing.assert_allclose(got[keep], want[keep], rtol=3e-13)


def test_compiled_tails_meet_the_centre():
    """Where regimes change, neighbours differ by what the slope says."""
    for a, x in ((20.0, 20.0 * 0.72), (20.0, 20.0 * 1.4), (0.5, 1.1), (3.0, 3.0), (0.3, 0.5)):
        at = x * (1 + 1e-9 * np.arange(-4, 5))
        y = np.asarray(bibun.jit(lambda v, a=a: special.gammaincc(a, v))(bnp.array(at)))
        np.testing.assert_allclose(np.diff(y, 2), 0, atol=1e-15)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "betainc", "zeta", "polygamma", "stdtr"])
def test_compiled_special_values(name):
    v = np.array([0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, np.nan, 1e-30, 0.5])
    args = outer([v] * (3 if name == "betainc" else 2))
    with np.errstate(all="ignore"):
        want = getattr(special, name)(*args)
        got = bibun.jit(getattr(special, name))(*args)
    if name == "zeta":  # SciPy has inf for nan at the poles, and nan for the sum 0 at s = inf
        keep = ~(np.isnan(args[0]) | np.isnan(args[1]) | np.isinf(args[0]))
        got, want = np.asarray(got)[keep], np.asarray(want)[keep]
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-100)


def test_nothing_that_models_use_calls_back():
    """Compiled code of the distributions' functions is native."""
    f = lambda a, x: (  # noqa: E731
        special.gammainc(a, x) + special.betainc(a, x, 0.3) + special.stdtr(a, x)
        + special.polygamma(2, x) + special.i0e(x) + special.k1(x) + special.kv(a, x)
        + special.log_ndtr(x) + special.ndtri(0.1 * x) + special.owens_t(a, x) + special.j0(x)
        + special.expi(x) + special.exp1(x) + special.expn(2, x) + special.dawsn(x)
        + special.erfi(x) + special.spence(x) + special.ellipk(x) + special.ellipe(x)
        + special.jv(a, x) + special.yv(a, x) + special.iv(a, x) + special.jn(2, x)
        + sum(special.sici(x)) + sum(special.shichi(x)) + sum(special.fresnel(x))
    )  # fmt: skip
    g = bibun.jit(bibun.value_and_grad(lambda x: bnp.sum(f(bnp.array(A), x))))
    text = g.lower(bnp.array(P)).as_text("llvm")
    assert "callback" not in text
    h = lambda a, x: (  # noqa: E731
        special.gammainc(a, x) + special.betainc(a, x, 0.3) + special.stdtr(a, x)
        + special.kv(a, x) + special.owens_t(a, x) + special.gammaincinv(a, x)
        + special.gammainccinv(a, x) + special.betaincinv(a, x, 0.3) + special.stdtrit(a, x)
    )  # fmt: skip
    g = bibun.jit(bibun.grad(lambda a, x: bnp.sum(h(a, x)), argnums=(0, 1)))
    text = g.lower(bnp.array(A), bnp.array(P)).as_text("llvm")
    assert "callback" not in text


@pytest.mark.parametrize("tail", [False, True])
def test_compiled_gamma_quantiles(tail):
    """Shapes from tiny to large, probabilities from the far tail to next to one."""
    name = "gammainccinv" if tail else "gammaincinv"
    p = np.array([1e-250, 1e-12, 0.01, 0.5, 0.9, 1 - 1e-9])
    a, p = outer((np.array([0.03, 0.45, 0.6, 1.0, 7.0, 400.0]), p))
    x = np.asarray(bibun.jit(getattr(special, name))(a, p))
    want = getattr(reference, name)(a, p)
    keep = want > 1e-290
    np.testing.assert_allclose(x[keep], want[keep], rtol=1e-12)
    assert (x[~keep] < 1e-289).all()
    a, p = np.array([2.0, 2.0, 2.0, -1.0, 0.0]), np.array([0.0, 1.0, 1.5, 0.5, 0.5])
    ends = bibun.jit(getattr(special, name))(a, p)
    nothing = [np.nan] * 3
    np.testing.assert_array_equal(ends, [np.inf, 0, *nothing] if tail else [0, np.inf, *nothing])


def test_compiled_beta_and_student_quantiles():
    a, b, p = outer((np.array([0.1, 0.7, 3.0, 80.0]), np.array([0.2, 1.0, 30.0]),
                     np.array([1e-40, 1e-6, 0.3, 0.5, 0.98])))  # fmt: skip
    x = np.asarray(bibun.jit(special.betaincinv)(a, b, p))
    back = special.betainc(a, b, x)
    keep = (x > 1e-290) & (x < 1 - 1e-5)  # nearer to 1 rounding x changes p
    np.testing.assert_allclose(back[keep], p[keep], rtol=1e-10)
    df, p = outer((np.array([0.5, 1.0, 4.0, 300.0, 1e7, 1e12]),
                   np.array([0, 1e-40, 1e-4, 0.3, 0.4999999, 0.5, 0.8, 1 - 1e-10, 1])))  # fmt: skip
    t = np.asarray(bibun.jit(special.stdtrit)(df, p))
    lower = p < 0.5
    with mp.workdps(80):
        # Cauchy's quantile is exact, and the median, and what the distribution function gives back
        one = df == 1
        want = [float(mp.tan(mp.pi * (mp.mpf(q) - 0.5))) if 0 < q < 1 else math.inf * (2 * q - 1)
                for q in p[one]]  # fmt: skip
    np.testing.assert_allclose(t[one], want, rtol=1e-13, atol=1e-30)
    assert (t[p == 0.5] == 0).all()
    inner = (p > 0) & (p < 1)
    back = np.asarray(bibun.jit(special.stdtr)(df[inner], np.where(lower, t, -t)[inner]))
    np.testing.assert_allclose(back, np.where(lower, p, 1 - p)[inner], rtol=1e-7)


def test_compiled_student_tails():
    """Far tails of many degrees of freedom, where half less half of a beta is nothing."""
    df, t = outer((np.array([0.7, 30.0, 300.0, 1e6, 1e12]), np.array([-20.0, -9.0, -1.0, -1e-9])))
    got = np.asarray(bibun.jit(special.stdtr)(df, t))
    with mp.workdps(40):
        want = [float(mp.betainc(n / 2, 0.5, 0, n / (n + x * x), regularized=True) / 2)
                if n < 1e5 else float(reference.stdtr(float(n), float(x)))
                for n, x in zip(map(mp.mpf, df), map(mp.mpf, t), strict=True)]  # fmt: skip
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("name", ["jv", "yv", "ive"])
def test_compiled_bessel_functions_at_the_ends(name):
    """Zero, infinite and negative arguments and orders are what eager code has."""
    v, x = outer((np.array([0.0, 1.0, -1.0, 2.0, 0.5, 1.5, -1.3, np.nan]),
                  np.array([0.0, 3.0, -3.0, np.inf, -np.inf, np.nan, 1e-200, 1e5])))  # fmt: skip
    f = getattr(special, name)
    want, got = np.asarray(f(v, x)), np.asarray(bibun.jit(f)(v, x))
    # at 0 and negative fractional orders SciPy has nan for ive, of which the limit is infinite
    keep = ~((x == 0) & (v == -1.3) & (name == "ive"))
    np.testing.assert_allclose(got[keep], want[keep], rtol=1e-11, atol=1e-300)


def test_compiled_bessel_functions_refuse_what_takes_too_long():
    """Beyond 50,000 steps there is no number rather than a wrong one."""
    f = bibun.jit(special.jv)
    assert np.isnan(float(f(1e6, 1e6)))
    assert float(f(1e6, 10.0)) == 0.0
    np.testing.assert_allclose(float(f(3.0, 1e7)), reference.jv(3.0, 1e7), rtol=1e-8)
