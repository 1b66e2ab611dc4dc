"""Scores of predictions, counted by hand; special functions against SciPy."""

from __future__ import annotations

import numpy as np
import scipy.special

import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.variable import Variable

Y = np.array([[2.0, 1.0, 0.0], [0.1, 0.2, 0.0], [0.0, 1.0, 3.0], [5.0, 0.0, 0.0], [0.0, 9.0, 1.0]])
T = np.array([0, 1, 1, 0, -1])  # said: 0, 1, 2, 0, (1)


def test_classification() -> None:
    precision, recall, score, support = F.classification_summary(Y, T)
    np.testing.assert_allclose(precision.array, [1.0, 1.0, 0.0])
    np.testing.assert_allclose(recall.array, [1.0, 0.5, np.nan])
    np.testing.assert_allclose(score.array[:2], [1.0, 2 / 3])
    np.testing.assert_array_equal(support.array, [2, 2, 0])
    for f, want in ((F.precision, precision), (F.recall, recall), (F.f1_score, score)):
        np.testing.assert_array_equal(f(Y, T)[0].array, want.array)
    assert float(F.accuracy(Y, T, ignore_label=-1).array) == 0.75
    y, t = np.array([0.2, -0.1, 3.0, -5.0]), np.array([1, 1, -1, 0])
    assert float(F.binary_accuracy(y, t).array) == np.float64(2 / 3)


def test_tails() -> None:
    p = np.array([1e-20, 1e-300])
    np.testing.assert_allclose(F.ndtri(p).array, scipy.special.ndtri(p), rtol=1e-12)
    np.testing.assert_allclose(F.erfcinv(p).array, scipy.special.erfcinv(p), rtol=1e-12)


def test_special_functions() -> None:
    x = Variable(np.array([0.3, 2.0]))
    for name in ("erfcx", "log_ndtr"):
        y = getattr(F, name)(x)
        np.testing.assert_allclose(y.array, getattr(scipy.special, name)(x.array), rtol=1e-12)
        (g,) = chainer.grad([F.sum(y)], [x])
        h = 1e-6
        f = getattr(scipy.special, name)
        want = (f(x.array + h) - f(x.array - h)) / 2 / h
        np.testing.assert_allclose(g.array, want, rtol=1e-7)
    np.testing.assert_allclose(
        F.zeta(np.array([2.0, 3.5]), 1.5).array, scipy.special.zeta([2.0, 3.5], 1.5)
    )
