"""`scan` and `counted_loop`: a body run once for each slice.

`scan` knows its number of iterations when it is traced; its slices are the rows of arrays.
`counted_loop` computes that number first, as an operand; its slices are the elements of
ragged lists. It is the linear part of a `while`, and a `fori_loop` with traced bounds.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Array
from bibun.errors import ShapeError
from bibun.ir.program import Equation, Program
from bibun.ir.types import ArrayType, RaggedType, Type
from bibun.ops.control import loops, lowering
from bibun.ops.control.common import (
    check_carry,
    check_operands,
    place,
    run_structured,
    split,
    stacked,
)
from bibun.ops.control.fission import fission
from bibun.ops.control.masking import masked_or_same, masks
from bibun.ops.control.ragged import Ragged, Tapes
from bibun.ops.elementwise import add, mul, sin
from bibun.ops.op import CONTROL, Op, Sample
from bibun.ops.registry import register
from bibun.trace.core import as_value
from bibun.trace.replay import replay
from bibun.trace.stage import stage_program

_INT = np.dtype(np.int64)


def _read(x: Any, i: int) -> Any:
    return x.read(i) if type(x) is Ragged else Array(x._value[i, ...])


def _passes(
    program: Program, consts: list[Any], carry: list[Any], xs: list[Any], order: Any, store: Any
) -> list[Any]:
    """Run the body for each index in `order`, handing its ys to `store`; the last carry."""
    num_carry = len(carry)
    for i in order:
        outs = replay(program, [*consts, *carry, *(_read(x, i) for x in xs)])
        carry = [as_value(c) for c in outs[:num_carry]]
        store(i, [as_value(y) for y in outs[num_carry:]])
    return carry


def _order(n: int, reverse: bool) -> Any:
    return range(n - 1, -1, -1) if reverse else range(n)


# scan -----------------------------------------------------------------------------------------


def _scan_type(
    *types: Type, program: Program, num_consts: int, num_carry: int, length: int,
    reverse: bool, unroll: int = 1,
) -> list[Type]:  # fmt: skip
    consts, carry, xs = split(types, num_consts, num_carry)
    slices = []
    for k, t in enumerate(xs):
        if isinstance(t, RaggedType):
            slices.append(t.element)
        elif t.ndim and t.shape[0] == length:
            slices.append(t.with_shape(t.shape[1:]))
        else:
            raise ShapeError(f"scan: xs {k} must have leading axis {length}, got {t}")
    check_operands("scan", program, [*consts, *carry, *slices], "the body")
    before = program.in_types[num_consts : num_consts + num_carry]
    check_carry("scan", before, program.out_types[:num_carry])
    return [*before, *(stacked(t, length) for t in program.out_types[num_carry:])]


def _interpret_scan(
    args: Sequence[Any], *, program: Program, num_consts: int, num_carry: int, length: int,
    reverse: bool, unroll: int = 1,
) -> list[Any]:  # fmt: skip
    consts, carry, xs = split(args, num_consts, num_carry)
    stores: list[Any] = []
    for t in program.out_types[num_carry:]:
        ragged = isinstance(t, RaggedType)
        stores.append([None] * length if ragged else np.empty((length, *t.shape), t.dtype))

    def store(i: int, ys: list[Any]) -> None:
        for k, y in enumerate(ys):
            stores[k][i] = y if type(y) is Ragged else y._value

    carry = _passes(program, consts, carry, xs, _order(length, reverse), store)
    types = program.out_types[num_carry:]
    ys = [
        Array(s) if isinstance(s, np.ndarray) else Ragged(t, tuple(s))
        for s, t in zip(stores, types, strict=True)
    ]
    return [*carry, *ys]


def _scan_eval(ctx: Any, args: Sequence[Any], **params: Any) -> list[Any]:
    return run_structured(ctx, scan, args, params, _interpret_scan)


def _programs() -> tuple[Program, Program]:
    """Two bodies for samples: c, carry, x -> c sin(carry) + x, carry x; and one of integers."""
    f = ArrayType((2,), np.dtype(np.float64))
    i = ArrayType((), _INT)

    def smooth(c: Any, carry: Any, x: Any) -> list[Any]:
        return [
            add(mul(c, sin(carry)), x),
            mul(carry, x),
        ]

    def count(carry: Any, total: Any) -> list[Any]:
        after = add(carry, 2)
        return [after, mul(total, 1.5), after]

    return (
        stage_program(smooth, [f, f, f], "smooth"),
        stage_program(count, [i, ArrayType((), f.dtype)], "count"),
    )


def _scan_samples() -> list[Sample]:
    smooth, count = _programs()
    xs = np.linspace(-1.0, 1.0, 8).reshape(4, 2)
    two, c = np.array([0.3, -0.7]), np.array([1.1, 0.6])
    common = {"num_consts": 1, "num_carry": 1, "program": smooth}
    return [
        Sample(c, two, xs, length=4, reverse=False, **common),
        Sample(c, two, xs, length=4, reverse=True, **common),
        Sample(c, two, xs[:0], length=0, reverse=False, smooth=False, **common),
        Sample(
            np.int64(1), np.float64(0.5),
            program=count, num_consts=0, num_carry=2, length=3, reverse=False,
        ),
    ]  # fmt: skip


_scan = loops.LoopKind(0, lambda *args, **params: scan(*args, **params))
scan = register(
    Op(
        "scan",
        CONTROL,
        type_rule=_scan_type,
        eval=_scan_eval,
        jvp=functools.partial(loops.jvp, _scan),
        linearize=functools.partial(loops.linearize, _scan),
        transpose=functools.partial(loops.transpose, _scan),
        separate=functools.partial(loops.separate, _scan.lead),
        batch=functools.partial(loops.batch, _scan),
        lower=lowering.scan_lower,
        rewrite=fission,
        multiple_results=True,
        structured=True,
        samples=_scan_samples,
        doc=(
            "`scan(*consts, *init, *xs; program, num_consts, num_carry, length, reverse)`: "
            "the last carry and the stacked ys of `program: (consts, carry, x) -> (carry, y)` "
            "run on each row of xs, from the last one if `reverse`."
        ),
    )
)


# counted_loop ----------------------------------------------------------------------------------


def _counted_type(
    n: Type, *types: Type, program: Program, num_consts: int, num_carry: int, reverse: bool
) -> list[Type]:
    if not n.matches(ArrayType((), _INT)):
        raise ShapeError(f"counted_loop: the number of iterations must be i64[], got {n}")
    consts, carry, xs = split(types, num_consts, num_carry)
    for k, t in enumerate(xs):
        if not isinstance(t, RaggedType):
            raise ShapeError(f"counted_loop: xs {k} must be a ragged list, got {t}")
    slices = [t.element for t in xs]
    check_operands("counted_loop", program, [*consts, *carry, *slices], "the body")
    before = program.in_types[num_consts : num_consts + num_carry]
    check_carry("counted_loop", before, program.out_types[:num_carry])
    return [*before, *(stacked(t, None) for t in program.out_types[num_carry:])]


def _interpret_counted(
    args: Sequence[Any], *, program: Program, num_consts: int, num_carry: int, reverse: bool
) -> list[Any]:
    n, *args = args
    count = max(int(n._value), 0)
    consts, carry, xs = split(args, num_consts, num_carry)
    tapes = Tapes(program.out_types[num_carry:], place("counted loop"), count)
    carry = _passes(program, consts, carry, xs, _order(count, reverse), tapes.put)
    return [*carry, *tapes.done(count)]


def _counted_eval(ctx: Any, args: Sequence[Any], **params: Any) -> list[Any]:
    return run_structured(ctx, counted_loop, args, params, _interpret_counted)


def _counted_samples() -> list[Sample]:
    f = ArrayType((2,), np.dtype(np.float64))

    def body(c: Any, carry: Any) -> list[Any]:
        return [mul(c, sin(carry))]

    program = stage_program(body, [f, f], "body")
    two, c = np.array([0.3, -0.7]), np.array([1.1, 0.6])
    common = {"program": program, "num_consts": 1, "num_carry": 1}
    return [
        Sample(np.int64(3), c, two, reverse=False, **common),
        Sample(np.int64(0), c, two, reverse=True, **common),
    ]


_counted = loops.LoopKind(1, lambda *args, **params: counted_loop(*args, **params))
counted_loop = register(
    Op(
        "counted_loop",
        CONTROL,
        type_rule=_counted_type,
        eval=_counted_eval,
        jvp=functools.partial(loops.jvp, _counted),
        linearize=functools.partial(loops.linearize, _counted),
        transpose=functools.partial(loops.transpose, _counted),
        separate=functools.partial(loops.separate, _counted.lead),
        batch=functools.partial(loops.batch, _counted),
        lower=lowering.counted_lower,
        multiple_results=True,
        structured=True,
        samples=_counted_samples,
        doc=(
            "`counted_loop(n, *consts, *init, *xs; program, num_consts, num_carry, reverse)`: "
            "like `scan` with the number of iterations an operand; xs and ys are ragged lists, "
            "read as zeros past their end."
        ),
    )
)


# under a mask -----------------------------------------------------------------------------------


@masks("scan")
def _scan_masked(active: Any, eq: Equation, ins: list[Any]) -> Any:
    extra, program = masked_or_same(active, eq.params["program"])
    num_consts = eq.params["num_consts"] + len(extra)
    return scan(*extra, *ins, **{**eq.params, "program": program, "num_consts": num_consts})


@masks("counted_loop")
def _counted_masked(active: Any, eq: Equation, ins: list[Any]) -> Any:
    n, *rest = ins
    extra, program = masked_or_same(active, eq.params["program"])
    num_consts = eq.params["num_consts"] + len(extra)
    params = {**eq.params, "program": program, "num_consts": num_consts}
    return counted_loop(n, *extra, *rest, **params)
