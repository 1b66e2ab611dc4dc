"""Traces, tracers and the current trace.

Exactly one trace is *current* in a thread. Calling an op (`Op.__call__`) hands the op to
the current trace and nowhere else: this is the one point of interception. A transformation
makes a trace whose parent is the trace that was current, wraps its inputs in tracers of its
own, makes itself current, and runs the user's function. A tracer of an outer trace is, to
an inner one, a value like any other. The innermost default, `EVAL`, computes with NumPy.

So transformations compose in any order without levels or tags, and on concrete values
plain Python control flow works, because a tracer of `jvp`, `linearize` or `vmap` carries
real values of the parent trace inside it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.config import config
from bibun.dtypes import canonical, scalar_dtype
from bibun.errors import ConcretizationError, LeakedTracerError
from bibun.ir.types import ArrayType, Type


class Trace:
    """One interpretation of ops. Subclasses define `process`."""

    __slots__ = ("parent", "__weakref__")

    parent: Trace | None

    def process(self, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        raise NotImplementedError


class Tracer(Value):
    """A stand-in for a value while a trace is current."""

    __slots__ = ("_trace",)

    _trace: Trace

    def concrete(self) -> Any:
        """The known value behind this tracer, or None."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.type}>"


_BOOL = np.dtype(np.bool_)
_WEAK = (int, float, complex)


class EvalTrace(Trace):
    """Runs every op at once on NumPy arrays. Its parent is None."""

    __slots__ = ()

    def __init__(self) -> None:
        self.parent = None

    def process(self, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if op.structured:
            values = [as_value(a) for a in args]
            for v in values:
                if isinstance(v, Tracer):
                    raise leaked(v)
            out = op.eval(_executor, values, **params)
            if not op.multiple_results:
                return out
            return list(out)
        if len(args) == 1:  # a list comprehension costs as much as a small operation
            a = args[0]
            values = [a._value if type(a) is Array else _raw(a)]
        elif len(args) == 2:
            a, b = args
            values = [
                a._value if type(a) is Array else _raw(a),
                b._value if type(b) is Array else _raw(b),
            ]
        else:
            values = [a._value if type(a) is Array else _raw(a) for a in args]
        out = op.eval(*values, **params)
        if config.watch_nans and config.debug_nans:
            nan_check(op, values, out if op.multiple_results else [out])
        if op.multiple_results:
            return [Array(o if type(o) is np.ndarray else np.asarray(o)) for o in out]
        if type(out) is not np.ndarray:
            out = np.asarray(out)
        # Weak if all operands are; looking at the first settles it nearly always. A condition
        # that chooses between operands is no number and has no say.
        if args:
            first = args[0]
            if not (first._weak if type(first) is Array else type(first) in _WEAK):
                chooses = len(args) > 2 and getattr(values[0], "dtype", _BOOL) is _BOOL
                if not chooses or out.dtype is _BOOL:
                    return Array(out)
                args = args[1:]
            for a in args:
                if type(a) is Array and not a._weak:
                    return Array(out)
            return Array(out, all(type_of(a).weak for a in args) and out.dtype.kind in "iufc")
        return Array(out)


def _raw(a: Any) -> Any:
    """An operand that is no Array, for NumPy."""
    if isinstance(a, Tracer):
        raise leaked(a)
    return a


def nan_check(op: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """The eager side of `debug_nans`; the room of checks knows what to say."""
    from bibun.ops.nan_checks import check_eager

    check_eager(op, inputs, outputs)


EVAL = EvalTrace()


class _State(threading.local):
    trace: Trace = EVAL


state = _State()


class using_trace:
    """`with using_trace(t):` makes `t` the current trace."""

    __slots__ = ("trace", "before")

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def __enter__(self) -> Trace:
        self.before = state.trace
        state.trace = self.trace
        return self.trace

    def __exit__(self, *exc: object) -> None:
        state.trace = self.before


def current_trace() -> Trace:
    return state.trace


# How EVAL runs structured ops (loops, branches, jit): `transforms` installs its context,
# which carries `execute(program, args)`; the compiler replaces the interpreter in it.
_executor: Any = None


def install_executor(context: Any) -> None:
    global _executor
    _executor = context


def leaked(tracer: Tracer) -> LeakedTracerError:
    return LeakedTracerError(
        f"{tracer!r} was used after the function that was being transformed had returned. "
        "A traced value must not be kept in a global, an attribute or a default argument; "
        "return it from the function instead."
    )


def type_of(x: Any) -> Type:
    """The IR type of an array, tracer, NumPy value or Python scalar."""
    if isinstance(x, Value):
        return x.type
    if isinstance(x, np.ndarray | np.generic):
        return ArrayType(x.shape, canonical(plain(x).dtype))
    if isinstance(x, bool | int | float | complex):
        dt = scalar_dtype(x)
        return ArrayType((), dt, dt.kind != "b")
    hint = ""
    if isinstance(x, list | tuple) or hasattr(x, "__array__"):
        hint = ". Make it an array first, with bibun.numpy.array(...)"
    raise TypeError(f"expected an array or a number, got {type(x).__name__}: {str(x)[:80]!r}{hint}")


def plain(x: Any) -> Any:
    """A NumPy array or scalar whose class means no more than its numbers.

    Errors: TypeError for masked elements, which would be taken for numbers.
    """
    if type(x) is not np.ndarray and isinstance(x, np.ndarray):
        masked = sys.modules.get("numpy.ma")
        if masked is not None and masked.is_masked(x):
            raise TypeError(
                f"a masked array with masked elements: {str(x)[:60]}. Arrays have no masks here: "
                "give x.filled(value), or x.data and ~x.mask, to bibun.numpy.where or as the "
                "obs_mask= of a sample statement"
            )
    return x


def as_value(x: Any) -> Value:
    """`x` as an Array or tracer; NumPy memory is shared, Python scalars become weak arrays."""
    if isinstance(x, Value):
        return x
    if isinstance(x, np.ndarray | np.generic):
        return Array(shared(np.asarray(plain(x), dtype=canonical(x.dtype)), x))
    t = type_of(x)
    return Array(np.asarray(x, dtype=t.dtype), t.weak)


def shared(array: np.ndarray, given: Any) -> np.ndarray:
    """The array as a view, if it is the user's own: its base tells that others may write to it."""
    return array.view() if array is given else array


def settled(x: Any) -> Any:
    """`x` as what is kept of it beyond a call must be: copied if others may write to its memory."""
    array = x._value if type(x) is Array else x
    if not isinstance(array, np.ndarray):
        return x
    held = array.base if type(x) is Array else array
    while isinstance(held, np.ndarray):
        if held.flags.writeable:
            return Array(array.copy(), x._weak) if type(x) is Array else array.copy()
        held = held.base
    return x


def concrete(x: Any) -> np.ndarray | None:
    """The NumPy value of `x` if it is known now, through any tracers, else None."""
    while isinstance(x, Tracer):
        x = x.concrete()
    if x is None:
        return None
    return x._value if type(x) is Array else np.asarray(x)


def need_concrete(x: Any, what: str) -> np.ndarray:
    """`concrete(x)`, or an error that says what asked for the value and what to do."""
    value = concrete(x)
    if value is None:
        from bibun.trace.sites import current_site, describe

        raise ConcretizationError(
            f"{what} needs a concrete value, but got {x!r}, which is not known while the "
            f"function is traced.\nAt {describe(current_site(2))}\n"
            "Use bibun.numpy.where, bibun.lax.cond or bibun.lax.while_loop instead of Python "
            "control flow, or mark the argument static (static_argnums) under jit."
        )
    return value
