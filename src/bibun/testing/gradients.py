"""Derivatives against finite differences, in both modes and to any order.

A direction v is drawn at random. Forward mode gives J v, which a central difference of the
function along v must equal; reverse mode gives Jᵀ w, and ⟨w, J v⟩ = ⟨Jᵀ w, v⟩ must hold. Higher
orders check the derivative function by the same means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import transforms, tree

_STEP = {4: 5e-3, 8: 1e-5}  # of a central difference, by the size of the real dtype
_TOLERANCE = {4: 2e-2, 8: 1e-5}


def _floating(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def _leaves(x: Any) -> list[np.ndarray]:
    """The leaves that have derivatives."""
    return [np.asarray(v) for v in tree.leaves(x) if _floating(v)]


def _direction(rng: np.random.Generator, like: Any) -> Any:
    """A random tangent of the structure of `like`; what has no derivative has float0 zeros."""

    def draw(v: Any) -> Any:
        v = np.asarray(v)
        if not _floating(v):
            return np.zeros(v.shape, transforms.float0)
        t = rng.normal(size=v.shape)
        if v.dtype.kind == "c":
            t = t + 1j * rng.normal(size=v.shape)
        return bnp.asarray(np.asarray(t, v.dtype))

    return tree.map(draw, like)


def _difference(f: Callable[..., Any], args: Any, direction: Any, step: float) -> list[np.ndarray]:
    """The central difference of `f` along a direction, leaf by leaf."""

    def at(by: float) -> list[np.ndarray]:
        move = lambda a, d: bnp.asarray(a) + by * d if _floating(a) else a  # noqa: E731
        return _leaves(f(*tree.map(move, args, direction)))

    return [(a - b) / (2 * step) for a, b in zip(at(step), at(-step), strict=True)]


def _inner(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Σ a b over all leaves: bibun's pairing of cotangents and tangents."""
    return float(sum(np.real(np.sum(x * y)) for x, y in zip(a, b, strict=True)))


class _Check(NamedTuple):
    """Arguments to check at, the step of a difference, and how far derivatives may be off."""

    args: tuple[Any, ...]
    step: float
    tolerance: dict[str, float]

    @classmethod
    def of(
        cls, args: Sequence[Any], atol: float | None, rtol: float | None, eps: float | None
    ) -> _Check:
        """What is not given is as the narrowest dtype allows."""
        sizes = [v.real.dtype.itemsize for v in _leaves(tuple(args))]
        if not sizes:
            raise TypeError("there is nothing to differentiate: no argument is floating point")
        usual = _TOLERANCE[min(sizes)]
        return cls(
            tree.map(bnp.asarray, tuple(args)),
            _STEP[min(sizes)] if eps is None else eps,
            {
                "atol": usual if atol is None else atol,
                "rtol": usual if rtol is None else rtol,
            },
        )


def check_jvp(
    f: Callable[..., Any], args: Sequence[Any], *, atol: float | None = None,
    rtol: float | None = None, eps: float | None = None, seed: int = 0,
) -> None:  # fmt: skip
    """Check forward mode of `f` at floating `args` against a central difference.

    Arguments and results that are not floating are left alone. Options as for `check_grads`;
    `seed`: of the direction. Errors: AssertionError with the leaf that differs.

    >>> import bibun.numpy as bnp
    >>> check_jvp(bnp.sin, (1.0,))
    """
    args, step, tolerance = _Check.of(args, atol, rtol, eps)
    v = _direction(np.random.default_rng(seed), args)
    tangent = _leaves(transforms.jvp(f, args, v)[1])
    for k, (got, want) in enumerate(zip(tangent, _difference(f, args, v, step), strict=True)):
        np.testing.assert_allclose(got, want, **tolerance, err_msg=f"forward mode, leaf {k}")


def check_vjp(
    f: Callable[..., Any], args: Sequence[Any], *, atol: float | None = None,
    rtol: float | None = None, eps: float | None = None, seed: int = 0,
) -> None:  # fmt: skip
    """Check reverse mode of `f` at floating `args`: ⟨w, difference along v⟩ = ⟨Jᵀ w, v⟩.

    Arguments and results that are not floating are left alone. Options as for `check_grads`;
    `seed`: of v and w. Errors: AssertionError with both numbers.

    >>> import bibun.numpy as bnp
    >>> check_vjp(lambda x, y: x * bnp.exp(y), (2.0, 0.5))
    """
    args, step, tolerance = _Check.of(args, atol, rtol, eps)
    rng = np.random.default_rng(seed)
    v = _direction(rng, args)
    out, pullback = transforms.vjp(f, *args)
    w = _direction(rng, out)
    got = _inner(_leaves(pullback(w)), _leaves(v))
    want = _inner(_leaves(w), _difference(f, args, v, step))
    np.testing.assert_allclose(got, want, **tolerance, err_msg="reverse mode")


def check_grads(
    f: Callable[..., Any], args: Sequence[Any], order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"), atol: float | None = None,
    rtol: float | None = None, eps: float | None = None,
) -> None:  # fmt: skip
    """Check derivatives of `f` up to `order`, in the given modes and all their mixtures.

    `f(*args)` takes and returns pytrees; of these the floating leaves are checked. `modes`: "fwd"
    and "rev". `atol`, `rtol`, `eps` (the step of the difference) default to what the dtype allows.

    Errors: AssertionError where a derivative is wrong, ValueError for an unknown mode or an order
    below 1, TypeError where no argument is floating.

    >>> import bibun.numpy as bnp
    >>> check_grads(lambda x: bnp.sum(bnp.tanh(x) ** 2), (bnp.array([0.3, -1.2]),), order=2)
    """
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"modes are 'fwd' and 'rev', got {sorted(unknown)}")
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
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
