"""Gamma numbers, and the distributions made of them.

Marsaglia and Tsang's rejection sampler, one `while_loop` an element, each element with a
key of its own; below a = 1 a draw for a + 1 is multiplied by u**(1/a). The derivative with
respect to `a` is that of the quantile function at fixed probability (implicit
reparametrisation), so draws are differentiable.

Sources: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000);
Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients" (2018).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.lax import while_loop
from bibun.ops.elementwise import random_gamma_grad
from bibun.ops.random_bits import bits_to_key, threefry
from bibun.random.keys import as_key, counters, derive, float_dtype, sample_shape
from bibun.random.uniforms import cast, exponential_of, normal_real, rademacher, unit
from bibun.transforms import custom_jvp, vmap


def _gamma_one(key: Any, alpha: Any, log_space: bool) -> Any:
    """One number from a typed key and a scalar `alpha`."""
    dt = alpha.dtype
    one = dt.type(1)
    big = alpha >= one
    raised = bnp.where(big, alpha, alpha + one)
    d = raised - dt.type(1.0 / 3.0)
    c = dt.type(1.0 / 3.0) / bnp.sqrt(d)

    def rejected(state: Any) -> Any:
        _, x2, v, u = state
        outside = u >= one - dt.type(0.0331) * (x2 * x2)
        return bnp.logical_and(
            outside, bnp.log(u) >= x2 * dt.type(0.5) + d * ((one - v) + bnp.log(v))
        )

    def attempt(state: Any) -> Any:
        key, x_key, u_key = derive(state[0], 3)

        def again(kxv: Any) -> Any:
            key, subkey = derive(kxv[0], 2)
            x = normal_real(subkey, (), dt)
            return key, x, one + x * c

        start = (x_key, bnp.zeros((), dt), -bnp.ones((), dt))
        _, x, v = while_loop(lambda kxv: kxv[2] <= 0, again, start)
        return key, x * x, (v * v) * v, unit(u_key, (), dt)

    key, subkey = derive(key, 2)
    start = (key, bnp.zeros((), dt), bnp.ones((), dt), bnp.full((), 2, dt))
    _, _, v, _ = while_loop(rejected, attempt, start)
    if log_space:
        log_u = -exponential_of(subkey, (), dt)
        skip = bnp.logical_or(big, log_u == 0)
        return (bnp.log(d) + bnp.log(v)) + bnp.where(skip, dt.type(0), log_u * (one / alpha))
    u = one - unit(subkey, (), dt)
    return (d * v) * bnp.where(big, one, bnp.power(u, one / alpha))


def _gamma_all(log_space: bool, key: Any, alpha: Any) -> Any:
    n = math.prod(alpha.shape)
    keys = bits_to_key(threefry(key, counters((n,))))
    draws = vmap(lambda k, a: _gamma_one(k, a, log_space))(keys, bnp.reshape(alpha, (n,)))
    return bnp.reshape(draws, alpha.shape)


_gamma = custom_jvp(lambda key, alpha: _gamma_all(False, key, alpha))
_loggamma = custom_jvp(lambda key, alpha: _gamma_all(True, key, alpha))


@_gamma.defjvp
def _gamma_jvp(primals: Any, tangents: Any) -> Any:
    (key, alpha), (_, t) = primals, tangents
    out = _gamma(key, alpha)
    return out, random_gamma_grad(alpha, out) * t


@_loggamma.defjvp
def _loggamma_jvp(primals: Any, tangents: Any) -> Any:
    (key, alpha), (_, t) = primals, tangents
    out = _loggamma(key, alpha)
    x = bnp.maximum(bnp.exp(out), np.finfo(out.dtype).tiny)
    return out, random_gamma_grad(alpha, x) / x * t


def _draw(name: str, sampler: Any, key: Any, a: Any, shape: Any, dtype: Any) -> Any:
    dt = float_dtype(name, dtype)
    shape = sample_shape(name, shape, np.shape(a))
    return sampler(as_key(name, key), bnp.broadcast_to(bnp.asarray(cast(a, dt)), shape))


def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Gamma numbers of shape parameter `a` and rate 1, differentiable in `a`.

    >>> from bibun import random
    >>> random.gamma(random.key(0), 3.0, (5,)).shape
    (5,)
    """
    return _draw("gamma", _gamma, key, a, shape, dtype)


