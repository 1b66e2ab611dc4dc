"""Small helpers around models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.config import config


def is_prng_key(key: Any) -> bool:
    """Whether `key` is one random key, typed or raw."""
    if random.is_key(key):
        return key.shape == ()
    return getattr(key, "dtype", None) == "uint32" and getattr(key, "shape", None) == (2,)


def scaled_log_prob(site: Mapping[str, Any]) -> Any:
    """The log density of a recorded sample site, of its batch shape, scaled as handlers ask."""
    value, intermediates, fn = site["value"], site.get("intermediates"), site["fn"]
    log_prob = fn.log_prob(value, intermediates) if intermediates else fn.log_prob(value)
    scale = site.get("scale")
    return log_prob if scale is None else scale * log_prob


def site_log_prob(site: Mapping[str, Any]) -> Any:
    """The summed log density a recorded sample site adds to its model, scale included.

    Shapes: a scalar. Errors: ValueError, naming the site, where its density has no value.
    """
    return bnp.sum(scaled_log_prob(site))


def format_shapes(
    trace: dict[str, Any],
    *,
    compute_log_prob: bool | Callable[[dict[str, Any]], bool] = False,
    title: str | None = None,
    last_site: str | None = None,
) -> str:
    """A table of the sites of a recorded trace: name, batch and event shape, value shape.

    `compute_log_prob`: with the shape of each site's log density, or of those for which this
    function of the site is true. `title`: a line above. `last_site`: where to stop.
    """
    more = ["log_prob"] if compute_log_prob else []
    rows = [["site", "type", "batch", "event", "value", *more]]
    for name, site in trace.items():
        fn, is_sample = site["fn"], site["type"] == "sample"
        shapes = (str(fn.batch_shape), str(fn.event_shape)) if is_sample else ("", "")
        row = [name, site["type"], *shapes, str(getattr(site["value"], "shape", ()))]
        if compute_log_prob:
            wanted = compute_log_prob is True or compute_log_prob(site)  # type: ignore[operator]
            known = is_sample and wanted
            row.append(str(np.shape(fn.log_prob(site["value"]))) if known else "")
        rows.append(row)
        if name == last_site:
            break
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines if title is None else [title, *lines])


def enable_x64(use_x64: bool = True) -> None:
    """Whether floats and integers are 64-bit by default (they are)."""
    config.update("enable_x64", use_x64)


def set_platform(platform: str | None = None) -> None:
    """Accepts `"cpu"`, the only platform. Errors: ValueError for another."""
    if platform not in (None, "cpu"):
        raise ValueError(f"bibun compiles for the CPU; there is no platform {platform!r}")


def set_host_device_count(n: int) -> None:
    """Accepted for models that call it: chains run a thread each without it."""
    if n < 1:
        raise ValueError(f"expected a positive number of devices, got {n}")
