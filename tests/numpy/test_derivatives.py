"""Derivatives of formulas and index functions: exact, of higher order, at the hard points."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp

grad = bibun.grad


def nth(f, n):
    for _ in range(n):
        f = grad(f)
    return f


@pytest.mark.parametrize("n,want", [(1, 0.5), (2, 0.25), (3, 0.0), (4, -0.125)])
def test_logaddexp_at_equal_arguments(n, want):
    got = float(nth(lambda x: bnp.logaddexp(x, 1.0), n)(1.0))
    assert got == pytest.approx(want, abs=1e-14)


def test_logaddexp_far_apart_and_infinite():
    f = lambda x: bnp.logaddexp(x, -1000.0)  # noqa: E731
    assert (float(f(1000.0)), float(grad(f)(1000.0))) == (1000.0, 1.0)
    assert float(bnp.logaddexp(-np.inf, -np.inf)) == -np.inf
    assert float(bnp.logaddexp(np.inf, 1.0)) == np.inf
    assert float(grad(lambda x: bnp.logaddexp(x, -np.inf))(2.0)) == 1.0
    assert float(bnp.logaddexp(0.0, -40.0)) == pytest.approx(np.exp(-40.0), rel=1e-14)


@pytest.mark.parametrize("n,want", [(0, 1.0), (1, 0.0), (2, -np.pi**2 / 3), (4, np.pi**4 / 5)])
def test_sinc_at_zero(n, want):
    assert float(nth(bnp.sinc, n)(0.0)) == pytest.approx(want, abs=1e-12)


def test_sinc_is_smooth_where_its_series_ends():
    for x in (0.5 / np.pi - 1e-9, 0.5 / np.pi + 1e-9):
        d = np.cos(np.pi * x) / x - np.sin(np.pi * x) / (np.pi * x * x)
        assert float(grad(bnp.sinc)(x)) == pytest.approx(d, rel=1e-12)


def test_hypot():
    for scale in (1e-200, 1.0, 1e200):
        assert float(bnp.hypot(3 * scale, 4 * scale)) == pytest.approx(5 * scale, rel=1e-15)
    got = grad(bnp.hypot, argnums=(0, 1))(3.0, 4.0)
    assert [float(g) for g in got] == pytest.approx([0.6, 0.8])
    assert float(nth(lambda x: bnp.hypot(x, 4.0), 2)(3.0)) == pytest.approx(16 / 125)
    assert float(grad(lambda x: bnp.hypot(x, 0.0))(0.0)) == 0.0


def test_where_keeps_the_other_branch_out_to_any_order():
    f = lambda x: bnp.where(x > 0, x**2.5, bnp.log(x))  # noqa: E731
    g = lambda x: bnp.where(x == 0, 0.0, bnp.sin(x) / x * x)  # noqa: E731
    assert float(grad(f)(4.0)) == pytest.approx(20.0)
    for n in (1, 2, 3):
        assert np.isfinite(float(nth(g, n)(0.0)))


@pytest.mark.parametrize("exponent,n,want", [(2, 2, 2.0), (3, 3, 6.0), (2.0, 2, 2.0), (3, 1, 0.0)])
def test_power_at_zero(exponent, n, want):
    assert float(nth(lambda x: x**exponent, n)(0.0)) == want


@pytest.mark.parametrize("f", [
    lambda x: bnp.interp(x, bnp.array([0.0, 1.0, 3.0]), bnp.array([1.0, 2.0, -4.0])),
    lambda x: bnp.interp(1.3, bnp.array([0.0, 1.0, 3.0]), bnp.stack([x, x * x, 3 * x])),
    lambda x: bnp.interp(1.1, bnp.stack([0.0 * x, x, 3 * x]), bnp.array([1.0, 2.0, -4.0])),
    lambda x: bnp.sum(bnp.cumprod(bnp.stack([x, x + 1, x * x]))),
    lambda x: bnp.quantile(bnp.stack([x, 2 * x, x * x, 5.0]), 0.4),
    lambda x: bnp.sum(bnp.linspace(x, x * x, 5)),
    lambda x: bnp.sum(bnp.geomspace(x, 3 * x, 4)),
    lambda x: bnp.sum(bnp.convolve(bnp.stack([x, x * x, 1.0]), bnp.stack([x, 2.0]), "same")),
    lambda x: bnp.polyval(bnp.stack([x, 1.0, x * x]), x),
    lambda x: bnp.sum(bnp.gradient(bnp.stack([x, x**3, 2 * x]), x)[:2] ** 2),
    lambda x: bnp.trapezoid(bnp.stack([x, x**3, 2 * x]), bnp.stack([0 * x, x, 3 * x])),
    lambda x: bnp.median(bnp.stack([x, 7.0, x * x])),
    lambda x: bnp.sum(bnp.sort(bnp.stack([3 * x, x, 2.0])) * bnp.array([1.0, 2.0, 3.0])),
    lambda x: bnp.std(bnp.stack([3 * x, x * x, 2.0])),
    lambda x: bnp.sum(bnp.cov(bnp.stack([bnp.stack([x, x * x, 1.0]), bnp.stack([2.0, x, x])]))),
    lambda x: bnp.einsum("i,ij,j->", bnp.stack([x, 1.0]), bnp.eye(2) * x, bnp.stack([2.0, x])),
    lambda x: bnp.prod(bnp.stack([x, x - 1.3, x + 2])),
    lambda x: bnp.max(bnp.stack([x, x * x, 0.5])) + bnp.clip(x, 0.0, 9.0) + bnp.remainder(x, 0.7),
    lambda x: bnp.arctan2(x, 2.0) + bnp.float_power(x, x) + bnp.cbrt(x) + bnp.exp2(x),
    lambda x: bnp.sum(bnp.unwrap(bnp.stack([x, x + 5.0, 2 * x]))),
])  # fmt: skip
def test_against_differences(f):
    x, h = 1.3000001, 1e-6
    want = (float(f(x + h)) - float(f(x - h))) / (2 * h)
    assert float(grad(f)(x)) == pytest.approx(want, rel=1e-6, abs=1e-8)
    assert float(bibun.jvp(f, (x,), (1.0,))[1]) == pytest.approx(want, rel=1e-6, abs=1e-8)
    assert float(bibun.jit(grad(f))(x)) == pytest.approx(want, rel=1e-6, abs=1e-8)


def test_ties_share_the_gradient():
    np.testing.assert_allclose(np.asarray(grad(bnp.max)(bnp.array([2.0, 2.0, 1.0]))), [0.5, 0.5, 0])
