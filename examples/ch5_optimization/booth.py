"""Two optimizers on Booth's function, (x + 2y - 7)² + (2x + y - 5)², least at (1, 3).

The triple of `bibun.optimizers` is (initialise, update, get parameters). All steps are one
`lax.scan`, compiled. Adam's step is chosen large, so that its momentum shows.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
from bibun import grad, jit, lax, optimizers

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

START = bnp.array([7.5, -7.5])


def booth(r):
    x, y = r
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def path(optimizer, steps=100):
    """The points (steps + 1, 2) that an optimizer visits."""
    initialise, update, parameters = optimizer

    @jit
    def run(start):
        def step(state, t):
            state = update(t, grad(booth)(parameters(state)), state)
            return state, parameters(state)

        _, points = lax.scan(step, initialise(start), bnp.arange(steps))
        return bnp.concatenate([start[None], points])

    return run(START)


def main(out):
    x, y = np.meshgrid(np.linspace(-5, 11, 300), np.linspace(-10, 8, 300))
    figure, axes = plt.subplots(figsize=(5.6, 5.2))
    levels = np.logspace(-1, 3.2, 16)
    axes.contour(x, y, booth((x, y)), levels=levels, colors="#B8BEC6", linewidths=0.7)
    runs = {"Adam, step 1": optimizers.adam(1.0), "gradient descent, step 0.1": optimizers.sgd(0.1)}
    for (name, optimizer), mark in zip(runs.items(), ".s", strict=True):
        points = path(optimizer)
        axes.plot(points[:, 0], points[:, 1], marker=mark, ms=3.5, lw=1, label=name)
    axes.plot(1, 3, "*", ms=13, color="C2", label="minimum")
    axes.grid(False)
    axes.set(xlabel="$x$", ylabel="$y$", aspect="equal", xlim=(-5, 11), ylim=(-10, 8))
    axes.legend(loc="lower left")
    figure.savefig(out / "fig-5-1.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
