"""What a review of the compiler found: each test failed once."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.config import config


def test_staged_tiles_belong_to_one_thread() -> None:
    """Threads of one kernel had computed staged values into the same tile."""
    x = np.random.default_rng(0).uniform(0.01, 3.0, 400_003)

    def f(x: object) -> object:
        return bnp.tanh(bnp.sin(bnp.exp(-x)) * 0.9)

    with config.using(num_threads=4):
        got = bibun.jit(lambda x: lax.erf_inv(f(x)))(x)
    whole = bibun.jit(f)(x)
    np.testing.assert_array_equal(got, bibun.jit(lax.erf_inv)(whole))


@pytest.mark.parametrize("step", [0.37, 0.77, 11.3])
def test_constants_in_lane_blocks_are_the_programs_own(step: float) -> None:
    """Programs that differ in float data share code; lane blocks had it baked in."""
    x = np.linspace(1.0, 50.0, 40)

    def one(x: object) -> object:
        return lax.while_loop(lambda c: c < 100.0 + step, lambda c: c * 1.3 + step, x)

    expected = x.copy()
    for k in range(x.size):
        while expected[k] < 100.0 + step:
            expected[k] = expected[k] * 1.3 + step
    np.testing.assert_allclose(bibun.jit(bibun.vmap(one))(x), expected, rtol=1e-14)
