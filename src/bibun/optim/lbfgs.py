"""L-BFGS with a zoom line search, as a chain of transformations.

Unlike the other optimizers these links need to see the function:
`update(grads, state, params, value=value, grad=grads, value_fn=fn)`. Value and gradient at
the new point are found by the line search anyway; `value_and_grad_from_state(fn)` takes them
from the state instead of computing them again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import lax, tree
from bibun import numpy as bnp
from bibun import value_and_grad as value_and_gradient
from bibun.optim.base import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    ScalarOrSchedule,
    chain,
    identity,
    need_params,
    tree_vdot,
    with_extra_args_support,
)
from bibun.optim.scaling import scale, scale_by_learning_rate


class ScaleByLBFGSState(NamedTuple):
    """Point and gradient of the last step, and the history of both (flat vectors)."""

    params: Any
    updates: Any
    history: Any


class ScaleByLinesearchState(NamedTuple):
    """Step size, and value and gradient where it led."""

    learning_rate: Any
    value: Any
    grad: Any
    ok: Any


def scale_by_lbfgs(
    memory_size: int = 10, scale_init_precond: bool = True
) -> GradientTransformation:
    """Gradients times an approximate inverse Hessian (Nocedal & Wright, algorithm 7.4).

    `scale_init_precond`: start the recursion from sᵀy / yᵀy times the identity.
    """
    if memory_size < 1:
        raise ValueError(f"scale_by_lbfgs: memory_size must be at least 1, got {memory_size}")

    def init(params: Any) -> ScaleByLBFGSState:
        from bibun.solvers.lbfgs import empty_history

        x, _ = tree.ravel(params)
        x = x * 1.0
        return ScaleByLBFGSState(x, bnp.zeros_like(x), empty_history(x, memory_size))

    def update(updates: Any, state: ScaleByLBFGSState, params: Any = None) -> Any:
        from bibun.solvers.base import keep
        from bibun.solvers.lbfgs import apply_inverse, remember
        from bibun.solvers.searching import cautious

        need_params(params, "scale_by_lbfgs")
        x = tree.ravel(params)[0] * 1.0
        g, back = tree.ravel(updates)
        new = remember(state.history, x - state.params, g - state.updates)
        # at the first call there is no step behind us
        history = keep(bnp.any(state.updates != 0), new, state.history)
        d = apply_inverse(history, g, scale_init_precond)
        if scale_init_precond:
            d = bnp.where(bnp.equal(history.count, 0), cautious(g) * d, d)
        return back(d), ScaleByLBFGSState(x, g, history)

    return GradientTransformation(init, update)


def _along(params: Any, updates: Any, value_fn: Callable[..., Any], extra: dict) -> Any:
    """The function of one flat vector that the line searches see."""
    x, back = tree.ravel(params)
    d, _ = tree.ravel(updates)

    def evaluate(y: Any) -> Any:
        value, g = value_and_gradient(lambda p: value_fn(p, **extra))(back(y))
        return value, (), tree.ravel(g)[0]

    return x * 1.0, d, back, evaluate


def _fresh(params: Any, start: float) -> ScaleByLinesearchState:
    like = tree.map(lambda p: bnp.zeros_like(bnp.asarray(p) * 1.0), params)
    return ScaleByLinesearchState(
        bnp.asarray(start), bnp.asarray(bnp.inf), like, bnp.asarray(True)
    )


def scale_by_zoom_linesearch(
    max_linesearch_steps: int = 20, max_learning_rate: float | None = None,
    slope_rtol: float = 1e-4, curv_rtol: float = 0.9, initial_guess_strategy: str = "one",
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Updates times a step size with the strong Wolfe conditions.

    `update` needs `value`, `grad` and `value_fn`; other keyword arguments go to `value_fn`.
    `initial_guess_strategy`: "one", or "keep" the last step size.
    """
    if initial_guess_strategy not in ("one", "keep"):
        raise ValueError(
            f"initial_guess_strategy must be 'one' or 'keep', got {initial_guess_strategy!r}"
        )

    def init(params: Any) -> ScaleByLinesearchState:
        return _fresh(params, 1.0)

    def update(
        updates: Any, state: ScaleByLinesearchState, params: Any = None, *, value: Any,
        grad: Any, value_fn: Callable[..., Any], **extra: Any,
    ) -> Any:  # fmt: skip
        from bibun.solvers.line_search import zoom

        need_params(params, "scale_by_zoom_linesearch")
        x, d, back, evaluate = _along(params, updates, value_fn, extra)
        first = state.learning_rate if initial_guess_strategy == "keep" else 1.0
        if max_learning_rate is not None:
            first = bnp.minimum(first, max_learning_rate)
        step = zoom(
            evaluate, x, d, bnp.asarray(value) * 1.0, tree.ravel(grad)[0], (), first,
            c1=slope_rtol, c2=curv_rtol, maxls=max_linesearch_steps,
            largest=1e10 if max_learning_rate is None else max_learning_rate,
        )  # fmt: skip
        out = tree.map(lambda u: step.size * u, updates)
        return out, ScaleByLinesearchState(step.size, step.value, back(step.grad), step.ok)

    return GradientTransformationExtraArgs(init, update)


