"""`from_jax`: a function of JAX as a function of bibun.

JAX computes it, compiled by XLA, in a callback from bibun's code. Its reverse derivative is JAX's:
the pullback is again a function of JAX, brought over in the same way, and so is that one's.

The equation keeps the function of JAX, so `to_jax` puts it back in its place: no callback, and no
XLA waiting inside XLA.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import bibun
from bibun import tree
from bibun.export.to_jax import need_jax
from bibun.ir.types import ArrayType
from bibun.ops.control.callback import HostFunction, pure_callback
from bibun.trace.core import as_value, type_of


class JaxFunction(HostFunction):
    """A function of JAX that returns a list of arrays; `source` is the function itself."""

    __slots__ = ("source",)

    def __init__(self, source: Callable[..., Any], call: Callable[..., Any]) -> None:
        super().__init__(lambda *xs: [np.asarray(o) for o in call(*xs)], "a function of JAX")
        self.source = source


def from_jax(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of bibun that computes what a function of JAX does.

    Arguments and results are pytrees of arrays. It works under `jit`, `vmap` (a call for each
    lane), `grad` and `vjp` to second order; forward mode is an error, as for any `custom_vjp`. `f`
    must be pure. Errors: ImportError without JAX.

    >>> import pytest; jax = pytest.importorskip("jax")
    >>> jax.config.update("jax_enable_x64", True)
    >>> import bibun
    >>> from bibun import export
    >>> f = export.from_jax(lambda x: jax.numpy.sin(x) ** 2)
    >>> bibun.jit(bibun.grad(bibun.grad(f)))(0.0)
    Array(2., dtype=float64)
    """
    need_jax()
    if not callable(f):
        raise TypeError(f"from_jax expects a function, got {type(f).__name__}")

    @functools.wraps(f, updated=())
    def brought(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        made: list[Any] = []

        def flat(*xs: Any) -> list[Any]:
            given, named = structure.unflatten(xs)
            outs, out_structure = tree.flatten(f(*given, **named))
            made[:] = [out_structure]
            return outs

        outs = _flat(flat)(*(bibun.numpy.asarray(x) for x in leaves))
        return tree.unflatten(made[0], outs)

    return brought


def _flat(f: Callable[..., Any], orders: int = 2) -> Callable[..., Any]:
    """A JAX function of arrays that returns a list of them, with its reverse derivative."""
    import jax

    function = JaxFunction(f, jax.jit(f))

    def call(*xs: Any) -> Any:
        types = [type_of(x) for x in xs]
        shapes = jax.eval_shape(f, *(jax.ShapeDtypeStruct(t.shape, t.dtype) for t in types))
        return pure_callback(
            *map(as_value, xs), function=function, vmap_method="sequential",
            out_types=tuple(ArrayType(s.shape, np.dtype(s.dtype)) for s in shapes),
        )  # fmt: skip

    if orders == 0:  # a rule is staged with its function, so there must be a last one
        return call
    call = bibun.custom_vjp(call)

    def backward(xs: Any, cts: Any) -> Any:
        moving = [k for k, x in enumerate(xs) if x.dtype.kind in "fc"]
        counted = [k for k, ct in enumerate(cts) if ct.dtype.kind in "fc"]

        def pull(*given: Any) -> list[Any]:
            at, some = list(given[: len(xs)]), given[len(xs) :]

            def of(*moved: Any) -> list[Any]:
                for k, x in zip(moving, moved, strict=True):
                    at[k] = x
                outs = f(*at)
                return [outs[k] for k in counted]

            return list(jax.vjp(of, *(given[k] for k in moving))[1](list(some)))

        back = iter(_flat(pull, orders - 1)(*xs, *(cts[k] for k in counted)))
        return tuple(next(back) if k in moving else None for k in range(len(xs)))

    call.defvjp(lambda *xs: (call(*xs), xs), backward)
    return call
