"""`dot_general` against einsum: every layout, batch axes, small loops and BLAS."""

from __future__ import annotations

import itertools
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bibun
import bibun.numpy as bnp
from bibun.compiler.jit import jit
from bibun.config import config
from bibun.errors import DTypeError, ShapeError
from bibun.ops.dot import dot_general, free_axes
from bibun.ops.reduce import reduce_sum
from tests.ops.support import both, compiling, random_array, raw, seeds


def by_einsum(x: np.ndarray, y: np.ndarray, numbers: tuple) -> np.ndarray:
    (lc, rc), (lb, rb) = numbers
    left = list(string.ascii_lowercase[: x.ndim])
    right = list(string.ascii_uppercase[: y.ndim])
    for a, b in (*zip(lc, rc, strict=True), *zip(lb, rb, strict=True)):
        right[b] = left[a]
    out = [left[a] for a in lb] + [left[a] for a in free_axes(x.ndim, lc, lb)]
    out += [right[a] for a in free_axes(y.ndim, rc, rb)]
    return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", x, y)


DTYPES = [np.float64, np.float32, np.int32, np.complex128, np.complex64]


@compiling
@given(
    st.permutations(range(4)), st.permutations(range(4)), seeds,
    st.sampled_from([2, 7]), st.sampled_from(DTYPES),
)  # fmt: skip
def test_every_layout(p: list[int], q: list[int], seed: int, n: int, dtype: type) -> None:
    """One batch axis, two contracted, one free on each side, in any order; whole numbers,
    so that loops, BLAS and einsum agree exactly."""
    sizes = {"b": 2, "k": n, "l": 3, "m": n + 2, "n": 2 * n}
    x_axes = [("b", "k", "l", "m")[a] for a in p]
    y_axes = [("b", "k", "l", "n")[a] for a in q]
    x = random_array(seed, tuple(sizes[a] for a in x_axes), dtype)
    y = random_array(seed + 1, tuple(sizes[a] for a in y_axes), dtype)
    numbers = (
        (tuple(x_axes.index(a) for a in "kl"), tuple(y_axes.index(a) for a in "kl")),
        ((x_axes.index("b"),), (y_axes.index("b"),)),
    )
    got = both(lambda a, b: dot_general(a, b, dimension_numbers=numbers), x, y)[0]
    np.testing.assert_array_equal(got, by_einsum(x, y, numbers))


@pytest.mark.parametrize(
    ("m", "k", "n"),
    [(1, 1, 1), (3, 1, 20), (2, 3, 20), (2, 20, 19), (1, 30, 17), (40, 60, 1), (1, 60, 40),
     (1, 3000, 1), (20, 20, 20), (50, 1, 60)],
)  # fmt: skip
@pytest.mark.parametrize("transposed", list(itertools.product([False, True], repeat=2)))
def test_matrix_products(m: int, k: int, n: int, transposed: tuple[bool, bool]) -> None:
    x = random_array(1, (k, m) if transposed[0] else (m, k))
    y = random_array(2, (n, k) if transposed[1] else (k, n))
    numbers = (((0 if transposed[0] else 1,), (1 if transposed[1] else 0,)), ((), ()))
    got = both(lambda a, b: dot_general(a, b, dimension_numbers=numbers), x, y)[0]
    np.testing.assert_array_equal(got, by_einsum(x, y, numbers))


@pytest.mark.parametrize(
    ("xs", "ys", "numbers"),
    [
        ((60,), (60,), (((0,), (0,)), ((), ()))),
        ((3000,), (3000,), (((0,), (0,)), ((), ()))),
        ((60, 50), (60,), (((0,), (0,)), ((), ()))),
        ((4, 30, 20), (4, 20), (((2,), (1,)), ((0,), (0,)))),
        ((30, 4, 20), (4, 20), (((2,), (1,)), ((1,), (0,)))),
        ((5, 6), (7,), (((), ()), ((), ()))),
        ((3, 4, 5), (3, 4, 5), (((1,), (1,)), ((0, 2), (0, 2)))),
    ],
)
def test_vectors_batches_outer_products(xs: tuple, ys: tuple, numbers: tuple) -> None:
    x, y = random_array(1, xs), random_array(2, ys)
    got = both(lambda a, b: dot_general(a, b, dimension_numbers=numbers), x, y)[0]
    np.testing.assert_array_equal(got, by_einsum(x, y, numbers))


PLAIN = (((1,), (0,)), ((), ()))


def test_booleans_and_wide_sums_of_narrow_integers() -> None:
    x, y = random_array(1, (3, 9), np.bool_), random_array(2, (9, 10), np.bool_)
    got = both(lambda a, b: dot_general(a, b, dimension_numbers=PLAIN), x, y)[0]
    np.testing.assert_array_equal(got, x @ y)
    x, y = np.full((2, 300), 100, np.int8), np.full((300, 3), 100, np.int8)
    wide = np.dtype(np.int32)
    got = both(
        lambda a, b: dot_general(a, b, dimension_numbers=PLAIN, preferred_element_type=wide), x, y
    )[0]
    assert got.dtype == np.int32 and (got == 3_000_000).all()


