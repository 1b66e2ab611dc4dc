"""`FunctionNode`: one application of a function in the graph, and how users write their own.

A subclass says how to compute arrays from arrays (`forward`) and Variables from Variables
(`backward`); because `backward` computes with Variables, what it returns can be differentiated
again. What `backward` wants to see of inputs and outputs, `forward` must retain.
`Function` is the older, simpler form: `backward` on arrays, differentiable once.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from bibun.array import Array, Value
from bibun.trace.sites import current_site, describe
from bibun.variable.configuration import config
from bibun.variable.function_hook import FunctionHook, hooks_of
from bibun.variable.type_check import InvalidType, types_of
from bibun.variable.variable import Variable, VariableNode, as_variable, check_no_nan


class FunctionNode:
    """A function with its place in the graph: made for one call, then `apply(inputs)`.

    >>> import numpy as np
    >>> from bibun.variable import FunctionNode, Variable
    >>> class Square(FunctionNode):
    ...     def forward(self, inputs):
    ...         self.retain_inputs((0,))
    ...         return inputs[0] ** 2,
    ...     def backward(self, indexes, grad_outputs):
    ...         x, = self.get_retained_inputs()
    ...         return 2.0 * x * grad_outputs[0],
    >>> x = Variable(np.array(3.0))
    >>> y, = Square().apply((x,))
    >>> y.backward()
    >>> x.grad_var
    variable(6.0)
    """

    inputs: tuple[VariableNode, ...] | None = None
    outputs: tuple[Any, ...] = ()  # weak references
    rank = 0
    site = 0
    _to_retain: tuple[int, ...] = ()
    _outputs_to_retain: tuple[int, ...] = ()
    _retained_outputs: tuple[Any, ...] = ()
    _local_hooks: dict[str, FunctionHook] | None = None

    @property
    def label(self) -> str:
        """What drawings call it."""
        return type(self).__name__

    @property
    def creator(self) -> Any:
        """What `Variable.creator` shows."""
        return self

    def check_type_forward(self, in_types: Any) -> None:
        """Before `forward`, to be written by subclasses: see `bibun.variable.utils.type_check`."""

    def forward(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Output arrays from input arrays: to be written, as this or as `forward_cpu`."""
        return self.forward_cpu(inputs)

    def forward_cpu(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """`forward`; the name where there is one for another processor too."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(inputs)")

    def backward(
        self, indexes: tuple[int, ...], grad_outputs: tuple[Variable | None, ...]
    ) -> Sequence[Variable | None]:
        """Gradients of the inputs numbered `indexes`: to be written by subclasses.

        `grad_outputs` has a Variable for each output, or None where nothing depends on it. The
        default says that no input has a gradient.
        """
        return (None,) * len(indexes)

    def backward_accumulate(
        self,
        indexes: tuple[int, ...],
        grad_outputs: tuple[Variable | None, ...],
        grad_inputs: tuple[Variable | None, ...],
    ) -> Sequence[Variable | None]:
        """`backward`, added to the gradients that the inputs have from elsewhere (or None).

        To be overwritten instead of `backward` where the sum can be had more cheaply.
        """
        found = self._gradients(indexes, grad_outputs)
        return tuple([
            old if g is None else g if old is None else old + g  # type: ignore[operator]
            for g, old in zip(found, grad_inputs, strict=True)
        ])  # fmt: skip

    def _gradients(
        self, indexes: tuple[int, ...], grad_outputs: tuple[Variable | None, ...]
    ) -> Sequence[Variable | None]:
        """What `backward` returns, for the inputs `indexes`; it may return those of all inputs."""
        found = self.backward(indexes, grad_outputs)
        count = len(self.inputs) if self.inputs is not None else 0
        if isinstance(found, tuple | list) and len(found) == count != len(indexes):
            found = [found[k] for k in indexes]
        if not isinstance(found, tuple | list) or len(found) != len(indexes):
            raise ValueError(
                f"{self.label}.backward must return a tuple of {len(indexes)} Variables or None, "
                f"got {found!r}\nFor the call at {describe(self.site)}"
            )
        for k, g in zip(indexes, found, strict=True):
            if g is not None and not isinstance(g, Variable):
                raise TypeError(
                    f"{self.label}.backward returned {type(g).__name__} for input {k}; it "
                    "must compute with Variables and return Variables"
                )
        return found

    @property
    def output_data(self) -> tuple[Any, ...]:
        """The arrays of the outputs that were retained, None for the others."""
        kept = dict(zip(self._outputs_to_retain, self._retained_outputs, strict=False))
        return tuple([kept.get(k) for k in range(len(self.outputs))])

    def add_hook(self, hook: FunctionHook, name: str | None = None) -> None:
        """Run a hook before and after this function alone. Errors: KeyError for a name taken."""
        if not isinstance(hook, FunctionHook):
            raise TypeError(f"a hook must be a FunctionHook, got {type(hook).__name__}")
        name = hook.name if name is None else name
        if name in self.local_function_hooks:
            raise KeyError(f"{self.label} has a hook named {name!r} already")
        self.local_function_hooks[name] = hook
        hook.added(self)

    def delete_hook(self, name: str) -> None:
        """Take a hook away. Errors: KeyError where there is none of that name."""
        if name not in self.local_function_hooks:
            raise KeyError(f"{self.label} has no hook named {name!r}")
        self.local_function_hooks.pop(name).deleted(self)

    @property
    def local_function_hooks(self) -> dict[str, FunctionHook]:
        """The hooks of this function, by name."""
        if self._local_hooks is None:
            self._local_hooks = {}
        return self._local_hooks

    def retain_inputs(self, indexes: Sequence[int]) -> None:
        """In `forward`: keep these inputs for `get_retained_inputs`."""
        self._to_retain = tuple(indexes)

    def retain_outputs(self, indexes: Sequence[int]) -> None:
        """In `forward`: keep these outputs for `get_retained_outputs`."""
        self._outputs_to_retain = tuple(indexes)

    def get_retained_inputs(self) -> tuple[Variable, ...]:
        """In `backward`: the retained inputs as Variables of the graph."""
        if self.inputs is None:
            raise RuntimeError(f"{self.label} was unchained")
        return tuple([self.inputs[k].get_variable() for k in self._to_retain])

    def get_retained_outputs(self) -> tuple[Variable, ...]:
        """In `backward`: the retained outputs as Variables of the graph."""
        found = []
        for k, data in zip(self._outputs_to_retain, self._retained_outputs, strict=True):
            node = self.outputs[k]()
            variable = None if node is None else node.get_variable_or_none()
            if variable is None:
                variable = Variable.__new__(Variable)
                variable._data, variable._grad = data, None
                if node is None:  # nobody holds this output any more
                    node = VariableNode(variable, None, True)
                    node.creator_node, node.rank = self, self.rank + 1
                    self.outputs = (
                        *self.outputs[:k], weakref.ref(node), *self.outputs[k + 1 :]
                    )  # fmt: skip
                else:
                    node._variable = weakref.ref(variable)
                variable._node = node
            found.append(variable)
        return tuple(found)

    def apply(self, inputs: Sequence[Any]) -> tuple[Variable, ...]:
        """Compute, and record the call in the graph if an input requires a gradient.

        Inputs are Variables or arrays. Errors: TypeError where `forward` returns no tuple of
        arrays.
        """
        if self.inputs is not None:
            raise RuntimeError(f"{self.label}: a function object can be applied only once")
        variables = [as_variable(x) for x in inputs]
        arrays = tuple([v._data for v in variables])
        if type(self).check_type_forward is not _UNCHECKED and config.type_check:
            check_types(self, arrays, self.label)
        hooks = hooks_of(self)
        for hook in hooks:
            hook.forward_preprocess(self, arrays)
        outputs = self.forward(arrays)
        if type(outputs) is not tuple:
            raise TypeError(
                f"{self.label}.forward must return a tuple of arrays, got {type(outputs).__name__}"
            )
        for hook in hooks:
            hook.forward_postprocess(self, arrays)
        if config.debug:
            for y in outputs:
                check_no_nan(y, f"a result of {self.label}")
        needed = config.enable_backprop and any(v._node.requires_grad for v in variables)
        results = tuple([Variable(y, requires_grad=needed) for y in outputs])
        if needed:
            nodes = [v._node for v in variables]
            for k in self._to_retain:
                nodes[k].data = arrays[k]
            self._retained_outputs = tuple([outputs[k] for k in self._outputs_to_retain])
            self.inputs = tuple(nodes)
            self.rank = rank = max([n.rank for n in nodes])
            self.site = current_site(2)
            for y in results:
                y._node.creator_node = self
                y._node.rank = rank + 1
            self.outputs = tuple([weakref.ref(y._node) for y in results])
        return results

    def __call__(self, *inputs: Any) -> Any:
        """`apply` of several arguments; the Variable where there is one result."""
        outputs = self.apply(inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def unchain(self) -> None:
        """Forget inputs and outputs: nothing flows back through this call."""
        for ref in self.outputs:
            node = ref()
            if node is not None:
                node.unchain()
        self.inputs = None


_UNCHECKED = FunctionNode.check_type_forward


def check_types(function: Any, arrays: tuple[Any, ...], name: str) -> None:
    """Ask a user's `check_type_forward`. Errors: its own, with the function's name and inputs."""
    try:
        function.check_type_forward(types_of(arrays))
    except InvalidType as error:
        given = ", ".join(f"{x.dtype}{list(x.shape)}" for x in arrays)
        raise InvalidType(f"{name} of ({given}): {error}") from None


class Function:
    """A function whose `backward` computes with arrays: differentiable once.

    `forward(inputs)` and `backward(inputs, grad_outputs)` take and return tuples of arrays; all
    inputs are retained unless `forward` says otherwise. Call the object with Variables.

    >>> import numpy as np
    >>> from bibun.variable import Function, Variable
    >>> class Exp(Function):
    ...     def forward(self, inputs):
    ...         return np.exp(inputs[0]),
    ...     def backward(self, inputs, grad_outputs):
    ...         return np.exp(inputs[0]) * grad_outputs[0],
    >>> x = Variable(np.array(0.0))
    >>> y = Exp()(x)
    >>> y.backward()
    >>> x.grad_var
    variable(1.0)
    """

    node: _Adapter | None = None
    _retain: tuple[int, ...] | None = None

    def __call__(self, *inputs: Any) -> Any:
        node = _Adapter(self)
        self.node = node
        outputs = node.apply(inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def label(self) -> str:
        return type(self).__name__

    @property
    def inputs(self) -> Any:
        return None if self.node is None else self.node.inputs

    @property
    def outputs(self) -> Any:
        return None if self.node is None else self.node.outputs

    @property
    def rank(self) -> int:
        return 0 if self.node is None else self.node.rank

    def retain_inputs(self, indexes: Sequence[int]) -> None:
        """In `forward`: `backward` looks only at these inputs, the others are None there."""
        self._retain = tuple(indexes)

    def check_type_forward(self, in_types: Any) -> None:
        """Before `forward`, to be written by subclasses: see `bibun.variable.utils.type_check`."""

    def forward(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Output arrays from input arrays: to be written, as this or as `forward_cpu`."""
        return self.forward_cpu(inputs)

    def forward_cpu(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """`forward`; the name where there is one for another processor too."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(inputs)")

    def backward(
        self, inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Gradient arrays of all inputs: to be written, as this or as `backward_cpu`."""
        return self.backward_cpu(inputs, grad_outputs)

    def backward_cpu(
        self, inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """`backward`; without either the inputs have no gradients."""
        return (None,) * len(inputs)


class _Adapter(FunctionNode):
    """A `Function` as a node of the graph."""

    def __init__(self, function: Function) -> None:
        self.function = function

    @property
    def label(self) -> str:
        return self.function.label

    @property
    def creator(self) -> Any:
        return self.function

    def check_type_forward(self, in_types: Any) -> None:
        self.function.check_type_forward(in_types)

    def forward(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        outputs = self.function.forward(inputs)
        kept = self.function._retain
        self.retain_inputs(range(len(inputs)) if kept is None else kept)
        return outputs

    def backward(
        self, indexes: tuple[int, ...], grad_outputs: tuple[Variable | None, ...]
    ) -> Sequence[Variable | None]:
        if config.enable_backprop:
            raise RuntimeError(
                f"{self.label} is a Function, whose backward works on arrays, so its gradient "
                "cannot be differentiated. For enable_double_backprop write it as a FunctionNode"
            )
        assert self.inputs is not None
        arrays: list[Any] = [None] * len(self.inputs)
        for k, v in zip(self._to_retain, self.get_retained_inputs(), strict=True):
            arrays[k] = v._data
        found = self.function.backward(
            tuple(arrays), tuple([None if g is None else g._data for g in grad_outputs])
        )
        if len(found) != len(arrays):
            raise ValueError(
                f"{self.label}.backward returned {len(found)} gradients for {len(arrays)} inputs"
            )
        return [None if found[k] is None else as_variable(found[k]) for k in indexes]


def unwrapped(y: Value, plain: bool) -> Any:
    """A result as its inputs were: NumPy's array where `plain`, else bibun's value."""
    return y._value if plain and type(y) is Array else y


def all_plain(arrays: Sequence[Any]) -> bool:
    """Whether no input is a bibun value."""
    return not any(isinstance(a, Value) for a in arrays)

