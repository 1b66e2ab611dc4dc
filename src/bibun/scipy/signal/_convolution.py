"""Convolution and correlation in any number of dimensions.

Two methods. "direct" adds shifted copies of the larger array, one for each element of the
kernel; compiled, they fuse into one pass. "fft" multiplies transforms. "auto" takes fft for
floating arrays where the kernel has more than 128 elements.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import axis_index, promote_args, promote_inexact, value

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve"]

_MODES = ("full", "same", "valid")
_UNROLLED = 128


def _pair(name: str, a: Any, b: Any, mode: str) -> tuple[Value, Value]:
    if mode not in _MODES:
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    x, y = promote_args(name, bnp.asarray(a), bnp.asarray(b))
    if x.ndim != y.ndim:
        raise ShapeError(f"{name}: shapes {x.shape} and {y.shape} have different ranks")
    return x, y


def _nested(name: str, x: Value, y: Value, axes: Sequence[int]) -> bool:
    """For "valid": whether y is the larger. Errors: ValueError if neither contains the other."""
    first = all(x.shape[k] >= y.shape[k] for k in axes)
    if not first and not all(x.shape[k] <= y.shape[k] for k in axes):
        raise ShapeError(
            f"{name}: mode 'valid' needs one input at least as large as the other along every "
            f"axis, got shapes {x.shape} and {y.shape}"
        )
    return not first


def _cropped(full: Value, x: Value, y: Value, mode: str, axes: Sequence[int]) -> Value:
    if mode == "full":
        return full
    index: list[Any] = [slice(None)] * full.ndim
    for k in axes:
        n, m = x.shape[k], y.shape[k]
        if mode == "same":
            count, start = n, (m - 1) // 2
        else:
            count, start = abs(n - m) + 1, min(n, m) - 1
        index[k] = slice(start, start + count)
    return full[tuple(index)]


def _direct(x: Value, w: Value, mode: str) -> Value:
    """Σ_j w[j] x[o - j]; only what the mode keeps is computed."""
    if w.size > x.size and mode != "same":
        x, w = w, x
    starts, counts = [], []
    for n, m in zip(x.shape, w.shape, strict=True):
        if mode == "full":
            starts.append(0)
            counts.append(n + m - 1)
        elif mode == "same":
            starts.append((m - 1) // 2)
            counts.append(n)
        else:
            starts.append(min(n, m) - 1)
            counts.append(abs(n - m) + 1)
    wide = bnp.pad(x, [(m - 1, m - 1) for m in w.shape])
    if w.size <= _UNROLLED:
        terms = []
        for j in itertools.product(*map(range, w.shape)):
            cut = tuple(
                slice(m - 1 - i + s, m - 1 - i + s + c)
                for m, i, s, c in zip(w.shape, j, starts, counts, strict=True)
            )
            terms.append(w[j] * wide[cut])
        return functools.reduce(lambda a, b: a + b, terms)
    # indices of all windows, the kernel's elements last
    place = np.zeros((1,) * (2 * x.ndim), np.int64)
    stride = 1
    for k in reversed(range(x.ndim)):
        m = w.shape[k]
        o, j = np.arange(counts[k]) + starts[k] + m - 1, np.arange(m)
        shape = [1] * (2 * x.ndim)
        shape[k], shape[x.ndim + k] = counts[k], m
        place = place + ((o[:, None] - j) * stride).reshape(shape)
        stride *= wide.shape[k]
    windows = bnp.take(wide.ravel(), place.reshape(math.prod(counts), -1), mode="clip")
    return (windows @ w.ravel()).reshape(counts)


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto", *,
             precision: Any = None) -> Value:  # fmt: skip
    """Convolution of two arrays of equal rank.

    mode: "full"; "same", the central part of the size of in1; "valid", what needs no padding.
    method: "auto", "direct", "fft" (floats; the error is relative to the largest element).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.convolve(bnp.array([1.0, 2.0, 3.0]), bnp.array([1.0, 1.0]), "same"))
    [1. 3. 5.]
    """
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"convolve: method must be 'auto', 'direct' or 'fft', got {method!r}")
    x, y = _pair("convolve", in1, in2, mode)
    if x.ndim == 0:
        return x * y
    if x.size == 0 or y.size == 0:
        raise ShapeError(f"convolve: shapes {x.shape} and {y.shape} have no elements")
    if mode == "valid" and _nested("convolve", x, y, range(x.ndim)):
        x, y = y, x
    if method == "auto":
        kernel = y.size if mode == "same" else min(x.size, y.size)
        method = "fft" if x.dtype.kind in "fc" and kernel > _UNROLLED else "direct"
    if method == "direct":
        return _direct(x, y, mode)
    out = fftconvolve(x, y, mode)
    return bnp.round(out).astype(x.dtype) if x.dtype.kind in "iu" else out


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Value:
    """Convolution by transforms, over `axes` (all by default); the others broadcast.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.fftconvolve(bnp.array([1.0, 2.0]), bnp.array([1.0, 1.0])).round(12))
    [1. 3. 2.]
    """
    from bibun.scipy.fft import next_fast_len

    x, y = _pair("fftconvolve", in1, in2, mode)
    x, y = (value("fftconvolve", "in", v) for v in promote_inexact("fftconvolve", x, y))
    if x.ndim == 0:
        return x * y
    if x.size == 0 or y.size == 0:
        return bnp.zeros((0,), dtype=x.dtype)
    if axes is None:
        where = list(range(x.ndim))
    else:
        given = axes if isinstance(axes, Sequence) else [axes]
        where = [axis_index("fftconvolve", k, x.ndim) for k in given]
    if mode == "valid" and _nested("fftconvolve", x, y, where):
        x, y = y, x
    sizes = [x.shape[k] + y.shape[k] - 1 for k in where]
    real = x.dtype.kind == "f"
    fast = [next_fast_len(n, real) for n in sizes]
    forward, backward = (bnp.fft.rfftn, bnp.fft.irfftn) if real else (bnp.fft.fftn, bnp.fft.ifftn)
    full = backward(forward(x, fast, where) * forward(y, fast, where), fast, where)
    index: list[Any] = [slice(None)] * x.ndim
    for k, n in zip(where, sizes, strict=True):
        index[k] = slice(0, n)
    return _cropped(full[tuple(index)], x, y, mode, where)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto", *,
              precision: Any = None) -> Value:  # fmt: skip
    """Cross-correlation of two arrays of equal rank: convolution with in2 reversed, conjugated.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.correlate(bnp.array([1.0, 2.0, 3.0]), bnp.array([0.0, 1.0]), "valid"))
    [2. 3.]
    """
    x, y = _pair("correlate", in1, in2, mode)
    return convolve(x, bnp.conjugate(bnp.flip(y)), mode, method)


def _bordered(x: Value, y: Value, boundary: str, fillvalue: Any) -> Value:
    margins = [(m - 1, m - 1) for m in y.shape]
    if boundary in ("fill", "pad"):
        return bnp.pad(x, margins, constant_values=fillvalue)
    names = {"wrap": "wrap", "circular": "wrap", "symm": "symmetric", "symmetric": "symmetric"}
    if boundary not in names:
        raise ValueError(f"boundary must be 'fill', 'wrap' or 'symm', got {boundary!r}")
    return bnp.pad(x, margins, mode=names[boundary])


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill",
               fillvalue: Any = 0, *, precision: Any = None) -> Value:  # fmt: skip
    """Convolution of two matrices; boundary: "fill" (with fillvalue), "wrap" or "symm".

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.convolve2d(bnp.eye(2), bnp.ones((1, 2))))
    [[1. 1. 0.]
     [0. 1. 1.]]
    """
    x, y = _pair("convolve2d", in1, in2, mode)
    if x.ndim != 2:
        raise ShapeError(f"convolve2d: expected matrices, got shapes {x.shape} and {y.shape}")
    if mode == "valid":
        return convolve(x, y, "valid")
    wide = _bordered(x, y, boundary, fillvalue)
    full = convolve(wide, y, "valid")
    return _cropped(full, x, y, mode, (0, 1))


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill",
                fillvalue: Any = 0, *, precision: Any = None) -> Value:  # fmt: skip
    """Cross-correlation of two matrices; boundary as in `convolve2d`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.correlate2d(bnp.eye(2), bnp.ones((1, 2)), "valid"))
    [[1.]
     [1.]]
    """
    x, y = _pair("correlate2d", in1, in2, mode)
    if x.ndim != 2:
        raise ShapeError(f"correlate2d: expected matrices, got shapes {x.shape} and {y.shape}")
    kernel = bnp.conjugate(bnp.flip(y))
    if mode == "same":  # the centre of an even kernel lies on the other side
        full = convolve2d(x, kernel, "full", boundary, fillvalue)
        index = tuple(slice(m // 2, m // 2 + n) for n, m in zip(x.shape, y.shape, strict=True))
        return full[index]
    return convolve2d(x, kernel, mode, boundary, fillvalue)
