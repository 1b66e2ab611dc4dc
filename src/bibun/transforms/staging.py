"""`make_program`, `eval_shape`, `closure_convert`: looking at a function without running it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.dtypes import canonical
from bibun.ir.program import Closed
from bibun.ops.families.tangents import has_tangent
from bibun.trace.core import Tracer, type_of
from bibun.trace.replay import replay
from bibun.trace.stage import stage
from bibun.transforms.derivatives import shaped_type
from bibun.transforms.flat import Flat, check_callable, check_same_tree, wraps
from bibun.tree import flatten, unflatten


class ShapeDtypeStruct:
    """Shape and dtype of an array, without the array.

    >>> ShapeDtypeStruct((2, 3), "float64")
    ShapeDtypeStruct(shape=(2, 3), dtype=float64)
    """

    __slots__ = ("shape", "dtype", "weak_type")

    def __init__(self, shape: Any, dtype: Any, weak_type: bool = False) -> None:
        self.shape = tuple(int(n) for n in shape)
        self.dtype = canonical(dtype)
        self.weak_type = weak_type

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, ShapeDtypeStruct)
            and (self.shape, self.dtype, self.weak_type)
            == (other.shape, other.dtype, other.weak_type)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.weak_type))

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name}{weak})"


def _stage(fun: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Closed, Any]:
    leaves, tree = flatten((args, kwargs))
    flat = Flat(lambda a, k: fun(*a, **k), tree)
    types = [shaped_type(x) for x in leaves]
    return stage(flat, types, getattr(fun, "__name__", "")), flat.out_tree


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of what `fun(*args, **kwargs)` would return, computing nothing.

    Arguments may be arrays or ShapeDtypeStructs; the result is a pytree of the latter.

    >>> import numpy as np
    >>> from bibun.transforms import eval_shape
    >>> eval_shape(lambda x: x * 2.0, np.ones((2, 3)))
    ShapeDtypeStruct(shape=(2, 3), dtype=float64)
    """
    check_callable(fun, "eval_shape")
    closed, out_tree = _stage(fun, args, kwargs)
    structs = [
        ShapeDtypeStruct(t.shape, t.dtype, t.weak)  # type: ignore[union-attr]
        for t in closed.out_types
    ]
    return unflatten(out_tree, structs)


def make_program(fun: Callable[..., Any]) -> Callable[..., Closed]:
    """A function that returns the program `fun` becomes on given arguments; print it to read it.

    The result pairs the program with the arrays that the function captured (`consts`).

    >>> from bibun.transforms import make_program
    >>> program = make_program(lambda x: x * x)(2.0)
    >>> [e.op.name for e in program.program.equations]
    ['mul']
    """
    check_callable(fun, "make_program")

    @wraps(fun, "make_program")
    def made(*args: Any, **kwargs: Any) -> Closed:
        return _stage(fun, args, kwargs)[0]

    return made


def closure_convert(
    fun: Callable[..., Any], *example_args: Any
) -> tuple[Callable[..., Any], list[Any]]:
    """A function without hidden inputs: traced values that `fun` closes over become arguments.

    Returns `(converted, consts)` with `converted(*args, *consts) == fun(*args)`. Only captured
    values that may carry a derivative are taken out. For use with custom rules.

    >>> from bibun.transforms import closure_convert, grad
    >>> def g(y):
    ...     converted, consts = closure_convert(lambda x: x * y, 2.0)
    ...     return converted(2.0, *consts)
    >>> float(grad(g)(3.0))
    2.0
    """
    check_callable(fun, "closure_convert")
    leaves, tree = flatten(example_args)
    flat = Flat(fun, tree)
    closed = stage(flat, [shaped_type(x) for x in leaves], getattr(fun, "__name__", ""))
    out_tree = flat.out_tree
    moved = [isinstance(c, Tracer) and has_tangent(type_of(c)) for c in closed.consts]
    consts = [c for c, m in zip(closed.consts, moved, strict=True) if m]

    def converted(*args: Any) -> Any:
        split = len(args) - len(consts)
        given, given_tree = flatten(tuple(args[:split]))
        check_same_tree(given_tree, tree, "closure_convert: the arguments", "the example")
        some = iter(args[split:])
        captured = [
            next(some) if m else c for c, m in zip(closed.consts, moved, strict=True)
        ]
        return unflatten(out_tree, replay(closed.program, [*captured, *given]))

    return converted, consts
