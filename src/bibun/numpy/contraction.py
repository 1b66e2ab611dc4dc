"""Products of arrays: dot, matmul, einsum, tensordot, outer and their kin.

All end in `dot_general`. `einsum` contracts pair by pair in an order found by NumPy's path
optimiser, which sees shapes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import canonical, default_int
from bibun.errors import ShapeError
from bibun.numpy._common import as_int, axis_index, cast, no_out, promote_args, value
from bibun.numpy.elementwise import astype, conjugate, multiply
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import expand_dims, moveaxis, ravel, reshape, transpose
from bibun.numpy.taking import diagonal
from bibun.ops import elementwise as el
from bibun.ops import reduce as red
from bibun.ops import shape as sh
from bibun.ops.dot import dot_general

__all__ = [
    "cross", "diag", "diagflat", "dot", "einsum", "einsum_path", "fill_diagonal", "inner", "kron",
    "matmul", "matvec", "outer", "tensordot", "trace", "tril", "triu", "vdot", "vecdot", "vecmat",
]  # fmt: skip


def _pair(name: str, a: Any, b: Any) -> tuple[Value, Value]:
    x, y = promote_args(name, a, b)
    return value(name, "a", x), value(name, "b", y)


def _contract(x: Value, y: Value, contract: Any, batch: Any = ((), ())) -> Value:
    """`dot_general`; booleans are multiplied as integers and made boolean again."""
    numbers = ((tuple(contract[0]), tuple(contract[1])), (tuple(batch[0]), tuple(batch[1])))
    if x.dtype.kind == "b":
        wide = default_int()
        out = dot_general(cast(x, wide), cast(y, wide), dimension_numbers=numbers)
        return el.ne(out, wide.type(0))
    return dot_general(x, y, dimension_numbers=numbers)


def _result(out: Value, dtype: Any) -> Value:
    return out if dtype is None else astype(out, canonical(dtype))


def dot(a: Any, b: Any, out: None = None, *, precision: Any = None,
        preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Contraction of the last axis of a with the last but one of b (the only one of a vector).

    >>> import bibun.numpy as bnp
    >>> print(bnp.dot(bnp.array([1.0, 2.0]), bnp.array([3.0, 4.0])))
    11.0
    """
    no_out("dot", out)
    x, y = _pair("dot", a, b)
    if x.ndim == 0 or y.ndim == 0:
        return _result(multiply(x, y), preferred_element_type)
    k = max(y.ndim - 2, 0)
    if x.shape[-1] != y.shape[k]:
        raise ShapeError(
            f"dot: shapes {x.shape} and {y.shape} do not fit: axis -1 of the first has "
            f"{x.shape[-1]} elements, axis {k} of the second {y.shape[k]}"
        )
    return _result(_contract(x, y, ((x.ndim - 1,), (k,))), preferred_element_type)


