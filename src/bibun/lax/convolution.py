"""`bibun.lax`, convolutions of any layout, stride, padding, dilation and grouping.

A convolution (correlation, as the field has it) is one matrix product: the input seen through
the window, one slice of the padded input for each place in the kernel, side by side (im2col),
times the kernel as a matrix. Groups, of features or of the batch, are a batch axis of that
product. With one input feature a group (depthwise) the product would be a thin one; there
the slices are multiplied and added elementwise, in one fused loop. Derivatives, batches and
compilation are those of slices and products, and the work is BLAS's.

Everything is brought to batch, places, features and kernels to places, in, out; axes that are
already there cost nothing.
"""

from __future__ import annotations

import builtins
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.array import Value
from bibun.dtypes import canonical
from bibun.errors import ShapeError
from bibun.lax.arrays import dot_general, pad, rev
from bibun.lax.windows import each, pairs, places, spread_size
from bibun.numpy._common import as_int, promote_args, value

__all__ = [
    "ConvDimensionNumbers", "conv", "conv_dimension_numbers", "conv_general_dilated",
    "conv_general_dilated_local", "conv_general_dilated_patches", "conv_general_permutations",
    "conv_general_shape_tuple", "conv_shape_tuple", "conv_transpose",
    "conv_transpose_shape_tuple", "conv_with_general_padding",
]  # fmt: skip


class ConvDimensionNumbers(NamedTuple):
    """Where the axes of a convolution lie: (batch, feature, places…), (out, in, places…), (as lhs).

    >>> from bibun import lax
    >>> lax.conv_dimension_numbers((1, 5, 5, 2), (3, 3, 2, 4), ("NHWC", "HWIO", "NHWC"))
    ConvDimensionNumbers(lhs_spec=(0, 3, 1, 2), rhs_spec=(3, 2, 0, 1), out_spec=(0, 3, 1, 2))
    """

    lhs_spec: tuple[int, ...]
    rhs_spec: tuple[int, ...]
    out_spec: tuple[int, ...]


def conv_general_permutations(dimension_numbers: Sequence[str]) -> list[tuple[int, ...]]:
    """The axes that three strings such as ("NHWC", "HWIO", "NHWC") name.

    Letters other than N, C and O, I are places; the order is that of the kernel's string.

    >>> from bibun import lax
    >>> lax.conv_general_permutations(("NHWC", "HWIO", "NCHW"))
    [(0, 3, 1, 2), (3, 2, 0, 1), (0, 1, 2, 3)]
    """
    lhs, rhs, out = dimension_numbers
    inner = [c for c in rhs if c not in "OI"]
    result = []
    for spec, first in ((lhs, "NC"), (rhs, "OI"), (out, "NC")):
        letters = [*first, *inner]
        if len(set(spec)) != len(spec) or set(spec) != set(letters):
            raise ValueError(
                f"dimension_numbers {tuple(dimension_numbers)}: {spec!r} must have each of "
                f"{letters} once"
            )
        result.append(tuple(spec.index(c) for c in letters))
    return result


def conv_dimension_numbers(lhs_shape: Sequence[int], rhs_shape: Sequence[int],
                           dimension_numbers: Any) -> ConvDimensionNumbers:  # fmt: skip
    """Strings, None (batch, features, places) or axes as `ConvDimensionNumbers`.

    >>> from bibun import lax
    >>> lax.conv_dimension_numbers((1, 8, 8, 3), (3, 3, 3, 4), ("NHWC", "HWIO", "NHWC")).lhs_spec
    (0, 3, 1, 2)
    """
    n = len(lhs_shape)
    if len(rhs_shape) != n or n < 2:
        raise ShapeError(
            f"convolution: an input of shape {tuple(lhs_shape)} and a kernel of shape "
            f"{tuple(rhs_shape)} must have as many axes, 2 at least"
        )
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        specs: list[Any] = list(dimension_numbers)
    elif dimension_numbers is None:
        specs = [tuple(range(n))] * 3
    else:
        specs = list(dimension_numbers)
        if len(specs) != 3:
            raise ValueError(f"dimension_numbers must be three, got {dimension_numbers!r}")
        if all(isinstance(s, str) for s in specs):
            specs = conv_general_permutations(specs)  # type: ignore[assignment]
    for spec in specs:
        if sorted(spec) != list(range(n)):
            raise ShapeError(f"dimension_numbers: {spec} must be the axes 0 … {n - 1}, each once")
    return ConvDimensionNumbers(*(tuple(map(int, s)) for s in specs))


