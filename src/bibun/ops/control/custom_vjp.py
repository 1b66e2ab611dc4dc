"""`custom_vjp`: a function that comes with its own forward and backward pass.

As in `custom_jvp`, `program` is a flat Python function, or a program once staged; `rule` is a
`Passes`, or a `Rule` that makes one. `fwd(*args)` -> outputs, then residuals;
`bwd(*residuals, *cts)` -> cotangents of the floating and complex arguments, from those of the
floating and complex outputs, zeros written out both ways.

Linearizing stages a `custom_vjp_linear` equation. Nothing can evaluate it, since no
forward rule was given; its transpose calls `bwd`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DifferentiationError, ShapeError
from bibun.ir.program import Program
from bibun.ir.types import ArrayType
from bibun.ops.control.call import bring_front, call_type
from bibun.ops.control.custom_jvp import (
    _transpose,
    refuse_closure,
    run_custom,
)
from bibun.ops.control.rules import Rule, discover, is_plain, over_consts, unite
from bibun.ops.families.tangents import has_tangent, zeros_of
from bibun.ops.op import CALL, LIBRARY, Op, Sample, is_linear
from bibun.ops.registry import register
from bibun.trace.core import type_of
from bibun.trace.stage import stage


def no_forward_mode(name: str) -> DifferentiationError:
    return DifferentiationError(
        f"forward-mode differentiation (jvp, jacfwd, linearize's result) reached the custom_vjp "
        f"function {name!r}, which defines only a reverse rule. Use reverse mode (grad, vjp, "
        "jacrev), or give the function a custom_jvp rule, from which both modes follow."
    )


# the linear part -----------------------------------------------------------------------------


def _linear_type(*types: Any, out_types: Any, **params: Any) -> Any:
    return list(out_types)


def _linear_eval(ctx: Any, args: Any, name: str, **params: Any) -> Any:
    raise no_forward_mode(name)


def _linear_lower(b: Any, ins: Any, outs: Any, name: str, **params: Any) -> Any:
    raise no_forward_mode(name)


def _linear_jvp(ctx: Any, primals: Any, tangents: Any, name: str, **params: Any) -> Any:
    raise no_forward_mode(name)


def _linear_transpose(
    ctx: Any, cts: Any, *args: Any, bwd: Any, num_residuals: int, nonzero: Any, out_types: Any,
    name: str,
) -> Any:  # fmt: skip
    residuals = args[:num_residuals]
    if any(map(is_linear, residuals)):
        raise DifferentiationError(
            f"the residuals of the custom_vjp function {name!r} depend on the values that are "
            "being transposed: the function is not linear"
        )
    cts = [zeros_of(t) if ct is None else ct for ct, t in zip(cts, out_types, strict=True)]
    found = ctx.run(bwd, [*residuals, *cts])
    wanted = [ct for ct, nz in zip(found, nonzero, strict=True) if nz]
    return [None] * num_residuals + wanted


def _linear_batch(
    ctx: Any, size: int, args: Any, dims: Any, bwd: Any, num_residuals: int, nonzero: Any,
    out_types: Any, name: str,
) -> Any:  # fmt: skip
    mapped = tuple(d is not None for d in dims)
    of_tangents = iter(mapped[num_residuals:])
    outs = custom_vjp_linear(
        *bring_front(args, dims),
        bwd=ctx.batch_fun(
            bwd,
            size,
            mapped[:num_residuals] + (True,) * len(out_types),
            tuple(nz and not next(of_tangents) for nz in nonzero),
        ),
        num_residuals=num_residuals,
        nonzero=nonzero,
        out_types=tuple(ArrayType((size, *t.shape), t.dtype) for t in out_types),
        name=name,
    )
    return outs, [0] * len(outs)


def _linear_samples() -> list[Sample]:
    return []  # there is no value to check: the derivative tests of custom_vjp cover it


custom_vjp_linear = register(
    Op(
        "custom_vjp_linear",
        LIBRARY,
        type_rule=_linear_type,
        eval=_linear_eval,
        jvp=_linear_jvp,
        transpose=_linear_transpose,
        batch=_linear_batch,
        lower=_linear_lower,
        multiple_results=True,
        structured=True,
        samples=_linear_samples,
        doc="The linear part of a custom_vjp function: only its transpose, `bwd`, is known.",
    )
)


# the function --------------------------------------------------------------------------------


class Passes:
    """Forward and backward pass: flat functions, or programs; and the number of outputs.

    Of flat functions the number of outputs is known once `fwd` has run.
    """

    __slots__ = ("fwd", "bwd", "outputs")

    def __init__(self, fwd: Any, bwd: Any, outputs: Any) -> None:
        self.fwd = fwd
        self.bwd = bwd
        self.outputs = outputs


def _stage_passes(passes: Passes, types: Any, name: str) -> tuple[Any, Any, int]:
    """Forward and backward pass, staged one after the other."""
    fwd = stage(passes.fwd, types, name)
    count = passes.outputs[0]
    cts = [t.tangent() for t in fwd.out_types[:count] if has_tangent(t)]
    return fwd, stage(passes.bwd, [*fwd.out_types[count:], *cts], name), count


def _closed_passes(staged: Any, consts: Any, name: str) -> Passes:
    """Both passes over all of `consts`, which ride along among the residuals."""
    fwd, bwd, count = staged
    forward = over_consts(fwd, consts, name)
    ride = forward.inputs[: len(consts)]
    return Passes(
        Program(forward.inputs, forward.equations, [*forward.outputs, *ride], name),
        over_consts(bwd, consts, name, head=len(fwd.out_types) - count),
        (count,),
    )


def _stage(trace: Any, args: Any, params: dict[str, Any]) -> Any:
    fun, passes, owner = params["program"], params["rule"], params["owner"]
    if isinstance(fun, Program):
        return None
    name = params["name"]
    types = [type_of(a) for a in args]
    primal = stage(fun, types, name)
    consts, made = list(primal.consts), None
    if is_plain(owner):
        lazy = None
    else:
        staged, recursive = discover(owner, lambda: _stage_passes(passes, types, name))
        fwd, bwd, count = staged
        out_types = fwd.out_types[:count]
        if not all(a.matches(b) for a, b in zip(out_types, primal.out_types, strict=True)):
            raise ShapeError(
                f"custom_vjp function {name!r} returns {list(map(str, primal.out_types))}, but "
                f"its fwd rule returns {list(map(str, out_types))} as its first result"
            )
        consts = unite(primal.consts, fwd.consts, bwd.consts)
        if not recursive:
            made = _closed_passes(staged, consts, name)
        lazy = Rule(
            lambda: _closed_passes(_stage_passes(passes, types, name), consts, name), made
        )
    staged_params = {
        "program": over_consts(primal, consts, name),
        "rule": lazy,
        "name": name,
        "num_consts": len(consts),
        "owner": None,
    }
    return [*consts, *args], staged_params


def _jvp(ctx: Any, primals: Any, tangents: Any, name: str, **params: Any) -> Any:
    raise no_forward_mode(name)


def _linearize(
    ctx: Any, primals: Any, nonzero: Any, program: Any, rule: Any, name: str, num_consts: int,
    owner: Any,
) -> Any:  # fmt: skip
    refuse_closure(name, "custom_vjp", nonzero[:num_consts])
    passes = rule.force() if isinstance(rule, Rule) else rule
    both = ctx.run(passes.fwd, primals)
    count = passes.outputs[0]
    outs, residuals = both[:count], both[count:]
    out_nonzero = tuple(has_tangent(type_of(o)) for o in outs)
    types = tuple(type_of(o).tangent() for o, nz in zip(outs, out_nonzero, strict=True) if nz)
    args = list(zip(primals, nonzero, strict=True))[num_consts:]
    which = tuple(nz for p, nz in args if has_tangent(type_of(p)))

    def linear(*tangents: Any) -> Any:
        return custom_vjp_linear(
            *residuals,
            *tangents,
            bwd=passes.bwd,
            num_residuals=len(residuals),
            nonzero=which,
            out_types=types,
            name=name,
        )

    return outs, out_nonzero, linear


def _batch_passes(ctx: Any, passes: Passes, size: int, mapped: Any, summed: Any) -> Passes:
    """Both passes for a batch; cotangents of unmapped arguments are summed."""
    if not isinstance(passes.fwd, Program):
        return Passes(
            ctx.batch_fun(passes.fwd, size, mapped),
            ctx.batch_fun(passes.bwd, size, True, summed),
            passes.outputs,
        )
    count = passes.outputs[0]
    kept = len(passes.fwd.outputs) - count
    # residuals that are the same for all stay so
    fwd, flags = ctx.batch(passes.fwd, size, mapped, (True,) * count + (False,) * kept)
    of_bwd = flags[count:] + (True,) * (len(passes.bwd.inputs) - kept)
    return Passes(fwd, ctx.batch_fun(passes.bwd, size, of_bwd, summed), passes.outputs)


def _batch(
    ctx: Any, size: int, args: Any, dims: Any, program: Any, rule: Any, name: str,
    num_consts: int, owner: Any,
) -> Any:  # fmt: skip
    mapped = tuple(d is not None for d in dims)
    args = bring_front(args, dims)
    summed = tuple(
        not m
        for m, a in list(zip(mapped, args, strict=True))[num_consts:]
        if has_tangent(type_of(a))
    )
    if isinstance(rule, Rule):
        rule = rule.derive(
            (size, mapped), lambda passes: _batch_passes(ctx, passes, size, mapped, summed)
        )
    else:
        rule = _batch_passes(ctx, rule, size, mapped, summed)
    outs = custom_vjp(
        *args,
        program=ctx.batch_fun(program, size, mapped),
        rule=rule,
        name=name,
        num_consts=num_consts,
        owner=owner,
    )
    return outs, [0] * len(outs)


def _samples() -> list[Sample]:
    from bibun.ops.elementwise import cos, mul, sin
    from bibun.trace.stage import stage_program

    x = np.linspace(0.1, 2.0, 3)
    t = type_of(x)
    passes = Passes(
        stage_program(lambda a: [sin(a), cos(a)], [t]),
        stage_program(lambda res, ct: [mul(res, ct)], [t, t]),
        (1,),
    )
    return [
        Sample(
            x,
            diff=(),
            program=stage_program(lambda a: [sin(a)], [t]),
            rule=Rule(lambda: passes),
            name="sample",
            num_consts=0,
            owner=None,
        )
    ]


custom_vjp = register(
    Op(
        "custom_vjp",
        CALL,
        type_rule=call_type,
        eval=run_custom,
        jvp=_jvp,
        linearize=_linearize,
        transpose=_transpose,
        batch=_batch,
        lower=None,
        stage=_stage,
        multiple_results=True,
        structured=True,
        samples=_samples,
        doc="`custom_vjp(*args, program, rule, …)`: the program, with a reverse rule of its own.",
    )
)
