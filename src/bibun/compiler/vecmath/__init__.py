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

from collections.abc import Callable
from typing import Any

from bibun.compiler.vecmath import bessel as _bessel
from bibun.compiler.vecmath import bessel_orders as _bessel_orders
from bibun.compiler.vecmath import beta_integrals as _beta_integrals
from bibun.compiler.vecmath import cbrt as _cbrt
from bibun.compiler.vecmath import elliptic as _elliptic
from bibun.compiler.vecmath import erf as _erf
from bibun.compiler.vecmath import exp as _exp
from bibun.compiler.vecmath import gamma as _gamma
from bibun.compiler.vecmath import gamma_integrals as _gamma_integrals
from bibun.compiler.vecmath import hyperbolic as _hyperbolic
from bibun.compiler.vecmath import integrals as _integrals
from bibun.compiler.vecmath import inverse as _inverse
from bibun.compiler.vecmath import log as _log
from bibun.compiler.vecmath import orders as _orders
from bibun.compiler.vecmath import pow as _pow
from bibun.compiler.vecmath import quantiles as _quantiles
from bibun.compiler.vecmath import trig as _trig
from bibun.compiler.vecmath import zeta as _zeta

_ROOMS: dict[Any, str] = {
    _exp: "exp exp2 expm1",
    _log: "log log1p log2 log10",
    _pow: "pow",
    _trig: "sin cos tan",
    _inverse: "asin acos atan atan2",
    _hyperbolic: "sinh cosh tanh asinh acosh atanh",
    _cbrt: "cbrt",
    _erf: "erf erfc erf_inv",
    _gamma: "lgamma digamma",
    _bessel: "bessel_i0e bessel_i1e bessel_k0e bessel_k1e bessel_j0 bessel_j1 bessel_y0 bessel_y1",
    _bessel_orders: "bessel_j bessel_y bessel_ie",
    _orders: "owens_t bessel_ke_by_order",
    _zeta: "hurwitz zeta polygamma trigamma",
    _beta_integrals: "betainc betainc_parted betainc_grad_a betainc_grad_b",
    _gamma_integrals: "igamma igammac igamma_grad_a random_gamma_grad",
    _quantiles: "igamma_inv igammac_inv betainc_inv betainc_inv_logit",
    _integrals: "exponential_integral exponential_integral_e1 generalized_exponential_integral "
    "sine_integral cosine_integral hyperbolic_sine_integral hyperbolic_cosine_integral "
    "fresnel_sine fresnel_cosine dawson imaginary_erf dilogarithm",
    _elliptic: "elliptic_k elliptic_e",
}

KERNELS: dict[str, Callable[..., Any]] = {
    name: getattr(room, name) for room, names in _ROOMS.items() for name in names.split()
}
