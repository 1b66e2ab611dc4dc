"""From a model to a potential: densities, unconstrained space, initial values.

HMC moves in unconstrained space. For a site with support S and the bijection T: R^n -> S,
the potential at u is -log p(T(u)) - log|det T'(u)|, summed over the latent sites. All latent
values are one flat vector, so that a sampler's arithmetic is arithmetic on vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import bibun
import bibun.numpy as bnp
from bibun import random, tree
from bibun.errors import ShapeError
from bibun.prob import handlers
from bibun.prob.distributions import biject_to
from bibun.prob.infer.enumeration.sites import (
    enumerated,
    enumerated_log_density,
    is_enumerable,
    is_enumerated,
)
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.util import scaled_log_prob, site_log_prob
from bibun.transforms import vmap

Model = Callable[..., Any]


def log_density(
    model: Model,
    model_args: Sequence[Any],
    model_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """Log joint density of a model at constrained `params`, and the trace.

    Latent sites take their values from `params`; observed sites and factors count as they
    stand. Source: NumPyro's function of this name.

    >>> from bibun import prob
    >>> from bibun.prob import distributions as dist
    >>> def model():
    ...     prob.sample("s", dist.LogNormal(0.0, 1.0))
    >>> lp, _ = log_density(model, (), {}, {"s": 1.0})
    >>> round(float(lp), 4)
    -0.9189
    """
    model_trace = _trace_at(model, model_args, model_kwargs, data=dict(params))
    return trace_log_density(model_trace), model_trace


def _trace_at(model: Model, args: Any, kwargs: Any, **values: Any) -> dict[str, Any]:
    """The trace of a model at `values`, those of `handlers.substitute`."""
    return handlers.trace(handlers.substitute(model, **values)).get_trace(*args, **kwargs)


def trace_log_density(model_trace: Mapping[str, Any]) -> Any:
    """The sum of the log probabilities of all sample sites of a trace.

    Under `enum`, the enumerated sites are summed out of it.
    """
    spread = is_enumerated(model_trace)
    total: Any = enumerated_log_density(model_trace) if spread else 0.0
    for site in model_trace.values():
        if site["type"] == "sample" and not spread:
            total = total + site_log_prob(site)
    for site in model_trace.values():
        if "log_det" in site:  # of the bijection that placed the value in its support
            total = total + bnp.sum(site["log_det"])
    return total


def latent_sites(model_trace: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The sample sites to infer: not observed and continuous.

    Discrete ones with a finite support are left out: they are summed out of the density.
    Errors: ValueError for a discrete latent site that cannot be.
    """
    found = {}
    for name, site in model_trace.items():
        if site["type"] != "sample" or site["is_observed"]:
            continue
        if getattr(site["fn"].support, "is_discrete", False):
            how = site["infer"].get("enumerate", "parallel")
            if is_enumerable(site) and how == "parallel":
                continue
            why = (
                f"is marked infer={{'enumerate': {how!r}}}, and only 'parallel' is summed out"
                if is_enumerable(site)
                else "has no finite support that could be summed out"
            )
            raise ValueError(
                f"site {name!r} ({type(site['fn']).__name__}) is discrete and latent and {why}; "
                "gradient-based inference needs continuous parameters. Observe it, or use "
                "DiscreteHMCGibbs or MixedHMC"
            )
        found[name] = site
    return found


