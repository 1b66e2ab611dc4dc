"""Discrete latent sites as axes: the `enum` handler, `markov`, and a trace's log density.

An enumerated site takes all the values of its support at once, along an axis of its own to
the left of all plates. Everything computed from it broadcasts, so one run of the model yields
the log factor of every site for every value of the variables it depends on;
`factors.py` sums them out.

An axis is taken by one variable. In a long chain that would be an axis a step, so `markov`
says how far back a step looks, and axes of variables out of sight are used again. Each site
remembers which variable each axis meant when it was run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.prob.handlers import infer_config
from bibun.prob.infer.enumeration.factors import Factor, Plates, eliminate
from bibun.prob.primitives import Message, Messenger, apply_stack

Trace = Mapping[str, Mapping[str, Any]]


def is_enumerable(site: Mapping[str, Any]) -> bool:
    """Whether a site is latent, discrete, and has a support that can be listed."""
    return (
        site["type"] == "sample"
        and not site["is_observed"]
        and bool(getattr(site["fn"].support, "is_discrete", False))
        and bool(site["fn"].has_enumerate_support)
    )


def config_enumerate(
    fn: Callable[..., Any] | None = None, default: str = "parallel"
) -> Callable[..., Any]:
    """Mark the discrete latent sites of a model to be summed out.

    A site's own `infer={"enumerate": ...}` stands. A decorator too: `@config_enumerate`.

    >>> from bibun import prob
    >>> import bibun.prob.distributions as dist
    >>> @config_enumerate
    ... def model():
    ...     prob.sample("z", dist.Bernoulli(0.3))
    >>> trace = prob.handlers.trace(prob.handlers.seed(model, 0)).get_trace()
    >>> trace["z"]["infer"]["enumerate"]
    'parallel'
    """
    if default != "parallel":
        raise ValueError(f"config_enumerate: default must be 'parallel', got {default!r}")
    if fn is None:
        return lambda fn: config_enumerate(fn, default)

    def mark(site: Mapping[str, Any]) -> dict[str, Any]:
        if is_enumerable(site) and site["value"] is None and "enumerate" not in site["infer"]:
            return {"enumerate": default}
        return {}

    return infer_config(fn, config_fn=mark)


def markov(iterable: Iterable[Any], history: int = 1) -> Iterator[Any]:
    """Steps of a chain, each of which sees at most the `history` steps before it.

    Axes of enumerated variables further back are used again, so a chain of any length needs
    few. Without enumeration it is the iterable itself.

    >>> list(markov(range(3)))
    [0, 1, 2]
    """
    if not isinstance(history, int) or history < 0:
        raise ValueError(f"markov: history must be an integer of at least 0, got {history!r}")
    here = object()
    for step, item in enumerate(iterable):
        apply_stack(_markov_message(here, step, history))
        yield item
    apply_stack(_markov_message(here, None, history))


def _markov_message(here: object, step: int | None, history: int) -> Message:
    return {
        "type": "markov", "name": "_markov", "fn": lambda *_: True, "args": (here, step, history),
        "kwargs": {}, "value": True, "infer": {}, "scale": None, "is_observed": False,
        "cond_indep_stack": [], "intermediates": [],
    }  # fmt: skip


class enum(Messenger):
    """Give sites marked `infer={"enumerate": "parallel"}` all their values, along new axes.

    `first_available_dim`: the first axis to use, a negative number left of all plates.
    """

    inside_loops, outside_loops = False, True

    def __init__(self, fn: Callable[..., Any] | None = None, first_available_dim: int = -1) -> None:
        if first_available_dim >= 0:
            raise ValueError(
                f"enum: first_available_dim must be negative, got {first_available_dim}"
            )
        self.first = first_available_dim
        self.leftmost = -1  # the first axis left of those with a use beside plates
        self.given: dict[int, str] = {}  # axes of variables that come from outside
        self.maximise = False  # loops sum; posterior maxima make them maximise
        super().__init__(fn)

    def __enter__(self) -> Any:
        self.axes = dict(self.given)  # which variable each axis means now
        self.homes: dict[str, Plates] = {}  # the plates each variable lives in
        self._born: dict[int, tuple[tuple[object, int], ...]] = dict.fromkeys(self.axes, ())
        self._steps: dict[object, int] = {}
        return super().__enter__()

    def free_axis(self) -> int:
        """The rightmost axis that no variable in sight has."""
        first = min(self.first, self.leftmost)
        return next(d for d in range(first, -10_000, -1) if d not in self.axes)

    def claim(self, name: str) -> int:
        """An axis for a new variable."""
        dim = self.free_axis()
        self.axes[dim] = name
        self._born[dim] = tuple(self._steps.items())
        return dim

    def process_message(self, msg: Message) -> None:
        if msg["type"] == "markov":
            here, step, history = msg["args"]
            if step is None:
                self._steps.pop(here, None)
                return
            self._steps[here] = step
            for dim in list(self.axes):
                born = dict(self._born[dim]).get(here)
                if born is not None and born < step - history:
                    del self.axes[dim], self._born[dim]
            return
        if msg["type"] == "control_flow":
            msg["kwargs"]["enumerate"] = self
            msg["kwargs"]["inside"].append(self)  # its place among the others
        if msg["type"] != "sample" or msg.get("scanned"):
            return
        if (
            not msg["is_observed"]
            and msg["value"] is None
            and msg["infer"].get("enumerate") == "parallel"
        ):
            self._spread(msg)
        msg["enum_axes"] = dict(self.axes)
        msg["enum_first"] = self.first

    def _spread(self, msg: Message) -> None:
        fn, name = msg["fn"], msg["name"]
        if not fn.has_enumerate_support:
            raise NotImplementedError(
                f"site {name!r}: {type(fn).__name__} has no finite support to enumerate"
            )
        plated = {frame.dim for frame in msg["cond_indep_stack"]}
        for i, n in enumerate(reversed(fn.batch_shape), 1):
            if n != 1 and -i not in plated and -i > self.first:
                raise ValueError(
                    f"site {name!r} is enumerated, and axis {-i} of its batch shape "
                    f"{fn.batch_shape} is in no plate: each element is a variable of its own; "
                    "put the axis in a plate"
                )
        values = fn.enumerate_support(expand=False)
        dim = self.claim(name)
        self.homes[name] = Plates(frame.name for frame in msg["cond_indep_stack"])
        msg["enum_support"] = bnp.reshape(values, (-1,))
        msg["value"] = bnp.reshape(values, (-1,) + (1,) * (-dim - 1))
        msg["infer"] = {**msg["infer"], "is_enumerated": True}

    def announce_loop(
        self, factors: list[Factor], homes: dict[str, Plates], places: Mapping[str, int],
        draw: Callable[..., Any],
    ) -> None:  # fmt: skip
        """Tell the handlers outside what a loop left to be summed out, on the axes `places`."""
        self.homes.update(homes)
        for name in homes:
            self.axes[places[name]] = name
            self._born[places[name]] = tuple(self._steps.items())
        apply_stack({
            "type": "control_flow", "name": f"scan/{'/'.join(homes) or id(factors)}",
            "fn": None, "args": (), "kwargs": {"inside": [], "enumerate": None}, "value": True,
            "infer": {}, "scale": None, "is_observed": False, "cond_indep_stack": [],
            "intermediates": [], "enum_factors": factors, "enum_homes": homes,
            "enum_draw": draw, "enum_axes": dict(self.axes),
        })  # fmt: skip


def placed(plates: tuple[str, ...], index: Any, frames: Mapping[str, int], leading: int = 0) -> Any:
    """Indices with axes named `plates` (after `leading` others), each on its plate's axis."""
    order = sorted(range(len(plates)), key=lambda k: frames[plates[k]])
    index = bnp.transpose(index, (*range(leading), *(leading + k for k in order)))
    shape = [1] * max((-d for d in frames.values()), default=0)
    for k in order:
        shape[frames[plates[k]]] = np.shape(index)[leading + order.index(k)]
    return bnp.reshape(index, (*np.shape(index)[:leading], *shape))


