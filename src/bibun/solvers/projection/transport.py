"""Projections onto the transportation polytope {P ≥ 0, P 1 = a, Pᵀ1 = b}.

In Euclidean or Kullback–Leibler geometry; the latter is entropic optimal transport. Both are
solved in their dual variables (Blondel, Seguy & Rolet, "Smooth and sparse optimal transport",
2018): in one potential for each row and column (dual), or, with the columns solved exactly, in the
rows' alone (semi-dual). The primal solution is an explicit function of the potentials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import vmap
from bibun.nn import logsumexp, softmax
from bibun.solvers.lbfgs import LBFGS
from bibun.solvers.linear_solve import solve_normal_cg
from bibun.solvers.projection.sets import projection_simplex


def _default_solver(fun: Callable[..., Any]) -> LBFGS:
    # adding a constant to the potentials changes nothing: the Hessian is singular
    return LBFGS(fun, tol=1e-9, maxiter=2000, implicit_diff_solve=solve_normal_cg)


def _columns(alpha: Any, sim: Any, b: Any) -> Any:
    """Each column's nearest point with sum b_j, for the semi-dual."""
    return vmap(projection_simplex, (1, 0), 1)(sim - alpha[:, None], b)


def _semi_dual(alpha: Any, sim: Any, a: Any, b: Any) -> Any:
    p = _columns(alpha, sim, b)
    return bnp.sum(p * (sim - alpha[:, None]) - 0.5 * p * p) + bnp.vdot(alpha, a)


def _dual(potentials: Any, sim: Any, a: Any, b: Any) -> Any:
    alpha, beta = potentials
    p = bnp.maximum(sim - alpha[:, None] - beta[None, :], 0.0)
    return 0.5 * bnp.sum(p * p) + bnp.vdot(alpha, a) + bnp.vdot(beta, b)


def _kl_semi_dual(alpha: Any, sim: Any, a: Any, b: Any) -> Any:
    return bnp.vdot(b, logsumexp(sim - alpha[:, None], axis=0)) + bnp.vdot(alpha, a)


def _kl_dual(potentials: Any, sim: Any, a: Any, b: Any) -> Any:
    alpha, beta = potentials
    p = bnp.exp(sim - alpha[:, None] - beta[None, :])
    return bnp.sum(p) + bnp.vdot(alpha, a) + bnp.vdot(beta, b)


def _solve(
    sim: Any, marginals: Any, make_solver: Any, use_semi_dual: bool, objectives: Any, primals: Any
) -> Any:
    sim, (a, b) = bnp.asarray(sim) * 1.0, (bnp.asarray(m) * 1.0 for m in marginals)
    if sim.shape != (*a.shape, *b.shape):
        raise ValueError(
            f"transport: sim_matrix has shape {sim.shape}, marginals have lengths {a.shape} and "
            f"{b.shape}"
        )
    rows, columns = (bnp.zeros(k, dtype=sim.dtype) for k in sim.shape)
    start = rows if use_semi_dual else (rows, columns)
    which = 0 if use_semi_dual else 1
    solver = (make_solver or _default_solver)(objectives[which])
    return primals[which](solver.run(start, sim, a, b).params, sim, b)


def projection_transport(
    sim_matrix: Any, marginals: Any, make_solver: Any = None, use_semi_dual: bool = True
) -> Any:
    """The P ≥ 0 with row sums a and column sums b nearest to `sim_matrix`; marginals = (a, b).

    a and b have the same sum. `make_solver(fun)` returns a solver for the dual problem (default
    L-BFGS). Differentiable in all arguments.

    >>> import bibun.numpy as bnp
    >>> p = projection_transport(bnp.array([[1.0, 0.0], [0.0, 1.0]]), (bnp.ones(2), bnp.ones(2)))
    >>> bnp.round(p, 6).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    primals = (
        _columns,
        lambda ab, s, b: bnp.maximum(s - ab[0][:, None] - ab[1][None, :], 0.0),
    )
    return _solve(sim_matrix, marginals, make_solver, use_semi_dual, (_semi_dual, _dual), primals)


def kl_projection_transport(
    sim_matrix: Any, marginals: Any, make_solver: Any = None, use_semi_dual: bool = True
) -> Any:
    """The P with row sums a and column sums b nearest to exp(sim_matrix) in KL divergence.

    This is entropic optimal transport for the cost -sim_matrix. Arguments as for
    `projection_transport`.
    """
    primals = (
        lambda alpha, s, b: softmax(s - alpha[:, None], axis=0) * b,
        lambda ab, s, b: bnp.exp(s - ab[0][:, None] - ab[1][None, :]),
    )
    return _solve(
        sim_matrix, marginals, make_solver, use_semi_dual, (_kl_semi_dual, _kl_dual), primals
    )


def _uniform(sim_matrix: Any) -> Any:
    sim = bnp.asarray(sim_matrix)
    if sim.ndim != 2 or sim.shape[0] != sim.shape[1]:
        raise ValueError(f"Birkhoff polytope: a square matrix is needed, got shape {sim.shape}")
    one = bnp.ones(sim.shape[0])
    return one, one


def projection_birkhoff(
    sim_matrix: Any, make_solver: Any = None, use_semi_dual: bool = True
) -> Any:
    """The doubly stochastic matrix nearest to `sim_matrix`: all rows and columns sum to 1."""
    return projection_transport(sim_matrix, _uniform(sim_matrix), make_solver, use_semi_dual)


def kl_projection_birkhoff(
    sim_matrix: Any, make_solver: Any = None, use_semi_dual: bool = True
) -> Any:
    """The doubly stochastic matrix nearest to exp(sim_matrix) in KL divergence (Sinkhorn)."""
    return kl_projection_transport(sim_matrix, _uniform(sim_matrix), make_solver, use_semi_dual)
