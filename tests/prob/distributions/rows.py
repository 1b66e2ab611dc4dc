"""The table: one row a distribution, its parameters, values inside its support.

Plain numbers only, and `make(d, **params)` with `d` the module of distributions, so that
make_table_reference.py evaluates the same rows with NumPyro.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Row:
    name: str
    params: dict[str, Any]
    values: Any
    make: Callable[..., Any] | None = None
    fixed: tuple[str, ...] = ()  # parameters that are neither differentiated nor batched
    bad: dict[str, Any] | None = None  # parameters that validation refuses
    scipy: Callable[[Any], Any] | None = None  # SciPy's frozen distribution, from scipy.stats
    skip: tuple[str, ...] = ()  # checks that have no meaning here, said why in the table
    same_as_numpyro: float = 1e-9  # relative; 0 where NumPyro has none or is known to be off
    case: str = ""
    label: str = field(init=False)

    def __post_init__(self) -> None:
        self.label = f"{self.name}-{self.case}" if self.case else self.name

    def build(self, d: Any, **changed: Any) -> Any:
        params = {**self.params, **changed}
        if self.make is not None:
            return self.make(d, **params)
        return getattr(d, self.name)(**params)


A = np.array
ROWS: list[Row] = []


def row(name: str, params: dict[str, Any], values: Any, **rest: Any) -> None:
    params = {k: A(v) if isinstance(v, list) else v for k, v in params.items()}
    ROWS.append(Row(name, params, A(values), **rest))


REALS = [-2.3, 0.2, 1.7]
POSITIVE = [0.2, 1.1, 4.0]
UNIT = [0.1, 0.45, 0.9]
COUNTS = [0, 1, 6]
LS = {"loc": 0.5, "scale": 1.5}
BAD_SCALE = {"scale": -1.0}
MEANLESS = ("moments",)  # no mean, or no variance, or of infinite fourth moment
CIRCULAR = ("moments",)  # `mean` and `variance` are those of directions
POINT = ("gradient", "draws", "moments", "entropy")
COV = [[2.0, 0.5], [0.5, 1.0]]
TRIL = [[1.4, 0.0], [0.4, 0.9]]

# the real line
row("Normal", LS, REALS, bad=BAD_SCALE, scipy=lambda s: s.norm(0.5, 1.5))
row("Cauchy", LS, REALS, bad=BAD_SCALE, scipy=lambda s: s.cauchy(0.5, 1.5), skip=MEANLESS)
row("Laplace", LS, REALS, bad=BAD_SCALE, scipy=lambda s: s.laplace(0.5, 1.5))
row("Logistic", LS, REALS, bad=BAD_SCALE, scipy=lambda s: s.logistic(0.5, 1.5))
row("Gumbel", LS, REALS, bad=BAD_SCALE, scipy=lambda s: s.gumbel_r(0.5, 1.5))
row("SoftLaplace", LS, REALS, bad=BAD_SCALE)
row("StudentT", {"df": 9.0, **LS}, REALS, bad={"df": -1.0}, scipy=lambda s: s.t(9.0, 0.5, 1.5))
row("AsymmetricLaplace", {**LS, "asymmetry": 1.4}, REALS, bad={"asymmetry": 0.0},
    scipy=lambda s: s.laplace_asymmetric(1.4, 0.5, 1.5))
row("AsymmetricLaplaceQuantile", {**LS, "quantile": 0.3}, REALS, bad={"quantile": 1.5})
row("VonMises", {"loc": 0.5, "concentration": 1.5}, REALS, bad={"concentration": -1.0},
    scipy=lambda s: s.vonmises(1.5, 0.5), skip=CIRCULAR)
row("Levy", {"loc": -0.5, "scale": 1.2}, POSITIVE, bad=BAD_SCALE,
    scipy=lambda s: s.levy(-0.5, 1.2), skip=MEANLESS)
row("ImproperUniform", {}, REALS, make=lambda d: d.ImproperUniform(d.constraints.real, (), ()),
    skip=("draws", "entropy"))

# the half-line
row("HalfNormal", {"scale": 1.5}, POSITIVE, bad=BAD_SCALE, scipy=lambda s: s.halfnorm(0, 1.5))
row("HalfCauchy", {"scale": 1.5}, POSITIVE, bad=BAD_SCALE, scipy=lambda s: s.halfcauchy(0, 1.5),
    skip=MEANLESS)
row("LogNormal", {"loc": 0.3, "scale": 0.5}, POSITIVE, bad=BAD_SCALE,
    scipy=lambda s: s.lognorm(0.5, scale=np.exp(0.3)))
row("Exponential", {"rate": 0.7}, POSITIVE, bad={"rate": 0.0}, scipy=lambda s: s.expon(0, 1 / 0.7))
row("Gamma", {"concentration": 2.5, "rate": 1.5}, POSITIVE, bad={"rate": -1.0},
    scipy=lambda s: s.gamma(2.5, scale=1 / 1.5))
row("InverseGamma", {"concentration": 7.5, "rate": 5.0}, POSITIVE, bad={"rate": -1.0},
    scipy=lambda s: s.invgamma(7.5, scale=5.0))
row("Chi2", {"df": 3.0}, POSITIVE, bad={"df": 0.0}, scipy=lambda s: s.chi2(3.0))
row("Weibull", {"scale": 2.0, "concentration": 1.5}, POSITIVE, bad=BAD_SCALE,
    scipy=lambda s: s.weibull_min(1.5, scale=2.0))
row("Pareto", {"scale": 0.1, "alpha": 7.0}, POSITIVE, bad={"alpha": 0.0},
    scipy=lambda s: s.pareto(7.0, scale=0.1))
row("Dagum", {"concentration": 1.5, "sharpness": 2.5, "scale": 0.7}, POSITIVE, bad=BAD_SCALE,
    skip=MEANLESS)
row("Gompertz", {"concentration": 0.7, "rate": 1.3}, [0.1, 0.9, 1.7], bad={"rate": 0.0},
    scipy=lambda s: s.gompertz(0.7, scale=1 / 1.3))
row("LowerTruncatedPowerLaw", {"alpha": -2.5, "low": 0.1}, POSITIVE, bad={"alpha": 0.5},
    skip=MEANLESS)
row("LeftTruncatedGamma", {"a": 2.5, "rate": 1.5, "low": 1.0}, [1.1, 2.0, 5.0],
    make=lambda d, a, rate, low: d.LeftTruncatedGamma(d.Gamma(a, rate), low), bad={"low": -1.0})
row("RightTruncatedGamma", {"a": 2.5, "rate": 1.5, "high": 2.0}, [0.1, 1.0, 1.9],
    make=lambda d, a, rate, high: d.RightTruncatedGamma(d.Gamma(a, rate), high), bad={"high": 0.0})
row("TwoSidedTruncatedGamma", {"a": 2.5, "rate": 1.5, "low": 3.0, "high": 5.0}, [3.1, 4.0, 4.9],
    make=lambda d, a, rate, low, high: d.TwoSidedTruncatedGamma(d.Gamma(a, rate), low, high),
    bad={"low": 6.0})
row("TruncatedGamma", {"concentration": 2.5, "rate": 1.5, "low": 0.5, "high": 2.0},
    [0.6, 1.0, 1.9], bad={"low": 6.0})

# intervals
row("Uniform", {"low": -1.0, "high": 3.0}, [-0.9, 0.1, 2.0], bad={"low": 4.0},
    scipy=lambda s: s.uniform(-1.0, 4.0))
row("Beta", {"concentration1": 2.0, "concentration0": 3.5}, UNIT, bad={"concentration1": 0.0},
    scipy=lambda s: s.beta(2.0, 3.5))
row("BetaProportion", {"mean": 0.4, "concentration": 5.0}, UNIT, bad={"mean": 1.5},
    scipy=lambda s: s.beta(2.0, 3.0))
row("Kumaraswamy", {"concentration1": 2.0, "concentration0": 3.5}, UNIT,
    bad={"concentration1": 0.0})
row("LogUniform", {"low": 0.1, "high": 5.0}, POSITIVE, bad={"low": 6.0},
    scipy=lambda s: s.loguniform(0.1, 5.0))
row("DoublyTruncatedPowerLaw", {"alpha": -2.5, "low": 0.1, "high": 5.0}, POSITIVE,
    bad={"low": -1.0})
row("RelaxedBernoulliLogits", {"temperature": 0.8, "logits": 0.4}, UNIT, bad={"temperature": 0.0})
row("RelaxedBernoulli", {"temperature": 0.8, "probs": 0.4}, UNIT, bad={"temperature": 0.0})
row("TruncatedPolyaGamma", {}, [0.02, 0.2, 0.3, 1.0], same_as_numpyro=2e-5)
row("TruncatedNormal", {**LS, "low": -2.5, "high": 3.0}, REALS, bad=BAD_SCALE,
    scipy=lambda s: s.truncnorm(-2.0, 2.5 / 1.5, 0.5, 1.5))
row("TruncatedCauchy", {**LS, "low": -2.5, "high": 3.0}, REALS, bad=BAD_SCALE)
row("TruncatedDistribution", {**LS, "low": -2.5, "high": 3.0}, REALS, bad=BAD_SCALE,
    make=lambda d, loc, scale, low, high: d.TruncatedDistribution(
        d.Laplace(loc, scale), low=low, high=high))
row("LeftTruncatedDistribution", {**LS, "low": -2.5}, REALS, bad=BAD_SCALE,
    make=lambda d, loc, scale, low: d.LeftTruncatedDistribution(d.Logistic(loc, scale), low=low))
row("RightTruncatedDistribution", {**LS, "high": 3.5}, REALS, bad=BAD_SCALE,
    make=lambda d, loc, scale, high: d.RightTruncatedDistribution(d.Normal(loc, scale), high=high))
row("TwoSidedTruncatedDistribution", {**LS, "low": -2.5, "high": 3.0}, REALS, bad=BAD_SCALE,
    make=lambda d, loc, scale, low, high: d.TwoSidedTruncatedDistribution(
        d.StudentT(5.0, loc, scale), low=low, high=high))

# whole numbers
row("Bernoulli", {"probs": 0.3}, [0, 1], bad={"probs": 1.5}, scipy=lambda s: s.bernoulli(0.3))
row("BernoulliProbs", {"probs": 0.3}, [0, 1], bad={"probs": 1.5})
row("BernoulliLogits", {"logits": -0.7}, [0, 1], bad={"logits": np.nan})
row("Binomial", {"total_count": 8, "probs": 0.35}, COUNTS, fixed=("total_count",),
    bad={"probs": -0.1}, scipy=lambda s: s.binom(8, 0.35))
row("BinomialProbs", {"probs": 0.35, "total_count": 8}, COUNTS, fixed=("total_count",),
    bad={"probs": -0.1})
row("BinomialLogits", {"logits": -0.35, "total_count": 8}, COUNTS, fixed=("total_count",),
    bad={"total_count": -1})
row("BetaBinomial", {"concentration1": 2.0, "concentration0": 3.5, "total_count": 8}, COUNTS,
    fixed=("total_count",), bad={"concentration1": 0.0}, scipy=lambda s: s.betabinom(8, 2.0, 3.5),
    same_as_numpyro=1e-6)
row("Categorical", {"probs": [0.2, 0.3, 0.5]}, [0, 1, 2], bad={"probs": A([0.2, 0.3])},
    skip=("moments",))  # of numbers that are names
row("CategoricalProbs", {"probs": [0.2, 0.3, 0.5]}, [0, 1, 2], bad={"probs": A([0.2, 0.3])},
    skip=("moments",))
row("CategoricalLogits", {"logits": [0.2, -0.3, 0.5]}, [0, 1, 2], bad={"logits": A([0.2, np.nan])},
    skip=("moments",))
row("DiscreteUniform", {"low": -1, "high": 6}, [-1, 2, 6], fixed=("low", "high"), bad={"low": 9},
    scipy=lambda s: s.randint(-1, 7))
row("Poisson", {"rate": 3.5}, COUNTS, bad={"rate": -1.0}, scipy=lambda s: s.poisson(3.5))
row("GammaPoisson", {"concentration": 2.5, "rate": 0.8}, COUNTS, bad={"rate": -1.0},
    scipy=lambda s: s.nbinom(2.5, 0.8 / 1.8))
row("NegativeBinomial", {"total_count": 3.0, "probs": 0.3}, COUNTS, bad={"probs": -1.0},
    scipy=lambda s: s.nbinom(3.0, 0.7))
row("NegativeBinomialProbs", {"total_count": 3.0, "probs": 0.3}, COUNTS, bad={"probs": -1.0})
row("NegativeBinomialLogits", {"total_count": 3.0, "logits": 0.3}, COUNTS,
    bad={"total_count": -1.0})
row("NegativeBinomial2", {"mean": 3.0, "concentration": 2.3}, COUNTS, bad={"mean": -1.0},
    scipy=lambda s: s.nbinom(2.3, 2.3 / 5.3))
row("Geometric", {"probs": 0.3}, COUNTS, bad={"probs": 1.3}, scipy=lambda s: s.geom(0.3, -1))
row("GeometricProbs", {"probs": 0.3}, COUNTS, bad={"probs": 1.3})
row("GeometricLogits", {"logits": 0.3}, COUNTS, bad={"logits": np.nan})
row("BetaNegativeBinomial", {"concentration1": 5.0, "concentration0": 3.5, "n": 4.0}, COUNTS,
    bad={"n": -1.0}, scipy=lambda s: s.betanbinom(4.0, 3.5, 5.0), same_as_numpyro=1e-5,
    skip=MEANLESS)
row("OrderedLogistic", {"predictor": 0.3, "cutpoints": [-1.0, 0.2, 1.5]}, [0, 1, 3],
    bad={"cutpoints": A([1.0, 0.0, 2.0])}, skip=("moments",))
row("ZeroInflatedPoisson", {"gate": 0.3, "rate": 1.5}, COUNTS, bad={"gate": 1.5})
row("ZeroInflatedNegativeBinomial2", {"mean": 3.0, "concentration": 2.3, "gate": 0.3}, COUNTS,
    bad={"gate": 1.5})
row("ZeroInflatedDistribution", {"rate": 1.5, "gate": 0.3}, COUNTS, bad={"gate": 1.5},
    make=lambda d, rate, gate: d.ZeroInflatedDistribution(d.Poisson(rate), gate=gate))
row("ZeroInflatedProbs", {"rate": 1.5, "gate": 0.3}, COUNTS, bad={"gate": 1.5},
    make=lambda d, rate, gate: d.ZeroInflatedDistribution(d.Poisson(rate), gate=gate))
row("ZeroInflatedLogits", {"rate": 1.5, "gate_logits": 0.3}, COUNTS, bad={"gate_logits": np.nan},
    make=lambda d, rate, gate_logits: d.ZeroInflatedDistribution(
        d.Poisson(rate), gate_logits=gate_logits))
row("HurdlePoisson", {"gate": 0.3, "rate": 1.5}, COUNTS, bad={"gate": 1.5})
row("HurdleNegativeBinomial2", {"gate": 0.3, "mean": 3.0, "concentration": 2.3}, COUNTS,
    bad={"gate": 1.5})
MIXED = [0.0, 0.4, 3.0]
row("HurdleGamma", {"gate": 0.3, "concentration": 2.5, "rate": 1.5}, MIXED, bad={"gate": 1.5},
    skip=("entropy",))
row("HurdleLogNormal", {"gate": 0.3, "loc": 0.1, "scale": 0.5}, MIXED, bad={"gate": 1.5},
    skip=("entropy",))
row("HurdleDistribution", {"gate": 0.3, "rate": 1.5}, COUNTS, bad={"gate": 1.5},
    make=lambda d, gate, rate: d.HurdleDistribution(d.Poisson(rate), gate=gate))
row("HurdleProbs", {"gate": 0.3, "rate": 1.5}, COUNTS, bad={"gate": 1.5},
    make=lambda d, gate, rate: d.HurdleDistribution(d.Poisson(rate), gate=gate))
row("HurdleLogits", {"gate_logits": 0.3, "rate": 1.5}, COUNTS, bad={"gate_logits": np.nan},
    make=lambda d, gate_logits, rate: d.HurdleDistribution(d.Poisson(rate),
                                                           gate_logits=gate_logits))

# vectors
row("Dirichlet", {"concentration": [0.9, 2.0, 3.0]}, [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]],
    bad={"concentration": A([-1.0, 2.0, 3.0])})
row("Multinomial", {"total_count": 5, "probs": [0.2, 0.3, 0.5]}, [[1, 1, 3], [0, 5, 0]],
    fixed=("total_count",), bad={"probs": A([0.2, 0.2, 0.2])})
row("MultinomialProbs", {"probs": [0.2, 0.3, 0.5], "total_count": 5}, [[1, 1, 3], [0, 5, 0]],
    fixed=("total_count",), bad={"probs": A([0.2, 0.2, 0.2])})
row("MultinomialLogits", {"logits": [0.2, -0.4, 1.0], "total_count": 5}, [[1, 1, 3], [0, 5, 0]],
    fixed=("total_count",), bad={"logits": A([0.2, np.nan, 0.2])})
row("DirichletMultinomial", {"concentration": [0.9, 2.0, 3.0], "total_count": 5},
    [[1, 1, 3], [0, 5, 0]], fixed=("total_count",), bad={"concentration": A([-1.0, 2.0, 3.0])})
PAIRS = [[0.3, -0.7], [1.9, 0.2]]
row("MultivariateNormal", {"loc": [1.0, -1.0], "covariance_matrix": COV}, PAIRS,
    bad={"covariance_matrix": A([[1.0, 2.0], [2.0, 1.0]])})
row("MultivariateNormal", {"loc": [1.0, -1.0], "precision_matrix": COV}, PAIRS, case="precision",
    bad={"precision_matrix": A([[1.0, 2.0], [2.0, 1.0]])})
row("MultivariateNormal", {"loc": [1.0, -1.0], "scale_tril": TRIL}, PAIRS, case="tril",
    bad={"scale_tril": A([[-1.0, 0.0], [2.0, 1.0]])})
row("MultivariateStudentT", {"df": 9.0, "loc": [1.0, -1.0], "scale_tril": TRIL}, PAIRS,
    bad={"df": -1.0})
row("LowRankMultivariateNormal",
    {"loc": [1.0, -1.0], "cov_factor": [[0.7], [-0.4]], "cov_diag": [0.5, 1.2]}, PAIRS,
    bad={"cov_diag": A([-1.0, 1.0])})
row("CAR", {"loc": [0.1, 0.2, -0.3], "correlation": 0.6, "conditional_precision": 1.7,
            "adj_matrix": [[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]},
    [[0.3, -0.7, 0.4]], fixed=("adj_matrix",), bad={"correlation": 1.5},
    make=lambda d, **p: d.CAR(**p))
row("GaussianCopula", {"rate": [0.5, 1.5], "correlation_matrix": [[1.0, 0.6], [0.6, 1.0]]},
    [[0.3, 0.7], [2.0, 0.2]], skip=("gradient",),  # NumPyro and we take matrices of unit diagonal
    make=lambda d, rate, correlation_matrix: d.GaussianCopula(
        d.Exponential(rate), correlation_matrix=correlation_matrix))
row("GaussianCopulaBeta",
    {"concentration1": [2.0, 3.0], "concentration0": [1.5, 2.5],
     "correlation_matrix": [[1.0, 0.6], [0.6, 1.0]]}, [[0.3, 0.7], [0.9, 0.2]],
    bad={"concentration1": A([-1.0, 2.0])}, same_as_numpyro=1e-8)
row("GaussianRandomWalk", {"scale": 0.7, "num_steps": 3}, [[0.3, -0.7, 0.4]],
    fixed=("num_steps",), bad=BAD_SCALE)
row("GaussianStateSpace",
    {"num_steps": 3, "transition_matrix": [[0.8, 0.1], [-0.2, 0.9]], "scale_tril": TRIL,
     "initial_value": [0.5, -1.0]},
    [[[0.3, -0.7], [1.9, 0.2], [0.4, 0.4]]], fixed=("num_steps", "transition_matrix"),
    bad={"scale_tril": A([[-1.0, 0.0], [0.0, 1.0]])})
row("EulerMaruyama", {"loc": 0.3, "t": [0.0, 0.1, 0.3]}, [[0.3, -0.1, 0.4]],
    make=lambda d, loc, t: d.EulerMaruyama(
        t, lambda x, t: (-0.5 * x, 0.3), d.Normal(loc, 1.0)), same_as_numpyro=0,
    bad={"t": A([0.1, 0.0, 0.3])})
row("CirculantNormal", {"loc": [0.1, 0.2, -0.3, 0.0, 0.4],
                        "covariance_row": [2.0, 0.5, 0.1, 0.1, 0.5]},
    [[0.3, -0.7, 0.4, 1.1, 0.0]], bad={"covariance_row": A([1.0, 2.0, 0.0, 0.0, 2.0])})
row("CirculantNormal", {"loc": [0.1, 0.2, -0.3, 0.0], "covariance_rfft": [3.0, 2.0, 1.0]},
    [[0.3, -0.7, 0.4, 1.1]], case="rfft", bad={"covariance_rfft": A([1.0, -2.0, 1.0])})
row("ZeroSumNormal", {"scale": 0.7, "event_shape": (3,)}, [[0.3, -0.7, 0.4]],
    fixed=("event_shape",), bad=BAD_SCALE, same_as_numpyro=0)  # theirs is over the basis
row("ProjectedNormal", {"concentration": [0.9, -0.4]}, [[0.6, 0.8], [-1.0, 0.0]],
    bad={"concentration": A([np.nan, 1.0])}, skip=CIRCULAR)
row("ProjectedNormal", {"concentration": [0.9, -0.4, 3.1]}, [[0.6, 0.8, 0.0], [0.0, -0.6, -0.8]],
    case="3d", bad={"concentration": A([np.nan, 1.0, 0.0])}, skip=CIRCULAR, same_as_numpyro=1e-7)
SINE = {"phi_loc": 0.3, "psi_loc": -1.0, "phi_concentration": 2.5, "psi_concentration": 4.0,
        "correlation": 1.7}
ANGLES = [[0.6, 0.8], [-3.0, 0.0]]
row("SineBivariateVonMises", SINE, ANGLES, bad={"phi_concentration": -1.0}, skip=CIRCULAR)
row("SineSkewed", {**SINE, "skewness": [0.3, -0.5]}, ANGLES, skip=CIRCULAR,
    make=lambda d, skewness, **p: d.SineSkewed(d.SineBivariateVonMises(**p), skewness),
    bad={"skewness": A([0.9, 0.9])})

# matrices
SPD = [[[1.0, 0.3], [0.3, 0.8]], [[0.4, -0.1], [-0.1, 2.0]]]
LOW = [[[1.0, 0.0], [0.3, 0.8]], [[0.4, 0.0], [-0.1, 2.0]]]
for _name, _values in (("Wishart", SPD), ("InverseWishart", SPD), ("WishartCholesky", LOW),
                       ("InverseWishartCholesky", LOW)):
    row(_name, {"concentration": 9.0, "scale_tril": TRIL}, _values, bad={"concentration": 0.5},
        same_as_numpyro=1e-8)
row("MatrixNormal", {"loc": [[0.1, 0.2], [0.3, -0.4], [0.0, 1.0]],
                     "scale_tril_row": [[1.0, 0, 0], [0.2, 0.8, 0], [-0.3, 0.1, 1.2]],
                     "scale_tril_column": TRIL},
    [[[0.3, -0.7], [1.9, 0.2], [0.4, 0.4]]],
    bad={"scale_tril_column": A([[-1.0, 0.0], [0.0, 1.0]])})
CORR = [[[1.0, 0.2, -0.1], [0.2, 1.0, 0.5], [-0.1, 0.5, 1.0]]]
row("LKJ", {"dimension": 3, "concentration": 1.7}, CORR, fixed=("dimension",),
    bad={"concentration": -1.0})
row("LKJCholesky", {"dimension": 3, "concentration": 1.7},
    [np.linalg.cholesky(A(CORR[0])).tolist()], fixed=("dimension",), bad={"concentration": -1.0})

# made of others
row("Delta", {"v": 0.7, "log_density": 0.2}, [0.7, 1.0], fixed=("v",), skip=POINT)
row("Unit", {"log_factor": 0.7}, np.zeros((2, 0)), skip=POINT)
row("MixtureSameFamily", {"probs": [0.3, 0.7], "loc": [-1.0, 1.0], "scale": [0.5, 1.5]}, REALS,
    make=lambda d, probs, loc, scale: d.MixtureSameFamily(
        d.Categorical(probs=probs), d.Normal(loc, scale)), bad={"scale": A([1.0, -1.0])})
row("MixtureGeneral", {"probs": [0.3, 0.7], "loc": -1.0, "scale": 1.5}, REALS, bad=BAD_SCALE,
    make=lambda d, probs, loc, scale: d.MixtureGeneral(
        d.Categorical(probs=probs), [d.Normal(loc, scale), d.Laplace(0.0, scale)]))
row("Mixture", {"probs": [0.3, 0.7], "loc": -1.0, "scale": 1.5}, REALS, bad=BAD_SCALE,
    make=lambda d, probs, loc, scale: d.Mixture(
        d.Categorical(probs=probs), [d.Normal(loc, scale), d.Laplace(0.0, scale)]))
row("FoldedDistribution", LS, POSITIVE, bad=BAD_SCALE,
    make=lambda d, loc, scale: d.FoldedDistribution(d.Normal(loc, scale)))
row("TransformedDistribution", LS, POSITIVE, bad=BAD_SCALE,
    make=lambda d, loc, scale: d.TransformedDistribution(
        d.Logistic(loc, scale), d.transforms.SoftplusTransform()))
row("Independent", {"loc": [0.5, -0.5], "scale": 1.5}, PAIRS, bad=BAD_SCALE,
    make=lambda d, loc, scale: d.Normal(loc, scale).to_event(1))
row("ExpandedDistribution", {"rate": 1.5}, [[0.3, 0.7], [2.0, 0.2]], bad={"rate": -1.0},
    make=lambda d, rate: d.Exponential(rate).expand((2,)).to_event(1))
row("MaskedDistribution", {"rate": 1.5}, [[0.3, 0.7], [2.0, 0.2]], bad={"rate": -1.0},
    make=lambda d, rate: d.Exponential(rate).expand((2,)).mask(A([True, False])).to_event(1),
    skip=("entropy",))
CENSORED = ("draws", "moments", "entropy")  # an observation's density, not a law to draw from
row("LeftCensoredDistribution", {**LS, "censored": A([0, 1, 0])}, REALS, bad=BAD_SCALE,
    fixed=("censored",), skip=CENSORED,
    make=lambda d, loc, scale, censored: d.LeftCensoredDistribution(d.Normal(loc, scale), censored))
row("RightCensoredDistribution", {**LS, "censored": A([0, 1, 0])}, REALS, bad=BAD_SCALE,
    fixed=("censored",), skip=CENSORED,
    make=lambda d, loc, scale, censored: d.RightCensoredDistribution(d.Normal(loc, scale),
                                                                     censored))
row("IntervalCensoredDistribution",
    {**LS, "left": A([0, 1, 0]), "right": A([0, 0, 1])},
    [[-1.0, 0.5], [0.2, 0.2], [0.1, 1.7]], fixed=("left", "right"), skip=CENSORED, bad=BAD_SCALE,
    make=lambda d, loc, scale, left, right: d.IntervalCensoredDistribution(
        d.Normal(loc, scale), left, right))
