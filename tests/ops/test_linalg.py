"""Linear algebra: definitions, failures, and derivatives that the contract test cannot see."""

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.compiler.jit import jit
from bibun.errors import DifferentiationError, DTypeError, ShapeError
from bibun.ops import linalg
from bibun.ops.families import linalg as fam
from tests.contract import harness


def raw(x):
    return np.asarray(harness.raw(x))


def matrix(*shape, complex_=False, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if complex_ else x


def hermitian(n, complex_=False, seed=0):
    a = matrix(n, n, complex_=complex_, seed=seed)
    return (a + a.conj().T) / 2


def positive(n, complex_=False, seed=0):
    a = matrix(n, n, complex_=complex_, seed=seed)
    return a @ a.conj().T + n * np.eye(n)


def H(x):
    return np.swapaxes(x, -1, -2).conj()


BOTH = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
COMPLEX = pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
SIZES = pytest.mark.parametrize("n", [1, 2, 5, 8, 12, 33])


# definitions ---------------------------------------------------------------------------


@BOTH
@COMPLEX
@SIZES
def test_cholesky(run, complex_, n):
    a = positive(n, complex_)
    noise = np.triu(np.full((n, n), np.nan), 1)  # the upper triangle is not read
    factor = raw(run(linalg.cholesky)(np.tril(a) + noise))
    np.testing.assert_allclose(factor @ H(factor), a, rtol=1e-12, atol=1e-12)
    assert (np.triu(factor, 1) == 0).all()
    assert (np.diag(factor).real > 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("most", [0, 1000], ids=["blas", "tiles"])
def test_cholesky_and_its_gradient_in_both_kinds_of_blocks(monkeypatch, most, dtype):
    """All remainders of blocks and of squares in them, against the eager formulas."""
    from collections import OrderedDict

    from bibun.compiler import pipeline
    from bibun.config import config
    from bibun.ops.linalg import tiles

    monkeypatch.setattr(tiles, "MOST", most)
    monkeypatch.setattr(pipeline, "_native", OrderedDict())  # caches do not know of it
    for n in (13, 16, 17, 31, 32, 33, 46, 48, 50, 56, 101):
        a, c = positive(n, seed=n).astype(dtype), matrix(n, n, seed=1).astype(dtype)
        noise = np.triu(np.full((n, n), np.nan, dtype), 1)
        a = np.tril(a) + noise

        def loss(a, c=c):
            return bnp.sum(linalg.cholesky(a) * c)

        with config.using(cache_dir=""):
            value, slope = bibun.jit(bibun.value_and_grad(loss))(a)
        expected, reference = bibun.value_and_grad(loss)(a.astype(float))
        tolerance = 300 * np.finfo(dtype).eps
        np.testing.assert_allclose(value, expected, rtol=tolerance)
        scale = np.abs(reference).max()
        np.testing.assert_allclose(slope, reference, atol=tolerance * scale)


@BOTH
@pytest.mark.parametrize("n", [3, 20, 40])
def test_cholesky_fails_alone(run, n):
    a = np.stack([np.eye(n), -np.eye(n), 4 * np.eye(n)])
    out = raw(run(linalg.cholesky)(a))
    np.testing.assert_array_equal(out[0], np.eye(n))
    np.testing.assert_array_equal(out[2], 2 * np.eye(n))
    assert np.isnan(out[1][np.tril_indices(n)]).all()
    assert (out[1][np.triu_indices(n, 1)] == 0).all()


@pytest.mark.parametrize(
    ("run", "n"), [*((lambda f: f, n) for n in (1, 5, 9)), (jit, 2), (jit, 17)],
    ids=["eager-1", "eager-5", "eager-9", "jit-2", "jit-17"],
)  # fmt: skip
@COMPLEX
@pytest.mark.parametrize("bits", range(32))
def test_triangular_solve(run, complex_, n, bits):
    left, lower, turned, conj, unit = (bool(bits >> k & 1) for k in range(5))
    a = matrix(n, n, complex_=complex_, seed=bits) / n + 2 * np.eye(n)
    y = matrix(*((n, 3) if left else (3, n)), complex_=complex_)
    solve = run(
        lambda a, y: linalg.triangular_solve(
            a, y, left_side=left, lower=lower, transpose_a=turned, conjugate_a=conj,
            unit_diagonal=unit,
        )
    )  # fmt: skip
    ignored = np.full((n, n), np.nan)
    given = (np.tril(a) + np.triu(ignored, 1)) if lower else (np.triu(a) + np.tril(ignored, -1))
    x = raw(solve(np.where(np.eye(n, dtype=bool), np.nan, given) if unit else given, y))
    op = np.tril(a) if lower else np.triu(a)
    if unit:
        np.fill_diagonal(op, 1)
    op = op.T if turned else op
    op = op.conj() if conj else op
    np.testing.assert_allclose(op @ x if left else x @ op, y, rtol=1e-11, atol=1e-11)


@BOTH
@COMPLEX
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (6, 3), (3, 6), (2, 3, 4, 4)])
def test_lu(run, complex_, shape):
    a = matrix(*shape, complex_=complex_)
    factors, pivots, permutation = map(raw, run(linalg.lu)(a))
    m, n = shape[-2:]
    k = min(m, n)
    low = np.tril(factors[..., :k], -1) + np.eye(m, k)
    rows = np.take_along_axis(a, permutation[..., None].astype(int), axis=-2)
    np.testing.assert_allclose(low @ np.triu(factors[..., :k, :]), rows, rtol=1e-12, atol=1e-12)
    assert (np.abs(low) <= 1 + 1e-12).all() or complex_
    again = raw(run(lambda p: linalg.lu_pivots_to_permutation(p, permutation_size=m))(pivots))
    np.testing.assert_array_equal(again, permutation)


