"""Single expressions: tables of operations, and how their operands are found.

`draw(generator, scope)` returns the text of one expression over names in scope, or None.
What does not fit raises when it is run, and is dropped; so the tables need not be careful.
"""

# ruff: noqa: E501  (tables, an operation after the other)

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.soak.generate import Generator, Scope, Var

FLOAT_UNARY = """
bnp.sin({x})|bnp.cos({x})|bnp.tan(0.3 * bnp.tanh({x}))|bnp.tanh({x})|bnp.exp(bnp.clip({x}, -5, 4))
bnp.log(bnp.abs({x}) + 0.5)|bnp.log1p(bnp.abs({x}))|bnp.expm1(bnp.minimum({x}, 2))|bnp.sqrt(bnp.abs({x}) + 0.1)
bnp.arctan({x})|bnp.arcsin(bnp.tanh({x}) * 0.9)|bnp.arcsinh({x})|bnp.cbrt(bnp.abs({x}) + 0.2)|bnp.square({x})
-{x}|bnp.abs({x})|bnp.sign({x})|bnp.floor({x})|bnp.ceil({x})|bnp.rint({x})|bnp.trunc({x})|1 / (1 + {x} * {x})
lax.logistic({x})|lax.erf({x})|lax.erfc({x})|lax.lgamma(bnp.abs({x}) + 0.5)|lax.digamma(bnp.abs({x}) + 0.7)
lax.rsqrt(1 + bnp.abs({x}))|{x} ** 2|{x} ** 3|(bnp.abs({x}) + 0.5) ** 1.5|bnp.isfinite({x})|bnp.exp2(bnp.tanh({x}))
bnp.nan_to_num({x})|bnp.sinh(bnp.tanh({x}))|bnp.cosh(bnp.tanh({x}))|bnp.where({x} > 0, {x}, 0.1 * {x})
bnp.where({x} > 0, bnp.log(bnp.where({x} > 0, {x}, 1)), 0)|bnp.where({x} > 0, bnp.sqrt({x}), -{x})
{x}.astype('f4')|{x}.astype('f8')|{x}.astype('i8')|{x}.astype('i4')|{x}.astype(bool)|{x} + 1j * {x}
bnp.clip({x}, -0.5, 1)|bnp.maximum({x}, 0)|bnp.minimum({x}, 1)|lax.erf_inv(0.9 * bnp.tanh({x}))|{x} % 1.5|bnp.modf({x})[0]
lax.bessel_i0e({x})|lax.bessel_i1e({x})|lax.igamma(bnp.abs({x}) + 0.5, bnp.abs({x}) + 1)|lax.lgamma({x} * {x} + 2)
lax.betainc(bnp.abs({x}) + 0.5, 1.5, lax.logistic({x}))|lax.polygamma(1.0, bnp.abs({x}) + 1)|bnp.sinc({x})|bnp.log2(bnp.abs({x}) + 1)
lax.stop_gradient({x}) * {x}|{x} / (bnp.sqrt(({x} * {x}).sum()) + 0.1)|bnp.exp({x} - {x}.max())
"""
INT_UNARY = """
-{x}|bnp.abs({x})|~{x}|{x} * {x}|{x} % 3|{x} // 2|{x} // -3|{x} << 1|{x} >> 1|{x} & 3|{x} ^ 5|{x}.astype('f8')
{x}.astype('f4')|{x}.astype('i4')|{x}.astype('i2')|{x}.astype('u1')|{x}.astype(bool)|bnp.sign({x})|{x} / 3
bnp.sin({x})|lax.population_count({x})|lax.clz({x})|bnp.clip({x}, 0, 4)|{x} ** 2|{x} == 2|bnp.exp(-bnp.abs({x}))
"""
BOOL_UNARY = (
    "~{x}|{x}.astype('f8')|{x}.astype('i4')|bnp.where({x}, 1.5, -2)|{x} * 2|{x}.astype('i8')"
)
COMPLEX_UNARY = """
bnp.real({x})|bnp.imag({x})|bnp.conj({x})|bnp.abs({x})|{x} * {x}|bnp.exp(1j * bnp.real({x}))|-{x}|bnp.sin({x})
bnp.sqrt({x} + 3)|1 / ({x} * bnp.conj({x}) + 1)|bnp.tanh({x})|{x}.astype('c8')|bnp.log({x} + 3)|bnp.angle({x} + 3)
"""
ANY_BINARY = """
{x} + {y}|{x} - {y}|{x} * {y}|{x} * {y} + {x}|bnp.where({x} == {y}, {x}, {y})|{x} == {y}|{x} != {y}
"""
REAL_BINARY = """
bnp.maximum({x}, {y})|bnp.minimum({x}, {y})|{x} < {y}|{x} >= {y}|bnp.where({x} < {y}, {x}, {y})|{x} / (1 + {y} * {y})
bnp.arctan2({x}, {y})|bnp.hypot({x}, {y})|bnp.logaddexp({x}, {y})|bnp.where({y} > 0, {x}, -{x})|lax.nextafter({x}, {y})
(bnp.abs({x}) + 0.5) ** bnp.tanh({y})|{x} * bnp.sin({y})|bnp.heaviside({x}, {y})|bnp.copysign({x}, {y})
bnp.select([{x} > 1, {y} > 0], [{x}, {y}], 0.5)|lax.clamp(-1.0, {x}, 1.0) * {y}|bnp.fmod({x}, bnp.abs({y}) + 1)
"""
INT_BINARY = """
{x} // {y}|{x} % {y}|{x} & {y}|{x} | {y}|{x} ^ {y}|{x} << ({y} & 7)|{x} >> ({y} & 7)|bnp.maximum({x}, {y})
{x} < {y}|bnp.gcd({x}, {y})|bnp.remainder({x}, {y})|lax.div({x}, {y})|lax.rem({x}, {y})
"""
BOOL_BINARY = "{x} & {y}|{x} | {y}|{x} ^ {y}|bnp.logical_and({x}, {y})|bnp.where({x}, {y}, ~{y})"
SHAPE = """
{x}.reshape(-1)|{x}.T|bnp.flip({x})|bnp.flip({x}, {k})|{x}[None]|{x}[..., None]|bnp.squeeze({x})|bnp.roll({x}, {n}, {k})
bnp.broadcast_to({x}, (2,) + {x}.shape)|bnp.tile({x}, 2)|bnp.repeat({x}, 2, axis={k})|bnp.swapaxes({x}, 0, -1)
bnp.moveaxis({x}, {k}, 0)|bnp.tril({x})|bnp.triu({x})|bnp.diag({x})|{x}.reshape({shape})|bnp.transpose({x}, {perm})
{x}[{slices}]|{x}[{slices}]|{x}[{slices}]|bnp.concatenate([{x}, {x}], axis={k})|bnp.concatenate([{x}[1:], {x}[:1]])
bnp.stack([{x}, -{x}], axis={k})|bnp.pad({x}, {n})|lax.pad({x}, {zero}, {pad})|lax.pad({x}, {zero}, {pad})
bnp.split({x}, [{n}], axis={k})[1]|bnp.concatenate([{x}, bnp.zeros_like({x})], axis={k})|bnp.atleast_2d({x})
bnp.expand_dims({x}, {k})|bnp.rot90({x})|bnp.meshgrid({x}, {x})[0]|lax.rev({x}, ({k},))|bnp.diff({x}, axis={k})
bnp.append({x}, {x})|bnp.ravel({x}.T)|bnp.diagonal({x})|bnp.trace({x})|bnp.full_like({x}, 2)|bnp.kron({x}, bnp.ones(2))
"""
REDUCE = """
{x}.sum()|{x}.sum(axis={k})|{x}.sum(axis={axes})|{x}.mean(axis={k})|{x}.mean()|{x}.max(axis={k})|{x}.min(axis={axes})
{x}.sum(axis={k}, keepdims=True)|{x}.max()|{x}.min(axis={k}, keepdims=True)|bnp.prod({x} * 0.5, axis={k})|{x}.all(axis={k})
{x}.any(axis={axes})|{x}.argmax(axis={k})|{x}.argmin()|bnp.var({x}, axis={k})|bnp.std({x} + bnp.arange({x}.size).reshape({x}.shape))
bnp.count_nonzero({x} > 0)|bnp.cumsum({x}, axis={k})|bnp.cumsum({x})|bnp.cumprod(bnp.sin({x}), axis={k})|lax.cummax({x}, axis={k})
lax.cummin({x}, axis={k}, reverse=True)|lax.cumsum({x}, axis={k}, reverse=True)|lax.cumlogsumexp({x}, axis={k})
bnp.linalg.norm({x} + 0.1)|bnp.log(bnp.exp({x} - {x}.max()).sum(axis={k}))|bnp.median({x})|bnp.ptp({x}, axis={k})
bnp.average({x}, axis={k})|bnp.nansum({x}, axis={k})
"""
ORDER = """
bnp.sort({x}, axis={k})|bnp.argsort({x}, axis={k})|bnp.sort({x})[::-1]|lax.top_k({x}, 2)[0]|lax.top_k({x}, 1)[1]
bnp.searchsorted(bnp.sort({x}.reshape(-1)), {x})|bnp.take_along_axis({x}, bnp.argsort({x}, axis={k}), axis={k})
lax.sort(({x}, bnp.arange({x}.size).reshape({x}.shape)), num_keys=1)[1]|bnp.interp({x}, bnp.arange(4.0), bnp.arange(4.0) ** 2)
"""
INDEX = """
{x}[{i}]|{x}[bnp.array({ints})]|{x}[..., bnp.array({ints})]|bnp.take({x}, bnp.array({wild}), axis={k}, mode='clip')
bnp.take({x}, bnp.array({wild}), axis={k}, mode='wrap')|bnp.take({x}, bnp.array({wild}), axis={k}, mode='fill')
{x}.at[bnp.array({wild})].get(mode='clip')|{x}.at[bnp.array({wild})].get(mode='fill', fill_value=2)
{x}[{j}]|{x}[..., {js}]|{x}[{js} + {n}]|{x}[bnp.clip({j}, 0, {x}.shape[0] - 1)]|{x}[bnp.clip({j}, -{x}.shape[0], {x}.shape[0] - 1)]|{x}[:, bnp.array({ints})]
lax.dynamic_slice({x}, {starts}, {sizes})|lax.dynamic_index_in_dim({x}, {js}, {k}, keepdims={flag})
lax.dynamic_slice_in_dim({x}, {js}, 1, axis={k})|{x}[bnp.array({ints})[:, None], bnp.array({ints})]
lax.dynamic_update_slice({x}, {x}[{slices}], {starts})|lax.dynamic_update_index_in_dim({x}, {x}.sum().astype({x}.dtype), {js}, 0)
"""
CONTRACT = """
{x} @ {x}.T|{x}.T @ {x}|bnp.dot({x}, {x})|bnp.matmul({x}, bnp.swapaxes({x}, -1, -2))|bnp.outer({x}, {x})|bnp.inner({x}, {y})
bnp.tensordot({x}, {y}, 1)|bnp.tensordot({x}, {x}, axes=([{k}], [{k}]))|{x} @ {y}|{y} @ {x}|bnp.einsum('i...,i...->...', {x}, {x})
bnp.einsum('...i,...j->...ij', {x}, {x})|bnp.einsum('ij,ik->jk', {x}, {x})|bnp.einsum('ii->i', {x})|bnp.vdot({x}, {x})
lax.dot_general({x}, {x}, ((({k},), ({k},)), ((), ())))|lax.dot_general({x}, {x}, (((1,), (1,)), ((0,), (0,))))
bnp.einsum('bij,bkj->bik', {x}, {x})|bnp.convolve({x}, {x})|bnp.vecdot({x}, {x})|bnp.cross({x}, {x} + 1)
"""
LINALG = """
bnp.linalg.cholesky({x} @ {x}.T + 3 * bnp.eye({x}.shape[0]))|bnp.linalg.inv({x} @ {x}.T + 3 * bnp.eye({x}.shape[0]))
bnp.linalg.solve({x} @ {x}.T + 3 * bnp.eye({x}.shape[0]), {x})|bnp.linalg.slogdet({x} @ {x}.T + bnp.eye({x}.shape[0]))[1]
lax.linalg.triangular_solve(bnp.tril({x} @ {x}.T) + 2 * bnp.eye({x}.shape[0]), {x}, left_side=True, lower=True)
bnp.abs(bnp.linalg.qr({x} + 2 * bnp.eye(*{x}.shape))[1])|bnp.linalg.svd({x} + bnp.eye(*{x}.shape), compute_uv=False)
bnp.linalg.pinv({x} + 3 * bnp.eye(*{x}.shape))|bnp.linalg.matrix_power({x} @ {x}.T * 0.1, 3)|bnp.linalg.norm({x}, axis=0)
bnp.linalg.det({x} @ {x}.T * 0.1 + bnp.eye({x}.shape[0]))|bnp.linalg.eigvalsh({x} @ {x}.T + bnp.diag(bnp.arange({x}.shape[0])))
"""
RANDOM = """
bibun.random.normal(bibun.random.key({n}), {x}.shape) * {x}|bibun.random.uniform(bibun.random.key({n}), {x}.shape)
bibun.random.normal(bibun.random.fold_in(bibun.random.key(1), {j}.reshape(-1)[0]), (9,))
bibun.random.permutation(bibun.random.key({n}), bnp.atleast_1d({x}))|bibun.random.randint(bibun.random.key({n}), {x}.shape, 0, 7)
bibun.random.exponential(bibun.random.key({n}), {x}.shape) + {x}|bibun.random.choice(bibun.random.key({n}), {x}.reshape(-1), (4,))
bibun.random.bits(bibun.random.split(bibun.random.key({n}))[1], {x}.shape)
"""
FFT = """
bnp.fft.rfft({x}, axis={k})|bnp.abs(bnp.fft.fft({x}, axis={k}))|bnp.real(bnp.fft.ifft({x}))|bnp.fft.irfft(bnp.fft.rfft({x}), n={x}.shape[-1])
bnp.fft.fft({x}, n=5)|bnp.imag(bnp.fft.fft2({x}))|bnp.fft.fftshift({x})|bnp.fft.irfft({x}, n=6)|bnp.fft.fft({x}, axis={k}, norm='ortho')
bnp.real(bnp.fft.ifftn({x}))|bibun.scipy.fft.dct({x}, axis={k})|bibun.scipy.signal.fftconvolve({x}, {x}, mode='same')
"""
FILTERED = """
bnp.sum({x}, axis={k}, where={x} > 0)|bnp.mean({x}, where={x} < 9)|bnp.max({x}, axis={k}, where={x} > 0, initial=-1)|bnp.prod({x} * 0.5, axis={k}, where={x} > 0)
bnp.any({x} > 0, axis={k}, where={x} < 1)|bnp.min({x}, initial=2, where={x} > 1)|bnp.nanmax({x}, axis={k})|bnp.nanmean({x}, axis={k})|bnp.nanvar({x} + 0.5)
bnp.var({x}, axis={k}, ddof=1)|bnp.logaddexp.reduce({x}, axis={k})|bibun.scipy.special.logsumexp({x}, axis={axes})|bibun.nn.softmax({x}, axis={k})
bibun.nn.log_softmax({x}, axis={k})|bibun.nn.standardize({x} + 0.1, axis={k})|bnp.cumulative_sum({x}, axis={k}, include_initial=True)|bnp.quantile({x}, 0.3, axis={k})
"""
WINDOWS = """
lax.reduce_window({x}, 0.0, lax.add, (2,) * {x}.ndim, (1,) * {x}.ndim, 'SAME')|lax.reduce_window({x}, -bnp.inf, lax.max, (2,) * {x}.ndim, (2,) * {x}.ndim, 'VALID')
bnp.convolve({x}, bnp.array([0.5, 1.0, -1.0]), mode='same')|bnp.correlate({x}, bnp.array([1.0, 2.0]), mode='full')|bnp.gradient({x}, axis={k})
lax.conv_general_dilated({x}.reshape(1, 1, -1), bnp.array([[[1.0, -0.5, 2.0]]]), (2,), 'SAME')|bnp.trapezoid({x}, axis={k})|bnp.polyval({x}, {y})
lax.conv_general_dilated({x}.reshape(1, 1, *{x}.shape), bnp.ones((2, 1, 2, 2)), (1, 1), [(1, 0), (0, 2)], rhs_dilation=(1, 2))
"""
SIZED = """
bnp.nonzero({x} > 0, size=4, fill_value=-1)[0]|bnp.unique({x}, size=5)|bnp.argwhere({x} > 0, size=3)|bnp.bincount(bnp.clip({x}.reshape(-1), 0, 7).astype('i8'), length=8)
bnp.digitize({x}, bnp.array([0.0, 1.0, 2.0]))|bnp.histogram({x}, bins=4, range=(-2, 2))[0]|bnp.lexsort(({x}, {x} % 2))|bnp.partition({x}, 0, axis={k})
bnp.where({x} > 0, size=3, fill_value=0)[0]|bnp.take_along_axis({x}, bnp.argmax({x}, axis={k}, keepdims=True), axis={k})|bnp.ediff1d({x})
bnp.fill_diagonal({x}, 2, inplace=False)|bnp.piecewise({x}, [{x} < 0, {x} >= 0], [lambda t: -t, lambda t: t * 2])|bnp.choose(bnp.array({ints}) % 2, [{x}, -{x}])
bnp.cov({x})|bnp.vander({x}, 3)|bnp.isin({x}, bnp.array([0, 1, 2]))|bnp.searchsorted(bnp.arange(5), {x}, side='right')|bnp.unwrap({x}, axis={k})
"""
MORE_FLOAT = """
bibun.nn.gelu({x})|bibun.nn.silu({x})|bibun.nn.elu({x})|bibun.nn.softplus({x})|bibun.scipy.special.xlogy(bnp.abs({x}), bnp.abs({x}) + 0.1)
bibun.scipy.special.log_ndtr({x})|bibun.scipy.special.ndtr({x})|bibun.scipy.special.entr(bnp.abs({x}))|bibun.scipy.special.i0({x})|bnp.i0({x})
bibun.scipy.special.betaln(bnp.abs({x}) + 0.3, 1.5)|bibun.scipy.special.gammaincc(1.5, bnp.abs({x}) + 0.1)|bibun.scipy.stats.norm.logcdf({x})
bibun.scipy.special.ndtri(lax.logistic({x}))|bnp.frexp({x})[0]|bnp.ldexp({x}, 2)|bnp.deg2rad({x})|bnp.nextafter({x}, 2.0)|bnp.float_power(bnp.abs({x}) + 1, 0.7)
"""
UPDATES = """
{x}.at[{i}].set({v})|{x}.at[{i}].add({v})|{x}.at[{slices}].set({v})|{x}.at[{slices}].multiply({v})|{x}.at[1:].set({x}[:-1])
{x}.at[:-1].add({x}[1:])|{x}.at[bnp.array({ints})].add({v})|{x}.at[bnp.array({ints})].set({v})|{x}.at[bnp.array({ints})].min({v})
{x}.at[bnp.array({wild})].set({v}, mode='drop')|{x}.at[bnp.array({wild})].add({v}, mode='clip')|{x}.at[::2].set({x}[::-1][::2])
{x}.at[bnp.array({ints})].max({v})|{x}.at[bnp.array({ints})].multiply({v})|{x}.at[bnp.clip({js}, 0, {x}.shape[0] - 1)].set({v})
{x}.at[bnp.clip({js}, 0, {x}.shape[0] - 1)].add({x}.reshape(-1)[0])|{x}.at[0].set({x}[-1]).at[-1].set({x}[0])
{x}.at[...].set({x}.T.reshape({x}.shape))|{x}.at[...].add({x}.reshape(-1)[::-1].reshape({x}.shape))
{x}.at[bnp.clip({j}, 0, {x}.shape[0] - 1)].add({v})|lax.dynamic_update_slice({x}, {x}[1:], {starts})
{x}.at[..., bnp.array({ints})].set({v})|{x}.at[{js}].set({v})|{x}.at[{j}].add({v})
"""

