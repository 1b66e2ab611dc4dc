"""The statements of the probabilistic language: sample, param, deterministic, factor, plate.

A statement is a *message*, a dict that travels up the stack of active handlers (innermost
first), gets a value if none of them gave it one, and travels down again. What a program
means, its trace, its density, its simulation, is a matter of the handlers around it. The
stack belongs to the thread, so that chains may run a thread each.

Source of the design: Pyro and NumPyro's message stack (Bingham et al. 2019).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bibun import numpy as bnp
from bibun import random, tree
from bibun.errors import ShapeError
from bibun.lax import fori_loop
from bibun.prob.distributions.distribution import (
    Distribution,
    ExpandedDistribution,
    MaskedDistribution,
    satisfied,
)
from bibun.prob.distributions.transformed import Unit
from bibun.trace.core import concrete

Message = dict[str, Any]


class _Stack(threading.local):
    def __init__(self) -> None:
        self.handlers: list[Messenger] = []


_stack = _Stack()


class CondIndepStackFrame(NamedTuple):
    """A plate around a statement: its name, axis and number of elements in use."""

    name: str
    dim: int
    size: int


class Messenger:
    """Base class of handlers: a context manager, or a wrapper of a function.

    Subclasses override `process_message` (on the way up) and `postprocess_message` (on the
    way down), and change the message in place. One that changes statements acts inside the
    bodies of loops (`inside_loops`); one that only records, or holds a key, sees a loop from
    outside (`outside_loops`), and each site of its body once, with a leading axis for the steps.

    >>> from bibun.prob import distributions as dist, handlers, sample
    >>> class Names(Messenger):
    ...     def process_message(self, msg):
    ...         print(msg["type"], msg["name"])
    >>> with Names(), handlers.seed(rng_seed=0):
    ...     _ = sample("x", dist.Normal())
    sample x
    """

    inside_loops = True
    outside_loops = False

    def __init__(self, fn: Callable[..., Any] | None = None) -> None:
        if fn is not None and not callable(fn):
            raise TypeError(
                f"{type(self).__name__}: expected a callable to handle, got "
                f"{type(fn).__name__}; pass other arguments by keyword"
            )
        self.fn = fn
        if fn is not None:
            functools.update_wrapper(self, fn, updated=[])

    def __enter__(self) -> Any:
        _stack.handlers.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        handlers = _stack.handlers
        if exc[0] is None:
            if handlers[-1] is not self:
                raise RuntimeError(f"handler {type(self).__name__} is left out of order")
            handlers.pop()
        elif self in handlers:
            # an error may have passed handlers that were not closed: drop them too
            del handlers[handlers.index(self) :]

    def process_message(self, msg: Message) -> None:
        """Change a message before it has a value."""

    def postprocess_message(self, msg: Message) -> None:
        """Read or change a message after it has a value."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.fn is None:
            # a decorator: with handler(...) as a function of the function to wrap
            (fn,) = args
            import copy

            new = copy.copy(self)
            Messenger.__init__(new, fn)
            return new
        with self:
            return self.fn(*args, **kwargs)


def _apply(msg: Message) -> Message:
    """Send a message through the stack of this thread."""
    handlers = _stack.handlers
    reached = len(handlers)
    is_loop, scanned = msg["type"] == "control_flow", msg.get("scanned", False)
    for i, handler in enumerate(reversed(handlers), 1):
        if handler.inside_loops and is_loop:
            msg["kwargs"]["inside"].append(handler)
        if handler.outside_loops or not scanned:  # else it has seen the site in the loop's body
            handler.process_message(msg)
        if msg.get("stop"):
            reached = i
            break
    if msg["value"] is None:
        if msg["type"] == "sample":
            msg["value"], msg["intermediates"] = _draw(msg)
        else:
            msg["value"] = msg["fn"](*msg["args"], **msg["kwargs"])
    for handler in handlers[len(handlers) - reached :]:
        if handler.outside_loops or not scanned:
            handler.postprocess_message(msg)
    return msg


apply_stack = _apply


def _draw(msg: Message) -> tuple[Any, list]:
    key = msg["kwargs"].get("rng_key")
    if key is None and not isinstance(msg["fn"], Unit):
        raise ValueError(
            f"site {msg['name']!r} has no value and no random key to draw one; run the model in "
            "bibun.prob.handlers.seed(model, rng_seed), or give the site a value with "
            "substitute or condition"
        )
    if "intermediates" in msg["infer"]:
        return msg["fn"].sample_with_intermediates(key, msg["kwargs"].get("sample_shape", ()))
    return msg["fn"].sample(key, msg["kwargs"].get("sample_shape", ())), []


