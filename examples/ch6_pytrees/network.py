"""Parameters in dictionaries: a small network, its gradient, and its optimizer, as pytrees.

Anything nested from dicts, lists, tuples and registered classes is a pytree. `grad` of a function
of a pytree is a pytree of the same structure, and `tree.map` works leaf by leaf.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
from bibun import jit, lax, optim, random, tree, value_and_grad

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def initial(key, sizes=(1, 24, 24, 1)):
    """A list of layers, each a dict of weights and biases."""
    shapes = list(zip(sizes[:-1], sizes[1:], strict=True))
    return [
        {"weights": random.normal(k, shape) / np.sqrt(shape[0]), "biases": bnp.zeros(shape[1])}
        for k, shape in zip(random.split(key, len(shapes)), shapes, strict=True)
    ]


def network(layers, x):
    for layer in layers[:-1]:
        x = bnp.tanh(x @ layer["weights"] + layer["biases"])
    return x @ layers[-1]["weights"] + layers[-1]["biases"]


def loss(layers, x, y):
    return bnp.mean((network(layers, x) - y) ** 2)


@jit
def train(layers, x, y):
    optimizer = optim.adam(optim.cosine_decay_schedule(1e-2, 3000))

    def step(carry, _):
        layers, state = carry
        value, gradient = value_and_grad(loss)(layers, x, y)
        updates, state = optimizer.update(gradient, state, layers)
        return (optim.apply_updates(layers, updates), state), value

    (layers, _), values = lax.scan(step, (layers, optimizer.init(layers)), None, length=3000)
    return layers, values


def main(out):
    key, noise = random.split(random.key(6))
    x = bnp.linspace(-3, 3, 80)[:, None]
    truth = lambda x: bnp.sin(2 * x) * bnp.exp(-(x**2) / 4)  # noqa: E731
    y = truth(x) + 0.08 * random.normal(noise, x.shape)
    layers, values = train(initial(key), x, y)
    count = sum(tree.leaves(tree.map(lambda leaf: leaf.size, layers)))

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(1.5, 1))
    fine = bnp.linspace(-3, 3, 300)[:, None]
    left.plot(x, y, ".", color="#555555", label="data")
    left.plot(fine, truth(fine), color="C2", ls="--", lw=1, label="truth")
    left.plot(fine, network(layers, fine), color="C0", label=f"network, {count} parameters")
    left.set(xlabel="$x$", ylabel="$y$")
    left.legend(loc="lower right")
    right.semilogy(values, lw=1)
    right.set(xlabel="step of Adam", ylabel="mean squared error")
    figure.savefig(out / "fig-6.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
