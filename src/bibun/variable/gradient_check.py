"""Gradients against finite differences: for tests of functions that users write.

    check_backward(f, (x, W), gy)
    check_double_backward(f, (x, W), gy, (ggx, ggW))

A gradient is compared along one random direction, which costs two evaluations and is wrong
for almost every direction where the gradient is. Values and differences are in double precision
with `dtype=np.float64`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.variable.backprop import backward, grad
from bibun.variable.variable import Variable, as_array

__all__ = ["check_backward", "check_double_backward", "numerical_grad"]


def numerical_grad(
    f: Callable[[], Sequence[Any]],
    inputs: Sequence[np.ndarray],
    grad_outputs: Sequence[Any],
    eps: float = 1e-3,
) -> list[np.ndarray]:
    """Central differences of Σ grad_outputs · f() by each element of the arrays `inputs`.

    f takes nothing, reads the arrays, whose elements are changed in place and put back, and
    returns a tuple of arrays. Errors: TypeError for inputs of integers.

    >>> import numpy as np
    >>> from bibun.variable.gradient_check import numerical_grad
    >>> x = np.array([1.0, 2.0])
    >>> numerical_grad(lambda: (x**2,), (x,), (np.ones(2),))[0].round(6)
    array([2., 4.])
    """
    if eps <= 0:
        raise ValueError(f"numerical_grad: eps must be positive, got {eps}")
    grads = []
    for x in inputs:
        if x.dtype.kind != "f":
            raise TypeError(f"numerical_grad: inputs must be of a float dtype, got {x.dtype}")
        g = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            before, ends = x[place], []
            for step in (eps, -eps):
                x[place] = before + step
                ends.append([np.array(as_array(y), float) for y in f()])
                x[place] = before
            g[place] = sum(
                np.sum((a - b) * as_array(gy))
                for a, b, gy in zip(*ends, grad_outputs, strict=True)
                if gy is not None
            ) / (2 * eps)  # fmt: skip
        grads.append(g.astype(x.dtype))
    return grads


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, tuple | list) else (x,)


def _without_grads(xs: Sequence[Any], no_grads: Sequence[bool] | None, name: str) -> list[bool]:
    """Which arguments have no gradient: those that are said to, or what is not of a float dtype."""
    skip = [x.dtype.kind != "f" for x in xs] if no_grads is None else list(no_grads)
    if len(skip) != len(xs):
        raise ValueError(f"{name}: {len(skip)} no_grads for {len(xs)} arguments")
    return skip


def check_backward(
    func: Callable[..., Any],
    x_data: Any,
    y_grad: Any,
    params: Any = (),
    eps: float = 1e-3,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    no_grads: Sequence[bool] | None = None,
    dtype: Any = None,
) -> None:
    """Compare `backward` of func(*x_data) with differences. Errors: AssertionError.

    y_grad: what flows into each result (None: ones, into the only one). params: further
    Variables that func depends on. no_grads: which arguments have no gradient (integers by
    default). dtype: what arguments, params and y_grad are computed in.
    """
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise ValueError(f"check_backward: dtype must be a float type, got {dtype}")
    cast = lambda a: a.astype(dtype) if dtype is not None and a.dtype.kind == "f" else a  # noqa: E731
    params = _tuple(params)
    kept = [p.array for p in params]
    xs = [Variable(cast(np.array(x))) for x in _tuple(x_data)]
    skip = _without_grads(xs, no_grads, "check_backward")
    try:
        for p in params:
            p.array = cast(np.asarray(p.array))
            p.cleargrad()
        ys = [_result(y) for y in _tuple(func(*xs))]
        seeds: list[Any] = [np.ones(ys[0].shape, ys[0].dtype)]
        if y_grad is not None:
            seeds = [None if g is None else cast(np.asarray(as_array(g))) for g in _tuple(y_grad)]
        for v in (*xs, *params):  # func may have called backward itself
            v.cleargrad()
        if len(seeds) != len(ys):
            raise ValueError(f"check_backward: {len(seeds)} y_grad for {len(ys)} results")
        live = [k for k, g in enumerate(seeds) if g is not None]
        backward([ys[k] for k in live], [Variable(seeds[k]) for k in live])
        for k, (x, none) in enumerate(zip(xs, skip, strict=True)):
            if none and x.grad is not None:
                raise AssertionError(f"check_backward: argument {k} got a gradient")
            if not none and x.grad is None:
                raise AssertionError(f"check_backward: argument {k} got no gradient")
        chosen = [*(x for x, none in zip(xs, skip, strict=True) if not none), *params]
        if not chosen:
            return
        _compare(func, xs, chosen, seeds, eps, atol, rtol)
    finally:
        for p, array in zip(params, kept, strict=True):
            p.array = array


def _compare(func: Any, xs: Any, chosen: Any, seeds: Any, eps: float, atol: float,
             rtol: float) -> None:  # fmt: skip
    start = [np.asarray(v.array) for v in chosen]
    grads = [np.zeros(v.shape) if v.grad is None else np.asarray(v.grad, float) for v in chosen]
    ways = [np.random.normal(size=v.shape) for v in chosen]
    length = np.sqrt(sum(np.sum(d * d) for d in ways))
    ways = [d / length if length else d for d in ways]
    at = np.array(0.0)

    def along() -> list[Any]:
        for v, x, d in zip(chosen, start, ways, strict=True):
            v.array = (x + at * d).astype(x.dtype)
        return [y.array for y in _tuple(func(*xs))]

    try:
        (want,) = numerical_grad(along, (at,), seeds, eps)
    finally:
        for v, x in zip(chosen, start, strict=True):
            v.array = x
    got = sum(np.sum(g * d) for g, d in zip(grads, ways, strict=True))
    np.testing.assert_allclose(
        got, want, rtol, atol, err_msg="check_backward: the gradient along a random direction "
        f"(actual) is not its central difference of step {eps} (desired)"
    )  # fmt: skip


def _result(y: Variable) -> Variable:
    """y as the result of one more function: a result may be an argument, or occur twice."""
    return y + 0


def check_double_backward(
    func: Callable[..., Any],
    x_data: Any,
    y_grad: Any,
    x_grad_grad: Any,
    params: Any = (),
    params_grad_grad: Any = (),
    eps: float = 1e-3,
    atol: float = 1e-4,
    rtol: float = 1e-3,
    no_grads: Sequence[bool] | None = None,
    dtype: Any = None,
) -> None:
    """Compare the derivative of the gradient of func(*x_data) with differences of the gradient.

    x_grad_grad, params_grad_grad: what flows into the gradients by arguments and params. The rest
    as for `check_backward`, which says whether the gradient itself is right.
    """
    xs, params = _tuple(x_data), _tuple(params)
    count = len(xs)
    skip = _without_grads([np.asarray(x) for x in xs], no_grads, "check_double_backward")
    ggx = [g for g, none in zip(_tuple(x_grad_grad), skip, strict=True) if not none]
    seeds = [*ggx, *_tuple(params_grad_grad)]
    gys = () if y_grad is None else _tuple(y_grad)

    def first(*args: Any) -> tuple[Variable, ...]:
        xs, gs = args[:count], args[count:]
        ys = _tuple(func(*xs))
        wanted = [*(x for x, none in zip(xs, skip, strict=True) if not none), *params]
        found = grad(ys, wanted, gs or None, enable_double_backprop=True)
        return tuple(
            0.0 * x if g is None else _result(g)
            for x, g in zip(wanted, found, strict=True)
        )

    check_backward(first, (*xs, *gys), tuple(seeds), params, eps, atol, rtol,
                   [*skip, *[False] * len(gys)], dtype)  # fmt: skip
