"""A tree as JSON: containers, keys and plain values in the text, arrays by the name of a tensor.

Containers that Python and NumPy users share (dict, list, tuple, None, …) come back as they were.
A class of the user's own is written down by the names of its children and nothing else: a
checkpoint never says which code to run, so reading one runs none. Without a target such
a node comes back as a dict; a target brings the class and gets its instance back.

The text is `{"tree": node, "leaves": [leaf, …]}`. A node is `{"leaf": k}` or
`{"node": kind, "keys": […], "children": […]}`; the leaves are in the order of the tree.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bibun import tree
from bibun.array import Array, Value
from bibun.dtypes import scalar_dtype
from bibun.errors import TracerError
from bibun.store.errors import CheckpointError, CheckpointMismatchError, CorruptCheckpointError
from bibun.store.tensors import dtype_name, dtype_of, storable
from bibun.transforms import ShapeDtypeStruct
from bibun.tree import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey, keystr

_KINDS = {
    dict: "dict", collections.OrderedDict: "dict", collections.defaultdict: "dict", list: "list",
    tuple: "tuple", collections.deque: "list", type(None): "none",
}  # fmt: skip
_SCALARS = {bool: "bool", int: "int", float: "float", complex: "complex", str: "str"}
_READ: dict[str, Callable[[str], Any]] = {
    "bool": {"True": True, "False": False}.__getitem__, "int": int, "float": float,
    "complex": complex, "str": str,
}  # fmt: skip


# A tree to a node ---------------------------------------------------------------------------------


def outline(item: Any) -> tuple[dict[str, Any], list[tuple[tuple[Any, ...], Any]]]:
    """The node of a tree, and (path, leaf) pairs in the order of `tree.flatten`.

    >>> node, leaves = outline({"a": [1, 2]})
    >>> node["keys"], [(tree.keystr(p), x) for p, x in leaves]
    (['a'], [("['a'][0]", 1), ("['a'][1]", 2)])
    """
    found: list[tuple[tuple[Any, ...], Any]] = []

    def walk(x: Any, path: tuple[Any, ...]) -> dict[str, Any]:
        level = tree.flatten_one_level(x)
        if level is None:
            found.append((path, x))
            return {"leaf": len(found) - 1}
        children, entries = level
        kind = _KINDS.get(type(x))
        if kind is None:  # a class: named fields
            kind = "node"
            if hasattr(x, "_fields"):
                keys = [GetAttrKey(n) for n in x._fields]
            else:
                keys = [_own_key(e) for e in entries]
        elif kind == "dict":
            keys = [DictKey(e) for e in entries]
        else:
            keys = [SequenceKey(k) for k in range(len(children))]
        node: dict[str, Any] = {"node": kind}
        if kind in ("dict", "node"):
            node["keys"] = [_key_text(k, path) for k in keys]
        node["children"] = [walk(c, (*path, k)) for c, k in zip(children, keys, strict=True)]
        return node

    return walk(item, ()), found


def _own_key(entry: Any) -> Any:
    if isinstance(entry, SequenceKey | DictKey | GetAttrKey | FlattenedIndexKey):
        return entry
    return FlattenedIndexKey(entry) if isinstance(entry, int) else GetAttrKey(str(entry))


def _key_text(key: Any, path: tuple[Any, ...]) -> Any:
    """A key as JSON: text as it is, other plain values tagged."""
    value = getattr(key, "key", getattr(key, "name", getattr(key, "idx", None)))

    def text(v: Any) -> Any:
        if isinstance(v, str):
            return str(v)
        if type(v) in (bool, int, float):
            return {type(v).__name__: repr(v)}
        if isinstance(v, tuple):
            return {"tuple": [text(u) for u in v]}
        raise TypeError(
            f"the key {v!r} of the dict at {keystr(path) or 'the top'} cannot be saved; keys are "
            "strings, numbers, booleans and tuples of these"
        )

    return text(value)


def _key_value(text: Any) -> Any:
    if isinstance(text, str):
        return text
    ((kind, value),) = text.items()
    if kind == "tuple":
        return tuple(_key_value(v) for v in value)
    if kind not in ("bool", "int", "float"):
        raise ValueError(f"{kind!r} is no kind of key")
    return _READ[kind](value)


# Leaves -------------------------------------------------------------------------------------------


def encode(item: Any, copy: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A tree as (JSON document, arrays by tensor name).

    `copy`: what others could still write to (NumPy arrays) is copied; Arrays never are.
    Errors: TypeError naming the place of a leaf that cannot be saved.
    """
    node, found = outline(item)
    leaves, arrays = [], {}
    for path, x in found:
        where = keystr(path)
        entry: dict[str, Any] = {"path": where}
        if type(x) in _SCALARS:
            entry |= {"kind": _SCALARS[type(x)], "value": str(x)}
        elif isinstance(x, Array | np.ndarray | np.generic):
            a = np.asarray(x._value if isinstance(x, Array) else x)
            a = a.astype(a.dtype.newbyteorder("="), copy=False)
            if not storable(a.dtype):
                raise TypeError(f"the leaf {where or 'given'} has dtype {a.dtype}: not storable")
            if copy and isinstance(x, np.ndarray):
                a = a.copy()
            kind = "array" if isinstance(x, Array) else "numpy"
            entry |= {"kind": kind, "dtype": dtype_name(a.dtype), "shape": list(a.shape)}
            if isinstance(x, Array) and x.weak:
                entry["weak"] = True
            if entry["dtype"] != "float0":
                name = keystr(path, simple=True, separator=".") or "array"
                while name in arrays or name == "__metadata__":
                    name += "'"
                entry["tensor"] = name
                arrays[name] = a
        elif isinstance(x, Value):
            raise TracerError(
                f"the leaf {where or 'given'} is a traced value: save outside jit, grad and vmap"
            )
        else:
            raise TypeError(
                f"the leaf {where or 'given'} is a {type(x).__name__}, which cannot be saved; "
                "leaves are arrays, numbers, booleans and strings"
            )
        leaves.append(entry)
    return {"tree": node, "leaves": leaves}, arrays


