"""What the classes of bibun.gp print: short, whatever the number of points."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.gp import GaussianProcess, kernels, means, noise

X = np.linspace(0.0, 10.0, 300)


def test_kernels_print_as_they_are_written() -> None:
    k = 2.0 * kernels.ExpSquared(scale=1.5) + kernels.White(0.1)
    assert repr(k) == (
        "(Constant(value=2.0) * ExpSquared(scale=1.5, distance=L2Distance())) + White(value=0.1)"
    )
    assert repr(kernels.Custom(bnp.dot)) == "Custom(function=dot)"
    assert repr(means.Linear(bnp.array([1.0, 2.0]))) == "Linear(weight=[1., 2.], bias=0.0)"
    assert repr(noise.Diagonal(X)) == "Diagonal(diag=float64[300])"


@pytest.mark.parametrize(
    "kernel", [1.5 * kernels.Matern32(0.5), kernels.quasisep.Matern32(0.5) + 1.0], ids=str
)
@pytest.mark.parametrize("mean", [None, 1.0, lambda x: 2.0 * x], ids=["zero", "one", "line"])
def test_a_process_prints_in_a_line_or_two(kernel: kernels.Kernel, mean: object) -> None:
    gp = GaussianProcess(kernel, X, diag=0.1 + 0.0 * X, mean=mean)
    given = gp.condition(np.sin(X), X[:7]).gp
    again = given.condition(np.zeros(7)).gp
    for process, words in (
        (gp, ["300 points,", "Matern32", "noise=Diagonal(diag=float64[300])"]),
        (given, ["7 points given 300", "Matern32", "solver=ConditionedSolver"]),
        (again, ["7 points given 7"]),
    ):
        text = repr(process)
        assert len(text) < 400, text
        assert "\n" not in text
        for word in words:
            assert word in text
    assert len(repr(given.kernel)) < 200
    assert len(repr(given.mean_function)) < 300


def test_a_process_of_tracers_prints_too() -> None:
    seen = []

    def f(scale: object) -> object:
        gp = GaussianProcess(kernels.ExpSquared(scale), X[:5], diag=0.1)
        seen.append(repr(gp))
        return gp.log_probability(X[:5])

    bibun.jit(bibun.grad(f))(1.0)
    assert seen[0].startswith("GaussianProcess(5 points, kernel=ExpSquared(scale=")
