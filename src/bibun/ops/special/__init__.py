"""Special functions beyond those of `bibun.ops.elementwise`, one room per family.

`normal`: the normal distribution's tail and quantile functions; `gamma`: the gamma function,
inverses of the incomplete gamma and beta functions, Student's t; `bessel`; `airy`; `integrals`:
exponential, sine, Fresnel and complete elliptic integrals; `elliptic`: incomplete ones;
`hypergeometric`; `complex_plane`.
"""

from __future__ import annotations

from bibun.ops.special.airy import (  # noqa: F401
    airy_ai,
    airy_ai_slope,
    airy_bi,
    airy_bi_slope,
)
from bibun.ops.special.bessel import (  # noqa: F401
    bessel_i,
    bessel_i_by_order,
    bessel_ie,
    bessel_ie_by_order,
    bessel_j,
    bessel_j0,
    bessel_j1,
    bessel_j_by_order,
    bessel_k,
    bessel_k0e,
    bessel_k1e,
    bessel_k_by_order,
    bessel_ke,
    bessel_ke_by_order,
    bessel_y,
    bessel_y0,
    bessel_y1,
    bessel_y_by_order,
)
from bibun.ops.special.complex_plane import faddeeva, lambert  # noqa: F401
from bibun.ops.special.elliptic import (  # noqa: F401
    incomplete_elliptic_e,
    incomplete_elliptic_f,
)
from bibun.ops.special.gamma import (  # noqa: F401
    betainc_inv,
    gamma,
    igamma_inv,
    igammac_inv,
    student_t_cdf,
    student_t_quantile,
)
from bibun.ops.special.hypergeometric import hyp1f1, hyp2f1  # noqa: F401
from bibun.ops.special.integrals import (  # noqa: F401
    cosine_integral,
    dawson,
    dilogarithm,
    elliptic_e,
    elliptic_k,
    exponential_integral,
    exponential_integral_e1,
    fresnel_cosine,
    fresnel_sine,
    generalized_exponential_integral,
    hyperbolic_cosine_integral,
    hyperbolic_sine_integral,
    imaginary_erf,
    sine_integral,
)
from bibun.ops.special.normal import erfcx, log_ndtr, ndtri, owens_t  # noqa: F401
