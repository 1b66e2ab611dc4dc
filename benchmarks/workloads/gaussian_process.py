"""The log likelihood of a Gaussian process and its gradient, at two sizes: linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stack import Stack
from benchmarks.workload import workload


def log_likelihood(lib: Stack, n: int) -> Any:
    jnp = lib.numpy

    def log_density(p: Any, t: Any, y: Any) -> Any:
        variance, scale, noise = p
        distance = t[:, None] - t[None, :]
        k = variance * jnp.exp(-(distance**2) / (2.0 * scale**2)) + noise**2 * jnp.eye(n)
        root = jnp.linalg.cholesky(k)
        a = lib.lax.linalg.triangular_solve(root, y[:, None], left_side=True, lower=True)[:, 0]
        return -0.5 * (a @ a + n * np.log(2.0 * np.pi)) - jnp.sum(jnp.log(jnp.diag(root)))

    t = np.linspace(0.0, 10.0, n)
    y = np.sin(2.0 * t) + np.random.default_rng(0).normal(0.0, 0.6, size=n)
    p = jnp.asarray(np.array([1.0, 0.4, 0.6]))
    return lib.jit(lib.value_and_grad(log_density)), (p, jnp.asarray(t), jnp.asarray(y))


for _n, _target in ((101, 4.0), (1000, 3.0)):
    workload(
        f"gp-{_n}", f"GP log likelihood and gradient, n = {_n}",
        full={"n": _n}, small={"n": 9 if _n < 1000 else 70}, steady={"jax": _target},
        tolerance=1e-9,
    )(log_likelihood)  # fmt: skip
