"""What the rules of loops and branches share: flags, ragged lists, lanes, surgery.

Loops differentiate and batch by the same few moves: find by fixpoint which carries take
part, get the body transformed by the context, and rearrange its inputs into the loop's own
order (constants, carry, slices). Rearranged programs are memoised on the identity of what
they were made of, so that a transformed loop is one object however often it is run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bibun.config import config
from bibun.errors import DTypeError, ShapeError
from bibun.ir.program import Atom, Equation, Program, Var
from bibun.ir.types import ArrayType, RaggedType, Type
from bibun.ops import shape
from bibun.ops.control.ragged import ragged_length
from bibun.ops.elementwise import max as maximum
from bibun.ops.elementwise import select
from bibun.ops.families import shape as shapes
from bibun.ops.families.separate import Flags, dependent_outputs, known_part
from bibun.ops.families.tangents import add_tangents
from bibun.trace.core import EVAL, type_of, using_trace
from bibun.trace.sites import current_site, describe
from bibun.trace.stage import stage, stage_program

BOOL = np.dtype(np.bool_)
INT = np.dtype(np.int64)
BOOL_TYPE = ArrayType((), BOOL)
INT_TYPE = ArrayType((), INT)


def memo(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Keep results in the memo of the program that is the first argument."""

    @functools.wraps(fun)
    def kept(program: Program, *args: Any) -> Any:
        key = (fun, *args)
        found = program.memo.get(key)
        if found is None:
            found = program.memo[key] = fun(program, *args)
        return found

    return kept


# lists ------------------------------------------------------------------------------------


def split(items: Sequence[Any], *sizes: int) -> list[list[Any]]:
    """`items` cut into pieces of the given sizes, and the rest."""
    pieces, at = [], 0
    for n in sizes:
        pieces.append(list(items[at : at + n]))
        at += n
    pieces.append(list(items[at:]))
    return pieces


def keep(items: Iterable[Any], flags: Iterable[bool]) -> list[Any]:
    """The items whose flag is true."""
    return [x for x, flag in zip(items, flags, strict=True) if flag]


def drop(items: Iterable[Any], flags: Iterable[bool]) -> list[Any]:
    """The items whose flag is false."""
    return [x for x, flag in zip(items, flags, strict=True) if not flag]


def scatter(items: Sequence[Any], flags: Iterable[bool]) -> list[Any]:
    """The inverse of `keep`: None where the flag is false."""
    left = iter(items)
    return [next(left) if flag else None for flag in flags]


def either(a: Iterable[bool], b: Iterable[bool]) -> Flags:
    return tuple(bool(x or y) for x, y in zip(a, b, strict=True))


def fixpoint(
    start: Iterable[bool], step: Callable[[Flags], tuple[Any, Iterable[bool]]]
) -> tuple[Flags, Any]:
    """The least flags that contain `start` and that `step` maps into themselves.

    `step(flags)` returns a result and the flags it leads to; the last result is returned.
    """
    flags = tuple(map(bool, start))
    while True:
        result, after = step(flags)
        grown = either(flags, after)
        if grown == flags:
            return flags, result
        flags = grown


# ragged lists ------------------------------------------------------------------------------


def ragged_map(fun: Callable[..., Any], *lists: Any) -> Any:
    """`fun` of the elements of ragged lists, as a ragged list; short ones read as zeros."""
    from bibun.ops.control.scan import counted_loop

    n = ragged_length(lists[0])
    for x in lists[1:]:
        n = maximum(n, ragged_length(x))
    closed = stage(lambda *xs: [fun(*xs)], [type_of(x).element for x in lists], "ragged_map")  # type: ignore[union-attr]
    (out,) = counted_loop(
        n, *closed.consts, *lists,
        program=closed.program, num_consts=len(closed.consts), num_carry=0, reverse=False,
    )  # fmt: skip
    return out


def accumulate(x: Any, y: Any) -> Any:
    """The sum of two ragged lists, of the length of the longer one."""
    return ragged_map(add_tangents, x, y)


def stacked(element: Type, length: int | None) -> Type:
    """The type of a loop's results, one `element` an iteration (None: unknown length)."""
    if length is None or isinstance(element, RaggedType):
        return RaggedType(element)
    return ArrayType((length, *element.shape), element.dtype)


# lanes ----------------------------------------------------------------------------------------


def with_axis(type: Type, size: int) -> Type:
    """The type of `size` lanes of a value."""
    if isinstance(type, RaggedType):
        return RaggedType(with_axis(type.element, size))
    return ArrayType((size, *type.shape), type.dtype, type.weak)


def front(x: Any, dim: int | None, to: int = 0) -> Any:
    """`x` with its mapped axis moved to axis `to`; ragged lists have it there already."""
    if dim is None or isinstance(type_of(x), RaggedType):
        return x
    return shapes.move_axis(x, dim, to)


