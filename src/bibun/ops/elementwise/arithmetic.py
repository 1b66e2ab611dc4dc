"""The four operations, remainders, powers, extrema and signs.

Integers wrap. Integer division truncates towards zero and is total: `x / 0 = -1`,
`x % 0 = x`, as in compiled code. At ties `max` and `min` give half the derivative to each
operand, as in JAX.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from bibun.dtypes import real_of
from bibun.errors import DTypeError
from bibun.ops.elementwise import complex_math
from bibun.ops.elementwise.absorb import absorb_mul
from bibun.ops.elementwise.comparison import eq, ge, gt
from bibun.ops.elementwise.conversion import convert
from bibun.ops.elementwise.rounding import trunc
from bibun.ops.elementwise.selection import select
from bibun.ops.families.elementwise import (
    ANY,
    FLOAT,
    INEXACT,
    NUMBER,
    ORDERED,
    REAL,
    binary,
    grid_samples,
    literal_value,
    unary,
    unbroadcast,
)
from bibun.ops.op import Sample, is_linear
from bibun.trace.core import type_of

_PAIRS = ((-2.1, -0.6, 0.3, 1.7), (1.2, -0.8, 2.5, -1.4))


def _is_zero(value: Any, negative: bool) -> bool:
    """Whether a literal is an integer zero or the float zero of that sign."""
    if value is None or value != 0 or value.dtype.kind == "c":
        return False
    return value.dtype.kind != "f" or bool(np.signbit(value)) == negative


def _operand_if(right: Any, left: Any = None) -> Any:
    """Simplify to x where `right` holds of a literal y, to y where `left` holds of x."""

    def simplify(eqn: Any) -> Any:
        x, y = eqn.inputs
        out = eqn.outputs[0].type
        if right is not None and right(literal_value(y)) and x.type.matches(out):
            return x
        if left is not None and left(literal_value(x)) and y.type.matches(out):
            return y
        return None

    return simplify


def _minus_zero(value: Any) -> bool:
    return _is_zero(value, negative=True)


def _plus_zero(value: Any) -> bool:
    return _is_zero(value, negative=False)


add = binary(
    "add",
    np.add,
    partials=(1, 1),
    lower=lambda b, x, y: b.add(x, y),
    accepts=ANY,
    commutative=True,
    simplify=_operand_if(_minus_zero, _minus_zero),  # -0. + 0. is 0., so only -0. is neutral
    doc="x + y; or, on booleans.",
)

sub = binary(
    "sub",
    np.subtract,
    partials=(1, -1),
    lower=lambda b, x, y: b.sub(x, y),
    accepts=NUMBER,
    simplify=_operand_if(_plus_zero),
    doc="x - y.",
)

neg = unary(
    "neg",
    np.negative,
    partial=-1,
    lower=lambda b, x: b.neg(x),
    accepts=NUMBER,
    doc="-x.",
)


def _mul_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    if is_linear(x):
        return [unbroadcast(mul(ct, y), x.type), None]
    return [None, unbroadcast(mul(ct, x), y.type)]


def _mul_simplify(eqn: Any) -> Any:
    """One is neutral; an integer zero absorbs (a float zero does not: 0 * inf)."""
    x, y = eqn.inputs
    out = eqn.outputs[0].type
    for a, b in ((x, y), (y, x)):
        v = literal_value(a)
        if v is not None and v == 1 and b.type.matches(out):
            return b
        if v is not None and v == 0 and out.dtype.kind in "biu" and a.type.matches(out):
            return a
    return None


mul = binary(
    "mul",
    np.multiply,
    partials=(lambda x, y, out: y, lambda x, y, out: x),
    transpose=_mul_transpose,
    lower=lambda b, x, y: b.mul(x, y),
    accepts=ANY,
    commutative=True,
    identity=(1, 1),
    simplify=_mul_simplify,
    doc="x * y; and, on booleans. Linear in one operand where the other is not.",
)


def _truncating_division(x: Any, y: Any) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    x, y = np.broadcast_arrays(*_common(x, y))
    zero = y == 0
    safe = np.where(zero, y.dtype.type(1), y)
    quotient = np.floor_divide(x - np.fmod(x, safe), safe)
    return np.where(zero, np.asarray(-1).astype(x.dtype), quotient)


def _common(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers of one dtype; a Python integer has become int64 and takes the partner's."""
    if x.dtype != y.dtype:
        if x.ndim == 0 and x.dtype == np.int64:
            return x.astype(y.dtype), y
        return x, y.astype(x.dtype)
    return x, y


