"""Random numbers alone, and consumed by a Monte Carlo price with its two first derivatives."""

from __future__ import annotations

from typing import Any

from benchmarks.stack import Stack
from benchmarks.workload import workload


@workload(
    "normals", "2·10⁶ standard normals",
    full={"n": 2 * 10**6}, small={"n": 5}, steady={"jax": 7.0},
)  # fmt: skip
def normals(lib: Stack, n: int) -> Any:
    return lib.jit(lambda key: lib.random.normal(key, (n,))), (lib.random.PRNGKey(0),)


@workload(
    "option", "option price, delta and gamma, 10⁵ paths × 99 steps, random numbers included",
    full={"paths": 10**5, "steps": 99}, small={"paths": 200, "steps": 9}, steady={"jax": 6.0},
    tolerance=1e-8,
)  # fmt: skip
def option(lib: Stack, paths: int, steps: int) -> Any:
    jnp = lib.numpy
    strike, rate, volatility, years = 100.0, 0.01, 0.1, 1.0
    dt = years / steps

    def price(spot: Any, key: Any) -> Any:
        z = lib.random.normal(key, (steps, paths))
        growth = (rate - 0.5 * volatility**2) * dt + volatility * dt**0.5 * z
        end = spot * jnp.exp(jnp.sum(growth, axis=0))
        payoff = jnp.logaddexp(0.0, 10.0 * (end - strike)) / 10.0  # smooth, so that gamma exists
        return jnp.exp(-rate * years) * jnp.mean(payoff)

    def greeks(spot: Any, key: Any) -> Any:
        value, delta = lib.value_and_grad(price)(spot, key)
        return value, delta, lib.grad(lib.grad(price))(spot, key)

    return lib.jit(greeks), (jnp.asarray(100.0), lib.random.PRNGKey(1))
