"""`minimize` with each of its methods, on Rosenbrock's function, and the derivative in args."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.scipy.optimize import minimize

HOSTED = ["Powell", "TNC", "SLSQP", "trust-constr", "Newton-CG"]
METHODS = ["BFGS", "L-BFGS-B", "CG", "Nelder-Mead", *HOSTED]


def rosenbrock(x, a):
    return (a - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2


@pytest.mark.parametrize("method", METHODS)
def test_methods(method: str) -> None:
    options = {"maxiter": 3000}
    found = minimize(rosenbrock, np.array([-0.5, 0.8]), (1.0,), method, tol=1e-9, options=options)
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=2e-3)
    assert float(found.fun) < 1e-5


@pytest.mark.parametrize("method", ["L-BFGS-B", "SLSQP", "TNC"])
def test_bounds(method: str) -> None:
    f = lambda x, a: bnp.sum((x - a) ** 2)
    solve = lambda a: minimize(f, bnp.zeros(2), (a,), method, bounds=[(-1.0, 1.0)] * 2).x
    np.testing.assert_allclose(bibun.jit(solve)(np.array([3.0, 0.3])), [1.0, 0.3], atol=1e-6)
    slope = bibun.jacrev(solve)(np.array([3.0, 0.3]))
    np.testing.assert_allclose(slope, [[0.0, 0.0], [0.0, 1.0]], atol=1e-6)


def test_unknown() -> None:
    with pytest.raises(ValueError, match="SLSQP"):
        minimize(rosenbrock, np.zeros(2), (1.0,), "simplex")
    with pytest.raises(ValueError, match="bounds"):
        minimize(rosenbrock, np.zeros(2), (1.0,), "Newton-CG", bounds=[(0, 1)] * 2)


def test_options_act_or_are_refused(capsys):
    fun = lambda x: bnp.sum((x - 3.0) ** 2)
    minimize(fun, np.zeros(2), options={"disp": True})
    assert capsys.readouterr().out
    minimize(fun, np.zeros(2), options={"disp": False, "norm": 2})
    assert not capsys.readouterr().out
    with pytest.raises(ValueError, match="Euclidean norm"):
        minimize(fun, np.zeros(2), options={"norm": np.inf})
