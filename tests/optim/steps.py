"""A small problem, and seven steps of an optimizer on it."""

import numpy as np

import bibun
import bibun.numpy as bnp
from bibun import optim


def f(p):
    pull = bnp.sum((p["a"] - bnp.array([1.0, -2.0])) ** 4) / 4
    return pull + bnp.sum((p["b"] * p["a"][0] - 1) ** 2)


def flat(p):
    return np.concatenate([np.ravel(p["a"]), np.ravel(p["b"])])


def seven_steps(tx, p):
    tx = optim.with_extra_args_support(tx)
    s = tx.init(p)

    @bibun.jit
    def step(p, s):
        v, g = bibun.value_and_grad(f)(p)
        u, s = tx.update(g, s, p, value=v)
        return optim.apply_updates(p, u), s

    for _ in range(7):
        p, s = step(p, s)
    return flat(p)
