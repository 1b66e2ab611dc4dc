"""The two linear maps of the derivative of `cholesky`, transposes of one another.

`cholesky_tangent(L, dA)` is dL; `cholesky_cotangent(L, C)` takes a cotangent of L to one of
a. Written out, dL = L Φ(L⁻¹ dA L⁻ᴴ) (Murray, "Differentiation of the Cholesky decomposition",
arXiv:1602.07527, eq. 8), Φ the lower triangle with its diagonal halved, dA Hermitian; the
adjoint is ½ L⁻ᴴ (Φ(Lᴴ C) + Φ(Lᴴ C)ᴴ) L⁻¹. As formulas these are three products of whole
matrices, 3 n³ multiplications and additions. As maps of their own they are the factorisation's
blocked algorithm run with tangents, or backwards (ibid., §4): 2/3 n³, twice the
factorisation, in place, with matrix products throughout.

`symmetrize` says how dA comes from a matrix S: False, S's lower triangle is read; True, it is
(S + Sᴴ) / 2. The cotangent is lower triangular, or Hermitian.

Second derivatives need no more. X = dL solves X Lᴴ + L Xᴴ = dA, so moving L by L' moves X by
the tangent map of -(X L'ᴴ + L' Xᴴ). For the adjoint map with T its result as the full
Hermitian gradient, the same pairing gives minus the adjoint map of 2 T L'.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    adjoint,
    conjugate,
    matmul,
    matrix_op,
    matrix_type,
    per_matrix,
    routine,
    tril,
)
from bibun.ops.families.shape import INT64, result_type
from bibun.ops.families.squares import conj_value
from bibun.ops.linalg.blocks import (
    Blas,
    Matrix,
    blocked,
    clear_upper,
    hermitian,
    lower,
    mean_below,
    mirror_half,
)
from bibun.ops.linalg.cholesky_tiles import cotangent as tiled_cotangent
from bibun.ops.linalg.small import CHOLESKY, Cell, each_small, is_inline
from bibun.ops.linalg.tiles import is_tiled
from bibun.ops.op import Sample, is_linear

MIDDLE = 128  # up to this size blocks are narrower: more of the work is in their products


def _blocks(n: int) -> tuple[int, int]:
    """(columns of a block, number of blocks); measured in docs/design/linear-algebra.md."""
    return blocked(n, 16 if n <= MIDDLE else 32)


def _type_rule(factor: ArrayType, x: ArrayType, symmetrize: bool) -> ArrayType:
    dtype = matrix_type("cholesky_tangent", factor, x, square=True)
    if factor.shape != x.shape:
        from bibun.errors import ShapeError

        raise ShapeError(
            f"cholesky_tangent: the factor and its tangent must have one shape, got "
            f"{factor.shape} and {x.shape}"
        )
    return result_type(x.shape, dtype, factor, x)


# values ------------------------------------------------------------------------------------------


def _phi(x: np.ndarray) -> np.ndarray:
    out = np.tril(x)
    np.fill_diagonal(out, out.diagonal() * 0.5)
    return out


def _solve(factor: np.ndarray, x: np.ndarray, side: int, turned: bool) -> np.ndarray:
    """L⁻¹ x, x L⁻¹ (side 1); with L's adjoint if turned."""
    return routine("trsm", x.dtype)(1.0, factor, x, side=side, lower=1, trans_a=2 * turned)


def _tangent_one(factor: np.ndarray, x: np.ndarray, symmetrize: bool) -> np.ndarray:
    if symmetrize:
        x = (x + x.conj().T) * x.dtype.type(0.5)
    else:
        below = np.tril(x, -1)
        x = below + below.conj().T + np.diag(x.diagonal().real)
    inner = _solve(factor, _solve(factor, x, 0, False), 1, True)
    return np.tril(np.tril(factor) @ _phi(inner))


def _cotangent_one(factor: np.ndarray, x: np.ndarray, symmetrize: bool) -> np.ndarray:
    inner = _phi(np.tril(factor).conj().T @ np.tril(x.conj()))
    twice = _solve(factor, _solve(factor, inner + inner.conj().T, 0, True), 1, False)
    return (twice * twice.dtype.type(0.5) if symmetrize else _phi(twice)).conj()


# derivatives -------------------------------------------------------------------------------------


def _sum(parts: list[Any]) -> Any:
    from bibun.ops.elementwise import add

    return parts[0] if len(parts) == 1 else add(*parts)


