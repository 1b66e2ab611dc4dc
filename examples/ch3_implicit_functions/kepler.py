"""The derivative of a solution that is found by a loop: Kepler's equation.

E - e sin E = M gives the eccentric anomaly E only implicitly; Newton's method finds it in a
`while_loop`. bibun differentiates that loop as it stands. The implicit function theorem says what
must come out, ∂E/∂M = 1/(1 - e cos E), and `custom_vjp` makes it the rule.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
from bibun import custom_vjp, grad, jit, lax, vmap

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def newton(e, mean):
    """E(e, M): one step more than until steps are shorter than 1e-12."""

    def step(state):
        E, _ = state
        change = (E - e * bnp.sin(E) - mean) / (1 - e * bnp.cos(E))
        change = bnp.clip(change, -1.0, 1.0)
        return E - change, bnp.abs(change)

    E, _ = lax.while_loop(lambda state: state[1] > 1e-12, step, (mean, bnp.asarray(bnp.inf)))
    return E


@custom_vjp
def anomaly(e, mean):
    return newton(e, mean)


def forward(e, mean):
    E = newton(e, mean)
    return E, (bnp.sin(E), 1 - e * bnp.cos(E))


def backward(residuals, u):
    sine, slope = residuals
    return u * sine / slope, u / slope


anomaly.defvjp(forward, backward)


def along(f):
    return jit(vmap(f, in_axes=(None, 0)))


def main(out):
    mean = bnp.linspace(0, 2 * np.pi, 601)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.8))
    for e in (0.0, 0.3, 0.6, 0.9):
        left.plot(mean, along(anomaly)(e, mean), label=f"$e={e}$")
        implicit = along(grad(anomaly, argnums=1))(e, mean)
        through_the_loop = along(grad(newton, argnums=1))(e, mean)
        assert np.allclose(implicit, through_the_loop, rtol=1e-6), "both rules agree"
        right.plot(mean, implicit)
    left.set(xlabel="mean anomaly $M$ (rad)", ylabel="eccentric anomaly $E$ (rad)")
    right.set(xlabel="mean anomaly $M$ (rad)", ylabel=r"$\partial E/\partial M$", yscale="log")
    left.legend()
    figure.savefig(out / "fig-3-8.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
