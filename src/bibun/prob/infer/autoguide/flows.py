"""Guides whose draws go through normalizing flows: posteriors of any shape.

A flow is a bijection with parameters: of a vector of standard normals it makes the unconstrained
vector, and its log-determinant gives the density. Only the way from noise to values is needed to
fit, so flows that are slow to invert, the autoregressive ones, serve. Every guide here ends with
a shift and scale, which begin at the starting point of the other guides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

import bibun.numpy as bnp
from bibun import lax, nn, random
from bibun.prob import distributions as dist
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.transforms import Transform, softplus
from bibun.prob.infer.autoguide.base import GuideOptions
from bibun.prob.infer.autoguide.continuous import AutoContinuous
from bibun.prob.primitives import param, sample
from bibun.scipy.special import logsumexp
from bibun.transforms import jacfwd, vmap


class Flow(Transform):
    """A vector bijection: `step(params, x)` of each part, then `loc + scale * x`.

    `step` returns the new vector and the log-determinant. `invertible`: whether output i is
    linear in input i, given the inputs before it.
    """

    domain = codomain = c.independent(c.real, 1)
    fields = ("params", "loc", "scale")

    def __init__(
        self, step: Any, params: Sequence[Any], loc: Any, scale: Any, invertible: bool
    ) -> None:
        self.step = step
        self.invertible = invertible
        self.params = tuple(params)
        self.loc = loc
        self.scale = scale

    def with_log_det(self, x: Any) -> tuple[Any, Any]:
        """The value, and the log-determinant, at one vector."""
        total: Any = bnp.sum(bnp.log(self.scale))
        for k, params in enumerate(self.params):
            if k:  # so that every value comes first in some part
                x = bnp.flip(x, axis=-1)
            x, log_det = self.step(params, x)
            total = total + log_det
        return self.loc + self.scale * x, total

    def __call__(self, x: Any) -> Any:
        return self._over(lambda v: self.with_log_det(v)[0], x)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return self._over(lambda v: self.with_log_det(v)[1], x)

    def _inverse(self, y: Any) -> Any:
        return self._over(self._solve, y)

    def _solve(self, y: Any) -> Any:
        """Newton's method, part by part. Where output i is linear in input i given those before,
        the k-th step makes the k-th value exact.
        """
        if not self.invertible:
            raise NotImplementedError("this flow has no inverse in closed form; only draws have")
        x = (y - self.loc) / self.scale
        for k in reversed(range(len(self.params))):
            params, wanted = self.params[k], x

            def improve(_: Any, x: Any, params: Any = params, wanted: Any = wanted) -> Any:
                slope = jacfwd(lambda v: self.step(params, v)[0])(x)
                return x - bnp.linalg.solve(slope, self.step(params, x)[0] - wanted)

            x = lax.fori_loop(0, y.shape[0] + 2, improve, x)
            if k:
                x = bnp.flip(x, axis=-1)
        return x

    @staticmethod
    def _over(f: Callable[[Any], Any], x: Any) -> Any:
        for _ in range(np.ndim(x) - 1):
            f = vmap(f)
        return f(x)


class _FlowGuide(AutoContinuous):
    """Base class: subclasses write `_initial(key)` for one part, and `_step(params, x)`."""

    invertible = False

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        num_flows: int,
        **options: Unpack[GuideOptions],
    ) -> None:
        super().__init__(model, **options)
        if num_flows < 1:
            raise ValueError(f"num_flows must be at least 1, got {num_flows}")
        self.num_flows = int(num_flows)
        self._first: list[Any] | None = None

    def _initial(self, key: Any) -> Any:
        raise NotImplementedError

    def _step(self, params: Any, x: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    def _flow(self) -> Flow:
        if self._first is None:
            keys = random.split(self._key, self.num_flows)
            self._first = [self._initial(keys[k]) for k in range(self.num_flows)]
        params = [param(f"{self.prefix}_flow{k}", p) for k, p in enumerate(self._first)]
        loc = param(f"{self.prefix}_loc", self._start)
        scale = param(
            f"{self.prefix}_scale", bnp.full(self.latent_dim, self.init_scale),
            constraint=c.softplus_positive,
        )  # fmt: skip
        return Flow(self._step, params, loc, scale, self.invertible)

    def _noise(self) -> Any:
        return dist.Normal(bnp.zeros(self.latent_dim), 1.0, validate_args=False).to_event(1)

    def _posterior(self) -> Any:
        return dist.TransformedDistribution(self._noise(), self._flow())

    def _draw(self, args: Any, kwargs: Any) -> Any:
        """The density comes from the noise, so that the flow is never inverted."""
        x = sample(f"{self.prefix}_noise", self._noise(), infer={"is_auxiliary": True})
        z, log_det = self._flow().with_log_det(x)
        point = dist.Delta(z, log_density=-log_det, event_dim=1)
        return sample(f"{self.prefix}_latent", point, infer={"is_auxiliary": True})

    def _no_closed_form(self, what: str) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} has no closed form of its {what}; take them from "
            "guide.sample_posterior(key, params, sample_shape=(n,))"
        )

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Errors: NotImplementedError: a flow's quantiles have no closed form."""
        return self._no_closed_form("medians")

    def quantiles(self, params: Mapping[str, Any], quantiles: Any) -> dict[str, Any]:
        """Errors: NotImplementedError: a flow's quantiles have no closed form."""
        return self._no_closed_form("quantiles")