def _tangent_jvp(primals: Any, tangents: Any, symmetrize: bool) -> Any:
    from bibun.ops.elementwise import neg

    (factor, x), (tf, tx) = primals, tangents
    out = cholesky_tangent(factor, x, symmetrize=symmetrize)
    parts = []
    if tx is not None:
        parts.append(cholesky_tangent(factor, tx, symmetrize=symmetrize))
    if tf is not None:
        half = matmul(tril(tf), adjoint(out))  # its double's mean with the adjoint is the sum
        moved = _sum([half, half])
        parts.append(neg(cholesky_tangent(factor, moved, symmetrize=True)))
    return out, _sum(parts)


def _cotangent_jvp(primals: Any, tangents: Any, symmetrize: bool) -> Any:
    from bibun.ops.elementwise import add, neg

    (factor, x), (tf, tx) = primals, tangents
    out = cholesky_cotangent(factor, x, symmetrize=symmetrize)
    parts = []
    if tx is not None:
        parts.append(cholesky_cotangent(factor, tx, symmetrize=symmetrize))
    if tf is not None:
        twice = add(out, out if symmetrize else adjoint(out))
        moved = matmul(twice, conjugate(tril(tf)))
        parts.append(neg(cholesky_cotangent(factor, moved, symmetrize=symmetrize)))
    return out, _sum(parts)


def _transpose_as(other: Callable[[], Any]) -> Callable[..., Any]:
    def transpose(ct: Any, factor: Any, x: Any, symmetrize: bool) -> Any:
        assert is_linear(x)
        assert not is_linear(factor)
        return None, other()(factor, ct, symmetrize=symmetrize)

    return transpose


# lowering: in registers --------------------------------------------------------------------------


class _Small:
    """A matrix as values: lower triangles (i, j), with the reciprocals of L's diagonal."""

    def __init__(self, b: Any, factor: Cell, x: Cell, n: int, mean: bool) -> None:
        below, dtype = [(i, j) for i in range(n) for j in range(i + 1)], x.dtype
        one, half = b.const(1, dtype), b.const(0.5, dtype)
        self.l = {(i, j): factor.load(i, j) for i, j in below}
        self.inverse = [b.div(one, self.l[i, i]) for i in range(n)]
        self.x = {(i, j): x.load(i, j) for i, j in below}
        if mean:
            for i, j in below:
                if j < i:
                    above = x.load(j, i)
                    self.x[i, j] = b.mul(b.add(self.x[i, j], above), half)


def _tangent_inline(b: Any, factor: Cell, x: Cell, n: int, mean: bool) -> None:
    """Row by row, the tangent of L[i,j] = (A[i,j] - Σ_k<j L[i,k] L[j,k]) / L[j,j]."""
    s = _Small(b, factor, x, n, mean)
    half, zero = b.const(0.5, x.dtype), b.const(0, x.dtype)
    d: dict[tuple[int, int], Any] = {}
    for i in range(n):
        for j in range(i):
            v = s.x[i, j]
            for k in range(j):
                v = b.sub(v, b.mul(d[i, k], s.l[j, k]))
                v = b.sub(v, b.mul(s.l[i, k], d[j, k]))
            d[i, j] = b.mul(b.sub(v, b.mul(s.l[i, j], d[j, j])), s.inverse[j])
        v = b.mul(s.x[i, i], half)
        for k in range(i):
            v = b.sub(v, b.mul(d[i, k], s.l[i, k]))
        d[i, i] = b.mul(v, s.inverse[i])
    for i in range(n):
        for j in range(n):
            x.store(i, j, d.get((i, j), zero))


def _cotangent_inline(b: Any, factor: Cell, x: Cell, n: int, mean: bool) -> None:
    """The same equations backwards."""
    s = _Small(b, factor, x, n, False)
    half, zero = b.const(0.5, x.dtype), b.const(0, x.dtype)
    g = s.x
    for k in reversed(range(n)):
        for i in range(k + 1, n):
            g[k, k] = b.sub(g[k, k], b.mul(b.mul(s.l[i, k], g[i, k]), s.inverse[k]))
            g[i, k] = b.mul(g[i, k], s.inverse[k])
        g[k, k] = b.mul(g[k, k], s.inverse[k])
        for j in range(k):
            v = b.sub(g[k, j], b.mul(g[k, k], s.l[k, j]))
            for i in range(k + 1, n):
                v = b.sub(v, b.mul(g[i, k], s.l[i, j]))
                g[i, j] = b.sub(g[i, j], b.mul(g[i, k], s.l[k, j]))
            g[k, j] = v
        g[k, k] = b.mul(g[k, k], half)
    if mean:
        for i, j in list(g):
            if j < i:
                g[i, j] = g[j, i] = b.mul(g[i, j], half)
    for i in range(n):
        for j in range(n):
            x.store(i, j, g.get((i, j), zero))


