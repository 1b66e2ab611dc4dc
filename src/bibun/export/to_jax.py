"""`to_jax`: a function of bibun as a function of JAX.

The function is traced by bibun, once for each structure, shape and dtype of its arguments, and the
program is interpreted with JAX's own functions whenever JAX calls it: under `jax.jit` while
it is compiled, and never again. So it runs wherever JAX does, on a GPU, a TPU, or arrays that
are spread over a mesh of devices, and `jax.grad`, `jax.vmap`, `jax.lax.scan` take it like any
other function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import bibun
from bibun import tree
from bibun.array import Array
from bibun.config import config
from bibun.dtypes import KEY
from bibun.trace.core import Tracer


def need_jax() -> Any:
    """The module. Errors: ImportError that tells what to install."""
    try:
        import jax
    except ImportError as e:
        raise ImportError("bibun.export.to_jax needs JAX: pip install 'bibun[export]'") from e
    return jax


def placeholder(shape: Any, dtype: Any, weak: bool) -> Any:
    """An array of a type, of next to no memory."""
    dtype = np.dtype(dtype)
    return Array(np.broadcast_to(np.zeros((), dtype), shape), weak)


def to_jax(f: Callable[..., Any], *, checks: str = "raise") -> Callable[..., Any]:
    """A function of JAX that computes what `f` does.

    Arguments and results are pytrees (bibun's) of arrays; random keys are JAX's typed keys. Loops
    and branches become `jax.lax` ones; custom derivative rules are kept, and random bits are
    the same. JAX differentiates the result by its own rules: of a `where`, say, or not at all
    in reverse through a loop of unknown length; export `bibun.grad(f)` for bibun's.
    `checks`: "raise" (an index out of bounds raises, through a callback under `jax.jit`) or
    "ignore". Functions that JAX lacks (Bessel functions of real order, …) call back to NumPy.

    Errors: ImportError without JAX; ExportError for an op that has no translation, and where JAX's
    64 bits are off though bibun's are on.

    >>> import pytest; jax = pytest.importorskip("jax")
    >>> jax.config.update("jax_enable_x64", True)
    >>> import bibun.numpy as bnp
    >>> from bibun import export
    >>> g = export.to_jax(lambda x: bnp.sum(bnp.sin(x) ** 2))
    >>> float(jax.jit(jax.grad(g))(0.5)) == float(jax.numpy.sin(1.0))
    True
    """
    if not callable(f):
        raise TypeError(f"to_jax expects a function, got {type(f).__name__}")
    if checks not in ("raise", "ignore"):
        raise ValueError(f'checks is "raise" or "ignore", not {checks!r}')
    jax = need_jax()
    from bibun.export import jax_control  # noqa: F401  (its import fills the table)
    from bibun.export.errors import ExportError
    from bibun.export.jax_ops import to_array
    from bibun.export.jax_rules import Interpreter, type_of_jax

    traced = bibun.jit(f)
    traced = traced if hasattr(traced, "trace") else bibun.jit(lambda *a, **k: f(*a, **k))

    def example(x: Any) -> Any:
        if isinstance(x, Tracer):
            raise TypeError("a function made by to_jax takes JAX values, not bibun's tracers")
        if isinstance(x, Array | np.ndarray | np.generic | bool | int | float | complex):
            return x
        t = type_of_jax(x)
        weak = bool(getattr(x, "weak_type", False))
        return placeholder(t.shape, t.dtype, weak and t.dtype != KEY)

    @functools.wraps(f, updated=())
    def exported(*args: Any, **kwargs: Any) -> Any:
        if config.enable_x64 and not jax.config.jax_enable_x64:
            raise ExportError(
                "bibun computes in 64 bits and JAX is set to 32: call "
                'jax.config.update("jax_enable_x64", True), or set bibun to 32 bits as well'
            )
        leaves, structure = tree.flatten((args, kwargs))
        given, named = structure.unflatten([example(x) for x in leaves])
        trace = traced.trace(*given, **named)
        program = trace.closed.program
        inputs = [to_array(x) if not isinstance(x, jax.Array) else x for x in leaves]
        inputs = [
            x if t.dtype == KEY or x.dtype == t.dtype else x.astype(t.dtype)
            for x, t in zip(inputs, trace.closed.in_types, strict=True)
        ]
        consts = [to_array(c) for c in trace.closed.consts]
        outs = Interpreter(checks).run(program, [*consts, *inputs])
        return tree.unflatten(trace.out_tree, outs)

    return exported