class _Plan(NamedTuple):
    """A convolution as read from its arguments, in order batch, places, features."""

    numbers: ConvDimensionNumbers
    batch: int
    window: tuple[int, ...]
    strides: tuple[int, ...]
    config: tuple[tuple[int, int, int], ...]
    dilation: tuple[int, ...]
    out: tuple[int, ...]  # places


def _plan(name: str, lhs: Sequence[int], rhs: Sequence[int], strides: Any, padding: Any,
          lhs_dilation: Any, rhs_dilation: Any, numbers: Any) -> _Plan:  # fmt: skip
    dn = conv_dimension_numbers(lhs, rhs, numbers)
    n = len(lhs) - 2
    steps = each(name, "window_strides", strides, n)
    spread = each(name, "lhs_dilation", lhs_dilation, n)
    dilation = each(name, "rhs_dilation", rhs_dilation, n)
    window = tuple(rhs[k] for k in dn.rhs_spec[2:])
    wide = tuple(map(spread_size, window, dilation))
    sizes = tuple(spread_size(lhs[k], d) for k, d in zip(dn.lhs_spec[2:], spread, strict=True))
    pads = pairs(name, padding, sizes, wide, steps)
    out = tuple(places(m + a + b, w, s)
                for m, (a, b), w, s in zip(sizes, pads, wide, steps, strict=True))  # fmt: skip
    config = ((0, 0, 0), *((a, b, d - 1) for (a, b), d in zip(pads, spread, strict=True)),
              (0, 0, 0))  # fmt: skip
    return _Plan(dn, lhs[dn.lhs_spec[0]], window, steps, config, dilation, out)


def _slices(x: Any, plan: _Plan) -> list[Any]:
    """For each place in the window, what (batch, places, features) has there at each step."""
    if any(map(any, plan.config)):
        x = pad(x, x.dtype.type(0), plan.config)
    out = []
    for place in itertools.product(*map(range, plan.window)):
        cut = [builtins.slice(p * d, p * d + (m - 1) * s + 1, s)
               for p, d, m, s in zip(place, plan.dilation, plan.out, plan.strides,
                                     strict=True)]  # fmt: skip
        out.append(x[(builtins.slice(None), *cut)])
    return out


def _moved(x: Any, order: Sequence[int]) -> Any:
    return x if list(order) == sorted(order) else bnp.transpose(x, order)


def _last(spec: Sequence[int]) -> tuple[int, ...]:
    """(batch, feature, places…) as batch, places, features."""
    return (spec[0], *spec[2:], spec[1])


def _restored(y: Any, plan: _Plan) -> Any:
    """Batch, places, features to where the result's numbers want them."""
    order = _last(plan.numbers.out_spec)
    return _moved(y, [order.index(k) for k in range(len(order))])


