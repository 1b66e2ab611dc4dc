"""`dot_general`: contraction of two arrays along named axes, with batch axes.

`dimension_numbers = ((x_contract, y_contract), (x_batch, y_batch))`; the result has the batch
axes, then what is left of x, then what is left of y. Its derivative is itself in each
operand, its transpose itself with the axes exchanged. Compiled, a small product is loops in
the caller's code; a large one is BLAS on the memory as it lies: row-major C = A B is
column-major C' = B' A', and the transposition flags take care of operands whose contracted
axes come first. Axes that do not merge into one stride are copied into order before.

A library contraction cannot absorb: 0 · inf is nan in its derivatives too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.dtypes import canonical
from bibun.errors import DTypeError, ShapeError
from bibun.ir.program import Equation
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import quietly
from bibun.ops.families.shape import (
    INT32,
    INT64,
    clear_errors,
    numpy_of,
    result_type,
    same_dtype,
    shape_of,
    shift_axes,
)
from bibun.ops.op import LIBRARY, Op, Sample, is_linear
from bibun.ops.registry import register

Axes = tuple[int, ...]
TINY = 16  # elements of operands and result up to which each is one vector
INLINE = 2000  # multiplications of one matrix up to which loops beat a call of BLAS
SYMMETRIC = 32  # rows from which x xᵀ is computed by half
UNROLL = 16  # length of a contraction up to which it is written out
_BLAS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}
_NS = {"s": 0.02, "d": 0.04, "c": 0.08, "z": 0.16}  # of a multiplication and addition, about
_CTYPE = {"s": "float", "d": "double", "c": "complex64", "z": "complex128"}


def free_axes(ndim: int, *used: Axes) -> Axes:
    taken = {a for axes in used for a in axes}
    return tuple(k for k in range(ndim) if k not in taken)


# type and value ----------------------------------------------------------------------------------


def _type_rule(
    x: ArrayType, y: ArrayType, dimension_numbers: Any, preferred_element_type: Any = None
) -> ArrayType:
    dtype = same_dtype("dot_general", x, y)
    if dtype.kind not in "biufc":
        raise DTypeError(f"dot_general: cannot multiply {x}")
    (lc, rc), (lb, rb) = dimension_numbers
    for axes, t, side in ((lc + lb, x, "first"), (rc + rb, y, "second")):
        if len(set(axes)) != len(axes) or any(not 0 <= a < t.ndim for a in axes):
            raise ShapeError(
                f"dot_general: axes {axes} of the {side} operand must be distinct and lie in "
                f"[0, {t.ndim}) for shape {t.shape}"
            )
    for what, left, right in (("contracted", lc, rc), ("batch", lb, rb)):
        sizes = [x.shape[a] for a in left], [y.shape[a] for a in right]
        if sizes[0] != sizes[1]:
            raise ShapeError(
                f"dot_general: {what} axes {left} of shape {x.shape} and {right} of shape "
                f"{y.shape} have sizes {tuple(sizes[0])} and {tuple(sizes[1])}, which must be equal"
            )
    shape = [x.shape[a] for a in lb]
    shape += [x.shape[a] for a in free_axes(x.ndim, lc, lb)]
    shape += [y.shape[a] for a in free_axes(y.ndim, rc, rb)]
    out = dtype if preferred_element_type is None else canonical(preferred_element_type)
    if out.kind not in "biufc" or (dtype.kind == "c" and out.kind != "c"):
        raise DTypeError(f"dot_general: a product of {dtype} cannot be given as {out}")
    return result_type(shape, out, x, y)


def _eval(
    x: Any, y: Any, dimension_numbers: Any, preferred_element_type: Any = None
) -> np.ndarray:
    x, y = numpy_of(x), numpy_of(y)
    if x.dtype != y.dtype:
        raise ValueError("operands of different dtypes")
    if preferred_element_type is not None:
        dtype = canonical(preferred_element_type)
        x, y = x.astype(dtype, copy=False), y.astype(dtype, copy=False)
    (lc, rc), (lb, rb) = dimension_numbers
    if not lb and len(lc) == 1 and x.ndim <= 2 and y.ndim <= 2:
        a = x.T if lc[0] == 0 and x.ndim == 2 else x
        b = y.T if rc[0] == 1 else y
        return np.asarray(np.dot(a, b))
    lf, rf = free_axes(x.ndim, lc, lb), free_axes(y.ndim, rc, rb)
    batch = [x.shape[a] for a in lb]
    m, n = [x.shape[a] for a in lf], [y.shape[a] for a in rf]
    k = math.prod(x.shape[a] for a in lc)
    if k != math.prod(y.shape[a] for a in rc):
        raise ValueError("contracted sizes differ")
    a = x.transpose(lb + lf + lc).reshape([*batch, math.prod(m), k])
    b = y.transpose(rb + rc + rf).reshape([*batch, k, math.prod(n)])
    if k == 1 and a.dtype.kind != "b":
        out = a * b
    else:
        out = np.matmul(a, b)
    return out.reshape([*batch, *m, *n])


# derivatives -------------------------------------------------------------------------------------


def _jvp(
    primals: Any, tangents: Any, dimension_numbers: Any, preferred_element_type: Any = None
) -> Any:
    from bibun.ops.elementwise import add

    (x, y), (tx, ty) = primals, tangents
    params = {
        "dimension_numbers": dimension_numbers, "preferred_element_type": preferred_element_type,
    }  # fmt: skip
    out = dot_general(x, y, **params)
    if out.dtype.kind not in "fc":
        return out, None
    parts = []
    if tx is not None:
        parts.append(dot_general(tx, y, **params))
    if ty is not None:
        parts.append(dot_general(x, ty, **params))
    return out, parts[0] if len(parts) == 1 else add(*parts)


def _arranged(value: Any, axes: Sequence[int], like: Any) -> Any:
    """`value`, whose axis j is axis axes[j] of `like`, in the layout and dtype of `like`."""
    from bibun.ops.elementwise import convert
    from bibun.ops.shape import inverse, transpose

    if list(axes) != sorted(axes):
        value = transpose(value, permutation=inverse(axes))
    return value if value.dtype == like.dtype else convert(value, new_dtype=like.dtype)


def _transpose(
    ct: Any, x: Any, y: Any, dimension_numbers: Any, preferred_element_type: Any = None
) -> Any:
    from bibun.ops.elementwise import convert

    (lc, rc), (lb, rb) = dimension_numbers
    xs, ys = shape_of(x), shape_of(y)
    lf, rf = free_axes(len(xs), lc, lb), free_axes(len(ys), rc, rb)
    nb, nl = len(lb), len(lf)
    ct_batch = tuple(range(nb))
    if is_linear(x):
        y = y if y.dtype == ct.dtype else convert(y, new_dtype=ct.dtype)
        ct_free = tuple(range(nb + nl, nb + nl + len(rf)))
        out = dot_general(ct, y, dimension_numbers=((ct_free, rf), (ct_batch, rb)))
        # Axes of out: batch, free axes of x, contracted axes in the order they have in y.
        order = sorted(range(len(rc)), key=lambda j: rc[j])
        return _arranged(out, (*lb, *lf, *(lc[j] for j in order)), x), None
    x = x if x.dtype == ct.dtype else convert(x, new_dtype=ct.dtype)
    ct_free = tuple(range(nb, nb + nl))
    # Which operand goes first decides where the contracted axes come: as they lie in y.
    order = sorted(range(len(lc)), key=lambda j: lc[j])
    contracted = tuple(rc[j] for j in order)
    if rb + contracted + rf == tuple(range(len(ys))):
        out = dot_general(x, ct, dimension_numbers=((lf, ct_free), (lb, ct_batch)))
        return None, _arranged(out, (*rb, *contracted, *rf), y)
    out = dot_general(ct, x, dimension_numbers=((ct_free, lf), (ct_batch, lb)))
    return None, _arranged(out, (*rb, *rf, *contracted), y)


def _batch(
    size: int, args: Any, dims: Any, dimension_numbers: Any, preferred_element_type: Any = None
) -> Any:
    (x, y), (dx, dy) = args, dims
    (lc, rc), (lb, rb) = dimension_numbers
    if dx is not None:
        lc, lb = shift_axes(lc, dx), shift_axes(lb, dx)
    if dy is not None:
        rc, rb = shift_axes(rc, dy), shift_axes(rb, dy)
    if dx is not None and dy is not None:
        lb, rb, out_dim = (dx, *lb), (dy, *rb), 0
    elif dx is not None:
        out_dim = len(lb) + free_axes(len(x.shape), lc, lb).index(dx)
    else:
        out_dim = len(lb) + len(free_axes(len(shape_of(x)), lc, lb))
        out_dim += free_axes(len(y.shape), rc, rb).index(dy)
    out = dot_general(
        x, y, dimension_numbers=((lc, rc), (lb, rb)),
        preferred_element_type=preferred_element_type,
    )  # fmt: skip
    return out, out_dim


# rewriting ---------------------------------------------------------------------------------------


def _rewrite(ctx: Any, eq: Equation, producer: Any) -> list[Equation] | None:
    """Transposed operands are read where they lie; a product without a sum is `mul`, and fuses.

    So does a short inner product of two arrays, which is a sum, unless it is tiny.
    """
    from bibun.ops.control.call import call
    from bibun.trace.stage import stage_program

    inputs, (contract, batch) = list(eq.inputs), eq.params["dimension_numbers"]
    contract, batch = list(contract), list(batch)
    for side in (0, 1):
        untransposed = _untransposed(inputs[side], contract[side], batch[side], producer)
        if untransposed is not None:
            inputs[side], contract[side], batch[side] = untransposed
    numbers = (tuple(contract), tuple(batch))
    x, y = inputs
    dtype = eq.outputs[0].type.dtype
    no_sum = all(x.type.shape[a] == 1 for a in contract[0])
    made = None
    if no_sum and x.type.dtype == dtype and dtype.kind in "fc":
        made = _outer
    elif eq.outputs[0].type.ndim == 0 and contract[0] == contract[1] and dtype.kind in "fc":
        if x.type.dtype == dtype and TINY < x.type.size <= INLINE:
            made = _inner
    if made is not None:
        program = stage_program(lambda x, y: [made(x, y, numbers)], [x.type, y.type])
        if program.out_types[0].matches(eq.outputs[0].type):
            return [Equation(call, inputs, eq.outputs, {"program": program}, eq.site)]
    if inputs == list(eq.inputs):
        return None
    return [eq.replace(inputs=tuple(inputs), params={**eq.params, "dimension_numbers": numbers})]


def _untransposed(a: Any, contract: Axes, batch: Axes, producer: Any) -> Any:
    """(source, contract, batch) for an operand that is a transpose which the axes can say."""
    from bibun.ops.shape import transpose

    made = producer(a)
    if made is None or made.op is not transpose:
        return None
    order = made.params["permutation"]
    free = [order[k] for k in free_axes(a.type.ndim, contract, batch)]
    if free != sorted(free):
        return None
    return made.inputs[0], tuple(order[k] for k in contract), tuple(order[k] for k in batch)


def _inner(x: Any, y: Any, dimension_numbers: Any) -> Any:
    """The product where everything is summed."""
    from bibun.ops.elementwise import mul
    from bibun.ops.reduce import reduce_sum

    return reduce_sum(mul(x, y), axes=tuple(range(len(x.shape))))


def _outer(x: Any, y: Any, dimension_numbers: Any) -> Any:
    """The product where nothing is summed."""
    from bibun.ops.elementwise import mul
    from bibun.ops.shape import reshape, transpose

    (lc, rc), (lb, rb) = dimension_numbers
    lf, rf = free_axes(len(x.shape), lc, lb), free_axes(len(y.shape), rc, rb)
    sizes = [tuple(v.shape[a] for a in axes) for v, axes in ((x, lb), (x, lf), (y, rf))]
    stack, left, right = sizes
    ones = (1,) * len(left)

    def arranged(v: Any, order: Axes, shape: tuple[int, ...]) -> Any:
        if order != tuple(range(len(order))):
            v = transpose(v, permutation=order)
        return v if v.shape == shape else reshape(v, shape=shape)

    return mul(
        arranged(x, (*lb, *lf, *lc), (*stack, *left, *((1,) * len(right)))),
        arranged(y, (*rb, *rc, *rf), (*stack, *ones, *right)),
    )


# lowering ----------------------------------------------------------------------------------------


def _merged(shape: Sequence[int], axes: Axes) -> int | None:
    """The stride (in elements) of `axes` taken as one axis, or None if they do not merge."""
    strides = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
    long = [a for a in axes if shape[a] != 1]
    for a, c in zip(long, long[1:], strict=False):
        if strides[a] != strides[c] * shape[c]:
            return None
    return strides[long[-1]] if long else 1


def _split(b: Any, linear: Any, sizes: Sequence[int]) -> list[Any]:
    """A row-major linear index as one index per axis."""
    out = []
    for n in reversed(sizes[1:]):
        out.append(b.rem(linear, b.const(n, INT64)))
        linear = b.div(linear, b.const(n, INT64))
    return [*([linear] if len(sizes) else []), *reversed(out)]


def _lower(
    b: Any, ins: Any, outs: Any, dimension_numbers: Any, preferred_element_type: Any = None
) -> None:
    out = outs[0]
    if 0 in out.shape:
        return
    (lc, _), (lb, _) = dimension_numbers
    k = math.prod(ins[0].shape[a] for a in lc)
    work = k * math.prod(out.shape[len(lb) :])
    blas = out.dtype.name in _BLAS and ins[0].dtype == out.dtype
    if k == 0:
        b.nest(out.shape, lambda idx: out.store(idx, b.const(0, out.dtype)))
    elif max(x.size for x in (ins[0].type, ins[1].type, out.type)) <= TINY:
        _lower_tiny(b, ins, out, dimension_numbers)
    elif work <= INLINE or not blas or k == 1:
        _lower_loops(b, ins, out, dimension_numbers)
    else:
        _lower_blas(b, ins, out, dimension_numbers)


def _lower_tiny(b: Any, ins: Any, out: Any, dimension_numbers: Any) -> None:
    """The result as lanes of one vector: each term is a product of two rearranged operands."""
    contracted, batched = dimension_numbers
    arranged = []
    for s, c, q in zip(ins, contracted, batched, strict=True):
        axes = (*q, *free_axes(len(s.shape), c, q), *c)
        place = np.arange(s.type.size).reshape(s.shape).transpose(axes)
        stack, k = math.prod(s.shape[a] for a in q), math.prod(s.shape[a] for a in c)
        arranged.append(place.reshape(stack, -1, k))
    left, right = np.broadcast_arrays(arranged[0][:, :, None], arranged[1][:, None])
    x, y = (b.convert(b.whole(s.ptr, s.type.size, s.dtype), out.dtype) for s in ins)
    if left[..., 0].size == 1:
        terms = b.mul(b.pick(x, left.ravel()), b.pick(y, right.ravel()))
        (total,) = b.fold((terms,), lambda p, q: (b.add(p[0], q[0]),))
        b.store_whole(out.ptr, total)
        return
    total = None
    for j in range(left.shape[-1]):
        term = b.mul(b.pick(x, left[..., j].ravel()), b.pick(y, right[..., j].ravel()))
        total = term if total is None else b.add(total, term)
    b.store_whole(out.ptr, total)


def _lower_loops(b: Any, ins: Any, out: Any, dimension_numbers: Any) -> None:
    (lc, rc), (lb, rb) = dimension_numbers
    x, y = ins
    lf, rf = free_axes(len(x.shape), lc, lb), free_axes(len(y.shape), rc, rb)
    sizes = [x.shape[a] for a in lc]
    k = math.prod(sizes)
    nb, nl = len(lb), len(lf)

    def element(idx: list[Any]) -> None:
        def term(j: Any) -> Any:
            inner = _split(b, j, sizes)
            at_x: list[Any] = [None] * len(x.shape)
            at_y: list[Any] = [None] * len(y.shape)
            for axes, at, places in (
                (lb, at_x, idx[:nb]), (lf, at_x, idx[nb : nb + nl]), (lc, at_x, inner),
                (rb, at_y, idx[:nb]), (rf, at_y, idx[nb + nl :]), (rc, at_y, inner),
            ):  # fmt: skip
                for a, i in zip(axes, places, strict=True):
                    at[a] = i
            return b.mul(
                b.convert(x.read(at_x), out.dtype), b.convert(y.read(at_y), out.dtype)
            )

        total = term(b.const(0, INT64))
        if k <= UNROLL:
            for j in range(1, k):
                total = b.add(total, term(b.const(j, INT64)))
        else:
            running = b.slot(total, b.width)
            b.loop(1, k, lambda j: running.set(b.add(running.get(), term(j))))
            total = running.get()
        out.store(idx, total)

    if out.shape:
        b.nest(out.shape, element)
    else:
        element([])


class _Matrix:
    """An operand as a stack of matrices: strides of rows and columns, one of them 1."""

    def __init__(self, ptr: Any, rows: int, columns: int) -> None:
        self.ptr = ptr
        self.rows = rows
        self.columns = columns

    def leading(self, size: int) -> tuple[str, int]:
        """('N', ld) where columns are contiguous, ('T', ld) where rows are."""
        if self.columns == 1:
            return "N", max(self.rows, size)
        return "T", self.columns


def _as_matrix(
    b: Any, source: Any, batch: Axes, rows: Axes, columns: Axes
) -> tuple[_Matrix, list[int]]:
    """The operand where it lies, or copied into (batch, rows, columns) order.

    Also its strides along the batch axes.
    """
    shape = source.shape
    m, n = (math.prod(shape[a] for a in axes) for axes in (rows, columns))
    sr, sc = _merged(shape, rows), _merged(shape, columns)
    strides = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
    if sr is not None and sc is not None:
        sr, sc = (sr if m > 1 else 0), (sc if n > 1 else 0)
        # A single row or column may be given any stride.
        if sc == 1 or (n == 1 and sr != 1):
            return _Matrix(source.ptr, sr or n, 1), [strides[a] for a in batch]
        if sr == 1 or m == 1:
            return _Matrix(source.ptr, 1, sc or m), [strides[a] for a in batch]
    order = (*batch, *rows, *columns)
    new = [shape[a] for a in order]
    copy = b.scratch(math.prod(new), source.dtype)
    steps = [math.prod(new[k + 1 :]) for k in range(len(new))]

    def move(idx: list[Any]) -> None:
        at: list[Any] = [None] * len(shape)
        to = b.const(0, INT64)
        for a, i, s in zip(order, idx, steps, strict=True):
            at[a] = i
            to = b.add(to, b.mul(i, b.const(s, INT64)))
        b.store(copy, to, source.read(at))

    b.nest(new, move)
    return _Matrix(copy, n, 1), steps[: len(batch)]


def _lower_blas(b: Any, ins: Any, out: Any, dimension_numbers: Any) -> None:
    from bibun.ops.linalg.blocks import Matrix, mirror

    (lc, rc), (lb, rb) = dimension_numbers
    x, y = ins
    lf, rf = free_axes(len(x.shape), lc, lb), free_axes(len(y.shape), rc, rb)
    m, n = (math.prod(s.shape[a] for a in axes) for s, axes in ((x, lf), (y, rf)))
    k = math.prod(x.shape[a] for a in lc)
    order = sorted(range(len(lc)), key=lambda j: lc[j])
    lc, rc = tuple(lc[j] for j in order), tuple(rc[j] for j in order)
    left, left_steps = _as_matrix(b, x, lb, lf, lc)
    right, right_steps = _as_matrix(b, y, rb, rc, rf)
    sizes = [x.shape[a] for a in lb]
    dtype = out.dtype
    letter = _BLAS[dtype.name]

    def shifted(ptr: Any, idx: list[Any], steps: Sequence[int]) -> Any:
        at = b.const(0, INT64)
        for i, s in zip(idx, steps, strict=True):
            at = b.add(at, b.mul(i, b.const(s, INT64)))
        return b.offset(ptr, at, dtype) if idx else ptr

    def number(value: int) -> Any:
        return b.ref(value, "i32")

    one, zero = b.ref(1, _CTYPE[letter]), b.ref(0, _CTYPE[letter])
    symmetric = m >= SYMMETRIC and (lc, lb) == (rc, rb) and x.ptr == y.ptr

    def product(idx: list[Any]) -> None:
        px, py = shifted(left.ptr, idx, left_steps), shifted(right.ptr, idx, right_steps)
        po = shifted(out.ptr, idx, [m * n * math.prod(sizes[j + 1 :]) for j in range(len(sizes))])
        if m == 1 or n == 1:
            # The matrix times a vector; its column-major view has rows and columns exchanged.
            if n == 1:
                (flag, ld), pm, pv = left.leading(k), px, py
                rows, columns = (k, m) if flag == "N" else (m, k)
                flag = "T" if flag == "N" else "N"
                step = max(right.rows, 1) if right.columns == 1 else 1
            else:
                (flag, ld), pm, pv = right.leading(n), py, px
                rows, columns = (n, k) if flag == "N" else (k, n)
                step = 1 if left.columns == 1 else left.columns
            b.call(
                letter + "gemv",
                [b.ref(flag), number(rows), number(columns), one, pm,
                 number(max(ld, rows)), pv, number(step), zero, po, number(1)],
            )  # fmt: skip
            return
        flag_x, ld_x = left.leading(k)
        if symmetric:  # half of it is computed, and mirrored
            b.call(
                letter + "syrk",
                [b.ref("U"), b.ref("T" if flag_x == "N" else "N"), number(m), number(k), one, px,
                 number(ld_x), zero, po, number(m)],
            )  # fmt: skip
            mirror(b, Matrix(b, po, m, dtype), m)
            return
        flag_y, ld_y = right.leading(n)

        by_rows = m >= n  # the longer side of the result is cut
        if by_rows:
            step, out_step = (ld_x if flag_x == "N" else 1), n
        else:
            step, out_step = (1 if flag_y == "N" else ld_y), 1

        def piece(start: Any, length: Any) -> None:
            def moved(ptr: Any, step: int) -> Any:
                return b.offset(ptr, b.mul(start, b.const(step, INT64)), dtype)

            count = b.ref(b.convert(length, INT32))
            b.call(
                letter + "gemm",
                [b.ref(flag_y), b.ref(flag_x), number(n) if by_rows else count,
                 count if by_rows else number(m), number(k), one,
                 py if by_rows else moved(py, step), number(ld_y),
                 moved(px, step) if by_rows else px, number(ld_x), zero,
                 moved(po, out_step), number(n)],
            )  # fmt: skip

        b.in_pieces(max(m, n), m * n * k * _NS[letter], piece)

    from bibun.ops.index.common import loops

    loops(b, sizes, product)


# the record --------------------------------------------------------------------------------------


def _samples() -> list[Sample]:
    def array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        a = np.sin(np.arange(math.prod(shape)) * 1.3 + len(shape)).reshape(shape)
        if np.dtype(dtype).kind == "c":
            return (a + 1j * np.cos(3 * a)).astype(dtype)
        return a.astype(dtype) if np.dtype(dtype).kind == "f" else (5 * a).astype(dtype)

    plain = (((1,), (0,)), ((), ()))
    no = ((), ())
    big = [
        (array(20, 30), array(30, 10), plain),
        (array(30, 20), array(30, 10), (((0,), (0,)), no)),
        (array(20, 30), array(10, 30), (((1,), (1,)), no)),
        (array(30, 20), array(10, 30), (((0,), (1,)), no)),
        (array(70, 60), array(60), (((1,), (0,)), no)),
        (array(60), array(60, 70), (((0,), (0,)), no)),
        (array(60), array(70, 60), (((0,), (1,)), no)),
        (array(2100), array(2100), (((0,), (0,)), no)),
        (array(2, 20, 9), array(2, 9, 10), (((2,), (1,)), ((0,), (0,)))),
        (array(20, 2, 9), array(9, 10, 2), (((2,), (0,)), ((1,), (2,)))),
        (array(5, 20, 6), array(6, 5, 10), (((0, 2), (1, 0)), no)),
        (array(20, 30, dtype=np.complex64), array(30, 10, dtype=np.complex64), plain),
    ]
    small = [
        (array(3, 4), array(4, 2), plain),
        (array(3, 4), array(2, 4), (((1,), (1,)), no)),
        (array(4), array(4), (((0,), (0,)), no)),
        (array(13), array(13), (((0,), (0,)), no)),
        (array(3, 5), array(5, 3), (((0, 1), (1, 0)), no)),
        (array(7, dtype=np.complex128), array(7, dtype=np.complex128), (((0,), (0,)), no)),
        (array(15, dtype=np.int32), array(15, dtype=np.int32), (((0,), (0,)), no)),
        (array(37, dtype=np.float32), array(37, dtype=np.float32), (((0,), (0,)), no)),
        (array(6, 5), array(6, 5), (((0, 1), (0, 1)), no)),
        (array(3), array(2), (((), ()), no)),
        (array(2, 3), array(2, 3), (((), ()), ((0,), (0,)))),
        (array(2, 3, 4), array(4, 3, 2), (((2, 1), (0, 1)), ((0,), (2,)))),
        (array(3, 20, dtype=np.float32), array(20, 4, dtype=np.float32), plain),
        (array(3, 4, dtype=np.complex128), array(4, 2, dtype=np.complex128), plain),
        (array(3, 4, dtype=np.int32), array(4, 2, dtype=np.int32), plain),
        (array(3, 0), array(0, 2), plain),
        (array(0, 3), array(3, 2), plain),
        (array(3, 4) > 0, array(4, 2) > 0, plain),
        (array(40, 3)[::2, ::-1], array(4, 3).T, plain),
        (np.array(2.0), np.array(3.0), (((), ()), no)),
    ]
    out = [Sample(x, y, dimension_numbers=d) for x, y, d in small + big]
    out.append(
        Sample(array(3, 4, dtype=np.int8), array(4, 2, dtype=np.int8), dimension_numbers=plain,
               preferred_element_type=np.dtype(np.int32))
    )  # fmt: skip
    return out


dot_general = register(
    Op(
        "dot_general",
        LIBRARY,
        type_rule=_type_rule,
        eval=clear_errors(_type_rule, quietly(_eval)),
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        lower=_lower,
        rewrite=_rewrite,
        cost=8.0,
        samples=_samples,
        doc="`dot_general(x, y, dimension_numbers, preferred_element_type=None)`: the sum of "
        "products over the contracted axes; as lax.dot_general. Errors: ShapeError, DTypeError.",
    )
)
