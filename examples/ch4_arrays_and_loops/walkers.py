"""Arrays that do not change, changed: ten thousand walkers leave their marks on a map.

Arrays are immutable; `.at[i].add(v)` gives a new one, and the compiled loop updates it in place.
An index out of bounds is an error, also here; `mode="drop"` says that walkers beyond the edge
leave no mark.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import bibun.numpy as bnp
from bibun import jit, lax, random

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

SIZE, WALKERS, STEPS = 160, 10_000, 1000


@jit
def visits(key):
    """How often each cell was visited, and where everybody stands in the end."""

    def step(state, key):
        place, count = state
        place = place + random.randint(key, (WALKERS, 2), -1, 2)
        row, column = place[:, 0], place[:, 1]
        inside = bnp.all((place >= 0) & (place < SIZE), axis=1)
        # a negative index would count from the end, as in NumPy: send those over the far edge
        row = bnp.where(inside, row, SIZE)
        return (place, count.at[row, column].add(1, mode="drop")), bnp.mean(inside)

    corners = bnp.array([[40, 40], [40, 120], [120, 80]])
    start = corners[bnp.arange(WALKERS) % 3]
    state = start, bnp.zeros((SIZE, SIZE), bnp.int32)
    (place, count), inside = lax.scan(step, state, random.split(key, STEPS))
    return count, inside


def main(out):
    count, inside = visits(random.key(4))
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.8), width_ratios=(1.15, 1))
    image = left.imshow(bnp.log10(1 + count), origin="lower", cmap="magma")
    left.grid(False)
    left.set(xlabel="column", ylabel="row", title="visits of a cell")
    bar = figure.colorbar(image, ax=left, ticks=[0, 1, 2, 3])
    bar.ax.set_yticklabels(["0", "10", "100", "1000"])
    right.plot(100 * inside)
    right.set(xlabel="step", ylabel="walkers on the map (%)")
    figure.savefig(out / "fig-4.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
