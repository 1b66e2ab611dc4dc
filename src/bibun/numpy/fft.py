"""`bibun.numpy.fft`: discrete Fourier transforms, with NumPy's names and conventions.

One op does the work: it transforms the last axes. What is here brings axes there, cuts or pads
them to the lengths asked for, and scales the result (`norm`: "backward" divides the inverse by
n, "forward" the direct transform, "ortho" both by √n).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import complex_of
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import as_int, axis_index, cast, no_out, promote_inexact, value
from bibun.numpy.creation import arange, asarray
from bibun.numpy.shape import moveaxis, roll
from bibun.ops import elementwise as el
from bibun.ops import shape as sh
from bibun.ops.fft import fft as _op

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip


def _resized(x: Value, axis: int, size: int) -> Value:
    """Cut or padded with zeros at the end of an axis."""
    have = x.shape[axis]
    if size < have:
        limits = tuple(size if k == axis else n for k, n in enumerate(x.shape))
        return sh.slice(x, starts=(0,) * x.ndim, limits=limits, strides=None)
    if size > have:
        config = tuple((0, size - have if k == axis else 0, 0) for k in range(x.ndim))
        return sh.pad(x, x.dtype.type(0), config=config)
    return x


def _axes(name: str, x: Value, s: Any, axes: Any) -> tuple[int, ...]:
    if axes is None:
        count = x.ndim if s is None else len(tuple(s))
        if count > x.ndim:
            raise ShapeError(f"{name}: {count} lengths for an array of {x.ndim} dimensions")
        return tuple(range(x.ndim - count, x.ndim))
    out = tuple(axis_index(name, k, x.ndim) for k in axes)
    if len(set(out)) != len(out):
        raise ShapeError(f"{name}: axes {tuple(axes)} name an axis twice")
    return out


def _scale(name: str, norm: str | None, inverse: bool, count: int) -> float:
    """What the op's result is multiplied with; the op itself divides inverses by the count."""
    if norm not in (None, "backward", "forward", "ortho"):
        raise ValueError(f"{name}: norm must be 'backward', 'forward' or 'ortho', got {norm!r}")
    if norm == "ortho":
        return math.sqrt(count) if inverse else 1.0 / math.sqrt(count)
    if norm == "forward":
        return float(count) if inverse else 1.0 / count
    return 1.0


def _transform(name: str, kind: str, a: Any, s: Any, axes: Any, norm: str | None) -> Value:
    (x,) = promote_inexact(name, a)
    x = value(name, "a", x)
    if x.ndim == 0:
        raise ShapeError(f"{name}: cannot transform a scalar")
    if kind == "rfft":
        if x.dtype.kind == "c":
            raise DTypeError(f"{name}: expected real numbers, got {x.dtype}; use fft for complex")
    else:
        x = cast(x, complex_of(x.dtype))
    where = _axes(name, x, s, axes)
    if not where:
        raise ShapeError(f"{name}: at least one axis must be transformed")
    half = kind == "irfft"
    given = [None] * len(where) if s is None else list(s)
    if len(given) != len(where):
        raise ShapeError(f"{name}: {len(given)} lengths for {len(where)} axes")
    lengths = []
    for i, (k, n) in enumerate(zip(where, given, strict=True)):
        last = half and i == len(where) - 1
        if n is None or (n := as_int(name, "length", n)) == -1:
            n = 2 * (x.shape[k] - 1) if last else x.shape[k]
        if n < 1:
            raise ShapeError(f"{name}: the number of points must be positive, got {n}")
        lengths.append(n)
        x = _resized(x, k, n // 2 + 1 if last else n)
    last_axes = tuple(range(x.ndim - len(where), x.ndim))
    moved = where != last_axes
    if moved:
        x = moveaxis(x, where, last_axes)
    out = _op(x, kind=kind, lengths=tuple(lengths))
    if moved:
        out = moveaxis(out, last_axes, where)
    factor = _scale(name, norm, kind in ("ifft", "irfft"), math.prod(lengths))
    return out if factor == 1.0 else el.mul(out, out.dtype.type(factor))


def _one(name: str, kind: str, a: Any, n: Any, axis: int, norm: str | None) -> Value:
    return _transform(name, kind, a, None if n is None else (n,), (axis,), norm)


def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None,
        out: None = None) -> Value:  # fmt: skip
    """Discrete Fourier transform: y[k] = Σ_j a[j] e^{-2πi jk/n}.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.fft(bnp.array([1.0, 0.0, 0.0])))
    [1.+0.j 1.+0.j 1.+0.j]
    """
    no_out("fft", out)
    return _one("fft", "fft", a, n, axis, norm)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None,
         out: None = None) -> Value:  # fmt: skip
    """The inverse of `fft`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.ifft(bnp.array([2.0, 0.0])))
    [1.+0.j 1.+0.j]
    """
    no_out("ifft", out)
    return _one("ifft", "ifft", a, n, axis, norm)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None,
         out: None = None) -> Value:  # fmt: skip
    """`fft` of real numbers: the n//2 + 1 terms that are not redundant.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.rfft(bnp.array([1.0, 0.0, 0.0])))
    [1.+0.j 1.+0.j]
    """
    no_out("rfft", out)
    return _one("rfft", "rfft", a, n, axis, norm)


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None,
          out: None = None) -> Value:  # fmt: skip
    """The inverse of `rfft`; n (2 (m - 1) by default) is the number of real points.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.irfft(bnp.array([2.0, 0.0])))
    [1. 1.]
    """
    no_out("irfft", out)
    return _one("irfft", "irfft", a, n, axis, norm)


def fftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
         norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """`fft` over several axes, all by default.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.fftn(bnp.eye(2)))
    [[2.+0.j 0.+0.j]
     [0.+0.j 2.+0.j]]
    """
    no_out("fftn", out)
    return _transform("fftn", "fft", a, s, axes, norm)


def ifftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
          norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """The inverse of `fftn`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.ifftn(4 * bnp.eye(2)))
    [[2.+0.j 0.+0.j]
     [0.+0.j 2.+0.j]]
    """
    no_out("ifftn", out)
    return _transform("ifftn", "ifft", a, s, axes, norm)


def rfftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
          norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """`fftn` of real numbers; the last of the axes keeps n//2 + 1 terms.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.rfftn(bnp.eye(2)))
    [[2.+0.j 0.+0.j]
     [0.+0.j 2.+0.j]]
    """
    no_out("rfftn", out)
    return _transform("rfftn", "rfft", a, s, axes, norm)


def irfftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
           norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """The inverse of `rfftn`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.irfftn(bnp.fft.rfftn(bnp.eye(2))))
    [[1. 0.]
     [0. 1.]]
    """
    no_out("irfftn", out)
    return _transform("irfftn", "irfft", a, s, axes, norm)


def fft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1),
         norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """`fft` over two axes, the last two by default.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.fft2(bnp.eye(2)))
    [[2.+0.j 0.+0.j]
     [0.+0.j 2.+0.j]]
    """
    no_out("fft2", out)
    return _transform("fft2", "fft", a, s, axes, norm)


def ifft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1),
          norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """The inverse of `fft2`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.ifft2(4 * bnp.eye(2)))
    [[2.+0.j 0.+0.j]
     [0.+0.j 2.+0.j]]
    """
    no_out("ifft2", out)
    return _transform("ifft2", "ifft", a, s, axes, norm)


def rfft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1),
          norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """`rfft` over two axes.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.rfft2(bnp.eye(2)))
    [[2.+0.j 0.+0.j]
     [0.+0.j 2.+0.j]]
    """
    no_out("rfft2", out)
    return _transform("rfft2", "rfft", a, s, axes, norm)


def irfft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1),
           norm: str | None = None, out: None = None) -> Value:  # fmt: skip
    """The inverse of `rfft2`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.irfft2(bnp.fft.rfft2(bnp.eye(2))))
    [[1. 0.]
     [0. 1.]]
    """
    no_out("irfft2", out)
    return _transform("irfft2", "irfft", a, s, axes, norm)


_OTHER_WAY = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None,
         out: None = None) -> Value:  # fmt: skip
    """`fft` of a signal with Hermitian symmetry, given by its first half: real.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.hfft(bnp.array([1.0, 0.0])))
    [1. 1.]
    """
    no_out("hfft", out)
    (x,) = promote_inexact("hfft", a)
    x = value("hfft", "a", x)
    x = el.conj(x) if x.dtype.kind == "c" else x
    return _one("hfft", "irfft", x, n, axis, _OTHER_WAY.get(norm, norm))


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None,
          out: None = None) -> Value:  # fmt: skip
    """The inverse of `hfft`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.ihfft(bnp.array([2.0, 2.0])))
    [2.-0.j 0.-0.j]
    """
    no_out("ihfft", out)
    return el.conj(_one("ihfft", "rfft", a, n, axis, _OTHER_WAY.get(norm, norm)))


def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: None = None) -> Value:
    """Frequencies of the terms of `fft`, for samples spaced d apart.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.fftfreq(4, 0.25))
    [ 0.  1. -2. -1.]
    """
    n = as_int("fftfreq", "n", n)
    k = asarray(np.fft.fftfreq(n, 1.0 / n), dtype=dtype)
    return k / (n * d)


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: None = None) -> Value:
    """Frequencies of the terms of `rfft`, for samples spaced d apart.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.rfftfreq(4, 0.25))
    [0. 1. 2.]
    """
    n = as_int("rfftfreq", "n", n)
    k = arange(0, n // 2 + 1, dtype=float if dtype is None else dtype)
    return k / (n * d)


def _shifted(name: str, x: Any, axes: Any, sign: int) -> Value:
    x = value(name, "x", asarray(x))
    if axes is None:
        axes = tuple(range(x.ndim))
    where = [axis_index(name, k, x.ndim) for k in (axes if isinstance(axes, Sequence) else [axes])]
    by = [x.shape[k] // 2 if sign > 0 else -(x.shape[k] // 2) for k in where]
    return roll(x, tuple(by), tuple(where)) if where else x


def fftshift(x: Any, axes: Any = None) -> Value:
    """Frequency 0 moved to the middle.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.fftshift(bnp.array([0.0, 1.0, -2.0, -1.0])))
    [-2. -1.  0.  1.]
    """
    return _shifted("fftshift", x, axes, 1)


def ifftshift(x: Any, axes: Any = None) -> Value:
    """The inverse of `fftshift`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fft.ifftshift(bnp.array([-2.0, -1.0, 0.0, 1.0])))
    [ 0.  1. -2. -1.]
    """
    return _shifted("ifftshift", x, axes, -1)
