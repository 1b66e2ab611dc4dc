"""LLVM IR as text: modules and functions under construction.

Text is an order of magnitude cheaper to make than objects (llvmlite.ir), and what the
emitter does is simple enough not to need them: append a line, take a fresh name.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.dtypes import KEY


@functools.cache
def llvm_type(dtype: np.dtype, width: int = 1) -> str:
    """The LLVM type of a Val: `double`, `<8 x i64>`; booleans are `i1`."""
    if dtype == KEY:
        scalar = "i64"
    elif dtype.kind == "b":
        scalar = "i1"
    elif dtype.kind in "iu":
        scalar = f"i{8 * dtype.itemsize}"
    elif dtype.kind == "f":
        scalar = "double" if dtype.itemsize == 8 else "float"
    else:
        raise TypeError(f"no LLVM scalar for {dtype}")
    return scalar if width == 1 else f"<{width} x {scalar}>"


def literal(value: Any, dtype: np.dtype) -> str:
    """A scalar constant in LLVM's syntax, floats by their bits."""
    kind = dtype.kind
    if kind in "iu":
        bits = 8 * dtype.itemsize
        n = int(value) & ((1 << bits) - 1)
        return str(n - (1 << bits) if n >> (bits - 1) else n)
    if kind == "b":
        return "true" if value else "false"
    if dtype == KEY:
        return str(int(np.asarray(value, KEY).view(np.int64).reshape(())[()]))
    wide = np.float64(dtype.type(value))
    return f"0x{int(wide.view(np.uint64)):016X}"


_RARE = '!0 = !{!"branch_weights", i32 1, i32 1048575}'

INLINE_USES = 2  # a math kernel called from more places than this stays a function, others do not


class Function:
    """One function: its header, the allocas of its entry block, and its body."""

    def __init__(self, module: Module, header: str) -> None:
        self.module = module
        self.header = header
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.count = 0
        self.uses = 0  # call sites, of a math kernel
        self.types: dict[str, str] = {}  # of scalar names; a name not here is a pointer

    def fresh(self, prefix: str = "t") -> str:
        self.count += 1
        return f"%{prefix}{self.count}"

    def label(self, prefix: str = "b") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def emit(self, line: str) -> None:
        self.lines.append("  " + line)

    def assign(self, expression: str) -> str:
        self.count += 1
        name = f"%t{self.count}"
        self.lines.append(f"  {name} = {expression}")
        return name

    def assigned(self, expression: str) -> str | None:
        """The name that has the expression's value already, in the present block."""
        ending = f" = {expression}"
        for line in reversed(self.lines):
            if line.endswith(":"):
                return None
            if line.endswith(ending):
                return line[2 : -len(ending)]
        return None

    def alloca(self, type: str, count: int = 1, align: int = 8) -> str:
        name = self.fresh("a")
        many = f", i64 {count}" if count != 1 else ""
        self.entry.append(f"  {name} = alloca {type}{many}, align {align}")
        return name

    def block(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def jump(self, label: str) -> None:
        self.emit(f"br label %{label}")

    def branch(self, cond: str, then: str, otherwise: str, rare: bool = False) -> None:
        """`rare`: `then` is hardly ever taken; LLVM would make a cheap one a select."""
        weights = ", !prof !0" if rare else ""
        self.emit(f"br i1 {cond}, label %{then}, label %{otherwise}{weights}")

    def text(self) -> str:
        inlining = ""
        if self.uses:
            inlining = " noinline" if self.uses > INLINE_USES else " alwaysinline"
        return "\n".join([self.header + inlining + " {", "entry:", *self.entry, *self.lines, "}"])


class Module:
    """Functions, constant tables and declarations of one compilation."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self.globals: dict[Any, str] = {}
        self._global_text: list[str] = []
        self.declarations: dict[str, str] = {}
        self.math: dict[tuple[Any, ...], Function | None] = {}
        self.symbols: set[str] = set()  # external C symbols
        self.routines: dict[Any, str] = {}  # functions of lowering rules, by key
        self.support: list[str] = []  # whole functions as text

    def function(self, header: str) -> Function:
        f = Function(self, header)
        self.functions.append(f)
        return f

    def declare(self, name: str, signature: str) -> str:
        """Declare an intrinsic or external: signature is `ret (args)` with `@` put between."""
        if name not in self.declarations:
            ret, args = signature.split("(", 1)
            self.declarations[name] = f"declare {ret.strip()} @{name}({args}"
        return f"@{name}"

    def external(self, symbol: str, signature: str) -> str:
        self.symbols.add(symbol)
        return self.declare(symbol, signature)

    def table(self, values: Sequence[Any], dtype: np.dtype) -> str:
        """A constant global array."""
        array = np.asarray(values, dtype)
        key = (dtype.str, array.tobytes())
        name = self.globals.get(key)
        if name is None:
            name = self.globals[key] = f"@table{len(self.globals)}"
            t = llvm_type(dtype)
            body = ", ".join(f"{t} {literal(v, dtype)}" for v in array.ravel())
            self._global_text.append(
                f"{name} = private unnamed_addr constant [{array.size} x {t}] [{body}], align 64"
            )
        return name

    def text(self) -> str:
        parts = [*self._global_text, *self.declarations.values()]
        parts += [*self.support, *(f.text() for f in self.functions)]
        return "\n".join([*parts, _RARE]) + "\n"
