"""Ragged lists across the native boundary: lent on the way in, owned on the way out."""

import gc
import resource

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.compiler.pipeline import execute
from bibun.config import config
from bibun.ir.types import ArrayType, RaggedType
from bibun.lax.control import while_loop
from bibun.ops.control.ragged import Ragged
from bibun.ops.control.scan import counted_loop
from bibun.ops.elementwise import add, mul
from bibun.runtime import ragged as boundary
from bibun.trace.core import type_of
from bibun.trace.stage import stage_program

F = np.dtype(np.float64)
PAIR = ArrayType((2,), F)


def rows(*values):
    return Ragged(PAIR, np.array(values, F).reshape(-1, 2))


def doubling():
    """count, lists -> the lists' first `count` elements, doubled, and their sum."""
    body = stage_program(lambda c, x: [add(c, x), mul(x, 2.0)], [PAIR, PAIR])
    return stage_program(
        lambda n, c, x: counted_loop(
            n, c, x, program=body, num_consts=0, num_carry=1, reverse=False
        ),
        [ArrayType((), np.dtype(np.int64)), PAIR, RaggedType(PAIR)],
    )


@pytest.mark.parametrize("length", [0, 1, 3, 40])
def test_a_list_goes_in_and_comes_out(length):
    given = rows(*np.arange(2.0 * length).reshape(length, 2))
    total, out = execute(doubling(), [np.int64(length), np.zeros(2), given])
    np.testing.assert_array_equal(out.rows, 2 * given.rows)
    np.testing.assert_array_equal(np.asarray(total), given.rows.sum(axis=0))
    assert not (length and out.rows.flags.writeable)


def test_past_its_end_a_list_reads_as_zeros():
    _, out = execute(doubling(), [np.int64(3), np.zeros(2), rows([1.0, 2.0])])
    np.testing.assert_array_equal(out.rows, [[2.0, 4.0], [0.0, 0.0], [0.0, 0.0]])


def test_rows_that_are_not_contiguous():
    given = Ragged(PAIR, np.arange(12.0).reshape(2, 6).T[::2])
    _, out = execute(doubling(), [np.int64(3), np.zeros(2), given])
    np.testing.assert_array_equal(out.rows, 2 * given.rows)


def test_a_list_passed_through_is_a_list_of_its_own():
    program = stage_program(lambda x: [x, x], [RaggedType(PAIR)])
    given = rows([1.0, 2.0], [3.0, 4.0])
    first, second = execute(program, [given])
    addresses = {r.rows.__array_interface__["data"][0] for r in (first, second, given)}
    assert len(addresses) == 3
    del first
    gc.collect()
    np.testing.assert_array_equal(second.rows, given.rows)


def test_lists_of_lists():
    program = stage_program(lambda x: [x], [RaggedType(RaggedType(PAIR))])
    given = Ragged(RaggedType(PAIR), (rows([1.0, 2.0]), rows(), rows([3.0, 4.0], [5.0, 6.0])))
    (out,) = execute(program, [given])
    assert [len(out.read(i)) for i in range(3)] == [1, 0, 2]
    for i in range(3):
        np.testing.assert_array_equal(out.read(i).rows, given.read(i).rows)


def roots(x):
    return while_loop(lambda s: s[1] < 30, lambda s: (bnp.sqrt(s[0]), s[1] + 1), (x, 0))[0]


def test_nothing_leaks():
    program = doubling()
    given = rows(*np.ones((5000, 2)))

    def work():
        for _ in range(100):
            execute(program, [np.int64(5000), np.zeros(2), given])

    work()
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        work()
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000  # of 40 000 kB


def test_a_call_that_fails_returns_no_list():
    with config.using(ragged_memory_limit=100), pytest.raises(MemoryError):
        bibun.grad(roots)(1.5)
    assert float(bibun.grad(roots)(1.5)) == pytest.approx(roots(1.5) / 1.5 * 2.0**-30, rel=1e-9)


def test_discarding_frees_what_is_there():
    boundary.discard(np.zeros(3, np.int64), RaggedType(PAIR))


def test_type_of_a_result():
    (out,) = execute(stage_program(lambda x: [x], [RaggedType(PAIR)]), [rows()])
    assert type_of(out) == RaggedType(PAIR)
    assert len(out) == 0
