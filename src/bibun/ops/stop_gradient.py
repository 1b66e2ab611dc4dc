"""`stop_gradient(x)`: x, as a constant to every differentiation around it."""

from __future__ import annotations

import numpy as np

from bibun.ops.op import ELEMENTWISE, Op, Sample
from bibun.ops.registry import register

stop_gradient = register(
    Op(
        "stop_gradient",
        ELEMENTWISE,
        type_rule=lambda x: x,
        eval=lambda x: x,
        jvp=None,
        batch=lambda size, args, dims: (stop_gradient(*args), dims[0]),
        lower=lambda b, x: x,
        simplify=lambda eq: eq.inputs[0],
        cost=0.0,
        samples=lambda: [Sample(np.linspace(-1.0, 1.0, 3), diff=())],
        doc="`stop_gradient(x)`: x itself; its tangent is zero.",
    )
)
