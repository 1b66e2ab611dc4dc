"""Ten numbers without `jit`: what a call costs where nothing is compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stack import Stack
from benchmarks.workload import workload


def sum_of_products(lib: Stack, n: int) -> Any:
    jnp = lib.numpy

    def f(x: Any) -> Any:
        return jnp.sum(jnp.sin(x) * x + 1.0)

    return f, (jnp.asarray(np.random.default_rng(0).normal(size=n)),)


@workload(
    "eager", "eager `sum(sin(x)·x + 1)`, n = 10", full={"n": 10}, small={"n": 10},
    steady={"jax": 3.0},
)  # fmt: skip
def eager(lib: Stack, n: int) -> Any:
    return sum_of_products(lib, n)


@workload(
    "eager-grad", "its eager `grad`", full={"n": 10}, small={"n": 10}, steady={"jax": 6.0},
)  # fmt: skip
def eager_grad(lib: Stack, n: int) -> Any:
    f, arguments = sum_of_products(lib, n)
    return lib.grad(f), arguments
