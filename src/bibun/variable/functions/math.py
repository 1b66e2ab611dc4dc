"""Elementary and special functions, reductions, products of arrays."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.scipy import special
from bibun.transforms import stop_gradient
from bibun.variable.functions._common import along, function, named
from bibun.variable.operators import mean_of, power
from bibun.variable.utils import CooMatrix
from bibun.variable.variable import Variable, as_variable

_ELEMENTWISE = {
    "absolute": (bnp.abs, "The absolute value."),
    "arccos": (bnp.arccos, "The arc cosine, in radians."),
    "arcsin": (bnp.arcsin, "The arc sine, in radians."),
    "arctan": (bnp.arctan, "The arc tangent, in radians."),
    "arctan2": (bnp.arctan2, "The angle of the point (x2, x1), in radians."),
    "arccosh": (bnp.arccosh, "The inverse hyperbolic cosine."),
    "arcsinh": (bnp.arcsinh, "The inverse hyperbolic sine."),
    "arctanh": (bnp.arctanh, "The inverse hyperbolic tangent."),
    "cbrt": (bnp.cbrt, "The cube root."),
    "ceil": (bnp.ceil, "The next integer upwards; its derivative is zero."),
    "cos": (bnp.cos, "The cosine of an angle in radians."),
    "cosh": (bnp.cosh, "The hyperbolic cosine."),
    "digamma": (lax.digamma, "The logarithmic derivative of the gamma function."),
    "erf": (lax.erf, "The error function."),
    "erfc": (lax.erfc, "The complementary error function."),
    "erfinv": (lax.erf_inv, "The inverse of the error function."),
    "erfcinv": (special.erfcinv, "The inverse of the complementary error function."),
    "erfcx": (special.erfcx, "exp(x²) erfc(x), without overflow."),
    "exp": (bnp.exp, "The exponential function."),
    "expm1": (bnp.expm1, "exp(x) - 1, accurate near 0."),
    "fix": (bnp.trunc, "The next integer towards zero; its derivative is zero."),
    "floor": (bnp.floor, "The next integer downwards; its derivative is zero."),
    "fmod": (bnp.fmod, "The remainder of a division, with the sign of the dividend."),
    "hypot": (bnp.hypot, "The length of the vector (x1, x2)."),
    "lgamma": (lax.lgamma, "The logarithm of the gamma function's absolute value."),
    "log": (bnp.log, "The natural logarithm."),
    "log10": (bnp.log10, "The logarithm to base 10."),
    "log1p": (bnp.log1p, "log(1 + x), accurate near 0."),
    "log2": (bnp.log2, "The logarithm to base 2."),
    "log_ndtr": (special.log_ndtr, "The logarithm of the normal distribution function."),
    "logaddexp": (bnp.logaddexp, "log(exp(x1) + exp(x2)), without overflow."),
    "ndtr": (special.ndtr, "The normal distribution function."),
    "ndtri": (special.ndtri, "The quantile function of the normal distribution."),
    "polygamma": (lax.polygamma, "The n-th derivative of digamma, at x."),
    "rsqrt": (lax.rsqrt, "One over the square root."),
    "sign": (bnp.sign, "-1, 0 or 1; its derivative is zero."),
    "sin": (bnp.sin, "The sine of an angle in radians."),
    "sinh": (bnp.sinh, "The hyperbolic sine."),
    "sqrt": (bnp.sqrt, "The square root."),
    "square": (bnp.square, "The square."),
    "zeta": (special.zeta, "The Hurwitz zeta function of (x, q)."),
    "tan": (bnp.tan, "The tangent of an angle in radians."),
}
_REDUCTIONS = {
    "argmax": (bnp.argmax, "Where the largest element along an axis is."),
    "argmin": (bnp.argmin, "Where the smallest element along an axis is."),
    "cumprod": (bnp.cumprod, "Products of the elements so far along an axis."),
    "cumsum": (bnp.cumsum, "Sums of the elements so far along an axis."),
    "max": (bnp.max, "The largest element along axes; several largest share the gradient."),
    "min": (bnp.min, "The smallest element along axes; several smallest share the gradient."),
    "prod": (bnp.prod, "The product along axes."),
    "sum": (bnp.sum, "The sum along axes."),
}
_PRODUCTS = {
    "batch_det": (bnp.linalg.det, "Determinants of a stack of matrices."),
    "batch_inv": (bnp.linalg.inv, "Inverses of a stack of matrices."),
    "cholesky": (bnp.linalg.cholesky, "The lower triangular L with L Lᵀ = x."),
    "det": (bnp.linalg.det, "The determinant of a square matrix."),
    "einsum": (bnp.einsum, "Einstein summation: einsum('ij,jk->ik', a, b)."),
    "inv": (bnp.linalg.inv, "The inverse of a square matrix."),
    "solve": (bnp.linalg.solve, "The x of A x = b."),
    "tensordot": (bnp.tensordot, "Sums of products along axes of two arrays."),
}
for _table in (_ELEMENTWISE, _REDUCTIONS, _PRODUCTS):
    for _name, (_fun, _doc) in _table.items():
        globals()[_name] = named(_name, _fun, _doc)

pow = power


def identity(*inputs: Any) -> Any:
    """The arguments as they are, as Variables."""
    found = tuple(as_variable(x) for x in inputs)
    return found[0] if len(found) == 1 else found


def add(*xs: Any) -> Variable:
    """The sum of several arrays."""
    return functools.reduce(lambda a, b: a + b, (as_variable(x) for x in xs))


@function
def _largest(x1: Any, x2: Any) -> Any:
    return bnp.maximum(x1, x2)


@function
def _smallest(x1: Any, x2: Any) -> Any:
    return bnp.minimum(x1, x2)


def maximum(*xs: Any) -> Variable:
    """The largest of several arrays, element by element; equal ones share the gradient."""
    return functools.reduce(_largest, xs)


def minimum(*xs: Any) -> Variable:
    """The smallest of several arrays, element by element; equal ones share the gradient."""
    return functools.reduce(_smallest, xs)


average = named(
    "average", mean_of, "The mean along axes, weighted by `weights` if given."
)
mean = average


@function
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x held between two bounds (None: no bound); the gradient is zero outside."""
    if x_min is not None:
        x = bnp.where(x < x_min, x_min, x)
    return x if x_max is None else bnp.where(x > x_max, x_max, x)


