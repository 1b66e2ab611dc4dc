"""Made by tests/typing/make_stubs.py; `make stubs` makes it anew."""

from typing import Any

from bibun import cli as cli
from bibun import compiler as compiler
from bibun import config as config
from bibun import debug as debug
from bibun import dtypes as dtypes
from bibun import dual as dual
from bibun import errors as errors
from bibun import export as export
from bibun import gp as gp
from bibun import image as image
from bibun import lax as lax
from bibun import nn as nn
from bibun import numpy as numpy
from bibun import optim as optim
from bibun import optimizers as optimizers
from bibun import prob as prob
from bibun import random as random
from bibun import runtime as runtime
from bibun import scipy as scipy
from bibun import solvers as solvers
from bibun import store as store
from bibun import testing as testing
from bibun import transforms as transforms
from bibun import tree as tree
from bibun import tree_util as tree_util
from bibun import variable as variable
from bibun.array import Array as Array
from bibun.compiler import jit as jit
from bibun.export import from_jax as from_jax
from bibun.machine import block_until_ready as block_until_ready
from bibun.machine import debug_nans as debug_nans
from bibun.machine import default_backend as default_backend
from bibun.machine import device_count as device_count
from bibun.machine import device_get as device_get
from bibun.machine import device_put as device_put
from bibun.machine import devices as devices
from bibun.machine import disable_jit as disable_jit
from bibun.machine import enable_x64 as enable_x64
from bibun.machine import local_device_count as local_device_count
from bibun.machine import local_devices as local_devices
from bibun.machine import process_count as process_count
from bibun.machine import process_index as process_index
from bibun.machine import typeof as typeof
from bibun.transforms import ShapeDtypeStruct as ShapeDtypeStruct
from bibun.transforms import checkpoint as checkpoint
from bibun.transforms import checkpoint_policies as checkpoint_policies
from bibun.transforms import closure_convert as closure_convert
from bibun.transforms import custom_gradient as custom_gradient
from bibun.transforms import custom_jvp as custom_jvp
from bibun.transforms import custom_vjp as custom_vjp
from bibun.transforms import eval_shape as eval_shape
from bibun.transforms import float0 as float0
from bibun.transforms import grad as grad
from bibun.transforms import hessian as hessian
from bibun.transforms import hvp as hvp
from bibun.transforms import io_callback as io_callback
from bibun.transforms import jacfwd as jacfwd
from bibun.transforms import jacobian as jacobian
from bibun.transforms import jacrev as jacrev
from bibun.transforms import jvp as jvp
from bibun.transforms import linear_transpose as linear_transpose
from bibun.transforms import linearize as linearize
from bibun.transforms import make_program as make_program
from bibun.transforms import pure_callback as pure_callback
from bibun.transforms import remat as remat
from bibun.transforms import stop_gradient as stop_gradient
from bibun.transforms import value_and_grad as value_and_grad
from bibun.transforms import vjp as vjp
from bibun.transforms import vmap as vmap

def __getattr__(name: str) -> Any: ...

__version__: str