DTYPE_ONE = {"f": "1.5", "c": "(0.5 + 1j)", "i": "2", "u": "3", "b": "True"}
DTYPE_ZERO = {"f": "0.0", "c": "0j", "i": "0", "u": "0", "b": "False"}


def table(text: str) -> list[str]:
    """The entries of a table; `|` inside brackets or between blanks is an operator."""
    found = []
    for line in text.strip().splitlines():
        start = depth = 0
        for k, c in enumerate(line):
            depth += (c in "([{") - (c in ")]}")
            if c == "|" and not depth and line[k - 1 : k + 2] != " | ":
                found.append(line[start:k])
                start = k + 1
        found.append(line[start:])
    return found


TABLES = {
    name: table(text)
    for name, text in globals().items()
    if name.isupper() and isinstance(text, str)
}


def draw(g: Generator, scope: Scope) -> str | None:
    """One expression over names in scope."""
    r = g.rng
    if g.large:  # what NumPy does quickly
        group = r.choice(["unary", "unary", "binary", "binary", "SHAPE", "REDUCE"])
    else:
        group = group_of(r)
    return from_group(g, scope, group)


def group_of(r: random.Random) -> str:
    """A group of expressions, common ones more often."""
    return r.choices(
        ["unary", "binary", "SHAPE", "REDUCE", "INDEX", "ORDER", "CONTRACT", "LINALG", "UPDATES", "RANDOM",
         "FFT", "FILTERED", "WINDOWS", "SIZED", "MORE_FLOAT"],
        [8, 9, 8, 6, 4, 2, 3, 1, 5, 0.6, 0.8, 1.5, 0.8, 1, 1.2],
    )[0]  # fmt: skip


