"""Transformations of functions: derivatives, batching, custom rules, recomputation, staging."""

from __future__ import annotations

from bibun.dtypes import FLOAT0 as float0
from bibun.transforms.callbacks import io_callback, pure_callback
from bibun.transforms.custom_jvp import custom_jvp
from bibun.transforms.custom_vjp import custom_gradient, custom_vjp
from bibun.transforms.derivatives import jvp, linear_transpose, linearize, vjp
from bibun.transforms.grad import grad, value_and_grad
from bibun.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from bibun.transforms.remat import checkpoint, checkpoint_policies, remat
from bibun.transforms.staging import (
    ShapeDtypeStruct,
    closure_convert,
    eval_shape,
    make_program,
)
from bibun.transforms.stop_gradient import stop_gradient
from bibun.transforms.vmap import vmap

__all__ = [
    "ShapeDtypeStruct",
    "checkpoint",
    "checkpoint_policies",
    "closure_convert",
    "custom_gradient",
    "custom_jvp",
    "custom_vjp",
    "eval_shape",
    "float0",
    "grad",
    "hessian",
    "hvp",
    "io_callback",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linear_transpose",
    "linearize",
    "make_program",
    "pure_callback",
    "remat",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
