"""`Variable`: an array that remembers how it was computed.

A computation is recorded while it runs ("define by run"):

    Variable ── VariableNode ── FunctionNode ── VariableNode ── Variable
      (y)                        (creator)                        (x)

Nodes carry the graph and Variables the data, so that an intermediate array that no backward
step needs is freed as soon as the user lets go of it: a node keeps its array only if a
function retained it. Functions hold their outputs weakly; there are no cycles, and a graph
vanishes with its last Variable.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bibun.array import Array, Value
from bibun.trace.core import as_value, concrete

if TYPE_CHECKING:
    from bibun.variable.function_node import FunctionNode


class VariableNode:
    """The place of a Variable in the graph. It outlives the Variable while the graph needs it."""

    __slots__ = (
        "_variable", "creator_node", "data", "dtype", "name", "rank", "requires_grad", "shape",
        "__weakref__",
    )  # fmt: skip

    def __init__(self, variable: Variable, name: str | None, requires_grad: bool) -> None:
        self._variable = weakref.ref(variable)
        self.creator_node: FunctionNode | None = None
        self.data: Any = None  # kept only for a function that retained it
        self.name = name
        self.rank = 0
        self.requires_grad = requires_grad
        array = variable._data
        self.shape = None if array is None else array.shape
        self.dtype = None if array is None else array.dtype

    @property
    def creator(self) -> Any:
        """The function that made it; a user's `Function` object where there is one."""
        node = self.creator_node
        return node.creator if node is not None else None

    @property
    def label(self) -> str:
        """Shape and dtype, for drawings."""
        if not self.shape:
            return str(self.dtype) if self.shape == () else "variable"
        return f"({', '.join(map(str, self.shape))}), {self.dtype}"

    def get_variable_or_none(self) -> Variable | None:
        """The Variable of this node if somebody still holds it."""
        return self._variable()

    def get_variable(self) -> Variable:
        """The Variable of this node, made anew from the retained array if need be."""
        found = self._variable()
        if found is None:
            found = Variable.__new__(Variable)
            found._data, found._grad, found._node = self.data, None, self
            self._variable = weakref.ref(found)
        return found

    def retain_data(self) -> None:
        """Keep the array alive as long as this node."""
        found = self._variable()
        if found is not None:
            self.data = found._data
        elif self.data is None:
            raise RuntimeError("cannot retain the array of a Variable that is gone")

    def set_creator_node(self, node: FunctionNode) -> None:
        """Say which function made it."""
        self.creator_node = node
        self.rank = node.rank + 1

    def set_creator(self, creator: Any) -> None:
        """Say which function made it, a `FunctionNode` or a `Function` that has been called."""
        self.set_creator_node(getattr(creator, "node", None) or creator)

    @property
    def grad(self) -> Any:
        """The gradient of its Variable as an array; None where nobody holds that any more."""
        found = self._variable()
        return None if found is None else found.grad

    @property
    def grad_var(self) -> Variable | None:
        """The gradient of its Variable, as a Variable."""
        found = self._variable()
        return None if found is None else found.grad_var

    def unchain(self) -> None:
        """Cut the link to the function that made it."""
        self.creator_node = None


