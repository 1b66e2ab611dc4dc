"""`jvp`, `vjp`, `linearize` and `linear_transpose`: derivatives as linear maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.dtypes import canonical
from bibun.errors import DifferentiationError
from bibun.ir.types import ArrayType, Type
from bibun.ops.families.tangents import has_tangent, zeros_of
from bibun.trace.core import as_value, type_of
from bibun.trace.replay import replay
from bibun.trace.stage import stage
from bibun.transforms.flat import (
    Flat,
    boundary_tangent,
    check_callable,
    check_same_tree,
    check_tangent,
    strip,
)
from bibun.transforms.jvp import jvp_flat
from bibun.transforms.linearize import LinearMap, linearize_flat
from bibun.transforms.simplify import simplify
from bibun.transforms.transpose import backward_pass, transpose_program
from bibun.tree import broadcast_prefix, flatten, unflatten


def jvp(
    fun: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> Any:
    """The value of `fun(*primals)` and its directional derivative along `tangents`.

    `tangents` has the structure, shapes and dtypes of `primals` (float0 or None for integer
    leaves). Returns `(out, tangent_out)`, with `has_aux` also `aux`. Errors:
    DifferentiationError for a tangent of another type.

    >>> from bibun.transforms import jvp
    >>> y, dy = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(y), float(dy)
    (9.0, 6.0)
    """
    check_callable(fun, "jvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError(
            "jvp takes a tuple of primals and a tuple of tangents, got "
            f"{type(primals).__name__} and {type(tangents).__name__}"
        )
    leaves, tree = flatten(tuple(primals))
    given, given_tree = flatten(tuple(tangents), lambda x: x is None)
    if given_tree != tree:  # a None may stand for a whole subtree without tangents
        given = _spread(tangents, primals, given_tree, tree)
    values = []
    directions = []
    for p, t in zip(leaves, given, strict=True):
        if isinstance(p, int) and not isinstance(p, bool) and isinstance(t, float):
            p = float(p)
        p = as_value(p)
        values.append(p)
        directions.append(check_tangent(t, p.type, "jvp: a tangent of type"))
    flat = Flat(fun, tree, has_aux=has_aux)
    outs, douts, trace = jvp_flat(flat, values, directions)
    out = unflatten(flat.out_tree, outs)
    tangent = unflatten(
        flat.out_tree,
        [boundary_tangent(t, type_of(o)) for t, o in zip(douts, outs, strict=True)],
    )
    return (out, tangent, strip(flat.aux, trace)) if has_aux else (out, tangent)


def _spread(tangents: Any, primals: Any, given_tree: Any, tree: Any) -> list[Any]:
    try:
        spread = broadcast_prefix(
            tuple(tangents), tuple(primals), lambda x: x is None, what="tangents", of="primals"
        )
    except ValueError:
        spread = None
    if spread is None or len(flatten(tuple(tangents))[0]) > len(spread):
        check_same_tree(given_tree, tree, "jvp: tangents", "primals")
    return spread  # type: ignore[return-value]


class _Pullback:
    """The linear map from cotangents of the outputs to cotangents of the arguments."""

    __slots__ = ("linear", "primals", "nonzero", "in_tree", "out_types", "out_tree")

    def __init__(
        self,
        linear: LinearMap,
        primals: Sequence[Type],
        nonzero: Sequence[bool],
        in_tree: Any,
        out_types: Sequence[Type],
        out_tree: Any,
    ) -> None:
        self.linear = linear
        self.primals = primals
        self.nonzero = nonzero
        self.in_tree = in_tree
        self.out_types = out_types
        self.out_tree = out_tree

    def __call__(self, ct: Any) -> Any:
        linear = self.linear
        cts = cotangents(ct, self.out_types, self.out_tree, "vjp")
        outs, seeds = [], []
        for tangent, c in zip(linear.outputs, cts, strict=True):
            if tangent is not None and c is not None:
                outs.append(linear.trace.atom(tangent))
                seeds.append(c)
        found = backward_pass(linear.trace.equations, linear.residuals(), outs, seeds)
        inputs = iter(linear.inputs)
        results = [
            boundary_tangent(found.get(next(inputs)) if nz else None, t)
            for t, nz in zip(self.primals, self.nonzero, strict=True)
        ]
        return unflatten(self.in_tree, results)


def cotangents(ct: Any, types: Sequence[Type], tree: Any, what: str) -> list[Any]:
    """A user's cotangents, checked against the outputs; None where there is none."""
    leaves, given = flatten(ct)
    check_same_tree(given, tree, f"{what}: the cotangent", "the output")
    return [
        check_tangent(c, t, f"{what}: a cotangent of type", "output")
        for c, t in zip(leaves, types, strict=True)
    ]


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun(*primals)` and the function that pulls cotangents back.

    Returns `(out, pullback)`, with `has_aux` also `aux`; `pullback(ct)` takes what has the
    structure and types of `out` and returns a tuple, one cotangent for each argument. It may be
    called any number of times. Integer arguments get float0 zeros.

    >>> from bibun.transforms import vjp
    >>> y, pull = vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> [float(c) for c in pull(1.0)]
    [5.0, 2.0]
    """
    check_callable(fun, "vjp")
    leaves, tree = flatten(primals)
    values = [as_value(x) for x in leaves]
    nonzero = [has_tangent(v.type) for v in values]
    flat = Flat(fun, tree, has_aux=has_aux)
    outs, linear, trace = linearize_flat(flat, values, nonzero)
    linear.settle()
    out_types = [type_of(o) for o in outs]
    pull = _Pullback(linear, [v.type for v in values], nonzero, tree, out_types, flat.out_tree)
    out = unflatten(flat.out_tree, outs)
    return (out, pull, strip(flat.aux, trace)) if has_aux else (out, pull)


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun(*primals)` and its derivative there as a linear function.

    Returns `(out, f_jvp)`, with `has_aux` also `aux`; `f_jvp(*tangents)` costs only the linear
    part, so it is cheaper than `jvp` when called repeatedly.

    >>> from bibun.transforms import linearize
    >>> y, push = linearize(lambda x: x * x * x, 2.0)
    >>> float(y), float(push(1.0)), float(push(10.0))
    (8.0, 12.0, 120.0)
    """
    check_callable(fun, "linearize")
    leaves, tree = flatten(primals)
    values = [as_value(x) for x in leaves]
    nonzero = [has_tangent(v.type) for v in values]
    flat = Flat(fun, tree, has_aux=has_aux)
    outs, linear, trace = linearize_flat(flat, values, nonzero)
    linear.settle()
    out_tree = flat.out_tree
    out_types = [type_of(o) for o in outs]
    closed = linear.close()
    program = simplify(closed.program)
    wanted = [t is not None for t in linear.outputs]

    def push(*tangents: Any) -> Any:
        given, given_tree = flatten(tangents)
        check_same_tree(given_tree, tree, "linearize: the tangents", "the arguments")
        directions = [
            check_tangent(t, v.type, "linearize: a tangent of type")
            for t, v in zip(given, values, strict=True)
        ]
        ins = [
            zeros_of(v.type.tangent()) if d is None else d
            for d, v, nz in zip(directions, values, nonzero, strict=True)
            if nz
        ]
        some = iter(replay(program, [*closed.consts, *ins]))
        results = [
            boundary_tangent(next(some) if w else None, t)
            for w, t in zip(wanted, out_types, strict=True)
        ]
        return unflatten(out_tree, results)

    out = unflatten(out_tree, outs)
    return (out, push, strip(flat.aux, trace)) if has_aux else (out, push)


def linear_transpose(fun: Callable[..., Any], *primals: Any) -> Callable[..., Any]:
    """The transpose of a function that is linear in all its arguments.

    `primals` give structure, shapes and dtypes only (arrays or ShapeDtypeStructs). The result
    takes a cotangent with the structure of the output and returns a tuple, one for each argument.
    Errors: DifferentiationError naming the operation that is not linear.

    >>> from bibun.transforms import linear_transpose
    >>> [float(x) for x in linear_transpose(lambda x: 3.0 * x, 0.0)(2.0)]
    [6.0]
    """
    check_callable(fun, "linear_transpose")
    leaves, tree = flatten(primals)
    types = [shaped_type(x) for x in leaves]
    for t in types:
        if not has_tangent(t):
            raise DifferentiationError(
                f"linear_transpose needs floating-point or complex arguments, got {t}"
            )
    flat = Flat(fun, tree)
    closed = stage(flat, types, getattr(fun, "__name__", ""))
    out_tree = flat.out_tree

    def transposed(ct: Any) -> Any:
        cts = cotangents(ct, closed.out_types, out_tree, "linear_transpose")
        count = len(closed.consts)
        found = transpose_program(
            closed.program,
            [*closed.consts, *([None] * len(types))],
            [False] * count + [True] * len(types),
            cts,
        )
        return unflatten(
            tree, [boundary_tangent(c, t) for c, t in zip(found, types, strict=True)]
        )

    return transposed


def shaped_type(x: Any) -> Type:
    """The type of a value, or of a stand-in with shape and dtype."""
    try:
        return type_of(x)
    except TypeError:
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            return ArrayType(tuple(x.shape), canonical(x.dtype), getattr(x, "weak_type", False))
        raise
