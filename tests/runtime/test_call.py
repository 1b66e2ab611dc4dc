"""Native calls: arrays in and out, failures, interrupts, callbacks, threads, fork."""

import functools
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import modules

from bibun.compiler import engine
from bibun.config import config
from bibun.errors import NonFiniteError
from bibun.ir.types import ArrayType
from bibun.runtime import entry
from bibun.runtime.call import NativeCall
from bibun.runtime.context import Callback

F3 = ArrayType((3,), np.dtype(np.float64))
I0 = ArrayType((), np.dtype(np.int64))


@functools.cache
def native(text):
    return engine.compile_module(text, "f", opt="O1")


@pytest.fixture(params=["fast", "portable"])
def add(request):
    call = NativeCall(native(modules.ADD), [F3, F3], [F3])
    call._entry = None if request.param == "portable" else call._plan()
    return call


X, Y = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])


def test_the_native_entry_is_there_on_cpython():
    assert entry.entry_maker() is not None


def test_values(add):
    (out,) = add([X, Y])
    np.testing.assert_array_equal(out, [11, 22, 33])
    assert out.flags.owndata
    assert out.flags.writeable
    with pytest.raises(TypeError, match="expected 2 arrays, got 1"):
        add([X])


def test_strided_and_misaligned_inputs_are_copied(add):
    strided = np.arange(9.0).reshape(3, 3)[:, 1]
    raw = np.zeros(25, np.uint8)
    odd = raw[1:].view(np.float64)
    odd[:] = [100, 200, 300]
    reverse = X[::-1]
    readonly = X.copy()
    readonly.flags.writeable = False
    for a in (strided, odd, reverse, readonly):
        np.testing.assert_array_equal(add([a, Y])[0], a + Y)
        np.testing.assert_array_equal(add([Y, a])[0], a + Y)


def test_more_arrays_than_a_context_starts_with():
    text = modules.HEAD + "".join(
        f"  %i{k} = getelementptr ptr, ptr %ins, i64 {k}\n  %a{k} = load ptr, ptr %i{k}\n"
        f"  %o{k} = getelementptr ptr, ptr %outs, i64 {k}\n  %b{k} = load ptr, ptr %o{k}\n"
        f"  %v{k} = load i64, ptr %a{k}\n  store i64 %v{k}, ptr %b{k}\n"
        for k in range(100)
    ) + "  ret i32 0\n}"  # fmt: skip
    call = NativeCall(native(text), [I0] * 100, [I0] * 100)
    assert [int(o) for o in call([np.array(k) for k in range(100)])] == list(range(100))


class FakeOp:
    name = "make_tape"


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("OUT_OF_MEMORY", MemoryError, "make_tape"),
        ("RAGGED_LIMIT", MemoryError, "make_tape.*12345.*ragged_memory_limit"),
        ("NONFINITE", NonFiniteError, "make_tape made a nan"),
        ("INTERRUPTED", KeyboardInterrupt, None),
    ],
)
def test_statuses_become_exceptions(code, error, words):
    call = NativeCall(native(modules.status(code)), [], [], {5: (FakeOp, {}, 0)})
    with config.using(ragged_memory_limit=12345), pytest.raises(error, match=words):
        call([])


def test_a_failed_check_is_raised_by_the_room_of_checks(monkeypatch):
    import types

    seen = []

    def raise_failure(op, params, payload, site):
        seen.append((op, params, payload, site))
        raise IndexError("from the room")

    room = types.ModuleType("bibun.ops.check")
    room.raise_failure = raise_failure
    monkeypatch.setitem(sys.modules, "bibun.ops.check", room)
    call = NativeCall(native(modules.FAIL), [], [], {5: (FakeOp, {"axis": 1}, 3)})
    with pytest.raises(IndexError, match="from the room"):
        call([])
    assert seen == [(FakeOp, {"axis": 1}, [7, 2.5, True, 2**64 - 1], 3)]


def test_unknown_status_is_a_bug_report():
    with pytest.raises(SystemError, match="status 1 for equation 9"):
        NativeCall(native(modules.status("FAILED", 9)), [], [])([])


