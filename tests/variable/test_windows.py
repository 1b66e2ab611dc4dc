"""Convolutions and poolings against loops, their derivatives against differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import bibun.variable.functions as F
from bibun.variable import Variable
from tests.variable.test_functions import check_gradients

rng = np.random.default_rng(8)


def conv_by_loops(x: Any, W: Any, b: Any, stride: Any, pad: Any, dilate: Any, groups: int) -> Any:
    n = W.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in pad])
    k, g = W.shape[2:], groups
    out = [
        (m - (q - 1) * d - 1) // s + 1
        for m, q, s, d in zip(x.shape[2:], k, stride, dilate, strict=True)
    ]
    y = np.zeros((x.shape[0], W.shape[0], *out))
    per_out, per_in = W.shape[0] // g, x.shape[1] // g
    for at in itertools.product(*map(range, out)):
        for o in range(W.shape[0]):
            first = (o // per_out) * per_in
            for place in itertools.product(*map(range, k)):
                steps = zip(at, stride, place, dilate, strict=True)
                i = tuple(a * s + q * d for a, s, q, d in steps)
                for c in range(per_in):
                    y[(slice(None), o, *at)] += x[(slice(None), first + c, *i)] * W[(o, c, *place)]
    return y + b.reshape((1, -1) + (1,) * n)


CASES = {
    "1d": (1, (7,), (3,), {}),
    "2d": (2, (5, 6), (3, 2), {}),
    "2d stride pad": (2, (5, 6), (3, 2), {"stride": (2, 1), "pad": (1, 2)}),
    "2d dilate": (2, (6, 6), (2, 3), {"dilate": 2, "pad": 1}),
    "2d groups": (2, (5, 5), (2, 2), {"groups": 2, "stride": 2}),
    "3d": (3, (3, 4, 3), (2, 2, 2), {"stride": 1, "pad": 1}),
}


def _all(v: Any, n: int) -> tuple[int, ...]:
    return (v,) * n if isinstance(v, int) else tuple(v)


@pytest.mark.parametrize("name", CASES)
def test_convolution(name: str) -> None:
    n, size, k, options = CASES[name]
    groups = options.get("groups", 1)
    x, W = rng.normal(size=(2, 4, *size)), rng.normal(size=(6, 4 // groups, *k))
    b = rng.normal(size=6)
    f = getattr(F, f"convolution_{n}d")
    spec = [_all(options.get(w, d), n) for w, d in (("stride", 1), ("pad", 0), ("dilate", 1))]
    want = conv_by_loops(x, W, b, *spec, groups)
    y = f(Variable(x), W, b, **options)
    assert y.shape == want.shape
    assert np.allclose(y.data, want, rtol=1e-12, atol=1e-12)
    assert np.array_equal(F.convolution_nd(x, W, b, **options).data, y.data)
    check_gradients(lambda x, W, b: f(x, W, b, **options), (x, W, b))


@pytest.mark.parametrize("name", CASES)
def test_deconvolution_is_the_transpose(name: str) -> None:
    n, size, k, options = CASES[name]
    groups = options.get("groups", 1)
    x, W = rng.normal(size=(2, 4, *size)), rng.normal(size=(6, 4 // groups, *k))
    y = F.convolution_nd(x, W, None, **options)
    c = rng.normal(size=y.shape)
    back = getattr(F, f"deconvolution_{n}d")(c, W, outsize=size, **options)
    assert back.shape == x.shape
    assert np.sum(back.data * x) == pytest.approx(np.sum(c * y.data), rel=1e-11)
    check_gradients(
        lambda c, W: F.deconvolution_nd(c, W, outsize=size, **options), (c, W)
    )
    b = rng.normal(size=4)
    plain = F.deconvolution_nd(c, W, b, **options)
    assert plain.ndim == n + 2


def pool_by_loops(x: Any, k: Any, s: Any, p: Any, cover_all: bool, how: Any, fill: float) -> Any:
    extra = [q - 1 if cover_all else 0 for q in s]
    padded = np.pad(
        x,
        [(0, 0), (0, 0)] + [(q, q + e) for q, e in zip(p, extra, strict=True)],
        constant_values=fill,
    )
    out = [
        (m + 2 * q - w + e) // t + 1
        for m, w, t, q, e in zip(x.shape[2:], k, s, p, extra, strict=True)
    ]
    y = np.zeros((*x.shape[:2], *out))
    for at in itertools.product(*map(range, out)):
        window = tuple(slice(a * t, a * t + w) for a, t, w in zip(at, s, k, strict=True))
        part = padded[(slice(None), slice(None), *window)]
        y[(slice(None), slice(None), *at)] = how(part.reshape(*x.shape[:2], -1), axis=-1)
    return y


@pytest.mark.parametrize("cover_all", [True, False])
@pytest.mark.parametrize(
    ("n", "k", "s", "p"), [(1, 3, 2, 1), (2, 2, None, 0), (2, (3, 2), (2, 2), (1, 0)), (3, 2, 1, 0)]
)
def test_pooling(n: int, k: Any, s: Any, p: Any, cover_all: bool) -> None:
    x = rng.normal(size=(2, 2, *(5, 6, 4)[:n]))
    ks, ps = _all(k, n), _all(p, n)
    ss = ks if s is None else _all(s, n)
    f = getattr(F, f"max_pooling_{n}d")
    y = f(x, k, s, p, cover_all=cover_all)
    assert np.array_equal(y.data, pool_by_loops(x, ks, ss, ps, cover_all, np.max, -np.inf))
    check_gradients(lambda x: f(x, k, s, p, cover_all=cover_all), (x,))
    if not cover_all:
        f = getattr(F, f"average_pooling_{n}d")
        want = pool_by_loops(x, ks, ss, ps, False, np.mean, 0.0)
        assert np.allclose(f(x, k, s, p).data, want, rtol=1e-13)
        want = pool_by_loops(x, ks, ss, ps, False, np.nanmean, np.nan)
        assert np.allclose(f(x, k, s, p, pad_value=None).data, want, rtol=1e-13)
        check_gradients(lambda x: f(x, k, s, p), (x,))


def test_im2col() -> None:
    x = rng.normal(size=(2, 3, 5, 4))
    columns = F.im2col(x, 2, stride=1)
    assert columns.shape == (2, 12, 4, 3)
    W = rng.normal(size=(5, 3, 2, 2))
    want = F.convolution_2d(x, W).data
    assert np.allclose(np.einsum("ok,nkhw->nohw", W.reshape(5, 12), columns.data), want)


def test_clear_errors() -> None:
    with pytest.raises(ValueError, match="3 channels in 1 groups do not fit filters"):
        F.convolution_2d(np.ones((1, 3, 5, 5)), np.ones((2, 4, 3, 3)))
    with pytest.raises(ValueError, match="does not fit an image"):
        F.convolution_2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3)))
    with pytest.raises(ValueError, match="expected an array of 4 dimensions"):
        F.max_pooling_2d(np.ones((1, 3, 5)), 2)