def lanes(x: Any, size: int) -> Any:
    """An unmapped value repeated for every lane, on axis 0."""
    if isinstance(type_of(x), RaggedType):
        return ragged_map(lambda e: lanes(e, size), x)
    return shape.broadcast_to(x, shape=(size, *shapes.shape_of(x)))


def lane_select(mask: Any, new: Any, old: Any) -> Any:
    """Lane by lane `new` where the mask holds, else `old`; both mapped on axis 0."""
    if new is old:
        return old
    if isinstance(type_of(new), RaggedType):
        return ragged_map(lambda n, o: lane_select(mask, n, o), new, old)
    extra = len(new.shape) - len(mask.shape)
    if extra > 0:
        nd = len(mask.shape)
        mask = shape.expand_dims(mask, axes=tuple(range(nd, nd + extra)))
    return select(mask, old, new)


# surgery ----------------------------------------------------------------------------------------


@memo
def rewire(
    program: Program, inputs: tuple[int | Type, ...], outputs: tuple[int, ...] | None = None
) -> Program:
    """The program with its inputs in another order and only some outputs.

    `inputs` lists positions of old inputs; a type stands for a new input that nobody reads.
    """
    new = [program.inputs[i] if isinstance(i, int) else Var(i) for i in inputs]
    outs = program.outputs if outputs is None else [program.outputs[i] for i in outputs]
    return Program(new, program.equations, outs, program.name)


@memo
def restrict(program: Program, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Program:
    """The part of a program that computes some outputs from some inputs, effects left out.

    The outputs must not depend on the other inputs.
    """
    outs = [program.outputs[i] for i in outputs]
    missing: set[Any] = set(program.inputs) - {program.inputs[i] for i in inputs}
    possible: list[Equation] = []
    for eq in program.equations:
        flags = tuple(a in missing for a in eq.inputs)
        dependent = dependent_outputs(eq, flags)
        missing.update(keep(eq.outputs, dependent))
        if not any(flags):
            possible.append(eq)
        elif not all(dependent):
            possible.append(known_part(eq, flags))
    needed: set[Atom] = {a for a in outs if isinstance(a, Var)}
    kept: list[Equation] = []
    for eq in reversed(possible):
        if any(v in needed for v in eq.outputs):
            kept.append(eq)
            needed.update(a for a in eq.inputs if isinstance(a, Var))
    return Program([program.inputs[i] for i in inputs], kept[::-1], outs, program.name)


@memo
def dependence(program: Program, flags: Flags) -> Flags:
    """Which outputs depend on the flagged inputs."""
    found: set[Any] = set(keep(program.inputs, flags))
    for eq in program.equations:
        found.update(keep(eq.outputs, dependent_outputs(eq, tuple(a in found for a in eq.inputs))))
    return tuple(a in found for a in program.outputs)


def positions(flags: Flags) -> tuple[int, ...]:
    """The places that are not flagged."""
    return tuple(i for i, flag in enumerate(flags) if not flag)


def build(fun: Callable[..., Any], types: Sequence[Type], name: str) -> Program:
    """Stage a flat function that captures no array. Callers memoise."""
    with using_trace(EVAL):
        return stage_program(fun, list(types), name)


# eager ------------------------------------------------------------------------------------------


def run_structured(
    ctx: Any, op: Any, args: Sequence[Any], params: dict[str, Any], interpret: Callable[..., Any]
) -> list[Any]:
    """Run a loop or branch on concrete values: compiled where there is a compiler, else here."""
    compiled = getattr(ctx, "compiled_structured", None)
    if compiled is not None and not config.disable_jit:
        return list(compiled(op, args, params))
    with using_trace(EVAL):
        return interpret(args, **params)


def place(what: str) -> str:
    """`what` and the user's line, for messages of running loops."""
    return f"the {what} at {describe(current_site(2))}"


# type rules -------------------------------------------------------------------------------------


def check_operands(op: str, program: Program, types: Sequence[Type], what: str) -> None:
    """Errors: ShapeError or DTypeError unless `types` fit the inputs of `program`."""
    expected = program.in_types
    if len(types) != len(expected):
        raise ShapeError(f"{op}: {what} takes {len(expected)} inputs, got {len(types)}")
    for k, (want, got) in enumerate(zip(expected, types, strict=True)):
        check_match(op, f"input {k} of {what}", want, got)


def check_carry(op: str, before: Sequence[Type], after: Sequence[Type]) -> None:
    """Errors: ShapeError or DTypeError unless a body returns carries of the types it takes."""
    if len(before) != len(after):
        raise ShapeError(f"{op}: the body takes {len(before)} carries and returns {len(after)}")
    for k, (want, got) in enumerate(zip(before, after, strict=True)):
        check_match(op, f"carry {k} that the body returns", want, got)


def check_match(op: str, what: str, want: Type, got: Type) -> None:
    if want.matches(got):
        return
    same = getattr(want, "shape", None) == getattr(got, "shape", ())
    error = DTypeError if same else ShapeError
    raise error(f"{op}: {what} must be {want}, got {got}")
