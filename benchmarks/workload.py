"""The record of a workload, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.stack import Stack

Build = Callable[..., tuple[Callable[..., Any], tuple[Any, ...]]]


@dataclass(frozen=True)
class Workload:
    """What is run, at which size, and how fast it has to be.

    `build(stack, **size)` makes the data and returns `(function, arguments)`; a sampler's
    function takes a seed as well, first, and returns a dict of draws. `full` and `small` are
    the sizes of the benchmark and of the tests. `steady`: peer -> ratio peer/bibun to reach.
    `tolerance`: how far the results of two stacks may differ, relative. `other`: sources for
    stacks that cannot run `build`.
    """

    name: str
    title: str
    build: Build
    full: Mapping[str, Any]
    small: Mapping[str, Any]
    steady: Mapping[str, float]
    tolerance: float = 1e-10
    sampler: bool = False
    other: Mapping[str, Build] = field(default_factory=dict)

    @property
    def peers(self) -> tuple[str, ...]:
        """The stacks it is compared with."""
        return tuple(self.steady)

    @property
    def first_targets(self) -> tuple[float, float]:
        """Ratios of first calls to reach: with an empty cache, with a warm one."""
        return (15.0, 30.0) if self.sampler else (2.0, 5.0)

    def make(
        self, stack: Stack, small: bool = False, **changes: Any
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function and its arguments on this stack; `changes` replace parts of the size."""
        size = {**(self.small if small else self.full), **changes}
        return self.other.get(stack.name, self.build)(stack, **size)


REGISTRY: dict[str, Workload] = {}


def workload(name: str, title: str, **facts: Any) -> Callable[[Build], Build]:
    """Decorator: puts a build function into the list, with the other fields of its record."""

    def register(build: Build) -> Build:
        if name in REGISTRY:
            raise ValueError(f"two workloads are named {name!r}")
        REGISTRY[name] = Workload(name, title, build, **facts)
        return build

    return register