def from_group(g: Generator, scope: Scope, group: str) -> str | None:
    """One expression of a group."""
    r = g.rng
    if group == "unary":
        x = g.pick(scope)
        assert x is not None
        name = {"f": "FLOAT_UNARY", "c": "COMPLEX_UNARY", "b": "BOOL_UNARY"}.get(
            x.kind, "INT_UNARY"
        )
        return r.choice(TABLES[name]).format(x=x)
    if group == "binary":
        return binary(g, scope)
    if group == "RANDOM":
        return fill(g, scope, g.pick(scope), r.choice(TABLES["RANDOM"]))
    if group == "SHAPE":
        return fill(g, scope, g.pick(scope), r.choice(TABLES["SHAPE"]))
    if group in ("FFT", "WINDOWS", "MORE_FLOAT"):
        if g.wild:  # a nan spreads as the algorithm has it
            return None
        x = g.pick(scope, lambda v: v.kind == "f" and (v.ndim and v.size or group == "MORE_FLOAT"))
        return fill(g, scope, x, r.choice(TABLES[group]))
    if group == "LINALG":
        if g.wild:  # which elements a factor of nan has finite is LAPACK's own affair
            return None
        x = g.pick(scope, lambda v: v.ndim == 2 and v.kind == "f" and 0 < v.shape[0] <= 9)
        return fill(g, scope, x, r.choice(TABLES["LINALG"]))
    if group == "UPDATES":
        x = g.pick(scope, lambda v: v.ndim and v.size)
        return update(g, scope, x) if x is not None else None
    x = g.pick(scope, lambda v: v.ndim and v.size)
    if group != "CONTRACT" and r.random() < 0.1:
        x = g.pick(scope)
    return fill(g, scope, x, r.choice(TABLES[group]))


