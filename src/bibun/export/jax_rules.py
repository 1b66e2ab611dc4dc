"""The interpreter: a program of bibun run on JAX arrays, op by op.

It runs while JAX traces, so what JAX sees is JAX code: it may be compiled, differentiated,
batched and sharded like any other. Where the derivative is bibun's own (custom rules, ops of
`RULED` and `HOST`), the op's rule is staged to a program, which is interpreted in turn.
Such a program is linear in its tangents, and JAX transposes it. Products that absorb a zero are
then plain products, and a host callback that is linear in an operand carries its transpose, because
JAX cannot transpose a callback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero, linear_call

from bibun.array import Array
from bibun.dtypes import KEY
from bibun.export.errors import ExportError
from bibun.export.jax_ops import RULED, TABLE, broadcast, on_host, to_array
from bibun.ir.program import Literal, Program, Var
from bibun.ir.types import ArrayType
from bibun.ops.op import ELEMENTWISE, Linear
from bibun.trace.sites import describe
from bibun.trace.stage import stage_program

CONTROL: dict[str, Callable[..., Any]] = {}  # rule(interpreter, equation, inputs); jax_control.py


def is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def type_of_jax(x: Any) -> ArrayType:
    """bibun's type of a JAX value."""
    if is_key(x):
        return ArrayType(tuple(x.shape), KEY)
    return ArrayType(tuple(x.shape), np.dtype(x.dtype))


def inexact(x: Any) -> bool:
    return not is_key(x) and jnp.issubdtype(x.dtype, jnp.inexact)


def zero_tangent(x: Any) -> Any:
    """The tangent of what has none."""
    return np.zeros(x.shape, jax.dtypes.float0) if not inexact(x) else jnp.zeros_like(x)


