"""`reduce_window` and `reduce` against loops in NumPy."""

import itertools

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.testing import check_grads

X = np.random.default_rng(1).normal(size=(12, 9))
JOIN = {"add": (lax.add, 0.0, np.sum), "max": (lax.max, -np.inf, np.max),
        "min": (lax.min, np.inf, np.min), "mul": (lax.mul, 1.0, np.prod)}  # fmt: skip
BOXES = [
    ((2, 3), (1, 2), [(0, 0), (1, 1)], (1, 1), (1, 1)),
    ((9, 1), (2, 1), [(3, 4), (0, 0)], (1, 1), (1, 1)),
    ((7, 11), (1, 1), [(2, 0), (4, 6)], (1, 1), (1, 1)),
    ((3, 2), (2, 2), [(0, -1), (0, 0)], (2, 3), (1, 2)),
    ((1, 8), (3, 1), [(0, 0), (7, 7)], (1, 1), (1, 2)),
]


def loops(x, start, reduce, window, strides, pads, base, spread):
    wide = np.full([(n - 1) * d + 1 for n, d in zip(x.shape, base, strict=True)], start)
    wide[tuple(slice(None, None, d) for d in base)] = x
    for k, (low, high) in enumerate(pads):
        pad = [(0, 0)] * x.ndim
        pad[k] = (max(low, 0), max(high, 0))
        wide = np.pad(wide, pad, constant_values=start)
        wide = wide.take(range(max(-low, 0), wide.shape[k] - max(-high, 0)), axis=k)
    reach = [(w - 1) * d + 1 for w, d in zip(window, spread, strict=True)]
    out = np.empty([(n - r) // s + 1 for n, r, s in zip(wide.shape, reach, strides, strict=True)])
    for at in itertools.product(*map(range, out.shape)):
        out[at] = reduce(wide[tuple(slice(p * s, p * s + r, d) for p, s, r, d in
                                    zip(at, strides, reach, spread, strict=True))])  # fmt: skip
    return out


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("name", JOIN)
def test_boxes(name, box):
    computation, start, reduce = JOIN[name]

    def f(x):
        return lax.reduce_window(x, start, computation, *box)

    want = loops(X, start, reduce, *box)
    for run in (f, bibun.jit(f)):
        np.testing.assert_allclose(run(X), want, rtol=1e-12)
    both = np.stack([X, X[::-1]])
    np.testing.assert_allclose(bibun.vmap(f)(both)[1], f(X[::-1]), rtol=1e-12)
    if np.isfinite(want).all():
        check_grads(f, (X,), order=1)
    assert want.shape == lax.reduce_window_shape_tuple(X.shape, *box)


def test_a_function_of_ones_own_and_pytrees():
    def later(p, q):
        take = p[0] >= q[0]
        return lax.select(take, p[0], q[0]), lax.select(take, p[1], q[1])

    x = X[:, 0]
    at = lax.reduce_window((x, np.arange(12)), (-np.inf, -1), later, (9,), (2,))[1]
    np.testing.assert_array_equal(at, [k + np.argmax(x[k : k + 9]) for k in (0, 2)])
    with_if = lambda a, b: lax.cond(a > b, lambda: a, lambda: b)  # noqa: E731
    y = lax.reduce_window(x, -np.inf, with_if, (3,), (1,), "SAME")
    np.testing.assert_array_equal(y, loops(x, -np.inf, np.max, (3,), (1,), [(1, 1)], (1,), (1,)))
    best = lax.reduce((X, np.arange(108).reshape(12, 9)), (-np.inf, -1), later, (0,))[1]
    np.testing.assert_array_equal(best, np.argmax(X, 0) * 9 + np.arange(9))


def test_order_is_kept():
    """A product of 2 × 2 matrices, as scalars' pytrees, is associative and does not commute."""
    m = np.random.default_rng(3).normal(size=(11, 2, 2))

    def product(p, q):
        return tuple(sum(p[2 * i + k] * q[2 * k + j] for k in range(2))
                     for i in range(2) for j in range(2))  # fmt: skip

    parts = tuple(m[:, i, j] for i in range(2) for j in range(2))
    got = lax.reduce_window(parts, (1.0, 0.0, 0.0, 1.0), product, (7,), (1,))
    want = [np.linalg.multi_dot(m[k : k + 7]) for k in range(5)]
    np.testing.assert_allclose(np.stack(got, -1).reshape(5, 2, 2), want, rtol=1e-10)
    whole = lax.reduce(parts, (1.0, 0.0, 0.0, 1.0), product, (0,))
    np.testing.assert_allclose(np.stack(whole, -1).reshape(2, 2), np.linalg.multi_dot(m))


def test_the_derivative_of_a_maximum_goes_to_the_first_of_equals_and_nan_stays():
    x = bnp.array([[1.0, 3.0, 3.0], [3.0, 0.0, 2.0]])
    f = lambda a: lax.reduce_window(a, -np.inf, lax.max, (2, 3), (1, 1)).sum()  # noqa: E731
    np.testing.assert_array_equal(bibun.grad(f)(x), [[0, 1, 0], [0, 0, 0]])
    y = lax.reduce_window(np.array([1.0, np.nan, 0.0, 2.0]), -np.inf, lax.max, (2,), (1,))
    np.testing.assert_array_equal(y, [np.nan, np.nan, 2.0])


def test_integers_logic_and_errors():
    k = np.arange(6)
    np.testing.assert_array_equal(
        lax.reduce_window(k, np.iinfo(np.int64).min, lax.max, (2,), (2,)), [1, 3, 5])  # fmt: skip
    y = lax.reduce_window(k > 4, False, lax.bitwise_or, (3,), (1,), "SAME")
    np.testing.assert_array_equal(y, [False, False, False, False, True, True])
    assert lax.reduce_window(k, 0, lax.add, (7,)).shape == (0,)
    with pytest.raises(ShapeError, match="window_dimensions must have 1"):
        lax.reduce_window(k, 0, lax.add, (2, 2))
    with pytest.raises(ValueError, match="as many init_values"):
        lax.reduce_window((k, k), 0, lax.add, (2,))
    with pytest.raises(ShapeError, match="must return scalars"):
        lax.reduce_window(k, 0, lambda a, b: (a, b), (2,))