def conv_general_dilated(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: Any,
    lhs_dilation: Sequence[int] | None = None, rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None, feature_group_count: int = 1, batch_group_count: int = 1,
    precision: Any = None, preferred_element_type: Any = None,
) -> Value:  # fmt: skip
    """A convolution (correlation) of lhs with the kernel rhs.

    Layouts: lhs (batch, features, places…), rhs (out, in / groups, places…) unless
    `dimension_numbers` names others, such as ("NHWC", "HWIO", "NHWC"). padding: "VALID", "SAME",
    "SAME_LOWER" or pairs (low, high), which may be negative. lhs_dilation: steps between the
    input's elements, zeros between (a transposed convolution); rhs_dilation: between the
    kernel's. feature_group_count: groups of input features, each seen by its share of the
    out features; batch_group_count: groups of the batch likewise. precision: whatever is
    asked for, products are in full.

    Errors: ShapeError where features, groups and kernel do not fit.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> x, kernel = bnp.arange(5.0).reshape(1, 1, 5), bnp.ones((1, 1, 3))
    >>> print(lax.conv_general_dilated(x, kernel, (1,), "SAME"))
    [[[1. 3. 6. 9. 7.]]]
    """
    name = "conv_general_dilated"
    x, w = (value(name, "operands", a) for a in promote_args(name, lhs, rhs))
    plan = _plan(name, x.shape, w.shape, window_strides, padding, lhs_dilation, rhs_dilation,
                 dimension_numbers)  # fmt: skip
    feature_groups = as_int(name, "feature_group_count", feature_group_count)
    batch_groups = as_int(name, "batch_group_count", batch_group_count)
    out_features, per_group = (w.shape[k] for k in plan.numbers.rhs_spec[:2])
    features = x.shape[plan.numbers.lhs_spec[1]]
    groups = feature_groups * batch_groups
    if feature_groups < 1 or batch_groups < 1 or (feature_groups > 1 and batch_groups > 1):
        raise ValueError(
            f"{name}: feature_group_count {feature_groups} and batch_group_count {batch_groups} "
            "must be positive, and one of them 1"
        )
    if features != per_group * feature_groups or out_features % groups or (
            plan.batch % batch_groups):  # fmt: skip
        raise ShapeError(
            f"{name}: an input of shape {x.shape} ({features} features, batch {plan.batch}) does "
            f"not fit a kernel of shape {w.shape} ({per_group} in, {out_features} out) with "
            f"{feature_groups} feature groups and {batch_groups} batch groups"
        )
    x = _moved(x, _last(plan.numbers.lhs_spec))
    spec = plan.numbers.rhs_spec
    w = _moved(w, (*spec[2:], spec[1], spec[0]))
    dtype = None if preferred_element_type is None else canonical(preferred_element_type)
    batch = plan.batch // batch_groups
    if 0 in (batch, out_features, features, *plan.out, *plan.window):
        shape = (batch, *plan.out, out_features)
        return _restored(bnp.zeros(shape, x.dtype if dtype is None else dtype), plan)
    parts = _slices(x, plan)
    k, m = len(parts), len(plan.out)
    if per_group == 1 and feature_groups > 1:
        y = _depthwise(parts, bnp.reshape(w, (k, features, -1)), dtype)
    elif groups == 1:
        columns = parts[0] if k == 1 else bnp.concatenate(parts, axis=-1)
        y = dot_general(columns, bnp.reshape(w, (k * features, out_features)),
                        (((m + 1,), (0,)), ((), ())), preferred_element_type=dtype)  # fmt: skip
    else:  # (groups,) batch, places, (groups,) window, features: the group is a batch axis
        split = [batch_groups, batch] if batch_groups > 1 else [batch]
        columns = bnp.stack(parts, axis=-2)
        columns = bnp.reshape(columns, (*split, *plan.out, k, *(
            () if batch_groups > 1 else (groups,)), per_group))  # fmt: skip
        axis, contracted = (0, (m + 2, m + 3)) if batch_groups > 1 else (m + 2, (m + 1, m + 3))
        w = bnp.reshape(w, (k, per_group, groups, out_features // groups))
        y = dot_general(columns, w, ((contracted, (0, 1)), ((axis,), (2,))),
                        preferred_element_type=dtype)  # fmt: skip
        y = bnp.moveaxis(y, 0, -2)
    return _restored(bnp.reshape(y, (batch, *plan.out, out_features)), plan)


def _depthwise(parts: list[Any], w: Any, dtype: Any) -> Any:
    """Each feature by its own kernels: (places in the window, features, multiplier)."""
    if dtype is not None:
        parts, w = [p.astype(dtype) for p in parts], w.astype(dtype)
    if w.shape[2] == 1:
        terms = [p * w[j, :, 0] for j, p in enumerate(parts)]
    else:
        terms = [p[..., None] * w[j] for j, p in enumerate(parts)]
    return functools.reduce(lambda a, b: a + b, terms)


def conv(lhs: Any, rhs: Any, window_strides: Sequence[int], padding: Any, precision: Any = None,
         preferred_element_type: Any = None) -> Value:  # fmt: skip
    """`conv_general_dilated` of (batch, features, places…) with (out, in, places…).

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> lax.conv(bnp.ones((1, 2, 5, 5)), bnp.ones((3, 2, 2, 2)), (1, 1), "VALID").shape
    (1, 3, 4, 4)
    """
    return conv_general_dilated(lhs, rhs, window_strides, padding, precision=precision,
                                preferred_element_type=preferred_element_type)  # fmt: skip


def conv_with_general_padding(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: Any,
    lhs_dilation: Sequence[int] | None, rhs_dilation: Sequence[int] | None,
    precision: Any = None, preferred_element_type: Any = None,
) -> Value:  # fmt: skip
    """`conv` with dilations; see `conv_general_dilated`.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> x = bnp.ones((1, 1, 5))
    >>> lax.conv_with_general_padding(x, bnp.ones((1, 1, 2)), (1,), [(1, 0)], None, (2,)).shape
    (1, 1, 4)
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, precision=precision,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


_LAYOUTS = {2: ("NC", "IO", "NC"), 3: ("NHC", "HIO", "NHC"), 4: ("NHWC", "HWIO", "NHWC"),
            5: ("NHWDC", "HWDIO", "NHWDC")}  # fmt: skip


def _transposed_pads(window: int, stride: int, padding: Any) -> tuple[int, int]:
    """What to put around the dilated input for the padding of the convolution undone."""
    if padding == "SAME":
        total = window + stride - 2
        before = window - 1 if stride > window - 1 else -(-total // 2)
    elif padding == "VALID":
        total = window + stride - 2 + max(window - stride, 0)
        before = window - 1
    else:
        low, high = padding
        return window - 1 - low, window - 1 - high
    return before, total - before


def conv_transpose(
    lhs: Any, rhs: Any, strides: Sequence[int], padding: Any,
    rhs_dilation: Sequence[int] | None = None, dimension_numbers: Any = None,
    transpose_kernel: bool = False, precision: Any = None, preferred_element_type: Any = None,
    use_consistent_padding: bool = False,
) -> Value:  # fmt: skip
    """A convolution with fractional strides: `strides - 1` zeros between the input's elements.

    Layouts: (batch, places…, features) and (places…, in, out), unless `dimension_numbers` says
    otherwise. padding: "SAME" (places times strides), "VALID", or pairs, of what is put
    around the dilated input (`use_consistent_padding`: of the convolution that this undoes).
    transpose_kernel: the kernel is that of the convolution undone: flipped, in and out exchanged.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> lax.conv_transpose(bnp.ones((1, 4, 2)), bnp.ones((3, 2, 5)), (2,), "SAME").shape
    (1, 8, 5)
    """
    name = "conv_transpose"
    x, w = (value(name, "operands", a) for a in promote_args(name, lhs, rhs))
    if dimension_numbers is None:
        if x.ndim not in _LAYOUTS:
            raise ShapeError(f"{name}: dimension_numbers are needed for an input of {x.shape}")
        dimension_numbers = _LAYOUTS[x.ndim]
    numbers = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    spatial = numbers.rhs_spec[2:]
    steps = each(name, "strides", strides, len(spatial))
    dilation = each(name, "rhs_dilation", rhs_dilation, len(spatial))
    if use_consistent_padding or padding in ("SAME", "VALID"):
        each_pad = [padding] * len(spatial) if isinstance(padding, str) else padding
        padding = [_transposed_pads(spread_size(w.shape[k], d), s, p)
                   for k, d, s, p in zip(spatial, dilation, steps, each_pad,
                                         strict=True)]  # fmt: skip
    if transpose_kernel:
        w = bnp.swapaxes(rev(w, spatial), *numbers.rhs_spec[:2])
    return conv_general_dilated(x, w, (1,) * len(spatial), padding, steps, dilation, numbers,
                                precision=precision,
                                preferred_element_type=preferred_element_type)  # fmt: skip


def _kernel_shape(name: str, x: Value, filter_shape: Sequence[int], numbers: Any
                  ) -> tuple[tuple[int, ...], ConvDimensionNumbers]:  # fmt: skip
    """The shape, in its layout, of a kernel of one in and one out feature."""
    window = each(name, "filter_shape", filter_shape, x.ndim - 2)
    dn = conv_dimension_numbers(x.shape, (1,) * x.ndim, numbers)
    shape = [1] * x.ndim
    for k, w in zip(dn.rhs_spec[2:], window, strict=True):
        shape[k] = w
    return tuple(shape), dn


def conv_general_dilated_patches(
    lhs: Any, filter_shape: Sequence[int], window_strides: Sequence[int], padding: Any,
    lhs_dilation: Sequence[int] | None = None, rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None, precision: Any = None, preferred_element_type: Any = None,
) -> Value:  # fmt: skip
    """What each window of a convolution sees, as features: (feature, place in the window).

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> x = bnp.arange(4.0).reshape(1, 1, 4)
    >>> print(lax.conv_general_dilated_patches(x, (2,), (1,), "VALID"))
    [[[0. 1. 2.]
      [1. 2. 3.]]]
    """
    name = "conv_general_dilated_patches"
    x = value(name, "lhs", lhs)
    kernel, dn = _kernel_shape(name, x, filter_shape, dimension_numbers)
    plan = _plan(name, x.shape, kernel, window_strides, padding, lhs_dilation, rhs_dilation, dn)
    features = x.shape[dn.lhs_spec[1]]
    if preferred_element_type is not None:
        x = x.astype(canonical(preferred_element_type))
    shape = (plan.batch, *plan.out, features * math.prod(plan.window))
    if 0 in shape:
        return _restored(bnp.zeros(shape, x.dtype), plan)
    columns = bnp.stack(_slices(_moved(x, _last(dn.lhs_spec)), plan), axis=-1)
    return _restored(bnp.reshape(columns, shape), plan)


def conv_general_dilated_local(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: Any, filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None, rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None, precision: Any = None,
) -> Value:  # fmt: skip
    """A convolution with a kernel of its own at every place.

    rhs: as a kernel, with its `in` axis the features of `conv_general_dilated_patches`
    (feature, place in the window) and its axes of places those of the result.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> x, kernels = bnp.ones((1, 2, 5)), bnp.ones((3, 4, 4))
    >>> lax.conv_general_dilated_local(x, kernels, (1,), "VALID", (2,)).shape
    (1, 3, 4)
    """
    name = "conv_general_dilated_local"
    x, w = (value(name, "operands", a) for a in promote_args(name, lhs, rhs))
    dn = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    kept = ConvDimensionNumbers(dn.lhs_spec, dn.rhs_spec, tuple(range(x.ndim)))
    seen = conv_general_dilated_patches(x, filter_shape, window_strides, padding, lhs_dilation,
                                        rhs_dilation, kept)  # fmt: skip
    w = _moved(w, dn.rhs_spec)
    if w.shape[1:] != seen.shape[1:]:
        raise ShapeError(
            f"{name}: kernels of shape (out, in, places…) {w.shape} for windows of {seen.shape[1:]}"
        )
    spatial = tuple(range(2, x.ndim))
    y = dot_general(w, seen, (((1,), (1,)), (spatial, spatial)))  # places…, out, batch
    n = len(spatial)
    y = bnp.transpose(y, (n + 1, n, *range(n)))
    return _moved(y, [dn.out_spec.index(k) for k in range(x.ndim)])


def conv_shape_tuple(lhs_shape: Sequence[int], rhs_shape: Sequence[int], strides: Sequence[int],
                     pads: Any, batch_group_count: int = 1) -> tuple[int, ...]:  # fmt: skip
    """The shape of `conv` of these shapes.

    >>> from bibun import lax
    >>> lax.conv_shape_tuple((1, 2, 5, 5), (3, 2, 2, 2), (1, 1), "VALID")
    (1, 3, 4, 4)
    """
    plan = _plan("conv_shape_tuple", lhs_shape, rhs_shape, strides, pads, None, None, None)
    return (lhs_shape[0] // batch_group_count, rhs_shape[0], *plan.out)


def conv_general_shape_tuple(lhs_shape: Sequence[int], rhs_shape: Sequence[int],
                             window_strides: Sequence[int], padding: Any,
                             dimension_numbers: Any) -> tuple[int, ...]:  # fmt: skip
    """The shape of `conv_general_dilated`, without dilations and groups.

    >>> from bibun import lax
    >>> lax.conv_general_shape_tuple((1, 3, 8, 8), (4, 3, 3, 3), (2, 2), "VALID", None)
    (1, 4, 3, 3)
    """
    plan = _plan("conv_general_shape_tuple", lhs_shape, rhs_shape, window_strides, padding, None,
                 None, dimension_numbers)  # fmt: skip
    shape = (plan.batch, rhs_shape[plan.numbers.rhs_spec[0]], *plan.out)
    return tuple(shape[plan.numbers.out_spec.index(k)] for k in range(len(shape)))


def conv_transpose_shape_tuple(lhs_shape: Sequence[int], rhs_shape: Sequence[int],
                               window_strides: Sequence[int], padding: Any,
                               dimension_numbers: Any) -> tuple[int, ...]:  # fmt: skip
    """The shape of `conv_transpose`.

    >>> from bibun import lax
    >>> lax.conv_transpose_shape_tuple((1, 3, 4, 4), (5, 3, 2, 2), (2, 2), "VALID", None)
    (1, 5, 8, 8)
    """
    dn = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    window = [rhs_shape[k] for k in dn.rhs_spec[2:]]
    if isinstance(padding, str):
        padding = [_transposed_pads(w, s, padding)
                   for w, s in zip(window, window_strides, strict=True)]  # fmt: skip
    plan = _plan("conv_transpose_shape_tuple", lhs_shape, rhs_shape, None, padding,
                 window_strides, None, dn)  # fmt: skip
    shape = (plan.batch, rhs_shape[dn.rhs_spec[0]], *plan.out)
    return tuple(shape[dn.out_spec.index(k)] for k in range(len(shape)))
