"""Linear systems by every method: solution, derivatives, batches, pytrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bibun.numpy as bnp
from bibun import grad, hessian, jit, jvp, solvers, vmap
from bibun.solvers.linear_solve import METHODS, linear_solve

SYMMETRIC = {"cg", "cholesky"}


def system(seed: int, symmetric: bool, n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n))
    a = a @ a.T / n + np.eye(n) if symmetric else a + n * np.eye(n)
    return a, rng.normal(size=n)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_solution(method: str, seed: int) -> None:
    a, b = system(seed, method in SYMMETRIC)
    np.testing.assert_allclose(linear_solve(a, b, method), np.linalg.solve(a, b), rtol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_derivatives(method: str) -> None:
    a, b = system(3, method in SYMMETRIC)
    w = np.random.default_rng(1).normal(size=6)

    def f(a: Any, b: Any) -> Any:
        a = 0.5 * (a + a.T) if method in SYMMETRIC else a
        return bnp.sum(w * linear_solve(a, b, method))

    x, lam = np.linalg.solve(a, b), np.linalg.solve(a.T, w)
    da, db = grad(f, argnums=(0, 1))(a, b)
    wanted = -np.outer(lam, x)
    wanted = 0.5 * (wanted + wanted.T) if method in SYMMETRIC else wanted
    np.testing.assert_allclose(db, lam, rtol=1e-6)
    np.testing.assert_allclose(da, wanted, rtol=1e-6, atol=1e-9)
    d = np.random.default_rng(2).normal(size=6)
    assert float(jvp(lambda b: f(a, b), (b,), (d,))[1]) == pytest.approx(lam @ d, rel=1e-6)
    # second order: w (sA)⁻¹ b = (w A⁻¹ b) / s
    second = jit(hessian(lambda s: f(a * s, b)))(2.0)
    assert float(second) == pytest.approx(2 * (w @ x) / 8, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_batch(method: str) -> None:
    pairs = [system(s, method in SYMMETRIC) for s in range(3)]
    a, b = (np.stack(v) for v in zip(*pairs, strict=True))
    found = jit(vmap(lambda a, b: linear_solve(a, b, method)))(a, b)
    np.testing.assert_allclose(found, np.linalg.solve(a, b[..., None])[..., 0], rtol=1e-6)
    shared = vmap(lambda b: linear_solve(a[0], b, method))(b)
    np.testing.assert_allclose(shared, np.linalg.solve(a[0], b.T).T, rtol=1e-6)


@pytest.mark.parametrize("name", ["solve_lu", "solve_cg", "solve_gmres", "solve_normal_cg"])
def test_pytrees_ridge_and_init(name: str) -> None:
    solve = getattr(solvers, name)
    b = {"x": np.array([1.0, 2.0]), "y": np.array([[3.0]])}
    matvec = lambda v: {"x": 2.0 * v["x"], "y": 4.0 * v["y"]}
    found = solve(matvec, b, ridge=1.0)
    np.testing.assert_allclose(found["x"], [1 / 3, 2 / 3], rtol=1e-8)
    np.testing.assert_allclose(found["y"], [[0.6]], rtol=1e-8)
    if name != "solve_lu":
        np.testing.assert_allclose(solve(matvec, b, init=b)["y"], [[0.75]], rtol=1e-8)


def test_singular_consistent_system() -> None:
    a = np.array([[1.0, 1.0], [1.0, 1.0]])
    x = solvers.solve_normal_cg(lambda v: a @ v, np.array([2.0, 2.0]))
    np.testing.assert_allclose(x, [1.0, 1.0], rtol=1e-9)


def test_gmres_restarts_and_stops_early() -> None:
    a, b = system(5, False, n=30)
    x = solvers.solve_gmres(lambda v: a @ v, b, restart=4)
    np.testing.assert_allclose(x, np.linalg.solve(a, b), rtol=1e-7)
    # an invariant subspace of dimension two
    x = solvers.solve_gmres(lambda v: np.array([1.0, 2.0, 1.0, 2.0]) * v, np.ones(4))
    np.testing.assert_allclose(x, [1.0, 0.5, 1.0, 0.5], rtol=1e-10)


def test_refinement_and_errors() -> None:
    a, b = system(7, False)
    x = solvers.solve_iterative_refinement(lambda v: a @ v, b)
    np.testing.assert_allclose(x, np.linalg.solve(a, b), rtol=1e-12)
    with pytest.raises(ValueError, match="method must be one of"):
        linear_solve(a, b, "magic")
    with pytest.raises(ValueError, match="square matrix"):
        linear_solve(a[:3], b)
