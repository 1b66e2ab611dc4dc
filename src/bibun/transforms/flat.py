"""From functions of pytrees to flat functions of arrays, and the checks at the boundary."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import FLOAT0
from bibun.errors import DifferentiationError
from bibun.ir.types import Type
from bibun.ops.families.tangents import zeros_of
from bibun.trace.core import as_value, type_of
from bibun.tree import flatten, unflatten


class Flat:
    """A function of pytrees as a function of leaves. Running it sets `out_tree` and `aux`.

    `fun(*unflatten(in_tree, leaves), **kwargs)`; with `has_aux` the function returns a pair
    whose second part is kept aside.
    """

    __slots__ = ("fun", "in_tree", "kwargs", "has_aux", "out_tree", "aux", "what")

    def __init__(
        self,
        fun: Callable[..., Any],
        in_tree: Any,
        kwargs: dict[str, Any] | None = None,
        has_aux: bool = False,
        what: str = "",
    ) -> None:
        self.fun = fun
        self.in_tree = in_tree
        self.kwargs = kwargs or {}
        self.has_aux = has_aux
        self.out_tree: Any = None
        self.aux: Any = None
        self.what = what

    def __call__(self, *leaves: Any) -> list[Any]:
        out = self.fun(*unflatten(self.in_tree, leaves), **self.kwargs)
        if self.has_aux:
            out, self.aux = aux_pair(out, self.what or name_of(self.fun))
        outs, self.out_tree = flatten(out)
        return [o if isinstance(o, Value) else as_value(o) for o in outs]


def aux_pair(out: Any, what: str) -> tuple[Any, Any]:
    """The two parts of what a function with auxiliary output returned."""
    if not isinstance(out, tuple | list) or len(out) != 2:
        length = f" of length {len(out)}" if isinstance(out, tuple | list) else ""
        raise TypeError(
            f"with has_aux=True the function {what} must return a pair (output, auxiliary), "
            f"got {type(out).__name__}{length}"
        )
    return out[0], out[1]


def strip(tree: Any, trace: Any) -> Any:
    """A pytree with the tracers of a finished trace replaced by their primals."""
    leaves, spec = flatten(tree)
    return unflatten(spec, [trace.primal(x) for x in leaves])


def name_of(fun: Any) -> str:
    return getattr(fun, "__qualname__", None) or getattr(fun, "__name__", None) or repr(fun)


def check_callable(fun: Any, what: str) -> None:
    if not callable(fun):
        raise TypeError(f"{what} expects a function, got {type(fun).__name__}: {str(fun)[:60]!r}")


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def wraps(fun: Callable[..., Any], title: str) -> Decorator:
    """`functools.wraps` that also works on partials and callable objects, and says what it is."""

    def decorate(wrapper: Callable[..., Any]) -> Callable[..., Any]:
        functools.update_wrapper(wrapper, fun)
        name = getattr(fun, "__name__", type(fun).__name__)
        wrapper.__name__ = f"{title}({name})" if not name.isidentifier() else name
        return wrapper

    return decorate


def argnums_of_names(fun: Callable[..., Any], names: str | Sequence[str], what: str) -> list[int]:
    """The positions of parameters. Errors: ValueError for names that `fun` has not."""
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names:
        return []
    known = [
        p.name
        for p in inspect.signature(fun).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    for name in names:
        if name not in known:
            raise ValueError(f"{what}: {name!r} is not one of the parameters {known}")
    return [known.index(name) for name in names]


def normalize_argnums(argnums: Any, count: int, what: str) -> tuple[int, ...]:
    """Non-negative positions. Errors: TypeError for non-ints, ValueError out of range."""
    nums = argnums if isinstance(argnums, tuple | list) else (argnums,)
    result = []
    for a in nums:
        try:
            i = operator.index(a)
        except TypeError:
            raise TypeError(
                f"{what}: argnums must be an int or a tuple of ints, got {argnums!r}"
            ) from None
        if not -count <= i < count:
            raise ValueError(
                f"{what}: argnums {argnums!r} asks for argument {i}, but the function was called "
                f"with {count} positional argument{'s' * (count != 1)}. Arguments to be "
                "differentiated must be passed by position"
            )
        result.append(i % count)
    if len(set(result)) != len(result):
        raise ValueError(f"{what}: argnums {argnums!r} name an argument twice")
    return tuple(result)


def of_chosen(
    fun: Callable[..., Any], argnums: Any, args: tuple[Any, ...], kwargs: dict[str, Any], what: str
) -> tuple[Callable[[Any], Any], Any]:
    """The function of argument(s) `argnums` alone, and these argument(s)."""
    nums = normalize_argnums(argnums, len(args), what)
    single = isinstance(argnums, int)

    def part(chosen: Any) -> Any:
        full = list(args)
        for i, a in zip(nums, (chosen,) if single else chosen, strict=True):
            full[i] = a
        return fun(*full, **kwargs)

    return part, args[nums[0]] if single else tuple(args[i] for i in nums)


def float0_zeros(shape: Sequence[int]) -> np.ndarray:
    """The derivative of, or with respect to, what has none: no bytes, only a shape."""
    return np.zeros(tuple(shape), FLOAT0)


def boundary_tangent(tangent: Any, type: Type) -> Any:
    """A tangent or cotangent as the user gets it: zeros written out, float0 where none is."""
    if tangent is None:
        return as_user(zeros_of(type.tangent()))
    return as_user(tangent)


def as_user(x: Any) -> Any:
    """An Array, tracer, or float0 NumPy array."""
    return x if isinstance(x, Value) or getattr(x, "dtype", None) == FLOAT0 else as_value(x)


def check_tangent(tangent: Any, type: Type, what: str, other: str = "primal") -> Any:
    """A user's tangent for a value of a type: None where there is none, else checked.

    Errors: DifferentiationError naming both types.
    """
    wanted = type.tangent()
    if tangent is None or getattr(tangent, "dtype", None) == FLOAT0:
        if tangent is None or wanted.dtype == FLOAT0:  # type: ignore[union-attr]
            return None
    if tangent.__class__ in (int, float, complex, bool) and wanted.shape == ():  # type: ignore[union-attr]
        if wanted.dtype.kind == "c" or not isinstance(tangent, complex):  # type: ignore[union-attr]
            if wanted.dtype != FLOAT0:  # type: ignore[union-attr]
                return Array(np.asarray(tangent, wanted.dtype))  # type: ignore[union-attr]
    given = type_of(tangent)
    if not given.matches(wanted):
        hint = (
            " (values that are not floating or complex have float0 tangents)"
            if wanted.dtype == FLOAT0  # type: ignore[union-attr]
            else ""
        )
        raise DifferentiationError(
            f"{what} {given} does not fit the {other} {type}: "
            f"it must be {wanted}{hint}"
        )
    return as_value(tangent)


def check_same_tree(tree: Any, other: Any, what: str, than: str) -> None:
    if tree != other:
        raise TypeError(f"{what} must have the structure of {than}: got {tree}, expected {other}")
