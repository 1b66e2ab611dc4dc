"""Loops and branches of the solvers: in one compiled program, or in plain Python.

A solver with `jit=False` runs its iterations, line searches and branches as Python does, on
concrete values: the user's function may then branch on its arguments, print, be stepped through,
or call what cannot be traced (with `value_and_grad=True`). Where values are traced all the same, by
a `vmap` or `jit` around the solver, these are `bibun.lax`'s loops and branches.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.errors import ConcretizationError

_here = threading.local()


@contextlib.contextmanager
def plain_python(on: bool) -> Iterator[None]:
    """Within it, loops and branches of the solvers are Python's, if `on`."""
    before = getattr(_here, "plain", False)
    _here.plain = on
    try:
        yield
    finally:
        _here.plain = before


def _decided(condition: Any) -> bool | None:
    """The truth of a condition in plain Python; None where lax has to be asked."""
    if not getattr(_here, "plain", False):
        return None
    try:
        return bool(condition)
    except ConcretizationError:
        return None


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """`lax.while_loop`."""
    carry = init
    while getattr(_here, "plain", False):
        go_on = _decided(cond(carry))
        if go_on is None:
            break
        if not go_on:
            return carry
        carry = body(carry)
    return lax.while_loop(cond, body, carry)


def cond(predicate: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`lax.cond` of branches without operands."""
    decided = _decided(predicate)
    if decided is None:
        return lax.cond(predicate, then, otherwise)
    return then() if decided else otherwise()


def map_rows(f: Callable[[Any], Any], rows: Any) -> Any:
    """`lax.map` over the rows of an array, to scalars."""
    if not getattr(_here, "plain", False):
        return lax.map(f, rows)
    return bnp.stack([f(rows[i]) for i in range(rows.shape[0])])
