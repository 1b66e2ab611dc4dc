"""Every function of `functions`: value against NumPy or SciPy, derivatives of two orders.

Derivatives are compared with central differences, so a wrong derived backward step, a wrong
retained array or a wrong broadcast shows. Points lie away from kinks.
"""

# ruff: noqa: E501  (the table has a line for each function)

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.variable import Variable
from bibun.variable.utils import CooMatrix, WalkerAlias, huffman_tree, to_coo

rng = np.random.default_rng(3)
A = rng.normal(size=(3, 4))  # any real number
B = rng.normal(size=(3, 4))
P = rng.uniform(0.3, 2.0, size=(3, 4))  # positive
U = rng.uniform(-0.8, 0.8, size=(3, 4))  # inside (-1, 1)
M = rng.normal(size=(3, 3)) + 3 * np.eye(3)
S = M @ M.T
IMAGE = rng.normal(size=(2, 4, 5, 6))
T = np.array([1, 0, 3])
M4 = rng.normal(size=(4, 4)) + 3 * np.eye(4)
STACK = rng.normal(size=(2, 3, 4))
SAMPLES = np.array([[0, 2], [1, 1], [2, 0]])
KEEP = B > 0
LABELS = rng.integers(0, 4, size=(2, 5, 6))


def _black_out(x: Any, W: Any) -> Any:
    scores = np.einsum("nd,nsd->ns", x, W[np.hstack([T[:, None], SAMPLES])])
    p = sp.softmax(scores, 1)
    return -np.log(p[:, 0]) - np.log(1 - p[:, 1:]).sum(1)


def _negative_sampling(x: Any, W: Any) -> Any:
    rows = np.hstack([T[:, None], SAMPLES])
    scores = np.einsum("nd,nsd->ns", x, W[rows]) * [1, -1, -1]
    return -sp.log_expit(scores)[[0, 2]].sum()


def _hierarchical(x: Any, W: Any) -> Any:
    s = sp.log_expit
    a, b, c = (W @ x.T)  # T is 1, 0, 3
    return -(s(a[0]) + s(-b[0]) + s(c[0]) + s(a[1]) + s(b[1]) + s(-a[2]))


def _lstm(c: Any, x: Any) -> Any:
    a, i, f, o = (x.reshape(3, 2, 4)[:, :, j] for j in range(4))
    c = np.tanh(a) * sp.expit(i) + sp.expit(f) * c
    return sp.expit(o) * np.tanh(c)


