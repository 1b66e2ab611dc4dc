"""Bits, and the distributions that come from one uniform number by a formula.

A uniform float is made from random mantissa bits under the exponent of 1, less 1: an even
grid of 2**52 (float64) or 2**23 (float32) points in [0, 1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.dtypes import canonical, is_complex, is_integer, real_of, uint8, uint16, uint32, uint64
from bibun.errors import DTypeError
from bibun.ops.elementwise import (
    bitcast,
    convert,
    erf,
    erf_inv,
    nextafter,
    or_,
    rem,
    shift_right_logical,
    xor,
)
from bibun.ops.random_bits import threefry
from bibun.random.keys import as_key, as_shape, counters, derive, float_dtype, sample_shape

_UNSIGNED = {1: uint8, 2: uint16, 4: uint32, 8: uint64}
_ONE = {4: 0x3F800000, 8: 0x3FF0000000000000}  # the bits of 1.0


def raw_bits(key: Any, nbits: int, shape: tuple[int, ...]) -> Any:
    """Uniform unsigned integers of `nbits` bits from a typed key."""
    words = threefry(key, counters(shape))
    if nbits == 64:
        return words
    mixed = convert(xor(words, shift_right_logical(words, np.uint64(32))), new_dtype=uint32)
    return mixed if nbits == 32 else convert(mixed, new_dtype=_UNSIGNED[nbits // 8])


def bits(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Uniform random bits as unsigned integers (default: the widest enabled).

    >>> from bibun import random
    >>> random.bits(random.key(0), (2,), "uint32").dtype
    dtype('uint32')
    """
    dt = canonical("uint64" if dtype is None else dtype)
    if dt.kind != "u":
        raise DTypeError(f"random.bits: dtype must be an unsigned integer, got {dt}")
    return raw_bits(as_key("bits", key), 8 * dt.itemsize, as_shape("bits", shape))


