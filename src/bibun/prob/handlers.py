"""Handlers: what gives a probabilistic program its meaning.

A model only states. Each `sample`, `param` or `plate` sends a message to the handlers around it,
the innermost first, and each may change it (`process_message`): give a value, a key, another
distribution, or stop it. Then the statement happens, a draw where nobody gave a value, and the
handlers that were reached see the result (`postprocess_message`). Inference is made of these:
`seed` gives keys, `substitute` values, `trace` records, and a log density is a sum over what was
recorded.

Each is a wrapper of a model, `handler(model, …)(*args)`, or a context, `with handler(…)`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions.distribution import Distribution
from bibun.prob.primitives import Message, Messenger

Trace = dict[str, Message]


class trace(Messenger):
    """Record every statement of a model.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     sample("x", dist.Normal())
    >>> trace(seed(model, 0)).get_trace()["x"]["type"]
    'sample'
    """

    inside_loops, outside_loops = False, True

    def __enter__(self) -> Trace:
        super().__enter__()
        self.trace: Trace = OrderedDict()
        return self.trace

    def postprocess_message(self, msg: Message) -> None:
        if "name" not in msg or msg["name"].startswith("_"):
            return
        name = msg["name"]
        if name in self.trace:
            if msg["type"] == "plate" and self.trace[name]["type"] == "plate":
                sizes = self.trace[name]["args"][0], msg["args"][0]
                if sizes[0] != sizes[1]:
                    raise ValueError(
                        f"two plates are named {name!r}, of sizes {sizes[0]} and {sizes[1]}; a "
                        "plate may be entered again, but another one needs a name of its own"
                    )
                return
            raise ValueError(
                f"two statements of the model are named {name!r}; every site needs a name of "
                "its own (put a loop's index into it)"
            )
        self.trace[name] = msg.copy()

    def get_trace(self, *args: Any, **kwargs: Any) -> Trace:
        """Run the model and return its statements by name, in order."""
        self(*args, **kwargs)
        return self.trace


def as_key(rng_key: Any) -> Any:
    """The key itself, or that of an integer seed."""
    is_seed = isinstance(rng_key, int | np.integer) or (
        getattr(rng_key, "shape", None) == () and not random.is_key(rng_key)
    )
    return random.PRNGKey(rng_key) if is_seed else rng_key


class seed(Messenger):
    """Give the model's statements keys, split one after another from `rng_seed`.

    `rng_seed` is an integer or a key. `hide_types` leaves statement types out.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     return sample("x", dist.Normal())
    >>> bool(seed(model, 0)() == seed(model, 0)() != seed(model, 1)())
    True
    """

    inside_loops, outside_loops = False, True

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        rng_seed: Any = None,
        hide_types: Sequence[str] | None = None,
    ) -> None:
        if rng_seed is None:
            raise ValueError("seed: rng_seed must be given, an integer or a key")
        self.rng_key = self._start = as_key(rng_seed)
        self.hide_types = frozenset(hide_types or ())
        super().__init__(fn)

    def __enter__(self) -> Any:
        self.rng_key = self._start
        return super().__enter__()

    def process_message(self, msg: Message) -> None:
        kind = msg["type"]
        if kind in self.hide_types or kind not in (
            "sample", "prng_key", "param", "plate", "control_flow",
        ):  # fmt: skip
            return
        needed = msg["value"] is None and not msg["is_observed"]
        if kind == "param":
            needed = needed and callable(msg["args"][0])
        elif kind == "plate":
            needed = needed and msg["args"][0] != msg["args"][1]
        if needed and msg["kwargs"].get("rng_key") is None:
            self.rng_key, msg["kwargs"]["rng_key"] = _pair(self.rng_key)


def _pair(key: Any) -> tuple[Any, Any]:
    keys = random.split(key)
    return keys[0], keys[1]


def at_step(value: Any, msg: Mapping[str, Any]) -> Any:
    """In the body of a loop, the row of a value that belongs to this step."""
    for index in msg.get("scan_index", ()) if value is not None else ():
        value = bnp.asarray(value)[index]
    return value


class _Supply(Messenger):
    """Common part of substitute and condition: values by site name, or by a function."""

    _observes = False

    def __init__(
        self,
        fn: Callable[..., Any] | None,
        data: dict[str, Any] | None,
        function: Callable[[Message], Any] | None,
    ) -> None:
        if (data is None) == (function is None):
            raise ValueError(
                f"{type(self).__name__}: give exactly one of data, values by site name, and "
                f"{type(self).__name__}_fn, a function of the site"
            )
        self.data = data
        self._function = function
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        kind = msg["type"]
        if kind not in ("sample", "param", "plate", "deterministic", "mutable"):
            return
        if self._observes and (kind != "sample" or msg["is_observed"]):
            return
        if kind == "deterministic":
            return
        if self.data is None:
            value = self._function(msg)  # type: ignore[misc]
        else:
            value = at_step(self.data.get(msg["name"]), msg)
        if value is not None:
            msg["value"] = value
            if self._observes:
                msg["is_observed"] = True


class substitute(_Supply):
    """Give latent and param sites values: from `data`, or from `substitute_fn(site)`.

    The sites stay latent: their density is part of the model's.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     return sample("x", dist.Normal())
    >>> substitute(model, {"x": 0.5})()
    0.5
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        data: dict[str, Any] | None = None,
        substitute_fn: Callable[[Message], Any] | None = None,
    ) -> None:
        super().__init__(fn, data, substitute_fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] == "sample" and msg["is_observed"]:
            return
        super().process_message(msg)


