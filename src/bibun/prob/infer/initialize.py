"""A model as bare functions, for samplers and optimizers of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import random, tree
from bibun.compiler import jit
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.util import FlatModel, find_valid_initial
from bibun.transforms import jacfwd, value_and_grad


class ParamInfo(NamedTuple):
    """A valid starting point: unconstrained values by site, the potential there, its gradient."""

    z: dict[str, Any]
    potential_energy: Any
    z_grad: dict[str, Any]


class ModelInfo(NamedTuple):
    """A model as functions of unconstrained values by site."""

    param_info: ParamInfo
    potential_fn: Callable[..., Any]
    postprocess_fn: Callable[..., Any]
    model_trace: Any


def initialize_model(
    rng_key: Any,
    model: Callable[..., Any],
    *,
    init_strategy: Callable[..., Any] = init_to_uniform,
    dynamic_args: bool = False,
    model_args: tuple[Any, ...] = (),
    model_kwargs: Mapping[str, Any] | None = None,
    forward_mode_differentiation: bool = False,
    validate_grad: bool = True,
) -> ModelInfo:
    """A starting point, the potential energy, and the way back to the sites' values.

    `rng_key`: one key, or an array of keys for as many starting points. `dynamic_args`: the
    functions are of (*model_args, **model_kwargs) and return those of the values.
    `validate_grad`: whether a starting point needs a finite gradient too. Discrete
    latent sites are summed out. Errors: RuntimeError, naming the sites, where no valid point is
    found. Names are NumPyro's.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> def model():
    ...     prob.sample("x", dist.HalfNormal(1.0))
    >>> info = initialize_model(random.PRNGKey(0), model)
    >>> round(float(info.potential_fn({"x": bnp.zeros(())})), 6)  # -log p(1) - log |d exp|
    0.725791
    >>> float(info.postprocess_fn({"x": bnp.zeros(())})["x"])
    1.0
    """
    kwargs = dict(model_kwargs or {})
    data = np.asarray(random.key_data(rng_key))
    many = data.ndim > 1
    first = rng_key[0] if many else rng_key
    flat = FlatModel(model, model_args, kwargs, first)

    def potential_of(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        return lambda z: flat.potential(flat.flatten(z), args, kwargs)

    def postprocess_of(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        return lambda z: flat.constrain(flat.flatten(z), args, kwargs)

    def potential(z: Any) -> Any:
        return flat.potential(z, flat.args, flat.kwargs)

    def forward(z: Any) -> tuple[Any, Any]:
        return potential(z), jacfwd(potential)(z)

    both = jit(forward if forward_mode_differentiation else value_and_grad(potential))
    starts = []
    for k in range(len(data) if many else 1):
        z, value, grad = find_valid_initial(
            flat, both, init_strategy, rng_key[k] if many else rng_key,
            check_gradient=validate_grad,
        )  # fmt: skip
        starts.append(ParamInfo(flat.unflatten(z), value, flat.unflatten(grad)))
    info = tree.map(lambda *xs: bnp.stack(xs), *starts) if many else starts[0]
    if dynamic_args:
        return ModelInfo(info, potential_of, postprocess_of, flat.template)
    fixed = model_args, kwargs
    return ModelInfo(
        info, potential_of(*fixed[0], **fixed[1]), postprocess_of(*fixed[0], **fixed[1]),
        flat.template,
    )  # fmt: skip
