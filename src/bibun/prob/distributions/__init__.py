"""Probability distributions, their supports, and the bijections between them.

Names, parameters and conventions are NumPyro's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bibun.prob.distributions import (
    constraints,
    rearrangements,
    spectral_transforms,
    vector_transforms,
    zero_sum,
)
from bibun.prob.distributions import transforms as transforms
from bibun.prob.distributions.bounded import (
    Beta,
    Chi2,
    Exponential,
    Gamma,
    InverseGamma,
    Pareto,
    Uniform,
    Weibull,
)
from bibun.prob.distributions.censored import (
    IntervalCensoredDistribution,
    LeftCensoredDistribution,
    RightCensoredDistribution,
)
from bibun.prob.distributions.circulant import CirculantNormal
from bibun.prob.distributions.counts import (
    BetaNegativeBinomial,
    DirichletMultinomial,
    GammaPoisson,
    Geometric,
    GeometricLogits,
    GeometricProbs,
    MultinomialLogits,
    NegativeBinomial,
    NegativeBinomial2,
    NegativeBinomialLogits,
    NegativeBinomialProbs,
    Poisson,
)
from bibun.prob.distributions.directional import ProjectedNormal, SineBivariateVonMises, SineSkewed
from bibun.prob.distributions.discrete import (
    Bernoulli,
    BernoulliLogits,
    BernoulliProbs,
    BetaBinomial,
    Binomial,
    BinomialLogits,
    BinomialProbs,
    Categorical,
    CategoricalLogits,
    CategoricalProbs,
    DiscreteUniform,
    OrderedLogistic,
)
from bibun.prob.distributions.distribution import (
    Distribution,
    ExpandedDistribution,
    Independent,
    MaskedDistribution,
)
from bibun.prob.distributions.folded import FoldedDistribution
from bibun.prob.distributions.hurdle import (
    HurdleDistribution,
    HurdleGamma,
    HurdleLogits,
    HurdleLogNormal,
    HurdleNegativeBinomial2,
    HurdlePoisson,
    HurdleProbs,
)
from bibun.prob.distributions.inversion import (
    Dagum,
    DoublyTruncatedPowerLaw,
    Gompertz,
    Levy,
    LowerTruncatedPowerLaw,
)
from bibun.prob.distributions.kl import kl_divergence, register_kl
from bibun.prob.distributions.mixture import MixtureSameFamily
from bibun.prob.distributions.mixture_general import Mixture, MixtureGeneral
from bibun.prob.distributions.multivariate import (
    LKJ,
    Dirichlet,
    LKJCholesky,
    Multinomial,
    MultinomialProbs,
    MultivariateNormal,
    MultivariateStudentT,
)
from bibun.prob.distributions.processes import (
    EulerMaruyama,
    GaussianRandomWalk,
    GaussianStateSpace,
)
from bibun.prob.distributions.real_line import (
    Cauchy,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    Laplace,
    Logistic,
    LogNormal,
    Normal,
    StudentT,
    VonMises,
)
from bibun.prob.distributions.relaxed import (
    RelaxedBernoulli,
    RelaxedBernoulliLogits,
    TruncatedPolyaGamma,
)
from bibun.prob.distributions.skewed import (
    AsymmetricLaplace,
    AsymmetricLaplaceQuantile,
    BetaProportion,
    Kumaraswamy,
    LogUniform,
    SoftLaplace,
)
from bibun.prob.distributions.structured_normal import (
    CAR,
    GaussianCopula,
    GaussianCopulaBeta,
    LowRankMultivariateNormal,
    MatrixNormal,
)
from bibun.prob.distributions.transformed import (
    Delta,
    ImproperUniform,
    TransformedDistribution,
    Unit,
)
from bibun.prob.distributions.truncated import (
    LeftTruncatedDistribution,
    RightTruncatedDistribution,
    TruncatedCauchy,
    TruncatedDistribution,
    TruncatedNormal,
    TwoSidedTruncatedDistribution,
)
from bibun.prob.distributions.truncated_gamma import (
    LeftTruncatedGamma,
    RightTruncatedGamma,
    TruncatedGamma,
    TwoSidedTruncatedGamma,
)
from bibun.prob.distributions.vector_transforms import biject_to
from bibun.prob.distributions.wishart import (
    InverseWishart,
    InverseWishartCholesky,
    Wishart,
    WishartCholesky,
)
from bibun.prob.distributions.zero_inflated import (
    ZeroInflatedDistribution,
    ZeroInflatedLogits,
    ZeroInflatedNegativeBinomial2,
    ZeroInflatedPoisson,
    ZeroInflatedProbs,
)
from bibun.prob.distributions.zero_sum import ZeroSum, ZeroSumNormal

# NumPyro keeps all transforms in one module: those of the others are found there too.
for _module in (vector_transforms, rearrangements, spectral_transforms, zero_sum):
    for _name, _item in vars(_module).items():
        if _name == "biject_to" or (
            isinstance(_item, type) and issubclass(_item, transforms.Transform)
        ):
            setattr(transforms, _name, _item)
del _module, _name, _item
constraints.zero_sum = ZeroSum  # type: ignore[attr-defined]


def enable_validation(is_validate: bool = True) -> None:
    """Whether distributions check their parameters where `validate_args` is not given."""
    Distribution.set_default_validate_args(is_validate)


@contextlib.contextmanager
def validation_enabled(is_validate: bool = True) -> Iterator[None]:
    """`enable_validation` for a block of code.

    >>> with validation_enabled(False):
    ...     bad = Normal(0.0, -1.0)
    """
    before = Distribution._validate_default
    Distribution.set_default_validate_args(is_validate)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


__all__ = [
    "AsymmetricLaplace", "AsymmetricLaplaceQuantile", "Bernoulli", "BernoulliLogits",
    "BernoulliProbs", "Beta", "BetaBinomial", "BetaNegativeBinomial", "BetaProportion",
    "Binomial", "BinomialLogits", "BinomialProbs", "CAR", "Categorical", "CategoricalLogits",
    "CategoricalProbs", "Cauchy", "Chi2", "CirculantNormal", "Dagum", "Delta", "Dirichlet",
    "DirichletMultinomial", "DiscreteUniform", "Distribution", "DoublyTruncatedPowerLaw",
    "EulerMaruyama", "ExpandedDistribution", "Exponential", "FoldedDistribution", "Gamma",
    "GammaPoisson", "GaussianCopula", "GaussianCopulaBeta", "GaussianRandomWalk",
    "GaussianStateSpace", "Geometric", "GeometricLogits", "GeometricProbs", "Gompertz",
    "Gumbel", "HalfCauchy", "HalfNormal", "HurdleDistribution", "HurdleGamma",
    "HurdleLogNormal", "HurdleLogits", "HurdleNegativeBinomial2", "HurdlePoisson",
    "HurdleProbs", "ImproperUniform", "Independent", "IntervalCensoredDistribution",
    "InverseGamma", "InverseWishart", "InverseWishartCholesky", "Kumaraswamy", "LKJ",
    "LKJCholesky", "Laplace", "LeftCensoredDistribution", "LeftTruncatedDistribution",
    "LeftTruncatedGamma", "Levy", "LogNormal", "LogUniform", "Logistic",
    "LowRankMultivariateNormal", "LowerTruncatedPowerLaw", "MaskedDistribution", "MatrixNormal",
    "Mixture", "MixtureGeneral", "MixtureSameFamily", "Multinomial", "MultinomialLogits",
    "MultinomialProbs", "MultivariateNormal", "MultivariateStudentT", "NegativeBinomial",
    "NegativeBinomial2", "NegativeBinomialLogits", "NegativeBinomialProbs", "Normal",
    "OrderedLogistic", "Pareto", "Poisson", "ProjectedNormal", "RelaxedBernoulli",
    "RelaxedBernoulliLogits", "RightCensoredDistribution", "RightTruncatedDistribution",
    "RightTruncatedGamma", "SineBivariateVonMises", "SineSkewed", "SoftLaplace", "StudentT",
    "TransformedDistribution", "TruncatedCauchy", "TruncatedDistribution", "TruncatedGamma",
    "TruncatedNormal", "TruncatedPolyaGamma", "TwoSidedTruncatedDistribution",
    "TwoSidedTruncatedGamma", "Uniform", "Unit", "VonMises", "Weibull", "Wishart",
    "WishartCholesky", "ZeroInflatedDistribution", "ZeroInflatedLogits",
    "ZeroInflatedNegativeBinomial2", "ZeroInflatedPoisson", "ZeroInflatedProbs",
    "ZeroSumNormal", "biject_to", "constraints", "enable_validation", "kl_divergence",
    "register_kl", "transforms", "validation_enabled",
]  # fmt: skip
