"""Adafactor: the second moment of a matrix as the outer product of its rows' and columns' means.

Shazeer & Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018): for an
n × m matrix n + m numbers are kept instead of n m. The decay 1 - t^-0.8 needs no correction of the
start; updates are clipped by their root mean square and scaled by that of the parameters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.averaging import ema
from bibun.optim.base import GradientTransformation, chain, need_params, safe_increment
from bibun.optim.clipping import clip_by_block_rms
from bibun.optim.decay import add_decayed_weights
from bibun.optim.moments import squared
from bibun.optim.scaling import scale, scale_by_learning_rate, scale_by_param_block_rms


class FactoredState(NamedTuple):
    """Step count; means of squares over rows and over columns; all squares, where not factored."""

    count: Any
    v_row: Any
    v_col: Any
    v: Any


def _factored_axes(shape: tuple[int, ...], smallest: int) -> tuple[int, int] | None:
    """The second largest and the largest axis, if both have `smallest` elements or more."""
    if len(shape) < 2:
        return None
    order = np.argsort(shape, kind="stable")
    if shape[order[-2]] < smallest:
        return None
    return int(order[-2]), int(order[-1])


def scale_by_factored_rms(
    factored: bool = True, decay_rate: float = 0.8, step_offset: int = 0,
    min_dim_size_to_factor: int = 128, epsilon: float = 1e-30,
) -> GradientTransformation:  # fmt: skip
    """Updates over the root of a running mean of their squares, factored for large matrices.

    The mean decays with 1 - (t - `step_offset`)^-`decay_rate`, t = 1, 2, … An array is factored
    over its two largest axes, if both have at least `min_dim_size_to_factor` elements.
    """

    def axes_of(x: Any) -> tuple[int, int] | None:
        return _factored_axes(bnp.shape(x), min_dim_size_to_factor) if factored else None

    def init(params: Any) -> FactoredState:
        def zeros(p: Any, kept: str) -> Any:
            p, axes = bnp.asarray(p) * 1.0, axes_of(p)
            if (kept == "all") != (axes is None):
                return bnp.zeros((1,), dtype=p.dtype)
            if axes is None:
                return bnp.zeros_like(p)
            return bnp.zeros(tuple(np.delete(p.shape, axes[1 if kept == "row" else 0])), p.dtype)

        return FactoredState(
            bnp.asarray(0), *(tree.map(lambda p, k=k: zeros(p, k), params)
                              for k in ("row", "column", "all"))
        )  # fmt: skip

    def update(updates: Any, state: FactoredState, params: Any = None) -> Any:
        need_params(params, "scale_by_factored_rms")
        decay = 1.0 - (bnp.asarray(state.count - step_offset) + 1.0) ** -decay_rate

        def one(g: Any, row: Any, col: Any, full: Any) -> tuple[Any, Any, Any, Any]:
            g = bnp.asarray(g)
            square, axes = squared(g) + epsilon, axes_of(g)

            def mean(old: Any, new: Any) -> Any:
                return (decay * old + (1.0 - decay) * new).astype(old.dtype)

            if axes is None:
                full = mean(full, square)
                return g / bnp.sqrt(full), row, col, full
            d1, d0 = axes
            row, col = mean(row, bnp.mean(square, axis=d0)), mean(col, bnp.mean(square, axis=d1))
            relative = row / bnp.mean(row, axis=d1 - (d1 > d0), keepdims=True)
            below = bnp.sqrt(bnp.expand_dims(relative, d0)) * bnp.sqrt(bnp.expand_dims(col, d1))
            return g / below, row, col, full

        results = [
            one(*leaves) for leaves in zip(
                *(tree.leaves(t) for t in (updates, state.v_row, state.v_col, state.v)),
                strict=True,
            )
        ]  # fmt: skip
        structure = tree.structure(updates)
        out, row, col, full = (
            tree.unflatten(structure, [r[k] for r in results]) for k in range(4)
        )
        return out, FactoredState(safe_increment(state.count), row, col, full)

    return GradientTransformation(init, update)


def adafactor(
    learning_rate: Any = None, min_dim_size_to_factor: int = 128, decay_rate: float = 0.8,
    decay_offset: int = 0, multiply_by_parameter_scale: bool = True,
    clipping_threshold: float | None = 1.0, momentum: float | None = None,
    dtype_momentum: Any = None, weight_decay_rate: float | None = None, eps: float = 1e-30,
    factored: bool = True, weight_decay_mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Adafactor: little memory for large matrices.

    `learning_rate`: relative to the root mean square of each leaf of the parameters
    (`multiply_by_parameter_scale`), None for 1. `weight_decay_rate` is not multiplied by it.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> tx = optim.adafactor(0.1)
    >>> p = bnp.full(3, 2.0)
    >>> tx.update(bnp.array([1.0, -3.0, 5.0]), tx.init(p), p)[0].tolist()
    [-0.2, 0.2, -0.2]
    """
    links: list[Any] = [
        scale_by_factored_rms(factored, decay_rate, decay_offset, min_dim_size_to_factor, eps)
    ]
    if clipping_threshold is not None:
        links.append(clip_by_block_rms(clipping_threshold))
    if learning_rate is not None:
        links.append(scale_by_learning_rate(learning_rate, flip_sign=False))
    if multiply_by_parameter_scale:
        links.append(scale_by_param_block_rms())
    if momentum is not None:
        links.append(ema(momentum, debias=False, accumulator_dtype=dtype_momentum))
    if weight_decay_rate is not None:
        links.append(add_decayed_weights(weight_decay_rate, weight_decay_mask))
    return chain(*links, scale(-1.0))
