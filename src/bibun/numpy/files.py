"""Arrays in NumPy's own files; `bibun.store` is for trees of arrays and for runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import canonical
from bibun.numpy._common import need_concrete, value
from bibun.numpy.creation import array

__all__ = ["fromfile", "fromstring", "load", "save", "savez"]


def save(file: Any, arr: Any, allow_pickle: bool = False) -> None:
    """Write an array to a `.npy` file, which NumPy reads too.

    >>> import io, bibun.numpy as bnp
    >>> bnp.save(io.BytesIO(), bnp.zeros(2))
    """
    np.save(file, need_concrete(value("save", "arr", arr), "save"), allow_pickle)


def savez(file: Any, *args: Any, allow_pickle: bool = True, **kwds: Any) -> None:
    """Write several arrays, by position or by name, to one `.npz` file.

    >>> import io, bibun.numpy as bnp
    >>> bnp.savez(io.BytesIO(), x=bnp.zeros(2), y=bnp.ones(3))
    """
    named = {k: _known(v) for k, v in kwds.items()}
    np.savez(file, *map(_known, args), allow_pickle=allow_pickle, **named)


def _known(x: Any) -> np.ndarray:
    return need_concrete(value("savez", "args", x), "savez")


def load(file: Any, mmap_mode: Any = None, allow_pickle: bool = False) -> Any:
    """Read a `.npy` file as an array, or a `.npz` file as a dict of arrays.

    Errors: ValueError for pickled objects, which could run code, unless `allow_pickle`.

    >>> import io, bibun.numpy as bnp
    >>> file = io.BytesIO()
    >>> bnp.save(file, bnp.array([1.0, 2.0]))
    >>> _ = file.seek(0)
    >>> bnp.load(file)
    Array([1., 2.], dtype=float64)
    """
    found = np.load(file, mmap_mode=mmap_mode, allow_pickle=allow_pickle)
    if isinstance(found, np.ndarray):
        return array(found)
    with found:
        return {name: array(found[name]) for name in found.files}


def fromfile(file: Any, dtype: Any = float, count: int = -1, sep: str = "",
             offset: int = 0) -> Value:  # fmt: skip
    """Raw numbers from a file, binary or (with `sep`) text.

    >>> import bibun.numpy as bnp
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "x"
    ...     _ = path.write_bytes(bytes([1, 2]))
    ...     print(bnp.fromfile(path, dtype=bnp.uint8))
    [1 2]
    """
    return Array(np.fromfile(file, canonical(dtype), count, sep, offset=offset))


def fromstring(string: str, dtype: Any = float, count: int = -1, *, sep: str) -> Value:
    """Numbers written in a text, separated by `sep`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fromstring("1 2 3", sep=" "))
    [1. 2. 3.]
    """
    return Array(np.fromstring(string, canonical(dtype), count, sep=sep))
