"""Reductions against NumPy, eager and compiled, over every choice of axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bibun
from bibun.compiler.jit import jit
from bibun.errors import DTypeError, ShapeError
from bibun.ops import reduce as r
from tests.ops.support import both, compiling, random_array, raw, shapes

NUMBERS = [np.float64, np.float32, np.int32, np.uint8, np.complex128]


def axes_of(data: st.DataObject, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(k for k in range(len(shape)) if data.draw(st.booleans()))


@compiling
@given(shapes, st.data(), st.sampled_from(NUMBERS))
def test_sum_and_product(shape: tuple[int, ...], data: st.DataObject, dtype: type) -> None:
    x, axes = random_array(1, shape, dtype), axes_of(data, shape)
    got = both(lambda a: r.reduce_sum(a, axes=axes), x)[0]
    np.testing.assert_array_equal(got, np.sum(x, axis=axes, dtype=dtype))
    ones = np.sign(x).astype(dtype) if np.dtype(dtype).kind != "c" else np.ones_like(x)
    got = both(lambda a: r.reduce_prod(a, axes=axes), ones)[0]
    np.testing.assert_array_equal(got, np.prod(ones, axis=axes, dtype=dtype))


@compiling
@given(shapes.filter(lambda s: 0 not in s), st.data(), st.sampled_from(NUMBERS[:4] + [np.bool_]))
def test_extremes(shape: tuple[int, ...], data: st.DataObject, dtype: type) -> None:
    x, axes = random_array(2, shape, dtype), axes_of(data, shape)
    if dtype == np.float64 and data.draw(st.booleans()):
        x.flat[data.draw(st.integers(0, x.size - 1))] = np.nan
    for op, ref in ((r.reduce_max, np.max), (r.reduce_min, np.min)):
        got = both(lambda a, op=op: op(a, axes=axes), x)[0]
        np.testing.assert_array_equal(got, ref(x, axis=axes))
    axis = data.draw(st.integers(0, len(shape) - 1))
    for op, ref in ((r.argmax, np.argmax), (r.argmin, np.argmin)):
        got = both(lambda a, op=op: op(a, axes=(axis,), index_dtype=np.dtype(np.int64)), x)[0]
        np.testing.assert_array_equal(got, ref(x, axis=axis))


@compiling
@given(shapes, st.data(), st.sampled_from([np.bool_, np.int32, np.uint8]))
def test_logic(shape: tuple[int, ...], data: st.DataObject, dtype: type) -> None:
    x, axes = random_array(3, shape, dtype), axes_of(data, shape)
    for op, ref in (
        (r.reduce_and, np.bitwise_and), (r.reduce_or, np.bitwise_or), (r.reduce_xor, np.bitwise_xor)
    ):  # fmt: skip
        got = both(lambda a, op=op: op(a, axes=axes), x)[0]
        np.testing.assert_array_equal(got, ref.reduce(x, axis=axes) if axes else x)


def test_neutral_elements_over_nothing() -> None:
    empty = np.zeros((2, 0))
    assert both(lambda a: r.reduce_max(a, axes=(1,)), empty)[0].tolist() == [-np.inf, -np.inf]
    assert both(lambda a: r.reduce_min(a, axes=(1,)), empty)[0].tolist() == [np.inf, np.inf]
    assert both(lambda a: r.reduce_prod(a, axes=(1,)), empty)[0].tolist() == [1.0, 1.0]
    lowest = both(lambda a: r.reduce_max(a, axes=(0,)), np.zeros(0, np.int8))[0]
    assert lowest == -128 and lowest.dtype == np.int8


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_gradient_of_product_with_zeros(wrap: Callable) -> None:
    grad = wrap(bibun.grad(lambda a: r.reduce_prod(a, axes=(0,))))
    assert raw(grad(np.array([2.0, 0.0, 5.0]))).tolist() == [0.0, 10.0, 0.0]
    assert raw(grad(np.array([0.0, 0.0, 5.0]))).tolist() == [0.0, 0.0, 0.0]
    hessian = bibun.hessian(lambda a: r.reduce_prod(a, axes=(0,)))(np.array([0.0, 0.0, 5.0]))
    np.testing.assert_array_equal(raw(hessian), [[0, 5, 0], [5, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_gradient_of_max_is_shared_by_ties(wrap: Callable) -> None:
    grad = wrap(bibun.grad(lambda a: r.reduce_max(a, axes=(0, 1))))
    np.testing.assert_array_equal(
        raw(grad(np.array([[1.0, 3.0], [3.0, 0.0]]))), [[0, 0.5], [0.5, 0]]
    )


def test_long_sums_are_as_accurate_as_pairwise() -> None:
    x = np.full(100_003, 0.1)
    exact = 10000.3
    for got in (r.reduce_sum(x, axes=(0,)), jit(lambda a: r.reduce_sum(a, axes=(0,)))(x)):
        assert abs(float(raw(got)) - exact) < 1e-7


def test_errors() -> None:
    with pytest.raises(DTypeError, match="convert booleans first"):
        r.reduce_sum(np.ones(3, bool), axes=(0,))
    with pytest.raises(DTypeError, match="ordered"):
        r.reduce_max(np.ones(3, complex), axes=(0,))
    with pytest.raises(ShapeError, match=r"\[0, 1\)"):
        r.reduce_sum(np.ones(3), axes=(1,))
    with pytest.raises(ShapeError, match="no elements"):
        r.argmax(np.ones((2, 0)), axes=(1,), index_dtype=np.dtype(np.int64))
