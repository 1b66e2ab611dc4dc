"""Cholesky's factorisation and the cotangent of its argument, in blocks held in registers.

For real matrices of a size where calls of BLAS cost more than what they compute (`tiles`). The
block on the diagonal, at most WIDTH rows, is worked on in scratch; names are those of
`cholesky_derivative`: D that block, R left of it, C below it, B below and left.

Factor, from the first block on:   D = chol(D - R Rᵀ),  C = (C - B Rᵀ) D⁻ᵀ.
Cotangent, from the last:          C̄ = C̄ D⁻¹,  B̄ -= C̄ R,  R̄ -= C̄ᵀ B,  D̄ -= C̄ᵀ C,
    D̄ = Φ(W), W = D⁻ᵀ sym(Dᵀ D̄) D⁻¹,  R̄ -= W R.
Solutions with D act on columns, so C is transposed into scratch and back.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.ops.families.shape import INT64
from bibun.ops.families.squares import SQUARE, each
from bibun.ops.linalg.blocks import Matrix, hermitian, lower
from bibun.ops.linalg.tiles import WIDTH, minus_product, padded, solve, transposed


class _Work:
    """Scratch: blocks of the size of D, and one as long as the matrix."""

    def __init__(self, b: Any, n: int, dtype: Any, blocks: int) -> None:
        self.b, self.dtype = b, dtype
        self.small = [
            Matrix(b, b.scratch(WIDTH * WIDTH, dtype), WIDTH, dtype) for _ in range(blocks)
        ]
        row = -(-n // SQUARE) * SQUARE
        self.columns = Matrix(b, b.scratch(WIDTH * row, dtype), row, dtype)  # Cᵀ
        self.rows = Matrix(b, b.scratch(row * WIDTH, dtype), WIDTH, dtype)  # Rᵀ


def _place(b: Any, n: int, number: Any) -> tuple[Any, Any, Any, Any]:
    """Start j of a block, the next one's k, its rows s, the rows below m."""
    size = b.const(n, INT64)
    j = b.mul(b.index(number), b.const(WIDTH, INT64))
    k = b.min(b.add(j, b.const(WIDTH, INT64)), size)
    return j, k, b.sub(k, j), b.sub(size, k)


def _upper_factor(b: Any, x: Matrix, s: Any) -> None:
    """U with x = Uᵀ U in the upper triangle, row by row; nan from the first bad pivot on."""
    one, nan = b.const(1, INT64), b.const(math.nan, x.dtype)

    def step(c: Any) -> None:
        pivot = x.load(c, c)
        good = b.compare("gt", pivot, b.const(0, x.dtype))
        inverse = b.div(b.const(1, x.dtype), b.sqrt(b.select(good, pivot, nan)))
        at = x.at(c, 0)
        row = b.mul(b.whole(at.ptr, WIDTH, x.dtype), inverse)
        b.store_whole(at.ptr, row)
        minus = b.neg(row)

        def below(r: Any) -> None:
            line = x.at(r, 0).ptr
            b.store_whole(line, b.fma(x.load(c, r), minus, b.whole(line, WIDTH, x.dtype)))

        b.loop(b.add(c, one), s, below)

    b.loop(0, s, step)


def factor(b: Any, x: Matrix, n: int) -> None:
    """The factor of x's lower triangle there; nan in all of it if x is not positive definite."""
    work = _Work(b, n, x.dtype, 1)
    (w,) = work.small

    def step(number: Any) -> None:
        j, k, s, m = _place(b, n, number)
        d, r, below, c = (x.at(*at) for at in ((j, j), (j, 0), (k, 0), (k, j)))
        transposed(b, work.rows, r, s, j)
        hermitian(b, w, d, s)
        minus_product(b, w, r, False, work.rows, s, WIDTH, j)
        minus_product(b, c, below, False, work.rows, m, WIDTH, j)
        _upper_factor(b, w, s)
        b.loop(0, s, lambda p: b.loop(p, s, lambda q: d.store(q, p, w.load(p, q))))
        transposed(b, work.columns, c, m, s)
        solve(b, d, False, work.columns, s, padded(m, b))
        transposed(b, c, work.columns, s, m)

    b.loop(0, -(-n // WIDTH), step)
    last = x.load(n - 1, n - 1)
    nan = b.const(math.nan, x.dtype)

    def spoil() -> None:
        b.loop(0, n, lambda i: b.loop(0, b.add(i, b.const(1, INT64)), lambda j: x.store(i, j, nan)))

    b.if_(b.compare("ne", last, last), spoil)


def cotangent(b: Any, low: Matrix, x: Matrix, n: int) -> None:
    """The lower triangle of the gradient of the argument, from that of the factor `low`, in x."""
    work = _Work(b, n, x.dtype, 3)
    d, w, v = work.small
    zero = b.const(0, x.dtype)
    count = -(-n // WIDTH)

    def step(number: Any) -> None:
        j, k, s, m = _place(b, n, b.sub(b.const(count - 1, INT64), number))
        r, below, c = (low.at(*at) for at in ((j, 0), (k, 0), (k, j)))
        xd, xr, xb, xc = (x.at(*at) for at in ((j, j), (j, 0), (k, 0), (k, j)))
        lower(b, d, low.at(j, j), s, cleared=True)
        transposed(b, work.columns, xc, m, s)
        solve(b, d, True, work.columns, s, padded(m, b))
        transposed(b, xc, work.columns, s, m)
        minus_product(b, xb, xc, False, r, m, j, s)
        minus_product(b, xr, xc, True, below, s, j, m)
        lower(b, w, xd, s)
        minus_product(b, w, xc, True, c, s, WIDTH, m)
        lower(b, w, w, s, cleared=True)
        each(b, (0, s), (0, WIDTH), lambda p, q: v.store(p, q, zero))
        minus_product(b, v, d, True, w, s, WIDTH, s)  # -Dᵀ D̄
        b.loop(0, s, lambda p: b.loop(0, s, lambda q: v.store(p, q, b.neg(v.load(p, q)))))
        hermitian(b, w, v, s)
        solve(b, d, True, w, s, WIDTH)
        transposed(b, v, w, s, s)
        solve(b, d, True, v, s, WIDTH)
        lower(b, xd, v, s, halved=True)
        minus_product(b, xr, v, False, r, s, j, s)

    b.loop(0, count, step)
