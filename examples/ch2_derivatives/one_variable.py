"""A function of one number and its derivative, over many numbers at once.

`grad` differentiates a function whose result is a scalar; `vmap` then maps it over an array.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import bibun.numpy as bnp
from bibun import grad, vmap

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def f(x):
    return bnp.abs(x) + bnp.sin(x)


def main(out):
    x = bnp.linspace(-10, 10, 401)
    slope = vmap(grad(f))(x)

    figure, axes = plt.subplots()
    axes.plot(x, f(x), label=r"$f(x)=|x|+\sin x$")
    left = x < 0
    axes.plot(x[left], slope[left], color="C1", label=r"$f'(x)$")
    axes.plot(x[~left][1:], slope[~left][1:], color="C1")
    axes.plot(0, grad(f)(0.0), "o", color="C1", mfc="white", label=r"$f'(0)$, by convention")
    axes.set(xlabel="$x$")
    axes.legend()
    figure.savefig(out / "fig-2-1.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
