"""The context that rules of structured ops are handed: transformations of sub-programs.

A rule in `ops` must not import `transforms`. What it may do to a sub-program is here, and
`CONTEXT`, the one instance, is passed to it. Every result is memoised on the program's
identity, so a loop that is differentiated a thousand times eagerly is transformed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from bibun.config import config
from bibun.ir.program import Program
from bibun.trace.core import EVAL, install_executor, using_trace
from bibun.trace.replay import replay
from bibun.trace.sites import forced


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
        self,
        program: Program,
        nonzero: tuple[bool, ...],
        instantiate: tuple[bool, ...] | bool = False,
    ) -> tuple[Program, tuple[bool, ...]]:
        """(inputs, tangents of nonzero inputs) -> (outputs, tangents of nonzero outputs).

        `instantiate`: outputs whose tangent must be there, as zeros if need be.
        """
        ...

    def linearize(
        self,
        program: Program,
        nonzero: tuple[bool, ...],
        instantiate: tuple[bool, ...] | bool = False,
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

    def run(self, fun: Program | Callable[..., Any], args: Sequence[Any]) -> list[Any]:
        """Run a program or a flat Python function on values of the current trace."""
        ...

    def batch_fun(
        self,
        fun: Program | Callable[..., Any],
        size: int,
        mapped: tuple[bool, ...] | bool,
        sum_outputs: Sequence[bool] = (),
    ) -> Program | Callable[..., Any]:
        """Map a program or a flat function; all outputs carry the batch axis, or are summed."""
        ...

    def simplify(self, program: Program) -> Program:
        """An equal program without dead code and duplicates; its inputs stay, used or not."""
        ...


def _interpret(program: Program, args: Sequence[Any]) -> list[Any]:
    with using_trace(EVAL):
        return replay(program, args)


Flags = tuple[bool, ...] | bool


class SubprogramContext:
    """The one implementation of `Context`; the work is done in `transforms.subprograms`."""

    def __init__(self) -> None:
        self._execute: Callable[[Program, Sequence[Any]], list[Any]] = _interpret
        # (op, args, params) -> outputs: set by the compiler, for loops and branches run eagerly
        self.compiled_structured: Callable[..., list[Any]] | None = None

    def install_execute(self, execute: Callable[[Program, Sequence[Any]], list[Any]]) -> None:
        """Let the compiler run programs. `execute(program, args) -> outputs`, on Arrays."""
        self._execute = execute

    def execute(self, program: Program, args: Sequence[Any]) -> list[Any]:
        return self._execute(program, args)

    def interpret(self, program: Program, args: Sequence[Any]) -> list[Any]:
        """Run a program op by op on concrete values, whoever does so otherwise."""
        return _interpret(program, args)

    def run(self, fun: Program | Callable[..., Any], args: Sequence[Any]) -> list[Any]:
        if isinstance(fun, Program):
            return replay(fun, args)
        site, forced.site = forced.site, 0  # a user's function has sites of its own
        try:
            return list(fun(*args))
        finally:
            forced.site = site

    def _memo(self, name: str, program: Program, *key: Any) -> Any:
        kept = name, key, config.debug_nans  # lanes are made with its checks inside
        found = program.memo.get(kept)
        if found is None:
            from bibun.transforms import subprograms

            found = program.memo[kept] = getattr(subprograms, name)(program, *key)
        return found

    def jvp(
        self, program: Program, nonzero: tuple[bool, ...], instantiate: Flags = False
    ) -> tuple[Program, tuple[bool, ...]]:
        return self._memo("jvp_program", program, tuple(nonzero), instantiate)

    def linearize(
        self, program: Program, nonzero: tuple[bool, ...], instantiate: Flags = False
    ) -> Linearized:
        return self._memo("linearize_program", program, tuple(nonzero), instantiate)

    def transpose(
        self, program: Program, linear: tuple[bool, ...], ct_nonzero: tuple[bool, ...]
    ) -> tuple[Program, tuple[bool, ...]]:
        return self._memo("transpose_program", program, tuple(linear), tuple(ct_nonzero))

    def batch(
        self, program: Program, size: int, mapped: tuple[bool, ...], instantiate: Flags = False
    ) -> tuple[Program, tuple[bool, ...]]:
        return self._memo("batch_program", program, size, tuple(mapped), instantiate)

    def batch_fun(
        self,
        fun: Program | Callable[..., Any],
        size: int,
        mapped: Flags,
        sum_outputs: Sequence[bool] = (),
    ) -> Program | Callable[..., Any]:
        if isinstance(fun, Program):
            if isinstance(mapped, bool):
                mapped = (mapped,) * len(fun.inputs)
            return self._memo("batch_fun_program", fun, size, tuple(mapped), tuple(sum_outputs))
        from bibun.transforms.subprograms import batched_function

        return batched_function(fun, size, mapped, tuple(sum_outputs))

    def simplify(self, program: Program) -> Program:
        return self._memo("simplify_program", program)


CONTEXT = SubprogramContext()
install_executor(CONTEXT)
