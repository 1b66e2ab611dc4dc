"""Dropout (Srivastava et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bibun import numpy as bnp
from bibun import random
from bibun.nn.module import Module
from bibun.nn.rngs import RngStream, stream_of


class Dropout(Module):
    """Zero a fraction `rate` of the entries, and scale the others by 1 / (1 - rate).

    `deterministic` (or `model.eval()`): leave the input as it is. `broadcast_dims`: axes along
    which one draw counts. Keys come from the stream `rng_collection` of `rngs`, given here or
    with the call. Errors: ValueError without any.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> drop = nn.Dropout(0.5, rngs=nn.Rngs(0))
    >>> sorted(set(drop(bnp.ones(100)).tolist()))
    [0.0, 2.0]
    >>> drop.eval(); float(drop(bnp.ones(3)).sum())
    3.0
    """

    def __init__(
        self,
        rate: float,
        *,
        broadcast_dims: Sequence[int] = (),
        deterministic: bool = False,
        rng_collection: str = "dropout",
        rngs: Any = None,
    ) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate must be between 0 and 1, got {rate}")
        self.rate = rate
        self.broadcast_dims = tuple(broadcast_dims)
        self.deterministic = deterministic
        self.rng_collection = rng_collection
        stream = None if rngs is None else stream_of(rngs, rng_collection)
        self.rngs = stream.fork() if isinstance(stream, RngStream) else stream

    def __call__(self, x: Any, *, deterministic: bool | None = None, rngs: Any = None) -> Any:
        if deterministic is None:
            deterministic = self.deterministic
        if self.rate == 0 or deterministic:
            return x
        x = bnp.asarray(x)
        if self.rate == 1:
            return bnp.zeros_like(x)
        source = self.rngs if rngs is None else stream_of(rngs, self.rng_collection)
        if source is None:
            raise ValueError(
                "Dropout that is not deterministic needs random keys: give rngs=nn.Rngs(...) here "
                "or when it is made"
            )
        key = source() if isinstance(source, RngStream) else source
        return dropped(x, key, self.rate, self.broadcast_dims)


def dropped(x: Any, key: Any, rate: float, broadcast_dims: Sequence[int] = ()) -> Any:
    """`x` with a fraction `rate` of its entries zero, the others scaled."""
    shape = list(x.shape)
    for axis in broadcast_dims:
        shape[axis] = 1
    keep = random.bernoulli(key, 1 - rate, tuple(shape))
    return bnp.where(keep, x / (1 - rate), bnp.zeros_like(x))
