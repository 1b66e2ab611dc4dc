"""Smoothing by polynomials fitted to moving windows (Savitzky & Golay 1964).

The value (or a derivative) of a least-squares polynomial at a place in its window is a fixed
combination of the window's data: a convolution, whose coefficients SciPy works out. At the ends
the first and the last window's polynomials are evaluated away from their middles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import axis_index, promote_inexact, value
from bibun.scipy.signal._convolution import convolve

__all__ = ["savgol_coeffs", "savgol_filter"]

_PAD = {"mirror": "reflect", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


def savgol_coeffs(window_length: int, polyorder: int, deriv: int = 0, delta: float = 1.0,
                  pos: int | None = None, use: str = "conv") -> Value:  # fmt: skip
    """What to multiply a window of data by, for the polynomial's value at `pos` (the middle).

    deriv: of that order instead, for data `delta` apart. use: "conv" (reversed, for `convolve`)
    or "dot". Errors: ValueError where SciPy has them.

    >>> from bibun.scipy import signal
    >>> print(signal.savgol_coeffs(3, 1).round(6))
    [0.333333 0.333333 0.333333]
    """
    from scipy.signal import savgol_coeffs as coefficients

    return bnp.asarray(coefficients(window_length, polyorder, deriv, delta, pos, use))


def savgol_filter(x: Any, window_length: int, polyorder: int, deriv: int = 0, delta: float = 1.0,
                  axis: int = -1, mode: str = "interp", cval: float = 0.0) -> Value:  # fmt: skip
    """Data smoothed by polynomials of degree `polyorder` over windows, or their derivative.

    mode, at the ends: "interp" evaluates the outermost windows' polynomials there; "mirror",
    "nearest", "wrap" and "constant" (`cval`) continue the data. Linear in x.
    Errors: ValueError for another mode; ShapeError where a window does not fit ("interp").

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.savgol_filter(bnp.arange(5.0) ** 2, 3, 2).round(9))
    [ 0.  1.  4.  9. 16.]
    """
    if mode != "interp" and mode not in _PAD:
        raise ValueError(
            f"savgol_filter: mode must be 'interp', {', '.join(map(repr, _PAD))}; got {mode!r}"
        )
    (x,) = promote_inexact("savgol_filter", bnp.asarray(x))
    x = value("savgol_filter", "x", x)
    k = axis_index("savgol_filter", axis, x.ndim)
    x = bnp.moveaxis(x, k, -1)
    n, m = x.shape[-1], window_length
    kernel = savgol_coeffs(m, polyorder, deriv, delta).astype(x.dtype)
    kernel = bnp.reshape(kernel, (1,) * (x.ndim - 1) + (m,))
    half = m // 2
    back = half if m % 2 else half - 1  # a window of even length looks further ahead
    if mode != "interp":
        margins = [(0, 0)] * (x.ndim - 1) + [(back, half)]
        value_ = {"constant_values": cval} if mode == "constant" else {}
        wide = bnp.pad(x, margins, mode=_PAD[mode], **value_)
        return bnp.moveaxis(convolve(wide, kernel, "valid"), -1, k)
    if m > n:
        raise ShapeError(f"savgol_filter: windows of {m} do not fit in {n} elements; give mode=")
    inner = convolve(x, kernel, "valid")
    rows = np.stack([
        np.asarray(savgol_coeffs(m, polyorder, deriv, delta, pos=p, use="dot")) for p in range(m)
    ]).astype(x.dtype)  # fmt: skip
    first, last = x[..., :m] @ rows[:half].T, x[..., n - m :] @ rows[m - half :].T
    middle = inner[..., half - back : n - half - back]
    return bnp.moveaxis(bnp.concatenate([first, middle, last], -1), -1, k)
