"""HMC on a random part of the data: energy conserving subsampling.

A step of HMC sees the rows of a plate's present subset. Their log likelihood, scaled up, stands
for that of all; before each step some indices are proposed anew and accepted or refused by
Metropolis' rule on the estimate, so that estimate and subset are one chain. What it converges to
is off by the estimate's noise. A *proxy*, a Taylor expansion of each row's log likelihood about a
good point, takes nearly all the noise away: the expansions' sum over all rows is known, once
computed, and only the small differences between rows and their expansions are estimated,

    log L(u) ≈ Σ_all q_i(u) + N mean_S(d_i) - N² var_S(d_i) / (2 m),   d_i = l_i(u) - q_i(u)    (1)

where the last term takes off the bias of the estimate's exponential.

Sources: Dang, Quiroz, Kohn, Tran & Villani, "Hamiltonian Monte Carlo with energy conserving
subsampling" (2019); Quiroz, Kohn, Villani & Tran (2019) for (1); Bardenet, Doucet & Holmes (2017)
for the proxy; Betancourt (2015) on why there is none without.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.infer.enumeration.sites import is_enumerated
from bibun.prob.infer.gibbs import SITES, GibbsKernel
from bibun.prob.infer.hmc import HMC, HMCState, Potential
from bibun.prob.infer.util import trace_log_density, unconstrained_trace
from bibun.transforms import grad, hessian, jvp


@dataclasses.dataclass(frozen=True)
class TaylorProxy:
    """Expansions of `degree` about the constrained values `reference_params`."""

    reference_params: Mapping[str, Any]
    degree: int


def taylor_proxy(reference_params: Mapping[str, Any], degree: int = 2) -> TaylorProxy:
    """The proxy for `HMCECS`: each row's log likelihood expanded about a good point.

    `reference_params`: constrained values of all latent sites, best those of the mode, as
    `MAP` finds. `degree`: 1 or 2.
    """
    if degree not in (1, 2):
        raise ValueError(f"taylor_proxy: degree must be 1 or 2, got {degree}")
    return TaylorProxy(dict(reference_params), int(degree))


class HMCECS(GibbsKernel):
    """HMC or NUTS for models with subsampling plates: the subset is part of the chain.

    `inner_kernel`: as of `HMCGibbs`. `num_blocks`: a step proposes new indices for one of so many
    parts of the subset, all of it for 1. `proxy`: a `taylor_proxy`; without one the draws
    have the scaled subset's noise on top of the posterior's. All latent sites must be
    outside of the subsampling plates.

    >>> import numpy as np
    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> from bibun.prob.infer import HMCECS, MCMC, NUTS
    >>> def model(data):
    ...     x = prob.sample("x", dist.Normal(0.0, 1.0))
    ...     with prob.plate("N", len(data), subsample_size=20):
    ...         rows = prob.subsample(data, event_dim=0)
    ...         prob.sample("y", dist.Normal(x, 1.0), obs=rows)
    >>> data = np.random.default_rng(0).normal(1.0, 1.0, size=400)
    >>> kernel = HMCECS(NUTS(model), proxy=HMCECS.taylor_proxy({"x": 1.0}))
    >>> mcmc = MCMC(kernel, 200, 300, progress_bar=False)
    >>> mcmc.run(0, data)
    >>> abs(float(mcmc.get_samples()["x"].mean() - data.mean())) < 0.03
    True
    """

    taylor_proxy = staticmethod(taylor_proxy)
    shows_sites = False  # indices are not part of the posterior

    def __init__(
        self, inner_kernel: HMC, *, num_blocks: int = 1, proxy: TaylorProxy | None = None
    ) -> None:
        super().__init__(inner_kernel)
        if num_blocks < 1:
            raise ValueError(f"HMCECS: num_blocks must be at least 1, got {num_blocks}")
        if proxy is not None and not isinstance(proxy, TaylorProxy):
            raise TypeError(
                f"HMCECS: proxy must be a taylor_proxy(...), got {type(proxy).__name__}"
            )
        self.num_blocks = int(num_blocks)
        self.proxy = proxy

    def find_sites(self, trace: Mapping[str, Any]) -> list[str]:
        self._plates = {
            k: s["args"] for k, s in trace.items()
            if s["type"] == "plate" and s["args"][0] != s["args"][1]
        }  # fmt: skip
        if not self._plates:
            raise ValueError("HMCECS: the model has no subsampling plate")
        for name, site in trace.items():
            inside = {f.name for f in site["cond_indep_stack"]} & self._plates.keys()
            if inside and site["type"] == "sample" and not site["is_observed"]:
                raise ValueError(
                    f"HMCECS: the latent site {name!r} is inside the subsampling plate "
                    f"{inside.pop()!r}; its values would belong to other rows after each step"
                )
        return list(self._plates)

    def known(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        return handlers.substitute(self.model, data=dict(values))

    # the estimate -------------------------------------------------------------------------------

    def setup(self, rng_key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Potential:
        potential = super().setup(rng_key, args, kwargs)
        if self.proxy is not None:
            self._expand(potential, args, kwargs)
        return potential

    def renew(self, potential: Potential, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().renew(potential, args, kwargs)
        if self.proxy is not None:
            self._expand(potential, args, kwargs)

    def arguments(self, arrays: Any) -> Any:
        """The model's arguments: the sums of the expansions come after its arrays."""
        return self._rebuild(arrays[: len(arrays) - 3 * len(self._sums)])

    _sums: tuple[str, ...] = ()  # plates whose expansions are summed

    def _rows(self, u: Any, args: Any, kwargs: Any, values: Any) -> tuple[Any, dict[str, Any]]:
        """(log density of all but the rows, log likelihoods of each plate's rows in use)."""
        assert self.flat is not None
        kwargs = {**kwargs, SITES: values}
        trace = unconstrained_trace(self.flat.model, args, kwargs, self.flat.unflatten(u))
        if is_enumerated(trace):
            raise NotImplementedError("HMCECS: a proxy for a model with summed out sites")
        rest, rows = dict(trace), {}
        for name, site in trace.items():
            frames = [f for f in site["cond_indep_stack"] if f.name in self._plates]
            if not frames or site["type"] != "sample":
                continue
            if len(frames) > 1:
                raise NotImplementedError(
                    f"HMCECS: a proxy for site {name!r} in two subsampling plates"
                )
            (frame,) = frames
            size, part = self._plates[frame.name]
            lp = site["fn"].log_prob(site["value"])
            lp = bnp.broadcast_to(lp, site["fn"].batch_shape)
            if site["scale"] is not None:
                lp = lp * (site["scale"] * part / size)
            others = tuple(k for k in range(lp.ndim) if k - lp.ndim != frame.dim)
            rows[frame.name] = rows.get(frame.name, 0.0) + bnp.sum(lp, axis=others)
            del rest[name]
        return trace_log_density(rest), rows

    def _expand(self, potential: Potential, args: Any, kwargs: Any) -> None:
        """Sum value, gradient and Hessian of all rows at the reference point, subset by subset."""
        flat, proxy = self.flat, self.proxy
        assert flat is not None and proxy is not None
        missing = [n for n in flat.sites if n not in proxy.reference_params]
        if missing:
            raise ValueError(f"taylor_proxy: reference_params have no {missing}")
        values = {n: bnp.asarray(proxy.reference_params[n], dtype=float) for n in flat.sites}
        self._center = flat.flatten({n: flat.transforms[n]._inverse(v) for n, v in values.items()})
        data = list(potential.data)
        fixed = {n: bnp.arange(part) for n, (_, part) in self._plates.items()}
        sums = []
        for name, (size, part) in self._plates.items():

            def total(u: Any, index: Any, weight: Any, arrays: Any, name: str = name) -> Any:
                a, k = self._rebuild(arrays)
                return bnp.sum(weight * self._rows(u, a, k, {**fixed, name: index})[1][name])

            order = 0.0, bnp.zeros(self._width), bnp.zeros((self._width, self._width))
            parts = [jit(total), jit(grad(total)), jit(hessian(total))][: proxy.degree + 1]
            for at in range(0, size, part):
                index = np.minimum(np.arange(at, at + part), size - 1)
                weight = (np.arange(at, at + part) < size).astype(float)
                new = [f(self._center, bnp.asarray(index), bnp.asarray(weight), data)
                       for f in parts]  # fmt: skip
                order = (*(x + y for x, y in zip(order, new, strict=False)), *order[len(new) :])
            sums += [bnp.asarray(x) for x in order]
        self._sums = tuple(self._plates)
        potential.data = [*data, *sums]

    def energy(self, z: Any, arrays: Any, values: Mapping[str, Any]) -> Any:
        if self.proxy is None:
            return super().energy(z, arrays, values)
        args, kwargs = self.arguments(arrays)
        away = z - self._center
        sums = arrays[len(arrays) - 3 * len(self._sums) :]
        total, rows = self._rows(z, args, kwargs, values)

        def at(u: Any) -> dict[str, Any]:
            return self._rows(u, args, kwargs, values)[1]

        def slope(u: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            return jvp(at, (u,), (away,))

        (value, first), (_, second) = jvp(slope, (self._center,), (away,))
        for k, name in enumerate(self._sums):
            size, part = self._plates[name]
            constant, gradient, curvature = sums[3 * k : 3 * k + 3]
            proxy = value[name] + first[name]
            everything = constant + gradient @ away
            if self.proxy.degree == 2:
                proxy = proxy + 0.5 * second[name]
                everything = everything + 0.5 * away @ (curvature @ away)
            off = rows[name] - proxy
            noise = size**2 / part * bnp.var(off)
            total = total + everything + size * bnp.mean(off) - 0.5 * noise
        return -total

    # the subset ---------------------------------------------------------------------------------

    def gibbs_move(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[Any, Any]:
        mine, part = self.split(state.z)
        keys = random.split(key, 3)
        proposed, at = [], 0
        for k, (size, count) in enumerate(self._plates.values()):
            now = part[at : at + count]
            at += count
            which, draw = random.split(random.fold_in(keys[0], k))
            block = random.randint(which, (), 0, self.num_blocks)
            new = random.randint(draw, (count,), 0, size).astype(float)
            # blocks of positions that differ by one at most in size
            mine_block = bnp.arange(count) * self.num_blocks // count == block
            proposed.append(bnp.where(mine_block, new, now))
        other = bnp.concatenate(proposed)
        before = potential(bnp.concatenate([mine, part]))
        after = potential(bnp.concatenate([mine, other]))
        ratio = bnp.where(bnp.isnan(after), -bnp.inf, before - after)
        take = bnp.log(random.uniform(keys[1])) < ratio
        return bnp.where(take, other, part), bnp.where(take, 1.0, 0.0)