def _divide(x: Any, y: Any) -> Any:
    if getattr(x, "dtype", getattr(y, "dtype", np.dtype(float))).kind in "iu":
        return _truncating_division(x, y)
    return np.divide(x, y)


def _div_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    return [unbroadcast(div(ct, y), x.type), None]


def _by_divisor(x: Any, y: Any, out: Any) -> Any:
    """-x / y²; where y is broadcast one reciprocal serves all of x."""
    if getattr(y, "shape", ()) == getattr(out, "shape", ()):
        return neg(div(out, y))
    return neg(mul(out, div(1.0, y)))


div = binary(
    "div",
    _divide,
    partials=(lambda x, y, out: div(1.0, y), _by_divisor),
    transpose=_div_transpose,
    lower=lambda b, x, y: b.div(x, y),
    accepts=NUMBER,
    identity=(None, 1),
    cost=8.0,
    doc="x / y; integers truncate towards zero and x / 0 is -1.",
)


def _remainder(x: Any, y: Any) -> Any:
    if getattr(x, "dtype", getattr(y, "dtype", np.dtype(float))).kind in "iu":
        x, y = _common(np.asarray(x), np.asarray(y))
        return np.where(y == 0, x, np.fmod(x, np.where(y == 0, y.dtype.type(1), y)))
    return np.fmod(x, y)


rem = binary(
    "rem",
    _remainder,
    partials=(1, lambda x, y, out: neg(trunc(div(x, y)))),
    lower=lambda b, x, y: b.rem(x, y),
    accepts=REAL,
    cost=20.0,
    doc="C's remainder, with the sign of x; x rem 0 is x for integers, nan for floats.",
)


# Extrema --------------------------------------------------------------------------------


def _share(x: Any, y: Any) -> Any:
    """1 where x > y, one half where they are equal, 0 elsewhere."""
    dtype = type_of(y if type(x) in (int, float) else x).dtype
    return mul(0.5, add(convert(ge(x, y), new_dtype=dtype), convert(gt(x, y), new_dtype=dtype)))


max = binary(
    "max",
    np.maximum,
    partials=(lambda x, y, out: _share(x, y), lambda x, y, out: _share(y, x)),
    lower=lambda b, x, y: b.max(x, y),
    accepts=ORDERED,
    commutative=True,
    doc="The larger of x and y; nan if either is.",
)

min = binary(
    "min",
    np.minimum,
    partials=(lambda x, y, out: _share(y, x), lambda x, y, out: _share(x, y)),
    lower=lambda b, x, y: b.min(x, y),
    accepts=ORDERED,
    commutative=True,
    doc="The smaller of x and y; nan if either is.",
)


def clamp(lo: Any, x: Any, hi: Any) -> Any:
    """`x` limited to the interval from `lo` to `hi`."""
    return min(max(x, lo), hi)


# Signs -------------------------------------------------------------------------------------


def _sign_lower(b: Any, x: Any) -> Any:
    zero, one = b.const(0, x.dtype), b.const(1, x.dtype)
    if x.dtype.kind == "u":
        return b.select(b.compare("eq", x, zero), zero, one)
    if x.dtype.kind == "i":
        negative = b.select(b.compare("lt", x, zero), b.const(-1, x.dtype), zero)
        return b.select(b.compare("gt", x, zero), one, negative)
    nonzero = b.bit_or(b.compare("gt", x, zero), b.compare("lt", x, zero))
    return b.select(nonzero, b.copysign(one, x), x)  # ±0 and nan pass through


