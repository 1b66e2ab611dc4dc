"""What the contract test needs: cases, flat transformations, finite differences.

A *case* is one sample of one op. `function(case)` is the op as a function of the arguments
that are differentiated, with the others and the parameters held; it returns a list of
outputs, and only those that can have a derivative where `smooth_outputs` is asked for.
Everything here works on lists of values, so that ops of any arity are tested alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bibun.array import Array
from bibun.ir.types import ArrayType
from bibun.ops.op import Op, Sample
from bibun.ops.registry import all_ops
from bibun.trace.core import as_value, type_of
from bibun.transforms.batch import batch_flat
from bibun.transforms.jvp import jvp_flat
from bibun.transforms.linearize import linearize_flat
from bibun.transforms.transpose import backward_pass


class Case:
    """One sample of one op."""

    def __init__(self, op: Op, sample: Sample, index: int) -> None:
        self.op = op
        self.sample = sample
        self.index = index

    @property
    def args(self) -> tuple[Any, ...]:
        return self.sample.args

    def __repr__(self) -> str:
        types = ",".join(
            str(type_of(a)) if is_array(a) else str(getattr(a, "type", type(a).__name__))
            for a in self.args
        )
        return f"{self.op.name}-{self.index}-{types}"

    def call(self, *args: Any) -> list[Any]:
        out = self.op(*args, **self.sample.params)
        return list(out) if self.op.multiple_results else [out]

    @property
    def only_arrays(self) -> bool:
        """Whether no operand or result is of a type that cannot leave a program (a tape)."""
        types = self.op.type_rule(*map(type_of, self.args), **self.sample.params)
        types = types if self.op.multiple_results else [types]
        return all(isinstance(t, ArrayType) for t in (*map(type_of, self.args), *types))

    def differentiable(self) -> list[int]:
        """Indices of the arguments to differentiate."""
        if self.op.jvp is None and self.op.linearize is None:
            return []
        if self.sample.diff is not None:
            return list(self.sample.diff)
        return [i for i, a in enumerate(self.args) if is_inexact(a)]

    @property
    def single(self) -> bool:
        """Whether an operand has single precision."""
        return any(
            is_array(a) and type_of(a).dtype in (np.float32, np.complex64) for a in self.args
        )

    def function(
        self, widen: bool = True
    ) -> tuple[Callable[..., list[Any]], list[np.ndarray]]:
        """The op as a function of its differentiated arguments to its inexact outputs.

        Differences need double precision: `widen` gives single operands that.
        """
        where = self.differentiable()
        given = [widened(a) if widen else a for a in self.args]

        def fun(*xs: Any) -> list[Any]:
            args = list(given)
            for i, x in zip(where, xs, strict=True):
                args[i] = x
            return [o for o in self.call(*args) if is_inexact(o)]

        return fun, [np.asarray(given[i]) for i in where]


def is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic | bool | int | float | complex) or (
        hasattr(x, "type") and isinstance(x.type, ArrayType)
    )


def is_inexact(x: Any) -> bool:
    return is_array(x) and type_of(x).dtype.kind in "fc"


def widened(x: Any) -> Any:
    """The operand in double precision."""
    if isinstance(x, np.ndarray | np.generic) and x.dtype in (np.float32, np.complex64):
        return x.astype(np.float64 if x.dtype.kind == "f" else np.complex128)
    return x


def cases() -> list[Case]:
    """Every sample of every registered op."""
    return [
        Case(op, sample, i)
        for name, op in sorted(all_ops().items())
        for i, sample in enumerate(op.samples())
    ]


# values ---------------------------------------------------------------------------------


def raw(x: Any) -> np.ndarray:
    """The NumPy array inside a value."""
    return x._value if isinstance(x, Array) else np.asarray(x)


def raws(xs: Sequence[Any]) -> list[np.ndarray]:
    return [raw(x) for x in xs]


def assert_close(got: Any, want: Any, rtol: float, atol: float, what: str) -> None:
    """Equal dtypes and shapes; values equal, or close for inexact ones; nan equals nan."""
    got, want = raw(got), raw(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, expected {want.dtype}"
    if want.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, err_msg=what)
    else:
        np.testing.assert_array_equal(got, want, err_msg=what)


def random_like(x: Any, rng: np.random.Generator) -> np.ndarray:
    """A random array of the shape and dtype of x."""
    t = type_of(x)
    out = rng.standard_normal(t.shape)
    if t.dtype.kind == "c":
        out = out + 1j * rng.standard_normal(t.shape)
    return np.asarray(out, dtype=t.dtype)


def pairing(cts: Sequence[Any], tangents: Sequence[Any]) -> float:
    """Re Σ c t: how cotangents act on tangents (without conjugation); None is zero."""
    total = 0.0
    for c, t in zip(cts, tangents, strict=True):
        if c is not None and t is not None:
            total += float(np.sum(raw(c) * raw(t)).real)
    return total


# transformations of flat functions ---------------------------------------------------------


def jvp(fun: Callable[..., list[Any]], xs: Sequence[Any], ts: Sequence[Any]) -> Any:
    """Outputs and tangents, None tangents as zeros."""
    outs, tangents, _ = jvp_flat(fun, xs, ts)
    return outs, [
        np.zeros(type_of(o).shape, type_of(o).dtype) if t is None else t
        for o, t in zip(outs, tangents, strict=True)
    ]


def vjp(fun: Callable[..., list[Any]], xs: Sequence[Any]) -> Any:
    """Outputs, and the function from their cotangents to those of xs (None: zero)."""
    outs, linear, _ = linearize_flat(fun, xs, [True] * len(xs))
    atoms = [None if t is None else linear.trace.atom(t) for t in linear.outputs]

    def pull(cts: Sequence[Any]) -> list[Any]:
        live = [c if a is not None else None for c, a in zip(cts, atoms, strict=True)]
        env = backward_pass(linear.trace.equations, linear.residuals(), atoms, live)
        return [env.get(v) for v in linear.inputs]

    return outs, pull


def gradient_of(fun: Callable[..., list[Any]], cts: Sequence[Any]) -> Callable[..., list[Any]]:
    """x -> the cotangents of x for fixed cotangents of the outputs; zeros for None."""

    def grad(*xs: Any) -> list[Any]:
        _, pull = vjp(fun, xs)
        return [
            as_value(np.zeros(type_of(x).shape, type_of(x).dtype)) if c is None else c
            for x, c in zip(xs, pull(cts), strict=True)
        ]

    return grad


def difference(
    fun: Callable[..., list[Any]], xs: Sequence[np.ndarray], ts: Sequence[np.ndarray | None]
) -> list[np.ndarray]:
    """The derivative of fun at xs along ts by eighth-order central differences."""
    scale = max([1.0, *(float(np.max(np.abs(t), initial=0.0)) for t in ts if t is not None)])
    size = min([1.0, *(float(np.min(np.abs(x), initial=1.0)) for x in xs)])
    h = 1e-2 * max(size, 0.1) / scale
    weights = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))

    def at(k: float) -> list[np.ndarray]:
        moved = [x if t is None else x + k * h * t for x, t in zip(xs, ts, strict=True)]
        return raws(fun(*moved))

    out: list[np.ndarray] | None = None
    for k, w in weights:
        pairs = zip(at(k), at(-k), strict=True)
        with np.errstate(invalid="ignore"):  # an inf that does not move has slope 0
            steps = [np.where(p == m, 0, w * (p - m) / h) for p, m in pairs]
        out = steps if out is None else [a + b for a, b in zip(out, steps, strict=True)]
    assert out is not None
    return out


def vmapped(
    fun: Callable[..., list[Any]], size: int, args: Sequence[Any], dims: Sequence[int | None]
) -> list[np.ndarray]:
    """The outputs of a mapped function, the mapped axis in front."""
    outs, out_dims = batch_flat(fun, size, args, dims)
    return [
        np.broadcast_to(raw(o), (size, *raw(o).shape)) if d is None else np.moveaxis(raw(o), d, 0)
        for o, d in zip(outs, out_dims, strict=True)
    ]


def perturbed(x: Any, k: int) -> np.ndarray:
    """The k-th of some arrays like x, near enough to lie in the same domain."""
    x = np.asarray(x)
    if x.dtype.kind in "fc":
        return (x * (1 + 0.01 * k)).astype(x.dtype)
    if x.dtype.kind == "b" and x.size:
        return np.roll(x, k)
    return x.copy()


def mappings(args: Sequence[Any]) -> Iterator[tuple[int | None, ...]]:
    """Axes to map: each argument alone and all together, first and last axis, and mixed."""
    n = len(args)
    arrays = [i for i in range(n) if is_array(args[i])]
    ranks = [np.ndim(a) if is_array(a) else 0 for a in args]
    found = set()
    for last in (False, True):
        for i in arrays:
            found.add(tuple((ranks[i] if last else 0) if j == i else None for j in range(n)))
        found.add(tuple((ranks[j] if last else 0) if j in arrays else None for j in range(n)))
    found.add(
        tuple((0 if j % 2 else ranks[j]) if j in arrays else None for j in range(n))
    )
    yield from sorted(found, key=str)


def strided(x: Any) -> Any:
    """An equal array that is not contiguous, with negative strides too."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return x
    wide = np.empty(tuple(2 * n for n in x.shape), x.dtype)
    view = wide[tuple(slice(None, None, -2) for _ in x.shape)]
    view[...] = x
    return view
