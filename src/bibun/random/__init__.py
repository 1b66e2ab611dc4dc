"""Random numbers from explicit keys, with the bits of JAX's default generator.

    key = random.key(0)
    key, sub = random.split(key)
    x = random.normal(sub, (3,))

The generator is threefry2x32 with partitionable counters. For the same key, draws equal
JAX's up to rounding (reference: JAX 0.10.2 with 64-bit types enabled).
"""

from __future__ import annotations

from bibun.random.arrays import choice, multivariate_normal, orthogonal, permutation
from bibun.random.discrete import binomial, categorical, geometric, multinomial, poisson
from bibun.random.gammas import (
    ball,
    beta,
    chisquare,
    dirichlet,
    f,
    gamma,
    generalized_normal,
    loggamma,
    t,
)
from bibun.random.keys import (
    PRNGKey,
    clone,
    fold_in,
    is_key,
    key,
    key_data,
    key_impl,
    split,
    wrap_key_data,
)
from bibun.random.uniforms import (
    bernoulli,
    bits,
    cauchy,
    double_sided_maxwell,
    exponential,
    gumbel,
    laplace,
    logistic,
    lognormal,
    maxwell,
    normal,
    pareto,
    rademacher,
    randint,
    rayleigh,
    triangular,
    truncated_normal,
    uniform,
    wald,
    weibull_min,
)

__all__ = [
    "PRNGKey", "ball", "bernoulli", "beta", "binomial", "bits", "categorical", "cauchy",
    "chisquare", "choice", "clone", "dirichlet", "double_sided_maxwell", "exponential", "f",
    "fold_in", "gamma", "generalized_normal", "geometric", "gumbel", "is_key", "key", "key_data",
    "key_impl", "laplace", "loggamma", "logistic", "lognormal", "maxwell", "multinomial",
    "multivariate_normal", "normal", "orthogonal", "pareto", "permutation", "poisson",
    "rademacher", "randint", "rayleigh", "split", "t", "triangular", "truncated_normal",
    "uniform", "wald", "weibull_min", "wrap_key_data",
]  # fmt: skip
