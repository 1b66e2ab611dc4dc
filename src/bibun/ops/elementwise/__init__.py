"""Elementwise ops, one room per op or small family, all importable from here.

>>> from bibun.ops.elementwise import add, sin
>>> add(sin(0.0), 1.0)._value
array(1.)
"""

from __future__ import annotations

from bibun.ops.elementwise.absorb import absorb_both, absorb_mul  # noqa: F401
from bibun.ops.elementwise.arithmetic import (  # noqa: F401
    abs,
    add,
    cbrt,
    clamp,
    div,
    integer_pow,
    max,
    min,
    mul,
    neg,
    pow,
    rem,
    rsqrt,
    sign,
    sqrt,
    square,
    sub,
)
from bibun.ops.elementwise.bitwise import (  # noqa: F401
    and_,
    clz,
    is_finite,
    nextafter,
    not_,
    or_,
    population_count,
    shift_left,
    shift_right_arithmetic,
    shift_right_logical,
    xor,
)
from bibun.ops.elementwise.comparison import eq, ge, gt, le, lt, ne  # noqa: F401
from bibun.ops.elementwise.complex_parts import complex, conj, imag, real  # noqa: F401
from bibun.ops.elementwise.conversion import bitcast, convert  # noqa: F401
from bibun.ops.elementwise.exponential import (  # noqa: F401
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logistic,
)
from bibun.ops.elementwise.hyperbolic import (  # noqa: F401
    acosh,
    asinh,
    atanh,
    cosh,
    sinh,
    tanh,
)
from bibun.ops.elementwise.incomplete import (  # noqa: F401
    betainc,
    betainc_by_shapes,
    betainc_grad_a,
    betainc_grad_b,
    igamma,
    igamma_by_shape,
    igamma_grad_a,
    igammac,
    random_gamma_grad,
)
from bibun.ops.elementwise.rounding import ceil, floor, rint, round_even, trunc  # noqa: F401
from bibun.ops.elementwise.selection import select, where  # noqa: F401
from bibun.ops.elementwise.special import (  # noqa: F401
    bessel_i0e,
    bessel_i1e,
    digamma,
    erf,
    erf_inv,
    erfc,
    lgamma,
    polygamma,
    trigamma,
)
from bibun.ops.elementwise.trigonometric import (  # noqa: F401
    acos,
    asin,
    atan,
    atan2,
    cos,
    sin,
    tan,
)
from bibun.ops.elementwise.zeta import zeta  # noqa: F401
