"""Arithmetic on Builder values with Python's operators, and the exact building blocks.

A kernel is easier to check when it reads like the formula it computes. `Num` wraps one
`Val` with its builder, so that `r = x - n * LN2` emits the two instructions and nothing
else; Python numbers become constants of the partner's dtype. `@kernel` turns a function
of `Num`s into one of `(b, *vals)`.

`two_sum`, `fast_two_sum` and `two_prod` are the error-free transformations (Knuth 1969,
Dekker 1971): they return the rounded result and its exact rounding error. They need a
compiler that neither contracts nor reassociates; bibun's emits no fast-math flags.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

float32, float64 = np.dtype(np.float32), np.dtype(np.float64)
int32, int64 = np.dtype(np.int32), np.dtype(np.int64)


class Format:
    """The facts of one binary floating-point format that kernels need."""

    __slots__ = (
        "bias",
        "dtype",
        "eps",
        "int",
        "magic",
        "magic_bits",
        "mantissa",
        "mantissa_mask",
        "min_normal",
        "one_bits",
        "sign_bit",
    )  # fmt: skip

    def __init__(self, dtype: np.dtype, integer: np.dtype, mantissa: int, bias: int) -> None:
        self.dtype = dtype
        self.int = integer
        self.mantissa = mantissa  # stored bits of the significand
        self.bias = bias
        self.one_bits = bias << mantissa
        self.mantissa_mask = (1 << mantissa) - 1
        self.sign_bit = -(1 << (8 * dtype.itemsize - 1))
        self.min_normal = 2.0 ** (1 - bias)
        # Adding 1.5 * 2**mantissa rounds to an integer and leaves it in the low bits:
        # rounding and conversion in one addition, on CPUs without a vector f64 -> i64.
        self.magic = 1.5 * 2.0**mantissa
        self.magic_bits = int(np.array(self.magic, dtype).view(integer))
        self.eps = 2.0**-mantissa

    def bits(self, value: float) -> int:
        """The bit pattern of a constant, as a signed integer."""
        return int(np.array(value, self.dtype).view(self.int))


F64 = Format(float64, int64, 52, 1023)
F32 = Format(float32, int32, 23, 127)
FORMATS = {float64: F64, float32: F32}


class Num:
    """A builder value with operators. Comparisons give boolean `Num`s."""

    __slots__ = ("b", "v")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, b: Any, v: Any) -> None:
        self.b = b
        self.v = v

    @property
    def dtype(self) -> np.dtype:
        return self.v.dtype

    @property
    def format(self) -> Format:
        return FORMATS[self.v.dtype]

    def const(self, value: Any, dtype: np.dtype | None = None) -> Num:
        """A constant of this value's dtype."""
        return Num(self.b, self.b.const(value, dtype or self.v.dtype))

    def _val(self, other: Any) -> Any:
        return other.v if type(other) is Num else self.b.const(other, self.v.dtype)

    def __add__(self, o: Any) -> Num:
        return Num(self.b, self.b.add(self.v, self._val(o)))

    def __radd__(self, o: Any) -> Num:
        return Num(self.b, self.b.add(self._val(o), self.v))

    def __sub__(self, o: Any) -> Num:
        return Num(self.b, self.b.sub(self.v, self._val(o)))

    def __rsub__(self, o: Any) -> Num:
        return Num(self.b, self.b.sub(self._val(o), self.v))

    def __mul__(self, o: Any) -> Num:
        return Num(self.b, self.b.mul(self.v, self._val(o)))

    __rmul__ = __mul__

    def __truediv__(self, o: Any) -> Num:
        return Num(self.b, self.b.div(self.v, self._val(o)))

    def __rtruediv__(self, o: Any) -> Num:
        return Num(self.b, self.b.div(self._val(o), self.v))

    def __neg__(self) -> Num:
        return Num(self.b, self.b.neg(self.v))

    def __abs__(self) -> Num:
        return Num(self.b, self.b.abs(self.v))

    def __and__(self, o: Any) -> Num:
        return Num(self.b, self.b.bit_and(self.v, self._val(o)))

    def __or__(self, o: Any) -> Num:
        return Num(self.b, self.b.bit_or(self.v, self._val(o)))

    def __xor__(self, o: Any) -> Num:
        return Num(self.b, self.b.bit_xor(self.v, self._val(o)))

    def __invert__(self) -> Num:
        return Num(self.b, self.b.bit_not(self.v))

    def __lshift__(self, o: Any) -> Num:
        return Num(self.b, self.b.shift_left(self.v, self._val(o)))

    def __rshift__(self, o: Any) -> Num:
        """Logical: zeros come in (vector CPUs lack the 64-bit arithmetic one)."""
        return Num(self.b, self.b.shift_right_logical(self.v, self._val(o)))

    def _compare(self, how: str, o: Any) -> Num:
        return Num(self.b, self.b.compare(how, self.v, self._val(o)))

    def __eq__(self, o: object) -> Num:  # type: ignore[override]
        return self._compare("eq", o)

    def __ne__(self, o: object) -> Num:  # type: ignore[override]
        return self._compare("ne", o)

    def __lt__(self, o: Any) -> Num:
        return self._compare("lt", o)

    def __le__(self, o: Any) -> Num:
        return self._compare("le", o)

    def __gt__(self, o: Any) -> Num:
        return self._compare("gt", o)

    def __ge__(self, o: Any) -> Num:
        return self._compare("ge", o)

    def bits(self) -> Num:
        """The bit pattern as a signed integer."""
        return Num(self.b, self.b.bitcast(self.v, self.format.int))

    def as_float(self, dtype: np.dtype) -> Num:
        """The float with this bit pattern."""
        return Num(self.b, self.b.bitcast(self.v, dtype))

    def to(self, dtype: np.dtype) -> Num:
        """Converted by value."""
        return Num(self.b, self.b.convert(self.v, dtype))


