"""`absorb_mul(t, g)`: the product by which derivatives are made.

It is zero wherever `t` is exactly zero, even where `g` is inf or nan. Without it the branch
of a `where` that was not taken would turn its zero cotangent into nan. It counts as
bilinear: writing `where(t == 0, 0, t * g)` in its place would lose the term `dt * g` of the
second derivative at `t = 0` (½ sin² x at 0 is the example).

In a second derivative `g` moves too, and the map dg -> t dg has zeros of two origins: dg is
zero because nothing reached it, or t is, because the branch was not taken. Reverse mode
over reverse mode meets the second kind: the cotangent that arrives has passed the nan
factors of that branch, and only t = 0 can stop it. Hence `absorb_both`, zero where either
factor is exactly zero; it is its own derivative and transpose, so that any order is right.
First derivatives stay with the one-sided product, where inf * 0 is an honest nan.
"""

from __future__ import annotations

from collections.abc import Callable
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


def _jvp_rule(op: Callable[[], Any]) -> Callable[..., Any]:
    def jvp(primals: Any, tangents: Any) -> Any:
        t, g = primals
        dt, dg = tangents
        out = op()(t, g)
        total = sum_tangents(
            [
                None if dt is None else op()(dt, g),
                None if dg is None else absorb_both(t, dg),
            ]
        )
        return out, to_shape(total, type_of(out).shape)

    return jvp


def _transpose_rule(op: Callable[[], Any]) -> Callable[..., Any]:
    def transpose(ct: Any, t: Any, g: Any) -> list[Any]:
        if is_linear(t):
            return [unbroadcast(op()(ct, g), t.type), None]
        return [None, unbroadcast(absorb_both(ct, t), g.type)]

    return transpose


def _finite(x: Any) -> bool:
    """Whether a Val is a finite constant."""
    known = getattr(x, "known", None)
    return known is not None and bool(np.isfinite(known))


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


def _has_nan(x: Any) -> bool:
    """Whether there may be a nan in x: the sum is one then. Fast, not exact (inf - inf).

    Not BLAS's dot, which starts threads for 10⁵ numbers and waits for them.
    """
    total = np.add.reduce(x, axis=None)
    return bool(total != total)  # noqa: PLR0124


def _eval(t: Any, g: Any) -> Any:
    out = np.multiply(t, g)
    if _has_nan(out):  # perhaps 0 * inf
        out = np.where(np.equal(t, 0), out.dtype.type(0), out)
    return out


def _lower(b: Any, t: Any, g: Any) -> Any:
    if _finite(g) or getattr(t, "known", None):  # a tangent known, and not zero
        return b.mul(t, g)
    return _absorbing(b, b.mul(t, g), lambda zero: b.compare("eq", t, zero))


def _absorbing(b: Any, product: Any, is_zero: Callable[[Any], Any]) -> Any:
    """The product, but 0 where a factor is; that makes a difference only where it is nan."""
    zero = b.const(0, product.dtype)
    return b.usually(
        product,
        unless=lambda: b.compare("ne", product, product),
        slow=lambda: b.select(is_zero(zero), zero, product),
    )


absorb_mul = binary(
    "absorb_mul",
    _eval,
    lower=_lower,
    jvp=_jvp_rule(lambda: absorb_mul),
    transpose=_transpose_rule(lambda: absorb_mul),
    accepts=INEXACT,
    identity=(1, 1),
    cost=2.0,
    simplify=_simplify,
    doc="Zero where t is exactly zero, else t * g; bilinear in its derivatives.",
)


def _eval_both(x: Any, y: Any) -> Any:
    out = np.multiply(x, y)
    if _has_nan(out):
        out = np.where(np.equal(x, 0) | np.equal(y, 0), out.dtype.type(0), out)
    return out


def _lower_both(b: Any, x: Any, y: Any) -> Any:
    if any(_finite(v) and v.known != 0 for v in (x, y)):
        return b.mul(x, y)
    return _absorbing(
        b,
        b.mul(x, y),
        lambda zero: b.bit_or(b.compare("eq", x, zero), b.compare("eq", y, zero)),
    )


def _simplify_both(eq: Any) -> Any:
    for k in (0, 1):
        value = literal_value(eq.inputs[k])
        if value is not None and value == 0 and eq.inputs[k].type.matches(eq.outputs[0].type):
            return eq.inputs[k]
    return _simplify(eq)


absorb_both = binary(
    "absorb_both",
    _eval_both,
    lower=_lower_both,
    jvp=_jvp_rule(lambda: absorb_both),
    transpose=_transpose_rule(lambda: absorb_both),
    accepts=INEXACT,
    commutative=True,
    identity=(1, 1),
    cost=3.0,
    simplify=_simplify_both,
    doc="Zero where x or y is exactly zero, else x * y; bilinear in its derivatives.",
)