def _message(type: str, name: str, **rest: Any) -> Message:
    return {
        "type": type, "name": name, "fn": None, "args": (), "kwargs": {}, "value": None,
        "scale": None, "is_observed": False, "intermediates": [], "cond_indep_stack": [],
        "infer": {}, **rest,
    }  # fmt: skip


def sample(
    name: str,
    fn: Distribution,
    obs: Any = None,
    rng_key: Any = None,
    sample_shape: tuple[int, ...] = (),
    infer: dict[str, Any] | None = None,
    obs_mask: Any = None,
) -> Any:
    """A random variable: named `name`, distributed as `fn`, perhaps observed as `obs`.

    `obs_mask`: booleans over the batch; where false, the element is not observed and a
    latent site `name + "_unobserved"` stands for it. Errors: TypeError where `fn` is no
    distribution; ShapeError where the likelihood would broadcast to another shape than that
    of `obs`; ValueError where observed values lie outside the support.

    >>> from bibun.prob import distributions as dist, handlers, sample
    >>> def model(y):
    ...     mu = sample("mu", dist.Normal(0.0, 1.0))
    ...     sample("y", dist.Normal(mu, 1.0), obs=y)
    >>> trace = handlers.trace(handlers.seed(model, 0)).get_trace(bnp.ones(3))
    >>> sorted(trace)
    ['mu', 'y']
    """
    if not isinstance(name, str):
        raise TypeError(
            f"sample: the first argument is the site's name, a string; got {type(name).__name__}: "
            f"{str(name)[:60]}"
        )
    if not isinstance(fn, Distribution):
        raise TypeError(
            f"sample({name!r}): expected a distribution of bibun.prob.distributions, got "
            f"{type(fn).__name__}: {str(fn)[:60]}"
        )
    sample_shape = tuple(sample_shape)
    if not _stack.handlers:
        return fn(rng_key=rng_key, sample_shape=sample_shape) if obs is None else obs
    if obs is not None:
        _check_numbers(name, obs)
    if obs_mask is not None:
        return _sample_masked(name, fn, obs, obs_mask, infer)
    msg = _message(
        "sample", name, fn=fn, value=obs, is_observed=obs is not None,
        kwargs={"rng_key": rng_key, "sample_shape": sample_shape},
        infer={} if infer is None else infer,
    )  # fmt: skip
    _apply(msg)
    if msg["is_observed"]:
        _check_observed(msg)
    return msg["value"]


def _sample_masked(name: str, fn: Distribution, obs: Any, obs_mask: Any, infer: Any) -> Any:
    """One site for what is observed, one for what is not, put together elementwise."""
    if isinstance(obs_mask, bool):
        return sample(name, fn, obs=obs if obs_mask else None, infer=infer)
    obs_mask = bnp.asarray(obs_mask)
    if obs is None:
        raise ValueError(f"sample({name!r}): obs_mask is given without obs")
    filler = concrete(obs_mask)
    if filler is not None:
        # values that are masked may be anything, nan included: keep them off the density
        safe = fn.support.feasible_like(obs) if fn.support is not None else bnp.zeros_like(obs)
        wide = bnp.reshape(obs_mask, obs_mask.shape + (1,) * fn.event_dim)
        obs = bnp.where(wide, obs, safe)
    observed = sample(f"{name}_observed", fn.mask(obs_mask), obs=obs, infer=infer)
    # Of all elements, those that were observed too, as variables of which nothing depends: they
    # integrate to 1. With no density they would drift without end, and an ELBO would grow.
    whole = fn.expand(np.broadcast_shapes(fn.batch_shape, obs_mask.shape))
    unobserved = sample(f"{name}_unobserved", whole, infer=infer)
    wide = bnp.reshape(obs_mask, obs_mask.shape + (1,) * fn.event_dim)
    return deterministic(name, bnp.where(wide, observed, unobserved))


