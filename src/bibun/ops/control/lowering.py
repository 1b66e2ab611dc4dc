"""How structured control becomes native code.

A loop keeps each carry in one home: the memory of its output. One-element carries are stack
slots, which LLVM makes registers. The body's outputs are delivered to the homes as if all at
once, in place wherever the old value is dead. Slices are pointers into the stacked arrays,
and each y is written straight to its place.

A ragged list is a handle {data, length, capacity}. A counted loop knows its trip count when
it starts and reserves its lists once; a `while` lets them grow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.ir.program import Program, subprograms
from bibun.ir.types import ArrayType, RaggedType

_INT = np.dtype(np.int64)
_LONG = 5_000_000  # nanoseconds; a loop that may run longer polls for Ctrl-C


def _nanoseconds(program: Program) -> int:
    """A rough cost of one run of a body."""
    known = program.memo.get(_nanoseconds)
    if known is not None:
        return known
    total = 2.0
    for eq in program.equations:
        size = max((v.type.size for v in eq.outputs if isinstance(v.type, ArrayType)), default=1)
        size = max([size, *(a.type.size for a in eq.inputs if isinstance(a.type, ArrayType))])
        total += eq.op.cost * size * 0.15
        total += sum(20 + _nanoseconds(p) for _, p in subprograms(eq.params))
    program.memo[_nanoseconds] = int(total)
    return int(total)


def _start(b: Any, inits: Sequence[Any], outs: Sequence[Any]) -> None:
    """Put the initial carries into their homes."""
    for source, dest in zip(inits, outs, strict=True):
        b.move(source, dest)


def _carried(b: Any, outs: Sequence[Any]) -> list[Any]:
    return [b.home(out) for out in outs]


def _split(values: Sequence[Any], *counts: int) -> list[list[Any]]:
    parts, at = [], 0
    for n in counts:
        parts.append(list(values[at : at + n]))
        at += n
    parts.append(list(values[at:]))
    return parts


def scan_lower(
    b: Any, ins: Sequence[Any], outs: Sequence[Any], *, program: Program, num_consts: int,
    num_carry: int, length: int, reverse: bool, unroll: int = 1,
) -> None:  # fmt: skip
    consts, inits, xs = _split(ins, num_consts, num_carry)
    carries, ys = _split(outs, num_carry)
    fixed = [c.storage for c in consts]
    _start(b, inits, carries)
    for y in ys:
        if isinstance(y.type, RaggedType):
            b.tape_start(y.ptr, y.type, b.const(length, _INT))
    cost = _nanoseconds(program)
    polls = cost * length > _LONG

    def step(i: Any) -> None:
        if reverse:
            i = b.sub(b.const(length - 1, _INT), i)
        if polls:
            b.poll(cost)
        b.program(
            program,
            [*fixed, *_carried(b, carries), *(b.slice_of(x, i) for x in xs)],
            [*carries, *(b.place_of(y, i) for y in ys)],
        )

    b.loop(0, length, step)


def counted_lower(
    b: Any, ins: Sequence[Any], outs: Sequence[Any], *, program: Program, num_consts: int,
    num_carry: int, reverse: bool, **rest: Any,
) -> None:  # fmt: skip
    (count,), consts, inits, xs = _split(ins, 1, num_consts, num_carry)
    carries, ys = _split(outs, num_carry)
    n = b.max(b.convert(count.read([]), _INT), b.const(0, _INT))
    fixed = [c.storage for c in consts]
    _start(b, inits, carries)
    for y in ys:
        b.tape_start(y.ptr, y.type, n)
    last = b.sub(n, b.const(1, _INT))
    cost = _nanoseconds(program)

    def step(i: Any) -> None:
        if reverse:
            i = b.sub(last, i)
        b.poll(cost)
        b.program(
            program,
            [*fixed, *_carried(b, carries), *(b.slice_of(x, i) for x in xs)],
            [*carries, *(b.place_of(y, i) for y in ys)],
        )

    b.loop(0, n, step)


def while_lower(
    b: Any, ins: Sequence[Any], outs: Sequence[Any], *, cond: Program, body: Program,
    num_cond_consts: int, num_body_consts: int, num_lanes: int | None = None,
) -> None:  # fmt: skip
    cond_consts, body_consts, inits = _split(ins, num_cond_consts, num_body_consts)
    cost = _nanoseconds(body) + _nanoseconds(cond)
    if num_lanes and b.lane_while(
        cond, body, cond_consts, body_consts, inits, outs, num_lanes, max(1, 8 * cost // num_lanes)
    ):
        return
    carries, ys = _split(outs, len(inits))
    cond_fixed = [c.storage for c in cond_consts]
    body_fixed = [c.storage for c in body_consts]
    _start(b, inits, carries)
    for y in ys:
        b.tape_start(y.ptr, y.type, b.const(0, _INT))

    def go() -> Any:
        (result,) = b.program(cond, [*cond_fixed, *_carried(b, carries)])
        return result.val

    def step() -> None:
        b.poll(cost)
        places = [b.tape_grow(y) for y in ys]
        b.program(body, [*body_fixed, *_carried(b, carries)], [*carries, *places])
        for y in ys:
            b.tape_commit(y)

    b.while_(go, step)


def switch_lower(
    b: Any, ins: Sequence[Any], outs: Sequence[Any], *, branches: tuple[Program, ...], **rest: Any
) -> None:
    index = b.convert(ins[0].read([]), _INT)
    operands = [s.storage for s in ins[1:]]

    def run(program: Program) -> Callable[[], None]:
        return lambda: b.program(program, operands, outs) and None

    b.switch(index, [run(p) for p in branches])


def _ragged_empty(b: Any, ins: Sequence[Any], outs: Sequence[Any], **params: Any) -> None:
    b.tape_start(outs[0].ptr, outs[0].type, b.const(0, _INT))


def _ragged_length(b: Any, ins: Sequence[Any], outs: Sequence[Any], **params: Any) -> None:
    b.store(outs[0].ptr, 0, b.convert(b.tape_length(ins[0].ptr), outs[0].dtype))


ragged_lower = {"ragged_empty": _ragged_empty, "ragged_length": _ragged_length}
