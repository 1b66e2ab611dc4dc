"""`bibun.scipy.sparse.linalg` against direct solutions and SciPy, with every derivative."""

from __future__ import annotations

import doctest
import importlib
from typing import Any

import numpy as np
import pytest
import scipy.sparse.linalg as reference

import bibun
import bibun.numpy as bnp
from bibun.errors import ShapeError
from bibun.scipy.sparse import linalg
from bibun.testing import check_grads

N = 7
RNG = np.random.default_rng(8)
GENERAL = RNG.normal(size=(N, N)) + N * np.eye(N)
COMPLEX = GENERAL + 1j * RNG.normal(size=(N, N))
DEFINITE = GENERAL @ GENERAL.T / N
HERMITIAN = COMPLEX @ COMPLEX.conj().T / N
B = RNG.normal(size=N)
TIGHT = {"tol": 1e-13}
CASES = [
    ("cg", DEFINITE), ("cg", HERMITIAN), ("bicgstab", GENERAL), ("bicgstab", COMPLEX),
    ("gmres", GENERAL), ("gmres", COMPLEX),
]  # fmt: skip
NAMES = [f"{name}-{a.dtype}" for name, a in CASES]
METHODS = pytest.mark.parametrize(("name", "a"), CASES, ids=NAMES)


@METHODS
def test_solutions_of_matrices_functions_and_preconditioned(name: str, a: Any) -> None:
    solve, want = getattr(linalg, name), np.linalg.solve(a, B)
    for A in (a, lambda x: bnp.asarray(a) @ x):
        x, info = solve(A, B, **TIGHT)
        np.testing.assert_allclose(x, want, rtol=1e-10)
        assert info == 0
    inverse = np.linalg.inv(a)
    x, info = solve(a, B, M=inverse, maxiter=2, **TIGHT)  # at once, with the inverse at hand
    np.testing.assert_allclose(x, want, rtol=1e-10)
    assert info == 0
    x, info = bibun.jit(lambda b: solve(a, b, M=lambda v: v / np.diag(a), **TIGHT))(B)
    np.testing.assert_allclose(x, want, rtol=1e-10)
    x, info = solve(a, B, want, maxiter=0)
    assert info == 0
    np.testing.assert_allclose(x, want)
    x, info = solve(a, 3 * B + 1, maxiter=1, **({"restart": 2} if name == "gmres" else {}), **TIGHT)
    assert info == 1


def test_as_many_steps_as_scipy() -> None:
    n = 60
    a = np.diag(np.linspace(1.0, 50.0, n)) + 0.1 * RNG.normal(size=(n, n))
    b = RNG.normal(size=n)
    for name, matrix in (("cg", a @ a.T), ("bicgstab", a)):
        steps = []
        getattr(reference, name)(matrix, b, rtol=1e-6, callback=steps.append)
        ours = getattr(linalg, name)
        assert ours(matrix, b, tol=1e-6, maxiter=len(steps) + 2)[1] == 0
        few = len(steps) // 2
        assert ours(matrix, b, tol=1e-6, maxiter=few)[1] == few
    jacobi = np.diag(1 / np.diag(a @ a.T))
    plain = bibun.jit(lambda k: linalg.cg(a @ a.T, b, maxiter=k)[1])
    near = bibun.jit(lambda k: linalg.cg(a @ a.T, b, M=jacobi, maxiter=k)[1])
    first = lambda f: next(k for k in range(300) if f(k) == 0)
    assert first(near) < first(plain) / 2


@METHODS
def test_derivatives(name: str, a: Any) -> None:
    solve = getattr(linalg, name)
    definite = name == "cg"

    def f(s: Any, b: Any) -> Any:  # along a line of matrices that stay as they must be
        matrix = a + s * (np.eye(N) if definite else a.real)
        M = lambda v: v / np.diag(a)
        x = solve(matrix, b, M=M, tol=1e-14)[0]
        return bnp.sum(bnp.real(x) * np.arange(1.0, N + 1) + bnp.imag(x))

    def plain(s: Any, b: Any) -> Any:
        matrix = a + s * (np.eye(N) if definite else a.real)
        x = bnp.linalg.solve(matrix, b.astype(matrix.dtype))
        return bnp.sum(bnp.real(x) * np.arange(1.0, N + 1) + bnp.imag(x))

    got, want = (bibun.grad(g, (0, 1))(0.3, bnp.asarray(B)) for g in (f, plain))
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-12)
    check_grads(lambda s: f(s, B), (0.3,), order=2, rtol=1e-4)
    many = bibun.jit(bibun.vmap(f))(np.array([0.1, 0.5]), np.stack([B, 2 * B]))
    np.testing.assert_allclose(many, [f(0.1, B), f(0.5, 2 * B)], rtol=1e-9)


def test_pytrees_and_systems_within_systems() -> None:
    b = {"u": B[:3], "v": (B[3:],)}
    A = lambda x: {"u": 2.0 * x["u"], "v": (5.0 * x["v"][0],)}
    x, _ = linalg.cg(A, b, x0=b, M=lambda r: r)
    np.testing.assert_allclose(x["v"][0], B[3:] / 5, rtol=1e-5)
    # the Schur complement of the first three: a matrix that is itself a solution
    a11, a12, a22 = DEFINITE[:3, :3], DEFINITE[:3, 3:], DEFINITE[3:, 3:]

    def outer(s: Any) -> Any:
        inner = lambda v: linalg.cg(s * a22, v, tol=1e-13)[0]
        return linalg.cg(lambda v: a11 @ v - a12 @ inner(a12.T @ v), B[:3], tol=1e-13)[0]

    want = lambda s: np.linalg.solve(a11 - a12 @ np.linalg.inv(s * a22) @ a12.T, B[:3])
    np.testing.assert_allclose(bibun.jit(outer)(1.5), want(1.5), rtol=1e-9)
    slope = bibun.jit(bibun.grad(lambda s: bnp.sum(outer(s))))(1.5)
    h = 1e-5
    assert float(slope) == pytest.approx((want(1.5 + h) - want(1.5 - h)).sum() / 2 / h, rel=1e-6)
    ints = linalg.cg(np.diag([2.0, 4.0]), np.array([2, 2]))[0]
    np.testing.assert_allclose(ints, [1.0, 0.5])
    narrow = linalg.gmres(np.eye(2, dtype="float32"), np.ones(2, "float32"))[0]
    assert narrow.dtype == np.float32


def test_errors_and_examples() -> None:
    with pytest.raises(ShapeError, match="square matrix"):
        linalg.cg(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ShapeError, match="x0 has 3 elements"):
        linalg.bicgstab(np.eye(2), np.ones(2), np.ones(3))
    with pytest.raises(ShapeError, match="gives 1 elements"):
        linalg.gmres(lambda x: x[:1], np.ones(2))
    with pytest.raises(ValueError, match="solve_method"):
        linalg.gmres(np.eye(2), np.ones(2), solve_method="quick")
    for name in ("cg", "bicgstab", "gmres"):
        room = importlib.import_module(f"bibun.scipy.sparse.linalg._{name}")
        assert doctest.testmod(room).failed == 0
