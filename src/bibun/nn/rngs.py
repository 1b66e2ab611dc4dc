"""Streams of random keys that count what they have given.

`rngs.params()` is `fold_in(key of the stream, how many were given before)`: a module asks
for a key whenever it needs one, and the same seed gives the same keys in the same order. Keys
and counts are Variables, so a compiled step moves the streams on as a plain one does.
The keys are those of flax.nnx for the same seeds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bibun import numpy as bnp
from bibun import random
from bibun.array import Value
from bibun.dtypes import KEY
from bibun.nn.filters import predicate
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


class RngBackups:
    """What streams were before `split_rngs` or `fork_rngs`; a context that puts it back."""

    def __init__(self, rows: list[tuple[RngStream, Any, Any]]) -> None:
        self.rows = rows

    def __enter__(self) -> RngBackups:
        return self

    def __exit__(self, *error: Any) -> None:
        restore_rngs(self)


def restore_rngs(backups: RngBackups) -> None:
    """Put streams back to what they were, moved on by the key that they gave."""
    for stream, key, count in backups.rows:
        stream.key.value, stream.count.value = key, count
    backups.rows = []


def _branched(
    node: Any, chosen: Sequence[tuple[Any, Callable[[RngStream], Any]]]
) -> RngBackups:
    """Streams begin anew from keys of their own, in place: as with the first filter that takes."""
    from bibun.nn.state import iter_graph

    wanted, rows = [(predicate(only), keys) for only, keys in chosen], []
    for path, x in list(iter_graph(node)):
        if not isinstance(x, RngStream):
            continue
        keys = next((keys for takes, keys in wanted if takes(path, x.key)), None)
        if keys is not None:
            key = keys(x)
            rows.append((x, x.key.value, x.count.value))
            x.key.value, x.count.value = key, bnp.zeros(key.shape, dtype=bnp.uint32)
    return RngBackups(rows)


def _around(change: Callable[[Any], RngBackups]) -> Callable[..., Any]:
    """A decorator: the streams among a function's arguments are changed for its calls."""

    def decorator(f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with change((args, kwargs)):
                return f(*args, **kwargs)

        return wrapped

    return decorator


def split_rngs(
    node: Any = None, *, splits: int | tuple[int, ...], only: Any = ..., squeeze: bool = False
) -> Any:
    """Give streams a key for each place of a mapped axis, in place.

    `only`: which streams. squeeze: without the axis, which must be of 1. Returns backups for
    `restore_rngs`, which are a context too; without `node` a decorator, that does it to the
    arguments of each call.

    >>> from bibun import nn
    >>> @nn.split_rngs(splits=5)
    ... @nn.vmap
    ... def layers(rngs):
    ...     return nn.Linear(2, 3, rngs=rngs)
    >>> layers(nn.Rngs(0)).kernel.value.shape
    (5, 2, 3)
    """
    if squeeze and splits not in (1, (1,)):
        raise ValueError(f"split_rngs: squeeze wants splits=1, got {splits!r}")

    def keys(stream: RngStream) -> Any:
        found = random.split(stream(), splits)
        return found[0] if squeeze else found

    change = lambda x: _branched(x, [(only, keys)])  # noqa: E731
    return _around(change) if node is None else change(node)


def fork_rngs(node: Any = None, *, split: int | Mapping[Any, Any] | None = None) -> Any:
    """Let streams go on from a key that they give, in place, and afterwards from where they were.

    `split`: into how many keys, or {filter: number or None}; only the streams that a filter takes
    fork then. Returns as `split_rngs`.

    >>> from bibun import nn
    >>> rngs = nn.Rngs(0)
    >>> with nn.fork_rngs(rngs, split=3):
    ...     rngs.default.key.value.shape
    (3,)
    >>> rngs.default.key.value.shape, int(rngs.default.count.value)
    ((), 1)
    """
    def keys_of(number: Any) -> Callable[[RngStream], Any]:
        return lambda stream: stream() if number is None else random.split(stream(), number)

    numbers = split if isinstance(split, Mapping) else {...: split}
    chosen = [(only, keys_of(number)) for only, number in numbers.items()]
    change = lambda x: _branched(x, chosen)  # noqa: E731
    return _around(change) if node is None else change(node)


def reseed(node: Any, **seeds: Any) -> None:
    """Begin the streams of these names in a graph anew, each from its seed or key."""
    from bibun.nn.state import iter_graph

    for _, x in list(iter_graph(node)):
        if isinstance(x, RngStream) and x.tag in seeds:
            fresh = RngStream(seeds[x.tag], tag=x.tag)
            x.key.value, x.count.value = fresh.key.value, fresh.count.value
