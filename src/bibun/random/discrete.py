"""Poisson, binomial, geometric, multinomial and categorical numbers.

Sources: Knuth (1969) and Hörmann, "The transformed rejection method for generating Poisson
random variables" (PTRS, 1993) for Poisson; Kachitvichyanukul and Schmeiser (1988) for small
and Hörmann, "The generation of binomial random variates" (BTRS, 1993) for large binomials.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.dtypes import canonical, float32, is_integer
from bibun.errors import DTypeError
from bibun.lax import scan, top_k, while_loop
from bibun.ops.elementwise import convert, lgamma
from bibun.random.keys import as_key, derive, float_dtype, sample_shape, split
from bibun.random.uniforms import cast, gumbel, unit


def _poisson_knuth(key: Any, lam: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Counting factors until their product falls below exp(-lam)."""

    def body(state: Any) -> Any:
        k, key, log_product = state
        key, subkey = derive(key, 2)
        k = bnp.where(log_product > -lam, k + dtype.type(1), k)
        return k, key, log_product + bnp.log(unit(subkey, shape, float32))

    start = (bnp.zeros(shape, dtype), key, bnp.zeros(shape, float32))
    return while_loop(lambda s: bnp.any(s[2] > -lam), body, start)[0] - dtype.type(1)


def _poisson_rejection(key: Any, lam: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    log_lam = bnp.log(lam)
    b = 0.931 + 2.53 * bnp.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inv_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)

    def body(state: Any) -> Any:
        k_out, accepted, key = state
        key, key_u, key_v = derive(key, 3)
        u = unit(key_u, shape, lam.dtype) - 0.5
        v = unit(key_v, shape, lam.dtype)
        us = 0.5 - bnp.abs(u)
        k = bnp.floor((2 * a / us + b) * u + lam + 0.43)
        s = bnp.log(v * inv_alpha / (a / (us * us) + b))
        t = -lam + k * log_lam - lgamma(k + 1)
        quick = (us >= 0.07) & (v <= v_r)
        reject = (k < 0) | ((us < 0.013) & (v > us))
        accept = quick | (~reject & (s <= t))
        return bnp.where(accept, k, k_out), accepted | accept, key

    start = (bnp.full(shape, -1, lam.dtype), bnp.zeros(shape, bool), key)
    return convert(while_loop(lambda s: bnp.any(~s[1]), body, start)[0], new_dtype=dtype)


