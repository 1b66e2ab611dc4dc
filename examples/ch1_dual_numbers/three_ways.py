"""Three ways to a derivative: divided differences, dual numbers, `bibun.grad`.

F(x) = log(cos x · sin x) + sin x and G(x) = F(F(x)), at x = 1. A divided difference is wrong by
its step where the step is large, and by rounding where it is small. A dual number a + bε, ε² = 0,
carries the derivative along with the value and needs no step; so does a program that is
differentiated as a program.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun
import bibun.numpy as bnp
from bibun import dual

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

X = 1.0
EXACT = -7.3915550944615049  # G'(1), by mpmath to 40 digits


def composed(module):
    """G, with the cos, sin and log of a module: plain numbers, dual numbers, arrays."""

    def once(x):
        return module.log(module.cos(x) * module.sin(x)) + module.sin(x)

    return lambda x: once(once(x))


def relative_error(value):
    return np.abs(np.asarray(value) / EXACT - 1)


def main(out):
    g = composed(np)
    h = np.logspace(-15, -1.3, 240)  # beyond, x + h leaves the domain
    forward = (g(X + h) - g(X)) / h
    central = (g(X + h) - g(X - h)) / (2 * h)
    by_dual = relative_error(dual.derivative(composed(dual))(X))
    by_grad = relative_error(bibun.grad(composed(bnp))(X))

    figure, axes = plt.subplots()
    axes.loglog(h, relative_error(forward), label="forward difference")
    axes.loglog(h, relative_error(central), label="central difference")
    axes.axhline(by_dual, color="C2", label="dual numbers")
    axes.axhline(by_grad, color="C3", ls="--", label="bibun.grad")
    axes.set(xlabel="step h", ylabel="relative error of G′(1)", ylim=(3e-17, 30))
    axes.legend(ncols=2, loc="upper center")
    figure.savefig(out / "fig-1.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