def unit(key: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Uniform in [0, 1) from a typed key."""
    size = dtype.itemsize
    mantissa = np.finfo(dtype).nmant
    u = _UNSIGNED[size].type
    raised = shift_right_logical(raw_bits(key, 8 * size, shape), u(8 * size - mantissa))
    return bitcast(or_(raised, u(_ONE[size])), new_dtype=dtype) - dtype.type(1)


def between(key: Any, shape: tuple[int, ...], dtype: np.dtype, low: Any, high: Any) -> Any:
    """Uniform in [low, high) from a typed key."""
    if type(low) is float and low == 0.0 and type(high) is float and high == 1.0:
        return unit(key, shape, dtype)
    low, high = cast(low, dtype), cast(high, dtype)
    return bnp.maximum(low, unit(key, shape, dtype) * (high - low) + low)


def cast(x: Any, dtype: np.dtype) -> Any:
    """`x` as an array of `dtype`; Python and NumPy scalars stay scalars."""
    if isinstance(x, bool | int | float | np.generic):
        return dtype.type(x)
    x = bnp.asarray(x)
    return x if x.dtype == dtype and not x.weak else convert(x, new_dtype=dtype)


def uniform(
    key: Any, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0
) -> Any:
    """Uniform numbers in [minval, maxval).

    >>> from bibun import random
    >>> round(float(random.uniform(random.key(0))), 6)
    0.418457
    """
    dt = float_dtype("uniform", dtype)
    shape = sample_shape("uniform", shape, np.shape(minval), np.shape(maxval))
    return between(as_key("uniform", key), shape, dt, minval, maxval)


def normal_real(key: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Standard normal from a typed key: sqrt(2) erfinv(u), u uniform in (-1, 1)."""
    one = dtype.type(1)
    low = np.nextafter(-one, dtype.type(0), dtype=dtype)
    return erf_inv(between(key, shape, dtype, low, one)) * dtype.type(math.sqrt(2))


def normal(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Standard normal numbers, by inversion; complex dtypes have unit total variance.

    >>> from bibun import random
    >>> random.normal(random.key(0), (2, 3)).shape
    (2, 3)
    """
    key, shape = as_key("normal", key), as_shape("normal", shape)
    dt = canonical(float if dtype is None else dtype)
    if is_complex(dt):
        part = real_of(dt)
        k_re, k_im = derive(key, 2)
        re, im = normal_real(k_re, shape, part), normal_real(k_im, shape, part)
        return (convert(re, new_dtype=dt) + 1j * convert(im, new_dtype=dt)) / dt.type(math.sqrt(2))
    return normal_real(key, shape, float_dtype("normal", dt))


def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Standard normal numbers restricted to (lower, upper), by inversion.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.truncated_normal(random.key(0), 0.0, 1.0, (100,))
    >>> bool(bnp.all((x > 0) & (x < 1)))
    True
    """
    from bibun.transforms import stop_gradient

    dt = float_dtype("truncated_normal", dtype)
    shape = sample_shape("truncated_normal", shape, np.shape(lower), np.shape(upper))
    root = dt.type(math.sqrt(2))
    lower, upper = bnp.asarray(lower, dtype=dt), bnp.asarray(upper, dtype=dt)
    u = between(as_key("truncated_normal", key), shape, dt, erf(lower / root), erf(upper / root))
    inside = nextafter(stop_gradient(lower), dt.type(np.inf))
    return bnp.clip(root * erf_inv(u), inside, nextafter(stop_gradient(upper), dt.type(-np.inf)))


def exponential(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Exponential numbers of rate 1: -log(1 - u).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.exponential(random.key(0), (2000,))
    >>> abs(float(bnp.mean(x)) - 1.0) < 0.1
    True
    """
    dt = float_dtype("exponential", dtype)
    return exponential_of(as_key("exponential", key), as_shape("exponential", shape), dt)


def exponential_of(key: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    return -bnp.log1p(-unit(key, shape, dtype))


def gumbel(key: Any, shape: Any = (), dtype: Any = None, mode: str | None = None) -> Any:
    """Standard Gumbel numbers: -log(-log(u)).

    `mode="high"` spends two uniforms on each, for a longer right tail.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.gumbel(random.key(0), (2000,))
    >>> abs(float(bnp.mean(x)) - 0.5772) < 0.1
    True
    """
    if mode not in (None, "low", "high"):
        raise ValueError(f"random.gumbel: mode must be 'low' or 'high', got {mode!r}")
    dt = float_dtype("gumbel", dtype)
    key, shape = as_key("gumbel", key), as_shape("gumbel", shape)
    info = np.finfo(dt)
    if mode == "high":
        pair = unit(key, (2, *shape), dt)
        high, low = pair[0], pair[1]
        fine = high + dt.type(2.0**-info.nmant) * low + info.tiny
        x = bnp.where(high >= 0.5, high, fine)
        return -bnp.log(-bnp.log1p(-x))
    return -bnp.log(-bnp.log(between(key, shape, dt, info.tiny, 1.0)))


def laplace(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Standard Laplace numbers.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.laplace(random.key(0), (2000,))
    >>> abs(float(bnp.mean(x))) < 0.1
    True
    """
    dt = float_dtype("laplace", dtype)
    low = dt.type(-1.0) + np.finfo(dt).epsneg
    u = between(as_key("laplace", key), as_shape("laplace", shape), dt, low, 1.0)
    return bnp.sign(u) * bnp.log1p(-bnp.abs(u))


def logistic(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Standard logistic numbers: log(u) - log(1 - u).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.logistic(random.key(0), (2000,))
    >>> abs(float(bnp.mean(x))) < 0.15
    True
    """
    dt = float_dtype("logistic", dtype)
    u = between(as_key("logistic", key), as_shape("logistic", shape), dt, np.finfo(dt).tiny, 1.0)
    return bnp.log(u) - bnp.log1p(-u)


def cauchy(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Standard Cauchy numbers: tan(pi (u - 1/2)).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.cauchy(random.key(0), (2000,))
    >>> abs(float(bnp.median(x))) < 0.1
    True
    """
    dt = float_dtype("cauchy", dtype)
    u = between(as_key("cauchy", key), as_shape("cauchy", shape), dt, np.finfo(dt).eps, 1.0)
    return bnp.tan((u - 0.5) * dt.type(np.pi))


def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Pareto numbers of index `b` and minimum 1.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.pareto(random.key(0), 3.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 1.5) < 0.1
    True
    """
    dt = float_dtype("pareto", dtype)
    shape = sample_shape("pareto", shape, np.shape(b))
    return bnp.exp(exponential_of(as_key("pareto", key), shape, dt) / cast(b, dt))


def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Rayleigh numbers of the given scale.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.rayleigh(random.key(0), 2.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 2.5066) < 0.15
    True
    """
    dt = float_dtype("rayleigh", dtype)
    shape = sample_shape("rayleigh", shape, np.shape(scale))
    u = unit(as_key("rayleigh", key), shape, dt)
    return cast(scale, dt) * bnp.sqrt(bnp.log(u) * -2.0)


def weibull_min(
    key: Any, scale: Any, concentration: Any, shape: Any = (), dtype: Any = None
) -> Any:
    """Weibull numbers, by inversion.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.weibull_min(random.key(0), 2.0, 1.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 2.0) < 0.2
    True
    """
    dt = float_dtype("weibull_min", dtype)
    shape = sample_shape("weibull_min", shape, np.shape(scale), np.shape(concentration))
    u = unit(as_key("weibull_min", key), shape, dt)
    return bnp.power(-bnp.log1p(-u), 1.0 / cast(concentration, dt)) * cast(scale, dt)


def triangular(
    key: Any, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = None
) -> Any:
    """Triangular numbers on [left, right] with the given mode.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.triangular(random.key(0), 0.0, 1.0, 2.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 1.0) < 0.1
    True
    """
    dt = float_dtype("triangular", dtype)
    shape = sample_shape("triangular", shape, np.shape(left), np.shape(mode), np.shape(right))
    left, mode, right = cast(left, dt), cast(mode, dt), cast(right, dt)
    u = unit(as_key("triangular", key), shape, dt)
    rising = left + bnp.sqrt(u * (right - left) * (mode - left))
    falling = right - bnp.sqrt((1 - u) * (right - left) * (right - mode))
    return bnp.where(u < (mode - left) / (right - left), rising, falling)


def lognormal(key: Any, sigma: Any = 1.0, shape: Any = None, dtype: Any = None) -> Any:
    """exp(sigma z) for standard normal z.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.lognormal(random.key(0), 0.5, (2000,))
    >>> abs(float(bnp.median(x)) - 1.0) < 0.1
    True
    """
    dt = float_dtype("lognormal", dtype)
    shape = sample_shape("lognormal", shape, np.shape(sigma))
    return bnp.exp(normal_real(as_key("lognormal", key), shape, dt) * cast(sigma, dt))


def wald(key: Any, mean: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Wald (inverse Gaussian) numbers of the given mean and shape 1.

    Source: Michael, Schucany and Haas (1976).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.wald(random.key(0), 2.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 2.0) < 0.3
    True
    """
    dt = float_dtype("wald", dtype)
    shape = sample_shape("wald", shape, np.shape(mean))
    k1, k2 = derive(as_key("wald", key), 2)
    m = cast(mean, dt)
    v, z = normal_real(k1, shape, dt), unit(k2, shape, dt)
    y = v * v
    root = bnp.sqrt(4 * m * y + m * m * (y * y))
    x = m + m * m * y / 2 - m / 2 * root
    return bnp.where(z <= m / (m + x), x, m * m / x)


def maxwell(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Lengths of standard normal vectors in three dimensions.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.maxwell(random.key(0), (2000,))
    >>> abs(float(bnp.mean(x)) - 1.5958) < 0.1
    True
    """
    dt = float_dtype("maxwell", dtype)
    z = normal_real(as_key("maxwell", key), (*as_shape("maxwell", shape), 3), dt)
    return bnp.sqrt(bnp.sum(z * z, axis=-1))


def double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Maxwell numbers with random signs, scaled and shifted.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.double_sided_maxwell(random.key(0), 1.0, 2.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 1.0) < 0.3
    True
    """
    dt = float_dtype("double_sided_maxwell", dtype)
    params = np.broadcast_shapes(np.shape(loc), np.shape(scale))
    shape = (as_shape("double_sided_maxwell", shape) or params) + params
    k1, k2 = derive(as_key("double_sided_maxwell", key), 2)
    signs = rademacher(k2, shape, dt)
    return signs * maxwell(k1, shape, dt) * cast(scale, dt) + cast(loc, dt)


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None, mode: str = "low") -> Any:
    """Booleans, true with probability `p`. `mode="high"` resolves tiny probabilities.

    >>> from bibun import random
    >>> random.bernoulli(random.key(0), 0.5, (3,)).dtype
    dtype('bool')
    """
    if mode not in ("low", "high"):
        raise ValueError(f"random.bernoulli: mode must be 'low' or 'high', got {mode!r}")
    shape = sample_shape("bernoulli", shape, np.shape(p))
    own = getattr(p, "dtype", None)
    dt = canonical(own if own is not None and own.kind == "f" else float)
    p = cast(p, dt)
    key = as_key("bernoulli", key)
    if mode == "high":
        pair = unit(key, (2, *shape), dt)
        return pair[1] * dt.type(2.0 ** -np.finfo(dt).nmant) < p - pair[0]
    return unit(key, shape, dt) < p


def rademacher(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """-1 or 1, with equal probability (default dtype: int).

    >>> from bibun import random
    >>> x = random.rademacher(random.key(0), (100,))
    >>> int(x.min()), int(x.max())
    (-1, 1)
    """
    dt = canonical(int if dtype is None else dtype)
    heads = bernoulli(key, 0.5, as_shape("rademacher", shape))
    return convert(heads, new_dtype=dt) * dt.type(2) - dt.type(1)


def _clip_integer(x: Any, dtype: np.dtype) -> Any:
    """`x` as `dtype`, out-of-range values at the nearest end."""
    if not is_integer(x.dtype):
        x = convert(x, new_dtype=canonical(int))
    if x.dtype == dtype:
        return x
    have, want = np.iinfo(x.dtype), np.iinfo(dtype)
    low, high = max(have.min, want.min), min(have.max, want.max)
    return convert(bnp.clip(x, x.dtype.type(low), x.dtype.type(high)), new_dtype=dtype)


def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = None) -> Any:
    """Integers in [minval, maxval); `minval` where the range is empty.

    Twice the bits of the dtype are spent on each, so that the bias of the remainder is
    below 2**-nbits of the range.

    >>> from bibun import random
    >>> random.randint(random.key(0), (4,), 0, 3).shape
    (4,)
    """
    dt = canonical(int if dtype is None else dtype)
    if not is_integer(dt):
        raise DTypeError(f"random.randint: dtype must be an integer, got {dt}")
    low, high = bnp.asarray(minval), bnp.asarray(maxval)
    shape = sample_shape("randint", shape, low.shape, high.shape)
    if not is_integer(high.dtype):
        high = convert(high, new_dtype=canonical(int))
    beyond = high > _clip_integer(bnp.asarray(np.array(np.iinfo(dt).max, dt)), high.dtype)
    low, high = _clip_integer(low, dt), _clip_integer(high, dt)
    unsigned = _UNSIGNED[dt.itemsize]
    nbits = 8 * dt.itemsize
    k1, k2 = derive(as_key("randint", key), 2)
    high_word, low_word = raw_bits(k1, nbits, shape), raw_bits(k2, nbits, shape)
    one = unsigned.type(1)
    empty = high <= low
    span = bnp.where(empty, one, convert(high - low, new_dtype=unsigned))
    # a maxval one beyond the dtype's largest: the full range, whose span wraps to 0, and
    # a remainder by 0 leaves its operand
    span = bnp.where(bnp.logical_and(beyond, bnp.logical_not(empty)), span + one, span)
    factor = rem(bnp.asarray(unsigned.type(2 ** (nbits // 2))), span)
    factor = rem(factor * factor, span)
    offset = rem(rem(high_word, span) * factor + rem(low_word, span), span)
    return low + convert(offset, new_dtype=dt)
