"""The room of shapes, against NumPy: eager and compiled, values, errors, derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bibun
from bibun.compiler.jit import jit
from bibun.dtypes import KEY
from bibun.errors import DTypeError, ShapeError
from bibun.ops import shape as sh
from bibun.ops.reduce import reduce_sum
from bibun.ops.shape.layout import index_groups
from tests.ops.support import both, compiling, quick, random_array, raw, seeds, shapes

DTYPES = [np.float64, np.float32, np.int32, np.bool_, np.complex128]


@compiling
@given(st.permutations([1, 2, 3, 4, 1]), st.permutations([6, 1, 2, 2]), st.sampled_from(DTYPES))
def test_reshape(old: list[int], new: list[int], dtype: type) -> None:
    x = random_array(1, tuple(old), dtype)
    moved = x.transpose(tuple(reversed(range(x.ndim))))  # not contiguous: no mere view
    fun = lambda a: sh.reshape(  # noqa: E731
        sh.transpose(a, permutation=tuple(reversed(range(len(old))))), shape=tuple(new)
    )
    np.testing.assert_array_equal(both(fun, x)[0], moved.reshape(new))


def test_index_groups_are_the_finest_runs() -> None:
    assert index_groups((2, 3, 4), (6, 1, 2, 2)) == [([0, 1], [0]), ([2], [2, 3])]
    assert index_groups((1, 5), (5, 1, 1)) == [([1], [0])]
    assert index_groups((4, 6), (6, 4)) == [([0, 1], [0, 1])]


@compiling
@given(shapes, st.data())
def test_transpose_rev_broadcast(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = random_array(2, shape)
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    axes = tuple(k for k in range(len(shape)) if data.draw(st.booleans()))

    def fun(a: object) -> object:
        a = sh.rev(sh.transpose(a, permutation=order), axes=axes)
        return sh.broadcast_to(a, shape=(3, *a.shape))

    want = np.flip(x.transpose(order), axes)
    np.testing.assert_array_equal(both(fun, x)[0], np.broadcast_to(want, (3, *want.shape)))


@compiling
@given(shapes, st.data(), st.sampled_from(DTYPES))
def test_slice(shape: tuple[int, ...], data: st.DataObject, dtype: type) -> None:
    x = random_array(3, shape, dtype)
    starts = tuple(data.draw(st.integers(0, n)) for n in shape)
    limits = tuple(data.draw(st.integers(s, n)) for s, n in zip(starts, shape, strict=True))
    strides = tuple(data.draw(st.integers(1, 3)) for _ in shape)
    want = x[tuple(map(slice, starts, limits, strides))]
    fun = lambda a: sh.slice(a, starts=starts, limits=limits, strides=strides)  # noqa: E731
    np.testing.assert_array_equal(both(fun, x)[0], want)


@compiling
@given(shapes, st.data(), st.sampled_from(DTYPES))
def test_concatenate(shape: tuple[int, ...], data: st.DataObject, dtype: type) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    parts = []
    for seed in range(data.draw(st.integers(1, 3))):
        n = data.draw(st.integers(0, 10))
        parts.append(random_array(seed, (*shape[:axis], n, *shape[axis + 1 :]), dtype))
    fun = lambda *xs: sh.concatenate(*xs, axis=axis)  # noqa: E731
    np.testing.assert_array_equal(both(fun, *parts)[0], np.concatenate(parts, axis))


def padded(x: np.ndarray, value: float, config: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """lax.pad said plainly: spread out, then extended or cut, one axis after the other."""
    for axis, (lo, hi, interior) in enumerate(config):
        x = np.moveaxis(x, axis, 0)
        n = x.shape[0]
        wide = np.full((n + max(n - 1, 0) * interior, *x.shape[1:]), value, x.dtype)
        wide[:: interior + 1] = x
        wide = wide[max(-lo, 0) :] if lo < 0 else wide
        wide = wide[: len(wide) + hi] if hi < 0 else wide
        ends = [(max(lo, 0), max(hi, 0))] + [(0, 0)] * (x.ndim - 1)
        x = np.moveaxis(np.pad(wide, ends, constant_values=value), 0, axis)
    return x


@compiling
@given(shapes, st.data(), st.sampled_from(DTYPES))
def test_pad(shape: tuple[int, ...], data: st.DataObject, dtype: type) -> None:
    config = []
    for n in shape:
        interior = data.draw(st.integers(0, 2))
        wide = n + max(n - 1, 0) * interior
        lo = data.draw(st.integers(-(wide // 2), 3))
        hi = data.draw(st.integers(-(wide // 2), 9))
        config.append((lo, hi, interior))
    x, value = random_array(4, shape, dtype), np.dtype(dtype).type(1)
    fun = lambda a, v: sh.pad(a, v, config=tuple(config))  # noqa: E731
    np.testing.assert_array_equal(both(fun, x, value)[0], padded(x, value, tuple(config)))


def test_iota_and_keys() -> None:
    got = both(lambda: sh.iota(shape=(3, 20), dtype=np.dtype(np.float32), axis=1))[0]
    np.testing.assert_array_equal(got, np.broadcast_to(np.arange(20, dtype=np.float32), (3, 20)))
    keys = np.arange(6, dtype=np.uint32).view(KEY)
    fun = lambda k: sh.concatenate(sh.rev(k, axes=(0,)), k, axis=0)  # noqa: E731
    want = np.concatenate([keys[::-1], keys]).view(np.uint64)
    for got in (fun(keys), jit(fun)(keys)):
        np.testing.assert_array_equal(np.ascontiguousarray(raw(got)).view(np.uint64), want)


@quick
@given(shapes, seeds)
def test_sum_to_is_the_transpose_of_broadcasting(shape: tuple[int, ...], seed: int) -> None:
    ct = random_array(seed, (2, *shape))
    back = bibun.linear_transpose(
        lambda a: sh.broadcast_to(a, shape=(2, *shape)), np.zeros((1,) * len(shape))
    )(ct)[0]
    assert raw(back).shape == (1,) * len(shape)
    assert raw(back).sum() == ct.sum()


def test_padding_value_gets_only_what_is_padding() -> None:
    """inf where the operand shows must not reach the padding's cotangent."""
    ct = np.array([np.inf, 1.0, 2.0])
    _, pull = bibun.vjp(lambda a, v: sh.pad(a, v, config=((0, 2, 0),)), np.zeros(1), 0.0)
    got = pull(ct)
    assert raw(got[0]).tolist() == [np.inf] and raw(got[1]) == 3.0


