"""`spectral_change(a, e; program, second)`: the derivative of a function of matrices, as a whole.

`program` computes L(a, e), the change of f at a in the direction e, and `second` L²(a, e, d), the
change of that as a moves by d (`bibun.scipy.linalg.funm`). What makes it an op of its own is the
transpose: f(a)ᵀ = f(aᵀ), so the transpose of e ↦ L(a, e) is L(aᵀ, ·), the same op again.
Derivatives of reverse mode are then `second`'s as well, and nothing ever differentiates the
eigenvectors that `program` uses, which cannot be done at repeated eigenvalues.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ops.control.call import check_inputs
from bibun.ops.families.linalg import flip
from bibun.ops.families.shape import mapped_front
from bibun.ops.op import CALL, Op, Sample, is_linear
from bibun.ops.registry import register
from bibun.trace.core import type_of
from bibun.trace.replay import replay


def _type_rule(*types: Any, program: Any, second: Any) -> list[Any]:
    check_inputs("spectral_change", program, types)
    return list(program.out_types)


def _jvp(ctx: Any, primals: Any, tangents: Any, **programs: Any) -> Any:
    from bibun.ops.elementwise import add

    (a, e), (ta, te) = primals, tangents
    parts = []
    if te is not None:
        parts += spectral_change(a, te, **programs)
    if ta is not None:
        parts += replay(programs["second"], [a, e, ta])
    out = spectral_change(a, e, **programs)
    return out, [parts[0] if len(parts) == 1 else add(*parts)]


def _transpose(ctx: Any, cts: Any, a: Any, e: Any, **programs: Any) -> Any:
    assert is_linear(e)
    assert not is_linear(a)
    return [None, *spectral_change(flip(a), cts[0], **programs)]


def _batch(ctx: Any, size: int, args: Any, dims: Any, program: Any, second: Any) -> Any:
    fronted = [mapped_front(x, d, size) for x, d in zip(args, dims, strict=True)]
    outs = spectral_change(
        *fronted,
        program=ctx.batch(program, size, (True, True), True)[0],
        second=ctx.batch(second, size, (True, True, True), True)[0],
    )
    return outs, [0] * len(outs)


def _samples() -> list[Sample]:
    from bibun.ops.elementwise import add
    from bibun.ops.families.linalg import matmul
    from bibun.trace.stage import stage_program

    a = np.sin(np.arange(9.0) ** 2).reshape(3, 3)
    t = type_of(a)
    program = stage_program(lambda a, e: [add(matmul(a, e), matmul(e, a))], [t, t])
    second = stage_program(lambda a, e, d: [add(matmul(d, e), matmul(e, d))], [t, t, t])
    return [Sample(a, a[::-1].copy(), program=program, second=second)]


spectral_change = register(
    Op(
        "spectral_change",
        CALL,
        type_rule=_type_rule,
        eval=lambda ctx, args, program, second: ctx.execute(program, args),
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        lower=None,
        multiple_results=True,
        structured=True,
        samples=_samples,
        doc="`spectral_change(a, e; program, second)`: the derivative of a function of matrices a "
        "in directions e, by `program`; `second(a, e, d)` is its derivative in turn.",
    )
)