class condition(_Supply):
    """Observe sites: their values from `data`, or from `condition_fn(site)`.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     return sample("x", dist.Normal())
    >>> site = trace(condition(model, {"x": 0.5})).get_trace()["x"]
    >>> site["value"], site["is_observed"]
    (0.5, True)
    """

    _observes = True

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        data: dict[str, Any] | None = None,
        condition_fn: Callable[[Message], Any] | None = None,
    ) -> None:
        super().__init__(fn, data, condition_fn)


class uncondition(Messenger):
    """Turn observed sites into latent ones: the model draws its data.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     return sample("y", dist.Uniform(0.0, 1.0), obs=7.0)
    >>> 0.0 < float(seed(uncondition(model), 0)()) < 1.0
    True
    """

    def process_message(self, msg: Message) -> None:
        if msg["type"] == "sample" and msg["is_observed"]:
            if msg["infer"].get("is_auxiliary"):
                return
            msg["infer"] = {**msg["infer"], "was_observed": True, "obs": msg["value"]}
            msg["value"] = None
            msg["is_observed"] = False


class replay(Messenger):
    """Give sites the values they have in a recorded trace.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     return sample("x", dist.Normal())
    >>> recorded = trace(seed(model, 0)).get_trace()
    >>> bool(seed(replay(model, recorded), 1)() == recorded["x"]["value"])
    True
    """

    def __init__(self, fn: Callable[..., Any] | None = None, trace: Trace | None = None) -> None:
        if trace is None:
            raise ValueError("replay: trace must be given")
        self.trace = trace
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] in ("sample", "plate") and msg["name"] in self.trace:
            recorded = self.trace[msg["name"]]
            if msg["type"] == "sample" and msg["is_observed"]:
                return
            if recorded["type"] != msg["type"]:
                raise ValueError(
                    f"replay: site {msg['name']!r} is a {msg['type']} but was recorded as a "
                    f"{recorded['type']}"
                )
            msg["value"] = at_step(recorded["value"], msg)
            msg["infer"] = {**recorded["infer"], **msg["infer"]}


