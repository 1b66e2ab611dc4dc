"""What the soak found, made small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp

WAYS: dict[str, Callable[[Any], Any]] = {
    "eager": lambda f: f,
    "jit": bibun.jit,
    "vmap": bibun.vmap,
    "jit of vmap": lambda f: bibun.jit(bibun.vmap(f)),
    "checkpoint": bibun.checkpoint,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("array", [np.asarray, bnp.asarray])
def test_a_choice_between_python_numbers_is_weak_in_every_way(way: str, array: Any) -> None:
    """seed 7011101: eager vmap made float64 of it."""

    def f(x):
        chosen = bnp.where(x != x, 1.5, -2)
        return bnp.where(chosen < x, chosen, x)

    out = WAYS[way](f)(array(np.ones((3, 2), np.float32)))
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, -2)


def test_captured_arrays_of_any_layout() -> None:
    """seed 7120311: the native entry was handed the addresses of strided captures."""
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(16, 6))
    for captured in (np.asfortranarray(wide), wide[::2, ::3], wide[::-1], wide.T[1:]):
        k = bnp.asarray(captured)
        f = bibun.jit(lambda x: k * x)  # noqa: B023
        for _ in range(3):
            np.testing.assert_array_equal(f(2.0), captured * 2.0)
