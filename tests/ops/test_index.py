"""Indexing against NumPy: modes, duplicates, aliasing, batching, derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bibun
from bibun.compiler.jit import jit
from bibun.errors import DTypeError, ShapeError
from bibun.ops import index as ix
from bibun.ops.reduce import reduce_sum
from tests.ops.support import both, compiling, quick, random_array, raw, seeds

DTYPES = [np.float64, np.float32, np.int32, np.bool_, np.complex128]
CLIP = {"mode": "clip", "unique": False}
DROP = {"mode": "fill", "unique": False}


def places(seed: int, shape: tuple[int, ...], n: int, out: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(-out, n + out, shape)


@compiling
@given(seeds, st.sampled_from([(), (5,), (2, 9)]), st.integers(0, 2), st.sampled_from(DTYPES))
def test_gather_one_axis(seed: int, s: tuple[int, ...], axis: int, dtype: type) -> None:
    x = random_array(seed, (3, 9, 4), dtype)
    i = places(seed, s, x.shape[axis])
    want = np.moveaxis(np.take(x, i, axis, mode="clip"), tuple(range(axis, axis + len(s))),
                       tuple(range(len(s))))  # fmt: skip
    got = both(lambda a, j: ix.gather(a, j, axes=(axis,), mode="clip"), x, i)[0]
    np.testing.assert_array_equal(got, want)
    fill = {"f": np.nan, "c": np.nan, "i": np.iinfo(np.int32).min, "b": True}[x.dtype.kind]
    outside = (i < 0) | (i >= x.shape[axis])
    want = np.array(want)
    want[outside] = fill
    got = both(lambda a, j: ix.gather(a, j, axes=(axis,), mode="fill"), x, i)[0]
    np.testing.assert_array_equal(got, want)


@quick
@given(seeds)
def test_gather_several_axes(seed: int) -> None:
    x = random_array(seed, (3, 4, 5))
    i, k = places(seed, (2, 3), 3, 0), places(seed + 1, (2, 3), 5, 0)
    got = ix.gather(x, i, k, axes=(0, 2), mode="promise_in_bounds")
    np.testing.assert_array_equal(raw(got), x[i, :, k])


UFUNCS = {"scatter_add": np.add, "scatter_mul": np.multiply, "scatter_min": np.minimum,
          "scatter_max": np.maximum}  # fmt: skip


@compiling
@given(seeds, st.sampled_from(["scatter", *UFUNCS]), st.sampled_from(DTYPES), st.booleans())
def test_scatter(seed: int, name: str, dtype: type, drop: bool) -> None:
    """Duplicates and out-of-bounds indices included; the last update wins in `scatter`."""
    dtype = np.dtype(dtype)
    if dtype.kind in {"scatter": "", "scatter_add": "b", "scatter_mul": "b"}.get(name, "c"):
        dtype = np.dtype(np.float64)
    x, u = random_array(seed, (4, 9), dtype), random_array(seed + 1, (6, 9), dtype)
    i = places(seed, (6,), 4)
    want = x.copy()
    for row, j in zip(u, i, strict=True):
        if drop and not 0 <= j < 4:
            continue
        j = min(max(j, 0), 3)
        want[j] = row if name == "scatter" else UFUNCS[name](want[j], row)
    op, how = getattr(ix, name), DROP if drop else CLIP
    got = both(lambda a, v, j: op(a, v, j, axes=(0,), **how), x, u, i)[0]
    np.testing.assert_array_equal(got, want)
    # The same along the other axis.
    got = op(x.T.copy(), u, i, axes=(1,), **how)
    np.testing.assert_array_equal(raw(got), want.T)


@compiling
@given(seeds, st.tuples(st.integers(-3, 8), st.integers(-3, 12)), st.sampled_from(DTYPES))
def test_dynamic_slices(seed: int, starts: tuple[int, int], dtype: type) -> None:
    x, u = random_array(seed, (5, 17), dtype), random_array(seed + 1, (2, 9), dtype)
    a, b = min(max(starts[0], 0), 3), min(max(starts[1], 0), 8)
    i, j = (np.asarray(s) for s in starts)
    got = both(lambda x, i, j: ix.dynamic_slice(x, i, j, sizes=(2, 9)), x, i, j)[0]
    np.testing.assert_array_equal(got, x[a : a + 2, b : b + 9])
    want = x.copy()
    want[a : a + 2, b : b + 9] = u
    got = both(lambda x, u, i, j: ix.dynamic_update_slice(x, u, i, j), x, u, i, j)[0]
    np.testing.assert_array_equal(got, want)


def test_update_that_reads_what_it_overwrites() -> None:
    """The buffer of x is dead after the update, yet the update still reads from it."""

    def f(x: object) -> object:
        y = x + 1.0
        shifted = ix.dynamic_slice(y, 0, sizes=(20,))
        return ix.dynamic_update_slice(y, shifted * 2.0, 3)

    x = np.arange(30.0)
    want = x + 1
    want[3:23] = 2 * (x + 1)[:20]
    np.testing.assert_array_equal(both(f, x)[0], want)

    def g(x: object, i: object) -> object:
        y = x + 1.0
        return ix.scatter(y, ix.gather(y, i + 1, axes=(0,), mode="clip"), i, axes=(0,), **CLIP)

    i = np.arange(29)
    want = x + 1
    want[:29] = (x + 1)[1:]
    np.testing.assert_array_equal(both(g, x, i)[0], want)


def test_scatter_gradient_goes_to_the_winner_only() -> None:
    i = np.array([1, 1, 0, 1, 7])

    def f(x: object, u: object) -> object:
        out = ix.scatter(x, u, i, axes=(0,), **DROP)
        return reduce_sum(out * np.array([10.0, 20.0, 30.0]), axes=(0,))

    for grad in (bibun.grad(f, argnums=(0, 1)), jit(bibun.grad(f, argnums=(0, 1)))):
        gx, gu = grad(np.ones(3), np.ones(5))
        assert raw(gx).tolist() == [0, 0, 30]
        assert raw(gu).tolist() == [0, 0, 10, 20, 0]


def test_scatter_mul_with_several_zeros_at_one_place() -> None:
    """Second derivatives through products of zeros: no division hides them."""
    i = np.array([0, 0, 1, 0])

    def f(u: object) -> object:
        out = ix.scatter_mul(np.array([2.0, 3.0]), u, i, axes=(0,), **CLIP)
        return reduce_sum(out, axes=(0,))

    u = np.array([0.0, 0.0, 4.0, 5.0])
    assert raw(bibun.grad(f)(u)).tolist() == [0, 0, 3, 0]
    hessian = raw(bibun.hessian(f)(u))
    assert hessian[0, 1] == hessian[1, 0] == 10.0
    assert np.count_nonzero(hessian) == 2


def test_gathered_nan_of_fill_has_no_derivative() -> None:
    f = lambda x: reduce_sum(  # noqa: E731
        ix.gather(x, np.array([0, 5]), axes=(0,), mode="fill"), axes=(0,)
    )
    assert raw(bibun.grad(f)(np.ones(3))).tolist() == [1, 0, 0]


def test_python_int_start_under_jit() -> None:
    got = jit(lambda x: ix.dynamic_slice(x, 2, sizes=(3,)))(np.arange(6.0))
    assert raw(got).tolist() == [2, 3, 4]


def test_errors() -> None:
    x = np.zeros((2, 3))
    with pytest.raises(DTypeError, match="must be integers"):
        ix.gather(x, np.array([0.5]), axes=(0,), mode="clip")
    with pytest.raises(ShapeError, match="no elements to index"):
        ix.gather(np.zeros((0, 3)), np.array([0]), axes=(0,), mode="clip")
    with pytest.raises(ShapeError, match=r"updates must have shape \(4, 3\)"):
        ix.scatter_add(x, np.zeros((4, 2)), np.zeros(4, int), axes=(0,), **CLIP)
    with pytest.raises(ShapeError, match="does not fit"):
        ix.dynamic_slice(x, 0, 0, sizes=(3, 1))
