"""Memory: a compiled function that is called again and again must not grow the process.

Resident memory is read before and after; the allocator's own slack is allowed for. Loops with
tapes, failing checks, callbacks into Python and exceptions are among the functions.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import Any

import numpy as np

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.config import config

ALLOWED = 1 << 20  # bytes; a leak of one array of `SIZE` doubles a call is many times that
SIZE = 1000


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


def x() -> Any:
    return bnp.asarray(np.linspace(0.1, 1.0, SIZE))


def _tape(v: Any) -> Any:
    def loss(v: Any) -> Any:
        n, out = lax.while_loop(
            lambda c: c[0] < 40, lambda c: (c[0] + 1, bnp.sin(c[1]) + 0.01 * v), (0, v)
        )
        return out.sum()

    return bibun.value_and_grad(loss)(v)


def _failing_in_a_loop(v: Any) -> Any:
    """An index out of bounds after some iterations, with a tape under way."""

    def loss(v: Any) -> Any:
        def body(c: Any) -> Any:
            k, w = c
            return k + 1, bnp.sin(w) * v[k * 60]

        return lax.while_loop(lambda c: c[0] < 40, body, (0, v))[1].sum()

    return bibun.grad(loss)(v)


def _limit(v: Any) -> Any:
    """A tape that passes the memory limit."""

    def loss(v: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < 10_000, lambda c: (c[0] + 1, bnp.sin(c[1])), (0, v))[
            1
        ].sum()

    return bibun.grad(loss)(v)


def _ragged_nested(v: Any) -> Any:
    def loss(v: Any) -> Any:
        def outer(c: Any) -> Any:
            k, w = c
            n, w = lax.while_loop(
                lambda d: d[0] < k, lambda d: (d[0] + 1, bnp.cos(d[1]) * 0.9), (0, w)
            )
            return k + 1, w

        return lax.while_loop(lambda c: c[0] < 6, outer, (0, v))[1].sum()

    return bibun.grad(loss)(v)


CASES: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda v: bnp.sin(v) * 2 + v.sum(),
    "many outputs": lambda v: {str(k): v * k for k in range(8)},
    "scan": lambda v: lax.scan(lambda c, a: (c * 0.5 + a, c), v, bnp.stack([v, v, v])),
    "while with a tape": _tape,
    "nested tapes": _ragged_nested,
    "failing check": lambda v: v[(v.sum() * 1e6).astype(int)],
    "failing check in a loop": _failing_in_a_loop,
    "tape over the limit": _limit,
    "library": lambda v: bnp.linalg.cholesky(v[:16].reshape(4, 4) * 0.01 + bnp.eye(4)) @ v[:4],
    "callback": lambda v: bnp.linalg.svd(v[:100].reshape(10, 10))[1],
    "sort": lambda v: bnp.sort(v) + bnp.argsort(-v),
    "vmap of while": lambda v: bibun.vmap(
        lambda a: lax.while_loop(lambda c: c < 10, lambda c: c * 1.5, a)
    )(v),
}  # fmt: skip


def growth(f: Callable[[Any], Any], calls: int) -> int:
    """Bytes by which the process grew in the second half of the calls."""
    g = bibun.jit(f)
    v = x()

    def run(n: int) -> None:
        with config.using(ragged_memory_limit=1 << 20):
            for _ in range(n):
                with contextlib.suppress(IndexError, MemoryError):
                    g(v)

    run(calls // 2)
    gc.collect()
    before = resident()
    run(calls)
    gc.collect()
    return resident() - before


def report(calls: int = 2000) -> list[str]:
    """Run all cases; the names of those that leak."""
    bad = []
    for name, f in CASES.items():
        n = growth(f, calls)
        print(f"  memory: {name}: {n / 1024:+.0f} kB in {calls} calls")
        if n > ALLOWED:
            bad.append(f"leak: {name}: {n} bytes")
    return bad
