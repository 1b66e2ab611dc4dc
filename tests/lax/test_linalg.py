"""`bibun.lax.linalg` beyond the factorisations: reflectors, reductions, tridiagonal systems."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg as reference
from scipy.linalg import lapack

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.testing import check_grads

RNG = np.random.default_rng(3)
A = RNG.standard_normal((5, 5))
Z = A + 1j * RNG.standard_normal((5, 5))
KINDS = pytest.mark.parametrize(("a", "letter"), [(A, "d"), (Z, "z")], ids=["real", "complex"])
BOTH = pytest.mark.parametrize("run", [lambda f: f, bibun.jit], ids=["eager", "jit"])


def close(got, want, atol=1e-12):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-11, atol=atol)


@KINDS
@BOTH
def test_reductions_are_lapacks(a, letter, run):
    packed, taus, _ = getattr(lapack, letter + "gehrd")(a)
    for got, want in zip(run(lax.linalg.hessenberg)(a), (packed, taus[:4]), strict=True):
        close(got, want)
    h = a + a.conj().T
    name = "sytrd" if letter == "d" else "hetrd"
    for lower in (True, False):
        got = run(lambda h, lower=lower: lax.linalg.tridiagonal(h, lower=lower))(h)
        want = getattr(lapack, letter + name)(h, lower=lower)
        for x, y in zip(got, want[:4], strict=True):
            close(x, y)


@KINDS
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
def test_products_of_reflectors(a, letter, left, transpose):
    tall = a[:, :3]
    packed, taus, _, _ = getattr(lapack, letter + "geqrf")(tall)
    q = reference.qr(tall)[0]
    close(lax.linalg.householder_product(packed, taus), q[:, :3])
    c = RNG.standard_normal((5, 2)) if left else RNG.standard_normal((2, 5))
    op = q.conj().T if transpose else q
    got = lax.linalg.ormqr(packed, taus, c, left=left, transpose=transpose)
    close(got, op @ c if left else c @ op)


def test_reflectors_differentiate_and_batch():
    packed, taus, _, _ = lapack.dgeqrf(A[:, :3])
    check_grads(lax.linalg.householder_product, (packed, taus), order=2)
    check_grads(lambda v, t: lax.linalg.ormqr(v, t, A, left=False), (packed, taus), order=1)
    stack = np.stack([A, A.T])
    for f in (lax.linalg.hessenberg, lax.linalg.tridiagonal):
        many, one = f(stack), f(A.T)
        for x, y in zip(many, one, strict=True):
            close(x[1], y)
    check_grads(lambda a: lax.linalg.hessenberg(a)[0], (A,), order=1)
    check_grads(lambda a: lax.linalg.tridiagonal(a)[1:3], (A,), order=1)


@BOTH
@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("n", [1, 2, 6])
def test_tridiagonal_solve(run, n, m):
    dl, du, b = (RNG.standard_normal(s) for s in (n, n, (n, m)))
    d = RNG.standard_normal(n) + 3
    full = np.diag(d) + np.diag(dl[1:], -1) + np.diag(du[:-1], 1)
    dl[0] = du[-1] = np.nan  # not read
    close(run(lax.linalg.tridiagonal_solve)(dl, d, du, b), np.linalg.solve(full, b))
    zero = np.zeros(n)
    assert not np.isfinite(np.asarray(run(lax.linalg.tridiagonal_solve)(zero, zero, zero, b))).any()


def test_tridiagonal_solve_needs_pivots():
    dl, d, du = np.array([0.0, 1, 1]), np.zeros(3) + np.array([0, 0, 1.0]), np.array([1.0, 1, 0])
    full = np.diag(d) + np.diag(dl[1:], -1) + np.diag(du[:-1], 1)
    b = np.arange(3.0)[:, None]
    close(lax.linalg.tridiagonal_solve(dl, d, du, b), np.linalg.solve(full, b))


def test_symmetric_product():
    c = A + A.T
    close(lax.linalg.symmetric_product(A[:, :2], c, alpha=2.0, beta=3.0),
          2 * A[:, :2] @ A[:, :2].T + 3 * c)  # fmt: skip
    got = lax.linalg.symmetric_product(A, np.tril(c), beta=1.0, symmetrize_output=True)
    close(got, A @ A.T + c)


def test_schur():
    t, z = map(np.asarray, lax.linalg.schur(A))
    close(z @ t @ z.T, A)
    (alone,) = lax.linalg.schur(A, compute_schur_vectors=False)
    close(alone, t)


@pytest.mark.parametrize("call", [
    lambda: lax.linalg.hessenberg(np.ones((2, 3))),
    lambda: lax.linalg.tridiagonal(np.ones(3)),
    lambda: lax.linalg.householder_product(np.ones((2, 3)), np.ones(2)),
    lambda: lax.linalg.householder_product(np.ones((3, 2)), np.ones(3)),
    lambda: lax.linalg.ormqr(np.ones((3, 2)), np.ones(2), np.ones((2, 2))),
    lambda: lax.linalg.tridiagonal_solve(np.ones(3), np.ones(3), np.ones(2), np.ones((3, 1))),
    lambda: lax.linalg.symmetric_product(np.ones((3, 2)), np.ones((2, 2))),
])  # fmt: skip
def test_shapes_that_do_not_fit(call):
    with pytest.raises(ShapeError):
        call()


def test_empty_matrices():
    for f in (lax.linalg.hessenberg, lax.linalg.tridiagonal):
        assert bnp.shape(f(np.zeros((0, 0)))[0]) == (0, 0)
        assert bnp.shape(f(np.zeros((2, 1, 1)))[1])[0] == 2


@BOTH
def test_subsets_and_pivoted_qr(run):
    s = A + A.T
    w, v = np.linalg.eigh(s)
    vectors, values = run(lambda x: lax.linalg.eigh(x, subset_by_index=(1, 3)))(s)
    close(values, w[1:3])
    close(s @ np.asarray(vectors), np.asarray(vectors) * w[1:3])
    u, d, vh = run(lambda x: lax.linalg.svd(x, full_matrices=False, subset_by_index=(0, 2)))(A)
    close(d, np.linalg.svd(A)[1][:2])
    close(A @ np.asarray(vh).T, np.asarray(u) * np.asarray(d))
    q, r, order = run(lambda x: lax.linalg.qr(x, pivoting=True))(A)
    close(A[:, np.asarray(order)], np.asarray(q @ r))
    assert np.array_equal(order, reference.qr(A, pivoting=True)[2])
    with pytest.raises(ValueError, match="subset_by_index"):
        lax.linalg.eigh(s, subset_by_index=(3, 9))
