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

from bibun.trace.sites import forced
from bibun.variable.configuration import config, using_config
from bibun.variable.function_hook import hooks_of
from bibun.variable.function_node import FunctionNode
from bibun.variable.variable import (
    Variable,
    VariableNode,
    as_variable,
    check_gradient,
    check_no_nan,
    constant_like,
)

Gradients = dict[VariableNode, Variable]


def _add(gradients: Gradients, node: VariableNode, g: Variable) -> None:
    known = gradients.get(node)
    gradients[node] = g if known is None else known + g  # type: ignore[operator]


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
            hooks = hooks_of(function)
            if hooks:
                seen_data = tuple([x.data for x in function.inputs])
                seen_grads = tuple([None if g is None else g._data for g in cts])
                for hook in hooks:
                    hook.backward_preprocess(function, seen_data, seen_grads)
            if type(function).backward_accumulate is _ADDED:
                found = function._gradients(indexes, cts)
            else:
                found = _accumulated(function, indexes, cts, gradients)
            for hook in hooks:
                hook.backward_postprocess(function, seen_data, seen_grads)
            for k, g in zip(indexes, found, strict=True):
                if g is None:
                    continue
                x = function.inputs[k]
                what = f"the gradient of input {k} that {function.label}.backward returned"
                check_gradient(g, x, what)
                if config.debug:
                    check_no_nan(g._data, what)
                _add(gradients, x, g)
                push(x.creator_node)
            if keep is not None:
                for y in outputs:
                    if y is not None and y not in keep:
                        gradients.pop(y, None)
    finally:
        forced.site = site
    return gradients


_ADDED = FunctionNode.backward_accumulate


def _accumulated(
    function: FunctionNode, indexes: tuple[int, ...], cts: tuple[Variable | None, ...],
    gradients: Gradients,
) -> Sequence[Variable | None]:  # fmt: skip
    """What a function's own `backward_accumulate` returns; the sums take the place of what was."""
    inputs, taken, before = function.inputs, set(), []
    assert inputs is not None
    for k in indexes:  # the first place of a node that occurs twice has its gradient
        x = inputs[k]
        before.append(None if x in taken else gradients.get(x))
        taken.add(x)
    found = function.backward_accumulate(indexes, cts, tuple(before))
    if not isinstance(found, tuple | list) or len(found) != len(indexes):
        raise ValueError(
            f"{function.label}.backward_accumulate must return a tuple of {len(indexes)} "
            f"Variables or None, got {found!r}"
        )
    for x in taken:
        gradients.pop(x, None)
    return found


def backward(
    outputs: Sequence[Variable],
    grad_outputs: Sequence[Variable | None] | None = None,
    retain_grad: bool = False,
    enable_double_backprop: bool = False,
    loss_scale: float | None = None,
) -> None:
    """`Variable.backward` from several outputs at once.

    grad_outputs: what flows into each (None: its `grad`, or 1 where it has none and one element).

    >>> import numpy as np, bibun.variable as chainer
    >>> x = chainer.Variable(np.array(3.0))
    >>> chainer.backward([x * x, 2.0 * x])
    >>> x.grad
    array(8.)
    """
    outs = _variables(outputs, "outputs", "backward")
    seeds = _matching(grad_outputs, outs, "grad_outputs", "outputs", "backward")
    gradients: Gradients = {}
    with using_config("enable_backprop", enable_double_backprop):
        for y, g in zip(outs, seeds, strict=True):
            if y.creator_node is None:
                continue
            if y._node in gradients:
                raise ValueError("backward: a Variable occurs twice among the outputs")
            if g is not None:
                y._grad = g
            elif y._grad is None:
                if y.size != 1:
                    raise ValueError(
                        f"backward() of an array of shape {y.shape} needs its gradient set first "
                        "(y.grad = ...), or a sum or mean of it to start from"
                    )
                y._grad = constant_like(y, 1 if loss_scale is None else loss_scale)
            gradients[y._node] = y._grad
        ends = set(gradients)
        found = _sweep(gradients, None if retain_grad else ends)
        for node, g in found.items():
            variable = node.get_variable_or_none()
            if variable is None or node in ends:
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
    loss_scale: float | None = None,
) -> list[Any]:
    """Gradients of the sum of all outputs with respect to inputs, as a list.

    Nothing but the ways between `inputs` and `outputs` is visited, and no Variable's `grad`
    changes unless asked for. `grad_outputs`: what flows into the outputs (None: ones, times
    `loss_scale`); `grad_inputs`: what the results are added to; `set_grad`: set the inputs'
    `grad` too; `retain_grad`: and that of what lies between. With `enable_double_backprop` the
    results can be differentiated. The list holds Variables; None stands for an input that no
    output depends on.

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
            g = constant_like(y, 1 if loss_scale is None else loss_scale) if g is None else g
            _add(gradients, y._node, g)
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


def gradients_within(
    functions: Sequence[FunctionNode],
    outputs: Sequence[tuple[Variable, Variable]],
    inputs: Sequence[Variable],
) -> list[Variable | None]:
    """Gradients through some functions alone, of inputs, from pairs of outputs and theirs."""
    gradients: Gradients = {}
    for y, g in outputs:
        _add(gradients, y._node, g)
    wanted = {x._node for x in inputs}
    found = _sweep(gradients, wanted, set(functions), wanted)
    return [found.get(x._node) for x in inputs]


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


def _variables(xs: Any, what: str, name: str = "grad") -> list[Variable]:
    if isinstance(xs, Variable) or not isinstance(xs, tuple | list):
        raise TypeError(
            f"{name}: {what} must be a list or tuple of Variables, got {type(xs).__name__}"
            + (f"; write [{what[:-1]}]" if isinstance(xs, Variable) else "")
        )
    for x in xs:
        if not isinstance(x, Variable):
            raise TypeError(f"{name}: {what} must be Variables, one is {type(x).__name__}")
    return list(xs)


def _matching(
    gs: Any, xs: Sequence[Variable], what: str, of: str, name: str = "grad"
) -> list[Variable | None]:
    if gs is None:
        return [None] * len(xs)
    if isinstance(gs, Variable) or not isinstance(gs, tuple | list) or len(gs) != len(xs):
        raise TypeError(f"{name}: {what} must be a list with one entry for each of the {of}")
    found = [None if g is None else as_variable(g) for g in gs]
    for g, x in zip(found, xs, strict=True):
        if g is not None:
            check_gradient(g, x._node, f"{name}: one of {what}")
    return found
