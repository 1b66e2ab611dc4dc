"""`debug_nans`: checks after every operation that could make the first nan.

`with_nan_checks` puts, behind each equation with a floating output, a check that fails if
the output has a nan and no input had one: a nan that came in is not an error of the op that
passes it on. For an elementwise op that is asked of each element, and the error tells what the
first such element was made of. It runs on the traced program, before simplification could
remove the op at fault, and in every sub-program. `check_eager` is the same for code that is
not compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.dtypes import bool_
from bibun.errors import NonFiniteError
from bibun.ir.program import Atom, Equation, Literal, Program, Var
from bibun.ir.types import ArrayType
from bibun.ops.check import check_true
from bibun.ops.elementwise import and_, ne, not_, or_
from bibun.ops.elementwise import eq as equal
from bibun.ops.op import CALL, CONTROL, EFFECT, ELEMENTWISE, Op
from bibun.ops.reduce import reduce_or
from bibun.trace.sites import current_site, describe, note_of

_SHOWN = 4  # operands in a message, at most


def _inexact(type: Any) -> bool:
    return isinstance(type, ArrayType) and type.dtype.kind in "fc" and type.size > 0


class _Writer:
    def __init__(self) -> None:
        self.equations: list[Equation] = []

    def bind(self, op: Op, inputs: Sequence[Atom], site: int, **params: Any) -> Var:
        out = Var(op.type_rule(*[a.type for a in inputs], **params))
        self.equations.append(Equation(op, inputs, [out], params, site))
        return out

    def any_nan(self, a: Atom, site: int) -> Atom:
        if type(a) is Literal:
            return Literal(np.bool_(a.value != a.value), ArrayType((), bool_))
        bad = self.bind(ne, [a, a], site)
        return self.bind(reduce_or, [bad], site, axes=tuple(range(bad.type.ndim)))  # type: ignore[union-attr]

    def check(self, eq: Equation) -> None:
        if eq.op.kind == ELEMENTWISE and not eq.op.multiple_results:
            self.check_elements(eq)
            return
        outs = [v for v in eq.outputs if _inexact(v.type)]
        if not outs:
            return
        site = eq.site
        new: Atom = self.any_nan(outs[0], site)
        for v in outs[1:]:
            new = self.bind(or_, [new, self.any_nan(v, site)], site)
        operands = [a for a in eq.inputs if _inexact(a.type)]
        for a in operands:
            clean = self.bind(not_, [self.any_nan(a, site)], site)
            new = self.bind(and_, [new, clean], site)
        shown = [a for a in operands if a.type.size == 1]  # type: ignore[union-attr]
        self.fail(eq, new, shown, [str(a.type) for a in operands if a not in shown])

    def check_elements(self, eq: Equation) -> None:
        """An element by itself: the message has the numbers it was made of."""
        (out,) = eq.outputs
        if not _inexact(out.type):
            return
        new: Atom = self.bind(ne, [out, out], eq.site)
        shown = [a for a in eq.inputs if _inexact(a.type)]
        for a in shown:
            new = self.bind(and_, [new, self.bind(equal, [a, a], eq.site)], eq.site)
        self.fail(eq, new, shown, [])

    def fail(self, eq: Equation, new: Atom, shown: Sequence[Atom], others: Sequence[str]) -> None:
        """The check that fails where `new` holds."""
        fine = self.bind(not_, [new], eq.site)
        made_of = ", ".join(["{}"] * len(shown[:_SHOWN]) + list(others[:_SHOWN]))
        message = (
            f"{eq.op.name} gave nan"
            + (f" from {made_of}" if made_of else "")
            + note_of(eq.site, eq.op.name)
        )
        self.equations.append(
            Equation(
                check_true, [fine, *shown[:_SHOWN]], [],
                {"error": "nonfinite", "message": message}, eq.site,
            )
        )  # fmt: skip


def with_nan_checks(program: Program) -> Program:
    """The program with a check behind every equation that may make a nan."""
    writer = _Writer()
    for eq in program.equations:
        if eq.op.name == "checked":  # has them inside, under a mask
            writer.equations.append(eq)
            continue
        params = {k: _inside(p) for k, p in eq.params.items()}
        eq = eq.replace(params=params)
        writer.equations.append(eq)
        if eq.op.kind not in (CALL, CONTROL, EFFECT):
            writer.check(eq)
    return Program(program.inputs, writer.equations, program.outputs, program.name)


def _inside(p: Any) -> Any:
    if isinstance(p, Program):
        return with_nan_checks(p)
    if isinstance(p, tuple) and p and isinstance(p[0], Program):
        return tuple(with_nan_checks(q) for q in p)
    return p


def check_eager(op: Op, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Raise NonFiniteError if an output has a nan that no input had."""
    if not any(_has_nan(o) for o in outputs) or any(_has_nan(a) for a in inputs):
        return
    shown = ", ".join(
        " ".join(np.array2string(np.asarray(a), threshold=6).split()) for a in inputs
    )
    site = current_site()
    note = note_of(site, op.name)
    raise NonFiniteError(f"{op.name} gave nan from {shown}{note}\nAt {describe(site)}")


def _has_nan(x: Any) -> bool:
    x = np.asarray(x)
    return x.dtype.kind in "fc" and bool(np.isnan(x).any())

