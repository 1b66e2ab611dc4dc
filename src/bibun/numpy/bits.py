"""Floats taken apart into mantissa and exponent, and bits packed into bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import int32
from bibun.errors import DTypeError
from bibun.numpy._common import as_int, axis_index, promote_inexact, value
from bibun.numpy.arithmetic import ldexp
from bibun.numpy.elementwise import _truth, astype, where
from bibun.numpy.formulas import isfinite
from bibun.numpy.shape import broadcast_to, expand_dims, moveaxis, ravel, reshape
from bibun.ops import elementwise as el
from bibun.ops import shape as sh
from bibun.ops.shape import concatenate

__all__ = ["frexp", "packbits", "spacing", "unpackbits"]


def _real(name: str, x: Any) -> Value:
    (x,) = promote_inexact(name, x)
    x = value(name, "x", x)
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: expected real numbers, got dtype {x.dtype}")
    return x


def frexp(x: Any, /) -> tuple[Value, Value]:
    """(mantissa, exponent) with x = mantissa 2**exponent and |mantissa| in [0.5, 1).

    0, infinities and nan are their own mantissa, with exponent 0. The mantissa is differentiable.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.frexp(bnp.array([8.0, -0.75])))
    [ 0.5  -0.75] [4 0]
    """
    x = _real("frexp", x)
    limits = np.finfo(x.dtype)
    integer = np.dtype(f"int{limits.bits}")
    special = el.or_(el.eq(x, x.dtype.type(0)), el.not_(isfinite(x)))
    small = el.lt(el.abs(x), limits.smallest_normal)
    raised = where(small, el.mul(x, x.dtype.type(2.0 ** (limits.nmant + 2))), x)
    raw = el.shift_right_logical(
        el.bitcast(raised, new_dtype=integer), integer.type(limits.nmant)
    )
    raw = el.and_(raw, integer.type(2**limits.iexp - 1))
    bias = where(small, limits.nmant + 2, 0)
    exponent = where(special, 0, astype(raw, int32) + (limits.minexp - bias))
    # in two steps: the largest exponents have no normal power of the opposite sign
    half = exponent // 2
    return ldexp(ldexp(x, -half), half - exponent), exponent


def spacing(x: Any, /) -> Value:
    """The distance to the next float away from 0, with the sign of x.

    >>> import bibun.numpy as bnp
    >>> print(bnp.spacing(1.0) == bnp.finfo(float).eps)
    True
    """
    x = _real("spacing", x)
    up = el.nextafter(el.abs(x), x.dtype.type(np.inf)) - el.abs(x)
    return where(el.lt(x, x.dtype.type(0)), -up, up)


def _weights(bitorder: str, name: str) -> np.ndarray:
    if bitorder not in ("big", "little"):
        raise ValueError(f"{name}: bitorder must be 'big' or 'little', got {bitorder!r}")
    order = np.arange(8, dtype=np.uint8)
    return order if bitorder == "little" else order[::-1].copy()


def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Value:
    """Booleans (anything not 0) packed eight to a byte along an axis, zeros at the end.

    >>> import bibun.numpy as bnp
    >>> print(bnp.packbits(bnp.array([1, 0, 1])))
    [160]
    """
    x = value("packbits", "a", a)
    if x.dtype.kind not in "biu":
        raise DTypeError(f"packbits: expected integers or booleans, got dtype {x.dtype}")
    shifts = _weights(bitorder, "packbits")
    bits = astype(_truth("packbits", x), np.uint8)
    if axis is None:
        bits, axis = ravel(bits), 0
    bits = moveaxis(bits, axis_index("packbits", axis, bits.ndim), -1)
    n = bits.shape[-1]
    if n % 8:
        rest = broadcast_to(value("packbits", "a", np.uint8(0)), (*bits.shape[:-1], -n % 8))
        bits = concatenate(bits, rest, axis=bits.ndim - 1)
    groups = reshape(bits, (*bits.shape[:-1], -(-n // 8), 8))
    packed = el.shift_left(groups, shifts)
    from bibun.numpy.reductions import sum as sum_

    return moveaxis(astype(sum_(packed, -1), np.uint8), -1, axis)


def unpackbits(a: Any, axis: int | None = None, count: int | None = None,
               bitorder: str = "big") -> Value:  # fmt: skip
    """The bits of bytes, eight along an axis for each; `count` of them (negative: left out).

    >>> import bibun.numpy as bnp
    >>> print(bnp.unpackbits(bnp.array([160], dtype=bnp.uint8)))
    [1 0 1 0 0 0 0 0]
    """
    x = value("unpackbits", "a", a)
    if x.dtype != np.uint8:
        raise DTypeError(f"unpackbits: expected dtype uint8, got {x.dtype}")
    shifts = _weights(bitorder, "unpackbits")
    if axis is None:
        x, axis = ravel(x), 0
    lines = moveaxis(x, axis_index("unpackbits", axis, x.ndim), -1)
    bits = el.and_(el.shift_right_logical(expand_dims(lines, -1), shifts), np.uint8(1))
    n = 8 * lines.shape[-1]
    bits = reshape(bits, (*lines.shape[:-1], n))
    if count is not None:
        keep = as_int("unpackbits", "count", count)
        keep = max(n + keep, 0) if keep < 0 else keep
        if keep > n:
            rest = broadcast_to(value("unpackbits", "a", np.uint8(0)), (*bits.shape[:-1], keep - n))
            bits = concatenate(bits, rest, axis=bits.ndim - 1)
        bits = sh.slice(
            bits, starts=(0,) * bits.ndim, limits=(*bits.shape[:-1], keep), strides=(1,) * bits.ndim
        )
    return moveaxis(bits, -1, axis)
