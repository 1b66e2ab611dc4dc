"""Writes the stubs of modules with names that type checkers cannot see: `make stubs`.

Type checkers and editors read the source. For functions made from tables the stub has every
public name with its parameters and the first line of its docstring; types are Any: a bibun
function takes and gives arrays, tracers and numbers. For modules that import what they export
when it is asked for, it has the imports. What a stub lacks is Any too, not an error.
"""

from __future__ import annotations

import importlib
import inspect
import keyword
from pathlib import Path
from types import ModuleType
from typing import Any

SOURCE = Path(__file__).parents[2] / "src"
TABLES = ("bibun.numpy", "bibun.variable.functions", "bibun.scipy.special")
LAZY = ("bibun", "bibun.prob")  # names that are imported when they are asked for

HEAD = '''"""Made by tests/typing/make_stubs.py; `make stubs` makes it anew."""

from typing import Any
{extra}
def __getattr__(name: str) -> Any: ...
'''


def default(value: Any) -> str:
    """A default as the stub shows it."""
    simple = value is None or type(value) in (bool, int, str, float) and value == value
    return repr(value) if simple and repr(value) not in ("inf", "-inf") else "..."


def parameters(signature: inspect.Signature) -> str:
    """The list of parameters, all of type Any."""
    kinds = inspect.Parameter
    out, star, slash = [], False, False
    for p in signature.parameters.values():
        if slash and p.kind is not kinds.POSITIONAL_ONLY:
            out.append("/")
        slash = p.kind is kinds.POSITIONAL_ONLY
        if p.kind is kinds.KEYWORD_ONLY and not star:
            out.append("*")
            star = True
        star = star or p.kind is kinds.VAR_POSITIONAL
        prefix = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(p.kind, "")
        given = "" if p.default is p.empty else f" = {default(p.default)}"
        out.append(f"{prefix}{p.name}: Any{given}")
    return ", ".join([*out, "/"] if slash else out)


def entry(name: str, value: Any) -> str:
    """One name's declaration."""
    if not inspect.isfunction(value):
        return f"{name}: Any"
    doc = (inspect.getdoc(value) or "").split("\n")[0].replace("\\", "\\\\").replace('"', "'")
    head = f"def {name}({parameters(inspect.signature(value))}) -> Any:"
    return f'{head}\n    """{doc}"""' if doc else f"{head} ..."


def imports(module: str) -> str:
    """The stub of a module that imports lazily."""
    m = importlib.import_module(module)
    lines = set()
    for name in m.__all__:
        home = m._HOME.get(name)
        if home is None:
            home = "bibun.array" if name == "Array" else module
        lines.add(f"from {home} import {name} as {name}")
    version = "\n__version__: str\n" if hasattr(m, "__version__") else ""
    return HEAD.format(extra="\n" + "\n".join(sorted(lines)) + "\n") + version


def text(module: str) -> str:
    """The stub of a module."""
    if module in LAZY:
        return imports(module)
    m = importlib.import_module(module)
    names = sorted(n for n in m.__all__ if not n.startswith("__") and not keyword.iskeyword(n))
    modules = [n for n in names if isinstance(getattr(m, n), ModuleType)]
    extra = "".join(f"\nfrom {module} import {n} as {n}" for n in modules) + "\n"
    body = [entry(n, getattr(m, n)) for n in names if n not in modules and n != "Array"]
    if "Array" in names:
        extra += "from bibun.array import Array as Array\n"
    return HEAD.format(extra=extra) + "\n" + "\n".join(body) + "\n"


def path(module: str) -> Path:
    """Where a module's stub is."""
    return SOURCE.joinpath(*module.split("."), "__init__.pyi")


if __name__ == "__main__":
    for module in (*TABLES, *LAZY):
        path(module).write_text(text(module), encoding="utf-8")
