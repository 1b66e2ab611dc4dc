"""Programs as people read them: one equation a line, types where values are made.

    sin_cos(x:f64[3]):
      a:f64[3] = sin x
      b:f64[3] = mul a 2.0
      return b
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ir.program import Equation, Literal, Program, Var


class _Names:
    """Short names a, b, … z, aa, ab, … in order of definition."""

    def __init__(self) -> None:
        self.names: dict[Var, str] = {}

    def __call__(self, a: Any) -> str:
        if type(a) is Literal:
            v = a.value
            return "key" if v.dtype.kind == "V" else repr(np.asarray(v).item())
        if a not in self.names:
            n, name = len(self.names), ""
            while True:
                name = chr(ord("a") + n % 26) + name
                n = n // 26 - 1
                if n < 0:
                    break
            self.names[a] = name
        return self.names[a]


def _define(v: Var, names: _Names) -> str:
    return f"{names(v)}:{v.type}"


def _params(params: dict[str, Any]) -> str:
    shown = []
    for k, p in params.items():
        if isinstance(p, Program) or (isinstance(p, tuple) and p and isinstance(p[0], Program)):
            continue
        if callable(p) and not isinstance(p, type):
            p = getattr(p, "__name__", type(p).__name__)
        shown.append(f"{k}={p}")
    return f"[{' '.join(shown)}]" if shown else ""


def _lines(program: Program, indent: str, title: str) -> list[str]:
    names = _Names()
    head = ", ".join(_define(v, names) for v in program.inputs)
    lines = [f"{indent}{title}({head}):"]
    inner = indent + "  "
    for eq in program.equations:
        lines += _equation(eq, names, inner)
    outs = ", ".join(names(a) for a in program.outputs)
    lines.append(f"{inner}return {outs}")
    return lines


def _equation(eq: Equation, names: _Names, indent: str) -> list[str]:
    ins = "".join(f" {names(a)}" for a in eq.inputs)
    outs = ", ".join(_define(v, names) for v in eq.outputs) or "()"
    lines = [f"{indent}{outs} = {eq.op.name}{_params(eq.params)}{ins}"]
    for k, p in eq.params.items():
        subs = [p] if isinstance(p, Program) else p if isinstance(p, tuple) else []
        for n, sub in enumerate(subs):
            if isinstance(sub, Program):
                label = k if isinstance(p, Program) else f"{k}[{n}]"
                lines += _lines(sub, indent + "  ", label)
    return lines


def format_program(program: Program) -> str:
    return "\n".join(_lines(program, "", program.name or "program"))


def format_equation(eq: Equation) -> str:
    return "\n".join(_equation(eq, _Names(), ""))
