"""Branches: `cond` and `switch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import tree
from bibun.config import config
from bibun.ir.program import Closed, Program
from bibun.ir.types import Type
from bibun.lax._bodies import cast, here, leaves_of, meet, mismatch, name_of, trace_body, values
from bibun.ops.control.common import rewire
from bibun.ops.control.cond import switch as switch_op
from bibun.ops.elementwise import convert, ne
from bibun.trace.core import as_value, concrete, type_of

_INT64 = np.dtype(np.int64)


def cond(
    pred: Any,
    true_fun: Callable[..., Any],
    false_fun: Callable[..., Any],
    *operands: Any,
    operand: Any = None,
) -> Any:
    """`true_fun(*operands)` where `pred` holds, else `false_fun(*operands)`.

    `pred` is a bool (or a number: nonzero is true) without dimensions. Both functions return
    the same structure, shapes and dtypes. Only the branch taken runs, unless `vmap` makes the
    predicate differ from lane to lane.

    Errors: TypeError, ShapeError or DTypeError, with the leaf's path, where the branches differ.

    >>> float(cond(True, lambda x: x + 1.0, lambda x: x * 2.0, 5.0))
    6.0
    """
    if operand is not None:
        operands = (*operands, operand)
    p = as_value(pred)
    t = type_of(p)
    if t.shape != () or t.dtype.kind == "V":  # type: ignore[union-attr]
        raise TypeError(f"cond: pred must be a scalar, got {t}.{here()}")
    if t.dtype.kind != "b":  # type: ignore[union-attr]
        p = ne(p, t.dtype.type(0))  # type: ignore[union-attr]
    return _branch("cond", convert(p, new_dtype=_INT64), (false_fun, true_fun), operands)


_NOTHING = object()


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any,
           operand: Any = _NOTHING) -> Any:  # fmt: skip
    """`branches[index](*operands)`, with the index clamped to the branches there are.

    Errors: ValueError without branches; TypeError for an index that is not an integer scalar;
    those of `cond` where the branches differ.

    >>> float(switch(7, [lambda x: x, lambda x: -x], 3.0))
    -3.0
    """
    operands = operands if operand is _NOTHING else (*operands, operand)
    if not branches:
        raise ValueError("switch: there must be at least one branch")
    t = type_of(index)
    if t.shape != () or t.dtype.kind not in "iu":  # type: ignore[union-attr]
        raise TypeError(f"switch: the index must be an integer scalar, got {t}.{here()}")
    return _branch("switch", cast(as_value(index), _INT64), tuple(branches), operands)


def _branch(
    what: str, index: Any, funs: tuple[Callable[..., Any], ...], operands: tuple[Any, ...]
) -> Any:
    known = concrete(index) if config.disable_jit else None
    if len(funs) == 1 or known is not None:
        taken = funs[min(max(int(known or 0), 0), len(funs) - 1)]
        return values(taken(*values(operands)))
    leaves, structure = leaves_of(operands, f"{what}: operands")
    types = [type_of(x) for x in leaves]
    wanted: list[Any] | None = None
    while True:
        traced = [_trace_branch(f, types, structure, wanted, what) for f in funs]
        met = _agree(what, funs, traced)
        if all(
            t.dtype == m.dtype for _, ts, *_ in traced for t, m in zip(ts, met, strict=True)
        ):
            break
        wanted = met
    programs, consts = _common_consts([closed for closed, *_ in traced])
    outs = switch_op(index, *consts, *leaves, branches=programs)
    return tree.unflatten(traced[0][2], outs)


_Traced = tuple[Closed, list[Type], Any, Any]


def _trace_branch(
    fun: Callable[..., Any], types: Sequence[Type], structure: Any, wanted: Any, what: str
) -> _Traced:
    """A closed program, its result types, structure, and the paths of its leaves."""
    found: list[Any] = []

    def flat(*args: Any) -> list[Any]:
        result = fun(*tree.unflatten(structure, args))
        outs, out_tree = leaves_of(result, f"{what}: result of {name_of(fun)}")
        if wanted is not None:
            outs = [cast(x, t.dtype) for x, t in zip(outs, wanted, strict=True)]
        paths = [tree.keystr(p) for p, _ in tree.leaves_with_path(result)]
        found[:] = [[type_of(o) for o in outs], out_tree, paths]
        return outs

    closed = trace_body(flat, types, name_of(fun))
    return closed, *found  # type: ignore[return-value]


def _agree(what: str, funs: Sequence[Callable[..., Any]], traced: Sequence[_Traced]) -> list[Any]:
    """The types that the results of all branches can take."""
    _, met, structure, paths = traced[0]
    for f, (_, types, other, _) in zip(funs[1:], traced[1:], strict=True):
        if other != structure:
            raise TypeError(
                f"{what}: the branches must return the same structure: {name_of(funs[0])} returns "
                f"{structure}, {name_of(f)} returns {other}.{here()}"
            )
        both = [meet(a, b) for a, b in zip(met, types, strict=True)]
        for k, m in enumerate(both):
            if m is None:
                raise mismatch(
                    f"{what}: result", paths[k], met[k], types[k],
                    f"in {name_of(funs[0])}", f"in {name_of(f)}",
                )  # fmt: skip
        met = both  # type: ignore[assignment]
    return met


def _common_consts(branches: Sequence[Closed]) -> tuple[tuple[Program, ...], list[Any]]:
    """The programs of the branches with the captured values of all of them as inputs."""
    position: dict[int, int] = {}
    consts: list[Any] = []
    for b in branches:
        for c in b.consts:
            if id(c) not in position:
                position[id(c)] = len(consts)
                consts.append(c)
    programs = []
    for b in branches:
        own = {position[id(c)]: k for k, c in enumerate(b.consts)}
        shared = [own.get(k, type_of(c)) for k, c in enumerate(consts)]
        rest = range(len(b.consts), len(b.program.inputs))
        programs.append(rewire(b.program, (*shared, *rest)))
    return tuple(programs), consts
