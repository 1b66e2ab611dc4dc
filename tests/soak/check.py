"""One program in all its ways: what the compiled one gives against what the eager one gives.

The reference runs under `disable_jit`: every op on NumPy as it comes, loops and branches plain
Python, and a batch lane by lane, so that it shares neither compiler nor batching rules with
what is tested. Where the two differ, the reference is run again on inputs moved by a few units
in the last place: a program that answers those as strongly says nothing.
"""

from __future__ import annotations

import contextlib
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import bibun
import bibun.numpy as bnp
from bibun.array import Array
from bibun.config import config
from bibun.errors import DifferentiationError
from bibun.ops.op import ELEMENTWISE, LIBRARY
from bibun.trace.core import EvalTrace

RTOL = {"f8": 1e-9, "c16": 1e-9, "f4": 2e-4, "c8": 2e-4, "f2": 1e-2}


class Different(AssertionError):
    """Two ways of running a program disagree."""


def load(source: str) -> dict[str, Any]:
    """Run a program's source; the namespace has f, INPUTS, MODE, OPTIONS."""
    env: dict[str, Any] = {"__name__": "soak_program"}
    exec(compile(source, "<soak>", "exec"), env)
    return env


def outputs(value: Any) -> list[np.ndarray]:
    return [np.asarray(v) for v in bibun.tree.leaves(value)]


