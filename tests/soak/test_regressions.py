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


SPECIAL = [0.0, -0.0, np.nan, 1.0, -1.0, np.inf, -np.inf]
A, B = (np.array(x) for x in zip(*[(a, b) for a in SPECIAL for b in SPECIAL], strict=True))
PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "maximum": bnp.maximum,
    "minimum": bnp.minimum,
    "fmax": bnp.fmax,
    "fmin": bnp.fmin,
    "clip": lambda a, b: bnp.clip(a, b, 1.0),
    "max": lambda a, b: bnp.stack([a, b], 1).max(1),
    "min": lambda a, b: bnp.stack([a, b]).min(0),
    "cummax": lambda a, b: bibun.lax.cummax(bnp.stack([a, b], 1), axis=1),
    "argmax": lambda a, b: bnp.stack([a, b], 1).argmax(1),
    "argmin": lambda a, b: bnp.stack([a, b], 1).argmin(1),
    "sort": lambda a, b: bnp.sort(bnp.stack([a, b], 1), axis=1),
    "argsort": lambda a, b: bnp.argsort(a),
    "top_k": lambda a, b: bibun.lax.top_k(bnp.stack([a, b], 1), 1)[0],
    "searchsorted": lambda a, b: bnp.searchsorted(bnp.sort(a), b),
    "sum": lambda a, b: bnp.stack([a, b], 1).sum(1),
    "remainder": lambda a, b: a % b,
    "fmod": bnp.fmod,
    "copysign": bnp.copysign,
    "sign": lambda a, b: bnp.sign(a),
    "zero plus": lambda a, b: 0.0 + a,
    "zero minus": lambda a, b: 0.0 - a,
    "times": lambda a, b: a * b,
}
# Which of 0.0 and -0.0 is the larger NumPy leaves to the processor.
EITHER_ZERO = {"maximum", "minimum", "fmax", "fmin", "clip", "max", "min", "cummax"}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_nan_infinities_and_signed_zeros(name: str, dtype: str) -> None:
    a, b = A.astype(dtype), B.astype(dtype)
    with np.errstate(all="ignore"):
        want = np.asarray(PAIRS[name](bnp.asarray(a), bnp.asarray(b)))
    got = np.asarray(bibun.jit(PAIRS[name])(a, b))
    np.testing.assert_array_equal(got, want)
    if want.dtype.kind == "f" and name not in EITHER_ZERO:
        known = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(want)[known])


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_of_complex_nan(side: str) -> None:
    """Compiled code compared real parts, which no nan survives."""
    parts = [-1.0, 0.0, 1.0, np.inf, np.nan]
    x = np.array([complex(a, b) for a in parts for b in parts])
    f = bibun.jit(lambda a, v: bnp.searchsorted(a, v, side=side))
    np.testing.assert_array_equal(f(np.sort(x), x), np.searchsorted(np.sort(x), x, side))
    np.testing.assert_array_equal(f(np.sort(x)[::2], x), np.searchsorted(np.sort(x)[::2], x, side))
