"""Plans: what the native entry expects, and what it makes, as tables of steps.

A plan is made from an example: the arguments of a call that went the general way. Each
container and each leaf of them becomes a step; the same tree with arrays of the same shapes
and dtypes then matches it. Only containers whose inside can be read without running Python
code have steps: tuples and named tuples, lists, dicts with strings as keys. `argument_steps`
raises NoPlan for arguments that hold anything else, and these calls go the general way. So do
those that the general way converts (bytes in another order, 64 bits where the program has 32)
or takes apart in another order, for the entry hands over memory as it finds it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import optree

from bibun import tree
from bibun.array import Array
from bibun.ir.types import ArrayType, RaggedType
from bibun.runtime import context
from bibun.runtime import steps as e
from bibun.runtime.entry import entry_maker

_DEPTH = 16  # of nesting, at most: the entry walks by recursion
_I64 = np.dtype(np.int64)
# What the entry makes of Python's numbers.
_NUMBERS = {float: (e.FLOAT, np.dtype(np.float64)), int: (e.INT, _I64),
            bool: (e.BOOL, np.dtype(np.bool_))}  # fmt: skip


class NoPlan(Exception):
    """The arguments hold something that has no step."""


class Plan:
    """A plan in memory, with all that it points to; `call(tree)` runs it.

    `steps`: what goes in. `outs`: one step an array to allocate. `build`: what the results are.
    `first`, `last`: arrays that go in before and after the arguments; contiguous.
    """

    def __init__(
        self,
        address: int,
        steps: list[e.Step],
        outs: list[e.Step],
        build: list[e.Step],
        keep: Sequence[Any],
        first: Sequence[np.ndarray] = (),
        last: Sequence[np.ndarray] = (),
        callbacks: Any = None,
        handles: bool = False,
    ) -> None:
        maker = entry_maker()
        if maker is None:
            raise NoPlan
        tables = [(e.Step * len(part))(*part) for part in (steps, outs, build)]
        ends = [
            (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
            for arrays in (first, last)
        ]
        leaves = sum(s.kind not in (e.TUPLE, e.LIST, e.DICT, e.NONE) for s in steps)
        at = ctypes.addressof
        struct = e.PlanStruct(
            function=address, steps=at(tables[0]), outs=at(tables[1]), build=at(tables[2]),
            first=at(ends[0]), first_count=len(first), last=at(ends[1]), last_count=len(last),
            in_count=len(first) + leaves + len(last), out_count=len(outs), keep=handles,
            callbacks=id(callbacks) if callbacks is not None else None, pool=id(context.idle),
            none=id(None), true=id(True), str=id(str), ndarray=id(np.ndarray),
        )  # fmt: skip
        # An entry may outlive every module (`__del__` at Python's end): it keeps all it reads.
        modules = (context.idle, context.contexts, Array)
        self.call = maker(at(struct), (struct, tables, ends, first, last, callbacks, keep, modules))


def _sizes(shape: Sequence[int], keep: list[Any]) -> int:
    table = (ctypes.c_int64 * max(len(shape), 1))(*shape)
    keep.append(table)
    return ctypes.addressof(table)


def _array(kind: int, cls: type, value: np.ndarray, weak: Any, keep: list[Any]) -> e.Step:
    keep += (cls, value.dtype)
    return e.Step(
        kind, id(cls), value.ndim, id(value.dtype), _sizes(value.shape, keep),
        id(weak) if weak is not None else None,
    )  # fmt: skip


def _inside(x: Any) -> tuple[int, Any, list[Any]] | None:
    """(kind, keys, items) of a container, None for a leaf. Errors: NoPlan."""
    cls = type(x)
    if cls is list:
        return e.LIST, None, x
    if cls is tuple or optree.is_namedtuple(x):
        return e.TUPLE, None, list(tuple.__iter__(x))  # whatever a subclass says it holds
    if cls is dict and all(type(k) is str for k in x):
        keys = sorted(x)  # the order in which trees are flattened
        return e.DICT, keys, [x[k] for k in keys]
    if cls is Array or cls is np.ndarray or cls in _NUMBERS:
        return None
    raise NoPlan


def _leaves(x: Any) -> list[Any]:
    """The leaves in the order in which the entry meets them."""
    if x is None:
        return []
    inside = _inside(x)
    return [x] if inside is None else [leaf for item in inside[2] for leaf in _leaves(item)]


def argument_steps(args: Any, types: Sequence[ArrayType], keep: list[Any]) -> list[e.Step]:
    """The steps of arguments like these, whose leaves are inputs of the given types.

    Errors: NoPlan.
    """
    steps = _steps(args, keep, 0)
    # classes may be registered, dicts set to be flattened in the order of insertion, and a
    # callback of the program may have changed the arguments since
    structure = tree.structure(args)
    if structure.num_leaves != len(types):
        raise NoPlan
    if _leaves(tree.unflatten(structure, range(len(types)))) != list(range(len(types))):
        raise NoPlan
    leaves = _leaves(args)
    if len(leaves) != len(types):  # what is a leaf here is static there
        raise NoPlan
    for x, t in zip(leaves, types, strict=True):
        cls = type(x)
        if cls in _NUMBERS:
            shape, dtype = (), _NUMBERS[cls][1]
        else:
            value = x._value if cls is Array else x
            if type(value) is not np.ndarray:
                raise NoPlan
            shape, dtype = value.shape, value.dtype
        if shape != t.shape or dtype != t.dtype:
            raise NoPlan
    return steps


def _steps(x: Any, keep: list[Any], depth: int) -> list[e.Step]:
    cls = type(x)
    if cls is Array:
        return [_array(e.ARRAY, cls, x._value, x._weak, keep)]
    if cls is np.ndarray:
        return [_array(e.NDARRAY, cls, x, None, keep)]
    if cls in _NUMBERS:
        return [e.Step(_NUMBERS[cls][0], id(cls))]
    if x is None:
        return [e.Step(e.NONE, id(cls))]
    inside = _inside(x)
    if inside is None or depth == _DEPTH:
        raise NoPlan
    kind, keys, items = inside
    head = e.Step(kind, id(cls), len(items))
    keep.append(cls)
    if keys is not None:
        table = (ctypes.c_void_p * max(len(keys), 1))(*map(id, keys))
        keep += (keys, table)
        head.items = ctypes.addressof(table)
    return [head, *(s for item in items for s in _steps(item, keep, depth + 1))]


def raw_steps(count: int) -> list[e.Step]:
    """A list of `count` NumPy arrays whose shapes and dtypes the caller vouches for."""
    return [e.Step(e.LIST, id(list), count)] + [e.Step(e.RAW, id(np.ndarray))] * count


def output_steps(types: Sequence[Any], keep: list[Any]) -> list[e.Step]:
    """Arrays to allocate for outputs of these types."""
    steps = []
    for t in types:
        if isinstance(t, RaggedType):
            keep.append(_I64)
            steps.append(e.Step(e.HANDLE, None, 1, id(_I64), _sizes((3,), keep)))
        else:
            keep.append(t.dtype)
            sizes = _sizes(t.shape, keep)
            steps.append(e.Step(e.NDARRAY, None, len(t.shape), id(t.dtype), sizes))
    return steps


def list_steps(count: int) -> list[e.Step]:
    """Results as a list of NumPy arrays."""
    return [e.Step(e.LIST, None, count)] + [e.Step(e.NDARRAY)] * count


def result_steps(example: Any, weak: Sequence[bool], depth: int = 0) -> list[e.Step] | None:
    """Results as a tree like `example`, of leaves 0, 1, …; None if not all tuples and lists."""
    cls = type(example)
    if cls is int:
        return [e.Step(e.ARRAY, id(Array), 0, None, None, id(weak[example]))]
    if cls is not tuple and cls is not list or depth == _DEPTH:
        return None
    steps = [e.Step(e.TUPLE if cls is tuple else e.LIST, None, len(example))]
    for item in example:
        inner = result_steps(item, weak, depth + 1)
        if inner is None:
            return None
        steps += inner
    return steps