Kernel = Callable[..., Any]


def kernel(fn: Callable[..., Num]) -> Kernel:
    """Make `fn(*Num) -> Num` callable as `fn(b, *Val) -> Val`."""

    @functools.wraps(fn)
    def emit(b: Any, *vals: Any) -> Any:
        return fn(*(Num(b, v) for v in vals)).v

    return emit


def widened(fn: Kernel) -> Kernel:
    """A kernel written for float64 that serves float32 by widening its arguments."""

    @functools.wraps(fn)
    def emit(b: Any, *vals: Any) -> Any:
        if vals[0].dtype == float64:
            return fn(b, *vals)
        return b.convert(fn(b, *(b.convert(v, float64) for v in vals)), float32)

    return emit


def parts(
    family: str, fn: Callable[..., tuple[Num, ...]], widen: bool = False
) -> tuple[Kernel, ...]:
    """Kernels that are the results of one computation, such as sin and cos.

    Each emits what it needs when asked alone; a builder that makes functions emits a call of
    the one function of the family, so that equal calls merge: who asks for both pays once.
    `widen`: float32 is served in float64.
    """
    names = family.split()

    def whole(b: Any, *vals: Any) -> list[Any]:
        dtype = vals[0].dtype
        narrow = widen and dtype != float64
        xs = [Num(b, b.convert(v, float64) if narrow else v) for v in vals]
        return [b.convert(n.v, dtype) if narrow else n.v for n in fn(*xs)]

    def one(index: int) -> Kernel:
        def emit(b: Any, *vals: Any) -> Any:
            return whole(b, *vals)[index]

        emit.__name__ = emit.__qualname__ = names[index]
        emit.part = (".".join(names), len(names), index)  # type: ignore[attr-defined]
        emit.whole = whole  # type: ignore[attr-defined]
        return emit

    return tuple(one(k) for k in range(len(names)))


def call(name: str, *xs: Num) -> Num:
    """Another kernel, as a function call: its code is emitted once per program."""
    b = xs[0].b
    return Num(b, b.math(name, *(x.v for x in xs)))


def fma(x: Any, y: Any, z: Any) -> Num:
    """x*y + z with one rounding."""
    n = next(a for a in (x, y, z) if type(a) is Num)
    return Num(n.b, n.b.fma(n._val(x), n._val(y), n._val(z)))


def where(cond: Num, x: Any, y: Any) -> Num:
    """x where cond, else y."""
    n = x if type(x) is Num else y
    return Num(cond.b, cond.b.select(cond.v, n._val(x), n._val(y)))


