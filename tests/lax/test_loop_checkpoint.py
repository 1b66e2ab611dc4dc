"""`checkpoint=` of loops: the same numbers in every mode and order, in bounded memory."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.config import config
from bibun.ops.control import recompute

X = np.linspace(0.1, 1.0, 5)


def close(got: Any, want: Any) -> None:
    for a, b in zip(bibun.tree.leaves(got), bibun.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def scan_loss(n: int, reverse: bool = False, **kw: Any) -> Any:
    def f(x, a):
        rows = bnp.cos(bnp.arange(n * 5.0)).reshape(n, 5) * a
        c, y = lax.scan(lambda c, r: (bnp.sin(c * a) + r, c * r), x, rows, reverse=reverse, **kw)
        return (c**2).sum() + (y * bnp.sin(bnp.arange(n * 5.0)).reshape(n, 5)).sum()

    return f


def fori_loss(n: Any, **kw: Any) -> Any:
    def f(x, a):
        return (lax.fori_loop(1, n, lambda i, c: bnp.sin(c * a) + 0.1 * i, x, **kw) ** 2).sum()

    return f


def while_loss(**kw: Any) -> Any:
    """Runs until the sum is large: the number of iterations depends on x and a."""

    def f(x, a):
        def body(c):
            return c[0] + 1, c[1] * (1 + 0.1 * a) + 0.01 * bnp.sin(c[1]), c[2] + c[1]

        out = lax.while_loop(lambda c: c[1].sum() < 40.0, body, (0, x, bnp.zeros(5)), **kw)
        return (out[1] * out[2]).sum()

    return f


LOSSES = {
    "scan": lambda **kw: scan_loss(11, **kw),
    "scan from the end": lambda **kw: scan_loss(11, True, **kw),
    "fori": lambda **kw: fori_loss(14, **kw),
    "fori, unknown": lambda **kw: fori_loss(bnp.asarray(14), **kw),
    "while": while_loss,
}
BUDGETS = [True, 8, 300, "3 kB"]


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("loss", LOSSES)
def test_values_and_gradients(loss: str, budget: Any) -> None:
    plain, kept = LOSSES[loss](), LOSSES[loss](checkpoint=budget)
    want = bibun.value_and_grad(plain, argnums=(0, 1))(X, 1.1)
    close(bibun.value_and_grad(kept, argnums=(0, 1))(X, 1.1), want)
    close(bibun.jit(bibun.value_and_grad(kept, argnums=(0, 1)))(X, 1.1), want)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 8, 9, 10, 26, 27, 28])
def test_every_length(n: int) -> None:
    """Squares and cubes, and their neighbours: what is left over is cut as well."""
    for budget in (True, 9):
        f = bibun.jit(bibun.value_and_grad(scan_loss(n, checkpoint=budget), argnums=(0, 1)))
        close(f(X, 1.1), bibun.value_and_grad(scan_loss(n), argnums=(0, 1))(X, 1.1))


@pytest.mark.parametrize(
    ("loss", "budget"), [("scan", True), ("scan", 1), ("fori, unknown", True), ("while", True)]
)
def test_forward_batched_and_second_order(loss: str, budget: Any) -> None:
    plain, kept = LOSSES[loss](), LOSSES[loss](checkpoint=budget)
    xs, scales = np.stack([X, 0.5 * X, 3 * X]), np.array([1.1, 0.7, 0.2])
    for transform, args in (
        (lambda f: bibun.vmap(bibun.grad(f)), (xs, scales)),
        (lambda f: bibun.grad(lambda x, a: bibun.vmap(f)(x, a).sum()), (xs, scales)),
        (lambda f: lambda x, a: bibun.jvp(f, (x, a), (x, 1.0)), (X, 1.1)),
        (lambda f: bibun.grad(lambda x, a: (bibun.grad(f)(x, a) ** 2).sum()), (X, 1.1)),
        (lambda f: bibun.hessian(f), (X, 1.1)),
        (lambda f: bibun.grad(lambda x, a: bibun.jvp(f, (x, a), (x, 1.0))[1]), (X, 1.1)),
    ):
        close(bibun.jit(transform(kept))(*args), bibun.jit(transform(plain))(*args))


def test_nested() -> None:
    def loss(**kw):
        def f(x):
            def outer(c, k):
                inner = lax.while_loop(
                    lambda d: d[0] <= k, lambda d: (d[0] + 1, bnp.sin(d[1]) * 1.3), (0, c), **kw
                )
                return inner[1] + 0.1, inner[1].sum()

            c, y = lax.scan(outer, x, bnp.arange(7), **kw)
            return c.sum() * y.sum()

        return f

    want = bibun.grad(loss())(X)
    close(bibun.jit(bibun.grad(loss(checkpoint=True)))(X), want)
    close(bibun.grad(loss(checkpoint=600))(X), want)


# memory -------------------------------------------------------------------------------------

WIDE = np.linspace(0.1, 1.0, 1000)


def carries(f: Any, *args: Any) -> float:
    """The memory of a compiled call's values, in carries of 1000 numbers."""
    text = bibun.jit(f).lower(*args).as_text("llvm")
    found = re.search(r"@bibun.arena\(ptr %ctx, i64 (\d+)\)", text)
    return int(found.group(1)) / 8000 if found else 0.0