def scale_by_backtracking_linesearch(
    max_backtracking_steps: int = 30, slope_rtol: float = 1e-4, decrease_factor: float = 0.8,
    increase_factor: float = 1.5, max_learning_rate: float = 1.0, store_grad: bool = False,
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Updates times the first step size of a decreasing sequence that decreases enough (Armijo).

    Each search begins with the last step size times `increase_factor`, at most
    `max_learning_rate`. With `store_grad` the gradient at the end is computed and kept.
    """

    def init(params: Any) -> ScaleByLinesearchState:
        return _fresh(params, 1.0)

    def update(
        updates: Any, state: ScaleByLinesearchState, params: Any = None, *, value: Any,
        grad: Any, value_fn: Callable[..., Any], **extra: Any,
    ) -> Any:  # fmt: skip
        from bibun.solvers.line_search import backtracking

        need_params(params, "scale_by_backtracking_linesearch")
        x, d, back, evaluate = _along(params, updates, value_fn, extra)
        slope = tree_vdot(updates, grad)
        t, f, ok = backtracking(
            lambda t: value_fn(back(x + t * d), **extra), bnp.asarray(value) * 1.0,
            lambda t: t * slope,
            bnp.minimum(state.learning_rate * increase_factor, max_learning_rate),
            c1=slope_rtol, shrink=decrease_factor, maxls=max_backtracking_steps,
        )  # fmt: skip
        g = back(evaluate(x + t * d)[2]) if store_grad else state.grad
        # without the gradient at the end, the value alone must not be taken from the state
        kept = f if store_grad else bnp.full_like(f, bnp.inf)
        out = tree.map(lambda u: t * u, updates)
        return out, ScaleByLinesearchState(t, kept, g, ok)

    return GradientTransformationExtraArgs(init, update)


def lbfgs(
    learning_rate: ScalarOrSchedule | None = None, memory_size: int = 10,
    scale_init_precond: bool = True, linesearch: Any = "zoom",
) -> GradientTransformationExtraArgs:  # fmt: skip
    """L-BFGS. `linesearch`: a transformation, None, or by default a zoom line search.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> f = lambda x: bnp.sum((x - 1.0) ** 2)
    >>> tx, x = optim.lbfgs(), bnp.zeros(2)
    >>> state = tx.init(x)
    >>> for _ in range(3):
    ...     value, grad = optim.value_and_grad_from_state(f)(x, state=state)
    ...     u, state = tx.update(grad, state, x, value=value, grad=grad, value_fn=f)
    ...     x = optim.apply_updates(x, u)
    >>> [round(float(v), 6) for v in x]
    [1.0, 1.0]
    """
    if linesearch == "zoom":
        linesearch = scale_by_zoom_linesearch()
    downhill = scale(-1.0) if learning_rate is None else scale_by_learning_rate(learning_rate)
    last = identity() if linesearch is None else linesearch
    return chain(
        scale_by_lbfgs(memory_size, scale_init_precond), downhill, with_extra_args_support(last)
    )


def _find(state: Any) -> ScaleByLinesearchState | None:
    if isinstance(state, ScaleByLinesearchState):
        return state
    if isinstance(state, dict):
        state = tuple(state.values())
    if isinstance(state, tuple | list):
        for part in state:
            found = _find(part)
            if found is not None:
                return found
    return None


def value_and_grad_from_state(value_fn: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """`f(params, *args, state=opt_state, **kwargs)`: value and gradient, from the state if there.

    Errors: ValueError for a state without a line search in it.
    """

    def both(params: Any, *args: Any, state: Any, **kwargs: Any) -> tuple[Any, Any]:
        known = _find(state)
        if known is None:
            raise ValueError(
                "value_and_grad_from_state: no line search in this state; use bibun.value_and_grad"
            )

        def compute() -> Any:
            value, g = value_and_gradient(value_fn)(params, *args, **kwargs)
            return bnp.asarray(value) * 1.0, tree.map(lambda a, b: a.astype(b.dtype), g, known.grad)

        return lax.cond(bnp.isfinite(known.value), lambda: (known.value, known.grad), compute)

    return both
