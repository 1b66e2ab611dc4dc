"""The gradient of a function of three numbers along a line in space.

`argnums` says by which arguments to differentiate, `in_axes` which arguments are mapped over.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import bibun.numpy as bnp
from bibun import grad, vmap

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def g(x, y, z):
    return bnp.sqrt(x**2 + 2 * y**2 + 3 * z**2)


def main(out):
    x = bnp.linspace(-10, 10, 400)
    gradient = vmap(grad(g, argnums=(0, 1, 2)), in_axes=(0, None, None))
    slopes = gradient(x, 1.0, 1.0)

    figure, axes = plt.subplots()
    for name, slope in zip("xyz", slopes, strict=True):
        axes.plot(x, slope, label=rf"$\partial_{name}\, g(x,1,1)$")
    axes.set(xlabel="$x$", title=r"$g(x,y,z)=\sqrt{x^2+2y^2+3z^2}$")
    axes.legend()
    figure.savefig(out / "fig-2-2.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
