"""`custom_vjp`: a function that comes with its own forward and backward pass.

As in `custom_jvp`, the parameters hold flat Python functions, or programs once staged.
`fwd(*args)` -> outputs, then residuals; `bwd(*residuals, *cts)` -> cotangents of the
floating and complex arguments, from those of the floating and complex outputs, zeros
written out both ways. `outputs` is the number of outputs: a list of one number that
running `fwd` fills in.

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
    with_consts,
)
from bibun.ops.families.tangents import has_tangent, zeros_of
from bibun.ops.op import CALL, Op, Sample, is_linear
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
        CALL,
        type_rule=_linear_type,
        eval=_linear_eval,
        jvp=_linear_jvp,
        transpose=_linear_transpose,
        batch=_linear_batch,
        lower=None,
        multiple_results=True,
        structured=True,
        samples=_linear_samples,
        doc="The linear part of a custom_vjp function: only its transpose, `bwd`, is known.",
    )
)


# the function --------------------------------------------------------------------------------


def _stage(trace: Any, args: Any, params: dict[str, Any]) -> Any:
    if isinstance(params["program"], Program):
        return None
    name = params["name"]
    types = [type_of(a) for a in args]
    primal = stage(params["program"], types, name)
    fwd = stage(params["fwd"], types, name)
    count = params["outputs"][0]
    out_types = fwd.out_types[:count]
    if not all(a.matches(b) for a, b in zip(out_types, primal.out_types, strict=True)):
        raise ShapeError(
            f"custom_vjp function {name!r} returns {list(map(str, primal.out_types))}, but its "
            f"fwd rule returns {list(map(str, out_types))} as its first result"
        )
    cts = [t.tangent() for t in out_types if has_tangent(t)]
    bwd = stage(params["bwd"], [*fwd.out_types[count:], *cts], name)
    of_primal, of_fwd, of_bwd = (
        [type_of(c) for c in closed.consts] for closed in (primal, fwd, bwd)
    )
    # What bwd captured rides along as residuals.
    widened = with_consts(fwd.program, of_primal, len(of_fwd), of_bwd)
    start = len(of_primal) + len(of_fwd)
    ride = widened.inputs[start : start + len(of_bwd)]
    b = bwd.program
    n, r = len(of_bwd), len(fwd.out_types) - count
    consts = [*primal.consts, *fwd.consts, *bwd.consts]
    staged = {
        "program": with_consts(primal.program, [], len(of_primal), [*of_fwd, *of_bwd]),
        "fwd": Program(widened.inputs, widened.equations, [*widened.outputs, *ride], name),
        "bwd": Program(
            [*b.inputs[n : n + r], *b.inputs[:n], *b.inputs[n + r :]], b.equations, b.outputs, name
        ),
        "name": name,
        "num_consts": len(consts),
        "outputs": (count,),
    }
    return [*consts, *args], staged


def _jvp(ctx: Any, primals: Any, tangents: Any, name: str, **params: Any) -> Any:
    raise no_forward_mode(name)


def _linearize(
    ctx: Any, primals: Any, nonzero: Any, program: Any, fwd: Any, bwd: Any, name: str,
    num_consts: int, outputs: Any,
) -> Any:  # fmt: skip
    refuse_closure(name, "custom_vjp", nonzero[:num_consts])
    both = ctx.run(fwd, primals)
    count = outputs[0]
    outs, residuals = both[:count], both[count:]
    out_nonzero = tuple(has_tangent(type_of(o)) for o in outs)
    types = tuple(type_of(o).tangent() for o, nz in zip(outs, out_nonzero, strict=True) if nz)
    args = list(zip(primals, nonzero, strict=True))[num_consts:]
    which = tuple(nz for p, nz in args if has_tangent(type_of(p)))

    def linear(*tangents: Any) -> Any:
        return custom_vjp_linear(
            *residuals,
            *tangents,
            bwd=bwd,
            num_residuals=len(residuals),
            nonzero=which,
            out_types=types,
            name=name,
        )

    return outs, out_nonzero, linear


def _batch(
    ctx: Any, size: int, args: Any, dims: Any, program: Any, fwd: Any, bwd: Any, name: str,
    num_consts: int, outputs: Any,
) -> Any:  # fmt: skip
    mapped = tuple(d is not None for d in dims)
    args = bring_front(args, dims)
    summed = tuple(
        not m
        for m, a in list(zip(mapped, args, strict=True))[num_consts:]
        if has_tangent(type_of(a))
    )
    of_bwd: tuple[bool, ...] | bool = True
    if isinstance(fwd, Program):  # residuals that are the same for all stay so
        count = outputs[0]
        kept = len(fwd.outputs) - count
        fwd, flags = ctx.batch(fwd, size, mapped, (True,) * count + (False,) * kept)
        of_bwd = flags[count:] + (True,) * (len(bwd.inputs) - kept)
    else:
        fwd = ctx.batch_fun(fwd, size, mapped)
    outs = custom_vjp(
        *args,
        program=ctx.batch_fun(program, size, mapped),
        fwd=fwd,
        bwd=ctx.batch_fun(bwd, size, of_bwd, summed),
        name=name,
        num_consts=num_consts,
        outputs=outputs,
    )
    return outs, [0] * len(outs)


def _samples() -> list[Sample]:
    from bibun.ops.elementwise import cos, mul, sin
    from bibun.trace.stage import stage_program

    x = np.linspace(0.1, 2.0, 3)
    t = type_of(x)
    params = {
        "program": stage_program(lambda a: [sin(a)], [t]),
        "fwd": stage_program(lambda a: [sin(a), cos(a)], [t]),
        "bwd": stage_program(lambda res, ct: [mul(res, ct)], [t, t]),
    }
    return [Sample(x, diff=(), name="sample", num_consts=0, outputs=(1,), **params)]


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
        doc="`custom_vjp(*args, program, fwd, bwd, …)`: program, with a reverse rule of its own.",
    )
)
