"""Rounding to whole numbers. The derivatives are zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ops.families.elementwise import FLOAT, unary
from bibun.ops.op import Op


def _rounding(name: str, fun: Any, method: str, doc: str) -> Op:
    return unary(
        name,
        fun,
        lower=lambda b, x: getattr(b, method)(x),
        accepts=FLOAT,
        points=(-2.6, -0.2, 0.3, 1.7),
        doc=doc,
    )


floor = _rounding("floor", np.floor, "floor", "The largest whole number not above x.")
ceil = _rounding("ceil", np.ceil, "ceil", "The smallest whole number not below x.")
trunc = _rounding("trunc", np.trunc, "trunc", "The whole part of x, towards zero.")
round_even = _rounding("round_even", np.rint, "rint", "The nearest whole number, ties to even.")
rint = round_even
