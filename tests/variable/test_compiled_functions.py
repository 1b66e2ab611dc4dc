"""Functions with their gradients under `bibun.jit`, against what they are without."""

# ruff: noqa: E501  (the table has a line for each function)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.errors import TracerError
from bibun.variable import Variable
from tests.variable.test_connections import ROIS, WHICH
from tests.variable.test_functions import CASES as TABLE

rng = np.random.default_rng(6)
IMAGE = rng.normal(size=(2, 3, 5, 6))
XS = [rng.normal(size=(n, 3)) for n in (3, 3, 2, 1)]
YS = [rng.integers(0, 3, size=len(x)) for x in XS]
LABELS = np.array([[1, 2], [1, 1], [2, 0]])


def _gru(h: Any, w: Any, *xs: Any) -> Any:
    ws = [[w] * 3 + [w[:, :2]] * 3] * 2
    hy, ys = F.n_step_bigru(1, 0.0, h, ws, [[w[:, 0]] * 6] * 2, list(xs))
    return F.concat([F.flatten(v) for v in (hy, *ys)], axis=0)


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "convolution": (lambda x, W: F.convolution_2d(x, W, None, 2, 1, dilate=2), (IMAGE, rng.normal(size=(4, 3, 2, 2)))),
    "deconvolution": (lambda x, W: F.deconvolution_2d(x, W, None, 2, 1), (IMAGE, rng.normal(size=(3, 2, 3, 3)))),
    "depthwise": (F.depthwise_convolution_2d, (IMAGE, rng.normal(size=(2, 3, 2, 2)))),
    "deformable": (F.deformable_convolution_2d_sampler, (IMAGE, rng.uniform(-1, 1, size=(2, 8, 4, 5)), rng.normal(size=(4, 3, 2, 2)))),
    "max pooling": (lambda x: F.max_pooling_2d(x, 3, 2, 1), (IMAGE,)),
    "average pooling": (lambda x: F.average_pooling_2d(x, 3, 2, 1), (IMAGE,)),
    "unpooling": (lambda x: F.unpooling_2d(x, 3, 2), (IMAGE,)),
    "upsampling": (lambda x: F.upsampling_2d(x, np.ones(IMAGE.shape, int), 2), (IMAGE,)),
    "pyramid": (lambda x: F.spatial_pyramid_pooling_2d(x, 2), (IMAGE,)),
    "regions": (lambda x: F.roi_max_pooling_2d(x, ROIS, WHICH, 2, 0.25), (IMAGE,)),
    "aligned regions": (lambda x: F.roi_max_align_2d(x, ROIS, WHICH, 2, 0.25), (IMAGE,)),
    "transformer": (lambda x, t: F.spatial_transformer_sampler(x, F.spatial_transformer_grid(t, (3, 4))), (IMAGE, rng.normal(size=(2, 2, 3)))),
    "n_step_bigru": (_gru, (rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3)), *XS)),
    "ctc": (lambda *x: F.connectionist_temporal_classification(x, LABELS, 0), tuple(rng.normal(size=(4, 3, 3)))),
    "crf": (lambda c, *x: F.crf1d(c, x, YS), (rng.normal(size=(3, 3)), *XS)),
} | {
    name: TABLE[name][:2]
    for name in ("fft", "sparse_matmul", "decov", "black_out", "decorrelated_batch_normalization",
                 "as_strided", "binary_hierarchical_softmax", "tensordot", "max", "lstm")
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_compiled_with_its_gradient(name: str) -> None:
    f, args = CASES[name]

    def both(*arrays: Any) -> Any:
        xs = [Variable(a) for a in arrays]
        y = f(*xs)
        weights = Variable(bnp.cos(bnp.arange(1.0, y.size + 1).reshape(y.shape)))
        return y.array, [g.array for g in chainer.grad([y], xs, [weights])]

    want = both(*map(bnp.asarray, args))
    got = bibun.jit(both)(*args)
    for a, b in zip(bibun.tree.leaves(got), bibun.tree.leaves(want), strict=True):
        assert np.allclose(a, b, rtol=1e-10, atol=1e-12)


W = rng.normal(size=(3, 3))
DRAWN = {
    "dropout": (F.dropout, W),
    "gaussian": (lambda v: F.gaussian(np.zeros(3), v), np.zeros(3)),
    "zoneout": (lambda x: F.zoneout(np.ones((3, 3)), x), W),
    "simplified_dropconnect": (lambda w: F.simplified_dropconnect(np.ones((2, 3)), w), W),
    "n_step_rnn": (lambda w: F.n_step_rnn(
        2, 0.5, np.zeros((2, 1, 3)), [[w, w]] * 2, [[np.zeros(3)] * 2] * 2,
        [np.ones((1, 3))])[1][0], W),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_what_numpy_draws_is_not_compiled_in(name: str) -> None:
    f, array = DRAWN[name]
    f(Variable(array))
    with pytest.raises(TracerError, match=f"{name} draws from numpy.random"):
        bibun.jit(lambda a: f(Variable(a)).array)(array)
    if name not in ("gaussian", "simplified_dropconnect"):  # which draw in any case
        with chainer.using_config("train", False):
            got = bibun.jit(lambda a: f(Variable(a)).array)(array)
            assert np.allclose(got, f(Variable(array)).array, rtol=1e-12)


def test_dropout_of_a_number() -> None:
    assert F.dropout(np.array(3.0), 0.0).array == 3.0
