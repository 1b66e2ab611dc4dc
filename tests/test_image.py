"""`bibun.image` against Pillow's resampling, its own definition, and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import image
from bibun.errors import ShapeError
from bibun.testing import check_grads

X = np.random.default_rng(0).normal(size=(7, 10)).astype("float32")
SHAPES = [(14, 20), (3, 4), (7, 5), (9, 3), (1, 1)]
BOTH = pytest.mark.parametrize("run", [lambda f: f, bibun.jit], ids=["eager", "jit"])


@BOTH
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("method", "theirs"),
    [("nearest", "NEAREST"), ("bilinear", "BILINEAR"), ("bicubic", "BICUBIC"),
     ("lanczos3", "LANCZOS")],
)  # fmt: skip
def test_as_pillow(run: Any, shape: tuple[int, int], method: str, theirs: str) -> None:
    pillow = pytest.importorskip("PIL.Image")
    size = (shape[1], shape[0])
    want = np.asarray(pillow.fromarray(X).resize(size, getattr(pillow.Resampling, theirs)))
    got = run(lambda x: image.resize(x, shape, method))(X)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=2e-6)


@BOTH
def test_area_and_edges(run: Any) -> None:
    x = np.arange(12.0).reshape(3, 4)
    pairs = x.reshape(3, 2, 2).mean(-1)  # whole elements are averaged,
    np.testing.assert_allclose(run(lambda v: image.resize(v, (3, 2), "area"))(x), pairs)
    thirds = np.array([(0 + 1 / 3) / (4 / 3), 1.5, (3 + 2 / 3) / (4 / 3)])  # and parts of them
    np.testing.assert_allclose(image.resize(np.arange(4.0), (3,), "area"), thirds)
    for method in ("linear", "cubic", "cubic-pytorch", "lanczos3", "lanczos5", "area"):
        for antialias in (True, False):
            flat = run(lambda v: image.resize(v, (8, 2), method, antialias))(np.full((3, 4), 2.5))  # noqa: B023
            np.testing.assert_allclose(flat, 2.5, rtol=1e-12)
    # PyTorch's kernel, -3/4 steep, at half an element: weights -3/32, 19/32, 19/32, -3/32
    half = image.resize(np.array([0.0, 1.0, 0.0, 0.0]), (2,), "cubic-pytorch", antialias=False)
    np.testing.assert_allclose(half, [19 / 32, -3 / 32], atol=1e-12)
    straight = image.resize(np.array([0.0, 4.0]), (4,), "linear")
    np.testing.assert_allclose(straight, [0, 1, 3, 4])


@BOTH
def test_scale_and_translate(run: Any) -> None:
    moves = np.array([1.0, -2.0])
    f = lambda x, s, t: image.scale_and_translate(x, (7, 10), (0, 1), s, t, "linear")
    got = run(f)(X, np.ones(2), moves)
    want = np.zeros_like(X)
    want[1:, :8] = X[:-1, 2:]
    np.testing.assert_allclose(got, want, atol=1e-6)
    # the corners stay: PyTorch's align_corners=True
    scale = (13 - 1) / (7 - 1)
    column = np.linspace(0.0, 6.0, 7)
    got = image.scale_and_translate(
        column, (13,), (0,), np.array([scale]), np.array([0.5 * (1 - scale)]), "linear"
    )
    np.testing.assert_allclose(got, np.linspace(0.0, 6.0, 13), atol=1e-12)
    same = run(lambda x: image.resize(x, (5, 10), "cubic"))(X)
    moved = image.scale_and_translate(X, (5, 10), (-2,), np.array([5 / 7]), np.zeros(1), "cubic")
    np.testing.assert_allclose(moved, same, atol=1e-6)


@pytest.mark.parametrize("method", ["linear", "cubic", "lanczos3", "cubic-pytorch"])
def test_derivatives_in_image_scale_and_translation(method: str) -> None:
    def f(x: Any, s: Any, t: Any) -> Any:
        return image.scale_and_translate(x, (5, 6), (0, 1), s, t, method, antialias=False)

    x = X.astype(float)
    check_grads(f, (x, np.array([0.81, 0.63]), np.array([0.13, -0.2])), order=1, rtol=1e-4)
    batch = bibun.vmap(f, (None, None, 0))(x, np.ones(2), np.zeros((3, 2)))
    assert batch.shape == (3, 5, 6)


def test_errors() -> None:
    with pytest.raises(ValueError, match="method must be one of"):
        image.resize(X, (2, 2), "sinc")
    with pytest.raises(ShapeError, match="for an image of shape"):
        image.resize(X, (2,), "linear")
    with pytest.raises(ValueError, match="no method 'nearest'"):
        image.scale_and_translate(X, (7, 10), (0,), np.ones(1), np.zeros(1), "nearest")
    with pytest.raises(ShapeError, match="scale of shape"):
        image.scale_and_translate(X, (7, 10), (0,), np.ones(2), np.zeros(1), "linear")
    with pytest.raises(ShapeError, match="not in spatial_dims"):
        image.scale_and_translate(X, (7, 9), (0,), np.ones(1), np.zeros(1), "linear")
    with pytest.raises(ShapeError, match="no elements"):
        image.resize(bnp.zeros((0,)), (2,), "linear")