def compute_log_probs(
    model: Model,
    model_args: Sequence[Any],
    model_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
    sum_log_prob: bool = True,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The log density of each site at constrained `params`, scale included, and the trace.

    `sum_log_prob`: one number a site; else an array of its batch shape.
    """
    trace = _trace_at(model, model_args, model_kwargs, data=dict(params))
    log_prob = site_log_prob if sum_log_prob else scaled_log_prob
    return {k: log_prob(s) for k, s in trace.items() if s["type"] == "sample"}, trace


def transform_fn(
    transforms: Mapping[str, Any], params: Mapping[str, Any], invert: bool = False
) -> dict[str, Any]:
    """Apply each site's transform (or its inverse) to the params that have one."""
    return {
        k: (transforms[k]._inverse(v) if invert else transforms[k](v)) if k in transforms else v
        for k, v in params.items()
    }


def constrain_fn(
    model: Model,
    model_args: Sequence[Any],
    model_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
    return_deterministic: bool = False,
    batch_ndims: int = 0,
) -> dict[str, Any]:
    """Constrained values at unconstrained `params`; also deterministic sites if asked for.

    `batch_ndims`: how many leading axes of the params count points (1: draws; 2: by chain).

    >>> from bibun import prob
    >>> from bibun.prob import distributions as dist
    >>> def model():
    ...     prob.sample("s", dist.LogNormal(0.0, 1.0))
    >>> float(constrain_fn(model, (), {}, {"s": 0.0})["s"])
    1.0
    """
    if batch_ndims:
        return vmap(
            lambda p: constrain_fn(
                model, model_args, model_kwargs, p, return_deterministic, batch_ndims - 1
            )
        )(dict(params))

    def substitute_fn(site: Mapping[str, Any]) -> Any:
        if site["name"] in params and site["type"] == "sample":
            u = handlers.at_step(params[site["name"]], site)
            return biject_to(site["fn"].support)(u)
        return None

    model_trace = _trace_at(model, model_args, model_kwargs, substitute_fn=substitute_fn)
    return {
        k: v["value"]
        for k, v in model_trace.items()
        if k in params or (return_deterministic and v["type"] == "deterministic")
    }


def unconstrain_fn(
    model: Model,
    model_args: Sequence[Any],
    model_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
) -> dict[str, Any]:
    """Unconstrained values of constrained `params`.

    >>> from bibun import prob
    >>> from bibun.prob import distributions as dist
    >>> def model():
    ...     prob.sample("s", dist.LogNormal(0.0, 1.0))
    >>> float(unconstrain_fn(model, (), {}, {"s": 1.0})["s"])
    0.0
    """
    model_trace = _trace_at(model, model_args, model_kwargs, data=dict(params))
    sites = latent_sites(model_trace)
    return {
        k: biject_to(sites[k]["fn"].support)._inverse(v) if k in sites else v
        for k, v in params.items()
    }


def potential_energy(
    model: Model,
    model_args: Sequence[Any],
    model_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
) -> Any:
    """-log p at unconstrained `params`, the Jacobian of the transforms included.

    >>> from bibun import prob
    >>> from bibun.prob import distributions as dist
    >>> def model():
    ...     prob.sample("s", dist.LogNormal(0.0, 1.0))
    >>> round(float(potential_energy(model, (), {}, {"s": 0.0})), 4)  # as of the logarithm
    0.9189
    """
    return -trace_log_density(unconstrained_trace(model, model_args, model_kwargs, params))


def unconstrained_trace(
    model: Model,
    model_args: Sequence[Any],
    model_kwargs: Mapping[str, Any],
    params: Mapping[str, Any],
) -> Mapping[str, Any]:
    """The trace at unconstrained `params`; sites have `log_det`, of their transforms."""

    def substitute_fn(site: dict[str, Any]) -> Any:
        name = site["name"]
        if name not in params or site["type"] != "sample":
            return None
        transform = biject_to(site["fn"].support)
        u = handlers.at_step(params[name], site)
        value = transform(u)
        site["log_det"] = bnp.sum(transform.log_abs_det_jacobian(u, value))
        return value

    return _trace_at(model, model_args, model_kwargs, substitute_fn=substitute_fn)


def _somewhere(site: Mapping[str, Any]) -> Any:
    """A value in a continuous latent site's support, and no special one of it.

    A draw would do as well, but distributions are not all drawn from, nor all at once: the first
    draw of a gamma compiles a program.
    """
    if site["type"] != "sample" or site["is_observed"]:
        return None
    fn = site["fn"]
    if getattr(fn.support, "is_discrete", False):
        return None
    shape = fn.shape(site["kwargs"].get("sample_shape", ()))
    try:
        return init_to_uniform({**site, "value": np.empty(shape)}, radius=1.0)
    except NotImplementedError:  # no bijection onto the support
        return None


# the model as a function of one vector --------------------------------------------------------


class FlatModel:
    """A model seen by a sampler: sizes, transforms, and functions of one flat vector.

    `template` is the trace of one run, from which names and shapes come; continuous sites have any
    value of their support in it. Arguments that are arrays stay arguments of the compiled
    functions; the rest is baked in.
    """

    def __init__(
        self, model: Model, args: Sequence[Any], kwargs: Mapping[str, Any], key: Any
    ) -> None:
        self.model = self.plain = model
        self.args = tuple(args)
        self.kwargs = dict(kwargs)
        seeded = handlers.seed(model, rng_seed=key)
        placed = handlers.substitute(seeded, substitute_fn=_somewhere)
        self.template = handlers.trace(placed).get_trace(*args, **kwargs)
        self.sites = latent_sites(self.template)
        if any(is_enumerable(s) for s in self.template.values()):
            self.model = enumerated(model, self.template)
        self.transforms = {k: biject_to(s["fn"].support) for k, s in self.sites.items()}
        self.shapes = {
            k: tuple(self.transforms[k].inverse_shape(tuple(np.shape(s["value"]))))
            for k, s in self.sites.items()
        }
        self.sizes = {k: math.prod(s) for k, s in self.shapes.items()}
        self.dimension = sum(self.sizes.values())
        if not self.sites:
            discrete = [k for k, s in self.template.items() if is_enumerable(s)]
            raise ValueError(
                "the model has no latent variable to infer" if not discrete else
                f"the model's latent sites ({', '.join(discrete)}) are all discrete and would be "
                "summed out, which leaves nothing to sample: use DiscreteHMCGibbs, or "
                "infer_discrete for their posterior given the data"
            )  # fmt: skip

    def functions(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], Callable[[Any, Any], Any], Callable[[Any, Any], dict[str, Any]]]:
        """The arrays among the arguments; potential and constrained values as functions of (z,
        arrays)."""
        data, rebuild = split_arguments(args, kwargs)

        def potential(z: Any, arrays: Any) -> Any:
            a, k = rebuild(arrays)
            return self.potential(z, a, k)

        def constrain(z: Any, arrays: Any) -> dict[str, Any]:
            a, k = rebuild(arrays)
            return self.constrain(z, a, k)

        return data, potential, constrain

    @property
    def fixed_supports(self) -> bool:
        """Whether no site's support depends on other sites or on arguments."""
        return all(
            isinstance(x, int | float)
            for s in self.sites.values()
            for x in tree.leaves(s["fn"].support)
        )

    def unflatten(self, z: Any) -> dict[str, Any]:
        """The unconstrained values that a flat vector holds."""
        out, at = {}, 0
        for k, n in self.sizes.items():
            piece = z[..., at : at + n]
            out[k] = bnp.reshape(piece, (*np.shape(z)[:-1], *self.shapes[k]))
            at += n
        return out

    def flatten(self, values: Mapping[str, Any]) -> Any:
        """One vector of unconstrained values, by site.

        Errors: ValueError for other sites than the model's, ShapeError for other shapes.
        """
        self._check_sites(values)
        for k, shape in self.shapes.items():
            if np.shape(values[k]) != shape:
                raise ShapeError(
                    f"init_params: site {k!r} has unconstrained shape {shape}, got "
                    f"{np.shape(values[k])}"
                )
        return bnp.concatenate([bnp.reshape(bnp.asarray(values[k]), (-1,)) for k in self.sizes])

    def _check_sites(self, values: Mapping[str, Any]) -> None:
        wrong = {
            "lacks": [k for k in self.sizes if k not in values],
            "has, as no continuous latent site of the model,": [
                k for k in values if k not in self.sizes
            ],
        }
        said = "; it ".join(f"{verb} {', '.join(map(repr, k))}" for verb, k in wrong.items() if k)
        if said:
            raise ValueError(
                f"init_params gives the unconstrained start of all sites, {', '.join(self.sizes)}; "
                f"it {said}. To set some of them, constrained: init_to_value(values=...)"
            )

    def starts(self, values: Mapping[str, Any], chains: int) -> Any:
        """Unconstrained values by site as vectors, (chains, dimension).

        A site's values are one a chain, along a leading axis, or one that all chains share.
        Errors: as of `flatten`.
        """
        self._check_sites(values)
        columns = []
        for k, shape in self.shapes.items():
            v = np.asarray(values[k], dtype=float)
            if v.shape not in (shape, (chains, *shape)):
                raise ShapeError(
                    f"init_params: site {k!r} of {chains} chain(s) must have shape "
                    f"{(chains, *shape)}, a leading axis of chains, or {shape}, unconstrained, "
                    f"where all start at the same value; got {v.shape}"
                )
            columns.append(np.broadcast_to(v, (chains, *shape)).reshape(chains, -1))
        return np.concatenate(columns, axis=1)

    def potential(self, z: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The potential energy at a flat vector."""
        return potential_energy(self.model, args, kwargs, self.unflatten(z))

    def constrain(self, z: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """All latent and deterministic values at a flat vector.

        Deterministic values that depend on a summed out variable are left out.
        """
        out = constrain_fn(self.model, args, kwargs, self.unflatten(z), return_deterministic=True)
        if self.model is self.plain:
            return out
        return {
            k: v
            for k, v in out.items()
            if k in self.sites or np.shape(v) == np.shape(self.template[k]["value"])
        }

    def place(self, z: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The latent values at a flat vector; the model runs only where it has to."""
        if self.fixed_supports:
            return {n: self.transforms[n](u) for n, u in self.unflatten(z).items()}
        return {k: v for k, v in self.constrain(z, args, kwargs).items() if k in self.sites}

    def initial(self, strategy: Callable[[Any], Any], key: Any) -> Any:
        """A starting point by an `init_to_*` strategy, as a flat vector."""
        vector = getattr(strategy, "vector", None)
        if vector is not None:
            return vector(key, self.dimension)

        def with_key(site: Mapping[str, Any]) -> Any:
            if site["type"] != "sample" or site["name"] not in self.sites:
                return None
            kwargs = site["kwargs"]
            key_draw, key = random.split(kwargs["rng_key"])
            value = site["fn"].sample(key_draw, kwargs.get("sample_shape", ()))
            return strategy({**site, "value": value, "kwargs": {**kwargs, "rng_key": key}})

        # innermost first: the site has its key when the strategy looks at it
        seeded = handlers.substitute(
            handlers.seed(self.model, rng_seed=key), substitute_fn=with_key
        )
        trace = handlers.trace(seeded).get_trace(*self.args, **self.kwargs)
        values = {k: self.transforms[k]._inverse(trace[k]["value"]) for k in self.sizes}
        return self.flatten(values)

    def report(self, z: Any) -> str:
        """Why a starting point is bad: each site with its value and log density."""
        values = self.constrain(z, self.args, self.kwargs)
        lines = []
        _, trace = log_density(
            self.model, self.args, self.kwargs, {k: values[k] for k in self.sites}
        )
        for name, site in trace.items():
            if site["type"] != "sample":
                continue
            lp = np.asarray(site_log_prob(site))
            if not np.isfinite(lp):
                shown = np.asarray(site["value"])
                text = str(shown if shown.size <= 6 else shown.ravel()[:6])
                kind = "observed" if site["is_observed"] else "latent"
                lines.append(
                    f"  site {name!r} ({kind}, {type(site['fn']).__name__}): log density {lp}, "
                    f"value {text}{_cause(site)}"
                )
        return "\n".join(lines) or "  every site is finite, but the gradient is not"


def _cause(site: Mapping[str, Any]) -> str:
    value = np.asarray(site["value"])
    if not np.all(np.isfinite(value)):
        return "; the value itself is not finite"
    try:
        inside = np.asarray(site["fn"].support(site["value"]))
    except Exception:
        return ""
    return "" if np.all(inside) else "; the value is outside the support of the distribution"


def find_valid_initial(
    flat: FlatModel,
    value_and_grad: Callable[[Any], tuple[Any, Any]],
    strategy: Callable[[Any], Any],
    key: Any,
    tries: int = 100,
    check_gradient: bool = True,
) -> tuple[Any, Any, Any]:
    """A starting point with finite potential and gradient: (z, potential, gradient).

    Errors: RuntimeError naming the sites, their values and log densities, and why.
    """
    z = None
    for k in range(tries):
        z = flat.initial(strategy, random.fold_in(key, k))
        value, grad = value_and_grad(z)
        good = np.all(np.isfinite(np.asarray(grad))) or not check_gradient
        if good and np.isfinite(np.asarray(value)):
            return z, value, grad
    raise RuntimeError(
        f"no valid starting point in {tries} tries. At the last one:\n{flat.report(z)}\n"
        "Give init_strategy=init_to_value(values={...}), or look at these sites' priors and data."
    )


def split_arguments(args: Any, kwargs: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """Array leaves of model arguments, and how to put them back among the rest."""
    leaves, structure = tree.flatten((tuple(args), dict(kwargs)))
    dynamic = [k for k, x in enumerate(leaves) if isinstance(x, bibun.Array | np.ndarray)]
    values = [bnp.asarray(leaves[k]) for k in dynamic]

    def rebuild(arrays: Sequence[Any]) -> Any:
        filled = list(leaves)
        for k, a in zip(dynamic, arrays, strict=True):
            filled[k] = a
        return tree.unflatten(structure, filled)

    return values, rebuild
