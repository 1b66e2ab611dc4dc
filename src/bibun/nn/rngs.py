"""Streams of random keys that count what they have given.

`rngs.params()` is `fold_in(key of the stream, how many were given before)`: a module asks
for a key whenever it needs one, and the same seed gives the same keys in the same order. Keys
and counts are Variables, so a compiled step moves the streams on as a plain one does.
The keys are those of flax.nnx for the same seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bibun import numpy as bnp
from bibun import random
from bibun.array import Value
from bibun.dtypes import KEY
from bibun.nn.graph import Object
from bibun.nn.variables import RngCount, RngKey, Variable


class RngStream(Object):
    """One stream: calling it gives the next key."""

    def __init__(self, key: Any, *, tag: str = "default") -> None:
        if isinstance(key, Variable):
            key = key.value
        if isinstance(key, int) or (isinstance(key, Value) and key.dtype.kind in "iu"
                                    and key.ndim == 0):  # fmt: skip
            key = random.key(key)
        if isinstance(key, Value) and key.dtype.kind == "u":
            key = random.wrap_key_data(key)
        if not (isinstance(key, Value) and key.dtype == KEY):
            raise TypeError(f"the stream {tag!r} wants a seed or a key, got {key!r}")
        self.tag = tag
        self.key = RngKey(key, tag=tag)
        self.count = RngCount(bnp.zeros(key.shape, dtype=bnp.uint32), tag=tag)

    def __call__(self) -> Any:
        key = random.fold_in(self.key.value, self.count.value)
        self.count.value = self.count.value + bnp.uint32(1)
        return key

    last = property(lambda self: self.key.value, doc="The stream's own key.")

    def split(self, k: int | tuple[int, ...]) -> RngStream:
        """A stream of k keys, for a mapped axis."""
        return RngStream(random.split(self(), k), tag=self.tag)

    def fork(self) -> RngStream:
        """A new stream from the next key of this one."""
        return RngStream(self(), tag=self.tag)


class Rngs(Object):
    """Named streams of random keys: `Rngs(0)`, `Rngs(params=0, dropout=1)`.

    `rngs.dropout()` is the next key of that stream, or of `default` where it has no stream of
    that name. Errors: AttributeError where it has neither.

    >>> from bibun import nn, random
    >>> rngs = nn.Rngs(0, dropout=1)
    >>> a, b = rngs.params(), rngs.params()
    >>> bool((random.key_data(a) == random.key_data(b)).all()), int(rngs.default.count.value)
    (False, 2)
    """

    def __init__(self, default: Any = None, **rngs: Any) -> None:
        if isinstance(default, Mapping):
            rngs = {**default, **rngs}
        elif default is not None:
            rngs["default"] = default
        for tag, key in rngs.items():
            if isinstance(key, RngStream):
                key = key.key.value
            setattr(self, tag, RngStream(key, tag=tag))

    def _stream(self, name: str, error: type[Exception]) -> RngStream:
        held = self.__dict__
        if name in held or "default" in held:
            return held[name if name in held else "default"]
        raise error(
            f"there is no stream {name!r} and no default; there are {sorted(held)}. "
            f"Make it with Rngs({name}=seed), or Rngs(seed) for all"
        )

    def __getattr__(self, name: str) -> RngStream:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._stream(name, AttributeError)

    def __getitem__(self, name: str) -> RngStream:
        return self._stream(name, KeyError)

    def __call__(self) -> Any:
        return self.default()

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def items(self) -> Any:
        """(name, stream) pairs."""
        return self.__dict__.items()

    def split(self, k: int | tuple[int, ...]) -> Rngs:
        """Streams of k keys each, for a mapped axis."""
        return Rngs(**{n: s.split(k) for n, s in self.items()})

    def fork(self) -> Rngs:
        """New streams, each from the next key of one of these."""
        return Rngs(**{n: s.fork() for n, s in self.items()})


def rng_draw(name: str) -> Any:
    """A method of streams that draws from `bibun.random`."""

    def draw(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(random, name)(self(), *args, **kwargs)

    draw.__name__, draw.__doc__ = name, f"`bibun.random.{name}` with the next key."
    return draw


for _name in ("bernoulli", "beta", "bits", "categorical", "choice", "exponential", "gamma",
              "gumbel",
              "normal", "permutation", "poisson", "randint", "truncated_normal",
              "uniform"):  # fmt: skip
    setattr(RngStream, _name, rng_draw(_name))
    setattr(Rngs, _name, rng_draw(_name))


def stream_of(rngs: Any, name: str) -> Any:
    """The stream of a name, of Rngs or a stream that was given itself."""
    return rngs[name] if isinstance(rngs, Rngs) else rngs


def reseed(node: Any, **seeds: Any) -> None:
    """Begin the streams of these names in a graph anew, each from its seed or key."""
    from bibun.nn.state import iter_graph

    for _, x in list(iter_graph(node)):
        if isinstance(x, RngStream) and x.tag in seeds:
            fresh = RngStream(seeds[x.tag], tag=x.tag)
            x.key.value, x.count.value = fresh.key.value, fresh.count.value
