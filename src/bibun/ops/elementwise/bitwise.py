"""Logic on booleans, bits of integers, and questions about the bits of floats.

Shifts are total: a count of at least the number of bits shifts everything out (zeros, or
copies of the sign). Negative counts count as large ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import bool_
from bibun.ops.families.elementwise import BITS, FLOAT, INEXACT, INTEGER, binary, unary
from bibun.ops.op import Op, Sample


def _logic(name: str, fun: Any, method: str, doc: str, **facts: Any) -> Op:
    return binary(
        name,
        fun,
        lower=lambda b, x, y: getattr(b, method)(x, y),
        accepts=BITS,
        commutative=True,
        doc=doc,
        **facts,
    )


and_ = _logic("and", np.bitwise_and, "bit_and", "Bitwise (on booleans logical) and.")
or_ = _logic("or", np.bitwise_or, "bit_or", "Bitwise (on booleans logical) or.")
xor = _logic("xor", np.bitwise_xor, "bit_xor", "Bitwise (on booleans logical) exclusive or.")

not_ = unary(
    "not",
    np.invert,
    lower=lambda b, x: b.bit_not(x),
    accepts=BITS,
    doc="Bitwise (on booleans logical) complement.",
)


def _shift_samples() -> list[Sample]:
    counts = [0, 1, 3, 7, 8, 31, 32, 63, 64, 100]
    found = []
    for name in ("int64", "int32", "int8", "uint64", "uint32", "uint8"):
        info = np.iinfo(name)
        x = np.array([0, 1, 5, info.max, info.min, info.max // 3], dtype=name)
        found.append(Sample(x[:, None], np.array(counts, dtype=name)))
    return [*found, Sample(np.array(-5), np.array(1))]


def _shift_right_as(kind: str) -> Any:
    """A right shift of the bits read as signed ("i": the top bit comes in) or unsigned."""

    def shift(x: Any, y: Any) -> Any:
        dtype = x.dtype if isinstance(x, np.ndarray) else np.asarray(y).dtype
        x, y = np.asarray(x, dtype=dtype), np.asarray(y, dtype=dtype)
        bits = np.dtype(f"{kind}{dtype.itemsize}")
        return np.right_shift(x.astype(bits), y.astype(bits)).astype(dtype)

    return shift


def _shift(name: str, fun: Any, doc: str) -> Op:
    return binary(
        name,
        fun,
        lower=lambda b, x, y: getattr(b, name)(x, y),
        accepts=INTEGER,
        samples=_shift_samples,
        doc=doc,
    )


shift_left = _shift("shift_left", np.left_shift, "x * 2^y; 0 for y of at least the bit count.")
shift_right_logical = _shift(
    "shift_right_logical",
    _shift_right_as("u"),
    "The bits of x moved y places down, zeros coming in.",
)
shift_right_arithmetic = _shift(
    "shift_right_arithmetic",
    _shift_right_as("i"),
    "The bits of x moved y places down, copies of the top bit coming in, unsigned or not.",
)


def _as_unsigned(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x.astype(np.dtype(f"u{x.dtype.itemsize}"))


def _leading_zeros(x: Any) -> np.ndarray:
    x = np.asarray(x)
    rest, count = _as_unsigned(x), np.full(x.shape, 8 * x.dtype.itemsize, x.dtype)
    while rest.any():
        count = count - (rest != 0).astype(x.dtype)
        rest = rest >> rest.dtype.type(1)
    return count


population_count = unary(
    "population_count",
    lambda x: np.bitwise_count(_as_unsigned(x)).astype(np.asarray(x).dtype),
    lower=lambda b, x: b.intrinsic("ctpop", x),
    accepts=INTEGER,
    doc="How many bits of x are set.",
)

clz = unary(
    "clz",
    _leading_zeros,
    lower=lambda b, x: b.intrinsic("ctlz", x),
    accepts=INTEGER,
    doc="How many leading bits of x are zero.",
)


def _finite_lower(b: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return b.bit_and(_finite_lower(b, b.real(x)), _finite_lower(b, b.imag(x)))
    return b.compare("lt", b.abs(x), b.const(np.inf, x.dtype))


is_finite = unary(
    "is_finite",
    np.isfinite,
    lower=_finite_lower,
    accepts=INEXACT,
    result=lambda dtype: bool_,
    doc="Where x is neither inf nor nan.",
)


def _nextafter_lower(b: Any, x: Any, y: Any) -> Any:
    """One step on the integers that order floats as their bits do."""
    integer = np.dtype(f"i{x.dtype.itemsize}")
    zero, one = b.const(0, integer), b.const(1, integer)
    lowest = b.const(np.iinfo(integer).min, integer)
    at_zero = b.compare("eq", x, b.const(0.0, x.dtype))
    bits = b.bitcast(x, integer)
    away = b.bit_xor(  # growing in magnitude: up for positive x and y above, or both below
        b.compare("lt", bits, zero), b.compare("gt", y, x)
    )
    stepped = b.select(away, b.add(bits, one), b.sub(bits, one))
    tiny = b.select(b.compare("gt", y, x), one, b.bit_or(lowest, one))
    out = b.bitcast(b.select(at_zero, tiny, stepped), x.dtype)
    out = b.select(b.compare("eq", x, y), y, out)
    unordered = b.bit_or(b.compare("ne", x, x), b.compare("ne", y, y))
    return b.select(unordered, b.add(x, y), out)


nextafter = binary(
    "nextafter",
    np.nextafter,
    partials=(1.0, None),
    lower=_nextafter_lower,
    accepts=FLOAT,
    doc="The float after x on the way to y; as a function of x it moves with x.",
)