def max_plate_nesting(trace: Trace) -> int:
    """How many batch axes the sites of a trace use, plates or not."""
    depth = 0
    for site in trace.values():
        if site["type"] == "sample":
            outer = len(site["kwargs"].get("sample_shape", ()))
            depth = max(depth, outer + len(site["fn"].batch_shape))
            depth = max(depth, np.ndim(site["value"]) - site["fn"].event_dim)  # data has its own
            depth = max([depth, *(-frame.dim for frame in site["cond_indep_stack"])])
        elif site["type"] == "control_flow":
            depth = max(depth, site.get("plate_nesting", 0))
    return depth


def enumerated(model: Callable[..., Any], trace: Trace) -> enum:
    """The model with its enumerable latent sites summed out; `trace`: one of a plain run."""
    return enum(config_enumerate(model), first_available_dim=-1 - max_plate_nesting(trace))


def is_enumerated(trace: Trace) -> bool:
    """Whether a trace is of a run under `enum`."""
    return any("enum_axes" in site for site in trace.values())


def site_factor(site: Mapping[str, Any], plate_scales: Mapping[str, float]) -> Factor:
    """The log density of one site as a factor of named axes."""
    table = site["fn"].log_prob(site["value"])
    frames = {frame.dim: frame for frame in site["cond_indep_stack"]}
    depth = max([np.ndim(table), *(-d for d in frames)])
    shape = (1,) * (depth - np.ndim(table)) + tuple(np.shape(table))
    wide = list(shape)
    for dim, frame in frames.items():
        wide[dim] = frame.size
    table = bnp.broadcast_to(table, tuple(wide))
    names, sizes, extra = [], [], []
    for axis, n in enumerate(wide):
        dim = axis - depth
        if dim in frames:
            names.append(frames[dim].name)
            sizes.append(n)
        elif n != 1 and dim in site["enum_axes"]:
            names.append(site["enum_axes"][dim])
            sizes.append(n)
        elif n != 1:
            extra.append(axis)
    if extra:  # batch axes in no plate: independent, and no enumerated variable has them
        table = bnp.sum(table, axis=tuple(extra))
    plates = Plates(frame.name for frame in frames.values())
    scale = site["scale"]
    if scale is not None:
        for name in plates:
            scale = scale / plate_scales.get(name, 1.0)
        if isinstance(scale, int | float) and abs(scale - 1.0) < 1e-12:
            scale = None
    return Factor(tuple(names), bnp.reshape(table, tuple(sizes)), plates, scale)


def trace_factors(
    trace: Trace,
) -> tuple[list[Factor], dict[str, Plates], dict[str, float]]:
    """Factors of all sites, the plates of enumerated variables, and the plates' scales."""
    scales: dict[str, float] = {}
    for site in trace.values():
        if site["type"] == "plate":
            size, part = site["args"]
            scales[site["name"]] = size / part
    factors: list[Factor] = []
    homes: dict[str, Plates] = {}
    for name, site in trace.items():
        if site["type"] == "control_flow" and "enum_factors" in site:
            factors.extend(site["enum_factors"])
            homes.update(site["enum_homes"])
        if site["type"] != "sample" or site.get("scanned"):
            continue
        if site["infer"].get("is_enumerated"):
            homes[name] = Plates(frame.name for frame in site["cond_indep_stack"])
        factors.append(site_factor(site, scales))
    return factors, homes, scales


def enumerated_log_density(trace: Trace) -> Any:
    """log of the joint density summed over all enumerated variables; a scalar."""
    factors, homes, scales = trace_factors(trace)
    left, _ = eliminate(factors, homes, plate_scales=scales)
    return left[0].table if left else 0.0
