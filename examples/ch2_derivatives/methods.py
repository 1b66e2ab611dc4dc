"""`jit` on a method, and what it does when an attribute changes.

What a compiled method read of `self` is part of what it was compiled for: a change of `n` below
compiles again instead of going on with the old loop, and going back finds the first code.
"""

import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt

import bibun.numpy as bnp
from bibun import grad, jit, lax, vmap

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


class ContinuedFraction:
    """c/(c + c/(c + ...)), n levels deep."""

    def __init__(self, c, n):
        self.c, self.n = c, n

    def value(self, x):
        x, _ = lax.scan(lambda x, _: (self.c / (self.c + x), None), x, None, length=self.n)
        return x

    @partial(jit, static_argnums=0)
    def slope(self, x):
        return vmap(grad(self.value))(x)


def main(out):
    x = bnp.linspace(0, 1, 101)
    fraction = ContinuedFraction(1.0, n=1)
    figure, axes = plt.subplots()
    for n in (1, 2, 3, 4):
        fraction.n = n  # seen by the compiled method
        axes.plot(x, fraction.slope(x), label=f"$n={n}$")
    axes.axhline(0, color="#888888", lw=0.7)
    axes.set(xlabel="$x$", ylabel="slope of $n$ levels")
    axes.legend(ncols=2, loc="lower right")
    figure.savefig(out / "fig-2-6.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
