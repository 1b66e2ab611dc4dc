"""Shared defaults of elementwise ops: type, batching, linear and derivative rules.

An elementwise op broadcasts its operands as NumPy does, at the level of the IR: there are
no broadcast equations around arithmetic. `unary`, `binary` and `elementwise` make an op of
a few lines from the NumPy function, the partial derivatives and a line of lowering; `host`
does the same for a function that compiled code gets by calling back into NumPy or SciPy.

Derivatives. `partials` has one entry per operand: None (no derivative), a number (the op is
linear in that operand with that coefficient), or a function of `(*operands, result)` that
gives the partial derivative with ops. The tangent is the sum of
`absorb_mul(tangent, partial)`, so that an operand whose tangent is exactly zero contributes
zero even where its partial is inf or nan. An op all of whose partials are numbers is linear
and gets its transpose rule from them.
"""

from __future__ import annotations

import contextvars
import functools
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.errors import DifferentiationError, DTypeError, ShapeError
from bibun.ir.program import Literal
from bibun.ir.types import ArrayType, dtype_name
from bibun.ops.op import ELEMENTWISE, LIBRARY, Op, Sample, is_linear
from bibun.ops.registry import get, register
from bibun.trace.core import type_of

# Kinds of dtype an op may accept, as strings of NumPy's kind letters.
FLOAT = "f"
INEXACT = "fc"
INTEGER = "iu"
BITS = "biu"
REAL = "iuf"
ORDERED = "biuf"
NUMBER = "iufc"
ANY = "biufc"
EVERY = "biufcV"  # random keys too

_KIND_WORDS = {
    "b": "bool", "i": "signed integers", "u": "unsigned integers", "f": "floats",
    "c": "complex numbers", "V": "keys",
}  # fmt: skip


class _Quiet(threading.local):
    """Per thread, a context in which NumPy's floating-point warnings are off.

    `Context.run` costs 20 ns where `np.errstate` costs 700.
    """

    def __init__(self) -> None:
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run


quiet = _Quiet()


def quietly(fun: Callable[..., Any]) -> Callable[..., Any]:
    """`fun` without NumPy's floating-point warnings: inf and nan are values here."""

    def run(*args: Any, **params: Any) -> Any:
        return quiet.run(fun, *args, **params)

    return run


# Types ------------------------------------------------------------------------------


