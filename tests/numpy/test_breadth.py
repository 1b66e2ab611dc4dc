"""NumPy names beyond the everyday ones: ufunc methods, bits, r_ and c_, quantiles, files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp

BINARY = ["add", "multiply", "maximum", "minimum", "subtract", "logaddexp", "hypot", "true_divide"]


@pytest.mark.parametrize("name", BINARY)
def test_ufunc_methods(name: str) -> None:
    x = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))
    ours, numpys = getattr(bnp, name), getattr(np, name)
    assert np.allclose(ours.outer(x[0], x[1]), numpys.outer(x[0], x[1]), rtol=1e-15)
    for axis in (0, 1):
        got = ours.reduce(bnp.asarray(x), axis=axis)
        assert np.allclose(got, numpys.reduce(x, axis=axis), rtol=1e-14)
        got = ours.accumulate(bnp.asarray(x), axis=axis)
        assert np.allclose(got, numpys.accumulate(x, axis=axis), rtol=1e-14)
    kept = ours.reduce(bnp.asarray(x), axis=1, keepdims=True)
    assert kept.shape == (3, 1)
    # the same, asked for by NumPy's own ufunc, and differentiated
    assert np.allclose(numpys.reduce(bnp.asarray(x)), numpys.reduce(x), rtol=1e-14)
    f = lambda v: bnp.sum(numpys.outer(v, v[:2]))
    h = 1e-6
    g = bibun.jit(bibun.grad(f))(x[0])
    for k in range(4):
        e = h * np.eye(4)[k]
        assert float(g[k]) == pytest.approx(float(f(x[0] + e) - f(x[0] - e)) / 2 / h, rel=1e-5)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "maximum", "minimum", "power"])
def test_ufunc_at(name: str) -> None:
    x = np.array([1.0, 2.0, 3.0])
    want = x.copy()
    getattr(np, name).at(want, [0, 2, 0], [3.0, 0.5, 2.0])
    got = getattr(bnp, name).at(bnp.asarray(x), bnp.array([0, 2, 0]), bnp.array([3.0, 0.5, 2.0]))
    if name != "power":  # a repeated index: the last power holds
        assert np.array_equal(got, want)
    with pytest.raises(ValueError, match="immutable"):
        bnp.add.at(bnp.ones(2), 0, 1.0, inplace=True)
    with pytest.raises(TypeError, match="immutable"):
        np.add.at(bnp.ones(2), 0, 1.0)
    with pytest.raises(TypeError, match=r"hypot.at"):
        bnp.hypot.at(bnp.ones(2), 0, 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frexp_and_spacing(dtype: str) -> None:
    limits = np.finfo(dtype)
    x = np.array([0.0, 1.0, -3.7, limits.smallest_subnormal, limits.tiny / 2, limits.max, np.inf,
                  -np.inf, np.nan, -0.0, -limits.max], dtype)  # fmt: skip
    m, e = bnp.frexp(bnp.asarray(x))
    wanted_m, wanted_e = np.frexp(x)
    finite = np.isfinite(x)
    assert np.array_equal(m, wanted_m, equal_nan=True)
    assert np.array_equal(np.asarray(e)[finite], wanted_e[finite])
    assert np.array_equal(bnp.spacing(bnp.asarray(x)), np.spacing(x), equal_nan=True)
    g = bibun.vmap(bibun.grad(lambda v: bnp.frexp(v)[0]))(bnp.array([3.0, -0.3]))
    assert np.array_equal(g, [0.25, 2.0])


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_bits(order: str, axis: int | None) -> None:
    x = np.random.default_rng(1).integers(0, 2, (11, 9))
    packed = bnp.packbits(bnp.asarray(x), axis, order)
    assert np.array_equal(packed, np.packbits(x, axis, order))
    assert packed.dtype == np.uint8
    for count in (None, 7, -3, 200):
        got = bnp.unpackbits(packed, axis, count, order)
        assert np.array_equal(got, np.unpackbits(np.asarray(packed), axis, count, order))


def test_r_and_c() -> None:
    a, b = np.array([1, 2, 3]), np.array([4, 5, 6])
    m = np.ones((2, 2))
    for r, c in ((np.r_, np.c_),):
        pairs = [
            (bnp.r_[1:4, 0, 4], r[1:4, 0, 4]),
            (bnp.r_[-1:1:6j, [0] * 3, 5, 6], r[-1:1:6j, [0] * 3, 5, 6]),
            (bnp.r_["0,2", a, b], r["0,2", a, b]),
            (bnp.r_["0,2,0", a, b], r["0,2,0", a, b]),
            (bnp.r_["1,2,0", a, b], r["1,2,0", a, b]),
            (bnp.r_["-1", m, m[:, :1]], r["-1", m, m[:, :1]]),
            (bnp.c_[a, b], c[a, b]),
            (bnp.c_[a[None], 0, 0, b[None]], c[a[None], 0, 0, b[None]]),
        ]
    for got, want in pairs:
        assert np.array_equal(got, want)
        assert got.shape == want.shape
    assert np.array_equal(bibun.grad(lambda x: bnp.sum(bnp.c_[x, 2 * x] ** 2))(a * 1.0), 10.0 * a)
    with pytest.raises(ValueError, match="axis,ndmin"):
        bnp.r_["r", a]


METHODS = [
    "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_quantile_methods(method: str) -> None:
    x = np.random.default_rng(2).normal(size=(7, 3))
    q = np.array([0.0, 0.1, 0.25, 0.33, 0.5, 0.7, 0.95, 1.0])
    for n in (1, 2, 5, 7):
        got = bnp.quantile(bnp.asarray(x[:n]), q, axis=0, method=method)
        assert np.allclose(got, np.quantile(x[:n], q, axis=0, method=method), rtol=1e-12), n
    y = x.copy()
    y[2, 1] = np.nan
    got = bnp.nanquantile(bnp.asarray(y), 0.3, axis=0, method=method)
    assert np.allclose(got, np.nanquantile(y, 0.3, axis=0, method=method), rtol=1e-12)


def test_weighted_quantile() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    w[0] = 2
    q = [0.0, 0.2, 0.5, 1.0]
    kw: Any = {"axis": 0, "method": "inverted_cdf"}
    got = bnp.quantile(bnp.asarray(x), bnp.asarray(q), weights=w, **kw)
    assert np.array_equal(got, np.quantile(x, q, weights=w, **kw))
    full = rng.uniform(0.1, 1.0, x.shape)
    got = bibun.jit(lambda v: bnp.percentile(v, 40.0, weights=full, **kw))(x)
    assert np.array_equal(got, np.percentile(x, 40.0, weights=full, **kw))
    with pytest.raises(ValueError, match="inverted_cdf"):
        bnp.quantile(bnp.ones(3), 0.5, weights=bnp.ones(3))


def test_put_place_trim_mask_indices() -> None:
    x = np.arange(12.0).reshape(3, 4)
    want = x.copy()
    np.put(want, [0, -1, 5], [7.0, 8.0])
    assert np.array_equal(bnp.put(bnp.asarray(x), [0, -1, 5], [7.0, 8.0]), want)
    want = x.copy()
    np.place(want, x > 6, [1.0, 2.0])
    assert np.array_equal(bibun.jit(lambda v: bnp.place(v, v > 6, [1.0, 2.0]))(x), want)
    z = np.pad(x + 1, 1)
    assert np.array_equal(bnp.trim_zeros(bnp.asarray(z)), x + 1)
    assert bnp.trim_zeros(bnp.asarray(z), "f", axis=1).shape == (5, 5)
    for got, wanted in zip(bnp.mask_indices(3, bnp.tril), np.mask_indices(3, np.tril), strict=True):
        assert np.array_equal(got, wanted)
    f = bibun.jit(lambda: bnp.mask_indices(3, bnp.tril, size=6)[0])
    assert np.array_equal(f(), np.mask_indices(3, np.tril)[0])
    with pytest.raises(IndexError):
        bnp.put(bnp.ones(3), 5, 1.0)


def test_files() -> None:
    x = np.random.default_rng(4).normal(size=(2, 3))
    file = io.BytesIO()
    bnp.save(file, bnp.asarray(x))
    file.seek(0)
    assert np.array_equal(np.load(file), x)
    file = io.BytesIO()
    bnp.savez(file, bnp.asarray(x), y=bnp.arange(3))
    file.seek(0)
    found = bnp.load(file)
    assert np.array_equal(found["arr_0"], x)
    assert np.array_equal(found["y"], [0, 1, 2])
    assert np.array_equal(bnp.fromstring("1,2", sep=","), [1.0, 2.0])


def test_cov_in_single_precision_and_options_of_text() -> None:
    x = np.random.default_rng(5).normal(size=(2, 9))
    assert bnp.cov(x, dtype=bnp.float32).dtype == np.float32
    assert bnp.corrcoef(x, dtype=bnp.float32).dtype == np.float32
    assert bnp.array_str(bnp.array([1.23456]), precision=2) == "[1.23]"
