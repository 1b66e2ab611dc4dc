"""Losses against their formulas in NumPy, far from 0 too, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim

X = np.array([[0.3, -1.2, 2.0], [30.0, -700.0, 5.0]])
Y = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
P = np.exp(X - X.max(1, keepdims=True)) / np.exp(X - X.max(1, keepdims=True)).sum(1, keepdims=True)
E = X - Y
WANT = {
    "squared_error": E**2,
    "l2_loss": E**2 / 2,
    "huber_loss": np.where(np.abs(E) < 1, E**2 / 2, np.abs(E) - 0.5),
    "log_cosh": np.abs(E) + np.log1p(np.exp(-2 * np.abs(E))) - np.log(2),
    "hinge_loss": np.maximum(0, 1 - X * Y),
    "sigmoid_binary_cross_entropy": Y * np.logaddexp(0, -X) + (1 - Y) * np.logaddexp(0, X),
    "softmax_cross_entropy": -(Y * (X - np.logaddexp.reduce(X, axis=1, keepdims=True))).sum(1),
    "cosine_similarity": (X * Y).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1),
    "cosine_distance": 1 - (X * Y).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1),
}


@pytest.mark.parametrize("name", WANT)
def test_values_and_gradients(name: str) -> None:
    f = getattr(optim, name)
    for run in (f, bibun.jit(f)):
        np.testing.assert_allclose(run(X, Y), WANT[name], rtol=1e-13, atol=1e-13)
    g = bibun.grad(lambda x: bnp.sum(f(x, Y)))(X)
    assert np.all(np.isfinite(g))
    d, h = np.cos(np.arange(6.0)).reshape(2, 3), 1e-6
    slope = float(bnp.sum(f(X + h * d, Y)) - bnp.sum(f(X - h * d, Y))) / (2 * h)
    assert float(np.sum(np.asarray(g) * d)) == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_the_rest() -> None:
    labels = np.array([2, 0])
    got = optim.softmax_cross_entropy_with_integer_labels(X, labels)
    np.testing.assert_allclose(got, -np.log(P[[0, 1], labels]), rtol=1e-12, atol=1e-10)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(Y == 0, 0, Y * np.log(Y)) - Y * np.log(0.25)
    np.testing.assert_allclose(optim.kl_divergence(np.full((2, 3), np.log(0.25)), Y), kl.sum(1))
    np.testing.assert_allclose(optim.smooth_labels(Y, 0.3), 0.7 * Y + 0.1)
    p = 1 / (1 + np.exp(-X[0]))
    bce = -(Y[0] * np.log(p) + (1 - Y[0]) * np.log(1 - p))
    pt = p * Y[0] + (1 - p) * (1 - Y[0])
    want = bce * (1 - pt) ** 2 * (0.25 * Y[0] + 0.75 * (1 - Y[0]))
    np.testing.assert_allclose(optim.sigmoid_focal_loss(X[0], Y[0], 0.25), want, rtol=1e-13)