class Variable:
    """An array whose computations are recorded, for `backward()` and `grad()`.

    `data`: a NumPy array, whose results are NumPy arrays too, or a bibun array or tracer.
    `requires_grad=False`: a constant. Errors: TypeError for what is no array.

    >>> import numpy as np
    >>> from bibun.variable import Variable
    >>> x = Variable(np.array([1.0, 2.0, 3.0]))
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("_data", "_grad", "_node", "__weakref__")
    __array_priority__ = 300  # above ndarray and bibun's arrays

    if TYPE_CHECKING:  # what `bibun.variable.operators` installs, for readers of types
        # fmt: off
        def __add__(self, other: Any) -> Variable: ...
        def __radd__(self, other: Any) -> Variable: ...
        def __sub__(self, other: Any) -> Variable: ...
        def __rsub__(self, other: Any) -> Variable: ...
        def __mul__(self, other: Any) -> Variable: ...
        def __rmul__(self, other: Any) -> Variable: ...
        def __truediv__(self, other: Any) -> Variable: ...
        def __rtruediv__(self, other: Any) -> Variable: ...
        def __floordiv__(self, other: Any) -> Variable: ...
        def __rfloordiv__(self, other: Any) -> Variable: ...
        def __mod__(self, other: Any) -> Variable: ...
        def __rmod__(self, other: Any) -> Variable: ...
        def __pow__(self, other: Any) -> Variable: ...
        def __rpow__(self, other: Any) -> Variable: ...
        def __matmul__(self, other: Any) -> Variable: ...
        def __rmatmul__(self, other: Any) -> Variable: ...
        def __neg__(self) -> Variable: ...
        def __pos__(self) -> Variable: ...
        def __abs__(self) -> Variable: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __getitem__(self, index: Any) -> Variable: ...
        def __getattr__(self, name: str) -> Any: ...
        # fmt: on

    def __init__(
        self,
        data: Any = None,
        *,
        name: str | None = None,
        grad: Any = None,
        requires_grad: bool = True,
    ) -> None:
        self._data = checked_array(data)
        self._node = VariableNode(self, name, bool(requires_grad))
        self._grad: Variable | None = None
        if grad is not None:
            self.grad = grad

    # the array ------------------------------------------------------------------------------

    @property
    def array(self) -> Any:
        """The array, as it was given or computed."""
        return self._data

    @array.setter
    def array(self, data: Any) -> None:
        self._data = checked_array(data)
        self._node.shape, self._node.dtype = self._data.shape, self._data.dtype
        if self._node.data is not None:
            self._node.data = self._data

    data = array

    @property
    def value(self) -> Value:
        """The array as a bibun value, sharing memory."""
        if self._data is None:
            raise RuntimeError(f"{self!r} has no array yet")
        return as_value(self._data)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def xp(self) -> Any:
        """The module of the array: `numpy` or `bibun.numpy`."""
        if isinstance(self._data, Value):
            import bibun.numpy as xp

            return xp
        return np

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Variable]:
        if not self.shape:
            raise TypeError("iteration over a 0-d Variable")
        return (self[k] for k in range(self.shape[0]))  # type: ignore[index]

    def to_cpu(self) -> None:
        """Nothing to do: arrays are in the memory of the processor."""

    def item(self) -> Any:
        """The element as a Python number. Errors: ValueError if there are more."""
        return self._data.item()

    def __float__(self) -> float:
        return float(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __bool__(self) -> bool:
        return bool(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The numbers alone: `np.asarray(v)` and `np.sum([v, w])` leave the graph."""
        known = concrete(self.value)
        if known is None:
            return np.asarray(self.value)  # a tracer's own error
        return np.array(known, dtype, copy=copy)

    def copydata(self, other: Variable) -> None:
        """Take over the numbers of another Variable of the same shape, in place if possible.

        Errors: ValueError for another shape.
        """
        if self._data is not None and self.shape != other.shape:
            raise ValueError(f"copydata: to a Variable of shape {self.shape} from {other.shape}")
        if isinstance(self._data, np.ndarray) and not isinstance(other._data, Value):
            self._data[...] = other._data
        else:
            self.array = other._data

    # the gradient ---------------------------------------------------------------------------

    @property
    def grad(self) -> Any:
        """The gradient as an array, None before `backward()`."""
        return None if self._grad is None else self._grad._data

    @grad.setter
    def grad(self, g: Any) -> None:
        self.grad_var = None if g is None else Variable(g, requires_grad=False)

    @property
    def grad_var(self) -> Variable | None:
        """The gradient as a Variable, which `enable_double_backprop` makes differentiable."""
        return self._grad

    @grad_var.setter
    def grad_var(self, g: Variable | None) -> None:
        if g is not None:
            if not isinstance(g, Variable):
                raise TypeError(f"grad_var must be a Variable or None, got {type(g).__name__}")
            if self._data is not None:
                check_gradient(g, self._node, "the gradient that was set")
        self._grad = g

    def cleargrad(self) -> None:
        """Forget the gradient."""
        self._grad = None

    def zerograd(self) -> None:
        """Set the gradient to zeros."""
        self._grad = constant_like(self, 0)

    def addgrad(self, other: Variable) -> None:
        """Add another Variable's gradient to this one's."""
        if other._grad is not None:
            self.accumulate(other._grad)

    def accumulate(self, g: Variable) -> None:
        """Add `g` to the gradient."""
        self._grad = g if self._grad is None else self._grad + g  # type: ignore[operator]

    # the graph ------------------------------------------------------------------------------

    @property
    def node(self) -> VariableNode:
        return self._node

    @property
    def creator(self) -> Any:
        """The function this Variable came from; None for a leaf."""
        return self._node.creator

    @property
    def creator_node(self) -> FunctionNode | None:
        return self._node.creator_node

    @property
    def name(self) -> str | None:
        return self._node.name

    @name.setter
    def name(self, name: str | None) -> None:
        self._node.name = name

    @property
    def rank(self) -> int:
        """The length of the longest way to a leaf."""
        return self._node.rank

    @property
    def label(self) -> str:
        return self._node.label

    @property
    def requires_grad(self) -> bool:
        return self._node.requires_grad

    def set_creator_node(self, node: FunctionNode) -> None:
        """Say which function made this Variable."""
        self._node.set_creator_node(node)

    def set_creator(self, creator: Any) -> None:
        """Say which function made it, a `FunctionNode` or a `Function` that has been called."""
        self._node.set_creator(creator)

    def retain_data(self) -> None:
        """Let the graph keep the array."""
        self._node.data = self._data

    def backward(
        self,
        retain_grad: bool = False,
        enable_double_backprop: bool = False,
        loss_scale: float | None = None,
    ) -> None:
        """Gradients of this Variable with respect to all that it was computed from.

        They are added to the `grad` of the leaves (`cleargrad()` first for a new start), and
        with `retain_grad` set on what lies between. The gradient of a Variable of one element
        with respect to itself is 1, or `loss_scale`, by which then all gradients are too large;
        others need `y.grad` set. With `enable_double_backprop` the gradients are themselves
        differentiable: see `grad_var`.

        Errors: ValueError for an array of several elements without `grad`.

        >>> import numpy as np
        >>> from bibun.variable import Variable
        >>> x = Variable(np.array(2.0))
        >>> y = x ** 3
        >>> y.backward(enable_double_backprop=True)
        >>> gx = x.grad_var
        >>> x.cleargrad()
        >>> gx.backward()
        >>> x.grad_var
        variable(12.0)
        """
        from bibun.variable.backprop import backward

        backward([self], None, retain_grad, enable_double_backprop, loss_scale)

    def unchain(self) -> None:
        """Forget how this Variable was computed."""
        self._node.unchain()

    def unchain_backward(self) -> None:
        """Forget how this Variable and all that it depends on were computed."""
        stack = [self.creator_node]
        while stack:
            function = stack.pop()
            if function is not None and function.inputs is not None:
                stack += [x.creator_node for x in function.inputs]
                function.unchain()

    # text -----------------------------------------------------------------------------------

    def _text(self, separator: str) -> str:
        prefix = f"variable {self.name}(" if self.name else "variable("
        known = None if self._data is None else concrete(self._data)
        if known is None:
            body = repr(self._data)
        elif known.ndim == 0:
            body = str(known[()])
        elif known.size or known.shape == (0,):
            body = np.array2string(known, separator=separator, prefix=prefix)
        else:
            body = f"[], shape={known.shape}"
        return f"{prefix}{body})"

    def __repr__(self) -> str:
        return self._text(", ")

    def __str__(self) -> str:
        return self._text(" ")

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else str(self)

    def summary(self) -> str:
        """Name, shape and dtype in a line."""
        return f"<variable {self.name or f'at 0x{id(self):016x}'}: {self.label}>"

    def debug_print(self) -> str:
        """Several lines: what it holds, where it came from, its gradient."""
        known = None if self._data is None else concrete(self._data)
        numbers = (
            "no numbers"
            if known is None or not known.size
            else f"mean={known.mean():g}, std={known.std():g}"
        )
        g = self.grad
        return "\n".join(
            [
                self.summary(),
                f"- data: {type(self._data).__name__}, {numbers}",
                f"- creator: {getattr(self.creator, 'label', self.creator)}",
                f"- grad: {None if g is None else f'{type(g).__name__} of shape {g.shape}'}",
            ]
        )

    def __copy__(self) -> Variable:
        made = Variable.__new__(type(self))
        made._data, made._grad, made._node = self._data, self._grad, self._node
        return made

    def __reduce__(self) -> Any:
        grad = self.grad
        return _restore, (type(self), np.asarray(self), grad, self.name, self.requires_grad)