@BOTH
@COMPLEX
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (9, 9), (33, 33), (17, 3, 3), (2, 3, 12, 12)])
def test_lu_by_columns(run, complex_, shape):
    a = matrix(*shape, complex_=complex_)
    n = shape[-1]
    factors, pivots, order, place = map(raw, run(linalg.lu_columns)(a))
    columns = np.take_along_axis(a, order[..., None, :].astype(int), axis=-1)
    upper = np.triu(factors, 1) + np.eye(n)
    np.testing.assert_allclose(np.tril(factors) @ upper, columns, rtol=1e-12, atol=1e-12)
    assert (np.abs(upper) <= 1 + 1e-12).all() or complex_
    numbers = np.broadcast_to(np.arange(n), order.shape)
    np.testing.assert_array_equal(np.take_along_axis(order, place, axis=-1), numbers)
    inverse = raw(run(linalg.lu_columns_inverse)(factors, pivots))
    np.testing.assert_allclose(inverse @ a, np.broadcast_to(np.eye(n), shape), atol=1e-11)


@pytest.mark.parametrize("n", [3, 20])
def test_singular_matrices_of_a_stack_are_nan_alone(n):
    a = np.stack([matrix(n, n), np.zeros((n, n)), np.full((n, n), np.nan), np.eye(n)] * 3)
    for run in (lambda f: f, jit):
        out = raw(run(bnp.linalg.inv)(a))
        np.testing.assert_allclose(out[8], np.linalg.inv(a[0]), rtol=1e-10, atol=1e-12)
        assert np.isnan(out[9]).all()
        assert np.isnan(out[10]).all()
        np.testing.assert_array_equal(out[11], np.eye(n))


@BOTH
@COMPLEX
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (6, 3), (3, 6), (2, 5, 2), (3, 0)])
def test_qr(run, complex_, full, shape):
    a = matrix(*shape, complex_=complex_)
    q, r = map(raw, run(lambda a: linalg.qr(a, full_matrices=full))(a))
    k = shape[-2] if full else min(shape[-2:])
    assert q.shape == (*shape[:-1], k)
    assert r.shape == (*shape[:-2], k, shape[-1])
    np.testing.assert_allclose(q @ r, a, rtol=1e-12, atol=1e-12)
    unit = np.broadcast_to(np.eye(k), (*shape[:-2], k, k))
    np.testing.assert_allclose(H(q) @ q, unit, atol=1e-12)
    assert (np.tril(r, -1) == 0).all()