def matmul(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Matrix product; leading axes are batches and broadcast.

    >>> import bibun.numpy as bnp
    >>> print(bnp.matmul(bnp.eye(2), bnp.array([3.0, 4.0])))
    [3. 4.]
    """
    x, y = _pair("matmul", a, b)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(f"matmul: needs arrays, not numbers; got shapes {x.shape} and {y.shape}")
    k = max(y.ndim - 2, 0)
    if x.shape[-1] != y.shape[k]:
        raise ShapeError(
            f"matmul: shapes {x.shape} and {y.shape} do not fit: the first has {x.shape[-1]} "
            f"columns, the second {y.shape[k]} rows"
        )
    if y.ndim <= 2:
        out = _contract(x, y, ((x.ndim - 1,), (k,)))
    elif x.ndim == 1:
        out = _contract(x, y, ((0,), (k,)))
    else:
        out = _batched(x, y)
    return _result(out, preferred_element_type)


def _batched(x: Value, y: Value) -> Value:
    """Batch axes that only one side has stay free: they need not be repeated in memory."""
    lead_x, lead_y = x.shape[:-2], y.shape[:-2]
    n = max(len(lead_x), len(lead_y))
    wide_x = (1,) * (n - len(lead_x)) + lead_x
    wide_y = (1,) * (n - len(lead_y)) + lead_y
    try:
        lead = np.broadcast_shapes(wide_x, wide_y)
    except ValueError:
        raise ShapeError(
            f"matmul: batch axes of shapes {x.shape} and {y.shape} do not broadcast"
        ) from None
    x = reshape(x, (*wide_x, *x.shape[-2:]))
    y = reshape(y, (*wide_y, *y.shape[-2:]))
    both = [k for k in range(n) if wide_x[k] == wide_y[k]]
    only_x = [k for k in range(n) if wide_x[k] != wide_y[k] and wide_y[k] == 1]
    only_y = [k for k in range(n) if wide_x[k] != wide_y[k] and wide_x[k] == 1]
    x = sh.squeeze(x, axes=tuple(only_y)) if only_y else x
    y = sh.squeeze(y, axes=tuple(only_x)) if only_x else y
    bx = [k - sum(j < k for j in only_y) for k in both]
    by = [k - sum(j < k for j in only_x) for k in both]
    out = _contract(x, y, ((x.ndim - 1,), (y.ndim - 2,)), (bx, by))
    # out: both, only_x, rows, only_y, columns
    order = both + only_x + [n] + only_y + [n + 1]
    wanted = [*range(n), n, n + 1]
    out = transpose(out, [order.index(k) for k in wanted])
    return out if out.shape[:-2] == lead else reshape(out, (*lead, *out.shape[-2:]))


def vdot(a: Any, b: Any, *, precision: Any = None,
         preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Sum of conj(a) times b over all elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.vdot(bnp.array([1.0, 2.0]), bnp.array([3.0, 4.0])))
    11.0
    """
    return _result(dot(conjugate(ravel(a)), ravel(b)), preferred_element_type)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, precision: Any = None,
           preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Sum of conj(x1) times x2 along an axis; the others broadcast.

    >>> import bibun.numpy as bnp
    >>> print(bnp.vecdot(bnp.ones((2, 3)), bnp.ones(3)))
    [3. 3.]
    """
    x, y = _pair("vecdot", x1, x2)
    x = moveaxis(x, axis_index("vecdot", axis, x.ndim), -1)
    y = moveaxis(y, axis_index("vecdot", axis, y.ndim), -1)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"vecdot: shapes {x.shape} and {y.shape} do not fit along axis {axis}")
    out = matmul(expand_dims(conjugate(x), -2), expand_dims(y, -1))
    out = sh.squeeze(out, axes=(out.ndim - 2, out.ndim - 1))
    return _result(out, preferred_element_type)


def matvec(x1: Any, x2: Any, /) -> Value:
    """Matrices times vectors, batches broadcasting.

    >>> import bibun.numpy as bnp
    >>> print(bnp.matvec(bnp.eye(2), bnp.array([1.0, 2.0])))
    [1. 2.]
    """
    out = matmul(x1, expand_dims(x2, -1))
    return sh.squeeze(out, axes=(out.ndim - 1,))


def vecmat(x1: Any, x2: Any, /) -> Value:
    """Conjugated row vectors times matrices, batches broadcasting.

    >>> import bibun.numpy as bnp
    >>> print(bnp.vecmat(bnp.array([1.0, 2.0]), bnp.eye(2)))
    [1. 2.]
    """
    out = matmul(expand_dims(conjugate(x1), -2), x2)
    return sh.squeeze(out, axes=(out.ndim - 2,))


def inner(a: Any, b: Any, *, precision: Any = None,
          preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Contraction of the last axes.

    >>> import bibun.numpy as bnp
    >>> print(bnp.inner(bnp.array([1.0, 2.0]), bnp.array([3.0, 4.0])))
    11.0
    """
    x, y = _pair("inner", a, b)
    if x.ndim == 0 or y.ndim == 0:
        return _result(multiply(x, y), preferred_element_type)
    return tensordot(x, y, (-1, -1), preferred_element_type=preferred_element_type)


def outer(a: Any, b: Any, out: None = None) -> Value:
    """All products of an element of a with one of b, both raveled.

    >>> import bibun.numpy as bnp
    >>> print(bnp.outer(bnp.array([1, 2]), bnp.array([3, 4])))
    [[3 4]
     [6 8]]
    """
    no_out("outer", out)
    return multiply(expand_dims(ravel(a), 1), expand_dims(ravel(b), 0))


def tensordot(a: Any, b: Any, axes: Any = 2, *, precision: Any = None,
              preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Contraction over several axes: a number of them, or (axes of a, axes of b).

    >>> import bibun.numpy as bnp
    >>> print(bnp.tensordot(bnp.eye(2), bnp.eye(2)))
    2.0
    """
    x, y = _pair("tensordot", a, b)
    if isinstance(axes, int | np.integer):
        n = int(axes)
        if n > min(x.ndim, y.ndim):
            raise ShapeError(f"tensordot: {n} axes of shapes {x.shape} and {y.shape}")
        left, right = list(range(x.ndim - n, x.ndim)), list(range(n))
    else:
        first, second = axes
        left = [first] if isinstance(first, int | np.integer) else list(first)
        right = [second] if isinstance(second, int | np.integer) else list(second)
        left = [axis_index("tensordot", k, x.ndim) for k in left]
        right = [axis_index("tensordot", k, y.ndim) for k in right]
    if len(left) != len(right) or [x.shape[k] for k in left] != [y.shape[k] for k in right]:
        raise ShapeError(
            f"tensordot: axes {left} of shape {x.shape} and {right} of shape {y.shape} do not fit"
        )
    return _result(_contract(x, y, (left, right)), preferred_element_type)


def kron(a: Any, b: Any) -> Value:
    """Kronecker product: blocks of b scaled by the elements of a.

    >>> import bibun.numpy as bnp
    >>> print(bnp.kron(bnp.array([1, 10]), bnp.array([1, 2])))
    [ 1  2 10 20]
    """
    x, y = _pair("kron", a, b)
    n = max(x.ndim, y.ndim)
    x = reshape(x, (1,) * (n - x.ndim) + x.shape)
    y = reshape(y, (1,) * (n - y.ndim) + y.shape)
    wide = multiply(
        expand_dims(x, tuple(range(1, 2 * n, 2))), expand_dims(y, tuple(range(0, 2 * n, 2)))
    )
    return reshape(wide, tuple(i * j for i, j in zip(x.shape, y.shape, strict=True)))


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1,
          axis: int | None = None) -> Value:  # fmt: skip
    """Cross product of vectors of 3 (or of 2: the third component).

    >>> import bibun.numpy as bnp
    >>> print(bnp.cross(bnp.array([1, 0, 0]), bnp.array([0, 1, 0])))
    [0 0 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = _pair("cross", a, b)
    x, y = moveaxis(x, axisa, -1), moveaxis(y, axisb, -1)
    if x.shape[-1] not in (2, 3) or y.shape[-1] not in (2, 3):
        raise ShapeError(f"cross: vectors must have 2 or 3 components: {x.shape}, {y.shape}")

    def part(v: Value, k: int) -> Any:
        return v[..., k] if k < v.shape[-1] else v.dtype.type(0)

    def component(i: int, j: int) -> Value:
        return el.sub(
            el.mul(*promote_args("cross", part(x, i), part(y, j))),
            el.mul(*promote_args("cross", part(x, j), part(y, i))),
        )

    if x.shape[-1] == y.shape[-1] == 2:
        return component(0, 1)
    from bibun.numpy.joining import stack
    from bibun.numpy.shape import broadcast_arrays

    parts = broadcast_arrays(component(1, 2), component(2, 0), component(0, 1))
    return moveaxis(stack(parts, -1), -1, axisc)


# ---- diagonals and triangles ------------------------------------------------------------------


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None,
          out: None = None) -> Value:  # fmt: skip
    """Sum of the diagonal.

    >>> import bibun.numpy as bnp
    >>> print(bnp.trace(bnp.eye(3)))
    3.0
    """
    no_out("trace", out)
    return sum_(diagonal(a, offset, axis1, axis2), -1, dtype)


def diag(v: Any, k: int = 0) -> Value:
    """The diagonal of a matrix, or a matrix with this diagonal.

    >>> import bibun.numpy as bnp
    >>> print(bnp.diag(bnp.array([1, 2])))
    [[1 0]
     [0 2]]
    """
    x = value("diag", "v", v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"diag: needs 1 or 2 dimensions, got shape {x.shape}")
    k = as_int("diag", "k", k)
    n = x.shape[0]
    m = n + abs(k)
    zero = x.dtype.type(0)
    if k:
        x = sh.pad(x, zero, config=((0, abs(k), 0),))
    from bibun.numpy.creation import eye

    keep = eye(m, m, k, dtype=bool)
    # Element i is in row i where k >= 0, in column i where k < 0.
    grid = expand_dims(x, 1 if k >= 0 else 0)
    return el.select(keep, zero, sh.broadcast_to(grid, shape=(m, m)))


def diagflat(v: Any, k: int = 0) -> Value:
    """A matrix with the raveled input as diagonal.

    >>> import bibun.numpy as bnp
    >>> print(bnp.diagflat(bnp.array([[1, 2]])))
    [[1 0]
     [0 2]]
    """
    return diag(ravel(v), k)


def _triangle(name: str, m: Any, k: Any, lower: bool) -> Value:
    from bibun.numpy.creation import tri

    x = value(name, "m", m)
    if x.ndim < 2:
        raise ShapeError(f"{name}: needs at least 2 dimensions, got shape {x.shape}")
    keep = tri(x.shape[-2], x.shape[-1], k if lower else k - 1, dtype=bool)
    zero = x.dtype.type(0)
    return el.select(keep, zero, x) if lower else el.select(keep, x, zero)


def tril(m: Any, k: Any = 0) -> Value:
    """The lower triangle, zeros above the k-th diagonal.

    >>> import bibun.numpy as bnp
    >>> print(bnp.tril(bnp.ones((2, 2))))
    [[1. 0.]
     [1. 1.]]
    """
    return _triangle("tril", m, k, True)


def triu(m: Any, k: Any = 0) -> Value:
    """The upper triangle, zeros below the k-th diagonal.

    >>> import bibun.numpy as bnp
    >>> print(bnp.triu(bnp.ones((2, 2))))
    [[1. 1.]
     [0. 1.]]
    """
    return _triangle("triu", m, k, False)


def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = False) -> Value:
    """A copy with another diagonal.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fill_diagonal(bnp.zeros((2, 2)), 1.0))
    [[1. 0.]
     [0. 1.]]
    """
    if inplace or wrap:
        raise ValueError("fill_diagonal: arrays are immutable (inplace=False) and wrap=False")
    x = value("fill_diagonal", "a", a)
    along = np.arange(min(x.shape))
    return x.at[(along,) * x.ndim].set(val, unique_indices=True)


# ---- einsum -----------------------------------------------------------------------------------


def _parse(operands: tuple[Any, ...]) -> tuple[list[str], str, list[Any]]:
    """(labels of each operand, labels of the result, operands), ellipses made letters."""
    if not operands:
        raise TypeError("einsum: needs subscripts and operands")
    if not isinstance(operands[0], str):
        arrays, lists = list(operands[0::2]), list(operands[1::2])
        out = lists.pop() if len(operands) % 2 else None
        if len(operands) % 2:
            arrays, out = arrays[:-1], operands[-1]

        def letters(labels: Sequence[Any]) -> str:
            return "".join("..." if i is Ellipsis else chr(97 + i) for i in labels)

        spec = ",".join(letters(s) for s in lists) + ("" if out is None else "->" + letters(out))
        operands = (spec, *arrays)
    spec, arrays = operands[0].replace(" ", ""), list(operands[1:])
    left, arrow, right = spec.partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ShapeError(f"einsum: {spec!r} names {len(terms)} operands, got {len(arrays)}")
    used = set(spec) - set(".,->")
    spare = [c for c in map(chr, [*range(65, 91), *range(97, 123)]) if c not in used]
    widths = []
    for term, a in zip(terms, arrays, strict=True):
        width = a.ndim - len(term.replace("...", ""))
        if width < 0 or (width > 0 and "..." not in term):
            raise ShapeError(f"einsum: {term!r} does not fit an operand of shape {a.shape}")
        widths.append(width if "..." in term else 0)
    dots = spare[: max(widths, default=0)]
    full = [t.replace("...", "".join(dots[len(dots) - w :])) for t, w in
            zip(terms, widths, strict=True)]  # fmt: skip
    if not arrow:
        joined = "".join(full)
        once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in dots)
        return full, "".join(dots) + "".join(once), arrays
    right = right.replace("...", "".join(dots))
    for c in right:
        if c not in "".join(full) or right.count(c) > 1:
            raise ShapeError(f"einsum: label {c!r} of the result in {spec!r} is not usable")
    return full, right, arrays