def _restore(cls: type, data: Any, grad: Any, name: str | None, requires_grad: bool) -> Variable:
    return cls(data, name=name, grad=grad, requires_grad=requires_grad)


class Parameter(Variable):
    """A Variable with a name, to be trained.

    `initializer`: an array, a number that `initialize(shape)` fills an array with (None: nan), or a
    function from a shape to an array.
    """

    __slots__ = ("initializer",)

    def __init__(self, initializer: Any = None, shape: Any = None, name: str | None = None):
        self.initializer = initializer
        if isinstance(initializer, np.ndarray | Value):
            super().__init__(initializer, name=name)
        else:
            super().__init__(None, name=name)
            if shape is not None:
                self.initialize(shape)

    @property
    def is_initialized(self) -> bool:
        return self._data is not None

    def initialize(self, shape: Sequence[int] | int) -> None:
        """Make the array. A callable initializer is given the shape."""
        make = self.initializer
        fill = np.nan if make is None else make
        self.array = np.asarray(make(shape)) if callable(make) else np.full(shape, float(fill))


def checked_array(data: Any) -> Any:
    """An array for a Variable to hold. Errors: TypeError."""
    if data is None or type(data) is np.ndarray or isinstance(data, Value):
        array = data
    elif isinstance(data, np.ndarray | np.generic | float | complex):
        array = np.asarray(data)
    elif isinstance(data, Variable):
        raise TypeError(
            "a Variable holds an array, not another Variable; use as_variable(x), or x.array"
        )
    else:
        raise TypeError(
            f"a Variable holds a NumPy or bibun array, got {type(data).__name__}: "
            f"{str(data)[:60]!r}. Write Variable(np.array(...))"
        )
    if array is not None and array.dtype.kind not in "biufc":
        raise TypeError(f"a Variable holds numbers, got an array of dtype {array.dtype}")
    return array


