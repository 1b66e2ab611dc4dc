"""Comparisons: boolean results, no derivatives. With nan all are false but `ne`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import bool_
from bibun.ops.families.elementwise import ANY, ORDERED, binary
from bibun.ops.op import Op

_POINTS = ((-1.0, 0.5, 0.5, 2.0), (-1.0, 0.5, 0.7, -2.0))


def _comparison(name: str, fun: Any, accepts: str, sign: str, commutative: bool = False) -> Op:
    return binary(
        name,
        fun,
        lower=lambda b, x, y: b.compare(name, x, y),
        accepts=accepts,
        result=lambda dtype: bool_,
        points=_POINTS,
        commutative=commutative,
        doc=f"x {sign} y, as booleans.",
    )


eq = _comparison("eq", np.equal, ANY, "==", commutative=True)
ne = _comparison("ne", np.not_equal, ANY, "!=", commutative=True)
lt = _comparison("lt", np.less, ORDERED, "<")
le = _comparison("le", np.less_equal, ORDERED, "<=")
gt = _comparison("gt", np.greater, ORDERED, ">")
ge = _comparison("ge", np.greater_equal, ORDERED, ">=")