def test_empty_contraction_is_zero() -> None:
    got = both(
        lambda a, b: dot_general(a, b, dimension_numbers=PLAIN), np.zeros((2, 0)), np.zeros((0, 9))
    )[0]
    np.testing.assert_array_equal(got, np.zeros((2, 9)))


def test_gradient_of_a_quadratic_form() -> None:
    a, x = random_array(1, (60, 60)), random_array(2, (60,))

    def f(a: object, x: object) -> object:
        ax = dot_general(a, x, dimension_numbers=PLAIN)
        return dot_general(x, ax, dimension_numbers=(((0,), (0,)), ((), ())))

    for grad in (bibun.grad(f, argnums=(0, 1)), jit(bibun.grad(f, argnums=(0, 1)))):
        ga, gx = grad(a, x)
        np.testing.assert_array_equal(raw(ga), np.outer(x, x))
        np.testing.assert_array_equal(raw(gx), (a + a.T) @ x)


def test_lazy_operands_reach_blas() -> None:
    x, y = random_array(1, (40, 50)), random_array(2, (50, 30))
    got = jit(
        lambda a, b: reduce_sum(dot_general(a + 1.0, b * 2.0, dimension_numbers=PLAIN), axes=(0,))
    )(x, y)
    np.testing.assert_array_equal(raw(got), ((x + 1) @ (2 * y)).sum(0))


def test_errors() -> None:
    with pytest.raises(ShapeError, match="sizes .3,. and .4,., which must be equal"):
        dot_general(np.zeros((2, 3)), np.zeros((4, 2)), dimension_numbers=PLAIN)
    with pytest.raises(DTypeError, match="one dtype"):
        dot_general(np.zeros((2, 3)), np.zeros((3, 2), np.float32), dimension_numbers=PLAIN)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_a_matrix_times_its_own_transpose(axis, dtype):
    x = np.random.default_rng(0).normal(size=(3, 50, 40)).astype(dtype) + dtype(0.5)
    numbers = (((axis + 1,), (axis + 1,)), ((0,), (0,)))
    got = np.asarray(jit(lambda x: dot_general(x, x, dimension_numbers=numbers))(x))
    want = np.swapaxes(x, 1, 2) @ x if axis == 0 else x @ np.swapaxes(x, 1, 2)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    np.testing.assert_array_equal(got, np.swapaxes(got, 1, 2))


def test_transposed_operands_are_not_moved():
    x, y = np.arange(600.0).reshape(20, 30), np.arange(200.0).reshape(20, 10)
    f = jit(lambda x, y: bnp.matmul(x.T, y) + bnp.matmul(y.T, x).T)
    assert f.lower(x, y).as_text("ir").count("transpose") == 1  # the result's
    np.testing.assert_allclose(np.asarray(f(x, y)), 2 * x.T @ y)


def test_a_product_without_a_sum_is_a_multiplication():
    x, y = np.arange(20.0), np.arange(30.0)
    f = jit(lambda x, y: bnp.sum(bnp.outer(x, y) ** 2))
    assert "dot_general" not in f.lower(x, y).as_text("ir")
    np.testing.assert_allclose(float(f(x, y)), (np.outer(x, y) ** 2).sum())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(1400, 400, 41), (37, 700, 1200), (512, 128, 512)])
@pytest.mark.parametrize("flipped", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_products_in_pieces_do_not_depend_on_threads(dtype, shape, flipped):
    m, k, n = shape
    rng = np.random.default_rng(m)
    x = rng.normal(size=(k, m) if flipped[0] else (m, k)).astype(dtype)
    y = rng.normal(size=(n, k) if flipped[1] else (k, n)).astype(dtype)

    @bibun.jit
    def f(x, y):
        return (x.T if flipped[0] else x) @ (y.T if flipped[1] else y)

    assert "bibun.fork" in f.lower(x, y).as_text()
    outs = []
    for threads in (1, 2, 5):
        with config.using(num_threads=threads):
            outs.append(np.asarray(f(x, y)))
    tight = {"rtol": 1e-3, "atol": 1e-3} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(outs[0], np.asarray(f.fun(x, y)), **tight)
    for out in outs[1:]:
        np.testing.assert_array_equal(out, outs[0])


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.float32, np.complex64])
@pytest.mark.parametrize("n", range(1, 17))
def test_tiny_inner_products_spread_again(n: int, dtype: type) -> None:
    """Of every width and kind of lanes: integers are added in other pairs than floats (`fold`)."""
    x = (np.arange(n) % 5 - 1).astype(dtype)
    numbers = (((0,), (0,)), ((), ()))

    def f(v):
        return dot_general(v, v, dimension_numbers=numbers) * bnp.ones(n, dtype=dtype)

    np.testing.assert_array_equal(jit(f)(bnp.asarray(x)), np.full(n, np.dot(x, x), dtype))
