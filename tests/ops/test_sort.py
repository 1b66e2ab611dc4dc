"""Sorting against NumPy: stability, nan, several keys; the native merge sort alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bibun
from bibun.compiler.jit import jit
from bibun.errors import DTypeError, ShapeError
from bibun.ops.reduce import reduce_sum
from bibun.ops.sort import sort, top_k
from tests.ops.support import both, compiling, random_array, raw, seeds, shapes

DTYPES = [np.float64, np.float32, np.int32, np.uint8, np.bool_]


@compiling
@given(shapes, seeds, st.data(), st.sampled_from(DTYPES))
def test_one_operand(shape: tuple[int, ...], seed: int, data: st.DataObject, dtype: type) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = random_array(seed, shape, dtype)
    if np.dtype(dtype).kind == "f" and x.size:
        x.flat[:: 1 + seed % 5] = np.nan
        x.flat[:: 3 + seed % 5] = -np.inf
    got = both(lambda a: sort(a, axis=axis, num_keys=1, stable=True), x)[0]
    np.testing.assert_array_equal(got, np.sort(x, axis))


@compiling
@given(shapes, seeds, st.data(), st.integers(1, 2))
def test_payload_keeps_the_order_of_ties(
    shape: tuple[int, ...], seed: int, data: st.DataObject, num_keys: int
) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    keys = [random_array(seed, shape), random_array(seed + 1, shape, np.int32)]
    places = np.broadcast_to(
        np.arange(shape[axis]).reshape([-1 if k == axis else 1 for k in range(len(shape))]), shape
    ).copy()
    order = (
        np.argsort(keys[0], axis, kind="stable") if num_keys == 1 else np.lexsort(keys[::-1], axis)
    )
    outs = both(
        lambda *xs: sort(*xs, axis=axis, num_keys=num_keys, stable=True), *keys, places
    )
    for got, x in zip(outs, [*keys, places], strict=True):
        np.testing.assert_array_equal(got, np.take_along_axis(x, order, axis))


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1000])
def test_native_sort_of_any_length(n: int) -> None:
    x = np.random.default_rng(n).standard_normal(n)
    got = jit(lambda a: sort(a, axis=0, num_keys=1, stable=True))(x)[0]
    np.testing.assert_array_equal(raw(got), np.sort(x))


def test_complex_order_is_numpys() -> None:
    nan = np.nan
    x = np.array([1 + 2j, complex(nan, 1), 1 + 1j, complex(0, nan), complex(nan, nan), -1j,
                  complex(1, nan), complex(nan, 0)])  # fmt: skip
    got = both(lambda a: sort(a, axis=0, num_keys=1, stable=True), x)[0]
    np.testing.assert_array_equal(got, np.sort(x))


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_gradient_follows_the_permutation(wrap: object) -> None:
    weights = np.array([1.0, 10.0, 100.0])

    def f(x: object) -> object:
        return reduce_sum(sort(x, axis=0, num_keys=1, stable=True)[0] * weights, axes=(0,))

    assert raw(wrap(bibun.grad(f))(np.array([3.0, 1.0, 2.0]))).tolist() == [100, 1, 10]


@compiling
@given(seeds, st.integers(0, 9))
def test_top_k(seed: int, k: int) -> None:
    x = random_array(seed, (2, 9))
    values, indices = both(lambda a: top_k(a, k), x)
    order = np.argsort(-x, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, 1))


def test_errors() -> None:
    with pytest.raises(ShapeError, match="one shape"):
        sort(np.zeros(3), np.zeros(4), axis=0, num_keys=1, stable=True)
    with pytest.raises(ShapeError, match="num_keys"):
        sort(np.zeros(3), axis=0, num_keys=2, stable=True)
    with pytest.raises(ShapeError, match="k=5"):
        top_k(np.zeros(3), 5)
    from bibun.dtypes import KEY

    with pytest.raises(DTypeError, match="no order"):
        sort(np.zeros(3, KEY), axis=0, num_keys=1, stable=True)
