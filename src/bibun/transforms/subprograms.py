"""Transformations of programs to programs, by tracing them again.

Each stages `replay(program)` under the trace of the transformation; so a program inside a
loop or a `jit` obeys the very rules that eager code obeys. `CONTEXT` memoises the results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.array import Array
from bibun.ir.program import Atom, Equation, Literal, Program, Var
from bibun.ir.types import ArrayType, RaggedType, Type
from bibun.ops.families.tangents import has_tangent, sum_front, zeros_of
from bibun.ops.families.tangents import instantiate as instantiated
from bibun.trace.core import current_trace, type_of, using_trace
from bibun.trace.replay import replay
from bibun.trace.stage import StageTrace
from bibun.transforms.batch import batched_to_front
from bibun.transforms.context import CONTEXT, Flags, Linearized
from bibun.transforms.jvp import jvp_flat
from bibun.transforms.linearize import linearize_flat
from bibun.transforms.simplify import drop_dead, merge_equal, simplify
from bibun.transforms.transpose import transpose_program as transpose_in_trace

simplify_program = simplify


def _flags(flags: Flags, count: int) -> Sequence[bool]:
    return (flags,) * count if isinstance(flags, bool) else flags


def _close(trace: StageTrace, outputs: Sequence[Any], name: str) -> Program:
    """The program of a trace that captured nothing but scalars, which become literals."""
    closed = trace.close(outputs, name)
    if not closed.consts:
        return simplify(closed.program)
    renamed: dict[Var, Atom] = {}
    for var, value in zip(closed.program.inputs, closed.consts, strict=False):
        value = value._value if type(value) is Array else value
        if not isinstance(value, np.ndarray) or value.ndim or value.dtype.kind == "V":
            raise ValueError(
                f"a rule used the array {type_of(value)} while it transformed the sub-program "
                f"{name or '(unnamed)'}. Sub-programs are closed: a rule must make its constants "
                "with ops (broadcast_to, iota, ...)"
            )
        renamed[var] = Literal(value[()], var.type)  # type: ignore[arg-type]
    program = closed.program
    inputs = program.inputs[len(closed.consts) :]
    equations = merge_equal(program.equations, renamed)
    outs = [renamed.get(a, a) for a in program.outputs]  # type: ignore[call-overload]
    return Program(inputs, drop_dead(equations, outs), outs, name)


def _retrace(fun: Callable[..., Sequence[Any]], types: Sequence[Type], name: str) -> Program:
    trace = StageTrace(current_trace())
    inputs = [trace.new_input(t) for t in types]
    with using_trace(trace):
        outputs = fun(*inputs)
    return _close(trace, outputs, name)


def jvp_program(
    program: Program, nonzero: tuple[bool, ...], instantiate: Flags
) -> tuple[Program, tuple[bool, ...]]:
    """See `Context.jvp`."""
    count = len(program.inputs)
    out_nonzero: tuple[bool, ...] = ()

    def fun(*args: Any) -> list[Any]:
        nonlocal out_nonzero
        some = iter(args[count:])
        tangents_in = [next(some) if nz else None for nz in nonzero]
        outs, tangents, _ = jvp_flat(
            lambda *xs: replay(program, xs), args[:count], tangents_in
        )
        for i, want in enumerate(_flags(instantiate, len(outs))):
            if want and has_tangent(program.outputs[i].type):
                tangents[i] = instantiated(tangents[i], outs[i])
        out_nonzero = tuple(t is not None for t in tangents)
        return outs + [t for t in tangents if t is not None]

    types = [*program.in_types]
    types += [t.tangent() for t, nz in zip(program.in_types, nonzero, strict=True) if nz]
    return _retrace(fun, types, program.name), out_nonzero


def linearize_program(
    program: Program, nonzero: tuple[bool, ...], instantiate: Flags
) -> Linearized:
    """See `Context.linearize`. Residuals are few: none twice, no constant, none unused."""
    outer = StageTrace(current_trace())
    inputs = [outer.new_input(t) for t in program.in_types]
    with using_trace(outer):
        outs, linear_map, _ = linearize_flat(
            lambda *xs: replay(program, xs), inputs, nonzero
        )
    inner = linear_map.trace
    tangents = list(linear_map.outputs)
    with using_trace(inner):
        for i, want in enumerate(_flags(instantiate, len(outs))):
            if want and tangents[i] is None and has_tangent(program.outputs[i].type):
                tangents[i] = zeros_of(program.outputs[i].type.tangent())
    out_nonzero = tuple(t is not None for t in tangents)

    closed = inner.close([t for t in tangents if t is not None], program.name)
    linear = simplify(closed.program)
    used = {a for eq in linear.equations for a in eq.inputs}
    used.update(linear.outputs)
    candidates = [
        (var, value)
        for var, value in zip(linear.inputs, closed.consts, strict=False)
        if var in used
    ]
    primal = _close(outer, [*outs, *(value for _, value in candidates)], program.name)

    # Which atoms of the simplified primal program the candidates are decides what becomes of
    # them: literals and constants are made again, equal ones are one, the rest are residuals.
    atoms = primal.outputs[len(outs) :]
    constants = _constant_equations(primal)
    renamed: dict[Any, Atom] = {}
    residuals: dict[Atom, Var] = {}
    prologue: dict[Equation, Equation] = {}
    for (var, _), atom in zip(candidates, atoms, strict=True):
        if type(atom) is Literal:
            renamed[var] = atom
        elif atom in constants:
            renamed[var] = _copy_constant(atom, constants, prologue)  # type: ignore[arg-type]
        elif atom in residuals:
            renamed[var] = residuals[atom]
        else:
            residuals[atom] = var
    equations = [*prologue.values(), *linear.equations]
    equations = merge_equal(equations, renamed)
    outputs = [renamed.get(a, a) for a in linear.outputs]
    tangent_inputs = linear.inputs[len(closed.consts) :]
    linear = Program(
        [*residuals.values(), *tangent_inputs],
        drop_dead(equations, outputs),
        outputs,
        program.name,
    )
    kept = [*primal.outputs[: len(outs)], *residuals]
    primal = Program(primal.inputs, drop_dead(primal.equations, kept), kept, program.name)
    position: dict[Any, int] = {v: i for i, v in enumerate(primal.inputs)}
    forwarded = tuple(position.get(a) for a in residuals)
    return Linearized(primal, linear, out_nonzero, len(residuals), forwarded)


def _constant_equations(program: Program) -> dict[Var, Equation]:
    """Equations that depend on no input, by output: cheaper made again than kept."""
    constant: dict[Any, Equation] = {}
    for eq in program.equations:
        if not eq.op.has_effects and not eq.op.structured:
            if all(type(a) is Literal or a in constant for a in eq.inputs):
                constant.update(dict.fromkeys(eq.outputs, eq))
    return constant


def _copy_constant(
    atom: Var, constants: dict[Var, Equation], copies: dict[Equation, Equation]
) -> Var:
    """Copy the equations that make `atom`, in order, into `copies`; its new variable."""
    eq = constants[atom]
    if eq not in copies:
        ins = [
            a if type(a) is Literal else _copy_constant(a, constants, copies)  # type: ignore[arg-type]
            for a in eq.inputs
        ]
        copies[eq] = eq.replace(inputs=ins, outputs=[Var(v.type) for v in eq.outputs])
    return copies[eq].outputs[eq.outputs.index(atom)]


def transpose_program(
    program: Program, linear: tuple[bool, ...], ct_nonzero: tuple[bool, ...]
) -> tuple[Program, tuple[bool, ...]]:
    """See `Context.transpose`."""
    nonzero: tuple[bool, ...] = ()
    linear_types = [t for t, lin in zip(program.in_types, linear, strict=True) if lin]

    def fun(*args: Any) -> list[Any]:
        nonlocal nonzero
        some = iter(args)
        known = [None if lin else next(some) for lin in linear]
        cts = [next(some) if nz else None for nz in ct_nonzero]
        found = transpose_in_trace(program, known, linear, cts)
        nonzero = tuple(ct is not None for ct in found)
        return [
            zeros_of(t.tangent()) if ct is None else ct
            for ct, t in zip(found, linear_types, strict=True)
        ]

    types = [t for t, lin in zip(program.in_types, linear, strict=True) if not lin]
    types += [t.tangent() for t, nz in zip(program.out_types, ct_nonzero, strict=True) if nz]
    return _retrace(fun, types, program.name), nonzero


def _stacked(type: Type, size: int) -> Type:
    if isinstance(type, RaggedType):
        return RaggedType(_stacked(type.element, size))  # type: ignore[arg-type]
    return ArrayType((size, *type.shape), type.dtype, type.weak)


def batch_program(
    program: Program, size: int, mapped: tuple[bool, ...], instantiate: Flags
) -> tuple[Program, tuple[bool, ...]]:
    """See `Context.batch`."""
    flags: tuple[bool, ...] = ()

    def fun(*args: Any) -> list[Any]:
        nonlocal flags
        outs, flags = batched_to_front(
            lambda *xs: replay(program, xs), size, args, mapped, instantiate
        )
        return outs

    types = [
        _stacked(t, size) if m else t for t, m in zip(program.in_types, mapped, strict=True)
    ]
    return _retrace(fun, types, program.name), flags


def batched_function(
    fun: Callable[..., Any] | Program, size: int, mapped: Flags, sum_outputs: tuple[bool, ...]
) -> Callable[..., list[Any]]:
    """See `Context.batch_fun`: a flat function of stacked arguments in any trace."""

    def batched(*args: Any) -> list[Any]:
        outs, _ = batched_to_front(
            lambda *xs: CONTEXT.run(fun, xs), size, args, _flags(mapped, len(args)), True
        )
        if any(sum_outputs):
            outs = [
                sum_front(o) if s else o for o, s in zip(outs, sum_outputs, strict=True)
            ]
        return outs

    return batched


def batch_fun_program(
    program: Program, size: int, mapped: tuple[bool, ...], sum_outputs: tuple[bool, ...]
) -> Program:
    """`batched_function` of a program, as a program."""
    types = [
        _stacked(t, size) if m else t for t, m in zip(program.in_types, mapped, strict=True)
    ]
    fun = batched_function(program, size, mapped, sum_outputs)
    return _retrace(fun, types, program.name)