# lowering: in blocks -----------------------------------------------------------------------------


class _Block:
    """Rows and columns j..k of `factor` and of `x`, whose n rows are worked on in place.

    In L, D is the block on the diagonal, R left of it, C below it, B below and left; `s` its
    size, `m` the rows below. `w` is room for one block.
    """

    def __init__(self, b: Any, factor: Matrix, x: Matrix, w: Matrix, n: int, number: Any) -> None:
        size = w.row
        self.b, self.w = b, w
        self.j = b.mul(b.index(number), b.const(size, INT64))
        k = b.min(b.add(self.j, b.const(size, INT64)), b.const(n, INT64))
        self.s, self.m = b.sub(k, self.j), b.sub(b.const(n, INT64), k)
        self.D, self.R, self.B, self.C = (
            factor.at(i, j) for i, j in ((self.j, self.j), (self.j, 0), (k, 0), (k, self.j))
        )
        self.dD, self.dR, self.dB, self.dC = (
            x.at(i, j) for i, j in ((self.j, self.j), (self.j, 0), (k, 0), (k, self.j))
        )


def _tangent_step(f: Blas, p: _Block) -> None:
    """dD = D Φ(D⁻¹ (dA - dR Rᴴ - R dRᴴ) D⁻ᴴ); dC = (dA - dB Rᴴ - B dRᴴ - C dDᴴ) D⁻ᴴ."""
    h, w = f.adjoint, p.w
    f.gemm(-1, p.dR, "N", p.R, h, 1, p.dD, p.s, p.s, p.j)
    f.gemm(-1, p.R, "N", p.dR, h, 1, p.dD, p.s, p.s, p.j)
    hermitian(f.b, w, p.dD, p.s)
    f.trsm("L", True, "N", p.D, w, p.s, p.s)
    f.trsm("R", True, h, p.D, w, p.s, p.s)
    lower(f.b, w, w, p.s, halved=True, cleared=True)
    f.trmm("L", True, "N", p.D, w, p.s, p.s)
    lower(f.b, p.dD, w, p.s)
    f.gemm(-1, p.dB, "N", p.R, h, 1, p.dC, p.m, p.s, p.j)
    f.gemm(-1, p.B, "N", p.dR, h, 1, p.dC, p.m, p.s, p.j)
    f.gemm(-1, p.C, "N", w, h, 1, p.dC, p.m, p.s, p.s)
    f.trsm("R", True, h, p.D, p.dC, p.m, p.s)


def _cotangent_step(f: Blas, p: _Block) -> None:
    """The adjoint of each line of `_tangent_step`, from the last to the first."""
    h, w = f.adjoint, p.w
    f.trsm("R", True, "N", p.D, p.dC, p.m, p.s)
    f.gemm(-1, p.dC, "N", p.R, "N", 1, p.dB, p.m, p.j, p.s)
    f.gemm(-1, p.dC, h, p.B, "N", 1, p.dR, p.s, p.j, p.m)
    f.gemm(-1, p.dC, h, p.C, "N", 1, p.dD, p.s, p.s, p.m)
    lower(f.b, w, p.dD, p.s, cleared=True)
    f.trmm("L", True, h, p.D, w, p.s, p.s)
    hermitian(f.b, w, w, p.s)
    f.trsm("L", True, h, p.D, w, p.s, p.s)
    f.trsm("R", True, "N", p.D, w, p.s, p.s)
    lower(f.b, p.dD, w, p.s, halved=True)
    f.gemm(-1, w, "N", p.R, "N", 1, p.dR, p.s, p.j, p.s)


def _lower_tangent(b: Any, ins: Any, outs: Any, symmetrize: bool) -> None:
    n, dtype = outs[0].shape[-1], outs[0].dtype
    if 0 in outs[0].shape:
        return
    if is_inline(n, dtype, CHOLESKY):
        cells = [ins[0], outs[0]]
        each_small(b, cells, (2, 2), lambda c: _tangent_inline(b, *c, n, symmetrize))
        return
    size, count = _blocks(n)
    w = Matrix(b, b.scratch(size * size, dtype), size, dtype)

    def body(p: list[str]) -> None:
        factor, x = (Matrix(b, q, n, dtype) for q in p)
        if symmetrize:
            mean_below(b, x, n)
        f = Blas(b, dtype)
        b.loop(0, count, lambda c: _tangent_step(f, _Block(b, factor, x, w, n, c)))
        clear_upper(b, x, n)

    per_matrix(b, [ins[0]], outs, (2, 2), body)


