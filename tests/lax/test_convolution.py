"""Convolutions against loops in NumPy; every case was also compared with JAX 0.10.2."""

import itertools

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.testing import check_grads

RNG = np.random.default_rng(5)
NHWC = ("NHWC", "HWIO", "NHWC")


def draw(*shape):
    return RNG.normal(size=shape)


def spread(x, axes, steps):
    for axis, d in zip(axes, steps, strict=True):
        shape = list(x.shape)
        shape[axis] = (shape[axis] - 1) * d + 1
        wide = np.zeros(shape)
        wide[tuple(slice(None, None, d) if k == axis else slice(None) for k in range(x.ndim))] = x
        x = wide
    return x


def loops(x, w, strides, pads, lhs_dilation=None, rhs_dilation=None, feature_groups=1,
          batch_groups=1):  # fmt: skip
    """The definition, for (batch, features, places…) and (out, in, places…)."""
    n = x.ndim - 2
    axes = range(2, n + 2)
    x = spread(x, axes, lhs_dilation or (1,) * n)
    w = spread(w, axes, rhs_dilation or (1,) * n)
    for axis, (low, high) in zip(axes, pads, strict=True):
        x = np.pad(x, [(max(low, 0), max(high, 0)) if k == axis else (0, 0) for k in range(n + 2)])
        cut = slice(max(-low, 0), x.shape[axis] - max(-high, 0))
        x = x[tuple(cut if k == axis else slice(None) for k in range(n + 2))]
    out = [(x.shape[k] - w.shape[k]) // s + 1 for k, s in zip(axes, strides, strict=True)]
    batch, per_group, features = x.shape[0] // batch_groups, w.shape[1], w.shape[0]
    y = np.zeros((batch, features, *out))
    for b, o, *at in itertools.product(*map(range, y.shape)):
        fg = o // (features // feature_groups)
        row = b + batch * (o // (features // batch_groups))
        window = tuple(slice(p * s, p * s + w.shape[k + 2])
                       for k, (p, s) in enumerate(zip(at, strides, strict=True)))  # fmt: skip
        y[(b, o, *at)] = np.sum(
            x[(row, slice(fg * per_group, (fg + 1) * per_group), *window)] * w[o]
        )
    return y


CASES = {
    "plain": ((2, 3, 6), (4, 3, 3), (1,), [(1, 1)], {}),
    "stride": ((2, 3, 7, 5), (4, 3, 3, 2), (2, 1), [(0, 1), (1, 0)], {}),
    "dilated kernel": ((1, 2, 9), (2, 2, 3), (2,), [(2, 1)], {"rhs_dilation": (2,)}),
    "dilated input, cut": ((1, 2, 5), (2, 2, 3), (1,), [(3, -2)], {"lhs_dilation": (3,)}),
    "feature groups": ((2, 4, 5), (6, 2, 2), (1,), [(0, 0)], {"feature_group_count": 2}),
    "depthwise": ((2, 3, 6), (6, 1, 3), (1,), [(1, 1)], {"feature_group_count": 3}),
    "batch groups": ((6, 2, 5), (9, 2, 3), (1,), [(1, 1)], {"batch_group_count": 3}),
    "everything": ((1, 4, 4, 5), (4, 2, 2, 2), (1, 2), [(1, 2), (0, 1)],
                   {"lhs_dilation": (2, 1), "rhs_dilation": (1, 2), "feature_group_count": 2}),
    "three places": ((1, 2, 3, 4, 3), (3, 2, 2, 2, 2), (1, 1, 1), [(0, 1)] * 3, {}),
    "no places": ((3, 4), (5, 4), (), [], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_values_derivatives_and_batches(case):
    shape, kernel, strides, pads, more = CASES[case]
    x, w = draw(*shape), draw(*kernel)

    def f(a, b):
        return lax.conv_general_dilated(a, b, strides, pads, **more)

    names = {"feature_group_count": "feature_groups", "batch_group_count": "batch_groups"}
    want = loops(x, w, strides, pads, **{names.get(k, k): v for k, v in more.items()})
    for run in (f, bibun.jit(f)):
        np.testing.assert_allclose(run(x, w), want, rtol=1e-12, atol=1e-12)
    xs, ws = np.stack([x, -2 * x]), np.stack([w, w + 1])
    np.testing.assert_allclose(
        bibun.jit(bibun.vmap(f))(xs, ws), [f(a, b) for a, b in zip(xs, ws, strict=True)],
        rtol=1e-12, atol=1e-12,
    )  # fmt: skip
    check_grads(f, (x, w), order=2)


@pytest.mark.parametrize("numbers", [NHWC, ("HWCN", "HOWI", "NCHW"), ("CWNH", "IOHW", "WHNC")])
def test_layouts(numbers):
    x, w = draw(2, 3, 5, 4), draw(4, 3, 2, 3)
    want = loops(x, w, (1, 2), [(1, 0), (0, 0)])
    a = x.transpose(["NCHW".index(c) for c in numbers[0]])
    b = w.transpose(["OIHW".index(c) for c in numbers[1]])
    y = lax.conv_general_dilated(a, b, (1, 2), [(1, 0), (0, 0)], dimension_numbers=numbers)
    np.testing.assert_allclose(y, want.transpose(["NCHW".index(c) for c in numbers[2]]))
    shape = lax.conv_general_shape_tuple(a.shape, b.shape, (1, 2), [(1, 0), (0, 0)], numbers)
    assert y.shape == shape


def test_same_and_the_short_forms():
    x, w = draw(1, 1, 5), draw(1, 1, 4)
    np.testing.assert_allclose(lax.conv(x, w, (1,), "SAME"), loops(x, w, (1,), [(1, 2)]))
    y = lax.conv_general_dilated(x, w, (1,), "SAME_LOWER")
    np.testing.assert_allclose(y, loops(x, w, (1,), [(2, 1)]))
    assert lax.conv(x, w, (2,), "SAME").shape == (1, 1, 3) == lax.conv_shape_tuple(
        x.shape, w.shape, (2,), "SAME")  # fmt: skip
    y = lax.conv_with_general_padding(x, w, (1,), [(4, 4)], (2,), None)
    np.testing.assert_allclose(y, loops(x, w, (1,), [(4, 4)], (2,)))
    assert lax.conv(x, draw(1, 1, 9), (1,), "VALID").shape == (1, 1, 0)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_transposed_convolution_is_the_transpose(padding, stride):
    y, w = draw(1, 3, 2), draw(3, 4, 2)  # kernel of the convolution undone: (places, in 4, out 2)
    up = lax.conv_transpose(y, w, (stride,), padding, transpose_kernel=True)
    assert up.shape == lax.conv_transpose_shape_tuple(
        y.shape, (3, 2, 4), (stride,), padding, ("NHC", "HIO", "NHC"))  # fmt: skip
    numbers = ("NHC", "HIO", "NHC")
    if padding == "SAME" and stride > 3:
        return  # places beyond the kernel are seen by no window
    down = lambda x: lax.conv_general_dilated(  # noqa: E731
        x, w, (stride,), padding, dimension_numbers=numbers)  # fmt: skip
    (back,) = bibun.linear_transpose(down, bnp.zeros(up.shape))(bnp.asarray(y))
    np.testing.assert_allclose(up, back, atol=1e-12)


def test_patches_and_local_kernels():
    x = draw(2, 3, 5, 4)
    seen = np.asarray(lax.conv_general_dilated_patches(x, (2, 3), (1, 1), "VALID"))
    assert seen.shape == (2, 18, 4, 2)
    np.testing.assert_array_equal(seen[1, :, 2, 1], x[1, :, 2:4, 1:4].ravel())
    w = draw(5, 18, 4, 2)
    y = lax.conv_general_dilated_local(x, w, (1, 1), "VALID", (2, 3))
    np.testing.assert_allclose(y, np.einsum("ofhw,nfhw->nohw", w, seen))
    same = np.broadcast_to(draw(5, 18)[:, :, None, None], w.shape)
    y = lax.conv_general_dilated_local(x, same, (1, 1), "VALID", (2, 3))
    np.testing.assert_allclose(y, loops(x, same[:, :, 0, 0].reshape(5, 3, 2, 3), (1, 1),
                                        [(0, 0)] * 2))  # fmt: skip


def test_a_wider_result():
    x, w = draw(1, 2, 5).astype(np.float32), draw(3, 2, 2).astype(np.float32)
    y = lax.conv_general_dilated(x, w, (1,), "VALID", preferred_element_type=np.float64)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, loops(x.astype(float), w.astype(float), (1,), [(0, 0)]))


@pytest.mark.parametrize(("change", "error", "says"), [
    ({"rhs": np.ones((1, 3, 2))}, ShapeError, "do"),
    ({"padding": "BOTH"}, ValueError, "SAME_LOWER"),
    ({"padding": [(1, 1), (0, 0)]}, ShapeError, "2 pairs for 1 axes"),
    ({"window_strides": (0,)}, ValueError, "positive"),
    ({"feature_group_count": 2, "batch_group_count": 2}, ValueError, "one of them 1"),
    ({"dimension_numbers": ("NCH", "OIW", "NCH")}, ValueError, "each of"),
    ({"rhs": np.ones((1, 1))}, ShapeError, "as many axes"),
])  # fmt: skip
def test_errors(change, error, says):
    given = {"lhs": np.ones((1, 2, 4)), "rhs": np.ones((1, 2, 2)), "window_strides": (1,),
             "padding": "VALID", **change}  # fmt: skip
    with pytest.raises(error, match=says):
        lax.conv_general_dilated(**given)
