"""Lists beside bibun values: arrays to NumPy's functions, an error to bibun's."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp


def test_numpy_functions_take_lists() -> None:
    x = bnp.array([1.0, 2.0, 3.0])
    assert np.allclose(x, [1, 2, 3])
    assert np.array_equal([1, 2, 3], x)
    assert np.array_equal(np.maximum(x, [2, 2, 2]), [2, 2, 3])
    assert np.array_equal(np.where(x > 1, x, [7, 8, 9]), [7, 2, 3])
    assert isinstance(np.dot(x, [1, 1, 1]), bibun.Array)
    f = lambda x: np.dot(np.sin(x), [1.0, 2.0, 3.0])
    assert np.allclose(bibun.jit(bibun.grad(f))(x), np.cos([1, 2, 3]) * [1, 2, 3], rtol=1e-15)


def test_bibun_functions_do_not() -> None:
    with pytest.raises(TypeError, match=r"bibun.numpy.array\("):
        bnp.sin([1.0, 2.0])
    np.sin(bnp.ones(2))
    with pytest.raises(TypeError, match=r"bibun.numpy.array\("):
        bnp.add(bnp.ones(2), [1.0, 2.0])
