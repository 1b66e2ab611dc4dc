"""The table of outside functions."""

import ctypes
import subprocess
import sys
import textwrap

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
    assert libraries.address("PyErr_Print") is None


def test_register():
    keep = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 7)
    address = ctypes.cast(keep, ctypes.c_void_p).value
    libraries.register("bibun_test_seven", address)
    libraries.register("bibun_test_seven", address)
    assert libraries.address("bibun_test_seven") == address
    with pytest.raises(ValueError, match="bibun_test_seven"):
        libraries.register("bibun_test_seven", address + 16)


@pytest.mark.parametrize("wheel", [True, False])
@pytest.mark.parametrize("first", ["bibun", "scipy.linalg"])
def test_blas_is_found_without_importing_scipy_linalg(first, wheel):
    """And the package works as ever when it is imported before or after."""
    code = f"""
        import sys, numpy as np
        if {first!r} != "bibun":
            import scipy.linalg
        from bibun.compiler import libraries
        if not {wheel}:  # as where SciPy was built on a BLAS of the system's
            libraries._openblas = lambda: ()
        address = libraries.address
        assert address("dgemm") and address("dpotrf") and address("blas_set_num_threads")
        print("scipy.linalg" in sys.modules)
        import bibun, bibun.numpy as bnp
        x = np.eye(40) * 2
        assert float(bibun.jit(lambda x: bnp.sum(bnp.linalg.cholesky(x @ x)))(x)) == 80
        import scipy.linalg
        import scipy.linalg.cython_blas
        from scipy.linalg import cython_lapack
        assert scipy.linalg.cython_lapack is cython_lapack
        assert "dgemm" in scipy.linalg.cython_blas.__pyx_capi__
        assert (scipy.linalg.cholesky(x) == bnp.linalg.cholesky(x)).all()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert done.stdout.split() == [str(first != "bibun")], done.stderr
