"""`Array` itself: text, pickling, copying, and the cost of importing bibun."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.array import Array


@pytest.mark.parametrize("made,text", [
    (lambda: bnp.array([1.0, 2.5]), "Array([1. , 2.5], dtype=float64)"),
    (lambda: bnp.array(3), "Array(3, dtype=int64, weak=True)"),
    (lambda: bnp.zeros((0, 3)), "Array([], shape=(0, 3), dtype=float64)"),
    (lambda: bnp.array([True]), "Array([ True], dtype=bool)"),
    (lambda: bnp.array([[1], [2]]), "Array([[1],\n       [2]], dtype=int64)"),
])  # fmt: skip
def test_repr(made, text):
    assert repr(made()) == text


def test_str_is_numpys():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert str(bnp.array(x)) == str(x)
    assert str(bnp.array(2.5)) == "2.5"


@pytest.mark.parametrize("x", [np.float64(2.5), np.arange(6).reshape(2, 3).T, np.zeros((0, 2))])
def test_pickle(x):
    b = bnp.asarray(x)
    again = pickle.loads(pickle.dumps(b))
    assert isinstance(again, Array)
    assert again.dtype == b.dtype
    np.testing.assert_array_equal(np.asarray(again), x)


def test_pickle_keeps_weakness():
    assert pickle.loads(pickle.dumps(bnp.asarray(1.0))).weak


def test_copies_are_the_array():
    x = bnp.zeros(2)
    assert copy.copy(x) is x
    assert copy.deepcopy([x])[0] is x


def test_public_names():
    for name in bibun.__all__:
        assert getattr(bibun, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'spam'"):
        _ = bibun.spam


def test_import_is_light():
    code = "import bibun, sys; print(sorted({m.split('.')[0] for m in sys.modules}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(eval(out.stdout))
    assert not loaded & {"scipy", "llvmlite", "pandas", "jax"}
