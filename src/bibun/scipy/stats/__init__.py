"""`bibun.scipy.stats`: log densities, distribution and quantile functions of many families.

One module a family (`norm.logpdf(x, loc, scale)`), made by `_family` from the functions of the
standard variable; `multivariate_normal`, `dirichlet`, `multinomial` for vectors; `gaussian_kde`;
and a few statistics of samples. All are differentiable in the point and in every parameter.
"""

from __future__ import annotations

from bibun.scipy.stats import (
    bernoulli,
    beta,
    betabinom,
    binom,
    cauchy,
    chi2,
    dirichlet,
    expon,
    f,
    gamma,
    gennorm,
    geom,
    gumbel_l,
    gumbel_r,
    halfcauchy,
    halfnorm,
    hypergeom,
    invgamma,
    invgauss,
    laplace,
    logistic,
    lognorm,
    loguniform,
    multinomial,
    multivariate_normal,
    nbinom,
    norm,
    pareto,
    poisson,
    rayleigh,
    skewnorm,
    t,
    triang,
    truncnorm,
    uniform,
    vonmises,
    weibull_min,
    wrapcauchy,
    zipf,
)
from bibun.scipy.stats._kde import gaussian_kde
from bibun.scipy.stats._samples import mode, rankdata, sem, zscore

reciprocal = loguniform

__all__ = [
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon", "f",
    "gamma", "gaussian_kde", "gennorm", "geom", "gumbel_l", "gumbel_r", "halfcauchy", "halfnorm",
    "hypergeom", "invgamma", "invgauss", "laplace", "logistic", "lognorm", "loguniform", "mode",
    "multinomial", "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "rankdata",
    "rayleigh", "reciprocal", "sem", "skewnorm", "t", "triang", "truncnorm", "uniform",
    "vonmises", "weibull_min", "wrapcauchy", "zipf", "zscore",
]  # fmt: skip