def rare(cond: Num, slow: Callable[[], Any], fast: Any) -> Any:
    """`slow()` in the lanes of `cond`; its code is jumped over when there are none.

    Both give one `Num` or tuples of them.
    """
    if type(fast) is Num:
        return rare(cond, lambda: (slow(),), (fast,))[0]
    vals = cond.b.rare(cond.v, lambda: tuple(n.v for n in slow()), tuple(n.v for n in fast))
    return tuple(Num(cond.b, v) for v in vals)


def repeat(
    active: Num, state: Sequence[Num], step: Callable[..., tuple[Any, Num]], most: int
) -> tuple[Num, ...]:
    """`state` after steps in the lanes of `active`: `step(k, *state)` -> (state, go on).

    Each lane stops by itself, after `most` steps at the latest; k is an int64.
    """
    b = active.b

    def emit(k: Any, *vals: Any) -> tuple[Any, Any]:
        new, go_on = step(Num(b, k), *(Num(b, v) for v in vals))
        return tuple(n.v for n in new), go_on.v

    done = b.repeat(most, emit, tuple(n.v for n in state), active.v)
    return tuple(Num(b, v) for v in done)


def sqrt(x: Num) -> Num:
    return Num(x.b, x.b.sqrt(x.v))


def rint(x: Num) -> Num:
    return Num(x.b, x.b.rint(x.v))


def floor(x: Num) -> Num:
    return Num(x.b, x.b.floor(x.v))


def copysign(x: Num, y: Num) -> Num:
    return Num(x.b, x.b.copysign(x.v, y.v))


def table(values: Sequence[float], dtype: np.dtype, index: Num) -> Num:
    """`values[index]`; the index must be in range."""
    return Num(index.b, index.b.table(values, dtype, index.v))


def poly(x: Num, c: Sequence[float], careful: int = 0) -> Num:
    """c[0] + c[1] x + …, by Estrin's scheme: depth log n, so that one lane is fast too.

    The first `careful` terms are added by Horner's, which rounds less.
    """
    if careful:
        return horner(x, [*c[:careful], poly(x, c[careful:])])
    terms: list[Any] = list(c)
    power = x
    while len(terms) > 1:
        pairs = [fma(power, b, a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        if len(terms) % 2:
            pairs.append(terms[-1])
        terms = pairs
        if len(terms) > 1:
            power = power * power
    return terms[0] if type(terms[0]) is Num else x.const(terms[0])


def horner(x: Num, c: Sequence[Any]) -> Num:
    """c[0] + c[1] x + … from the top: fewest roundings. Coefficients may be `Num`s."""
    acc = c[-1]
    for a in reversed(c[:-1]):
        acc = fma(x, acc, a)
    return acc


def clenshaw(x: Num, piece: Any) -> Num:
    """A Chebyshev series at x in [lo, hi]."""
    lo, hi, c = piece
    scale = 2.0 / (hi - lo)
    t = fma(x, scale, -(lo + hi) / (hi - lo))
    twice = t + t
    first: Any = x.const(c[-1])
    second: Any = x.const(0.0)
    for a in reversed(c[1:-1]):
        first, second = fma(twice, first, a - second), first
    return fma(t, first, c[0] - second)


def two_sum(x: Any, y: Any) -> tuple[Num, Num]:
    """The rounded sum and its exact error."""
    s = x + y
    t = s - x
    return s, (x - (s - t)) + (y - t)


def fast_two_sum(x: Any, y: Any) -> tuple[Num, Num]:
    """`two_sum` for |x| >= |y| or x == 0."""
    s = x + y
    return s, y - (s - x)


def two_prod(x: Num, y: Any) -> tuple[Num, Num]:
    """The rounded product and its exact error (barring underflow)."""
    p = x * y
    return p, fma(x, y, -p)


def isnan(x: Num) -> Num:
    return x != x  # noqa: PLR0124  nan is the only value unlike itself


def finite_or_itself(x: Num, y: Num) -> Num:
    """y where x < inf; elsewhere x itself: +inf gives +inf and nan gives nan."""
    return where(x < float("inf"), y, x)