# name -> (function of Variables, arguments to differentiate, the same in NumPy or None)
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any] | None]] = {
    "absolute": (F.absolute, (A,), np.abs),
    "arccos": (F.arccos, (U,), np.arccos),
    "arcsin": (F.arcsin, (U,), np.arcsin),
    "arctan": (F.arctan, (A,), np.arctan),
    "arctan2": (F.arctan2, (A, B), np.arctan2),
    "arccosh": (F.arccosh, (P + 1,), np.arccosh),
    "arcsinh": (F.arcsinh, (A,), np.arcsinh),
    "arctanh": (F.arctanh, (U,), np.arctanh),
    "cbrt": (F.cbrt, (P,), np.cbrt),
    "ceil": (F.ceil, (A,), np.ceil),
    "cos": (F.cos, (A,), np.cos),
    "cosh": (F.cosh, (A,), np.cosh),
    "digamma": (F.digamma, (P,), sp.digamma),
    "erf": (F.erf, (A,), sp.erf),
    "erfc": (F.erfc, (A,), sp.erfc),
    "erfinv": (F.erfinv, (U,), sp.erfinv),
    "erfcinv": (F.erfcinv, (1 - U,), sp.erfcinv),
    "exp": (F.exp, (A,), np.exp),
    "expm1": (F.expm1, (A,), np.expm1),
    "fix": (F.fix, (A,), np.fix),
    "floor": (F.floor, (A,), np.floor),
    "fmod": (F.fmod, (5 * A, P), np.fmod),
    "hypot": (F.hypot, (A, B), np.hypot),
    "lgamma": (F.lgamma, (P,), sp.gammaln),
    "log": (F.log, (P,), np.log),
    "log10": (F.log10, (P,), np.log10),
    "log1p": (F.log1p, (P,), np.log1p),
    "log2": (F.log2, (P,), np.log2),
    "logaddexp": (F.logaddexp, (A, B), np.logaddexp),
    "polygamma": (lambda x: F.polygamma(1.0, x), (P,), lambda x: sp.polygamma(1, x)),
    "rsqrt": (F.rsqrt, (P,), lambda x: x**-0.5),
    "sign": (F.sign, (A,), np.sign),
    "sin": (F.sin, (A,), np.sin),
    "sinh": (F.sinh, (A,), np.sinh),
    "sqrt": (F.sqrt, (P,), np.sqrt),
    "square": (F.square, (A,), np.square),
    "tan": (F.tan, (U,), np.tan),
    "tanh": (F.tanh, (A,), np.tanh),
    "ndtr": (F.ndtr, (A,), sp.ndtr),
    "ndtri": (F.ndtri, (0.5 + U / 2,), sp.ndtri),
    "pow": (F.pow, (P, A), np.power),
    "identity": (F.identity, (A,), lambda x: x),
    "add": (lambda *xs: F.add(*xs), (A, B, P), lambda a, b, c: a + b + c),
    "maximum": (lambda *xs: F.maximum(*xs), (A, B, P), lambda a, b, c: np.maximum(a, np.maximum(b, c))),
    "minimum": (lambda *xs: F.minimum(*xs), (A, B, P), lambda a, b, c: np.minimum(a, np.minimum(b, c))),
    "clip": (lambda x: F.clip(x, -0.5, 0.7), (A,), lambda x: np.clip(x, -0.5, 0.7)),
    "clip one side": (lambda x: F.clip(x, 0.0, None), (A,), lambda x: np.clip(x, 0, None)),
    # reductions
    "sum": (F.sum, (A,), np.sum),
    "sum axis": (lambda x: F.sum(x, axis=1), (A,), lambda x: x.sum(1)),
    "sum keepdims": (lambda x: F.sum(x, axis=(0, 1), keepdims=True), (A,), lambda x: x.sum(keepdims=True)),
    "mean": (lambda x: F.mean(x, axis=0), (A,), lambda x: x.mean(0)),
    "prod": (lambda x: F.prod(x, axis=1), (P,), lambda x: x.prod(1)),
    "max": (lambda x: F.max(x, axis=1), (A,), lambda x: x.max(1)),
    "min": (lambda x: F.min(x, axis=0, keepdims=True), (A,), lambda x: x.min(0, keepdims=True)),
    "cumsum": (lambda x: F.cumsum(x, axis=1), (A,), lambda x: x.cumsum(1)),
    "cumprod": (lambda x: F.cumprod(x, axis=1), (P,), lambda x: x.cumprod(1)),
    "average": (F.average, (A,), np.average),
    "average weights": (lambda x, w: F.average(x, axis=1, weights=w), (A, P[0]), lambda x, w: np.average(x, 1, w)),
    "average all weights": (lambda x, w: F.average(x, weights=w), (A, P), lambda x, w: np.average(x, None, w)),
    "logsumexp": (lambda x: F.logsumexp(x, axis=1), (A,), lambda x: sp.logsumexp(x, 1)),
    "logsumexp all": (F.logsumexp, (A,), sp.logsumexp),
    "batch_l2_norm_squared": (F.batch_l2_norm_squared, (A,), lambda x: (x * x).sum(1)),
    "sum_to": (lambda x: F.sum_to(x, (1, 4)), (A,), lambda x: x.sum(0, keepdims=True)),
    # products
    "matmul": (F.matmul, (A, B.T.copy()), np.matmul),
    "matmul trans": (lambda a, b: F.matmul(a, b, transa=True), (A, B), lambda a, b: a.T @ b),
    "matmul transb": (lambda a, b: F.matmul(a, b, transb=True), (A, B), lambda a, b: a @ b.T),
    "einsum": (lambda a, b: F.einsum("ij,kj->ik", a, b), (A, B), lambda a, b: a @ b.T),
    "tensordot": (lambda a, b: F.tensordot(a, b, 2), (A, B), lambda a, b: np.tensordot(a, b, 2)),
    "inv": (F.inv, (M,), np.linalg.inv),
    "det": (F.det, (M,), np.linalg.det),
    "batch_inv": (F.batch_inv, (np.stack([M, S]),), np.linalg.inv),
    "batch_det": (F.batch_det, (np.stack([M, S]),), np.linalg.det),
    "solve": (F.solve, (M, A), np.linalg.solve),
    "cholesky": (lambda x: F.cholesky((x + x.T) * 0.5), (S,), np.linalg.cholesky),
    "bias": (F.bias, (A, A[0]), lambda x, y: x + y),
    "scale": (lambda x, y: F.scale(x, y, axis=0), (A, P[:, 0]), lambda x, y: x * y[:, None]),
    "linear_interpolate": (F.linear_interpolate, (P, A, B), lambda p, x, y: p * x + (1 - p) * y),
    "squared_difference": (F.squared_difference, (A, B), lambda x, y: (x - y) ** 2),
    "batch_matmul": (lambda a, b: F.batch_matmul(a, b), (STACK, A[:2]), lambda a, b: (a @ b[:, :, None])),
    "batch_matmul trans": (lambda a, b: F.batch_matmul(a, b, transa=True, transb=True), (STACK, STACK.swapaxes(1, 2) + 1), lambda a, b: a.swapaxes(1, 2) @ b.swapaxes(1, 2)),
    "fft": (lambda re, im: F.concat(F.fft((re, im)), axis=0), (A, B), lambda re, im: np.vstack([np.fft.fft(re + 1j * im).real, np.fft.fft(re + 1j * im).imag])),
    "ifft": (lambda re, im: F.concat(F.ifft((re, im)), axis=0), (A, B), lambda re, im: np.vstack([np.fft.ifft(re + 1j * im).real, np.fft.ifft(re + 1j * im).imag])),
    "sparse_matmul": (lambda d, b: F.sparse_matmul(CooMatrix(d, [0, 2, 0], [1, 0, 1], (3, 3)), b), (P[0, :3], A), lambda d, b: np.stack([(d[0] + d[2]) * b[1], 0 * b[0], d[1] * b[0]])),
    "sparse_matmul trans": (lambda d, b: F.sparse_matmul(CooMatrix(d, [0, 2], [1, 3], (3, 4)), b, transa=True, transb=True), (P[0, :2], A.T.copy()), lambda d, b: np.stack([0 * b[:, 0], d[0] * b[:, 0], 0 * b[:, 0], d[1] * b[:, 2]])),
    "sparse_matmul right": (lambda a, d: F.sparse_matmul(a, CooMatrix(d, [0, 3], [1, 0], (4, 2))), (A, P[0, :2]), lambda a, d: np.stack([a[:, 3] * d[1], a[:, 0] * d[0]], 1)),
    "sparse_matmul stack": (lambda d, b: F.sparse_matmul(CooMatrix(d, [[0, 1], [1, -1]], [[1, 1], [0, -1]], (2, 2)), b), (A[:2, :2], B[:2].reshape(2, 2, 2)), lambda d, b: np.stack([[d[0, 0] * b[0, 1], d[0, 1] * b[0, 1]], [0 * b[1, 0], d[1, 0] * b[1, 0]]])),
    # arrays
    "as_strided": (lambda x: F.as_strided(x, (3, 2), (2, 1), 1), (A,), lambda x: np.lib.stride_tricks.as_strided(x.ravel()[1:], (3, 2), (16, 8))),
    "broadcast_to": (lambda x: F.broadcast_to(x, (2, 3, 4)), (A,), lambda x: np.broadcast_to(x, (2, 3, 4))),
    "broadcast": (lambda x, y: F.broadcast(x, y)[1] * A, (A, B[0]), lambda x, y: y * A),
    "diagonal": (F.diagonal, (M,), np.diagonal),
    "expand_dims": (lambda x: F.expand_dims(x, 1), (A,), lambda x: x[:, None]),
    "flip": (lambda x: F.flip(x, 1), (A,), lambda x: x[:, ::-1]),
    "fliplr": (F.fliplr, (A,), np.fliplr),
    "flipud": (F.flipud, (A,), np.flipud),
    "moveaxis": (lambda x: F.moveaxis(x, 0, 1), (A,), np.transpose),
    "rollaxis": (lambda x: F.rollaxis(x, 1), (A,), np.transpose),
    "roll": (lambda x: F.roll(x, 2, axis=1), (A,), lambda x: np.roll(x, 2, 1)),
    "repeat": (lambda x: F.repeat(x, 2, axis=1), (A,), lambda x: np.repeat(x, 2, 1)),
    "reshape": (lambda x: F.reshape(x, (2, -1)), (A,), lambda x: x.reshape(2, -1)),
    "squeeze": (lambda x: F.squeeze(x, 0), (A[:1],), lambda x: x[0]),
    "swapaxes": (lambda x: F.swapaxes(x, 0, 1), (A,), np.transpose),
    "tile": (lambda x: F.tile(x, (2, 1)), (A,), lambda x: np.tile(x, (2, 1))),
    "tril": (F.tril, (M,), np.tril),
    "triu": (F.triu, (M,), np.triu),
    "transpose": (F.transpose, (A,), np.transpose),
    "transpose axes": (lambda x: F.transpose(x, (2, 0, 1)), (A.reshape(3, 2, 2),), lambda x: x.transpose(2, 0, 1)),
    "concat": (lambda *xs: F.concat(xs), (A, B), lambda *xs: np.concatenate(xs, 1)),
    "stack": (lambda *xs: F.stack(xs, axis=1), (A, B), lambda *xs: np.stack(xs, 1)),
    "hstack": (lambda *xs: F.hstack(xs), (A, B), lambda *xs: np.hstack(xs)),
    "vstack": (lambda *xs: F.vstack(xs), (A, B), lambda *xs: np.vstack(xs)),
    "dstack": (lambda *xs: F.dstack(xs), (A, B), lambda *xs: np.dstack(xs)),
    "flatten": (F.flatten, (A,), np.ravel),
    "split_axis": (lambda x: F.split_axis(x, [1, 3], axis=1)[1], (A,), lambda x: x[:, 1:3]),
    "separate": (lambda x: F.separate(x, axis=1)[2], (A,), lambda x: x[:, 2]),
    "cast": (lambda x: F.cast(x, np.float64), (A,), lambda x: x),
    "copy": (F.copy, (A,), lambda x: x),
    "where": (lambda x, y: F.where(A > B, x, y), (A, B), np.maximum),
    "pad": (lambda x: F.pad(x, ((1, 0), (0, 2)), "constant"), (A,), lambda x: np.pad(x, ((1, 0), (0, 2)))),
    "pad edge": (lambda x: F.pad(x, 1, "edge"), (A,), lambda x: np.pad(x, 1, "edge")),
    "select_item": (lambda x: F.select_item(x, T), (A,), lambda x: x[range(3), T]),
    "permutate": (lambda x: F.permutate(x, np.array([2, 0, 1])), (A,), lambda x: x[[2, 0, 1]]),
    "permutate inv": (lambda x: F.permutate(x, np.array([2, 0, 1]), inv=True), (A,), lambda x: x[[1, 2, 0]]),
    "scatter_add": (lambda a, b: F.scatter_add(a, [0, 0], b), (A, B[:2]), lambda a, b: np.vstack([a[:1] + b.sum(0), a[1:]])),
    "get_item": (lambda x: F.get_item(x, (slice(None), [0, 0])), (A,), lambda x: x[:, [0, 0]]),
    "pad_sequence": (lambda x, y: F.pad_sequence([x, y]), (A[0], A[1, :2]), lambda x, y: np.stack([x, np.pad(y, (0, 2))])),
    "depth2space": (lambda x: F.depth2space(x, 2), (IMAGE,), None),
    "space2depth": (lambda x: F.space2depth(x[:, :, :4], 2), (IMAGE,), None),
    "resize_images": (lambda x: F.resize_images(x, (7, 3)), (IMAGE,), None),
    # activations
    "sigmoid": (F.sigmoid, (A,), sp.expit),
    "softplus": (F.softplus, (A,), lambda x: np.log1p(np.exp(x))),
    "softplus beta": (lambda x: F.softplus(x, beta=10), (A,), lambda x: np.log1p(np.exp(10 * x)) / 10),
    "relu": (F.relu, (A,), lambda x: np.maximum(x, 0)),
    "relu6": (F.relu6, (5 * A,), lambda x: np.clip(x, 0, 6)),
    "clipped_relu": (lambda x: F.clipped_relu(x, 0.5), (A,), lambda x: np.clip(x, 0, 0.5)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.1), (A,), lambda x: np.where(x > 0, x, 0.1 * x)),
    "prelu": (F.prelu, (A, P[0]), lambda x, W: np.where(x > 0, x, W * x)),
    "elu": (lambda x: F.elu(x, 0.7), (A,), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x))),
    "selu": (F.selu, (A,), lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
    "crelu": (F.crelu, (A,), lambda x: np.hstack([np.maximum(x, 0), np.maximum(-x, 0)])),
    "hard_sigmoid": (F.hard_sigmoid, (3 * A,), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    "swish": (F.swish, (A, P[0]), lambda x, b: x * sp.expit(b * x)),
    "glu": (F.glu, (A,), lambda x: x[:, :2] * sp.expit(x[:, 2:])),
    "maxout": (lambda x: F.maxout(x, 2), (A,), lambda x: x.reshape(3, 2, 2).max(2)),
    "softmax": (F.softmax, (A,), lambda x: sp.softmax(x, 1)),
    "softmax axis": (lambda x: F.softmax(x, axis=0), (A,), lambda x: sp.softmax(x, 0)),
    "log_softmax": (F.log_softmax, (A,), lambda x: sp.log_softmax(x, 1)),
    "lstm": (lambda c, x: F.lstm(c, x)[1], (A[:, :2], rng.normal(size=(3, 8))), _lstm),
    # losses
    "mean_squared_error": (F.mean_squared_error, (A, B), lambda a, b: ((a - b) ** 2).mean()),
    "mean_absolute_error": (F.mean_absolute_error, (A, B), lambda a, b: np.abs(a - b).mean()),
    "squared_error": (F.squared_error, (A, B), lambda a, b: (a - b) ** 2),
    "absolute_error": (F.absolute_error, (A, B), lambda a, b: np.abs(a - b)),
    "softmax_cross_entropy": (lambda x: F.softmax_cross_entropy(x, T), (A,), lambda x: -sp.log_softmax(x, 1)[range(3), T].mean()),
    "softmax_cross_entropy ignoring": (lambda x: F.softmax_cross_entropy(x, np.array([1, -1, 3])), (A,), lambda x: -sp.log_softmax(x, 1)[[0, 2], [1, 3]].mean()),
    "softmax_cross_entropy by batch": (lambda x: F.softmax_cross_entropy(x, np.array([1, -1, 3]), normalize=False), (A,), lambda x: -sp.log_softmax(x, 1)[[0, 2], [1, 3]].sum() / 3),
    "softmax_cross_entropy no": (lambda x: F.softmax_cross_entropy(x, T, reduce="no", class_weight=P[0]), (A,), lambda x: -(sp.log_softmax(x, 1) * P[0])[range(3), T]),
    "sigmoid_cross_entropy": (lambda x: F.sigmoid_cross_entropy(x, (A > 0).astype(int)), (B,), lambda x: -np.where(A > 0, sp.log_expit(x), sp.log_expit(-x)).mean()),
    "huber_loss": (lambda x, t: F.huber_loss(x, t, 0.6), (A, B), lambda x, t: sp.huber(0.6, x - t).sum(1)),
    "hinge": (lambda x: F.hinge(x, T), (A,), lambda x: np.maximum(0, 1 + np.where(np.arange(4) == T[:, None], -1, 1) * x).sum() / 3),
    "hinge L2": (lambda x: F.hinge(x, T, norm="L2"), (A,), lambda x: (np.maximum(0, 1 + np.where(np.arange(4) == T[:, None], -1, 1) * x) ** 2).sum() / 3),
    "bernoulli_nll": (F.bernoulli_nll, (0.5 + U / 2, A), lambda x, y: -(x * sp.log_expit(y) + (1 - x) * sp.log_expit(-y)).sum()),
    "gaussian_nll": (F.gaussian_nll, (A, B, U), lambda x, m, v: (0.5 * (np.log(2 * np.pi) + v) + 0.5 * (x - m) ** 2 / np.exp(v)).sum()),
    "gaussian_kl_divergence": (F.gaussian_kl_divergence, (A, U), lambda m, v: 0.5 * (m * m + np.exp(v) - v - 1).sum()),
    "contrastive": (lambda a, b: F.contrastive(a, b, np.array([1, 0, 0]), margin=5), (A, B), None),
    "triplet": (lambda a, p, n: F.triplet(a, p, n, margin=9), (A, B, P), lambda a, p, n: np.maximum(0, ((a - p) ** 2 - (a - n) ** 2).sum(1) + 9).mean()),
    "softmax_cross_entropy of probabilities": (lambda x, t: F.softmax_cross_entropy(x, t), (A, P), lambda x, t: -(t * sp.log_softmax(x, 1)).sum(1).mean()),
    "softmax_cross_entropy divergence": (lambda x, t: F.softmax_cross_entropy(x, t, reduce="no", soft_target_loss="kl-divergence"), (A, P), lambda x, t: (t * (np.log(t) - sp.log_softmax(x, 1))).sum(1)),
    "contrastive at zero": (lambda a: F.contrastive(a, A, np.array([1, 0, 0]), margin=0.0), (A,), lambda a: 0.5 * ((a - A)[0] ** 2).sum() / 3),
    "cross_covariance": (F.cross_covariance, (A, B[:, :2]), lambda y, z: 0.5 * (np.cov(y.T, z.T, ddof=0)[:4, 4:] ** 2).sum()),
    "decov": (F.decov, (A,), lambda h: 0.5 * ((np.cov(h.T, ddof=0) * (1 - np.eye(4))) ** 2).sum()),
    "decov no": (lambda h: F.decov(h, reduce="no"), (A,), lambda h: np.cov(h.T, ddof=0) * (1 - np.eye(4))),
    "black_out": (lambda x, W: F.black_out(x, T, W, SAMPLES, reduce="no"), (B, M4), _black_out),
    "negative_sampling": (lambda x, W: F.negative_sampling(x, np.array([1, -1, 3]), W, lambda shape: np.hstack([T[:, None], SAMPLES])[:, : shape[1]], 2), (B, M4), _negative_sampling),
    "binary_hierarchical_softmax": (lambda x, W: F.binary_hierarchical_softmax(x, T, W, ((0, (1, 2)), 3)), (B, M4[:3]), _hierarchical),
    "discriminative_margin_based_clustering_loss": (lambda e: F.concat([F.reshape(v, (1,)) for v in F.discriminative_margin_based_clustering_loss(e, LABELS, 0.1, 1.0, 4)], axis=0), (IMAGE,), None),
    # layers
    "simplified_dropconnect": (lambda x, W, b: F.simplified_dropconnect(x, W, b, 0.5, mask=KEEP), (A, B, P[:, 0]), lambda x, W, b: x @ (2 * W * KEEP).T + b),
    "simplified_dropconnect each": (lambda x, W: F.simplified_dropconnect(x, W, ratio=0.2, mask=np.stack([KEEP, ~KEEP, KEEP])), (A, B), lambda x, W: np.stack([x[0] @ (W * KEEP).T, x[1] @ (W * ~KEEP).T, x[2] @ (W * KEEP).T]) / 0.8),
    "simplified_dropconnect off": (lambda x, W: F.simplified_dropconnect(x, W, train=False), (A, B), lambda x, W: x @ W.T),
    "rrelu": (lambda x: F.rrelu(x, r=P), (A,), lambda x: np.where(x >= 0, x, P * x)),
    "batch_renormalization": (lambda x, g, b: F.batch_renormalization(x, g, b, 1.0, 0.0, running_mean=A[0], running_var=P[1]), (B, P[0], U[0]), lambda x, g, b: g * (x - x.mean(0)) / np.sqrt(x.var(0) + 2e-5) + b),
    "fixed_batch_renormalization": (F.fixed_batch_renormalization, (A, P[0], B[0], A[0], P[1]), lambda x, g, b, m, v: g * (x - m) / np.sqrt(v + 2e-5) + b),
    "decorrelated_batch_normalization": (lambda x: F.decorrelated_batch_normalization(x, groups=2, eps=0.1), (IMAGE,), None),
    "fixed_decorrelated_batch_normalization": (lambda x, m, p: F.fixed_decorrelated_batch_normalization(x, m, p, groups=1), (A, B[0], M4), lambda x, m, p: (x - m) @ p.T),
    "linear": (F.linear, (A, B, P[:, 0]), lambda x, W, b: x @ W.T + b),
    "linear axes": (lambda x, W: F.linear(x, W, n_batch_axes=2), (A.reshape(3, 2, 2), B[:, :2]), lambda x, W: x @ W.T),
    "bilinear": (F.bilinear, (A, B[:, :2], rng.normal(size=(4, 2, 3)), A.T.copy(), B.T[:2].copy(), P[0, :3]), lambda a, b, W, V, V2, c: np.einsum("ij,ik,jkl->il", a, b, W) + a @ V + b @ V2 + c),
    "embed_id": (lambda W: F.embed_id(np.array([[0, 2], [2, 1]]), W), (A,), lambda W: W[[[0, 2], [2, 1]]]),
    "embed_id ignoring": (lambda W: F.embed_id(np.array([0, -1]), W, ignore_label=-1), (A,), lambda W: np.stack([W[0], 0 * W[0]])),
    "batch_normalization": (F.batch_normalization, (A, P[0], B[0]), lambda x, g, b: g * (x - x.mean(0)) / np.sqrt(x.var(0) + 2e-5) + b),
    "fixed_batch_normalization": (F.fixed_batch_normalization, (A, P[0], B[0], A[0], P[1]), lambda x, g, b, m, v: g * (x - m) / np.sqrt(v + 2e-5) + b),
    "layer_normalization": (F.layer_normalization, (A, P[0], B[0]), lambda x, g, b: g * (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) + b),
    "group_normalization": (lambda x, g, b: F.group_normalization(x, 2, g, b), (IMAGE, P[0], B[0]), None),
    "local_response_normalization": (lambda x: F.local_response_normalization(x, n=3), (A,), None),
    "normalize": (F.normalize, (A,), lambda x: x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-5)),
    "accuracy": (lambda x: F.accuracy(x, T), (A,), lambda x: (x.argmax(1) == T).mean()),
    "r2_score": (F.r2_score, (A[:, 0], B[:, 0]), lambda p, t: 1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()),
    "gaussian": (lambda m, v: F.gaussian(m, v, eps=B), (A, U), lambda m, v: m + np.exp(v / 2) * B),
    "dropout": (lambda x: F.dropout(x, 0.5, mask=2.0 * (B > 0)), (A,), lambda x: x * 2 * (B > 0)),
}  # fmt: skip