def as_variable(x: Any) -> Variable:
    """`x` if it is a Variable, else a constant Variable of it.

    >>> import numpy as np
    >>> from bibun.variable import as_variable
    >>> as_variable(np.array(1.0)).requires_grad
    False
    """
    return x if isinstance(x, Variable) else Variable(x, requires_grad=False)


def as_array(x: Any) -> Any:
    """The array of a Variable; what is none as it is.

    >>> import numpy as np
    >>> from bibun.variable import Variable, as_array
    >>> as_array(Variable(np.array([1.0])))
    array([1.])
    """
    return x._data if isinstance(x, Variable) else x


def constant_like(x: Variable | VariableNode, fill: float) -> Variable:
    """A constant Variable of one number, in shape and dtype of `x`."""
    array: Any = np.full(x.shape, fill, x.dtype)  # type: ignore[arg-type]
    holder = x if isinstance(x, Variable) else x.get_variable_or_none()
    if holder is not None and isinstance(holder._data, Value):
        array = Array(array)
    return Variable(array, requires_grad=False)


def check_no_nan(array: Any, what: str) -> None:
    """For `set_debug`. Errors: RuntimeError where an array holds nan."""
    known = concrete(as_value(array))
    if known is not None and known.dtype.kind in "fc" and np.isnan(known).any():
        raise RuntimeError(f"nan in {what}, an array of shape {known.shape} (bibun.variable.debug)")


def check_gradient(g: Variable, node: VariableNode, what: str) -> None:
    """Shape and dtype of a gradient. Errors: ValueError, TypeError."""
    if g.shape != node.shape:
        raise ValueError(
            f"{what} has shape {g.shape}, but the Variable"
            f"{f' {node.name!r}' if node.name else ''} has shape {node.shape}"
        )
    if g.dtype != node.dtype:
        raise TypeError(
            f"{what} has dtype {g.dtype}, but the Variable"
            f"{f' {node.name!r}' if node.name else ''} has dtype {node.dtype}"
        )
