"""The import lines of a workload, chosen by a name.

A workload is written once against a `Stack`. `Stack("jax").numpy` is `jax.numpy`,
`Stack("bibun").numpy` is `bibun.numpy`; modules and functions are found when first used, so
that a workload loads what it needs and no more.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

# name in a workload -> module, for each stack; what is not here is an attribute of the root
ROOTS = {"bibun": "bibun", "jax": "jax", "nutpie": "nutpie"}
MODULES = {
    "bibun": {
        "numpy": "bibun.numpy", "prob": "bibun.prob", "dist": "bibun.prob.distributions",
        "infer": "bibun.prob.infer",
    },
    "jax": {
        "numpy": "jax.numpy", "prob": "numpyro", "dist": "numpyro.distributions",
        "infer": "numpyro.infer",
    },
    "nutpie": {},
}  # fmt: skip
PACKAGES = {
    "bibun": ("bibun", "numpy", "scipy", "llvmlite"),
    "jax": ("jax", "jaxlib", "numpyro", "numpy", "scipy"),
    "nutpie": ("nutpie", "pymc", "pytensor", "numba", "numpy"),
}
NEEDS = {"bibun": ("bibun",), "jax": ("jax", "numpyro"), "nutpie": ("nutpie", "pymc")}
PEERS = ("jax", "nutpie")


class Stack:
    """One of the libraries that a workload can run on: "bibun", "jax" or "nutpie".

    Attributes: the library's functions (`grad`, `jit`, …) and modules (`lax`, `random`, …),
    and by one name for both: `numpy`, `prob`, `dist`, `infer`.
    """

    def __init__(self, name: str) -> None:
        if name not in ROOTS:
            raise ValueError(f"no stack named {name!r}; there are: {', '.join(ROOTS)}")
        self.name = name
        self.root: ModuleType = importlib.import_module(ROOTS[name])
        if name == "jax":
            self.root.config.update("jax_enable_x64", True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        module = MODULES[self.name].get(name)
        value = importlib.import_module(module) if module else getattr(self.root, name)
        self.__dict__[name] = value
        return value

    def block(self, result: Any) -> Any:
        """The result, once it is there."""
        return self.root.block_until_ready(result) if self.name == "jax" else result

    def versions(self) -> dict[str, str]:
        """Of the packages that make up this stack."""
        from importlib.metadata import PackageNotFoundError, version

        found = {}
        for package in PACKAGES[self.name]:
            try:
                found[package] = version(package)
            except PackageNotFoundError:  # run from its source
                found[package] = getattr(importlib.import_module(package), "__version__", "?")
        return found
