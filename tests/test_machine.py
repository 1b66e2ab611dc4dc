"""What programs written for JAX ask of the machine."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import random
from bibun.array import Array


def test_there_is_one_device() -> None:
    assert bibun.devices() == bibun.local_devices("cpu") == [bibun.default_backend()] == ["cpu"]
    assert bibun.device_count() == bibun.local_device_count() == bibun.process_count() == 1
    assert bibun.process_index() == 0
    with pytest.raises(RuntimeError, match="'gpu'"):
        bibun.devices("gpu")
    with pytest.raises(ValueError, match="'gpu'"):
        bibun.device_put(1.0, "gpu")


def test_arrays_there_and_back() -> None:
    mine = np.arange(3.0)
    there = bibun.device_put({"x": mine, "n": 2, "key": random.key(0)}, bibun.devices()[0])
    mine[0] = 9.0  # was copied
    assert isinstance(there["x"], Array) and float(there["x"][0]) == 0.0
    assert there["key"] == random.key(0)
    back = bibun.device_get({"x": there["x"]})
    assert type(back["x"]) is np.ndarray
    assert float(bibun.jit(lambda v: bnp.sum(bibun.device_put(v)))(there["x"])) == 3.0
    assert bibun.block_until_ready(there) is there
    assert bibun.typeof(there["x"]).shape == (3,)


def test_settings_for_a_block() -> None:
    with bibun.enable_x64(False):
        assert bnp.zeros(1).dtype == np.float32
    assert bnp.zeros(1).dtype == np.float64
    f = bibun.jit(lambda x: bnp.log(x))
    assert np.isnan(f(-1.0))
    with bibun.debug_nans(), pytest.raises(FloatingPointError, match="log"):
        f(-1.0)
    seen = []
    with bibun.disable_jit():
        bibun.jit(seen.append)(2.0)
    assert float(seen[0]) == 2.0
