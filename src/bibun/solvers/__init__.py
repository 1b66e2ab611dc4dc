"""`bibun.solvers`: solvers whose solutions can be differentiated.

    solver = solvers.LBFGS(fun)
    params, state = solver.run(init_params, *args, **kwargs)

The names and the interface are JAXopt's. `grad` and `jvp` of a solution go by the implicit
function theorem, or through the iterations with `implicit_diff=False`; see
`docs/design/solvers.md`.
"""

from __future__ import annotations

from bibun.solvers import (
    line_search,
    linear_solve,
    loss,
    objective,
    projection,
    prox,
    tree_util,
)
from bibun.solvers import roots as implicit_diff
from bibun.solvers.anderson import AndersonAcceleration
from bibun.solvers.armijo_sgd import ArmijoSGD
from bibun.solvers.base import IterativeSolver, OptStep, Solver
from bibun.solvers.bfgs import BFGS
from bibun.solvers.bisection import Bisection
from bibun.solvers.block_coordinate_descent import BlockCoordinateDescent
from bibun.solvers.brent import Brent
from bibun.solvers.broyden import Broyden
from bibun.solvers.dogleg import Dogleg
from bibun.solvers.fixed_point import FixedPointIteration
from bibun.solvers.gauss_newton import GaussNewton
from bibun.solvers.gradient_descent import GradientDescent
from bibun.solvers.interior_point import InteriorPointQP
from bibun.solvers.lbfgs import LBFGS
from bibun.solvers.lbfgsb import LBFGSB
from bibun.solvers.levenberg_marquardt import LevenbergMarquardt
from bibun.solvers.linear_solve import (
    solve_bicgstab,
    solve_cg,
    solve_cholesky,
    solve_gmres,
    solve_inv,
    solve_iterative_refinement,
    solve_lu,
    solve_normal_cg,
    solve_qr,
)
from bibun.solvers.mirror_descent import MirrorDescent
from bibun.solvers.nelder_mead import NelderMead
from bibun.solvers.newton import Newton
from bibun.solvers.nonlinear_cg import NonlinearCG
from bibun.solvers.optax_solver import OptaxSolver
from bibun.solvers.osqp import OSQP
from bibun.solvers.polyak_sgd import PolyakSGD
from bibun.solvers.projected_gradient import ProjectedGradient
from bibun.solvers.proximal_gradient import ProximalGradient
from bibun.solvers.quadratic import EqualityConstrainedQP, KKTSolution
from bibun.solvers.roots import custom_fixed_point, custom_root, root, root_jvp, root_vjp
from bibun.solvers.scipy_wrappers import (
    ScipyBoundedMinimize,
    ScipyLeastSquares,
    ScipyMinimize,
    ScipyRootFinding,
)

__all__ = [
    "BFGS", "LBFGS", "LBFGSB", "OSQP", "AndersonAcceleration", "ArmijoSGD", "Bisection",
    "BlockCoordinateDescent", "Brent", "Broyden",
    "Dogleg", "EqualityConstrainedQP", "FixedPointIteration", "GaussNewton", "GradientDescent",
    "InteriorPointQP", "IterativeSolver", "KKTSolution", "LevenbergMarquardt", "MirrorDescent",
    "NelderMead", "Newton", "NonlinearCG", "OptStep", "OptaxSolver", "PolyakSGD",
    "ProjectedGradient", "ProximalGradient",
    "ScipyBoundedMinimize", "ScipyLeastSquares", "ScipyMinimize", "ScipyRootFinding", "Solver",
    "custom_fixed_point", "custom_root", "implicit_diff",
    "line_search", "linear_solve", "loss", "objective", "projection", "prox", "tree_util",
    "root", "root_jvp", "root_vjp", "solve_bicgstab", "solve_cg", "solve_cholesky",
    "solve_gmres", "solve_inv", "solve_iterative_refinement", "solve_lu", "solve_normal_cg",
    "solve_qr",
]  # fmt: skip
