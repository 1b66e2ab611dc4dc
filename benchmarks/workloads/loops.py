"""Gradients through `scan`: a chain of divisions, a long input, many small matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stack import Stack
from benchmarks.workload import workload


@workload(
    "scan-divisions", "gradient of a scalar `scan` of 1000 divisions",
    full={"n": 1000}, small={"n": 7}, steady={"jax": 2.0}, tolerance=1e-9,
)  # fmt: skip
def scan_divisions(lib: Stack, n: int) -> Any:
    def continued_fraction(x: Any) -> Any:
        # with 1 + c the gradient would underflow; so it stays at 1e-22
        def step(c: Any, _: Any) -> Any:
            return 1.0 / (0.05 + c), None

        return lib.lax.scan(step, x, None, length=n)[0]

    return lib.jit(lib.grad(continued_fraction)), (lib.numpy.asarray(0.5),)


@workload(
    "scan-inputs", "gradient of a `scan` over 10⁴ inputs, y·x + 1/x",
    full={"n": 10**4}, small={"n": 12}, steady={"jax": 2.0},
)  # fmt: skip
def scan_inputs(lib: Stack, n: int) -> Any:
    def last(xs: Any) -> Any:
        return lib.lax.scan(lambda y, x: (y * x + 1.0 / x, None), 1.0, xs)[0]

    xs = np.random.default_rng(0).uniform(0.9, 1.1, size=n)
    return lib.jit(lib.grad(last)), (lib.numpy.asarray(xs),)


@workload(
    "scan-matrices", "gradient of a `scan` of 614 steps carrying 32 leaves of 3×3 (matmul, tanh)",
    full={"steps": 614, "leaves": 32}, small={"steps": 5, "leaves": 3}, steady={"jax": 10.0},
    tolerance=1e-9,
)  # fmt: skip
def scan_matrices(lib: Stack, steps: int, leaves: int) -> Any:
    jnp = lib.numpy

    def total(matrices: Any) -> Any:
        def step(c: Any, _: Any) -> Any:
            # a residual step: after 614 plain products the gradient would have underflowed
            pairs = zip(c, c[1:] + c[:1], strict=True)
            return [jnp.tanh(a + 0.03 * (a @ b)) for a, b in pairs], None

        last, _ = lib.lax.scan(step, matrices, None, length=steps)
        return sum(jnp.sum(m) for m in last)

    rng = np.random.default_rng(0)
    matrices = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(leaves)]
    return lib.jit(lib.grad(total)), ([jnp.asarray(m) for m in matrices],)
