"""Addresses of the outside functions that compiled code may call.

Compiled code holds no address: it names symbols, and the names are looked up here, before
linking. There are three sources, each opened the first time one of its symbols is wanted:
SciPy's BLAS and LAPACK (the library in its wheel, or the Fortran interfaces that
`scipy.linalg.cython_blas` and `cython_lapack` export as capsules; so bibun ships no BLAS and
threads are SciPy's), the C runtime of the process, and functions registered by bibun itself
(`register`).

A symbol that is in none of them is an error with its name. Nothing is ever resolved by
the dynamic linker's own search, whose answer would depend on what else is loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.machinery
import importlib.util
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

# C functions: what the emitter calls, and what LLVM's code generator may introduce for
# intrinsics and for memory operations it recognises.
_C_MEMORY = "malloc calloc realloc free memcpy memmove memset memcmp bcmp".split()
_C_MATH = [
    name + suffix
    for name in (
        "fma fmod floor ceil trunc round roundeven rint nearbyint sqrt fabs copysign fmin fmax "
        "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh "
        "asinh acosh atanh pow cbrt hypot erf erfc lgamma tgamma ldexp frexp nextafter sincos"
    ).split()
    for suffix in ("", "f")
]
_C_THREADS = (
    "pthread_create pthread_join pthread_attr_init pthread_attr_setstacksize "
    "pthread_attr_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock "
    "pthread_mutex_destroy pthread_cond_init pthread_cond_wait pthread_cond_broadcast "
    "pthread_cond_destroy CreateThread WaitForSingleObject CloseHandle AcquireSRWLockExclusive "
    "ReleaseSRWLockExclusive SleepConditionVariableSRW WakeAllConditionVariable"
).split()
_C_OTHER = "bzero __bzero memset_pattern16 __sincos_stret __sincosf_stret __chkstk".split()
C_SYMBOLS = frozenset([*_C_MEMORY, *_C_MATH, *_C_THREADS, *_C_OTHER])

# Functions with complex results, which Fortran compilers hand over in different ways.
_COMPLEX_RESULT = frozenset("cdotc cdotu zdotc zdotu cladiv zladiv".split())

_registered: dict[str, int] = {}

# A module of Cython's that a second thread executes too is found half made; and a forked child
# must not inherit the lock from a thread that it does not have.
_loading = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
    )


@functools.cache
def _scipy_folder() -> str:
    """Where SciPy is, without importing it."""
    spec = importlib.util.find_spec("scipy")
    if spec is None or spec.origin is None:
        raise ImportError("bibun needs SciPy for BLAS and LAPACK, and it is not installed")
    if os.name == "nt":
        importlib.import_module("scipy")  # which tells Windows where its libraries are
    return os.path.dirname(os.path.abspath(spec.origin))


def _alone(package: str, name: str) -> Any | None:
    """An extension module of SciPy's, without the package around it; None if that cannot be.

    The package takes 0.1 s to import, the module 3 ms. It is not left in `sys.modules`: when
    the package is imported after all, Python makes the same module its attribute.
    """
    full = f"scipy.{package}.{name}"
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = os.path.join(_scipy_folder(), package, name + suffix)
        if os.path.exists(path):
            loader = importlib.machinery.ExtensionFileLoader(full, path)
            spec = importlib.util.spec_from_loader(full, loader)
            try:
                module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
                loader.exec_module(module)
            except ImportError:
                return None
            finally:
                sys.modules.pop(full, None)
            return module
    return None


@functools.cache
def _capsules(name: str) -> dict[str, object]:
    """The capsules that a module of `scipy.linalg` exports, by function name.

    Where the package is there, or another thread is importing it, Python's import and its locks
    are asked. The caller holds the lock.
    """
    module = None if "scipy.linalg" in sys.modules else _alone("linalg", name)
    return (module or importlib.import_module(f"scipy.linalg.{name}")).__pyx_capi__


def capsule_address(capsule: object) -> int:
    """The pointer in a capsule, whatever its name."""
    api = ctypes.pythonapi
    name = api.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = api.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return pointer(capsule, name(capsule))


@functools.cache
def _c_libraries() -> tuple[ctypes.CDLL, ...]:
    """The C runtime, the math library and the thread functions of this process."""
    if os.name == "nt":
        names = ("ucrtbase", "msvcrt", "kernel32", "ntdll")
    elif sys.platform == "darwin":
        names = (None,)
    else:
        names = (None, "libm.so.6", "libpthread.so.0")
    found = []
    for name in names:
        try:
            found.append(ctypes.CDLL(name))
        except OSError:
            continue
    return tuple(found)


def is_blas(symbol: str) -> bool:
    """Whether a symbol is neither C's nor bibun's, so one of BLAS or LAPACK."""
    return symbol not in C_SYMBOLS and symbol not in _registered


def register(symbol: str, address: int) -> None:
    """Make a function of bibun's own callable from compiled code under `symbol`.

    The caller keeps what the address belongs to alive. Errors: ValueError for a name taken
    by a different address.
    """
    if _registered.setdefault(symbol, address) != address:
        raise ValueError(f"symbol {symbol!r} is registered with another address")


@functools.cache
def _openblas() -> tuple[ctypes.CDLL, ...]:
    """The OpenBLAS in SciPy's wheel, if there is one; SciPy is not imported, which takes 15 ms."""
    import glob

    base = _scipy_folder()
    folders = (base + ".libs", os.path.join(base, ".libs"), os.path.join(base, ".dylibs"))
    found = []
    for path in (p for f in folders for p in sorted(glob.glob(os.path.join(f, "*openblas*")))):
        with contextlib.suppress(OSError):
            found.append(ctypes.CDLL(path))
    return tuple(found)


def _blas_threads(symbol: str) -> int | None:
    """`blas_get_num_threads`, `blas_set_num_threads` of the OpenBLAS that SciPy brings.

    Where SciPy is built on another BLAS, a C function that does nothing with an int.
    """
    names = [
        prefix + symbol.removeprefix("blas") + suffix
        for prefix in ("scipy_openblas", "openblas")
        for suffix in ("", "64_")
    ]
    return _first(_openblas(), names) or _first(_c_libraries(), ["abs"])


def _first(libraries: Sequence[ctypes.CDLL], names: Sequence[str]) -> int | None:
    """The address of the first name that one of the libraries has."""
    for library in libraries:
        for name in names:
            if hasattr(library, name):
                return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    return None


@functools.cache
def _find(symbol: str) -> int | None:
    if symbol in ("blas_get_num_threads", "blas_set_num_threads"):
        return _blas_threads(symbol)
    if symbol in C_SYMBOLS:
        return _first(_c_libraries(), [symbol])
    # With integers of 32 bits it has this name; SciPy knows how complex results are returned.
    direct = None if symbol in _COMPLEX_RESULT else _first(_openblas(), [f"scipy_{symbol}_"])
    if direct is not None:
        return direct
    for module in ("cython_blas", "cython_lapack"):
        capsule = _capsules(module).get(symbol)
        if capsule is not None:
            return capsule_address(capsule)
    return None


def address(symbol: str) -> int | None:
    """The address of `symbol` in this process, or None if it is in no table.

    BLAS and LAPACK names are the Fortran ones without an underscore (`dgemm`, `zpotrf`);
    all their arguments are passed by pointer, integers are 32 bits, and there are no
    hidden string lengths.

    >>> address("dgemm") is not None, address("no_such_function")
    (True, None)
    """
    known = _registered.get(symbol)
    if known is not None:
        return known
    with _loading:
        return _find(symbol)
