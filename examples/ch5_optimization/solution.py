"""The derivative of a minimum: how it moves when the problem changes.

x*(a) minimises (x - sin a)² + 0.1 x⁴. The solver runs until the gradient vanishes; its
derivative comes from that condition (the implicit function theorem), not from its steps.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
from bibun import grad, jit, solvers, vmap

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def objective(x, a):
    return (x - bnp.sin(a)) ** 2 + 0.1 * x**4


solver = solvers.GradientDescent(fun=objective, maxiter=500, tol=1e-10)


def minimum(a):
    return solver.run(bnp.asarray(0.0), a=a).params


def main(out):
    a = bnp.linspace(0, 2 * np.pi, 201)
    where = jit(vmap(minimum))(a)
    slope = jit(vmap(grad(minimum)))(a)
    differences = np.gradient(np.asarray(where), np.asarray(a))

    figure, axes = plt.subplots()
    axes.plot(a, where, label=r"$x^*(a)$")
    axes.plot(a, slope, label=r"$\mathrm{d}x^*/\mathrm{d}a$, grad of the solver")
    axes.plot(a[::10], differences[::10], "o", color="C1", mfc="white", label="by differences")
    axes.set(xlabel="$a$")
    axes.legend()
    figure.savefig(out / "fig-5-2.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
