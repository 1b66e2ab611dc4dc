"""`cluster.vq` against SciPy."""

import numpy as np
import pytest
from scipy.cluster.vq import vq as reference

import bibun
from bibun.errors import ShapeError
from bibun.scipy.cluster.vq import vq
from bibun.testing import check_grads


def test_vq():
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(20, 3)), rng.normal(size=(4, 3))
    for a, b in ((x, codes), (x[:, 0], codes[:, 0])):
        want = reference(a, b)
        for run in (vq, bibun.jit(vq)):
            code, distance = run(a, b)
            np.testing.assert_array_equal(code, want[0])
            np.testing.assert_allclose(distance, want[1])
    check_grads(lambda a, b: vq(a, b)[1], (x, codes), order=1)
    with pytest.raises(ShapeError, match="codes"):
        vq(x, codes[:, :2])
    with pytest.raises(ValueError, match="infinities"):
        vq(x * np.nan, codes)
