"""`fft(x, *, kind, lengths)`: discrete Fourier transforms over the last axes.

`kind` is "fft" (e^{-2πi jk/n}, no factor), "ifft" (e^{+2πi jk/n}, factor 1/n), "rfft" (of real x,
the half of the last axis that is not redundant, n//2 + 1 terms) or "irfft" (its inverse).
`lengths` are the sizes of the transformed axes on the side of the signal, ascending to the last
axis. Each kind is linear, over the reals for the latter two.

Transposes, under the pairing Re Σ ct·y that cotangents have here (without conjugation): the
matrices of fft and ifft are symmetric, so each is its own transpose. rfft is fft of an array
that happens to be real, cut: pad with zeros, fft, real part. irfft counts each term k twice,
but for those that are their own mirror image, and reads only the real part of w^{-jk} y_k: the
transpose is the conjugate of rfft with those weights over n, followed by ifft on the other axes.

SciPy's pocketfft computes them, imported on first use; compiled code calls back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.dtypes import complex_of, real_of
from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import call_host
from bibun.ops.families.shape import clear_errors, mapped_front, numpy_of
from bibun.ops.op import LIBRARY, Op, Sample
from bibun.ops.registry import register

KINDS = ("fft", "ifft", "rfft", "irfft")


def _type_rule(x: ArrayType, kind: str, lengths: Sequence[int]) -> ArrayType:
    if kind not in KINDS:
        raise ValueError(f"fft: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    wanted = "f" if kind == "rfft" else "c"
    if x.dtype.kind != wanted or x.dtype.itemsize < 4:
        what = "real floats" if kind == "rfft" else "complex numbers"
        raise DTypeError(f"{kind}: expected {what}, got {x}")
    n = len(lengths)
    if not 1 <= n <= x.ndim or any(m < 1 for m in lengths):
        raise ShapeError(f"{kind}: cannot transform lengths {tuple(lengths)} of shape {x.shape}")
    half = (*lengths[:-1], lengths[-1] // 2 + 1)
    given = half if kind == "irfft" else tuple(lengths)
    if x.shape[x.ndim - n :] != given:
        raise ShapeError(f"{kind}: expected last axes of sizes {given}, got shape {x.shape}")
    out = half if kind == "rfft" else tuple(lengths)
    dtype = real_of(x.dtype) if kind == "irfft" else complex_of(x.dtype)
    return ArrayType((*x.shape[: x.ndim - n], *out), dtype, x.weak)


def _eval(x: Any, kind: str, lengths: Sequence[int]) -> np.ndarray:
    import scipy.fft

    x = numpy_of(x)
    n = len(lengths)
    if not 1 <= n <= x.ndim or x.dtype.kind != ("f" if kind == "rfft" else "c"):
        raise ValueError("operand that does not fit")
    axes = tuple(range(x.ndim - n, x.ndim))
    if x.size == 0:
        t = _type_rule(ArrayType(x.shape, x.dtype), kind, lengths)
        return np.zeros(t.shape, t.dtype)
    size = lengths[-1] // 2 + 1 if kind == "irfft" else lengths[-1]
    if x.shape[-n:] != (*lengths[:-1], size):
        raise ValueError("operand that does not fit")
    sizes = {"s": tuple(lengths)} if kind == "irfft" else {}
    return getattr(scipy.fft, f"{kind}n")(x, axes=axes, **sizes)


def _jvp(primals: Any, tangents: Any, **params: Any) -> Any:
    return fft(primals[0], **params), fft(tangents[0], **params)


def _mirror_weights(n: int, dtype: np.dtype) -> Any:
    """How often term k of n//2 + 1 counts, over n: once if it is its own mirror image."""
    from bibun.ops.elementwise import convert, eq, or_, where
    from bibun.ops.shape import iota

    k = iota(shape=(n // 2 + 1,), dtype=np.dtype(np.int64), axis=0)
    own = or_(eq(k, 0), eq(k, n // 2)) if n % 2 == 0 else eq(k, 0)
    return convert(where(own, 1.0 / n, 2.0 / n), new_dtype=dtype)


def _transpose(ct: Any, x: Any, kind: str, lengths: Sequence[int]) -> Any:
    from bibun.ops.elementwise import conj, mul, real
    from bibun.ops.shape import pad

    if kind in ("fft", "ifft"):
        return (fft(ct, kind=kind, lengths=lengths),)
    n = lengths[-1]
    if kind == "rfft":
        missing = n - (n // 2 + 1)
        if missing:
            config = ((0, 0, 0),) * (len(ct.shape) - 1) + ((0, missing, 0),)
            ct = pad(ct, ct.dtype.type(0), config=config)
        return (real(fft(ct, kind="fft", lengths=lengths)),)
    out = fft(ct, kind="rfft", lengths=(n,))
    out = mul(conj(out), _mirror_weights(n, out.dtype))
    if len(lengths) > 1:
        out = _over_earlier_axes(out, tuple(lengths[:-1]))
    return (out,)


def _over_earlier_axes(x: Any, lengths: tuple[int, ...]) -> Any:
    """ifft over the axes before the last."""
    from bibun.ops.shape import transpose

    rank, n = len(x.shape), len(lengths)
    order = (*range(rank - 1 - n), rank - 1, *range(rank - 1 - n, rank - 1))
    back = tuple(int(k) for k in np.argsort(order))
    x = fft(transpose(x, permutation=order), kind="ifft", lengths=lengths)
    return transpose(x, permutation=back)


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    return fft(mapped_front(args[0], dims[0], size), **params), 0


def _samples() -> list[Sample]:
    def real(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        return np.sin(np.arange(math.prod(shape)) ** 2 * 0.37 + 1).reshape(shape).astype(dtype)

    def cplx(*shape: int, dtype: Any = np.complex128) -> np.ndarray:
        return (real(*shape) + 1j * np.cos(3 * real(*shape))).astype(dtype)

    def half(*shape: int, dtype: Any = np.complex128) -> np.ndarray:
        return cplx(*shape[:-1], shape[-1] // 2 + 1, dtype=dtype)

    cases: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((4,), (4,)), ((5,), (5,)), ((1,), (1,)), ((2, 6), (6,)), ((3, 4), (3, 4)),
        ((2, 4, 5), (4, 5)), ((2, 3, 4), (2, 3, 4)),
    ]  # fmt: skip
    out = []
    for shape, lengths in cases:
        for kind, made in (("fft", cplx), ("ifft", cplx), ("rfft", real), ("irfft", half)):
            out.append(Sample(made(*shape), kind=kind, lengths=lengths))
    return out + [
        Sample(cplx(3, 4, dtype=np.complex64), kind="fft", lengths=(4,)),
        Sample(real(6, dtype=np.float32), kind="rfft", lengths=(6,)),
        Sample(half(6, dtype=np.complex64), kind="irfft", lengths=(6,)),
        Sample(cplx(0, 4), kind="ifft", lengths=(4,)),
        Sample(real(0, 4), kind="rfft", lengths=(4,)),
    ]


fft = Op(
    "fft",
    LIBRARY,
    type_rule=_type_rule,
    eval=clear_errors(_type_rule, _eval),
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    lower=call_host(lambda: fft),
    cost=30.0,
    samples=_samples,
    doc="`fft(x, *, kind, lengths)`: discrete Fourier transform over the last len(lengths) axes; "
    "kind fft, ifft, rfft or irfft.",
)
register(fft)