def _np_sign(x: Any) -> Any:
    out = np.sign(x)
    if np.asarray(x).dtype.kind == "f":
        out = np.where(x == 0, x, out)  # keeps the sign of zero
    return out


def _sign_jvp(primals: Any, tangents: Any) -> Any:
    """Zero for reals; for complex numbers the part of t/|x| at a right angle to x."""
    (x,), (t,) = primals, tangents
    out = sign(x)
    if type_of(x).dtype.kind != "c":
        return out, None
    rooms = _complex_rooms()
    size = abs(x)
    inverse = rooms.complex(div(1.0, size), mul(0.0, size))
    u = absorb_mul(t, inverse)
    # d(x/|x|) = u - s Re(conj(s) u), and Re z = (z + conj z) / 2
    along = mul(0.5, add(absorb_mul(u, rooms.conj(out)), absorb_mul(rooms.conj(u), out)))
    return out, sub(u, absorb_mul(along, out))


def _complex_rooms() -> Any:
    from bibun.ops.elementwise import complex_parts as room

    return room


sign = unary(
    "sign",
    _np_sign,
    jvp=_sign_jvp,
    lower=_sign_lower,
    complex_lower=complex_math.sign,
    accepts=NUMBER,
    doc="-1, 0 or 1; x / |x| for complex numbers; nan for nan.",
)


def _abs_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    out = abs(x)
    if type_of(x).dtype.kind != "c":
        return out, absorb_mul(t, sign(x))
    rooms = _complex_rooms()
    return out, rooms.real(absorb_mul(t, rooms.conj(sign(x))))


abs = unary(
    "abs",
    np.abs,
    jvp=_abs_jvp,
    lower=lambda b, x: b.abs(x),
    complex_lower=complex_math.modulus,
    accepts=ANY,
    result=lambda dtype: real_of(dtype),
    doc="|x|; its derivative at 0 is 0.",
)


# Powers and roots -----------------------------------------------------------------------------

square = unary(
    "square",
    np.square,
    partial=lambda x, y: mul(2.0, x),
    lower=lambda b, x: b.mul(x, x),
    accepts=NUMBER,
    doc="x * x.",
)

sqrt = unary(
    "sqrt",
    np.sqrt,
    partial=lambda x, y: div(0.5, y),
    lower=lambda b, x: b.sqrt(x),
    complex_lower=complex_math.sqrt,
    accepts=INEXACT,
    points=(0.2, 0.9, 1.6, 30.0),
    cost=8.0,
    doc="The square root; nan below zero; its derivative at 0 is inf.",
)

rsqrt = unary(
    "rsqrt",
    lambda x: np.divide(1, np.sqrt(x)),
    partial=lambda x, y: mul(-0.5, div(y, x)),
    lower=lambda b, x: b.div(b.const(1, x.dtype), b.sqrt(x)),
    complex_lower=lambda b, x: b.div(b.const(1, x.dtype), complex_math.sqrt(b, x)),
    accepts=INEXACT,
    points=(0.2, 0.9, 1.6, 30.0),
    cost=16.0,
    doc="1 / sqrt(x).",
)

cbrt = unary(
    "cbrt",
    np.cbrt,
    partial=lambda x, y: div(1.0, mul(3.0, square(y))),
    lower="cbrt",
    accepts=FLOAT,
    cost=20.0,
    doc="The real cube root.",
)


def _power(x: Any, y: int) -> Any:
    """x to a constant whole power, by squaring: the same products as compiled code makes."""
    x = np.asarray(x)
    if y == 0:
        return np.ones_like(x)
    out = _by_squaring(operator.mul, x, y if y > 0 else -y)
    return np.divide(x.dtype.type(1), out) if y < 0 else out


def _by_squaring(times: Any, x: Any, n: int) -> Any:
    out = None
    while n:
        if n & 1:
            out = x if out is None else times(out, x)
        n >>= 1
        if n:
            x = times(x, x)
    return out


