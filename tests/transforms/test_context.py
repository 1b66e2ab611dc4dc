"""Transformations of sub-programs: what the context promises to rules."""

from __future__ import annotations

import numpy as np

from bibun.ir.types import ArrayType
from bibun.ops.check import check_true
from bibun.ops.control.call import call
from bibun.ops.elementwise import add, convert, gt
from bibun.ops.shape import broadcast_to
from bibun.trace.core import type_of
from bibun.trace.sites import lookup
from bibun.trace.stage import stage, stage_program
from bibun.transforms import grad, hessian, jvp, vjp, vmap
from bibun.transforms.context import CONTEXT
from tests.transforms.functions import VECTOR, close, cos, exp, mul, num, sin, sub, total

F = ArrayType((), np.dtype(np.float64))
V = ArrayType((3,), np.dtype(np.float64))
I = ArrayType((), np.dtype(np.int64))  # noqa: E741


def program(fun, *types):
    return stage_program(fun, types)


def test_results_are_memoised_on_the_program():
    p = program(lambda x: [sin(x)], F)
    assert CONTEXT.linearize(p, (True,)) is CONTEXT.linearize(p, (True,))
    assert CONTEXT.jvp(p, (True,)) is CONTEXT.jvp(p, (True,))
    assert CONTEXT.batch(p, 2, (True,)) is not CONTEXT.batch(p, 3, (True,))


def test_jvp_contract():
    p = program(lambda x, y, n: [mul(x, y), sin(y), n, 2.0], F, F, I)
    q, nonzero = CONTEXT.jvp(p, (True, False, False))
    assert nonzero == (True, False, False, False)
    assert q.in_types == (F, F, I, F)
    outs = num(CONTEXT.execute(q, [2.0, 3.0, 4, 1.0]))
    assert [float(o) for o in outs] == [6.0, np.sin(3.0), 4, 2.0, 3.0]
    q, nonzero = CONTEXT.jvp(p, (True, False, False), True)
    assert nonzero == (True, True, False, True)
    assert num(CONTEXT.execute(q, [2.0, 3.0, 4, 1.0]))[-2:] == [0.0, 0.0]


def test_linearize_contract():
    p = program(lambda x, y: [mul(sin(x), y), y], F, F)
    lin = CONTEXT.linearize(p, (True, False))
    assert lin.out_nonzero == (True, False)
    assert len(lin.primal.outputs) == 2 + lin.num_residuals
    assert lin.forwarded.count(1) == 1
    outs = CONTEXT.execute(lin.primal, [0.5, 2.0])
    (t,) = CONTEXT.execute(lin.linear, [*outs[2:], 1.0])
    close(t, 2 * np.cos(0.5))


def test_residuals_are_few():
    # twice the same, a literal, a constant, an unused one
    def f(x):
        a = mul(x, exp(x))
        b = mul(x, exp(x))
        return [add(add(a, b), mul(mul(x, 3.0), broadcast_to(2.0, shape=()))), sin(5.0)]

    lin = CONTEXT.linearize(program(f, F), (True,))
    assert lin.num_residuals <= 2  # x itself and exp(x)
    assert 0 in lin.forwarded
    outs = CONTEXT.execute(lin.primal, [1.5])
    (t,) = CONTEXT.execute(lin.linear, [*outs[2:], 1.0])
    close(t, 2 * np.exp(1.5) * 2.5 + 6.0)
    linear_only = CONTEXT.linearize(program(lambda x: [mul(x, 3.0)], F), (True,))
    assert linear_only.num_residuals == 0


def test_linearize_instantiate():
    p = program(lambda x, y: [sin(x), cos(y)], F, F)
    lin = CONTEXT.linearize(p, (True, False), (True, True))
    assert lin.out_nonzero == (True, True)
    outs = CONTEXT.execute(lin.primal, [0.5, 2.0])
    ts = CONTEXT.execute(lin.linear, [*outs[2:], 1.0])
    close(ts, [np.cos(0.5), np.asarray(0.0)])


