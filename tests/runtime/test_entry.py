"""The native way of a jitted function's calls: what it takes, what it leaves to the general
way, that both give the same, and that references are kept and given back."""

import collections
import functools
import gc
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bibun
import bibun.numpy as bnp
from bibun import tree
from bibun.runtime.context import contexts, idle
from bibun.runtime.layout import measure

pytestmark = pytest.mark.skipif(measure() is None, reason="no native entry on this Python")

Point = collections.namedtuple("Point", "x y")


def planned(f, *args):
    """`f` jitted, after calls that have given it a native way for arguments like these."""
    g = bibun.jit(f)
    for _ in range(2):
        g(*args)
    assert g.direct is not None
    return g


def general_way(g, monkeypatch):
    """Counts the calls that go the general way."""
    seen = []
    general = g.general
    monkeypatch.setattr(g, "general", lambda *a: (seen.append(1), general(*a))[1])
    return seen


def double(t):
    return tree.map(lambda x: x * 2, t)


A = bnp.array([1.0, 2.0, 3.0])
TREES = [
    A,
    (A, A),
    [A, (A, [A]), ()],
    {"b": A, "a": (A, 2.0)},
    Point(A, {"k": [A]}),
    (1.5, 3, True, None, A),
    (np.arange(3), np.float32(2) * np.ones((2, 2), np.float32)),
    [bnp.zeros((0, 3)), bnp.array(2.0), bnp.ones((2, 1, 2), bool)],
    bnp.array([1 + 2j]),
    (),
    {},
]


@pytest.mark.parametrize("t", TREES, ids=lambda t: type(t).__name__)
def test_trees_in_and_out(t, monkeypatch):
    g = planned(double, t)
    seen = general_way(g, monkeypatch)
    out = g(t)
    assert not seen
    expected = bibun.jit(lambda t: double(t))(t)  # a first call goes the general way
    assert tree.structure(out) == tree.structure(expected)
    for a, b in zip(tree.leaves(out), tree.leaves(expected), strict=True):
        assert (a.shape, a.dtype, a.weak) == (b.shape, b.dtype, b.weak)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


F = bnp.ones(3)
UNLIKE = [
    ((F, 1.0), (bnp.ones(4), 1.0)),
    ((F, 1.0), (bnp.ones((3, 1)), 1.0)),
    ((F, 1.0), (bnp.ones(3, bnp.float32), 1.0)),
    ((F, 1.0), (F, 1)),
    ((F, 1.0), (F, True)),
    ((F, 1.0), (F, F)),
    ((F, 1.0), (F, np.float64(1.0))),
    ((F, 1.0), (np.ones(3), 1.0)),
    ((F, 1.0), [F, 1.0]),
    ((F, 1.0), Point(F, 1.0)),
    (Point(F, 1.0), (F, 1.0)),
    ((F, 1.0), (F, 1.0, None)),
    ((F, None), (F, 1.0)),
    ([F, F], [F]),
    ({"a": F}, {"b": F}),
    ({"a": F}, {"a": F, "b": F}),
    ({"a": F}, {1: F}),
    (bnp.sum(F), 3.0),
    (2, 2**70),
]


@pytest.mark.parametrize(("first", "second"), UNLIKE)
def test_other_arguments_go_the_general_way(first, second, monkeypatch):
    g = planned(double, first)
    seen = general_way(g, monkeypatch)
    try:
        expected = double(second)
        if isinstance(second, int):
            raise OverflowError
    except OverflowError:
        with pytest.raises((OverflowError, ValueError)):
            g(second)
        return
    out = g(second)
    assert seen
    assert tree.structure(out) == tree.structure(expected)
    for a, b in zip(tree.leaves(out), tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(bnp.asarray(b)))
    np.testing.assert_array_equal(
        np.asarray(tree.leaves(g(first))[0]), np.asarray(tree.leaves(double(first))[0])
    )


def test_strided_and_misaligned_arrays():
    g = planned(lambda x: x + 1.0, np.ones(3))
    raw = np.zeros(25, np.uint8)
    odd = raw[1:].view(np.float64)
    odd[:] = [1, 2, 3]
    for x in (np.arange(9.0).reshape(3, 3)[:, 1], odd, np.arange(3.0)[::-1]):
        np.testing.assert_array_equal(np.asarray(g(x)), x + 1)
    swapped = np.arange(3.0).astype(">f8")
    np.testing.assert_array_equal(np.asarray(g(swapped)), np.arange(3.0) + 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans())
def test_python_numbers(n, x, flag):
    g = test_python_numbers.g
    a, b, c = g(n, x, flag)
    assert (int(a), float(b), bool(c)) == (n, x, flag)


test_python_numbers.g = bibun.jit(lambda n, x, b: (n, x, b))


def test_a_changed_setting_is_another_program():
    g = planned(lambda x: x / x, A)
    with bibun.config.config.using(debug_nans=True), pytest.raises(bibun.errors.NonFiniteError):
        g(bnp.zeros(3))
    assert bnp.isnan(g(bnp.zeros(3))).all()
    bibun.config.update("debug_nans", True)
    try:
        with pytest.raises(bibun.errors.NonFiniteError):
            g(bnp.zeros(3))
    finally:
        bibun.config.update("debug_nans", False)


