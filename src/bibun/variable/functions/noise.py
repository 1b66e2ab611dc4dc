"""Noise while training: what is drawn comes from `numpy.random`, so `numpy.random.seed` counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.errors import TracerError
from bibun.scipy.special import softmax
from bibun.trace.core import concrete
from bibun.variable.configuration import config
from bibun.variable.functions._common import function
from bibun.variable.variable import Variable, as_variable


def drawn(
    x: Variable, name: str, keyword: str | None, draw: Any, beside: Iterable[Any] = ()
) -> np.ndarray:
    """`draw` of the shape of x, in its dtype.

    Errors: TracerError where x, or one of the arguments `beside` it, is a tracer.
    """
    if any(concrete(v.value) is None for v in (x, *map(as_variable, beside))):
        raise TracerError(
            f"{name} draws from numpy.random, which a compiled function would do once and for all."
            + (f" Draw outside and pass {keyword}=" if keyword else " Call it outside")
        )
    return np.asarray(draw(x.shape), x.dtype)


def dropout(x: Any, ratio: float = 0.5, *, mask: Any = None, return_mask: bool = False) -> Any:
    """x with a share `ratio` of its elements set to zero and the rest scaled up.

    Outside of training (`using_config('train', False)`) x itself. Drawn from `numpy.random`
    unless `mask` is given; `return_mask` returns (y, mask).
    """
    x = as_variable(x)
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"dropout: ratio must be in [0, 1), got {ratio}")
    if not config.train:
        return (x, None) if return_mask else x
    if mask is None:
        draw = lambda shape: (np.random.rand(*shape) >= ratio) / (1.0 - ratio)  # noqa: E731
        mask = drawn(x, "dropout", "mask", draw)
    y = x * mask
    return (y, mask) if return_mask else y


@function
def _gaussian(mean: Any, ln_var: Any, eps: Any) -> Any:
    return mean + bnp.exp(0.5 * ln_var) * eps


def gaussian(mean: Any, ln_var: Any, *, eps: Any = None, return_eps: bool = False) -> Any:
    """A draw from a normal distribution, differentiable in mean and log variance."""
    mean = as_variable(mean)
    if eps is None:
        eps = drawn(mean, "gaussian", "eps", np.random.standard_normal, (ln_var,))
    y = _gaussian(mean, ln_var, eps)
    return (y, eps) if return_eps else y


@function
def _tempered(log_pi: Any, noise: Any, tau: float, axis: int) -> Any:
    return softmax((log_pi + noise) / tau, axis)


def gumbel_softmax(log_pi: Any, tau: float = 0.1, axis: int = 1) -> Variable:
    """A differentiable draw of a one-hot vector, at temperature tau. (Jang et al. 2017.)"""
    log_pi = as_variable(log_pi)
    noise = drawn(log_pi, "gumbel_softmax", None, lambda s: np.random.gumbel(size=s))
    return _tempered(log_pi, noise, tau, axis)


def zoneout(h: Any, x: Any, ratio: float = 0.5) -> Variable:
    """Elements of h with probability `ratio`, else of x; their mean outside of training."""
    h, x = as_variable(h), as_variable(x)
    if not config.train:
        return h * ratio + x * (1.0 - ratio)
    keep = drawn(h, "zoneout", None, lambda shape: np.random.rand(*shape) < ratio, (x,))
    return h * keep + x * (1 - keep)


@function
def _rrelu(x: Any, r: Any) -> Any:
    return bnp.where(x >= 0, x, r * x)


def rrelu(
    x: Any, l: float = 1.0 / 8, u: float = 1.0 / 3, *, r: Any = None, return_r: bool = False  # noqa: E741
) -> Any:
    """x where it is positive, else r · x with r drawn from [l, u), its mean outside of training.

    r: an array of the shape of x instead of the draw; return_r: (y, r). (Xu et al. 2015.)
    """
    x = as_variable(x)
    if r is None:
        if config.train:
            r = drawn(x, "rrelu", "r", lambda shape: np.random.uniform(l, u, shape))
        else:
            r = np.full(x.shape, (l + u) / 2, x.dtype)
    y = _rrelu(x, r)
    return (y, r) if return_r else y


@function
def _masked_linear(x: Any, W: Any, b: Any, mask: Any) -> Any:
    rows = bnp.reshape(x, (x.shape[0], -1))
    kept = W * mask
    y = rows @ kept.T if kept.ndim == 2 else bnp.einsum("nj,nij->ni", rows, kept)
    return y if b is None else y + b


def simplified_dropconnect(
    x: Any, W: Any, b: Any = None, ratio: float = 0.5, train: bool = True, mask: Any = None,
    use_batchwise_mask: bool = True,
) -> Variable:  # fmt: skip
    """x Wᵀ + b where a share `ratio` of W's elements is zero and the rest scaled up.

    `use_batchwise_mask`: drawn for each row of x. mask: what is kept, (batch, out, in) or
    (out, in). Without `train`, W as it is. (Wan et al. 2013.)
    """
    x, W = as_variable(x), as_variable(W)
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"simplified_dropconnect: ratio must be in [0, 1), got {ratio}")
    if not train:
        ratio, mask = 0.0, np.ones(W.shape)
    if mask is None:
        lead = x.shape[:1] if use_batchwise_mask else ()
        mask = drawn(x, "simplified_dropconnect", "mask",
                     lambda _: np.random.rand(*lead, *W.shape) >= ratio,
                     (W, *(() if b is None else (b,))))  # fmt: skip
    kept = np.asarray(as_variable(mask).array) / (1.0 - ratio)
    return _masked_linear(x, W, b, kept.astype(W.dtype))


__all__ = ["dropout", "gaussian", "gumbel_softmax", "rrelu", "simplified_dropconnect", "zoneout"]