def binary(g: Generator, scope: Scope) -> str | None:
    x = g.pick(scope)
    assert x is not None
    y = partner(g, scope, x)
    kinds = {x.kind} | ({y.kind} if not isinstance(y, str) else set())
    names = ["ANY_BINARY"]
    if "c" not in kinds and kinds != {"b"}:
        names.append("REAL_BINARY")
    if kinds <= {"i", "u"}:
        names.append("INT_BINARY")
    if kinds == {"b"}:
        names = ["BOOL_BINARY"]
    pair = (x, y) if g.chance(0.7) else (y, x)
    return g.rng.choice(TABLES[g.rng.choice(names)]).format(x=f"{pair[0]}", y=f"{pair[1]}")


def partner(g: Generator, scope: Scope, x: Var) -> Any:
    """Something that broadcasts with x: a name, or a part of x."""
    r = g.rng
    fits = [v for v in scope.vars if broadcasts(v.shape, x.shape)]
    if fits and g.chance(0.75):
        return r.choice(fits)
    if x.ndim and x.size and x.kind != "b":
        return r.choice(
            [
                f"{x}[..., :1]",
                f"{x}[:1]",
                f"{x}[0]",
                f"{x}.sum(axis=0)",
                f"{x}.T",
                f"bnp.arange({x.shape[-1]})",
                f"{x}[..., ::-1]",
            ]
        )
    return r.choice(fits) if fits else x


def broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(m == n or m == 1 or n == 1 for m, n in zip(a[::-1], b[::-1], strict=False))


def update(g: Generator, scope: Scope, x: Var) -> str | None:
    """`x.at[...].op(...)`, of the dtype of x."""
    return fill(g, scope, x, g.rng.choice(TABLES["UPDATES"]))


def fill(g: Generator, scope: Scope, x: Var | None, template: str) -> str | None:
    """A template with its places filled in for x."""
    if x is None:
        return None
    r = g.rng
    n0 = x.shape[0] if x.ndim else 1
    low = min(x.shape, default=1)
    integer = g.pick(scope, lambda v: v.kind in "iu" and v.ndim <= 1 and v.size)
    scalar = g.pick(scope, lambda v: v.kind in "iu" and v.ndim == 0)
    js = str(scalar) if scalar is not None else str(r.randint(-3, 9))
    y = g.pick(scope, lambda v: v.kind == x.kind and v.ndim) or x
    perm = list(range(x.ndim))
    r.shuffle(perm)
    values = [f"{x}.sum().astype({str(x.dtype)!r})", DTYPE_ONE[x.kind]]
    values += [str(v) for v in scope.vars if v.dtype == x.dtype and v.shape in ((), x.shape[1:])][
        -3:
    ]
    places = {
        "x": x, "y": y, "n": r.randint(0, 4), "k": r.randrange(x.ndim) if x.ndim else 0,
        "axes": tuple(sorted(r.sample(range(x.ndim), r.randint(0, x.ndim)))),
        "perm": tuple(perm), "shape": factors(g, x.size), "zero": DTYPE_ZERO[x.kind] if r.random() < 0.6 else DTYPE_ONE[x.kind],
        "slices": slices(g, x.shape), "pad": [(r.randint(-1, 2), r.randint(-1, 2), r.choice([0, 0, 1])) for _ in x.shape],
        "i": r.randint(-n0, max(n0 - 1, 0)), "ints": [r.randint(-low, max(low - 1, 0)) for _ in range(r.choice([1, 2, 3, 8, 9]))],
        "wild": [r.randint(-n0 - 2, n0 + 2) for _ in range(r.choice([1, 2, 3, 9]))],
        "j": integer if integer is not None else "bnp.arange(2)", "js": js, "flag": r.random() < 0.5,
        "starts": "(" + "".join(f"{r.choice([js, str(r.randint(-2, 4))])}, " for _ in x.shape) + ")",
        "sizes": tuple(r.randint(0, n) if r.random() < 0.2 else r.randint(min(1, n), n) for n in x.shape),
        "v": r.choice(values),
    }  # fmt: skip
    return template.format(**places)