def broadcast_shapes(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """NumPy's broadcasting, with an error that names the op and the shapes."""
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    ndim = max(map(len, shapes))
    out = [1] * ndim
    for s in shapes:
        for i, n in enumerate(s, ndim - len(s)):
            if n != out[i]:
                if out[i] == 1:
                    out[i] = n
                elif n != 1:
                    listed = ", ".join(map(str, shapes))
                    raise ShapeError(f"{name}: shapes {listed} cannot be broadcast together")
    return tuple(out)


def check_dtype(name: str, types: Sequence[Any], accepts: str) -> np.dtype:
    """The one dtype of all operands. Errors: DTypeError if they differ or are not accepted."""
    for t in types:
        if not isinstance(t, ArrayType):
            raise DTypeError(f"{name}: expected arrays, got {t}")
    dtype = types[0].dtype
    if any(t.dtype != dtype for t in types):
        listed = ", ".join(dtype_name(t.dtype) for t in types)
        raise DTypeError(
            f"{name}: operands have dtypes {listed}; they must be equal. Convert one of them, "
            "or use bibun.numpy, whose functions promote"
        )
    if dtype.kind not in accepts:
        words = ", ".join(_KIND_WORDS[k] for k in accepts)
        raise DTypeError(f"{name} is defined for {words}, got {dtype_name(dtype)}")
    return dtype


def elementwise_type(
    name: str, accepts: str, result: Callable[..., np.dtype] | None = None
) -> Callable[..., ArrayType]:
    """Type rule: operands of one accepted dtype, broadcast; `result(dtype, **params)`."""

    def type_rule(*types: Any, **params: Any) -> ArrayType:
        dtype = check_dtype(name, types, accepts)
        out = dtype if result is None else result(dtype, **params)
        shape = broadcast_shapes(name, *(t.shape for t in types))
        weak = out.kind != "b" and all(t.weak for t in types)
        return ArrayType(shape, out, weak)

    return type_rule


def checked_eval(
    type_rule: Callable[..., Any], fun: Callable[..., Any], accepts: str, arity: int
) -> Callable[..., Any]:
    """`fun`, quiet, refusing the operands that the type rule refuses."""

    def complain(args: Sequence[Any], params: dict[str, Any]) -> None:
        type_rule(*(type_of(a) for a in args if isinstance(a, np.ndarray | np.generic)), **params)

    ndarray = np.ndarray

    def eval1(x: Any, **params: Any) -> Any:
        if type(x) is ndarray and x.dtype.kind not in accepts:
            complain((x,), params)
        return quiet.run(fun, x, **params)

    def eval2(x: Any, y: Any, **params: Any) -> Any:
        if type(x) is ndarray:
            dtype = x.dtype
            if dtype.kind not in accepts:
                complain((x, y), params)
            if type(y) is ndarray and y.dtype is not dtype and y.dtype != dtype:
                complain((x, y), params)
        elif type(y) is ndarray and y.dtype.kind not in accepts:
            complain((x, y), params)
        try:
            return quiet.run(fun, x, y, **params)
        except ValueError:
            complain((x, y), params)
            raise

    def evaln(*args: Any, **params: Any) -> Any:
        dtype = None
        for a in args:
            if type(a) is ndarray:
                if dtype is None:
                    dtype = a.dtype
                    if dtype.kind not in accepts:
                        complain(args, params)
                elif a.dtype is not dtype and a.dtype != dtype:
                    complain(args, params)
        try:
            return quiet.run(fun, *args, **params)
        except ValueError:
            complain(args, params)
            raise

    return {1: eval1, 2: eval2}.get(arity, evaln)


# Batching ----------------------------------------------------------------------------


def align_batch(args: Sequence[Any], dims: Sequence[int | None]) -> tuple[list[Any], int]:
    """Operands whose mapped axes broadcast onto each other, and the axis of the result.

    The mapped axis goes in front, and operands of lower rank get axes of one after it, so
    that right-aligned broadcasting still pairs the axes it paired before.
    """
    shapes = [type_of(a).shape for a in args]
    first = next(d for d in dims if d is not None)
    rank = max(len(s) for s in shapes)
    if all(
        (d == first and len(s) == rank) if d is not None else len(s) == 0
        for s, d in zip(shapes, dims, strict=True)
    ):
        return list(args), first
    inner = max(len(s) - (d is not None) for s, d in zip(shapes, dims, strict=True))
    out = []
    for a, s, d in zip(args, shapes, dims, strict=True):
        if d is not None:
            if d:
                order = (d, *(k for k in range(len(s)) if k != d))
                a = get("transpose")(a, permutation=order)
            missing = inner - (len(s) - 1)
            if missing:
                a = get("expand_dims")(a, axes=tuple(range(1, 1 + missing)))
        out.append(a)
    return out, 0


def elementwise_batch(op: Callable[[], Op]) -> Callable[..., Any]:
    """Batch rule of an elementwise op."""

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> Any:
        aligned, dim = align_batch(args, dims)
        return op()(*aligned, **params), dim

    return batch


# Derivatives -----------------------------------------------------------------------------


def to_shape(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` broadcast to `shape`, if it has not got it already."""
    return x if type_of(x).shape == shape else get("broadcast_to")(x, shape=shape)


def unbroadcast(ct: Any, type: Any) -> Any:
    """The transpose of broadcasting a value of `type`: sum over the axes it was spread on."""
    shape, target = type_of(ct).shape, type.shape
    if shape == target:
        return ct
    extra = len(shape) - len(target)
    axes = (*range(extra),) + tuple(
        k + extra for k, n in enumerate(target) if n == 1 and shape[k + extra] != 1
    )
    if axes:
        ct = get("reduce_sum")(ct, axes=axes)
    return ct if type_of(ct).shape == target else get("reshape")(ct, shape=target)


def scale(tangent: Any, factor: Any) -> Any:
    """`tangent * factor`: exactly zero where the tangent is, whatever the factor."""
    if type(factor) in (int, float) and math.isfinite(factor):
        if factor == 1:
            return tangent
        return get("neg")(tangent) if factor == -1 else get("mul")(tangent, factor)
    return get("absorb_mul")(tangent, factor)


def sum_tangents(terms: Sequence[Any]) -> Any:
    """The sum of the terms that are not None, or None."""
    total = None
    for t in terms:
        if t is not None:
            total = t if total is None else get("add")(total, t)
    return total


def partials_jvp(op: Callable[[], Op], partials: Sequence[Any]) -> Callable[..., Any]:
    """The jvp rule that the partial derivatives define."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        out = op()(*primals, **params)
        terms = []
        for t, p in zip(tangents, partials, strict=True):
            if t is not None and p is not None:
                terms.append(scale(t, p(*primals, out, **params) if callable(p) else p))
        total = sum_tangents(terms)
        return out, None if total is None else to_shape(total, type_of(out).shape)

    return jvp


def linear_transpose(coefficients: Sequence[Any]) -> Callable[..., Any]:
    """Transpose rule of an op linear in all operands together, with constant coefficients."""

    def transpose(ct: Any, *args: Any, **params: Any) -> list[Any]:
        return [
            unbroadcast(scale(ct, c), a.type) if is_linear(a) else None
            for a, c in zip(args, coefficients, strict=True)
        ]

    return transpose


# Samples ------------------------------------------------------------------------------

_SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e-30, 1e300, -1e300)


def grid_samples(
    accepts: str, columns: Sequence[Sequence[float]], special: bool = True, **params: Any
) -> list[Sample]:
    """Samples of every accepted kind of dtype from one column of numbers per operand."""
    n = len(columns)
    found = []
    reals = [np.array(c, dtype=np.float64) for c in columns]
    if "f" in accepts:
        found.append(Sample(*reals, **params))
        found.append(Sample(*(r[1] for r in reals), **params))
        found.append(Sample(*(r.astype(np.float32) for r in reals), **params))
        if n > 1:
            outer = [r.reshape([-1 if j == k else 1 for j in range(n)]) for k, r in
                     enumerate(reals)]  # fmt: skip
            found.append(Sample(*outer, **params))
            found.append(Sample(reals[0], *(r[0] for r in reals[1:]), **params))
            found.append(Sample(reals[0][0], *reals[1:], **params))
        if special:
            points = np.meshgrid(*([np.array(_SPECIAL)] * n), indexing="ij")
            flat = [p.ravel() for p in points]
            found.append(Sample(*flat, diff=(), **params))
            with np.errstate(all="ignore"):
                narrow = [p.astype(np.float32) for p in flat]
            found.append(Sample(*narrow, diff=(), **params))
    if "c" in accepts:
        twisted = [r + 0.4j * np.cos(k + 2 * r) for k, r in enumerate(reals)]
        found.append(Sample(*twisted, **params))
        found.append(Sample(*(z.astype(np.complex64) for z in twisted), **params))
    for kind, dtypes in (("i", ("int64", "int32", "int8")), ("u", ("uint64", "uint8"))):
        if kind in accepts:
            whole = [np.rint(3 * r) if kind == "i" else np.abs(np.rint(3 * r)) for r in reals]
            found.extend(Sample(*(w.astype(t) for w in whole), **params) for t in dtypes)
            if special:
                edge = [np.array([lo, lo + 1, hi, hi - 1, 0, 1], dtype=t)
                        for t in dtypes
                        for lo, hi in [(np.iinfo(t).min, np.iinfo(t).max)]]  # fmt: skip
                for e in edge:
                    grid = np.meshgrid(*([e] * n), indexing="ij")
                    found.append(Sample(*(g.ravel() for g in grid), **params))
    if "b" in accepts:
        grid = np.meshgrid(*([np.array([False, True])] * n), indexing="ij")
        found.append(Sample(*(g.ravel() for g in grid), **params))
    return found


def partly(
    columns: Sequence[Sequence[float]], diff: Sequence[int], special: bool = False
) -> Callable[[], list[Sample]]:
    """Samples of a function of floats that is differentiated in some operands only."""

    def make() -> list[Sample]:
        found = grid_samples(FLOAT, columns, special)
        for s in found:
            if s.diff is None:
                s.diff = diff
        return found

    return make


def underived(name: str, operand: str) -> Callable[..., Any]:
    """The partial of an operand in which a function has no derivative here."""

    def partial(*args: Any, **params: Any) -> Any:
        raise DifferentiationError(
            f"{name} has no derivative with respect to {operand}. "
            "stop_gradient on it takes it as constant"
        )

    return partial


# Making ops ---------------------------------------------------------------------------


def _one_lower(
    lower: str | Callable[..., Any] | None, complex_lower: Callable[..., Any] | None
) -> Callable[..., Any] | None:
    """One rule from a kernel's name or a rule for reals, and one for complex operands."""
    if isinstance(lower, str):
        kernel = lower

        def real(b: Any, *xs: Any, **params: Any) -> Any:
            return b.math(kernel, *xs)
    else:
        real = lower
    if complex_lower is None:
        return real

    def either(b: Any, *xs: Any, **params: Any) -> Any:
        rule = complex_lower if xs[0].dtype.kind == "c" else real
        return rule(b, *xs, **params)

    return either


def elementwise(
    name: str,
    np_fun: Callable[..., Any],
    *,
    arity: int,
    doc: str,
    lower: str | Callable[..., Any] | None = None,
    complex_lower: Callable[..., Any] | None = None,
    partials: Sequence[Any] | None = None,
    accepts: str = FLOAT,
    result: Callable[..., np.dtype] | None = None,
    points: Sequence[Sequence[float]] | None = None,
    special: bool = True,
    samples: Callable[[], list[Sample]] | None = None,
    jvp: Callable[..., Any] | None = None,
    transpose: Callable[..., Any] | None = None,
    kind: str = ELEMENTWISE,
    **facts: Any,
) -> Op:
    """Make and register an elementwise op.

    `lower` is the name of a vector math kernel or a rule; `complex_lower` the rule for
    complex operands. `points` has one column of sample arguments per operand, inside the
    domain and away from kinks. The rest is as in `Op`.
    """
    if partials is not None and jvp is None:
        jvp = partials_jvp(lambda: op, partials)
        constant = [type(p) in (int, float) for p in partials]
        if transpose is None and all(constant):
            transpose = linear_transpose(partials)
    if samples is None:
        assert points is not None, name
        samples = functools.partial(grid_samples, accepts, points, special)
    type_rule = elementwise_type(name, accepts, result)
    op = Op(
        name,
        kind,
        type_rule=type_rule,
        eval=checked_eval(type_rule, np_fun, accepts, arity),
        batch=elementwise_batch(lambda: op),
        lower=_one_lower(lower, complex_lower),
        jvp=jvp,
        transpose=transpose,
        samples=samples,
        doc=doc,
        **facts,
    )
    return register(op)


def unary(
    name: str,
    np_fun: Callable[..., Any],
    *,
    partial: Any = None,
    points: Sequence[float] = (-2.1, -0.6, 0.3, 1.7),
    **rest: Any,
) -> Op:
    """An op of one operand; `partial(x, y)` is the derivative, y the result."""
    partials = None if partial is None else (partial,)
    return elementwise(name, np_fun, arity=1, partials=partials, points=(points,), **rest)


def binary(
    name: str,
    np_fun: Callable[..., Any],
    *,
    points: Sequence[Sequence[float]] = ((-2.1, -0.6, 0.3, 1.7), (1.2, -0.8, 2.5, -1.4)),
    **rest: Any,
) -> Op:
    """An op of two operands; `partials` are functions of `(x, y, out)`."""
    return elementwise(name, np_fun, arity=2, points=points, **rest)


def call_host(op: Callable[[], Op]) -> Callable[..., None]:
    """`lower` of an op that compiled code evaluates by calling back into Python."""

    def lower(b: Any, ins: Sequence[Any], outs: Sequence[Any], **params: Any) -> None:
        b.callback(op(), ins, outs, params)

    return lower


def host(name: str, np_fun: Callable[..., Any], *, arity: int, **rest: Any) -> Op:
    """An elementwise function without a native form: compiled code calls back for it."""
    op = elementwise(
        name, np_fun, arity=arity, kind=LIBRARY, lower=call_host(lambda: op), **rest
    )
    return op


def literal_value(atom: Any) -> Any:
    """The value of a literal operand, else None."""
    return atom.value if isinstance(atom, Literal) else None