def test_grad_through_a_chain_of_shapes() -> None:
    def f(x: object) -> object:
        y = sh.pad(sh.rev(x, axes=(0,)), 0.0, config=((1, 1, 1), (0, 0, 0)))
        y = sh.slice(sh.transpose(y, permutation=(1, 0)), starts=(0, 1), limits=(3, 6))
        return reduce_sum(y * y, axes=(0, 1))

    x = random_array(5, (3, 3))
    np.testing.assert_array_equal(raw(bibun.grad(f)(x)), 2 * x)
    np.testing.assert_array_equal(raw(jit(bibun.grad(f))(x)), 2 * x)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: sh.reshape(x, shape=(5,)), "6 elements of shape (2, 3) cannot take shape (5,)"),
        (lambda x: sh.broadcast_to(x, shape=(2, 4)), "(2, 3) cannot be broadcast to (2, 4)"),
        (lambda x: sh.squeeze(x, axes=(0,)), "not all of size 1"),
        (lambda x: sh.transpose(x, permutation=(0, 0)), "not a permutation"),
        (lambda x: sh.concatenate(x, np.zeros((2, 2)), axis=0), "differ outside axis 0"),
        (lambda x: sh.slice(x, starts=(0, 0), limits=(2, 4), strides=None), "limit <= size"),
        (lambda x: sh.rev(x, axes=(2,)), "[0, 2)"),
        (lambda x: sh.pad(x, 0.0, config=((0, 0, 0),)), "1 (low, high, interior) triples"),
        (lambda x: sh.expand_dims(x, axes=(4,)), "[0, 3)"),
    ],
)
def test_errors_say_what_is_wrong(call: object, says: str) -> None:
    x = np.zeros((2, 3))
    with pytest.raises(ShapeError) as eager:
        call(x)
    assert says in str(eager.value)
    with pytest.raises(ShapeError):
        jit(call)(x)


def test_operands_of_two_dtypes() -> None:
    with pytest.raises(DTypeError, match="one dtype"):
        sh.concatenate(np.zeros(2), np.zeros(2, np.float32), axis=0)
