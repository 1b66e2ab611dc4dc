"""Permutations, choices, Gaussian vectors and orthogonal matrices."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.dtypes import canonical, float32, float64, is_inexact
from bibun.errors import ShapeError
from bibun.lax import top_k
from bibun.ops.elementwise import convert
from bibun.ops.sort import sort
from bibun.random.keys import as_key, as_shape, derive, float_dtype, sample_shape
from bibun.random.uniforms import cast, gumbel, normal_real, randint, raw_bits, unit


def _shuffle(key: Any, x: Any, axis: int) -> Any:
    """Sort by random 32-bit keys, often enough that ties have no effect worth counting."""
    rounds = math.ceil(3 * math.log(max(1, x.size)) / math.log(2**32 - 1))
    for _ in range(rounds):
        key, subkey = derive(key, 2)
        _, x = sort(raw_bits(subkey, 32, x.shape), x, axis=axis, num_keys=1, stable=True)
    return x


def _integer(name: str, what: str, n: Any) -> int:
    try:
        return operator.index(n)
    except TypeError:
        raise TypeError(
            f"random.{name}: {what} must be a concrete integer or an array, got {n!r}"
        ) from None


def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    """`x` shuffled along an axis, or `arange(x)` where x is an integer.

    `independent`: each row along the axis is shuffled by itself.

    >>> from bibun import random
    >>> sorted(random.permutation(random.key(0), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    key = as_key("permutation", key)
    if isinstance(x, int | np.integer) or np.ndim(x) == 0:
        return _shuffle(key, bnp.arange(_integer("permutation", "x", x)), 0)
    x = bnp.asarray(x)
    axis = operator.index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"random.permutation: no axis {axis} in an array of shape {x.shape}")
    axis %= x.ndim
    if independent or x.ndim == 1:
        return _shuffle(key, x, axis)
    return bnp.take(x, _shuffle(key, bnp.arange(x.shape[axis]), 0), axis=axis)


def choice(
    key: Any,
    a: Any,
    shape: Any = (),
    replace: bool = True,
    p: Any = None,
    axis: int = 0,
    mode: str | None = None,
) -> Any:
    """Draws from `arange(a)` or from the slices of an array along `axis`, weighted by `p`.

    Errors: ValueError for too many draws without replacement or a `p` of the wrong length.

    >>> from bibun import random
    >>> random.choice(random.key(0), 10, (3,), replace=False).shape
    (3,)
    """
    key, shape = as_key("choice", key), as_shape("choice", shape)
    scalar = isinstance(a, int | np.integer) or np.ndim(a) == 0
    if scalar:
        size = _integer("choice", "a", a)
    else:
        a = bnp.asarray(a)
        axis %= a.ndim
        size = a.shape[axis]
    draws = math.prod(shape)
    if draws == 0:
        return bnp.zeros(shape, canonical(int) if scalar else a.dtype)
    if size <= 0:
        raise ValueError(f"random.choice: nothing to draw from, a has {size} elements")
    if not replace and draws > size:
        raise ValueError(f"random.choice: {draws} draws without replacement from {size} elements")
    if p is None and not replace:
        whole = permutation(key, size if scalar else a, 0 if scalar else axis)
        result = whole[(slice(None),) * (0 if scalar else axis) + (slice(draws),)]
    else:
        if p is None:
            index = randint(key, shape, 0, size)
        else:
            p = bnp.asarray(p)
            if not is_inexact(p.dtype):
                p = convert(p, new_dtype=canonical(float))
            if p.shape != (size,):
                raise ValueError(
                    f"random.choice: p must have shape ({size},), one weight for each element "
                    f"of a, got {p.shape}"
                )
            if replace:
                cumulative = bnp.cumsum(p)
                r = cumulative[-1] * (1 - unit(key, shape, p.dtype))
                index = bnp.searchsorted(cumulative, r).astype(int)
            else:
                index = top_k(gumbel(key, (size,), p.dtype, mode) + bnp.log(p), draws)[1]
                index = index.astype(int)
        result = index if scalar else bnp.take(a, index, axis=axis)
    if scalar:
        return bnp.reshape(result, shape)
    return bnp.reshape(result, (*a.shape[:axis], *shape, *a.shape[axis + 1 :]))


def multivariate_normal(
    key: Any,
    mean: Any,
    cov: Any,
    shape: Any = None,
    dtype: Any = None,
    method: str = "cholesky",
) -> Any:
    """Gaussian vectors: mean (..., n), cov (..., n, n), result shape + (n,).

    `method`: "cholesky", or "eigh" or "svd" where `cov` is only semidefinite.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> random.multivariate_normal(random.key(0), bnp.zeros(2), bnp.eye(2), (5,)).shape
    (5, 2)
    """
    if method not in ("cholesky", "eigh", "svd"):
        raise ValueError(
            f"random.multivariate_normal: method must be cholesky, eigh or svd, got {method!r}"
        )
    mean, cov = bnp.asarray(mean), bnp.asarray(cov)
    if dtype is None:
        dtype = float64 if float64 in (mean.dtype, cov.dtype) or (
            float32 not in (mean.dtype, cov.dtype)
        ) else float32  # fmt: skip
    dt = float_dtype("multivariate_normal", dtype)
    if mean.ndim < 1 or cov.ndim < 2 or cov.shape[-2:] != (mean.shape[-1],) * 2:
        raise ShapeError(
            "random.multivariate_normal: expected mean of shape (..., n) and cov of shape "
            f"(..., n, n), got {mean.shape} and {cov.shape}"
        )
    mean, cov = cast(mean, dt), cast(cov, dt)
    shape = sample_shape("multivariate_normal", shape, mean.shape[:-1], cov.shape[:-2])
    if method == "cholesky":
        factor = bnp.linalg.cholesky(cov)
    elif method == "eigh":
        w, v = bnp.linalg.eigh(cov)
        factor = v * bnp.sqrt(w[..., None, :])
    else:
        u, s, _ = bnp.linalg.svd(cov)
        factor = u * bnp.sqrt(s[..., None, :])
    z = normal_real(as_key("multivariate_normal", key), (*shape, mean.shape[-1]), dt)
    return mean + bnp.matmul(factor, z[..., None])[..., 0]


def orthogonal(key: Any, n: int, shape: Any = (), dtype: Any = None, m: int | None = None) -> Any:
    """Orthogonal matrices of Haar measure, shape + (n, m); rectangular ones where m is given.

    Source: Mezzadri, "How to generate random matrices from the classical compact groups" (2007).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> q = random.orthogonal(random.key(0), 3)
    >>> bool(bnp.allclose(q.T @ q, bnp.eye(3)))
    True
    """
    dt = float_dtype("orthogonal", dtype)
    n = _integer("orthogonal", "n", n)
    m = n if m is None else _integer("orthogonal", "m", m)
    shape = as_shape("orthogonal", shape)
    z = normal_real(as_key("orthogonal", key), (*shape, max(n, m), min(n, m)), dt)
    q, r = bnp.linalg.qr(z)
    d = bnp.diagonal(r, axis1=-2, axis2=-1)
    x = q * bnp.sign(d)[..., None, :]
    return bnp.swapaxes(x, -1, -2) if n < m else x
