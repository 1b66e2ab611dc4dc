"""Threads of a call: the same results from any number, gone when Python is visited or forked."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.config import config

SIZE = 400_001


def several_regions(x):
    """Three loops that wait for one another, sums in between."""
    y = bnp.sin(x) * bnp.exp(-x * x)
    y = bnp.cos(y + bnp.sum(y)) / (1.0 + bnp.tanh(x))
    return bnp.log1p(bnp.exp(y - bnp.max(y))), bnp.sum(y)


def inputs():
    return bnp.asarray(np.random.default_rng(0).normal(size=SIZE))


def results(f, x, threads):
    with config.using(num_threads=threads):
        return [np.asarray(o) for o in f(x)]


def test_any_number_of_threads_gives_the_same_bits():
    f, x = bibun.jit(several_regions), inputs()
    assert f.lower(x).as_text("llvm").count("call void @bibun.fork") >= 3
    first = results(f, x, 1)
    for threads in (2, 3, 16, 100):
        for _ in range(20):
            for a, b in zip(results(f, x, threads), first, strict=True):
                np.testing.assert_array_equal(a, b)


def test_calls_from_many_threads_each_with_a_team():
    f, x = bibun.jit(several_regions), inputs()
    first = results(f, x, 1)
    wrong = []

    def call():
        for _ in range(10):
            for a, b in zip(results(f, x, 4), first, strict=True):
                if not np.array_equal(a, b):
                    wrong.append(a)

    callers = [threading.Thread(target=call) for _ in range(6)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert not wrong


def products(x, w):
    for _ in range(4):
        x = bnp.tanh(x @ w)
    return x, bnp.sum(x)


def test_products_in_pieces():
    rng = np.random.default_rng(1)
    x, w = bnp.asarray(rng.normal(size=(256, 256))), bnp.asarray(rng.normal(size=(256, 256)) / 16)
    f = bibun.jit(products)
    assert "call void @bibun.fork" in f.lower(x, w).as_text("llvm")
    expected = products(np.asarray(x), np.asarray(w))
    for threads in (1, 2, 7):
        with config.using(num_threads=threads):
            out = f(x, w)
        np.testing.assert_allclose(np.asarray(out[0]), np.asarray(expected[0]), rtol=1e-9)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted by Linux")
def test_no_thread_is_left_while_python_runs_or_after():
    counts = []

    def count(x):
        counts.append(len(os.listdir("/proc/self/task")))
        return x

    @bibun.jit
    def f(x):
        y = bnp.sin(x) * bnp.exp(x)
        s = bibun.pure_callback(count, bibun.ShapeDtypeStruct((), np.dtype(float)), bnp.sum(y))
        return bnp.cos(y * s) * bnp.tanh(y), s

    x = inputs()
    with config.using(num_threads=4):
        f(x)
        counts.clear()
        before = len(os.listdir("/proc/self/task"))
        for _ in range(5):
            f(x)
    assert counts == [before] * 5
    assert len(os.listdir("/proc/self/task")) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_in_a_callback_goes_on():
    code = """
        import os, sys, numpy as np, bibun, bibun.numpy as bnp
        bibun.config.config.update("num_threads", 4)
        x = bnp.linspace(0.0, 1.0, 400_001)
        children = []

        def fork(s):
            if "ready" in globals():
                pid = os.fork()
                children.append(pid)
            return s

        @bibun.jit
        def f(x):
            y = bnp.sin(x) * bnp.exp(x)
            s = bibun.pure_callback(fork, bibun.ShapeDtypeStruct((), np.dtype(float)), bnp.sum(y))
            return bnp.sum(bnp.cos(y * s) * bnp.tanh(y))

        expected = float(f(x))
        ready = True
        right = float(f(x)) == expected
        if children[-1] == 0:
            os._exit(0 if right else 1)
        print(right, os.waitpid(children[-1], 0)[1])
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-X", "faulthandler", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "0"], done.stderr[-2000:]
