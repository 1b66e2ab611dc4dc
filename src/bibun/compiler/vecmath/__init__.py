"""Vector math: elementary and special functions as straight-line code for any width.

`KERNELS[name](b, *vals)` emits a function through the value part of the Builder protocol
(`bibun.ir.builder`), for float64 and float32 Vals of any width. There are no loops, no calls
outside, no tables but three small ones; special values come out right by construction or by
a final select. Only rare arguments (huge ones in sin, tails of erf_inv, negative ones of
lgamma) sit behind `b.rare`, a branch taken when some lane needs it.

Errors are at most 1.5 ulp for the elementary functions and a few ulp for erfc, lgamma and
digamma; `docs/design/vecmath.md` has the table, `python -m bibun.compiler.vecmath.errors`
makes it. One file a family; `num.py` is the notation they are written in, `coefficients.py`
their numbers, and `fit.py` where the numbers come from.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_ROOMS = {
    "exp": "exp exp2 expm1",
    "log": "log log1p log2 log10",
    "pow": "pow",
    "trig": "sin cos tan",
    "inverse": "asin acos atan atan2",
    "hyperbolic": "sinh cosh tanh asinh acosh atanh",
    "cbrt": "cbrt",
    "erf": "erf erfc erf_inv",
    "gamma": "lgamma digamma",
    "bessel": "bessel_i0e bessel_i1e bessel_k0e bessel_k1e "
    "bessel_j0 bessel_j1 bessel_y0 bessel_y1",
    "bessel_orders": "bessel_j bessel_y bessel_ie",
    "orders": "owens_t bessel_ke_by_order",
    "zeta": "hurwitz zeta polygamma trigamma",
    "beta_integrals": "betainc betainc_parted betainc_grad_a betainc_grad_b",
    "gamma_integrals": "igamma igammac igamma_grad_a random_gamma_grad",
    "quantiles": "igamma_inv igammac_inv betainc_inv betainc_inv_logit",
    "integrals": "exponential_integral exponential_integral_e1 generalized_exponential_integral "
    "sine_integral cosine_integral hyperbolic_sine_integral hyperbolic_cosine_integral "
    "fresnel_sine fresnel_cosine dawson imaginary_erf dilogarithm",
    "elliptic": "elliptic_k elliptic_e",
}


class _Kernels(Mapping[str, Callable[..., Any]]):
    """Kernels by name. A room is imported when a program first asks for something of it."""

    def __init__(self) -> None:
        self._rooms = {name: room for room, names in _ROOMS.items() for name in names.split()}

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return getattr(importlib.import_module(f"{__name__}.{self._rooms[name]}"), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)


KERNELS = _Kernels()
