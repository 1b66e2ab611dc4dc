"""`data` and `static`: what flax marks attributes with, and bibun reads off their values.

Arrays, Variables, modules and containers of these are data, all else is structure. The marks make a
value what it is meant to be, or say that it cannot be.
"""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.nn.graph import SCALARS, Dict, List, contain, is_node
from bibun.nn.variables import is_array


def is_data(x: Any) -> bool:
    """Whether an attribute of this value is data: a node, an array, or a pytree that has one."""
    return is_node(x) or is_array(x) or any(
        is_node(c) or is_array(c) for c in tree.leaves(x, is_leaf=is_node)
    )  # fmt: skip


def data(x: Any) -> Any:
    """What is meant to be data, as an attribute that is: numbers as arrays, lists as `List`s.

    >>> from bibun import nn
    >>> m = nn.Module(); m.rate = nn.data(0.5)
    >>> nn.state(m).rate
    Array(0.5, dtype=float64)
    """
    if type(x) in SCALARS:
        return bnp.asarray(x, type(x))
    x = contain(x)
    if not is_data(x) and not isinstance(x, List | Dict):
        raise TypeError(f"data: a {type(x).__name__} holds no array and no module: {x!r}")
    return x


def static(x: Any) -> Any:
    """What is meant to be structure: as it is. Errors: TypeError for what is data.

    >>> from bibun import nn
    >>> nn.static((1, "relu"))
    (1, 'relu')
    """
    if is_data(x):
        raise TypeError(
            f"static: a {type(x).__name__} that holds arrays or modules is data; a module's "
            "structure is compared at each call"
        )
    hash(x)
    return x