def _check_numbers(name: str, obs: Any) -> None:
    """Refuse data that are no real numbers."""
    try:
        kind = bnp.asarray(obs).dtype.kind
    except (TypeError, ValueError) as error:
        raise TypeError(f"site {name!r}: obs is not data for a distribution: {error}") from None
    if kind == "c":
        raise TypeError(
            f"site {name!r}: obs is complex, and distributions are of real numbers: observe its "
            "real and its imaginary part at a site each"
        )


def _check_observed(msg: Message) -> None:
    """Refuse a likelihood that does not have the shape of its data, and impossible data."""
    fn, value, name = msg["fn"], msg["value"], msg["name"]
    if isinstance(fn, Unit):
        return
    data = np.shape(value)
    expected = tuple(msg["kwargs"].get("sample_shape", ())) + fn.batch_shape + fn.event_shape
    if data != expected or "enum_first" in msg:
        try:
            joint = np.broadcast_shapes(data, expected)
        except ValueError:
            joint = None
        if joint is None or not _harmless(joint, data, expected, msg):
            became = "cannot be broadcast" if joint is None else f"would broadcast to {joint}"
            raise ShapeError(
                f"site {name!r}: the distribution has shape {expected} (batch {fn.batch_shape}, "
                f"event {fn.event_shape}) and obs has shape {data}; together they {became}. "
                "Give the distribution's parameters the shape of the data, for example by "
                "indexing or reshaping (x[:, 0]), or put the axis in a plate if it is meant"
                + _WHERE_SUMMED * ("enum_first" in msg)
            )
    if fn._validate and not getattr(fn, "_checks_no_data", False):
        _check_support(name, fn, value)


_WHERE_SUMMED = (
    ". A discrete latent site is summed out along an axis left of all plates: the axes of data "
    "that depend on it must be in plates"
)


def _harmless(
    joint: tuple[int, ...], data: tuple[int, ...], expected: tuple[int, ...], msg: Message
) -> bool:
    """Whether the density gets the shape of the data, up to plates and scalar data."""
    n = len(joint)
    wide = (1,) * (n - len(data)) + data
    if all(k == 1 for k in data):
        return True
    event = msg["fn"].event_dim
    enumerated = msg.get("enum_first", -n - 1) - event  # axes of enumerated variables
    own = [i for i in range(n) if i - n > enumerated]
    if any(wide[i] != 1 for i in range(n) if i - n <= enumerated):
        return False
    if all(wide[i] == joint[i] for i in own):
        return True
    plated = {frame.dim - event for frame in msg["cond_indep_stack"]}
    return joint == (1,) * (n - len(expected)) + expected and all(
        wide[i] == joint[i] or i - n in plated for i in own
    )


def _check_support(name: str, fn: Distribution, value: Any) -> None:
    support = fn.support
    if support is None:
        return
    try:
        ok = satisfied(support, value)
    except ValueError:
        return  # shapes that only a plate makes fit were accepted above
    if ok is None or ok.all():
        return
    counts = _counted(fn)
    if counts is None:
        return
    ok = ok | ~counts
    if ok.all():
        return
    known = np.asarray(concrete(value))
    ok = np.broadcast_to(ok, np.broadcast_shapes(ok.shape, known.shape[: ok.ndim]))
    at = np.unravel_index(int(np.argmin(ok)), ok.shape)
    shown = known[at] if known.ndim >= len(at) else known
    where = f" at index {tuple(map(int, at))}" if ok.ndim else ""
    raise ValueError(
        f"site {name!r}: observed value {shown}{where} is outside the support of "
        f"{type(fn).__name__}, {support!r} ({int((~ok).sum())} of {ok.size} values)"
    )


def _counted(fn: Any) -> np.ndarray | None:
    """Which elements of the batch count in the density, under masks; None where not known."""
    if isinstance(fn, ExpandedDistribution):
        return _counted(fn.base_dist)
    if not isinstance(fn, MaskedDistribution):
        return np.True_
    inner, mask = _counted(fn.base_dist), concrete(fn.mask_value)
    return None if inner is None or mask is None else inner & mask


