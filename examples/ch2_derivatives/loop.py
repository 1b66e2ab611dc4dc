"""The derivative of a loop: f(x) = 1/(1 + x), applied n times.

`lax.scan` is the loop whose body the compiler sees once; its derivative is a loop as well.
For n = 3 the derivative is known in closed form, and the two agree to the last digit or two.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
from bibun import grad, jit, lax, vmap

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def fraction(x, n=3):
    def step(x, _):
        return 1 / (1 + x), None

    x, _ = lax.scan(step, x, None, length=n)
    return x


def closed_form(x):
    """d/dx of (2 + x)/(3 + 2x), which three steps come to."""
    return -1 / (3 + 2 * x) ** 2


def main(out):
    x = bnp.linspace(0, 1, 101)
    slope = jit(vmap(grad(fraction)))(x)
    difference = slope / closed_form(x) - 1

    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 4.6))
    top.plot(x, slope, label="grad of the scan")
    top.plot(x[::10], closed_form(x)[::10], "o", mfc="white", label="closed form")
    top.set_ylabel(r"$\partial_x\, f(f(f(x)))$")
    top.legend(loc="lower right")
    bottom.plot(x, difference / np.finfo(float).eps, ".", color="C1")
    bottom.set(xlabel="$x$", ylabel=r"rel. difference ($2^{-52}$)")
    figure.savefig(out / "fig-2-5.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
