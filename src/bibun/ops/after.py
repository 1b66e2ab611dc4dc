"""`after(x, token)`: x, but not before the token is known.

Recomputation saves memory only if it happens late: what is computed again from the inputs of
a checkpoint equals what was computed the first time, so a compiler that merges equal values
would keep the first ones, and one that orders by data alone might compute both at once. In
the backward pass the inputs go through `after`, with a cotangent as token. It has the value of
x in memory that it shares with x; to every pass it is a function of two operands, so
nothing computed from it equals anything computed from x, or comes before the token.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.op import ELEMENTWISE, Op, Sample
from bibun.ops.registry import register
from bibun.ops.shape import slice as take
from bibun.ops.shape import squeeze
from bibun.trace.core import type_of


def first_element(x: Any) -> Any:
    """An element of an array that has one, as a scalar: a token that is known when x is."""
    shape = type_of(x).shape  # type: ignore[union-attr]
    if not shape:
        return x
    one = take(x, starts=(0,) * len(shape), limits=(1,) * len(shape), strides=(1,) * len(shape))
    return squeeze(one, axes=tuple(range(len(shape))))


def _type(x: ArrayType, token: ArrayType) -> ArrayType:
    if token.shape:
        raise ShapeError(f"after: the token must be a scalar, got {token}")
    return ArrayType(x.shape, x.dtype, x.weak)


def _jvp(primals: Any, tangents: Any) -> Any:
    x, token = primals
    t = tangents[0]
    return after(x, token), None if t is None else after(t, token)


def _batch(size: int, args: Any, dims: Any) -> Any:
    x, token = args
    if dims[1] is not None:  # any lane's will do: they are known together
        token = first_element(token) if size else type_of(token).dtype.type(0)  # type: ignore[union-attr]
    return after(x, token), dims[0]


def _samples() -> list[Sample]:
    x = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
    return [
        Sample(x, np.float64(2.0)),
        Sample(np.float64(0.5), np.int64(1)),
        Sample(np.arange(3), np.float32(1.0)),
    ]


after = register(
    Op(
        "after",
        ELEMENTWISE,
        type_rule=_type,
        eval=lambda x, token: x,
        jvp=_jvp,
        transpose=lambda ct, x, token: [after(ct, token), None],
        batch=_batch,
        lower=lambda b, x, token: x,
        reinterpret=True,
        cost=0.0,
        samples=_samples,
        doc="`after(x, token)`: x, known no earlier than the token, a scalar.",
    )
)