def is_real(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


# ways to run -------------------------------------------------------------------------------


def readout(f: Callable[..., Any]) -> Callable[..., Any]:
    """A number made of all the floating results of f."""

    def total(*args: Any) -> Any:
        out = 0.0
        for k, y in enumerate(f(*args)):
            kind = np.dtype(y.dtype).kind
            if kind == "c":
                y = y.real + 0.5 * y.imag
            elif kind != "f":
                continue
            weights = bnp.cos(bnp.arange(y.size, dtype="f8") + k).reshape(y.shape)
            out = out + (weights * y.astype("f8")).sum()
        return out

    return total


def some_outputs(f: Callable[..., Any]) -> Callable[..., Any]:
    """A vector of some of the floating results of f."""

    def vector(*args: Any) -> Any:
        parts = [bnp.zeros(1)]
        for y in f(*args):
            if np.dtype(y.dtype).kind == "f":
                parts.append(y.astype("f8").reshape(-1)[:4])
        return bnp.concatenate(parts)

    return vector


def wrt(inputs: list[Any]) -> tuple[int, ...]:
    return tuple(
        k for k, x in enumerate(inputs) if is_real(x) and np.asarray(x).dtype == np.float64
    )


def directions(inputs: list[Any]) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [np.asarray(rng.normal(size=np.shape(x))) for x in inputs]


def pushforward(f: Callable[..., Any], nums: tuple[int, ...]) -> Callable[..., Any]:
    """Values and tangents along fixed directions."""

    def run(*args: Any) -> Any:
        args = tuple(map(bnp.asarray, args))
        moved = [args[k] for k in nums]

        def part(*xs: Any) -> Any:
            given = list(args)
            for k, x in zip(nums, xs, strict=True):
                given[k] = x
            return [y for y in f(*given) if np.dtype(y.dtype).kind in "fc"]

        return bibun.jvp(part, tuple(moved), tuple(map(bnp.asarray, directions(moved))))

    return run


def lanes(inputs: list[Any], axes: list[Any], size: int) -> list[np.ndarray]:
    """Inputs with a lane axis: the given values, then variations of them."""
    rng = np.random.default_rng(11)
    made = []
    for x, axis in zip(inputs, axes, strict=True):
        x = np.asarray(x)
        if axis is None:
            made.append(x)
            continue
        rows = []
        for k in range(size):
            if x.dtype.kind in "fc":
                rows.append(
                    (x * (1 + 0.3 * k) + rng.normal(size=x.shape) * 0.2 * k).astype(x.dtype)
                )
            elif x.dtype.kind == "b":
                rows.append(x ^ (rng.random(x.shape) < 0.3))
            else:
                rows.append((x + rng.integers(0, 3, x.shape) * k).astype(x.dtype))
        made.append(np.stack(rows, axis))
    return made


def lane(args: list[Any], axes: list[Any], k: int) -> list[Any]:
    return [a if axis is None else np.take(a, k, axis) for a, axis in zip(args, axes, strict=True)]


def by_lane(f: Callable[..., Any], axes: list[Any], size: int) -> Callable[..., Any]:
    """The reference of vmap: one lane after the other."""

    def run(*args: Any) -> Any:
        rows = [outputs(f(*lane(list(args), axes, k))) for k in range(size)]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    return run


def watched(f: Callable[..., Any]) -> Callable[..., Any]:
    """f under debug_nans; where it finds a nan, what f gives without."""
    g = bibun.jit(f)

    def call(*args: Any) -> Any:
        try:
            with config.using(debug_nans=True):
                return g(*args)
        except FloatingPointError:
            return g(*args)

    return call


def from_disk(f: Callable[..., Any]) -> Callable[..., Any]:
    """f compiled, forgotten, and read from the cache."""
    from bibun.compiler import pipeline

    def call(*args: Any) -> Any:
        before = config.read("cache_dir")
        with tempfile.TemporaryDirectory() as folder:
            config.update("cache_dir", folder)
            try:
                for _ in range(2):
                    pipeline._native.clear()
                    out = bibun.jit(f)(*args)
            finally:
                config.update("cache_dir", before)
        return out

    return call


def ways(
    env: dict[str, Any],
) -> tuple[list[Any], Callable[..., Any], list[tuple[str, Callable[..., Any]]]]:
    """Arguments, the reference, and the ways to compare with it."""
    inputs, mode, options = list(env["INPUTS"]), env["MODE"], env["OPTIONS"]

    def f(*args: Any) -> Any:
        return env["f"](*map(bnp.asarray, args))

    nums = wrt(inputs)
    loss = readout(f)
    if mode in ("jit", "compiled_loops", "debug_nans", "cached"):
        found = [("jit", bibun.jit(f))]
        if mode == "debug_nans":
            found = [("jit with debug_nans", watched(f))]
        if mode == "cached":
            found = [("jit", bibun.jit(f)), ("from the cache", from_disk(f))]
        if mode == "compiled_loops":
            found.append(("loops", f))
        return inputs, f, found
    if "vmap" in mode:
        axes, size = options["axes"], options["size"]
        args = lanes(inputs, axes, size)
        if mode == "vmap":
            return args, by_lane(f, axes, size), [
                ("jit(vmap)", bibun.jit(bibun.vmap(f, in_axes=tuple(axes)))),
                ("vmap", bibun.vmap(f, in_axes=tuple(axes))),
            ]  # fmt: skip
        if mode == "vmap_vmap":
            outer = [None if a is None else 0 for a in axes]
            args = [
                a if k is None else np.stack([a, a[::-1]]) for a, k in zip(args, outer, strict=True)
            ]
            twice = bibun.vmap(bibun.vmap(f, in_axes=tuple(axes)), in_axes=tuple(outer))
            return (
                args,
                by_lane(by_lane(f, axes, size), outer, 2),
                [("jit(vmap(vmap))", bibun.jit(twice))],
            )
        if mode == "vmap_jit":
            return args, by_lane(f, axes, size), [
                ("vmap(jit)", bibun.vmap(bibun.jit(f), in_axes=tuple(axes)))
            ]  # fmt: skip
        if not nums:
            return args, lambda *_: [], []
        if mode == "vmap_grad":
            g = bibun.value_and_grad(loss, argnums=nums)
            return args, by_lane(g, axes, size), [
                ("jit(vmap(grad))", bibun.jit(bibun.vmap(g, in_axes=tuple(axes))))
            ]  # fmt: skip

        def total(*xs: Any) -> Any:
            return bibun.vmap(loss, in_axes=tuple(axes))(*xs).sum()

        def by_hand(*xs: Any) -> Any:
            g = bibun.value_and_grad(loss, argnums=nums)
            rows = [g(*lane(list(xs), axes, k)) for k in range(size)]
            value = sum(np.asarray(v) for v, _ in rows)
            grads = []
            for j, n in enumerate(nums):
                parts = [np.asarray(d[j]) for _, d in rows]
                grads.append(sum(parts) if axes[n] is None else np.stack(parts, axes[n]))
            return value, tuple(grads)

        return (
            args,
            by_hand,
            [("jit(grad(vmap))", bibun.jit(bibun.value_and_grad(total, argnums=nums)))],
        )
    if not nums:
        return inputs, lambda *_: [], []
    if mode in ("grad", "grad_jit", "checkpoint_grad"):
        inner = {"grad": f, "grad_jit": bibun.jit(f), "checkpoint_grad": bibun.checkpoint(f)}[mode]
        g = bibun.value_and_grad(readout(inner), argnums=nums)
        return inputs, bibun.value_and_grad(loss, argnums=nums), [
            (mode, g if mode == "grad_jit" else bibun.jit(g))
        ]  # fmt: skip
    if mode == "jacobian":
        flat = some_outputs(f)

        def rows(*xs: Any) -> Any:
            n = flat(*xs).shape[0]
            parts = [
                bibun.grad(lambda *ys, k=k: flat(*ys)[k], argnums=nums)(*map(bnp.asarray, xs))
                for k in range(n)
            ]
            return [np.stack([np.asarray(p[j]) for p in parts]) for j in range(len(nums))]

        return inputs, rows, [
            ("jit(jacrev)", bibun.jit(bibun.jacrev(flat, argnums=nums))),
            ("jit(jacfwd)", bibun.jit(bibun.jacfwd(flat, argnums=nums))),
        ]  # fmt: skip
    if mode == "jvp":
        p = pushforward(f, nums)
        return (
            inputs,
            p,
            [("jit(jvp)", bibun.jit(p)), ("jvp(jit)", pushforward(bibun.jit(f), nums))],
        )
    g = bibun.grad(loss, argnums=nums)
    if mode == "hvp":
        p = pushforward(lambda *xs: bibun.tree.leaves(g(*xs)), nums)
        return inputs, p, [("jit(jvp(grad))", bibun.jit(p))]
    assert mode == "hessian"
    h = bibun.hessian(loss, argnums=nums)
    return inputs, h, [("jit(hessian)", bibun.jit(h))]


# comparing ---------------------------------------------------------------------------------------


def scale_of(x: np.ndarray) -> float:
    finite = np.abs(x[np.isfinite(x)]) if x.dtype.kind in "fc" else np.abs(x.astype("f8"))
    return float(finite.max()) if finite.size else 0.0


def compare(
    name: str, got: list[np.ndarray], want: list[np.ndarray], slack: list[Any] | None, single: bool
) -> None:
    """Raise Different unless equal, up to rounding (plus what `slack` says of each element).

    `single`: single precision takes part.
    """
    if len(got) != len(want):
        raise Different(f"{name}: {len(got)} results instead of {len(want)}")
    for k, (g, w) in enumerate(zip(got, want, strict=True)):
        if g.shape != w.shape or g.dtype != w.dtype:
            raise Different(
                f"{name}: result {k} is {g.dtype}{g.shape}, the reference {w.dtype}{w.shape}"
            )
        if not g.size:
            continue
        if w.dtype.kind in "fc":
            rtol = RTOL["f4" if single else w.dtype.str[1:]]
            with np.errstate(all="ignore"):
                bound = rtol * (np.abs(w) + 1e-3 * max(scale_of(w), 1.0))
                if slack is not None:
                    bound = bound + slack[k]
                ok = (np.abs(g - w) <= bound) | (g == w) | (np.isnan(g) & np.isnan(w))
                ok |= np.isnan(bound)
        else:
            ok = g == w
            if slack is not None:
                ok |= slack[k] != 0
        if not np.all(ok):
            at = np.argwhere(~ok)[:4].tolist()
            bad = tuple(np.argwhere(~ok)[0])
            raise Different(
                f"{name}: result {k} ({w.dtype}{w.shape}) differs in {int((~ok).sum())} of "
                f"{w.size} "
                f"elements, first at {at}: {g[bad]!r} instead of {w[bad]!r}"
            )


def moved(args: list[Any], rng: np.random.Generator, single: bool) -> list[Any]:
    """Floating inputs changed by a few units in the last place (of single precision)."""
    out = []
    for x in args:
        a = np.asarray(x)
        if a.dtype.kind in "fc":
            eps = max(64 * np.finfo(a.dtype).eps, 4 * np.finfo("f4").eps if single else 0.0)
            a = (a * (1 + eps * rng.choice([-1.0, 1.0], a.shape))).astype(a.dtype)
            out.append(float(a) if type(x) is float else a)
        else:
            out.append(x)
    return out


EXACT = {"div", "rem", "sqrt", "sort", "threefry", "lu_pivots_to_permutation"}
ROUNDED = {
    "add", "sub", "reduce_sum", "reduce_prod", "cumsum", "cumprod", "scatter_add", "scatter_mul",
    "dot_general",
}  # fmt: skip


@contextlib.contextmanager
def rounding(rng: np.random.Generator, single: bool) -> Iterator[None]:
    """What is summed, and what functions give, is changed by some units in the last place.

    So one sees where 1 + x - x, summed in another order, is not what it was.
    """
    plain = EvalTrace.process

    def noisy(value: Any) -> Any:
        if type(value) is not Array or value.dtype.kind not in "fc":
            return value
        eps = np.finfo(np.float32 if single else value.dtype).eps
        a = np.asarray(value)
        a = a * (1 + 2 * eps * rng.choice([-1.0, 1.0], a.shape))
        return Array(np.asarray(a, value.dtype), value.weak)

    def process(self: Any, op: Any, args: Any, params: Any) -> Any:
        if op.name in ROUNDED:
            args = [noisy(a) for a in args]
        out = plain(self, op, args, params)
        if op.cost > 3 and op.kind in (ELEMENTWISE, LIBRARY) and op.name not in EXACT:
            return [noisy(v) for v in out] if op.multiple_results else noisy(out)
        return out

    EvalTrace.process = process
    try:
        yield
    finally:
        EvalTrace.process = plain


def sensitivity(
    run: Callable[[list[Any]], Any], args: list[Any], env: dict[str, Any], single: bool
) -> list[Any] | None:
    """How far each element of the result goes when numbers on the way move a little.

    Inputs and captured arrays are moved, then the results of ops. None: cannot say.
    """
    base = run(args)
    if isinstance(base, Raised):
        return None
    captured = {k: v for k, v in env.items() if k.startswith("K") and hasattr(v, "shape")}
    rng = np.random.default_rng(0)
    far: list[Any] = [np.zeros(b.shape) for b in base]
    for k in range(11):
        if k < 3:
            near = moved([*args, *map(np.asarray, captured.values())], rng, single)
            env.update(zip(captured, map(bnp.asarray, near[len(args) :]), strict=True))
            other = run(near[: len(args)])
            env.update(captured)
        else:
            with rounding(rng, single):
                other = run(args)
        if isinstance(other, Raised):
            return None
        for k, (a, b) in enumerate(zip(base, other, strict=True)):
            if a.shape != b.shape:
                return None
            with np.errstate(all="ignore"):
                if a.dtype.kind in "fc":
                    d = np.where(np.isfinite(a) != np.isfinite(b), np.inf, np.abs(a - b) * 30)
                else:
                    d = (a != b).astype(float)
            far[k] = np.maximum(far[k], d)
    return far


class Raised:
    """An out of bounds error in place of results."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def run(way: Callable[..., Any], args: list[Any]) -> list[np.ndarray] | Raised:
    try:
        return outputs(way(*args))
    except IndexError as e:
        return Raised(e)


def agree(
    name: str,
    got: Any,
    want: Any,
    again: Callable[[list[Any]], Any],
    args: list[Any],
    env: dict[str, Any],
    single: bool,
) -> None:
    """Raise Different unless both raised, or both gave the same up to what inputs allow."""
    if isinstance(got, Raised) or isinstance(want, Raised):
        if isinstance(got, Raised) and isinstance(want, Raised):
            return
        raised, other = (got, "the reference") if isinstance(got, Raised) else (want, name)
        raise Different(f"{name}: {other} did not raise {raised.error!r}") from raised.error
    try:
        compare(name, got, want, None, single)
    except Different:
        slack = sensitivity(again, args, env, single)
        if slack is not None:
            compare(name, got, want, slack, single)


def other_data(args: list[Any]) -> list[Any]:
    """Other values of the same types: integers, and so indices, that may be out of bounds."""
    rng = np.random.default_rng(3)
    out = []
    for x in args:
        a = np.asarray(x)
        if type(x) is float:
            out.append(x * 0.75)
        elif a.dtype.kind in "fc":
            out.append((a * rng.uniform(0.5, 1.5, a.shape)).astype(a.dtype))
        elif a.dtype.kind == "b":
            out.append(~a)
        else:
            out.append(a + rng.integers(0, 4, a.shape).astype(a.dtype))
    return out


def same_bits(a: list[np.ndarray] | Raised, b: list[np.ndarray] | Raised) -> bool:
    if isinstance(a, Raised) or isinstance(b, Raised):
        return isinstance(a, Raised) and isinstance(b, Raised)
    return len(a) == len(b) and all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


def check(source: str) -> None:
    """Run a program in its ways. Raises Different, or what the reference raised."""
    env = load(source)
    single = any(word in source for word in ("f4", "c8", "float32", "complex64"))
    args, reference, found = ways(env)
    captured = {k: v for k, v in env.items() if k.startswith("K") and hasattr(v, "shape")}
    kept = {k: np.array(v, copy=True) for k, v in captured.items()}

    def eagerly(xs: list[Any]) -> list[np.ndarray] | Raised:
        with config.using(disable_jit=True):
            return run(reference, xs)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            data = [(xs, eagerly(xs)) for xs in (args, other_data(args))]
        except DifferentiationError:  # forward mode met a custom_vjp: nothing to compare
            return
        for name, way in found:
            results = []
            for xs, want in [*data, data[0]]:
                before = [np.array(a, copy=True) for a in xs]
                try:
                    got = run(way, xs)
                except Exception as e:
                    if isinstance(e, DifferentiationError) and "with_vjp" in source:
                        break  # forward mode of a custom_vjp
                    raise Different(
                        f"{name} raised {type(e).__name__}: {e}\n{traceback.format_exc()}"
                    ) from e
                for a, b in zip(xs, before, strict=True):
                    if np.asarray(a).tobytes() != b.tobytes():
                        raise Different(f"{name} changed its input")
                for k, v in captured.items():
                    if np.asarray(v).tobytes() != kept[k].tobytes():
                        raise Different(f"{name} changed the captured array {k}")
                results.append(got)
                agree(name, got, want, eagerly, xs, env, single)
            if len(results) == 3 and not same_bits(results[0], results[2]):
                raise Different(f"{name}: two calls gave different results: {results[::2]!r}")
