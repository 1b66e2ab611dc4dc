"""check_grads accepts right derivatives and refuses wrong ones, in each mode."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.testing import check_grads, check_jvp, check_vjp


def test_right_derivatives_pass() -> None:
    x = np.array([0.3, -1.2, 2.0])
    check_grads(lambda x, y: {"a": bnp.sin(x) * y, "b": bnp.sum(x * x)}, (x, 0.7), order=3)
    check_grads(lambda z: z * z, (np.array([1 + 2j, -0.5j]),), order=2)
    check_grads(bnp.exp, (np.float32(0.5),), order=1)


@bibun.custom_jvp
def wrong_forward(x):
    return bnp.sin(x)


wrong_forward.defjvp(lambda p, t: (bnp.sin(p[0]), 1.01 * bnp.cos(p[0]) * t[0]))


@bibun.custom_vjp
def wrong_reverse(x):
    return bnp.sin(x)


wrong_reverse.defvjp(lambda x: (bnp.sin(x), x), lambda x, u: (1.01 * bnp.cos(x) * u,))


def test_wrong_derivatives_do_not() -> None:
    for check in (check_jvp, check_vjp):
        with pytest.raises(AssertionError):
            check(wrong_forward, (0.4,))
    with pytest.raises(AssertionError, match="reverse mode"):
        check_grads(wrong_reverse, (0.4,), order=1, modes=("rev",))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="modes"):
        check_grads(bnp.sin, (1.0,), modes=("forward",))
    with pytest.raises(TypeError, match="nothing to differentiate"):
        check_grads(bnp.sin, (np.arange(3),))
    with pytest.raises(ValueError, match="order must be at least 1"):
        check_grads(bnp.sin, (1.0,), order=0)


def test_a_tolerance_of_zero_is_one() -> None:
    """A difference is never exact, so nothing passes."""
    for check in (check_jvp, check_vjp):
        with pytest.raises(AssertionError):
            check(bnp.sin, (0.4,), atol=0.0, rtol=0.0)


def test_what_has_no_derivative_is_left_alone() -> None:
    def f(x, n, flags):
        return {"y": bnp.where(flags, x**n, bnp.sin(x)), "count": n, "big": x > 1.0}

    check_grads(f, (np.array([0.5, 1.5]), 3, np.array([True, False])), order=2)
    with pytest.raises(AssertionError):
        check_jvp(lambda x, n: wrong_forward(x) * n, (0.4, 2))
