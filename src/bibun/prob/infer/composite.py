"""Gibbs sampling by blocks: each block of sites moves by a kernel of its own, the rest given.

One block is HMC's or NUTS's, the others are discrete sites or a user's function; they move
in the order given, HMC's last. Names are NumPyro's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.prob.infer.discrete_gibbs import DiscreteKernel
from bibun.prob.infer.gibbs import GibbsFunction, GibbsKernel, discrete_latent_sites
from bibun.prob.infer.hmc import HMC, HMCState

Sites = Sequence[str] | Callable[[Mapping[str, Any]], Sequence[str]] | None


@dataclasses.dataclass(frozen=True)
class DiscreteGibbs:
    """A block of `Gibbs`: discrete sites, one element after another.

    `random_walk`, `modified`: as of `DiscreteHMCGibbs`.
    """

    model: Callable[..., Any]
    _: dataclasses.KW_ONLY
    random_walk: bool = False
    modified: bool = False


@dataclasses.dataclass(frozen=True)
class CustomGibbs:
    """A block of `Gibbs`: `gibbs_fn(rng_key=, gibbs_sites=, hmc_sites=)` returns new values.

    It must draw its sites from their distribution given all others, which are in `hmc_sites`.
    """

    gibbs_fn: GibbsFunction

    def __post_init__(self) -> None:
        if not callable(self.gibbs_fn):
            raise TypeError(f"gibbs_fn must be callable, got {type(self.gibbs_fn).__name__}")


class Gibbs(DiscreteKernel):
    """Blocks of sites, each with its kernel: `blocks` is a list of pairs (kernel, sites).

    `kernel`: `DiscreteGibbs`, `CustomGibbs`, and once HMC or NUTS. `sites`: names; a function of
    a trace of the model, such as `bibun.prob.infer.gibbs.discrete_latent_sites`; or, once, None
    for all latent sites that no other block has.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import MCMC, NUTS
    >>> def model():
    ...     z = prob.sample("z", dist.Bernoulli(0.7))
    ...     prob.sample("x", dist.Normal(3.0 * z, 1.0))
    >>> kernel = Gibbs([(DiscreteGibbs(model), ["z"]), (NUTS(model), None)])
    >>> mcmc = MCMC(kernel, 100, 100, progress_bar=False)
    >>> mcmc.run(0)
    >>> sorted(mcmc.get_samples())
    ['x', 'z']
    """

    def __init__(self, blocks: Sequence[tuple[Any, Sites]]) -> None:
        kinds = (HMC, DiscreteGibbs, CustomGibbs)
        wrong = [type(k).__name__ for k, _ in blocks if not isinstance(k, kinds)]
        if wrong:
            raise TypeError(
                f"Gibbs: blocks are of HMC, NUTS, DiscreteGibbs and CustomGibbs, got {wrong}"
            )
        continuous = [k for k, _ in blocks if isinstance(k, HMC)]
        if len(continuous) != 1:
            raise ValueError(
                f"Gibbs: exactly one block must be HMC or NUTS, got {len(continuous)}; correlated "
                "continuous sites move best together"
            )
        models = {id(k.model) for k, _ in blocks if not isinstance(k, CustomGibbs)}
        if len(models) != 1:
            raise ValueError("Gibbs: all blocks must be of one and the same model")
        if sum(sites is None for _, sites in blocks) > 1:
            raise ValueError("Gibbs: one block at most may have None for its sites, all the rest")
        super().__init__(continuous[0])
        self.blocks = list(blocks)

    def find_sites(self, trace: Mapping[str, Any]) -> list[str]:
        latent = [
            k for k, s in trace.items()
            if s["type"] == "sample" and not s["is_observed"]
            and s["infer"].get("enumerate") != "parallel"
        ]  # fmt: skip
        owned: list[list[str] | None] = [
            None if sites is None else list(sites(trace) if callable(sites) else sites)
            for _, sites in self.blocks
        ]
        taken = [n for names in owned for n in names or ()]
        unknown, twice = set(taken) - set(latent), {n for n in taken if taken.count(n) > 1}
        rest = [n for n in latent if n not in taken]
        if unknown or twice or (rest and None not in owned):
            raise ValueError(
                f"Gibbs: the model's latent sites are {latent}; in no block {rest}, in several "
                f"{sorted(twice)}, not in the model {sorted(unknown)}"
            )
        owned = [rest if names is None else names for names in owned]
        discrete = discrete_latent_sites(trace)
        self._own: list[tuple[Any, list[str]]] = []
        listed: list[str] = []
        for (kernel, _), names in zip(self.blocks, owned, strict=True):
            assert names is not None
            if not names:
                raise ValueError(f"Gibbs: the block of {type(kernel).__name__} has no sites")
            if isinstance(kernel, DiscreteGibbs):
                listed += names
            kinds = {n in discrete for n in names}
            if kinds != {isinstance(kernel, DiscreteGibbs)} and not isinstance(kernel, CustomGibbs):
                raise ValueError(f"Gibbs: {type(kernel).__name__} cannot move the sites {names}")
            if not isinstance(kernel, HMC):
                self._own.append((kernel, names))
        if not self._own:
            raise ValueError("Gibbs: there is only one block; use its kernel by itself")
        self.list_supports(trace, listed)
        return [n for _, names in self._own for n in names]

    def encode(self, name: str, value: Any) -> Any:
        kind = DiscreteKernel if name in self._supports else GibbsKernel
        return kind.encode(self, name, value)

    def decode(self, name: str, vector: Any) -> Any:
        kind = DiscreteKernel if name in self._supports else GibbsKernel
        return kind.decode(self, name, vector)

    @property
    def counts(self) -> np.ndarray:
        return np.concatenate([
            np.full(n, len(self._supports[k]) if k in self._supports else 1)
            for k, n in self._sizes.items()
        ])  # fmt: skip

    def gibbs_move(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[Any, Any]:
        mine, part = self.split(state.z)
        starts = dict(zip(self._sizes, np.cumsum([0, *self._sizes.values()]), strict=False))

        def density(part: Any) -> Any:
            return potential(bnp.concatenate([mine, part]))

        for k, (kernel, names) in enumerate(self._own):
            now = random.fold_in(key, k)
            if isinstance(kernel, DiscreteGibbs):
                places = [starts[n] + np.arange(self._sizes[n]) for n in names]
                part, _ = self.sweep(density, part, np.concatenate(places), now, kernel)
                continue
            values = self.values(part)
            others = {
                **self.others(mine, values), **{n: v for n, v in values.items() if n not in names}
            }  # fmt: skip
            new = self.updated(kernel.gibbs_fn, now, {n: values[n] for n in names}, others)
            part = bnp.concatenate([self.encode(n, new.get(n, values[n])) for n in self._sizes])
        return part, 1.0
