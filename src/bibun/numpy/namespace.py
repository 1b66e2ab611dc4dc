"""What the Array API standard asks of a namespace: its devices, dtypes, abilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import dtypes
from bibun.numpy._common import check_device

__all__ = ["__array_api_version__", "__array_namespace_info__"]

__array_api_version__ = "2024.12"

_DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip


class NamespaceInfo:
    """Answers of `bibun.numpy.__array_namespace_info__()` (Array API 2024.12, "Inspection").

    >>> import bibun.numpy as bnp
    >>> bnp.__array_namespace_info__().devices()
    ['cpu']
    """

    def capabilities(self) -> dict[str, Any]:
        """Masks and data-dependent shapes work in eager code; under `jit` they need `size=`."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The one device, "cpu"."""
        return "cpu"

    def devices(self) -> list[str]:
        """All devices: "cpu"."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """What is made when no dtype is given, by kind; `config` may say 32 bits."""
        check_device("default_dtypes", device)
        return {
            "real floating": dtypes.canonical(float),
            "complex floating": dtypes.canonical(complex),
            "integral": dtypes.canonical(int),
            "indexing": dtypes.default_int(),
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype]:
        """The dtypes there are, by name: all, or those of a kind (a tuple: of any of them)."""
        check_device("dtypes", device)
        found = {name: np.dtype(name) for name in _DTYPES}
        if kind is None:
            return found
        return {name: dt for name, dt in found.items() if np.isdtype(dt, kind)}


def __array_namespace_info__() -> NamespaceInfo:
    """Devices, dtypes and abilities of this namespace, as the Array API standard asks for them.

    >>> import bibun.numpy as bnp
    >>> bnp.__array_namespace_info__().default_dtypes()["real floating"]
    dtype('float64')
    """
    return NamespaceInfo()
