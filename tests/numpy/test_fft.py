"""`bibun.numpy.fft` against NumPy, its derivatives, batches and compiled code."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp

RNG = np.random.default_rng(5)
X = RNG.standard_normal((3, 4, 5))
Z = X + 1j * RNG.standard_normal((3, 4, 5))

CASES = [
    *((f, a, kw) for f in ("fft", "ifft", "hfft") for a in (X, Z)
      for kw in ({}, {"n": 3}, {"n": 8, "axis": 0}, {"norm": "ortho", "axis": 1},
                 {"norm": "forward"})),
    *(("irfft", Z, kw) for kw in ({}, {"n": 7}, {"n": 2, "axis": 1}, {"norm": "forward"})),
    *((f, X, kw) for f in ("rfft", "ihfft")
      for kw in ({}, {"n": 4}, {"n": 8, "axis": 0}, {"norm": "ortho"}, {"norm": "forward"})),
    *((f, a, kw) for f in ("fftn", "ifftn", "irfftn", "fft2", "ifft2", "irfft2") for a in (X, Z)
      for kw in ({}, {"s": (3, 6), "axes": (0, 2)}, {"s": (6, 3), "axes": (2, 0)},
                 {"norm": "ortho"})),
    *((f, X, kw) for f in ("rfftn", "rfft2")
      for kw in ({}, {"s": (3, 6), "axes": (0, 2)}, {"s": (6, 3), "axes": (2, 0)})),
    *((f, X, kw) for f in ("fftshift", "ifftshift") for kw in ({}, {"axes": 1}, {"axes": (0, 2)})),
]  # fmt: skip


def label(case):
    name, a, kw = case
    return f"{name}-{a.dtype.kind}-{kw}"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_values(case):
    name, a, kw = case
    want = getattr(np.fft, name)(a, **kw)
    for got in (
        getattr(bnp.fft, name)(bnp.array(a), **kw),
        getattr(np.fft, name)(bnp.array(a), **kw),
    ):
        assert isinstance(got, bibun.Array)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [1, 4, 5])
def test_frequencies(n):
    for name in ("fftfreq", "rfftfreq"):
        got = getattr(bnp.fft, name)(n, 0.3)
        np.testing.assert_allclose(np.asarray(got), getattr(np.fft, name)(n, 0.3), rtol=1e-15)


def test_single_precision_stays():
    assert bnp.fft.fft(bnp.ones(4, dtype=bnp.float32)).dtype == np.complex64
    assert bnp.fft.irfft(bnp.ones(4, dtype=bnp.complex64)).dtype == np.float32


@pytest.mark.parametrize("case", CASES[::3], ids=label)
def test_jit_and_vmap(case):
    name, a, kw = case

    def f(x):
        return getattr(bnp.fft, name)(x, **kw)

    want = np.stack([np.asarray(f(bnp.array(a))), np.asarray(f(bnp.array(2 * a)))])
    got = bibun.jit(bibun.vmap(f))(bnp.array(np.stack([a, 2 * a])))
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["rfft", "rfft2", "rfftn", "fft", "ifft", "hfft", "ihfft"])
def test_power_spectrum_gradient(name):
    """The gradient of Σ w |F x|² against differences (exact: it is quadratic)."""

    def loss(x):
        y = getattr(bnp.fft, name)(x)
        return bnp.sum(bnp.cos(bnp.arange(y.size)).reshape(y.shape) * bnp.abs(y) ** 2)

    x, t = bnp.array(X), RNG.standard_normal(X.shape)
    want = (loss(x + t) - loss(x - t)) / 2
    for g in (bibun.grad(loss), bibun.jit(bibun.grad(loss)), bibun.jacfwd(loss)):
        np.testing.assert_allclose(float(bnp.sum(g(x) * t)), float(want), rtol=1e-11)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: bnp.fft.fft(bnp.array(1.0)), "scalar"),
        (lambda: bnp.fft.rfft(bnp.array([1j])), "real"),
        (lambda: bnp.fft.fft(bnp.ones(3), n=0), "positive"),
        (lambda: bnp.fft.fft(bnp.ones(3), norm="none"), "norm"),
        (lambda: bnp.fft.fftn(bnp.ones((3, 3)), axes=(0, 0)), "twice"),
        (lambda: bnp.fft.fft(bnp.ones(3), axis=2), "axis 2"),
    ],
)
def test_errors_say_what_was_wrong(call, word):
    with pytest.raises((ValueError, TypeError), match=word):
        call()
