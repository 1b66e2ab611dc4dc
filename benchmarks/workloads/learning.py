"""What machine learning calls again and again: a step of Adam, an MLP, a logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stack import Stack
from benchmarks.workload import workload


@workload(
    "adam-step", "one jitted Adam step on 2 parameters (call overhead)",
    full={}, small={}, steady={"jax": 3.0},
)  # fmt: skip
def adam_step(lib: Stack) -> Any:
    jnp = lib.numpy

    def loss(p: Any) -> Any:
        return (p[0] + 2.0 * p[1] - 7.0) ** 2 + (2.0 * p[0] + p[1] - 5.0) ** 2

    def step(t: Any, state: Any) -> Any:
        p, m, v = state
        g = lib.grad(loss)(p)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        change = 0.1 * (m / (1.0 - 0.9**t)) / (jnp.sqrt(v / (1.0 - 0.999**t)) + 1e-8)
        return p - change, m, v

    start = tuple(jnp.asarray(np.full(2, x)) for x in (0.5, 0.1, 0.2))
    return lib.jit(step), (3.0, start)


@workload(
    "mlp", "MLP gradient 64-256-256-10, batch 128",
    full={"widths": (64, 256, 256, 10), "batch": 128}, small={"widths": (3, 5, 2), "batch": 4},
    steady={"jax": 1.0},
)  # fmt: skip
def mlp(lib: Stack, widths: tuple[int, ...], batch: int) -> Any:
    jnp = lib.numpy

    def loss(layers: Any, x: Any, y: Any) -> Any:
        for w, b in layers[:-1]:
            x = jnp.tanh(x @ w + b)
        w, b = layers[-1]
        return jnp.mean((x @ w + b - y) ** 2)

    rng = np.random.default_rng(0)
    layers = [
        (jnp.asarray(rng.normal(size=(n, m)) / np.sqrt(n)), jnp.asarray(rng.normal(size=m)))
        for n, m in zip(widths[:-1], widths[1:], strict=True)
    ]
    x, y = (jnp.asarray(rng.normal(size=(batch, n))) for n in (widths[0], widths[-1]))
    return lib.jit(lib.grad(loss)), (layers, x, y)


@workload(
    "logistic-gradient", "logistic gradient 10⁴×50",
    full={"rows": 10**4, "columns": 50}, small={"rows": 30, "columns": 4}, steady={"jax": 1.2},
)  # fmt: skip
def logistic_gradient(lib: Stack, rows: int, columns: int) -> Any:
    jnp = lib.numpy

    def loss(w: Any, x: Any, y: Any) -> Any:
        eta = x @ w
        return jnp.sum(jnp.logaddexp(0.0, eta) - y * eta)

    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(rows, columns)), rng.normal(size=columns) / 5.0
    y = (rng.uniform(size=rows) < 0.5).astype(float)
    return lib.jit(lib.grad(loss)), tuple(jnp.asarray(a) for a in (w, x, y))
