"""Checks: the same exception, with index, axis, size and the user's line, everywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import bibun
from bibun.compiler.jit import jit
from bibun.errors import DTypeError, IndexOutOfBoundsError, NotPositiveDefiniteError
from bibun.ops.check import check_index, check_true, masked

WRAPS = [lambda f: f, jit]


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize(
    ("i", "bad"),
    [(np.int64(7), 7), (np.array([0, 4, -1, 9]), -1), (np.arange(100, dtype=np.int32), 5),
     (np.array([[3, 2**64 - 1]], np.uint64), None)],
)  # fmt: skip
def test_index_out_of_bounds(wrap: Callable, i: np.ndarray, bad: int | None) -> None:
    def f(i: object) -> object:
        check_index(i, axis=0, size=5, what="index")
        return i + 0

    with pytest.raises(IndexOutOfBoundsError) as failure:
        wrap(f)(i)
    message = str(failure.value)
    if bad is not None:
        assert f"index {bad} is out of bounds for axis 0 with size 5" in message
    assert 'check_index(i, axis=0, size=5, what="index")' in message  # the source line
    assert "test_check.py" in message
    assert isinstance(failure.value, IndexError)


@pytest.mark.parametrize("wrap", WRAPS)
def test_in_bounds_is_silent(wrap: Callable) -> None:
    def f(i: object) -> object:
        check_index(i, axis=1, size=5, what="index")
        check_index(i - 5, axis=1, size=5, what="index", wraps=True)
        return i

    wrap(f)(np.arange(5))
    with pytest.raises(IndexOutOfBoundsError, match="-6"):
        wrap(lambda i: check_index(i, axis=0, size=5, what="index", wraps=True) or i)(
            np.array([0, -6])
        )


@pytest.mark.parametrize("wrap", WRAPS)
def test_payload_is_that_of_the_first_failure(wrap: Callable) -> None:
    def f(x: object) -> object:
        check_true(
            x < 3.0, x, 3.0, error="not_positive_definite", message="value {} is not below {}"
        )
        return x

    with pytest.raises(NotPositiveDefiniteError, match=r"value 4\.5 is not below 3\.0"):
        wrap(f)(np.array([1.0, 4.5, 9.0]))


@pytest.mark.parametrize("wrap", WRAPS)
def test_only_active_lanes_are_checked(wrap: Callable) -> None:
    def f(i: object, mask: object) -> object:
        args, params = masked(check_index, [i], {"axis": 0, "size": 5, "what": "index"}, mask)
        args, params = masked(check_index, args, params, np.array([True, True, False]))
        check_index(*args, **params)
        return i

    i = np.array([9, 3, 8])
    wrap(f)(i, np.array([False, True, True]))
    with pytest.raises(IndexOutOfBoundsError, match="index 9"):
        wrap(f)(i, np.array([True, True, True]))


@pytest.mark.parametrize("wrap", WRAPS)
def test_under_vmap_and_grad(wrap: Callable) -> None:
    def f(x: object, i: object) -> object:
        check_index(i, axis=0, size=5, what="index")
        return x * x

    mapped = wrap(bibun.vmap(bibun.grad(f), (0, 0)))
    got = mapped(np.arange(3.0), np.array([0, 4, 1]))
    np.testing.assert_array_equal(got._value, 2 * np.arange(3.0))
    with pytest.raises(IndexOutOfBoundsError, match="index 6"):
        mapped(np.arange(3.0), np.array([0, 6, 1]))


def test_errors_of_the_checks_themselves() -> None:
    with pytest.raises(DTypeError, match="must be an integer"):
        jit(lambda x: check_index(x, axis=0, size=5, what="index") or x)(1.5)
    with pytest.raises(ValueError, match="error must be one of"):
        jit(lambda x: check_true(x > 0, error="nonsense", message="") or x)(1.5)