class block(Messenger):
    """Hide statements from the handlers outside.

    By `hide_fn(site)`, by names to `hide`, or all but the names to `expose` or types
    `expose_types`; without any of them, all.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     return sample("x", dist.Normal()) + sample("y", dist.Normal())
    >>> list(trace(block(seed(model, 0), hide=["x"])).get_trace())
    ['y']
    """

    outside_loops = True

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        hide_fn: Callable[[Message], bool] | None = None,
        hide: Sequence[str] | None = None,
        expose_types: Sequence[str] | None = None,
        expose: Sequence[str] | None = None,
    ) -> None:
        # one that hides everything hides a loop as a whole
        self.inside_loops = not (hide_fn is hide is expose_types is expose is None)
        if hide_fn is not None:
            self.hide_fn = hide_fn
        elif hide is not None:
            self.hide_fn = lambda msg: msg.get("name") in hide
        elif expose_types is not None:
            self.hide_fn = lambda msg: msg["type"] not in expose_types
        elif expose is not None:
            self.hide_fn = lambda msg: msg.get("name") not in expose
        else:
            self.hide_fn = lambda msg: True
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] == "control_flow":
            msg["stop"] = not self.inside_loops
        elif self.hide_fn(msg):
            msg["stop"] = True


class mask(Messenger):
    """Count the density of sample sites only where `mask` is true.

    >>> from bibun.prob import distributions as dist, sample
    >>> from bibun.prob.infer import log_density
    >>> def model():
    ...     with mask(mask=bnp.array([True, False])):
    ...         sample("y", dist.Normal(bnp.zeros(2), 1.0), obs=bnp.zeros(2))
    >>> print(bnp.round(log_density(model, (), {}, {})[0], 4))  # of one of the two
    -0.9189
    """

    def __init__(self, fn: Callable[..., Any] | None = None, mask: Any = True) -> None:
        if not isinstance(mask, bool) and getattr(mask, "dtype", None) != np.bool_:
            raise TypeError(f"mask: expected booleans, got {getattr(mask, 'dtype', type(mask))}")
        self.mask = mask
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] == "inspect":
            outer = msg.get("mask")
            msg["mask"] = self.mask if outer is None else bnp.logical_and(outer, self.mask)
        elif msg["type"] == "sample":
            msg["fn"] = msg["fn"].mask(self.mask)


class scale(Messenger):
    """Multiply the log density of sample sites by a positive number.

    >>> from bibun.prob import distributions as dist, sample
    >>> from bibun.prob.infer import log_density
    >>> def model():
    ...     sample("y", dist.Normal(), obs=0.0)
    >>> print(bnp.round(log_density(scale(model, scale=10.0), (), {}, {})[0], 4))
    -9.1894
    """

    def __init__(self, fn: Callable[..., Any] | None = None, scale: Any = 1.0) -> None:
        if isinstance(scale, int | float) and scale <= 0:
            raise ValueError(f"scale: must be positive, got {scale}")
        self.scale = scale
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] in ("sample", "param", "plate"):
            msg["scale"] = self.scale if msg["scale"] is None else self.scale * msg["scale"]


class infer_config(Messenger):
    """Add what `config_fn(site)` returns to the inference options of sites.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     sample("k", dist.Bernoulli(0.5))
    >>> marked = infer_config(model, lambda site: {"enumerate": "parallel"})
    >>> trace(seed(marked, 0)).get_trace()["k"]["infer"]
    {'enumerate': 'parallel'}
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        config_fn: Callable[[Message], dict[str, Any]] | None = None,
    ) -> None:
        if config_fn is None:
            raise ValueError("infer_config: config_fn must be given")
        self.config_fn = config_fn
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] in ("sample", "param"):
            msg["infer"] = {**msg["infer"], **self.config_fn(msg)}


class lift(Messenger):
    """Turn param sites into sample sites with the given prior.

    `prior`: a distribution for all of them, or a dict by name.

    >>> from bibun.prob import distributions as dist, param
    >>> def model():
    ...     param("w", 0.0)
    >>> trace(seed(lift(model, dist.Normal()), 0)).get_trace()["w"]["type"]
    'sample'
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        prior: Distribution | dict[str, Distribution] | None = None,
    ) -> None:
        if prior is None:
            raise ValueError("lift: prior must be given")
        self.prior = prior
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] != "param":
            return
        prior = self.prior.get(msg["name"]) if isinstance(self.prior, dict) else self.prior
        if prior is None:
            return
        msg.update(
            type="sample", fn=prior, args=(), kwargs={"rng_key": None, "sample_shape": ()},
            is_observed=False, intermediates=[],
        )  # fmt: skip


