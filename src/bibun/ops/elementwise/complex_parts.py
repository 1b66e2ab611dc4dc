"""Real and imaginary parts, conjugation, and putting complex numbers together.

These are linear over the reals only. A cotangent c of z pairs with a tangent t as
Re(c t), without conjugation, as in JAX; the transposes follow from that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import complex_of, real_of
from bibun.ops.elementwise.arithmetic import neg
from bibun.ops.families.elementwise import (
    INEXACT,
    binary,
    grid_samples,
    sum_tangents,
    to_shape,
    unary,
    unbroadcast,
)
from bibun.ops.families.shape import zeros_like
from bibun.ops.op import is_linear
from bibun.trace.core import type_of

_POINTS = (-2.1, -0.6, 0.3, 1.7)


def _linear_jvp(op: Any) -> Any:
    return lambda primals, tangents: (op()(*primals), op()(*tangents))


def _real_transpose(ct: Any, x: Any) -> list[Any]:
    return [complex(ct, zeros_like(ct)) if x.dtype.kind == "c" else ct]


def _imag_transpose(ct: Any, x: Any) -> list[Any]:
    if x.dtype.kind != "c":
        return [None]
    return [complex(zeros_like(ct), neg(ct))]


real = unary(
    "real",
    lambda x: np.real(x).copy(),
    lower=lambda b, x: b.real(x),
    jvp=_linear_jvp(lambda: real),
    transpose=_real_transpose,
    accepts=INEXACT,
    result=lambda dtype: real_of(dtype),
    doc="The real part.",
)

imag = unary(
    "imag",
    lambda x: np.imag(x).copy(),
    lower=lambda b, x: b.imag(x),
    jvp=_linear_jvp(lambda: imag),
    transpose=_imag_transpose,
    accepts=INEXACT,
    result=lambda dtype: real_of(dtype),
    doc="The imaginary part; zero for reals.",
)

conj = unary(
    "conj",
    np.conj,
    lower=lambda b, x: x,
    complex_lower=lambda b, x: b.complex(b.real(x), b.neg(b.imag(x))),
    jvp=_linear_jvp(lambda: conj),
    transpose=lambda ct, x: [conj(ct)],
    accepts=INEXACT,
    doc="The complex conjugate.",
)


def _join(re: Any, im: Any) -> np.ndarray:
    re, im = np.asarray(re), np.asarray(im)
    out = np.empty(np.broadcast_shapes(re.shape, im.shape), complex_of(re.dtype))
    out.real = re
    out.imag = im
    return out


def _complex_jvp(primals: Any, tangents: Any) -> Any:
    out = complex(*primals)
    ts = []
    for k, t in enumerate(tangents):
        if t is not None:
            ts.append(complex(*((t, zeros_like(t)) if k == 0 else (zeros_like(t), t))))
    return out, to_shape(sum_tangents(ts), type_of(out).shape)


def _complex_transpose(ct: Any, re: Any, im: Any) -> list[Any]:
    return [
        unbroadcast(real(ct), re.type) if is_linear(re) else None,
        unbroadcast(neg(imag(ct)), im.type) if is_linear(im) else None,
    ]


complex = binary(
    "complex",
    _join,
    lower=lambda b, x, y: b.complex(x, y),
    jvp=_complex_jvp,
    transpose=_complex_transpose,
    accepts="f",
    result=lambda dtype: complex_of(dtype),
    samples=lambda: list(grid_samples("f", [_POINTS, _POINTS[::-1]])),
    doc="re + i im.",
)
