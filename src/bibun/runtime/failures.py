"""From a native call's status to the Python exception a user understands.

Native code says no more than a status, the ordinal of an equation, and up to eight numbers.
The table of failures made at compile time says which operation that was, with which
parameters, and where the user wrote it.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, NoReturn

from bibun.errors import NonFiniteError
from bibun.runtime import context as c
from bibun.trace.sites import describe


class Failure(NamedTuple):
    """What stands behind an ordinal: the operation, its parameters, its place."""

    op: Any
    params: dict[str, Any]
    site: int


def payload(ctx: c.CtxStruct) -> list[Any]:
    """The numbers native code left, as Python values."""
    values: list[Any] = []
    for bits, kind in zip(ctx.payload, ctx.payload_kind, strict=True):
        if kind == c.PAYLOAD_NONE:
            break
        if kind == c.PAYLOAD_FLOAT:
            values.append(struct.unpack("<d", struct.pack("<q", bits))[0])
        elif kind == c.PAYLOAD_BOOL:
            values.append(bool(bits))
        elif kind == c.PAYLOAD_UINT:
            values.append(bits & (1 << 64) - 1)
        else:
            values.append(bits)
    return values


def raise_status(
    status: int, context: c.Context, failures: dict[int, Failure]
) -> NoReturn:
    """Raise what `status` means. Always raises."""
    ctx = context.struct
    exception = context.exception
    if status in (c.INTERRUPTED, c.CALLBACK_ERROR):
        if exception is None and status == c.CALLBACK_ERROR:
            raise RecursionError("Python's stack ended at the call of a callback")
        if exception is None:  # another thread of the call saw the flag first
            raise KeyboardInterrupt
        raise exception
    failure = failures.get(ctx.equation)
    where = f"\nAt {describe(failure.site)}" if failure else ""
    name = failure.op.name if failure else "operation"
    if status == c.FAILED and failure is not None:
        from bibun.ops.check import raise_failure

        raise_failure(failure.op, failure.params, payload(ctx), failure.site)
    if status == c.OUT_OF_MEMORY:
        raise MemoryError(
            f"no memory for the buffers of {name if failure else 'compiled code'}: its arrays, "
            f"or those between its operations, are too large for this machine{where}"
        )
    if status == c.RAGGED_LIMIT:
        raise MemoryError(
            f"the tape of a loop of unknown length ({name}) passed the limit of "
            f"{ctx.ragged_limit} bytes (config ragged_memory_limit); raise the limit, give "
            f"the loop checkpoint=, which keeps fewer values, or bound it and use scan{where}"
        )
    if status == c.NONFINITE:
        shown = ", ".join(map(repr, payload(ctx)))
        raise NonFiniteError(f"{name} made a nan{f' from {shown}' if shown else ''}{where}")
    raise SystemError(
        f"native code returned status {status} for equation {ctx.equation}, which says "
        f"nothing to bibun: a bug in bibun{where}"
    )