def test_every_function_is_here() -> None:
    covered = {name.split(" ")[0] for name in CASES}
    elsewhere = {
        "argmax", "argmin", "gumbel_softmax", "zoneout",
        "binary_accuracy", "classification_summary", "erfcx", "f1_score", "log_ndtr", "precision",
        "recall", "zeta",  # test_evaluation
        "forget",  # test_hooks
        # test_sequences
        "argmax_crf1d", "connectionist_temporal_classification", "crf1d", "slstm",
        "transpose_sequence", "tree_lstm",
        # test_windows, test_connections
        "im2col", "shift", "spatial_transformer_grid", "spatial_transformer_sampler",
    } | {  # fmt: skip
        f for f in F.__all__ if "conv" in f or "pooling" in f or "roi_" in f or "upsampling" in f
        or "n_step" in f
    }
    assert set(F.__all__) - covered - elsewhere == set()


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    f, args, reference = CASES[name]
    y = f(*map(Variable, args))
    if reference is not None:
        want = reference(*args)
        assert y.shape == np.shape(want)
        assert np.allclose(y.data, want, rtol=1e-11, atol=1e-13)
    with chainer.no_backprop_mode():  # another path: the function itself, not its program
        again = f(*map(Variable, args))
    assert np.allclose(y.data, again.data, rtol=1e-14, atol=1e-15)