def _own(x: Value, labels: str, keep: set[str]) -> tuple[Value, str]:
    """Repeated labels become diagonals; labels that nothing else has are summed."""
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ShapeError(f"einsum: label {c!r} has sizes {x.shape[i]} and {x.shape[j]}")
            x = diagonal(x, 0, i, j)
            labels = labels[:i] + labels[i + 1 : j] + labels[j + 1 :] + c
    gone = tuple(k for k, c in enumerate(labels) if c not in keep)
    if gone:
        x = el.convert(x, new_dtype=default_int()) if x.dtype.kind == "b" else x
        x = red.reduce_sum(x, axes=gone)
        labels = "".join(c for c in labels if c in keep)
    return x, labels


def _two(x: Value, lx: str, y: Value, ly: str, keep: set[str]) -> tuple[Value, str]:
    """Contract two operands; a shared axis of size 1 on one side broadcasts."""
    for c in set(lx) & set(ly):
        i, j = lx.index(c), ly.index(c)
        if x.shape[i] != y.shape[j]:
            if x.shape[i] == 1:
                x, lx = sh.squeeze(x, axes=(i,)), lx.replace(c, "")
            elif y.shape[j] == 1:
                y, ly = sh.squeeze(y, axes=(j,)), ly.replace(c, "")
            else:
                raise ShapeError(f"einsum: label {c!r} has sizes {x.shape[i]} and {y.shape[j]}")
    x, lx = _own(x, lx, keep | set(ly))
    y, ly = _own(y, ly, keep | set(lx))
    both = [c for c in lx if c in ly]
    batch = [c for c in both if c in keep]
    contract = [c for c in both if c not in keep]
    out_labels = [*batch, *(c for c in lx if c not in both), *(c for c in ly if c not in both)]
    if not contract and x.dtype.kind != "b":
        # An outer product is elementwise: it fuses, which a contraction would not.
        def spread(v: Value, labels: str) -> Value:
            order = [c for c in out_labels if c in labels]
            v = transpose(v, [labels.index(c) for c in order])
            return expand_dims(v, tuple(k for k, c in enumerate(out_labels) if c not in labels))

        return el.mul(spread(x, lx), spread(y, ly)), "".join(out_labels)
    numbers = ([lx.index(c) for c in contract], [ly.index(c) for c in contract])
    batches = ([lx.index(c) for c in batch], [ly.index(c) for c in batch])
    return _contract(x, y, numbers, batches), "".join(out_labels)


