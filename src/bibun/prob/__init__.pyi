"""Made by tests/typing/make_stubs.py; `make stubs` makes it anew."""

from typing import Any

from bibun.prob import checks as checks
from bibun.prob import contrib as contrib
from bibun.prob import diagnostics as diagnostics
from bibun.prob import distributions as distributions
from bibun.prob import handlers as handlers
from bibun.prob import infer as infer
from bibun.prob import optim as optim
from bibun.prob import primitives as primitives
from bibun.prob import util as util
from bibun.prob.contrib.module import module as module
from bibun.prob.contrib.module import random_module as random_module
from bibun.prob.distributions import enable_validation as enable_validation
from bibun.prob.distributions import validation_enabled as validation_enabled
from bibun.prob.primitives import deterministic as deterministic
from bibun.prob.primitives import factor as factor
from bibun.prob.primitives import get_mask as get_mask
from bibun.prob.primitives import mutable as mutable
from bibun.prob.primitives import param as param
from bibun.prob.primitives import plate as plate
from bibun.prob.primitives import plate_stack as plate_stack
from bibun.prob.primitives import prng_key as prng_key
from bibun.prob.primitives import sample as sample
from bibun.prob.primitives import subsample as subsample
from bibun.prob.render import render_model as render_model
from bibun.prob.util import enable_x64 as enable_x64
from bibun.prob.util import set_host_device_count as set_host_device_count
from bibun.prob.util import set_platform as set_platform

def __getattr__(name: str) -> Any: ...