def check_gradients(f: Callable[..., Any], args: tuple[Any, ...], tol: float = 2e-6) -> None:
    """First and second derivative along a random line, against central differences."""
    r = np.random.default_rng(5)
    xs = [Variable(np.array(a, dtype=float)) for a in args]
    y = f(*xs)
    w, h = r.normal(size=y.shape), 1e-5
    ds = [r.normal(size=a.shape) for a in args]
    us = [r.normal(size=a.shape) for a in args]

    def first(*values: Any) -> float:
        with chainer.no_backprop_mode():
            return float(np.sum(f(*map(Variable, values)).data * w))

    def slope(*values: Any) -> float:
        """The derivative along us, by the graph."""
        vs = [Variable(a) for a in values]
        gs = chainer.grad([F.sum(f(*vs) * w)], vs)
        return sum(float(np.sum(g.data * u)) for g, u in zip(gs, us, strict=True) if g is not None)

    gs = chainer.grad([F.sum(y * w)], xs, enable_double_backprop=True)
    got = sum(float(np.sum(g.data * d)) for g, d in zip(gs, ds, strict=True) if g is not None)
    want = _difference(first, args, ds, h)
    assert got == pytest.approx(want, rel=tol, abs=tol)
    total = F.add(*[F.sum(g * u) for g, u in zip(gs, us, strict=True)])
    hs = chainer.grad([total], xs)
    got = sum(float(np.sum(g.data * d)) for g, d in zip(hs, ds, strict=True) if g is not None)
    want = _difference(slope, args, ds, h)
    assert got == pytest.approx(want, rel=tol, abs=tol)


