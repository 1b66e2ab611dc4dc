"""Affine layers: `Linear`, `LinearGeneral`, `Einsum`, `Embed`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.nn.initializers import lecun_normal, variance_scaling, zeros
from bibun.nn.module import Module
from bibun.nn.rngs import stream_of
from bibun.nn.variables import Param, Variable

default_kernel_init = lecun_normal()
default_embed_init = variance_scaling(1.0, "fan_in", "normal", out_axis=0)


def promote(dtype: Any, *arrays: Any) -> list[Any]:
    """Inputs and parameters in the dtype of computation: `dtype`, or the one they promote to."""
    # (a tracer of vmap has a `value` of its own: only a Variable's is meant)
    bare = (a.value if isinstance(a, Variable) else a for a in arrays)
    arrays = tuple(a if a is None else bnp.asarray(a) for a in bare)
    if dtype is None:
        dtype = bnp.result_type(*(a for a in arrays if a is not None))
        if bnp.dtype(dtype).kind not in "fc":
            dtype = bnp.promote_types(dtype, float)
    return [a if a is None else a.astype(dtype) for a in arrays]


class Linear(Module):
    """`x @ kernel + bias`: (..., in_features) to (..., out_features).

    Parameters are float64 unless `param_dtype` says otherwise; `dtype`: that of the computation.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.Linear(3, 2, rngs=nn.Rngs(0))(bnp.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        use_bias: bool = True,
        dtype: Any = None,
        param_dtype: Any = None,
        kernel_init: Any = default_kernel_init,
        bias_init: Any = zeros,
        rngs: Any,
    ) -> None:
        key = stream_of(rngs, "params")
        self.kernel = Param(kernel_init(key(), (in_features, out_features), param_dtype))
        self.bias = Param(bias_init(key(), (out_features,), param_dtype)) if use_bias else None
        self.in_features = in_features
        self.out_features = out_features
        self.use_bias = use_bias
        self.dtype = dtype

    def __call__(self, x: Any) -> Any:
        x, kernel, bias = promote(self.dtype, x, self.kernel, self.bias)
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"Linear({self.in_features}, {self.out_features}) got an input of shape {x.shape}: "
                f"its last axis must be {self.in_features}"
            )
        y = x @ kernel
        return y if bias is None else y + bias


def _many(x: int | Sequence[int]) -> tuple[int, ...]:
    return (x,) if isinstance(x, int) else tuple(x)


class LinearGeneral(Module):
    """A linear map of several axes to several: `axis` of the input to `out_features` at the end.

    `batch_axis`: {axis: size} of axes with a kernel each, which stay in front.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.LinearGeneral((2, 3), (4, 5), axis=(1, 2), rngs=nn.Rngs(0))(bnp.ones((7, 2, 3))).shape
    (7, 4, 5)
    """

    def __init__(
        self,
        in_features: int | Sequence[int],
        out_features: int | Sequence[int],
        *,
        axis: int | Sequence[int] = -1,
        batch_axis: dict[int, int] | None = None,
        use_bias: bool = True,
        dtype: Any = None,
        param_dtype: Any = None,
        kernel_init: Any = default_kernel_init,
        bias_init: Any = zeros,
        rngs: Any,
    ) -> None:
        self.in_features = _many(in_features)
        self.out_features = _many(out_features)
        self.axis = _many(axis)
        if len(self.axis) != len(self.in_features):
            raise ValueError(f"LinearGeneral: {len(self.axis)} axes for {self.in_features}")
        batch_axis = batch_axis or {}
        self.batch_axis = tuple(batch_axis)
        sizes = tuple(batch_axis.values())
        n_batch, n_in = math.prod(sizes), math.prod(self.in_features)
        n_out = math.prod(self.out_features)
        key = stream_of(rngs, "params")

        # Fans are those of the matrix that the map is, so it is drawn as one.
        flat = kernel_init(key(), (n_batch * n_in, n_out), param_dtype) if not sizes else bnp.stack(
            [kernel_init(key(), (n_in, n_out), param_dtype) for _ in range(n_batch)])  # fmt: skip
        self.kernel = Param(bnp.reshape(flat, (*sizes, *self.in_features, *self.out_features)))
        shape = (*sizes, *self.out_features)
        self.bias = Param(bias_init(key(), shape, param_dtype)) if use_bias else None
        self.dtype = dtype

    def __call__(self, x: Any) -> Any:
        x, kernel, bias = promote(self.dtype, x, self.kernel, self.bias)
        axes = tuple(a % x.ndim for a in self.axis)
        batch = tuple(a % x.ndim for a in self.batch_axis)
        if tuple(x.shape[a] for a in axes) != self.in_features:
            raise ValueError(
                f"LinearGeneral wants {self.in_features} on axes {self.axis}, got {x.shape}"
            )
        n = len(batch)
        numbers = ((axes, tuple(range(n, n + len(axes)))), (batch, tuple(range(n))))
        y = lax.dot_general(x, kernel, numbers)
        if bias is None:
            return y
        # batch axes are in front; those of x in between; the features at the end
        middle = y.ndim - bias.ndim
        return y + bnp.reshape(bias, (*bias.shape[:n], *[1] * middle, *bias.shape[n:]))


