"""The context that rules of structured ops are handed: transformations of sub-programs.

A rule in `ops` must not import `transforms`. What it may do to a sub-program is here, and
`CONTEXT`, the one instance, is passed to it. Every result is memoised on the program's
identity, so a loop that is differentiated a thousand times eagerly is transformed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from bibun.ir.program import Program


class Linearized(NamedTuple):
    """The result of `Context.linearize`.

    `primal`: inputs -> (outputs..., residuals...). `linear`: (residuals..., tangents of the
    nonzero inputs...) -> tangents of the nonzero outputs. `out_nonzero`: which outputs have
    a tangent. `forwarded[j]` is i if residual j is simply input i of the program (then it is
    loop-invariant when that input is), else None.
    """

    primal: Program
    linear: Program
    out_nonzero: tuple[bool, ...]
    num_residuals: int
    forwarded: tuple[int | None, ...]


class Context(Protocol):
    """What rules may do to sub-programs."""

    def jvp(
        self, program: Program, nonzero: tuple[bool, ...], instantiate: tuple[bool, ...] | bool = False
    ) -> tuple[Program, tuple[bool, ...]]:
        """(inputs..., tangents of nonzero inputs...) -> (outputs..., tangents of nonzero outputs...).

        `instantiate`: outputs whose tangent must be there, as zeros if need be.
        """
        ...

    def linearize(
        self, program: Program, nonzero: tuple[bool, ...], instantiate: tuple[bool, ...] | bool = False
    ) -> Linearized: ...

    def transpose(
        self, program: Program, linear: tuple[bool, ...], ct_nonzero: tuple[bool, ...]
    ) -> tuple[Program, tuple[bool, ...]]:
        """(non-linear inputs..., cotangents of the outputs with ct_nonzero...) -> cotangents.

        The outputs are the cotangents of the linear inputs, all instantiated; the second
        result says which can be nonzero.
        """
        ...

    def batch(
        self,
        program: Program,
        size: int,
        mapped: tuple[bool, ...],
        instantiate: tuple[bool, ...] | bool = False,
    ) -> tuple[Program, tuple[bool, ...]]:
        """Inputs with `mapped` carry the batch axis in front; so do the outputs flagged."""
        ...

    def execute(self, program: Program, args: Sequence[Any]) -> list[Any]:
        """Run a program on concrete values: compiled, or op by op where that is asked for."""
        ...

    def simplify(self, program: Program) -> Program:
        """Dead code, common subexpressions and unused inputs kept: a smaller equal program."""
        ...