def _difference(f: Callable[..., float], args: Any, ds: Any, h: float) -> float:
    up = f(*[a + h * d for a, d in zip(args, ds, strict=True)])
    down = f(*[a - h * d for a, d in zip(args, ds, strict=True)])
    return (up - down) / (2 * h)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_two_orders(name: str) -> None:
    f, args, _ = CASES[name]
    check_gradients(f, args)


def test_integers_out() -> None:
    x = Variable(A)
    assert np.array_equal(F.argmax(x, axis=1).data, A.argmax(1))
    assert np.array_equal(F.argmin(x).data, A.argmin())


def test_depth2space_and_back() -> None:
    x = np.arange(2 * 8 * 3 * 2.0).reshape(2, 8, 3, 2)
    y = F.depth2space(Variable(x), 2)
    assert y.shape == (2, 2, 6, 4)
    assert np.array_equal(F.space2depth(y, 2).data, x)


def test_resize_images_keeps_corners_and_lines() -> None:
    y = np.linspace(0, 1, 5)[:, None] + np.linspace(0, 3, 6)[None, :]
    out = F.resize_images(Variable(y[None, None]), (9, 4)).data[0, 0]
    want = np.linspace(0, 1, 9)[:, None] + np.linspace(0, 3, 4)[None, :]
    assert np.allclose(out, want, rtol=1e-14)


