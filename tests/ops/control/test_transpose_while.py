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


# loops that recompute: calls in loops in calls, where what counts is known and the rest linear


MATRIX = 0.5 * np.random.default_rng(0).normal(size=(3, 3))


def powers(x, n, checkpoint):
    return lax.while_loop(
        lambda s: s[0] < n, lambda s: (s[0] + 1, MATRIX @ s[1]), (0, x), checkpoint=checkpoint
    )[1]


def counted(x, n, checkpoint):
    return lax.fori_loop(0, n, lambda i, c: MATRIX @ c, x, checkpoint=checkpoint)


def growing(x, n, checkpoint):
    """The known carry k is a factor in the linear one."""

    def body(s):
        i, k, c = s
        return i + 1, 1.5 * k, k * c + MATRIX @ c

    return lax.while_loop(lambda s: s[0] < n, body, (0, 0.3, x), checkpoint=checkpoint)[2]


@pytest.mark.parametrize("checkpoint", [None, True, 4, "1 kB"])
@pytest.mark.parametrize("loop", [powers, counted, growing], ids=lambda f: f.__name__)
def test_loops_that_recompute_are_transposed(loop, checkpoint):
    want = np.asarray(bibun.jacfwd(lambda x: loop(x, 7, None))(bnp.zeros(3)))

    def pull(ct, n):
        return bibun.linear_transpose(lambda x: loop(x, n, checkpoint), bnp.zeros(3))(ct)[0]

    for rows in (
        bibun.vmap(lambda ct: pull(ct, 7))(np.eye(3)),
        np.stack([bibun.jit(pull)(e, 7) for e in np.eye(3)]),  # n is known when it runs
        bibun.jacfwd(lambda ct: pull(ct, 7))(np.zeros(3)).T,  # and transposed again
    ):
        np.testing.assert_allclose(rows, want, atol=1e-12)


def test_a_call_gives_what_is_known_of_it_to_the_loop_around():
    @bibun.jit
    def step(i, c):
        return i + 1, MATRIX @ c

    def loop(x):
        return lax.while_loop(lambda s: s[0] < 5, lambda s: step(*s), (0, x))[1]

    (row,) = bibun.linear_transpose(loop, bnp.zeros(3))(np.eye(3)[0])
    np.testing.assert_allclose(row, np.linalg.matrix_power(MATRIX, 5)[0], atol=1e-13)


def test_a_call_whose_condition_is_unknown_still_has_no_transpose():
    step = bibun.jit(lambda i, c: (i + c[0], MATRIX @ c))

    def loop(x):
        return lax.while_loop(lambda s: s[0] < 5.0, lambda s: step(*s), (0.0, x))[1]

    with pytest.raises(DifferentiationError, match="condition depends"):
        bibun.linear_transpose(loop, bnp.zeros(3))(np.eye(3)[0])
