"""The probabilistic language: models as functions, inference as handlers.

    from bibun import prob
    import bibun.prob.distributions as dist

    def model(x, y):
        a = prob.sample("a", dist.Normal(0, 1))
        s = prob.sample("s", dist.HalfNormal(1))
        prob.sample("y", dist.Normal(a * x, s), obs=y)

Names are loaded when first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    **dict.fromkeys(
        ("deterministic", "factor", "get_mask", "mutable", "param", "plate", "plate_stack",
         "prng_key", "sample", "subsample"), "bibun.prob.primitives"
    ),
    **dict.fromkeys(
        ("enable_x64", "set_host_device_count", "set_platform"), "bibun.prob.util"
    ),
    **dict.fromkeys(("module", "random_module"), "bibun.prob.contrib.module"),
    **dict.fromkeys(("enable_validation", "validation_enabled"), "bibun.prob.distributions"),
    "render_model": "bibun.prob.render",
}  # fmt: skip
_MODULES = (
    "checks", "contrib", "diagnostics", "distributions",
    "handlers", "infer", "optim", "primitives", "util",
)  # fmt: skip

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"bibun.prob.{name}")
    else:
        raise AttributeError(f"module 'bibun.prob' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