def test_random_functions() -> None:
    np.random.seed(0)
    x = Variable(np.ones(4000))
    y, mask = F.dropout(x, 0.25, return_mask=True)
    assert set(np.round(np.unique(y.data), 12)) == {0.0, round(4 / 3, 12)}
    assert abs(np.mean(y.data) - 1) < 4 * math.sqrt(0.25 / 0.75 / 4000)
    F.sum(y).backward()
    assert np.array_equal(x.grad, mask)
    with chainer.using_config("train", False):
        assert F.dropout(x) is x
        assert np.allclose(F.zoneout(x, 3 * x, 0.25).data, 2.5)
    z = F.zoneout(x, 3 * x, 0.25).data
    assert abs(np.mean(z == 1) - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 4000)
    p = F.gumbel_softmax(Variable(np.log([[0.2, 0.8]] * 4000)), tau=0.01).data
    assert np.allclose(p.sum(1), 1)
    assert abs(p[:, 0].mean() - 0.2) < 4 * math.sqrt(0.16 / 4000)
    e = F.gaussian(Variable(np.zeros(4000)), Variable(np.full(4000, np.log(4.0)))).data
    assert abs(e.std() - 2) < 4 * 2 / math.sqrt(8000)
    with pytest.raises(ValueError, match="ratio"):
        F.dropout(x, 1.0)


