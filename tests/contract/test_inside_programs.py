"""Every op's rules inside a sub-program: a rule may use no array of its own there.

`grad(jit(f))` transforms the program of f, which is closed; a constant that a rule makes with
NumPy instead of ops would have no place in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.errors import DifferentiationError
from bibun.ops import registry
from bibun.trace.core import as_value

OPS = [op for op in registry.all_ops().values() if not op.structured and not op.has_effects]


def _is_inexact(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic | float) and np.asarray(x).dtype.kind in "fc"


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_rules_make_their_constants_with_ops(op: Any) -> None:
    seen = set()
    for sample in op.samples():
        args = list(sample.args)
        moved = [k for k, a in enumerate(args) if _is_inexact(a)]
        kind = repr(([(np.shape(args[k]), np.asarray(args[k]).dtype) for k in moved],
                     len(args), sample.params))  # fmt: skip
        if not moved or kind in seen:
            continue
        seen.add(kind)

        def total(*xs: Any, args: Any = args, moved: Any = moved, sample: Any = sample) -> Any:
            given = list(args)
            for k, x in zip(moved, xs, strict=True):
                given[k] = x
            outs = op(*given, **sample.params)
            parts = [
                bnp.sum(bnp.abs(o).astype(float) ** 2)
                for o in (outs if op.multiple_results else [outs])
                if np.dtype(o.dtype).kind in "fc"
            ]
            return sum(parts, start=bnp.zeros(()))

        xs = [as_value(np.asarray(args[k])) for k in moved]
        both = bibun.grad(bibun.jit(total), tuple(range(len(xs))))
        try:
            bibun.make_program(both)(*xs)
        except DifferentiationError:
            continue  # it has no derivative, and says so