def _describe(entry: Mapping[str, Any]) -> str:
    if entry["kind"] in ("array", "numpy"):
        return f"{entry['dtype']}{list(entry['shape'])}"
    return f"the {entry['kind']} {entry['value']!r}"


def decode(document: dict[str, Any], load: Callable[[dict[str, Any]], np.ndarray]) -> Any:
    """The tree of a document; `load(leaf)` reads the array of a leaf."""
    return build(document["tree"], [value(e, load) for e in document["leaves"]])


def value(entry: dict[str, Any], load: Callable[[dict[str, Any]], np.ndarray]) -> Any:
    """The value of a leaf."""
    kind = entry["kind"]
    if kind not in ("array", "numpy"):
        return _READ[kind](entry["value"])
    if entry["dtype"] == "float0":
        a = np.zeros(tuple(entry["shape"]), dtype_of("float0"))
    else:
        a = load(entry)
    return Array(a, entry.get("weak", False)) if kind == "array" else a


def abstract(document: dict[str, Any]) -> Any:
    """The tree with a `ShapeDtypeStruct` for each array."""

    def leaf(entry: dict[str, Any]) -> Any:
        if entry["kind"] not in ("array", "numpy"):
            return _READ[entry["kind"]](entry["value"])
        return ShapeDtypeStruct(entry["shape"], dtype_of(entry["dtype"]), entry.get("weak", False))

    return build(document["tree"], [leaf(e) for e in document["leaves"]])


def build(node: dict[str, Any], leaves: list[Any]) -> Any:
    """A tree of a node and its leaves; classes come back as dicts."""
    if "leaf" in node:
        return leaves[node["leaf"]]
    children = [build(c, leaves) for c in node["children"]]
    kind = node["node"]
    if kind in ("dict", "node"):
        return dict(zip(map(_key_value, node["keys"]), children, strict=True))
    return {"list": list, "tuple": tuple, "none": lambda _: None}[kind](children)


# Into a target ------------------------------------------------------------------------------------


def fit(
    document: dict[str, Any], target: Any, load: Callable[[dict[str, Any]], np.ndarray],
    what: str,
) -> Any:  # fmt: skip
    """A tree like `target`, with the leaves of the document.

    A leaf `...` of the target is left as it is and not read. Errors: CheckpointMismatchError that
    names the first place where structure, shape or dtype differ.
    """
    node, found = outline(target)
    chosen: dict[int, int] = {}
    _match(document["tree"], node, (), chosen, what)
    pairs = [(document["leaves"][chosen[k]], x) for k, (_, x) in enumerate(found)]
    for entry, x in pairs:  # all are checked before the first is read
        _check(entry, x, what)
    return tree.unflatten(tree.structure(target), [_into(e, x, load) for e, x in pairs])


