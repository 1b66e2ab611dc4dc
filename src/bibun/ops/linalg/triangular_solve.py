"""`triangular_solve(a, b, *, left_side, lower, transpose_a, conjugate_a, unit_diagonal)`.

The x with op(a) x = b (`left_side`) or x op(a) = b, where a is triangular and op transposes
and conjugates as told. Only the named triangle of `a` is read, and with `unit_diagonal` not
its diagonal. A singular `a` gives inf and nan, as division does.

Linear in b; in a: dx = op(a)⁻¹ (db - op(da) x).

Compiled, a real system up to 16 by 16 is substitution in registers, vectorised over the right
sides, or over the matrices of a stack (`small.py`); others are `trsm` (`trsv` for one right side)
in b's memory, if nothing else reads it, on a as it lies: a transposed one is not moved. Where
only b is batched its batch axis becomes more right sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    batch_front,
    conjugate,
    copy_transposed,
    flip,
    matmul,
    matrix_op,
    matrix_type,
    per_matrix,
    routine,
    tril,
    triu,
)
from bibun.ops.families.shape import INT64, move_axis, result_type
from bibun.ops.linalg.blocks import Blas, Matrix
from bibun.ops.linalg.small import SUBSTITUTION, Cell, each_small, is_inline
from bibun.ops.op import Sample, is_linear

FEW = 8  # right sides; with fewer, lanes are better used for matrices of a stack


def _type_rule(
    a: ArrayType, b: ArrayType, left_side: bool, lower: bool, transpose_a: bool,
    conjugate_a: bool, unit_diagonal: bool,
) -> ArrayType:  # fmt: skip
    dtype = matrix_type("triangular_solve", a, b, square=True)
    if b.shape[-2 if left_side else -1] != a.shape[-1]:
        side = "rows" if left_side else "columns"
        raise ShapeError(
            f"triangular_solve: b must have {a.shape[-1]} {side} for a of shape {a.shape}, "
            f"got b of shape {b.shape}"
        )
    return result_type(b.shape, dtype, a, b)


def _one(
    a: np.ndarray, b: np.ndarray, left_side: bool, lower: bool, transpose_a: bool,
    conjugate_a: bool, unit_diagonal: bool,
) -> np.ndarray:  # fmt: skip
    if conjugate_a and not transpose_a:
        a = a.conj()
    mode = 0 if not transpose_a else 2 if conjugate_a and a.dtype.kind == "c" else 1
    return routine("trsm", a.dtype)(
        1.0, a, b, side=not left_side, lower=lower, trans_a=mode, diag=unit_diagonal
    )


def _jvp(primals: Any, tangents: Any, **params: Any) -> Any:
    from bibun.ops.elementwise import neg, sub

    (a, b), (ta, tb) = primals, tangents
    x = triangular_solve(a, b, **params)
    right = tb
    if ta is not None:
        strict = params["unit_diagonal"]
        ta = tril(ta, strict) if params["lower"] else triu(ta, strict)
        ta = flip(ta) if params["transpose_a"] else ta
        ta = conjugate(ta) if params["conjugate_a"] else ta
        moved = matmul(ta, x) if params["left_side"] else matmul(x, ta)
        right = neg(moved) if tb is None else sub(tb, moved)
    return x, triangular_solve(a, right, **params)


def _transpose(ct: Any, a: Any, b: Any, **params: Any) -> Any:
    assert is_linear(b)
    assert not is_linear(a)
    return None, triangular_solve(a, ct, **{**params, "transpose_a": not params["transpose_a"]})


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    from bibun.ops.shape import reshape

    (a, b), (da, db) = args, dims
    if da is not None or len(a.shape) > 2:
        return batch_front(lambda: triangular_solve)(size, args, dims, **params)
    # One matrix for all: the batch is more right sides.
    b = move_axis(b, db, 2 if params["left_side"] else 0)
    shape = b.shape
    merged = (shape[0], -1) if params["left_side"] else (-1, shape[2])
    known = math.prod(shape) // max(1, math.prod(n for n in merged if n > 0))
    x = triangular_solve(
        a, reshape(b, shape=tuple(known if n < 0 else n for n in merged)), **params
    )
    return reshape(x, shape=shape), 2 if params["left_side"] else 0


def _lower(
    b: Any, ins: Any, outs: Any, left_side: bool, lower: bool, transpose_a: bool,
    conjugate_a: bool, unit_diagonal: bool,
) -> None:  # fmt: skip
    out = outs[0]
    n, dtype = ins[0].shape[-1], out.dtype
    m = out.shape[-1 if left_side else -2]
    if 0 in out.shape:
        return
    if is_inline(n, dtype, SUBSTITUTION):
        turned = lower != transpose_a
        flags = (left_side, turned, transpose_a, unit_diagonal)
        along = _across_matrices if m < FEW and len(out.shape) > 2 else _across_sides
        along(b, ins[0], out, n, m, *flags)
        return

    def body(p: list[str]) -> None:
        _trsm(
            b, *p, n, m, left_side, lower, transpose_a,
            conjugate_a and dtype.kind == "c", unit_diagonal, dtype,
        )  # fmt: skip

    per_matrix(b, [ins[0]], outs, (2, 2), body)


def _across_sides(b: Any, a: Any, out: Any, n: int, m: int, *flags: bool) -> None:
    """Matrix after matrix; lanes are right sides."""
    dtype = out.dtype

    def body(p: list[str]) -> None:
        zero = b.const(0, INT64)
        matrix = Cell(b, p[0], zero, n, dtype)
        x = Cell(b, p[1], zero, out.shape[-1], dtype)
        solve = _substitution(b, matrix, n, *flags)
        b.nest((m,), lambda idx: solve(x, idx[0]))

    per_matrix(b, [a], [out], (2, 2), body)


def _across_matrices(b: Any, a: Any, out: Any, n: int, m: int, *flags: bool) -> None:
    """Right side after right side; lanes are matrices."""

    def body(cells: list[Cell]) -> None:
        matrix, x = cells
        solve = _substitution(b, matrix, n, *flags)
        b.loop(0, m, lambda j: solve(x, j)) if m > 1 else solve(x, b.const(0, INT64))

    each_small(b, [a, out], (2, 2), body)


def _substitution(
    b: Any, a: Cell, n: int, left_side: bool, lower: bool, transposed: bool, unit: bool
) -> Callable[[Cell, Any], None]:
    """What solves for one right side in place. `lower`: op(a) is lower triangular."""
    # x op(a) = y is op(a)ᵀ xᵀ = yᵀ.
    if not left_side:
        lower, transposed = not lower, not transposed
    order = range(n) if lower else range(n - 1, -1, -1)
    entry: dict[tuple[int, int], Any] = {}
    for i in range(n):
        for k in range(n):
            if (k < i) == lower and k != i or (k == i and not unit):
                entry[i, k] = a.load(k, i) if transposed else a.load(i, k)

    def solve(x: Cell, j: Any) -> None:
        at = (lambda i: (i, j)) if left_side else (lambda i: (j, i))
        known: dict[int, Any] = {}
        for i in order:
            value = x.load(*at(i))
            for k in known:
                value = b.sub(value, b.mul(entry[i, k], known[k]))
            known[i] = value if unit else b.div(value, entry[i, i])
        for i, value in known.items():
            x.store(*at(i), value)

    return solve


def _trsm(
    b: Any, a: str, x: str, n: int, m: int, left_side: bool, lower: bool, transposed: bool,
    conj: bool, unit: bool, dtype: np.dtype,
) -> None:  # fmt: skip
    """In place."""
    if conj and not transposed:
        # BLAS conjugates only what it transposes: give it the adjoint, stored.
        adjoint = b.scratch(n * n, dtype)
        copy_transposed(b, adjoint, a, n, n, dtype, conj=True)
        a, lower, transposed, conj = adjoint, not lower, True, False
    matrix, f = Matrix(b, a, n, dtype), Blas(b, dtype)
    if m == 1 and not conj:
        op = "T" if transposed == left_side else "N"
        f.trsv(lower, op, matrix, x, n, unit)
        return
    op = "N" if not transposed else "C" if conj else "T"
    rows, columns = (n, m) if left_side else (m, n)
    side = "L" if left_side else "R"
    f.trsm(side, lower, op, matrix, Matrix(b, x, columns, dtype), rows, columns, unit)


def _rewrite(ctx: Any, eq: Any, producer: Any) -> Any:
    """A transposed matrix is read where it lies."""
    from bibun.ops.shape import transpose

    made = producer(eq.inputs[0])
    ndim = eq.inputs[0].type.ndim
    swapped = (*range(ndim - 2), ndim - 1, ndim - 2)
    if made is None or made.op is not transpose or made.params["permutation"] != swapped:
        return None
    flags = {k: not eq.params[k] for k in ("lower", "transpose_a")}
    if eq.params["conjugate_a"] and eq.inputs[0].type.dtype.kind == "c":
        return None  # conjugation without transposition wants a copy
    return [eq.replace(inputs=(made.inputs[0], eq.inputs[1]), params={**eq.params, **flags})]


def _samples() -> list[Sample]:
    def array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        x = np.sin(np.arange(math.prod(shape)) * 1.3 + 0.5).reshape(shape)
        if np.dtype(dtype).kind == "c":
            x = x + 1j * np.cos(np.arange(x.size) * 0.7).reshape(shape)
        return x.astype(dtype)

    def system(n: int, m: int, left: bool, *batch: int, dtype: Any = np.float64) -> list[Any]:
        a = array(*batch, n, n, dtype=dtype) / n + 2 * np.eye(n)
        return [a.astype(dtype), array(*batch, *((n, m) if left else (m, n)), dtype=dtype)]

    out = []
    for bits in range(16):
        left, lower, turned, unit = (bool(bits >> k & 1) for k in range(4))
        flags = {"left_side": left, "lower": lower, "transpose_a": turned, "unit_diagonal": unit}
        out.append(Sample(*system(3, 2, left), conjugate_a=False, **flags))
        out.append(Sample(*system(17, 2, left), conjugate_a=False, **flags))
        out.append(
            Sample(*system(2, 3, left, dtype=np.complex128), conjugate_a=bool(bits & 1), **flags)
        )
        if bits in (1, 6):
            out.append(Sample(*system(3, 17, left), conjugate_a=True, **flags))
            out.append(Sample(*system(3, 2, left, 2, 3), conjugate_a=False, **flags))
            out.append(Sample(*system(17, 2, left, 3), conjugate_a=False, **flags))
            out.append(Sample(*system(17, 2, left, dtype=np.float32), conjugate_a=False, **flags))
            for conj in (False, True):
                out.append(
                    Sample(*system(3, 2, left, dtype=np.complex64), conjugate_a=conj, **flags)
                )
            out.append(Sample(*system(0, 2, left), conjugate_a=False, smooth=False, **flags))
            out.append(Sample(*system(3, 0, left), conjugate_a=False, smooth=False, **flags))
    singular = np.array([[1.0, 0.0], [2.0, 0.0]])
    out.append(
        Sample(singular, np.array([[1.0], [1.0]]), left_side=True, lower=True, transpose_a=False,
               conjugate_a=False, unit_diagonal=False, smooth=False)
    )  # fmt: skip
    return out


triangular_solve = matrix_op(
    "triangular_solve",
    type_rule=_type_rule,
    one=_one,
    ranks=(2, 2),
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    lower=_lower,
    alias=1,
    rewrite=_rewrite,
    samples=_samples,
    doc="`triangular_solve(a, b, *, left_side, lower, transpose_a, conjugate_a, "
    "unit_diagonal)`: x with op(a) x = b, or x op(a) = b, for triangular a (..., n, n).",
)
