"""The memory that checkpoint saves, in bytes of the one block that a compiled call asks for."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import bibun
import bibun.numpy as bnp

N = 2000
X = np.linspace(0.0, 1.0, N)
BLOCKS, STEPS = 8, 8


def arrays(f: Any, *args: Any) -> float:
    """How many arrays of N numbers the compiled f keeps at most at once."""
    text = bibun.jit(f).lower(*args).as_text("llvm")
    found = re.search(r"@bibun.arena\(ptr %ctx, i64 (\d+)\)", text)
    return int(found.group(1)) / 8 / N if found else 0.0


def block(x):
    for _ in range(STEPS):
        x = bnp.sin(1e-3 * bnp.cumsum(x))
    return x


def loss(block, blocks=BLOCKS):
    def f(x):
        for _ in range(blocks):
            x = block(x)
        return x.sum()

    return f


def test_recomputation_survives_the_compiler() -> None:
    plain, late = bibun.grad(loss(block)), bibun.grad(loss(bibun.checkpoint(block)))
    merged = bibun.grad(loss(bibun.checkpoint(block, prevent_cse=False)))
    assert arrays(plain, X) >= BLOCKS * STEPS
    assert arrays(late, X) <= BLOCKS + STEPS + 3
    assert arrays(merged, X) >= BLOCKS * STEPS
    want = bibun.jit(plain)(X)
    np.testing.assert_array_equal(bibun.jit(late)(X), want)
    np.testing.assert_array_equal(bibun.jit(merged)(X), want)


def test_parameters_are_not_copied_by_holding_them_back() -> None:
    """The weights of a layer are inputs of its checkpoint: seen through, not stored again."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(N, 4)) * 0.01 for _ in range(4)]

    def layer(w, h):
        return bnp.tanh(w.T @ bnp.tanh(w @ h))

    def f(ws, h):
        for w in ws:
            h = bibun.checkpoint(layer)(w, h)
        return h.sum()

    h = rng.normal(size=4)
    assert arrays(bibun.grad(f, argnums=1), weights, h) < 5  # of (N,) each; a weight is four


def test_batched_and_differentiated_twice() -> None:
    def short(x):
        return bnp.sin(bnp.cumsum(bnp.sin(x)))

    plain, late = loss(short, 2), loss(bibun.checkpoint(short), 2)
    small = np.stack([X[::400], 2 * X[::400]])
    for transform in (
        lambda f: bibun.vmap(bibun.grad(f)),
        lambda f: bibun.grad(lambda xs: bibun.vmap(f)(xs).sum()),
        lambda f: bibun.vmap(bibun.grad(lambda x: (bibun.grad(f)(x) ** 2).sum())),
        lambda f: bibun.vmap(bibun.hessian(f)),
    ):
        got, want = bibun.jit(transform(late))(small), bibun.jit(transform(plain))(small)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    assert bibun.jit(bibun.vmap(bibun.grad(late)))(np.zeros((0, 5))).shape == (0, 5)
