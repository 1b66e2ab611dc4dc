"""A training run that is killed half way, and the run that goes on from what was stored.

`CheckpointManager` keeps the last steps and finds the latest; a checkpoint is there whole or not
at all. The continued run computes the same numbers as one that was never interrupted.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import bibun.numpy as bnp
from bibun import jit, optim, random, store, value_and_grad

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

X = bnp.linspace(-1, 1, 200)
Y = bnp.sin(4 * X) + 0.1 * random.normal(random.key(1), X.shape)
OPTIMIZER = optim.adam(0.03)


def loss(params, t):
    """Of a polynomial, on 32 points that are others at each step."""
    batch = random.choice(random.fold_in(random.key(2), t), 200, (32,), replace=False)
    return bnp.mean((bnp.polyval(params["coefficients"], X[batch]) - Y[batch]) ** 2)


@jit
def step(state, t):
    value, gradient = value_and_grad(loss)(state["params"], t)
    updates, moments = OPTIMIZER.update(gradient, state["moments"], state["params"])
    return {"params": optim.apply_updates(state["params"], updates), "moments": moments}, value


def start():
    params = {"coefficients": bnp.zeros(8)}
    return {"params": params, "moments": OPTIMIZER.init(params)}


def train(manager, until, killed_at=None):
    """Losses by step, from the latest checkpoint on; the checkpoints are written as it goes."""
    state, latest = start(), manager.latest_step()
    if latest is not None:
        state = manager.restore(latest, args=store.args.StandardRestore(state))
    losses = {}
    for t in range(0 if latest is None else latest, until):
        if t == killed_at:
            return losses  # without a word, as a machine does
        state, losses[t] = step(state, t)
        if (t + 1) % 100 == 0:
            manager.save(t + 1, args=store.args.StandardSave(state))
    return losses


def main(out):
    options = store.CheckpointManagerOptions(max_to_keep=3)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for name, killed_at in (("whole", None), ("broken", 330), ("broken", None)):
            with store.CheckpointManager(Path(folder) / name, options=options) as manager:
                runs.append(train(manager, 800, killed_at))
    whole, before, after = runs
    assert all(float(after[t]) == float(whole[t]) for t in after), "the same, bit for bit"

    figure, axes = plt.subplots()
    axes.semilogy(list(whole), list(whole.values()), lw=4, color="#D5DAE0", label="never stopped")
    axes.semilogy(list(before), list(before.values()), lw=0.9, label="killed at step 330")
    axes.semilogy(list(after), list(after.values()), lw=0.9, label="resumed from step 300")
    axes.axvline(330, color="#888888", lw=0.8, ls="--")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    figure.savefig(out / "fig-10.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
