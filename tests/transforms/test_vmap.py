"""vmap: against a loop, axes of all kinds, errors."""

from __future__ import annotations

import numpy as np
import pytest

from bibun.errors import ShapeError
from bibun.ops.check import check_true
from bibun.ops.elementwise import gt
from bibun.transforms import hessian, vmap
from tests.transforms.functions import MATRIX, add, close, dot, energy, mul, num, sin, total

rng = np.random.default_rng(1)
A = rng.normal(size=(5, 3))
B = rng.normal(size=(3, 5))


def test_against_a_loop():
    close(vmap(energy)(A), np.stack([num(energy(a)) for a in A]))
    close(vmap(lambda x: dot(MATRIX, x))(A), A @ MATRIX.T)
    close(vmap(hessian(energy))(A), np.stack([num(hessian(energy)(a)) for a in A]), 1e-9)


def test_in_axes():
    expected = A * B.T
    close(vmap(mul, in_axes=(0, 1))(A, B), expected)
    close(vmap(mul, in_axes=(0, -1))(A, B), expected)
    close(vmap(mul, in_axes=[0, 1])(A, B), expected)
    close(vmap(mul, in_axes=(0, None))(A, 2.0), 2 * A)
    close(vmap(mul, in_axes=(None, 1))(B[:, 0], B), (B * B[:, :1]).T)


def test_pytree_prefixes():
    def f(pair, z):
        return {"sum": add(add(pair["x"], pair["y"][0]), z)}

    pair = {"x": A, "y": [B, 1.0]}
    out = vmap(f, in_axes=({"x": 0, "y": [1, None]}, None))(pair, 2.0)
    close(out, {"sum": A + B.T + 1.0 + 2.0} if False else {"sum": A + B.T + 2.0})
    out = vmap(f, in_axes=({"x": 0, "y": (1)}, None))({"x": A, "y": [B]}, 2.0)
    close(out, {"sum": A + B.T + 2.0})


def test_out_axes_and_kwargs():
    close(vmap(mul, in_axes=(0, None), out_axes=1)(A, 2.0), 2 * A.T)
    close(vmap(mul, in_axes=(0, None), out_axes=-1)(A, 2.0), 2 * A.T)
    close(vmap(lambda x, *, y: mul(x, y))(A, y=A), A * A)
    same, each = vmap(lambda x: (sin(1.0), x), out_axes=(None, 0))(A)
    assert num(same).shape == () and num(each).shape == (5, 3)
    close(vmap(lambda x: 3.0)(A), np.full(5, 3.0))
    close(vmap(lambda: 3.0, axis_size=2)(), np.full(2, 3.0))


def test_nested():
    close(vmap(vmap(mul, (0, None)), (None, 0))(A[0], B[0]), np.outer(B[0], A[0]))
    close(vmap(vmap(sin, in_axes=1, out_axes=1))(np.ones((2, 3, 4))), np.sin(np.ones((2, 3, 4))))


def test_empty_batch():
    assert num(vmap(energy)(np.zeros((0, 3)))).shape == (0,)


def test_effects_see_every_lane():
    def f(x):
        check_true(gt(x, 0.0), error="value", message="must be positive")
        return x

    close(vmap(f)(np.ones(3)), np.ones(3))
    with pytest.raises(ValueError, match="positive"):
        vmap(f)(np.array([1.0, -1.0]))


def test_errors():
    with pytest.raises(ShapeError, match=r"args\[0\].*size 5(.|\n)*args\[1\].*size 3"):
        vmap(mul)(A, B)
    with pytest.raises(ValueError, match="axis 2 of args"):
        vmap(sin, in_axes=2)(A)
    with pytest.raises(ValueError, match="axis_size"):
        vmap(sin, in_axes=None)(A)
    with pytest.raises(ValueError, match="3 entries for 2"):
        vmap(mul, in_axes=(0, 0, 0))(A, A)
    with pytest.raises(ValueError, match="prefix"):
        vmap(lambda p: total(p[0]), in_axes=((0, 0, 0),))((A, A))
    with pytest.raises(ValueError, match="out_axes is None"):
        vmap(sin, out_axes=None)(A)
    with pytest.raises(TypeError, match="ints and None"):
        vmap(sin, in_axes=("x",))(A)
    with pytest.raises(ValueError, match="out_axes 3"):
        vmap(sin, out_axes=3)(A)
