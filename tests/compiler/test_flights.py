"""Threads that want the same thing at once: one makes it."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.compiler import engine
from bibun.compiler.flights import Flights
from bibun.config import config


def at_once(n, work):
    """What `work` returned or raised in each of n threads that start together."""
    gate, results = threading.Barrier(n), []

    def run():
        gate.wait()
        try:
            results.append(work())
        except Exception as e:
            results.append(e)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert len(results) == n
    return results


def test_one_thread_makes_what_all_get() -> None:
    flights, made, slow = Flights(), [], threading.Event()

    def make():
        made.append(1)
        slow.wait(0.3)
        return object()

    assert len(set(map(id, at_once(5, lambda: flights.share("k", make))))) == 1
    assert len(made) == 1
    assert flights.share("k", lambda: 3) == 3  # nothing is kept


def test_an_error_is_everybodys_own() -> None:
    flights = Flights()

    def fail():
        threading.Event().wait(0.1)
        raise ValueError("no")

    found = at_once(4, lambda: flights.share("k", fail))
    assert all(isinstance(e, ValueError) for e in found) and len(set(map(id, found))) == 4
    assert flights.share("k", lambda: 3) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_wait_for_a_thread_that_it_does_not_have() -> None:
    flights, inside, leave = Flights(), threading.Event(), threading.Event()

    def make():
        inside.set()
        leave.wait(30)
        return 1

    t = threading.Thread(target=flights.share, args=("k", make))
    t.start()
    inside.wait(30)
    pid = os.fork()
    if pid == 0:
        os._exit(7 if flights.share("k", lambda: 2) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    leave.set()
    t.join(30)


def test_threads_compile_a_program_once(monkeypatch) -> None:
    compiled = []
    original = engine.compile_object

    def counting(*args, **kwargs):
        compiled.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(engine, "compile_object", counting)
    f = bibun.jit(
        lambda x: bnp.sum((2 + bnp.sin(x)) ** bnp.arctan(x + bnp.cosh(x - 5) * bnp.ones(7)))
    )

    def call():
        with config.using(cache_dir=""):
            return float(f(bnp.arange(7.0)))

    found = at_once(6, call)
    x = np.arange(7.0)
    np.testing.assert_allclose(found, np.sum((2 + np.sin(x)) ** np.arctan(x + np.cosh(x - 5))))
    assert len(compiled) == 1
