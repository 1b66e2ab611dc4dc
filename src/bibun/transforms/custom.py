"""What `custom_jvp` and `custom_vjp` share: arguments, static ones set apart, tree checks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from bibun.errors import DifferentiationError
from bibun.ir.types import Type
from bibun.ops.families.tangents import has_tangent, zeros_of
from bibun.trace.core import as_value, type_of
from bibun.transforms.flat import argnums_of_names, float0_zeros, name_of, normalize_argnums
from bibun.tree import flatten


class CustomRule:
    """A function whose derivative rule is given by its user."""

    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None:
        if not callable(fun):
            raise TypeError(
                f"{type(self).__name__} expects a function, got {type(fun).__name__}"
            )
        functools.update_wrapper(self, fun)
        self.fun = fun
        named = argnums_of_names(fun, nondiff_argnames, f"nondiff_argnames of {self.name}")
        numbers = [nondiff_argnums] if isinstance(nondiff_argnums, int) else nondiff_argnums
        self.nondiff_argnums = tuple(dict.fromkeys([*numbers, *named]))
        self._signature: inspect.Signature | None = None

    @property
    def name(self) -> str:
        return name_of(self.fun)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults filled in."""
        try:
            if self._signature is None:
                self._signature = inspect.signature(self.fun)
        except (ValueError, TypeError):
            if not kwargs:
                return args
            raise
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise TypeError(
                f"{type(self).__name__} {self.name}: the keyword-only arguments "
                f"{sorted(bound.kwargs)} cannot be passed on; rules take arguments by position"
            )
        return bound.args

    def separate(self, args: tuple[Any, ...]) -> tuple[list[Any], list[Any], Callable[..., Any]]:
        """Static arguments, the others, and the function that puts both together again."""
        static_at = (
            normalize_argnums(self.nondiff_argnums, len(args), f"nondiff_argnums of {self.name}")
            if self.nondiff_argnums
            else ()
        )
        static = [args[i] for i in static_at]
        others = [i for i in range(len(args)) if i not in static_at]
        if not static_at:
            return static, list(args), lambda values: values

        def join(values: Sequence[Any]) -> list[Any]:
            full: list[Any] = list(args)
            for i, v in zip(others, values, strict=True):
                full[i] = v
            return full

        return static, [args[i] for i in others], join


def flat_outputs(out: Any) -> tuple[list[Any], Any]:
    """The leaves of a function's result as values, and its structure."""
    leaves, tree = flatten(out)
    return [as_value(x) for x in leaves], tree


def full_tangents(types: Sequence[Type], given: Sequence[Any]) -> list[Any]:
    """Tangents of all leaves for a user's rule: float0 zeros for those that have none."""
    some = iter(given)
    return [next(some) if has_tangent(t) else float0_zeros(t.shape) for t in types]  # type: ignore[union-attr]


def checked_derivative(d: Any, type: Type, what: str) -> Any:
    """A tangent or cotangent that a user's rule returned for a value of `type`.

    Zeros are written out. Errors: DifferentiationError naming both types.
    """
    wanted = type.tangent()
    if d is None:
        return zeros_of(wanted)
    given = type_of(d)
    if not given.matches(wanted):
        if given.weak and given.shape == wanted.shape and d.__class__ in (int, float, complex):  # type: ignore[union-attr]
            return wanted.dtype.type(d)  # type: ignore[union-attr]
        raise DifferentiationError(f"{what} {given}, but the value has type {type}")
    return as_value(d)
