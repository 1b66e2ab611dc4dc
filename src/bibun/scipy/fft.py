"""`bibun.scipy.fft`: the transforms of `bibun.numpy.fft`, and cosine transforms."""

from __future__ import annotations

import math
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import axis_index, promote_inexact, value
from bibun.numpy.fft import (
    fft,
    fft2,
    fftfreq,
    fftn,
    fftshift,
    hfft,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftfreq,
    rfftn,
)

__all__ = [
    "dct", "dctn", "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "idct", "idctn", "ifft",
    "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2", "irfftn", "next_fast_len", "rfft",
    "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip


def next_fast_len(target: int, real: bool = False) -> int:
    """The smallest length not below target whose transform is fast.

    >>> from bibun.scipy import fft
    >>> fft.next_fast_len(13)
    14
    """
    import scipy.fft

    return scipy.fft.next_fast_len(int(target), real)


def _line(name: str, x: Any, n: int | None, axis: int, type: int, norm: str | None) -> Value:
    if type not in (2, 3):
        raise NotImplementedError(f"{name}: type must be 2 or 3, got {type}")
    if norm not in (None, "backward", "ortho"):
        raise ValueError(f"{name}: norm must be None, 'backward' or 'ortho', got {norm!r}")
    y = value(name, "x", promote_inexact(name, x)[0])
    if y.dtype.kind == "c":
        raise TypeError(f"{name}: expected real numbers, got {y.dtype}")
    if y.ndim == 0:
        raise ShapeError(f"{name}: cannot transform a scalar")
    y = bnp.moveaxis(y, axis_index(name, axis, y.ndim), -1)
    if n is not None:
        have = y.shape[-1]
        pad = [(0, 0)] * (y.ndim - 1) + [(0, max(0, n - have))]
        y = bnp.pad(y[..., :n], pad)
    return y


def _turn(n: int, dtype: Any, sign: float) -> Value:
    """e^{sign iπk/2n} for k = 0, …, n - 1."""
    angle = bnp.arange(n).astype(dtype) * (sign * math.pi / (2 * n))
    return bnp.cos(angle) + 1j * bnp.sin(angle)


def _second(y: Value, ortho: bool) -> Value:
    """Type 2 along the last axis: 2 Σ y_j cos(πk(2j + 1)/2n), by one transform of length n."""
    n = y.shape[-1]
    mixed = bnp.concatenate([y[..., ::2], y[..., 1::2][..., ::-1]], -1)
    out = 2 * bnp.real(fft(mixed) * _turn(n, y.dtype, -1.0))
    return out * _ortho(n, y.dtype) if ortho else out


def _ortho(n: int, dtype: Any) -> Value:
    k = bnp.arange(n)
    return bnp.where(k == 0, math.sqrt(1 / (4 * n)), math.sqrt(1 / (2 * n))).astype(dtype)


def _third(y: Value, ortho: bool) -> Value:
    """Type 3: y_0 + 2 Σ y_k cos(πk(2j + 1)/2n), the inverse of type 2 times 2n."""
    n = y.shape[-1]
    if ortho:
        y = y * (1 / (_ortho(n, y.dtype) * (2 * n)))
    tail = bnp.concatenate([bnp.zeros_like(y[..., :1]), y[..., :0:-1]], -1)
    spectrum = (y - 1j * tail) * _turn(n, y.dtype, 1.0)
    mixed = n * bnp.real(ifft(spectrum))
    half = (n + 1) // 2
    front, back = mixed[..., :half], mixed[..., half:][..., ::-1]
    if n % 2:
        back = bnp.concatenate([back, bnp.zeros_like(front[..., :1])], -1)
    pairs = bnp.stack([front, back], -1)
    return pairs.reshape((*y.shape[:-1], -1))[..., :n]


def dct(x: Any, type: int = 2, n: int | None = None, axis: int = -1,
        norm: str | None = None) -> Value:  # fmt: skip
    """Discrete cosine transform, of type 2: y_k = 2 Σ x_j cos(πk(2j + 1)/2n); or 3.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import fft
    >>> print(fft.dct(bnp.ones(2)).round(12))
    [4. 0.]
    """
    y = _line("dct", x, n, axis, type, norm)
    out = (_second if type == 2 else _third)(y, norm == "ortho")
    return bnp.moveaxis(out, -1, axis)


def idct(x: Any, type: int = 2, n: int | None = None, axis: int = -1,
         norm: str | None = None) -> Value:  # fmt: skip
    """The inverse of `dct`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import fft
    >>> print(fft.idct(bnp.array([4.0, 0.0])).round(12))
    [1. 1.]
    """
    y = _line("idct", x, n, axis, type, norm)
    out = (_third if type == 2 else _second)(y, norm == "ortho")
    return bnp.moveaxis(out if norm == "ortho" else out / (2 * y.shape[-1]), -1, axis)


def _each(function: Any, x: Any, type: int, s: Any, axes: Any, norm: str | None) -> Value:
    y = bnp.asarray(x)
    if axes is None:
        axes = range(y.ndim) if s is None else range(y.ndim - len(s), y.ndim)
    axes = list(axes)
    for k, n in zip(axes, s if s is not None else [None] * len(axes), strict=True):
        y = function(y, type, n, k, norm)
    return y


def dctn(x: Any, type: int = 2, s: Any = None, axes: Any = None,
         norm: str | None = None) -> Value:  # fmt: skip
    """`dct` over several axes, all by default.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import fft
    >>> print(fft.dctn(bnp.ones((1, 1))))
    [[4.]]
    """
    return _each(dct, x, type, s, axes, norm)


def idctn(x: Any, type: int = 2, s: Any = None, axes: Any = None,
          norm: str | None = None) -> Value:  # fmt: skip
    """The inverse of `dctn`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import fft
    >>> print(fft.idctn(4 * bnp.ones((1, 1))))
    [[1.]]
    """
    return _each(idct, x, type, s, axes, norm)
