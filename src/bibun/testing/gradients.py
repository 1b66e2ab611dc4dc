"""Derivatives against finite differences, in both modes and to any order.

A direction v is drawn at random. Forward mode gives J v, which a central difference of the
function along v must equal; reverse mode gives Jᵀ w, and ⟨w, J v⟩ = ⟨Jᵀ w, v⟩ must hold. Higher
orders check the derivative function by the same means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import transforms, tree

_STEP = {4: 5e-3, 8: 1e-5}  # of a central difference, by the size of the real dtype
_TOLERANCE = {4: 2e-2, 8: 1e-5}


def _leaves(x: Any) -> list[np.ndarray]:
    return [np.asarray(v) for v in tree.leaves(x)]


def _width(x: Any) -> int:
    sizes = [v.real.dtype.itemsize for v in _leaves(x) if v.dtype.kind in "fc"]
    if not sizes:
        raise TypeError("there is nothing to differentiate: no argument is floating point")
    return min(sizes)


def _direction(rng: np.random.Generator, like: Any) -> Any:
    """A random tangent of the structure of `like`; arrays that are not floating stay put."""

    def draw(v: Any) -> Any:
        v = np.asarray(v)
        t = rng.normal(size=v.shape)
        if v.dtype.kind == "c":
            t = t + 1j * rng.normal(size=v.shape)
        return bnp.asarray(np.asarray(t, v.dtype))

    return tree.map(draw, like)


def _moved(args: Any, direction: Any, step: float) -> Any:
    return tree.map(lambda a, d: bnp.asarray(a) + step * d, args, direction)


def _inner(a: Any, b: Any) -> float:
    """Σ a b over all leaves: bibun's pairing of cotangents and tangents."""
    pairs = zip(_leaves(a), _leaves(b), strict=True)
    return float(sum(np.real(np.sum(x * y)) for x, y in pairs))


def _compare(got: Any, want: Any, atol: float, rtol: float, what: str) -> None:
    for k, (x, y) in enumerate(zip(_leaves(got), _leaves(want), strict=True)):
        np.testing.assert_allclose(x, y, atol=atol, rtol=rtol, err_msg=f"{what}, leaf {k}")


def check_jvp(
    f: Callable[..., Any], args: Sequence[Any], *, atol: float | None = None,
    rtol: float | None = None, eps: float | None = None, seed: int = 0,
) -> None:  # fmt: skip
    """Check forward mode of `f` at floating `args` against a central difference.

    Errors: AssertionError with the leaf that differs.

    >>> import bibun.numpy as bnp
    >>> check_jvp(bnp.sin, (1.0,))
    """
    args = tuple(args)
    width = _width(args)
    step, tolerance = eps or _STEP[width], _TOLERANCE[width]
    v = _direction(np.random.default_rng(seed), args)
    primal = tree.map(bnp.asarray, args)
    _, tangent = transforms.jvp(f, primal, v)
    above, below = f(*_moved(args, v, step)), f(*_moved(args, v, -step))
    difference = tree.map(lambda a, b: (a - b) / (2 * step), above, below)
    _compare(tangent, difference, atol or tolerance, rtol or tolerance, "forward mode")


def check_vjp(
    f: Callable[..., Any], args: Sequence[Any], *, atol: float | None = None,
    rtol: float | None = None, eps: float | None = None, seed: int = 0,
) -> None:  # fmt: skip
    """Check reverse mode of `f` at floating `args`: ⟨w, difference along v⟩ = ⟨Jᵀ w, v⟩.

    Errors: AssertionError with both numbers.

    >>> import bibun.numpy as bnp
    >>> check_vjp(lambda x, y: x * bnp.exp(y), (2.0, 0.5))
    """
    args = tuple(args)
    width = _width(args)
    step, tolerance = eps or _STEP[width], _TOLERANCE[width]
    rng = np.random.default_rng(seed)
    v = _direction(rng, args)
    out, pullback = transforms.vjp(f, *tree.map(bnp.asarray, args))
    w = _direction(rng, out)
    above, below = f(*_moved(args, v, step)), f(*_moved(args, v, -step))
    difference = tree.map(lambda a, b: (a - b) / (2 * step), above, below)
    np.testing.assert_allclose(
        _inner(pullback(w), v),
        _inner(w, difference),
        atol=atol or tolerance,
        rtol=rtol or tolerance,
        err_msg="reverse mode",
    )


def check_grads(
    f: Callable[..., Any], args: Sequence[Any], order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"), atol: float | None = None,
    rtol: float | None = None, eps: float | None = None,
) -> None:  # fmt: skip
    """Check derivatives of `f` up to `order`, in the given modes and all their mixtures.

    `f(*args)` takes and returns pytrees of floating arrays. `modes`: "fwd" and "rev".
    `atol`, `rtol`, `eps` (the step of the difference) default to what the dtype allows.

    Errors: AssertionError where a derivative is wrong, ValueError for an unknown mode.

    >>> import bibun.numpy as bnp
    >>> check_grads(lambda x: bnp.sum(bnp.tanh(x) ** 2), (bnp.array([0.3, -1.2]),), order=2)
    """
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"modes are 'fwd' and 'rev', got {sorted(unknown)}")
    args = tuple(args)
    options = {"atol": atol, "rtol": rtol, "eps": eps}
    for mode in modes:
        (check_jvp if mode == "fwd" else check_vjp)(f, args, **options)
        if order > 1:
            rng = np.random.default_rng(order)
            primal = tree.map(bnp.asarray, args)
            if mode == "fwd":
                v = _direction(rng, args)
                inner = lambda *xs, v=v: transforms.jvp(f, xs, v)[1]  # noqa: E731
            else:
                w = _direction(rng, f(*primal))
                inner = lambda *xs, w=w: transforms.vjp(f, *xs)[1](w)  # noqa: E731
            check_grads(inner, args, order - 1, modes, atol, rtol, eps)
