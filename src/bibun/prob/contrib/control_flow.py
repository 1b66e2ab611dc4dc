"""Loops and branches in models: compiled `scan` and `cond` with sample statements in them.

The body runs once, as one step of a loop, with its statements hidden from the handlers outside.
Handlers that change statements (condition, mask, plates, …) go inside with it and see the
number of the step, so that data and values with a leading time axis are read one row a step.
After the loop each site of the body is announced once, its values stacked over time, to the
handlers that only record.

Under enumeration the loop sums discrete sites out as it goes: see
`bibun.prob.infer.enumeration.loops`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random, tree
from bibun.prob import handlers
from bibun.prob.distributions.distribution import Distribution
from bibun.prob.primitives import Message, Messenger, apply_stack
from bibun.transforms import vmap


class Stacked(Distribution):
    """One distribution a step of a loop, their parameters stacked along a leading axis."""

    _fields = ("steps",)
    _static = ("length",)

    def __init__(self, steps: Distribution, length: int) -> None:
        self.steps = steps
        self.length = length
        self._validate = False

    def _one(self) -> Distribution:
        """The distribution of the first step."""
        return tree.map(lambda x: x[0], self.steps)

    def _compute_shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        batch, event = self._one().shapes
        return (self.length, *batch), event

    @property
    def support(self) -> Any:  # type: ignore[override]
        return self.steps.support

    @property
    def is_discrete(self) -> bool:
        return self._one().is_discrete

    @property
    def has_rsample(self) -> bool:
        return self._one().has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        return self._one().has_enumerate_support

    def enumerate_support(self, expand: bool = True) -> Any:
        return self._one().expand((self.length, *self._one().batch_shape)).enumerate_support(expand)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return vmap(lambda d, x: d.log_prob(x))(self.steps, value)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        keys = random.split(key, self.length)
        draws = vmap(lambda d, k: d.sample(k, sample_shape))(self.steps, keys)
        return bnp.moveaxis(draws, 0, len(sample_shape))

    @property
    def mean(self) -> Any:
        return vmap(lambda d: d.mean)(self.steps)

    @property
    def variance(self) -> Any:
        return vmap(lambda d: d.variance)(self.steps)


class _Inside(Messenger):
    """A handler from outside a loop, at one step of it (None: in a branch)."""

    def __init__(self, outer: Messenger, step: Any) -> None:
        super().__init__(None)
        self.outer = outer
        self.step = step

    def process_message(self, msg: Message) -> None:
        before = msg.get("scan_index", ())
        if self.step is not None:
            msg["scan_index"] = (self.step, *before)
        self.outer.process_message(msg)
        msg["scan_index"] = before

    def postprocess_message(self, msg: Message) -> None:
        self.outer.postprocess_message(msg)


@contextlib.contextmanager
def body_of_loop(
    inside: Sequence[Messenger], step: Any, key: Any,
    instead: tuple[Messenger, Messenger] | None = None,
) -> Any:  # fmt: skip
    """The handlers around one step: nothing gets out; those of `inside` came in.

    `instead`: one of them, and another that takes its place.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(handlers.block())
        for handler in reversed(inside):
            if instead is not None and handler is instead[0]:
                stack.enter_context(instead[1])
            else:
                stack.enter_context(_Inside(handler, step))
        if key is not None:
            stack.enter_context(handlers.seed(rng_seed=key))
        yield stack.enter_context(handlers.trace())


_FIXED = ("type", "name", "is_observed", "cond_indep_stack", "infer")
_KEPT = ("value", "fn", "scale", "log_det")  # what of a message depends on the step


