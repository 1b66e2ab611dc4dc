"""Attention (Vaswani et al. 2017): softmax(q·kᵀ / √depth) v, and its layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.nn.activations import softmax
from bibun.nn.initializers import zeros
from bibun.nn.linear import LinearGeneral, default_kernel_init, promote
from bibun.nn.module import Module
from bibun.nn.normalization import LayerNorm
from bibun.nn.regularization import dropped
from bibun.nn.rngs import Rngs, stream_of
from bibun.nn.variables import Cache, Intermediate
from bibun.scipy.special import logsumexp


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    broadcast_dropout: bool = True,
    dropout_rng: Any = None,
    dropout_rate: float = 0.0,
    deterministic: bool = False,
    dtype: Any = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    query_seq_lengths: Any = None,
    key_value_seq_lengths: Any = None,
    local_window_size: int | tuple[int, int] | None = None,
    implementation: str | None = None,
    return_residual: bool = False,
    module: Any = None,
) -> Any:
    """Attention of queries (..., T, N, H) to keys and values (..., S, K, H); (..., T, N, H).

    N heads; K divides N, and each head of keys serves N / K of queries. `bias`, `mask` (true:
    attend) broadcast to (..., N, T, S). `is_causal`: no query sees a later key. Lengths: how many
    of T and S are there, for each example; `local_window_size`: how many keys to the left and
    right. A row that attends to nothing is 0. `implementation`: there is one, None or "xla".
    `return_residual`: also log Σ exp of the scores, (..., T, N). `module`: note the weights there.

    >>> import bibun.numpy as bnp
    >>> from bibun import nn
    >>> q = bnp.zeros((1, 2, 1, 1)); v = bnp.array([1.0, 3.0]).reshape(1, 2, 1, 1)
    >>> nn.dot_product_attention(q, q, v, is_causal=True).ravel()
    Array([1., 2.], dtype=float64)
    """
    if implementation not in (None, "xla"):
        raise ValueError(
            f"dot_product_attention: implementation must be None or 'xla', got {implementation!r}"
        )
    query, key, value = promote(dtype, query, key, value)
    if query.ndim < 3 or query.ndim != key.ndim or key.shape[:-1] != value.shape[:-1]:
        raise ValueError(
            "dot_product_attention wants (..., length, heads, depth) for query, key and value, "
            f"with the same places for key and value; got {query.shape}, {key.shape}, {value.shape}"
        )
    (*batch, t, heads, depth), s, shared = query.shape, key.shape[-3], key.shape[-2]
    if heads % shared:
        raise ValueError(f"{shared} heads of keys do not divide {heads} heads of queries")
    if shared != heads:
        key, value = (bnp.repeat(a, heads // shared, axis=-2) for a in (key, value))
    scale = 1 / math.sqrt(depth) if scale is None else scale
    b = tuple(range(len(batch)))
    n = len(batch)
    scores = lax.dot_general(query * scale, key, (((n + 2,), (n + 2,)), ((*b, n + 1), (*b, n + 1))))
    if bias is not None:
        scores = scores + bias
    allowed = mask
    i, j = bnp.arange(t)[:, None], bnp.arange(s)[None, :]
    rules = []
    if is_causal:
        rules.append(i >= j)
    if local_window_size is not None:
        left, right = (local_window_size,) * 2 if isinstance(local_window_size, int) else (
            local_window_size)  # fmt: skip
        rules.append((i - j <= left) & (j - i <= right))
    for lengths, places in ((query_seq_lengths, i), (key_value_seq_lengths, j)):
        if lengths is not None:
            rules.append(places < bnp.asarray(lengths)[..., None, None, None])
    for rule in rules:
        allowed = rule if allowed is None else bnp.logical_and(allowed, rule)
    if allowed is not None:
        allowed = bnp.broadcast_to(allowed, scores.shape)
        some = bnp.any(allowed, axis=-1, keepdims=True)
        weights = bnp.where(allowed, softmax(bnp.where(allowed | ~some, scores, -bnp.inf)), 0)
    else:
        weights = softmax(scores)
    if return_residual:
        seen = scores if allowed is None else bnp.where(allowed, scores, -bnp.inf)
        residual = bnp.swapaxes(logsumexp(seen, axis=-1), -1, -2)
    if module is not None:
        module.sow(Intermediate, "attention_weights", weights)
    if not deterministic and dropout_rate > 0:
        if dropout_rng is None:
            raise ValueError("dot_product_attention: dropout needs dropout_rng, a random key")
        shared_axes = tuple(range(len(batch) + 1)) if broadcast_dropout else ()
        weights = dropped(weights, dropout_rng, dropout_rate, shared_axes)
    out = lax.dot_general(weights, value, (((n + 2,), (n,)), ((*b, n), (*b, n + 1))))
    out = bnp.swapaxes(out, -2, -3)
    return (out, residual) if return_residual else out


class MultiHeadAttention(Module):
    """Attention with projections: queries, keys and values of `num_heads` heads, and an output.

    `qkv_features`, `out_features`: `in_features` unless given. Inputs are (..., length,
    features); keys are the queries, and values the keys, unless given. `decode`: one step at a
    time, with keys and values remembered (`init_cache` first). `attention_fn`: in the place of
    `dot_product_attention`, called with (query, key, value) and its keywords.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layer = nn.MultiHeadAttention(2, 8, rngs=nn.Rngs(0), decode=False)
    >>> layer(bnp.ones((4, 3, 8)), is_causal=True).shape
    (4, 3, 8)
    """

    def __init__(
        self,
        num_heads: int,
        in_features: int,
        qkv_features: int | None = None,
        out_features: int | None = None,
        num_kv_heads: int | None = None,
        in_kv_features: int | None = None,
        *,
        dtype: Any = None,
        param_dtype: Any = None,
        broadcast_dropout: bool = True,
        dropout_rate: float = 0.0,
        deterministic: bool = False,
        kernel_init: Any = default_kernel_init,
        out_kernel_init: Any = None,
        bias_init: Any = zeros,
        out_bias_init: Any = None,
        use_bias: bool = True,
        attention_fn: Callable[..., Any] = dot_product_attention,
        decode: bool = False,
        normalize_qk: bool = False,
        rngs: Any,
    ) -> None:
        qkv_features = in_features if qkv_features is None else qkv_features
        if qkv_features % num_heads:
            raise ValueError(
                f"MultiHeadAttention: {num_heads} heads do not divide {qkv_features} features"
            )
        kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        depth = qkv_features // num_heads
        kv_in = in_features if in_kv_features is None else in_kv_features
        common: dict[str, Any] = {
            "dtype": dtype, "param_dtype": param_dtype, "use_bias": use_bias, "rngs": rngs,
        }  # fmt: skip
        inner = common | {"kernel_init": kernel_init, "bias_init": bias_init}
        self.query = LinearGeneral(in_features, (num_heads, depth), **inner)
        self.key = LinearGeneral(kv_in, (kv_heads, depth), **inner)
        self.value = LinearGeneral(kv_in, (kv_heads, depth), **inner)
        self.query_ln = self.key_ln = None
        if normalize_qk:
            norm = {"use_bias": False, "dtype": dtype, "param_dtype": param_dtype, "rngs": rngs}
            self.query_ln, self.key_ln = LayerNorm(depth, **norm), LayerNorm(depth, **norm)
        self.out = LinearGeneral(
            (num_heads, depth),
            in_features if out_features is None else out_features,
            axis=(-2, -1),
            kernel_init=out_kernel_init or kernel_init,
            bias_init=out_bias_init or bias_init,
            **common,
        )
        self.dropout_rate = dropout_rate
        self.broadcast_dropout = broadcast_dropout
        self.deterministic = deterministic
        self.attention_fn = attention_fn
        self.decode = decode
        self.dtype = dtype
        self.rngs = stream_of(rngs, "dropout").fork() if dropout_rate > 0 else None
        self.cached_key: Any = None
        self.cached_value: Any = None
        self.cache_index: Any = None

    def init_cache(self, input_shape: Sequence[int], dtype: Any = None) -> None:
        """Room for the keys and values of inputs (..., length, features)."""
        shape = (*input_shape[:-1], *self.key.out_features)
        dtype = self.key.kernel.value.dtype if dtype is None else dtype
        self.cached_key = Cache(bnp.zeros(shape, dtype))
        self.cached_value = Cache(bnp.zeros(shape, dtype))
        self.cache_index = Cache(bnp.zeros((), int))

    def __call__(
        self,
        inputs_q: Any,
        inputs_k: Any = None,
        inputs_v: Any = None,
        *,
        mask: Any = None,
        deterministic: bool | None = None,
        rngs: Any = None,
        sow_weights: bool = False,
        decode: bool | None = None,
        is_causal: bool = False,
    ) -> Any:
        if inputs_k is None:
            if inputs_v is not None:
                raise ValueError("inputs_v without inputs_k: give both, or inputs_k alone")
            inputs_k = inputs_q
        if inputs_v is None:
            inputs_v = inputs_k
        query, key, value = self.query(inputs_q), self.key(inputs_k), self.value(inputs_v)
        if self.query_ln is not None:
            query, key = self.query_ln(query), self.key_ln(key)
        if self.decode if decode is None else decode:
            key, value, mask = self._remember(key, value, mask)
        if deterministic is None:
            deterministic = self.deterministic
        rng = None
        if self.dropout_rate > 0 and not deterministic:
            source = self.rngs if rngs is None else (
                rngs.dropout if isinstance(rngs, Rngs) else rngs)  # fmt: skip
            rng = source() if callable(source) else source
        out = self.attention_fn(
            query, key, value, mask=mask, broadcast_dropout=self.broadcast_dropout,
            dropout_rng=rng, dropout_rate=self.dropout_rate, deterministic=deterministic,
            dtype=self.dtype, module=self if sow_weights else None,
            **({"is_causal": True} if is_causal else {}),
        )  # fmt: skip
        return self.out(out)

    def _remember(self, key: Any, value: Any, mask: Any) -> tuple[Any, Any, Any]:
        """All keys and values so far, with these added, and the mask of what is there."""
        if self.cache_index is None:
            raise ValueError("decode: call init_cache(input_shape) first")
        store = self.cached_key.value
        wanted = (*store.shape[:-3], 1, *store.shape[-2:])
        if key.shape != wanted:
            raise ValueError(f"decode: expected a key of shape {wanted}, got {key.shape}")
        now = self.cache_index.value
        start = [bnp.zeros((), now.dtype)] * store.ndim
        start[-3] = now
        for box, new in ((self.cached_key, key), (self.cached_value, value)):
            box.value = lax.dynamic_update_slice(box.value, new.astype(store.dtype), start)
        self.cache_index.value = now + 1
        seen = bnp.arange(store.shape[-3]) <= now
        mask = seen if mask is None else bnp.logical_and(mask, seen)
        return self.cached_key.value, self.cached_value.value, mask


def make_attention_mask(
    query_input: Any, key_input: Any, pairwise_fn: Any = bnp.multiply, extra_batch_dims: int = 0,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """A mask (..., 1, T, S) from (..., T) and (..., S), by a function of pairs."""
    query_input, key_input = bnp.asarray(query_input), bnp.asarray(key_input)
    mask = pairwise_fn(query_input[..., :, None], key_input[..., None, :])
    mask = bnp.expand_dims(mask, (*range(extra_batch_dims), mask.ndim + extra_batch_dims - 2))
    return mask.astype(float if dtype is None else dtype)


def make_causal_mask(x: Any, extra_batch_dims: int = 0, dtype: Any = None) -> Any:
    """A mask (..., 1, T, T) for an input (..., T): each place sees itself and those before.

    >>> import bibun.numpy as bnp
    >>> from bibun import nn
    >>> nn.make_causal_mask(bnp.ones(2), dtype=int)
    Array([[[1, 0],
            [1, 1]]], dtype=int64)
    """
    places = bnp.broadcast_to(bnp.arange(bnp.shape(x)[-1]), bnp.shape(x))
    return make_attention_mask(places, places, bnp.greater_equal, extra_batch_dims, dtype)


def combine_masks(*masks: Any, dtype: Any = None) -> Any:
    """What all masks allow; None ones are left out."""
    given = [m for m in masks if m is not None]
    if not given:
        return None
    out = given[0]
    for m in given[1:]:
        out = bnp.logical_and(out, m)
    return out.astype(float if dtype is None else dtype)