def _lower_cotangent(b: Any, ins: Any, outs: Any, symmetrize: bool) -> None:
    n, dtype = outs[0].shape[-1], outs[0].dtype
    if 0 in outs[0].shape:
        return
    if is_inline(n, dtype, CHOLESKY):
        cells = [ins[0], outs[0]]
        each_small(b, cells, (2, 2), lambda c: _cotangent_inline(b, *c, n, symmetrize))
        return
    size, count = _blocks(n)
    w = Matrix(b, b.scratch(size * size, dtype), size, dtype)

    def body(p: list[str]) -> None:
        factor, x = (Matrix(b, q, n, dtype) for q in p)
        f = Blas(b, dtype)

        def turn() -> None:  # bibun's cotangents are conjugates of gradients
            if dtype.kind == "c":
                b.loop(0, n * n, lambda i: b.store(
                    x.ptr, i, conj_value(b, b.load(x.ptr, i, dtype))
                ))  # fmt: skip

        turn()
        if is_tiled(n, dtype):
            tiled_cotangent(b, factor, x, n)
        else:
            last = b.const(count - 1, INT64)
            b.loop(
                0, count, lambda c: _cotangent_step(f, _Block(b, factor, x, w, n, b.sub(last, c)))
            )
        if symmetrize:
            mirror_half(b, x, n)
        else:
            clear_upper(b, x, n)
        turn()

    per_matrix(b, [ins[0]], outs, (2, 2), body)


# the records -------------------------------------------------------------------------------------


def _samples() -> list[Sample]:
    def array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        x = np.sin(np.arange(math.prod(shape)) * 1.7 + 1).reshape(shape)
        if np.dtype(dtype).kind == "c":
            x = x + 1j * np.cos(np.arange(x.size) * 2.3).reshape(shape)
        return x

    def sample(*shape: int, dtype: Any = np.float64, **options: Any) -> Sample:
        n = shape[-1]
        factor = np.tril(array(*shape, dtype=dtype)) / max(n, 1)
        # The diagonal of a factor is real.
        factor = factor - np.eye(n) * 1j * factor.imag if factor.dtype.kind == "c" else factor
        factor = factor + 2 * np.eye(n)
        x = array(*shape, dtype=dtype)[..., ::-1]
        options.setdefault("symmetrize", False)
        return Sample(factor.astype(dtype), x.astype(dtype), **options)

    return [
        *(sample(*s, symmetrize=f) for s in ((1, 1), (3, 3), (2, 2, 4, 4), (9, 9), (2, 14, 14))
          for f in (False, True)),
        sample(70, 70, smooth=False), sample(130, 130, symmetrize=True, smooth=False),
        sample(4, 4, dtype=np.float32), sample(9, 9, dtype=np.complex64, smooth=False),
        sample(3, 3, dtype=np.complex128, diff=[1]),
        sample(3, 3, dtype=np.complex128, symmetrize=True, diff=[1]),
        sample(0, 0, smooth=False), sample(2, 0, 0, smooth=False), sample(0, 3, 3, smooth=False),
    ]  # fmt: skip


_shared: dict[str, Any] = {
    "type_rule": _type_rule, "ranks": (2, 2), "alias": 1, "samples": _samples,
}  # fmt: skip

cholesky_tangent = matrix_op(
    "cholesky_tangent",
    one=_tangent_one,
    jvp=_tangent_jvp,
    transpose=_transpose_as(lambda: cholesky_cotangent),
    lower=_lower_tangent,
    doc="`cholesky_tangent(factor, x, *, symmetrize)`: the tangent of `cholesky` where its "
    "result is `factor` and its argument moves by x (..., n, n).",
    **_shared,
)

cholesky_cotangent = matrix_op(
    "cholesky_cotangent",
    one=_cotangent_one,
    jvp=_cotangent_jvp,
    transpose=_transpose_as(lambda: cholesky_tangent),
    lower=_lower_cotangent,
    doc="`cholesky_cotangent(factor, x, *, symmetrize)`: the transpose of `cholesky_tangent`.",
    **_shared,
)
