"""The table of outside functions."""

import ctypes

import numpy as np
import pytest

from bibun.compiler import libraries


def test_c_math_is_the_real_function():
    fma = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * 3)(libraries.address("fma"))
    assert fma(2.0, 3.0, 4.0) == 10.0


def test_blas_is_called_through_its_pointer():
    dot = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_void_p] * 5)(libraries.address("ddot"))
    x, y = np.arange(3.0), np.array([1.0, 10.0, 100.0])
    n, one = ctypes.c_int32(3), ctypes.c_int32(1)
    at = ctypes.addressof
    assert dot(at(n), x.ctypes.data, at(one), y.ctypes.data, at(one)) == 210.0


@pytest.mark.parametrize(
    "name", ["dpotrf", "zgetrf", "sgesdd", "cheevd", "dtrtrs", "malloc", "memset"]
)
def test_known(name):
    assert libraries.address(name)


def test_unknown_symbols_are_none_even_if_the_process_has_them():
    assert libraries.address("no_such_function") is None
    assert libraries.address("PyErr_Clear") is None


def test_register():
    keep = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 7)
    address = ctypes.cast(keep, ctypes.c_void_p).value
    libraries.register("bibun_test_seven", address)
    libraries.register("bibun_test_seven", address)
    assert libraries.address("bibun_test_seven") == address
    with pytest.raises(ValueError, match="bibun_test_seven"):
        libraries.register("bibun_test_seven", address + 16)