class Einsum(Module):
    """`einsum(einsum_str, x, kernel) + bias`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layer = nn.Einsum("nta,hab->nthb", (8, 2, 4), (8, 4), rngs=nn.Rngs(0))
    >>> layer(bnp.ones((16, 11, 2))).shape
    (16, 11, 8, 4)
    """

    def __init__(
        self,
        einsum_str: str,
        kernel_shape: Sequence[int],
        bias_shape: Sequence[int] | None = None,
        *,
        dtype: Any = None,
        param_dtype: Any = None,
        kernel_init: Any = default_kernel_init,
        bias_init: Any = zeros,
        rngs: Any,
    ) -> None:
        einsum_str = einsum_str.replace(" ", "")
        if "->" not in einsum_str or einsum_str.count(",") != 1:
            raise ValueError(f"Einsum wants 'inputs,kernel->outputs', got {einsum_str!r}")
        key = stream_of(rngs, "params")
        self.kernel = Param(kernel_init(key(), tuple(kernel_shape), param_dtype))
        self.bias = None
        if bias_shape is not None:
            self.bias = Param(bias_init(key(), tuple(bias_shape), param_dtype))
        self.einsum_str = einsum_str
        self.dtype = dtype

    def __call__(self, x: Any) -> Any:
        x, kernel, bias = promote(self.dtype, x, self.kernel, self.bias)
        y = bnp.einsum(self.einsum_str, x, kernel)
        if bias is None:
            return y
        # the bias has the axes that outputs and kernel share, in the order of the outputs
        inputs, outputs = self.einsum_str.split("->")
        own = inputs.split(",")[1].replace("...", "")
        axes = [k - len(outputs) for k, c in enumerate(outputs) if c in own]
        shape = [1] * (1 - min(axes) - 1) if axes else []
        for a, n in zip(axes, bias.shape, strict=True):
            shape[a] = n
        return y + bnp.reshape(bias, shape)


class Embed(Module):
    """A row of a table for each integer: shape (...) to (..., features).

    Errors: IndexError for an index outside the table.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.Embed(10, 3, rngs=nn.Rngs(0))(bnp.array([[1, 2], [3, 4]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        features: int,
        *,
        dtype: Any = None,
        param_dtype: Any = None,
        embedding_init: Any = default_embed_init,
        rngs: Any,
    ) -> None:
        key = stream_of(rngs, "params")
        self.embedding = Param(embedding_init(key(), (num_embeddings, features), param_dtype))
        self.num_embeddings = num_embeddings
        self.features = features
        self.dtype = dtype

    def __call__(self, x: Any) -> Any:
        x = bnp.asarray(x)
        if x.dtype.kind not in "iu":
            raise TypeError(f"Embed wants integers, got {x.dtype}")
        (table,) = promote(self.dtype, self.embedding)
        return table[x]

    def attend(self, query: Any) -> Any:
        """Scores of the rows against queries: (..., features) to (..., num_embeddings)."""
        query, table = promote(self.dtype, query, self.embedding)
        return query @ table.T


class PReLU(Module):
    """x where it is positive, else slope · x with a learnt slope. (He et al. 2015.)

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.PReLU()(bnp.array([-2.0, 3.0]))
    Array([-0.02,  3.  ], dtype=float64)
    """

    def __init__(self, negative_slope_init: float = 0.01, param_dtype: Any = None) -> None:
        self.negative_slope = Param(bnp.full((), negative_slope_init, param_dtype or float))

    def __call__(self, x: Any) -> Any:
        x = bnp.asarray(x)
        return bnp.where(x >= 0, x, self.negative_slope.value.astype(x.dtype) * x)
