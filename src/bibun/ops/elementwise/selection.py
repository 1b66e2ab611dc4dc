"""`select(which, *cases)`: the case that `which` names, element by element.

`which` is boolean (`cases[0]` where it is False, `cases[1]` where True) or an integer, which
is clamped to the cases there are. Both cases are evaluated; a derivative reaches only the
case that was taken, and `absorb_mul` keeps the other one's infinities out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import KEY
from bibun.errors import DTypeError
from bibun.ir.types import ArrayType, dtype_name
from bibun.ops.families.elementwise import (
    EVERY,
    broadcast_shapes,
    check_dtype,
    elementwise_batch,
    literal_value,
    to_shape,
    unbroadcast,
)
from bibun.ops.op import ELEMENTWISE, Op, Sample, is_linear
from bibun.ops.registry import register
from bibun.trace.core import type_of


def _type_rule(which: Any, *cases: Any) -> ArrayType:
    if not cases:
        raise TypeError("select: needs at least one case")
    if which.dtype.kind not in "biu":
        raise DTypeError(
            f"select: `which` must be boolean or integer, got {dtype_name(which.dtype)}"
        )
    if which.dtype.kind == "b" and len(cases) > 2:
        raise TypeError(f"select: a boolean chooses between two cases, got {len(cases)}")
    dtype = check_dtype("select", cases, EVERY)
    shape = broadcast_shapes("select", which.shape, *(c.shape for c in cases))
    return ArrayType(shape, dtype, dtype.kind != "b" and all(c.weak for c in cases))


def _eval(which: Any, *cases: Any) -> Any:
    arrays = [c for c in cases if type(c) is np.ndarray]
    if len({c.dtype for c in arrays}) > 1:
        _type_rule(type_of(which), *(type_of(c) for c in arrays))
    which = np.asarray(which)
    try:
        if len(cases) == 1:
            out = np.asarray(cases[0])
            return np.broadcast_to(out, np.broadcast_shapes(which.shape, out.shape))
        if which.dtype.kind == "b":
            return np.where(which, cases[1], cases[0])
        out = cases[-1]
        for k in range(len(cases) - 2, -1, -1):
            out = np.where(which <= k, cases[k], out)
        return out
    except ValueError:
        broadcast_shapes("select", which.shape, *(np.shape(c) for c in cases))
        raise


def _jvp(primals: Any, tangents: Any) -> Any:
    which, *cases = primals
    out = select(which, *cases)
    ts = tangents[1:]
    if all(t is None for t in ts):
        return out, None
    shape = type_of(out).shape
    return out, to_shape(select(which, *(0.0 if t is None else t for t in ts)), shape)


def _transpose(ct: Any, which: Any, *cases: Any) -> list[Any]:
    out: list[Any] = [None]
    for k, c in enumerate(cases):
        if is_linear(c):
            mine = [ct if j == k else 0.0 for j in range(len(cases))]
            out.append(unbroadcast(select(which, *mine), c.type))
        else:
            out.append(None)
    return out


def _lower(b: Any, which: Any, *cases: Any) -> Any:
    out = cases[0]
    if len(cases) == 1:
        return out
    if which.dtype.kind == "b":
        return b.select(which, cases[1], out)
    for k in range(1, len(cases)):
        here = b.compare("ge", which, b.const(k, which.dtype))
        out = b.select(here, cases[k], out)
    return out


def _simplify(eq: Any) -> Any:
    which, *cases = eq.inputs
    value = literal_value(which)
    if value is None:
        first = cases[0]
        same = all(c is first for c in cases) and first.type.matches(eq.outputs[0].type)
        return first if same else None
    k = int(np.clip(int(value), 0, len(cases) - 1))
    return cases[k] if cases[k].type.matches(eq.outputs[0].type) else None


def _samples() -> list[Sample]:
    x, y = np.array([1.5, -2.0, 0.5, 3.0]), np.array([0.1, 0.2, -0.3, 0.4])
    mask = np.array([True, False, True, False])
    keys = np.zeros(4, dtype=KEY)
    keys["key<fry>"] = np.arange(8, dtype=np.uint32).reshape(4, 2)
    index = np.array([-1, 0, 1, 5])
    return [
        Sample(mask, x, y),
        Sample(mask[:, None], x, y[:, None]),
        Sample(np.array(True), x, y),
        Sample(mask, x[0], y[0]),
        Sample(mask, x),
        Sample(index, x, y, x * y),
        Sample(index.astype(np.int32)[:, None], x, y[2], y),
        Sample(mask, x.astype(np.float32), y.astype(np.float32), diff=()),
        Sample(mask, x + 1j * y, y + 0j),
        Sample(mask, index, index + 7),
        Sample(mask, mask, ~mask),
        Sample(mask, keys, keys[::-1].copy()),
    ]


select = register(
    Op(
        "select",
        ELEMENTWISE,
        type_rule=_type_rule,
        eval=_eval,
        batch=elementwise_batch(lambda: select),
        lower=_lower,
        jvp=_jvp,
        transpose=_transpose,
        simplify=_simplify,
        samples=_samples,
        doc="cases[which], element by element; a boolean chooses cases[0] where it is False.",
    )
)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere."""
    return select(condition, y, x)