def test_polling_finds_its_pace():
    call = NativeCall(native(modules.SPIN), [I0], [I0])
    start = time.perf_counter()
    (polls,) = call([np.array(400_000_000)])
    seconds = time.perf_counter() - start
    assert 2 <= polls <= 12 + 60 * seconds


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("opt", ["O1"])
def test_ctrl_c_leaves_native_code(opt):
    """Many interrupts in a row, each at another moment, in a process of their own."""
    code = f"""
        import os, signal, sys, threading, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import numpy as np
        from test_call import I0, NativeCall, modules, native
        call = NativeCall(native(modules.SPIN), [I0], [I0])
        caught = 0
        for k in range(8):
            threading.Timer(0.03 + 0.011 * k, os.kill, (os.getpid(), signal.SIGINT)).start()
            start = time.perf_counter()
            try:
                call([np.array(10**15)])
            except KeyboardInterrupt:
                caught += time.perf_counter() - start < 3
        print("caught", caught)
        print(call([np.array(1000)])[0] == 0)
        class Stop(Exception): pass
        def handler(*args): raise Stop("mine")
        signal.signal(signal.SIGINT, handler)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            call([np.array(10**15)])
        except Stop as e:
            print(e)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["caught", "8", "True", "mine"], done.stderr
    assert done.stderr == ""


def test_other_threads_run_while_native_code_does():
    call = NativeCall(native(modules.SPIN), [I0], [I0])
    worker = threading.Thread(target=call, args=([np.array(200_000_000)],))
    worker.start()
    turns = 0
    while worker.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 20


def test_callback():
    call = NativeCall(
        native(modules.callback(1)), [F3], [F3],
        callbacks=[Callback(lambda x: 1 / 0, [F3], [F3]), Callback(lambda x: [x * 2], [F3], [F3])],
    )  # fmt: skip
    np.testing.assert_array_equal(call([X])[0], X * 2)


def test_callback_without_results_gets_its_own_copy():
    kept = []
    call = NativeCall(native(modules.callback(0)), [F3], [],
                      callbacks=[Callback(kept.append, [F3], [])])  # fmt: skip
    x = X.copy()
    assert call([x]) == []
    x[:] = 0
    np.testing.assert_array_equal(kept[0], X)


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: 1 / 0, ZeroDivisionError, None),
        (lambda x: [x[:2]], ValueError, r"must return f64\[3\]"),
        (lambda x: [], TypeError, "must return 1 arrays, it returned 0"),
        (lambda x: sys.exit(3), SystemExit, "3"),
    ],
)
def test_errors_in_callbacks_are_raised_after_the_call(function, error, words):
    call = NativeCall(native(modules.callback(0)), [F3], [F3],
                      callbacks=[Callback(function, [F3], [F3])])  # fmt: skip
    for _ in range(3):
        with pytest.raises(error, match=words):
            call([X])


def test_calls_reenter_one_another():
    inner = NativeCall(native(modules.ADD), [F3, F3], [F3])

    def again(x, depth=[0]):  # noqa: B006
        depth[0] += 1
        return outer([x]) if depth[0] < 5 else inner([x, x])

    outer = NativeCall(native(modules.callback(0)), [F3], [F3],
                       callbacks=[Callback(again, [F3], [F3])])  # fmt: skip
    np.testing.assert_array_equal(outer([X])[0], 2 * X)


def test_many_threads_at_once(add):
    doubled = NativeCall(native(modules.callback(0)), [F3], [F3],
                         callbacks=[Callback(lambda x: [2 * x], [F3], [F3])])  # fmt: skip
    wrong = []

    def work(k):
        a = np.full(3, float(k))
        for i in range(300):
            if not (add([a, np.full(3, float(i))])[0] == k + i).all():
                wrong.append((k, i))
            if not (doubled([a])[0] == 2 * k).all():
                wrong.append((k, "callback"))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_results_of_raising_calls_do_not_leak_contexts():
    from bibun.runtime.context import contexts, idle

    call = NativeCall(native(modules.ADD), [F3, F3], [F3])
    call([X, Y])
    before = len(idle), len(contexts)
    for _ in range(50):
        call([X, Y])
    assert (len(idle), len(contexts)) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork():
    """A child calls what its parent compiled, and compiles for itself."""
    code = f"""
        import os, sys, threading
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import numpy as np
        from test_call import F3, X, Y, NativeCall, engine, modules, native
        call = NativeCall(native(modules.ADD), [F3, F3], [F3])
        call([X, Y])
        stop = []
        def compiling():
            while not stop:
                engine.compile_module(modules.ADD, "f", opt="O1")
        t = threading.Thread(target=compiling); t.start()
        good = 0
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                fresh = NativeCall(engine.compile_module(modules.ADD, "f"), [F3, F3], [F3])
                ok = (call([X, Y])[0] == X + Y).all() and (fresh([X, X])[0] == 2 * X).all()
                os._exit(0 if ok else 1)
            good += os.waitpid(pid, 0)[1] == 0
        stop.append(1); t.join()
        print("good", good)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["good", "5"], done.stderr
