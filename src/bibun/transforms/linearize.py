"""Linearization in one pass: primals are computed while the linear part is written down.

`LinearizeTrace` is forward mode whose tangents are variables of a program under
construction. An op's ordinary `jvp` rule runs under a `SplitTrace`, which sends a call that
touches a tangent to that program and every other call to the parent trace. What the
program then captures are the residuals. No second partial evaluation is needed, and on
concrete values nothing but the linear part is staged.

Structured ops that can do better than their jvp (loops save a tape) bring a `linearize`
rule; its linear function is called under the same `SplitTrace`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.ir.program import Closed, Var
from bibun.trace.core import Trace, settled, state, type_of, using_trace
from bibun.trace.stage import StageTrace, StageTracer
from bibun.transforms.context import CONTEXT
from bibun.transforms.jvp import JVPTrace, JVPTracer, apply_rule


class SplitTrace(Trace):
    """Calls with a tangent among their arguments are staged, the others run in the parent."""

    __slots__ = ("tangents",)

    def __init__(self, parent: Trace, tangents: StageTrace) -> None:
        self.parent = parent
        self.tangents = tangents

    def process(self, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        staged = self.tangents
        for a in args:
            if type(a) is StageTracer and a._trace is staged:
                return staged.process(op, args, params)
        state.trace = self.parent
        try:
            return self.parent.process(op, args, params)
        finally:
            state.trace = self


class LinearizeTrace(JVPTrace):
    """Forward mode over a `SplitTrace` (its parent), with `linearize` rules where there are."""

    __slots__ = ("base",)

    def __init__(self, parent: Trace, tangents: StageTrace) -> None:
        self.base = parent
        self.parent = SplitTrace(parent, tangents)

    def process(self, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals, tangents, live = self.operands(args)
        state.trace = self.base
        try:
            if not live or (op.jvp is None and op.linearize is None):
                return self.base.process(op, primals, params)
            if op.linearize is not None:
                nonzero = tuple(t is not None for t in tangents)
                out, out_nonzero, linear = op.linearize(CONTEXT, primals, nonzero, **params)
                state.trace = self.parent
                some = iter(linear(*[t for t in tangents if t is not None]))
                tangent = [next(some) if nz else None for nz in out_nonzero]
                if not op.multiple_results:
                    out, tangent = out[0], tangent[0]
            else:
                state.trace = self.parent
                out, tangent = apply_rule(op, primals, tangents, params)
        finally:
            state.trace = self
        return self.wrap(op, out, tangent)


class LinearMap:
    """The linear part of a function at a point: staged equations over residual values.

    `inputs` are the variables of the tangents that may be nonzero, `outputs` one tangent for
    each output of the function: a tracer, a constant, or None for zero.
    """

    __slots__ = ("trace", "outputs")

    def __init__(self, trace: StageTrace, outputs: Sequence[Any]) -> None:
        self.trace = trace
        self.outputs = outputs

    @property
    def inputs(self) -> list[Var]:
        return self.trace.inputs

    def settle(self) -> None:
        """Have residuals that outlive the call in memory that nobody writes to."""
        self.trace.const_values = [settled(v) for v in self.trace.const_values]

    def residuals(self) -> dict[Var, Any]:
        trace = self.trace
        return dict(zip(trace.consts.values(), trace.const_values, strict=True))

    def close(self) -> Closed:
        """A program of the nonzero outputs, its residuals first."""
        return self.trace.close([t for t in self.outputs if t is not None])


def linearize_flat(
    fun: Callable[..., Sequence[Any]], primals: Sequence[Any], nonzero: Sequence[bool]
) -> tuple[list[Any], LinearMap, JVPTrace]:
    """Outputs of a flat function and its linear part with respect to the `nonzero` inputs."""
    tangents = StageTrace(state.trace)
    trace = LinearizeTrace(state.trace, tangents)
    args = [
        JVPTracer(trace, p, tangents.new_input(type_of(p).tangent())) if nz else p
        for p, nz in zip(primals, nonzero, strict=True)
    ]
    with using_trace(trace):
        outs = fun(*args)
    pairs = [trace.split(o) for o in outs]
    return [p for p, _ in pairs], LinearMap(tangents, [t for _, t in pairs]), trace
