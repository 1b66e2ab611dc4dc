"""Calls, custom rules, branches, loops and checks in JAX.

Programs among an equation's parameters become Python functions that interpret them while JAX
traces: `scan` is `jax.lax.scan`, `switch` `jax.lax.switch`, a loop of unknown length
`jax.lax.while_loop`, which JAX differentiates forwards only. Tapes (ragged lists) are how bibun
reverses such loops; arrays of JAX have fixed shapes, so a program that holds one, because
it *is* a reverse pass through such a loop, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import linear_call

from bibun.export.errors import ExportError
from bibun.export.from_jax import JaxFunction
from bibun.export.jax_rules import CONTROL, Interpreter, inexact, type_of_jax, zero_tangent
from bibun.ir.program import Program
from bibun.ops.check import ERRORS
from bibun.ops.control.rules import Rule
from bibun.ops.families.tangents import has_tangent
from bibun.ops.linalg.spectral_change import flip
from bibun.trace.sites import describe
from bibun.trace.stage import stage_program


def control(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the rule `(interpreter, equation, inputs) -> outputs` of these ops."""

    def enter(rule: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            CONTROL[name] = rule
        return rule

    return enter


# calls --------------------------------------------------------------------------------------------


@control("jit", "checked")
def call(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    return interpreter.run(eq.params["program"], ins)


@control("checkpoint")
def checkpoint(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    program = eq.params["program"]
    return list(jax.checkpoint(lambda *xs: interpreter.run(program, xs))(*ins))


def _forced(eq: Any) -> Any:
    rule = eq.params["rule"]
    rule = rule.force() if isinstance(rule, Rule) else rule
    if rule is None:
        raise ExportError(
            f"{eq.params['name']!r} is differentiated inside its own derivative rule, which was "
            f"exported as a plain function\nAt {describe(eq.site)}"
        )
    return rule


@control("custom_jvp")
def custom_jvp(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    program: Program = eq.params["program"]
    if eq.params["rule"] is None:
        return interpreter.run(program, ins)
    function = jax.custom_jvp(lambda *xs: interpreter.run(program, xs))

    @function.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        moving = [t for p, t in zip(primals, tangents, strict=True) if inexact(p)]
        derivative = _forced(eq)
        both = Interpreter(interpreter.checks, True).run(
            derivative, [*primals, *moving], [False] * len(primals) + [True] * len(moving)
        )
        outs, douts = both[: len(both) // 2], both[len(both) // 2 :]
        return outs, [
            d if inexact(o) else zero_tangent(o) for o, d in zip(outs, douts, strict=True)
        ]

    return list(function(*ins))


@control("custom_vjp")
def custom_vjp(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    program: Program = eq.params["program"]
    if eq.params["rule"] is None:
        return interpreter.run(program, ins)
    n = eq.params["num_consts"]
    consts, args = ins[:n], ins[n:]
    which = [inexact(a) for a in args]
    function = jax.custom_vjp(lambda consts, args: interpreter.run(program, [*consts, *args]))

    def forward(consts: Any, args: Any) -> Any:
        passes = _forced(eq)
        both = interpreter.run(passes.fwd, [*consts, *args])
        count = passes.outputs[0]
        return both[:count], (both[count:], consts)

    def backward(kept: Any, cts: Any) -> Any:
        residuals, consts = kept
        passes = _forced(eq)
        some = [ct for ct, t in zip(cts, passes.fwd.out_types, strict=False) if has_tangent(t)]
        found = iter(interpreter.run(passes.bwd, [*residuals, *some]))
        back = [next(found) if w else None for w in which]
        return [jnp.zeros_like(c) if inexact(c) else None for c in consts], back

    function.defvjp(forward, backward)
    return list(function([lax.stop_gradient(c) if inexact(c) else c for c in consts], args))


@control("custom_vjp_linear")
def custom_vjp_linear(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    raise ExportError(
        f"the forward derivative of the custom_vjp function {eq.params['name']!r} is not defined"
    )


@control("linear_solve")
def linear_solve(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    p = eq.params
    n = p["num_consts"]
    consts, b = ins[:n], tuple(ins[n:])

    def function(program: Any) -> Any:
        return lambda x: tuple(interpreter.run(program, [*consts, *x]))

    def solver(program: Any) -> Any:
        def run(_: Any, b: Any) -> Any:
            outs = function(program)(b)
            return outs[: len(b)], outs[len(b) :]

        return run

    transposed = p.get("adjoint") is not None
    x, aux = lax.custom_linear_solve(
        function(p["matvec"]), b, solver(p["program"]),
        solver(p["adjoint"]) if transposed else None, has_aux=True,
    )  # fmt: skip
    return [*x, *aux]


@control("spectral_change")
def spectral_change(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    program, second = eq.params["program"], eq.params["second"]
    linear = Interpreter(interpreter.checks, True)

    def change(a: Any, e: Any) -> list[Any]:
        return linear.run(program, [a, e], [False, True])

    if any(interpreter.moving):
        turn = stage_program(lambda a: [flip(a)], [type_of_jax(ins[0])], "flip")
        return list(
            linear_call(
                lambda a, e: change(a, e[0]),
                lambda a, cts: change(linear.run(turn, [a])[0], cts[0]),
                ins[0],
                [ins[1]],
            )
        )
    function = jax.custom_jvp(change)

    @function.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (a, e), (ta, te) = primals, tangents
        moved = linear.run(second, [a, e, ta], [False, False, True])
        return function(a, e), [m + c for m, c in zip(moved, change_linearly(a, te), strict=True)]

    def change_linearly(a: Any, te: Any) -> Any:
        inner = Interpreter(interpreter.checks, True)
        inner.moving = [False, True]
        return spectral_change(inner, eq, [a, te])

    return list(function(*ins))


# branches and loops -------------------------------------------------------------------------------


@control("switch")
def switch(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    def branch(program: Program) -> Any:
        return lambda *xs: interpreter.run(program, xs)

    index, *operands = ins
    branches = [branch(p) for p in eq.params["branches"]]
    return list(lax.switch(jnp.clip(index, 0, len(branches) - 1), branches, *operands))


def _arrays_only(eq: Any) -> None:
    if any(not hasattr(v.type, "dtype") for v in (*eq.outputs, *eq.inputs)):
        raise ExportError(
            f"{eq.op.name}: this program is the reverse pass of a loop of unknown length, whose "
            "tape has no fixed shape, and JAX has none that grow. Export the function itself and "
            "differentiate it forwards there (jax.jvp, jax.jacfwd), or use scan or fori_loop "
            f"with a known number of steps\nAt {describe(eq.site)}"
        )


@control("scan")
def scan(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    _arrays_only(eq)
    p = eq.params
    nc, nk, program = p["num_consts"], p["num_carry"], p["program"]
    consts, carry, xs = ins[:nc], ins[nc : nc + nk], ins[nc + nk :]

    def body(carry: Any, x: Any) -> Any:
        outs = interpreter.run(program, [*consts, *carry, *x])
        return outs[:nk], outs[nk:]

    last, ys = lax.scan(
        body, carry, xs, length=p["length"], reverse=p["reverse"], unroll=p.get("unroll", 1)
    )
    return [*last, *ys]


@control("counted_loop")
def counted_loop(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    _arrays_only(eq)
    p = eq.params
    nc, program = p["num_consts"], p["program"]
    n, consts, carry = ins[0], ins[1 : 1 + nc], ins[1 + nc :]
    return list(
        lax.fori_loop(0, n, lambda _, c: interpreter.run(program, [*consts, *c]), list(carry))
    )


@control("while")
def while_loop(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    _arrays_only(eq)
    p = eq.params
    nc, nb = p["num_cond_consts"], p["num_body_consts"]
    of_cond, of_body, carry = ins[:nc], ins[nc : nc + nb], ins[nc + nb :]
    return list(
        lax.while_loop(
            lambda c: interpreter.run(p["cond"], [*of_cond, *c])[0],
            lambda c: interpreter.run(p["body"], [*of_body, *c]),
            carry,
        )
    )


@control("ragged_empty", "ragged_length")
def ragged(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    _arrays_only(eq)
    raise AssertionError("a ragged op without ragged values")


# checks -------------------------------------------------------------------------------------------


@control("check_index", "check_true")
def check(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    if interpreter.checks == "ignore":
        return []
    op, params, site = eq.op, eq.params, eq.site

    def look(*xs: Any) -> None:
        try:
            op.eval(*map(np.asarray, xs), **params)
        except tuple(ERRORS.values()) as e:
            raise type(e)(f"{str(e).splitlines()[0]}\nAt {describe(site)}") from None

    if any(isinstance(x, jax.core.Tracer) for x in ins):
        jax.debug.callback(look, *ins)
    else:
        look(*ins)
    return []


# callbacks ----------------------------------------------------------------------------------------


def _shapes(eq: Any) -> list[Any]:
    return [jax.ShapeDtypeStruct(t.shape, t.dtype) for t in eq.params["out_types"]]


def _computed(eq: Any) -> Callable[..., Any]:
    params = eq.params
    return lambda *xs: list(eq.op.eval(*map(np.asarray, xs), **params))


@control("pure_callback")
def pure_callback(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    function, wanted = eq.params["function"], eq.params["out_types"]
    if isinstance(function, JaxFunction):
        return list(function.source(*ins))

    def compute(*xs: Any) -> list[Any]:  # with the axes that vmap has put in front
        outs = function.call(*map(np.asarray, xs))
        return [np.asarray(o, t.dtype) for o, t in zip(outs, wanted, strict=True)]

    return list(jax.pure_callback(compute, _shapes(eq), *ins, vmap_method=eq.params["vmap_method"]))


@control("io_callback")
def io_callback(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    from jax.experimental import io_callback as call

    return list(call(_computed(eq), _shapes(eq), *ins, ordered=eq.params["ordered"]))


@control("debug_callback")
def debug_callback(interpreter: Interpreter, eq: Any, ins: list[Any]) -> list[Any]:
    run = _computed(eq)
    jax.debug.callback(lambda *xs: None if run(*xs) else None, *ins, ordered=eq.params["ordered"])
    return []