class Interpreter:
    """Runs programs. `linear`: the program is linear in some of its inputs (a derivative rule)."""

    def __init__(self, checks: str, linear: bool = False) -> None:
        self.checks = checks
        self.linear = linear
        self.moving: list[bool] = []  # which inputs of the equation at hand are tangents

    def run(self, program: Program, args: Sequence[Any], moving: Sequence[bool] = ()) -> list[Any]:
        """The outputs of a program. `moving`: which inputs are tangents."""
        env: dict[Var, Any] = dict(zip(program.inputs, args, strict=True))
        tangents = {v for v, m in zip(program.inputs, moving, strict=False) if m}

        def value(a: Any) -> Any:
            return to_array(a.value) if type(a) is Literal else env[a]

        for eq in program.equations:
            ins = [value(a) for a in eq.inputs]
            linear = [a in tangents for a in eq.inputs]
            outs = self.apply(eq, ins, linear)
            if any(linear):
                tangents.update(eq.outputs)
            for v, x in zip(eq.outputs, outs, strict=True):
                t = v.type
                if isinstance(t, ArrayType) and t.dtype != KEY and x.dtype != t.dtype:
                    x = x.astype(t.dtype)
                env[v] = x
        return [value(a) for a in program.outputs]

    def apply(self, eq: Any, ins: list[Any], linear: list[bool]) -> list[Any]:
        """The outputs of one equation."""
        op, name = eq.op, eq.op.name
        if name in CONTROL:
            self.moving = linear
            return CONTROL[name](self, eq, ins)
        hosted = on_host(op)
        if name not in TABLE and not hosted:
            raise ExportError(f"the op {name!r} has no translation to JAX\nAt {describe(eq.site)}")
        if self.linear and name == "absorb_mul":
            outs = broadcast(jnp.multiply)(*ins)
        elif hosted and any(linear):
            outs = self.linear_host(op, ins, linear, eq.params)
        elif hosted or name in RULED:
            outs = self.ruled(op, ins, eq.params)
        else:
            outs = TABLE[name](*ins, **eq.params)
        return list(outs) if op.multiple_results else [outs]

    # derivatives by bibun's rules -------------------------------------------------------------

    def value(self, op: Any, ins: Sequence[Any], params: dict[str, Any]) -> Any:
        if on_host(op):
            return host(op, ins, params)
        return TABLE[op.name](*ins, **params)

    def ruled(self, op: Any, ins: list[Any], params: dict[str, Any]) -> Any:
        """An op with the derivative that bibun's rule gives."""
        if op.jvp is None or not any(map(inexact, ins)):
            return self.value(op, ins, params)
        function = jax.custom_jvp(lambda *xs: self.value(op, xs, params))

        def rule(primals: Any, tangents: Any) -> Any:
            # an argument that does not move has no tangent: some rules know only some partials
            where = [k for k, t in enumerate(tangents) if not isinstance(t, SymbolicZero)]
            types = [type_of_jax(x) for x in primals]

            def tangent(*xs: Any) -> list[Any]:
                some: list[Any] = [None] * len(types)
                for k, t in zip(where, xs[len(types) :], strict=True):
                    some[k] = t
                _, dout = op.jvp(xs[: len(types)], some, **params)
                douts = list(dout) if op.multiple_results else [dout]
                flags.append([d is not None for d in douts])
                return [d for d in douts if d is not None]

            flags: list[list[bool]] = []
            program = stage_program(tangent, [*types, *(types[k] for k in where)], op.name)
            out = function(*primals)
            outs = list(out) if op.multiple_results else [out]
            moving = [False] * len(types) + [True] * len(where)
            inner = Interpreter(self.checks, linear=True)
            found = iter(inner.run(program, [*primals, *(tangents[k] for k in where)], moving))
            douts = [
                next(found) if f else zero_tangent(o) for o, f in zip(outs, flags[-1], strict=True)
            ]
            return (out, type(out)(douts)) if op.multiple_results else (out, douts[0])

        function.defjvp(rule, symbolic_zeros=True)
        return function(*ins)

    def linear_host(
        self, op: Any, ins: list[Any], linear: list[bool], params: dict[str, Any]
    ) -> Any:
        """A callback that is linear in some operands, with its transpose."""
        if op.transpose is None:
            raise ExportError(f"the op {op.name!r} is used linearly and has no transpose rule")
        known = [x for x, m in zip(ins, linear, strict=True) if not m]
        moving = [x for x, m in zip(ins, linear, strict=True) if m]

        def merged(known: Any, moving: Any) -> list[Any]:
            a, b = iter(known), iter(moving)
            return [next(b) if m else next(a) for m in linear]

        def forward(known: Any, moving: Any) -> Any:
            out = host(op, merged(known, moving), params)
            return list(out) if op.multiple_results else [out]

        def backward(known: Any, cts: Any) -> Any:
            types = [type_of_jax(x) for x in (*known, *cts)]

            def transposed(*xs: Any) -> list[Any]:
                args = merged(xs[: len(known)], [Linear(type_of_jax(m)) for m in moving])
                ct = list(xs[len(known) :]) if op.multiple_results else xs[-1]
                back = op.transpose(ct, *args, **params)
                return [b for b, m in zip(back, linear, strict=True) if m]

            program = stage_program(transposed, types, op.name)
            flags = [False] * len(known) + [True] * len(cts)
            return Interpreter(self.checks, True).run(program, [*known, *cts], flags)

        out = linear_call(forward, backward, known, moving)
        return out if op.multiple_results else out[0]


def host(op: Any, ins: Sequence[Any], params: dict[str, Any]) -> Any:
    """The op computed by NumPy, in a callback."""
    method = "sequential"
    if op.kind == ELEMENTWISE:
        ins, method = jnp.broadcast_arrays(*ins), "broadcast_all"
    types = op.type_rule(*map(type_of_jax, ins), **params)
    types = types if op.multiple_results else [types]
    shapes = [jax.ShapeDtypeStruct(t.shape, t.dtype) for t in types]

    def compute(*xs: Any) -> list[np.ndarray]:
        out = op.eval(*map(np.asarray, xs), **params)
        outs = out if op.multiple_results else [out]
        return [np.asarray(_raw(o), s.dtype) for o, s in zip(outs, shapes, strict=True)]

    outs = jax.pure_callback(compute, shapes, *ins, vmap_method=method)
    return list(outs) if op.multiple_results else outs[0]


def _raw(x: Any) -> Any:
    return x._value if isinstance(x, Array) else x
