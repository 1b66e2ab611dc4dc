"""Gibbs kernels: some sites move by a rule of their own, the others by HMC or NUTS in between.

The position of a chain is one vector: the unconstrained values of the inner kernel's sites,
then the Gibbs sites' values. The inner kernel sees the conditional density at the Gibbs sites'
values, which are data to it; the model is conditioned on them. After each Gibbs move its
potential and gradient are computed anew, as the density it moves on has changed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.prob import handlers
from bibun.prob.infer.enumeration.sites import is_enumerable
from bibun.prob.infer.hmc import HMC, HMCState, Potential
from bibun.prob.infer.util import FlatModel, split_arguments
from bibun.transforms import value_and_grad

SITES = "_gibbs_sites"  # the keyword that carries their values into the model
GibbsFunction = Callable[..., Mapping[str, Any]]  # of rng_key, gibbs_sites, hmc_sites


def discrete_latent_sites(trace: Mapping[str, Any]) -> list[str]:
    """The names of the discrete latent sites in a trace that are not to be summed out."""
    return [
        k for k, s in trace.items()
        if is_enumerable(s) and s["infer"].get("enumerate") != "parallel"
    ]  # fmt: skip


class GibbsKernel:
    """Base class. Subclasses write `find_sites` and `gibbs_move`.

    `inner_kernel`: an HMC or NUTS with a model; the options of the moves between are its.
    """

    def __init__(self, inner_kernel: HMC) -> None:
        if not isinstance(inner_kernel, HMC):
            raise TypeError(
                f"{type(self).__name__}: inner_kernel must be HMC or NUTS, got "
                f"{type(inner_kernel).__name__}"
            )
        if inner_kernel.model is None:
            raise ValueError(
                f"{type(self).__name__}: inner_kernel must have a model; with potential_fn there "
                "are no sites to tell apart"
            )
        import copy

        self.inner = copy.copy(inner_kernel)
        self.model = inner_kernel.model
        self.potential_fn = None
        self.init_strategy = inner_kernel.init_strategy
        # what a run's fingerprint is made of, beside this kernel's own options
        self.inner_options = repr(
            sorted((k, v) for k, v in vars(inner_kernel).items() if isinstance(v, _PLAIN))
        )
        self.flat: FlatModel | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The options: what `setup` leaves behind (`flat`, `_...`) does not travel."""
        options = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return {**options, "flat": None}

    # subclasses -------------------------------------------------------------------------------

    def find_sites(self, trace: Mapping[str, Any]) -> list[str]:
        """Names of the Gibbs sites in a trace of the model."""
        raise NotImplementedError

    def encode(self, name: str, value: Any) -> Any:
        """A site's value as a vector of floats."""
        return bnp.reshape(bnp.asarray(value), (-1,)).astype(float)

    def decode(self, name: str, vector: Any) -> Any:
        """A site's value from its vector."""
        site = self._gibbs[name]
        return bnp.reshape(vector, np.shape(site["value"])).astype(self._dtypes[name])

    def gibbs_move(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[Any, Any]:
        """New values of the Gibbs part, and how often it moved, in [0, 1]."""
        raise NotImplementedError

    def known(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        """The model given the Gibbs sites' values."""
        return handlers.condition(self.model, data=dict(values))

    def arguments(self, arrays: Any) -> Any:
        """The model's arguments, given the arrays among them."""
        return self._rebuild(arrays)

    def energy(self, z: Any, arrays: Any, values: Mapping[str, Any]) -> Any:
        """The potential of the inner kernel's part, given the Gibbs sites' values."""
        assert self.flat is not None
        args, kwargs = self.arguments(arrays)
        return self.flat.potential(z, args, {**kwargs, SITES: values})

    shows_sites = True  # whether their values are among the samples

    # the vector -------------------------------------------------------------------------------

    def split(self, z: Any) -> tuple[Any, Any]:
        """(the inner kernel's part, the Gibbs part)."""
        return z[: self._width], z[self._width :]

    def values(self, part: Any) -> dict[str, Any]:
        """The Gibbs sites' values in their part of the vector."""
        out, at = {}, 0
        for name, n in self._sizes.items():
            out[name] = self.decode(name, part[at : at + n])
            at += n
        return out

    def others(self, mine: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        """The constrained values of the inner kernel's sites, given the Gibbs sites'."""
        flat = self.flat
        assert flat is not None
        return flat.place(mine, flat.args, {**flat.kwargs, SITES: values})

    def updated(
        self, gibbs_fn: GibbsFunction, key: Any, old: Mapping[str, Any], others: dict[str, Any]
    ) -> dict[str, Any]:
        """What a user's function makes of its sites. Errors: ValueError for other sites, shapes."""
        given = {"rng_key": key, "gibbs_sites": dict(old), "hmc_sites": others}
        by_name = given.keys() <= inspect.signature(gibbs_fn).parameters.keys()
        new = dict(gibbs_fn(**given) if by_name else gibbs_fn(*given.values()))
        if set(new) != set(old):
            raise ValueError(
                f"gibbs_fn must return values of {sorted(old)}, it returned {sorted(new)}"
            )
        for name, value in new.items():
            if math.prod(np.shape(value)) != self._sizes[name]:
                raise ValueError(
                    f"gibbs_fn returned {name!r} with shape {np.shape(value)}; the site has "
                    f"{np.shape(old[name])}"
                )
        return new

    # what MCMC asks for -----------------------------------------------------------------------

    def setup(self, rng_key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Potential:
        seeded = handlers.seed(self.model, rng_seed=rng_key)
        trace = handlers.trace(seeded).get_trace(*args, **kwargs)
        names = self.find_sites(trace)
        self._gibbs = {n: trace[n] for n in names}
        self._dtypes = {n: np.asarray(trace[n]["value"]).dtype for n in names}
        start = [self.encode(n, trace[n]["value"]) for n in names]
        self._sizes = {n: int(np.shape(v)[0]) for n, v in zip(names, start, strict=True)}

        def conditioned(*args: Any, **kwargs: Any) -> Any:
            return self.known(kwargs.pop(SITES))(*args, **kwargs)

        first = self.values(bnp.concatenate(start))
        flat = self.flat = FlatModel(conditioned, args, {**kwargs, SITES: first}, rng_key)
        self.inner.flat = flat
        self._width = flat.dimension
        self._dimension = self._width + sum(self._sizes.values())
        data, self._rebuild = split_arguments(args, kwargs)

        def potential(z: Any, arrays: Any) -> Any:
            mine, part = self.split(z)
            return self.energy(mine, arrays, self.values(part))

        def constrain(z: Any, arrays: Any) -> Any:
            a, k = self.arguments(arrays)
            mine, part = self.split(z)
            values = self.values(part)
            out = flat.constrain(mine, a, {**k, SITES: values})
            return {**out, **values} if self.shows_sites else out

        return Potential(potential, data, constrain)

    def renew(self, potential: Potential, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.flat is not None:
            values = self.flat.kwargs[SITES]
            self.flat.args, self.flat.kwargs = tuple(args), {**kwargs, SITES: values}
            potential.data = split_arguments(args, kwargs)[0]

    def init(self, potential: Potential, rng_key: Any, init_params: Any = None) -> HMCState:
        """Gibbs sites start at a draw of the model; the rest as the inner kernel does."""
        keys = random.split(rng_key)
        flat = self.flat
        assert flat is not None
        known = {k: v for k, v in flat.kwargs.items() if k != SITES}
        seeded = handlers.seed(self.model, rng_seed=keys[0])
        trace = handlers.trace(seeded).get_trace(*flat.args, **known)
        part = bnp.concatenate([self.encode(n, trace[n]["value"]) for n in self._sizes])
        if init_params is not None and np.shape(init_params) == (self._dimension,):
            init_params, part = self.split(bnp.asarray(init_params))
        inner = Potential(
            lambda z, arrays: potential.fn(bnp.concatenate([z, part]), arrays), potential.data,
            None,
        )  # fmt: skip
        flat.kwargs = {**known, SITES: self.values(part)}
        state = self.inner.init(inner, keys[1], init_params)
        return state._replace(z=bnp.concatenate([state.z, part]))

    def windows(self, num_warmup: int) -> list[tuple[int, int, bool]]:
        return self.inner.windows(num_warmup)

    def end_window(self, state: HMCState, learned: bool, last: bool) -> HMCState:
        mine, part = self.split(state.z)
        state = self.inner.end_window(state._replace(z=mine), learned, last)
        return state._replace(z=bnp.concatenate([state.z, part]))

    def transition(
        self, potential: Callable[[Any], Any], state: HMCState, adapting: Any, learning: Any
    ) -> HMCState:
        """The Gibbs move, then the inner kernel's."""
        next_key, key = random.split(state.rng_key)
        part, _ = self.gibbs_move(potential, state, key)
        mine, _ = self.split(state.z)

        def conditional(z: Any) -> Any:
            return potential(bnp.concatenate([z, part]))

        value, grad = value_and_grad(conditional)(mine)
        state = state._replace(z=mine, z_grad=grad, potential_energy=value, rng_key=next_key)
        state = self.inner.transition(conditional, state, adapting, learning)
        return state._replace(z=bnp.concatenate([state.z, part]))


_PLAIN = bool | int | float | str | type(None)


class HMCGibbs(GibbsKernel):
    """HMC within Gibbs: `gibbs_fn` draws its sites from their conditional.

    `gibbs_fn(rng_key, gibbs_sites, hmc_sites)` gets the current constrained values, by name,
    and returns new ones of `gibbs_sites`. It must draw from their exact conditional
    distribution (or leave it invariant).

    >>> from bibun import random
    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import HMCGibbs, MCMC, NUTS
    >>> def model():
    ...     x = prob.sample("x", dist.Normal(0.0, 2.0))
    ...     y = prob.sample("y", dist.Normal(0.0, 2.0))
    ...     prob.sample("obs", dist.Normal(x + y, 1.0), obs=1.0)
    >>> def gibbs_fn(rng_key, gibbs_sites, hmc_sites):
    ...     y = hmc_sites["y"]
    ...     return {"x": 0.8 * (1 - y) + 0.8 ** 0.5 * random.normal(rng_key)}
    >>> mcmc = MCMC(HMCGibbs(NUTS(model), gibbs_fn, ["x"]), 100, 100, progress_bar=False)
    >>> mcmc.run(0)
    >>> sorted(mcmc.get_samples())
    ['x', 'y']
    """

    def __init__(
        self,
        inner_kernel: HMC,
        gibbs_fn: GibbsFunction,
        gibbs_sites: Sequence[str],
    ) -> None:
        super().__init__(inner_kernel)
        if not callable(gibbs_fn):
            raise TypeError(f"gibbs_fn must be callable, got {type(gibbs_fn).__name__}")
        self.gibbs_fn = gibbs_fn
        self.gibbs_sites = list(gibbs_sites)

    def find_sites(self, trace: Mapping[str, Any]) -> list[str]:
        latent = [k for k, s in trace.items() if s["type"] == "sample" and not s["is_observed"]]
        missing = [n for n in self.gibbs_sites if n not in latent]
        if missing or not self.gibbs_sites:
            raise ValueError(f"gibbs_sites {missing} are not latent; the model has {latent}")
        return self.gibbs_sites

    def gibbs_move(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[Any, Any]:
        mine, part = self.split(state.z)
        old = self.values(part)
        new = self.updated(self.gibbs_fn, key, old, self.others(mine, old))
        return bnp.concatenate([self.encode(n, new[n]) for n in self._sizes]), 1.0
