"""What an error of `debug_nans` tells: the op, its operands, the pass, the line."""

from __future__ import annotations

from typing import Any

import pytest

import bibun.numpy as bnp
from bibun import grad, hessian, jit, jvp, vmap
from bibun.config import config
from bibun.lax import scan

X = bnp.array([1.0, -2.0, 3.0])
ZEROS = bnp.zeros(3)


def said(f: Any, *args: Any) -> str:
    with config.using(debug_nans=True), pytest.raises(FloatingPointError) as caught:
        f(*args)
    message = str(caught.value)
    assert "test_nan_checks.py" in message
    return message.splitlines()[0]


@pytest.mark.parametrize("way", [jit, vmap, lambda f: jit(vmap(f)), lambda f: jit(jit(f))])
def test_the_operands_of_the_first_bad_element(way: Any) -> None:
    assert said(jit(bnp.log), X) == "log gave nan from -2.0"
    assert said(jit(lambda x, y: x / y), X - X, ZEROS) == "div gave nan from 0.0, 0.0"
    assert "-2." in said(way(bnp.sqrt), X)
    assert said(jit(lambda x: x @ x.T), bnp.array([[bnp.inf, 0.0], [0.0, 1.0]])).endswith(
        "from f64[2,2], f64[2,2]"
    )


def test_a_nan_beside_hides_nothing() -> None:
    mixed = bnp.array([bnp.nan, -1.0])
    assert said(jit(bnp.log), mixed) == "log gave nan from -1.0"
    with config.using(debug_nans=True):
        assert bnp.isnan(jit(bnp.log)(bnp.array([bnp.nan, 1.0]))[0])


def angle(x: Any) -> Any:
    return bnp.sum(bnp.arctan2(x, x))


@pytest.mark.parametrize(
    "f",
    [
        grad(angle), jit(grad(angle)), jit(hessian(angle)),
        jit(lambda x: vmap(grad(angle))(x[:, None])),
        jit(lambda x: jvp(angle, (x,), (x,))),
        jit(grad(lambda x: scan(lambda c, _: (bnp.arctan2(c, c), None), x, None, 2)[0].sum())),
    ],
)  # fmt: skip
def test_the_derivative_of_what_the_user_wrote(f: Any) -> None:
    message = said(f, ZEROS)
    assert message.startswith("div gave nan from")
    assert message.endswith("in the derivative of atan2")


@pytest.mark.parametrize("way", [lambda f: f, jit])
def test_the_backward_pass(way: Any) -> None:
    steep = bnp.array([[bnp.inf, 0.0], [0.0, 1.0]])
    f = lambda x: bnp.sum(bnp.where(x > 5, x @ steep, x))  # backward: 0 · inf
    message = said(way(grad(f)), bnp.ones(2))
    assert message.startswith("dot_general gave nan from")
    assert message.endswith("in the backward pass of dot_general")


def test_the_forward_pass_of_a_gradient_is_no_derivative() -> None:
    for way in (grad(lambda x: bnp.sum(bnp.log(x))), jit(grad(lambda x: bnp.sum(bnp.log(x))))):
        message = said(way, X)
        assert "derivative" not in message and "backward" not in message