def _match(
    saved: dict[str, Any], wanted: dict[str, Any], path: tuple[str, ...], out: dict[int, int],
    what: str,
) -> None:  # fmt: skip
    here = "".join(path) or "the top"

    def differ(detail: str) -> CheckpointMismatchError:
        return CheckpointMismatchError(f"{what} does not fit the target at {here}: {detail}")

    if "leaf" in saved and "leaf" in wanted:
        out[wanted["leaf"]] = saved["leaf"]
        return
    if saved.get("node") != wanted.get("node"):
        raise differ(
            f"it has a {saved.get('node', 'leaf')}, the target a {wanted.get('node', 'leaf')}"
        )
    mine, theirs = saved["children"], wanted["children"]
    if "keys" in saved:
        a, b = ([repr(_key_value(k)) for k in n["keys"]] for n in (saved, wanted))
        missing, extra = sorted(set(b) - set(a)), sorted(set(a) - set(b))
        if missing or extra:
            parts = [f"the checkpoint lacks {', '.join(missing)}"] if missing else []
            parts += [f"the target lacks {', '.join(extra)}"] if extra else []
            raise differ(" and ".join(parts))
        by_key = dict(zip(a, mine, strict=True))
        dots = saved["node"] == "node"
        for key, child in zip(b, theirs, strict=True):
            step = f".{key[1:-1]}" if dots and key[0] in "'\"" else f"[{key}]"
            _match(by_key[key], child, (*path, step), out, what)
        return
    if len(mine) != len(theirs):
        raise differ(f"it has {len(mine)} elements, the target {len(theirs)}")
    for k, (a_child, b_child) in enumerate(zip(mine, theirs, strict=True)):
        _match(a_child, b_child, (*path, f"[{k}]"), out, what)


def _check(entry: dict[str, Any], x: Any, what: str) -> None:
    here = f"the leaf {entry['path']}" if entry["path"] else "the leaf"
    if x is ... or x is None:
        return
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        if entry["kind"] in ("array", "numpy"):
            saved = (tuple(entry["shape"]), entry["dtype"])
        elif entry["kind"] != "str":
            saved = ((), dtype_name(scalar_dtype(_READ[entry["kind"]](entry["value"]))))
        else:
            saved = (None, "")
        if saved == (tuple(x.shape), dtype_name(np.dtype(x.dtype))):
            return
        wanted = f"{dtype_name(np.dtype(x.dtype))}{list(x.shape)}"
    elif type(x) in _SCALARS:
        if entry["kind"] == _SCALARS[type(x)]:
            return
        wanted = f"a Python {type(x).__name__}"
    else:
        raise TypeError(
            f"{here} of the target is a {type(x).__name__}; targets have arrays, "
            "bibun.ShapeDtypeStruct, numbers, strings, or ... to leave one out"
        )
    raise CheckpointMismatchError(
        f"{what} does not fit the target: {here} is {_describe(entry)} there, "
        f"and the target wants {wanted}"
    )


def _into(entry: dict[str, Any], x: Any, load: Callable[[dict[str, Any]], np.ndarray]) -> Any:
    if x is ...:
        return x
    v = value(entry, load)
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(v._value if isinstance(v, Array) else v)
    if hasattr(x, "dtype") and not isinstance(v, Array):
        return Array(np.asarray(v, dtype=np.dtype(x.dtype)))
    return v


def checked(document: Any, where: str) -> dict[str, Any]:
    """A document that has the form described above.

    Errors: CorruptCheckpointError. (Its bytes have been checked; this is for files made by others.)
    """

    def count(node: Any) -> list[int]:
        if "leaf" in node:
            return [node["leaf"]]
        kind, children = node["node"], node["children"]
        if kind not in ("dict", "node", "list", "tuple", "none"):
            raise CheckpointError(f"{where} has a node of the unknown kind {kind!r}")
        if kind in ("dict", "node") and len(node["keys"]) != len(children):
            raise ValueError("keys and children differ in number")
        return [k for c in children for k in count(c)]

    try:
        leaves = document["leaves"]
        if count(document["tree"]) != list(range(len(leaves))):
            raise ValueError("leaves are not in order")
        for e in leaves:
            if not isinstance(e["path"], str):
                raise ValueError("a leaf without a path")
            if e["kind"] in ("array", "numpy"):
                dtype_of(e["dtype"])
                if any(not isinstance(n, int) or n < 0 for n in e["shape"]):
                    raise ValueError(f"{e['path']} has the shape {e['shape']}")
            else:
                _READ[e["kind"]](e["value"])
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise CorruptCheckpointError(f"{where} is damaged: {type(e).__name__}: {e}") from None
    return document
