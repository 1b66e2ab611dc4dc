"""cbrt.

x = 8**e m, the exponent divided by three in integers. A short polynomial in m starts
within 1.2 %; Halley's iteration (cubic) brings it near the precision of the format, and a
Newton step whose residual m - g**3 is computed exactly leaves little but the last rounding.
"""

from __future__ import annotations

from bibun.compiler.vecmath.coefficients import POLY
from bibun.compiler.vecmath.num import Num, copysign, fma, kernel, poly, two_prod, where

# By bytes of the format: multiplier and shift for n/3 (exact over all exponents), scaling of
# subnormals (a multiple of 3), number of Halley steps.
_PLAN = {8: (43691, 17, 54, 2), 4: (171, 9, 27, 1)}


@kernel
def cbrt(x: Num) -> Num:
    f = x.format
    times, right, shift, steps = _PLAN[x.dtype.itemsize]
    a = abs(x)
    low = a < f.min_normal
    bits = where(low, a * 2.0**shift, a).bits()
    field = bits >> f.mantissa
    third = (field * times) >> right
    j = field - third * 3
    q, over = divmod(f.bias, 3)  # field - bias = 3 (third - q) + (j - over)
    m = ((bits & f.mantissa_mask) | ((j + (f.bias - over)) << f.mantissa)).as_float(x.dtype)
    g = poly(m, POLY["cbrt"][x.dtype.itemsize])
    for _ in range(steps):
        c = g * g * g
        g = g * (c + 2.0 * m) / (2.0 * c + m)
    square, square_low = two_prod(g, g)
    cube, cube_low = two_prod(square, g)
    residual = (m - cube) - fma(square_low, g, cube_low)
    g = g + residual / (3.0 * square)
    e = third + where(low, third.const(f.bias - q - shift // 3), f.bias - q)
    y = copysign(g * (e << f.mantissa).as_float(x.dtype), x)
    return where((a < float("inf")) & (x != 0.0), y, x)
