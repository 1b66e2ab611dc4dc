"""Lanes that are switched off do nothing; tapes are read without being consumed."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.config import config
from bibun.errors import IndexOutOfBoundsError
from bibun.ir.spec import verify
from bibun.ir.types import ArrayType, RaggedType
from bibun.lax.control import cond, fori_loop, scan, switch, while_loop
from bibun.ops.check import check_index, check_true
from bibun.ops.control.common import accumulate, lane_select, lanes
from bibun.ops.control.masking import masked, needs_mask
from bibun.ops.control.ragged import Ragged, empty_value, ragged_empty, ragged_length
from bibun.ops.control.scan import counted_loop
from bibun.ops.control.scan import scan as scan_op
from bibun.ops.elementwise import add, mul
from bibun.trace.core import type_of
from bibun.trace.replay import replay
from bibun.trace.stage import stage, stage_program

F = np.dtype(np.float64)


def close(got, want, tol=1e-12):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=tol, atol=tol)


# lanes that are done -----------------------------------------------------------------------


def halving(x):
    """Subtracts 1 and takes a root while that is positive: nan one step too far."""
    return while_loop(lambda c: c > 1.5, lambda c: bnp.sqrt(c - 1.0) * 2.0 - 0.5, x)


def test_nan_of_a_lane_that_is_done_reaches_no_gradient():
    xs = np.array([0.2, 1.6, 2.4, 9.0])
    alone = np.array([float(bibun.grad(halving)(x)) for x in xs])
    assert np.isfinite(alone).all()
    close(bibun.vmap(bibun.grad(halving))(xs), alone)
    close(bibun.grad(lambda v: bnp.sum(bibun.vmap(halving)(v)))(xs), alone)
    twice = [float(bibun.grad(bibun.grad(halving))(x)) for x in xs]
    close(bibun.vmap(bibun.grad(bibun.grad(halving)))(xs), twice)


def test_nan_of_a_branch_not_taken_reaches_no_gradient():
    def f(x):
        return cond(x > 0.0, lambda v: bnp.log(v) + bnp.sqrt(v), lambda v: v * v, x)

    xs = np.array([-2.0, 0.0, 0.5])
    close(bibun.vmap(f)(xs), [4.0, 0.0, np.log(0.5) + np.sqrt(0.5)])
    close(bibun.vmap(bibun.grad(f))(xs), [-4.0, 0.0, 2.0 + 0.5 / np.sqrt(0.5)])
    close(bibun.grad(lambda v: bnp.sum(bibun.vmap(f)(v)))(xs), bibun.vmap(bibun.grad(f))(xs))


def test_a_loop_in_a_branch_not_taken_does_not_run():
    """The loop would not end for a negative start."""

    def f(x):
        run = lambda v: while_loop(lambda c: c < 4.0, lambda c: c * 2.0, v)
        return cond(x > 0.0, run, lambda v: v, x)

    close(bibun.vmap(f)(np.array([-1.0, 1.0, 3.0])), [-1.0, 4.0, 6.0])


def test_a_loop_in_a_lane_that_is_done_does_not_run():
    """Within lanes that have reached 0 the inner loop would not end."""

    def outer(c):
        inner = while_loop(lambda a: a < 1.0, lambda a: a + c, 0.0)
        return bnp.where(c <= 1.0, 0.0, c - 1.0) + 0.0 * inner

    f = lambda x: while_loop(lambda c: c > 0.0, outer, x)
    close(bibun.vmap(f)(np.array([3.0, 1.0, 5.0, 0.0])), np.zeros(4))


def checked(i, table):
    check_index(i, axis=0, size=3, what="index")
    return table[bnp.clip(i, 0, 2)]


def test_checks_are_masked_in_lanes_that_are_done():
    table = bnp.asarray(np.array([1.0, 2.0, 3.0]))

    def f(n):
        body = lambda c: (c[0] + 1, c[1] + checked(c[0], table))
        return while_loop(lambda c: c[0] < n, body, (0, 0.0))[1]

    close(bibun.vmap(f)(np.array([1, 3, 0])), [1.0, 6.0, 0.0])
    close(bibun.jit(bibun.vmap(f))(np.array([1, 3, 0])), [1.0, 6.0, 0.0])
    with pytest.raises(IndexOutOfBoundsError, match=r"index 3 .*axis 0 .*size 3"):
        bibun.vmap(f)(np.array([1, 4, 0]))


def test_checks_are_masked_in_branches_not_taken_and_nested_programs():
    def careful(x):
        def root(v):
            def body(c, _):
                check_true(c >= 0.0, c, error="value", message="root of {}")
                return bnp.sqrt(c), None

            return scan(body, v, None, 2)[0]

        def dynamic(v):
            return fori_loop(0, bnp.asarray(2), lambda i, c: root(c), v)

        return switch(bnp.asarray(x >= 0.0, dtype=int), [lambda v: -v, dynamic], x)

    xs = np.array([-1.0, 16.0])
    close(bibun.vmap(careful)(xs), [1.0, 16.0 ** (1 / 16)])
    close(bibun.vmap(bibun.grad(careful))(xs), [-1.0, bibun.grad(careful)(16.0)])

    def always(x):
        def body(c, _):
            check_true(c > 0.0, c, error="value", message="{} is not positive")
            return c, None

        return careful(bnp.abs(x)) + scan(body, x, None, 1)[0]

    with pytest.raises(ValueError, match="-1.0 is not positive"):
        bibun.vmap(always)(xs)


def test_custom_rules_under_a_mask_keep_their_derivative():
    @bibun.custom_jvp
    def twice(x):
        check_true(x < 10.0, x, error="value", message="{} is too large")
        return 2.0 * x

    @twice.defjvp
    def _(primals, tangents):
        return twice(primals[0]), 3.0 * tangents[0]  # not the derivative: seen below

    @bibun.custom_vjp
    def again(x):
        check_true(x < 10.0, x, error="value", message="{} is too large")
        return 2.0 * x

    again.defvjp(lambda x: (again(x), x), lambda x, ct: (3.0 * ct,))

    for rule in (twice, again):
        f = lambda x, rule=rule: while_loop(lambda c: c < 9.0, rule, x)
        xs = np.array([1.0, 8.0, 12.0])
        close(bibun.vmap(f)(xs), [16.0, 16.0, 12.0])
        close(bibun.vmap(bibun.grad(f))(xs), [81.0, 3.0, 1.0])
        close(bibun.grad(lambda v, f=f: bnp.sum(bibun.vmap(f)(v)))(xs), [81.0, 3.0, 1.0])


def test_masked_program():
    scalar = ArrayType((), F)
    plain = stage_program(lambda x: [mul(x, x)], [scalar])
    assert not needs_mask(plain)
    assert len(masked(plain).inputs) == 2
    assert masked(plain) is masked(plain)

    def f(x):
        check_true(x > 0.0, x, error="value", message="{}")
        return [x]

    effect = stage_program(f, [scalar])
    assert needs_mask(effect)
    close(replay(masked(effect), [np.bool_(False), np.float64(-1.0)])[0], -1.0)
    with pytest.raises(ValueError):
        replay(masked(effect), [np.bool_(True), np.float64(-1.0)])


def test_an_even_loop_stays_as_it_is():
    """One predicate for all lanes: no masks, and the carry that has no lanes stays without."""

    def f(x):
        return while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x), (0, 1.0))[1]

    text = str(bibun.make_program(bibun.vmap(f))(np.ones(4)))
    assert "select" not in text
    assert "i64[4]" not in text
    close(bibun.vmap(f)(np.array([1.0, 2.0])), [1.0, 8.0])


def test_no_lanes_at_all():
    assert bibun.vmap(halving)(np.zeros((0,))).shape == (0,)
    assert bibun.vmap(bibun.grad(halving))(np.zeros((0,))).shape == (0,)
    n = lambda n: fori_loop(0, n, lambda i, c: c + 1.0, 0.0)
    assert bibun.vmap(n)(np.zeros((0,), int)).shape == (0,)


# tapes ------------------------------------------------------------------------------------------


def power(x):
    return while_loop(lambda c: c < 50.0, lambda c: c * x, x)


def test_a_pullback_may_be_called_again_and_from_threads():
    value, pull = bibun.vjp(power, 2.0)
    close(value, 64.0)
    close(pull(1.0)[0], 6 * 32.0)
    close(pull(2.0)[0], 12 * 32.0)
    found = [None] * 4

    def work(k):
        for _ in range(5):
            found[k] = float(pull(float(k))[0])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    close(found, [k * 192.0 for k in range(4)])


def test_a_tape_over_the_limit_names_the_loop():
    def f(x):
        return while_loop(lambda c: c[0] < 200, lambda c: (c[0] + 1, bnp.sin(c[1] * x)), (0, x))[1]

    with config.using(ragged_memory_limit=1000, disable_jit=False):
        assert float(f(0.3)) < 1.0  # nothing is taped
        with pytest.raises(MemoryError, match=r"(?s)while.*test_masks_and_tapes") as caught:
            bibun.grad(f)(0.3)
        assert "1000" in str(caught.value)


def test_what_does_not_change_is_not_taped():
    m = bnp.asarray(np.arange(9.0).reshape(3, 3) / 20.0)

    def f(w, x):
        return bnp.sum(while_loop(lambda c: bnp.sum(c) < 5.0, lambda c: w @ c + x, x))

    program = str(bibun.make_program(bibun.grad(f, argnums=(0, 1)))(m, np.ones(3)))
    assert "ragged[f64[3]]" in program
    assert "ragged[f64[3,3]]" not in program


def test_carries_without_a_tangent_stay_out_of_the_linear_loop():
    def f(x):
        return scan(lambda c, v: ((c[0] + 1, c[1] * v), None), (0, x), np.arange(1.0, 4.0))[0][1]

    program = str(bibun.make_program(bibun.grad(f))(2.0))
    backward = program[program.index("reverse=True") :]
    assert "i64" not in backward
    close(bibun.grad(f)(2.0), 6.0)


# ragged lists -----------------------------------------------------------------------------------


def rows(*values):
    return Ragged(ArrayType((2,), F), np.array(values, float).reshape(-1, 2))


def test_a_ragged_list_reads_as_zeros_past_its_end():
    r = rows([1.0, 2.0], [3.0, 4.0])
    assert len(r) == 2
    assert type_of(r) == RaggedType(ArrayType((2,), F))
    close(r.read(1), [3.0, 4.0])
    close(r.read(2), [0.0, 0.0])
    nested = Ragged(r.type, (r,))
    assert len(nested.read(1)) == 0
    assert int(ragged_length(nested)) == 1
    assert len(empty_value(ArrayType((), F))) == 0
    with pytest.raises(TypeError, match="no rows"):
        print(nested.rows)


def test_sums_of_ragged_lists():
    a, b = rows([1.0, 2.0], [3.0, 4.0]), rows([10.0, 20.0])
    close(accumulate(a, b).rows, [[11.0, 22.0], [3.0, 4.0]])
    zero = ragged_empty(element=ArrayType((2,), F))
    close(accumulate(zero, a).rows, a.rows)
    nested = Ragged(a.type, (a, b))
    total = accumulate(nested, Ragged(a.type, (b,)))
    close(total.read(0).rows, [[11.0, 22.0], [3.0, 4.0]])
    close(total.read(1).rows, b.rows)


def test_lanes_of_ragged_lists():
    a, b = rows([1.0, 2.0]), rows([5.0, 6.0], [7.0, 8.0])
    wide = lanes(a, 3)
    assert wide.rows.shape == (1, 3, 2)
    mask = bnp.asarray(np.array([True, False]))
    chosen = lane_select(mask, lanes(a, 2), lanes(b, 2))
    close(chosen.rows[0], [[1.0, 2.0], [5.0, 6.0]])
    close(chosen.rows[1], [[0.0, 0.0], [7.0, 8.0]])


def test_counted_loop_over_lists_both_ways():
    x, c = ArrayType((2,), F), ArrayType((2,), F)
    body = stage_program(lambda c, x: [add(mul(c, 2.0), x), c], [c, x])
    params = {"program": body, "num_consts": 0, "num_carry": 1}
    r = rows([1.0, 1.0], [10.0, 0.0])
    out, ys = counted_loop(np.int64(3), np.zeros(2), r, reverse=False, **params)
    close(out, [24.0, 4.0])
    close(ys.rows, [[0, 0], [1, 1], [12, 2]])
    out, ys = counted_loop(np.int64(2), np.zeros(2), r, reverse=True, **params)
    close(out, [21.0, 1.0])
    close(ys.rows, [[10, 0], [0, 0]])


# transposes -------------------------------------------------------------------------------------


def test_transpose_with_a_carry_that_is_not_linear():
    """A linear loop that counts: the count is computed forwards, then used backwards."""

    def f(x):
        return fori_loop(0, 4, lambda i, c: c * (i + 1.0) + x, x)

    matrix = float(f(1.0))
    (ct,) = bibun.linear_transpose(f, 1.0)(3.0)
    close(ct, 3.0 * matrix)

    def linear(x):
        (_, c), ys = scan(
            lambda c, v: ((c[0] * 2, c[1] * (v + c[0])), c[1] * v), (1, x), np.arange(1.0, 4.0)
        )
        return c, ys

    jac = np.concatenate([np.ravel(o) for o in linear(1.0)])
    (ct,) = bibun.linear_transpose(linear, 1.0)((1.0, np.array([1.0, 2.0, 3.0])))
    close(ct, jac @ np.array([1.0, 1.0, 2.0, 3.0]))


def test_dead_cotangents_cost_nothing():
    """Only one of two chains is asked for: the other has no backward carry."""

    def f(x, y):
        (a, b), _ = scan(lambda c, v: ((bnp.sin(c[0]) * v, bnp.cos(c[1]) * v), None), (x, y),
                         np.arange(1.0, 4.0))  # fmt: skip
        return a

    gx, gy = bibun.grad(f, argnums=(0, 1))(0.3, 0.4)
    close(gy, 0.0)
    program = bibun.make_program(bibun.grad(f))(0.3, 0.4)
    backward = [e for e in program.program.equations if e.op is scan_op][-1]
    assert backward.params["num_carry"] == 1


def test_programs_of_loops_verify():
    def f(x):
        body = lambda c, v: (while_loop(lambda a: a < 3.0, lambda a: a * 1.5 + v * v, c * v), c)
        c, ys = scan(body, x[0], x)
        return c + bnp.sum(ys)

    one, many = np.ones(3), np.ones((2, 3))
    grad = bibun.grad(f)
    cases = [(f, one), (grad, one), (bibun.vmap(grad), many), (bibun.hessian(f), one)]
    for g, x in cases:
        verify(stage(lambda v, g=g: [g(v)], [type_of(x)]).program)
