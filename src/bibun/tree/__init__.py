"""Pytrees: nested containers of arrays that every transformation accepts.

Both naming styles of the field are here: `bibun.tree.map` and `bibun.tree.tree_map`.
"""

from __future__ import annotations

from bibun.tree.core import (
    NAMESPACE,
    PyTreeDef,
    all,
    all_leaves,
    flatten,
    flatten_one_level,
    flatten_up_to,
    leaves,
    map,
    reduce,
    reduce_associative,
    structure,
    transpose,
    treedef_children,
    treedef_is_leaf,
    treedef_tuple,
    unflatten,
)
from bibun.tree.paths import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    SequenceKey,
    flatten_with_path,
    keystr,
    leaves_with_path,
    map_with_path,
)
from bibun.tree.prefix import broadcast, broadcast_prefix
from bibun.tree.ravel import ravel, ravel_pytree
from bibun.tree.register import (
    Partial,
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    static,
)

tree_all = all
tree_broadcast = broadcast
tree_flatten = flatten
tree_flatten_with_path = flatten_with_path
tree_leaves = leaves
tree_leaves_with_path = leaves_with_path
tree_map = map
tree_map_with_path = map_with_path
tree_reduce = reduce
tree_reduce_associative = reduce_associative
tree_structure = structure
tree_transpose = transpose
tree_unflatten = unflatten

__all__ = [
    "NAMESPACE", "DictKey", "FlattenedIndexKey", "GetAttrKey", "KeyEntry", "KeyPath", "Partial",
    "PyTreeDef", "SequenceKey", "all", "all_leaves", "broadcast", "broadcast_prefix", "flatten",
    "flatten_one_level", "flatten_up_to", "flatten_with_path", "keystr", "leaves",
    "leaves_with_path", "map", "map_with_path", "ravel", "ravel_pytree", "reduce",
    "reduce_associative", "register_dataclass", "register_pytree_node",
    "register_pytree_node_class", "register_pytree_with_keys",
    "register_pytree_with_keys_class", "register_static", "static", "structure", "transpose",
    "tree_all", "tree_broadcast", "tree_flatten", "tree_flatten_with_path", "tree_leaves",
    "tree_leaves_with_path", "tree_map", "tree_map_with_path", "tree_reduce",
    "tree_reduce_associative", "tree_structure", "tree_transpose", "tree_unflatten",
    "treedef_children", "treedef_is_leaf", "treedef_tuple", "unflatten",
]  # fmt: skip
