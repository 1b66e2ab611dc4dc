"""Simplification of compiled programs: what is left, and that values stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.compiler.simplify import simplify

X = np.linspace(-1.0, 2.0, 7)


def ops_of(f: Callable[..., Any], *args: Any) -> list[str]:
    return [eq.op.name for eq in simplify(bibun.make_program(f)(*args).program).equations]


def test_a_constant_cotangent_leaves_no_trace() -> None:
    """The 1.0 that `grad` starts with had been broadcast, compared with 0 and selected by."""
    loss = lambda x: bnp.sum(bnp.sin(x) ** 2)
    assert sorted(ops_of(bibun.grad(loss), X)) == ["absorb_mul", "cos", "mul", "sin"]
    text = bibun.jit(bibun.grad(loss)).lower(X).as_text("llvm")
    main = text[text.index("@bibun_main(") :]
    main = main[: main.index("\n}")]
    assert "double 0x3FF0000000000000, 0x0000000000000000" not in main


def test_a_known_tangent_that_is_not_one_is_multiplied_only() -> None:
    text = bibun.jit(bibun.grad(lambda x: bnp.mean(bnp.exp(x)))).lower(X).as_text("llvm")
    main = text[text.index("@bibun_main(") :]
    assert "select" not in main[: main.index("\n}")]


def test_numbers_of_uniform_arrays_go_on_through_arithmetic() -> None:
    def f(x: Any) -> Any:
        ones = bnp.reshape(bnp.ones((1, 7)), (7,))
        return x * (2.0 * ones - ones) + bnp.zeros(7)[::-1]

    assert "mul" not in ops_of(f, X)
    assert "broadcast_to" not in ops_of(f, X)


def test_an_operand_that_gives_the_shape_stays() -> None:
    f = lambda x: x[0] * bnp.ones((3, 2)) + bnp.full((3, 1), 2.0)
    got = bibun.jit(f)(X)
    assert got.shape == (3, 2)
    np.testing.assert_array_equal(got, f(bnp.asarray(X)))
    assert bibun.jit(lambda: bnp.ones((2, 2)) + bnp.ones(2))().tolist() == [[2.0, 2.0]] * 2
    assert bibun.jit(lambda: bnp.ones((0, 2)) * 3.0)().shape == (0, 2)


def test_what_fills_is_not_uniform() -> None:
    f = lambda: bnp.pad(bnp.ones(2), 1, constant_values=5.0) * 2.0
    assert bibun.jit(f)().tolist() == [10.0, 2.0, 2.0, 10.0]
    f = lambda: bnp.arange(3.0) * bnp.concatenate([bnp.ones(2), bnp.zeros(1)])
    assert bibun.jit(f)().tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("value", [0.0, -0.0, np.inf, np.nan, 2.0])
def test_special_numbers_keep_their_rules(value: float) -> None:
    f = lambda x: (bnp.full(7, value) * x, x + bnp.full(7, value), x / bnp.full(7, value))
    with np.errstate(all="ignore"):
        expected = X * value, X + value, X / value
    for got, want in zip(bibun.jit(f)(X), expected, strict=True):
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


LOSSES: dict[str, Callable[[Any], Any]] = {
    "half sin^2": lambda x: bnp.sum(0.5 * bnp.sin(x) ** 2),
    "where": lambda x: bnp.sum(bnp.where(x > 0.5, bnp.sqrt(x - 0.5) * bnp.log(x), 0.0)),
    "mean": lambda x: bnp.mean(bnp.exp(x) * x),
    "product with ones": lambda x: bnp.sum(bnp.ones(7) * x**3 * bnp.full(7, 0.5)),
    "logsumexp": lambda x: bnp.log(bnp.sum(bnp.exp(x))),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    "of",
    [
        bibun.grad, bibun.hessian, lambda f: bibun.jacfwd(bibun.jacfwd(f)),
        lambda f: bibun.jacrev(bibun.jacrev(f)), lambda f: bibun.jacrev(bibun.hessian(f)),
    ],
    ids=["grad", "hessian", "fwd fwd", "rev rev", "third"],
)  # fmt: skip
def test_derivatives_compiled_are_those_of_eager_code(name: str, of: Callable[..., Any]) -> None:
    f = of(LOSSES[name])
    x = bnp.asarray(X[3:] + 0.1) if name == "where" else bnp.asarray(X)
    np.testing.assert_allclose(bibun.jit(f)(x), f(x), rtol=1e-13, atol=1e-13)


def test_zero_times_what_is_not_finite_stays_zero_in_second_derivatives() -> None:
    """absorb_both with a factor that compiling knows to be 0."""
    f = lambda x: bnp.sum(bnp.where(x > 0, bnp.sqrt(x) * bnp.log(x), 0.0 * x))
    x = bnp.asarray([-1.0, -2.0])
    for of in (bibun.hessian, lambda f: bibun.jacrev(bibun.jacrev(f))):
        assert (bibun.jit(of(f))(x) == 0).all()
        both = bibun.jit(lambda x: bibun.jvp(bibun.grad(f), (x,), (bnp.ones(2),))[1])(x)
        assert (both == 0).all()
