"""Checks of what a user's function is applied to, in the words of `chainer.utils.type_check`.

    def check_type_forward(self, in_types):
        x, w = in_types
        type_check.expect(x.dtype.kind == "f", x.shape[1] == w.shape[0])

What is written there is not only computed but also remembered as text, so that a check that
does not hold is reported as it was written, with both sides' values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

__all__ = [
    "InvalidType", "TypeInfo", "TypeInfoTuple", "argname", "eval", "expect", "prod", "same_types",
]  # fmt: skip

class InvalidType(Exception):  # noqa: N818  (Chainer's name)
    """A function was applied to arrays that it is not for."""


class Expression:
    """A value with the text that it was written as; what is done with it gives another."""

    __slots__ = ("_value", "_text", "_sides")

    def __init__(self, value: Any, text: str, sides: tuple[Any, Any, str] | None = None) -> None:
        self._value, self._text, self._sides = value, text, sides

    def eval(self) -> Any:
        """The value itself."""
        return self._value

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("__"):
            raise AttributeError(name)
        return Expression(getattr(self._value, name), f"{self._text}.{name}")

    def __getitem__(self, index: Any) -> Expression:
        plain = _plain(index)
        return Expression(self._value[plain], f"{self._text}[{_index_text(index)}]")

    def __call__(self, *args: Any) -> Expression:
        inside = ", ".join(map(_text, args))
        return Expression(self._value(*map(_plain, args)), f"{self._text}({inside})")

    def __iter__(self) -> Iterator[Expression]:
        return (self[k] for k in range(len(self._value)))

    def __len__(self) -> int:
        return len(self._value)

    def __index__(self) -> int:
        return operator.index(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return self._text

    __hash__ = object.__hash__


def _plain(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_plain, x))
    if isinstance(x, slice):
        return slice(*map(_plain, (x.start, x.stop, x.step)))
    return x._value if isinstance(x, Expression) else x


def _text(x: Any) -> str:
    if isinstance(x, tuple):
        return f"({', '.join(map(_text, x))}{',' if len(x) == 1 else ''})"
    if isinstance(x, type):
        return x.__name__
    return x._text if isinstance(x, Expression) else repr(x)


def _index_text(index: Any) -> str:
    if isinstance(index, slice):
        parts = ["" if p is None else _text(p) for p in (index.start, index.stop)]
        return ":".join(parts) + ("" if index.step is None else f":{_text(index.step)}")
    return _text(index)


def _operation(sign: str, compute: Callable[[Any, Any], Any], name: str, swapped: bool) -> None:
    def method(self: Expression, other: Any) -> Expression:
        a, b = (other, self) if swapped else (self, other)
        value = compute(_plain(a), _plain(b))
        return Expression(value, f"{_text(a)} {sign} {_text(b)}", (a, b, sign))

    setattr(Expression, name, method)


for _sign, _name in {
    "+": "add", "-": "sub", "*": "mul", "//": "floordiv", "%": "mod", "**": "pow",
}.items():  # fmt: skip
    _operation(_sign, getattr(operator, _name), f"__{_name}__", False)
    _operation(_sign, getattr(operator, _name), f"__r{_name}__", True)
for _sign, _name in {
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
}.items():  # fmt: skip
    _operation(_sign, getattr(operator, _name), f"__{_name}__", False)


class TypeInfo(Expression):
    """Shape, dtype and number of axes of an array, as an expression."""

    __slots__ = ()


class TypeInfoTuple(tuple):
    """The types of all inputs of a function."""

    def size(self) -> Expression:
        """How many there are."""
        return Expression(len(self), "in_types.size()")


def types_of(arrays: Sequence[Any]) -> TypeInfoTuple:
    """The types of input arrays."""
    return TypeInfoTuple([TypeInfo(x, f"in_types[{k}]") for k, x in enumerate(arrays)])


def argname(in_types: TypeInfoTuple, names: Sequence[str]) -> None:
    """Give the inputs names for messages, and expect as many of them."""
    expect(in_types.size() == len(names))
    for info, name in zip(in_types, names, strict=True):
        info._text = name


def expect(*conditions: Any) -> None:
    """Errors: InvalidType for the first condition that does not hold, as it was written."""
    for condition in conditions:
        if not condition:
            lines = [f"expected {_text(condition)}"]
            sides = condition._sides if isinstance(condition, Expression) else None
            if sides is not None:
                lines += [
                    f"  {_text(side)} is {side._value!r}"
                    for side in sides[:2]
                    if isinstance(side, Expression)
                ]
            raise InvalidType("\n".join(lines))


def eval(x: Any) -> Any:  # noqa: A001  (Chainer's name)
    """The value of an expression."""
    return _plain(x)


def prod(xs: Any) -> Expression:
    """The product of numbers, as an expression."""
    return Expression(int(np.prod(_plain(xs))), f"prod({_text(xs)})")


def same_types(*arrays: Any) -> bool:
    """Whether all are NumPy's arrays, or all bibun's."""
    return len({isinstance(x, np.ndarray) for x in arrays}) <= 1
