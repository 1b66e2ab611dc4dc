"""Neural networks in models: their parameters as `param` sites, or with priors as `sample` sites.

`module` registers what a network learns, to be optimised by SVI; `random_module` puts priors on
all or some of it, for NUTS and for SVI with a guide. Both return the network with the values of
this run of the model. State that a call changes besides, such as batch statistics and random
streams, is the mutable site `{name}$state`, which SVI carries from step to step. Names as in
NumPyro, where they are `nnx_module` and `random_nnx_module`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import nn, tree
from bibun.prob.distributions.distribution import Distribution
from bibun.prob.handlers import scope
from bibun.prob.primitives import _mutable, param, sample

Prior = Distribution | dict[str, Distribution] | Callable[[str, tuple[int, ...]], Distribution]


def _parts(net: Any) -> tuple[Any, dict[Any, Any], Any]:
    """(description, what is learnt by path, the rest of the state)."""
    graphdef, learnt, rest = nn.split(net, nn.Param, ...)
    return graphdef, {path: x.value for path, x in nn.to_flat_state(learnt)}, rest


def _merged(name: str, graphdef: Any, values: dict[Any, Any], rest: Any) -> Any:
    """The network of this run; its other state is a mutable site, read when the run is over."""
    params = nn.from_flat_state(list(values.items()))
    if not tree.leaves(rest):
        return nn.merge(graphdef, params, rest)
    msg = _mutable(f"{name}$state", {"state": rest})
    net = nn.merge(graphdef, params, msg["value"]["state"])
    msg["kwargs"]["read"] = lambda: {"state": nn.split(net, nn.Param, ...)[2]}
    return net


def _nested(values: dict[Any, Any]) -> dict[Any, Any]:
    return nn.to_pure_dict(nn.from_flat_state(list(values.items())))


def _learnt(name: str, values: dict[Any, Any], **kwargs: Any) -> dict[Any, Any]:
    """Values as one param site of nested dicts; none for none."""
    if not values:
        return {}
    held = param(f"{name}$params", _nested(values), **kwargs)
    return dict(nn.to_flat_state(nn.State(held)))


def module(name: str, net: Any, **kwargs: Any) -> Any:
    """A network of `bibun.nn` whose parameters are the param site `{name}$params`.

    The values that `net` holds are where optimisation starts. Other state (batch statistics,
    random streams) is the mutable site `{name}$state`: SVI goes on with what the last step left
    of it (`SVIState.mutable_state`), every other run of the model with what `net` holds; `net`
    itself never changes. Any other pytree is one param site as it is.

    >>> from bibun import nn, prob
    >>> import bibun.numpy as bnp
    >>> line = nn.Linear(2, 1, rngs=nn.Rngs(0))
    >>> def model(x):
    ...     return module("net", line)(x)
    >>> with prob.handlers.trace() as t:
    ...     _ = model(bnp.ones((3, 2)))
    >>> sorted(t["net$params"]["value"])
    ['bias', 'kernel']
    """
    if not isinstance(net, nn.Module):
        return param(f"{name}$params", net, **kwargs)
    graphdef, values, rest = _parts(net)
    return _merged(name, graphdef, _learnt(name, values, **kwargs), rest)


def random_module(name: str, net: Any, prior: Prior, scope_divider: str = "/") -> Any:
    """A network of `bibun.nn` with priors: each parameter is a site `{name}/{path}`.

    `prior`: one distribution of scalars for all elements; a dict from the parameters' paths,
    such as "hidden.kernel", to distributions; or a function of path and shape. A distribution
    is expanded to the parameter's shape. Parameters that a dict leaves out stay in the param
    site `{name}$params`.

    Errors: ValueError for a key of the dict that is no parameter, or a prior whose events do
    not fit; TypeError for what is no distribution.

    >>> from bibun import nn, prob
    >>> from bibun.prob import distributions as dist
    >>> import bibun.numpy as bnp
    >>> line = nn.Linear(2, 1, rngs=nn.Rngs(0))
    >>> def model(x):
    ...     return random_module("net", line, dist.Normal())(x)
    >>> list(prob.handlers.trace(prob.handlers.seed(model, 0)).get_trace(bnp.ones((3, 2))))
    ['net/bias', 'net/kernel']
    """
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"random_module({name!r}): expected a bibun.nn.Module, got {type(net).__name__}"
        )
    graphdef, values, rest = _parts(net)
    paths = {".".join(map(str, path)): path for path in values}
    if isinstance(prior, dict) and (unknown := prior.keys() - paths.keys()):
        raise ValueError(
            f"random_module({name!r}): the prior names {sorted(unknown)}, but the parameters "
            f"are {sorted(paths)}"
        )
    drawn = {}
    with scope(prefix=name, divider=scope_divider):
        for text, path in paths.items():
            shape = np.shape(values[path])
            if isinstance(prior, dict):
                if text not in prior:
                    continue
                given: Any = prior[text]
            else:
                given = prior if isinstance(prior, Distribution) else prior(text, shape)
            drawn[path] = sample(text, _expanded(name, text, given, shape))
    values = values | _learnt(name, {p: v for p, v in values.items() if p not in drawn}) | drawn
    return _merged(name, graphdef, values, rest)


def _expanded(name: str, path: str, prior: Any, shape: tuple[int, ...]) -> Distribution:
    if not isinstance(prior, Distribution):
        raise TypeError(
            f"random_module({name!r}): the prior of {path!r} must be a distribution, got "
            f"{type(prior).__name__}"
        )
    cut = len(shape) - prior.event_dim
    if cut < 0 or shape[cut:] != prior.event_shape:
        raise ValueError(
            f"random_module({name!r}): {path!r} has shape {shape}, its prior draws events of "
            f"shape {prior.event_shape}"
        )
    return prior.expand(shape[:cut]).to_event(cut)


nnx_module = module
random_nnx_module = random_module
