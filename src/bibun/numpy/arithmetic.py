"""Arithmetic beyond one op: powers, remainders with Python's signs, rounding, limits.

Integer arithmetic is total: a division by 0 gives 0.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import default_float
from bibun.errors import DTypeError
from bibun.numpy._common import (
    SCALARS,
    arraylike,
    as_int,
    cast,
    converted,
    dtype_of,
    full_value,
    no_out,
    promote_args,
    promote_inexact,
    shape_of,
    value,
)
from bibun.numpy.elementwise import (
    maximum,
    minimum,
)
from bibun.ops import elementwise as el

__all__: list[str] = []


def _export(f: Any) -> Any:
    __all__.append(f.__name__)
    return f


@_export
def power(x1: Any, x2: Any, /) -> Value:
    """x1 to the power x2.

    A Python integer exponent is multiplied out (negative ones need a float base).
    Errors: ValueError for an integer base with a negative Python exponent.

    >>> import bibun.numpy as bnp
    >>> print(bnp.power(2.0, 3))
    8.0
    """
    x1 = arraylike("power", "x1", x1)
    kind = dtype_of(x1).kind
    if type(x2) is float and x2.is_integer() and -8 <= x2 <= 8 and kind in "fc":
        x2 = int(x2)
    if type(x2) is int and type(x1) not in SCALARS:
        if kind in "fc" or (kind in "iu" and x2 >= 0):
            return el.square(x1) if x2 == 2 else el.integer_pow(x1, y=x2)
        if kind in "iu":
            raise ValueError(
                f"power: an integer array cannot be raised to the negative power {x2}; "
                "make the base a float"
            )
    a, b = promote_args("power", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind in "fc":
        return el.pow(a, b)
    if dtype.kind == "b":
        return el.or_(a, el.not_(b))
    return _integer_power(a, b, dtype)


def _integer_power(base: Any, exponent: Any, dtype: np.dtype) -> Value:
    """Square and multiply; a negative exponent gives what truncation would: 1/x towards 0."""
    one, zero = dtype.type(1), dtype.type(0)
    bits = 8 * dtype.itemsize - (dtype.kind == "i")
    result: Any = full_value(one, np.broadcast_shapes(shape_of(base), shape_of(exponent)), dtype)
    square_, left = base, exponent
    for i in range(builtins.min(bits, 6)):  # beyond 63 only 0, 1 and -1 do not overflow
        odd = el.ne(el.and_(left, one), zero)
        result = el.select(odd, result, el.mul(result, square_))
        left = el.shift_right_logical(left, one)
        if i < 5:
            square_ = el.mul(square_, square_)
    if dtype.kind == "i":
        unit = el.eq(el.abs(base), one)
        negative_ = el.lt(exponent, zero)
        odd = el.ne(el.and_(exponent, one), zero)
        sign_ = el.select(odd, one, base)
        result = el.select(negative_, result, el.select(unit, zero, sign_))
    return result


@_export
def float_power(x1: Any, x2: Any, /) -> Value:
    """x1 to the power x2, computed in floats.

    >>> import bibun.numpy as bnp
    >>> print(bnp.float_power(2, -1))
    0.5
    """
    a, b = promote_inexact("float_power", x1, x2)
    return el.pow(a, b)


@_export
def remainder(x1: Any, x2: Any, /) -> Value:
    """What is left of x1 after whole x2's, with the sign of x2, as Python's %.

    An integer divided by 0 gives 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.remainder(-7, 3))
    2
    """
    a, b = promote_args("remainder", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind not in "iuf":
        raise DTypeError(f"remainder is not defined for dtype {dtype}")
    zero = dtype.type(0)
    rest = el.rem(a, b)
    if isinstance(b, np.generic) and b != 0:  # a known divisor: its sign need not be asked
        if dtype.kind == "u":
            return rest
        fix = el.lt(rest, zero) if b > 0 else el.gt(rest, zero)
        return el.select(fix, rest, el.add(rest, b))
    if dtype.kind == "u":
        return el.select(el.eq(b, zero), rest, zero)
    fix = el.and_(el.ne(rest, zero), el.ne(el.lt(rest, zero), el.lt(b, zero)))
    out = el.select(fix, rest, el.add(rest, b))
    return el.select(el.eq(b, zero), out, zero) if dtype.kind == "i" else out


@_export
def floor_divide(x1: Any, x2: Any, /) -> Value:
    """x1 / x2 rounded down. An integer divided by 0 gives 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.floor_divide(-7, 2))
    -4
    """
    a, b = promote_args("floor_divide", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind == "f":
        return divmod(a, b)[0]
    if dtype.kind not in "iu":
        raise DTypeError(f"floor_divide is not defined for dtype {dtype}")
    zero = dtype.type(0)
    out = el.div(a, b)
    if isinstance(b, np.generic) and b != 0:
        if dtype.kind == "u":
            return out
        rest = el.rem(a, b)
        below = el.lt(rest, zero) if b > 0 else el.gt(rest, zero)
        return el.select(below, out, el.sub(out, dtype.type(1)))
    if dtype.kind == "i":
        rest = el.rem(a, b)
        below = el.and_(el.ne(rest, zero), el.ne(el.lt(rest, zero), el.lt(b, zero)))
        out = el.select(below, out, el.sub(out, dtype.type(1)))
    return el.select(el.eq(b, zero), out, zero)


@_export
def divmod(x1: Any, x2: Any, /) -> tuple[Value, Value]:
    """(x1 // x2, x1 % x2), with Python's signs.

    >>> import bibun.numpy as bnp
    >>> q, r = bnp.divmod(-7, 2)
    >>> print(q, r)
    -4 1
    """
    a, b = promote_args("divmod", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind != "f":
        return floor_divide(a, b), remainder(a, b)
    zero, one = dtype.type(0), dtype.type(1)
    rest = el.rem(a, b)
    fix = el.and_(el.ne(rest, zero), el.ne(el.lt(rest, zero), el.lt(b, zero)))
    # (a - rest) / b is an integer up to rounding, also where b is infinite
    quotient = el.round_even(el.div(el.sub(a, rest), b))
    quotient = el.select(fix, quotient, el.sub(quotient, one))
    by_zero = el.eq(b, zero)
    return el.select(by_zero, quotient, el.div(a, b)), el.select(fix, rest, el.add(rest, b))


@_export
def fmod(x1: Any, x2: Any, /) -> Value:
    """What is left of x1 after whole x2's, with the sign of x1, as C's fmod.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fmod(-7.0, 3.0))
    -1.0
    """
    a, b = promote_args("fmod", x1, x2)
    if dtype_of(a).kind not in "iuf":
        raise DTypeError(f"fmod is not defined for dtype {dtype_of(a)}")
    return el.rem(a, b)


@_export
def bitwise_count(x: Any, /) -> Value:
    """How many bits of |x| are 1, as uint8.

    >>> import bibun.numpy as bnp
    >>> print(bnp.bitwise_count(-7))
    3
    """
    x = value("bitwise_count", "x", x)
    if x.dtype.kind not in "iu":
        raise DTypeError(f"bitwise_count is not defined for dtype {x.dtype}")
    return converted(el.population_count(el.abs(x)), np.dtype(np.uint8))


@_export
def reciprocal(x: Any, /) -> Value:
    """1 / x; integers become floats first.

    >>> import bibun.numpy as bnp
    >>> print(bnp.reciprocal(4.0))
    0.25
    """
    (x,) = promote_inexact("reciprocal", x)
    return el.div(dtype_of(x).type(1), x)


@_export
def round(a: Any, decimals: int = 0, out: None = None) -> Value:
    """To `decimals` places, halves to even.

    >>> import bibun.numpy as bnp
    >>> print(bnp.round(2.345, 1))
    2.3
    """
    no_out("round", out)
    a = value("round", "a", a)
    decimals = as_int("round", "decimals", decimals)
    if a.dtype.kind == "c":
        return el.complex(round(el.real(a), decimals), round(el.imag(a), decimals))
    if a.dtype.kind != "f":
        if decimals >= 0:
            return a
        unit = a.dtype.type(10 ** (-decimals))
        return cast(el.mul(round(el.div(cast(a, default_float()), float(unit))), float(unit)),
                    a.dtype)  # fmt: skip
    if decimals == 0:
        return el.round_even(a)
    unit = a.dtype.type(10.0 ** builtins.abs(decimals))
    if decimals > 0:
        return el.div(el.round_even(el.mul(a, unit)), unit)
    return el.mul(el.round_even(el.div(a, unit)), unit)


@_export
def clip(arr: Any, /, min: Any = None, max: Any = None, *, a_min: Any = None,
         a_max: Any = None) -> Value:  # fmt: skip
    """arr limited to [min, max]; either limit may be None.

    >>> import bibun.numpy as bnp
    >>> print(bnp.clip(bnp.array([-1.0, 0.5, 2.0]), 0, 1))
    [0.  0.5 1. ]
    """
    low = a_min if min is None else min
    high = a_max if max is None else max
    out = value("clip", "arr", arr)
    if low is not None:
        out = maximum(out, low)
    if high is not None:
        out = minimum(out, high)
    return out


@_export
def ldexp(x1: Any, x2: Any, /) -> Value:
    """x1 times 2**x2, for an integer x2.

    >>> import bibun.numpy as bnp
    >>> print(bnp.ldexp(0.75, 2))
    3.0
    """
    (a,) = promote_inexact("ldexp", x1)
    b = cast(value("ldexp", "x2", x2), dtype_of(a))
    half = el.floor(el.mul(b, dtype_of(a).type(0.5)))  # in two steps, so neither overflows
    return el.mul(el.mul(a, el.exp2(half)), el.exp2(el.sub(b, half)))


@_export
def gcd(x1: Any, x2: Any, /) -> Value:
    """Greatest common divisor of integers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.gcd(12, 18))
    6
    """
    from bibun.lax import while_loop

    a, b = promote_args("gcd", x1, x2)
    a, b = value("gcd", "x1", a), value("gcd", "x2", b)
    if a.dtype.kind not in "iu":
        raise DTypeError(f"gcd is not defined for dtype {a.dtype}")
    from bibun.numpy.shape import broadcast_arrays

    pair = tuple(broadcast_arrays(el.abs(a), el.abs(b)))
    zero = a.dtype.type(0)

    def step(state: Any) -> Any:
        p, q = state
        done = el.eq(q, zero)
        return el.select(done, q, p), el.select(done, el.rem(p, q), q)

    from bibun.numpy.reductions import any as any_

    return while_loop(lambda s: any_(el.ne(s[1], zero)), step, pair)[0]


@_export
def lcm(x1: Any, x2: Any, /) -> Value:
    """Least common multiple of integers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.lcm(4, 6))
    12
    """
    a, b = promote_args("lcm", x1, x2)
    divisor = gcd(a, b)
    zero = divisor.dtype.type(0)
    part = el.select(el.eq(divisor, zero), el.div(el.abs(value("lcm", "x1", a)), divisor), divisor)
    return el.mul(part, el.abs(value("lcm", "x2", b)))


_ALIASES = {
    "mod": "remainder", "pow": "power", "around": "round",
}  # fmt: skip

for _alias, _name in _ALIASES.items():
    globals()[_alias] = globals()[_name]
    __all__.append(_alias)
