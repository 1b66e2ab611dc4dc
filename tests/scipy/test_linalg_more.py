"""`bibun.scipy.linalg` beyond factorisations: equations, reduced forms, functions by spectrum."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg as reference

import bibun
import bibun.numpy as bnp
from bibun.errors import DifferentiationError, ShapeError
from bibun.scipy import linalg
from bibun.testing import check_grads

RNG = np.random.default_rng(7)
A = RNG.standard_normal((4, 4))
B = RNG.standard_normal((3, 3)) + 4 * np.eye(3)
C = RNG.standard_normal((4, 3))
Z = A + 1j * RNG.standard_normal((4, 4))
Q = np.linalg.qr(A)[0]
V, W = np.array([1.0, 2.0, 3.0]), np.array([0.5, 5.0])


def close(got, want, rtol=1e-10, atol=1e-11):
    np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=atol)


def test_sylvester_and_lyapunov():
    close(linalg.solve_sylvester(A, B, C), reference.solve_sylvester(A, B, C))
    close(bibun.jit(linalg.solve_sylvester)(Z, B, C), reference.solve_sylvester(Z, B, C))
    close(linalg.solve_lyapunov(Z, A), reference.solve_continuous_lyapunov(Z, A))
    for a in (A / 5, Z / 9):
        want = reference.solve_discrete_lyapunov(a, A)
        for method in (None, "direct", "bilinear"):
            close(linalg.solve_discrete_lyapunov(a, A, method), want)
    stack = bibun.vmap(linalg.solve_sylvester, in_axes=(0, None, None))(np.stack([A, 2 * A]), B, C)
    close(stack[1], reference.solve_sylvester(2 * A, B, C))
    assert np.isnan(np.asarray(linalg.solve_sylvester(np.eye(2), -np.eye(2), np.eye(2)))).all()
    check_grads(linalg.solve_sylvester, (A, B, C), order=2)
    check_grads(lambda a: linalg.solve_discrete_lyapunov(a / 5, A, "bilinear"), (A,), order=1)


def test_special_systems():
    column_and_row = V, V[::-1] + 0.5
    close(linalg.solve_toeplitz(column_and_row, V), reference.solve_toeplitz(column_and_row, V))
    close(linalg.solve_circulant(V, V), reference.solve_circulant(V, V))
    ab = RNG.standard_normal((3, 6)) + np.array([[0], [4], [0]])
    b = RNG.standard_normal((6, 2))
    for right in (b, b[:, 0]):
        close(linalg.solve_banded((1, 1), ab, right), reference.solve_banded((1, 1), ab, right))
    wide = RNG.standard_normal((4, 6)) + np.array([[0], [0], [6], [0]])
    close(linalg.solve_banded((1, 2), wide, b), reference.solve_banded((1, 2), wide, b))
    check_grads(lambda ab, b: linalg.solve_banded((1, 1), ab, b), (ab, b), order=2)


@pytest.mark.parametrize("a", [A, Z], ids=["real", "complex"])
def test_reduced_forms(a):
    t, z = map(np.asarray, linalg.schur(a))
    close(z @ t @ z.conj().T, a)
    t, z = map(np.asarray, linalg.schur(a, "complex"))
    close(z @ t @ z.conj().T, a)
    assert (np.tril(t, -1) == 0).all()
    t, z = map(np.asarray, linalg.rsf2csf(*linalg.schur(a)))
    close(z @ t @ z.conj().T, a)
    assert (np.abs(np.tril(t, -1)) < 1e-13).all()
    h, q = linalg.hessenberg(a, calc_q=True)
    want = reference.hessenberg(a, calc_q=True)
    close(h, want[0])
    close(q, want[1])
    r, q = map(np.asarray, linalg.rq(a[:3]))
    close(r @ q, a[:3])
    close(q @ q.conj().T, np.eye(4))
    assert (np.tril(r[:, 1:], -1) == 0).all()
    r, q = map(np.asarray, linalg.rq(a[:3], "economic"))
    close(r @ q, a[:3])
    for mode in ("full", "economic"):
        q, r, order = map(np.asarray, bibun.jit(
            lambda x, mode=mode: linalg.qr(x, mode=mode, pivoting=True))(a[:, :3]))  # fmt: skip
        want = reference.qr(a[:, :3], mode=mode, pivoting=True)
        np.testing.assert_array_equal(order, want[2])
        close(r, want[1])
        close(q @ r, a[:, order])
    for mode, c in (("right", C.T), ("left", C)):
        for got, want in zip(linalg.qr_multiply(a, c, mode, True),
                             reference.qr_multiply(a, c, mode, True), strict=True):  # fmt: skip
            close(got, want)


def test_reduced_forms_have_derivatives():
    check_grads(lambda a: linalg.hessenberg(a, calc_q=True), (A,), order=1)
    check_grads(lambda a: linalg.rq(a, "economic"), (A[:3],), order=1)
    with pytest.raises(DifferentiationError, match="schur"):
        bibun.grad(lambda a: bnp.sum(linalg.schur(a)[0]))(A)


def test_tridiagonal_eigenvalues():
    d, e = RNG.standard_normal(5), RNG.standard_normal(4)
    close(linalg.eigvalsh_tridiagonal(d, e), reference.eigvalsh_tridiagonal(d, e))
    w, v = map(np.asarray, linalg.eigh_tridiagonal(d, e, select="i", select_range=(1, 2)))
    close((np.diag(d) + np.diag(e, 1) + np.diag(e, -1)) @ v, v * w)
    with pytest.raises(ValueError, match="values"):
        linalg.eigh_tridiagonal(d, e, select="v", select_range=(0, 1))


def test_pinvh_and_procrustes():
    low = A[:, :2] @ A[:, :2].T
    close(linalg.pinvh(low), np.linalg.pinv(low))
    for got, want in zip(linalg.orthogonal_procrustes(A, A + C @ C.T),
                         reference.orthogonal_procrustes(A, A + C @ C.T), strict=True):  # fmt: skip
        close(got, want)


@pytest.mark.parametrize(
    "name", ["cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm"]
)  # fmt: skip
def test_trigonometric_functions(name):
    for a in (A / 3, Z / 4):
        close(getattr(linalg, name)(a), getattr(reference, name)(a))
    check_grads(getattr(linalg, name), (A / 3,), order=1)


# functions by spectrum ------------------------------------------------------------------


def test_funm():
    close(linalg.funm(A, bnp.exp), reference.expm(A))
    close(bibun.jit(lambda a: linalg.funm(a, bnp.exp))(Z), reference.expm(Z))
    y, error = linalg.funm(A, bnp.sin, disp=False)
    close(y, reference.sinm(A))
    assert float(error) < 1e-12


REPEATED = {
    "distinct": Q @ np.diag([1.0, 2.0, 3.5, 5.0]) @ Q.T,
    "identity": np.eye(4),
    "pairs": Q @ np.diag([1.0, 1.0, 2.0, 2.0]) @ Q.T,
    "near": Q @ np.diag([1.0, 1.0 + 1e-9, 2.0, 2.0 + 1e-5]) @ Q.T,
}


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("kind", ["hermitian", "general"])
def test_functions_of_repeated_eigenvalues(name, kind):
    """exp, once by eigenvalues and once by scaling and squaring, which knows no eigenvalues."""
    a = REPEATED[name]
    e, d = A + A.T, C @ C.T
    if kind == "hermitian":
        f = lambda a: linalg.funm_hermitian(a, bnp.exp)  # noqa: E731
    else:
        f = lambda a: linalg.funm(a, bnp.exp).real  # noqa: E731
    close(f(a), reference.expm(a))

    def second(f):
        first = lambda a: bibun.jvp(f, (a,), (e,))[1]  # noqa: E731
        return first(a), bibun.jvp(first, (a,), (d,))[1]

    for got, want, rtol in zip(second(f), second(linalg.expm), (1e-8, 1e-5), strict=True):
        close(got, want, rtol, rtol * np.abs(np.asarray(want)).max())
    # reverse over reverse, compiled: the Hessian of a smooth function of the eigenvalues
    loss = lambda f: lambda a: bnp.sum(f(a + a.T) * d)  # noqa: E731
    twice = lambda f: bibun.grad(lambda a: bnp.sum(bibun.grad(loss(f))(a) * e))  # noqa: E731
    want = np.asarray(twice(linalg.expm)(a))
    close(bibun.jit(twice(f))(a), want, 1e-5, 1e-5 * np.abs(want).max())


def test_functions_of_stacks():
    stack = np.stack([REPEATED["pairs"], REPEATED["distinct"]])
    g = lambda a: bibun.grad(lambda a: bnp.sum(linalg.funm_hermitian(a, bnp.exp)))(a)  # noqa: E731
    got = np.asarray(bibun.vmap(g)(stack))
    for k in range(2):
        close(got[k], g(stack[k]))
    close(linalg.funm_hermitian(stack, bnp.exp)[1], reference.expm(stack[1]))


# matrices of special structure ------------------------------------------------------------


@pytest.mark.parametrize(("name", "args"), [
    ("convolution_matrix", (V, 4)), ("convolution_matrix", (V, 2, "same")),
    ("convolution_matrix", (V, 5, "valid")), ("convolution_matrix", (V, 1)), ("dft", (4,)),
    ("dft", (3, "n")), ("dft", (3, "sqrtn")),
    ("fiedler", (V,)), ("fiedler_companion", (np.array([1.0, -3.0, 2.0, 5.0]),)), ("helmert", (4,)),
    ("fiedler_companion", (np.array([2.0, -3.0]),)), ("helmert", (4, True)), ("invhilbert", (4,)),
    ("invpascal", (4,)), ("invpascal", (4, "lower")), ("invpascal", (4, "upper")),
    ("leslie", (V, W)), ("pascal", (4,)), ("pascal", (4, "lower")), ("pascal", (4, "upper")),
])  # fmt: skip
def test_special_matrices(name, args):
    got = getattr(linalg, name)(*(bnp.array(a) if isinstance(a, np.ndarray) else a for a in args))
    want = getattr(reference, name)(*args)
    close(got, want)


@pytest.mark.parametrize(("call", "word"), [
    (lambda: linalg.solve_sylvester(np.eye(2), np.eye(3), np.eye(2)), "sylvester"),
    (lambda: linalg.solve_discrete_lyapunov(A, A, "cubic"), "cubic"),
    (lambda: linalg.schur(A, "quaternion"), "output"), (lambda: linalg.rq(A, "x"), "mode"),
    (lambda: linalg.solve_banded((1, 1), np.ones((2, 3)), np.ones(3)), "solve_banded"),
    (lambda: linalg.qr_multiply(A, np.ones((2, 3))), "do not fit"),
    (lambda: linalg.funm(np.ones(3), bnp.exp), "square"),
    (lambda: linalg.pascal(3, "middle"), "kind"), (lambda: linalg.dft(3, "x"), "scale"),
    (lambda: linalg.orthogonal_procrustes(A, C), "shape"),
])  # fmt: skip
def test_errors(call, word):
    with pytest.raises(ValueError, match=word):
        call()


def test_options_of_dft_logm_polar_det_and_inv():
    assert linalg.dft(3, dtype="complex64").dtype == np.complex64
    with pytest.raises(TypeError, match="complex"):
        linalg.dft(3, dtype="float32")
    a = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, 1.0], [0.1, 0.0, 1.5]])
    found, error = linalg.logm(a, disp=False)
    np.testing.assert_allclose(found, reference.logm(a), rtol=1e-10, atol=1e-13)
    assert 0 <= float(error) < 1e-14
    tall = np.outer([1.0, 2.0, 3.0], [1.0, -1.0]) + np.eye(3, 2)
    for x in (a, tall, tall.T, a * (1 + 0.5j)):
        for side in ("right", "left"):
            want = reference.polar(x, side)
            for method in ("svd", "qdwh", "newton"):
                for got, w in zip(linalg.polar(x, side, method=method), want, strict=True):
                    np.testing.assert_allclose(got, w, rtol=1e-9, atol=1e-12)
    flat = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5])  # of rank one
    u, p = linalg.polar(flat, method="svd")
    np.testing.assert_allclose(u @ p, flat, atol=1e-12)
    np.testing.assert_allclose(p, reference.polar(flat)[1], atol=1e-12)
    assert float(linalg.det(a, check_finite=False)) == pytest.approx(np.linalg.det(a))
    np.testing.assert_allclose(linalg.inv(a, overwrite_a=True), np.linalg.inv(a))
    for make in (linalg.companion, linalg.fiedler_companion):
        with pytest.raises(ShapeError, match=f"{make.__name__}: expected at least two"):
            make(np.ones(1))
