"""What the tests of the rooms share: random arrays, and eager and compiled calls in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bibun.array import Array
from bibun.compiler.jit import jit

quick = settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
compiling = settings(quick, max_examples=12)

sizes = st.sampled_from([0, 1, 2, 3, 7, 8, 9, 17])
shapes = st.lists(sizes, min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**31)


def raw(x: Any) -> np.ndarray:
    return x._value if isinstance(x, Array) else np.asarray(x)


def random_array(seed: int, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """Small whole numbers, so that sums and products are exact in any order."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    a = rng.integers(0 if dtype.kind == "u" else -4, 5, shape).astype(dtype)
    return a + 1j * rng.integers(-4, 5, shape).astype(dtype) if dtype.kind == "c" else a


def both(fun: Callable[..., Any], *args: Any) -> list[np.ndarray]:
    """The value eager and compiled, which must be equal bit for bit; returns it."""
    eager, compiled = fun(*args), jit(fun)(*args)
    if not isinstance(eager, list | tuple):
        eager, compiled = [eager], [compiled]
    for a, c in zip(eager, compiled, strict=True):
        assert raw(a).dtype == raw(c).dtype
        np.testing.assert_array_equal(raw(c), raw(a))
    return [raw(a) for a in eager]
