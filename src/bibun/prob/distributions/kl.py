"""Kullback-Leibler divergences that have closed forms, in a table by pairs of classes.

`register_kl(P, Q)` adds a pair. A pair of subclasses finds the entry of the nearest base
classes, as Python's method resolution would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.prob.distributions.bounded import Beta, Exponential, Gamma, Uniform, Weibull
from bibun.prob.distributions.counts import GeometricProbs, Poisson
from bibun.prob.distributions.discrete import _Bernoulli, _Categorical
from bibun.prob.distributions.distribution import Distribution, ExpandedDistribution, Independent
from bibun.prob.distributions.multivariate import (
    Dirichlet,
    MultivariateNormal,
    _log_diagonal,
    _mahalanobis,
    _solve_lower,
)
from bibun.prob.distributions.real_line import Cauchy, HalfNormal, Laplace, LogNormal, Normal
from bibun.prob.distributions.special import betaln
from bibun.prob.distributions.structured_normal import LowRankMultivariateNormal, _common_batch
from bibun.prob.distributions.transformed import Delta, TransformedDistribution
from bibun.prob.distributions.transforms import sum_rightmost
from bibun.scipy.special import digamma, gammaln, xlogy

Rule = Callable[[Any, Any], Any]
_RULES: dict[tuple[type, type], Rule] = {}


def register_kl(p: type, q: type) -> Callable[[Rule], Rule]:
    """A decorator: the divergence of a `p` from a `q` is this function of the two."""

    def add(rule: Rule) -> Rule:
        _RULES[p, q] = rule
        return rule

    return add


def find_rule(p: type, q: type) -> Rule | None:
    """The entry of the nearest base classes of a pair, or None."""
    for a in p.__mro__:
        for b in q.__mro__:
            rule = _RULES.get((a, b))
            if rule is not None:
                return rule
    return None


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """KL(p || q) in nats, of the common batch shape.

    Errors: NotImplementedError where no closed form is registered for the pair.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.kl_divergence(dist.Normal(0.0, 1.0), dist.Normal(1.0, 1.0)))
    0.5
    """
    rule = find_rule(type(p), type(q))
    if rule is None:
        raise NotImplementedError(
            f"no closed form of the divergence of {type(p).__name__} from {type(q).__name__}; "
            "register one with bibun.prob.distributions.kl.register_kl"
        )
    kl = rule(p, q)
    return bnp.broadcast_to(kl, np.broadcast_shapes(p.batch_shape, q.batch_shape))


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Any:
    # strip what both have in common; what is left over on one side is summed as events
    n = min(p.reinterpreted_batch_ndims, q.reinterpreted_batch_ndims)
    inner = [
        d.base_dist
        if d.reinterpreted_batch_ndims == n
        else Independent(d.base_dist, d.reinterpreted_batch_ndims - n)
        for d in (p, q)
    ]
    return sum_rightmost(kl_divergence(*inner), n)


@register_kl(ExpandedDistribution, Distribution)
def _expanded_left(p: Any, q: Any) -> Any:
    return kl_divergence(p.base_dist, q)


@register_kl(Distribution, ExpandedDistribution)
def _expanded_right(p: Any, q: Any) -> Any:
    return kl_divergence(p, q.base_dist)


@register_kl(Delta, Distribution)
def _delta(p: Any, q: Any) -> Any:
    return p.log_density - q.log_prob(p.v)


@register_kl(Delta, ExpandedDistribution)
def _delta_expanded(p: Any, q: Any) -> Any:
    return _delta(p, q)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Any:
    if p.transform != q.transform:
        raise NotImplementedError(
            "the divergence of transformed distributions has a closed form only where their "
            "transforms are equal"
        )
    kl = kl_divergence(p.base_dist, q.base_dist)
    return sum_rightmost(kl, max(p.transform.domain.event_dim - p.base_dist.event_dim, 0))


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Any:
    ratio = bnp.square(p.scale / q.scale)
    shift = bnp.square((p.loc - q.loc) / q.scale)
    return 0.5 * (ratio + shift - 1 - bnp.log(ratio))


@register_kl(LogNormal, LogNormal)
def _log_normal(p: Any, q: Any) -> Any:
    return _normal(p, q)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: Any, q: Any) -> Any:
    ratio = bnp.square(p.scale / q.scale)
    return 0.5 * (ratio - 1 - bnp.log(ratio))


@register_kl(Laplace, Laplace)
def _laplace(p: Any, q: Any) -> Any:
    gap = bnp.abs(p.loc - q.loc)
    return bnp.log(q.scale / p.scale) + (p.scale * bnp.exp(-gap / p.scale) + gap) / q.scale - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Any, q: Any) -> Any:
    # Chyzak and Nielsen (2019)
    total = bnp.square(p.scale + q.scale) + bnp.square(p.loc - q.loc)
    return bnp.log(total / (4 * p.scale * q.scale))


@register_kl(Exponential, Exponential)
def _exponential(p: Any, q: Any) -> Any:
    ratio = bnp.asarray(q.rate) / p.rate
    return ratio - 1 - bnp.log(ratio)


@register_kl(Uniform, Uniform)
def _uniform(p: Any, q: Any) -> Any:
    inside = (bnp.asarray(p.low) >= q.low) & (p.high <= bnp.asarray(q.high))
    kl = bnp.log(q.high - q.low) - bnp.log(p.high - p.low)
    return bnp.where(inside, kl, np.inf)


@register_kl(Gamma, Gamma)
def _gamma(p: Any, q: Any) -> Any:
    a, b, a2, b2 = p.concentration, p.rate, q.concentration, q.rate
    kl = (a - a2) * digamma(a) - gammaln(a) + gammaln(a2)
    return kl + a2 * (bnp.log(b) - bnp.log(b2)) + a * (b2 / bnp.asarray(b) - 1)


@register_kl(Weibull, Gamma)
def _weibull_gamma(p: Any, q: Any) -> Any:
    # Bauckhage (2014)
    k, lam = bnp.asarray(p.concentration), p.scale
    a, b = q.concentration, q.rate
    kl = gammaln(a) - a * bnp.log(b) + bnp.log(k) - a * bnp.log(lam) - 1
    return kl + np.euler_gamma * (a / k - 1) + b * lam * bnp.exp(gammaln(1 + 1 / k))


@register_kl(Beta, Beta)
def _beta(p: Any, q: Any) -> Any:
    a, b, a2, b2 = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    kl = betaln(a2, b2) - betaln(a, b) + (a - a2) * digamma(a) + (b - b2) * digamma(b)
    return kl + (a2 - a + b2 - b) * digamma(a + b)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Any:
    a, a2 = p.concentration, q.concentration
    total, total2 = bnp.sum(a, axis=-1), bnp.sum(a2, axis=-1)
    norms = gammaln(total) - gammaln(total2) + bnp.sum(gammaln(a2) - gammaln(a), axis=-1)
    return norms + bnp.sum((a - a2) * (digamma(a) - digamma(total)[..., None]), axis=-1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: Any, q: Any) -> Any:
    ratio = _solve_lower(*_common_batch(q.scale_tril, p.scale_tril))
    trace = bnp.sum(ratio * ratio, axis=(-2, -1))
    shift = _mahalanobis(q.scale_tril, q.loc - p.loc)
    log_det = 2 * (_log_diagonal(q.scale_tril) - _log_diagonal(p.scale_tril))
    return 0.5 * (trace + shift - p.event_shape[0] + log_det)


def _by_factor(p: Any, q: Any) -> Any:
    return _multivariate_normal(p, q)


for _pair in (
    (LowRankMultivariateNormal, LowRankMultivariateNormal),
    (LowRankMultivariateNormal, MultivariateNormal),
    (MultivariateNormal, LowRankMultivariateNormal),
):
    register_kl(*_pair)(_by_factor)


@register_kl(MultivariateNormal, Independent)
def _multivariate_normal_independent(p: Any, q: Any) -> Any:
    base = q.base_dist
    if isinstance(base, ExpandedDistribution):
        base = base.base_dist
    if not isinstance(base, Normal) or q.event_dim != 1:
        raise NotImplementedError(
            f"no closed form of the divergence of {type(p).__name__} from {q!r}"
        )
    n = p.event_shape[0]
    loc, scale = (bnp.broadcast_to(x, (*q.batch_shape, n)) for x in (base.loc, base.scale))
    moments = p.variance + bnp.square(p.mean - loc)
    log_det = bnp.sum(bnp.log(scale), axis=-1) - _log_diagonal(p.scale_tril)
    return 0.5 * (bnp.sum(moments / bnp.square(scale), axis=-1) - n) + log_det


@register_kl(_Bernoulli, _Bernoulli)
def _bernoulli(p: Any, q: Any) -> Any:
    return -p.entropy() - p.probs * q._log_prob(1.0) - (1 - p.probs) * q._log_prob(0.0)


@register_kl(_Categorical, _Categorical)
def _categorical(p: Any, q: Any) -> Any:
    a, b = bnp.asarray(p.probs), bnp.asarray(q.probs)
    # flat where a is 0: the slope there is infinite, that of a in its logits is 0
    return bnp.sum(bnp.where(a == 0, 0.0, xlogy(a, a) - xlogy(a, b)), axis=-1)


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Any:
    a, b = bnp.asarray(p.rate), bnp.asarray(q.rate)
    return a * bnp.log(a / b) - a + b


@register_kl(GeometricProbs, GeometricProbs)
def _geometric(p: Any, q: Any) -> Any:
    a, b = bnp.asarray(p.probs), bnp.asarray(q.probs)
    return bnp.log(a / b) + (1 / a - 1) * (bnp.log1p(-a) - bnp.log1p(-b))
