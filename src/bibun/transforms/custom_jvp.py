"""`custom_jvp`: a function with a forward rule of its own, from which reverse mode follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun.errors import DifferentiationError
from bibun.ops.control.custom_jvp import custom_jvp as custom_jvp_op
from bibun.ops.families.tangents import add_tangents, has_tangent
from bibun.trace.core import as_value, type_of
from bibun.transforms.custom import (
    CustomRule,
    checked_derivative,
    flat_outputs,
    full_tangents,
)
from bibun.tree import flatten, unflatten


class custom_jvp(CustomRule):  # noqa: N801  (a decorator)
    """Give a function its own derivative rule.

    `f.defjvp(rule)` sets it: `rule(primals, tangents)` gets two tuples and returns
    `(out, tangent_out)`; it must be linear in the tangents. Arguments in `nondiff_argnums` or
    `nondiff_argnames` (functions, options) are not differentiated and come first:
    `rule(*static, primals, tangents)`. Tangents of integer arguments are float0 zeros. The rule is
    used by every transformation, reverse mode and `vmap` among them; on concrete values it may use
    plain Python control flow.

    >>> from bibun.ops.elementwise import cos, sin
    >>> from bibun.transforms import custom_jvp, grad
    >>> @custom_jvp
    ... def f(x):
    ...     return sin(x)
    >>> @f.defjvp
    ... def f_jvp(primals, tangents):
    ...     return sin(*primals), 2.0 * cos(*primals) * tangents[0]
    >>> float(grad(f)(0.0))
    2.0
    """

    rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Set the rule; returns it, so it is also a decorator."""
        if symbolic_zeros:
            raise NotImplementedError(
                "symbolic_zeros=True is not supported: rules get zeros as arrays"
            )
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set one rule for each argument: `rule(tangent, out, *primals)`; None means zero."""
        if self.nondiff_argnums:
            raise TypeError("defjvps cannot be used with nondiff_argnums; use defjvp")

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
            out = self(*primals)
            leaves, out_tree = flatten(out)
            total: list[Any] = [None] * len(leaves)
            for r, t in zip(rules, tangents, strict=True):
                if r is not None:
                    part = flatten(r(t, out, *primals))[0]
                    total = [add_tangents(a, b) for a, b in zip(total, part, strict=True)]
            return out, unflatten(out_tree, total)

        self.defjvp(rule)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        rule = self.rule
        if rule is None:
            raise DifferentiationError(
                f"the custom_jvp function {self.name!r} has no rule: call {self.name}.defjvp(...)"
            )
        static, dynamic, join = self.separate(self.positional(args, kwargs))
        leaves, in_tree = flatten(tuple(dynamic))
        values = [as_value(x) for x in leaves]
        out_tree: Any = None

        def program(*xs: Any) -> list[Any]:
            nonlocal out_tree
            outs, out_tree = flat_outputs(self.fun(*join(unflatten(in_tree, xs))))
            return outs

        def derivative(*xs: Any) -> list[Any]:
            nonlocal out_tree
            primals = xs[: len(values)]
            tangents = full_tangents([type_of(p) for p in primals], xs[len(values) :])
            pair = rule(*static, unflatten(in_tree, primals), unflatten(in_tree, tangents))
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise DifferentiationError(
                    f"the rule of custom_jvp function {self.name!r} must return a pair "
                    f"(out, tangent_out), got {type(pair).__name__}"
                )
            outs, out_tree = flat_outputs(pair[0])
            given, given_tree = flatten(pair[1], _is_none)
            if len(given) != len(outs):
                raise DifferentiationError(
                    f"the rule of custom_jvp function {self.name!r} must return a tangent with "
                    f"the structure of the output: got {given_tree}, expected {out_tree}"
                )
            what = f"the rule of custom_jvp function {self.name!r} returned a tangent of type"
            types = [type_of(o) for o in outs]
            return outs + [
                checked_derivative(t, y, what) if has_tangent(y) else False
                for t, y in zip(given, types, strict=True)
            ]

        outs = custom_jvp_op(
            *values, program=program, rule=derivative, name=self.name, num_consts=0, owner=self
        )
        return unflatten(out_tree, outs)


def _is_none(x: Any) -> bool:
    return x is None
