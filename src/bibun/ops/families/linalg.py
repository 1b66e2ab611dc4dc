"""Shared by the rooms of linear algebra: stacks of matrices, and LAPACK on them.

All these ops work on the last two axes (or one, for vectors) and treat leading axes as a
stack. Three things are the same for all of them and are made here:

- *values* (`eval_each`): a function of one matrix, run on every matrix of the stack. Eager
  code calls SciPy's LAPACK, the very library that compiled code calls, with the same
  arguments and workspace, so that signs of vectors and the like agree.
- *batching* (`batch_front`): a mapped axis becomes one more leading axis.
- *lowering* (`per_matrix`): a body with pointers to one matrix, in loops over the stack.

LAPACK wants columns to be contiguous, bibun's arrays have contiguous rows. Where the
transposed problem is as good (Cholesky, triangular systems) LAPACK works on the memory as
it lies; elsewhere matrices are copied transposed (`copy_transposed`), there and back.

The rest are matrix functions made of ops, for derivative rules.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import INEXACT, check_dtype, quietly
from bibun.ops.families.shape import INT64, mapped_front, numpy_of
from bibun.ops.families.squares import transpose
from bibun.ops.op import LIBRARY, Op, Sample
from bibun.ops.registry import register
from bibun.trace.core import type_of

INT32 = np.dtype(np.int32)
LETTER = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}
CTYPE = {"s": "float", "d": "double", "c": "complex64", "z": "complex128"}


# types -------------------------------------------------------------------------------------------


def matrix_type(name: str, *types: ArrayType, square: bool = False) -> np.dtype:
    """The one inexact dtype of stacks of matrices.

    Errors: DTypeError for other dtypes, ShapeError for fewer than two axes, for stacks that
    differ, and, with `square`, for a first operand whose last two axes differ.
    """
    dtype = check_dtype(name, types, INEXACT)
    for t in types:
        if t.ndim < 2:
            raise ShapeError(f"{name}: expected matrices (..., m, n), got shape {t.shape}")
        if t.shape[:-2] != types[0].shape[:-2]:
            listed = ", ".join(str(u.shape) for u in types)
            raise ShapeError(f"{name}: leading (stack) axes must be equal, got shapes {listed}")
    if square and types[0].shape[-1] != types[0].shape[-2]:
        raise ShapeError(f"{name}: expected square matrices (..., n, n), got {types[0].shape}")
    return dtype


# values ------------------------------------------------------------------------------------------


@functools.cache
def routine(name: str, dtype: np.dtype) -> Any:
    """SciPy's BLAS or LAPACK function `name` for a dtype."""
    full = LETTER[dtype.name] + name
    for module in ("scipy.linalg.lapack", "scipy.linalg.blas"):
        found = getattr(importlib.import_module(module), full, None)
        if found is not None:
            return found
    raise AttributeError(f"SciPy has no {full}")


@functools.cache
def workspace(name: str, dtype: np.dtype, *dims: int, **options: int) -> tuple[int, ...]:
    """The workspace sizes a LAPACK routine asks for; eager and compiled code use the same."""
    *sizes, _info = routine(name + "_lwork", dtype)(*dims, **options)
    return tuple(max(1, int(np.real(s))) for s in sizes)


def eval_each(
    type_rule: Callable[..., Any], one: Callable[..., Any], ranks: Sequence[int], multiple: bool
) -> Callable[..., Any]:
    """`eval` from a function of one matrix of each operand (`ranks`: their axes).

    `one(*matrices, **params)` returns an array, or a tuple of arrays; it is not called for
    matrices without elements, whose results are empty or zero.
    """

    def eval(*args: Any, **params: Any) -> Any:
        arrays = [numpy_of(a) for a in args]
        out_types = type_rule(*map(type_of, arrays), **params)
        types = out_types if multiple else [out_types]
        outs = [np.zeros(t.shape, t.dtype) for t in types]
        batch = arrays[0].shape[: arrays[0].ndim - ranks[0]]
        core = [a.shape[len(batch) :] for a in arrays]
        if all(math.prod(c) for c in core):
            for i in np.ndindex(*batch):
                results = one(*(a[i] for a in arrays), **params)
                for out, r in zip(outs, results if multiple else (results,), strict=True):
                    out[i] = r
        elif math.prod(batch):
            fill_empty(outs, len(batch))
        return outs if multiple else outs[0]

    return quietly(eval)


def fill_empty(outs: Sequence[np.ndarray], batch: int) -> None:
    """Results for matrices without elements: orthogonal factors and permutations are identities."""
    for out in outs:
        shape = out.shape[batch:]
        if len(shape) == 2 and shape[0] == shape[1]:
            out[...] = np.eye(shape[0], dtype=out.dtype)
        elif out.dtype.kind == "i":
            out[...] = np.arange(shape[0])