def long(n: int, **kw: Any) -> Any:
    def body(c, _):
        return bnp.sin(bnp.cumsum(bnp.cos(c)) * 1e-3), None

    return lambda x: lax.scan(body, x, length=n, **kw)[0].sum()


def test_a_scan_keeps_what_it_was_allowed_to() -> None:
    n = 400
    assert carries(bibun.grad(long(n)), WIDE) >= n
    root = carries(bibun.grad(long(n, checkpoint=True)), WIDE)
    assert root <= 20 + 2 * 20 + 6  # carries, and what the iterations of a segment need
    few = {k: carries(bibun.grad(long(n, checkpoint=k)), WIDE) for k in (18, 24, 40, 400)}
    extra = 6  # the gradient and what one iteration needs
    assert all(held <= k + extra for k, held in few.items()), few
    assert few[18] < few[24] < few[40] < few[400]
    size = carries(bibun.grad(long(n, checkpoint="320 kB")), WIDE)
    assert size == few[40]


def test_so_does_its_second_derivative() -> None:
    n = 225

    def twice(**kw):
        f = bibun.grad(long(n, **kw))
        return bibun.grad(lambda x: (f(x) ** 2).sum())

    assert carries(twice(), WIDE) >= 8 * n
    assert carries(twice(checkpoint=True), WIDE) <= 15 * 15
    assert carries(twice(checkpoint=30), WIDE) <= 5 * 30


def test_a_while_keeps_to_its_budget() -> None:
    """The limit of tapes counts their bytes: exceeded, it is a MemoryError."""
    n = 3000

    def loss(**kw):
        def f(x):
            return lax.while_loop(
                lambda c: c[0] < n, lambda c: (c[0] + 1, bnp.sin(c[1]) * 1.01), (0, x), **kw
            )[1].sum()

        return f

    one = WIDE.nbytes
    want = bibun.jit(bibun.grad(loss()))(WIDE)

    def gradient(limit: int, **kw: Any) -> Any:
        with config.using(ragged_memory_limit=limit * one):
            return bibun.jit(bibun.grad(loss(**kw)))(WIDE)

    with pytest.raises(MemoryError, match="tape"):
        gradient(n // 2)
    # √(2n) is 77; buffers double, and both the old and the new one count while one is copied.
    close(gradient(4 * 2 * 77, checkpoint=True), want)
    close(gradient(4 * 3 * recompute._parts(n, 3), checkpoint=600), want)
    assert recompute._parts(n, 3) == 26


# the argument ---------------------------------------------------------------------------------


def test_how_a_budget_is_divided() -> None:
    carry = [bibun.ir.types.ArrayType((10,), np.dtype("f8"))]
    of = lambda given, n=None: recompute.schedule("scan", given, carry, n)  # noqa: E731
    assert of(None, 100) is None and of(False, 100) is None
    assert of(True, 100) == (2, False)
    assert of(100, 100) == (1, True)
    assert of(20, 100) == (2, True)
    assert of(19, 100) == (3, True)
    assert of("1.6 kB", 100) == of(20, 100)
    assert of("1.6KiB", 100) == of(20, 100)
    for n in (2, 5, 10, 1000, 10**6):  # too little for any: as little as can be
        levels, single = of(1, n)
        assert single and levels * recompute._root(n, levels) <= math.e * math.log(n) + 11
    assert of(10**7).levels == 1
    assert of(3000).levels == 2
    assert of(1).levels == 5


@pytest.mark.parametrize("bad", ["64 apples", "many", "-3 MB", 0, -2, 1.5, [3]])
def test_budgets_that_mean_nothing(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="checkpoint"):
        lax.scan(lambda c, _: (c, None), 0.0, length=3, checkpoint=bad)
    with pytest.raises((TypeError, ValueError), match="checkpoint"):
        lax.while_loop(lambda c: c < 1.0, lambda c: c + 1, 0.0, checkpoint=bad)
    with pytest.raises((TypeError, ValueError), match="checkpoint"):
        lax.fori_loop(0, 3, lambda i, c: c, 0.0, checkpoint=bad)
