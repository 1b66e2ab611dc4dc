"""`bibun.scipy.signal` and `bibun.scipy.fft` against SciPy, and their derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.fft
import scipy.signal as reference

import bibun
import bibun.numpy as bnp
from bibun.scipy import fft, signal

RNG = np.random.default_rng(2)
MODES = ("full", "same", "valid")
SHAPES = [((7,), (3,)), ((3,), (7,)), ((6,), (4,)), ((5, 6), (2, 3)), ((3, 4), (5, 6)),
          ((4, 3, 5), (2, 3, 2)), ((6, 5), (6, 5))]  # fmt: skip


def pair(a, b, complex_=False):
    x, y = RNG.standard_normal(a), RNG.standard_normal(b)
    return (
        (x + 1j * RNG.standard_normal(a), y - 1j * RNG.standard_normal(b)) if complex_ else (x, y)
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("a", "b"), SHAPES)
@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
def test_convolve_and_correlate(a, b, mode, method):
    for complex_ in (False, True):
        x, y = pair(a, b, complex_)
        for name in ("convolve", "correlate"):
            got = getattr(signal, name)(bnp.array(x), bnp.array(y), mode, method)
            want = getattr(reference, name)(x, y, mode, "direct")
            np.testing.assert_allclose(np.asarray(got), want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_long_kernels(mode):
    """Beyond the unrolled sum: windows, or transforms."""
    x, y = RNG.standard_normal((30, 20)), RNG.standard_normal((13, 12))
    want = reference.convolve(x, y, mode, "direct")
    for method in ("direct", "auto"):
        got = signal.convolve(bnp.array(x), bnp.array(y), mode, method)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-10, atol=1e-11)


def test_integers_stay_exact():
    x, y = np.arange(10), np.array([1, -2, 3])
    for method in ("direct", "fft"):
        got = signal.convolve(bnp.array(x), bnp.array(y), method=method)
        assert got.dtype == np.int64
        np.testing.assert_array_equal(np.asarray(got), np.convolve(x, y))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [None, 0, (1,), (0, 1)])
def test_fftconvolve(axes, mode):
    x, y = pair((5, 6), (3, 6) if axes == 0 else (5, 4) if axes == (1,) else (3, 4))
    got = signal.fftconvolve(bnp.array(x), bnp.array(y), mode, axes)
    want = reference.fftconvolve(x, y, mode, axes)
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
def test_two_dimensions_with_boundaries(mode, boundary):
    for b in ((3, 3), (2, 4)):
        x, y = pair((6, 7), b)
        for name in ("convolve2d", "correlate2d"):
            got = getattr(signal, name)(bnp.array(x), bnp.array(y), mode, boundary, 2.0)
            want = getattr(reference, name)(x, y, mode, boundary, 2.0)
            np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_correlations(method, mode):
    """d Σ w (x * k) along t is Σ w (t * k), in either argument, in both modes, compiled."""
    x, k = pair((6, 5), (3, 2))
    shape = reference.convolve(x, k, mode).shape
    w = RNG.standard_normal(shape)

    def f(x, k):
        return bnp.sum(signal.convolve(x, k, mode, method) * w)

    gx, gk = bibun.jit(bibun.grad(f, (0, 1)))(bnp.array(x), bnp.array(k))
    t, u = pair(x.shape, k.shape)
    want = np.sum(w * reference.convolve(t, k, mode))
    np.testing.assert_allclose(np.sum(np.asarray(gx) * t), want, rtol=1e-10)
    want = np.sum(w * reference.convolve(x, u, mode))
    np.testing.assert_allclose(np.sum(np.asarray(gk) * u), want, rtol=1e-10)
    batch = bibun.vmap(lambda x: signal.convolve(x, bnp.array(k), mode, method))(
        bnp.array(np.stack([x, t]))
    )
    np.testing.assert_allclose(np.asarray(batch[1]), reference.convolve(t, k, mode), atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kw", [{"type": "constant"}, {}, {"bp": [2]}, {"bp": [2, 4]}], ids=str)
def test_detrend(axis, kw):
    x = RNG.standard_normal((7, 8))
    got = signal.detrend(bnp.array(x), axis, **kw)
    np.testing.assert_allclose(np.asarray(got), reference.detrend(x, axis, **kw), atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("norm", [None, "ortho"])
@pytest.mark.parametrize("kind", [2, 3])
def test_cosine_transforms(n, norm, kind):
    x = RNG.standard_normal((3, n))
    for name, axis in itertools.product(("dct", "idct"), (0, 1)):
        got = getattr(fft, name)(bnp.array(x), kind, axis=axis, norm=norm)
        want = getattr(scipy.fft, name)(x, kind, axis=axis, norm=norm)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-13)
    for name in ("dctn", "idctn"):
        got = getattr(fft, name)(bnp.array(x), kind, norm=norm)
        np.testing.assert_allclose(
            np.asarray(got), getattr(scipy.fft, name)(x, kind, norm=norm), atol=1e-12
        )
    got = fft.dct(bnp.array(x), kind, n=n + 2, norm=norm)
    np.testing.assert_allclose(
        np.asarray(got), scipy.fft.dct(x, kind, n=n + 2, norm=norm), atol=1e-12
    )


def test_cosine_transform_gradient():
    x = RNG.standard_normal(6)
    w = RNG.standard_normal(6)
    g = bibun.jit(bibun.grad(lambda x: bnp.sum(fft.dct(x) * w)))(bnp.array(x))
    want = [np.sum(w * scipy.fft.dct(e)) for e in np.eye(6)]
    np.testing.assert_allclose(np.asarray(g), want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("call", "word"), [
    (lambda: signal.convolve(bnp.ones(3), bnp.ones(2), "middle"), "mode"),
    (lambda: signal.convolve(bnp.ones(3), bnp.ones((2, 2))), "ranks"),
    (lambda: signal.convolve(bnp.ones((3, 2)), bnp.ones((2, 3)), "valid"), "valid"),
    (lambda: signal.convolve(bnp.ones(3), bnp.ones(0)), "no elements"),
    (lambda: signal.convolve(bnp.ones(3), bnp.ones(2), method="fast"), "method"),
    (lambda: signal.detrend(bnp.ones(3), type="cubic"), "type"),
    (lambda: fft.dct(bnp.ones(3), 1), "type"),
])  # fmt: skip
def test_errors(call, word):
    with pytest.raises((ValueError, NotImplementedError), match=word):
        call()
