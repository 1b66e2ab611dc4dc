"""All workloads, in the order of the table. Importing this package fills `REGISTRY`."""

from __future__ import annotations

# isort: off  (the order here is the table's)
from benchmarks.workload import REGISTRY, Workload
from benchmarks.workloads import (
    eager,
    elementwise,
    gaussian_process,
    kepler,
    learning,
    loops,
    nuts,
    random_numbers,
)

# isort: on

__all__ = [
    "REGISTRY", "Workload", "eager", "elementwise", "gaussian_process", "kepler", "learning",
    "loops", "nuts", "random_numbers",
]  # fmt: skip