def test_transpose_contract_on_a_mixed_program():
    # exp(a) is not linear, and is evaluated forwards
    p = program(lambda a, x, y: [mul(exp(a), x), sub(x, y), y], F, F, F)
    q, nonzero = CONTEXT.transpose(p, (False, True, True), (True, False, False))
    assert nonzero == (True, False)
    close(CONTEXT.execute(q, [0.5, 2.0]), [2 * np.exp(0.5), np.asarray(0.0)])
    q, nonzero = CONTEXT.transpose(p, (False, True, True), (True, True, True))
    close(CONTEXT.execute(q, [0.5, 2.0, 1.0, 1.0]), [2 * np.exp(0.5) + 1, np.asarray(0.0)])


def test_batch_contract():
    p = program(lambda x, y: [mul(x, y), sin(y)], V, F)
    q, flags = CONTEXT.batch(p, 2, (True, False))
    assert flags == (True, False)
    assert q.in_types[0].shape == (2, 3)
    q, flags = CONTEXT.batch(p, 2, (True, False), (False, True))
    assert flags == (True, True)
    assert q.out_types[1].shape == (2,)


def test_simplify_keeps_effects_and_inputs_and_merges_the_rest():
    def f(x, unused):
        check_true(gt(x, 0.0), error="value", message="m")
        check_true(gt(x, 0.0), error="value", message="m")
        exp(x)
        return [add(sin(x), sin(x))]

    p = CONTEXT.simplify(program(f, F, F))
    names = [e.op.name for e in p.equations]
    assert names.count("sin") == 1 and names.count("gt") == 1 and "exp" not in names
    assert names.count("check_true") == 2
    assert len(p.inputs) == 2


def test_sites_survive_transformation():
    def f(x):
        return [mul(sin(x), x)]

    p = program(f, F)
    line = lookup(p.equations[0].site).line
    linear = CONTEXT.linearize(p, (True,)).linear
    only_tangent = (False,) * (len(linear.inputs) - 1) + (True,)
    for q in (
        CONTEXT.jvp(p, (True,))[0],
        CONTEXT.linearize(p, (True,)).primal,
        linear,
        CONTEXT.batch(p, 2, (True,))[0],
        CONTEXT.transpose(linear, only_tangent, (True,))[0],
    ):
        assert {lookup(e.site).line for e in q.equations} == {line}


def called(fun):
    def run(*args):
        closed = stage(lambda *xs: [fun(*xs)], [type_of(a) for a in args])
        return call(*closed.consts, *args, program=closed.program)[0]

    return run


def test_call_under_all_transformations():
    def f(x):
        check_true(gt(total(mul(x, x)), 0.0), error="value", message="m")
        return total(mul(sin(x), exp(x)))

    g = called(f)
    close(g(VECTOR), f(VECTOR))
    close(grad(g)(VECTOR), grad(f)(VECTOR), 1e-12)
    close(hessian(g)(VECTOR), hessian(f)(VECTOR), 1e-12)
    close(jvp(g, (VECTOR,), (VECTOR,))[1], jvp(f, (VECTOR,), (VECTOR,))[1], 1e-12)
    xs = np.stack([VECTOR, 2 * VECTOR])
    close(vmap(grad(g))(xs), vmap(grad(f))(xs), 1e-12)
    close(grad(lambda x: total(called(vmap(g))(x)))(xs), vmap(grad(f))(xs), 1e-12)
    close(called(grad(called(f)))(VECTOR), grad(f)(VECTOR), 1e-12)
    close(grad(called(lambda x: total(grad(g)(x))))(VECTOR), num(hessian(f)(VECTOR)).sum(0), 1e-9)


def test_call_with_integers_and_several_outputs():
    p = program(lambda x, n: [mul(x, convert(n, new_dtype=np.float64)), add(n, 1)], F, I)

    def f(x, n):
        y, m = call(x, n, program=p)
        return mul(y, convert(m, new_dtype=np.float64))

    assert num(grad(f)(2.0, 3)) == 12.0
    assert num(vjp(f, 2.0, 3)[1](1.0)[0]) == 12.0
    close(vmap(f, (None, 0))(2.0, np.array([1, 2])), np.array([4.0, 12.0]))
