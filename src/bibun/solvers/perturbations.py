"""Functions without a derivative, made smooth by noise.

f_σ(x) = E f(x + σ Z) is smooth for any f. Its derivative is E f(x + σ Z) ∇ₓ log p(x + σ Z | x):
derivatives of the density, not of f (Berthet et al., NeurIPS 2020; Abernethy et al., 2016). Here
each sample carries the weight p(y | x) / p(y | x₀), which is 1 where it is evaluated and whose
derivatives of any order, in both modes, are those of the density; no rule is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import random, stop_gradient, tree, vmap


class Normal:
    """Standard normal noise."""

    def sample(self, seed: Any, sample_shape: tuple[int, ...]) -> Any:
        """Independent samples."""
        return random.normal(seed, sample_shape)

    def log_prob(self, inputs: Any) -> Any:
        """The log density, up to a constant."""
        return -0.5 * inputs**2


class Gumbel:
    """Gumbel noise: with it, a perturbed argmax is a softmax."""

    def sample(self, seed: Any, sample_shape: tuple[int, ...]) -> Any:
        """Independent samples."""
        return random.gumbel(seed, sample_shape)

    def log_prob(self, inputs: Any) -> Any:
        """The log density."""
        return -inputs - bnp.exp(-inputs)


def make_perturbed_fun(
    fun: Callable[[Any], Any], num_samples: int = 1000, sigma: float = 0.1, noise: Any = None,
    control_variate: bool = False,
) -> Callable[[Any, Any], Any]:  # fmt: skip
    """x, key -> the mean of fun(x + sigma Z) over `num_samples` samples, differentiable in x.

    `fun`: of one pytree of arrays to another, any function (it is not differentiated). `noise`: an
    object with `sample(key, shape)` and `log_prob(values)`, default `Gumbel()`. `control_variate`:
    take fun(x) from each sample in the derivative, which lowers its variance.

    >>> import bibun, bibun.numpy as bnp
    >>> from bibun.solvers import perturbations
    >>> step = perturbations.make_perturbed_fun(bnp.sign, 10000, 1.0, perturbations.Normal())
    >>> slope = bibun.grad(step)(0.0, bibun.random.key(0))  # 2 × the density at 0
    >>> abs(float(slope) - 0.79788) < 0.05
    True
    """
    noise = Gumbel() if noise is None else noise

    def smooth(inputs: Any, rng: Any) -> Any:
        x, back = tree.ravel(inputs)
        x = x * 1.0
        centre = stop_gradient(x)
        samples = centre + sigma * noise.sample(rng, (num_samples, x.shape[0])).astype(x.dtype)

        def flat_fun(v: Any) -> Any:
            return tree.map(lambda u: stop_gradient(bnp.asarray(u) * 1.0), fun(back(v)))

        outputs = vmap(flat_fun)(stop_gradient(samples))
        log_weight = bnp.sum(noise.log_prob((samples - x) / sigma), axis=1)
        # 1 in value; its derivatives are the density's
        weight = bnp.exp(log_weight - stop_gradient(log_weight))
        at_centre = flat_fun(centre) if control_variate else tree.map(lambda o: 0.0, outputs)

        def mean(o: Any, base: Any) -> Any:
            w = bnp.reshape(weight, (num_samples,) + (1,) * (o.ndim - 1))
            return bnp.mean(o + (w - 1.0) * (o - base), axis=0)

        return tree.map(mean, outputs, at_centre)

    return smooth


def make_perturbed_argmax(
    argmax_fun: Callable[[Any], Any], num_samples: int = 1000, sigma: float = 0.1,
    noise: Any = None, control_variate: bool = False,
) -> Callable[[Any, Any], Any]:  # fmt: skip
    """x, key -> the mean of argmax_fun(x + sigma Z), with the shape of x, differentiable in x.

    `argmax_fun(x)`: the maximizer y of ⟨y, x⟩ over a set: a one-hot vector, a ranking, a path.
    """
    return make_perturbed_fun(argmax_fun, num_samples, sigma, noise, control_variate)


def make_perturbed_max(
    argmax_fun: Callable[[Any], Any], num_samples: int = 1000, sigma: float = 0.1,
    noise: Any = None,
) -> Callable[[Any, Any], Any]:  # fmt: skip
    """x, key -> the mean of max_y ⟨y, x + sigma Z⟩; its gradient is the perturbed argmax.

    >>> import bibun, bibun.numpy as bnp
    >>> from bibun.solvers import perturbations
    >>> top = lambda x: bnp.where(x == bnp.max(x), 1.0, 0.0)
    >>> soft = perturbations.make_perturbed_max(top, 20000, 1.0)
    >>> g = bibun.grad(soft)(bnp.array([1.0, 0.0]), bibun.random.key(0))  # softmax
    >>> abs(float(g[0]) - 0.7311) < 0.02
    True
    """
    noise = Gumbel() if noise is None else noise
    argmax = make_perturbed_argmax(argmax_fun, num_samples, sigma, noise)

    def smooth(inputs: Any, rng: Any) -> Any:
        x, back = tree.ravel(inputs)
        x = x * 1.0
        samples = noise.sample(rng, (num_samples, x.shape[0])).astype(x.dtype)
        perturbed = stop_gradient(x) + sigma * samples

        def best(v: Any) -> Any:
            return bnp.vdot(tree.ravel(argmax_fun(back(v)))[0], v)

        value = stop_gradient(bnp.mean(vmap(best)(perturbed)))
        # ⟨argmax(x), x⟩ - ⟨argmax(x), x₀⟩: zero, with the perturbed argmax for a gradient
        slope = tree.ravel(argmax(inputs, rng))[0]
        return value + bnp.vdot(slope, x - stop_gradient(x))

    return smooth
