"""`bibun.scipy.cluster.vq`: the nearest code of each observation."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import concrete, promote_inexact, value

__all__ = ["vq"]


def vq(obs: Any, code_book: Any, check_finite: bool = True) -> tuple[Value, Value]:
    """For each observation the index of the nearest code, and the distance to it.

    obs (m, n) or (m,), code_book (k, n) or (k,). Returns (m,) and (m,). check_finite: ValueError
    where known numbers are nan or infinite; traced ones are not looked at.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.cluster.vq import vq
    >>> code, distance = vq(bnp.array([[0.9], [3.5]]), bnp.array([[1.0], [3.0]]))
    >>> print(code, distance)
    [0 1] [0.1 0.5]
    """
    x, codes = (value("vq", "obs", a) for a in promote_inexact("vq", obs, code_book))
    if x.ndim != codes.ndim or x.ndim not in (1, 2) or x.shape[1:] != codes.shape[1:]:
        raise ShapeError(
            f"vq: expected observations (m, n) and codes (k, n), or (m,) and (k,); got {x.shape} "
            f"and {codes.shape}"
        )
    if check_finite:
        for what, a in (("obs", x), ("code_book", codes)):
            known = concrete(a)
            if known is not None and not np.isfinite(known).all():
                raise ValueError(f"vq: {what} must not hold infinities or nan")
    if x.ndim == 1:
        x, codes = x[:, None], codes[:, None]
    change = x[:, None, :] - codes[None]
    square = bnp.sum(change * change, axis=-1)
    nearest = bnp.argmin(square, axis=1)
    least = bnp.take_along_axis(square, nearest[:, None], axis=1)[:, 0]
    apart = least > 0
    return nearest, bnp.where(apart, bnp.sqrt(bnp.where(apart, least, 1.0)), 0.0)
