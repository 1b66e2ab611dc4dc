"""Functions of arrays made into functions of Variables.

`lift(fun)` is the only way that bibun's own functions enter the graph: NumPy's names, Chainer's
names, operators, and any function a user has written for bibun, loops and solvers included.
The call becomes one node, whose backward step is the pullback of its recipe.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import tree
from bibun.array import Array, Value
from bibun.dtypes import scalar_dtype
from bibun.trace.core import as_value
from bibun.variable.configuration import config
from bibun.variable.function_hook import get_function_hooks
from bibun.variable.function_node import FunctionNode, all_plain, unwrapped
from bibun.variable.recipe import Recipe, merge, recipe_for
from bibun.variable.variable import Variable, as_variable


class RecipeNode(FunctionNode):
    """A call of a recipe."""

    def __init__(self, recipe: Recipe, name: str, wanted: tuple[bool, ...]) -> None:
        self.recipe = recipe
        self.name = name
        self.wanted = wanted  # the inputs that may get a gradient

    @property
    def label(self) -> str:
        return self.name

    def forward(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        if config.enable_backprop and any(self.wanted):
            pullback = self.recipe.pullback(self.wanted)
            self._to_retain, self._outputs_to_retain = pullback.xs, pullback.ys
        plain = all_plain(inputs)
        return tuple([unwrapped(y, plain) for y in self.recipe([as_value(x) for x in inputs])])

    def backward(
        self, indexes: tuple[int, ...], grad_outputs: tuple[Variable | None, ...]
    ) -> Sequence[Variable | None]:
        pullback = self.recipe.pullback(self.wanted)
        targets = [k for k in indexes if self.wanted[k]]
        if not targets:
            return [None] * len(indexes)
        seeds = []
        for k in pullback.live:
            g = grad_outputs[k]
            if g is None:
                t = self.recipe.out_types[k]
                g = Variable(np.zeros(t.shape, t.dtype), requires_grad=False)  # type: ignore[union-attr]
            seeds.append(g)
        given = [*self.get_retained_inputs(), *self.get_retained_outputs(), *seeds]
        found = iter(run(pullback.only(targets), given, f"{self.name}Grad"))
        return [next(found) if self.wanted[k] else None for k in indexes]


def _watched() -> bool:
    """Whether calls must be nodes although nothing is recorded: for hooks, and to look for nan."""
    return bool(get_function_hooks()) or config.debug


def run(recipe: Recipe, inputs: Sequence[Any], name: str) -> tuple[Variable, ...]:
    """Apply a recipe to Variables and arrays; recorded if an input requires a gradient."""
    variables = [as_variable(x) for x in inputs]
    wanted = tuple([v._node.requires_grad and v._data.dtype.kind in "fc" for v in variables])
    if (config.enable_backprop and any(wanted)) or _watched():
        return RecipeNode(recipe, name, wanted).apply(variables)
    arrays = [v._data for v in variables]
    plain = all_plain(arrays)
    outs = recipe([as_value(x) for x in arrays])
    return tuple([Variable(unwrapped(y, plain), requires_grad=False) for y in outs])


def apply_function(
    fun: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    name: str | None = None,
    memo: bool = True,
) -> Any:
    """`fun(*args, **kwargs)`, where the Variables and arrays among the leaves are inputs.

    The result has the structure that `fun` returned, its arrays as Variables.
    """
    leaves, structure = tree.flatten((args, kwargs))
    inputs, static = [], []
    for k, x in enumerate(leaves):
        if isinstance(x, Variable | np.ndarray | Value):
            inputs.append(x)
        elif isinstance(x, np.generic) and x.dtype.kind in "fc":
            inputs.append(np.asarray(x))
        else:
            static.append((k, x))
    return _finish(fun, structure, static, inputs, name, memo)


def apply_binary(fun: Callable[..., Any], x: Any, y: Any, name: str) -> Any:
    """`fun(x, y)` where Python numbers are inputs too: no program is made for each number."""
    operands = []
    for a in (x, y):
        if type(a) in (float, int, bool, complex):
            a = Variable(Array(np.asarray(a, scalar_dtype(a)), True), requires_grad=False)
        elif isinstance(a, np.generic):
            a = np.asarray(a)
        operands.append(a)
    return _finish(fun, _PAIR, (), operands, name, True)


_PAIR = tree.structure(((0, 0), {}))


def _finish(
    fun: Callable[..., Any],
    structure: Any,
    static: Sequence[tuple[int, Any]],
    inputs: Sequence[Any],
    name: str | None,
    memo: bool,
) -> Any:
    arrays = [x._data if isinstance(x, Variable) else x for x in inputs]
    values = [as_value(a) for a in arrays]
    recorded = config.enable_backprop and any(
        isinstance(x, Variable) and x._node.requires_grad for x in inputs
    )
    # a weak number beside NumPy arrays does not make the result bibun's
    plain = not any(isinstance(a, Value) and not a.weak for a in arrays)
    if not recorded and not _watched():
        args, kwargs = tree.unflatten(structure, merge(static, values))
        outs, out_tree = tree.flatten(fun(*args, **kwargs))
        results = [
            Variable(unwrapped(as_value(y), plain), requires_grad=False) for y in outs
        ]
        return tree.unflatten(out_tree, results)
    recipe, out_tree = recipe_for(fun, structure, static, values, memo)
    if plain:
        inputs = [
            Variable(x._data._value, requires_grad=False)
            if isinstance(x, Variable) and type(x._data) is Array
            else x
            for x in inputs
        ]
    return tree.unflatten(out_tree, run(recipe, inputs, name or _label(fun)))


def _label(fun: Callable[..., Any]) -> str:
    """`mean_squared_error` is drawn as MeanSquaredError."""
    name = getattr(fun, "__name__", type(fun).__name__)
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def lift(
    fun: Callable[..., Any], *, name: str | None = None, memo: bool = False
) -> Callable[..., Any]:
    """A function of arrays as a function of Variables, one node of the graph.

    Anything bibun can differentiate will do: compiled functions, `scan`, `while_loop`,
    `custom_vjp`, solvers. Arguments and result may be pytrees; what is no array is a static
    argument. The function is traced, at each call, or with `memo` once for each kind of argument:
    then it must depend on nothing but its arguments.

    >>> import numpy as np, bibun.numpy as bnp
    >>> from bibun.variable import Variable, lift
    >>> norm = lift(lambda x: bnp.sqrt(bnp.sum(x * x)))
    >>> x = Variable(np.array([3.0, 4.0]))
    >>> norm(x).backward()
    >>> x.grad
    array([0.6, 0.8])
    """

    def lifted(*args: Any, **kwargs: Any) -> Any:
        return apply_function(fun, args, kwargs, name, memo)

    with contextlib.suppress(AttributeError):
        functools.update_wrapper(lifted, fun)
    return lifted
