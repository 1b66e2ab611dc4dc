"""Smaller programs that fail as well."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tests.soak.program import Program, drop_unused


def smaller(program: Program, fails: Callable[[str], bool], budget: int = 250) -> Program:
    """Put constants for statements, and leave out results, as long as the program fails."""
    best = program
    tries = 0

    def attempt(change: Callable[[Program], bool]) -> bool:
        nonlocal best, tries
        tries += 1
        other = copy.deepcopy(best)
        if not change(other):
            return False
        drop_unused(other.body)
        if other.source() == best.source() or not fails(other.source()):
            return False
        best = other
        return True

    attempt(lambda p: True)
    changed = True
    while changed and tries < budget:
        changed = False
        names = _results(best)
        for n in range(len(names)):
            if len(names) > 1 and attempt(lambda p, n=n: _without(p, n)):
                changed = True
                break
        k = 0
        while k < sum(1 for _ in best.statements()) and tries < budget:
            if attempt(lambda p, k=k: _constant(p, k)):
                changed = True
            else:
                k += 1
    return best


def _results(p: Program) -> list[str]:
    return [n.strip() for n in p.body.returns.strip("()").split(",") if n.strip()]


def _without(p: Program, n: int) -> bool:
    names = _results(p)
    del names[n]
    p.body.returns = f"({', '.join(names)},)"
    return True


def _constant(p: Program, k: int) -> bool:
    for i, (statements, at) in enumerate(p.statements()):
        if i == k:
            new = statements[at].constant()
            if new.text == statements[at].text:
                return False
            statements[at] = new
            return True
    return False
