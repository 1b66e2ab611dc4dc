"""Effects under a mask.

When lanes run in lockstep, a lane that is done, or a branch that was not taken, is computed
along with the others and its results dropped. Its effects must not happen, and loops in it
must not run (they might never end). `masked(program)` is the same program with one more
input in front, a scalar bool: false makes every check pass and every `while` stop at once,
in nested programs too. It works on the program of one lane, before lanes are made of it.

The checks of `debug_nans` are written last of all, into the program that is compiled. By then
nobody knows which operations ran under a mask; so here they are written before the mask, and the
masked program is called by `checked`, whose inside gets no more of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.config import config
from bibun.ir.program import Equation, Program, subprograms
from bibun.ops.check import masked as masked_check
from bibun.ops.control.call import call_op
from bibun.ops.control.common import BOOL_TYPE, build, memo, rewire, split
from bibun.ops.elementwise import mul, sin
from bibun.ops.nan_checks import with_nan_checks
from bibun.ops.op import CALL, Sample
from bibun.trace.core import type_of
from bibun.trace.replay import replay
from bibun.trace.stage import stage_program

Rule = Callable[[Any, Equation, list[Any]], Any]
_rules: dict[str, Rule] = {}


def masks(name: str) -> Callable[[Rule], Rule]:
    """Register how an op runs under a mask: `rule(active, equation, inputs)` -> outputs."""

    def enter(rule: Rule) -> Rule:
        _rules[name] = rule
        return rule

    return enter


def _matters(eq: Equation) -> bool:
    """Whether a mask changes what an equation does."""
    return (
        eq.op.has_effects
        or eq.op.name == "while"
        or any(needs_mask(p) for _, p in subprograms(eq.params))
    )


@memo
def needs_mask(program: Program) -> bool:
    """Whether a program has effects, or loops whose end depends on its values."""
    return any(_matters(eq) for eq in program.equations)


@memo
def masked(program: Program) -> Program:
    """`program` with a mask, a scalar bool, as one more input in front."""
    types = (BOOL_TYPE, *range(len(program.inputs)))
    if not needs_mask(program):
        return rewire(program, types)

    def run(active: Any, *args: Any) -> list[Any]:
        def call(eq: Equation, ins: list[Any]) -> Any:
            return _call(active, eq, ins) if _matters(eq) else eq.op(*ins, **eq.params)

        return replay(program, args, call)

    return build(run, [BOOL_TYPE, *program.in_types], program.name)


def _call(active: Any, eq: Equation, ins: list[Any]) -> Any:
    rule = _rules.get(eq.op.name)
    if rule is not None:
        return rule(active, eq, ins)
    if eq.op.has_effects and not subprograms(eq.params):
        args, params = masked_check(eq.op, ins, eq.params, active)
        return eq.op(*args, **params)
    if eq.op.kind == CALL:
        return eq.op(active, *ins, **_masked_call(eq.params))
    raise NotImplementedError(
        f"operation {eq.op.name!r} contains checks or loops and has no rule for lanes that are "
        "switched off (bibun.ops.control.masking)"
    )


def _masked_call(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a call, or of a function with its own derivative rule, under a mask.

    The mask is one more leading argument of every program: a captured value of a custom
    function, and the first residual where one program hands residuals to another.
    """
    changed: dict[str, Any] = {name: masked(p) for name, p in subprograms(params)}
    for count in ("num_consts", "num_residuals"):
        if count in params:
            changed[count] = params[count] + 1
    if params.get("rule") is not None:
        changed["rule"] = params["rule"].derive("masked", _masked_rule)
    return {**params, **changed}


def _masked_rule(rule: Any) -> Any:
    """A derivative rule under a mask: a program, or a forward and a backward pass."""
    if isinstance(rule, Program):
        return masked(rule)
    fwd = masked(rule.fwd)
    outs, residuals = split(fwd.outputs, rule.outputs[0])
    handed_on = Program(
        fwd.inputs, fwd.equations, [*outs, fwd.inputs[0], *residuals], fwd.name
    )
    return type(rule)(handed_on, masked(rule.bwd), rule.outputs)


# debug_nans ------------------------------------------------------------------------------


_with_nan_checks = memo(with_nan_checks)


def lane_program(program: Program) -> Program:
    """`masked(program)`, with the checks of `debug_nans` under the mask where they are wanted."""
    return masked(_with_nan_checks(program) if config.debug_nans else program)


def run_lanes(program: Program, args: list[Any], checks: bool) -> list[Any]:
    """Run lanes made of a `lane_program`; `checks`: whether debug_nans is on."""
    return checked(*args, program=program) if checks else replay(program, args)


def _eval_checked(ctx: Any, args: Any, program: Program, name: str = "") -> Any:
    with config.using(debug_nans=False):
        return ctx.execute(program, args)


def _checked_samples() -> list[Sample]:
    x = np.linspace(0.1, 2.0, 3)
    program = stage_program(lambda a: [mul(sin(a), a)], [type_of(x)])
    return [Sample(x, program=program)]


checked = call_op(
    "checked",
    _eval_checked,
    _checked_samples,
    "`checked(*args, program)`: the outputs of a program that looks for nan itself.",
)


def masked_or_same(active: Any, program: Program) -> tuple[list[Any], Program]:
    """([active], masked program), or ([], program) where a mask changes nothing."""
    return ([active], masked(program)) if needs_mask(program) else ([], program)
