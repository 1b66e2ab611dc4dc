"""Probability distributions, their supports, and the bijections between them.

Names, parameters and conventions are NumPyro's.
"""

from __future__ import annotations

from bibun.prob.distributions import constraints, vector_transforms
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
    GammaPoisson,
    Geometric,
    GeometricProbs,
    NegativeBinomial2,
    Poisson,
)
from bibun.prob.distributions.distribution import (
    Distribution,
    ExpandedDistribution,
    Independent,
    MaskedDistribution,
)
from bibun.prob.distributions.mixture import MixtureSameFamily
from bibun.prob.distributions.multivariate import (
    Dirichlet,
    LKJCholesky,
    Multinomial,
    MultinomialProbs,
    MultivariateNormal,
    MultivariateStudentT,
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
from bibun.prob.distributions.transformed import (
    Delta,
    ImproperUniform,
    TransformedDistribution,
    Unit,
)
from bibun.prob.distributions.truncated import (
    TruncatedCauchy,
    TruncatedDistribution,
    TruncatedNormal,
)
from bibun.prob.distributions.vector_transforms import biject_to

# NumPyro keeps all transforms in one module: the vector ones are found there too.
for _name, _item in vars(vector_transforms).items():
    if _name.endswith("Transform") or _name == "biject_to":
        setattr(transforms, _name, _item)


def enable_validation(is_validate: bool = True) -> None:
    """Whether distributions check their parameters where `validate_args` is not given."""
    Distribution.set_default_validate_args(is_validate)


__all__ = [
    "Bernoulli", "BernoulliLogits", "BernoulliProbs", "Beta", "BetaBinomial", "Binomial",
    "BinomialLogits", "BinomialProbs", "Categorical", "CategoricalLogits", "CategoricalProbs",
    "Cauchy", "Chi2", "Delta", "Dirichlet", "DiscreteUniform", "Distribution",
    "ExpandedDistribution", "Exponential", "Gamma", "GammaPoisson", "Geometric",
    "GeometricProbs", "Gumbel", "HalfCauchy", "HalfNormal", "ImproperUniform", "Independent",
    "InverseGamma", "LKJCholesky", "Laplace", "LogNormal", "Logistic", "MaskedDistribution",
    "MixtureSameFamily", "Multinomial", "MultinomialProbs", "MultivariateNormal",
    "MultivariateStudentT", "NegativeBinomial2", "Normal", "Pareto", "Poisson", "StudentT",
    "TransformedDistribution", "TruncatedCauchy", "TruncatedDistribution", "TruncatedNormal",
    "Uniform", "Unit", "VonMises", "Weibull", "biject_to", "constraints", "enable_validation",
    "transforms",
]  # fmt: skip
