"""Simplification: the same function in fewer equations.

In one forward pass: calls are inlined, equations with literal inputs folded, identity and
absorbing elements dropped, each op's own `simplify` and `rewrite` asked, and equal pure
equations merged. An array all of whose elements are one known number (a literal, broadcast) is
that number to elementwise operations, which broadcast by themselves.
Then a backward pass drops what nothing needs. Sub-programs are done first; a loop's body
that became smaller stays in the loop. Sites are kept, effects are never touched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ir.program import (
    Atom,
    Equation,
    Literal,
    Program,
    Var,
    equation_has_effects,
    subprograms,
)
from bibun.ir.serialize import literal_bytes
from bibun.ir.types import ArrayType
from bibun.ops.op import CALL, ELEMENTWISE, INDEX_MAP
from bibun.transforms.context import CONTEXT
from bibun.transforms.simplify import drop_dead

FOLD_COST = 40.0  # fold only what NumPy computes as exactly as native code does


def simplify(program: Program) -> Program:
    """An equal program; inputs and outputs stay as they are."""
    return _Simplifier().program(program)


class _Simplifier:
    def __init__(self) -> None:
        self.done: dict[int, tuple[Program, Program]] = {}
        self.made: dict[Atom, Equation] = {}  # the kept equation of each variable
        self.uniform: dict[Atom, Literal] = {}  # of arrays of equal elements, the element

    def program(self, program: Program) -> Program:
        known = self.done.get(id(program))
        if known is None:
            known = self.done[id(program)] = (program, self._run(program))
        return known[1]

    def _run(self, program: Program) -> Program:
        out: list[Equation] = []
        env: dict[Var, Atom] = {}
        seen: dict[Any, tuple[Var, ...]] = {}
        self.flatten(program, env, out, seen)
        outputs = [self.resolve(env, a) for a in program.outputs]
        return Program(program.inputs, drop_dead(out, outputs), outputs, program.name)

    @staticmethod
    def resolve(env: dict[Var, Atom], a: Atom) -> Atom:
        return env.get(a, a) if type(a) is Var else a  # type: ignore[arg-type]

    def flatten(
        self,
        program: Program,
        env: dict[Var, Atom],
        out: list[Equation],
        seen: dict[Any, tuple[Var, ...]],
    ) -> None:
        for eq in program.equations:
            inputs = tuple(env.get(a, a) if type(a) is Var else a for a in eq.inputs)
            if eq.op.kind == CALL:
                self.inline(eq, inputs, env, out, seen)
                continue
            params = eq.params
            if subprograms(params):
                params = {k: self.param(p) for k, p in params.items()}
            eq = Equation(eq.op, inputs, eq.outputs, params, eq.site)
            if eq.op.rewrite is not None:
                instead = eq.op.rewrite(CONTEXT, eq, self.made.get)
                if instead is not None:
                    self.flatten(Program((), instead, ()), env, out, seen)
                    continue
            if equation_has_effects(eq):
                out.append(eq)
                continue
            if len(eq.outputs) == 1:
                eq = self.with_numbers(eq)
                atom = self.equal_atom(eq)
                if atom is not None:
                    env[eq.outputs[0]] = atom
                    continue
            key = self.key(eq)
            earlier = seen.get(key) if key is not None else None
            if earlier is not None:
                env.update(zip(eq.outputs, earlier, strict=True))
                continue
            if key is not None:
                seen[key] = eq.outputs
            out.append(eq)
            self.made.update((v, eq) for v in eq.outputs)

    def inline(
        self,
        eq: Equation,
        inputs: tuple[Atom, ...],
        env: dict[Var, Atom],
        out: list[Equation],
        seen: dict[Any, tuple[Var, ...]],
    ) -> None:
        """Put a call's program in its place, with fresh variables."""
        inner: Program = eq.params["program"]
        scope: dict[Var, Atom] = dict(zip(inner.inputs, inputs, strict=True))
        renamed = []
        for e in inner.equations:
            outs = [Var(v.type) for v in e.outputs]
            ins = [scope[a] if type(a) is Var else a for a in e.inputs]
            scope.update(zip(e.outputs, outs, strict=True))
            renamed.append(Equation(e.op, ins, outs, e.params, e.site or eq.site))
        self.flatten(Program((), renamed, ()), env, out, seen)
        for v, a in zip(eq.outputs, inner.outputs, strict=True):
            a = scope[a] if type(a) is Var else a
            env[v] = env.get(a, a) if type(a) is Var else a  # type: ignore[arg-type]

    def param(self, p: Any) -> Any:
        if isinstance(p, Program):
            return self.program(p)
        if isinstance(p, tuple) and p and isinstance(p[0], Program):
            return tuple(self.program(q) for q in p)
        return p

    def key(self, eq: Equation) -> Any:
        """What two equal equations share; None where comparing is not worth it."""
        ins = tuple(
            (a.type, literal_bytes(a.value)) if type(a) is Literal else a for a in eq.inputs
        )
        try:
            params = tuple(
                (k, id(p) if isinstance(p, Program) else p) for k, p in eq.params.items()
            )
            key = (eq.op, ins, params)
            hash(key)
        except TypeError:
            return None
        return key

    def with_numbers(self, eq: Equation) -> Equation:
        """The equation with numbers for the uniform operands that do not give it its shape.

        Notes whether its output is uniform itself.
        """
        (out,) = eq.outputs
        atoms = [a if type(a) is Literal else self.uniform.get(a) for a in eq.inputs]
        if eq.op.kind == INDEX_MAP and len(atoms) == 1:
            # elements of its only operand at other places: what pads or fills has two
            number = atoms[0]
            if number is not None and number.type.dtype == out.type.dtype:  # type: ignore[union-attr]
                self.uniform[out] = _number(number.value, out)
        elif eq.op.kind == ELEMENTWISE and any(a in self.uniform for a in eq.inputs):
            if all(a is not None for a in atoms):
                number = self.fold(eq.replace(inputs=atoms), out)
                if number is not None:
                    self.uniform[out] = number
            shapes = [a.type.shape for a, n in zip(eq.inputs, atoms, strict=True) if n is None]  # type: ignore[union-attr]
            if shapes and np.broadcast_shapes(*shapes) == out.type.shape:  # type: ignore[union-attr]
                inputs = [a if n is None else n for a, n in zip(eq.inputs, atoms, strict=True)]
                return eq.replace(inputs=inputs)
        return eq

    def equal_atom(self, eq: Equation) -> Atom | None:
        """An atom that equals the equation's output, if one is known."""
        op, (out,) = eq.op, eq.outputs
        if op.simplify is not None:
            atom = op.simplify(eq)
            if atom is not None and atom.type.matches(out.type):
                return atom
        if op.kind != ELEMENTWISE:
            return None
        inputs = eq.inputs
        if all(type(a) is Literal for a in inputs):
            return self.fold(eq, out)
        if len(inputs) == 2:
            for side in (0, 1):
                a, other = inputs[side], inputs[1 - side]
                if type(a) is Literal and other.type.matches(out.type):
                    unit = op.identity[side]
                    if unit is not None and a.value == unit and not _negative_zero(a.value):
                        return other
        return None

    @staticmethod
    def fold(eq: Equation, out: Var) -> Literal | None:
        """Compute now what needs no input, if it is exact arithmetic."""
        if eq.op.cost > FOLD_COST or out.type.dtype.kind == "V":  # type: ignore[union-attr]
            return None
        with np.errstate(all="ignore"):
            value = eq.op.eval(*[a.value for a in eq.inputs], **eq.params)  # type: ignore[union-attr]
        return _number(np.asarray(value).astype(out.type.dtype)[()], out)  # type: ignore[union-attr]


def _number(value: Any, like: Var) -> Literal:
    """A number as an element of a variable."""
    return Literal(value, ArrayType((), like.type.dtype, like.type.weak))  # type: ignore[union-attr]


def _negative_zero(value: Any) -> bool:
    return bool(value == 0 and np.signbit(np.real(value)))