@BOTH
@COMPLEX
@pytest.mark.parametrize("lower", [True, False])
@SIZES
def test_eigh(run, complex_, lower, n):
    a = hermitian(n, complex_)
    noise = np.full((n, n), np.nan)
    given = np.tril(a) + np.triu(noise, 1) if lower else np.triu(a) + np.tril(noise, -1)
    v, w = map(raw, run(lambda a: linalg.eigh(a, lower=lower))(given))
    np.testing.assert_allclose(a @ v, v * w, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(H(v) @ v, np.eye(n), atol=1e-12)
    assert (np.diff(w) >= 0).all()
    assert w.dtype == np.float64


@BOTH
@COMPLEX
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (6, 3), (3, 6), (2, 5, 2), (40, 7), (0, 3)])
def test_svd(run, complex_, full, shape):
    a = matrix(*shape, complex_=complex_)
    s, u, vh = map(raw, run(lambda a: linalg.svd(a, full_matrices=full, compute_uv=True))(a))
    k = min(shape[-2:])
    np.testing.assert_allclose(u[..., :k] * s[..., None, :] @ vh[..., :k, :], a, atol=1e-11)
    for x in (H(u) @ u, vh @ H(vh)):
        np.testing.assert_allclose(x, np.broadcast_to(np.eye(x.shape[-1]), x.shape), atol=1e-12)
    assert (np.diff(s) <= 0).all()
    assert (s >= 0).all()
    (only,) = run(lambda a: linalg.svd(a, full_matrices=False, compute_uv=False))(a)
    np.testing.assert_allclose(raw(only), s, atol=1e-12)


@BOTH
@COMPLEX
def test_eig(run, complex_):
    a = matrix(2, 5, 5, complex_=complex_)
    both = {"compute_left": True, "compute_right": True}
    w, left, right = map(raw, run(lambda a: linalg.eig(a, **both))(a))
    np.testing.assert_allclose(a @ right, right * w[..., None, :], atol=1e-12)
    np.testing.assert_allclose(H(left) @ a, w[..., None] * H(left), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(right, axis=-2), 1)


@BOTH
def test_nan_stays_in_its_matrix(run):
    a = np.stack([np.diag([3.0, 2.0]), np.full((2, 2), np.nan)])
    for f in (
        lambda a: linalg.svd(a, full_matrices=False, compute_uv=True),
        lambda a: linalg.eig(a, compute_left=False, compute_right=True),
    ):
        for out in map(raw, run(f)(a)):
            assert np.isfinite(out[0]).all()
            assert np.isnan(out[1]).all()


# derivatives ---------------------------------------------------------------------------


def gradient(f, x):
    """The gradient of a real function of a real or complex array, JAX's convention."""
    outs, pull = harness.vjp(lambda x: [f(x)], [x])
    return raw(pull([np.ones(())])[0])


def numerical(f, x, t, h=1e-5):
    return (raw(f(x + h * t)) - raw(f(x - h * t))) / (2 * h)


def real_sum(x, weights):
    import bibun.ops.elementwise as e
    from bibun.ops.reduce import reduce_sum

    y = e.mul(x, weights)
    y = e.real(y) if np.iscomplexobj(weights) else y
    return reduce_sum(y, axes=tuple(range(len(y.shape))))


@COMPLEX
@pytest.mark.parametrize("wide", [0, 1, 2])
def test_svd_spaces_have_the_right_derivative(complex_, wide):
    """U diag(g(s)) Vᴴ does not depend on phases or signs."""
    import bibun.ops.elementwise as e

    a = matrix(3 + (wide == 2), 3 + (wide == 1), complex_=complex_)
    weights = matrix(*a.shape, complex_=complex_, seed=1)

    def f(a):
        s, u, vh = linalg.svd(a, full_matrices=False, compute_uv=True)
        g = e.sin(s)
        g = e.convert(g, new_dtype=a.dtype) if complex_ else g
        return real_sum(fam.matmul(e.mul(u, fam.as_row(g)), vh), weights)

    t = matrix(*a.shape, complex_=complex_, seed=2)
    want = numerical(f, a, t)
    np.testing.assert_allclose(np.real(np.sum(gradient(f, a) * t)), want, rtol=1e-7)
    (forward,) = harness.jvp(lambda a: [f(a)], [a], [t])[1]
    np.testing.assert_allclose(raw(forward), want, rtol=1e-7)


@COMPLEX
def test_eigh_spaces_have_the_right_derivative(complex_):
    import bibun.ops.elementwise as e

    a = hermitian(4, complex_)
    weights = matrix(4, 4, complex_=complex_, seed=1)

    def f(a):
        v, w = linalg.eigh(a, lower=True)
        g = e.exp(w)
        g = e.convert(g, new_dtype=a.dtype) if complex_ else g
        return real_sum(fam.matmul(e.mul(v, fam.as_row(g)), fam.adjoint(v)), weights)

    t = matrix(4, 4, complex_=complex_, seed=2)
    want = numerical(f, a, t)
    np.testing.assert_allclose(np.real(np.sum(gradient(f, a) * t)), want, rtol=1e-7)