def _path(labels: list[str], out: str, shapes: list[tuple[int, ...]], optimize: Any) -> list[Any]:
    if len(labels) <= 2:
        return [tuple(range(len(labels)))]
    if isinstance(optimize, list | tuple) and optimize and optimize[0] != "greedy":
        return [p for p in optimize if not isinstance(p, str)]
    dummies = [np.broadcast_to(np.float64(0), s) for s in shapes]
    how = "optimal" if len(labels) <= 4 and optimize is not False else "greedy"
    return np.einsum_path(",".join(labels) + "->" + out, *dummies, optimize=how)[0][1:]


def einsum(subscripts: Any, /, *operands: Any, out: None = None, optimize: Any = "optimal",
           precision: Any = None, preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Sums of products by labelled axes, contracted in a good order.

    >>> import bibun.numpy as bnp
    >>> print(bnp.einsum("ij,j->i", bnp.eye(2), bnp.array([3.0, 4.0])))
    [3. 4.]
    """
    no_out("einsum", out)
    if isinstance(subscripts, str):
        arrays = tuple(value("einsum", "operands", a) for a in operands)
        labels, result, xs = _parse((subscripts, *arrays))
    else:
        given = (subscripts, *operands)
        last = len(given) - 1
        mixed = tuple(
            value("einsum", "operands", a) if i % 2 == 0 and not (i == last and len(given) % 2)
            else a
            for i, a in enumerate(given)
        )  # fmt: skip
        labels, result, xs = _parse(mixed)
    xs = [value("einsum", "operands", x) for x in promote_args("einsum", *xs)]
    boolean = xs[0].dtype.kind == "b"
    for step in _path(labels, result, [x.shape for x in xs], optimize):
        taken = sorted(step, reverse=True)
        picked = [(xs.pop(k), labels.pop(k)) for k in taken][::-1]
        x, lx = picked[0]
        for n, (y, ly) in enumerate(picked[1:], 1):
            keep = set(result).union(*labels, *(late for _, late in picked[n + 1 :]))
            x, lx = _two(x, lx, y, ly, keep)
        if len(picked) == 1:
            x, lx = _own(x, lx, set(result).union(*labels))
        xs.append(x)
        labels.append(lx)
    x, lx = _own(xs[0], labels[0], set(result))
    x = transpose(x, [lx.index(c) for c in result])
    if boolean and x.dtype.kind != "b":
        x = el.ne(x, x.dtype.type(0))
    return _result(x, preferred_element_type)


def einsum_path(subscripts: Any, /, *operands: Any, optimize: Any = "greedy") -> Any:
    """The order of contractions that NumPy's optimiser finds, and its report.

    >>> import bibun.numpy as bnp
    >>> bnp.einsum_path("ij,jk", bnp.eye(2), bnp.eye(2))[0]
    ['einsum_path', (0, 1)]
    """
    dummies = [np.broadcast_to(np.float64(0), value("einsum_path", "operands", a).shape)
               for a in operands]  # fmt: skip
    return np.einsum_path(subscripts, *dummies, optimize=optimize)


