"""A guide put together from guides of parts of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bibun import random
from bibun.prob import handlers
from bibun.prob.infer.autoguide.base import AutoGuide


class AutoGuideList(AutoGuide):
    """Independent guides for parts of a model.

    Each part is an automatic guide of the model with the other parts' sites hidden, or a
    function; two parts of one kind need different prefixes.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.handlers import block, seed, trace
    >>> from bibun.prob.infer.autoguide import AutoDelta, AutoGuideList, AutoNormal
    >>> def model():
    ...     x = prob.sample("x", dist.Normal(0.0, 1.0))
    ...     prob.sample("y", dist.Normal(x, 1.0))
    >>> guide = AutoGuideList(model)
    >>> guide.append(AutoNormal(block(seed(model, 0), hide=["y"])))
    >>> guide.append(AutoDelta(block(seed(model, 1), hide=["x"])))
    >>> sorted(seed(guide, 0)())
    ['x', 'y']
    """

    def __init__(self, model: Callable[..., Any], *, prefix: str = "auto") -> None:
        super().__init__(model, prefix=prefix)
        self._parts: list[Callable[..., Any]] = []

    def append(self, part: Callable[..., Any]) -> None:
        """Add a guide of some of the sites."""
        if not callable(part):
            raise TypeError(f"AutoGuideList: a part must be callable, got {type(part).__name__}")
        self._parts.append(part)

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> Callable[..., Any]:
        return self._parts[index]

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if not self._parts:
            raise ValueError("AutoGuideList has no parts: append some")
        out: dict[str, Any] = {}
        for part in self._parts:
            values = part(*args, **kwargs)
            out.update(values if isinstance(values, Mapping) else {})
        return out

    def _merged(self, method: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for part in self._parts:
            if not hasattr(part, method):
                raise NotImplementedError(
                    f"AutoGuideList.{method}: the part {part!r} is a plain function, which has none"
                )
            out.update(getattr(part, method)(*args, **kwargs))
        return out

    def sample_posterior(
        self, rng_key: Any, params: Mapping[str, Any], *args: Any,
        sample_shape: tuple[int, ...] = (), **kwargs: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Draws of all parts."""
        key = handlers.as_key(rng_key)
        out: dict[str, Any] = {}
        for k, part in enumerate(self._parts):
            if not isinstance(part, AutoGuide):
                raise NotImplementedError(
                    "AutoGuideList.sample_posterior: a part is a plain function; draw with "
                    "Predictive(guide, params=params, num_samples=n)"
                )
            draws = part.sample_posterior(
                random.fold_in(key, k), params, *args, sample_shape=sample_shape, **kwargs
            )
            out.update(draws)
        return out

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parts' medians."""
        return self._merged("median", params)

    def quantiles(self, params: Mapping[str, Any], quantiles: Any) -> dict[str, Any]:
        """The parts' quantiles."""
        return self._merged("quantiles", params, quantiles)
