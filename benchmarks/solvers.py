"""`python -m benchmarks.solvers`: bibun's solvers and SciPy's on the classical problems.

Minimizers on Rosenbrock, Beale, Booth, Himmelblau, Powell, Wood; least squares on Moré, Garbow
and Hillstrom's collection ("Testing unconstrained optimization software", 1981). Both sides start
at the published points with their own default tolerances, and both evaluate compiled functions
with exact derivatives. Time is CPU time of the thread, the least of some repetitions, everything
compiled before; it leaves out what other processes do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from bibun import jacfwd, jit, solvers, value_and_grad
from tests.solvers.problems import LEAST_SQUARES, SMOOTH, is_solved

Run = Callable[[], float]
MINIMIZERS = {"BFGS": solvers.BFGS, "L-BFGS-B": solvers.LBFGS, "CG": solvers.NonlinearCG}
LEAST = {"lm": solvers.LevenbergMarquardt, "dogbox": solvers.Dogleg}


def seconds(run: Run, repetitions: int = 3) -> float:
    """The least CPU time of a call after a first one that compiles."""
    run()
    times = []
    for _ in range(repetitions):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times)


def minimizers(method: str, problem: Any) -> tuple[Run, Run]:
    """(bibun's, SciPy's) runs; each gives the objective at its solution."""
    start = np.array(problem.start)
    solver = jit(MINIMIZERS[method](problem.fun).run)
    both = jit(value_and_grad(problem.fun))

    def fun(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, g = both(x)
        return float(value), np.asarray(g)

    def theirs() -> float:
        return float(scipy.optimize.minimize(fun, start, jac=True, method=method).fun)

    return lambda: float(solver(start)[1].value), theirs


def least_squares(method: str, problem: Any) -> tuple[Run, Run]:
    """(bibun's, SciPy's) runs; each gives the sum of squares at its solution."""
    start = np.array(problem.start, dtype=float)
    solver = jit(LEAST[method](problem.residual).run)
    f, j = jit(problem.residual), jit(jacfwd(problem.residual))

    def theirs() -> float:
        found = scipy.optimize.least_squares(
            lambda x: np.array(f(x)), start, jac=lambda x: np.array(j(x)), method=method,
            max_nfev=1000,
        )  # fmt: skip
        return 2.0 * float(found.cost)

    return lambda: 2.0 * float(solver(start)[1].value), theirs


def row(name: str, make: Callable[[str, Any], tuple[Run, Run]], problems: Any) -> str:
    """One method: problems solved by each, and the ratio of times, its median and extremes."""
    solved, ratios = [0, 0], []
    for problem in problems:
        runs = make(name, problem)
        for k, run in enumerate(runs):
            solved[k] += is_solved(run(), problem.least)
        ours, theirs = map(seconds, runs)
        ratios.append(theirs / ours)
    low, middle, high = np.quantile(ratios, [0.0, 0.5, 1.0])
    counts = f"{solved[0]} | {solved[1]} | {len(list(problems))}"
    return f"| {name} | {counts} | {middle:.1f} | {low:.1f} – {high:.1f} |"


def main() -> None:
    """Print the table."""
    print("| SciPy's method | solved | SciPy | of | times as fast (median) | least – most |")
    print("|---|---|---|---|---|---|")
    for name in MINIMIZERS:
        print(row(name, minimizers, SMOOTH), flush=True)
    for name in LEAST:
        print(row(name, least_squares, LEAST_SQUARES), flush=True)


if __name__ == "__main__":
    main()
