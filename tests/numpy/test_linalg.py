"""`bibun.numpy.linalg`: NumPy's values on stacks; derivatives by finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.numpy import linalg

RNG = np.random.default_rng(7)
A = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
STACK = RNG.normal(size=(2, 3, 3)) + 2 * np.eye(3)
TALL = RNG.normal(size=(5, 3))
WIDE = RNG.normal(size=(3, 5))
SPD = A @ A.T + np.eye(4)
C = A + 1j * RNG.normal(size=(4, 4))
V = RNG.normal(size=4)

SAME = [
    *(("norm", (x,), {"ord": o}) for x in (A,) for o in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    *(("norm", (V,), {"ord": o}) for o in (None, 0, 1, 2, 3, -2, 0.5, np.inf, -np.inf)),
    ("norm", (STACK,), {"axis": (0, 2)}), ("norm", (STACK,), {"axis": 1, "keepdims": True}),
    ("norm", (STACK,), {"axis": (1, 2), "ord": 2, "keepdims": True}), ("norm", (C,), {}),
    ("vector_norm", (STACK,), {"ord": 3}), ("matrix_norm", (STACK,), {}),
    ("inv", (A,), {}), ("inv", (STACK,), {}), ("inv", (C,), {}), ("det", (A,), {}), ("det", (STACK,), {}),
    ("det", (C,), {}), ("det", (A[:2, :2],), {}), ("slogdet", (A,), {}), ("slogdet", (-STACK,), {}),
    ("slogdet", (C,), {}), ("solve", (A, V), {}), ("solve", (A, RNG.normal(size=(4, 2))), {}),
    ("solve", (STACK, RNG.normal(size=(3, 2))), {}), ("solve", (C, V), {}), ("cholesky", (SPD,), {}),
    ("cholesky", (np.stack([SPD, 2 * SPD]),), {}), ("eigvalsh", (SPD,), {}), ("pinv", (TALL,), {}),
    ("pinv", (WIDE,), {}), ("pinv", (np.outer(V, V),), {}), ("matrix_rank", (np.outer(V, V),), {}),
    ("matrix_rank", (STACK,), {}), ("cond", (A,), {}), ("cond", (A, 1), {}), ("cond", (A, -2), {}),
    ("matrix_power", (A, 5), {}), ("matrix_power", (A, -2), {}), ("matrix_power", (A, 0), {}),
    ("multi_dot", ([TALL, WIDE, TALL, V[:3]],), {}), ("multi_dot", ([A, A, A],), {}),
    ("svdvals", (TALL,), {}), ("tensorinv", (RNG.normal(size=(4, 2, 2)), 1), {}),
    ("tensorsolve", (RNG.normal(size=(2, 2, 4)), RNG.normal(size=(2, 2))), {}),
    ("trace", (STACK,), {}), ("diagonal", (STACK,), {}), ("cross", (STACK[0], STACK[1]), {}),
    ("outer", (V, V), {}), ("vecdot", (C, C), {}), ("matrix_transpose", (STACK,), {}),
]  # fmt: skip


def wrap(x):
    return [bnp.array(v) for v in x] if isinstance(x, list) else (
        bnp.array(x) if isinstance(x, np.ndarray) else x)  # fmt: skip


@pytest.mark.parametrize("name,args,kwargs", SAME)
def test_as_numpy(name, args, kwargs):
    want = getattr(np.linalg, name)(*args, **kwargs)
    got = getattr(linalg, name)(*map(wrap, args), **kwargs)
    pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
    for g, w in pairs:
        assert np.shape(g) == np.shape(w)
        assert np.asarray(g).dtype == np.asarray(w).dtype
        np.testing.assert_allclose(np.asarray(g), w, rtol=1e-9, atol=1e-10)


def test_lstsq():
    b = RNG.normal(size=(5, 2))
    for right in (b, b[:, 0]):
        got = linalg.lstsq(bnp.array(TALL), bnp.array(right))
        for g, w in zip(got, np.linalg.lstsq(TALL, right, rcond=None), strict=True):
            np.testing.assert_allclose(np.asarray(g), w, rtol=1e-9)


@pytest.mark.parametrize("x", [A, STACK, TALL, WIDE, C])
def test_factorisations_multiply_back(x):
    b = bnp.array(x)
    q, r = linalg.qr(b)
    np.testing.assert_allclose(np.asarray(q @ r), x, atol=1e-12)
    u, s, vh = linalg.svd(b, full_matrices=False)
    np.testing.assert_allclose(np.asarray((u * s[..., None, :]) @ vh), x, atol=1e-12)
    if x.shape[-1] == x.shape[-2]:
        h = x + np.conj(np.swapaxes(x, -1, -2))
        w, v = linalg.eigh(bnp.array(h))
        np.testing.assert_allclose(np.asarray(bnp.array(h) @ v), np.asarray(v * w[..., None, :]),
                                   atol=1e-11)  # fmt: skip
        w, v = linalg.eig(b)
        np.testing.assert_allclose(np.asarray(b @ v), np.asarray(v * w[..., None, :]), atol=1e-11)


def test_cholesky_upper_and_failure():
    u = linalg.cholesky(bnp.array(SPD), upper=True)
    np.testing.assert_allclose(np.asarray(u.T @ u), SPD, rtol=1e-12)
    assert np.isnan(np.asarray(linalg.cholesky(-bnp.eye(2)))).any()


def test_threads_share_one_compiled_function():
    """Workspaces of LAPACK belong to a call, not to the function."""
    from concurrent.futures import ThreadPoolExecutor

    def f(x):
        w, v = linalg.eigh(x + x.T)
        u, s, vh = linalg.svd(x, full_matrices=False)
        q, r = linalg.qr(x)
        small = x[:3, :3]
        return (v * w) @ v.T, (u * s) @ vh, q @ r, linalg.solve(x, x @ x), linalg.inv(small) @ small

    run = bibun.jit(f)
    xs = [np.random.default_rng(k).standard_normal((20, 20)) for k in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for x, got in zip(xs, pool.map(run, xs), strict=True):
            for y, want in zip(got, (x + x.T, x, x, x, np.eye(3)), strict=True):
                np.testing.assert_allclose(np.asarray(y), want, atol=1e-9)


def test_what_is_not_finite_stays_in_its_matrix():
    good = np.random.default_rng(1).standard_normal((9, 9))
    xs = np.stack([good, np.full((9, 9), np.nan), np.where(np.eye(9) > 0, np.inf, 1.0), good])
    for f in (linalg.inv, linalg.eigvalsh, linalg.svdvals, lambda x: linalg.slogdet(x).logabsdet,
              lambda x: linalg.solve(x, good), linalg.det, linalg.cholesky, linalg.pinv):  # fmt: skip
        for run in (f, bibun.jit(f), bibun.jit(bibun.vmap(f))):
            out = np.asarray(run(xs))
            np.testing.assert_allclose(out[0], np.asarray(f(good)), rtol=1e-10, equal_nan=True)
            np.testing.assert_array_equal(out[0], out[3])
            assert np.isnan(out[1]).any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 9, 9), (2, 0, 0), (1, 1)])
def test_empty_and_tiny(shape):
    x = np.full(shape, 2.0)
    for name in ("inv", "det", "cholesky", "eigvalsh", "pinv", "svdvals", "qr", "slogdet", "eigh"):
        want = getattr(np.linalg, name)(x) if name != "svdvals" else (
            np.linalg.svd(x, compute_uv=False))  # fmt: skip
        for run in (lambda f: f, bibun.jit):
            got = run(getattr(linalg, name))(x)
            pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
            for g, w in pairs:
                np.testing.assert_allclose(np.abs(np.asarray(g)), np.abs(w))


@pytest.mark.parametrize("dtype", [np.int8, np.int64, bool, np.float32, np.complex64])
def test_dtypes(dtype):
    x = np.array([[2, 1], [1, 3]]).astype(dtype) if dtype is not bool else np.eye(2, dtype=bool)
    kept = np.dtype(dtype) if np.dtype(dtype).kind in "fc" else np.dtype(np.float64)
    for f in (linalg.inv, linalg.det, linalg.cholesky, lambda x: linalg.solve(x, x),
              lambda x: linalg.eigh(x)[1], lambda x: linalg.qr(x)[1]):  # fmt: skip
        assert bibun.jit(f)(x).dtype == f(x).dtype == kept


def test_cond_of_nothing():
    with pytest.raises(ValueError, match="without elements"):
        linalg.cond(np.zeros((0, 0)))


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="square"):
        linalg.inv(bnp.zeros((2, 3)))
    with pytest.raises(ValueError, match="do not fit"):
        linalg.solve(bnp.eye(3), bnp.zeros(2))
    with pytest.raises(ValueError, match="norm of matrices"):
        linalg.norm(bnp.zeros(3), ord="fro")


def numeric_gradient(f, x, h=1e-6):
    g = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[k] += h
        down[k] -= h
        g[k] = (f(up) - f(down)) / (2 * h)
    return g


W = RNG.normal(size=(5, 5))
SCALARS = {
    "solve": lambda x: bnp.sum(W[:4, 0] * linalg.solve(x, bnp.array(V) * x[0, 0])),
    "inv": lambda x: bnp.sum(W[:4, :4] * linalg.inv(x)),
    "det": lambda x: linalg.det(x),
    "slogdet": lambda x: linalg.slogdet(x).logabsdet,
    "cholesky": lambda x: bnp.sum(W[:4, :4] * linalg.cholesky(x @ x.T)),
    "pinv": lambda x: bnp.sum(W[:4, :3] * linalg.pinv(x[:3])),
    "pinv tall": lambda x: bnp.sum(W[:2, :4] * linalg.pinv(x[:, :2])),
    "lstsq": lambda x: bnp.sum(linalg.lstsq(x[:, :2], bnp.array(V))[0] * bnp.array([1.0, -2.0])),
    "qr": lambda x: bnp.sum(W[:4, :4] * linalg.qr(x)[1]),
    "svd": lambda x: bnp.sum(W[:4, 0] * linalg.svd(x, compute_uv=False)),
    "eigh": lambda x: bnp.sum(W[:4, 0] * linalg.eigvalsh(x + x.T)),
    "norm": lambda x: linalg.norm(x) + linalg.norm(x, 2) + linalg.norm(x, "nuc"),
    "matrix_power": lambda x: bnp.sum(linalg.matrix_power(x, 3)) + bnp.sum(linalg.matrix_power(x, -1)),
}  # fmt: skip


@pytest.mark.parametrize("name", SCALARS)
def test_gradients(name):
    f = SCALARS[name]
    want = numeric_gradient(lambda x: float(f(bnp.array(x))), A)
    np.testing.assert_allclose(np.asarray(bibun.grad(f)(bnp.array(A))), want, rtol=2e-5, atol=1e-6)
    t = bnp.array(W[:4, :4])
    forward = bibun.jvp(f, (bnp.array(A),), (t,))[1]
    np.testing.assert_allclose(float(forward), np.sum(want * W[:4, :4]), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["solve", "slogdet", "det", "pinv", "cholesky"])
def test_second_order_and_jit(name):
    f = SCALARS[name]
    direction = bnp.array(W[:4, :4])
    slope = lambda x: bnp.sum(bibun.grad(f)(x) * direction)  # noqa: E731
    along = lambda s: float(slope(bnp.array(A) + s * direction))  # noqa: E731
    want = (along(1e-5) - along(-1e-5)) / 2e-5
    got = bnp.sum(bibun.grad(slope)(bnp.array(A)) * direction)
    np.testing.assert_allclose(float(got), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        np.asarray(bibun.jit(bibun.grad(f))(bnp.array(A))),
        np.asarray(bibun.grad(f)(bnp.array(A))), rtol=1e-9, atol=1e-10,
    )  # fmt: skip


def test_det_gradient_of_singular_matrices():
    x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.0]])
    want = numeric_gradient(np.linalg.det, x)
    np.testing.assert_allclose(np.asarray(bibun.grad(linalg.det)(bnp.array(x))), want, atol=1e-7)


def adjugate(x):
    n = len(x)
    minors = [[np.delete(np.delete(x, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array([[(-1) ** (i + j) * np.linalg.det(m) for j, m in enumerate(row)]
                     for i, row in enumerate(minors)])  # fmt: skip


def of_rank(n, rank, kind):
    if kind == "shift":  # several zero pivots, though the rank may be n - 1
        x = np.roll(np.diag(np.arange(1.0, n + 1)), 1, 0)
        x[:, rank:] = 0
        return x
    left = RNG.standard_normal((n, rank))
    if kind == "complex":
        left = left + 1j * RNG.standard_normal((n, rank))
    return left @ RNG.standard_normal((rank, n))


@pytest.mark.parametrize("kind", ["random", "complex", "shift"])
@pytest.mark.parametrize(
    ("n", "rank"), [(4, 4), (4, 3), (4, 2), (5, 5), (5, 4), (5, 3), (7, 6), (7, 4)]
)
def test_det_has_derivatives_at_every_rank(n, rank, kind):
    x, d = of_rank(n, rank, kind), RNG.standard_normal((n, n))
    g = bibun.grad(linalg.det, holomorphic=kind == "complex")
    scale = np.abs(x).max() ** (n - 2)
    for run in (lambda f: f, bibun.jit):
        np.testing.assert_allclose(np.asarray(run(g)(x)), adjugate(x), atol=1e-11 * scale)
    h = 1e-5
    want = (adjugate(x + h * d) - adjugate(x - h * d)) / (2 * h)
    d = d + 0 * x
    moved = bibun.jit(lambda x, d: bibun.jvp(g, (x,), (d,))[1])(x, d)
    np.testing.assert_allclose(np.asarray(moved), want, rtol=1e-6, atol=1e-6 * scale)
    twice = bibun.grad(lambda x: bnp.sum(g(x) * d), holomorphic=kind == "complex")(x)
    np.testing.assert_allclose(np.asarray(twice), want, rtol=1e-6, atol=1e-6 * scale)


def test_det_of_a_stack_is_regular_or_not_one_by_one():
    xs = np.stack([of_rank(5, 5, "random"), of_rank(5, 4, "random"), of_rank(5, 2, "random")])
    for f in (bibun.vmap(bibun.grad(linalg.det)), bibun.grad(lambda x: bnp.sum(linalg.det(x)))):
        for got, x in zip(np.asarray(bibun.jit(f)(xs)), xs, strict=True):
            np.testing.assert_allclose(got, adjugate(x), atol=1e-11)


def test_norm_at_zero_has_gradient_zero():
    np.testing.assert_array_equal(np.asarray(bibun.grad(linalg.norm)(bnp.zeros(3))), 0.0)


def test_vmap_is_batching():
    xs = bnp.array(np.stack([A, A.T, SPD]))
    b = bnp.array(V)
    for f in (linalg.inv, linalg.det, lambda x: linalg.solve(x, b), linalg.pinv,
              lambda x: linalg.slogdet(x).logabsdet):  # fmt: skip
        got = bibun.vmap(f)(xs)
        want = bnp.stack([f(x) for x in xs])
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-9, atol=1e-12)
