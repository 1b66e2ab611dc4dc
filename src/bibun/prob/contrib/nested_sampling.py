"""Nested sampling: the evidence of a model, and draws of its posterior, from the prior inwards.

A set of live points is drawn from the prior. Again and again the point of the lowest likelihood
dies and is replaced by a draw of the prior restricted to higher likelihoods. Each death shrinks
the prior's mass inside by a factor of about exp(-1/n), so the dead points lie on a known grid of
mass, and the evidence is the integral of likelihood over mass. It needs no gradient and no
starting point, and finds separate modes by itself.

The restricted draws are made by slice sampling in unconstrained space: a copy of another live
point makes some steps along random directions scaled by the live points' covariance. So the prior
needs no quantile function. Deaths of a whole shrinkage, one for each live point, are one native
call.

Sources: Skilling (2006); Handley, Hobson and Lasenby (2015) for slices; names are those of
NumPyro's `contrib.nested_sampling`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.distributions import biject_to
from bibun.prob.infer.initialization import init_to_sample
from bibun.prob.infer.util import FlatModel, split_arguments, trace_log_density
from bibun.prob.util import site_log_prob
from bibun.transforms import vmap

OPTIONS = {"num_live_points": None, "max_samples": None, "num_slices": None}
TERMINATION = {"dlogZ": 1e-3}


class NestedSampler:
    """Evidence and posterior of a model by nested sampling.

    `constructor_kwargs`: `num_live_points` (25 per parameter, at least 200): the error of the
    log evidence is about sqrt(information / num_live_points); `num_slices`: steps for a new point
    (5 + 2 per parameter); `max_samples`: at most so many dead points (1000 for each live
    point). `termination_kwargs`: `dlogZ` (1e-3): stop when the live points can add no more to
    the log evidence. Discrete latent sites are summed out.

    Errors: ValueError for an unknown option; RuntimeError from `run` if a likelihood is nan, or
    `max_samples` did not suffice.

    >>> import numpy as np
    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.contrib.nested_sampling import NestedSampler
    >>> def model(y):
    ...     mu = prob.sample("mu", dist.Normal(0.0, 3.0))
    ...     prob.sample("y", dist.Normal(mu, 1.0), obs=y)
    >>> ns = NestedSampler(model)
    >>> ns.run(0, np.array(2.0))
    >>> exact = -0.5 * np.log(2 * np.pi * 10.0) - 0.5 * 4.0 / 10.0
    >>> bool(abs(ns.log_evidence - exact) < 4 * ns.log_evidence_error)
    True
    >>> ns.get_samples(1, num_samples=500)["mu"].shape
    (500,)
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        constructor_kwargs: Mapping[str, Any] | None = None,
        termination_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(model):
            raise TypeError(f"expected a model, a callable, got {type(model).__name__}")
        self.model = model
        self.options = _options("constructor_kwargs", constructor_kwargs, OPTIONS)
        self.termination = _options("termination_kwargs", termination_kwargs, TERMINATION)
        self._samples: dict[str, np.ndarray] | None = None

    def run(self, rng_key: Any, *args: Any, **kwargs: Any) -> None:
        """Sample, with these model arguments."""
        key = handlers.as_key(rng_key)
        keys = random.split(key, 3)
        flat = FlatModel(self.model, args, kwargs, keys[0])
        data, rebuild = split_arguments(args, kwargs)
        n = self.options["num_live_points"] or max(200, 25 * flat.dimension)
        slices = self.options["num_slices"] or 5 + 2 * flat.dimension
        most = self.options["max_samples"] or 1000 * n

        def densities(z: Any, arrays: Any) -> tuple[Any, Any]:
            a, k = rebuild(arrays)
            return split_density(flat, z, a, k)

        shrink = jit(_shrinkage(densities, n, slices))
        points = np.stack(
            [np.asarray(flat.initial(init_to_sample, random.fold_in(keys[1], i))) for i in range(n)]
        )
        prior, likelihood = jit(vmap(densities, in_axes=(0, None)))(points, data)
        live = bnp.asarray(points), prior, likelihood
        if np.any(np.isnan(np.asarray(likelihood))) or not np.all(np.isfinite(np.asarray(prior))):
            raise RuntimeError(
                "a draw of the prior has no density:\n"
                + flat.report(points[int(np.argmax(~np.isfinite(prior + likelihood)))])
            )
        dead: list[np.ndarray] = []
        heights: list[np.ndarray] = []
        key, calls, evidence = keys[2], n, -np.inf
        while True:
            spread = np.atleast_2d(np.cov(np.asarray(live[0]).T))
            spread += 1e-12 * np.eye(flat.dimension) * max(np.trace(spread), 1e-300)
            key, now = random.split(key)
            live, gone, low, count = shrink(live, np.linalg.cholesky(spread), now, data)
            calls += int(count)
            dead.append(np.asarray(gone))
            heights.append(np.asarray(low))
            t = np.arange(sum(map(len, heights)))
            flow = np.concatenate(heights)
            evidence = _log_sum(flow - t / n + math.log(-math.expm1(-1.0 / n)))
            rest = float(np.max(np.asarray(live[2]))) - (t[-1] + 1) / n
            if np.logaddexp(evidence, rest) - evidence < self.termination["dlogZ"]:
                break
            if len(t) > most:
                raise RuntimeError(
                    f"nested sampling: after {len(t)} points the live ones may still add "
                    f"{np.logaddexp(evidence, rest) - evidence:.3g} to the log evidence "
                    f"{evidence:.6g}; give constructor_kwargs={{'max_samples': ...}} a larger "
                    "value, or termination_kwargs={'dlogZ': ...}"
                )
        self._finish(
            flat, args, kwargs, data, live, np.concatenate(dead), np.concatenate(heights), n
        )
        self.num_likelihood_evaluations = calls

    def _finish(
        self, flat: FlatModel, args: Any, kwargs: Any, data: Any, live: Any, dead: np.ndarray,
        heights: np.ndarray, n: int,
    ) -> None:  # fmt: skip
        """Weights of all points: the dead on their grid of prior mass, the live share the rest."""
        t = np.arange(len(heights))
        order = np.argsort(np.asarray(live[2]))
        volume = np.concatenate(
            [-t / n + math.log(-math.expm1(-1.0 / n)), np.full(n, -len(t) / n - math.log(n))]
        )
        points = np.concatenate([dead, np.asarray(live[0])[order]])
        likelihood = np.concatenate([heights, np.asarray(live[2])[order]])
        log_weights = volume + likelihood
        self.log_evidence = float(_log_sum(log_weights))
        self._log_weights = log_weights - self.log_evidence
        weights = np.exp(self._log_weights)
        seen = weights > 0
        information = float(np.sum(weights[seen] * likelihood[seen]) - self.log_evidence)
        self.information = information
        self.log_evidence_error = math.sqrt(max(information, 1e-12) / n)
        self.effective_sample_size = float(1.0 / np.sum(weights**2))
        _, _, constrain = flat.functions(args, kwargs)
        values = jit(vmap(constrain, in_axes=(0, None)))(points, data)
        self._samples = {k: np.asarray(v) for k, v in values.items()}
        self._sites = set(flat.sites)

    def _need(self) -> dict[str, np.ndarray]:
        if self._samples is None:
            raise RuntimeError("there are no samples yet: call run(rng_key, ...) first")
        return self._samples

    def get_weighted_samples(self) -> tuple[dict[str, Any], Any]:
        """All points, and the logs of their weights, which sum to 1."""
        return {k: bnp.asarray(v) for k, v in self._need().items()}, bnp.asarray(self._log_weights)

    def get_samples(self, rng_key: Any, num_samples: int) -> dict[str, Any]:
        """Draws of the posterior with equal weights: systematic resampling of the points."""
        samples = self._need()
        key = handlers.as_key(rng_key)
        keys = random.split(key)
        grid = (np.arange(num_samples) + float(random.uniform(keys[0]))) / num_samples
        total = np.cumsum(np.exp(self._log_weights))
        index = np.searchsorted(total / total[-1], grid)
        index = np.minimum(np.asarray(random.permutation(keys[1], index)), len(total) - 1)
        return {k: bnp.asarray(v[index]) for k, v in samples.items()}

    def print_summary(self) -> None:
        """Print the evidence, and mean and standard deviation of each site."""
        samples, weights = self._need(), np.exp(self._log_weights)
        print(f"log evidence: {self.log_evidence:.3f} +- {self.log_evidence_error:.3f}")
        print(f"information: {self.information:.2f} nats")
        print(f"points: {len(weights)}, effective: {self.effective_sample_size:.0f}")
        print(f"likelihood evaluations: {self.num_likelihood_evaluations}")
        for name in self._sites:
            v = samples[name].reshape(len(weights), -1)
            for k in range(v.shape[1]):
                mean = weights @ v[:, k]
                sd = math.sqrt(max(weights @ (v[:, k] - mean) ** 2, 0.0))
                where = np.unravel_index(k, samples[name].shape[1:])
                label = name + (str(list(map(int, where))) if where else "")
                print(f"{label:>24}  mean {mean: .4g}  sd {sd:.4g}")


