"""What the iterative methods share: pytrees as flat vectors, limits, derivatives, `info`.

A method is a function (A, b, x, M, stop, most) of flat vectors that gives x and `info`, `stop`
being how short b - A x shall become and `most` the number of steps. The derivative of the solution
solves another system by the same method (`lax.custom_linear_solve`) and never goes through the
iterations; for the transposed system a preconditioner is transposed as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import eval_shape, lax, linear_transpose, tree
from bibun import numpy as bnp
from bibun.errors import ShapeError

Map = Callable[[Any], Any]
Method = Callable[[Map, Any, Any, Map, Any, int], tuple[Any, Any]]


def vdot(a: Any, b: Any) -> Any:
    """The inner product conj(a) · b."""
    return bnp.sum(bnp.conj(a) * b)


def norm(a: Any) -> Any:
    """The Euclidean length; its derivative is never asked for."""
    return bnp.sqrt(bnp.real(vdot(a, a)))


def divide(a: Any, b: Any) -> Any:
    """a / b, and a where b is 0: a method that broke down then stands still."""
    return a / bnp.where(b == 0, 1.0, b)


def as_map(name: str, what: str, a: Any) -> Map:
    """A matrix, or a function already, as x ↦ A x. Errors: ShapeError for no square matrix."""
    if callable(a):
        return a
    matrix = bnp.asarray(a)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(
            f"{name}: {what} must be a function or a square matrix, got shape {matrix.shape}"
        )
    return lambda x: matrix @ x


def solve(
    name: str, method: Method, A: Any, b: Any, x0: Any, tol: Any, atol: Any, maxiter: int | None,
    M: Any, symmetric: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """(x, info) by a method; `symmetric`: a real matrix is its own transpose."""
    b = tree.map(lambda v: bnp.asarray(v) * 1.0, b)
    vector, back = tree.ravel(b)
    start = bnp.zeros_like(vector) if x0 is None else tree.ravel(x0)[0] * 1.0
    if start.shape != vector.shape:
        raise ShapeError(f"{name}: x0 has {start.size} elements and b has {vector.size}")
    given = as_map(name, "A", A)
    out = eval_shape(lambda v: tree.ravel(given(back(v)))[0], vector)
    if out.shape != vector.shape:
        raise ShapeError(f"{name}: A gives {out.shape[0]} elements for the {vector.size} of b")
    # the solution may lie in a larger field than b: that of the matrix, or of the start
    dtype = bnp.result_type(vector, start, out.dtype)
    vector, back = tree.ravel(tree.map(lambda v: v.astype(dtype), b))
    start = start.astype(dtype)

    def flat(f: Map) -> Map:
        return lambda v: tree.ravel(f(back(v)))[0].astype(dtype)

    near: Map = (lambda v: v) if M is None else flat(as_map(name, "M", M))
    most = 10 * vector.shape[0] if maxiter is None else maxiter

    def with_preconditioner(M: Map) -> Callable[[Map, Any], Any]:
        def run(mv: Map, v: Any) -> tuple[Any, Any]:
            stop = bnp.maximum(tol * norm(v), atol)
            return method(mv, v, start, M, stop, most)

        return run

    def near_transposed(v: Any) -> Any:
        return v if M is None else linear_transpose(near, v)(v)[0]

    x, info = lax.custom_linear_solve(
        flat(given), vector, with_preconditioner(near), with_preconditioner(near_transposed),
        symmetric and not bnp.issubdtype(dtype, bnp.complexfloating), has_aux=True,
    )  # fmt: skip
    return back(x), info


def told(steps: Any, length: Any, stop: Any) -> Any:
    """SciPy's `info`: 0 where the residual is short enough, else the steps taken (at least 1)."""
    return bnp.where(length <= stop, 0, bnp.maximum(steps, 1))
