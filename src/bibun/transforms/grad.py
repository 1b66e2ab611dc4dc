"""Gradients of scalar functions, by linearizing and running the linear part backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_float
from bibun.errors import DifferentiationError
from bibun.ops.families.shape import full
from bibun.ops.families.tangents import as_float
from bibun.trace.core import as_value, type_of
from bibun.transforms.flat import (
    aux_pair,
    boundary_tangent,
    check_callable,
    float0_zeros,
    name_of,
    of_chosen,
    strip,
    wraps,
)
from bibun.transforms.linearize import linearize_flat
from bibun.transforms.transpose import backward_pass
from bibun.tree import flatten, unflatten


def grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """The gradient of a scalar function.

    Takes a function whose result is a real scalar (or complex, with `holomorphic`) and returns
    one with the same arguments whose result has the structure and shapes of argument
    `argnums` (a tuple of them for a tuple). With `has_aux` the function returns a pair, and
    the result is `(gradient, aux)`. Complex arguments get the conjugate of the direction of
    steepest ascent, as in JAX.

    A Python int is differentiated as a float. Errors: DifferentiationError for arrays of
    integers (unless `allow_int`), for results that are not scalars or not real.

    >>> from bibun.transforms import grad
    >>> float(grad(lambda x: x * x * x)(2.0))
    12.0
    """
    both = value_and_grad(fun, argnums, has_aux, holomorphic, allow_int, _what="grad")

    @wraps(fun, "grad")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    _what: str = "value_and_grad",
) -> Callable[..., Any]:
    """Like `grad`, but the result is `(value, gradient)`, or `((value, aux), gradient)`.

    >>> from bibun.transforms import value_and_grad
    >>> value, g = value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(g)
    (9.0, 6.0)
    """
    check_callable(fun, _what)

    @wraps(fun, _what)
    def both(*args: Any, **kwargs: Any) -> Any:
        part, chosen = of_chosen(fun, argnums, args, kwargs, _what)
        leaves, tree = flatten(chosen)
        primals = [differentiable(x, _what, holomorphic, allow_int) for x in leaves]
        nonzero = [p.dtype.kind in "fc" for p in primals]

        aux: list[Any] = [None]

        def flat(*xs: Any) -> list[Any]:
            out = part(unflatten(tree, xs))
            if has_aux:
                out, aux[0] = aux_pair(out, name_of(fun))
            if isinstance(out, Value):
                return [out]
            return [scalar_output(out, fun, _what)]

        (value,), linear, trace = linearize_flat(flat, primals, nonzero)
        value_type = type_of(value)
        check_scalar(value_type, fun, _what, holomorphic)
        tangent = linear.outputs[0]
        cts: dict[Any, Any] = {}
        if tangent is not None:
            seed = full((), 1, value_type.dtype)  # type: ignore[union-attr]
            atom = linear.trace.atom(tangent)
            cts = backward_pass(linear.trace.equations, linear.residuals(), [atom], [seed])
        inputs = iter(linear.inputs)
        grads = [
            boundary_tangent(cts.get(next(inputs)), type_of(p)) if nz else float0_zeros(p.shape)
            for p, nz in zip(primals, nonzero, strict=True)
        ]
        value = as_value(value)
        if has_aux:
            value = (value, strip(aux[0], trace))
        return value, unflatten(tree, grads)

    return both


def differentiable(x: Any, what: str, holomorphic: bool = False, allow_int: bool = False) -> Value:
    """An argument to differentiate as a value. Errors: DifferentiationError."""
    if isinstance(x, int) and not isinstance(x, bool) and not allow_int:
        return Array(np.asarray(x, default_float()), True)
    try:
        x = as_value(x)
    except TypeError as error:
        raise DifferentiationError(
            f"{what}: cannot differentiate with respect to a {type(x).__name__}. {error}"
        ) from None
    kind = x.dtype.kind
    if kind in "iu" and x.weak and x.shape == () and not allow_int:
        return as_float(x)  # a Python int that went through jit
    if holomorphic and kind != "c":
        raise DifferentiationError(
            f"{what} with holomorphic=True needs complex arguments, got {x.type}"
        )
    if kind not in "fc" and not allow_int:
        raise DifferentiationError(
            f"{what} needs floating-point or complex arguments, got an array of type {x.type}. "
            "Convert it (x.astype(float)), choose other argnums, or pass allow_int=True to get "
            "float0 zeros for it"
        )
    return x


def scalar_output(out: Any, fun: Any, what: str) -> Any:
    try:
        return as_value(out)
    except TypeError:
        leaves, _ = flatten(out)
        raise DifferentiationError(
            f"{what} needs a function that returns one scalar, but {name_of(fun)} returned "
            f"{type(out).__name__} with {len(leaves)} leaves. Use has_aux=True for further "
            "results, or jacrev for several outputs"
        ) from None


def check_scalar(type: Any, fun: Any, what: str, holomorphic: bool) -> None:
    name = name_of(fun)
    if type.shape != ():
        raise DifferentiationError(
            f"{what} needs a function that returns a scalar, but {name} returned an array of "
            f"shape {type.shape} ({type}). Sum it, or use jacrev, jacfwd or vjp"
        )
    kind = type.dtype.kind
    if holomorphic:
        if kind != "c":
            raise DifferentiationError(
                f"{what} with holomorphic=True needs a complex result, but {name} returned {type}"
            )
    elif kind == "c":
        raise DifferentiationError(
            f"{what} needs a real result, but {name} returned {type}. Take its real part or "
            "absolute value, or pass holomorphic=True"
        )
    elif kind != "f":
        raise DifferentiationError(
            f"{what} needs a floating-point result, but {name} returned {type}"
        )
