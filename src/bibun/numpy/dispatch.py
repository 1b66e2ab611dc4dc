"""Plain NumPy functions and SciPy ufuncs on bibun values, carried out by bibun.

`np.sin(x)`, `np.stack([x, y])`, `scipy.special.gammaln(x)` arrive here through
`__array_ufunc__` and `__array_function__`. The table is the namespaces themselves: the
function of the same name in `bibun.numpy` (`.linalg`, `.fft`) or `bibun.scipy.special`.
Where there is none, concrete Arrays are handed to NumPy as they are; a tracer is an error,
because NumPy would lose what is tracked.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.errors import TracerError
from bibun.numpy._common import Tracer, lists
from bibun.trace.sites import current_site, describe

__all__ = ["dispatch_table"]

_MODULES = {
    "numpy": "bibun.numpy",
    "numpy.linalg": "bibun.numpy.linalg",
    "numpy.fft": "bibun.numpy.fft",
    "scipy.special": "bibun.scipy.special",
}
# Names that differ between a ufunc and the function that has its meaning.
_RENAMED = {
    "divide": "true_divide", "conjugate": "conjugate", "_ones_like": "ones_like",
    "_zeta": "zeta", "_riemann_zeta": "zeta",
}  # fmt: skip
# NumPy's arguments that change no value here: memory layout, subclasses, the algorithm.
_NO_EFFECT = frozenset({"order", "subok", "kind"})
# Before NumPy 2.4 its functions in C have no signature; of these one has positions of its own.
_POSITIONS = {"empty_like": ("prototype", "dtype", "order", "subok", "shape")}
# NumPy's own that write into their argument.
_WRITES = frozenset({"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"})


def _find(module: str, name: str) -> Callable[..., Any] | None:
    try:
        found = getattr(importlib.import_module(_MODULES[module]), _RENAMED.get(name, name), None)
    except (ImportError, KeyError):
        return None
    return found if callable(found) else None


def _ufunc_home(ufunc: np.ufunc) -> str:
    return "numpy" if getattr(np, ufunc.__name__, None) is ufunc else "scipy.special"


def _flatten(x: Any) -> list[Any]:
    if isinstance(x, list | tuple):
        return [leaf for item in x for leaf in _flatten(item)]
    if isinstance(x, dict):
        return [leaf for item in x.values() for leaf in _flatten(item)]
    return [x]


def _to_numpy(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(map(_to_numpy, x)) if type(x) in (list, tuple) else x
    if isinstance(x, dict):
        return {k: _to_numpy(v) for k, v in x.items()}
    return np.asarray(x) if type(x) is Array else x


def _to_bibun(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(map(_to_bibun, x)) if type(x) in (list, tuple) else x
    if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "biufc":
        return Array(np.asarray(x))
    return x


def _on_host(function: Callable[..., Any], what: str, args: Any, kwargs: Any) -> Any:
    """NumPy itself on concrete Arrays."""
    if any(isinstance(a, Tracer) for a in _flatten([args, kwargs])):
        raise TracerError(
            f"{what} has no bibun form, so it cannot be differentiated, batched or compiled.\n"
            f"At {describe(current_site(2))}\n"
            "Write it with functions of bibun.numpy, or call it on concrete arrays outside."
        )
    return _to_bibun(function(*_to_numpy(args), **_to_numpy(kwargs)))


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: Any) -> Any:
    """`ufunc.method(*inputs, **kwargs)` where one input is a bibun value."""
    what = f"{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    out = kwargs.pop("out", None)
    if out is not None:
        if method == "__call__" and len(out) == 1 and isinstance(out[0], np.ndarray):
            return _into(out[0], call_ufunc(ufunc, method, inputs, kwargs))
        raise TypeError(f"numpy.{what}: out= cannot be a bibun array, which is immutable")
    dtype = kwargs.pop("dtype", None) if method == "__call__" else None
    condition = kwargs.pop("where", True) if method == "__call__" else True
    if condition is not True:
        raise TypeError(f"numpy.{what}: where= is not supported; use bibun.numpy.where")
    function = _find(_ufunc_home(ufunc), ufunc.__name__)
    if method != "__call__":
        if method == "at":
            raise TypeError(f"numpy.{what}: bibun arrays are immutable; use x.at[...]")
        function = getattr(function, method, None)
    if function is None:
        return _on_host(getattr(ufunc, method), f"numpy's {what}", inputs, kwargs)
    result = _as_numpy_does(function, inputs, kwargs)
    if dtype is not None:
        from bibun.numpy.elementwise import astype

        result = astype(result, dtype)
    return result


def _into(out: np.ndarray, result: Any) -> Any:
    """`ndarray += Array`: NumPy's array is written to, if the result is known."""
    if isinstance(result, Tracer):
        raise TracerError(
            f"a traced value cannot be written into a NumPy array.\nAt "
            f"{describe(current_site(2))}\nMake the array with bibun.numpy.array(...) first."
        )
    np.copyto(out, np.asarray(result), casting="same_kind")
    return out