def param(name: str, init_value: Any = None, **kwargs: Any) -> Any:
    """An optimisable parameter with a starting value, perhaps under `constraint`.

    `init_value` may be a function of a random key. Outside handlers it is the value itself.
    """
    if not _stack.handlers:
        if callable(init_value):
            raise ValueError(
                f"param({name!r}): a callable init_value needs a key; run the function in "
                "bibun.prob.handlers.seed"
            )
        return init_value
    if callable(init_value):

        def fn(init: Any, *_: Any, rng_key: Any = None, **__: Any) -> Any:
            return init(random.key(0) if rng_key is None else rng_key)
    else:

        def fn(init: Any, *_: Any, **__: Any) -> Any:
            if init is None:
                raise ValueError(
                    f"param({name!r}) has no value: give its first statement an init_value, or "
                    "substitute one"
                )
            return init

    msg = _message(
        "param", name, fn=fn, args=(init_value,), kwargs={"rng_key": None, **kwargs}
    )  # fmt: skip
    return _apply(msg)["value"]


def mutable(name: str, init_value: Any = None) -> Any:
    """A pytree that a run of the model may change in place: SVI hands it from step to step.

    `init_value`: what the first run finds, usually a dict. What a later run finds is in
    `SVIState.mutable_state`. Outside handlers it is the value itself.

    >>> from bibun.prob import handlers
    >>> def model():
    ...     seen = mutable("seen", {"count": 0})
    ...     seen["count"] += 1
    >>> handlers.trace(model).get_trace()["seen"]["value"]
    {'count': 1}
    """
    return _mutable(name, init_value)["value"]


def _mutable(name: str, init_value: Any) -> Message:
    """The statement's message; `read` in its kwargs, if put there, tells the value at the end."""
    msg = _message(
        "mutable", name, args=(init_value,), fn=lambda init, **_: tree.map(lambda x: x, init)
    )  # fmt: skip
    if _stack.handlers:
        return _apply(msg)
    return {**msg, "value": init_value}


def deterministic(name: str, value: Any) -> Any:
    """A named quantity computed by the model: it is kept with the draws.

    >>> deterministic("twice", 4.0)
    4.0
    """
    if not _stack.handlers:
        return value
    return _apply(_message("deterministic", name, value=value))["value"]


def factor(name: str, log_factor: Any) -> None:
    """Add a term to the log density of the model."""
    unit = Unit(log_factor)
    sample(name, unit, obs=unit.sample(None), infer={"is_auxiliary": True})


def prng_key() -> Any:
    """A random key from the enclosing `seed` handler; None outside of one."""
    if not _stack.handlers:
        return None
    msg = _message(
        "prng_key", "_prng_key", fn=lambda rng_key: rng_key, kwargs={"rng_key": None}
    )  # fmt: skip
    return _apply(msg)["value"]


def get_mask() -> Any:
    """The mask of the enclosing `mask` handlers, or None."""
    return _apply(_message("inspect", "_inspect", fn=lambda: True, value=True)).get("mask")


def _without_replacement(key: Any, size: int, count: int) -> Any:
    """`count` distinct indices below `size`, by that many steps of Fisher and Yates' shuffle."""
    keys = random.split(key, count)

    def swap(step: Any, order: Any) -> Any:
        last = size - 1 - step
        j = random.randint(keys[step], (), 0, last + 1)
        pair = bnp.stack([last, j])
        return order.at[pair].set(order[bnp.stack([j, last])])

    return fori_loop(0, count, swap, bnp.arange(size))[size - count :]