def test_random_activations() -> None:
    np.random.seed(0)
    x = Variable(np.full((50, 40), -1.0))
    y, r = F.rrelu(x, 0.1, 0.3, return_r=True)
    assert np.array_equal(y.data, -r)
    assert 0.1 <= r.min() < r.max() < 0.3
    assert abs(r.mean() - 0.2) < 4 * 0.2 / math.sqrt(12 * r.size)
    with chainer.using_config("train", False):
        assert np.allclose(F.rrelu(x, 0.1, 0.3).data, -0.2)
    W = np.ones((3, 40))
    y = F.simplified_dropconnect(x, W, ratio=0.25).data  # 30 of 40 in the mean, times 4/3
    assert abs(y.mean() + 40) < 4 * 40 * math.sqrt(0.25 / 0.75 / (40 * 150))
    assert len(np.unique(y)) > 2
    y = F.simplified_dropconnect(x, W, ratio=0.25, use_batchwise_mask=False).data
    assert np.array_equal(y, np.tile(y[0], (50, 1)))


def test_sparse_matrices() -> None:
    x = (A > 0) * A
    assert np.array_equal(to_coo(x).to_dense(), x)
    assert to_coo(x, ldnz=12).data.shape == (12,)
    assert np.array_equal(to_coo(x, ldnz=12).to_dense(), x)
    with pytest.raises(ValueError, match="ldnz is 1"):
        to_coo(x, ldnz=1)
    stack = np.stack([x, (B > 0) * B])
    coo = to_coo(stack, ldnz=12)
    assert coo.data.shape == (2, 12)
    assert np.array_equal(coo.to_dense(), stack)
    y = F.sparse_matmul(coo, np.stack([B.T, A.T]))
    assert np.allclose(y.data, stack @ np.stack([B.T, A.T]), rtol=1e-13)
    with pytest.raises(TypeError, match="one of a and b must be a CooMatrix"):
        F.sparse_matmul(A, B)
    with pytest.raises(ValueError, match="ldnz is 1"):
        to_coo(stack, ldnz=1)
    with pytest.raises(ValueError, match="does not fit a sparse one"):
        F.sparse_matmul(to_coo(x), A)
    with pytest.raises(IndexError, match="row 3"):
        CooMatrix([1.0], [3], [0], (3, 3))


def test_walker_alias() -> None:
    np.random.seed(1)
    weights = np.array([3.0, 0.0, 1.0, 6.0])
    draws = WalkerAlias(weights).sample((100, 400))
    shares = np.bincount(draws.ravel(), minlength=4) / draws.size
    assert shares[1] == 0
    assert np.all(np.abs(shares - weights / 10) < 4 * np.sqrt(0.25 / draws.size))


def test_hierarchical_probabilities_add_up() -> None:
    tree = huffman_tree([5, 1, 1, 9, 2])
    assert tree == (3, ((4, (1, 2)), 0))
    x, W = np.tile(A[0], (5, 1)), rng.normal(size=(4, 4))
    loss = F.binary_hierarchical_softmax(x, np.arange(5), W, tree, reduce="no").data
    assert np.exp(-loss).sum() == pytest.approx(1, rel=1e-13)
    with pytest.raises(IndexError, match="classes 0 to 5 of 5"):
        F.binary_hierarchical_softmax(x, np.array([0, 1, 2, 3, 5]), W, tree)
    with pytest.raises(ValueError, match="needs 4 rows of W"):
        F.binary_hierarchical_softmax(x, np.arange(5), W[:3], tree)
    with pytest.raises(ValueError, match="twice"):
        F.binary_hierarchical_softmax(x, np.arange(5), W, ((0, 1), 0))


