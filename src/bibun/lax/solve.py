"""`custom_linear_solve` and `custom_root`: solutions with the derivatives of solutions.

An algorithm that solves an equation need not be differentiable, nor be differentiated: the
implicit function theorem says what its derivative is. For A x = b, dx = A⁻¹ (db - dA x); for
f(x, θ) = 0, dx = -(∂f/∂x)⁻¹ (∂f/∂θ) dθ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import tree
from bibun.errors import ConcretizationError, ShapeError
from bibun.ops import elementwise as el
from bibun.ops.control.linear_solve import linear_solve
from bibun.ops.control.rules import over_consts, unite
from bibun.ops.families.tangents import zeros_of
from bibun.trace.core import as_value, type_of
from bibun.trace.replay import replay
from bibun.trace.stage import stage
from bibun.transforms.context import CONTEXT

__all__ = ["custom_linear_solve", "custom_root"]


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The x with matvec(x) = b that `solve(matvec, b)` finds, differentiated as a solution.

    matvec: a linear map of a pytree into one of the same structure. transpose_solve(vecmat, b)
    solves the transposed system, for reverse mode; not needed if the map is `symmetric`.
    has_aux: the solvers give (x, auxiliary), and so does this; what is auxiliary is constant to
    derivatives. Both modes, batched and nested.

    >>> from bibun import grad, lax
    >>> solve = lambda matvec, b: b / matvec(1.0)
    >>> f = lambda a: lax.custom_linear_solve(lambda x: a * x, 6.0, solve, solve)
    >>> print(f(3.0), grad(f)(3.0))
    2.0 -0.6666666666666666
    """
    leaves, structure = tree.flatten(b)
    values = [_floating(as_value(x)) for x in leaves]
    types = [type_of(x).strong() for x in values]
    name = getattr(solve, "__name__", "solve")
    aux_structure: Any = None

    def flat(function: Callable[[Any], Any], what: str) -> Callable[..., list[Any]]:
        def run(*args: Any) -> list[Any]:
            nonlocal aux_structure
            result, aux = function(tree.unflatten(structure, list(args))), []
            if has_aux and what != "matvec":
                result, given = _solution_and_aux(result, what)
                aux, found = tree.flatten(given)
                aux_structure = found if what == "solve" else aux_structure
            out, out_structure = tree.flatten(result)
            got = [type_of(x) for x in out]
            if out_structure != structure or not all(
                g.matches(t) for g, t in zip(got, types, strict=True)
            ):
                raise ShapeError(
                    f"custom_linear_solve: {what} must return what it is given, {types}; got {got}"
                )
            return [as_value(x) for x in [*out, *aux]]

        return run

    forward = stage(flat(matvec, "matvec"), types, name)
    solution = stage(flat(lambda v: solve(matvec, v), "solve"), types, name)
    consts = unite(forward.consts, solution.consts)
    rmatvec = adjoint = None
    if symmetric:
        backward = solution
    elif transpose_solve is not None:
        own = over_consts(forward, consts, name)
        linear = (False,) * len(consts) + (True,) * len(types)
        transposed, _ = CONTEXT.transpose(own, linear, (True,) * len(types))
        known = list(consts)

        def vecmat(v: Any) -> Any:
            outs = replay(transposed, [*known, *map(as_value, tree.leaves(v))])
            return tree.unflatten(structure, outs)

        backward = stage(flat(lambda v: transpose_solve(vecmat, v), "transpose_solve"), types, name)
        consts = unite(consts, backward.consts)
    else:
        backward = None
    matrix = over_consts(forward, consts, name)
    if symmetric:
        rmatvec = matrix
    elif backward is not None:
        linear = (False,) * len(consts) + (True,) * len(types)
        rmatvec, _ = CONTEXT.transpose(matrix, linear, (True,) * len(types))
    if backward is not None:
        adjoint = over_consts(backward, consts, name)
    outs = linear_solve(
        *consts, *values, program=over_consts(solution, consts, name), matvec=matrix,
        adjoint=adjoint, rmatvec=rmatvec, num_consts=len(consts), name=name,
    )  # fmt: skip
    x = tree.unflatten(structure, outs[: len(types)])
    return (x, tree.unflatten(aux_structure, outs[len(types) :])) if has_aux else x


def _solution_and_aux(result: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"custom_linear_solve: with has_aux=True, {what} must return (x, auxiliary), got "
            f"{type(result).__name__}"
        )
    return result


def _floating(x: Any) -> Any:
    from bibun.numpy._common import promote_inexact

    return as_value(promote_inexact("custom_linear_solve", x)[0])


def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
    has_aux: bool = False,
) -> Any:
    """The root of f that `solve(f, initial_guess)` finds, with the implicit derivative.

    f may close over the values that the derivative is wanted for. tangent_solve(g, y) solves
    g(x) = y for a linear g (and its transpose). The guess has no influence on derivatives.
    has_aux: `solve` gives (root, auxiliary), and so does this; what is auxiliary is constant to
    derivatives.

    >>> from bibun import grad, lax
    >>> newton = lambda f, x: lax.fori_loop(0, 20, lambda i, x: x - f(x) / (2 * x), x)
    >>> divide = lambda g, y: y / g(1.0)
    >>> f = lambda a: lax.custom_root(lambda x: x * x - a, 1.0, newton, divide)
    >>> print(f(4.0), grad(f)(4.0))
    2.0 0.25
    """
    from bibun.transforms import closure_convert, custom_jvp, jvp, linearize, stop_gradient

    guess = tree.map(lambda x: stop_gradient(_floating(as_value(x))), initial_guess)
    closed, consts = closure_convert(f, guess)

    def find_root(start: Any, *consts: Any) -> Any:
        return solve(lambda x: closed(x, *consts), start)

    count = len(consts)
    try:  # what `solve` itself closes over is constant to derivatives
        solver, others = closure_convert(find_root, guess, *consts)
    except ConcretizationError:  # Python control flow: it runs on the values
        solver, others = find_root, []
    root = custom_jvp(solver)

    @root.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        out = root(*primals)
        held = primals[1 : 1 + count]
        x = out[0] if has_aux else out
        _, change = jvp(lambda *c: closed(x, *c), held, tangents[1 : 1 + count]) if held else (
            None, tree.map(lambda v: zeros_of(type_of(v)), x))  # fmt: skip
        _, slope = linearize(lambda v: closed(v, *held), x)
        right = tree.map(el.neg, change)
        dx = custom_linear_solve(slope, right, tangent_solve, tangent_solve)
        return out, (dx, tree.map(lambda a: zeros_of(type_of(a)), out[1])) if has_aux else dx

    return root(guess, *consts, *others)