def split_trace(trace: Any, facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The arrays of each site; the rest, which no step changes, goes to `facts`."""
    arrays: dict[str, dict[str, Any]] = {}
    for name, site in trace.items():
        if site["type"] not in ("sample", "deterministic"):
            if site["type"] == "plate":
                continue
            raise ValueError(
                f"scan: the body has a {site['type']} statement, {name!r}; put it before the loop"
            )
        facts[name] = {k: site[k] for k in _FIXED}
        kept = {k: site[k] for k in _KEPT if site.get(k) is not None}
        if site["type"] == "deterministic":
            kept = {"value": site["value"]}
        arrays[name] = kept
    return arrays


def announce(
    arrays: dict[str, dict[str, Any]], facts: dict[str, Any], length: int | None
) -> None:
    """Tell the handlers outside of each site of the body, stacked (None: not in a loop)."""
    for name, kept in arrays.items():
        msg = {
            "fn": None, "args": (), "kwargs": {"rng_key": None, "sample_shape": ()},
            "scale": None, "intermediates": [], **facts[name], **kept, "scanned": True,
        }  # fmt: skip
        if msg["type"] == "sample" and length is not None:
            msg["fn"] = Stacked(kept["fn"], length)
            scale = msg["scale"]
            if scale is not None and np.ndim(scale):
                extra = msg["fn"].batch_dim - np.ndim(scale)
                msg["scale"] = bnp.reshape(scale, np.shape(scale) + (1,) * extra)
            # frames keep their axes, which count from the right
        apply_stack(msg)


def flip(xs: Any) -> Any:
    return tree.map(lambda x: bnp.flip(x, axis=0), xs)


def steps_of(xs: Any, length: int | None) -> int:
    """The number of steps. Errors: ValueError where it is not told, or told twice differently."""
    sizes = {np.shape(x)[0] for x in tree.leaves(xs)}
    if length is not None:
        sizes.add(int(length))
    if len(sizes) != 1:
        raise ValueError(f"scan: xs and length must agree on the number of steps, got {sizes}")
    return sizes.pop()


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    history: int = 1,
) -> tuple[Any, Any]:
    """`lax.scan` in a model: `f(carry, x) -> (carry, y)` may have sample statements.

    Their sites are in the trace once, with a leading axis for the steps; condition, substitute
    and Predictive take values with that axis. Under enumeration discrete sites of the body are
    summed out, with memory and time linear in the number of steps: the forward algorithm.
    `history`: how many steps back an enumerated site of the body is seen, through the carry (0:
    each step by itself); a step's time and memory grow exponentially with it. It changes nothing
    where no site is enumerated. A plate goes around the statements of the body, in the body.
    Under enumeration sites after the loop may depend on the last carry, and not on the stacked `y`.

    Errors: ValueError for a negative `history`; ShapeError where the carry depends on an
    enumerated site from further back.

    >>> from bibun import prob
    >>> import bibun.prob.distributions as dist
    >>> def walk(x, _):
    ...     x = prob.sample("x", dist.Normal(x, 1.0))
    ...     return x, None
    >>> def model():
    ...     scan(walk, 0.0, None, length=5)
    >>> trace = prob.handlers.trace(prob.handlers.seed(model, 0)).get_trace()
    >>> trace["x"]["value"].shape
    (5,)
    """
    if not isinstance(history, int) or history < 0:
        raise ValueError(f"scan: history must be an integer of at least 0, got {history!r}")
    n = steps_of(xs, length)
    msg = _message(_run, (f, init, xs, n, reverse, history))
    carry, ys, arrays, facts = apply_stack(msg)["value"]
    announce(arrays, facts, n)
    return carry, ys


def _run(
    f: Any, init: Any, xs: Any, n: int, reverse: bool, history: int, *, rng_key: Any,
    inside: Sequence[Messenger], enumerate: Any,
) -> Any:  # fmt: skip
    if reverse:
        xs = flip(xs)
    order = bnp.arange(n)[::-1] if reverse else bnp.arange(n)
    if enumerate is not None:
        from bibun.prob.infer.enumeration.loops import scan_enumerated

        carry, ys, arrays, facts = scan_enumerated(
            f, init, xs, order, rng_key, inside, enumerate, history
        )
    else:
        facts = {}

        def step(state: Any, row: Any) -> Any:
            carry, key = state
            x, t = row
            now = None
            if key is not None:
                key, now = random.split(key)
            with body_of_loop(inside, t, now) as trace:
                carry, y = f(carry, x)
            return (carry, key), (y, split_trace(trace, facts))

        (carry, _), (ys, arrays) = lax.scan(step, (init, rng_key), (xs, order))
    if reverse:
        ys, arrays = flip(ys), flip(arrays)
    return carry, ys, arrays, facts


def cond(
    pred: Any, true_fun: Callable[[Any], Any], false_fun: Callable[[Any], Any], operand: Any
) -> Any:
    """`lax.cond` in a model: the branches may have sample statements.

    Both branches must have the same sites, with distributions of one kind and values of
    one shape; only those of the branch taken count.

    Errors: ValueError where the branches' sites differ; NotImplementedError under
    enumeration.

    >>> from bibun import prob
    >>> import bibun.prob.distributions as dist
    >>> def model(flag):
    ...     return cond(
    ...         flag,
    ...         lambda m: prob.sample("x", dist.Normal(m, 1.0)),
    ...         lambda m: prob.sample("x", dist.Normal(-m, 0.1)),
    ...         50.0,
    ...     )
    >>> bool(prob.handlers.seed(model, 0)(bnp.asarray(False)) < 0)
    True
    """
    if np.shape(pred):
        raise ValueError(f"cond: pred must be one boolean, got the shape {np.shape(pred)}")
    msg = _message(_choose, (pred, true_fun, false_fun, operand))
    value, arrays, facts = apply_stack(msg)["value"]
    announce(arrays, facts, None)
    return value


def _choose(
    pred: Any, true_fun: Any, false_fun: Any, operand: Any, *, rng_key: Any,
    inside: Sequence[Messenger], enumerate: Any,
) -> Any:  # fmt: skip
    if enumerate is not None:
        raise NotImplementedError(
            "cond in a model whose discrete sites are summed out: compute both and use "
            "bibun.numpy.where on the distributions' parameters"
        )
    seen: list[dict[str, Any]] = []

    def branch(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def run(operand: Any) -> Any:
            facts: dict[str, Any] = {}
            with body_of_loop(inside, None, rng_key) as trace:
                value = f(operand)
            arrays = split_trace(trace, facts)
            seen.append(facts)
            if any(list(facts) != list(other) for other in seen):
                raise ValueError(
                    "cond: both branches must have the same sites, got "
                    f"{[list(other) for other in seen]}"
                )
            return value, arrays

        return run

    value, arrays = lax.cond(pred, branch(true_fun), branch(false_fun), operand)
    return value, arrays, seen[-1]


def _message(fn: Callable[..., Any], args: tuple[Any, ...]) -> Message:
    return {
        "type": "control_flow", "name": "_control_flow", "fn": fn, "value": None, "args": args,
        "kwargs": {"rng_key": None, "inside": [], "enumerate": None},
        "infer": {}, "scale": None, "is_observed": False, "cond_indep_stack": [],
        "intermediates": [],
    }  # fmt: skip
