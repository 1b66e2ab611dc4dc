"""Quantiles of families whose distribution function is known and its inverse is not.

Floating-point numbers are ordered as integers are that are made of their bits, so bisection over
those reaches the nearest representable number in as many steps as there are bits: with the same
relative precision at 1e-300 as at 1, without a starting point, and it never fails. The derivative
is that of an implicit function, dz = (dq - dF) / f(z).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.lax import bitcast_convert_type, fori_loop
from bibun.ops import elementwise as el

Form = Callable[..., Any]


def inverse(f: Form, logpdf: Form, low: float, high: float, rising: bool = True) -> Form:
    """(q, *shapes) -> the z in [low, high] with f(z, *shapes) = q.

    f: the distribution function of the density exp(logpdf(z, *shapes)), or (`rising` false) its
    survival function; q in [0, 1].
    """

    def search(q: Any, *shapes: Any) -> Any:
        q, *shapes = bnp.broadcast_arrays(q, *shapes)
        whole = np.dtype(f"int{8 * q.dtype.itemsize}")
        limits = np.finfo(q.dtype)
        ends = np.clip(np.array([low, high]), limits.min, limits.max).astype(q.dtype)
        first, last = (int(_turned(np, e.view(whole), whole)) for e in ends)

        def halve(_: Any, bracket: Any) -> Any:
            below, above = bracket
            # the mean without overflow, rounded down
            middle = (below & above) + ((below ^ above) >> 1)
            y = f(_number(middle, whole, q.dtype), *shapes)
            there = (y >= q) if rising else (y <= q)
            return bnp.where(there, below, middle + 1), bnp.where(there, middle, above)

        bracket = (bnp.full(q.shape, first, whole), bnp.full(q.shape, last, whole))
        _, found = fori_loop(0, 8 * whole.itemsize, halve, bracket)
        z = _number(found, whole, q.dtype)
        top, bottom = (1.0, 0.0) if rising else (0.0, 1.0)
        return bnp.where(q == top, high, bnp.where(q == bottom, low, z))

    def of(q: Any, *shapes: Any) -> Any:
        return _implicit(search, f, logpdf, 1.0 if rising else -1.0)(q, *shapes)

    return of


def _turned(xp: Any, bits: Any, whole: np.dtype) -> Any:
    """Bits of a float to an integer of the same order, and back: those of negatives run down."""
    return xp.where(bits < 0, bits ^ np.iinfo(whole).max, bits)


def _number(place: Any, whole: np.dtype, dtype: np.dtype) -> Any:
    return bitcast_convert_type(_turned(bnp, place, whole), dtype)


def _implicit(search: Form, f: Form, logpdf: Form, sign: float) -> Form:
    from bibun.transforms import custom_jvp, jvp

    root = custom_jvp(search)

    @root.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        z = root(*primals)
        _, moved = jvp(lambda *s: f(z, *s), tuple(primals[1:]), tuple(tangents[1:])) if (
            len(primals) > 1) else (None, 0.0)  # fmt: skip
        return z, (tangents[0] - moved) * sign * el.exp(-logpdf(z, *primals[1:]))

    return root