def test_negative_samples_are_returned() -> None:
    W, t = M4, np.array([1, -1, 3])
    loss, samples = F.negative_sampling(
        A, t, W, lambda shape: np.zeros(shape, int), 3, "no", return_samples=True
    )
    assert np.array_equal(samples, [[1, 0, 0, 0], [0, 0, 0, 0], [3, 0, 0, 0]])
    assert loss.data[1] == 0
    again = F.negative_sampling(A, t, W, lambda shape: samples, 3)
    assert again.data == pytest.approx(loss.data.sum(), rel=1e-14)


def test_discriminative_loss() -> None:
    # two clusters around 0 and 3 along the first dimension, exactly; the third is absent
    e = np.zeros((1, 3, 1, 4))
    e[0, 0, 0] = [0.0, 0.4, 3.0, 3.4]
    found = F.discriminative_margin_based_clustering_loss(
        e, np.array([[[1, 1, 2, 2]]]), 0.1, 1.0, 3, norm=2, gamma=1.0
    )
    variance, distance, size = (float(v.data) for v in found)
    assert variance == pytest.approx(2 * 0.1**2 / 3)  # each is 0.2 from its mean
    assert distance == pytest.approx((2 - 0.2) ** 2 / 3)  # of 0.2 and nothing; 3.2 is far
    assert size == pytest.approx((0.2 + 3.2) / 3)


def test_decorrelation() -> None:
    x = rng.normal(size=(6, 4, 5)) * np.array([1, 2, 3, 4])[:, None] + 1
    x[:, 1] += x[:, 0]
    mean, projection = np.zeros((2, 2)), np.zeros((2, 2, 2))
    y = F.decorrelated_batch_normalization(
        x, groups=2, eps=0.0, running_mean=mean, running_projection=projection, decay=0.0
    ).data
    for k in (0, 2):
        part = np.moveaxis(y, 1, 0).reshape(4, -1)[k : k + 2]
        assert np.allclose(part.mean(1), 0, atol=1e-12)
        assert np.allclose(np.cov(part, ddof=0), np.eye(2), atol=1e-10)
    assert np.allclose(mean.ravel(), x.mean((0, 2)))
    fixed = F.fixed_decorrelated_batch_normalization(x, mean, projection * 29 / 30, groups=2)
    assert np.allclose(fixed.data, y, rtol=1e-10)
    with pytest.raises(ValueError, match="3 groups do not divide the 4 channels"):
        F.decorrelated_batch_normalization(x, groups=3)


def test_batch_renormalization() -> None:
    g, b, m, v = P[0], B[0], A[0].copy(), P[1].copy()
    free = F.batch_renormalization(A, g, b, 1e9, 1e9, running_mean=m, running_var=v)
    assert np.allclose(free.data, F.fixed_batch_normalization(A, g, b, m, v).data, rtol=1e-11)
    bound = F.batch_renormalization(
        A, g, b, 1.0, 0.0, running_mean=m, running_var=v, update_statistics=True
    )
    assert np.allclose(bound.data, F.batch_normalization(A, g, b).data, rtol=1e-11)
    assert np.allclose(m, 0.9 * A[0] + 0.1 * A.mean(0))
    assert np.allclose(v, 0.9 * P[1] + 0.1 * A.var(0, ddof=1))


def test_running_statistics() -> None:
    mean, var = np.zeros(4), np.ones(4)
    F.batch_normalization(A, np.ones(4), np.zeros(4), running_mean=mean, running_var=var)
    assert np.allclose(mean, 0.1 * A.mean(0))
    assert np.allclose(var, 0.9 + 0.1 * A.var(0, ddof=1))
    with pytest.raises(TypeError, match="must be NumPy arrays, got Variable"):
        F.batch_normalization(A, np.ones(4), np.zeros(4), running_mean=Variable(np.zeros(4)))


def test_extremes() -> None:
    big = Variable(np.array([-1e4, -800.0, 0.0, 800.0, 1e4]))
    for f, want in (
        (F.softplus, [0, 0, math.log(2), 800, 1e4]),
        (F.sigmoid, [0, 0, 0.5, 1, 1]),
        (lambda x: F.logsumexp(x), 1e4),
        (lambda x: F.softmax(x, axis=0), [0, 0, 0, 0, 1]),
    ):
        y = f(big)
        assert np.allclose(y.data, want)
        (g,) = chainer.grad([F.sum(y)], [big], enable_double_backprop=True)
        (gg,) = chainer.grad([F.sum(g * big.data)], [big])
        assert np.all(np.isfinite(g.data))
        assert gg is None or np.all(np.isfinite(gg.data))


def test_clear_errors() -> None:
    x = Variable(A)
    with pytest.raises(ValueError, match="reduce must be one of"):
        F.bernoulli_nll(A, x, reduce="men")
    with pytest.raises(ValueError, match="no multiple of 3"):
        F.maxout(x, 3)
    with pytest.raises(ValueError, match=r"bias: an array of shape \(3,\)"):
        F.bias(x, np.ones(3))
    with pytest.raises(ValueError, match="no permutation"):
        F.permutate(x, np.array([0, 0, 1]))
    with pytest.raises(IndexError, match="elements 0 to 12 of an array of 12"):
        F.as_strided(x, (13,), (1,))
    with pytest.raises(ValueError, match="one device"):
        F.copy(x, 0)
    with pytest.raises(ValueError, match="soft_target_loss"):
        F.softmax_cross_entropy(x, A, soft_target_loss="mse")
    with pytest.raises(ValueError):
        x + np.ones(5)
