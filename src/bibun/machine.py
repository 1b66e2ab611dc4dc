"""The machine as JAX's programs ask for it: one device, the processor, and settings for a block.

Programs written for accelerators place arrays and count devices; here there is nowhere else to
place them, so these say so, and code that asks runs on.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from bibun import tree
from bibun.array import Value
from bibun.config import config
from bibun.ir.types import Type
from bibun.numpy import array
from bibun.numpy._common import check_device
from bibun.trace.core import type_of

__all__ = [
    "block_until_ready", "debug_nans", "default_backend", "device_count", "device_get",
    "device_put", "devices", "disable_jit", "enable_x64", "local_device_count", "local_devices",
    "process_count", "process_index", "typeof",
]  # fmt: skip


def block_until_ready(x: Any) -> Any:
    """x itself: values are there when a call returns.

    >>> import bibun
    >>> bibun.block_until_ready(3)
    3
    """
    return x


def device_get(x: Any) -> Any:
    """A tree of arrays as NumPy arrays, read-only views of the same memory.

    >>> import bibun, bibun.numpy as bnp
    >>> bibun.device_get({"a": bnp.zeros(2)})
    {'a': array([0., 0.])}
    """
    return tree.map(np.asarray, x)


def device_put(x: Any, device: Any = None) -> Any:
    """A tree of numbers and NumPy arrays as bibun's, copied. Errors: ValueError for a device
    that is not "cpu".

    >>> import bibun, numpy as np
    >>> bibun.device_put({"a": np.zeros(2)})
    {'a': Array([0., 0.], dtype=float64)}
    """
    check_device("device_put", device)
    return tree.map(lambda v: v if isinstance(v, Value) else array(v), x)


def devices(backend: str | None = None) -> list[str]:
    """The one device. Errors: RuntimeError for a backend that is not "cpu".

    >>> import bibun
    >>> bibun.devices()
    ['cpu']
    """
    if backend not in (None, "cpu"):
        raise RuntimeError(f"devices: there is one backend, 'cpu', got {backend!r}")
    return ["cpu"]


def device_count(backend: str | None = None) -> int:
    """1; chains and lanes run in threads of it (`config.num_threads`).

    >>> import bibun
    >>> bibun.device_count()
    1
    """
    return len(devices(backend))


local_devices, local_device_count = devices, device_count


def default_backend() -> str:
    """ "cpu".

    >>> import bibun
    >>> bibun.default_backend()
    'cpu'
    """
    return devices()[0]


def process_count() -> int:
    """1: bibun computes in one process.

    >>> import bibun
    >>> bibun.process_count(), bibun.process_index()
    (1, 0)
    """
    return 1


def process_index() -> int:
    """0, the number of the only process.

    >>> import bibun
    >>> bibun.process_index()
    0
    """
    return 0


def typeof(x: Any) -> Type:
    """Shape and dtype of a value, as programs print them.

    >>> import bibun, bibun.numpy as bnp
    >>> print(bibun.typeof(bnp.zeros((2, 3))))
    f64[2,3]
    """
    return type_of(x)


def enable_x64(new_val: bool = True) -> AbstractContextManager[None]:
    """A `with` block in which default numbers have 64 bits, or 32.

    >>> import bibun, bibun.numpy as bnp
    >>> with bibun.enable_x64(False):
    ...     print(bnp.zeros(1).dtype)
    float32
    """
    return config.using(enable_x64=new_val)


def debug_nans(new_val: bool = True) -> AbstractContextManager[None]:
    """A `with` block in which an operation that makes a nan raises FloatingPointError.

    >>> import bibun, bibun.numpy as bnp
    >>> with bibun.debug_nans():
    ...     print(bnp.log(1.0))
    0.0
    """
    return config.using(debug_nans=new_val)


def disable_jit(disable: bool = True) -> AbstractContextManager[None]:
    """A `with` block in which jitted functions and loops run op by op in Python.

    >>> import bibun
    >>> with bibun.disable_jit():
    ...     bibun.jit(lambda x: print("called with", x))(2.0)
    called with 2.0
    """
    return config.using(disable_jit=disable)
