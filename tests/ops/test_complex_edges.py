"""Compiled complex functions where parts are 0, infinite or nan: as NumPy's, which are C99's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp

PARTS = [0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan]
Z = np.array([complex(x, y) for x in PARTS for y in PARTS])
FUNCTIONS = """exp exp2 log log2 log10 sqrt sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh
arccosh arctanh abs angle sign square conjugate isfinite isnan isinf rint""".split()


def agree(got: Any, want: Any, signs: bool = True) -> np.ndarray:
    """Where two real parts are the same: nan, or the same number to rounding with its sign."""
    near = np.isclose(got, want, rtol=1e-13, atol=0)
    same = (got == want) & (np.signbit(got) == np.signbit(want) if signs else True)
    return (np.isnan(got) & np.isnan(want)) | same | (near & np.isfinite(want))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_numpy(name: str) -> None:
    z = Z
    if name in ("sin", "sinh"):  # sinh(-inf + i inf) is an infinity of no known sign
        z = z[~(np.isinf(z.real) & ~np.isfinite(z.imag))]
        z = z[~(np.isinf(z.imag) & ~np.isfinite(z.real))]
    want = getattr(np, name)(z)
    for run in (lambda f: f, bibun.jit):
        got = np.asarray(run(getattr(bnp, name))(z))
        assert got.dtype == want.dtype
        if want.dtype.kind == "c":
            good = agree(got.real, want.real) & agree(got.imag, want.imag)
        else:
            good = agree(got.astype(float), want.astype(float))
        assert good.all(), list(zip(z[~good], want[~good], got[~good], strict=True))[:5]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "equal"])
def test_arithmetic_as_numpys(name: str) -> None:
    a, b = np.meshgrid(Z, Z)
    want, got = getattr(np, name)(a, b), np.asarray(bibun.jit(getattr(bnp, name))(a, b))
    good = agree(got.real, want.real) & agree(got.imag, want.imag)
    assert good.all(), list(zip(a[~good], b[~good], want[~good], got[~good], strict=True))[:5]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_powers_of_zero_and_first_powers() -> None:
    w = np.array([2 + 1j, 1 + 0j, 0j, -1 + 0j, 1j, -1 - 2j, 0.5 - 3j])
    for z in (0j, 3 - 4j, complex(np.inf, -1)):
        chosen = w if z == 0 else w[1:3]
        want = np.power(z, chosen)
        got = np.asarray(bibun.jit(lambda w, z=z: bnp.power(z, w))(chosen))
        assert (agree(got.real, want.real, False) & agree(got.imag, want.imag, False)).all()