def factors(g: Generator, n: int) -> tuple[int, ...]:
    """A shape of n elements."""
    if n == 0:
        return g.rng.choice([(0,), (0, 3), (2, 0)])
    shape = []
    for p in (2, 3, 5, 7):
        while n % p == 0 and len(shape) < 2 and g.chance(0.6):
            shape.append(p)
            n //= p
    shape.append(n)
    g.rng.shuffle(shape)
    return tuple(shape)


def slices(g: Generator, shape: tuple[int, ...]) -> str:
    """A subscript of slices, integers, new axes and an ellipsis."""
    r = g.rng
    parts = []
    for n in shape:
        how = r.random()
        if how < 0.25:
            parts.append(":")
        elif how < 0.4 and n:
            parts.append(str(r.randint(-n, n - 1)))
        elif how < 0.5:
            parts.append(f"::{r.choice([-1, 2, -2, 3])}")
        else:
            a, b = sorted((r.randint(-n - 1, n), r.randint(-n, n + 1)))
            parts.append(f"{a}:{b}")
    if parts and r.random() < 0.3:
        parts = [*parts[: r.randint(0, len(parts))], "..."]
    if r.random() < 0.1:
        parts.insert(r.randint(0, len(parts)), "None")
    return ", ".join(parts) or "..."