class plate(Messenger):
    """Conditionally independent elements along a batch axis.

    `dim` is negative and counts from the right; by default the rightmost axis that no
    enclosing plate uses. With `subsample_size`, a random subset of the indices is used and
    the log density scaled up by size / subsample_size. As a context manager it gives the
    indices.

    >>> from bibun.prob import distributions as dist, handlers, sample
    >>> def model():
    ...     with plate("N", 4):
    ...         return sample("x", dist.Normal())
    >>> handlers.seed(model, 0)().shape
    (4,)
    """

    def __init__(
        self, name: str, size: int, subsample_size: int | None = None, dim: int | None = None
    ) -> None:
        super().__init__(None)
        if not isinstance(size, int | np.integer) or size <= 0:
            raise ValueError(f"plate({name!r}): size must be a positive integer, got {size!r}")
        if dim is not None and dim >= 0:
            raise ValueError(f"plate({name!r}): dim must be negative, got {dim}")
        if subsample_size is not None and not 0 < subsample_size <= size:
            raise ValueError(
                f"plate({name!r}): subsample_size must lie in 1..{size}, got {subsample_size}"
            )
        self.name = name
        self.size = int(size)
        self.dim = dim
        self._given_dim = dim
        self.subsample_size = self.size if subsample_size is None else int(subsample_size)
        self._indices: Any = None

    def _draw_indices(self) -> Any:
        def indices(size: int, subsample_size: int, rng_key: Any = None) -> Any:
            if subsample_size == size:
                return bnp.arange(size)
            if rng_key is None:
                raise ValueError(
                    f"plate({self.name!r}): subsampling needs a key; run the model in "
                    "bibun.prob.handlers.seed"
                )
            return _without_replacement(rng_key, size, subsample_size)

        if not _stack.handlers:
            return indices(self.size, self.subsample_size)
        msg = _message(
            "plate", self.name, fn=indices, args=(self.size, self.subsample_size),
            kwargs={"rng_key": None},
        )  # fmt: skip
        _apply(msg)
        stack = list(msg["cond_indep_stack"])
        taken = {frame.dim for frame in stack}
        if self._given_dim is None:
            self.dim = next(d for d in range(-1, -len(taken) - 2, -1) if d not in taken)
        elif self._given_dim in taken:
            other = next(f.name for f in stack if f.dim == self._given_dim)
            raise ValueError(
                f"plate({self.name!r}): axis {self._given_dim} is used by the enclosing plate "
                f"{other!r}"
            )
        return msg["value"]

    def __enter__(self) -> Any:
        self._indices = self._draw_indices()
        if self.dim is None:
            self.dim = -1
        super().__enter__()
        return self._indices

    def process_message(self, msg: Message) -> None:
        kind = msg["type"]
        if kind not in ("sample", "param", "plate", "deterministic", "subsample"):
            return
        frames = msg["cond_indep_stack"]
        frames.append(CondIndepStackFrame(self.name, self.dim, self.subsample_size))  # type: ignore[arg-type]
        if kind == "sample":
            self._broadcast(msg, frames)
            if self.size != self.subsample_size:
                scale = self.size / self.subsample_size
                msg["scale"] = scale if msg["scale"] is None else msg["scale"] * scale

    def _broadcast(self, msg: Message, frames: list[CondIndepStackFrame]) -> None:
        """Give the distribution the sizes of the plates along their axes."""
        fn = msg["fn"]
        outer = tuple(msg["kwargs"].get("sample_shape", ()))
        wanted = [1] * max(-frame.dim for frame in frames)
        for frame in frames:
            wanted[frame.dim] = frame.size
        have = outer + fn.batch_shape
        try:
            joint = np.broadcast_shapes(tuple(wanted), have)
        except ValueError:
            joint = None
        frame = frames[-1]
        if joint is None or joint[frame.dim] != frame.size:
            raise ShapeError(
                f"site {msg['name']!r} in plate {frame.name!r}: axis {frame.dim} of the batch "
                f"shape {have} has length {have[frame.dim]}, but the plate has {frame.size} "
                "elements"
            )
        if joint != have:
            msg["fn"] = fn.expand(joint[len(outer) :] if joint[: len(outer)] == outer else joint)

    def postprocess_message(self, msg: Message) -> None:
        if msg["type"] in ("subsample", "param") and self.size != self.subsample_size:
            event_dim = msg["kwargs"].get("event_dim")
            if event_dim is None:
                return
            value = msg["value"]
            axis = np.ndim(value) + self.dim - event_dim  # type: ignore[operator]
            if axis >= 0 and np.shape(value)[axis] == self.size:
                msg["value"] = bnp.take(value, self._indices, axis=axis)


def plate_stack(prefix: str, sizes: Sequence[int], rightmost_dim: int = -1) -> Any:
    """Plates of the given sizes, the last one at `rightmost_dim`, named prefix_0, prefix_1, …"""
    import contextlib

    if rightmost_dim >= 0:
        raise ValueError(f"plate_stack: rightmost_dim must be negative, got {rightmost_dim}")

    @contextlib.contextmanager
    def stack() -> Any:
        with contextlib.ExitStack() as opened:
            for i, size in enumerate(reversed(sizes)):
                opened.enter_context(plate(f"{prefix}_{i}", size, dim=rightmost_dim - i))
            yield

    return stack()


def subsample(data: Any, event_dim: int) -> Any:
    """The part of `data` that enclosing subsampling plates use."""
    if not _stack.handlers:
        return data
    msg = _message("subsample", "_subsample", value=data, kwargs={"event_dim": event_dim})
    return _apply(msg)["value"]
