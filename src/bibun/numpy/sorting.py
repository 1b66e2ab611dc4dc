"""Sorting, searching, and sets.

What has a size that depends on values (`nonzero`, `unique`, …) works on known values as in
NumPy, and on traced ones with `size=`: the result has that length, filled up or cut off.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import canonical, default_int
from bibun.errors import ConcretizationError, ShapeError
from bibun.numpy._common import (
    as_int,
    axis_index,
    cast,
    concrete,
    is_eager,
    one_of,
    promote_args,
    value,
)
from bibun.numpy.creation import arange, asarray, full, zeros
from bibun.numpy.cumulative import cumsum
from bibun.numpy.elementwise import _truth, astype, equal, not_equal, where
from bibun.numpy.formulas import isnan
from bibun.numpy.joining import concatenate
from bibun.numpy.reductions import any as any_
from bibun.numpy.reductions import count_nonzero
from bibun.numpy.shape import (
    expand_dims,
    flip,
    moveaxis,
    ravel,
    reshape,
    transpose,
    unravel_index,
)
from bibun.numpy.taking import take
from bibun.ops import elementwise as el
from bibun.ops import shape as sh
from bibun.ops import sort as so
from bibun.trace.sites import current_site, describe

__all__ = [
    "argpartition", "argsort", "argwhere", "flatnonzero", "intersect1d", "isin", "lexsort",
    "nonzero", "partition", "searchsorted", "setdiff1d", "setxor1d", "sort", "sort_complex",
    "union1d", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
]  # fmt: skip


def _along(name: str, a: Any, axis: int | None) -> tuple[Value, int]:
    x = value(name, "a", a)
    if axis is None:
        x, axis = ravel(x), 0
    if x.ndim == 0:
        raise ShapeError(f"{name}: a 0-d array has no axis to sort along")
    return x, axis_index(name, axis, x.ndim)


def _check_sort(name: str, kind: Any, order: Any) -> None:
    one_of(name, "kind", kind, (None, "quicksort", "mergesort", "heapsort", "stable"))
    one_of(name, "order", order, (None,))


def sort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *,
         stable: bool = True, descending: bool = False) -> Value:  # fmt: skip
    """Ascending (or descending) along an axis; nan last (or first).

    `kind` is NumPy's choice of an algorithm; all give the same here. `order`, of structured
    arrays, must be None.

    >>> import bibun.numpy as bnp
    >>> print(bnp.sort(bnp.array([3, 1, 2])))
    [1 2 3]
    """
    _check_sort("sort", kind, order)
    x, k = _along("sort", a, axis)
    (out,) = so.sort(x, axis=k, num_keys=1, stable=stable)
    return flip(out, k) if descending else out


def argsort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *,
            stable: bool = True, descending: bool = False, dtype: Any = None
            ) -> Value:  # fmt: skip
    """The indices that sort, int64 or of `dtype`; equal elements keep their order.

    >>> import bibun.numpy as bnp
    >>> print(bnp.argsort(bnp.array([3, 1, 2])))
    [1 2 0]
    """
    _check_sort("argsort", kind, order)
    x, k = _along("argsort", a, axis)
    integer = default_int() if dtype is None else canonical(dtype)
    places = sh.iota(shape=x.shape, dtype=integer, axis=k)
    if descending:  # turned round on both sides, so that equal elements keep their order
        x, places = flip(x, k), flip(places, k)
    _, out = so.sort(x, places, axis=k, num_keys=1, stable=stable)
    return flip(out, k) if descending else out


def lexsort(keys: Any, axis: int = -1) -> Value:
    """The indices that sort by the last key, ties by the one before it, and so on.

    >>> import bibun.numpy as bnp
    >>> print(bnp.lexsort((bnp.array([2, 1, 0]), bnp.array([0, 0, 1]))))
    [1 0 2]
    """
    xs = [value("lexsort", "keys", k) for k in keys]
    if not xs:
        raise ShapeError("lexsort: needs at least one key")
    k = axis_index("lexsort", axis, xs[0].ndim)
    places = sh.iota(shape=xs[0].shape, dtype=default_int(), axis=k)
    return so.sort(*xs[::-1], places, axis=k, num_keys=len(xs), stable=True)[-1]


def partition(a: Any, kth: Any, axis: int | None = -1) -> Value:
    """Sorted wholly, which puts the kth element, the smaller and the larger in place.

    >>> import bibun.numpy as bnp
    >>> print(bnp.partition(bnp.array([3, 1, 2]), 1))
    [1 2 3]
    """
    _check_kth("partition", a, kth, axis)
    return sort(a, axis)


def _check_kth(name: str, a: Any, kth: Any, axis: Any) -> None:
    x, k = _along(name, a, axis)
    n = x.shape[k]
    for place in np.ravel(kth):
        if not -n <= as_int(name, "kth", place) < n:
            raise ValueError(f"{name}: kth {place} is out of range for {n} elements")


def argpartition(a: Any, kth: Any, axis: int | None = -1) -> Value:
    """`argsort`, which partitions at every kth.

    >>> import bibun.numpy as bnp
    >>> print(bnp.argpartition(bnp.array([3, 1, 2]), 1))
    [1 2 0]
    """
    _check_kth("argpartition", a, kth, axis)
    return argsort(a, axis)


def sort_complex(a: Any) -> Value:
    """Sorted by real part, then imaginary part, as complex numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.sort_complex(bnp.array([2.0, 1.0])))
    [1.+0.j 2.+0.j]
    """
    from bibun.dtypes import complex_of, default_float, is_inexact

    x = value("sort_complex", "a", a)
    if not is_inexact(x.dtype):
        x = cast(x, default_float())
    return sort(astype(x, complex_of(x.dtype)))


# ---- searching --------------------------------------------------------------------------------


SEARCHES = ("scan", "scan_unrolled", "sort", "compare_all")


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None, *,
                 method: str = "scan") -> Value:  # fmt: skip
    """Where values would be put into a sorted 1-d array to keep it sorted.

    side: "left" (before equal elements) or "right" (after them). nan counts as largest.
    A binary search, written out: log2(n) steps that fuse into one loop, whichever of JAX's
    names `method` gives.

    >>> import bibun.numpy as bnp
    >>> print(bnp.searchsorted(bnp.array([1.0, 2.0, 3.0]), 2.5))
    2
    """
    one_of("searchsorted", "side", side, ("left", "right"))
    one_of("searchsorted", "method", method, SEARCHES)
    x, y = promote_args("searchsorted", a, v)
    x, y = value("searchsorted", "a", x), value("searchsorted", "v", y)
    if x.ndim != 1:
        raise ShapeError(f"searchsorted: a must be 1-d, got shape {x.shape}")
    if sorter is not None:
        x = take(x, sorter)
    if is_eager() and type(x) is Array and type(y) is Array:
        found = np.searchsorted(x._value, y._value, side)
        return Array(np.asarray(found, dtype=default_int()))
    n = x.shape[0]
    integer = default_int()
    place: Any = full(y.shape, 0, integer)
    if n == 0:
        return place
    for k in range(n.bit_length() - 1, -1, -1):
        step = integer.type(1 << k)
        ahead = el.add(place, step)
        element = take(x, el.sub(ahead, integer.type(1)), mode="clip")
        before = _precedes(element, y, el.lt if side == "left" else el.le)
        if x.dtype.kind == "f":
            last = isnan(y)
            if side == "left":
                last = el.and_(last, el.not_(isnan(element)))
            before = el.or_(before, last)
        before = el.and_(before, el.le(ahead, integer.type(n)))
        place = el.select(before, place, ahead)
    return place


def _precedes(x: Any, y: Any, compare: Any) -> Any:
    """`compare(x, y)`, which is lt or le; complex numbers by their real part first.

    Complex nan are last, as in NumPy: R + nan j, then nan + R j, then nan + nan j, each kind in
    the order of the part that is a number.
    """
    if x.dtype.kind != "c":
        return compare(x, y)
    (a, c), (b, d) = ((el.real(z), el.imag(z)) for z in (x, y))
    kind, other = (
        el.select(isnan(re), el.select(isnan(im), 0, 1), el.select(isnan(im), 2, 3))
        for re, im in ((a, c), (b, d))
    )
    same_real = el.or_(el.eq(a, b), isnan(a))
    imaginary = compare(c, d) if compare is el.lt else el.or_(compare(c, d), isnan(c))
    within = el.or_(el.lt(a, b), el.and_(same_real, imaginary))
    return el.or_(el.lt(kind, other), el.and_(el.eq(kind, other), within))


def _unknown_size(name: str) -> ConcretizationError:
    return ConcretizationError(
        f"{name}: the size of the result depends on values that are traced.\n"
        f"At {describe(current_site(2))}\n"
        f"Give {name}(..., size=n, fill_value=...) with a static n."
    )


def nonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> tuple[Value, ...]:
    """The indices of the elements that are not 0, one array for each axis.

    size: the length of the result, needed under jit; missing places get `fill_value` (0, or
    one for each axis).

    >>> import bibun.numpy as bnp
    >>> print(*bnp.nonzero(bnp.array([0, 5, 7])))
    [1 2]
    """
    x = value("nonzero", "a", a)
    if x.ndim == 0:
        raise ShapeError("nonzero: a 0-d array has no axes; use atleast_1d(x).nonzero()")
    known = concrete(x)
    if size is None:
        if known is None:
            raise _unknown_size("nonzero")
        return tuple(Array(i.astype(default_int())) for i in np.nonzero(known))
    count = as_int("nonzero", "size", size)
    integer = default_int()
    ranks = cumsum(_truth("nonzero", ravel(x)))
    if x.size == 0:
        flat, missing = zeros(count, int), full(count, True, bool)
    else:
        wanted = arange(1, count + 1)
        flat = searchsorted(ranks, wanted)
        missing = el.gt(wanted, take(ranks, -1))
    fills = fill_value if isinstance(fill_value, tuple) else (fill_value,) * x.ndim
    if x.size == 0:
        return tuple(full(count, 0 if f is None else f, integer) for f in fills)
    return tuple(
        where(missing, 0 if f is None else f, i)
        for i, f in zip(unravel_index(flat, x.shape), fills, strict=True)
    )


def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> Value:
    """The flat indices of the elements that are not 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.flatnonzero(bnp.array([0, 5, 7])))
    [1 2]
    """
    return nonzero(ravel(a), size=size, fill_value=fill_value)[0]


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = None) -> Value:
    """The indices of the elements that are not 0, one row for each.

    >>> import bibun.numpy as bnp
    >>> print(bnp.argwhere(bnp.array([0, 5, 7])))
    [[1]
     [2]]
    """
    from bibun.numpy.joining import stack

    x = value("argwhere", "a", a)
    if x.ndim == 0:
        rows = int(bool(x)) if size is None else as_int("argwhere", "size", size)
        return zeros((rows, 0), int)
    return transpose(stack(nonzero(x, size=size, fill_value=fill_value)))


# ---- sets -------------------------------------------------------------------------------------


def unique(ar: Any, return_index: bool = False, return_inverse: bool = False,
           return_counts: bool = False, axis: int | None = None, *, equal_nan: bool = True,
           size: int | None = None, fill_value: Any = None,
           sorted: bool = True) -> Any:  # fmt: skip
    """The different elements (or slices along an axis), sorted.

    size: the length of the result, needed under jit; missing places get `fill_value` (the
    first unique element). Returns also, where asked: the index of the first occurrence of
    each, for each element its index among the unique ones, and how often each occurs.

    >>> import bibun.numpy as bnp
    >>> print(bnp.unique(bnp.array([3, 1, 3])))
    [1 3]
    """
    x = value("unique", "ar", ar)
    shape = x.shape
    if axis is None:
        lines = reshape(x, (x.size, 1))
        k = 0
    else:
        k = axis_index("unique", axis, x.ndim)
        lines = reshape(moveaxis(x, k, 0), (shape[k], -1 if shape[k] else 0))
    n = lines.shape[0]
    columns = [take(lines, j, axis=1) for j in range(lines.shape[1])]
    if n and columns:
        places = arange(n)
        *ordered, order = so.sort(*columns, places, axis=0, num_keys=len(columns), stable=True)
        new: Any = None
        for c in ordered:
            later, earlier = c[1:], c[:-1]
            differs = not_equal(later, earlier)
            if equal_nan and c.dtype.kind in "fc":
                differs = el.and_(differs, el.not_(el.and_(isnan(later), isnan(earlier))))
            new = differs if new is None else el.or_(new, differs)
        first = concatenate([full(1, True, bool), new])
    else:
        order, first = arange(n), full(n, True, bool)
    if size is None:
        if concrete(first) is None:
            raise _unknown_size("unique")
        (starts,) = nonzero(first)
        real: Any = None
    else:
        count = as_int("unique", "size", size)
        (starts,) = nonzero(first, size=count, fill_value=0)
        real = el.lt(arange(count), count_nonzero(first))
    index = take(order, starts) if n else starts
    out = take(x if axis is not None else ravel(x), index, axis=k)
    if real is not None and fill_value is not None:
        mask = reshape(real, tuple(-1 if j == k else 1 for j in range(out.ndim)))
        out = where(mask, out, cast(value("unique", "fill_value", fill_value), x.dtype))
    results = [out]
    if return_index:
        results.append(index)
    if return_inverse:
        group = el.sub(cumsum(first), default_int().type(1))
        inverse = zeros(n, int).at[order].set(group, unique_indices=True)
        results.append(reshape(inverse, shape) if axis is None else inverse)
    if return_counts:
        ends = starts if real is None else where(real, starts, n)
        counts = el.sub(concatenate([ends[1:], full(1, n, int)]), ends)
        results.append(counts)
    return results[0] if len(results) == 1 else tuple(results)


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Value
    counts: Value


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Value
    inverse_indices: Value


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Value
    indices: Value
    inverse_indices: Value
    counts: Value


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Value:
    """The different elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.unique_values(bnp.array([3, 1, 3])))
    [1 3]
    """
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


def unique_counts(x: Any, /, *, size: int | None = None,
                  fill_value: Any = None) -> UniqueCounts:  # fmt: skip
    """The different elements and how often each occurs.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.unique_counts(bnp.array([3, 1, 3])))
    [1 3] [1 2]
    """
    found = unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value)
    return UniqueCounts(*found)


def unique_inverse(x: Any, /, *, size: int | None = None,
                  fill_value: Any = None) -> UniqueInverse:  # fmt: skip
    """The different elements, and for each element its index among them.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.unique_inverse(bnp.array([3, 1, 3])))
    [1 3] [1 0 1]
    """
    found = unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value)
    return UniqueInverse(*found)


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """Values, first indices, inverse and counts.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.unique_all(bnp.array([3, 1, 3])))
    [1 3] [1 0] [1 0 1] [1 2]
    """
    found = unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value)
    return UniqueAll(*found)


def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
         method: str = "auto") -> Value:  # fmt: skip
    """For each element, whether it is among the test elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isin(bnp.array([1, 2, 3]), bnp.array([2])))
    [False  True False]
    """
    one_of("isin", "method", method, ("auto", "compare_all", "binary_search", "sort"))
    x, t = promote_args("isin", asarray(element), asarray(test_elements))
    x, t = value("isin", "element", x), ravel(t)
    if t.size <= 16 or t.dtype.kind not in "iuf":
        wide = expand_dims(x, x.ndim)
        out = any_(equal(wide, t), axis=-1) if t.size else full(x.shape, False, bool)
    else:
        line = sort(t)
        out = equal(take(line, searchsorted(line, x), mode="clip"), x)
    return el.not_(out) if invert else out


def _sets(name: str, a: Any, b: Any, size: int | None) -> tuple[Value, Value]:
    x, y = (ravel(v) for v in promote_args(name, a, b))
    if size is None and (concrete(x) is None or concrete(y) is None):
        raise _unknown_size(name)
    return x, y


def _picked(x: Value, keep: Value, size: int | None, fill_value: Any) -> Value:
    """The different elements that are kept."""
    if size is None:
        return unique(take(x, nonzero(keep)[0]))
    line = sort(x)
    order = argsort(x)
    kept = take(keep, order)
    fresh = concatenate([full(1, True, bool), not_equal(line[1:], line[:-1])])
    good = el.and_(kept, fresh)
    (places,) = nonzero(good, size=size, fill_value=x.size)
    out = take(line, places, mode="clip")
    return where(el.lt(places, default_int().type(x.size)), out, 0 if fill_value is None else
                 fill_value)  # fmt: skip


def union1d(ar1: Any, ar2: Any, *, size: int | None = None, fill_value: Any = None) -> Value:
    """The elements of either, sorted.

    >>> import bibun.numpy as bnp
    >>> print(bnp.union1d(bnp.array([1, 2]), bnp.array([2, 3])))
    [1 2 3]
    """
    x, y = _sets("union1d", ar1, ar2, size)
    return unique(concatenate([x, y]), size=size, fill_value=fill_value)


def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False, *,
                size: int | None = None, fill_value: Any = None) -> Any:  # fmt: skip
    """The elements of both, sorted.

    >>> import bibun.numpy as bnp
    >>> print(bnp.intersect1d(bnp.array([1, 2]), bnp.array([2, 3])))
    [2]
    """
    x, y = _sets("intersect1d", ar1, ar2, size)
    if not return_indices:
        return _picked(x, isin(x, y), size, fill_value)
    if size is not None:
        raise ValueError("intersect1d: size= and return_indices= do not go together")
    found = np.intersect1d(concrete(x), concrete(y), assume_unique, True)
    return tuple(Array(np.asarray(f)) for f in found)


def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None,
              fill_value: Any = None) -> Value:  # fmt: skip
    """The elements of the first that are not in the second: sorted and different, or as they are
    in the first, which has each once, by promise of `assume_unique`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.setdiff1d(bnp.array([1, 2]), bnp.array([2, 3])))
    [1]
    """
    x, y = _sets("setdiff1d", ar1, ar2, size)
    keep = isin(x, y, invert=True)
    if not assume_unique:
        return _picked(x, keep, size, fill_value)
    (places,) = nonzero(keep, size=size, fill_value=x.size)
    return take(x, places, mode="fill", fill_value=0 if fill_value is None else fill_value)


def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None,
             fill_value: Any = None) -> Value:  # fmt: skip
    """The elements of just one of the two, sorted.

    >>> import bibun.numpy as bnp
    >>> print(bnp.setxor1d(bnp.array([1, 2]), bnp.array([2, 3])))
    [1 3]
    """
    x, y = _sets("setxor1d", ar1, ar2, size)
    keep = concatenate([isin(x, y, invert=True), isin(y, x, invert=True)])
    return _picked(concatenate([x, y]), keep, size, fill_value)


