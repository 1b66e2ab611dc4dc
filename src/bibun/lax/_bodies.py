"""Tracing the functions that loops and branches are given.

A carry must keep its type. A Python scalar is flexible: a carry that starts as `0.0` takes
the dtype that the body gives it. `settle` finds the types by tracing until they stay.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import tree
from bibun.dtypes import promote
from bibun.errors import DTypeError, ShapeError
from bibun.ir.program import Closed, Program, subprograms
from bibun.ir.types import ArrayType, Type
from bibun.ops.elementwise import convert
from bibun.trace.core import as_value, type_of
from bibun.trace.sites import current_site, describe
from bibun.trace.stage import stage


def leaves_of(value: Any, what: str) -> tuple[list[Any], Any]:
    """The leaves of a pytree as values. Errors: TypeError naming a leaf that is no array."""
    leaves, structure = tree.flatten(value)
    try:
        return [as_value(x) for x in leaves], structure
    except TypeError:
        for path, leaf in tree.leaves_with_path(value):
            try:
                as_value(leaf)
            except TypeError as error:
                raise TypeError(f"{what}{tree.keystr(path)}: {error}") from None
        raise


_LIMIT = 512
_bodies: OrderedDict[Any, Program] = OrderedDict()
_lock = threading.Lock()


def _sites(program: Program) -> tuple[Any, ...]:
    return tuple(
        (eq.site, *(_sites(p) for _, p in subprograms(eq.params))) for eq in program.equations
    )


def trace_body(fun: Callable[..., Any], types: Sequence[Type], name: str) -> Closed:
    """Stage a flat body; equal bodies of the same lines are one program.

    A loop in eager code is traced each time it runs. Derivatives, batches and native code are
    kept with the program, so an equal body must be the same object to find them again.
    """
    closed = stage(fun, types, name)
    key = (closed.program.content_hash(), _sites(closed.program), closed.program.out_types)
    with _lock:
        program = _bodies.setdefault(key, closed.program)
        _bodies.move_to_end(key)
        while len(_bodies) > _LIMIT:
            _bodies.popitem(last=False)
    return Closed(program, closed.consts)


def name_of(fun: Callable[..., Any]) -> str:
    return getattr(fun, "__name__", None) or type(fun).__name__


def values(value: Any) -> Any:
    """A pytree with every leaf an array: what traced loops hand to bodies and return."""
    return tree.map(as_value, value)


def here() -> str:
    return f"\nAt {describe(current_site(2))}"


def meet(have: Type, got: Type) -> ArrayType | None:
    """The type a carry of type `have` must take for a body that returns `got`, if there is one."""
    if not isinstance(have, ArrayType) or not isinstance(got, ArrayType):
        return None
    if have.shape != got.shape:
        return None
    if have.dtype == got.dtype:
        return have.strong() if have.weak and not got.weak else have
    if not (have.weak or got.weak):
        return None
    dtype, weak = promote([(have.dtype, have.weak), (got.dtype, got.weak)])
    if dtype == have.dtype and got.weak:
        return ArrayType(have.shape, dtype, have.weak and weak)
    if dtype == got.dtype and have.weak:
        return ArrayType(have.shape, dtype, weak)
    return None


def cast(x: Any, dtype: np.dtype) -> Any:
    return x if type_of(x).dtype == dtype else convert(x, new_dtype=dtype)  # type: ignore[union-attr]


def mismatch(what: str, where: str, have: Type, got: Type, first: str, second: str) -> Exception:
    """The error for a leaf whose types differ: `have` in the `first` place, `got` in the other."""
    same = getattr(have, "shape", None) == getattr(got, "shape", None)
    return (DTypeError if same else ShapeError)(
        f"{what}{where} is {have} {first}, but {got} {second}. They must have the same shape "
        f"and dtype.{here()}"
    )


def settle(
    what: str,
    carry: Any,
    types: Sequence[Type],
    trace: Callable[[Sequence[Type]], tuple[Closed, list[Type], Any]],
    structure: Any,
) -> tuple[Closed, list[Type]]:
    """Trace a body until it returns carries of the types that it takes.

    `trace(types)` gives the closed program, and the types and structure of the carry that
    came out. Errors: TypeError for another structure, ShapeError or DTypeError for a leaf.
    """
    types = list(types)
    while True:
        closed, after, after_structure = trace(types)
        if after_structure != structure:
            raise TypeError(
                f"{what} must return a carry of the structure it takes: it takes {structure}, "
                f"and returned {after_structure}.{here()}"
            )
        settled: list[Type] = []
        for k, (have, got) in enumerate(zip(types, after, strict=True)):
            met = meet(have, got)
            if met is None:
                path = tree.keystr(tree.leaves_with_path(carry)[k][0])
                raise mismatch(
                    f"{what}: carry", path, have, got, "going in", "coming out of the body"
                )
            settled.append(met)
        if settled == types:
            return closed, settled
        types = settled


def fit(leaves: Sequence[Any], types: Sequence[Type]) -> list[Any]:
    """Cast weak results to the dtypes of the carries that they become."""
    if len(leaves) != len(types):
        return list(leaves)
    fitted = []
    for x, want in zip(leaves, types, strict=True):
        got = type_of(x)
        met = meet(want, got)
        same = met is not None and met.dtype == want.dtype  # type: ignore[union-attr]
        fitted.append(cast(x, want.dtype) if same else x)  # type: ignore[union-attr]
    return fitted