def sample_array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    """Numbers without a pattern, for the samples of an op."""
    x = np.sin(np.arange(math.prod(shape)) ** 2 * 0.37 + 1).reshape(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * np.cos(np.arange(x.size) * 0.7).reshape(shape)
    return x.astype(dtype)


# batching ----------------------------------------------------------------------------------------


def batch_front(op: Callable[[], Op]) -> Callable[..., Any]:
    """Batch rule: the mapped axis becomes the first stack axis of every operand."""

    def batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
        fronted = [mapped_front(a, d, size) for a, d in zip(args, dims, strict=True)]
        out = op()(*fronted, **params)
        return (out, [0] * len(out)) if op().multiple_results else (out, 0)

    return batch


# the record --------------------------------------------------------------------------------------


def matrix_op(
    name: str,
    *,
    type_rule: Callable[..., Any],
    one: Callable[..., Any],
    lower: Callable[..., None],
    samples: Callable[[], list[Sample]],
    doc: str,
    ranks: Sequence[int] = (2,),
    multiple: bool = False,
    batch: Callable[..., Any] | None = None,
    **rules: Any,
) -> Op:
    """Register an op on stacks of matrices from what it does to one of them."""
    op = Op(
        name,
        LIBRARY,
        type_rule=type_rule,
        eval=eval_each(type_rule, one, ranks, multiple),
        batch=batch or batch_front(lambda: op),
        lower=lower,
        multiple_results=multiple,
        cost=50.0,
        samples=samples,
        doc=doc,
        **rules,
    )
    return register(op)


# lowering ----------------------------------------------------------------------------------------


def per_matrix(
    b: Any,
    ins: Sequence[Any],
    outs: Sequence[Any],
    ranks: Sequence[int],
    body: Callable[[list[str]], None],
) -> None:
    """`body(pointers)` for each matrix of the stack; pointers to inputs, then outputs.

    `ranks`: how many trailing axes belong to one matrix of each input and output.
    """
    from bibun.ops.index.common import loops

    values = [*ins, *outs]
    batch = values[0].shape[: len(values[0].shape) - ranks[0]]
    starts = [v.ptr for v in values]
    sizes = [math.prod(v.shape[len(batch) :]) for v in values]

    def at(idx: list[Any]) -> None:
        position = stack_index(b, idx, batch)
        body([
            b.offset(p, b.mul(position, b.const(n, INT64)), v.dtype) if idx else p
            for p, n, v in zip(starts, sizes, values, strict=True)
        ])  # fmt: skip

    loops(b, batch, at)


def stack_index(b: Any, idx: Sequence[Any], batch: Sequence[int]) -> Any:
    """The number of a matrix in its stack."""
    position = b.const(0, INT64)
    for i, n in zip(idx, batch, strict=True):
        position = b.add(b.mul(position, b.const(n, INT64)), i)
    return position


def place(b: Any, i: Any, columns: int, j: Any) -> Any:
    """Row-major position of element (i, j)."""
    return b.add(b.mul(i, b.const(columns, INT64)), j)


def copy_transposed(
    b: Any, dest: str, source: str, rows: int, columns: int, dtype: np.dtype, conj: bool = False
) -> None:
    """dest[j, i] = source[i, j] for a source of `rows` by `columns`, both row-major."""
    transpose(b, dest, rows, source, columns, rows, columns, dtype, conj)


def failed(b: Any, info: str) -> Any:
    """Whether LAPACK's `info` says that something went wrong."""
    return b.compare("ne", b.load(info, 0, INT32), b.const(0, INT32))


def nan_where_failed(b: Any, info: str, pointer: str, count: int, dtype: np.dtype) -> None:
    """Fill a result with nan if LAPACK failed."""
    b.if_(failed(b, info), lambda: b.fill(pointer, b.const(math.nan, dtype), count))


# matrix functions made of ops --------------------------------------------------------------------


def matmul(x: Any, y: Any) -> Any:
    """x @ y for stacks of matrices with equal stack axes."""
    from bibun.ops.dot import dot_general

    n = len(x.shape)
    stack = tuple(range(n - 2))
    return dot_general(x, y, dimension_numbers=(((n - 1,), (n - 2,)), (stack, stack)))


def flip(x: Any) -> Any:
    """The transposes of a stack of matrices."""
    from bibun.ops.shape import transpose

    n = len(x.shape)
    return transpose(x, permutation=(*range(n - 2), n - 1, n - 2))


def conjugate(x: Any) -> Any:
    from bibun.ops.elementwise import conj

    return conj(x) if x.dtype.kind == "c" else x


def adjoint(x: Any) -> Any:
    """The conjugate transposes of a stack of matrices."""
    return conjugate(flip(x))


def _compared(how: str, shape: Sequence[int], offset: int = 0) -> Any:
    """Mask of the elements (i, j) with `i how j + offset`."""
    import bibun.ops.elementwise as e
    from bibun.ops.shape import iota

    core = tuple(shape[-2:])
    i, j = (iota(shape=core, dtype=INT64, axis=k) for k in (0, 1))
    return getattr(e, how)(i, e.add(j, offset) if offset else j)


def _kept(mask: Any, x: Any) -> Any:
    from bibun.ops.elementwise import select

    return select(mask, 0.0, x)


def tril(x: Any, strict: bool = False) -> Any:
    """Lower triangles; without the diagonal if strict."""
    return _kept(_compared("gt" if strict else "ge", x.shape), x)


def triu(x: Any, strict: bool = False) -> Any:
    """Upper triangles; without the diagonal if strict."""
    return _kept(_compared("lt" if strict else "le", x.shape), x)


def only_diagonal(x: Any) -> Any:
    """The matrices with all off their diagonals set to zero."""
    return _kept(_compared("eq", x.shape), x)


def diagonal(x: Any) -> Any:
    """The diagonals of square matrices: (..., n, n) -> (..., n)."""
    from bibun.ops.linalg.diagonal import diagonal

    return diagonal(x, offset=0)


def as_row(v: Any) -> Any:
    """(..., n) -> (..., 1, n): scales columns."""
    from bibun.ops.shape import expand_dims

    return expand_dims(v, axes=(len(v.shape) - 1,))


def as_column(v: Any) -> Any:
    """(..., n) -> (..., n, 1): scales rows."""
    from bibun.ops.shape import expand_dims

    return expand_dims(v, axes=(len(v.shape),))


def real_part(x: Any) -> Any:
    """The real part, in the dtype of x (complex with imaginary part zero)."""
    import bibun.ops.elementwise as e

    return e.convert(e.real(x), new_dtype=x.dtype) if x.dtype.kind == "c" else x


def imaginary_part(x: Any) -> Any:
    """i times the imaginary part of complex x: x less `real_part(x)`."""
    from bibun.ops.elementwise import sub

    return sub(x, real_part(x))


def hermitian(x: Any, lower: bool = True) -> Any:
    """The Hermitian matrices whose lower (or upper) triangles x has, diagonals made real."""
    from bibun.ops.elementwise import add

    half = tril(x, strict=True) if lower else triu(x, strict=True)
    return add(add(half, adjoint(half)), real_part(only_diagonal(x)))


def block(x: Any, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    """x[..., rows, columns] for static ranges."""
    from bibun.ops.shape import slice as static_slice

    lead = x.shape[:-2]
    return static_slice(
        x,
        starts=(*(0 for _ in lead), rows[0], columns[0]),
        limits=(*lead, rows[1], columns[1]),
        strides=None,
    )


def real_columns(x: Any, v: Any) -> Any:
    """The real parts of the diagonals of vᴴ x, linear in x: (..., m, n) twice -> (..., n).

    As sums of columns: backwards it is v with its columns scaled, not a product of matrices.
    """
    import bibun.ops.elementwise as e
    from bibun.ops.reduce import reduce_sum

    total = reduce_sum(e.absorb_mul(x, conjugate(v)), axes=(len(x.shape) - 2,))
    return e.real(total) if x.dtype.kind == "c" else total


def negligible(v: Any) -> Any:
    """What is 0 to the rounding of eigenvalues or singular values v: (..., n) -> (..., 1)."""
    import bibun.ops.elementwise as e
    from bibun.ops.reduce import reduce_max
    from bibun.ops.shape import expand_dims

    real = v.dtype.type(0).real.dtype
    size = e.abs(v)
    last = len(v.shape) - 1
    if v.shape[-1] == 0:
        return size
    most = expand_dims(reduce_max(size, axes=(last,)), axes=(last,))
    return e.mul(most, float(v.shape[-1] * np.finfo(real).eps))


def inverse_gaps(v: Any) -> Any:
    """F[i, j] = 1 / (v[j] - v[i]), 0 where the two are equal: (..., n) -> (..., n, n).

    Equal to the rounding of the largest: a space is known to that, the vectors in it are noise.
    """
    from bibun.ops.elementwise import sub

    return reciprocals(sub(as_row(v), as_column(v)), as_row(negligible(v)))


def reciprocals(x: Any, least: Any) -> Any:
    """1 / x, and 0 where |x| is not above `least`."""
    import bibun.ops.elementwise as e

    zero = e.le(e.abs(x), least)
    return e.select(zero, e.div(1.0, e.select(zero, x, 1.0)), 0.0)


def solve(a: Any, y: Any) -> Any:
    """a⁻¹ y for stacks of square matrices, by LU; linear in y, differentiable in a."""
    from bibun.ops.linalg.lu import lu, take_rows
    from bibun.ops.linalg.triangular_solve import triangular_solve

    factors, _, permutation = lu(a)
    flags = {"left_side": True, "transpose_a": False, "conjugate_a": False}
    y = take_rows(y, permutation)
    y = triangular_solve(factors, y, lower=True, unit_diagonal=True, **flags)
    return triangular_solve(factors, y, lower=False, unit_diagonal=False, **flags)
