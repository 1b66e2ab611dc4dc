"""What each op of bibun is in JAX: one table, one entry an op.

An entry is `rule(*inputs, **params)` on JAX arrays, which may be tracers; operands have the dtypes
that the op had, so nothing is promoted here. JAX differentiates an entry by its own rules.
`RULED` are ops whose value JAX has but whose derivative it lacks or takes otherwise. Ops without an
entry, Bessel functions of real order, say, NumPy computes in a callback (`on_host`). Both kinds are
differentiated by bibun's own rule for the op, translated (`jax_rules.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax

from bibun.dtypes import KEY
from bibun.ops.op import ELEMENTWISE, INDEX_MAP, LIBRARY, REDUCTION

TABLE: dict[str, Callable[..., Any]] = {}


def entry(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the rule of these ops."""

    def enter(rule: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            TABLE[name] = rule
        return rule

    return enter


def broadcast(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays of one shape, as one of arrays that broadcast."""

    def rule(*xs: Any) -> Any:
        return f(*jnp.broadcast_arrays(*xs))

    return rule


# elementwise --------------------------------------------------------------------------------------

SAME = """add sub neg mul max min sign abs sqrt rsqrt cbrt exp exp2 expm1 log log1p logistic sin cos
tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc erf_inv lgamma digamma igamma
igammac igamma_grad_a random_gamma_grad zeta bessel_i0e bessel_i1e floor ceil is_finite nextafter
complex eq ne lt le gt ge rem div pow clz population_count square
shift_left shift_right_logical shift_right_arithmetic betainc polygamma""".split()
TABLE |= {name: broadcast(getattr(lax, name)) for name in SAME}

TABLE |= {
    "real": jnp.real,
    "imag": jnp.imag,
    "conj": jnp.conj,
    "trunc": jnp.trunc,
    "round_even": lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    "log2": jnp.log2,
    "log10": jnp.log10,
    "integer_pow": lambda x, y: lax.integer_pow(x, y),
    "and": broadcast(lax.bitwise_and),
    "or": broadcast(lax.bitwise_or),
    "xor": broadcast(lax.bitwise_xor),
    "not": lax.bitwise_not,
    "bitcast": lambda x, new_dtype: lax.bitcast_convert_type(x, new_dtype),
    "trigamma": lambda x: lax.polygamma(jnp.ones_like(x), x),
    "gamma": jsp.gamma,
    "log_ndtr": jsp.log_ndtr,
    "ndtri": jsp.ndtri,
    "stop_gradient": lax.stop_gradient,
    "save_point": lambda x: x,
    "after": lambda x, token: lax.optimization_barrier((x, token))[0],
    "copy": lambda x: x,
}


@entry("sign")
def sign(x: Any) -> Any:
    return jnp.where(x == 0, x, lax.sign(x)) if jnp.issubdtype(x.dtype, jnp.floating) else (
        lax.sign(x))  # fmt: skip


@entry("convert")
def convert(x: Any, new_dtype: Any, weak: bool = False) -> Any:
    new = np.dtype(new_dtype)
    if jnp.iscomplexobj(x) and new.kind != "c":
        x = x != 0 if new.kind == "b" else lax.real(x)
    if jnp.issubdtype(x.dtype, jnp.floating) and new.kind in "iu":
        info = np.iinfo(new)
        x = x.astype(np.float64)
        high, low = x >= float(info.max), x < float(info.min)
        inside = jnp.where(high | low | (x != x), 0.0, x).astype(new)
        return jnp.where(high, new.type(info.max), jnp.where(low, new.type(info.min), inside))
    if x.dtype == new:
        return x
    return x != 0 if new.kind == "b" else lax.convert_element_type(x, new)


@entry("div")
def div(x: Any, y: Any) -> Any:
    x, y = jnp.broadcast_arrays(x, y)
    return lax.div(x, y)


@entry("select")
def select(which: Any, *cases: Any) -> Any:
    shape = np.broadcast_shapes(which.shape, *(c.shape for c in cases))
    cases = tuple(jnp.broadcast_to(c, shape) for c in cases)
    if len(cases) == 1:
        return cases[0]
    which = jnp.broadcast_to(which, shape)
    if which.dtype != bool:
        which = jnp.clip(which, 0, len(cases) - 1).astype(np.int32)
    return lax.select_n(which, *cases)


@jax.custom_jvp
def absorb(t: Any, g: Any) -> Any:
    """t·g, and 0 wherever t is 0."""
    return jnp.where(t == 0, jnp.zeros((), t.dtype), t * g)


@absorb.defjvp
def _absorb_jvp(primals: Any, tangents: Any) -> Any:
    (t, g), (dt, dg) = primals, tangents
    factor = jnp.where((t == 0) & ~jnp.isfinite(g), jnp.zeros((), g.dtype), g)
    return absorb(t, g), dt * factor + dg * t


@jax.custom_jvp
def absorb_both(x: Any, y: Any) -> Any:
    """x·y, and 0 wherever one of them is 0."""
    return jnp.where((x == 0) | (y == 0), jnp.zeros((), x.dtype), x * y)


@absorb_both.defjvp
def _absorb_both_jvp(primals: Any, tangents: Any) -> Any:
    (x, y), (dx, dy) = primals, tangents
    zero = jnp.zeros((), x.dtype)
    fx = jnp.where((y == 0) & ~jnp.isfinite(x), zero, x)
    fy = jnp.where((x == 0) & ~jnp.isfinite(y), zero, y)
    return absorb_both(x, y), dx * fy + dy * fx


TABLE["absorb_mul"] = broadcast(absorb)
TABLE["absorb_both"] = broadcast(absorb_both)


# shapes -------------------------------------------------------------------------------------------

TABLE |= {
    "broadcast_to": lambda x, shape: jnp.broadcast_to(x, shape),
    "expand_dims": lambda x, axes: jnp.expand_dims(x, axes),
    "squeeze": lambda x, axes: jnp.squeeze(x, axes),
    "reshape": lambda x, shape: jnp.reshape(x, shape),
    "transpose": lambda x, permutation: jnp.transpose(x, permutation),
    "rev": lambda x, axes: lax.rev(x, axes),
    "iota": lambda shape, dtype, axis: lax.broadcasted_iota(dtype, shape, axis),
    "slice": lambda x, starts, limits, strides=None: lax.slice(x, starts, limits, strides),
    "concatenate": lambda *xs, axis: lax.concatenate(xs, axis),
    "pad": lambda x, value, config: lax.pad(x, value, config),
    "diagonal": lambda x, offset: jnp.diagonal(x, offset, -2, -1),
    "dynamic_slice": lambda x, *starts, sizes: lax.dynamic_slice(x, starts, sizes),
    "dynamic_update_slice": lambda x, u, *starts: lax.dynamic_update_slice(x, u, starts),
}


@entry("embed_diagonal")
def embed_diagonal(x: Any, rows: int, columns: int, offset: int) -> Any:
    k = jnp.arange(x.shape[-1])
    out = jnp.zeros((*x.shape[:-1], rows, columns), x.dtype)
    return out.at[..., k + max(-offset, 0), k + max(offset, 0)].set(x)


def _places(x: Any, indices: Any, axes: Any, mode: str) -> tuple[Any, ...]:
    """Indices that JAX takes as they are: clipped, or past the end where they are outside."""
    out = []
    for i, axis in zip(indices, axes, strict=True):
        n = x.shape[axis]
        i = i.astype(np.int64)
        if mode == "clip":
            i = jnp.clip(i, 0, max(n - 1, 0))
        elif mode != "promise_in_bounds":
            i = jnp.where((i < 0) | (i >= n), n, i)
        out.append(i)
    return tuple(out)


@entry("gather")
def gather(x: Any, *indices: Any, axes: Any, mode: str) -> Any:
    places = _places(x, indices, axes, mode)
    front = jnp.moveaxis(x, axes, range(len(axes)))
    if mode in ("fill", "zero"):
        fill: Any = 0
        if mode == "fill" and x.dtype.kind in "fc":
            fill = np.nan
        elif mode == "fill" and x.dtype.kind == "i":
            fill = np.iinfo(x.dtype).min
        return front.at[places].get(mode="fill", fill_value=fill)
    return front.at[places].get(mode="promise_in_bounds" if mode == "promise_in_bounds" else "clip")


def _scatter(how: str) -> Callable[..., Any]:
    def rule(x: Any, u: Any, *indices: Any, axes: Any, mode: str, unique: bool = False) -> Any:
        places = _places(x, indices, axes, mode)
        front = jnp.moveaxis(x, axes, range(len(axes)))
        jax_mode = {"clip": "clip", "promise_in_bounds": "promise_in_bounds"}.get(mode, "drop")
        done = getattr(front.at[places], how)(u, mode=jax_mode, unique_indices=unique)
        return jnp.moveaxis(done, range(len(axes)), axes)

    return rule


TABLE |= {
    "scatter": _scatter("set"), "scatter_add": _scatter("add"), "scatter_mul": _scatter("multiply"),
    "scatter_min": _scatter("min"), "scatter_max": _scatter("max"),
}  # fmt: skip


# reductions, sorting, contraction -----------------------------------------------------------------


def _extreme(dtype: Any, largest: bool) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return largest
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if largest else np.iinfo(dtype).min
    return np.inf if largest else -np.inf


def _extremum(f: Any, largest: bool) -> Callable[..., Any]:
    def rule(x: Any, axes: Any) -> Any:
        empty = any(x.shape[a] == 0 for a in axes)
        return f(x, axes, initial=_extreme(x.dtype, largest)) if empty else f(x, axes)

    return rule


def _bitwise(f: Any, start: int) -> Callable[..., Any]:
    def rule(x: Any, axes: Any) -> Any:
        init = np.array(start, np.int64).astype(x.dtype) if x.dtype != bool else np.bool_(start)
        return lax.reduce(x, init, f, tuple(axes))

    return rule


TABLE |= {
    "reduce_sum": lambda x, axes: jnp.sum(x, axes, dtype=x.dtype),
    "reduce_prod": lambda x, axes: jnp.prod(x, axes, dtype=x.dtype),
    "reduce_max": _extremum(jnp.max, False),
    "reduce_min": _extremum(jnp.min, True),
    "reduce_and": _bitwise(lax.bitwise_and, -1),
    "reduce_or": _bitwise(lax.bitwise_or, 0),
    "reduce_xor": _bitwise(lax.bitwise_xor, 0),
    "argmax": lambda x, axes, index_dtype: jnp.argmax(x, axes[0]).astype(index_dtype),
    "argmin": lambda x, axes, index_dtype: jnp.argmin(x, axes[0]).astype(index_dtype),
    "sort": lambda *xs, axis, num_keys, stable: list(
        lax.sort(xs, dimension=axis, num_keys=num_keys, is_stable=stable)
    ),
}
for _name in ("cumsum", "cumprod", "cumlogsumexp", "cummax", "cummin"):
    TABLE[_name] = functools.partial(
        lambda f, x, axis, reverse: f(x, axis=axis, reverse=reverse), getattr(lax, _name)
    )


@entry("dot_general")
def dot_general(x: Any, y: Any, dimension_numbers: Any, preferred_element_type: Any = None) -> Any:
    return lax.dot_general(
        x, y, dimension_numbers, precision=lax.Precision.HIGHEST,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


@entry("fft")
def fft(x: Any, kind: str, lengths: Any) -> Any:
    return lax.fft(x, lax.FftType[kind.upper()] if hasattr(lax, "FftType") else kind, lengths)


# linear algebra -----------------------------------------------------------------------------------

TABLE |= {
    "cholesky": lambda x, symmetrize=False: lax.linalg.cholesky(x, symmetrize_input=symmetrize),
    "triangular_solve": lambda a, b, **params: lax.linalg.triangular_solve(a, b, **params),
    "lu": lambda x: list(lax.linalg.lu(x)),
    "lu_pivots_to_permutation": lambda p, permutation_size: lax.linalg.lu_pivots_to_permutation(
        p, permutation_size
    ),
    "qr": lambda x, full_matrices: list(lax.linalg.qr(x, full_matrices=full_matrices)),
}


@entry("eigh")
def eigh(x: Any, lower: bool = True, vectors: bool = True) -> list[Any]:
    out = list(lax.linalg.eigh(x, lower=lower, symmetrize_input=False))
    return out if vectors else out[1:]


# random keys --------------------------------------------------------------------------------------

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


@entry("threefry")
def threefry(key: Any, counter: Any) -> Any:
    words = jax.random.key_data(key)
    k0, k1 = words[..., 0], words[..., 1]
    u32 = np.uint32
    schedule = (k0, k1, k0 ^ k1 ^ u32(0x1BD11BDA))
    x0 = (counter >> np.uint64(32)).astype(u32) + k0
    x1 = counter.astype(u32) + k1
    for i in range(5):
        for r in _ROTATIONS[i & 1]:
            x0 = x0 + x1
            x1 = ((x1 << u32(r)) | (x1 >> u32(32 - r))) ^ x0
        x0 = x0 + schedule[(i + 1) % 3]
        x1 = x1 + schedule[(i + 2) % 3] + u32(i + 1)
    return (x0.astype(np.uint64) << np.uint64(32)) | x1.astype(np.uint64)


@entry("wrap_key")
def wrap_key(words: Any) -> Any:
    return jax.random.wrap_key_data(words, impl="threefry2x32")


@entry("bits_to_key")
def bits_to_key(bits: Any) -> Any:
    high = (bits >> np.uint64(32)).astype(np.uint32)
    return wrap_key(jnp.stack([high, bits.astype(np.uint32)], axis=-1))


TABLE["unwrap_key"] = jax.random.key_data


def to_array(x: Any) -> Any:
    """A NumPy or bibun value as a JAX array of the same dtype; keys as typed keys."""
    value = np.asarray(getattr(x, "_value", x))
    if value.dtype == KEY:
        words = np.ascontiguousarray(value).view(np.uint32).reshape(*value.shape, 2)
        return wrap_key(jnp.asarray(words))
    return jnp.asarray(value)


# what JAX has not, or differentiates otherwise ----------------------------------------------------

RULED = {"betainc", "sign", "zeta", "polygamma", "cholesky", "lu", "qr", "eigh", "igamma",
         "igammac", "trigamma", "igamma_grad_a",
         "nextafter", "scatter_mul"}  # fmt: skip


def on_host(op: Any) -> bool:
    """Whether NumPy computes an op in a callback: no entry, and arrays go in and come out."""
    plain = op.kind in (ELEMENTWISE, LIBRARY, INDEX_MAP, REDUCTION) and not op.structured
    return plain and op.name not in TABLE
