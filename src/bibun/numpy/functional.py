"""Functions that take functions."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import as_int, axis_index, value
from bibun.numpy.creation import asarray, zeros_like
from bibun.numpy.elementwise import astype, where
from bibun.numpy.shape import expand_dims, moveaxis, reshape
from bibun.ops import elementwise as el

__all__ = ["apply_along_axis", "apply_over_axes", "frompyfunc", "piecewise", "vectorize"]


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any,
                     **kwargs: Any) -> Value:  # fmt: skip
    """A function of vectors applied to each line along an axis, all lines at once.

    >>> import bibun.numpy as bnp
    >>> print(bnp.apply_along_axis(bnp.sum, 1, bnp.ones((2, 3))))
    [3. 3.]
    """
    from bibun.transforms import vmap

    x = value("apply_along_axis", "arr", arr)
    k = axis_index("apply_along_axis", axis, x.ndim)
    lines = moveaxis(x, k, -1)
    lead = lines.shape[:-1]
    out = vmap(lambda line: func1d(line, *args, **kwargs))(reshape(lines, (-1, x.shape[k])))
    out = reshape(out, lead + out.shape[1:])
    extra = out.ndim - len(lead)
    return moveaxis(out, tuple(range(len(lead), out.ndim)), tuple(range(k, k + extra)))


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Value:
    """`func(a, axis)` for one axis after the other, keeping the number of axes.

    >>> import bibun.numpy as bnp
    >>> bnp.apply_over_axes(bnp.sum, bnp.ones((2, 3)), (0, 1)).shape
    (1, 1)
    """
    x = value("apply_over_axes", "a", a)
    for axis in axes if isinstance(axes, tuple | list) else (axes,):
        k = axis_index("apply_over_axes", axis, x.ndim)
        out = func(x, k)
        x = out if out.ndim == x.ndim else expand_dims(out, k)
    return x


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Value:
    """For each element the function (or number) of the last condition that holds.

    One function more than conditions: it is for the elements where none holds. Every
    function is computed for every element; gradients follow the choice.

    >>> import bibun.numpy as bnp
    >>> x = bnp.array([-1.0, 2.0])
    >>> print(bnp.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v]))
    [1. 2.]
    """
    x = value("piecewise", "x", x)
    if isinstance(condlist, Value | np.ndarray):
        conditions = [condlist] if condlist.ndim == x.ndim else list(condlist)
    else:
        conditions = [asarray(c) for c in condlist]
    functions = list(funclist)
    if len(functions) == len(conditions) + 1:
        none: Any = None
        for c in conditions:
            none = c if none is None else el.or_(none, c)
        conditions.append(el.not_(none))
    if len(functions) != len(conditions):
        raise ShapeError(f"piecewise: {len(funclist)} functions for {len(conditions)} conditions")
    out: Any = zeros_like(x)
    for condition, function in zip(conditions, functions, strict=True):
        part = function(x, *args, **kw) if callable(function) else function
        out = where(condition, astype(part, x.dtype), out)
    return out


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int, *,
               identity: Any = None) -> Callable[..., Any]:  # fmt: skip
    """A function of numbers made elementwise, with broadcasting; it is traced, not called
    for each element.

    nin, nout: how many operands it takes and values it gives. A function of two operands and one
    value has the methods of NumPy's ufuncs (`reduce`, `accumulate`, `outer`); `identity` is what
    `reduce` gives of no elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.frompyfunc(lambda a, b: a + b, 2, 1)(bnp.array([1, 2]), 3))
    [4 5]
    """
    from bibun.numpy.ufuncs import add_methods

    n_in, n_out = as_int("frompyfunc", "nin", nin), as_int("frompyfunc", "nout", nout)
    mapped = vectorize(func)
    name = getattr(func, "__name__", "frompyfunc")

    @functools.wraps(func)
    def ufunc(*args: Any) -> Any:
        if len(args) != n_in:
            raise TypeError(f"{name}: made with nin={n_in}, called with {len(args)} operands")
        out = mapped(*args)
        given = len(out) if isinstance(out, tuple) else 1
        if given != n_out:
            raise TypeError(f"{name}: made with nout={n_out}, but it gives {given} values")
        return out

    ufunc.nin, ufunc.nout, ufunc.nargs = n_in, n_out, n_in + n_out  # type: ignore[attr-defined]
    return add_methods(ufunc, identity) if (n_in, n_out) == (2, 1) else ufunc


def _signature(text: str) -> tuple[list[list[str]], list[list[str]]]:
    if not re.fullmatch(r"[\w,()\s]+->[\w,()\s]+", text):
        raise ValueError(f"vectorize: {text!r} is not a signature such as '(m,n),(n)->(m)'")
    sides = []
    for side in text.replace(" ", "").split("->"):
        groups = re.findall(r"\(([^()]*)\)", side)
        if ",".join(f"({g})" for g in groups) != side:
            raise ValueError(f"vectorize: {text!r} is not a signature such as '(m,n),(n)->(m)'")
        sides.append([[d for d in g.split(",") if d] for g in groups])
    return sides[0], sides[1]


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = frozenset(),
              signature: str | None = None) -> Callable[..., Any]:  # fmt: skip
    """A function of numbers (or of small arrays, by `signature`) with broadcasting, by vmap.

    signature: the core axes, as "(m,n),(n)->(m)"; all axes before them are mapped over.
    excluded: positions or names of arguments that are passed on as they are.

    >>> import bibun.numpy as bnp
    >>> dot = bnp.vectorize(lambda a, b: bnp.sum(a * b), signature="(n),(n)->()")
    >>> print(dot(bnp.ones((2, 3)), bnp.ones(3)))
    [3. 3.]
    """
    kept_out = set(excluded)

    @functools.wraps(pyfunc)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from bibun.transforms import vmap

        mapped = [i for i in range(len(args)) if i not in kept_out]
        xs = [asarray(args[i]) for i in mapped]
        if signature is None:
            cores: list[list[str]] = [[] for _ in xs]
        else:
            cores = _signature(signature)[0]
            if len(cores) != len(xs):
                raise TypeError(f"vectorize: {len(xs)} arguments for signature {signature!r}")
        sizes: dict[str, int] = {}
        leads = []
        for x, core in zip(xs, cores, strict=True):
            if x.ndim < len(core):
                raise ShapeError(f"vectorize: shape {x.shape} has no axes {tuple(core)}")
            split = x.ndim - len(core)
            leads.append(x.shape[:split])
            for name, n in zip(core, x.shape[split:], strict=True):
                if sizes.setdefault(name, n) != n:
                    raise ShapeError(f"vectorize: axis {name!r} has sizes {sizes[name]} and {n}")
        lead = np.broadcast_shapes(*leads)

        def call(*values: Any) -> Any:
            full = list(args)
            for i, v in zip(mapped, values, strict=True):
                full[i] = v
            return pyfunc(*full, **kwargs)

        # One vmap an axis, from the last to the first; arrays without that axis are not mapped.
        function = call
        padded = []
        for x, own in zip(xs, leads, strict=True):
            keep = [k for k, n in enumerate(own) if n != 1 or lead[len(lead) - len(own) + k] == 1]
            drop = tuple(k for k in range(len(own)) if k not in keep)
            padded.append((reshape(x, tuple(n for k, n in enumerate(x.shape) if k not in drop)),
                           {len(lead) - len(own) + k for k in keep}))  # fmt: skip
        for axis in reversed(range(len(lead))):
            axes = tuple(0 if axis in present else None for _, present in padded)
            if any(a is not None for a in axes):
                function = vmap(function, in_axes=axes)
        return function(*(x for x, _ in padded))

    return wrapped
