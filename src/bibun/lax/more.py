"""`bibun.lax`, the rest of JAX's names: made of the others, for one processor.

Enumerations that ask a backend for precision are here so that calls which pass them run:
bibun's products are always in full, which is at least what any of them asks for.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.array import Value
from bibun.dtypes import canonical
from bibun.errors import DTypeError, ShapeError
from bibun.lax.arrays import broadcast_in_dim, top_k
from bibun.lax.elementwise import bitcast_convert_type
from bibun.numpy import fft as _fft
from bibun.numpy._common import as_int, axis_index, promote_args, promote_inexact, value
from bibun.ops import elementwise as el
from bibun.ops import shape as sh
from bibun.transforms import custom_jvp

__all__ = [
    "FftType", "Precision", "approx_max_k", "approx_min_k", "broadcast_like",
    "broadcast_to_rank", "dtype", "empty", "fft", "mulhi", "platform_dependent", "ragged_dot",
    "reciprocal", "reduce_precision", "stack", "tile", "unstack",
]  # fmt: skip


class Precision(enum.Enum):
    """What a product may lose; here none loses anything.

    >>> from bibun import lax
    >>> print(lax.dot(2.0, 3.0, precision=lax.Precision.HIGHEST))
    6.0
    """

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


class FftType(enum.IntEnum):
    """The four transforms of `fft`.

    >>> import bibun.numpy as bnp
    >>> from bibun import lax
    >>> lax.fft(bnp.array([1.0, 0.0, 0.0, 0.0]), lax.FftType.RFFT, (4,)).shape
    (3,)
    """

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Value:
    """The discrete Fourier transform over the last len(fft_lengths) axes.

    fft_type: FftType or its name. fft_lengths: the sizes of those axes, for "IRFFT" of the result.

    >>> from bibun import lax
    >>> print(lax.fft(lax.full((4,), 1 + 0j), "FFT", (4,)))
    [4.+0.j 0.+0.j 0.+0.j 0.+0.j]
    """
    kind = fft_type if isinstance(fft_type, FftType) else FftType[str(fft_type).upper()]
    (a,) = promote_inexact("fft", x)
    a = value("fft", "x", a)
    lengths = tuple(as_int("fft", "fft_lengths", n) for n in fft_lengths)
    if len(lengths) > a.ndim:
        raise ShapeError(f"fft: {len(lengths)} lengths for an array of shape {a.shape}")
    want = lengths if kind is not FftType.IRFFT else (*lengths[:-1], *(
        n // 2 + 1 for n in lengths[-1:]))  # fmt: skip
    if a.shape[a.ndim - len(lengths) :] != want:
        raise ShapeError(f"fft: {kind.name} of lengths {lengths} wants axes {want}, got {a.shape}")
    if not lengths:
        return a
    transform = getattr(_fft, f"{kind.name.lower()}n")
    return transform(a, lengths, tuple(range(a.ndim - len(lengths), a.ndim)))


def reciprocal(x: Any) -> Value:
    """1 / x.

    >>> from bibun import lax
    >>> print(lax.reciprocal(4.0))
    0.25
    """
    (a,) = promote_inexact("reciprocal", x)
    a = value("reciprocal", "x", a)
    return el.div(a.dtype.type(1), a)


def mulhi(x: Any, y: Any) -> Value:
    """The upper half of the bits of an integer product of twice the width.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.mulhi(bnp.uint32(1 << 31), bnp.uint32(6)))
    3
    """
    a, b = (value("mulhi", "operands", v) for v in promote_args("mulhi", x, y))
    if a.dtype.kind not in "iu":
        raise DTypeError(f"mulhi: expected integers, got {a.dtype}")
    bits = 8 * a.dtype.itemsize
    if bits < 64:
        wide = np.dtype(f"{a.dtype.kind}8")
        product = a.astype(wide) * b.astype(wide)
        return bnp.right_shift(product, np.int64(bits).astype(wide)).astype(a.dtype)
    u, v = a.astype(np.uint64), b.astype(np.uint64)
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    u0, u1, v0, v1 = u & low, u >> half, v & low, v >> half
    middle = u1 * v0 + ((u0 * v0) >> half)
    out = u1 * v1 + (middle >> half) + ((u0 * v1 + (middle & low)) >> half)
    if a.dtype.kind == "i":  # what a negative factor, read as unsigned, added
        out = out - bnp.where(a < 0, v, np.uint64(0)) - bnp.where(b < 0, u, np.uint64(0))
    return out.astype(a.dtype)


def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Value:
    """Rounded to a float of fewer bits: to nearest, halves to even; too large is inf.

    What is too small for a normal number becomes 0 of its sign. The derivative is that of the
    identity.

    >>> from bibun import lax
    >>> print(lax.reduce_precision(3.14159265, 8, 7))
    3.140625
    """
    (a,) = promote_inexact("reduce_precision", operand)
    a = value("reduce_precision", "operand", a)
    if a.dtype.kind != "f":
        raise DTypeError(f"reduce_precision: expected real floats, got {a.dtype}")
    exponent = as_int("reduce_precision", "exponent_bits", exponent_bits)
    mantissa = as_int("reduce_precision", "mantissa_bits", mantissa_bits)
    if exponent < 1 or mantissa < 0:
        raise ValueError(
            f"reduce_precision: exponent_bits must be positive and mantissa_bits not negative, got "
            f"{exponent} and {mantissa}"
        )
    info = np.finfo(a.dtype)
    if exponent >= info.bits - info.nmant - 1 and mantissa >= info.nmant:
        return a
    return _rounded(a, exponent, mantissa)


def _round_bits(x: Value, exponent: int, mantissa: int) -> Value:
    info = np.finfo(x.dtype)
    whole = np.dtype(f"uint{info.bits}").type
    sign = whole(1 << (info.bits - 1))
    bits = bitcast_convert_type(x, whole)
    size = bits & whole(~sign)
    drop = info.nmant - mantissa
    if drop > 0:
        odd = (size >> whole(drop)) & whole(1)
        size = (size + odd + whole((1 << (drop - 1)) - 1)) & whole(~whole((1 << drop) - 1))
    full = info.bits - info.nmant - 1
    if exponent < full:
        bias, reach = (1 << (full - 1)) - 1, (1 << (exponent - 1)) - 1
        power = size >> whole(info.nmant)
        infinite = whole(((1 << full) - 1) << info.nmant)
        size = bnp.where(power > whole(bias + reach), infinite, size)
        size = bnp.where(power <= whole(bias - reach), whole(0), size)
    out = bitcast_convert_type(size | (bits & sign), x.dtype)
    return bnp.where(bnp.isnan(x), x, out)


_rounded = custom_jvp(_round_bits, nondiff_argnums=(1, 2))


@_rounded.defjvp
def _(exponent: int, mantissa: int, primals: Any, tangents: Any) -> Any:
    return _rounded(primals[0], exponent, mantissa), tangents[0]


def stack(operands: Sequence[Any], axis: int = 0) -> Value:
    """Arrays of one shape along a new axis.

    >>> from bibun import lax
    >>> print(lax.stack([1.0, 2.0]))
    [1. 2.]
    """
    return bnp.stack(operands, axis=axis)


def unstack(x: Any, axis: int = 0) -> tuple[Value, ...]:
    """The parts of an array along an axis, without it.

    >>> from bibun import lax
    >>> print(*lax.unstack(lax.iota(int, 2)))
    0 1
    """
    return tuple(bnp.unstack(x, axis=axis))


def tile(operand: Any, reps: Sequence[int]) -> Value:
    """An array repeated along its axes, or new ones in front.

    >>> from bibun import lax
    >>> print(lax.tile(lax.iota(int, 2), (2,)))
    [0 1 0 1]
    """
    return bnp.tile(operand, tuple(reps))


def empty(shape: Any, dtype: Any) -> Value:
    """An array whose elements mean nothing (they are 0).

    >>> from bibun import lax
    >>> lax.empty((2,), float).shape
    (2,)
    """
    return bnp.zeros(shape, dtype)


def dtype(x: Any) -> np.dtype:
    """The dtype that x has as an array.

    >>> from bibun import lax
    >>> lax.dtype(1.5)
    dtype('float64')
    """
    return value("dtype", "x", x).dtype


def broadcast_like(arr: Any, like_arr: Any) -> Value:
    """An array in the shape of another, by NumPy's rule.

    >>> from bibun import lax
    >>> print(lax.broadcast_like(1.5, lax.iota(int, 2)))
    [1.5 1.5]
    """
    like = value("broadcast_like", "like_arr", like_arr)
    return bnp.broadcast_to(value("broadcast_like", "arr", arr), like.shape)


def broadcast_to_rank(x: Any, rank: int) -> Value:
    """New axes of size 1 in front, up to a number of axes.

    >>> from bibun import lax
    >>> lax.broadcast_to_rank(lax.iota(int, 2), 3).shape
    (1, 1, 2)
    """
    a = value("broadcast_to_rank", "x", x)
    new = as_int("broadcast_to_rank", "rank", rank) - a.ndim
    if new < 0:
        raise ShapeError(f"broadcast_to_rank: rank {rank} is less than that of shape {a.shape}")
    return sh.expand_dims(a, axes=tuple(range(new))) if new else a


def _approximate(name: str, sign: int) -> Callable[..., Any]:
    def function(
        operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
        reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,
    ) -> tuple[Value, Value]:  # fmt: skip
        x = value(name, "operand", operand)
        axis = axis_index(name, reduction_dimension, x.ndim)
        if not 0 < recall_target <= 1:
            raise ValueError(f"{name}: recall_target must be in (0, 1], got {recall_target}")
        values, at = top_k(x if sign > 0 else -x, k, axis=axis)
        return (values if sign > 0 else -values), at

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The k {"largest" if sign > 0 else "smallest"} along an axis, in order.

    Exact, which meets any recall_target; the other arguments steer an approximation that is not
    made.

    >>> from bibun import lax
    >>> print(*lax.{name}(lax.iota(float, 4), 2))
    {"[3. 2.] [3 2]" if sign > 0 else "[0. 1.] [0 1]"}
    """
    return function


