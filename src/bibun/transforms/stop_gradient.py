"""`stop_gradient`: cutting a value out of differentiation."""

from __future__ import annotations

from typing import Any

from bibun.ops.stop_gradient import stop_gradient as stop_gradient_op
from bibun.tree import map as tree_map


def stop_gradient(x: Any) -> Any:
    """The same value (or pytree), treated as a constant by every derivative.

    >>> from bibun.transforms import grad, stop_gradient
    >>> float(grad(lambda x: x * stop_gradient(x))(3.0))
    3.0
    """
    return tree_map(stop_gradient_op, x)
