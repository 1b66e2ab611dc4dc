"""The native way of calls against those who mean harm: classes that lie, collectors that run in
the middle, threads that come first together, settings that are nonsense, Python at its end."""

import collections
import gc
import subprocess
import sys
import textwrap
import threading
import tracemalloc
import warnings

import numpy as np
import optree
import pytest

import bibun
import bibun.numpy as bnp
from bibun import tree
from bibun.config import config
from bibun.runtime.layout import measure

pytestmark = pytest.mark.skipif(measure() is None, reason="no native entry on this Python")

A = bnp.array([1.0, 2.0, 3.0])


def alone(code):
    """What a program prints, in a process of its own, which must end well."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def always(f, *args, times=4):
    """The results of several calls: the first go the general way, the others the native one."""
    g = bibun.jit(f)
    return [g(*args) for _ in range(times)]


# what the general way converts -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i8", ">c16"])
def test_bytes_in_another_order(dtype):
    x = np.arange(3).astype(dtype)
    for out in always(lambda x: x + 1, x):
        np.testing.assert_array_equal(out, np.arange(3) + 1)


def test_defaults_of_32_bits():
    with_numbers = bibun.jit(lambda x, n, y: (x + 1, n + 1, y * 2))
    y = np.arange(3.0)  # 64 bits, which this program has not
    config.update("enable_x64", False)
    try:
        for _ in range(4):
            a, b, c = with_numbers(2.5, 3, y)
            assert (float(a), int(b)) == (3.5, 4)
            assert (a.dtype, b.dtype, c.dtype) == ("float32", "int32", "float32")
            np.testing.assert_array_equal(c, y * 2)
        with pytest.raises(OverflowError):
            with_numbers(2.5, 2**40, y)
    finally:
        config.update("enable_x64", True)
    assert with_numbers(2.5, 2**40, y)[1] == 2**40 + 1


@pytest.mark.parametrize(
    "value",
    [np.float64(3.0), np.float32(3.0), np.ma.masked_array([1.0, 2.0])],
    ids=lambda v: type(v).__name__,
)
def test_arrays_around_what_is_not_plainly_an_array(value):
    g = bibun.jit(lambda x: x * 2)
    plain = bnp.asarray(np.array(value))
    for _ in range(4):
        g(plain)  # makes the native way for arrays of this shape
    for _ in range(4):
        np.testing.assert_array_equal(g(bibun.Array(value)), np.asarray(value) * 2)


@pytest.mark.parametrize(
    "x",
    [-0.0, float("nan"), float("inf"), 5e-324, True, -(2**63), 2**63 - 1, None],
    ids=repr,
)
def test_numbers_at_the_edge(x):
    for out in always(lambda t: tree.map(lambda v: v, t), (x, [x])):
        if x is None:
            assert out == (None, [None])
        else:
            a = np.asarray(out[0])
            assert a.tobytes() == np.asarray(x).tobytes()


def test_subclasses_of_numbers_and_containers():
    class F(float):
        pass

    class T(tuple):
        __slots__ = ()

    g = bibun.jit(lambda x: tree.map(lambda v: v * 2, x))
    for _ in range(4):
        g(1.5)
        g((1.5,))
    assert float(g(np.float64(2.0))) == 4
    for x in (F(2.0), T((1.5,)), collections.OrderedDict(a=1.5)):
        try:
            expected = float(tree.leaves(bibun.jit(lambda x: tree.map(lambda v: v * 2, x))(x))[0])
        except TypeError:
            with pytest.raises(TypeError):
                g(x)
        else:
            assert float(tree.leaves(g(x))[0]) == expected


def test_empty_and_huge_shapes():
    for shape in [(0,), (3, 0, 2), (0, 10**9), (1,) * 30]:
        for out in always(lambda x: x + 1, np.ones(shape)):
            assert out.shape == shape
            assert (np.asarray(out) == 2).all()


def test_read_only_and_mapped_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "m", np.float64, "w+", shape=(4,))
    mapped[:] = 3
    fixed = np.arange(4.0)
    fixed.flags.writeable = False
    for x in (mapped, fixed, np.asarray(mapped)):
        for out in always(lambda x: x * 2, x):
            np.testing.assert_array_equal(out, np.asarray(x) * 2)


@pytest.mark.parametrize("value", [
    np.array(["a"]), np.array([object()]), np.array(["2020-01-01"], "M8[D]"),
    np.zeros(2, [("a", "f8")]), np.zeros(2, np.longdouble),
])  # fmt: skip
def test_dtypes_that_no_program_has(value):
    g = bibun.jit(lambda x: x)
    with pytest.raises((TypeError, bibun.errors.DTypeError)):
        g(value)
    for _ in range(4):
        g(np.zeros(2))
    with pytest.raises((TypeError, bibun.errors.DTypeError)):
        g(value)


# trees that are not what they seem ---------------------------------------------------------------


class Swapped(collections.namedtuple("Swapped", "x y")):
    pass


class HalfStatic(collections.namedtuple("HalfStatic", "x y")):
    pass


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tree.register_pytree_node(
        Swapped, lambda r: ((r.y, r.x), None), lambda _, c: Swapped(c[1], c[0])
    )
    tree.register_pytree_node(HalfStatic, lambda r: ((r.x,), r.y), lambda y, c: HalfStatic(c[0], y))


def test_named_tuples_registered_as_something_else():
    assert {float(v) for v in always(lambda p: p.x - p.y, Swapped(1.0, 5.0))} == {-4.0}
    g = bibun.jit(lambda p: p.x * 2 if p.y == 5 else p.x * 3)
    assert [float(g(HalfStatic(1.0, y))) for y in (5, 5, 5, 6, 5)] == [2, 2, 2, 3, 2]


@pytest.mark.parametrize("count", [0, 1, 3, 50])
def test_named_tuples_that_lie_about_their_items(count):
    class Liar(collections.namedtuple("Liar", "x y")):
        __slots__ = ()

        def __iter__(self):
            return iter([1.0] * count)

        def __len__(self):
            return count

    for out in always(lambda p: tuple.__getitem__(p, 0) - tuple.__getitem__(p, 1), Liar(9.0, 5.0)):
        assert float(out) == 4.0


def test_dicts_flattened_in_the_order_of_insertion():
    f = bibun.jit(lambda d: d["b"] - d["a"])
    with optree.dict_insertion_ordered(True, namespace=tree.NAMESPACE):
        for _ in range(4):
            assert float(f({"b": 1.0, "a": 5.0})) == -4
            assert float(f({"a": 5.0, "b": 1.0})) == -4
    for _ in range(4):
        assert float(f({"b": 1.0, "a": 5.0})) == -4
        assert float(f({"a": 5.0, "b": 1.0})) == -4


def test_keys_whose_comparison_takes_the_arguments_away():
    out = alone("""
        import gc, bibun, bibun.numpy as bnp
        A = bnp.ones(3)
        class Key:
            def __hash__(self): return hash("a")
            def __eq__(self, other):
                global junk
                outer.clear(); gc.collect(); junk = [{str(i): i} for i in range(1000)]
                return False
        g = bibun.jit(lambda t: t[0]["a"] * 2)
        for _ in range(3): g([{"a": A}])
        assert g.direct
        for _ in range(10):
            for more in ([], [A, A]):
                outer = [{Key(): A}, *more]
                try: g(outer)
                except (KeyError, TypeError, ValueError): pass
        print("alive")
    """)
    assert out == ["alive"]


def test_errors_of_keys_are_reported():
    class Key:
        def __hash__(self):
            return hash("a")

        def __eq__(self, other):
            raise RuntimeError("the key's own")

    g = bibun.jit(lambda t: t)
    for _ in range(3):
        g({"a": A})
    with pytest.raises(RuntimeError, match="the key's own"):
        g({Key(): A, "a": A})["a"]
    assert g({"a": A})["a"].shape == (3,)


# settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value", "error"), [
    ("ragged_memory_limit", 2**70, ValueError), ("ragged_memory_limit", "4G", TypeError),
    ("ragged_memory_limit", 1e9, TypeError), ("num_threads", 2**33, ValueError),
    ("num_threads", -3, ValueError), ("num_threads", True, TypeError),
    ("num_threads", None, TypeError), ("debug_nans", "no", TypeError),
    ("enable_x64", 64, TypeError), ("cache_dir", 3, TypeError),
])  # fmt: skip
def test_settings_that_native_code_cannot_have(name, value, error):
    before = config.read(name)
    with pytest.raises(error, match=name):
        config.update(name, value)
    with pytest.raises(error, match=name), config.using(**{name: value}):
        pass
    assert config.read(name) == before
    assert not config.overrides


def test_settings_of_numpy_numbers():
    with config.using(num_threads=np.int64(1), debug_nans=np.True_):
        assert config.num_threads == 1
        assert config.debug_nans is True
        assert float(bibun.jit(lambda x: bnp.sum(x))(bnp.ones(5000))) == 5000


# memory ------------------------------------------------------------------------------------------


def test_results_of_every_form_give_their_memory_back():
    forms = [
        lambda x: x, lambda x: (x, [x, (x,)], []), lambda x: {"a": x, "b": [x]},
        lambda x: [x] * 500, lambda x: (x[7], x),
    ]  # fmt: skip
    jitted = [bibun.jit(f) for f in forms]
    big = bnp.zeros(1000)

    def rounds(n):
        for g in jitted:
            for _ in range(n):
                g(big)

    rounds(3)
    assert all(g.direct for g in jitted)
    tracemalloc.start()
    rounds(2)
    before = tracemalloc.get_traced_memory()[0]
    rounds(20)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 4000  # one array of 1000 numbers takes 8000


def test_no_memory_for_the_results():
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "RLIMIT_AS") or sys.platform != "linux":
        pytest.skip("no limit on memory here")
    out = alone("""
        import gc, resource, bibun, bibun.numpy as bnp
        f = bibun.jit(lambda x: [bnp.full(1000, 1.0) * x] * 40 + [bnp.full(2_000_000, 1.0) * x])
        x = bnp.array(1.0)
        for _ in range(3): r = f(x)
        assert f.direct
        del r
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + (200 << 20), -1))
        for _ in range(4):
            results = []
            try:
                while True: results.append(f(x))
            except MemoryError: print(len(results))
    """)
    counts = [int(n) for n in out]
    assert len(counts) == 4
    assert 5 < min(counts) <= max(counts) <= min(counts) + 1


def test_the_collector_in_the_middle_of_results():
    out = alone("""
        import gc, bibun, bibun.numpy as bnp
        A = bnp.ones(3)
        f = bibun.jit(lambda xs: [(x + 1, [x + 2]) for x in xs])
        xs = [A] * 20
        for _ in range(3): f(xs)
        assert f.direct
        ran, held = [], []
        class Cycle:
            def __init__(self): self.me = self
            def __del__(self):
                ran.append([float(a[0]) for a, _ in f(xs)] == [2.0] * 20)
        gc.callbacks.append(lambda phase, info: held.append(
            [o for o in gc.get_objects() if type(o) is tuple and len(o) == 2]))
        gc.set_threshold(1)
        for _ in range(10):
            Cycle()
            assert [float(b[0][0]) for _, b in f(xs)] == [3.0] * 20
            held.clear()
        gc.callbacks.clear()
        print(len(ran) > 0 and all(ran))
    """)
    assert out == ["True"]


# threads, processes, the end ---------------------------------------------------------------------


def test_first_calls_in_many_threads_at_once():
    out = alone("""
        import gc, threading, bibun, bibun.numpy as bnp
        A = bnp.ones((60, 60))
        fs = [bibun.jit(lambda x, k=k: (x @ x)[0, 0] + k) for k in range(16)]
        start = threading.Barrier(16)
        def work(f):
            start.wait()
            for _ in range(3): f(A)
        threads = [threading.Thread(target=work, args=(f,)) for f in fs]
        for t in threads: t.start()
        for t in threads: t.join()
        gc.collect()
        junk = [bytearray(40) for _ in range(100000)]
        for k, f in enumerate(fs):
            assert f.direct
            assert float(f(A)) == 60 + k
        del fs, f, work, threads, t
        gc.collect()
        print("alive")
    """)
    assert out == ["alive"]


def test_calls_at_the_end_of_python():
    out = alone("""
        import builtins, sys, bibun, bibun.numpy as bnp
        A = bnp.ones(3)
        f = bibun.jit(lambda x: (x + 1, [x]))
        for _ in range(3): f(A)
        class Last:
            def __init__(self): self.entry, self.a, self.me = f.direct.entry, A, self
            def __del__(self):
                for _ in range(10): out = self.entry((self.a,))
                # (`print` may be gone)
                if type(out) is tuple and out[0]._value[0] == 2.0: write(b"x ")
        import os
        write = lambda text, fd=1, put=os.write: put(fd, text)
        cycle = Last()
        sys.kept = Last()
        builtins.kept = Last()
    """)
    assert set(out) <= {"x"}


def test_threads_left_running_at_the_end_of_python():
    out = alone("""
        import threading, time, bibun
        from bibun.lax import fori_loop
        f = bibun.jit(lambda n: fori_loop(0, n, lambda k, s: s + 1.0, 0.0))
        for _ in range(3): f(10)
        def many():
            while True: f(10000)
        for _ in range(3):
            threading.Thread(target=f, args=(10**12,), daemon=True).start()
            threading.Thread(target=many, daemon=True).start()
        time.sleep(0.2)
        print("end")
    """)
    assert out == ["end"]


def test_forgetting_traces_while_they_run():
    out = alone("""
        import threading, bibun
        from bibun.lax import fori_loop
        f = bibun.jit(lambda n: fori_loop(0, n, lambda k, s: s + 1.0, 0.0))
        for _ in range(3): f(10)
        stop = threading.Event()
        def forget():
            while not stop.wait(0.001): f.clear_cache()
        def run():
            for _ in range(100): assert float(f(1000)) == 1000
        other = threading.Thread(target=forget)
        other.start()
        threads = [threading.Thread(target=run) for _ in range(3)]
        for t in threads: t.start()
        for t in threads: t.join()
        stop.set()
        other.join()
        print("alive")
    """)
    assert out == ["alive"]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork")
def test_children_forked_while_calls_run():
    out = alone("""
        import os, threading, warnings, bibun
        warnings.simplefilter("ignore")
        from bibun.lax import fori_loop
        f = bibun.jit(lambda n: fori_loop(0, n, lambda k, s: s + 1.0, 0.0))
        g = bibun.jit(lambda x: x * 3)
        for _ in range(3): f(10)
        t = threading.Thread(target=f, args=(10**8,))
        t.start()
        for _ in range(3):
            pid = os.fork()
            if not pid:
                well = all(float(f(10)) == 10 and float(g(2.0)) == 6 for _ in range(4))
                os._exit(0 if well else 1)
            print(os.waitpid(pid, 0)[1])
        t.join()
    """)
    assert out == ["0"] * 3


def test_profilers_that_raise():
    f = bibun.jit(lambda x, y: (x + y, {"a": x}))
    for _ in range(3):
        f(A, 1.0)
    x = np.ones(3)
    g = bibun.jit(lambda x: x + 1)
    for _ in range(3):
        g(x)
    held = sys.getrefcount(x)

    def bad(*_):
        raise ValueError("profiler")

    for _ in range(50):
        sys.setprofile(bad)
        try:
            g(x)
        except ValueError:
            pass
        finally:
            sys.setprofile(None)
    assert abs(sys.getrefcount(x) - held) < 5
    assert float(f(A, 1.0)[0][0]) == 2


def test_callbacks_that_take_the_arguments_away():
    xs = []

    def take(v):
        xs.clear()
        gc.collect()
        return v

    f = bibun.jit(lambda xs: (bibun.pure_callback(take, xs[0], xs[0]), xs[1] * 2))
    for _ in range(8):
        xs[:] = [bnp.ones(3), bnp.ones(3) * 5]
        assert float(f(xs)[1][0]) == 10
        xs.append(1)


def test_calls_in_calls_in_many_threads():
    inner = bibun.jit(lambda x: x + 1)
    outer = bibun.jit(
        lambda x: bibun.pure_callback(lambda v: np.asarray(inner(v)) * 2, x, x) + inner(x)
    )
    for _ in range(3):
        outer(A)
    assert outer.direct is not None
    wrong = []

    def work():
        for _ in range(20):
            if not (np.asarray(outer(A)) == 3 * (np.asarray(A) + 1)).all():
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_callbacks_without_end():
    deep = True

    def back(x):
        return np.asarray(f(x)) if deep else x

    f = bibun.jit(lambda x: bibun.pure_callback(lambda x: back(x), x, x))
    deep = False
    for _ in range(3):
        f(A)
    assert f.direct is not None
    deep = True
    limit = sys.getrecursionlimit()
    try:
        for more in range(0, 40, 3):  # the stack ends in each of the frames of a turn
            sys.setrecursionlimit(limit + more)
            with pytest.raises(RecursionError):
                f(A)
    finally:
        sys.setrecursionlimit(limit)
    deep = False
    np.testing.assert_array_equal(f(A), A)
