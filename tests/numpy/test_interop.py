"""Plain NumPy on bibun values: the table of `docs/design/numpy-interop.md` holds.

Code written with `np.` gives the same numbers on NumPy arrays, on bibun arrays, under `jit` and
under `vmap`; smooth ones have the right gradient.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special

import bibun
import bibun.numpy as bnp
from bibun.array import Array
from bibun.numpy.dispatch import dispatch_table

PAGE = Path(__file__).parents[2] / "docs" / "design" / "numpy-interop.md"
RNG = np.random.default_rng(0)
V, W = RNG.uniform(0.2, 0.9, 6), RNG.uniform(0.2, 0.9, 6)
M = RNG.uniform(0.2, 0.9, (4, 4)) + 3 * np.eye(4)
S = M @ M.T

CODE: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "sin": (lambda x: np.sin(x), (V,)),
    "arctan2": (lambda x, y: np.arctan2(x, y), (V, W)),
    "formula": (lambda x, y: np.exp(-x) * np.log1p(y) / np.sqrt(x**2 + y**2), (V, W)),
    "stack": (lambda x, y: np.stack([x, y, x * y]), (V, W)),
    "concatenate": (lambda x, y: np.concatenate([x, 2 * y]), (V, W)),
    "hstack and vstack": (lambda x, y: np.vstack([np.hstack([x, y]), np.hstack([y, x])]), (V, W)),
    "where": (lambda x, y: np.where(x > y, x, y * y), (V, W)),
    "clip": (lambda x: np.clip(x, 0.3, 0.6), (V,)),
    "sum axis": (lambda m: np.sum(m, axis=0), (M,)),
    "mean var std": (lambda m: np.mean(m) + np.var(m, axis=1) + np.std(m, axis=0, ddof=1), (M,)),
    "prod": (lambda x: np.prod(x), (V,)),
    "cumsum": (lambda x: np.cumsum(x), (V,)),
    "diff": (lambda x: np.diff(x, n=2), (V,)),
    "gradient": (lambda x: np.gradient(x, 0.1), (V,)),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.1), (V,)),
    "interp": (lambda x: np.interp(x, np.linspace(0, 1, 5), np.linspace(0, 1, 5) ** 2), (V,)),
    "convolve": (lambda x, y: np.convolve(x, y, mode="same"), (V, W)),
    "dot": (lambda x, y: np.dot(x, y), (V, W)),
    "matmul": (lambda m, x: m @ x[:4], (M, V)),
    "einsum": (lambda m, n: np.einsum("ij,kj->ik", m, n), (M, S)),
    "tensordot": (lambda m, n: np.tensordot(m, n, axes=1), (M, S)),
    "outer": (lambda x, y: np.outer(x, y), (V, W)),
    "kron": (lambda m: np.kron(m[:2, :2], m[2:, 2:]), (M,)),
    "trace": (lambda m: np.trace(m), (M,)),
    "diag": (lambda x: np.diag(x), (V,)),
    "tril": (lambda m: np.tril(m, -1), (M,)),
    "transpose": (lambda m: np.transpose(m), (M,)),
    "reshape": (lambda m: np.reshape(m, (2, 8)), (M,)),
    "roll flip": (lambda x: np.roll(np.flip(x), 2), (V,)),
    "pad": (lambda x: np.pad(x, 2, mode="reflect"), (V,)),
    "tile repeat": (lambda x: np.tile(np.repeat(x, 2), 2), (V,)),
    "take": (lambda x: np.take(x, np.array([3, 1, 1])), (V,)),
    "sort": (lambda x: np.sort(x), (V,)),
    "median": (lambda x: np.median(x), (V,)),
    "quantile": (lambda x: np.quantile(x, 0.3), (V,)),
    "max min": (lambda m: np.max(m, axis=1) - np.min(m, axis=0), (M,)),
    "logaddexp": (lambda x, y: np.logaddexp(x, y), (V, W)),
    "polyval": (lambda x: np.polyval([1.0, -2.0, 0.5], x), (V,)),
    "linalg.solve": (lambda m, x: np.linalg.solve(m, x[:4]), (M, V)),
    "linalg.inv": (lambda m: np.linalg.inv(m), (M,)),
    "linalg.det": (lambda m: np.linalg.det(m), (M,)),
    "linalg.slogdet": (lambda m: np.linalg.slogdet(m)[1], (M,)),
    "linalg.cholesky": (lambda m: np.linalg.cholesky(m @ m.T), (M,)),
    "linalg.norm": (lambda m: np.linalg.norm(m), (M,)),
    "linalg.eigh": (lambda m: np.linalg.eigh(m + m.T)[0], (M,)),
    "fft": (lambda x: np.abs(np.fft.rfft(x)) ** 2, (V,)),
    "add.reduce": (lambda m: np.add.reduce(m, axis=1), (M,)),
    "subtract.outer": (lambda x, y: np.subtract.outer(x, y), (V, W)),
    "multiply.accumulate": (lambda x: np.multiply.accumulate(x), (V,)),
    "ones_like": (lambda x: np.ones_like(x) + np.zeros_like(x) + np.full_like(x, 2.0), (V,)),
    "nan_to_num": (lambda x: np.nan_to_num(x), (V,)),
    "cov": (lambda x, y: np.cov(x, y), (V, W)),
    "gammaln": (lambda x: scipy.special.gammaln(x + 1), (V,)),
    "erf": (lambda x: scipy.special.erf(x), (V,)),
    "expit": (lambda x: scipy.special.expit(x), (V,)),
    "xlogy": (lambda x, y: scipy.special.xlogy(x, y), (V, W)),
    "jv": (lambda x: scipy.special.j0(x), (V,)),
    "betainc": (lambda x, y: scipy.special.betainc(2.0, 3.0, x * y), (V, W)),
}  # fmt: skip


@pytest.mark.parametrize("name", CODE)
def test_the_same_numbers_everywhere(name: str) -> None:
    f, args = CODE[name]
    want = f(*args)
    values = tuple(map(bnp.asarray, args))
    got = f(*values)
    assert isinstance(got, Array)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(bibun.jit(f)(*values), want, rtol=1e-12, atol=1e-13)
    twice = tuple(np.stack([a, a[::-1]]) for a in args)
    batch = bibun.vmap(f)(*twice)
    np.testing.assert_allclose(batch[0], want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", CODE)
def test_gradients(name: str) -> None:
    f, args = CODE[name]
    weights = np.cos(np.arange(np.size(f(*args)), dtype=float)).reshape(np.shape(f(*args)))
    total = lambda *a: np.sum(weights * f(*a))
    grads = bibun.grad(total, argnums=tuple(range(len(args))))(*args)
    direction = [np.cos(3 * a) for a in args]
    h = 1e-6
    up, down = ([a + s * h * d for a, d in zip(args, direction, strict=True)] for s in (1, -1))
    want = (total(*up) - total(*down)) / (2 * h)
    got = sum(float(np.sum(np.asarray(g) * d)) for g, d in zip(grads, direction, strict=True))
    assert got == pytest.approx(want, rel=2e-6, abs=1e-7)


def test_the_page_says_what_is_so() -> None:
    """Whatever the versions of NumPy and SciPy here: no function is promised in vain."""
    table = dispatch_table()
    text = PAGE.read_text()
    count = 0
    for module, title, body in re.findall(r"## `([\w.]+)`: ([^(]+) \(\d+\)\n\n([^#]*)", text):
        for name in re.findall(r"`(\w+)`", body):
            found = table.get(f"{module}.{name}", "missing")
            if found == "missing":  # of another version
                continue
            count += 1
            assert title == "by the host alone" or found is not None, (module, name)
    assert count > 400
    served = [k for k, v in table.items() if v is not None]
    assert all(f"`{k.rpartition('.')[2]}`" in text for k in served), "run bibun.numpy.dispatch"


def test_positions_are_numpys_where_jaxs_differ() -> None:
    """NumPy's fifth argument of `histogram` is `density`, JAX's `weights`; and so on."""
    scaled = M * np.array([1.0, 1e-4, 1.0, 1.0])
    calls: list[tuple[Any, Any]] = [
        (lambda x: np.histogram(x, 3, (0, 1), True)[0], V),
        (lambda x: np.histogram(x, 3, (0, 1), None, W)[0], V),
        (lambda x: np.histogram2d(x, W, 2, [[0, 1], [0, 1]], True)[0], V),
        (lambda m: np.linalg.matrix_rank(m, 2e-2), scaled),  # absolute, and not of the largest
        (lambda m: np.linalg.matrix_rank(m, hermitian=True), S),
        (lambda x: np.zeros_like(x, None, "K", True, (2, 2)), V),
        (lambda x: np.full_like(x, 3.0, float, "C"), V),
        (lambda x: np.partition(x, 2, -1, "introselect"), V),
        (lambda x: np.clip(x, 0.3, 0.6), V),
        (lambda i: np.stack(np.unravel_index(i, (2, 3), "F")), np.arange(6)),
        (lambda x: np.copy(x, "K", False), V),
    ]
    for f, x in calls:
        want = f(x)
        if f is calls[7][0]:
            want = np.sort(x)
        for got in (f(bnp.asarray(x)), bibun.jit(f)(x)):
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-12)
    with pytest.raises(TypeError, match="out="):
        np.sum(bnp.asarray(V), 0, None, np.zeros(()))


def test_functions_in_c_had_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before NumPy 2.4, that is; which of them have positions unlike bibun's is written down."""
    from bibun.numpy import dispatch

    known = inspect.signature
    in_c = ("bincount", "concatenate", "dot", "empty_like", "inner", "lexsort", "packbits",
            "ravel_multi_index", "unpackbits", "unravel_index", "vdot", "where")  # fmt: skip
    pairs = [(getattr(np, n), getattr(bnp, n)) for n in in_c]
    want = [dispatch._parameters(*pair) for pair in pairs]

    def as_before(function: Any, **options: Any) -> inspect.Signature:
        if function in [f for f, _ in pairs]:
            raise ValueError(f"no signature found for builtin {function}")
        return known(function, **options)

    monkeypatch.setattr(inspect, "signature", as_before)
    assert [dispatch._parameters.__wrapped__(*pair) for pair in pairs] == want
