"""`custom_linear_solve` and `custom_root`: derivatives of solutions, in every composition."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import grad, jacfwd, jit, lax
from bibun.errors import DifferentiationError

A = np.array([[4.0, 1.0, 0.5], [0.5, 3.0, 0.25], [0.1, 0.2, 2.0]])
B = np.array([1.0, -2.0, 0.5])


def jacobi(matvec, b):
    """Forty sweeps; the diagonal is found by asking matvec."""
    d = bnp.stack([matvec(e)[i] for i, e in enumerate(bnp.eye(3))])
    return lax.fori_loop(0, 40, lambda i, x: x + (b - matvec(x)) / d, bnp.zeros(3))


def by_jacobi(a, b):
    return lax.custom_linear_solve(lambda x: a @ x, b, jacobi, jacobi)


def test_value_and_both_modes():
    a, b = bnp.array(A), bnp.array(B)
    w = bnp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(np.asarray(by_jacobi(a, b)), np.linalg.solve(A, B), rtol=1e-10)
    f = lambda solve: lambda a, b: bnp.sum(w * bnp.sin(solve(a, b)))
    got = bibun.grad(f(by_jacobi), argnums=(0, 1))(a, b)
    want = bibun.grad(f(bnp.linalg.solve), argnums=(0, 1))(a, b)
    for g, e in zip(got, want, strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(e), rtol=1e-9)
    forward = bibun.jacfwd(by_jacobi, argnums=(0, 1))(a, b)
    reverse = bibun.jacrev(by_jacobi, argnums=(0, 1))(a, b)
    for g, e in zip(forward, reverse, strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(e), rtol=1e-9, atol=1e-12)


def test_second_order_vmap_and_jit():
    b = bnp.array(B)
    f = lambda s: bnp.sum(by_jacobi(bnp.array(A) * s, b) ** 2)
    want = float(np.sum(np.linalg.solve(A, B) ** 2))  # f(s) = want / s²
    np.testing.assert_allclose(float(bibun.grad(bibun.grad(f))(1.5)), 6 * want / 1.5**4, rtol=1e-9)
    got = bibun.vmap(bibun.grad(f))(bnp.array([1.0, 2.0]))
    np.testing.assert_allclose(np.asarray(got), [-2 * want, -2 * want / 8], rtol=1e-9)
    got = bibun.jit(bibun.grad(f))(2.0)
    np.testing.assert_allclose(float(got), -2 * want / 8, rtol=1e-9)


def test_reverse_mode_needs_a_transposed_solver():
    f = lambda b: bnp.sum(lax.custom_linear_solve(lambda x: 2.0 * x, b, lambda m, v: v / 2.0))
    np.testing.assert_allclose(np.asarray(bibun.jvp(f, (bnp.array(B),), (bnp.ones(3),))[1]), 1.5)
    with pytest.raises(DifferentiationError, match="transpose_solve"):
        bibun.grad(f)(bnp.array(B))


def test_symmetric():
    s = A @ A.T
    cg = lambda m, v: bnp.linalg.solve(bnp.array(s), v)
    f = lambda k: bnp.sum(
        lax.custom_linear_solve(lambda x: k * (bnp.array(s) @ x), bnp.array(B),
                                lambda m, v: cg(m, v) / k, symmetric=True)
    )  # fmt: skip
    np.testing.assert_allclose(
        float(bibun.grad(f)(2.0)), -np.linalg.solve(s, B).sum() / 4, rtol=1e-9
    )


def newton(f, x):
    slope = lambda x: bibun.jvp(f, (x,), (bnp.ones_like(x),))[1]
    return lax.fori_loop(0, 30, lambda i, x: x - f(x) / slope(x), x)


def cube_root(a):
    return lax.custom_root(lambda x: x**3 - a, 1.5, newton, lambda g, y: y / g(1.0))


def test_root():
    np.testing.assert_allclose(float(cube_root(8.0)), 2.0)
    np.testing.assert_allclose(float(bibun.grad(cube_root)(8.0)), 1 / 12)
    np.testing.assert_allclose(float(bibun.grad(bibun.grad(cube_root))(8.0)), -1 / 144)
    np.testing.assert_allclose(float(bibun.jvp(cube_root, (8.0,), (3.0,))[1]), 0.25)
    got = bibun.vmap(bibun.grad(cube_root))(bnp.array([1.0, 8.0]))
    np.testing.assert_allclose(np.asarray(got), [1 / 3, 1 / 12])
    np.testing.assert_allclose(float(bibun.jit(bibun.grad(cube_root))(8.0)), 1 / 12)


def with_residual(matvec, b):
    x = jacobi(matvec, b)
    return x, {"residual": b - matvec(x), "sweeps": 40}


def test_auxiliary_results_are_handed_out_and_constant():
    def f(a, b):
        x, aux = lax.custom_linear_solve(
            lambda x: a @ x, b, with_residual, with_residual, has_aux=True
        )
        return bnp.sum(bnp.sin(x)), aux

    plain = lambda a, b: bnp.sum(bnp.sin(bnp.linalg.solve(a, b)))
    for run in (lambda g: g, bibun.jit):
        got, aux = run(bibun.grad(f, (0, 1), has_aux=True))(A, B)
        for mine, want in zip(got, bibun.grad(plain, (0, 1))(A, B), strict=True):
            np.testing.assert_allclose(np.asarray(mine), np.asarray(want), rtol=1e-10)
        assert aux["sweeps"] == 40
        assert np.abs(np.asarray(aux["residual"])).max() < 1e-12
    assert np.allclose(bibun.grad(lambda b: bnp.sum(f(A, b)[1]["residual"]))(B), 0.0)
    both = np.stack([B, 2 * B])
    got = bibun.vmap(lambda b: f(A, b)[0])(both)
    assert np.allclose(got, [plain(A, b) for b in both], rtol=1e-10)

    newton = lambda f, x: (lax.fori_loop(0, 20, lambda i, x: x - f(x) / (2 * x), x), 7)
    root = lambda a: lax.custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0),
                                     has_aux=True)  # fmt: skip
    slope, count = bibun.jit(bibun.grad(root, has_aux=True))(4.0)
    assert float(slope) == pytest.approx(0.25, rel=1e-12)
    assert int(count) == 7


def test_root_whose_algorithm_closes_over_values_too() -> None:
    """Newton's step written with the outer x instead of the f that it is handed: constant there."""

    def root(x):
        step = lambda i, y: y - (y**3 + y - x) / (3 * y * y + 1)
        return lax.custom_root(
            lambda y: y**3 + y - x, x, lambda f, y: lax.fori_loop(0, 40, step, y),
            lambda g, y: y / g(1.0),
        )  # fmt: skip

    y = float(root(0.5))
    first = 1 / (3 * y * y + 1)
    second = -6 * y * first**3
    total = lambda x: lax.scan(lambda c, a: (c + root(a), None), 0.0, bnp.stack([x, x]))[0]
    for way in (lambda f: f, jit):
        for d in (grad, jacfwd):
            assert float(way(d(root))(0.5)) == pytest.approx(first, rel=1e-12)
            assert float(way(d(d(root)))(0.5)) == pytest.approx(second, rel=1e-10)
            assert float(way(d(total))(0.5)) == pytest.approx(2 * first, rel=1e-12)


def test_root_by_python_control_flow() -> None:
    def bisection(f, x):
        low, high = 0.0, 10.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if f(middle) > 0 else (middle, high)
        return bnp.asarray(low)

    root = lambda a: lax.custom_root(lambda x: x * x - a, 1.0, bisection, lambda g, y: y / g(1.0))
    assert float(root(4.0)) == pytest.approx(2.0)
    assert float(grad(root)(4.0)) == pytest.approx(0.25)
