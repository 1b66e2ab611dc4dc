"""Running combinations against NumPy, and their derivatives at hard places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bibun
from bibun.compiler.jit import jit
from bibun.errors import DTypeError
from bibun.ops import cumulative as c
from bibun.ops.shape import iota
from tests.ops.support import both, compiling, random_array, raw, seeds, shapes

REFERENCE = {"cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum}


@compiling
@given(
    shapes, seeds, st.data(), st.sampled_from(sorted(REFERENCE)), st.booleans(),
    st.sampled_from([np.float64, np.float32, np.int32]),
)  # fmt: skip
def test_values(
    shape: tuple[int, ...], seed: int, data: st.DataObject, name: str, reverse: bool, dtype: type
) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = random_array(seed, shape, dtype)
    if name == "cumprod":
        x = np.sign(x) + (x == 0)
    flip = (lambda a: np.flip(a, axis)) if reverse else (lambda a: a)
    want = flip(REFERENCE[name].accumulate(flip(x), axis=axis, dtype=dtype))
    got = both(lambda a: getattr(c, name)(a, axis=axis, reverse=reverse), x)[0]
    np.testing.assert_array_equal(got, want)


def test_lanes_that_start_out_equal() -> None:
    """The running value is a scalar at first and differs between lanes later."""
    fun = lambda: c.cumsum(  # noqa: E731
        iota(shape=(5, 20), dtype=np.dtype(np.int64), axis=0)
        * iota(shape=(5, 20), dtype=np.dtype(np.int64), axis=1),
        axis=0, reverse=False,
    )  # fmt: skip
    want = np.cumsum(np.arange(5)[:, None] * np.arange(20), axis=0)
    np.testing.assert_array_equal(raw(jit(fun)()), want)


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_cumlogsumexp_is_stable(wrap: object) -> None:
    x = np.array([-np.inf, -2000.0, 0.0, 1000.0, 1000.0, -np.inf])
    f = lambda a: c.cumlogsumexp(a, axis=0, reverse=False)  # noqa: E731
    want = [-np.inf, -2000, 0, 1000, 1000 + np.log(2), 1000 + np.log(2)]
    np.testing.assert_allclose(raw(wrap(f)(x)), want, rtol=1e-15)
    jacobian = raw(wrap(bibun.jacrev(f))(x))
    np.testing.assert_allclose(jacobian[1:].sum(1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(jacobian[5], [0, 0, 0, 0.5, 0.5, 0], atol=1e-15)
    assert jacobian[1, 1] == 1.0


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_cumprod_derivative_at_zeros(wrap: object) -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0, 4.0])
    for reverse in (False, True):
        f = lambda a, reverse=reverse: c.cumprod(a, axis=0, reverse=reverse)  # noqa: E731
        want = np.zeros((5, 5))
        for i in range(5):
            window = range(i, 5) if reverse else range(i + 1)
            for j in window:
                want[i, j] = np.prod([x[k] for k in window if k != j])
        for jacobian in (bibun.jacrev(f), bibun.jacfwd(f)):
            np.testing.assert_array_equal(raw(wrap(jacobian)(x)), want)


def test_cummax_looks_back_to_where_it_was_attained() -> None:
    x = np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    jacobian = raw(bibun.jacrev(lambda a: c.cummax(a, axis=0, reverse=False))(x))
    np.testing.assert_array_equal(jacobian.argmax(1), [0, 1, 1, 3, 3])
    np.testing.assert_array_equal(jacobian.sum(1), 1)
    jacobian = raw(bibun.jacrev(lambda a: c.cummin(a, axis=0, reverse=True))(x))
    np.testing.assert_array_equal(jacobian.argmax(1), [0, 2, 2, 4, 4])


def test_errors() -> None:
    with pytest.raises(DTypeError, match="convert booleans first"):
        c.cumsum(np.ones(3, bool), axis=0, reverse=False)
    with pytest.raises(DTypeError, match="floats"):
        c.cumlogsumexp(np.ones(3, int), axis=0, reverse=False)
