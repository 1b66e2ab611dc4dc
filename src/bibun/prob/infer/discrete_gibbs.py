"""Discrete sites moved one element at a time, beside HMC or NUTS for the rest.

An element is stored as its index in the support. All its values are tried in one batch: the
conditional distribution is the softmax of minus the potentials.

Sources: Liu (1996), the modified Gibbs sampler; names are NumPyro's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random
from bibun.nn import log_softmax
from bibun.prob.infer.gibbs import GibbsKernel, discrete_latent_sites
from bibun.prob.infer.hmc import HMC, HMCState
from bibun.transforms import vmap


class Proposals(Protocol):
    """How an element is proposed anew: the options of `DiscreteHMCGibbs`."""

    @property
    def random_walk(self) -> bool: ...

    @property
    def modified(self) -> bool: ...


class DiscreteKernel(GibbsKernel):
    """Base class: finds the discrete sites, and moves one element of them.

    Sites marked `infer={"enumerate": "parallel"}` are summed out instead.
    """

    def __init__(
        self, inner_kernel: HMC, *, random_walk: bool = False, modified: bool = False
    ) -> None:
        super().__init__(inner_kernel)
        self.random_walk = bool(random_walk)
        self.modified = bool(modified)

    def find_sites(self, trace: Mapping[str, Any]) -> list[str]:
        names = discrete_latent_sites(trace)
        if not names:
            raise ValueError(
                f"{type(self).__name__}: the model has no discrete latent site with a finite "
                "support to move; use the inner kernel by itself"
            )
        self.list_supports(trace, names)
        return names

    def list_supports(self, trace: Mapping[str, Any], names: list[str]) -> None:
        """Note the values that the elements of these sites may have."""
        self._supports = {
            n: np.asarray(trace[n]["fn"].enumerate_support(expand=False)).reshape(-1) for n in names
        }

    def encode(self, name: str, value: Any) -> Any:
        value = bnp.reshape(bnp.asarray(value), (-1,))
        return bnp.argmax(value[:, None] == self._supports[name], axis=-1).astype(float)

    def decode(self, name: str, vector: Any) -> Any:
        index = bnp.asarray(vector).astype(int)
        values = bnp.asarray(self._supports[name])[index]
        return bnp.reshape(values, np.shape(self._gibbs[name]["value"])).astype(self._dtypes[name])

    @property
    def counts(self) -> np.ndarray:
        """How many values each element has."""
        return np.concatenate([np.full(n, len(self._supports[k])) for k, n in self._sizes.items()])

    def step_element(
        self, density: Callable[[Any], Any], part: Any, value: Any, k: Any, key: Any,
        how: Proposals | None = None,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        """A proposal for element k: (new part, its potential, log of the acceptance's factor).

        Accepting with min(1, exp(value - new value + factor)) leaves the conditional
        invariant. `how`: None for the kernel's own way.
        """
        how = self if how is None else how
        counts = self.counts
        width = int(counts.max())
        count = bnp.asarray(counts)[k]
        now = part[k].astype(int)
        candidates = bnp.arange(width)
        if how.random_walk:
            if how.modified:  # any value but the present one
                new = random.randint(key, (), 0, count - 1)
                new = new + (new >= now)
            else:
                new = random.randint(key, (), 0, count)
            proposal = part.at[k].set(new.astype(float))
            return proposal, density(proposal), bnp.zeros(())
        tried = bnp.minimum(candidates, count - 1)  # supports differ in size
        values = vmap(lambda c: density(part.at[k].set(c.astype(float))))(tried)
        values = bnp.where(bnp.isnan(values), bnp.inf, values)
        log_p = log_softmax(bnp.where(candidates < count, -values, -bnp.inf))
        if how.modified:
            new = random.categorical(key, bnp.where(candidates == now, -bnp.inf, log_p))
            # q(new | now) = p(new) / (1 - p(now))
            factor = bnp.log1p(-bnp.exp(log_p[now])) - bnp.log1p(-bnp.exp(log_p[new]))
            factor = factor + log_p[now] - log_p[new]
        else:
            new = random.categorical(key, log_p)
            factor = log_p[now] - log_p[new]
        return part.at[k].set(new.astype(float)), values[new], factor

    def sweep(
        self, density: Callable[[Any], Any], part: Any, elements: np.ndarray, key: Any,
        how: Proposals | None = None,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Move these elements once each, in random order: (new part, how often it moved)."""
        n = len(elements)
        keys = random.split(key)
        order = random.permutation(keys[0], bnp.asarray(elements))

        def one(i: Any, carry: Any) -> Any:
            part, value, moved = carry
            step, accept = random.split(random.fold_in(keys[1], i))
            new, now, factor = self.step_element(density, part, value, order[i], step, how)
            ratio = value - now + factor
            take = bnp.log(random.uniform(accept)) < bnp.where(bnp.isnan(ratio), -bnp.inf, ratio)
            return bnp.where(take, new, part), bnp.where(take, now, value), moved + take / n

        part, _, moved = lax.fori_loop(0, n, one, (part, density(part), bnp.zeros(())))
        return part, moved


class DiscreteHMCGibbs(DiscreteKernel):
    """Gibbs moves of all discrete elements, in random order, then a move of the inner kernel.

    By default an element is drawn from its conditional distribution. `modified`: always
    propose another value, accepted with Liu's ratio, which mixes better. `random_walk`: propose
    a value uniformly (another one if `modified`), one density each instead of one for
    every value.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import DiscreteHMCGibbs, MCMC, NUTS
    >>> def model():
    ...     z = prob.sample("z", dist.Bernoulli(0.7))
    ...     prob.sample("x", dist.Normal(3.0 * z, 1.0))
    >>> mcmc = MCMC(DiscreteHMCGibbs(NUTS(model)), 100, 100, progress_bar=False)
    >>> mcmc.run(0)
    >>> sorted(mcmc.get_samples())
    ['x', 'z']
    """

    def gibbs_move(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[Any, Any]:
        mine, part = self.split(state.z)
        elements = np.arange(part.shape[0])
        return self.sweep(lambda p: potential(bnp.concatenate([mine, p])), part, elements, key)