def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Logarithms of gamma numbers: exact where small `a` would underflow.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.loggamma(random.key(0), 1.0, (2000,))
    >>> abs(float(bnp.mean(x)) + 0.5772) < 0.1
    True
    """
    return _draw("loggamma", _loggamma, key, a, shape, dtype)


def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Beta numbers, from two gamma numbers in log space.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.beta(random.key(0), 1.0, 3.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 0.25) < 0.05
    True
    """
    dt = float_dtype("beta", dtype)
    shape = sample_shape("beta", shape, np.shape(a), np.shape(b))
    k1, k2 = derive(as_key("beta", key), 2)
    la, lb = loggamma(k1, a, shape, dt), loggamma(k2, b, shape, dt)
    top = bnp.maximum(la, lb)
    ga, gb = bnp.exp(la - top), bnp.exp(lb - top)
    return ga / (ga + gb)


def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Points of the simplex; `alpha` has shape (..., n), the result `shape + (n,)`.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.dirichlet(random.key(0), bnp.ones(3), (4,))
    >>> x.shape, bool(bnp.allclose(bnp.sum(x, axis=-1), 1.0))
    ((4, 3), True)
    """
    dt = float_dtype("dirichlet", dtype)
    alpha = bnp.asarray(cast(bnp.asarray(alpha), dt))
    if alpha.ndim < 1:
        raise ValueError("random.dirichlet: alpha must have at least one axis")
    shape = sample_shape("dirichlet", shape, alpha.shape[:-1])
    logs = loggamma(as_key("dirichlet", key), alpha, (*shape, alpha.shape[-1]), dt)
    w = bnp.exp(logs - bnp.max(logs, axis=-1, keepdims=True))
    return w / bnp.sum(w, axis=-1, keepdims=True)


def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Chi-squared numbers with `df` degrees of freedom.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.chisquare(random.key(0), 3.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 3.0) < 0.2
    True
    """
    dt = float_dtype("chisquare", dtype)
    return bnp.exp(loggamma(key, cast(df, dt) / dt.type(2), shape, dt)) * dt.type(2)


def t(key: Any, df: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Student's t numbers with `df` degrees of freedom.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.t(random.key(0), 5.0, (2000,))
    >>> abs(float(bnp.mean(x))) < 0.1
    True
    """
    dt = float_dtype("t", dtype)
    shape = sample_shape("t", shape, np.shape(df))
    k1, k2 = derive(as_key("t", key), 2)
    half = cast(df, dt) / dt.type(2)
    return normal_real(k1, shape, dt) * bnp.sqrt(half / gamma(k2, half, shape, dt))


def f(key: Any, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = None) -> Any:
    """F numbers: a ratio of chi-squared numbers over their degrees of freedom.

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.f(random.key(0), 5.0, 10.0, (2000,))
    >>> abs(float(bnp.mean(x)) - 1.25) < 0.2
    True
    """
    dt = float_dtype("f", dtype)
    shape = sample_shape("f", shape, np.shape(dfnum), np.shape(dfden))
    k_den, k_num = derive(as_key("f", key), 2)
    num = chisquare(k_num, dfnum, shape, dt) / cast(dfnum, dt)
    return num / (chisquare(k_den, dfden, shape, dt) / cast(dfden, dt))


def generalized_normal(key: Any, p: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of density proportional to exp(-|x|**p).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.generalized_normal(random.key(0), 4.0, (2000,))
    >>> abs(float(bnp.mean(x))) < 0.1
    True
    """
    dt = float_dtype("generalized_normal", dtype)
    shape = sample_shape("generalized_normal", shape)
    k1, k2 = derive(as_key("generalized_normal", key), 2)
    g = gamma(k1, 1 / p, shape, dt)
    return rademacher(k2, shape, dt) * g ** (1 / p)


def ball(key: Any, d: int, p: float = 2, shape: Any = (), dtype: Any = None) -> Any:
    """Uniform points of the unit ball of the p-norm in `d` dimensions: shape + (d,).

    Source: Barthe, Guédon, Mendelson and Naor (2005).

    >>> import bibun.numpy as bnp
    >>> from bibun import random
    >>> x = random.ball(random.key(0), 3, shape=(100,))
    >>> x.shape, bool(bnp.all(bnp.linalg.norm(x, axis=-1) <= 1))
    ((100, 3), True)
    """
    dt = float_dtype("ball", dtype)
    shape = sample_shape("ball", shape)
    k1, k2 = derive(as_key("ball", key), 2)
    g = generalized_normal(k1, p, (*shape, d), dt)
    e = exponential_of(k2, shape, dt)
    norm = (bnp.sum(bnp.abs(g) ** p, axis=-1) + e) ** (1 / p)
    return g / norm[..., None]