def test_repeated_eigenvalues_give_finite_and_right_derivatives():
    """The trace of a² through eigh and svd, at the identity; and dw summed over the space."""
    import bibun.ops.elementwise as e

    a = np.diag([2.0, 2.0, 2.0, 5.0])

    def trace_square(a):
        v, w = linalg.eigh(a, lower=True)
        b = fam.matmul(e.mul(v, fam.as_row(w)), fam.adjoint(v))
        return real_sum(e.mul(b, b), np.ones((4, 4)))

    grad = gradient(trace_square, a)
    np.testing.assert_allclose(grad, 2 * a, atol=1e-12)

    def norm_square(a):
        s, u, vh = linalg.svd(a, full_matrices=False, compute_uv=True)
        b = fam.matmul(e.mul(u, fam.as_row(s)), vh)
        return real_sum(e.mul(b, b), np.ones((4, 4)))

    np.testing.assert_allclose(gradient(norm_square, a), 2 * a, atol=1e-12)
    singular = np.diag([3.0, 1.0, 0.0, 0.0])
    assert np.isfinite(gradient(norm_square, singular)).all()


@COMPLEX
@pytest.mark.parametrize("values", [[2.0, 2.0, 2.0], [2.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
def test_polar_factor_of_equal_singular_values(values, complex_):
    """U Vᴴ is smooth where singular values meet; oracle: A (AᴴA)^(-1/2)."""
    q, r = (np.linalg.qr(matrix(3, 3, complex_=complex_, seed=k))[0] for k in (1, 2))
    a, d = q @ np.diag(values) @ r, matrix(3, 3, complex_=complex_, seed=3)

    def polar(a):
        u, _, vh = bnp.linalg.svd(a, full_matrices=False)
        return u @ vh

    def value(a):
        w, v = np.linalg.eigh(H(a) @ a)
        return a @ (v / np.sqrt(w)) @ H(v)

    np.testing.assert_allclose(raw(polar(a)), value(a), atol=1e-12)
    want = (value(a + 1e-5 * d) - value(a - 1e-5 * d)) / 2e-5
    for run in (lambda f: f, jit):
        got = run(lambda a: bibun.jvp(polar, (a,), (d,))[1])(a)
        np.testing.assert_allclose(raw(got), want, atol=1e-8)


@pytest.mark.parametrize("n", [3, 6])
def test_sums_over_equal_eigenvalues_and_singular_values(n):
    """Σ g(w) and Σ g(s) are smooth: V g'(w) Vᵀ, U g'(s) Vᵀ, whatever the basis."""
    q, r = (np.linalg.qr(matrix(n, n, seed=k))[0] for k in (1, 2))
    w = np.array([1.0, 1.0, 3.0, 3.0, 3.0, 5.0])[:n]
    for rounding in (0, 1e-16):
        a = q @ np.diag(w) @ q.T
        a = (a + a.T) / 2 * (1 + rounding)
        f = lambda a: bnp.sum(bnp.exp(bnp.linalg.eigvalsh(a)))  # noqa: E731
        g = lambda a: bnp.sum(bnp.exp(bnp.linalg.eigh(a)[0]))  # noqa: E731
        for fun in (f, g):
            got = raw(jit(bibun.grad(fun))(a))
            np.testing.assert_allclose(got, q @ np.diag(np.exp(w)) @ q.T, rtol=1e-10, atol=1e-10)
        nuclear = raw(bibun.grad(lambda a: bnp.linalg.norm(a, "nuc"))(q @ np.diag(w) @ r.T))
        np.testing.assert_allclose(nuclear, q @ r.T, atol=1e-12)
        # a projector on the space of the smallest eigenvalue does not see the basis in it
        k = int(np.sum(w == w[0]))
        d = hermitian(n, seed=5)

        def projector(a, k=k):
            v = bnp.linalg.eigh(a).eigenvectors[:, :k]
            return v @ v.T

        moved = raw(bibun.jvp(projector, (a,), (d,))[1])
        fix = np.linalg.pinv(a - w[0] * np.eye(n), rcond=1e-8)
        p = q[:, :k] @ q[:, :k].T
        np.testing.assert_allclose(moved, -fix @ d @ p - p @ d @ fix, atol=1e-9)


@pytest.mark.parametrize(("fun", "products"), [
    (lambda a: bnp.sum(bnp.linalg.eigvalsh(a)), 1),
    (lambda a: bnp.sum(bnp.linalg.svdvals(a)), 1),
    (lambda a: bnp.sum(bnp.linalg.inv(a) ** 2), 2),
    (lambda a: bnp.linalg.slogdet(a).logabsdet, 0),
    (lambda a: bnp.sum(bnp.linalg.solve(a, a[::-1]) ** 2), 1),
    (lambda a: (lambda w, v: bnp.sum(v[0] * w))(*bnp.linalg.eigh(a)), 3),
])  # fmt: skip
def test_products_of_a_gradient(fun, products):
    """No product of matrices more than the formula has, nothing sorted, one factorisation."""
    a = positive(12)
    text = jit(bibun.value_and_grad(fun)).lower(a).as_text("ir")
    count = {op: text.count(f"= {op}[") + text.count(f"= {op} ") for op in (
        "dot_general", "sort", "lu", "lu_columns", "eigh", "svd",
    )}  # fmt: skip
    assert count["dot_general"] <= products
    assert count["sort"] == count["lu"] == 0
    assert sum(count[k] for k in ("lu_columns", "eigh", "svd")) == 1


def test_eig_of_complex_pairs_keeps_its_normalisation():
    a = matrix(4, 4, seed=3)
    assert np.iscomplex(np.linalg.eigvals(a)).any()
    t = matrix(4, 4, seed=4)

    def f(a):
        return linalg.eig(a, compute_left=False, compute_right=True)

    got = harness.jvp(f, [a], [t])[1]
    for g, k in zip(got, range(2), strict=True):
        np.testing.assert_allclose(raw(g), numerical(lambda a, k=k: f(a)[k], a, t), atol=1e-6)


def test_log_determinant_twice():
    """d² log det a = -tr(a⁻¹ t a⁻¹ u), through cholesky, lu and eigh."""
    import bibun.ops.elementwise as e

    a, t, u = positive(4), hermitian(4, seed=5), hermitian(4, seed=6)
    inverse = np.linalg.inv(a)
    want = -np.trace(inverse @ t @ inverse @ u)

    def via_cholesky(a):
        return e.mul(real_sum(e.log(fam.diagonal(linalg.cholesky(a))), np.ones(4)), 2.0)

    def via_lu(a):
        return real_sum(e.log(e.abs(fam.diagonal(linalg.lu(a)[0]))), np.ones(4))

    def via_eigh(a):
        return real_sum(e.log(linalg.eigh(a, lower=True)[1]), np.ones(4))

    for f in (via_cholesky, via_lu, via_eigh):

        def slope(a, f=f):
            return [harness.jvp(lambda a: [f(a)], [a], [t])[1][0]]

        got = raw(harness.jvp(slope, [a], [u])[1][0])
        np.testing.assert_allclose(got, want, rtol=1e-10)


def test_what_has_no_derivative_says_so():
    a, t = matrix(5, 3), matrix(5, 3, seed=1)
    with pytest.raises(DifferentiationError, match="last 2 columns of Q"):
        harness.jvp(lambda a: linalg.qr(a, full_matrices=True), [a], [t])
    with pytest.raises(DifferentiationError, match="beyond the first 3"):
        harness.jvp(lambda a: linalg.svd(a, full_matrices=True, compute_uv=True), [a], [t])
    with pytest.raises(DifferentiationError, match="left eigenvectors"):
        harness.jvp(
            lambda a: linalg.eig(a, compute_left=True, compute_right=False), [a[:3]], [t[:3]]
        )


# errors --------------------------------------------------------------------------------


def test_shapes_and_dtypes_are_checked():
    with pytest.raises(ShapeError, match=r"cholesky: expected square matrices .* \(2, 3\)"):
        linalg.cholesky(np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"expected matrices \(..., m, n\), got shape \(3,\)"):
        linalg.lu(np.ones(3))
    with pytest.raises(DTypeError, match="cholesky"):
        linalg.cholesky(np.ones((2, 2), int))
    flags = {"left_side": True, "lower": True, "transpose_a": False, "conjugate_a": False,
             "unit_diagonal": False}  # fmt: skip
    with pytest.raises(ShapeError, match="b must have 2 rows"):
        linalg.triangular_solve(np.eye(2), np.ones((3, 1)), **flags)
    with pytest.raises(ShapeError, match="stack"):
        linalg.triangular_solve(np.eye(2), np.ones((3, 2, 1)), **flags)
    with pytest.raises(ShapeError, match="permutation of 2 rows"):
        linalg.lu_pivots_to_permutation(np.zeros(3, np.int32), permutation_size=2)


# the derivative of cholesky in blocks --------------------------------------------------------


def phi(x):
    return np.tril(x, -1) + np.diag(np.diag(x)) / 2


@COMPLEX
@pytest.mark.parametrize("symmetrize", [False, True])
@pytest.mark.parametrize("n", [1, 4, 8, 12, 13, 33, 70, 101])
def test_cholesky_derivative_is_murrays_formula(n, symmetrize, complex_):
    factor = np.linalg.cholesky(positive(n, complex_))
    x = matrix(n, n, complex_=complex_, seed=1)
    inverse = np.linalg.inv(factor)
    below = np.tril(x, -1)
    moved = (x + H(x)) / 2 if symmetrize else below + H(below) + np.diag(np.diag(x).real)
    want = factor @ phi(inverse @ moved @ H(inverse))
    got = raw(jit(lambda f, x: linalg.cholesky_tangent(f, x, symmetrize=symmetrize))(factor, x))
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)
    inner = phi(H(factor) @ np.tril(x.conj()))
    twice = H(inverse) @ (inner + H(inner)) @ inverse
    want = (twice / 2 if symmetrize else phi(twice)).conj()
    got = raw(jit(lambda f, x: linalg.cholesky_cotangent(f, x, symmetrize=symmetrize))(factor, x))
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)


def gaussian(p, t, y):
    """The log likelihood of a Gaussian process, up to a constant."""
    k = p[0] * bnp.exp(-((t[:, None] - t) ** 2) / (2 * p[1] ** 2)) + bnp.eye(len(t)) * p[2] ** 2
    factor = bnp.linalg.cholesky(k)
    a = lax.linalg.triangular_solve(factor, y[:, None], left_side=True, lower=True)
    return -0.5 * bnp.sum(a * a) - bnp.sum(bnp.log(bnp.diagonal(factor)))


def test_gradient_of_a_gaussian_process_costs_three_factorisations():
    t, y = np.linspace(0, 10, 40), np.sin(np.arange(40.0) ** 2)
    p = np.array([1.0, 0.4, 0.6])
    f = jit(bibun.value_and_grad(gaussian))
    text = f.lower(p, t, y).as_text("ir")
    counts = {op: text.count(f"= {op}[") for op in (
        "cholesky", "cholesky_cotangent", "triangular_solve", "dot_general", "scatter_add",
    )}  # fmt: skip
    assert counts == {
        "cholesky": 1, "cholesky_cotangent": 1, "triangular_solve": 2, "dot_general": 0,
        "scatter_add": 0,
    }  # fmt: skip
    _, gradient = f(p, t, y)
    for i in range(3):
        h = np.eye(3)[i] * 1e-6
        slope = (float(gaussian(p + h, t, y)) - float(gaussian(p - h, t, y))) / 2e-6
        np.testing.assert_allclose(float(gradient[i]), slope, rtol=1e-6)


def test_a_transposed_matrix_is_solved_with_where_it_lies():
    a = matrix(20, 20) / 20 + 2 * np.eye(20)
    y = matrix(20, 3)
    f = jit(lambda a, y: lax.linalg.triangular_solve(a.T, y, left_side=True, lower=True))
    text = f.lower(a, y).as_text("ir")
    assert "transpose[" not in text
    assert "transpose_a=True" in text
    np.testing.assert_allclose(raw(f(a, y)), np.linalg.solve(np.tril(a.T), y), rtol=1e-12)


@pytest.mark.parametrize("bits", range(8))
def test_one_right_side(bits):
    left, lower, turned = (bool(bits >> k & 1) for k in range(3))
    a = matrix(20, 20) / 20 + 2 * np.eye(20)
    y = matrix(*((20, 1) if left else (1, 20)))
    x = raw(jit(lambda a, y: linalg.triangular_solve(
        a, y, left_side=left, lower=lower, transpose_a=turned, conjugate_a=False,
        unit_diagonal=False,
    ))(a, y))  # fmt: skip
    op = np.tril(a) if lower else np.triu(a)
    op = op.T if turned else op
    np.testing.assert_allclose(op @ x if left else x @ op, y, rtol=1e-11, atol=1e-12)
