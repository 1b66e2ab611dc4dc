"""Programs: typed SSA in A-normal form.

A `Program` is a list of equations over variables. Every variable is defined once, either
as an input or by one equation. An equation's parameters may hold further programs (the
body of a loop, the branches of a `cond`), which are closed: all that they need reaches
them through their own inputs. Captured arrays are therefore inputs too; `Closed` pairs a
program with the values of its leading inputs.

Sites: `Equation.site` is an index into the process-wide table in `bibun.trace.sites`.
It is carried by rewrites and left out of hashes, so equal programs from different files
share compiled code and still report the right line.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from bibun.ir.types import ArrayType, Type

_ids = itertools.count()


class Var:
    """A variable; its identity is its name."""

    __slots__ = ("type", "id")

    def __init__(self, type: Type) -> None:
        self.type = type
        self.id = next(_ids)

    def __repr__(self) -> str:
        return f"v{self.id}:{self.type}"


class Literal:
    """A scalar constant: a NumPy scalar (`np.generic`) and its type."""

    __slots__ = ("value", "type")

    def __init__(self, value: Any, type: ArrayType) -> None:
        self.value = value
        self.type = type

    def __repr__(self) -> str:
        return f"{self.value}:{self.type}"


Atom = Var | Literal


class Equation:
    """`outputs = op(*inputs, **params)`."""

    __slots__ = ("op", "inputs", "outputs", "params", "site")

    def __init__(
        self,
        op: Any,
        inputs: Sequence[Atom],
        outputs: Sequence[Var],
        params: dict[str, Any],
        site: int = 0,
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.params = params
        self.site = site

    def replace(self, **changes: Any) -> Equation:
        fields = {k: changes.get(k, getattr(self, k)) for k in self.__slots__}
        return Equation(**fields)

    def __repr__(self) -> str:
        from bibun.ir.printer import format_equation

        return format_equation(self)


class Program:
    """A function in the IR. `inputs` are variables, `outputs` atoms."""

    __slots__ = ("inputs", "equations", "outputs", "name", "_hash", "memo")

    def __init__(
        self,
        inputs: Sequence[Var],
        equations: Sequence[Equation],
        outputs: Sequence[Atom],
        name: str = "",
    ) -> None:
        self.inputs = tuple(inputs)
        self.equations = tuple(equations)
        self.outputs = tuple(outputs)
        self.name = name
        self._hash: str | None = None
        self.memo: dict[Any, Any] = {}  # what was derived from this program: lives as long as it

    @property
    def in_types(self) -> tuple[Type, ...]:
        return tuple(v.type for v in self.inputs)

    @property
    def out_types(self) -> tuple[Type, ...]:
        return tuple(a.type for a in self.outputs)

    @property
    def has_effects(self) -> bool:
        """Whether any equation, nested ones included, has an effect."""
        known = self.memo.get("has_effects")
        if known is None:
            known = self.memo["has_effects"] = any(map(equation_has_effects, self.equations))
        return known

    def content_hash(self) -> str:
        """A hash of all that decides the program's meaning: ops, types, params, structure."""
        if self._hash is None:
            from bibun.ir.serialize import content_hash

            self._hash = content_hash(self)
        return self._hash

    def __str__(self) -> str:
        from bibun.ir.printer import format_program

        return format_program(self)

    __repr__ = __str__


class Closed:
    """A program together with the values of its first inputs (what it captured)."""

    __slots__ = ("program", "consts")

    def __init__(self, program: Program, consts: Sequence[Any]) -> None:
        self.program = program
        self.consts = tuple(consts)

    @property
    def in_types(self) -> tuple[Type, ...]:
        return self.program.in_types[len(self.consts) :]

    @property
    def out_types(self) -> tuple[Type, ...]:
        return self.program.out_types

    def __str__(self) -> str:
        return str(self.program)


def subprograms(params: dict[str, Any]) -> list[tuple[str, Program]]:
    """The programs among an equation's parameters, with the parameter's name."""
    found = []
    for name, value in params.items():
        if isinstance(value, Program):
            found.append((name, value))
        elif isinstance(value, tuple) and value and isinstance(value[0], Program):
            found.extend((f"{name}[{i}]", p) for i, p in enumerate(value))
    return found


def equation_has_effects(eq: Equation) -> bool:
    return eq.op.has_effects or any(p.has_effects for _, p in subprograms(eq.params))