class AutoIAFNormal(_FlowGuide):
    """Standard normals through inverse autoregressive flows.

    `num_flows`: how many, the order of values reversed between them. `hidden_dims`: widths of
    each network's hidden layers (two of the latent dimension). `skip_connections`: inputs go to the
    output as well. `nonlinearity`: of the hidden layers. The model needs at least two latent
    values. Source: Kingma et al. (2016); the masks are those of MADE (Germain et al. 2015).
    """

    invertible = True

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        num_flows: int = 3,
        hidden_dims: Sequence[int] | None = None,
        skip_connections: bool = False,
        nonlinearity: Callable[[Any], Any] = nn.elu,
        **options: Unpack[GuideOptions],
    ) -> None:
        super().__init__(model, num_flows=num_flows, **options)
        self.hidden_dims = None if hidden_dims is None else tuple(hidden_dims)
        self.skip_connections = bool(skip_connections)
        self.nonlinearity = nonlinearity

    def _masks(self) -> list[np.ndarray]:
        """Which inputs each unit may see: output i only inputs before i."""
        d = self.latent_dim
        if d < 2:
            raise ValueError("AutoIAFNormal needs at least two latent values; use another guide")
        widths = self.hidden_dims or (d, d)
        degrees = [np.arange(d)] + [np.arange(w) % (d - 1) for w in widths]
        hidden = [b[:, None] >= a for a, b in zip(degrees[:-1], degrees[1:], strict=True)]
        last = np.arange(d)[:, None] > degrees[-1]
        masks = [*hidden, np.concatenate([last, last])]
        if self.skip_connections:
            direct = np.arange(d)[:, None] > np.arange(d)
            masks.append(np.concatenate([direct, direct]))
        return [m.astype(float) for m in masks]

    def _initial(self, key: Any) -> Any:
        masks = self._masks()
        keys = random.split(key, len(masks))
        out = []
        for k, mask in enumerate(masks):
            width = math.sqrt(2.0 / sum(mask.shape))
            if k >= len(self.hidden_dims or (0, 0)):
                width *= 0.1  # nearly the identity at first
            layer = {"w": width * random.normal(keys[k], mask.shape)}
            if k <= len(self.hidden_dims or (0, 0)):
                layer["b"] = bnp.zeros(mask.shape[0])
            out.append(layer)
        return out

    def _step(self, params: Any, x: Any) -> tuple[Any, Any]:
        masks = self._masks()
        layers = params[:-1] if self.skip_connections else params
        h = x
        for k, layer in enumerate(layers):
            h = bnp.matmul(layer["w"] * masks[k], h) + layer["b"]
            if k < len(layers) - 1:
                h = self.nonlinearity(h)
        if self.skip_connections:
            h = h + bnp.matmul(params[-1]["w"] * masks[-1], x)
        shift, log_scale = h[: x.shape[0]], bnp.clip(h[x.shape[0] :], -5.0, 3.0)
        return shift + bnp.exp(log_scale) * x, bnp.sum(log_scale)


class AutoBNAFNormal(_FlowGuide):
    """Standard normals through block neural autoregressive flows.

    A network of tanh layers whose weights are block triangular, with positive blocks on the
    diagonal: each output grows with its input. `hidden_factors`: hidden units for each latent
    value, by layer. Source: De Cao et al. (2019).
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        num_flows: int = 1,
        hidden_factors: Sequence[int] = (8, 8),
        **options: Unpack[GuideOptions],
    ) -> None:
        super().__init__(model, num_flows=num_flows, **options)
        self.hidden_factors = tuple(hidden_factors)

    @property
    def _factors(self) -> list[tuple[int, int]]:
        widths = (1, *self.hidden_factors, 1)
        return list(zip(widths[:-1], widths[1:], strict=True))

    def _initial(self, key: Any) -> Any:
        d = self.latent_dim
        keys = random.split(key, len(self._factors))
        return [
            {
                # near zero on the diagonal: exp of it is positive and about 1
                "w": 0.1 * random.normal(keys[k], (d * b, d * a)),
                "scale": bnp.full((d * b, 1), 0.5 * math.log(1.0 / b)),
                "b": bnp.zeros(d * b),
            }
            for k, (a, b) in enumerate(self._factors)
        ]

    def _step(self, params: Any, x: Any) -> tuple[Any, Any]:
        d, h = x.shape[0], x
        log_slope: Any = None  # (d, units, 1): log of d unit / d x, within a block
        for k, (layer, (a, b)) in enumerate(zip(params, self._factors, strict=True)):
            if k:
                log_slope = log_slope - 2.0 * bnp.reshape(
                    h + softplus(-2.0 * h) - math.log(2.0), (d, a, 1)
                )
                h = bnp.tanh(h)
            rows, columns = np.arange(d * b)[:, None] // b, np.arange(d * a) // a
            w = layer["w"]
            w = bnp.where(rows == columns, bnp.exp(w), bnp.where(rows > columns, w, 0.0))
            norm = bnp.sqrt(bnp.sum(w * w, axis=1, keepdims=True))
            w = bnp.exp(layer["scale"]) * w / norm
            h = bnp.matmul(w, h) + layer["b"]
            blocks = bnp.reshape(w, (d, b, d, a))[np.arange(d), :, np.arange(d), :]
            logs = bnp.log(blocks)  # (d, b, a)
            if k == 0:
                log_slope = logs
            else:
                log_slope = logsumexp(logs[..., None] + log_slope[:, None], axis=2)
        return h, bnp.sum(log_slope)
