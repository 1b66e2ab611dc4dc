"""make_program, eval_shape, closure_convert, stop_gradient."""

from __future__ import annotations

import numpy as np
import pytest

from bibun.errors import ShapeError
from bibun.ops.elementwise import add, gt
from bibun.trace.replay import replay
from bibun.transforms import (
    ShapeDtypeStruct,
    closure_convert,
    eval_shape,
    grad,
    jvp,
    linear_transpose,
    make_program,
    stop_gradient,
    vmap,
)
from tests.transforms.functions import MATRIX, VECTOR, close, dot, mul, num, sin


def test_eval_shape_computes_nothing():
    out = eval_shape(
        lambda a, x, k: {"y": dot(a, x), "p": gt(x, k)},
        ShapeDtypeStruct((2_000_000, 3), "float32"),
        ShapeDtypeStruct((3,), np.float32),
        k=np.float32(0.5),
    )
    assert out == {
        "y": ShapeDtypeStruct((2_000_000,), "float32"),
        "p": ShapeDtypeStruct((3,), bool),
    }
    with pytest.raises(ShapeError):
        eval_shape(add, np.ones(2), np.ones(3))


def test_make_program():
    closed = make_program(lambda x: mul(MATRIX, sin(x)))(VECTOR)
    assert [e.op.name for e in closed.program.equations] == ["sin", "mul"]
    assert closed.consts[0] is MATRIX
    close(replay(closed.program, [*closed.consts, VECTOR])[0], MATRIX * np.sin(VECTOR))
    inner = make_program(grad(lambda x: mul(x, sin(x))))(1.0)
    assert len(inner.program.inputs) == 1 and not inner.consts


def test_closure_convert_takes_only_traced_values():
    converted, consts = closure_convert(lambda x: dot(MATRIX, x), VECTOR)
    assert consts == []
    close(converted(VECTOR), MATRIX @ VECTOR)


def test_stop_gradient():
    assert num(grad(lambda x: mul(x, stop_gradient(x)))(3.0)) == 3.0
    assert num(grad(grad(lambda x: mul(mul(x, x), stop_gradient(x))))(3.0)) == 6.0
    assert num(jvp(lambda x: stop_gradient(x), (1.0,), (1.0,))[1]) == 0.0
    tree = stop_gradient({"a": VECTOR, "b": np.arange(2)})
    close(tree, {"a": VECTOR, "b": np.arange(2)})
    close(vmap(lambda x: stop_gradient(x))(VECTOR), VECTOR)


def test_linear_transpose_takes_stand_ins():
    (x,) = linear_transpose(lambda x: mul(x, 3.0), ShapeDtypeStruct((2,), "float64"))(np.ones(2))
    close(x, np.full(2, 3.0))
