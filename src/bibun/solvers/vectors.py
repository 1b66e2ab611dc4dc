"""A pytree of parameters as one vector of real numbers, and the way back.

A complex leaf is its real and imaginary parts: a real function of complex parameters is then
minimized over the plane, its gradient is the direction of steepest ascent (the conjugate of what
`grad` gives), and equations between complex numbers count twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import tree


def as_floats(params: Any) -> Any:
    """Parameters as floating (or complex) arrays."""

    def one(x: Any) -> Any:
        x = bnp.asarray(x)
        # a strong dtype: a loop's carry keeps it
        return x.astype(x.dtype if x.dtype.kind in "fc" else float)

    return tree.map(one, params)


def flat(params: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All parameters in one real vector, and the way back.

    >>> vector, back = flat({"a": 1.0, "b": 2.0 + 3.0j})
    >>> vector.tolist(), complex(back(2.0 * vector)["b"])
    ([1.0, 2.0, 3.0], (4+6j))
    """
    leaves, spec = tree.flatten(as_floats(params))
    parts = [
        (bnp.real(v), bnp.imag(v)) if v.dtype.kind == "c" else v for v in leaves
    ]
    x, unravel = tree.ravel(parts)

    def back(vector: Any) -> Any:
        pieces = [v[0] + 1j * v[1] if isinstance(v, tuple) else v for v in unravel(vector)]
        return tree.unflatten(spec, pieces)

    return x, back


def norm(x: Any) -> Any:
    """Euclidean norm of a vector, with a derivative of 0 at 0; nan stays nan."""
    square = bnp.sum(x * x)
    zero = bnp.equal(square, 0)
    return bnp.where(zero, 0.0, bnp.sqrt(bnp.where(zero, 1.0, square)))
