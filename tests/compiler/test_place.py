"""Objects placed in memory without LLVM's linker: the same results, and refusals in time."""

import ctypes
import os
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun.compiler import engine, link, place
from bibun.compiler.libraries import address

pytestmark = pytest.mark.skipif(not place.ENABLED, reason="Linux on x86-64 only")

TEXT = """
@table = private unnamed_addr constant [4 x double] [double 1.0, double 2.0, double 4.0, double 8.0]
declare double @tgamma(double)
define internal double @inner(i64 %i) noinline {
  %p = getelementptr double, ptr @table, i64 %i
  %x = load double, ptr %p
  ret double %x
}
define double @f(double %x, i64 %i) {
  %t = call double @inner(i64 %i)
  %g = call double @tgamma(double %x)
  %y = fmul double %t, %g
  %z = fadd double %y, 0.125
  ret double %z
}
"""


def outside(data):
    return link.resolve(link.undefined_symbols(data))


def test_code_constants_and_outside_functions():
    data = engine.compile_object(TEXT)
    at, code = place.place(data, "f", outside(data))
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int64)(at)
    for i, factor in enumerate((1, 2, 4, 8)):
        assert function(5.0, i) == 24.0 * factor + 0.125
    del code


def test_the_linker_of_llvm_agrees():
    @bibun.jit
    def f(x):
        y = bnp.sort((bnp.sin(x) + bnp.exp(-x * x)).ravel())
        det = bnp.linalg.det(x @ x.T)
        return bibun.lax.fori_loop(0, 5, lambda k, s: s * 0.5 + y[k] + det, 0.0)

    x = np.random.default_rng(0).normal(size=(6, 6))
    text = f.lower(x).as_text("llvm")
    data = engine.compile_object(text)
    placed = place.place(data, "bibun_main", outside(data))
    assert placed is not None
    at, code = engine.link(data, "bibun_main", outside(data))
    assert at != placed[0]


def test_protection():
    data = engine.compile_object(TEXT)
    at, code = place.place(data, "f", outside(data))
    with open("/proc/self/maps") as maps:
        for line in maps:
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            if low <= at < high:
                assert line.split()[1].startswith("r-x")
                return
    raise AssertionError("the code is not mapped")


def test_code_is_unmapped_with_its_last_reference():
    data = engine.compile_object(TEXT)

    def maps():
        with open("/proc/self/maps") as file:
            return sum(1 for _ in file)

    place.place(data, "f", outside(data))
    before = maps()
    kept = [place.place(data, "f", outside(data)) for _ in range(50)]
    assert maps() > before
    del kept
    assert maps() <= before + 4


@pytest.mark.parametrize(
    "text",
    [
        "@g = global i64 3\ndefine i64 @f() {\n  %x = load i64, ptr @g\n  ret i64 %x\n}",
        "declare void @free(ptr)\ndefine ptr @f() {\n  ret ptr @free\n}",
    ],
    ids=["writable data", "address of an outside function"],
)
def test_what_is_not_placed_goes_to_llvm(text):
    data = engine.compile_object(text)
    assert place.place(data, "f", outside(data)) is None
    native = link.load_object(data, "f")
    out = ctypes.CFUNCTYPE(ctypes.c_int64)(native.address)()
    assert out == (3 if "global" in text else address("free"))


FORBIDDEN = """
    import ctypes, bibun, bibun.numpy as bnp, numpy as np
    from bibun.compiler import engine, link, place
    from bibun.errors import CompileError
    x = np.ones(3)
    f = bibun.jit(lambda x: bnp.sin(x) * 2)
    {before}
    PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
    if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
        print("unsupported")
    else:
        {after}
"""


@pytest.mark.parametrize(("before", "after", "printed"), [
    ("f(x)", "print(all((f(x) == 2 * np.sin(x)).all() for _ in range(4)))", "True"),
    ("pass", "print(all((f(x) == 2 * np.sin(x)).all() for _ in range(4)))", "True"),
    ("del place.os.memfd_create", """
        try: f(x)
        except CompileError as e: print("MemoryDenyWriteExecute" in str(e))""", "True"),
    ("data = engine.compile_object('@g = global i64 3 define ptr @f() { ret ptr @g }')", """
        try: link.load_object(data, "f")
        except CompileError as e: print("MemoryDenyWriteExecute" in str(e))""", "True"),
], ids=["warm", "cold", "no files", "LLVM"])  # fmt: skip
def test_where_memory_may_not_become_code(before, after, printed, tmp_path):
    code = textwrap.dedent(FORBIDDEN).format(before=before, after=after)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, "BIBUN_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
    if done.stdout.split() == ["unsupported"]:
        pytest.skip("an older kernel")
    assert done.stdout.split() == [printed]


def test_unknown_entries_and_damage():
    data = engine.compile_object(TEXT)
    assert place.place(data, "g", outside(data)) is None
    rng = np.random.default_rng(0)
    names = outside(data)
    for _ in range(300):  # nothing is run: placing must end, whatever the bytes are
        damaged = bytearray(data)
        for at in rng.integers(0x28, len(data), size=3):
            damaged[at] = rng.integers(256)
        place.place(bytes(damaged), "f", names)
    for n in range(0, len(data), 97):
        place.place(data[:n], "f", names)
    assert place.place(data[:18] + struct.pack("<H", 183) + data[20:], "f", names) is None


def test_a_warm_program_does_not_load_llvm(tmp_path):
    code = f"""
        import sys, numpy as np
        import bibun, bibun.numpy as bnp
        bibun.config.update("cache_dir", {str(tmp_path)!r})
        f = bibun.jit(bibun.vmap(bibun.grad(lambda x: bnp.sin(x) * x)))
        for _ in range(3):
            out = f(np.linspace(0, 1, 100))
        print(float(out[50]), "llvmlite" in sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    runs = [subprocess.run(command, capture_output=True, text=True) for _ in range(2)]
    (first, cold), (second, warm) = (r.stdout.split() for r in runs)
    assert first == second
    assert (cold, warm) == ("True", "False"), runs[1].stderr
