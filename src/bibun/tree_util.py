"""`bibun.tree_util`: the names of `jax.tree_util`; they are those of `bibun.tree`.

>>> from bibun.tree_util import tree_map
>>> tree_map(lambda x: 2 * x, {"a": 1})
{'a': 2}
"""

from __future__ import annotations

from bibun import tree
from bibun.tree import *  # noqa: F403

# `jax.tree`'s names that would hide Python's or mean nothing by themselves
_SHORT = (
    "all", "broadcast", "map", "reduce", "reduce_associative", "static", "transpose", "NAMESPACE",
)  # fmt: skip

__all__ = [n for n in tree.__all__ if n not in _SHORT]