def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Poisson counts of mean `lam` (computed in float32, as in JAX; default dtype: int).

    >>> from bibun import random
    >>> random.poisson(random.key(0), 4.0, (3,)).dtype
    dtype('int64')
    """
    dt = canonical(int if dtype is None else dtype)
    if not is_integer(dt):
        raise DTypeError(f"random.poisson: dtype must be an integer, got {dt}")
    shape = sample_shape("poisson", shape, np.shape(lam))
    key = as_key("poisson", key)
    lam = bnp.broadcast_to(bnp.asarray(cast(lam, float32)), shape)
    small = bnp.isnan(lam) | (lam < 10)
    result = bnp.where(
        small,
        _poisson_knuth(key, bnp.where(small, lam, float32.type(0)), shape, dt),
        _poisson_rejection(key, bnp.where(small, float32.type(1e5), lam), shape, dt),
    )
    return bnp.where(lam == 0, dt.type(0), result)


# The remainder of Stirling's series, log k! - (k + 1/2) log(k + 1) + k + 1 - log(2 pi)/2:
# exact for k <= 9, by its expansion above.
_STIRLING = np.array(
    [math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - 0.5 * math.log(2 * math.pi)
     for k in range(10)]
)  # fmt: skip


def _stirling_tail(k: Any) -> Any:
    # JAX 0.10.2 evaluates the expansion at 9 for every k above 9; this is the series itself
    index = convert(bnp.clip(k, 0.0, 9.0), new_dtype=np.dtype(np.int64))
    table = bnp.asarray(_STIRLING.astype(k.dtype)).at[index].get(mode="promise_in_bounds")
    x = bnp.maximum(k, 9.0) + 1
    series = (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / (x * x)) / (x * x)) / x
    return bnp.where(k <= 9, table, series)


def _binomial_inversion(key: Any, n: Any, p: Any, shape: tuple[int, ...]) -> Any:
    """Counting geometric waiting times until they pass `n`; for n p <= 10."""
    log_q = bnp.log1p(-p)

    def body(state: Any) -> Any:
        count, total, key = state
        subkey, key = derive(key, 2)
        count = bnp.where(total <= n, count + 1, count)
        return count, total + bnp.ceil(bnp.log(unit(subkey, shape, p.dtype)) / log_q), key

    start = (bnp.zeros(shape, p.dtype), bnp.zeros(shape, p.dtype), key)
    return while_loop(lambda s: bnp.any(s[1] <= n), body, start)[0] - 1


def _binomial_btrs(key: Any, n: Any, p: Any, shape: tuple[int, ...]) -> Any:
    stddev = bnp.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * stddev
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = n * p + 0.5
    v_r = 0.92 - 4.2 / b
    r = p / (1 - p)
    alpha = (2.83 + 5.1 / b) * stddev
    m = bnp.floor((n + 1) * p)
    fixed = (m + 0.5) * bnp.log((m + 1) / (r * (n - m + 1))) + (
        _stirling_tail(m) + _stirling_tail(n - m)
    )

    def body(state: Any) -> Any:
        k_out, accepted, key = state
        key, key_u, key_v = derive(key, 3)
        u = unit(key_u, shape, p.dtype) - 0.5
        v = unit(key_v, shape, p.dtype)
        us = 0.5 - bnp.abs(u)
        quick = (us >= 0.07) & (v <= v_r)
        k = bnp.floor((2 * a / us + b) * u + c)
        reject = (k < 0) | (k > n)
        v = bnp.log(v * alpha / (a / (us * us) + b))
        bound = (
            fixed
            + (n + 1) * bnp.log((n - m + 1) / (n - k + 1))
            + (k + 0.5) * bnp.log(r * (n - k + 1) / (k + 1))
            - _stirling_tail(k)
            - _stirling_tail(n - k)
        )
        accept = quick | (~reject & (v <= bound))
        return bnp.where(accept, k, k_out), accepted | accept, key

    start = (bnp.full(shape, -1, p.dtype), bnp.zeros(shape, bool), key)
    return while_loop(lambda s: bnp.any(~s[1]), body, start)[0]


def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Binomial counts, as floats: `n` trials of probability `p`; nan for n < 0 or p nan.

    >>> from bibun import random
    >>> random.binomial(random.key(0), 10, 0.5, (3,)).dtype
    dtype('float64')
    """
    dt = float_dtype("binomial", dtype)
    shape = sample_shape("binomial", shape, np.shape(n), np.shape(p))
    key = as_key("binomial", key)
    own = getattr(p, "dtype", None)
    work = canonical(own if own is not None and own.kind == "f" else float)
    n = bnp.broadcast_to(bnp.asarray(cast(n, work)), shape)
    p = bnp.broadcast_to(bnp.asarray(cast(p, work)), shape)
    below = p < 0.5
    q = bnp.where(below, p, 1.0 - p)
    bad_n = bnp.isnan(n) | (n < 0.0)
    infinite = bnp.isinf(n)
    q_nan = bnp.isnan(q)
    bad_q = q_nan | (q < 0.0)
    q = bnp.where(bad_q, 0.01, q)
    small = bad_n | (n * q <= 10.0)
    n = bnp.floor(n)
    draws = bnp.where(
        small,
        _binomial_inversion(key, bnp.where(small, n, 0.0), q, shape),
        _binomial_btrs(key, bnp.where(small, 1e4, n), bnp.where(small, 0.5, q), shape),
    )
    draws = bnp.where(bad_q | bad_n, np.nan, draws)
    draws = bnp.where(infinite & ~(bad_q | bad_n), np.inf, draws)
    draws = bnp.where(below | bad_n | q_nan | infinite, draws, n - draws)
    return draws if work == dt else convert(draws, new_dtype=dt)