def _integer_pow_lower(b: Any, x: Any, *, y: int) -> Any:
    if y == 0:
        return b.const(1, x.dtype)
    out = _by_squaring(b.mul, x, y if y > 0 else -y)
    return b.div(b.const(1, x.dtype), out) if y < 0 else out


def _integer_pow_dtype(dtype: np.dtype, *, y: int) -> np.dtype:
    if y < 0 and dtype.kind in "iu":
        raise DTypeError(f"integer_pow: an integer to the negative power {y}; convert to float")
    return dtype


def _integer_pow_slope(x: Any, out: Any, *, y: int) -> Any:
    if y == 0:
        return 0.0
    if y == 1:
        return 1.0
    return mul(float(y), integer_pow(x, y=y - 1))


def _integer_pow_samples() -> list[Sample]:
    return [
        s
        for y in (-3, -1, 0, 1, 2, 3, 6)
        for s in grid_samples(NUMBER if y >= 0 else INEXACT, [_PAIRS[0]], special=y > 1, y=y)
    ]


integer_pow = unary(
    "integer_pow",
    _power,
    partial=_integer_pow_slope,
    lower=_integer_pow_lower,
    accepts=NUMBER,
    result=_integer_pow_dtype,
    samples=_integer_pow_samples,
    cost=2.0,
    simplify=lambda eqn: eqn.inputs[0] if eqn.params["y"] == 1 else None,
    doc="x to the constant whole power y, by repeated multiplication.",
)


def _np_pow(x: Any, y: Any) -> Any:
    if getattr(x, "dtype", getattr(y, "dtype", np.dtype(float))).kind not in "iu":
        return np.power(x, y)
    x, y = _common(np.asarray(x), np.asarray(y))
    positive = np.power(x, np.where(y < 0, y.dtype.type(0), y))
    if x.dtype.kind == "u":
        return positive
    odd = (y & 1) == 1
    inverse = np.where(x == 1, 1, np.where(x == -1, np.where(odd, -1, 1), 0)).astype(x.dtype)
    return np.where(y < 0, inverse, positive)


def _pow_lower(b: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind == "f":
        return b.math("pow", x, y)
    dtype = x.dtype
    zero, one = b.const(0, dtype), b.const(1, dtype)
    bits = 8 * dtype.itemsize - (dtype.kind == "i")

    def odd(v: Any) -> Any:
        return b.compare("ne", b.bit_and(v, one), zero)

    positive, base, rest = one, x, y
    for k in range(bits):  # every bit of the exponent: wrapped products need them all
        positive = b.select(odd(rest), b.mul(positive, base), positive)
        if k + 1 < bits:
            base, rest = b.mul(base, base), b.shift_right_logical(rest, one)
    if dtype.kind == "u":
        return positive
    unit = b.select(odd(y), b.const(-1, dtype), one)
    inverse = b.select(
        b.compare("eq", x, one),
        one,
        b.select(b.compare("eq", x, b.const(-1, dtype)), unit, zero),
    )
    return b.select(b.compare("lt", y, zero), inverse, positive)


def _pow_base_slope(x: Any, y: Any, out: Any) -> Any:
    """y x^(y-1), and 0 at y = 0 even where x^(y-1) is inf."""
    flat = eq(y, 0.0)
    return select(flat, mul(y, pow(x, select(flat, sub(y, 1.0), 1.0))), 0.0)


def _pow_exponent_slope(x: Any, y: Any, out: Any) -> Any:
    """x^y log x, and 0 at x = 0 (for y > 0), where log x is -inf."""
    from bibun.ops.elementwise.exponential import log

    return mul(log(select(eq(x, 0.0), x, 1.0)), out)


pow = binary(
    "pow",
    _np_pow,
    partials=(_pow_base_slope, _pow_exponent_slope),
    lower=_pow_lower,
    complex_lower=complex_math.power,
    accepts=NUMBER,
    points=((0.4, 1.3, 2.2, 0.9), (1.2, -0.8, 2.5, -1.4)),
    identity=(None, 1),
    cost=40.0,
    doc="x ** y; integers to negative powers truncate towards zero.",
)
