"""What outlives a call is kept in memory that nobody else writes to."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.trace.core import settled

RAW = pytest.mark.parametrize("kept", [np.asarray, bnp.asarray], ids=["numpy", "asarray"])


@RAW
def test_jit_keeps_a_copy_of_writable_memory(kept):
    w = np.ones(3)
    array = kept(w)
    f = bibun.jit(lambda x: x + array)
    assert f(1.0).tolist() == [2.0, 2.0, 2.0]
    w[0] = 100.0
    assert f(1.0).tolist() == [2.0, 2.0, 2.0]


@RAW
def test_pullbacks_and_linear_maps_keep_copies(kept):
    w = np.array([1.0, 2.0, 3.0])
    _, pull = bibun.vjp(lambda x: x * kept(w), bnp.ones(3))
    _, push = bibun.linearize(lambda x: x * kept(w), bnp.ones(3))
    _, own = bibun.vjp(lambda x: x * x, kept(w))
    w[:] = -1.0
    assert pull(bnp.ones(3))[0].tolist() == [1.0, 2.0, 3.0]
    assert push(bnp.ones(3)).tolist() == [1.0, 2.0, 3.0]
    assert own(bnp.ones(3))[0].tolist() == [2.0, 4.0, 6.0]


def test_views_of_writable_memory_count_and_read_only_memory_is_shared():
    w = np.arange(6.0)
    view = w[::2]
    view.flags.writeable = False
    assert not np.shares_memory(settled(bnp.asarray(view))._value, w)
    w.flags.writeable = False
    assert np.shares_memory(settled(bnp.asarray(w))._value, w)
    made = bnp.ones(4) * 2
    assert settled(made) is made
