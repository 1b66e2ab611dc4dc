"""`linear_transpose` of loops whose number of iterations is known when they run."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.errors import DifferentiationError

X = np.array([1.0, 2.0, 3.0])
A = np.arange(9.0).reshape(3, 3) / 5


def by_while(n):
    def body(c):
        return c[0] + 1, A @ c[1] * c[0]

    return lambda x: lax.while_loop(lambda c: c[0] < n, body, (1, x))[1]


def by_fori(n):
    return lambda x: lax.fori_loop(1, n, lambda i, c: A @ c * i, x)


def matrix(f):
    return np.stack([np.asarray(f(e)) for e in np.eye(3)], 1)


@pytest.mark.parametrize("make", [by_while, by_fori])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_known_and_unknown_bounds(make, n):
    want = matrix(make(n)).T @ X
    run = lambda ct, n: bibun.linear_transpose(make(n), X)(ct)[0]
    for way in (run, bibun.jit(run), lambda ct, n: run(ct, int(n))):
        np.testing.assert_allclose(way(X, bnp.asarray(n)), want, rtol=1e-14)


def test_lanes_of_different_lengths():
    counts = np.array([1, 2, 4])
    want = [matrix(by_while(n)).T @ X for n in counts]
    cts = np.stack([X] * 3)
    each = bibun.vmap(lambda ct, n: bibun.linear_transpose(by_while(n), X)(ct)[0])
    np.testing.assert_allclose(bibun.jit(each)(cts, counts), want, rtol=1e-14)
    together = lambda xs: bibun.vmap(lambda x, n: by_while(n)(x))(xs, counts)
    np.testing.assert_allclose(bibun.linear_transpose(together, cts)(cts)[0], want, rtol=1e-14)


def test_differentiated():
    def f(a):
        loop = lambda x: lax.while_loop(
            lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * bnp.sin(a)), (0, x)
        )
        return bibun.linear_transpose(lambda x: loop(x)[1], 2.0)(1.0)[0]

    want = 3 * np.sin(0.7) ** 2 * np.cos(0.7)
    assert float(bibun.jit(bibun.grad(f))(0.7)) == pytest.approx(want, rel=1e-14)


def test_a_condition_on_what_is_linear():
    f = lambda x: lax.while_loop(lambda c: c.sum() < 5, lambda c: 2 * c, x)
    with pytest.raises(DifferentiationError, match="condition depends.*test_transpose_while"):
        bibun.linear_transpose(f, X)(X)
