"""Convolutions and poolings of every kind against loops, with derivatives of two orders."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.variable import Variable
from tests.variable.test_functions import check_gradients

rng = np.random.default_rng(11)


def test_dilated_convolution() -> None:
    x, W, b = rng.normal(size=(2, 3, 7, 6)), rng.normal(size=(4, 3, 2, 3)), rng.normal(size=4)
    y = F.dilated_convolution_2d(x, W, b, 2, 1, (2, 1), cover_all=True)
    wide = np.zeros((4, 3, 3, 3))
    wide[:, :, ::2] = W
    want = F.convolution_2d(x, wide, b, 2, 1, True)
    assert np.allclose(y.data, want.data, rtol=1e-13)


def test_depthwise_convolution() -> None:
    x, W, b = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 3, 2, 3)), rng.normal(size=6)
    f = lambda x, W, b: F.depthwise_convolution_2d(x, W, b, stride=2, pad=1)  # noqa: E731
    y = f(x, W, b)
    for c, m in itertools.product(range(3), range(2)):
        one = F.convolution_2d(x[:, c : c + 1], W[m : m + 1, c : c + 1], None, 2, 1)
        assert np.allclose(y.data[:, 2 * c + m], one.data[:, 0] + b[2 * c + m], rtol=1e-12)
    check_gradients(f, (x, W, b))


def test_local_convolution() -> None:
    x, W, b = (rng.normal(size=s) for s in ((2, 3, 5, 4), (2, 2, 3, 3, 3, 2), (2, 2, 3)))
    f = lambda x, W, b: F.local_convolution_2d(x, W, b, stride=(2, 1))  # noqa: E731
    y = f(x, W, b)
    assert y.shape == (2, 2, 2, 3)
    for i, j in itertools.product(range(2), range(3)):
        part = x[:, :, 2 * i : 2 * i + 3, j : j + 2]
        want = np.einsum("nchw,ochw->no", part, W[:, i, j]) + b[:, i, j]
        assert np.allclose(y.data[:, :, i, j], want, rtol=1e-12)
    check_gradients(f, (x, W, b))
    with pytest.raises(ValueError, match="does not fit filters"):
        F.local_convolution_2d(x, W)


def _at(image: Any, v: float, u: float) -> Any:
    """(C, H, W) between its elements, zero outside."""
    total = np.zeros(image.shape[0])
    for i, j in itertools.product(range(math.floor(v), math.floor(v) + 2),
                                  range(math.floor(u), math.floor(u) + 2)):  # fmt: skip
        if 0 <= i < image.shape[1] and 0 <= j < image.shape[2]:
            total += image[:, i, j] * (1 - abs(v - i)) * (1 - abs(u - j))
    return total


def test_deformable_convolution() -> None:
    x, W, b = rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=4)
    f = lambda x, o, W, b: F.deformable_convolution_2d_sampler(  # noqa: E731
        x, o, W, b, stride=2, pad=1
    )
    zero = np.zeros((2, 12, 3, 4))
    plain = F.convolution_2d(x, W, b, 2, 1)
    assert np.allclose(f(x, zero, W, b).data, plain.data, rtol=1e-11, atol=1e-12)
    offset = rng.uniform(-1.7, 1.7, size=(2, 12, 3, 4))
    y = f(x, offset, W, b).data
    for n, i, j in ((0, 0, 0), (1, 2, 3), (1, 1, 2)):
        want = b.copy()
        for k in range(6):
            place = (2 * i - 1 + k // 2 + offset[n, 6 + k, i, j],
                     2 * j - 1 + k % 2 + offset[n, k, i, j])  # fmt: skip
            want += W[:, :, k // 2, k % 2] @ _at(x[n], *place)
        assert np.allclose(y[n, :, i, j], want, rtol=1e-11)
    check_gradients(f, (x, offset, W, b))


def test_shift() -> None:
    x = rng.normal(size=(2, 11, 4, 5))
    y = F.shift(x, 3, dilate=(1, 2)).data
    assert np.array_equal(y[:, 8:], x[:, 8:])  # the middle and what is left over stay
    assert np.array_equal(y[:, 0, :-1, :-2], x[:, 0, 1:, 2:])  # group 0 is place (0, 0)
    assert not y[:, 0, -1].any()
    assert np.array_equal(y[:, 1, :-1], x[:, 1, 1:])
    assert np.array_equal(y[:, 4, 1:, 2:], x[:, 4, :-1, :-2])  # where the middle was: the last
    check_gradients(F.shift, (x,))
    with pytest.raises(ValueError, match="odd"):
        F.shift(x, 2)


# pooling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cover_all", [True, False])
@pytest.mark.parametrize(("k", "s", "p"), [(2, None, 0), (3, 2, 1), ((3, 2), (1, 2), (1, 0))])
def test_max_pooling_and_upsampling(k: Any, s: Any, p: Any, cover_all: bool) -> None:
    x = rng.normal(size=(2, 3, 5, 6))
    y, at = F.max_pooling_2d(x, k, s, p, cover_all=cover_all, return_indices=True)
    assert type(at) is np.ndarray
    up = F.upsampling_2d(y, at, k, s, p, x.shape[2:], cover_all)
    v = Variable(x)
    z = F.max_pooling_2d(v, k, s, p, cover_all=cover_all)
    z.grad = y.data
    z.backward()
    assert np.allclose(up.data, v.grad, rtol=1e-13)  # the gradient goes where the largest is
    check_gradients(lambda y: F.upsampling_2d(y, at, k, s, p, x.shape[2:], cover_all), (y.data,))
    with pytest.raises(ValueError, match="outsize"):
        F.upsampling_2d(y, at, k, s, p, (11, 11), cover_all)


def test_the_gradient_of_a_maximum_goes_to_the_first_of_equals() -> None:
    x = Variable(np.ones((1, 1, 4)))
    F.sum(F.max_pooling_1d(x, 2)).backward()
    assert np.array_equal(x.grad, [[[1, 0, 1, 0]]])


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("cover_all", [True, False])
def test_unpooling(n: int, cover_all: bool) -> None:
    x = rng.normal(size=(2, 1, *(3, 2, 2)[:n]))
    f = getattr(F, f"unpooling_{n}d")
    y = f(x, 2, cover_all=cover_all)
    if not cover_all:
        want = x
        for axis in range(2, n + 2):
            want = np.repeat(want, 2, axis)
        assert np.array_equal(y.data, want)
    else:
        assert y.shape[2:] == tuple(2 * m - 1 for m in x.shape[2:])
    y = f(x, 3, 2, 1, cover_all=cover_all)  # overlapping: the transpose of adding up
    c = rng.normal(size=y.shape)
    sums = F.average_pooling_nd(np.pad(c, ((0, 0), (0, 0), *[(1, 1)] * n)), 3, 2).data * 3**n
    if not cover_all:
        assert np.sum(y.data * c) == pytest.approx(np.sum(x * sums), rel=1e-12)
    check_gradients(lambda x: f(x, 3, 2, 1, cover_all=cover_all), (x,))


def test_pyramid() -> None:
    x = rng.normal(size=(2, 3, 5, 7))
    y = F.spatial_pyramid_pooling_2d(x, 3)
    assert y.shape == (2, 3 * 21, 1, 1)
    assert np.array_equal(y.data[:, :3, 0, 0], x.max((2, 3)))
    halves = x[:, :, :3, :4].max((2, 3)), x[:, :, 3:, 4:].max((2, 3))
    level = y.data[:, 3:15].reshape(2, 3, 2, 2)
    assert np.array_equal(level[:, :, 0, 0], halves[0])
    assert np.array_equal(level[:, :, 1, 1], halves[1])
    check_gradients(lambda x: F.spatial_pyramid_pooling_2d(x, 2), (x,))
    with pytest.raises(ValueError, match="'max'"):
        F.spatial_pyramid_pooling_2d(x, 2, "average")


# regions ----------------------------------------------------------------------------------------

ROIS = np.array([[1.0, 2.0, 12.0, 14.0], [0.0, 0.0, 20.0, 16.0], [3.0, 5.0, 4.0, 5.0]])
WHICH = np.array([1, 0, 1])


def _cells(low: int, high: int, cells: int, size: int) -> list[tuple[int, int]]:
    step = max(high - low, 1) / cells
    return [
        (min(max(math.floor(k * step) + low, 0), size),
         min(max(math.ceil((k + 1) * step) + low, 0), size)) for k in range(cells)
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["max", "average"])
def test_region_pooling(how: str) -> None:
    x = rng.normal(size=(2, 3, 8, 9))
    f = getattr(F, f"roi_{how}_pooling_2d")
    y = f(x, ROIS, WHICH, (3, 2), 0.5)
    for r, (box, n) in enumerate(zip(ROIS, WHICH, strict=True)):
        y0, x0, y1, x1 = (round(v * 0.5) for v in box)
        rows, columns = _cells(y0, y1, 3, 8), _cells(x0, x1, 2, 9)
        for (i, (a, b)), (j, (c, d)) in itertools.product(enumerate(rows), enumerate(columns)):
            part = x[n, :, a:b, c:d].reshape(3, -1)
            want = getattr(np, {"max": "max", "average": "mean"}[how])(part, axis=1)
            assert np.allclose(y.data[r, :, i, j], want if part.size else 0.0, rtol=1e-12)
    check_gradients(lambda x: f(x, ROIS, WHICH, (3, 2), 0.5), (x,))


@pytest.mark.parametrize("how", ["max", "average"])
@pytest.mark.parametrize("ratio", [None, 2, (1, 3)])
def test_region_align(how: str, ratio: Any) -> None:
    x = rng.normal(size=(2, 3, 8, 9))
    f = getattr(F, f"roi_{how}_align_2d")
    y = f(x, ROIS, WHICH, 2, 0.5, ratio)
    pair = ratio if isinstance(ratio, tuple) else (ratio, ratio)
    for r, (box, n) in enumerate(zip(ROIS * 0.5, WHICH, strict=True)):
        points = []
        for axis, size in ((0, 8), (1, 9)):
            step = max(box[axis + 2] - box[axis], 1.0) / 2
            m = math.ceil(step) if pair[axis] is None else pair[axis]
            at = [[box[axis] + k * step + (q + 0.5) * step / m for q in range(m)] for k in (0, 1)]
            points.append([[(min(max(v, 0), size - 1), -1 <= v <= size) for v in row]
                           for row in at])  # fmt: skip
        for i, j in itertools.product(range(2), range(2)):
            seen = [
                _at(x[n], v, u) if ok and fine else np.zeros(3)
                for (v, ok), (u, fine) in itertools.product(points[0][i], points[1][j])
            ]
            want = getattr(np, {"max": "max", "average": "mean"}[how])(seen, axis=0)
            assert np.allclose(y.data[r, :, i, j], want, rtol=1e-11, atol=1e-13)
    check_gradients(lambda x: f(x, ROIS, WHICH, 2, 0.5, ratio), (x,))


def test_older_region_pooling_includes_its_ends() -> None:
    x = rng.normal(size=(2, 1, 6, 6))
    y = F.roi_pooling_2d(x, np.array([[1.0, 2.0, 1.0, 3.0, 4.0]]), 1, 1, 1.0)
    assert y.data[0, 0, 0, 0] == x[1, 0, 1:5, 2:4].max()


def test_region_errors() -> None:
    x = rng.normal(size=(2, 1, 6, 6))
    with pytest.raises(ValueError, match=r"rois must have shape \(n, 4\)"):
        F.roi_max_pooling_2d(x, ROIS[:, :3], WHICH, 2, 1.0)
    with pytest.raises(IndexError):
        F.roi_average_pooling_2d(x, ROIS, WHICH + 1, 2, 1.0)
    with pytest.raises(ValueError, match="sampling_ratio"):
        F.roi_max_align_2d(x, ROIS, WHICH, 2, 1.0, 0)


# sampling ---------------------------------------------------------------------------------------


def test_spatial_transformer() -> None:
    x = rng.normal(size=(2, 3, 4, 5))
    same = np.tile([[1.0, 0, 0], [0, 1, 0]], (2, 1, 1))
    grid = F.spatial_transformer_grid(same, (4, 5))
    assert np.allclose(grid.data[0, 0, 0], np.linspace(-1, 1, 5))
    assert np.allclose(grid.data[0, 1, :, 0], np.linspace(-1, 1, 4))
    out = F.spatial_transformer_sampler(x, grid).data
    assert np.allclose(out, x, rtol=1e-13)
    theta = rng.normal(size=(2, 2, 3))
    f = lambda x, t: F.spatial_transformer_sampler(  # noqa: E731
        x, F.spatial_transformer_grid(t, (3, 4))
    )
    grid, y = F.spatial_transformer_grid(theta, (3, 4)).data, f(x, theta).data
    for n, i, j in itertools.product(range(2), range(3), range(4)):
        u, v = (grid[n, 0, i, j] + 1) * 2, (grid[n, 1, i, j] + 1) * 1.5
        assert np.allclose(y[n, :, i, j], _at(x[n], v, u), rtol=1e-11, atol=1e-13)
    check_gradients(f, (x, theta))


def test_resize_images_modes() -> None:
    x = rng.normal(size=(1, 2, 4, 4))
    near = F.resize_images(x, (8, 8), mode="nearest", align_corners=False).data
    assert np.array_equal(near, x.repeat(2, 2).repeat(2, 3))
    half = F.resize_images(x, (2, 2), align_corners=False).data
    assert np.allclose(half, x.reshape(1, 2, 2, 2, 2, 2).mean((3, 5)), rtol=1e-13)
    with pytest.raises(ValueError, match="'nearest'"):
        F.resize_images(x, (2, 2), mode="cubic")


def test_without_a_graph_and_in_single_precision() -> None:
    x = rng.normal(size=(1, 2, 6, 6)).astype(np.float32)
    W = rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    with chainer.no_backprop_mode():
        for y in (
            F.convolution_2d(x, W), F.deconvolution_2d(F.convolution_2d(x, W), W.copy()),
            F.max_pooling_2d(x, 2), F.average_pooling_2d(x, 2), F.unpooling_2d(x, 2),
            F.roi_average_align_2d(x, ROIS, WHICH * 0, 2, 0.5), F.resize_images(x, (3, 4)),
        ):  # fmt: skip
            assert y.dtype == np.float32
