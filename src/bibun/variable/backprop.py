"""The way back: from outputs to inputs through the recorded graph.

Functions are visited by falling rank, so that when a function's turn comes all that depends on
its outputs has been visited. The gradients are Variables; whether their own computation is
recorded is `enable_double_backprop`.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from typing import Any

from bibun.trace.sites import describe, forced
from bibun.variable.configuration import using_config
from bibun.variable.function_node import FunctionNode
from bibun.variable.variable import (
    Variable,
    VariableNode,
    as_variable,
    check_gradient,
    constant_like,
)

Gradients = dict[VariableNode, Variable]


def _sweep(
    gradients: Gradients,
    keep: set[VariableNode] | None,
    relevant: set[FunctionNode] | None = None,
    wanted: set[VariableNode] | frozenset[VariableNode] = frozenset(),
) -> Gradients:
    """Gradients of the nodes that are reached, those of `gradients` to start with.

    Of what lies between, only the gradients of `keep` are kept (None: all). `relevant`: visit
    only these functions, and among their inputs what one of them made, or what is `wanted`.
    """
    counter = itertools.count()
    heap: list[tuple[int, int, FunctionNode]] = []
    seen: set[FunctionNode] = set()

    def push(function: FunctionNode | None) -> None:
        if function is None or function in seen or function.inputs is None:
            return
        if relevant is None or function in relevant:
            seen.add(function)
            heapq.heappush(heap, (-function.rank, next(counter), function))

    for node in list(gradients):
        push(node.creator_node)
    site = forced.site
    try:
        while heap:
            _, _, function = heapq.heappop(heap)
            assert function.inputs is not None
            outputs = [ref() for ref in function.outputs]
            cts = tuple([None if y is None else gradients.get(y) for y in outputs])
            indexes = tuple(
                [
                    k
                    for k, x in enumerate(function.inputs)
                    if x.requires_grad
                    and (relevant is None or x in wanted or x.creator_node in relevant)
                ]
            )
            if not indexes:
                continue
            forced.site = function.site
            found = function.backward(indexes, cts)
            if not isinstance(found, tuple | list) or len(found) != len(indexes):
                raise ValueError(
                    f"{function.label}.backward must return a tuple of {len(indexes)} Variables "
                    f"or None, got {found!r}\nFor the call at {describe(function.site)}"
                )
            for k, g in zip(indexes, found, strict=True):
                if g is None:
                    continue
                x = function.inputs[k]
                if not isinstance(g, Variable):
                    raise TypeError(
                        f"{function.label}.backward returned {type(g).__name__} for input {k}; it "
                        "must compute with Variables and return Variables"
                    )
                check_gradient(
                    g, x, f"the gradient of input {k} that {function.label}.backward returned"
                )
                before = gradients.get(x)
                gradients[x] = g if before is None else before + g  # type: ignore[operator]
                push(x.creator_node)
            if keep is not None:
                for y in outputs:
                    if y is not None and y not in keep:
                        gradients.pop(y, None)
    finally:
        forced.site = site
    return gradients


def backward(y: Variable, retain_grad: bool, enable_double_backprop: bool) -> None:
    """`Variable.backward`."""
    if y.creator_node is None:
        return
    if y._grad is None:
        if y.size != 1:
            raise ValueError(
                f"backward() of an array of shape {y.shape} needs its gradient set first "
                "(y.grad = ...), or a sum or mean of it to start from"
            )
        y._grad = constant_like(y, 1)
    with using_config("enable_backprop", enable_double_backprop):
        found = _sweep({y._node: y._grad}, None if retain_grad else {y._node})
        for node, g in found.items():
            variable = node.get_variable_or_none()
            if variable is None or node is y._node:
                continue
            if node.creator_node is None:
                variable.accumulate(g)
            else:
                variable._grad = g


def grad(
    outputs: Sequence[Variable],
    inputs: Sequence[Variable],
    grad_outputs: Sequence[Variable | None] | None = None,
    grad_inputs: Sequence[Variable | None] | None = None,
    set_grad: bool = False,
    retain_grad: bool = False,
    enable_double_backprop: bool = False,
) -> list[Any]:
    """Gradients of the sum of all outputs with respect to inputs, as a list.

    Nothing but the ways between `inputs` and `outputs` is visited, and no Variable's `grad`
    changes unless asked for. `grad_outputs`: what flows into the outputs (None: ones);
    `grad_inputs`: what the results are added to; `set_grad`: set the inputs' `grad` too;
    `retain_grad`: and that of what lies between. With `enable_double_backprop` the results can
    be differentiated. The list holds Variables; None stands for an input that no output depends on.

    Errors: TypeError where outputs or inputs are no sequences of Variables.

    >>> import numpy as np, bibun.variable as chainer
    >>> x = chainer.Variable(np.array(2.0))
    >>> y = x ** 2. + x + 1.0
    >>> gy, = chainer.grad([y], [x], enable_double_backprop=True)
    >>> ggy, = chainer.grad([gy], [x])
    >>> print(gy, ggy)
    variable(5.0) variable(2.0)
    """
    outs = _variables(outputs, "outputs")
    ins = _variables(inputs, "inputs")
    seeds = _matching(grad_outputs, outs, "grad_outputs", "outputs")
    before = _matching(grad_inputs, ins, "grad_inputs", "inputs")

    wanted = {x._node for x in ins}
    relevant = _between(wanted, outs)
    gradients: Gradients = {}
    with using_config("enable_backprop", enable_double_backprop):
        for y, g in zip(outs, seeds, strict=True):
            g = constant_like(y, 1) if g is None else g
            known = gradients.get(y._node)
            gradients[y._node] = g if known is None else known + g  # type: ignore[operator]
        ends = set(gradients)
        found = _sweep(gradients, None if retain_grad else wanted, relevant, wanted)
        results: list[Variable | None] = []
        for x, g0 in zip(ins, before, strict=True):
            g = found.get(x._node)
            if g0 is not None:
                g = g0 if g is None else g0 + g  # type: ignore[operator]
            results.append(g)
            if set_grad:
                x.grad_var = g
    if retain_grad:
        for node, g in found.items():
            variable = node.get_variable_or_none()
            if variable is not None and node not in wanted and node not in ends:
                variable._grad = g
    return results


def _between(inputs: set[VariableNode], outputs: Sequence[Variable]) -> set[FunctionNode]:
    """The functions on a way from an input to an output."""
    functions: set[FunctionNode] = set()
    stack = [y.creator_node for y in outputs]
    while stack:
        function = stack.pop()
        if function is None or function in functions or function.inputs is None:
            continue
        functions.add(function)
        stack += [x.creator_node for x in function.inputs]
    relevant: set[FunctionNode] = set()
    for function in sorted(functions, key=lambda f: f.rank):
        assert function.inputs is not None
        if any(x in inputs or x.creator_node in relevant for x in function.inputs):
            relevant.add(function)
    return relevant


def _variables(xs: Any, what: str) -> list[Variable]:
    if isinstance(xs, Variable) or not isinstance(xs, tuple | list):
        raise TypeError(
            f"grad: {what} must be a list or tuple of Variables, got {type(xs).__name__}"
            + (f"; write [{what[:-1]}]" if isinstance(xs, Variable) else "")
        )
    for x in xs:
        if not isinstance(x, Variable):
            raise TypeError(f"grad: {what} must be Variables, one is {type(x).__name__}")
    return list(xs)


def _matching(gs: Any, xs: Sequence[Variable], what: str, of: str) -> list[Variable | None]:
    if gs is None:
        return [None] * len(xs)
    if isinstance(gs, Variable) or not isinstance(gs, tuple | list) or len(gs) != len(xs):
        raise TypeError(f"grad: {what} must be a list with one entry for each of the {of}")
    found = [None if g is None else as_variable(g) for g in gs]
    for g, x in zip(found, xs, strict=True):
        if g is not None:
            check_gradient(g, x._node, f"grad: one of {what}")
    return found
