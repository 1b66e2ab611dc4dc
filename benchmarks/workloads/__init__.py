"""All workloads, in the order of the table. Importing this package fills `REGISTRY`."""

from __future__ import annotations

from benchmarks.workload import REGISTRY, Workload

# The order of these imports is the order of the table.
# isort: off
from benchmarks.workloads import elementwise, loops, kepler, random_numbers
from benchmarks.workloads import gaussian_process, learning, eager, nuts
# isort: on

__all__ = [
    "REGISTRY", "Workload", "eager", "elementwise", "gaussian_process", "kepler", "learning",
    "loops", "nuts", "random_numbers",
]  # fmt: skip