@function
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along axes, without overflow."""
    top = stop_gradient(bnp.max(x, axis=axis, keepdims=True))
    top = bnp.where(bnp.isfinite(top), top, 0.0)
    total = bnp.log(bnp.sum(bnp.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else bnp.squeeze(total, axis=axis)


@function
def matmul(a: Any, b: Any, transa: bool = False, transb: bool = False) -> Any:
    """The matrix product, of stacks too; `transa`, `transb` transpose an operand first."""
    if transa and a.ndim > 1:
        a = bnp.swapaxes(a, -1, -2)
    if transb and b.ndim > 1:
        b = bnp.swapaxes(b, -1, -2)
    return bnp.matmul(a, b)


@function
def bias(x: Any, y: Any, axis: int = 1) -> Any:
    """x + y, the axes of y lined up with those of x from `axis` on."""
    return x + along(x, y, axis, "bias")


@function
def scale(x: Any, y: Any, axis: int = 1) -> Any:
    """x * y, the axes of y lined up with those of x from `axis` on."""
    return x * along(x, y, axis, "scale")


@function
def linear_interpolate(p: Any, x: Any, y: Any) -> Any:
    """p x + (1 - p) y."""
    return p * x + (1 - p) * y


@function
def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes along which `shape` would be broadcast to that of x."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        k + lead for k, n in enumerate(shape) if n == 1 and x.shape[k + lead] != 1
    )
    return bnp.reshape(bnp.sum(x, axis=axes), shape) if axes else x


@function
def batch_l2_norm_squared(x: Any) -> Any:
    """The squared length of each element of the batch (axis 0)."""
    return bnp.sum(bnp.reshape(x, (x.shape[0], -1)) ** 2, axis=1)


@function
def squared_difference(x1: Any, x2: Any) -> Any:
    """(x1 - x2)², element by element."""
    return (x1 - x2) ** 2


def batch_matmul(a: Any, b: Any, transa: bool = False, transb: bool = False) -> Any:
    """`matmul` of stacks, where a vector in a stack is a column."""
    a, b = (as_variable(x) for x in (a, b))
    return matmul(*(x[:, :, None] if x.ndim == 2 else x for x in (a, b)), transa, transb)


def _fourier(transform: Any) -> Any:
    @function
    def f(x: Any) -> Any:
        real, imag = x
        y = transform(real + 1j * imag)
        return y.real, y.imag

    return f


_fft, _ifft = _fourier(bnp.fft.fft), _fourier(bnp.fft.ifft)


def fft(x: Any) -> Any:
    """The discrete Fourier transform along the last axis, of (real, imaginary) to the like."""
    return _fft(tuple(x))


def ifft(x: Any) -> Any:
    """The inverse of `fft`."""
    return _ifft(tuple(x))


@function
def _sparse_dense(data: Any, row: Any, col: Any, dense: Any, rows: int) -> Any:
    there = row >= 0  # fillers in a batch are -1
    row, col = bnp.where(there, row, 0), bnp.where(there, col, 0)
    batch = () if row.ndim == 1 else (np.arange(row.shape[0])[:, None],)
    terms = bnp.where(there, data, 0.0)[..., None] * dense[(*batch, col)]
    zeros = bnp.zeros((*dense.shape[:-2], rows, dense.shape[-1]), terms.dtype)
    return zeros.at[(*batch, row)].add(terms)


def sparse_matmul(a: Any, b: Any, transa: bool = False, transb: bool = False) -> Any:
    """The product of a sparse matrix (`utils.CooMatrix`) and a dense one, or the other way round.

    Of stacks too, of one length; `transa`, `transb` transpose an operand first. Differentiable in
    the dense matrix and in the sparse one's elements. Errors: TypeError unless one is sparse.
    """
    if isinstance(a, CooMatrix) == isinstance(b, CooMatrix):
        raise TypeError(
            "sparse_matmul: one of a and b must be a CooMatrix, the other an array; got "
            f"{type(a).__name__} and {type(b).__name__}"
        )
    if isinstance(b, CooMatrix):  # (Bᵀ Aᵀ)ᵀ
        return _swapped(sparse_matmul(b, a, not transb, not transa))
    dense = _swapped(b) if transb else as_variable(b)
    row, col, (n, m) = a.row, a.col, a.shape
    if transa:
        row, col, (n, m) = col, row, (m, n)
    if dense.ndim != row.ndim + 1 or dense.shape[-2] != m:
        raise ShapeError(
            f"sparse_matmul: a dense matrix of shape {dense.shape} does not fit a sparse one of "
            f"shape {(n, m)}{' in a stack' if row.ndim > 1 else ''}"
        )
    return _sparse_dense(a.data, row, col, dense, n)


@function
def _swapped(x: Any) -> Any:
    return bnp.swapaxes(x, -1, -2)


__all__ = [
    *_ELEMENTWISE, *_REDUCTIONS, *_PRODUCTS, "add", "average", "batch_l2_norm_squared",
    "batch_matmul", "bias", "clip", "fft", "identity", "ifft", "linear_interpolate", "logsumexp",
    "matmul", "maximum", "mean", "minimum", "pow", "scale", "sparse_matmul",
    "squared_difference", "sum_to",
]  # fmt: skip
