"""Document 1, chapter 10: a model's state on disk, listing by listing, and appendix B.1."""

from __future__ import annotations

import numpy as np
import pytest

import bibun.numpy as jnp
import bibun.store as ocp
from bibun import nn as nnx
from bibun import random, tree, value_and_grad


class EmuMlpDecoder(nnx.Module):
    """The emulator that the chapter saves: parameters of an atmosphere to a spectrum."""

    def __init__(self, *, rngs: nnx.Rngs, grid_length: int) -> None:
        self.dense = nnx.Linear(2, 16, rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.out = nnx.Linear(16, grid_length, rngs=rngs)

    def __call__(self, x):
        return self.out(nnx.gelu(self.norm(self.dense(x))))


GRID = 20000


@pytest.fixture(scope="module")
def model():
    model = EmuMlpDecoder(rngs=nnx.Rngs(0), grid_length=GRID)
    model(random.normal(random.key(0), (7, 2)))  # the running statistics are not at rest
    model.eval()
    return model


def same(a, b) -> None:
    assert tree.structure(a) == tree.structure(b)
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_10_1_1_standard_checkpointer(model, tmp_path) -> None:
    ckpt_dir = tmp_path / "checkpoints"
    _, state = nnx.split(model)
    checkpointer = ocp.StandardCheckpointer()
    checkpointer.save(ckpt_dir / "state", state)
    checkpointer.wait_until_finished()

    checkpointer = ocp.StandardCheckpointer()
    restored = checkpointer.restore(ckpt_dir / "state")
    np.testing.assert_array_equal(restored["dense"]["kernel"]["value"], model.dense.kernel.value)

    abstract_model = nnx.eval_shape(lambda: EmuMlpDecoder(rngs=nnx.Rngs(0), grid_length=GRID))
    graphdef, abstract_state = nnx.split(abstract_model)
    checkpointer = ocp.StandardCheckpointer()
    state_restored = checkpointer.restore(ckpt_dir / "state", abstract_state)
    same(state_restored, state)
    again = nnx.merge(graphdef, state_restored)
    again.eval()
    x = jnp.ones((3, 2))
    np.testing.assert_array_equal(again(x), model(x))

    other = nnx.eval_shape(lambda: EmuMlpDecoder(rngs=nnx.Rngs(0), grid_length=10))
    with pytest.raises(ocp.CheckpointMismatchError, match="bias"):
        checkpointer.restore(ckpt_dir / "state", nnx.state(other))


def test_10_1_2_checkpointer(model, tmp_path) -> None:
    ckpt_dir = tmp_path
    graphdef, state = nnx.split(model)
    checkpointer = ocp.Checkpointer(ocp.CompositeCheckpointHandler("state", "metadata"))
    checkpointer.save(
        ckpt_dir / "state",
        args=ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            metadata=ocp.args.JsonSave({"grid_length": GRID}),
        ),
    )

    restored = checkpointer.restore(
        ckpt_dir / "state", args=ocp.args.Composite(metadata=ocp.args.JsonRestore())
    )
    grid_length = restored.metadata["grid_length"]  # what the empty model needs
    abstract_model = nnx.eval_shape(
        lambda: EmuMlpDecoder(rngs=nnx.Rngs(0), grid_length=grid_length)
    )
    _, abstract_state = nnx.split(abstract_model)
    restored = checkpointer.restore(
        ckpt_dir / "state",
        args=ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract_state),
            metadata=ocp.args.JsonRestore(),
        ),
    )
    state_restored = restored.state
    metadata = restored.metadata
    same(state_restored, state)
    assert metadata == {"grid_length": GRID}


def test_10_1_2_array_save(tmp_path) -> None:
    checkpointer = ocp.Checkpointer(ocp.CompositeCheckpointHandler("state", "array"))
    array = jnp.linspace(0, 1, 7)
    checkpointer.save(
        tmp_path / "state",
        args=ocp.args.Composite(
            state=ocp.args.StandardSave({"w": jnp.ones(2)}), array=ocp.args.ArraySave(array)
        ),
    )
    restored = checkpointer.restore(
        tmp_path / "state", args=ocp.args.Composite(array=ocp.args.ArrayRestore())
    )
    np.testing.assert_array_equal(restored.array, array)


def test_10_1_3_async_checkpointer(model, tmp_path) -> None:
    _, state = nnx.split(model)
    checkpointer = ocp.AsyncCheckpointer(ocp.StandardCheckpointHandler())
    checkpointer.save(tmp_path / "state", args=ocp.args.StandardSave(state))
    checkpointer.wait_until_finished()
    same(checkpointer.restore(tmp_path / "state", args=ocp.args.StandardRestore(state)), state)


def test_b_1_1_has_aux(model) -> None:
    def f(x):
        value = jnp.sum(x**2)
        aux = jnp.sum(jnp.abs(x))
        return value, aux

    (value, aux), grad = value_and_grad(f, has_aux=True)(jnp.array([1.0, 2.0, 3.0]))
    assert (float(value), float(aux), grad.tolist()) == (14.0, 6.0, [2.0, 4.0, 6.0])

    def loss(model, x):
        out = model(x)
        return (out**2).mean(), out

    (value, out), grads = nnx.value_and_grad(loss, has_aux=True)(model, jnp.ones((2, 2)))
    assert float(value) == pytest.approx(float((out**2).mean()), rel=1e-14)
    assert grads.out.bias.value.shape == (GRID,)