def _options(
    what: str, given: Mapping[str, Any] | None, known: Mapping[str, Any]
) -> dict[str, Any]:
    extra = sorted(set(given or {}) - set(known))
    if extra:
        raise ValueError(f"NestedSampler: {what} has {extra}; known are {sorted(known)}")
    return {**known, **(given or {})}


def _log_sum(x: np.ndarray) -> float:
    top = float(np.max(x))
    return top + math.log(float(np.sum(np.exp(x - top)))) if np.isfinite(top) else top


def split_density(flat: FlatModel, z: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """(log prior in unconstrained space, log likelihood) at a flat vector.

    The prior is that of the continuous latent sites; all else is likelihood, what is summed
    out included. Errors: ValueError where a continuous site depends on a summed out one.
    """
    params = flat.unflatten(z)

    def place(site: dict[str, Any]) -> Any:
        if site["name"] not in params or site["type"] != "sample":
            return None
        u = handlers.at_step(params[site["name"]], site)
        transform = biject_to(site["fn"].support)
        value = transform(u)
        site["log_det"] = bnp.sum(transform.log_abs_det_jacobian(u, value))
        return value

    model = handlers.substitute(flat.model, substitute_fn=place)
    trace = handlers.trace(model).get_trace(*args, **kwargs)
    prior: Any = 0.0
    for name in flat.sites:
        site = trace[name]
        if len(site["fn"].batch_shape) > len(flat.template[name]["fn"].batch_shape):
            raise ValueError(
                f"NestedSampler: the prior of {name!r} depends on a discrete site that is summed "
                "out; there is no prior of it alone to sample from"
            )
        prior = prior + site_log_prob(site) + bnp.sum(site["log_det"])
    return prior, trace_log_density(trace) - prior


def _shrinkage(densities: Callable[..., Any], n: int, slices: int) -> Callable[..., Any]:
    """One death for each live point: (live, factor, key, data) -> (live, dead, heights, calls)."""

    def step_along(state: Any, direction: Any, floor: Any, key: Any, data: Any) -> Any:
        """One slice step: uniform on the part of the line above a random height of the prior."""
        z, prior, likelihood, calls = state
        keys = random.split(key, 3)
        level = prior + bnp.log(random.uniform(keys[0]))

        def at(t: Any) -> tuple[Any, Any, Any]:
            p, v = densities(z + t * direction, data)
            return (p > level) & (v > floor), p, v

        left = -random.uniform(keys[1])

        def out(sign: float, edge: Any, calls: Any) -> tuple[Any, Any]:
            def more(s: Any) -> Any:
                return s[1] & (s[2] < 50)

            def widen(s: Any) -> Any:
                edge, inside, k = s
                inside = at(edge)[0]
                return bnp.where(inside, edge + sign, edge), inside, k + 1

            edge, _, k = lax.while_loop(more, widen, (edge, bnp.asarray(True), bnp.asarray(0)))
            return edge, calls + k

        low, calls = out(-1.0, left, calls)
        high, calls = out(1.0, left + 1.0, calls)

        def searching(s: Any) -> Any:
            return ~s[5] & (s[6] < 200)

        def narrow(s: Any) -> Any:
            low, high, t, p, v, _, k = s
            t = low + (high - low) * random.uniform(random.fold_in(keys[2], k))
            inside, p, v = at(t)
            low = bnp.where(~inside & (t < 0), t, low)
            high = bnp.where(~inside & (t >= 0), t, high)
            return low, high, t, p, v, inside, k + 1

        zero = bnp.zeros(())
        _, _, t, p, v, found, k = lax.while_loop(
            searching, narrow, (low, high, zero, prior, likelihood, bnp.asarray(False),
                                bnp.asarray(0)),
        )  # fmt: skip
        return (
            bnp.where(found, z + t * direction, z), bnp.where(found, p, prior),
            bnp.where(found, v, likelihood), calls + k,
        )  # fmt: skip

    def shrink(live: Any, factor: Any, key: Any, data: Any) -> Any:
        dimension = factor.shape[0]

        def death(i: Any, carry: Any) -> Any:
            points, prior, likelihood, gone, heights, calls = carry
            keys = random.split(random.fold_in(key, i), 3)
            worst = bnp.argmin(likelihood)
            floor = likelihood[worst]
            gone = gone.at[i].set(points[worst], mode="promise_in_bounds")
            heights = heights.at[i].set(floor, mode="promise_in_bounds")
            # start at a survivor
            start = random.randint(keys[0], (), 0, n - 1)
            start = start + (start >= worst)

            def one(k: Any, state: Any) -> Any:
                along, draw = random.split(random.fold_in(keys[1], k))
                e = random.normal(along, (dimension,))
                direction = 2.0 * bnp.matmul(factor, e / bnp.linalg.norm(e))
                return step_along(state, direction, floor, draw, data)

            z, p, v, calls = lax.fori_loop(
                0, slices, one, (points[start], prior[start], likelihood[start], calls)
            )
            return (
                points.at[worst].set(z, mode="promise_in_bounds"),
                prior.at[worst].set(p, mode="promise_in_bounds"),
                likelihood.at[worst].set(v, mode="promise_in_bounds"), gone, heights, calls,
            )  # fmt: skip

        empty = bnp.zeros((n, dimension)), bnp.zeros(n), bnp.asarray(0)
        points, prior, likelihood, gone, heights, calls = lax.fori_loop(
            0, n, death, (*live, *empty)
        )
        return (points, prior, likelihood), gone, heights, calls

    return shrink