def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Number of trials up to the first success, from 1 (default dtype: int).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.geometric(random.key(0), 0.25, (2000,))
    >>> abs(float(bnp.mean(x)) - 4.0) < 0.3
    True
    """
    dt = canonical(int if dtype is None else dtype)
    own = getattr(p, "dtype", None)
    work = canonical(own if own is not None and own.kind == "f" else float)
    shape = sample_shape("geometric", shape, np.shape(p))
    u = unit(as_key("geometric", key), shape, work)
    log_u = bnp.log(bnp.where(u == 0, 1.0, u))
    return convert(bnp.floor(log_u / bnp.log1p(-cast(p, work))) + 1, new_dtype=dt)


def multinomial(key: Any, n: Any, p: Any, *, shape: Any = None, dtype: Any = None,
                unroll: int | bool = 1) -> Any:  # fmt: skip
    """Counts of the classes of `p` (last axis) in `n` trials: one binomial a class, in turn.

    unroll: how many classes a turn of the loop over them takes, as in `lax.scan`.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.multinomial(random.key(0), 10, bnp.array([0.5, 0.3, 0.2]))
    >>> x.shape, int(bnp.sum(x))
    ((3,), 10)
    """
    dt = float_dtype("multinomial", dtype)
    p = bnp.asarray(cast(bnp.asarray(p), dt))
    shape = sample_shape("multinomial", shape, p.shape)
    p = bnp.broadcast_to(p, shape)
    left = bnp.broadcast_to(bnp.asarray(cast(n, dt)), shape[:-1])
    rest = bnp.flip(bnp.cumsum(bnp.flip(p, -1), axis=-1), -1)
    ratio = bnp.clip(p / bnp.where(rest == 0, 1.0, rest), 0.0, 1.0)
    keys = split(as_key("multinomial", key), shape[-1])

    def draw(left: Any, one: Any) -> Any:
        key, share = one
        count = binomial(key, left, share, dtype=dt)
        return left - count, count

    _, counts = scan(draw, left, (keys, bnp.moveaxis(ratio, -1, 0)), unroll=unroll)
    return bnp.moveaxis(counts, 0, -1)


def categorical(
    key: Any,
    logits: Any,
    axis: int = -1,
    shape: Any = None,
    replace: bool = True,
    mode: str | None = None,
) -> Any:
    """Class indices drawn with unnormalised log probabilities along `axis` (Gumbel argmax).

    The result has `shape`, default that of `logits` without `axis`; leading axes of `shape`
    beyond it count independent draws, distinct ones with `replace=False`.

    >>> from bibun import random, numpy as bnp
    >>> random.categorical(random.key(0), bnp.log(bnp.array([0.2, 0.8])), shape=(4,)).shape
    (4,)
    """
    logits = bnp.asarray(logits)
    if logits.dtype.kind != "f":
        logits = convert(logits, new_dtype=canonical(float))
    axis = axis - logits.ndim if axis >= 0 else axis
    batch = tuple(n for i, n in enumerate(logits.shape) if i != logits.ndim + axis)
    shape = sample_shape("categorical", shape, batch)
    extra = shape[: len(shape) - len(batch)]
    key = as_key("categorical", key)
    if replace:
        inner = list(shape[len(extra) :])
        inner.insert(logits.ndim + axis, logits.shape[axis])
        return bnp.argmax(gumbel(key, (*extra, *inner), logits.dtype, mode) + logits, axis=axis)
    k = math.prod(extra)
    if k > logits.shape[axis]:
        raise ValueError(
            f"random.categorical: {k} draws without replacement from {logits.shape[axis]} classes"
        )
    noisy = bnp.moveaxis(logits + gumbel(key, logits.shape, logits.dtype, mode), axis, -1)
    return bnp.reshape(bnp.moveaxis(top_k(noisy, k)[1], -1, 0), shape)
