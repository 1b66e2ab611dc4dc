"""Fusion: what shares a loop, what is stored, what is computed again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.compiler.explain import describe_plan
from bibun.compiler.pipeline import prepare
from bibun.compiler.plan import KERNEL, STEP, VIEW, make_plan

X = np.linspace(0.1, 2.0, 1000)


def plan_of(f: Any, *args: Any) -> Any:
    """The plan of f as it would be compiled."""
    program = bibun.jit(f).trace(*map(bnp.asarray, args)).closed.program
    return make_plan(prepare(program))


def loops(plan: Any) -> list[Any]:
    return [u for u in plan.units if u.kind == KERNEL]


def test_a_chain_of_elementwise_ops_is_one_loop_and_stores_one_array():
    plan = plan_of(lambda x: bnp.exp(bnp.sin(x) * 2) + x, X)
    assert len(loops(plan)) == 1
    assert len(plan.stored) == 1


def test_value_and_grad_of_a_reduction_is_one_loop():
    loss = lambda x: (bnp.sin(x) * bnp.exp(x)).sum()
    plan = plan_of(bibun.value_and_grad(loss), X)
    (loop,) = loops(plan)
    assert "reduce_sum" in [eq.op.name for eq in loop.equations]
    assert len(loop.equations) > 1


def test_the_nested_gradient_of_the_benchmarks_is_one_loop_over_the_data():
    def step(x: Any) -> Any:
        return bnp.log(bnp.cos(x) * bnp.sin(x)) + bnp.sin(x)

    plan = plan_of(bibun.grad(lambda x: step(step(x)).sum()), X)
    assert len(loops(plan)) == 1


def test_several_reductions_of_the_same_data_share_one_loop():
    plan = plan_of(lambda x: (x.sum(), (x * x).sum(), x.max(), x.min()), X)
    (loop,) = loops(plan)
    assert len(loop.equations) == 4


def test_a_reduction_that_needs_another_one_gets_its_own_loop():
    plan = plan_of(lambda x: ((x - x.mean()) ** 2).sum(), X)
    assert len(loops(plan)) == 2
    assert not [v for v in plan.stored if v.type.size > 1]


def test_softmax_makes_three_loops_and_stores_what_is_dear():
    plan = plan_of(lambda x: bnp.exp(x - x.max()) / bnp.exp(x - x.max()).sum(), X)
    assert 2 <= len(loops(plan)) <= 3


def test_reshape_of_an_input_is_a_view():
    plan = plan_of(lambda x: bnp.sort(x.reshape(10, 100)), X)
    assert VIEW in [u.kind for u in plan.units]
    assert not loops(plan)


def test_transpose_slice_and_broadcast_are_read_in_place():
    plan = plan_of(lambda x: x.reshape(10, 100).T[::2] + x[:10], X)
    (loop,) = loops(plan)
    assert loop.space == (50, 10)
    assert not loop.flat


def test_loops_over_whole_arrays_are_flat():
    (loop,) = loops(plan_of(lambda x: bnp.sin(x) + 1, X.reshape(10, 10, 10)))
    assert loop.flat
    assert "(flat)" in describe_plan(plan_of(lambda x: bnp.sin(x) + 1, X.reshape(10, 10, 10)))


def test_what_is_dear_and_read_many_times_is_stored():
    plan = plan_of(lambda x: bnp.exp(x)[:, None] * x[None, :], X[:50])
    assert len(loops(plan)) == 2
    plan = plan_of(lambda x: (x + 1)[:, None] * x[None, :], X[:50])
    assert len(loops(plan)) == 1


def test_fusion_makes_no_cycle():
    """b needs the sum, the sum needs a: a and b have one space and must not share a loop."""

    def f(x: Any) -> Any:
        a = bnp.exp(x)
        b = bnp.sin(x) + a.sum()
        return a, b, (a * b).sum()

    plan = plan_of(f, X)
    order = {v: k for k, u in enumerate(plan.units) for eq in u.equations for v in eq.outputs}
    for k, u in enumerate(plan.units):
        for v in u.reads:
            assert v not in order or order[v] <= k


def test_library_calls_are_steps():
    plan = plan_of(lambda x: bnp.sort(x) + 1, X)
    assert [u.kind for u in plan.units] == [STEP, KERNEL]


def test_effects_keep_their_order():
    def f(x: Any, i: Any) -> Any:
        return x[i] + x[i + 1] + x[i + 2]

    plan = plan_of(f, X, np.int64(3))
    checks = [eq for u in plan.units for eq in u.equations if eq.op.name == "check_index"]
    program = [eq for eq in plan.program.equations if eq.op.name == "check_index"]
    assert [id(e) for e in checks] == [id(e) for e in program]
    assert len(checks) == 3


@pytest.mark.parametrize("n", [0, 1, 5])
def test_plans_of_scans_hold_one_step(n):
    plan = plan_of(lambda x: lax.scan(lambda c, _: (c * 2, None), x, None, length=n)[0], X)
    assert len([u for u in plan.units if u.kind == STEP]) <= 1


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 4), (1, 24), (24, 1)])
def test_a_reshaped_index_is_not_stored(shape):
    """The position in a line is the index: counters of random numbers cost no memory."""

    @bibun.jit
    def f(x):
        return bnp.reshape(bnp.arange(24.0), shape) * x + bnp.sum(x)

    x = bnp.ones(shape)
    np.testing.assert_array_equal(f(x), np.arange(24.0).reshape(shape) + 24.0)
    assert "view" not in f.lower(x).as_text("loops")
    rows = bibun.jit(lambda x: bnp.sum(bnp.reshape(bnp.arange(24.0), shape) * x, axis=0))
    np.testing.assert_array_equal(rows(x), np.arange(24.0).reshape(shape).sum(axis=0))
