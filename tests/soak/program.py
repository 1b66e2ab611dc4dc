"""A random program as data: a tree of statements that prints as Python source.

Each statement knows the names it defines and their types, so that a minimiser may put a
constant in its place, and the text of a program is all that is needed to run it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import bibun

HEADER = """\
import numpy as np
import bibun
import bibun.numpy as bnp
from bibun import lax
from tests.soak.program import wild, with_jvp, with_vjp
"""


def with_vjp(f: Callable[..., Any], fwd: Callable[..., Any], bwd: Callable[..., Any]) -> Any:
    """`f` with a reverse rule."""
    g = bibun.custom_vjp(f)
    g.defvjp(fwd, bwd)
    return g


def wild(x: np.ndarray, seed: int) -> np.ndarray:
    """`x` with some of its elements replaced by the numbers that are forgotten."""
    rng = np.random.default_rng(seed)
    if x.dtype.kind in "iu":
        info = np.iinfo(x.dtype)
        special = [info.min, info.max, 0, info.min + 1, 63, 64]
    else:
        tiny = np.finfo(x.dtype).tiny
        special = [np.nan, np.inf, -np.inf, -0.0, 0.0, tiny / 4, -tiny, 1e20, -1e-20, 2.0**31]
    some = np.asarray([special[k] for k in rng.integers(0, len(special), x.size)], x.dtype)
    return np.where(rng.random(x.shape) < 0.3, some.reshape(x.shape), x)


def with_jvp(f: Callable[..., Any], rule: Callable[..., Any]) -> Any:
    """`f` with a forward rule."""
    g = bibun.custom_jvp(f)
    g.defjvp(rule)
    return g


@dataclass
class Block:
    """`def name(params):` with statements and a result."""

    name: str
    params: list[str]
    statements: list[Statement]
    returns: str  # an expression

    def render(self, indent: int) -> list[str]:
        pad = "    " * indent
        lines = [f"{pad}def {self.name}({', '.join(self.params)}):"]
        for s in self.statements:
            lines += s.render(indent + 1)
        lines.append(f"{pad}    return {self.returns}")
        return lines


@dataclass
class Statement:
    """`outs = text`, after the functions that it uses were defined."""

    outs: dict[str, tuple[tuple[int, ...], np.dtype]]  # in order; name -> shape, dtype
    text: str
    blocks: list[Block] = field(default_factory=list)

    def render(self, indent: int) -> list[str]:
        lines: list[str] = []
        for b in self.blocks:
            lines += b.render(indent)
        lines.append(f"{'    ' * indent}{', '.join(self.outs)} = {self.text}")
        return lines

    def constant(self) -> Statement:
        """The same names, made of nothing."""
        made = []
        for shape, dtype in self.outs.values():
            value = "True" if dtype.kind == "b" else "1" if dtype.kind in "iu" else "0.5"
            made.append(f"bnp.full({shape}, {value}, dtype={str(dtype)!r})")
        return Statement(self.outs, ", ".join(made))


@dataclass
class Program:
    """Inputs, captured arrays, the function `f`, and how it is to be run."""

    seed: int
    inputs: list[str]  # expressions of NumPy arrays or Python numbers
    captured: list[str]  # statements
    body: Block
    mode: str
    options: dict[str, object] = field(default_factory=dict)

    def source(self) -> str:
        lines = [f"# seed {self.seed}, mode {self.mode}, options {self.options}", HEADER]
        lines += self.captured
        lines.append(f"MODE, OPTIONS = {self.mode!r}, {self.options!r}")
        lines.append("INPUTS = [")
        lines += [f"    {i}," for i in self.inputs]
        lines.append("]\n")
        lines += self.body.render(0)
        return "\n".join(lines) + "\n"

    def statements(self) -> Iterator[tuple[list[Statement], int]]:
        """Every statement, as (its list, its place), outer ones first, late ones first."""

        def walk(block: Block) -> Iterator[tuple[list[Statement], int]]:
            for k in range(len(block.statements) - 1, -1, -1):
                yield block.statements, k
            for s in list(block.statements):
                for b in s.blocks:
                    yield from walk(b)

        yield from walk(self.body)


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\b[a-zA-Z_]\w*\b", text))


def drop_unused(block: Block) -> None:
    """Leave out statements that nothing reads."""
    used = names_in(block.returns)
    kept: list[Statement] = []
    for s in reversed(block.statements):
        if any(name in used for name in s.outs):
            for b in s.blocks:
                drop_unused(b)
            used |= names_in("\n".join(s.render(0)))
            kept.append(s)
    block.statements[:] = reversed(kept)
