"""Looking into compiled code: `bibun.debug.print` and `bibun.debug.callback`.

Both happen when the program gets there, with the values it has: in compiled code too, for each
iteration of a loop, in the branch that is taken, for each lane of a `vmap`. Derivatives leave
them alone: they see the primal values, once.
"""

from __future__ import annotations

import builtins
import re
import string
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from bibun import tree
from bibun.ops.control.callback import debug_callback
from bibun.trace.core import as_value
from bibun.transforms.callbacks import host_function
from bibun.transforms.flat import check_callable

__all__ = ["callback", "print"]


def callback(
    callback: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any
) -> None:
    """Call `callback(*args, **kwargs)` with NumPy arrays; what it returns is ignored.

    Calls come in the program's order, whether `ordered` or not. What the callback raises ends
    the computation.

    >>> import bibun
    >>> seen = []
    >>> f = bibun.jit(lambda x: bibun.debug.callback(lambda v: seen.append(float(v)), x))
    >>> f(2.0)
    >>> seen
    [2.0]
    """
    check_callable(callback, "debug.callback")
    leaves, structure = tree.flatten((args, kwargs))
    debug_callback(
        *map(as_value, leaves), function=host_function(callback, structure, None), out_types=(),
        ordered=bool(ordered),
    )  # fmt: skip


def _check_format(fmt: str, count: int, names: Collection[str]) -> None:
    """Errors: IndexError or ValueError unless each place has a value and each value a place."""
    asked: set[int | str] = set()
    for _, field, _, _ in string.Formatter().parse(fmt):
        if field is not None:
            head = re.split(r"[.\[]", field)[0]
            automatic = sum(type(a) is int for a in asked)
            asked.add(int(head) if head.isdigit() else head or automatic)
    for place in asked:
        if type(place) is int and place >= count:
            raise IndexError(f"debug.print: {fmt!r} has a place {place}, and {count} arguments")
        if type(place) is str and place not in names:
            raise ValueError(f"debug.print: {fmt!r} asks for {place!r}, which is not given")
    unused = sorted(str(k) for k in {*range(count), *names} - asked)
    if unused:
        raise ValueError(f"debug.print: {fmt!r} has no place for argument {', '.join(unused)}")


def print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print `fmt.format(*args, **kwargs)` when the program gets there.

    Errors: ValueError or IndexError, at once, for a format that does not fit its arguments.

    >>> import bibun
    >>> f = bibun.jit(lambda x: (bibun.debug.print("x is {} and {y:.2f}", x, y=x / 3), x)[1])
    >>> _ = f(1.0)
    x is 1.0 and 0.33
    """
    if not isinstance(fmt, str):
        raise TypeError(f"debug.print: the format must be a string, got {type(fmt).__name__}")
    _check_format(fmt, len(args), kwargs)

    def show(*values: Any, **named: Any) -> None:
        plain = lambda x: x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x  # noqa: E731
        values, named = tree.map(plain, (values, named))
        builtins.print(fmt.format(*values, **named), flush=True)

    callback(show, *args, ordered=ordered, **kwargs)
