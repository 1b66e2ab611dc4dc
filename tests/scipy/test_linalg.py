"""`bibun.scipy.linalg` against SciPy: factors, solutions, functions of matrices, derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg as reference

import bibun
import bibun.numpy as bnp
from bibun.scipy import linalg

RNG = np.random.default_rng(11)
A = RNG.standard_normal((4, 4)) + 3 * np.eye(4)
Z = A + 1j * RNG.standard_normal((4, 4))
S = A @ A.T + np.eye(4)
H = Z @ Z.conj().T + np.eye(4)
B = RNG.standard_normal((4, 2))
STACK = np.stack([A, A.T + 1])


def close(got, want, rtol=1e-11, atol=1e-12):
    np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=atol)


@pytest.mark.parametrize("a", [S, H], ids=["real", "complex"])
@pytest.mark.parametrize("lower", [False, True])
def test_cholesky_reads_one_triangle(a, lower):
    poisoned = np.where(np.tri(4, k=0 if lower else -1, dtype=bool) == lower, a, 99.0)
    close(linalg.cholesky(bnp.array(poisoned), lower), reference.cholesky(a, lower))
    x = linalg.cho_solve(linalg.cho_factor(bnp.array(a), lower), B)
    close(x, np.linalg.solve(a, B))
    close(
        linalg.cho_solve(linalg.cho_factor(bnp.array(a), lower), B[:, 0]),
        np.linalg.solve(a, B)[:, 0],
    )


@pytest.mark.parametrize("a", [A, Z], ids=["real", "complex"])
@pytest.mark.parametrize("trans", [0, 1, 2])
def test_triangular_and_lu_solutions(a, trans):
    for lower in (False, True):
        for unit in (False, True):
            kw = {"trans": trans, "lower": lower, "unit_diagonal": unit}
            close(
                linalg.solve_triangular(bnp.array(a), B, **kw),
                reference.solve_triangular(a, B, **kw),
            )
    want = reference.lu_solve(reference.lu_factor(a), B, trans)
    close(linalg.lu_solve(linalg.lu_factor(bnp.array(a)), B, trans), want)
    close(linalg.lu_solve(linalg.lu_factor(bnp.array(a)), B[:, 0], trans), want[:, 0])


@pytest.mark.parametrize("a", [A, A[:, :2], A[:2], Z, STACK], ids=str)
def test_lu(a):
    p, l, u = linalg.lu(bnp.array(a))  # noqa: E741
    want = reference.lu(a)
    for g, w in zip((p, l, u), want, strict=True):
        close(g, w)
    for g, w in zip(
        linalg.lu(bnp.array(a), permute_l=True), reference.lu(a, permute_l=True), strict=True
    ):
        close(g, w)
    close(linalg.lu(bnp.array(a), p_indices=True)[0], reference.lu(a, p_indices=True)[0])


@pytest.mark.parametrize("kind", ["gen", "sym", "her", "pos", "diagonal", "upper triangular",
                                  "lower triangular"])  # fmt: skip
@pytest.mark.parametrize("transposed", [False, True])
def test_solve(kind, transposed):
    a = H if kind in ("her", "pos") else S + 0j if kind == "sym" else Z
    if kind in ("her", "pos") and transposed:
        want = np.linalg.solve(a.T, B)
    else:
        shaped = {"diagonal": np.diag(np.diag(a)), "upper triangular": np.triu(a),
                  "lower triangular": np.tril(a)}.get(kind, a)  # fmt: skip
        want = np.linalg.solve(shaped.T if transposed else shaped, B)
    close(linalg.solve(bnp.array(a), B, assume_a=kind, transposed=transposed), want)


def test_solve_batches_and_vectors():
    close(linalg.solve(bnp.array(STACK), B), np.linalg.solve(STACK, B[None]))
    close(linalg.solve(bnp.array(A), B[:, 0]), np.linalg.solve(A, B[:, 0]))


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_generalised_eigenvalues(kind):
    a, b = H + 0.0, S + 0j
    w, v = linalg.eigh(bnp.array(a), bnp.array(b), type=kind)
    close(w, reference.eigh(a, b, type=kind, eigvals_only=True))
    w, v = np.asarray(w), np.asarray(v)
    left, right = {1: (a @ v, b @ v * w), 2: (a @ b @ v, v * w), 3: (b @ a @ v, v * w)}[kind]
    close(left, right, atol=1e-9)
    part = linalg.eigh(
        bnp.array(a), bnp.array(b), type=kind, subset_by_index=(1, 2), eigvals_only=True
    )
    close(part, w[1:3])


def test_qr_svd_eig():
    for mode in ("full", "economic"):
        q, r = linalg.qr(bnp.array(A[:, :2]), mode=mode)
        close(q @ r, A[:, :2])
        assert q.shape[1] == (4 if mode == "full" else 2)
    (r,) = linalg.qr(bnp.array(A), mode="r")
    close(r, reference.qr(A, mode="r")[0])
    u, s, vh = linalg.svd(bnp.array(Z), full_matrices=False)
    close(u * s @ vh, Z)
    w, left, right = linalg.eig(bnp.array(A), left=True)
    close(np.asarray(A @ right), np.asarray(right * w))
    close(
        np.asarray(bnp.conjugate(left.mT)) @ A,
        np.asarray(w)[:, None] * np.asarray(bnp.conjugate(left.mT)),
    )
    close(
        np.sort_complex(np.asarray(linalg.eigvals(bnp.array(A)))),
        np.sort_complex(np.linalg.eigvals(A)),
    )
    close(linalg.eigvalsh(bnp.array(S)), np.linalg.eigvalsh(S))


JORDAN = np.array([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]])
MATRICES = {
    "general": A, "complex": Z, "symmetric": S, "large": 30 * A, "small": 1e-3 * A,
    "defective": JORDAN, "stack": STACK, "identity": np.eye(3),
}  # fmt: skip


@pytest.mark.parametrize("name", MATRICES)
def test_expm(name):
    a = MATRICES[name]
    a = np.where(name == "large", -1, 1) * a
    want = reference.expm(a)
    close(linalg.expm(bnp.array(a)), want, rtol=1e-10, atol=1e-10 * np.abs(want).max())
    close(bibun.jit(linalg.expm)(bnp.array(a)), want, rtol=1e-10, atol=1e-10 * np.abs(want).max())


@pytest.mark.parametrize(
    "name", ["general", "complex", "symmetric", "defective", "stack", "identity"]
)
@pytest.mark.parametrize("function", ["sqrtm", "logm"])
def test_roots_and_logarithms(function, name):
    a = MATRICES[name]
    f, g = getattr(linalg, function), getattr(reference, function)
    want = np.stack([g(m) for m in a]) if a.ndim == 3 else g(a)
    for h in (f, bibun.jit(f)):
        got = h(bnp.array(a))
        assert got.dtype == a.dtype
        close(got, want, rtol=1e-9, atol=1e-10)


def test_no_real_root_is_nan():
    assert np.all(np.isnan(np.asarray(linalg.sqrtm(-bnp.eye(2)))))
    assert np.all(np.isnan(np.asarray(linalg.expm(bnp.full((2, 2), bnp.inf)))))
    close(linalg.sqrtm(bnp.array([[-4.0 + 1j]])), np.sqrt([[-4 + 1j]]))


@pytest.mark.parametrize("a", [A, Z, A[:, :2], A[:2], STACK], ids=str)
@pytest.mark.parametrize("side", ["left", "right"])
def test_polar(a, side):
    want = [reference.polar(m, side) for m in (a if a.ndim == 3 else [a])]
    u, p = linalg.polar(bnp.array(a), side)
    for i, w in enumerate(want):
        close(np.asarray(u[i] if a.ndim == 3 else u), w[0], rtol=1e-10, atol=1e-11)
        close(np.asarray(p[i] if a.ndim == 3 else p), w[1], rtol=1e-10, atol=1e-11)


def difference(f, a, e):
    h = 1e-3
    out = 0.0
    for step, w in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
        up, down = f(bnp.array(a + step * h * e)), f(bnp.array(a - step * h * e))
        out = out + w * (np.asarray(up) - np.asarray(down)) / h
    return out


@pytest.mark.parametrize("name", ["general", "complex", "symmetric", "defective", "identity"])
@pytest.mark.parametrize("function", ["expm", "sqrtm", "logm"])
def test_derivatives_of_functions_of_matrices(function, name):
    """Both modes, also at repeated and defective eigenvalues; ⟨w, Jv⟩ = ⟨Jᵀw, v⟩."""
    a, f = MATRICES[name], getattr(linalg, function)
    e = RNG.standard_normal(a.shape)
    _, t = bibun.jvp(f, (bnp.array(a),), (bnp.array(e, dtype=a.dtype),))
    want = difference(f, a, e)
    close(t, want, rtol=1e-7, atol=1e-8 * max(1, np.abs(want).max()))
    w = RNG.standard_normal(a.shape)
    pulled = bibun.jit(bibun.grad(lambda x: bnp.sum(bnp.real(f(x)) * w)))(bnp.array(a))
    np.testing.assert_allclose(
        np.sum(np.asarray(pulled) * e).real, np.sum(w * np.asarray(t).real), rtol=1e-8
    )


def test_expm_frechet():
    e = RNG.standard_normal((4, 4))
    want = reference.expm_frechet(A, e)
    for g, w in zip(linalg.expm_frechet(bnp.array(A), e), want, strict=True):
        close(g, w, rtol=1e-10, atol=1e-9)
    g = bibun.grad(lambda t: bnp.sum(linalg.expm(t * bnp.array(A))))(0.5)
    np.testing.assert_allclose(float(g), np.sum(A @ reference.expm(0.5 * A)), rtol=1e-11)


@pytest.mark.parametrize("size", [1e-3, 1e-2, 0.5, 2.0, 30.0])
@pytest.mark.parametrize("n", [3, 20])
def test_expm_by_every_degree(n, size):
    a, e = np.random.default_rng(n).standard_normal((2, n, n))
    a *= size / np.linalg.norm(a, 1)
    want, moved = reference.expm_frechet(a, e)
    scale = np.abs(moved).max()
    for run in (lambda f: f, bibun.jit):
        got, change = run(linalg.expm_frechet)(a, e)
        close(got, want, rtol=1e-12, atol=1e-13 * np.abs(want).max())
        close(change, moved, rtol=1e-11, atol=1e-13 * scale)
    g = bibun.jit(bibun.grad(lambda a: bnp.sum(linalg.expm(a) * e)))(a)
    close(np.sum(np.asarray(g) * e), np.sum(moved * e), rtol=1e-10)
    stack = bibun.vmap(linalg.expm)(np.stack([a, 100 * a / size]))
    close(stack[0], want, rtol=1e-12, atol=1e-13 * np.abs(want).max())
    upper = linalg.expm(np.triu(a), upper_triangular=True)
    close(upper, reference.expm(np.triu(a)), rtol=1e-11, atol=1e-13 * np.abs(want).max())
    assert (np.tril(np.asarray(upper), -1) == 0).all()


def test_second_derivative_of_expm():
    """d²/dt² expm(tA) = A² expm(tA)."""
    f = lambda t: bnp.sum(linalg.expm(t * bnp.array(A)))  # noqa: E731
    got = bibun.grad(bibun.grad(f))(0.7)
    np.testing.assert_allclose(float(got), np.sum(A @ A @ reference.expm(0.7 * A)), rtol=1e-10)


def test_vmap_of_functions():
    got = bibun.jit(bibun.vmap(linalg.expm))(bnp.array(np.stack([A, 20 * A, 0.01 * A])))
    for g, m in zip(np.asarray(got), (A, 20 * A, 0.01 * A), strict=True):
        close(g, reference.expm(m), rtol=1e-9, atol=1e-9 * np.abs(g).max())
    got = bibun.vmap(linalg.logm)(bnp.array(STACK))
    close(got, np.stack([reference.logm(m) for m in STACK]), rtol=1e-9)


V, W = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0])


@pytest.mark.parametrize(("name", "args"), [
    ("toeplitz", (V,)), ("toeplitz", (V, W)), ("toeplitz", (V + 1j,)), ("hankel", (V,)),
    ("hankel", (V, np.array([3.0, 5.0, 7.0, 9.0]))), ("circulant", (V,)), ("companion", (V,)),
    ("hilbert", (3,)), ("hadamard", (8,)), ("khatri_rao", (A, B[:, [0, 1, 0, 1]])),
    ("block_diag", (A, B, V, 2.0)), ("block_diag", ()), ("kron", (A, B)),
])  # fmt: skip
def test_special_matrices(name, args):
    want = np.kron(*args) if name == "kron" else getattr(reference, name)(*args)
    got = getattr(linalg, name)(*(bnp.array(a) if isinstance(a, np.ndarray) else a for a in args))
    close(got, want)


def test_log_determinant_by_cholesky_has_its_gradient():
    def f(a):
        c, _ = linalg.cho_factor(a)
        return 2 * bnp.sum(bnp.log(bnp.diag(c)))

    g = np.asarray(bibun.jit(bibun.grad(f))(bnp.array(S)))
    # the upper triangle alone is read: off-diagonal elements count twice
    want = np.triu(np.linalg.inv(S)) * (2 - np.eye(4))
    close(g, want, rtol=1e-10)


@pytest.mark.parametrize(("call", "word"), [
    (lambda: linalg.cholesky(bnp.ones((2, 3))), "square"),
    (lambda: linalg.solve(bnp.eye(3), bnp.ones(2)), "do not fit"),
    (lambda: linalg.solve(bnp.eye(3), bnp.ones(3), assume_a="banded"), "assume_a"),
    (lambda: linalg.solve_triangular(bnp.eye(3), bnp.ones(3), trans=7), "trans"),
    (lambda: linalg.hadamard(3), "power of 2"),
    (lambda: linalg.polar(bnp.eye(3), side="up"), "side"),
    (lambda: linalg.expm(bnp.ones(3)), "square"),
])  # fmt: skip
def test_errors(call, word):
    with pytest.raises((ValueError, NotImplementedError), match=word):
        call()
