"""`absorb_mul(t, g)`: the product by which derivatives are made.

It is zero wherever `t` is exactly zero, even where `g` is inf or nan. Without it the branch
of a `where` that was not taken would turn its zero cotangent into nan. It counts as
bilinear: writing `where(t == 0, 0, t * g)` in its place would lose the term `dt * g` of the
second derivative at `t = 0` (½ sin² x at 0 is the example).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ops.families.elementwise import (
    INEXACT,
    binary,
    literal_value,
    sum_tangents,
    to_shape,
    unbroadcast,
)
from bibun.ops.op import is_linear
from bibun.trace.core import type_of


def _eval(t: Any, g: Any) -> Any:
    out = np.multiply(t, g)
    if (out != out).any():  # a nan: perhaps 0 * inf
        out = np.where(np.equal(t, 0), out.dtype.type(0), out)
    return out


def _jvp(primals: Any, tangents: Any) -> Any:
    t, g = primals
    dt, dg = tangents
    out = absorb_mul(t, g)
    total = sum_tangents(
        [
            None if dt is None else absorb_mul(dt, g),
            None if dg is None else absorb_mul(t, dg),
        ]
    )
    return out, to_shape(total, type_of(out).shape)


def _transpose(ct: Any, t: Any, g: Any) -> list[Any]:
    if is_linear(t):
        return [unbroadcast(absorb_mul(ct, g), t.type), None]
    return [None, unbroadcast(absorb_mul(ct, t), g.type)]


def _lower(b: Any, t: Any, g: Any) -> Any:
    known = getattr(g, "known", None)
    if known is not None and np.isfinite(known):
        return b.mul(t, g)
    zero = b.const(0, t.dtype)
    return b.select(b.compare("eq", t, zero), zero, b.mul(t, g))


def _simplify(eq: Any) -> Any:
    """A tangent that is literally zero stays zero, and a factor that is one vanishes."""
    t, g = eq.inputs
    out = eq.outputs[0].type
    tv, gv = literal_value(t), literal_value(g)
    if tv is not None and tv == 0 and t.type.matches(out):
        return t
    if gv is not None and gv == 1 and t.type.matches(out):
        return t
    if tv is not None and tv == 1 and g.type.matches(out):
        return g
    return None


absorb_mul = binary(
    "absorb_mul",
    _eval,
    lower=_lower,
    jvp=_jvp,
    transpose=_transpose,
    accepts=INEXACT,
    identity=(1, 1),
    cost=2.0,
    simplify=_simplify,
    doc="Zero where t is exactly zero, else t * g; bilinear in its derivatives.",
)
