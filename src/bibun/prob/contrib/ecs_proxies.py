"""Proxies of `HMCECS`; see `bibun.prob.infer.ecs`."""

from __future__ import annotations

from bibun.prob.infer.ecs import TaylorProxy, taylor_proxy

__all__ = ["TaylorProxy", "taylor_proxy"]
