"""Vectorisation: a trace whose values carry one more axis.

A `BatchTracer` holds a stack of values and says which axis runs over them; a value that is
the same for all is left as it is. An op's `batch` rule works on the whole stack at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.ir.types import RaggedType, Type
from bibun.ops.families.tangents import stack_front
from bibun.trace.core import Trace, Tracer, state, type_of, using_trace
from bibun.transforms.context import CONTEXT


class BatchTracer(Tracer):
    """A stack of values along axis `dim` of `value`."""

    __slots__ = ("value", "dim", "_type")

    def __init__(self, trace: Trace, value: Any, dim: int) -> None:
        self._trace = trace
        self.value = value
        self.dim = dim
        self._type = None

    @property
    def type(self) -> Any:  # type: ignore[override]
        t = self._type
        if t is None:
            whole = type_of(self.value)
            t = self._type = _without_axis(whole, self.dim)
        return t


def _without_axis(type: Type, dim: int) -> Type:
    if isinstance(type, RaggedType):  # the mapped axis is axis 0 of its elements, always
        return RaggedType(_without_axis(type.element, 0))
    return type.with_shape(type.shape[:dim] + type.shape[dim + 1 :])


class BatchTrace(Trace):
    """Runs each op on stacks of `size` values in the parent trace."""

    __slots__ = ("size",)

    def __init__(self, parent: Trace, size: int) -> None:
        self.parent = parent
        self.size = size

    def process(self, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values = list(args)
        dims: list[int | None] = [None] * len(values)
        live = False
        for i, a in enumerate(args):
            if type(a) is BatchTracer and a._trace is self:
                values[i] = a.value
                dims[i] = a.dim
                live = True
        state.trace = self.parent
        try:
            if not live:
                return self.parent.process(op, values, params)
            if op.structured:
                out, dim = op.batch(CONTEXT, self.size, values, dims, **params)
            else:
                out, dim = op.batch(self.size, values, dims, **params)
        finally:
            state.trace = self
        if op.multiple_results:
            return [
                o if d is None else BatchTracer(self, o, d) for o, d in zip(out, dim, strict=True)
            ]
        return out if dim is None else BatchTracer(self, out, dim)

    def split(self, x: Any) -> tuple[Any, int | None]:
        """The stack and its axis, or the value and None where it is the same for all."""
        if type(x) is BatchTracer and x._trace is self:
            return x.value, x.dim
        return x, None


def batch_flat(
    fun: Callable[..., Sequence[Any]], size: int, args: Sequence[Any], dims: Sequence[int | None]
) -> tuple[list[Any], list[int | None]]:
    """Map a flat function over axes of its arguments; outputs and their mapped axes."""
    trace = BatchTrace(state.trace, size)
    tracers = [
        a if d is None else BatchTracer(trace, a, d) for a, d in zip(args, dims, strict=True)
    ]
    with using_trace(trace):
        outs = fun(*tracers)
    pairs = [trace.split(o) for o in outs]
    return [v for v, _ in pairs], [d for _, d in pairs]


def batched_to_front(
    fun: Callable[..., Sequence[Any]],
    size: int,
    args: Sequence[Any],
    mapped: Sequence[bool],
    instantiate: Sequence[bool] | bool = False,
) -> tuple[list[Any], tuple[bool, ...]]:
    """`batch_flat` with the mapped axis in front, coming in and going out."""
    outs, dims = batch_flat(fun, size, args, [0 if m else None for m in mapped])
    if isinstance(instantiate, bool):
        instantiate = [instantiate] * len(outs)
    flags = tuple(d is not None or want for d, want in zip(dims, instantiate, strict=True))
    front = [
        stack_front(o, d, size) if flag else o
        for o, d, flag in zip(outs, dims, flags, strict=True)
    ]
    return front, flags
