"""The canonical text of a program, and its content hash.

Variables are numbered in order of definition; sites and names are left out. Two programs
with the same text compute the same thing; the text is also what the object cache is keyed
by. With a `pool`, float literals that are data rather than structure are replaced by their
place in it, so that a new constant is not a new program; without, a program among the parameters
is its hash, which is kept. A parameter that is a Python
callable (a custom rule) is named by identity, so such a program never equals another one by
accident.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from bibun.ir.program import Literal, Program, Var
from bibun.ir.types import ArrayType, RaggedType


def content_hash(program: Program) -> str:
    """sha256 of the canonical text."""
    return hashlib.sha256(canonical_text(program).encode()).hexdigest()


_PRINTED = bool | int | float | complex | str | np.dtype | ArrayType | RaggedType
_STRUCTURAL = frozenset([*range(-8, 9), 0.5, -0.5, 0.25, -0.25, 0.125, float("inf"), -float("inf")])


def pooled(literal: Literal) -> bool:
    """Whether a literal is data: a float that no optimisation could know anything about."""
    v = literal.value
    return v.dtype.kind == "f" and float(v) not in _STRUCTURAL and v == v


def canonical_text(program: Program, pool: dict[float, int] | None = None) -> str:
    """The text of a program. `pool` collects its float data: value -> index."""
    parts: list[str] = []
    _program(program, parts, {}, pool)
    return "\n".join(parts)


def _program(
    program: Program, parts: list[str], types: dict[Any, str], pool: dict[float, int] | None
) -> None:
    names: dict[Var, str] = {}

    def define(v: Var) -> str:
        name = names[v] = str(len(names))
        t = types.get(v.type)
        if t is None:
            t = types[v.type] = repr(v.type)
        return f"{name}:{t}"

    def use(a: Any) -> str:
        if type(a) is Literal:
            if pool is not None and pooled(a):
                return f"@{pool.setdefault(float(a.value), len(pool))}:{a.type!r}"
            return f"#{literal_bytes(a.value)}:{a.type!r}"
        return names[a]

    parts.append("(" + " ".join(map(define, program.inputs)) + ")")
    for eq in program.equations:
        ins = " ".join(map(use, eq.inputs))
        outs = " ".join(map(define, eq.outputs))
        parts.append(f"{outs}={eq.op.name} {ins}")
        if eq.params:
            for k in sorted(eq.params):
                parts.append(f" {k}=")
                _param(eq.params[k], parts, types, pool)
    parts.append("->" + " ".join(map(use, program.outputs)))


def literal_bytes(value: Any) -> str:
    array = np.asarray(value)
    return array.tobytes().hex() if array.dtype.kind in "fcV" else repr(array.item())


def _param(p: Any, parts: list[str], types: dict[Any, str], pool: dict[float, int] | None) -> None:
    if isinstance(p, Program) and pool is None:
        parts.append(p.content_hash())
    elif isinstance(p, Program):
        parts.append("{")
        _program(p, parts, types, pool)
        parts.append("}")
    elif p is None or isinstance(p, _PRINTED):
        parts.append(repr(p))
    elif isinstance(p, tuple | list):
        parts.append("[")
        for q in p:
            _param(q, parts, types, pool)
        parts.append("]")
    elif isinstance(p, dict):
        for k in sorted(p):
            parts.append(f"{k!r}:")
            _param(p[k], parts, types, pool)
    elif isinstance(p, np.ndarray | np.generic):
        a = np.asarray(p)
        parts.append(f"{a.dtype}{a.shape}{a.tobytes().hex()}")
    elif isinstance(p, type):
        parts.append(p.__qualname__)
    else:
        parts.append(f"<{type(p).__name__} {id(p)}>")
