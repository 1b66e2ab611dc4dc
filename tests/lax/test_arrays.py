"""`bibun.lax`: JAX's conventions where they differ from NumPy's."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax

X = np.arange(12.0).reshape(3, 4)


def same(got, want):
    np.testing.assert_array_equal(np.asarray(got), want)


def test_integer_division_truncates():
    same(lax.div(bnp.array([-7, 7]), bnp.array([2, -2])), [-3, -3])
    same(lax.rem(bnp.array([-7, 7]), bnp.array([2, -2])), [-1, 1])


def test_select_and_select_n():
    p, a, b = bnp.array([True, False]), bnp.array([1, 2]), bnp.array([3, 4])
    same(lax.select(p, a, b), [1, 4])
    same(lax.select_n(p, a, b), [3, 2])
    same(lax.select_n(bnp.array([2, 0]), a, b, a + 10), [11, 2])
    with pytest.raises(TypeError, match="two cases"):
        lax.select_n(p, a, b, a)


def test_round():
    x = bnp.array([-2.5, -0.5, 0.5, 1.5, 2.4, 0.49999999999999994, np.inf])
    same(lax.round(x), [-3, -1, 1, 2, 2, 0, np.inf])
    same(lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), np.rint(np.asarray(x)))


@pytest.mark.parametrize("start,want", [(1, [1, 2]), (9, [3, 4]), (-2, [3, 4]), (-99, [0, 1])])
def test_dynamic_slices_wrap_and_clamp(start, want):
    x = bnp.arange(5)
    same(lax.dynamic_slice_in_dim(x, start, 2, mode="clip"), want)
    same(bibun.jit(lambda i: lax.dynamic_slice_in_dim(x, i, 2, mode="clip"))(start), want)
    new = lax.dynamic_update_slice(x, bnp.array([7, 8]), (start,), mode="clip")
    expected = np.arange(5)
    expected[want] = [7, 8]
    same(new, expected)


def test_slices_and_indices():
    x = bnp.array(X)
    same(lax.slice(x, (1, 0), (3, 4), (1, 2)), X[1:3, ::2])
    same(lax.slice_in_dim(x, 1, -1, axis=1), X[:, 1:-1])
    same(lax.index_in_dim(x, -1, 1), X[:, -1:])
    same(lax.dynamic_index_in_dim(x, 2, 0, keepdims=False), X[2])
    same(lax.dynamic_update_index_in_dim(x, bnp.zeros(4), 1, 0), np.where([[0], [1], [0]], 0, X))
    same(lax.dynamic_slice(x, bnp.array([1, 2]), (2, 2)), X[1:, 2:])
    with pytest.raises(IndexError):
        lax.index_in_dim(x, 4, 1)


def test_shapes():
    x = bnp.array(X)
    same(lax.broadcast_in_dim(bnp.arange(3), (2, 3, 2), (1,)),
         np.broadcast_to(np.arange(3)[None, :, None], (2, 3, 2)))  # fmt: skip
    same(lax.reshape(x, (4, 3), dimensions=(1, 0)), X.T.reshape(4, 3))
    same(lax.collapse(x, 0, 2), X.ravel())
    same(lax.pad(x, 0.5, [(1, 0, 0), (0, 1, 1)])[0], np.full(8, 0.5))
    assert [p.shape for p in lax.split(x, (1, 3), axis=1)] == [(3, 1), (3, 3)]
    with pytest.raises(ValueError, match="add up"):
        lax.split(x, (1, 1), axis=1)
    with pytest.raises(ValueError, match="ascend"):
        lax.broadcast_in_dim(x, (3, 4), (1, 0))


@pytest.mark.parametrize("f,init,want", [
    (lax.add, 0.0, X.sum(0)), (operator.mul, 1.0, X.prod(0)), (lax.max, -np.inf, X.max(0)),
    (bnp.minimum, 2.0, np.minimum(X.min(0), 2.0)), (lambda a, b: a + b + 0 * b, 1.0, X.sum(0) + 1),
    (bnp.logaddexp, -np.inf, np.logaddexp.reduce(X, 0)),
])  # fmt: skip
def test_reduce(f, init, want):
    np.testing.assert_allclose(np.asarray(lax.reduce(bnp.array(X), init, f, (0,))), want)


def test_reductions_and_running():
    x = bnp.array(X)
    same(lax.reduce_sum(x, (0, 1)), 66.0)
    same(lax.reduce_max(x, (1,)), X.max(1))
    same(lax.cumsum(x, 1, reverse=True), X[:, ::-1].cumsum(1)[:, ::-1])
    same(lax.argmax(x, 1, bnp.int32), [3, 3, 3])
    assert lax.argmax(x, 1, bnp.int32).dtype == np.int32


def test_sorting():
    keys, values = bnp.array([3, 1, 2]), bnp.array([10, 20, 30])
    k, v = lax.sort_key_val(keys, values)
    same(k, [1, 2, 3])
    same(v, [20, 30, 10])
    top, where = lax.top_k(bnp.array(X), 2)
    same(top, X[:, :1:-1])
    same(where, [[3, 2]] * 3)


def test_contractions():
    x = bnp.array(X)
    same(lax.dot(x, x.T), X @ X.T)
    same(lax.dot_general(x, x, (((1,), (1,)), ((0,), (0,)))), (X * X).sum(1))
    same(lax.batch_matmul(x[:, None, :], x[:, :, None])[:, 0, 0], (X * X).sum(1))


def test_triangular_solve_sides():
    a = np.array([[2.0, 0.0], [1.0, 4.0]])
    b = np.array([[1.0, 2.0], [3.0, 4.0]])
    got = lax.linalg.triangular_solve(bnp.array(a), bnp.array(b), left_side=True, lower=True)
    np.testing.assert_allclose(np.asarray(got), np.linalg.solve(a, b))
    got = lax.linalg.triangular_solve(bnp.array(a), bnp.array(b), lower=True, transpose_a=True)
    np.testing.assert_allclose(np.asarray(got), b @ np.linalg.inv(a.T))
    lu, pivots, permutation = lax.linalg.lu(bnp.array(b))
    same(lax.linalg.lu_pivots_to_permutation(pivots, 2), np.asarray(permutation))


def test_stop_gradient_of_a_tree():
    f = lambda x: x * lax.stop_gradient({"a": x})["a"]  # noqa: E731
    assert float(bibun.grad(f)(3.0)) == 3.0
