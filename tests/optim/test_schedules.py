"""Schedules at their corners, and against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bibun import jit, optim, optimizers


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.floats(0.1, 3.0))
def test_polynomial(count: int, power: float) -> None:
    s = optim.polynomial_schedule(2.0, 0.5, power, 20, transition_begin=5)
    t = min(max(count - 5, 0), 20) / 20
    assert float(s(count)) == pytest.approx(1.5 * (1 - t) ** power + 0.5)


@pytest.mark.parametrize("staircase", [False, True])
def test_exponential(staircase: bool) -> None:
    s = optim.exponential_decay(1.0, 10, 0.5, 4, staircase, end_value=0.1)
    for n in range(60):
        p = max(n - 4, 0) / 10
        p = np.floor(p) if staircase else p
        assert float(s(n)) == pytest.approx(max(0.5**p, 0.1))


def test_cosine() -> None:
    s = jit(optim.cosine_decay_schedule(2.0, 10, alpha=0.1))
    assert float(s(0)) == pytest.approx(2.0)
    assert float(s(5)) == pytest.approx(2.0 * (0.9 * 0.5 + 0.1))
    assert float(s(99)) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="positive"):
        optim.cosine_decay_schedule(1.0, 0)


def test_warmup_cosine() -> None:
    s = optim.warmup_cosine_decay_schedule(0.0, 1.0, 10, 30, end_value=0.2)
    assert [float(s(n)) for n in (0, 5, 10, 20, 30, 40)] == pytest.approx(
        [0.0, 0.5, 1.0, 0.6, 0.2, 0.2]
    )


def test_piecewise() -> None:
    s = optim.piecewise_constant_schedule(1.0, {10: 0.1, 20: 0.5})
    assert [float(s(n)) for n in (10, 11, 21)] == pytest.approx([1.0, 0.1, 0.05])
    line = optim.piecewise_interpolate_schedule("linear", 1.0, {10: 0.5, 20: 0.1})
    assert [float(line(n)) for n in (0, 5, 10, 15, 20, 30)] == pytest.approx(
        [1.0, 0.75, 0.5, 0.275, 0.05, 0.05]
    )


def test_join_and_cycles() -> None:
    line = optim.linear_schedule(2.0, 0.0, 4)
    s = optim.join_schedules([optim.constant_schedule(1.0), line], [3])
    assert [float(s(n)) for n in (2, 3, 5, 9)] == pytest.approx([1.0, 2.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="need 1 boundaries"):
        optim.join_schedules([optim.constant_schedule(1.0)] * 2, [])
    kw = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 2, "decay_steps": 10}
    sgdr = optim.sgdr_schedule([kw, kw])
    assert float(sgdr(2)) == pytest.approx(1.0) == pytest.approx(float(sgdr(12)))
    one = optim.linear_onecycle_schedule(100, 1.0)
    assert float(one(30)) == pytest.approx(1.0)
    assert float(one(100)) == pytest.approx(1.0 / 25.0 / 1e4)


def test_schedules_of_the_triples() -> None:
    assert optimizers.constant(0.5)(7) == 0.5
    assert float(optimizers.exponential_decay(1.0, 10, 0.5)(20)) == pytest.approx(0.25)
    assert float(optimizers.inverse_time_decay(1.0, 10, 2.0)(15)) == pytest.approx(0.25)
    assert float(optimizers.inverse_time_decay(1.0, 10, 2.0, staircase=True)(15)) == pytest.approx(
        1 / 3
    )
    assert float(optimizers.polynomial_decay(1.0, 10, 0.0, 2.0)(5)) == pytest.approx(0.25)
    s = optimizers.piecewise_constant([2, 5], [1.0, 0.1, 0.01])
    assert [float(s(i)) for i in (2, 3, 5, 6)] == [1.0, 0.1, 0.1, 0.01]
    with pytest.raises(ValueError, match="one value more"):
        optimizers.piecewise_constant([2], [1.0])
    with pytest.raises(TypeError, match="number or a function"):
        optimizers.sgd(np.ones(2))
