"""bibun (微分): differentiable programming and Bayesian inference on one small compiler.

    import bibun
    import bibun.numpy as bnp

    bibun.grad(lambda x: bnp.sin(x) ** 2)(0.5)

Everything here is found on first use, so that the import itself stays quick.
"""

from __future__ import annotations

import importlib
from typing import Any

# importing these installs the operators of arrays, and the compiler that runs loops
from bibun import compiler, config, dtypes, errors, numpy
from bibun.array import Array

__version__ = "0.1.0"

_TRANSFORMS = (
    "ShapeDtypeStruct", "checkpoint", "checkpoint_policies", "closure_convert", "custom_gradient",
    "custom_jvp", "custom_vjp", "eval_shape", "float0", "grad", "hessian", "hvp", "io_callback",
    "jacfwd", "jacobian", "jacrev", "jvp", "linear_transpose", "linearize", "make_program",
    "pure_callback", "remat", "stop_gradient", "value_and_grad", "vjp", "vmap",
)  # fmt: skip
_COMPILER = ("jit",)
_MACHINE = (
    "block_until_ready", "debug_nans", "default_backend", "device_count", "device_get",
    "device_put", "devices", "disable_jit", "enable_x64", "local_device_count", "local_devices",
    "process_count", "process_index", "typeof",
)  # fmt: skip
_SUBMODULES = (
    "cli", "compiler", "debug", "dual", "export", "gp", "image", "lax", "nn", "optim",
    "optimizers", "prob", "random", "runtime", "scipy", "solvers", "store", "testing",
    "transforms", "tree", "tree_util", "variable",
)  # fmt: skip
_HOME: dict[str, str] = {
    **dict.fromkeys(_TRANSFORMS, "bibun.transforms"),
    **dict.fromkeys(_COMPILER, "bibun.compiler"),
    **dict.fromkeys(_MACHINE, "bibun.machine"),
    "from_jax": "bibun.export",
}

__all__ = ["Array", "compiler", "config", "dtypes", "errors", "numpy", *_HOME, *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        found = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = found
        return found
    if name in _SUBMODULES:
        return importlib.import_module(f"bibun.{name}")
    raise AttributeError(f"module 'bibun' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