approx_max_k = _approximate("approx_max_k", 1)
approx_min_k = _approximate("approx_min_k", -1)


def ragged_dot(lhs: Any, rhs: Any, group_sizes: Any, precision: Any = None,
               preferred_element_type: Any = None, group_offset: Any = None) -> Value:  # fmt: skip
    """Rows in groups, each group times a matrix of its own.

    lhs (m, k): the first group_sizes[0] rows are for rhs[0], and so on; rhs (g, k, n). Rows
    after the last group give 0. Returns (m, n).

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> matrices = bnp.array([[[1.0]], [[10.0]]])
    >>> print(lax.ragged_dot(bnp.ones((3, 1)), matrices, bnp.array([1, 2])).ravel())
    [ 1. 10. 10.]
    """
    x, w = (value("ragged_dot", "operands", a) for a in promote_args("ragged_dot", lhs, rhs))
    sizes = value("ragged_dot", "group_sizes", group_sizes)
    if group_offset is not None:
        raise NotImplementedError("ragged_dot: group_offset is not offered; slice rhs instead")
    if x.ndim != 2 or w.ndim != 3 or w.shape[1] != x.shape[1] or sizes.shape != w.shape[:1]:
        raise ShapeError(
            f"ragged_dot: expected (m, k), (g, k, n) and (g,), got {x.shape}, {w.shape} and "
            f"{sizes.shape}"
        )
    if preferred_element_type is not None:
        x, w = (a.astype(canonical(preferred_element_type)) for a in (x, w))
    ends = bnp.cumsum(sizes)
    row = sh.iota(shape=(x.shape[0],), dtype=np.dtype(np.int64), axis=0)
    out = bnp.zeros((x.shape[0], w.shape[2]), x.dtype)
    for g in range(w.shape[0]):
        mine = (row >= ends[g] - sizes[g]) & (row < ends[g])
        masked = bnp.where(broadcast_in_dim(mine, x.shape, (0,)), x, x.dtype.type(0))
        out = out + masked @ w[g]
    return out


def platform_dependent(*args: Any, default: Callable[..., Any] | None = None,
                       **per_platform: Callable[..., Any]) -> Any:  # fmt: skip
    """The function for "cpu", or the default, applied.

    >>> from bibun import lax
    >>> lax.platform_dependent(2.0, cpu=lambda x: x + 1, default=lambda x: x)
    3.0
    """
    chosen = per_platform.get("cpu", default)
    if chosen is None:
        raise NotImplementedError(
            f"platform_dependent: none of {sorted(per_platform)} is 'cpu', and no default is given"
        )
    return chosen(*args)
