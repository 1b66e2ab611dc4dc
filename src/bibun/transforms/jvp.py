"""Forward mode: a trace whose values carry a tangent beside the primal.

A `JVPTracer` always has a tangent; a value with a zero tangent is left as it is, so that
work on constants never enters the rules. An op's rule runs in the parent trace. Because
the primal inside is a real value of the parent, Python control flow on it works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.config import config
from bibun.trace.core import Trace, Tracer, state, type_of, using_trace
from bibun.trace.sites import DERIVATIVE, current_site, forced, noted
from bibun.transforms.context import CONTEXT


def apply_rule(
    op: Any, primals: Sequence[Any], tangents: Sequence[Any], params: dict[str, Any]
) -> Any:
    """Value and tangent by the op's rule; under `debug_nans` its calls note whose they are."""
    if op.structured:  # what it runs has sites of its own
        return op.jvp(CONTEXT, primals, tangents, **params)
    if not (config.watch_nans and config.debug_nans):
        return op.jvp(primals, tangents, **params)
    site = forced.site
    forced.site = noted(current_site(), DERIVATIVE, op.name)
    try:
        return op.jvp(primals, tangents, **params)
    finally:
        forced.site = site


class JVPTracer(Tracer):
    """A primal value and its tangent."""

    __slots__ = ("primal", "tangent")

    def __init__(self, trace: Trace, primal: Any, tangent: Any) -> None:
        self._trace = trace
        self.primal = primal
        self.tangent = tangent

    @property
    def type(self) -> Any:  # type: ignore[override]
        return type_of(self.primal)

    def concrete(self) -> Any:
        return self.primal


class JVPTrace(Trace):
    """Computes primals and tangents side by side in the parent trace."""

    __slots__ = ()

    def __init__(self, parent: Trace) -> None:
        self.parent = parent

    def process(self, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals, tangents, live = self.operands(args)
        state.trace = self.parent
        try:
            if not live or op.jvp is None:
                return self.parent.process(op, primals, params)
            out, tangent = apply_rule(op, primals, tangents, params)
        finally:
            state.trace = self
        return self.wrap(op, out, tangent)

    def operands(self, args: Sequence[Any]) -> tuple[list[Any], list[Any], bool]:
        """Primals, tangents (None: zero), and whether there are any."""
        primals = list(args)
        tangents: list[Any] = [None] * len(primals)
        live = False
        for i, a in enumerate(args):
            if type(a) is JVPTracer and a._trace is self:
                primals[i] = a.primal
                tangents[i] = a.tangent
                live = True
        return primals, tangents, live

    def wrap(self, op: Any, out: Any, tangent: Any) -> Any:
        if op.multiple_results:
            return [
                o if t is None else JVPTracer(self, o, t)
                for o, t in zip(out, tangent, strict=True)
            ]
        return out if tangent is None else JVPTracer(self, out, tangent)

    def split(self, x: Any) -> tuple[Any, Any]:
        """The primal and the tangent (None: zero) of a value the function returned."""
        if type(x) is JVPTracer and x._trace is self:
            return x.primal, x.tangent
        return x, None

    def primal(self, x: Any) -> Any:
        return x.primal if type(x) is JVPTracer and x._trace is self else x


def jvp_flat(
    fun: Callable[..., Sequence[Any]], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[list[Any], list[Any], JVPTrace]:
    """Outputs and their tangents of a flat function; None is a zero tangent.

    The trace is returned too: its `primal` strips what the function stored elsewhere.
    """
    trace = JVPTrace(state.trace)
    args = [
        p if t is None else JVPTracer(trace, p, t)
        for p, t in zip(primals, tangents, strict=True)
    ]
    with using_trace(trace):
        outs = fun(*args)
    pairs = [trace.split(o) for o in outs]
    return [p for p, _ in pairs], [t for _, t in pairs], trace
