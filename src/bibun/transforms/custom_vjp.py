"""`custom_vjp`: a function with a forward and a backward pass of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.errors import DifferentiationError
from bibun.ir.types import Type
from bibun.ops.control.custom_vjp import Passes
from bibun.ops.control.custom_vjp import custom_vjp as custom_vjp_op
from bibun.ops.families.tangents import has_tangent, zeros_of
from bibun.trace.core import as_value, type_of
from bibun.transforms.custom import (
    CustomRule,
    checked_derivative,
    flat_outputs,
    full_tangents,
)
from bibun.transforms.flat import wraps
from bibun.transforms.staging import closure_convert
from bibun.tree import Partial, broadcast_prefix, flatten, unflatten
from bibun.tree import map as tree_map


class custom_vjp(CustomRule):  # noqa: N801  (a decorator)
    """Give a function its own reverse-mode rule.

    `f.defvjp(fwd, bwd)`: `fwd(*args)` returns `(out, residuals)`, `bwd(residuals, ct)` a tuple
    with the cotangent of each argument, None for zero. Arguments in `nondiff_argnums` or
    `nondiff_argnames` are passed to `fwd` in their places and to `bwd` first:
    `bwd(*static, residuals, ct)`. There is no forward mode: `jvp` of such a function is a
    DifferentiationError that names it.

    >>> from bibun.transforms import custom_vjp, grad
    >>> @custom_vjp
    ... def clip_gradient(x):
    ...     return x
    >>> clip_gradient.defvjp(lambda x: (x, None), lambda _, ct: (min(ct, 1.0),))
    >>> float(grad(lambda x: 5.0 * clip_gradient(x))(2.0))
    1.0
    """

    fwd: Callable[..., Any] | None = None
    bwd: Callable[..., Any] | None = None

    def defvjp(
        self,
        fwd: Callable[..., Any],
        bwd: Callable[..., Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None:
        """Set the forward and the backward pass.

        `optimize_remat` is a hint that changes no result; here there is nothing for it to do.
        """
        if symbolic_zeros:
            raise NotImplementedError(
                "symbolic_zeros=True is not supported: rules get zeros as arrays"
            )
        self.fwd = fwd
        self.bwd = bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.fwd is None or self.bwd is None:
            raise DifferentiationError(
                f"the custom_vjp function {self.name!r} has no rule: "
                f"call {self.name}.defvjp(fwd, bwd)"
            )
        static, dynamic, join = self.separate(self.positional(args, kwargs))
        leaves, in_tree = flatten(tuple(dynamic))
        values = [as_value(x) for x in leaves]
        call = _Call(self, static, join, in_tree)
        outs = custom_vjp_op(
            *values,
            program=call.program,
            rule=Passes(call.forward, call.backward, call.outputs),
            name=self.name,
            num_consts=0,
            owner=self,
        )
        return unflatten(call.out_tree, outs)


class _Call:
    """One call of a `custom_vjp` function: its three flat functions and what they learn."""

    def __init__(
        self, owner: custom_vjp, static: Sequence[Any], join: Callable[..., Any], in_tree: Any
    ) -> None:
        self.owner = owner
        self.static = static
        self.join = join
        self.in_tree = in_tree
        self.out_tree: Any = None
        self.res_tree: Any = None
        self.in_types: list[Type] = []
        self.out_types: list[Type] = []
        self.outputs = [0]  # the op reads how many outputs `forward` returned

    def program(self, *xs: Any) -> list[Any]:
        out = self.owner.fun(*self.join(unflatten(self.in_tree, xs)))
        outs, self.out_tree = flat_outputs(out)
        return outs

    def forward(self, *xs: Any) -> list[Any]:
        pair = self.owner.fwd(*self.join(unflatten(self.in_tree, xs)))  # type: ignore[misc]
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DifferentiationError(
                f"fwd of custom_vjp function {self.owner.name!r} must return a pair "
                f"(out, residuals), got {type(pair).__name__}"
            )
        outs, out_tree = flat_outputs(pair[0])
        if self.out_tree is not None and self.out_tree != out_tree:
            raise DifferentiationError(
                f"fwd of custom_vjp function {self.owner.name!r} returns {out_tree} as its first "
                f"result, but the function itself returns {self.out_tree}"
            )
        self.out_tree = out_tree
        residuals, self.res_tree = flat_outputs(pair[1])
        self.in_types = [type_of(x) for x in xs]
        self.out_types = [type_of(o) for o in outs]
        self.outputs[0] = len(outs)
        return [*outs, *residuals]

    def backward(self, *xs: Any) -> list[Any]:
        count = self.res_tree.num_leaves
        residuals = unflatten(self.res_tree, xs[:count])
        cts = full_tangents(self.out_types, xs[count:])
        result = self.owner.bwd(*self.static, residuals, unflatten(self.out_tree, cts))  # type: ignore[misc]
        name = f"bwd of custom_vjp function {self.owner.name!r}"
        if isinstance(result, list):
            result = tuple(result)
        args = unflatten(self.in_tree, range(len(self.in_types)))
        if not isinstance(result, tuple) or len(result) != len(args):
            got = (
                f"a tuple of length {len(result)}"
                if isinstance(result, tuple)
                else type(result).__name__
            )
            raise DifferentiationError(
                f"{name} must return a tuple with one cotangent for each of the {len(args)} "
                f"differentiable arguments, got {got}"
            )
        flat: list[Any] = []
        for given, arg in zip(result, args, strict=True):
            flat += self._leaves(given, arg, name)
        what = f"{name} returned a cotangent of type"
        return [
            checked_derivative(ct, t, what)
            for ct, t in zip(flat, self.in_types, strict=True)
            if has_tangent(t)
        ]

    @staticmethod
    def _leaves(given: Any, arg: Any, name: str) -> list[Any]:
        """The cotangent of one argument, leaf by leaf; None stands for any zero subtree."""
        leaves, tree = flatten(given)
        _, wanted = flatten(arg)
        if tree == wanted:
            return leaves
        try:
            return broadcast_prefix(given, arg, _none_or_leaf)
        except ValueError:
            raise DifferentiationError(
                f"{name} must return cotangents with the structure of the arguments: "
                f"got {tree}, expected {wanted}"
            ) from None


def _none_or_leaf(x: Any) -> bool:
    return x is None


def custom_gradient(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns its own pullback: `fun(*args)` -> `(out, vjp_fun)`.

    `vjp_fun(ct)` returns the cotangent of each argument (for one argument, bare or in a tuple).
    It may use traced values from inside `fun`. See `custom_vjp` for what rules must obey.

    >>> from bibun.transforms import custom_gradient, grad
    >>> @custom_gradient
    ... def f(x):
    ...     return x * x, lambda ct: ct * 7.0
    >>> float(grad(f)(3.0))
    7.0
    """

    @custom_vjp
    def wrapped(*args: Any) -> Any:
        return fun(*args)[0]

    def forward(*args: Any) -> Any:
        out, pull = fun(*args)
        converted, consts = closure_convert(
            pull, tree_map(lambda x: zeros_of(type_of(x).tangent()), out)
        )
        return out, Partial(_as_tuple(converted), consts)

    def backward(pull: Any, ct: Any) -> Any:
        return pull.func(ct, *pull.args[0])

    wrapped.defvjp(forward, backward)
    return wraps(fun, "custom_gradient")(lambda *args: wrapped(*args))


def _as_tuple(pull: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    def pulled(*args: Any) -> tuple[Any, ...]:
        result = pull(*args)
        return result if isinstance(result, tuple) else (result,)

    return pulled
