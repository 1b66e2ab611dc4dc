"""Airy's functions Ai and Bi and their slopes: y'' = x y. SciPy evaluates them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun.ops.elementwise import mul
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import host

_airy = scipy_special("airy")


def _one(name: str, index: int, slope: Callable[[Any, Any], Any], doc: str) -> Any:
    return host(
        name,
        lambda x: _airy(x)[index],
        arity=1,
        partials=(slope,),
        points=((-7.1, -0.6, 0.3, 2.7),),
        special=False,
        cost=200.0,
        doc=doc,
    )


airy_ai = _one("airy_ai", 0, lambda x, y: airy_ai_slope(x), "Ai(x), which decays for x > 0.")
airy_ai_slope = _one("airy_ai_slope", 1, lambda x, y: mul(x, airy_ai(x)), "Ai'(x).")
airy_bi = _one("airy_bi", 2, lambda x, y: airy_bi_slope(x), "Bi(x), which grows for x > 0.")
airy_bi_slope = _one("airy_bi_slope", 3, lambda x, y: mul(x, airy_bi(x)), "Bi'(x).")