class scope(Messenger):
    """Put `prefix` and a divider before the names of sites.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     return sample("x", dist.Normal())
    >>> list(trace(seed(scope(model, "left"), 0)).get_trace())
    ['left/x']
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        prefix: str = "",
        divider: str = "/",
        *,
        hide_types: Sequence[str] | None = None,
    ) -> None:
        self.prefix = prefix
        self.divider = divider
        self.hide_types = frozenset(hide_types or ())
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] not in self.hide_types and not msg["name"].startswith("_"):
            msg.setdefault("name_in_model", msg["name"])
            msg["name"] = f"{self.prefix}{self.divider}{msg['name']}"
        msg["cond_indep_stack"] = [
            frame._replace(name=f"{self.prefix}{self.divider}{frame.name}")
            for frame in msg["cond_indep_stack"]
        ]


class do(Messenger):
    """Intervene: downstream statements see the values of `data`, the sites are cut off.

    >>> from bibun.prob import distributions as dist, sample
    >>> def model():
    ...     x = sample("x", dist.Normal())
    ...     sample("y", dist.Normal(x, 0.001))
    >>> found = trace(seed(do(model, {"x": 5.0}), 0)).get_trace()
    >>> list(found), abs(float(found["y"]["value"]) - 5.0) < 0.01
    (['y'], True)
    """

    def __init__(
        self, fn: Callable[..., Any] | None = None, data: dict[str, Any] | None = None
    ) -> None:
        if data is None:
            raise ValueError("do: data must be given")
        self.data = data
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] == "sample" and msg["name"] in self.data and not msg["is_observed"]:
            # the intervened value is no statement of the model: nothing outside sees it
            msg["value"] = self.data[msg["name"]]
            msg["is_observed"] = True
            msg["stop"] = True


class reparam(Messenger):
    """Rewrite sites by strategies: `config` maps a name, or a site, to one.

    A strategy is called as `strategy(name, fn, obs)` and returns the new distribution, or
    None, and the value; `name` is the model's, as the statements that a strategy makes go through
    all handlers again. A latent site whose value is given further inside, by `substitute` or
    `replay`, is left as it is: nothing is drawn, and its density has to be that of the value.

    >>> from bibun.prob import distributions as dist, sample
    >>> from bibun.prob.infer.reparam import LocScaleReparam
    >>> def model():
    ...     return sample("x", dist.Normal(10.0, 2.0))
    >>> list(trace(seed(reparam(model, {"x": LocScaleReparam(0.0)}), 0)).get_trace())
    ['x_decentered', 'x']
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        config: dict[str, Any] | Callable[[Message], Any] | None = None,
    ) -> None:
        if config is None:
            raise ValueError("reparam: config must be given")
        self.config = config
        super().__init__(fn)

    def process_message(self, msg: Message) -> None:
        if msg["type"] != "sample" or (msg["value"] is not None and not msg["is_observed"]):
            return
        if isinstance(self.config, dict):
            strategy = self.config.get(msg["name"])
        else:
            strategy = self.config(msg)
        if strategy is None:
            return
        fn, value = strategy(msg.get("name_in_model", msg["name"]), msg["fn"], msg["value"])
        if value is not None:
            if fn is None:
                msg.update(type="deterministic", args=(), kwargs={}, infer={})
                msg["fn"] = lambda: value
            if msg["value"] is None:
                msg["value"] = value
        if fn is not None:
            msg["fn"] = fn


__all__ = [
    "Messenger", "block", "condition", "do", "infer_config", "lift", "mask", "reparam",
    "replay", "scale", "scope", "seed", "substitute", "trace", "uncondition",
]  # fmt: skip
