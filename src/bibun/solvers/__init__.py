"""`bibun.solvers`: solvers whose solutions can be differentiated.

    solver = solvers.LBFGS(fun)
    params, state = solver.run(init_params, *args, **kwargs)

The names and the interface are JAXopt's. `grad` and `jvp` of a solution go by the implicit
function theorem, or through the iterations with `implicit_diff=False`; see
`docs/design/solvers.md`.
"""

from __future__ import annotations

from bibun.solvers import (
    isotonic,
    line_search,
    linear_solve,
    loss,
    objective,
    perturbations,
    projection,
    prox,
    tree_util,
)
from bibun.solvers import roots as implicit_diff
from bibun.solvers.anderson import AndersonAcceleration
from bibun.solvers.anderson_wrapper import AndersonWrapper
from bibun.solvers.armijo_sgd import ArmijoSGD
from bibun.solvers.base import IterativeSolver, OptStep, Solver
from bibun.solvers.bfgs import BFGS
from bibun.solvers.bisection import Bisection
from bibun.solvers.block_coordinate_descent import BlockCoordinateDescent
from bibun.solvers.box_qp import BoxCDQP, BoxOSQP
from bibun.solvers.brent import Brent
from bibun.solvers.broyden import Broyden
from bibun.solvers.dogleg import Dogleg
from bibun.solvers.fixed_point import FixedPointIteration
from bibun.solvers.gauss_newton import GaussNewton
from bibun.solvers.gradient_descent import GradientDescent
from bibun.solvers.interior_point import InteriorPointQP
from bibun.solvers.iterative_refinement import IterativeRefinement
from bibun.solvers.lbfgs import LBFGS
from bibun.solvers.lbfgsb import LBFGSB
from bibun.solvers.levenberg_marquardt import LevenbergMarquardt
from bibun.solvers.line_search_solvers import (
    BacktrackingLineSearch,
    HagerZhangLineSearch,
    LineSearchStep,
    ZoomLineSearch,
)
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
    ScipyBoundedLeastSquares,
    ScipyBoundedMinimize,
    ScipyLeastSquares,
    ScipyMinimize,
    ScipyRootFinding,
)

__all__ = [
    "AndersonAcceleration", "AndersonWrapper", "ArmijoSGD", "BFGS", "BacktrackingLineSearch",
    "Bisection", "BlockCoordinateDescent", "BoxCDQP", "BoxOSQP", "Brent", "Broyden", "Dogleg",
    "EqualityConstrainedQP", "FixedPointIteration", "GaussNewton", "GradientDescent",
    "HagerZhangLineSearch", "InteriorPointQP", "IterativeRefinement", "IterativeSolver",
    "KKTSolution", "LBFGS", "LBFGSB", "LevenbergMarquardt", "LineSearchStep", "MirrorDescent",
    "NelderMead", "Newton", "NonlinearCG", "OSQP", "OptStep", "OptaxSolver", "PolyakSGD",
    "ProjectedGradient", "ProximalGradient", "ScipyBoundedLeastSquares", "ScipyBoundedMinimize",
    "ScipyLeastSquares", "ScipyMinimize", "ScipyRootFinding", "Solver", "ZoomLineSearch",
    "custom_fixed_point", "custom_root", "implicit_diff", "isotonic", "line_search",
    "linear_solve", "loss", "objective", "perturbations", "projection", "prox", "root",
    "root_jvp", "root_vjp", "solve_bicgstab", "solve_cg", "solve_cholesky", "solve_gmres",
    "solve_inv", "solve_iterative_refinement", "solve_lu", "solve_normal_cg", "solve_qr",
    "tree_util",
]  # fmt: skip