def test_under_transformations():
    g = planned(lambda x: bnp.sum(x * x), A)
    np.testing.assert_array_equal(bibun.grad(g)(A), 2 * A)
    np.testing.assert_array_equal(bibun.vmap(g)(bnp.stack([A, A])), [14, 14])
    assert float(bibun.jit(lambda x: g(x) + 1)(A)) == 15


def test_guards_are_still_looked_at():
    class Model:
        scale = 2.0

        def f(self, x):
            return x * self.scale

    m = Model()
    m.scale = 3.0
    g = bibun.jit(m.f)
    for _ in range(20):
        assert float(g(1.0)) == 3.0
    m.scale = 5.0
    assert float(g(1.0)) == 5.0


def test_failures():
    g = planned(lambda x, i: x[i], A, 1)
    count = len(contexts)
    for _ in range(50):
        with pytest.raises(IndexError, match="7"):
            g(A, 7)
        assert float(g(A, 2)) == 3.0
    assert len(contexts) == count


def test_tapes_of_failed_calls_are_freed():
    def f(x, i):
        def body(s):
            return s[0] * x[i], s[1] + 1

        return bibun.lax.while_loop(lambda s: s[1] < 5, body, (1.0, 0))[0]

    g = bibun.jit(bibun.value_and_grad(f))
    for _ in range(20):
        g(A, 1)
        with pytest.raises(IndexError):
            g(A, 9)


def test_references_are_given_back():
    x = np.ones(3)
    pair = {"a": [x, 2.0], "b": None}
    g = planned(double, pair)
    gc.collect()
    before = sys.getrefcount(x), sys.getrefcount(x.dtype), sys.getrefcount(type(A))
    for _ in range(500):
        g(pair)
        g({"a": [x, 2], "b": None})
    gc.collect()
    after = sys.getrefcount(x), sys.getrefcount(x.dtype), sys.getrefcount(type(A))
    assert all(abs(a - b) < 200 for a, b in zip(before, after, strict=True))


def test_arrays_taken_out_of_a_list_while_native_code_reads_them():
    def f(xs):
        return bibun.lax.fori_loop(0, 3_000_000, lambda k, s: s + xs[0][k % 4], 0.0)

    xs = [bnp.arange(4.0)]
    g = planned(f, xs)
    expected = float(g(xs))
    results = []
    thread = threading.Thread(target=lambda: results.append(float(g(xs))))
    thread.start()
    while thread.is_alive():
        xs[0] = bnp.arange(4.0)
        gc.collect(0)
    thread.join()
    assert results == [expected]


def test_many_threads():
    g = planned(lambda t: (t[0] + t[1], t[1]), (A, 2.0))
    wrong = []

    def work(k):
        for i in range(400):
            a, b = g((A * k, float(i)))
            if not (np.asarray(a) == np.asarray(A) * k + i).all() or float(b) != i:
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(80)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert len(idle) == len(set(idle)) <= len(contexts)


def test_large_trees_and_no_arguments():
    many = [bnp.full(2, float(k)) for k in range(500)]
    g = planned(lambda t: bibun.tree.map(lambda x: x + 1, t), many)
    for k, out in enumerate(g(many)):
        np.testing.assert_array_equal(out, [k + 1, k + 1])
    constant = bnp.arange(3.0)
    h = planned(lambda: constant * 2)
    np.testing.assert_array_equal(h(), [0, 2, 4])


def test_results_that_need_rebuilding():
    g = planned(lambda x: {"z": x, "a": Point(x, (x, None))}, A)
    out = g(A)
    assert list(out) == ["z", "a"] or set(out) == {"z", "a"}
    assert isinstance(out["a"], Point)
    assert out["a"].y[1] is None


def test_ctrl_c_and_the_calls_after_it():
    code = """
        import os, signal, threading, bibun
        f = bibun.jit(lambda n: bibun.lax.fori_loop(0, n, lambda k, s: s + 1.0, 0.0))
        for _ in range(3): f(10)
        assert f.direct
        caught = 0
        for k in range(4):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            try: f(10**12)
            except KeyboardInterrupt: caught += 1
            assert float(f(10)) == 10
        print(caught)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=100
    )
    assert done.stdout.split() == ["4"], done.stderr


def test_on_a_new_machine_the_entry_waits(monkeypatch):
    """Compiling the entry is not worth a few calls; where it is stored, it comes at the second."""
    from bibun.runtime import entry

    monkeypatch.setattr(entry, "_stored", lambda: False)
    monkeypatch.setattr(entry, "entry_maker", functools.cache(lambda: None))
    monkeypatch.setattr(entry, "_spent", 0)
    assert [n for n in range(5000) if entry.entry_is_due(n, 3)] == [4096]
    assert [n for n in range(100) if entry.entry_is_due(n)] == [2, 4, 8, 16, 32, 64]
    monkeypatch.setattr(entry, "_spent", 0)
    assert not any(entry.entry_is_due(n) for n in range(100))
    monkeypatch.setattr(entry, "_stored", lambda: True)
    assert [n for n in range(100) if entry.entry_is_due(n)] == [2, 4, 8, 16, 32, 64]
