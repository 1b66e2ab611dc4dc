"""Gradients of elementwise expressions over long arrays: fusion and vector math."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stack import Stack
from benchmarks.workload import workload

MILLION = {"n": 10**6}
FEW = {"n": 65}


@workload(
    "abs-sin", "`vmap(grad(abs(x) + sin(x)))`, 10⁶",
    full=MILLION, small=FEW, steady={"jax": 10.0}, tolerance=1e-12,
)  # fmt: skip
def abs_sin(lib: Stack, n: int) -> Any:
    jnp = lib.numpy

    def f(x: Any) -> Any:
        return jnp.abs(x) + jnp.sin(x)

    x = np.random.default_rng(0).normal(size=n)
    return lib.jit(lib.vmap(lib.grad(f))), (jnp.asarray(x),)


@workload(
    "twice-log-cos-sin", "gradient of F(F(x)), F = log(cos x · sin x) + sin x, 10⁶",
    full=MILLION, small=FEW, steady={"jax": 6.0},
)  # fmt: skip
def twice_log_cos_sin(lib: Stack, n: int) -> Any:
    jnp = lib.numpy

    def once(x: Any) -> Any:
        return jnp.log(jnp.cos(x) * jnp.sin(x)) + jnp.sin(x)

    # here F(x) lies in (0.006, 0.054), where F is real again
    x = np.random.default_rng(0).uniform(0.8, 1.07, size=n)
    return lib.jit(lib.vmap(lib.grad(lambda x: once(once(x))))), (jnp.asarray(x),)


@workload(
    "five-functions", "gradient of a sum of exp, log1p, tanh, sqrt, arctan, 10⁶",
    full=MILLION, small=FEW, steady={"jax": 5.0}, tolerance=1e-12,
)  # fmt: skip
def five_functions(lib: Stack, n: int) -> Any:
    jnp = lib.numpy

    def f(x: Any) -> Any:
        terms = jnp.exp(x) * jnp.log1p(x) + jnp.tanh(x) * jnp.sqrt(x) + jnp.arctan(x)
        return jnp.sum(terms)

    x = np.random.default_rng(0).uniform(0.1, 1.4, size=n)
    return lib.jit(lib.grad(f)), (jnp.asarray(x),)
