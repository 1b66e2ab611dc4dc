"""Stochastic gradient descent, plain, with momentum, with Nesterov's momentum, with noise."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import random, tree
from bibun.optim.averaging import ema
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    identity,
    safe_increment,
)
from bibun.optim.momentum import trace
from bibun.optim.scaling import scale_by_learning_rate, scale_by_sign


def sgd(
    learning_rate: ScalarOrSchedule, momentum: float | None = None, nesterov: bool = False,
    accumulator_dtype: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Gradient steps, with momentum if asked for (Sutskever et al., 2013).

    >>> from bibun import optim
    >>> tx = optim.sgd(0.1)
    >>> float(tx.update(2.0, tx.init(1.0), 1.0)[0])
    -0.2
    """
    first = identity() if momentum is None else trace(momentum, nesterov, accumulator_dtype)
    return chain(first, scale_by_learning_rate(learning_rate))


def sign_sgd(learning_rate: ScalarOrSchedule) -> GradientTransformation:
    """Steps of fixed size along the signs of the gradient (Bernstein et al., 2018)."""
    return chain(scale_by_sign(), scale_by_learning_rate(learning_rate))


def signum(
    learning_rate: ScalarOrSchedule, beta: float = 0.9, accumulator_dtype: Any = None
) -> GradientTransformation:
    """Steps of fixed size along the signs of the gradient's running average."""
    return chain(
        ema(beta, debias=False, accumulator_dtype=accumulator_dtype), scale_by_sign(),
        scale_by_learning_rate(learning_rate),
    )  # fmt: skip


class AddNoiseState(NamedTuple):
    """The step count and the key of the noise to come."""

    count: Any
    rng_key: Any


def add_noise(
    eta: float, gamma: float, key: Any = None, *, seed: int | None = None
) -> GradientTransformation:
    """Gaussian noise of variance `eta / (1 + count)^gamma` (Neelakantan et al., 2015).

    `key`: a random key, or an integer; or an integer as `seed`.
    """
    if (key is None) == (seed is None):
        raise ValueError("add_noise: give a key or a seed, one of them")
    first = seed if key is None else key

    def init(params: Any) -> AddNoiseState:
        given = random.key(first) if isinstance(first, int) else first
        return AddNoiseState(bnp.asarray(0), given)

    def update(updates: Any, state: AddNoiseState, params: Any = None) -> Any:
        leaves, structure = tree.flatten(updates)
        count = safe_increment(state.count)
        deviation = bnp.sqrt(eta / count**gamma)
        keys = random.split(state.rng_key, len(leaves) + 1)
        noisy = [
            g + deviation * random.normal(keys[i + 1], bnp.shape(g)) for i, g in enumerate(leaves)
        ]
        return tree.unflatten(structure, noisy), AddNoiseState(count, keys[0])

    return GradientTransformation(init, update)


def noisy_sgd(
    learning_rate: ScalarOrSchedule, eta: float = 0.01, gamma: float = 0.55, key: Any = None,
    *, seed: int | None = None,
) -> GradientTransformation:  # fmt: skip
    """Gradient steps with decaying Gaussian noise; `key` and `seed` as for `add_noise`."""
    seed = 0 if key is None and seed is None else seed
    return chain(add_noise(eta, gamma, key, seed=seed), scale_by_learning_rate(learning_rate))
