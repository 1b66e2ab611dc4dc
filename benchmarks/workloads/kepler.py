"""Kepler's equation, E - e sin E = M, by Newton in a `while_loop`, a lane an M.

Reverse mode goes through the implicit function theorem, as a user of JAX must write it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stack import Stack
from benchmarks.workload import workload


@workload(
    "kepler", "Kepler's equation and its derivative, 10⁶ lanes, Newton `while_loop`",
    full={"n": 10**6}, small={"n": 33}, steady={"jax": 5.0},
)  # fmt: skip
def kepler(lib: Stack, n: int) -> Any:
    jnp = lib.numpy

    @lib.custom_vjp
    def anomaly(e: Any, m: Any) -> Any:
        def unfinished(s: Any) -> Any:
            return jnp.abs(s[1] - s[0]) > 1e-10

        def newton(s: Any) -> Any:
            _, x = s
            return x, x - (x - e * jnp.sin(x) - m) / (1.0 - e * jnp.cos(x))

        return lib.lax.while_loop(unfinished, newton, (jnp.inf, m))[1]

    def forward(e: Any, m: Any) -> Any:
        x = anomaly(e, m)
        return x, (jnp.sin(x), 1.0 - e * jnp.cos(x))

    def backward(residuals: Any, u: Any) -> Any:
        sin, slope = residuals
        return u * sin / slope, u / slope

    anomaly.defvjp(forward, backward)
    both = lib.vmap(lib.value_and_grad(anomaly, argnums=1), in_axes=(None, 0))
    return lib.jit(both), (jnp.asarray(0.6), jnp.asarray(np.linspace(0.01, 6.2, n)))
