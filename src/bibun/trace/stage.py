"""Staging: running a function on stand-ins and writing down what it does as a Program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.dtypes import canonical
from bibun.ir.program import Atom, Closed, Equation, Literal, Program, Var
from bibun.ir.types import ArrayType, Type
from bibun.trace.core import Trace, Tracer, current_trace, type_of, using_trace
from bibun.trace.sites import current_site


class StageTracer(Tracer):
    """A variable (or literal) of a program under construction."""

    __slots__ = ("atom",)

    def __init__(self, trace: StageTrace, atom: Atom) -> None:
        self._trace = trace
        self.atom = atom

    @property
    def type(self) -> Type:  # type: ignore[override]
        return self.atom.type


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3, "V": -1}  # what a Python number fits into


class StageTrace(Trace):
    """Writes equations instead of computing. Values from outside become constants."""

    __slots__ = ("equations", "consts", "const_values", "inputs", "name")

    def __init__(self, parent: Trace | None = None) -> None:
        self.parent = parent
        self.equations: list[Equation] = []
        self.consts: dict[int, Var] = {}  # id of the captured value -> its variable
        self.const_values: list[Any] = []  # keeps those ids alive, in order
        self.inputs: list[Var] = []

    def new_input(self, type: Type) -> StageTracer:
        """A further argument of the program."""
        var = Var(type)
        self.inputs.append(var)
        return StageTracer(self, var)

    def capture(self, value: Any) -> Var:
        """The variable that stands for a value from outside; one for each object."""
        var = self.consts.get(id(value))
        if var is None:
            var = self.consts[id(value)] = Var(type_of(value))
            self.const_values.append(value)
        return var

    def atom(self, x: Any) -> Atom:
        """What stands for `x` in the program: its variable, a literal, or a captured constant."""
        if type(x) is StageTracer and x._trace is self:
            return x.atom
        if isinstance(x, np.generic):
            dt = canonical(x.dtype)
            return Literal(x.astype(dt), ArrayType((), dt))
        if isinstance(x, bool | int | float | complex):
            t = type_of(x)
            return Literal(t.dtype.type(x), t)  # type: ignore[union-attr]
        return self.capture(x)

    def process(self, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if op.stage is not None:
            staged = op.stage(self, args, params)
            if staged is not None:
                args, params = staged
        atoms: list[Any] = [None] * len(args)
        scalars = False
        for i, a in enumerate(args):
            if type(a) is StageTracer and a._trace is self:
                atoms[i] = a.atom
            elif type(a) in (bool, int, float, complex):
                scalars = True
            else:
                atoms[i] = self.atom(a)
        if scalars:
            self._weak_scalars(args, atoms)
        types = [a.type for a in atoms]
        out = op.type_rule(*types, **params)
        outs = [Var(t) for t in out] if op.multiple_results else [Var(out)]
        self.equations.append(Equation(op, atoms, outs, params, current_site(2)))
        if op.multiple_results:
            return [StageTracer(self, v) for v in outs]
        return StageTracer(self, outs[0])

    def _weak_scalars(self, args: Sequence[Any], atoms: list[Any]) -> None:
        """Give Python scalars the dtype of the operand of the highest kind, if it holds them."""
        known = [a.type for a in atoms if a is not None and a.type.dtype.kind in _RANK]
        ref = max(known, key=lambda t: _RANK[t.dtype.kind], default=None)
        for i, a in enumerate(args):
            if atoms[i] is None:
                own = type_of(a)
                kind = own.dtype.kind  # type: ignore[union-attr]
                if ref is not None and _RANK[kind] <= _RANK[ref.dtype.kind]:
                    atoms[i] = Literal(ref.dtype.type(a), ArrayType((), ref.dtype, ref.weak))
                else:
                    atoms[i] = Literal(own.dtype.type(a), own)  # type: ignore[union-attr]

    def close(self, outputs: Sequence[Any], name: str = "") -> Closed:
        """The program written so far, with its captured values as leading inputs."""
        atoms = [self.atom(o) for o in outputs]
        program = Program(
            [*self.consts.values(), *self.inputs], self.equations, atoms, name
        )
        return Closed(program, self.const_values)


def stage(fun: Callable[..., Any], in_types: Sequence[Type], name: str = "") -> Closed:
    """Trace a flat function (values in, sequence of values out) to a closed program."""
    trace = StageTrace(current_trace())
    tracers = [trace.new_input(t) for t in in_types]
    with using_trace(trace):
        outputs = fun(*tracers)
    return trace.close(outputs, name)


def stage_program(fun: Callable[..., Any], in_types: Sequence[Type], name: str = "") -> Program:
    """Like `stage`, for functions that capture no array: a rule's own, made of ops and numbers.

    Errors: ValueError if one is captured.
    """
    closed = stage(fun, in_types, name)
    if closed.consts:
        kinds = ", ".join(str(type_of(c)) for c in closed.consts)
        raise ValueError(f"a program that must be closed captured: {kinds}")
    return closed.program