def call_function(func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """`func(*args, **kwargs)`, a NumPy function, where an argument is a bibun value."""
    name, module = func.__name__, getattr(func, "__module__", "numpy")
    what = f"{module}.{name}"
    if name in _WRITES and isinstance(args[0] if args else None, Value):
        raise TypeError(f"{what}: bibun arrays are immutable; use x.at[...].set(...)")
    found = _find(module, name) if module in _MODULES else None
    if found is None:
        return _on_host(func, what, args, kwargs)
    names, known = _parameters(func, found)
    if names is not None and len(args) > 1:
        args, kwargs = args[:1], {**dict(zip(names[1:], args[1:], strict=False)), **kwargs}
    if known is not None:
        kwargs = {k: v for k, v in kwargs.items() if k in known or k not in _NO_EFFECT}
    return _as_numpy_does(found, args, kwargs)


@functools.cache
def _parameters(
    func: Callable[..., Any], found: Callable[..., Any]
) -> tuple[list[str] | None, frozenset[str] | None]:
    """(NumPy's names of the positions, if after the first bibun's, which are JAX's, differ; bibun's
    names, unless it takes any keyword)."""
    mine = inspect.signature(found).parameters
    ours = _positions(found)
    try:
        theirs = _positions(func)
    except ValueError:
        theirs = list(_POSITIONS.get(func.__name__, ours))
    differ = any(
        a != b and (a in mine or a in _NO_EFFECT)
        for a, b in itertools.zip_longest(theirs[1:], ours[1:])
    )
    free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in mine.values())
    return theirs if differ else None, None if free else frozenset(mine)


def _positions(function: Callable[..., Any]) -> list[str]:
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in named]


def _as_numpy_does(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a bibun function; lists of numbers are arrays, as they are to NumPy."""
    before, lists.allowed = lists.allowed, True
    try:
        return function(*args, **kwargs)
    finally:
        lists.allowed = before


def dispatch_table() -> dict[str, str | None]:
    """Which public NumPy functions, and SciPy ufuncs, have a bibun form: name -> its name, or None.

    >>> from bibun.numpy.dispatch import dispatch_table
    >>> dispatch_table()["numpy.sin"]
    'bibun.numpy.sin'
    """
    table: dict[str, str | None] = {}
    for module in _MODULES:
        home = importlib.import_module(module)
        for name in dir(home):
            thing = getattr(home, name)
            dispatched = isinstance(thing, np.ufunc) or hasattr(thing, "_implementation")
            if name.startswith("_") or not dispatched:
                continue
            found = None if name in _WRITES else _find(module, thing.__name__)
            table[f"{module}.{name}"] = (
                None if found is None else f"{_MODULES[module]}.{thing.__name__}"
            )
    return table


_PAGE = """# NumPy functions and SciPy ufuncs on bibun values

Generated by `python -m bibun.numpy.dispatch`. A plain NumPy function or SciPy ufunc given a bibun
value is carried out by bibun's function of the same name (`__array_function__`,
`__array_ufunc__`), so it differentiates, batches and compiles. Ufunc methods are served too:
`np.add.reduce`, `.accumulate`, `.outer`. The rest are handed to NumPy where the values are known,
and refuse traced values with the user's line.
"""


def page() -> str:
    """The table as Markdown: by namespace, what bibun carries out and what NumPy alone has."""
    table = dispatch_table()
    lines = [_PAGE]
    for module in _MODULES:
        here = {k[len(module) + 1 :]: v for k, v in table.items() if k.rpartition(".")[0] == module}
        for title, served in (("carried out by bibun", True), ("by the host alone", False)):
            names = sorted(k for k, v in here.items() if (v is not None) == served)
            if names:
                lines += [f"\n## `{module}`: {title} ({len(names)})\n"]
                lines += textwrap.wrap(" ".join(f"`{n}`" for n in names), 98)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
