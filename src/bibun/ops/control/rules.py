"""Derivative rules of staged custom functions: programs that are made when first needed.

A rule may call its own function (`return f(x), ...` is the usual first line), whose rule
calls it again: written out at once, the program would have no end. So a staged custom
function holds a `Rule`, which is forced when something differentiates it. But an equation
must be closed when it is written: whatever the rule captures has to be among its inputs
from the start. Therefore staging runs the rule once to *discover* its captures, taking
calls of the same function inside it as plain calls; if there were none, that program serves.

What is captured when the rule is run again is found among the inputs by identity, or, for
arrays that the rule makes afresh each time, by content.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from bibun.errors import DifferentiationError
from bibun.ir.program import Closed, Program, Var
from bibun.trace.core import concrete, type_of


class Rule:
    """Something about a custom function that is made on demand, once."""

    __slots__ = ("make", "made", "derived")

    def __init__(self, make: Callable[[], Any], made: Any = None) -> None:
        self.make = make
        self.made = made
        self.derived: dict[Any, Rule] = {}

    def force(self) -> Any:
        if self.made is None:
            self.made = self.make()
        return self.made

    def derive(self, key: Any, transform: Callable[[Any], Any]) -> Rule:
        """The rule that `transform` makes of this one; memoised by `key`."""
        found = self.derived.get(key)
        if found is None:
            found = self.derived[key] = Rule(lambda: transform(self.force()))
        return found


class _Discovery(threading.local):
    owners: tuple[Any, ...] = ()
    met: bool = False


_discovery = _Discovery()


def discover(owner: Any, run: Callable[[], Any]) -> tuple[Any, bool]:
    """The result of `run()`, in which calls of `owner` are plain; and whether any were met."""
    before, met = _discovery.owners, _discovery.met
    _discovery.owners, _discovery.met = (*before, owner), False
    try:
        return run(), _discovery.met
    finally:
        _discovery.owners, _discovery.met = before, met or _discovery.met


def is_plain(owner: Any) -> bool:
    """Whether a call of `owner` is to be staged without its rule."""
    if any(o is owner for o in _discovery.owners):
        _discovery.met = True
        return True
    return False


def position(value: Any, consts: Sequence[Any], name: str) -> int:
    """Where a captured value is among `consts`. Errors: DifferentiationError if nowhere."""
    for i, c in enumerate(consts):
        if c is value:
            return i
    array = concrete(value)
    if array is not None:
        for i, c in enumerate(consts):
            other = concrete(c)
            if (
                other is not None
                and other.dtype == array.dtype
                and other.shape == array.shape
                and other.tobytes() == array.tobytes()
            ):
                return i
    raise DifferentiationError(
        f"the derivative rule of {name!r} uses a value of type {type_of(value)} that it did not "
        "use when the function was first traced. A rule must be a pure function of its arguments"
    )


def over_consts(
    closed: Closed, consts: Sequence[Any], name: str, head: int = 0
) -> Program:
    """The program with all of `consts` as inputs in place of those it captured.

    They come after the first `head` of the other inputs.
    """
    program = closed.program
    count = len(closed.consts)
    inputs = [Var(type_of(c)) for c in consts]
    renamed: dict[Any, Var] = {}
    taken: set[int] = set()
    for var, value in zip(program.inputs, closed.consts, strict=False):
        i = position(value, consts, name)
        if i in taken or not inputs[i].type.matches(var.type):
            renamed[var] = inputs[i]
        else:
            taken.add(i)
            inputs[i] = var
    equations = program.equations
    if renamed:
        equations = tuple(
            eq.replace(inputs=[renamed.get(a, a) for a in eq.inputs]) for eq in equations
        )
    outputs = [renamed.get(a, a) for a in program.outputs]
    own = program.inputs[count:]
    return Program([*own[:head], *inputs, *own[head:]], equations, outputs, name)


def unite(*groups: Sequence[Any]) -> list[Any]:
    """The values of all groups, each once."""
    found: dict[int, Any] = {}
    for group in groups:
        for value in group:
            found.setdefault(id(value), value)
    return list(found.values())

